//! A rule's own tests: figures over time, and which groups fire then. The same state machine as in life, with made-up clocks.

use crate::{
    rule::{Rule, by_name},
    state::{Before, Now, Sample, advance},
};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{AlertPhase, AlertState};

/// A course of figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// What it shows.
    pub name: String,
    /// In the order of time.
    pub steps: Vec<Step>,
}

/// What is counted at one time.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Since the begin of the case.
    pub at: Duration,
    /// Of so many that tried.
    pub of: Option<f64>,
    /// By group: its values with `/` between, `all` where there are no groups.
    pub values: BTreeMap<String, f64>,
    /// By group: the share of those that tried the update before that failed it; of others it is not known.
    pub before: BTreeMap<String, f64>,
    /// Nothing of it was logged later than the step before.
    pub is_late: bool,
    /// Groups that fire then.
    pub firing: BTreeSet<String>,
}

/// A step of a case that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The case.
    pub case: String,
    /// When.
    pub at: Duration,
    /// What should fire.
    pub expected: BTreeSet<String>,
    /// What fires.
    pub fires: BTreeSet<String>,
}

/// The name of a rule's only group.
pub(crate) const ALL: &str = "all";

/// Some day: rules know no dates.
const START: i64 = 1_700_000_000;

/// The first step of each case that came out otherwise.
pub(crate) fn broken(rule: &Rule) -> Vec<Broken> {
    rule.tests
        .iter()
        .filter_map(|case| first_broken(rule, case))
        .collect()
}

fn first_broken(rule: &Rule, case: &Case) -> Option<Broken> {
    let mut states: BTreeMap<String, AlertState> = BTreeMap::new();
    let mut last = START;
    for step in &case.steps {
        let seconds = START + step.at.as_secs() as i64;
        let now = Now::at(seconds * 1_000);
        let groups: BTreeSet<&String> = states.keys().chain(step.values.keys()).collect();
        let groups: Vec<String> = groups.into_iter().cloned().collect();
        for group in groups {
            let sample = step.values.get(&group).map(|&value| Sample {
                labels: labels(rule, &group),
                value,
                of: step.of,
                newest: rule.figure.is_of_tries().then_some(if step.is_late {
                    last
                } else {
                    seconds
                }),
                pcs: Vec::new(),
                before: step.before.get(&group).map(|&share| Before {
                    kb: String::new(),
                    share,
                }),
            });
            if let Some(state) = advance(rule, states.get(&group), sample.as_ref(), now) {
                states.insert(group, state);
            }
        }
        last = seconds;
        let fires: BTreeSet<String> = states
            .iter()
            .filter(|(_, state)| state.phase == AlertPhase::Firing)
            .map(|(group, _)| group.clone())
            .collect();
        if fires != step.firing {
            return Some(Broken {
                case: case.name.clone(),
                at: step.at,
                expected: step.firing.clone(),
                fires,
            });
        }
    }
    None
}

/// Labels of a group as a test writes it.
pub(crate) fn labels(rule: &Rule, group: &str) -> Vec<(String, String)> {
    let values = group.split('/');
    rule.group_by
        .iter()
        .zip(values)
        .map(|(by, value)| (by_name(by).to_owned(), value.to_owned()))
        .collect()
}
