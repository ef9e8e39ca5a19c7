//! Why chunks were not stored, sorted by what a sender does about it.

use std::time::Duration;

/// Chunks were not acknowledged. The sender keeps them and sends them again; repeats fold.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum PipelineError {
    /// More is on its way than may be.
    #[error("the pipeline is busy")]
    Busy {
        /// When to come again.
        retry_after: Duration,
    },
    /// The store does not answer, or a person must act first.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// What the store said.
        reason: String,
    },
    /// The store has no space left.
    #[error("the store is full: {reason}")]
    Full {
        /// What the store said.
        reason: String,
    },
    /// The store refuses these rows.
    #[error("the store refuses the rows: {reason}")]
    Refused {
        /// What the store said.
        reason: String,
    },
    /// Classifying a chunk panicked: a bug of ours, and harm to nobody else's data.
    #[error("cannot classify `{path}` at offset {offset} of endpoint `{endpoint}`: {reason}")]
    Poison {
        /// Whose.
        endpoint: String,
        /// Where the sender read it.
        path: String,
        /// First source byte of the chunk.
        offset: u64,
        /// The panic's message.
        reason: String,
    },
    /// The pipeline is stopping.
    #[error("the pipeline is stopping")]
    Stopping,
}

impl PipelineError {
    /// Whether sending the same again may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. } | Self::Poison { .. })
    }

    /// A stable name of the reason, for metrics and dead letters.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::Full { .. } => "full",
            Self::Refused { .. } => "refused",
            Self::Poison { .. } => "poison",
            Self::Stopping => "stopping",
        }
    }

    /// What could not be done with a chunk.
    pub fn stage(&self) -> &'static str {
        match self {
            Self::Poison { .. } => "classify",
            _ => "store",
        }
    }

    /// Whether space is what is missing.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
