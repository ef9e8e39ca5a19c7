//! Lines to receivers.

use super::{Ahead, FIRST_WAIT, LAST_WAIT, LONGEST_WAIT, Line};
use std::time::Duration;
use store::{AlertDelivery, DeliveryState};
use tokio::time::Instant;

fn delivery(message: &str, rule: &str, kbs: &[&str]) -> AlertDelivery {
    let text = serde_json::json!({ "en": "", "zh": "" });
    let alerts: Vec<serde_json::Value> = kbs
        .iter()
        .map(|kb| {
            serde_json::json!({
                "group": [["kb", kb]], "labels": { "alertname": rule, "kb": kb }, "value": 1.0, "text": text, "page": ""
            })
        })
        .collect();
    let time = serde_json::json!({ "secs_since_epoch": 1, "nanos_since_epoch": 0 });
    let body = serde_json::json!({
        "id": message, "rule": rule, "severity": "critical", "status": "firing", "labels": { "alertname": rule },
        "title": text, "body": text, "page": "", "starts_at": time, "ends_at": null,
        "alerts": alerts, "total": kbs.len()
    });
    AlertDelivery {
        receiver: "team".to_owned(),
        message: message.to_owned(),
        repetition: 0,
        rule: rule.to_owned(),
        body: body.to_string(),
        state: DeliveryState::Intended,
        attempts: 0,
        intended_ms: 0,
        tried_ms: 0,
        error: String::new(),
    }
}

#[test]
fn one_that_is_not_taken_delays_those_of_its_groups_alone() {
    let now = Instant::now();
    let mut line = Line::default();
    let mut ahead = Ahead::default();
    let poison = delivery("a", "failing", &["KB1", "KB2"]);
    assert!(line.may_go(&poison, &mut ahead, now));
    line.hold(&poison, None, &mut ahead, now);
    // Its end, then one that shares a group with that end, wait; another group and another rule do not.
    assert!(!line.may_go(&delivery("b", "failing", &["KB2", "KB3"]), &mut ahead, now));
    assert!(!line.may_go(&delivery("c", "failing", &["KB3"]), &mut ahead, now));
    assert!(line.may_go(&delivery("d", "failing", &["KB4"]), &mut ahead, now));
    assert!(line.may_go(&delivery("e", "silent", &["KB1"]), &mut ahead, now));
    assert_eq!(line.rests(now), None);
    // Another look knows it still.
    let mut ahead = Ahead::default();
    assert!(!line.may_go(&poison, &mut ahead, now));
    assert!(!line.may_go(&delivery("b", "failing", &["KB2"]), &mut ahead, now));
    let later = now + FIRST_WAIT;
    assert!(line.may_go(&poison, &mut Ahead::default(), later));
}

#[test]
fn waits_double_and_zero_is_no_wait_of_a_receiver() {
    let now = Instant::now();
    let mut line = Line::default();
    let poison = delivery("a", "failing", &["KB1"]);
    let mut waits = Vec::new();
    for _ in 0..10 {
        line.hold(&poison, Some(Duration::ZERO), &mut Ahead::default(), now);
        waits.extend(line.next(now).map(|wait| wait.as_secs()));
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300]);
    line.hold(
        &poison,
        Some(Duration::from_secs(86_400)),
        &mut Ahead::default(),
        now,
    );
    assert_eq!(line.next(now), Some(LONGEST_WAIT));
    assert_eq!(line.rests(now), Some(LAST_WAIT));
}

#[test]
fn a_receiver_that_takes_nothing_is_left_alone() {
    let now = Instant::now();
    let mut line = Line::default();
    let mut ahead = Ahead::default();
    for (message, rests) in [("a", None), ("b", None), ("c", Some(1)), ("d", Some(2))] {
        line.hold(&delivery(message, message, &["KB1"]), None, &mut ahead, now);
        assert_eq!(line.rests(now), rests.map(Duration::from_secs));
    }
    line.went(&delivery("d", "d", &["KB1"]));
    line.hold(
        &delivery("e", "e", &["KB1"]),
        None,
        &mut ahead,
        now + LAST_WAIT,
    );
    assert_eq!(line.rests(now + LAST_WAIT), None);
    line.keep(&[]);
    assert_eq!(line.next(now), None);
}
