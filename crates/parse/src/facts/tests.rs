//! Every form with made-up values, whole and torn, in the encodings in which tools write them.

use super::*;
use crate::detect;
use event::Source;
use proptest::prelude::*;

/// What a file is taken for, and what it tells, fed in slices of `step` bytes.
fn told_in_steps(bytes: &[u8], objects: &[&str], step: usize) -> Option<(FactsForm, Told)> {
    let detection = detect("x.txt", bytes);
    let form = detection.facts?;
    let objects: Vec<String> = objects.iter().map(|object| (*object).to_owned()).collect();
    let mut reader = FactsReader::new(form, detection.encoding, &objects);
    for slice in bytes.chunks(step) {
        reader.push(slice);
    }
    Some((form, reader.finish()))
}

fn facts(bytes: &[u8]) -> (FactsForm, Facts) {
    let (form, told) = told_in_steps(bytes, &[], 7).expect("facts");
    let whole = told_in_steps(bytes, &[], usize::MAX).expect("facts");
    assert_eq!((form, &told.facts), (whole.0, &whole.1.facts));
    (form, told.facts)
}

fn one(facts: &Facts, fact: Fact) -> Option<&str> {
    let mut values = facts.values(fact);
    let value = values.next();
    assert_eq!(values.next(), None, "{fact:?}");
    value
}

fn utf16(text: &str) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

const EXPORT: &str = "Windows Registry Editor Version 5.00\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\r\n\
\"WUServer\"=\"http://wsus.example.test:8530\"\r\n\
\"WUStatusServer\"=\"http://wsus.example.test:8530\"\r\n\
\"DoNotConnectToWindowsUpdateInternetLocations\"=dword:00000001\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\r\n\
\"UseWUServer\"=dword:00000001\r\n\
\"NoAutoUpdate\"=-\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Policies\\Servicing]\r\n\
\"LocalSourcePath\"=hex(2):5c,00,5c,00,73,00,72,00,76,00,5c,00,73,00,\\\r\n  78,00,73,00,00,00\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows NT\\CurrentVersion]\r\n\
\"EditionID\"=\"EnterpriseG\"\r\n\
\"CurrentBuild\"=\"19045\"\r\n\
\"CurrentBuildNumber\"=\"19045\"\r\n\
\"UBR\"=dword:000010c3\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending]\r\n\r\n\
[-HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired]\r\n\r\n\
[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\r\n\
\"PendingFileRenameOperations\"=hex(7):61,00,00,00,00,00,62,00,00,00,63,00,00,00,\\\r\n  00,00\r\n\r\n\
[HKEY_CURRENT_USER\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\r\n\
\"WUServer\"=\"http://not-the-machine.example.test\"\r\n";

#[test]
fn an_export_of_the_registry_is_read_in_the_encodings_of_regedit() {
    for bytes in [utf16(EXPORT), EXPORT.as_bytes().to_vec()] {
        let (form, facts) = facts(&bytes);
        assert_eq!(form, FactsForm::Registry);
        for (fact, value) in [
            (Fact::UpdateServer, "http://wsus.example.test:8530"),
            (Fact::UsesUpdateServer, "1"),
            (Fact::StaysOffInternet, "1"),
            (Fact::RepairPath, r"\\srv\sxs"),
            (Fact::Edition, "EnterpriseG"),
            (Fact::Build, "19045"),
            (Fact::Revision, "4291"),
            (Fact::RebootPending, Fact::THERE),
            // One is deleted, one renamed.
            (Fact::Renames, "2"),
        ] {
            assert_eq!(one(&facts, fact), Some(value), "{fact:?}");
        }
        for absent in [Fact::RebootRequired, Fact::NoAutomaticUpdates] {
            assert_eq!(one(&facts, absent), None);
        }
    }
}

