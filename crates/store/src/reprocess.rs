//! What reprocessing reads: stored chunks piece by piece, and the findings that readers see.

/// The least version of rows that a rule set made: its sequence stands above all else in versions of events and of coverage.
macro_rules! of_set {
    () => {
        "bitShiftLeft(toUInt128({rule_set:UInt32}), 108)"
    };
}

mod again;
mod noise;
mod take_back;

use crate::{error::Result, queries::Day, rows::Days, store::Store};
use clickhouse::Row;
use event::{Chunk, Format, Month, Source, StreamId, TextEncoding};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Chunks of one endpoint that start in one month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChunkMonth {
    /// Which machine.
    pub endpoint: String,
    /// The month of their earliest heads.
    pub month: Month,
    /// Bytes of text.
    pub bytes: u64,
}

/// Which stored chunks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// First day of the chunks, as days since 1970 of logged time. The day of a chunk is that of its earliest head.
    pub from: Day,
    /// Last day.
    pub to: Day,
    /// Of these endpoints; none stands for all.
    pub endpoints: Vec<String>,
    /// Of these kinds of logs, by name; none stands for all.
    pub sources: Vec<String>,
    /// And whatever else a newer rule set than this one classified when it arrived.
    pub made_after: Option<u32>,
    /// Of all these, only those of these endpoints; none stands for all.
    pub only: Vec<String>,
}

/// A place in the order in which chunks are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChunkPlace {
    day: Day,
    endpoint: String,
    stream: u64,
    offset: u64,
    length: u64,
    content_hash: u64,
}

/// Endpoints whose stale rows are looked for at once.
const ENDPOINTS_AT_ONCE: usize = 200;

/// Chunks read at once: 16 MiB of text at most, as none is longer than 256 KiB.
const CHUNKS_OF_A_READ: u64 = 64;

impl Store {
    /// What is held of a selection, by endpoint and month. The day of a chunk is that of its earliest head.
    pub async fn chunk_months(&self, tenant: &str, of: &Selection) -> Result<Vec<ChunkMonth>> {
        let rows: Vec<(String, u32, u64)> = self
            .fetch_all(
                "list the months of `chunks`",
                self.sql(
                    "SELECT endpoint, toYYYYMM(day) AS month, sum(length(text)) FROM chunks \
                     WHERE tenant = {tenant:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                       AND (empty({endpoints:Array(String)}) OR endpoint IN {endpoints:Array(String)}) \
                       AND (empty({sources:Array(String)}) OR source IN {sources:Array(String)}) \
                     GROUP BY endpoint, month ORDER BY endpoint, month",
                )
                .param("tenant", tenant)
                .param("from", of.from)
                .param("to", of.to)
                .param("endpoints", &of.endpoints)
                .param("sources", &of.sources),
            )
            .await?;
        // Months that an older build kept by themselves are parts of the far-off one.
        let mut months: BTreeMap<(String, Month), u64> = BTreeMap::new();
        for (endpoint, month, bytes) in rows {
            *months
                .entry((endpoint, Month::from_yyyymm(month)))
                .or_default() += bytes;
        }
        Ok(months
            .into_iter()
            .map(|((endpoint, month), bytes)| ChunkMonth {
                endpoint,
                month,
                bytes,
            })
            .collect())
    }

    /// The next selected chunks of an endpoint's month, after a place, and the place to go on from; none when
    /// there are no more.
    pub async fn chunks_after(
        &self,
        tenant: &str,
        endpoint: &str,
        month: Month,
        of: &Selection,
        after: Option<&ChunkPlace>,
    ) -> Result<Option<(Vec<Chunk>, ChunkPlace)>> {
        let start = ChunkPlace::default();
        let place = after.unwrap_or(&start);
        let days = Days::of(month, month);
        let rows: Vec<StoredChunk> = self
            .fetch_all(
                "read stored chunks",
                self.sql(&format!(
                    "SELECT ?fields FROM chunks \
                     WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}} AND {} \
                       AND day BETWEEN toDate({{from:UInt16}}) AND toDate({{to:UInt16}}) \
                       AND (empty({{sources:Array(String)}}) OR source IN {{sources:Array(String)}}) \
                       AND ({{is_first:UInt8}} = 1 OR (day, stream, offset, length, content_hash) > \
                         (toDate({{day:UInt16}}), {{stream:UInt64}}, {{offset:UInt64}}, {{length:UInt64}}, {{hash:UInt64}})) \
                     ORDER BY day, stream, offset, length, content_hash, version DESC \
                     LIMIT 1 BY day, stream, offset, length, content_hash LIMIT {{limit:UInt64}}",
                    days.condition()
                ))
                .param("first", days.first)
                .param("last", days.last)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("from", of.from)
                .param("to", of.to)
                .param("sources", &of.sources)
                .param("is_first", u8::from(after.is_none()))
                .param("day", place.day)
                .param("stream", place.stream)
                .param("offset", place.offset)
                .param("length", place.length)
                .param("hash", place.content_hash)
                .param("limit", CHUNKS_OF_A_READ),
            )
            .await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let place = last.place();
        let chunks = rows
            .into_iter()
            .filter_map(|row| row.into_chunk(tenant))
            .collect();
        Ok(Some((chunks, place)))
    }
}

/// The partition that holds a day, which an older build may have kept apart although it is far off.
fn partition_of(day: Day) -> String {
    let at = event::LoggedAt(i64::from(day) * 86_400).to_string();
    at.chars().take("1990-01".len()).collect()
}

#[derive(Row, Deserialize)]
struct StoredChunk {
    day: u16,
    endpoint: String,
    source: String,
    stream: u64,
    offset: u64,
    length: u64,
    content_hash: u64,
    path: String,
    encoding: String,
    format: String,
    open: u8,
    sender: String,
    received_at: i64,
    text: String,
}

impl StoredChunk {
    fn place(&self) -> ChunkPlace {
        ChunkPlace {
            day: self.day,
            endpoint: self.endpoint.clone(),
            stream: self.stream,
            offset: self.offset,
            length: self.length,
            content_hash: self.content_hash,
        }
    }

    /// Nothing when a newer build wrote a word this one does not know.
    fn into_chunk(self, tenant: &str) -> Option<Chunk> {
        Some(Chunk {
            tenant: tenant.to_owned(),
            endpoint: self.endpoint,
            source: Source::from_name(&self.source)?,
            stream: StreamId(self.stream),
            path: self.path,
            offset: self.offset,
            length: self.length,
            encoding: TextEncoding::from_name(&self.encoding)?,
            format: Format::from_name(&self.format)?,
            open: self.open != 0,
            sender: self.sender,
            received_ms: self.received_at,
            text: self.text,
        })
    }
}
