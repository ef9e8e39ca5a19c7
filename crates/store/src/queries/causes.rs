//! Why it fails: causes of failed tries, each on its own day, and findings that stand for themselves.

use super::{
    Day, Filter,
    filter::CauseId,
    overview::CategoryBucket,
    states::{CAUSE, Failing, States},
    told::{ATTEMPTS, FINDINGS, Told},
};
use crate::{error::Result, store::Store};
use clickhouse::{Row, query::Query};
use event::{Code, LoggedAt};
use serde::Deserialize;
use std::cmp::{Ordering, Reverse};

/// What several failures have in common.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// Category.
    pub category: String,
    /// Rule, or empty.
    pub rule: String,
    /// The code that started it.
    pub root_code: Option<Code>,
    /// The object named where all name the same one, or empty.
    pub object: String,
    /// Distinct objects named.
    pub objects: u64,
    /// Machines that fail by it.
    pub failing: Failing,
    /// Machines that failed by it in the range.
    pub endpoints: u64,
    /// Failed attempts; of findings that stand for themselves, repeats.
    pub count: u64,
    /// Earliest in the range, as logged.
    pub first: Option<LoggedAt>,
    /// Latest, as logged.
    pub last: Option<LoggedAt>,
    /// How it goes on; nothing where the page begins too late to tell.
    pub trend: Option<Trend>,
}

/// The causes of some days.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Those that machines fail by now first, then those of most machines; the thousand of most machines where there are more.
    pub causes: Vec<Cause>,
    /// How many there are.
    pub total: u64,
}

impl Cause {
    /// Those that most machines fail by now first: what fails now matters more than what failed once.
    pub(super) fn ranked(rows: Vec<CauseRow>, states: &States, now: i64) -> Vec<Self> {
        let mut causes: Vec<Self> = rows
            .into_iter()
            .map(|row| {
                let failing = states.causes.get(&row.hash).copied();
                let failing = failing.unwrap_or(states.nobody);
                let at = |at: i64| (at != event::Month::FAR_OFF.start().0).then_some(LoggedAt(at));
                Self {
                    trend: match row.is_failure {
                        0 => Some(Trend::Noted),
                        _ => Trend::of(failing, row.first, now),
                    },
                    category: row.category,
                    rule: row.rule,
                    root_code: row.root_code,
                    object: row.object,
                    objects: row.objects,
                    failing,
                    endpoints: row.endpoints,
                    count: row.count,
                    first: at(row.first),
                    last: at(row.last),
                }
            })
            .collect();
        causes.sort_by_key(|cause| Reverse((cause.failing.now, cause.endpoints, cause.count)));
        causes
    }

    /// What tells it from others.
    pub fn id(&self) -> CauseId {
        CauseId::of(&self.rule, &self.category, self.root_code)
    }
}

/// How a cause goes on: machines that fail by it now, against a day ago and then a week ago.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// First seen less than a day ago.
    New,
    /// Nobody failed by it a day ago, somebody did before, and now again.
    Back,
    /// More than before.
    Growing,
    /// Fewer than before.
    Shrinking,
    /// As many as before.
    Steady,
    /// Nobody fails by it any more.
    Gone,
    /// Something to look at, by which nothing has failed.
    Noted,
}

impl Trend {
    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Back => "back",
            Self::Growing => "growing",
            Self::Shrinking => "shrinking",
            Self::Steady => "steady",
            Self::Gone => "gone",
            Self::Noted => "noted",
        }
    }

    /// Back from [`Trend::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        let all = [
            Self::New,
            Self::Back,
            Self::Growing,
            Self::Shrinking,
            Self::Steady,
            Self::Gone,
            Self::Noted,
        ];
        all.into_iter().find(|trend| trend.name() == name)
    }

    fn of(failing: Failing, first: i64, now: i64) -> Option<Self> {
        if failing.now == 0 {
            return Some(Self::Gone);
        }
        let day_ago = failing.day_ago?;
        let week_ago = failing.week_ago.unwrap_or(day_ago);
        Some(if first > now - 86_400 {
            Self::New
        } else if day_ago == 0 {
            Self::Back
        } else {
            let change = failing.now.cmp(&day_ago);
            match change.then(failing.now.cmp(&week_ago)) {
                Ordering::Greater => Self::Growing,
                Ordering::Less => Self::Shrinking,
                Ordering::Equal => Self::Steady,
            }
        })
    }
}

#[derive(Row, Deserialize)]
pub(super) struct CauseRow {
    pub(super) hash: u64,
    category: String,
    rule: String,
    root_code: Option<Code>,
    object: String,
    objects: u64,
    count: u64,
    endpoints: u64,
    first: i64,
    last: i64,
    is_failure: u8,
    /// Causes of all.
    pub(super) total: u64,
}

/// Causes that are ranked, those of most machines: far more than rules name, but of codes that none knows there may be thousands.
const RANKED: u64 = 1_000;

/// Rows of causes, one for each failed try and each finding above `info`: `is_try`, `moment` on whose day it counts, `seen` = its end,
/// `repeats`, `named`, `kb`, `terminal`.
fn rows(told: &Told<'_>) -> String {
    format!(
        "(SELECT endpoint, category, rule, root, start_at AS moment, end_at AS seen, toUInt64(1) AS repeats, '' AS named, kb, terminal, 1 AS is_try, 1 AS is_wrong FROM {attempts} \
           WHERE outcome IN ('failed', 'rolled_back') \
         UNION ALL \
         SELECT endpoint, toString(category) AS category, rule, root, found_at AS moment, found_at AS seen, toUInt64(repeats) AS repeats, named, kb, terminal, 0 AS is_try, \
           severity IN ('error', 'critical') AS is_wrong FROM {findings} WHERE severity != 'info')",
        attempts = told.rows(
            &ATTEMPTS,
            &[
                "start_at", "end_at", "outcome", "kb", "category", "rule", "root", "terminal"
            ]
        ),
        findings = told.rows(
            &FINDINGS,
            &[
                "found_at", "severity", "kb", "category", "rule", "root", "terminal", "named",
                "repeats"
            ]
        ),
    )
}

