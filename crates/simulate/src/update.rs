//! An attempt to install a package: how it starts, works, ends well or badly, and goes over boots.
//!
//! Scenarios add what went wrong in between; the frame around it, and the books, are here only.

mod boots;

pub(crate) use boots::{await_reboot, boot, install, leave_pending, roll_back};

use crate::builds::{Era, component_key};
use crate::calendar::Release;
use crate::codes::{Hresult, OK};
use crate::healthy::{end_worker, install_transaction, open_session, operations, start_worker};
use crate::noise;
use crate::truth::{TruthAttempt, TruthCause, code_text};
use crate::writer::{Session, Writer, cbs, cbs_error, csi, csi_at};
use event::Outcome;

/// What is to be installed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Update {
    /// Package identity.
    pub(crate) package: String,
    /// `KB5014692`, or the placeholder of features, `KB777778`.
    pub(crate) identifier: String,
    /// Who asks.
    pub(crate) client: &'static str,
    /// The month it belongs to.
    pub(crate) release: Release,
}

/// The placeholder that features carry instead of a KB.
pub(crate) const PLACEHOLDER: &str = "KB777778";

/// An attempt under way.
pub(crate) struct Attempt {
    pub(crate) session: Session,
    pub(crate) update: Update,
    /// Version of the components it brings.
    pub(crate) version: String,
    start: String,
    sequence: u64,
}

/// How an attempt failed, as the failure report says it.
pub(crate) struct Failure {
    pub(crate) code: Hresult,
    /// `Resolve`, `Stage`, `Execute`, `DOQ`, `CSI Other`, `CBS Other`.
    pub(crate) source: &'static str,
    pub(crate) details: String,
    pub(crate) cause: TruthCause,
}

impl Failure {
    /// A failure without further details.
    pub(crate) fn new(code: Hresult, source: &'static str, cause: TruthCause) -> Self {
        Self {
            code,
            source,
            details: "(null)".to_owned(),
            cause,
        }
    }
}

/// A cause, for the books.
pub(crate) fn cause(category: &str, root_code: u32, object: &str, rule_hint: &str) -> TruthCause {
    TruthCause {
        category: category.to_owned(),
        root_code: Some(code_text(root_code)),
        object: object.to_owned(),
        rule_hint: rule_hint.to_owned(),
    }
}

impl Update {
    /// Features have states of their own: they start absent.
    fn start_state(&self) -> &'static str {
        if self.identifier == PLACEHOLDER {
            "Absent"
        } else {
            "Staged"
        }
    }

    fn target_state(&self) -> &'static str {
        if self.identifier == PLACEHOLDER {
            "Absent"
        } else {
            "Installed"
        }
    }
}

/// Opens a session and starts to execute.
pub(crate) fn begin(w: &mut Writer, update: &Update) -> Attempt {
    w.align();
    let session = open_session(w, update.client);
    let start = w.logged();
    w.execution_sequence += 1;
    let sequence = w.execution_sequence;
    if update.identifier == PLACEHOLDER {
        // Features are taken on at once and run later: this success is no outcome.
        cbs!(w, "Exec: Asynchronous operation, session completes later");
        cbs!(
            w,
            "Asynchronous Session: {session} finalized. [HRESULT = {OK}]"
        );
    }
    let Update {
        package,
        identifier,
        client,
        ..
    } = update;
    if w.build.era == Era::Ten {
        cbs!(
            w,
            "Exec: Processing started.  Client: {client}, Session: {session}, Package: {package}, Identifier: {identifier}"
        );
    } else {
        cbs!(
            w,
            "Exec: Processing started.  Client: {client}, Session: {session}, Package: {package}"
        );
    }
    cbs!(w, "Exec: Using execution sequence: {sequence}");
    cbs!(w, "Reboot mark set");
    if w.build.era == Era::Ten {
        cbs!(w, "Winlogon: Registering for CreateSession notifications");
        cbs!(w, "Disabling LKG boot option");
        cbs!(w, "Perf: Entering stage: Planning");
        cbs!(w, "FLOW: Entering stage: Planning ");
    } else {
        cbs!(w, "Registering for Winlogon CreateSession notifications");
    }
    Attempt {
        session,
        update: update.clone(),
        version: w.build.component_version(update.release),
        start,
        sequence,
    }
}

/// Resolves: every part finds its deployment.
pub(crate) fn resolve(w: &mut Writer, attempt: &Attempt) {
    let package = &attempt.update.package;
    cbs!(w, "Perf: Resolve chain started.");
    for name in part_names(w, 3) {
        let (update, key) = (
            hex32(w),
            component_key(&format!("{name}-deployment"), &attempt.version),
        );
        cbs!(w, "Exec: Resolving Package: {package}, Update: {update}");
        cbs!(
            w,
            "Exec: Resolving Package: {package}, Update: {update}, PinDeployment: {key}"
        );
    }
    cbs!(w, "Perf: Resolve chain complete.");
}

