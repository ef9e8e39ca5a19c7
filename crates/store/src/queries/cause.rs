//! One cause: when it struck, what it struck, and what the machines that fail by it have in common.

use super::{
    Day, EndpointSummary, Filter,
    causes::{Cause, CauseCounts, OfCause, by_cause},
    derived::ListedFinding,
    endpoints::{BUILD, machines},
    overview::CHART_DAYS,
    states::{Stand, Stands, State, States},
    told::{FINDINGS, Told},
    tries::{CauseAt, Narrow, Word, Words},
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::Code;
use serde::Deserialize;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Lines of each list of the page.
const TOP: usize = 20;

/// Machines to copy from.
const TWINS: usize = 10;

/// One cause with all that its page shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CauseDetail {
    /// First and last day.
    pub days: Option<(Day, Day)>,
    /// As in the list of causes; nothing where nothing in the days has it.
    pub cause: Option<Cause>,
    /// By day, each failed try on that of its start; the latest days.
    pub over_time: Vec<CauseDay>,
    /// Objects that it names, those of most machines first.
    pub objects: Vec<(String, u64)>,
    /// Updates that fail by it.
    pub kbs: Vec<CauseKb>,
    /// Codes that people see.
    pub terminal_codes: Vec<(Code, u64)>,
    /// The latest finding, and whose it is.
    pub sample: Option<(String, ListedFinding)>,
    /// What machines that fail by it have in common.
    pub common: Vec<Common>,
    /// Healthy machines of the same builds that have one of the updates.
    pub twins: Vec<EndpointSummary>,
}

/// A day of a cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CauseDay {
    /// Which.
    pub day: Day,
    /// Machines that failed by it.
    pub endpoints: u64,
    /// Failed tries; of findings that stand for themselves, repeats.
    pub count: u64,
}

/// An update that fails by a cause.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CauseKb {
    /// Which.
    pub kb: String,
    /// Machines that failed it by the cause.
    pub endpoints: u64,
    /// Failed tries; of findings that stand for themselves, repeats.
    pub count: u64,
}

/// What some machines that fail have, and how many of those that do not fail have it too.
#[derive(Clone, Debug, PartialEq)]
pub struct Common {
    /// `build`, `servicing_stack` or `label`.
    pub kind: String,
    /// Of a label its name.
    pub label: String,
    /// What they have.
    pub value: String,
    /// Machines that fail by the cause now and have it, …
    pub failing: u64,
    /// … of so many.
    pub of_failing: u64,
    /// Machines that tried the same updates, do not fail and have it, …
    pub healthy: u64,
    /// … of so many.
    pub of_healthy: u64,
}

impl Common {
    /// How much more often failing machines have it than others; nothing where no other has it.
    pub fn lift(&self) -> Option<f64> {
        let share = |some: u64, all: u64| some as f64 / all.max(1) as f64;
        (self.healthy > 0)
            .then(|| share(self.failing, self.of_failing) / share(self.healthy, self.of_healthy))
    }

    /// What no healthy machine has first, then by lift, then by machines.
    fn order(&self, other: &Self) -> Ordering {
        let key = |one: &Self| one.lift().unwrap_or(f64::INFINITY);
        key(other)
            .total_cmp(&key(self))
            .then(other.failing.cmp(&self.failing))
            .then_with(|| {
                (&self.kind, &self.label, &self.value).cmp(&(
                    &other.kind,
                    &other.label,
                    &other.value,
                ))
            })
    }
}

#[derive(Row, Deserialize)]
struct FactsRow {
    endpoint: String,
    build: String,
    stack: String,
    labels: Vec<(String, String)>,
}

#[derive(Row, Deserialize)]
struct SampleRow {
    endpoint: String,
    set: u64,
    ordinal: u32,
}

