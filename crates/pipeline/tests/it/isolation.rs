//! One endpoint harms only itself: months that fail, months that are too large, logs of a thousand months.

use crate::{
    harness::{TENANT, quick, settle, store},
    logs::{chunks, expected, stored},
};
use classify::Rules;
use event::{Chunk, Month};
use pipeline::{Config, Pipeline, Planted};
use simulate::LogFile;
use std::time::Duration;
use store::Store;

/// A failed attempt as CBS.log tells it.
fn failed(month: i64, number: usize) -> String {
    format!(
        "{:04}-{:02}-{:02} 08:{:02}:{:02}, Info                  CBS    Exec: Processing complete.  Session: {}_{number}, \
         Package: Package_for_KB{}~31bf3856ad364e35~amd64~~1.0.0.{number} [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\r\n",
        month / 12,
        month % 12 + 1,
        number / 3_600 % 28 + 1,
        number / 60 % 60,
        number % 60,
        30_000_000 + number,
        5_000_000 + number,
    )
}

fn log(text: String) -> Vec<LogFile> {
    vec![LogFile {
        path: "Windows/Logs/CBS/CBS.log".to_owned(),
        source: "cbs",
        bytes: text.into_bytes(),
    }]
}

/// A log of one month with so many failed attempts.
fn of_a_month(attempts: usize) -> Vec<LogFile> {
    log((0..attempts)
        .map(|number| failed(2024 * 12 + 4, number))
        .collect())
}

async fn attempts(store: &Store, endpoint: &str) -> usize {
    let (attempts, _) = store.derived(TENANT, endpoint).await.expect("derived");
    attempts.len()
}

