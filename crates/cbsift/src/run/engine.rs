//! The store of a process: the embedded engine in a child of it, or a ClickHouse elsewhere.

use crate::settings::Settings;
use anyhow::{Context, bail};
use embedded_clickhouse::{EngineConfig, EngineProcess, Folder, Health, Plan, Tokens};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use store::{Store, StoreConfig, StoreError};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;

/// The folder of the embedded engine, claimed: no other process has it, or an engine of it, or that engine's address.
pub(crate) async fn claim(settings: &Settings, patience: Duration) -> anyhow::Result<Folder> {
    let path = settings.data.join("engine");
    let claimed = tokio::task::spawn_blocking(move || Folder::claim(&path, patience)).await?;
    Ok(claimed?)
}

/// The engine of a process that was killed goes within moments, unless the disk is slow.
pub(crate) const LEFT_WITHIN: Duration = Duration::from_secs(10);

/// Where our own processes find the engine of a data folder.
pub(crate) fn socket(data: &Path) -> PathBuf {
    data.join("run/engine.sock")
}

/// The only argument of the command that becomes the engine's process.
pub(crate) const CHILD: &str = "--child";

/// The embedded engine, in a process of its own.
pub(crate) struct Engine {
    process: EngineProcess,
}

impl Engine {
    /// With `listener` ClickHouse clients find it there.
    pub(crate) async fn start(
        settings: &Settings,
        folder: Folder,
        tokens: Tokens,
        listener: Option<TcpListener>,
    ) -> anyhow::Result<Self> {
        // The engine's process inherits the limit, and opens many files of parts.
        serve::open_files::raise().context("raise the limit of open files")?;
        let mut engine = EngineConfig::new(folder.path());
        engine.library.clone_from(&settings.library);
        engine.max_memory_bytes = settings.max_memory;
        engine.readable = store::READABLE.map(str::to_owned).to_vec();
        let plan = Plan {
            engine,
            tokens,
            tcp: listener.map(TcpListener::into_std).transpose()?,
            local: socket(&settings.data),
            arguments: vec!["engine".to_owned(), CHILD.to_owned()],
            log: crate::log::filter(),
        };
        let start = move || EngineProcess::start(folder, plan);
        let process = tokio::task::spawn_blocking(start)
            .await?
            .context("start the embedded engine")?;
        Ok(Self { process })
    }

    /// The way of this process to it.
    pub(crate) async fn store(&self) -> anyhow::Result<Store> {
        let config = StoreConfig::local(self.process.socket());
        Store::connect(config).await.context("connect to the store")
    }

    pub(crate) fn health(&self) -> Health {
        self.process.health()
    }

    /// Lets it finish what is under way, and ends it.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        let stop = move || self.process.stop();
        Ok(tokio::task::spawn_blocking(stop).await?)
    }
}

/// Opens the address for ClickHouse clients.
pub(crate) fn listen(settings: &Settings) -> anyhow::Result<TcpListener> {
    super::process::listen(settings.engine_listen, "engine.listen", false)
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
            bail!(crate::misuse::Misuse(
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
