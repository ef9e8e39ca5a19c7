//! The settings of Kafka and their checks.

use rdkafka::ClientConfig;
use serde::{Deserialize, Serialize};
use std::{fmt, fs, path::PathBuf, time::Duration};

/// The table `[queue]` as written; [`Config::check`] turns it into checked values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RawConfig {
    /// Brokers to ask first, `host:port`, comma between them.
    pub brokers: String,
    /// What brokers call us in their logs and quotas.
    pub client_id: String,
    /// Consumer group of the pipelines.
    pub group: String,
    /// `classic` (cooperative-sticky), or `consumer` (KIP-848, brokers of 4.0 or newer).
    pub group_protocol: String,
    /// Topic of chunks.
    pub chunks_topic: String,
    /// Topic of dead letters.
    pub dead_letters_topic: String,
    /// Make topics that are missing; else they are only checked.
    pub create_topics: bool,
    /// Partitions of a topic that is made; more can be added at any time.
    pub partitions: u32,
    /// Copies of each partition of a topic that is made. From 3 on, two of them acknowledge.
    pub replication_factor: u32,
    /// How long chunks are kept: the time in which a pipeline may be away.
    pub retention: String,
    /// How long dead letters are kept in their topic; the table keeps them longer.
    pub dead_letters_retention: String,
    /// Largest record.
    pub message_max: String,
    /// `zstd`, `lz4` or `none`.
    pub compression: String,
    /// A producer waits this long for more records of a batch.
    pub linger: String,
    /// A record that is not acknowledged by then is given up, and its sender hears so.
    pub message_timeout: String,
    /// Bytes that are sent and not yet acknowledged.
    pub queue_max: String,
    /// Longest wait for room in `queue_max`.
    pub queue_wait: String,
    /// Bytes handed out by a consumer and not yet acknowledged; beyond it partitions are paused.
    pub in_flight_max: String,
    /// Bytes that a consumer fetches ahead.
    pub prefetch_max: String,
    /// A consumer that is silent for so long loses its partitions. Of `classic` only; `consumer` has it from the broker.
    pub session_timeout: String,
    /// Offsets are committed at most this often.
    pub commit_interval: String,
    /// When partitions are taken away, what is in flight is awaited for so long.
    pub revoke_wait: String,
    /// Topics are looked at this often for partitions that were added.
    pub metadata_refresh: String,
    /// Encrypt.
    pub tls: bool,
    /// Certificates of the authorities to believe, PEM; empty = the system's.
    pub tls_ca_file: String,
    /// Our certificate, PEM; empty = none.
    pub tls_certificate_file: String,
    /// Its key, PEM.
    pub tls_key_file: String,
    /// `PLAIN`, `SCRAM-SHA-256`, `SCRAM-SHA-512`, or empty for none.
    pub sasl_mechanism: String,
    /// Who we are.
    pub sasl_user: String,
    /// File with the password in its first line.
    pub sasl_password_file: String,
    /// Allow brokers beyond this machine without TLS: log text then crosses the network in the clear.
    pub allow_plaintext: bool,
}

