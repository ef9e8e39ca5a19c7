//! The updates of a fleet: all of them, and one as it goes out.

use super::{
    Day, Filter,
    causes::Cause,
    endpoints::{BUILD, SEEN, machines, tried},
    figures::Ask,
    overview::{CHART_DAYS, KbSummary, TOP, kbs},
    states::{Machines, State},
    told::{ATTEMPTS, Told},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;

/// Builds of one answer: a fleet has a dozen.
const BUILDS: u64 = 50;

/// How long before the days of a page the update before is looked for: they come by the month.
const MONTH_BEFORE: Day = 45;

/// Days of a curve that another one is compared with.
const CURVE: usize = 100;

/// The first part of a version, as `told_lines` has it.
const BRANCH: &str = "bitShiftRight(line_version, 48)";

/// The updates of the days.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Updates {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Those that most machines fail first; the thousand with most failed attempts where there are more.
    pub updates: Vec<KbSummary>,
}

/// One update as it goes out.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rollout {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// Machines whose logs reach into the days.
    pub seen: u64,
    /// Machines by their state for it.
    pub machines: Machines,
    /// Its first try in the days.
    pub first: Option<Day>,
    /// Machines that have it, and that failed it and have it not, by the end of each day from its first try on.
    pub over_time: Vec<RolloutDay>,
    /// The update before it of the same line and branch, by days from its own first try on.
    pub before: Option<(String, Vec<RolloutDay>)>,
    /// What it fails by.
    pub causes: Vec<Cause>,
    /// How many causes there are.
    pub causes_total: u64,
    /// Machines by build.
    pub builds: Vec<BuildRollout>,
}

/// Where an update stands at the end of a day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RolloutDay {
    /// Which.
    pub day: Day,
    /// Machines on which a try has succeeded.
    pub installed: u64,
    /// Machines on which a try has failed and none succeeded.
    pub failing: u64,
}

/// An update on the machines of one build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildRollout {
    /// `10.0.19041`, or empty where no log tells it.
    pub build: String,
    /// Machines by their state for it.
    pub machines: Machines,
}

#[derive(Row, Deserialize)]
struct BuildRow {
    build: String,
    state: u8,
    count: u64,
}

#[derive(Row, Deserialize)]
struct CurveRow {
    good: Day,
    bad: Day,
    first: Day,
    machines: u64,
}

