//! An update starts to fail on 3 % of the PCs: one message, and one when it is over, whoever evaluates and wherever it is killed.

use crate::harness::{Heard, Manner, desk, failed, pcs, put, shipped, store, succeeded};
use alert::{Kill, Message, MessageStatus, Now};
use std::collections::BTreeSet;
use store::{AlertDelivery, DeliveryState, Store};

/// 2024-03-15 12:00:00.
const NOON: i64 = 1_710_504_000;
const HOUR: i64 = 3_600;

fn at(seconds: i64) -> Now {
    Now::at(seconds * 1_000)
}

/// PCs of which three in a hundred fail.
fn failing() -> u32 {
    pcs() * 3 / 100
}

/// A thousand PCs or more, all of which installed another update the day before.
async fn healthy(store: &Store, tenant: &str) {
    put(
        store,
        tenant,
        0..pcs(),
        &[succeeded("KB5000001", NOON - 30 * HOUR)],
        1,
    )
    .await;
}

/// Three in a hundred of them fail two updates twice; the others install them.
async fn incident(store: &Store, tenant: &str) {
    let good = [
        succeeded("KB5000001", NOON - 30 * HOUR),
        succeeded("KB5031356", NOON),
        succeeded("KB5031539", NOON),
    ];
    put(store, tenant, failing()..pcs(), &good, 2).await;
    put(store, tenant, 0..failing(), &bad(), 2).await;
}

fn bad() -> Vec<crate::harness::Tried> {
    vec![
        succeeded("KB5000001", NOON - 30 * HOUR),
        failed("KB5031356", NOON),
        failed("KB5031539", NOON),
        failed("KB5031356", NOON + 60),
        failed("KB5031539", NOON + 60),
    ]
}

async fn ids_written(store: &Store, tenant: &str, receiver: &str) -> Vec<String> {
    let left = store
        .intended_alert_deliveries(tenant, receiver, 100)
        .await
        .expect("read");
    left.into_iter().map(|delivery| delivery.message).collect()
}

