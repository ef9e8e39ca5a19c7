//! Ranges of a Kafka topic that were deleted before a pipeline read them.

use crate::{Store, error::Result};
use clickhouse::Row;
use futures_util::future::try_join;
use serde::{Deserialize, Serialize};
use std::time::{SystemTime, UNIX_EPOCH};

/// Offsets of a topic that nobody read. Which streams lost bytes by it follows from `coverage`.
#[derive(Clone, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct TopicGap {
    /// The topic.
    pub topic: String,
    /// Its partition.
    pub partition: i32,
    /// First offset that is gone.
    pub from: i64,
    /// First that is left.
    pub to: i64,
    /// UTC milliseconds of the last record that was read before, where that is known.
    pub last_before_ms: Option<i64>,
    /// UTC milliseconds of the first record that is left, where there is one.
    pub first_after_ms: Option<i64>,
}

/// A gap with when it was noted.
#[derive(Row, Serialize)]
struct GapRow {
    topic: String,
    partition: i32,
    from: i64,
    to: i64,
    last_before_ms: Option<i64>,
    first_after_ms: Option<i64>,
    noted: i64,
}

impl Store {
    /// Notes a gap; again, it is the same row.
    pub async fn insert_topic_gap(&self, gap: &TopicGap) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let noted = since.map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        });
        let gap = gap.clone();
        let row = GapRow {
            topic: gap.topic,
            partition: gap.partition,
            from: gap.from,
            to: gap.to,
            last_before_ms: gap.last_before_ms,
            first_after_ms: gap.first_after_ms,
            noted,
        };
        self.insert_rows::<GapRow, _>("topic_gaps", std::iter::once(row))
            .await
    }

    /// How many gaps were noted after a time in UTC milliseconds, however old what they lost is.
    pub async fn topic_gaps_noted_after(&self, after_ms: i64) -> Result<u64> {
        self.fetch_one(
            "count the gaps of topics that are new",
            self.sql("SELECT count() FROM topic_gaps FINAL WHERE noted > fromUnixTimestamp64Milli({after:Int64})")
                .param("after", after_ms),
        )
        .await
    }

    /// What was ever noted: how many, and the last of them, newest first.
    pub async fn topic_gaps(&self, limit: u64) -> Result<(u64, Vec<TopicGap>)> {
        let count = self.fetch_one(
            "count the gaps of topics",
            self.sql("SELECT count() FROM topic_gaps FINAL"),
        );
        let gaps = self.fetch_all(
            "read the gaps of topics",
            self.sql(
                "SELECT ?fields FROM topic_gaps FINAL \
                 ORDER BY first_after_ms DESC, topic, partition, `from` LIMIT {limit:UInt64}",
            )
            .param("limit", limit),
        );
        try_join(count, gaps).await
    }
}

/// A part that the engine could not read: rows of a table and partition that are missing, nobody can say which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Row, Serialize, Deserialize)]
pub struct LostPart {
    /// The engine that lost it.
    pub host: String,
    /// The table.
    pub table: String,
    /// Its partition, a month as `YYYYMM` in most tables.
    pub partition: String,
    /// The part's name.
    pub part: String,
    /// As the engine names it (`broken-on-start`), or [`UNREADABLE`].
    pub reason: String,
    /// Bytes on disk, as far as they are known.
    pub bytes: u64,
    /// UTC seconds at which it was put aside; 0 where only who found it can say.
    pub at: u32,
}

/// Lost parts listed at once: a store has some hundreds of parts, so more of them are a disk that is gone.
const MAX_LISTED: u64 = 10_000;

/// The reason of a part that is in its place, but whose content is not what was written.
pub const UNREADABLE: &str = "unreadable";

