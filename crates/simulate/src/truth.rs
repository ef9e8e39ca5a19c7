//! What was planted: the answers a correct reader of the logs must give.

use event::Outcome;
use serde::{Deserialize, Serialize};

/// Everything planted on one endpoint. Its JSON form is stable; fields may be added.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Version of this form, 1.
    pub version: u32,
    /// The endpoint's id.
    pub id: String,
    /// Host name.
    pub host: String,
    /// Where it stands: the first letters of its host name.
    #[serde(default)]
    pub site: String,
    /// What it is, made up.
    #[serde(default)]
    pub model: String,
    /// `pilot`, `early` or `broad`.
    #[serde(default)]
    pub ring: String,
    /// `Windows 10 22H2`
    pub windows: String,
    /// Version prefix of its components, `10.0.19041`.
    pub build: String,
    /// As its `Loaded Servicing Stack` lines say.
    pub servicing_stack: String,
    /// UTC offset of its heads, `+08:00`.
    pub offset: String,
    /// The files written.
    pub files: Vec<TruthFile>,
    /// Every attempt to install a package, by start.
    pub attempts: Vec<TruthAttempt>,
    /// What is wrong but is no attempt: repairs and sfc runs that failed, and repairs that were cancelled.
    pub findings: Vec<TruthFinding>,
    /// Records that carry a code which is harmless there, per source, kind and code.
    pub noise: Vec<TruthNoise>,
}

/// One file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthFile {
    /// Below the endpoint's root, `Windows/Logs/CBS/CBS.log`.
    pub path: String,
    /// `cbs`, `dism`, `setup` or `reporting_events`.
    pub source: String,
    /// Size.
    pub bytes: u64,
    /// Logical records: continuation heads of a cut CSI record are no records.
    pub records: u64,
}

/// One try to install a package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthAttempt {
    /// `KB5014692`; empty for features, whose `KB777778` is a placeholder.
    pub kb: String,
    /// Package identity.
    pub package: String,
    /// Who asked.
    pub client: String,
    /// `high_low`
    pub session: String,
    /// Head of `Session: … initialized` and of `Exec: Processing started`, which stand in the same second.
    pub start: String,
    /// Head of the record that says the outcome: `Exec: Processing complete`, or after a reboot the last `completed startup processing`.
    pub end: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Failure code it ended with.
    pub terminal_code: Option<String>,
    /// Why; nothing where it did not fail.
    pub cause: Option<TruthCause>,
}

/// A repair or sfc run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthFinding {
    /// `repair` or `sfc`.
    pub kind: String,
    /// Who asked; empty for sfc.
    pub client: String,
    /// `high_low`; empty for sfc.
    pub session: String,
    /// Head of its first record.
    pub start: String,
    /// Head of its last record.
    pub end: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Failure code it ended with.
    pub terminal_code: Option<String>,
    /// Why.
    pub cause: Option<TruthCause>,
}

/// Why something failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthCause {
    /// As the rules name it, `filesystem_corruption`.
    pub category: String,
    /// The code that started it; nothing where the log names none.
    pub root_code: Option<String>,
    /// The file, directory, package or installer at fault; empty where the log names none. Paths are without `\??\`.
    pub object: String,
    /// The signature it is written from, by its name in the domain notes.
    pub rule_hint: String,
}

/// Harmless records of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TruthNoise {
    /// The kind of log.
    pub source: String,
    /// What they are, [`NoiseKind::name`].
    pub kind: String,
    /// The code they carry.
    pub code: String,
    /// Records.
    pub count: u64,
    /// Distinct records: equal text in the same second counts once.
    pub distinct: u64,
}

/// A kind of harmless record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NoiseKind {
    /// The update agent asks for a package that is not installed.
    PackageNotInstalled,
    /// Windows 7's parser meets newer manifests.
    NewerManifest,
    /// Telemetry upload is off.
    TelemetryUpload,
    /// An optional registry value is not there.
    OptionalValue,
    /// An optional file for an error report is not there.
    ErrorReport,
    /// A temporary directory is deleted in place instead.
    TemporaryDirectory,
    /// The store corruption report or the repair flag is not there.
    StoreBookkeeping,
    /// The clock went backwards.
    ClockWentBack,
    /// Error level, but only a question about an old package.
    PartiallyInstalled,
    /// A user-interface helper or the event log did not answer.
    SideActivity,
    /// The log's own backup failed.
    LogBackup,
    /// DISM tries a provider that this edition does not have.
    DismProbe,
    /// A download was cancelled, which the report calls a success.
    DownloadCancelled,
    /// `[gle=0x80004005]` on a CSI failure record: the record is evidence, but this code on it is a leftover of the thread and no cause.
    StaleLastError,
}

impl NoiseKind {
    /// The name in the truth.
    pub fn name(self) -> &'static str {
        match self {
            Self::PackageNotInstalled => "package_not_installed",
            Self::NewerManifest => "newer_manifest",
            Self::TelemetryUpload => "telemetry_upload",
            Self::OptionalValue => "optional_value",
            Self::ErrorReport => "error_report",
            Self::TemporaryDirectory => "temporary_directory",
            Self::StoreBookkeeping => "store_bookkeeping",
            Self::ClockWentBack => "clock_went_back",
            Self::PartiallyInstalled => "partially_installed",
            Self::SideActivity => "side_activity",
            Self::LogBackup => "log_backup",
            Self::DismProbe => "dism_probe",
            Self::DownloadCancelled => "download_cancelled",
            Self::StaleLastError => "stale_last_error",
        }
    }
}

/// The text form of a code: `0x` and eight lower-case hex digits.
pub(crate) fn code_text(code: u32) -> String {
    format!("{code:#010x}")
}
