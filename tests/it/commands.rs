//! Arguments, errors with a way out, exit codes.

use crate::harness::{cbsift, run, text};

fn check(arguments: &[&str], code: i32, said: &[&str]) {
    let output = run(arguments);
    let all = text(&output.stdout) + &text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
    for word in said {
        assert!(
            all.contains(word),
            "{arguments:?} does not say {word:?}: {all}"
        );
    }
}

#[test]
fn help_teaches_and_wrong_arguments_end_with_2() {
    check(
        &["--help"],
        0,
        &["Start here", "scan", "explain", "Exit status"],
    );
    check(
        &["scan", "--help"],
        0,
        &[
            "Exit status:",
            "0  answered",
            "1  no answer",
            "2  wrong",
            "3  the verdict",
        ],
    );
    check(&["scan"], 2, &["PATH"]);
    check(&["frobnicate"], 2, &["unrecognized subcommand"]);
    check(&["scan", "x", "--format", "xml"], 2, &["possible values"]);
}

#[test]
fn what_cannot_be_read_is_named_and_ends_with_1() {
    check(
        &["scan", "/no/such/folder"],
        1,
        &["/no/such/folder", "error:"],
    );
}

/// Whoever leaves in the middle of an answer does not change what it was.
#[test]
fn the_exit_status_of_a_scan_is_that_of_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let failed = at("failed.log", crate::fixtures::CUT_RECORD);
    let nothing = at("nothing.log", "shopping list\n");
    let missing = "/no/such/file".to_owned();
    for (paths, fail_on, code) in [
        (vec![&failed], None, 0),
        (vec![&failed], Some("failure"), 3),
        (vec![&failed], Some("inconclusive"), 3),
        (vec![&nothing], None, 0),
        (vec![&nothing], Some("failure"), 0),
        (vec![&nothing], Some("inconclusive"), 3),
        (vec![&failed, &missing], None, 1),
        (vec![&failed, &missing], Some("failure"), 3),
    ] {
        for is_read in [true, false] {
            let (reader, writer) = std::io::pipe().unwrap();
            let mut command = cbsift();
            command.arg("scan").args(&paths).stdout(writer);
            let reader = is_read.then_some(reader);
            if let Some(on) = fail_on {
                command.args(["--fail-on", on]);
            }
            // Without a reader the pipe is closed before the first letter.
            let mut child = command
                .stderr(std::process::Stdio::piped())
                .spawn()
                .unwrap();
            drop(command);
            if let Some(mut reader) = reader {
                std::io::copy(&mut reader, &mut std::io::sink()).unwrap();
            }
            let status = child.wait().unwrap();
            assert_eq!(status.code(), Some(code), "{paths:?} {fail_on:?} {is_read}");
        }
    }
}

#[test]
fn a_closed_standard_error_ends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let log = folder.path().join("CBS.log");
    std::fs::write(&log, crate::fixtures::CUT_RECORD).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = cbsift()
        .args(["scan", "--lang", "en", "/no/such/file"])
        .arg(&log)
        .stderr(writer)
        .output()
        .unwrap();
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("STATUS_FILE_CORRUPT_ERROR"), "{said}");
}

#[test]
fn an_unknown_key_is_named_with_a_hint_and_ends_with_2() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cbsift.toml");
    std::fs::write(&file, "[store]\nmax_disc = \"1 GiB\"\n").unwrap();
    check(
        &["config", "check", "--config", file.to_str().unwrap()],
        2,
        &["unknown key `store.max_disc`", "hint:", "store.max_disk"],
    );
}

#[test]
fn the_configuration_shows_each_value_and_where_it_came_from() {
    let output = cbsift()
        .args(["config", "show"])
        .env("CBSIFT__STORE__MAX_DISK", "7 GiB")
        .output()
        .unwrap();
    let shown = text(&output.stdout);
    let line = shown
        .lines()
        .find(|line| line.starts_with("store.max_disk"))
        .unwrap();
    assert!(
        line.contains("7 GiB") && line.contains("CBSIFT__STORE__MAX_DISK"),
        "{line}"
    );
    assert!(
        shown
            .lines()
            .any(|line| line.starts_with("web.listen") && line.ends_with("# default")),
        "{shown}"
    );
}

