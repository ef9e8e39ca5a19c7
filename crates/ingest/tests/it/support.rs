//! A sink in memory, a server and a raw client.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::upload::FileDigest;
use event::{Chunk, Source, StreamId};
use hyper_util::service::TowerToHyperService;
use ingest::{Callers, ChunkSink, Config, Import, Imported, Offsets, Pace, SinkError};
use serve::{Keyring, Owner, Tokens};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Long enough for a loaded machine; every wait ends by it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) const RELAY: &str = "gateway.made-up-relay-secret";
pub(crate) const ENDPOINT_TOKEN: &str = "PC-0001.made-up-endpoint-secret";

/// Keeps chunks in memory; can be told to fail, and to hold its answers back.
#[derive(Clone, Default)]
pub(crate) struct MemorySink(Arc<(Mutex<State>, Condvar, tokio::sync::Notify)>);

#[derive(Default)]
pub(crate) struct State {
    pub(crate) chunks: Vec<Chunk>,
    pub(crate) imports: Vec<Import>,
    /// Answers of the next calls to `store`.
    pub(crate) errors: VecDeque<SinkError>,
    /// Answer of every question about offsets and imports.
    pub(crate) away: bool,
    pub(crate) next_offsets: BTreeMap<(String, StreamId), u64>,
    held: bool,
    /// Calls to `store` that wait because answers are held back.
    waiting: usize,
}

impl MemorySink {
    pub(crate) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.0.lock().unwrap())
    }

    pub(crate) fn chunks(&self) -> Vec<Chunk> {
        self.with(|state| state.chunks.clone())
    }

    pub(crate) fn hold(&self) {
        self.with(|state| state.held = true);
    }

    pub(crate) fn release(&self) {
        self.with(|state| state.held = false);
        self.0.2.notify_waiters();
    }

    /// Returns when so many calls wait.
    pub(crate) fn wait_for_waiting(&self, count: usize) {
        let guard = self.0.0.lock().unwrap();
        let (_guard, timeout) = self
            .0
            .1
            .wait_timeout_while(guard, DEADLINE, |state| state.waiting < count)
            .unwrap();
        assert!(!timeout.timed_out(), "no {count} calls reached the sink");
    }

    /// Checks that the chunks of an endpoint's only stream cover `bytes` exactly, without overlap, and returns their text.
    pub(crate) fn tiled_text(&self, bytes: usize) -> String {
        let mut chunks = self.chunks();
        chunks.sort_by_key(|chunk| chunk.offset);
        chunks.dedup_by(|a, b| (a.offset, a.length, &a.text) == (b.offset, b.length, &b.text));
        let mut end = 0;
        let mut text = String::new();
        for chunk in &chunks {
            assert_eq!(chunk.offset, end, "a hole or an overlap");
            assert_eq!(chunk.stream, chunks[0].stream);
            end += chunk.length;
            assert_eq!(
                chunk.open,
                end == bytes as u64,
                "only the end of the file is open"
            );
            text += &chunk.text;
        }
        assert_eq!(end, bytes as u64);
        text
    }
}

impl ChunkSink for MemorySink {
    async fn store(&self, chunks: Vec<Chunk>, _pace: Pace) -> Result<(), SinkError> {
        loop {
            let released = self.0.2.notified();
            tokio::pin!(released);
            released.as_mut().enable();
            let held = self.with(|state| {
                state.waiting += usize::from(state.held);
                state.held
            });
            if !held {
                break;
            }
            self.0.1.notify_all();
            released.await;
            self.with(|state| state.waiting -= 1);
        }
        self.with(|state| match state.errors.pop_front() {
            Some(error) => Err(error),
            None => {
                state.chunks.extend(chunks);
                Ok(())
            }
        })
    }
}

impl Offsets for MemorySink {
    async fn next_offset(
        &self,
        owner: &Owner,
        _: Source,
        stream: StreamId,
    ) -> Result<u64, SinkError> {
        self.with(|state| match state.away {
            true => Err(SinkError::Unavailable("the store is away".to_owned())),
            false => Ok(state
                .next_offsets
                .get(&(owner.endpoint.clone(), stream))
                .copied()
                .unwrap_or(0)),
        })
    }

    async fn imported(
        &self,
        owner: &Owner,
        digest: FileDigest,
    ) -> Result<Option<Imported>, SinkError> {
        self.with(|state| match state.away {
            true => Err(SinkError::Unavailable("the store is away".to_owned())),
            false => Ok(state
                .imports
                .iter()
                .find(|import| import.owner == *owner && import.digest == digest)
                .map(|import| Imported {
                    stream: import.stream,
                    bytes: import.bytes,
                })),
        })
    }

