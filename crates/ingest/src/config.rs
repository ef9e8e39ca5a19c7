//! The intake's settings and their checks.

use event::KnownEndpoint;
use event::upload::{CHUNK_MAX, CHUNK_MIN};
use serde::{Deserialize, Serialize};
use serve::{Admission, Limits, Serving, Tls, TlsFiles};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

/// The table `[ingest]` as written; [`Config::check`] turns it into checked values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Address of the intake.
    pub listen: String,
    /// PEM file of the certificate, or empty.
    pub tls_cert: String,
    /// PEM file of its key, or empty.
    pub tls_key: String,
    /// PEM file of the CAs of clients that have certificates in place of tokens, or empty.
    pub client_ca: String,
    /// File of tokens, or empty.
    pub tokens_file: String,
    /// What becomes of a known endpoint that enrols with another secret.
    pub enroll_known: String,
    /// Enrolments a second of one fleet token.
    pub enroll_rate: u32,
    /// Tokens of machines that enrolled and are good, at most.
    pub enroll_max: u64,
    /// Largest body, as sent and as decoded.
    pub body_max: String,
    /// Bodies in memory at once, counted as decoded and doubled for their text.
    pub in_flight_max: String,
    /// Largest wished size of a chunk.
    pub chunk_max: String,
    /// Connections at once, over all addresses of the process but the engine's.
    pub connections_max: u32,
    /// Connections of one address at once that have shown no good token, and of one token.
    pub address_connections_max: u32,
    /// Requests of one endpoint at once.
    pub endpoint_requests_max: u32,
    /// A request's head must be complete by then; idle connections end by it too.
    pub head_timeout: String,
    /// Slowest body, per second, once `body_grace` is over.
    pub body_rate_min: String,
    /// A body may take this long before its rate counts.
    pub body_grace: String,
    /// Longest wait for room in `in_flight_max`.
    pub queue_timeout: String,
    /// Longest wait for the store or the broker.
    pub ack_timeout: String,
    /// Requests under way may finish for so long after a stop.
    pub shutdown_grace: String,
}

impl Default for RawConfig {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:7070".to_owned(),
            tls_cert: String::new(),
            tls_key: String::new(),
            client_ca: String::new(),
            tokens_file: String::new(),
            enroll_known: KnownEndpoint::default().name().to_owned(),
            // A mass installation of 10,000 PCs takes a minute; a fleet token that got lost fills no disk before somebody looks. A guess.
            enroll_rate: 200,
            // The largest sites several times over, and memory for it: some 400 bytes a token (reckoned) in each role. A fleet token that got lost
            // ends there.
            enroll_max: 500_000,
            // Four of the senders' bodies of 4 MiB; the longest record must fit.
            body_max: "16 MiB".to_owned(),
            // Eight bodies of 4 MiB, which keeps an engine that takes 150 MB/s busy.
            in_flight_max: "64 MiB".to_owned(),
            chunk_max: "256 KiB".to_owned(),
            // Half of the usual limit of 1,024 open files.
            connections_max: 512,
            // A quarter of them; a browser opens six, a site's proxy or NAT shakes hands with some tens at once. A guess.
            address_connections_max: 128,
            // `send` uses four.
            endpoint_requests_max: 8,
            // RELIABILITY: slow heads and bodies must not hold a connection.
            head_timeout: "10s".to_owned(),
            body_rate_min: "1 KiB".to_owned(),
            // One lost packet is no offence. A guess.
            body_grace: "10s".to_owned(),
            queue_timeout: "10s".to_owned(),
            // Below the two minutes after which a producer gives a message up.
            ack_timeout: "30s".to_owned(),
            shutdown_grace: "10s".to_owned(),
        }
    }
}

