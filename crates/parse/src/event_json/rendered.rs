//! The event's own XML rendered as JSON: by the crate `evtx` (ours), by other converters, by Datadog's agent and OpenWEC. Attributes are
//! `#attributes`, `@Name`, `$`, or plain members, and `Event` around it may be missing. Events in XML are read through it, too.

use super::json::Json;
use super::{WindowsEvent, level, message, time};
use std::borrow::Cow;

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let event = json.get("Event").unwrap_or(json);
    let system = event.get("System")?;
    let stamp = system
        .get("TimeCreated")
        .and_then(|time| attribute(time, "SystemTime"));
    let provider = system
        .get("Provider")
        .and_then(|provider| attribute(provider, "Name"));
    let word = system.text_at(&["Level"]).and_then(|text| level(&text));
    let rendering = |name| event.text_at(&["RenderingInfo", name]);
    let data = ["EventData", "UserData", "ProcessingErrorData"];
    let mut event_read = WindowsEvent {
        time: stamp.map(|text| time::read(&text)).unwrap_or_default(),
        host: system.text_at(&["Computer"]).unwrap_or_default(),
        channel: system.text_at(&["Channel"]).unwrap_or_default(),
        provider: provider.unwrap_or_default(),
        event_id: number(system.get("EventID")?)?,
        record_id: system.number_at(&["EventRecordID"]),
        level: word.or_else(|| level(&rendering("Level")?)),
        data: data
            .iter()
            .find_map(|name| event.get(name))
            .map(Json::values)
            .unwrap_or_default(),
    };
    if event_read.data.is_empty()
        && let Some(text) = rendering("Message").or_else(|| json.text_at(&["Message"]))
    {
        message::add(&mut event_read, &text);
    }
    Some(event_read)
}

/// An id as text, number, element with qualifiers, or object with a value.
fn number(id: &Json<'_>) -> Option<u32> {
    let names = ["value", "Value", "id", "Id"];
    let text = id
        .text()
        .or_else(|| names.iter().find_map(|name| id.text_at(&[name])))?;
    text.trim().parse().ok()
}

/// An attribute of an element, or the element's own text where the converter left nothing else.
fn attribute<'a>(element: &Json<'a>, name: &str) -> Option<Cow<'a, str>> {
    element.attribute(name).or_else(|| element.text())
}