#[tokio::test]
async fn a_failing_update_is_told_once_and_its_end_once() {
    let (store, tenant) = (store().await, "alert-incident");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["update_failing"]);
    healthy(&store, tenant).await;
    let mut first = desk(&store, tenant, &heard, rules.clone(), at(NOON)).await;
    let quiet = first
        .round(at(NOON), 0.0, Kill::Never)
        .await
        .expect("round");
    assert_eq!((quiet.messages.len(), quiet.errors.len()), (0, 0));

    incident(&store, tenant).await;
    let done = first
        .round(at(NOON + 120), 0.0, Kill::Never)
        .await
        .expect("round");
    let [message] = done.messages.as_slice() else {
        panic!("one message: {:#?}", done.messages);
    };
    assert_eq!((message.status, message.total), (MessageStatus::Firing, 2));
    assert_eq!(done.firing, 2);
    let item = &message.alerts[0];
    assert_eq!(item.value, f64::from(failing()));
    assert_eq!(item.labels["kb"], "KB5031356");
    assert_eq!(item.labels["alertname"], "update_failing");
    assert_eq!(item.page, "https://cbsift.example/updates/KB5031356");
    assert!(
        item.text
            .en
            .contains(&format!("KB5031356 fails on {} PCs (3.0 %)", failing())),
        "{:?}",
        item.text
    );
    assert!(
        item.text.zh.contains(&format!("{} 台", failing())),
        "{:?}",
        item.text
    );
    assert!(
        message.body.en.contains("pc-0000, pc-0001"),
        "{:?}",
        message.body
    );
    assert!(
        message
            .body
            .en
            .contains(&format!("and {} more", failing() - 10)),
        "{:?}",
        message.body
    );
    assert_eq!(
        ids_written(&store, tenant, "team").await,
        std::slice::from_ref(&message.id)
    );

    // Again, after a restart, and by a second one beside it: nobody hears it again.
    let again = first
        .round(at(NOON + 135), 0.0, Kill::Never)
        .await
        .expect("round");
    assert_eq!(again.messages, []);
    let mut second = desk(&store, tenant, &heard, rules.clone(), at(NOON + 150)).await;
    for seconds in [150, 165, 4_000] {
        for desk in [&mut first, &mut second] {
            let done = desk
                .round(at(NOON + seconds), 0.0, Kill::Never)
                .await
                .expect("round");
            assert_eq!(
                (done.messages, done.firing),
                (Vec::<Message>::new(), 2),
                "after {seconds} s"
            );
        }
    }
    assert_eq!(ids_written(&store, tenant, "team").await.len(), 1);

    // It goes well in the end: over once, after the two hours that the rule waits.
    let mut good = bad();
    good.extend([
        succeeded("KB5031356", NOON + 2 * HOUR),
        succeeded("KB5031539", NOON + 2 * HOUR),
    ]);
    put(&store, tenant, 0..failing(), &good, 3).await;
    let mut over = Vec::new();
    for hours in [2, 3, 4, 5, 6] {
        let done = first
            .round(at(NOON + hours * HOUR + 60), 0.0, Kill::Never)
            .await
            .expect("round");
        over.extend(done.messages.into_iter().map(|message| (hours, message)));
    }
    let [(4, message)] = over.as_slice() else {
        panic!("over once, at the fourth hour: {over:#?}");
    };
    assert_eq!(
        (message.status, message.total),
        (MessageStatus::Resolved, 2)
    );
    assert!(message.ends_at.is_some());
    assert!(
        message.body.en.contains(&format!("at most {}", failing())),
        "{:?}",
        message.body
    );
    let past = store.past_alerts(tenant, 10).await.expect("read");
    assert_eq!(past.len(), 2);
    assert!(
        store
            .open_alerts(tenant, 10)
            .await
            .expect("read")
            .is_empty()
    );

    // Logs of that day arrive late, of PCs that never came back: pages count them, and nobody is told again.
    put(&store, tenant, pcs()..pcs() + 100, &bad(), 2).await;
    let done = first
        .round(at(NOON + 9 * HOUR), 0.0, Kill::Never)
        .await
        .expect("round");
    assert_eq!((done.messages, done.firing), (Vec::new(), 0));
    // What fails after it was over is news.
    let later = [
        failed("KB5031356", NOON + 10 * HOUR),
        failed("KB5031356", NOON + 10 * HOUR + 60),
    ];
    put(&store, tenant, pcs() + 1_000..pcs() + 1_030, &later, 2).await;
    let done = first
        .round(at(NOON + 11 * HOUR), 0.0, Kill::Never)
        .await
        .expect("round");
    assert_eq!(done.messages.len(), 1);
    assert_eq!(done.messages[0].total, 1);
    assert_ne!(done.messages[0].id, message.id);
}

#[tokio::test]
async fn killed_at_every_point_it_is_told_once() {
    for (tenant, kill) in [
        ("alert-kill-before", Kill::BeforeStates),
        ("alert-kill-after", Kill::AfterStates),
    ] {
        let store = store().await;
        let heard = Heard::by(&[("team", Manner::Takes), ("other", Manner::Takes)]);
        let rules = shipped(&["update_failing"]);
        healthy(&store, tenant).await;
        incident(&store, tenant).await;
        let mut killed = desk(&store, tenant, &heard, rules.clone(), at(NOON + 120)).await;
        killed
            .round(at(NOON + 120), 0.0, kill)
            .await
            .expect("round");
        drop(killed);
        assert!(
            ids_written(&store, tenant, "team").await.is_empty(),
            "{kill:?}"
        );

        // Whoever comes next says it, and the one after that does not.
        for seconds in [135, 150, 165] {
            let mut next = desk(&store, tenant, &heard, rules.clone(), at(NOON + seconds)).await;
            next.round(at(NOON + seconds), 0.0, Kill::Never)
                .await
                .expect("round");
        }
        for receiver in ["team", "other"] {
            let ids = ids_written(&store, tenant, receiver).await;
            assert_eq!(ids.len(), 1, "{kill:?} {receiver}: {ids:?}");
        }
        let open = store.open_alerts(tenant, 10).await.expect("read");
        assert_eq!(open.len(), 2);
        let sent = store
            .alert_deliveries_of(tenant, &[open[0].fired_message.as_str()])
            .await
            .expect("read");
        // One for each receiver, and one for the page.
        let states: Vec<(&str, DeliveryState)> = sent
            .iter()
            .map(|of| (of.receiver.as_str(), of.state))
            .collect();
        assert_eq!(
            states,
            [
                ("", DeliveryState::Delivered),
                ("other", DeliveryState::Intended),
                ("team", DeliveryState::Intended)
            ]
        );
    }
}

