//! Speed of every leg from bytes to rows, each checked against an answer that was found another way (`make bench`).
//!
//! Data: the CBS logs of `CORPUS` repeated to at least 256 MiB, a new endpoint per repeat because equal bytes of one endpoint fold.
//! Pure legs run on one thread pinned to one core, five times; figures are medians. MB = 10^6 source bytes.
//! `MB/s per core` divides by CPU seconds, of the thread for pure legs; for the chain it is wall time on all cores, as its budget is.
//! `cargo bench -p cbsift --bench throughput -- classify` runs only the legs whose name contains the word.
//!
//! Known bias: repeats make branches, and text in ClickHouse's compression windows, more predictable than a fleet's logs would.
//! Eight logs are a small sample, half of their bytes one file. The texts are decoded and cut before the clock starts: reading and
//! UTF-8 validation are not in the pure legs. The chain starts behind the intake: no HTTP of senders, but that of the engine.
//! The 4 KiB chunks come from more senders at once than a quiet fleet has. On a shared machine wall time says more than the code does.

use classify::{Classified, Rules};
use event::{Chunk, Code, Format, Level, Source, TextEncoding};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Larger than any cache, and what the budgets are stated for.
const CORPUS_BYTES: usize = 256 << 20;

/// Runs of a pure leg; the median of fewer jumps on a shared machine.
const RUNS: usize = 5;

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
        });
    });
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
            chain(name, &logs, repeats, size, calls, budget);
        }
    }
}

/// A given log, decoded, with what a naive reader counts in it.
struct Log {
    name: String,
    bytes: usize,
    raw: Vec<u8>,
    detection: parse::Detection,
    text: String,
    counted: Counted,
}

/// What the straightforward reader of the bench finds; the legs must find the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Counted {
    records: u64,
    errors: u64,
    warnings: u64,
    sequences: u64,
    /// Source offset of the record and value, of each `[HRESULT = 0x8…`.
    results: BTreeSet<(u64, u32)>,
}

fn corpus() -> Vec<Log> {
    let folder = std::env::var_os("CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let Ok(folders) = std::fs::read_dir(folder.join("logs")) else {
        eprintln!(
            "no corpus at `{}`\nhint: CORPUS=FOLDER make bench",
            folder.display()
        );
        std::process::exit(2);
    };
    let mut paths: Vec<PathBuf> = folders
        .filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok())
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.eq_ignore_ascii_case("cbs.log")
                || (name.starts_with("Windows_2k") && name.ends_with(".log"))
        })
        .collect();
    paths.sort();
    let labels = std::fs::read(folder.join("labels/cbs.json"))
        .ok()
        .and_then(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).ok());
    let logs: Vec<Log> = paths
        .iter()
        .map(|path| {
            let name = path
                .strip_prefix(folder.join("logs"))
                .unwrap_or(path)
                .display()
                .to_string();
            let raw = std::fs::read(path).expect("a file just listed");
            let detection = parse::detect(&name, &raw[..raw.len().min(parse::HEAD_BYTES)]);
            assert_eq!(
                (detection.encoding, detection.format),
                (TextEncoding::Utf8, Format::Wds),
                "{name}"
            );
            let text = String::from_utf8_lossy(&raw[detection.bom..]).into_owned();
            let counted = count(&text, detection.bom as u64);
            if let Some(label) = labels.as_ref().and_then(|labels| labels.get(&name)) {
                let number = |key: &str| label[key].as_u64().expect("a count");
                let records = number("header_lines") - number("csi_cont_header");
                assert_eq!(
                    (counted.records, counted.sequences),
                    (records, number("csi_with_seq")),
                    "{name} against its labels"
                );
            }
            Log {
                name,
                bytes: raw.len(),
                raw,
                detection,
                text,
                counted,
            }
        })
        .collect();
    assert!(!logs.is_empty(), "no CBS log in `{}`", folder.display());
    logs
}

/// Line by line, head by its blanks and digits: slow, and another way than `parse` goes.
fn count(text: &str, bom: u64) -> Counted {
    let mut counted = Counted::default();
    let (mut at, mut record) = (bom, bom);
    for line in text.split_inclusive('\n') {
        let is_head = line.split_once(", ").is_some_and(|(stamp, rest)| {
            stamp.len() == 19 && stamp.as_bytes()[4] == b'-' && !rest.starts_with(' ')
        });
        if is_head {
            let component = line.get(43..50).unwrap_or_default().trim_end();
            let digits = line
                .get(50..)
                .unwrap_or_default()
                .chars()
                .take_while(char::is_ascii_hexdigit)
                .count();
            let is_csi = component == "CSI";
            if !is_csi || digits == 8 {
                record = at;
                counted.records += 1;
                counted.sequences += u64::from(is_csi);
                counted.errors += u64::from(line[21..].starts_with("Error "));
                counted.warnings += u64::from(line[21..].starts_with("Warning "));
            }
        }
        for (_, after) in line
            .match_indices("[HRESULT = 0x")
            .map(|(at, word)| line.split_at(at + word.len()))
        {
            if let Some(value) = after.get(..8).and_then(|digits| u32::from_str_radix(digits, 16).ok())
                // 0x80070bc2 says that a reboot is needed: success.
                && value >> 31 == 1 && value != 0x8007_0BC2
            {
                counted.results.insert((record, value));
            }
        }
        at += line.len() as u64;
    }
    counted
}

