//! Python's clickhouse-connect: the store answers strangers.

use std::path::Path;
use std::process::Command;

use crate::harness::{TOKEN, served};

#[test]
fn clickhouse_connect_works_unchanged() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let python = root.join(".cache/venv/bin/python");
    assert!(
        python.exists(),
        "no Python environment\nhint: run crates/embedded-clickhouse/make-venv"
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/python_client.py");
    let output = Command::new(python)
        .arg(script)
        .arg(served().address().port().to_string())
        .arg(TOKEN)
        .output()
        .expect("python starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(
        text.trim_end().lines().last(),
        Some("all fine"),
        "{text}{errors}"
    );
}
