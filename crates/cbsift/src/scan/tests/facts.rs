//! Facts beside logs: whose they are, what they add, and that they decide nothing. All values are made up.

use super::*;
use crate::report::{Language, Style};
use parse::facts::Fact;

/// A scan of files in folders, as bytes.
fn scan_of_bytes(files: &[(&str, Vec<u8>)]) -> Scan {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    let paths = [folder.path().to_owned()];
    scan(
        Rules::shipped(),
        Where::named(&paths),
        None,
        &Progress::new(true),
    )
}

fn scan_of_texts(files: &[(&str, &str)]) -> Scan {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes().to_vec()))
        .collect();
    scan_of_bytes(&files)
}

fn utf16(text: &str) -> Vec<u8> {
    let units = "\u{feff}".encode_utf16().chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Every form for people.
fn forms(scan: &Scan, language: Language) -> Vec<String> {
    let view = report::view(Rules::shipped(), scan, language, None, true);
    let style = Style {
        colour: false,
        width: 100,
    };
    vec![
        report::text(&view, style),
        report::markdown(&view),
        report::html(&view),
    ]
}

/// Lines are broken where the terminal ends, and markup is escaped.
fn says(form: &str, words: &str) -> bool {
    let unbroken = |text: &str| -> String {
        let text = text.replace('\\', "").replace("&#39;", "'");
        text.split_whitespace().collect()
    };
    unbroken(form).contains(&unbroken(words))
}

fn failed(code: &str) -> String {
    let package = "Package_for_KB5000001~31bf3856ad364e35~amd64~~10.0.1.1";
    format!(
        "2024-05-06 10:00:00, Info                  CBS    Exec: Processing started.  Client: wusa, Session: 31069300_1, Package: {package}, Identifier: KB5000001\n\
         2024-05-06 10:00:05, Error                 CBS    Failed to stage it [HRESULT = {code}]\n\
         2024-05-06 10:00:09, Info                  CBS    Exec: Processing complete.  Session: 31069300_1, Package: {package}, Identifier: KB5000001 [HRESULT = {code}]\n"
    )
}

const POLICY: &str = "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate]\r\n\"WUServer\"=\"http://wsus.example.test:8530\"\r\n\"DoNotConnectToWindowsUpdateInternetLocations\"=dword:00000001\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\r\n\"UseWUServer\"=dword:00000001\r\n";

const SYSTEMINFO: &str = "\r\n主机名:           PC-1\r\nOS 名称:          Microsoft Windows 10 神州网信政府版\r\nOS 版本:          10.0.19045 暂缺 Build 19045\r\n";

const FILTERS: &str = "\r\nFilter Name                     Num Instances    Altitude    Frame\r\n------------------------------  -------------  ------------  -----\r\nMadeUpGuard                             3       389999         0\r\nWdFilter                                4       328010         0\r\n";

const RESTART: &str = "\r\nHKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\WindowsUpdate\\Auto Update\\RebootRequired\r\n    (Default)    REG_SZ    \r\n";

/// The steps of the first failure.
fn steps(scan: &Scan, language: Language) -> String {
    let view = report::view(Rules::shipped(), scan, language, None, false);
    let failure = view.findings.iter().find(|finding| finding.is_failure);
    failure.expect("a failure").steps.join("\n")
}

#[test]
fn facts_alone_are_neither_health_nor_failure() {
    for (name, text) in [
        ("a.reg", POLICY),
        ("systeminfo.txt", SYSTEMINFO),
        ("fltmc.txt", FILTERS),
        ("reboot.txt", RESTART),
    ] {
        let scan = scan_of_texts(&[(name, text)]);
        assert_eq!(scan.verdict, Verdict::Inconclusive, "{name}");
        assert!(scan.derived.findings.is_empty() && scan.failed.is_empty());
        assert!(scan.facts[0].iter().next().is_some(), "{name}");
        for language in [Language::English, Language::Chinese] {
            for form in forms(&scan, language) {
                let skipped = report::words::words(language).skipped;
                assert!(!says(&form, &format!("{skipped}:")), "{form}");
            }
        }
    }
}

#[test]
fn a_log_keeps_its_verdict_whatever_facts_stand_beside_it() {
    let facts = [
        ("a.reg", POLICY),
        ("systeminfo.txt", SYSTEMINFO),
        ("fltmc.txt", FILTERS),
        ("reboot.txt", RESTART),
    ];
    let full = failed("0x80070070 - ERROR_DISK_FULL");
    let healthy = HEALTHY.repeat(30);
    for log in [
        full.as_str(),
        healthy.as_str(),
        "2024-05-01 08:00:00, Info  x\n",
    ] {
        let alone = scan_of_texts(&[("CBS.log", log)]);
        let mut files = facts.to_vec();
        files.push(("CBS.log", log));
        let beside = scan_of_texts(&files);
        assert_eq!(alone.verdict, beside.verdict, "{log}");
        assert_eq!(alone.derived, beside.derived);
    }
    // Nor does a torn file of facts, which is said.
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("CBS.log"), &healthy).unwrap();
    std::fs::write(folder.path().join("a.reg"), POLICY).unwrap();
    let paths = [folder.path().to_owned()];
    let mut scan = scan(
        Rules::shipped(),
        Where::named(&paths),
        None,
        &Progress::new(true),
    );
    let torn = scan.inputs.iter_mut().find(|input| input.facts.is_some());
    torn.unwrap().problem = Some(Problem {
        doing: "read",
        kind: std::io::ErrorKind::InvalidData,
        message: "cannot read the rest".to_owned(),
    });
    scan.doubt();
    assert_eq!((scan.verdict, scan.is_examined()), (Verdict::Healthy, true));
    assert!(says(
        &forms(&scan, Language::English)[0],
        "cannot read the rest"
    ));
}

