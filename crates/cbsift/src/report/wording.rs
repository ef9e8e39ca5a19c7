//! What people read: every form, both languages, terminals of several widths.

use super::cells::cells;
use super::*;
use crate::progress::Progress;
use crate::scan::{Scan, Where, scan};
use event::{Outcome, Source};

fn scan_of(files: &[(&str, &str)], endpoint: Option<&str>) -> Scan {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let paths = [folder.path().to_owned()];
    scan(
        Rules::shipped(),
        Where::named(&paths),
        endpoint,
        &Progress::new(true),
    )
}

fn text_of(scan: &Scan, language: Language, width: usize) -> String {
    let style = Style {
        colour: false,
        width,
    };
    text(&view(Rules::shipped(), scan, language, None, true), style)
}

fn forms(scan: &Scan, language: Language) -> [String; 3] {
    let view = view(Rules::shipped(), scan, language, None, true);
    [text_of(scan, language, 100), markdown(&view), html(&view)]
}

/// Whatever broke its lines, and whatever marks markup, left out.
fn unbroken(form: &str) -> String {
    form.replace('\\', "").split_whitespace().collect()
}

fn says(form: &str, words: &str) -> bool {
    unbroken(form).contains(&unbroken(words))
}

/// A failed installation, made up.
fn failed(kb: &str, session: &str, code: &str) -> String {
    let package = format!("Package_for_{kb}~31bf3856ad364e35~amd64~~10.0.1.1");
    format!(
        "2024-05-06 10:00:00, Info                  CBS    Exec: Processing started.  Client: wusa, Session: {session}, Package: {package}, Identifier: {kb}\n\
         2024-05-06 10:00:05, Error                 CBS    Failed to stage it [HRESULT = {code}]\n\
         2024-05-06 10:00:09, Info                  CBS    Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: {kb} [HRESULT = {code}]\n"
    )
}

const FULL: &str = "0x80070070 - ERROR_DISK_FULL";
const CORRUPT: &str = "0x80070570 - ERROR_FILE_CORRUPT";
const HEALTHY: &str = "2024-05-06 10:00:00, Info                  CBS    Loaded Servicing Stack v10.0.19041.1220 with Core: C:\\x\n";

fn export(value: u32) -> String {
    format!(
        "Windows Registry Editor Version 5.00\n\n[HKEY_LOCAL_MACHINE\\SOFTWARE\\Policies\\Microsoft\\Windows\\WindowsUpdate\\AU]\n\"UseWUServer\"=dword:{value}\n"
    )
}

/// Of every kind of log one that is read, made up, and some that are not.
fn every_kind() -> Scan {
    let cbs = failed("KB5000001", "31069300_1", FULL)
        + &failed("KB5000002", "31069301_1", "0x00000000 - S_OK");
    scan_of(
        &[
            ("CBS.log", &cbs),
            (
                "dism.log",
                "2024-05-06 10:00:00, Info                  DISM   DISM.EXE: x\n",
            ),
            (
                "setupact.log",
                "2024-05-06 10:00:00, Info       [0x0601c1] IBS    x\n",
            ),
            (
                "ReportingEvents.log",
                "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-06 10:00:05:293+0300\t1\t147 [X]\t101\t{00000000-0000-0000-0000-000000000001}\t0\t0\tx\tSuccess\tx\tx\tx\n",
            ),
            (
                "WindowsUpdate.log",
                "2024/05/06 10:00:05.1234567 8096  8116  Agent           x\n",
            ),
            (
                "PFRO.log",
                "5/6/2024 10:0:0 - 0 Successful PFRO operations\n",
            ),
            (
                "system.jsonl",
                "{\"@timestamp\":\"2024-05-06T10:00:05.293Z\",\"winlog\":{\"channel\":\"System\",\"computer_name\":\"PC-1\",\"event_id\":\"20\",\"provider_name\":\"Microsoft-Windows-WindowsUpdateClient\",\"record_id\":\"7\",\"event_data\":{\"errorCode\":\"0x80070643\",\"updateTitle\":\"Made up (KB5000009)\"}}}\n",
            ),
            ("empty.log", ""),
            ("list.txt", "milk\n"),
            (
                "systeminfo.txt",
                "Host Name: PC-1\nOS Name: Microsoft Windows 10 Pro\nOS Version: 10.0.19045 N/A Build 19045\n",
            ),
            (
                "other.txt",
                "Host Name: PC-9\nOS Name: Microsoft Windows 10 Pro\nOS Version: 10.0.19045 N/A Build 19045\n",
            ),
            (
                "pending.txt",
                "HKEY_LOCAL_MACHINE\\SOFTWARE\\Microsoft\\Windows\\CurrentVersion\\Component Based Servicing\\RebootPending\n",
            ),
            (
                "fltmc.txt",
                "Filter Name  Num Instances  Altitude  Frame\n-----------  -------------  --------  -----\nMadeUpGuard  3  389999  0\n",
            ),
            (
                "proxy.txt",
                "Current WinHTTP proxy settings:\n\n    Direct access (no proxy server).\n",
            ),
            ("one.reg", &export(1)),
            ("two.reg", &export(0)),
            (
                "trace.csv",
                "\"Process Name\",\"Operation\",\"Path\",\"Result\"\n\"TiWorker.exe\",\"CreateFile\",\"C:\\x\",\"SUCCESS\"\n",
            ),
        ],
        None,
    )
}

