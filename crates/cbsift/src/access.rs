//! The store for commands that run beside `up`, beside a cluster's roles, or alone.

use crate::run::{Engine, Remote};
use crate::settings::Settings;
use crate::token;
use anyhow::Context;
use pipeline::{PublishError, PublishedAs, RuleSetError};
use store::{ErrorClass, Store, StoreConfig};
use tokio_util::sync::CancellationToken;

/// A way to the store: the ClickHouse of a cluster, the engine of a running `up`, or one opened for as long as the command takes.
pub(crate) struct Access {
    store: Store,
    own: Option<(Engine, CancellationToken)>,
}

impl Access {
    /// With `store.url` that store and no other. Else asks a running `up` first; where nobody answers at its address, opens the
    /// data folder.
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
        let token = token::make(&settings.data)?;
        let connect = |address| {
            let config = StoreConfig::embedded(format!("http://{address}"), token.as_str());
            Store::connect(config)
        };
        if settings.engine_listen.port() != 0 {
            match connect(settings.engine_listen).await {
                Ok(store) => {
                    store.check_schema().await.context("use the store")?;
                    return Ok(Self { store, own: None });
                }
                // Somebody answers, but it is not the store of this data folder.
                Err(error) if error.class() == ErrorClass::Config => {
                    return Err(error).context(format!(
                        "an engine at {} does not know the token of `{}`",
                        settings.engine_listen,
                        settings.data.display()
                    ));
                }
                Err(_) => {}
            }
        }
        let stop = CancellationToken::new();
        let engine = Engine::start(settings, &token, stop.clone()).await?;
        let store = connect(engine.address)
            .await
            .context("connect to the store")?;
        store.migrate().await.context("migrate the store")?;
        Ok(Self {
            store,
            own: Some((engine, stop)),
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
            Some((engine, stop)) => {
                stop.cancel();
                engine.ended().await
            }
            None => Ok(()),
        }
    }
}

/// Publishes the shipped rules where there are none at all: of a new store, whose pipelines would wait for some.
///
/// Newer rules than those that are there are left to `cbsift rules publish`, because pipelines of an older build that cannot
/// run them pause, and a migration must stop nobody.
pub(crate) async fn publish_first(store: &Store) -> anyhow::Result<()> {
    match pipeline::newest(store).await? {
        Err(RuleSetError::Missing) => publish_shipped(store).await,
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Publishes the shipped rules where a site has not published its own, and says what it did. Rules of a newer build are no
/// reason not to start: the pipeline is not ready then and says so.
pub(crate) async fn publish_shipped(store: &Store) -> anyhow::Result<()> {
    match pipeline::publish_shipped(store).await {
        Ok(published) => {
            let sequence = published.sequence;
            let what = match published.did {
                PublishedAs::New => "the shipped rules, published now",
                PublishedAs::Unchanged => "the shipped rules",
                PublishedAs::SiteStays => "this site's own, left as they are",
                PublishedAs::SiteAgain => "this site's own, published again for this build",
            };
            crate::log::say(&format!("rules     rule set {sequence}: {what}"));
            Ok(())
        }
        Err(PublishError::Newest(error)) => {
            tracing::error!(%error, "the newest rule set is left as it is");
            Ok(())
        }
        Err(error) => Err(error).context("publish the shipped rules"),
    }
}
