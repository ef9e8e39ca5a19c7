//! A broker that is killed, and connections that break. Each test has a broker of its own, as the others need theirs whole.

use super::*;
use kafka_harness::{Faults, Proxy, Replies};
use queue::Producer;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// Settings for a broker of one's own.
fn on(address: &str, name: &str) -> RawConfig {
    RawConfig {
        brokers: address.to_owned(),
        ..names(name, 3)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_survives_a_killed_broker() {
    let mut broker = Broker::start(&Options::default());
    let mut raw = on(&broker.address(), "killed");
    // Short, so that senders hear of the outage while it lasts.
    raw.message_timeout = "2s".to_owned();
    let config = made(&raw).await;
    let producer = Producer::new(&config).unwrap();
    let acknowledged = Arc::new(Mutex::new(BTreeSet::new()));
    let (stop, failures) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicU64::new(0)),
    );
    let mut senders = Vec::new();
    for sender in 0..4_u64 {
        let (producer, acknowledged) = (producer.clone(), Arc::clone(&acknowledged));
        let (stop, failures) = (Arc::clone(&stop), Arc::clone(&failures));
        senders.push(tokio::spawn(async move {
            let mut number = sender;
            while !stop.load(Ordering::Relaxed) {
                let sent = chunk(&format!("PC-{sender}"), number);
                match producer.send(vec![sent]).await {
                    Ok(()) => {
                        acknowledged.lock().unwrap().insert(number);
                        number += 4;
                    }
                    // The same one again.
                    Err(error) if error.is_retryable() => {
                        failures.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) => panic!("{error}"),
                }
            }
        }));
    }
    let acknowledged_by_now = || acknowledged.lock().unwrap().len();
    until("some are acknowledged", async || {
        acknowledged_by_now() > 200
    })
    .await;
    broker.kill();
    let at_kill = acknowledged_by_now();
    until("every sender hears of it", async || {
        failures.load(Ordering::Relaxed) >= 4
    })
    .await;
    // At most what was on its way at that moment.
    assert!(
        acknowledged_by_now() <= at_kill + 4,
        "acknowledged by nobody"
    );
    broker.restart();
    let before = acknowledged_by_now();
    until("sends go on", async || acknowledged_by_now() > before + 200).await;
    stop.store(true, Ordering::Relaxed);
    for sender in senders {
        sender.await.unwrap();
    }
    assert!(producer.flush(PATIENCE).await);

    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut missing = acknowledged.lock().unwrap().clone();
    let deadline = Instant::now() + PATIENCE;
    while !missing.is_empty() {
        assert!(Instant::now() < deadline, "lost: {missing:?}");
        for number in take(&consumer, 1).await.into_keys() {
            missing.remove(&number);
        }
    }
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_on_after_its_broker_and_can_be_closed_without_it() {
    let mut broker = Broker::start(&Options::default());
    let config = made(&on(&broker.address(), "outage")).await;
    let producer = Producer::new(&config).unwrap();
    producer.send(vec![chunk("PC-1", 1)]).await.unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let held = record(&consumer).await;
    broker.kill();
    // Cannot be committed now; it is, as soon as there is somebody to hear it.
    consumer.ack(&held.receipt);
    broker.restart();
    send(&producer, vec![chunk("PC-1", 2)]).await;
    let mut seen = BTreeSet::new();
    while !seen.contains(&2) {
        seen.extend(take(&consumer, 1).await.into_keys());
    }
    until("both are committed", async || {
        let status = consumer.status(now_ms());
        status
            .partitions
            .iter()
            .filter_map(|partition| partition.committed)
            .sum::<i64>()
            == 2
    })
    .await;

    send(&producer, vec![chunk("PC-1", 3)]).await;
    take(&consumer, 1).await;
    broker.kill();
    // Whether it could still commit is chance; that it returns is not.
    let closed = tokio::time::timeout(PATIENCE, consumer.close(Duration::from_secs(1))).await;
    assert!(closed.is_ok(), "the close hangs");
    assert!(
        !producer.flush(Duration::from_millis(1)).await || producer.status().in_flight_bytes == 0
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn broken_connections_neither_lose_nor_double_a_record() {
    let proxy = Proxy::start().await.unwrap();
    let broker = Broker::start(&Options {
        proxy: Some(proxy.address()),
        ..Options::default()
    });
    proxy.forward_to(broker.behind_proxy());
    let mut raw = on(&broker.address(), "broken");
    // So that the bytes on the wire are those that are cut.
    raw.compression = "none".to_owned();
    let direct = made(&raw).await;
    let mut through = direct.clone();
    through.brokers = proxy.address().to_string();
    let producer = Producer::new(&through).unwrap();
    let mut number = 0;
    for faults in [
        Faults {
            replies: Replies::Drop,
            ..Faults::default()
        },
        // While a connection greets, and within the records.
        Faults {
            cut_after: Some(700),
            ..Faults::default()
        },
        Faults {
            cut_after: Some(20_000),
            ..Faults::default()
        },
        Faults {
            replies: Replies::Hold,
            ..Faults::default()
        },
    ] {
        let (resets, held) = (proxy.resets(), proxy.held());
        // In good order first, so that the fault meets a batch and not a greeting.
        producer.send(vec![chunk("PC-1", number)]).await.unwrap();
        let chunks = (1..=20)
            .map(|at| Chunk {
                text: "x".repeat(5_000),
                ..chunk(&format!("PC-{at}"), number + at)
            })
            .collect();
        proxy.set(faults);
        let sending = tokio::spawn({
            let producer = producer.clone();
            async move { send(&producer, chunks).await }
        });
        until("the fault is met", async || {
            proxy.resets() > resets || proxy.held() > held
        })
        .await;
        proxy.set(Faults::default());
        sending.await.unwrap();
        number += 21;
    }
    let consumer = Consumer::start(&direct, &[&direct.chunks_topic]).unwrap();
    let mut seen = Vec::new();
    while seen.len() < usize::try_from(number).unwrap() {
        seen.extend(take(&consumer, 1).await.into_keys());
    }
    until("the end is known", async || {
        let status = consumer.status(now_ms());
        status.partitions.len() == 3
            && status
                .partitions
                .iter()
                .all(|partition| partition.lag == Some(0))
    })
    .await;
    assert_eq!(consumer.status(now_ms()).received, number, "doubled");
    assert_eq!(
        seen.into_iter().collect::<BTreeSet<_>>(),
        (0..number).collect()
    );
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_was_cut_off_commits_nothing_that_it_lost() {
    let proxy = Proxy::start().await.unwrap();
    let broker = Broker::start(&Options {
        proxy: Some(proxy.address()),
        ..Options::default()
    });
    proxy.forward_to(broker.behind_proxy());
    let direct = made(&on(&broker.address(), "zombie")).await;
    let mut through = direct.clone();
    through.brokers = proxy.address().to_string();
    let producer = Producer::new(&direct).unwrap();
    let chunks = (0..30)
        .map(|number| chunk(&format!("PC-{number}"), number))
        .collect();
    producer.send(chunks).await.unwrap();

    let zombie = Consumer::start(&through, &[&direct.chunks_topic]).unwrap();
    let mut held = Vec::new();
    for _ in 0..30 {
        held.push(record(&zombie).await);
    }
    // Heard no more and hearing nothing: the group puts it out after its session timeout.
    proxy.set(Faults {
        replies: Replies::Hold,
        ..Faults::default()
    });
    let heir = Consumer::start(&direct, &[&direct.chunks_topic]).unwrap();
    let read = take(&heir, 30).await;
    assert_eq!(read.len(), 30);
    heir.commit().await;
    until("the heir has everything", async || {
        heir.status(now_ms()).partitions.len() == 3
    })
    .await;

    proxy.set(Faults::default());
    proxy.cut();
    until("the zombie knows what it lost", async || {
        zombie.status(now_ms()).rebalances >= 2
    })
    .await;
    for record in &held {
        zombie.ack(&record.receipt);
    }
    zombie.commit().await;
    let status = zombie.status(now_ms());
    assert_eq!((status.stale, status.lost), (30, 3));
    let done: i64 = (0..3)
        .filter_map(|partition| group::committed(&direct, partition))
        .map(|(offset, _)| offset)
        .sum();
    assert_eq!(done, 30);
    assert!(zombie.close(PATIENCE).await);
    assert!(heir.close(PATIENCE).await);
}
