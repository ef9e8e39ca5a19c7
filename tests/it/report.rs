//! The forms of the report, what narrows it, and what it says is missing; on made-up logs.

use crate::fixtures::CUT_RECORD;
use crate::harness::{cbsift, scan, text};
use crate::scan::schema;
use serde_json::Value;
use std::path::Path;

fn report(path: &Path, arguments: &[&str]) -> String {
    let output = cbsift()
        .args(["scan", "--lang", "en"])
        .args(arguments)
        .arg(path)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

fn check(shown: &str, parts: &[&str], absent: &[&str]) {
    for part in parts {
        assert!(shown.contains(part), "{part} in\n{shown}");
    }
    for part in absent {
        assert!(!shown.contains(part), "no {part} in\n{shown}");
    }
}

/// An attempt that fails for want of space: made up.
fn failed_attempt(day: &str, session: &str, kb: &str) -> String {
    let package = format!("Package_for_{kb}~31bf3856ad364e35~amd64~~10.0.1.1");
    let line = |time: &str, level: &str, message: &str| {
        format!("{day} {time}, {level:<22}CBS    {message}\r\n")
    };
    [
        line("10:00:00", "Info", &format!("Exec: Processing started.  Client: wusa, Session: {session}, Package: {package}, Identifier: {kb}")),
        line("10:00:05", "Error", "Failed to stage <b>it</b> [HRESULT = 0x80070070 - ERROR_DISK_FULL]"),
        line("10:00:09", "Info", &format!("Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: {kb} [HRESULT = 0x80070070 - ERROR_DISK_FULL]")),
    ]
    .concat()
}

#[test]
fn markdown_and_html_say_what_the_text_says() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("excerpt.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    let markdown = report(&log, &["--format", "md"]);
    check(
        &markdown,
        &[
            "# FAILED: ",
            "## Description",
            "## Analysis",
            "## Conclusion and next steps",
            r"STATUS\_FILE\_CORRUPT\_ERROR (0xC0000102)",
            r"C:\\ProgramData\\Printers",
            "2024-05-06 02:20:31.250 UTC",
            "Evidence: line 2-4",
            r"on:[27]'\??\C:\ProgramData\Printers'",
            "1. ",
            "Collect next: the whole CBS.log",
        ],
        &[],
    );
    let html = report(&log, &["--format", "html"]);
    check(
        &html,
        &[
            "<!DOCTYPE html>",
            "<html lang=\"en\">",
            "STATUS_FILE_CORRUPT_ERROR (0xC0000102)",
            "2024-05-06 02:20:31.250 UTC",
            "line 2-4",
            "chkdsk",
            "prefers-color-scheme:dark",
            "@media print",
            "OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[27]&#39;",
        ],
        &["<script", "http://", "https://", "src="],
    );
    for form in ["md", "html"] {
        let output = cbsift()
            .args(["scan", "--lang", "zh", "--format", form])
            .arg(&log)
            .output()
            .unwrap();
        check(
            &text(&output.stdout),
            &[
                "失败",
                "问题描述",
                "分析",
                "结论与后续步骤",
                "根本原因",
                "第 2-4 行",
            ],
            &["Cause", "Evidence", "Analysis", "line 2"],
        );
    }
}

/// An event log reaches further back than the servicing log: made up.
#[test]
fn a_failure_from_before_the_log_begins_says_that_the_log_was_overwritten() {
    let folder = tempfile::tempdir().unwrap();
    let cbs = failed_attempt("2024-05-06", "31069300_1111111111", "KB5000001");
    std::fs::write(folder.path().join("CBS.log"), cbs).unwrap();
    let event = |stamp: &str| {
        format!(
            r#"{{"@timestamp":"{stamp}","winlog":{{"channel":"System","computer_name":"PC-1","event_id":"20","provider_name":"Microsoft-Windows-WindowsUpdateClient","record_id":"7","event_data":{{"errorCode":"0x80070570","updateTitle":"Made up (KB5000009)"}}}}}}"#
        ) + "\n"
    };
    let events = folder.path().join("system.jsonl");
    std::fs::write(&events, event("2024-05-01T08:00:05.293Z")).unwrap();
    // Lines are broken where the terminal ends.
    let shown = report(folder.path(), &[]);
    let shown: Vec<&str> = shown.split_whitespace().collect();
    check(
        &shown.join(" "),
        &[
            "(KB5000009 0x80070570) before CBS.log begins; that log was overwritten",
            "Collect next",
            "2024-05-01 08:00:05.293 UTC",
        ],
        &["local 2024-05-01"],
    );
    let answer = scan(&[folder.path()], "pc");
    assert!(schema().is_valid(&answer), "{answer}");
    assert_eq!(answer["gaps"][0]["to"], "2024-05-06 10:00:00");
    assert_eq!(answer["inputs"][1]["source"], "event_log");
    // From after the log's beginning, nothing is lost.
    std::fs::write(&events, event("2024-05-07T08:00:05.293Z")).unwrap();
    check(
        &report(folder.path(), &[]),
        &["KB5000009"],
        &["overwritten"],
    );
}

#[test]
fn log_text_is_no_markup_in_any_form() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    std::fs::write(
        &log,
        failed_attempt("2024-05-06", "31069300_1111111111", "KB5000001"),
    )
    .unwrap();
    let html = report(&log, &["--format", "html"]);
    check(&html, &["KB5000001"], &["<b>it"]);
}

