//! The way through a real Kafka: speed and CPU of each process, and how soon an append is seen (`make bench`).
//!
//! Every process is the real one: `cbsift send`, `cbsift-agent`, `ingest`, `pipeline`, `engine`, and Apache Kafka, all on this machine and
//! sharing its cores, so wall times say little; CPU seconds of each process are what counts. MB = 10^6 source bytes.
//! `cargo bench -p cbsift --bench through_kafka -- latency` runs only the legs whose name contains the word;
//! `CBSIFT_BENCH_MINUTES=10` lets the memory leg run that long instead of half a minute.

#![expect(unreachable_pub, reason = "helpers of test binaries")]

#[path = "../../../../tests/cluster/agent.rs"]
#[expect(dead_code, reason = "shared with the tests of the cluster")]
mod agent;
#[path = "../../../../tests/cluster/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of the cluster")]
mod harness;
mod process;
#[path = "../../../../tests/it/harness.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod single;
mod staying;

use harness::{Cluster, Role};
use process::{children_cpu, cpu, cpu_with_children, memory_of, memory_with_children, percentile};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What the budgets are stated for.
const BYTES: usize = 256 << 20;

/// How often the logs are produced, by chunk and by line.
const PRODUCED: usize = 16;

/// Endpoints that append, each once.
const LIVE: usize = 100;

/// A tenth of a second between two appends: a hundred endpoints' worth of a fleet of a thousand failing all day.
const BETWEEN: Duration = Duration::from_millis(100);

/// How often the store is asked what it shows: it bounds the precision of the latency.
const LOOK: Duration = Duration::from_millis(50);

fn main() {
    let words: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let wanted = |name: &str| words.is_empty() || words.iter().any(|word| name.contains(word));
    let cluster = Cluster::start();
    let intake = cluster.ingest("ingest");
    println!(
        "| leg | MB/s per core of ours | budget | | wall s | CPU s | checked |\n|---|---|---|---|---|---|---|"
    );
    if wanted("throughput") {
        throughput(&cluster, &intake);
    }
    if wanted("agent") {
        staying::run(&cluster);
    }
    if wanted("messages") {
        messages(&cluster);
    }
    if wanted("patch hour") {
        patch_hour(&cluster);
    }
    if wanted("latency") {
        latency(&cluster, &intake);
    }
    if wanted("memory") {
        memory(&cluster, &intake);
    }
}

/// The CBS logs of `CORPUS`.
fn logs() -> Vec<PathBuf> {
    let folder = std::env::var_os("CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
        PathBuf::from,
    );
    let folders = std::fs::read_dir(folder.join("logs")).unwrap_or_else(|error| {
        eprintln!(
            "no corpus at `{}`: {error}\nhint: CORPUS=FOLDER make bench",
            folder.display()
        );
        std::process::exit(2)
    });
    let mut paths: Vec<PathBuf> = folders
        .filter_map(|folder| std::fs::read_dir(folder.ok()?.path()).ok())
        .flatten()
        .filter_map(|file| Some(file.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.eq_ignore_ascii_case("cbs.log"))
        })
        .collect();
    paths.sort();
    paths
}

fn size(paths: &[PathBuf]) -> usize {
    let length = |path: &PathBuf| std::fs::metadata(path).map_or(0, |data| data.len());
    paths.iter().map(length).sum::<u64>() as usize
}

