//! `cbsift reprocess`: what other rules would change in what is stored, and doing it.

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

mod jobs;
mod told;

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
use classify::Rules;
use event::{LoggedAt, Source};
use pipeline::{Asked, Example, Plan, Progress};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use store::{Selection, Store};

/// Classify what is stored again
#[derive(Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Plan(PlanArguments),
    Run(jobs::RunArguments),
    Apply(jobs::ApplyArguments),
    Rollback(jobs::ApplyArguments),
    Status(jobs::StatusArguments),
    Jobs(jobs::ListArguments),
}

/// Which stored chunks.
#[derive(Args)]
struct Selected {
    /// First day, YYYY-MM-DD [default: the first there is]
    #[arg(long, value_name = "DATE", value_parser = day)]
    from: Option<u16>,
    /// Last day, YYYY-MM-DD [default: the last there is]
    #[arg(long, value_name = "DATE", value_parser = day)]
    to: Option<u16>,
    /// Only of this endpoint; may be given several times
    #[arg(long, value_name = "ID")]
    endpoint: Vec<String>,
    /// Only of endpoints that have this label now
    #[arg(long, value_name = "NAME=VALUE", conflicts_with = "endpoint")]
    label: Option<String>,
    /// Only logs of this kind: cbs, dism, setup, …; may be given several times
    #[arg(long, value_name = "SOURCE", value_parser = source)]
    source: Vec<String>,
}

/// Endpoints that a job names: their ids must fit in a statement.
const MAX_ENDPOINTS: usize = 5_000;

fn source(text: &str) -> Result<String, String> {
    let names = || Source::ALL.map(Source::name).join(", ");
    Source::from_name(text)
        .map(|source| source.name().to_owned())
        .ok_or_else(|| format!("one of {}", names()))
}

impl Selected {
    fn check(&self) -> Result<(), Misuse> {
        if let (Some(from), Some(to)) = (self.from, self.to)
            && from > to
        {
            return Err(Misuse("`--from` is after `--to`".to_owned()));
        }
        Ok(())
    }

    async fn of(&self, store: &Store) -> anyhow::Result<Selection> {
        let mut endpoints = self.endpoint.clone();
        if let Some(label) = &self.label {
            let label = super::endpoints::read_label(label)?;
            endpoints = store
                .labelled_endpoints(TENANT, &label, MAX_ENDPOINTS + 1)
                .await?;
            if endpoints.is_empty() {
                return Err(Misuse(format!(
                    "no endpoint has the label `{}={}`\nhint: `cbsift endpoints list` shows labels",
                    harmless::name(&label.0),
                    harmless::name(&label.1)
                ))
                .into());
            }
        }
        endpoints.sort();
        endpoints.dedup();
        if endpoints.len() > MAX_ENDPOINTS {
            return Err(Misuse(format!(
                "more than {MAX_ENDPOINTS} endpoints are selected\nhint: select fewer, or all"
            ))
            .into());
        }
        Ok(Selection {
            from: self.from.unwrap_or(0),
            to: self.to.unwrap_or(u16::MAX),
            endpoints,
            sources: self.source.clone(),
            ..Selection::default()
        })
    }
}

/// Say what rules would change in stored logs, and change nothing
///
/// Classifies the stored chunks of these days again, by the functions that arriving logs meet, and derives their units again.
/// Prints which events and findings would appear, vanish or say something else, by rule, with an example each.
/// With the rules that are in use, nothing would. A chunk belongs to the day of its first record, by the clock of its endpoint.
#[derive(Args)]
struct PlanArguments {
    #[command(flatten)]
    selected: Selected,
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

pub(super) fn day(text: &str) -> Result<u16, String> {
    let start = LoggedAt::parse(format!("{text} 00:00:00").as_bytes());
    start
        .filter(|_| text.len() == 10)
        .and_then(|start| u16::try_from(start.0 / 86_400).ok())
        .ok_or_else(|| "write a day as YYYY-MM-DD, from 1970 on".to_owned())
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    match arguments.command {
        Command::Plan(arguments) => print_plan(arguments),
        Command::Run(arguments) => jobs::run(arguments),
        Command::Apply(arguments) => jobs::apply(arguments, false),
        Command::Rollback(arguments) => jobs::apply(arguments, true),
        Command::Status(arguments) => jobs::status(arguments),
        Command::Jobs(arguments) => jobs::list(arguments),
    }
}

fn print_plan(arguments: PlanArguments) -> anyhow::Result<ExitCode> {
    arguments.selected.check()?;
    let files = Files::of(arguments.rules.as_deref())?;
    let rules = match files.load() {
        Ok(rules) => Arc::new(rules),
        Err(faults) => return rules::refuse(&faults),
    };
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let of = arguments.selected.of(access.store()).await?;
        let made = make(access.store(), of, rules, arguments.quiet).await?;
        super::print(&match arguments.format {
            Format::Text => text(&made.plan),
            Format::Json => json_text(&made.value())?,
        })?;
        access.close().await
    })
}

/// A plan, and what it was made of.
struct Made {
    plan: Plan,
    asked: Asked,
    /// Of the newest rule set, where it can be used.
    base: Option<(u32, String)>,
}

impl Made {
    fn value(&self) -> Value {
        let sequence = self.base.as_ref().map(|(sequence, _)| *sequence);
        value(&self.plan, sequence, self.asked.rules.digest())
    }
}

/// Says what rules would change.
async fn make(
    store: &Store,
    of: Selection,
    rules: Arc<Rules>,
    is_quiet: bool,
) -> anyhow::Result<Made> {
    let (current, base) = match pipeline::newest(store).await? {
        Ok(set) => {
            let base = (set.sequence, set.rules.digest().to_owned());
            (Some(Arc::new(set.rules)), Some(base))
        }
        Err(error) => {
            crate::log::print(&error.to_string());
            (None, None)
        }
    };
    let asked = Asked {
        tenant: TENANT.to_owned(),
        of,
        rules,
        current,
    };
    let bar = Bar::new(is_quiet);
    let plan = pipeline::plan(store, &asked, &|progress| match progress {
        Progress::Total(bytes) => bar.start(bytes),
        Progress::Read(bytes) => bar.add(bytes),
    })
    .await;
    bar.end();
    Ok(Made {
        plan: plan.context("plan to reprocess")?,
        asked,
        base,
    })
}

fn json_text(value: &Value) -> anyhow::Result<String> {
    let text = serde_json::to_string_pretty(value)?;
    Ok(format!("{}\n", harmless::json(&text)))
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
