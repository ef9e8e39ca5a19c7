//! TLS of the real binary: what is refused before anything starts, and a fleet's way in and out over TLS.

use crate::fixtures::CUT_RECORD;
use crate::harness::{PATIENCE, cbsift, text};
use crate::service::Service;
use event::upload::FileDigest;
use kafka_harness::free_port;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Writes a made-up CA, a certificate for `localhost` with its key, and one for a PC: `ca.pem`, `cert.pem`, `key.pem`, `pc.pem`, `pc.key`.
fn write_certificates(folder: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
    for (name, cert, key_file) in [
        ("localhost", "cert.pem", "key.pem"),
        ("PC-0002", "pc.pem", "pc.key"),
    ] {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let certificate = params.signed_by(&key, &issuer).unwrap();
        fs::write(folder.join(cert), certificate.pem()).unwrap();
        let path = folder.join(key_file);
        fs::write(&path, key.serialize_pem()).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

/// `cbsift up` on all addresses of this machine, with TLS; returns the command and its ports of intake, pages and health.
fn up(folder: &Path) -> (Command, [u16; 3]) {
    let mut command = cbsift();
    command.arg("up").arg("--data").arg(folder.join("data"));
    let ports = [free_port(), free_port(), free_port()];
    for (table, port) in ["INGEST", "WEB", "ADMIN"].into_iter().zip(ports) {
        command
            .env(
                format!("CBSIFT__{table}__LISTEN"),
                format!("0.0.0.0:{port}"),
            )
            .env(
                format!("CBSIFT__{table}__TLS_CERT"),
                folder.join("cert.pem"),
            )
            .env(format!("CBSIFT__{table}__TLS_KEY"), folder.join("key.pem"));
    }
    command
        .env("CBSIFT__INGEST__CLIENT_CA", folder.join("ca.pem"))
        .env("CBSIFT__ENGINE__LISTEN", "127.0.0.1:0")
        .env("CBSIFT__WEB__TOKENS_FILE", folder.join("readers"));
    (command, ports)
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_certificates(folder.path());
    let hash = FileDigest(Sha256::digest(b"made-up-secret").into());
    let readers = format!("reader ops sha256:{hash}\nauditor board sha256:{hash}\n");
    fs::write(folder.path().join("readers"), readers).unwrap();
    folder
}

#[test]
fn files_that_cannot_be_used_end_with_2_and_name_their_key() {
    let check = |change: &dyn Fn(PathBuf), file: &str, key: &str| {
        let folder = folder();
        change(folder.path().join(file));
        let output = up(folder.path()).0.output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(key) && said.contains(file), "{said}");
    };
    let empty = |path: PathBuf| fs::write(path, "").unwrap();
    check(&empty, "cert.pem", "`ingest.tls_cert`");
    check(&empty, "key.pem", "`ingest.tls_key`");
    check(&empty, "ca.pem", "`ingest.client_ca`");
    check(
        &|path| write_certificates_elsewhere(&path),
        "key.pem",
        "`ingest.tls_key`",
    );
    check(
        &|path| fs::write(path, "made up\n").unwrap(),
        "readers",
        "`web.tokens_file`",
    );
}

/// Replaces a key by one of another certificate.
fn write_certificates_elsewhere(key: &Path) {
    let other = tempfile::tempdir().unwrap();
    write_certificates(other.path());
    fs::copy(other.path().join("key.pem"), key).unwrap();
}

#[test]
fn logs_come_in_and_pages_go_out_over_tls_on_every_address() {
    let folder = folder();
    let (command, [intake, page, admin]) = up(folder.path());
    let mut up = Service::start("up", command);
    let agent = |ca: &Path| {
        let ca = Certificate::from_pem(&fs::read(ca).unwrap()).unwrap();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&[ca]))
            .build();
        ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .tls_config(tls)
            .build()
            .new_agent()
    };
    let ca = folder.path().join("ca.pem");
    let trusting = agent(&ca);
    let get = |agent: &ureq::Agent, port: u16, path: &str, token: &str| {
        agent
            .get(format!("https://localhost:{port}{path}"))
            .header("authorization", format!("Bearer {token}"))
            .call()
            .map(|answer| answer.status().as_u16())
    };
    up.until("health answers over TLS", || {
        get(&trusting, admin, "/healthz", "").ok() == Some(200)
    });

    let log = folder.path().join("CBS.log");
    fs::write(&log, CUT_RECORD).unwrap();
    let send = |ca: &Path| {
        cbsift()
            .args(["send", "--endpoint", "PC-0001", "--to"])
            .arg(format!("https://localhost:{intake}"))
            .arg("--ca")
            .arg(ca)
            .arg("--data")
            .arg(folder.path().join("data"))
            .arg(&log)
            .output()
            .unwrap()
    };
    let said = send(&ca);
    assert!(said.status.success(), "{}", text(&said.stderr));
    assert!(text(&said.stderr).contains("1 file sent"));

    let stranger = tempfile::tempdir().unwrap();
    write_certificates(stranger.path());
    let said = send(&stranger.path().join("ca.pem"));
    assert_eq!(said.status.code(), Some(1));
    let said = text(&said.stderr);
    assert!(said.contains("hint:") && said.contains("--ca"), "{said}");

    let overview = "/api/v1/overview";
    let reader = "ops.made-up-secret";
    assert_eq!(get(&trusting, page, overview, reader).unwrap(), 200);
    assert_eq!(get(&trusting, page, "/", "wrong").unwrap(), 401);
    // A role goes all the way: what an operator may see an auditor may not, and the other way round.
    let auditor = "board.made-up-secret";
    for (path, of_operator, of_auditor) in [
        (overview, 200, 200),
        ("/api/v1/unexplained", 200, 403),
        ("/api/v1/audit", 403, 200),
    ] {
        for (token, status) in [(reader, of_operator), (auditor, of_auditor)] {
            let answer = get(&trusting, page, path, token).unwrap();
            assert_eq!(answer, status, "{path} {token}");
        }
    }
    // The sender's token opens no page.
    let sender = fs::read_to_string(folder.path().join("data/token")).unwrap();
    assert_eq!(get(&trusting, page, "/", sender.trim()).unwrap(), 401);

    // A PC without a token sends by its certificate, and only for itself; that opens no page.
    let send_as_pc = |arguments: &[&str]| {
        let file = |name: &str| folder.path().join(name);
        let mut command = cbsift();
        command.args(["send", "--again", "--to"]);
        command.arg(format!("https://localhost:{intake}"));
        for (flag, name) in [
            ("--ca", "ca.pem"),
            ("--cert", "pc.pem"),
            ("--key", "pc.key"),
        ] {
            command.arg(flag).arg(file(name));
        }
        command.args(arguments).arg(&log).output().unwrap()
    };
    let said = send_as_pc(&[]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    up.until("its log is on its page", || {
        let path = "/api/v1/endpoints/PC-0002";
        get(&trusting, page, path, reader).ok() == Some(200)
    });
    let said = send_as_pc(&["--endpoint", "PC-0001"]);
    assert_eq!(said.status.code(), Some(1));
    assert!(text(&said.stderr).contains("403"), "{}", text(&said.stderr));

    // A renewed certificate is taken on SIGHUP, without a restart.
    write_certificates(folder.path());
    let renewed = agent(&ca);
    assert!(get(&renewed, admin, "/healthz", "").is_err());
    up.signal("HUP");
    up.until("the renewed certificate is served everywhere", || {
        [intake, page, admin]
            .iter()
            .all(|port| get(&renewed, *port, "/healthz", reader).is_ok())
    });
    // So are the CAs of clients.
    let said = send_as_pc(&[]);
    assert!(said.status.success(), "{}", text(&said.stderr));
    up.stop();
}
