//! A day without trouble: worker starts, inventory sessions, worker ends.
//!
//! Most sessions of a real log are inventory only and end without a word; 1-2 % of the lines carry a code on Windows 10, a quarter on Windows 7.

use crate::builds::Era;
use crate::calendar::Release;
use crate::noise;
use crate::writer::{Session, Writer, cbs, csi, csi_at};

/// Features and applications whose packages an inventory meets. Names are of the product; versions and pairings are made up.
const FEATURES: [(&str, &str); 12] = [
    (
        "Microsoft-Windows-MediaPlayer-Package",
        "WindowsMediaPlayer",
    ),
    (
        "Microsoft-Windows-Printing-XPSServices-Package",
        "Printing-XPSServices-Features",
    ),
    ("Microsoft-Windows-SmbDirect-Package", "SmbDirect"),
    (
        "Microsoft-Windows-WorkFolders-Client-Package",
        "WorkFolders-Client",
    ),
    ("Microsoft-Windows-TelnetClient-Package", "TelnetClient"),
    ("Microsoft-Windows-MSMQ-Client-Package", "MSMQ-Container"),
    ("Microsoft-Windows-NetFx3-OC-Package", "NetFx3"),
    (
        "Microsoft-Windows-DirectoryServices-ADAM-Client-Package",
        "DirectoryServices-ADAM-Client",
    ),
    ("Microsoft-Windows-HgsClient-Package", "HostGuardian"),
    ("Microsoft-Windows-Containers-Package", "Containers"),
    ("Microsoft-Windows-TFTP-Client-Package", "TFTP"),
    (
        "Microsoft-Windows-DataCenterBridging-Package",
        "DataCenterBridging",
    ),
];

/// Languages of optional packages.
const LANGUAGES: [&str; 16] = [
    "zh-cn", "zh-tw", "zh-hk", "en-us", "en-gb", "ja-jp", "ko-kr", "de-de", "fr-fr", "es-es",
    "pt-br", "th-th", "vi-vn", "id-id", "pl-pl", "nl-nl",
];

/// Kinds of language packages.
const LANGUAGE_KINDS: [&str; 5] = ["Basic", "Handwriting", "OCR", "Speech", "TextToSpeech"];

/// One run of the servicing worker that only looks: about `records` records.
pub(crate) fn inventory(w: &mut Writer, records: u64) {
    start_worker(w);
    let mut written = 60;
    // The clock went back on about one start in sixty; a guess that keeps the kind present and rare.
    if w.build.era == Era::Ten && w.random.below(60) == 0 {
        noise::clock_went_back(w);
    }
    while written < records.max(70) {
        written += match w.build.era {
            Era::Ten => session_ten(w),
            Era::Eight => session_old(w, 4),
            Era::Seven => session_old(w, 22),
        };
        w.wait_ms(20, 2_500);
    }
    end_worker(w);
}

/// The service and its worker start, the component store is loaded.
pub(crate) fn start_worker(w: &mut Writer) {
    // Between operations only: while one is pending, the log is left alone.
    w.rotate_if_large();
    service_start(w);
    if w.build.era == Era::Ten {
        cbs!(
            w,
            "No startup processing required, TrustedInstaller service was not set as autostart"
        );
        cbs!(w, "Startup processing thread terminated normally");
        cbs!(
            w,
            "TI: Startup Processing completes, release startup processing lock."
        );
    }
    worker_start(w);
    match w.build.era {
        Era::Ten => cbs!(w, "NonStart: Set pending store consistency check."),
        Era::Eight => {
            noise::telemetry(w);
            cbs!(w, "NonStart: Set pending store consistency check.");
        }
        Era::Seven => {
            noise::telemetry(w);
            cbs!(
                w,
                "No startup processing required, TrustedInstaller service was not set as autostart, or else a reboot is still pending."
            );
            cbs!(
                w,
                "NonStart: Checking to ensure startup processing was not required."
            );
            store_open(w);
            cbs!(
                w,
                "NonStart: Success, startup processing not required as expected."
            );
            cbs!(w, "Startup processing thread terminated normally");
            if w.random.chance(15) {
                noise::partially_installed(w);
            }
            if w.random.chance(6) {
                noise::log_backup(w);
            }
        }
    }
}

