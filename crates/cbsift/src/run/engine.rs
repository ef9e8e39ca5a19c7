//! The store of a process: the embedded engine in it, or a ClickHouse elsewhere.

use super::listen;
use crate::settings::Settings;
use anyhow::{Context, bail};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreConfig, StoreError};
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The embedded engine, served on loopback.
pub(crate) struct Engine {
    pub(crate) address: SocketAddr,
    server: JoinHandle<std::io::Result<()>>,
}

impl Engine {
    pub(crate) async fn start(
        settings: &Settings,
        token: &str,
        stop: CancellationToken,
    ) -> anyhow::Result<Self> {
        let listener = listen(settings.engine_listen, "engine.listen", false)?;
        let mut config = embedded_clickhouse::EngineConfig::new(settings.data.join("engine"));
        config.library.clone_from(&settings.library);
        config.max_memory_bytes = settings.max_memory;
        let engine = tokio::task::spawn_blocking(move || embedded_clickhouse::Engine::open(config))
            .await?
            .context("open the embedded engine")?;
        let engine = Arc::new(engine);
        // Never closed: the process ends with it, see `leave`.
        std::mem::forget(Arc::clone(&engine));
        let address = listener.local_addr()?;
        let tokens = embedded_clickhouse::Tokens::new(token);
        let server = tokio::spawn(embedded_clickhouse::serve(
            Arc::clone(&engine),
            listener,
            tokens,
            stop.cancelled_owned(),
        ));
        Ok(Self { address, server })
    }

    pub(crate) async fn ended(self) -> anyhow::Result<()> {
        self.server.await?.context("serve the embedded engine")
    }
}

/// A ClickHouse elsewhere. Roles start before it and outlive its absence, so it is connected to at the first need.
#[derive(Clone)]
pub(crate) struct Remote {
    config: StoreConfig,
    store: Arc<OnceCell<Store>>,
}

/// Between two tries to reach the store: soon enough for a restart, rare enough for its log.
const AGAIN: Duration = Duration::from_secs(1);

/// A store that hangs is not ready either, and whoever asks should hear so: about as long as the brokers are given.
const CHECK: Duration = Duration::from_secs(3);

impl Remote {
    /// The store that the settings name; an error where they name none.
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let Some(config) = &settings.remote else {
            bail!(crate::commands::Misuse(
                "`store.url` is empty, but this role needs a ClickHouse to speak to\nhint: set CBSIFT__STORE__URL=http://127.0.0.1:8123, or run everything in one process with `cbsift up`".to_owned()
            ));
        };
        Ok(Self {
            config: config.connect()?,
            store: Arc::default(),
        })
    }

    /// The store, if it answers now.
    pub(crate) async fn now(&self) -> Result<&Store, StoreError> {
        let connect = || Store::connect(self.config.clone());
        self.store.get_or_try_init(connect).await
    }

    /// For `/readyz`: whether it answers, with the tables of this build.
    pub(crate) async fn check(&self) -> Result<(), String> {
        let checked = async { self.now().await?.check_schema().await };
        match tokio::time::timeout(CHECK, checked).await {
            Ok(checked) => checked.map_err(|error| format!("the store is not ready: {error}")),
            Err(_) => Err(format!(
                "the store is not ready: no answer within {} s",
                CHECK.as_secs()
            )),
        }
    }

    /// The store with the tables of this build, as soon as both are there; none when `stop` comes first.
    pub(crate) async fn wait(&self, stop: &CancellationToken) -> Option<Store> {
        let mut last = String::new();
        loop {
            let error = match self.now().await {
                Ok(store) => match store.check_schema().await {
                    Ok(()) => return Some(store.clone()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            // Said once a reason, not once a second.
            if error.to_string() != last {
                last = error.to_string();
                tracing::warn!("waiting for the store: {last}");
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
    }
}
