//! The logs of an endpoint, from what is or was held of them. Summed up by the store: a machine may have millions of pieces.

use super::{
    messages::is_message,
    place::{Ends, Place},
};
use crate::{error::Result, store::Store};
use clickhouse::{Row, query::Query};
use event::{LoggedAt, MESSAGE_PATH, Source, StreamId, TextEncoding, UtcAnchor, UtcHow};
use serde::Deserialize;

/// Logs of one answer: the log files that a machine keeps by itself are fewer.
const STREAMS: u64 = 50;

/// Gaps told of one log. More of them are a sender that loses everything, and their number says so.
const GAPS: u64 = 20;

/// UTC offsets told of one log, the latest ones: two changes a year, for ten years.
const OFFSETS: u64 = 20;

/// Changes of the offset that placing records of a window asks for. A log has a handful.
const CHANGES: u64 = 10_000;

/// One log of an endpoint; all messages of one path are one, although each is a stream of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    /// Which; of messages, the newest one.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Where the sender read it; one of the names where it was met under several.
    pub path: String,
    /// What its bytes are encoded in.
    pub encoding: TextEncoding,
    /// Source bytes held or once held, each once.
    pub bytes: u64,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// UTC offsets, each from a place on: the latest ones.
    pub utc: Vec<UtcSegment>,
    /// How many UTC offsets there are.
    pub utc_total: u64,
    /// Bytes known to be missing between pieces: the first ones.
    pub gaps: Vec<Gap>,
    /// How many gaps there are.
    pub gaps_total: u64,
}

/// From here on the wall clock was this far ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcSegment {
    /// Minutes ahead of UTC.
    pub minutes: i32,
    /// What shows it.
    pub how: UtcHow,
    /// Head of the record that shows it first.
    pub from: LoggedAt,
}

/// A range of a stream that never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First missing byte.
    pub from: u64,
    /// First byte after.
    pub to: u64,
}

/// What all logs of an endpoint have in common.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) first: Option<LoggedAt>,
    pub(super) last: Option<LoggedAt>,
}

#[derive(Row, Deserialize)]
struct StreamRow {
    stream: u64,
    source: String,
    path: String,
    encoding: String,
    is_message: u8,
    bytes: u64,
    earliest: Option<LoggedAt>,
    latest: Option<LoggedAt>,
    total: u64,
    first_of_all: Option<LoggedAt>,
    last_of_all: Option<LoggedAt>,
}

/// Logs by their latest head. A message without a time is older than any other.
const LOGS: &str = concat!(
    "SELECT ?fields FROM (\
       SELECT *, shown_path AS path, row_number() OVER (ORDER BY latest DESC NULLS LAST, shown_path, stream) AS rank, count() OVER () AS total, \
         min(earliest) OVER () AS first_of_all, max(latest) OVER () AS last_of_all FROM (\
         SELECT stream, toString(argMin(source, (offset, `end`, content_hash))) AS source, min(path) AS shown_path, \
           toString(argMin(encoding, (offset, `end`, content_hash))) AS encoding, 0 AS is_message, \
           toUInt64(intervalLengthSum(offset, `end`)) AS bytes, min(first) AS earliest, max(last) AS latest \
         FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND NOT ",
    is_message!(),
    " GROUP BY stream \
         UNION ALL \
         SELECT argMax(stream, (ifNull(last, toDateTime64(0, 0, 'UTC')), stream)) AS stream, toString(source) AS source, path, \
           'utf-8' AS encoding, 1 AS is_message, toUInt64(sum(`end` - offset)) AS bytes, min(first) AS earliest, max(last) AS latest \
         FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND ",
    is_message!(),
    " GROUP BY source, path)) \
     WHERE rank > {skip:UInt64} AND rank <= {skip:UInt64} + {limit:UInt64} ORDER BY rank"
);

