//! What is no attempt: a store repair without a source, and sfc that cannot mend a file.

use crate::builds::{Era, component_key};
use crate::calendar::Release;
use crate::codes::{DIRECTORY, SOURCE_MISSING};
use crate::healthy::{end_worker, open_session, start_worker, store_open};
use crate::noise;
use crate::truth::{TruthCause, TruthFinding, code_text};
use crate::update::{Update, cause};
use crate::writer::{Level, Writer, cbs, cbs_error, csi, csi_at};
use event::Outcome;

/// `DISM /Online /Cleanup-Image /RestoreHealth` without a source that holds the files.
pub(crate) fn source_missing(w: &mut Writer, update: &Update) {
    start_worker(w);
    let (client, code) = ("DISM Package Manager Provider", SOURCE_MISSING);
    w.align();
    let session = open_session(w, client);
    let start = w.logged();
    // Some name a file where a directory is wanted: then that is the root.
    let wrong_path = w.random.chance(40);
    let path = if wrong_path {
        r"D:\sources\install.wim"
    } else {
        r"D:\sources\sxs"
    };
    cbs!(
        w,
        "Exec: Addsource called, Session: {session}, Client: {client}, from GPO: No, Path: {path}"
    );
    if wrong_path {
        w.record(
            Level::Warning,
            "CBS",
            format_args!(
                "The alternate source path directory could not be accessed [HRESULT = {DIRECTORY}]"
            ),
        );
        cbs!(w, "Failed to add new file source [HRESULT = {DIRECTORY}]");
        cbs!(
            w,
            "Failed to add alternate file source [HRESULT = {DIRECTORY}]"
        );
        cbs!(
            w,
            "Failed to Add Source using worker session [HRESULT = {:#010x}]",
            DIRECTORY.0
        );
    }
    cbs!(w, "Client specifies store corruption detect and repair.");
    cbs!(w, "Blocked system sleep; prior state: 0x80000000");
    cbs!(
        w,
        "Exec: Session processing started.  Client: {client}, Session(Store Corruption Detect/Repair): {session}"
    );
    cbs!(w, "Reboot mark set");
    w.wait_ms(30_000, 120_000);
    cbs!(w, "Repr: CBS Store check completes");
    store_open(w);
    csi_at!(w, "Starting corruption detection (InnerFlags=5)");
    w.wait_ms(200_000, 1_900_000);

    let version = w.build.component_version(Release {
        year: update.release.year - 1,
        month: update.release.month,
    });
    let corrupt: Vec<(String, &str)> = [
        ("microsoft-windows-printing-fdprint", "fdprint.dll"),
        ("microsoft-windows-msxml30", "msxml3r.dll"),
    ]
    .into_iter()
    .take(w.random.within(1, 2) as usize)
    .map(|(component, file)| (component_key(component, &version), file))
    .collect();
    for (component, file) in &corrupt {
        hash_mismatch(w, component, file);
    }
    csi_at!(
        w,
        "Corruption detection complete. numCorruptions = {}, Disp = 1.",
        corrupt.len()
    );
    cbs!(w, "Repr: CSI Store check completes");
    for (component, file) in &corrupt {
        cbs!(
            w,
            "Repr: Not able to find replacement file for component {component}, file {file} from any local source"
        );
    }
    cbs!(w, "Exec: Clients specified using local source only.");
    cbs!(
        w,
        "Repr: The system configuration is not qualified for Windows Update download, skip WU."
    );
    w.align();
    cbs!(
        w,
        "Failed to collect payload and there is nothing to repair. [HRESULT = {code}]"
    );
    cbs!(w, "Failed to repair store. [HRESULT = {code}]");
    readiness(w, &corrupt, code.0);
    cbs!(
        w,
        "SQM: CheckSur: hrStatus: {:#010x} [{}], download Result: 0x0 [S_OK]",
        code.0,
        code.1
    );
    cbs!(w, "Failed to run Detect and repair. [HRESULT = {code}]");
    cbs!(w, "Reboot mark cleared");
    cbs!(w, "Restored system sleep block state: 0x80000000");
    cbs!(
        w,
        "Exec: Processing complete, session(Corruption Repairing): {session} [HRESULT = {code}]"
    );
    cbs_error!(
        w,
        "Session: {session} failed to perform store corruption detect and repair operation. [HRESULT = {code}]"
    );
    cbs!(
        w,
        "Session: {session} finalized. Reboot required: no [HRESULT = {code}]"
    );
    let end = w.logged();
    // What the root is about: the source that is no directory, else the first file that has no source.
    let object = if wrong_path {
        path.to_owned()
    } else {
        corrupt
            .first()
            .map(|(component, file)| format!("{component}\\{file}"))
            .unwrap_or_default()
    };
    w.findings.push(TruthFinding {
        kind: "repair".to_owned(),
        client: client.to_owned(),
        session: session.to_string(),
        start,
        end,
        outcome: Outcome::Failed,
        terminal_code: Some(code_text(code.0)),
        cause: Some(cause(
            "repair_source_missing",
            if wrong_path { DIRECTORY.0 } else { code.0 },
            &object,
            "repair_source_missing",
        )),
    });
    end_worker(w);
}

