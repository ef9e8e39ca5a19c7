//! What a failure is about, from the records that name it.

use crate::logs::{check, record};
use crate::pc::judge;

#[test]
fn a_missing_file_is_of_the_package_that_was_being_staged() {
    let package = |number: u32| format!("Package_for_KB{number}~31bf3856ad364e35~amd64~~1.1.1.1");
    let log = record(
        "08:00:00",
        "Info",
        "CBS",
        &format!(
            "Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31102345_1, Package: {}, Identifier: KB5000001",
            package(5_000_001)
        ),
    ) + &record(
        "08:00:01",
        "Info",
        "CBS",
        &format!(
            "Exec: Staging Package: {}, Update: made-up, PinDeployment: x",
            package(5_000_002)
        ),
    ) + &record(
        "08:00:02",
        "Info",
        "CBS",
        r"Failed to find file: amd64_made-up_31bf3856ad364e35_10.0.1.1_none_0123456789abcdef\made-up.dll [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]",
    ) + &record(
        "08:00:03",
        "Info",
        "CBS",
        &format!(
            "Exec: Processing complete.  Session: 31102345_1, Package: {}, Identifier: KB5000001 [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]",
            package(5_000_001)
        ),
    );
    let judged = judge(&[("CBS.log", &log)]);
    let finding = judged.failure();
    assert_eq!(
        (finding.kb.as_str(), &finding.package),
        ("KB5000002", &package(5_000_002))
    );
    assert!(finding.object.ends_with("made-up.dll"));
    assert_eq!(judged.all.attempts[0].kb, "KB5000001");
}

#[test]
fn a_generic_command_is_named_by_its_executable() {
    let log = record(
        "08:00:01",
        "Info",
        "CSI",
        r#"00000040 Calling generic command executable (sequence 4): [29]"C:\Windows\System32\made-up.exe""#,
    ) + &record(
        "08:00:05",
        "Error",
        "CSI",
        "00000043 (F) Failed execution of queue item Installer: Generic Command ({81a34a10-4256-436a-89d6-794b97ca407c}) with HRESULT HRESULT_FROM_WIN32(14109).  Failure will not be ignored: A rollback will be initiated[gle=0x80004005]",
    );
    check(
        &[("CBS.log", &log)],
        0x8007_371D,
        "advanced_installer_failed",
        r"C:\Windows\System32\made-up.exe",
    );
}

#[test]
fn every_object_of_a_failure_is_kept() {
    let corrupt = |number: u32| {
        record(
            "08:00:02",
            "Error",
            "CSI",
            &format!(
                "0000000{number}@2024/5/1:08:00:02.100 (F) STATUS_FILE_CORRUPT_ERROR #{number}# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(oa = @0x1->OBJECT_ATTRIBUTES {{s:48; rd:NULL; on:[18]'\\??\\C:\\Made Up {number}'; a:(OBJ_CASE_INSENSITIVE)}})[gle=0xd0000102]"
            ),
        )
    };
    let log = record(
        "08:00:00",
        "Info",
        "CBS",
        "Exec: Processing started.  Client: DISM, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001",
    ) + &corrupt(1)
        + &corrupt(2)
        + &record(
            "08:00:03",
            "Info",
            "CBS",
            "Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001 [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]",
        );
    assert_eq!(
        judge(&[("CBS.log", &log)]).failure().object,
        r"C:\Made Up 1; C:\Made Up 2"
    );
}

#[test]
fn a_machine_without_the_licence_is_told_so() {
    let log = record(
        "08:00:01",
        "Info",
        "CSI",
        "00000007 ESU: not Eligible:HRESULT_FROM_WIN32(1605)",
    ) + &record(
        "08:00:05",
        "Error",
        "CSI",
        "00000008 (F) Failed execution of queue item Installer: Extended Security Updates AI installer ({81a34a10-4256-436a-89d6-794b97ca407c}) with HRESULT HRESULT_FROM_WIN32(1605).  Failure will not be ignored: A rollback will be initiated[gle=0x80004005]",
    );
    let judged = judge(&[("CBS.log", &log)]);
    assert!(
        judged
            .failures()
            .iter()
            .any(|finding| finding.category == "licence"),
        "{:#?}",
        judged.failures()
    );
}