impl Default for RawConfig {
    fn default() -> Self {
        let text = str::to_owned;
        Self {
            brokers: text("127.0.0.1:9092"),
            client_id: text("cbsift"),
            group: text("cbsift-pipeline"),
            group_protocol: text("classic"),
            chunks_topic: text("cbsift.chunks.v1"),
            dead_letters_topic: text("cbsift.dead_letters.v1"),
            create_topics: true,
            // Divides evenly among 1, 2, 3, 4, 6 and 12 pipelines.
            partitions: 12,
            // With three copies one broker may be lost and writing goes on.
            replication_factor: 3,
            // A week outlasts a long holiday weekend of a pipeline that stands still.
            retention: text("7d"),
            dead_letters_retention: text("30d"),
            // A chunk is at most 256 KiB of source bytes; as UTF-8 it may have three times that. A part of a dead letter has 512 KiB.
            message_max: text("1 MiB"),
            compression: text("zstd"),
            // Fills batches under load and is hardly felt by a live tail.
            linger: text("20ms"),
            // Longer than the intake's 30 s: a late acknowledgement only means a repeat, which folds.
            message_timeout: text("120s"),
            queue_max: text("64 MiB"),
            // Below the sender's own deadline of 30 s, as the pipeline's.
            queue_wait: text("5s"),
            // Four batches of the pipeline: two stored, two gathered.
            in_flight_max: text("64 MiB"),
            prefetch_max: text("32 MiB"),
            // The Java client's default.
            session_timeout: text("45s"),
            // What a crash reads again is a second of records.
            commit_interval: text("1s"),
            // Half of the shutdown's bound of 20 s; also far below the five minutes after which a silent consumer is put out.
            revoke_wait: text("10s"),
            // Adding partitions is rare, and until then what lies in them only waits. The library's five minutes would look like a loss.
            metadata_refresh: text("30s"),
            tls: false,
            tls_ca_file: String::new(),
            tls_certificate_file: String::new(),
            tls_key_file: String::new(),
            sasl_mechanism: String::new(),
            sasl_user: String::new(),
            sasl_password_file: String::new(),
            allow_plaintext: false,
        }
    }
}

/// Checked settings. Holds names of secret files, never a secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// Brokers to ask first, `host:port`, comma between them.
    pub brokers: String,
    /// What brokers call us.
    pub client_id: String,
    /// Consumer group.
    pub group: String,
    /// How the group shares partitions.
    pub group_protocol: GroupProtocol,
    /// Topic of chunks.
    pub chunks_topic: String,
    /// Topic of dead letters.
    pub dead_letters_topic: String,
    /// Make topics that are missing.
    pub create_topics: bool,
    /// Partitions of a topic that is made.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication_factor: i32,
    /// How long chunks are kept.
    pub retention: Duration,
    /// How long dead letters are kept.
    pub dead_letters_retention: Duration,
    /// Largest record in bytes.
    pub message_max: usize,
    /// What batches are packed with.
    pub compression: Compression,
    /// Wait for more records of a batch.
    pub linger: Duration,
    /// When a record is given up.
    pub message_timeout: Duration,
    /// Bytes sent and not acknowledged.
    pub queue_max: usize,
    /// Longest wait for room.
    pub queue_wait: Duration,
    /// Bytes handed out and not acknowledged.
    pub in_flight_max: usize,
    /// Bytes fetched ahead.
    pub prefetch_max: usize,
    /// Silence after which a consumer loses its partitions.
    pub session_timeout: Duration,
    /// Time between commits.
    pub commit_interval: Duration,
    /// Wait for what is in flight of partitions taken away.
    pub revoke_wait: Duration,
    /// Time between looks for added partitions.
    pub metadata_refresh: Duration,
    /// Encryption.
    pub tls: Option<Tls>,
    /// Who we are.
    pub sasl: Option<Sasl>,
}

/// How a consumer group shares partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupProtocol {
    /// The clients agree, cooperative-sticky: partitions that stay are never interrupted.
    Classic,
    /// KIP-848: the broker decides.
    Consumer,
}

/// What batches are packed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Smallest.
    Zstd,
    /// Cheapest.
    Lz4,
    /// Not at all.
    None,
}

impl Compression {
    fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::None => "none",
        }
    }
}

/// Files of an encrypted connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tls {
    /// Authorities to believe; none = the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

/// Who we are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sasl {
    /// Mechanism, as Kafka calls it.
    pub mechanism: String,
    /// User.
    pub user: String,
    /// File with the password in its first line; read when a client is made.
    pub password_file: PathBuf,
}

impl Default for Config {
    fn default() -> Self {
        Self::check(&RawConfig::default()).expect("the defaults are checked by a test")
    }
}

/// A client could not be made from the settings.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file with the password cannot be read.
    #[error(
        "cannot read the password file `{}`: {error}\nhint: `queue.sasl_password_file` names it; its owner is the user that runs cbsift", path.display()
    )]
    Password {
        /// Which file.
        path: PathBuf,
        /// Why not.
        error: std::io::Error,
    },
    /// Kafka's library refuses a setting.
    #[error("Kafka's client refuses its settings: {0}")]
    Refused(String),
}

