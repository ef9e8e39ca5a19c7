//! `/endpoints/{id}/records`: the log itself around one record, read again from its raw text.

use super::{logged, name, no_stream, stream_of};
use crate::{
    error::Result,
    json::Json,
    looks::Look,
    roles::Asker,
    schema::{CodeText, LogLevel, LoggedTime, UtcTime},
    server::Web,
};
use axum::extract::{Path, Query, State};
use classify::{Spelling, codes_in};
use event::UtcAnchor;
use serde::{Deserialize, Serialize};
use std::{collections::VecDeque, ops::Range};
use store::{RawSlice, RawWindow};
use utoipa::{IntoParams, ToSchema};

/// Neighbours each way unless asked for: a screenful.
const AROUND: usize = 20;
/// More at once is no reading any more; the page asks again.
const AROUND_MAX: usize = 500;
/// A record is 150 bytes on average; thrice that finds enough neighbours at the first reading nearly always.
const BYTES_PER_RECORD: u64 = 450;
/// What one answer reads at most each way. Only records of many lines, or a hole, come near it.
const BYTES_MAX: u64 = 8 << 20;
/// A longer record is shown cut, and says so; none that a person reads is near it.
const TEXT_MAX: usize = 64 << 10;
/// Codes marked in one record; the tables that tools dump into a record have more, and nobody points at the rest.
const CODES_MAX: usize = 200;
/// Bytes of one answer, about: a person reads a hundredth of it. Several of the longest records fit, so that a reader who asks for
/// more always gets some.
const ANSWER_MAX: usize = 4 << 20;

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// The `stream` of a log.
    stream: String,
    /// A source byte of the record that is looked at.
    #[serde(default)]
    offset: u64,
    /// Records before it; more than 500 are 500.
    #[param(maximum = 500, default = 20)]
    before: Option<usize>,
    /// Records behind it; more than 500 are 500.
    #[param(maximum = 500, default = 20)]
    after: Option<usize>,
}

pub(crate) async fn records(
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
    asker: Asker,
) -> Result<Records> {
    let stream = stream_of(&asked.stream)?;
    let before = asked.before.unwrap_or(AROUND).min(AROUND_MAX);
    let after = asked.after.unwrap_or(AROUND).min(AROUND_MAX);
    let mut reach = (bytes_for(before), bytes_for(after));
    loop {
        let window = web
            .store
            .raw_window(&web.tenant, &id, stream, asked.offset, reach.0, reach.1)
            .await?;
        if window.end == 0 {
            return Err(no_stream(&id, stream));
        }
        let shelf = Shelf::new(&window, asked.offset);
        // Long records may fill the window before there are enough of them; one more than asked for tells whether there are more.
        let wants_before = shelf.before() <= before
            && asked.offset.saturating_sub(reach.0) > window.first
            && reach.0 < BYTES_MAX;
        let wants_after = shelf.after() <= after
            && asked.offset.saturating_add(reach.1) < window.end
            && reach.1 < BYTES_MAX;
        if wants_before || wants_after {
            /// Few rounds to the bound, little read in vain.
            const GROWTH: u64 = 8;
            reach.0 = if wants_before {
                (reach.0 * GROWTH).min(BYTES_MAX)
            } else {
                reach.0
            };
            reach.1 = if wants_after {
                (reach.1 * GROWTH).min(BYTES_MAX)
            } else {
                reach.1
            };
            continue;
        }
        let below = asked.offset.saturating_add(reach.1).saturating_add(1);
        let changes = web
            .store
            .utc_changes(&web.tenant, &id, stream, below)
            .await?;
        let records = shelf.take(&window, &changes, before, after);
        let looks = Look::at(&id, records.bytes().map(|bytes| (stream, bytes)));
        web.note(&asker, &looks).await?;
        return Ok(Json(records));
    }
}

fn bytes_for(records: usize) -> u64 {
    ((records as u64 + 1) * BYTES_PER_RECORD).min(BYTES_MAX)
}

/// A record's place: in which slice, where in its text, where in the source.
pub(super) struct Place<'a> {
    slice: &'a RawSlice,
    pub(super) record: parse::Record<'a>,
    pub(super) offset: u64,
    length: u64,
}

