//! The loops and what they share, wired in the order in which data flows.

use crate::{
    Config, Handle,
    deriver::{self, Deriver},
    intake::{self, Intake},
    outbox::Outbox,
    status::{Counters, Status},
};
use anyhow::Context;
use classify::Rules;
use std::{sync::Arc, time::Duration};
use store::{Store, StoreError};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// A running pipeline. Dropped without [`Pipeline::stop`] it runs on until the runtime ends.
pub struct Pipeline {
    handle: Handle,
    status: Status,
    rule_set: u32,
    grace: Duration,
    stop_intake: CancellationToken,
    stop_deriver: CancellationToken,
    intake: JoinHandle<()>,
    deriver: JoinHandle<()>,
}

impl Pipeline {
    /// Starts with the default bounds.
    pub async fn start(store: Store, rules: &'static Rules) -> Result<Self, StoreError> {
        Self::start_with(Config::default(), store, rules).await
    }

    /// Publishes the rule set where it is new to the store, and starts the loops. The store's tables must be there.
    pub async fn start_with(
        config: Config,
        store: Store,
        rules: &'static Rules,
    ) -> Result<Self, StoreError> {
        let rule_set = store.publish_rule_set(rules.digest()).await?;
        let grace = config.grace;
        let (outbox, counters) = (Arc::new(Outbox::default()), Arc::new(Counters::default()));
        let (handle, requests) = Handle::new(&config);
        let intake = Intake::new(
            config.clone(),
            store.clone(),
            rules,
            rule_set,
            Arc::clone(&outbox),
            Arc::clone(&counters),
        );
        let status = Status::new(Arc::clone(&outbox), Arc::clone(&counters));
        let deriver = Deriver {
            config,
            store,
            rules,
            rule_set,
            outbox,
            counters,
        };
        let (stop_intake, stop_deriver) = (CancellationToken::new(), CancellationToken::new());
        let intake = tokio::spawn(intake::run(Arc::new(intake), requests, stop_intake.clone()));
        let deriver = tokio::spawn(deriver::run(Arc::new(deriver), stop_deriver.clone()));
        Ok(Self {
            handle,
            status,
            rule_set,
            grace,
            stop_intake,
            stop_deriver,
            intake,
            deriver,
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

    /// Sequence of the rule set it classifies with.
    pub fn rule_set(&self) -> u32 {
        self.rule_set
    }

    /// Takes nothing more, stores and acknowledges what was taken, and ends within the grace period. What is not derived by
    /// then stays as open news in the store.
    pub async fn stop(self) -> anyhow::Result<()> {
        let ended = async {
            self.stop_intake.cancel();
            self.intake.await.context("the intake loop")?;
            self.stop_deriver.cancel();
            self.deriver.await.context("the deriver loop")
        };
        timeout(self.grace, ended).await.unwrap_or_else(|_| {
            Err(anyhow::anyhow!(
                "not everything was stored within {:?}; what was not acknowledged is sent again",
                self.grace
            ))
        })
    }
}