/// The log as one endpoint would send it.
fn chunks(log: &Log, endpoint: &str, target: usize) -> Vec<Chunk> {
    let mut cutter = parse::Cutter::new(log.detection.encoding, log.detection.format, 0, target);
    let mut pieces = Vec::new();
    cutter.push(&log.raw, &mut pieces);
    cutter.finish(&mut pieces);
    let stream = parse::stream_id(
        TENANT,
        endpoint,
        Source::Cbs,
        parse::first_record_hash(&log.text),
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("the clock is past 1970");
    pieces
        .into_iter()
        .map(|piece| Chunk {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            source: Source::Cbs,
            stream,
            path: log.name.clone(),
            offset: piece.offset,
            length: piece.length,
            encoding: log.detection.encoding,
            format: log.detection.format,
            open: piece.open,
            sender: "bench".to_owned(),
            received_ms: i64::try_from(now.as_millis())
                .expect("the clock is before the year 292 million"),
            text: piece.text,
        })
        .collect()
}

fn endpoint(repeat: usize) -> String {
    format!("pc-{repeat:04}")
}

fn repeated(logs: &[&Log], repeats: usize, target: usize) -> Vec<Vec<Chunk>> {
    (0..repeats)
        .map(|repeat| {
            logs.iter()
                .flat_map(|log| chunks(log, &endpoint(repeat), target))
                .collect()
        })
        .collect()
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
            classify_leg("parse + classify", &fleet, &all, bytes);
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

fn classify_leg(name: &str, fleet: &[Vec<Chunk>], logs: &[&Log], bytes: usize) {
    let rules = Rules::shipped();
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

/// Seconds by the clock and of CPU.
#[derive(Clone, Copy)]
struct Took {
    wall: f64,
    cpu: f64,
}

/// Median time of the runs, and the answer, which must be the same each time.
fn measure<T: PartialEq + std::fmt::Debug>(leg: impl Fn() -> T) -> (Took, T) {
    let mut answer = None;
    let (mut walls, mut cpus) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let (start, cpu) = (Instant::now(), thread_cpu());
        let result = black_box(leg());
        walls.push(start.elapsed().as_secs_f64());
        cpus.push(thread_cpu() - cpu);
        match &answer {
            None => answer = Some(result),
            Some(first) => assert_eq!(*first, result, "runs differ"),
        }
    }
    let median = |mut of: Vec<f64>| {
        of.sort_by(f64::total_cmp);
        of[of.len() / 2]
    };
    let took = Took {
        wall: median(walls),
        cpu: median(cpus),
    };
    (took, answer.expect("there was a run"))
}

fn row(name: &str, bytes: usize, took: Took, budget: Option<f64>, checked: &str) {
    let megabytes = bytes as f64 / 1e6;
    print_row(
        name,
        megabytes / took.cpu,
        megabytes / took.wall,
        took.cpu,
        budget,
        checked,
    );
}

fn print_row(name: &str, speed: f64, wall: f64, cpu: f64, budget: Option<f64>, checked: &str) {
    let mut line = format!("| {name} | {speed:.0} | {wall:.0} | {cpu:.2} |");
    let _ = match budget {
        Some(budget) => write!(
            line,
            " {budget:.0} | {} |",
            if speed >= budget { "ok" } else { "below" }
        ),
        None => write!(line, " | |"),
    };
    println!("{line} {checked} |");
}

/// Chunks through the running pipeline into the engine, as `cbsift up` has them.
fn chain(name: &str, logs: &[Log], repeats: usize, size: usize, calls: usize, budget: Option<f64>) {
    let all: Vec<&Log> = logs.iter().collect();
    let bytes: usize = all.iter().map(|log| log.bytes).sum();
    let fleet = repeated(&all, repeats, size);
    let count: usize = fleet.iter().map(Vec::len).sum();
    let expected = codes_of(&fleet[0]);
    // Neighbours come from different endpoints, as they would from a fleet.
    let mut queues: Vec<_> = fleet.into_iter().map(Vec::into_iter).collect();
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        order.extend(queues.iter_mut().filter_map(Iterator::next));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (store, pipeline) = start(name).await;
        let next = Arc::new(Mutex::new(order.into_iter()));
        let (start, cpu) = (Instant::now(), process_cpu());
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let (next, handle) = (Arc::clone(&next), pipeline.handle());
            senders.spawn(async move {
                loop {
                    let chunk = next.lock().expect("no sender panicked").next();
                    let Some(chunk) = chunk else { return };
                    while let Err(error) = handle.store(vec![chunk.clone()]).await {
                        eprintln!("sent again: {error}");
                    }
                }
            });
        }
        senders.join_all().await;
        let (wall, cpu_stored) = (start.elapsed().as_secs_f64(), process_cpu() - cpu);
        while pipeline.status().pending_units(&store).await.expect("the store answers") > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (derived, cpu_derived) = (start.elapsed().as_secs_f64(), process_cpu() - cpu);
        assert_eq!(pipeline.status().counts().bytes, (bytes * repeats) as u64, "bytes acknowledged");
        for repeat in 0..repeats {
            let endpoint = endpoint(repeat);
            let held = store.covered_bytes(TENANT, &endpoint).await.expect("the store answers");
            assert_eq!(held, bytes as u64, "bytes of {endpoint}");
            let codes = store.codes_of_endpoint(TENANT, &endpoint).await.expect("the store answers");
            let codes: BTreeMap<Code, (u64, u64)> = codes.iter().map(|code| (code.code, (code.events, code.noise))).collect();
            assert_eq!(codes, expected, "codes of {endpoint}");
        }
        let megabytes = (bytes * repeats) as f64 / 1e6;
        let counts = pipeline.status().counts();
        let checked = format!(
            "read back: bytes and {} codes of each of {repeats} endpoints; {count} chunks, {} events, {} noise; all derived after {derived:.1} s, {cpu_derived:.1} CPU s",
            expected.len(), counts.events, counts.noise
        );
        print_row(&format!("{name} (wall, 2 cores)"), megabytes / wall, megabytes / wall, cpu_stored, budget, &checked);
        pipeline.stop().await.expect("everything is stored");
    });
}

