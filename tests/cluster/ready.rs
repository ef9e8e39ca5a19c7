//! `/readyz` of a pipeline names what keeps it from storing anything, for as long as that lasts.

use crate::harness::{Cluster, Role, until};
use crate::single::{block_on, get, text};
use crate::truth::check_books;
use classify::CLASSIFIER_VERSION;
use queue::Producer;
use queue::record::{Content, Header};
use store::{NewRuleSet, RuleSetOrigin};

fn readiness(pipeline: &Role) -> (u16, String) {
    get(&format!("{}/readyz", pipeline.address("health")))
}

/// Waits until it is not ready and says so.
fn refuses_with(pipeline: &Role, wanted: &str) {
    until(wanted, || {
        let (status, body) = readiness(pipeline);
        (status == 503 && body.contains(wanted)).then_some(())
    });
}

fn becomes_ready(pipeline: &Role) {
    until("it is ready", || {
        (readiness(pipeline).0 == 200).then_some(())
    });
}

#[test]
fn a_pipeline_that_can_store_nothing_says_why() {
    let cluster = Cluster::start();
    let mut pipeline = cluster.pipeline("pipeline");
    becomes_ready(&pipeline);

    // A newer build has published its rules.
    let newer = NewRuleSet {
        digest: "of a newer build".to_owned(),
        classifier_version: CLASSIFIER_VERSION + 1,
        origin: RuleSetOrigin::Shipped,
        files: vec![("made-up.yaml".to_owned(), "rules of tomorrow".to_owned())],
    };
    cluster.ask(async |store| {
        store.publish_rule_set(&newer).await.unwrap();
    });
    let needs = format!("needs classifier version {}", CLASSIFIER_VERSION + 1);
    refuses_with(&pipeline, &needs);
    // The way back that the message names.
    cluster.run(&["rules", "publish"]);
    becomes_ready(&pipeline);

    // The tables are those of an older build, as far as anybody knows.
    cluster.sql("TRUNCATE TABLE migrations");
    refuses_with(&pipeline, "migrations missing: 0001");
    let migrated = cluster.command("migrate").output().unwrap();
    assert!(migrated.status.success(), "{}", text(&migrated.stderr));
    becomes_ready(&pipeline);

    // A newer build has written a record. It waits, and is in the books as given back.
    let of_tomorrow = Content {
        key: Some(b"default/PC-1".to_vec()),
        headers: vec![Header {
            name: "version".to_owned(),
            value: Some(b"4000000000".to_vec()),
        }],
        value: Some(b"made up".to_vec()),
    };
    let producer = Producer::new(&cluster.queue()).unwrap();
    block_on(producer.send_again(vec![of_tomorrow])).unwrap();
    refuses_with(&pipeline, "is halted: format version 4000000000 is newer");
    check_books(&pipeline);
    for (metric, wanted) in [
        ("cbsift_pipeline_read_total", 1.0),
        ("cbsift_pipeline_given_back_total", 1.0),
        ("cbsift_pipeline_in_flight_chunks", 0.0),
        ("cbsift_queue_in_flight_bytes", 0.0),
        ("cbsift_queue_halted_partitions", 1.0),
    ] {
        until(metric, || (pipeline.metric(metric) == wanted).then_some(()));
    }
    pipeline.stop();
    assert_eq!(cluster.committed().values().sum::<i64>(), 0);
    let letters = cluster.sql("SELECT count() FROM dead_letters");
    assert_eq!(letters.trim(), "0");
}