/// Files into Kafka with no pipeline there, then out of Kafka into ClickHouse with no sender there.
fn throughput(cluster: &Cluster, intake: &Role) {
    let paths = logs();
    let of_one = size(&paths);
    let endpoints = BYTES.div_ceil(of_one);
    let bytes = of_one * endpoints;
    let (start, before, senders) = (Instant::now(), cpu(intake.id()), children_cpu());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        // Two senders keep two cores busy.
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= endpoints {
                        return;
                    }
                    send(intake, &format!("pc-{number:04}"), &paths);
                }
            });
        }
    });
    let wall = start.elapsed().as_secs_f64();
    let (of_intake, of_senders) = (cpu(intake.id()) - before, children_cpu() - senders);
    row(
        "files -> Kafka",
        bytes,
        of_intake + of_senders,
        Some(600.0),
        wall,
        &format!("{of_senders:.2} send, {of_intake:.2} ingest"),
        &format!(
            "{} records acknowledged by Kafka",
            intake.metric("cbsift_queue_produced_total")
        ),
    );

    let engine = cpu_with_children(cluster.engine.id());
    let start = Instant::now();
    let pipeline = cluster.pipeline("pipeline");
    let chunks = intake.metric("cbsift_queue_produced_total");
    harness::until("all is stored", || {
        (pipeline.metric("cbsift_pipeline_chunks_total") >= chunks).then_some(())
    });
    let wall = start.elapsed().as_secs_f64();
    let (ours, stored) = (
        cpu(pipeline.id()),
        cpu_with_children(cluster.engine.id()) - engine,
    );
    let high = memory_of(pipeline.id(), "VmHWM:");
    cluster.settle(&[&pipeline]);
    let readable = start.elapsed().as_secs_f64();
    let (all_ours, all_engine) = (
        cpu(pipeline.id()),
        cpu_with_children(cluster.engine.id()) - engine,
    );
    let covered: usize = (0..endpoints)
        .map(|number| cluster.answers(&format!("pc-{number:04}")).covered_bytes as usize)
        .sum();
    assert_eq!(covered, bytes, "source bytes in the store");
    row(
        "Kafka -> ClickHouse, stored",
        bytes,
        ours,
        Some(300.0),
        wall,
        &format!("{ours:.2} pipeline, {stored:.2} engine"),
        &format!(
            "{covered} bytes of {endpoints} endpoints read back; {high:.0} MiB at most in the pipeline"
        ),
    );
    row(
        "Kafka -> ClickHouse, derived and readable",
        bytes,
        all_ours,
        None,
        readable,
        &format!("{all_ours:.2} pipeline, {all_engine:.2} engine"),
        &format!(
            "{} derivations, nothing left to derive",
            pipeline.metric("cbsift_pipeline_derivations_total")
        ),
    );
    one_line_a_message(cluster, &paths);
}

/// What the same costs with a message for each line, as log shippers send: the producing side alone.
fn one_line_a_message(cluster: &Cluster, paths: &[PathBuf]) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    // Often enough that the ticks of CPU time, 10 ms each, do not show.
    let texts: Vec<String> = std::iter::repeat_n(paths, PRODUCED)
        .flatten()
        .map(|path| {
            String::from_utf8_lossy(&std::fs::read(path).expect("a file just listed")).into_owned()
        })
        .collect();
    let bytes: usize = texts.iter().map(String::len).sum();
    let producer = queue::Producer::new(&cluster.queue()).expect("a producer");
    let measured = |name: &str, chunks: Vec<event::Chunk>| {
        let messages = chunks.len();
        let (start, before) = (Instant::now(), cpu(std::process::id()));
        runtime
            .block_on(async {
                for some in chunks.chunks(512) {
                    producer.send(some.to_vec()).await?;
                }
                Ok::<_, queue::SendError>(())
            })
            .expect("Kafka takes them");
        let took = cpu(std::process::id()) - before;
        row(
            name,
            bytes,
            took.max(0.01),
            None,
            start.elapsed().as_secs_f64(),
            &format!("{took:.2} producer"),
            &format!("{messages} messages acknowledged"),
        );
    };
    let chunk = |text: &str, number: usize| event::Chunk {
        tenant: "bench".to_owned(),
        endpoint: "one-line".to_owned(),
        source: event::Source::Cbs,
        stream: event::StreamId(number as u64),
        path: "CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64,
        encoding: event::TextEncoding::Utf8,
        format: event::Format::Wds,
        open: false,
        sender: "bench".to_owned(),
        received_ms: 1,
        text: text.to_owned(),
    };
    let by_chunk = texts
        .iter()
        .flat_map(|text| text.as_bytes().chunks(256 << 10))
        .enumerate()
        .map(|(number, bytes)| chunk(&String::from_utf8_lossy(bytes), number))
        .collect();
    measured("produce, 256 KiB a message", by_chunk);
    let by_line = texts
        .iter()
        .flat_map(|text| text.split_inclusive('\n'))
        .enumerate()
        .map(|(number, line)| chunk(line, number))
        .collect();
    measured("produce, one line a message", by_line);
}

