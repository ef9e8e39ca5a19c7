//! Lists of endpoints.

use super::{
    Day, Filter,
    told::{ATTEMPTS, FINDINGS, Told},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::LoggedAt;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One line of a list of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSummary {
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack, or empty; its first three parts are the Windows build.
    pub servicing_stack: String,
    /// Attempts failed or rolled back in the days of the list.
    pub failed: u64,
    /// Latest failure, as logged.
    pub last_failure: Option<LoggedAt>,
    /// Latest head of any log, as logged.
    pub last_seen: Option<LoggedAt>,
    /// Category of the latest failure or finding, or empty.
    pub category: String,
    /// Its rule, or empty.
    pub rule: String,
}

/// A page of a list, and where the next one starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPage {
    /// First and last day that failures are told of; nothing where there is no data.
    pub days: Option<(Day, Day)>,
    /// By name.
    pub endpoints: Vec<EndpointSummary>,
    /// How many there are in the whole list; unknown of a page behind its end.
    pub total: Option<u64>,
    /// What to give as `after` for the next page.
    pub next: Option<String>,
}

/// A machine, whatever failed on it, with the lines of the whole list.
#[derive(Row, Deserialize)]
struct Machine {
    endpoint: String,
    host: String,
    servicing_stack: String,
    last_seen: Option<LoggedAt>,
    total: u64,
}

/// What failed on a machine in some days, with how many machines failed.
#[derive(Row, Deserialize)]
struct Failures {
    endpoint: String,
    failed: u64,
    last_failure: Option<LoggedAt>,
    category: String,
    rule: String,
}

/// Endpoints on which an attempt failed or a finding says that something is wrong, once for each.
fn failing(told: &Told<'_>) -> String {
    format!(
        "SELECT endpoint FROM {attempts} WHERE {FAILED} UNION ALL SELECT endpoint FROM {findings} WHERE {WRONG}",
        attempts = told.rows(&ATTEMPTS, &["outcome"]),
        findings = told.rows(&FINDINGS, &["severity"])
    )
}

/// Of these, each with its failures. The word of the latest failure comes before that of a later finding.
fn failures(told: &Told<'_>) -> String {
    format!(
        "SELECT endpoint, failed, if(failed > 0, toDateTime64(failed_at, 0, 'UTC'), NULL) AS last_failure, \
           latest.1 AS category, latest.2 AS rule FROM (\
         SELECT endpoint, sum(is_failure) AS failed, maxIf(at, is_failure = 1) AS failed_at, \
           argMax((words, named_rule), (is_failure, at, words, named_rule)) AS latest FROM (\
           SELECT endpoint, toUInt64(1) AS is_failure, end_at AS at, category AS words, rule AS named_rule FROM {attempts} WHERE {FAILED} \
           UNION ALL \
           SELECT endpoint, toUInt64(0) AS is_failure, found_at AS at, category AS words, rule AS named_rule FROM {findings} WHERE {WRONG}\
         ) GROUP BY endpoint)",
        attempts = told.rows(&ATTEMPTS, &["end_at", "outcome", "category", "rule"]),
        findings = told.rows(&FINDINGS, &["found_at", "severity", "category", "rule"])
    )
}

/// The endpoints with most failures, and how many failed at all: without the words of each, which are then read of few.
fn ranking(told: &Told<'_>) -> String {
    format!(
        "SELECT endpoint, count() OVER () AS total FROM (\
         SELECT endpoint, sum(is_failure) AS failed, max(at) AS failed_at FROM (\
           SELECT endpoint, 1 AS is_failure, end_at AS at FROM {attempts} WHERE {FAILED} \
           UNION ALL SELECT endpoint, 0 AS is_failure, {never} AS at FROM {findings} WHERE {WRONG}) GROUP BY endpoint) \
         ORDER BY failed DESC, failed_at DESC, endpoint LIMIT {{limit:UInt64}}",
        never = i64::MIN,
        attempts = told.rows(&ATTEMPTS, &["end_at", "outcome"]),
        findings = told.rows(&FINDINGS, &["severity"])
    )
}

const FAILED: &str = "outcome IN ('failed', 'rolled_back')";
const WRONG: &str = "severity IN ('error', 'critical')";

