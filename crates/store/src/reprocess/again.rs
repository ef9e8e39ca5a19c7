//! What a newer rule set makes again: stored chunks in the order of the table, and the units whose answers may be others then.

use super::{ChunkPlace, Selection, StoredChunk};
use crate::{
    error::Result,
    jobs::JobStep,
    rows::{DatedNewsRow, Days, months_between},
    store::Store,
};
use clickhouse::{Row, query::Query};
use event::{Chunk, Month, Unit};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Chunks read at once at most, where they are small.
const CHUNKS_OF_A_READ: u64 = 4_096;

/// Source bytes read at once, and one chunk more.
const BYTES_OF_A_READ: u64 = 8 << 20;

/// Seconds: sweeps look for news of this age (`pipeline.sweep_age`, a minute), as younger news may be of a batch that is on its way.
const SWEPT_AT_ONCE: u64 = 61;

/// The selected chunks: a rollback's are also those that arrived since, which the job's rules classified.
const CHUNKS: &str = "tenant = {tenant:String} \
     AND ((day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
         AND (empty({endpoints:Array(String)}) OR endpoint IN {endpoints:Array(String)}) \
         AND (empty({sources:Array(String)}) OR source IN {sources:Array(String)})) \
       OR ({is_undo:UInt8} = 1 AND rule_set > {made_after:UInt32})) \
     AND (empty({only:Array(String)}) OR endpoint IN {only:Array(String)})";

fn selected(question: Query, tenant: &str, of: &Selection) -> Query {
    question
        .param("tenant", tenant)
        .param("from", of.from)
        .param("to", of.to)
        .param("endpoints", &of.endpoints)
        .param("sources", &of.sources)
        .param("only", &of.only)
        .param("is_undo", u8::from(of.made_after.is_some()))
        .param("made_after", of.made_after.unwrap_or_default())
}

/// How many chunks of these lengths, which are the next ones, are read at once.
fn chunks_at_once(lengths: &[u64]) -> u64 {
    let mut bytes = 0_u64;
    let fit = lengths.iter().take_while(|length| {
        let fits = bytes < BYTES_OF_A_READ;
        bytes = bytes.saturating_add(**length);
        fits
    });
    fit.count() as u64
}

/// Where a chunk stands, without its text.
#[derive(Row, Deserialize)]
struct ChunkKey {
    day: u16,
    endpoint: String,
    stream: u64,
    offset: u64,
    length: u64,
    content_hash: u64,
}

impl ChunkKey {
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
}

impl Store {
    /// Months of the selected chunks, and source bytes in each.
    pub async fn months_of_chunks(
        &self,
        tenant: &str,
        of: &Selection,
    ) -> Result<Vec<(Month, u64)>> {
        let statement = format!(
            "SELECT toYYYYMM(day) AS month, sum(length) FROM chunks WHERE {CHUNKS} GROUP BY month ORDER BY month"
        );
        let question = selected(self.sql(&statement), tenant, of);
        let rows: Vec<(u32, u64)> = self
            .fetch_all("list the months of `chunks`", question)
            .await?;
        // Months that an older build kept by themselves are parts of the far-off one.
        let mut months: BTreeMap<Month, u64> = BTreeMap::new();
        for (month, bytes) in rows {
            *months.entry(Month::from_yyyymm(month)).or_default() += bytes;
        }
        Ok(months.into_iter().collect())
    }

