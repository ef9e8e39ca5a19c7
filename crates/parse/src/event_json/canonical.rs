//! The form that all others are brought into; also read back, as people paste it from a report.

use super::json::Json;
use super::{WindowsEvent, level, time};

impl WindowsEvent<'_> {
    /// The canonical line, without a line end.
    pub fn to_line(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let mut line = String::from("{\"ts_utc\":");
        match self.time.utc() {
            Some(utc) => line.push_str(&format!("\"{utc}\"")),
            None => line.push_str("null"),
        }
        if let (None, Some(logged)) = (self.time.utc(), self.time.logged()) {
            line.push_str(&format!(",\"ts_local\":\"{logged}\""));
        }
        for (name, value) in [
            ("host", &self.host),
            ("channel", &self.channel),
            ("provider", &self.provider),
        ] {
            line.push_str(&format!(",\"{name}\":{}", text(value)));
        }
        line.push_str(&format!(",\"event_id\":{}", self.event_id));
        match self.record_id {
            Some(id) => line.push_str(&format!(",\"record_id\":{id}")),
            None => line.push_str(",\"record_id\":null"),
        }
        match self.level_word() {
            Some(word) => line.push_str(&format!(",\"level\":\"{word}\"")),
            None => line.push_str(",\"level\":null"),
        }
        line.push_str(",\"data\":{");
        for (index, (name, value)) in self.data.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            line.push_str(&text(name));
            line.push(':');
            line.push_str(&text(value));
        }
        line.push_str("}}");
        line
    }
}

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let data = json.get("data")?;
    if !data.is_map() || json.get("ts_utc").is_none() {
        return None;
    }
    let stamp = json
        .text_at(&["ts_utc"])
        .or_else(|| json.text_at(&["ts_local"]));
    Some(WindowsEvent {
        time: stamp.map(|text| time::read(&text)).unwrap_or_default(),
        host: json.text_at(&["host"]).unwrap_or_default(),
        channel: json.text_at(&["channel"]).unwrap_or_default(),
        provider: json.text_at(&["provider"])?,
        event_id: json.number_at(&["event_id"])?,
        record_id: json.number_at(&["record_id"]),
        level: json.text_at(&["level"]).and_then(|text| level(&text)),
        data: data.values(),
    })
}