/// The service alone, as at a boot.
pub(crate) fn service_start(w: &mut Writer) {
    cbs!(w, "TI: --- Initializing Trusted Installer ---");
    let boot = w.last_boot();
    cbs!(w, "TI: Last boot time: {boot}");
    cbs!(w, "Starting TrustedInstaller initialization.");
    if w.build.era == Era::Ten {
        cbs!(
            w,
            "Lock: New lock added: CCbsPublicSessionClassFactory, level: 30, total lock:4"
        );
        cbs!(
            w,
            "Lock: New lock added: CCbsPublicSessionClassFactory, level: 30, total lock:5"
        );
        cbs!(
            w,
            "Lock: New lock added: WinlogonNotifyLock, level: 8, total lock:6"
        );
    }
    cbs!(w, "Ending TrustedInstaller initialization.");
    cbs!(w, "Starting the TrustedInstaller main loop.");
    cbs!(w, "TrustedInstaller service starts successfully.");
}

/// The worker alone: from here CSI counts from 1.
pub(crate) fn worker_start(w: &mut Writer) {
    let build = w.build;
    if build.era != Era::Seven {
        cbs!(w, "Starting TiWorker initialization.");
        if build.era == Era::Ten {
            cbs!(
                w,
                "Lock: New lock added: TiWorkerClassFactory, level: 30, total lock:2"
            );
        }
        cbs!(w, "Ending TiWorker initialization.");
        cbs!(w, "Starting the TiWorker main loop.");
        cbs!(w, "TiWorker starts successfully.");
        if build.era == Era::Ten {
            cbs!(
                w,
                "Lock: New lock added: CCbsWorker, level: 5, total lock:3"
            );
        }
        let universal = w.universal();
        cbs!(w, "Universal Time is: {universal}");
    }
    cbs!(
        w,
        "Loaded Servicing Stack v{} with Core: {}\\winsxs\\{}\\cbscore.dll",
        build.servicing_stack,
        build.windir(),
        build.stack_key()
    );
    w.restart_csi();
    if build.era == Era::Ten {
        cbs!(w, "Build: {}", build.build_line);
        csi_at!(
            w,
            "WcpInitialize: wcp.dll version {} (WinBuild.160101.0800)",
            build.servicing_stack
        );
        cbs!(
            w,
            "Lock: New lock added: CCbsSessionManager, level: 11, total lock:9"
        );
        cbs!(
            w,
            "Lock: New lock added: CSIInventoryCriticalSection, level: 64, total lock:10"
        );
    } else {
        // Stack addresses: eight hex digits that are no codes.
        let base = 0x7_fe00_0000_0000 / 0x100 + w.random.below(0xFFFF_FFFF);
        let low = 0xff80_0000 + w.random.below(0x3f_ffff);
        csi_at!(
            w,
            "WcpInitialize (wcp.dll version 0.0.0.6) called (stack @0x{base:x} @0x{:x} @0x{:x} @0x{low:x} @0x{:x})",
            base + 0x3b_cc51,
            base + 0x38_7723,
            low + 0x1_1e3
        );
    }
}

/// The worker and the service end.
pub(crate) fn end_worker(w: &mut Writer) {
    // AUTOSTOP comes two minutes after the last session.
    w.wait_ms(118_000, 123_000);
    cbs!(
        w,
        "Trusted Installer is shutting down because: SHUTDOWN_REASON_AUTOSTOP"
    );
    stop_worker(w);
}

