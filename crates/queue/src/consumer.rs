//! Records from Kafka: handed out in bounded number, committed only below the first one that is not acknowledged.
//!
//! Two threads of its own, because Kafka's client blocks: one polls and serves rebalances, one commits.
//! They and the caller meet in the ledger.

mod care;
mod group;
mod ledger;
mod start;
mod status;

pub use ledger::Receipt;
pub use status::{ConsumerStatus, PartitionStatus};

use crate::config::{Config, ConfigError};
use crate::log::Trouble;
use crate::record::{Content, Header};
use crate::share::Share;
use group::{Client, Context};
use ledger::{Ledger, Place, Received};
use rdkafka::TopicPartitionList;
use rdkafka::consumer::Consumer as _;
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, watch};

/// Reads topics as a member of the group.
pub struct Consumer {
    shared: Arc<Shared>,
    threads: Mutex<Option<JoinHandle<()>>>,
}

/// What a consumer hands out. Each is acknowledged by its receipt.
#[derive(Debug)]
pub enum Delivery {
    /// A record.
    Record(Record),
    /// Records that were deleted before they were read. It is acknowledged once it is stored, as a record.
    Gap(Gap),
}

impl Delivery {
    /// What to acknowledge it with.
    pub fn receipt(&self) -> &Receipt {
        match self {
            Self::Record(record) => &record.receipt,
            Self::Gap(gap) => &gap.receipt,
        }
    }
}

/// A record as it lay in the topic.
#[derive(Debug)]
pub struct Record {
    /// What to acknowledge it with; names topic, partition and offset.
    pub receipt: Receipt,
    /// When it was sent, or stored, as the topic is set up.
    pub timestamp_ms: Option<i64>,
    /// It ended the process several times, each time with nothing else in flight: to be kept, and not tried again.
    pub died_alone: bool,
    /// For [`crate::record::decode`].
    pub content: Content,
}

/// Offsets that the topic no longer holds.
#[derive(Debug)]
pub struct Gap {
    /// What to acknowledge it with; names topic and partition.
    pub receipt: Receipt,
    /// First offset that is gone.
    pub from: i64,
    /// First that is left.
    pub to: i64,
    /// Time of the last record that was read before.
    pub last_before_ms: Option<i64>,
    /// Time of the first record that is left.
    pub first_after_ms: Option<i64>,
}

/// The consumer is broken for good: end the process, a new one starts clean.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("Kafka's consumer is broken for good: {reason}\nhint: start this process anew")]
pub struct ConsumerError {
    /// What Kafka's client said.
    pub reason: String,
}

/// Records handed out and not acknowledged, whatever their size: bounds what small ones cost besides their text.
const RECORDS_MAX: usize = 8192;

/// Longest time in which a stop or a resume goes unseen by the polling thread.
const POLL: Duration = Duration::from_millis(100);

/// The same while partitions are paused, where no record can wake the thread and room may come at any moment.
const POLL_PAUSED: Duration = Duration::from_millis(5);

/// A commit that takes longer is not waited for when partitions are given up; whoever has them next reads a little twice.
const COMMIT_PATIENCE: Duration = Duration::from_secs(10);

/// A commit that announces how a partition is worked on holds its records up, so a failed one is not left to the interval.
const ANNOUNCED_AGAIN: Duration = Duration::from_secs(1);

/// What the threads and the caller share.
struct Shared {
    config: Config,
    trouble: Trouble,
    state: Mutex<State>,
    /// For threads: an acknowledgement, a commit, a stop.
    changed: Condvar,
    /// For callers that await a delivery.
    arrived: Notify,
    /// Which endpoints are ours.
    share: watch::Sender<Share>,
}

