//! Topics are made, checked and widened.

use super::*;
use queue::topics::{TopicError, add_partitions, ensure};
use queue::{Lag, lag};
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

#[tokio::test(flavor = "multi_thread")]
async fn topics_are_made_once_and_then_found() {
    let config = Config::check(&raw("made-once", 3)).unwrap();
    let made = ensure(&config).await.unwrap();
    assert!(made.created);
    let found = ensure(&config).await.unwrap();
    assert!(!found.created);
    assert_eq!(found.partitions, 3);
    assert_eq!(found.retention, Some(config.retention));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_topic_is_only_told_where_none_may_be_made() {
    let mut raw = raw("missing", 1);
    raw.create_topics = false;
    let error = ensure(&Config::check(&raw).unwrap()).await.unwrap_err();
    assert!(matches!(error, TopicError::Missing { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_replicas_than_brokers_are_told_with_a_way_out() {
    let mut raw = raw("replicas", 1);
    raw.replication_factor = 3;
    let error = ensure(&Config::check(&raw).unwrap()).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("hint: `queue.replication_factor`"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_lose_data_are_refused() {
    for (name, key, value) in [
        ("compacted", "cleanup.policy", "compact"),
        ("small", "max.message.bytes", "1000"),
    ] {
        let config = Config::check(&raw(name, 1)).unwrap();
        let admin: AdminClient<DefaultClientContext> = ClientConfig::new()
            .set("bootstrap.servers", &config.brokers)
            .create()
            .unwrap();
        let topic =
            NewTopic::new(&config.chunks_topic, 1, TopicReplication::Fixed(1)).set(key, value);
        let results = admin
            .create_topics([&topic], &AdminOptions::new())
            .await
            .unwrap();
        assert!(results.iter().all(Result::is_ok), "{results:?}");
        let error = ensure(&config).await.unwrap_err();
        let TopicError::Setting {
            key: told, found, ..
        } = &error
        else {
            panic!("{error}")
        };
        assert_eq!((*told, found.as_str()), (key, value));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn partitions_are_added_and_never_taken_away() {
    let config = settings("widened", 2).await;
    add_partitions(&config, &config.chunks_topic, 5)
        .await
        .unwrap();
    until("five partitions", async || {
        ensure(&config).await.unwrap().partitions == 5
    })
    .await;
    let error = add_partitions(&config, &config.chunks_topic, 3)
        .await
        .unwrap_err();
    assert!(matches!(error, TopicError::Partitions { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn lag_counts_what_is_not_committed_and_names_topics_that_are_missing() {
    let config = settings("lag", 2).await;
    let producer = queue::Producer::new(&config).unwrap();
    let chunks = (0..10).map(|number| chunk(&format!("PC-{number}"), number));
    send(&producer, chunks.collect()).await;
    let topics = [config.chunks_topic.as_str(), "lag.no-such-topic"];
    let (past, future) = (now_ms() - 3_600_000, now_ms() + 3_600_000);
    let asked = lag(&config, &topics, past, future).await.unwrap();
    let expected = Lag {
        records: 10,
        missing: vec!["lag.no-such-topic".to_owned()],
        ..Lag::default()
    };
    assert_eq!(asked, expected);
    // Seen from later they are old, seen from before they come from the future.
    let asked = lag(&config, &topics, future, past).await.unwrap();
    assert!(!asked.old.is_empty() && !asked.ahead.is_empty());

    let consumer = queue::Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    take(&consumer, 10).await;
    assert!(consumer.close(PATIENCE).await);
    let asked = lag(&config, &topics, future, past).await.unwrap();
    assert_eq!((asked.records, asked.old), (0, Vec::new()));
}

#[tokio::test(flavor = "multi_thread")]
async fn brokers_that_do_not_answer_are_named() {
    let mut config = Config::check(&raw("nobody", 1)).unwrap();
    config.brokers = "127.0.0.1:1".to_owned();
    let producer = queue::Producer::new(&config).unwrap();
    assert!(producer.ping(Duration::from_millis(200)).await.is_err());
}
