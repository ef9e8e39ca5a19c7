//! From chunks handed over to rows that are durable.

use crate::{Config, PipelineError, outbox::Outbox, status::Counters, step::rows_of};
use classify::Rules;
use event::Chunk;
use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{Batch, ChunkRows, ErrorClass, Store};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

/// Gives chunks to the pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    room_kib: u32,
    queue_wait: Duration,
}

/// Chunks of one caller, acknowledged together.
pub(crate) struct Request {
    chunks: Vec<Chunk>,
    bytes: usize,
    reply: oneshot::Sender<Result<(), PipelineError>>,
    /// Held until the chunks are stored: what is taken and not stored is bounded.
    _room: OwnedSemaphorePermit,
}

/// Requests that may wait at once; their bytes are what is bounded, this only sizes the channel.
const REQUESTS: usize = 1024;

impl Handle {
    pub(crate) fn new(config: &Config) -> (Self, mpsc::Receiver<Request>) {
        let (requests, receiver) = mpsc::channel(REQUESTS);
        let room_kib = kib(config.queue_bytes);
        let room = Arc::new(Semaphore::new(room_kib as usize));
        let queue_wait = config.queue_wait;
        (
            Self {
                requests,
                room,
                room_kib,
                queue_wait,
            },
            receiver,
        )
    }

    /// Stores chunks; returns `Ok` only when all their rows are durable.
    ///
    /// May be called in parallel, and again after an error or when the caller gave up waiting: repeats fold.
    pub async fn store(&self, chunks: Vec<Chunk>) -> Result<(), PipelineError> {
        if chunks.is_empty() {
            return Ok(());
        }
        let bytes: usize = chunks.iter().map(|chunk| chunk.text.len()).sum();
        let room = Arc::clone(&self.room).acquire_many_owned(kib(bytes).min(self.room_kib));
        let room = match timeout(self.queue_wait, room).await {
            Ok(Ok(room)) => room,
            Ok(Err(_)) => return Err(PipelineError::Stopping),
            Err(_) => {
                return Err(PipelineError::Busy {
                    retry_after: self.queue_wait,
                });
            }
        };
        let (reply, answer) = oneshot::channel();
        let request = Request {
            chunks,
            bytes,
            reply,
            _room: room,
        };
        self.requests
            .send(request)
            .await
            .map_err(|_| PipelineError::Stopping)?;
        answer.await.unwrap_or(Err(PipelineError::Stopping))
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}

/// What every batch needs.
pub(crate) struct Intake {
    config: Config,
    store: Store,
    rules: &'static Rules,
    rule_set: u32,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    workers: Arc<Semaphore>,
    news: NewsIds,
}

/// Names of batches in the outbox, unique across restarts: the start's time above a counter. They never reach an answer.
struct NewsIds(AtomicU64);

impl NewsIds {
    fn new() -> Self {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        // Microseconds leave room for 2^13 years, and a process makes far less than one batch per microsecond.
        Self(AtomicU64::new(
            u64::try_from(now.as_micros()).unwrap_or_default(),
        ))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Collects chunks into batches and stores them, until shutdown; then finishes what was taken.
pub(crate) async fn run(
    intake: Arc<Intake>,
    mut requests: mpsc::Receiver<Request>,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(intake.config.batches_in_flight));
    let mut batches: JoinSet<()> = JoinSet::new();
    loop {
        let first = tokio::select! {
            request = requests.recv() => request,
            Some(_) = batches.join_next() => continue,
            () = shutdown.cancelled(), if !requests.is_closed() => {
                // Nothing new; what is in the channel still comes.
                requests.close();
                continue;
            }
        };
        let Some(first) = first else { break };
        let mut bytes = first.bytes;
        let mut taken = vec![first];
        let linger = Instant::now() + intake.config.batch_linger;
        let mut has_lingered = false;
        let slot = loop {
            let is_full = bytes >= intake.config.batch_bytes;
            // While a batch is being stored, the next one grows: what an INSERT costs hardly depends on what it holds.
            let may_start = is_full
                || has_lingered && slots.available_permits() == intake.config.batches_in_flight
                || bytes >= intake.config.batch_bytes / 2;
            tokio::select! {
                slot = Arc::clone(&slots).acquire_owned(), if may_start => break slot,
                request = requests.recv(), if !is_full => match request {
                    Some(request) => {
                        bytes += request.bytes;
                        taken.push(request);
                    }
                    // Stopping: no reason to linger.
                    None => break Arc::clone(&slots).acquire_owned().await,
                },
                () = sleep_until(linger), if !has_lingered => has_lingered = true,
                Some(_) = batches.join_next() => {}
            }
        };
        let intake = Arc::clone(&intake);
        batches.spawn(async move {
            intake.batch(taken).await;
            drop(slot);
        });
    }
    batches.join_all().await;
}

impl Intake {
    pub(crate) fn new(
        config: Config,
        store: Store,
        rules: &'static Rules,
        rule_set: u32,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
    ) -> Self {
        let workers = Arc::new(Semaphore::new(config.workers.max(1)));
        Self {
            config,
            store,
            rules,
            rule_set,
            outbox,
            counters,
            workers,
            news: NewsIds::new(),
        }
    }