#[derive(Default)]
struct State {
    ledger: Ledger,
    is_stopping: bool,
    /// Nothing more will be acknowledged, so nobody waits for it.
    is_abandoned: bool,
    /// The polling thread wants no more commits.
    is_closing: bool,
    is_closed: bool,
    failure: Option<ConsumerError>,
    /// Asked for and done commits, counted, so that one can be awaited.
    commits_asked: u64,
    commits_done: u64,
    commits: u64,
    commits_failed: u64,
    rebalances: u64,
    lost: u64,
    /// Partitions that the chunks' topic has, as far as Kafka's client knows; 0 before it does.
    total: u32,
    last_error: Option<String>,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds this; if it did, the counts would still be whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, longest: Duration) -> MutexGuard<'a, State> {
        self.changed
            .wait_timeout(state, longest)
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Whether a stop comes within that time, or has come.
    fn is_stopped_within(&self, time: Duration) -> bool {
        let end = Instant::now() + time;
        let mut state = self.state();
        while !state.is_stopping {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // Not a sleep: a stop wakes it.
            state = self.wait(state, left);
        }
        true
    }

    /// Has what the ledger waits for committed at once.
    fn commit_if_wanted(&self, state: &mut State) {
        if state.ledger.wants_commit() {
            state.commits_asked += 1;
            self.changed.notify_all();
        }
    }

    /// Says which endpoints are ours now.
    fn tell_share(&self, state: &State) {
        let ours = state.ledger.partitions.keys();
        let ours = ours.filter(|(topic, _)| **topic == *self.config.chunks_topic);
        let ours = ours.filter_map(|(_, partition)| u32::try_from(*partition).ok());
        let share = match state.total {
            0 => Share::none(),
            total => Share::new(ours, total),
        };
        self.share.send_if_modified(|known| {
            let is_new = *known != share;
            *known = share;
            is_new
        });
    }

    /// Waits until the caller holds nothing of these partitions, or acknowledges nothing more; then has the rest committed. Each
    /// is bounded.
    fn settle(&self, places: &[Place]) {
        let mut state = self.state();
        if state.is_closing {
            // Settled by `close`; the committing thread is gone.
            return;
        }
        state.ledger.leave(places);
        let deadline = Instant::now() + self.config.revoke_wait;
        while !state.ledger.is_settled(places) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_abandoned {
                tracing::warn!(
                    partitions = places.len(),
                    "partitions are given up with records in flight; whoever has them next reads those again"
                );
                break;
            }
            state = self.wait(state, left);
        }
        state.commits_asked += 1;
        let asked = state.commits_asked;
        self.changed.notify_all();
        let deadline = Instant::now() + COMMIT_PATIENCE;
        while state.commits_done < asked {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                tracing::warn!(
                    "partitions are given up without a commit; whoever has them next reads some records again"
                );
                break;
            }
            state = self.wait(state, left);
        }
    }
}

impl Consumer {
    /// Joins the group and reads `topics`.
    pub fn start(config: &Config, topics: &[&str]) -> Result<Self, ConfigError> {
        Self::start_telling(config, topics, watch::Sender::new(Share::none()))
    }

    /// The same, and says which endpoints are ours by the partitions of the chunks' topic. A partition that goes is no longer
    /// ours before another one may have it.
    pub fn start_telling(
        config: &Config,
        topics: &[&str],
        share: watch::Sender<Share>,
    ) -> Result<Self, ConfigError> {
        let shared = Arc::new(Shared {
            config: config.clone(),
            trouble: Trouble::new("consumer"),
            state: Mutex::default(),
            changed: Condvar::new(),
            arrived: Notify::new(),
            share,
        });
        let refused = |error: &dyn std::fmt::Display| ConfigError::Refused(error.to_string());
        let client: Client = config
            .consumer()?
            .create_with_context(Context::new(Arc::clone(&shared)))
            .map_err(|error| refused(&error))?;
        client.subscribe(topics).map_err(|error| refused(&error))?;
        let client = Arc::new(client);
        let commits = {
            let (shared, client) = (Arc::clone(&shared), Arc::clone(&client));
            thread::Builder::new()
                .name("kafka-commit".to_owned())
                .spawn(move || commit_loop(&shared, &client))
                .map_err(|error| refused(&error))?
        };
        let polls = {
            let shared = Arc::clone(&shared);
            thread::Builder::new()
                .name("kafka-poll".to_owned())
                .spawn(move || {
                    poll_loop(&shared, &client);
                    close(&shared, client, commits);
                })
                .map_err(|error| refused(&error))?
        };
        Ok(Self {
            shared,
            threads: Mutex::new(Some(polls)),
        })
    }

