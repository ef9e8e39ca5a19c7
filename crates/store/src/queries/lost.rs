//! What senders know to be lost of logs: rotated away before it was read, damaged, or overwritten in an event log.

use super::{
    Day, Filter,
    told::{labelled, narrowed},
};
use crate::{error::Result, rows::ChunkRows, store::Store};
use clickhouse::Row;
use event::{GapReason, Source, StreamId, UtcMillis};
use serde::{Deserialize, Serialize};

/// A part of a log that is lost for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LostPiece {
    /// Whose.
    pub endpoint: String,
    /// The kind of log.
    pub source: Source,
    /// Which log; none where no line of it was ever read.
    pub stream: Option<StreamId>,
    /// Where it is or was.
    pub path: String,
    /// The first byte that is missing, or the first record; see [`GapReason::is_of_records`].
    pub from: u64,
    /// The first one behind it.
    pub to: u64,
    /// Why.
    pub reason: GapReason,
    /// When the intake first heard of it.
    pub told: UtcMillis,
}

/// A row of `gaps`.
#[derive(Row, Serialize)]
struct GapRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    source: &'a str,
    stream: u64,
    path: &'a str,
    reason: &'a str,
    from: u64,
    to: u64,
    told: i64,
}

#[derive(Row, Deserialize)]
struct LostRow {
    endpoint: String,
    source: String,
    stream: u64,
    path: String,
    reason: String,
    begins: u64,
    ends: u64,
    at: i64,
    total: u64,
}

impl LostRow {
    /// Nothing of a row that a newer build has written.
    fn into_piece(self) -> Option<LostPiece> {
        Some(LostPiece {
            endpoint: self.endpoint,
            source: Source::from_name(&self.source)?,
            stream: (self.stream != 0).then_some(StreamId(self.stream)),
            path: self.path,
            from: self.begins,
            to: self.ends,
            reason: GapReason::from_name(&self.reason)?,
            told: UtcMillis(self.at),
        })
    }
}

/// Pieces told of one endpoint.
const OF_ENDPOINT: u64 = 1_000;

/// Gaps of endpoints as a table, each once: `endpoint`, `source`, `stream`, `path`, `reason`, `begins`, `ends` and `at`. Bytes that came
/// after all, by another way, are not missing; where only some of them did, what is held says so by itself.
pub(super) fn missing(narrow: &str) -> String {
    let records: Vec<String> = GapReason::ALL
        .into_iter()
        .filter(|reason| reason.is_of_records())
        .map(|reason| format!("'{}'", reason.name()))
        .collect();
    format!(
        "(SELECT gap.endpoint AS endpoint, toString(gap.source) AS source, gap.stream AS stream, gap.path AS path, toString(gap.reason) AS reason, \
           gap.begins AS begins, gap.ends AS ends, gap.at AS at \
         FROM (SELECT endpoint, source, stream, path, reason, `from` AS begins, max(`to`) AS ends, toUnixTimestamp64Milli(min(told)) AS at FROM gaps \
           WHERE tenant = {{tenant:String}}{narrow} GROUP BY endpoint, source, stream, path, reason, begins) AS gap \
         LEFT JOIN (SELECT endpoint, stream, max(`end`) AS reach FROM coverage \
           WHERE tenant = {{tenant:String}} AND (endpoint, stream) IN (SELECT endpoint, stream FROM gaps WHERE tenant = {{tenant:String}}{narrow}) \
           GROUP BY endpoint, stream) AS held ON gap.endpoint = held.endpoint AND gap.stream = held.stream \
         WHERE gap.reason IN ({records}) OR held.reach < gap.ends)",
        records = records.join(", ")
    )
}

impl Store {
    /// Stores what some chunks say to be lost.
    pub(crate) async fn insert_gaps(&self, chunks: &[ChunkRows]) -> Result<()> {
        let rows = chunks.iter().filter_map(|rows| {
            let chunk = &rows.chunk;
            let (path, reason) = chunk.gap()?;
            Some(GapRow {
                tenant: &chunk.tenant,
                endpoint: &chunk.endpoint,
                source: chunk.source.name(),
                stream: chunk.stream.0,
                path,
                reason: reason.name(),
                from: chunk.offset,
                to: chunk.offset.saturating_add(chunk.length),
                told: chunk.received_ms,
            })
        });
        self.insert_rows::<GapRow<'static>, _>("gaps", rows).await
    }

    /// What is lost of an endpoint's logs, the last to be told of first.
    pub async fn lost_of(&self, tenant: &str, endpoint: &str) -> Result<Vec<LostPiece>> {
        let sql = format!(
            "SELECT *, count() OVER () AS total FROM {} ORDER BY at DESC, source, path, begins LIMIT {{limit:UInt64}}",
            missing(" AND endpoint = {endpoint:String}")
        );
        let query = self
            .page(&sql)
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("limit", OF_ENDPOINT);
        let rows: Vec<LostRow> = self
            .fetch_all("read what is lost of an endpoint's logs", query)
            .await?;
        Ok(rows.into_iter().filter_map(LostRow::into_piece).collect())
    }

    /// What is lost of the logs of a filter's machines, the last to be told of first, up to a bound; and how much there is. Of days that the
    /// filter names it is what was first told of on them, whenever it was logged; where it names none, it is all.
    pub async fn lost(&self, filter: &Filter, limit: u64) -> Result<(Vec<LostPiece>, u64)> {
        let narrow = format!(
            " AND ({{endpoint:String}} = '' OR endpoint = {{endpoint:String}}){}",
            labelled(filter)
        );
        let sql = format!(
            "SELECT *, count() OVER () AS total FROM {} \
             WHERE toUInt16(toDate(fromUnixTimestamp64Milli(at, 'UTC'))) BETWEEN {{from:UInt16}} AND {{to:UInt16}} \
             ORDER BY at DESC, endpoint, source, path, begins LIMIT {{limit:UInt64}}",
            missing(&narrow)
        );
        let (from, to) = (filter.from.unwrap_or(0), filter.to.unwrap_or(Day::MAX));
        let query = narrowed(self.page(&sql), filter, from, to)
            .param("endpoint", filter.endpoint.as_deref().unwrap_or(""))
            .param("limit", limit);
        let rows: Vec<LostRow> = self.fetch_all("read what is lost of logs", query).await?;
        let total = rows.first().map_or(0, |row| row.total);
        let pieces = rows.into_iter().filter_map(LostRow::into_piece);
        Ok((pieces.collect(), total))
    }
}