#[test]
fn narrowed_to_a_time_after_every_log_facts_make_no_health() {
    let mut scan = scan_of_texts(&[
        ("CBS.log", &failed("0x80070070 - ERROR_DISK_FULL")),
        ("a.reg", POLICY),
        ("list.txt", "milk\n"),
    ]);
    let to = report::narrow::Narrow {
        kb: None,
        since: event::LoggedAt::parse(b"2025-01-01 00:00:00"),
    };
    report::narrow::narrow(&mut scan, to);
    assert_eq!(scan.verdict, Verdict::Inconclusive);
}

#[test]
fn advice_names_the_server_that_policy_names() {
    let log = failed("0x800f0954 - CBS_E_INVALID_WINDOWS_UPDATE_COUNT_WSUS");
    let cbs = ("CBS.log", log.clone().into_bytes());
    let with = scan_of_bytes(&[cbs.clone(), ("wu.reg", utf16(POLICY))]);
    for (language, words) in [
        (
            Language::English,
            "policy sends this PC to the update server http://wsus.example.test:8530 (UseWUServer = 1)",
        ),
        (
            Language::Chinese,
            "本机策略指向更新服务器 http://wsus.example.test:8530（UseWUServer = 1）",
        ),
    ] {
        let steps = steps(&with, language);
        assert!(steps.starts_with(words), "{steps}");
        assert!(steps.contains("DoNotConnectToWindowsUpdateInternetLocations = 1"));
        for form in forms(&with, language) {
            assert!(says(&form, words), "{form}");
            assert!(
                says(&form, "WUServer = http://wsus.example.test:8530"),
                "{form}"
            );
        }
    }
    let answer = json(&with);
    let facts = answer["facts"].as_array().unwrap();
    let server = facts
        .iter()
        .find(|fact| fact["name"] == "wu_server")
        .unwrap();
    assert_eq!(
        server["values"][0]["value"],
        "http://wsus.example.test:8530"
    );
    let input = server["values"][0]["inputs"][0].as_u64().unwrap() as usize;
    assert_eq!(answer["inputs"][input]["facts"], "registry_export");
    assert_eq!(answer["inputs"][input]["encoding"], "utf-16le");
    assert_eq!(
        answer["findings"][0]["advice"][0],
        steps(&with, Language::English).lines().next().unwrap()
    );

    // What policy does not say is not said.
    let off = POLICY.replace(
        "\"UseWUServer\"=dword:00000001",
        "\"UseWUServer\"=dword:00000000",
    );
    let off = scan_of_bytes(&[cbs.clone(), ("wu.reg", utf16(&off))]);
    let said = steps(&off, Language::English);
    assert!(
        said.contains("UseWUServer is 0") && !said.contains("wsus.example.test"),
        "{said}"
    );
    // A failure that has nothing to do with it says nothing of it.
    let full = failed("0x80070070 - ERROR_DISK_FULL");
    let full = scan_of_bytes(&[("CBS.log", full.into_bytes()), ("wu.reg", utf16(POLICY))]);
    assert!(!steps(&full, Language::English).contains("wsus.example.test"));
}

