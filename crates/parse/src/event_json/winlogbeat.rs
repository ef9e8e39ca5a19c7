//! Winlogbeat 7 and later (ECS), also through Logstash.

use super::json::Json;
use super::{WindowsEvent, level, message, time};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let winlog = json.get("winlog")?;
    let stamp = json.text_at(&["@timestamp"]);
    let host = winlog
        .text_at(&["computer_name"])
        .or_else(|| json.text_at(&["host", "name"]));
    let provider = winlog
        .text_at(&["provider_name"])
        .or_else(|| json.text_at(&["event", "provider"]));
    // `event.code` is the same number as a text.
    let event_id = winlog
        .number_at(&["event_id"])
        .or_else(|| json.number_at(&["event", "code"]));
    let word = json
        .text_at(&["log", "level"])
        .or_else(|| winlog.text_at(&["level"]));
    // An event has one of them, never both.
    let data = winlog
        .get("event_data")
        .or_else(|| winlog.get("user_data"))
        .map(Json::values);
    let mut event = WindowsEvent {
        time: stamp.map(|text| time::read(&text)).unwrap_or_default(),
        host: host.unwrap_or_default(),
        channel: winlog.text_at(&["channel"]).unwrap_or_default(),
        provider: provider?,
        event_id: event_id?,
        record_id: winlog.number_at(&["record_id"]),
        level: word.and_then(|text| level(&text)),
        data: data
            .unwrap_or_default()
            .into_iter()
            .filter(|(name, _)| name != "xml_name")
            .collect(),
    };
    if let Some(text) = json.text_at(&["message"]) {
        message::add(&mut event, &text);
    }
    Some(event)
}
