//! Attempts that go over a boot: they work, wait, or are undone.

use super::{
    Attempt, Failure, Update, begin, change_completion, complete, execute, installer, record,
    report, resolve, settle, stage,
};
use crate::codes::OK;
use crate::healthy::{
    announce_session, end_worker, service_start, start_worker, stop_worker, store_open,
    worker_start,
};
use crate::noise;
use crate::writer::{Writer, cbs, csi_at};
use event::Outcome;

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
    change_completion(w, &attempt, ("Installed", "Staged", "Installed"), None);
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

fn after_startup(w: &mut Writer) {
    cbs!(w, "Setting ServicingInProgress flag to 0");
    cbs!(w, "Startup processing completed. [HRESULT = 0x00000000]");
    cbs!(
        w,
        "TI: Startup Processing completes, release startup processing lock."
    );
    end_worker(w);
}
