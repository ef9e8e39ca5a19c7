//! Endpoints that touch many months at once are stored apart from the others, each one after the other's turn.
//!
//! An INSERT serves one month of one table. The log of a machine's whole life in one body takes a thousand of them, and whoever
//! is stored in the same batch would wait for all.

use super::{PipelineError, Poison};
use crate::{
    ActiveSet,
    letters::{Death, letter_of},
};
use event::Month;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{ChunkRows, DeadLetter};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Who waits for an answer.
pub(super) struct Caller {
    pub(super) chunks: usize,
    pub(super) bytes: usize,
    pub(super) epoch: u64,
    pub(super) reply: oneshot::Sender<Result<(), PipelineError>>,
    /// Held until the chunks are stored: what is taken and not stored is bounded.
    pub(super) _room: OwnedSemaphorePermit,
}

/// The chunks of one caller, classified.
pub(super) struct Classified {
    pub(super) set: Arc<ActiveSet>,
    pub(super) rows: Vec<ChunkRows>,
    /// Chunks whose classification panicked.
    pub(super) letters: Vec<DeadLetter>,
    pub(super) caller: Caller,
}

/// Tenant and endpoint.
pub(super) type Lane = (String, String);

/// What waits of endpoints that touch many months. One that is here is being stored.
pub(super) struct Lanes {
    max_bytes: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    lanes: HashMap<Lane, Waiting>,
    bytes: usize,
}

#[derive(Default)]
struct Waiting {
    callers: Vec<Classified>,
    /// Of those, and of those that are being stored.
    bytes: usize,
}

impl Classified {
    pub(super) fn new(
        set: &Arc<ActiveSet>,
        caller: Caller,
        results: impl Iterator<Item = Result<ChunkRows, Box<Poison>>>,
    ) -> Self {
        let (mut rows, mut letters) = (Vec::with_capacity(caller.chunks), Vec::new());
        for result in results {
            match result {
                Ok(of_chunk) => rows.push(of_chunk),
                Err(poison) => {
                    let Poison { chunk, reason } = *poison;
                    letters.push(letter_of(&chunk, Death::Panic, &reason, set.sequence));
                }
            }
        }
        Self {
            set: Arc::clone(set),
            rows,
            letters,
            caller,
        }
    }
}

/// Parts callers with endpoints that touch many months, each with the first of these, from those that are stored together.
///
/// Those with the fewest months are let in first, so that whoever sends a log as it is written is stored at once, whatever comes
/// beside it.
pub(super) fn part(
    classified: Vec<Classified>,
    months: usize,
) -> (Vec<Classified>, Vec<(Lane, Classified)>) {
    let mut of_endpoints: BTreeMap<(&str, &str), BTreeSet<Month>> = BTreeMap::new();
    for rows in classified.iter().flat_map(|one| &one.rows) {
        let endpoint = (rows.chunk.tenant.as_str(), rows.chunk.endpoint.as_str());
        let of_endpoint = of_endpoints.entry(endpoint).or_default();
        of_endpoint.extend(rows.partitions());
    }
    let mut by_months: Vec<((&str, &str), BTreeSet<Month>)> = of_endpoints.into_iter().collect();
    by_months.sort_by_key(|(_, months)| months.len());
    let mut together: BTreeSet<Month> = BTreeSet::new();
    let mut wide: BTreeSet<Lane> = BTreeSet::new();
    for ((tenant, endpoint), own) in by_months {
        // Months that are stored anyway cost nothing more.
        if own.iter().filter(|month| !together.contains(month)).count() + together.len() <= months {
            together.extend(own);
        } else {
            wide.insert((tenant.to_owned(), endpoint.to_owned()));
        }
    }
    let lane_of = |one: &Classified| {
        one.rows
            .iter()
            .map(|rows| (rows.chunk.tenant.clone(), rows.chunk.endpoint.clone()))
            .find(|endpoint| wide.contains(endpoint))
    };
    let (mut narrow, mut apart) = (Vec::new(), Vec::new());
    for one in classified {
        match lane_of(&one) {
            Some(lane) => apart.push((lane, one)),
            None => narrow.push(one),
        }
    }
    (narrow, apart)
}

/// Parts what was classified with different rule sets: a batch is of one.
pub(super) fn by_set(classified: Vec<Classified>) -> Vec<Vec<Classified>> {
    let mut sets: BTreeMap<u32, Vec<Classified>> = BTreeMap::new();
    for one in classified {
        sets.entry(one.set.sequence).or_default().push(one);
    }
    sets.into_values().collect()
}

impl Lanes {
    pub(super) fn new(max_bytes: usize) -> Self {
        Self {
            max_bytes,
            state: Mutex::default(),
        }
    }

