//! What a consumer tells about itself, for metrics and readiness.

use super::Consumer;

/// Where a consumer stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConsumerStatus {
    /// The partitions that are ours now.
    pub partitions: Vec<PartitionStatus>,
    /// Bytes handed out or waiting to be, and not acknowledged.
    pub in_flight_bytes: u64,
    /// Records read since the start.
    pub received: u64,
    /// Their bytes.
    pub received_bytes: u64,
    /// Deliveries acknowledged, gaps included.
    pub acknowledged: u64,
    /// Acknowledgements that came after their partition was taken away: those records are read again, and fold.
    pub stale: u64,
    /// Gaps met.
    pub gaps: u64,
    /// Partitions that started without a commit.
    pub from_earliest: u64,
    /// Commits that the group took.
    pub commits: u64,
    /// Commits that failed; their offsets go with the next.
    pub commits_failed: u64,
    /// Times that partitions came or went.
    pub rebalances: u64,
    /// Partitions taken away without a word, because the group had not heard from us: what was in flight is read again.
    pub lost: u64,
    /// The newest trouble; none once records come or commits pass again.
    pub last_error: Option<String>,
}

/// Where a partition stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionStatus {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// Everything below is acknowledged.
    pub position: i64,
    /// What the group knows.
    pub committed: Option<i64>,
    /// Records above `position`, as far as the end is known.
    pub lag: Option<u64>,
    /// Age of the oldest of them, or of the last one acknowledged while none is here; zero without lag.
    pub lag_ms: Option<u64>,
    /// Handed out and not acknowledged.
    pub in_flight: u64,
    /// Why it stands still until a person acts.
    pub halted: Option<String>,
}

impl Consumer {
    /// Where it stands; `now_ms` is the wall clock in UTC milliseconds, which record times are compared with.
    pub fn status(&self, now_ms: i64) -> ConsumerStatus {
        let state = self.shared.state();
        let partitions = state
            .ledger
            .partitions
            .iter()
            .map(|((topic, partition), ours)| {
                let lag = ours
                    .high
                    .map(|high| u64::try_from(high - ours.position).unwrap_or(0));
                let since = ours
                    .oldest_ms()
                    .or_else(|| ours.last.and_then(|mark| mark.timestamp_ms));
                let lag_ms = match lag {
                    Some(0) => Some(0),
                    _ => since.map(|since| u64::try_from(now_ms - since).unwrap_or(0)),
                };
                PartitionStatus {
                    topic: topic.to_string(),
                    partition: *partition,
                    position: ours.position,
                    committed: ours.committed,
                    lag,
                    lag_ms,
                    in_flight: ours.in_flight() as u64,
                    halted: ours.halted.clone(),
                }
            })
            .collect();
        let counts = state.ledger.counts;
        ConsumerStatus {
            partitions,
            in_flight_bytes: state.ledger.in_flight_bytes as u64,
            received: counts.received,
            received_bytes: counts.received_bytes,
            acknowledged: counts.acknowledged,
            stale: counts.stale,
            gaps: counts.gaps,
            from_earliest: counts.from_earliest,
            commits: state.commits,
            commits_failed: state.commits_failed,
            rebalances: state.rebalances,
            lost: state.lost,
            last_error: state.last_error.clone(),
        }
    }
}
