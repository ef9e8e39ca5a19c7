//! Vector's source `windows_event_log`.

use super::json::Json;
use super::{WindowsEvent, level, time};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let provider = json.text_at(&["provider_name"])?;
    let word = json
        .text_at(&["level_value"])
        .or_else(|| json.text_at(&["level"]));
    let is_filled = |data: &&Json<'a>| !data.values().is_empty();
    // Names are in one of the maps; classic events have only their inserts, by position.
    let data = ["event_data", "user_data", "string_inserts"]
        .iter()
        .filter_map(|name| json.get(name))
        .find(is_filled)
        .map(Json::values);
    Some(WindowsEvent {
        time: json
            .text_at(&["timestamp"])
            .map(|text| time::read(&text))
            .unwrap_or_default(),
        host: json
            .text_at(&["computer"])
            .or_else(|| json.text_at(&["host"]))
            .unwrap_or_default(),
        channel: json.text_at(&["channel"]).unwrap_or_default(),
        provider,
        event_id: json.number_at(&["event_id"])?,
        record_id: json.number_at(&["record_id"]),
        level: word.and_then(|text| level(&text)),
        data: data.unwrap_or_default(),
    })
}
