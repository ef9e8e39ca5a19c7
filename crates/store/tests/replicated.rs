//! The definitions for a server with replicas, made on the real engine beside a real Apache ZooKeeper.
//!
//! What this cannot show: `ON CLUSTER`, which the embedded engine refuses; rows that travel between replicas, because the engine
//! opens no port for others; `ALTER TABLE`, as the tables stay read-only without that port; and the views that are set anew, which read
//! columns that such a statement adds. This test leaves these out.

use embedded_clickhouse::EngineConfig;
use embedded_clickhouse::testing::{TOKEN, TestEngine};
use kafka_harness::Zookeeper;
use std::collections::BTreeSet;
use store::{Profile, ddl};

#[tokio::test(flavor = "multi_thread")]
async fn every_replicated_table_is_made_and_registered() {
    let zookeeper = Zookeeper::start();
    let folder = tempfile::tempdir().unwrap();
    let mut config = EngineConfig::new(folder.path());
    config.zookeeper = Some(zookeeper.address());
    let engine = TestEngine::start(config);
    assert!(
        engine.health().status().unconfined.is_some(),
        "an engine that must connect says that it is not confined"
    );
    let client = clickhouse::Client::default()
        .with_url(engine.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift");

    let text = ddl(&Profile::Server {
        cluster: "made_up".to_owned(),
    });
    let replicated = text.matches("ENGINE = Replicated").count();
    assert!(replicated >= 10, "{replicated} replicated tables");
    assert_eq!(
        text.matches("\nENGINE = ").count(),
        replicated,
        "a table without replicas would differ from one replica to the next"
    );
    for statement in text.replace(" ON CLUSTER `made_up`", "").split(";\n") {
        let words = statement
            .lines()
            .find(|line| !line.trim().is_empty() && !line.starts_with("--"));
        // Without a keeper tables can be made, and nothing is written to them.
        let is_made =
            |words: &str| words.starts_with("CREATE ") && !words.starts_with("CREATE OR REPLACE ");
        if words.is_some_and(is_made) {
            let run = client.query(&statement.replace('?', "??")).execute().await;
            run.unwrap_or_else(|error| panic!("{error}\n{statement}"));
        }
    }

    let made: Vec<(String, String)> = client
        .query("SELECT table, zookeeper_path FROM system.replicas WHERE database = 'cbsift'")
        .fetch_all()
        .await
        .unwrap();
    assert_eq!(made.len(), replicated, "{made:#?}");
    let paths: BTreeSet<&str> = made.iter().map(|(_, path)| path.as_str()).collect();
    assert_eq!(
        paths.len(),
        replicated,
        "no two tables share a path: {made:#?}"
    );
}
