//! Figures that alerts count. They are those of the pages: machines by state, causes and their trends, machines that are silent.

mod baseline;
mod hearing;
mod machines;
mod sql;

use super::{
    Cause, Filter, Trend,
    endpoints::machines,
    lost::missing,
    overview::SILENT_DAYS,
    states::State,
    tries::{CauseAt, Words},
};
use crate::{error::Result, hosts::is_cloned, store::Store};
pub use baseline::AlertBaseline;
use clickhouse::Row;
use event::Code;
pub use hearing::Hearing;
use machines::Labels;
use serde::Deserialize;
pub use sql::{AlertAnswer, AlertQuestion};
use std::collections::BTreeMap;

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
    /// Machines that failed by it within a day: more cannot have begun to.
    pub of_a_day: u64,
}

/// Machines in a state that are counted, all updates and machines where nothing narrows them.
#[derive(Clone, Debug)]
pub struct AlertMachines<'a> {
    /// In which state.
    pub state: State,
    /// Of which groups; none = one figure of all.
    pub by: &'a [AlertBy],
    /// Of one update.
    pub kb: Option<&'a str>,
    /// Updates that do not count.
    pub except_kbs: &'a [String],
    /// Only machines with all of these labels.
    pub labels: &'a [(String, String)],
    /// Only those whose failure is by one of these causes; others still count as having tried.
    pub causes: Option<&'a [u64]>,
    /// Only those that have failed so often since it last went well, or since so many seconds.
    pub lasts: Option<(u64, i64)>,
    /// What groups reach stands before what they do not.
    pub reached: AlertReached,
}

/// By which clock failures are as old as they are, and one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertClock {
    /// UTC, from the zone that logs show. Where none is shown a failure is as old as if its clock showed UTC, and no later than it could
    /// be anywhere on earth.
    Utc,
    /// As logged.
    Logged,
}

/// What machines are counted for without a look at what they tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertReport {
    /// They are silent, as pages have it, but for days on which nobody was heard.
    Silent,
    /// Their newest log is of a time that no clock on earth shows yet.
    ClockAhead,
    /// A part of a log of theirs is lost for good, and that was first told after this time, in UTC milliseconds.
    LostSince(i64),
    /// Several machines send as one of them, and two were heard of after this time, in seconds as logged.
    ClonedSince(i64),
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
    /// Their latest failure, in seconds of the clock that was asked for; 0 where none failed. Of more than twenty the one that a twentieth
    /// of them reaches: one clock that is wrong, or one straggler among old logs, does not speak for all.
    pub newest: i64,
    /// The first ten of them.
    pub first: Vec<String>,
}

/// Groups of one rule that are told, those that reach its threshold before all others: one that fires is not lost behind larger ones.
const GROUPS: usize = 2_000;

/// The order of groups of one figure.
const ORDER: &str = "ORDER BY machines >= {at_least:Float64} AND machines >= {share:Float64} * of DESC, machines DESC, key LIMIT {groups:UInt64}";

/// Machines that a group names.
const NAMED: u8 = 10;

/// A machine that was heard of within so many days counts where silent ones do: older ones are gone, and not news.
const HEARD_DAYS: i64 = 30;

