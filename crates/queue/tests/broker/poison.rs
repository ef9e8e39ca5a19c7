//! A record that ends its process is tried alone, then handed out to be kept; everything else flows.

use super::*;
use queue::Producer;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// What the worker is told: the broker, and the file in which it notes what it acknowledged.
const BROKER_OF_WORKER: &str = "CBSIFT_TEST_BROKER";
const NOTES_OF_WORKER: &str = "CBSIFT_TEST_NOTES";

const NAME: &str = "dies-alone";

/// No test of its own: the process that the test below starts, which ends at once where a record is planted.
#[tokio::test(flavor = "multi_thread")]
async fn worker() {
    let (Ok(brokers), Ok(notes)) = (
        std::env::var(BROKER_OF_WORKER),
        std::env::var(NOTES_OF_WORKER),
    ) else {
        return;
    };
    let raw = RawConfig {
        brokers,
        ..names(NAME, 2)
    };
    let config = Config::check(&raw).unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut notes = std::fs::OpenOptions::new()
        .append(true)
        .open(notes)
        .unwrap();
    while let Some(Delivery::Record(record)) = consumer.recv().await.unwrap() {
        let text = String::from_utf8(record.content.value.clone().unwrap()).unwrap();
        if text.contains(NAME) && !record.died_alone {
            std::process::abort();
        }
        let (partition, offset) = (record.receipt.partition(), record.receipt.offset());
        writeln!(notes, "{partition} {offset} {}", record.died_alone).unwrap();
        consumer.ack(&record.receipt);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_ends_its_process_is_kept_and_the_rest_flows() {
    let config = settings(NAME, 2).await;
    let producer = Producer::new(&config).unwrap();
    let endpoints = ["PC-1", "PC-2", "PC-3", "PC-4"];
    for number in 0..10 {
        for endpoint in endpoints {
            let mut chunk = chunk(endpoint, number);
            if (endpoint, number) == ("PC-1", 5) {
                chunk.text = format!("{NAME} {}", chunk.text);
            }
            send(&producer, vec![chunk]).await;
        }
    }
    let notes = tempfile::NamedTempFile::new().unwrap();
    let start = || {
        // Linux kills it with the thread that started it: a test that fails leaves none behind.
        Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "poison::worker"])
            .env(BROKER_OF_WORKER, &config.brokers)
            .env(NOTES_OF_WORKER, notes.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    let (mut worker, mut deaths) = (start(), 0);
    // Of each record, whether it was handed out to be kept.
    let mut kept: BTreeMap<(i32, i64), bool> = BTreeMap::new();
    // Seven ends, each with a session to wait for and a process to start.
    let deadline = Instant::now() + 3 * PATIENCE;
    while kept.len() < 40 {
        assert!(
            Instant::now() < deadline,
            "{deaths} deaths, {} records",
            kept.len()
        );
        if worker.try_wait().unwrap().is_some() {
            (worker, deaths) = (start(), deaths + 1);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
        for line in std::fs::read_to_string(notes.path()).unwrap().lines() {
            let mut words = line.split(' ');
            let mut word = || words.next().unwrap_or_default();
            // The last line may be half written.
            if let (Ok(partition), Ok(offset), Ok(is_kept)) =
                (word().parse(), word().parse(), word().parse())
            {
                kept.insert((partition, offset), is_kept);
            }
        }
    }
    worker.kill().unwrap();
    worker.wait().unwrap();
    assert_eq!(kept.values().filter(|is_kept| **is_kept).count(), 1);
    // Once unawares, at least once in company, three times alone.
    assert!((5..=12).contains(&deaths), "{deaths}");
}
