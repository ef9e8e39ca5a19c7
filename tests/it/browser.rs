//! The pages show what was sent, in a real browser.

use crate::harness::{Up, repository, text};
use std::{path::Path, process::Command};

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

/// What receivers of each kind are sent of an alert, as pages: a mail as its reader sees it, of the others the text that goes out.
fn put_messages(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    let kinds = receivers::Kind::ALL.map(receivers::Kind::name);
    for kind in kinds.into_iter().chain(["mail-page"]) {
        let output = Command::new(env!("CARGO_BIN_EXE_cbsift"))
            .args(["alerts", "preview", "update_failing", "--as", kind])
            .output()
            .unwrap();
        assert!(output.status.success(), "{kind}: {}", text(&output.stderr));
        let sent = text(&output.stdout);
        let page = match kind {
            "mail-page" => sent,
            _ => {
                let sent = sent.replace('&', "&amp;").replace('<', "&lt;");
                format!(
                    "<!doctype html><meta charset=utf-8><title>{kind}</title><pre style=\"white-space: pre-wrap\">{sent}</pre>"
                )
            }
        };
        std::fs::write(folder.join(format!("{kind}.html")), page).unwrap();
    }
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
    let messages = data.path().join("messages");
    put_messages(&messages);
    let views = match std::env::var_os("CBSIFT_SHOTS") {
        Some(_) => "all",
        None => "few",
    };
    let output = Command::new("node")
        .arg(repository().join("tests/browser/run.mjs"))
        .args(["--url", &up.page, "--hostile", HOSTILE, "--views", views])
        .arg("--messages")
        .arg(&messages)
        .arg("--out")
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
