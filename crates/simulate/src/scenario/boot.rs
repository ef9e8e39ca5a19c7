//! Failures at a boot: the update is staged, restarts, fails and is undone.

use crate::codes::{
    FAIL, HANG_DETECTED, INSTALLERS_FAILED, INVALID_DATA, SERVICE_DISABLED, SHUTDOWN_IN_PROGRESS,
};
use crate::healthy::start_worker;
use crate::update::{
    Attempt, Failure, Update, await_reboot, begin, boot, cause, execute, installer, leave_pending,
    resolve, roll_back, stage,
};
use crate::writer::{Level, Writer, cbs, cbs_error, csi, csi_at};

/// Two boots of about two minutes, so that a failure at the end of the time simulated is not cut in half.
const ROLLBACK_S: u64 = 600;

/// A driver of the update does not install.
pub(crate) fn driver(w: &mut Writer, update: &Update) {
    let Some(attempt) = restart(w, update) else {
        return;
    };
    let inf = *w
        .random
        .pick(&["netrtwlane.inf", "mshdc.inf", "bthusb.inf", "usbport.inf"]);
    let (code, index) = (INVALID_DATA, w.random.within(40, 260));
    cbs!(w, "Perf: Doqe: Critical install started.");
    cbs!(w, "Doqe: [Forward] Installing driver updates, Count 2");
    for phase in [1, 2] {
        cbs!(
            w,
            "INSTALL index: {}, phase: {phase}, result 0, inf: machine.inf",
            index + 3
        );
        cbs!(
            w,
            "INSTALL index: {index}, phase: {phase}, result {}, inf: {inf}",
            if phase == 2 { 13 } else { 0 }
        );
    }
    cbs!(
        w,
        "Doqe: Recording result: {:#010x}, for Inf: {inf}",
        code.0
    );
    cbs!(w, "DriverUpdateInstallUpdates failed [HRESULT = {code}]");
    cbs!(
        w,
        "Doqe: Failed installing driver updates [HRESULT = {code}]"
    );
    cbs!(w, "Perf: Doqe: Critical install ended.");
    cbs_error!(
        w,
        "Startup: Failed executing critical driver operations queue [HRESULT = {code}]"
    );
    cbs!(w, "Startup: Rolling back KTM, because drivers failed.");
    let cause = cause("driver_operation_failed", code.0, inf, "driver_queue");
    roll_back(
        w,
        attempt,
        Failure::new(code, "DOQ", cause),
        "CbsExecuteStatePrimitives",
    );
}

/// The HTTP service is disabled; the terminal code is only the wrapper of that.
pub(crate) fn http_installer(w: &mut Writer, update: &Update) {
    let Some(attempt) = restart(w, update) else {
        return;
    };
    let name = "HTTP Installer";
    cbs!(
        w,
        "Startup: Processing advanced operation queue, startupPhase: 0"
    );
    csi_at!(w, "Beginning NT transaction commit...");
    installer(w, "Events", "3bb9fd2b-351e-4b9c-b1fc-ed0758805998");
    let guid = "6f8c1a52-0b51-4d0e-9d0c-9b1e6a7c31d4";
    csi!(
        w,
        "Begin executing advanced installer phase 38 index 825 (sequence 864)\n    Old component: [l:0]''\n    New component: [l:0]''\n    Install mode: install\n    Smart installer: false\n    Installer ID: {{{guid}}}\n    Installer name: '{name}'"
    );
    w.csi_record(
        Level::Error,
        "[0x01803e]",
        false,
        Some(FAIL.0),
        format_args!("Failed execution of queue item Installer: {name} ({{{guid}}}) with HRESULT HRESULT_FROM_WIN32(1058).  Failure will not be ignored: A rollback will be initiated after all the operations in the installer queue are completed; installer is reliable"),
    );
    csi!(
        w,
        "End executing advanced installer (sequence 864)\n    Completion status: HRESULT_FROM_WIN32(ERROR_ADVANCED_INSTALLER_FAILED)\n"
    );
    let code = INSTALLERS_FAILED;
    cbs!(
        w,
        "Startup: Changing logon timeout to a static timeout: 10800000"
    );
    cbs_error!(
        w,
        "Startup: Failed to process advanced operation queue, startupPhase: 0.  A rollback transaction will be created. [HRESULT = {code}]"
    );
    let cause = cause(
        "advanced_installer_failed",
        SERVICE_DISABLED,
        name,
        "ai_http",
    );
    roll_back(
        w,
        attempt,
        Failure::new(code, "CSI Other", cause),
        "CbsExecuteStateResolvePending",
    );
}

/// Nothing moved for fifteen minutes while shutting down; what fails after that only follows.
pub(crate) fn hang(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    // The fifteen minutes of the shutdown are in this wait.
    if !await_reboot(w, &attempt, 1_200 + ROLLBACK_S) {
        leave_pending(w, attempt);
        return;
    }
    cbs!(w, "Shtd: Processing shutdown, pending operations found.");
    cbs!(w, "Setting HangDetect value to 1");
    w.wait_ms(900_000, 903_000);
    cbs!(
        w,
        "Shtd: Timed out waiting for shutdown processing to complete - no progress detected in last 900000 milliseconds"
    );
    cbs!(
        w,
        "Failed to process pending operations during shutdown. [HRESULT = {SHUTDOWN_IN_PROGRESS}]"
    );
    boot(w, &attempt, 95, "CbsExecuteStateResolvePending");
    let code = HANG_DETECTED;
    cbs_error!(
        w,
        "Startup: A possible hang was detected on the last boot. [HRESULT = {code}]"
    );
    let (done, limit) = (w.random.within(40, 70), w.random.within(90, 130));
    cbs!(
        w,
        "Current global progress. Current: {done}, Limit: {limit}, ExecuteState: CbsExecuteStateResolvePending"
    );
    let cause = cause("servicing_timeout", code.0, "", "hang");
    roll_back(
        w,
        attempt,
        Failure::new(code, "CBS Other", cause),
        "CbsExecuteStateResolvePending",
    );
}

/// Everything before the boot goes well. Nothing when the boot would come after the end of the time simulated.
fn restart(w: &mut Writer, update: &Update) -> Option<Attempt> {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    let wait_s = w.random.within(60, 900);
    if !await_reboot(w, &attempt, wait_s + ROLLBACK_S) {
        leave_pending(w, attempt);
        return None;
    }
    boot(w, &attempt, wait_s, "CbsExecuteStateResolvePending");
    Some(attempt)
}
