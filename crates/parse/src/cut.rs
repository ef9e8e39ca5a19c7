//! Runs of whole records from a stream of bytes in any encoding.
//!
//! Cuts are found in the source's own bytes, so that offsets and lengths are exact whatever the decoder makes of damaged text.

use crate::event_forms::elements;
use crate::event_json;
use crate::evtx;
use crate::head;
use crate::pasted;
use crate::record::{MAX_RECORD_BYTES, is_sure_start};
use encoding_rs::{Encoding, GB18030, UTF_8, UTF_16BE, UTF_16LE};
use event::{Format, TextEncoding};
use memchr::{memchr, memrchr};
use std::borrow::Cow;

/// A run of whole records cut from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First source byte.
    pub offset: u64,
    /// Source bytes covered.
    pub length: u64,
    /// Decoded text, without byte-order mark.
    pub text: String,
    /// Its last record may go on.
    pub open: bool,
    /// Characters that could not be decoded.
    pub replacements: u64,
}

/// Cuts a source, fed in any slices, into runs of whole records.
///
/// Memory is bounded by the target size plus one record ([`MAX_RECORD_BYTES`]) plus the slice pushed.
pub struct Cutter {
    encoding: TextEncoding,
    format: Format,
    target: usize,
    /// Source bytes not yet cut.
    pending: Vec<u8>,
    /// Source offset of the first of them.
    offset: u64,
}

/// Bytes of text that must follow a line end to tell a record's start from a continuation: the head and a CSI sequence number.
pub(crate) const LOOK_AHEAD: usize = 64;

impl Cutter {
    /// `offset` = source offset of the first byte pushed; `target` = wished size of a piece in source bytes (a piece is longer only to keep its first record whole).
    pub fn new(encoding: TextEncoding, format: Format, offset: u64, target: usize) -> Self {
        Self {
            encoding,
            format,
            target: target.clamp(1, MAX_RECORD_BYTES),
            pending: Vec::new(),
            offset,
        }
    }

    /// Takes the next bytes; appends the pieces that are complete.
    pub fn push(&mut self, bytes: &[u8], pieces: &mut Vec<Piece>) {
        self.pending.extend_from_slice(bytes);
        self.cut(false, pieces);
    }

    /// Ends the input: appends the rest. The last piece of all is `open`.
    pub fn finish(mut self, pieces: &mut Vec<Piece>) {
        self.cut(true, pieces);
        // A record of an event log is written whole or not at all.
        let is_binary = self.encoding == TextEncoding::Evtx;
        if let Some(last) = pieces.last_mut().filter(|_| !is_binary) {
            last.open = true;
        }
    }

    fn cut(&mut self, is_end: bool, pieces: &mut Vec<Piece>) {
        let mut done = 0;
        while let Some(rest) = self.pending.get(done..)
            && let Some(length) = self.piece_length(rest, is_end)
        {
            let bytes = rest.get(..length).unwrap_or(rest);
            let offset = self.offset.saturating_add(done as u64);
            let bom = if offset == 0 {
                mark_length(self.encoding, bytes)
            } else {
                0
            };
            let (text, replacements) = match self.encoding {
                TextEncoding::Evtx => evtx::decode(offset, bytes),
                encoding => decode(encoding, bytes.get(bom..).unwrap_or_default()),
            };
            pieces.push(Piece {
                offset,
                length: bytes.len() as u64,
                text,
                open: false,
                replacements,
            });
            done += bytes.len();
        }
        self.pending.drain(..done);
        self.offset = self.offset.saturating_add(done as u64);
    }

