//! Events in the order they happened, and their times in UTC.

use super::{Changes, StreamFacts};
use event::{Day, Event, LoggedAt, Source, StreamId, UtcAnchor, UtcMillis};
use std::collections::{BTreeMap, HashMap};

/// Events of one kind of log in the order they happened.
///
/// Within a stream that is their offset, as heads are not monotonic: clocks are stepped back and zones change. Streams follow each other by their
/// first head, or where nobody knows it by their first event.
pub(crate) struct Timeline<'a> {
    pub(crate) source: Source,
    pub(crate) events: Vec<&'a Event>,
    /// The day of each.
    days: Vec<Day>,
    changes: std::rc::Rc<Changes>,
    /// The endpoint's offset where all its streams agree, for streams that show none.
    common: Option<i32>,
}

/// A stream's events with its first time.
type Dated<'a> = (Option<LoggedAt>, Vec<&'a Event>);

pub(super) fn build<'a>(events: &[&'a Event], streams: &[&StreamFacts]) -> Vec<Timeline<'a>> {
    let changes = std::rc::Rc::new(super::changes(streams));
    let mut offsets: Vec<i32> = changes
        .values()
        .flatten()
        .map(|change| change.minutes)
        .collect();
    offsets.sort_unstable();
    offsets.dedup();
    let common = if let [only] = offsets[..] {
        Some(only)
    } else {
        None
    };

    let starts: HashMap<StreamId, Option<LoggedAt>> = streams
        .iter()
        .map(|stream| (stream.stream, stream.first))
        .collect();
    let mut by_stream: BTreeMap<(Source, StreamId), Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_stream
            .entry((event.source, event.stream))
            .or_default()
            .push(event);
    }
    let mut by_source: BTreeMap<Source, Vec<Dated<'_>>> = BTreeMap::new();
    for ((source, stream), mut events) in by_stream {
        events.sort_unstable_by_key(|event| (event.offset, event.id));
        let first = starts
            .get(&stream)
            .copied()
            .flatten()
            .or_else(|| events.iter().find_map(|event| event.logged));
        by_source.entry(source).or_default().push((first, events));
    }
    by_source
        .into_iter()
        .map(|(source, mut streams)| {
            // Equal first times leave the order of stream ids, which the map gave.
            streams.sort_by_key(|(first, _)| *first);
            let events: Vec<&Event> = streams.into_iter().flat_map(|(_, events)| events).collect();
            Timeline {
                source,
                days: events.iter().map(|event| Day::of(event.logged)).collect(),
                events,
                changes: std::rc::Rc::clone(&changes),
                common,
            }
        })
        .collect()
}

impl<'a> Timeline<'a> {
    pub(super) fn day(&self, at: usize) -> Day {
        self.days.get(at).copied().unwrap_or(Day::FAR_OFF)
    }

    /// Whether what a day tells may depend on a record.
    pub(super) fn is_seen_on(&self, at: usize, day: Day) -> bool {
        let event = self.events.get(at);
        event.is_some_and(|event| is_seen(event, self.day(at), day))
    }

    /// The first of some places that is seen on the day of another one, else the last of them.
    pub(super) fn first_seen(
        &self,
        places: std::ops::RangeInclusive<usize>,
        told_at: usize,
    ) -> usize {
        let (day, last) = (self.day(told_at), *places.end());
        let mut places = places;
        places.find(|at| self.is_seen_on(*at, day)).unwrap_or(last)
    }

    pub(crate) fn utc(&self, event: &Event) -> Option<UtcMillis> {
        let changes = self
            .changes
            .get(&event.stream)
            .map_or(&[][..], Vec::as_slice);
        utc_of(event, changes).or_else(|| Some(event.logged?.to_utc(self.common?)))
    }
}

/// Whether what a day tells may depend on an event of another: on all of that day and of the one before, and on landmarks near it.
pub(super) fn is_seen(event: &Event, own: Day, day: Day) -> bool {
    own == day || own == day.plus(-1) || (is_near(own, day) && event.is_landmark())
}

/// Whether landmarks of one day matter to the other.
pub(super) fn is_near(one: Day, other: Day) -> bool {
    let is_far_off = one == Day::FAR_OFF || other == Day::FAR_OFF;
    let apart = i32::from(one.number()) - i32::from(other.number());
    one == other || (!is_far_off && apart.abs() <= Day::HORIZON)
}

/// The UTC time of an event: its own stamp, else its head with the offset in force there. `changes` as [`parse::utc_changes`] gives them.
fn utc_of(event: &Event, changes: &[UtcAnchor]) -> Option<UtcMillis> {
    if event.stamp.is_some() {
        return event.stamp;
    }
    let at = changes.partition_point(|change| change.offset <= event.offset);
    // Before the first anchor the first one's offset is the best there is.
    let change = changes.get(at.saturating_sub(1))?;
    Some(event.logged?.to_utc(change.minutes))
}
