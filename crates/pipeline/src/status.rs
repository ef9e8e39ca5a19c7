//! What the pipeline is doing, for health and metrics.

use crate::{ActiveSet, RuleSetError, outbox::Outbox, rule_sets::Current};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{OpenNewsState, Store, StoreError};

/// What the pipeline is doing. Cheap to clone.
#[derive(Clone)]
pub struct Status {
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    rules: Arc<Current>,
}

/// What the pipeline has done since its start, repeats included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Chunks taken: stored, dead-lettered, refused, erased or still in flight.
    pub read: u64,
    /// Chunks stored.
    pub chunks: u64,
    /// Their source bytes.
    pub bytes: u64,
    /// Event rows written.
    pub events: u64,
    /// Noise records written.
    pub noise: u64,
    /// What of the chunks stored was not understood: continuations without a start, …
    pub orphans: u64,
    /// … bytes that belong to no record, …
    pub loose_bytes: u64,
    /// … and events that name no provider, time or id.
    pub half_read: u64,
    /// Chunks not stored, whose senders were told: they send again.
    pub refused: u64,
    /// Chunks in `dead_letters` because classifying them panicked.
    pub dead_lettered_panic: u64,
    /// Chunks in `dead_letters` because the store refuses their rows.
    pub dead_lettered_refused: u64,
    /// Chunks acknowledged and not kept, because their machines were erased after they logged them.
    pub erased: u64,
    /// Derivations stored.
    pub derivations: u64,
    /// Units stored here and left to whoever derives their endpoints.
    pub handed_over: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) read: AtomicU64,
    pub(crate) chunks: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) noise: AtomicU64,
    pub(crate) orphans: AtomicU64,
    pub(crate) loose_bytes: AtomicU64,
    pub(crate) half_read: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) dead_lettered_panic: AtomicU64,
    pub(crate) dead_lettered_refused: AtomicU64,
    pub(crate) erased: AtomicU64,
    pub(crate) derivations: AtomicU64,
    pub(crate) handed_over: AtomicU64,
}

impl Status {
    pub(crate) fn new(outbox: Arc<Outbox>, counters: Arc<Counters>, rules: Arc<Current>) -> Self {
        Self {
            outbox,
            counters,
            rules,
        }
    }

    /// Sequence of the rule set in use, or why the pipeline is not ready.
    pub fn rule_set(&self) -> Result<u32, RuleSetError> {
        self.rules.get().map(|set| set.sequence)
    }

    /// The rule set in use, for texts that name its rules.
    pub fn active_set(&self) -> Result<Arc<ActiveSet>, RuleSetError> {
        self.rules.get()
    }

    /// Units that this process knows to be due, and batches in flight. What only the store knows is not counted.
    pub fn own_pending(&self) -> usize {
        self.outbox.pending()
    }

    /// Units whose derivation is due or under way; 0 means that everything acknowledged is derived.
    pub async fn pending_units(&self, store: &Store) -> Result<u64, StoreError> {
        // News goes in before the acknowledgement and is closed after the derivation, so the store's alone would do;
        // batches in flight are counted so that somebody who waits while sending sees no zero in between.
        Ok(self.open_news(store).await?.units)
    }

    /// Units whose derivation is due or under way, and how long the oldest news waits.
    pub async fn open_news(&self, store: &Store) -> Result<OpenNewsState, StoreError> {
        let open = store.open_news_state().await?;
        Ok(OpenNewsState {
            units: open.units + self.outbox.in_flight() as u64,
            ..open
        })
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            read: read(&self.counters.read),
            chunks: read(&self.counters.chunks),
            bytes: read(&self.counters.bytes),
            events: read(&self.counters.events),
            noise: read(&self.counters.noise),
            orphans: read(&self.counters.orphans),
            loose_bytes: read(&self.counters.loose_bytes),
            half_read: read(&self.counters.half_read),
            refused: read(&self.counters.refused),
            dead_lettered_panic: read(&self.counters.dead_lettered_panic),
            dead_lettered_refused: read(&self.counters.dead_lettered_refused),
            erased: read(&self.counters.erased),
            derivations: read(&self.counters.derivations),
            handed_over: read(&self.counters.handed_over),
        }
    }
}