impl Store {
    /// All updates of the filter's days.
    pub async fn updates(&self, filter: &Filter) -> Result<Updates> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Updates::default());
        };
        let ask = Ask::new(self, filter, from, to).await?;
        let (states, (_, attempts)) =
            tokio::try_join!(self.machine_states(&ask.told), ask.attempts())?;
        Ok(Updates {
            days: Some((from, to)),
            updates: kbs(&states.kbs, attempts),
        })
    }

    /// One update, that of the filter.
    pub async fn rollout(&self, filter: &Filter) -> Result<Rollout> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Rollout::default());
        };
        let told = self.told(filter, from, to).await?;
        let (states, rows, builds, curve, seen, before) = tokio::try_join!(
            self.machine_states(&told),
            self.cause_rows(&told),
            self.builds_of(&told),
            self.curve(&told),
            self.seen(&told),
            self.before(filter, from, to),
        )?;
        let causes_total = rows.first().map_or(0, |row| row.total);
        let mut causes = Cause::ranked(rows, &states, told.now());
        causes.truncate(TOP);
        let first = first_of(&curve);
        let last = to
            .min(filter.now.map_or(to, super::overview::day_at))
            .max(first.unwrap_or(to));
        let over_time = first.map_or_else(Vec::new, |first| {
            let days = first.max(last.saturating_sub(CHART_DAYS - 1))..=last;
            days.map(|day| at_end(&curve, day)).collect()
        });
        let before = match before {
            None => None,
            Some((other, curve)) => {
                let first = first_of(&curve).unwrap_or(to);
                let length = over_time.len().min(CURVE) as Day;
                let days = (0..length).map(|day| RolloutDay {
                    day,
                    ..at_end(&curve, first.saturating_add(day))
                });
                Some((other, days.collect()))
            }
        };
        Ok(Rollout {
            days: Some((from, to)),
            seen,
            machines: states.machines,
            first,
            over_time,
            before,
            causes,
            causes_total,
            builds,
        })
    }

    /// Machines whose logs reach into the days.
    async fn seen(&self, told: &Told<'_>) -> Result<u64> {
        let sql = format!("SELECT countIf({SEEN}) FROM {}", machines(told));
        let query = told
            .reporting(told.ask(self, &sql))
            .with_setting("optimize_aggregation_in_order", "1");
        self.fetch_one("count endpoints", query).await
    }

    async fn builds_of(&self, told: &Told<'_>) -> Result<Vec<BuildRollout>> {
        let sql = format!(
            "SELECT build, state, count FROM (\
               SELECT *, sum(count) OVER (PARTITION BY build) AS of_build, sum(if(state = {failing}, count, 0)) OVER (PARTITION BY build) AS fail FROM (\
                 SELECT {BUILD} AS build, state, count() AS count \
                 FROM {tried} AS tried LEFT JOIN {machines} AS machine USING endpoint GROUP BY build, state)) \
             ORDER BY fail DESC, of_build DESC, build, state LIMIT {{builds:UInt64}}",
            failing = State::Failing.rank(),
            tried = tried(told),
            machines = machines(told),
        );
        let query = told
            .reporting(told.ask(self, &sql))
            .param("builds", BUILDS * State::ALL.len() as u64);
        let rows: Vec<BuildRow> = self.fetch_all("count machines by build", query).await?;
        let mut builds: Vec<BuildRollout> = Vec::new();
        for row in rows {
            if builds.last().is_none_or(|last| last.build != row.build) {
                builds.push(BuildRollout {
                    build: row.build,
                    ..BuildRollout::default()
                });
            }
            if let Some(last) = builds.last_mut() {
                last.machines.add(State::from_rank(row.state), row.count);
            }
        }
        builds.truncate(BUILDS as usize);
        Ok(builds)
    }

    /// Of the machines that tried the filter's update, on which day a try first succeeded and first failed; 0 where none did.
    async fn curve(&self, told: &Told<'_>) -> Result<Vec<CurveRow>> {
        // A try that begins in the days may end after them.
        let sql = format!(
            "SELECT good, bad, toUInt16(min(tried)) AS first, count() AS machines FROM (\
               SELECT endpoint, minIf(ended, outcome = 'succeeded') AS good, minIf(ended, outcome IN ('failed', 'rolled_back')) AS bad, min(toUInt16(day)) AS tried FROM (\
                 SELECT *, toUInt16(least(greatest(intDiv(end_at, 86400), toInt64({{from:UInt16}})), toInt64({{to:UInt16}}))) AS ended FROM {} WHERE kb = {{kb:String}}) \
               GROUP BY endpoint) GROUP BY good, bad",
            told.whole(&ATTEMPTS, &["end_at", "outcome", "kb"])
        );
        self.fetch_all("read how an update went out", told.ask(self, &sql))
            .await
    }

    /// The update before the filter's one: of its line and its branch the greatest version below, with how it went out.
    async fn before(
        &self,
        filter: &Filter,
        from: Day,
        to: Day,
    ) -> Result<Option<(String, Vec<CurveRow>)>> {
        let wide = self
            .told(filter, from.saturating_sub(MONTH_BEFORE), to)
            .await?;
        let lines = wide.whole(&ATTEMPTS, &["kb", "line", "line_version"]);
        // An update may have packages of several branches: its own is the one of most tries.
        let sql = format!(
            "SELECT toString(line) AS of_line, {BRANCH} AS branch, max(line_version) AS version FROM {lines} \
             WHERE kb = {{kb:String}} AND line != '' GROUP BY of_line, branch ORDER BY count() DESC, of_line, branch LIMIT 1"
        );
        let own: Option<(String, u64, u64)> = self
            .fetch_optional("read the line of an update", wide.ask(self, &sql))
            .await?;
        let Some((line, branch, version)) = own else {
            return Ok(None);
        };
        let sql = format!(
            "SELECT toString(kb) AS name FROM {lines} WHERE kb NOT IN ('', {{kb:String}}) AND line = {{line:String}} \
               AND {BRANCH} = {{branch:UInt64}} AND line_version < {{version:UInt64}} \
             GROUP BY name ORDER BY max(line_version) DESC, name LIMIT 1"
        );
        let query = wide
            .ask(self, &sql)
            .param("line", line)
            .param("branch", branch)
            .param("version", version);
        let found: Option<String> = self
            .fetch_optional("look for the update before", query)
            .await?;
        let Some(kb) = found else {
            return Ok(None);
        };
        let other = Filter {
            kb: Some(kb.clone()),
            ..filter.clone()
        };
        let told = self
            .told(&other, from.saturating_sub(MONTH_BEFORE), to)
            .await?;
        let curve = self.curve(&told).await?;
        Ok(Some((kb, curve)))
    }
}

fn first_of(curve: &[CurveRow]) -> Option<Day> {
    curve.iter().map(|row| row.first).min()
}

/// Where an update stands at the end of a day.
fn at_end(curve: &[CurveRow], day: Day) -> RolloutDay {
    let by = |at: Day| at > 0 && at <= day;
    let sum = |is: &dyn Fn(&CurveRow) -> bool| {
        let rows = curve.iter().filter(|row| is(row));
        rows.map(|row| row.machines).sum()
    };
    RolloutDay {
        day,
        installed: sum(&|row| by(row.good)),
        failing: sum(&|row| by(row.bad) && !by(row.good)),
    }
}
