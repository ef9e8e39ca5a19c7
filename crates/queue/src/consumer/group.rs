//! What Kafka's client asks us when the group changes, and the commits.

use super::care::Care;
use super::ledger::{Commit, Place};
use super::start::{Mark, Start, care, metadata, start};
use super::{POLL, Shared, list, say_halted, told};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{
    BaseConsumer, CommitMode, Consumer as _, ConsumerContext, RebalanceProtocol,
};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::statistics::Statistics;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};
use std::sync::Arc;
use std::time::Duration;

pub(super) type Client = BaseConsumer<Context>;

/// Longest wait for one answer of a broker; then it is asked again.
const ANSWER: Duration = Duration::from_secs(5);

/// How often an answer of fewer partitions than were known is asked again.
const DOUBTS: u32 = 5;

pub(super) struct Context {
    shared: Arc<Shared>,
}

impl Context {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    fn assign(&self, client: &Client, partitions: &TopicPartitionList) {
        let places = places(partitions);
        let Some((starts, total)) = self.starts(client, &places) else {
            // Stopping: nothing is read any more, but Kafka's client must hear an answer.
            answered("assign", accept(client, partitions));
            return;
        };
        let mut wished = TopicPartitionList::with_capacity(places.len());
        let mut halted = Vec::new();
        {
            let mut state = self.shared.state();
            state.rebalances += 1;
            state.total = total;
            for (place, (start, high, left)) in places.iter().zip(starts) {
                if let Start::Earliest { low } = start {
                    tracing::info!(topic = %place.0, partition = place.1, offset = low, "no offset committed: reads from the earliest record");
                }
                state.ledger.assign(place.clone(), start, high, left);
                let Some(partition) = state.ledger.partitions.get_mut(place) else {
                    continue;
                };
                if let Some(care) = partition.care().told() {
                    tracing::warn!(topic = %place.0, partition = place.1, offset = partition.position, "the last owner of a partition ended abnormally: {care}");
                }
                if let Some(reason) = &partition.halted {
                    say_halted(place, reason);
                    partition.is_paused = true;
                    halted.push(place.clone());
                }
                let offset = Offset::Offset(partition.fetch_from());
                if let Err(error) = wished.add_partition_offset(&place.0, place.1, offset) {
                    tracing::error!(%error, topic = %place.0, partition = place.1, "cannot start");
                }
            }
        }
        answered("assign", accept(client, &wished));
        told("pause", client.pause(&list(&halted)));
        let mut state = self.shared.state();
        self.shared.tell_share(&state);
        // Only now, because a commit amid a rebalance is refused.
        self.shared.commit_if_wanted(&mut state);
        drop(state);
        self.shared.arrived.notify_one();
    }

    /// The start of each partition and the end of its log, and how many the chunks' topic has; none when a stop came before an answer.
    fn starts(&self, client: &Client, places: &[Place]) -> Option<(Vec<Begin>, u32)> {
        let topic = &self.shared.config.chunks_topic;
        let mut ours: Vec<Place> = places.to_vec();
        ours.extend(self.shared.state().ledger.partitions.keys().cloned());
        // A broker may be late to know of partitions that were added; a topic that was made anew has fewer for good.
        let (mut pause, mut doubts) = (POLL, DOUBTS);
        loop {
            match starts(client, places)
                .and_then(|starts| Ok((starts, partitions_of(client, topic, &ours)?)))
            {
                Ok((_, total)) if total < self.shared.state().total && doubts > 0 => {
                    doubts -= 1;
                    let what = "a broker knows of fewer partitions than there were, asked again";
                    self.shared.trouble.tell(what);
                }
                Ok(starts) => {
                    self.shared.trouble.clear();
                    return Some(starts);
                }
                Err(error) => {
                    let what = format!("cannot ask where to start, asked again: {error}");
                    self.shared.trouble.tell(&what);
                }
            }
            if self.shared.is_stopped_within(pause) {
                return None;
            }
            pause = (2 * pause).min(ANSWER);
        }
    }

    fn revoke(&self, client: &Client, partitions: &TopicPartitionList) {
        let places = places(partitions);
        // Lost is lost: somebody else may have them already, so neither waiting nor committing is ours any more.
        let is_lost = client.assignment_lost();
        if !is_lost {
            self.shared.settle(&places);
        }
        {
            let mut state = self.shared.state();
            state.rebalances += 1;
            if is_lost {
                state.lost += places.len() as u64;
            }
            state.ledger.remove(&places);
            // Before another one may have them, so that whoever has them next finds in the store what was ours until now.
            self.shared.tell_share(&state);
        }
        let result = match client.rebalance_protocol() {
            RebalanceProtocol::Cooperative => client.incremental_unassign(partitions),
            RebalanceProtocol::Eager | RebalanceProtocol::None => client.unassign(),
        };
        answered("give up", result);
    }
}

