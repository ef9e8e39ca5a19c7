//! Chunks that cannot be processed become dead letters, and events once the cause is mended.

use crate::{
    harness::{TENANT, quick, settle, store},
    logs::{chunks, expected, logs, stored},
};
use classify::Rules;
use event::Chunk;
use pipeline::{Config, Pipeline, PipelineError, Planted, chunk_of};
use store::{LetterFilter, LetterState, Store, StoredLetter};

const POISON: &str = "made-up-poison";

/// A chunk of its own stream that holds the word a test plants its fault at.
fn poison(endpoint: &str, offset: u64) -> Chunk {
    let text = format!(
        "2024-05-01 08:00:00, Info                  CBS    {POISON} Failed to resolve package [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\n"
    );
    let mut chunk = store::testing::chunk(endpoint, offset, &text, false);
    chunk.sender = "relay made up".to_owned();
    chunk
}

async fn letters(store: &Store, endpoint: &str) -> Vec<StoredLetter> {
    let filter = LetterFilter {
        endpoint: endpoint.to_owned(),
        limit: 100,
        ..LetterFilter::default()
    };
    store.dead_letters(TENANT, &filter).await.expect("letters")
}

fn planting(planted: Planted) -> Config {
    Config { planted, ..quick() }
}

/// Sends a poisoned chunk among good ones, and sends it back once its cause is mended.
async fn check(endpoint: &str, planted: Planted, stage: &str, reason: &str) {
    let (store, rules, logs) = (store().await, Rules::shipped(), logs(5));
    let pipeline = Pipeline::start_with(planting(planted), store.clone())
        .await
        .expect("start");
    let mut all = chunks(endpoint, &logs, 16 << 10);
    let good = all.len() as u64;
    let bad = poison(endpoint, 0);
    all.insert(all.len() / 2, bad.clone());
    pipeline
        .handle()
        .store(all)
        .await
        .expect("what cannot be processed is kept, and so acknowledged");
    settle(&store, endpoint).await;
    assert_eq!(
        stored(&store, endpoint).await,
        expected(rules, endpoint, &logs),
        "the other chunks are stored"
    );
    let counts = pipeline.status().counts();
    assert_eq!(
        counts.read,
        counts.chunks + counts.dead_lettered_panic + counts.dead_lettered_refused,
        "{counts:?}"
    );
    assert_eq!((counts.chunks, counts.refused), (good, 0), "{counts:?}");

    let listed = letters(&store, endpoint).await;
    assert_eq!(listed.len(), 1);
    let letter = store
        .dead_letter(TENANT, &listed[0].letter.id)
        .await
        .expect("read")
        .expect("it is there");
    assert_eq!(
        (letter.letter.stage.as_str(), letter.letter.reason.as_str()),
        (stage, reason)
    );
    assert_eq!(
        Ok(letter.letter.rule_set),
        pipeline.status().rule_set(),
        "the set it was to be classified with"
    );
    assert_eq!(chunk_of(&letter.letter.content), Some(bad.clone()));
    pipeline.stop().await.expect("stop");

    // Mended: the same chunk becomes events.
    let mended = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let chunk = chunk_of(&letter.letter.content).expect("a chunk");
    mended.handle().store(vec![chunk]).await.expect("stored");
    store.mark_sent_back(&letter).await.expect("mark");
    settle(&store, endpoint).await;
    let codes = store
        .codes_of_endpoint(TENANT, endpoint)
        .await
        .expect("codes");
    assert!(
        codes
            .iter()
            .any(|line| line.code == event::Code::new(0x800F_0922)),
        "{codes:?}"
    );
    assert_eq!(
        letters(&store, endpoint).await[0].state,
        LetterState::SentBack
    );
    mended.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_panics_becomes_a_letter_and_events_once_the_cause_is_mended() {
    let planted = Planted {
        panics: POISON.to_owned(),
        ..Planted::default()
    };
    check("letters-panic", planted, "classify", "panic").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chunk_that_the_store_refuses_is_found_among_others_and_becomes_a_letter() {
    let planted = Planted {
        refused: POISON.to_owned(),
        ..Planted::default()
    };
    check("letters-refused", planted, "store", "rows_refused").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_refuses_everything_is_not_buried_chunk_by_chunk() {
    let store = store().await;
    let endpoint = "letters-all-refused";
    let planted = Planted {
        refused: POISON.to_owned(),
        ..Planted::default()
    };
    let pipeline = Pipeline::start_with(planting(planted), store.clone())
        .await
        .expect("start");
    let all = (0..5).map(|at| poison(endpoint, at * 1000)).collect();
    let answer = pipeline.handle().store(all).await;
    assert!(
        matches!(&answer, Err(PipelineError::Refused { .. })),
        "{answer:?}"
    );
    assert_eq!(letters(&store, endpoint).await, []);
    let counts = pipeline.status().counts();
    assert_eq!((counts.read, counts.refused), (5, 5), "{counts:?}");
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_that_cannot_be_kept_is_not_acknowledged() {
    use crate::harness::Breakable;
    use embedded_clickhouse::testing::TOKEN;
    use std::time::Duration;
    let breakable = Breakable::start().await;
    let store = Store::connect(store::StoreConfig::embedded(breakable.url(), TOKEN))
        .await
        .expect("connect");
    let planted = Planted {
        panics: POISON.to_owned(),
        ..Planted::default()
    };
    let config = Config {
        give_up: Some(Duration::from_millis(300)),
        ..planting(planted)
    };
    let pipeline = Pipeline::start_with(config, store).await.expect("start");
    breakable.cut(1, u64::MAX);
    let answer = pipeline
        .handle()
        .store(vec![poison("letters-away", 0)])
        .await;
    assert!(
        matches!(&answer, Err(PipelineError::Unavailable { .. })),
        "{answer:?}"
    );
    breakable.cut(1, 0);
    pipeline.stop().await.expect("stop");
}
