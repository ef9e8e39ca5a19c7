//! What strangers hand over: stamps taken out, messages without heads, the last lines of a console, rows whose TABs became blanks.
//!
//! All values are made up; the words are those that Windows writes.

use crate::pc::judge;
use classify::Verdict;

/// What must come of a text: the category of a finding, one of its codes, and part of its object, package or KB.
struct Expected {
    category: &'static str,
    code: &'static str,
    about: &'static str,
}

fn check(name: &str, text: &str, expected: &Expected) {
    let judged = judge(&[(name, text)]);
    assert_eq!(judged.verdict, Verdict::Failed, "{name}: {text}");
    let failures = judged.failures();
    let is_of = |finding: &event::Finding| {
        let codes = [finding.root_code, finding.terminal_code];
        let named = [&finding.object, &finding.package, &finding.kb];
        finding.category == expected.category
            && (expected.code.is_empty()
                || codes
                    .iter()
                    .flatten()
                    .any(|code| code.to_string() == expected.code))
            && (expected.about.is_empty() || named.iter().any(|name| name.contains(expected.about)))
    };
    assert!(
        failures.iter().any(|finding| is_of(finding)),
        "{name}: {text}\n{failures:#?}"
    );
}

const INSTALLER: &str = "Error      [0x01803e] CSI    00000a64 (F) Failed execution of queue item Installer: Made Up Installer ({1a2b3c4d-0001-0002-0003-00aabbccddee}) with HRESULT HRESULT_FROM_WIN32(1058).  Failure will not be ignored: A rollback will be initiated after all the operations in the installer queue are completed; installer is reliable[gle=0x80004005]";

#[test]
fn a_stamp_may_be_replaced_by_its_pattern() {
    for stamp in [
        "<DateTime>",
        "*\\<DateTime>*",
        "YYYY-MM-DD HH:MM:SS",
        "<Date> <Time>",
        "[date and time]",
        "[REDACTED]",
        "<日期时间>",
    ] {
        let text = format!(
            "{stamp}, {INSTALLER}\n{stamp}, Info                  CBS    WER: Generating failure report for package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.5999.1.3, status: 0x80070422, failure source: CSI Other, start state: Installed, target state: Absent, client id: Made Up\n"
        );
        let expected = Expected {
            category: "advanced_installer_failed",
            code: "0x80070422",
            about: "Made Up Installer",
        };
        check("post.txt", &text, &expected);
    }
}

#[test]
fn messages_without_heads_are_read() {
    for (text, category, code, about) in [
        (
            "The log says:\n\n   - Failed to pin deployment while resolving Update: Made-Up-Package~31bf3856ad364e35~amd64~ar-SA~10.0.19041.1.aa from file: (null) [HRESULT = 0x80073701 - ERROR_SXS_ASSEMBLY_MISSING]\n",
            "missing_assembly",
            "0x80073701",
            "Made-Up-Package",
        ),
        (
            "Failed to resolve package 'Made-Up-Package~31bf3856ad364e35~amd64~it-IT~10.0.18362.1' [HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]\n",
            "missing_package_manifest",
            "0x800f0831",
            "Made-Up-Package",
        ),
        (
            "> 00000a64 (F) Failed execution of queue item Installer: Made Up ({1a2b3c4d-0001-0002-0003-00aabbccddee}) with HRESULT HRESULT_FROM_WIN32(1058).  Failure will not be ignored: A rollback will be initiated\n",
            "advanced_installer_failed",
            "0x80070422",
            "Made Up",
        ),
        (
            "Installation Failure: Windows failed to install the following update with error 0x800f0922: Made up (KB5000001)\n",
            "advanced_installer_failed",
            "0x800f0922",
            "KB5000001",
        ),
        (
            "Package KB5000001 failed to be changed to the Absent state. Status: 0x800f0922.\n",
            "advanced_installer_failed",
            "0x800f0922",
            "KB5000001",
        ),
        (
            "0xC1900101 - 0x30018\nThe installation failed in the FIRST_BOOT phase with an error during SYSPREP operation.\n",
            "upgrade_rollback",
            "0xc1900101",
            "",
        ),
        (
            "Checking System Update Readiness.\nBinary Version 6.1.7601.24499\n\nChecking Package Manifests and Catalogs\n(f)\tCBS MUM Corrupt\t0x00000000\tservicing\\Packages\\Package_for_KB5000001_RTM~31bf3856ad364e35~amd64~~6.1.1.4.mum\t\tExpected file name x.mum does not match the actual file name\n\nSummary:\nSeconds executed: 120\n Found 1 errors\n  CBS MUM Corrupt Total count: 1\n",
            "component_store_corrupt",
            "",
            "Package_for_KB5000001_RTM",
        ),
    ] {
        let expected = Expected {
            category,
            code,
            about,
        };
        check("post.txt", text, &expected);
    }
}

