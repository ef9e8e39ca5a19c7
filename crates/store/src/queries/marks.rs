//! Events of an endpoint that decide a verdict beside what was derived, over all time.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{Event, EventId, Level, LoggedAt, Marker, Source, StreamId};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Stream, offset and length of a record.
pub(super) type Reference = (u64, u64, u64);

#[derive(Row, Deserialize)]
struct MarkRow {
    marker: String,
    kb: String,
    logged: Option<LoggedAt>,
    open_stream: u64,
    open_offset: u64,
    open_length: u64,
}

#[derive(Row, Deserialize)]
struct CheckRow {
    id: u64,
    marker: String,
    rule: String,
    stream: u64,
    offset: u64,
    length: u64,
    open: u8,
    logged: Option<LoggedAt>,
    detected: String,
    repaired: String,
}

/// An endpoint's rows of `day_inputs`, however old; both kinds are named, because the table goes by them before it goes by endpoint.
const OF_ENDPOINT: &str =
    "tenant = {tenant:String} AND landmark IN (0, 1) AND endpoint = {endpoint:String}";

impl Store {
    /// Of the events of some markers the latest of each KB; of checks of the component store all, with the rules of what came after.
    pub(super) async fn marked(
        &self,
        tenant: &str,
        endpoint: &str,
        marks: &[Marker],
    ) -> Result<Vec<Event>> {
        let names: Vec<&str> = marks.iter().map(|marker| marker.name()).collect();
        let ask = |sql: &str| {
            self.page(&sql.replace("{OF_ENDPOINT}", OF_ENDPOINT))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
        };
        let rows: Vec<MarkRow> = self
            .fetch_all(
                "read what decides a verdict",
                // By day, because a day knows what is far off. A search that failed is no answer.
                ask(
                    "SELECT latest.1 AS marker, latest.2 AS kb, argMax(latest.3, (latest.4, ifNull(toInt64(latest.3), 0))) AS logged, latest.6 AS open_stream, \
                       latest.7 AS open_offset, latest.8 AS open_length FROM (\
                       SELECT argMax((toString(marker), toString(kb), logged, day, empty(codes), if(open = 1, stream, 0), if(open = 1, offset, 0), \
                         if(open = 1, length, 0), gone), version) AS latest FROM day_inputs \
                       WHERE {OF_ENDPOINT} AND id IN (SELECT id FROM day_inputs WHERE {OF_ENDPOINT} AND marker IN {marks:Array(String)}) \
                       GROUP BY id, open, open_stream, open_offset) \
                     WHERE latest.9 = 0 AND latest.1 IN {marks:Array(String)} AND (latest.1 != 'detection_end' OR latest.5) GROUP BY marker, kb, open_stream, open_offset, open_length",
                )
                .param("marks", names),
            )
            .await?;
        let open: Vec<Reference> = rows
            .iter()
            .map(|row| (row.open_stream, row.open_offset, row.open_length))
            .filter(|row| *row != (0, 0, 0))
            .collect();
        let gone = self.superseded_of(tenant, endpoint, &open).await?;
        let (mut events, mut has_checks) = (Vec::new(), false);
        for row in rows {
            let Some(marker) = Marker::from_name(&row.marker) else {
                continue;
            };
            has_checks |= marker == Marker::CheckSur;
            if marker != Marker::CheckSur
                && !gone.contains(&(row.open_stream, row.open_offset, row.open_length))
            {
                events.push(Event {
                    kb: row.kb,
                    logged: row.logged,
                    ..bare(marker)
                });
            }
        }
        if has_checks {
            events.extend(self.checks(tenant, endpoint).await?);
        }
        Ok(events)
    }

