//! What an endpoint has, moved to another one: what chunks hold is made again elsewhere, the rest is copied here, and then it goes.
//!
//! Every copy is the same row however often it is made, so a merge that was cut short is begun again.

use crate::inputs::InputRow;
use crate::news::{NEWS_NAMES, OpenNews};
use crate::queries::messages::is_message;
use crate::rows::{EventRow, LIVE_GENERATION, NewsRow, NoiseRow, StoredEvent, month_of};
use crate::{StoreError, error::Result, store::Store, version::rule_set_of};
use clickhouse::Row;
use event::{Event, EventId, MESSAGE_PATH, Month, StreamId, Unit, UnitNews};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

/// Whose rows become whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moving<'a> {
    /// Owner of both.
    pub tenant: &'a str,
    /// The endpoint that becomes an alias.
    pub from: &'a str,
    /// What it stands for then.
    pub into: &'a str,
}

/// What an endpoint has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct Holdings {
    /// Chunks held.
    pub chunks: u64,
    /// Bytes of their text.
    pub text_bytes: u64,
    /// Events, each copy of one once.
    pub events: u64,
    /// Pieces of logs that are or were held.
    pub pieces: u64,
    /// Months derived, with how many attempts and findings.
    pub months: u64,
    /// Attempts derived.
    pub attempts: u64,
    /// Findings derived.
    pub findings: u64,
}

/// An event as it is stored, to be copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OlderEvent {
    /// Of the rule set that made it.
    pub rule_set: u32,
    /// The event.
    pub event: Event,
}

/// A place in the order in which events are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventPlace {
    id: u64,
    open: u8,
    stream: u64,
    offset: u64,
}

/// Events of one answer: some 20 MB at the most usual sizes.
const EVENTS_READ: u64 = 10_000;

/// Between two looks whether a deletion is done.
const LOOK: Duration = Duration::from_millis(200);

/// So many seconds may lie between two failures of one, by the engine's clock.
const FAILS_FOR_S: u32 = 60;

/// Tables of one endpoint's rows, in the order in which they go. The chunks, of which these are made, go after them and by themselves, so that
/// a merge that was cut short in between makes all of it again.
const TABLES: [&str; 17] = [
    "news",
    "events",
    "day_inputs",
    "noise",
    "noise_gone",
    "open_noise",
    "coverage",
    "gaps",
    "imports",
    "dead_units",
    "endpoints",
    "endpoint_hosts",
    "endpoint_labels",
    "day_parts",
    "attempts",
    "findings",
    "derivations",
];

/// The new name of a row's stream: what is remembered of it, or what `renamed_stream` makes.
const NEW_STREAM: &str = "if(renamed.into_stream != 0, renamed.into_stream, xxh3(concat({into:String}, '\\0', toString(row.stream))))";

/// The names that are remembered, joined to rows.
const RENAMED: &str = "LEFT JOIN (SELECT stream, into_stream FROM merged_streams FINAL \
     WHERE tenant = {tenant:String} AND endpoint = {from:String} AND into_endpoint = {into:String}) AS renamed ON row.stream = renamed.stream";

/// The identity under another endpoint of a record whose text nobody has any more.
pub fn renamed_event(into: &str, id: EventId) -> EventId {
    EventId(xxh3_64(format!("{into}\0{}", id.0).as_bytes()))
}

