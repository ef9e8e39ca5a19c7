//! Alerts of a cluster, as a real Alertmanager hears them: two that evaluate, one of which is killed; Kafka and the store that are away.
//!
//! `CBSIFT_ALERT_AWAY=120` keeps both away for two minutes.

use crate::harness::{Cluster, Role, send_command, until};
use crate::single::repository;
use alertmanager::Alertmanager;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[path = "../alertmanager/real.rs"]
#[expect(dead_code, reason = "shared with the tests of receivers")]
mod alertmanager;

/// A site's own rule beside all shipped ones: three PCs are enough.
const RULE: &str = "
- name: made_up
  title: { en: '{kb} fails on {value} PCs', zh: '{kb} 失败 {value} 台' }
  about: { en: made up, zh: 虚构 }
  text: { en: '{pcs}', zh: '{pcs}' }
  severity: critical
  count: failing
  group_by: [kb]
  threshold: { at_least: 3 }
  tests:
    - case: three PCs
      steps:
        - { at: 0s, of: 9, values: { KB1: 2 }, firing: [] }
        - { at: 15s, of: 9, values: { KB1: 3 }, firing: [KB1] }
";

/// Made-up lines of a PC that tries an update on some day, and how it ends.
fn tried(kb: &str, day: u32, result: &str) -> String {
    let package = format!("Package_for_{kb}~31bf3856ad364e35~amd64~~19041.1889.1.7");
    let session = format!("30979{day:03}_1234567890, Package: {package}, Identifier: {kb}");
    format!(
        "2022-08-{day} 15:53:42, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: {session}\r\n\
         2022-08-{day} 15:53:47, Info                  CBS    Exec: Processing complete.  Session: {session} [HRESULT = {result}]\r\n"
    )
}

const FAILED: &str = "0x80070570 - ERROR_FILE_CORRUPT";

/// Three PCs whose logs grow.
struct Fleet {
    folder: PathBuf,
    intake: String,
}

impl Fleet {
    /// Each logs these lines and sends them until they are taken.
    fn log(&self, lines: &str) {
        for pc in ["pc-1", "pc-2", "pc-3"] {
            let path = self.folder.join(format!("{pc}.log"));
            let before = std::fs::read_to_string(&path).unwrap_or_default();
            std::fs::write(&path, before + lines).unwrap();
            until("an intake takes it", || {
                let sent = send_command()
                    .args(["--to", &self.intake, "--endpoint", pc])
                    .arg(&path)
                    .output()
                    .unwrap();
                sent.status.success().then_some(())
            });
        }
    }
}

/// What fires at Alertmanager: each rule with its update, since when, and on how many PCs.
fn firing(manager: &Alertmanager) -> Vec<(String, String, String, String)> {
    let of = |alert: &Value, part: &str, name: &str| {
        alert[part][name].as_str().unwrap_or_default().to_owned()
    };
    let mut all: Vec<_> = manager
        .alerts()
        .iter()
        .map(|alert| {
            let since = alert["startsAt"].as_str().unwrap().to_owned();
            let (rule, kb) = (of(alert, "labels", "alertname"), of(alert, "labels", "kb"));
            (rule, kb, of(alert, "annotations", "value"), since)
        })
        .collect();
    all.sort();
    all
}

/// Waits until exactly these updates fire by our rule, and nothing else does.
fn fires(manager: &Alertmanager, kbs: &[&str]) {
    until(&format!("{kbs:?} fire"), || {
        let found = firing(manager);
        let of_rule = found
            .iter()
            .all(|(rule, _, value, _)| rule == "made_up" && value == "3");
        assert!(of_rule, "{found:?}");
        let found: Vec<&str> = found.iter().map(|(_, kb, ..)| kb.as_str()).collect();
        (found == kbs).then_some(())
    });
}

fn rules(folder: &Path) {
    std::fs::create_dir(folder).unwrap();
    for entry in std::fs::read_dir(repository().join("config/alerts")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, folder.join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.join("site.yaml"), RULE).unwrap();
}

