//! The connection: one place for settings, inserts and reads.

use crate::{Profile, StoreConfig, StoreError, error::Result};
use clickhouse::{Client, Compression, Row, RowOwned, RowRead, RowWrite, query::Query};
use futures_util::future::BoxFuture;
use std::{sync::Arc, time::Duration};

/// A connection to the store. Cheap to clone; used from many tasks at once.
#[derive(Clone)]
pub struct Store {
    reads: Client,
    inserts: Client,
    config: Arc<StoreConfig>,
}

/// How long the store may take to accept a piece of an insert: a healthy one takes milliseconds, a hung one must not hold us.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// How long it may take to answer one: above its own `max_execution_time` of 60 s, so that its message comes first.
const END_TIMEOUT: Duration = Duration::from_secs(75);

/// How long a statement without rows to insert may take, its result included; a mutation is the longest.
const READ_TIMEOUT: Duration = Duration::from_secs(120);

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
        let client = Client::default()
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
        let mut inserts = client;
        for (name, value) in INSERT_PINS {
            inserts = inserts.with_setting(name, value);
        }
        let mut store = Self {
            reads,
            inserts,
            config: Arc::new(config),
        };
        let known: u64 = store
            .fetch_one(
                format!("connect to the store at `{}`", store.config.url),
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

    /// What kind of engine it is.
    pub(crate) fn profile(&self) -> &Profile {
        &self.config.profile
    }

    /// A statement with `{name:Type}` parameters.
    pub(crate) fn sql(&self, statement: &str) -> Query {
        self.reads.query(statement)
    }

    /// Runs a statement that answers nothing.
    pub(crate) async fn execute(&self, doing: &str, statement: &str) -> Result<()> {
        within(doing, self.sql(statement).execute()).await
    }

    /// Runs a prepared statement that answers nothing.
    pub(crate) async fn execute_query(&self, doing: &str, query: Query) -> Result<()> {
        within(doing, query.execute()).await
    }

    pub(crate) async fn fetch_all<T: RowOwned + RowRead>(
        &self,
        doing: &str,
        query: Query,
    ) -> Result<Vec<T>> {
        within(doing, query.fetch_all::<T>()).await
    }

    pub(crate) async fn fetch_one<T: RowOwned + RowRead>(
        &self,
        doing: impl Into<String>,
        query: Query,
    ) -> Result<T> {
        within(doing, query.fetch_one::<T>()).await
    }

    pub(crate) async fn fetch_optional<T: RowOwned + RowRead>(
        &self,
        doing: &str,
        query: Query,
    ) -> Result<Option<T>> {
        within(doing, query.fetch_optional::<T>()).await
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
            let mut insert = self
                .inserts
                .insert::<T>(table)
                .await
                .map_err(failed)?
                .with_timeouts(Some(SEND_TIMEOUT), Some(END_TIMEOUT));
            for row in std::iter::once(first).chain(rows) {
                insert.write(&row).await.map_err(failed)?;
            }
            insert.end().await.map_err(failed)
        })
    }
}

/// Bounds a read: a store that hangs must not hang its callers.
async fn within<T>(
    doing: impl Into<String>,
    answer: impl Future<Output = clickhouse::error::Result<T>>,
) -> Result<T> {
    match tokio::time::timeout(READ_TIMEOUT, answer).await {
        Ok(result) => result.map_err(|error| StoreError::new(doing, error)),
        Err(_) => Err(StoreError::new(doing, clickhouse::error::Error::TimedOut)),
    }
}
