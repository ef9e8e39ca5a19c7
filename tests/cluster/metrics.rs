//! What the roles say about themselves: a real Prometheus scrapes all of them, and the documents name what is there.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::{Cluster, Role};
use crate::single::repository;
use prometheus_process::Prometheus;
use simulate::Fleet;
use std::collections::BTreeSet;

#[path = "../it/prometheus_process.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod prometheus_process;
#[path = "../it/service.rs"]
#[expect(dead_code, reason = "shared with the tests of one machine")]
mod service;

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

/// Counted by reason, so there only once something went wrong, or somebody was told of it.
const OF_TROUBLE: [&str; 5] = [
    "cbsift_alert_deliveries_total",
    "cbsift_pipeline_dead_letters_total",
    "cbsift_pipeline_retries_total",
    "cbsift_serve_evicted_total",
    "cbsift_serve_refused_total",
];

#[test]
fn a_real_prometheus_scrapes_every_role_and_finds_what_is_documented() {
    let cluster = Cluster::start();
    let (ingest, pipeline) = (cluster.ingest("ingest"), cluster.pipeline("pipeline"));
    let web = Role::start("web", cluster.command("web"), &["health"]);
    let alert = Role::start("alert", cluster.command("alert"), &["health"]);
    let roles = [
        ("ingest", &ingest),
        ("pipeline", &pipeline),
        ("web", &web),
        ("alert", &alert),
    ];
    let targets = roles.map(|(job, role)| (job, role.address("health").replace("http://", "")));
    let mut prometheus =
        Prometheus::start(&targets.each_ref().map(|(job, at)| (*job, at.as_str())));
    // Summed: an expression may have a value of each role.
    let mut becomes = |expression: &str, wished: fn(f64) -> bool| {
        prometheus.until(&format!("sum({expression})"), wished);
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
    let missing: Vec<String> = documented()
        .into_iter()
        .filter(|(name, what)| {
            let is_there = served.contains(name) || served.contains(&format!("{name}_bucket"));
            !is_there && !what.starts_with("of `up`") && !OF_TROUBLE.contains(&name.as_str())
        })
        .map(|(name, _)| name)
        .collect();
    assert!(
        missing.is_empty(),
        "documented, and no role has it: {missing:?}"
    );
    assert!(documented().len() > 30, "the table is found");

    prometheus.until_rules_are_evaluated();
}
