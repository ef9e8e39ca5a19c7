//! What one more record costs where there are months behind it (`make bench`): CPU of this process and the engine together.
//!
//! Made-up logs, because what counts is how many events are stored, not what they say: of each endpoint one stream, `EVENTS` records a day
//! that each are an event by its code, one failed installation a day. Then each endpoint gets one more record within a second, first one
//! that means nothing, then a failed installation; then one endpoint alone. What the engine does anyway in as long a rest is left out.
//! `ENDPOINTS=1000 DAYS=120 EVENTS=100 APPENDING=64 cargo bench -p cbsift --bench history`; without them 64, 120, 1000 and all.

use embedded_clickhouse::testing::TestEngine;
use event::{Chunk, Format, LoggedAt, Source, StreamId, TextEncoding};
use pipeline::Pipeline;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use store::Store;

const TENANT: &str = "default";

/// 2026-03-01.
const FIRST_DAY: i64 = 20_513;

/// Of each kind of append.
const ROUNDS: usize = 3;

/// Long enough for what an append brings to be derived, and for the engine to merge it.
const WINDOW: Duration = Duration::from_secs(10);

/// As the binary's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    let number = |name: &str, or: usize| {
        let value = std::env::var(name).ok();
        value.map_or(or, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name}: a number"))
        })
    };
    let endpoints = number("ENDPOINTS", 64);
    let (days, events) = (number("DAYS", 120), number("EVENTS", 1_000));
    let appending = number("APPENDING", endpoints).min(endpoints);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(run(endpoints, days, events, appending));
}

async fn run(endpoints: usize, days: usize, events: usize, appending: usize) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-history");
    let engine = TestEngine::fresh(folder);
    let store = Store::connect(store::StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    pipeline::publish_shipped(&store)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let pipeline = Pipeline::start(store)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let mut bench = Bench {
        engine,
        pipeline,
        ends: BTreeMap::new(),
    };
    let start = Instant::now();
    for day in 0..days {
        let all: Vec<(usize, String)> = (0..endpoints)
            .map(|endpoint| (endpoint, day_of(day, events)))
            .collect();
        bench.append(all).await;
    }
    let stored = start.elapsed();
    bench.settle().await;
    println!(
        "{endpoints} endpoints x {days} days x {events} events: stored after {:.0} s, derived after {:.0} s; {} derivations, {:.0} MiB resident here",
        stored.as_secs_f64(),
        start.elapsed().as_secs_f64(),
        bench.derivations(),
        resident(),
    );
    println!(
        "| one more record | endpoints | CPU ms each | at rest, % of a core | derivations | stored and derived after s | resident MiB |\n|---|---|---|---|---|---|---|"
    );
    // Each a little later than the one before.
    bench
        .round("harmless", |round| harmless(days, round), appending)
        .await;
    bench
        .round("failure", |round| failure(days, ROUNDS + round), appending)
        .await;
    bench
        .round(
            "harmless, alone",
            |round| harmless(days, 2 * ROUNDS + round),
            1,
        )
        .await;
    bench
        .round(
            "failure, alone",
            |round| failure(days, 3 * ROUNDS + round),
            1,
        )
        .await;
    bench.pipeline.stop().await.expect("everything is stored");
}

struct Bench {
    engine: TestEngine,
    pipeline: Pipeline,
    /// Where the log of each endpoint ends.
    ends: BTreeMap<usize, u64>,
}

impl Bench {
    /// Appends to the logs of endpoints, all at once.
    async fn append(&mut self, texts: Vec<(usize, String)>) {
        let mut senders = tokio::task::JoinSet::new();
        for (endpoint, text) in texts {
            let end = self.ends.entry(endpoint).or_default();
            let chunks = chunks(endpoint, *end, &text);
            *end += text.len() as u64;
            let handle = self.pipeline.handle();
            senders.spawn(async move {
                while let Err(error) = handle.store(chunks.clone()).await {
                    eprintln!("sent again: {error}");
                }
            });
        }
        senders.join_all().await;
    }