    /// The next delivery; none once the consumer is stopped.
    ///
    /// May be called in parallel. The future may be dropped: no delivery is lost by it.
    pub async fn recv(&self) -> Result<Option<Delivery>, ConsumerError> {
        loop {
            let arrived = self.shared.arrived.notified();
            {
                let mut state = self.shared.state();
                if let Some(failure) = &state.failure {
                    self.shared.arrived.notify_one();
                    return Err(failure.clone());
                }
                let delivery = state.ledger.take(Instant::now());
                self.shared.commit_if_wanted(&mut state);
                if let Some(delivery) = delivery {
                    // One call, one waiter: with several, the next one is told too.
                    if state.ledger.has_waiting() {
                        self.shared.arrived.notify_one();
                    }
                    return Ok(Some(delivery));
                }
                if state.is_stopping {
                    self.shared.arrived.notify_one();
                    return Ok(None);
                }
            }
            arrived.await;
        }
    }

    /// What was handed out is durable. In any order; of a partition that was taken away meanwhile it is ignored.
    pub fn ack(&self, receipt: &Receipt) {
        // Only a partition that is being given up is waited for; waking the threads for each record would cost more than the rest.
        let mut state = self.shared.state();
        if state.ledger.acknowledge(receipt) {
            self.shared.changed.notify_all();
        }
        if state.ledger.is_careful() {
            self.shared.arrived.notify_one();
        }
        self.shared.commit_if_wanted(&mut state);
    }

    /// Stops one partition at what is not acknowledged, because a person must act first; the others go on.
    ///
    /// It starts again with the next process, or where the group puts it.
    pub fn halt(&self, receipt: &Receipt, reason: &str) {
        let mut state = self.shared.state();
        let is_ours = state.ledger.halt(receipt, reason);
        self.shared.commit_if_wanted(&mut state);
        drop(state);
        // It may be what a partition that is given up, or a lone record of another one, waited for.
        self.shared.changed.notify_all();
        self.shared.arrived.notify_one();
        if is_ours {
            tracing::error!(
                topic = receipt.topic(),
                partition = receipt.partition(),
                offset = receipt.offset(),
                "partition halted: {reason}"
            );
        }
    }

    /// Commits what is acknowledged, without waiting for the interval. Returns when it is done or failed.
    pub async fn commit(&self) {
        let shared = Arc::clone(&self.shared);
        let waited = tokio::task::spawn_blocking(move || {
            let mut state = shared.state();
            state.commits_asked += 1;
            let asked = state.commits_asked;
            shared.changed.notify_all();
            while state.commits_done < asked && !state.is_closing {
                state = shared.wait(state, POLL);
            }
        });
        if let Err(error) = waited.await {
            tracing::error!(%error, "the wait for a commit ended early");
        }
    }

    /// How often partitions were given to this consumer or taken from it: a record that is received later may follow what another one
    /// has read.
    pub fn rebalances(&self) -> u64 {
        self.shared.state().rebalances
    }

    /// Hands nothing more out; what is in flight may still be acknowledged, for as long as `revoke_wait`.
    pub fn stop(&self) {
        self.shared.state().is_stopping = true;
        self.shared.changed.notify_all();
        self.shared.arrived.notify_one();
    }

