//! The updates of a fleet: all of them, and one as it goes out.

use super::{
    Day, Filter,
    causes::{Cause, CauseCounts, by_cause},
    curve::{Curve, Curves, MONTH_BEFORE},
    endpoints::{BUILD, SEEN, machines},
    figures::Ask,
    overview::{CHART_DAYS, KbSummary, TOP, kbs},
    states::{Machines, Stands, State, States, Tried},
    told::Told,
    tries::{Narrow, Words},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Builds of one answer: a fleet has a dozen.
const BUILDS: usize = 50;

/// Days of a curve that another one is compared with.
const CURVE: usize = 100;

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
    /// Machines that have tried it.
    pub tried: u64,
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
    endpoint: String,
    build: String,
    is_seen: u8,
}

impl Store {
    /// All updates of the filter's days.
    pub async fn updates(&self, filter: &Filter) -> Result<Updates> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Updates::default());
        };
        let ask = Ask::new(self, filter, from, to).await?;
        let (stands, mut words) = (Stands::now(&ask.told), Words::default());
        let (mut states, mut times) = (States::new(&ask.told), ask.times());
        self.each_machine(&ask.told, &mut words, |words, machine| {
            states.add(&stands.of(words, machine));
            times.add(words, machine, &BTreeMap::new());
        })
        .await?;
        Ok(Updates {
            days: Some((from, to)),
            updates: kbs(states.by_kb(&words), times.kbs()),
        })
    }

    /// One update, that of the filter.
    pub async fn rollout(&self, filter: &Filter) -> Result<Rollout> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Rollout::default());
        };
        let told = self.told(filter, from, to).await?;
        let (stands, narrow) = (Stands::with_history(&told), Narrow::of(&told));
        let (mut words, mut states) = (Words::default(), States::new(&told));
        let (mut counts, mut curve) = (CauseCounts::default(), Curve::new(from, to));
        let mut of_machines: HashMap<String, State> = HashMap::new();
        let machines = self.each_machine(&told, &mut words, |words, machine| {
            let stands = stands.of(words, machine);
            states.add(&stands);
            counts.add(&by_cause(&narrow, words, machine));
            let tries = machine.tries.iter();
            curve.add(tries.filter(|tried| narrow.is_of_kb(words, tried.kb)));
            let tried = Tried::of(words, machine.endpoint, &stands);
            of_machines.extend(tried.map(|tried| (tried.endpoint, tried.state)));
        });
        let ((), facts, before) = tokio::try_join!(
            machines,
            self.builds_and_seen(&told),
            self.before(filter, from, to),
        )?;
        let seen = facts.iter().filter(|fact| fact.is_seen != 0).count() as u64;
        let builds = builds_of(facts, of_machines);
        let causes_total = counts.total();
        let mut causes = counts.ranked(&words, &states, told.now());
        causes.truncate(TOP);
        let first = curve.first;
        let last = to
            .min(filter.now.map_or(to, super::overview::day_at))
            .max(first.unwrap_or(to));
        let over_time = first.map_or_else(Vec::new, |first| {
            let days = first.max(last.saturating_sub(CHART_DAYS - 1))..=last;
            days.map(|day| curve.at_end(day)).collect()
        });
        let before = match before {
            None => None,
            Some((other, curve)) => {
                let first = curve.first.unwrap_or(to);
                let length = over_time.len().min(CURVE) as Day;
                let days = (0..length).map(|day| RolloutDay {
                    day,
                    ..curve.at_end(first.saturating_add(day))
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

    /// Which build each machine has, and whether its logs reach into the days.
    async fn builds_and_seen(&self, told: &Told<'_>) -> Result<Vec<BuildRow>> {
        let sql = format!(
            "SELECT endpoint, {BUILD} AS build, toUInt8({SEEN}) AS is_seen FROM {}",
            machines(told)
        );
        let query = told
            .reporting(told.ask(self, &sql))
            // As many as there are machines.
            .with_setting("max_result_rows", "0")
            .with_setting("optimize_aggregation_in_order", "1");
        self.fetch_all("read the builds of endpoints", query).await
    }

    /// The update before the filter's one, with how it went out.
    async fn before(&self, filter: &Filter, from: Day, to: Day) -> Result<Option<(String, Curve)>> {
        let wide = self
            .told(filter, from.saturating_sub(MONTH_BEFORE), to)
            .await?;
        let (mut words, mut curves) = (Words::default(), Curves::of(&wide));
        self.each_machine(&wide, &mut words, |_, machine| curves.add(machine))
            .await?;
        let own = filter.kb.as_deref().and_then(|kb| curves.kb(&words, kb));
        let before = own.and_then(|own| curves.before(&words, own));
        Ok(before.and_then(|kb| Some((words.text(kb).to_owned(), curves.take(kb)?))))
    }
}

/// Machines by build, those first on which most fail.
fn builds_of(facts: Vec<BuildRow>, mut states: HashMap<String, State>) -> Vec<BuildRollout> {
    let mut builds: BTreeMap<String, Machines> = BTreeMap::new();
    for fact in facts {
        if let Some(state) = states.remove(&fact.endpoint) {
            builds.entry(fact.build).or_default().add(state, 1);
        }
    }
    // Of whom no log has told a build.
    for state in states.into_values() {
        builds.entry(String::new()).or_default().add(state, 1);
    }
    let mut builds: Vec<BuildRollout> = builds
        .into_iter()
        .map(|(build, machines)| BuildRollout { build, machines })
        .collect();
    builds.sort_by_key(|one| Reverse((one.machines.of(State::Failing), one.machines.tried())));
    builds.truncate(BUILDS);
    builds
}
