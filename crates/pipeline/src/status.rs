//! What the pipeline is doing, for health and metrics.

use crate::outbox::Outbox;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use store::{Store, StoreError};

/// What the pipeline is doing. Cheap to clone.
#[derive(Clone)]
pub struct Status {
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
}

/// What the pipeline has done since its start, repeats included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Chunks stored.
    pub chunks: u64,
    /// Their source bytes.
    pub bytes: u64,
    /// Event rows written.
    pub events: u64,
    /// Noise records written.
    pub noise: u64,
    /// Chunks not stored, whose senders were told: they send again.
    pub refused: u64,
    /// Derivations stored.
    pub derivations: u64,
}

#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) chunks: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) events: AtomicU64,
    pub(crate) noise: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) derivations: AtomicU64,
}

impl Status {
    pub(crate) fn new(outbox: Arc<Outbox>, counters: Arc<Counters>) -> Self {
        Self { outbox, counters }
    }

    /// Units whose derivation is due or under way; 0 means that everything acknowledged is derived.
    pub async fn pending_units(&self, store: &Store) -> Result<u64, StoreError> {
        // News goes in before the acknowledgement and is closed after the derivation, so the store's alone would do;
        // batches in flight are counted so that somebody who waits while sending sees no zero in between.
        let in_flight = self.outbox.in_flight() as u64;
        Ok(store.pending_units().await? + in_flight)
    }

    /// What it has done.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            chunks: read(&self.counters.chunks),
            bytes: read(&self.counters.bytes),
            events: read(&self.counters.events),
            noise: read(&self.counters.noise),
            refused: read(&self.counters.refused),
            derivations: read(&self.counters.derivations),
        }
    }
}
