//! Figures that alerts count. They are those of the pages: machines by state, causes and their trends, machines that are silent.

use super::{
    Cause, Filter, Trend,
    endpoints::machines,
    states::{Stands, State},
    told::Told,
    tries::{CauseAt, Words},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::Code;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

/// What figures are told apart by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AlertBy {
    /// The update. What has none is in no group.
    Kb,
    /// The cause.
    Cause,
    /// The value of a label; empty for machines without it.
    Label(String),
}

/// A cause, as groups name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertCause {
    /// What groups name it by.
    pub key: u64,
    /// Category.
    pub category: String,
    /// Rule, or empty.
    pub rule: String,
    /// The code that started it.
    pub root_code: Option<Code>,
}

/// Machines in a state that are counted.
#[derive(Clone, Debug)]
pub struct AlertMachines<'a> {
    /// Whose and of what: tenant, days, KB and labels. Causes narrow by `causes`, so that others still count as having tried.
    pub filter: &'a Filter,
    /// In which state.
    pub state: State,
    /// Of which groups; none = one figure of all.
    pub by: &'a [AlertBy],
    /// Only those whose failure is by one of these causes.
    pub causes: Option<&'a [u64]>,
    /// Updates that do not count.
    pub except_kbs: &'a [String],
    /// Those that failed so often, …
    pub tries: u64,
    /// … or whose failure is as old, in seconds.
    pub after_s: i64,
    /// What groups reach stands before what they do not.
    pub reached: AlertReached,
}

/// What a figure reaches: so much, and so much of those that tried; only orders what is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlertReached {
    /// So much.
    pub at_least: f64,
    /// So much of them.
    pub share: f64,
}

/// Machines of one group.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct AlertGroup {
    /// One text for each thing that groups are told apart by.
    pub key: Vec<String>,
    /// Machines that are counted.
    pub machines: u64,
    /// Of so many that tried.
    pub of: u64,
    /// Their latest failure, as logged in seconds; 0 where none failed.
    pub newest: i64,
    /// The first ten of them.
    pub first: Vec<String>,
}

/// Groups of one rule that are told, those that reach its threshold before all others: one that fires is not lost behind larger ones.
const GROUPS: usize = 2_000;

/// The order of groups.
const ORDER: &str = "ORDER BY machines >= {at_least:Float64} AND machines >= {share:Float64} * of DESC, machines DESC, key LIMIT {groups:UInt64}";

/// Machines that a group names.
const NAMED: u8 = 10;

/// A machine that was heard of within so many days counts where silent ones do: older ones are gone, and not news.
const HEARD_DAYS: i64 = 30;

/// Machines of one group, while they are counted.
#[derive(Default)]
struct Grouped {
    machines: u64,
    of: u64,
    newest: i64,
    first: BTreeSet<String>,
}

impl Grouped {
    /// Counts a machine; `newest` = its latest failure where it is one of those that count.
    fn add(&mut self, endpoint: &str, newest: Option<i64>) {
        self.of += 1;
        let Some(newest) = newest else { return };
        self.machines += 1;
        self.newest = self.newest.max(newest);
        self.first.insert(endpoint.to_owned());
        if self.first.len() > usize::from(NAMED) {
            self.first.pop_last();
        }
    }
}

/// Conditions that each machine has the label of a group: joins, and the names of their values.
fn joined(by: &[AlertBy]) -> String {
    let mut joins = String::new();
    for (at, by) in by.iter().enumerate() {
        if let AlertBy::Label(_) = by {
            let _ = write!(
                joins,
                " LEFT JOIN (SELECT endpoint AS of_label{at}, value AS value{at} FROM endpoint_labels FINAL \
                   WHERE tenant = {{tenant:String}} AND label = {{by{at}:String}}) AS label{at} ON machine.endpoint = label{at}.of_label{at}"
            );
        }
    }
    joins
}

