//! Rows that nobody reads any more.

use crate::{error::Result, store::Store};

impl Store {
    /// Clears what nobody reads any more: rows of superseded sets, and news that is done.
    ///
    /// Only sets of a lower version than the current one go: a set that is being written has a higher one. The current set itself stays
    /// although its rows have the version that stored them first, which may be lower.
    pub async fn tidy(&self) -> Result<()> {
        self.tidy_when(STALE_ROWS_WORTH_CLEARING, NEWS_ROWS_WORTH_CLEARING)
            .await
    }

    /// The same from this many rows on.
    #[cfg(any(test, feature = "testing"))]
    pub async fn tidy_beyond(&self, rows: u64) -> Result<()> {
        self.tidy_when(rows, rows).await
    }

    async fn tidy_when(&self, stale_rows: u64, news_rows: u64) -> Result<()> {
        for table in ["attempts", "findings"] {
            // All rows but those that the current sets say they have: cheap enough to ask often.
            let (rows, current): (u64, u64) = self
                .fetch_one(
                    "count superseded rows",
                    self.sql(&format!(
                        "SELECT ifNull((SELECT sum(rows) FROM system.parts WHERE database = currentDatabase() AND table = '{table}' AND active), 0), \
                         ifNull((SELECT sum(toUInt64({table})) FROM derivations FINAL), 0)"
                    )),
                )
                .await?;
            let stale = rows.saturating_sub(current);
            if stale >= stale_rows {
                self.mutate(
                    "clear superseded rows",
                    &format!(
                        "ALTER TABLE {table} DELETE WHERE (tenant, endpoint, month, `set`) IN (\
                           SELECT row.tenant, row.endpoint, row.month, row.`set` FROM {table} AS row INNER JOIN \
                             (SELECT tenant, endpoint, month, generation, max(derivations.version) AS version, \
                                     argMax(derivations.`set`, derivations.version) AS `set` FROM derivations \
                              GROUP BY tenant, endpoint, month, generation) AS current \
                             USING (tenant, endpoint, month, generation) \
                           WHERE row.version < current.version AND row.`set` != current.`set`)"
                    ),
                )
                .await?;
            }
        }
        let news: u64 = self
            .fetch_one(
                "count news",
                self.sql(&format!(
                    "SELECT count() FROM news WHERE done = 0 OR {DONE_LONG_AGO}"
                )),
            )
            .await?;
        if news >= news_rows {
            // A name is never used again once done, so both its rows may go; an open row alone stays. Each part is rewritten by itself
            // and asks for itself: were both cleared at once, a part cleared early would take the row away by which a later one is known
            // to be done.
            self.mutate(
                "clear open rows of news that is done",
                "ALTER TABLE news DELETE WHERE done = 0 AND (tenant, endpoint, month, id) IN \
                 (SELECT tenant, endpoint, month, id FROM news WHERE done = 1)",
            )
            .await?;
            self.mutate(
                "clear news that is done",
                &format!(
                    "ALTER TABLE news DELETE WHERE done = 1 AND {DONE_LONG_AGO} AND (tenant, endpoint, month, id) NOT IN \
                     (SELECT tenant, endpoint, month, id FROM news WHERE done = 0)"
                ),
            )
            .await?;
        }
        Ok(())
    }

    /// Runs a deletion to its end. What it asks of other tables may differ between replicas in what is already gone, which
    /// the engine calls nondeterministic; a later run removes the rest.
    pub(crate) async fn mutate(&self, doing: &str, statement: &str) -> Result<()> {
        let query = self
            .sql(statement)
            .with_setting("mutations_sync", "1")
            .with_setting("allow_nondeterministic_mutations", "1");
        self.execute_query(doing, query).await
    }
}

/// Rewriting a table pays only when much of it is stale; a guess: such rows take some 10 MB.
const STALE_ROWS_WORTH_CLEARING: u64 = 50_000;

/// News that was done a short while ago stays, for it says that whoever derives its endpoints lives. An hour is far longer than sweeps
/// ask for (`pipeline.sweep_age`, a minute). What was handed over has no time.
const DONE_LONG_AGO: &str = "at < now() - toIntervalSecond(3600)";

/// Reading open news groups the whole outbox: at this many rows that takes some 20 ms (a guess from ClickHouse's usual speed). What was
/// done within [`DONE_LONG_AGO`] comes on top.
const NEWS_ROWS_WORTH_CLEARING: u64 = 200_000;