    /// Stops, and tells the threads that no acknowledgement will come any more: waiting for one would use up the time that a
    /// process has left for its last commit, and its end would look abnormal.
    fn abandon(&self) {
        self.shared.state().is_abandoned = true;
        self.stop();
    }

    /// Stops, commits what is acknowledged and leaves the group; `false` when that was not done in time.
    ///
    /// What is in flight is not awaited: the caller has done so for as long as it wished, and acknowledges nothing more.
    pub async fn close(&self, deadline: Duration) -> bool {
        self.abandon();
        let threads = self
            .threads
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let Some(threads) = threads else {
            return true;
        };
        let shared = Arc::clone(&self.shared);
        let waited = tokio::task::spawn_blocking(move || {
            let end = Instant::now() + deadline;
            let mut state = shared.state();
            while !state.is_closed {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return false;
                }
                state = shared.wait(state, left);
            }
            drop(state);
            threads.join().is_ok()
        });
        waited.await.unwrap_or(false)
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // The threads end by themselves and leave the group.
        self.abandon();
    }
}

fn poll_loop(shared: &Shared, client: &Client) {
    let records_max = RECORDS_MAX;
    loop {
        let (pause, resume, is_paused) = {
            let mut state = shared.state();
            if state.is_stopping || state.failure.is_some() {
                return;
            }
            state.pauses(shared.config.in_flight_max, records_max)
        };
        // Neither takes long: they only tell Kafka's own thread.
        told("pause", client.pause(&list(&pause)));
        told("resume", client.resume(&list(&resume)));
        match client.poll(if is_paused { POLL_PAUSED } else { POLL }) {
            Some(Ok(message)) => {
                let place: Place = (message.topic().into(), message.partition());
                let received = read(&message);
                let mut state = shared.state();
                state.last_error = None;
                let was_halted = state.is_halted(&place);
                state.ledger.receive(&place, received);
                if !was_halted && let Some(reason) = state.halted(&place) {
                    say_halted(&place, &reason);
                }
                drop(state);
                shared.arrived.notify_one();
            }
            Some(Err(error)) => trouble(shared, &error),
            None => {}
        }
    }
}

fn told(what: &str, result: Result<(), KafkaError>) {
    if let Err(error) = result {
        // A partition that was taken away this moment.
        tracing::debug!(%error, "cannot {what}");
    }
}

fn say_halted(place: &Place, reason: &str) {
    tracing::error!(
        topic = %place.0,
        partition = place.1,
        "partition halted: {reason}\nhint: `cbsift pipeline --rewind` reads everything again; what is stored already folds"
    );
}

fn trouble(shared: &Shared, error: &KafkaError) {
    let mut state = shared.state();
    if let KafkaError::MessageConsumptionFatal(code) = error {
        state.failure = Some(ConsumerError {
            reason: code.to_string(),
        });
        drop(state);
        shared.arrived.notify_one();
        return;
    }
    let text = error.to_string();
    shared.trouble.tell(&text);
    state.last_error = Some(text);
}

impl State {
    /// What to pause and what to resume: all partitions while too much is in flight, one whose records go alone while one is here,
    /// halted ones for good.
    fn pauses(&mut self, bytes_max: usize, records_max: usize) -> (Vec<Place>, Vec<Place>, bool) {
        let records: usize = self.ledger.records();
        let is_full = self.ledger.in_flight_bytes >= bytes_max || records >= records_max;
        // Resumed at half, because what was fetched ahead is thrown away by a pause.
        let has_room = self.ledger.in_flight_bytes <= bytes_max / 2 && records <= records_max / 2;
        let (mut pause, mut resume, mut is_paused) = (Vec::new(), Vec::new(), false);
        for (place, partition) in &mut self.ledger.partitions {
            let has_enough = partition.has_enough();
            let must_rest = partition.halted.is_some() || has_enough || is_full;
            if must_rest && !partition.is_paused {
                partition.is_paused = true;
                pause.push(place.clone());
            } else if partition.is_paused && !must_rest && has_room {
                partition.is_paused = false;
                resume.push(place.clone());
            }
            is_paused |= partition.is_paused && partition.halted.is_none();
        }
        (pause, resume, is_paused)
    }

