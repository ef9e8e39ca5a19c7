//! An archive of a fleet is taken in though it is killed again and again, and answers like logs that were scanned.

use crate::harness::{Up, cbsift, text};
use crate::one_machine::{check, endpoints};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn command(up: &Up, archive: &Path, arguments: &[&str]) -> Command {
    let mut command = cbsift();
    command
        .args(["backfill", "--endpoints", "{endpoint}/", "--to", &up.intake])
        .args(["--format", "json", "--data"])
        .arg(&up.data)
        .args(arguments)
        .arg(archive);
    command
}

fn report(up: &Up, archive: &Path, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = command(up, archive, arguments).output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", text(&output.stderr)));
    (output.status.code(), report)
}

fn lines(state: &Path) -> usize {
    let state = std::fs::read(state).unwrap_or_default();
    state.iter().filter(|byte| **byte == b'\n').count()
}

#[test]
fn an_archive_is_taken_in_through_kill_9_and_answers_like_scanned_logs() {
    let up = Up::start();
    let folder = tempfile::tempdir().unwrap();
    let archive = folder.path().join("archive");
    let state = folder.path().join("archive.cbsift-backfill");
    std::fs::create_dir(&archive).unwrap();
    let endpoints: Vec<(String, PathBuf)> = endpoints()
        .into_iter()
        .map(|(endpoint, logs)| {
            let path = archive.join(&endpoint);
            std::fs::rename(logs.keep(), &path).unwrap();
            (endpoint, path)
        })
        .collect();
    std::fs::create_dir(archive.join("no endpoint")).unwrap();

    let (status, dry) = report(&up, &archive, &["--dry-run"]);
    assert_eq!(status, Some(1), "{dry}");
    assert!(!state.exists());
    let total = dry["files"]["taken"]["files"].as_u64().unwrap();
    assert!(total >= endpoints.len() as u64, "{dry}");

    let mut cut = 0;
    for noted in [1, 2, 4] {
        let mut run = command(&up, &archive, &["--max-mib-s", "1"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // The head, and so many logs that are done.
        while lines(&state) <= noted && run.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        cut += usize::from(run.try_wait().unwrap().is_none());
        run.kill().unwrap();
        run.wait().unwrap();
    }
    assert!(cut > 0, "no kill came in the middle");
    let noted = lines(&state) as u64 - 1;
    let (_, rest) = report(&up, &archive, &[]);
    let known = rest["files"]["known"]["files"].as_u64().unwrap();
    assert!(known >= noted.min(total), "{noted} noted: {rest}");
    assert_eq!(
        known + rest["files"]["taken"]["files"].as_u64().unwrap(),
        total
    );
    assert_eq!(rest["left"]["listed"][0]["reason"], "no_endpoint");
    up.settle();
    for (endpoint, path) in &endpoints {
        check(&up, endpoint, path, "backfilled");
    }

    std::fs::remove_dir(archive.join("no endpoint")).unwrap();
    for without_state in [false, true] {
        if without_state {
            std::fs::remove_file(&state).unwrap();
        }
        let (status, again) = report(&up, &archive, &[]);
        assert_eq!(status, Some(0), "{again}");
        assert_eq!(again["files"]["known"]["files"], total);
        assert_eq!(again["acknowledged_bytes"], 0, "{again}");
    }
    up.stop();
}
