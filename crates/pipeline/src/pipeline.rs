//! The loops and what they share, wired in the order in which data flows.

use crate::{
    Config, Handle,
    deriver::{self, Deriver},
    intake::{self, Intake},
    outbox::Outbox,
    rule_sets::Current,
    status::{Counters, Status},
};
use anyhow::Context;
use event::Unit;
use queue::Share;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{OpenNews, Store, StoreError};
use tokio::{sync::watch, task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// A running pipeline. Dropped without [`Pipeline::stop`] it runs on until the runtime ends.
pub struct Pipeline {
    handle: Handle,
    status: Status,
    outbox: Arc<Outbox>,
    grace: Duration,
    stop_intake: CancellationToken,
    stop_deriver: CancellationToken,
    intake: JoinHandle<()>,
    deriver: JoinHandle<()>,
    follower: JoinHandle<()>,
}

impl Pipeline {
    /// Starts with the default bounds.
    pub async fn start(store: Store) -> Result<Self, StoreError> {
        Self::start_with(Config::default(), store).await
    }

    /// Takes the newest rule set from the store and starts the loops. The store's tables must be there. Where that set cannot
    /// be used, the pipeline runs and takes nothing, says so in [`Status::rule_set`], and goes on once one can be used.
    pub async fn start_with(config: Config, store: Store) -> Result<Self, StoreError> {
        Self::start_sharing(config, store, watch::channel(Share::all()).1).await
    }

    /// The same as one of several: it derives the endpoints of its share, which may change at any time, and leaves the news of others
    /// to their owners. What nobody derives for [`Config::sweep_age`] it derives too.
    pub async fn start_sharing(
        config: Config,
        store: Store,
        share: watch::Receiver<Share>,
    ) -> Result<Self, StoreError> {
        let rules = Arc::new(Current::start(&store).await?);
        let grace = config.grace;
        let outbox = Arc::new(Outbox::new(&config, share.clone()));
        let counters = Arc::new(Counters::default());
        let (handle, requests) = Handle::new(&config);
        let intake = Intake::new(
            &handle,
            config.clone(),
            store.clone(),
            Arc::clone(&rules),
            Arc::clone(&outbox),
            Arc::clone(&counters),
        );
        let status = Status::new(
            Arc::clone(&outbox),
            Arc::clone(&counters),
            Arc::clone(&rules),
        );
        let (follower, poll) = ((Arc::clone(&rules), store.clone()), config.rules_poll);
        let deriver = Deriver::new(config, store, rules, share, Arc::clone(&outbox), counters);
        let (stop_intake, stop_deriver) = (CancellationToken::new(), CancellationToken::new());
        let intake = tokio::spawn(intake::run(Arc::new(intake), requests, stop_intake.clone()));
        let deriver = tokio::spawn(deriver::run(Arc::new(deriver), stop_deriver.clone()));
        let stop_follower = stop_deriver.clone();
        let (rules, store) = follower;
        let follower = tokio::spawn(async move { rules.follow(store, poll, stop_follower).await });
        Ok(Self {
            handle,
            status,
            outbox,
            grace,
            stop_intake,
            stop_deriver,
            intake,
            deriver,
            follower,
        })
    }

    /// What chunks are given to.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// What it is doing.
    pub fn status(&self) -> Status {
        self.status.clone()
    }

    /// Derives units whose news was opened in the store.
    pub(crate) fn derive(&self, news: &[OpenNews]) {
        self.outbox.take(news, Instant::now());
    }

    /// Notes from here on which units with news of this name get an answer, for [`Pipeline::has_answer`].
    pub(crate) fn watch(&self, name: u64) {
        self.outbox.watch(name);
    }

    /// Whether a unit got an answer that knows all that was stored when the news that is watched was opened.
    pub(crate) fn has_answer(&self, unit: &Unit) -> bool {
        self.outbox.has_answer(unit)
    }

    /// Takes nothing more, stores and acknowledges what was taken, and ends within the grace period. What is not derived by
    /// then stays as open news in the store.
    pub async fn stop(self) -> anyhow::Result<()> {
        let ended = async {
            self.stop_intake.cancel();
            self.intake.await.context("the intake loop")?;
            self.stop_deriver.cancel();
            self.deriver.await.context("the deriver loop")?;
            self.follower
                .await
                .context("the loop that follows rule sets")
        };
        timeout(self.grace, ended).await.unwrap_or_else(|_| {
            Err(anyhow::anyhow!(
                "not everything was stored within {:?}; what was not acknowledged is sent again",
                self.grace
            ))
        })
    }
}
