//! What this process knows of news: batches in flight, and units that wait for their derivation.

use crate::Config;
use event::{Month, Unit, UnitNews};
use queue::Share;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::{Batch, OpenNews};
use tokio::sync::{Notify, watch};

/// What this process knows of news. The store's table is what survives it, and what does not fit here is found there again.
///
/// Invariant: news of a batch in flight is never handed out, because it may only be closed by a derivation that could read
/// all of its batch.
pub(crate) struct Outbox {
    /// A unit is due so long after its last news, …
    quiet: Duration,
    /// … or so long after its first.
    latest: Duration,
    /// Others leave news of a batch alone for so long; none where there are no others.
    left_alone: Option<Duration>,
    /// Which endpoints are derived here.
    share: watch::Receiver<Share>,
    state: Mutex<State>,
    changed: Notify,
}

/// Units that wait at once; some 250 bytes each. Far more than a fleet has news of within the seconds that news waits. What only this
/// process knows and can leave to nobody stays beyond it.
const MAX_WAITING: usize = 100_000;

/// Names of news kept of one unit. Those beyond that the store has told are found by a sweep once these are closed.
const MAX_NEWS: usize = 1_000;

/// Units that an endpoint gets derived in one turn; then it goes behind the others. Years of history come once, and the endpoint
/// beside it waits no longer than this takes.
const UNITS_OF_A_TURN: usize = 8;

/// Units taken in at once: intakes wait meanwhile.
const UNITS_ABSORBED: usize = 1_000;

/// Different months of one job: each costs reads and INSERTs of its own, while units of one month share them.
const MONTHS_OF_A_JOB: usize = 24;

#[derive(Default)]
struct State {
    in_flight: HashSet<u64>,
    waiting: HashMap<Endpoint, Queue>,
    /// How many units that are.
    units: usize,
    /// Endpoints by when their turn comes; those that are derived are not in it.
    by_due: BTreeSet<(Instant, Endpoint)>,
    /// Units that are derived now, and their news. An endpoint runs once at a time: its months read each other.
    running: HashMap<Endpoint, BTreeMap<Month, Names>>,
    /// News that has ended since a sweep began, which may have read it as open; none where nobody sweeps.
    ended: Option<BTreeMap<Unit, BTreeSet<u64>>>,
    /// News that somebody waits for, and the units of it of which an answer was stored since.
    watched: Option<(u64, BTreeSet<Unit>)>,
}

/// Tenant and name.
type Endpoint = (String, String);

/// Names of news, and who has told of it.
type Names = BTreeMap<u64, Told>;

/// Who has told of news. What the store knows may be forgotten here, as long as it is open there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    /// A batch of this process. Another one may have found its news before all of it was stored, and closed it: then only this process
    /// knows that it is to be derived.
    Batch,
    /// The store, in which it was open.
    Store,
}

/// What becomes of news for which there is no room.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Beyond {
    /// The store has it, or whoever told of it is asked to leave it there.
    Left,
    /// Nothing else may know of it.
    Kept,
}

/// A batch that is being stored.
#[must_use]
pub(crate) struct Flight {
    news: u64,
    began: Instant,
    /// Has seen the share at its begin.
    share: watch::Receiver<Share>,
}

/// What waits of an endpoint.
#[derive(Default)]
struct Queue {
    units: BTreeMap<Month, Waiting>,
    /// Its entry in `by_due`.
    due: Option<Instant>,
    /// When it had its last turn: the next one comes behind those that were due by then.
    served: Option<Instant>,
}

struct Waiting {
    ids: Names,
    news: UnitNews,
    first: Instant,
    last: Instant,
}

/// Units of one endpoint that are due.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) tenant: String,
    pub(crate) endpoint: String,
    pub(crate) news: Vec<OpenNews>,
}

