//! The file system says no: CSI's origin record names the object, everything after it is the way up.

use crate::codes::{ACCESS_DENIED, DISK_FULL, FILE_CORRUPT, Hresult, SHARING_VIOLATION, status};
use crate::healthy::start_worker;
use crate::update::{Attempt, Failure, Update, begin, cause, execute, fail, resolve, stage};
use crate::writer::{Writer, cbs, cbs_error};

/// Like the founding case: a directory whose NTFS metadata is corrupt; the record is longer than CSI's cut.
pub(crate) fn file_corrupt(w: &mut Writer, update: &Update) {
    let directory = *w.random.pick(&[
        r"C:\Program Files\Windows Defender",
        r"C:\Program Files\Windows Photo Viewer",
        r"C:\Windows\System32\WindowsPowerShell\v1.0",
        r"C:\ProgramData\Microsoft\Windows Defender\Platform",
    ]);
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    let name = "STATUS_FILE_CORRUPT_ERROR";
    let trace = open_frame(
        w,
        name,
        status::FILE_CORRUPT_ERROR,
        directory,
        "FILE_DIRECTORY_FILE|FILE_SYNCHRONOUS_IO_NONALERT|0x00004000",
    );
    origin(w, name, "SysCreateFile", 2_987);
    unwind(
        w,
        name,
        status::FILE_CORRUPT_ERROR,
        trace,
        "ERROR_FILE_CORRUPT",
        FILE_CORRUPT,
    );
    commit_failed(w, &attempt, FILE_CORRUPT);
    let cause = cause(
        "filesystem_corruption",
        status::FILE_CORRUPT_ERROR,
        directory,
        "fs_corrupt_path",
    );
    fail(w, attempt, Failure::new(FILE_CORRUPT, "Execute", cause));
}

/// Somebody took the rights off a file.
pub(crate) fn access_denied(w: &mut Writer, update: &Update) {
    let file = *w.random.pick(&[
        r"C:\Windows\System32\drivers\etc\services",
        r"C:\Windows\System32\Tasks\Microsoft\Windows\Defrag\ScheduledDefrag",
        r"C:\Windows\Fonts\segoeui.ttf",
    ]);
    blocked(
        w,
        update,
        file,
        "STATUS_ACCESS_DENIED",
        status::ACCESS_DENIED,
        "ERROR_ACCESS_DENIED",
        ACCESS_DENIED,
        ("access_denied", "access"),
    );
}

/// A scanner or a backup holds a file.
pub(crate) fn sharing_violation(w: &mut Writer, update: &Update) {
    let file = *w.random.pick(&[
        r"C:\Windows\System32\spool\drivers\x64\3\UNIDRVUI.DLL",
        r"C:\Windows\System32\wbem\Repository\OBJECTS.DATA",
        r"C:\Windows\SysWOW64\msxml6.dll",
    ]);
    blocked(
        w,
        update,
        file,
        "STATUS_SHARING_VIOLATION",
        status::SHARING_VIOLATION,
        "ERROR_SHARING_VIOLATION",
        SHARING_VIOLATION,
        ("locked_file", "sharing"),
    );
}

/// No room while staging.
pub(crate) fn disk_full(w: &mut Writer, update: &Update) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    cbs!(w, "Perf: Stage chain started.");
    let file = format!(
        r"\??\{}\WinSxS\Temp\InFlight\{:016x}{:08x}\{:x}.manifest",
        w.build.windir(),
        w.random.next(),
        w.random.next() as u32,
        w.random.below(0xffff)
    );
    let (trace, at, bytes) = (
        w.random.within(100_000, 99_999_999),
        w.random.below(0xffff_ffff),
        w.random.within(70_000, 9_000_000),
    );
    w.csi_failure(
        status::gle(status::DISK_FULL),
        format_args!("STATUS_DISK_FULL #{trace}# from Windows::Rtl::SystemImplementation::CSystemIsolationLayer::SysWriteFile(handle = @0x{at:x}, name = ({}), length = {bytes})", quoted(w.build.era, &file)),
    );
    origin(w, "STATUS_DISK_FULL", "SysWriteFile", 3_412);
    unwind(
        w,
        "STATUS_DISK_FULL",
        status::DISK_FULL,
        trace,
        "ERROR_DISK_FULL",
        DISK_FULL,
    );
    cbs_error!(
        w,
        "Failed to stage package manifest and payload. [HRESULT = {DISK_FULL}]"
    );
    cbs!(
        w,
        "Failed to stage execution chain. [HRESULT = {DISK_FULL}]"
    );
    let object = file.trim_start_matches(r"\??\");
    let cause = cause("disk_full", status::DISK_FULL, object, "disk_full");
    fail(w, attempt, Failure::new(DISK_FULL, "Stage", cause));
}

