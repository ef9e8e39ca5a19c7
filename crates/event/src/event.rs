//! What classification makes of a record.

use crate::{LoggedAt, StreamId, UtcMillis};
use serde::{Deserialize, Serialize};
use windows_error_codes::Code;

/// The kind of log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// CBS.log, CbsPersist_*.log and the .cab they become.
    Cbs,
    /// dism.log.
    Dism,
    /// setupact.log, setuperr.log.
    Setup,
    /// ReportingEvents.log.
    ReportingEvents,
    /// WindowsUpdate.log, old and new.
    WindowsUpdate,
    /// PFRO.log.
    Pfro,
    /// Windows event logs.
    EventLog,
    /// Logs of ConfigMgr's client: WUAHandler.log, UpdatesDeployment.log, …
    Configmgr,
    /// Logs of Intune's agent on the PC: IntuneManagementExtension.log, …
    Intune,
}

impl Source {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::Cbs,
        Self::Dism,
        Self::Setup,
        Self::ReportingEvents,
        Self::WindowsUpdate,
        Self::Pfro,
        Self::EventLog,
        Self::Configmgr,
        Self::Intune,
    ];

    /// The name in routes, tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cbs => "cbs",
            Self::Dism => "dism",
            Self::Setup => "setup",
            Self::ReportingEvents => "reporting_events",
            Self::WindowsUpdate => "windows_update",
            Self::Pfro => "pfro",
            Self::EventLog => "event_log",
            Self::Configmgr => "configmgr",
            Self::Intune => "intune",
        }
    }

    /// Back from [`Source::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|source| source.name() == name)
    }
}

/// A record's level as logged. A weak feature: most real evidence is at level Info.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// No level was read.
    #[default]
    Unknown,
    /// `Info`
    Info,
    /// `Warning`
    Warning,
    /// `Error`
    Error,
}

impl Level {
    /// The name in tables and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }

    /// Back from [`Level::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Unknown, Self::Info, Self::Warning, Self::Error]
            .into_iter()
            .find(|level| level.name() == name)
    }
}

/// Identity of an event: a hash of tenant, endpoint, source, time as logged and text; in event logs of channel, provider, event id, record id and UTC time.
/// The same event wherever its bytes are met again: in a re-send, a rotated file, a cab, a copy with other line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EventId(pub u64);

/// What a record marks in the life of a session or an installation.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// None of the below.
    #[default]
    None,
    /// `Loaded Servicing Stack v… with Core: …`
    StackLoaded,
    /// `Exec: Addsource called, Session: S, …, Path: P`
    SourceAdded,
    /// `Session: S finalized. …` with a failure or a reboot. (The end of an asynchronous session means only that it was accepted.)
    SessionEnd,
    /// `Exec: Processing started.  Client: C, Session: S, Package: P, …`
    ExecStart,
    /// `Exec: Session processing started. …, Session(Store Corruption Detect/Repair): S`
    RepairStart,
    /// `Exec: Processing complete.  Session: S, Package: P, Identifier: KB, [HRESULT = …]`
    ExecEnd,
    /// `Exec: Processing complete, session(Corruption Repairing|Detecting): S [HRESULT = …]`
    RepairEnd,
    /// `Failed to process single phase execution. …`
    PhaseFailed,
    /// `WER: Generating failure report for package: P, status: …`
    FailureReport,
    /// `Reporting package change completion for package: P, …`
    ChangeReport,
    /// `Startup: Package: P completed startup processing, …`
    StartupEnd,
    /// `Startup: Processing complete. …`
    StartupProcessed,
    /// `Setting ExecuteState key to: …`
    ExecState,
    /// `Retrieved|Setting original failure status: …`
    OriginalFailure,
    /// A CheckSUR summary (`Summary:` / `Operation:` / `Operation result:` …).
    CheckSur,
    /// `[SR] Cannot repair member file …`
    SfcCannotRepair,
    /// `[SR] Repairing corrupted file …`, or repaired from the store.
    SfcRepaired,
    /// `CBS package identity: P`: what the update agent's next result is about.
    AgentTarget,
    /// `147 [AGENT_DETECTION_FINISHED] …` or `148 [AGENT_DETECTION_FAILED] …`: the agent asked a service for updates.
    DetectionEnd,
    /// `DISM.EXE: Executing command line: …`
    CommandStart,
    /// `DISM.EXE: <----- Ending Dism.exe session ----->`, or the record in which a command failed.
    CommandEnd,
    /// `… call complete (succeeded = 0, …, failed = 1, …)`: a call of the update agent that failed for some updates.
    CallEnd,
    /// `ExecuteOperations: Successfully processed execution phase …`: Setup came to the end of a phase, whatever it had to try again.
    SetupPhaseDone,
    /// An event log or the update agent says that an update was installed.
    UpdateInstalled,
    /// A record above a failure that names what was being worked on: the package that is staged, the file that is written, the program that is run.
    WorkedOn,
}

