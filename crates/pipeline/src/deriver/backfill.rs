//! What an older build stored is copied to where derivations read it, and derived once.

use super::Deriver;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use store::{OpenNews, Store, StoreError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Endpoints copied at once; each has an INSERT for each of its months.
const ENDPOINTS_OF_A_STEP: usize = 16;

/// Units that wait before the next step is made: what is copied is derived, and what is live goes beside it.
const MAX_PENDING: usize = 2_000;

/// Between looks at whether there is room, and between tries.
const PAUSE: Duration = Duration::from_secs(1);

/// How far the back-fill is.
#[derive(Default)]
pub(super) struct Backfill {
    is_done: AtomicBool,
    /// Endpoints copied because they had news, until all are.
    copied: Mutex<BTreeSet<(String, String)>>,
}

impl Backfill {
    /// Sees to it that all that is stored of some endpoints can be read by derivations. Returns news of theirs that this opens.
    pub(super) async fn ensure(
        &self,
        store: &Store,
        tenant: &str,
        endpoints: &[&str],
    ) -> Result<Vec<OpenNews>, StoreError> {
        if self.is_done.load(Ordering::Relaxed) {
            return Ok(Vec::new());
        }
        if store.is_backfilled().await? {
            self.done();
            return Ok(Vec::new());
        }
        let of_tenant = |endpoint: &str| (tenant.to_owned(), endpoint.to_owned());
        let open: Vec<&str> = {
            let copied = self.copied();
            let open = endpoints.iter().copied();
            open.filter(|endpoint| !copied.contains(&of_tenant(endpoint)))
                .collect()
        };
        if open.is_empty() {
            return Ok(Vec::new());
        }
        let opened = store.backfill_inputs_of(tenant, &open).await?;
        let open = open.into_iter().map(of_tenant);
        self.copied().extend(open);
        Ok(opened)
    }

    fn done(&self) {
        self.is_done.store(true, Ordering::Relaxed);
        self.copied().clear();
    }

    fn copied(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        // Every change is complete when the lock is released.
        self.copied.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Copies endpoint after endpoint until all are, or until shutdown: the next start goes on.
pub(super) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let all = async {
        let (started, mut units) = (Instant::now(), 0);
        loop {
            if deriver.outbox.pending() > MAX_PENDING {
                sleep(PAUSE).await;
                continue;
            }
            match deriver.store.backfill_inputs(ENDPOINTS_OF_A_STEP).await {
                Ok(Some(mut opened)) => {
                    // Every pipeline copies, and the owner of what another one has copied finds its news in the store.
                    let share = deriver.share.borrow().clone();
                    opened.retain(|news| share.has(&news.unit.tenant, &news.unit.endpoint));
                    units += opened.len();
                    deriver.outbox.absorb(&opened, Instant::now());
                }
                Ok(None) => break,
                Err(error) => {
                    tracing::warn!(%error, "what an older build stored is not copied, it is tried again");
                    sleep(PAUSE).await;
                }
            }
        }
        deriver.backfill.done();
        if units > 0 {
            let seconds = started.elapsed().as_secs();
            tracing::info!(units, seconds, "what an older build stored is copied");
        }
    };
    tokio::select! {
        () = all => {}
        () = shutdown.cancelled() => {}
    }
}