fn key(by: &[AlertBy]) -> String {
    let parts: Vec<String> = by
        .iter()
        .enumerate()
        .map(|(at, by)| match by {
            AlertBy::Kb => "toString(kb)".to_owned(),
            AlertBy::Cause => "toString(cause)".to_owned(),
            AlertBy::Label(_) => format!("toString(value{at})"),
        })
        .collect();
    match parts.is_empty() {
        true => "emptyArrayString()".to_owned(),
        false => format!("[{}]", parts.join(", ")),
    }
}

fn with_labels(query: clickhouse::query::Query, by: &[AlertBy]) -> clickhouse::query::Query {
    let labels = by.iter().enumerate();
    labels.fold(query, |query, (at, by)| match by {
        AlertBy::Label(label) => query.param(&format!("by{at}"), label),
        AlertBy::Kb | AlertBy::Cause => query,
    })
}

impl Store {
    /// Causes that machines failed by in the days of a page.
    pub async fn alert_causes(&self, filter: &Filter) -> Result<Vec<AlertCause>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let mut words = Words::default();
        let mut causes: BTreeSet<CauseAt> = BTreeSet::new();
        self.each_machine(&told, &mut words, |_, machine| {
            let tries = machine.tries.iter().filter(|tried| tried.has_failed());
            causes.extend(tries.map(|tried| tried.cause));
            let found = machine.found.iter().filter(|found| found.is_wrong);
            causes.extend(found.map(|found| found.cause));
        })
        .await?;
        let told = causes.into_iter().map(|cause| {
            let told = words.told(cause);
            AlertCause {
                key: told.key(),
                category: told.category.to_owned(),
                rule: told.rule.to_owned(),
                root_code: told.root_code(),
            }
        });
        Ok(told.collect())
    }

    /// Causes with how they go on, as the first page tells it.
    pub async fn alert_trends(&self, filter: &Filter) -> Result<Vec<(Cause, Trend)>> {
        let causes = self.causes(filter).await?.causes;
        Ok(causes
            .into_iter()
            .filter_map(|cause| cause.trend.map(|trend| (cause, trend)))
            .collect())
    }

    /// Counts machines in a state, by groups: those that reach the threshold first, of them those of most machines; at most 2,000. Groups in
    /// which none is counted are not among them.
    pub async fn alert_machines(&self, asked: &AlertMachines<'_>) -> Result<Vec<AlertGroup>> {
        let Some((from, to)) = self.range(asked.filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(asked.filter, from, to).await?;
        let by_cause = asked.by.contains(&AlertBy::Cause);
        // Whoever is told apart by its update has one; a finding that stands for itself is no try of its own.
        let by_kb = asked.by.contains(&AlertBy::Kb);
        let labels = self.labels_by(&told, asked.by).await?;
        let settled = told.now() - asked.after_s;
        let (stands, mut words) = (Stands::now(&told), Words::default());
        let mut groups: BTreeMap<Vec<String>, Grouped> = BTreeMap::new();
        self.each_machine(&told, &mut words, |words, machine| {
            let mut of_machine: BTreeMap<Vec<String>, Option<i64>> = BTreeMap::new();
            for stand in stands.of(words, machine) {
                let kb = words.text(stand.kb);
                if !stand.is_shown
                    || (by_kb && (stand.is_found || stand.kb.is_empty()))
                    || asked.except_kbs.iter().any(|except| except == kb)
                {
                    continue;
                }
                let cause = stand.failure.map(|(_, cause)| words.told(cause).key());
                let failed_at = stand.failure.map_or(0, |(at, _)| at);
                let is_hit = stand.state == asked.state
                    && (stand.failed >= asked.tries || failed_at <= settled)
                    && asked
                        .causes
                        .is_none_or(|causes| cause.is_some_and(|cause| causes.contains(&cause)));
                let key = asked.by.iter().zip(&labels).map(|(by, values)| match by {
                    AlertBy::Kb => kb.to_owned(),
                    AlertBy::Cause => cause.unwrap_or(0).to_string(),
                    AlertBy::Label(_) => values.get(machine.endpoint).cloned().unwrap_or_default(),
                });
                let newest = of_machine.entry(key.collect()).or_default();
                *newest = (*newest).max(is_hit.then_some(failed_at));
            }
            for (key, newest) in of_machine {
                groups.entry(key).or_default().add(machine.endpoint, newest);
            }
        })
        .await?;
        let mut groups: Vec<AlertGroup> = groups
            .into_iter()
            .filter(|(_, grouped)| grouped.machines > 0)
            .map(|(key, grouped)| AlertGroup {
                key,
                machines: grouped.machines,
                of: grouped.of,
                newest: grouped.newest,
                first: grouped.first.into_iter().collect(),
            })
            .collect();
        groups.sort_by_cached_key(|group| {
            // Of a cause nobody knows of how many it is a share.
            let share = if by_cause { 0.0 } else { asked.reached.share };
            let machines = group.machines as f64;
            let is_reached =
                machines >= asked.reached.at_least && machines >= share * group.of as f64;
            (Reverse((is_reached, group.machines)), group.key.clone())
        });
        groups.truncate(GROUPS);
        // Of a cause only those have a row that have it: of how many that is, only the whole fleet could tell.
        if by_cause {
            for group in &mut groups {
                group.of = 0;
            }
        }
        Ok(groups)
    }

    /// Of each thing that groups are told apart by, the values of a label by machine; nothing where it is none.
    async fn labels_by(
        &self,
        told: &Told<'_>,
        by: &[AlertBy],
    ) -> Result<Vec<HashMap<String, String>>> {
        let mut labels = Vec::new();
        for by in by {
            let AlertBy::Label(label) = by else {
                labels.push(HashMap::new());
                continue;
            };
            let query = told
                .ask(
                    self,
                    "SELECT endpoint, value FROM endpoint_labels FINAL \
                     WHERE tenant = {tenant:String} AND label = {by:String} AND value != ''",
                )
                .param("by", label)
                // As many as there are machines.
                .with_setting("max_result_rows", "0");
            let values: Vec<(String, String)> =
                self.fetch_all("read a label of endpoints", query).await?;
            labels.push(values.into_iter().collect());
        }
        Ok(labels)
    }

    /// Counts machines that are silent, or whose clocks are ahead, of those heard of within 30 days; by labels alone.
    pub async fn alert_reporting(
        &self,
        filter: &Filter,
        is_ahead: bool,
        by: &[AlertBy],
        reached: AlertReached,
    ) -> Result<Vec<AlertGroup>> {
        let (from, to) = self.range(filter).await?.unwrap_or_default();
        let told = self.told(filter, from, to).await?;
        let hit = match is_ahead {
            true => "ends > {ahead_from:Int64}",
            false => "heard < {silent_from:Int64}",
        };
        let sql = format!(
            "SELECT key, machines, of, newest, first FROM (\
             SELECT key, countIf(hit) AS machines, count() AS of, toInt64(0) AS newest, groupArraySortedIf({NAMED})(endpoint, hit) AS first FROM (\
             SELECT machine.endpoint AS endpoint, {key} AS key, {hit} AS hit FROM {machines} AS machine{joins} WHERE heard >= {{heard_from:Int64}}) \
             GROUP BY key) WHERE machines > 0 {ORDER}",
            key = key(by),
            machines = machines(&told),
            joins = joined(by),
        );
        let now = filter.now.map_or_else(|| told.now(), |now| now.0);
        let query = told
            .reporting(told.ask(self, &sql))
            .param("heard_from", now - HEARD_DAYS * 86_400)
            .param("at_least", reached.at_least)
            .param("share", reached.share)
            .param("groups", GROUPS as u64);
        self.fetch_all("count silent machines for alerts", with_labels(query, by))
            .await
    }
}
