//! Speed of every leg from bytes to rows, each checked against an answer that was found another way (`make bench`).
//!
//! Data: the CBS logs of `CORPUS` repeated to at least 256 MiB, a new endpoint per repeat because equal bytes of one endpoint fold.
//! Pure legs run on one thread pinned to one core, five times; figures are medians. MB = 10^6 source bytes.
//! `MB/s per core` divides by CPU seconds, of the thread for pure legs; for the chain it is wall time on all cores, as its budget is.
//! `cargo bench -p cbsift --bench throughput -- classify` runs only the legs whose name contains the word.
//!
//! The leg of event logs runs on the .evtx files, from their bytes: they are decoded as they are cut.
//!
//! Known bias: repeats make branches, and text in ClickHouse's compression windows, more predictable than a fleet's logs would.
//! Eight logs are a small sample, half of their bytes one file. The texts are decoded and cut before the clock starts: reading and
//! UTF-8 validation are not in the pure legs. The chain starts behind the intake: no HTTP of senders, but that of the engine.
//! The 4 KiB chunks come from more senders at once than a quiet fleet has. On a shared machine wall time says more than the code does.

mod chain;
mod clock;
mod corpus;
mod event_logs;
mod laptop;

use classify::{Classified, Rules};
use clock::{Took, machine, measure, pin, row};
use corpus::{Counted, Log, chunks, corpus, repeated};
use event::{Chunk, Level};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::hint::black_box;
use std::process::Command;

/// Larger than any cache, and what the budgets are stated for.
const CORPUS_BYTES: usize = 256 << 20;

/// The chunk sizes of the chain: a bundle's and a live tail's.
const BUNDLE: usize = 256 << 10;
const TAIL: usize = 4 << 10;

/// Calls waiting for their acknowledgement: enough chunks for the batches in flight and the one being filled.
const BUNDLE_CALLS: usize = 160;
const TAIL_CALLS: usize = 1000;

