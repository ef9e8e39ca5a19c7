//! The event's own XML rendered as JSON, as the crate `evtx` and its kin do: ours, and files that people made with them.

use super::json::Json;
use super::{WindowsEvent, level, time};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let event = json.get("Event")?;
    let system = event.get("System")?;
    let attribute = |element: &str, name: &str| system.text_at(&[element, "#attributes", name]);
    let stamp = attribute("TimeCreated", "SystemTime");
    let data = ["EventData", "UserData", "ProcessingErrorData"];
    Some(WindowsEvent {
        time: stamp.map(|text| time::read(&text)).unwrap_or_default(),
        host: system.text_at(&["Computer"]).unwrap_or_default(),
        channel: system.text_at(&["Channel"]).unwrap_or_default(),
        provider: attribute("Provider", "Name").unwrap_or_default(),
        event_id: system.number_at(&["EventID"])?,
        record_id: system.number_at(&["EventRecordID"]),
        level: system.text_at(&["Level"]).and_then(|text| level(&text)),
        data: data
            .iter()
            .find_map(|name| event.get(name))
            .map(Json::values)
            .unwrap_or_default(),
    })
}
