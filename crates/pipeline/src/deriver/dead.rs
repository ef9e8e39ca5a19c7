//! Units whose derivation fails by itself: which they are, and when one is tried again.

use crate::{ActiveSet, letters::now_ms, outbox::Due};
use event::Unit;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use store::{DeadUnit, OpenNews, Store, StoreError};

/// A dead unit that has news again is tried again this long after its last failure: what failed on a month's rows mostly fails on
/// a few more, and costs as much each time.
pub(crate) const RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// A unit whose read the engine has no memory or no time for is dead after so many tries alone: once may be the fault of others.
const TRIES: u32 = 3;

/// Units whose tries are counted.
const MAX_COUNTED: usize = 10_000;

/// What this process knows of dead units. The store's table is what survives it.
#[derive(Default)]
pub(crate) struct Dead {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    dead: HashMap<Unit, DeadUnit>,
    tries: HashMap<Unit, u32>,
}

impl Dead {
    /// Reads what is dead now.
    pub(crate) async fn refresh(&self, store: &Store) -> Result<(), StoreError> {
        let dead = store.dead_units("", "").await?;
        self.state().dead = dead
            .into_iter()
            .map(|dead| (dead.unit.clone(), dead))
            .collect();
        Ok(())
    }

    /// Reopens what failed with an older rule set than this.
    pub(crate) async fn reopen(&self, store: &Store, rule_set: u32) -> Result<(), StoreError> {
        let older: Vec<DeadUnit> = {
            let state = self.state();
            let older = state.dead.values().filter(|dead| dead.rule_set < rule_set);
            older.cloned().collect()
        };
        if older.is_empty() {
            return Ok(());
        }
        store.reopen_dead_units(&older).await?;
        let mut state = self.state();
        for dead in older {
            state.dead.remove(&dead.unit);
        }
        Ok(())
    }

    /// Parts what is due from units that died a short while ago.
    pub(crate) fn hold_back(
        &self,
        due: Vec<Due>,
        set: Option<Arc<ActiveSet>>,
    ) -> (Vec<Due>, Vec<Due>) {
        let state = self.state();
        let is_held = |news: &OpenNews| {
            let rule_set = set.as_ref().map(|set| set.sequence);
            state
                .dead
                .get(&news.unit)
                .is_some_and(|dead| Some(dead.rule_set) == rule_set && is_recent(dead))
        };
        let (mut now, mut held) = (Vec::new(), Vec::new());
        for due in due {
            let (of_held, of_now): (Vec<OpenNews>, Vec<OpenNews>) =
                due.news.into_iter().partition(is_held);
            for (news, part) in [(of_now, &mut now), (of_held, &mut held)] {
                if !news.is_empty() {
                    part.push(Due {
                        tenant: due.tenant.clone(),
                        endpoint: due.endpoint.clone(),
                        news,
                    });
                }
            }
        }
        (now, held)
    }

    /// Whether a unit is dead and not to be tried for its neighbour's sake.
    pub(crate) fn has(&self, unit: &Unit) -> bool {
        self.state().dead.contains_key(unit)
    }

    /// Counts a try that may have failed by the fault of others; returns whether it was one too many.
    pub(crate) fn is_last_try(&self, unit: &Unit) -> bool {
        let mut state = self.state();
        if state.tries.len() >= MAX_COUNTED {
            state.tries.clear();
        }
        let tries = state.tries.entry(unit.clone()).or_default();
        *tries += 1;
        *tries >= TRIES
    }

    /// Units have died.
    pub(crate) fn add(&self, dead: &[DeadUnit]) {
        let mut state = self.state();
        for dead in dead {
            state.tries.remove(&dead.unit);
            state.dead.insert(dead.unit.clone(), dead.clone());
        }
    }

    /// Of these units, those that are dead.
    pub(crate) fn of(&self, units: &[Unit]) -> Vec<DeadUnit> {
        let state = self.state();
        let dead = units.iter().filter_map(|unit| state.dead.get(unit));
        dead.cloned().collect()
    }

    /// Units were derived, and their rows say so.
    pub(crate) fn forget(&self, units: &[Unit]) {
        let mut state = self.state();
        for unit in units {
            state.tries.remove(unit);
            state.dead.remove(unit);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_recent(dead: &DeadUnit) -> bool {
    // A failure that lies ahead was seen by a clock that was wrong since.
    let age = now_ms() - dead.last_seen_ms;
    u64::try_from(age).is_ok_and(|age| Duration::from_millis(age) < RETRY_AFTER)
}