    async fn record_import(&self, import: Import) -> Result<(), SinkError> {
        self.with(|state| state.imports.push(import));
        Ok(())
    }
}

/// An intake on a port of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) sink: MemorySink,
    pub(crate) shutdown: CancellationToken,
    runtime: Option<tokio::runtime::Runtime>,
    served: Option<tokio::task::JoinHandle<std::io::Result<()>>>,
}

impl Server {
    pub(crate) fn start(config: Config) -> Self {
        Self::with_tls(config, None)
    }

    pub(crate) fn with_tls(config: Config, tls: Option<serve::Tls>) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        let sink = MemorySink::default();
        let tokens = Tokens::default()
            .with_relay(RELAY)
            .with_endpoint(ENDPOINT_TOKEN);
        let callers = Callers {
            keyring: Keyring::new(tokens),
            desk: None,
        };
        let router = ingest::router(sink.clone(), sink.clone(), callers, &config);
        let shutdown = CancellationToken::new();
        let listener = runtime
            .block_on(async { serve::listen(SocketAddr::from(([127, 0, 0, 1], 0))) })
            .unwrap();
        let address = listener.local_addr().unwrap();
        let (stop, serving) = (shutdown.clone(), config.serving(&config.admission(), tls));
        let service = TowerToHyperService::new(router);
        let served =
            runtime.spawn(async move { serve::serve(listener, service, &serving, stop).await });
        Self {
            address,
            sink,
            shutdown,
            runtime: Some(runtime),
            served: Some(served),
        }
    }

    /// Returns when the server has ended after `shutdown`.
    pub(crate) fn wait_for_end(&mut self) {
        let (runtime, served) = (self.runtime.as_ref().unwrap(), self.served.take().unwrap());
        runtime
            .block_on(async { tokio::time::timeout(DEADLINE, served).await })
            .unwrap()
            .unwrap()
            .unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shutdown.cancel();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// A request to be written as bytes, so that wrong ones can be made too.
#[derive(Clone)]
pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self {
            line: format!("{method} {target} HTTP/1.1"),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A PUT of the stream 1 of the endpoint PC-0001.
    pub(crate) fn put(query: &str, body: impl Into<Vec<u8>>) -> Self {
        let request = Self::new("PUT", &format!("/v1/streams/cbs/0000000000000001?{query}"));
        Self {
            body: body.into(),
            ..request.header("authorization", &format!("Bearer {ENDPOINT_TOKEN}"))
        }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers
            .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self
    }

    /// With a digest of the body as it is now.
    pub(crate) fn digest(self) -> Self {
        let digest = format!(
            "sha-256=:{}:",
            BASE64_STANDARD.encode(Sha256::digest(&self.body))
        );
        self.header("content-digest", &digest)
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = format!("{}\r\nhost: test\r\nconnection: close\r\n", self.line);
        let has_length =
            |(name, _): &(String, String)| name == "content-length" || name == "transfer-encoding";
        if !self.headers.iter().any(has_length) {
            bytes += &format!("content-length: {}\r\n", self.body.len());
        }
        for (name, value) in &self.headers {
            bytes += &format!("{name}: {value}\r\n");
        }
        bytes += "\r\n";
        [bytes.into_bytes(), self.body.clone()].concat()
    }

    pub(crate) fn start(&self, address: SocketAddr) -> TcpStream {
        let mut stream = connect(address);
        // A refused body may be cut off while it is written; the answer counts.
        let _ = stream.write_all(&self.bytes());
        stream
    }

    pub(crate) fn send(&self, address: SocketAddr) -> Answer {
        read_answer(&mut self.start(address)).expect("an answer")
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(DEADLINE)).unwrap();
    stream.set_write_timeout(Some(DEADLINE)).unwrap();
    stream
}

/// Reads until the end of the connection; nothing when it ended without a byte.
pub(crate) fn read_answer(stream: &mut TcpStream) -> Option<Answer> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            // The server closed with unread bytes of ours; what it said before stands.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) => panic!("no end of the answer: {error}"),
        }
    }
    if bytes.is_empty() {
        return None;
    }
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Some(Answer {
        status,
        head: head.to_owned(),
        body: body.to_owned(),
    })
}
