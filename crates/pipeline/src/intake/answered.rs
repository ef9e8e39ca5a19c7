//! Who sends again because it was answered, and not because there is something new: it would wait for each next batch anew.

use event::Chunk;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// A sender on the same machine comes back within this, whatever it sends; of those that send at their own time few do by chance.
const COMES_BACK: Duration = Duration::from_millis(10);

/// What is sent for an endpoint within this of an answer for it had waited; a log that is sent as it is written comes later.
const SENDS_ON: Duration = Duration::from_secs(1);

/// Endpoints remembered; beyond them all are forgotten, and who comes back then waits once.
const MAX_SENDERS: usize = 10_000;

/// When senders were answered last.
#[derive(Default)]
pub(super) struct Answered {
    names: RandomState,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    any: Option<Instant>,
    of: HashMap<u64, Instant>,
}

impl Answered {
    /// For whom a chunk is sent.
    pub(super) fn sender(&self, chunk: &Chunk) -> u64 {
        self.names.hash_one((&chunk.tenant, &chunk.endpoint))
    }

    /// A sender is answered.
    pub(super) fn now(&self, sender: u64) {
        let (now, mut last) = (Instant::now(), self.last());
        last.any = Some(now);
        if last.of.len() >= MAX_SENDERS {
            last.of.clear();
        }
        last.of.insert(sender, now);
    }

    /// Whether what a sender sends now had waited for an answer.
    pub(super) fn waits(&self, sender: u64) -> bool {
        let last = self.last();
        let within = |at: Option<&Instant>, time| at.is_some_and(|at| at.elapsed() < time);
        within(last.any.as_ref(), COMES_BACK) || within(last.of.get(&sender), SENDS_ON)
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // Every change is complete when the lock is released.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    #[tokio::test(start_paused = true)]
    async fn who_comes_back_had_waited() {
        let answered = Answered::default();
        assert!(!answered.waits(1));
        answered.now(1);
        advance(Duration::from_millis(5)).await;
        assert!(answered.waits(1) && answered.waits(2));
        advance(Duration::from_millis(500)).await;
        assert!(answered.waits(1) && !answered.waits(2));
        advance(Duration::from_millis(500)).await;
        assert!(!answered.waits(1));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let answered = Answered::default();
        for sender in 0..=2 * MAX_SENDERS as u64 {
            answered.now(sender);
            assert!(answered.last().of.len() <= MAX_SENDERS);
        }
        advance(COMES_BACK).await;
        assert!(!answered.waits(0) && answered.waits(2 * MAX_SENDERS as u64));
    }
}