    /// Length of the next piece, or nothing until more bytes arrive.
    fn piece_length(&self, rest: &[u8], is_end: bool) -> Option<usize> {
        if self.encoding == TextEncoding::Evtx {
            return self.unit_length(rest, is_end);
        }
        if elements::are_in(self.format) {
            return self.elements_length(rest, is_end);
        }
        if rest.is_empty() || (!is_end && rest.len() < self.target + self.look_ahead()) {
            return None;
        }
        if is_end && rest.len() <= self.target {
            return Some(rest.len());
        }
        if let Some(start) = self.last_start(rest, self.target) {
            return Some(start);
        }
        // A start near the end of what is here may turn out to be a continuation.
        let known = if is_end {
            rest.len()
        } else {
            rest.len().saturating_sub(self.look_ahead())
        };
        let within = known.min(MAX_RECORD_BYTES);
        if let Some(start) = self.first_start(rest, self.target, within) {
            return Some(start);
        }
        if rest.len() >= MAX_RECORD_BYTES + self.look_ahead()
            || (is_end && rest.len() > MAX_RECORD_BYTES)
        {
            return Some(self.bound(rest));
        }
        is_end.then_some(rest.len())
    }

    /// Length of the next unit of an event log, which is cut nowhere else.
    fn unit_length(&self, rest: &[u8], is_end: bool) -> Option<usize> {
        let done = (self.pending.len() - rest.len()) as u64;
        let at = self.offset.saturating_add(done);
        // At least a byte, or this would not end.
        let length =
            usize::try_from(evtx::unit_end(at) - at).map_or(rest.len(), |length| length.max(1));
        let is_whole = length <= rest.len();
        (is_whole || (is_end && !rest.is_empty())).then(|| length.min(rest.len()))
    }

    /// Length of as many whole records as fit, where they need not be lines: told from the first on, as their text is read.
    fn elements_length(&self, rest: &[u8], is_end: bool) -> Option<usize> {
        let mut length = 0;
        while let Some(more) = rest.get(length..).filter(|more| !more.is_empty()) {
            // One letter beyond the bound shows whether a record ends at it.
            let seen = more
                .get(..MAX_RECORD_BYTES + self.look_ahead())
                .unwrap_or(more);
            let next = match elements::first(self.format, self.encoding, seen) {
                Some(next) if next <= MAX_RECORD_BYTES => next,
                None if seen.len() <= MAX_RECORD_BYTES && is_end => seen.len(),
                None if seen.len() < MAX_RECORD_BYTES + self.look_ahead() && !is_end => {
                    return None;
                }
                _ => self.bound(more),
            };
            if length > 0 && length + next > self.target {
                return Some(length);
            }
            length += next.max(1);
            if length >= self.target {
                break;
            }
        }
        // What comes next may still fit.
        (length >= self.target || (is_end && length > 0)).then_some(length)
    }

    /// The last place in `1..=to` where a record surely starts.
    fn last_start(&self, rest: &[u8], to: usize) -> Option<usize> {
        if self.format.is_pasted() {
            return self.pasted_start(rest, to, |starts| {
                starts.take_while(|start| *start <= to).last()
            });
        }
        let mut end = to;
        while let Some(start) = self.line_start_before(rest, end) {
            if self.starts_record(rest.get(start..)?) {
                return Some(start);
            }
            end = start - 1;
        }
        None
    }

    /// The first place in `from..=to` where a record surely starts.
    fn first_start(&self, rest: &[u8], from: usize, to: usize) -> Option<usize> {
        if self.format.is_pasted() {
            return self.pasted_start(rest, to, |starts| {
                starts
                    .take_while(|start| *start <= to)
                    .find(|start| *start >= from)
            });
        }
        let mut at = from.saturating_sub(self.unit());
        while let Some(start) = self.line_start_after(rest, at) {
            if start > to {
                return None;
            }
            if self.starts_record(rest.get(start..)?) {
                return Some(start);
            }
            at = start;
        }
        None
    }

    /// One of the places up to `to` where records of pasted text surely start, which may be in the middle of a line: found by reading the text as a whole, as its records are.
    fn pasted_start(
        &self,
        rest: &[u8],
        to: usize,
        pick: impl FnOnce(&mut dyn Iterator<Item = usize>) -> Option<usize>,
    ) -> Option<usize> {
        let seen = rest.get(..to + self.look_ahead()).unwrap_or(rest);
        let is_first = self.offset == 0 && rest.len() == self.pending.len();
        let bom = if is_first {
            mark_length(self.encoding, seen)
        } else {
            0
        };
        let seen = seen.get(bom..)?;
        let text = decode_all(self.encoding, seen);
        let mut places = Places::new(self.encoding, seen, &text);
        let mut starts = pasted::sure_starts(&text, self.format)
            .filter_map(|start| places.of(start))
            .map(|start| start + bom);
        pick(&mut starts)
    }

