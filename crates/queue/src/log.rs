//! What Kafka's library says, as our own log lines.

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

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
fn error(client: &'static str, error: &KafkaError, reason: &str) {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::Fatal) => {
            tracing::error!(client, "Kafka's client is broken for good: {reason}");
        }
        _ => tracing::warn!(client, "Kafka's client: {reason}"),
    }
}

/// The newest error that belongs to no call. It is why a call times out: the call itself hears nothing but that it did.
#[derive(Clone, Default)]
pub(crate) struct Trouble(Arc<Mutex<Option<(RDKafkaErrorCode, String)>>>);

impl Trouble {
    /// Keeps and logs it.
    pub(crate) fn note(&self, client: &'static str, error: &KafkaError, reason: &str) {
        self::error(client, error, reason);
        let Some(code) = error.rdkafka_error_code() else {
            return;
        };
        let mut newest = self.lock();
        let is_consequence = matches!(
            code,
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure
        );
        if newest.is_none() || !is_consequence {
            *newest = Some((code, reason.to_owned()));
        }
    }

    /// It is over: the brokers answer.
    pub(crate) fn clear(&self) {
        self.lock().take();
    }

    /// An error of a call, with what lies behind it.
    pub(crate) fn behind(&self, text: &dyn Display) -> String {
        match &*self.lock() {
            Some((_, reason)) => format!("{text} ({reason})"),
            None => text.to_string(),
        }
    }

    /// Whether a person must act: wrong credentials, or a certificate that is not believed.
    pub(crate) fn is_refusal(&self) -> bool {
        matches!(
            *self.lock(),
            Some((
                RDKafkaErrorCode::Authentication
                    | RDKafkaErrorCode::SaslAuthenticationFailed
                    | RDKafkaErrorCode::SSL,
                _
            ))
        )
    }

    fn lock(&self) -> MutexGuard<'_, Option<(RDKafkaErrorCode, String)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
