//! Events as blocks of `label: value`: what Event Viewer copies, `wevtutil` prints, PowerShell's `Format-List` and Splunk show.

use super::xml;
use crate::event_json::WindowsEvent;
use crate::event_json::fields::{Field, Fields, field};
use std::borrow::Cow;

/// Width of the column of labels in which PowerShell shows all of an event's properties; of some, it is narrower.
const ALL_OF_WINEVENT: usize = 21;
const ALL_OF_EVENTLOG: usize = 19;

/// Whether a block starts at this line: at the label that Event Viewer and `wevtutil` have first, or at that which PowerShell has first.
pub(crate) fn starts(text: &str) -> bool {
    let mut lines = text.lines();
    let Some(line) = lines.next().and_then(Line::read) else {
        return false;
    };
    if !line.is_padded {
        let is_old = line.label.eq_ignore_ascii_case("Event Type");
        return is_old || matches!(field(line.label), Some((Field::Channel, 0)));
    }
    match line.label {
        "TimeCreated" => line.width < ALL_OF_WINEVENT,
        "Message" => line.width >= ALL_OF_WINEVENT,
        "EventID" => line.width >= ALL_OF_EVENTLOG,
        // Among all properties it is followed by others.
        "Index" => lines
            .next()
            .is_some_and(|next| next.trim_start().starts_with("EntryType")),
        _ => false,
    }
}

pub(crate) fn read(record: &str) -> Option<WindowsEvent<'_>> {
    // Event Viewer copies the event's XML, too, which says more.
    if let Some(at) = record.find("<Event ")
        && let Some(event) = record.get(at..).and_then(xml::read)
    {
        return Some(event);
    }
    let mut fields = Fields::default();
    let mut message: Vec<&str> = Vec::new();
    let mut rank = None;
    let mut is_open = false;
    let mut is_padded = false;
    for line in record.lines() {
        // A message goes on to the block's end, or in PowerShell's lists to the next label.
        let read = Line::read(line).filter(|line| !is_open || (is_padded && line.is_padded));
        let known = read.and_then(|line| Some((field(line.label)?, line)));
        match (known, read) {
            (Some((found @ (Field::Message, _), line)), _) => {
                message.clear();
                message.push(line.value);
                (rank, is_open, is_padded) = (Some(found), true, line.is_padded);
            }
            (Some((found, line)), _) => {
                is_open = false;
                fields.set(found, Cow::Borrowed(line.value));
            }
            (None, Some(_)) => is_open = false,
            (None, None) if is_open => message.push(line.trim()),
            (None, None) => {}
        }
    }
    // `wevtutil` writes the number of the next event before its block.
    while message
        .last()
        .is_some_and(|line| line.is_empty() || line.starts_with("Event["))
    {
        message.pop();
    }
    if let Some(rank) = rank {
        fields.set(rank, Cow::Owned(message.join(" ")));
    }
    fields.event(Vec::new())
}

/// A line `label: value` or `label   : value`, or `label=value` as Splunk writes.
#[derive(Clone, Copy)]
struct Line<'a> {
    label: &'a str,
    value: &'a str,
    /// Blanks stand before the colon, as PowerShell writes.
    is_padded: bool,
    /// Bytes before the colon.
    width: usize,
}

impl<'a> Line<'a> {
    /// Longest label with its blanks.
    const WIDEST: usize = 60;

    fn read(line: &'a str) -> Option<Self> {
        let inner =
            line.trim_start_matches([' ', '\t', '>', '|', '\u{3000}', '\u{A0}', '\u{FEFF}']);
        let is_splunk = inner
            .split_once('=')
            .is_some_and(|(label, _)| label.bytes().all(|byte| byte.is_ascii_alphabetic()));
        let border = if is_splunk {
            inner.find('=')?
        } else {
            inner.find([':', '：'])?
        };
        let (before, after) = inner.split_at_checked(border)?;
        let label = before.trim_end();
        if label.is_empty() || before.len() > Self::WIDEST {
            return None;
        }
        // PowerShell's labels are single words of English; French puts a blank before its colons.
        let is_word = label.bytes().all(|byte| byte.is_ascii_alphanumeric());
        let is_padded = is_word && label.len() < before.len();
        // In lists of PowerShell the lines of a message stand further in than its labels.
        if is_padded && line.starts_with("  ") {
            return None;
        }
        Some(Self {
            label,
            value: after.trim_start_matches([':', '：', '=']).trim(),
            is_padded,
            width: before.len(),
        })
    }
}