/// Events in a shipper's topic, one a message, out of Kafka into ClickHouse: a row or two each, whatever they say.
fn messages(cluster: &Cluster) {
    const TOPIC: &str = "shipper";
    const ENDPOINTS: usize = 100;
    const MESSAGES: usize = 100_000;
    let message = |number: usize| {
        // An hour of each endpoint's events, of which one in fifty is a failure.
        let (endpoint, at) = (number % ENDPOINTS, number / ENDPOINTS * 3);
        let (id, code) = if number.is_multiple_of(50) {
            (20, "0x80070570")
        } else {
            (43, "0x00000000")
        };
        format!(
            r#"{{"@timestamp":"2024-05-01T08:{:02}:{:02}.293Z","event":{{"code":"{id}","provider":"Microsoft-Windows-WindowsUpdateClient"}},"log":{{"level":"information"}},"message":"{}","winlog":{{"channel":"System","computer_name":"MADE-UP-{endpoint:03}","event_id":"{id}","provider_name":"Microsoft-Windows-WindowsUpdateClient","record_id":{number},"event_data":{{"updateTitle":"Made up (KB5{number:06})","errorCode":"{code}"}}}}}}"#,
            at / 60 % 60,
            at % 60,
            // As long as what Winlogbeat says of host and agent beside.
            "made up ".repeat(60)
        )
    };
    let records: Vec<queue::record::Content> = (0..MESSAGES)
        .map(|number| queue::record::Content {
            value: Some(message(number).into_bytes()),
            ..queue::record::Content::default()
        })
        .collect();
    let bytes = |record: &queue::record::Content| record.value.as_ref().map_or(0, Vec::len);
    let bytes: usize = records.iter().map(bytes).sum();
    let config = queue::Config {
        chunks_topic: TOPIC.to_owned(),
        ..cluster.queue()
    };
    single::block_on(async {
        queue::topics::ensure(&config).await.expect("a topic");
        let producer = queue::Producer::new(&config).expect("a producer");
        for some in records.chunks(512) {
            let sent = producer.send_again(some.to_vec()).await;
            sent.expect("Kafka takes them");
        }
    });
    let engine = cpu_with_children(cluster.engine.id());
    let start = Instant::now();
    let pipeline = cluster.pipeline_with("pipeline", &[("QUEUE__FOREIGN_TOPICS", TOPIC)]);
    harness::until("all is stored", || {
        (pipeline.metric("cbsift_pipeline_chunks_total") >= MESSAGES as f64).then_some(())
    });
    let wall = start.elapsed().as_secs_f64();
    let (ours, stored) = (
        cpu(pipeline.id()),
        cpu_with_children(cluster.engine.id()) - engine,
    );
    cluster.settle(&[&pipeline]);
    let (derived, all) = (
        cpu(pipeline.id()) - ours,
        cpu_with_children(cluster.engine.id()) - engine,
    );
    row(
        "Kafka -> ClickHouse, one event a message",
        bytes,
        ours,
        None,
        wall,
        &format!(
            "{ours:.2} pipeline, {stored:.2} engine; derivations after it {derived:.2} and {:.2}",
            all - stored
        ),
        &format!(
            "{MESSAGES} messages of {ENDPOINTS} endpoints; {:.0} messages per CPU second of the pipeline, {:.0} of both",
            MESSAGES as f64 / ours,
            MESSAGES as f64 / (ours + stored)
        ),
    );
}

/// A fleet that installs one update: 16 KiB of log of each endpoint, of which one in fifty fails, all in Kafka before the pipeline starts.
/// `PATCHED=100000` for another number of endpoints than 2,000.
fn patch_hour(cluster: &Cluster) {
    const FAILS: usize = 50;
    let endpoints: usize = std::env::var("PATCHED").map_or(2_000, |text| {
        text.parse().expect("PATCHED: a number of endpoints")
    });
    let config = queue::Config {
        chunks_topic: "patch-hour".to_owned(),
        ..cluster.queue()
    };
    let mut bytes = 0;
    single::block_on(async {
        queue::topics::ensure(&config).await.expect("a topic");
        let producer = queue::Producer::new(&config).expect("a producer");
        let numbers: Vec<usize> = (0..endpoints).collect();
        for some in numbers.chunks(512) {
            let chunks: Vec<event::Chunk> = some
                .iter()
                .map(|number| patched(*number, number % FAILS == 0))
                .collect();
            bytes += chunks.iter().map(|chunk| chunk.text.len()).sum::<usize>();
            producer.send(chunks).await.expect("Kafka takes them");
        }
    });
    let before = cpu_with_children(cluster.engine.id());
    let start = Instant::now();
    let pipeline = cluster.pipeline_with("patch", &[("QUEUE__CHUNKS_TOPIC", "patch-hour")]);
    // A fleet of 100,000 takes longer than anything else here is waited for.
    let wait = |is_done: &dyn Fn() -> bool| {
        while !is_done() {
            assert!(
                start.elapsed() < Duration::from_secs(3600),
                "it takes an hour"
            );
            std::thread::sleep(Duration::from_millis(200));
        }
    };
    wait(&|| pipeline.metric("cbsift_pipeline_chunks_total") >= endpoints as f64);
    let stored = start.elapsed().as_secs_f64();
    let counted = || {
        let answer = cluster.sql(
            "SELECT countIf(outcome = 'failed'), countIf(outcome = 'succeeded'), uniqExact(endpoint) FROM current_attempts \
             WHERE startsWith(endpoint, 'patch-') FORMAT TSV",
        );
        let mut words = answer
            .split_whitespace()
            .map(|word| word.parse::<usize>().expect("a count"));
        let mut next = || words.next().expect("three counts");
        (next(), next(), next())
    };
    wait(&|| pipeline.metric("cbsift_pipeline_derivations_total") >= endpoints as f64);
    cluster.settle(&[&pipeline]);
    let readable = start.elapsed().as_secs_f64();
    let failed = endpoints.div_ceil(FAILS);
    assert_eq!(
        counted(),
        (failed, endpoints - failed, endpoints),
        "failed, succeeded, endpoints"
    );
    let (ours, engine) = (
        cpu(pipeline.id()),
        cpu_with_children(cluster.engine.id()) - before,
    );
    row(
        "patch hour",
        bytes,
        ours,
        None,
        readable,
        &format!("{ours:.2} pipeline, {engine:.2} engine"),
        &format!(
            "{endpoints} endpoints, {failed} failed, as planted; stored after {stored:.0} s; {:.0} MiB at most in the pipeline, {:.0} MiB in the engine",
            memory_of(pipeline.id(), "VmHWM:"),
            memory_with_children(cluster.engine.id(), "VmHWM:"),
        ),
    );
}

