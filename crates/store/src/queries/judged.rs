//! What a verdict on an endpoint looks at, of all that was derived of it and of the few events that decide beside it.

use super::{
    place::Place,
    sets::{Listed, Sets},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{
    Attempt, Code, Derivation, Event, EventId, Evidence, Finding, LoggedAt, Marker, Outcome,
    Severity, Source, StreamId, UtcMillis,
};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Attempts, and findings, of an endpoint that are judged while a page waits. Machines have some hundred a year; one that has more than
/// this tries something every few minutes.
const JUDGED: usize = 50_000;

/// What `classify::judge` looks at, of one endpoint, over all time. Of each row only what it says that it looks at is filled in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judged {
    /// By month.
    pub derivations: Vec<Derivation>,
    /// Of each derivation where its findings stand in the endpoint's list, in their order.
    pub places: Vec<Vec<Place>>,
    /// Events of the markers that were asked for, each kind once for a KB, and all that a check of the component store said.
    pub events: Vec<Event>,
}

/// An attempt of an endpoint with what identifies its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Tried {
    pub(super) listed: Listed,
    pub(super) attempt: Attempt,
    pub(super) category: String,
    pub(super) rule: String,
    pub(super) root: Option<Code>,
}

#[derive(Row, Deserialize)]
struct AttemptRow {
    set: u64,
    ordinal: u32,
    id: u64,
    package: String,
    kb: String,
    client: String,
    session: String,
    start: Option<LoggedAt>,
    end: Option<LoggedAt>,
    start_utc: Option<UtcMillis>,
    outcome: String,
    terminal_code: Option<Code>,
    finding: Option<u32>,
    category: String,
    rule: String,
    root_code: Option<Code>,
}

#[derive(Row, Deserialize)]
struct FindingRow {
    set: u64,
    ordinal: u32,
    id: u64,
    rule: String,
    category: String,
    severity: String,
    kb: String,
    logged: Option<LoggedAt>,
    source: String,
}

impl Store {
    /// All attempts of an endpoint's current sets, newest first, without what only its own page shows; nothing where there are too many of them, or of findings.
    pub(super) async fn tries_of(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
    ) -> Result<Option<Vec<Tried>>> {
        let listed = sets.attempts.all();
        if listed.len() > JUDGED || sets.findings.all().len() > JUDGED {
            return Ok(None);
        }
        let rows: Vec<AttemptRow> = self
            .rows_of(
                "read all attempts of an endpoint",
                "SELECT ?fields FROM attempts WHERE {OF_SETS} LIMIT 1 BY `set`, ordinal",
                tenant,
                endpoint,
                listed,
            )
            .await?;
        let mut found: BTreeMap<(u64, u32), AttemptRow> = rows
            .into_iter()
            .map(|row| ((row.set, row.ordinal), row))
            .collect();
        let tried = |listed: &Listed| {
            let row = found.remove(&(listed.set, listed.ordinal))?;
            Some(Tried {
                listed: listed.clone(),
                attempt: Attempt {
                    id: EventId(row.id),
                    package: row.package,
                    kb: row.kb,
                    client: row.client,
                    session: row.session,
                    start: row.start,
                    end: row.end,
                    start_utc: row.start_utc,
                    outcome: Outcome::from_name(&row.outcome).unwrap_or(Outcome::Unknown),
                    terminal_code: row.terminal_code,
                    finding: row.finding,
                },
                category: row.category,
                rule: row.rule,
                root: row.root_code,
            })
        };
        Ok(Some(listed.iter().filter_map(tried).collect()))
    }

    /// What a verdict looks at. `marks` are the events that decide beside what was derived.
    pub(super) async fn judged(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        tries: &[Tried],
        marks: &[Marker],
    ) -> Result<Judged> {
        let listed = sets.findings.all();
        let (rows, events) = tokio::try_join!(
            self.rows_of::<FindingRow>(
                "read all findings of an endpoint",
                "SELECT `set`, ordinal, id, rule, category, severity, kb, logged, toString(evidence_sources[1]) AS source FROM findings \
                 WHERE {OF_SETS} LIMIT 1 BY `set`, ordinal",
                tenant,
                endpoint,
                listed,
            ),
            self.marked(tenant, endpoint, marks),
        )?;
        let places = sets.findings.places();
        // A set is a month.
        let mut months: BTreeMap<u64, (BTreeMap<u32, Finding>, Vec<Attempt>)> = BTreeMap::new();
        for row in rows {
            let (set, ordinal) = (row.set, row.ordinal);
            let of_month = months.entry(set).or_default();
            of_month.0.insert(ordinal, row.into_finding());
        }
        for tried in tries {
            let of_month = months.entry(tried.listed.set).or_default();
            of_month.1.push(tried.attempt.clone());
        }
        let mut judged = Judged {
            events,
            ..Judged::default()
        };
        for (set, (findings, mut attempts)) in months {
            let at: BTreeMap<u32, u32> = findings.keys().copied().zip(0..).collect();
            for attempt in &mut attempts {
                attempt.finding = attempt.finding.and_then(|one| at.get(&one).copied());
            }
            let place = |ordinal: &u32| {
                let place = places.get(&(set, *ordinal));
                place.map_or_else(Place::default, |&place| place.clone())
            };
            judged.places.push(findings.keys().map(place).collect());
            judged.derivations.push(Derivation {
                attempts,
                findings: findings.into_values().collect(),
            });
        }
        Ok(judged)
    }

