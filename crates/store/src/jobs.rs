//! Jobs that change what is stored: what was asked for, what it would change, who made it happen, and how far it is.

use crate::{error::Result, reprocess::Selection, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// Where a job stands. It only goes forward.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JobState {
    /// It is known what it would change, and nothing is changed.
    Planned,
    /// It is under way, or was cut short.
    Applying,
    /// All of it is stored.
    Applied,
    /// It was taken back.
    RolledBack,
}

impl JobState {
    /// Every one.
    pub const ALL: [Self; 4] = [
        Self::Planned,
        Self::Applying,
        Self::Applied,
        Self::RolledBack,
    ];

    /// The name in the table and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Applying => "applying",
            Self::Applied => "applied",
            Self::RolledBack => "rolled_back",
        }
    }

    /// Back from [`JobState::name`]. A word of a newer build counts as the last state, in which nothing may be done to a job.
    fn from_name(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|state| state.name() == name);
        known.unwrap_or(Self::RolledBack)
    }
}

/// Stored chunks of a selection that are classified with other rules.
#[derive(Clone, Debug, Row, Serialize, Deserialize)]
pub struct Job {
    /// Owner.
    pub tenant: String,
    /// Its name.
    pub id: String,
    /// `reprocess` or `rollback`.
    pub kind: String,
    /// Of a rollback the job that it takes back.
    pub undoes: String,
    state: String,
    /// When it was made, in UTC milliseconds.
    pub made: i64,
    /// When its state changed.
    pub changed: i64,
    /// Who asked for its state.
    pub actor: String,
    from_day: u16,
    to_day: u16,
    endpoints: Vec<String>,
    /// `NAME=VALUE` that its endpoints had, or empty.
    pub label: String,
    sources: Vec<String>,
    made_after: u32,
    /// Digest of its rules.
    pub digest: String,
    names: Vec<String>,
    texts: Vec<String>,
    /// Whose the rules are: `shipped` or `site`.
    pub origin: String,
    /// Sequence of the newest rule set when the diff was made.
    pub base: u32,
    /// Its digest.
    pub base_digest: String,
    /// Sequence under which its rules were published; 0 before.
    pub rule_set: u32,
    /// What it changes, as JSON.
    pub diff: String,
    recount: u8,
    version: u64,
}

/// A job's name, its rules and what they are compared with.
#[derive(Clone, Debug, Default)]
pub struct NewJob {
    /// Owner.
    pub tenant: String,
    /// Its name, which no other job has.
    pub id: String,
    /// Who asks for it.
    pub actor: String,
    /// When.
    pub made_ms: i64,
    /// `NAME=VALUE` that the endpoints had, or empty.
    pub label: String,
    /// Digest of its rules.
    pub digest: String,
    /// Their files.
    pub files: Vec<(String, String)>,
    /// Whose the rules are.
    pub origin: String,
    /// Sequence and digest of the newest rule set.
    pub base: (u32, String),
    /// What it changes, as JSON.
    pub diff: String,
    /// Whether sums of pages are to be counted again: an event vanishes, or says other codes.
    pub is_recounted: bool,
}

impl Job {
    /// A job that has changed nothing yet.
    pub fn new(new: NewJob, of: &Selection) -> Self {
        let (names, texts) = new.files.into_iter().unzip();
        Self {
            tenant: new.tenant,
            id: new.id,
            kind: "reprocess".to_owned(),
            undoes: String::new(),
            state: JobState::Planned.name().to_owned(),
            made: new.made_ms,
            changed: new.made_ms,
            actor: new.actor,
            from_day: of.from,
            to_day: of.to,
            endpoints: of.endpoints.clone(),
            label: new.label,
            sources: of.sources.clone(),
            made_after: 0,
            digest: new.digest,
            names,
            texts,
            origin: new.origin,
            base: new.base.0,
            base_digest: new.base.1,
            rule_set: 0,
            diff: new.diff,
            recount: new.is_recounted.into(),
            version: JobState::Planned as u64,
        }
    }

    /// The job that takes this one back: the rules before it, on the same chunks and on those that came since, which its rules
    /// classified: those of sequences after `before`.
    #[must_use]
    pub fn undone_by(&self, new: NewJob, before: u32) -> Self {
        let mut job = Self::new(new, &self.selection());
        job.kind = "rollback".to_owned();
        job.undoes = self.id.clone();
        // What the job that is taken back had made beside its own chunks is made again too.
        job.made_after = match self.is_rollback() {
            true => before.min(self.made_after),
            false => before,
        };
        job.label = self.label.clone();
        job.recount = self.recount;
        job
    }