#[test]
fn an_old_export_has_strings_of_another_kind() {
    let text = "REGEDIT4\r\n\r\n[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\r\n\"PendingFileRenameOperations\"=hex(7):61,00,00,62,00,63,00,00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\r\n\"WUServer\"=\"http://\\\"made-up\\\\name\"\r\n";
    let (_, facts) = facts(text.as_bytes());
    assert_eq!(one(&facts, Fact::Renames), Some("2"));
    assert_eq!(
        one(&facts, Fact::UpdateServer),
        Some("http://\"made-up\\name")
    );
}

#[test]
fn what_reg_query_prints_is_read() {
    let text = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\r\n    WUServer    REG_SZ    http://wsus.example.test:8530\r\n    Made Up Name    REG_SZ    x\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\r\n    UseWUServer    REG_DWORD    0x1\r\n\r\nC:\\>reg query x\r\n    NoAutoUpdate    REG_DWORD    0x1\r\nHKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\r\n    PendingFileRenameOperations    REG_MULTI_SZ    \\??\\C:\\a\\0\\0\\??\\C:\\b\\0!\\??\\C:\\c\r\n";
    let (form, facts) = facts(text.as_bytes());
    assert_eq!(form, FactsForm::RegQuery);
    assert_eq!(
        one(&facts, Fact::UpdateServer),
        Some("http://wsus.example.test:8530")
    );
    assert_eq!(one(&facts, Fact::UsesUpdateServer), Some("1"));
    assert_eq!(one(&facts, Fact::Renames), Some("2"));
    assert_eq!(
        one(&facts, Fact::NoAutomaticUpdates),
        None,
        "a prompt ends the key"
    );
    // A key without values, as the marks of a restart often are.
    let text = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired\r\n";
    assert_eq!(
        one(&self::facts(text.as_bytes()).1, Fact::RebootRequired),
        Some(Fact::THERE)
    );
    // An error prints no key.
    assert!(
        detect(
            "x.txt",
            b"ERROR: The system was unable to find the specified registry key or value.\r\n"
        )
        .facts
        .is_none()
    );
}

const SYSTEMINFO_ZH: &str = "\r\n主机名:           PC-1\r\nOS 名称:          Microsoft Windows 10 神州网信政府版\r\nOS 版本:          10.0.19045 暂缺 Build 19045\r\nOS 制造商:        Microsoft Corporation\r\n产品 ID:          00000-00000-00000-AAAAA\r\n系统启动时间:     2024/5/1, 8:00:00\r\n系统类型:         x64-based PC\r\nBIOS 版本:        Made Up 1.0, 2020/1/1\r\n虚拟内存: 最大值: 9,999 MB\r\n域:               WORKGROUP\r\n修补程序:         安装了 2 个修补程序。\r\n                  [01]: KB5000001\r\n                  [02]: KB5000002\r\n";

#[test]
fn systeminfo_is_read_in_english_and_in_chinese() {
    let english = "\r\nHost Name:                 PC-1.example.test\r\nOS Name:                   Microsoft Windows 10 Pro\r\nOS Version:                10.0.19045 N/A Build 19045\r\nSystem Boot Time:          5/1/2024, 8:00:00 AM\r\nBIOS Version:              Made Up 1.0\r\nHotfix(s):                 2 Hotfix(s) Installed.\r\n                           [01]: KB5000001\r\n                           [02]: KB5000002\r\n";
    let gbk = encoding_rs::GB18030.encode(SYSTEMINFO_ZH).0.into_owned();
    for (bytes, product) in [
        (english.as_bytes().to_vec(), "Microsoft Windows 10 Pro"),
        (
            SYSTEMINFO_ZH.as_bytes().to_vec(),
            "Microsoft Windows 10 神州网信政府版",
        ),
        (gbk, "Microsoft Windows 10 神州网信政府版"),
        (utf16(SYSTEMINFO_ZH), "Microsoft Windows 10 神州网信政府版"),
    ] {
        let (form, facts) = facts(&bytes);
        assert_eq!(form, FactsForm::SystemInfo);
        assert_eq!(one(&facts, Fact::Host), Some("PC-1"));
        assert_eq!(one(&facts, Fact::Product), Some(product));
        assert_eq!(one(&facts, Fact::Build), Some("19045"));
        let updates: Vec<&str> = facts.values(Fact::Update).collect();
        assert_eq!(updates, ["KB5000001", "KB5000002"]);
    }
}