    /// What checks of the component store said, and the rules of what came after the last one.
    async fn checks(&self, tenant: &str, endpoint: &str) -> Result<Vec<Event>> {
        // The latest row of a record decides, whatever older rules made of it: so rows are narrowed by record first.
        let ask = |condition: &str, latest: &str| {
            let sql = format!(
                "SELECT id, latest.1 AS marker, latest.2 AS rule, latest.3 AS stream, latest.4 AS offset, latest.5 AS length, latest.6 AS open, \
                   latest.7 AS logged, latest.8 AS detected, latest.9 AS repaired FROM (\
                   SELECT id, argMax((toString(marker), toString(rule), stream, offset, length, open, logged, fields['detected'], fields['repaired'], gone), version) AS latest \
                   FROM day_inputs WHERE {OF_ENDPOINT} AND id IN (SELECT id FROM day_inputs WHERE {OF_ENDPOINT} AND {condition}) \
                   GROUP BY id, open, open_stream, open_offset) WHERE latest.10 = 0 AND {latest}"
            );
            self.page(&sql)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("check", Marker::CheckSur.name())
        };
        let checks: Vec<CheckRow> = self
            .fetch_all(
                "read what checks of the component store said",
                ask(
                    "marker = {check:String}",
                    "latest.1 = {check:String} ORDER BY latest.7 DESC LIMIT 10000",
                ),
            )
            .await?;
        let last = checks.iter().filter_map(|row| row.logged).max();
        let after: Vec<CheckRow> = self
            .fetch_all(
                "read what came after a check of the component store",
                // Each rule once would do, but whether an open record counts is known of each alone, and those that do are among the latest.
                ask(
                    "marker != {check:String} AND rule != '' AND logged > toDateTime64({last:Int64}, 0, 'UTC')",
                    "latest.1 != {check:String} AND latest.2 != '' AND latest.7 > toDateTime64({last:Int64}, 0, 'UTC') \
                     ORDER BY latest.7 DESC LIMIT 100 BY latest.2, latest.6",
                )
                    .param("last", last.map_or(i64::MIN / 2, |last| last.0).max(0)),
            )
            .await?;
        let rows = checks.into_iter().chain(after);
        let rows: Vec<CheckRow> = rows.collect();
        let open: Vec<Reference> = rows
            .iter()
            .filter(|row| row.open != 0)
            .map(|row| (row.stream, row.offset, row.length))
            .collect();
        let gone = self.superseded_of(tenant, endpoint, &open).await?;
        let counts =
            |row: &CheckRow| row.open == 0 || !gone.contains(&(row.stream, row.offset, row.length));
        let event = |row: CheckRow| Event {
            id: EventId(row.id),
            stream: StreamId(row.stream),
            offset: row.offset,
            logged: row.logged,
            rule: row.rule,
            fields: [("detected", row.detected), ("repaired", row.repaired)]
                .into_iter()
                .filter(|(_, value)| !value.is_empty())
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
            ..bare(Marker::from_name(&row.marker).unwrap_or_default())
        };
        Ok(rows.into_iter().filter(counts).map(event).collect())
    }

    /// Of open records of an endpoint those that a piece of their stream covers and goes on beyond.
    pub(super) async fn superseded_of(
        &self,
        tenant: &str,
        endpoint: &str,
        open: &[Reference],
    ) -> Result<BTreeSet<Reference>> {
        if open.is_empty() {
            return Ok(BTreeSet::new());
        }
        let column = |of: fn(&Reference) -> u64| -> Vec<u64> { open.iter().map(of).collect() };
        let rows: Vec<Reference> = self
            .fetch_all(
                "read what is superseded",
                self.page(
                    "SELECT DISTINCT record.1, record.2, record.3 FROM (\
                       SELECT arrayJoin(arrayZip({streams:Array(UInt64)}, {offsets:Array(UInt64)}, {lengths:Array(UInt64)})) AS record, record.1 AS stream) AS open \
                     INNER JOIN (SELECT stream, offset, `end` FROM coverage \
                       WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream IN {streams:Array(UInt64)}) AS piece \
                       ON open.stream = piece.stream \
                     WHERE piece.offset <= record.2 AND piece.`end` > record.2 + record.3",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("streams", column(|one| one.0))
                .param("offsets", column(|one| one.1))
                .param("lengths", column(|one| one.2)),
            )
            .await?;
        Ok(rows.into_iter().collect())
    }
}

/// An event of which only what it marks is known.
fn bare(marker: Marker) -> Event {
    Event {
        id: EventId(0),
        source: Source::Cbs,
        stream: StreamId(0),
        offset: 0,
        length: 0,
        open: false,
        logged: None,
        stamp: None,
        level: Level::Unknown,
        component: String::new(),
        marker,
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
    }
}
