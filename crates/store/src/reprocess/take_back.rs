//! Events that only older rule sets make, in text that a newer one has classified: they are taken back, and sums are counted again.

use super::{ENDPOINTS_AT_ONCE, partition_of};
use crate::{
    error::Result,
    inputs::InputRow,
    rows::{Days, EventRow},
    store::Store,
};
use clickhouse::{Row, query::Query};
use event::{Event, EventId, Level, LoggedAt, Marker, Month, Source, StreamId};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Streams that a question names: a statement must not grow with a fleet, and all that endpoints ever sent fills memory.
const STREAMS_NAMED: usize = 2_000;

impl Store {
    /// Takes back events of a month that stand in what this rule set, or a newer one, has classified, and that only older ones make. May
    /// be cut short and run again. Returns how many.
    ///
    /// What stands in text that is gone stays as it is: nobody can say what the newer rules would make of it.
    pub async fn take_back(
        &self,
        tenant: &str,
        endpoints: &[String],
        month: Month,
        rule_set: u32,
    ) -> Result<u64> {
        let mut count = 0;
        for some in endpoints.chunks(ENDPOINTS_AT_ONCE) {
            count += self.take_back_some(tenant, some, month, rule_set).await?;
        }
        Ok(count)
    }

    async fn take_back_some(
        &self,
        tenant: &str,
        endpoints: &[String],
        month: Month,
        rule_set: u32,
    ) -> Result<u64> {
        let days = Days::of(month, month);
        let condition = days.condition();
        // An identity that has one newer row is not gone, whatever its other rows are.
        let statement = format!(
            "SELECT landmark, endpoint, toUInt16(day) AS on_day, source, id, open, \
               argMax(stream, version) AS in_stream, argMax(offset, version) AS start, argMax(length, version) AS bytes, \
               any(logged) AS at, max(version) AS newest \
             FROM day_inputs \
             WHERE tenant = {{tenant:String}} AND landmark IN (0, 1) AND endpoint IN {{endpoints:Array(String)}} AND {condition} \
               AND (endpoint, id) NOT IN (SELECT endpoint, id FROM day_inputs \
                 WHERE tenant = {{tenant:String}} AND landmark IN (0, 1) AND endpoint IN {{endpoints:Array(String)}} AND {condition} \
                   AND version >= {}) \
             GROUP BY landmark, endpoint, on_day, source, id, open, open_stream, open_offset \
             HAVING argMax(gone, version) = 0",
            of_set!()
        );
        let candidates: Vec<Candidate> = self
            .fetch_all(
                "look for events of older rule sets",
                self.sql(&statement)
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("first", days.first)
                    .param("last", days.last)
                    .param("rule_set", rule_set),
            )
            .await?;
        if candidates.is_empty() {
            return Ok(0);
        }
        let streams: BTreeSet<u64> = candidates.iter().map(|row| row.in_stream).collect();
        let streams: Vec<u64> = streams.into_iter().collect();
        let mut held: BTreeMap<(String, u64), Vec<(u64, u64)>> = BTreeMap::new();
        for some in streams.chunks(STREAMS_NAMED) {
            let ranges: Vec<(String, u64, u64, u64)> = self
                .fetch_all(
                    "read what a rule set has classified",
                    self.sql(concat!(
                        "SELECT endpoint, stream, offset, `end` FROM coverage \
                         WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                           AND stream IN {streams:Array(UInt64)} AND version >= ",
                        of_set!()
                    ))
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("streams", some)
                    .param("rule_set", rule_set),
                )
                .await?;
            for (endpoint, stream, from, to) in ranges {
                held.entry((endpoint, stream)).or_default().push((from, to));
            }
        }
        let held: BTreeMap<(String, u64), Vec<(u64, u64)>> = held
            .into_iter()
            .map(|(stream, ranges)| (stream, crate::merged(ranges)))
            .collect();
        let stale: Vec<&Candidate> = candidates
            .iter()
            .filter(|row| {
                let (from, to) = (row.start, row.start.saturating_add(row.bytes));
                let ranges = held.get(&(row.endpoint.clone(), row.in_stream));
                ranges.is_some_and(|ranges| {
                    ranges.iter().any(|range| range.0 <= from && to <= range.1)
                })
            })
            .collect();
        let version = |row: &Candidate| {
            let place = row.newest & ((1 << 108) - 1);
            u128::from(rule_set.min(0xF_FFFF)) << 108 | place
        };
        let mut by_partition: BTreeMap<String, Vec<(&Candidate, Event)>> = BTreeMap::new();
        for row in stale {
            // What only a newer build knows was not classified by this one.
            if let Some(place) = row.place() {
                let rows = by_partition.entry(partition_of(row.on_day)).or_default();
                rows.push((row, place));
            }
        }
        for rows in by_partition.values() {
            // The inputs last: a row that stands in them alone is found again, one that stands in the events alone is not.
            let events = rows.iter().map(|(row, place)| {
                let mut event = EventRow::copied(rule_set, (tenant, &row.endpoint), "", place);
                (event.day, event.version, event.gone) = (row.on_day, version(row), 1);
                event
            });
            self.insert_rows::<EventRow<'static>, _>("events", events)
                .await?;
            let inputs = rows.iter().map(|(row, place)| {
                let mut input = InputRow::of(rule_set, (tenant, &row.endpoint), place);
                input.landmark = row.landmark;
                (input.day, input.version, input.gone) = (row.on_day, version(row), 1);
                input
            });
            self.insert_rows::<InputRow<'static>, _>("day_inputs", inputs)
                .await?;
        }
        let rows = by_partition.values().flatten();
        let gone: BTreeSet<(&str, u64)> = rows.map(|(row, _)| (&*row.endpoint, row.id)).collect();
        Ok(gone.len() as u64)
    }

