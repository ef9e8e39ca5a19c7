//! Which records mark a step in the life of a session or an installation, and the fields they carry.

use crate::failure;
use aho_corasick::{AhoCorasick, MatchKind};
use event::{Marker, Source};
use parse::event_json::WindowsEvent;
use std::sync::LazyLock;

/// A marker and its fields, ascending by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marked<'a> {
    pub(crate) marker: Marker,
    pub(crate) client: &'a str,
    pub(crate) fields: Vec<(&'static str, &'a str)>,
}

/// Literals one of which, or of [`failure::COMMAND_FAILED`], stands in every marking record.
pub(crate) const LITERALS: [&str; 35] = [
    " finalized. Reboot",
    "Exec: Addsource called",
    "rocessing started.",
    "Exec: Processing complete",
    "WER: Generating failure report",
    "Reporting package change completion",
    "completed startup processing",
    "Startup: Processing complete",
    "Setting ExecuteState key",
    "original failure status: ",
    "Failed to process single phase",
    "Checking System Update Readiness",
    "Loaded Servicing Stack ",
    "[SR] Cannot repair member file ",
    "[SR] Repairing corrupted file ",
    "[SR] Repairing file ",
    "[SR] Repaired file ",
    AGENT_TARGET,
    DETECTED,
    REPAIRED,
    DETECTION,
    INSTALLED,
    COMMAND_START,
    COMMAND_END,
    STAGING,
    DESTINATION,
    GENERIC_COMMAND,
    CALL_COMPLETE,
    ENDPOINT,
    SCANNED,
    COMMAND_OPTION,
    SEARCH_END,
    FOUND,
    HISTORY,
    PHASE_DONE,
];

/// In front of the package that the update agent hands to the servicing stack.
const AGENT_TARGET: &str = "CBS package identity: ";

/// In front of the quoted address of a server with which the update agent could not speak.
const ENDPOINT: &str = "communicating with the endpoint at ";

/// What WUAHandler of ConfigMgr writes of a scan that went well.
const SCANNED: &str = "Successfully completed scan";

/// What a check of the component store found, and what of it it mended.
const DETECTED: &str = "Total Detected Corruption:";
const REPAIRED: &str = "Total Repaired Corruption:";

/// What ReportingEvents.log says of an update that is installed.
const INSTALLED: &str = "183 [AGENT_INSTALLING_SUCCEEDED]";

/// In the name of what ReportingEvents.log says of a detection.
const DETECTION: &str = " [AGENT_DETECTION_F";

/// What DISM writes as it starts and ends.
const COMMAND_START: &str = "Executing command line: ";
const COMMAND_END: &str = "Ending Dism.exe session";

/// What DISM was asked to work on, as it reads its command line: `Encountered the option "featurename" with value "X"`.
const COMMAND_OPTION: &str = "Encountered the option \"";

/// The end of a search for updates, since Windows 10: `* END * Finding updates CallerId = X, Id = 3, Exit code = 0x00000000 (cV = …)`.
const SEARCH_END: &str = "* END * Finding updates ";

/// The same up to Windows 8.1, of a search that went well: `* Found 3 updates and 80 categories in search; …`.
const FOUND: &str = " categories in search";

/// What Setup writes at the end of a phase.
const PHASE_DONE: &str = "Successfully processed execution phase";

/// What the update agent writes into its history.
const HISTORY: &str = "LogHistory called";

/// Records above a failure that name what was being worked on.
const STAGING: &str = "Exec: Staging Package: ";
const DESTINATION: &str = " Destination File: ";
const GENERIC_COMMAND: &str = "eneric command executable";

/// The end of a call of the update agent, with how many updates it was good for.
const CALL_COMPLETE: &str = " call complete (succeeded = ";

