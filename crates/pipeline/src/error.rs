//! Why chunks were not stored, sorted by what a sender does about it.

use crate::RuleSetError;
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
    /// The store refuses all of several chunks: the fault is not in one of them.
    #[error("the store refuses the rows: {reason}")]
    Refused {
        /// What the store said.
        reason: String,
    },
    /// The store's newest rule set cannot be used here, and another one must not be.
    #[error("the pipeline is not ready: {0}")]
    NotReady(#[from] RuleSetError),
    /// The pipeline is stopping.
    #[error("the pipeline is stopping")]
    Stopping,
}

impl PipelineError {
    /// Whether sending the same again may succeed.
    pub fn is_retryable(&self) -> bool {
        !matches!(self, Self::Refused { .. })
    }

    /// A stable name of the reason, for metrics.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Busy { .. } => "busy",
            Self::Unavailable { .. } => "unavailable",
            Self::Full { .. } => "full",
            Self::Refused { .. } => "refused",
            Self::NotReady { .. } => "not_ready",
            Self::Stopping => "stopping",
        }
    }

    /// Whether space is what is missing.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full { .. })
    }
}
