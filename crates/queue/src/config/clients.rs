//! The settings as Kafka's own library knows them.

use super::{Config, ConfigError, GroupProtocol, Sasl};
use rdkafka::ClientConfig;
use std::time::Duration;
use std::{fmt, fs};

impl Config {
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
            // These two bound compressed bytes, of which text is the 20- to 40-fold, and nothing else bounds what one answer of a
            // broker unpacks to. A batch that is larger comes all the same, alone.
            .set("fetch.message.max.bytes", FETCH_OF_PARTITION.to_string())
            .set("fetch.max.bytes", self.message_max.to_string())
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
                // A quarter, so that two lost heartbeats are survived.
                .set(
                    "heartbeat.interval.ms",
                    (self.session_timeout.as_millis() / 4)
                        .clamp(100, 3_000)
                        .to_string(),
                ),
            GroupProtocol::Consumer => client.set("group.protocol", "consumer"),
        };
        Ok(client)
    }
}

/// One batch of a producer of ours, whose limit is 1 MB of text, or two.
const FETCH_OF_PARTITION: usize = 64 * 1024;

/// How old the end of a partition may be in what is told of the lag: it serves a graph, and each report costs a JSON text.
const STATISTICS_INTERVAL: Duration = Duration::from_secs(2);

/// Prints as `***`.
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Sasl {
    pub(super) fn password(&self) -> Result<Secret, ConfigError> {
        let text =
            fs::read_to_string(&self.password_file).map_err(|error| ConfigError::Password {
                path: self.password_file.clone(),
                error,
            })?;
        Ok(Secret(text.lines().next().unwrap_or_default().to_owned()))
    }
}
