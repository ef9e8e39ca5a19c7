//! Where partitions start after every kind of loss.

use super::group::committed;
use super::*;
use queue::{Producer, Rewind, RewindError, rewind};
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

fn client<T: rdkafka::config::FromClientConfig>(config: &Config) -> T {
    ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", &config.group)
        .create()
        .unwrap()
}

/// Deletes what lies below an offset, as retention does.
async fn cut(config: &Config, below: i64) {
    let admin: AdminClient<DefaultClientContext> = client(config);
    let mut list = TopicPartitionList::new();
    list.add_partition_offset(&config.chunks_topic, 0, Offset::Offset(below))
        .unwrap();
    admin
        .delete_records(&list, &AdminOptions::new())
        .await
        .unwrap();
}

/// Makes the topic of chunks anew, as an operator's mistake does.
async fn make_anew(config: &Config) {
    let admin: AdminClient<DefaultClientContext> = client(config);
    admin
        .delete_topics(&[&config.chunks_topic], &AdminOptions::new())
        .await
        .unwrap();
    until("the topic is gone and made anew", async || {
        queue::topics::ensure(config)
            .await
            .is_ok_and(|state| state.created)
    })
    .await;
}

fn commit_by_hand(config: &Config, offset: i64, metadata: &str) {
    let consumer: BaseConsumer = client(config);
    let mut list = TopicPartitionList::new();
    let mut element = list.add_partition(&config.chunks_topic, 0);
    element.set_offset(Offset::Offset(offset)).unwrap();
    element.set_metadata(metadata);
    consumer.commit(&list, CommitMode::Sync).unwrap();
}

async fn send_numbers(config: &Config, numbers: std::ops::Range<u64>) {
    let producer = Producer::new(config).unwrap();
    for number in numbers {
        send(&producer, vec![chunk("PC-1", number)]).await;
    }
}

/// Reads some, closes, and so leaves a commit with its mark.
async fn read_numbers(config: &Config, count: usize) {
    let consumer = Consumer::start(config, &[&config.chunks_topic]).unwrap();
    take(&consumer, count).await;
    assert!(consumer.close(PATIENCE).await);
}

