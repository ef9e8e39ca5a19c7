//! What derivation makes of the events of one endpoint: attempts, and findings with their causes.

use crate::{Code, EventId, LoggedAt, Month, Source, StreamId, UtcMillis};
use serde::{Deserialize, Serialize};

/// What one derivation covers: an endpoint and a month of logged time.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Unit {
    /// Owner of the endpoint.
    pub tenant: String,
    /// The machine.
    pub endpoint: String,
    /// The month in which an attempt starts, or a finding is first seen.
    pub month: Month,
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Installed, or the wanted state reached.
    Succeeded,
    /// Ended with a failure code.
    Failed,
    /// Failed after a reboot and was undone.
    RolledBack,
    /// Waits for a reboot.
    PendingReboot,
    /// A person or a policy stopped it.
    Cancelled,
    /// The log does not say.
    Unknown,
}

impl Outcome {
    /// Every outcome.
    pub const ALL: [Self; 6] = [
        Self::Succeeded,
        Self::Failed,
        Self::RolledBack,
        Self::PendingReboot,
        Self::Cancelled,
        Self::Unknown,
    ];

    /// The name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::RolledBack => "rolled_back",
            Self::PendingReboot => "pending_reboot",
            Self::Cancelled => "cancelled",
            Self::Unknown => "unknown",
        }
    }

    /// Back from [`Outcome::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether it counts as a failure on pages and in alerts.
    pub fn is_failure(self) -> bool {
        matches!(self, Self::Failed | Self::RolledBack)
    }
}

/// How much a finding matters. `Info` never changes a verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Something to look at; nothing failed because of it yet.
    Warning,
    /// Something failed.
    Error,
    /// Something failed and more will.
    Critical,
}

impl Severity {
    /// Every severity, least first.
    pub const ALL: [Self; 4] = [Self::Info, Self::Warning, Self::Error, Self::Critical];

    /// The name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
        }
    }

    /// Back from [`Severity::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|severity| severity.name() == name)
    }
}

/// One try to install or remove one package on one endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Stable within its unit: the identity of the event that names it.
    pub id: EventId,
    /// Package identity, or empty.
    pub package: String,
    /// `KB5014692`, or empty.
    pub kb: String,
    /// Who asked for it.
    pub client: String,
    /// Session id `high_low`, or empty.
    pub session: String,
    /// First record, as logged.
    pub start: Option<LoggedAt>,
    /// Last record, as logged.
    pub end: Option<LoggedAt>,
    /// The start in UTC, where the stream's offset is known.
    pub start_utc: Option<UtcMillis>,
    /// How it ended.
    pub outcome: Outcome,
    /// The code it ended with.
    pub terminal_code: Option<Code>,
    /// Index into the derivation's findings, where the cause is known.
    pub finding: Option<u32>,
}

impl Attempt {
    /// The line of updates each of which holds those before it, by the name that their packages begin with; nothing where the package
    /// belongs to none.
    pub fn cumulative(&self) -> Option<&'static str> {
        const LINES: [&str; 3] = [
            "Package_for_RollupFix",
            "Package_for_DotNetRollup",
            "Package_for_ServicingStack",
        ];
        LINES
            .into_iter()
            .find(|name| self.package.starts_with(name))
    }

    /// The version that the package's identity ends with, `19041.1889.1.9`; zeros where it has none. Windows has no part above 65535.
    pub fn version(&self) -> [u16; 4] {
        let (_, text) = self.package.rsplit_once('~').unwrap_or_default();
        let mut version = [0; 4];
        for (part, text) in version.iter_mut().zip(text.split('.')) {
            *part = text.parse().unwrap_or(0);
        }
        version
    }
}

/// A record that supports a finding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Identity of the event.
    pub id: EventId,
    /// The kind of log it stands in.
    pub source: Source,
    /// The stream it was met in.
    pub stream: StreamId,
    /// Source offset of the record.
    pub offset: u64,
    /// Source bytes of the record.
    pub length: u64,
    /// The record's text, cut at a bound.
    pub text: String,
}

/// Something wrong, with its cause: the cause of failed attempts, or a fault of its own.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable within its unit: the identity of the event that shows the cause.
    pub id: EventId,
    /// The rule that names it, or empty where only the code is known.
    pub rule: String,
    /// Category of the rule, or `unclassified`.
    pub category: String,
    /// How much it matters.
    pub severity: Severity,
    /// The code that started it.
    pub root_code: Option<Code>,
    /// The code the attempt ended with.
    pub terminal_code: Option<Code>,
    /// The object the cause names, or empty.
    pub object: String,
    /// `KB5014692`, or empty.
    pub kb: String,
    /// Package identity, or empty.
    pub package: String,
    /// Component identity, or empty.
    pub component: String,
    /// When, as logged.
    pub logged: Option<LoggedAt>,
    /// When, in UTC, where the stream's offset is known.
    pub utc: Option<UtcMillis>,
    /// 0 to 100.
    pub confidence: u8,
    /// Why that confidence: names of reasons, each a key of the report's texts.
    pub reasons: Vec<String>,
    /// How many attempts, or repeats, it stands for.
    pub count: u32,
    /// The records that show it, the cause first.
    pub evidence: Vec<Evidence>,
}

impl Finding {
    /// The code to name it by: its cause's, else the one that the attempt ended with.
    pub fn code(&self) -> Option<Code> {
        self.root_code.or(self.terminal_code)
    }
}

/// All that was derived for one unit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Derivation {
    /// By start.
    pub attempts: Vec<Attempt>,
    /// Most important first.
    pub findings: Vec<Finding>,
}