/// The same, each with its `day` and whether tries of its machine have that cause too (`has_try`): a finding that tries have as their
/// cause is counted by them.
pub(super) fn each(told: &Told<'_>) -> String {
    format!(
        "(SELECT *, toDate(toDateTime(moment, 'UTC')) AS day, max(is_try) OVER (PARTITION BY endpoint, category, rule, root) AS has_try FROM {})",
        rows(told)
    )
}

/// How often something failed by a cause, and where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct CauseTotals {
    /// Machines.
    pub endpoints: u64,
    /// Failed attempts; of findings that stand for themselves, repeats.
    pub count: u64,
}

impl Store {
    /// All causes of the days that are ranked, those that machines fail by now first; and how many causes there are.
    pub async fn causes(&self, filter: &Filter) -> Result<Causes> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Causes::default());
        };
        let told = self.told(filter, from, to).await?;
        let (states, rows) = tokio::try_join!(self.machine_states(&told), self.cause_rows(&told))?;
        Ok(Causes {
            days: Some((from, to)),
            total: rows.first().map_or(0, |row| row.total),
            causes: Cause::ranked(rows, &states, told.now()),
        })
    }

    /// Causes of most machines.
    pub(super) async fn cause_rows(&self, told: &Told<'_>) -> Result<Vec<CauseRow>> {
        // A finding that tries have as their cause is counted by them.
        let sql = format!(
            "SELECT {CAUSE} AS hash, category, rule, nullIf(root, 0) AS root_code, \
               if(length(groupUniqArrayArray(2)(objects_of) AS some) = 1, some[1], '') AS object, uniqExactArray(objects_of) AS objects, \
               sum(if(tries > 0, tries, repeats_of)) AS count, count() AS endpoints, min(first_at) AS first, max(last_at) AS last, \
               max(is_wrong) AS is_failure, count() OVER () AS total FROM (\
             SELECT endpoint, category, rule, root, countIf(is_try) AS tries, sumIf(repeats, NOT is_try) AS repeats_of, \
               if(tries > 0, minIf(seen, is_try), min(seen)) AS first_at, if(tries > 0, maxIf(seen, is_try), max(seen)) AS last_at, max(is_wrong) AS is_wrong, \
               groupUniqArrayIf(toString(named), named != '') AS objects_of FROM {} GROUP BY endpoint, category, rule, root) \
             GROUP BY category, rule, root ORDER BY endpoints DESC, count DESC, category, rule, root LIMIT {RANKED}",
            rows(told)
        );
        self.fetch_all("read the causes", told.ask(self, &sql))
            .await
    }

    /// How the fleet fails by the causes that a filter names, in the days that a page of it shows.
    pub async fn cause_totals(&self, filter: &Filter) -> Result<CauseTotals> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(CauseTotals::default());
        };
        self.totals_of(&self.told(filter, from, to).await?).await
    }

    pub(super) async fn totals_of(&self, told: &Told<'_>) -> Result<CauseTotals> {
        let sql = format!(
            "SELECT uniqExact(endpoint) AS endpoints, sum(repeats) AS count FROM {} WHERE is_try = has_try",
            each(told)
        );
        self.fetch_one("count a cause", told.ask(self, &sql)).await
    }

    /// Failures over time, each on its own day, by the category of their cause. `bucket` = the bucket of `moment`.
    pub(super) async fn categories_over_time(
        &self,
        told: &Told<'_>,
        bucket: &str,
        with: impl FnOnce(Query) -> Query,
    ) -> Result<Vec<CategoryBucket>> {
        let sql = format!(
            "SELECT {bucket} AS at, category, sum(repeats) AS count FROM {} \
             WHERE is_try = has_try GROUP BY at, category ORDER BY at, category",
            each(told)
        );
        self.fetch_all("count failures over time", with(told.ask(self, &sql)))
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_goes_on_as_its_machines_do() {
        const DAY: i64 = 86_400;
        let now = 100 * DAY;
        let (old, new) = (now - 9 * DAY, now - 60);
        for ((of_now, day_ago, week_ago), first, trend) in [
            ((0, Some(3), Some(3)), old, Some(Trend::Gone)),
            ((0, Some(0), Some(0)), new, Some(Trend::Gone)),
            ((0, None, None), new, Some(Trend::Gone)),
            ((2, Some(0), Some(0)), new, Some(Trend::New)),
            ((2, Some(0), Some(5)), old, Some(Trend::Back)),
            ((3, Some(2), Some(9)), old, Some(Trend::Growing)),
            ((3, Some(3), Some(2)), old, Some(Trend::Growing)),
            ((3, Some(4), Some(0)), old, Some(Trend::Shrinking)),
            ((3, Some(3), Some(4)), old, Some(Trend::Shrinking)),
            ((3, Some(3), Some(3)), old, Some(Trend::Steady)),
            // A page that begins too late to know.
            ((3, Some(3), None), old, Some(Trend::Steady)),
            ((3, None, None), new, None),
        ] {
            let failing = Failing {
                now: of_now,
                day_ago,
                week_ago,
            };
            assert_eq!(Trend::of(failing, first, now), trend, "{failing:?}");
        }
    }
}