    /// Where a record that has no end is cut: after its last line end within the bound, or between characters.
    fn bound(&self, rest: &[u8]) -> usize {
        if let Some(start) = self.line_start_before(rest, MAX_RECORD_BYTES) {
            return start;
        }
        match self.encoding {
            TextEncoding::Utf8 => {
                // Back over the bytes that continue a character, at most three.
                let is_start = |at: &usize| rest.get(*at).is_none_or(|byte| byte & 0xC0 != 0x80);
                (MAX_RECORD_BYTES - 3..=MAX_RECORD_BYTES)
                    .rev()
                    .find(is_start)
                    .unwrap_or(MAX_RECORD_BYTES)
            }
            _ => MAX_RECORD_BYTES,
        }
    }

    /// The last line start in `1..=end`.
    fn line_start_before(&self, rest: &[u8], end: usize) -> Option<usize> {
        let mut end = end;
        loop {
            let newline = memrchr(b'\n', rest.get(..end)?)?;
            if let Some(start) = self.after_newline(rest, newline)
                && start <= end
                && start < rest.len()
            {
                return Some(start);
            }
            end = newline;
        }
    }

    /// The first line start that follows a newline at or after `from`.
    fn line_start_after(&self, rest: &[u8], from: usize) -> Option<usize> {
        let mut from = from;
        loop {
            let newline = from + memchr(b'\n', rest.get(from..)?)?;
            match self.after_newline(rest, newline) {
                Some(start) => return (start < rest.len()).then_some(start),
                None => from = newline + 1,
            }
        }
    }

    /// Where the next line starts, if the byte 0x0A at `at` is a newline in this encoding. (In GB18030 it is never part of a character.)
    fn after_newline(&self, rest: &[u8], at: usize) -> Option<usize> {
        // Code units are counted from the start of the source.
        let is_even = (self.parity(rest) + at).is_multiple_of(2);
        match self.encoding {
            TextEncoding::Utf8 | TextEncoding::Gb18030 | TextEncoding::Evtx => Some(at + 1),
            TextEncoding::Utf16le => (is_even && rest.get(at + 1) == Some(&0)).then_some(at + 2),
            TextEncoding::Utf16be => {
                let high = at.checked_sub(1).and_then(|at| rest.get(at));
                (!is_even && high == Some(&0)).then_some(at + 1)
            }
        }
    }

    fn parity(&self, rest: &[u8]) -> usize {
        let done = self.pending.len() - rest.len();
        usize::from(self.offset % 2 == 1) + done
    }

    fn starts_record(&self, line: &[u8]) -> bool {
        let line = line.get(..self.look_ahead()).unwrap_or(line);
        match (self.encoding, self.format) {
            (TextEncoding::Utf8 | TextEncoding::Gb18030, Format::Wds) => {
                head::starts_head(line) && !crate::csi::is_continuation(line)
            }
            _ => is_sure_start(&decode_all(self.encoding, line), self.format),
        }
    }

    fn unit(&self) -> usize {
        match self.encoding {
            TextEncoding::Utf8 | TextEncoding::Gb18030 | TextEncoding::Evtx => 1,
            TextEncoding::Utf16le | TextEncoding::Utf16be => 2,
        }
    }

    fn look_ahead(&self) -> usize {
        let units = if self.format.is_pasted() {
            // A letter may take twice as many bytes in GB18030 as in UTF-8, in which that window is counted.
            2 * pasted::WINDOW_BYTES
        } else {
            LOOK_AHEAD
        };
        units * self.unit()
    }
}

/// Places of a source by ascending places of its text.
struct Places<'a> {
    encoding: TextEncoding,
    source: &'a [u8],
    text: &'a str,
    /// Bytes of source and text passed.
    passed: (usize, usize),
}

impl<'a> Places<'a> {
    fn new(encoding: TextEncoding, source: &'a [u8], text: &'a str) -> Self {
        Self {
            encoding,
            source,
            text,
            passed: (0, 0),
        }
    }

