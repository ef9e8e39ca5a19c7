//! One evaluator without a lock: who evaluates is the evaluator of the greatest term in the store.
//!
//! Who holds it says so every two seconds, by counting. Others watch that number with clocks of their own: where it stands still for
//! eight seconds they claim the next term, look again two seconds later, and evaluate if it is theirs; of two that claimed one term the
//! smaller one is. So clocks of machines need not agree, and another one evaluates 10 to 14 s after the holder's last word.
//! Before anything is written or sent the holder asks whether it still is. Only one that is frozen between that question and the sending,
//! for longer than ten seconds, may send what its successor sends too: the same message with the same id.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{AlertClaim, Store, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Between two beats, and between two looks.
const BEAT: Duration = Duration::from_secs(2);

/// A holder that has not counted on for so long is gone: four beats, so that one slow insert is not the end of it.
const GONE: Duration = Duration::from_secs(8);

/// Between a claim and the look that says whose it is: longer than an insert of one row takes.
const SETTLE: Duration = Duration::from_secs(2);

/// Whether this process evaluates.
pub struct Claim {
    store: Store,
    tenant: String,
    me: u64,
    /// 0 = none.
    term: AtomicU64,
    beat: AtomicU64,
    /// Nobody else can evaluate on this store: nothing is asked.
    is_alone: bool,
}

impl Claim {
    /// Of one of several evaluators. `store` answers with all that was acknowledged, see `Store::sequential`.
    pub fn shared(store: Store, tenant: &str) -> Self {
        Self {
            // Seeded by the system, so it is another one in each process.
            me: RandomState::new().hash_one(std::process::id()),
            tenant: tenant.to_owned(),
            store,
            term: AtomicU64::new(0),
            beat: AtomicU64::new(0),
            is_alone: false,
        }
    }

    /// Of a process that holds its store alone.
    pub fn alone(store: Store, tenant: &str) -> Self {
        Self {
            is_alone: true,
            ..Self::shared(store, tenant)
        }
    }

    /// Waits until this process evaluates; false where `stop` comes first.
    pub async fn acquire(&self, stop: &CancellationToken) -> bool {
        if self.is_alone {
            return !stop.is_cancelled();
        }
        let mut seen: Option<(AlertClaim, Instant)> = None;
        loop {
            match self.look(&mut seen).await {
                Ok(true) => return true,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "cannot look who evaluates alerts"),
            }
            tokio::select! {
                () = stop.cancelled() => return false,
                () = sleep(BEAT) => {}
            }
        }
    }

    /// One look: whether this process evaluates from now on.
    async fn look(&self, seen: &mut Option<(AlertClaim, Instant)>) -> Result<bool, StoreError> {
        let newest = self.store.alert_claim(&self.tenant).await?;
        if let Some(claim) = newest {
            match seen {
                Some((before, since)) if *before == claim => {
                    if since.elapsed() < GONE {
                        return Ok(false);
                    }
                }
                _ => {
                    *seen = Some((claim, Instant::now()));
                    return Ok(false);
                }
            }
        }
        let mine = AlertClaim {
            term: newest.map_or(1, |newest| newest.term + 1),
            evaluator: self.me,
            beat: 0,
        };
        self.store.insert_alert_claim(&self.tenant, mine).await?;
        sleep(SETTLE).await;
        let newest = self.store.alert_claim(&self.tenant).await?;
        let is_mine =
            newest.is_some_and(|newest| (newest.term, newest.evaluator) == (mine.term, self.me));
        if is_mine {
            self.term.store(mine.term, Ordering::Relaxed);
            self.beat.store(0, Ordering::Relaxed);
        } else {
            *seen = newest.map(|newest| (newest, Instant::now()));
        }
        Ok(is_mine)
    }

    /// Whether it still does. An error is no answer: nothing may be sent then.
    pub async fn holds(&self) -> Result<bool, StoreError> {
        if self.is_alone {
            return Ok(true);
        }
        let newest = self.store.alert_claim(&self.tenant).await?;
        let mine = (self.term.load(Ordering::Relaxed), self.me);
        Ok(newest.is_some_and(|newest| (newest.term, newest.evaluator) == mine))
    }

    /// Says that it lives, every two seconds, until it no longer evaluates or `stop` comes.
    pub(crate) async fn keep(&self, stop: &CancellationToken) {
        if self.is_alone {
            return stop.cancelled().await;
        }
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(BEAT) => {}
            }
            match self.holds().await {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot say that alerts are evaluated here");
                    continue;
                }
            }
            let claim = AlertClaim {
                term: self.term.load(Ordering::Relaxed),
                evaluator: self.me,
                beat: self.beat.fetch_add(1, Ordering::Relaxed) + 1,
            };
            if let Err(error) = self.store.insert_alert_claim(&self.tenant, claim).await {
                tracing::warn!(%error, "cannot say that alerts are evaluated here");
            }
        }
    }
}
