//! Commands of DISM, and the servicing that they wait for.

use crate::logs::{check, errors, record};
use crate::pc::judge;
use classify::Verdict;
use event::Code;

const START: &str = "DISM.EXE: Executing command line: ";
const END: &str = "DISM.EXE: <----- Ending Dism.exe session ----->";

#[test]
fn each_wording_of_a_failed_command_is_a_failed_command() {
    for (text, code) in [
        (
            "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0905",
            0x800F_0905,
        ),
        (
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0905)",
            0x800F_0905,
        ),
        (
            "DISM WIM Provider: PID=1 TID=2 made\\up\\wimmanager.cpp:2201 - CWimManager::ExecuteCmdLine(hr:0x8007007b)",
            0x8007_007B,
        ),
        (
            "API: PID=1 TID=2 InternalExecute failed - CBaseCommandObject::Execute(hr:0x80070002)",
            0x8007_0002,
        ),
        (
            "API: PID=1 TID=2 CAddPackageCommandObject internal execution failed - DismAddPackageInternal(hr:80070002)",
            0x8007_0002,
        ),
    ] {
        let judged = judge(&[("dism.log", &errors("DISM", &[text]))]);
        assert_eq!(judged.verdict, Verdict::Failed, "{text}");
        assert_eq!(judged.all.attempts.len(), 1, "{text}");
        assert_eq!(
            judged.all.attempts[0].terminal_code,
            Some(Code::new(code)),
            "{text}"
        );
        judged.failure();
    }
}

#[test]
fn a_command_whose_host_went_away_is_told_from_a_service_that_is_not_there() {
    let text = "API: PID=1 TID=2 CDisableFeatureCommandObject internal execution failed - DismDisableFeatureInternal(hr:0x80010108)";
    check(
        &[("dism.log", &errors("DISM", &[text]))],
        0x8001_0108,
        "dism_host_lost",
        "",
    );
}

#[test]
fn layers_that_tell_of_one_command_are_one_attempt_with_its_object_and_kb() {
    let log = record(
        "08:00:00",
        "Info",
        "DISM",
        &format!(
            r#"{START}dism /online /add-package /packagepath:"C:\made up\windows10.0-kb5000001-x64.cab""#
        ),
    ) + &errors(
        "DISM",
        &[
            "DISM Package Manager: PID=1 TID=2 Failed processing package changes with session options - CDISMPackageManager::ProcessChangesWithOptions(hr:0x800f0905)",
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0905)",
            "DISM.EXE: DISM Package Manager processed the command line but failed. HRESULT=800F0905",
        ],
    ) + &record("08:00:06", "Info", "DISM", END);
    let judged = judge(&[("dism.log", &log)]);
    assert_eq!(judged.all.attempts.len(), 1, "{:#?}", judged.all.attempts);
    assert_eq!(judged.all.attempts[0].kb, "KB5000001");
    let finding = judged.failure();
    assert_eq!(finding.object, r"C:\made up\windows10.0-kb5000001-x64.cab");
    assert_eq!(finding.kb, "KB5000001");
}

#[test]
fn a_command_that_found_no_image_has_failed_without_a_code() {
    let log = record(
        "08:00:00",
        "Info",
        "DISM",
        &format!(r"{START}dism /Image:D:\ /Add-Package /PackagePath:C:\x.cab"),
    ) + &errors(
        "DISM",
        &["DISM.EXE: Failed to access the image folder or image's windows folder."],
    ) + &record("08:00:06", "Info", "DISM", END);
    let judged = judge(&[("dism.log", &log)]);
    assert_eq!(
        (judged.verdict, judged.failure().rule.as_str()),
        (Verdict::Failed, "dism_no_image")
    );
}

#[test]
fn an_app_package_is_no_update_and_a_failure_all_the_same() {
    let command =
        r"dism /online /Add-ProvisionedAppxPackage /PackagePath:C:\MadeUp.msixbundle /SkipLicense";
    let log = record("08:00:00", "Info", "DISM", &format!("{START}{command}"))
        + &errors(
            "DISM",
            &[
                r"DISM Appx Provider: PID=1 TID=2 made\up.cpp(773)\AppxProvider.dll!0: (caller: 0) ReturnHr(1) tid(4c78) C1570108     Msg:[Policy] - X::Y",
                "DISM Appx Provider: PID=1 TID=2 Failed to add the app package. - CAppxManager::ExecuteCmdLine(hr:0xc1570108)",
            ],
        );
    check(
        &[("dism.log", &log)],
        0xC157_0108,
        "not_servicing",
        r"C:\MadeUp.msixbundle",
    );
}

#[test]
fn a_command_that_went_well_later_is_over() {
    let command = |time: &str, failure: &str| {
        let end = if failure.is_empty() {
            String::new()
        } else {
            errors("DISM", &[failure])
        };
        record(
            time,
            "Info",
            "DISM",
            &format!("{START}dism /online /enable-feature /featurename:Made-Up"),
        ) + &end
            + &record(time, "Info", "DISM", END)
    };
    let failed = "DISM Package Manager: PID=1 TID=2 Failed while processing command enable-feature. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x800f0906)";
    assert_eq!(
        judge(&[("dism.log", &command("08:00:00", failed))]).verdict,
        Verdict::Failed
    );
    let log = command("08:00:00", failed) + &command("09:00:00", "");
    assert_eq!(judge(&[("dism.log", &log)]).verdict, Verdict::Healthy);
    let again = log + &command("10:00:00", failed);
    assert_eq!(judge(&[("dism.log", &again)]).verdict, Verdict::Failed);
}

#[test]
fn a_command_and_the_servicing_it_waited_for_are_one_failure() {
    let cbs = record(
        "08:00:00",
        "Info",
        "CBS",
        "Exec: Processing started.  Client: DISM Package Manager Provider, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001",
    ) + &record(
        "08:00:04",
        "Info",
        "CBS",
        "Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001 [HRESULT = 0x80070070 - ERROR_DISK_FULL]",
    );
    let dism = errors(
        "DISM",
        &[
            "DISM Package Manager: PID=1 TID=2 Failed while processing command add-package. - CPackageManagerCLIHandler::ExecuteCmdLine(hr:0x80070070)",
        ],
    );
    check(
        &[("CBS.log", &cbs), ("dism.log", &dism)],
        0x8007_0070,
        "disk_full",
        "",
    );
    let together = judge(&[("CBS.log", &cbs), ("dism.log", &dism)]);
    assert_eq!(together.all.attempts.len(), 1);
    assert_eq!(
        together.failure().evidence.last().unwrap().source,
        event::Source::Dism
    );
    // An hour later it is another one.
    let later = dism.replace("08:00:05", "09:00:05");
    assert_eq!(
        judge(&[("CBS.log", &cbs), ("dism.log", &later)])
            .all
            .attempts
            .len(),
        2
    );
}
