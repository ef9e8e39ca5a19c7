//! Does what a plan says: stored chunks are classified with a job's rules, whose rows win as those of any newer rule set do, and what only
//! older ones made is taken back. Then whoever derives is asked for the answers.
//!
//! May be killed anywhere and run again: every row is the same however often it is written, and a step says how far reading is.

use super::jobs::rules_of;
use crate::{Config, step::rows_of};
use classify::Rules;
use event::{Chunk, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, Instant},
};
use store::{Batch, ChunkRows, Job, JobState, JobStep, Selection, Store, Turns};
use xxhash_rust::xxh3::xxh3_64;

/// How fast a job goes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Threads that classify.
    pub workers: usize,
    /// It waits while more units than this are left to derive: live pipelines come first.
    pub max_pending: u64,
    /// Between two looks at what is left to derive.
    pub look: Duration,
    /// Whether it ends only when readers see all of it.
    pub is_waited_for: bool,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            workers: 1,
            max_pending: 2_000,
            look: Duration::from_secs(1),
            is_waited_for: false,
        }
    }
}

/// Units asked for at once: some seconds of deriving.
const UNITS_AT_ONCE: usize = 500;

/// Endpoints that a question names.
const ENDPOINTS_AT_ONCE: usize = 500;

/// Months that an INSERT may be made into at once.
const MONTHS_AT_ONCE: usize = 8;

/// Looks for chunks that somebody who slept has stored meanwhile.
const LOOKS: usize = 3;

struct Run<'a> {
    store: &'a Store,
    job: &'a Job,
    of: Selection,
    rules: Arc<Rules>,
    pace: Pace,
    turns: Turns,
    progress: &'a (dyn Fn(&JobStep) + Sync),
    step: JobStep,
    now: &'a (dyn Fn() -> i64 + Sync),
    looked: Option<Instant>,
    gives_noise: bool,
    /// It was cut short while it took something back, and nobody knows how much that was.
    is_taken_up: bool,
}

/// Does a job that was begun, from where it was cut short, to its end.
pub async fn apply(
    store: &Store,
    job: &Job,
    pace: Pace,
    now: &(dyn Fn() -> i64 + Sync),
    progress: &(dyn Fn(&JobStep) + Sync),
) -> anyhow::Result<JobStep> {
    let mut run = Run::new(store, job, pace, now, progress).await?;
    if run.step.phase == "classify" {
        let of = run.of.clone();
        run.classify(&of, true).await?;
        run.enter("take_back").await?;
    }
    run.finish().await
}

/// Looks through a job that is applied for what somebody stored with older rules since, a pipeline that slept across the switch, and makes
/// good for it.
pub async fn sweep(
    store: &Store,
    job: &Job,
    pace: Pace,
    now: &(dyn Fn() -> i64 + Sync),
    progress: &(dyn Fn(&JobStep) + Sync),
) -> anyhow::Result<JobStep> {
    let mut run = Run::new(store, job, pace, now, progress).await?;
    if run.step.phase == "done" {
        run.step.round += 1;
        run.enter("take_back").await?;
    }
    run.finish().await
}

impl<'a> Run<'a> {
    async fn new(
        store: &'a Store,
        job: &'a Job,
        pace: Pace,
        now: &'a (dyn Fn() -> i64 + Sync),
        progress: &'a (dyn Fn(&JobStep) + Sync),
    ) -> anyhow::Result<Self> {
        let of = job.selection();
        let known = store.job_step(&job.tenant, &job.id).await?;
        let mut step = known.unwrap_or_else(|| JobStep {
            tenant: job.tenant.clone(),
            id: job.id.clone(),
            phase: "classify".to_owned(),
            ..JobStep::default()
        });
        if step.step == 0 {
            let months = store.months_of_chunks(&job.tenant, &of).await?;
            step.bytes_total = months.iter().map(|(_, bytes)| bytes).sum();
        }
        Ok(Self {
            rules: rules_of(job)?,
            turns: Turns::new(MONTHS_AT_ONCE),
            looked: None,
            gives_noise: store.has_gone_noise(&job.tenant).await?,
            is_taken_up: step.phase == "take_back",
            store,
            job,
            of,
            pace,
            progress,
            step,
            now,
        })
    }