/// Reads a record's text.
pub(crate) fn read(source: Source, text: &str) -> Marked<'_> {
    // The first letter tells most apart without a search.
    match text.as_bytes().first() {
        Some(b'S') => session(text)
            .or_else(|| startup(text))
            .or_else(|| state(text)),
        Some(b'E') => exec(text).or_else(|| staging(text)),
        Some(b'W') => failure_report(text).or_else(|| endpoint(text)),
        Some(b'R') => change_report(text).or_else(|| state(text)),
        Some(b'F') => text
            .starts_with("Failed to process single phase execution.")
            .then(|| marked(Marker::PhaseFailed).with("hresult", hresult(text))),
        Some(b'L') => between(text, "Loaded Servicing Stack v", " with Core: ")
            .map(|version| marked(Marker::StackLoaded).with("version", Some(version))),
        Some(b'\n' | b'\r' | b'=') | None => check_sur(text),
        Some(b'T') => check_sur_row(text),
        Some(b'C') => text
            .starts_with("Checking System Update Readiness")
            .then(|| check_sur(text))
            .flatten()
            .or_else(|| {
                text.starts_with(AGENT_TARGET)
                    .then(|| marked(Marker::AgentTarget))
            }),
        Some(b'0'..=b'9' | b'a'..=b'f') => sfc(text)
            .or_else(|| detection(text))
            .or_else(|| {
                text.starts_with(INSTALLED)
                    .then(|| marked(Marker::UpdateInstalled))
            })
            .or_else(|| worked_on(text)),
        _ => None,
    }
    .or_else(|| match source {
        Source::Cbs | Source::Dism => command(text),
        Source::Setup => command(text).or_else(|| {
            text.contains(PHASE_DONE)
                .then(|| marked(Marker::SetupPhaseDone))
        }),
        Source::WindowsUpdate => call_complete(text)
            .or_else(|| search_end(text))
            .or_else(|| history(text)),
        Source::Configmgr | Source::Intune => client_scan(text),
        Source::ReportingEvents | Source::Pfro | Source::EventLog => None,
    })
    .unwrap_or_default()
}

/// What an event of an event log marks: that an update was installed, or how a search for updates ended.
pub(crate) fn of_event(event: &WindowsEvent<'_>) -> Marker {
    let is_client = || event.provider.ends_with("WindowsUpdateClient");
    // Servicing tells of every change of a package; only installed ones have a KB and this state.
    let is_installed = || {
        event.provider.ends_with("-Servicing")
            && event.data.iter().any(|(name, value)| {
                name.starts_with("IntendedPackageState")
                    && (value == "Installed" || value == "5112")
            })
    };
    match event.event_id {
        19 if is_client() => Marker::UpdateInstalled,
        2 if is_installed() || event.provider.ends_with("-WUSA") => Marker::UpdateInstalled,
        // A feature was turned on.
        9 if event.provider.ends_with("-Servicing") => Marker::UpdateInstalled,
        16 | 25 | 26 if is_client() => Marker::DetectionEnd,
        _ => Marker::None,
    }
}

/// `DISM.EXE: Executing command line: DISM /Online …`, or the record in which the command failed.
fn command(text: &str) -> Option<Marked<'_>> {
    if !OF_COMMANDS.is_match(text) {
        return None;
    }
    if let Some((_, line)) = text.split_once(COMMAND_START) {
        return Some(marked(Marker::CommandStart).with("command", Some(line.trim_end())));
    }
    if text.contains(COMMAND_END) {
        return Some(marked(Marker::CommandEnd));
    }
    if failure::is_failed_command(text) {
        let result = between(text, "(hr:", ")").or_else(|| word_after(text, "HRESULT="));
        let is_good = result
            .and_then(|value| u32::from_str_radix(value.trim_start_matches("0x"), 16).ok())
            .is_some_and(|value| value >> 31 == 0);
        if is_good {
            return None;
        }
        return Some(
            marked(Marker::CommandEnd)
                .with("failure", Some("yes"))
                .with("hresult", result),
        );
    }
    command_option(text)
}

/// One search for all that a command of DISM says: most records say none of it.
static OF_COMMANDS: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let says = [COMMAND_START, COMMAND_END, COMMAND_OPTION];
    one_search(says.iter().chain(&failure::COMMAND_FAILED))
});

/// The same for what names an object that is worked on.
static OF_OBJECTS: LazyLock<AhoCorasick> =
    LazyLock::new(|| one_search([DESTINATION, GENERIC_COMMAND].iter()));

