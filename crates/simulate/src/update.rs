//! An attempt to install a package: how it starts, works, ends well or badly, and goes over boots.
//!
//! Scenarios add what went wrong in between; the frame around it, and the books, are here only.

use crate::builds::{Era, component_key};
use crate::calendar::Release;
use crate::codes::{Hresult, OK};
use crate::healthy::{
    announce_session, end_worker, install_transaction, open_session, operations, service_start,
    start_worker, stop_worker, store_open, worker_start,
};
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

/// Ends the part of an attempt that comes before the boot. True when the boot comes before the end of the time simulated.
pub(crate) fn await_reboot(w: &mut Writer, attempt: &Attempt, wait_s: u64) -> bool {
    let Attempt {
        session, sequence, ..
    } = attempt;
    let Update {
        package, client, ..
    } = &attempt.update;
    cbs!(
        w,
        "Setting ExecuteState key to: CbsExecuteStateResolvePending"
    );
    cbs!(w, "Perf: InstallUninstallChain complete.");
    cbs!(
        w,
        "TI: CBS has queried the current reboot required state: 1"
    );
    cbs!(
        w,
        "Reporting package change for package: {package}, current: Staged, pending: Installed, start: Staged, applicable: Installed, target: Installed, limit: Installed, status: 0x0, failure source: Not Applicable, reboot required: True, client id: {client}, initiated offline: False, execution sequence: {sequence}"
    );
    w.align();
    complete(w, attempt, OK);
    cbs!(
        w,
        "Session: {session} finalized. Reboot required: yes [HRESULT = {OK}]"
    );
    stop_worker(w);
    w.now_us() + (wait_s as i64 + 120) * 1_000_000 < w.end_us
}

/// An attempt whose boot has not come yet.
pub(crate) fn leave_pending(w: &mut Writer, attempt: Attempt) {
    record(w, attempt, Outcome::PendingReboot, None);
}

/// The boot: service and worker start, the session is taken up again.
pub(crate) fn boot(w: &mut Writer, attempt: &Attempt, wait_s: u64, state: &str) {
    w.wait_ms(wait_s * 1_000, wait_s * 1_000 + 20_000);
    w.boot_us = w.now_us();
    // The service starts some seconds after the kernel.
    w.wait_ms(7_000, 16_000);
    service_start(w);
    worker_start(w);
    cbs!(
        w,
        "Startup: BlockTime: 10800000ms, BlockTimeIncrement: 900000ms"
    );
    announce_session(w, attempt.session, attempt.update.client);
    cbs!(w, "Startup: current ExecuteState is {state}");
    cbs!(w, "Startup: Initializing driver operations queue.");
    cbs!(w, "Startup: Initializing advanced operation queue.");
    store_open(w);
    cbs!(w, "Startup: Waiting for SC autostart event");
    w.wait_ms(1_000, 4_000);
    cbs!(w, "Startup: SC autostart event signaled");
    cbs!(w, "Clearing HangDetect value");
}

/// A cumulative update that works: two boots.
pub(crate) fn install(w: &mut Writer, update: &Update, wait_s: u64) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    if !await_reboot(w, &attempt, wait_s) {
        leave_pending(w, attempt);
        return;
    }
    boot(w, &attempt, wait_s, "CbsExecuteStateResolvePending");
    cbs!(
        w,
        "Startup: Processing advanced operation queue, startupPhase: 0"
    );
    csi_at!(w, "Beginning NT transaction commit...");
    let micros = w.random.within(300, 40_000);
    csi_at!(w, "CSI perf trace:\nCSIPERF:TXCOMMIT;{micros}");
    installer(
        w,
        "Ngen Task Scheduler Tickler",
        "d4486727-4d36-45a5-bc81-b8935aed1429",
    );
    installer(w, "BcdMirror", "863fbd5f-faba-4730-9858-ceca474b2195");
    let percent = w.random.within(60, 100);
    cbs!(
        w,
        "Progress: UI message updated. Operation type: Update. Stage: 1 out of 1. Percent progress: {percent}."
    );
    cbs!(w, "Setting ExecuteState key to: CbsExecuteStateComplete");
    w.align();
    let Update {
        package,
        client,
        identifier,
        ..
    } = update;
    // Parts report before the whole; they are rows of one attempt, no attempts.
    for part in 1..=w.random.within(1, 3) {
        let part = format!(
            "Package_{part}_for_{identifier}~31bf3856ad364e35~amd64~~{}.1.{part}",
            w.build.version
        );
        cbs!(
            w,
            "Startup: Package: {part} completed startup processing, new state: Installed, original: Staged, targeted: Installed.  hr = 0x0"
        );
    }
    let sequence = attempt.sequence;
    cbs!(
        w,
        "Reporting package change completion for package: {package}, current: Installed, original: Staged, target: Installed, status: 0x0, failure source: Not Applicable, failure details: \"(null)\", client id: {client}, initiated offline: False, execution sequence: {sequence}, first merged sequence: {sequence}, reboot reason: REBOOT_NOT_REQUIRED"
    );
    noise::store_report(w);
    cbs!(
        w,
        "Startup: Package: {package} completed startup processing, new state: Installed, original: Staged, targeted: Installed.  hr = 0x0"
    );
    cbs!(w, "Clearing original failure status: 0x00000000");
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    cbs!(w, "Startup: Processing complete. [HRESULT = {OK}]");
    record(w, attempt, Outcome::Succeeded, None);
    after_startup(w);
}