async fn is_halted(config: &Config) -> String {
    let consumer = Consumer::start(config, &[&config.chunks_topic]).unwrap();
    let mut reason = None;
    until("the partition is halted", async || {
        let status = consumer.status(now_ms());
        reason = status
            .partitions
            .first()
            .and_then(|partition| partition.halted.clone());
        reason.is_some()
    })
    .await;
    // Nothing is handed out, and the commit stays.
    let nothing = tokio::time::timeout(Duration::from_millis(300), consumer.recv()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let before = committed(config, 0);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(config, 0), before);
    reason.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_commit_it_starts_at_the_earliest_record() {
    let config = settings("start-none", 1).await;
    send_numbers(&config, 0..5).await;
    cut(&config, 2).await;
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(
        take(&consumer, 3).await.into_keys().collect::<Vec<_>>(),
        [2, 3, 4]
    );
    let status = consumer.status(now_ms());
    assert_eq!((status.from_earliest, status.gaps), (1, 0));
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_that_were_deleted_unread_are_a_gap() {
    let config = settings("start-gap", 1).await;
    send_numbers(&config, 0..8).await;
    read_numbers(&config, 2).await;
    cut(&config, 5).await;
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let Delivery::Gap(gap) = next(&consumer).await else {
        panic!("no gap")
    };
    assert_eq!((gap.receipt.partition(), gap.from, gap.to), (0, 2, 5));
    let (before, after) = (gap.last_before_ms.unwrap(), gap.first_after_ms.unwrap());
    assert!(before <= after && after <= now_ms() && before > now_ms() - 600_000);
    take(&consumer, 3).await;
    consumer.commit().await;
    assert_eq!(
        committed(&config, 0).unwrap().0,
        2,
        "the gap is not acknowledged"
    );
    consumer.ack(&gap.receipt);
    consumer.commit().await;
    assert_eq!(committed(&config, 0).unwrap().0, 8);
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_nothing_left_is_a_gap_at_once() {
    let config = settings("start-empty", 1).await;
    send_numbers(&config, 0..4).await;
    read_numbers(&config, 1).await;
    cut(&config, 4).await;
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let Delivery::Gap(gap) = next(&consumer).await else {
        panic!("no gap")
    };
    assert_eq!((gap.from, gap.to, gap.first_after_ms), (1, 4, None));
    consumer.ack(&gap.receipt);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn records_deleted_while_paused_are_a_gap() {
    let mut raw = raw("start-running", 1);
    raw.in_flight_max = "1 MiB".to_owned();
    raw.prefetch_max = "1 MiB".to_owned();
    let config = made(&raw).await;
    let producer = Producer::new(&config).unwrap();
    for number in 0..40 {
        let large = Chunk {
            text: "x".repeat(200_000),
            ..chunk("PC-1", number)
        };
        send(&producer, vec![large]).await;
    }
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let mut held = Vec::new();
    until("the consumer is full", async || {
        if let Ok(delivery) = tokio::time::timeout(Duration::from_millis(50), consumer.recv()).await
        {
            held.push(delivery.unwrap().unwrap());
        }
        consumer.status(now_ms()).in_flight_bytes >= 1 << 20
    })
    .await;
    cut(&config, 35).await;
    let mut gaps = Vec::new();
    let mut numbers = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while numbers.last() != Some(&39) {
        assert!(Instant::now() < deadline, "{numbers:?}");
        let delivery = if held.is_empty() {
            next(&consumer).await
        } else {
            held.remove(0)
        };
        consumer.ack(delivery.receipt());
        match delivery {
            Delivery::Gap(gap) => gaps.push((gap.from, gap.to)),
            Delivery::Record(record) => numbers.push(record.receipt.offset()),
        }
    }
    // Each offset is either read or in the gap.
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    let lost: Vec<i64> = (gaps[0].0..gaps[0].1).collect();
    let mut all = [numbers, lost].concat();
    all.sort_unstable();
    assert_eq!(all, (0..40).collect::<Vec<_>>());
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 40);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_above_the_end_halts_and_a_rewind_goes_on() {
    let config = settings("start-above", 1).await;
    send_numbers(&config, 0..3).await;
    commit_by_hand(&config, 7, "");
    let reason = is_halted(&config).await;
    assert!(
        reason.contains("offset 7 is committed, but the log ends at 3"),
        "{reason}"
    );

    let rewound = rewind(&config, &[&config.chunks_topic], Rewind::All)
        .await
        .unwrap();
    assert_eq!((rewound[0].from, rewound[0].to), (Some(7), 0));
    read_numbers(&config, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_made_anew_halts_by_its_mark_and_a_rewind_goes_on() {
    let config = settings("start-anew", 1).await;
    send_numbers(&config, 0..3).await;
    read_numbers(&config, 2).await;
    make_anew(&config).await;
    // As many records as before, so that only the mark can tell. Kafka forgets a group's offsets with its topic: as they were.
    send_numbers(&config, 10..14).await;
    commit_by_hand(&config, 2, "v1 0123456789abcdef 1714550400123");
    let reason = is_halted(&config).await;
    assert!(
        reason.contains("the record at offset 1 is not the one"),
        "{reason}"
    );

    rewind(&config, &[&config.chunks_topic], Rewind::All)
        .await
        .unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(
        take(&consumer, 4).await.into_keys().collect::<Vec<_>>(),
        [10, 11, 12, 13]
    );
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewind_hands_the_same_records_out_again() {
    let config = settings("rewind", 2).await;
    let producer = Producer::new(&config).unwrap();
    producer
        .send(
            (0..10)
                .map(|number| chunk(&format!("PC-{number}"), number))
                .collect(),
        )
        .await
        .unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let first = take(&consumer, 10).await;
    let error = rewind(&config, &[&config.chunks_topic], Rewind::All)
        .await
        .unwrap_err();
    assert!(matches!(error, RewindError::InUse { .. }), "{error}");
    assert!(consumer.close(PATIENCE).await);

    // Times of records are whole milliseconds.
    let between = now_ms() + 1;
    until("the next millisecond", async || now_ms() > between).await;
    producer
        .send(
            (10..14)
                .map(|number| chunk(&format!("PC-{number}"), number))
                .collect(),
        )
        .await
        .unwrap();
    rewind(&config, &[&config.chunks_topic], Rewind::All)
        .await
        .unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let second = take(&consumer, 14).await;
    assert!(
        first
            .iter()
            .all(|(number, chunk)| second.get(number) == Some(chunk))
    );
    assert!(consumer.close(PATIENCE).await);

    rewind(&config, &[&config.chunks_topic], Rewind::To(between))
        .await
        .unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(
        take(&consumer, 4).await.into_keys().collect::<Vec<_>>(),
        [10, 11, 12, 13]
    );
    assert!(consumer.close(PATIENCE).await);

    let error = rewind(&config, &["no-such-topic"], Rewind::All)
        .await
        .unwrap_err();
    assert!(matches!(error, RewindError::Missing { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_comes_out_whole_between_good_ones() {
    let config = settings("poison", 1).await;
    send_numbers(&config, 0..1).await;
    let producer: BaseProducer = client(&config);
    let poison: &[u8] = b"\xff\x00 no chunk";
    producer
        .send(
            BaseRecord::to(&config.chunks_topic)
                .key(&b"k\xff"[..])
                .payload(poison)
                .headers(
                    rdkafka::message::OwnedHeaders::new().insert(rdkafka::message::Header {
                        key: "offset",
                        value: Some(&b"\xfe"[..]),
                    }),
                ),
        )
        .unwrap();
    producer.flush(PATIENCE).unwrap();
    send_numbers(&config, 1..2).await;

    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    take(&consumer, 1).await;
    let found = record(&consumer).await;
    let (error, content) = queue::record::decode(found.content).unwrap_err();
    assert_eq!(error.code(), "missing_header");
    assert_eq!(content.value.as_deref(), Some(poison));
    assert_eq!(content.key.as_deref(), Some(&b"k\xff"[..]));
    assert_eq!(content.headers[0].value.as_deref(), Some(&b"\xfe"[..]));
    take(&consumer, 1).await;
    consumer.commit().await;
    assert_eq!(committed(&config, 0).unwrap().0, 1);
    consumer.ack(&found.receipt);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_format_halts_its_partition_and_stays_for_the_upgrade() {
    let config = settings("newer", 2).await;
    let producer: BaseProducer = client(&config);
    producer
        .send(
            BaseRecord::<(), [u8]>::to(&config.chunks_topic)
                .partition(0)
                .payload(b"of tomorrow")
                .headers(
                    rdkafka::message::OwnedHeaders::new().insert(rdkafka::message::Header {
                        key: "version",
                        value: Some(&(queue::record::VERSION + 1).to_string()),
                    }),
                ),
        )
        .unwrap();
    producer.flush(PATIENCE).unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let found = record(&consumer).await;
    let (error, _) = queue::record::decode(found.content).unwrap_err();
    assert!(error.is_newer());
    consumer.halt(&found.receipt, &error.to_string());
    // The other partition goes on.
    let producer = Producer::new(&config).unwrap();
    send(
        &producer,
        (0..20)
            .map(|number| chunk(&format!("PC-{number}"), number))
            .collect(),
    )
    .await;
    let other = record(&consumer).await;
    assert_eq!(other.receipt.partition(), 1);
    consumer.ack(&other.receipt);
    let status = consumer.status(now_ms());
    assert!(
        status.partitions[0]
            .halted
            .as_ref()
            .unwrap()
            .contains("newer")
    );
    assert!(status.partitions[1].halted.is_none());
    drop(consumer);
    assert_eq!(committed(&config, 0).unwrap().0, 0);
}

/// The end of a transaction takes an offset that no reader sees. It shows as a gap, and what was behind it is gone on with.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_a_transaction_shows_as_a_gap_and_halts_nothing() {
    let config = settings("transactions", 1).await;
    let topic = config.chunks_topic.clone();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("transactional.id", "transactions")
        .create()
        .unwrap();
    let sent = tokio::task::spawn_blocking(move || {
        producer.init_transactions(PATIENCE).unwrap();
        for payload in ["made", "up"] {
            producer.begin_transaction().unwrap();
            let record = BaseRecord::<(), str>::to(&topic).payload(payload);
            producer.send(record).unwrap();
            producer.commit_transaction(PATIENCE).unwrap();
        }
    });
    sent.await.unwrap();

    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let first = record(&consumer).await;
    let Delivery::Gap(gap) = next(&consumer).await else {
        panic!("no gap")
    };
    assert_eq!((gap.from, gap.to), (1, 2));
    consumer.ack(&first.receipt);
    consumer.ack(&gap.receipt);
    assert!(consumer.close(PATIENCE).await);
    assert_eq!(committed(&config, 0).unwrap().0, 2);

    // The offset before is still in the log, and no record that shows another one.
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(record(&consumer).await.receipt.offset(), 2);
    assert!(consumer.close(PATIENCE).await);
}
