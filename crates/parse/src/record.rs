//! Where records start and end, and a record's text with its pieces joined.

use crate::csi::{self, Csi};
use crate::event_forms::{self, elements};
use crate::event_json::{self, WindowsEvent};
use crate::formats;
use crate::head::{self, Head};
use crate::{cmtrace, console, pasted, reporting_events, setup_diag};
use event::{Format, LoggedAt, TextEncoding, UtcMillis};
use memchr::memchr;
use std::borrow::Cow;

/// A record, or a run of text without a head, is cut at this length: see the crate's README, "Bounds".
pub const MAX_RECORD_BYTES: usize = 256 * 1024;

/// The records of a text of whole records.
pub fn records(text: &str, format: Format) -> Records<'_> {
    Records {
        text,
        format,
        position: 0,
        is_start: false,
    }
}

/// Iterator over the records of a text. Their raw texts, put together, are the text.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    text: &'a str,
    format: Format,
    position: usize,
    /// A head is known to start at the position: it ended the record before. Else it has to be looked for.
    is_start: bool,
}

/// One logical log entry, possibly over several lines; or text that belongs to none.
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Where it starts in the text.
    pub offset: usize,
    /// All of it, line ends included.
    pub raw: &'a str,
    format: Format,
    /// A CSI record that was cut by the logger: some of its lines have heads of their own.
    is_cut: bool,
    has_head: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let rest = self.text.get(self.position..)?;
        if rest.is_empty() {
            return None;
        }
        let (length, is_cut, has_head) = match self.format {
            Format::Wds => measure(rest.as_bytes()),
            Format::EventJson | Format::CmtraceCopied => measure_line(rest, self.format),
            format if format.is_pasted() => pasted::measure(rest, format),
            format if elements::are_in(format) => measure_element(rest, format),
            format => {
                let has_head = self.is_start || formats::starts(rest, format);
                let (length, is_start) = measure_lines(rest, format);
                self.is_start = is_start && length <= MAX_RECORD_BYTES;
                (length, false, has_head)
            }
        };
        // Ends of records are behind a line feed or between characters.
        let raw = rest.get(..bounded(rest, length))?;
        let record = Record {
            offset: self.position,
            raw,
            format: self.format,
            is_cut,
            has_head,
        };
        self.position += raw.len();
        Some(record)
    }
}

/// Length of the record at the start of `rest`, whether it is cut, and whether it has a head.
#[inline]
fn measure(rest: &[u8]) -> (usize, bool, bool) {
    let has_head = head::starts_head(rest);
    let level = rest.get(21);
    let is_csi = has_head && head::is_csi(rest);
    let mut is_cut = false;
    let mut end = 0;
    let mut line = rest;
    while let Some(newline) = memchr(b'\n', line) {
        end += newline + 1;
        line = after(line, newline);
        if head::starts_head(line) {
            if is_csi && csi::is_continuation(line) && line.get(21) == level {
                is_cut = true;
            } else {
                return (end, is_cut, has_head);
            }
        }
        if end > MAX_RECORD_BYTES {
            return (end, is_cut, has_head);
        }
    }
    (rest.len(), is_cut, has_head)
}

/// What stands behind a line feed.
#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "its place comes from a search of the same bytes, so one more is their length at most; this runs for each line"
)]
fn after(bytes: &[u8], newline: usize) -> &[u8] {
    &bytes[newline + 1..]
}

/// The same where each line stands for itself.
fn measure_line(rest: &str, format: Format) -> (usize, bool, bool) {
    let length = memchr(b'\n', rest.as_bytes()).map_or(rest.len(), |newline| newline + 1);
    let line = rest.get(..length).unwrap_or(rest);
    (length, false, formats::starts(line, format))
}

/// The same where a record need not end with a line.
fn measure_element(rest: &str, format: Format) -> (usize, bool, bool) {
    let length = elements::first(format, TextEncoding::Utf8, rest.as_bytes());
    let length = length.unwrap_or(rest.len());
    let element = rest.get(..length).unwrap_or(rest);
    (length, false, formats::starts(element, format))
}

/// Length of the record at the start of `rest` in a format in which a record is what stands between two heads, and whether a head ends it.
fn measure_lines(rest: &str, format: Format) -> (usize, bool) {
    let mut end = 0;
    let mut line = rest;
    while let Some(newline) = memchr(b'\n', line.as_bytes()) {
        end += newline + 1;
        line = rest.get(end..).unwrap_or_default();
        let is_start = formats::starts(line, format);
        if is_start || end > MAX_RECORD_BYTES {
            return (end, is_start);
        }
    }
    (rest.len(), false)
}

