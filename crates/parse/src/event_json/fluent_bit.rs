//! Fluent Bit's input `winevtlog`. Its stamps have whole seconds, and by default it loses the names of values.

use super::json::Json;
use super::{WindowsEvent, level, time};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let provider = json.text_at(&["ProviderName"])?;
    let is_filled = |data: &&Json<'a>| !data.values().is_empty();
    let data = ["EventData", "StringInserts"]
        .iter()
        .filter_map(|name| json.get(name))
        .find(is_filled)
        .map(Json::values);
    Some(WindowsEvent {
        time: json
            .text_at(&["TimeCreated"])
            .map(|text| time::read(&text))
            .unwrap_or_default(),
        host: json.text_at(&["Computer"]).unwrap_or_default(),
        channel: json.text_at(&["Channel"]).unwrap_or_default(),
        provider,
        event_id: json.number_at(&["EventID"])?,
        record_id: json.number_at(&["EventRecordID"]),
        level: json.text_at(&["Level"]).and_then(|text| level(&text)),
        data: data.unwrap_or_default(),
    })
}
