//! One intake over HTTP: requests, their retries, and what an answer means.

use crate::trust::{hint, trusted};
use crate::{Part, Progress, SendError, SendOptions};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::Source;
use event::upload::{
    CHUNK_MAX, CHUNK_MIN, ENDPOINT_HEADER, FILE_DIGEST_HEADER, FILE_SIZE_HEADER, FileDigest,
};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use ureq::http::{Response, StatusCode, Uri};

/// First wait after a failure; doubles with each, up to [`WAIT_MAX`].
const WAIT_MIN: Duration = Duration::from_millis(100);

/// Longest wait of our own choosing; an intake that is back should not stand idle for longer.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Longest wait that an intake may ask for: what it says of itself when its disk is full, doubled by chance. Who asks for more is asked
/// again then, as long as patience lasts.
const ASKED_MAX: Duration = Duration::from_secs(60);

/// Patience before the first answer ever: a wrong address should not take minutes to say so.
const FIRST_CONTACT: Duration = Duration::from_secs(5);

/// The intake waits at most 10 s for room and 30 s for its store, twice for the last body of a file; then some.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(90);

/// A body of this size and more asks before it is sent, so that a refusal is read rather than a broken connection.
const ASK_BYTES: usize = 64 * 1024;

/// The intake refuses bodies that grow more than a hundredfold; those are sent as they are.
const RATIO_MAX: usize = 90;

/// Speaks to one intake for one endpoint.
pub(crate) struct Client {
    agent: ureq::Agent,
    base: String,
    /// None where the connection's certificate speaks.
    authorization: Option<String>,
    endpoint: Option<String>,
    compress: bool,
    chunk_bytes: usize,
    patience: Duration,
    busy_patience: Option<Duration>,
    /// An answer of any kind has come, whatever the endpoint.
    answered: Arc<AtomicBool>,
}

impl Client {
    /// The same intake over the same connections, for another endpoint.
    pub(crate) fn for_endpoint(&self, endpoint: &str) -> Self {
        Self {
            agent: self.agent.clone(),
            base: self.base.clone(),
            authorization: self.authorization.clone(),
            endpoint: Some(endpoint.to_owned()),
            compress: self.compress,
            chunk_bytes: self.chunk_bytes,
            patience: self.patience,
            busy_patience: self.busy_patience,
            answered: Arc::clone(&self.answered),
        }
    }

    /// Asks once for a token of this machine's own; the status and the intake's words.
    pub(crate) fn enrol(&self, body: &str) -> Result<(u16, String), ClientError> {
        let url = format!("{}/v1/enroll", self.base);
        let request = self
            .authorized(self.agent.post(&url))
            .header("content-type", "application/json");
        self.answer_of(request.send(body), &[StatusCode::OK, StatusCode::ACCEPTED])
            .and_then(|mut response| {
                let status = response.status().as_u16();
                let text = response
                    .body_mut()
                    .with_config()
                    .limit(64 * 1024)
                    .read_to_string()
                    .map_err(|error| self.transport(&error))?;
                Ok((status, text))
            })
    }
}

impl Client {
    /// Tells once what is lost; the intake keeps it, or says why not.
    pub(crate) fn tell_gaps(&self, body: &str) -> Result<(), ClientError> {
        let request = self
            .with_caller(self.agent.put(format!("{}/v1/gaps", self.base)))
            .header("content-type", "application/json");
        self.answer_of(request.send(body), &[StatusCode::OK])
            .map(drop)
    }
}

/// A request that did not do what it should.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// No answer.
    #[error("no answer from {url}: {error}")]
    Transport {
        /// Of the intake.
        url: String,
        /// What happened.
        error: String,
    },
    /// Nobody whom we trust is there.
    #[error("cannot speak TLS with {url}: {error}\nhint: {hint}")]
    Untrusted {
        /// Of the intake.
        url: String,
        /// What happened.
        error: String,
        /// The way out.
        hint: &'static str,
    },
    /// An answer that says no.
    #[error("the intake answered {status}: {error}")]
    Status {
        /// HTTP status.
        status: u16,
        /// Its reason, with a hint on a line of its own where there is one.
        error: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
}

/// A part of a stream, as one body.
pub(crate) struct PutBody<'a> {
    pub(crate) part: Part<'a>,
    /// Digest and size of the file that ends with this body.
    pub(crate) file: Option<(FileDigest, u64)>,
}