/// A feature that installs at once, without a boot.
pub(crate) fn install_feature(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    installer(w, "Events", "3bb9fd2b-351e-4b9c-b1fc-ed0758805998");
    let Attempt {
        session, sequence, ..
    } = attempt;
    let Update {
        package, client, ..
    } = update;
    w.align();
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    cbs!(
        w,
        "Reporting package change completion for package: {package}, current: Installed, original: Absent, target: Installed, status: 0x0, failure source: Not Applicable, failure details: \"(null)\", client id: {client}, initiated offline: False, execution sequence: {sequence}, first merged sequence: {sequence}, reboot reason: REBOOT_NOT_REQUIRED"
    );
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

/// Ends an attempt that failed at a boot: it is undone, and the boot after that reports it.
pub(crate) fn roll_back(w: &mut Writer, attempt: Attempt, failure: Failure, last_state: &str) {
    let code = failure.code;
    cbs!(
        w,
        "Setting original failure status: {:#010x}, last forward execute state: {last_state}",
        code.0
    );
    cbs!(
        w,
        "Setting ExecuteState key to: CbsExecuteStateInitiateRollback"
    );
    cbs!(
        w,
        "Progress: UI message updated. Operation type: Update. Stage: 1 out of 1. Rollback."
    );
    stop_worker(w);
    // A machine takes about a minute and a half between the two, as in Microsoft's own sample.
    boot(w, &attempt, 88, "CbsExecuteStateInitiateRollback");
    cbs!(
        w,
        "Retrieved original failure status: {:#010x}, last forward execute state: {last_state}",
        code.0
    );
    w.align();
    report(w, &attempt, &failure);
    settle(w, &attempt, &failure, "CommitPackagesState");
    let package = &attempt.update.package;
    cbs!(
        w,
        "Startup: Package: {package} completed startup processing, new state: Staged, original: Staged, targeted: Installed.  hr = {:#010x}",
        code.0
    );
    cbs!(w, "Clearing original failure status: {:#010x}", code.0);
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    cbs!(w, "Startup: Processing complete. [HRESULT = {code}]");
    record(w, attempt, Outcome::RolledBack, Some(failure));
    after_startup(w);
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
    let Update {
        package, client, ..
    } = &attempt.update;
    let (start, target, sequence) = (
        attempt.update.start_state(),
        attempt.update.target_state(),
        attempt.sequence,
    );
    cbs!(w, "Reboot mark cleared");
    cbs!(w, "{step}: Started persisting state of packages");
    cbs!(
        w,
        "Reporting package change completion for package: {package}, current: {start}, original: {start}, target: {target}, status: {:#010x}, failure source: {}, failure details: \"{}\", client id: {client}, initiated offline: False, execution sequence: {sequence}, first merged sequence: {sequence}, reboot reason: REBOOT_NOT_REQUIRED",
        failure.code.0,
        failure.source,
        failure.details
    );
    cbs!(w, "{step}: Completed persisting state of packages");
    if w.build.era == Era::Ten {
        cbs!(w, "Enabling LKG boot option");
    }
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

fn after_startup(w: &mut Writer) {
    cbs!(w, "Setting ServicingInProgress flag to 0");
    cbs!(w, "Startup processing completed. [HRESULT = 0x00000000]");
    cbs!(
        w,
        "TI: Startup Processing completes, release startup processing lock."
    );
    end_worker(w);
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
