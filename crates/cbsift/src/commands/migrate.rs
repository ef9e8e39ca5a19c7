//! `cbsift migrate`: brings the tables up to date.

use crate::run::engine::{self, Engine};
use crate::{run, settings, shipped_rules, token};
use anyhow::Context;
use clap::Args;
use std::process::ExitCode;
use store::Store;

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
            shipped_rules::publish_first(store).await
        });
    }
    run::role(async {
        let folder = engine::claim(&settings, engine::LEFT_WITHIN).await?;
        let engine = Engine::start(&settings, folder, token::for_nobody(), None).await?;
        migrate(&engine.store().await?).await?;
        engine.stop().await
    })
}

async fn migrate(store: &Store) -> anyhow::Result<()> {
    let ran = store.migrate().await.context("migrate the store")?;
    for name in &ran {
        crate::log::print(&format!("migrated {name}"));
    }
    if ran.is_empty() {
        crate::log::print("the tables are up to date");
    }
    Ok(())
}