/// 16 KiB of an endpoint's log that end with an installation.
fn patched(number: usize, fails: bool) -> event::Chunk {
    use std::fmt::Write as _;
    let mut text = String::new();
    while text.len() < 16 << 10 {
        let second = text.len() / 300;
        let _ = writeln!(
            text,
            "2026-03-10 10:{:02}:{:02}, Info                  CBS    Made up: tray {} is fed",
            second / 60,
            second % 60,
            text.len()
        );
    }
    let package = "Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1";
    let status = if fails {
        "0x80070570 - ERROR_FILE_CORRUPT"
    } else {
        "0x00000000 - S_OK"
    };
    let _ = write!(
        text,
        "2026-03-10 10:30:00, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 1_{number}, Package: {package}, Identifier: KB5000001\n\
         2026-03-10 10:31:00, Info                  CBS    Exec: Processing complete.  Session: 1_{number}, Package: {package}, Identifier: KB5000001 [HRESULT = {status}]\n"
    );
    event::Chunk {
        tenant: "default".to_owned(),
        endpoint: format!("patch-{number:06}"),
        source: event::Source::Cbs,
        stream: event::StreamId(number as u64 + 1),
        path: "CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64,
        encoding: event::TextEncoding::Utf8,
        format: event::Format::Wds,
        open: false,
        sender: "bench".to_owned(),
        received_ms: 1_773_140_000_000,
        text,
    }
}

/// From the moment a sender starts to send the end of an installation until its attempt is shown with its outcome.
fn latency(cluster: &Cluster, intake: &Role) {
    let pipeline = cluster.pipeline("pipeline");
    let fleet = simulate::Fleet::new(3, 2 * LIVE);
    let folder = tempfile::tempdir().expect("a folder");
    let mut live = Vec::new();
    for plan in fleet.plans() {
        let cbs = simulate::logs(&plan)
            .into_iter()
            .find(|log| log.path.ends_with("CBS.log"));
        let Some(log) = cbs else { continue };
        let text = String::from_utf8_lossy(&log.bytes).into_owned();
        // The record that ends the last attempt, and the whole lines before it.
        let Some(end) = text.rfind("Exec: Processing complete.") else {
            continue;
        };
        let Some(before) = text[..end].rfind('\n') else {
            continue;
        };
        let path = folder.path().join(&plan.id).join("CBS.log");
        std::fs::create_dir_all(path.parent().expect("a folder of its own")).expect("a folder");
        std::fs::write(&path, &log.bytes[..=before]).expect("room");
        send(intake, &plan.id, std::slice::from_ref(&path));
        live.push((plan.id.clone(), path, log.bytes));
        if live.len() == LIVE {
            break;
        }
    }
    assert_eq!(live.len(), LIVE, "endpoints with an installation");
    cluster.settle(&[&pipeline]);
    let shown = || -> BTreeMap<String, String> {
        cluster
            .sql("SELECT endpoint, toString(sum(cityHash64(id, outcome))) FROM current_attempts GROUP BY endpoint FORMAT TSV")
            .lines()
            .filter_map(|line| line.split_once('\t'))
            .map(|(endpoint, state)| (endpoint.to_owned(), state.to_owned()))
            .collect()
    };
    let baseline = shown();
    let (sent, seen) = (Mutex::new(BTreeMap::new()), Mutex::new(BTreeMap::new()));
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let now = shown();
                let at = Instant::now();
                let mut seen = seen.lock().expect("no panic");
                for (endpoint, state) in now {
                    if baseline.get(&endpoint) != Some(&state) {
                        seen.entry(endpoint).or_insert(at);
                    }
                }
                drop(seen);
                std::thread::sleep(LOOK);
            }
        });
        let mut senders = Vec::new();
        for (endpoint, path, bytes) in &live {
            let sent = &sent;
            senders.push(scope.spawn(move || {
                std::fs::write(path, bytes).expect("room");
                sent.lock()
                    .expect("no panic")
                    .insert(endpoint.clone(), Instant::now());
                send(intake, endpoint, std::slice::from_ref(path));
            }));
            std::thread::sleep(BETWEEN);
        }
        for sender in senders {
            sender.join().expect("a sender ends well");
        }
        harness::until("every attempt is shown", || {
            (seen.lock().expect("no panic").len() >= LIVE).then_some(())
        });
        is_done.store(true, Ordering::Relaxed);
    });
    let (sent, seen) = (
        sent.into_inner().expect("no panic"),
        seen.into_inner().expect("no panic"),
    );
    let mut took: Vec<f64> = sent
        .iter()
        .map(|(endpoint, at)| seen[endpoint].duration_since(*at).as_secs_f64())
        .collect();
    took.sort_by(f64::total_cmp);
    let at = |share| percentile(&took, share);
    println!(
        "| append -> attempt shown | | 5 s | {} | | | {LIVE} endpoints: p50 {:.2} s, p99 {:.2} s, start of the sender's process included |",
        if at(99) < 5.0 { "ok" } else { "below" },
        at(50),
        at(99)
    );
}

