//! The OpenTelemetry Collector's receiver `windowseventlog`: the body of its log record, alone or under `body`.

use super::json::Json;
use super::{WindowsEvent, level, time};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let body = json
        .get("body")
        .filter(|body| body.is_map())
        .unwrap_or(json);
    let provider = body.text_at(&["provider", "name"])?;
    let data = ["event_data", "user_data"]
        .iter()
        .find_map(|name| body.get(name));
    let values = match data.and_then(|data| data.get("data")) {
        // Older releases: a list of maps with one value each, beside what they call the element.
        Some(list) => list.values(),
        None => data.map(Json::values).unwrap_or_default(),
    };
    Some(WindowsEvent {
        time: body
            .text_at(&["system_time"])
            .map(|text| time::read(&text))
            .unwrap_or_default(),
        host: body.text_at(&["computer"]).unwrap_or_default(),
        channel: body.text_at(&["channel"]).unwrap_or_default(),
        provider,
        event_id: body.number_at(&["event_id", "id"])?,
        record_id: body.number_at(&["record_id"]),
        level: body.text_at(&["level"]).and_then(|text| level(&text)),
        data: values,
    })
}
