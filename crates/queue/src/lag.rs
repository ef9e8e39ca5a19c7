//! How far a group is behind, asked from outside of it.

use crate::config::Config;
use crate::log::Trouble;
use crate::rewind::{Context, PATIENCE, RewindError};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

/// How far the configured group is behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// Records that it has not committed, of all partitions.
    pub records: u64,
    /// Partitions whose oldest such record is from before the time asked about.
    pub old: Vec<(String, i32)>,
    /// Partitions with records that are stamped later than the other time asked about.
    pub ahead: Vec<(String, i32)>,
    /// Topics that are not there, of which nothing is counted: one of a shipper may be made later, or its name may be wrong.
    pub missing: Vec<String>,
}

/// Compares what the group has committed with what `topics` hold; times are UTC milliseconds.
///
/// `before_ms` asks for lag that is older, `after_ms` for records that come from the future.
pub async fn lag(
    config: &Config,
    topics: &[&str],
    before_ms: i64,
    after_ms: i64,
) -> Result<Lag, RewindError> {
    let (config, topics): (Config, Vec<String>) = (
        config.clone(),
        topics.iter().map(|topic| (*topic).to_owned()).collect(),
    );
    let group = config.group.clone();
    tokio::task::spawn_blocking(move || ask(&config, &topics, before_ms, after_ms))
        .await
        .unwrap_or_else(|error| {
            Err(RewindError::Unavailable {
                group,
                reason: error.to_string(),
            })
        })
}

fn ask(
    config: &Config,
    topics: &[String],
    before_ms: i64,
    after_ms: i64,
) -> Result<Lag, RewindError> {
    let trouble = Trouble::of_calls("lag");
    let failed = |error: KafkaError| RewindError::Unavailable {
        group: config.group.clone(),
        reason: trouble.behind(&error),
    };
    let client: BaseConsumer<Context> = config
        .consumer()?
        .create_with_context(Context(trouble.clone()))
        .map_err(|error| crate::ConfigError::Refused(error.to_string()))?;
    // Every topic at once: asking for one by name would make it, where brokers do that.
    let metadata = client.fetch_metadata(None, PATIENCE).map_err(failed)?;
    let (mut lag, mut all) = (Lag::default(), TopicPartitionList::new());
    for topic in topics {
        let found = metadata.topics().iter().find(|found| found.name() == topic);
        let partitions = found.map_or(&[][..], |found| found.partitions());
        if partitions.is_empty() {
            lag.missing.push(topic.clone());
        }
        for partition in partitions {
            all.add_partition(topic, partition.id());
        }
    }
    if all.count() == 0 {
        return Ok(lag);
    }
    let committed = client
        .committed_offsets(all.clone(), PATIENCE)
        .map_err(failed)?;
    let at = |ms: i64| {
        let mut times = all.clone();
        times.set_all_offsets(Offset::Offset(ms)).map_err(failed)?;
        client.offsets_for_times(times, PATIENCE).map_err(failed)
    };
    let (before, after) = (at(before_ms)?, at(after_ms)?);
    for element in committed.elements() {
        let (topic, partition) = (element.topic(), element.partition());
        let (low, high) = client
            .fetch_watermarks(topic, partition, PATIENCE)
            .map_err(failed)?;
        let position = element.offset().to_raw().unwrap_or(low).clamp(low, high);
        lag.records += u64::try_from(high - position).unwrap_or(0);
        let first_at = |times: &TopicPartitionList| {
            let found = times.find_partition(topic, partition);
            match found.map(|found| found.offset()) {
                Some(Offset::Offset(offset)) => offset,
                // Nothing is that late.
                _ => high,
            }
        };
        if position < high && position < first_at(&before) {
            lag.old.push((topic.to_owned(), partition));
        }
        if first_at(&after) < high {
            lag.ahead.push((topic.to_owned(), partition));
        }
    }
    Ok(lag)
}
