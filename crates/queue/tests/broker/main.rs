//! The queue against a real Apache Kafka. Every test has topics and a group of its own, named after it.
//!
//! - `transport`: chunks travel whole, in readable form, and are acknowledged only when they are there
//! - `topics`: made, checked, widened
//! - `group`: commits, joining and leaving, back-pressure, closing
//! - `start`: where partitions start after every kind of loss
//! - `foreign`: topics of shippers, which we neither make nor wait for
//! - `faults`: a broker that is killed, connections that break
//! - `poison`: a record that ends its process is kept, and the rest flows
//! - `security`: TLS and SASL

mod faults;
mod foreign;
mod group;
mod poison;
mod security;
mod start;
mod topics;
mod transport;

use event::{Chunk, Format, Source, StreamId, TextEncoding};
use kafka_harness::{Broker, Options};
use queue::{Config, Consumer, Delivery, RawConfig, Record, SendError};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Longest wait for anything here; generous, as a test machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

/// The broker that all tests share. It dies with this process.
fn shared_broker() -> String {
    static BROKER: OnceLock<Broker> = OnceLock::new();
    BROKER
        .get_or_init(|| Broker::start(&Options::default()))
        .address()
}

/// Settings for the shared broker with names of their own, and small times.
fn raw(name: &str, partitions: u32) -> RawConfig {
    RawConfig {
        brokers: shared_broker(),
        ..names(name, partitions)
    }
}

fn names(name: &str, partitions: u32) -> RawConfig {
    RawConfig {
        client_id: name.to_owned(),
        group: format!("{name}.group"),
        chunks_topic: format!("{name}.chunks"),
        partitions,
        replication_factor: 1,
        linger: "5ms".to_owned(),
        session_timeout: "3s".to_owned(),
        metadata_refresh: "500ms".to_owned(),
        commit_interval: "50ms".to_owned(),
        ..RawConfig::default()
    }
}

/// The same, checked, with its topics made.
async fn settings(name: &str, partitions: u32) -> Config {
    made(&raw(name, partitions)).await
}

async fn made(raw: &RawConfig) -> Config {
    let config = Config::check(raw).unwrap();
    queue::topics::ensure(&config).await.unwrap();
    config
}

/// A made-up chunk whose text says which one it is.
fn chunk(endpoint: &str, number: u64) -> Chunk {
    Chunk {
        tenant: "default".to_owned(),
        endpoint: endpoint.to_owned(),
        source: Source::Cbs,
        stream: StreamId(number),
        path: r"C:\Windows\Logs\CBS\CBS.log".to_owned(),
        offset: number * 100,
        length: 100,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        received_ms: now_ms(),
        text: format!(
            "2024-05-01 08:00:00, Info                  CBS    made up {endpoint} {number}\r\n"
        ),
    }
}

fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(now.as_millis()).unwrap()
}

/// Awaits a condition that only others can bring about.
async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so().await {
        assert!(Instant::now() < deadline, "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// The next delivery.
async fn next(consumer: &Consumer) -> Delivery {
    tokio::time::timeout(PATIENCE, consumer.recv())
        .await
        .expect("a delivery in time")
        .expect("a sound consumer")
        .expect("an open consumer")
}

/// The next delivery, which is a record.
async fn record(consumer: &Consumer) -> Record {
    match next(consumer).await {
        Delivery::Record(record) => record,
        Delivery::Gap(gap) => panic!("a gap: {gap:?}"),
    }
}

/// The next `count` records as chunks, by number; acknowledged.
async fn take(consumer: &Consumer, count: usize) -> BTreeMap<u64, Chunk> {
    let mut chunks = BTreeMap::new();
    for _ in 0..count {
        let record = record(consumer).await;
        let chunk = queue::record::decode(record.content).unwrap();
        consumer.ack(&record.receipt);
        chunks.insert(chunk.stream.0, chunk);
    }
    chunks
}

/// Sends until it is acknowledged, as a sender does.
async fn send(producer: &queue::Producer, chunks: Vec<Chunk>) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match producer.send(chunks.clone()).await {
            Ok(()) => return,
            Err(error) if error.is_retryable() && Instant::now() < deadline => {}
            Err(error) => panic!("{error}"),
        }
    }
}
