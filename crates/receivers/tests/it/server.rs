//! An HTTP server that keeps what it hears and answers what a test says, or hangs.

use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Request {
    pub fn header(&self, name: &str) -> &str {
        let mut found = self.headers.iter().filter(|(key, _)| key == name);
        found.next().map_or("", |(_, value)| value)
    }

    /// A value of the query, decoded.
    pub fn query(&self, name: &str) -> String {
        let (_, query) = self.target.split_once('?').unwrap_or_default();
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs
            .find(|(key, _)| *key == name)
            .map_or("", |(_, value)| value);
        let mut bytes = Vec::new();
        let mut rest = value.bytes();
        while let Some(byte) = rest.next() {
            if byte == b'%' {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                let digits = std::str::from_utf8(&digits).unwrap();
                bytes.push(u8::from_str_radix(digits, 16).unwrap());
            } else {
                bytes.push(byte);
            }
        }
        String::from_utf8(bytes).unwrap()
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

pub enum Answer {
    /// Status, one further header or none, body.
    Say(u16, &'static str, String),
    /// Says nothing while the server is there.
    Hang,
    /// Goes on for ever.
    Endless,
}

pub fn ok(body: &str) -> Answer {
    Answer::Say(200, "", body.to_owned())
}

pub struct Server {
    pub port: u16,
    heard: Arc<Mutex<Vec<Request>>>,
    over: Arc<Over>,
}

/// Whether the test is over: a client's thread that waits for an answer would keep it from ending.
#[derive(Default)]
struct Over(Mutex<bool>, Condvar);

impl Over {
    fn wait(&self) {
        let over = self.0.lock().unwrap();
        drop(self.1.wait_while(over, |over| !*over).unwrap());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *self.over.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.over.1.notify_all();
    }
}

type Answers = Arc<dyn Fn(&Request) -> Answer + Send + Sync>;

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Answer + Send + Sync + 'static) -> Self {
        Self::listen(Arc::new(answer), None)
    }

    /// Over TLS, with a certificate for 127.0.0.1 that it writes into a folder as its own CA.
    pub fn start_tls(
        folder: &std::path::Path,
        answer: impl Fn(&Request) -> Answer + Send + Sync + 'static,
    ) -> (Self, PathBuf) {
        let (config, ca) = tls(folder);
        (Self::listen(Arc::new(answer), Some(config)), ca)
    }

    fn listen(answer: Answers, tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let over = Arc::new(Over::default());
        let (kept, end) = (Arc::clone(&heard), Arc::clone(&over));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, kept, tls) = (Arc::clone(&answer), Arc::clone(&kept), tls.clone());
                let end = Arc::clone(&end);
                std::thread::spawn(move || match tls {
                    None => exchange(stream, &answer, &kept, &end),
                    Some(config) => {
                        let connection = ServerConnection::new(config).unwrap();
                        exchange(StreamOwned::new(connection, stream), &answer, &kept, &end);
                    }
                });
            }
        });
        Self { port, heard, over }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn heard(&self) -> Vec<Request> {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.clone()
    }
}

fn exchange(stream: impl Read + Write, answer: &Answers, kept: &Mutex<Vec<Request>>, over: &Over) {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream) else {
        return;
    };
    // Kept before the answer: who was answered finds it there.
    kept.lock().unwrap().push(request.clone());
    let answer = answer(&request);
    let stream = stream.get_mut();
    // A client that goes away early is a part of some tests.
    let _ = match answer {
        Answer::Say(status, header, body) => {
            let end = if header.is_empty() { "" } else { "\r\n" };
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {length}\r\n{header}{end}\r\n"
            );
            stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(body.as_bytes()))
                .and_then(|()| stream.flush())
        }
        Answer::Hang => {
            over.wait();
            Ok(())
        }
        Answer::Endless => {
            let _ = stream.write_all(b"HTTP/1.1 200 x\r\n\r\n");
            while stream.write_all(&[b'x'; 4096]).is_ok() {}
            Ok(())
        }
    };
}

fn read(stream: &mut impl BufRead) -> Option<Request> {
    let mut line = String::new();
    stream.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let mut request = Request {
        method: words.next()?.to_owned(),
        target: words.next()?.to_owned(),
        ..Request::default()
    };
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        let header = (name.to_ascii_lowercase(), value.trim().to_owned());
        request.headers.push(header);
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    request.body = String::from_utf8(body).unwrap();
    Some(request)
}

/// A certificate for 127.0.0.1, and the file that it is believed by.
pub fn tls(folder: &std::path::Path) -> (Arc<ServerConfig>, PathBuf) {
    let made = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap();
    let ca = folder.join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![CertificateDer::from(made.cert)], key.into())
        .unwrap();
    (Arc::new(config), ca)
}

/// A proxy that connects to `to` whatever it is asked for, and keeps what that was.
pub fn proxy(to: u16) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(client.try_clone().unwrap());
            let Some(request) = read(&mut reader) else {
                continue;
            };
            kept.lock().unwrap().push(format!(
                "{} {} {}",
                request.method,
                request.target,
                request.header("proxy-authorization")
            ));
            let target = TcpStream::connect(("127.0.0.1", to)).unwrap();
            let mut client = client;
            client.write_all(b"HTTP/1.1 200 x\r\n\r\n").unwrap();
            let (mut up, mut down) = (target.try_clone().unwrap(), target);
            std::thread::spawn(move || std::io::copy(&mut reader, &mut up));
            std::thread::spawn(move || std::io::copy(&mut down, &mut client));
        }
    });
    (port, asked)
}
