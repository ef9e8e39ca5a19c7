//! Keeps the store within its disk: the oldest raw text goes first, and what was derived from it stays.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use store::Store;
use tokio_util::sync::CancellationToken;

/// Logs arrive at 150 MB/s at most, thirtyfold smaller on disk: in this time the store grows by less than a tenth of the smallest bound.
const EVERY: Duration = Duration::from_secs(5);

/// Freed down to this share of the bound, so that it is not done again at once. Tenths.
const DOWN_TO_TENTHS: u64 = 9;

/// `flags` are set while the store is full although nothing raw is left to free.
pub(crate) async fn keep(
    store: Store,
    max_disk: u64,
    flags: Vec<Arc<AtomicBool>>,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let set = |full: bool| {
        flags
            .iter()
            .for_each(|flag| flag.store(full, Ordering::Relaxed))
    };
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            () = tokio::time::sleep(EVERY) => {}
        }
        // Bounds rows that only bookkeeping reads; it does nothing below its own threshold.
        if let Err(error) = store.tidy().await {
            tracing::warn!(%error, "cannot tidy the store");
        }
        if max_disk == 0 {
            continue;
        }
        match free(&store, max_disk).await {
            Ok(is_full) => {
                if is_full && !flags.iter().any(|flag| flag.load(Ordering::Relaxed)) {
                    tracing::error!(
                        max_disk,
                        "the disk bound is reached and no raw text is left to free: the intake refuses logs"
                    );
                }
                set(is_full);
            }
            Err(error) => tracing::warn!(%error, "cannot measure or free the store's disk"),
        }
    }
}

/// Whether the store is still over its bound.
async fn free(store: &Store, max_disk: u64) -> Result<bool, store::StoreError> {
    let used = store.disk_used().await?;
    if used <= max_disk {
        return Ok(false);
    }
    let excess = used - max_disk / 10 * DOWN_TO_TENTHS;
    let days = store.free_oldest_raw(excess).await?;
    let left = store.disk_used().await?;
    tracing::warn!(
        used,
        left,
        days,
        "freed the oldest raw text: the disk bound was reached"
    );
    Ok(left > max_disk)
}
