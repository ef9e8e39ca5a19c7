//! The topic: made, checked, widened.

use crate::config::{Config, ConfigError};
use crate::log::Trouble;
use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewPartitions, NewTopic, ResourceSpecifier,
    TopicReplication,
};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Longest wait for an answer about topics.
const PATIENCE: Duration = Duration::from_secs(30);

/// A topic is missing or is not as it must be.
#[derive(Debug, thiserror::Error)]
pub enum TopicError {
    /// It is not there and may not be made.
    #[error(
        "the topic `{topic}` is missing\nhint: create it with `cleanup.policy=delete`, or set `queue.create_topics = true`"
    )]
    Missing {
        /// Which.
        topic: String,
    },
    /// A setting would lose data or refuse records.
    #[error("the topic `{topic}` has `{key}` = \"{found}\", but needs {needed}\nhint: {hint}")]
    Setting {
        /// Which.
        topic: String,
        /// Kafka's name of the setting.
        key: &'static str,
        /// As it is.
        found: String,
        /// As it must be.
        needed: String,
        /// What to do.
        hint: String,
    },
    /// The brokers cannot make it as wished.
    #[error(
        "cannot create the topic `{topic}`: {reason}\nhint: `queue.replication_factor` may not be above the number of brokers; 1 is for a single one"
    )]
    Create {
        /// Which.
        topic: String,
        /// What Kafka said.
        reason: String,
    },
    /// Partitions can only grow in number.
    #[error("cannot give the topic `{topic}` {partitions} partitions: {reason}")]
    Partitions {
        /// Which.
        topic: String,
        /// As wished.
        partitions: i32,
        /// What Kafka said.
        reason: String,
    },
    /// The brokers do not answer.
    #[error(
        "cannot ask Kafka at `{brokers}` about its topics: {reason}\nhint: `queue.brokers` says where Kafka is"
    )]
    Unavailable {
        /// Whom we asked.
        brokers: String,
        /// What Kafka's client said.
        reason: String,
    },
    /// No client can be made from the settings.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

impl TopicError {
    /// Whether the same may succeed later without anybody acting.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

/// A topic as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicState {
    /// Its name.
    pub topic: String,
    /// It was made just now.
    pub created: bool,
    /// Partitions it has, which may be more than configured.
    pub partitions: i32,
    /// How long it keeps records; none = for ever.
    pub retention: Option<Duration>,
}

/// Makes the topic of chunks where it is missing, and checks it.
///
/// A shorter retention than configured is no error, because operators decide on disks: compare [`TopicState::retention`].
pub async fn ensure(config: &Config) -> Result<TopicState, TopicError> {
    let admin = Admin::new(config)?;
    admin.ensure(&config.chunks_topic, config.retention).await
}

/// Those of the foreign topics that are not there, or that we may not see. They are their shippers' to make.
pub async fn missing_foreign(config: &Config) -> Result<Vec<String>, TopicError> {
    if config.foreign_topics.is_empty() {
        return Ok(Vec::new());
    }
    let admin = Admin::new(config)?;
    let mut missing = Vec::new();
    for topic in &config.foreign_topics {
        if admin.partitions(topic).await?.is_none() {
            missing.push(topic.clone());
        }
    }
    Ok(missing)
}

/// Gives a topic more partitions, up to `total`. Running consumers find them by themselves.
pub async fn add_partitions(config: &Config, topic: &str, total: i32) -> Result<(), TopicError> {
    let admin = Admin::new(config)?;
    let wished = NewPartitions::new(topic, usize::try_from(total).unwrap_or_default());
    let answer = admin
        .client
        .create_partitions([&wished], &admin.options)
        .await;
    let results = answer.map_err(|error| admin.unavailable(&error))?;
    for result in results {
        result.map_err(|(_, code)| TopicError::Partitions {
            topic: topic.to_owned(),
            partitions: total,
            reason: code.to_string(),
        })?;
    }
    Ok(())
}

struct Admin<'a> {
    config: &'a Config,
    client: Arc<AdminClient<Context>>,
    trouble: Trouble,
    options: AdminOptions,
}

impl<'a> Admin<'a> {
    fn new(config: &'a Config) -> Result<Self, TopicError> {
        let trouble = Trouble::of_calls("admin");
        let client: AdminClient<Context> = config
            .client()?
            .create_with_context(Context(trouble.clone()))
            .map_err(|error| ConfigError::Refused(error.to_string()))?;
        let options = AdminOptions::new()
            .request_timeout(Some(PATIENCE))
            .operation_timeout(Some(PATIENCE));
        Ok(Self {
            config,
            client: Arc::new(client),
            trouble,
            options,
        })
    }

    fn unavailable(&self, error: &KafkaError) -> TopicError {
        TopicError::Unavailable {
            brokers: self.config.brokers.clone(),
            reason: self.trouble.behind(error),
        }
    }