#[test]
fn an_address_off_this_machine_is_refused_without_tls() {
    let folder = tempfile::tempdir().unwrap();
    for table in ["INGEST", "ENGINE", "WEB", "ADMIN"] {
        let output = cbsift()
            .args(["up", "--data"])
            .arg(folder.path())
            .env(format!("CBSIFT__{table}__LISTEN"), "0.0.0.0:7999")
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(
            said.contains("TLS") && said.contains(&format!("{}.listen", table.to_lowercase())),
            "{said}"
        );
    }
}

#[test]
fn what_is_missing_or_wrong_ends_with_2_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    for (key, value) in [
        ("INGEST__TOKENS_FILE", "/no/such/tokens"),
        ("WEB__TOKENS_FILE", "/no/such/tokens"),
        ("STORE__DATABASE", "x;DROP"),
    ] {
        let data = folder.path().join("data");
        let mut command = cbsift();
        for table in ["INGEST", "ENGINE", "WEB", "ADMIN"] {
            command.env(format!("CBSIFT__{table}__LISTEN"), "127.0.0.1:0");
        }
        let output = command
            .args(["up", "--data"])
            .arg(&data)
            .env(format!("CBSIFT__{key}"), value)
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        let key = key.to_lowercase().replace("__", ".");
        assert!(said.contains(&key) && said.contains(value), "{said}");
        assert!(!data.exists(), "{key}");
    }
    let output = cbsift()
        .args(["send", "--token-file", "/no/such/token"])
        .arg(folder.path())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("--token-file"), "{said}");
}

#[test]
fn too_few_open_files_are_told_before_anything_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let program = cbsift();
    let output = std::process::Command::new("sh")
        .args(["-c", "ulimit -n 64; exec \"$0\" up --data \"$1\""])
        .arg(program.get_program())
        .arg(&data)
        .current_dir(crate::harness::repository())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    for words in ["64 files", "1024", "hint: ", "LimitNOFILE"] {
        assert!(said.contains(words), "{words} in {said}");
    }
    assert!(!data.exists());
}

#[test]
fn a_taken_port_is_named_with_a_way_out() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let folder = tempfile::tempdir().unwrap();
    let output = cbsift()
        .args(["up", "--data"])
        .arg(folder.path())
        .env(
            "CBSIFT__INGEST__LISTEN",
            taken.local_addr().unwrap().to_string(),
        )
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("ingest.listen") && said.contains("hint:"),
        "{said}"
    );
}

#[test]
fn a_missing_engine_is_named_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    let output = cbsift()
        .args(["engine", "--data"])
        .arg(folder.path())
        .env("CBSIFT__ENGINE__LISTEN", "127.0.0.1:0")
        .env("CBSIFT__ENGINE__LIBRARY", "/no/such/libchdb.so")
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("/no/such/libchdb.so") && said.contains("hint:"),
        "{said}"
    );
}

#[test]
fn sending_without_a_token_says_where_to_get_one() {
    let folder = tempfile::tempdir().unwrap();
    let output = cbsift()
        .args(["send", "--data"])
        .arg(folder.path())
        .arg(folder.path())
        .output()
        .unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("cbsift up") && said.contains("--token-file"),
        "{said}"
    );
}

