//! The store is away for a while: nothing false is told, and nothing that began before or after is lost or told twice.

use crate::harness::{Heard, Manner, Tried, connect, failed, pcs, put, setting, succeeded};
use alert::{Claim, Evaluator, MessageStatus, Receivers, Status};
use embedded_clickhouse::{EngineConfig, testing::TestEngine};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// What is waited for comes within seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Seconds in a longer run, from the environment.
fn seconds(name: &str, of_every_run: Duration) -> Duration {
    let wanted = std::env::var(name).ok();
    wanted.map_or(of_every_run, |wanted| {
        Duration::from_secs(wanted.parse().expect("a number of seconds"))
    })
}

fn now_s() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs() as i64
}

/// KBs that are told to fail, each with the ids of the messages that say so.
fn kbs(heard: &Heard) -> BTreeMap<String, BTreeSet<(String, u32)>> {
    let mut kbs: BTreeMap<String, BTreeSet<(String, u32)>> = BTreeMap::new();
    for message in heard.of("team") {
        assert_eq!(message.status, MessageStatus::Firing, "{message:?}");
        assert_eq!(message.rule, "update_failing", "{message:?}");
        for item in &message.alerts {
            let told = kbs.entry(item.labels["kb"].clone()).or_default();
            let is_new = told.insert((message.id.clone(), message.repetition));
            assert!(is_new, "heard twice: {message:?}");
        }
    }
    kbs
}

async fn until(heard: &Heard, expected: &[&str]) {
    let all = async {
        while !expected.iter().all(|kb| kbs(heard).contains_key(*kb)) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, all)
        .await
        .unwrap_or_else(|_| panic!("{expected:?} of {:?}", kbs(heard)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_away_makes_no_false_alert_and_loses_none() {
    let interval = seconds("CBSIFT_ALERT_INTERVAL", Duration::from_millis(200));
    let away = seconds("CBSIFT_ALERT_AWAY", Duration::from_secs(3));
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("alert-away");
    let engine = TestEngine::fresh(&folder);
    let store = connect(&engine).await;
    store.migrate().await.expect("migrate");
    // All shipped rules: also those about what is late, silent and lost must be quiet.
    alert::publish_shipped(&store).await.expect("publish");
    let tenant = "away";
    let (all, few) = (pcs(), pcs() * 3 / 100);
    let begin = now_s() - 7_200;
    let mut tried: Vec<Tried> = vec![succeeded("KB5000001", begin - 86_400)];
    put(&store, tenant, 0..all, &tried, 1).await;

    let heard = Heard::by(&[("team", Manner::Takes)]);
    let receivers: Arc<dyn Receivers> = Arc::new(heard.clone());
    let stop = CancellationToken::new();
    let evaluator = Evaluator {
        store: store.clone(),
        receivers,
        claim: Arc::new(Claim::alone(store.clone(), tenant)),
        setting: setting(tenant),
        interval,
        words: classify::Rules::shipped(),
        status: Status::default(),
    };
    let task = tokio::spawn(evaluator.run(stop.clone()));
    let mut version = 1;
    let mut fail = async |kb: &'static str, pcs: u32, times: i64| {
        version += 1;
        tried.extend((0..times).map(|time| failed(kb, begin + time)));
        put(&store, tenant, 0..pcs, &tried, version).await;
    };

    // While all is well, within an interval and five seconds; the others have installed it.
    fail("KB5000002", few, 2).await;
    let readable = Instant::now();
    until(&heard, &["KB5000002"]).await;
    println!(
        "{few} of {all} PCs fail: heard {:.1} s after the rows were readable, evaluated every {:.1} s",
        readable.elapsed().as_secs_f64(),
        interval.as_secs_f64()
    );

    // Readable just before the store goes away: whether somebody had looked by then or not.
    fail("KB5000003", few, 2).await;
    engine.stop();
    sleep(away).await;
    let meanwhile = kbs(&heard);
    let engine = TestEngine::start(EngineConfig::new(&folder));
    until(&heard, &["KB5000003"]).await;
    println!(
        "the store was away for {} s; before it was back: {meanwhile:?}",
        away.as_secs()
    );

    fail("KB5000004", few, 2).await;
    until(&heard, &["KB5000004"]).await;
    let seen = store.alert_evaluations(tenant).await.expect("read");
    assert!(seen.iter().all(|seen| seen.error.is_empty()), "{seen:?}");
    stop.cancel();
    task.await.expect("ends");
    let told = kbs(&heard);
    let ids: Vec<(&str, usize)> = told
        .iter()
        .map(|(kb, ids)| (kb.as_str(), ids.len()))
        .collect();
    assert_eq!(ids, [("KB5000002", 1), ("KB5000003", 1), ("KB5000004", 1)]);
    engine.stop();
}
