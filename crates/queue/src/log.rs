//! What Kafka's library says, as our own log lines.

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// A line of the library. It reports each lost connection as an error; nobody needs to act on one, so none is more than a warning.
pub(crate) fn line(client: &'static str, level: RDKafkaLogLevel, facility: &str, message: &str) {
    match level {
        RDKafkaLogLevel::Emerg
        | RDKafkaLogLevel::Alert
        | RDKafkaLogLevel::Critical
        | RDKafkaLogLevel::Error
        | RDKafkaLogLevel::Warning => tracing::warn!(client, facility, "Kafka's client: {message}"),
        RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
            tracing::debug!(client, facility, "Kafka's client: {message}");
        }
    }
}

/// An error that belongs to no call. Fatal ones are told again by the next call.
pub(crate) fn error(client: &'static str, error: &KafkaError, reason: &str) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fatal) => {
            tracing::error!(client, "Kafka's client is broken for good: {reason}");
        }
        _ => tracing::warn!(client, "Kafka's client: {reason}"),
    }
}
