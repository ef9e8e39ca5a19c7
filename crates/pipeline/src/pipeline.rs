//! The loops and what they share, wired in the order in which data flows.

use crate::{
    Config, Handle, deriver, deriver::Deriver, intake, intake::Intake, keeper, keeper::Disk, outbox::Outbox,
};
use classify::Rules;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio::{sync::Semaphore, time::timeout};
use tokio_util::sync::CancellationToken;

/// The pipeline before it runs.
pub struct Pipeline {
    config: Config,
    store: Store,
    rules: &'static Rules,
    rule_set: u32,
    handle: Handle,
    requests: tokio::sync::mpsc::Receiver<intake::Request>,
    outbox: Arc<Outbox>,
    disk: Arc<Disk>,
}

/// What a pipeline did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Chunks stored, repeats included.
    pub chunks: u64,
    /// Their source bytes.
    pub bytes: u64,
    /// Event rows written.
    pub events: u64,
    /// Noise records written.
    pub noise: u64,
    /// Derivations stored.
    pub derivations: u64,
}

impl Pipeline {
    /// Publishes the rule set where it is new to the store, and readies everything. The store's tables must be there.
    pub async fn new(config: Config, store: Store, rules: &'static Rules) -> Result<Self, StoreError> {
        let rule_set = store.publish_rule_set(rules.digest()).await?;
        let outbox = Arc::new(Outbox::default());
        let disk = Arc::new(Disk::new(config.max_disk_bytes));
        let (handle, requests) = Handle::new(&config, store.clone(), Arc::clone(&outbox), Arc::clone(&disk));
        Ok(Self { config, store, rules, rule_set, handle, requests, outbox, disk })
    }

    /// What chunks are given to.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Sequence of the rule set it classifies with.
    pub fn rule_set(&self) -> u32 {
        self.rule_set
    }

    /// Runs until shutdown is asked; then takes nothing more, stores and acknowledges what it took, and returns within the
    /// grace period. What is not derived by then stays as open news in the store.
    pub async fn run(self, shutdown: CancellationToken) -> anyhow::Result<Summary> {
        let Self { config, store, rules, rule_set, handle, requests, outbox, disk } = self;
        // Ours would keep the channel open.
        drop(handle);
        let intake = Arc::new(Intake {
            config: config.clone(),
            store: store.clone(),
            rules,
            rule_set,
            outbox: Arc::clone(&outbox),
            workers: Arc::new(Semaphore::new(config.workers.max(1))),
            news: intake::NewsIds::new(),
        });
        let deriver = Arc::new(Deriver { config: config.clone(), store: store.clone(), rules, rule_set, outbox });
        let last = CancellationToken::new();
        let intake = tokio::spawn(intake::run(intake, requests, shutdown.clone()));
        let deriver = tokio::spawn(deriver::run(deriver, last.clone()));
        let keeper = tokio::spawn(keeper::run(config.clone(), store, disk, last.clone()));

        shutdown.cancelled().await;
        let stop = async {
            let stored = intake.await?;
            last.cancel();
            let derivations = deriver.await?;
            keeper.await?;
            anyhow::Ok(Summary {
                chunks: stored.chunks,
                bytes: stored.bytes,
                events: stored.events,
                noise: stored.noise,
                derivations,
            })
        };
        match timeout(config.grace, stop).await {
            Ok(summary) => summary,
            Err(_) => anyhow::bail!("not everything was stored within {:?}; what was not acknowledged is sent again", config.grace),
        }
    }
}