    /// Rows of current sets of one endpoint, by the days that they stand on: the tables go by day.
    async fn rows_of<T: clickhouse::RowOwned + clickhouse::RowRead>(
        &self,
        doing: &str,
        sql: &str,
        tenant: &str,
        endpoint: &str,
        listed: &[Listed],
    ) -> Result<Vec<T>> {
        if listed.is_empty() {
            return Ok(Vec::new());
        }
        let days: BTreeSet<u16> = listed.iter().map(|row| row.day).collect();
        let months: BTreeSet<u32> = listed.iter().map(|row| row.month).collect();
        let sets: BTreeSet<u64> = listed.iter().map(|row| row.set).collect();
        let sql = sql.replace(
            "{OF_SETS}",
            "tenant = {tenant:String} AND endpoint = {endpoint:String} AND month IN {months:Array(UInt32)} \
               AND day IN {days:Array(UInt16)} AND `set` IN {sets:Array(UInt64)}",
        );
        self.fetch_all(
            doing,
            self.page(&sql)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("months", months.into_iter().collect::<Vec<u32>>())
                .param("days", days.into_iter().collect::<Vec<u16>>())
                .param("sets", sets.into_iter().collect::<Vec<u64>>()),
        )
        .await
    }

    /// Servicing records of an endpoint, those of event logs and of Intune left out: they tell of everything. Of logs whose text is gone
    /// nobody can say how many they had, so these say that there were enough. For whoever wants to know whether there are any to speak of:
    /// pieces that overlap are counted each, so large numbers are too large.
    pub async fn servicing_records(&self, tenant: &str, endpoint: &str) -> Result<u64> {
        let of_everything = [Source::EventLog, Source::Intune].map(Source::name);
        let ask = |sql: &str| {
            self.page(sql)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("others", of_everything.as_slice())
        };
        let pieces: Vec<(u16, u64)> = self
            .fetch_all(
                "read the days of an endpoint's logs",
                ask("SELECT toUInt16(day) AS day, count() FROM coverage FINAL \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND source NOT IN {others:Array(String)} AND `end` > offset \
                     GROUP BY day"),
            )
            .await?;
        if pieces.is_empty() {
            return Ok(0);
        }
        let days: Vec<u16> = pieces.iter().map(|(day, _)| *day).collect();
        let (held, records): (u64, u64) = self
            .fetch_one(
                "count an endpoint's records",
                ask("SELECT toUInt64(sum(held)) AS held, toUInt64(sum(most)) AS records FROM (\
                       SELECT count() AS held, max(records) AS most FROM chunks FINAL \
                       WHERE tenant = {tenant:String} AND day IN {days:Array(UInt16)} AND endpoint = {endpoint:String} AND source NOT IN {others:Array(String)} \
                       GROUP BY stream, offset)")
                .param("days", days),
            )
            .await?;
        let known: u64 = pieces.iter().map(|(_, pieces)| pieces).sum();
        Ok(if held < known { u64::MAX } else { records })
    }
}

impl FindingRow {
    fn into_finding(self) -> Finding {
        let evidence = Source::from_name(&self.source).map(|source| Evidence {
            id: EventId(self.id),
            source,
            stream: StreamId(0),
            offset: 0,
            length: 0,
            text: String::new(),
        });
        Finding {
            id: EventId(self.id),
            rule: self.rule,
            category: self.category,
            severity: Severity::from_name(&self.severity).unwrap_or(Severity::Warning),
            root_code: None,
            terminal_code: None,
            object: String::new(),
            kb: self.kb,
            package: String::new(),
            component: String::new(),
            logged: self.logged,
            utc: None,
            confidence: 0,
            reasons: Vec::new(),
            count: 1,
            evidence: evidence.into_iter().collect(),
        }
    }
}