impl Config {
    /// Checks everything and tells all problems at once, each with its key and what is allowed.
    pub fn check(raw: &RawConfig) -> Result<Self, Vec<String>> {
        let mut check = Check {
            problems: Vec::new(),
        };
        for (key, value) in [("brokers", &raw.brokers), ("client_id", &raw.client_id)] {
            check.that(
                key,
                value,
                !value.trim().is_empty(),
                "set; a broker is `host:port`",
            );
        }
        check.that(
            "group",
            &raw.group,
            is_name(&raw.group),
            "a name of letters, digits, `.`, `_` and `-`",
        );
        for (key, value) in [
            ("chunks_topic", &raw.chunks_topic),
            ("dead_letters_topic", &raw.dead_letters_topic),
        ] {
            check.that(
                key,
                value,
                is_name(value),
                "a name of letters, digits, `.`, `_` and `-`",
            );
        }
        check.that(
            "dead_letters_topic",
            &raw.dead_letters_topic,
            raw.dead_letters_topic != raw.chunks_topic,
            "another topic than `queue.chunks_topic`",
        );
        let group_protocol = match raw.group_protocol.as_str() {
            "consumer" => GroupProtocol::Consumer,
            other => {
                check.that(
                    "group_protocol",
                    &other,
                    other == "classic",
                    "\"classic\" or \"consumer\"",
                );
                GroupProtocol::Classic
            }
        };
        let compression = match raw.compression.as_str() {
            "lz4" => Compression::Lz4,
            "none" => Compression::None,
            other => {
                check.that(
                    "compression",
                    &other,
                    other == "zstd",
                    "\"zstd\", \"lz4\" or \"none\"",
                );
                Compression::Zstd
            }
        };
        let partitions = check.number("partitions", raw.partitions, 1, 10_000);
        let replication_factor = check.number("replication_factor", raw.replication_factor, 1, 100);
        let (second, day) = (Duration::from_secs(1), Duration::from_secs(86_400));
        let config = Self {
            brokers: raw.brokers.trim().to_owned(),
            client_id: raw.client_id.clone(),
            group: raw.group.clone(),
            group_protocol,
            chunks_topic: raw.chunks_topic.clone(),
            dead_letters_topic: raw.dead_letters_topic.clone(),
            create_topics: raw.create_topics,
            partitions,
            replication_factor,
            retention: check.time("retention", &raw.retention, second, 3650 * day),
            dead_letters_retention: check.time(
                "dead_letters_retention",
                &raw.dead_letters_retention,
                second,
                3650 * day,
            ),
            // A part of a dead letter and its headers must fit.
            message_max: check.size("message_max", &raw.message_max, 1 << 20, 64 << 20),
            compression,
            // Kafka's own bound is 15 minutes; more than seconds is a mistake.
            linger: check.time("linger", &raw.linger, Duration::ZERO, 10 * second),
            message_timeout: check.time(
                "message_timeout",
                &raw.message_timeout,
                second,
                3600 * second,
            ),
            queue_max: check.size("queue_max", &raw.queue_max, 1 << 20, 1 << 30),
            queue_wait: check.time("queue_wait", &raw.queue_wait, Duration::ZERO, 60 * second),
            in_flight_max: check.size("in_flight_max", &raw.in_flight_max, 1 << 20, 1 << 30),
            prefetch_max: check.size("prefetch_max", &raw.prefetch_max, 1 << 20, 1 << 30),
            session_timeout: check.time(
                "session_timeout",
                &raw.session_timeout,
                second,
                3600 * second,
            ),
            commit_interval: check.time(
                "commit_interval",
                &raw.commit_interval,
                Duration::from_millis(10),
                60 * second,
            ),
            revoke_wait: check.time("revoke_wait", &raw.revoke_wait, Duration::ZERO, 60 * second),
            metadata_refresh: check.time(
                "metadata_refresh",
                &raw.metadata_refresh,
                Duration::from_millis(100),
                3600 * second,
            ),
            tls: check.tls(raw),
            sasl: check.sasl(raw),
        };
        let is_local = raw
            .brokers
            .split(',')
            .all(|broker| is_loopback(broker.trim()));
        check.that(
            "tls",
            &raw.tls,
            raw.tls || is_local || raw.allow_plaintext,
            "true, because `queue.brokers` names another machine\nhint: on a network of its own, `queue.allow_plaintext = true` allows it",
        );
        if check.problems.is_empty() {
            Ok(config)
        } else {
            Err(check.problems)
        }
    }

