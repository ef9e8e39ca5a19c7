//! Rows as the tables hold them, borrowed from what they are made of so that writing one allocates nothing.

use crate::version::{chunk_version, event_version};
use clickhouse::Row;
use event::{
    Chunk, Code, Day, Event, EventId, Format, Level, LoggedAt, Marker, Month, Noise, Source,
    StreamId, TextEncoding, Unit, UnitNews, UtcAnchor, UtcHow, UtcMillis,
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64;

/// A chunk with what was made of it: everything that is stored for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkRows {
    /// The chunk; shared with who may have to hand it over again.
    pub chunk: Arc<Chunk>,
    /// Hash of its text.
    pub content_hash: u64,
    /// Records that mean something.
    pub events: Vec<Event>,
    /// Harmless look-alikes.
    pub noise: Vec<Noise>,
    /// Changes of the UTC offset.
    pub anchors: Vec<UtcAnchor>,
    /// Records in it.
    pub records: u32,
    /// What of it was not understood; it is counted, and not stored.
    pub unread: Unread,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Names of the machine in its first and in its last record, each once; none in logs that name none.
    pub hosts: Vec<String>,
    /// Every code in it, noise included.
    pub codes: Vec<Code>,
    /// Every KB in it.
    pub kbs: Vec<String>,
    /// Last day it is kept, in days since 1970, or [`ChunkRows::KEEP`].
    pub keep_until_day: u16,
    /// What it brings of each month whose answer it may change; none where it can change none.
    pub news: BTreeMap<Month, UnitNews>,
}

/// What of a chunk was not understood.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unread {
    /// Continuations of CSI records whose start is missing.
    pub orphans: u64,
    /// Bytes of text that belong to no record.
    pub loose_bytes: u64,
    /// Events of event logs that name no provider, time or id.
    pub half_read: u64,
}

impl ChunkRows {
    /// Kept until space is needed: the last day that ClickHouse's `Date` can name.
    pub const KEEP: u16 = u16::MAX;

    /// A chunk of which nothing is known yet but its text.
    pub fn new(chunk: impl Into<Arc<Chunk>>) -> Self {
        let chunk = chunk.into();
        Self {
            content_hash: xxh3_64(chunk.text.as_bytes()),
            chunk,
            events: Vec::new(),
            noise: Vec::new(),
            anchors: Vec::new(),
            records: 0,
            unread: Unread::default(),
            first: None,
            last: None,
            hosts: Vec::new(),
            codes: Vec::new(),
            kbs: Vec::new(),
            keep_until_day: Self::KEEP,
            news: BTreeMap::new(),
        }
    }

    /// Whether a failure was found in it: such text is kept longest.
    pub fn is_evidence(&self) -> bool {
        self.events.iter().any(|event| !event.codes.is_empty())
    }

    /// Where its row in `chunks` and `coverage` stands.
    pub fn month(&self) -> Month {
        month_of(self.first)
    }

    /// Months of the units it may change: its span, and where its events are.
    pub fn months(&self) -> Vec<Month> {
        let mut months: Vec<Month> = self
            .events
            .iter()
            .map(|event| month_of(event.logged))
            .collect();
        months.extend(months_between(month_of(self.first), month_of(self.last)));
        months.sort_unstable();
        months.dedup();
        months
    }

    /// Months whose partitions its rows stand in: storing it takes an INSERT for each.
    pub fn partitions(&self) -> BTreeSet<Month> {
        let events = self.events.iter().map(|event| event.logged);
        let noise = self.noise.iter().map(|noise| noise.logged);
        let own = std::iter::once(self.first);
        events.chain(noise).chain(own).map(month_of).collect()
    }
}

/// Months that a chunk touches whose earliest head is of the first and whose latest is of the last, some of them twice. Longer spans come
/// from a wild stamp: of them so many months and both ends.
pub(crate) fn months_between(first: Month, last: Month) -> impl Iterator<Item = Month> {
    const MAX_SPAN: usize = 24;
    let span = std::iter::successors(Some(first), |month| Some(month.after()));
    let within = span.take_while(move |&month| {
        first != Month::FAR_OFF && (last == Month::FAR_OFF || month < last)
    });
    within.take(MAX_SPAN).chain([first, last])
}

