//! Markers of made-up records.

use super::*;

/// What a text marks in any kind of log.
fn read_any(text: &str) -> Marked<'_> {
    let mut marked = Source::ALL.map(|source| read(source, text)).into_iter();
    marked
        .find(|marked| marked.marker != Marker::None)
        .unwrap_or_default()
}

fn check(text: &str, marker: Marker, client: &str, fields: &[(&str, &str)]) {
    let marked = read_any(text);
    assert_eq!((marked.marker, marked.client), (marker, client), "{text}");
    assert_eq!(marked.fields, fields, "{text}");
    assert!(
        LITERALS
            .iter()
            .chain(&failure::COMMAND_FAILED)
            .any(|literal| text.contains(literal)),
        "no literal in {text}"
    );
    assert!(marked.fields.is_sorted(), "{text}");
    // In pasted text blanks are folded; rows of columns are not read there.
    if !text.contains(['\n', '\t']) {
        let folded: Vec<&str> = text.split_whitespace().collect();
        let folded = folded.join(" ");
        let copied = read_any(&folded);
        assert_eq!((copied.marker, copied.client), (marker, client), "{folded}");
        assert_eq!(copied.fields, fields, "{folded}");
    }
}

// Made-up records in the wording of the servicing stack.
#[test]
fn every_marker_is_read_with_its_fields() {
    check(
        "Exec: Addsource called, Session: 1_2, Client: DISM X, from GPO: No, Path: f:\\a b\\sxs",
        Marker::SourceAdded,
        "DISM X",
        &[("path", "f:\\a b\\sxs")],
    );
    check(
        "Session: 1_2 finalized. Reboot required: no [HRESULT = 0x800f0820 - CBS_E_CANCEL]",
        Marker::SessionEnd,
        "",
        &[("hresult", "0x800f0820"), ("reboot", "no")],
    );
    check(
        "Exec: Processing started.  Client: wusa, Session: 1_2, Package: P~a~b~~1, Identifier: KB1234567",
        Marker::ExecStart,
        "wusa",
        &[("identifier", "KB1234567")],
    );
    check(
        "Exec: Processing complete.  Session: 1_2, Package: P~a~b~~1, Identifier: KB1234567 [HRESULT = 0x00000000 - S_OK]",
        Marker::ExecEnd,
        "",
        &[("hresult", "0x00000000"), ("identifier", "KB1234567")],
    );
    check(
        "Exec: Session processing started.  Client: D, Session(Store Corruption Detect/Repair): 1_2",
        Marker::RepairStart,
        "D",
        &[],
    );
    check(
        "Exec: Processing complete, session(Corruption Repairing): 1_2 [HRESULT = 0x800f081f - CBS_E_SOURCE_MISSING]",
        Marker::RepairEnd,
        "",
        &[("hresult", "0x800f081f")],
    );
    check(
        "WER: Generating failure report for package: P~a~b~~1, status: 0x80070308, failure source: CSI Other, start state: Staged, target state: Installed, client id: WindowsUpdateAgent",
        Marker::FailureReport,
        "WindowsUpdateAgent",
        &[
            ("failure_source", "CSI Other"),
            ("hresult", "0x80070308"),
            ("start_state", "Staged"),
            ("target_state", "Installed"),
        ],
    );
    check(
        "Reporting package change completion for package: P~a~b~~1, current: Installed, original: Staged, target: Installed, status: 0x0, failure source: Not Applicable, failure details: \"(null)\", client id: D, initiated offline: False",
        Marker::ChangeReport,
        "D",
        &[
            ("failure_source", "Not Applicable"),
            ("hresult", "0x0"),
            ("start_state", "Staged"),
            ("state", "Installed"),
            ("target_state", "Installed"),
        ],
    );
    check(
        "Startup: Package: P~a~b~~1 completed startup processing, new state: Installed, original: Staged, targeted: Installed.  hr = 0x0",
        Marker::StartupEnd,
        "",
        &[
            ("hresult", "0x0"),
            ("start_state", "Staged"),
            ("state", "Installed"),
            ("target_state", "Installed"),
        ],
    );
    check(
        "Startup: Processing complete. [HRESULT = 0x00000000 - S_OK]",
        Marker::StartupProcessed,
        "",
        &[("hresult", "0x00000000")],
    );
    check(
        "Setting ExecuteState key to: ExecuteStateNone",
        Marker::ExecState,
        "",
        &[("state", "ExecuteStateNone")],
    );
    check(
        "Retrieved original failure status: 0x8007000d, last forward execute state: X",
        Marker::OriginalFailure,
        "",
        &[("hresult", "0x8007000d")],
    );
    check(
        "Failed to process single phase execution. [HRESULT = 0x80070308 - X]",
        Marker::PhaseFailed,
        "",
        &[("hresult", "0x80070308")],
    );
    check(
        "Loaded Servicing Stack v10.0.1.2 with Core: C:\\x",
        Marker::StackLoaded,
        "",
        &[("version", "10.0.1.2")],
    );
    check(
        "0000000a [SR] Cannot repair member file [l:5]'a.dll' of Comp-A, version 1, in the store",
        Marker::SfcCannotRepair,
        "",
        &[("component", "Comp-A"), ("file", "a.dll")],
    );
    check(
        "0000000a [SR] Repairing corrupted file \\??\\C:\\x",
        Marker::SfcRepaired,
        "",
        &[],
    );
    check(
        "\n====\nChecking System Update Readiness.\nSummary:\nOperation: Detect only \nOperation result: 0x0\nTotal Detected Corruption:\t3\n",
        Marker::CheckSur,
        "",
        &[
            ("detected", "3"),
            ("hresult", "0x0"),
            ("operation", "Detect only"),
        ],
    );
}