    /// What every client of ours has in common.
    pub(crate) fn client(&self) -> Result<ClientConfig, ConfigError> {
        let mut client = ClientConfig::new();
        client
            .set("bootstrap.servers", &self.brokers)
            .set("client.id", &self.client_id)
            // A broker that comes back is found within a second, not after the default's ten.
            .set("reconnect.backoff.max.ms", "1000")
            .set(
                "topic.metadata.refresh.interval.ms",
                self.metadata_refresh.as_millis().to_string(),
            )
            // Idle connections are closed by brokers; that is no news.
            .set("log.connection.close", "false")
            .set(
                "security.protocol",
                match (&self.tls, &self.sasl) {
                    (None, None) => "plaintext",
                    (Some(_), None) => "ssl",
                    (None, Some(_)) => "sasl_plaintext",
                    (Some(_), Some(_)) => "sasl_ssl",
                },
            );
        if let Some(tls) = &self.tls {
            if let Some(file) = &tls.ca_file {
                client.set("ssl.ca.location", file.to_string_lossy());
            }
            if let Some((certificate, key)) = &tls.identity {
                client
                    .set("ssl.certificate.location", certificate.to_string_lossy())
                    .set("ssl.key.location", key.to_string_lossy());
            }
        }
        if let Some(sasl) = &self.sasl {
            client
                .set("sasl.mechanism", &sasl.mechanism)
                .set("sasl.username", &sasl.user)
                .set("sasl.password", sasl.password()?.0);
        }
        Ok(client)
    }

    /// The producer's settings on top.
    pub(crate) fn producer(&self) -> Result<ClientConfig, ConfigError> {
        let mut client = self.client()?;
        client
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("max.in.flight.requests.per.connection", "5")
            .set("compression.type", self.compression.name())
            .set("linger.ms", self.linger.as_millis().to_string())
            .set(
                "message.timeout.ms",
                self.message_timeout.as_millis().to_string(),
            )
            .set("message.max.bytes", self.message_max.to_string())
            // As Java producers do it, so that any producer puts an endpoint into the same partition.
            .set("partitioner", "murmur2_random")
            // Our own bound is `queue_max`; the library's only has to lie above it, headers included.
            .set(
                "queue.buffering.max.kbytes",
                (2 * self.queue_max / 1024 + 1024).to_string(),
            )
            // A record costs the library some 500 bytes besides its text: this is its bound for small ones.
            .set("queue.buffering.max.messages", "100000");
        Ok(client)
    }

    /// The consumer's settings on top.
    pub(crate) fn consumer(&self) -> Result<ClientConfig, ConfigError> {
        let mut client = self.client()?;
        client
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // Reached only where the log was cut since the start table was read; the consumer notices by the offset it gets.
            .set("auto.offset.reset", "earliest")
            .set(
                "queued.max.messages.kbytes",
                (self.prefetch_max / 1024).to_string(),
            )
            .set("fetch.message.max.bytes", self.message_max.to_string())
            // So that a broker whose partitions are all paused is asked at once after a resume.
            .set("fetch.wait.max.ms", "100")
            .set(
                "statistics.interval.ms",
                STATISTICS_INTERVAL.as_millis().to_string(),
            );
        match self.group_protocol {
            GroupProtocol::Classic => client
                .set("group.protocol", "classic")
                .set("partition.assignment.strategy", "cooperative-sticky")
                .set(
                    "session.timeout.ms",
                    self.session_timeout.as_millis().to_string(),
                )
                // A third, so that two lost heartbeats are survived.
                .set(
                    "heartbeat.interval.ms",
                    (self.session_timeout.as_millis() / 3)
                        .clamp(100, 3_000)
                        .to_string(),
                ),
            GroupProtocol::Consumer => client.set("group.protocol", "consumer"),
        };
        Ok(client)
    }
}