fn accept(client: &Client, partitions: &TopicPartitionList) -> KafkaResult<()> {
    match client.rebalance_protocol() {
        RebalanceProtocol::Cooperative => client.incremental_assign(partitions),
        RebalanceProtocol::Eager | RebalanceProtocol::None => client.assign(partitions),
    }
}

fn answered(what: &str, result: KafkaResult<()>) {
    if let Err(error) = result {
        // Kafka's client joins anew after this, and the partitions come again.
        tracing::warn!(%error, "cannot {what} partitions");
    }
}

fn places(partitions: &TopicPartitionList) -> Vec<Place> {
    partitions
        .elements()
        .iter()
        .map(|element| (element.topic().into(), element.partition()))
        .collect()
}

/// The start of a partition, the end of its log, and how its last owner left it.
type Begin = (Start, i64, Option<Care>);

fn starts(client: &Client, places: &[Place]) -> KafkaResult<Vec<Begin>> {
    if places.is_empty() {
        return Ok(Vec::new());
    }
    let committed = client.committed_offsets(list(places), ANSWER)?;
    let mut starts = Vec::with_capacity(places.len());
    for (topic, partition) in places {
        let Some(element) = committed.find_partition(topic, *partition) else {
            return Err(KafkaError::Canceled);
        };
        element.error()?;
        let known = match element.offset() {
            Offset::Offset(offset) => Some((offset, Mark::parse(element.metadata()))),
            _ => None,
        };
        let (low, high) = client.fetch_watermarks(topic, *partition, ANSWER)?;
        starts.push((start(known, low, high), high, care(element.metadata())));
    }
    Ok(starts)
}

/// How many partitions a topic has. Those of these that are of it exist, as the group says.
fn partitions_of(client: &Client, topic: &str, places: &[Place]) -> KafkaResult<u32> {
    let metadata = client.fetch_metadata(Some(topic), ANSWER)?;
    let found = metadata.topics().iter().find(|found| found.name() == topic);
    counted(found.map(|found| found.partitions().len()), topic, places)
}

/// A count of partitions, if it can be true: a broker that has not heard yet of a new topic, or of partitions that were added, tells of none,
/// or of fewer than the group gives. With a wrong count the share would be of other endpoints than the records are.
pub(super) fn counted(count: Option<usize>, topic: &str, places: &[Place]) -> KafkaResult<u32> {
    let ours = places.iter().filter(|(of, _)| **of == *topic);
    let highest = ours.map(|(_, partition)| *partition).max();
    let count = count.and_then(|count| i32::try_from(count).ok());
    count
        .filter(|count| *count > highest.unwrap_or(0))
        .map(i32::cast_unsigned)
        .ok_or(KafkaError::MetadataFetch(
            RDKafkaErrorCode::UnknownTopicOrPartition,
        ))
}

/// Blocks until the broker answered; without bound while there is none.
pub(super) fn commit(client: &Client, commits: &[Commit]) -> KafkaResult<()> {
    let mut offsets = TopicPartitionList::with_capacity(commits.len());
    for commit in commits {
        let mut element = offsets.add_partition(&commit.place.0, commit.place.1);
        element.set_offset(Offset::Offset(commit.position))?;
        element.set_metadata(metadata(commit.mark, commit.care));
    }
    client.commit(&offsets, CommitMode::Sync)
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        self.shared.trouble.line(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.shared.trouble.note(&error, reason);
        self.shared.state().last_error = Some(self.shared.trouble.behind(&error));
    }

    fn stats(&self, statistics: Statistics) {
        let mut brokers = statistics.brokers.values();
        if brokers.any(|broker| broker.state == "UP") {
            self.shared.trouble.alive();
        }
        let mut state = self.shared.state();
        for ((topic, partition), ours) in &mut state.ledger.partitions {
            let end = statistics
                .topics
                .get(topic.as_ref())
                .and_then(|topic| topic.partitions.get(partition))
                .map(|partition| partition.hi_offset)
                .filter(|end| *end >= 0);
            // A report may be older than the last record.
            ours.high = ours.high.max(end);
        }
        // Partitions that were added come here, whoever gets them; those that are not known to exist have negative numbers.
        let chunks = statistics.topics.get(&self.shared.config.chunks_topic);
        let known = chunks.map_or(0, |topic| {
            topic.partitions.keys().filter(|at| **at >= 0).count()
        });
        let total = u32::try_from(known).unwrap_or(u32::MAX);
        if total > state.total {
            state.total = total;
            self.shared.tell_share(&state);
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(
        &self,
        client: &BaseConsumer<Self>,
        what: RDKafkaRespErr,
        partitions: &mut TopicPartitionList,
    ) {
        match what {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => self.assign(client, partitions),
            _ => self.revoke(client, partitions),
        }
    }
}
