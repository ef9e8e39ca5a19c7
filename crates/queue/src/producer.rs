//! Records to Kafka: durable when the call returns, bounded in bytes.

use crate::config::{Config, ConfigError};
use crate::log::Trouble;
use crate::record::{self, Content};
use event::Chunk;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{self, DeliveryResult, OwnedHeaders};
use rdkafka::producer::{
    BaseRecord, NoCustomPartitioner, Producer as _, ProducerContext, ThreadedProducer,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::timeout;

/// Sends records. Cheap to clone; the clones share one connection and one bound.
#[derive(Clone)]
pub struct Producer {
    client: ThreadedProducer<Context>,
    counters: Arc<Counters>,
    trouble: Trouble,
    room: Arc<Semaphore>,
    room_kib: u32,
    queue_wait: Duration,
    message_max: usize,
    chunks_topic: Arc<str>,
}

/// Records were not acknowledged, or not all of them. What was sent may be in the topic all the same: repeats fold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// As much as may be is under way.
    #[error("the queue to Kafka is full")]
    Full {
        /// When to come again.
        retry_after: Duration,
    },
    /// No acknowledgement came in time, or the brokers do not answer.
    #[error("Kafka is not available: {reason}")]
    Unavailable {
        /// What Kafka's client said.
        reason: String,
    },
    /// The topic takes no record of this size. Sending it again is no use.
    #[error(
        "a record of {bytes} bytes is larger than {max}\nhint: raise `queue.message_max` and the topic's `max.message.bytes`"
    )]
    TooLarge {
        /// Of key, headers and value.
        bytes: usize,
        /// What may be.
        max: usize,
    },
    /// A person must act: credentials, certificates, grants, a missing topic.
    #[error("Kafka refuses: {reason}")]
    Refused {
        /// What Kafka said.
        reason: String,
    },
    /// The order of what was sent cannot be kept any more, so Kafka's client takes nothing more: end the process, a new one starts clean.
    #[error("Kafka's producer is broken for good: {reason}\nhint: start this process anew")]
    Fatal {
        /// What Kafka's client said.
        reason: String,
    },
}

impl SendError {
    /// Whether the same records may be taken later by this very producer.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::TooLarge { .. } | Self::Fatal { .. })
    }

    /// Whether this producer takes nothing more.
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Fatal { .. })
    }
}

/// What a producer did since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProducerStatus {
    /// Records acknowledged by every replica that must.
    pub delivered: u64,
    /// Their bytes.
    pub delivered_bytes: u64,
    /// Records given up.
    pub failed: u64,
    /// Calls that found no room.
    pub full: u64,
    /// Bytes sent and not yet acknowledged.
    pub in_flight_bytes: u64,
}

#[derive(Default)]
struct Counters {
    delivered: AtomicU64,
    delivered_bytes: AtomicU64,
    failed: AtomicU64,
    full: AtomicU64,
}

impl Producer {
    /// Connects in the background; a broker that is away shows when something is sent.
    pub fn new(config: &Config) -> Result<Self, ConfigError> {
        let counters = Arc::new(Counters::default());
        let trouble = Trouble::new("producer");
        let context = Context {
            counters: Arc::clone(&counters),
            trouble: trouble.clone(),
        };
        let client = config
            .producer()?
            .create_with_context(context)
            .map_err(|error| ConfigError::Refused(error.to_string()))?;
        let room_kib = kib(config.queue_max);
        Ok(Self {
            client,
            counters,
            trouble,
            room: Arc::new(Semaphore::new(room_kib as usize)),
            room_kib,
            queue_wait: config.queue_wait,
            message_max: config.message_max,
            chunks_topic: config.chunks_topic.as_str().into(),
        })
    }

    /// Sends chunks; `Ok` only after every one of them is acknowledged by the replicas.
    ///
    /// May be called in parallel and again after an error. The future may be dropped: what was handed over is sent all the same.
    pub async fn send(&self, chunks: Vec<Chunk>) -> Result<(), SendError> {
        let records = chunks.into_iter().map(record::encode).collect();
        self.send_again(records).await
    }

    /// Sends records as they are, under the same promise.
    pub async fn send_again(&self, records: Vec<Content>) -> Result<(), SendError> {
        self.send_to(&self.chunks_topic, records).await
    }

    /// The same to any topic: a dead letter that is tried again goes back to its own.
    pub async fn send_to(&self, topic: &str, records: Vec<Content>) -> Result<(), SendError> {
        if records.is_empty() {
            return Ok(());
        }
        let mut total = 0;
        for record in &records {
            let bytes = size(record);
            if bytes > self.message_max {
                return Err(SendError::TooLarge {
                    bytes,
                    max: self.message_max,
                });
            }
            // Kafka allows it, its C library does not.
            if record
                .headers
                .iter()
                .any(|header| header.name.contains('\0'))
            {
                return Err(SendError::Refused {
                    reason: "the name of a header holds a NUL".to_owned(),
                });
            }
            total += bytes;
        }
        // A call larger than the whole queue takes all of it: it must go some time.
        let room = Arc::clone(&self.room).acquire_many_owned(kib(total).min(self.room_kib));
        let Ok(Ok(room)) = timeout(self.queue_wait, room).await else {
            return Err(self.full());
        };
        let (reply, answer) = oneshot::channel();
        let call = Arc::new(Call {
            outcome: Mutex::new(Outcome {
                first_error: None,
                reply: Some(reply),
            }),
            _room: room,
        });
        for record in &records {
            let mut message =
                BaseRecord::with_opaque_to(topic, Arc::clone(&call)).headers(headers(record));
            if let Some(key) = &record.key {
                message = message.key(key);
            }
            if let Some(value) = &record.value {
                message = message.payload(value);
            }
            if let Err((error, _)) = self.client.send(message) {
                // What went before is under way and counts for nothing: the sender sends all of it again.
                return Err(match error.rdkafka_error_code() {
                    Some(RDKafkaErrorCode::QueueFull) => self.full(),
                    _ => self.explain(&error),
                });
            }
        }
        // From here on only the delivery reports hold it; the last one answers.
        drop((call, records));
        match answer.await {
            Ok(None) => Ok(()),
            Ok(Some(error)) => Err(self.explain(&error)),
            Err(_) => Err(SendError::Unavailable {
                reason: "the producer was closed".to_owned(),
            }),
        }
    }