const TENANT: &str = "default";

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let logs = corpus();
    let total: usize = logs.iter().map(|log| log.bytes).sum();
    let repeats = CORPUS_BYTES.div_ceil(total);
    if words.is_empty() {
        println!("{}", machine());
    }
    println!(
        "{} logs of {:.2} MB, {repeats} times; MB = 10^6 bytes",
        logs.len(),
        total as f64 / 1e6
    );
    println!(
        "| leg | MB/s per core | wall MB/s | CPU s | budget | | checked |\n|---|---|---|---|---|---|---|"
    );
    std::thread::scope(|scope| {
        scope.spawn(|| {
            pin();
            pure_legs(&logs, repeats, &wanted);
            if wanted("evtx") {
                event_logs::leg(CORPUS_BYTES, 150.0);
            }
        });
    });
    if wanted("scan") {
        laptop::scan(&logs);
    }
    for (name, size, calls, budget) in [
        ("chain-256K", BUNDLE, BUNDLE_CALLS, Some(150.0)),
        ("chain-4K", TAIL, TAIL_CALLS, None),
    ] {
        if words.is_empty() {
            // A process of its own: its CPU time and its engine's folder are not shared with another leg.
            let output = Command::new(std::env::current_exe().expect("this program has a path"))
                .arg(name)
                .stderr(std::process::Stdio::inherit())
                .output()
                .expect("this program starts again");
            assert!(output.status.success(), "{name} failed");
            let text = String::from_utf8_lossy(&output.stdout);
            for line in text.lines().filter(|line| line.starts_with("| chain")) {
                println!("{line}");
            }
        } else if wanted(name) {
            chain::chain(name, &logs, repeats, size, calls, budget);
        }
    }
}
fn pure_legs(logs: &[Log], repeats: usize, wanted: &dyn Fn(&str) -> bool) {
    let all: Vec<&Log> = logs.iter().collect();
    let expected = sum(&all);
    let in_all = |count: u64| count * repeats as u64;
    let names = ["split", "parse", "classify", "cmtraceopen-parser"];
    if names.iter().any(|name| wanted(name)) {
        let fleet = repeated(&all, repeats, BUNDLE);
        let bytes: usize = all.iter().map(|log| log.bytes).sum::<usize>() * repeats;
        if wanted("split") {
            let (took, records) = measure(|| fleet.iter().flatten().map(split).sum::<u64>());
            assert_eq!(records, in_all(expected.records));
            row(
                "split",
                bytes,
                took,
                None,
                &format!("{records} records as counted by lines and labels"),
            );
        }
        if wanted("parse") {
            let (took, seen) = measure(|| {
                let mut seen = Seen::default();
                fleet.iter().flatten().for_each(|chunk| seen.read(chunk));
                seen
            });
            let found = (seen.records, seen.errors, seen.warnings, seen.sequences);
            assert_eq!(
                found,
                (
                    in_all(expected.records),
                    in_all(expected.errors),
                    in_all(expected.warnings),
                    in_all(expected.sequences)
                )
            );
            row(
                "split + parse",
                bytes,
                took,
                Some(1000.0),
                &format!(
                    "{} errors, {} warnings, {} CSI sequences, all heads timed",
                    found.1, found.2, found.3
                ),
            );
        }
        if wanted("classify") {
            let shipped = Rules::shipped();
            let alone = classify_leg("parse + classify", shipped, &fleet, &all, bytes);
            let more = with_more_rules();
            let with_more = classify_leg(
                "parse + classify, 100 rules more",
                &more,
                &fleet,
                &all,
                bytes,
            );
            let cost = (with_more.cpu() - alone.cpu()) / alone.cpu();
            println!(
                "| one rule more | | | | | | {:+.3} % of the time of {} |",
                cost * 100.0 / MORE_RULES as f64,
                shipped.iter().count()
            );
        }
        if wanted("cmtraceopen-parser") {
            foreign(&all, repeats, bytes);
        }
    }
    // Every fourth line of this one carries a code.
    if wanted("classify, loghub")
        && let Some(log) = logs.iter().find(|log| log.name.contains("Windows_2k"))
    {
        let repeats = CORPUS_BYTES.div_ceil(log.bytes);
        let fleet = repeated(&[log], repeats, BUNDLE);
        classify_leg(
            "parse + classify, loghub",
            Rules::shipped(),
            &fleet,
            &[log],
            log.bytes * repeats,
        );
    }
}

fn sum(logs: &[&Log]) -> Counted {
    let mut all = Counted::default();
    for log in logs {
        all.records += log.counted.records;
        all.errors += log.counted.errors;
        all.warnings += log.counted.warnings;
        all.sequences += log.counted.sequences;
    }
    all
}

fn split(chunk: &Chunk) -> u64 {
    parse::records(&chunk.text, chunk.format)
        .map(|record| u64::from(record.has_head()))
        .sum()
}

/// What reading every field of every record gives.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Seen {
    records: u64,
    errors: u64,
    warnings: u64,
    sequences: u64,
    text: usize,
    seconds: i64,
}

impl Seen {
    fn read(&mut self, chunk: &Chunk) {
        for record in parse::records(&chunk.text, chunk.format) {
            if let Some(head) = record.head() {
                self.records += 1;
                self.errors += u64::from(head.level == Level::Error);
                self.warnings += u64::from(head.level == Level::Warning);
                self.seconds = self
                    .seconds
                    .wrapping_add(head.logged.expect("CBS logs carry times").0);
                if head.component == "CSI" {
                    self.sequences += u64::from(record.csi().is_some());
                }
            }
            self.text += black_box(record.text()).len();
        }
    }
}

/// What classification made of one endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tally {
    records: u64,
    events: usize,
    noise: usize,
    codes: usize,
}

impl Tally {
    fn add(&mut self, of: &Classified) {
        self.records += of.records;
        self.events += of.events.len();
        self.noise += of.noise.len();
        self.codes += of
            .events
            .iter()
            .map(|event| event.codes.len())
            .sum::<usize>();
    }
}