/// Where a piece starts behind all that came before it, from the first byte of the stream on.
const GAPS_OF: &str = concat!(
    "SELECT ?fields FROM (SELECT stream, reach, offset, count() OVER (PARTITION BY stream) AS gaps FROM (\
       SELECT stream, offset, \
         max(`end`) OVER (PARTITION BY stream ORDER BY offset, `end` ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach \
       FROM coverage WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream IN {streams:Array(UInt64)} \
         AND `end` > offset AND NOT ",
    is_message!(),
    ") WHERE offset > reach) ORDER BY stream, offset LIMIT {limit:UInt64} BY stream"
);

/// The first anchor of each run of equal offsets, as `parse::utc_changes` takes them: weak ones count only where the stream has
/// nothing better. The first one of all holds before itself too, and so is never left out.
const CHANGES_OF: &str = "SELECT ?fields FROM (\
       SELECT *, count() OVER (PARTITION BY stream) AS changes FROM (\
         SELECT *, lagInFrame(toNullable(minutes)) OVER (PARTITION BY stream ORDER BY anchor_offset, minutes, rank, logged \
             ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS minutes_before FROM (\
           SELECT stream, anchor_offset, minutes, toString(shown_by) AS how, logged, \
             indexOf({hows:Array(String)}, toString(shown_by)) AS rank, \
             max(rank BETWEEN 1 AND {strong:UInt64}) OVER (PARTITION BY stream) AS has_strong \
           FROM coverage FINAL \
           ARRAY JOIN anchor_offsets AS anchor_offset, anchor_minutes AS minutes, anchor_hows AS shown_by, anchor_logged AS logged \
           WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream IN {streams:Array(UInt64)}) \
         WHERE rank > 0 AND (rank > {strong:UInt64}) != has_strong) \
       WHERE minutes_before IS NULL OR minutes_before != minutes) \
     WHERE anchor_offset < {below:UInt64} OR minutes_before IS NULL \
     ORDER BY stream, anchor_offset DESC, minutes DESC LIMIT {limit:UInt64} BY stream";

#[derive(Row, Deserialize)]
struct GapRow {
    stream: u64,
    reach: u64,
    offset: u64,
    gaps: u64,
}

#[derive(Row, Deserialize)]
struct ChangeRow {
    stream: u64,
    anchor_offset: u64,
    minutes: i32,
    how: String,
    logged: LoggedAt,
    changes: u64,
}

impl ChangeRow {
    fn anchor(&self) -> Option<UtcAnchor> {
        Some(UtcAnchor {
            offset: self.anchor_offset,
            minutes: self.minutes,
            how: UtcHow::from_name(&self.how)?,
            logged: self.logged,
        })
    }
}

impl UtcSegment {
    fn new(change: &ChangeRow) -> Option<Self> {
        let anchor = change.anchor()?;
        Some(Self {
            minutes: anchor.minutes,
            how: anchor.how,
            from: anchor.logged,
        })
    }
}

/// Ways to know an offset, the best first; the last one is weak.
const HOWS: [UtcHow; 4] = [
    UtcHow::CsiStamp,
    UtcHow::UniversalTime,
    UtcHow::StampOffset,
    UtcHow::SessionId,
];