/// How old the end of a partition may be in what is told of the lag: it serves a graph, and each report costs a JSON text.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(2);

/// Prints as `***`.
struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Sasl {
    fn password(&self) -> Result<Secret, ConfigError> {
        let text =
            fs::read_to_string(&self.password_file).map_err(|error| ConfigError::Password {
                path: self.password_file.clone(),
                error,
            })?;
        Ok(Secret(text.lines().next().unwrap_or_default().to_owned()))
    }
}

struct Check {
    problems: Vec<String>,
}

impl Check {
    fn that(&mut self, key: &str, value: &dyn fmt::Debug, is_good: bool, allowed: &str) {
        if !is_good {
            self.problems
                .push(format!("`queue.{key}` is {value:?}, but must be {allowed}"));
        }
    }

    fn number(&mut self, key: &str, value: u32, min: i32, max: i32) -> i32 {
        let number = i32::try_from(value).unwrap_or(i32::MAX);
        let is_good = (min..=max).contains(&number);
        self.that(key, &value, is_good, &format!("from {min} to {max}"));
        number
    }

    fn size(&mut self, key: &str, text: &str, min: usize, max: usize) -> usize {
        let size = bytes(text);
        let is_good = size.is_some_and(|size| (min..=max).contains(&size));
        self.that(
            key,
            &text,
            is_good,
            &format!(
                "a size like \"16 MiB\", from {} to {} MiB",
                min >> 20,
                max >> 20
            ),
        );
        size.unwrap_or(max)
    }

    fn time(&mut self, key: &str, text: &str, min: Duration, max: Duration) -> Duration {
        let time = duration(text);
        let is_good = time.is_some_and(|time| (min..=max).contains(&time));
        self.that(
            key,
            &text,
            is_good,
            &format!("a time like \"10s\", \"500ms\" or \"7d\", from {min:?} to {max:?}"),
        );
        time.unwrap_or(max)
    }

    fn tls(&mut self, raw: &RawConfig) -> Option<Tls> {
        let path = |text: &str| (!text.is_empty()).then(|| PathBuf::from(text));
        for (key, value) in [
            ("tls_ca_file", &raw.tls_ca_file),
            ("tls_certificate_file", &raw.tls_certificate_file),
            ("tls_key_file", &raw.tls_key_file),
        ] {
            self.that(
                key,
                value,
                raw.tls || value.is_empty(),
                "empty while `queue.tls` is false",
            );
        }
        let identity = path(&raw.tls_certificate_file).zip(path(&raw.tls_key_file));
        self.that(
            "tls_key_file",
            &raw.tls_key_file,
            identity.is_some()
                || raw.tls_certificate_file.is_empty() && raw.tls_key_file.is_empty(),
            "set together with `queue.tls_certificate_file`",
        );
        raw.tls.then(|| Tls {
            ca_file: path(&raw.tls_ca_file),
            identity,
        })
    }