/// The records of a slice that it shows.
pub(super) fn places(slice: &RawSlice) -> Vec<Place<'_>> {
    let (encoding, text) = (slice.encoding, &slice.text);
    let mut places = Vec::new();
    let mut offset = slice.offset + parse::covered_mark(encoding, slice.offset, slice.length, text);
    for record in parse::records(text, slice.format) {
        let length = match record.place(encoding) {
            Some((at, length)) => {
                offset = at;
                length
            }
            None => parse::source_length(encoding, record.raw),
        };
        if (slice.from..slice.until).contains(&offset) {
            places.push(Place {
                slice,
                record,
                offset,
                length,
            });
        }
        offset += length;
    }
    places
}

/// The records of a window, and the one that was asked for.
struct Shelf<'a> {
    places: Vec<Place<'a>>,
    /// Index of the record that holds the offset asked for, or the last one before it.
    target: Option<usize>,
    is_held: bool,
}

impl<'a> Shelf<'a> {
    fn new(window: &'a RawWindow, wanted: u64) -> Self {
        let places: Vec<Place<'a>> = window.slices.iter().flat_map(places).collect();
        let after = places.partition_point(|place| place.offset <= wanted);
        // An offset inside the byte-order mark means the first record.
        let target = if places.is_empty() {
            None
        } else {
            Some(after.saturating_sub(1))
        };
        let is_held = !window.expired;
        Self {
            places,
            target,
            is_held,
        }
    }

    fn before(&self) -> usize {
        self.target.unwrap_or(0)
    }

    fn after(&self) -> usize {
        self.target
            .map_or(0, |target| self.places.len() - target - 1)
    }