#[test]
fn a_kb_or_a_time_narrows_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    let both = failed_attempt("2024-05-06", "31069300_1111111111", "KB5000001")
        + &failed_attempt("2024-06-07", "31075000_2222222222", "KB5000002");
    std::fs::write(&log, both).unwrap();
    let whole = report(&log, &[]);
    check(
        &whole,
        &["KB5000001", "KB5000002", "2 in all"],
        &["Narrowed"],
    );
    for arguments in [&["--kb", "5000002"][..], &["--since", "2024-06-01"]] {
        let narrowed = report(&log, arguments);
        check(
            &narrowed,
            &[
                "Narrowed (",
                "left out: 1 attempt, ",
                "1 in all",
                "KB5000002",
            ],
            &["KB5000001"],
        );
        let mut command = arguments.to_vec();
        command.extend(["--format", "json"]);
        let answer: Value = serde_json::from_str(&report(&log, &command)).unwrap();
        assert!(schema().is_valid(&answer), "{answer}");
        assert_eq!(answer["attempts"].as_array().unwrap().len(), 1);
        assert_eq!(answer["narrowed"]["attempts_left_out"], 1);
        assert_eq!(answer["attempts"][0]["finding"], 0);
    }
    let nothing = report(&log, &["--kb", "KB5999999"]);
    check(
        &nothing,
        &[
            "INCONCLUSIVE",
            "nothing that was asked for",
            "Narrowed (KB5999999), left out: 2 attempts",
        ],
        &[],
    );
    let status = cbsift()
        .args(["scan", "--since", "soon"])
        .arg(&log)
        .output()
        .unwrap()
        .status;
    assert_eq!(status.code(), Some(2));
}

#[test]
fn a_missing_part_between_rotated_logs_is_a_gap() {
    let line = |time: &str| {
        format!(
            "{time}, Info                  CBS    Loaded Servicing Stack v10.0.19041.1220 with Core: C:\\x\r\n"
        )
    };
    let gaps = |second: &str| {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: String| {
            std::fs::write(folder.path().join(name), text).unwrap();
        };
        write(
            "CbsPersist_20240506020000.log",
            line("2024-05-01 08:00:00") + &line("2024-05-06 09:00:00"),
        );
        write("CBS.log", line(second) + &line("2024-05-20 08:00:00"));
        let answer = scan(&[folder.path()], "pc-1");
        assert!(schema().is_valid(&answer), "{answer}");
        (answer["gaps"].clone(), report(folder.path(), &[]))
    };
    // Rotated at 02:00 UTC, which is 10:00 in UTC+8.
    let (none, shown) = gaps("2024-05-06 10:00:00");
    assert_eq!(none.as_array().unwrap().len(), 0);
    check(&shown, &["Endpoint", "10.0.19041.1220"], &["Gaps"]);
    let (one, shown) = gaps("2024-05-12 10:00:00");
    assert_eq!(one[0]["from"], "2024-05-06 09:00:00");
    assert_eq!(one[0]["to"], "2024-05-12 10:00:00");
    check(&shown, &["Gaps", "CbsPersist_20240506020000.log"], &[]);
}

