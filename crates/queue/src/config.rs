//! The settings of Kafka and their checks.

mod check;

mod clients;

use check::{Check, is_loopback, is_name};
use serde::{Deserialize, Serialize};
use std::{path::PathBuf, time::Duration};

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
    /// Topics in which shippers write one event of a Windows event log a message, read too; never made by us.
    pub foreign_topics: Vec<String>,
    /// Of a computer's name in them only what stands before the first dot is the endpoint.
    pub foreign_short_names: bool,
    /// Make the topic if it is missing; else it is only checked.
    pub create_topics: bool,
    /// Partitions of a topic that is made; more can be added at any time.
    pub partitions: u32,
    /// Copies of each partition of a topic that is made. From 3 on, two of them acknowledge.
    pub replication_factor: u32,
    /// How long chunks are kept: the time in which a pipeline may be away.
    pub retention: String,
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
            foreign_topics: Vec::new(),
            // As the event says: cutting would make one endpoint of machines of two domains.
            foreign_short_names: false,
            create_topics: true,
            // Divides evenly among 1, 2, 3, 4, 6 and 12 pipelines.
            partitions: 12,
            // With three copies one broker may be lost and writing goes on.
            replication_factor: 3,
            // A week outlasts a long holiday weekend of a pipeline that stands still.
            retention: text("7d"),
            // A chunk is at most 256 KiB of source bytes; as UTF-8 it may have three times that.
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
            // What a killed member had is derived by others within 15 s where the machine is not overloaded: this, a heartbeat of 2 s until they hear of it, and some
            // seconds until a job of theirs ends. The Java client's default was 10 s, then 45 s for the sake of clouds whose networks
            // pause; here a partition that is lost costs records that are read twice, and fold. Brokers allow 6 s and more. Work of any length is no
            // silence: the client's own thread sends heartbeats, and five minutes without a poll are allowed.
            session_timeout: text("8s"),
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
    /// Topics of shippers.
    pub foreign_topics: Vec<String>,
    /// Endpoints in them are named without their domain.
    pub foreign_short_names: bool,
    /// Make topics that are missing.
    pub create_topics: bool,
    /// Partitions of a topic that is made.
    pub partitions: i32,
    /// Copies of each partition.
    pub replication_factor: i32,
    /// How long chunks are kept.
    pub retention: Duration,
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
        let mut check = Check::default();
        for (key, value) in [("brokers", &raw.brokers), ("client_id", &raw.client_id)] {
            check.that(
                key,
                value,
                !value.trim().is_empty(),
                "set; a broker is `host:port`",
            );
        }
        for (key, value) in [("group", &raw.group), ("chunks_topic", &raw.chunks_topic)] {
            check.that(
                key,
                value,
                is_name(value),
                "a name of letters, digits, `.`, `_` and `-`",
            );
        }
        for (number, topic) in raw.foreign_topics.iter().enumerate() {
            let is_new = !raw.foreign_topics[..number].contains(topic);
            check.that(
                "foreign_topics",
                topic,
                is_name(topic) && *topic != raw.chunks_topic && is_new,
                "a list of topics, each once and none of them `queue.chunks_topic`",
            );
        }
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
            foreign_topics: raw.foreign_topics.clone(),
            foreign_short_names: raw.foreign_short_names,
            create_topics: raw.create_topics,
            partitions,
            replication_factor,
            retention: check.time("retention", &raw.retention, second, 3650 * day),
            // The largest chunk and its headers must fit.
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
}

#[cfg(test)]
mod tests;
