//! From chunks handed over to rows that are durable.

mod answered;
mod lanes;
mod wakes;

use crate::{
    ActiveSet, Config, Names, PipelineError,
    letters::{Death, letter_of},
    names::Resolved,
    outbox::Outbox,
    rule_sets::Current,
    status::{Counters, Counts},
    step::{Poison, rows_of},
};
use answered::Answered;
use event::Chunk;
use futures_util::{FutureExt, future::join_all};
use lanes::{Caller, Classified, Lane, Lanes};
use metrics::histogram;
use std::{
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use store::{
    Batch, ChunkRows, DeadLetter, Erasures, ErrorClass, NEWS_NAMES, OpenNews, Store, StoreError,
    Turns,
};
use tokio::{
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc, oneshot},
    task::JoinSet,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;
use wakes::{StreamEnds, Streams};

/// Gives chunks to the pipeline. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    requests: mpsc::Sender<Request>,
    room: Arc<Semaphore>,
    room_kib: u32,
    queue_wait: Duration,
    streams: Arc<Streams>,
    answered: Arc<Answered>,
}

/// Chunks of one caller, acknowledged together.
pub(crate) struct Request {
    chunks: Vec<Arc<Chunk>>,
    bytes: usize,
    /// When its streams last changed hands before it came.
    epoch: u64,
    /// Its caller does nothing before it is stored.
    at_once: bool,
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
                streams: Arc::default(),
                answered: Arc::default(),
            },
            receiver,
        )
    }

    /// Stores chunks; returns `Ok` only when all their rows are durable.
    ///
    /// May be called in parallel, and again after an error or when the caller gave up waiting: repeats fold.
    /// A caller that may have to repeat gives shared chunks, and keeps them.
    pub async fn store<C: Into<Arc<Chunk>>>(&self, chunks: Vec<C>) -> Result<(), PipelineError> {
        self.take(self.streams.epoch(), true, chunks).await
    }

    /// The same, but where little comes it may wait for others to be stored with, for [`Config::batch_pause`] at most. Not so what comes
    /// right after an answer: whoever sends it had waited for that, and would wait again and again.
    pub async fn store_together<C: Into<Arc<Chunk>>>(
        &self,
        chunks: Vec<C>,
    ) -> Result<(), PipelineError> {
        self.take(self.streams.epoch(), false, chunks).await
    }

    /// The same, of chunks whose streams last changed hands at `epoch`, a number that grows each time: where several pipelines share a
    /// fleet, others may have stored chunks of them before.
    pub(crate) async fn store_together_since<C: Into<Arc<Chunk>>>(
        &self,
        epoch: u64,
        chunks: Vec<C>,
    ) -> Result<(), PipelineError> {
        self.take(epoch, false, chunks).await
    }

    async fn take<C: Into<Arc<Chunk>>>(
        &self,
        epoch: u64,
        at_once: bool,
        chunks: Vec<C>,
    ) -> Result<(), PipelineError> {
        self.streams.moved(epoch);
        let chunks: Vec<Arc<Chunk>> = chunks.into_iter().map(Into::into).collect();
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
        let visit = self.answered.visit(&chunks[0]);
        let at_once = at_once || visit.had_waited;
        let (reply, answer) = oneshot::channel();
        let request = Request {
            chunks,
            bytes,
            epoch,
            at_once,
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

/// What a chunk adds to what was stored, or takes from it where it is refused.
fn add(sums: &mut Counts, rows: &ChunkRows, change: fn(u64, u64) -> u64) {
    // What is lost has no bytes that are stored.
    let bytes = match rows.chunk.is_gap() {
        true => 0,
        false => rows.chunk.length,
    };
    for (sum, own) in [
        (&mut sums.chunks, 1),
        (&mut sums.bytes, bytes),
        (&mut sums.events, rows.events.len() as u64),
        (&mut sums.noise, rows.noise.len() as u64),
        (&mut sums.orphans, rows.unread.orphans),
        (&mut sums.loose_bytes, rows.unread.loose_bytes),
        (&mut sums.half_read, rows.unread.half_read),
    ] {
        *sum = change(*sum, own);
    }
}

fn kib(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}

/// What every batch needs.
pub(crate) struct Intake {
    config: Config,
    store: Store,
    rules: Arc<Current>,
    outbox: Arc<Outbox>,
    counters: Arc<Counters>,
    workers: Arc<Semaphore>,
    lanes: Lanes,
    turns: Turns,
    news: NewsIds,
    streams: Arc<Streams>,
    names: Names,
}

/// Names of batches in the outbox: a random start and a counter, so that no two processes meet, however close they start. A name is
/// never used again, or closing one batch's news would close another's. They never reach an answer.
///
/// A random number for each batch would meet another after some billions of them; runs of a fleet's life (2^40 names) from random
/// starts do so once in millions of fleets.
struct NewsIds(AtomicU64);

impl NewsIds {
    fn new() -> Self {
        // The standard library seeds it from the operating system.
        let seed = std::hash::RandomState::new();
        Self(AtomicU64::new(std::hash::BuildHasher::hash_one(&seed, ())))
    }

    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) % NEWS_NAMES
    }
}

