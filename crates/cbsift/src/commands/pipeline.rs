//! `cbsift pipeline`: Kafka to ClickHouse.

use crate::{log, run, settings};
use clap::Args;
use event::LoggedAt;
use queue::Rewind;
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
    #[arg(long, value_name = "TIME", conflicts_with = "rewind", value_parser = time)]
    rewind_to: Option<i64>,
    #[command(flatten)]
    site: super::Site,
}

/// UTC milliseconds of a time that ends in `Z`: without it nobody would know whose clock was meant.
fn time(text: &str) -> Result<i64, String> {
    let clock = text.strip_suffix('Z').filter(|clock| clock.len() == 19);
    clock
        .and_then(|clock| {
            let time = LoggedAt::parse(clock.as_bytes())?;
            // A day that its month does not have is no time.
            (time.to_string() == clock.replace('T', " ")).then_some(time.to_utc(0).0)
        })
        .ok_or_else(|| "write a time as 2026-11-22T08:00:00Z, in UTC".to_owned())
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    log::start(settings.log);
    let rewind = match arguments.rewind_to {
        Some(ms) => Some(Rewind::To(ms)),
        None => arguments.rewind.then_some(Rewind::All),
    };
    run::role(async {
        let stop = run::stop_on_signal();
        run::pipeline(&settings, rewind, stop, |admin| {
            super::tell(&format!("health    {admin}/readyz"));
        })
        .await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_says_whose_clock_it_is() {
        assert_eq!(time("1970-01-02T00:00:01Z"), Ok(86_401_000));
        assert_eq!(time("1970-01-02 00:00:01Z"), Ok(86_401_000));
        for wrong in [
            "1970-01-02T00:00:01",
            "1970-01-02T00:00:01+08:00",
            "2026-02-30T00:00:00Z",
            "2026-11-22",
            "",
        ] {
            assert!(time(wrong).is_err(), "{wrong}");
        }
    }
}
