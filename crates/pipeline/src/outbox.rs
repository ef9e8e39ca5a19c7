//! What this process knows of news: batches in flight, and units that wait for their derivation.

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
    quiet: Duration,
    latest: Duration,
    /// Which endpoints are derived here.
    share: watch::Receiver<Share>,
    state: Mutex<State>,
    changed: Notify,
}

/// Units that wait at once; some 200 bytes each. Far more than a fleet has news of within the seconds that news waits.
const MAX_WAITING: usize = 100_000;

/// Names of news kept of one unit. The rest is found by a sweep once these are closed.
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
    /// Units that are derived now. An endpoint runs once at a time: its months read each other.
    running: HashMap<Endpoint, BTreeSet<Month>>,
    /// News that has ended since a sweep began, which may have read it as open; none where nobody sweeps.
    ended: Option<BTreeMap<Unit, BTreeSet<u64>>>,
}

/// Tenant and name.
type Endpoint = (String, String);

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
    ids: BTreeSet<u64>,
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
    /// A unit is due `quiet` after its last news, or `latest` after its first.
    pub(crate) fn new(quiet: Duration, latest: Duration, share: watch::Receiver<Share>) -> Self {
        Self {
            quiet,
            latest,
            share,
            state: Mutex::default(),
            changed: Notify::new(),
        }
    }

    /// A batch is about to be stored.
    pub(crate) fn begin(&self, news: u64) {
        self.state().in_flight.insert(news);
    }

    /// A batch is no longer in flight. Only a stored one wakes its units here; what a failed one left behind, a sweep finds.
    /// Returns the news of units that are others' to derive.
    #[must_use]
    pub(crate) fn finish(&self, news: u64, stored: &[&Batch], now: Instant) -> Vec<OpenNews> {
        let ids = [news];
        let units = stored.iter().flat_map(|batch| batch.news_of_units());
        let (own, others): (Vec<_>, Vec<_>) = {
            let share = self.share.borrow();
            units.partition(|(unit, _)| share.has(&unit.tenant, &unit.endpoint))
        };
        let own = own.into_iter();
        let own = own.map(|(unit, news)| (unit, ids.as_slice(), news));
        let mut state = self.state();
        state.in_flight.remove(&news);
        self.wake(&mut state, own, now, now);
        drop(state);
        self.changed.notify_one();
        // The parts of a batch that was halved each bring the news of all.
        let others: BTreeMap<&Unit, &UnitNews> = others.into_iter().collect();
        let others = others.into_iter().map(|(unit, news)| OpenNews {
            unit: unit.clone(),
            ids: ids.to_vec(),
            news: news.clone(),
        });
        others.collect()
    }

    /// From here on it is noted which news ends, until [`Outbox::sweep_ends`].
    pub(crate) fn sweep_begins(&self) {
        self.state().ended = Some(BTreeMap::new());
    }

    /// Takes what a sweep has found, but for what has ended meanwhile.
    pub(crate) fn sweep_ends(&self, open: &[OpenNews], now: Instant) {
        let ended = self.state().ended.take().unwrap_or_default();
        self.absorb_without(&ended, open, now);
    }

    /// Drops what waits, which is in the store too: another share has begun, and a sweep finds what is in it. What was one's own before
    /// is found along with the rest, so that nothing new waits behind it.
    pub(crate) fn forget(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.by_due.clear();
        state.units = 0;
    }

    /// News that the store holds and this process may not know of: due at once.
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
        let known: Vec<(&Unit, Vec<u64>, &UnitNews)> = open
            .iter()
            .map(|news| {
                let ended = ended.get(&news.unit);
                let is_known = |id: &u64| {
                    state.in_flight.contains(id) || ended.is_some_and(|ended| ended.contains(id))
                };
                let ids = news
                    .ids
                    .iter()
                    .copied()
                    .filter(|id| !is_known(id))
                    .collect();
                (&news.unit, ids, &news.news)
            })
            .filter(|(unit, ids, _): &(_, Vec<u64>, _)| !ids.is_empty() && !state.is_running(unit))
            .collect();
        let since = now.checked_sub(self.latest).unwrap_or(now);
        let units = known
            .iter()
            .map(|(unit, ids, news)| (*unit, ids.as_slice(), *news));
        self.wake(&mut state, units, since, since);
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

    /// Units could not be derived: they wait until `at`. Should this process end before, a sweep finds them in the store; those that
    /// became others' meanwhile their owners find.
    pub(crate) fn again(&self, due: &[Due], at: Instant) {
        let share = self.share.borrow().clone();
        let mut state = self.state();
        let since = at.checked_sub(self.quiet).unwrap_or(at);
        for due in due {
            self.end(&mut state, due);
            if !share.has(&due.tenant, &due.endpoint) {
                continue;
            }
            let units = due
                .news
                .iter()
                .map(|news| (&news.unit, news.ids.as_slice(), &news.news));
            self.wake(&mut state, units, since, since);
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
        let running: usize = state.running.values().map(BTreeSet::len).sum();
        state.in_flight.len() + state.units + running
    }

    /// Batches in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// Whether as much waits as is kept here: a sweep would find no room.
    pub(crate) fn is_full(&self) -> bool {
        self.state().units >= MAX_WAITING
    }

    /// Waits until something has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn end(&self, state: &mut State, due: &Due) {
        let endpoint = (due.tenant.clone(), due.endpoint.clone());
        if let Some(running) = state.running.get_mut(&endpoint) {
            for news in &due.news {
                running.remove(&news.unit.month);
            }
            if running.is_empty() {
                state.running.remove(&endpoint);
            }
        }
        state.set_due(&endpoint, self.quiet, self.latest);
    }

    fn wake<'a>(
        &self,
        state: &mut State,
        units: impl Iterator<Item = (&'a Unit, &'a [u64], &'a UnitNews)>,
        first: Instant,
        last: Instant,
    ) {
        let mut woken: BTreeSet<Endpoint> = BTreeSet::new();
        for (unit, ids, news) in units {
            let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
            let more = Waiting {
                ids: ids.iter().copied().collect(),
                news: news.clone(),
                first,
                last,
            };
            if state.wake(&endpoint, unit.month, more) {
                woken.insert(endpoint);
            }
        }
        for endpoint in woken {
            state.set_due(&endpoint, self.quiet, self.latest);
        }
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
            .is_some_and(|months| months.contains(&unit.month))
    }

    /// Returns whether the news is kept.
    fn wake(&mut self, endpoint: &Endpoint, month: Month, more: Waiting) -> bool {
        let known = self
            .waiting
            .get_mut(endpoint)
            .and_then(|queue| queue.units.get_mut(&month));
        if let Some(known) = known {
            known.add(more);
            return true;
        }
        if self.units >= MAX_WAITING {
            return false;
        }
        self.units += 1;
        let queue = self.waiting.entry(endpoint.clone()).or_default();
        queue.units.insert(month, more.bounded());
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
        let mut taken = Vec::new();
        for month in months {
            let Some(waiting) = queue.units.remove(&month) else {
                continue;
            };
            self.units -= 1;
            taken.push(OpenNews {
                unit: Unit {
                    tenant: endpoint.0.clone(),
                    endpoint: endpoint.1.clone(),
                    month,
                },
                ids: waiting.ids.into_iter().collect(),
                news: waiting.news,
            });
        }
        if taken.is_empty() {
            self.set_due(endpoint, quiet, latest);
        } else {
            let running = self.running.entry(endpoint.clone()).or_default();
            running.extend(taken.iter().map(|news| news.unit.month));
        }
        taken
    }
}

