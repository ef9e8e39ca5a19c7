//! The harmless look-alikes, each written where it is counted.

use crate::codes::{
    ARITHMETIC_OVERFLOW, FAIL, FILE_NOT_FOUND, INVALID_FUNCTION, INVALID_PACKAGE,
    MANIFEST_INVALID_ITEM, NOT_FOUND, SERVER_UNAVAILABLE, SHARING_VIOLATION,
};
use crate::truth::NoiseKind;
use crate::writer::{Level, Session, Writer, cbs, noise};

/// The update agent asks for a package that is not installed; the wording of Windows 10.
pub(crate) fn package_not_installed(w: &mut Writer, package: &str) {
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "InternalOpenPackage failed for {package} [HRESULT = {INVALID_PACKAGE}]"
    );
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "Failed to internally open package. [HRESULT = {INVALID_PACKAGE}]"
    );
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "Failed to create open package. [HRESULT = {INVALID_PACKAGE}]"
    );
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "Failed to OpenPackage using worker session [HRESULT = {:#010x}]",
        INVALID_PACKAGE.0
    );
}

/// The same before Windows 10.
pub(crate) fn package_not_installed_old(w: &mut Writer) {
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "Failed to internally open package. [HRESULT = {INVALID_PACKAGE}]"
    );
    noise!(
        w,
        PackageNotInstalled,
        INVALID_PACKAGE,
        "Failed to OpenPackage using worker session [HRESULT = {:#010x}]",
        INVALID_PACKAGE.0
    );
}

/// Windows 7's parser meets the manifest of a newer update.
pub(crate) fn newer_manifest(w: &mut Writer) {
    cbs!(w, "Warning: Unrecognized packageExtended attribute.");
    noise!(
        w,
        NewerManifest,
        MANIFEST_INVALID_ITEM,
        "Expecting attribute name [HRESULT = {MANIFEST_INVALID_ITEM}]"
    );
    noise!(
        w,
        NewerManifest,
        MANIFEST_INVALID_ITEM,
        "Failed to get next element [HRESULT = {MANIFEST_INVALID_ITEM}]"
    );
}

/// Telemetry of Windows 7 and 8, where it is off.
pub(crate) fn telemetry(w: &mut Writer) {
    let windir = w.build.windir();
    cbs!(w, "SQM: Initializing online with Windows opt-in: False");
    cbs!(w, "SQM: Cleaning up report files older than 10 days.");
    cbs!(w, "SQM: Requesting upload of all unsent reports.");
    noise!(
        w,
        TelemetryUpload,
        FAIL,
        "SQM: Failed to start upload with file pattern: {windir}\\servicing\\sqm\\*_std.sqm, flags: 0x2 [HRESULT = {FAIL}]"
    );
    noise!(
        w,
        TelemetryUpload,
        FAIL,
        "SQM: Failed to start standard sample upload. [HRESULT = {FAIL}]"
    );
    cbs!(
        w,
        "SQM: Queued 0 file(s) for upload with pattern: {windir}\\servicing\\sqm\\*_all.sqm, flags: 0x6"
    );
    noise!(
        w,
        TelemetryUpload,
        FAIL,
        "SQM: Warning: Failed to upload all unsent reports. [HRESULT = {FAIL}]"
    );
}

/// Values that an update search reads if they are there.
pub(crate) fn optional_values(w: &mut Writer) {
    for value in [
        "BranchName",
        "ContentType",
        "Ring",
        "IsBuildFlightingEnabled",
    ] {
        noise!(
            w,
            OptionalValue,
            FILE_NOT_FOUND,
            "Not able to read {value} [HRESULT = {FILE_NOT_FOUND}]"
        );
    }
    cbs!(
        w,
        "Windows Insider Program: Current settings: Content type: (null), Build branch: (null), Ring: (null), Build Flighting Enabled: No"
    );
    noise!(
        w,
        OptionalValue,
        FILE_NOT_FOUND,
        "WU: Windows update server selection group policy not set [HRESULT = {FILE_NOT_FOUND}]"
    );
}