/// Sends without end, a new endpoint each time, and looks at the memory of intake and pipeline.
fn memory(cluster: &Cluster, intake: &Role) {
    let minutes: f64 = std::env::var("CBSIFT_BENCH_MINUTES")
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(0.5);
    let pipeline = cluster.pipeline("pipeline");
    let paths = logs();
    let length = Duration::from_secs_f64(minutes * 60.0);
    let start = Instant::now();
    let is_done = AtomicBool::new(false);
    let mut seen: Vec<(f64, f64)> = Vec::new();
    let endpoints = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !is_done.load(Ordering::Relaxed) {
                let number = endpoints.fetch_add(1, Ordering::Relaxed);
                send(intake, &format!("memory-{number:05}"), &paths);
            }
        });
        while start.elapsed() < length {
            std::thread::sleep(Duration::from_secs(2));
            seen.push((
                memory_of(intake.id(), "VmRSS:"),
                memory_of(pipeline.id(), "VmRSS:"),
            ));
        }
        is_done.store(true, Ordering::Relaxed);
    });
    // What the first third shows is the warming up.
    let warm = &seen[seen.len() / 3..];
    let span = |of: fn(&(f64, f64)) -> f64| {
        let (low, high) = warm
            .iter()
            .map(of)
            .fold((f64::MAX, 0.0), |(low, high), one| {
                (one.min(low), one.max(high))
            });
        format!("{low:.0} to {high:.0} MiB")
    };
    println!(
        "| memory over {minutes} min | | 150 MiB | {} | {:.0} | | {} endpoints; ingest {}, pipeline {} |",
        if warm.iter().all(|(_, pipeline)| *pipeline <= 150.0) {
            "ok"
        } else {
            "below"
        },
        start.elapsed().as_secs_f64(),
        endpoints.load(Ordering::Relaxed),
        span(|seen| seen.0),
        span(|seen| seen.1)
    );
}

fn send(intake: &Role, endpoint: &str, paths: &[PathBuf]) {
    let output = harness::send_command()
        .args([
            "--quiet",
            "--to",
            intake.address("intake"),
            "--endpoint",
            endpoint,
        ])
        .args(paths)
        .output()
        .expect("cbsift starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn row(
    leg: &str,
    bytes: usize,
    cpu: f64,
    budget: Option<f64>,
    wall: f64,
    split: &str,
    checked: &str,
) {
    let speed = bytes as f64 / 1e6 / cpu;
    let (budget, verdict) = match budget {
        Some(budget) if speed >= budget => (format!("{budget:.0}"), "ok"),
        Some(budget) => (format!("{budget:.0}"), "below"),
        None => (String::new(), ""),
    };
    println!("| {leg} | {speed:.0} | {budget} | {verdict} | {wall:.1} | {split} | {checked} |");
}