    async fn ensure(&self, topic: &str, retention: Duration) -> Result<TopicState, TopicError> {
        let mut created = false;
        let partitions = match self.partitions(topic).await? {
            Some(partitions) => partitions,
            None if self.config.create_topics => {
                created = self.create(topic, retention).await?;
                self.config.partitions
            }
            None => {
                return Err(TopicError::Missing {
                    topic: topic.to_owned(),
                });
            }
        };
        let retention = self.check(topic).await?;
        Ok(TopicState {
            topic: topic.to_owned(),
            created,
            partitions,
            retention,
        })
    }

    /// How many partitions it has; none where there is no such topic.
    async fn partitions(&self, topic: &str) -> Result<Option<i32>, TopicError> {
        // All topics: asking for one by name would make it, where brokers do that.
        let client = Arc::clone(&self.client);
        let answer =
            tokio::task::spawn_blocking(move || client.inner().fetch_metadata(None, PATIENCE))
                .await
                .unwrap_or(Err(KafkaError::Canceled));
        let metadata = answer.map_err(|error| self.unavailable(&error))?;
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        Ok(found
            .map(|found| i32::try_from(found.partitions().len()).unwrap_or(i32::MAX))
            .filter(|count| *count > 0))
    }

    async fn create(&self, topic: &str, retention: Duration) -> Result<bool, TopicError> {
        let (retention_ms, message_max) = (
            retention.as_millis().to_string(),
            self.config.message_max.to_string(),
        );
        let mut wished = NewTopic::new(
            topic,
            self.config.partitions,
            TopicReplication::Fixed(self.config.replication_factor),
        )
        .set("cleanup.policy", "delete")
        .set("retention.ms", &retention_ms)
        .set("max.message.bytes", &message_max);
        if self.config.replication_factor >= 3 {
            // With acks=all and one replica in sync, "acknowledged" would mean one disk.
            wished = wished.set("min.insync.replicas", "2");
        }
        let answer = self.client.create_topics([&wished], &self.options).await;
        let results = answer.map_err(|error| self.unavailable(&error))?;
        match results.into_iter().next() {
            Some(Err((_, RDKafkaErrorCode::TopicAlreadyExists))) => Ok(false),
            Some(Err((_, code))) => Err(TopicError::Create {
                topic: topic.to_owned(),
                reason: code.to_string(),
            }),
            _ => Ok(true),
        }
    }

    /// Refuses settings that lose data; the retention, where there is one.
    async fn check(&self, topic: &str) -> Result<Option<Duration>, TopicError> {
        let settings = self.settings(topic).await?;
        let value = |key: &str| {
            settings
                .get(key)
                .and_then(|entry| entry.value.clone())
                .unwrap_or_default()
        };
        let policy = value("cleanup.policy");
        if policy != "delete" {
            return Err(TopicError::Setting {
                topic: topic.to_owned(),
                key: "cleanup.policy",
                found: policy,
                needed: "\"delete\", because compaction keeps one record of an endpoint and drops the others".to_owned(),
                hint: format!("`kafka-configs --alter --topic {topic} --add-config cleanup.policy=delete`"),
            });
        }
        let largest = value("max.message.bytes");
        if largest
            .parse::<usize>()
            .is_ok_and(|largest| largest < self.config.message_max)
        {
            return Err(TopicError::Setting {
                topic: topic.to_owned(),
                key: "max.message.bytes",
                found: largest,
                needed: format!("at least {} (`queue.message_max`)", self.config.message_max),
                hint: format!(
                    "`kafka-configs --alter --topic {topic} --add-config max.message.bytes={}`",
                    self.config.message_max
                ),
            });
        }
        // -1 = for ever.
        Ok(value("retention.ms")
            .parse::<u64>()
            .ok()
            .map(Duration::from_millis))
    }

    /// What is set, once it is known: brokers hear of a new topic one after another, and tell an empty list before.
    async fn settings(&self, topic: &str) -> Result<ConfigResource, TopicError> {
        let resource = ResourceSpecifier::Topic(topic);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let answer = self
                .client
                .describe_configs([&resource], &self.options)
                .await;
            let result = answer.map_err(|error| self.unavailable(&error))?.pop();
            let reason = match result {
                Some(Ok(settings)) if !settings.entries.is_empty() => return Ok(settings),
                Some(Err(code)) if code != RDKafkaErrorCode::UnknownTopicOrPartition => {
                    return Err(self.unavailable(&KafkaError::AdminOp(code)));
                }
                _ => RDKafkaErrorCode::UnknownTopicOrPartition,
            };
            if Instant::now() > deadline {
                return Err(self.unavailable(&KafkaError::AdminOp(reason)));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

struct Context(Trouble);

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.0.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.0.note(&error, reason);
    }
}
