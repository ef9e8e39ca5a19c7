//! What chunks bring of news: of a month, the days whose answer they may change. One that can change none brings none, so that a line that
//! says nothing wakes nobody.
//!
//! Events concern their days. A chunk concerns the day of a record that was an event while it was open, where it goes on over it, and all
//! days of its months where it shows another offset from UTC, begins before what was known of its stream, or takes the stream into another
//! month, whose other logs then have its offset. This process knows that of the streams whose last chunk it stored itself, and asks the
//! store about every other: a piece of which the store says that it is held has its events and their news in the store. Where that
//! says nothing, it takes the worst to be true. Whatever may mean that somebody else stored a chunk in between, or that a chunk is stored
//! in part, makes it forget all it knows; a batch for which that is so asks nobody.

use classify::news_of;
use event::{Event, LoggedAt, MESSAGE_PATH, Month, StreamId, UnitNews};
use std::collections::{BTreeMap, HashMap, btree_map, hash_map::Entry};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{ChunkRows, Store, StreamEnd, StreamPlace};
use tokio::time::timeout;

/// Streams remembered; some 120 bytes each. Beyond them all are forgotten, and each wakes its unit once more.
const MAX_STREAMS: usize = 200_000;

/// Chunks wait so long for the store's answer; without it more is derived than has to be.
const PATIENCE: Duration = Duration::from_secs(1);

/// The last chunk of each stream that this process stored.
#[derive(Default)]
pub(crate) struct Streams(Mutex<State>);

#[derive(Default)]
struct State {
    seen: HashMap<u64, Seen>,
    /// Grows with everything that is forgotten: what was decided before teaches nothing after.
    generation: u64,
    /// The last time that streams changed hands, as whoever hands them out counts.
    epoch: u64,
}

/// What is known of a stream after a chunk of it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    start: u64,
    end: u64,
    /// Earliest head so far.
    first: Option<LoggedAt>,
    /// Latest head so far.
    last: Option<LoggedAt>,
    /// The one offset that its anchors show; none where they show several, or none.
    minutes: Option<i32>,
    is_open: bool,
    /// What its open record brought, where that is an event.
    of_open: News,
}

/// By month.
type News = BTreeMap<Month, UnitNews>;

/// What the store says of streams, and what it is worth: nothing once more was forgotten since it was asked.
#[derive(Default)]
pub(super) struct StreamEnds {
    generation: u64,
    ends: HashMap<StreamId, StreamEnd>,
}

/// What a batch makes known of its streams, once it is stored.
pub(super) struct Learnt {
    generation: u64,
    /// By stream, what was known before, and what is after.
    streams: HashMap<u64, (Option<Seen>, Seen)>,
}

impl Streams {
    /// Streams may have changed hands since: what others stored meanwhile is not known here.
    pub(crate) fn moved(&self, epoch: u64) {
        let mut state = self.state();
        if epoch > state.epoch {
            state.epoch = epoch;
            state.forget();
        }
    }

    /// The last time that streams changed hands.
    pub(crate) fn epoch(&self) -> u64 {
        self.state().epoch
    }

    /// Forgets everything.
    pub(super) fn clear(&self) {
        self.state().forget();
    }

    /// What the store says of streams of a batch that nothing is known of here.
    pub(super) async fn ask(&self, store: &Store, rows: &[ChunkRows]) -> StreamEnds {
        let (generation, unknown) = self.unknown(rows);
        let mut by_tenant: BTreeMap<&str, Vec<StreamPlace>> = BTreeMap::new();
        for (tenant, place) in unknown {
            by_tenant.entry(tenant).or_default().push(place);
        }
        let mut ends = HashMap::new();
        for (tenant, places) in by_tenant {
            // Without an answer nothing is lost: more is derived than has to be.
            match timeout(PATIENCE, store.stream_ends(tenant, &places)).await {
                Ok(Ok(more)) => ends.extend(more),
                Ok(Err(error)) => tracing::debug!(%error, "where streams go on is not known"),
                Err(_) => tracing::debug!("where streams go on is not known: no answer"),
            }
        }
        StreamEnds { generation, ends }
    }

