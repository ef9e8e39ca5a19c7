//! Setup and sysprep.

use crate::logs::{check, errors, quiet, record};
use crate::pc::judge;
use classify::Verdict;
use event::Code;

const APP: &str = "Made.Up.App_1.0.0.0_neutral__8wekyb3d8bbwe";

#[test]
fn an_upgrade_names_operation_object_and_image() {
    let gather = errors(
        "SP",
        &[
            r"Error READ, 0x00000570 while gathering/applying object: File, C:\made up\keys [CN]. Will return 0[gle=0x00000570]",
        ],
    ) + &errors(
        "MIG",
        &[
            r"Error 1392 while gathering object C:\made up\keys [CN]. Shell application requested abort![gle=0x00000570]",
        ],
    );
    let operation = errors(
        "SP",
        &[
            "Operation failed: Migrate framework (Full). Error: 0x8007042B[gle=0x000000b7]",
            "Operation execution failed: 13. hr = 0x8007042B[gle=0x000000b7]",
            "CSetupPlatformPrivate::Execute: Execution of operations queue failed, abandoning. Error: 0x8007042B[gle=0x000000b7]",
        ],
    );
    check(
        &[("setuperr.log", &operation)],
        0x8007_042B,
        "upgrade_rollback",
        "Migrate framework (Full)",
    );
    let judged = judge(&[("setuperr.log", &(gather + &operation))]);
    let first = judged.failures()[0];
    assert_eq!(first.root_code, Some(Code::new(0x8007_0570)), "{first:#?}");
    assert_eq!(first.object, r"C:\made up\keys");
    let mount = errors(
        "SP",
        &[
            r"CMountWIM::DoExecute: Failed to mount WIM file C:\made up\winre.wim. Error 0xC1420121[gle=0xc1420121]",
            r"Operation failed: Mount WIM file C:\made up\winre.wim, index 1 to C:\made up\mount. Error: 0xC1420121[gle=0x000000b7]",
        ],
    );
    check(
        &[("setuperr.log", &mount)],
        0xC142_0121,
        "upgrade_rollback",
        r"C:\made up\winre.wim",
    );
}

#[test]
fn both_files_of_setup_tell_one_failure_with_phase_and_operation() {
    let log = record(
        "08:00:04",
        "Info",
        "MOUPG",
        "SetupHost: Reporting error event -> [0xC1900101, 0x20017]",
    ) + &errors(
        "MOUPG",
        &["CSetupHost::Execute(412): Result = 0xC1900101[gle=0x8007000d]"],
    );
    let both = [
        ("setupact.log", log.as_str()),
        (
            "setuperr.log",
            &errors(
                "MOUPG",
                &["CSetupHost::Execute(412): Result = 0xC1900101[gle=0x8007000d]"],
            ),
        ),
    ];
    check(
        &both,
        0xC190_0101,
        "upgrade_rollback",
        "0x20017 (SAFE_OS, BOOT)",
    );
    // A last error beside a result is no cause.
    let alone = errors(
        "MOUPG",
        &[
            "CDlpActionFinalize::ExecuteSetupPlatformFinalize(1192): Result = 0xC1900101[gle=0x8007000d]",
        ],
    );
    check(
        &[("setuperr.log", &alone)],
        0xC190_0101,
        "upgrade_rollback",
        "",
    );
}

#[test]
fn an_operation_that_setup_tried_again_is_no_failure() {
    let failed = errors(
        "SP",
        &["Operation failed: Made-up operation. Error: 0x80040154[gle=0x000000b7]"],
    );
    let log = failed
        + &record(
            "08:00:09",
            "Info",
            "SP",
            "ExecuteOperations: Successfully processed execution phase Downlevel",
        )
        + &record("08:00:09", "Info", "SP", "Made-up record that says nothing").repeat(20);
    quiet("setupact.log", &log);
}

#[test]
fn a_full_disk_is_what_stopped_setup() {
    let log = errors(
        "MOUPG",
        &[
            "CSetupManager::ExecuteInstallMode(794): Result = 0x80070070",
            "CSetupHost::Execute(412): Result = 0x80070070[gle=0x00000002]",
        ],
    );
    let judged = judge(&[("setupact.log", &log)]);
    assert_eq!(judged.verdict, Verdict::Failed);
    assert_eq!(
        judged.failures()[0].category,
        "disk_full",
        "{:#?}",
        judged.failures()
    );
}

#[test]
fn setup_that_hands_over_to_a_newer_copy_has_not_failed() {
    let log = errors(
        "MOUPG",
        &[
            "CDlpActionImpl<class X>::Suspend(1253): Result = 0xC1800104[gle=0x00000002]",
            "CDlpTask::CheckUserInterruptEx(3060): Result = 0x800704D3",
            "CSetupManager::ExecuteInstallMode(794): Result = 0x800705BB",
            "CSetupHost::Execute(412): Result = 0x800705BB",
        ],
    ) + &record(
        "08:00:06",
        "Info",
        "MOUPG",
        "Made-up record that says nothing",
    )
    .repeat(30);
    quiet("setupact.log", &log);
}

#[test]
fn sysprep_names_what_stopped_it() {
    let halted = |code: &str| {
        format!(
            "RunDlls:An error occurred while running registry sysprep DLLs, halting sysprep execution. dwRet = {code}"
        )
    };
    let bitlocker = errors(
        "SYSPRP",
        &[
            "BitLocker-Sysprep: BitLocker is on for the OS volume. Turn BitLocker off to run Sysprep. (0x80310039)",
            &halted("0x80310039"),
        ],
    );
    check(
        &[("setupact.log", &bitlocker)],
        0x8031_0039,
        "not_servicing",
        "",
    );
    let step = errors(
        "SYSPRP",
        &[
            "ActionPlatform::LaunchModule: Failure occurred while executing 'MadeUpStep' from C:\\Windows\\System32\\madeup.dll; dwRet = 0x5",
            &halted("0x5"),
        ],
    );
    check(
        &[("setupact.log", &step)],
        0x8007_0005,
        "not_servicing",
        "MadeUpStep",
    );
    let two = errors(
        "SYSPRP",
        &[
            &format!(
                "Package {APP} was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image."
            ),
            "Package Another.App_2.0.0.0_neutral__8wekyb3d8bbwe was installed for a user, but not provisioned for all users. This package will not function properly in the sysprep image.",
            "WinMain:Hit failure while pre-validate sysprep generalize internal providers; hr = 0x80073cf2",
        ],
    );
    check(&[("setupact.log", &two)], 0x8007_3CF2, "not_servicing", APP);
    check(
        &[("setupact.log", &two)],
        0x8007_3CF2,
        "not_servicing",
        "Another.App_2.0.0.0",
    );
}