impl ClientError {
    /// Whether the same request may go through later.
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            // Trust does not come by waiting.
            Self::Untrusted { .. } => false,
            // 422: the bytes changed under way.
            Self::Status { status, .. } => {
                matches!(status, 408 | 422 | 429 | 500 | 502 | 503 | 504 | 507)
            }
        }
    }

    /// Whether the intake is of a build that has no such address.
    pub fn is_of_the_build(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 404 | 405,
                ..
            }
        )
    }

    /// Whether the intake is away or has no room, whatever is sent.
    pub fn is_of_the_moment(&self) -> bool {
        match self {
            Self::Transport { .. } => true,
            Self::Untrusted { .. } => false,
            Self::Status { status, .. } => matches!(status, 429 | 503 | 507),
        }
    }

    /// Whether the intake takes other bodies, and not this one.
    pub fn is_of_the_body(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 400 | 411 | 413 | 415,
                ..
            }
        )
    }

    /// Whether the token is not good, or not yet.
    pub fn is_of_the_token(&self) -> bool {
        matches!(
            self,
            Self::Status {
                status: 401 | 403,
                ..
            }
        )
    }

    /// Whether every other file would end the same way.
    pub(crate) fn stops_everything(&self) -> bool {
        match self {
            Self::Transport { .. } | Self::Untrusted { .. } => true,
            Self::Status { status, .. } => {
                matches!(status, 401 | 403 | 404 | 429 | 503 | 507) || *status < 400
            }
        }
    }

    /// When an intake that says no wants to be asked again.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            Self::Transport { .. } | Self::Untrusted { .. } => None,
        }
    }
}

impl Client {
    /// Checks the address; sends nothing yet.
    pub(crate) fn new(options: &SendOptions) -> Result<Self, SendError> {
        if !(CHUNK_MIN..=CHUNK_MAX).contains(&options.chunk_bytes) {
            return Err(SendError::Options(format!(
                "a chunk must have {CHUNK_MIN} to {CHUNK_MAX} bytes"
            )));
        }
        let base = options.url.trim_end_matches('/').to_owned();
        let (loopback, https) = check_url(&base).map_err(SendError::Options)?;
        if !https && !loopback {
            return Err(SendError::Options(format!(
                "cannot send to `{base}`: token and logs would cross the network in the clear\nhint: use an https:// address"
            )));
        }
        let mut config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the token somewhere else.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_write(Some(Duration::from_secs(30)))
            .timeout_recv_response(Some(ANSWER_TIMEOUT))
            .timeout_recv_body(Some(Duration::from_secs(10)))
            // The intake ends idle connections after 10 s.
            .max_idle_age(Duration::from_secs(5));
        if loopback {
            config = config.proxy(None);
        }
        if https {
            let tls = trusted(options.ca.as_deref(), options.certificate.as_ref())
                .map_err(SendError::Options)?;
            config = config.tls_config(tls);
        } else if options.ca.is_some() || options.certificate.is_some() {
            return Err(SendError::Options(format!(
                "a CA or a certificate was named, but `{base}` is not asked over TLS\nhint: use an https:// address"
            )));
        }
        Ok(Self {
            agent: config.build().new_agent(),
            base,
            authorization: match options.token.trim() {
                "" => None,
                token => Some(format!("Bearer {token}")),
            },
            endpoint: options.endpoint.clone(),
            compress: options.compress.unwrap_or(!loopback),
            chunk_bytes: options.chunk_bytes,
            patience: options.patience,
            busy_patience: options.busy_patience,
            answered: Arc::default(),
        })
    }