/// A file that cannot be opened: the same chain for every reason.
#[expect(
    clippy::too_many_arguments,
    reason = "two callers; a struct would only rename the fields"
)]
fn blocked(
    w: &mut Writer,
    update: &Update,
    file: &str,
    symbol: &str,
    nt: u32,
    win32: &str,
    code: Hresult,
    (category, rule): (&str, &str),
) {
    start_worker(w);
    let attempt = begin(w, update);
    resolve(w, &attempt);
    stage(w, &attempt);
    execute(w, &attempt);
    let trace = open_frame(
        w,
        symbol,
        nt,
        file,
        "FILE_NON_DIRECTORY_FILE|FILE_SYNCHRONOUS_IO_NONALERT|FILE_OPEN_FOR_BACKUP_INTENT",
    );
    origin(w, symbol, "SysCreateFile", 2_611);
    unwind(w, symbol, nt, trace, win32, code);
    commit_failed(w, &attempt, code);
    let cause = cause(category, nt, file, rule);
    fail(w, attempt, Failure::new(code, "Execute", cause));
}

/// The lowest frame: opening a path. Longer than 511 characters, so CSI cuts it.
fn open_frame(w: &mut Writer, symbol: &str, nt: u32, path: &str, options: &str) -> u64 {
    let (trace, at) = (
        w.random.within(100_000, 99_999_999),
        0x90_0000_0000 + w.random.below(0xf_ffff_ffff),
    );
    let path = format!(r"\??\{path}");
    w.csi_failure(
        status::gle(nt),
        format_args!(
            "{symbol} #{trace}# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(flags = (AllowFileNotFound|AllowSharingViolation|0x00000100), handle = {{provider=NULL, handle=0, name= (\"null\")}}, da = (SYNCHRONIZE|FILE_READ_ATTRIBUTES), oa = @0x{at:x}->OBJECT_ATTRIBUTES {{s:48; rd:NULL; on:{}; a:(OBJ_CASE_INSENSITIVE)}}, iosb = @0x{:x}, as = (null), fa = 0, sa = (FILE_SHARE_READ|FILE_SHARE_WRITE|FILE_SHARE_DELETE), cd = FILE_OPEN, co = ({options}), eab = NULL, eal = 0, disp = Invalid)\n",
            counted(w.build.era, &path),
            at + 0x58
        ),
    );
    trace
}

/// Where it originated: source file and line of the store's code.
fn origin(w: &mut Writer, symbol: &str, function: &str, line: u32) {
    let (root, provider) = match w.build.era {
        crate::builds::Era::Ten => (
            "onecore",
            "Windows::Rtl::SystemImplementation::DirectFileSystemProvider",
        ),
        _ => (
            r"d:\w7rtm",
            "Windows::Rtl::SystemImplementation::CSystemIsolationLayer",
        ),
    };
    w.csi_origin(format_args!("{root}\\base\\wcp\\sil\\ntsystem.cpp({line}): Error {symbol} originated in function {provider}::{function} expression: (null)\n"));
}

/// The way up: two inner frames, then the interface that CBS called.
fn unwind(w: &mut Writer, symbol: &str, nt: u32, trace: u64, win32: &str, code: Hresult) {
    for (step, function) in [
        (
            611,
            "Windows::ServicingStore::CFilePrimitiveInstaller::InstallFiles(...)",
        ),
        (1_204, "CCSDirectTransaction::PerformChangeAnalysis(...)"),
    ] {
        w.csi_failure(
            status::gle(nt),
            format_args!("{symbol} #{}# from {function}", trace - step),
        );
    }
    w.csi_failure(
        code.0,
        format_args!(
            "HRESULT_FROM_WIN32({win32}) #{}# from Windows::ServicingAPI::CCSITransaction::ICSITransaction_Commit(Flags = 0x00000066, pSink = NULL, disp = 0)",
            trace - 2_040
        ),
    );
}

/// What CBS makes of a transaction that did not commit.
fn commit_failed(w: &mut Writer, attempt: &Attempt, code: Hresult) {
    cbs!(w, "Setting ExecuteState key to: ExecuteStateNone");
    cbs!(w, "Setting RollbackFailed flag to 0");
    cbs_error!(
        w,
        "Exec: Failed to commit CSI transaction to execute changes. [HRESULT = {code}]"
    );
    cbs!(
        w,
        "Failed to install package: {} [HRESULT = {code}]",
        attempt.update.package
    );
    cbs!(w, "Failed to execute execution chain. [HRESULT = {code}]");
}

/// A string as object attributes show it: characters since Windows 10, bytes and characters before.
fn counted(era: crate::builds::Era, text: &str) -> String {
    let count = text.chars().count();
    match era {
        crate::builds::Era::Ten => format!("[{count}]'{text}'"),
        _ => format!("[{count}]\"{text}\""),
    }
}

/// A string as most records show it.
fn quoted(era: crate::builds::Era, text: &str) -> String {
    let count = text.chars().count();
    match era {
        crate::builds::Era::Ten => format!("[l:{count}]'{text}'"),
        _ => format!("[l:{}{{{count}}}]\"{text}\"", count * 2),
    }
}
