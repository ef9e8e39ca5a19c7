//! Events as rows of values: Event Viewer's exports, PowerShell's `Export-Csv`, EvtxECmd.
//!
//! A row is read without the row of names, which stands in the first chunk only: exports in full are known by where their values stand, others by
//! what their values look like. Where that is not sure the row is said to be half understood.

use crate::event_json::fields::{Field, Fields, field};
use crate::event_json::{EventTime, full_name};
use crate::event_json::{WindowsEvent, json::Json, level, time};
use std::borrow::Cow;

/// Cells looked at; EvtxECmd has the most, 25, `Get-WinEvent` 27.
const CELLS: usize = 64;

/// Whether a row that is not read is one of an event: not the row of names, a blank line or a note.
pub(crate) fn tells_of_event(row: &str) -> bool {
    let cells = cells(row);
    cells.len() > 2 && !is_names(&cells) && !row.starts_with('#')
}

/// Two names of an event's parts make a row of names.
fn is_names(cells: &[Cow<'_, str>]) -> bool {
    cells
        .iter()
        .filter(|cell| field(cell.trim()).is_some())
        .count()
        >= 2
}

pub(crate) fn read(row: &str) -> Option<WindowsEvent<'_>> {
    let cells = cells(row);
    if cells.len() < 3 || is_names(&cells) {
        return None;
    }
    if let Some(layout) = LAYOUTS.iter().find(|layout| layout.fits(&cells)) {
        return layout.read(&cells);
    }
    by_values(&cells)
}

/// Where the values of a full export stand.
struct Layout {
    cells: std::ops::RangeInclusive<usize>,
    places: &'static [(Field, usize)],
    /// Values as JSON.
    payload: Option<usize>,
}

const LAYOUTS: [Layout; 4] = [
    // EvtxECmd.
    Layout {
        cells: 20..=30,
        places: &[
            (Field::RecordId, 1),
            (Field::Time, 2),
            (Field::Id, 3),
            (Field::Level, 4),
            (Field::Provider, 5),
            (Field::Channel, 6),
            (Field::Host, 9),
        ],
        payload: Some(24),
    },
    // Get-WinEvent.
    Layout {
        cells: 25..=30,
        places: &[
            (Field::Message, 0),
            (Field::Id, 1),
            (Field::Level, 4),
            (Field::RecordId, 8),
            (Field::Provider, 9),
            (Field::Channel, 11),
            (Field::Host, 14),
            (Field::Time, 16),
        ],
        payload: None,
    },
    // Get-EventLog.
    Layout {
        cells: 14..=17,
        places: &[
            (Field::Id, 0),
            (Field::Host, 1),
            (Field::RecordId, 3),
            (Field::EntryType, 6),
            (Field::Message, 7),
            (Field::Provider, 8),
            (Field::Time, 11),
        ],
        payload: None,
    },
    // Event Viewer.
    Layout {
        cells: 5..=7,
        places: &[
            (Field::Level, 0),
            (Field::Time, 1),
            (Field::Provider, 2),
            (Field::Id, 3),
            (Field::Message, 5),
        ],
        payload: None,
    },
];

impl Layout {
    /// Whether time and id stand where they should. A time that may be of two days is one all the same.
    fn fits(&self, cells: &[Cow<'_, str>]) -> bool {
        let at = |wanted| {
            let mut places = self.places.iter();
            let place = places.find(|(field, _)| *field == wanted);
            place.and_then(|(_, place)| cells.get(*place))
        };
        self.cells.contains(&cells.len())
            && at(Field::Time).is_some_and(|cell| is_stamp(cell))
            && at(Field::Id).is_some_and(|cell| is_number(cell))
            && at(Field::Provider).is_some_and(|cell| !is_number(cell) && !is_stamp(cell))
    }

    fn read<'a>(&self, cells: &[Cow<'a, str>]) -> Option<WindowsEvent<'a>> {
        let mut fields = Fields::default();
        for (field, place) in self.places {
            if let Some(cell) = cells.get(*place) {
                fields.set((*field, 0), cell.clone());
            }
        }
        let payload = self.payload.and_then(|place| cells.get(place));
        let values = payload.map(|payload| values(payload)).unwrap_or_default();
        fields.event(values)
    }
}

