//! Commits, joining and leaving, back-pressure, closing.

use super::*;
use queue::{Producer, Share};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// What the group has committed for a partition of the chunks, as anybody may ask.
pub(crate) fn committed(config: &Config, partition: i32) -> Option<(i64, String)> {
    let client: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .create()
        .unwrap();
    let mut list = TopicPartitionList::new();
    list.add_partition(&config.chunks_topic, partition);
    let answer = client.committed_offsets(list, PATIENCE).unwrap();
    let element = answer.find_partition(&config.chunks_topic, partition)?;
    match element.offset() {
        Offset::Offset(offset) => Some((offset, element.metadata().to_owned())),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_acknowledged_without_a_hole_is_committed() {
    let config = settings("contiguous", 1).await;
    let producer = Producer::new(&config).unwrap();
    for number in 0..6 {
        producer.send(vec![chunk("PC-1", number)]).await.unwrap();
    }
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut records = Vec::new();
    for _ in 0..6 {
        records.push(record(&consumer).await);
    }
    for (acknowledged, expected) in [(4, 0), (1, 0), (0, 2), (2, 3), (3, 5), (5, 6)] {
        consumer.ack(&records[acknowledged].receipt);
        consumer.commit().await;
        let (offset, metadata) = committed(&config, 0).unwrap();
        assert_eq!(offset, expected);
        assert!(
            metadata.starts_with("v1 ") && metadata.ends_with(" working"),
            "{metadata}"
        );
    }
    // A second time is no harm.
    consumer.ack(&records[3].receipt);
    let status = consumer.status(now_ms());
    assert_eq!(
        (status.received, status.acknowledged, status.in_flight_bytes),
        (6, 6, 0)
    );
    until("the lag is known to be none", async || {
        let status = consumer.status(now_ms());
        status.partitions[0].lag == Some(0) && status.partitions[0].lag_ms == Some(0)
    })
    .await;
    assert!(consumer.close(PATIENCE).await);
    let (_, metadata) = committed(&config, 0).unwrap();
    assert!(metadata.ends_with(" clean"), "{metadata}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_acknowledged_comes_again() {
    let config = settings("again", 1).await;
    let producer = Producer::new(&config).unwrap();
    producer
        .send((0..5).map(|number| chunk("PC-1", number)).collect())
        .await
        .unwrap();
    let mut quick = config.clone();
    quick.revoke_wait = Duration::ZERO;
    let consumer = Consumer::start(&quick, &[&config.chunks_topic]).unwrap();
    take(&consumer, 2).await;
    // Handed out and never acknowledged.
    assert_eq!(record(&consumer).await.receipt.offset(), 2);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 2);

    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let rest = take(&consumer, 3).await;
    assert_eq!(rest.keys().copied().collect::<Vec<_>>(), [2, 3, 4]);
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_what_is_in_flight() {
    let config = settings("closing", 1).await;
    let producer = Producer::new(&config).unwrap();
    producer.send(vec![chunk("PC-1", 1)]).await.unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let held = record(&consumer).await;
    consumer.stop();
    assert!(consumer.recv().await.unwrap().is_none());
    consumer.ack(&held.receipt);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 1);
}

/// As a role stops whose store is away: the wait for acknowledgements must not use up the time in which the group is to be left.
#[tokio::test(flavor = "multi_thread")]
async fn a_close_with_records_in_flight_that_nobody_acknowledges_is_in_good_order() {
    let config = settings("unstorable", 1).await;
    let producer = Producer::new(&config).unwrap();
    let chunks = (0..3).map(|number| chunk("PC-1", number)).collect();
    producer.send(chunks).await.unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    take(&consumer, 1).await;
    let held = [record(&consumer).await, record(&consumer).await];
    assert!(consumer.close(config.revoke_wait).await);
    let (offset, metadata) = committed(&config, 0).unwrap();
    assert!(offset == 1 && metadata.ends_with(" clean"), "{metadata}");
    // Too late, and no harm.
    held.iter().for_each(|held| consumer.ack(&held.receipt));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_much_in_flight_pauses_and_room_resumes() {
    let mut raw = raw("pressure", 3);
    raw.in_flight_max = "1 MiB".to_owned();
    let config = made(&raw).await;
    let producer = Producer::new(&config).unwrap();
    let count = 64;
    let chunks = (0..count)
        .map(|number| Chunk {
            text: "x".repeat(100_000),
            ..chunk(&format!("PC-{number}"), number)
        })
        .collect();
    producer.send(chunks).await.unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut seen = BTreeSet::new();
    let (mut held, mut pauses) = (Vec::new(), 0);
    let deadline = Instant::now() + PATIENCE;
    while seen.len() < usize::try_from(count).unwrap() {
        match tokio::time::timeout(Duration::from_millis(200), consumer.recv()).await {
            Ok(delivery) => {
                let Some(Delivery::Record(record)) = delivery.unwrap() else {
                    panic!("no record")
                };
                held.push(record.receipt);
                seen.insert(queue::record::decode(record.content).unwrap().stream.0);
                // The bound, and the one record that crosses it.
                assert!(consumer.status(now_ms()).in_flight_bytes < (1 << 20) + 110_000);
            }
            // Nothing comes: the bound is reached, or nothing was fetched yet.
            Err(_) if consumer.status(now_ms()).in_flight_bytes >= 1 << 20 => {
                pauses += 1;
                held.drain(..).for_each(|receipt| consumer.ack(&receipt));
            }
            Err(_) => assert!(Instant::now() < deadline, "{} records", seen.len()),
        }
    }
    assert!(pauses >= 4, "{pauses} pauses for six times the bound");
    held.drain(..).for_each(|receipt| consumer.ack(&receipt));
    assert!(
        consumer
            .status(now_ms())
            .partitions
            .iter()
            .all(|partition| partition.halted.is_none())
    );
    assert!(consumer.close(PATIENCE).await);
}

/// Members come and go while records are sent; each is acknowledged once it was handed out, by whoever holds it.
async fn storm(name: &str, protocol: &str) {
    let mut raw = raw(name, 6);
    raw.group_protocol = protocol.to_owned();
    let config = made(&raw).await;
    let producer = Producer::new(&config).unwrap();
    let (stop, seen) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(Mutex::new(BTreeMap::<u64, u32>::new())),
    );
    let sender = tokio::spawn({
        let (producer, stop) = (producer.clone(), Arc::clone(&stop));
        async move {
            let mut number = 0;
            while !stop.load(Ordering::Relaxed) {
                let chunks = (0..20)
                    .map(|at| chunk(&format!("PC-{at}"), number + at))
                    .collect();
                send(&producer, chunks).await;
                number += 20;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            number
        }
    });
    let member = |consumer: Arc<Consumer>| {
        let seen = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Some(delivery) = consumer.recv().await.unwrap() {
                let Delivery::Record(record) = delivery else {
                    panic!("a gap")
                };
                let chunk = queue::record::decode(record.content).unwrap();
                *seen.lock().unwrap().entry(chunk.stream.0).or_default() += 1;
                consumer.ack(&record.receipt);
            }
        })
    };
    let start = || Arc::new(Consumer::start(&config, &[&config.chunks_topic]).unwrap());
    let stays = start();
    let stays_task = member(Arc::clone(&stays));
    let mut lost = 0;
    for _ in 0..3 {
        let joins = start();
        let task = member(Arc::clone(&joins));
        until("the new member has partitions", async || {
            !joins.status(now_ms()).partitions.is_empty()
        })
        .await;
        let before = joins.status(now_ms()).acknowledged;
        until("the new member makes progress", async || {
            joins.status(now_ms()).acknowledged > before
        })
        .await;
        joins.stop();
        task.await.unwrap();
        lost += joins.status(now_ms()).lost;
        assert!(Arc::into_inner(joins).unwrap().close(PATIENCE).await);
    }
    stop.store(true, Ordering::Relaxed);
    let sent = sender.await.unwrap();
    until("everything is read", async || {
        seen.lock().unwrap().len() as u64 == sent
    })
    .await;
    stays.stop();
    stays_task.await.unwrap();
    lost += stays.status(now_ms()).lost;
    assert!(Arc::into_inner(stays).unwrap().close(PATIENCE).await);
    let repeats: u32 = seen.lock().unwrap().values().map(|times| times - 1).sum();
    // Who leaves in order leaves nothing to be read twice. A machine that stands still for seconds loses partitions instead.
    assert!(repeats == 0 || lost > 0, "{repeats} repeats");
    let done: i64 = (0..6)
        .filter_map(|partition| committed(&config, partition))
        .map(|(offset, _)| offset)
        .sum();
    assert_eq!(done.cast_unsigned(), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_join_and_leave_lose_and_double_nothing() {
    storm("storm", "classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_the_new_protocol_lose_and_double_nothing() {
    storm("storm-848", "consumer").await;
}

/// Kafka's client sends heartbeats from a thread of its own, so `session_timeout` bounds a silent process and no work.
#[tokio::test(flavor = "multi_thread")]
async fn work_that_takes_longer_than_the_session_timeout_loses_no_partition() {
    let mut raw = raw("slow-work", 2);
    raw.revoke_wait = "8s".to_owned();
    let config = made(&raw).await;
    assert!(config.revoke_wait > 2 * config.session_timeout);
    let producer = Producer::new(&config).unwrap();
    let chunks = (0..20).map(|number| chunk(&format!("PC-{number}"), number));
    producer.send(chunks.collect()).await.unwrap();
    let slow = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut held = BTreeSet::new();
    while held.len() < 2 {
        held.insert(record(&slow).await.receipt.partition());
    }
    // What it gives up it waits for in vain, and answers nobody meanwhile.
    let start = Instant::now();
    let joins = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    until("the new member has a partition", async || {
        !joins.status(now_ms()).partitions.is_empty()
    })
    .await;
    assert!(start.elapsed() >= config.revoke_wait);
    let status = slow.status(now_ms());
    assert_eq!((status.lost, status.partitions.len()), (0, 1));
    assert!(joins.close(PATIENCE).await);
    assert!(slow.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_added_under_load_are_read_from_their_start() {
    let config = settings("added", 2).await;
    let producer = Producer::new(&config).unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut seen = BTreeSet::new();
    let mut sent = 0;
    let mut is_added = false;
    let deadline = Instant::now() + PATIENCE;
    while consumer.status(now_ms()).partitions.len() < 4 || seen.len() < sent {
        assert!(Instant::now() < deadline, "{} of {sent}", seen.len());
        if consumer.status(now_ms()).partitions.len() < 4 {
            let chunks = (0..10)
                .map(|at| chunk(&format!("PC-{}", sent + at), (sent + at) as u64))
                .collect();
            producer.send(chunks).await.unwrap();
            sent += 10;
        }
        if !is_added {
            queue::topics::add_partitions(&config, &config.chunks_topic, 4)
                .await
                .unwrap();
            is_added = true;
        }
        while let Ok(delivery) =
            tokio::time::timeout(Duration::from_millis(20), consumer.recv()).await
        {
            let Some(Delivery::Record(record)) = delivery.unwrap() else {
                panic!("no record")
            };
            consumer.ack(&record.receipt);
            assert!(seen.insert(queue::record::decode(record.content).unwrap().stream.0));
        }
    }
    assert_eq!(consumer.status(now_ms()).from_earliest, 4);
    assert!(consumer.close(PATIENCE).await);
}

/// What producers put into a consumer's partitions is its share, also once there are more of them; shares are apart.
async fn shares(name: &str, protocol: &str) {
    let mut raw = raw(name, 3);
    raw.group_protocol = protocol.to_owned();
    let config = made(&raw).await;
    let start = || {
        let (share, shared) = watch::channel(Share::none());
        let topics = [config.chunks_topic.as_str()];
        let consumer = Consumer::start_telling(&config, &topics, share).unwrap();
        (consumer, shared)
    };
    let (first, of_first) = start();
    until("one alone has everything", async || {
        of_first.borrow().is_all()
    })
    .await;
    let names: Vec<String> = (0..40).map(|number| format!("PC-{number}")).collect();
    let (second, of_second) = start();
    let split = async |of: u32| {
        until(
            "each has a share, and together they are whole",
            async || {
                let shares = [of_first.borrow().clone(), of_second.borrow().clone()];
                let partitions = shares.iter().flat_map(Share::partitions);
                let is_whole = partitions.collect::<BTreeSet<u32>>().len() == of as usize;
                let is_known = shares
                    .iter()
                    .all(|share| share.of() == of && !share.is_none());
                let owners = |name: &str| {
                    shares
                        .iter()
                        .filter(|share| share.has("default", name))
                        .count()
                };
                is_whole && is_known && names.iter().all(|name| owners(name) == 1)
            },
        )
        .await;
    };
    split(3).await;
    queue::topics::add_partitions(&config, &config.chunks_topic, 7)
        .await
        .unwrap();
    split(7).await;
    // Made now, it knows of all partitions.
    let producer = Producer::new(&config).unwrap();
    let chunks = names.iter().map(|name| chunk(name, 1)).collect();
    send(&producer, chunks).await;
    let mut met = 0;
    while met < names.len() {
        let (delivery, share) = tokio::select! {
            delivery = first.recv() => (delivery, of_first.borrow().clone()),
            delivery = second.recv() => (delivery, of_second.borrow().clone()),
        };
        let Some(Delivery::Record(record)) = delivery.unwrap() else {
            panic!("no record")
        };
        let chunk = queue::record::decode(record.content).unwrap();
        assert!(share.has(&chunk.tenant, &chunk.endpoint), "{share:?}");
        met += 1;
    }
    assert!(second.close(PATIENCE).await);
    assert!(of_second.borrow().is_none());
    until("the other one has all of it", async || {
        of_first.borrow().is_all()
    })
    .await;
    assert!(first.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_what_producers_put_into_ones_partitions() {
    shares("shares", "classic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_is_the_same_in_the_new_protocol() {
    shares("shares-848", "consumer").await;
}