    /// Adds callers to the lanes of their endpoints. Returns the lanes that nobody stores yet, which the caller has to do, and
    /// those for whom there is no room.
    pub(super) fn add(&self, wide: Vec<(Lane, Classified)>) -> (Vec<Lane>, Vec<Caller>) {
        let (mut new, mut refused) = (Vec::new(), Vec::new());
        let mut state = self.state();
        for (lane, one) in wide {
            let bytes = one.caller.bytes;
            let held = state.lanes.get(&lane).map_or(0, |waiting| waiting.bytes);
            // One alone is always let in, or it would never be stored.
            let is_over = held > 0 && held + bytes > self.max_bytes / 2
                || state.bytes > 0 && state.bytes + bytes > self.max_bytes;
            if is_over {
                refused.push(one.caller);
                continue;
            }
            state.bytes += bytes;
            let waiting = state.lanes.entry(lane.clone()).or_insert_with(|| {
                new.push(lane);
                Waiting::default()
            });
            waiting.bytes += bytes;
            waiting.callers.push(one);
        }
        (new, refused)
    }

    /// Takes what waits in a lane; with nothing left there the lane is gone.
    pub(super) fn take(&self, lane: &Lane) -> Option<Vec<Classified>> {
        let mut state = self.state();
        let waiting = state.lanes.get_mut(lane)?;
        let callers = std::mem::take(&mut waiting.callers);
        if callers.is_empty() {
            state.lanes.remove(lane);
            return None;
        }
        Some(callers)
    }

    /// What was taken is stored or refused.
    pub(super) fn stored(&self, lane: &Lane, bytes: usize) {
        let mut state = self.state();
        state.bytes -= bytes;
        if let Some(waiting) = state.lanes.get_mut(lane) {
            waiting.bytes -= bytes;
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Every change is complete when the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing;
    use tokio::sync::Semaphore;

    fn set() -> Arc<ActiveSet> {
        let rules = classify::Rules::load(classify::Rules::shipped_files());
        Arc::new(ActiveSet {
            sequence: 1,
            origin: store::RuleSetOrigin::Shipped,
            rules: rules.unwrap(),
        })
    }

    fn one(endpoint: &str, months: std::ops::Range<i64>, bytes: usize) -> Classified {
        let rows = months.map(|month| {
            let head = format!(
                "{:04}-{:02}-01 00:00:00 x\n",
                2010 + month / 12,
                month % 12 + 1
            );
            testing::rows(endpoint, 0, &head, false)
        });
        let (reply, _) = oneshot::channel();
        let room = Arc::new(Semaphore::new(1));
        Classified {
            set: set(),
            rows: rows.collect(),
            letters: Vec::new(),
            caller: Caller {
                epoch: 0,
                chunks: 1,
                bytes,
                reply,
                _room: room.try_acquire_owned().unwrap(),
            },
        }
    }

    fn endpoints<'a>(of: impl Iterator<Item = &'a Classified>) -> Vec<&'a str> {
        of.map(|one| one.rows[0].chunk.endpoint.as_str()).collect()
    }

    #[test]
    fn who_touches_few_months_is_stored_first_and_together() {
        let taken = vec![
            one("whole-life", 0..300, 1),
            one("live", 290..292, 1),
            one("backfill", 286..293, 1),
            one("live-too", 291..292, 1),
            one("whole-life", 300..301, 1),
            // Few by itself, and more than fits beside the others.
            one("elsewhere", 100..104, 1),
        ];
        let (narrow, wide) = part(taken, 8);
        assert_eq!(endpoints(narrow.iter()), ["live", "live-too", "elsewhere"]);
        assert_eq!(
            endpoints(wide.iter().map(|(_, one)| one)),
            ["whole-life", "backfill", "whole-life"]
        );
    }

    #[test]
    fn a_lane_is_stored_by_one_and_bounded() {
        let lanes = Lanes::new(100);
        let of = |endpoint: &str, bytes| {
            let lane = ("default".to_owned(), endpoint.to_owned());
            (lane, one(endpoint, 0..1, bytes))
        };
        let (new, refused) = lanes.add(vec![of("a", 400)]);
        assert_eq!((new.len(), refused.len()), (1, 0));
        // While it is stored nothing more fits.
        let lane = &new[0];
        assert_eq!(lanes.take(lane).unwrap().len(), 1);
        let (more, refused) = lanes.add(vec![of("a", 1), of("b", 1)]);
        assert_eq!((more.len(), refused.len()), (0, 2));
        lanes.stored(lane, 400);
        // An endpoint's share is half.
        let (more, refused) = lanes.add(vec![of("a", 30), of("a", 30), of("b", 30)]);
        assert_eq!(more, [("default".to_owned(), "b".to_owned())]);
        assert_eq!(refused.len(), 1);
        assert_eq!(lanes.take(lane).unwrap().len(), 1);
        lanes.stored(lane, 30);
        assert!(lanes.take(lane).is_none());
        // Who comes then finds a lane that nobody stores.
        assert_eq!(lanes.add(vec![of("a", 30)]).0.len(), 1);
    }
}
