//! What one query of a reader may take.

/// A panel over ten million rows took 0.7 s.
const SECONDS: u64 = 30;

/// The part of the engine's memory; as many readers as there are places for (four) leave half of it.
const SHARE: u64 = 8;

/// Two of the cores that a laptop spares, as for merges.
const THREADS: u64 = 2;

/// A hundred times a store of ten million events: what a join of such a store with itself reads at most.
const ROWS_READ: u64 = 1_000_000_000;
const BYTES_READ: u64 = 64 << 30;

/// More than a page or a notebook shows, little enough for a format that is made whole in memory.
const RESULT_ROWS: u64 = 5_000_000;
const RESULT_BYTES: u64 = 256 << 20;

/// What sorting and grouping may put aside on the disk that holds the data.
const BYTES_ON_DISK: u64 = 1 << 30;

/// Settings with the most that they may be. The least is one, because zero would be no bound.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds([(&'static str, u64); 8]);

impl Bounds {
    /// For an engine with so much memory.
    pub(crate) fn new(max_memory_bytes: u64) -> Self {
        Self([
            ("max_execution_time", SECONDS),
            ("max_memory_usage", (max_memory_bytes / SHARE).max(1)),
            ("max_threads", THREADS),
            ("max_rows_to_read", ROWS_READ),
            ("max_bytes_to_read", BYTES_READ),
            ("max_result_rows", RESULT_ROWS),
            ("max_result_bytes", RESULT_BYTES),
            ("max_temporary_data_on_disk_size_for_query", BYTES_ON_DISK),
        ])
    }

    /// For the profile of readers, which keeps them from being raised.
    pub(crate) fn constraints(&self) -> String {
        let each = self.0.iter();
        each.map(|(name, most)| format!("<{name}><min>1</min><max>{most}</max></{name}>"))
            .collect()
    }

    /// For the connection: naming the profile puts its constraints in force in this library, but not its values.
    pub(crate) fn statement(&self) -> String {
        let each = self.0.iter();
        let each: Vec<_> = each
            .map(|(name, most)| format!("{name} = {most}"))
            .collect();
        format!("SET {}", each.join(", "))
    }
}
