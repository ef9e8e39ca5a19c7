//! Space: how much is used, and making room. Oldest raw text goes first; coverage stays.

use crate::{error::Result, store::Store};
use std::collections::BTreeMap;

impl Store {
    /// Bytes that our tables hold on disk. Parts that merges have replaced are not counted: they go within minutes, and
    /// counted in they would make room be made twice.
    pub async fn disk_used(&self) -> Result<u64> {
        self.fetch_one(
            "read the space used",
            self.sql(
                "SELECT sum(bytes_on_disk) FROM system.parts WHERE database = currentDatabase()",
            ),
        )
        .await
    }

    /// Bytes that the raw text of a month, `YYYYMM`, holds on disk.
    #[cfg(any(test, feature = "testing"))]
    pub async fn raw_bytes_on_disk(&self, month: &str) -> Result<u64> {
        self.fetch_one(
            "read the space used by a month",
            self.sql(
                "SELECT sum(bytes_on_disk) FROM system.parts \
                 WHERE database = currentDatabase() AND table = 'chunks' AND active AND partition = {month:String}",
            )
            .param("month", month),
        )
        .await
    }

    /// Removes the oldest days of raw text until about this many bytes on disk are freed; returns how many days went.
    ///
    /// Events, derived rows and coverage stay: what was found remains, and the text reads as "expired".
    pub async fn free_oldest_raw(&self, bytes: u64) -> Result<usize> {
        let on_disk: BTreeMap<String, u64> = self
            .fetch_all::<(String, u64)>(
                "read the space used by `chunks`",
                self.sql(
                    "SELECT partition, sum(bytes_on_disk) FROM system.parts \
                     WHERE database = currentDatabase() AND table = 'chunks' AND active GROUP BY partition",
                ),
            )
            .await?
            .into_iter()
            .collect();
        // The engine knows what a month takes on disk, not what a day does: days share by the length of their source.
        let days: Vec<(u16, String, u64)> = self
            .fetch_all(
                "read the days of `chunks`",
                self.sql(
                    "SELECT toUInt16(day), toString(toYYYYMM(day)), sum(length) FROM chunks GROUP BY day ORDER BY day",
                ),
            )
            .await?;
        let mut of_month: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, month, length) in &days {
            *of_month.entry(month).or_default() += length;
        }
        let mut freed = 0.0;
        let mut going = 0;
        for (_, month, length) in &days {
            if freed >= bytes as f64 {
                break;
            }
            let share =
                *length as f64 / of_month.get(month.as_str()).copied().unwrap_or(1).max(1) as f64;
            freed += on_disk.get(month).copied().unwrap_or(0) as f64 * share;
            going += 1;
        }
        let (gone, stay) = days.split_at(going);
        let Some((last, _, _)) = gone.last() else {
            return Ok(0);
        };
        // A month that goes as a whole is dropped, which needs no space and no time; the last one in part is rewritten.
        let mut months: Vec<&str> = gone.iter().map(|(_, month, _)| month.as_str()).collect();
        months.dedup();
        for month in months {
            if stay.first().is_some_and(|(_, next, _)| next == month) {
                self.execute_query(
                    "remove old days of `chunks`",
                    self.sql("ALTER TABLE chunks DELETE WHERE day <= toDate({last:UInt16})")
                        .with_setting("mutations_sync", "1")
                        .param("last", *last),
                )
                .await?;
            } else {
                // `month` is six digits from toYYYYMM, not a stranger's text; DROP PARTITION takes no parameter.
                self.execute(
                    "drop an old month of `chunks`",
                    &format!("ALTER TABLE chunks DROP PARTITION {month}"),
                )
                .await?;
            }
        }
        Ok(gone.len())
    }

    /// Clears what nobody reads any more: rows of superseded sets, and news that is done.
    ///
    /// Only sets of a lower version than the current one go: a set that is being written has a higher one.
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
                             (SELECT tenant, endpoint, month, generation, max(version) AS version FROM derivations \
                              GROUP BY tenant, endpoint, month, generation) AS current \
                             USING (tenant, endpoint, month, generation) WHERE row.version < current.version)"
                    ),
                )
                .await?;
            }
        }
        let news: u64 = self
            .fetch_one("count news", self.sql("SELECT count() FROM news"))
            .await?;
        if news >= news_rows {
            // A name is never used again once done, so a done pair may go; an open row alone stays.
            self.mutate(
                "clear news that is done",
                "ALTER TABLE news DELETE WHERE (tenant, endpoint, month, id) IN \
                 (SELECT tenant, endpoint, month, id FROM news WHERE done = 1)",
            )
            .await?;
        }
        Ok(())
    }

    /// Runs a deletion to its end. What it asks of other tables may differ between replicas in what is already gone, which
    /// the engine calls nondeterministic; a later run removes the rest.
    async fn mutate(&self, doing: &str, statement: &str) -> Result<()> {
        let query = self
            .sql(statement)
            .with_setting("mutations_sync", "1")
            .with_setting("allow_nondeterministic_mutations", "1");
        self.execute_query(doing, query).await
    }
}

/// Rewriting a table pays only when much of it is stale; a guess: such rows take some 10 MB.
const STALE_ROWS_WORTH_CLEARING: u64 = 50_000;

/// Reading open news groups the whole outbox: at this many rows that takes some 20 ms (a guess from ClickHouse's usual speed).
const NEWS_ROWS_WORTH_CLEARING: u64 = 200_000;
