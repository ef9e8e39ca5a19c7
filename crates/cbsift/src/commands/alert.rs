//! `cbsift alert`: evaluation of alerts alone.

use crate::{log, run, settings};
use clap::Args;
use std::process::ExitCode;

/// Evaluates alerts, over a ClickHouse elsewhere (`store.url`); of several one does, and another one takes over within seconds
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    log::start(settings.log);
    run::role(async {
        let stop = run::stop_on_signal();
        run::alert(&settings, stop, |admin| {
            super::tell(&format!("health    {admin}/readyz"));
        })
        .await
    })
}
