//! The events of one endpoint to attempts and findings. Pure, and independent of the order of its input.
//!
//! The unit is an endpoint's month; its input is that month with both neighbours, so that the cost does not grow with history.

mod agent;
mod attempts;
mod causes;
mod commands;
mod drafts;
mod failures;
mod findings;
mod incidents;
mod look;
pub(crate) mod support;
mod timeline;
mod tries;
mod unexplained;
mod verdict;

pub(crate) use agent::{DETECTED_LATER, INSTALLED_BEFORE, INSTALLED_LATER};
pub use verdict::{Verdict, verdict};

use crate::rules::Rules;
use event::{Derivation, Event, LoggedAt, Month, Source, StreamId, Unit, UtcAnchor};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use timeline::Timeline;

/// What is known of one stream beside its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// Which.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Union of the anchors of all its chunks, in any order, repeats allowed.
    pub anchors: Vec<UtcAnchor>,
    /// `(offset, end)` of every chunk held or once held, in any order, overlaps allowed.
    pub ranges: Vec<(u64, u64)>,
    /// Earliest head seen.
    pub first: Option<LoggedAt>,
    /// Latest head seen.
    pub last: Option<LoggedAt>,
}

/// Everything a derivation reads: the events of one endpoint in the unit's month and both neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitInput {
    /// In any order; of equal identities one copy.
    pub events: Vec<Event>,
    /// The streams they stand in.
    pub streams: Vec<StreamFacts>,
}

/// The month an event counts in: that of its head, or the far-off one where it has none.
pub fn month_of(event: &Event) -> Month {
    event.logged.map_or(Month::FAR_OFF, LoggedAt::month)
}

/// Derives attempts and findings of one unit.
pub fn derive(rules: &Rules, unit: &Unit, input: &UnitInput) -> Derivation {
    let events: Vec<&Event> = input.events.iter().collect();
    derive_from(rules, unit, &events, &input.streams)
}

/// The same from events that the caller keeps: they may be many, and months beside each other share them.
pub fn derive_from(
    rules: &Rules,
    unit: &Unit,
    events: &[&Event],
    streams: &[StreamFacts],
) -> Derivation {
    // Streams that only reach other months must not matter: not every caller has them at hand.
    let reaches = |stream: &&StreamFacts| {
        let last = stream.last.or(stream.first);
        unit.month.is_reached(stream.first, last)
    };
    let streams: Vec<&StreamFacts> = streams.iter().filter(reaches).collect();
    let timelines = timeline::build(events, &streams);
    let mut parts = drafts::Parts::default();
    for timeline in &timelines {
        let found = attempts::find(timeline);
        findings::collect(rules, timeline, &found, unit.month, &mut parts);
    }
    let supports = support::Supports::find(rules, &timelines);
    for finding in parts.each_finding() {
        supports.add(finding);
    }
    parts.finish()
}

/// Derives every unit that an endpoint's events touch; what `scan` calls on all it read.
pub fn derive_all(
    rules: &Rules,
    tenant: &str,
    endpoint: &str,
    input: &UnitInput,
) -> BTreeMap<Month, Derivation> {
    let mut by_month: BTreeMap<Month, Vec<&Event>> = BTreeMap::new();
    for event in &input.events {
        by_month.entry(month_of(event)).or_default().push(event);
    }
    let months: Vec<Month> = by_month.keys().copied().collect();
    let mut derived = BTreeMap::new();
    for month in months {
        let near: BTreeSet<Month> = [month.before(), month, month.after()].into();
        let events: Vec<&Event> = near
            .iter()
            .filter_map(|month| by_month.get(month))
            .flatten()
            .copied()
            .collect();
        let unit = Unit {
            tenant: tenant.to_owned(),
            endpoint: endpoint.to_owned(),
            month,
        };
        derived.insert(month, derive_from(rules, &unit, &events, &input.streams));
    }
    derived
}

/// Changes of the UTC offset by stream.
type Changes = HashMap<StreamId, Vec<UtcAnchor>>;

fn changes(streams: &[&StreamFacts]) -> Changes {
    streams
        .iter()
        .map(|stream| (stream.stream, parse::utc_changes(&stream.anchors)))
        .collect()
}

/// Events of one kind of log in the order they happened, with their times.
pub(crate) type Line<'a> = Timeline<'a>;
