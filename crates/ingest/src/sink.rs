//! Where chunks go: the one thing the intake asks of the rest.

use event::Chunk;
use std::time::Duration;

/// Takes chunks and keeps them: straight into the pipeline, or into Kafka.
///
/// Contract:
/// - `Ok` means that every chunk of the call is durable; the sender is told so and may forget them.
/// - `Err` promises nothing: all, some or none of them may be stored. The sender sends them again, and repeats fold by identity.
/// - It may be called in parallel, from several tasks, and again after an error.
/// - The future may be dropped before it is done (deadline, closed connection), which means the same as an error.
/// - It waits while there is no room, as long as that is short; where it is not, it answers [`SinkError::Busy`].
pub trait ChunkSink: Clone + Send + Sync + 'static {
    /// Returns when the chunks are durable.
    fn store(
        &self,
        chunks: Vec<Chunk>,
        pace: Pace,
    ) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// How soon chunks are to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// At once: the sender waits for the answer before it sends its next file.
    AtOnce,
    /// Together with what others send within a second or two: the log goes on while it is written, and each INSERT costs the same whatever
    /// it holds.
    Together,
}

/// Why chunks were not taken. Each passes: the sender waits and sends them again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SinkError {
    /// More is under way than there is room for.
    #[error("busy; try again in {} ms", retry_after.as_millis())]
    Busy {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The store or the broker does not answer, or refuses.
    #[error("{0}")]
    Unavailable(String),
    /// No disk space is left.
    #[error("{0}")]
    Full(String),
}
