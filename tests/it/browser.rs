//! The pages show what was sent, in a real browser.

use crate::harness::{Up, repository, text};
use std::process::Command;

#[test]
fn pages_show_charts_and_lead_to_the_record() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::on(data.path(), &["--simulate", "40"]);
    up.settle();
    // Kept after the test, for people to look at.
    let pictures = repository().join("target/screenshots");
    let output = Command::new("node")
        .arg(repository().join("tests/browser/run.mjs"))
        .args(["--url", &up.page, "--out"])
        .arg(&pictures)
        .output()
        .expect("node runs: install Node 20 or newer");
    assert!(
        output.status.success(),
        "{}\n{}",
        text(&output.stdout),
        text(&output.stderr)
    );
    up.stop();
}
