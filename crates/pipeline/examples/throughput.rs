//! Prints MB/s of source text from chunks in memory to rows that are durable, the time until all is derived, and MB/s of classifying all of
//! it again by a job, beside what classifying alone does on one thread.
//!
//! `cargo run --release -p pipeline --example throughput -- [CHUNK_KIB] [ENDPOINTS]`

use embedded_clickhouse::testing::TestEngine;
use event::{Chunk, Source};
use pipeline::Pipeline;
use std::time::Instant;
use store::{Store, StoreConfig};

fn main() -> anyhow::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(run())
}

async fn run() -> anyhow::Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .map(|argument| argument.parse::<usize>());
    let target = arguments.next().transpose()?.unwrap_or(256) << 10;
    let endpoints = arguments.next().transpose()?.unwrap_or(200);
    let folder = std::env::temp_dir().join(format!("cbsift-throughput-{}", std::process::id()));
    let engine = TestEngine::fresh(&folder);
    let store = Store::connect(StoreConfig::local(engine.socket())).await?;
    store.migrate().await?;

    // Ten machines' logs, each sent for many endpoints: making them is no part of what is measured.
    let mut fleet = simulate::Fleet::new(7, 10);
    fleet.records_per_day = 400;
    let machines: Vec<Vec<Chunk>> = fleet
        .plans()
        .map(|plan| chunks(&simulate::logs(&plan), target))
        .collect();
    pipeline::publish_shipped(&store).await?;
    let pipeline = Pipeline::start(store.clone()).await?;
    let started = Instant::now();
    let cpu = engine.cpu_seconds();
    let mut senders = tokio::task::JoinSet::new();
    // Two senders with four jobs each and bodies of 4 MiB, as `send` has.
    for sender in 0..8 {
        let (handle, machines) = (pipeline.handle(), machines.clone());
        senders.spawn(async move {
            let mut bytes = 0;
            for endpoint in (sender..endpoints).step_by(8) {
                let mut chunks = machines[endpoint % machines.len()].clone();
                for chunk in &mut chunks {
                    chunk.endpoint = format!("pc-{endpoint:05}");
                    chunk.stream.0 ^= (endpoint as u64) << 40;
                    bytes += chunk.length;
                }
                let per_body = ((4 << 20) / target).max(1);
                while !chunks.is_empty() {
                    let rest = chunks.split_off(per_body.min(chunks.len()));
                    handle.store(std::mem::replace(&mut chunks, rest)).await?;
                }
            }
            anyhow::Ok(bytes)
        });
    }
    let mut bytes = 0;
    for sent in senders.join_all().await {
        bytes += sent?;
    }
    let stored = started.elapsed();
    let busy = engine.cpu_seconds() - cpu;
    while pipeline.status().pending_units(&store).await? > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let derived = started.elapsed();
    let counts = pipeline.status().counts();
    let megabytes = bytes as f64 / 1e6;
    println!(
        "{megabytes:.0} MB in chunks of {} KiB: {:.0} MB/s stored ({:.1} s, {busy:.1} CPU s), all derived after {:.1} s; {counts:?}",
        target >> 10,
        megabytes / stored.as_secs_f64(),
        stored.as_secs_f64(),
        derived.as_secs_f64(),
    );
    classified_alone(&machines);
    reprocessed(&store, bytes).await?;
    let page = Instant::now();
    let overview = store
        .overview(&store::Filter {
            tenant: "default".to_owned(),
            ..Default::default()
        })
        .await?;
    println!(
        "overview in {:.0} ms: {:?}; disk {} MB",
        page.elapsed().as_secs_f64() * 1e3,
        overview.totals,
        store.disk_used().await? / 1_000_000
    );
    pipeline.stop().await?;
    // It writes there as long as it lives.
    drop(engine);
    std::fs::remove_dir_all(folder)?;
    Ok(())
}

/// What parse and classify alone do, as the budget of a job.
fn classified_alone(machines: &[Vec<Chunk>]) {
    let rules = classify::Rules::shipped();
    let (started, mut bytes) = (Instant::now(), 0);
    while started.elapsed().as_secs() < 3 {
        for chunk in machines.iter().flatten() {
            bytes += chunk.length;
            std::hint::black_box(classify::classify(rules, chunk));
        }
    }
    let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    println!("parse and classify alone: {rate:.0} MB/s on one thread");
}

