//! Topics of shippers: read beside ours, and nothing waits for one that is not there.

use crate::{chunk, names, next, record, settings, shared_broker, until};
use queue::record::Content;
use queue::topics::{ensure, missing_foreign};
use queue::{Config, Consumer, Delivery, Producer, RawConfig, Rewind, rewind};
use std::time::Duration;

/// A message as a stranger writes it: no key, no header.
fn message(text: &str) -> Content {
    Content {
        value: Some(text.as_bytes().to_vec()),
        ..Content::default()
    }
}

/// The same settings with a shipper's topic beside ours.
fn with_foreign(name: &str, protocol: &str) -> Config {
    Config::check(&RawConfig {
        brokers: shared_broker(),
        group_protocol: protocol.to_owned(),
        foreign_topics: vec![format!("{name}.winlogbeat")],
        ..names(name, 2)
    })
    .unwrap()
}

/// What a shipper's people do.
async fn make(config: &Config) {
    let of_shipper = Config {
        chunks_topic: config.foreign_topics[0].clone(),
        ..config.clone()
    };
    assert!(ensure(&of_shipper).await.unwrap().created);
}

fn all(config: &Config) -> [&str; 2] {
    [&config.chunks_topic, &config.foreign_topics[0]]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_foreign_topic_holds_up_nothing_and_is_read_once_it_is_made() {
    late("foreign-late", "classic").await;
    late("foreign-late-848", "consumer").await;
}

async fn late(name: &str, protocol: &str) {
    settings(name, 2).await;
    let config = with_foreign(name, protocol);
    let foreign = &config.foreign_topics[0];
    assert_eq!(
        missing_foreign(&config).await.unwrap(),
        config.foreign_topics
    );
    let producer = Producer::new(&config).unwrap();
    let consumer = Consumer::start(&config, &all(&config)).unwrap();
    producer.send(vec![chunk("pc", 1)]).await.unwrap();
    let ours = record(&consumer).await;
    assert_eq!(ours.receipt.topic(), config.chunks_topic);
    consumer.ack(&ours.receipt);
    // Nobody made it by looking for it.
    assert_eq!(
        missing_foreign(&config).await.unwrap(),
        config.foreign_topics
    );

    make(&config).await;
    assert!(missing_foreign(&config).await.unwrap().is_empty());
    producer
        .send_to(foreign, vec![message("made up")])
        .await
        .unwrap();
    let theirs = record(&consumer).await;
    assert_eq!(theirs.receipt.topic(), foreign);
    assert_eq!(theirs.content, message("made up"), "as it came");
    consumer.ack(&theirs.receipt);
    assert!(consumer.close(Duration::from_secs(20)).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rewind_covers_foreign_topics_too() {
    settings("foreign-rewind", 1).await;
    let config = with_foreign("foreign-rewind", "classic");
    make(&config).await;
    let producer = Producer::new(&config).unwrap();
    let foreign = &config.foreign_topics[0];
    producer.send(vec![chunk("pc", 1)]).await.unwrap();
    producer
        .send_to(foreign, vec![message("made up")])
        .await
        .unwrap();
    for _ in 0..2 {
        let consumer = Consumer::start(&config, &all(&config)).unwrap();
        let mut topics = Vec::new();
        for _ in 0..2 {
            let delivery = next(&consumer).await;
            assert!(matches!(delivery, Delivery::Record(_)), "{delivery:?}");
            topics.push(delivery.receipt().topic().to_owned());
            consumer.ack(delivery.receipt());
        }
        topics.sort();
        assert_eq!(topics, all(&config));
        assert!(consumer.close(Duration::from_secs(20)).await);
        until("the group has no members", async || {
            rewind(&config, &all(&config), Rewind::All).await.is_ok()
        })
        .await;
    }
}