impl Store {
    /// One cause, that of the filter.
    pub async fn cause(&self, filter: &Filter) -> Result<CauseDetail> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(CauseDetail::default());
        };
        let told = self.told(filter, from, to).await?;
        // What others tried beside counts too, whatever it failed by.
        let everything = Filter {
            category: None,
            cause: None,
            codes: Vec::new(),
            ..filter.clone()
        };
        let beside = self.told(&everything, from, to).await?;
        let (stands, narrow) = (Stands::with_history(&told), Narrow::of(&told));
        let others = Stands::now(&beside);
        let (mut words, mut states) = (Words::default(), States::new(&told));
        let (mut counts, mut struck) = (CauseCounts::default(), Struck::default());
        let mut of_machines = Vec::new();
        let machines = self.each_machine(&told, &mut words, |words, machine| {
            states.add(&stands.of(words, machine));
            let causes = by_cause(&narrow, words, machine);
            counts.add(&causes);
            struck.add(words, &causes);
            let stands = others.of(words, machine);
            let shown = stands.iter().filter(|stand| stand.is_shown);
            let shown = shown.map(Compare::of).collect();
            of_machines.push((machine.endpoint.to_owned(), shown));
        });
        let ((), sample) = tokio::try_join!(machines, self.latest_finding(&told))?;
        let all = counts.all();
        let cause = counts
            .ranked(&words, &states, told.now())
            .into_iter()
            .next();
        let mut detail = struck.told(&words);
        detail.days = Some((from, to));
        detail.sample = sample;
        if cause.as_ref().is_some_and(|cause| cause.failing.now > 0) {
            let (common, twins) = self.common(&beside, &all, &of_machines).await?;
            detail.common = common;
            detail.twins = self.summarized(&beside, &twins).await?;
        }
        detail.cause = cause;
        Ok(detail)
    }

    /// The latest finding of a cause.
    async fn latest_finding(&self, told: &Told<'_>) -> Result<Option<(String, ListedFinding)>> {
        let sql = format!(
            "SELECT endpoint, toUInt64(of_set) AS `set`, toUInt32(ordinal_of) AS ordinal FROM {} WHERE severity != 'info' \
             ORDER BY found_at DESC, endpoint, ordinal LIMIT 1",
            told.rows(&FINDINGS, &["severity", "found_at", "of_set", "ordinal_of"])
        );
        let row: Option<SampleRow> = self
            .fetch_optional("look for the latest finding", told.ask(self, &sql))
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let sets = self.sets_of(told.tenant(), &row.endpoint).await?;
        let mut listed = sets.findings.all().iter();
        let listed = listed.find(|one| (one.set, one.ordinal) == (row.set, row.ordinal));
        let listed = listed.map(std::slice::from_ref).unwrap_or_default();
        let found = self
            .listed_findings(told.tenant(), &row.endpoint, listed)
            .await?;
        Ok(found.into_iter().next().map(|found| (row.endpoint, found)))
    }

    /// What machines that fail by some causes have in common against those that tried the same updates and do not fail; and of the latter
    /// some that have such an update and the build of one that fails.
    async fn common(
        &self,
        told: &Told<'_>,
        causes: &BTreeSet<CauseAt>,
        of_machines: &[(String, Vec<Compare>)],
    ) -> Result<(Vec<Common>, Vec<String>)> {
        let compared = Compared::of(causes, of_machines);
        let sql = format!(
            "SELECT endpoint, {BUILD} AS build, stack, labels FROM {machines} AS machine \
             LEFT JOIN (SELECT endpoint, groupArray((toString(label), value)) AS labels FROM endpoint_labels FINAL \
                        WHERE tenant = {{tenant:String}} AND value != '' AND label != 'name' GROUP BY endpoint) AS labelled USING endpoint",
            machines = machines(told),
        );
        let query = told
            .reporting(told.ask(self, &sql))
            // As many as there are machines.
            .with_setting("max_result_rows", "0");
        let facts: Vec<FactsRow> = self.fetch_all("compare machines that fail", query).await?;
        Ok(compared.common(facts))
    }
}