/// Collects chunks into batches and stores them, until shutdown; then finishes what was taken.
pub(crate) async fn run(
    intake: Arc<Intake>,
    mut requests: mpsc::Receiver<Request>,
    shutdown: CancellationToken,
) {
    let slots = Arc::new(Semaphore::new(intake.config.batches_in_flight));
    let all_slots = u32::try_from(intake.config.batches_in_flight).unwrap_or(u32::MAX);
    let mut batches: JoinSet<()> = JoinSet::new();
    // When the last batch began.
    let mut last: Option<Instant> = None;
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
        let (mut bytes, mut at_once) = (first.bytes, first.at_once);
        let mut taken = vec![first];
        let soon = Instant::now() + intake.config.batch_linger;
        let next = last.map_or(soon, |last| soon.max(last + intake.config.batch_pause));
        let mut has_lingered = false;
        let slot = loop {
            let is_full = bytes >= intake.config.batch_bytes;
            // While a batch is being stored, the next one grows: what an INSERT costs hardly depends on what it holds.
            let may_start = bytes >= intake.config.batch_bytes / 2;
            // Where little comes, it waits until the next batch is due.
            let is_little = !at_once && bytes < intake.config.batch_little;
            let linger = if is_little { next } else { soon };
            tokio::select! {
                slot = Arc::clone(&slots).acquire_owned(), if may_start => break slot,
                // Asked of the slots and not of the batches: one that goes on with an endpoint's lane has given its slot back, and
                // who waits here must not wait for its end. Only this loop takes slots, so there is one once all were free.
                free = slots.acquire_many(all_slots), if has_lingered && !may_start => {
                    drop(free);
                    break Arc::clone(&slots).acquire_owned().await;
                }
                request = requests.recv(), if !is_full => match request {
                    Some(request) => {
                        bytes += request.bytes;
                        at_once |= request.at_once;
                        taken.push(request);
                    }
                    // Stopping: no reason to linger.
                    None => break Arc::clone(&slots).acquire_owned().await,
                },
                () = sleep_until(linger), if !has_lingered => has_lingered = true,
                () = shutdown.cancelled(), if !requests.is_closed() => requests.close(),
                Some(_) = batches.join_next() => {}
            }
        };
        last = Some(Instant::now());
        let intake = Arc::clone(&intake);
        batches.spawn(async move { intake.batch(taken, slot).await });
    }
    batches.join_all().await;
}

impl Intake {
    pub(crate) fn new(
        handle: &Handle,
        config: Config,
        store: Store,
        rules: Arc<Current>,
        outbox: Arc<Outbox>,
        counters: Arc<Counters>,
    ) -> Self {
        let workers = Arc::new(Semaphore::new(config.workers.max(1)));
        Self {
            lanes: Lanes::new(config.wide_bytes),
            turns: Turns::new(config.months_at_once),
            config,
            store,
            rules,
            outbox,
            counters,
            workers,
            news: NewsIds::new(),
            streams: Arc::clone(&handle.streams),
            names: Names::default(),
        }
    }

