//! `cbsift rules publish`: makes rules the newest set of the store.

use super::{Files, refuse};
use crate::access::Access;
use crate::report::counted;
use crate::{run, settings};
use anyhow::Context;
use clap::Args;
use pipeline::PublishedAs;
use std::path::PathBuf;
use std::process::ExitCode;
use store::RuleSetOrigin;

/// Publish rules to the store: every pipeline classifies what arrives with the newest set
///
/// Running pipelines switch within seconds, between batches. What was classified before stays as it is;
/// `cbsift reprocess plan` says what the rules would change in it. Rules with faults are refused. Without --rules
/// the shipped rules are published, which is the way back from rules of your own: `cbsift up` replaces only shipped ones.
#[derive(Args)]
pub(crate) struct Arguments {
    /// Folder of rule files (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    #[command(flatten)]
    site: crate::commands::Site,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let files = Files::of(arguments.rules.as_deref())?;
    let rules = match files.load() {
        Ok(rules) => rules,
        Err(faults) => return refuse(&faults),
    };
    let origin = match arguments.rules {
        Some(_) => RuleSetOrigin::Site,
        None => RuleSetOrigin::Shipped,
    };
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let published = pipeline::publish(access.store(), &files.published(), origin)
            .await
            .context("publish the rules")?;
        let (sequence, count) = (published.sequence, rules.iter().count());
        let said = match published.did {
            PublishedAs::New => format!(
                "rule set {sequence} published: {}\n",
                counted(count as u64, "rule", "rules")
            ),
            _ => format!("rule set {sequence} is the newest one and holds these rules already\n"),
        };
        crate::commands::print(&said)?;
        access.close().await
    })
}
