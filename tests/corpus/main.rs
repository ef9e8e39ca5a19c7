//! What the binary says of real logs, against labels made by people.
//!
//! The logs are not part of this repository: `CORPUS` names their folder (`make corpus`).

#[path = "../cluster/alike.rs"]
#[allow(unreachable_pub, reason = "shared with the tests of a cluster")]
mod alike;
#[path = "../it/fixtures.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the system tests, which use the rest"
)]
mod fixtures;
#[path = "../cluster/harness.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of a cluster, which use the rest"
)]
mod harness;
#[path = "../it/harness.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the system tests, which use the rest"
)]
mod single;

#[cfg(feature = "wine")]
#[path = "../wine/programs.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of those programs, which use the rest"
)]
mod programs;
#[cfg(feature = "wine")]
#[path = "../windows/wine.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "shared with the tests of those programs, which use the rest"
)]
mod wine;

mod archives;
mod copies;
mod equivalents;
mod event_logs;
mod explain;
mod labels;
mod read;
mod score;
mod sources;
mod through_kafka;
mod unseen;
#[cfg(feature = "wine")]
mod windows;

use fixtures::files;
use serde_json::Value;
use single::{Answers, Up, scan};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Instant;
use windows_error_codes::Code;

fn corpus() -> PathBuf {
    let folder = std::env::var_os("CORPUS").map_or_else(
        || single::repository().join("../shared/data"),
        PathBuf::from,
    );
    assert!(
        folder.join("labels/answers.json").is_file(),
        "no corpus at {}\nhint: set CORPUS to its folder",
        folder.display()
    );
    folder
}

fn labels(name: &str) -> Value {
    serde_json::from_slice(&std::fs::read(corpus().join("labels").join(name)).unwrap()).unwrap()
}