#[test]
fn files_that_contradict_each_other_are_shown_and_not_relied_on() {
    let other = POLICY.replace("wsus.example", "wsus-2.example");
    let log = failed("0x800f0954 - CBS_E_INVALID_WINDOWS_UPDATE_COUNT_WSUS");
    let scan = scan_of_texts(&[("CBS.log", &log), ("a.reg", POLICY), ("b.reg", &other)]);
    assert!(!scan.facts[0].is_agreed(Fact::UpdateServer));
    let said = steps(&scan, Language::English);
    assert!(
        !said.contains("wsus") && !said.contains("name no server"),
        "{said}"
    );
    for (language, words) in [
        (Language::English, "the files do not agree"),
        (Language::Chinese, "文件说法不一"),
    ] {
        for form in forms(&scan, language) {
            assert!(
                says(&form, words) && says(&form, "wsus-2.example"),
                "{form}"
            );
        }
    }
    // Two computers' facts are no one's.
    let two = SYSTEMINFO.replace("PC-1", "PC-2");
    let scan = scan_of_texts(&[
        ("CBS.log", &log),
        ("a.reg", POLICY),
        ("s1.txt", SYSTEMINFO),
        ("s2.txt", &two),
    ]);
    assert_eq!(scan.facts[0].get(Fact::UpdateServer), None);
    assert!(says(
        &forms(&scan, Language::English)[0],
        "name several computers"
    ));
}

#[test]
fn a_restart_that_waits_is_said_beside_what_it_may_have_blocked() {
    let blocked = failed("0x80070bc9 - ERROR_FAIL_REBOOT_REQUIRED");
    let blocked = scan_of_texts(&[("CBS.log", &blocked), ("r.txt", RESTART)]);
    assert!(
        steps(&blocked, Language::English)
            .contains("marks of a waiting restart were on this PC: RebootRequired")
    );
    assert!(steps(&blocked, Language::Chinese).contains("等待重启的标记：RebootRequired"));
    let unknown = failed("0x8007aaab");
    let unknown = scan_of_texts(&[("CBS.log", &unknown), ("r.txt", RESTART)]);
    let said = steps(&unknown, Language::English);
    assert!(
        said.contains("they do not say whether it was when this failed"),
        "{said}"
    );
}

#[test]
fn filters_of_others_are_named_where_access_was_denied() {
    let denied = failed("0x80070005 - E_ACCESSDENIED");
    let scan = scan_of_texts(&[("CBS.log", &denied), ("fltmc.txt", FILTERS)]);
    let said = steps(&scan, Language::English);
    assert!(
        said.contains("MadeUpGuard (389999)") && !said.contains("WdFilter"),
        "{said}"
    );
    assert!(said.contains("does not prove"));
    let own = FILTERS.replace("MadeUpGuard", "bindflt    ");
    let scan = scan_of_texts(&[("CBS.log", &denied), ("fltmc.txt", &own)]);
    assert!(steps(&scan, Language::English).contains("all 2 file-system filters"));
}

#[test]
fn the_government_edition_is_recognised_and_its_supplier_named() {
    let missing = failed("0x800f081f - CBS_E_SOURCE_MISSING");
    let scan = scan_of_texts(&[("CBS.log", &missing), ("s.txt", SYSTEMINFO)]);
    for (language, step, shown) in [
        (Language::English, "come from its supplier", "this is CMGE"),
        (Language::Chinese, "向其供应商获取", "即神州网信政府版"),
    ] {
        assert!(steps(&scan, language).contains(step));
        for form in forms(&scan, language) {
            assert!(says(&form, shown) && says(&form, "19045"), "{form}");
        }
    }
    let plain = SYSTEMINFO.replace("神州网信政府版", "专业版");
    let scan = scan_of_texts(&[("CBS.log", &missing), ("s.txt", &plain)]);
    let said = steps(&scan, Language::English);
    assert!(
        !said.contains("EnterpriseG") && said.contains("build 19045"),
        "{said}"
    );
}