/// Stages: payload goes into the store.
pub(crate) fn stage(w: &mut Writer, attempt: &Attempt) {
    let package = &attempt.update.package;
    cbs!(w, "Perf: Stage chain started.");
    if w.build.era == Era::Ten {
        cbs!(w, "FLOW: Entering stage: Staging ");
        cbs!(w, "Package Format: PSFX");
    }
    for name in part_names(w, 3) {
        let (update, key) = (
            hex32(w),
            component_key(&format!("{name}-deployment"), &attempt.version),
        );
        cbs!(
            w,
            "Exec: Staging Package: {package}, Update: {update}, StageDeployment: {key}"
        );
    }
    let count = w.random.within(2, 9);
    if w.build.era == Era::Ten {
        operations(w, "Stage", count);
    }
    w.wait_ms(4_000, 90_000);
    csi!(w, "CSIPERF - FilePI Queue {}ms", 120 + count * 31);
    cbs!(w, "Perf: Stage chain complete.");
}

/// Executes up to the commit of the transaction.
pub(crate) fn execute(w: &mut Writer, attempt: &Attempt) {
    let package = &attempt.update.package;
    cbs!(w, "Perf: Execute chain started.");
    if w.build.era == Era::Ten {
        cbs!(w, "FLOW: Entering stage: Installing ");
        cbs!(
            w,
            "FLOW: Enter Installation Stage: InstallDeployment, Current Operation Stage: Installing"
        );
    }
    install_transaction(w, attempt.session, package);
    for name in part_names(w, 4) {
        let (update, key) = (
            hex32(w),
            component_key(&format!("{name}-deployment"), &attempt.version),
        );
        cbs!(
            w,
            "Exec: Installing Package: {package}, Update: {update}, InstallDeployment: {key}"
        );
    }
    cbs!(w, "Plan: Start to process component watchlist");
    if w.build.era == Era::Ten {
        let count = w.random.within(8, 16);
        operations(w, "Install", count);
    }
    w.wait_ms(2_000, 20_000);
}

/// One advanced installer that does its work.
pub(crate) fn installer(w: &mut Writer, name: &str, guid: &str) {
    let sequence = w.random.within(1, 900);
    csi!(
        w,
        "Begin executing advanced installer phase 38 index {} (sequence {sequence})\n    Old component: [l:0]''\n    New component: [l:0]''\n    Install mode: install\n    Smart installer: true\n    Installer ID: {{{guid}}}\n    Installer name: '{name}'",
        sequence / 2
    );
    let micros = w.random.within(120, 90_000);
    csi_at!(
        w,
        "CSI Advanced installer perf trace:\nCSIPERF:AIDONE;{{{guid}}};(null);{micros}us"
    );
    csi!(
        w,
        "End executing advanced installer (sequence {sequence})\n    Completion status: S_OK \n"
    );
}

/// Ends an attempt that failed before any boot.
pub(crate) fn fail(w: &mut Writer, attempt: Attempt, failure: Failure) {
    let code = failure.code;
    // The second is shared from here to the end, so that either head may be taken for the end.
    w.align();
    cbs_error!(
        w,
        "Failed to process single phase execution. [HRESULT = {code}]"
    );
    report(w, &attempt, &failure);
    settle(w, &attempt, &failure, "FinalCommitPackagesState");
    cbs!(
        w,
        "Exec: Will not run corruption repair because no store corruption found."
    );
    complete(w, &attempt, code);
    cbs_error!(w, "Failed to perform operation.  [HRESULT = {code}]");
    cbs!(
        w,
        "Session: {} finalized. Reboot required: no [HRESULT = {code}]",
        attempt.session
    );
    record(w, attempt, Outcome::Failed, Some(failure));
    tidy(w);
}

/// Ends an attempt that somebody stopped.
pub(crate) fn cancel(w: &mut Writer, attempt: Attempt, failure: Failure) {
    let code = failure.code;
    w.align();
    cbs!(w, "User canceled the install. [HRESULT = {code}]");
    cbs!(w, "Exec: Client cancelled the operation [HRESULT = {code}]");
    cbs!(w, "Failed to plan execution. [HRESULT = {code}]");
    cbs!(w, "Reboot mark cleared");
    complete(w, &attempt, code);
    cbs!(
        w,
        "Session: {} finalized. Reboot required: no [HRESULT = {code}]",
        attempt.session
    );
    record(w, attempt, Outcome::Cancelled, Some(failure));
    tidy(w);
}