/// One spelling for each row of the table of spellings, and its counter-examples.
#[test]
fn explain_decodes_every_spelling_and_refuses_what_is_no_code() {
    for (spelling, says) in [
        (
            "[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]",
            "CBS_E_INSTALLERS_FAILED",
        ),
        (
            "[HRESULT = 0x8024402c - Unknown Error]",
            "WU_E_PT_WINHTTP_NAME_NOT_RESOLVED",
        ),
        ("[gle=0xd0000102]", "STATUS_FILE_CORRUPT_ERROR"),
        ("HRESULT_FROM_WIN32(14098)", "0x80073712"),
        ("NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)", "0xc007000d"),
        ("NTSTATUS -1073283059", "0xc007000d"),
        ("STATUS_FILE_CORRUPT_ERROR #34109804#", "0xc0000102"),
        (
            "c0000279 [Error,Facility=(system),Code=633 (0x0279)]",
            "STATUS_IO_REPARSE_TAG_NOT_HANDLED",
        ),
        (
            "hrStatus: 0x80070bc9 [ERROR_FAIL_REBOOT_REQUIRED]",
            "ERROR_FAIL_REBOOT_REQUIRED",
        ),
        (
            "Doqe: Recording result: 0x8007000d, for Inf: some.inf",
            "ERROR_INVALID_DATA",
        ),
        (
            "INSTALL index: 7, phase: 2, result 13, inf: some.inf",
            "ERROR_INVALID_DATA",
        ),
        ("*FAILED* [8024000E]", "WU_E_XML_INVALID"),
        ("HRESULT=800F0922", "CBS_E_INSTALLERS_FAILED"),
        ("-2147010798", "ERROR_SXS_COMPONENT_STORE_CORRUPT"),
        ("2388526074", "0x8e5e03fa"),
        ("0x80248007", "WU_E_DS_NODATA"),
        ("0xC1900101-0x20017", "SAFE_OS"),
    ] {
        check(&["explain", spelling], 0, &[says]);
    }
    for no_code in [
        "@0xff83e97c",
        "Restored system sleep block state: 0x80000000",
        "flags 0x2",
        "0x40010006",
        "CSI Store 616570675040 (0x0000008f8e79df60) initialized",
    ] {
        let said = text(&run(&["explain", no_code]).stdout).to_lowercase();
        assert!(said.contains("no failure"), "{no_code}: {said}");
    }
    check(
        &["explain", "--lang", "zh", "0x80070570"],
        0,
        &["含义", "chkdsk"],
    );
}

/// A line of the update agent is read as one: its own head, its own rules, its own noise.
#[test]
fn explain_reads_a_line_of_the_update_agent_as_such() {
    let reported = |code: &str, result: &str| {
        format!(
            "{{0F0E0D0C-0B0A-0908-0706-050403020100}}\t2024-05-01 08:00:05:293+0300\t1\t148 [AGENT_DETECTION_FAILED]\t101\t{{00000000-0000-0000-0000-000000000001}}\t0\t{code}\tmade-up\t{result}\tSoftware Synchronization\tmade up\tx"
        )
    };
    for (line, said) in [
        (
            reported("80240438", "Failure"),
            &["Log  Windows Update reports", "agent_reported_failure", "WU_E_PT_ENDPOINT_UNREACHABLE"][..],
        ),
        (
            reported("8024000b", "Success"),
            &["Log  Windows Update reports", "agent_success_with_code, harmless"],
        ),
        (
            "2024/05/01 08:00:05.1234567 8096  8116  Agent           *FAILED* [8024000C] made-up.dll, DeployCall.cpp @1".to_owned(),
            &["Log  Windows Update", "agent_probe, harmless"],
        ),
        (
            "2016-05-01\t08:00:05:755\t 648\t13bc\tHandler\tFATAL: CBS called Error with 0x80070308, ".to_owned(),
            &["Log  Windows Update", "agent_install_failed", "ERROR_REQUEST_OUT_OF_SEQUENCE"],
        ),
    ] {
        check(&["explain", "--lang", "en", &line], 0, said);
    }
    // A servicing log has a head of its own, and its rules.
    let servicing = "2024-05-01 08:00:05, Error                 CBS    Failed to stage it [HRESULT = 0x80070070 - ERROR_DISK_FULL]";
    let said = text(&run(&["explain", "--lang", "en", servicing]).stdout);
    assert!(
        said.contains("ERROR_DISK_FULL") && !said.contains("Log  "),
        "{said}"
    );
}