/// What follows a failure report: its optional attachments are missing.
pub(crate) fn error_report(w: &mut Writer) {
    let windir = w.build.windir();
    noise!(
        w,
        ErrorReport,
        FILE_NOT_FOUND,
        "Not able to query DisableWerReporting flag.  Assuming not set... [HRESULT = {FILE_NOT_FOUND}]"
    );
    cbs!(w, "Added {windir}\\Logs\\CBS\\CBS.log to WER report.");
    for file in ["poqexec.log", "pending.xml", "pending.xml.bad"] {
        noise!(
            w,
            ErrorReport,
            FILE_NOT_FOUND,
            "Not able to add %windir%\\winsxs\\{file} to WER report. [HRESULT = {FILE_NOT_FOUND}]"
        );
    }
}

/// A session's temporary directory is still held by a scanner; it is deleted in place.
pub(crate) fn temporary_directory(w: &mut Writer, session: Session) {
    let windir = w.build.windir();
    let (a, b) = (w.random.next(), w.random.next());
    let directory = format!("\\\\?\\{windir}\\CbsTemp\\{session}\\");
    let target = format!(
        "{directory}{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}",
        a >> 32,
        a >> 16 & 0xFFFF,
        a & 0xFFFF,
        b >> 48,
        b & 0xFFFF_FFFF_FFFF
    );
    cbs!(w, "Deleting directory: {directory}");
    cbs!(w, "Moving directory from {directory} to {target}");
    noise!(
        w,
        TemporaryDirectory,
        SHARING_VIOLATION,
        "Failed to move {directory} to temp directory {target} [HRESULT = {SHARING_VIOLATION}]"
    );
    noise!(
        w,
        TemporaryDirectory,
        SHARING_VIOLATION,
        "Failed moving directory: {directory} to temp, will delete in-place instead [HRESULT = {SHARING_VIOLATION}]"
    );
    cbs!(w, "Deletion of: {directory} successful");
}

/// There is no store corruption report, as nothing is corrupt.
pub(crate) fn store_report(w: &mut Writer) {
    noise!(
        w,
        StoreBookkeeping,
        FILE_NOT_FOUND,
        "The store corruption status report is incomplete. [HRESULT = {FILE_NOT_FOUND}]"
    );
}

/// There is no repair flag, as nothing needs repair.
pub(crate) fn auto_repair(w: &mut Writer) {
    noise!(
        w,
        StoreBookkeeping,
        NOT_FOUND,
        "Exec: Failed to read AutoRepairNeeded. [HRESULT = {NOT_FOUND}]"
    );
}

/// The clock was set back since the last report.
pub(crate) fn clock_went_back(w: &mut Writer) {
    let code = ARITHMETIC_OVERFLOW;
    noise!(
        w,
        ClockWentBack,
        code,
        "Failed to compute delta for LastScavengingStarvationReport. [HRESULT = {code}]"
    );
    noise!(
        w,
        ClockWentBack,
        code,
        "Failed to get last scavenging starvation report value. [HRESULT = {code}]"
    );
    noise!(
        w,
        ClockWentBack,
        code,
        "Failed to send report on scavenging starvation. Continuing... [HRESULT = {code}]"
    );
}

/// Error level is no failure.
pub(crate) fn partially_installed(w: &mut Writer) {
    let text = format_args!(
        "Failed to check whether package is partially installed, package: Windows7SP1-KB976933~31bf3856ad364e35~amd64~~6.1.1.17514 [HRESULT = {NOT_FOUND}]"
    );
    w.noise(NoiseKind::PartiallyInstalled, NOT_FOUND, Level::Error, text);
}

/// Nobody shows progress, so there is nobody to ask to stop.
pub(crate) fn user_interface(w: &mut Writer) {
    let text =
        format_args!("Failed to ask UI handler to terminate. [HRESULT = {SERVER_UNAVAILABLE}]");
    w.noise(
        NoiseKind::SideActivity,
        SERVER_UNAVAILABLE,
        Level::Error,
        text,
    );
}

/// The old log could not be packed. A maintenance matter, no failed update.
pub(crate) fn log_backup(w: &mut Writer) {
    noise!(
        w,
        LogBackup,
        INVALID_FUNCTION,
        "Failed to create backup log cab. [HRESULT = {INVALID_FUNCTION}]"
    );
}
