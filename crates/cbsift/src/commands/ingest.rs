//! `cbsift ingest`: the intake alone.

use crate::{log, run, settings};
use clap::Args;
use std::process::ExitCode;

/// The intake alone: takes logs over HTTP and puts them into Kafka
///
/// Any number of them may run; a sender may speak to one or the other. A log is acknowledged once Kafka has it on
/// every replica that must. The store may be away meanwhile.
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
        run::ingest(&settings, stop, |intake, admin| {
            log::say(&format!("health    {admin}/readyz"));
            super::tell(&format!("intake    {intake}"));
        })
        .await
    })
}
