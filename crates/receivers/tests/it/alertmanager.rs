//! A real Alertmanager groups, silences and resolves what it is told; killed and started again it has everything once.

use crate::given::{labels, message, receivers};
use crate::server::{Server, ok};
use real::{Alertmanager, PATIENCE, free_port};
use receivers::{Item, Message, Outcome, Receivers, Status};
use serde_json::Value;
use std::time::{Duration, Instant, SystemTime};

#[path = "../../../../tests/alertmanager/real.rs"]
mod real;

fn of(real: &Alertmanager) -> Receivers {
    // The second of the cluster is not there.
    receivers(&format!(
        "- name: ops\n  kind: alertmanager\n  urls: ['http://127.0.0.1:{}', 'http://127.0.0.1:{}']",
        real.port,
        free_port()
    ))
}

fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A message of now, as Alertmanager ends what is old.
fn firing(count: usize) -> Message {
    let item = |number: usize| Item {
        labels: labels(&[("endpoint", &format!("PC-{number:03}"))]),
        ..message().alerts.remove(0)
    };
    Message {
        starts_at: SystemTime::now() - Duration::from_secs(60),
        alerts: (0..count).map(item).collect(),
        total: count,
        ..message()
    }
}

fn endpoints(alerts: &[Value]) -> Vec<String> {
    let mut names: Vec<String> = alerts
        .iter()
        .map(|alert| alert["labels"]["endpoint"].as_str().unwrap().to_owned())
        .collect();
    names.sort();
    names
}

/// Alerts of each group that it was told of, with their state.
fn told(server: &Server) -> Vec<(String, usize)> {
    let heard = server.heard();
    heard
        .iter()
        .map(|request| {
            let group = request.json();
            let status = group["status"].as_str().unwrap().to_owned();
            (status, group["alerts"].as_array().unwrap().len())
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_one_has_every_alert_once_groups_silences_and_resolves_them() {
    let server = Server::start(|_| ok(""));
    let mut real = Alertmanager::start(Some(&format!("{}/told", server.url())));
    let ops = of(&real);
    let message = firing(3);
    assert_eq!(ops.deliver("ops", &message).await, Outcome::Delivered);
    let alerts = real.alerts();
    assert_eq!(endpoints(&alerts), ["PC-000", "PC-001", "PC-002"]);
    let first = &alerts[0];
    assert_eq!(first["labels"]["alertname"], "failing_update");
    assert_eq!(first["labels"]["severity"], "critical");
    assert_eq!(first["labels"]["site"], "北京");
    assert_eq!(
        first["generatorURL"],
        "https://cbsift.bank.example/endpoints/PC-001"
    );
    assert_eq!(first["annotations"]["summary_zh"], "有电脑安装更新失败");

    // Grouped: one telling of three.
    until("the group is told", || !server.heard().is_empty());
    assert_eq!(told(&server), [("firing".to_owned(), 3)]);

    // A silence hides what it names, and nothing else.
    real.amtool(&[
        "silence",
        "add",
        "endpoint=PC-001",
        "--author=test",
        "--comment=test",
        "--duration=1h",
    ]);
    until("the silence counts", || {
        endpoints(&real.alerts()) == ["PC-000", "PC-002"]
    });

    // Killed: the try says so, and what is told again afterwards is there once.
    real.kill();
    let outcome = ops.deliver("ops", &message).await;
    assert!(matches!(outcome, Outcome::Retry { .. }), "{outcome:?}");
    let before = server.heard().len();
    real.start_again();
    for _ in 0..3 {
        assert_eq!(ops.deliver("ops", &message).await, Outcome::Delivered);
    }
    let all = real.amtool(&["alert", "query", "--output=json", "--active", "--silenced"]);
    let all: Vec<Value> = serde_json::from_str(&all).unwrap();
    assert_eq!(endpoints(&all), ["PC-000", "PC-001", "PC-002"]);

    // Killed, it has forgotten that it told of the group, and tells once more; what it told of it tells the end of.
    until("the group is told again", || server.heard().len() > before);

    // Resolved: none is left, and the group is told so once more.
    let over = Message {
        status: Status::Resolved,
        ends_at: Some(SystemTime::now()),
        ..message
    };
    assert_eq!(ops.deliver("ops", &over).await, Outcome::Delivered);
    until("nothing fires", || real.alerts().is_empty());
    until("the end is told", || {
        told(&server).iter().any(|(status, _)| status == "resolved")
    });
}
