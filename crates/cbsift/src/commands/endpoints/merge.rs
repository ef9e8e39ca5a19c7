//! `cbsift endpoints merge`: two ids of one machine become one.

use super::read_id;
use crate::access::{patiently, user};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::progress::Progress;
use crate::report::counted;
use crate::run::TENANT;
use crate::settings::Settings;
use anyhow::Context;
use clap::Args;
use pipeline::{Merged, Pipeline, merge, plan_merge};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Action, Alias, AliasKind, AliasState, Holdings, Moving, Store};

#[derive(Args)]
pub(super) struct Arguments {
    /// The endpoint that becomes another name
    from: String,
    /// What it stands for from then on; it keeps its name and labels
    into: String,
    /// Say what would be moved, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
}

pub(super) async fn run(
    store: &Store,
    settings: &Settings,
    arguments: Arguments,
) -> anyhow::Result<()> {
    let Arguments {
        from,
        into,
        dry_run,
        quiet,
    } = arguments;
    check(store, &from, &into).await?;
    let held = patiently(|| store.holdings(TENANT, &from)).await?;
    let moving = Moving {
        tenant: TENANT,
        from: &from,
        into: &into,
    };
    let bar = Progress::new(quiet);
    if dry_run {
        let set = Arc::new(pipeline::newest(store).await??);
        let plan = plan_merge(store, &set, moving).await?;
        super::super::print(&planned(&from, &into, &held, &plan))?;
        return Ok(());
    }
    // Whoever begins leaves a trace, also where it is cut short.
    note(
        store,
        "endpoint.merge",
        &from,
        serde_json::json!({ "into": into }),
    )
    .await?;
    let alias = |state| Alias {
        alias: from.clone(),
        endpoint: into.clone(),
        kind: AliasKind::Merged,
        state,
        changed_ms: now_ms(),
        by: user(),
    };
    let merging = alias(AliasState::Merging);
    patiently(|| store.put_alias(TENANT, &merging)).await?;
    // Beside others, whose news it leaves to them, and with patience: nobody sends these chunks again.
    let pipeline = Pipeline::start_with(settings.of_cluster(), store.clone())
        .await
        .context("start a pipeline")?;
    bar.start(held.text_bytes);
    let merged = merge(store, &pipeline, moving, &|bytes| bar.add(bytes)).await;
    bar.end();
    let stopped = pipeline.stop().await;
    let merged = merged.with_context(|| {
        format!("merge `{from}` into `{into}`\nhint: run the same command again; it goes on, and what is moved already folds")
    })?;
    stopped?;
    let active = alias(AliasState::Active);
    patiently(|| store.put_alias(TENANT, &active)).await?;
    let counts = serde_json::json!({
        "into": into, "chunks": merged.chunks, "events_copied": merged.events, "noise_copied": merged.noise,
    });
    note(store, "endpoint.merged", &from, counts).await?;
    super::super::print(&done(&from, &into, &merged))?;
    Ok(())
}

/// Refuses what could not be meant.
async fn check(store: &Store, from: &str, into: &str) -> anyhow::Result<()> {
    read_id(from)?;
    read_id(into)?;
    let refuse = |text: String| Err(anyhow::Error::from(Misuse(text)));
    if from == into {
        return refuse(format!("`{from}` is `{into}` already"));
    }
    let aliases = patiently(|| store.standing_aliases()).await?;
    if let Some(other) = aliases.way(TENANT, into).last() {
        return refuse(format!(
            "`{into}` is another name of `{other}`\nhint: merge into `{other}`"
        ));
    }
    match aliases.way(TENANT, from).first() {
        Some(known) if *known != into => {
            return refuse(format!(
                "`{from}` is another name of `{known}` already\nhint: `cbsift endpoints merge {known} {into}` moves that one"
            ));
        }
        _ => {}
    }
    if aliases.way(TENANT, from).is_empty() {
        let ids = BTreeSet::from([from, into]);
        let known = patiently(|| store.known_endpoints(TENANT, &ids)).await?;
        for id in [from, into] {
            if !known.contains(id) {
                return refuse(format!(
                    "no endpoint `{id}` has sent a log, enrolled or been given a token\nhint: `cbsift endpoints list --search TEXT` shows those there are"
                ));
            }
        }
    }
    Ok(())
}

async fn note(
    store: &Store,
    action: &str,
    object: &str,
    after: serde_json::Value,
) -> anyhow::Result<()> {
    let action = Action {
        action: action.to_owned(),
        object: object.to_owned(),
        before: String::new(),
        after: after.to_string(),
    };
    let (user, now) = (user(), now_ms());
    let actions = std::slice::from_ref(&action);
    patiently(|| store.audit(TENANT, &user, now, actions)).await?;
    Ok(())
}

fn planned(from: &str, into: &str, held: &Holdings, plan: &Merged) -> String {
    format!(
        "`{from}` would become another name of `{into}`:\n  \
         {} with {} bytes of text would be classified again under it\n  \
         {} whose text is gone would be copied and marked, of {}\n  \
         {} of logs would be its own\n  \
         {} with {} and {} would be derived anew with those it has, and go here\n  \
         its name and labels would go; its tokens stay good, and what they send is `{into}`'s\n",
        counted(plan.chunks, "chunk", "chunks"),
        plan.text_bytes,
        counted(plan.events, "event", "events"),
        held.events,
        counted(held.pieces, "piece", "pieces"),
        counted(held.months, "month", "months"),
        counted(held.attempts, "attempt", "attempts"),
        counted(held.findings, "finding", "findings"),
    )
}

fn done(from: &str, into: &str, merged: &Merged) -> String {
    format!(
        "`{from}` is another name of `{into}`: {} classified again, {} copied\n\
         what comes under it is stored under `{into}` from now on; the numbers of distinct records of the whole fleet go on counting what it had\n",
        counted(merged.chunks, "chunk", "chunks"),
        counted(merged.events, "older event", "older events"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_says_what_goes_and_what_stays() {
        let held = Holdings {
            events: 9,
            months: 1,
            ..Holdings::default()
        };
        let plan = Merged {
            chunks: 2,
            text_bytes: 300,
            events: 1,
            noise: 0,
        };
        let text = planned("OLD", "NEW", &held, &plan);
        for said in [
            "2 chunks with 300 bytes",
            "1 event whose text is gone would be copied and marked, of 9",
            "1 month with 0 attempts",
            "tokens stay good",
        ] {
            assert!(text.contains(said), "{said}: {text}");
        }
    }
}