/// The same without the wait, as before a reboot.
pub(crate) fn stop_worker(w: &mut Writer) {
    let windir = w.build.windir();
    match w.build.era {
        Era::Seven => cbs!(w, "TrustedInstaller service stops successfully."),
        Era::Eight => {
            cbs!(w, "TiWorker signaled for shutdown, going to exit.");
            cbs!(w, "Ending the TiWorker main loop.");
            cbs!(w, "Starting TiWorker finalization.");
            cbs!(w, "Ending the TrustedInstaller main loop.");
            cbs!(w, "Starting TrustedInstaller finalization.");
            cbs!(w, "Ending TrustedInstaller finalization.");
            cbs!(w, "Ending TiWorker finalization.");
        }
        Era::Ten => {
            cbs!(w, "TiWorker signaled for shutdown, going to exit.");
            cbs!(
                w,
                "Deleting the contents of directory: \\\\?\\{windir}\\CbsTemp"
            );
            cbs!(w, "Deletion of: \\\\?\\{windir}\\CbsTemp successful");
            cbs!(w, "CbsCoreFinalize: ExecutionEngineFinalize");
            cbs!(w, "Execution Engine Finalize");
            cbs!(w, "Ending the TiWorker main loop.");
            cbs!(w, "Starting TiWorker finalization.");
            for part in [
                "ComponentAnalyzerFinalize",
                "PackageTrackerFinalize",
                "CoreResourcesUnload",
                "SessionManagerFinalize",
            ] {
                cbs!(w, "CbsCoreFinalize: {part}");
            }
            cbs!(
                w,
                "Lock: Lock removed: CSIInventoryCriticalSection, level: 64, total lock:10"
            );
            cbs!(
                w,
                "Lock: Lock removed: CCbsSessionManager, level: 11, total lock:9"
            );
            cbs!(w, "CbsCoreFinalize: WcpUnload");
            let files = w.random.within(2, 4_000);
            csi!(w, "Direct SIL provider: Number of files opened: {files}.");
            for part in [
                "DrupUnload",
                "DpxUnload",
                "SrUnload",
                "CbsEsdUnload",
                "CbsEventUnregister",
                "AppContainerUnload",
            ] {
                cbs!(w, "CbsCoreFinalize: {part}");
            }
            cbs!(
                w,
                "CbsCoreFinalize: WdsUnload, logging from cbscore will end."
            );
            cbs!(w, "Ending TiWorker finalization.");
            cbs!(w, "Ending the TrustedInstaller main loop.");
            cbs!(w, "Starting TrustedInstaller finalization.");
            cbs!(
                w,
                "Lock: Lock removed: WinlogonNotifyLock, level: 8, total lock:6"
            );
            cbs!(w, "Ending TrustedInstaller finalization.");
        }
    }
}

/// Opens a session for a client, in the wording of the build.
pub(crate) fn open_session(w: &mut Writer, client: &str) -> Session {
    let session = w.new_session();
    announce_session(w, session, client);
    session
}

/// The line of a session, new or taken up again after a boot.
pub(crate) fn announce_session(w: &mut Writer, session: Session, client: &str) {
    match (w.build.era, w.build.branch) {
        (Era::Ten, "19041" | "17763") => {
            cbs!(
                w,
                "Session: {session} initialized by client {client}, external staging directory: (null), external registry directory: (null)"
            );
        }
        (Era::Ten, _) => cbs!(
            w,
            "Session: {session} initialized by client {client}, external staging directory: (null)"
        ),
        _ => cbs!(w, "Session: {session} initialized by client {client}."),
    }
}

/// The component store is opened.
pub(crate) fn store_open(w: &mut Writer) {
    let pointer = 0x100_0000_0000 + w.random.below(0x1ff_ffff_ffff);
    csi!(
        w,
        "IAdvancedInstallerAwareStore_ResolvePendingTransactions (call 1) (flags = 00000004, progress = NULL, phase = 0, pdwDisposition = @0x{:x}",
        pointer >> 4
    );
    match w.build.era {
        Era::Ten => {
            csi!(
                w,
                "Poqexec successfully registered in [l:12 ml:13]'SetupExecute'"
            );
            csi!(w, "CSI Store {pointer} initialized");
        }
        _ => {
            csi!(
                w,
                "Poqexec successfully registered in [ml:26{{13}},l:24{{12}}]\"SetupExecute\""
            );
            csi!(w, "CSI Store {pointer} (0x{pointer:016x}) initialized");
        }
    }
}

/// A transaction that is opened and thrown away.
fn transaction(w: &mut Writer, session: Session) {
    let at = 0x1000_0000 + w.random.below(0xff_ffff_ffff);
    match w.build.era {
        Era::Ten => csi_at!(
            w,
            "CSI Transaction @0x{at:x} initialized for deployment engine {{d16d444c-56d8-11d5-882d-0080c847b195}} with flags 00000000 and client id 'TI5.{session}:1/'\n"
        ),
        _ => csi_at!(
            w,
            "CSI Transaction @0x{at:x} initialized for deployment engine {{d16d444c-56d8-11d5-882d-0080c847b195}} with flags 00000002 and client id [{}]\"TI5.{session}:1/\"\n",
            format!("TI5.{session}:1/").len()
        ),
    }
    csi_at!(w, "CSI Transaction @0x{at:x} destroyed");
}