impl Store {
    /// Endpoints whose id or host contains `search`, by id, starting after `after`, with what failed on them in the last days that
    /// [`Store::overview`] shows unless asked for others.
    pub async fn endpoints(
        &self,
        tenant: &str,
        search: &str,
        failing: bool,
        limit: usize,
        after: Option<&str>,
    ) -> Result<EndpointPage> {
        let filter = Filter {
            tenant: tenant.to_owned(),
            ..Filter::default()
        };
        let days = self.range(&filter).await?;
        // Without any data the list is of machines that nothing is known of yet.
        let (from, to) = days.unwrap_or_default();
        let told = self.told(&filter, from, to).await?;
        let after = after.unwrap_or("");
        let sql = [
            "SELECT endpoint, named AS host, stack AS servicing_stack, seen AS last_seen, total FROM (\
             SELECT endpoint, max(host) AS named, max(servicing_stack).2 AS stack, max(last) AS seen, count() OVER () AS total \
             FROM endpoints WHERE tenant = {tenant:String} ",
            &if failing {
                format!("AND endpoint IN ({}) ", self::failing(&told))
            } else {
                String::new()
            },
            "GROUP BY endpoint HAVING {search:String} = '' OR positionCaseInsensitiveUTF8(endpoint, {search:String}) > 0 \
                OR positionCaseInsensitiveUTF8(named, {search:String}) > 0) \
             WHERE endpoint > {after:String} ORDER BY endpoint LIMIT {limit:UInt64}",
        ]
        .concat();
        let mut machines: Vec<Machine> = self
            .fetch_all(
                "list endpoints",
                told.ask(self, &sql)
                    .param("search", search)
                    .param("after", after)
                    // The table is ordered by endpoint; hashed, their names alone would take half the time of a page.
                    .with_setting("optimize_aggregation_in_order", "1")
                    .param("limit", limit as u64 + 1),
            )
            .await?;
        let total = match (machines.first(), after) {
            (Some(machine), _) => Some(machine.total),
            (None, "") => Some(0),
            (None, _) => None,
        };
        let is_more = machines.len() > limit;
        machines.truncate(limit);
        let names = machines.iter().map(|machine| machine.endpoint.as_str());
        let mut failures = match days {
            Some(_) => self.failures_of(told, names.collect()).await?,
            None => BTreeMap::new(),
        };
        let next = machines
            .last()
            .filter(|_| is_more)
            .map(|machine| machine.endpoint.clone());
        let endpoints = machines
            .into_iter()
            .map(|machine| {
                let failures = failures.remove(&machine.endpoint);
                summary(machine, failures)
            })
            .collect();
        Ok(EndpointPage {
            days,
            endpoints,
            total,
            next,
        })
    }

    /// What failed on some endpoints.
    async fn failures_of<'a>(
        &self,
        told: Told<'a>,
        endpoints: Vec<&'a str>,
    ) -> Result<BTreeMap<String, Failures>> {
        if endpoints.is_empty() {
            return Ok(BTreeMap::new());
        }
        let told = told.of(endpoints);
        let rows: Vec<Failures> = self
            .fetch_all(
                "read what failed on endpoints",
                told.ask(self, &failures(&told)),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| (row.endpoint.clone(), row))
            .collect())
    }

    /// Endpoints with most failures first, and how many failed at all.
    pub(super) async fn most_failing(
        &self,
        told: &Told<'_>,
        limit: u64,
    ) -> Result<(Vec<EndpointSummary>, u64)> {
        let rows: Vec<(String, u64)> = self
            .fetch_all(
                "list the endpoints with most failures",
                told.ask(self, &ranking(told)).param("limit", limit),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.1);
        let names: Vec<&str> = rows.iter().map(|row| row.0.as_str()).collect();
        let machines = self.fetch_all::<Machine>(
            "read the facts of endpoints",
            told.ask(
                self,
                "SELECT endpoint, named AS host, stack AS servicing_stack, seen AS last_seen, toUInt64(0) AS total FROM (\
                   SELECT endpoint, max(host) AS named, max(servicing_stack).2 AS stack, max(last) AS seen \
                   FROM endpoints WHERE tenant = {tenant:String} AND endpoint IN {names:Array(String)} GROUP BY endpoint)",
            )
            .param("names", names.as_slice()),
        );
        let (machines, mut failures) =
            tokio::try_join!(machines, self.failures_of(told.clone(), names.clone()))?;
        let mut machines: BTreeMap<String, Machine> = machines
            .into_iter()
            .map(|machine| (machine.endpoint.clone(), machine))
            .collect();
        let endpoints = names
            .into_iter()
            .map(|name| {
                let known = machines.remove(name).unwrap_or_else(|| Machine {
                    endpoint: name.to_owned(),
                    host: String::new(),
                    servicing_stack: String::new(),
                    last_seen: None,
                    total,
                });
                summary(known, failures.remove(name))
            })
            .collect();
        Ok((endpoints, total))
    }
}

fn summary(machine: Machine, failures: Option<Failures>) -> EndpointSummary {
    let (failed, last_failure, category, rule) = failures.map_or_else(Default::default, |row| {
        (row.failed, row.last_failure, row.category, row.rule)
    });
    EndpointSummary {
        endpoint: machine.endpoint,
        host: machine.host,
        servicing_stack: machine.servicing_stack,
        failed,
        last_failure,
        last_seen: machine.last_seen,
        category,
        rule,
    }
}