    /// Classifies and stores requests together, and answers each.
    async fn batch(&self, requests: Vec<Request>) {
        let (mut chunks, mut callers) = (Vec::new(), Vec::new());
        for (caller, request) in requests.into_iter().enumerate() {
            chunks.extend(request.chunks.into_iter().map(|chunk| (caller, chunk)));
            callers.push((request.reply, request._room, Ok(())));
        }
        let taken = chunks.len();
        let mut rows: Vec<(usize, ChunkRows)> = Vec::with_capacity(taken);
        for (caller, result) in self.classify(chunks).await {
            match result {
                Ok(of_chunk) => rows.push((caller, of_chunk)),
                Err(error) => {
                    tracing::error!(%error, "chunk refused");
                    callers[caller].2 = Err(error);
                }
            }
        }
        // All of a caller or nothing: it is acknowledged as a whole.
        rows.retain(|(caller, _)| callers[*caller].2.is_ok());
        let rows: Vec<ChunkRows> = rows.into_iter().map(|(_, rows)| rows).collect();
        let count = |what: &AtomicU64, more: u64| what.fetch_add(more, Ordering::Relaxed);
        let (taken, stored) = (taken as u64, rows.len() as u64);
        let bytes: u64 = rows.iter().map(|rows| rows.chunk.length).sum();
        let events: usize = rows.iter().map(|rows| rows.events.len()).sum();
        let noise: usize = rows.iter().map(|rows| rows.noise.len()).sum();
        match self.insert(rows).await {
            Ok(()) => {
                count(&self.counters.chunks, stored);
                count(&self.counters.bytes, bytes);
                count(&self.counters.events, events as u64);
                count(&self.counters.noise, noise as u64);
                count(&self.counters.refused, taken - stored);
            }
            Err(error) => {
                count(&self.counters.refused, taken);
                for (_, _, result) in callers.iter_mut().filter(|(_, _, result)| result.is_ok()) {
                    *result = Err(error.clone());
                }
            }
        }
        for (reply, room, result) in callers {
            // A caller that gave up waiting sends again.
            let _ = reply.send(result);
            drop(room);
        }
    }

    /// Classifies chunks on the worker threads, in the order given.
    async fn classify(
        &self,
        chunks: Vec<(usize, Chunk)>,
    ) -> Vec<(usize, Result<ChunkRows, PipelineError>)> {
        let count = chunks.len();
        // Alternating, because neighbours in a batch are neighbours in a log and cost alike.
        let mut shares: Vec<Vec<(usize, usize, Chunk)>> = (0..self.config.workers.max(1))
            .map(|_| Vec::new())
            .collect();
        for (at, (caller, chunk)) in chunks.into_iter().enumerate() {
            let share = at % shares.len();
            shares[share].push((at, caller, chunk));
        }
        let mut work = JoinSet::new();
        for share in shares.into_iter().filter(|share| !share.is_empty()) {
            let (workers, rules, config) =
                (Arc::clone(&self.workers), self.rules, self.config.clone());
            work.spawn(async move {
                let _worker = workers.acquire_owned().await;
                let classify = move || -> Vec<_> {
                    share
                        .into_iter()
                        .map(|(at, caller, chunk)| (at, caller, rows_of(rules, &config, chunk)))
                        .collect()
                };
                tokio::task::spawn_blocking(classify)
                    .await
                    .unwrap_or_default()
            });
        }
        let mut results = Vec::with_capacity(count);
        for share in work.join_all().await {
            results.extend(share);
        }
        results.sort_by_key(|(at, _, _)| *at);
        results
            .into_iter()
            .map(|(_, caller, result)| (caller, result))
            .collect()
    }

    async fn insert(&self, rows: Vec<ChunkRows>) -> Result<(), PipelineError> {
        if rows.is_empty() {
            return Ok(());
        }
        let news = self.news.next();
        self.outbox.begin(news);
        let mut stored = Vec::new();
        let result = self
            .insert_all(Batch::new(self.rule_set, news, rows), &mut stored)
            .await;
        let stored: Vec<&Batch> = if result.is_ok() {
            stored.iter().collect()
        } else {
            Vec::new()
        };
        self.outbox.finish(news, &stored, std::time::Instant::now());
        result
    }

    async fn insert_all(&self, batch: Batch, stored: &mut Vec<Batch>) -> Result<(), PipelineError> {
        let give_up_at = self.config.give_up.map(|time| Instant::now() + time);
        let mut backoff = FIRST_BACKOFF;
        let mut open = vec![batch];
        while let Some(batch) = open.pop() {
            let Err(error) = self.store.insert_batch(&batch).await else {
                stored.push(batch);
                continue;
            };
            match error.class() {
                ErrorClass::Data => {
                    tracing::error!(%error, chunks = batch.chunks().len(), "the store refuses a batch");
                    return Err(PipelineError::Refused {
                        reason: error.to_string(),
                    });
                }
                ErrorClass::Halve if batch.chunks().len() > 1 => {
                    let (half, rest) = batch.halve();
                    open.push(half);
                    open.extend(rest);
                    continue;
                }
                _ => open.push(batch),
            }
            if give_up_at.is_some_and(|at| Instant::now() + backoff >= at) {
                tracing::error!(%error, "batch not stored, its senders are told");
                let reason = error.to_string();
                return Err(if error.is_full() {
                    PipelineError::Full { reason }
                } else {
                    PipelineError::Unavailable { reason }
                });
            }
            tracing::warn!(%error, backoff_ms = backoff.as_millis() as u64, "batch is stored again");
            sleep(backoff).await;
            backoff = (backoff * 2).min(LONGEST_BACKOFF);
        }
        Ok(())
    }
}

/// A store that hiccups is back at once.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longer waits would use up the time that senders give us.
const LONGEST_BACKOFF: Duration = Duration::from_secs(4);