/// The shipped rules with a new one, over all that is stored: what the job would change, the job, and its undo.
async fn reprocessed(store: &Store, bytes: u64) -> anyhow::Result<()> {
    const RULE: &str = "
- id: made_up_by_site
  title: { en: Something of this site, zh: 本站点的事 }
  advice: { en: [mend it], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: ['NonStart: Checking to ensure startup processing'] }
  tests: { match: ['NonStart: Checking to ensure startup processing'], no_match: [fine] }
";
    let mut files = pipeline::files_of(classify::Rules::shipped_files());
    files.push(("site.yaml".to_owned(), RULE.to_owned()));
    let texts: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let rules = classify::Rules::load(&texts).map_err(|_| anyhow::anyhow!("it does not load"))?;
    let tenant = "default".to_owned();
    let of = store::Selection {
        from: 0,
        to: u16::MAX,
        ..store::Selection::default()
    };
    let base = store.rule_set().await?.unwrap_or_default();
    let digest = rules.digest().to_owned();
    let asked = pipeline::Asked {
        tenant: tenant.clone(),
        of: of.clone(),
        rules: std::sync::Arc::new(rules),
        current: None,
    };
    let started = Instant::now();
    let plan = pipeline::plan(store, &asked, &|_| ()).await?;
    let rate = bytes as f64 / 1e6 / started.elapsed().as_secs_f64();
    let changed: u64 = plan.events.values().map(|tally| tally.count).sum();
    println!(
        "diff: {rate:.0} MB/s, {changed} events and findings of {} units",
        plan.units_changed
    );
    let new = |id: &str| store::NewJob {
        tenant: tenant.clone(),
        id: id.to_owned(),
        ..store::NewJob::default()
    };
    let job = store::Job::new(
        store::NewJob {
            digest,
            files,
            base,
            origin: "site".to_owned(),
            is_recounted: true,
            ..new("bench")
        },
        &of,
    );
    store.put_job(&job).await?;
    let pace = pipeline::Pace {
        max_pending: 1_000_000,
        ..pipeline::Pace::default()
    };
    for id in ["bench", "undo"] {
        if id == "undo" {
            pipeline::roll_back(store, &tenant, "bench", new(id)).await?;
        }
        let started = Instant::now();
        let job = pipeline::begin(store, &tenant, id, "bench", 1).await?;
        let step = pipeline::apply(store, &job, pace, &|| 1, &|_| ()).await?;
        anyhow::ensure!(
            step.poisoned == 0 && step.bytes == step.bytes_total,
            "{step:?}"
        );
        println!(
            "{id}: {:.0} MB/s classified and stored with one thread, {:.0} MB/s with all that follows; {} events, {} taken back",
            step.bytes as f64 / 1e3 / step.busy_ms.max(1) as f64,
            step.bytes as f64 / 1e6 / started.elapsed().as_secs_f64(),
            step.events,
            step.taken_back
        );
    }
    Ok(())
}

fn chunks(logs: &[simulate::LogFile], target: usize) -> Vec<Chunk> {
    let mut chunks = Vec::new();
    for log in logs {
        let Some(source) = Source::from_name(log.source) else {
            continue;
        };
        let detected = parse::detect(
            &log.path,
            &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)],
        );
        let mut pieces = Vec::new();
        let mut cutter = parse::Cutter::new(detected.encoding, detected.format, 0, target);
        cutter.push(&log.bytes, &mut pieces);
        cutter.finish(&mut pieces);
        let first = pieces
            .first()
            .map_or(0, |piece| parse::first_record_hash(&piece.text));
        chunks.extend(pieces.into_iter().map(|piece| Chunk {
            tenant: "default".to_owned(),
            endpoint: String::new(),
            source,
            stream: parse::stream_id("default", &log.path, source, first),
            path: log.path.clone(),
            offset: piece.offset,
            length: piece.length,
            encoding: detected.encoding,
            format: detected.format,
            open: piece.open,
            sender: String::new(),
            received_ms: 0,
            text: piece.text,
        }));
    }
    chunks
}