    fn halted(&self, place: &Place) -> Option<String> {
        self.ledger.partitions.get(place)?.halted.clone()
    }

    fn is_halted(&self, place: &Place) -> bool {
        self.halted(place).is_some()
    }
}

fn list(places: &[Place]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for (topic, partition) in places {
        list.add_partition(topic, *partition);
    }
    list
}

fn read(message: &BorrowedMessage<'_>) -> Received {
    let headers = message.headers().map_or_else(Vec::new, |headers| {
        (0..headers.count())
            .map(|at| {
                // rdkafka 0.39 panics on a name that is not UTF-8, and a stranger's record must not end this thread.
                let header = catch_unwind(AssertUnwindSafe(|| headers.try_get(at)));
                match header.ok().flatten() {
                    Some(header) => Header {
                        name: header.key.to_owned(),
                        value: header.value.map(<[u8]>::to_vec),
                    },
                    None => Header {
                        name: char::REPLACEMENT_CHARACTER.to_string(),
                        value: None,
                    },
                }
            })
            .collect()
    });
    Received {
        offset: message.offset(),
        timestamp_ms: message.timestamp().to_millis(),
        content: Content {
            key: message.key().map(<[u8]>::to_vec),
            headers,
            value: message.payload().map(<[u8]>::to_vec),
        },
    }
}

/// Commits at every interval and whenever asked, until the polling thread is closing.
fn commit_loop(shared: &Shared, client: &Client) {
    loop {
        let (asked, commits) = {
            let mut state = shared.state();
            let mut interval = shared.config.commit_interval;
            if state.ledger.is_unannounced() {
                interval = interval.min(ANNOUNCED_AGAIN);
            }
            let due = Instant::now() + interval;
            loop {
                let left = due.saturating_duration_since(Instant::now());
                if state.is_closing || state.commits_asked > state.commits_done || left.is_zero() {
                    break;
                }
                state = shared.wait(state, left);
            }
            if state.is_closing && state.commits_asked == state.commits_done {
                return;
            }
            state.ledger.let_wait(Instant::now());
            (state.commits_asked, state.ledger.to_commit())
        };
        let result = if commits.is_empty() {
            Ok(())
        } else {
            group::commit(client, &commits)
        };
        let mut state = shared.state();
        match result {
            Ok(()) if commits.is_empty() => {}
            Ok(()) => {
                state.commits += 1;
                state.last_error = None;
                shared.trouble.clear();
                state.ledger.committed(&commits);
            }
            Err(error) => {
                // Tried again with the next one; a partition that was taken away meanwhile is another's to commit.
                state.commits_failed += 1;
                shared
                    .trouble
                    .tell(&format!("offsets not committed: {error}"));
            }
        }
        state.commits_done = state.commits_done.max(asked);
        drop(state);
        shared.changed.notify_all();
        // What was announced by it may be handed out now.
        shared.arrived.notify_one();
    }
}

/// Settles everything and leaves the group.
fn close(shared: &Shared, client: Arc<Client>, commits: JoinHandle<()>) {
    let places: Vec<Place> = shared.state().ledger.partitions.keys().cloned().collect();
    shared.settle(&places);
    shared.state().is_closing = true;
    shared.changed.notify_all();
    // Hangs while a commit does, that is while the brokers are away: the caller's deadline stands above it.
    if commits.join().is_err() {
        tracing::error!("the committing thread ended early");
    }
    // The last one out: this leaves the group.
    drop(client);
    let mut state = shared.state();
    state.ledger.remove(&places);
    shared.tell_share(&state);
    state.is_closed = true;
    drop(state);
    shared.changed.notify_all();
    shared.arrived.notify_one();
}

#[cfg(test)]
mod tests;