    /// Classifies and stores requests together, and answers each. What touches many months is stored behind them and apart.
    async fn batch(
        &self,
        requests: Vec<Request>,
        slot: Result<OwnedSemaphorePermit, AcquireError>,
    ) {
        let bytes: usize = requests.iter().map(|request| request.bytes).sum();
        histogram!("cbsift_pipeline_batch_bytes").record(bytes as f64);
        let (mut chunks, mut callers) = (Vec::new(), Vec::new());
        for request in requests {
            callers.push(Caller {
                chunks: request.chunks.len(),
                bytes: request.bytes,
                epoch: request.epoch,
                reply: request.reply,
                _room: request._room,
            });
            chunks.extend(request.chunks);
        }
        self.counters
            .read
            .fetch_add(chunks.len() as u64, Ordering::Relaxed);
        // One set for the whole batch, whatever is published meanwhile.
        let set = match self.rules.get() {
            Ok(set) => set,
            Err(error) => return self.answer(callers, &Err(error.into())),
        };
        let (chunks, erased) = match self.under_their_endpoints(chunks).await {
            Ok(resolved) => (resolved.chunks, resolved.erased),
            Err(error) => return self.answer(callers, &Err(error)),
        };
        let mut results = match self.classify(&set, chunks).await {
            Ok(results) => self.without_erased(results, &erased).into_iter(),
            Err(error) => return self.answer(callers, &Err(error)),
        };
        let classified: Vec<Classified> = callers
            .into_iter()
            .map(|caller| {
                let of_caller = results.by_ref().take(caller.chunks).flatten();
                Classified::new(&set, caller, of_caller)
            })
            .collect();
        let (narrow, wide) = lanes::part(classified, self.turns.months());
        self.settle(narrow, None).await;
        let (lanes, refused) = self.lanes.add(wide);
        let retry_after = self.config.queue_wait;
        self.answer(refused, &Err(PipelineError::Busy { retry_after }));
        // The next batch may start: what is left here takes turns with others of its kind.
        drop(slot);
        join_all(lanes.into_iter().map(|lane| self.drain(lane))).await;
    }

    /// Chunks under the endpoints that their names stand for.
    async fn under_their_endpoints(
        &self,
        chunks: Vec<Arc<Chunk>>,
    ) -> Result<Resolved, PipelineError> {
        let mut patience = Patience::new(self.config.give_up);
        loop {
            match self.names.resolve(&self.store, chunks.clone()).await {
                Ok(resolved) => {
                    if resolved.is_moving {
                        // Whoever moves an endpoint stores chunks of its logs too.
                        self.streams.clear();
                    }
                    return Ok(resolved);
                }
                Err(error) => patience.wait(&error, "names of endpoints").await?,
            }
        }
    }

    /// Leaves out what a machine logged before it was erased: read again from Kafka, late, or sent once more. It is acknowledged, or it would
    /// come for ever. What cannot be classified is of a machine that was erased whenever it was logged.
    fn without_erased(
        &self,
        results: Vec<Result<ChunkRows, Box<Poison>>>,
        erased: &[Option<i64>],
    ) -> Vec<Option<Result<ChunkRows, Box<Poison>>>> {
        let kept = results.into_iter().zip(erased).map(|(result, until)| {
            let is_erased = until.is_some_and(|until| match &result {
                Ok(rows) => Erasures::refuses(until, rows.chunk.received_ms, rows.first),
                Err(_) => true,
            });
            if is_erased {
                self.counters.erased.fetch_add(1, Ordering::Relaxed);
            }
            (!is_erased).then_some(result)
        });
        kept.collect()
    }