    /// Nothing where bytes that could not be decoded leave it unsure.
    fn of(&mut self, place: usize) -> Option<usize> {
        let (source, text) = self.passed;
        let between = self.text.get(text..place)?;
        let length = match self.encoding {
            TextEncoding::Utf8 => utf8_length(self.source.get(source..)?, between.len()),
            encoding => usize::try_from(source_length(encoding, between)).ok()?,
        };
        self.passed = (source + length, place);
        // The letters that start a record are the same in both, or the place is wrong.
        let found = self.source.get(source + length..)?;
        let found = decode_all(self.encoding, found.get(..SAME_BYTES).unwrap_or(found));
        let wanted = self.text.get(place..)?.chars().take(SAME_LETTERS);
        found
            .chars()
            .zip(wanted)
            .all(|(one, other)| one == other)
            .then_some(source + length)
    }
}

/// How many letters of a record's start are compared, and source bytes that surely hold them.
const SAME_LETTERS: usize = 4;
const SAME_BYTES: usize = 32;

/// The longest letter of UTF-8.
const MAX_LETTER_BYTES: usize = 4;

/// Source bytes behind so many bytes of decoded text: each run of bytes that is no UTF-8 became one letter of three.
fn utf8_length(source: &[u8], text_bytes: usize) -> usize {
    let (mut length, mut left) = (0, text_bytes);
    // No letter took more bytes than it has, and what follows is not looked through again for each record.
    let source = source
        .get(..text_bytes + MAX_LETTER_BYTES)
        .unwrap_or(source);
    for chunk in source.utf8_chunks() {
        let valid = chunk.valid().len();
        if left <= valid {
            return length + left;
        }
        length += valid + chunk.invalid().len();
        left = (left - valid).saturating_sub('\u{FFFD}'.len_utf8());
    }
    length
}

/// Source bytes that a text took, byte-order mark not counted; exact where every character could be decoded.
/// Of an event log, the bytes of the records in it.
pub fn source_length(encoding: TextEncoding, text: &str) -> u64 {
    let length = match encoding {
        TextEncoding::Utf8 => text.len(),
        TextEncoding::Utf16le | TextEncoding::Utf16be => 2 * text.encode_utf16().count(),
        TextEncoding::Gb18030 => match GB18030.encode(text).0 {
            Cow::Borrowed(bytes) => bytes.len(),
            Cow::Owned(bytes) => bytes.len(),
        },
        TextEncoding::Evtx => {
            return text
                .lines()
                .filter_map(event_json::place)
                .map(|(_, bytes)| bytes)
                .fold(0, u64::saturating_add);
        }
    };
    length as u64
}

/// Bytes of the byte-order mark that a chunk covers and its text does not: its text begins in the source behind them.
///
/// `offset` and `length` are the chunk's own, in bytes of the source.
pub fn covered_mark(encoding: TextEncoding, offset: u64, length: u64, text: &str) -> u64 {
    let mark = mark(encoding).len() as u64;
    if offset > 0 || mark == 0 {
        return 0;
    }
    // A copy may end within a UTF-16 unit; its half is a whole character of the text.
    let half = match encoding {
        TextEncoding::Utf16le | TextEncoding::Utf16be => length % 2,
        TextEncoding::Utf8 | TextEncoding::Gb18030 | TextEncoding::Evtx => 0,
    };
    if length.checked_add(half) == Some(source_length(encoding, text) + mark) {
        mark
    } else {
        0
    }
}

/// Decodes without counting, for looking at.
pub(crate) fn decode_all(encoding: TextEncoding, bytes: &[u8]) -> String {
    decode(encoding, bytes).0
}

fn decode(encoding: TextEncoding, bytes: &[u8]) -> (String, u64) {
    if encoding == TextEncoding::Utf8
        && let Ok(text) = std::str::from_utf8(bytes)
    {
        return (text.to_owned(), 0);
    }
    let (text, had_errors) = codec(encoding).decode_without_bom_handling(bytes);
    let replacements = if had_errors {
        text.matches('\u{FFFD}').count() as u64
    } else {
        0
    };
    (text.into_owned(), replacements)
}

