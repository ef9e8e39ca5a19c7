//! The store for commands that run beside `up`, beside a cluster's roles, or alone.

use crate::run::Remote;
use crate::run::engine::{self, Engine};
use crate::settings::Settings;
use crate::token;
use anyhow::Context;
use embedded_clickhouse::{EngineError, Folder};
use std::time::{Duration, Instant};
use store::{Store, StoreConfig, StoreError};

/// A way to the store: the ClickHouse of a cluster, the engine of a running `up`, or one started for as long as the command takes.
pub(crate) struct Access {
    store: Store,
    own: Option<Engine>,
}

fn is_in_use(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(EngineError::InUse { .. }))
}

/// Between two looks for a running `up`.
const AGAIN: Duration = Duration::from_millis(100);

impl Access {
    /// With `store.url` that store and no other. Else asks the `up` that runs on the data folder; where none does, starts an
    /// engine on it.
    pub(crate) async fn open(settings: &Settings) -> anyhow::Result<Self> {
        if settings.remote.is_some() {
            let remote = Remote::new(settings)?;
            let store = remote.now().await.context("connect to `store.url`")?;
            store.check_schema().await.context("use the store")?;
            return Ok(Self {
                store: store.clone(),
                own: None,
            });
        }
        let socket = engine::socket(&settings.data);
        // An engine that is being started, or started again, holds its folder and does not answer yet.
        let deadline = Instant::now() + engine::LEFT_WITHIN;
        loop {
            if let Ok(store) = Store::connect(StoreConfig::local(&socket)).await {
                store.check_schema().await.context("use the store")?;
                return Ok(Self { store, own: None });
            }
            match engine::claim(settings, Duration::ZERO).await {
                Ok(folder) => return Self::start(settings, folder).await,
                // Only a folder that another process holds is worth waiting for.
                Err(error) if Instant::now() >= deadline || !is_in_use(&error) => {
                    return Err(error);
                }
                Err(_) => tokio::time::sleep(AGAIN).await,
            }
        }
    }

    async fn start(settings: &Settings, folder: Folder) -> anyhow::Result<Self> {
        let engine = Engine::start(settings, folder, token::for_nobody(), None).await?;
        let store = engine.store().await?;
        store.migrate().await.context("migrate the store")?;
        Ok(Self {
            store,
            own: Some(engine),
        })
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Whether no other process uses the store.
    pub(crate) fn is_alone(&self) -> bool {
        self.own.is_some()
    }

    /// Ends what was started.
    pub(crate) async fn close(self) -> anyhow::Result<()> {
        match self.own {
            Some(engine) => engine.stop().await,
            None => Ok(()),
        }
    }
}

/// With replicas a statement fails for some seconds after an insert or an outage.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks again for so long, where that may help. What is put twice is there once.
pub(crate) async fn patiently<T, F>(ask: impl Fn() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask().await {
            Err(error) if error.is_retryable() && Instant::now() < deadline => {
                tracing::debug!(%error, "asked again");
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
            done => return done,
        }
    }
}

/// Who runs this, for the table; a name that the environment gives is no proof, the number is the kernel's.
pub(crate) fn user() -> String {
    let uid = rustix::process::getuid().as_raw();
    match std::env::var("USER") {
        Ok(name) if !name.is_empty() => format!("{} (uid {uid})", harmless::name(&name)),
        _ => format!("uid {uid}"),
    }
}