/// What is missing is said, with what to collect next: in text and Markdown, in both languages, whatever the verdict.
#[test]
fn rotated_and_truncated_parts_are_said_with_what_to_collect() {
    let healthy = |time: &str| {
        format!(
            "{time}, Info                  CBS    Loaded Servicing Stack v10.0.19041.1220 with Core: C:\\x\r\n"
        )
    };
    let whole = healthy("2024-05-01 08:00:00") + &healthy("2024-05-06 09:00:00");
    let failed = failed_attempt("2024-05-06", "31069300_1111111111", "KB5000001");
    let check_forms =
        |files: &[(&str, &str)], english: &[&str], chinese: &[&str], absent: &[&str]| {
            let folder = tempfile::tempdir().unwrap();
            for (name, text) in files {
                std::fs::write(folder.path().join(name), text).unwrap();
            }
            for form in ["text", "md", "html"] {
                let shown = |language: &str| {
                    let output = cbsift()
                        .args(["scan", "--lang", language, "--format", form])
                        .arg(folder.path())
                        .env("COLUMNS", "140")
                        .output()
                        .unwrap();
                    // Text is wrapped, Markdown escapes dots and the like.
                    let shown = text(&output.stdout).replace('\\', "");
                    shown.split_whitespace().collect::<Vec<_>>().join(" ")
                };
                check(&shown("en"), english, absent);
                check(&shown("zh"), chinese, absent);
            }
            let answer = scan(&[folder.path()], "pc-1");
            assert!(schema().is_valid(&answer), "{answer}");
            answer["gaps"].clone()
        };

    // The last record is cut off within its line.
    let cut = &failed[..failed.len() - 20];
    let gaps = check_forms(
        &[("CBS.log", cut)],
        &[
            "CBS.log ends within a line",
            "Collect next",
            "CBS.log once more, whole",
        ],
        &[
            "CBS.log 在一行中间结束",
            "建议再收集",
            "重新收集完整的 CBS.log",
        ],
        &[],
    );
    assert_eq!(gaps[0]["from"], "2024-05-06 10:00:09");
    assert_eq!(gaps[0]["reason"], "CBS.log ends within a line");

    // A healthy log with a part missing behind it: the failure may stand there.
    check_forms(
        &[("CbsPersist_20240506020000.log", &whole)],
        &[
            "HEALTHY",
            "follows CbsPersist_20240506020000.log",
            "Collect next",
            "CbsPersist_*.cab",
        ],
        &[
            "正常",
            "CbsPersist_20240506020000.log 的后续日志",
            "建议再收集",
            "CbsPersist_*.cab",
        ],
        // Nothing failed, so nothing else is asked for.
        &["System event logs", "once more"],
    );

    // Whole and healthy: nothing to collect.
    let gaps = check_forms(
        &[("CBS.log", &whole)],
        &["HEALTHY"],
        &["正常"],
        &["Gaps", "缺失", "Collect next", "建议再收集"],
    );
    assert_eq!(gaps.as_array().unwrap().len(), 0);
}

#[test]
fn noise_is_counted_kind_by_kind_and_code_by_code_on_request() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    let line = "2024-05-06 10:20:30, Info                  CBS    Failed to internally open package. [HRESULT = 0x800f0805 - CBS_E_INVALID_PACKAGE]\r\n";
    std::fs::write(&log, line.repeat(2)).unwrap();
    check(
        &report(&log, &[]),
        &["2 harmless"],
        &["CBS_E_INVALID_PACKAGE", "package_not_installed"],
    );
    check(
        &report(&log, &["--noise"]),
        &[
            "2  package_not_installed  ",
            "2  0x800F0805  CBS_E_INVALID_PACKAGE",
        ],
        &[],
    );
}