    fn take(
        &self,
        window: &RawWindow,
        changes: &[UtcAnchor],
        before: usize,
        after: usize,
    ) -> Records {
        let target = self.target.unwrap_or(0);
        let mut spellings = Vec::new();
        let mut record = |index: usize| {
            let is_target = self.is_held && index == target;
            RecordOut::new(&self.places[index], changes, is_target, &mut spellings)
        };
        // From the target outwards, as far as was asked for and one answer holds.
        let (lowest, end) = (
            target.saturating_sub(before),
            self.places.len().min(target + after + 1),
        );
        let (mut from, mut to) = (target.min(end), target.min(end));
        let mut records = VecDeque::new();
        let mut left = ANSWER_MAX;
        let mut fits = |record: &RecordOut| {
            let weight = record.weight();
            let fits = weight <= left;
            left = left.saturating_sub(weight);
            fits
        };
        let (mut goes_back, mut goes_on) = (true, true);
        while goes_back || goes_on {
            goes_on = goes_on && to < end;
            if goes_on {
                let next = record(to);
                goes_on = fits(&next);
                if goes_on {
                    records.push_back(next);
                    to += 1;
                }
            }
            goes_back = goes_back && from > lowest;
            if goes_back {
                let next = record(from - 1);
                goes_back = fits(&next);
                if goes_back {
                    records.push_front(next);
                    from -= 1;
                }
            }
        }
        let about = self.places.get(target).map(|place| place.slice);
        Records {
            path: about.map(|slice| slice.path.clone()).unwrap_or_default(),
            source: about.map(|slice| slice.source.name()).unwrap_or_default(),
            encoding: about.map(|slice| slice.encoding.name()).unwrap_or_default(),
            expired: window.expired,
            more_before: from > 0,
            more_after: to < self.places.len(),
            records: records.into(),
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Records {
    path: String,
    /// Empty, as `encoding`, where nothing is held.
    source: &'static str,
    encoding: &'static str,
    /// Its text is gone.
    expired: bool,
    records: Vec<RecordOut>,
    more_before: bool,
    more_after: bool,
}

impl Records {
    /// The source bytes from the first record to the last; nothing where there is none.
    fn bytes(&self) -> Option<Range<u64>> {
        let (first, last) = self.records.first().zip(self.records.last())?;
        Some(first.offset..last.offset.saturating_add(last.length))
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogRecord)]
struct RecordOut {
    offset: u64,
    length: u64,
    #[schema(value_type = Option<LoggedTime>)]
    logged: Option<String>,
    #[schema(value_type = Option<UtcTime>)]
    utc: Option<String>,
    #[schema(value_type = LogLevel)]
    level: &'static str,
    component: String,
    text: String,
    /// Bytes of the text left out at its end; absent where it is whole.
    #[serde(skip_serializing_if = "is_zero")]
    omitted: usize,
    /// In the order of their places, without overlaps.
    codes: Vec<CodeAt>,
    /// It is the record that was asked for.
    target: bool,
}

/// A code and where it is spelled, in UTF-16 units as browsers count.
#[derive(Serialize, ToSchema)]
pub(super) struct CodeAt {
    #[schema(value_type = CodeText)]
    code: String,
    name: Option<&'static str>,
    at: usize,
    end: usize,
}

fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl RecordOut {
    /// About what it takes in an answer: JSON writes a control character in six bytes.
    fn weight(&self) -> usize {
        const FRAME: usize = 256;
        const CODE: usize = 96;
        let text: usize = self
            .text
            .bytes()
            .chain(self.component.bytes())
            .map(|byte| match byte {
                0..0x20 => 6,
                b'"' | b'\\' => 2,
                _ => 1,
            })
            .sum();
        FRAME + text + CODE * self.codes.len()
    }

    fn new(
        place: &Place<'_>,
        changes: &[UtcAnchor],
        target: bool,
        spellings: &mut Vec<Spelling>,
    ) -> Self {
        let head = place.record.head();
        let at = head.and_then(|head| head.logged);
        let stamp = place.record.stamp();
        let change = changes.partition_point(|change| change.offset <= place.offset);
        // Before the first anchor the first one's offset is the best there is, as in derivation.
        let by_anchor = || {
            changes
                .get(change.saturating_sub(1))
                .zip(at)
                .map(|(change, at)| at.to_utc(change.minutes))
        };
        let whole = place.record.text();
        let text = &whole[..whole.floor_char_boundary(TEXT_MAX)];
        spellings.clear();
        codes_in(text, spellings);
        Self {
            offset: place.offset,
            length: place.length,
            logged: logged(at),
            utc: stamp.or_else(by_anchor).map(|utc| utc.to_string()),
            level: head.map_or("unknown", |head| head.level.name()),
            component: name(head.map_or("", |head| head.component).to_owned()),
            codes: code_places(text, spellings),
            omitted: whole.len() - text.len(),
            text: text.to_owned(),
            target,
        }
    }
}

/// The codes that a text spells.
pub(super) fn spelled(text: &str) -> Vec<CodeAt> {
    let mut spellings = Vec::new();
    codes_in(text, &mut spellings);
    code_places(text, &mut spellings)
}

fn code_places(text: &str, spellings: &mut [Spelling]) -> Vec<CodeAt> {
    spellings.sort_unstable_by_key(|spelling| (spelling.at, std::cmp::Reverse(spelling.end)));
    let mut codes: Vec<CodeAt> = Vec::new();
    let (mut bytes, mut units) = (0, 0);
    for spelling in spellings.iter() {
        if codes.len() == CODES_MAX {
            break;
        }
        // Of spellings that overlap the first and longest is shown.
        let (Some(between), Some(word)) = (
            text.get(bytes..spelling.at),
            text.get(spelling.at..spelling.end),
        ) else {
            continue;
        };
        let at = units + between.encode_utf16().count();
        let end = at + word.encode_utf16().count();
        codes.push(CodeAt {
            code: spelling.code.to_string(),
            name: spelling.code.name(),
            at,
            end,
        });
        (bytes, units) = (spelling.end, end);
    }
    codes
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Format, Source, TextEncoding};

    // Made-up records.
    const LINES: [&str; 4] = [
        "2024-05-01 08:00:00, Info                  CBS    one\r\n",
        "2024-05-01 08:00:01, Error                 CSI    00000001@2024/5/1:00:00:01.250 (F) STATUS_FILE_CORRUPT_ERROR 磁盘 [gle=0xd0000102]\r\n",
        "2024-05-01 08:00:02, Info                  CBS    three\n  and more\r\n",
        "2024-05-01 08:00:03, Info                  CBS    four\r\n",
    ];

    fn slice(encoding: TextEncoding, offset: u64, mark: u64, text: &str) -> RawSlice {
        let length = parse::source_length(encoding, text) + mark;
        RawSlice {
            path: "CBS.log".to_owned(),
            source: Source::Cbs,
            encoding,
            format: Format::Wds,
            offset,
            length,
            from: offset,
            until: offset + length,
            text: text.to_owned(),
        }
    }

    fn window(slices: Vec<RawSlice>) -> RawWindow {
        let end = slices.last().map_or(0, |slice| slice.until);
        RawWindow {
            first: slices.first().map_or(0, |slice| slice.from),
            end,
            slices,
            expired: false,
        }
    }

    fn texts(records: &Records) -> Vec<&str> {
        records
            .records
            .iter()
            .map(|record| record.text.as_str())
            .collect()
    }

    #[test]
    fn offsets_are_those_of_the_source_in_every_encoding() {
        let text = LINES.concat();
        for (encoding, mark) in [
            (TextEncoding::Utf8, 0),
            (TextEncoding::Utf8, 3),
            (TextEncoding::Utf16le, 2),
            (TextEncoding::Utf16be, 0),
            (TextEncoding::Gb18030, 0),
        ] {
            let window = window(vec![slice(encoding, 0, mark, &text)]);
            let second = mark + parse::source_length(encoding, LINES[0]);
            for wanted in [second, second + 5] {
                let found = Shelf::new(&window, wanted).take(&window, &[], 1, 1);
                assert_eq!(found.records.len(), 3, "{encoding:?}");
                let target = &found.records[1];
                assert!(target.target && !found.records[0].target && !found.records[2].target);
                assert_eq!((target.offset, found.records[0].offset), (second, mark));
                assert_eq!((found.more_before, found.more_after), (false, true));
            }
            assert_eq!(
                Shelf::new(&window, 0).target,
                Some(0),
                "inside the byte-order mark"
            );
        }
    }

    // A copy that ends within a UTF-16 unit: its half became a character of the text, and once hid the byte-order mark, so that
    // every record of the chunk stood two bytes too early.
    #[test]
    fn a_copy_that_ends_within_a_unit_keeps_its_offsets() {
        let text = LINES.concat() + "\u{FFFD}";
        for mark in [0, 2] {
            let mut copy = slice(TextEncoding::Utf16le, 0, mark, &text);
            (copy.length, copy.until) = (copy.length - 1, copy.until - 1);
            let window = window(vec![copy]);
            let second = mark + parse::source_length(TextEncoding::Utf16le, LINES[0]);
            let found = Shelf::new(&window, second).take(&window, &[], 1, 1);
            let offsets: Vec<(u64, bool)> = found
                .records
                .iter()
                .map(|record| (record.offset, record.target))
                .collect();
            assert_eq!(offsets[..2], [(mark, false), (second, true)]);
        }
    }

    #[test]
    fn slices_that_were_trimmed_show_each_record_once() {
        let (head, tail) = (LINES[..3].concat(), LINES[2..].concat());
        let third = (LINES[0].len() + LINES[1].len()) as u64;
        let mut first = slice(TextEncoding::Utf8, 0, 0, &head);
        first.until = third;
        let window = window(vec![first, slice(TextEncoding::Utf8, third, 0, &tail)]);
        let found = Shelf::new(&window, third).take(&window, &[], 9, 9);
        assert_eq!(texts(&found)[2..], ["three\n  and more", "four"]);
        assert!(found.records[2].target);
        assert_eq!(found.records.len(), 4);
    }

    #[test]
    fn codes_are_marked_where_browsers_count_them() {
        let text = LINES.concat();
        let window = window(vec![slice(TextEncoding::Utf8, 0, 0, &text)]);
        let found = Shelf::new(&window, LINES[0].len() as u64).take(&window, &[], 0, 0);
        let record = &found.records[0];
        let units: Vec<u16> = record.text.encode_utf16().collect();
        let spelled: Vec<String> = record
            .codes
            .iter()
            .map(|code| String::from_utf16(&units[code.at..code.end]).unwrap())
            .collect();
        assert_eq!(spelled, ["STATUS_FILE_CORRUPT_ERROR", "0xd0000102"]);
        assert!(record.codes.iter().all(|code| code.code == "0xc0000102"));
        assert_eq!(record.utc.as_deref(), Some("2024-05-01T00:00:01.250Z"));
    }

    #[test]
    fn an_answer_holds_what_it_may_and_says_that_there_is_more() {
        let long = format!(
            "2024-05-01 08:00:00, Info                  CBS    {}\r\n",
            "\u{1b}[0x80070570] ".repeat(6_000)
        );
        let window = window(vec![slice(TextEncoding::Utf8, 0, 0, &long.repeat(90))]);
        let shelf = Shelf::new(&window, 45 * long.len() as u64);
        let found = shelf.take(&window, &[], 500, 500);
        let bytes = serde_json::to_string(&found).expect("JSON").len();
        assert!(bytes < ANSWER_MAX + ANSWER_MAX / 4, "{bytes} bytes");
        assert!(found.more_before && found.more_after);
        assert!(found.records.len() > 10, "{} records", found.records.len());
        assert_eq!(
            found.records.iter().filter(|record| record.target).count(),
            1
        );
        assert_eq!(found.records[0].codes.len(), CODES_MAX);
        // A reader who asks for more gets some.
        let edge = found.records[0].offset;
        let more = Shelf::new(&window, edge).take(&window, &[], 100, 0);
        assert!(more.records[0].offset < edge);
    }

    #[test]
    fn a_component_that_fills_its_record_is_cut() {
        let row = format!(
            "{{0F0E0D0C-0B0A-0908-0706-050403020100}}\t2024-05-01 08:00:05:293+0330\t1\t182 [{}]\t101\r\n",
            "x".repeat(100_000)
        );
        let slice = RawSlice {
            format: Format::ReportingEvents,
            ..slice(TextEncoding::Utf8, 0, 0, &row)
        };
        let window = window(vec![slice]);
        let found = Shelf::new(&window, 0).take(&window, &[], 0, 0);
        let component = &found.records[0].component;
        assert!(component.ends_with("x…") && component.len() < 2_048);
    }

    // Made-up lines, as a chunk of an .evtx file becomes them.
    #[test]
    fn records_of_an_event_log_stand_where_they_say() {
        let line = |at: u64, id: u64| {
            format!(
                r##"{{"ts_utc":"2024-05-01T08:00:05.293Z","at":{at},"bytes":300,"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"disk"}}}},"EventID":7,"Level":2,"TimeCreated":{{"#attributes":{{"SystemTime":"2024-05-01T08:00:05.293Z"}}}},"EventRecordID":{id}}}}}}}"##
            ) + "\n"
        };
        let text = line(4_608, 1)
            + &line(4_908, 2)
            + "{\"at\":5208,\"bytes\":700,\"unreadable\":\"made up\"}\n";
        let mut chunk = slice(TextEncoding::Evtx, 0, 0, &text);
        chunk.format = Format::EventJson;
        (chunk.length, chunk.until) = (69_632, 69_632);
        let window = window(vec![chunk]);
        let found = Shelf::new(&window, 4_908).take(&window, &[], 9, 9);
        let places: Vec<(u64, u64, bool)> = found
            .records
            .iter()
            .map(|record| (record.offset, record.length, record.target))
            .collect();
        assert_eq!(
            places,
            [(4_608, 300, false), (4_908, 300, true), (5_208, 700, false)]
        );
        let record = &found.records[1];
        assert_eq!(record.utc.as_deref(), Some("2024-05-01T08:00:05.293Z"));
        assert_eq!((record.level, record.component.as_str()), ("error", "disk"));
        assert!(record.text.contains("\"record_id\":2"));
    }

    #[test]
    fn utc_follows_the_offset_in_force() {
        use event::{LoggedAt, UtcHow};
        let text = LINES.concat();
        let window = window(vec![slice(TextEncoding::Utf8, 0, 0, &text)]);
        let anchor = |offset, minutes| UtcAnchor {
            offset,
            minutes,
            how: UtcHow::CsiStamp,
            logged: LoggedAt(0),
        };
        let last = (LINES[0].len() + LINES[1].len() + LINES[2].len()) as u64;
        let found =
            Shelf::new(&window, 0).take(&window, &[anchor(10, 480), anchor(last, 60)], 9, 9);
        let utc: Vec<_> = found
            .records
            .iter()
            .map(|record| record.utc.as_deref().unwrap())
            .collect();
        assert_eq!(
            utc,
            [
                "2024-05-01T00:00:00.000Z",
                "2024-05-01T00:00:01.250Z",
                "2024-05-01T00:00:02.000Z",
                "2024-05-01T07:00:03.000Z"
            ]
        );
    }

    #[test]
    fn an_empty_window_has_no_record_and_an_expired_target_is_none() {
        let empty = RawWindow {
            end: 10,
            expired: true,
            ..RawWindow::default()
        };
        let found = Shelf::new(&empty, 3).take(&empty, &[], 5, 5);
        assert!(
            found.records.is_empty() && found.expired && !found.more_before && !found.more_after
        );
        let text = LINES.concat();
        let mut held = window(vec![slice(TextEncoding::Utf8, 0, 0, &text)]);
        held.expired = true;
        let found = Shelf::new(&held, 5_000).take(&held, &[], 5, 5);
        assert!(found.records.iter().all(|record| !record.target));
    }
}