#[test]
fn facts_go_to_the_machine_they_are_of() {
    let log = failed("0x800f081f - CBS_E_SOURCE_MISSING");
    let other = log.replace("10:00:0", "11:00:0");
    let of = |host: &str| SYSTEMINFO.replace("PC-1", host);
    let scan = scan_of_texts(&[
        ("PC-1/CBS.log", &log),
        ("PC-1/wu.reg", POLICY),
        ("PC-2/CBS.log", &other),
        // Its name goes before its place.
        ("collected/a.txt", &of("pc-2")),
        ("collected/b.txt", &of("PC-9")),
        ("nowhere.reg", POLICY),
    ]);
    let names: Vec<&str> = scan.machines.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["PC-1", "PC-2"]);
    assert!(scan.facts[0].get(Fact::UpdateServer).is_some());
    assert_eq!(scan.facts[0].get(Fact::Host), None);
    assert_eq!(scan.facts[1].get(Fact::Host), Some("pc-2"));
    assert_eq!(scan.facts[1].get(Fact::UpdateServer), None);
    let form = &forms(&scan, Language::English)[0];
    assert!(
        says(form, "of PC-9, of which no log is here: not used"),
        "{form}"
    );
    assert!(
        says(form, "nothing says of which machine: not used"),
        "{form}"
    );
    let answer = json(&scan);
    let facts = answer["facts"].as_array().unwrap();
    assert!(facts.iter().all(|fact| fact["machine"].is_u64()));
    // Of one machine too: its logs name another computer.
    let event = r#"{"EventID":20,"ProviderName":"Microsoft-Windows-WindowsUpdateClient","TimeCreated":"2024-03-05T08:12:01Z","Channel":"System","Computer":"PC-1","EventRecordID":7,"EventData":{"errorCode":"0x800f081f","updateTitle":"Made up (KB5000001)"}}"#;
    let event = format!("{event}\n");
    let scan = scan_of_texts(&[("events.json", &event), ("s.txt", &of("PC-2"))]);
    assert!(scan.facts.is_empty());
    let scan = scan_of_texts(&[("events.json", &event), ("s.txt", &of("PC-1.example.test"))]);
    assert_eq!(scan.facts[0].get(Fact::Host), Some("PC-1"));
}

const CORRUPT: &str = "2024-05-06 10:20:31, Error                 CSI    00000011 (F) STATUS_FILE_CORRUPT_ERROR #4# from Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile(flags = (AllowSharingViolation), handle = {provider=NULL, handle=0}, da = (SYNCHRONIZE|FILE_READ_ATTRIBUTES), oa = @0x1->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[26]'\\??\\C:\\ProgramData\\Printers'; a:(OBJ_CASE_INSENSITIVE)}, iosb = @0x2, as = (null), fa = 0, sa = (FILE_SHARE_READ|FILE_SHARE_WRITE|FILE_SHARE_DELETE), cd = FILE_OPEN, co = (FILE_SYNCHRONOUS_IO_NONALERT|0x00004000), eab = NULL, eal = 0, disp = Invalid)[gle=0xd0000102]\n";

const TRACE: &str = "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n\"8:00:00.1 AM\",\"TiWorker.exe\",\"42\",\"CreateFile\",\"C:\\ProgramData\\PRINTERS\",\"FILE CORRUPT\",\"\"\r\n\"8:00:00.2 AM\",\"TiWorker.exe\",\"42\",\"CreateFile\",\"C:\\ProgramData\\Printers\",\"FILE CORRUPT\",\"\"\r\n\"8:00:00.3 AM\",\"TiWorker.exe\",\"42\",\"CreateFile\",\"C:\\Elsewhere\",\"ACCESS DENIED\",\"\"\r\n";

