//! Events in the order they happened, and their times in UTC.

use super::{Changes, StreamFacts};
use event::{Event, LoggedAt, Source, StreamId, UtcAnchor, UtcMillis};
use std::collections::BTreeMap;

/// Events of one kind of log in the order they happened.
///
/// Within a stream that is their offset, as heads are not monotonic: clocks are stepped back and zones change. Streams follow each other by their first event.
pub(crate) struct Timeline<'a> {
    pub(crate) source: Source,
    pub(crate) events: Vec<&'a Event>,
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

    let mut by_stream: BTreeMap<(Source, StreamId), Vec<&Event>> = BTreeMap::new();
    for event in events {
        by_stream
            .entry((event.source, event.stream))
            .or_default()
            .push(event);
    }
    let mut by_source: BTreeMap<Source, Vec<Dated<'_>>> = BTreeMap::new();
    for ((source, _), mut events) in by_stream {
        events.sort_unstable_by_key(|event| (event.offset, event.id));
        let first = events.iter().find_map(|event| event.logged);
        by_source.entry(source).or_default().push((first, events));
    }
    by_source
        .into_iter()
        .map(|(source, mut streams)| {
            // Equal first times leave the order of stream ids, which the map gave.
            streams.sort_by_key(|(first, _)| *first);
            let events = streams.into_iter().flat_map(|(_, events)| events).collect();
            Timeline {
                source,
                events,
                changes: std::rc::Rc::clone(&changes),
                common,
            }
        })
        .collect()
}

impl<'a> Timeline<'a> {
    pub(crate) fn utc(&self, event: &Event) -> Option<UtcMillis> {
        let changes = self
            .changes
            .get(&event.stream)
            .map_or(&[][..], Vec::as_slice);
        utc_of(event, changes).or_else(|| Some(event.logged?.to_utc(self.common?)))
    }
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