/// `sfc /scannow` finds a file that the store cannot give back.
pub(crate) fn sfc(w: &mut Writer, _: &Update) {
    start_worker(w);
    if w.build.era == Era::Ten && w.random.chance(50) {
        noise::clock_went_back(w);
    }
    store_open(w);
    w.align();
    let version = w.build.component_version(Release {
        year: 2024,
        month: 1,
    });
    let (name, file) = *w.random.pick(&[
        ("Microsoft-Windows-Printing-Fdprint", "fdprint.dll"),
        ("Microsoft-Windows-Wordpad", "wordpad.exe"),
        ("Microsoft-Windows-MSXML60", "msxml6r.dll"),
    ]);
    let mut start = String::new();
    for batch in 0..6 {
        csi!(w, "[SR] Verifying 100 components");
        if batch == 0 {
            start = w.logged();
        }
        csi!(w, "[SR] Beginning Verify and Repair transaction");
        w.wait_ms(2_000, 9_000);
        if batch == 3 {
            // Once while verifying and once while repairing; the same file, so one object.
            cannot_repair(w, name, file, &version);
        }
        csi!(w, "[SR] Verify complete");
    }
    w.align();
    csi!(w, "[SR] Repairing 1 components");
    csi!(w, "[SR] Beginning Verify and Repair transaction");
    w.wait_ms(300, 700);
    cannot_repair(w, name, file, &version);
    if w.chinese {
        // A Chinese start menu: text beyond ASCII, which `findstr` copies in the console's code page.
        csi!(
            w,
            "[SR] Repairing file \\??\\C:\\ProgramData\\Microsoft\\Windows\\Start Menu\\Programs\\附件\\记事本.lnk from store"
        );
    }
    csi!(w, "[SR] Repair complete");
    csi!(w, "[SR] Committing transaction");
    csi_at!(w, "[SR] Verify and Repair Transaction completed.");
    let end = w.logged();
    w.findings.push(TruthFinding {
        kind: "sfc".to_owned(),
        client: String::new(),
        session: String::new(),
        start,
        end,
        outcome: Outcome::Failed,
        terminal_code: None,
        cause: Some(TruthCause {
            category: "sfc_unrepairable".to_owned(),
            root_code: None,
            object: file.to_owned(),
            rule_hint: "store_check_sfc".to_owned(),
        }),
    });
    end_worker(w);
}

