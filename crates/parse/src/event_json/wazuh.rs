//! Wazuh: the event's parts under `data.win.system`, its values beside them under `eventdata`.

use super::json::Json;
use super::{WindowsEvent, flat, message};

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let win = json.at(&["data", "win"]).or_else(|| json.get("win"))?;
    let system = win.get("system")?;
    let data = win.get("eventdata").map(Json::values).unwrap_or_default();
    let mut event = flat::parts(system)?.event(Vec::new())?;
    if !data.is_empty() {
        event.data = data;
    } else if let Some(text) = system.text_at(&["message"]) {
        event.data.clear();
        message::add(&mut event, &text);
    }
    Some(event)
}