impl Outbox {
    /// Of a process that derives this share.
    pub(crate) fn new(config: &Config, share: watch::Receiver<Share>) -> Self {
        Self {
            quiet: config.derive_quiet,
            latest: config.derive_latest,
            left_alone: (!config.is_alone()).then_some(config.sweep_age),
            share,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// Whether an endpoint is this process's to derive just now.
    pub(crate) fn is_own(&self, unit: &Unit) -> bool {
        self.share.borrow().has(&unit.tenant, &unit.endpoint)
    }

    /// A batch is about to be stored.
    pub(crate) fn begin(&self, news: u64, now: Instant) -> Flight {
        let mut share = self.share.clone();
        share.mark_unchanged();
        self.state().in_flight.insert(news);
        Flight {
            news,
            began: now,
            share,
        }
    }

    /// A batch is no longer in flight. Only a stored one wakes its units here; what a failed one left behind, a sweep finds.
    /// Returns the news of units that do not wait here: they are others' to derive, there is no room, or another one may have closed their
    /// news before all of it was stored. Once that is acknowledged, the memory of one process must not be all that knows of it.
    #[must_use]
    pub(crate) fn finish(&self, flight: Flight, stored: &[&Batch], now: Instant) -> Vec<OpenNews> {
        let Flight {
            news,
            began,
            share: mut seen,
        } = flight;
        let units = stored.iter().flat_map(|batch| batch.news_of_units());
        let (own, others): (Vec<_>, Vec<_>) = {
            let share = seen.borrow_and_update();
            // Half of the time, because the store counts it by another clock, and in whole seconds. Of a new share news of any age is taken.
            let may_be_closed = self
                .left_alone
                .is_some_and(|time| share.has_changed() || now - began >= time / 2);
            units.partition(|(unit, _)| !may_be_closed && share.has(&unit.tenant, &unit.endpoint))
        };
        let own = own.into_iter();
        let own = own.map(|(unit, touched)| (unit, Names::from([(news, Told::Batch)]), touched));
        let mut state = self.state();
        state.in_flight.remove(&news);
        let without_room = self.wake(&mut state, own, now, now, Beyond::Left);
        drop(state);
        self.changed.notify_one();
        // The parts of a batch that was halved each bring the news of all.
        let left: BTreeMap<&Unit, &UnitNews> = others.into_iter().chain(without_room).collect();
        let left = left.into_iter().map(|(unit, touched)| OpenNews {
            unit: unit.clone(),
            ids: vec![news],
            news: touched.clone(),
        });
        left.collect()
    }

    /// From here on it is noted which news ends, until [`Outbox::sweep_ends`].
    pub(crate) fn sweep_begins(&self) {
        self.state().ended = Some(BTreeMap::new());
    }

    /// Takes news that somebody has just opened in the store.
    pub(crate) fn take(&self, open: &[OpenNews], now: Instant) {
        self.absorb_without(&BTreeMap::new(), open, now);
    }

    /// From here on it is noted of which units with news of this name an answer is stored, also where that is begun again because more has
    /// come: of an endpoint that sends all the time news is closed only when it pauses.
    pub(crate) fn watch(&self, name: u64) {
        self.state().watched = Some((name, BTreeSet::new()));
    }

    /// Whether an answer was stored of a unit with the news that is watched: it knows all that was stored when that was opened.
    pub(crate) fn has_answer(&self, unit: &Unit) -> bool {
        let state = self.state();
        let watched = state.watched.as_ref();
        watched.is_some_and(|(_, units)| units.contains(unit))
    }

    /// A job has stored the answers of some units that it was given.
    pub(crate) fn answered(&self, due: &[Due], stored: &BTreeSet<Unit>) {
        if let Some((name, units)) = &mut self.state().watched {
            let news = due.iter().flat_map(|due| &due.news);
            let named = news.filter(|news| news.ids.contains(&*name));
            let named = named.filter(|news| stored.contains(&news.unit));
            units.extend(named.map(|news| news.unit.clone()));
        }
    }

    /// Takes what a sweep has found, but for what has ended meanwhile.
    pub(crate) fn sweep_ends(&self, open: &[OpenNews], now: Instant) {
        let ended = self.state().ended.take().unwrap_or_default();
        self.absorb_without(&ended, open, now);
    }

    /// Another share has begun. What the store has told is dropped, because a sweep finds what is in the share, along with what is new in
    /// it. What batches of this process have told stays, behind what that sweep finds, so that what a dead one left does not stand behind
    /// a long queue. Returns what of that is others' now, to be handed over.
    #[must_use]
    pub(crate) fn forget(&self, now: Instant) -> Vec<OpenNews> {
        let share = self.share.borrow().clone();
        let mut others = Vec::new();
        let mut state = self.state();
        // A sweep of the last share is given up.
        state.ended = None;
        state.by_due.clear();
        state.units = 0;
        for (endpoint, queue) in std::mem::take(&mut state.waiting) {
            let is_own = share.has(&endpoint.0, &endpoint.1);
            for (month, mut waiting) in queue.units {
                waiting.ids.retain(|_, told| *told == Told::Batch);
                if waiting.ids.is_empty() {
                    continue;
                }
                if is_own {
                    waiting.first = waiting.first.max(now);
                    waiting.last = waiting.last.max(now);
                    state.wake(&endpoint, month, waiting, Beyond::Kept);
                } else {
                    others.push(waiting.into_news(&endpoint, month));
                }
            }
            state.set_due(&endpoint, self.quiet, self.latest);
        }
        drop(state);
        self.changed.notify_one();
        others
    }

    /// News of batches of this process that could not be handed over: it is derived here, whosever it is.
    pub(crate) fn keep(&self, news: &[OpenNews], now: Instant) {
        let units = news.iter().map(|news| {
            let ids = news.ids.iter().map(|id| (*id, Told::Batch));
            (&news.unit, ids.collect(), &news.news)
        });
        self.wake(&mut self.state(), units, now, now, Beyond::Kept);
        self.changed.notify_one();
    }

    /// News that the store holds and this process may not know of: due at once, but for what waits already.
    pub(crate) fn absorb(&self, open: &[OpenNews], now: Instant) {
        self.absorb_without(&BTreeMap::new(), open, now);
    }

    fn absorb_without(
        &self,
        ended: &BTreeMap<Unit, BTreeSet<u64>>,
        open: &[OpenNews],
        now: Instant,
    ) {
        for some in open.chunks(UNITS_ABSORBED) {
            self.absorb_some(ended, some, now);
        }
        self.changed.notify_one();
    }

    fn absorb_some(&self, ended: &BTreeMap<Unit, BTreeSet<u64>>, open: &[OpenNews], now: Instant) {
        let mut state = self.state();
        let unknown: Vec<(&Unit, Names, &UnitNews)> = open
            .iter()
            .map(|news| {
                let ended = ended.get(&news.unit);
                let waiting = state.waiting(&news.unit);
                let is_known = |id: &u64| {
                    state.in_flight.contains(id)
                        || ended.is_some_and(|ended| ended.contains(id))
                        || waiting.is_some_and(|waiting| waiting.knows(*id))
                };
                let ids = news.ids.iter().filter(|id| !is_known(id));
                let ids = ids.map(|id| (*id, Told::Store)).collect();
                (&news.unit, ids, &news.news)
            })
            .filter(|(unit, ids, _): &(_, Names, _)| !ids.is_empty() && !state.is_running(unit))
            .collect();
        let since = now.checked_sub(self.latest).unwrap_or(now);
        let unknown = unknown.into_iter();
        self.wake(&mut state, unknown, since, since, Beyond::Left);
    }

    /// Takes units that are due, about `limit` of them, of each endpoint a turn. They are running until [`Outbox::done`] or
    /// [`Outbox::again`].
    pub(crate) fn take_due(&self, now: Instant, limit: usize) -> Vec<Due> {
        let mut state = self.state();
        let (mut job, mut units, mut months) = (Vec::new(), 0, BTreeSet::new());
        while units < limit
            && let Some(endpoint) = state.next_turn(now)
        {
            let taken = state.take_turn(&endpoint, now, self.quiet, self.latest);
            units += taken.len();
            months.extend(taken.iter().map(|news| news.unit.month));
            if !taken.is_empty() {
                job.push(Due {
                    tenant: endpoint.0,
                    endpoint: endpoint.1,
                    news: taken,
                });
            }
            if months.len() >= MONTHS_OF_A_JOB {
                break;
            }
        }
        job
    }

    /// Units were derived, or are dead.
    pub(crate) fn done(&self, due: &[Due]) {
        let mut state = self.state();
        for due in due {
            self.end(&mut state, due);
            if let Some(ended) = &mut state.ended {
                for news in &due.news {
                    let of_unit = ended.entry(news.unit.clone()).or_default();
                    of_unit.extend(news.ids.iter().copied());
                }
            }
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Units could not be derived: they wait until `at`. Should this process end before, a sweep finds them in the store. Of those that
    /// became others' meanwhile their owners find what the store has told; the rest stays here.
    pub(crate) fn again(&self, due: &[Due], at: Instant) {
        let share = self.share.borrow().clone();
        let mut state = self.state();
        let since = at.checked_sub(self.quiet).unwrap_or(at);
        for due in due {
            let mut ran = self.end(&mut state, due);
            let is_own = share.has(&due.tenant, &due.endpoint);
            let units = due.news.iter().filter_map(|news| {
                let mut ids = ran.remove(&news.unit.month).unwrap_or_default();
                ids.retain(|_, told| is_own || *told == Told::Batch);
                (!ids.is_empty()).then_some((&news.unit, ids, &news.news))
            });
            // These are the units of a job: beyond the room there are few.
            self.wake(&mut state, units, since, since, Beyond::Kept);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// When the next unit is due, if any waits.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.state().by_due.first().map(|(due, _)| *due)
    }

    /// Batches in flight, and units that wait or are derived.
    pub(crate) fn pending(&self) -> usize {
        let state = self.state();
        let running: usize = state.running.values().map(BTreeMap::len).sum();
        state.in_flight.len() + state.units + running
    }

    /// Batches in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// For how many units more there is room: a sweep would read others in vain.
    pub(crate) fn room(&self) -> usize {
        MAX_WAITING.saturating_sub(self.state().units)
    }

    /// Waits until something has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Units run no more. Returns the names of their news.
    fn end(&self, state: &mut State, due: &Due) -> BTreeMap<Month, Names> {
        let endpoint = (due.tenant.clone(), due.endpoint.clone());
        let mut ended = BTreeMap::new();
        if let Some(running) = state.running.get_mut(&endpoint) {
            for news in &due.news {
                ended.extend(running.remove_entry(&news.unit.month));
            }
            if running.is_empty() {
                state.running.remove(&endpoint);
            }
        }
        state.set_due(&endpoint, self.quiet, self.latest);
        ended
    }

    /// Returns the units for which there is no room.
    fn wake<'a>(
        &self,
        state: &mut State,
        units: impl Iterator<Item = (&'a Unit, Names, &'a UnitNews)>,
        first: Instant,
        last: Instant,
        beyond: Beyond,
    ) -> Vec<(&'a Unit, &'a UnitNews)> {
        let mut woken: BTreeSet<Endpoint> = BTreeSet::new();
        let mut without_room = Vec::new();
        for (unit, ids, touched) in units {
            let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
            let more = Waiting {
                ids,
                news: touched.clone(),
                first,
                last,
            };
            if state.wake(&endpoint, unit.month, more, beyond) {
                woken.insert(endpoint);
            } else {
                without_room.push((unit, touched));
            }
        }
        for endpoint in woken {
            state.set_due(&endpoint, self.quiet, self.latest);
        }
        without_room
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is released, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn is_running(&self, unit: &Unit) -> bool {
        let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
        self.running
            .get(&endpoint)
            .is_some_and(|months| months.contains_key(&unit.month))
    }

    fn waiting(&self, unit: &Unit) -> Option<&Waiting> {
        let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
        self.waiting.get(&endpoint)?.units.get(&unit.month)
    }

    /// Returns whether the news is kept.
    fn wake(
        &mut self,
        endpoint: &Endpoint,
        month: Month,
        mut more: Waiting,
        beyond: Beyond,
    ) -> bool {
        let is_bounded = beyond == Beyond::Left;
        let known = self
            .waiting
            .get_mut(endpoint)
            .and_then(|queue| queue.units.get_mut(&month));
        if let Some(known) = known {
            if is_bounded && known.is_full() {
                return false;
            }
            known.add(more);
            return true;
        }
        if is_bounded && self.units >= MAX_WAITING {
            return false;
        }
        self.units += 1;
        let queue = self.waiting.entry(endpoint.clone()).or_default();
        more.bound();
        queue.units.insert(month, more);
        true
    }

    /// Notes when an endpoint is due, unless it runs.
    fn set_due(&mut self, endpoint: &Endpoint, quiet: Duration, latest: Duration) {
        let is_running = self.running.contains_key(endpoint);
        let Some(queue) = self.waiting.get_mut(endpoint) else {
            return;
        };
        if let Some(due) = queue.due.take() {
            self.by_due.remove(&(due, endpoint.clone()));
        }
        if queue.units.is_empty() {
            self.waiting.remove(endpoint);
            return;
        }
        if is_running {
            return;
        }
        let due = queue.units.values().map(|one| one.due(quiet, latest)).min();
        let due = due.max(queue.served.filter(|_| due.is_some()));
        queue.due = due;
        self.by_due.extend(due.map(|due| (due, endpoint.clone())));
    }

    /// The endpoint that has waited longest of those that are due.
    fn next_turn(&mut self, now: Instant) -> Option<Endpoint> {
        let (due, _) = self.by_due.first()?;
        if *due > now {
            return None;
        }
        self.by_due.pop_first().map(|(_, endpoint)| endpoint)
    }

    /// Takes the units of an endpoint whose turn it is.
    fn take_turn(
        &mut self,
        endpoint: &Endpoint,
        now: Instant,
        quiet: Duration,
        latest: Duration,
    ) -> Vec<OpenNews> {
        let Some(queue) = self.waiting.get_mut(endpoint) else {
            return Vec::new();
        };
        queue.due = None;
        queue.served = Some(now);
        let months: Vec<Month> = queue
            .units
            .iter()
            .filter(|(_, waiting)| waiting.due(quiet, latest) <= now)
            .map(|(month, _)| *month)
            .take(UNITS_OF_A_TURN)
            .collect();
        let (mut taken, mut running) = (Vec::new(), BTreeMap::new());
        for month in months {
            let Some(waiting) = queue.units.remove(&month) else {
                continue;
            };
            self.units -= 1;
            running.insert(month, waiting.ids.clone());
            taken.push(waiting.into_news(endpoint, month));
        }
        if taken.is_empty() {
            self.set_due(endpoint, quiet, latest);
        } else {
            let known = self.running.entry(endpoint.clone()).or_default();
            known.extend(running);
        }
        taken
    }
}

impl Waiting {
    /// Whether news of that name is here, or the unit has as much as is kept of one.
    fn knows(&self, id: u64) -> bool {
        self.ids.len() >= MAX_NEWS || self.ids.contains_key(&id)
    }

    /// Whether no name gives way to another.
    fn is_full(&self) -> bool {
        self.ids.len() >= MAX_NEWS && self.ids.values().all(|told| *told == Told::Batch)
    }

    fn add(&mut self, more: Self) {
        for (id, told) in more.ids {
            let known = self.ids.entry(id).or_insert(told);
            if told == Told::Batch {
                *known = told;
            }
        }
        self.bound();
        self.news.add(&more.news);
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
    }

    /// Names that the store has told give way: a sweep finds them again.
    fn bound(&mut self) {
        let excess = self.ids.len().saturating_sub(MAX_NEWS);
        let of_store = self.ids.iter().rev();
        let of_store = of_store.filter(|(_, told)| **told == Told::Store);
        let of_store: Vec<u64> = of_store.map(|(id, _)| *id).take(excess).collect();
        for id in of_store {
            self.ids.remove(&id);
        }
    }

    fn into_news(self, endpoint: &Endpoint, month: Month) -> OpenNews {
        OpenNews {
            unit: Unit {
                tenant: endpoint.0.clone(),
                endpoint: endpoint.1.clone(),
                month,
            },
            ids: self.ids.into_keys().collect(),
            news: self.news,
        }
    }

    fn due(&self, quiet: Duration, latest: Duration) -> Instant {
        (self.last + quiet).min(self.first + latest)
    }
}

#[cfg(test)]
mod tests;