#[test]
fn a_chinese_report_has_no_english_word_of_ours() {
    let scan = every_kind();
    let read: std::collections::BTreeSet<_> = scan
        .inputs
        .iter()
        .filter_map(|input| input.source)
        .collect();
    assert_eq!(read.len(), 7, "every kind is read: {read:?}");
    assert!(scan.derived.attempts.len() > 1 && !scan.derived.findings.is_empty());
    for form in forms(&scan, Language::Chinese) {
        let outcomes = Outcome::ALL.map(Outcome::name);
        let sources = Source::ALL.map(Source::name);
        // Beyond those, what an English report says.
        let ours = [
            "records",
            "lines",
            "line",
            "local",
            "UTC offset",
            "Skipped",
            "Cause",
            "Evidence",
            "Attempts",
            "harmless",
            "left out",
            "Object",
            "start here",
            "empty file",
            "no record head",
            "event log",
            "Windows Update reports",
            "Event 20",
            "in these",
            "facts",
            "rows",
            "system",
            "build",
            "proxy",
            "filters",
            "restart",
            "not used",
            "Machine",
        ];
        let form = match form.split_once("</style>") {
            Some((_, page)) => page.to_owned(),
            None => form,
        };
        let is_word = |word: &str| {
            form.match_indices(word).any(|(at, _)| {
                let is_letter = |letter: char| {
                    letter.is_ascii_alphanumeric() || matches!(letter, '-' | '.' | '=' | '"')
                };
                let before = form.get(..at).and_then(|before| before.chars().next_back());
                let after = form
                    .get(at + word.len()..)
                    .and_then(|after| after.chars().next());
                !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
            })
        };
        for word in outcomes.iter().chain(&ours) {
            assert!(!is_word(word), "{word} in\n{form}");
        }
        for word in sources.iter().filter(|name| name.contains('_')) {
            let upper = word.to_uppercase();
            assert!(!is_word(word) && !is_word(&upper), "{word} in\n{form}");
        }
        for word in [
            "成功",
            "失败",
            "事件日志",
            "更新报告",
            "空文件",
            "已跳过",
            "事件 20",
            "机器信息：systeminfo，3 项信息",
            "属于 PC-9，此处没有其日志：未采用",
            "等待重启：RebootPending",
            "系统：计算机名",
            "文件说法不一，不予采用",
            "无代理",
            "非微软的",
            "反映其保存时的状态",
        ] {
            assert!(says(&form, word), "{word} not in\n{form}");
        }
    }
    for form in forms(&scan, Language::English) {
        for words in [
            "facts: systeminfo, 3 facts",
            "Process Monitor's CSV, 1 row",
            "of PC-9, of which no log is here: not used",
            "waits for a restart: RebootPending",
            "the files do not agree, so it is not used",
            "proxy: WinHTTP = no proxy",
            "of the time when these were saved",
        ] {
            let form = form.replace("&#39;", "'");
            assert!(says(&form, words), "{words} not in\n{form}");
        }
    }
}