/// The month whose partition holds a time.
pub(crate) fn month_of(logged: Option<LoggedAt>) -> Month {
    logged.map_or(Month::FAR_OFF, LoggedAt::month)
}

/// The day whose key holds a time, as days since 1970, in the same month as [`month_of`]. All far-off times share one.
pub(crate) fn day_of(logged: Option<LoggedAt>) -> u16 {
    Day::of(logged).number()
}

/// The day of a chunk's latest head: as [`day_of`], but never before the day of an earlier one, so that it bounds a stream.
fn last_day_of(last: Option<LoggedAt>) -> u16 {
    let end = Month::near().1.end();
    match last {
        Some(last) if last >= end => days(end),
        _ => day_of(last),
    }
}

/// The days that the partitions of some months hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Days {
    /// What is far off lies before and after the days from `first` to `last`; what is not, within.
    is_far: bool,
    pub(crate) first: u16,
    pub(crate) last: u16,
}

impl Days {
    /// Of months that follow each other, or of the far-off one. An older build kept far-off months in partitions of their own:
    /// those count.
    pub(crate) fn of(from: Month, to: Month) -> Self {
        let is_far = from == Month::FAR_OFF;
        let (from, to) = if is_far { Month::near() } else { (from, to) };
        Self {
            is_far,
            first: days(from.start()),
            last: days(to.end()) - 1,
        }
    }

    /// As a condition on `day`, of the parameters `first` and `last`.
    pub(crate) fn condition(self) -> &'static str {
        if self.is_far {
            "(day < toDate({first:UInt16}) OR day > toDate({last:UInt16}))"
        } else {
            "day BETWEEN toDate({first:UInt16}) AND toDate({last:UInt16})"
        }
    }

    /// As a condition on single pieces of streams: they may reach into these months.
    pub(crate) fn piece_condition(self) -> &'static str {
        if self.is_far {
            "(day < toDate({first:UInt16}) OR greatest(day, last_day) > toDate({last:UInt16}))"
        } else {
            "(day <= toDate({last:UInt16}) AND greatest(day, last_day) >= toDate({first:UInt16}))"
        }
    }

    /// As a condition on streams, whose coverage is grouped: they may reach into these months.
    pub(crate) fn stream_condition(self) -> &'static str {
        if self.is_far {
            "min(day) < toDate({first:UInt16}) OR max(greatest(day, last_day)) > toDate({last:UInt16})"
        } else {
            "min(day) <= toDate({last:UInt16}) AND max(last_day) >= toDate({first:UInt16})"
        }
    }
}

/// Days since 1970.
fn days(at: LoggedAt) -> u16 {
    u16::try_from(at.0.div_euclid(86_400)).unwrap_or(u16::MAX)
}

#[derive(Row, Serialize)]
pub(crate) struct ChunkRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    source: &'a str,
    stream: u64,
    offset: u64,
    length: u64,
    content_hash: u64,
    path: &'a str,
    encoding: &'a str,
    format: &'a str,
    open: u8,
    sender: &'a str,
    received_at: i64,
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
    records: u32,
    codes: &'a [Code],
    kbs: &'a [String],
    rule_set: u32,
    generations: &'static [u32],
    keep_until: u16,
    evidence: u8,
    version: u128,
    text: &'a str,
}

/// The generation that live writes make; reprocessing will make others.
pub(crate) const LIVE_GENERATION: u32 = 0;

impl<'a> ChunkRow<'a> {
    pub(crate) fn new(rule_set: u32, rows: &'a ChunkRows) -> Self {
        let chunk = &rows.chunk;
        Self {
            tenant: &chunk.tenant,
            day: day_of(rows.first),
            endpoint: &chunk.endpoint,
            source: chunk.source.name(),
            stream: chunk.stream.0,
            offset: chunk.offset,
            length: chunk.length,
            content_hash: rows.content_hash,
            path: &chunk.path,
            encoding: chunk.encoding.name(),
            format: chunk.format.name(),
            open: chunk.open.into(),
            sender: &chunk.sender,
            received_at: chunk.received_ms,
            first: rows.first,
            last: rows.last,
            records: rows.records,
            codes: &rows.codes,
            kbs: &rows.kbs,
            rule_set,
            generations: &[LIVE_GENERATION],
            keep_until: rows.keep_until_day,
            evidence: rows.is_evidence().into(),
            version: chunk_version(rule_set, chunk),
            text: &chunk.text,
        }
    }
}

