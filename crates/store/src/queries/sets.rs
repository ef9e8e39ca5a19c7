//! What the current sets of an endpoint list: read once for all that one page asks, so that its lists tell of the same sets.
//!
//! The rows that make sets current tell where each attempt and finding stands, so nothing else is read to order them, to count them and to
//! find a page; the rows of the page are then read by their key.

use super::place::{Ends, Place};
use crate::{error::Result, rows::day_of, store::Store};
use clickhouse::{Row, query::Query};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// The attempts and the findings of an endpoint's current sets.
pub(super) struct Sets {
    pub(super) attempts: List,
    pub(super) findings: List,
}

/// A list in its order.
pub(super) struct List(Vec<Listed>);

/// Where a row stands in its list, and where it is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Listed {
    pub(super) place: Place,
    pub(super) month: u32,
    pub(super) set: u64,
    pub(super) ordinal: u32,
    pub(super) day: u16,
    /// Whether it is one of those that are counted beside all.
    is_marked: bool,
}

/// Before every time that a log can hold, so that rows without one stand last.
const NEVER: i64 = -100_000_000_000;

#[derive(Row, Deserialize)]
struct SetRow {
    month: u32,
    set: u64,
    told: u8,
    attempt_days: Vec<u16>,
    starts: Vec<i64>,
    failed: Vec<u8>,
    finding_days: Vec<u16>,
    times: Vec<Option<i64>>,
    severities: Vec<i64>,
}

/// A row of a set that does not say what it holds.
#[derive(Row, Deserialize)]
struct UntoldRow {
    month: u32,
    set: u64,
    ordinal: u32,
    day: u16,
    time: Option<i64>,
    /// Of a finding its severity, of an attempt whether it failed.
    rank: i64,
}

impl Store {
    pub(super) async fn sets_of(&self, tenant: &str, endpoint: &str) -> Result<Sets> {
        let of_endpoint = |sql: &str| {
            self.page(sql)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
        };
        let rows: Vec<SetRow> = self
            .fetch_all(
                "read the current sets of an endpoint",
                of_endpoint(
                    "SELECT month, `set`, told, arrayMap(day -> toUInt16(day), told_attempts.1) AS attempt_days, told_attempts.2 AS starts, \
                       arrayMap(outcome -> toUInt8(outcome IN ('failed', 'rolled_back')), told_attempts.4) AS failed, \
                       arrayMap(day -> toUInt16(day), told_findings.1) AS finding_days, told_findings.3 AS times, \
                       arrayMap(severity -> toInt64(indexOf(['critical', 'error', 'warning', 'info'], severity)), told_findings.4) AS severities \
                     FROM derivations FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                       AND attempts + findings > 0",
                ),
            )
            .await?;
        let mut sets = Sets {
            attempts: List(Vec::new()),
            findings: List(Vec::new()),
        };
        let (mut untold, mut months) = (Vec::new(), Vec::new());
        for row in rows {
            if row.told == 0 {
                untold.push(row.set);
                months.push(row.month);
            }
            let days = row.attempt_days.into_iter().zip(row.starts);
            for (ordinal, ((day, start), failed)) in (0..).zip(days.zip(row.failed)) {
                // An attempt without a time is told with the first second there is.
                let start = (start != i64::from(day_of(None)) * 86_400).then_some(start);
                let listed = Listed::attempt(row.month, row.set, ordinal, day, start, failed > 0);
                sets.attempts.0.push(listed);
            }
            let days = row.finding_days.into_iter().zip(row.times);
            for (ordinal, ((day, time), severity)) in (0..).zip(days.zip(row.severities)) {
                let listed = Listed::finding(row.month, row.set, ordinal, day, time, severity);
                sets.findings.0.push(listed);
            }
        }
        if !untold.is_empty() {
            let ask = |sql| {
                of_endpoint(sql)
                    .param("sets", untold.as_slice())
                    .param("months", months.as_slice())
            };
            let (attempts, findings) = tokio::try_join!(
                self.fetch_all::<UntoldRow>(
                    "list the attempts of sets of older builds",
                    ask(
                        "SELECT month, `set`, ordinal, toUInt16(day) AS day, toInt64(coalesce(start, `end`)) AS time, \
                           toInt64(outcome IN ('failed', 'rolled_back')) AS rank FROM attempts FINAL \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                           AND month IN {months:Array(UInt32)} AND `set` IN {sets:Array(UInt64)}"
                    )
                ),
                self.fetch_all::<UntoldRow>(
                    "list the findings of sets of older builds",
                    ask(
                        "SELECT month, `set`, ordinal, toUInt16(day) AS day, toInt64(logged) AS time, \
                           toInt64(indexOf(['critical', 'error', 'warning', 'info'], severity)) AS rank FROM findings FINAL \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                           AND month IN {months:Array(UInt32)} AND `set` IN {sets:Array(UInt64)}"
                    )
                ),
            )?;
            sets.attempts.0.extend(attempts.into_iter().map(|row| {
                let failed = row.rank > 0;
                Listed::attempt(row.month, row.set, row.ordinal, row.day, row.time, failed)
            }));
            sets.findings.0.extend(findings.into_iter().map(|row| {
                Listed::finding(row.month, row.set, row.ordinal, row.day, row.time, row.rank)
            }));
        }
        sets.attempts.0.sort_unstable();
        sets.findings.0.sort_unstable();
        Ok(sets)
    }
}