/// Cuts what is longer than [`MAX_RECORD_BYTES`] at its last line end within, or at a character.
fn bounded(rest: &str, length: usize) -> usize {
    if length <= MAX_RECORD_BYTES {
        return length;
    }
    let within = rest.as_bytes().get(..MAX_RECORD_BYTES);
    match within.and_then(|within| memchr::memrchr(b'\n', within)) {
        Some(newline) => newline + 1,
        None => rest.floor_char_boundary(MAX_RECORD_BYTES),
    }
}

/// Whether a record surely starts at the start of `line`, whatever stands before it.
pub(crate) fn is_sure_start(line: &str, format: Format) -> bool {
    match format {
        Format::Wds => head::starts_head(line.as_bytes()) && !csi::is_continuation(line.as_bytes()),
        Format::EventJson | Format::CmtraceCopied => true,
        format if format.is_pasted() => pasted::is_sure_start(line, format),
        format => formats::starts(line, format),
    }
}

impl<'a> Record<'a> {
    /// The record's head; none for text that belongs to no record.
    pub fn head(&self) -> Option<Head<'a>> {
        self.read_head().map(|(head, _)| head)
    }

    /// Whether it has a head, without reading it.
    pub fn has_head(&self) -> bool {
        self.has_head
    }

    /// Whether the logger cut it into pieces with heads of their own.
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The stamp's 19 bytes as logged: comparable as text, without being read.
    #[inline]
    pub fn stamp_bytes(&self) -> Option<&'a [u8]> {
        let stamp = self.raw.as_bytes().first_chunk::<19>()?;
        (self.has_head && self.format == Format::Wds).then_some(stamp)
    }

    /// The head's time, without what else reading the head costs.
    pub fn logged(&self) -> Option<LoggedAt> {
        if self.has_head && self.format == Format::EventJson {
            return event_json::logged(self.raw);
        }
        if self.format.is_of_events() {
            return self.event()?.time.logged();
        }
        self.head()?.logged
    }

    /// The record's own UTC stamp: that of a CSI record, or an event's time.
    pub fn stamp(&self) -> Option<UtcMillis> {
        match self.format {
            format if format.is_of_events() => self.event()?.time.utc(),
            _ => self.csi()?.stamp,
        }
    }

    /// The event of a Windows event log that the record is; none elsewhere.
    pub fn event(&self) -> Option<WindowsEvent<'a>> {
        if self.has_head && self.format.is_of_events() {
            event_forms::read(self.raw, self.format)
        } else {
            None
        }
    }

    /// Whether its text is not what stands in the log, letter by letter, though the format is that of a log: what is sought in the log is not found.
    pub fn is_restored(&self) -> bool {
        self.format == Format::ReportingEvents && reporting_events::is_copy(self.raw)
    }

    /// Whether it is in the form that all events are brought into, as our own reader of event logs writes them.
    pub fn is_canonical(&self) -> bool {
        self.format == Format::EventJson && event_json::is_own(self.raw)
    }

    /// Whether it tells of an event of which too little is understood for it to count as read. `event` = what [`Record::event`] made of it.
    pub fn is_half_read(&self, event: Option<&WindowsEvent<'_>>) -> bool {
        match event {
            Some(event) => event.lacks().is_some(),
            None => self.has_head && event_forms::tells_of_event(self.raw, self.format),
        }
    }

    /// Where it stands in its source and how many bytes it takes there, where it says so itself. Elsewhere its text tells: see [`crate::source_length`].
    pub fn place(&self, encoding: TextEncoding) -> Option<(u64, u64)> {
        match encoding {
            TextEncoding::Evtx => event_json::place(self.raw),
            _ => None,
        }
    }

    /// Lines, the blank ones included.
    pub fn lines(&self) -> usize {
        let newlines = memchr::memchr_iter(b'\n', self.raw.as_bytes()).count();
        newlines + usize::from(!self.raw.ends_with('\n'))
    }

    /// The message: all lines, with the pieces of a cut CSI record joined without a separator and the trailing blanks gone.
    ///
    /// Every piece but the last loses its `[gle=…]`, which the logger appends to each.
    /// Of an event of a Windows event log, its canonical form. Of pasted text, what it likely was before: see [`Record::readings`].
    pub fn text(&self) -> Cow<'a, str> {
        if self.format.is_pasted() {
            let readings = pasted::readings(self.raw, self.format);
            return Cow::Owned(readings.into_iter().next().unwrap_or_default());
        }
        if let Some(event) = self.event() {
            return Cow::Owned(event.to_line());
        }
        match self.format {
            Format::Console => return Cow::Owned(console::text(self.raw)),
            Format::SetupDiag => return Cow::Owned(setup_diag::text(self.raw)),
            Format::CmtraceCopied => return Cow::Borrowed(cmtrace::copied_message(self.raw)),
            Format::ReportingEvents => {
                if let Some(text) = reporting_events::restored(self.raw) {
                    return Cow::Owned(text);
                }
            }
            _ => {}
        }
        self.message(self.read_untimed().map_or(0, |(_, at)| at))
    }

    /// The same where the head was read, which told that the message starts at `at`.
    pub(crate) fn text_from(&self, at: usize) -> Cow<'a, str> {
        match self.format {
            Format::Wds | Format::WindowsUpdate | Format::WindowsUpdateOld | Format::Pfro => {
                self.message(at)
            }
            _ => self.text(),
        }
    }

    fn message(&self, at: usize) -> Cow<'a, str> {
        let message = self.raw.get(at..).unwrap_or_default();
        if self.format == Format::Cmtrace {
            return Cow::Borrowed(trim_end(cmtrace::message(message)));
        }
        if !self.is_cut {
            return Cow::Borrowed(trim_end(message));
        }
        let mut joined = String::with_capacity(message.len());
        for line in message.split_inclusive('\n') {
            if head::starts_head(line.as_bytes()) && csi::is_continuation(line.as_bytes()) {
                let length = without_gle(trim_end(&joined)).len();
                joined.truncate(length);
                joined.push_str(line.get(head::MESSAGE..).unwrap_or_default());
            } else {
                joined.push_str(line);
            }
        }
        let length = trim_end(&joined).len();
        joined.truncate(length);
        Cow::Owned(joined)
    }

    /// The texts that the record may have had, the likeliest first. More than one only where lines of pasted text may have been wrapped:
    /// blanks are folded there, entities and the like undone, marks before each line gone, and nobody knows where a blank was lost.
    pub fn readings(&self) -> Vec<Cow<'a, str>> {
        if self.format.is_pasted() {
            let readings = pasted::readings(self.raw, self.format);
            return readings.into_iter().map(Cow::Owned).collect();
        }
        vec![self.text()]
    }

    /// Sequence number, stamp and flag of a CSI record; none elsewhere.
    pub fn csi(&self) -> Option<Csi> {
        let (head, at) = self.read_untimed()?;
        self.csi_from(&head, at)
    }

    /// The same where the head was read, which told that the message starts at `at`.
    pub(crate) fn csi_from(&self, head: &Head<'_>, at: usize) -> Option<Csi> {
        if head.component != "CSI" {
            return None;
        }
        if self.format.is_pasted() {
            return csi::read(&self.text());
        }
        csi::read(self.raw.get(at..)?)
    }

    /// Minutes ahead of UTC, where the record's own stamp carries them.
    pub(crate) fn stamp_offset(&self) -> Option<i32> {
        match self.format {
            _ if !self.has_head => None,
            Format::ReportingEvents => crate::reporting_events::utc_minutes(self.raw),
            Format::Cmtrace => cmtrace::utc_minutes(self.raw),
            _ => None,
        }
    }

    /// A CSI head without a sequence number whose record did not stand before it.
    pub fn is_orphan(&self) -> bool {
        let is_rest = match self.format {
            Format::Wds => csi::is_continuation(self.raw.as_bytes()),
            format => format.is_pasted() && pasted::is_orphan(self.raw, format),
        };
        self.has_head && is_rest
    }

    /// The head, and where the message starts.
    #[inline]
    pub(crate) fn read_head(&self) -> Option<(Head<'a>, usize)> {
        if !self.has_head {
            return None;
        }
        formats::read(self.raw, self.format)
    }

    /// The head, where its time is not asked for: reading that is half of the work.
    #[inline]
    fn read_untimed(&self) -> Option<(Head<'a>, usize)> {
        if self.has_head && self.format == Format::Wds {
            return head::read_untimed(self.raw);
        }
        self.read_head()
    }
}