impl Store {
    /// Causes that machines failed by in the days of a page.
    pub async fn alert_causes(&self, filter: &Filter) -> Result<Vec<AlertCause>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let day_ago = told.now() - 86_400;
        let mut words = Words::default();
        let mut causes: BTreeMap<CauseAt, u64> = BTreeMap::new();
        self.each_machine(&told, &mut words, |_, machine| {
            let tries = machine.tries.iter().filter(|tried| tried.has_failed());
            let found = machine.found.iter().filter(|found| found.is_wrong);
            let mut of_machine: BTreeMap<CauseAt, bool> = BTreeMap::new();
            let all = tries.map(|tried| (tried.cause, tried.end));
            for (cause, at) in all.chain(found.map(|found| (found.cause, found.at))) {
                *of_machine.entry(cause).or_default() |= at > day_ago;
            }
            for (cause, is_of_a_day) in of_machine {
                *causes.entry(cause).or_default() += u64::from(is_of_a_day);
            }
        })
        .await?;
        let causes = causes.into_iter().map(|(cause, of_a_day)| {
            let told = words.told(cause);
            AlertCause {
                key: told.key(),
                category: told.category.to_owned(),
                rule: told.rule.to_owned(),
                root_code: told.root_code(),
                of_a_day,
            }
        });
        Ok(causes.collect())
    }

    /// Causes with how they go on, as the first page tells it.
    pub async fn alert_trends(&self, filter: &Filter) -> Result<Vec<(Cause, Trend)>> {
        let causes = self.causes(filter).await?.causes;
        Ok(causes
            .into_iter()
            .filter_map(|cause| cause.trend.map(|trend| (cause, trend)))
            .collect())
    }

    /// Counts machines in states, by groups, for each of what is asked: of it those groups that reach its threshold first, of them those of
    /// most machines; at most 2,000. Groups in which none is counted are not among them. What machines tried is read once for all.
    ///
    /// `filter` gives tenant and days; by what else it is narrowed is not looked at.
    pub async fn alert_machines(
        &self,
        filter: &Filter,
        clock: AlertClock,
        asked: &[AlertMachines<'_>],
    ) -> Result<Vec<Vec<AlertGroup>>> {
        let filter = Filter {
            tenant: filter.tenant.clone(),
            from: filter.from,
            to: filter.to,
            now: filter.now,
            ..Filter::default()
        };
        let Some((from, to)) = self.range(&filter).await? else {
            return Ok(vec![Vec::new(); asked.len()]);
        };
        let told = self.told(&filter, from, to).await?;
        self.grouped_machines(&told, clock, asked).await
    }

    /// Counts machines by how they report, of those heard of within 30 days; by labels alone.
    pub async fn alert_reporting(
        &self,
        filter: &Filter,
        report: AlertReport,
        by: &[AlertBy],
        reached: AlertReached,
        hearing: Hearing,
    ) -> Result<Vec<AlertGroup>> {
        let (from, to) = self.range(filter).await?.unwrap_or_default();
        let told = self.told(filter, from, to).await?;
        let labels = Labels::by(by);
        let (hit, since) = match report {
            AlertReport::Silent => ("heard < {unheard_from:Int64}".to_owned(), 0),
            AlertReport::ClockAhead => ("ends > {ahead_from:Int64}".to_owned(), 0),
            AlertReport::LostSince(since) => {
                // Of machines of which nothing was told since, all of which was told for good before, nothing is looked at.
                const TOLD: &str = " AND endpoint IN (SELECT endpoint FROM gaps \
                     WHERE tenant = {tenant:String} AND told > fromUnixTimestamp64Milli({since:Int64}, 'UTC'))";
                let lost = format!(
                    "endpoint IN (SELECT endpoint FROM {} WHERE at > {{since:Int64}})",
                    missing(TOLD)
                );
                (lost, since)
            }
            AlertReport::ClonedSince(since) => {
                let are_heard = " AND arrayCount(host -> host.3 > {since:Int64}, hosts) > 1";
                (is_cloned(are_heard), since)
            }
        };
        let sql = format!(
            "SELECT key, machines, of, newest, first FROM (\
             SELECT key, countIf(hit) AS machines, count() AS of, toInt64(0) AS newest, groupArraySortedIf({NAMED})(endpoint, hit) AS first FROM (\
             SELECT machine.endpoint AS endpoint, {key} AS key, {hit} AS hit FROM {machines} AS machine{joins} WHERE heard >= {{heard_from:Int64}}) \
             GROUP BY key) WHERE machines > 0 {ORDER}",
            key = labels.key(by),
            machines = machines(&told),
            joins = labels.joins(),
        );
        let heard_from = hearing.silent_from - (HEARD_DAYS - SILENT_DAYS) * 86_400;
        let query = told
            .reporting(told.ask(self, &sql))
            .param("unheard_from", hearing.silent_from)
            .param("heard_from", heard_from)
            .param("since", since)
            .param("at_least", reached.at_least)
            .param("share", reached.share)
            .param("groups", GROUPS as u64);
        self.fetch_all("count machines that report for alerts", labels.named(query))
            .await
    }
}
