//! Which records are failure records, whatever their words: an end with a failing result, the origin of a failure, an error with a code.
//!
//! Below the rules: a rule says what a failure means, this says that there was one. What no rule, attempt or later success explains keeps a
//! verdict from being healthy.

use crate::marker::Marked;
use event::{Level, Marker, Source};

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
    pub(crate) component: &'a str,
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
    if seen.source == Source::EventLog || !seen.has_code {
        return None;
    }
    let text = seen.text;
    let is_of = |start: &str| text.starts_with(start);
    if is_of("Startup: Failed to ") {
        return end("startup");
    }
    if is_of("Doqi: Failed") || is_of("Doqe: Failed") {
        return end("driver_queue");
    }
    if text.contains("(F) Installer: ") && text.contains("ErrorCode: ") {
        return end("installer");
    }
    let is_dism = seen.source == Source::Dism || seen.component == "DISM";
    if is_dism && is_failed_command(text) {
        return end("command");
    }
    match seen.source {
        Source::WindowsUpdate => {
            if text.contains("LogHistory called") {
                return end("history");
            }
            if text.contains("BITS job ") && text.contains(" failed") {
                return end("download");
            }
            if seen.level == Level::Error {
                return end("call");
            }
        }
        Source::Setup if text.contains("Hit failure while") => return end("sysprep"),
        _ => {}
    }
    if seen.is_csi_failure && text.contains(" originated in function ") {
        return step("origin");
    }
    // Servicing says most of its failures in records that are no errors by their level.
    let says_failed = seen.source == Source::Cbs
        && seen.component == "CBS"
        && (is_of("Failed to ") || text.contains(": Failed to "));
    if says_failed
        || seen.level == Level::Error
        || (seen.level == Level::Warning && seen.source == Source::WindowsUpdate)
    {
        return step("error");
    }
    None
}

/// The ends that have a marker of their own.
fn marked_end(marked: &Marked<'_>) -> Option<&'static str> {
    let has_failed = marked
        .field("hresult")
        .and_then(|value| u32::from_str_radix(value.trim_start_matches("0x"), 16).ok())
        .is_some_and(|value| value >> 31 == 1 && value != 0x8007_0BC2);
    let what = match marked.marker {
        Marker::CallEnd => return Some("call"),
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

/// The record in which a command of DISM, or a call of its API, says that it failed.
pub(crate) fn is_failed_command(text: &str) -> bool {
    const SAYS: [&str; 3] = [
        "Failed while processing command",
        " internal execution failed",
        "::ExecuteCmdLine(hr:",
    ];
    SAYS.iter().any(|say| text.contains(say))
}
