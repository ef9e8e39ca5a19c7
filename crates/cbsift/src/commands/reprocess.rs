//! `cbsift reprocess`: what other rules would change in what is stored.

// Prints the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use super::rules;
use super::rules::Files;
use crate::access::Access;
use crate::misuse::Misuse;
use crate::progress::Progress as Bar;
use crate::report::counted;
use crate::run::{self, TENANT};
use crate::settings;
use anyhow::Context;
use clap::{Args, Subcommand, ValueEnum};
use event::LoggedAt;
use pipeline::{Asked, Example, Plan, Progress};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// Classify what is stored again
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(PlanArguments),
}

/// Say what rules would change in stored logs, and change nothing
///
/// Classifies the stored chunks of these days again, by the functions that arriving logs meet, and derives their units again.
/// Prints which events and findings would appear, vanish or say something else, by rule, with an example each.
/// With the rules that are in use, nothing would. A chunk belongs to the day of its first record, by the clock of its endpoint.
#[derive(Args)]
struct PlanArguments {
    /// First day, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: u16,
    /// Last day, YYYY-MM-DD
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: u16,
    /// Folder of rule files (*.yaml) [default: the shipped rules]
    #[arg(long, value_name = "DIR")]
    rules: Option<PathBuf>,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: super::Site,
}

#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For machines
    Json,
}

fn day(text: &str) -> Result<u16, String> {
    let start = LoggedAt::parse(format!("{text} 00:00:00").as_bytes());
    start
        .filter(|_| text.len() == 10)
        .and_then(|start| u16::try_from(start.0 / 86_400).ok())
        .ok_or_else(|| "write a day as YYYY-MM-DD, from 1970 on".to_owned())
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let Command::Plan(arguments) = arguments.command;
    if arguments.from > arguments.to {
        return Err(Misuse("`--from` is after `--to`".to_owned()).into());
    }
    let files = Files::of(arguments.rules.as_deref())?;
    let rules = match files.load() {
        Ok(rules) => Arc::new(rules),
        Err(faults) => return rules::refuse(&faults),
    };
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let store = access.store();
        let (current, sequence) = match pipeline::newest(store).await? {
            Ok(set) => (Some(Arc::new(set.rules)), Some(set.sequence)),
            Err(error) => {
                crate::log::print(&error.to_string());
                (None, None)
            }
        };
        let asked = Asked {
            tenant: TENANT.to_owned(),
            from: arguments.from,
            to: arguments.to,
            rules,
            current,
        };
        let bar = Bar::new(arguments.quiet);
        let plan = pipeline::plan(store, &asked, &|progress| match progress {
            Progress::Total(bytes) => bar.start(bytes),
            Progress::Read(bytes) => bar.add(bytes),
        })
        .await;
        bar.end();
        let plan = plan.context("plan to reprocess")?;
        super::print(&match arguments.format {
            Format::Text => text(&plan),
            Format::Json => {
                let digest = asked.rules.digest();
                let text = serde_json::to_string_pretty(&value(&plan, sequence, digest))?;
                format!("{}\n", harmless::json(&text))
            }
        })?;
        access.close().await
    })
}

fn text(plan: &Plan) -> String {
    let mut out = format!(
        "{} of {}, {} read again\n",
        counted(plan.chunks, "chunk", "chunks"),
        counted(plan.endpoints, "endpoint", "endpoints"),
        counted(plan.records, "record", "records")
    );
    if plan.poisoned > 0 {
        let chunks = counted(plan.poisoned, "chunk", "chunks");
        let _ = writeln!(out, "{chunks} cannot be classified");
    }
    if plan.is_empty() {
        out.push_str("nothing would change\n");
        return out;
    }
    let changed: u64 = plan.events.values().map(|tally| tally.count).sum();
    let _ = writeln!(
        out,
        "\nevents: {changed} would change, {} would not",
        plan.unchanged
    );
    for (group, tally) in &plan.events {
        let fields: Vec<&str> = tally.fields.iter().copied().collect();
        let what = if fields.is_empty() {
            String::new()
        } else {
            format!(" ({})", fields.join(", "))
        };
        let example = &tally.example;
        let _ = writeln!(
            out,
            "  {:8}  {:>8}  {}{what}\n            e.g. {} {} {}: {}",
            group.change.name(),
            tally.count,
            arrow(&group.from, &group.to),
            harmless::line(&example.endpoint),
            example.source.name(),
            example
                .logged
                .map_or_else(|| "without time".to_owned(), |at| at.to_string()),
            harmless::line(&example.text)
        );
    }
    let _ = writeln!(
        out,
        "\nfindings: those of {} of endpoints would change",
        counted(plan.units_changed, "month", "months")
    );
    for (group, tally) in &plan.findings {
        let _ = writeln!(
            out,
            "  {:8}  {:>8}  {}\n            e.g. {} {} {}",
            group.change.name(),
            tally.count,
            arrow(&group.from, &group.to),
            harmless::line(&tally.endpoint),
            tally.month,
            harmless::line(&tally.object)
        );
    }
    out
}

fn arrow(from: &str, to: &str) -> String {
    let name = |rule: &str| if rule.is_empty() { "-" } else { rule }.to_owned();
    if from == to {
        name(from)
    } else {
        format!("{} -> {}", name(from), name(to))
    }
}

fn value(plan: &Plan, rule_set: Option<u32>, digest: &str) -> Value {
    let example = |example: &Example| {
        json!({
            "endpoint": example.endpoint, "source": example.source.name(), "stream": example.stream.to_string(),
            "offset": example.offset, "logged": example.logged.map(|at| at.to_string()), "text": example.text,
        })
    };
    let events = plan.events.iter().map(|(group, tally)| {
        json!({
            "change": group.change.name(), "from": group.from, "to": group.to, "count": tally.count,
            "fields": tally.fields, "example": example(&tally.example),
        })
    });
    let findings = plan.findings.iter().map(|(group, tally)| {
        json!({
            "change": group.change.name(), "from": group.from, "to": group.to, "count": tally.count,
            "example": { "endpoint": tally.endpoint, "month": tally.month.to_string(), "object": tally.object },
        })
    });
    let units = plan.units.iter().map(|unit| {
        json!({
            "endpoint": unit.endpoint, "month": unit.month.to_string(),
            "appear": unit.appear, "vanish": unit.vanish, "change": unit.change,
        })
    });
    json!({
        "version": 1, "rule_set": rule_set, "digest": digest,
        "endpoints": plan.endpoints, "chunks": plan.chunks, "records": plan.records, "poisoned": plan.poisoned,
        "unchanged": plan.unchanged,
        "events": events.collect::<Vec<_>>(),
        "findings": findings.collect::<Vec<_>>(),
        "units_changed": plan.units_changed, "units": units.collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_a_day() {
        assert_eq!(day("2022-08-18"), Ok(19_222));
        for wrong in ["2022-8-18", "2022-08-32", "2022-08-18 00", "1960-01-01", ""] {
            assert!(day(wrong).is_err(), "{wrong}");
        }
    }
}
