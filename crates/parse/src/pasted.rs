//! Text that went through people's hands: web pages, mails, chats, search results, spreadsheets.
//!
//! On the way blanks are collapsed or replaced, lines get something put before them, are wrapped or run together, letters are
//! escaped or made prettier. What is exact stays with the exact readers; this one is chosen once for a file, by [`judge`], and from then
//! on a chunk's format says so: records, places and identities are those of the text as it stands, and only what
//! rules look at is repaired.

mod glyph;
mod head;
mod judge;
mod stamp;
mod text;
mod wrap;

use crate::head::Head;
use crate::record::MAX_RECORD_BYTES;
use event::Format;
use head::Read;

pub(crate) use head::WINDOW_BYTES;
pub(crate) use judge::judge;
pub(crate) use text::readings;

/// Length of the record at the start of `rest`, whether it is cut, and whether it has a head.
pub(crate) fn measure(rest: &str, format: Format) -> (usize, bool, bool) {
    let own = head::at_line_start(rest, format);
    let mut is_cut = false;
    let mut end = own.map_or(0, |own| own.message);
    while let Some((place, found)) = start_after(rest, end, format) {
        let is_rest = found.is_piece
            && own.is_some_and(|own| {
                own.head.component == "CSI"
                    && (own.head.level, own.head.logged) == (found.head.level, found.head.logged)
            });
        if !is_rest || place > MAX_RECORD_BYTES {
            return (place, is_cut, own.is_some());
        }
        is_cut = true;
        end = place + found.message;
    }
    (rest.len(), is_cut, own.is_some())
}

/// Whether a record surely starts at the start of `line`, whatever stands before it.
pub(crate) fn is_sure_start(line: &str, format: Format) -> bool {
    head::at_line_start(line, format).is_some_and(|found| !found.is_piece)
}

/// Where records surely start in a text that starts with one, its start not counted; ascending.
pub(crate) fn sure_starts(text: &str, format: Format) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..).filter(|rest| !rest.is_empty())?;
        let (length, ..) = measure(rest, format);
        at += length;
        (at < text.len()).then_some(at)
    })
    .filter(move |start| {
        text.get(*start..)
            .is_some_and(|line| is_sure_start(line, format))
    })
}

/// Whether a head starts here.
pub(crate) fn starts(line: &str, format: Format) -> bool {
    head::at_line_start(line, format).is_some()
}

/// Reads the head at the start of a record; returns it with the place where the message starts.
pub(crate) fn read(record: &str, format: Format) -> Option<(Head<'_>, usize)> {
    head::at_line_start(record, format).map(|found| (found.head, found.message))
}

/// Whether the record's own head is that of the rest of a CSI record.
pub(crate) fn is_orphan(record: &str, format: Format) -> bool {
    head::at_line_start(record, format).is_some_and(|found| found.is_piece)
}

/// The first head behind the one at the start of `rest`.
fn next_start(rest: &str, format: Format) -> Option<(usize, Read<'_>)> {
    let from = head::at_line_start(rest, format).map_or(0, |found| found.message);
    start_after(rest, from, format)
}

/// The first head behind `from`: at the start of a line, or a whole one within one.
fn start_after(rest: &str, from: usize, format: Format) -> Option<(usize, Read<'_>)> {
    let bytes = rest.as_bytes();
    for (at, byte) in bytes.iter().copied().enumerate().skip(from) {
        let place = match byte {
            b'\n' => at + 1,
            b'\r' if bytes.get(at + 1) != Some(&b'\n') => at + 1,
            _ if byte.is_ascii_digit() => at,
            _ => continue,
        };
        let text = rest.get(place..)?;
        let found = if place == at {
            head::in_line(text, format)
        } else {
            head::at_line_start(text, format)
        };
        if let Some(found) = found.filter(|_| place > 0) {
            return Some((place, found));
        }
        // A record ends there in any case.
        if at > from.max(MAX_RECORD_BYTES) + WINDOW_BYTES {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests;
