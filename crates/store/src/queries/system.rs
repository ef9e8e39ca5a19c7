//! How the store itself fares: its tables, and which rule sets it was given.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;

/// Rule sets of one answer, the newest ones.
const RULE_SETS: u64 = 50;

/// A table and what it takes.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct TableSize {
    /// Its name.
    pub table: String,
    /// Rows, copies that are not merged yet included.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
}

/// A rule set that was published.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct PublishedRuleSet {
    /// Its place in the order of publications.
    pub sequence: u32,
    /// What it is.
    pub digest: String,
}

impl Store {
    /// Every table that holds something, the largest first.
    pub async fn tables(&self) -> Result<Vec<TableSize>> {
        self.fetch_all(
            "read the sizes of tables",
            self.page(
                "SELECT table, sum(parts.rows) AS rows, sum(bytes_on_disk) AS bytes FROM system.parts AS parts \
                 WHERE database = currentDatabase() AND active GROUP BY table ORDER BY bytes DESC, table",
            ),
        )
        .await
    }

    /// The last rule sets that were published, the newest first; of two with one sequence the one that counts.
    pub async fn rule_sets(&self) -> Result<Vec<PublishedRuleSet>> {
        self.fetch_all(
            "read which rule sets were published",
            self.page(
                "SELECT sequence, max(rule_sets.digest) AS digest FROM rule_sets GROUP BY sequence ORDER BY sequence DESC LIMIT {limit:UInt64}",
            )
            .param("limit", RULE_SETS),
        )
        .await
    }
}

/// How much there is that somebody should look at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Row, Deserialize)]
pub struct Trouble {
    /// Dead letters that wait for somebody.
    pub dead_letters: u64,
    /// Units that cannot be derived.
    pub dead_units: u64,
    /// Ranges of topics that nobody read.
    pub topic_gaps: u64,
    /// Parts of tables that cannot be read.
    pub lost_parts: u64,
}

impl Store {
    /// What somebody should look at, in one small question: the header of every page asks it.
    pub async fn trouble(&self, tenant: &str) -> Result<Trouble> {
        self.fetch_one(
            "count what somebody should look at",
            self.page(
                "SELECT ifNull((SELECT count() FROM dead_letters FINAL WHERE tenant = {tenant:String} AND state = 'open'), 0) AS dead_letters, \
                   ifNull((SELECT count() FROM dead_units FINAL WHERE tenant = {tenant:String} AND state = 'dead'), 0) AS dead_units, \
                   ifNull((SELECT count() FROM topic_gaps FINAL), 0) AS topic_gaps, ifNull((SELECT count() FROM lost_parts FINAL), 0) AS lost_parts",
            )
            .param("tenant", tenant),
        )
        .await
    }
}
