//! What the engine loses is said: parts that it cannot read at its start.

use crate::fixtures::CUT_RECORD;
use crate::harness::{PATIENCE, Up, block_on, cbsift, get, text};
use std::path::{Path, PathBuf};
use std::time::Instant;
use store::{Store, StoreConfig};

/// Files of a table's parts that hold its columns.
fn column_files(store: &Path, table: &str) -> Vec<PathBuf> {
    let link = std::fs::canonicalize(store.join("data/cbsift").join(table)).unwrap();
    let parts = std::fs::read_dir(link)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = parts.filter(|path| path.is_dir()).flat_map(|part| {
        std::fs::read_dir(part)
            .unwrap()
            .map(|entry| entry.unwrap().path())
    });
    files
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .collect()
}

#[test]
fn parts_that_are_broken_at_a_start_are_said_and_a_new_send_heals_them() {
    let folder = tempfile::tempdir().unwrap();
    let (up, log) = Up::with_a_log(folder.path(), CUT_RECORD);
    let data = up.data.clone();
    let whole = up.answers("pc-1");
    up.kill();
    let files = column_files(&data.join("engine/data"), "coverage");
    assert!(!files.is_empty());
    for file in files {
        std::fs::OpenOptions::new()
            .write(true)
            .open(file)
            .unwrap()
            .set_len(10)
            .unwrap();
    }

    let up = Up::on(&data, &[]);
    let deadline = Instant::now() + PATIENCE;
    let said = loop {
        let (status, said) = get(&format!("{}/readyz", up.admin));
        if status == 200 && said.contains("warning: ") {
            break said;
        }
        assert!(Instant::now() < deadline, "{status} {said}");
    };
    assert!(
        said.starts_with("ready\n") && said.contains("`coverage` in 2"),
        "{said}"
    );
    let (_, metrics) = get(&format!("{}/metrics", up.admin));
    let lost = metrics
        .lines()
        .find_map(|line| line.strip_prefix("cbsift_store_lost_parts "));
    assert!(lost.unwrap().parse::<f64>().unwrap() >= 1.0);
    let config = StoreConfig::local(up.socket());
    let noted = block_on(async {
        Store::connect(config)
            .await
            .unwrap()
            .lost_parts()
            .await
            .unwrap()
    });
    assert!(
        noted
            .iter()
            .all(|part| part.table == "coverage" && part.reason.contains("broken")),
        "{noted:?}"
    );
    assert!(!noted.is_empty());

    let mut doctor = cbsift();
    doctor
        .args(["doctor", "--format", "json", "--data"])
        .arg(&data);
    doctor.env(
        "CBSIFT__ENGINE__LISTEN",
        up.engine.trim_start_matches("http://"),
    );
    doctor.env(
        "CBSIFT__ADMIN__LISTEN",
        up.admin.trim_start_matches("http://"),
    );
    let output = doctor.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    let found: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let state = |name: &str| {
        let checks = found["checks"].as_array().unwrap();
        let check = checks.iter().find(|check| check["check"] == name);
        check.unwrap_or_else(|| panic!("{name} in {found}"))["state"].clone()
    };
    assert_eq!(
        (
            state("lost parts"),
            state("store"),
            state("rules"),
            state("clock")
        ),
        ("fail".into(), "ok".into(), "ok".into(), "ok".into()),
        "{found}"
    );
    assert_eq!(found["state"], "fail");

    up.send(&[&log], "pc-1", &["--again"]);
    up.settle();
    assert_eq!(up.answers("pc-1"), whole);
}

#[test]
fn a_doctor_of_a_healthy_store_ends_with_0_and_says_so_in_both_languages() {
    let up = Up::start();
    up.settle();
    for (language, said) in [("en", "rule set 1 can be used"), ("zh", "规则集 1 可用")] {
        let mut doctor = cbsift();
        doctor
            .args(["doctor", "--lang", language, "--data"])
            .arg(&up.data);
        doctor.env(
            "CBSIFT__ENGINE__LISTEN",
            up.engine.trim_start_matches("http://"),
        );
        doctor.env(
            "CBSIFT__ADMIN__LISTEN",
            up.admin.trim_start_matches("http://"),
        );
        let output = doctor.output().unwrap();
        let all = text(&output.stdout);
        assert!(
            output.status.success() && all.contains(said),
            "{all}{}",
            text(&output.stderr)
        );
        assert!(!all.contains("FAIL"), "{all}");
    }
    assert_eq!(
        crate::harness::run(&["doctor", "--format", "xml"])
            .status
            .code(),
        Some(2)
    );
}
