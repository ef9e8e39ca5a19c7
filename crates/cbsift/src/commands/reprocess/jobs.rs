//! Jobs of `cbsift reprocess`: made, done, taken back, and told of.

use super::told::{date, line, phase, told, told_json};
use super::{Format, Made, Selected, json_text, make, text};
use crate::access::{Access, patiently, user};
use crate::commands::rules::{self, Files};
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::progress::Progress as Bar;
use crate::run::{self, TENANT};
use crate::settings;
use anyhow::Context;
use clap::Args;
use classify::Rules;
use pipeline::{Pace, Refused};
use serde_json::{Value, json};
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Action, Job, JobState, JobStep, NewJob, RuleSetOrigin, Store};

/// Say what rules would change in stored logs, and keep that as a job that can be applied
///
/// As `plan`, and changes as little. The job holds the rules and what they would change; `cbsift reprocess apply` does it.
#[derive(Args)]
pub(super) struct RunArguments {
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
    site: crate::commands::Site,
}

/// Do a job, or take one back
///
/// `apply` publishes the job's rules, for what arrives too, classifies the selected chunks with them and has the months derived again.
/// It is refused when rules were published since the job was made. One that was cut short goes on; one that is applied is looked through for what
/// a sleeping pipeline stored with older rules since. `rollback` publishes the rules before it again and does the same with these, and with
/// what arrived since. What stands in text that is gone meanwhile stays as it is.
#[derive(Args)]
pub(super) struct ApplyArguments {
    /// The job
    id: String,
    /// End only when pages show all of it
    #[arg(long)]
    wait: bool,
    /// Threads that classify
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    workers: u16,
    /// Wait while more months of endpoints than this are left to derive
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    max_pending: u64,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// No progress bar
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    site: crate::commands::Site,
}

/// Say how far a job is, and what it changes
#[derive(Args)]
pub(super) struct StatusArguments {
    /// The job
    id: String,
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    site: crate::commands::Site,
}

/// List jobs, the one that changed last first
#[derive(Args)]
pub(super) struct ListArguments {
    /// Form of the answer
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    #[command(flatten)]
    site: crate::commands::Site,
}

/// Eight hexadecimal digits that no other job is likely to have.
fn new_id() -> String {
    let random = RandomState::new().hash_one(now_ms());
    format!("{:08x}", random & 0xFFFF_FFFF)
}

pub(super) fn run(arguments: RunArguments) -> anyhow::Result<ExitCode> {
    arguments.selected.check()?;
    let files = Files::of(arguments.rules.as_deref())?;
    if let Err(faults) = files.load() {
        return rules::refuse(&faults);
    }
    // Under the names by which they are published, because a set is known by these too.
    let files = files.published();
    let named: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (name.as_str(), text.as_str()))
        .collect();
    let rules = match Rules::load(&named) {
        Ok(rules) => Arc::new(rules),
        Err(faults) => return rules::refuse(&faults),
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
        let of = arguments.selected.of(store).await?;
        let made = make(store, of, Arc::clone(&rules), arguments.quiet).await?;
        let base = made
            .base
            .clone()
            .context("the newest rule set cannot be used, so nothing can be compared with it")?;
        let value = made.value();
        let job = Job::new(
            NewJob {
                tenant: TENANT.to_owned(),
                id: new_id(),
                actor: user(),
                made_ms: now_ms(),
                label: arguments.selected.label.clone().unwrap_or_default(),
                digest: rules.digest().to_owned(),
                files,
                origin: origin.name().to_owned(),
                base,
                diff: value.to_string(),
                is_recounted: is_recounted(&made),
            },
            &made.asked.of,
        );
        note(store, "reprocess.run", &job).await?;
        patiently(|| store.put_job(&job)).await?;
        crate::commands::print(&match arguments.format {
            Format::Text => format!(
                "{}\njob {}: `cbsift reprocess apply {}` does it\n",
                text(&made.plan),
                job.id,
                job.id
            ),
            Format::Json => {
                let mut value = value;
                if let Some(fields) = value.as_object_mut() {
                    fields.insert("job".to_owned(), json!(job.id));
                }
                json_text(&value)?
            }
        })?;
        access.close().await
    })
}

