//! Machines counted for several figures at once: what they tried is read once, and told to every figure that it belongs to.

use super::{AlertBy, AlertClock, AlertGroup, AlertMachines, AlertReached, GROUPS, NAMED};
use crate::{
    error::Result,
    queries::{
        overview::AHEAD_S,
        states::{Stand, Stands},
        told::Told,
        tries::Words,
    },
    store::Store,
};
use clickhouse::query::Query;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write as _;

/// Names of labels that a question joins, each once.
pub(super) struct Labels<'a>(Vec<&'a str>);

impl<'a> Labels<'a> {
    fn of(asked: &'a [AlertMachines<'a>]) -> Self {
        let mut names: Vec<&str> = asked
            .iter()
            .flat_map(|asked| {
                let narrow = asked.labels.iter().map(|(label, _)| label.as_str());
                narrow.chain(Self::grouped(asked.by))
            })
            .collect();
        names.sort_unstable();
        names.dedup();
        Self(names)
    }

    /// Those that groups are told apart by.
    pub(super) fn by(by: &'a [AlertBy]) -> Self {
        Self(Self::grouped(by).collect())
    }

    fn grouped(by: &'a [AlertBy]) -> impl Iterator<Item = &'a str> {
        by.iter().filter_map(|by| match by {
            AlertBy::Label(label) => Some(label.as_str()),
            AlertBy::Kb | AlertBy::Cause => None,
        })
    }

    /// The column with a label's values, empty of machines without it.
    fn column(&self, label: &str) -> String {
        let at = self.0.iter().position(|name| *name == label);
        format!("value{}", at.unwrap_or_default())
    }

    pub(super) fn joins(&self) -> String {
        let mut joins = String::new();
        for at in 0..self.0.len() {
            let _ = write!(
                joins,
                " LEFT JOIN (SELECT endpoint AS of_label{at}, value AS value{at} FROM endpoint_labels FINAL \
                   WHERE tenant = {{tenant:String}} AND label = {{by{at}:String}}) AS label{at} ON machine.endpoint = label{at}.of_label{at}"
            );
        }
        joins
    }

    pub(super) fn named(&self, query: Query) -> Query {
        let labels = self.0.iter().enumerate();
        labels.fold(query, |query, (at, label)| {
            query.param(&format!("by{at}"), label)
        })
    }

    pub(super) fn key(&self, by: &[AlertBy]) -> String {
        let parts: Vec<String> = by
            .iter()
            .map(|by| match by {
                // Who reports has neither.
                AlertBy::Kb | AlertBy::Cause => "''".to_owned(),
                AlertBy::Label(label) => format!("toString({})", self.column(label)),
            })
            .collect();
        match parts.is_empty() {
            true => "emptyArrayString()".to_owned(),
            false => format!("[{}]", parts.join(", ")),
        }
    }
}

/// Values of labels, by label and machine.
type Values<'a> = HashMap<&'a str, HashMap<String, String>>;

/// What is counted for one figure, by group.
type Groups = BTreeMap<Vec<String>, Grouped>;

/// Machines of one group.
#[derive(Default)]
struct Grouped {
    of: u64,
    /// The earliest that their latest failures can be, of those that are counted.
    newest: Vec<i64>,
    first: BTreeSet<String>,
}

impl Grouped {
    /// Counts a machine; `newest` where it is one of those that count.
    fn add(&mut self, endpoint: &str, newest: Option<i64>) {
        self.of += 1;
        let Some(newest) = newest else { return };
        self.newest.push(newest);
        self.first.insert(endpoint.to_owned());
        if self.first.len() > usize::from(NAMED) {
            self.first.pop_last();
        }
    }

    fn told(mut self, key: Vec<String>) -> AlertGroup {
        self.newest.sort_unstable();
        // The one that a twentieth of them reaches; of twenty and fewer the latest.
        let at = self.newest.len() - 1 - (self.newest.len() - 1) / 20;
        AlertGroup {
            key,
            machines: self.newest.len() as u64,
            of: self.of,
            newest: self.newest.get(at).copied().unwrap_or(0),
            first: self.first.into_iter().collect(),
        }
    }
}

/// What is told of one row of a machine to one figure.
struct Figure<'a> {
    asked: &'a AlertMachines<'a>,
    /// Failures that began before this last.
    settled: i64,
}