#[test]
fn lines_end_where_the_terminal_does() {
    let scan = every_kind();
    for language in [Language::English, Language::Chinese] {
        for width in [60, 80, 120] {
            for line in text_of(&scan, language, width).lines() {
                // A path or an identity that does not fit is whole, and begins its line.
                let is_whole = line
                    .split(' ')
                    .any(|word| word.contains(['\\', '/', '~']) && cells(word) + 20 > width);
                let is_row = line.starts_with("  20");
                assert!(
                    cells(line) <= width || is_whole || is_row,
                    "{width}: {line}"
                );
            }
        }
    }
}

#[test]
fn one_is_one() {
    let scan = scan_of(&[("CBS.log", HEALTHY)], None);
    let form = text_of(&scan, Language::English, 100);
    for words in ["1 record in 1 line", "in this record, 1 s"] {
        assert!(form.contains(words), "{words} in\n{form}");
    }
    let noise = "2024-05-06 10:20:30, Info                  CBS    Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]\n";
    for (times, words) in [
        (1, "1 harmless look-alike of 1 kind left out"),
        (2, "2 harmless look-alikes of 1 kind left out"),
    ] {
        let scan = scan_of(&[("CBS.log", &noise.repeat(times))], None);
        let form = text_of(&scan, Language::English, 100);
        assert!(form.contains(words), "{words} in\n{form}");
    }
}

#[test]
fn a_verdict_says_how_far_it_reaches() {
    let healthy = HEALTHY.to_owned() + &HEALTHY.replace("10:00:00", "10:02:30");
    for (text, english, chinese) in [
        (
            healthy,
            "in these 2 records, 2 min",
            "就这 2 条记录、2 分钟而言",
        ),
        (
            failed("KB5000001", "31069300_1", FULL),
            "in these 3 records, 9 s",
            "就这 3 条记录、9 秒而言",
        ),
    ] {
        let scan = scan_of(&[("CBS.log", &text)], None);
        for (language, words) in [(Language::English, english), (Language::Chinese, chinese)] {
            for form in forms(&scan, language) {
                assert!(says(&form, words), "{words} in\n{form}");
            }
        }
    }
    // Of nothing nothing is said.
    let scan = scan_of(&[("CBS.log", "milk\n")], None);
    let form = text_of(&scan, Language::English, 100);
    assert!(
        form.contains("INCONCLUSIVE") && !form.contains("in these"),
        "{form}"
    );
}

#[test]
fn only_a_failure_that_nothing_explains_is_said_to_be_one() {
    let step = "2024-05-06 10:00:05, Error                 CBS    Failed to feed the made-up tray [HRESULT = 0x8007aaab]\n";
    let healthy = HEALTHY.repeat(30);
    let scan = scan_of(&[("CBS.log", &(healthy + step))], None);
    assert_eq!(scan.verdict, classify::Verdict::Inconclusive);
    let form = text_of(&scan, Language::English, 100);
    assert!(says(&form, "that nothing explains, see below"), "{form}");
    // Nothing speaks for it, and no colon waits for what does.
    assert!(form.contains("low (30 %)\n"), "{form}");
    // Too little to say anything, and a finding that is only worth knowing.
    let policy = "2024/05/06 10:00:05.1234567 8096  8116  Agent           WSUS server: https://wsus.example.test:8531\n";
    let scan = scan_of(&[("WindowsUpdate.log", policy)], None);
    assert_eq!(
        (scan.verdict, scan.derived.findings.len()),
        (classify::Verdict::Inconclusive, 1)
    );
    let form = text_of(&scan, Language::English, 100);
    assert!(
        says(&form, "too few servicing records") && !says(&form, "nothing explains"),
        "{form}"
    );
}

#[test]
fn a_log_that_could_not_be_read_to_its_end_is_not_called_healthy() {
    let mut scan = scan_of(&[("CBS.log", HEALTHY)], None);
    assert_eq!(scan.verdict, classify::Verdict::Healthy);
    scan.inputs[0].problem = Some(crate::scan::Problem {
        doing: "read",
        kind: std::io::ErrorKind::InvalidData,
        message: "cannot read the rest".to_owned(),
    });
    scan.doubt();
    assert_eq!(scan.verdict, classify::Verdict::Inconclusive);
    for form in forms(&scan, Language::English) {
        assert!(
            says(&form, "a part of the input could not be examined")
                && says(&form, "what stands in the parts of CBS.log"),
            "{form}"
        );
    }
}