/// `for` goes on counting over a restart: it is in the store since when it is met.
#[tokio::test]
async fn a_restart_does_not_begin_to_wait_again() {
    let (store, tenant) = (store().await, "alert-pending");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["update_failing_widely"]);
    put(&store, tenant, 0..20, &bad(), 1).await;
    let mut states = Vec::new();
    for minutes in [0, 29, 30] {
        let now = at(NOON + 120 + minutes * 60);
        let mut desk = desk(&store, tenant, &heard, rules.clone(), now).await;
        let done = desk.round(now, 0.0, Kill::Never).await.expect("round");
        states.push((minutes, done.messages.len(), done.firing));
    }
    assert_eq!(states, [(0, 0, 0), (29, 0, 0), (30, 1, 2)]);
}

/// Whoever asks for nothing more often hears it again after a while, with the id that it heard first; a restart repeats nothing.
#[tokio::test]
async fn what_fires_for_long_is_told_again_and_a_rule_that_is_taken_away_ends() {
    let (store, tenant) = (store().await, "alert-repeat");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["update_failing"]);
    put(&store, tenant, 0..30, &bad(), 1).await;
    let open = async |now: Now| {
        let receivers: std::sync::Arc<dyn alert::Receivers> = std::sync::Arc::new(heard.clone());
        let setting = alert::Setting {
            repeat: std::time::Duration::from_secs(4 * 3_600),
            ..crate::harness::setting(tenant)
        };
        let words = classify::Rules::shipped();
        alert::Desk::open(store.clone(), receivers, setting, rules.clone(), words, now)
            .await
            .expect("open")
    };
    let mut desk = open(at(NOON + 120)).await;
    let done = desk
        .round(at(NOON + 120), 0.0, Kill::Never)
        .await
        .expect("round");
    let first = done.messages[0].id.clone();
    for seconds in [3 * HOUR, 4 * HOUR + 120, 4 * HOUR + 135, 7 * HOUR] {
        let now = at(NOON + seconds);
        desk.round(now, 0.0, Kill::Never).await.expect("round");
        // As a process that was just started sees it.
        let mut next = open(now).await;
        next.round(now, 0.0, Kill::Never).await.expect("round");
    }
    let left = store
        .intended_alert_deliveries(tenant, "team", 10)
        .await
        .expect("read");
    let told: Vec<(&str, u32)> = left
        .iter()
        .map(|of| (of.message.as_str(), of.repetition))
        .collect();
    assert_eq!(told, [(first.as_str(), 0), (first.as_str(), 1)]);

    desk.set_rules(shipped(&["dead_units"]));
    let done = desk
        .round(at(NOON + 7 * HOUR + 15), 0.0, Kill::Never)
        .await
        .expect("round");
    let ended: Vec<(&str, MessageStatus, usize)> = done
        .messages
        .iter()
        .filter(|message| message.rule == "update_failing")
        .map(|message| (message.rule.as_str(), message.status, message.total))
        .collect();
    assert_eq!(ended, [("update_failing", MessageStatus::Resolved, 2)]);
}

/// An address holds 64 KiB, and ids of messages stand in it: a rule by sites that is taken away may end thousands of groups at once.
#[tokio::test]
async fn thousands_of_messages_are_asked_for_at_once() {
    let (store, tenant) = (store().await, "alert-thousands");
    let ids: Vec<String> = (0..2_500).map(|number| format!("{number:032x}")).collect();
    let written = AlertDelivery {
        receiver: "team".to_owned(),
        message: ids[2_499].clone(),
        repetition: 0,
        rule: "made_up".to_owned(),
        body: String::new(),
        state: DeliveryState::Intended,
        attempts: 0,
        intended_ms: 0,
        tried_ms: 0,
        error: String::new(),
    };
    store
        .insert_alert_deliveries(tenant, std::slice::from_ref(&written))
        .await
        .expect("write");
    let asked: BTreeSet<&str> = ids.iter().map(String::as_str).collect();
    let heard = store
        .alert_receivers_of(tenant, &asked)
        .await
        .expect("read");
    assert_eq!(heard, BTreeSet::from(["team".to_owned()]));
    let unwritten = store
        .unwritten_alert_messages(tenant, &asked)
        .await
        .expect("read");
    assert_eq!(unwritten.len(), 2_499);
    assert!(!unwritten.contains(&written.message));
}
