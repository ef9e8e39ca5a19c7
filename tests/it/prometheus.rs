//! Alert rules as promtool sees them, and a real Prometheus that scrapes what we serve.

use crate::harness::{PATIENCE, Up, repository, text};
use crate::service::{Service, free_port};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A program of the package, installed or fetched.
fn program(name: &str) -> PathBuf {
    let fetched = repository().join(".cache/prometheus/usr/bin").join(name);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders).map(|folder| folder.join(name));
    installed
        .chain([fetched])
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}`\nhint: make test-tools"))
}

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

/// A running Prometheus with our rules.
pub struct Prometheus {
    service: Service,
    url: String,
    _folder: TempDir,
}

impl Prometheus {
    /// Scrapes addresses, each with its job (the role), every second.
    pub fn start(targets: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let rules = self::folder().join("rules.yml");
        let mut config = format!(
            "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\nscrape_configs:\n",
            rules.to_str().unwrap()
        );
        for (job, address) in targets {
            config += &format!(
                "  - {{ job_name: {job}, static_configs: [{{ targets: [{address:?}] }}] }}\n"
            );
        }
        let file = folder.path().join("prometheus.yml");
        std::fs::write(&file, config).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let mut command = Command::new(program("prometheus"));
        command
            .arg(format!("--config.file={}", file.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=warn");
        let mut prometheus = Self {
            service: Service::start("prometheus", command),
            url: format!("http://{address}"),
            _folder: folder,
        };
        let url = prometheus.url.clone();
        prometheus.service.until("prometheus is ready", || {
            get(&format!("{url}/-/ready")).is_some()
        });
        prometheus
    }

    /// Values of an expression now, each with its labels.
    pub fn query(&self, expression: &str) -> Vec<(Value, f64)> {
        query(&self.url, expression)
    }

    /// Waits until an expression has a value that is wished for.
    pub fn until(&mut self, expression: &str, wished: impl Fn(f64) -> bool) {
        let url = self.url.clone();
        self.service.until(expression, || {
            query(&url, expression)
                .iter()
                .any(|(_, value)| wished(*value))
        });
    }
}

fn query(url: &str, expression: &str) -> Vec<(Value, f64)> {
    let answer = ureq::get(format!("{url}/api/v1/query"))
        .query("query", expression)
        .config()
        .timeout_global(Some(PATIENCE))
        .build()
        .call();
    let text = answer
        .unwrap_or_else(|error| panic!("{expression}: {error}"))
        .body_mut()
        .read_to_string()
        .unwrap();
    let answer: Value = serde_json::from_str(&text).unwrap();
    let results = answer["data"]["result"].as_array().unwrap();
    results
        .iter()
        .map(|result| {
            let value = result["value"][1].as_str().unwrap().parse().unwrap();
            (result["metric"].clone(), value)
        })
        .collect()
}

fn get(url: &str) -> Option<String> {
    let answer = ureq::get(url)
        .config()
        .timeout_global(Some(PATIENCE))
        .build()
        .call();
    answer.ok()?.body_mut().read_to_string().ok()
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
            ["ingest", "pipeline", "queue", "store", "build", "rule"]
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
    // Each rule is evaluated without an error.
    let url = prometheus.url.clone();
    prometheus.service.until("every rule is evaluated", || {
        let text = get(&format!("{url}/api/v1/rules")).unwrap_or_default();
        let answer: Value = serde_json::from_str(&text).unwrap_or_default();
        let rules = answer["data"]["groups"][0]["rules"].as_array().cloned();
        rules.is_some_and(|rules| {
            let bad: Vec<_> = rules
                .iter()
                .filter(|rule| rule["health"] == "err")
                .collect();
            assert!(bad.is_empty(), "{bad:?}");
            !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok")
        })
    });
    up.stop();
    prometheus.until("ALERTS{alertname=\"CbsiftRoleDown\"}", |value| value == 1.0);
}