/// As much of how a machine stands as is compared: what is held of every machine of a fleet.
#[derive(Clone, Copy)]
struct Compare {
    kb: Word,
    cause: Option<CauseAt>,
    state: State,
    is_found: bool,
}

impl Compare {
    fn of(stand: &Stand) -> Self {
        Self {
            kb: stand.kb,
            cause: stand.failure.map(|(_, cause)| cause),
            state: stand.state,
            is_found: stand.is_found,
        }
    }
}

/// Whether a machine that is compared fails, and, if it does not, whether it has one of the updates.
#[derive(Clone, Copy)]
struct Side {
    fails: bool,
    has_one: bool,
}

/// Machines that fail by some causes, and those that do not fail and tried the same updates.
struct Compared<'a>(HashMap<&'a str, Side>);

impl<'a> Compared<'a> {
    fn of(causes: &BTreeSet<CauseAt>, of_machines: &'a [(String, Vec<Compare>)]) -> Self {
        let fails = |stand: &&Compare| stand.state == State::Failing;
        let by_it = |stand: &&Compare| {
            fails(stand) && stand.cause.is_some_and(|cause| causes.contains(&cause))
        };
        let stands = of_machines.iter().flat_map(|(_, stands)| stands);
        let same: BTreeSet<Word> = stands
            .filter(by_it)
            .map(|stand| stand.kb)
            .filter(|kb| !kb.is_empty())
            .collect();
        let is_same = |stand: &Compare| same.contains(&stand.kb);
        let sides = of_machines.iter().filter_map(|(endpoint, stands)| {
            let side = if stands.iter().any(|stand| by_it(&stand)) {
                Side {
                    fails: true,
                    has_one: false,
                }
            } else if !stands.is_empty()
                && !stands.iter().any(|stand| fails(&stand))
                && (same.is_empty() || stands.iter().any(|stand| !stand.is_found && is_same(stand)))
            {
                let has = |stand: &Compare| State::Installed.holds(stand.state) && is_same(stand);
                Side {
                    fails: false,
                    has_one: stands.iter().any(has),
                }
            } else {
                return None;
            };
            Some((endpoint.as_str(), side))
        });
        Self(sides.collect())
    }

    /// What they have in common, and machines to copy from.
    fn common(&self, facts: Vec<FactsRow>) -> (Vec<Common>, Vec<String>) {
        let mut values: BTreeMap<(&str, String, String), Value> = BTreeMap::new();
        let (mut of_failing, mut of_healthy) = (0, 0);
        for facts in facts {
            let Some(&side) = self.0.get(facts.endpoint.as_str()) else {
                continue;
            };
            match side.fails {
                true => of_failing += 1,
                false => of_healthy += 1,
            }
            let (build, stack) = (("", facts.build), ("", facts.stack));
            let own = [("build", build), ("servicing_stack", stack)];
            let own = own.map(|(kind, (label, value))| (kind, label.to_owned(), value));
            let labels = facts.labels.into_iter();
            let labels = labels.map(|(label, value)| ("label", label, value));
            for key in own.into_iter().chain(labels) {
                if !key.2.is_empty() {
                    let is_twin = key.0 == "build" && side.has_one;
                    let value = values.entry(key).or_default();
                    value.add(side.fails, is_twin.then_some(&facts.endpoint));
                }
            }
        }
        let mut values: Vec<_> = values
            .into_iter()
            .filter(|(_, value)| value.failing > 0)
            .collect();
        values.sort_by_key(|(_, value)| Reverse(value.failing));
        let mut seen = BTreeSet::new();
        let builds = values.iter().filter(|((kind, _, _), _)| *kind == "build");
        let twins = builds.flat_map(|(_, value)| value.twins.iter().cloned());
        let mut twins: Vec<String> = twins.filter(|twin| seen.insert(twin.clone())).collect();
        twins.truncate(TWINS);
        let mut common: Vec<Common> = values
            .into_iter()
            .filter(|(_, value)| value.failing > 1)
            .map(|((kind, label, text), value)| Common {
                kind: kind.to_owned(),
                label,
                value: text,
                failing: value.failing,
                of_failing,
                healthy: value.healthy,
                of_healthy,
            })
            .collect();
        common.sort_by(Common::order);
        common.truncate(TOP);
        (common, twins)
    }
}

