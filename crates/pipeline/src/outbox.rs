//! What this process knows of news: batches in flight, and units that wait for their derivation.

use event::Unit;
use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use store::{Batch, OpenNews};
use tokio::sync::Notify;

/// What this process knows of news. The store's table is what survives it.
///
/// Invariant: news of a batch in flight is never handed out, because it may only be closed by a derivation that could read
/// all of its batch.
#[derive(Default)]
pub(crate) struct Outbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    in_flight: HashSet<u64>,
    waiting: BTreeMap<Unit, Waiting>,
    running: BTreeSet<Unit>,
}

struct Waiting {
    ids: BTreeSet<u64>,
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
    /// A batch is about to be stored.
    pub(crate) fn begin(&self, news: u64) {
        self.state().in_flight.insert(news);
    }

    /// A batch is no longer in flight. Only a stored one wakes its units here; what a failed one left behind, a sweep finds.
    pub(crate) fn finish(&self, news: u64, stored: &[&Batch], now: Instant) {
        let mut state = self.state();
        state.in_flight.remove(&news);
        for unit in stored.iter().flat_map(|batch| batch.units()) {
            state.wake(unit, &[news], now, now);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// News that the store holds and this process may not know of: due at once.
    pub(crate) fn absorb(&self, open: &[OpenNews], now: Instant, latest: Duration) {
        let mut state = self.state();
        for news in open {
            let ids: Vec<u64> = news
                .ids
                .iter()
                .copied()
                .filter(|id| !state.in_flight.contains(id))
                .collect();
            if ids.is_empty() || state.running.contains(&news.unit) {
                continue;
            }
            let since = now.checked_sub(latest).unwrap_or(now);
            state.wake(&news.unit, &ids, since, since);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// Takes units that are due, all of an endpoint together, about `limit` of them. They are running until
    /// [`Outbox::done`] or [`Outbox::again`].
    pub(crate) fn take_due(
        &self,
        now: Instant,
        quiet: Duration,
        latest: Duration,
        limit: usize,
    ) -> Vec<Due> {
        let mut state = self.state();
        let due: Vec<Unit> = state
            .waiting
            .iter()
            .filter(|(unit, waiting)| {
                waiting.due(quiet, latest) <= now && !state.running.contains(unit)
            })
            .map(|(unit, _)| unit.clone())
            .collect();
        let mut groups: Vec<Due> = Vec::new();
        let mut taken = 0;
        for units in due.chunk_by(|a, b| (&a.tenant, &a.endpoint) == (&b.tenant, &b.endpoint)) {
            if taken >= limit {
                break;
            }
            taken += units.len();
            let news = units
                .iter()
                .filter_map(|unit| {
                    let waiting = state.waiting.remove(unit)?;
                    state.running.insert(unit.clone());
                    Some(OpenNews {
                        unit: unit.clone(),
                        ids: waiting.ids.into_iter().collect(),
                    })
                })
                .collect();
            groups.push(Due {
                tenant: units[0].tenant.clone(),
                endpoint: units[0].endpoint.clone(),
                news,
            });
        }
        groups
    }

    /// A job has ended well.
    pub(crate) fn done(&self, due: &[Due]) {
        let mut state = self.state();
        for news in due.iter().flat_map(|due| &due.news) {
            state.running.remove(&news.unit);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// A job has failed: its units wait until `at`. Should this process end before, a sweep finds them in the store.
    pub(crate) fn again(&self, due: &[Due], at: Instant, quiet: Duration) {
        let mut state = self.state();
        for news in due.iter().flat_map(|due| &due.news) {
            state.running.remove(&news.unit);
            let since = at.checked_sub(quiet).unwrap_or(at);
            state.wake(&news.unit, &news.ids, since, since);
        }
        drop(state);
        self.changed.notify_one();
    }

    /// When the next unit is due, if any waits.
    pub(crate) fn next_due(&self, quiet: Duration, latest: Duration) -> Option<Instant> {
        let state = self.state();
        state
            .waiting
            .iter()
            .filter(|(unit, _)| !state.running.contains(unit))
            .map(|(_, waiting)| waiting.due(quiet, latest))
            .min()
    }

    /// Batches in flight, and units that wait or are derived.
    pub(crate) fn pending(&self) -> usize {
        let state = self.state();
        state.in_flight.len() + state.waiting.len() + state.running.len()
    }

    /// Batches in flight.
    pub(crate) fn in_flight(&self) -> usize {
        self.state().in_flight.len()
    }

    /// Waits until something has changed.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is released, so a panic elsewhere leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wake(&mut self, unit: &Unit, ids: &[u64], first: Instant, last: Instant) {
        match self.waiting.get_mut(unit) {
            Some(waiting) => {
                waiting.ids.extend(ids);
                waiting.first = waiting.first.min(first);
                waiting.last = waiting.last.max(last);
            }
            None => {
                let waiting = Waiting {
                    ids: ids.iter().copied().collect(),
                    first,
                    last,
                };
                self.waiting.insert(unit.clone(), waiting);
            }
        }
    }
}

impl Waiting {
    fn due(&self, quiet: Duration, latest: Duration) -> Instant {
        (self.last + quiet).min(self.first + latest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Month;
    use store::testing;

    const QUIET: Duration = Duration::from_secs(1);
    const LATEST: Duration = Duration::from_secs(5);

    fn batch(endpoint: &str, news: u64) -> Batch {
        Batch::new(
            1,
            news,
            vec![testing::rows(endpoint, 0, "2022-08-18 15:53:46 x\n", false)],
        )
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
        let (outbox, start) = (Outbox::default(), Instant::now());
        for news in 1..=6 {
            // A little sooner than quiet, each time.
            let now = start + Duration::from_millis(900) * (news as u32 - 1);
            assert_eq!(outbox.take_due(now, QUIET, LATEST, 9), []);
            outbox.begin(news);
            outbox.finish(news, &[&batch("a", news)], now);
        }
        assert_eq!(outbox.next_due(QUIET, LATEST), Some(start + LATEST));
        let due = outbox.take_due(start + LATEST, QUIET, LATEST, 9);
        assert_eq!(
            due[0].news,
            [OpenNews {
                unit: unit("a"),
                ids: vec![1, 2, 3, 4, 5, 6]
            }]
        );
    }

    #[test]
    fn news_in_flight_is_not_handed_out_even_when_a_sweep_finds_it() {
        let (outbox, now) = (Outbox::default(), Instant::now());
        outbox.begin(7);
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![6, 7],
            }],
            now,
            LATEST,
        );
        let due = outbox.take_due(now, QUIET, LATEST, 9);
        assert_eq!(
            due[0].news,
            [OpenNews {
                unit: unit("a"),
                ids: vec![6]
            }]
        );
        outbox.done(&due);
        // A batch that failed wakes nobody; what it left behind is for the sweep.
        outbox.finish(7, &[], now);
        assert_eq!(outbox.next_due(QUIET, LATEST), None);
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![7],
            }],
            now,
            LATEST,
        );
        assert_eq!(outbox.take_due(now, QUIET, LATEST, 9)[0].news[0].ids, [7]);
    }

    #[test]
    fn a_unit_runs_once_at_a_time() {
        let (outbox, now) = (Outbox::default(), Instant::now());
        outbox.absorb(
            &[OpenNews {
                unit: unit("a"),
                ids: vec![1],
            }],
            now,
            LATEST,
        );
        let due = outbox.take_due(now, QUIET, LATEST, 9);
        outbox.begin(2);
        outbox.finish(2, &[&batch("a", 2)], now);
        assert_eq!(outbox.take_due(now + LATEST, QUIET, LATEST, 9), []);
        outbox.done(&due);
        assert_eq!(
            outbox.take_due(now + LATEST, QUIET, LATEST, 9)[0].news[0].ids,
            [2]
        );
    }
}