impl Listed {
    /// Newest first.
    fn attempt(
        month: u32,
        set: u64,
        ordinal: u32,
        day: u16,
        start: Option<i64>,
        failed: bool,
    ) -> Self {
        Self {
            place: Place::new(vec![
                -start.unwrap_or(NEVER),
                -i64::from(month),
                -i64::from(ordinal),
            ]),
            month,
            set,
            ordinal,
            day,
            is_marked: failed,
        }
    }

    /// Most severe first, then newest, then as derived.
    fn finding(
        month: u32,
        set: u64,
        ordinal: u32,
        day: u16,
        time: Option<i64>,
        severity: i64,
    ) -> Self {
        Self {
            place: Place::new(vec![
                severity,
                -time.unwrap_or(NEVER),
                -i64::from(month),
                i64::from(ordinal),
            ]),
            month,
            set,
            ordinal,
            day,
            is_marked: severity == INFO,
        }
    }
}

/// Where `info` stands among the severities, from 1 on.
const INFO: i64 = 4;

impl List {
    /// A page from a place on, where it stands, and how many of all are marked.
    pub(super) fn page(&self, from: &Place, limit: usize) -> (&[Listed], Ends, u64) {
        let rows = &self.0;
        let before = rows.partition_point(|row| row.place < *from);
        let end = rows.len().min(before.saturating_add(limit));
        let previous = (before > 0).then(|| {
            // The first page is asked for as such: what arrives meanwhile belongs to it.
            let start = before.saturating_sub(limit);
            let row = rows.get(start).filter(|_| start > 0);
            row.map_or_else(Place::default, |row| row.place.clone())
        });
        let ends = Ends {
            total: rows.len() as u64,
            before: before as u64,
            previous,
            next: rows.get(end).map(|row| row.place.clone()),
        };
        let marked = rows.iter().filter(|row| row.is_marked).count();
        (
            rows.get(before..end).unwrap_or_default(),
            ends,
            marked as u64,
        )
    }

    /// All of it.
    pub(super) fn all(&self) -> &[Listed] {
        &self.0
    }

    /// Where each row stands, by set and ordinal.
    pub(super) fn places(&self) -> BTreeMap<(u64, u32), &Place> {
        let rows = self.0.iter();
        rows.map(|row| ((row.set, row.ordinal), &row.place))
            .collect()
    }
}

/// Gives a question about an endpoint the parameters that name some rows; days, because the tables go by day.
pub(super) fn naming(query: Query, tenant: &str, endpoint: &str, rows: &[Listed]) -> Query {
    let days: BTreeSet<u16> = rows.iter().map(|row| row.day).collect();
    let months: BTreeSet<u32> = rows.iter().map(|row| row.month).collect();
    let (sets, ordinals): (Vec<u64>, Vec<u32>) =
        rows.iter().map(|row| (row.set, row.ordinal)).unzip();
    query
        .param("tenant", tenant)
        .param("endpoint", endpoint)
        .param("months", months.into_iter().collect::<Vec<u32>>())
        .param("days", days.into_iter().collect::<Vec<u16>>())
        .param("sets", sets)
        .param("ordinals", ordinals)
}
