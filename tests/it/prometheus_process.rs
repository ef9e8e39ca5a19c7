//! A real Prometheus with our rules, for the tests of one machine and of a cluster.

use super::service::Service;
use crate::single::{PATIENCE, repository};
use kafka_harness::free_port;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A program of the package, installed or fetched.
pub fn program(name: &str) -> PathBuf {
    let fetched = repository().join(".cache/prometheus/usr/bin").join(name);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders).map(|folder| folder.join(name));
    installed
        .chain([fetched])
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}`\nhint: make test-tools"))
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
        let rules = repository().join("docker/prometheus/rules.yml");
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

    /// Waits until each of our rules was evaluated; fails where one has an error.
    pub fn until_rules_are_evaluated(&mut self) {
        let url = format!("{}/api/v1/rules", self.url);
        self.service.until("every rule is evaluated", || {
            let text = get(&url).unwrap_or_default();
            let answer: Value = serde_json::from_str(&text).unwrap_or_default();
            let groups = answer["data"]["groups"].as_array();
            let rules: Vec<&Value> = groups
                .into_iter()
                .flatten()
                .flat_map(|group| group["rules"].as_array().into_iter().flatten())
                .collect();
            let bad: Vec<_> = rules
                .iter()
                .filter(|rule| rule["health"] == "err")
                .collect();
            assert!(bad.is_empty(), "{bad:?}");
            !rules.is_empty() && rules.iter().all(|rule| rule["health"] == "ok")
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