    /// Where streams of a batch go on of which nothing is known here, and what was forgotten until now.
    fn unknown<'a>(&self, rows: &'a [ChunkRows]) -> (u64, Vec<(&'a str, StreamPlace<'a>)>) {
        let state = self.state();
        let mut places: BTreeMap<StreamId, (&str, StreamPlace)> = BTreeMap::new();
        for chunk in rows.iter().map(|rows| &rows.chunk) {
            let is_known = state.seen.contains_key(&chunk.stream.0);
            if is_known || chunk.path == MESSAGE_PATH || chunk.is_gap() {
                continue;
            }
            let (stream, offset) = (chunk.stream, chunk.offset);
            let place = StreamPlace {
                endpoint: &chunk.endpoint,
                stream,
                offset,
            };
            let first = places.entry(stream).or_insert((&chunk.tenant, place));
            first.1.offset = first.1.offset.min(offset);
        }
        // Nothing is before the start of a stream.
        places.retain(|_, (_, place)| place.offset > 0);
        (state.generation, places.into_values().collect())
    }

    /// Decides what each chunk of a batch brings of news, in the order of their streams, given what the store says of those that are not
    /// known here.
    pub(super) fn decide(&self, rows: &mut [ChunkRows], ends: &StreamEnds) -> Learnt {
        rows.sort_by_key(|rows| (rows.chunk.stream, rows.chunk.offset, rows.chunk.length));
        let state = self.state();
        let is_of_now = ends.generation == state.generation;
        let mut streams: HashMap<u64, (Option<Seen>, Seen)> = HashMap::new();
        // What is lost changes no answer that is derived, and is no place in a stream.
        for rows in rows.iter_mut().filter(|rows| !rows.chunk.is_gap()) {
            let stream = rows.chunk.stream.0;
            let known = state.seen.get(&stream);
            let here = streams.get(&stream).map(|(_, last)| last).or(known);
            let stored = ends.ends.get(&rows.chunk.stream);
            let stored = stored.filter(|_| is_of_now && here.is_none());
            let stored = stored.map(Seen::of_store);
            let before = here.or(stored.as_ref());
            rows.news = news(before, rows);
            let after = Seen::after(before, rows);
            match streams.entry(stream) {
                Entry::Occupied(mut entry) => entry.get_mut().1 = after,
                Entry::Vacant(entry) => {
                    entry.insert((known.cloned(), after));
                }
            }
        }
        Learnt {
            generation: state.generation,
            streams,
        }
    }

    /// The batch is stored, all of it.
    pub(super) fn learn(&self, learnt: Learnt) {
        let mut state = self.state();
        if state.generation != learnt.generation {
            return;
        }
        if state.seen.len() + learnt.streams.len() > MAX_STREAMS {
            state.forget();
        }
        for (stream, (before, after)) in learnt.streams {
            // Another batch of this stream was stored meanwhile, and nobody knows any more which is the last.
            if state.seen.get(&stream) == before.as_ref() {
                state.seen.insert(stream, after);
            } else {
                state.seen.remove(&stream);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is released.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn forget(&mut self) {
        self.seen.clear();
        self.generation += 1;
    }
}

impl Seen {
    /// A later head than the stream's first makes more of what follows look earlier, and an earlier than its last more of it look like
    /// another month's: never less.
    fn of_store(end: &StreamEnd) -> Self {
        let mut minutes = end.minutes.iter().copied();
        let newest = minutes.next_back();
        let is_one = minutes.all(|minutes| Some(minutes) == newest);
        Self {
            start: end.start,
            end: end.end,
            first: end.first,
            last: end.last,
            minutes: newest.filter(|_| is_one),
            is_open: end.is_open,
            of_open: news_of(&end.open_events),
        }
    }

    fn after(before: Option<&Self>, rows: &ChunkRows) -> Self {
        let chunk = &rows.chunk;
        let known = before.and_then(|before| before.minutes);
        let mut minutes = rows.anchors.iter().map(|anchor| anchor.minutes);
        let newest = minutes.next_back().or(known);
        let is_one = minutes.all(|minutes| Some(minutes) == newest);
        let first = before.and_then(|before| before.first);
        Self {
            start: chunk.offset,
            end: chunk.offset.saturating_add(chunk.length),
            first: first.into_iter().chain(rows.first).min(),
            last: before.and_then(|before| before.last).max(rows.last),
            minutes: newest.filter(|_| is_one),
            is_open: chunk.open,
            of_open: news_of(rows.events.iter().filter(|event: &&Event| event.open)),
        }
    }
}

/// What a chunk brings, given what was known of its stream before it.
fn news(before: Option<&Seen>, rows: &ChunkRows) -> News {
    let chunk = &rows.chunk;
    let all_days = || {
        let months = rows.months().into_iter();
        months.map(|month| (month, UnitNews::of_all_days()))
    };
    let mut news = news_of(&rows.events);
    if chunk.path == MESSAGE_PATH {
        // Each is a stream of its own, whole, and shows no offset.
        if chunk.open {
            add(&mut news, all_days());
        }
        return news;
    }
    let Some(before) = before else {
        add(&mut news, all_days());
        return news;
    };
    // It goes on where the last one ended, or within its open record.
    let goes_on = match before.is_open {
        true => (before.start..=before.end).contains(&chunk.offset),
        false => chunk.offset == before.end,
    };
    let is_earlier = match (before.first, rows.first) {
        (Some(known), Some(own)) => own < known,
        (None, own) => own.is_some(),
        (Some(_), None) => false,
    };
    let month = |logged: Option<LoggedAt>| logged.map(LoggedAt::month);
    let is_other_month = rows.last > before.last && month(rows.last) != month(before.last);
    let is_other_offset = |minutes: i32| before.minutes != Some(minutes);
    let mut minutes = rows.anchors.iter().map(|anchor| anchor.minutes);
    if !goes_on || is_earlier || is_other_month || minutes.any(is_other_offset) {
        add(&mut news, all_days());
    }
    let of_open = before.of_open.iter();
    add(
        &mut news,
        of_open.map(|(month, news)| (*month, news.clone())),
    );
    news
}

fn add(news: &mut News, more: impl Iterator<Item = (Month, UnitNews)>) {
    for (month, more) in more {
        match news.entry(month) {
            btree_map::Entry::Occupied(mut entry) => entry.get_mut().add(&more),
            btree_map::Entry::Vacant(entry) => {
                entry.insert(more);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Chunk, UtcAnchor, UtcHow};
    use store::testing;

    const HARMLESS: &str = "2022-08-18 15:53:46, Info                  CBS    made up\n";

    /// A chunk at an offset, without events.
    fn rows(offset: u64, open: bool) -> ChunkRows {
        let rows = testing::rows("e", offset, HARMLESS, open);
        ChunkRows {
            events: Vec::new(),
            anchors: Vec::new(),
            ..rows
        }
    }

    fn with_event(rows: ChunkRows) -> ChunkRows {
        let mut event = testing::event("2022-08-18 15:53:46", "e", rows.chunk.offset);
        event.open = rows.chunk.open;
        ChunkRows {
            events: vec![event],
            ..rows
        }
    }

    fn with_offset(rows: ChunkRows, minutes: i32) -> ChunkRows {
        let anchor = UtcAnchor {
            offset: rows.chunk.offset,
            minutes,
            how: UtcHow::CsiStamp,
            logged: LoggedAt(0),
        };
        ChunkRows {
            anchors: vec![anchor],
            ..rows
        }
    }

    /// Which of these chunks, each a batch that is stored, wake their units.
    fn woken(chunks: Vec<ChunkRows>) -> Vec<bool> {
        let streams = Streams::default();
        let one = |rows| {
            let mut batch = [rows];
            let learnt = streams.decide(&mut batch, &StreamEnds::default());
            streams.learn(learnt);
            !batch[0].news.is_empty()
        };
        chunks.into_iter().map(one).collect()
    }

    fn length() -> u64 {
        HARMLESS.len() as u64
    }

    #[test]
    fn what_goes_on_and_says_nothing_wakes_nobody() {
        let at = |place: u64| rows(place * length(), false);
        assert_eq!(
            woken(vec![at(0), at(1), at(2), at(2)]),
            [true, false, false, true]
        );
        assert_eq!(
            woken(vec![at(0), with_event(at(1)), at(2)]),
            [true, true, false]
        );
        // What lies between is not known: another process may have stored it.
        assert_eq!(woken(vec![at(0), at(2)]), [true, true]);
    }

    #[test]
    fn an_event_that_was_open_is_superseded() {
        let open = rows(0, true);
        assert_eq!(woken(vec![open.clone(), rows(0, true)]), [true, false]);
        assert_eq!(woken(vec![with_event(open), rows(0, false)]), [true, true]);
    }

    #[test]
    fn another_offset_an_earlier_head_and_another_month_are_news() {
        let first = with_offset(rows(0, false), 480);
        let next = || rows(length(), false);
        let woken_by = |next| woken(vec![first.clone(), next])[1];
        assert!(!woken_by(with_offset(next(), 480)));
        assert!(woken_by(with_offset(next(), 540)));
        let mut earlier = next();
        earlier.first = earlier.first.map(|first| LoggedAt(first.0 - 1));
        assert!(woken_by(earlier));
        let mut later = next();
        later.last = later.last.map(|last| LoggedAt(last.0 + 40 * 86_400));
        assert!(woken_by(later));
        // The first offset that a stream shows.
        assert!(woken(vec![rows(0, false), with_offset(next(), 480)])[1]);
    }

    #[test]
    fn a_batch_that_is_not_stored_teaches_nothing() {
        let streams = Streams::default();
        let mut batch = [rows(0, false), rows(length(), false)];
        streams.decide(&mut batch, &StreamEnds::default());
        assert!(!batch[0].news.is_empty() && batch[1].news.is_empty());
        let mut again = [rows(length(), false)];
        streams.decide(&mut again, &StreamEnds::default());
        assert!(!again[0].news.is_empty());
    }

    #[test]
    fn batches_that_overtake_each_other_leave_nothing_known() {
        let streams = Streams::default();
        let mut first = [rows(0, false)];
        let of_first = streams.decide(&mut first, &StreamEnds::default());
        let mut open = [with_event(rows(length(), true))];
        let of_open = streams.decide(&mut open, &StreamEnds::default());
        streams.learn(of_open);
        streams.learn(of_first);
        // It may go on over the open event.
        let mut next = [rows(length(), false)];
        streams.decide(&mut next, &StreamEnds::default());
        assert!(!next[0].news.is_empty());
    }

    #[test]
    fn what_others_may_have_stored_is_not_known() {
        let streams = Streams::default();
        let wakes_at = |place: u64| {
            let mut batch = [rows(place * length(), false)];
            let learnt = streams.decide(&mut batch, &StreamEnds::default());
            (!batch[0].news.is_empty(), learnt)
        };
        streams.learn(wakes_at(0).1);
        streams.moved(0);
        let (wakes, late) = wakes_at(1);
        assert!(!wakes);
        streams.moved(1);
        // Decided by what was known before.
        streams.learn(late);
        assert!(wakes_at(2).0);
        streams.learn(wakes_at(2).1);
        assert!(!wakes_at(3).0);
        streams.clear();
        assert!(wakes_at(3).0);
    }

    #[test]
    fn what_the_store_says_is_known() {
        let wakes = |end: StreamEnd, mut rows: ChunkRows| {
            let streams = Streams::default();
            let (generation, unknown) = streams.unknown(std::slice::from_ref(&rows));
            assert_eq!(unknown.len(), 1);
            let ends = [(rows.chunk.stream, end)].into();
            let ends = StreamEnds { generation, ends };
            let learnt = streams.decide(std::slice::from_mut(&mut rows), &ends);
            streams.learn(learnt);
            assert!(streams.unknown(std::slice::from_ref(&rows)).1.is_empty());
            rows.news
        };
        let head = rows(0, false).first;
        let end = || StreamEnd {
            start: 0,
            end: length(),
            first: head,
            last: head,
            minutes: vec![480],
            is_open: false,
            open_events: Vec::new(),
        };
        let next = || rows(length(), false);
        assert!(wakes(end(), next()).is_empty());
        assert!(wakes(end(), with_offset(next(), 480)).is_empty());
        assert!(!wakes(end(), with_offset(next(), 540)).is_empty());
        let longer = StreamEnd {
            end: 2 * length(),
            ..end()
        };
        assert!(!wakes(longer, next()).is_empty());
        let several = StreamEnd {
            minutes: vec![540, 480],
            ..end()
        };
        assert!(!wakes(several, with_offset(next(), 480)).is_empty());
        // What was open and an event is superseded, on its day alone.
        let events = with_event(rows(0, true)).events;
        let open = StreamEnd {
            is_open: true,
            open_events: events.clone(),
            ..end()
        };
        assert_eq!(wakes(open, rows(length() - 1, false)), news_of(&events));
        // What was asked before streams changed hands is worth nothing after.
        let streams = Streams::default();
        let mut late = [next()];
        let (generation, _) = streams.unknown(&late);
        let ends = [(late[0].chunk.stream, end())].into();
        streams.moved(1);
        streams.decide(&mut late, &StreamEnds { generation, ends });
        assert!(!late[0].news.is_empty());
        // Nothing is before a start, and of what goes on in the same batch nothing is asked.
        let first = [next(), rows(0, false), rows(9999, false)];
        assert!(Streams::default().unknown(&first).1.is_empty());
    }

    #[test]
    fn a_message_wakes_by_its_events_alone() {
        let message = |rows: ChunkRows| {
            let chunk = Chunk {
                path: MESSAGE_PATH.to_owned(),
                ..rows.chunk.as_ref().clone()
            };
            ChunkRows {
                chunk: chunk.into(),
                ..rows
            }
        };
        let (quiet, loud) = (message(rows(0, false)), message(with_event(rows(0, false))));
        assert_eq!(woken(vec![quiet]), [false]);
        assert_eq!(woken(vec![loud]), [true]);
    }
}
