//! What a rule of alerts says.

use crate::{message::Text, trial::Case};
use std::collections::BTreeMap;
use std::time::Duration;
use store::AlertBy;

/// Which language of rules this build speaks. Raise it when a rule may say more than before: a build evaluates no set of a greater one.
pub(crate) const LANGUAGE: u32 = 4;

/// What a rule counts. All of them are figures of the pages or of the store's own state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Figure {
    /// PCs that fail now.
    Failing,
    /// PCs that wait for a restart.
    Restart,
    /// PCs that fail by a cause that was first seen less than a day ago.
    NewCause,
    /// PCs that fail by a cause by which nobody failed a day ago, but somebody before.
    CauseBack,
    /// PCs that have sent nothing for a week.
    Silent,
    /// PCs whose newest log is of a time that no clock on earth shows yet.
    ClockAhead,
    /// PCs of which a part of a log was lost for good, first told of within a day.
    Gaps,
    /// PCs that several machines send as, two of them within a week.
    Clones,
    /// For how long no log of any PC has arrived, in seconds.
    NobodyHeard,
    /// Units that are left to derive.
    PendingUnits,
    /// How long the oldest of them has waited, in seconds.
    PendingSeconds,
    /// Dead letters that wait for somebody.
    DeadLetters,
    /// Units whose derivation fails by itself.
    DeadUnits,
    /// Ranges of a topic that were gone before they were read, within a day.
    TopicGaps,
    /// Parts of the store that were lost within a week.
    LostParts,
    /// How long alerts have not been evaluated as a whole, in seconds.
    EvaluationLag,
    /// What a question of the site's own answers.
    Sql,
}

impl Figure {
    /// All of them.
    pub const ALL: [Self; 17] = [
        Self::Failing,
        Self::Restart,
        Self::NewCause,
        Self::CauseBack,
        Self::Silent,
        Self::ClockAhead,
        Self::Gaps,
        Self::Clones,
        Self::NobodyHeard,
        Self::PendingUnits,
        Self::PendingSeconds,
        Self::DeadLetters,
        Self::DeadUnits,
        Self::TopicGaps,
        Self::LostParts,
        Self::EvaluationLag,
        Self::Sql,
    ];

    /// The name in rules.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failing => "failing",
            Self::Restart => "restart",
            Self::NewCause => "new_cause",
            Self::CauseBack => "cause_back",
            Self::Silent => "silent",
            Self::ClockAhead => "clock_ahead",
            Self::Gaps => "gaps",
            Self::Clones => "clones",
            Self::NobodyHeard => "nobody_heard",
            Self::PendingUnits => "pending_units",
            Self::PendingSeconds => "pending_seconds",
            Self::DeadLetters => "dead_letters",
            Self::DeadUnits => "dead_units",
            Self::TopicGaps => "topic_gaps",
            Self::LostParts => "lost_parts",
            Self::EvaluationLag => "evaluation_lag",
            Self::Sql => "sql",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|figure| figure.name() == name)
    }

    /// Whether it counts PCs by what they tried.
    pub fn is_of_tries(self) -> bool {
        matches!(
            self,
            Self::Failing | Self::Restart | Self::NewCause | Self::CauseBack
        )
    }

    /// Whether it is about one cause each.
    pub fn is_of_trends(self) -> bool {
        matches!(self, Self::NewCause | Self::CauseBack)
    }

    /// Whether it counts PCs by how they report, and not by what they tried.
    pub fn is_of_reports(self) -> bool {
        matches!(
            self,
            Self::Silent | Self::ClockAhead | Self::Gaps | Self::Clones
        )
    }
}

/// How much it matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Somebody looks when there is time.
    Info,
    /// Somebody looks today.
    Warning,
    /// Somebody looks now.
    Critical,
}

impl Severity {
    /// The name in rules and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        [Self::Info, Self::Warning, Self::Critical]
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

/// What narrows a figure.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Narrow {
    /// One update.
    pub kb: Option<String>,
    /// All updates but these.
    pub except_kbs: Vec<String>,
    /// Failures by causes of these categories.
    pub categories: Vec<String>,
    /// Failures by causes that these rules name, as ids of the pages (`rule~0x…`).
    pub causes: Vec<String>,
    /// PCs with all of these labels.
    pub labels: Vec<(String, String)>,
    /// Only PCs whose failure is as old, …
    pub after: Duration,
    /// … or that failed so often; 0 = however often.
    pub tries: u64,
}

/// What a figure must reach: the greater of both.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Threshold {
    /// So much.
    pub at_least: f64,
    /// So much of those that tried.
    pub share: Option<f64>,
}

impl Threshold {
    /// What the figure must reach where so many tried.
    pub fn of(self, of: Option<f64>) -> f64 {
        match (self.share, of) {
            (Some(share), Some(of)) => self.at_least.max(share * of),
            _ => self.at_least,
        }
    }
}

/// What a figure must reach where it is known how the update before fared when it was as old: the greater of both, in place of the threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Baseline {
    /// So many times the share of that one.
    pub factor: f64,
    /// So much.
    pub at_least: f64,
}

impl Baseline {
    /// What the figure must reach where so many tried and this share of those that tried the update before failed.
    fn of(self, of: f64, before: f64) -> f64 {
        self.at_least.max(self.factor * before * of)
    }
}

/// A rule.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Stable name, for labels and addresses.
    pub name: String,
    /// How much it matters.
    pub severity: Severity,
    /// What a message is called, with fields in braces.
    pub title: Text,
    /// The case that it is for.
    pub about: Text,
    /// What else a message says, with fields in braces.
    pub text: Text,
    /// What it counts.
    pub figure: Figure,
    /// What of it.
    pub narrow: Narrow,
    /// The question of a rule that counts by SQL, and empty in all others.
    pub sql: String,
    /// By what; none = all together.
    pub group_by: Vec<AlertBy>,
    /// When it is met.
    pub threshold: Threshold,
    /// What it is compared with in place of that, where there is something to compare with.
    pub baseline: Option<Baseline>,
    /// It must be met for so long before it fires.
    pub hold: Duration,
    /// It must not be met for so long before it is resolved.
    pub keep_firing: Duration,
    /// Labels of its messages beside those of its groups.
    pub labels: BTreeMap<String, String>,
    /// Where it is written what to do, or empty.
    pub runbook: String,
    /// Receivers of its messages; none = all.
    pub receivers: Vec<String>,
    /// Its own tests.
    pub tests: Vec<Case>,
}

impl Rule {
    /// What its figure must reach where so many tried; `before` is the share of those that failed the update before, where it is known.
    pub fn must_reach(&self, of: Option<f64>, before: Option<f64>) -> f64 {
        match (self.baseline, of, before) {
            (Some(baseline), Some(of), Some(before)) => baseline.of(of, before),
            _ => self.threshold.of(of),
        }
    }

    /// What its figure must reach in any case.
    pub(crate) fn must_reach_anyhow(&self) -> f64 {
        let baseline = self.baseline.map(|baseline| baseline.at_least);
        baseline.map_or(self.threshold.at_least, |baseline| {
            baseline.min(self.threshold.at_least)
        })
    }
}

/// The name of what a rule groups by, as labels of its groups have it.
pub fn by_name(by: &AlertBy) -> &str {
    match by {
        AlertBy::Kb => "kb",
        AlertBy::Cause => "cause",
        AlertBy::Label(label) => label,
    }
}
