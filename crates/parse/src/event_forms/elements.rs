//! Where the record at the start of a text ends, in forms whose records are not lines: from its first letter alone, so that a text cut
//! between records reads the same.
//!
//! Letters come as units of the source's own encoding, so that cuts are exact in its bytes. What is no ASCII is all the same here.

use event::{Format, TextEncoding};

/// Whether records of this form are found here.
pub(crate) fn are_in(format: Format) -> bool {
    matches!(
        format,
        Format::EventObjects | Format::EventXml | Format::EventCsv
    )
}

/// Bytes of the record at the start of `source`; nothing where its end is not seen.
pub(crate) fn first(format: Format, encoding: TextEncoding, source: &[u8]) -> Option<usize> {
    let (pairs, _) = source.as_chunks::<2>();
    match encoding {
        TextEncoding::Utf8 | TextEncoding::Evtx => end(format, source.iter().copied()),
        TextEncoding::Gb18030 => end(format, Gb18030::new(source)),
        TextEncoding::Utf16le => {
            end(format, pairs.iter().map(|[low, high]| ascii(*high, *low))).map(|units| 2 * units)
        }
        TextEncoding::Utf16be => {
            end(format, pairs.iter().map(|[high, low]| ascii(*high, *low))).map(|units| 2 * units)
        }
    }
}

/// Stands for a letter beyond ASCII.
const OTHER: u8 = 0x80;

fn ascii(high: u8, low: u8) -> u8 {
    if high == 0 { low } else { OTHER }
}

/// Bytes of GB18030, in which the second byte of a letter may look like ASCII.
struct Gb18030<'a> {
    bytes: std::slice::Iter<'a, u8>,
    /// Bytes of the letter that are still to come.
    left: usize,
}

impl<'a> Gb18030<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes: bytes.iter(),
            left: 0,
        }
    }
}

impl Iterator for Gb18030<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let byte = *self.bytes.next()?;
        if self.left > 0 {
            self.left -= 1;
            return Some(OTHER);
        }
        if byte.is_ascii() {
            return Some(byte);
        }
        // A digit as the second byte makes a letter of four.
        let second = self.bytes.as_slice().first();
        self.left = match second {
            Some(b'0'..=b'9') => 3,
            Some(0x40..=0xFE) => 1,
            _ => 0,
        };
        Some(OTHER)
    }
}

fn end(format: Format, mut units: impl Iterator<Item = u8>) -> Option<usize> {
    match format {
        Format::EventObjects => Object::default().end(&mut units),
        Format::EventXml => next_event(&mut units),
        Format::EventCsv => row(&mut units),
        _ => None,
    }
}

/// A row: up to a line end outside of quotes. A quote counts only where a cell starts: `5" disk` is text.
fn row(units: &mut impl Iterator<Item = u8>) -> Option<usize> {
    let (mut is_start, mut is_quoted) = (true, false);
    let mut length = 0;
    let mut before = 0;
    for unit in units {
        length += 1;
        match unit {
            b'"' if is_quoted => is_quoted = false,
            // Two quotes in a quoted cell are one of its letters.
            b'"' if is_start || before == b'"' => is_quoted = true,
            b'\n' if !is_quoted => return Some(length),
            _ => {}
        }
        is_start = !is_quoted && matches!(unit, b',' | b';' | b'\t');
        before = unit;
    }
    None
}

/// Up to the next `<Event`, which may stand in the middle of a line.
fn next_event(units: &mut impl Iterator<Item = u8>) -> Option<usize> {
    const TAG: &[u8] = b"<Event";
    let (mut seen, mut length) = (0, 0_usize);
    for unit in units {
        let is_tag =
            seen == TAG.len() && matches!(unit, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/');
        if is_tag && length > TAG.len() {
            return Some(length - TAG.len());
        }
        seen = match TAG.get(seen) {
            Some(wanted) if *wanted == unit => seen + 1,
            _ => usize::from(unit == b'<'),
        };
        length += 1;
    }
    None
}

/// An object with what separates it from the next one, or a stretch of other text.
#[derive(Default)]
struct Object {
    depth: usize,
    is_text: bool,
    is_escaped: bool,
    /// The first letters of the last text.
    text: Vec<u8>,
    /// The last unit that is no blank and stands outside of texts.
    before: u8,
    /// Names in the outermost object so far.
    names: usize,
    /// A list of events seems to start: the next object tells.
    is_list: bool,
}

/// Names of lists that hold events, by how deep they lie: answers of searches and of interfaces, and exports made of XML.
const LISTS: [(usize, &[u8]); 17] = [
    (1, b"value"),
    (1, b"records"),
    (1, b"events"),
    (1, b"event"),
    (1, b"results"),
    (1, b"result"),
    (1, b"items"),
    (1, b"logs"),
    (1, b"entries"),
    (1, b"rows"),
    (1, b"messages"),
    (1, b"alerts"),
    (1, b"hits"),
    (2, b"hits"),
    (2, b"event"),
    (2, b"events"),
    (2, b"results"),
];

/// Letters kept of a name: no list's name is longer.
const NAME_BYTES: usize = 16;

impl Object {
    fn end(mut self, units: &mut impl Iterator<Item = u8>) -> Option<usize> {
        let (mut is_object, mut is_closed, mut length) = (false, false, 0);
        for unit in units {
            if length == 0 {
                is_object = unit == b'{';
            } else if !is_object {
                if unit == b'{' {
                    return Some(length);
                }
            } else if is_closed {
                if !matches!(unit, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n') {
                    return Some(length);
                }
            } else if self.is_list && unit == b'{' {
                return Some(length);
            }
            length += 1;
            if is_object && !is_closed {
                self.take(unit);
                is_closed = self.depth == 0;
            }
        }
        None
    }

    fn take(&mut self, unit: u8) {
        if self.is_text {
            match unit {
                _ if self.is_escaped => self.is_escaped = false,
                b'\\' => self.is_escaped = true,
                b'"' => {
                    self.is_text = false;
                    self.before = b'"';
                }
                unit if self.text.len() < NAME_BYTES => {
                    self.text.push(unit.to_ascii_lowercase());
                }
                _ => {}
            }
            return;
        }
        match unit {
            b' ' | b'\t' | b'\r' | b'\n' => return,
            b'"' => {
                self.is_text = true;
                self.text.clear();
            }
            b':' => self.names += usize::from(self.depth == 1),
            b'{' => self.depth += 1,
            b'[' => {
                // `data` is a list of values in many an event, and of events only as the first of all.
                let is_known = LISTS.contains(&(self.depth, self.text.as_slice()))
                    || (self.depth == 1 && self.names == 1 && self.text == b"data");
                self.is_list = self.before == b':' && is_known;
                self.depth += 1;
                self.before = unit;
                return;
            }
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.is_list = false;
        self.before = unit;
    }
}