    /// Stores what waits of an endpoint until nothing does.
    async fn drain(&self, lane: Lane) {
        while let Some(waiting) = self.lanes.take(&lane) {
            let bytes = waiting.iter().map(|one| one.caller.bytes).sum();
            for of_set in lanes::by_set(waiting) {
                self.settle(of_set, Some(&self.turns)).await;
            }
            self.lanes.stored(&lane, bytes);
        }
    }

    /// Tells callers. One that gave up waiting sends again.
    fn answer(&self, callers: Vec<Caller>, result: &Result<(), PipelineError>) {
        for caller in callers {
            if result.is_err() {
                self.counters
                    .refused
                    .fetch_add(caller.chunks as u64, Ordering::Relaxed);
            }
            let _ = caller.reply.send(result.clone());
        }
    }

    /// Brings every chunk of one rule set into the store: its rows, or the chunk itself as a dead letter.
    async fn settle(&self, classified: Vec<Classified>, turns: Option<&Turns>) {
        let Some(set) = classified.first().map(|one| Arc::clone(&one.set)) else {
            return;
        };
        let (mut rows, mut letters, mut callers) = (Vec::new(), Vec::new(), Vec::new());
        for one in classified {
            rows.extend(one.rows);
            letters.extend(one.letters);
            callers.push(one.caller);
        }
        // Taken before streams changed hands: who has them since may have gone on from there.
        let is_late = || {
            let epoch = self.streams.epoch();
            callers.iter().any(|caller| caller.epoch != epoch)
        };
        let mut ends = StreamEnds::default();
        if is_late() || !letters.is_empty() {
            self.streams.clear();
        } else {
            ends = self.streams.ask(&self.store, &rows).await;
        }
        let result = self.store_all(&set, rows, &ends, letters, turns).await;
        if is_late() {
            self.streams.clear();
        }
        self.answer(callers, &result);
    }

    async fn store_all(
        &self,
        set: &ActiveSet,
        rows: Vec<ChunkRows>,
        ends: &StreamEnds,
        mut letters: Vec<DeadLetter>,
        turns: Option<&Turns>,
    ) -> Result<(), PipelineError> {
        let panicked = letters.len();
        let count = |what: &AtomicU64, more: u64| what.fetch_add(more, Ordering::Relaxed);
        let mut sums = Counts::default();
        for rows in &rows {
            add(&mut sums, rows, u64::wrapping_add);
        }
        for (rows, reason) in self.insert(set, rows, ends, turns).await? {
            letters.push(letter_of(
                &rows.chunk,
                Death::Refused,
                &reason,
                set.sequence,
            ));
            add(&mut sums, &rows, u64::wrapping_sub);
        }
        let refused = letters.len() - panicked;
        self.bury(&letters).await?;
        count(&self.counters.chunks, sums.chunks);
        count(&self.counters.bytes, sums.bytes);
        count(&self.counters.events, sums.events);
        count(&self.counters.noise, sums.noise);
        count(&self.counters.orphans, sums.orphans);
        count(&self.counters.loose_bytes, sums.loose_bytes);
        count(&self.counters.half_read, sums.half_read);
        count(&self.counters.dead_lettered_panic, panicked as u64);
        count(&self.counters.dead_lettered_refused, refused as u64);
        Ok(())
    }