#[derive(Row, Serialize)]
pub(crate) struct CoverageRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    stream: u64,
    offset: u64,
    end: u64,
    content_hash: u64,
    day: u16,
    last_day: u16,
    source: &'a str,
    path: &'a str,
    encoding: &'a str,
    format: &'a str,
    open: u8,
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
    anchor_offsets: Vec<u64>,
    anchor_minutes: Vec<i32>,
    anchor_hows: Vec<&'static str>,
    anchor_logged: Vec<LoggedAt>,
    version: u128,
}

impl<'a> CoverageRow<'a> {
    pub(crate) fn new(rule_set: u32, rows: &'a ChunkRows) -> Self {
        let chunk = &rows.chunk;
        let anchors = &rows.anchors;
        Self {
            tenant: &chunk.tenant,
            endpoint: &chunk.endpoint,
            stream: chunk.stream.0,
            offset: chunk.offset,
            end: chunk.offset.saturating_add(chunk.length),
            content_hash: rows.content_hash,
            day: day_of(rows.first),
            last_day: last_day_of(rows.last),
            source: chunk.source.name(),
            path: &chunk.path,
            encoding: chunk.encoding.name(),
            format: chunk.format.name(),
            open: chunk.open.into(),
            first: rows.first,
            last: rows.last,
            anchor_offsets: anchors.iter().map(|anchor| anchor.offset).collect(),
            anchor_minutes: anchors.iter().map(|anchor| anchor.minutes).collect(),
            anchor_hows: anchors.iter().map(|anchor| anchor.how.name()).collect(),
            anchor_logged: anchors.iter().map(|anchor| anchor.logged).collect(),
            version: chunk_version(rule_set, chunk),
        }
    }
}

#[derive(Row, Serialize)]
pub(crate) struct EventRow<'a> {
    tenant: &'a str,
    pub(crate) day: u16,
    endpoint: &'a str,
    source: &'a str,
    id: u64,
    generation: u32,
    open: u8,
    open_stream: u64,
    open_offset: u64,
    stream: u64,
    offset: u64,
    length: u64,
    logged: Option<LoggedAt>,
    stamp: Option<UtcMillis>,
    level: &'a str,
    component: &'a str,
    marker: &'a str,
    codes: &'a [Code],
    rule: &'a str,
    object: &'a str,
    kb: &'a str,
    package: &'a str,
    component_identity: &'a str,
    session: &'a str,
    client: &'a str,
    trace: &'a str,
    fields: &'a [(String, String)],
    text: &'a str,
    rule_set: u32,
    pub(crate) version: u128,
    pub(crate) gone: u8,
    merged_from: &'a str,
}

impl<'a> EventRow<'a> {
    pub(crate) fn new(rule_set: u32, chunk: &'a Chunk, event: &'a Event) -> Self {
        Self::copied(rule_set, (&chunk.tenant, &chunk.endpoint), "", event)
    }

    /// An event of a tenant's endpoint that was copied from another endpoint.
    pub(crate) fn copied(
        rule_set: u32,
        (tenant, endpoint): (&'a str, &'a str),
        merged_from: &'a str,
        event: &'a Event,
    ) -> Self {
        Self {
            tenant,
            day: day_of(event.logged),
            endpoint,
            source: event.source.name(),
            id: event.id.0,
            generation: LIVE_GENERATION,
            open: event.open.into(),
            open_stream: if event.open { event.stream.0 } else { 0 },
            open_offset: if event.open { event.offset } else { 0 },
            stream: event.stream.0,
            offset: event.offset,
            length: event.length,
            logged: event.logged,
            stamp: event.stamp,
            level: event.level.name(),
            component: &event.component,
            marker: event.marker.name(),
            codes: &event.codes,
            rule: &event.rule,
            object: &event.object,
            kb: &event.kb,
            package: &event.package,
            component_identity: &event.component_identity,
            session: &event.session,
            client: &event.client,
            trace: &event.trace,
            fields: &event.fields,
            text: &event.text,
            rule_set,
            version: event_version(rule_set, event),
            gone: 0,
            merged_from,
        }
    }
}

