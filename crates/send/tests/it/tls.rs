//! TLS between a sender and the intake: who trusts whom, and what is refused. Certificates are made up anew in each test.

use crate::logs::log;
use crate::support::{DEADLINE, RELAY, Request, Server, connect};
use ingest::Config;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use send::{ClientError, SendError, SendOptions, Summary, send};
use serve::{Tls, TlsError, TlsFiles};
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// A folder with a CA of its own and what it signs.
pub(crate) struct Authority {
    folder: TempDir,
    pub(crate) issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
        Self { folder, issuer }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `cert.pem` and `key.pem` for a name.
    pub(crate) fn sign(&self, name: &str) -> TlsFiles {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        fs::write(self.path("cert.pem"), certificate.pem()).unwrap();
        write_key(&self.path("key.pem"), &key.serialize_pem());
        self.files()
    }

    fn files(&self) -> TlsFiles {
        TlsFiles {
            cert: self.path("cert.pem"),
            key: self.path("key.pem"),
            client_ca: None,
        }
    }

    fn serve(&self, name: &str, config: Config) -> (Server, Tls) {
        let tls = Tls::load(self.sign(name)).unwrap();
        (Server::with_tls(config, Some(tls.clone())), tls)
    }
}

pub(crate) fn write_key(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

pub(crate) fn url(server: &Server) -> String {
    format!("https://localhost:{}", server.address.port())
}

/// Sends a made-up log and answers how that ended.
fn send_log(url: &str, ca: &Path, text: &str) -> Result<Summary, SendError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), text).unwrap();
    let options = SendOptions {
        endpoint: Some("PC-0001".to_owned()),
        ca: Some(ca.to_owned()),
        ..SendOptions::new(url, RELAY)
    };
    send(&options, &[folder.path().to_owned()], &|_| {})
}

/// Sends, and must be told so.
fn check_untrusted(url: &str, ca: &Path, words: &str) {
    match send_log(url, ca, &log(10)).unwrap_err() {
        SendError::Stopped { error, .. } => {
            assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
            assert!(!error.is_retryable());
            let said = error.to_string();
            assert!(said.contains("\nhint: ") && said.contains(words), "{said}");
        }
        SendError::Options(error) => panic!("{error}"),
    }
}

#[test]
fn a_log_sent_over_tls_is_stored_whole() {
    let authority = Authority::new();
    let (server, _) = authority.serve("localhost", Config::default());
    let text = log(3_000);
    let summary = send_log(&url(&server), &authority.path("ca.pem"), &text).unwrap();
    assert_eq!(summary.acknowledged_bytes, text.len() as u64);
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn another_ca_and_another_name_are_refused_with_a_hint() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (server, _) = authority.serve("localhost", Config::default());
    check_untrusted(&url(&server), &stranger.path("ca.pem"), "--ca");
    let (other, _) = authority.serve("intake.example", Config::default());
    check_untrusted(&url(&other), &authority.path("ca.pem"), "name");
    assert!(server.sink.chunks().is_empty() && other.sink.chunks().is_empty());

    let error = send_log(&url(&server), &authority.path("none.pem"), "x").unwrap_err();
    assert!(error.to_string().contains("none.pem"), "{error}");
}

#[test]
fn plain_http_to_the_tls_port_gets_no_answer_of_ours_and_the_other_way_round_a_hint() {
    let authority = Authority::new();
    let (server, _) = authority.serve("localhost", Config::default());
    let mut stream = connect(server.address);
    stream
        .write_all(&Request::put("offset=0", log(10)).bytes())
        .unwrap();
    let mut answer = Vec::new();
    // An alert, or a cut connection; no HTTP.
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP"), "{answer:?}");
    assert!(server.sink.chunks().is_empty());

    let plain = Server::start(Config::default());
    check_untrusted(&url(&plain), &authority.path("ca.pem"), "http://");
}

#[test]
fn a_handshake_that_does_not_come_ends_and_frees_its_place() {
    let authority = Authority::new();
    let (server, _) = authority.serve(
        "localhost",
        Config {
            head_timeout: Duration::from_secs(1),
            connections_max: 8,
            ..Config::default()
        },
    );
    // As many as there are places; each holds one until its time is over.
    let idle: Vec<_> = (0..8).map(|_| connect(server.address)).collect();
    let text = log(100);
    let summary = send_log(&url(&server), &authority.path("ca.pem"), &text).unwrap();
    assert_eq!(summary.acknowledged_bytes, text.len() as u64);
    for mut stream in idle {
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap_or(0), 0, "it was ended");
    }
}

#[test]
fn a_renewed_certificate_is_taken_and_a_bad_one_is_not() {
    let authority = Authority::new();
    let (server, tls) = authority.serve("intake.example", Config::default());
    let ca = authority.path("ca.pem");
    check_untrusted(&url(&server), &ca, "name");

    fs::write(authority.path("cert.pem"), "no certificate").unwrap();
    assert_eq!(tls.reload().unwrap_err().key(), "tls_cert");
    // The old one is still served: the name is wrong, not the handshake.
    check_untrusted(&url(&server), &ca, "name");

    authority.sign("localhost");
    tls.reload().unwrap();
    assert!(send_log(&url(&server), &ca, &log(10)).is_ok());
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let check = |change: &dyn Fn(&Authority), key: &str, words: &str| {
        let authority = Authority::new();
        authority.sign("localhost");
        change(&authority);
        let error: TlsError = Tls::load(authority.files()).unwrap_err();
        assert_eq!(error.key(), key, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    check(
        &|authority| fs::remove_file(authority.path("cert.pem")).unwrap(),
        "tls_cert",
        "cert.pem",
    );
    check(
        &|authority| fs::write(authority.path("cert.pem"), "made up").unwrap(),
        "tls_cert",
        "no certificate",
    );
    check(
        &|authority| write_key(&authority.path("key.pem"), "made up"),
        "tls_key",
        "no private key",
    );
    check(
        &|authority| {
            write_key(
                &authority.path("key.pem"),
                "-----BEGIN PRIVATE KEY-----\nmade-up-secret!\n-----END PRIVATE KEY-----\n",
            );
        },
        "tls_key",
        "damaged",
    );
    check(
        &|authority| {
            let mode = fs::Permissions::from_mode(0o644);
            fs::set_permissions(authority.path("key.pem"), mode).unwrap();
        },
        "tls_key",
        "chmod o=",
    );
    check(
        &|authority| {
            let other = KeyPair::generate().unwrap().serialize_pem();
            write_key(&authority.path("key.pem"), &other);
        },
        "tls_key",
        "does not fit",
    );
    let error = TlsFiles::check("ingest", "cert.pem", "").unwrap_err();
    assert!(error.contains("`ingest.tls_key`"), "{error}");
    assert_eq!(TlsFiles::check("ingest", "", ""), Ok(None));
}