    async fn enter(&mut self, phase: &str) -> anyhow::Result<()> {
        phase.clone_into(&mut self.step.phase);
        self.note().await
    }

    async fn note(&mut self) -> anyhow::Result<()> {
        self.step.step += 1;
        self.step.at = (self.now)();
        self.store.put_job_step(&self.step).await?;
        (self.progress)(&self.step);
        Ok(())
    }

    /// Live pipelines come first.
    async fn give_way(&mut self) -> anyhow::Result<()> {
        let is_due = self.looked.is_none_or(|at| at.elapsed() >= self.pace.look);
        if !is_due {
            return Ok(());
        }
        let mut waits = 0_u64;
        loop {
            let pending = self.store.pending_units().await?;
            self.looked = Some(Instant::now());
            if pending <= self.pace.max_pending {
                return Ok(());
            }
            if waits.is_multiple_of(30) {
                tracing::info!(
                    pending,
                    max_pending = self.pace.max_pending,
                    "the job waits for derivations"
                );
            }
            waits += 1;
            tokio::time::sleep(self.pace.look).await;
        }
    }

    /// Classifies chunks. What is noted of the place is of the whole selection only.
    async fn classify(&mut self, of: &Selection, is_whole: bool) -> anyhow::Result<()> {
        let tenant = self.job.tenant.clone();
        let months = self.store.months_of_chunks(&tenant, of).await?;
        let known = if is_whole { self.step.place() } else { None };
        for (month, _) in months {
            let mut place = match &known {
                Some((reached, _)) if month < *reached => continue,
                Some((reached, place)) if month == *reached => Some(place.clone()),
                _ => None,
            };
            loop {
                self.give_way().await?;
                let begun = Instant::now();
                let read = self
                    .store
                    .chunks_of_month(&tenant, of, month, place.as_ref());
                let Some((chunks, next)) = read.await? else {
                    break;
                };
                self.put(chunks).await?;
                self.step.busy_ms += u64::try_from(begun.elapsed().as_millis()).unwrap_or(0);
                if is_whole {
                    self.step.reach(month, &next);
                    self.note().await?;
                }
                place = Some(next);
            }
        }
        Ok(())
    }

    /// Stores what the rules make of chunks.
    async fn put(&mut self, chunks: Vec<Chunk>) -> anyhow::Result<()> {
        let count = chunks.len() as u64;
        self.step.chunks += count;
        self.step.bytes += chunks.iter().map(|chunk| chunk.length).sum::<u64>();
        let rows = self.rows(chunks).await?;
        self.step.poisoned += count - rows.len() as u64;
        for rows in &rows {
            self.step.records += u64::from(rows.records);
            self.step.events += rows.events.len() as u64;
        }
        if self.gives_noise {
            let tenant = &self.job.tenant;
            let again = self
                .store
                .give_noise_again(tenant, &rows, self.job.rule_set);
            again.await?;
        }
        let batch = Batch::new(self.job.rule_set, 0, rows);
        self.store.insert_reclassified(&batch, &self.turns).await?;
        Ok(())
    }

    async fn rows(&self, chunks: Vec<Chunk>) -> anyhow::Result<Vec<ChunkRows>> {
        let workers = self.pace.workers.max(1);
        let mut shares: Vec<Vec<Chunk>> = (0..workers).map(|_| Vec::new()).collect();
        for (at, chunk) in chunks.into_iter().enumerate() {
            shares[at % workers].push(chunk);
        }
        let mut work = tokio::task::JoinSet::new();
        for share in shares {
            let rules = Arc::clone(&self.rules);
            work.spawn_blocking(move || -> Vec<ChunkRows> {
                let config = Config::default();
                let chunks = share.into_iter();
                chunks
                    .filter_map(|chunk| rows_of(&rules, &config, Arc::new(chunk)).ok())
                    .collect()
            });
        }
        let mut rows = Vec::new();
        while let Some(share) = work.join_next().await {
            // The error of the task quotes the panic, and that the text of a log.
            rows.extend(share.map_err(|_| anyhow::anyhow!("classifying stored chunks panicked"))?);
        }
        Ok(rows)
    }

