//! `cbsift dead-units`: endpoints' months that cannot be derived, and another try for them.

use crate::access::Access;
use crate::run::{self, TENANT};
use crate::settings;
use clap::{Args, Subcommand};
use event::UtcMillis;
use std::fmt::Write;
use std::process::ExitCode;
use store::{DEAD_UNITS_LISTED, DeadUnit};

/// List months of endpoints that cannot be derived, and have them tried again
///
/// A month whose derivation fails by itself (it panics, it is too large, the store refuses what came of it) is kept here with its
/// reason and holds up nobody. It is tried again with a newer rule set, an hour after its last failure when it has news, and when
/// `retry` says so. Its logs stay stored.
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Subcommand)]
enum Command {
    /// One line a month of an endpoint, the last to fail first
    List {
        /// Only of this endpoint
        #[arg(long, value_name = "ID", default_value = "")]
        endpoint: String,
    },
    /// Have them tried again
    Retry {
        /// Only of this endpoint
        #[arg(long, value_name = "ID", required_unless_present = "all")]
        endpoint: Option<String>,
        /// Every dead unit
        #[arg(long, conflicts_with = "endpoint")]
        all: bool,
    },
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let store = access.store();
        match arguments.command {
            Command::List { endpoint } => {
                let dead = store.dead_units(TENANT, &endpoint).await?;
                super::print(&lines(&dead))?;
                if endpoint.is_empty() {
                    let left = store.count_dead_units().await?;
                    let left = left.saturating_sub(dead.len() as u64);
                    if left > 0 {
                        super::print(&format!(
                            "and {left} more, which failed before: `--endpoint ID` lists those of one endpoint\n"
                        ))?;
                    }
                }
            }
            Command::Retry { endpoint, .. } => {
                let endpoint = endpoint.unwrap_or_default();
                let mut reopened = 0;
                loop {
                    let dead = store.dead_units(TENANT, &endpoint).await?;
                    store.reopen_dead_units(&dead).await?;
                    reopened += dead.len();
                    // What is reopened is listed no more, so a full list may have hidden others.
                    if dead.len() < DEAD_UNITS_LISTED {
                        break;
                    }
                }
                super::print(&format!(
                    "{reopened} dead units are derived again by the pipelines within some minutes, or by the next `cbsift up`\n"
                ))?;
            }
        }
        access.close().await
    })
}

fn lines(dead: &[DeadUnit]) -> String {
    let mut out = String::new();
    for dead in dead {
        let _ = writeln!(
            out,
            "{}  {}  {}  {} times since {}, last {}  rule set {}  {}",
            harmless::line(&dead.unit.endpoint),
            dead.unit.month,
            dead.reason,
            dead.attempts,
            UtcMillis(dead.first_seen_ms),
            UtcMillis(dead.last_seen_ms),
            dead.rule_set,
            harmless::line(&dead.message),
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Month, Unit};

    #[test]
    fn a_line_says_which_and_why_without_driving_the_terminal() {
        let dead = DeadUnit {
            unit: Unit {
                tenant: TENANT.to_owned(),
                endpoint: "PC\u{1b}[1m".to_owned(),
                month: Month::FAR_OFF,
            },
            reason: "panic".to_owned(),
            message: "deriving it panicked".to_owned(),
            rule_set: 3,
            attempts: 2,
            first_seen_ms: 0,
            last_seen_ms: 1_000,
        };
        let line = lines(&[dead]);
        assert!(line.contains("far-off  panic  2 times since 1970-01-01T00:00:00.000Z"));
        assert!(!line.contains('\u{1b}'), "{line}");
    }
}
