//! TLS and SASL: the right ones pass, the wrong ones are told.

use super::*;
use queue::Producer;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A certificate for this machine that vouches for itself, and its key.
fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (
        folder.join(format!("{name}.pem")),
        folder.join(format!("{name}.key")),
    );
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "2",
            "-subj",
            "/CN=kafka",
        ])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .arg("-keyout")
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .expect("run openssl");
    assert!(output.status.success(), "{output:?}");
    (certificate, key)
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_authority_and_password_pass() {
    let folder = tempfile::tempdir().unwrap();
    let (certificate_file, key) = certificate(folder.path(), "broker");
    let (other_authority, _) = certificate(folder.path(), "other");
    let store = folder.path().join("store.pem");
    let both = [key, certificate_file.clone()]
        .map(|file| std::fs::read(file).unwrap())
        .concat();
    std::fs::write(&store, both).unwrap();
    let [password, wrong_password] = ["right", "wrong"].map(|text| {
        let file = folder.path().join(text);
        std::fs::write(&file, format!("{text}-secret\n")).unwrap();
        file.to_string_lossy().into_owned()
    });
    let property = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let broker = Broker::start(&Options {
        properties: vec![
            property(
                "listener.security.protocol.map",
                "PLAINTEXT:PLAINTEXT,PROXIED:SASL_SSL,CONTROLLER:PLAINTEXT",
            ),
            property("listener.name.proxied.ssl.keystore.type", "PEM"),
            property(
                "listener.name.proxied.ssl.keystore.location",
                &store.to_string_lossy(),
            ),
            property("listener.name.proxied.sasl.enabled.mechanisms", "PLAIN"),
            property(
                "listener.name.proxied.plain.sasl.jaas.config",
                "org.apache.kafka.common.security.plain.PlainLoginModule required user_cbsift=\"right-secret\";",
            ),
        ],
        ..Options::default()
    });
    let raw = |authority: &Path, password: &str| RawConfig {
        brokers: broker.behind_proxy().to_string(),
        tls: true,
        tls_ca_file: authority.to_string_lossy().into_owned(),
        sasl_mechanism: "PLAIN".to_owned(),
        sasl_user: "cbsift".to_owned(),
        sasl_password_file: password.to_owned(),
        message_timeout: "2s".to_owned(),
        ..names("secured", 1)
    };
    let good = made(&raw(&certificate_file, &password)).await;
    let producer = Producer::new(&good).unwrap();
    send(&producer, vec![chunk("PC-1", 1)]).await;
    let consumer = Consumer::start(&good, &[&good.chunks_topic]).unwrap();
    assert_eq!(take(&consumer, 1).await.len(), 1);
    assert!(consumer.close(PATIENCE).await);

    for bad in [
        raw(&other_authority, &password),
        raw(&certificate_file, &wrong_password),
    ] {
        let producer = Producer::new(&Config::check(&bad).unwrap()).unwrap();
        let error = producer.send(vec![chunk("PC-1", 2)]).await.unwrap_err();
        assert!(
            matches!(&error, SendError::Refused { reason } if reason.contains("uthentication") || reason.contains("certificate")),
            "{error}"
        );
        let ping = producer
            .ping(Duration::from_secs(5))
            .await
            .unwrap_err()
            .to_string();
        assert!(!ping.contains("secret"), "{ping}");
        assert_eq!(producer.status().delivered, 0);
    }
    assert!(!broker.log().contains("right-secret"));

    let missing = Config::check(&raw(&certificate_file, "/no/such/file")).unwrap();
    let error = Producer::new(&missing).err().unwrap().to_string();
    assert!(
        error.contains("/no/such/file") && error.contains("hint:"),
        "{error}"
    );
}