    /// All that is left once chunks are classified.
    async fn finish(&mut self) -> anyhow::Result<JobStep> {
        let (tenant, set) = (self.job.tenant.clone(), self.job.rule_set);
        if self.step.phase == "take_back" {
            self.catch_up().await?;
            let rules: Vec<String> = self
                .rules
                .iter()
                .filter(|rule| rule.noise)
                .map(|rule| rule.id.clone())
                .collect();
            for (month, endpoints) in by_month(&self.units().await?) {
                let back = self.store.take_back(&tenant, &endpoints, month, set);
                self.step.taken_back += back.await?;
                let noise = self
                    .store
                    .take_noise_back(&tenant, &endpoints, month, set, &rules);
                self.step.taken_back += noise.await?;
            }
            self.enter("derive").await?;
        }
        let name = self.name();
        if self.step.phase == "derive" {
            let units = self.units().await?;
            for some in units.chunks(UNITS_AT_ONCE) {
                self.give_way().await?;
                self.store.ask_for_units(some, name).await?;
            }
            self.step.units = units.len() as u64;
            self.enter("count").await?;
        }
        if self.step.phase == "count" {
            let is_less = self.step.taken_back > 0 || self.is_taken_up;
            if self.job.is_recounted() || self.job.is_rollback() || is_less {
                for month in by_month(&self.units().await?).into_keys() {
                    self.store.recount(&tenant, month).await?;
                }
            }
            self.enter("done").await?;
        }
        while self.pace.is_waited_for && self.store.units_waiting(name).await? > 0 {
            tokio::time::sleep(self.pace.look).await;
        }
        let now = (self.now)();
        let ended = |job: Job, state| {
            let actor = job.actor.clone();
            job.with_state(state, &actor, now)
        };
        if self.job.state() != JobState::Applied {
            let job = ended(self.job.clone(), JobState::Applied);
            self.store.put_job(&job).await?;
        }
        if let Some(undone) = self.store.job(&tenant, &self.job.undoes).await?
            && undone.state() != JobState::RolledBack
        {
            let undone = undone.with_state(JobState::RolledBack, &self.job.actor, now);
            self.store.put_job(&undone).await?;
        }
        Ok(self.step.clone())
    }

    /// Classifies what was stored with older rules after it was read past.
    async fn catch_up(&mut self) -> anyhow::Result<()> {
        let (tenant, set) = (&self.job.tenant, self.job.rule_set);
        let mut before = u64::MAX;
        for _ in 0..LOOKS {
            let (mut chunks, mut endpoints) = (0, BTreeSet::new());
            for (month, _) in self.store.months_of_chunks(tenant, &self.of).await? {
                let behind = self.store.chunks_behind(tenant, &self.of, month, set);
                for (endpoint, count) in behind.await? {
                    chunks += count;
                    endpoints.insert(endpoint);
                }
            }
            // What cannot be classified stays behind.
            if chunks == 0 || chunks >= before {
                return Ok(());
            }
            before = chunks;
            let endpoints: Vec<String> = endpoints.into_iter().collect();
            for some in endpoints.chunks(ENDPOINTS_AT_ONCE) {
                let of = Selection {
                    only: some.to_vec(),
                    ..self.of.clone()
                };
                self.classify(&of, false).await?;
            }
        }
        Ok(())
    }

    async fn units(&self) -> anyhow::Result<Vec<Unit>> {
        let tenant = &self.job.tenant;
        let endpoints = self.store.endpoints_of_chunks(tenant, &self.of).await?;
        let set = self.job.rule_set;
        Ok(self.store.units_of_set(tenant, &endpoints, set).await?)
    }

    /// Of its news: another one each round, because a name that is done is done.
    fn name(&self) -> u64 {
        let id = format!("{} {}", self.job.id, self.step.round);
        xxh3_64(id.as_bytes()) >> 1
    }
}

fn by_month(units: &[Unit]) -> BTreeMap<Month, Vec<String>> {
    let mut months: BTreeMap<Month, Vec<String>> = BTreeMap::new();
    for unit in units {
        let endpoints = months.entry(unit.month).or_default();
        endpoints.push(unit.endpoint.clone());
    }
    months
}
