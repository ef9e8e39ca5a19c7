//! A Kafka client that is not ours shows readable log text.

use crate::harness::Cluster;
use crate::load::Load;
use crate::single::{repository, text};
use std::path::PathBuf;
use std::process::Command;

/// Debian's package, installed or fetched.
pub fn kcat() -> Command {
    let fetched = repository().join(".cache/kcat");
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders)
        .map(|folder| folder.join("kcat"))
        .find(|path| path.is_file());
    if let Some(path) = installed {
        return Command::new(path);
    }
    let program: PathBuf = fetched.join("usr/bin/kcat");
    assert!(program.is_file(), "no `kcat`\nhint: make test-tools");
    let mut command = Command::new(program);
    let libraries = fetched.join(format!("usr/lib/{}-linux-gnu", std::env::consts::ARCH));
    command.env("LD_LIBRARY_PATH", libraries);
    command
}

#[test]
fn kcat_shows_readable_chunks() {
    let cluster = Cluster::start();
    let intake = cluster.ingest("ingest");
    let load = Load::start("kcat", &[&intake], 1);
    let sent = load.finish();
    let output = kcat()
        .args([
            "-C",
            "-b",
            &cluster.broker.address(),
            "-t",
            "cbsift.chunks.v1",
        ])
        .args(["-o", "beginning", "-e", "-q"])
        .args(["-f", "key %k\nheaders %h\n%s"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    let is_of_record = |line: &&str| line.starts_with("key ") || line.starts_with("headers ");
    for line in shown.lines().filter(is_of_record) {
        assert!(
            line == "key default/kcat-0"
                || line.contains("endpoint=kcat-0") && line.contains("source=cbs"),
            "{line}"
        );
    }
    // What is left is the log, line by line as it was written.
    let log: String = shown
        .split_inclusive('\n')
        .filter(|line| !is_of_record(line))
        .collect();
    assert_eq!(log, sent[0].files().concat());
}