/// Machines that have something in common.
#[derive(Default)]
struct Value {
    failing: u64,
    healthy: u64,
    twins: BTreeSet<String>,
}

impl Value {
    fn add(&mut self, fails: bool, twin: Option<&String>) {
        match fails {
            true => self.failing += 1,
            false => self.healthy += 1,
        }
        self.twins.extend(twin.cloned());
        if self.twins.len() > TWINS {
            self.twins.pop_last();
        }
    }
}

/// When a cause struck, and what.
#[derive(Default)]
struct Struck {
    days: BTreeMap<Day, (u64, u64)>,
    kbs: BTreeMap<Word, (u64, u64)>,
    terminal: BTreeMap<u32, u64>,
    objects: BTreeMap<Word, u64>,
}

impl Struck {
    /// Counts what a machine failed by.
    fn add(&mut self, words: &Words, causes: &BTreeMap<CauseAt, OfCause<'_>>) {
        let (mut days, mut kbs, mut objects) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for of_cause in causes.values() {
            for failed in of_cause.failed() {
                self.days.entry(failed.day()).or_default().1 += failed.repeats;
                days.insert(failed.day());
                if !words.text(failed.kb).is_empty() {
                    self.kbs.entry(failed.kb).or_default().1 += failed.repeats;
                    kbs.insert(failed.kb);
                }
                if failed.terminal != 0 {
                    *self.terminal.entry(failed.terminal).or_default() += failed.repeats;
                }
            }
            objects.extend(of_cause.found.iter().map(|found| found.object));
        }
        for day in days {
            self.days.entry(day).or_default().0 += 1;
        }
        for kb in kbs {
            self.kbs.entry(kb).or_default().0 += 1;
        }
        for object in objects.into_iter().filter(|object| !object.is_empty()) {
            *self.objects.entry(object).or_default() += 1;
        }
    }

    /// The lists of the page, each with what most machines have first.
    fn told(self, words: &Words) -> CauseDetail {
        let skipped = self.days.len().saturating_sub(CHART_DAYS.into());
        let over_time = self.days.into_iter().skip(skipped);
        let over_time = over_time.map(|(day, (endpoints, count))| CauseDay {
            day,
            endpoints,
            count,
        });
        let mut kbs: Vec<CauseKb> = self
            .kbs
            .into_iter()
            .map(|(kb, (endpoints, count))| CauseKb {
                kb: words.text(kb).to_owned(),
                endpoints,
                count,
            })
            .collect();
        kbs.sort_by(|one, other| {
            let most = |kb: &CauseKb| Reverse((kb.endpoints, kb.count));
            most(one)
                .cmp(&most(other))
                .then_with(|| one.kb.cmp(&other.kb))
        });
        kbs.truncate(TOP);
        let mut terminal_codes: Vec<(Code, u64)> = self
            .terminal
            .into_iter()
            .map(|(code, count)| (Code::new(code), count))
            .collect();
        terminal_codes.sort_by_key(|(_, count)| Reverse(*count));
        terminal_codes.truncate(TOP);
        let mut objects: Vec<(String, u64)> = self
            .objects
            .into_iter()
            .map(|(object, endpoints)| (words.text(object).to_owned(), endpoints))
            .collect();
        objects.sort_by(|one, other| other.1.cmp(&one.1).then_with(|| one.0.cmp(&other.0)));
        objects.truncate(TOP);
        CauseDetail {
            over_time: over_time.collect(),
            objects,
            kbs,
            terminal_codes,
            ..CauseDetail::default()
        }
    }
}