#[test]
fn a_trace_supports_the_finding_whose_object_it_shows() {
    let log = format!("{CORRUPT}{}", failed("0x80070570 - ERROR_FILE_CORRUPT"));
    let scan = scan_of_texts(&[("CBS.log", &log), ("trace.csv", TRACE)]);
    let alone = scan_of_texts(&[("CBS.log", &log)]);
    assert_eq!(scan.derived, alone.derived);
    let objects = scan.derived.findings.iter().map(|finding| &finding.object);
    let objects: Vec<&String> = objects.collect();
    let place = objects
        .iter()
        .position(|object| object.ends_with(r"C:\ProgramData\Printers"))
        .unwrap_or_else(|| panic!("{objects:?}"));
    let object = objects[place];
    for form in forms(&scan, Language::English) {
        assert!(
            says(
                &form,
                &format!("TiWorker.exe: 2 × FILE CORRUPT on {object}")
            ),
            "{form}"
        );
        assert!(says(&form, "Process Monitor's CSV, 3 rows"), "{form}");
        assert!(!form.contains("ACCESS DENIED"), "{form}");
    }
    let chinese = forms(&scan, Language::Chinese);
    assert!(
        says(&chinese[0], "TiWorker.exe：2 × FILE CORRUPT"),
        "{}",
        chinese[0]
    );
    assert_eq!(
        json(&scan)["findings"][place]["process_monitor"],
        serde_json::json!([{ "process": "TiWorker.exe", "result": "FILE CORRUPT", "count": 2 }])
    );
    // Without one it is said that none is needed: the record names object and error.
    for (language, words) in [
        (
            Language::English,
            "Process Monitor is not needed: a record names the object and its error",
        ),
        (
            Language::Chinese,
            "不需要 Process Monitor：已有记录指明对象及其错误",
        ),
    ] {
        for form in forms(&alone, language) {
            assert!(says(&form, words), "{form}");
        }
    }
    // A cause that only a trace may show says nothing of the kind.
    let denied = scan_of_texts(&[("CBS.log", &failed("0x80070005 - E_ACCESSDENIED"))]);
    assert!(!says(&forms(&denied, Language::English)[0], "not needed"));
}

#[test]
fn hostile_values_come_out_harmless_and_bounded() {
    let server = format!("http://\u{1b}[31m\u{202e}<script>`|{}", "w".repeat(1 << 20));
    let policy = POLICY.replace("http://wsus.example.test:8530", &server);
    let host = SYSTEMINFO.replace("PC-1", "PC\u{7}-\u{1b}]0;x\u{7}1");
    let log = format!(
        "{CORRUPT}{}",
        failed("0x800f0954 - CBS_E_INVALID_WINDOWS_UPDATE_COUNT_WSUS")
    );
    let trace = TRACE.replace("FILE CORRUPT", "FILE \u{1b}[2J CORRUPT");
    let filters = FILTERS.replace("MadeUpGuard", "Made\u{9b}Up");
    let scan = scan_of_texts(&[
        ("CBS.log", &log),
        ("a.reg", &policy),
        ("s.txt", &host),
        ("f.txt", &filters),
        ("t.csv", &trace),
    ]);
    let mut answers = forms(&scan, Language::English);
    answers.extend(forms(&scan, Language::Chinese));
    answers.push(report::json(Rules::shipped(), &scan, None, Language::English, None).unwrap());
    for answer in answers {
        assert!(
            !answer.contains(|c| harmless::is_unsafe(c) && c != '\n'),
            "{answer:?}"
        );
        let is_page = answer.starts_with("<!DOCTYPE");
        assert!(!is_page || !answer.contains("<script>"), "{answer}");
        assert!(answer.len() < 100_000, "{}", answer.len());
    }
}

#[test]
fn packages_that_dism_lists_are_a_log_and_facts() {
    let text = "\r\nDeployment Image Servicing and Management tool\r\nVersion: 10.0.19041.844\r\n\r\nImage Version: 10.0.19045.4291\r\n\r\nPackages listing:\r\n\r\nPackage Identity : Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.4412.1.8\r\nState : Install Pending\r\n\r\nThe operation completed successfully.\r\n";
    let alone = scan_of_texts(&[(
        "CBS.log",
        &failed("0x80070bc9 - ERROR_FAIL_REBOOT_REQUIRED"),
    )]);
    let scan = scan_of_texts(&[
        (
            "CBS.log",
            &failed("0x80070bc9 - ERROR_FAIL_REBOOT_REQUIRED"),
        ),
        ("packages.txt", text),
    ]);
    assert_eq!((scan.verdict, scan.inputs.len()), (alone.verdict, 2));
    assert!(steps(&scan, Language::English).contains("Package_for_RollupFix"));
    let input = scan
        .inputs
        .iter()
        .find(|input| input.facts.is_some())
        .unwrap();
    assert_eq!(input.source, Some(Source::Dism));
}
