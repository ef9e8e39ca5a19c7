//! From Kafka into the pipeline: a record is acknowledged only once it is stored, or kept as a dead letter.

use crate::{ForeignTopics, Handle, PipelineError, letters};
use metrics::{counter, gauge};
use queue::record::{self, DecodeError};
use queue::{Consumer, ConsumerError, Delivery, Gap, Record};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Store, StoreError, TopicGap};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// First wait before a record is tried again; doubles up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// A store that was away for long is asked this often; what waits is in Kafka, so patience costs nothing.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// Takes records from Kafka into a pipeline. Cheap to clone: every delivery goes its way with one.
#[derive(Clone)]
pub struct Feed {
    consumer: Arc<Consumer>,
    foreign: Arc<ForeignTopics>,
    pipeline: Handle,
    store: Store,
    open: Arc<Open>,
}

/// What is read and not acknowledged yet, by when it was read.
#[derive(Default)]
struct Open(Mutex<BTreeSet<(Instant, u64)>>);

/// Books and ages of a feed, for metrics.
#[derive(Clone)]
pub struct FeedStatus {
    consumer: Arc<Consumer>,
    open: Arc<Open>,
    /// Partitions whose lag was shown: one that went elsewhere shows none here.
    shown: Arc<Mutex<BTreeSet<(String, i32)>>>,
}

impl Feed {
    /// Feeds `pipeline`, which must be one that never gives a batch up: see [`crate::Config::give_up`].
    pub fn new(consumer: Consumer, foreign: ForeignTopics, pipeline: Handle, store: Store) -> Self {
        // A counter is shown from the start on, so that a rate knows its first step.
        for name in [
            "cbsift_pipeline_read_total",
            "cbsift_pipeline_given_back_total",
            "cbsift_queue_gaps_total",
        ] {
            counter!(name).absolute(0);
        }
        Self {
            consumer: Arc::new(consumer),
            foreign: Arc::new(foreign),
            pipeline,
            store,
            open: Arc::default(),
        }
    }

    /// What it is doing.
    pub fn status(&self) -> FeedStatus {
        FeedStatus {
            consumer: Arc::clone(&self.consumer),
            open: Arc::clone(&self.open),
            shown: Arc::default(),
        }
    }

    /// Runs until `stop`; then lets what was read end within `grace`, commits, and leaves the group.
    pub async fn run(self, stop: CancellationToken, grace: Duration) -> Result<(), ConsumerError> {
        let mut under_way: JoinSet<()> = JoinSet::new();
        let outcome = loop {
            tokio::select! {
                () = stop.cancelled() => break Ok(()),
                Some(_) = under_way.join_next() => {}
                delivery = self.consumer.recv() => match delivery {
                    Ok(Some(delivery)) => {
                        under_way.spawn(self.clone().take(delivery));
                    }
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                },
            }
        };
        let settled = async { while under_way.join_next().await.is_some() {} };
        if timeout(grace, settled).await.is_err() {
            tracing::warn!(
                records = under_way.len(),
                "not everything that was read is stored; what is not committed is read again"
            );
            under_way.abort_all();
        }
        drop(under_way);
        if !self.consumer.close(grace).await {
            tracing::warn!(
                "the consumer group was not left in time; its other members wait for the session to end"
            );
        }
        outcome
    }

    async fn take(self, delivery: Delivery) {
        match delivery {
            Delivery::Record(record) => self.record(record).await,
            Delivery::Gap(gap) => self.gap(gap).await,
        }
    }

    async fn record(self, mut record: Record) {
        counter!("cbsift_pipeline_read_total").increment(1);
        // Whoever had its partition before may have stored what comes before it.
        let epoch = self.consumer.rebalances();
        // Without an outcome of its own, whatever the reason, it counts as given back.
        let open = self.open.begin();
        // A stranger's header says nothing of our format's version.
        let is_ours = !self.foreign.has(record.receipt.topic());
        if record.died_alone && !(is_ours && record::newer(&record.content).is_some()) {
            // Not even decoded: who knows what of it ends us.
            self.bury(record, None).await;
            return open.has_an_outcome();
        }
        let content = std::mem::take(&mut record.content);
        let decoded = self
            .foreign
            .decode(record.receipt.topic(), record.timestamp_ms, content);
        let chunk = match decoded {
            Ok(chunk) => Arc::new(chunk),
            Err((error, _)) if error.is_newer() => {
                // Nothing is wrong with it, so it waits, and what comes after it in its partition too.
                return self.consumer.halt(&record.receipt, &error.to_string());
            }
            Err((error, content)) => {
                record.content = content;
                self.bury(record, Some(&error)).await;
                return open.has_an_outcome();
            }
        };
        let mut wait = FIRST_WAIT;
        loop {
            // What cannot be classified or stored by itself the pipeline keeps as a dead letter; every other error passes, or
            // waits for a person.
            let chunks = vec![Arc::clone(&chunk)];
            match self.pipeline.store_together_since(epoch, chunks).await {
                Ok(()) => {
                    self.consumer.ack(&record.receipt);
                    return open.has_an_outcome();
                }
                // Not acknowledged, so whoever has the partition next reads it again.
                Err(PipelineError::Stopping) => return,
                Err(error) => {
                    counter!("cbsift_pipeline_retries_total", "reason" => error.code())
                        .increment(1);
                    tracing::debug!(%error, "a record is stored again after a while");
                }
            }
            sleep(wait).await;
            wait = (wait * 2).min(LONGEST_WAIT);
        }
    }

