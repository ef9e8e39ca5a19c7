//! Prints what the engine costs on this machine: start, `SELECT 1`, inserts through the façade.
//!
//! `cargo run --release -p embedded-clickhouse --example measure [FOLDER]`
//! The folder must be on a real disk: every insert waits for it.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clickhouse::{Client, Compression, Row};
use embedded_clickhouse::testing::{TOKEN, TestEngine};
use serde::Serialize;

/// Wide enough to be like an event: 21 columns, text of 250 bytes.
#[derive(Row, Serialize)]
struct Event<'a> {
    id: u64,
    stream: u64,
    offset: u64,
    version: u128,
    time: i64,
    code: u32,
    sequence: u32,
    endpoint: &'a str,
    source: &'a str,
    rule: &'a str,
    category: &'a str,
    level: &'a str,
    component: &'a str,
    session: &'a str,
    package: &'a str,
    kb: &'a str,
    object: &'a str,
    operation: &'a str,
    codes: &'a [u32],
    maybe: Option<i32>,
    text: &'a str,
}

const COLUMNS: &str = "id UInt64, stream UInt64, offset UInt64, version UInt128, \
    time DateTime64(3, 'UTC'), code UInt32, sequence UInt32, endpoint LowCardinality(String), \
    source LowCardinality(String), rule LowCardinality(String), category LowCardinality(String), \
    level LowCardinality(String), component LowCardinality(String), session String, \
    package String, kb LowCardinality(String), object String, operation LowCardinality(String), \
    codes Array(UInt32), maybe Nullable(Int32), text String CODEC(ZSTD(1))";

const ROWS_PER_BATCH: u64 = 10_000;
const RUN_FOR: Duration = Duration::from_secs(10);

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = match std::env::args_os().nth(1) {
        Some(folder) => PathBuf::from(folder),
        None => std::env::temp_dir().join(format!("measure-{}", std::process::id())),
    };
    let started = Instant::now();
    let engine = TestEngine::fresh(&folder);
    let opened = started.elapsed();
    let client = Client::default()
        .with_url(engine.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift")
        .with_compression(Compression::None);
    client.query("SELECT 1").fetch_one::<u8>().await?;
    println!(
        "start: open {opened:.0?}, first answer after {:.0?}",
        started.elapsed()
    );

    let mut latencies = Vec::new();
    for _ in 0..1_000 {
        let asked = Instant::now();
        client.query("SELECT 1").fetch_one::<u8>().await?;
        latencies.push(asked.elapsed());
    }
    latencies.sort();
    println!(
        "SELECT 1: p50 {:.2?}, p99 {:.2?}",
        latencies[500], latencies[990]
    );

    for (fsync, writers) in [(1, 1), (0, 1), (1, 2)] {
        let create = format!(
            "CREATE TABLE events ({COLUMNS}) ENGINE = MergeTree ORDER BY (endpoint, time) \
             SETTINGS fsync_after_insert = {fsync}, fsync_part_directory = {fsync}"
        );
        client
            .query("DROP TABLE IF EXISTS events SYNC")
            .execute()
            .await?;
        client.query(&create).execute().await?;
        let cpu = engine.cpu_seconds();
        let started = Instant::now();
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..writers {
            let client = client.clone();
            tasks.spawn(async move { write(client, writer, started).await });
        }
        let mut inserts = Vec::new();
        while let Some(written) = tasks.join_next().await {
            inserts.extend(written??);
        }
        let seconds = started.elapsed().as_secs_f64();
        let rows: u64 = client
            .query("SELECT count() FROM events")
            .fetch_one()
            .await?;
        assert_eq!(
            rows,
            inserts.len() as u64 * ROWS_PER_BATCH,
            "every row counts"
        );
        inserts.sort();
        let cpu_us = (engine.cpu_seconds() - cpu) * 1e6 / rows as f64;
        println!(
            "insert, batches of {ROWS_PER_BATCH}, fsync {fsync}, {writers} writer(s): \
             {:.0} rows/s, {cpu_us:.1} CPU µs/row, p50 {:.0?}, p99 {:.0?}",
            rows as f64 / seconds,
            inserts[inserts.len() / 2],
            inserts[inserts.len() * 99 / 100],
        );
    }
    println!(
        "memory of the engine's process: {} MiB",
        engine.health().resident_bytes().unwrap_or_default() >> 20
    );
    engine.stop();
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// Inserts until the time is over; returns how long each insert took.
async fn write(
    client: Client,
    writer: u64,
    started: Instant,
) -> Result<Vec<Duration>, clickhouse::error::Error> {
    let mut inserts = Vec::new();
    let mut id = writer << 40;
    while started.elapsed() < RUN_FOR {
        let asked = Instant::now();
        let mut insert = client.insert::<Event<'_>>("events").await?;
        for _ in 0..ROWS_PER_BATCH {
            id += 1;
            let endpoint = format!("MADE-UP-{:05}", id % 20_000);
            let text = format!(
                "{}, Error CBS Failed to process single phase execution of made-up package {} \
                 [HRESULT = 0x{:08x} - MADE_UP_NAME] {}",
                id,
                id * 31 % 977,
                id * 2_654_435_761 % 0xffff_ffff,
                "and more words that a servicing log repeats all day ".repeat(3),
            );
            insert
                .write(&Event {
                    id,
                    stream: id % 977,
                    offset: id * 151,
                    version: u128::from(id) << 64,
                    time: 1_600_000_000_000 + id as i64,
                    code: (id % 37) as u32 + 0x8007_0000,
                    sequence: id as u32,
                    endpoint: &endpoint,
                    source: "cbs",
                    rule: "made-up-rule",
                    category: "store_corruption",
                    level: "Error",
                    component: "CBS",
                    session: "30853_1234567890",
                    package: "Package_for_MadeUp~31bf3856ad364e35~amd64~~10.0.1.1",
                    kb: "KB5000000",
                    object: "\\??\\C:\\Program Files\\Made Up",
                    operation: "open",
                    codes: &[0x8007_0570, 0xd000_0102],
                    maybe: None,
                    text: &text,
                })
                .await?;
        }
        insert.end().await?;
        inserts.push(asked.elapsed());
    }
    Ok(inserts)
}