/// The byte-order mark that a source in this encoding may begin with.
fn mark(encoding: TextEncoding) -> &'static [u8] {
    match encoding {
        TextEncoding::Utf8 => &[0xEF, 0xBB, 0xBF],
        TextEncoding::Utf16le => &[0xFF, 0xFE],
        TextEncoding::Utf16be => &[0xFE, 0xFF],
        TextEncoding::Gb18030 | TextEncoding::Evtx => &[],
    }
}

fn mark_length(encoding: TextEncoding, bytes: &[u8]) -> usize {
    let mark = mark(encoding);
    if bytes.starts_with(mark) {
        mark.len()
    } else {
        0
    }
}

pub(crate) fn codec(encoding: TextEncoding) -> &'static Encoding {
    match encoding {
        // What is asked for of an event log is UTF-8 already.
        TextEncoding::Utf8 | TextEncoding::Evtx => UTF_8,
        TextEncoding::Utf16le => UTF_16LE,
        TextEncoding::Utf16be => UTF_16BE,
        TextEncoding::Gb18030 => GB18030,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;
    use proptest::prelude::*;

    fn pieces(
        bytes: &[u8],
        encoding: TextEncoding,
        format: Format,
        target: usize,
        slice: usize,
    ) -> Vec<Piece> {
        let mut cutter = Cutter::new(encoding, format, 0, target);
        let mut pieces = Vec::new();
        for slice in bytes.chunks(slice) {
            cutter.push(slice, &mut pieces);
        }
        cutter.finish(&mut pieces);
        pieces
    }

    const TEXTS: [TextEncoding; 4] = [
        TextEncoding::Utf8,
        TextEncoding::Utf16le,
        TextEncoding::Utf16be,
        TextEncoding::Gb18030,
    ];

    fn encode(encoding: TextEncoding, text: &str) -> Vec<u8> {
        match encoding {
            TextEncoding::Utf8 => text.as_bytes().to_vec(),
            TextEncoding::Utf16le => [0xFF, 0xFE]
                .into_iter()
                .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
                .collect(),
            TextEncoding::Utf16be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
            TextEncoding::Gb18030 => GB18030.encode(text).0.into_owned(),
            TextEncoding::Evtx => unreachable!("no text is written as an event log"),
        }
    }

    fn check_tiling(pieces: &[Piece], bytes: usize) {
        let mut end = 0;
        for (index, piece) in pieces.iter().enumerate() {
            assert_eq!(piece.offset, end);
            assert!(!piece.open || index + 1 == pieces.len());
            end += piece.length;
        }
        assert_eq!(end, bytes as u64);
    }

    /// Made-up records, among them a cut CSI record, continuation lines and Chinese text.
    fn log(records: usize) -> String {
        let mut log = String::new();
        for number in 0..records {
            log += &format!(
                "2024-05-01 08:00:{:02}, Info                  CBS    记录 {number}: ਊ 上\r\n",
                number % 60
            );
            if number % 7 == 3 {
                log += "  (0)  Uninstall: flags\n  continued\r\n";
            }
            if number % 11 == 5 {
                log += &format!(
                    "2024-05-01 08:00:01, Error                 CSI    {number:08x} (F) STATUS_X {}[gle=0xd0000102]\n",
                    "x".repeat(90)
                );
                log += "2024-05-01 08:00:01, Error                 CSI    rest of it\n[gle=0xd0000102]\r\n";
            }
        }
        log
    }

    #[test]
    fn pieces_tile_the_source_and_hold_the_same_records_however_cut() {
        let text = log(60);
        for encoding in TEXTS {
            let bytes = encode(encoding, &text);
            let whole: Vec<String> = records(&text, Format::Wds)
                .map(|record| record.raw.to_owned())
                .collect();
            for target in [1, 200, 1_000, 4_096, 256 * 1024] {
                for slice in [1, 7, 333, 1 << 20] {
                    let pieces = pieces(&bytes, encoding, Format::Wds, target, slice);
                    check_tiling(&pieces, bytes.len());
                    let cut: Vec<String> = pieces
                        .iter()
                        .flat_map(|piece| records(&piece.text, Format::Wds))
                        .map(|record| record.raw.to_owned())
                        .collect();
                    assert_eq!(cut, whole, "{encoding:?} {target} {slice}");
                    assert!(pieces.iter().all(|piece| piece.replacements == 0));
                }
            }
        }
    }

    // Made-up records of the formats that are told by their heads, each with a line that belongs to the one before.
    #[test]
    fn other_formats_are_cut_between_their_records_too() {
        for (format, record) in [
            (
                Format::ReportingEvents,
                "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293+0300\t1\t147 [X]\tу\r\nmore\r\n",
            ),
            (
                Format::WindowsUpdate,
                "2024/05/01 08:00:05.1234567 8096  8116  Agent           текст\r\nmore\r\n",
            ),
            (
                Format::WindowsUpdateOld,
                "2016-05-01\t08:00:05:755\t 648\t13bc\tHandler\tx\nmore\n",
            ),
            (
                Format::EventJson,
                "{\"ProviderName\":\"Made-Up\",\"EventID\":1,\"Message\":\"текст\"}\r\n",
            ),
            (
                Format::Pfro,
                "12/31/2017 18:47:41 - 0 Successful PFRO operations\r\n\r\n",
            ),
        ] {
            let text = record.repeat(40);
            for encoding in [TextEncoding::Utf8, TextEncoding::Utf16le] {
                let bytes = encode(encoding, &text);
                for (target, slice) in [(1, 1), (300, 7), (4_096, 1 << 20)] {
                    let pieces = pieces(&bytes, encoding, format, target, slice);
                    check_tiling(&pieces, bytes.len());
                    let cut: Vec<&str> = pieces
                        .iter()
                        .flat_map(|piece| records(&piece.text, format))
                        .map(|record| record.raw)
                        .collect();
                    assert_eq!(cut, [record; 40], "{format:?} {encoding:?} {target}");
                    assert!(pieces.len() > 1 || target == 4_096);
                }
            }
        }
    }

    #[test]
    fn a_text_of_gigabytes_without_line_ends_is_cut_at_the_bound() {
        let text = format!(
            "2024-05-01 08:00:00, Info                  CBS    {}",
            "é".repeat(MAX_RECORD_BYTES)
        );
        let pieces = pieces(
            text.as_bytes(),
            TextEncoding::Utf8,
            Format::Wds,
            4_096,
            10_000,
        );
        check_tiling(&pieces, text.len());
        assert!(
            pieces
                .iter()
                .all(|piece| piece.length <= MAX_RECORD_BYTES as u64 && piece.replacements == 0)
        );
        let whole: Vec<usize> = records(&text, Format::Wds)
            .map(|record| record.raw.len())
            .collect();
        assert_eq!(
            pieces
                .iter()
                .map(|piece| piece.text.len())
                .collect::<Vec<_>>(),
            whole
        );
    }

    #[test]
    fn damaged_bytes_are_counted_and_cost_no_offset() {
        let mut bytes = log(20).into_bytes();
        bytes[300] = 0xFF;
        bytes[301] = 0xFE;
        let pieces = pieces(&bytes, TextEncoding::Utf8, Format::Wds, 200, 64);
        check_tiling(&pieces, bytes.len());
        assert!(pieces.iter().map(|piece| piece.replacements).sum::<u64>() > 0);
    }

    #[test]
    fn pasted_text_is_cut_between_its_records() {
        let text = "Info CBS one\nmore\nError CSI 00000001 (F) two\n".repeat(50);
        let pieces = pieces(
            text.as_bytes(),
            TextEncoding::Utf8,
            Format::WdsHeadless,
            100,
            64,
        );
        check_tiling(&pieces, text.len());
        assert!(pieces.len() > 5);
        assert!(
            pieces
                .iter()
                .all(|piece| piece.text.starts_with("Info CBS")
                    || piece.text.starts_with("Error CSI"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_are_tiled(bytes in proptest::collection::vec(any::<u8>(), 0..3_000), target in 1_usize..500, slice in 1_usize..600) {
            for encoding in TextEncoding::ALL {
                check_tiling(&pieces(&bytes, encoding, Format::Wds, target, slice), bytes.len());
            }
        }
    }
}