#[test]
fn other_tools_are_read() {
    let msinfo = "System Information report written at: 05/01/24 08:00:00\r\nSystem Name: PC-1\r\n[System Summary]\r\n\r\nItem\tValue\t\r\nOS Name\tMicrosoft Windows 10 Pro\t\r\nVersion\t10.0.19045 Build 19045\t\r\nSystem Name\tPC-1\t\r\nSystem Manufacturer\tMade Up\t\r\nSystem Model\tMade Up\t\r\nBIOS Version/Date\tMade Up 1.0, 1/1/2020\t\r\n\r\n[Internet Settings]\r\n\r\nItem\tValue\t\r\nVersion\t9.11.99999.0\t\r\n";
    let (form, read) = facts(&utf16(msinfo));
    assert_eq!(form, FactsForm::MsInfo);
    assert_eq!(one(&read, Fact::Build), Some("19045"));
    assert_eq!(one(&read, Fact::Host), Some("PC-1"));

    let hotfixes = "\r\nSource        Description      HotFixID      InstalledBy          InstalledOn\r\n------        -----------      --------      -----------          -----------\r\nPC-1          Update           KB5000001     NT AUTHORITY\\SYSTEM  5/1/2024 12:00:00 AM\r\nPC-1          Security Update  KB5000002                          5/1/2024 12:00:00 AM\r\n";
    let (form, read) = facts(hotfixes.as_bytes());
    assert_eq!(
        (form, read.values(Fact::Update).count()),
        (FactsForm::Updates, 2)
    );

    let direct =
        "\r\nCurrent WinHTTP proxy settings:\r\n\r\n    Direct access (no proxy server).\r\n\r\n";
    let proxy = "\r\n当前的 WinHTTP 代理服务器设置:\r\n\r\n    代理服务器:  proxy.example.test:8080\r\n    绕过列表     :  (无)\r\n";
    for (text, value) in [(direct, Fact::DIRECT), (proxy, "proxy.example.test:8080")] {
        let (form, read) = facts(text.as_bytes());
        assert_eq!(form, FactsForm::Proxy);
        assert_eq!(one(&read, Fact::Proxy), Some(value));
    }
}

#[test]
fn filters_of_others_are_told_from_those_of_windows() {
    let english = "\r\nFilter Name                     Num Instances    Altitude    Frame\r\n------------------------------  -------------  ------------  -----\r\nbindflt                                 1       409800         0\r\nMadeUpGuard                             3       389999.5       0\r\nmadeup2017                                                <Legacy>\r\nWdFilter                                4       328010         0\r\n\r\n";
    let chinese = english
        .replace("Filter Name", "筛选器名称 ")
        .replace("Num Instances", "数字实例")
        .replace("Altitude", "高度")
        .replace("Frame", "框架");
    for text in [english, &chinese] {
        let (form, facts) = facts(text.as_bytes());
        assert_eq!(form, FactsForm::Filters);
        let others: Vec<&str> = facts.values(Fact::Filter).collect();
        assert_eq!(others, ["MadeUpGuard (389999.5)", "madeup2017"]);
        assert_eq!(one(&facts, Fact::FilterCount), Some("4"));
    }
    // Without rows nothing is known, least of all that there are none.
    let refused = "Filter Name                     Num Instances    Altitude    Frame\r\n------------------------------  -------------  ------------  -----\r\n\r\n";
    assert_eq!(facts(refused.as_bytes()).1, Facts::default());
}

