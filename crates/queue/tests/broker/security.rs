//! TLS and SASL: the right ones pass, the wrong ones are told which setting it is.
//!
//! One broker serves all of it, by a listener each: a password sent as it is, one that is only proven (SCRAM), and a certificate of
//! the client's own.

use super::*;
use queue::Producer;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Stands in no log and no message.
const PASSWORD: &str = "right-secret";

struct Secured {
    broker: Broker,
    /// Emptied by the next run.
    folder: PathBuf,
}

/// The broker of these tests. It dies with this process.
fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("queue-security");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["broker", "other", "client", "stranger"] {
            certificate(&folder, name);
        }
        let both = ["broker.key", "broker.pem"]
            .map(|file| std::fs::read(folder.join(file)).unwrap())
            .concat();
        std::fs::write(folder.join("store.pem"), both).unwrap();
        for (name, password) in [("right", PASSWORD), ("wrong", "wrong-secret")] {
            std::fs::write(folder.join(name), format!("{password}\n")).unwrap();
        }
        let broker = broker(&folder);
        Secured { broker, folder }
    })
}

fn broker(folder: &Path) -> Broker {
    let shown = |name: &str| folder.join(name).to_string_lossy().into_owned();
    let mut properties = Vec::new();
    for (listener, of_it) in [
        (
            "plain",
            vec![
                ("sasl.enabled.mechanisms", "PLAIN".to_owned()),
                (
                    "plain.sasl.jaas.config",
                    format!(
                        "org.apache.kafka.common.security.plain.PlainLoginModule required user_cbsift=\"{PASSWORD}\";"
                    ),
                ),
            ],
        ),
        (
            "scram",
            vec![
                ("sasl.enabled.mechanisms", "SCRAM-SHA-512".to_owned()),
                (
                    "scram-sha-512.sasl.jaas.config",
                    "org.apache.kafka.common.security.scram.ScramLoginModule required;".to_owned(),
                ),
            ],
        ),
        (
            "mutual",
            vec![
                ("ssl.client.auth", "required".to_owned()),
                ("ssl.truststore.type", "PEM".to_owned()),
                ("ssl.truststore.location", shown("client.pem")),
            ],
        ),
    ] {
        let all = [
            ("ssl.keystore.type", "PEM".to_owned()),
            ("ssl.keystore.location", shown("store.pem")),
        ];
        for (key, value) in all.into_iter().chain(of_it) {
            properties.push((format!("listener.name.{listener}.{key}"), value));
        }
    }
    let pair = |(left, right): (&str, &str)| (left.to_owned(), right.to_owned());
    Broker::start(&Options {
        properties,
        listeners: [
            ("PLAIN", "SASL_SSL"),
            ("SCRAM", "SASL_SSL"),
            ("MUTUAL", "SSL"),
        ]
        .map(pair)
        .into(),
        scram_users: vec![pair(("cbsift", PASSWORD))],
        ..Options::default()
    })
}

/// A certificate for this machine that vouches for itself, and its key.
fn certificate(folder: &Path, name: &str) {
    let output = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
        ])
        .args(["-subj", &format!("/CN={name}")])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-keyout")
        .arg(folder.join(format!("{name}.key")))
        .arg("-out")
        .arg(folder.join(format!("{name}.pem")))
        .output()
        .expect("run openssl");
    assert!(output.status.success(), "{output:?}");
}

/// Where a file of these tests lies.
fn path(name: &str) -> String {
    secured().folder.join(name).to_string_lossy().into_owned()
}

/// Settings for a listener, with the right authority.
fn encrypted(listener: &str) -> RawConfig {
    RawConfig {
        brokers: secured().broker.listener(listener),
        tls: true,
        tls_ca_file: path("broker.pem"),
        message_timeout: "3s".to_owned(),
        ..names(&format!("secured-{}", listener.to_lowercase()), 1)
    }
}

/// The same, with a password from a file.
fn with_password(listener: &str, mechanism: &str, file: &str) -> RawConfig {
    RawConfig {
        sasl_mechanism: mechanism.to_owned(),
        sasl_user: "cbsift".to_owned(),
        sasl_password_file: path(file),
        ..encrypted(listener)
    }
}

/// Topics are made, a record goes there and comes back.
async fn passes(raw: &RawConfig) {
    let config = made(raw).await;
    let producer = Producer::new(&config).unwrap();
    send(&producer, vec![chunk("PC-1", 1)]).await;
    let consumer = Consumer::start(&config, &[&config.chunks_topic]).unwrap();
    assert_eq!(take(&consumer, 1).await.len(), 1);
    assert!(consumer.close(PATIENCE).await);
}

/// Every way to the broker is closed, and each says so with these words and without a password.
async fn is_refused(raw: &RawConfig, words: &[&str]) {
    let config = Config::check(raw).unwrap();
    let producer = Producer::new(&config).unwrap();
    let error = producer.send(vec![chunk("PC-1", 2)]).await.unwrap_err();
    assert!(matches!(error, SendError::Refused { .. }), "{error:?}");
    assert_eq!(producer.status().delivered, 0);
    let ping = producer.ping(Duration::from_secs(1)).await.unwrap_err();
    for said in [error.to_string(), ping.to_string()] {
        for word in words {
            assert!(said.contains(word), "{word} in {said}");
        }
        assert!(!said.contains("secret"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_authority_and_password_pass() {
    let plain = with_password("PLAIN", "PLAIN", "right");
    let scram = with_password("SCRAM", "SCRAM-SHA-512", "right");
    passes(&plain).await;
    passes(&scram).await;
    let other_authority = RawConfig {
        tls_ca_file: path("other.pem"),
        ..plain
    };
    let [plain_wrong, scram_wrong] = [
        with_password("PLAIN", "PLAIN", "wrong"),
        with_password("SCRAM", "SCRAM-SHA-512", "wrong"),
    ];
    // Of the two mechanisms the broker offers another one there.
    let wrong_mechanism = with_password("SCRAM", "PLAIN", "right");
    let authority = ["certificate verify failed", "hint: `queue.tls_ca_file`"];
    let password = [
        "uthentication failed",
        "hint: `queue.sasl_user` and `queue.sasl_password_file`",
    ];
    // Each waits for its time to be over; they wait together.
    tokio::join!(
        is_refused(&other_authority, &authority),
        is_refused(&plain_wrong, &password),
        is_refused(&scram_wrong, &password),
        is_refused(&wrong_mechanism, &["hint: `queue.sasl_mechanism`"]),
    );
    // No log of the broker's has it either.
    assert!(!secured().broker.log().contains(PASSWORD));

    let missing = with_password("PLAIN", "PLAIN", "no-such-file");
    let missing = Config::check(&missing).unwrap();
    let error = Producer::new(&missing).err().unwrap().to_string();
    assert!(
        error.contains("no-such-file") && error.contains("hint:"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_asks_for_a_certificate_takes_only_ours() {
    let own = |name: &str| RawConfig {
        tls_certificate_file: path(&format!("{name}.pem")),
        tls_key_file: path(&format!("{name}.key")),
        ..encrypted("MUTUAL")
    };
    passes(&own("client")).await;
    let hint = ["hint: `queue.tls_certificate_file` and `queue.tls_key_file`"];
    let (without, stranger) = (encrypted("MUTUAL"), own("stranger"));
    tokio::join!(is_refused(&without, &hint), is_refused(&stranger, &hint));
}