    async fn settle(&self) {
        // Not asked of the store, which would cost more than what is measured.
        let status = self.pipeline.status();
        while status.own_pending() > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Rounds of appends, each within its first second, and what they cost above a rest before them.
    async fn round(&mut self, name: &str, text: impl Fn(usize) -> String, endpoints: usize) {
        // What was stored before is merged when the engine rests.
        let mut rest = self.cpu_of(WINDOW).await;
        while rest > 0.2 {
            rest = self.cpu_of(WINDOW).await;
        }
        let (mut cpu, mut slowest, derived) = (0.0, Duration::ZERO, self.derivations());
        for round in 0..ROUNDS {
            let (start, before) = (Instant::now(), self.cpu());
            let text = text(round);
            let mut senders = tokio::task::JoinSet::new();
            for endpoint in 0..endpoints {
                let end = self.ends.entry(endpoint).or_default();
                let chunks = chunks(endpoint, *end, &text);
                *end += text.len() as u64;
                let handle = self.pipeline.handle();
                let wait = Duration::from_secs(1) * endpoint as u32 / endpoints as u32;
                senders.spawn(async move {
                    tokio::time::sleep(wait).await;
                    handle.store_together(chunks).await.expect("it is stored");
                });
            }
            senders.join_all().await;
            self.settle().await;
            let settled = start.elapsed();
            slowest = slowest.max(settled);
            tokio::time::sleep(WINDOW.saturating_sub(settled)).await;
            cpu += self.cpu() - before;
        }
        let appends = (ROUNDS * endpoints) as f64;
        let derivations = self.derivations() - derived;
        println!(
            "| {name} | {ROUNDS} x {endpoints} | {:.1} | {:.1} | {derivations} | {:.1} | {:.0} |",
            (cpu - rest * ROUNDS as f64) * 1e3 / appends,
            rest * 100.0 / WINDOW.as_secs_f64(),
            slowest.as_secs_f64(),
            resident(),
        );
        let expected = if name.starts_with("failure") {
            appends as u64
        } else {
            0
        };
        assert_eq!(derivations, expected, "what is derived for {name}");
    }

    async fn cpu_of(&self, rest: Duration) -> f64 {
        let before = self.cpu();
        tokio::time::sleep(rest).await;
        self.cpu() - before
    }

    /// CPU seconds of this process and the engine's.
    fn cpu(&self) -> f64 {
        self.engine.cpu_seconds()
    }

    fn derivations(&self) -> u64 {
        self.pipeline.status().counts().derivations
    }
}

/// MiB that this process takes.
fn resident() -> f64 {
    let text = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}

fn at(day: usize, second: usize) -> String {
    let days = FIRST_DAY + i64::try_from(day).expect("a few days");
    LoggedAt(days * 86_400 + second as i64).to_string()
}

fn day_of(day: usize, events: usize) -> String {
    let mut text = String::new();
    for event in 0..events {
        let head = at(day, event * 80_000 / events.max(1));
        let _ = writeln!(
            text,
            "{head}, Error                 CBS    Made up: tray {event} was not fed [HRESULT = 0x800f0922]"
        );
    }
    text + &failure_at(day, 85_000)
}

fn failure_at(day: usize, second: usize) -> String {
    let (start, end) = (at(day, second), at(day, second + 20));
    let package = format!("Package_for_KB5{day:06}~31bf3856ad364e35~amd64~~1.{second}.1.1");
    format!(
        "{start}, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 1_{day}_{second}, Package: {package}, Identifier: KB5{day:06}\n\
         {end}, Info                  CBS    Exec: Processing complete.  Session: 1_{day}_{second}, Package: {package}, Identifier: KB5{day:06} [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\n"
    )
}

fn harmless(days: usize, number: usize) -> String {
    let head = at(days - 1, 85_100 + number * 40);
    format!("{head}, Info                  CBS    Made up: all trays are fed\n")
}

fn failure(days: usize, number: usize) -> String {
    failure_at(days - 1, 85_100 + number * 40)
}

/// A run of the endpoint's one log, in chunks of 256 KiB at most.
fn chunks(endpoint: usize, offset: u64, text: &str) -> Vec<Chunk> {
    let (mut chunks, mut offset, mut rest) = (Vec::new(), offset, text);
    while !rest.is_empty() {
        let most = rest.len().min(256 << 10);
        let end = rest[..most].rfind('\n').map_or(rest.len(), |end| end + 1);
        let (part, other) = rest.split_at(end);
        chunks.push(Chunk {
            tenant: TENANT.to_owned(),
            endpoint: format!("PC-{endpoint:05}"),
            source: Source::Cbs,
            stream: StreamId((endpoint as u64 + 1) << 32),
            path: "CBS.log".to_owned(),
            offset,
            length: part.len() as u64,
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            open: false,
            sender: "bench".to_owned(),
            received_ms: 1_780_000_000_000,
            text: part.to_owned(),
        });
        offset += part.len() as u64;
        rest = other;
    }
    chunks
}