// Made-up records of DISM and of the update agents.
#[test]
fn commands_searches_and_history_are_read() {
    check(
        "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0905",
        Marker::CommandEnd,
        "",
        &[("failure", "yes"), ("hresult", "800F0905")],
    );
    check(
        "API: PID=1 TID=2 InternalExecute failed - CBaseCommandObject::Execute(hr:80070002)",
        Marker::CommandEnd,
        "",
        &[("failure", "yes"), ("hresult", "80070002")],
    );
    check(
        "DISM Package Manager: PID=1 TID=2 Encountered the option \"featurename\" with value \"Made-Up\" - X::Y",
        Marker::WorkedOn,
        "",
        &[("file", "Made-Up")],
    );
    check(
        "* END * Finding updates CallerId = made-up, Id = 3, Exit code = 0x00000000 (cV = x.1)",
        Marker::DetectionEnd,
        "",
        &[("service", "made-up")],
    );
    check(
        "* END * Finding updates CallerId = made-up, Id = 3, Exit code = 0x80240438 (cV = x.1)",
        Marker::DetectionEnd,
        "",
        &[("hresult", "0x80240438"), ("service", "made-up")],
    );
    check(
        "  * Found 0 updates and 80 categories in search; evaluated appl. rules of 9 out of 12 deployed entities",
        Marker::DetectionEnd,
        "",
        &[],
    );
    check(
        "LogHistory called. idUpdate={0A}.1, resultMapped=0, resultUnMapped=0",
        Marker::UpdateInstalled,
        "",
        &[("update", "0A")],
    );
    let failed = "LogHistory called. idUpdate={0A}.1, resultMapped=80070643, resultUnMapped=0";
    assert_eq!(read_any(failed).marker, Marker::None);
}

#[test]
fn the_end_of_a_detection_names_its_service() {
    for (what, result) in [
        ("147 [AGENT_DETECTION_FINISHED]", "0"),
        ("148 [AGENT_DETECTION_FAILED]", "80240438"),
    ] {
        check(
            &format!("{what}\t101\t{{0A}}\t0\t{result}\tmade-up\tx\tSoftware Synchronization\tx"),
            Marker::DetectionEnd,
            "",
            &[("hresult", result), ("service", "{0A}")],
        );
    }
    assert_eq!(
        read_any("163 [AGENT_DOWNLOAD_CANCELED]\t101\t{0A}\t0\t8024000b").marker,
        Marker::None
    );
}

#[test]
fn what_says_nothing_is_no_marker() {
    assert_eq!(
        read_any("Retrieved original failure status: 0x00000000, last forward execute state: X")
            .marker,
        Marker::None
    );
    for text in [
        "Session: 1_2 something else",
        "Session: 1_2 finalized. Reboot required: no [HRESULT = 0x00000000 - S_OK]",
        "Asynchronous Session: 1_2 finalized. [HRESULT = 0x00000000 - S_OK]",
    ] {
        assert_eq!(read_any(text).marker, Marker::None, "{text}");
    }
}
