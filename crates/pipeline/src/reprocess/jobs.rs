//! Which job may be done now, and with which rules.

use crate::rule_sets::{self, publish};
use classify::Rules;
use std::sync::Arc;
use store::{Job, JobState, NewJob, RuleSet, RuleSetOrigin, Store};

/// Why a job is not done. Nothing was changed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Refused {
    /// No such job.
    #[error("there is no job `{0}`\nhint: `cbsift reprocess jobs` lists them")]
    Unknown(String),
    /// What it would change is known against rules that are no longer in use.
    #[error(
        "the diff of job `{id}` is older than the rules in use: it was made against rule set {base}, and {newest} is the newest one\n\
         hint: make another one with `cbsift reprocess run`"
    )]
    Older {
        /// Which job.
        id: String,
        /// The rule set that it was compared with.
        base: u32,
        /// The newest rule set.
        newest: u32,
    },
    /// Somebody published rules after it was begun.
    #[error(
        "rule set {newest} was published after job `{id}`, which made {own} the newest one\n\
         hint: `cbsift reprocess run` says what the rules in use would change"
    )]
    Overtaken {
        /// Which job.
        id: String,
        /// Its rule set.
        own: u32,
        /// The newest rule set.
        newest: u32,
    },
    /// Another one is under way.
    #[error(
        "job `{other}` is under way or was cut short\nhint: end it first with `cbsift reprocess apply {other}`, or take it back with `cbsift reprocess rollback {other}`"
    )]
    Busy {
        /// Which.
        other: String,
    },
    /// Endpoints are being merged.
    #[error(
        "endpoints are being merged, whose rows a job would write again\nhint: end it first; `cbsift endpoints alias list` says which"
    )]
    Merging,
    /// It is not in a state for that.
    #[error("job `{id}` is {state}{hint}")]
    State {
        /// Which job.
        id: String,
        /// Where it stands.
        state: &'static str,
        /// The way out.
        hint: &'static str,
    },
    /// This build reads rules otherwise than the one that made the diff.
    #[error(
        "the diff of job `{0}` was made by another build, which reads records otherwise\nhint: make another one with `cbsift reprocess run`"
    )]
    OtherBuild(String),
    /// Nothing to go back to.
    #[error("no other rule set was published before job `{0}`, so there is none to go back to")]
    NoneBefore(String),
}

/// The rules of a job, as they load in this build.
pub(super) fn rules_of(job: &Job) -> anyhow::Result<Arc<Rules>> {
    let rules = rule_sets::load(&job.files()).map_err(|faults| {
        let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow::anyhow!(
            "the rules of job `{}` do not load: {}",
            job.id,
            faults.join("; ")
        )
    })?;
    if rules.digest() != job.digest {
        return Err(Refused::OtherBuild(job.id.clone()).into());
    }
    Ok(Arc::new(rules))
}

/// Takes up a job: its rules are the newest ones from now on, for what arrives too, and it is under way. A job that was taken up already
/// is taken up again.
pub async fn begin(
    store: &Store,
    tenant: &str,
    id: &str,
    actor: &str,
    now_ms: i64,
) -> anyhow::Result<Job> {
    let Some(mut job) = store.job(tenant, id).await? else {
        return Err(Refused::Unknown(id.to_owned()).into());
    };
    let rules = rules_of(&job)?;
    let jobs = store.jobs(tenant).await?;
    // A rollback takes back the job that was under way.
    let busy = jobs.iter().find(|other| {
        other.id != job.id && other.id != job.undoes && other.state() == JobState::Applying
    });
    if let Some(other) = busy {
        return Err(Refused::Busy {
            other: other.id.clone(),
        }
        .into());
    }
    if store.standing_aliases().await?.is_merging() {
        return Err(Refused::Merging.into());
    }
    let (newest, digest) = store.rule_set().await?.unwrap_or_default();
    match job.state() {
        JobState::RolledBack => Err(Refused::State {
            id: id.to_owned(),
            state: JobState::RolledBack.name(),
            hint: "\nhint: make another one with `cbsift reprocess run`",
        }
        .into()),
        JobState::Planned => {
            let is_base = newest == job.base && digest == job.base_digest;
            // Published and then cut short, or by hand: nothing else was in between.
            let is_own = newest == job.base.saturating_add(1) && digest == job.digest;
            if !is_base && !is_own {
                return Err(Refused::Older {
                    id: id.to_owned(),
                    base: job.base,
                    newest,
                }
                .into());
            }
            job.rule_set = newest;
            if digest != rules.digest() {
                let origin = RuleSetOrigin::from_name(&job.origin);
                job.rule_set = publish(store, &job.files(), origin).await?.sequence;
            }
            let job = job.with_state(JobState::Applying, actor, now_ms);
            store.put_job(&job).await?;
            Ok(job)
        }
        JobState::Applying | JobState::Applied => {
            if newest != job.rule_set {
                return Err(Refused::Overtaken {
                    id: id.to_owned(),
                    own: job.rule_set,
                    newest,
                }
                .into());
            }
            Ok(job)
        }
    }
}

/// Makes the job that takes another one back, or finds the one that was made: the rules before it, published again, on the same chunks and
/// on what came since. It is still to be begun.
pub async fn roll_back(store: &Store, tenant: &str, id: &str, new: NewJob) -> anyhow::Result<Job> {
    let Some(undone) = store.job(tenant, id).await? else {
        return Err(Refused::Unknown(id.to_owned()).into());
    };
    let hint = match undone.state() {
        JobState::Applying | JobState::Applied => None,
        JobState::Planned => Some("\nhint: it has changed nothing yet"),
        JobState::RolledBack => Some(""),
    };
    if let Some(hint) = hint {
        return Err(Refused::State {
            id: id.to_owned(),
            state: undone.state().name(),
            hint,
        }
        .into());
    }
    let jobs = store.jobs(tenant).await?;
    let begun = jobs
        .iter()
        .find(|job| job.undoes == id && job.state() != JobState::RolledBack);
    if let Some(begun) = begun {
        let begun = store.job(tenant, &begun.id).await?;
        return begun.ok_or_else(|| Refused::Unknown(id.to_owned()).into());
    }
    let (newest, _) = store.rule_set().await?.unwrap_or_default();
    if newest != undone.rule_set {
        return Err(Refused::Overtaken {
            id: id.to_owned(),
            own: undone.rule_set,
            newest,
        }
        .into());
    }
    let before = store.rule_set_before(undone.base, &undone.digest).await?;
    let Some(RuleSet { sequence, set }) = before.filter(|set| !set.set.files.is_empty()) else {
        return Err(Refused::NoneBefore(id.to_owned()).into());
    };
    let rules = rule_sets::load(&set.files).map_err(|_| Refused::NoneBefore(id.to_owned()))?;
    let new = NewJob {
        digest: rules.digest().to_owned(),
        origin: set.origin.name().to_owned(),
        files: set.files,
        base: (undone.rule_set, undone.digest.clone()),
        ..new
    };
    let job = undone.undone_by(new, sequence);
    store.put_job(&job).await?;
    Ok(job)
}

/// Texts of rule files as a job keeps them.
pub fn files_of(files: &[(&str, &str)]) -> Vec<(String, String)> {
    let files = files.iter();
    files
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
        .collect()
}
