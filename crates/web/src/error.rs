//! Answers that are no data, as people and pages read them.

use crate::json::Json;
use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use event::Role;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

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
    /// The role of who asks does not allow it.
    #[error("the role `{}` may not see {what}", role.name())]
    Forbidden {
        role: Role,
        what: &'static str,
        roles: &'static [Role],
    },
    /// The audit could not be told that something leaves the store.
    #[error("nothing is given out before the audit has noted it, and it could not: {0}")]
    Unaudited(StoreError),
    /// The answer took too long.
    #[error("the store took longer than {0} s")]
    Slow(u64),
    /// Too many questions of this kind are being answered.
    #[error("too many pages of this kind are asked for at once")]
    Busy,
}

const ASK_FOR_LESS: &str = "narrow the days, or look at the load of the machine";

const AUDIT_RIGHTS: &str = "on a ClickHouse server the pages' user must be allowed to insert into `audit`: docs/operations.md";

/// When a browser or a script may come again: a question takes a second or two.
const COME_AGAIN_S: &str = "5";

#[derive(Serialize, ToSchema)]
#[schema(as = Error)]
pub(crate) struct Body {
    error: String,
    /// The way out, where one is known.
    hint: Option<String>,
    /// Who may, where the role of who asks does not allow it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    roles: Option<Vec<&'static str>>,
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
            Self::Busy => {
                let hint = "try again in a few seconds, as Retry-After says".to_owned();
                let body = Json(Body {
                    error: text,
                    hint: Some(hint),
                    roles: None,
                });
                let again = [(header::RETRY_AFTER, COME_AGAIN_S)];
                return (StatusCode::SERVICE_UNAVAILABLE, again, body).into_response();
            }
            Self::Forbidden { roles, .. } => {
                let roles: Vec<&str> = roles.iter().map(|role| role.name()).collect();
                let hint = format!(
                    "{} may; a token of a role is made with `cbsift tokens create --role {}`",
                    roles.join(" and "),
                    roles.first().copied().unwrap_or_default()
                );
                let body = Json(Body {
                    error: text,
                    hint: Some(hint),
                    roles: Some(roles),
                });
                return (StatusCode::FORBIDDEN, body).into_response();
            }
            Self::Unaudited(error) => {
                tracing::warn!(error = %text, retryable = error.is_retryable(), "something was not given out");
                let message = text.split("\nhint: ").next().unwrap_or_default();
                (
                    StatusCode::SERVICE_UNAVAILABLE,
                    message.to_owned(),
                    Some(AUDIT_RIGHTS.to_owned()),
                )
            }
            Self::Store(error) if error.is_too_large() => {
                tracing::warn!(error = %text, "a page asks for more than it may");
                let error = "the answer takes the store too long, or is too large".to_owned();
                (
                    StatusCode::GATEWAY_TIMEOUT,
                    error,
                    Some(ASK_FOR_LESS.to_owned()),
                )
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
                (
                    StatusCode::GATEWAY_TIMEOUT,
                    text,
                    Some(ASK_FOR_LESS.to_owned()),
                )
            }
        };
        let body = Body {
            error,
            hint,
            roles: None,
        };
        (status, Json(body)).into_response()
    }
}

pub(crate) type Result<T> = std::result::Result<Json<T>, ApiError>;
