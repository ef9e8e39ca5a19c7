//! Shapes that write an event's parts side by side, each under a name of its own: Get-WinEvent and Get-EventLog with ConvertTo-Json,
//! Winlogbeat 6, Azure Monitor, EvtxECmd, GELF, OpenWEC's and Kibana's flat forms. [`super::fields`] knows the names.

use super::WindowsEvent;
use super::fields::{Field, Fields, field};
use super::json::Json;
use std::borrow::Cow;

/// Where such shapes keep the values: the first that holds some counts.
const DATA: [&str; 11] = [
    "event_data",
    "EventData",
    "eventdata",
    "user_data",
    "UserData",
    "userdata",
    "Properties",
    "properties",
    "ReplacementStrings",
    "StringInserts",
    "Payload",
];

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let fields = parts(json)?;
    let values = DATA.iter().filter_map(|name| json.get(name));
    let values = values.map(values_of).find(|values| !values.is_empty());
    fields.event(values.unwrap_or_default())
}

/// The parts of a map that is surely about an event: any log may have a time and a level.
pub(super) fn parts<'a>(json: &Json<'a>) -> Option<Fields<'a>> {
    let Json::Map(map) = json else { return None };
    let mut fields = Fields::default();
    let (mut is_sure, mut has_id, mut has_origin) = (false, false, false);
    for (name, value) in map {
        let Some(found) = field(name) else { continue };
        match found {
            (Field::Id, rank) => {
                has_id = true;
                is_sure |= rank < 2;
            }
            (Field::Provider | Field::Channel, 0) | (Field::Level, 0) => has_origin = true,
            (Field::EntryType | Field::InstanceId, _) => has_origin = true,
            _ => {}
        }
        if let Some(text) = plain(value) {
            fields.set(found, text);
        }
    }
    (is_sure || (has_id && has_origin) || (has_origin && fields.get(Field::InstanceId).is_some()))
        .then_some(fields)
}

/// A text; of a map the part that PowerShell or a shipper keeps it in.
fn plain<'a>(value: &Json<'a>) -> Option<Cow<'a, str>> {
    // Kibana's answers hold each value in a list of its own.
    if let Json::List(items) = value
        && let [only] = items.as_slice()
    {
        return only.text();
    }
    value.text().or_else(|| {
        ["name", "Name", "value", "DateTime", "id"]
            .iter()
            .find_map(|name| value.get(name)?.text())
    })
}

/// Values by name, or `param1` and on for lists of values or of `{"Value":…}`.
fn values_of<'a>(data: &Json<'a>) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    // PowerShell wraps a list that it did not make itself.
    let data = data
        .get("value")
        .filter(|inner| matches!(inner, Json::List(_)))
        .unwrap_or(data);
    let Json::List(items) = data else {
        if data.is_map() {
            return data.values();
        }
        // EvtxECmd keeps the values as a text of JSON, and no message beside them. Of other texts the message says the same.
        let text = data.text().unwrap_or_default();
        let inner = Json::read(&text).filter(Json::is_map);
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        let values = inner.as_ref().map(Json::values).unwrap_or_default();
        return values
            .into_iter()
            .map(|(name, value)| (owned(name), owned(value)))
            .collect();
    };
    let texts = items
        .iter()
        .map(|item| item.text().or_else(|| item.get("Value")?.text()));
    match texts.collect::<Option<Vec<_>>>() {
        Some(texts) => texts
            .into_iter()
            .enumerate()
            .map(|(place, text)| (Cow::Owned(format!("param{}", place + 1)), text))
            .collect(),
        None => data.values(),
    }
}
