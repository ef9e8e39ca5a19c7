//! `cbsift pipeline`: Kafka to ClickHouse.

use crate::{run, settings};
use clap::Args;
use std::process::ExitCode;

/// The pipeline alone: takes logs from Kafka, finds what they mean, and stores it in ClickHouse
///
/// Any number of them may run and share the topic's partitions. A record is committed only once the store has it.
#[derive(Args)]
pub(crate) struct Arguments {
    /// First read everything that Kafka still holds once more; no other pipeline may run. What is stored already folds
    #[arg(long)]
    rewind: bool,
    /// The same, from this time on, in UTC: 2026-11-22T08:00:00Z
    #[arg(long, value_name = "TIME", conflicts_with = "rewind")]
    rewind_to: Option<String>,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    super::log_to_stderr();
    run::role(async {
        let stop = run::stop_on_signal();
        run::pipeline(&settings, stop, |admin| {
            println!("health    {admin}/readyz");
        })
        .await
    })
}
