//! From news to derivations.

mod backfill;
mod dead;
mod held;
mod job;
mod plan;
mod reads;

use crate::{
    Config,
    outbox::{Due, Outbox},
    rule_sets::Current,
    status::Counters,
};
use backfill::Backfill;
use dead::Dead;
use event::Unit;
use futures_util::FutureExt;
use job::Job;
use reads::Reads;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Store, StoreError};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// What every job needs.
pub(crate) struct Deriver {
    config: Config,
    store: Store,
    rules: Arc<Current>,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    reads: Reads,
    dead: Dead,
    backfill: Backfill,
    /// Where the next sweep goes on; none where it begins again.
    sweep_place: Mutex<Option<Unit>>,
}

/// Units of one job: their rows are inserted together, because an INSERT costs some 15 ms of CPU whatever it holds.
const UNITS_OF_A_JOB: usize = 256;

/// Units with open news that one sweep reads; the next one goes on behind them, so that every endpoint's turn comes.
const UNITS_OF_A_SWEEP: usize = 50_000;

/// Derives what has news until shutdown. What is left stays open in the store.
pub(crate) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let (quiet, pause) = (deriver.config.derive_quiet, deriver.config.derive_pause);
    let mut sweep = interval(deriver.config.sweep);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut age = deriver.config.first_sweep_age;
    let mut jobs: JoinSet<()> = JoinSet::new();
    // Units that are due meanwhile share the next one's inserts.
    let mut next_job = Instant::now();
    let mut switched = deriver.rules.subscribe();
    let backfill = tokio::spawn(backfill::run(Arc::clone(&deriver), shutdown.clone()));
    while !shutdown.is_cancelled() {
        // Without a rule set that can be used nothing is derived: news stays open.
        let is_free = jobs.len() < deriver.config.derive_parallel && deriver.rules.get().is_ok();
        if is_free && Instant::now() >= next_job {
            let due = deriver
                .outbox
                .take_due(std::time::Instant::now(), UNITS_OF_A_JOB);
            if !due.is_empty() {
                // Where others wait for their turn already, nothing is gained by waiting.
                if !deriver.outbox.has_turns() {
                    next_job = Instant::now() + pause;
                }
                let deriver = Arc::clone(&deriver);
                jobs.spawn(async move { deriver.job(due).await });
                continue;
            }
        }
        let next = deriver
            .outbox
            .next_due()
            .map(|due| Instant::from_std(due).max(next_job));
        tokio::select! {
            Some(_) = jobs.join_next() => {}
            () = deriver.outbox.changed() => {}
            _ = switched.changed() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if is_free && next.is_some() => {}
            _ = sweep.tick() => {
                match deriver.sweep(age).await {
                    Ok(true) => age = deriver.config.sweep_age,
                    // There is more: of the same age, and soon.
                    Ok(false) => sweep.reset_after(quiet),
                    Err(error) => {
                        tracing::warn!(%error, "sweep for open news failed, the next one tries again");
                    }
                }
            }
            () = shutdown.cancelled() => {}
        }
    }
    jobs.join_all().await;
    if let Err(error) = backfill.await {
        tracing::error!(%error, "the back-fill ended by itself, which is a bug");
    }
}

impl Deriver {
    pub(crate) fn new(
        config: Config,
        store: Store,
        rules: Arc<Current>,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            reads: Reads::new(config.derive_memory, config.derive_parallel),
            dead: Dead::default(),
            backfill: Backfill::default(),
            sweep_place: Mutex::default(),
            config,
            store,
            rules,
            outbox,
            counters,
        }
    }

    /// Finds news that this process does not know of. Returns whether it has seen all there is: else the next sweep goes on.
    async fn sweep(&self, age: Duration) -> Result<bool, StoreError> {
        self.dead.refresh(&self.store).await?;
        if let Ok(set) = self.rules.get() {
            self.dead.reopen(&self.store, set.sequence).await?;
        }
        // What waits is derived first; what there is no room for would be read in vain.
        if self.outbox.is_full() {
            return Ok(true);
        }
        let place = || {
            self.sweep_place
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let after = place().clone();
        let open = self
            .store
            .open_news_after(age, after.as_ref(), UNITS_OF_A_SWEEP)
            .await?;
        self.outbox.absorb(&open, std::time::Instant::now());
        let is_all = open.len() < UNITS_OF_A_SWEEP;
        let last = open.last().map(|news| news.unit.clone());
        *place() = last.filter(|_| !is_all);
        // The next one begins where this one did not: at the front.
        Ok(is_all && after.is_none())
    }

    async fn job(&self, due: Vec<Due>) {
        // A dead unit is not tried again with every line that comes.
        let (due, held) = self.dead.hold_back(due, self.rules.get().ok());
        if !held.is_empty() {
            let at = std::time::Instant::now() + dead::RETRY_AFTER;
            self.outbox.again(&held, at);
        }
        let mut job = Job::new(self, &due);
        if AssertUnwindSafe(job.run()).catch_unwind().await.is_err() {
            // Its text may quote a record.
            job.all_again("the job panicked".to_owned());
        }
        let (done, again) = job.outcome();
        self.outbox.done(&done);
        if !again.is_empty() {
            let at = std::time::Instant::now() + self.config.derive_retry;
            self.outbox.again(&again, at);
        }
    }
}
