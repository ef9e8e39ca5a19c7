//! The pages show what was sent, in a real browser.

use crate::harness::{Up, repository, text};
use std::process::Command;

/// Behind the made-up fleet in every list.
const HOSTILE: &str = "zz-hostile";

/// Made-up lines, years before the fleet's, whose names drive a reader's screen where they can: more attempts than one answer holds.
fn hostile_log() -> String {
    let mut log = String::new();
    for number in 0..120 {
        let at = format!("2019-05-01 {:02}:{:02}", 8 + number / 60, number % 60);
        let names = format!(
            "Session: 30000{number:03}_1, Package: Package_for_KB4{number:06}\u{202e}gpj\u{200b}~31bf3856ad364e35~amd64~~1.0.0.0"
        );
        log += &format!(
            "{at}:01, Info                  CBS    Exec: Processing started.  Client: Made\u{2066}\u{1b}[2JUp\u{feff}, {names}\r\n"
        );
        log += &format!(
            "{at}:02, Error                 CBS    \u{1b}]0;made up\u{7}\u{202e}txt.exe\u{2028}\u{9b}2J failed [HRESULT = 0x80070005 - E_ACCESSDENIED]\r\n"
        );
        log += &format!(
            "{at}:03, Info                  CBS    Exec: Processing complete.  {names} [HRESULT = 0x80070005 - E_ACCESSDENIED]\r\n"
        );
    }
    log
}

#[test]
fn pages_show_charts_and_lead_to_the_record() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::on(data.path(), &["--simulate", "40"]);
    let log = data.path().join("hostile.log");
    std::fs::write(&log, hostile_log()).unwrap();
    up.send(&[&log], HOSTILE, &[]);
    up.settle();
    // Kept after the test, for people to look at.
    let pictures = repository().join("target/screenshots");
    let output = Command::new("node")
        .arg(repository().join("tests/browser/run.mjs"))
        .args(["--url", &up.page, "--hostile", HOSTILE, "--out"])
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
