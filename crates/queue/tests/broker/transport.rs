//! Chunks travel whole, in readable form, and are acknowledged only when they are there.

use super::*;
use queue::Producer;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers, Message};
use rdkafka::{ClientConfig, Offset, TopicPartitionList};

#[tokio::test(flavor = "multi_thread")]
async fn chunks_of_three_sources_come_back_equal() {
    let config = settings("three-sources", 3).await;
    let producer = Producer::new(&config).unwrap();
    let mut sent = BTreeMap::new();
    for (number, source, format, encoding, text) in [
        (
            1,
            Source::Cbs,
            Format::Wds,
            TextEncoding::Utf8,
            "2024-05-01 08:00:00, Info                  CBS    one\r\n  goes on\r\n",
        ),
        (
            2,
            Source::WindowsUpdate,
            Format::WindowsUpdate,
            TextEncoding::Utf16le,
            "2024/05/01 08:00:00.0000000 1 2 Agent 更新失败\n",
        ),
        (
            3,
            Source::ReportingEvents,
            Format::ReportingEvents,
            TextEncoding::Gb18030,
            "{GUID}\t2024-05-01 08:00:00:000+0800\t失败\r\n",
        ),
    ] {
        let chunk = Chunk {
            source,
            format,
            encoding,
            text: text.to_owned(),
            open: number == 2,
            ..chunk(&format!("PC-{number}"), number)
        };
        sent.insert(number, chunk);
    }
    producer
        .send(sent.values().cloned().collect())
        .await
        .unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(take(&consumer, 3).await, sent);
    assert!(consumer.close(PATIENCE).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_consumer_reads_the_text_and_java_s_partition() {
    let config = settings("plain", 12).await;
    let producer = Producer::new(&config).unwrap();
    let endpoints: Vec<String> = (0..20).map(|number| format!("PC-{number}")).collect();
    let chunks = endpoints
        .iter()
        .map(|endpoint| chunk(endpoint, 1))
        .collect();
    producer.send(chunks).await.unwrap();

    let plain: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", "plain.reader")
        .create()
        .unwrap();
    let mut all = TopicPartitionList::new();
    for partition in 0..12 {
        all.add_partition_offset(&config.chunks_topic, partition, Offset::Beginning)
            .unwrap();
    }
    plain.assign(&all).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut seen = 0;
    while seen < endpoints.len() {
        assert!(Instant::now() < deadline, "{seen} records");
        let Some(message) = plain.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        let text = std::str::from_utf8(message.payload().unwrap()).unwrap();
        assert!(text.starts_with("2024-05-01 08:00:00, Info"), "{text}");
        for header in message.headers().unwrap().iter() {
            assert!(std::str::from_utf8(header.value.unwrap()).is_ok());
        }
        let key = message.key().unwrap();
        let hash = i64::from(murmur2(key) & 0x7fff_ffff);
        assert_eq!(hash % 12, i64::from(message.partition()));
        seen += 1;
    }
}

/// Kafka's hash of keys, as its Java client has it (`org.apache.kafka.common.utils.Utils.murmur2`).
fn murmur2(bytes: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c_u32 ^ u32::try_from(bytes.len()).unwrap();
    let mut words = bytes.chunks_exact(4);
    for word in &mut words {
        let mut word = u32::from_le_bytes(word.try_into().unwrap()).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    (hash ^ hash >> 15).cast_signed()
}

#[test]
fn murmur2_is_that_of_java() {
    // From the tests of Kafka's Java client.
    assert_eq!(murmur2(b"21"), -973_932_308);
    assert_eq!(murmur2(b"foobar"), -790_332_482);
    assert_eq!(murmur2(b"a-little-bit-long-string"), -985_981_536);
    assert_eq!(murmur2(b"abc"), 479_470_107);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_too_large_is_told_and_harms_no_other() {
    let config = settings("too-large", 1).await;
    let producer = Producer::new(&config).unwrap();
    let large = Chunk {
        text: "x".repeat(config.message_max),
        ..chunk("PC-1", 1)
    };
    let error = producer.send(vec![large]).await.unwrap_err();
    assert!(matches!(error, SendError::TooLarge { .. }), "{error}");
    assert!(!error.is_retryable());
    // Nearly too large: what cannot be packed still fits.
    let noise: String = (0..config.message_max as u64 - 1000)
        .scan(1u64, |state, _| {
            *state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            Some(char::from(b' ' + (*state >> 33) as u8 % 95))
        })
        .collect();
    producer
        .send(vec![Chunk {
            text: noise,
            ..chunk("PC-1", 2)
        }])
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_room_is_told_and_room_comes_back() {
    let mut raw = raw("no-room", 1);
    raw.queue_max = "1 MiB".to_owned();
    raw.queue_wait = "20ms".to_owned();
    raw.message_timeout = "1s".to_owned();
    let mut config = made(&raw).await;
    // Nobody listens there: what is sent stays under way.
    config.brokers = "127.0.0.1:1".to_owned();
    let producer = Producer::new(&config).unwrap();
    let large = Chunk {
        text: "x".repeat(900 * 1024),
        ..chunk("PC-1", 1)
    };
    let first = tokio::spawn({
        let (producer, large) = (producer.clone(), large.clone());
        async move { producer.send(vec![large]).await }
    });
    until("something is under way", async || {
        producer.status().in_flight_bytes > 0
    })
    .await;
    let full = producer.send(vec![large]).await;
    assert!(matches!(full, Err(SendError::Full { .. })), "{full:?}");
    let first = first.await.unwrap();
    assert!(
        matches!(first, Err(SendError::Unavailable { .. })),
        "{first:?}"
    );
    until("the room is free", async || {
        producer.status().in_flight_bytes == 0
    })
    .await;
    let status = producer.status();
    assert_eq!((status.delivered, status.failed, status.full), (0, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_that_is_sent_again_is_the_same_record() {
    let config = settings("sent-again", 2).await;
    let producer = Producer::new(&config).unwrap();
    // As it came from a stranger: a header without a value, one twice, no key.
    let header = |name: &str, value: Option<&[u8]>| queue::record::Header {
        name: name.to_owned(),
        value: value.map(<[u8]>::to_vec),
    };
    let original = queue::record::Content {
        key: None,
        headers: vec![
            header("empty", Some(b"")),
            header("none", None),
            header("twice", Some(b"1")),
            header("twice", Some(&[0xFF])),
        ],
        value: Some(vec![0xFF, 0, b'\n']),
    };
    producer.send_again(vec![original.clone()]).await.unwrap();
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    let again = record(&consumer).await;
    assert_eq!(again.content, original);
    consumer.ack(&again.receipt);
    assert!(consumer.close(PATIENCE).await);
}