#[test]
fn a_failure_without_a_record_of_its_cause_is_not_called_none() {
    let mut scan = scan_of(
        &[("CBS.log", &failed("KB5000001", "31069300_1", FULL))],
        None,
    );
    scan.derived.findings.clear();
    for attempt in &mut scan.derived.attempts {
        attempt.finding = None;
    }
    for form in forms(&scan, Language::English) {
        assert!(says(&form, "no record says why"), "{form}");
        assert!(!says(&form, "No failure was found"), "{form}");
    }
}

#[test]
fn several_failures_are_numbered_and_one_is_the_first() {
    let one = failed("KB5000001", "31069300_1", FULL);
    let both = one.clone() + &failed("KB5000002", "31069301_1", CORRUPT);
    let (one, both) = (
        scan_of(&[("CBS.log", &one)], None),
        scan_of(&[("CBS.log", &both)], None),
    );
    assert_eq!(both.derived.findings.len(), 2);
    for (language, first, second, none) in [
        (Language::English, "1 of 2, start here", "2 of 2", " of "),
        (Language::Chinese, "1/2，从这里开始", "2/2", "从这里开始"),
    ] {
        for form in forms(&both, language) {
            let places = [form.find(first), form.rfind(second)];
            assert!(places[0].is_some() && places[0] < places[1], "{form}");
        }
        assert!(
            view(Rules::shipped(), &one, language, None, false)
                .findings
                .iter()
                .all(|finding| finding.rank.is_empty()),
            "{none}"
        );
    }
}

#[test]
fn logs_of_several_machines_are_said_and_kept_apart() {
    let files = [
        ("PC-1/Logs/CBS.log", failed("KB5000001", "31069300_1", FULL)),
        ("PC-2/Logs/CBS.log", HEALTHY.replace("10:00:00", "11:00:00")),
    ];
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (*name, text.as_str()))
        .collect();
    let scan = scan_of(&files, None);
    assert_eq!(scan.verdict, classify::Verdict::Failed);
    for form in forms(&scan, Language::English) {
        for words in [
            "these logs are of 2 machines",
            "PC-1: FAILED, 1 log, 1 failure",
            "HEALTHY: PC-2",
            "PC-1/Logs/CBS.log",
        ] {
            assert!(says(&form, words), "{words} in\n{form}");
        }
    }
    let form = text_of(&scan, Language::Chinese, 100);
    assert!(
        says(&form, "这些日志来自 2 台电脑") && says(&form, "正常：PC-2"),
        "{form}"
    );
    let answer = json(Rules::shipped(), &scan, None, Language::English, None).unwrap();
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    let machines = &answer["machines"];
    assert_eq!(
        [
            &machines[0]["verdict"],
            &machines[1]["verdict"],
            &machines[0]["told_by"]
        ],
        ["failed", "healthy", "folder"]
    );
    assert_eq!(machines[0]["findings"], serde_json::json!([0]));
    assert_eq!(machines[1]["inputs"], serde_json::json!([1]));
    // Whoever names the endpoint knows that it is one.
    let scan = scan_of(&files, Some("PC-1"));
    assert!(scan.machines.is_empty());
    assert!(!text_of(&scan, Language::English, 100).contains("machines"));
}

#[test]
fn addresses_and_paths_stand_as_they_are() {
    let text = "2024/05/06 10:00:05.1234567 8096  8116  Agent           WSUS server: https://wsus.example.test:8531/a-rather-long-path/that/does-not-fit-on-a-line\n";
    let scan = scan_of(&[("WindowsUpdate.log", text)], None);
    for form in forms(&scan, Language::English) {
        let form = form.replace("\\_", "_");
        assert!(
            form.contains(
                "https://wsus.example.test:8531/a-rather-long-path/that/does-not-fit-on-a-line"
            ),
            "{form}"
        );
        assert!(!form.contains(r"https:\"), "{form}");
    }
}
