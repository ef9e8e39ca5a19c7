//! A store that is away or hangs up, no room, and stopping.

use crate::{
    harness::{TENANT, quick, settle, store},
    logs::{chunks, expected, logs, stored},
};
use classify::Rules;
use pipeline::{Config, Pipeline, PipelineError};
use std::time::Duration;
use store::{Store, StoreConfig};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_pipeline_takes_nothing_and_what_it_took_is_stored() {
    let store = store().await;
    let logs = logs(6);
    let endpoint = "stopping";
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let handle = pipeline.handle();
    let all = chunks(endpoint, &logs, 4 << 10);
    let total: u64 = all.iter().map(|chunk| chunk.length).sum();
    let mut senders = tokio::task::JoinSet::new();
    for part in all.chunks(10) {
        let (handle, part) = (handle.clone(), part.to_vec());
        senders.spawn(async move {
            let bytes: u64 = part.iter().map(|chunk| chunk.length).sum();
            (bytes, handle.store(part).await)
        });
    }
    pipeline.stop().await.expect("stop");
    let (mut acknowledged, mut refused) = (0, 0);
    for (bytes, result) in senders.join_all().await {
        match result {
            Ok(()) => acknowledged += bytes,
            Err(error) => {
                assert_eq!(error, PipelineError::Stopping);
                refused += bytes;
            }
        }
    }
    assert_eq!(acknowledged + refused, total);
    assert_eq!(
        store.covered_bytes(TENANT, endpoint).await.expect("bytes"),
        acknowledged
    );
    assert_eq!(handle.store(all).await, Err(PipelineError::Stopping));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_hangs_up_now_and_then_costs_nothing_and_one_that_is_away_is_said() {
    let (real, rules) = (store().await, Rules::shipped());
    let logs = logs(7);
    let endpoint = "breakable";
    let breakable = crate::harness::Breakable::start().await;
    let store = Store::connect(StoreConfig::embedded(
        breakable.url(),
        embedded_clickhouse::testing::TOKEN,
    ))
    .await
    .expect("connect");
    let config = Config {
        give_up: Some(Duration::from_secs(5)),
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store).await.expect("start");
    breakable.cut(5, 4);
    pipeline
        .handle()
        .store(chunks(endpoint, &logs, 8 << 10))
        .await
        .expect("stored after all");
    assert_eq!(breakable.cuts_left(), 0, "all cuts were met");
    breakable.cut(1, u64::MAX);
    let away = pipeline
        .handle()
        .store(chunks("never-there", &logs, 64 << 10))
        .await;
    assert!(
        matches!(&away, Err(PipelineError::Unavailable { .. })),
        "{away:?}"
    );
    breakable.cut(1, 0);
    settle(&real, endpoint).await;
    assert_eq!(
        stored(&real, endpoint).await,
        expected(rules, endpoint, &logs)
    );
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_is_room_for_waits_and_then_comes_again() {
    let store = store().await;
    let logs = logs(8);
    let all = chunks("crowded", &logs, 16 << 10);
    let config = Config {
        queue_bytes: 32 << 10,
        queue_wait: Duration::from_millis(1),
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let mut senders = tokio::task::JoinSet::new();
    for chunk in &all {
        let (handle, chunk) = (pipeline.handle(), chunk.clone());
        senders.spawn(async move {
            let mut refused = 0_u32;
            loop {
                match handle.store(vec![chunk.clone()]).await {
                    Ok(()) => return refused,
                    Err(PipelineError::Busy { .. }) => refused += 1,
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    let refused: u32 = senders.join_all().await.into_iter().sum();
    assert!(refused > 0, "the bound was never met");
    let total: u64 = all.iter().map(|chunk| chunk.length).sum();
    assert_eq!(
        store.covered_bytes(TENANT, "crowded").await.expect("bytes"),
        total
    );
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn little_that_comes_waits_until_the_next_batch_is_due_or_somebody_waits_for_one() {
    let config = Config {
        // Never, as far as this test goes.
        batch_pause: Duration::from_secs(3_600),
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store().await)
        .await
        .expect("start");
    let handle = pipeline.handle();
    let logs = logs(8);
    let mut endpoints = 0..;
    // Each for an endpoint of its own, as a fleet sends.
    let mut next = || {
        let endpoint = format!("beside-others-{}", endpoints.next().unwrap_or(0));
        chunks(&endpoint, &logs, 4 << 10)[..1].to_vec()
    };
    // The first one has none before it.
    handle.store_together(next()).await.expect("stored");
    // Longer than who was answered takes to come back.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let waiting: Vec<_> = (0..5)
        .map(|_| {
            let (handle, chunks) = (handle.clone(), next());
            tokio::spawn(async move { handle.store_together(chunks).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(waiting.iter().all(|one| !one.is_finished()));
    handle.store(next()).await.expect("stored");
    for one in waiting {
        one.await.expect("no panic").expect("stored with it");
    }
    // A stop stores what waits.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let last = {
        let (handle, chunks) = (handle.clone(), next());
        tokio::spawn(async move { handle.store_together(chunks).await })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!last.is_finished());
    pipeline.stop().await.expect("stop");
    last.await.expect("no panic").expect("stored");
}