fn one_search<'a>(literals: impl Iterator<Item = &'a &'static str>) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostFirst)
        .build(literals)
        .expect("a few short literals stay far below the automaton's limits")
}

/// The options of a command that name what it is about.
fn command_option(text: &str) -> Option<Marked<'_>> {
    let (_, rest) = text.split_once(COMMAND_OPTION)?;
    let (option, value) = rest.split_once("\" with value \"")?;
    let names = [
        "featurename",
        "capabilityname",
        "packagename",
        "packagepath",
        "driver",
        "imagefile",
        "wimfile",
    ];
    let is_object = names.iter().any(|name| option.eq_ignore_ascii_case(name));
    let value = value.split('"').next()?;
    is_object.then(|| marked(Marker::WorkedOn).with("file", Some(value)))
}

/// A search for updates that ended; what it ended with only where it failed.
fn search_end(text: &str) -> Option<Marked<'_>> {
    if text.contains(FOUND) && text.contains("Found ") {
        return Some(marked(Marker::DetectionEnd));
    }
    let (_, rest) = text.split_once(SEARCH_END)?;
    let result = word_after(rest, "Exit code = ")?;
    let is_good = result
        .trim_start_matches("0x")
        .bytes()
        .all(|digit| digit == b'0');
    Some(
        marked(Marker::DetectionEnd)
            .with("hresult", Some(result).filter(|_| !is_good))
            .with("service", between(rest, "CallerId = ", ",")),
    )
}

/// An update that the agent's history says is installed; what failed is told by a rule.
fn history(text: &str) -> Option<Marked<'_>> {
    let (_, rest) = text.split_once(HISTORY)?;
    let is_good = word_after(rest, "resultMapped=")?
        .bytes()
        .all(|digit| digit == b'0');
    is_good
        .then(|| marked(Marker::UpdateInstalled).with("update", between(rest, "idUpdate={", "}")))
}

/// `Install call complete (succeeded = 0, succeeded with errors = 0, failed = 1, unaccounted = 0)`, of a call that failed for some.
fn call_complete(text: &str) -> Option<Marked<'_>> {
    let (_, rest) = text.split_once(CALL_COMPLETE)?;
    let failed = word_after(rest, ", failed = ")?.trim_end_matches(')');
    (failed != "0").then(|| marked(Marker::CallEnd).with("failed", Some(failed)))
}

/// `Exec: Staging Package: P, Update: U, …`
fn staging(text: &str) -> Option<Marked<'_>> {
    text.starts_with(STAGING).then(|| marked(Marker::WorkedOn))
}

/// `Destination File: [l:92{46}]"C:\x"`, `Calling generic command executable (sequence 4): [26]"C:\x.exe"`.
fn worked_on(text: &str) -> Option<Marked<'_>> {
    if !OF_OBJECTS.is_match(text) {
        return None;
    }
    let (_, rest) = text
        .split_once(DESTINATION)
        .or_else(|| text.split_once(GENERIC_COMMAND))?;
    let (_, rest) = rest.split_once(['"', '\''])?;
    let object = rest.split(['"', '\'']).next()?;
    Some(marked(Marker::WorkedOn).with("file", Some(object)))
}

fn session(text: &str) -> Option<Marked<'_>> {
    let rest = text.strip_prefix("Session: ")?;
    let (_, rest) = rest.split_once(' ')?;
    if !rest.starts_with("finalized.") {
        return None;
    }
    // Inventory sessions end in great numbers with nothing done.
    let (result, reboot) = (hresult(text), word_after(rest, "Reboot required: "));
    let is_plain = result == Some("0x00000000") && reboot != Some("yes");
    (!is_plain).then(|| {
        marked(Marker::SessionEnd)
            .with("hresult", result)
            .with("reboot", reboot)
    })
}