    /// Waits until everything sent is acknowledged or given up; `false` when that was not so in time.
    pub async fn flush(&self, deadline: Duration) -> bool {
        let client = self.client.clone();
        tokio::task::spawn_blocking(move || client.flush(deadline).is_ok())
            .await
            .unwrap_or(false)
    }

    /// Whether the brokers answer, for a readiness check.
    pub async fn ping(&self, deadline: Duration) -> Result<(), SendError> {
        let client = self.client.clone();
        let topic = Arc::clone(&self.chunks_topic);
        let answer = tokio::task::spawn_blocking(move || {
            client.client().fetch_metadata(Some(&topic), deadline)
        })
        .await;
        match answer {
            Ok(Ok(_)) => {
                self.trouble.alive();
                Ok(())
            }
            Ok(Err(error)) => Err(self.explain(&error)),
            Err(error) => Err(SendError::Unavailable {
                reason: error.to_string(),
            }),
        }
    }

    /// What it did so far.
    pub fn status(&self) -> ProducerStatus {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let free = self.room.available_permits() as u64;
        ProducerStatus {
            delivered: read(&self.counters.delivered),
            delivered_bytes: read(&self.counters.delivered_bytes),
            failed: read(&self.counters.failed),
            full: read(&self.counters.full),
            in_flight_bytes: u64::from(self.room_kib).saturating_sub(free) * 1024,
        }
    }

    fn full(&self) -> SendError {
        self.counters.full.fetch_add(1, Ordering::Relaxed);
        SendError::Full {
            retry_after: self.queue_wait,
        }
    }

    fn explain(&self, error: &KafkaError) -> SendError {
        if let Some((_, reason)) = self.client.client().fatal_error() {
            return SendError::Fatal { reason };
        }
        let reason = self.trouble.behind(error);
        match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::Fatal) => SendError::Fatal { reason },
            Some(
                RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::InvalidMessageSize
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::TransactionalIdAuthorizationFailed
                | RDKafkaErrorCode::Authentication
                | RDKafkaErrorCode::SaslAuthenticationFailed
                | RDKafkaErrorCode::UnsupportedSASLMechanism
                | RDKafkaErrorCode::PolicyViolation,
            ) => SendError::Refused { reason },
            _ if self.trouble.is_refusal() => SendError::Refused { reason },
            _ => SendError::Unavailable { reason },
        }
    }
}

/// What the records of one call share: the last delivery report answers and gives the room back.
struct Call {
    outcome: Mutex<Outcome>,
    /// Held until Kafka's client has forgotten the last record, also when the caller went away before.
    _room: OwnedSemaphorePermit,
}

struct Outcome {
    first_error: Option<KafkaError>,
    reply: Option<oneshot::Sender<Option<KafkaError>>>,
}

impl Drop for Call {
    fn drop(&mut self) {
        let outcome = self
            .outcome
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(reply) = outcome.reply.take() {
            // A caller that gave up waiting sends again.
            let _ = reply.send(outcome.first_error.take());
        }
    }
}

struct Context {
    counters: Arc<Counters>,
    trouble: Trouble,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.trouble.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.trouble.note(&error, reason);
    }
}

impl ProducerContext<NoCustomPartitioner> for Context {
    type DeliveryOpaque = Arc<Call>;

    fn delivery(&self, result: &DeliveryResult<'_>, call: Arc<Call>) {
        match result {
            Ok(message) => {
                self.trouble.clear();
                let bytes = message.key_len() + message.payload_len();
                self.counters.delivered.fetch_add(1, Ordering::Relaxed);
                self.counters
                    .delivered_bytes
                    .fetch_add(bytes as u64, Ordering::Relaxed);
            }
            Err((error, _)) => {
                self.counters.failed.fetch_add(1, Ordering::Relaxed);
                let mut outcome = call.outcome.lock().unwrap_or_else(PoisonError::into_inner);
                outcome.first_error.get_or_insert_with(|| error.clone());
            }
        }
    }
}

fn headers(content: &Content) -> OwnedHeaders {
    let empty = OwnedHeaders::new_with_capacity(content.headers.len());
    content.headers.iter().fold(empty, |headers, header| {
        headers.insert(message::Header {
            key: &header.name,
            value: header.value.as_ref(),
        })
    })
}

/// What a record takes of the bound.
fn size(content: &Content) -> usize {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
    let headers: usize = content
        .headers
        .iter()
        .map(|header| header.name.len() + length(&header.value))
        .sum();
    length(&content.key) + length(&content.value) + headers
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}
