//! Where streams go on: what is stored of each before a place, for whoever goes on there and did not store it.

use crate::{
    error::Result,
    rows::{LIVE_GENERATION, StoredEvent},
    store::Store,
};
use clickhouse::Row;
use event::{Day, Event, LoggedAt, StreamId};
use serde::Deserialize;
use std::{
    collections::{BTreeSet, HashMap},
    fmt::Write as _,
};

/// A place in a stream of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamPlace<'a> {
    /// Whose log.
    pub endpoint: &'a str,
    /// Which stream.
    pub stream: StreamId,
    /// First source byte after what is asked for.
    pub offset: u64,
}

/// The last piece of a stream that begins before a place and reaches it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamEnd {
    /// First source byte of it.
    pub start: u64,
    /// First source byte after it.
    pub end: u64,
    /// A head of it or of a piece before it; nothing of the stream's last MiB has a head where there is none.
    pub first: Option<LoggedAt>,
    /// Its latest head, or that of a piece before it.
    pub last: Option<LoggedAt>,
    /// Offsets from UTC of the last piece that shows any, of those that begin in the MiB before the place.
    pub minutes: Vec<i32>,
    /// Whether its last record may go on.
    pub is_open: bool,
    /// That record, where it is an event.
    pub open_events: Vec<Event>,
}

/// Pieces that begin longer before a place are not looked at: there is none larger.
const REACH: u64 = 1 << 20;

/// Places asked for with one question, which reads a range of the key for each stream.
const PLACES_AT_ONCE: usize = 200;

/// Open pieces so many days before the newest of them tell nothing: the days of all are read together, and of all their endpoints.
const OPEN_DAYS: u16 = 7;

impl Store {
    /// What is stored before places of streams, by stream; nothing of one where no piece reaches its place, or where the last one is
    /// open and has no head or is days older than others. No two places are of one stream.
    pub async fn stream_ends(
        &self,
        tenant: &str,
        places: &[StreamPlace<'_>],
    ) -> Result<HashMap<StreamId, StreamEnd>> {
        let mut all = HashMap::new();
        for some in places.chunks(PLACES_AT_ONCE) {
            all.extend(self.some_stream_ends(tenant, some).await?);
        }
        Ok(all)
    }

    async fn some_stream_ends(
        &self,
        tenant: &str,
        places: &[StreamPlace<'_>],
    ) -> Result<HashMap<StreamId, StreamEnd>> {
        let endpoints: BTreeSet<&str> = places.iter().map(|place| place.endpoint).collect();
        let endpoints: Vec<&str> = endpoints.into_iter().collect();
        let mut ranges = String::from("0");
        for place in places {
            let (stream, to) = (place.stream.0, place.offset);
            let from = to.saturating_sub(REACH);
            let _ = write!(
                ranges,
                " OR (stream = {stream} AND offset >= {from} AND offset < {to})"
            );
        }
        let rows: Vec<EndRow> = self
            .fetch_all(
                "read where streams go on",
                self.sql(&ENDS.replace("{ranges}", &ranges))
                    .param("tenant", tenant)
                    .param("endpoints", &endpoints),
            )
            .await?;
        let wanted: HashMap<StreamId, u64> = places
            .iter()
            .map(|place| (place.stream, place.offset))
            .collect();
        let open = || rows.iter().filter(|row| row.open != 0);
        let newest = open().map(|row| row.day).max().unwrap_or_default();
        let from = newest.saturating_sub(OPEN_DAYS);
        // Without a head nothing tells on which days an open record would have to be looked for.
        let tells =
            |row: &EndRow| row.open == 0 || row.day != Day::FAR_OFF.number() && row.day >= from;
        let to = open().filter(|row| tells(row)).map(|row| row.last_day);
        let to = to.max();
        let mut ends: HashMap<StreamId, StreamEnd> = HashMap::new();
        for row in rows {
            let (stream, is_open) = (StreamId(row.stream), row.open != 0);
            let reaches = wanted.get(&stream).is_some_and(|&at| row.stop >= at);
            if !reaches || !tells(&row) {
                continue;
            }
            let end = StreamEnd {
                start: row.start,
                end: row.stop,
                first: row.first_head.map(LoggedAt),
                last: row.last_head.map(LoggedAt),
                minutes: row.minutes,
                is_open,
                open_events: Vec::new(),
            };
            ends.insert(stream, end);
        }
        let Some(to) = to else {
            return Ok(ends);
        };
        let is_open = |end: &(&StreamId, &StreamEnd)| end.1.is_open;
        let streams: Vec<u64> = ends
            .iter()
            .filter(is_open)
            .map(|(stream, _)| stream.0)
            .collect();
        let events: Vec<StoredEvent> = self
            .fetch_all(
                "read open records",
                self.sql(OPEN_EVENTS)
                    .param("tenant", tenant)
                    .param("endpoints", &endpoints)
                    .param("streams", &streams)
                    .param("generation", LIVE_GENERATION)
                    .param("far_off", Day::FAR_OFF.number())
                    .param("from", from)
                    .param("to", to),
            )
            .await?;
        for event in events.into_iter().filter_map(StoredEvent::into_event) {
            // What the piece goes on beyond is superseded already.
            if let Some(end) = ends.get_mut(&event.stream)
                && event.offset.saturating_add(event.length) >= end.end
            {
                end.open_events.push(event);
            }
        }
        Ok(ends)
    }
}

/// The piece that ends last, and of those the shortest. Heads are none of a piece without any, so they are those of one before it.
const ENDS: &str = "SELECT stream, argMax(offset, (`end`, offset, open)) AS start, max(`end`) AS stop, \
       argMax(open, (`end`, offset, open)) AS is_open, argMax(toUInt16(day), (`end`, offset, open)) AS on_day, \
       max(toUInt16(last_day)) AS to_day, \
       argMax(first, (`end`, offset, open)) AS first_head, argMax(last, (`end`, offset, open)) AS last_head, \
       argMaxIf(anchor_minutes, (`end`, offset, open), notEmpty(anchor_minutes)) AS minutes \
     FROM coverage \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND ({ranges}) \
     GROUP BY stream";

const OPEN_EVENTS: &str = "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, \
       object, kb, package, component_identity, session, client, trace, fields, text, version, toUInt8(0) AS flag \
     FROM events FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND generation = {generation:UInt32} AND open = 1 AND gone = 0 \
       AND open_stream IN {streams:Array(UInt64)} AND (day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) OR day = toDate({far_off:UInt16}))";

#[derive(Row, Deserialize)]
struct EndRow {
    stream: u64,
    start: u64,
    stop: u64,
    #[serde(rename = "is_open")]
    open: u8,
    #[serde(rename = "on_day")]
    day: u16,
    #[serde(rename = "to_day")]
    last_day: u16,
    first_head: Option<i64>,
    last_head: Option<i64>,
    minutes: Vec<i32>,
}
