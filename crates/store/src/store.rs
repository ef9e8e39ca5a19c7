//! The connection: one place for settings, inserts and reads.

use crate::audit::Chain;
use crate::gaps::{LostPart, part_of};
use crate::hosts::KnownHosts;
use crate::queries::kept::Kept;
use crate::{Profile, StoreConfig, StoreError, error::Result, local};
use clickhouse::{Client, Compression, Row, RowOwned, RowRead, RowWrite, query::Query};
use futures_util::future::BoxFuture;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedMutexGuard, Semaphore, SemaphorePermit};

/// A connection to the store. Cheap to clone; used from many tasks at once.
#[derive(Clone)]
pub struct Store {
    reads: Client,
    pages: Client,
    inserts: Client,
    /// Where inserts wait for a quorum; none where they need none.
    gates: Option<Arc<Gates>>,
    config: Arc<StoreConfig>,
    /// Parts that could not be read, until somebody asks for them.
    unreadable: Arc<Mutex<BTreeSet<LostPart>>>,
    /// What was last found of rows that tell nothing.
    untold: Arc<Mutex<Option<Untold>>>,
    /// Pages that read what all machines tried, at one time.
    folding: Arc<Semaphore>,
    /// What machines tried, as pages last read it.
    kept: Arc<Kept>,
    /// Host names that this process has stored.
    hosts: Arc<Mutex<KnownHosts>>,
    /// Where the audit of this process stands.
    chain: Arc<tokio::sync::Mutex<Option<Chain>>>,
}

/// In which months rows of `derivations` tell nothing of their sets, and when that was asked.
#[derive(Clone)]
pub(crate) struct Untold {
    pub(crate) asked: Instant,
    pub(crate) months: Vec<u32>,
}

/// Pages that read what all machines tried and are held at one time: each takes a core, and memory.
const FOLDING: usize = 2;

/// Parts remembered until then: who asks does so every few seconds, and a damaged disk need not fill memory.
const MAX_UNREADABLE: usize = 1000;

/// How long the store may take to accept a piece of an insert: a healthy one takes milliseconds, a hung one must not hold us.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to answer one: above its own `max_execution_time` of 60 s, so that its message comes first.
const END_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a statement without rows to insert may take, its result included; a mutation is the longest.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

/// Settings of what pages ask, beside those of every read. A question that meets one of these bounds fails and says so: half an
/// answer that looks whole is worse. Every list has its own `LIMIT` far below them and says how many rows there are.
const PAGE_PINS: [(&str, &str); 5] = [
    // Compiled anew each time, the expressions of a question about 500 machines took 238 of its 522 ms.
    ("compile_expressions", "0"),
    // Shorter than pages wait (30 s): the store stops working on an answer that nobody waits for any more.
    ("max_execution_time", "25"),
    // Several times the largest list, which is the days of a chart by category.
    ("max_result_rows", "100000"),
    // Several times the largest answer, which is the text around a record: 8 MiB each way and the chunks at the edges.
    ("max_result_bytes", "67108864"),
    ("result_overflow_mode", "throw"),
];

/// Settings of every insert; the reasons are in RELIABILITY: defaults of these moved between versions of ClickHouse.
const INSERT_PINS: [(&str, &str); 10] = [
    // Acknowledged means stored: no buffering by the server.
    ("async_insert", "0"),
    // Identity folds repeats; the engine's own filter loses rows.
    ("insert_deduplicate", "0"),
    // One block in the order sent: the same rows make the same parts.
    ("max_insert_threads", "1"),
    ("input_format_parallel_parsing", "0"),
    // The answer comes when the rows are there, with errors in its status.
    ("wait_end_of_query", "1"),
    ("max_execution_time", "60"),
    // One month per insert is our contract; a violation is a bug to be seen.
    ("max_partitions_per_insert_block", "1"),
    ("throw_on_max_partitions_per_insert_block", "1"),
    ("materialized_views_ignore_errors", "0"),
    // A batch is one block, and so all or nothing; it is bounded by the pipeline, far below this.
    ("max_insert_block_size", "4194304"),
];