fn exec(text: &str) -> Option<Marked<'_>> {
    let rest = text.strip_prefix("Exec: ")?;
    if rest.starts_with("Processing complete.") {
        return Some(
            marked(Marker::ExecEnd)
                .with("hresult", hresult(text))
                .with("identifier", identifier(text)),
        );
    }
    if rest.starts_with("Processing complete, session(Corruption ") {
        return Some(marked(Marker::RepairEnd).with("hresult", hresult(text)));
    }
    if rest.starts_with("Addsource called") {
        let client = between(rest, "Client: ", ", from GPO").unwrap_or_default();
        let path = rest.split_once(", Path: ").map(|(_, path)| path.trim_end());
        return Some(Marked {
            client,
            ..marked(Marker::SourceAdded).with("path", path)
        });
    }
    let client = between(rest, "Client: ", ", Session").unwrap_or_default();
    if rest.starts_with("Processing started.") {
        return Some(Marked {
            client,
            ..marked(Marker::ExecStart).with("identifier", identifier(text))
        });
    }
    (rest.starts_with("Session processing started.") && rest.contains("Session(Store Corruption "))
        .then(|| Marked {
            client,
            ..marked(Marker::RepairStart)
        })
}

fn failure_report(text: &str) -> Option<Marked<'_>> {
    let rest = text.strip_prefix("WER: Generating failure report for package: ")?;
    Some(Marked {
        client: rest
            .split_once("client id: ")
            .map_or("", |(_, client)| client.trim_end()),
        ..marked(Marker::FailureReport)
            .with(
                "failure_source",
                between(rest, "failure source: ", ", start state"),
            )
            .with("hresult", word_after(rest, "status: "))
            .with("start_state", word_after(rest, "start state: "))
            .with("target_state", word_after(rest, "target state: "))
    })
}

fn change_report(text: &str) -> Option<Marked<'_>> {
    let rest = text.strip_prefix("Reporting package change completion for package: ")?;
    Some(Marked {
        client: between(rest, "client id: ", ", initiated")
            .or_else(|| rest.split_once("client id: ").map(|(_, client)| client))
            .unwrap_or_default(),
        ..marked(Marker::ChangeReport)
            .with(
                "failure_source",
                between(rest, "failure source: ", ", failure details"),
            )
            .with("hresult", word_after(rest, "status: "))
            .with("start_state", word_after(rest, "original: "))
            .with("state", word_after(rest, "current: "))
            .with("target_state", word_after(rest, "target: "))
    })
}

fn startup(text: &str) -> Option<Marked<'_>> {
    let rest = text.strip_prefix("Startup: ")?;
    if rest.starts_with("Processing complete.") {
        return Some(marked(Marker::StartupProcessed).with("hresult", hresult(text)));
    }
    (rest.starts_with("Package: ") && rest.contains(" completed startup processing, ")).then(|| {
        marked(Marker::StartupEnd)
            .with("hresult", word_after(rest, "hr = "))
            .with("start_state", word_after(rest, "original: "))
            .with("state", word_after(rest, "new state: "))
            .with("target_state", word_after(rest, "targeted: "))
    })
}

fn state(text: &str) -> Option<Marked<'_>> {
    if let Some(state) = text.strip_prefix("Setting ExecuteState key to: ") {
        return Some(marked(Marker::ExecState).with("state", Some(state.trim_end())));
    }
    let rest = text
        .strip_prefix("Setting ")
        .or_else(|| text.strip_prefix("Retrieved "))?;
    let rest = rest.strip_prefix("original failure status: ")?;
    let status = rest.split([',', ' ']).next()?;
    (status != "0x00000000" && status != "0x0")
        .then(|| marked(Marker::OriginalFailure).with("hresult", Some(status)))
}

fn check_sur(text: &str) -> Option<Marked<'_>> {
    parse::check_sur(text)?;
    let line = |name: &str| {
        text.lines()
            .find_map(|line| line.trim_start().strip_prefix(name))
            .map(str::trim)
    };
    Some(
        marked(Marker::CheckSur)
            .with("detected", line(DETECTED))
            .with("hresult", line("Operation result:"))
            .with("operation", line("Operation:"))
            .with("repaired", line(REPAIRED)),
    )
}

/// `WS error: There was an error communicating with the endpoint at 'https://…'.`: which server the failure after it is about.
fn endpoint(text: &str) -> Option<Marked<'_>> {
    let (_, quoted) = text.split_once(ENDPOINT)?;
    let mut rest = quoted.chars();
    rest.next()?;
    let address = rest
        .as_str()
        .split(['\'', '’', '"'])
        .next()
        .filter(|address| address.starts_with("http"))?;
    Some(marked(Marker::WorkedOn).with("file", Some(address)))
}