    /// Keeps a record that is no chunk, or that ends our process, whole, and goes on.
    async fn bury(&self, record: Record, error: Option<&DecodeError>) {
        let letter = [letters::letter_of_record(&record, error)];
        tracing::error!(
            reason = letter[0].reason,
            detail = letter[0].message,
            topic = record.receipt.topic(),
            partition = record.receipt.partition(),
            offset = record.receipt.offset(),
            "a record cannot be processed and is kept as a dead letter"
        );
        until_done("keep a dead letter", || {
            self.store.insert_dead_letters(&letter)
        })
        .await;
        counter!("cbsift_pipeline_dead_letters_total", "reason" => letter[0].reason.clone())
            .increment(1);
        self.consumer.ack(&record.receipt);
    }

    async fn gap(self, gap: Gap) {
        tracing::error!(
            topic = gap.receipt.topic(),
            partition = gap.receipt.partition(),
            from = gap.from,
            to = gap.to,
            "records were deleted from the topic before they were read; `coverage` tells which streams lost bytes"
        );
        counter!("cbsift_queue_gaps_total").increment(1);
        let row = TopicGap {
            topic: gap.receipt.topic().to_owned(),
            partition: gap.receipt.partition(),
            from: gap.from,
            to: gap.to,
            last_before_ms: gap.last_before_ms,
            first_after_ms: gap.first_after_ms,
        };
        until_done("note a gap", || self.store.insert_topic_gap(&row)).await;
        self.consumer.ack(&gap.receipt);
    }
}

/// Tries for ever: what is not kept is not acknowledged.
async fn until_done<F>(doing: &str, mut work: impl FnMut() -> F)
where
    F: Future<Output = Result<(), StoreError>>,
{
    let mut wait = FIRST_WAIT;
    while let Err(error) = work().await {
        tracing::warn!("cannot {doing}, tried again: {error}");
        counter!("cbsift_pipeline_retries_total", "reason" => "dead_letter").increment(1);
        sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

impl Open {
    /// One more is under way, until the guard goes.
    fn begin(self: &Arc<Self>) -> OpenGuard {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let mut key = (now, 0);
        while !open.insert(key) {
            key.1 += 1;
        }
        OpenGuard {
            open: Arc::clone(self),
            key,
            has_outcome: false,
        }
    }
}

/// A record under way. The books balance by it: it ends with an outcome, which is counted elsewhere, or is given back.
struct OpenGuard {
    open: Arc<Open>,
    key: (Instant, u64),
    has_outcome: bool,
}

impl OpenGuard {
    /// It is stored, or kept as a dead letter.
    fn has_an_outcome(mut self) {
        self.has_outcome = true;
    }
}

impl Drop for OpenGuard {
    fn drop(&mut self) {
        if !self.has_outcome {
            counter!("cbsift_pipeline_given_back_total").increment(1);
        }
        let mut open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.remove(&self.key);
    }
}

impl FeedStatus {
    /// Sets the gauges and counters that `/metrics` is about to show.
    pub fn publish(&self) {
        let status = self.consumer.status(letters::now_ms());
        counter!("cbsift_queue_consumed_total").absolute(status.received);
        counter!("cbsift_queue_consumed_bytes_total").absolute(status.received_bytes);
        counter!("cbsift_queue_rebalances_total").absolute(status.rebalances);
        counter!("cbsift_queue_commits_total").absolute(status.commits);
        counter!("cbsift_queue_commit_errors_total").absolute(status.commits_failed);
        let halted = status
            .partitions
            .iter()
            .filter(|partition| partition.halted.is_some())
            .count();
        gauge!("cbsift_queue_halted_partitions").set(halted as f64);
        let mut gone = {
            let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
            let now = status
                .partitions
                .iter()
                .map(|partition| (partition.topic.clone(), partition.partition))
                .collect();
            std::mem::replace(&mut *shown, now)
        };
        let show = |topic: &str, partition: i32, lag: u64, lag_ms: u64| {
            let labels = [
                ("topic", topic.to_owned()),
                ("partition", partition.to_string()),
            ];
            gauge!("cbsift_queue_lag_records", &labels).set(lag as f64);
            gauge!("cbsift_queue_lag_seconds", &labels).set(lag_ms as f64 / 1e3);
        };
        for partition in &status.partitions {
            gone.remove(&(partition.topic.clone(), partition.partition));
            if let Some(lag) = partition.lag {
                let lag_ms = partition.lag_ms.unwrap_or(0);
                show(&partition.topic, partition.partition, lag, lag_ms);
            }
        }
        for (topic, partition) in gone {
            show(&topic, partition, 0, 0);
        }
        gauge!("cbsift_queue_partitions").set(status.partitions.len() as f64);
        gauge!("cbsift_queue_in_flight_bytes").set(status.in_flight_bytes as f64);
        let open = self.open.0.lock().unwrap_or_else(PoisonError::into_inner);
        gauge!("cbsift_pipeline_in_flight_chunks").set(open.len() as f64);
        let oldest = open
            .first()
            .map_or(Duration::ZERO, |(since, _)| since.elapsed());
        gauge!("cbsift_pipeline_oldest_unacknowledged_seconds").set(oldest.as_secs_f64());
    }

    /// Why it is not ready, if it is not.
    pub fn trouble(&self) -> Option<String> {
        let status = self.consumer.status(letters::now_ms());
        status
            .partitions
            .iter()
            .find_map(|partition| {
                let reason = partition.halted.as_ref()?;
                Some(format!(
                    "partition {} of `{}` is halted: {reason}",
                    partition.partition, partition.topic
                ))
            })
            .or_else(|| {
                let idle = status.rebalances == 0;
                idle.then(|| match status.last_error {
                    Some(error) => format!("Kafka is not ready: {error}"),
                    None => "the consumer group has given no partition yet".to_owned(),
                })
            })
    }
}
