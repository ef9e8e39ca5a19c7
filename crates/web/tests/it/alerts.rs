//! What the page of alerts is told.

use crate::harness::{ask, served};
use serde_json::{Value, json};
use store::{AlertDelivery, AlertEvaluation, AlertPhase, AlertState, DeliveryState};

const TENANT: &str = "alerts";
/// 2024-03-15 12:00:00 UTC.
const NOON_MS: i64 = 1_710_504_000_000;

fn both(text: &str) -> (String, String) {
    (text.to_owned(), format!("{text} (zh)"))
}

fn state(kb: &str, phase: AlertPhase) -> AlertState {
    let is_over = phase == AlertPhase::Resolved;
    AlertState {
        rule: "update_failing".to_owned(),
        labels: vec![("kb".to_owned(), kb.to_owned())],
        episode: 1,
        severity: "critical".to_owned(),
        phase,
        since_ms: NOON_MS,
        fired_ms: (phase != AlertPhase::Pending).then_some(NOON_MS + 60_000),
        quiet_ms: None,
        ended_ms: is_over.then_some(NOON_MS + 7_200_000),
        value: 3.0,
        peak: 57.0,
        of: Some(900.0),
        threshold: 20.0,
        evidence: None,
        pcs: vec!["PC-1".to_owned()],
        title: both(&format!("{kb} fails on \u{202e}57 PCs")),
        body: both("made up"),
        page: format!("/updates/{kb}"),
        fired_message: format!("fired-{kb}"),
        ended_message: if is_over {
            format!("ended-{kb}")
        } else {
            String::new()
        },
        changes: 0,
    }
}

fn delivery(receiver: &str, message: &str, state: DeliveryState, error: &str) -> AlertDelivery {
    AlertDelivery {
        receiver: receiver.to_owned(),
        message: message.to_owned(),
        repetition: 0,
        rule: "update_failing".to_owned(),
        body: "{}".to_owned(),
        state,
        attempts: 1,
        intended_ms: NOON_MS,
        tried_ms: NOON_MS + 61_000,
        error: error.to_owned(),
    }
}

#[tokio::test]
async fn what_fires_what_fired_and_what_was_sent() {
    let served = served().await;
    let store = served.connect().await;
    let pages = served.new_pages(TENANT).await;
    let get = async || {
        ask(pages, "GET", "/api/v1/alerts", &[("Host", "127.0.0.1")])
            .await
            .json()
    };
    assert_eq!(
        get().await,
        json!({ "evaluated": null, "rules": [], "firing": [], "history": [], "configured": false })
    );

    let states = [
        state("KB1", AlertPhase::Firing),
        state("KB2", AlertPhase::Resolved),
        state("KB3", AlertPhase::Pending),
        state("KB4", AlertPhase::Dropped),
    ];
    store
        .insert_alert_states(TENANT, &states)
        .await
        .expect("states");
    let sent = [
        delivery("", "fired-KB1", DeliveryState::Delivered, ""),
        delivery("team", "fired-KB1", DeliveryState::Delivered, ""),
        delivery(
            "robot",
            "fired-KB1",
            DeliveryState::Refused,
            "made up: no such robot",
        ),
        delivery("team", "fired-KB2", DeliveryState::Delivered, ""),
        delivery("team", "ended-KB2", DeliveryState::Intended, ""),
    ];
    store
        .insert_alert_deliveries(TENANT, &sent)
        .await
        .expect("deliveries");
    let seen = |rule: &str, error: &str, value| AlertEvaluation {
        rule: rule.to_owned(),
        severity: "critical".to_owned(),
        state: if error.is_empty() { "firing" } else { "error" }.to_owned(),
        groups: 2,
        value,
        threshold: value.map(|_| 20.0),
        error: error.to_owned(),
        at_ms: NOON_MS + 90_000,
        title: both("… fails"),
        about: both("made up"),
        receivers: 2,
    };
    let evaluations = [
        seen("update_failing", "", Some(57.0)),
        seen("pcs_silent", "made up: the store is away", None),
    ];
    store
        .insert_alert_evaluations(TENANT, &evaluations)
        .await
        .expect("evaluations");

    let found = get().await;
    assert_eq!(found["evaluated"], "2024-03-15T12:01:30.000Z");
    assert_eq!(found["configured"], true);
    let rules = found["rules"].as_array().unwrap();
    assert_eq!(rules.len(), 2);
    assert_eq!(
        (
            &rules[0]["name"],
            &rules[0]["state"],
            &rules[0]["value"],
            &rules[0]["error"]
        ),
        (
            &json!("pcs_silent"),
            &json!("error"),
            &json!(null),
            &json!("made up: the store is away")
        )
    );
    assert_eq!(rules[1]["value"], 57.0);
    assert_eq!(rules[1]["title"]["zh"], "… fails (zh)");
    let firing = found["firing"].as_array().unwrap();
    let kbs: Vec<_> = firing
        .iter()
        .map(|of| (&of["labels"]["kb"], &of["state"]))
        .collect();
    assert_eq!(
        kbs,
        [
            (&json!("KB1"), &json!("firing")),
            (&json!("KB3"), &json!("pending"))
        ]
    );
    assert_eq!(firing[0]["page"], "/updates/KB1");
    assert_eq!(firing[0]["since"], "2024-03-15T12:01:00.000Z");
    assert_eq!(firing[0]["title"]["en"], "KB1 fails on \u{202e}57 PCs");
    assert_eq!(
        firing[0]["deliveries"],
        json!([
            { "receiver": "robot", "at": "2024-03-15T12:01:01.000Z", "ok": false, "error": "made up: no such robot" },
            { "receiver": "team", "at": "2024-03-15T12:01:01.000Z", "ok": true, "error": null },
        ])
    );
    let history = found["history"].as_array().unwrap();
    assert_eq!(history.len(), 1);
    assert_eq!(history[0]["resolved"], "2024-03-15T14:00:00.000Z");
    assert_eq!(history[0]["value"], 57.0);
    let sent: Vec<_> = history[0]["deliveries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|of| &of["ok"])
        .collect();
    assert_eq!(sent, [&json!(true), &json!(false)]);

    let file = async |ending: &str| {
        let path = format!("/api/v1/alerts.{ending}");
        ask(pages, "GET", &path, &[("Host", "127.0.0.1")])
            .await
            .body
    };
    let lines = file("ndjson").await;
    let lines: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("an object a line"))
        .collect();
    assert_eq!(lines, [&firing[..], &history[..]].concat());
    let table = file("csv").await;
    assert_eq!(table.lines().count(), 1 + 3);
    for told in [
        ",robot 2024-03-15T12:01:01.000Z made up: no such robot; team 2024-03-15T12:01:01.000Z\r\n",
        ",team 2024-03-15T12:01:01.000Z; team 2024-03-15T12:01:01.000Z intended\r\n",
    ] {
        assert!(table.contains(told), "{told}: {table}");
    }
}
