//! What of a log is sent next: whole records, and the last one as open where nothing follows it.

use event::{Format, Source, TextEncoding};
use parse::{Cutter, Piece};
use std::path::PathBuf;

/// A run of bytes of one log that is to be sent, as `send::Part` wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// The log.
    pub log: u32,
    /// The kind of log.
    pub source: Source,
    /// The sender's half of the stream's identity.
    pub first_record: u64,
    /// First byte.
    pub offset: u64,
    /// The last record may go on.
    pub open: bool,
    /// What the bytes are encoded in.
    pub encoding: TextEncoding,
    /// How records are laid out.
    pub format: Format,
    /// Where the log lies.
    pub path: PathBuf,
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where reading goes on once it is acknowledged.
    pub(crate) resume: u64,
    /// The newest record of an event log in it.
    pub(crate) record: u64,
    /// How the log's content begins, as far as this body shows it.
    pub(crate) head: Vec<u8>,
    /// The bytes before its end.
    pub(crate) tail: Vec<u8>,
    /// What the log was known by when it was made: it is acknowledged for no other content.
    pub(crate) end_before: u64,
}

impl Body {
    /// The place after its last byte.
    pub fn end(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

/// What of a run of bytes may go out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Bytes that are sent.
    pub(crate) length: usize,
    /// Where the last record of them starts, if it is open; else their end.
    pub(crate) resume: usize,
    pub(crate) open: bool,
}

/// How bytes are read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub(crate) encoding: TextEncoding,
    pub(crate) format: Format,
    /// Of the first byte.
    pub(crate) offset: u64,
}

/// Wished size of a piece; the intake cuts again.
const PIECE_BYTES: usize = 64 * 1024;

/// Cuts bytes behind which the log goes on: whole records only, none if the first is not complete.
pub(crate) fn cut_middle(how: How, bytes: &[u8]) -> Cut {
    let mut pieces = Vec::new();
    let mut cutter = Cutter::new(how.encoding, how.format, how.offset, PIECE_BYTES);
    cutter.push(bytes, &mut pieces);
    let length = length(&pieces);
    Cut {
        length,
        resume: length,
        open: false,
    }
}

/// Cuts the bytes up to the log's end. Lines that are not complete are left, unless nobody writes any more.
pub(crate) fn cut_end(how: How, bytes: &[u8], is_final: bool) -> Cut {
    let length = if is_final {
        bytes.len()
    } else {
        complete_lines(how.encoding, bytes)
    };
    let sent = bytes.get(..length).unwrap_or(bytes);
    let mut pieces = Vec::new();
    // One piece a record: the last of them is what may go on.
    let mut cutter = Cutter::new(how.encoding, how.format, how.offset, 1);
    cutter.push(sent, &mut pieces);
    cutter.finish(&mut pieces);
    let last = pieces
        .last()
        .map_or(0, |piece| usize::try_from(piece.length).unwrap_or(0));
    Cut {
        length,
        resume: length.saturating_sub(last),
        open: length > 0,
    }
}

fn length(pieces: &[Piece]) -> usize {
    let length: u64 = pieces.iter().map(|piece| piece.length).sum();
    usize::try_from(length).unwrap_or(usize::MAX)
}

/// Bytes up to the last line end.
fn complete_lines(encoding: TextEncoding, bytes: &[u8]) -> usize {
    let newline: &[u8] = match encoding {
        TextEncoding::Utf16le => b"\n\0",
        TextEncoding::Utf16be => b"\0\n",
        TextEncoding::Utf8 | TextEncoding::Gb18030 | TextEncoding::Evtx => b"\n",
    };
    // Bodies start at a whole unit, so units are counted from their start.
    let units = bytes.chunks_exact(newline.len());
    units
        .rev()
        .position(|unit| unit == newline)
        .map_or(0, |behind| {
            let whole = bytes.len() / newline.len();
            (whole - behind) * newline.len()
        })
}

/// Bytes without zeros at their end, in whole units: space that was made beforehand, or that a crash left, and that text may still replace.
pub(crate) fn without_zeros(encoding: TextEncoding, bytes: &[u8]) -> usize {
    let used = bytes
        .iter()
        .rposition(|byte| *byte != 0)
        .map_or(0, |last| last + 1);
    match encoding {
        TextEncoding::Utf16le | TextEncoding::Utf16be => used.next_multiple_of(2).min(bytes.len()),
        _ => used,
    }
}

/// The hash of a log's first line, as `send` has it; nothing before that line is complete.
pub(crate) fn first_record(how: How, bytes: &[u8], is_final: bool) -> Option<u64> {
    let mut pieces = Vec::new();
    let mut cutter = Cutter::new(how.encoding, how.format, 0, PIECE_BYTES);
    cutter.push(bytes, &mut pieces);
    if pieces.is_empty() {
        cutter.finish(&mut pieces);
    }
    let text = &pieces.first()?.text;
    let line = text
        .split_inclusive('\n')
        .find(|line| !line.trim().is_empty())?;
    (line.ends_with('\n') || is_final || bytes.len() > parse::MAX_RECORD_BYTES)
        .then(|| parse::start_hash([text.as_str()], how.format))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOW: How = How {
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        offset: 0,
    };
    const ONE: &str = "2024-05-01 08:00:00, Info                  CBS    one\r\n";

    fn wide(text: &str) -> Vec<u8> {
        text.encode_utf16().flat_map(u16::to_le_bytes).collect()
    }

    #[test]
    fn the_end_is_cut_before_its_last_record_and_after_its_last_line() {
        let text = format!("{ONE}{ONE}  more\r\n{ONE}  more\r\n  not who");
        let lines = text.len() - "  not who".len();
        let cut = cut_end(HOW, text.as_bytes(), false);
        let last = 2 * ONE.len() + "  more\r\n".len();
        assert_eq!((cut.length, cut.resume, cut.open), (lines, last, true));
        let cut = cut_end(HOW, text.as_bytes(), true);
        assert_eq!((cut.length, cut.resume, cut.open), (text.len(), last, true));
        assert_eq!(cut_end(HOW, b"2024-05-01 08:00", false).length, 0);
        let how = How {
            encoding: TextEncoding::Utf16le,
            ..HOW
        };
        let cut = cut_end(how, &wide(&text), false);
        assert_eq!((cut.length, cut.resume), (2 * lines, 2 * last));
    }

    #[test]
    fn zeros_at_the_end_are_no_text_yet() {
        assert_eq!(without_zeros(TextEncoding::Utf8, b"ab\n\0\0\0"), 3);
        assert_eq!(without_zeros(TextEncoding::Utf16le, &wide("ab\n\0\0")), 6);
        assert_eq!(without_zeros(TextEncoding::Utf8, b"\0\0"), 0);
    }

    #[test]
    fn the_first_line_is_hashed_once_it_is_complete() {
        let hash = first_record(HOW, ONE.as_bytes(), false);
        assert_eq!(hash, Some(parse::first_record_hash(ONE)));
        let more = first_record(HOW, format!("{ONE}{ONE}").as_bytes(), false);
        assert_eq!(more, hash);
        assert_eq!(first_record(HOW, &ONE.as_bytes()[..40], false), None);
        assert!(first_record(HOW, &ONE.as_bytes()[..40], true).is_some());
    }
}