/// One folder of logs is one endpoint.
fn endpoints() -> Vec<(String, PathBuf)> {
    let mut folders: Vec<PathBuf> = std::fs::read_dir(corpus().join("logs"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    folders.sort();
    folders
        .into_iter()
        .map(|folder| {
            (
                folder.file_name().unwrap().to_string_lossy().into_owned(),
                folder,
            )
        })
        .collect()
}

/// Codes are the same when they stand for the same Windows error.
fn canonical(text: &str) -> Option<Code> {
    let value = u32::from_str_radix(text.trim_start_matches("0x"), 16).ok()?;
    Some(Code::new(value).canonical())
}

/// The text of a log, also where it is in UTF-16.
fn plain_text(bytes: &[u8]) -> String {
    let units = |bytes: &[u8]| -> Vec<u16> {
        let pairs = bytes.chunks_exact(2);
        pairs
            .map(|pair| u16::from_le_bytes([pair[0], pair[1]]))
            .collect()
    };
    let is_wide = bytes.starts_with(&[0xFF, 0xFE])
        || bytes.iter().take(4_000).filter(|byte| **byte == 0).count() > 1_000;
    if is_wide {
        String::from_utf16_lossy(&units(bytes))
    } else {
        String::from_utf8_lossy(bytes).into_owned()
    }
}

fn word(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

#[test]
fn every_answer_follows_the_schema_and_accounts_for_every_byte() {
    let schema: Value =
        serde_json::from_str(include_str!("../../crates/cbsift/scan.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let mut checked = 0;
    for path in files(&corpus().join("logs"))
        .into_iter()
        .chain(files(&corpus().join("cases")))
    {
        let answer = scan(&[&path], "corpus");
        let faults: Vec<String> = schema
            .iter_errors(&answer)
            .map(|fault| format!("{}: {fault}", fault.instance_path()))
            .collect();
        assert!(
            faults.is_empty(),
            "{}\n{}",
            path.display(),
            faults.join("\n")
        );
        if answer["inputs"][0]["source"] != Value::Null {
            assert_eq!(
                answer["inputs"][0]["bytes"].as_u64().unwrap(),
                std::fs::metadata(&path).unwrap().len(),
                "{}",
                path.display()
            );
        }
        checked += 1;
    }
    println!("{checked} files follow the schema");
    assert!(checked >= 30);
}

#[test]
fn the_founding_case_is_answered_within_a_second() {
    let path = corpus().join("cases/founding_0x80070570_defender.log");
    let started = Instant::now();
    let output = single::cbsift()
        .args(["scan", "--lang", "en"])
        .arg(&path)
        .output()
        .unwrap();
    println!("scan of the founding case took {:?}", started.elapsed());
    let report = single::text(&output.stdout);
    for part in [
        "STATUS_FILE_CORRUPT_ERROR (0xC0000102)",
        r"C:\Program Files\Windows Defender",
        "one record",
        "0xC0000102 = 0xD0000102 = 0x80070570 (ERROR_FILE_CORRUPT)",
        "UTC+08:00",
        "2022-08-18 07:53:46.609 UTC",
        "line 2-4",
        "chkdsk",
    ] {
        assert!(report.contains(part), "{part} in\n{report}");
    }
    assert!(
        !report.contains("KB5"),
        "the excerpt names no KB:\n{report}"
    );
    let answer = scan(&[&path], "pc");
    assert_eq!(answer["inputs"][0]["records"], 3);
    assert_eq!(
        answer["findings"][0]["utc_time"],
        "2022-08-18T07:53:46.609Z"
    );
    assert_eq!(answer["findings"].as_array().unwrap().len(), 1);
}

/// The agent's logs, as they were read by people. Its inner probes are no failures, and a cancelled download is none either.
#[test]
fn logs_of_the_update_agent_are_read_and_healthy_ones_stay_healthy() {
    let logs = corpus().join("logs");
    let mut agents = 0;
    for path in files(&logs) {
        if path
            .file_name()
            .is_some_and(|name| name == "WindowsUpdate.log")
        {
            let answer = scan(&[&path], "corpus");
            assert_eq!(answer["inputs"][0]["source"], "windows_update");
            agents += 1;
            let findings = answer["findings"].as_array().unwrap();
            if path.to_string_lossy().contains("ZayrexDev") {
                // Its upgrade to 24H2 ended so: "Install complete … Return code is 0x80070002", "Update failed".
                assert_eq!(
                    (answer["verdict"].as_str(), findings.len()),
                    (Some("failed"), 1)
                );
                assert_eq!(word(&findings[0]["root_code"]), "0x80070002");
                continue;
            }
            assert_eq!(answer["verdict"], "healthy", "{}", path.display());
            assert!(findings.is_empty(), "{}", path.display());
        }
    }
    assert_eq!(agents, 3);

    let is_reports = |path: &&PathBuf| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("ReportingEvents"))
    };
    let given = files(&logs);
    let answer = scan(&[given.iter().find(is_reports).unwrap()], "corpus");
    // One detection failed and 586 did not, the next of the same service among them.
    assert_eq!(answer["verdict"], "healthy");
    let input = &answer["inputs"][0];
    assert_eq!(
        (&input["source"], &input["records"]),
        (&"reporting_events".into(), &600.into())
    );
    assert_eq!(input["utc_offsets"][0]["offset"], "+03:00");
    let count = |code: &str| {
        let codes = answer["codes"].as_array().unwrap();
        let line = codes.iter().find(|line| line["code"] == code);
        line.map(|line| {
            (
                line["count"].as_u64().unwrap(),
                line["noise"].as_u64().unwrap(),
            )
        })
    };
    assert_eq!(count("0x80240438"), Some((1, 0)));
    assert_eq!(count("0x8024000b"), Some((8, 8)));
    let findings = answer["findings"].as_array().unwrap();
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (
            word(&findings[0]["category"]),
            word(&findings[0]["root_code"]),
            word(&findings[0]["severity"])
        ),
        (
            "network".to_owned(),
            "0x80240438".to_owned(),
            "info".to_owned()
        )
    );
}

/// Logs sent as endpoints answer like scanned ones: first, again, cut otherwise, as growing copies, after kill -9.
#[test]
fn what_is_sent_answers_like_what_is_scanned() {
    let data = tempfile::tempdir().unwrap();
    let mut expected: Vec<(String, PathBuf, Answers)> = Vec::new();
    for (endpoint, folder) in endpoints() {
        let answer = scan(&[&folder], &endpoint);
        if answer["inputs"]
            .as_array()
            .unwrap()
            .iter()
            .any(|input| !input["source"].is_null())
        {
            expected.push((endpoint, folder, Answers::of_scan(&answer)));
        }
    }
    assert!(expected.len() >= 12, "{} endpoints", expected.len());
    let check_all = |up: &Up, why: &str| {
        for (endpoint, _, answers) in &expected {
            assert_eq!(&up.answers(endpoint), answers, "{endpoint}: {why}");
        }
        let bytes: u64 = expected
            .iter()
            .map(|(_, _, answers)| answers.covered_bytes)
            .sum();
        println!(
            "{why}: {} endpoints, {bytes} bytes covered, answers equal",
            expected.len()
        );
    };
    let send_all = |up: &Up, arguments: &[&str]| {
        for (endpoint, folder, _) in &expected {
            up.send(&[folder], endpoint, arguments);
        }
        up.settle();
    };

    // Killed in the middle of the first sending, started again.
    let up = Up::on(data.path(), &[]);
    let (endpoint, folder, _) = expected
        .iter()
        .max_by_key(|(_, _, answers)| answers.covered_bytes)
        .unwrap();
    let mut sender = up
        .send_command(&[folder], endpoint, &["--chunk-kib", "4", "--single"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while up.answers(endpoint).covered_bytes == 0 && sender.try_wait().unwrap().is_none() {
        std::thread::yield_now();
    }
    assert!(
        sender.try_wait().unwrap().is_none(),
        "the kill comes in the middle"
    );
    up.kill();
    sender.kill().unwrap();
    sender.wait().unwrap();

    let up = Up::on(data.path(), &[]);
    send_all(&up, &[]);
    check_all(&up, "after kill -9 and a whole sending");
    for kib in ["256", "64", "4"] {
        send_all(&up, &["--again", "--chunk-kib", kib]);
        check_all(&up, &format!("again in chunks of {kib} KiB"));
    }
    // Copies that end anywhere, on endpoints of their own.
    for share in [17, 43, 71, 100] {
        for (endpoint, folder, _) in &expected {
            let copy = tempfile::tempdir().unwrap();
            for file in files(folder) {
                let bytes = std::fs::read(&file).unwrap();
                let path = copy.path().join(file.strip_prefix(folder).unwrap());
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                // Logs grow; an archive is written whole, and a part of one is rightly an error.
                let is_archive = file.extension().is_some_and(|kind| kind == "cab");
                let share = if is_archive { 100 } else { share };
                std::fs::write(path, &bytes[..bytes.len() * share / 100]).unwrap();
            }
            up.send(&[copy.path()], &format!("{endpoint}.growing"), &["--again"]);
        }
    }
    up.settle();
    for (endpoint, folder, _) in &expected {
        let own = format!("{endpoint}.growing");
        assert_eq!(
            up.answers(&own),
            Answers::of_scan(&scan(&[folder], &own)),
            "{endpoint}: as growing copies"
        );
    }
    println!(
        "growing copies: {} endpoints, answers equal",
        expected.len()
    );
    up.stop();
}