impl Store {
    /// Parts that the engine has put aside because it could not read them. What people detach is not among them.
    pub async fn parts_put_aside(&self) -> Result<Vec<LostPart>> {
        self.fetch_all(
            "look for parts put aside",
            self.sql(
                "SELECT hostName() AS host, table, ifNull(partition_id, '') AS partition, name AS part, \
                   ifNull(reason, '') AS reason, bytes_on_disk AS bytes, toUInt32(modification_time) AS at \
                 FROM system.detached_parts \
                 WHERE database = currentDatabase() \
                   AND (reason LIKE '%broken%' OR reason IN ('unexpected', 'noquorum', 'ignored')) \
                 ORDER BY at DESC, table, partition, part LIMIT {limit:UInt64}",
            )
            .param("limit", MAX_LISTED),
        )
        .await
    }

    /// Notes parts that were lost; again, they are the same rows.
    pub async fn insert_lost_parts(&self, parts: &[LostPart]) -> Result<()> {
        self.insert_rows::<LostPart, _>("lost_parts", parts.iter().cloned())
            .await
    }

    /// What was ever noted, the last to be lost first.
    pub async fn lost_parts(&self) -> Result<Vec<LostPart>> {
        self.fetch_all(
            "read the parts that were lost",
            self.sql(
                "SELECT ?fields FROM lost_parts FINAL \
                 ORDER BY at DESC, table, partition, part, reason, host LIMIT {limit:UInt64}",
            )
            .param("limit", MAX_LISTED),
        )
        .await
    }

    /// Parts whose reading failed in this process because their content is not what was written, since this was last asked.
    pub fn take_unreadable(&self) -> Vec<LostPart> {
        let mut found = self
            .unreadable()
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        std::mem::take(&mut *found).into_iter().collect()
    }

    /// Reads the part of raw text whose name follows `after`, or the first one, to its end, so that damage shows before somebody
    /// needs it; returns its name.
    pub async fn read_next_part(&self, after: &str) -> Result<Option<String>> {
        let next: Option<String> = self
            .fetch_optional(
                "read the parts of `chunks`",
                self.sql(
                    "SELECT name FROM system.parts WHERE database = currentDatabase() AND table = 'chunks' AND active \
                     ORDER BY name <= {after:String}, name LIMIT 1",
                )
                .param("after", after),
            )
            .await?;
        if let Some(name) = &next {
            let _rows: u64 = self
                .fetch_one(
                    format!("read the part `{name}` of `chunks`"),
                    self.sql(
                        "SELECT count() FROM chunks WHERE _part = {part:String} AND NOT ignore(*)",
                    )
                    .param("part", name),
                )
                .await?;
        }
        Ok(next)
    }
}

/// What an error says about the part it met: `… (while reading from part /…/202401_1_1_0/ in table cbsift.chunks (…)…`.
pub(crate) fn part_of(text: &str) -> LostPart {
    let between = |start: &str, ends: &[char]| {
        let (_, rest) = text.split_once(start)?;
        rest.split(ends).next()
    };
    let path = between("from part ", &[' ', ')']).unwrap_or_default();
    let part = path
        .trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or_default();
    let table = between("in table ", &[' ', ')']).unwrap_or_default();
    LostPart {
        host: String::new(),
        table: table.rsplit('.').next().unwrap_or_default().to_owned(),
        partition: part.split('_').next().unwrap_or_default().to_owned(),
        part: part.to_owned(),
        reason: UNREADABLE.to_owned(),
        bytes: 0,
        at: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_part_it_met() {
        let text = "Code: 40. DB::Exception: Checksum doesn't match: corrupted data.: (while reading column text): \
            (while reading from part /d/store/09c/09c1/202401_2_2_1/ in table cbsift.chunks (09c1) located on disk default of type local, \
            from mark 0 with max_rows_to_read = 5): While executing MergeTreeSelect. (CHECKSUM_DOESNT_MATCH)";
        let part = part_of(text);
        assert_eq!(
            (
                part.table.as_str(),
                part.partition.as_str(),
                part.part.as_str()
            ),
            ("chunks", "202401", "202401_2_2_1")
        );
        assert_eq!(part_of("Code: 271. made up").part, "");
    }
}