impl Marker {
    /// Every marker.
    pub const ALL: [Self; 26] = [
        Self::None,
        Self::StackLoaded,
        Self::SourceAdded,
        Self::SessionEnd,
        Self::ExecStart,
        Self::RepairStart,
        Self::ExecEnd,
        Self::RepairEnd,
        Self::PhaseFailed,
        Self::FailureReport,
        Self::ChangeReport,
        Self::StartupEnd,
        Self::StartupProcessed,
        Self::ExecState,
        Self::OriginalFailure,
        Self::CheckSur,
        Self::SfcCannotRepair,
        Self::SfcRepaired,
        Self::AgentTarget,
        Self::DetectionEnd,
        Self::CommandStart,
        Self::CommandEnd,
        Self::CallEnd,
        Self::SetupPhaseDone,
        Self::UpdateInstalled,
        Self::WorkedOn,
    ];

    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "",
            Self::StackLoaded => "stack_loaded",
            Self::SourceAdded => "source_added",
            Self::SessionEnd => "session_end",
            Self::ExecStart => "exec_start",
            Self::RepairStart => "repair_start",
            Self::ExecEnd => "exec_end",
            Self::RepairEnd => "repair_end",
            Self::PhaseFailed => "phase_failed",
            Self::FailureReport => "failure_report",
            Self::ChangeReport => "change_report",
            Self::StartupEnd => "startup_end",
            Self::StartupProcessed => "startup_processed",
            Self::ExecState => "exec_state",
            Self::OriginalFailure => "original_failure",
            Self::CheckSur => "check_sur",
            Self::SfcCannotRepair => "sfc_cannot_repair",
            Self::SfcRepaired => "sfc_repaired",
            Self::AgentTarget => "agent_target",
            Self::DetectionEnd => "detection_end",
            Self::CommandStart => "command_start",
            Self::CommandEnd => "command_end",
            Self::CallEnd => "call_end",
            Self::SetupPhaseDone => "setup_phase_done",
            Self::UpdateInstalled => "update_installed",
            Self::WorkedOn => "worked_on",
        }
    }

    /// Back from [`Marker::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|marker| marker.name() == name)
    }

    /// Whether every event it marks is a landmark, see [`Event::is_landmark`].
    pub fn is_landmark(self) -> bool {
        matches!(
            self,
            Self::SessionEnd
                | Self::ExecStart
                | Self::RepairStart
                | Self::ExecEnd
                | Self::RepairEnd
                | Self::FailureReport
                | Self::ChangeReport
                | Self::StartupEnd
                | Self::DetectionEnd
                | Self::CommandStart
                | Self::CommandEnd
                | Self::SetupPhaseDone
                | Self::UpdateInstalled
        )
    }
}

/// What classification made of a record that means something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Identity.
    pub id: EventId,
    /// The kind of log it stands in.
    pub source: Source,
    /// The stream it was met in.
    pub stream: StreamId,
    /// Source offset of the record.
    pub offset: u64,
    /// Source bytes of the record.
    pub length: u64,
    /// The record may go on: it ended an open chunk.
    pub open: bool,
    /// The head's time; absent where the text has no heads. Event logs keep UTC, so there it is UTC's.
    pub logged: Option<LoggedAt>,
    /// The record's own UTC stamp (CSI records, event logs).
    pub stamp: Option<UtcMillis>,
    /// Level as logged.
    pub level: Level,
    /// Component as logged; may be empty.
    pub component: String,
    /// What it marks.
    pub marker: Marker,
    /// Its failure codes that are not noise, ascending, each once.
    pub codes: Vec<Code>,
    /// The rule that decided, or empty.
    pub rule: String,
    /// The object the record names: a file, key, component or package.
    pub object: String,
    /// `KB5014692`, or empty.
    pub kb: String,
    /// Package identity, or empty.
    pub package: String,
    /// Component identity, or empty.
    pub component_identity: String,
    /// Session id `high_low`, or empty.
    pub session: String,
    /// Client of the session, or empty.
    pub client: String,
    /// The trace id (`#34109804#`) that chains one failure as it unwinds, or empty.
    pub trace: String,
    /// Further extracted fields by name, ascending.
    pub fields: Vec<(String, String)>,
    /// The record's text with its pieces joined, cut at a bound.
    pub text: String,
}

impl Event {
    /// Whether what other days tell may depend on it: it begins, changes or ends a try, says what went well after all, or is known to a
    /// rule. Every other event matters to its own day and the next alone.
    pub fn is_landmark(&self) -> bool {
        !self.rule.is_empty() || self.marker.is_landmark()
    }
}

impl Event {
    /// A further extracted field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// A harmless look-alike: kept as one member of a set, counted on request, never alerted on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Noise {
    /// Identity of the record.
    pub id: EventId,
    /// The kind of log it stands in.
    pub source: Source,
    /// The stream it was met in.
    pub stream: StreamId,
    /// Source offset of the record.
    pub offset: u64,
    /// Source bytes of the record.
    pub length: u64,
    /// The record may go on: it ended an open chunk.
    pub open: bool,
    /// The head's time.
    pub logged: Option<LoggedAt>,
    /// The rule that says so.
    pub rule: String,
    /// The code it excuses, or none where the rule names no code.
    pub code: Option<Code>,
    /// Session it names, or empty.
    pub session: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for marker in Marker::ALL {
            assert_eq!(Marker::from_name(marker.name()), Some(marker));
        }
        for source in Source::ALL {
            assert_eq!(Source::from_name(source.name()), Some(source));
        }
    }
}
