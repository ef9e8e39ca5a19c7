//! `cbsift migrate`: brings the tables up to date.

use crate::{access, run, settings, token};
use anyhow::Context;
use clap::Args;
use std::process::ExitCode;
use store::{Store, StoreConfig};

/// Bring the store's tables up to date; changes nothing where they are
///
/// A new store of a cluster also gets the shipped rules, without which its pipelines would wait.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    if settings.remote.is_some() {
        return run::role(async {
            let remote = run::Remote::new(&settings)?;
            let store = remote.now().await?;
            migrate(store).await?;
            access::publish_first(store).await
        });
    }
    let token = token::make(&settings.data)?;
    run::to_the_end(async {
        let stop = tokio_util::sync::CancellationToken::new();
        let engine = run::Engine::start(&settings, &token, stop.clone()).await?;
        let store = Store::connect(StoreConfig::embedded(
            format!("http://{}", engine.address),
            token.as_str(),
        ))
        .await
        .context("connect to the store")?;
        migrate(&store).await?;
        stop.cancel();
        engine.ended().await
    })
}

async fn migrate(store: &Store) -> anyhow::Result<()> {
    let ran = store.migrate().await.context("migrate the store")?;
    for name in &ran {
        eprintln!("migrated {name}");
    }
    if ran.is_empty() {
        eprintln!("the tables are up to date");
    }
    Ok(())
}