fn away() -> Duration {
    let wanted = std::env::var("CBSIFT_ALERT_AWAY").ok();
    let seconds = wanted.map_or(3, |wanted| wanted.parse().expect("a number of seconds"));
    Duration::from_secs(seconds)
}

#[test]
fn an_alertmanager_hears_of_each_update_once_whoever_dies_and_whatever_is_away() {
    let mut cluster = Cluster::start();
    let manager = Alertmanager::start(None);
    rules(&cluster.path("alerts"));
    let receivers = cluster.path("receivers.yaml");
    let url = format!("http://127.0.0.1:{}", manager.port);
    std::fs::write(
        &receivers,
        format!("- name: ops\n  kind: alertmanager\n  urls: ['{url}']\n"),
    )
    .unwrap();
    let shown = |path: PathBuf| path.to_string_lossy().into_owned();
    let folder = shown(cluster.path("alerts"));
    cluster.set("ALERTS__FOLDER", &folder);
    cluster.set("ALERTS__RECEIVERS", &shown(receivers));
    cluster.set("ALERTS__PAGES", "https://cbsift.example");
    cluster.set("ALERTS__INTERVAL", "1s");
    let intake = cluster.ingest("ingest");
    let _pipeline = cluster.pipeline("pipeline");
    let evaluator = |name: &str| Role::start(name, cluster.command("alert"), &["health"]);
    let evaluates = |role: &Role| role.metric("cbsift_alert_evaluates") == 1.0;
    let mut first = evaluator("alert-1");
    until("the first one evaluates", || {
        evaluates(&first).then_some(())
    });
    let second = evaluator("alert-2");
    let fleet = Fleet {
        folder: cluster.path("logs"),
        intake: intake.address("intake").to_owned(),
    };
    std::fs::create_dir(&fleet.folder).unwrap();

    fleet.log(&tried("KB5016616", 10, FAILED));
    fires(&manager, &["KB5016616"]);
    let page = &manager.alerts()[0]["generatorURL"];
    assert_eq!(page, "https://cbsift.example/updates/KB5016616");
    assert!(!evaluates(&second));
    let told = firing(&manager);

    first.kill();
    let killed = Instant::now();
    until("the second one evaluates", || {
        evaluates(&second).then_some(())
    });
    let taken = killed.elapsed();
    println!(
        "the second one evaluates {:.1} s after the first was killed",
        taken.as_secs_f64()
    );
    fleet.log(&tried("KB5016617", 11, FAILED));
    fires(&manager, &["KB5016616", "KB5016617"]);

    // What fails while Kafka is away is heard of once it is back; until then nothing else fires.
    cluster.broker.kill();
    std::thread::sleep(away());
    fires(&manager, &["KB5016616", "KB5016617"]);
    std::thread::scope(|scope| {
        scope.spawn(|| fleet.log(&tried("KB5016618", 12, FAILED)));
        cluster.broker.restart();
    });
    fires(&manager, &["KB5016616", "KB5016617", "KB5016618"]);

    cluster.engine.kill();
    fleet.log(&tried("KB5016619", 13, FAILED));
    std::thread::sleep(away());
    fires(&manager, &["KB5016616", "KB5016617", "KB5016618"]);
    cluster.restart_engine();
    let all = ["KB5016616", "KB5016617", "KB5016618", "KB5016619"];
    fires(&manager, &all);

    // Through all of it the first one has fired since the same moment, and each was told once.
    assert!(firing(&manager).contains(&told[0]), "{told:?}");
    until("each is written down as told once", || {
        let told = cluster.sql("SELECT count(), uniqExact(message) FROM alert_deliveries FINAL WHERE receiver = 'ops' AND state = 'delivered' FORMAT TSV");
        let (told, messages) = told.trim().split_once('\t').unwrap();
        assert_eq!(told, messages, "told twice");
        (told == "4").then_some(())
    });

    fleet.log(&tried("KB5016616", 14, "0x00000000 - S_OK"));
    fires(&manager, &all[1..]);
}
