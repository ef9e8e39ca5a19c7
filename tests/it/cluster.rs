//! What stands in docker/: secrets, users, addresses and images. Nothing of it runs here: there is no Docker.

use crate::harness::{Up, repository, text};
use event::upload::FileDigest;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

/// Made-up secrets of a cluster, as the one-shot service makes them.
pub fn make_secrets(folder: &Path) {
    let output = Command::new(repository().join("docker/make-secrets"))
        .arg(folder)
        .env("EXTRA_NAMES", "localhost logs.example")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

fn read(path: &str) -> String {
    fs::read_to_string(repository().join("docker").join(path)).unwrap()
}

fn compose() -> Value {
    serde_saphyr::from_str(&read("compose.yaml")).unwrap()
}

fn openssl(arguments: &[&str], folder: &Path) -> String {
    let output = Command::new("openssl")
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        text(&output.stderr)
    );
    text(&output.stdout)
}

#[test]
fn secrets_are_made_once_each_for_its_service_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    make_secrets(folder.path());
    let key = fs::read(path("ingest/key.pem")).unwrap();
    let password = fs::read_to_string(path("ingest/store-password")).unwrap();
    make_secrets(folder.path());
    assert_eq!(
        fs::read(path("ingest/key.pem")).unwrap(),
        key,
        "what is there stays"
    );

    let mut secrets = BTreeSet::new();
    for file in crate::fixtures::files(folder.path()) {
        let name = file.file_name().unwrap().to_str().unwrap();
        let mode = fs::metadata(&file).unwrap().permissions().mode() & 0o777;
        let is_public = ["ca.pem", "cert.pem"].contains(&name);
        assert!(is_public || mode == 0o600, "{}: {mode:o}", file.display());
        if name == "key.pem" {
            assert!(secrets.insert(fs::read(&file).unwrap()), "a key twice");
        }
    }
    for service in [
        "ingest",
        "pipeline",
        "web",
        "kafka",
        "clickhouse",
        "prometheus",
        "grafana",
    ] {
        openssl(
            &[
                "verify",
                "-CAfile",
                "ca/ca.pem",
                &format!("{service}/cert.pem"),
            ],
            folder.path(),
        );
        let names = openssl(
            &[
                "x509",
                "-in",
                &format!("{service}/cert.pem"),
                "-noout",
                "-subject",
                "-ext",
                "subjectAltName",
            ],
            folder.path(),
        );
        assert!(names.contains("DNS:logs.example"), "{service}: {names}");
        assert!(
            names.contains(&format!("CN = {service}")) || names.contains(&format!("CN={service}")),
            "{names}"
        );
    }
    // Our own roles can use theirs.
    let files = serve::TlsFiles {
        cert: path("ingest/cert.pem"),
        key: path("ingest/key.pem"),
        client_ca: None,
    };
    serve::Tls::load(files).unwrap_or_else(|error| panic!("{error}"));

    // The server knows the hash of the very password that the roles are given, and the roles those of the tokens.
    let hash = |text: &str| FileDigest(Sha256::digest(text.trim()).into()).to_string();
    let passwords = fs::read_to_string(path("clickhouse/passwords.xml")).unwrap();
    assert!(passwords.contains(&format!("<cbsift_writer_sha256>{}<", hash(&password))));
    let relay = fs::read_to_string(path("clients/relay-token")).unwrap();
    let reader = fs::read_to_string(path("clients/reader-token")).unwrap();
    let shown = |token: &str| format!("Bearer {}", token.trim());
    let tokens = |role: &str| {
        let text = fs::read_to_string(path(role).join("tokens")).unwrap();
        serve::Keyring::new(serve::Tokens::parse(&text).unwrap())
    };
    assert!(
        tokens("ingest")
            .caller(Some(&shown(&relay)), Some("PC-1"))
            .is_ok()
    );
    assert!(tokens("web").check_reader(Some(&shown(&reader))).is_ok());
}