#[test]
fn what_a_console_shows_last_is_enough() {
    for (text, category, code, about) in [
        (
            "Error: 0x800f0922\n\nDISM failed. No operation was performed.\n",
            "advanced_installer_failed",
            "0x800f0922",
            "",
        ),
        (
            "> Deployment Image Servicing and Management tool\n> Version: 10.0.19041.1\n>\n> Error: 0x800f081f\n>\n> The source files could not be found.\n",
            "repair_source_missing",
            "0x800f081f",
            "",
        ),
        (
            "Tool zur Imageverwaltung für die Bereitstellung\nVersion: 10.0.19041.1\n\nFehler: 0x800f081f\n\nDie Quelldateien wurden nicht gefunden.\n",
            "repair_source_missing",
            "0x800f081f",
            "",
        ),
        (
            "展開イメージのサービスと管理ツール\nバージョン: 10.0.19041.1\n\nエラー: 0x800f081f\n",
            "repair_source_missing",
            "0x800f081f",
            "",
        ),
        (
            "Deployment Image Servicing and Management tool\nVersion: 10.0\n\nAn error occurred trying to open - C:\\Made Up\\Updates Error: 0x80070003\n\nError: 3\n",
            "missing_system_path",
            "0x80070003",
            "C:\\Made Up\\Updates",
        ),
        (
            "Der Windows-Ressourcenschutz hat beschädigte Dateien gefunden und konnte einige\nder Dateien nicht reparieren.\n",
            "sfc_unrepairable",
            "",
            "",
        ),
        (
            "PS C:\\> Add-WindowsCapability -Online -Name Made.Up.Server~~~~0.0.1.0\nAdd-WindowsCapability : Add-WindowsCapability failed. Error code = 0x800f0954\nAt line:1 char:1\n+ Add-WindowsCapability -Online -Name Made.Up.Server~~~~0.0.1.0\n",
            "fod_content_not_found",
            "0x800f0954",
            "Made.Up.Server",
        ),
        (
            "....Error: SetupDiag reports abrupt down-level failure. Last Operation: Finalize, Error: 0xC1900208 - 0x4000C\n",
            "upgrade_rollback",
            "0xc1900208",
            "",
        ),
    ] {
        let expected = Expected {
            category,
            code,
            about,
        };
        check("console.txt", text, &expected);
    }
}

#[test]
fn a_row_of_reporting_events_needs_no_tabs() {
    let row = "{2C3C39FA-FC0F-4F44-9049-000000000001} 2024-12-12 19:46:19:636+0900 1 182 [AGENT_INSTALLING_FAILED] 101 {BFC8A103-FD5F-4458-9935-000000000002} 203 800f0922 UpdateOrchestrator Failure Content Install Installation Failure: Windows failed to install the following update with error 0x800f0922: Made Up (KB5000001).\n";
    let expected = Expected {
        category: "advanced_installer_failed",
        code: "0x800f0922",
        about: "KB5000001",
    };
    check("rows.txt", row, &expected);
    let wrapped = row
        .replace(" 182 ", " \n182 ")
        .replace(" 800f0922 ", " \n800f0922 ");
    check("rows.txt", &wrapped, &expected);
}