fn cannot_repair(w: &mut Writer, name: &str, file: &str, version: &str) {
    let key = component_key(name, version);
    hash_mismatch(w, &key, file);
    let package = format!("Package_41_for_KB5001337~31bf3856ad364e35~amd64~~{version}");
    match w.build.era {
        Era::Ten => {
            csi!(
                w,
                "[SR] Cannot repair member file [l:{}]'{file}' of {name}, version {version}, arch amd64, nonSxS, pkt {{l:8 b:31bf3856ad364e35}} in the store, hash mismatch",
                file.len()
            );
            csi!(
                w,
                "[SR] This component was referenced by [l:{}]'{package}'",
                package.len()
            );
        }
        _ => {
            csi!(
                w,
                "[SR] Cannot repair member file [l:{}{{{}}}]\"{file}\" of {name}, Version = {version}, pA = PROCESSOR_ARCHITECTURE_AMD64 (9), Culture neutral, VersionScope = 1 nonSxS, PublicKeyToken = {{l:8 b:31bf3856ad364e35}}, Type neutral, TypeName neutral, PublicKey neutral in the store, hash mismatch",
                file.len() * 2,
                file.len()
            );
            csi!(
                w,
                "[SR] This component was referenced by [l:{}{{{}}}]\"{package}\"",
                package.len() * 2,
                package.len()
            );
        }
    }
}

fn hash_mismatch(w: &mut Writer, component: &str, file: &str) {
    let blob = |w: &mut Writer| {
        format!(
            "{:016x}{:016x}{:016x}{:016x}",
            w.random.next(),
            w.random.next(),
            w.random.next(),
            w.random.next()
        )
    };
    let (expected, actual) = (blob(w), blob(w));
    match w.build.era {
        Era::Ten => csi!(
            w,
            "Hashes for file member [l:{}]'{file}' do not match.\n Expected: {{l:32 ml:33 b:{expected}}}.\n Actual: {{l:32 b:{actual}}}.",
            file.len()
        ),
        _ => csi!(
            w,
            "Hashes for file member \\SystemRoot\\WinSxS\\{component}\\{file} do not match actual file [l:{}{{{}}}]\"{file}\" :\n  Found: {{l:32 b:{actual}}} Expected: {{l:32 b:{expected}}}",
            file.len() * 2,
            file.len()
        ),
    }
}

/// The readiness block: one record before Windows 10, one headed line per row since.
fn readiness(w: &mut Writer, corrupt: &[(String, &str)], result: u32) {
    let mut rows = vec![
        String::new(),
        "=================================".to_owned(),
        "Checking System Update Readiness.".to_owned(),
        String::new(),
    ];
    let mark = if w.build.era == Era::Ten { "(n)\t" } else { "" };
    for (component, file) in corrupt {
        rows.push(format!(
            "(p)\tCSI Payload Corrupt\t{mark}\t\t{component}\\{file}"
        ));
        rows.push("Repair failed: Missing replacement payload.".to_owned());
    }
    rows.extend([
        String::new(),
        "Summary:".to_owned(),
        "Operation: Detect and Repair ".to_owned(),
        format!("Operation result: {result:#010x}"),
        "Last Successful Step: Entire operation completes.".to_owned(),
        format!("Total Detected Corruption:\t{}", corrupt.len()),
    ]);
    for kind in [
        "CBS Manifest",
        "CBS Metadata",
        "CSI Manifest",
        "CSI Metadata",
    ] {
        rows.push(format!("\t{kind} Corruption:\t0"));
    }
    rows.push(format!("\tCSI Payload Corruption:\t{}", corrupt.len()));
    rows.push("Total Repaired Corruption:\t0".to_owned());
    for kind in ["CBS Manifest", "CSI Manifest", "CSI Payload"] {
        rows.push(format!("\t{kind} Repaired:\t0"));
    }
    rows.push("\tCSI Store Metadata refreshed:\tTrue".to_owned());
    rows.push(String::new());
    let seconds = w.random.within(240, 2_100);
    rows.push(format!("Total Operation Time: {seconds} seconds."));
    if w.build.era == Era::Ten {
        for row in rows {
            cbs!(w, "{row}");
        }
    } else {
        let block = rows.join("\n");
        cbs!(w, "{block}\n");
    }
}