/// Whether sums that only grow would be wrong: a record is an event no more, or of another code or KB. What a rollback or noise takes back is
/// counted when it happens.
fn is_recounted(made: &Made) -> bool {
    made.plan.events.iter().any(|(group, tally)| {
        group.change == pipeline::Change::Vanishes
            || tally.fields.contains("codes")
            || tally.fields.contains("other")
    })
}

/// Who did what, before it is done.
async fn note(store: &Store, action: &str, job: &Job) -> anyhow::Result<()> {
    let of = job.selection();
    let action = Action {
        action: action.to_owned(),
        object: job.id.clone(),
        before: json!({ "sequence": job.base, "digest": job.base_digest }).to_string(),
        after: json!({
            "digest": job.digest, "from": date(of.from), "to": date(of.to),
            "endpoints": of.endpoints.len(), "label": job.label, "sources": of.sources,
        })
        .to_string(),
    };
    let (user, now) = (user(), now_ms());
    patiently(|| store.audit(TENANT, &user, now, std::slice::from_ref(&action))).await?;
    Ok(())
}

pub(super) fn apply(arguments: ApplyArguments, is_rollback: bool) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let store = access.store();
        let job = found(store, &arguments.id).await?;
        let (mut id, mut action) = (job.id.clone(), "reprocess.apply");
        note(
            store,
            if is_rollback {
                "reprocess.rollback"
            } else {
                action
            },
            &job,
        )
        .await?;
        if is_rollback {
            let new = NewJob {
                tenant: TENANT.to_owned(),
                id: new_id(),
                actor: user(),
                made_ms: now_ms(),
                ..NewJob::default()
            };
            id = pipeline::roll_back(store, TENANT, &job.id, new).await?.id;
            action = "reprocess.rollback";
        }
        let begun = pipeline::begin(store, TENANT, &id, &user(), now_ms()).await?;
        tracing::debug!(action, id, rule_set = begun.rule_set, "a job is begun");
        let pace = Pace {
            workers: usize::from(arguments.workers),
            max_pending: arguments.max_pending,
            is_waited_for: arguments.wait,
            look: Duration::from_secs(1),
        };
        let bar = Bar::new(arguments.quiet);
        let (shown, started) = (AtomicU64::new(0), AtomicU64::new(0));
        let progress = |step: &JobStep| {
            if started.swap(1, Ordering::Relaxed) == 0 {
                bar.start(step.bytes_total);
            }
            bar.at(phase(&step.phase));
            let before = shown.swap(step.bytes, Ordering::Relaxed);
            bar.add(step.bytes.saturating_sub(before));
        };
        let step = match begun.state() {
            JobState::Applied => pipeline::sweep(store, &begun, pace, &now_ms, &progress).await,
            _ => pipeline::apply(store, &begun, pace, &now_ms, &progress).await,
        };
        bar.end();
        let step = step.with_context(|| {
            format!("job `{id}` was cut short\nhint: `cbsift reprocess apply {id}` goes on")
        })?;
        let job = found(store, &id).await?;
        crate::commands::print(&match arguments.format {
            Format::Text => format!("{}{}", line(&job), told(&step)),
            Format::Json => json_text(&told_json(&job, Some(&step)))?,
        })?;
        access.close().await
    })
}

async fn found(store: &Store, id: &str) -> anyhow::Result<Job> {
    let job = store.job(TENANT, id).await?;
    Ok(job.ok_or_else(|| Misuse(Refused::Unknown(harmless::name(id)).to_string()))?)
}

pub(super) fn status(arguments: StatusArguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let job = found(access.store(), &arguments.id).await?;
        let step = access.store().job_step(TENANT, &job.id).await?;
        crate::commands::print(&match arguments.format {
            Format::Text => {
                let told = step.as_ref().map(told).unwrap_or_default();
                format!("{}{told}", line(&job))
            }
            Format::Json => json_text(&told_json(&job, step.as_ref()))?,
        })?;
        access.close().await
    })
}

pub(super) fn list(arguments: ListArguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    crate::log::start(crate::log::Format::Text);
    run::role(async {
        let access = Access::open(&settings).await?;
        let jobs = access.store().jobs(TENANT).await?;
        crate::commands::print(&match arguments.format {
            Format::Text => jobs.iter().map(line).collect(),
            Format::Json => {
                let jobs: Vec<Value> = jobs.iter().map(|job| told_json(job, None)).collect();
                json_text(&json!({ "version": 1, "jobs": jobs }))?
            }
        })?;
        access.close().await
    })
}