    fn sasl(&mut self, raw: &RawConfig) -> Option<Sasl> {
        let known = ["", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
        let mechanism = raw.sasl_mechanism.as_str();
        self.that(
            "sasl_mechanism",
            &mechanism,
            known.contains(&mechanism),
            "\"PLAIN\", \"SCRAM-SHA-256\", \"SCRAM-SHA-512\" or empty",
        );
        for (key, value) in [
            ("sasl_user", &raw.sasl_user),
            ("sasl_password_file", &raw.sasl_password_file),
        ] {
            self.that(
                key,
                value,
                value.is_empty() == mechanism.is_empty(),
                "set together with `queue.sasl_mechanism`",
            );
        }
        (!mechanism.is_empty()).then(|| Sasl {
            mechanism: mechanism.to_owned(),
            user: raw.sasl_user.clone(),
            password_file: PathBuf::from(&raw.sasl_password_file),
        })
    }
}

/// Kafka's own rule for topics; groups are held to it too, so that they can be typed anywhere.
fn is_name(name: &str) -> bool {
    (1..=249).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
}

/// Whether `host:port` is this machine.
fn is_loopback(broker: &str) -> bool {
    let broker = broker.rsplit("://").next().unwrap_or(broker);
    let host = broker.rsplit_once(':').map_or(broker, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

/// `16 MiB`, `4 KiB`, or a bare number of bytes.
fn bytes(text: &str) -> Option<usize> {
    let (number, unit) = number_and_unit(text)?;
    let factor = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// `500ms`, `10s`, `2m`, `3h`, `7d`; a unit is required.
fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = number_and_unit(text)?;
    let number = u64::try_from(number).ok()?;
    let seconds = match unit {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

fn number_and_unit(text: &str) -> Option<(usize, &str)> {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    Some((text[..end].parse().ok()?, text[end..].trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_pass() {
        let config = Config::default();
        assert_eq!(config.retention, Duration::from_secs(7 * 86_400));
        assert_eq!(config.message_max, 1 << 20);
        assert!(config.tls.is_none() && config.sasl.is_none());
    }

    #[test]
    fn all_problems_are_told_at_once_each_with_its_key() {
        let raw = RawConfig {
            brokers: "kafka-1:9093".to_owned(),
            group: "a group".to_owned(),
            group_protocol: "old".to_owned(),
            dead_letters_topic: "cbsift.chunks.v1".to_owned(),
            partitions: 0,
            retention: "7".to_owned(),
            message_max: "1 MB".to_owned(),
            compression: "gzip".to_owned(),
            tls_ca_file: "ca.pem".to_owned(),
            tls_key_file: "key.pem".to_owned(),
            sasl_mechanism: "GSSAPI".to_owned(),
            ..RawConfig::default()
        };
        let problems = Config::check(&raw).unwrap_err();
        for key in [
            "group",
            "group_protocol",
            "dead_letters_topic",
            "partitions",
            "retention",
            "message_max",
            "compression",
            "tls_ca_file",
            "tls_key_file",
            "sasl_mechanism",
            "sasl_user",
            "sasl_password_file",
            "tls",
        ] {
            let start = format!("`queue.{key}` ");
            assert!(
                problems.iter().any(|problem| problem.starts_with(&start)),
                "{key} in {problems:?}"
            );
        }
    }

    #[test]
    fn other_machines_need_tls() {
        for (brokers, is_local) in [
            ("127.0.0.1:9092", true),
            ("localhost:9092,[::1]:9093", true),
            ("127.0.0.1:9092,10.0.0.1:9092", false),
            ("kafka:9092", false),
        ] {
            let mut raw = RawConfig {
                brokers: brokers.to_owned(),
                ..RawConfig::default()
            };
            assert_eq!(Config::check(&raw).is_ok(), is_local, "{brokers}");
            raw.tls = true;
            assert!(Config::check(&raw).is_ok(), "{brokers} with TLS");
        }
    }

    #[test]
    fn a_password_is_never_shown() {
        let folder = std::env::temp_dir().join(format!("queue-password-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("password");
        fs::write(&file, "canary-4711\n").unwrap();
        let config = Config::check(&RawConfig {
            sasl_mechanism: "SCRAM-SHA-512".to_owned(),
            sasl_user: "cbsift".to_owned(),
            sasl_password_file: file.to_string_lossy().into_owned(),
            ..RawConfig::default()
        })
        .unwrap();
        let sasl = config.sasl.clone().unwrap();
        assert_eq!(sasl.password().unwrap().0, "canary-4711");
        assert_eq!(
            config.producer().unwrap().get("security.protocol"),
            Some("sasl_plaintext")
        );
        assert!(!format!("{config:?}{:?}", sasl.password()).contains("canary"));
        fs::remove_dir_all(folder).unwrap();
    }
}
