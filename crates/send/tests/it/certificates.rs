//! Certificates in place of tokens: whose they are, on every route of the intake, and which of them are refused.

use crate::logs::log;
use crate::support::{ENDPOINT_TOKEN, RELAY, Server};
use crate::tls::{Authority, url, write_key};
use event::upload::ENDPOINT_HEADER;
use ingest::Config;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, KeyPair, date_time_ymd};
use send::{CertificateFiles, ClientError, SendError, SendOptions, Summary, send};
use serve::{Tls, TlsFiles};
use std::fs;
use ureq::tls::{Certificate, ClientCert, PrivateKey, RootCerts, TlsConfig};

/// What a client shows of itself.
struct Made<'a> {
    names: &'a [&'a str],
    is_over: bool,
    purpose: ExtendedKeyUsagePurpose,
}

impl<'a> Made<'a> {
    fn of(names: &'a [&'a str]) -> Self {
        Self {
            names,
            is_over: false,
            purpose: ExtendedKeyUsagePurpose::ClientAuth,
        }
    }

    /// Writes certificate and key as `NAME.pem` and `NAME.key`.
    fn write(self, authority: &Authority, name: &str) -> CertificateFiles {
        let names: Vec<String> = self.names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.extended_key_usages = vec![self.purpose];
        params.not_before = date_time_ymd(2020, 1, 1);
        if self.is_over {
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &authority.issuer).unwrap();
        let files = CertificateFiles {
            cert: authority.path(&format!("{name}.pem")),
            key: authority.path(&format!("{name}.key")),
        };
        fs::write(&files.cert, certificate.pem()).unwrap();
        write_key(&files.key, &key.serialize_pem());
        files
    }
}

/// An intake that takes the certificates of a CA, which is not that of its own.
fn serve(own: &Authority, clients: &Authority) -> (Server, Tls) {
    let tls = Tls::load(TlsFiles {
        client_ca: Some(clients.path("ca.pem")),
        ..own.sign("localhost")
    })
    .unwrap();
    (Server::with_tls(Config::default(), Some(tls.clone())), tls)
}

fn agent(own: &Authority, shown: Option<&CertificateFiles>) -> ureq::Agent {
    let read = |path| fs::read(path).unwrap();
    let ca = Certificate::from_pem(&read(own.path("ca.pem"))).unwrap();
    let shown = shown.map(|files| {
        let chain = [Certificate::from_pem(&read(files.cert.clone())).unwrap()];
        ClientCert::new_with_certs(
            &chain,
            PrivateKey::from_pem(&read(files.key.clone())).unwrap(),
        )
    });
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&[ca]))
        .client_cert(shown)
        .build();
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .tls_config(tls)
        .build()
        .new_agent()
}

const RECORD: &str = "2024-03-05 09:12:01, Info                  CBS    Made up\r\n";
const GAP: &str = r#"{"gaps":[{"source":"cbs","from":1,"to":2,"reason":"gone"}]}"#;

/// The status of PUT and HEAD of a stream, HEAD of an import, PUT of gaps and enrolment; nothing where no connection came about.
fn statuses(server: &Server, agent: &ureq::Agent, headers: &[(&str, &str)]) -> Option<[u16; 5]> {
    let base = format!("{}/v1", url(server));
    let stream = format!("{base}/streams/cbs/0000000000000001");
    let with = |request: ureq::http::request::Builder| {
        let headers = headers.iter();
        headers.fold(request, |request, (name, value)| {
            request.header(*name, *value)
        })
    };
    let ask = |method: &str, path: String, body: &str| {
        let request = ureq::http::Request::builder().method(method).uri(path);
        let request = with(request).body(body.to_owned()).unwrap();
        agent
            .run(request)
            .ok()
            .map(|answer| answer.status().as_u16())
    };
    Some([
        ask("PUT", format!("{stream}?offset=0"), RECORD)?,
        ask("HEAD", stream.clone(), "")?,
        ask("HEAD", format!("{base}/imports/{}", "0".repeat(64)), "")?,
        ask("PUT", format!("{base}/gaps"), GAP)?,
        ask("POST", format!("{base}/enroll"), "{}")?,
    ])
}