/// A feature that installs at once, without a boot.
pub(crate) fn install_feature(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    installer(w, "Events", "3bb9fd2b-351e-4b9c-b1fc-ed0758805998");
    let session = attempt.session;
    w.align();
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    change_completion(w, &attempt, ("Installed", "Absent", "Installed"), None);
    noise::store_report(w);
    cbs!(w, "Reboot mark cleared");
    complete(w, &attempt, OK);
    cbs!(
        w,
        "Session: {session} finalized. Reboot required: no [HRESULT = {OK}]"
    );
    record(w, attempt, Outcome::Succeeded, None);
    tidy_session(w, session);
    end_worker(w);
}

/// A part's made-up update name.
pub(crate) fn hex32(w: &mut Writer) -> String {
    format!("{:016x}{:016x}", w.random.next(), w.random.next())
}

/// The failure report and the noise behind it.
fn report(w: &mut Writer, attempt: &Attempt, failure: &Failure) {
    let Update {
        package, client, ..
    } = &attempt.update;
    let (start, target) = (attempt.update.start_state(), attempt.update.target_state());
    cbs!(
        w,
        "WER: Generating failure report for package: {package}, status: {:#010x}, failure source: {}, start state: {start}, target state: {target}, client id: {client}",
        failure.code.0,
        failure.source
    );
    noise::error_report(w);
}

/// State is written back and the change reported.
fn settle(w: &mut Writer, attempt: &Attempt, failure: &Failure, step: &str) {
    let (start, target) = (attempt.update.start_state(), attempt.update.target_state());
    cbs!(w, "Reboot mark cleared");
    cbs!(w, "{step}: Started persisting state of packages");
    change_completion(w, attempt, (start, start, target), Some(failure));
    cbs!(w, "{step}: Completed persisting state of packages");
    if w.build.era == Era::Ten {
        cbs!(w, "Enabling LKG boot option");
    }
}

/// The change as it is reported in the end: states now, before and wanted.
fn change_completion(
    w: &mut Writer,
    attempt: &Attempt,
    (current, original, target): (&str, &str, &str),
    failure: Option<&Failure>,
) {
    let Update {
        package, client, ..
    } = &attempt.update;
    let (status, source, details) =
        failure.map_or(("0x0".to_owned(), "Not Applicable", "(null)"), |failure| {
            (
                code_text(failure.code.0),
                failure.source,
                failure.details.as_str(),
            )
        });
    let sequence = attempt.sequence;
    cbs!(
        w,
        "Reporting package change completion for package: {package}, current: {current}, original: {original}, target: {target}, status: {status}, failure source: {source}, failure details: \"{details}\", client id: {client}, initiated offline: False, execution sequence: {sequence}, first merged sequence: {sequence}, reboot reason: REBOOT_NOT_REQUIRED"
    );
}

/// The line that says how a session ended.
fn complete(w: &mut Writer, attempt: &Attempt, code: Hresult) {
    let (
        session,
        Update {
            package,
            identifier,
            ..
        },
    ) = (attempt.session, &attempt.update);
    if w.build.era == Era::Ten {
        cbs!(
            w,
            "Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: {identifier} [HRESULT = {code}]"
        );
    } else {
        cbs!(
            w,
            "Exec: Processing complete.  Session: {session}, Package: {package} [HRESULT = {code}]"
        );
    }
}

/// Into the books. The last record written is the end.
fn record(w: &mut Writer, attempt: Attempt, outcome: Outcome, failure: Option<Failure>) {
    let end = w.logged();
    let kb = if attempt.update.identifier == PLACEHOLDER {
        String::new()
    } else {
        attempt.update.identifier.clone()
    };
    w.attempts.push(TruthAttempt {
        kb,
        package: attempt.update.package,
        client: attempt.update.client.to_owned(),
        session: attempt.session.to_string(),
        start: attempt.start,
        end,
        outcome,
        terminal_code: failure.as_ref().map(|failure| code_text(failure.code.0)),
        cause: failure.map(|failure| failure.cause),
    });
}

fn tidy(w: &mut Writer) {
    if w.random.chance(40) {
        noise::user_interface(w);
    }
    end_worker(w);
}

fn tidy_session(w: &mut Writer, session: Session) {
    if w.random.chance(50) {
        noise::temporary_directory(w, session);
    }
}

/// A few parts of the product, for deployments.
fn part_names(w: &mut Writer, count: usize) -> Vec<&'static str> {
    const PARTS: [&str; 10] = [
        "microsoft-windows-shell-setup",
        "microsoft-windows-netio-infrastructure",
        "microsoft-windows-kernelbase",
        "microsoft-windows-gdi32",
        "microsoft-windows-print-spooler-core",
        "microsoft-windows-smbserver",
        "microsoft-windows-tcpip-driver",
        "microsoft-windows-user32",
        "microsoft-windows-winsock-core",
        "microsoft-windows-crypt32-dll",
    ];
    let first = w.random.below(PARTS.len() as u64) as usize;
    (0..count)
        .map(|index| PARTS[(first + index * 3) % PARTS.len()])
        .collect()
}