/// An event as it is read back, with what decides about it.
#[derive(Row, Deserialize)]
pub(crate) struct StoredEvent {
    pub(crate) endpoint: String,
    pub(crate) source: String,
    pub(crate) id: u64,
    pub(crate) open: u8,
    pub(crate) stream: u64,
    pub(crate) offset: u64,
    pub(crate) length: u64,
    pub(crate) logged: Option<i64>,
    stamp: Option<i64>,
    level: String,
    component: String,
    marker: String,
    codes: Vec<u32>,
    rule: String,
    object: String,
    kb: String,
    package: String,
    component_identity: String,
    session: String,
    client: String,
    trace: String,
    fields: Vec<(String, String)>,
    text: String,
    pub(crate) version: u128,
    /// What the question says beside the row: of `events` that it is superseded, of `day_inputs` that it is a landmark.
    pub(crate) flag: u8,
}

impl StoredEvent {
    /// Nothing when a newer build wrote a word this one does not know.
    pub(crate) fn into_event(self) -> Option<Event> {
        Some(Event {
            id: EventId(self.id),
            source: Source::from_name(&self.source)?,
            stream: StreamId(self.stream),
            offset: self.offset,
            length: self.length,
            open: self.open != 0,
            logged: self.logged.map(LoggedAt),
            stamp: self.stamp.map(UtcMillis),
            level: Level::from_name(&self.level).unwrap_or_default(),
            component: self.component,
            marker: Marker::from_name(&self.marker).unwrap_or_default(),
            codes: self.codes.into_iter().map(Code::new).collect(),
            rule: self.rule,
            object: self.object,
            kb: self.kb,
            package: self.package,
            component_identity: self.component_identity,
            session: self.session,
            client: self.client,
            trace: self.trace,
            fields: self.fields,
            text: self.text,
        })
    }
}

/// One member set of `noise`.
#[derive(Row, Serialize)]
pub(crate) struct NoiseRow<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) day: u16,
    pub(crate) endpoint: &'a str,
    pub(crate) source: &'a str,
    pub(crate) rule: &'a str,
    pub(crate) code: u32,
    pub(crate) session: &'a str,
    pub(crate) generation: u32,
    pub(crate) ids: &'a [u64],
}

#[derive(Row, Serialize)]
pub(crate) struct OpenNoiseRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    source: &'a str,
    rule: &'a str,
    code: u32,
    session: &'a str,
    generation: u32,
    id: u64,
    stream: u64,
    offset: u64,
    length: u64,
}

impl<'a> OpenNoiseRow<'a> {
    pub(crate) fn new(chunk: &'a Chunk, noise: &'a Noise) -> Self {
        Self {
            tenant: &chunk.tenant,
            day: day_of(noise.logged),
            endpoint: &chunk.endpoint,
            source: noise.source.name(),
            rule: &noise.rule,
            code: noise.code.map_or(0, Code::value),
            session: &noise.session,
            generation: LIVE_GENERATION,
            id: noise.id.0,
            stream: noise.stream.0,
            offset: noise.offset,
            length: noise.length,
        }
    }
}

#[derive(Row, Serialize)]
pub(crate) struct NewsRow<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) month: u32,
    pub(crate) id: u64,
    pub(crate) done: u8,
    pub(crate) days: Vec<u16>,
    pub(crate) links: Vec<u64>,
}

impl<'a> NewsRow<'a> {
    /// News of a name that touches days of a unit.
    pub(crate) fn open(unit: &'a Unit, id: u64, news: &UnitNews) -> Self {
        Self {
            tenant: &unit.tenant,
            endpoint: &unit.endpoint,
            month: unit.month.yyyymm(),
            id,
            done: 0,
            days: news.days.iter().map(|day| day.number()).collect(),
            links: news.links.iter().copied().collect(),
        }
    }

    /// News of that name is done with, in the month that it stands in.
    pub(crate) fn done(unit: &'a Unit, month: u32, id: u64) -> Self {
        Self {
            tenant: &unit.tenant,
            endpoint: &unit.endpoint,
            month,
            id,
            done: 1,
            days: Vec::new(),
            links: Vec::new(),
        }
    }
}

/// A row of `news` whose time is not that at which it is written.
#[derive(Row, Serialize)]
pub(crate) struct DatedNewsRow<'a> {
    pub(crate) tenant: &'a str,
    pub(crate) endpoint: &'a str,
    pub(crate) month: u32,
    pub(crate) id: u64,
    pub(crate) done: u8,
    /// Seconds since 1970.
    pub(crate) at: u32,
}