#[test]
fn a_certificate_speaks_for_the_endpoint_that_it_names_on_every_route() {
    let (own, clients, stranger) = (Authority::new(), Authority::new(), Authority::new());
    let (server, _) = serve(&own, &clients);
    let one = Made::of(&["PC-A"]).write(&clients, "one");
    let two = Made::of(&["PC-A", "pc-b.example"]).write(&clients, "two");
    let wild = Made::of(&["*.example"]).write(&clients, "wild");
    let over = Made {
        is_over: true,
        ..Made::of(&["PC-A"])
    };
    let over = over.write(&clients, "over");
    let of_server = Made {
        purpose: ExtendedKeyUsagePurpose::ServerAuth,
        ..Made::of(&["PC-A"])
    };
    let of_server = of_server.write(&clients, "server");
    let strange = Made::of(&["PC-A"]).write(&stranger, "strange");
    let relay = format!("Bearer {RELAY}");
    let endpoint = format!("Bearer {ENDPOINT_TOKEN}");

    // It never enrols anybody: that takes a fleet's token.
    const TAKEN: [u16; 5] = [200, 200, 404, 200, 401];
    const FORBIDDEN: [u16; 5] = [403, 403, 403, 403, 401];
    const UNCLEAR: [u16; 5] = [400, 400, 400, 400, 401];
    const DENIED: [u16; 5] = [401; 5];
    for (what, shown, headers, expected) in [
        ("its own name", Some(&one), &[][..], Some(TAKEN)),
        (
            "said too",
            Some(&one),
            &[(ENDPOINT_HEADER, "PC-A")],
            Some(TAKEN),
        ),
        (
            "in other letters",
            Some(&one),
            &[(ENDPOINT_HEADER, "pc-a")],
            Some(TAKEN),
        ),
        (
            "another's name",
            Some(&one),
            &[(ENDPOINT_HEADER, "PC-B")],
            Some(FORBIDDEN),
        ),
        (
            "no name",
            Some(&one),
            &[(ENDPOINT_HEADER, "../x")],
            Some(UNCLEAR),
        ),
        ("one of two, unsaid", Some(&two), &[], Some(UNCLEAR)),
        (
            "one of two",
            Some(&two),
            &[(ENDPOINT_HEADER, "pc-b.example")],
            Some(TAKEN),
        ),
        (
            "a third",
            Some(&two),
            &[(ENDPOINT_HEADER, "PC-C")],
            Some(FORBIDDEN),
        ),
        ("a wildcard", Some(&wild), &[], Some(FORBIDDEN)),
        (
            "a wildcard that fits",
            Some(&wild),
            &[(ENDPOINT_HEADER, "x.example")],
            Some(FORBIDDEN),
        ),
        // Beside a token, which decides; and without either.
        (
            "a relay's token",
            Some(&one),
            &[("authorization", &relay), (ENDPOINT_HEADER, "PC-Z")],
            Some([200, 200, 404, 200, 403]),
        ),
        (
            "a wrong token",
            Some(&one),
            &[("authorization", "Bearer PC-A.wrong")],
            Some(DENIED),
        ),
        (
            "another's token",
            Some(&one),
            &[("authorization", &endpoint)],
            Some([200, 200, 404, 200, 403]),
        ),
        (
            "a token alone",
            None,
            &[("authorization", &endpoint)],
            Some([200, 200, 404, 200, 403]),
        ),
        ("nothing", None, &[(ENDPOINT_HEADER, "PC-A")], Some(DENIED)),
        // No connection comes about.
        ("one that is over", Some(&over), &[], None),
        ("a server's", Some(&of_server), &[], None),
        ("another CA's", Some(&strange), &[], None),
        (
            "another CA's, with a token",
            Some(&strange),
            &[("authorization", &*relay)],
            None,
        ),
    ] {
        let agent = agent(&own, shown);
        assert_eq!(statuses(&server, &agent, headers), expected, "{what}");
    }
    // Whoever spoke is recorded, under the certificate's spelling.
    let mut senders: Vec<(String, String)> = server
        .sink
        .chunks()
        .into_iter()
        .map(|chunk| (chunk.endpoint, chunk.sender))
        .filter(|(_, sender)| sender.starts_with("certificate:"))
        .collect();
    senders.sort();
    senders.dedup();
    let known = |id: &str| (id.to_owned(), format!("certificate:{id}"));
    assert_eq!(senders, [known("PC-A"), known("pc-b.example")]);
}

fn send_log(
    own: &Authority,
    server: &Server,
    files: &CertificateFiles,
) -> Result<Summary, SendError> {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), log(50)).unwrap();
    let options = SendOptions {
        ca: Some(own.path("ca.pem")),
        certificate: Some(files.clone()),
        ..SendOptions::new(url(server), "")
    };
    send(&options, &[folder.path().to_owned()], &|_| {})
}

#[test]
fn a_sender_without_a_token_sends_by_its_certificate_and_is_told_when_that_is_over() {
    let (own, clients) = (Authority::new(), Authority::new());
    let (server, tls) = serve(&own, &clients);
    let good = Made::of(&["PC-A"]).write(&clients, "good");
    let summary = send_log(&own, &server, &good).unwrap();
    assert_eq!(summary.acknowledged_bytes, log(50).len() as u64);
    let over = Made {
        is_over: true,
        ..Made::of(&["PC-A"])
    };
    let over = over.write(&clients, "over");
    match send_log(&own, &server, &over).unwrap_err() {
        SendError::Stopped { error, .. } => {
            assert!(matches!(error, ClientError::Untrusted { .. }), "{error}");
            assert!(error.to_string().contains("renew it"), "{error}");
        }
        SendError::Options(error) => panic!("{error}"),
    }
    // A CA that is taken away ends its certificates with the next connection.
    let other = Authority::new();
    fs::copy(other.path("ca.pem"), clients.path("ca.pem")).unwrap();
    tls.reload().unwrap();
    assert!(send_log(&own, &server, &good).is_err());
    // A file that names nobody changes nothing.
    fs::write(clients.path("ca.pem"), "made up").unwrap();
    assert_eq!(tls.reload().unwrap_err().key(), "client_ca");
    let new = Made::of(&["PC-A"]).write(&other, "new");
    assert!(send_log(&own, &server, &new).is_ok());
    // What cannot be shown is said before anything is sent.
    let error = SendError::to_string(
        &send_log(
            &own,
            &server,
            &CertificateFiles {
                key: clients.path("none.key"),
                ..good
            },
        )
        .unwrap_err(),
    );
    assert!(error.contains("none.key"), "{error}");
}