/// Checked settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// Address of the intake.
    pub listen: SocketAddr,
    /// Certificate and key; without them the intake speaks plain HTTP.
    pub tls: Option<TlsFiles>,
    /// File of tokens.
    pub tokens_file: Option<PathBuf>,
    /// What becomes of a known endpoint that enrols with another secret.
    pub enroll_known: KnownEndpoint,
    /// Enrolments a second of one fleet token.
    pub enroll_rate: u32,
    /// Tokens of machines that enrolled and are good, at most.
    pub enroll_max: u64,
    /// Largest body in bytes.
    pub body_max: usize,
    /// Bytes of bodies in memory.
    pub in_flight_max: usize,
    /// Largest wished size of a chunk in bytes.
    pub chunk_max: usize,
    /// Connections at once, over all addresses of the process but the engine's.
    pub connections_max: usize,
    /// Connections of one address at once that have shown no good token, and of one token.
    pub address_connections_max: usize,
    /// Requests of one endpoint at once.
    pub endpoint_requests_max: usize,
    /// A request's head must be complete by then.
    pub head_timeout: Duration,
    /// Slowest body in bytes per second.
    pub body_rate_min: usize,
    /// Time before that rate counts.
    pub body_grace: Duration,
    /// Longest wait for room.
    pub queue_timeout: Duration,
    /// Longest wait for the sink.
    pub ack_timeout: Duration,
    /// Time for requests under way after a stop.
    pub shutdown_grace: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self::check(&RawConfig::default()).expect("the defaults are checked by a test")
    }
}