#[test]
fn packages_that_wait_and_the_newest_that_are_installed_are_told() {
    let list = "Packages listing:\r\n\r\nPackage Identity : Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.4291.1.6\r\nState : Installed\r\nRelease Type : Security Update\r\nInstall Time : 5/1/2024 8:00 AM\r\n\r\nPackage Identity : Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.999.1.6\r\nState : Installed\r\n\r\nPackage Identity : Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.4412.1.8\r\nState : Install Pending\r\n\r\nPackage Identity : Package_for_ServicingStack_4289~31bf3856ad364e35~amd64~~19041.4289.1.0\r\nState : Installed\r\n";
    let head = "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0.19041.844\r\n\r\nImage Version: 10.0.19045.4291\r\n\r\n";
    let chinese = list
        .replace("Package Identity", "程序包标识")
        .replace("State", "状态")
        .replace("Installed", "已安装")
        .replace("Install Pending", "安装挂起");
    let table = "Package Identity | State | Release Type | Install Time\r\n---- | ---- | ---- | ----\r\nPackage_for_RollupFix~31bf3856ad364e35~amd64~~19041.4291.1.6 | Installed | Security Update | 5/1/2024 8:00 AM\r\nPackage_for_RollupFix~31bf3856ad364e35~amd64~~19041.4412.1.8 | Install Pending | Security Update | \r\nPackage_for_ServicingStack_4289~31bf3856ad364e35~amd64~~19041.4289.1.0 | Installed | Update | \r\n";
    for text in [list, &chinese, table, &format!("{head}{list}")] {
        let (form, facts) = facts(text.as_bytes());
        assert_eq!(form, FactsForm::Packages);
        assert_eq!(one(&facts, Fact::Rollup), Some("19041.4291.1.6"), "{text}");
        assert_eq!(one(&facts, Fact::Stack), Some("19041.4289.1.0"));
        assert_eq!(facts.values(Fact::PendingPackage).count(), 1);
    }
    // What dism says of itself makes a log of it too.
    let with_head = format!("{head}{list}The operation completed successfully.\r\n");
    let detection = detect("x.txt", with_head.as_bytes());
    assert_eq!(
        (detection.source, detection.facts),
        (Some(Source::Dism), Some(FactsForm::Packages))
    );
    assert_eq!(
        one(&facts(with_head.as_bytes()).1, Fact::Revision),
        Some("4291")
    );
}

#[test]
fn one_file_may_hold_what_several_tools_print() {
    let text = format!(
        "{SYSTEMINFO_ZH}\r\nFilter Name                     Num Instances    Altitude    Frame\r\n------------------------------  -------------  ------------  -----\r\nMadeUpGuard                             3       389999         0\r\n\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\r\n    UseWUServer    REG_DWORD    0x0\r\n"
    );
    let (_, facts) = facts(text.as_bytes());
    assert_eq!(one(&facts, Fact::Host), Some("PC-1"));
    assert_eq!(one(&facts, Fact::UsesUpdateServer), Some("0"));
    assert_eq!(one(&facts, Fact::Filter), Some("MadeUpGuard (389999)"));
}

#[test]
fn two_values_of_what_has_one_are_both_told() {
    let text = "[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\r\n\"UseWUServer\"=dword:00000001\r\n\"UseWUServer\"=dword:00000000\r\n";
    let (_, facts) = facts(format!("Windows Registry Editor Version 5.00\r\n{text}").as_bytes());
    assert_eq!(facts.values(Fact::UsesUpdateServer).count(), 2);
}