fn session_ten(w: &mut Writer) -> u64 {
    match w.random.below(100) {
        0..35 => by_management(w),
        35..70 => by_language(w),
        70..94 => by_update_agent(w),
        94..97 => search_settings(w),
        _ => sfc_batch(w),
    }
}

/// An inventory asked through WMI: features one by one.
fn by_management(w: &mut Writer) -> u64 {
    let version = w.build.component_version(Release {
        year: 2023,
        month: 10,
    });
    let session = open_session(w, "WinMgmt");
    cbs!(
        w,
        "Enumerating Foundation package: Microsoft-Windows-Foundation-Package~31bf3856ad364e35~amd64~~{}.1, this could be slow",
        w.build.version
    );
    cbs!(
        w,
        "Appl:Feature On Demand package without explicit comparator, using GE on build version"
    );
    transaction(w, session);
    let features = w.random.within(4, FEATURES.len() as u64);
    for index in 0..features {
        let (package, update) = FEATURES[index as usize];
        let (applicable, state) = *w.random.pick(&[
            ("NeedsParent", "Staged"),
            ("Applicable", "Installed"),
            ("NeedsParent", "Absent"),
        ]);
        cbs!(
            w,
            "Appl: DetectUpdate, Package: {package}~31bf3856ad364e35~amd64~~{version}, Local Parent: {update}, Intended State: {state}"
        );
        cbs!(
            w,
            "Appl: Package: {package}~31bf3856ad364e35~amd64~~{version}, Update: {update}, Applicable: {applicable}, Disposition: {state}"
        );
    }
    // Newer stacks close such a session in words; most do not.
    if w.build.branch == "22621" || w.build.branch == "26100" {
        cbs!(
            w,
            "Session: {session} finalized. Reboot required: no [HRESULT = 0x00000000 - S_OK]"
        );
    }
    features * 2 + 6
}

/// The settings page looks at optional languages.
fn by_language(w: &mut Writer) -> u64 {
    let client = *w
        .random
        .pick(&["LanguageFeaturesOnDemand", "LanguageSettings"]);
    open_session(w, client);
    let version = w.build.version;
    let kind = *w.random.pick(&LANGUAGE_KINDS);
    let languages = w.random.within(6, LANGUAGES.len() as u64);
    for language in &LANGUAGES[..languages as usize] {
        cbs!(
            w,
            "Appl: Evaluating package applicability for package Microsoft-Windows-LanguageFeatures-{kind}-{language}-Package~31bf3856ad364e35~amd64~~{version}.1, applicable state: Installed"
        );
    }
    if w.random.chance(30) {
        // A list long enough to be cut: one record of more than 2048 characters.
        operations(w, "Locked", languages + 4);
        return languages + 2;
    }
    languages + 1
}

/// The update agent asks package by package what is applicable.
fn by_update_agent(w: &mut Writer) -> u64 {
    open_session(w, "WindowsUpdateAgent");
    let packages = w.random.within(6, 18);
    for _ in 0..packages {
        let (number, revision) = (
            w.random.within(5_000_000, 5_029_999),
            w.random.within(100, 4_999),
        );
        let (a, b) = (w.random.next(), w.random.next());
        let state = *w.random.pick(&[0, 0, 112]);
        cbs!(
            w,
            "WU creates the package, AppID:<<PROCESS>>: svchost.exe, UpdateID:{{{:08X}-{:04X}-{:04X}-{:04X}-{:012X}}}, revision: {}",
            a >> 32,
            a >> 16 & 0xFFFF,
            a & 0xFFFF,
            b >> 48,
            b & 0xFFFF_FFFF_FFFF,
            200 + revision % 5
        );
        let branch = w.build.branch;
        cbs!(
            w,
            "Read out cached applicability from TiLight for package: Package_for_KB{number}~31bf3856ad364e35~amd64~~{branch}.{revision}.1.1, ApplicableState: 112, CurrentState:{state}"
        );
    }
    // About one scan in nine meets a package that is gone; keeps lines with codes at 1-2 %.
    if w.random.below(9) == 0 {
        let number = w.random.within(4_500_000, 4_999_999);
        noise::package_not_installed(
            w,
            &format!(
                "Package_for_KB{number}~31bf3856ad364e35~amd64~~{}.1.0",
                w.build.version
            ),
        );
        return packages * 2 + 5;
    }
    packages * 2 + 1
}

