//! An answer that says no, why, and when to come again.

use crate::SinkError;
use crate::http::traffic::Refused;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// A status with its reason; the body is `{"error": …, "hint": …}`.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: StatusCode,
    /// How large the body might have been, where it was larger.
    max: Option<usize>,
    error: String,
    hint: Option<&'static str>,
    retry_after: Option<Duration>,
    /// For metrics, where the status does not say it.
    reason: Option<&'static str>,
}

/// Time after which a store that was away is asked again; a guess between its restart (seconds) and patience.
const AWAY: Duration = Duration::from_secs(2);

/// Full disks are emptied by people or by retention.
const FULL: Duration = Duration::from_secs(30);

impl Refusal {
    pub(crate) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self {
            status,
            max: None,
            error: error.into(),
            hint: None,
            retry_after: None,
            reason: None,
        }
    }

    pub(crate) fn bad_request(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(crate) fn unauthorized(error: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, error)
            .hint("give the token as `Authorization: Bearer …` or as the password")
    }

    pub(crate) fn too_large(max: usize) -> Self {
        let error = format!("the body is larger than {max} bytes");
        Self {
            max: Some(max),
            ..Self::new(StatusCode::PAYLOAD_TOO_LARGE, error)
        }
        .hint("send whole records in smaller bodies")
    }

    /// Whether it says that the body is larger than so many bytes.
    pub(crate) fn is_larger_than(&self, max: usize) -> bool {
        self.max == Some(max)
    }

    /// A fault of ours: the cutter left bytes out. Nothing of the body is acknowledged.
    pub(crate) fn not_tiled(expected: u64, found: u64) -> Self {
        tracing::error!(expected, found, "the pieces of a body do not tile it");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("bytes {expected} to {found} were not cut"),
        )
    }

    pub(crate) fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub(crate) fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// The sender is told what to do; the reason, which may name our inner parts, goes to our own log.
impl From<SinkError> for Refusal {
    fn from(error: SinkError) -> Self {
        tracing::debug!(%error, "chunks were not taken");
        let away = StatusCode::SERVICE_UNAVAILABLE;
        let (status, text, wait, reason) = match error {
            SinkError::Busy { retry_after } => (away, "busy", retry_after, "busy"),
            SinkError::Unavailable(_) => (away, "the store is away", AWAY, "unavailable"),
            SinkError::Full(_) => (
                StatusCode::INSUFFICIENT_STORAGE,
                "no space is left",
                FULL,
                "full",
            ),
        };
        Self {
            reason: Some(reason),
            ..Self::new(status, text).retry_after(wait)
        }
    }
}

/// What metrics call a refusal of this status.
pub(crate) fn reason_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "denied",
        StatusCode::LENGTH_REQUIRED | StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::REQUEST_TIMEOUT => "slow",
        StatusCode::TOO_MANY_REQUESTS => "quota",
        StatusCode::UNPROCESSABLE_ENTITY => "digest",
        status if status.is_server_error() => "unavailable",
        _ => "bad_request",
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = match self.hint {
            Some(hint) => serde_json::json!({ "error": self.error, "hint": hint }),
            None => serde_json::json!({ "error": self.error }),
        };
        let mut response = (self.status, Json(body)).into_response();
        let reason = self.reason.unwrap_or_else(|| reason_of(self.status));
        response.extensions_mut().insert(Refused(reason));
        let headers = response.headers_mut();
        if let Some(wait) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(with_jitter(wait)));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer, Basic realm=\"cbsift\""),
            );
        }
        response
    }
}

/// Whole seconds, up to twice the wait, so that a fleet that was refused together does not come back together.
fn with_jitter(wait: Duration) -> u64 {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    seconds + RandomState::new().hash_one(seconds) % (seconds + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_whole_seconds_and_at_most_doubled() {
        for _ in 0..100 {
            assert!((1..=2).contains(&with_jitter(Duration::from_millis(5))));
            assert!((30..=60).contains(&with_jitter(FULL)));
        }
    }
}
