//! The whole role: receivers that hang, refuse and are busy, restarts, and a second evaluator.

use crate::harness::{Heard, Manner, failed, put, setting, store};
use alert::{Claim, Evaluator, Nobody, Receivers, Rules, Status};
use std::sync::Arc;
use std::time::Duration;
use store::{DeliveryState, NewAlertRuleSet, RuleSetOrigin, Store};
use tokio::{task::JoinHandle, time::timeout};
use tokio_util::sync::CancellationToken;

/// What is waited for comes within seconds; a machine under load takes longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// Rules are of the whole store, so all tests here run the same.
async fn publish(store: &Store) {
    let files = [(
        "test.yaml".to_owned(),
        Rules::shipped_files()[0]
            .1
            .split("\n- name: update_failing_widely")
            .next()
            .unwrap()
            .to_owned(),
    )];
    let rules = Rules::load(&files).expect("good");
    let set = NewAlertRuleSet {
        digest: rules.digest().to_owned(),
        language: 1,
        origin: RuleSetOrigin::Site,
        files: files.to_vec(),
    };
    store.publish_alert_rules(&set).await.expect("publish");
}

/// Thirty of thirty PCs fail an update twice, hours ago.
async fn incident(store: &Store, tenant: &str) {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = now.unwrap().as_secs() as i64 - 7_200;
    put(
        store,
        tenant,
        0..30,
        &[failed("KB5031356", at), failed("KB5031356", at + 1)],
        1,
    )
    .await;
}

fn start(
    store: &Store,
    tenant: &str,
    receivers: Arc<dyn Receivers>,
    claim: Claim,
) -> (CancellationToken, JoinHandle<()>) {
    let stop = CancellationToken::new();
    let evaluator = Evaluator {
        store: store.clone(),
        receivers,
        claim: Arc::new(claim),
        setting: setting(tenant),
        interval: Duration::from_millis(100),
        words: classify::Rules::shipped(),
        status: Status::default(),
    };
    (stop.clone(), tokio::spawn(evaluator.run(stop)))
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, wait)
        .await
        .unwrap_or_else(|_| panic!("{what}"));
}

async fn delivery(
    store: &Store,
    tenant: &str,
    receiver: &str,
) -> Option<(DeliveryState, u32, String)> {
    let open = store.open_alerts(tenant, 10).await.expect("read");
    let message = open.first()?.fired_message.clone();
    let sent = store
        .alert_deliveries_of(tenant, &[&message])
        .await
        .expect("read");
    let of = sent.into_iter().find(|of| of.receiver == receiver)?;
    Some((of.state, of.attempts, of.error))
}

#[tokio::test]
async fn who_hangs_delays_no_other_and_a_restart_tells_nobody_again() {
    let (store, tenant) = (store().await, "alert-senders");
    publish(&store).await;
    incident(&store, tenant).await;
    let heard = Heard::by(&[
        ("hangs", Manner::Hangs),
        ("takes", Manner::Takes),
        ("busy", Manner::Busy(2)),
        ("refuses", Manner::Refuses),
    ]);
    let alone = || Claim::alone(store.clone(), tenant);
    let (stop, task) = start(&store, tenant, Arc::new(heard.clone()), alone());
    for (receiver, state, attempts, error) in [
        ("takes", DeliveryState::Delivered, 1, ""),
        ("busy", DeliveryState::Delivered, 3, ""),
        (
            "refuses",
            DeliveryState::Refused,
            1,
            "made up: no such robot",
        ),
    ] {
        until(receiver, async || {
            delivery(&store, tenant, receiver).await == Some((state, attempts, error.to_owned()))
        })
        .await;
    }
    until("the one that hangs was asked", async || {
        heard.of("hangs").len() == 1
    })
    .await;
    assert_eq!(
        delivery(&store, tenant, "hangs").await.unwrap().0,
        DeliveryState::Intended
    );
    stop.cancel();
    task.await.expect("ends");

    // A restart: only the one that never answered hears it again, with the same id.
    let (stop, task) = start(&store, tenant, Arc::new(heard.clone()), alone());
    until("the one that hangs is asked again", async || {
        heard.of("hangs").len() == 2
    })
    .await;
    stop.cancel();
    task.await.expect("ends");
    let ids: Vec<String> = heard
        .of("hangs")
        .into_iter()
        .map(|message| message.id)
        .collect();
    assert_eq!(ids[0], ids[1]);
    assert_eq!(heard.of("takes").len(), 1);
    assert_eq!(heard.of("busy").len(), 3);
    assert_eq!(heard.of("refuses").len(), 1);
}

#[tokio::test]
async fn a_second_evaluator_takes_over_and_sends_nothing_again() {
    let (store, tenant) = (store().await, "alert-two");
    publish(&store).await;
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let shared = || Claim::shared(store.clone(), tenant);
    let (_, first) = start(&store, tenant, Arc::new(heard.clone()), shared());
    until("the first one evaluates", async || {
        store
            .alert_claim(tenant)
            .await
            .expect("read")
            .is_some_and(|claim| claim.beat > 0)
    })
    .await;
    let (stop, second) = start(&store, tenant, Arc::new(heard.clone()), shared());
    incident(&store, tenant).await;
    until("it is told", async || {
        delivery(&store, tenant, "team")
            .await
            .is_some_and(|of| of.0 == DeliveryState::Delivered)
    })
    .await;
    let before = store.alert_claim(tenant).await.expect("read").unwrap();
    // Killed: nothing of it is ended in order.
    first.abort();
    let killed = std::time::Instant::now();
    until("the second one evaluates", async || {
        let claim = store.alert_claim(tenant).await.expect("read").unwrap();
        claim.term == before.term + 1 && claim.beat > 0
    })
    .await;
    println!(
        "the second one evaluates {:.1} s after the first one was killed",
        killed.elapsed().as_secs_f64()
    );
    stop.cancel();
    second.await.expect("ends");
    assert_eq!(heard.of("team").len(), 1);
}

/// Without anybody to tell, alerts stand on their page; whoever is named later does not hear old ones.
#[tokio::test]
async fn with_no_receiver_alerts_are_still_evaluated() {
    let (store, tenant) = (store().await, "alert-nobody");
    publish(&store).await;
    incident(&store, tenant).await;
    let alone = || Claim::alone(store.clone(), tenant);
    let (stop, task) = start(&store, tenant, Arc::new(Nobody), alone());
    until("it fires", async || {
        delivery(&store, tenant, alert::PAGE).await.is_some()
    })
    .await;
    // What rules saw is written behind what is to be sent.
    until("what it saw is written", async || {
        !store
            .alert_evaluations(tenant)
            .await
            .expect("read")
            .is_empty()
    })
    .await;
    stop.cancel();
    task.await.expect("ends");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let (stop, task) = start(&store, tenant, Arc::new(heard.clone()), alone());
    let last = store.alert_evaluations(tenant).await.expect("read")[0].at_ms;
    until("it was evaluated again", async || {
        store.alert_evaluations(tenant).await.expect("read")[0].at_ms > last
    })
    .await;
    stop.cancel();
    task.await.expect("ends");
    assert_eq!(heard.of("team"), []);
}