#[test]
fn torn_and_huge_files_end_in_what_can_be_read() {
    // Cut anywhere, in bytes.
    let whole = utf16(EXPORT);
    for end in (80..whole.len()).step_by(11) {
        facts(&whole[..end]);
    }
    for text in [
        "Windows Registry Editor Version 5.00\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU\r\n\"UseWUServer\"=dword:00000001",
        "Windows Registry Editor Version 5.00\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\r\n\"UseWUServer\"=dword:zzzz\r\n\"UseWUServer\"=hex:\r\n\"UseWUServer\r\n",
    ] {
        assert_eq!(facts(text.as_bytes()).1, Facts::default(), "{text}");
    }
    // A line without an end, and a value without one.
    let long = "x".repeat(3 * 1024 * 1024);
    let text = format!(
        "Windows Registry Editor Version 5.00\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\r\n\"WUServer\"=\"{long}\"\r\n\"WUStatusServer\"=\"http://after.example.test\"\r\n"
    );
    let (_, told) = told_in_steps(text.as_bytes(), &[], 4_096).unwrap();
    let server = one(&told.facts, Fact::UpdateServer).unwrap();
    assert_eq!(server.len(), VALUE_MAX);
    assert_eq!(
        one(&told.facts, Fact::StatusServer),
        Some("http://after.example.test")
    );
    let mut many = "Source Description HotFixID InstalledBy InstalledOn\r\n".to_owned();
    for number in 1_000_000..1_005_000 {
        many.push_str(&format!("PC-1 Update KB{number} x\r\n"));
    }
    let (_, told) = told_in_steps(many.as_bytes(), &[], 4_096).unwrap();
    assert_eq!(told.facts.values(Fact::Update).count(), VALUES_MAX);
}

const TRACE: &str = "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n\
\"8:00:00.1234567 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\Made\",\"FILE CORRUPT\",\"Desired Access: Read Attributes, \"\"x\"\"\"\r\n\
\"8:00:00.1234568 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"c:\\programdata\\MADE\",\"FILE CORRUPT\",\"\"\r\n\
\"8:00:00.1234569 AM\",\"tiworker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\Made\\deep\\a,b.txt\",\"ACCESS DENIED\",\"\"\r\n\
\"8:00:00.1234570 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\Made\\none.txt\",\"NAME NOT FOUND\",\"\"\r\n\
\"8:00:00.1234571 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\Made\",\"NAME NOT FOUND\",\"\"\r\n\
\"8:00:00.1234572 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\Made\",\"SUCCESS\",\"\"\r\n\
\"8:00:00.1234573 AM\",\"TiWorker.exe\",\"4242\",\"QueryDirectory\",\"C:\\ProgramData\\Made\",\"NO MORE FILES\",\"\"\r\n\
\"8:00:00.1234574 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\ProgramData\\MadeUp\",\"FILE CORRUPT\",\"\"\r\n\
\"8:00:00.1234575 AM\",\"Explorer.EXE\",\"17\",\"CreateFile\",\"C:\\ProgramData\\Made\",\"FILE CORRUPT\",\"\"\r\n\
\"8:00:00.1234576 AM\",\"TrustedInstaller.exe\",\"9\",\"RegOpenKey\",\"HKLM\\SOFTWARE\\Made\\Up\",\"ACCESS DENIED\",\"\"\r\n\
\"8:00:00.1234577 AM\",\"poqexec.exe\",\"9\",\"CreateFile\",\"C:\\Windows\\WinSxS\\x.dll\",\"SHARING VIOLATION\",\"\"\r\n\
\"8:00:00.1234578 AM\",\"TiWorker.exe\",\"4242\",\"CreateFile\",\"C:\\Progr";

#[test]
fn a_trace_is_counted_on_the_objects_of_findings_alone() {
    let objects = [
        r"\??\C:\ProgramData\Made\",
        r"\Registry\Machine\SOFTWARE\Made",
        r"\SystemRoot\WinSxS\x.dll",
        "C:\\",
        "made.dll",
    ];
    let with_mark = [&[0xEF, 0xBB, 0xBF], TRACE.as_bytes()].concat();
    for (bytes, step) in [
        (TRACE.as_bytes().to_vec(), 3),
        (with_mark, 5),
        (utf16(TRACE), 1_000),
    ] {
        let (form, told) = told_in_steps(&bytes, &objects, step).unwrap();
        assert_eq!(form, FactsForm::ProcessMonitor);
        assert_eq!((told.trace.rows, told.facts), (12, Facts::default()));
        let hits: Vec<(&str, &str, &str, u64)> = told
            .trace
            .hits
            .iter()
            .map(|hit| {
                (
                    hit.object.as_str(),
                    hit.process,
                    hit.result.as_str(),
                    hit.count,
                )
            })
            .collect();
        assert_eq!(
            hits,
            [
                (objects[0], "TiWorker.exe", "FILE CORRUPT", 2),
                (objects[0], "TiWorker.exe", "ACCESS DENIED", 1),
                // Usual below the object, and telling on itself.
                (objects[0], "TiWorker.exe", "NAME NOT FOUND", 1),
                (objects[1], "TrustedInstaller.exe", "ACCESS DENIED", 1),
                (objects[2], "poqexec.exe", "SHARING VIOLATION", 1),
            ]
        );
    }
}