    /// The size of the file of this digest that the intake has of this stream, where it has one.
    pub(crate) fn imported_bytes(
        &self,
        digest: FileDigest,
        source: Source,
        first_record: u64,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<Option<u64>, ClientError> {
        let url = format!("{}/v1/imports/{digest}", self.base);
        self.patiently(progress, || {
            let request = self
                .with_caller(self.agent.head(&url))
                .query("source", source.name())
                .query("stream", format!("{first_record:016x}"));
            match self.answer(request.call()) {
                // One that names no size does not say which file it means.
                Ok(response) => Ok(response
                    .headers()
                    .get(FILE_SIZE_HEADER)
                    .and_then(|value| value.to_str().ok()?.parse().ok())),
                Err(ClientError::Status { status: 404, .. }) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }

    /// Sends a body until it is acknowledged.
    pub(crate) fn put(
        &self,
        body: &PutBody<'_>,
        progress: &(dyn Fn(Progress<'_>) + Sync),
    ) -> Result<(), ClientError> {
        let part = &body.part;
        let url = format!(
            "{}/v1/streams/{}/{:016x}",
            self.base,
            part.source.name(),
            part.first_record
        );
        let (coding, content) = self.content(part.bytes);
        let digest = format!(
            "sha-256=:{}:",
            BASE64_STANDARD.encode(Sha256::digest(&*content))
        );
        let end = part.offset + part.bytes.len() as u64;
        self.patiently(progress, || {
            let mut request = self
                .with_caller(self.agent.put(&url))
                .query("offset", part.offset.to_string())
                .query("length", part.bytes.len().to_string())
                .query("encoding", part.encoding.name())
                .query("format", part.format.name())
                .query("chunk", self.chunk_bytes.to_string())
                .query("path", short(part.path))
                .header("content-digest", &digest);
            if part.open {
                request = request.query("open", "1");
            }
            if let Some(coding) = coding {
                request = request.header("content-encoding", coding);
            }
            if let Some((digest, bytes)) = body.file {
                request = request
                    .header(FILE_DIGEST_HEADER, digest.to_string())
                    .header(FILE_SIZE_HEADER, bytes.to_string());
            }
            if content.len() >= ASK_BYTES {
                request = request.header("expect", "100-continue");
            }
            let mut response = self.answer(request.send(&*content))?;
            // Only this answer is an acknowledgement: anything else, from a proxy say, is not.
            let text = response
                .body_mut()
                .read_to_string()
                .map_err(|error| self.transport(&error))?;
            match serde_json::from_str::<Acknowledged>(&text) {
                Ok(acknowledged) if acknowledged.next_offset == end => Ok(()),
                _ => Err(self.transport(&"an answer that acknowledges nothing")),
            }
        })
    }

    fn authorized<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        match &self.authorization {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    fn with_caller<B>(&self, request: ureq::RequestBuilder<B>) -> ureq::RequestBuilder<B> {
        let request = self.authorized(request);
        match &self.endpoint {
            Some(endpoint) => request.header(ENDPOINT_HEADER, endpoint),
            None => request,
        }
    }

    fn content<'a>(&self, bytes: &'a [u8]) -> (Option<&'static str>, Cow<'a, [u8]>) {
        if self.compress
            // Level 1: logs shrink thirtyfold already, and higher levels cost more than the network gains.
            && let Ok(small) = zstd::bulk::compress(bytes, 1)
            && small.len() * RATIO_MAX > bytes.len()
        {
            return (Some("zstd"), Cow::Owned(small));
        }
        (None, Cow::Borrowed(bytes))
    }

    fn answer(
        &self,
        result: Result<Response<ureq::Body>, ureq::Error>,
    ) -> Result<Response<ureq::Body>, ClientError> {
        self.answer_of(result, &[StatusCode::OK])
    }

    /// An answer of one of the statuses that are good.
    fn answer_of(
        &self,
        result: Result<Response<ureq::Body>, ureq::Error>,
        good: &[StatusCode],
    ) -> Result<Response<ureq::Body>, ClientError> {
        let mut response = result.map_err(|error| match hint(&error) {
            Some(hint) => ClientError::Untrusted {
                url: self.base.clone(),
                error: error.to_string(),
                hint,
            },
            None => self.transport(&error),
        })?;
        self.answered.store(true, Ordering::Relaxed);
        let status = response.status();
        if good.contains(&status) {
            return Ok(response);
        }
        let retry_after = response
            .headers()
            .get("retry-after")
            .and_then(|value| asked_wait(value.to_str().ok()?));
        let text = response
            .body_mut()
            .with_config()
            .limit(64 * 1024)
            .read_to_string()
            .unwrap_or_default();
        let error = match serde_json::from_str(&text) {
            Ok(Reason {
                error,
                hint: Some(hint),
            }) => format!("{error}\nhint: {hint}"),
            Ok(Reason { error, hint: None }) => error,
            // Not our intake's words; the status has to do.
            Err(_) => status
                .canonical_reason()
                .unwrap_or("unknown status")
                .to_owned(),
        };
        Err(ClientError::Status {
            status: status.as_u16(),
            error,
            retry_after,
        })
    }

    fn transport(&self, error: &dyn std::fmt::Display) -> ClientError {
        ClientError::Transport {
            url: self.base.clone(),
            error: error.to_string(),
        }
    }

    /// Repeats what may go through later, with growing waits, until patience ends.
    fn patiently<T>(
        &self,
        progress: &(dyn Fn(Progress<'_>) + Sync),
        mut request: impl FnMut() -> Result<T, ClientError>,
    ) -> Result<T, ClientError> {
        let start = Instant::now();
        let mut wait = WAIT_MIN;
        loop {
            let error = match request() {
                Ok(value) => return Ok(value),
                Err(error) if error.is_retryable() => error,
                Err(error) => return Err(error),
            };
            let pause = pause(wait, error.retry_after(), random());
            let answered = self.answered.load(Ordering::Relaxed);
            let patience = match self.busy_patience {
                _ if !answered => self.patience.min(FIRST_CONTACT),
                Some(patience) if error.is_of_the_moment() => patience,
                _ => self.patience,
            };
            if start.elapsed() + pause > patience {
                return Err(error);
            }
            progress(Progress::Waiting {
                error: &error,
                wait: pause,
            });
            std::thread::sleep(pause);
            wait = (wait * 2).min(WAIT_MAX);
        }
    }
}

/// What `Retry-After` asks for, within [`ASKED_MAX`]: whole seconds, however many digits they have. Anything else, a date or a negative
/// number, asks for nothing, and we wait as long as we would without it.
fn asked_wait(header: &str) -> Option<Duration> {
    let digits = header.trim();
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = digits.parse().unwrap_or(u64::MAX);
    Some(Duration::from_secs(seconds).min(ASKED_MAX))
}

/// How long to wait: half of our own wait by chance, and never less than was asked, with up to a quarter more; so that senders that
/// failed together do not come back together. `chance` is from 0 to 1.
fn pause(own: Duration, asked: Option<Duration>, chance: f64) -> Duration {
    let own = own.mul_f64((1.0 + chance) / 2.0);
    asked.map_or(own, |asked| asked.mul_f64(1.0 + chance / 4.0).max(own))
}

pub(crate) fn random() -> f64 {
    f64::from(RandomState::new().hash_one(0) as u32) / f64::from(u32::MAX)
}

#[derive(Deserialize)]
struct Acknowledged {
    next_offset: u64,
}

#[derive(Deserialize)]
struct Reason {
    error: String,
    hint: Option<String>,
}

/// Whether the host is loopback and whether the scheme is https.
fn check_url(url: &str) -> Result<(bool, bool), String> {
    let uri: Uri = url
        .parse()
        .map_err(|error| format!("`{url}` is no address: {error}"))?;
    let https = match uri.scheme_str() {
        Some("http") => false,
        Some("https") => true,
        _ => {
            return Err(format!(
                "`{url}` is no address\nhint: it starts with http:// or https://"
            ));
        }
    };
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let loopback = host.eq_ignore_ascii_case("localhost")
        || host
            .parse::<IpAddr>()
            .is_ok_and(|ip| ip.to_canonical().is_loopback());
    Ok((loopback, https))
}

/// The intake keeps 1 KiB of a path; more would only make its head too large.
pub(crate) fn short(path: &str) -> &str {
    &path[..path.floor_char_boundary(1024)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> SendOptions {
        SendOptions::new(url, "made-up")
    }

    #[test]
    fn tokens_stay_off_the_open_network() {
        for good in [
            "http://127.0.0.1:7070",
            "http://localhost:7070/",
            "http://[::1]:7070",
            "https://intake.example",
        ] {
            assert!(Client::new(&options(good)).is_ok(), "{good}");
        }
        for bad in [
            "http://10.0.0.1:7070",
            "http://intake.example",
            "ftp://127.0.0.1",
            "127.0.0.1:7070",
            "",
        ] {
            assert!(Client::new(&options(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn only_what_shrinks_within_the_intakes_ratio_is_compressed() {
        let client = Client::new(&SendOptions {
            compress: Some(true),
            ..options("http://127.0.0.1:1")
        })
        .unwrap();
        let mixed: Vec<u8> = (0..100_000u32)
            .flat_map(|number| format!("line {number}\r\n").into_bytes())
            .collect();
        assert_eq!(client.content(&mixed).0, Some("zstd"));
        assert_eq!(client.content(&vec![b'x'; 4 << 20]).0, None);
    }

    #[test]
    fn what_an_intake_asks_for_is_obeyed_within_bounds() {
        let seconds = |header| asked_wait(header).map(|wait| wait.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 7 "), Some(7));
        for huge in ["61", "99999999999999", "99999999999999999999999999999999"] {
            assert_eq!(seconds(huge), Some(ASKED_MAX.as_secs()), "{huge}");
        }
        for nothing in [
            "",
            "-5",
            "+5",
            "5.5",
            "1e9",
            "soon",
            "Wed, 21 Oct 2026 07:28:00 GMT",
            "٣",
        ] {
            assert_eq!(seconds(nothing), None, "{nothing}");
        }
        let second = Duration::from_secs(1);
        for chance in [0.0, 0.5, 1.0] {
            assert!((second / 2..=second).contains(&pause(second, None, chance)));
            assert!((second / 2..=second).contains(&pause(second, Some(Duration::ZERO), chance)));
            let asked = pause(second, Some(ASKED_MAX), chance);
            assert!((ASKED_MAX..=ASKED_MAX * 5 / 4).contains(&asked));
        }
        assert!((0.0..=1.0).contains(&random()));
    }

    #[test]
    fn what_may_pass_is_tried_again_and_what_may_not_is_told() {
        let status = |status| ClientError::Status {
            status,
            error: String::new(),
            retry_after: None,
        };
        for (code, retry, stop) in [
            (400, false, false),
            (401, false, true),
            (403, false, true),
            (413, false, false),
            (422, true, false),
            (429, true, true),
            (503, true, true),
            (507, true, true),
        ] {
            assert_eq!(
                (status(code).is_retryable(), status(code).stops_everything()),
                (retry, stop),
                "{code}"
            );
        }
    }
}
