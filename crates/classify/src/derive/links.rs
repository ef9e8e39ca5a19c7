//! What ties the days of an endpoint together, so that news of one day wakes the others that it may change, and no more.
//!
//! A link is the hash of what a landmark is about. A day waits for the links of what it tells that may still end otherwise: a try that goes on
//! after a restart, a failure that the agent made good later.

use super::attempts::Try;
use super::timeline::is_near;
use super::{Line, agent};
use event::{Day, Event, Marker, Month, Outcome, Source, StreamId, UnitNews};
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::xxh3_64;

/// Waits for everything.
pub(super) const ANY: u64 = u64::MAX;

/// Links of tries are odd: a try that ends later also takes what lies between.
const OF_TRY: u64 = 1;

fn of_try_named(kind: &str, name: &str) -> Option<u64> {
    (!name.is_empty()).then(|| xxh3_64(format!("{kind}\0{name}").as_bytes()) | OF_TRY)
}

fn of_name(name: &str) -> Option<u64> {
    (!name.is_empty()).then(|| xxh3_64(name.as_bytes()) & !OF_TRY)
}

fn of_marker(marker: Marker, stream: StreamId) -> u64 {
    let hash = xxh3_64(format!("{}\0{}", marker.name(), stream.0).as_bytes());
    match marker {
        Marker::CommandEnd => hash | OF_TRY,
        _ => hash & !OF_TRY,
    }
}

/// What a landmark is about, as far as it may change what another day tells.
fn of_landmark(event: &Event) -> Vec<u64> {
    let mut links: Vec<Option<u64>> = Vec::new();
    match event.marker {
        Marker::UpdateInstalled => {
            links.extend([of_name(&event.kb), event.field("update").and_then(of_name)]);
        }
        Marker::DetectionEnd | Marker::SetupPhaseDone | Marker::CommandEnd => {
            links.push(Some(of_marker(event.marker, event.stream)));
        }
        Marker::StartupEnd => links.push(of_try_named("startup", &event.package)),
        _ => {}
    }
    links.extend([
        of_try_named("package", &event.package),
        of_try_named("session", &event.session),
    ]);
    links.into_iter().flatten().collect()
}

/// What a try waits for: what its session says on its way out; where it has not ended, or goes on after a restart, all that is said of its
/// package, and where it failed what the restart says.
pub(super) fn of_try(one: &Try<'_>) -> impl Iterator<Item = u64> {
    let kind = match one.outcome {
        Outcome::Unknown | Outcome::PendingReboot => Some("package"),
        _ if one.outcome.is_failure() => Some("startup"),
        _ => None,
    };
    let package = kind.and_then(|kind| of_try_named(kind, one.package));
    let session = of_try_named("session", one.session);
    package.into_iter().chain(session)
}

/// What a command waits for that has begun, or that failed and may be told of by another layer: the next end of one.
pub(super) fn of_command(event: &Event) -> u64 {
    of_marker(Marker::CommandEnd, event.stream)
}

/// What an incident waits for: that the agent, or Setup, comes to a good end after all.
pub(super) fn of_incident(timeline: &Line<'_>, run: &[usize]) -> BTreeSet<u64> {
    let events = run
        .iter()
        .filter_map(|at| timeline.events.get(*at).copied());
    if timeline.source == Source::Setup {
        return events
            .map(|event| of_marker(Marker::SetupPhaseDone, event.stream))
            .collect();
    }
    if !agent::speaks(timeline.source) {
        return BTreeSet::new();
    }
    let of_event = |event: &Event| {
        let names = [of_name(&event.kb), event.field("update").and_then(of_name)];
        let searched = of_marker(Marker::DetectionEnd, event.stream);
        names.into_iter().flatten().chain([searched])
    };
    events.flat_map(of_event).collect()
}

/// What new events touch, by month. Empty where none can change an answer.
pub fn news_of<'a>(events: impl IntoIterator<Item = &'a Event>) -> BTreeMap<Month, UnitNews> {
    let mut months: BTreeMap<Month, UnitNews> = BTreeMap::new();
    for event in events {
        let day = Day::of(event.logged);
        let mut news = UnitNews {
            days: BTreeSet::from([day]),
            links: BTreeSet::new(),
        };
        if event.is_landmark() {
            news.links.insert(ANY);
            news.links.extend(of_landmark(event));
        }
        match months.entry(day.month()) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(news);
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().add(&news),
        }
    }
    months
}

/// Which days are to be derived again for news of some days, given what the days near them wait for. `known` = days that tell something, or
/// did; days further away than [`Day::HORIZON`] are left alone.
pub fn days_to_derive(news: &UnitNews, known: &BTreeMap<Day, Vec<u64>>) -> BTreeSet<Day> {
    let mut days = news.days.clone();
    let (Some(&first), Some(&last)) = (news.days.first(), news.days.last()) else {
        return days;
    };
    if first == Day::FAR_OFF {
        days.retain(|day| *day == Day::FAR_OFF);
    }
    // Each day sees all of the day before it.
    let after = news.days.iter().map(|day| day.plus(1));
    days.extend(after.filter(|day| known.contains_key(day)));
    if news.links.is_empty() {
        return days;
    }
    // A landmark is seen on the days around it …
    let before = news.days.iter().map(|day| day.plus(-1));
    days.extend(before.filter(|day| known.contains_key(day)));
    // … on every later day, where it comes late …
    let later = known.range(first..=last.plus(Day::HORIZON));
    days.extend(
        later
            .map(|(day, _)| *day)
            .filter(|day| is_near(first, *day) || *day <= last),
    );
    // … and on earlier ones that wait for it; with a try those between, whose records may belong to it.
    let mut try_since = None;
    for (day, waits) in known.range(first.plus(-Day::HORIZON)..first) {
        let waits_for = |link: &u64| *link == ANY || news.links.contains(link);
        let mut found = waits.iter().filter(|link| waits_for(link)).peekable();
        if found.peek().is_some() {
            days.insert(*day);
            if found.any(|link| link & OF_TRY == OF_TRY) {
                try_since.get_or_insert(*day);
            }
        }
    }
    if let Some(since) = try_since {
        // What fails is told again by the agent from a day before it began.
        let between = known.range(since.plus(-1)..first);
        days.extend(between.map(|(day, _)| *day));
    }
    days
}
