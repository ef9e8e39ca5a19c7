//! Alert rules as promtool sees them, and a real Prometheus that scrapes what we serve.

use crate::harness::{Up, repository, text};
use crate::prometheus_process::{Prometheus, program};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

fn folder() -> PathBuf {
    repository().join("docker/prometheus")
}

fn promtool(arguments: &[&str]) {
    let output = Command::new(program("promtool"))
        .args(arguments)
        .current_dir(folder())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "promtool {arguments:?}: {}{}",
        text(&output.stdout),
        text(&output.stderr)
    );
}

#[test]
fn rules_and_configuration_pass_promtool() {
    promtool(&["check", "rules", "rules.yml"]);
    promtool(&["test", "rules", "rules.test.yml"]);

    // The check looks for the files of certificates.
    let secrets = tempfile::tempdir().unwrap();
    crate::cluster::make_secrets(secrets.path());
    let certs = secrets.path().join("prometheus");
    let copy = tempfile::tempdir().unwrap();
    for name in ["prometheus.yml", "web.yml", "rules.yml"] {
        let text = std::fs::read_to_string(folder().join(name)).unwrap();
        let text = text.replace("/certs/", &format!("{}/", certs.display()));
        std::fs::write(copy.path().join(name), text).unwrap();
    }
    let path = |name: &str| copy.path().join(name).to_string_lossy().into_owned();
    promtool(&["check", "config", &path("prometheus.yml")]);
    promtool(&["check", "web-config", &path("web.yml")]);
}

/// Our metrics as they stand in a text.
fn metrics(text: &str) -> BTreeSet<String> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| {
            [
                "alert", "ingest", "pipeline", "queue", "store", "build", "rule",
            ]
            .iter()
            .any(|part| word.starts_with(&format!("cbsift_{part}_")))
        })
        .map(|word| word.trim_end_matches("_bucket").to_owned())
        .collect()
}

fn read(path: &str) -> String {
    let path = repository().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn what_rules_and_panels_ask_for_is_documented_and_the_other_way_round() {
    let mut documented = metrics(&read("docs/operations.md"));
    // Names of users and files, which look alike.
    documented.retain(|name| !name.starts_with("cbsift_writer"));
    let board = metrics(&read("docker/grafana/dashboards/pipeline.json"));
    let mut rules = metrics(&read("docker/prometheus/rules.yml"));
    // Of a pattern that names both roles.
    rules.retain(|name| name != "cbsift_ingest_" && name != "cbsift_pipeline_");
    for name in rules.iter().chain(&board) {
        assert!(
            documented.contains(name),
            "{name} is not in docs/operations.md"
        );
    }
    // The board shows every metric, so that nothing is counted for nobody.
    let unseen: Vec<_> = documented.difference(&board).collect();
    assert_eq!(unseen, Vec::<&String>::new(), "not on the board");
}

#[test]
fn every_alert_has_its_runbook_and_every_runbook_its_alert() {
    let headings: BTreeSet<String> = read("docs/runbooks.md")
        .lines()
        .filter_map(|line| Some(line.strip_prefix("## ")?.to_owned()))
        .filter(|heading| heading.starts_with("Cbsift"))
        .collect();
    let mut alerts = BTreeSet::new();
    for (file, key) in [
        ("docker/prometheus/rules.yml", "- alert: "),
        ("docker/grafana/provisioning/alerting/rules.yaml", "title: "),
    ] {
        let text = read(file);
        let names = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix(key));
        for name in names {
            let anchor = format!("docs/runbooks.md#{}", name.to_lowercase());
            assert!(text.contains(&anchor), "{name} names no runbook");
            assert!(alerts.insert(name.to_owned()), "{name} twice");
        }
    }
    assert_eq!(alerts, headings);
}

#[test]
fn a_real_prometheus_scrapes_up_and_loads_the_rules() {
    let up = Up::start();
    let address = up.admin.strip_prefix("http://").unwrap();
    let mut prometheus = Prometheus::start(&[("up", address)]);
    prometheus.until("up{job=\"up\"}", |value| value == 1.0);
    prometheus.until("cbsift_store_disk_max_bytes", |value| value > 0.0);
    let (labels, full) = prometheus.query("cbsift_store_full").remove(0);
    assert_eq!((labels["job"].as_str(), full), (Some("up"), 0.0));
    prometheus.until_rules_are_evaluated();
    up.stop();
    prometheus.until("ALERTS{alertname=\"CbsiftRoleDown\"}", |value| value == 1.0);
}
