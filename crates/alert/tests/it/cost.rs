//! What evaluation of all shipped rules costs: printed, and what it counts is checked. A small fleet in every run, a large one by
//! `CBSIFT_ALERT_FLEET=20000`.

use crate::harness::{Heard, Manner, Tried, connect, derived, desk, failed, succeeded};
use alert::{Kill, Now, Rules};
use embedded_clickhouse::testing::TestEngine;
use event::LoggedAt;
use std::path::Path;
use store::{EndpointFacts, Store};

/// 2024-05-28 12:00:00.
const NOW: i64 = 1_716_897_600;
const DAY: i64 = 86_400;

/// Evaluations that are measured, after one that nothing is known before.
const ROUNDS: i64 = 12;

const UPDATES: [&str; 4] = ["KB5037771", "KB5037768", "KB5038288", "KB5001716"];

/// Four updates of which one in a hundred fails, and definitions every second day: a month of a PC.
fn tries(pc: u32) -> Vec<Tried> {
    let mut tries: Vec<Tried> = (0..14)
        .map(|day| succeeded("KB2267602", NOW - (27 - 2 * day) * DAY))
        .collect();
    for (number, kb) in UPDATES.into_iter().enumerate() {
        let at = NOW - (13 - number as i64) * DAY + i64::from(pc % 28_800);
        match pc % 100 == number as u32 {
            true => tries.extend([0, 1, 2].map(|day| failed(kb, at + day * DAY))),
            false => tries.push(succeeded(kb, at)),
        }
    }
    tries.sort_by_key(|tried| tried.at);
    tries
}

async fn fill(store: &Store, tenant: &str, pcs: u32) {
    let name = |pc: u32| format!("pc-{pc:06}");
    for first in (0..pcs).step_by(2_000) {
        let some = || first..pcs.min(first + 2_000);
        let units: Vec<_> = some()
            .map(|pc| derived(tenant, &name(pc), &tries(pc), 1))
            .collect();
        store.insert_derivations(&units).await.expect("insert");
        let facts: Vec<EndpointFacts> = some()
            .map(|pc| EndpointFacts {
                tenant: tenant.to_owned(),
                endpoint: name(pc),
                host: name(pc),
                named_at: None,
                contact_ms: NOW * 1_000,
                servicing_stack: None,
                first: Some(LoggedAt(NOW - 27 * DAY)),
                last: Some(LoggedAt(NOW)),
            })
            .collect();
        store.insert_facts(&facts).await.expect("insert");
    }
}

#[tokio::test]
async fn what_all_shipped_rules_cost() {
    let wanted = std::env::var("CBSIFT_ALERT_FLEET").ok();
    let pcs = wanted.map_or(500, |wanted| {
        wanted.parse().expect("CBSIFT_ALERT_FLEET is a number")
    });
    let engine = TestEngine::fresh(Path::new(env!("CARGO_TARGET_TMPDIR")).join("alert-cost"));
    let store = connect(&engine).await;
    store.migrate().await.expect("migrate");
    let tenant = "cost";
    fill(&store, tenant, pcs).await;
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = Rules::load(&Rules::shipped_files()).expect("the shipped rules are good");
    let now = |round: i64| Now::at((NOW + round * 15) * 1_000);
    let mut desk = desk(&store, tenant, &heard, rules, now(0)).await;
    desk.round(now(0), 0.0, Kill::Never).await.expect("round");
    let mut spent = 0.0;
    let mut took = std::time::Duration::ZERO;
    let mut firing = 0;
    for round in 1..=ROUNDS {
        // Something is derived between any two, as in a fleet that lives.
        let unit = derived(tenant, "pc-000099", &tries(99), 1 + round.unsigned_abs());
        store.insert_derivations(&[unit]).await.expect("insert");
        let (before, begin) = (engine.cpu_seconds(), std::time::Instant::now());
        let done = desk
            .round(now(round), 0.0, Kill::Never)
            .await
            .expect("round");
        spent += engine.cpu_seconds() - before;
        took += begin.elapsed();
        assert_eq!(done.errors, Default::default());
        firing = done.firing;
    }
    let each = spent / ROUNDS as f64;
    println!(
        "{pcs} PCs, all shipped rules, something derived before each evaluation: {:.0} ms of CPU each, of the engine and this process, {:.1} % of a core every \
         15 s; {:.0} ms by the clock",
        each * 1_000.0,
        each / 15.0 * 100.0,
        took.as_secs_f64() * 1_000.0 / ROUNDS as f64
    );
    let seen = store.alert_evaluations(tenant).await.expect("read");
    let failing = seen
        .iter()
        .find(|seen| seen.rule == "update_failing")
        .unwrap();
    assert_eq!(failing.value, Some(f64::from(pcs / 100)));
    // One in a hundred is what fires, of fleets in which that is twenty.
    assert_eq!(firing > 0, pcs >= 2_000, "{seen:?}");
    engine.stop();
}
