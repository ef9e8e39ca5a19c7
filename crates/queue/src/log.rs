//! What Kafka's library says, as our own log lines: each kind once an outage, and its end.

use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a client of the library complains of. It reports each lost connection as an error, several times a second; nobody needs to
/// act on one, so none is more than a warning.
#[derive(Clone)]
pub(crate) struct Trouble {
    client: &'static str,
    /// The calls that fail tell it, so there is no line of its own.
    is_told_by_calls: bool,
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// The newest error that belongs to no call. It is why a call times out: the call itself hears nothing but that it did.
    newest: Option<(RDKafkaErrorCode, String)>,
    outage: Outage,
}

impl Trouble {
    /// Of a client that lives as long as its process.
    pub(crate) fn new(client: &'static str) -> Self {
        Self {
            client,
            is_told_by_calls: false,
            heard: Arc::default(),
        }
    }

    /// Of a client that is made for a few calls, whose errors say the same.
    pub(crate) fn of_calls(client: &'static str) -> Self {
        Self {
            is_told_by_calls: true,
            ..Self::new(client)
        }
    }

    /// A line of the library.
    pub(crate) fn line(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error
            | RDKafkaLogLevel::Warning => self.tell(message),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                let client = self.client;
                tracing::debug!(client, facility, "Kafka's client: {message}");
            }
        }
    }

    /// Keeps and tells an error that belongs to no call. Fatal ones are told again by the next call.
    pub(crate) fn note(&self, error: &KafkaError, reason: &str) {
        let code = error.rdkafka_error_code();
        if code == Some(RDKafkaErrorCode::Fatal) {
            let client = self.client;
            tracing::error!(client, "Kafka's client is broken for good: {reason}");
        } else {
            self.tell(reason);
        }
        let Some(code) = code else {
            return;
        };
        let mut heard = self.lock();
        let is_consequence = matches!(
            code,
            RDKafkaErrorCode::AllBrokersDown | RDKafkaErrorCode::BrokerTransportFailure
        ) && hint(reason).is_none();
        if heard.newest.is_none() || !is_consequence {
            heard.newest = Some((code, reason.to_owned()));
        }
    }

    /// Says what goes wrong, unless that was said.
    pub(crate) fn tell(&self, message: &str) {
        let client = self.client;
        let is_news = self.lock().outage.is_news(message, Instant::now());
        if is_news && !self.is_told_by_calls {
            tracing::warn!(
                client,
                "Kafka's client: {message}; the like is left out while it lasts"
            );
        } else {
            tracing::debug!(client, "Kafka's client: {message}");
        }
    }

    /// It is over: the brokers have answered what was asked.
    pub(crate) fn clear(&self) {
        self.lock().newest = None;
        self.alive();
    }

    /// Some broker answers.
    pub(crate) fn alive(&self) {
        let over = self.lock().outage.end(Instant::now());
        if let Some(over) = over.filter(|_| !self.is_told_by_calls) {
            let client = self.client;
            tracing::warn!(
                client,
                outage_s = over.lasted.as_secs(),
                left_out = over.left_out,
                "Kafka answers again"
            );
        }
    }

    /// An error of a call, with what lies behind it and the way out.
    pub(crate) fn behind(&self, text: &dyn Display) -> String {
        match &self.lock().newest {
            Some((_, reason)) => match hint(reason) {
                Some(hint) => format!("{text} ({reason})\nhint: {hint}"),
                None => format!("{text} ({reason})"),
            },
            None => text.to_string(),
        }
    }

    /// Whether a person must act: wrong credentials, or a certificate that is not believed.
    pub(crate) fn is_refusal(&self) -> bool {
        match &self.lock().newest {
            Some((
                RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::SSL,
                _,
            )) => true,
            // A broker that misses our certificate says so after the handshake, and then it is a connection that broke.
            Some((_, reason)) => hint(reason).is_some(),
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which setting a person should look at, where the library's or the broker's words tell.
fn hint(reason: &str) -> Option<&'static str> {
    let has = |text| reason.contains(text);
    if has("certificate verify failed") {
        Some("`queue.tls_ca_file` must name the authority that signed the broker's certificate")
    } else if has("SSL alert number") && (has("certificate") || has("unknown ca")) {
        // Alerts are the other side's words: it is our certificate that is meant.
        Some(
            "`queue.tls_certificate_file` and `queue.tls_key_file` must name a certificate that the broker trusts",
        )
    } else if has("SASL") && has("mechanism") && !has("uthentication failed") {
        Some("`queue.sasl_mechanism` must be one that the broker offers")
    } else if has("uthentication failed") {
        Some("`queue.sasl_user` and `queue.sasl_password_file` must be what the broker knows")
    } else {
        None
    }
}

/// An outage is over when nothing was heard for so long: the library repeats a lasting trouble at least every 30 s, and of several
/// brokers one may be away for hours while the others answer.
const QUIET: Duration = Duration::from_secs(60);

/// Kinds of lines that one outage may have; more than were ever seen.
const KINDS_MAX: usize = 16;

/// What was said since things went wrong. Pure: it is told the time.
#[derive(Default)]
struct Outage {
    first: Option<Instant>,
    newest: Option<Instant>,
    said: Vec<String>,
    left_out: u64,
}

/// An outage that is over.
#[derive(Debug, PartialEq, Eq)]
struct Over {
    /// From its first line to its last.
    lasted: Duration,
    left_out: u64,
}

impl Outage {
    /// Whether a message is to be said.
    fn is_news(&mut self, message: &str, now: Instant) -> bool {
        // Nobody was there to hear of the end of the one before.
        let _ = self.end(now);
        self.first.get_or_insert(now);
        self.newest = Some(now);
        let kind = kind(message);
        let is_news = self.said.len() < KINDS_MAX && !self.said.contains(&kind);
        if is_news {
            self.said.push(kind);
        } else {
            self.left_out += 1;
        }
        is_news
    }

    /// Asked when there is a sign of life; tells an end once.
    fn end(&mut self, now: Instant) -> Option<Over> {
        let (first, newest) = (self.first?, self.newest?);
        if now.saturating_duration_since(newest) < QUIET {
            return None;
        }
        let left_out = std::mem::take(self).left_out;
        let lasted = newest.saturating_duration_since(first);
        Some(Over { lasted, left_out })
    }
}

/// The many ways to say that a broker is away.
const AWAY: [&str; 14] = [
    "Connection refused",
    "Connection reset",
    "Disconnected",
    "brokers are down",
    "broker connections are down",
    "AllBrokersDown",
    "Broker transport failure",
    "BrokerTransportFailure",
    "Failed to resolve",
    "No route to host",
    "Network is unreachable",
    "timed out",
    "TimedOut",
    "Broken pipe",
];

/// Messages of one kind have the same to say: brokers, times and counts differ.
fn kind(message: &str) -> String {
    // Here a person must act, so it stands out from the rest.
    let is_refusal = ["SSL", "SASL", "uthenti", "uthoriz"];
    if !is_refusal.iter().any(|word| message.contains(word))
        && AWAY.iter().any(|word| message.contains(word))
    {
        return "away".to_owned();
    }
    let message = message.split(" (after ").next().unwrap_or_default();
    message
        .chars()
        .filter(|character| !character.is_ascii_digit())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFUSED: &str = "[thrd:localhost:9092/bootstrap]: localhost:9092/bootstrap: Connect to ipv4#127.0.0.1:9092 failed: Connection refused (after 0ms in state CONNECT)";
    const DOWN: &str = "1/1 brokers are down";

    /// Seconds at which each message is said.
    fn said(messages: &[(u64, &str)]) -> Vec<u64> {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let heard = messages.iter().filter(|(second, message)| {
            outage.is_news(message, start + Duration::from_secs(*second))
        });
        heard.map(|(second, _)| *second).collect()
    }

    #[test]
    fn an_outage_is_said_once_however_it_is_put() {
        let others = [
            "[thrd:b:9092/2]: b:9092/2: Connect to ipv4#192.0.2.7:9092 failed: Connection refused (after 12ms in state CONNECT, 30 identical error(s) suppressed)",
            DOWN,
            "Message consumption error: BrokerTransportFailure (Local: Broker transport failure)",
        ];
        let mut messages = vec![(0, REFUSED)];
        for second in (0..3600).step_by(30) {
            messages.extend(others.map(|message| (second, message)));
        }
        assert_eq!(said(&messages), [0]);
    }

    #[test]
    fn what_a_person_must_act_on_is_said_beside_it_and_once_too() {
        let handshake = "ssl://b:9093/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 3ms in state SSL_HANDSHAKE)";
        let again = "ssl://b:9094/bootstrap: SSL handshake failed: Disconnected: connecting to a PLAINTEXT broker listener? (after 5ms in state SSL_HANDSHAKE)";
        assert_eq!(
            said(&[(0, REFUSED), (1, handshake), (2, again), (3, DOWN)]),
            [0, 1]
        );
    }

    #[test]
    fn the_next_outage_is_said_again() {
        assert_eq!(
            said(&[(0, REFUSED), (59, DOWN), (119, DOWN), (130, REFUSED)]),
            [0, 119]
        );
    }

    #[test]
    fn its_end_is_said_once_and_not_while_another_broker_is_still_away() {
        let (mut outage, start) = (Outage::default(), Instant::now());
        let at = |second| start + Duration::from_secs(second);
        assert_eq!(outage.end(at(0)), None, "there was none");
        for second in [0, 20, 40] {
            outage.is_news(REFUSED, at(second));
            // Deliveries of the other brokers.
            assert_eq!(outage.end(at(second + 1)), None);
        }
        let over = Over {
            lasted: Duration::from_secs(40),
            left_out: 2,
        };
        assert_eq!(outage.end(at(99)), None);
        assert_eq!(outage.end(at(100)), Some(over));
        assert_eq!(outage.end(at(101)), None);
    }

    #[test]
    fn no_client_says_more_than_so_many_kinds() {
        let messages: Vec<String> = (b'a'..=b'z')
            .map(|letter| format!("made up {}", letter as char))
            .collect();
        let mut outage = Outage::default();
        let said = messages
            .iter()
            .filter(|message| outage.is_news(message, Instant::now()));
        assert_eq!(said.count(), KINDS_MAX);
    }
}