/// The values in a cell of JSON.
fn values<'a>(payload: &str) -> Vec<(Cow<'a, str>, Cow<'a, str>)> {
    let Some(json) = Json::read(payload) else {
        return Vec::new();
    };
    let data = ["EventData", "UserData"]
        .iter()
        .find_map(|name| json.get(name));
    data.unwrap_or(&json)
        .values()
        .into_iter()
        .map(|(name, value)| {
            (
                Cow::Owned(name.into_owned()),
                Cow::Owned(value.into_owned()),
            )
        })
        .collect()
}

/// A row of chosen properties: one time, one number, and the longest text is the message.
fn by_values<'a>(cells: &[Cow<'a, str>]) -> Option<WindowsEvent<'a>> {
    let mut fields = Fields::default();
    let stamps: Vec<_> = cells.iter().filter(|cell| is_stamp(cell)).collect();
    let numbers: Vec<_> = cells.iter().filter(|cell| is_number(cell)).collect();
    let ([stamp, ..], [id]) = (stamps.as_slice(), numbers.as_slice()) else {
        return None;
    };
    fields.set((Field::Time, 0), (*stamp).clone());
    fields.set((Field::Id, 0), (*id).clone());
    let others = cells
        .iter()
        .filter(|cell| !is_stamp(cell) && !is_number(cell) && !cell.trim().is_empty());
    for cell in others.clone() {
        if level(cell.trim()).is_some() {
            fields.set((Field::Level, 0), cell.clone());
        } else if is_provider(cell) {
            fields.set((Field::Provider, 0), cell.clone());
        }
    }
    if let Some(message) = others.max_by_key(|cell| cell.len())
        && message.trim().contains(' ')
    {
        fields.set((Field::Message, 0), message.clone());
    }
    fields.event(Vec::new())
}

fn is_number(cell: &str) -> bool {
    let cell = cell.trim();
    (1..=9).contains(&cell.len()) && cell.bytes().all(|byte| byte.is_ascii_digit())
}

/// A time, also one whose day may be its month.
fn is_stamp(cell: &str) -> bool {
    let cell = cell.trim();
    let looks = || {
        cell.starts_with(|c: char| c.is_ascii_digit())
            && cell.contains(':')
            && cell.matches(['/', '.', '-']).count() >= 2
            && cell.chars().filter(char::is_ascii_digit).count() >= 9
    };
    cell.len() <= 40 && (time::read(cell) != EventTime::Unknown && !is_number(cell) || looks())
}

fn is_provider(cell: &str) -> bool {
    let name = Cow::Borrowed(cell.trim());
    let full = full_name(&name);
    full.starts_with("Microsoft-Windows-") && !full.contains(['/', ' ']) || full != name
}

/// The cells of a row, at the separator that makes most of them.
fn cells(row: &str) -> Vec<Cow<'_, str>> {
    let row = row
        .trim_start_matches('\u{FEFF}')
        .trim_end_matches(['\r', '\n', '\0']);
    let splits = [',', ';', '\t'].map(|separator| split(row, separator));
    splits.into_iter().max_by_key(Vec::len).unwrap_or_default()
}

fn split(row: &str, separator: char) -> Vec<Cow<'_, str>> {
    let mut cells = Vec::new();
    let mut rest = Some(row);
    while let Some(text) = rest
        && cells.len() < CELLS
    {
        let (cell, after) = match text.strip_prefix('"') {
            Some(quoted) => quoted_cell(quoted, separator),
            None => match text.split_once(separator) {
                Some((cell, after)) => (Cow::Borrowed(cell), Some(after)),
                None => (Cow::Borrowed(text), None),
            },
        };
        cells.push(cell);
        rest = after;
    }
    cells
}

/// A cell between quotes, two of which are one, and what follows its separator.
fn quoted_cell(text: &str, separator: char) -> (Cow<'_, str>, Option<&str>) {
    let mut from = 0;
    while let Some(quote) = text.get(from..).and_then(|rest| rest.find('"')) {
        let quote = from + quote;
        let after = text.get(quote + 1..).unwrap_or_default();
        if after.starts_with('"') {
            from = quote + 2;
            continue;
        }
        let cell = text.get(..quote).unwrap_or_default();
        let cell = if from > 0 {
            Cow::Owned(cell.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(cell)
        };
        let next = after.split_once(separator).map(|(_, next)| next);
        return (cell, next);
    }
    (Cow::Borrowed(text), None)
}