#[inline]
fn trim_end(text: &str) -> &str {
    let is_blank = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ' | b'\t' | b'\0');
    let end = text.bytes().rposition(|byte| !is_blank(&byte));
    text.get(..end.map_or(0, |last| last + 1)).unwrap_or(text)
}

/// The text without the `[gle=0x…]` at its end.
pub(crate) fn without_gle(text: &str) -> &str {
    match text.rsplit_once("[gle=") {
        // One bracket, at the end.
        Some((before, gle)) if gle.find(']').is_some_and(|at| at + 1 == gle.len()) => {
            trim_end(before)
        }
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const CBS: &str = "2024-05-01 08:00:00, Info                  CBS    ";
    const CSI_ERROR: &str = "2024-05-01 08:00:00, Error                 CSI    ";

    fn check(text: &str, expected: &[&str]) {
        let texts: Vec<_> = records(text, Format::Wds)
            .map(|record| record.text().into_owned())
            .collect();
        assert_eq!(texts, expected);
        let whole: String = records(text, Format::Wds)
            .map(|record| record.raw)
            .collect();
        assert_eq!(whole, text, "no byte is lost");
    }

    #[test]
    fn lines_without_a_head_belong_to_the_record_before() {
        check(
            &format!(
                "{CBS}Operations:\n  (0)  Uninstall: flags: 0\n  (1)  Install: flags: 0\r\n{CBS}next\r\n"
            ),
            &[
                "Operations:\n  (0)  Uninstall: flags: 0\n  (1)  Install: flags: 0",
                "next",
            ],
        );
    }

    // Made up after the founding case: the logger cuts at 511 characters and appends [gle=] to every piece.
    #[test]
    fn a_cut_csi_record_is_joined_without_separator_and_keeps_the_last_gle() {
        check(
            &format!(
                "{CSI_ERROR}0000000a (F) STATUS_X from F(sa = (FILE_SHARE_DEL[gle=0xd0000102]\n{CSI_ERROR}ETE), cd = FILE_OPEN)\n[gle=0xd0000102]\n{CSI_ERROR}0000000b (F) y\n"
            ),
            &[
                "0000000a (F) STATUS_X from F(sa = (FILE_SHARE_DELETE), cd = FILE_OPEN)\n[gle=0xd0000102]",
                "0000000b (F) y",
            ],
        );
    }

    #[test]
    fn a_continuation_without_its_record_is_kept_as_an_orphan() {
        let text = format!("{CBS}x\n{CSI_ERROR}ETE), cd\n");
        let orphans: Vec<_> = records(&text, Format::Wds)
            .map(|record| record.is_orphan())
            .collect();
        assert_eq!(orphans, [false, true]);
    }

    #[test]
    fn a_piece_of_another_level_is_not_joined() {
        let text = format!(
            "{CSI_ERROR}0000000a x\n2024-05-01 08:00:00, Info                  CSI    tail\n"
        );
        assert_eq!(records(&text, Format::Wds).count(), 2);
    }

    #[test]
    fn text_before_the_first_head_is_kept_apart() {
        let text = format!("notes\nof a person\n{CBS}x\n");
        let first = records(&text, Format::Wds).next().unwrap();
        assert_eq!(
            (first.has_head(), first.raw),
            (false, "notes\nof a person\n")
        );
    }

    #[test]
    fn a_record_without_end_is_cut_at_the_bound() {
        let text = format!("{CBS}{}", "x".repeat(3 * MAX_RECORD_BYTES));
        let lengths: Vec<_> = records(&text, Format::Wds)
            .map(|record| record.raw.len())
            .collect();
        assert_eq!(
            lengths,
            [MAX_RECORD_BYTES, MAX_RECORD_BYTES, MAX_RECORD_BYTES, 50]
        );
    }

    #[test]
    fn pasted_text_is_one_record_per_level() {
        let text = "Info CBS one\nError      [0x01803e] CSI    00000e64 (F) two\n    Completion status: S_OK\n";
        let texts: Vec<_> = records(text, Format::WdsHeadless)
            .map(|record| record.text().into_owned())
            .collect();
        assert_eq!(
            texts,
            ["one", "00000e64 (F) two\n    Completion status: S_OK"]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_kept_whole(lines in proptest::collection::vec("(2024-05-01 08:00:00, (Info|Error)       {4,12}(CBS|CSI|)    ?[0-9a-f]{0,9}.{0,30}|2024/05/01 08:00:00[.]1 1 2 Agent .{0,9}|.{0,40})", 0..40), crlf in any::<bool>()) {
            let text = lines.join(if crlf { "\r\n" } else { "\n" });
            for format in Format::ALL {
                let mut end = 0;
                for record in records(&text, format) {
                    prop_assert_eq!(record.offset, end);
                    // Of the others a record alone tells, not what stands behind it.
                    if !format.is_pasted() && !format.is_of_events() && format != Format::CmtraceCopied {
                        let is_start = formats::starts(&text[end..], format);
                        prop_assert_eq!(record.has_head(), is_start, "{:?}", format);
                    }
                    end += record.raw.len();
                    let _ = (record.head(), record.csi(), record.text());
                }
                prop_assert_eq!(end, text.len());
            }
        }
    }
}