/// Codes with their distinct records and how many of those are noise, as an endpoint's rows must say.
fn codes_of(chunks: &[Chunk]) -> BTreeMap<Code, (u64, u64)> {
    let (mut events, mut noise) = (
        BTreeMap::<Code, BTreeSet<u64>>::new(),
        BTreeMap::<Code, BTreeSet<u64>>::new(),
    );
    for chunk in chunks {
        let of = classify::classify(Rules::shipped(), chunk);
        for event in &of.events {
            for code in &event.codes {
                events.entry(*code).or_default().insert(event.id.0);
            }
        }
        for one in &of.noise {
            if let Some(code) = one.code {
                noise.entry(code).or_default().insert(one.id.0);
            }
        }
    }
    let codes: BTreeSet<Code> = events.keys().chain(noise.keys()).copied().collect();
    let empty = BTreeSet::new();
    codes
        .into_iter()
        .map(|code| {
            let (events, noise) = (
                events.get(&code).unwrap_or(&empty),
                noise.get(&code).unwrap_or(&empty),
            );
            (
                code,
                (events.union(noise).count() as u64, noise.len() as u64),
            )
        })
        .collect()
}

async fn start(name: &str) -> (store::Store, pipeline::Pipeline) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
    let _ = std::fs::remove_dir_all(&folder);
    let config = embedded_clickhouse::EngineConfig::new(folder);
    let engine =
        embedded_clickhouse::Engine::open(config).unwrap_or_else(|error| panic!("{error}"));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("an address");
    tokio::spawn(embedded_clickhouse::serve(
        Arc::new(engine),
        listener,
        embedded_clickhouse::Tokens::new("made-up-token"),
        std::future::pending(),
    ));
    let config = store::StoreConfig::embedded(format!("http://{address}"), "made-up-token");
    let store = store::Store::connect(config)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let pipeline = pipeline::Pipeline::start(store.clone(), Rules::shipped())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    (store, pipeline)
}

/// CPU seconds of this thread; the kernel keeps nanoseconds.
fn thread_cpu() -> f64 {
    let text =
        std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with schedstat");
    let nanoseconds: f64 = text
        .split(' ')
        .next()
        .and_then(|word| word.parse().ok())
        .expect("a number");
    nanoseconds / 1e9
}

/// CPU seconds of this process, all threads, in ticks of 10 ms.
fn process_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    let (_, fields) = text.rsplit_once(") ").expect("a name in parentheses");
    // User and system time are fields 14 and 15; the state behind the name is field 3.
    let ticks: f64 = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|word| word.parse::<f64>().ok())
        .sum();
    ticks / 100.0
}

/// Keeps this thread on the last core, where fewer interrupts land than on the first.
fn pin() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let thread = std::fs::read_link("/proc/thread-self").ok();
    let id = thread
        .as_deref()
        .and_then(Path::file_name)
        .unwrap_or_default();
    let core = (cores - 1).to_string();
    let pinned = Command::new("taskset")
        .args(["-pc", &core])
        .arg(id)
        .output();
    if !pinned.is_ok_and(|output| output.status.success()) {
        eprintln!("not pinned: `taskset` is missing or refused");
    }
}

fn machine() -> String {
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = info
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split_once(": "))
        .map_or("?", |(_, name)| name);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!(
        "{cores} x {model}; load at start {}",
        load.split(' ').next().unwrap_or("?")
    )
}
