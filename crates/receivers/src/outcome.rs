//! What became of one try.

use crate::fit::clip;
use std::time::Duration;

/// What became of one try to deliver a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver said that it has it; syslog over UDP says nothing, there it was sent.
    Delivered,
    /// It may work later; not before `after`, where that is known.
    Retry {
        /// For people, with a hint where we know one.
        error: String,
        /// How long to wait at least.
        after: Option<Duration>,
    },
    /// The same message would be refused again: somebody has to change something.
    Refused {
        /// For people, with a hint where we know one.
        error: String,
    },
}

/// Longest error kept: what a service says, and a hint.
const ERROR_BYTES: usize = 600;
/// Of a service's own words this much, or the hint behind them would be cut.
const WORDS_BYTES: usize = 300;

impl Outcome {
    pub(crate) fn retry(error: impl std::fmt::Display) -> Self {
        Self::Retry {
            error: short(&error.to_string()),
            after: None,
        }
    }

    pub(crate) fn later(error: impl std::fmt::Display, after: Duration) -> Self {
        Self::Retry {
            error: short(&error.to_string()),
            after: Some(after),
        }
    }

    pub(crate) fn refused(error: impl std::fmt::Display) -> Self {
        Self::Refused {
            error: short(&error.to_string()),
        }
    }

    /// The error with secrets that a service repeated struck out.
    pub(crate) fn without(self, secrets: &[String]) -> Self {
        let strike = |error: String| strike(error, secrets);
        match self {
            Self::Delivered => self,
            Self::Retry { error, after } => Self::Retry {
                error: strike(error),
                after,
            },
            Self::Refused { error } => Self::Refused {
                error: strike(error),
            },
        }
    }

    pub(crate) fn error(&self) -> Option<&str> {
        match self {
            Self::Delivered => None,
            Self::Retry { error, .. } | Self::Refused { error } => Some(error),
        }
    }
}

/// A text with secrets that it repeats struck out.
pub(crate) fn strike(text: String, secrets: &[String]) -> String {
    secrets
        .iter()
        .filter(|secret| !secret.is_empty())
        .fold(text, |text, secret| text.replace(secret, "***"))
}

/// Words of a service within an error of ours. Secrets are struck out first: of one that is cut in two, half would be left.
pub(crate) fn words(text: &str, secrets: &[String]) -> String {
    let struck = strike(text.trim().to_owned(), secrets);
    clip(&harmless::lines(&struck), WORDS_BYTES)
}

/// Words of others for people: harmless, and not too many.
pub(crate) fn short(text: &str) -> String {
    clip(&harmless::lines(text.trim()), ERROR_BYTES)
}