/// A search for optional content, whose settings are mostly not there.
fn search_settings(w: &mut Writer) -> u64 {
    open_session(w, "CbsTask");
    cbs!(
        w,
        "WU: Microsoft Update service is the default, URL: (null), Name: Windows Update"
    );
    if w.random.chance(40) {
        noise::optional_values(w);
    }
    if w.random.chance(30) {
        noise::auto_repair(w);
    }
    let product = if w.build.server {
        "Server.OS.rs2.amd64"
    } else {
        "Client.OS.rs2.amd64"
    };
    cbs!(
        w,
        "DWLD: Current product search criteria: (Product='{product}' and CurrentVersionOnly=1 )"
    );
    7
}

/// A stretch of a healthy `sfc /verifyonly`.
fn sfc_batch(w: &mut Writer) -> u64 {
    let batches = w.random.within(3, 8);
    for _ in 0..batches {
        csi!(w, "[SR] Verifying 100 components");
        csi!(w, "[SR] Beginning Verify and Repair transaction");
        w.wait_ms(1_500, 9_000);
        let ms = w.random.within(101, 980);
        csi!(w, "CSIPERF - FilePI Queue {ms}ms");
        csi!(w, "[SR] Verify complete");
    }
    batches * 4
}

/// A numbered list of operations in one record, over as many lines.
pub(crate) fn operations(w: &mut Writer, verb: &str, count: u64) {
    let version = w.build.component_version(Release {
        year: 2024,
        month: 3,
    });
    let mut text = format!("Performing {count} operations as follows:");
    for index in 0..count {
        let (package, _) = FEATURES[(index % FEATURES.len() as u64) as usize];
        let hash = w.random.next();
        text.push_str(&format!(
            "\n  ({index})  {verb}: flags: 0 tlc: [{package}-Deployment, version {version}, arch amd64, nonSxS, pkt {{l:8 b:31bf3856ad364e35}}]) ref: ( flgs: 00000000 guid: {{d16d444c-56d8-11d5-882d-0080c847b195}} name: [l:{}]'{package}~31bf3856ad364e35~amd64~~{version}.{hash:016x}' ncdata: [l:0]'')",
            package.len() + version.len() + 42
        ));
    }
    csi!(w, "{text}");
}

/// Windows 7, 8.1 and Server 2012: one session per question. `newer` percent of the questions meet a newer manifest.
fn session_old(w: &mut Writer, newer: u64) -> u64 {
    open_session(w, "WindowsUpdateAgent");
    let mut written = 1;
    let wording = if w.build.era == Era::Seven {
        "Read out cached package applicability for"
    } else {
        "Read out cached applicability from TiLight for"
    };
    for _ in 0..w.random.within(1, 4) {
        let (number, state) = (
            w.random.within(2_500_000, 4_499_999),
            *w.random.pick(&[0, 112, 112]),
        );
        if w.random.chance(newer) && w.build.era == Era::Seven {
            noise::newer_manifest(w);
            written += 3;
        }
        cbs!(
            w,
            "{wording} package: Package_for_KB{number}~31bf3856ad364e35~amd64~~{}.1.{}, ApplicableState: {state}, CurrentState:{}",
            &w.build.version[..3],
            number % 9,
            112 - state
        );
        written += 1;
    }
    if w.random.chance(5) {
        noise::package_not_installed_old(w);
        written += 2;
    }
    written
}

/// Start of a transaction that installs.
pub(crate) fn install_transaction(w: &mut Writer, session: Session, package: &str) -> u64 {
    let at = 0x1000_0000 + w.random.below(0xff_ffff_ffff);
    let client = format!("TI4.{session}:4/{package}");
    match w.build.era {
        Era::Ten => csi_at!(
            w,
            "CSI Transaction @0x{at:x} initialized for deployment engine {{d16d444c-56d8-11d5-882d-0080c847b195}} with flags 00000000 and client id '{client}'\n"
        ),
        _ => csi_at!(
            w,
            "CSI Transaction @0x{at:x} initialized for deployment engine {{d16d444c-56d8-11d5-882d-0080c847b195}} with flags 00000002 and client id [{}]\"{client}\"\n",
            client.len()
        ),
    }
    at
}
