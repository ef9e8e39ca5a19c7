//! A restart, in a process of its own: the sweep at start takes whatever news is open.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
mod logs;

use classify::Rules;
use event::LoggedAt;
use harness::{quick, settle, store};
use logs::{chunks, expected, logs, stored};
use pipeline::{Config, Pipeline};
use std::time::Duration;

#[tokio::test(flavor = "multi_thread")]
async fn a_pipeline_that_was_stopped_before_deriving_goes_on_after_its_restart() {
    let (store, rules) = (store().await, Rules::shipped());
    let logs = logs(5);
    let endpoint = "restarted";
    let never = Config {
        derive_quiet: Duration::from_secs(3600),
        derive_latest: Duration::from_secs(3600),
        sweep: Duration::from_secs(3600),
        ..quick()
    };
    let first = Pipeline::start_with(never, store.clone())
        .await
        .expect("start");
    first
        .handle()
        .store(chunks(endpoint, &logs, 64 << 10))
        .await
        .expect("stored");
    assert!(first.status().pending_units(&store).await.expect("count") > 0);
    first.stop().await.expect("stop");
    let second = Pipeline::start_with(
        Config {
            first_sweep_age: Duration::ZERO,
            ..quick()
        },
        store.clone(),
    )
    .await
    .expect("start");
    settle(&store, endpoint).await;
    assert_eq!(
        second.status().pending_units(&store).await.expect("count"),
        0
    );
    assert_eq!(
        stored(&store, endpoint).await,
        expected(rules, endpoint, &logs)
    );
    second.stop().await.expect("stop");

    // A process that stored none of it knows from the store where a log goes on: what says nothing wakes nobody.
    let third = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let all = chunks(endpoint, &logs, 64 << 10);
    let is_of_cbs = |chunk: &&event::Chunk| chunk.source == event::Source::Cbs;
    let last = all.iter().rfind(is_of_cbs).expect("a CBS log");
    let head = last
        .text
        .lines()
        .rev()
        .find_map(|line| LoggedAt::parse(line.as_bytes().get(..19)?))
        .expect("a head");
    let text = format!("{head}, Info                  CBS    Made up: all trays are fed\n");
    let next = event::Chunk {
        offset: last.offset + last.length,
        length: text.len() as u64,
        open: false,
        text,
        ..last.clone()
    };
    let wakes = || third.status().own_pending() > 0 || third.status().counts().derivations > 0;
    third
        .handle()
        .store(vec![next.clone()])
        .await
        .expect("stored");
    assert!(!wakes());
    // Where a piece is missing, anything may have been there.
    let far = event::Chunk {
        offset: next.offset + 9999,
        ..next
    };
    third.handle().store(vec![far]).await.expect("stored");
    assert!(wakes());
    third.stop().await.expect("stop");
}
