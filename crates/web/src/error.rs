//! Answers that are no data, as people and pages read them.

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use store::StoreError;

/// An answer that is no data.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApiError {
    /// A parameter that cannot be meant.
    #[error("{message}")]
    Request { message: String, hint: &'static str },
    /// Nothing is known under this name.
    #[error("{message}")]
    NotFound { message: String, hint: &'static str },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The answer took too long.
    #[error("the store took longer than {0} s")]
    Slow(u64),
}

#[derive(Serialize)]
struct Body {
    error: String,
    hint: Option<String>,
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let text = self.to_string();
        let (status, error, hint) = match self {
            Self::Request { message, hint } => {
                (StatusCode::BAD_REQUEST, message, Some(hint.to_owned()))
            }
            Self::NotFound { message, hint } => {
                (StatusCode::NOT_FOUND, message, Some(hint.to_owned()))
            }
            Self::Store(error) => {
                tracing::warn!(error = %text, retryable = error.is_retryable(), "a page could not be answered");
                let (message, hint) = match text.split_once("\nhint: ") {
                    Some((message, hint)) => (message.to_owned(), Some(hint.to_owned())),
                    None => (text, None),
                };
                (StatusCode::SERVICE_UNAVAILABLE, message, hint)
            }
            Self::Slow(_) => {
                tracing::warn!(error = %text, "a page could not be answered");
                let hint = "narrow the days, or look at the load of the machine".to_owned();
                (StatusCode::GATEWAY_TIMEOUT, text, Some(hint))
            }
        };
        (status, Json(Body { error, hint })).into_response()
    }
}

pub(crate) type Result<T> = std::result::Result<Json<T>, ApiError>;
