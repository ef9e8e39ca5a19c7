//! One large log on a laptop: time and memory of `cbsift scan`.

use crate::corpus::Log;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What the budget is stated for.
const LOG_BYTES: u64 = 1 << 30;

/// The budgets: seconds, and MiB of memory at its highest.
const SECONDS: f64 = 10.0;
const MEMORY_MIB: f64 = 300.0;

/// Memory is asked for so often; what is higher in between for a shorter time shows in the kernel's own high mark.
const ASK: Duration = Duration::from_millis(20);

/// Writes a log of 1 GiB, each round of the given ones a year later than the one before so that nothing folds, and scans it.
pub(crate) fn scan(logs: &[Log]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("laptop");
    std::fs::create_dir_all(&folder).expect("the target folder is writable");
    let path = folder.join("CBS.log");
    let (bytes, rounds) = write(&path, logs);
    let records: u64 = logs.iter().map(|log| log.counted.records).sum::<u64>() * rounds;

    let start = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_cbsift"))
        .args(["scan", "--format", "json"])
        .arg(&path)
        .stdout(Stdio::from(
            std::fs::File::create(folder.join("answer.json")).expect("a writable folder"),
        ))
        .spawn()
        .expect("cbsift starts");
    let status = format!("/proc/{}/status", child.id());
    let mut high = 0.0_f64;
    let ended = loop {
        if let Some(mark) = high_mark(&status) {
            high = high.max(mark);
        }
        if let Some(ended) = child.try_wait().expect("a child of ours") {
            break ended;
        }
        std::thread::sleep(ASK);
    };
    let took = start.elapsed().as_secs_f64();
    assert!(ended.success(), "scan failed");
    let answer = std::fs::read(folder.join("answer.json")).expect("written just now");
    let answer: serde_json::Value = serde_json::from_slice(&answer).expect("scan's answer is JSON");
    let found: u64 = answer["inputs"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|input| input["records"].as_u64())
        .sum();
    assert_eq!(found, records, "records of {rounds} rounds");
    let of_round = answer["attempts"].as_array().map_or(0, Vec::len);
    std::fs::remove_dir_all(&folder).expect("a folder of ours");
    let is_ok = took < SECONDS && high < MEMORY_MIB;
    println!(
        "| scan, 1 GiB | | {:.0} | {took:.1} s | {SECONDS:.0} s, {MEMORY_MIB:.0} MiB | {} | {found} records as counted; {of_round} attempts; {high:.0} MiB at most |",
        bytes as f64 / 1e6 / took,
        if is_ok { "ok" } else { "below" }
    );
}

/// The most memory a process ever had, in MiB.
fn high_mark(status: &str) -> Option<f64> {
    let text = std::fs::read_to_string(status).ok()?;
    let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn write(path: &Path, logs: &[Log]) -> (u64, u64) {
    let mut out = BufWriter::new(std::fs::File::create(path).expect("a writable folder"));
    let (mut bytes, mut rounds) = (0, 0);
    while bytes < LOG_BYTES {
        for line in logs.iter().flat_map(|log| log.text.split_inclusive('\n')) {
            let line = later(line, rounds);
            bytes += line.len() as u64;
            out.write_all(line.as_bytes()).expect("room on the disk");
            if !line.ends_with('\n') {
                bytes += 1;
                out.write_all(b"\n").expect("room on the disk");
            }
        }
        rounds += 1;
    }
    out.flush().expect("room on the disk");
    (bytes, rounds)
}

/// A line with the year of its head moved by a round.
fn later(line: &str, round: u64) -> std::borrow::Cow<'_, str> {
    let is_head = line.len() > 21
        && line.is_char_boundary(4)
        && line.as_bytes()[4] == b'-'
        && &line.as_bytes()[19..21] == b", ";
    match line.get(..4).and_then(|year| year.parse::<u64>().ok()) {
        Some(year) if is_head => format!("{:04}{}", year + round % 1000, &line[4..]).into(),
        _ => line.into(),
    }
}