impl Store {
    /// What an endpoint has.
    pub async fn holdings(&self, tenant: &str, endpoint: &str) -> Result<Holdings> {
        self.fetch_one(
            "count what an endpoint has",
            self.sql(
                "SELECT ?fields FROM \
                 (SELECT uniqExact(day, stream, offset, length, content_hash) AS chunks, sum(length(text)) AS text_bytes FROM chunks \
                    WHERE tenant = {tenant:String} AND endpoint = {endpoint:String}) AS raw, \
                 (SELECT uniqExact(id) AS events FROM events \
                    WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0) AS classified, \
                 (SELECT uniqExact(stream, offset, `end`, content_hash) AS pieces FROM coverage \
                    WHERE tenant = {tenant:String} AND endpoint = {endpoint:String}) AS covered, \
                 (SELECT count() AS months, sum(toUInt64(attempts)) AS attempts, sum(toUInt64(findings)) AS findings FROM derivations FINAL \
                    WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0) AS derived",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// How many chunks an endpoint has: those of [`Holdings`], and nothing but keys is read for it.
    pub async fn chunks_held(&self, tenant: &str, endpoint: &str) -> Result<u64> {
        self.fetch_one(
            "count the chunks of an endpoint",
            self.sql(
                "SELECT uniqExact(day, stream, offset, length, content_hash) FROM chunks \
                 WHERE tenant = {tenant:String} AND endpoint = {endpoint:String}",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// The months in which chunks of an endpoint start.
    pub async fn chunk_months_of(&self, tenant: &str, endpoint: &str) -> Result<BTreeSet<Month>> {
        // Months that an older build kept by themselves are parts of the far-off one.
        let months = self.months_of("chunks", tenant, endpoint).await?;
        Ok(months.into_iter().map(Month::from_yyyymm).collect())
    }

    /// Streams of an endpoint, but for messages: each of those is its own.
    pub async fn streams_of(&self, tenant: &str, endpoint: &str) -> Result<Vec<StreamId>> {
        const STREAMS: &str = concat!(
            "SELECT DISTINCT stream FROM coverage \
             WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND NOT ",
            is_message!(),
            " ORDER BY stream"
        );
        let query = self.sql(STREAMS).param("tenant", tenant);
        let query = query
            .param("endpoint", endpoint)
            .param("messages", MESSAGE_PATH);
        let rows: Vec<u64> = self
            .fetch_all("list the logs of an endpoint", query)
            .await?;
        Ok(rows.into_iter().map(StreamId).collect())
    }

    /// The next events of an endpoint after a place, as they are stored and not taken back, and the place to go on from; none when there are no more.
    pub async fn events_after(
        &self,
        tenant: &str,
        endpoint: &str,
        after: Option<EventPlace>,
    ) -> Result<Option<(Vec<OlderEvent>, EventPlace)>> {
        let place = after.unwrap_or_default();
        let rows: Vec<StoredEvent> = self
            .fetch_all(
                "read the events of an endpoint",
                self.sql(
                    "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, object, \
                       kb, package, component_identity, session, client, trace, fields, text, version, toUInt8(0) AS flag \
                     FROM events FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                       AND id NOT IN (SELECT id FROM events \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                         GROUP BY id HAVING argMax(gone, version) = 1) \
                       AND ({is_first:UInt8} = 1 OR (id, open, stream, offset) > \
                         ({id:UInt64}, {open:UInt8}, {stream:UInt64}, {offset:UInt64})) \
                     ORDER BY id, open, stream, offset LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("is_first", u8::from(after.is_none()))
                .param("id", place.id)
                .param("open", place.open)
                .param("stream", place.stream)
                .param("offset", place.offset)
                .param("limit", EVENTS_READ),
            )
            .await?;
        let Some(last) = rows.last() else {
            return Ok(None);
        };
        let place = EventPlace {
            id: last.id,
            open: last.open,
            stream: last.stream,
            offset: last.offset,
        };
        let events = rows.into_iter().filter_map(|row| {
            Some(OlderEvent {
                rule_set: rule_set_of(row.version),
                event: row.into_event()?,
            })
        });
        Ok(Some((events.collect(), place)))
    }

    /// Stores events of an endpoint under another one, whose identities and streams they have already, marked as copies.
    pub async fn copy_events(&self, moving: Moving<'_>, events: &[OlderEvent]) -> Result<()> {
        let mut by_month: BTreeMap<Month, Vec<&OlderEvent>> = BTreeMap::new();
        for event in events {
            let month = month_of(event.event.logged);
            by_month.entry(month).or_default().push(event);
        }
        let Moving { tenant, from, into } = moving;
        for events in by_month.values() {
            let rows = events
                .iter()
                .map(|older| EventRow::copied(older.rule_set, (tenant, into), from, &older.event));
            self.insert_rows::<EventRow<'static>, _>("events", rows)
                .await?;
            let inputs = events
                .iter()
                .map(|older| InputRow::of(older.rule_set, (tenant, into), &older.event));
            self.insert_rows::<InputRow<'static>, _>("day_inputs", inputs)
                .await?;
        }
        Ok(())
    }

    /// Copies members of noise that are not among those made again; says how many.
    pub async fn copy_noise(&self, moving: Moving<'_>, made: &HashSet<u64>) -> Result<u64> {
        let Moving { tenant, from, into } = moving;
        let mut copied = 0;
        for month in self.months_of("noise", tenant, from).await? {
            let rows: Vec<StoredNoise> = self
                .fetch_all(
                    "read the noise of an endpoint",
                    self.sql(
                        "SELECT ?fields FROM (\
                           SELECT day, source, rule, code, session, groupArray(id) AS ids FROM (\
                             SELECT day, source, rule, code, session, arrayJoin(ids) AS id FROM noise FINAL \
                             WHERE tenant = {tenant:String} AND endpoint = {from:String} AND generation = 0 AND toYYYYMM(day) = {month:UInt32}) \
                           WHERE (day, source, rule, code, session, id) NOT IN (\
                             SELECT day, source, rule, code, session, id FROM noise_gone FINAL \
                             WHERE tenant = {tenant:String} AND endpoint = {from:String} AND gone = 1) \
                           GROUP BY day, source, rule, code, session) \
                         ORDER BY day, source, rule, code, session",
                    )
                    .param("tenant", tenant)
                    .param("from", from)
                    .param("month", month),
                )
                .await?;
            let rows: Vec<StoredNoise> = rows
                .into_iter()
                .map(|mut row| {
                    row.ids.retain(|id| !made.contains(id));
                    for id in &mut row.ids {
                        *id = renamed_event(into, EventId(*id)).0;
                    }
                    row
                })
                .filter(|row| !row.ids.is_empty())
                .collect();
            copied += rows.iter().map(|row| row.ids.len() as u64).sum::<u64>();
            let rows = rows.iter().map(|row| NoiseRow {
                tenant,
                day: row.day,
                endpoint: into,
                source: &row.source,
                rule: &row.rule,
                code: row.code,
                session: &row.session,
                generation: LIVE_GENERATION,
                ids: &row.ids,
            });
            self.insert_rows::<NoiseRow<'static>, _>("noise", rows)
                .await?;
        }
        Ok(copied)
    }

    /// Copies what outlives the text: which pieces of logs were held, which files were taken whole, and what is known of the machine. Which
    /// names the logs have under the other endpoint must be remembered.
    pub async fn copy_endpoint(&self, moving: Moving<'_>) -> Result<()> {
        let Moving { tenant, from, .. } = moving;
        // Messages whose text is held are made again, under the name that their text gives them.
        let coverage = format!(
            "INSERT INTO coverage (tenant, endpoint, stream, offset, `end`, content_hash, day, last_day, source, path, encoding, format, open, \
               first, last, anchor_offsets, anchor_minutes, anchor_hows, anchor_logged, version) \
             SELECT row.tenant, {{into:String}}, {NEW_STREAM}, row.offset, row.`end`, row.content_hash, row.day, row.last_day, row.source, row.path, \
               row.encoding, row.format, row.open, row.first, row.last, row.anchor_offsets, row.anchor_minutes, row.anchor_hows, \
               row.anchor_logged, row.version \
             FROM (SELECT * FROM coverage FINAL WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}} AND toYYYYMM(day) = {{month:UInt32}} \
               AND NOT ({message} AND stream IN (SELECT stream FROM chunks WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}}))) AS row \
             {RENAMED}",
            message = is_message!(),
        );
        for month in self.months_of("coverage", tenant, from).await? {
            let query = self
                .of_moving(&coverage, moving)
                .param("month", month)
                .param("messages", MESSAGE_PATH);
            self.insert_selected("coverage", query).await?;
        }
        // Open noise stands for records that a later piece may take back.
        let open_noise = format!(
            "INSERT INTO open_noise (tenant, day, endpoint, source, rule, code, session, generation, id, stream, offset, length) \
             SELECT row.tenant, row.day, {{into:String}}, row.source, row.rule, row.code, row.session, row.generation, \
               xxh3(concat({{into:String}}, '\\0', toString(row.id))), {NEW_STREAM}, row.offset, row.length \
             FROM (SELECT * FROM open_noise FINAL WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}} AND toYYYYMM(day) = {{month:UInt32}} \
               AND (stream, offset + length) NOT IN (SELECT stream, offset + length FROM chunks \
                 WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}} AND open = 1) \
               AND (day, source, rule, code, session, id) NOT IN (SELECT day, source, rule, code, session, id FROM noise_gone FINAL \
                 WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}} AND gone = 1)) AS row \
             {RENAMED}"
        );
        for month in self.months_of("open_noise", tenant, from).await? {
            let query = self.of_moving(&open_noise, moving).param("month", month);
            self.insert_selected("open_noise", query).await?;
        }
        let imports = format!(
            "INSERT INTO imports (tenant, endpoint, digest, source, stream, path, bytes) \
             SELECT row.tenant, {{into:String}}, row.digest, row.source, {NEW_STREAM}, row.path, row.bytes \
             FROM (SELECT * FROM imports FINAL WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}}) AS row {RENAMED}"
        );
        let gaps = format!(
            "INSERT INTO gaps (tenant, endpoint, source, stream, path, reason, `from`, `to`, told) \
             SELECT row.tenant, {{into:String}}, row.source, if(row.stream = 0, 0, {NEW_STREAM}), row.path, row.reason, row.`from`, row.`to`, row.told \
             FROM (SELECT * FROM gaps WHERE tenant = {{tenant:String}} AND endpoint = {{from:String}}) AS row {RENAMED}"
        );
        let endpoints = "INSERT INTO endpoints (tenant, endpoint, host, servicing_stack, first, last, named, contact) \
             SELECT tenant, {into:String}, host, servicing_stack, first, last, named, contact FROM endpoints \
             WHERE tenant = {tenant:String} AND endpoint = {from:String}";
        let hosts = "INSERT INTO endpoint_hosts (tenant, endpoint, host, first, last, named_first, named_last) \
             SELECT tenant, {into:String}, host, first, last, named_first, named_last FROM endpoint_hosts \
             WHERE tenant = {tenant:String} AND endpoint = {from:String}";
        for (table, statement) in [
            ("imports", imports.as_str()),
            ("gaps", gaps.as_str()),
            ("endpoints", endpoints),
            ("endpoint_hosts", hosts),
        ] {
            self.insert_selected(table, self.of_moving(statement, moving))
                .await?;
        }
        Ok(())
    }

    fn of_moving(&self, statement: &str, moving: Moving<'_>) -> clickhouse::query::Query {
        let query = self.insertion(statement).param("tenant", moving.tenant);
        query.param("from", moving.from).param("into", moving.into)
    }

    async fn months_of(&self, table: &str, tenant: &str, endpoint: &str) -> Result<Vec<u32>> {
        self.fetch_all(
            "list the months of an endpoint",
            self.sql(&format!(
                "SELECT DISTINCT toYYYYMM(day) AS month FROM {table} \
                 WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}} ORDER BY month"
            ))
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// Opens news of every month of an endpoint, which says that all of it is stored. Returns it; `name` must be new.
    pub async fn open_all_news(
        &self,
        tenant: &str,
        endpoint: &str,
        name: u64,
    ) -> Result<Vec<OpenNews>> {
        let months: Vec<u32> = self
            .fetch_all(
                "list the months of an endpoint",
                self.sql(
                    "SELECT DISTINCT month FROM (\
                       SELECT toYYYYMM(day) AS month FROM events \
                       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                       UNION ALL SELECT month FROM derivations \
                       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0) ORDER BY month",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint),
            )
            .await?;
        let months: BTreeSet<Month> = months.into_iter().map(Month::from_yyyymm).collect();
        let name = name | NEWS_NAMES;
        let news: Vec<OpenNews> = months
            .into_iter()
            .map(|month| OpenNews {
                unit: Unit {
                    tenant: tenant.to_owned(),
                    endpoint: endpoint.to_owned(),
                    month,
                },
                ids: vec![name],
                news: UnitNews::of_all_days(),
            })
            .collect();
        let rows = news
            .iter()
            .map(|open| NewsRow::open(&open.unit, name, &open.news));
        self.insert_rows::<NewsRow<'static>, _>("news", rows)
            .await?;
        Ok(news)
    }

    /// The months of an endpoint that have open news of this name.
    pub async fn months_open(
        &self,
        tenant: &str,
        endpoint: &str,
        name: u64,
    ) -> Result<BTreeSet<Month>> {
        let months: Vec<u32> = self
            .fetch_all(
                "look whether an endpoint is derived",
                self.sql(
                    "SELECT month FROM news \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND id = {id:UInt64} GROUP BY month HAVING max(done) = 0",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("id", name | NEWS_NAMES),
            )
            .await?;
        Ok(months.into_iter().map(Month::from_yyyymm).collect())
    }

    /// Takes away all that an endpoint has but its text; its tokens, its audit and what it stands for stay too.
    pub async fn take_away_rows(&self, tenant: &str, endpoint: &str) -> Result<()> {
        for table in TABLES {
            self.delete_of_endpoint(table, tenant, endpoint).await?;
        }
        Ok(())
    }

    /// Takes away the text of an endpoint where it has so many chunks and no more; says whether it did. A part that is stored after the
    /// deletion has begun stays.
    pub async fn take_away_chunks(&self, tenant: &str, endpoint: &str, moved: u64) -> Result<bool> {
        if self.chunks_held(tenant, endpoint).await? != moved {
            return Ok(false);
        }
        self.delete_of_endpoint("chunks", tenant, endpoint).await?;
        Ok(self.chunks_held(tenant, endpoint).await? == 0)
    }

    /// Deletes an endpoint's rows of a table, for as long as it takes.
    pub(crate) async fn delete_of_endpoint(
        &self,
        table: &'static str,
        tenant: &str,
        endpoint: &str,
    ) -> Result<()> {
        let count: u64 = self
            .fetch_one(
                "look for rows of an endpoint",
                self.sql(&format!(
                    "SELECT count() FROM {table} WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}}"
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint),
            )
            .await?;
        if count == 0 {
            return Ok(());
        }
        // A deletion that is waited for ends with the statement's own bound on time, and goes on all the same.
        let query = self
            .sql(&format!(
                "ALTER TABLE {table} DELETE WHERE tenant = {{tenant:String}} AND endpoint = {{endpoint:String}}"
            ))
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .with_setting("mutations_sync", "0");
        self.execute_query("take an endpoint's rows away", query)
            .await?;
        self.mutations_done(table).await
    }

    /// Waits until what was asked for of a table's rows is done.
    pub(crate) async fn mutations_done(&self, table: &str) -> Result<()> {
        let mut fails_since: Option<u32> = None;
        loop {
            let doing = "take rows away";
            let (left, failed, failed_at): (u64, String, u32) = self
                .fetch_one(
                    doing,
                    self.sql(
                        "SELECT count(), argMax(substringUTF8(splitByChar('\n', latest_fail_reason)[1], 1, 300), latest_fail_time), \
                           toUInt32(max(latest_fail_time)) FROM system.mutations \
                         WHERE database = currentDatabase() AND table = {table:String} AND NOT is_done AND NOT is_killed",
                    )
                    .param("table", table),
                )
                .await?;
            if left == 0 {
                return Ok(());
            }
            // One that fails is tried again by the engine, for ever, and each time later than before.
            fails_since = match failed.is_empty() {
                true => None,
                false => fails_since.or(Some(failed_at)),
            };
            if fails_since.is_some_and(|since| failed_at.saturating_sub(since) > FAILS_FOR_S) {
                return Err(StoreError::config(
                    doing,
                    format!("a change of `{table}` fails again and again: {failed}"),
                    "mend that, most often a full disk, and run the same command again; `system.mutations` shows every change that is left",
                ));
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

#[derive(Row, Deserialize)]
struct StoredNoise {
    day: u16,
    source: String,
    rule: String,
    code: u32,
    session: String,
    ids: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aliases::renamed_stream;

    #[test]
    fn what_everything_is_made_of_goes_by_itself() {
        assert!(!TABLES.contains(&"chunks"));
        let names: BTreeSet<&str> = TABLES.into_iter().collect();
        assert_eq!(names.len(), TABLES.len());
        // A record and a log of one number have one new name each, and another one elsewhere.
        assert_ne!(
            renamed_event("a", EventId(1)),
            renamed_event("b", EventId(1))
        );
        assert_ne!(
            renamed_stream("a", StreamId(1)),
            renamed_stream("a", StreamId(2))
        );
    }
}