impl Store {
    /// A page of an endpoint's logs by their latest head, and the times that all of them span.
    pub(super) async fn streams_page(
        &self,
        tenant: &str,
        endpoint: &str,
        from: &Place,
    ) -> Result<(Vec<StreamSummary>, Ends, Span)> {
        let rows: Vec<StreamRow> = self
            .fetch_all(
                "sum up the logs of an endpoint",
                self.page(LOGS)
                    .param("tenant", tenant)
                    .param("endpoint", endpoint)
                    .param("messages", MESSAGE_PATH)
                    .param("skip", from.rank())
                    .param("limit", STREAMS),
            )
            .await?;
        let (total, span) = rows.first().map_or((0, Span::default()), |row| {
            let span = Span {
                first: row.first_of_all,
                last: row.last_of_all,
            };
            (row.total, span)
        });
        let ends = Ends::by_rank(from, rows.len(), STREAMS, total);
        let streams: Vec<u64> = rows.iter().map(|row| row.stream).collect();
        let (gaps, changes) = tokio::try_join!(
            self.gaps_of(tenant, endpoint, &streams),
            self.changes_of(tenant, endpoint, &streams, u64::MAX, OFFSETS)
        )?;
        let summary = |row: StreamRow| {
            // Each message is whole; which ones a shipper left out nobody can tell.
            let is_file = row.is_message == 0;
            let gaps = gaps
                .iter()
                .filter(|gap| is_file && gap.stream == row.stream);
            let changes = changes
                .iter()
                .filter(|change| is_file && change.stream == row.stream);
            Some(StreamSummary {
                stream: StreamId(row.stream),
                source: Source::from_name(&row.source)?,
                path: row.path,
                encoding: TextEncoding::from_name(&row.encoding)?,
                bytes: row.bytes,
                first: row.earliest,
                last: row.latest,
                utc_total: changes.clone().next().map_or(0, |change| change.changes),
                utc: changes.rev().filter_map(UtcSegment::new).collect(),
                gaps_total: gaps.clone().next().map_or(0, |gap| gap.gaps),
                gaps: gaps
                    .map(|gap| Gap {
                        from: gap.reach,
                        to: gap.offset,
                    })
                    .collect(),
            })
        };
        Ok((rows.into_iter().filter_map(summary).collect(), ends, span))
    }

    /// The latest UTC offset that any log of an endpoint shows: the one in force.
    pub(super) async fn utc_offset(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Option<UtcSegment>> {
        let found: Option<(i32, String, i64)> = self
            .fetch_optional(
                "read the UTC offset of an endpoint",
                self.page(
                    "SELECT latest.1, latest.2, latest.3 FROM (\
                       SELECT argMax((minutes, toString(how), logged), (how != {weak:String}, logged, minutes)) AS latest \
                       FROM coverage FINAL ARRAY JOIN anchor_minutes AS minutes, anchor_hows AS how, anchor_logged AS logged \
                       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY stream) \
                     ORDER BY latest.3 DESC, latest.1 LIMIT 1",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("weak", UtcHow::SessionId.name()),
            )
            .await?;
        Ok(found.and_then(|(minutes, how, logged)| {
            Some(UtcSegment {
                minutes,
                how: UtcHow::from_name(&how)?,
                from: LoggedAt(logged),
            })
        }))
    }

    /// Where a stream's UTC offset changes, by offset: the changes before a place, and the first one of all.
    pub async fn utc_changes(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        below: u64,
    ) -> Result<Vec<UtcAnchor>> {
        let changes = self
            .changes_of(tenant, endpoint, &[stream.0], below, CHANGES)
            .await?;
        Ok(changes.iter().rev().filter_map(ChangeRow::anchor).collect())
    }

    async fn gaps_of(&self, tenant: &str, endpoint: &str, streams: &[u64]) -> Result<Vec<GapRow>> {
        let query = self.of_streams(GAPS_OF, tenant, endpoint, streams);
        self.fetch_all("read the gaps of logs", query.param("limit", GAPS))
            .await
    }

    /// The latest changes of each stream's offset below a place, latest first.
    async fn changes_of(
        &self,
        tenant: &str,
        endpoint: &str,
        streams: &[u64],
        below: u64,
        limit: u64,
    ) -> Result<Vec<ChangeRow>> {
        let strong = HOWS.iter().filter(|how| !how.is_weak()).count() as u64;
        let query = self
            .of_streams(CHANGES_OF, tenant, endpoint, streams)
            .param("hows", HOWS.map(UtcHow::name).as_slice())
            .param("strong", strong)
            .param("below", below)
            .param("limit", limit);
        self.fetch_all("read the UTC offsets of logs", query).await
    }

    fn of_streams(&self, sql: &str, tenant: &str, endpoint: &str, streams: &[u64]) -> Query {
        self.page(sql)
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("streams", streams)
            .param("messages", MESSAGE_PATH)
    }
}
