//! `cbsift engine`: the embedded engine alone behind its ClickHouse address.

use crate::{log, run, settings, token};
use clap::Args;
use std::process::ExitCode;

/// Serve the embedded ClickHouse engine alone, for ClickHouse clients on this machine
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    log::start(settings.log);
    let token = token::make(&settings.data)?;
    run::to_the_end(async {
        let stop = run::stop_on_signal();
        let engine = run::Engine::start(&settings, &token, stop.clone()).await?;
        log::say(&format!(
            "engine    http://{}  user cbsift  password in {}",
            engine.address,
            token::path(&settings.data).display()
        ));
        engine.ended().await
    })
}