/// Settings of every insert into replicated tables: acknowledged means that most replicas have it, each on its disk.
///
/// One insert into a table at a time has its quorum, because only then can a reader ask for all that was acknowledged
/// (`select_sequential_consistency`): the deriver closes news, so it must not read from a replica that lacks what another pipeline
/// stored through another one. A second insert meanwhile is refused with code 286. Those of one process wait for each other, as a
/// batch of several months would else refuse itself at each try; those of several processes are tried again.
const QUORUM: [(&str, &str); 3] = [
    ("insert_quorum", "auto"),
    ("insert_quorum_parallel", "0"),
    // Milliseconds; below `max_execution_time`, so that the reason comes first. The server's own default is ten minutes.
    ("insert_quorum_timeout", "30000"),
];

/// Lets one insert into a table pass at a time, see [`QUORUM`].
#[derive(Default)]
struct Gates(Mutex<BTreeMap<&'static str, Arc<tokio::sync::Mutex<()>>>>);

impl Gates {
    async fn pass(&self, table: &'static str) -> OwnedMutexGuard<()> {
        let gate = Arc::clone(
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .entry(table)
                .or_default(),
        );
        gate.lock_owned().await
    }
}

/// A pin that newer servers need and older ones refuse.
const DEDUPLICATE_INSERT: &str = "deduplicate_insert";

impl Store {
    /// Connects, and asks the store what it knows. Does not touch tables: see [`Store::migrate`] and [`Store::check_schema`].
    pub async fn connect(config: StoreConfig) -> Result<Self> {
        // Loopback has bandwidth for free; a real network does not.
        let compression = match config.profile {
            Profile::Embedded => Compression::None,
            Profile::Server { .. } => Compression::Lz4,
        };
        let client = match &config.socket {
            Some(socket) => local::client(socket),
            None => Client::default(),
        };
        let client = client
            .with_url(&config.url)
            .with_user(&config.user)
            .with_password(&config.password.0)
            .with_database(&config.database)
            .with_compression(compression);
        let reads = client
            .clone()
            // Copies of an identity meet in one partition by construction, so FINAL need not look across.
            .with_setting("do_not_merge_across_partitions_select_final", "1")
            .with_setting("max_execution_time", "60")
            .with_setting("wait_end_of_query", "1");
        let pages = PAGE_PINS
            .iter()
            .fold(reads.clone(), |pages, &(name, value)| {
                pages.with_setting(name, value)
            });
        let mut inserts = client;
        for (name, value) in INSERT_PINS {
            inserts = inserts.with_setting(name, value);
        }
        if let Profile::Server { .. } = config.profile {
            for (name, value) in QUORUM {
                inserts = inserts.with_setting(name, value);
            }
        }
        let is_replicated = matches!(config.profile, Profile::Server { .. });
        let mut store = Self {
            reads,
            pages,
            inserts,
            gates: is_replicated.then(Arc::default),
            config: Arc::new(config),
            unreadable: Arc::default(),
            untold: Arc::default(),
            folding: Arc::new(Semaphore::new(FOLDING)),
            kept: Arc::default(),
            hosts: Arc::default(),
            chain: Arc::default(),
        };
        let known: u64 = store
            .fetch_one(
                format!("connect to the store at `{}`", store.config.place()),
                store
                    .sql("SELECT count() FROM system.settings WHERE name = {name:String}")
                    .param("name", DEDUPLICATE_INSERT),
            )
            .await?;
        if known > 0 {
            store.inserts = store.inserts.with_setting(DEDUPLICATE_INSERT, "disable");
        }
        Ok(store)
    }

    /// For who decides by what it reads: with replicas, reads answer with all that was acknowledged, or fail with code 289 while
    /// this replica lacks some of it, and are tried again. Pages do without: they show what is there.
    #[must_use]
    pub fn sequential(mut self) -> Self {
        if let Profile::Server { .. } = self.profile() {
            self.reads = self
                .reads
                .with_setting("select_sequential_consistency", "1");
        }
        self
    }

    /// Keeps so many rows of what machines tried between questions, some 80 bytes each, and shares them with none of its clones.
    #[must_use]
    pub fn keeping(mut self, rows: u64) -> Self {
        self.kept = Arc::new(Kept::up_to(rows));
        self
    }

    /// Refuses a cluster of several shards: copies of one identity must meet in one table.
    pub(crate) async fn check_one_shard(&self) -> Result<()> {
        let Profile::Server { cluster } = self.profile() else {
            return Ok(());
        };
        let (shards, hosts): (u64, u64) = self
            .fetch_one(
                "read the shards of `store.cluster`",
                self.sql(
                    "SELECT uniqExact(shard_num), count() FROM system.clusters WHERE cluster = {cluster:String}",
                )
                .param("cluster", cluster),
            )
            .await?;
        let refused = |reason, hint| Err(StoreError::config("use the cluster", reason, hint));
        match (shards, hosts) {
            (_, 0) => refused(
                format!("the server knows no cluster `{cluster}`"),
                "`store.cluster` must be one of `SELECT DISTINCT cluster FROM system.clusters`",
            ),
            (1, _) => Ok(()),
            (shards, _) => refused(
                format!(
                    "`{cluster}` has {shards} shards, but copies of one identity must meet in one"
                ),
                "define a cluster of one shard with all replicas in it, and name it in `store.cluster`",
            ),
        }
    }

    /// What kind of engine it is.
    pub(crate) fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// A statement with `{name:Type}` parameters.
    pub(crate) fn sql(&self, statement: &str) -> Query {
        self.reads.query(statement)
    }

    /// A question of a page, within the bounds of [`PAGE_PINS`].
    pub(crate) fn page(&self, statement: &str) -> Query {
        self.pages.query(statement)
    }

    /// Runs a statement that answers nothing.
    pub(crate) async fn execute(&self, doing: &str, statement: &str) -> Result<()> {
        self.within(doing, self.sql(statement).execute()).await
    }

    /// Runs a prepared statement that answers nothing.
    pub(crate) async fn execute_query(&self, doing: &str, query: Query) -> Result<()> {
        self.within(doing, query.execute()).await
    }

    pub(crate) async fn fetch_all<T: RowOwned + RowRead>(
        &self,
        doing: &str,
        query: Query,
    ) -> Result<Vec<T>> {
        self.within(doing, query.fetch_all::<T>()).await
    }

    /// Hands over each row as it comes, so that an answer is never held twice.
    pub(crate) async fn fetch_each<T: RowOwned + RowRead>(
        &self,
        doing: &str,
        query: Query,
        mut take: impl FnMut(T),
    ) -> Result<()> {
        let answer = async {
            let mut rows = query.fetch::<T>()?;
            while let Some(row) = rows.next().await? {
                take(row);
            }
            Ok(())
        };
        self.within(doing, answer).await
    }

    pub(crate) async fn fetch_one<T: RowOwned + RowRead>(
        &self,
        doing: impl Into<String>,
        query: Query,
    ) -> Result<T> {
        self.within(doing, query.fetch_one::<T>()).await
    }

    pub(crate) async fn fetch_optional<T: RowOwned + RowRead>(
        &self,
        doing: &str,
        query: Query,
    ) -> Result<Option<T>> {
        self.within(doing, query.fetch_optional::<T>()).await
    }

    /// Inserts rows of one partition as one statement; all are there, or none is. No rows, no statement.
    ///
    /// `T` is the row type with `'static`, which stands for it with any lifetime. Boxed, because the compiler cannot prove for
    /// borrowed rows that a caller's future may change threads.
    pub(crate) fn insert_rows<'a, T, I>(
        &'a self,
        table: &'static str,
        mut rows: I,
    ) -> BoxFuture<'a, Result<()>>
    where
        T: Row + RowWrite + 'static,
        for<'row> T::Value<'row>: Send + Sync,
        I: Iterator<Item = T::Value<'a>> + Send + 'a,
    {
        Box::pin(async move {
            let failed = |error| StoreError::new(format!("insert into `{table}`"), error);
            let Some(first) = rows.next() else {
                return Ok(());
            };
            let _turn = self.turn(table).await;
            // The first one of a table asks for its columns, which the timeouts of an insert do not cover.
            let mut insert = tokio::time::timeout(READ_TIMEOUT, self.inserts.insert::<T>(table))
                .await
                .map_err(|_| failed(clickhouse::error::Error::TimedOut))?
                .map_err(failed)?
                .with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
            for row in std::iter::once(first).chain(rows) {
                insert.write(&row).await.map_err(failed)?;
            }
            insert.end().await.map_err(failed)
        })
    }

    /// Held while a table is inserted into, where only one insert at a time may be.
    async fn turn(&self, table: &'static str) -> Option<OwnedMutexGuard<()>> {
        match &self.gates {
            Some(gates) => Some(gates.pass(table).await),
            None => None,
        }
    }

    /// A read whose answer has a bound.
    pub(crate) fn bounded(&self, statement: &str, max_bytes: u64) -> Query {
        self.sql(statement)
            .with_setting("max_result_bytes", max_bytes.to_string())
            .with_setting("result_overflow_mode", "throw")
            // What it takes to fold copies beside the answer, which the engine holds whole; the rest is other readers'.
            .with_setting(
                "max_memory_usage",
                (3 * max_bytes + (128 << 20)).to_string(),
            )
    }

    /// A statement that inserts what it selects, with the settings of every insert and blocks that fit the engine's memory. What it
    /// selects is all that was acknowledged: a replica that lacks some of it fails with code 289, as [`Store::sequential`] has it.
    pub(crate) fn insertion(&self, statement: &str) -> Query {
        let insertion = self
            .inserts
            .query(statement)
            .with_setting("min_insert_block_size_bytes", "33554432");
        match self.profile() {
            Profile::Embedded => insertion,
            Profile::Server { .. } => insertion.with_setting("select_sequential_consistency", "1"),
        }
    }

    /// Runs one; may be run again after an error.
    pub(crate) async fn insert_selected(&self, table: &'static str, query: Query) -> Result<()> {
        let _turn = self.turn(table).await;
        let doing = format!("copy rows into `{table}`");
        self.within(doing, query.execute()).await
    }

    /// As [`Store::insert_selected`], without a bound on time: a month of a large fleet takes minutes.
    pub(crate) async fn insert_selected_at_leisure(
        &self,
        doing: &str,
        table: &'static str,
        query: Query,
    ) -> Result<()> {
        let _turn = self.turn(table).await;
        let done = query.execute().await;
        done.map_err(|error| StoreError::new(doing, error))
    }

    /// Bounds a read: a store that hangs must not hang its callers. Remembers which part was damaged, if that is why it failed.
    pub(crate) async fn within<T>(
        &self,
        doing: impl Into<String>,
        answer: impl Future<Output = clickhouse::error::Result<T>>,
    ) -> Result<T> {
        let error = match tokio::time::timeout(READ_TIMEOUT, answer).await {
            Ok(Ok(answer)) => return Ok(answer),
            Ok(Err(error)) => StoreError::new(doing, error),
            Err(_) => StoreError::new(doing, clickhouse::error::Error::TimedOut),
        };
        if error.is_damage() {
            let part = part_of(error.reason());
            let mut unreadable = self
                .unreadable
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let is_known = unreadable
                .iter()
                .any(|known| known.table == part.table && known.part == part.part);
            if !is_known && unreadable.len() < MAX_UNREADABLE {
                unreadable.insert(part);
            }
        }
        Err(error)
    }

    /// Parts that could not be read.
    pub(crate) fn unreadable(&self) -> &Mutex<BTreeSet<LostPart>> {
        &self.unreadable
    }

    /// Host names that are stored.
    pub(crate) fn known_hosts(&self) -> &Mutex<KnownHosts> {
        &self.hosts
    }

    /// The chain of audit rows that this process writes.
    pub(crate) fn chain(&self) -> &tokio::sync::Mutex<Option<Chain>> {
        &self.chain
    }

    /// Waits until a page may read what all machines tried.
    pub(crate) async fn turn_to_fold(&self) -> Option<SemaphorePermit<'_>> {
        // It is never closed.
        self.folding.acquire().await.ok()
    }

    /// What machines tried, as pages last read it.
    pub(crate) fn kept_rows(&self) -> &Kept {
        &self.kept
    }

    /// What is remembered of rows that tell nothing.
    pub(crate) fn untold(&self) -> &Mutex<Option<Untold>> {
        &self.untold
    }
}