    /// Where it stands.
    pub fn state(&self) -> JobState {
        JobState::from_name(&self.state)
    }

    /// In another state, by whom and when.
    #[must_use]
    pub fn with_state(mut self, state: JobState, actor: &str, at_ms: i64) -> Self {
        self.state = state.name().to_owned();
        self.version = state as u64;
        self.actor = actor.to_owned();
        self.changed = at_ms;
        self
    }

    /// Which chunks.
    pub fn selection(&self) -> Selection {
        Selection {
            from: self.from_day,
            to: self.to_day,
            endpoints: self.endpoints.clone(),
            sources: self.sources.clone(),
            only: Vec::new(),
            made_after: self.is_rollback().then_some(self.made_after),
        }
    }

    /// The files of its rules.
    pub fn files(&self) -> Vec<(String, String)> {
        let names = self.names.iter().cloned();
        names.zip(self.texts.iter().cloned()).collect()
    }

    /// Whether it takes another job back.
    pub fn is_rollback(&self) -> bool {
        !self.undoes.is_empty()
    }

    /// Whether sums of pages are counted again at its end.
    pub fn is_recounted(&self) -> bool {
        self.recount != 0
    }
}

/// How far a job is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct JobStep {
    /// Owner.
    pub tenant: String,
    /// Of which job.
    pub id: String,
    /// Its number: the last step counts.
    pub step: u64,
    /// How often all of it was gone through.
    pub round: u32,
    /// `classify`, `take_back`, `derive`, `count` or `done`.
    pub phase: String,
    /// When, in UTC milliseconds.
    pub at: i64,
    /// Month of the chunks read last, as YYYYMM; 0 before any.
    pub month: u32,
    /// Place of the last of them: its day, …
    pub day: u16,
    /// … endpoint, …
    pub endpoint: String,
    /// … stream, …
    pub stream: u64,
    /// … offset, …
    pub offset: u64,
    /// … length …
    pub length: u64,
    /// … and the hash of its text.
    pub content_hash: u64,
    /// Source bytes of the selection when the job began.
    pub bytes_total: u64,
    /// Source bytes classified.
    pub bytes: u64,
    /// Chunks classified.
    pub chunks: u64,
    /// Records in them.
    pub records: u64,
    /// Events made of them.
    pub events: u64,
    /// Chunks that cannot be classified.
    pub poisoned: u64,
    /// Events and noise taken back.
    pub taken_back: u64,
    /// Months of endpoints whose answer was asked for again.
    pub units: u64,
    /// Milliseconds of work, without waits for the live pipelines.
    pub busy_ms: u64,
}

/// Jobs listed at once.
const JOBS_LISTED: u64 = 1_000;

impl Store {
    /// Stores a job as it stands. The greater state of two stays.
    pub async fn put_job(&self, job: &Job) -> Result<()> {
        self.insert_rows::<Job, _>("jobs", std::iter::once(job.clone()))
            .await
    }

    /// A job by its name.
    pub async fn job(&self, tenant: &str, id: &str) -> Result<Option<Job>> {
        self.fetch_optional(
            "read a job",
            self.sql("SELECT ?fields FROM jobs FINAL WHERE tenant = {tenant:String} AND id = {id:String}")
                .param("tenant", tenant)
                .param("id", id),
        )
        .await
    }

    /// Jobs, the one that changed last first; without the texts of their rules and without what they change.
    pub async fn jobs(&self, tenant: &str) -> Result<Vec<Job>> {
        self.fetch_all(
            "list jobs",
            self.sql(
                "SELECT tenant, id, kind, undoes, state, made, changed, actor, from_day, to_day, endpoints, label, sources, made_after, digest, \
                   names, emptyArrayString() AS texts, origin, base, base_digest, rule_set, '' AS diff, recount, version \
                 FROM jobs FINAL WHERE tenant = {tenant:String} ORDER BY changed DESC, id LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("limit", JOBS_LISTED),
        )
        .await
    }

    /// Notes how far a job is.
    pub async fn put_job_step(&self, step: &JobStep) -> Result<()> {
        self.insert_rows::<JobStep, _>("job_steps", std::iter::once(step.clone()))
            .await
    }

    /// How far a job is; nothing where it has not begun.
    pub async fn job_step(&self, tenant: &str, id: &str) -> Result<Option<JobStep>> {
        self.fetch_optional(
            "read how far a job is",
            self.sql(
                "SELECT ?fields FROM job_steps FINAL WHERE tenant = {tenant:String} AND id = {id:String}",
            )
            .param("tenant", tenant)
            .param("id", id),
        )
        .await
    }
}