    /// Counts the records of a month again for pages, which sums that only grow cannot do once an event is taken back.
    ///
    /// For a moment the month has none. Who is cut short counts again.
    pub async fn recount(&self, tenant: &str, month: Month) -> Result<()> {
        let days = Days::of(month, month);
        for (table, source, states) in [
            (
                "events_seen",
                EVENTS_SEEN,
                "tenant, kb, code, day, ids, endpoints",
            ),
            (
                "noise_seen",
                NOISE_SEEN,
                "tenant, code, day, ids, endpoints",
            ),
        ] {
            let condition = days.condition();
            let bound = |question: Query| {
                question
                    .param("tenant", tenant)
                    .param("first", days.first)
                    .param("last", days.last)
            };
            // A mutation takes no parameters in every version: these are numbers of ours, and a name that is checked.
            let day = condition
                .replace("{first:UInt16}", &days.first.to_string())
                .replace("{last:UInt16}", &days.last.to_string());
            let tenant = tenant.replace(['\\', '\''], "");
            self.mutate(
                "clear the sums of a month",
                &format!("ALTER TABLE {table} DELETE WHERE tenant = '{tenant}' AND {day}"),
            )
            .await?;
            let statement = format!(
                "INSERT INTO {table} ({states}) {}",
                source.replace("{days}", condition)
            );
            let count = bound(self.insertion(&statement))
                .with_setting("max_execution_time", "0")
                .with_setting("max_partitions_per_insert_block", "0")
                .with_setting("max_bytes_before_external_group_by", "268435456");
            self.insert_selected_at_leisure("count a month again", table, count)
                .await?;
        }
        Ok(())
    }
}

/// As `events_seen_view` counts them, of what is not gone.
const EVENTS_SEEN: &str = "SELECT tenant, of_kb AS kb, one AS code, day, uniqCombined64State(12)(id) AS ids, \
       uniqCombined64State(12)(endpoint) AS endpoints \
     FROM (SELECT tenant, endpoint, day, id, arrayJoin(arrayDistinct(['', toString(kb)])) AS of_kb, \
             arrayJoin(arrayConcat([toUInt32(0)], codes)) AS one \
           FROM events FINAL WHERE generation = 0 AND open = 0 AND gone = 0 AND tenant = {tenant:String} AND {days}) \
     GROUP BY tenant, of_kb, one, day";

/// As `noise_seen_view` counts it, of what is not gone.
const NOISE_SEEN: &str = "SELECT tenant, of_code AS code, day, uniqCombined64State(12)(id) AS ids, \
       uniqCombined64State(12)(endpoint) AS endpoints \
     FROM (SELECT tenant, endpoint, day, id, arrayJoin(arrayDistinct([toUInt32(0), code])) AS of_code FROM (\
             SELECT tenant, endpoint, day, source, rule, code, session, arrayJoin(ids) AS id FROM noise \
             WHERE generation = 0 AND tenant = {tenant:String} AND {days}) \
           WHERE (day, endpoint, source, rule, code, session, id) NOT IN (\
             SELECT day, endpoint, source, rule, code, session, id FROM noise_gone FINAL \
             WHERE tenant = {tenant:String} AND {days} AND gone = 1)) \
     GROUP BY tenant, of_code, day";

/// A row of an event that no newer rule set makes, and where it stands.
#[derive(Row, Deserialize)]
struct Candidate {
    landmark: u8,
    endpoint: String,
    on_day: u16,
    source: String,
    id: u64,
    open: u8,
    in_stream: u64,
    start: u64,
    bytes: u64,
    at: Option<i64>,
    newest: u128,
}

impl Candidate {
    /// An event that says where it stands and nothing else; none where a newer build wrote a word this one does not know.
    fn place(&self) -> Option<Event> {
        Some(Event {
            id: EventId(self.id),
            source: Source::from_name(&self.source)?,
            stream: StreamId(self.in_stream),
            offset: self.start,
            length: self.bytes,
            open: self.open != 0,
            logged: self.at.map(LoggedAt),
            stamp: None,
            level: Level::Unknown,
            component: String::new(),
            marker: Marker::None,
            codes: Vec::new(),
            rule: String::new(),
            object: String::new(),
            kb: String::new(),
            package: String::new(),
            component_identity: String::new(),
            session: String::new(),
            client: String::new(),
            trace: String::new(),
            fields: Vec::new(),
            text: String::new(),
        })
    }
}
