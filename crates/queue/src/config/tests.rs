//! What is allowed, what is told, and that no password is shown.

use super::*;
use std::fs;

#[test]
fn the_defaults_pass() {
    let config = Config::default();
    assert_eq!(config.retention, Duration::from_secs(7 * 86_400));
    assert_eq!(config.message_max, 1 << 20);
    assert!(config.tls.is_none() && config.sasl.is_none());
}

#[test]
fn all_problems_are_told_at_once_each_with_its_key() {
    let raw = RawConfig {
        brokers: "kafka-1:9093".to_owned(),
        group: "a group".to_owned(),
        group_protocol: "old".to_owned(),
        chunks_topic: "a/topic".to_owned(),
        foreign_topics: vec!["winlogbeat".to_owned(), "a topic".to_owned()],
        partitions: 0,
        retention: "7".to_owned(),
        message_max: "1 MB".to_owned(),
        compression: "gzip".to_owned(),
        tls_ca_file: "ca.pem".to_owned(),
        tls_key_file: "key.pem".to_owned(),
        sasl_mechanism: "GSSAPI".to_owned(),
        ..RawConfig::default()
    };
    let problems = Config::check(&raw).unwrap_err();
    for key in [
        "group",
        "group_protocol",
        "chunks_topic",
        "foreign_topics",
        "partitions",
        "retention",
        "message_max",
        "compression",
        "tls_ca_file",
        "tls_key_file",
        "sasl_mechanism",
        "sasl_user",
        "sasl_password_file",
        "tls",
    ] {
        let start = format!("`queue.{key}` ");
        assert!(
            problems.iter().any(|problem| problem.starts_with(&start)),
            "{key} in {problems:?}"
        );
    }
}

#[test]
fn a_foreign_topic_is_named_once_and_is_not_ours() {
    let check = |topics: &[&str]| {
        Config::check(&RawConfig {
            foreign_topics: topics.iter().map(|topic| (*topic).to_owned()).collect(),
            ..RawConfig::default()
        })
    };
    let good = ["winlogbeat", "fluent-bit"];
    assert_eq!(check(&good).unwrap().foreign_topics, good);
    for wrong in [
        &["winlogbeat", "winlogbeat"][..],
        &["cbsift.chunks.v1"],
        &[""],
    ] {
        let problems = check(wrong).unwrap_err();
        assert!(
            problems.len() == 1 && problems[0].contains("foreign_topics"),
            "{problems:?}"
        );
    }
}

#[test]
fn other_machines_need_tls() {
    for (brokers, is_local) in [
        ("127.0.0.1:9092", true),
        ("localhost:9092,[::1]:9093", true),
        ("127.0.0.1:9092,10.0.0.1:9092", false),
        ("kafka:9092", false),
    ] {
        let mut raw = RawConfig {
            brokers: brokers.to_owned(),
            ..RawConfig::default()
        };
        assert_eq!(Config::check(&raw).is_ok(), is_local, "{brokers}");
        raw.tls = true;
        assert!(Config::check(&raw).is_ok(), "{brokers} with TLS");
    }
}

#[test]
fn a_password_is_never_shown() {
    let folder = std::env::temp_dir().join(format!("queue-password-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("password");
    fs::write(&file, "canary-4711\n").unwrap();
    let config = Config::check(&RawConfig {
        sasl_mechanism: "SCRAM-SHA-512".to_owned(),
        sasl_user: "cbsift".to_owned(),
        sasl_password_file: file.to_string_lossy().into_owned(),
        ..RawConfig::default()
    })
    .unwrap();
    let sasl = config.sasl.clone().unwrap();
    assert_eq!(sasl.password().unwrap().0, "canary-4711");
    assert_eq!(
        config.producer().unwrap().get("security.protocol"),
        Some("sasl_plaintext")
    );
    assert!(!format!("{config:?}{:?}", sasl.password()).contains("canary"));
    fs::remove_dir_all(folder).unwrap();
}
