//! Which records are failure records, whatever their words: an end with a failing result, the origin of a failure, an error with a code.
//!
//! Below the rules: a rule says what a failure means, this says that there was one. What no rule, attempt or later success explains keeps a
//! verdict from being healthy.

use crate::marker::Marked;
use event::{Code, Level, Marker, Source};
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Searches that most records with a code are asked, made once.
struct Said {
    installer: Finder<'static>,
    failed_to: Finder<'static>,
}

static SAID: LazyLock<Said> = LazyLock::new(|| Said {
    installer: Finder::new("(F) Installer: "),
    failed_to: Finder::new(": Failed to "),
});

/// A record that says that something failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FailureRecord {
    /// What failed, as part of the id of the rule `unexplained_<source>_<what>`.
    pub(crate) what: &'static str,
    /// Something ended with it. Else it is a step on the way, which may have been tolerated.
    pub(crate) is_end: bool,
}

/// What a record looks like to this layer.
pub(crate) struct Seen<'a> {
    pub(crate) source: Source,
    pub(crate) level: Level,
    pub(crate) text: &'a str,
    pub(crate) marked: &'a Marked<'a>,
    /// It carries a failing code that is not the thread's stale last error.
    pub(crate) has_code: bool,
    /// A CSI record with the flag `(F)`.
    pub(crate) is_csi_failure: bool,
}

/// The failure that a record says, if any.
pub(crate) fn read(seen: &Seen<'_>) -> Option<FailureRecord> {
    let end = |what| Some(FailureRecord { what, is_end: true });
    let step = |what| {
        Some(FailureRecord {
            what,
            is_end: false,
        })
    };
    if let Some(what) = marked_end(seen.marked) {
        return end(what);
    }
    let text = seen.text;
    if seen.source == Source::WindowsUpdate && text.starts_with("WS error: There was an error") {
        return step("search");
    }
    if seen.source == Source::EventLog || !seen.has_code {
        return None;
    }
    let is_of = |start: &str| text.starts_with(start);
    if is_of("Startup: Failed to ") {
        return end("startup");
    }
    if is_of("Doqi: Failed") || is_of("Doqe: Failed") {
        return end("driver_queue");
    }
    let holds = |said: &Finder| said.find(text.as_bytes()).is_some();
    if holds(&SAID.installer) && text.contains("ErrorCode: ") {
        return end("installer");
    }
    let ended = match seen.source {
        Source::WindowsUpdate => agent_end(seen),
        Source::Setup => setup_end(text),
        _ => None,
    };
    if let Some(what) = ended {
        return end(what);
    }
    if seen.source == Source::WindowsUpdate && is_search(text) {
        return step("search");
    }
    if seen.is_csi_failure && text.contains(" originated in function ") {
        return step("origin");
    }
    // Servicing says most of its failures in records that are no errors by their level.
    let says_failed = seen.source == Source::Cbs && (is_of("Failed to ") || holds(&SAID.failed_to));
    if says_failed
        || seen.level == Level::Error
        || (seen.level == Level::Warning && seen.source == Source::WindowsUpdate)
    {
        return step("error");
    }
    None
}

/// What ended with a record of the update agent, of any generation.
fn agent_end(seen: &Seen<'_>) -> Option<&'static str> {
    let text = seen.text;
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    // What the agent finds nothing to do for is no failure.
    if text.contains("0x8024000C") || text.contains("0x8024000c") {
        return None;
    }
    if text.contains("LogHistory called") {
        return Some("history");
    }
    if (text.contains("BITS job ") || text.contains("DO job ")) && text.contains(" failed")
        || says(&["occurred while downloading update; notifying dependent calls"])
    {
        return Some("download");
    }
    if says(&[
        "Failed to find updates with error code",
        "WU client failed Searching",
        "Search callback failed",
        "Failed to synchronize, error",
    ]) {
        return Some("search");
    }
    if says(&[
        "Install failed, error = ",
        "install completed. Return code = ",
    ]) {
        return Some("install");
    }
    if says(&["Call error code = ", "WARNING: Exit code = "]) || seen.level == Level::Error {
        return Some("call");
    }
    None
}

/// Requests of a search for updates: a later search that goes well makes up for them.
fn is_search(text: &str) -> bool {
    const WARNINGS: [&str; 7] = [
        "PTError: ",
        "SyncUpdates",
        "SendRequest",
        "Send failed with hr",
        "Web service call failed",
        "GetConfig failure",
        "GetCookie failure",
    ];
    // Since Windows 10 each inner call that did not go well is traced alike.
    const TRACED: [&str; 9] = [
        "Send request",
        "SendRequest",
        "Sync of Updates",
        "SyncUpdates",
        "Search failed",
        "Finding updates",
        "Web service call",
        "Library download error",
        "GetConfig",
    ];
    let (said, words) = match text.split_once("FAILED* [") {
        Some((_, traced)) => (traced, TRACED.as_slice()),
        None => (text, WARNINGS.as_slice()),
    };
    words.iter().any(|word| said.contains(word))
}

/// What ended with a record of Setup or sysprep.
fn setup_end(text: &str) -> Option<&'static str> {
    const SYSPREP: [&str; 2] = ["Hit failure while", "halting sysprep execution"];
    const OPERATION: [&str; 4] = [
        "Operation failed: ",
        "Operation execution failed: ",
        "Execution of operations queue failed",
        "Migration will abort",
    ];
    let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if says(&SYSPREP) {
        return Some("sysprep");
    }
    // Setup hands over to a newer copy of itself, which goes on.
    let is_handed_over = says(&["0x800705BB", "0x800705bb"]);
    if says(&OPERATION) || (text.contains("CSetupHost::Execute(") && !is_handed_over) {
        return Some("operation");
    }
    None
}

/// The ends that have a marker of their own.
fn marked_end(marked: &Marked<'_>) -> Option<&'static str> {
    let has_failed = marked
        .field("hresult")
        .and_then(|value| u32::from_str_radix(value.trim_start_matches("0x"), 16).ok())
        .is_some_and(|value| Code::new(value).is_failure());
    let what = match marked.marker {
        Marker::CallEnd => return Some("call"),
        Marker::DetectionEnd if marked.field("hresult").is_some() => "search",
        Marker::CommandEnd if marked.field("failure").is_some() => return Some("command"),
        Marker::SessionEnd => "session",
        Marker::ExecEnd => "execution",
        Marker::RepairEnd => "repair",
        Marker::PhaseFailed => "execution",
        Marker::FailureReport | Marker::ChangeReport => "package",
        Marker::StartupEnd => "package",
        Marker::StartupProcessed => "startup",
        _ => return None,
    };
    has_failed.then_some(what)
}

/// A command that found no image to work on, and says so without a code.
pub(crate) const NO_IMAGE: &str = "DISM.EXE: Failed to access the image folder";

/// What says that a command of DISM, or a call of its API, failed.
pub(crate) const COMMAND_FAILED: [&str; 7] = [
    "Failed while processing command",
    " internal execution failed",
    "InternalExecute failed",
    "::ExecuteCmdLine(hr:",
    "::InternalExecute(hr:",
    "processed the command line but failed",
    NO_IMAGE,
];

/// The record in which a command of DISM, or a call of its API, says that it failed.
pub(crate) fn is_failed_command(text: &str) -> bool {
    COMMAND_FAILED.iter().any(|say| text.contains(say))
}