#[test]
fn services_are_pinned_bound_and_without_rights() {
    let compose = compose();
    let services = compose["services"].as_object().unwrap();
    for name in [
        "secrets",
        "kafka",
        "acls",
        "clickhouse",
        "migrate",
        "ingest-1",
        "ingest-2",
        "pipeline-1",
        "pipeline-2",
        "web",
        "prometheus",
        "grafana",
    ] {
        assert!(services.contains_key(name), "no service `{name}`");
    }
    for (name, service) in services {
        if let Some(image) = service["image"].as_str() {
            let (_, tag) = image
                .split_once(':')
                .unwrap_or_else(|| panic!("{name}: no tag"));
            assert!(!tag.contains("latest"), "{name}: {image}");
        }
        for port in service["ports"].as_array().into_iter().flatten() {
            let port = port.as_str().unwrap();
            assert!(
                port.contains("127.0.0.1"),
                "{name}: {port} is open by default"
            );
        }
        let ours = service["image"] == "cbsift:local";
        if ours {
            assert_eq!(service["read_only"], true, "{name}");
            assert_eq!(service["cap_drop"][0], "ALL", "{name}");
        }
        // One folder of secrets each, never the whole.
        let secrets: Vec<&str> = service["volumes"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .filter(|volume| volume.starts_with("./secrets"))
            .collect();
        assert!(
            secrets.len() <= 1
                && (name == "secrets"
                    || secrets
                        .iter()
                        .all(|volume| volume.starts_with("./secrets/"))),
            "{name}: {secrets:?}"
        );
        // Every file that is mounted is there.
        for volume in service["volumes"].as_array().into_iter().flatten() {
            let source = volume.as_str().unwrap().split(':').next().unwrap();
            if source.starts_with("./") && !source.starts_with("./secrets") {
                assert!(
                    repository().join("docker").join(source).exists(),
                    "{name}: {source}"
                );
            }
        }
    }
}

#[test]
fn nothing_crosses_the_network_in_the_clear() {
    for file in [
        "compose.yaml",
        "cbsift.toml",
        "prometheus/prometheus.yml",
        "grafana/provisioning/datasources/cbsift.yaml",
    ] {
        assert!(!read(file).contains("http://"), "{file}");
    }
    let kafka = read("kafka/server.properties");
    for line in kafka.lines().filter(|line| line.starts_with("listeners=")) {
        for listener in line["listeners=".len()..].split(',') {
            let is_local = listener.contains("://127.0.0.1:");
            let name = listener.split(':').next().unwrap();
            assert!(
                is_local || kafka.contains(&format!("{name}:SSL")),
                "{listener}"
            );
        }
    }
    assert!(kafka.contains("ssl.client.auth=required"));
    let clickhouse = read("clickhouse/config.xml");
    for port in [
        "http_port",
        "tcp_port",
        "interserver_http_port",
        "mysql_port",
        "postgresql_port",
    ] {
        assert!(
            clickhouse.contains(&format!("<{port} remove=\"remove\"/>")),
            "{port}"
        );
    }
}

#[test]
fn the_stores_users_may_do_the_same_in_sql_and_in_xml_and_the_engine_reads_every_statement() {
    let golden =
        fs::read_to_string(repository().join("crates/store/test_data/ddl/grants.sql")).unwrap();
    let statements: Vec<String> = golden
        .lines()
        .filter(|line| !line.starts_with("--") && !line.is_empty())
        .map(|line| line.trim_end_matches(';').to_owned())
        .collect();
    let in_sql: BTreeSet<String> = statements
        .iter()
        .filter(|statement| statement.starts_with("GRANT "))
        .map(|statement| statement.replace("ON CLUSTER `cbsift` ", ""))
        .collect();
    let xml = read("clickhouse/users.xml");
    let mut in_xml = BTreeSet::new();
    for user in [
        "cbsift_admin",
        "cbsift_writer",
        "cbsift_web",
        "cbsift_reader",
    ] {
        let users = xml.split_once("<users>").unwrap().1;
        let own = users.split_once(&format!("<{user}>")).unwrap().1;
        let own = own.split_once(&format!("</{user}>")).unwrap().0;
        for grant in own.split("<query>").skip(1) {
            let grant = grant.split_once("</query>").unwrap().0;
            in_xml.insert(format!("{grant} TO {user}"));
        }
    }
    assert_eq!(in_sql, in_xml);

    let up = Up::start();
    let server =
        fs::read_to_string(repository().join("crates/store/test_data/ddl/server.sql")).unwrap();
    let tables = server
        .split(";\n")
        .map(str::trim)
        .filter(|statement| !statement.is_empty());
    for statement in statements.iter().map(String::as_str).chain(tables) {
        let quoted = statement.replace('\\', "\\\\").replace('\'', "\\'");
        up.execute(&format!("SELECT formatQuery('{quoted}')"));
    }
    up.stop();
}

#[test]
fn the_roles_configuration_is_one_that_the_binary_takes() {
    let output = crate::harness::cbsift()
        .args(["config", "check", "--config"])
        .arg(repository().join("docker/cbsift.toml"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}
