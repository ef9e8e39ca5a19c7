//! Ranges of a Kafka topic that were deleted before a pipeline read them.

use crate::{Store, error::Result};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

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

impl Store {
    /// Notes a gap; again, it is the same row.
    pub async fn insert_topic_gap(&self, gap: &TopicGap) -> Result<()> {
        self.insert_rows::<TopicGap, _>("topic_gaps", std::iter::once(gap.clone()))
            .await
    }

    /// All gaps, by topic, partition and offset.
    pub async fn topic_gaps(&self) -> Result<Vec<TopicGap>> {
        self.fetch_all(
            "read the gaps of topics",
            self.sql("SELECT ?fields FROM topic_gaps FINAL ORDER BY topic, partition, from"),
        )
        .await
    }
}