#[test]
fn columns_stand_where_people_put_them() {
    let text = "\"Result\",\"Operation\",\"Path\",\"Process Name\"\r\n\"ACCESS DENIED\",\"CreateFile\",\"D:\\Made\\Up\",\"TiWorker.exe\"\r\n";
    let (_, told) = told_in_steps(text.as_bytes(), &[r"D:\Made\Up"], 4).unwrap();
    assert_eq!(told.trace.hits[0].count, 1);
    let (_, told) = told_in_steps(text.as_bytes(), &[r"C:\Made\Up"], 4).unwrap();
    assert!(told.trace.hits.is_empty(), "another drive");
}

#[test]
fn a_trace_of_lies_is_bounded() {
    let mut text = "\"Process Name\",\"Operation\",\"Path\",\"Result\"\r\n".to_owned();
    for number in 0..6_000 {
        text.push_str(&format!(
            "\"TiWorker.exe\",\"x\",\"C:\\Made\\Up\",\"LIE {number} {}\"\r\n",
            "y".repeat(80)
        ));
    }
    let (_, told) = told_in_steps(text.as_bytes(), &[r"C:\Made\Up"], 65_536).unwrap();
    let hits = &told.trace.hits;
    assert!(hits.len() <= 4_096, "{}", hits.len());
    assert!(hits.iter().all(|hit| hit.result.chars().count() <= 64));
}

/// What each form begins with, by which it is known.
const HEADS: [&str; 4] = [
    "Windows Registry Editor Version 5.00\r\n",
    "Host Name: PC-1\r\nOS Name: x\r\nOS Version: 10.0.1 x\r\n",
    "Filter Name                     Num Instances    Altitude    Frame\r\n",
    "\"Process Name\",\"Operation\",\"Path\",\"Result\"\r\n",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_rest_is_read_the_same_in_any_slices(
        head in 0..HEADS.len(),
        parts in prop::collection::vec(
            prop_oneof![
                "[ -~\u{4e00}-\u{4e10}\t\r\n\"\\\\,]{0,40}",
                Just("\"TiWorker.exe\",\"x\",\"C:\\a\\b\",\"ACCESS DENIED\"\n".to_owned()),
                Just("[HKEY_LOCAL_MACHINE\\SYSTEM\\CurrentControlSet\\Control\\Session Manager]\n".to_owned()),
                Just("\"PendingFileRenameOperations\"=hex(7):61,00,\\\n".to_owned()),
                Just("HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\n    WUServer    REG_SZ    ".to_owned()),
                Just("a 1 2 0\n".to_owned()),
            ],
            0..20,
        ),
        step in 1..40_usize,
        is_utf16 in any::<bool>(),
    ) {
        let text = format!("{}{}", HEADS[head], parts.concat());
        let bytes = if is_utf16 { utf16(&text) } else { text.into_bytes() };
        let objects = [r"C:\a\b"];
        let whole = told_in_steps(&bytes, &objects, usize::MAX);
        let sliced = told_in_steps(&bytes, &objects, step);
        let parts = |told: Option<(FactsForm, Told)>| told.map(|(form, told)| (form, told.facts, told.trace));
        prop_assert_eq!(parts(whole), parts(sliced));
    }
}
