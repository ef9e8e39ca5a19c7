//! The form that all others are brought into; also read back, as people paste it from a report.

use super::json::Json;
use super::{WindowsEvent, level, time};
use std::fmt::Write;

impl WindowsEvent<'_> {
    /// The canonical line, without a line end.
    pub fn to_line(&self) -> String {
        let mut line = String::with_capacity(512);
        // Writing to a String cannot fail.
        let _ = self.write_head(&mut line);
        line.push_str(",\"data\":{");
        for (index, (name, value)) in self.data.iter().enumerate() {
            if index > 0 {
                line.push(',');
            }
            push_text(&mut line, name);
            line.push(':');
            push_text(&mut line, value);
        }
        line.push_str("}}");
        line
    }

    fn write_head(&self, line: &mut String) -> std::fmt::Result {
        line.push_str("{\"ts_utc\":");
        match self.time.utc() {
            Some(utc) => write!(line, "\"{utc}\"")?,
            None => line.push_str("null"),
        }
        if let (None, Some(logged)) = (self.time.utc(), self.time.logged()) {
            write!(line, ",\"ts_local\":\"{logged}\"")?;
        }
        for (key, value) in [
            (",\"host\":", &self.host),
            (",\"channel\":", &self.channel),
            (",\"provider\":", &self.provider),
        ] {
            line.push_str(key);
            push_text(line, value);
        }
        write!(line, ",\"event_id\":{}", self.event_id)?;
        match self.record_id {
            Some(id) => write!(line, ",\"record_id\":{id}")?,
            None => line.push_str(",\"record_id\":null"),
        }
        match self.level_word() {
            Some(word) => write!(line, ",\"level\":\"{word}\""),
            None => write!(line, ",\"level\":null"),
        }
    }
}

/// Appends a JSON string. Few have anything to escape.
fn push_text(line: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        line.push('"');
        line.push_str(text);
        line.push('"');
    } else {
        line.push_str(&serde_json::Value::from(text).to_string());
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
