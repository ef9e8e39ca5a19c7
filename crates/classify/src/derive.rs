//! The events of one endpoint to attempts and findings. Pure, and independent of the order of its input.
//!
//! The unit is an endpoint's month, put together from what its days tell. A day sees all of itself and of the day before, and the landmarks
//! of [`Day::HORIZON`] on either side, so that a new record costs the days it may change and not the history beside it.

mod agent;
mod attempts;
mod causes;
mod commands;
mod drafts;
mod failures;
mod findings;
mod incidents;
mod links;
mod look;
pub(crate) mod support;
mod timeline;
mod tries;
mod unexplained;
mod verdict;

pub(crate) use agent::{DETECTED_LATER, INSTALLED_BEFORE, INSTALLED_LATER};
pub use causes::BETWEEN_OBJECTS;
pub use drafts::{DayParts, merge};
pub use links::{days_to_derive, news_of};
pub use verdict::{Judgement, Standing, VERDICT_MARKERS, Verdict, judge, verdict};

use crate::rules::Rules;
use event::{Day, Derivation, Event, LoggedAt, Month, Source, StreamId, Unit, UtcAnchor};
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
    let days = events.iter().map(|event| Day::of(event.logged));
    let days: BTreeSet<Day> = days.filter(|day| day.month() == unit.month).collect();
    merge(derive_days(rules, unit.month, &days, events, streams).values())
}

/// What some days of a month tell. `events` are at least those that these days see: all of each and of the day before, and the landmarks
/// of [`Day::HORIZON`] on either side. Others change nothing.
pub fn derive_days(
    rules: &Rules,
    month: Month,
    days: &BTreeSet<Day>,
    events: &[&Event],
    streams: &[StreamFacts],
) -> BTreeMap<Day, DayParts> {
    // Streams that only reach other months must not matter: not every caller has them at hand.
    let reaches = |stream: &&StreamFacts| {
        let last = stream.last.or(stream.first);
        month.is_reached(stream.first, last)
    };
    let streams: Vec<&StreamFacts> = streams.iter().filter(reaches).collect();
    let (mut parts, cut) = derive_together(rules, days, events, &streams);
    for day in cut {
        let seen: Vec<&Event> = events
            .iter()
            .copied()
            .filter(|event| timeline::is_seen(event, Day::of(event.logged), day))
            .collect();
        parts.extend(derive_together(rules, &BTreeSet::from([day]), &seen, &streams).0);
    }
    parts
}

/// What the days tell, and those of them that have to be looked at alone because they do not see all that the others see of a try: some days
/// a month after one that lasted for days.
fn derive_together(
    rules: &Rules,
    days: &BTreeSet<Day>,
    events: &[&Event],
    streams: &[&StreamFacts],
) -> (BTreeMap<Day, DayParts>, BTreeSet<Day>) {
    let timelines = timeline::build(events, streams);
    let mut drafts = drafts::Drafts::of(days);
    let mut cut = BTreeSet::new();
    for timeline in &timelines {
        let found = attempts::find(timeline);
        findings::collect(rules, timeline, &found, &mut drafts);
        let is_cut = |day: &&Day| found.links.are_cut_for(**day);
        cut.extend(days.iter().filter(is_cut).copied());
    }
    let supports = support::Supports::find(rules, &timelines);
    for finding in drafts.each_finding() {
        supports.add(finding);
    }
    (drafts.finish(), cut)
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