/// A piece of a stream that is or was held, as it is read back.
#[derive(Row, Deserialize)]
pub(crate) struct StoredPiece {
    stream: u64,
    source: String,
    path: String,
    encoding: String,
    format: String,
    offset: u64,
    end: u64,
    content_hash: u64,
    open: u8,
    first: Option<i64>,
    last: Option<i64>,
    anchor_offsets: Vec<u64>,
    anchor_minutes: Vec<i32>,
    anchor_hows: Vec<String>,
    anchor_logged: Vec<i64>,
}

/// A piece of a stream that is or was held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which stream.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Where the sender read it.
    pub path: String,
    /// What the source's bytes were encoded in.
    pub encoding: TextEncoding,
    /// How records are laid out.
    pub format: Format,
    /// First source byte.
    pub offset: u64,
    /// First source byte after it.
    pub end: u64,
    /// Hash of its text.
    pub content_hash: u64,
    /// Its last record may go on.
    pub open: bool,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Changes of the UTC offset in it.
    pub anchors: Vec<UtcAnchor>,
}

impl StoredPiece {
    pub(crate) fn into_piece(self) -> Option<Piece> {
        let anchors = self
            .anchor_offsets
            .iter()
            .zip(&self.anchor_minutes)
            .zip(self.anchor_hows.iter().zip(&self.anchor_logged))
            .filter_map(|((&offset, &minutes), (how, &logged))| {
                Some(UtcAnchor {
                    offset,
                    minutes,
                    how: UtcHow::from_name(how)?,
                    logged: LoggedAt(logged),
                })
            })
            .collect();
        Some(Piece {
            stream: StreamId(self.stream),
            source: Source::from_name(&self.source)?,
            path: self.path,
            encoding: TextEncoding::from_name(&self.encoding)?,
            format: Format::from_name(&self.format)?,
            offset: self.offset,
            end: self.end,
            content_hash: self.content_hash,
            open: self.open != 0,
            first: self.first.map(LoggedAt),
            last: self.last.map(LoggedAt),
            anchors,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_stands_in_the_partition_of_its_month() {
        let at = |text: &str| LoggedAt::parse(text.as_bytes());
        assert_eq!(day_of(at("2022-08-18 15:53:46")), 19_222);
        assert_eq!(last_day_of(at("2022-08-18 15:53:46")), 19_222);
        // 1990-01-01 for whatever is far off, and for what has no time.
        for far in ["1601-01-01 00:00:00", "2999-06-06 00:00:00", ""] {
            assert_eq!(day_of(at(far)), 7_305, "{far}");
        }
        // 2038-01-01: a stream that ends far off reaches every month before.
        assert_eq!(last_day_of(at("2999-06-06 00:00:00")), 24_837);
        assert_eq!(last_day_of(at("1601-01-01 00:00:00")), 7_305);
        assert_eq!(last_day_of(None), 7_305);
    }

    #[test]
    fn a_chunk_touches_every_month_it_spans() {
        let mut rows = ChunkRows::new(crate::testing::chunk("e", 0, "text", false));
        rows.first = LoggedAt::parse(b"2022-11-30 00:00:00");
        rows.last = LoggedAt::parse(b"2023-02-01 00:00:00");
        let months: Vec<u32> = rows.months().into_iter().map(Month::yyyymm).collect();
        assert_eq!(months, [202211, 202212, 202301, 202302]);
        rows.last = LoggedAt::parse(b"2035-01-01 00:00:00");
        assert!(rows.months().len() < 30);
        // What a wild stamp hides is woken as far as a span may be long.
        rows.last = LoggedAt::parse(b"2099-01-01 00:00:00");
        let months = rows.months();
        assert_eq!(months.len(), 25);
        assert!(months.contains(&Month::FAR_OFF) && months.contains(&Month::from_yyyymm(202401)));
        rows.first = LoggedAt::parse(b"1601-01-01 00:00:00");
        rows.last = LoggedAt::parse(b"2022-11-30 00:00:00");
        let months: Vec<u32> = rows.months().into_iter().map(Month::yyyymm).collect();
        assert_eq!(months, [199001, 202211]);
    }
}