#[test]
fn explain_answers_each_line_of_standard_input() {
    use std::io::Write;
    let mut child = cbsift()
        .args(["explain", "--lang", "en", "-"])
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = child.stdin.take().unwrap();
    input
        .write_all(b"0x80070570\r\n\nSTATUS_\x1b[1m\xff\n800f0922")
        .unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let said = text(&output.stdout);
    let asked: Vec<&str> = said.lines().filter(|line| line.starts_with("> ")).collect();
    // What a log smuggles in does not drive the terminal.
    assert_eq!(
        asked,
        ["> 0x80070570", "> STATUS_<U+001B>[1m\u{FFFD}", "> 800f0922"]
    );
    for part in [
        "ERROR_FILE_CORRUPT",
        "No failure code",
        "CBS_E_INSTALLERS_FAILED",
    ] {
        assert!(said.contains(part), "{part} in\n{said}");
    }
}

/// What the name of a file, or a line in it, may try on whoever looks at it.
const HOSTILE: &str =
    "a\u{1b}]0;x\u{7}\u{9b}2J\u{202e}\u{61c}\u{200f}\u{2028}\u{feff}\u{e0041}\u{7f}\nerror: forged";

#[test]
fn names_of_strangers_come_out_harmless_whatever_prints_them() {
    let folder = tempfile::tempdir().unwrap();
    let record = format!(
        "2024-05-01 08:00:00, Error                 CBS    Failed on {} [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]\n",
        HOSTILE.replace('\n', " ")
    );
    std::fs::write(folder.path().join(format!("{HOSTILE}.log")), record).unwrap();
    std::fs::write(folder.path().join(format!("{HOSTILE}.txt")), "prose").unwrap();
    std::os::unix::fs::symlink("/nowhere", folder.path().join(format!("{HOSTILE}.link"))).unwrap();
    let folder = folder.path().to_str().unwrap();
    let missing = format!("{folder}/{HOSTILE}-missing");
    let flag = format!("--{HOSTILE}");
    let line = format!("{HOSTILE} 0x80070002");
    let token = format!("{folder}/token");
    std::fs::write(&token, "a".repeat(64)).unwrap();
    for arguments in [
        &["scan", folder][..],
        &["scan", "--lang", "zh", folder],
        &["scan", "--format", "json", folder],
        &["scan", "--format", "md", folder],
        &["scan", "--format", "html", folder],
        &["scan", &missing],
        &["scan", folder, &missing],
        &["scan", &flag],
        &[&flag],
        &["explain", &line],
        &["rules", "coverage", folder],
        &["rules", "coverage", &missing],
        &["rules", "lint", "--rules", &missing],
        &[
            "send",
            "--token-file",
            &token,
            "--to",
            "http://127.0.0.1:1",
            "--endpoint",
            "pc",
            &missing,
        ],
        &["send", "--token-file", &missing, folder],
        &["backfill", "--endpoints", "{endpoint}", "--dry-run", folder],
        &[
            "backfill",
            "--endpoints",
            "{endpoint}*.log",
            "--dry-run",
            folder,
        ],
        &["backfill", "--endpoints", &flag, "--dry-run", folder],
        &[
            "backfill",
            "--endpoints",
            "{endpoint}",
            "--dry-run",
            &missing,
        ],
        &["config", "check", "--config", &missing],
        &["dead-letters", "list", "--config", &missing],
    ] {
        let output = cbsift().args(arguments).output().unwrap();
        for said in [text(&output.stdout), text(&output.stderr)] {
            let is_unsafe = |c| harmless::is_unsafe(c) && c != '\n';
            assert!(!said.contains(is_unsafe), "{arguments:?}: {said:?}");
        }
    }
    // Where a name is all there is to say, it cannot add a line of its own.
    let output = cbsift().args(["scan", &missing]).output().unwrap();
    let said = text(&output.stderr);
    assert!(
        said.contains("a<U+001B>]0;x<U+0007>") && !said.contains("\nerror: forged"),
        "{said}"
    );
}

/// A made-up rule file in a folder of its own.
fn rule_folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

const GOOD_RULE: &str = "\
- id: printer_on_fire
  title: { en: The printer burns, zh: 打印机着火 }
  advice: { en: [call for help], zh: [求助] }
  category: disk_full
  severity: error
  when: { all: [printer on fire] }
  tests: { match: [Info CBS lp0 says printer on fire], no_match: [Info CBS printer ready] }
";