impl Config {
    /// Checks everything and tells all problems at once, each with its key and what is allowed.
    pub fn check(raw: &RawConfig) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, value: &dyn std::fmt::Debug, allowed: &str| {
            problems.push(format!(
                "`ingest.{key}` is {value:?}, but must be {allowed}"
            ));
        };
        let mut size =
            |key: &str, text: &str, min: usize, max: usize, allowed: &str| match size_of(text) {
                Some(bytes) if (min..=max).contains(&bytes) => bytes,
                _ => {
                    problem(key, &text, allowed);
                    max
                }
            };
        let body_max = size(
            "body_max",
            &raw.body_max,
            1 << 20,
            1 << 30,
            "a size like \"16 MiB\", from 1 MiB to 1 GiB",
        );
        // Twice the largest body that may be allowed, and half of that for others: a guess.
        let in_flight_max = size(
            "in_flight_max",
            &raw.in_flight_max,
            1 << 20,
            3 << 30,
            "a size like \"64 MiB\", from 1 MiB to 3 GiB",
        );
        let chunk_max = size(
            "chunk_max",
            &raw.chunk_max,
            CHUNK_MIN,
            CHUNK_MAX,
            "a size from \"4 KiB\" to \"256 KiB\"",
        );
        let body_rate_min = size(
            "body_rate_min",
            &raw.body_rate_min,
            1,
            1 << 30,
            "a size per second like \"1 KiB\", not zero",
        );
        let mut time = |key: &str, text: &str| match quantity::time(text) {
            Some(duration) if !duration.is_zero() && duration <= Duration::from_secs(3600) => {
                duration
            }
            _ => {
                problem(
                    key,
                    &text,
                    "a time like \"10s\" or \"500ms\", above zero and at most an hour",
                );
                Duration::ZERO
            }
        };
        let head_timeout = time("head_timeout", &raw.head_timeout);
        let body_grace = time("body_grace", &raw.body_grace);
        let queue_timeout = time("queue_timeout", &raw.queue_timeout);
        let ack_timeout = time("ack_timeout", &raw.ack_timeout);
        let shutdown_grace = time("shutdown_grace", &raw.shutdown_grace);
        for (key, value) in [
            ("connections_max", raw.connections_max),
            ("address_connections_max", raw.address_connections_max),
            ("endpoint_requests_max", raw.endpoint_requests_max),
            ("enroll_rate", raw.enroll_rate),
        ] {
            if !(1..=100_000).contains(&value) {
                problem(key, &value, "from 1 to 100000");
            }
        }
        if !(1..=10_000_000).contains(&raw.enroll_max) {
            problem("enroll_max", &raw.enroll_max, "from 1 to 10000000");
        }
        let listen = raw.listen.parse().unwrap_or_else(|_| {
            problem(
                "listen",
                &raw.listen,
                "an address and a port like \"127.0.0.1:7070\"",
            );
            SocketAddr::from(([127, 0, 0, 1], 0))
        });
        let enroll_known = KnownEndpoint::from_name(&raw.enroll_known).unwrap_or_else(|| {
            problem(
                "enroll_known",
                &raw.enroll_known,
                "\"approve\", \"replace\" or \"refuse\"",
            );
            KnownEndpoint::default()
        });
        let client_ca = (!raw.client_ca.is_empty()).then(|| PathBuf::from(&raw.client_ca));
        let tls = match TlsFiles::check("ingest", &raw.tls_cert, &raw.tls_key) {
            Ok(Some(files)) => Some(TlsFiles { client_ca, ..files }),
            Ok(None) => {
                if client_ca.is_some() {
                    problems.push(
                        "`ingest.client_ca` needs `ingest.tls_cert` and `ingest.tls_key`: certificates are shown over TLS alone"
                            .to_owned(),
                    );
                }
                None
            }
            Err(error) => {
                problems.push(error);
                None
            }
        };
        if problems.is_empty() && in_flight_max < 2 * body_max {
            problems.push(format!(
                "`ingest.in_flight_max` is {:?}, but must be at least twice `ingest.body_max` ({:?})",
                raw.in_flight_max, raw.body_max
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(Self {
            listen,
            tls,
            tokens_file: (!raw.tokens_file.is_empty()).then(|| PathBuf::from(&raw.tokens_file)),
            enroll_known,
            enroll_rate: raw.enroll_rate,
            enroll_max: raw.enroll_max,
            body_max,
            in_flight_max,
            chunk_max,
            connections_max: raw.connections_max as usize,
            address_connections_max: raw.address_connections_max as usize,
            endpoint_requests_max: raw.endpoint_requests_max as usize,
            head_timeout,
            body_rate_min,
            body_grace,
            queue_timeout,
            ack_timeout,
            shutdown_grace,
        })
    }
}

impl Config {
    /// Who may hold a connection; shared by all addresses of a process.
    pub fn admission(&self) -> Admission {
        Admission::new(Limits {
            connections_max: self.connections_max,
            address_max: self.address_connections_max,
            // A request that has shown no token has as much time as its head had.
            patience: self.head_timeout,
        })
    }

    /// The limits of an address, with the certificate it is given.
    pub fn serving(&self, admission: &Admission, tls: Option<Tls>) -> Serving {
        Serving {
            admission: admission.clone(),
            head_timeout: self.head_timeout,
            shutdown_grace: self.shutdown_grace,
            tls,
        }
    }
}

fn size_of(text: &str) -> Option<usize> {
    usize::try_from(quantity::size(text)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass() {
        let config = Config::default();
        assert_eq!(config.body_max, 16 * 1024 * 1024);
        assert_eq!(config.head_timeout, Duration::from_secs(10));
        assert!(config.listen.ip().is_loopback());
    }

    #[test]
    fn all_problems_are_told_at_once_each_with_its_key() {
        let raw = RawConfig {
            listen: "localhost".to_owned(),
            body_max: "16 MB".to_owned(),
            chunk_max: "1 MiB".to_owned(),
            connections_max: 0,
            enroll_known: "ask".to_owned(),
            enroll_max: 0,
            head_timeout: "10".to_owned(),
            ack_timeout: "0s".to_owned(),
            body_rate_min: "0 B".to_owned(),
            ..RawConfig::default()
        };
        let problems = Config::check(&raw).unwrap_err();
        for key in [
            "listen",
            "body_max",
            "chunk_max",
            "connections_max",
            "enroll_known",
            "enroll_max",
            "head_timeout",
            "ack_timeout",
            "body_rate_min",
        ] {
            assert_eq!(
                problems
                    .iter()
                    .filter(|problem| problem.starts_with(&format!("`ingest.{key}`")))
                    .count(),
                1,
                "{key}"
            );
        }
        assert_eq!(problems.len(), 9, "{problems:?}");
    }

    #[test]
    fn the_budget_must_hold_one_body() {
        let raw = RawConfig {
            in_flight_max: "16 MiB".to_owned(),
            ..RawConfig::default()
        };
        assert!(Config::check(&raw).unwrap_err()[0].contains("twice `ingest.body_max`"));
    }
}