    /// Classifies chunks on the worker threads, in the order given.
    async fn classify(
        &self,
        set: &Arc<ActiveSet>,
        chunks: Vec<Arc<Chunk>>,
    ) -> Result<Vec<Result<ChunkRows, Box<Poison>>>, PipelineError> {
        let count = chunks.len();
        // Alternating, because neighbours in a batch are neighbours in a log and cost alike.
        let mut shares: Vec<Vec<(usize, Arc<Chunk>)>> = (0..self.config.workers.max(1))
            .map(|_| Vec::new())
            .collect();
        for (at, chunk) in chunks.into_iter().enumerate() {
            let share = at % shares.len();
            shares[share].push((at, chunk));
        }
        let mut work = JoinSet::new();
        for share in shares.into_iter().filter(|share| !share.is_empty()) {
            let (workers, set, config) = (
                Arc::clone(&self.workers),
                Arc::clone(set),
                self.config.clone(),
            );
            work.spawn(async move {
                let _worker = workers.acquire_owned().await;
                let classify = move || -> Vec<_> {
                    share
                        .into_iter()
                        .map(|(at, chunk)| (at, rows_of(&set.rules, &config, chunk)))
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
        // A worker that was not run, because the runtime ends: what is missing here must not be acknowledged.
        if results.len() != count {
            return Err(PipelineError::Stopping);
        }
        results.sort_by_key(|(at, _)| *at);
        Ok(results.into_iter().map(|(_, result)| result).collect())
    }

    /// Stores rows; returns those that the store refuses alone, each with what it said.
    async fn insert(
        &self,
        set: &ActiveSet,
        mut rows: Vec<ChunkRows>,
        ends: &StreamEnds,
        turns: Option<&Turns>,
    ) -> Result<Vec<(ChunkRows, String)>, PipelineError> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let learnt = self.streams.decide(&mut rows, ends);
        let news = self.news.next();
        let flight = self.outbox.begin(news, std::time::Instant::now());
        let mut stored = Vec::new();
        let storing = self.insert_all(Batch::new(set.sequence, news, rows), turns, &mut stored);
        // A panic ends neither the lane of an endpoint nor this news: both would be held for ever. Its text may quote a record.
        let result = AssertUnwindSafe(storing)
            .catch_unwind()
            .await
            .unwrap_or_else(|_| {
                let reason = "storing the batch panicked".to_owned();
                Err(PipelineError::Unavailable { reason })
            });
        match &result {
            Ok(refused) if refused.is_empty() => self.streams.learn(learnt),
            // What of it is in the store, nobody knows for sure.
            _ => self.streams.clear(),
        }
        let stored: Vec<&Batch> = if result.is_ok() {
            stored.iter().collect()
        } else {
            Vec::new()
        };
        let now = std::time::Instant::now();
        let left = self.outbox.finish(flight, &stored, now);
        // Where nobody else closes news, what there was no room for is open as it is.
        if !left.is_empty() && !self.config.is_alone() {
            let handed = self.hand_over(&left).await;
            // It comes again, and must bring its news again.
            handed.inspect_err(|_| self.streams.clear())?;
        }
        result
    }

    /// Leaves what was stored and does not wait here to whoever derives it, which may be this process. Only then may it be acknowledged: who
    /// finds its first news before all of it is stored derives too little and closes that.
    async fn hand_over(&self, news: &[OpenNews]) -> Result<(), PipelineError> {
        let mut patience = Patience::new(self.config.give_up);
        while let Err(error) = self.store.hand_over_news(news).await {
            patience.wait(&error, "news that is handed over").await?;
        }
        let count = news.len() as u64;
        self.counters
            .handed_over
            .fetch_add(count, Ordering::Relaxed);
        Ok(())
    }

    async fn insert_all(
        &self,
        batch: Batch,
        turns: Option<&Turns>,
        stored: &mut Vec<Batch>,
    ) -> Result<Vec<(ChunkRows, String)>, PipelineError> {
        let chunks = batch.chunks().len();
        let mut patience = Patience::new(self.config.give_up);
        let mut refused: Vec<(ChunkRows, String)> = Vec::new();
        let mut open = vec![batch];
        while let Some(batch) = open.pop() {
            let Err(error) = self.insert_batch(&batch, turns).await else {
                stored.push(batch);
                continue;
            };
            match error.class() {
                // The offender is found by halving; the others of the batch are stored.
                ErrorClass::Data | ErrorClass::Halve if batch.chunks().len() > 1 => {
                    let (half, rest) = batch.halve();
                    open.push(half);
                    open.extend(rest);
                }
                ErrorClass::Data => {
                    let reason = error.to_string();
                    refused.extend(
                        batch
                            .into_chunks()
                            .into_iter()
                            .map(|rows| (rows, reason.clone())),
                    );
                }
                _ => {
                    patience.wait(&error, "batch").await?;
                    open.push(batch);
                }
            }
        }
        match refused.first() {
            // Whatever came: the fault lies in us or in the tables, and is not buried chunk by chunk.
            Some((_, reason)) if chunks > 1 && refused.len() == chunks => {
                tracing::error!(reason, chunks, "the store refuses a whole batch");
                Err(PipelineError::Refused {
                    reason: reason.clone(),
                })
            }
            _ => Ok(refused),
        }
    }

    async fn insert_batch(&self, batch: &Batch, turns: Option<&Turns>) -> Result<(), StoreError> {
        #[cfg(feature = "testing")]
        if batch
            .chunks()
            .iter()
            .any(|rows| crate::step::is_planted(&self.config.planted.refused, &rows.chunk))
        {
            return Err(store::testing::refusal());
        }
        match turns {
            Some(turns) => self.store.insert_batch_in_turns(batch, turns).await,
            None => self.store.insert_batch(batch).await,
        }
    }

    /// Keeps dead letters; only then may their chunks be acknowledged.
    async fn bury(&self, letters: &[DeadLetter]) -> Result<(), PipelineError> {
        if letters.is_empty() {
            return Ok(());
        }
        let mut patience = Patience::new(self.config.give_up);
        while let Err(error) = self.store.insert_dead_letters(letters).await {
            patience.wait(&error, "dead letters").await?;
        }
        for letter in letters {
            // What a panic says quotes the record: it stays in the letter.
            let detail = (letter.reason != Death::Panic.reason()).then_some(&letter.message);
            tracing::error!(
                id = letter.id,
                endpoint = letter.endpoint,
                path = letter.path,
                offset = letter.offset,
                reason = letter.reason,
                // Not `message`, which is the line's own.
                detail,
                "a chunk cannot be processed and is kept as a dead letter"
            );
        }
        Ok(())
    }
}

/// Waits between tries of one thing, longer each time, until its senders must be told.
struct Patience {
    give_up_at: Option<Instant>,
    backoff: Duration,
}

impl Patience {
    fn new(give_up: Option<Duration>) -> Self {
        Self {
            give_up_at: give_up.map(|time| Instant::now() + time),
            backoff: FIRST_BACKOFF,
        }
    }

    /// Returns when it is time to try again.
    async fn wait(&mut self, error: &StoreError, what: &'static str) -> Result<(), PipelineError> {
        // Who waits for us tries again later: a full disk is not emptied within the time that a sender gives us.
        let is_full = error.is_full() && self.backoff > FULL_BACKOFF;
        if self
            .give_up_at
            .is_some_and(|at| is_full || Instant::now() + self.backoff >= at)
        {
            tracing::error!(%error, what, "not stored, the senders are told");
            let reason = error.to_string();
            return Err(if error.is_full() {
                PipelineError::Full { reason }
            } else {
                PipelineError::Unavailable { reason }
            });
        }
        tracing::warn!(%error, what, backoff_ms = self.backoff.as_millis() as u64, "stored again after a while");
        sleep(self.backoff).await;
        self.backoff = (self.backoff * 2).min(LONGEST_BACKOFF);
        Ok(())
    }
}

/// A store that hiccups is back at once.
const FIRST_BACKOFF: Duration = Duration::from_millis(100);

/// Longer waits would use up the time that senders give us.
const LONGEST_BACKOFF: Duration = Duration::from_secs(4);

/// What the engine has replaced goes within a second or two; a disk that is full for longer stays so.
const FULL_BACKOFF: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn processes_that_start_at_once_name_no_batch_alike() {
        // Made within one microsecond, as two pipelines of one start may be.
        let processes: Vec<NewsIds> = (0..50).map(|_| NewsIds::new()).collect();
        let names = processes
            .iter()
            .flat_map(|names| (0..1_000).map(|_| names.next()));
        assert_eq!(names.collect::<BTreeSet<u64>>().len(), 50_000);
    }
}