async fn send(pipeline: &Pipeline, endpoint: &str, logs: &[LogFile]) {
    let chunks = chunks(endpoint, logs, 64 << 10);
    pipeline.handle().store(chunks).await.expect("stored");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_unit_that_panics_is_dead_and_those_beside_it_are_derived() {
    let (store, rules) = (store().await, Rules::shipped());
    let (bad, logs) = ("panics-alone", of_a_month(3));
    let config = Config {
        planted: Planted {
            derive_panics: bad.to_owned(),
            ..Planted::default()
        },
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let healthy: Vec<String> = (0..50)
        .map(|number| format!("beside-a-panic-{number}"))
        .collect();
    let mut all = chunks(bad, &logs, 64 << 10);
    all.extend(
        healthy
            .iter()
            .flat_map(|endpoint| chunks(endpoint, &logs, 64 << 10)),
    );
    pipeline.handle().store(all).await.expect("stored");
    settle(&store, bad).await;
    for endpoint in &healthy {
        settle(&store, endpoint).await;
        assert_eq!(
            stored(&store, endpoint).await,
            expected(rules, endpoint, &logs),
            "{endpoint}"
        );
    }
    let dead = store.dead_units(TENANT, bad).await.expect("dead units");
    let said: Vec<_> = dead
        .iter()
        .map(|dead| (dead.unit.month, dead.reason.as_str(), dead.attempts))
        .collect();
    assert_eq!(said, [(Month::from_yyyymm(202405), "panic", 1)]);
    assert!(
        !dead[0].message.contains("planted"),
        "a panic may quote a log"
    );
    assert_eq!(attempts(&store, bad).await, 0);

    // With more news it is left alone for a while: the failure would cost as much each time.
    send(&pipeline, bad, &of_a_month(4)).await;
    send(&pipeline, "after-the-dead", &logs).await;
    settle(&store, "after-the-dead").await;
    let still = store.dead_units(TENANT, bad).await.expect("dead units");
    assert_eq!(still, dead);
    pipeline.stop().await.expect("stop");

    // A build that is mended, and somebody who asks for another try.
    store.reopen_dead_units(&dead).await.expect("reopen");
    let mended = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    send(&mended, bad, &of_a_month(4)).await;
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    while attempts(&store, bad).await == 0 {
        assert!(std::time::Instant::now() < deadline, "not derived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(
        stored(&store, bad).await,
        expected(rules, bad, &of_a_month(4))
    );
    assert_eq!(store.dead_units(TENANT, bad).await.expect("dead units"), []);
    mended.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn reads_above_the_bound_are_halved_and_only_what_is_too_large_alone_is_dead() {
    let store = store().await;
    let config = Config {
        // Two jobs: a read beside others may take 128 KiB. An endpoint below needs some 50 KiB, all of them six times as much; a day of
        // 3,600 attempts needs more than all there is.
        derive_memory: 1 << 19,
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let fitting: Vec<String> = (0..16)
        .map(|number| format!("fits-alone-{number}"))
        .collect();
    let logs = of_a_month(60);
    let mut all: Vec<Chunk> = chunks("too-large-alone", &of_a_month(6_000), 64 << 10);
    // One day is too large; those far from it are not, but a month is told whole or not at all.
    let one_day = (0..3_600).chain((5..20).map(|day| day * 3_600));
    let one_day = log(one_day
        .map(|number| failed(2024 * 12 + 4, number))
        .collect());
    all.extend(chunks("one-day-too-large", &one_day, 64 << 10));
    all.extend(
        fitting
            .iter()
            .flat_map(|endpoint| chunks(endpoint, &logs, 64 << 10)),
    );
    pipeline.handle().store(all).await.expect("stored");
    for endpoint in fitting
        .iter()
        .map(String::as_str)
        .chain(["too-large-alone", "one-day-too-large"])
    {
        settle(&store, endpoint).await;
    }
    for endpoint in &fitting {
        assert_eq!(attempts(&store, endpoint).await, 60, "{endpoint}");
        let dead = store
            .dead_units(TENANT, endpoint)
            .await
            .expect("dead units");
        assert_eq!(dead, [], "{endpoint}");
    }
    for endpoint in ["too-large-alone", "one-day-too-large"] {
        let dead = store
            .dead_units(TENANT, endpoint)
            .await
            .expect("dead units");
        assert_eq!(dead.len(), 1, "{endpoint}");
        assert_eq!(dead[0].reason, "too_large");
        assert_eq!(attempts(&store, endpoint).await, 0, "{endpoint}");
    }
    pipeline.stop().await.expect("stop");
}

/// One failed attempt in every seventh month from 1990 to 2100.
fn whole_life() -> String {
    let months = (1990 * 12..2101 * 12).step_by(7);
    months
        .zip(0..)
        .map(|(month, number)| failed(month, number))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_of_a_thousand_months_has_one_answer_however_it_comes() {
    let (store, rules) = (store().await, Rules::shipped());
    let pipeline = Pipeline::start_with(quick(), store.clone())
        .await
        .expect("start");
    let logs = log(whole_life());
    let whole = "whole-life";
    send(&pipeline, whole, &logs).await;

    let pieces = "whole-life-in-pieces";
    for piece in chunks(pieces, &logs, 4 << 10) {
        pipeline.handle().store(vec![piece]).await.expect("stored");
    }

    let shuffled = "whole-life-shuffled";
    let mut all = chunks(shuffled, &logs, 2 << 10);
    // By a fixed rule, far from the order of the log.
    all.sort_by_key(|chunk| chunk.offset.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    for some in all.chunks(5) {
        pipeline
            .handle()
            .store(some.to_vec())
            .await
            .expect("stored");
    }

    for endpoint in [whole, pieces, shuffled] {
        settle(&store, endpoint).await;
        assert_eq!(
            stored(&store, endpoint).await,
            expected(rules, endpoint, &logs),
            "{endpoint}"
        );
    }
    // Whatever is far off is one unit.
    let far = store.unit_rows(TENANT, whole, Month::FAR_OFF, Month::FAR_OFF);
    let far = far.await.expect("read").events.len();
    let near = (2006 * 12..2038 * 12).filter(|month| (month - 1990 * 12) % 7 == 0);
    assert_eq!(far, whole_life().lines().count() - near.count());
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_beside_a_log_of_a_thousand_months_is_answered_first() {
    let store = store().await;
    let config = Config {
        // Long enough that both are in one batch, whatever else the machine does.
        batch_linger: Duration::from_secs(2),
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let handle = pipeline.handle();
    let wide = chunks("thousand-months", &log(whole_life()), 256 << 10);
    let wide = tokio::spawn(async move { handle.store(wide).await });
    send(&pipeline, "beside-a-thousand-months", &of_a_month(3)).await;
    assert!(!wide.is_finished(), "the wide one takes its turns behind");
    wide.await.expect("no panic").expect("stored too");
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_sends_while_a_log_of_a_thousand_months_is_classified_is_not_stored_behind_it() {
    let store = store().await;
    let config = Config {
        batch_linger: Duration::from_millis(1),
        batches_in_flight: 1,
        ..quick()
    };
    let pipeline = Pipeline::start_with(config, store.clone())
        .await
        .expect("start");
    let handle = pipeline.handle();
    // Classifying so many failures takes longer than the one that follows lingers.
    let many = (0..6_000).map(|number| failed(2024 * 12 + 4, number));
    let text = whole_life() + &many.collect::<String>();
    let wide = chunks("thousand-months-first", &log(text), 256 << 10);
    let wide = tokio::spawn(async move { handle.store(wide).await });
    while pipeline.status().counts().read == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    // Nobody comes after it: what starts its batch is the slot that comes back.
    send(&pipeline, "while-a-thousand-months", &of_a_month(3)).await;
    assert!(!wide.is_finished(), "the wide one takes its turns behind");
    wide.await.expect("no panic").expect("stored too");
    pipeline.stop().await.expect("stop");
}
