//! Prints MB/s of source text from chunks in memory to rows that are durable, and the time until all is derived.
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
    std::fs::remove_dir_all(folder)?;
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