    /// The next selected chunks of a month, of all endpoints, in the order of the table, and the place to go on from; none when there
    /// are no more.
    pub async fn chunks_of_month(
        &self,
        tenant: &str,
        of: &Selection,
        month: Month,
        after: Option<&ChunkPlace>,
    ) -> Result<Option<(Vec<Chunk>, ChunkPlace)>> {
        let start = ChunkPlace::default();
        let place = after.unwrap_or(&start);
        let days = Days::of(month, month);
        // Both bounds are also said of the table's first columns alone: of a tuple the engine leaves out no part of the table.
        let asked = |what: &str, until: Option<&ChunkPlace>, limit: u64| {
            let until_place = until.unwrap_or(place);
            let until = if until.is_some() {
                "AND day <= toDate({until_day:UInt16}) \
                 AND (day < toDate({until_day:UInt16}) OR endpoint <= {until_endpoint:String}) \
                 AND (day, endpoint, stream, offset, length, content_hash) <= \
                   (toDate({until_day:UInt16}), {until_endpoint:String}, {until_stream:UInt64}, {until_offset:UInt64}, {until_length:UInt64}, {until_hash:UInt64})"
            } else {
                ""
            };
            let statement = format!(
                "SELECT {what} FROM chunks WHERE {CHUNKS} AND {} \
                   AND ({{is_first:UInt8}} = 1 OR (day, endpoint, stream, offset, length, content_hash) > \
                     (toDate({{day:UInt16}}), {{endpoint:String}}, {{stream:UInt64}}, {{offset:UInt64}}, {{length:UInt64}}, {{hash:UInt64}})) \
                   AND ({{is_first:UInt8}} = 1 OR day > toDate({{day:UInt16}}) \
                     OR (day = toDate({{day:UInt16}}) AND endpoint >= {{endpoint:String}})) {until} \
                 ORDER BY day, endpoint, stream, offset, length, content_hash, version DESC \
                 LIMIT 1 BY day, endpoint, stream, offset, length, content_hash LIMIT {{limit:UInt64}}",
                days.condition()
            );
            let question = selected(self.sql(&statement), tenant, of)
                .param("first", days.first)
                .param("last", days.last)
                .param("is_first", u8::from(after.is_none()))
                .param("day", place.day)
                .param("endpoint", &place.endpoint)
                .param("stream", place.stream)
                .param("offset", place.offset)
                .param("length", place.length)
                .param("hash", place.content_hash)
                .param("limit", limit);
            if until.is_empty() {
                return question;
            }
            question
                .param("until_day", until_place.day)
                .param("until_endpoint", &until_place.endpoint)
                .param("until_stream", until_place.stream)
                .param("until_offset", until_place.offset)
                .param("until_length", until_place.length)
                .param("until_hash", until_place.content_hash)
        };
        // First where they stand and how large they are, which costs no text: an endpoint of small chunks may stand before one of large
        // ones. Then these and no more: without an end the text of the whole month behind the place is read for each piece of it.
        let keys = asked("?fields", None, CHUNKS_OF_A_READ);
        let keys: Vec<ChunkKey> = self.fetch_all("measure stored chunks", keys).await?;
        let lengths: Vec<u64> = keys.iter().map(|key| key.length).collect();
        let count = chunks_at_once(&lengths);
        let until = usize::try_from(count)
            .ok()
            .and_then(|count| keys.get(count.checked_sub(1)?));
        let Some(until) = until.map(ChunkKey::place) else {
            return Ok(None);
        };
        let rows = asked("?fields", Some(&until), count);
        let rows: Vec<StoredChunk> = self.fetch_all("read stored chunks", rows).await?;
        // Where they went meanwhile, reading goes on behind them.
        let place = rows.last().map_or(until, StoredChunk::place);
        let chunks = rows
            .into_iter()
            .filter_map(|row| row.into_chunk(tenant))
            .collect();
        Ok(Some((chunks, place)))
    }

    /// Endpoints with selected chunks of a month that no rule set from this one on has classified, and how many: who slept stored them.
    pub async fn chunks_behind(
        &self,
        tenant: &str,
        of: &Selection,
        month: Month,
        rule_set: u32,
    ) -> Result<Vec<(String, u64)>> {
        let days = Days::of(month, month);
        // A chunk and its coverage are of one day.
        let statement = format!(
            "SELECT endpoint, count() FROM chunks WHERE {CHUNKS} AND {condition} \
               AND sipHash64(endpoint, stream, offset, offset + length, content_hash) NOT IN (\
                 SELECT sipHash64(endpoint, stream, offset, `end`, content_hash) FROM coverage \
                 WHERE tenant = {{tenant:String}} AND {condition} AND version >= {newer}) \
             GROUP BY endpoint ORDER BY endpoint",
            condition = days.condition(),
            newer = of_set!()
        );
        let question = selected(self.sql(&statement), tenant, of)
            .param("first", days.first)
            .param("last", days.last)
            .param("rule_set", rule_set);
        self.fetch_all("look for chunks of an older rule set", question)
            .await
    }

    /// Endpoints of the selected chunks.
    pub async fn endpoints_of_chunks(&self, tenant: &str, of: &Selection) -> Result<Vec<String>> {
        let statement =
            format!("SELECT DISTINCT endpoint FROM chunks WHERE {CHUNKS} ORDER BY endpoint");
        let question = selected(self.sql(&statement), tenant, of);
        self.fetch_all("list the endpoints of `chunks`", question)
            .await
    }

