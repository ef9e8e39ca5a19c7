//! What is held of an endpoint, and what its days say by it.

use super::plan::Plan;
use crate::ActiveSet;
use classify::{DayParts, StreamFacts, derive_days};
use event::{Day, Event, Month, Unit};
use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
};
use store::{DayInputs, DayRow, DerivationVersion, EndpointFacts, EndpointStreams, StreamTimes};

/// What is held of an endpoint.
#[derive(Debug, Default)]
pub(super) struct Held {
    pub(super) inputs: DayInputs,
    pub(super) streams: EndpointStreams,
}

/// The days of a unit that were derived; none where that panicked.
pub(super) type Made = (Unit, Option<Vec<DayRow>>);

impl Held {
    /// Derives the days of a plan, month by month.
    pub(super) fn derive(
        &self,
        set: &ActiveSet,
        plan: &Plan,
        unit: impl Fn(Month) -> Unit,
        plant: impl Fn(),
    ) -> Vec<Made> {
        let streams: Vec<StreamFacts> = self.streams.streams.iter().map(facts_of).collect();
        let events: Vec<&Event> = self.inputs.events.iter().collect();
        let held = events.iter().map(|event| Day::of(event.logged)).collect();
        let days = plan.days(&held);
        let of_month = |month: Month| -> BTreeSet<Day> {
            let days = days.iter().copied();
            days.filter(|day| day.month() == month).collect()
        };
        let derive = |month| {
            let (unit, days) = (unit(month), of_month(month));
            let rows = || {
                plant();
                if days.is_empty() {
                    return Some(Vec::new());
                }
                let parts = derive_days(&set.rules, month, &days, &events, &streams);
                let rows = parts.iter();
                rows.map(|(day, parts)| self.row(set, &unit, *day, parts))
                    .collect()
            };
            let rows = catch_unwind(AssertUnwindSafe(rows)).ok().flatten();
            (unit, rows)
        };
        plan.months().iter().copied().map(derive).collect()
    }

    fn row(&self, set: &ActiveSet, unit: &Unit, day: Day, parts: &DayParts) -> Option<DayRow> {
        Some(DayRow {
            unit: unit.clone(),
            day,
            version: self.version(set.sequence, day),
            waits: parts.waits().iter().copied().collect(),
            body: serde_json::to_vec(parts).ok()?,
        })
    }

    /// How well informed what is derived of a day is.
    pub(super) fn version(&self, rule_set: u32, day: Day) -> DerivationVersion {
        let mut version = self.inputs.version(rule_set, day);
        let reach = |times: &&StreamTimes| {
            let last = times.last.or(times.first);
            day.month().is_reached(times.first, last)
        };
        for times in self.streams.streams.iter().filter(reach) {
            let (anchors, hash) = times.weight();
            version.inputs = version.inputs.saturating_add(anchors);
            version.places = version.places.saturating_add(hash);
        }
        version
    }

    /// What it says of the machine.
    pub(super) fn facts(&self, tenant: &str, endpoint: &str) -> EndpointFacts {
        let events = self.inputs.events.iter();
        let stack = events.filter_map(EndpointFacts::servicing_stack_of).max();
        let (first, last) = self.streams.messages.unzip();
        let streams = || self.streams.streams.iter();
        EndpointFacts {
            tenant: tenant.to_owned(),
            endpoint: endpoint.to_owned(),
            host: String::new(),
            named_at: None,
            contact_ms: 0,
            servicing_stack: stack,
            first: streams().filter_map(|times| times.first).chain(first).min(),
            last: streams().filter_map(|times| times.last).chain(last).max(),
        }
    }
}

fn facts_of(times: &StreamTimes) -> StreamFacts {
    StreamFacts {
        stream: times.stream,
        source: times.source,
        anchors: times.anchors.clone(),
        ranges: Vec::new(),
        first: times.first,
        last: times.last,
    }
}