#[test]
fn the_work_of_dism_may_lack_its_end() {
    check(
        "dism.log",
        "2024-05-01 08:00:00, Error                 DISM   DISM Package Manager: PID=1 TID=2 Failed to apply unattend - CDISMPackageManager::Internal_Finalize(hr:0x800f0823)\n",
        &Expected {
            category: "ssu_required",
            code: "0x800f0823",
            about: "",
        },
    );
}

#[test]
fn events_are_read_as_more_tools_keep_them() {
    const MESSAGE: &str = "Installation Failure: Windows failed to install the following update with error 0x800f0922: Made up (KB5000001).";
    const CLIENT: &str = "Microsoft-Windows-WindowsUpdateClient";
    for event in [
        format!(
            r#"{{"version":"1.1","host":"MADEUP","short_message":"{MESSAGE}","timestamp":1747216800.0,"_EventID":20,"_SourceName":"{CLIENT}","_Channel":"System"}}"#
        ),
        format!(
            r#"{{"fields":{{"@timestamp":["2024-05-14T10:00:00.000Z"],"winlog.provider_name":["{CLIENT}"],"event.code":["20"],"winlog.channel":["System"],"message":["{MESSAGE}"]}}}}"#
        ),
        format!(
            r#"{{"preview":false,"result":{{"_time":"2024-05-14 10:00:00","host":"MADEUP","SourceName":"{CLIENT}","EventCode":"20","LogName":"System","Message":"{MESSAGE}"}}}}"#
        ),
        format!(
            r##"{{"Computer":"MADEUP","Payload":"{{\"EventData\":{{\"Data\":[{{\"@Name\":\"errorCode\",\"#text\":\"0x800f0922\"}},{{\"@Name\":\"updateTitle\",\"#text\":\"Made up (KB5000001)\"}}]}}}}","Channel":"System","Provider":"{CLIENT}","EventId":20,"EventRecordId":"7","Level":"Error","TimeCreated":"2024-05-14T10:00:00.1234567+00:00"}}"##
        ),
        format!(
            "05/14/2024 10:00:00 AM\nLogName=System\nEventCode=20\nEventType=2\nComputerName=MADEUP\nSourceName={CLIENT}\nType=Error\nRecordNumber=77\nMessage={MESSAGE}"
        ),
    ] {
        let expected = Expected {
            category: "advanced_installer_failed",
            code: "0x800f0922",
            about: "KB5000001",
        };
        check("events.txt", &format!("{event}\n"), &expected);
    }
}

#[test]
fn good_results_and_prose_fail_nothing() {
    for text in [
        "Checking System Update Readiness.\nBinary Version 6.1.7601.24499\n\nSummary:\nSeconds executed: 120\n No errors detected\n",
        "> Deployment Image Servicing and Management tool\n> Version: 10.0\n>\n> The operation completed successfully.\n",
        "Windows Resource Protection did not find any\nintegrity violations.\n",
        "SetupDiag: processing rule: Made.\n..No match.\n\nSetupDiag found 0 matching issues.\n",
    ] {
        let judged = judge(&[("result.txt", text)]);
        assert_ne!(judged.verdict, Verdict::Failed, "{text}");
        assert!(judged.failures().is_empty(), "{text}");
    }
    for prose in [
        "I tried it all. Error: 0x800f081f comes up each time, and Info CBS says nothing.\n",
        "Write-Host \"Error: 0x800f081f\"\nif ($code -eq 0x800f0922) { exit 1 }\n",
        "Failed to open the door\nSession: of Monday\nPackage: made-up\n",
    ] {
        let detected = parse::detect("notes.txt", prose.as_bytes());
        assert_eq!(detected.source, None, "{prose}");
    }
}
