//! Housekeeping: keeps the store within its space and clears what nobody reads.

use crate::Config;
use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};
use store::{Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

/// Space used, as last seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskStatus {
    /// Bytes used.
    pub used_bytes: u64,
    /// Bytes that may be used, where bounded.
    pub max_bytes: Option<u64>,
    /// The bound is reached and no raw text is left to go: nothing is taken.
    pub full: bool,
}

/// The same, shared.
pub(crate) struct Disk {
    used: AtomicU64,
    max: Option<u64>,
    full: AtomicBool,
}

impl Disk {
    pub(crate) fn new(max: Option<u64>) -> Self {
        Self { used: AtomicU64::new(0), max, full: AtomicBool::new(false) }
    }

    pub(crate) fn status(&self) -> DiskStatus {
        DiskStatus {
            used_bytes: self.used.load(Ordering::Relaxed),
            max_bytes: self.max,
            full: self.full.load(Ordering::Relaxed),
        }
    }
}

/// Runs until shutdown.
pub(crate) async fn run(config: Config, store: Store, disk: Arc<Disk>, shutdown: CancellationToken) {
    let mut check = interval(config.disk_check);
    let mut tidy = interval(config.tidy);
    check.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tidy.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let result = tokio::select! {
            _ = check.tick() => keep_within(&store, &disk).await,
            _ = tidy.tick() => store.tidy().await,
            () = shutdown.cancelled() => return,
        };
        if let Err(error) = result {
            tracing::warn!(%error, "housekeeping failed, the next round tries again");
        }
    }
}

/// Makes room down to nine tenths of the bound, so that it is made now and then and not with every chunk.
pub(crate) async fn keep_within(store: &Store, disk: &Disk) -> Result<(), StoreError> {
    let mut used = store.disk_used().await?;
    if let Some(max) = disk.max.filter(|max| used > *max) {
        let days = store.free_oldest_raw(used - max / 10 * 9).await?;
        used = store.disk_used().await?;
        let full = used > max;
        if full && !disk.full.load(Ordering::Relaxed) {
            tracing::error!(used_bytes = used, max_bytes = max, "the store is full, nothing more is taken");
        } else if days > 0 {
            tracing::info!(days, used_bytes = used, "removed the oldest raw text to stay within `store.max_disk`");
        }
        disk.full.store(full, Ordering::Relaxed);
    } else {
        disk.full.store(false, Ordering::Relaxed);
    }
    disk.used.store(used, Ordering::Relaxed);
    Ok(())
}