#[test]
fn lint_finds_every_planted_fault_in_one_run() {
    let bad = "\
- id: bad_pattern
  title: { en: word, zh: 词 }
  advice: { en: [mend], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: [q], regex: '(unclosed' }
  tests: { match: [Info CBS q], no_match: [Info CBS r] }
- id: half_a_title
  title: { en: word }
  colour: red
  advice: { en: [mend], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: [q] }
  tests: { match: [Info CBS q], no_match: [Info CBS r] }
- id: printer_on_fire
  title: { en: word, zh: 词 }
  advice: { en: [mend], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: [q] }
  tests: { match: [Info CBS q], no_match: [Info CBS r] }
";
    let folder = rule_folder(&[("a.yaml", GOOD_RULE), ("b.yaml", bad), ("notes.txt", "x")]);
    let path = folder.path().to_str().unwrap();
    check(
        &["rules", "lint", path],
        1,
        &[
            "b.yaml:6: rule `bad_pattern`: regex `(unclosed`",
            "b.yaml:9: rule `half_a_title` has no title in `zh`",
            "b.yaml:10: unknown field `colour`",
            "b.yaml:16: duplicate id `printer_on_fire`",
            "4 faults",
        ],
    );
    check(&["rules", "test", path], 1, &["4 faults"]);
}

#[test]
fn the_shipped_rules_have_no_fault_and_hold_their_tests() {
    check(&["rules", "lint"], 0, &["no fault"]);
    check(&["rules", "test"], 0, &["0 failed"]);
    check(&["rules", "lint", "/no/such/folder"], 2, &["hint:"]);
    check(&["rules", "coverage"], 2, &["PATH"]);
    let empty = rule_folder(&[]);
    check(
        &["rules", "lint", empty.path().to_str().unwrap()],
        2,
        &["no rule file"],
    );
}

#[test]
fn a_test_that_does_not_hold_is_named_with_file_and_line() {
    let bad = GOOD_RULE.replace("[Info CBS printer ready]", "[Info CBS a printer on fire]");
    let folder = rule_folder(&[("a.yaml", &bad)]);
    check(
        &["rules", "test", folder.path().to_str().unwrap()],
        1,
        &[
            "a.yaml:7: rule `printer_on_fire` matches, and must not: Info CBS a printer on fire",
            "1 failed",
        ],
    );
}

#[test]
fn coverage_counts_what_fires_and_clusters_what_no_rule_knows() {
    let silent = GOOD_RULE
        .replace("printer_on_fire", "never_seen")
        .replace("printer on fire", "flood");
    let rules = rule_folder(&[("a.yaml", GOOD_RULE), ("b.yaml", &silent)]);
    let logs = tempfile::tempdir().unwrap();
    let mut log = String::new();
    for number in 1..=3 {
        log += &format!(
            "2024-05-06 10:20:3{number}, Info                  CBS    lp{number} says printer on fire\r\n"
        );
        log += &format!(
            "2024-05-06 10:20:3{number}, Error                 CBS    Cannot feed tray {number} of C:\\Trays\\t{number}.bin [HRESULT = 0x8007000{number}]\r\n"
        );
        log += &format!(
            "2024-05-06 10:20:3{number}, Info                  CBS    all is well {number}\r\n"
        );
    }
    std::fs::write(logs.path().join("CBS.log"), log).unwrap();
    let output = run(&[
        "rules",
        "coverage",
        "--rules",
        rules.path().to_str().unwrap(),
        logs.path().to_str().unwrap(),
    ]);
    let shown = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    for said in [
        "9 records, 3 of them match a rule; 1 of 2 rules fire",
        "Never fire here: 1 rule\n  never_seen",
        "Unclassified: 3 records in 1 cluster",
        "3  CBS Cannot feed tray <n> of <path>",
        "CBS.log:2: CBS Cannot feed tray 1",
        "us per record for the whole set",
    ] {
        assert!(shown.contains(said), "{said} in\n{shown}");
    }
    let line = shown
        .lines()
        .find(|line| line.ends_with("  printer_on_fire"));
    let numbers: Vec<&str> = line.expect("it fires").split_whitespace().collect();
    assert_eq!(numbers[..2], ["3", "3"], "records and candidates");
}
