//! Dead letters are kept as they came, folded, and opened again.

use crate::harness::store;
use store::{
    DeadLetter, KafkaOrigin, LetterContent, LetterFilter, LetterState, Store, StoredLetter,
};

/// Tests share the tables, so each has a tenant of its own.
fn letter(tenant: &str, payload: &[u8], origin: Option<i64>) -> DeadLetter {
    let content = LetterContent {
        key: Some(b"default/pc-1".to_vec()),
        headers: vec![
            ("version".to_owned(), Some(b"1".to_vec())),
            ("empty".to_owned(), Some(Vec::new())),
            ("none".to_owned(), None),
            ("raw".to_owned(), Some(vec![0, 0xFF, 0xFE])),
        ],
        payload: Some(payload.to_vec()),
    };
    DeadLetter {
        tenant: tenant.to_owned(),
        id: content.id(),
        seen_ms: 1_700_000_000_123,
        stage: "classify".to_owned(),
        reason: "panic".to_owned(),
        message: "made up".to_owned(),
        endpoint: "pc-1".to_owned(),
        source: "cbs".to_owned(),
        path: "CBS.log".to_owned(),
        offset: 100,
        length: 20,
        content,
        origin: origin.map(|offset| KafkaOrigin {
            topic: "chunks".to_owned(),
            partition: 3,
            offset,
            timestamp_ms: 1_700_000_000_000,
        }),
        build: "0.0.0".to_owned(),
        rule_set: 7,
    }
}

async fn all(store: &Store, tenant: &str) -> Vec<StoredLetter> {
    let filter = LetterFilter {
        limit: 100,
        ..LetterFilter::default()
    };
    store.dead_letters(tenant, &filter).await.expect("list")
}

async fn read(store: &Store, letter: &DeadLetter) -> StoredLetter {
    store
        .dead_letter(&letter.tenant, &letter.id)
        .await
        .expect("read")
        .expect("it is there")
}

#[tokio::test]
async fn a_letter_reads_back_byte_by_byte() {
    let store = store().await;
    let mut letters = [
        letter("letters-bytes", b"\xFF\x00 not text", Some(41)),
        letter("letters-bytes", b"", None),
    ];
    letters[1].content.payload = None;
    letters[1].content.key = None;
    letters[1].id = letters[1].content.id();
    store.insert_dead_letters(&letters).await.expect("insert");
    for letter in &letters {
        let stored = read(&store, letter).await;
        assert_eq!(&stored.letter, letter);
        assert_eq!((stored.deaths, stored.state), (1, LetterState::Open));
    }
    let listed = all(&store, "letters-bytes").await;
    assert_eq!(listed.len(), 2);
    assert!(
        listed
            .iter()
            .all(|stored| stored.letter.content == LetterContent::default()),
        "a list carries no content"
    );
    let filter = LetterFilter {
        id_prefix: letters[0].id[..8].to_owned(),
        limit: 100,
        ..LetterFilter::default()
    };
    let found = store
        .dead_letters("letters-bytes", &filter)
        .await
        .expect("list");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].letter.id, letters[0].id);
    let missing = store.dead_letter("letters-bytes", "no such").await;
    assert_eq!(missing.expect("read"), None);
}

#[tokio::test]
async fn a_replay_changes_nothing_and_a_new_death_opens_again() {
    let store = store().await;
    let tenant = "letters-replay";
    let first = letter(tenant, b"poison", Some(1));
    let insert = |letter: DeadLetter| {
        let store = store.clone();
        async move { store.insert_dead_letters(&[letter]).await.expect("insert") }
    };
    insert(first.clone()).await;
    insert(first.clone()).await;
    let stored = read(&store, &first).await;
    assert_eq!((stored.deaths, stored.state), (1, LetterState::Open));
    assert_eq!(store.open_dead_letters(tenant).await.expect("count"), 1);

    store.mark_sent_back(&stored).await.expect("mark");
    store.mark_sent_back(&stored).await.expect("mark again");
    // The topic of dead letters is read again from its start: what was sent back stays sent back.
    insert(first.clone()).await;
    assert_eq!(read(&store, &first).await.state, LetterState::SentBack);
    assert_eq!(store.open_dead_letters(tenant).await.expect("count"), 0);

    // Sent back, it lies at another offset, and dies there.
    let mut second = letter(tenant, b"poison", Some(2));
    second.seen_ms += 5;
    insert(second.clone()).await;
    let again = read(&store, &second).await;
    assert_eq!((again.deaths, again.state), (2, LetterState::Open));
    assert_eq!(again.letter.seen_ms, first.seen_ms, "of the first death");
    // A mark that knew only the first death comes late: the letter stays open.
    store.mark_sent_back(&stored).await.expect("mark");
    assert_eq!(read(&store, &first).await.state, LetterState::Open);
    assert_eq!(all(&store, tenant).await.len(), 1);
}

#[tokio::test]
async fn without_kafka_every_death_counts() {
    let store = store().await;
    let letter = letter("letters-direct", b"poison", None);
    for deaths in 1..=3 {
        store
            .insert_dead_letters(std::slice::from_ref(&letter))
            .await
            .expect("insert");
        assert_eq!(read(&store, &letter).await.deaths, deaths);
    }
}

#[tokio::test]
async fn a_letter_that_is_dropped_loses_its_content_and_comes_back_only_by_dying_again() {
    let store = store().await;
    let tenant = "letters-dropped";
    let letters = [
        letter(tenant, b"made up: secret", Some(51)),
        letter(tenant, b"another one", Some(52)),
    ];
    store.insert_dead_letters(&letters).await.expect("insert");
    let dropped = read(&store, &letters[0]).await;
    // Twice, as somebody does whose first try was cut short.
    for _ in 0..2 {
        store
            .drop_dead_letters(std::slice::from_ref(&dropped))
            .await
            .expect("drop");
    }
    let now = read(&store, &letters[0]).await;
    assert_eq!((now.deaths, now.state), (1, LetterState::Dropped));
    assert_eq!(now.letter.content, LetterContent::default());
    let held: u64 = crate::harness::client()
        .await
        .query("SELECT count() FROM dead_letters WHERE position(ifNull(payload, ''), 'secret') > 0")
        .fetch_one()
        .await
        .expect("count");
    assert_eq!(held, 0);
    assert_eq!(store.open_dead_letters(tenant).await.expect("count"), 1);
    // From the same place in Kafka nothing changes; from another one it died again.
    store
        .insert_dead_letters(&letters[..1])
        .await
        .expect("insert");
    assert_eq!(read(&store, &letters[0]).await.state, LetterState::Dropped);
    let again = letter(tenant, b"made up: secret", Some(99));
    store
        .insert_dead_letters(std::slice::from_ref(&again))
        .await
        .expect("insert");
    let now = read(&store, &again).await;
    assert_eq!((now.deaths, now.state), (2, LetterState::Open));
    assert_eq!(now.letter.content, again.content);
    // Whoever drops what he saw before drops no later death.
    store.drop_dead_letters(&[dropped]).await.expect("drop");
    assert_eq!(read(&store, &again).await.state, LetterState::Open);
}
