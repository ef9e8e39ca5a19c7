//! What the roles say about themselves: a real Prometheus scrapes all of them, and the documents name what is there.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::{Cluster, Role};
use crate::single::{PATIENCE, get, repository, text};
use simulate::Fleet;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// A program of Debian's package, installed or fetched.
fn program(name: &str) -> PathBuf {
    let fetched = repository().join(".cache/prometheus/usr/bin").join(name);
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let installed = std::env::split_paths(&folders).map(|folder| folder.join(name));
    installed
        .chain([fetched])
        .find(|path| path.is_file())
        .unwrap_or_else(|| panic!("no `{name}`\nhint: make test-tools"))
}

/// A port that nobody has right now, for programs that cannot be told to choose one.
fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Waits until a condition holds, and says what it last was.
fn until(what: &str, mut is_so: impl FnMut() -> Result<(), String>) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(found) = is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}: {found}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The sum of an expression, if it has a value.
fn query(url: &str, expression: &str) -> Option<f64> {
    let answer = ureq::get(format!("{url}/api/v1/query"))
        .query("query", expression)
        .call();
    let body = answer.ok()?.body_mut().read_to_string().ok()?;
    let answer: serde_json::Value = serde_json::from_str(&body).ok()?;
    let results = answer["data"]["result"].as_array()?;
    let values = results.iter().map(|result| {
        let value = result["value"][1].as_str();
        value.and_then(|value| value.parse::<f64>().ok())
    });
    (!results.is_empty()).then(|| values.sum())?
}

/// Our metrics as the table in `docs/operations.md` names them, with what it says of each.
fn documented() -> Vec<(String, String)> {
    let page = std::fs::read_to_string(repository().join("docs/operations.md")).unwrap();
    let rows = page.lines().filter_map(|line| {
        let (name, what) = line.strip_prefix("| `cbsift_")?.split_once("` | ")?;
        let name = name.split('{').next()?;
        Some((format!("cbsift_{name}"), what.to_owned()))
    });
    rows.collect()
}

/// Counted by reason, so there only once something went wrong.
const OF_TROUBLE: [&str; 2] = [
    "cbsift_pipeline_dead_letters_total",
    "cbsift_pipeline_retries_total",
];

#[test]
fn a_real_prometheus_scrapes_every_role_and_finds_what_is_documented() {
    let cluster = Cluster::start();
    let (ingest, pipeline) = (cluster.ingest("ingest"), cluster.pipeline("pipeline"));
    let web = Role::start("web", cluster.command("web"), &["health"]);
    let folder = tempfile::tempdir().unwrap();
    let roles = [("ingest", &ingest), ("pipeline", &pipeline), ("web", &web)];
    let rules = repository().join("docker/prometheus/rules.yml");
    let mut config = format!(
        "global: {{ scrape_interval: 1s, evaluation_interval: 1s }}\nrule_files: [{:?}]\nscrape_configs:\n",
        rules.to_str().unwrap()
    );
    for (job, role) in roles {
        let address = role.address("health").replace("http://", "");
        config +=
            &format!("  - {{ job_name: {job}, static_configs: [{{ targets: [{address:?}] }}] }}\n");
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
    let _prometheus = Role::start("prometheus", command, &[]);
    let url = format!("http://{address}");
    let becomes = |expression: &str, wished: fn(f64) -> bool| {
        until(expression, || match query(&url, expression) {
            Some(value) if wished(value) => Ok(()),
            found => Err(format!("{found:?}")),
        });
    };
    for (job, _) in roles {
        becomes(&format!("up{{job=\"{job}\"}}"), |up| up == 1.0);
    }

    // Nobody's body: answered, counted, and not taken.
    let put = format!("{}/v1/streams/cbs/1?offset=0", ingest.address("intake"));
    let refused = ureq::put(&put).send("made up").unwrap_err();
    assert!(refused.to_string().contains("401"), "{refused}");
    let plan = one_of_each(&Fleet::new(11, 200)).remove(0);
    let logs = tempfile::tempdir().unwrap();
    write_endpoint(&plan, logs.path());
    cluster.send(&[&ingest], &plan.id, &files(logs.path()), &[]);
    let scanned = crate::single::scan(&[logs.path()], &plan.id);
    let expected = crate::single::Answers::of_scan(&scanned);
    cluster.stored(&plan.id, expected.covered_bytes);
    cluster.settle(&[&pipeline]);

    becomes(
        "cbsift_ingest_requests_total{job=\"ingest\", code=\"401\"}",
        |count| count == 1.0,
    );
    becomes("cbsift_ingest_requests_total{code=\"200\"}", |count| {
        count > 0.0
    });
    becomes("cbsift_ingest_refused_total{reason=\"denied\"}", |count| {
        count == 1.0
    });
    becomes("cbsift_rule_set{job=\"pipeline\"}", |sequence| {
        sequence == 1.0
    });
    becomes("cbsift_pipeline_batch_bytes_sum", |bytes| bytes > 0.0);
    // What was taken, sent and stored is the same everywhere.
    for metric in [
        "cbsift_queue_produced_total",
        "cbsift_queue_consumed_total",
        "cbsift_pipeline_read_total",
        "cbsift_pipeline_chunks_total",
    ] {
        let difference = format!("sum(cbsift_ingest_chunks_total) - sum({metric})");
        becomes(&difference, |difference| difference == 0.0);
    }
    becomes(
        "sum(cbsift_ingest_bytes_total) - sum(cbsift_pipeline_bytes_total)",
        |difference| difference == 0.0,
    );
    for metric in [
        "in_flight_requests",
        "in_flight_bytes",
        "oldest_unacknowledged_seconds",
    ] {
        becomes(&format!("cbsift_ingest_{metric}"), |value| value == 0.0);
    }

    let served: BTreeSet<String> = roles
        .iter()
        .flat_map(|(_, role)| role.metrics().into_keys())
        .collect();
    for (name, what) in documented() {
        let is_there = served.contains(&name) || served.contains(&format!("{name}_bucket"));
        assert!(
            is_there || what.starts_with("of `up`") || OF_TROUBLE.contains(&name.as_str()),
            "{name} is documented and no role has it"
        );
    }
    assert!(documented().len() > 30, "the table is found");

    // Each rule of ours is evaluated without an error.
    until("every rule is evaluated", || {
        let (_, body) = get(&format!("{url}/api/v1/rules"));
        let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
        let groups = answer["data"]["groups"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let rules = groups
            .iter()
            .flat_map(|group| group["rules"].as_array().into_iter().flatten());
        let health: Vec<&str> = rules.filter_map(|rule| rule["health"].as_str()).collect();
        let is_fine = !health.is_empty() && health.iter().all(|health| *health == "ok");
        assert!(!health.contains(&"err"), "{body}");
        is_fine.then_some(()).ok_or(body)
    });
    let checked = Command::new(program("promtool"))
        .args(["check", "rules"])
        .arg(&rules)
        .output()
        .unwrap();
    assert!(checked.status.success(), "{}", text(&checked.stderr));
}