/// Enough for their cost to stand above the noise of a measurement.
const MORE_RULES: usize = 100;

/// The shipped rules and made-up ones, each with a sentence of its own, in the words of such logs, that none of them holds.
fn with_more_rules() -> Rules {
    let mut more = String::new();
    for number in 0..MORE_RULES {
        let _ = write!(
            more,
            r#"
- id: made_up_{number}
  category: component_store_corrupt
  severity: error
  layer: servicing
  title: {{ en: made up, zh: 虚构 }}
  advice: {{ en: [none], zh: [无] }}
  when:
    components: [CBS]
    all: ["Failed made-up step {number} of package"]
  tests:
    match: ['Error CBS Failed made-up step {number} of package']
    no_match: ['Error CBS Failed another step of package']
"#
        );
    }
    let mut files = Rules::shipped_files().to_vec();
    files.push(("more.yaml", &more));
    Rules::load(&files).expect("made-up rules without fault")
}

fn classify_leg(
    name: &str,
    rules: &Rules,
    fleet: &[Vec<Chunk>],
    logs: &[&Log],
    bytes: usize,
) -> Took {
    let (took, tallies) = measure(|| {
        fleet
            .iter()
            .map(|chunks| {
                let mut tally = Tally::default();
                for chunk in chunks {
                    tally.add(&black_box(classify::classify(rules, chunk)));
                }
                tally
            })
            .collect::<Vec<_>>()
    });
    let first = &tallies[0];
    assert_eq!(first.records, sum(logs).records);
    assert!(
        tallies.iter().all(|tally| tally == first),
        "endpoints differ"
    );
    let mut results = 0;
    for log in logs {
        let mut found = BTreeSet::new();
        for chunk in chunks(log, "pc", BUNDLE) {
            let of = classify::classify(rules, &chunk);
            for event in &of.events {
                found.extend(event.codes.iter().map(|code| (event.offset, code.value())));
            }
            found.extend(
                of.noise
                    .iter()
                    .filter_map(|noise| Some((noise.offset, noise.code?.value()))),
            );
        }
        let missing: Vec<_> = log.counted.results.difference(&found).collect();
        assert!(missing.is_empty(), "{}: {missing:?}", log.name);
        results += log.counted.results.len();
    }
    let checked = format!(
        "{} records; {} events, {} noise on each endpoint, among them all {results} pairs of record and `[HRESULT = 0x8…`",
        first.records, first.events, first.noise
    );
    row(name, bytes, took, Some(500.0), &checked);
    took
}

/// `cmtraceopen-parser`: heads, multi-line records without CSI joins, and spans of codes that it knows; no rules.
fn foreign(logs: &[&Log], repeats: usize, bytes: usize) {
    use cmtraceopen_parser::parser::{annotate_error_code_spans, cbs};
    let read = |with_codes: bool| {
        let (mut entries, mut spans) = (0, 0);
        for log in (0..repeats).flat_map(|_| logs) {
            let lines: Vec<&str> = log.text.lines().collect();
            let (mut found, _) = cbs::parse_lines(&lines, &log.name);
            if with_codes {
                annotate_error_code_spans(&mut found);
            }
            entries += found.len();
            spans += found
                .iter()
                .map(|entry| entry.error_code_spans.len())
                .sum::<usize>();
        }
        (entries, spans)
    };
    let (took, (entries, _)) = measure(|| read(false));
    let records = sum(logs).records * repeats as u64;
    row(
        "cmtraceopen-parser 0.1.1, parse",
        bytes,
        took,
        None,
        &format!("{entries} entries; ours {records} records"),
    );
    let (took, (_, spans)) = measure(|| read(true));
    row(
        "cmtraceopen-parser 0.1.1, parse + codes",
        bytes,
        took,
        None,
        &format!("{} code spans on each endpoint", spans / repeats),
    );
}
