//! A store of an older build, in a process of its own: the back-fill takes every endpoint there is.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
mod logs;

use classify::Rules;
use embedded_clickhouse::testing::TOKEN;
use harness::{TENANT, engine, quick, settle, store};
use logs::{chunks, expected, logs, stored};
use pipeline::Pipeline;
use queue::Share;
use std::time::Duration;
use store::Store;
use tokio::sync::watch;

async fn run(statement: &str) {
    let client = clickhouse::Client::default()
        .with_url(engine().await.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift");
    let done = client.query(statement).execute().await;
    done.unwrap_or_else(|error| panic!("{error}\n{statement}"));
}

/// What a build that read whole months leaves: no table of days, and answers that it weighed otherwise, under the rule set in use. Its
/// answers name sets without rows, so that only a new derivation says anything.
async fn as_an_older_build_left_it() {
    for table in ["day_inputs", "day_parts", "backfills"] {
        run(&format!("TRUNCATE TABLE {table}")).await;
    }
    run("CREATE TABLE older ENGINE = MergeTree ORDER BY endpoint AS SELECT * FROM derivations FINAL").await;
    run("TRUNCATE TABLE derivations").await;
    run("INSERT INTO derivations SELECT * REPLACE (toUInt64(0) AS content, `set` + 1 AS `set`, \
           bitOr(bitShiftLeft(bitShiftRight(version, 104), 104), bitShiftLeft(toUInt128(900000000), 64)) AS version) \
         FROM older")
    .await;
    run("DROP TABLE older").await;
}

async fn wait_for_the_backfill(store: &Store) {
    while !store.is_backfilled().await.expect("progress") {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_build_derived_under_the_same_rule_set_is_derived_anew_live_or_at_rest() {
    let (store, rules) = (store().await, Rules::shipped());
    let (live, at_rest) = ("upgraded-live", "upgraded-at-rest");
    let (of_live, of_rest) = (logs(5), logs(6));
    let mut all = chunks(live, &of_live, 16 << 10);
    let last = all.split_off(all.len() - 1);
    let before = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    all.extend(chunks(at_rest, &of_rest, 64 << 10));
    before.handle().store(all).await.expect("stored");
    for endpoint in [live, at_rest] {
        settle(&store, endpoint).await;
    }
    before.stop().await.expect("stop");
    as_an_older_build_left_it().await;
    assert_eq!(stored(&store, at_rest).await.attempts, []);

    let after = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    after.handle().store(last).await.expect("stored");
    wait_for_the_backfill(&store).await;
    for (endpoint, logs) in [(live, &of_live), (at_rest, &of_rest)] {
        settle(&store, endpoint).await;
        let expected = expected(rules, endpoint, logs);
        assert!(!expected.attempts.is_empty());
        assert_eq!(stored(&store, endpoint).await, expected, "{endpoint}");
    }
    after.stop().await.expect("stop");

    // One of several copies everything, and leaves what is others' of what that opens to them.
    as_an_older_build_left_it().await;
    run("TRUNCATE TABLE news").await;
    let mut shares = (2..9).flat_map(|of| (0..of).map(move |part| Share::new([part], of)));
    let share = shares.find(|share| share.has(TENANT, at_rest) && !share.has(TENANT, live));
    let (_share, shared) = watch::channel(share.expect("a share of one of them"));
    let copies = Pipeline::start_sharing(quick(), store.clone(), shared);
    let copies = copies.await.expect("start");
    wait_for_the_backfill(&store).await;
    settle(&store, at_rest).await;
    copies.stop().await.expect("stop");
    assert_ne!(stored(&store, at_rest).await.attempts, []);
    assert_eq!(stored(&store, live).await.attempts, []);
    let open = store.open_news(Duration::ZERO, 1_000).await.expect("news");
    assert!(!open.is_empty() && open.iter().all(|news| news.unit.endpoint == live));
}
