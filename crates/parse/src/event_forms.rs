//! Events of Windows event logs in the forms that people copy and export: objects over several lines, XML, blocks of `label: value`, rows.
//!
//! Their records need not be lines: [`elements`] says where one ends, from its own first letter on, so that cuts between records change none.
//! One file per form; each makes the same [`WindowsEvent`] as a line of JSON.

pub(crate) mod elements;
mod labelled;
mod rows;
mod xml;

pub(crate) use xml::unescaped;

use crate::event_json::{self, WindowsEvent, json::Json};
use event::Format;

/// Whether a record starts at the start of `text`, which is one where a record before it ended.
pub(crate) fn starts(text: &str, format: Format) -> bool {
    match format {
        Format::EventObjects => text.starts_with('{'),
        Format::EventXml => xml::starts(text),
        Format::EventText => labelled::starts(text),
        Format::EventCsv => !text.trim_start().is_empty(),
        _ => false,
    }
}

/// The event that a record is; nothing for what lies between events, and for what is not understood.
pub(crate) fn read(record: &str, format: Format) -> Option<WindowsEvent<'_>> {
    let mut event = match format {
        Format::EventJson => return event_json::read(record),
        Format::EventObjects => return event_json::from_json(&Json::read_first(record)?),
        Format::EventXml => xml::read(record),
        Format::EventText => labelled::read(record),
        Format::EventCsv => rows::read(record),
        _ => None,
    }?;
    event.settle();
    Some(event)
}

/// Whether a record that [`read`] makes nothing of tells of an event all the same.
pub(crate) fn tells_of_event(record: &str, format: Format) -> bool {
    match format {
        Format::EventXml => xml::starts(record),
        Format::EventText => labelled::starts(record),
        Format::EventCsv => rows::tells_of_event(record),
        _ => event_json::tells_of_event(record),
    }
}

/// The form of a text that holds events in one of these forms, and how many of its first events can be read.
pub(crate) fn judge(text: &str) -> Option<Format> {
    let start = text.trim_start_matches('\u{FEFF}').trim_start();
    let is_json = event_json::is_json(start);
    let candidates: &[Format] = if is_json {
        &[Format::EventObjects]
    } else {
        &[Format::EventText, Format::EventXml, Format::EventCsv]
    };
    candidates.iter().copied().find(|format| {
        // What is found behind a long stretch of other text is no copy of events.
        crate::records(text, *format)
            .take(FIRST_RECORDS)
            .any(|record| {
                record
                    .event()
                    .is_some_and(|event| event.lacks() != Some("provider"))
            })
    })
}

/// Records looked at for an event: a search may answer with a head of its own, an export begins with a row of names.
const FIRST_RECORDS: usize = 20;

#[cfg(test)]
mod tests;
