//! From news to derivations.

mod backfill;
mod dead;
mod held;
mod job;
mod plan;
mod reads;
mod sweeps;

use crate::{
    Config,
    outbox::{Due, Outbox},
    rule_sets::Current,
    status::Counters,
};
use backfill::Backfill;
use dead::Dead;
use futures_util::FutureExt;
use job::Job;
use queue::Share;
use reads::Reads;
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, atomic::Ordering},
};
use store::{OpenNews, Store};
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{Instant, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// What every job needs.
pub(crate) struct Deriver {
    config: Config,
    store: Store,
    rules: Arc<Current>,
    share: watch::Receiver<Share>,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    reads: Reads,
    dead: Dead,
    backfill: Backfill,
}

/// Units of one job: their rows are inserted together, because an INSERT costs some 15 ms of CPU whatever it holds.
const UNITS_OF_A_JOB: usize = 256;

/// Derives what has news until shutdown. What is left stays open in the store.
pub(crate) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let pause = deriver.config.derive_pause;
    let mut jobs: JoinSet<()> = JoinSet::new();
    // Units that are due meanwhile share the next one's inserts.
    let mut next_job = Instant::now();
    let mut switched = deriver.rules.subscribe();
    let sweeps = tokio::spawn(sweeps::run(Arc::clone(&deriver), shutdown.clone()));
    let backfill = tokio::spawn(backfill::run(Arc::clone(&deriver), shutdown.clone()));
    while !shutdown.is_cancelled() {
        // Without a rule set that can be used nothing is derived: news stays open.
        let is_free = jobs.len() < deriver.config.derive_parallel && deriver.rules.get().is_ok();
        if is_free && Instant::now() >= next_job {
            let now = std::time::Instant::now();
            let due = deriver.outbox.take_due(now, UNITS_OF_A_JOB);
            if !due.is_empty() {
                // Where others are due already, nothing is gained by waiting.
                if deriver.outbox.next_due().is_none_or(|next| next > now) {
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
            () = shutdown.cancelled() => {}
        }
    }
    jobs.join_all().await;
    for (what, ended) in [("sweeps", sweeps.await), ("the back-fill", backfill.await)] {
        if let Err(error) = ended {
            tracing::error!(%error, what, "ended by a panic, which is a bug");
        }
    }
}

impl Deriver {
    pub(crate) fn new(
        config: Config,
        store: Store,
        rules: Arc<Current>,
        share: watch::Receiver<Share>,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
    ) -> Self {
        Self {
            reads: Reads::new(config.derive_memory, config.derive_parallel),
            dead: Dead::default(),
            backfill: Backfill::default(),
            config,
            store,
            rules,
            share,
            outbox,
            counters,
        }
    }

    /// Leaves what this process has stored and not derived to its owners, as a new share has it. Where the store takes no word of that, it is
    /// derived here.
    async fn hand_over(&self, news: Vec<OpenNews>) {
        match self.store.hand_over_news(&news).await {
            Ok(()) => {
                let count = news.len() as u64;
                let counter = &self.counters.handed_over;
                counter.fetch_add(count, Ordering::Relaxed);
            }
            Err(error) => {
                tracing::warn!(%error, "news of endpoints that others derive now cannot be handed over, it is derived here");
                self.outbox.keep(&news, std::time::Instant::now());
            }
        }
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
        self.outbox.answered(&due, &job.stored());
        let (done, again) = job.outcome();
        self.outbox.done(&done);
        if !again.is_empty() {
            let at = std::time::Instant::now() + self.config.derive_retry;
            self.outbox.again(&again, at);
        }
    }
}
