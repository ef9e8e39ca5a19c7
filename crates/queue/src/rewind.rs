//! Moves a group's offsets back, so that its pipelines read again. What is stored already folds.

use crate::config::{Config, ConfigError};
use crate::log::Trouble;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};
use std::time::Duration;

/// Longest wait for one answer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How far back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rewind {
    /// To the first record that the topics still hold.
    All,
    /// To the first record sent at this time or later, in UTC milliseconds.
    To(i64),
}

/// A partition whose offset was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rewound {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// What was committed; none = nothing.
    pub from: Option<i64>,
    /// What is committed now.
    pub to: i64,
}

/// Offsets were not set. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum RewindError {
    /// Members of the group would commit over it.
    #[error(
        "the group `{group}` has members\nhint: stop every `cbsift pipeline` of this group first; one that was killed is forgotten after its session timeout"
    )]
    InUse {
        /// Which.
        group: String,
    },
    /// A topic is missing.
    #[error(
        "the topic `{topic}` is missing\nhint: `queue.chunks_topic` and `queue.foreign_topics` name the topics"
    )]
    Missing {
        /// Which.
        topic: String,
    },
    /// The brokers do not answer, or refuse.
    #[error("cannot ask for or set the offsets of the group `{group}`: {reason}")]
    Unavailable {
        /// Whose.
        group: String,
        /// What Kafka's client said.
        reason: String,
    },
    /// No client can be made from the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// Sets the offsets of the configured group on all partitions of `topics`. The group must have no members.
///
/// The marks that a [`crate::Consumer`] compares with the log are cleared too, so a halted partition goes on.
pub async fn rewind(
    config: &Config,
    topics: &[&str],
    to: Rewind,
) -> Result<Vec<Rewound>, RewindError> {
    let (config, topics): (Config, Vec<String>) = (
        config.clone(),
        topics.iter().map(|topic| (*topic).to_owned()).collect(),
    );
    let group = config.group.clone();
    tokio::task::spawn_blocking(move || rewind_blocking(&config, &topics, to))
        .await
        .unwrap_or_else(|error| {
            Err(RewindError::Unavailable {
                group,
                reason: error.to_string(),
            })
        })
}

fn rewind_blocking(
    config: &Config,
    topics: &[String],
    to: Rewind,
) -> Result<Vec<Rewound>, RewindError> {
    let trouble = Trouble::of_calls("rewind");
    let failed = |error: KafkaError| match error.rdkafka_error_code() {
        // A commit from outside of the group is taken only while it is empty.
        Some(
            RDKafkaErrorCode::UnknownMemberId
            | RDKafkaErrorCode::IllegalGeneration
            | RDKafkaErrorCode::RebalanceInProgress
            | RDKafkaErrorCode::StaleMemberEpoch,
        ) => RewindError::InUse {
            group: config.group.clone(),
        },
        _ => RewindError::Unavailable {
            group: config.group.clone(),
            reason: trouble.behind(&error),
        },
    };
    let client: BaseConsumer<Context> = config
        .consumer()?
        .create_with_context(Context(trouble.clone()))
        .map_err(|error| ConfigError::Refused(error.to_string()))?;
    // Every topic at once: asking for one by name would make it, where brokers do that.
    let metadata = client.fetch_metadata(None, PATIENCE).map_err(failed)?;
    let mut all = TopicPartitionList::new();
    for topic in topics {
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let Some(found) = found.filter(|found| !found.partitions().is_empty()) else {
            return Err(RewindError::Missing {
                topic: topic.clone(),
            });
        };
        for partition in found.partitions() {
            all.add_partition(topic, partition.id());
        }
    }
    let before = client
        .committed_offsets(all.clone(), PATIENCE)
        .map_err(failed)?;
    let at_time = match to {
        Rewind::All => None,
        Rewind::To(ms) => {
            let mut times = all.clone();
            times.set_all_offsets(Offset::Offset(ms)).map_err(failed)?;
            Some(client.offsets_for_times(times, PATIENCE).map_err(failed)?)
        }
    };
    let (mut wished, mut rewound) = (TopicPartitionList::new(), Vec::new());
    for element in all.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let (low, high) = client
            .fetch_watermarks(topic, partition, PATIENCE)
            .map_err(failed)?;
        let offset_in = |list: &TopicPartitionList| match list
            .find_partition(topic, partition)
            .map(|element| element.offset())
        {
            Some(Offset::Offset(offset)) => Some(offset),
            _ => None,
        };
        let to = match &at_time {
            None => low,
            // No record is as new as that: only what comes from now on.
            Some(times) => offset_in(times).unwrap_or(high),
        };
        wished
            .add_partition_offset(topic, partition, Offset::Offset(to))
            .map_err(failed)?;
        rewound.push(Rewound {
            topic: topic.to_owned(),
            partition,
            from: offset_in(&before),
            to,
        });
    }
    client.commit(&wished, CommitMode::Sync).map_err(failed)?;
    Ok(rewound)
}

pub(crate) struct Context(pub(crate) Trouble);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }

    // Not ours to tell.
    fn stats(&self, _: rdkafka::Statistics) {}
}

impl ConsumerContext for Context {}