    /// Units whose answers may be others once a rule set has classified the selected chunks: those that the chunks span, and those in
    /// which it has made or taken back an event.
    pub async fn units_of_set(
        &self,
        tenant: &str,
        endpoints: &[String],
        rule_set: u32,
    ) -> Result<Vec<Unit>> {
        let mut units: BTreeSet<(String, Month)> = BTreeSet::new();
        for some in endpoints.chunks(super::ENDPOINTS_AT_ONCE) {
            let spans: Vec<(String, u32, u32)> = self
                .fetch_all(
                    "read the months of coverage",
                    self.sql(concat!(
                        "SELECT DISTINCT endpoint, toYYYYMM(day), toYYYYMM(last_day) FROM coverage \
                         WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND version >= ",
                        of_set!()
                    ))
                    .param("tenant", tenant)
                    .param("endpoints", some)
                    .param("rule_set", rule_set),
                )
                .await?;
            for (endpoint, first, last) in spans {
                let (first, last) = (Month::from_yyyymm(first), Month::from_yyyymm(last));
                let months = months_between(first, last);
                units.extend(months.map(|month| (endpoint.clone(), month)));
            }
            let events: Vec<(String, u32)> = self
                .fetch_all(
                    "read the months of events",
                    self.sql(concat!(
                        "SELECT DISTINCT endpoint, toYYYYMM(day) FROM day_inputs \
                         WHERE tenant = {tenant:String} AND landmark IN (0, 1) AND endpoint IN {endpoints:Array(String)} AND version >= ",
                        of_set!()
                    ))
                    .param("tenant", tenant)
                    .param("endpoints", some)
                    .param("rule_set", rule_set),
                )
                .await?;
            let events = events.into_iter();
            units.extend(events.map(|(endpoint, month)| (endpoint, Month::from_yyyymm(month))));
        }
        let units = units.into_iter().map(|(endpoint, month)| Unit {
            tenant: tenant.to_owned(),
            endpoint,
            month,
        });
        Ok(units.collect())
    }

    /// Has months of endpoints derived again by whoever derives them. `name` is the job's: a repeat for what is derived already changes
    /// nothing.
    pub async fn ask_for_units(&self, units: &[Unit], name: u64) -> Result<()> {
        // All it stands for is stored, so no sweep need wait until it is older.
        let now = u64::try_from(self.now_ms().await? / 1_000).unwrap_or_default();
        let at = u32::try_from(now.saturating_sub(SWEPT_AT_ONCE)).unwrap_or_default();
        let news = units.iter().map(|unit| DatedNewsRow {
            tenant: &unit.tenant,
            endpoint: &unit.endpoint,
            month: unit.month.yyyymm(),
            id: name | crate::NEWS_NAMES,
            done: 0,
            at,
        });
        self.insert_rows::<DatedNewsRow<'static>, _>("news", news)
            .await
    }

    /// Which of these units have open news of this name.
    pub async fn units_waiting(&self, name: u64) -> Result<u64> {
        self.fetch_one(
            "count the open news of a job",
            self.sql(
                "SELECT count() FROM (SELECT tenant, endpoint, month FROM news WHERE id = {name:UInt64} \
                   GROUP BY tenant, endpoint, month HAVING max(done) = 0)",
            )
            .param("name", name | crate::NEWS_NAMES),
        )
        .await
    }
}

impl JobStep {
    /// Where to go on reading, and in which month.
    pub fn place(&self) -> Option<(Month, ChunkPlace)> {
        let place = ChunkPlace {
            day: self.day,
            endpoint: self.endpoint.clone(),
            stream: self.stream,
            offset: self.offset,
            length: self.length,
            content_hash: self.content_hash,
        };
        (self.month > 0).then(|| (Month::from_yyyymm(self.month), place))
    }

    /// Notes where reading has come to.
    pub fn reach(&mut self, month: Month, place: &ChunkPlace) {
        self.month = month.yyyymm();
        self.day = place.day;
        self.endpoint = place.endpoint.clone();
        self.stream = place.stream;
        self.offset = place.offset;
        self.length = place.length;
        self.content_hash = place.content_hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_chunks_before_large_ones_do_not_fill_memory() {
        let mut lengths = vec![1 << 10; 1_000];
        lengths.extend([256 << 10; 3_000]);
        let bytes: u64 = lengths.iter().take(chunks_at_once(&lengths) as usize).sum();
        assert!((BYTES_OF_A_READ..=BYTES_OF_A_READ + (256 << 10)).contains(&bytes));
        assert_eq!(chunks_at_once(&[u64::MAX, 1]), 1);
        assert_eq!(chunks_at_once(&lengths[..1_000]), 1_000);
        assert_eq!(chunks_at_once(&[]), 0);
    }
}
