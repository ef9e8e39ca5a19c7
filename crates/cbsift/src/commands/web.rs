//! `cbsift web`: the pages alone.

use crate::{log, run, settings};
use clap::Args;
use std::process::ExitCode;

/// The pages and their API alone, over a ClickHouse elsewhere (`store.url`)
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
        run::web(&settings, stop, |page, admin| {
            log::say(&format!("health    {admin}/readyz"));
            super::tell(&format!("page      {page}/"));
        })
        .await
    })
}