impl Waiting {
    fn add(&mut self, more: Self) {
        let room = MAX_NEWS.saturating_sub(self.ids.len());
        self.ids.extend(more.ids.into_iter().take(room));
        self.news.add(&more.news);
        self.first = self.first.min(more.first);
        self.last = self.last.max(more.last);
    }

    fn bounded(mut self) -> Self {
        while self.ids.len() > MAX_NEWS {
            self.ids.pop_last();
        }
        self
    }

    fn due(&self, quiet: Duration, latest: Duration) -> Instant {
        (self.last + quiet).min(self.first + latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Month;
    use store::testing;

    const LINE: &str = "2022-08-18 15:53:46 x\n";
    const QUIET: Duration = Duration::from_secs(1);
    const LATEST: Duration = Duration::from_secs(5);

    /// Of a process that is alone.
    fn outbox() -> Outbox {
        Outbox::new(QUIET, LATEST, watch::channel(Share::all()).1)
    }

    fn batch(endpoint: &str, news: u64) -> Batch {
        Batch::new(1, news, vec![testing::rows(endpoint, 0, LINE, false)])
    }

    fn unit(endpoint: &str) -> Unit {
        Unit {
            tenant: "default".to_owned(),
            endpoint: endpoint.to_owned(),
            month: Month::from_yyyymm(202208),
        }
    }

    #[test]
    fn a_unit_waits_for_quiet_but_not_for_ever() {
        let (outbox, start) = (outbox(), Instant::now());
        for news in 1..=6 {
            // A little sooner than quiet, each time.
            let now = start + Duration::from_millis(900) * (news as u32 - 1);
            assert_eq!(outbox.take_due(now, 9), []);
            outbox.begin(news);
            assert_eq!(outbox.finish(news, &[&batch("a", news)], now), []);
        }
        assert_eq!(outbox.next_due(), Some(start + LATEST));
        let due = outbox.take_due(start + LATEST, 9);
        assert_eq!(
            due[0].news,
            [OpenNews {
                unit: unit("a"),
                ids: vec![1, 2, 3, 4, 5, 6],
                news: testing::news(&testing::rows("a", 0, LINE, false))
                    .remove(&unit("a").month)
                    .unwrap()
            }]
        );
    }

    #[test]
    fn news_in_flight_is_not_handed_out_even_when_a_sweep_finds_it() {
        let (outbox, now) = (outbox(), Instant::now());
        outbox.begin(7);
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![6, 7],
                news: UnitNews::of_all_days(),
            }],
            now,
        );
        let due = outbox.take_due(now, 9);
        assert_eq!(
            due[0].news,
            [OpenNews {
                unit: unit("a"),
                ids: vec![6],
                news: UnitNews::of_all_days(),
            }]
        );
        outbox.done(&due);
        // A batch that failed wakes nobody; what it left behind is for the sweep.
        assert_eq!(outbox.finish(7, &[], now), []);
        assert_eq!(outbox.next_due(), None);
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![7],
                news: UnitNews::of_all_days(),
            }],
            now,
        );
        assert_eq!(outbox.take_due(now, 9)[0].news[0].ids, [7]);
    }

    #[test]
    fn a_unit_runs_once_at_a_time() {
        let (outbox, now) = (outbox(), Instant::now());
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![1],
                news: UnitNews::of_all_days(),
            }],
            now,
        );
        let due = outbox.take_due(now, 9);
        outbox.begin(2);
        assert_eq!(outbox.finish(2, &[&batch("a", 2)], now), []);
        assert_eq!(outbox.take_due(now + LATEST, 9), []);
        outbox.done(&due);
        assert_eq!(outbox.take_due(now + LATEST, 9)[0].news[0].ids, [2]);
    }

    fn open(endpoint: &str, month: u32) -> OpenNews {
        OpenNews {
            unit: Unit {
                month: Month::from_yyyymm(month),
                ..unit(endpoint)
            },
            ids: vec![1],
            news: UnitNews::of_all_days(),
        }
    }

    #[test]
    fn an_endpoint_of_many_months_gets_a_turn_and_goes_behind_the_others() {
        let (outbox, now) = (outbox(), Instant::now());
        let months: Vec<OpenNews> = (2006..2031)
            .flat_map(|year| (1..=12).map(move |month| open("many", year * 100 + month)))
            .collect();
        outbox.absorb(&months, now);
        outbox.absorb(&[open("one", 202208)], now);
        let mut derived_before = 0;
        loop {
            // One worker, which takes one unit at a time: the worst for who comes last.
            let job = outbox.take_due(now, 1);
            assert_eq!(job.len(), 1);
            outbox.done(&job);
            if job[0].endpoint == "one" {
                break;
            }
            derived_before += job[0].news.len();
        }
        assert!(
            derived_before * 10 <= months.len(),
            "{derived_before} of 300 units were derived before the other endpoint's"
        );
        // And the many come to an end too.
        let mut left = months.len() - derived_before;
        while left > 0 {
            let job = outbox.take_due(now, 256);
            outbox.done(&job);
            left -= job.iter().map(|due| due.news.len()).sum::<usize>();
        }
        assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
    }

    #[test]
    fn two_workers_never_serve_one_endpoint_at_once() {
        let (outbox, now) = (outbox(), Instant::now());
        let months: Vec<OpenNews> = (1..=12).map(|month| open("a", 202200 + month)).collect();
        outbox.absorb(&months, now);
        let job = outbox.take_due(now, 1);
        assert_eq!(job[0].news.len(), UNITS_OF_A_TURN);
        assert_eq!(outbox.take_due(now, 1), []);
        outbox.again(&job, now + LATEST);
        // Those that wait for another try do not hold up the others.
        let rest = outbox.take_due(now, 256);
        assert_eq!(rest[0].news.len(), months.len() - UNITS_OF_A_TURN);
    }

    #[test]
    fn what_does_not_fit_is_left_to_the_store() {
        let (outbox, now) = (outbox(), Instant::now());
        let many: Vec<OpenNews> = (0..MAX_WAITING + 10)
            .map(|number| open(&format!("e{number}"), 202208))
            .collect();
        outbox.absorb(&many, now);
        assert!(outbox.is_full());
        assert_eq!(outbox.pending(), MAX_WAITING);
        // What is known goes on being told.
        outbox.begin(7);
        assert_eq!(outbox.finish(7, &[&batch("e0", 7)], now), []);
        let ids = OpenNews {
            ids: (10..10 + 2 * MAX_NEWS as u64).collect(),
            ..open("e1", 202208)
        };
        outbox.absorb(&[ids], now);
        let job = outbox.take_due(now, usize::MAX);
        let of = |endpoint: &str| job.iter().find(|due| due.endpoint == endpoint).unwrap();
        assert_eq!(of("e0").news[0].ids, [1, 7]);
        assert_eq!(of("e1").news[0].ids.len(), MAX_NEWS);
    }

    #[test]
    fn a_batch_wakes_what_is_derived_here_and_tells_what_is_not() {
        let (share, shared) = watch::channel(Share::none());
        let (outbox, now) = (Outbox::new(QUIET, LATEST, shared), Instant::now());
        outbox.begin(1);
        let halves = [batch("a", 1), batch("a", 1)];
        let others = outbox.finish(1, &[&halves[0], &halves[1]], now);
        let told: Vec<_> = others.iter().map(|news| (&news.unit, &*news.ids)).collect();
        assert_eq!(told, [(&unit("a"), [1].as_slice())]);
        assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
        share.send_replace(Share::all());
        outbox.begin(2);
        assert_eq!(outbox.finish(2, &[&batch("a", 2)], now), []);
        assert_eq!(outbox.take_due(now + LATEST, 9)[0].news[0].ids, [2]);
    }

    #[test]
    fn what_waits_is_dropped_for_a_new_share_also_where_it_runs() {
        let (share, shared) = watch::channel(Share::all());
        let (outbox, now) = (Outbox::new(QUIET, LATEST, shared), Instant::now());
        let all = ["a", "b", "c", "d", "e", "f"].map(|name| open(name, 202208));
        outbox.absorb(&all, now);
        // One runs, the others are due, and one of these has more.
        let job = outbox.take_due(now, 1);
        outbox.begin(2);
        assert_eq!(outbox.finish(2, &[&batch("f", 2)], now), []);
        share.send_replace(Share::none());
        outbox.forget();
        outbox.again(&job, now);
        assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
        assert_eq!(outbox.take_due(now + LATEST, 9), []);
        // A sweep brings back what is in the share.
        share.send_replace(Share::all());
        outbox.sweep_begins();
        outbox.sweep_ends(&all, now);
        let job = outbox.take_due(now, 9);
        assert_eq!((job.len(), outbox.pending()), (6, 6));
        outbox.done(&job);
        assert_eq!((outbox.pending(), outbox.next_due()), (0, None));
    }

    #[test]
    fn what_ends_while_a_sweep_reads_is_not_derived_again() {
        let (outbox, now) = (outbox(), Instant::now());
        outbox.absorb(&[open("a", 202208), open("b", 202208)], now);
        let job = outbox.take_due(now, 9);
        outbox.sweep_begins();
        let mut read = vec![open("a", 202208), open("b", 202208)];
        // Of a process that does not know of the first: this is news.
        read[1].ids.push(2);
        outbox.done(&job);
        outbox.sweep_ends(&read, now);
        let job = outbox.take_due(now, 9);
        assert_eq!(job.len(), 1);
        assert_eq!(
            (&*job[0].endpoint, &*job[0].news[0].ids),
            ("b", [2].as_slice())
        );
        outbox.done(&job);
        // What ended before a sweep began is not open in the store.
        outbox.absorb(&[open("a", 202208)], now);
        assert_eq!(outbox.pending(), 1);
    }
}