impl Figure<'_> {
    /// Whether a row is one of those among which it counts.
    fn has(&self, values: &Values<'_>, endpoint: &str, kb: &str, is_found: bool) -> bool {
        let asked = self.asked;
        let value = |label: &str| values.get(label).and_then(|values| values.get(endpoint));
        // Whoever is told apart by its update has one; a finding that stands for itself is no try of its own.
        (!asked.by.contains(&AlertBy::Kb) || !(kb.is_empty() || is_found))
            && asked.kb.is_none_or(|asked| asked == kb)
            && !asked.except_kbs.iter().any(|except| except == kb)
            && asked
                .labels
                .iter()
                .all(|(label, is)| value(label).map_or("", String::as_str) == is)
    }

    /// Whether it counts it.
    fn counts(&self, stand: &Stand, cause: Option<u64>, began: i64) -> bool {
        let (again, _) = stand.again;
        let lasts = self.asked.lasts;
        stand.state == self.asked.state
            && lasts.is_none_or(|(tries, _)| again >= tries || began <= self.settled)
            && self
                .asked
                .causes
                .is_none_or(|causes| cause.is_some_and(|cause| causes.contains(&cause)))
    }

    fn key(
        &self,
        values: &Values<'_>,
        endpoint: &str,
        kb: &str,
        cause: Option<u64>,
    ) -> Vec<String> {
        let part = |by: &AlertBy| match by {
            AlertBy::Kb => kb.to_owned(),
            AlertBy::Cause => cause.unwrap_or(0).to_string(),
            AlertBy::Label(label) => {
                let values = values.get(label.as_str());
                values
                    .and_then(|values| values.get(endpoint))
                    .cloned()
                    .unwrap_or_default()
            }
        };
        self.asked.by.iter().map(part).collect()
    }

    /// The groups that are told, in their order.
    fn told(&self, groups: Groups) -> Vec<AlertGroup> {
        let AlertReached { at_least, share } = self.asked.reached;
        let by_cause = self.asked.by.contains(&AlertBy::Cause);
        let groups = groups
            .into_iter()
            .filter(|(_, grouped)| !grouped.newest.is_empty());
        let mut told: Vec<AlertGroup> = groups.map(|(key, grouped)| grouped.told(key)).collect();
        // They are in the order of their keys.
        told.sort_by_key(|group| {
            // Of a cause nobody knows of how many it is a share.
            let share = if by_cause { 0.0 } else { share };
            let machines = group.machines as f64;
            let is_reached = machines >= at_least && machines >= share * group.of as f64;
            Reverse((is_reached, group.machines))
        });
        told.truncate(GROUPS);
        // Of a cause only those have a row that have it: of how many that is, only the whole fleet could tell.
        if by_cause {
            told.iter_mut().for_each(|group| group.of = 0);
        }
        told
    }
}

impl Store {
    /// Counts machines in states for some figures, by groups.
    pub(super) async fn grouped_machines(
        &self,
        told: &Told<'_>,
        clock: AlertClock,
        asked: &[AlertMachines<'_>],
    ) -> Result<Vec<Vec<AlertGroup>>> {
        let values = self.values_of(told, &Labels::of(asked)).await?;
        let figures: Vec<Figure<'_>> = asked
            .iter()
            .map(|asked| Figure {
                asked,
                settled: told
                    .now()
                    .saturating_sub(asked.lasts.map_or(0, |(_, after_s)| after_s)),
            })
            .collect();
        let mut groups: Vec<Groups> = asked.iter().map(|_| Groups::new()).collect();
        let (stands, mut words) = (Stands::now(told), Words::default());
        self.each_machine(told, &mut words, |words, machine| {
            let mut of_machine: BTreeMap<(usize, Vec<String>), Option<i64>> = BTreeMap::new();
            let stands = stands.of(words, machine);
            for stand in stands.iter().filter(|stand| stand.is_shown) {
                let kb = words.text(stand.kb);
                let cause = stand.failure.map(|(_, cause)| words.told(cause).key());
                let failed_at = stand.failure.map_or(0, |(at, _)| at);
                let began = stand.again.1.unwrap_or(0);
                let (began, not_before) = match clock {
                    AlertClock::Logged => (began, failed_at),
                    AlertClock::Utc => (
                        began - stand.zone.unwrap_or(0),
                        failed_at - stand.zone.unwrap_or(AHEAD_S),
                    ),
                };
                for (number, figure) in figures.iter().enumerate() {
                    if figure.has(&values, machine.endpoint, kb, stand.is_found) {
                        let key = figure.key(&values, machine.endpoint, kb, cause);
                        let counts = figure.counts(stand, cause, began);
                        let newest = of_machine.entry((number, key)).or_default();
                        *newest = (*newest).max(counts.then_some(not_before));
                    }
                }
            }
            for ((number, key), newest) in of_machine {
                if let Some(groups) = groups.get_mut(number) {
                    groups.entry(key).or_default().add(machine.endpoint, newest);
                }
            }
        })
        .await?;
        let told = figures.iter().zip(groups);
        Ok(told.map(|(figure, groups)| figure.told(groups)).collect())
    }

    /// Values of some labels, of the machines that have them.
    async fn values_of<'a>(&self, told: &Told<'_>, labels: &Labels<'a>) -> Result<Values<'a>> {
        let mut all = Values::new();
        for &label in &labels.0 {
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
            all.insert(label, values.into_iter().collect());
        }
        Ok(all)
    }
}
