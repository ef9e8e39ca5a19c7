//! `cbsift rules publish`: makes rules the newest set of the store.

use super::{Files, refuse};
use crate::access::{Access, patiently, user};
use crate::keeper::now_ms;
use crate::report::counted;
use crate::run::TENANT;
use crate::{run, settings};
use anyhow::Context;
use clap::Args;
use pipeline::PublishedAs;
use std::path::PathBuf;
use std::process::ExitCode;
use store::{Action, RuleSetOrigin};

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
        let store = access.store();
        let before = store.rule_set().await.context("read the newest rule set")?;
        let action = Action {
            action: "rules.publish".to_owned(),
            object: match origin {
                RuleSetOrigin::Site => "this site's own".to_owned(),
                RuleSetOrigin::Shipped => "the shipped rules".to_owned(),
            },
            before: before
                .as_ref()
                .map(|(sequence, digest)| {
                    serde_json::json!({ "sequence": sequence, "digest": digest }).to_string()
                })
                .unwrap_or_default(),
            after: serde_json::json!({ "digest": rules.digest() }).to_string(),
        };
        let (user, now) = (user(), now_ms());
        if before.is_none_or(|(_, digest)| digest != rules.digest()) {
            patiently(|| store.audit(TENANT, &user, now, std::slice::from_ref(&action))).await?;
        }
        let published = pipeline::publish(store, &files.published(), origin)
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