/// How a scan that ConfigMgr's client asked for ended, in the words of each of its parts.
fn client_scan(text: &str) -> Option<Marked<'_>> {
    const FAILED: [&str; 4] = [
        "Failed to end search job",
        "Scan failed with error",
        "Scan Failed with Error",
        "Updates scan completion received, result = 0x8",
    ];
    let is_end = text.starts_with(SCANNED) || FAILED.iter().any(|words| text.contains(words));
    is_end.then(|| marked(Marker::DetectionEnd).with("service", Some("configmgr")))
}

/// A row of the summary that is a record of its own.
fn check_sur_row(text: &str) -> Option<Marked<'_>> {
    let count = |name: &str| text.strip_prefix(name).map(str::trim);
    let (detected, repaired) = (count(DETECTED), count(REPAIRED));
    (detected.is_some() || repaired.is_some()).then(|| {
        marked(Marker::CheckSur)
            .with("detected", detected)
            .with("repaired", repaired)
    })
}

fn sfc(text: &str) -> Option<Marked<'_>> {
    let (_, rest) = text.split_once("[SR] ")?;
    if rest.starts_with("Cannot repair member file ") {
        // `[l:93]'file' of Component, version …`; older: `[l:24{12}]"file" of …`.
        let (_, quoted) = rest.split_at_checked(rest.find(['\'', '"'])?)?;
        let mut quoted = quoted.chars();
        let mark = quoted.next()?;
        let file = quoted.as_str().split(mark).next();
        let component = between(rest, " of ", ", ");
        return Some(
            marked(Marker::SfcCannotRepair)
                .with("component", component)
                .with("file", file),
        );
    }
    let is_repair = [
        "Repairing corrupted file ",
        "Repairing file ",
        "Repaired file ",
    ]
    .iter()
    .any(|start| rest.starts_with(start));
    is_repair.then(|| marked(Marker::SfcRepaired))
}

/// `148 [AGENT_DETECTION_FAILED]`, a category, the service, its revision, the result, …, between TABs.
fn detection(text: &str) -> Option<Marked<'_>> {
    let mut columns = text.split('\t');
    let (number, name) = columns.next()?.split_once(' ')?;
    if !matches!(
        (number, name),
        ("147", "[AGENT_DETECTION_FINISHED]") | ("148", "[AGENT_DETECTION_FAILED]")
    ) {
        return None;
    }
    let service = columns.nth(1);
    let result = columns.nth(1);
    Some(
        marked(Marker::DetectionEnd)
            .with("hresult", result)
            .with("service", service),
    )
}

fn marked<'a>(marker: Marker) -> Marked<'a> {
    Marked {
        marker,
        ..Marked::default()
    }
}

impl<'a> Marked<'a> {
    /// A marker without fields.
    pub(crate) fn of(marker: Marker) -> Self {
        Self {
            marker,
            ..Self::default()
        }
    }

    /// A field by its name.
    pub(crate) fn field(&self, name: &str) -> Option<&'a str> {
        let field = self.fields.iter().find(|(key, _)| *key == name);
        field.map(|(_, value)| *value)
    }

    /// Fields are given in ascending order of their names.
    fn with(mut self, name: &'static str, value: Option<&'a str>) -> Self {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            self.fields.push((name, value));
        }
        self
    }
}

/// `0x800f0922` of `[HRESULT = 0x800f0922 - NAME]`.
fn hresult(text: &str) -> Option<&str> {
    let (_, rest) = text.rsplit_once("[HRESULT = ")?;
    rest.split([' ', ']']).next()
}

/// `KB5014692` of `Identifier: KB5014692`, as it stands.
fn identifier(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("Identifier: ")?;
    Some(rest.split([',', '[']).next()?.trim_end())
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(value, _)| value)
}

fn word_after<'a>(text: &'a str, before: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(before)?;
    Some(
        rest.split([',', ' ', '\r', '\n'])
            .next()?
            .trim_end_matches('.'),
    )
}

#[cfg(test)]
mod tests;
