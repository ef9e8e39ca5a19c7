//! Jobs of `cbsift reprocess`, as the page of the system tells of them.

use super::day;
use crate::schema::{DayText, JobStateName, UtcTime};
use event::UtcMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{Job, JobStep};
use utoipa::ToSchema;

/// A job: what was asked for, by whom, what it changes and how far it is.
#[derive(Serialize, ToSchema)]
#[schema(as = Job)]
pub(super) struct JobOut {
    id: String,
    /// `reprocess` or `rollback`.
    kind: String,
    /// Of a rollback the job that it takes back.
    undoes: Option<String>,
    #[schema(value_type = JobStateName)]
    state: &'static str,
    actor: String,
    #[schema(value_type = UtcTime)]
    made: String,
    #[schema(value_type = UtcTime)]
    changed: String,
    #[schema(value_type = DayText)]
    from: String,
    #[schema(value_type = DayText)]
    to: String,
    /// Endpoints that it names; none where it is of all.
    endpoints: Option<usize>,
    /// Of the PCs that it is of.
    label: Option<String>,
    sources: Vec<String>,
    /// The rule set that it compares with.
    base: u32,
    rule_set: Option<u32>,
    digest: String,
    /// Nothing where nobody noted it.
    changes: Option<Changes>,
    progress: Option<Progress>,
}

/// Events and findings by what happens to them, and months of endpoints that are told otherwise then.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JobChanges)]
struct Changes {
    /// How many by what happens to them: `appears`, `vanishes`, `changes`.
    events: BTreeMap<String, u64>,
    /// In the same way.
    findings: BTreeMap<String, u64>,
    /// Months of PCs that are told otherwise.
    units: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = JobProgress)]
struct Progress {
    #[schema(value_type = UtcTime)]
    at: String,
    phase: String,
    bytes: u64,
    bytes_total: u64,
    chunks: u64,
    poisoned: u64,
    units: u64,
}

/// What a job keeps of its plan, as far as the page sums it up.
#[derive(Deserialize)]
struct Plan {
    events: Vec<Group>,
    findings: Vec<Group>,
    units_changed: u64,
}

#[derive(Deserialize)]
struct Group {
    change: String,
    count: u64,
}

impl Changes {
    /// Nothing where the job keeps none: one that takes another back.
    fn read(diff: &str) -> Option<Self> {
        let plan: Plan = serde_json::from_str(diff).ok()?;
        let sums = |groups: Vec<Group>| {
            let mut sums = BTreeMap::new();
            for group in groups {
                *sums.entry(group.change).or_default() += group.count;
            }
            sums
        };
        Some(Self {
            events: sums(plan.events),
            findings: sums(plan.findings),
            units: plan.units_changed,
        })
    }
}

impl From<(Job, Option<JobStep>)> for JobOut {
    fn from((job, step): (Job, Option<JobStep>)) -> Self {
        let of = job.selection();
        let some = |text: String| Some(text).filter(|text| !text.is_empty());
        Self {
            state: job.state().name(),
            changes: Changes::read(&job.diff),
            id: job.id,
            kind: job.kind,
            undoes: some(job.undoes),
            actor: job.actor,
            made: UtcMillis(job.made).to_string(),
            changed: UtcMillis(job.changed).to_string(),
            from: day(of.from),
            to: day(of.to),
            endpoints: Some(of.endpoints.len()).filter(|count| *count > 0),
            label: some(job.label),
            sources: of.sources,
            base: job.base,
            rule_set: Some(job.rule_set).filter(|set| *set > 0),
            digest: job.digest,
            progress: step.map(|step| Progress {
                at: UtcMillis(step.at).to_string(),
                phase: step.phase,
                bytes: step.bytes,
                bytes_total: step.bytes_total,
                chunks: step.chunks,
                poisoned: step.poisoned,
                units: step.units,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_job_changes_is_summed_up_by_what_happens() {
        // As the command keeps it, with much else in it.
        let diff = r#"{ "version": 1, "chunks": 9, "events": [
            { "change": "appears", "to": "a", "count": 3, "fields": [] }, { "change": "appears", "to": "b", "count": 4 },
            { "change": "vanishes", "from": "c", "count": 1 } ], "findings": [], "units_changed": 2, "units": [{ "month": "2024-03" }] }"#;
        let counts = |all: &[(&str, u64)]| {
            all.iter()
                .map(|&(name, count)| (name.to_owned(), count))
                .collect()
        };
        assert_eq!(
            Changes::read(diff),
            Some(Changes {
                events: counts(&[("appears", 7), ("vanishes", 1)]),
                findings: counts(&[]),
                units: 2,
            })
        );
        assert_eq!(Changes::read(""), None);
    }
}
