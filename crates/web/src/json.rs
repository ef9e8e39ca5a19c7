//! Answers as JSON in which no text of strangers drives a terminal or turns a line round: people ask with curl as well.

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;

/// An answer; unsafe characters stand in it as escapes, which have the same value.
pub(crate) struct Json<T>(pub(crate) T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_string(&self.0) {
            Ok(json) => {
                let json = harmless::json(&json).into_owned();
                ([(header::CONTENT_TYPE, "application/json")], json).into_response()
            }
            Err(error) => {
                tracing::error!(%error, "an answer could not be written");
                StatusCode::INTERNAL_SERVER_ERROR.into_response()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    #[tokio::test]
    async fn what_drives_a_terminal_is_escaped_and_keeps_its_value() {
        let text = "a\u{202e}b\u{9b}2J\u{1b}[2Jc\u{e0041}d 中文";
        let response = Json(text).into_response();
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
        let body = to_bytes(response.into_body(), 1000).await.unwrap();
        let body = std::str::from_utf8(&body).unwrap();
        assert!(!body.chars().any(harmless::is_unsafe), "{body:?}");
        assert!(body.contains("中文"));
        assert_eq!(serde_json::from_str::<String>(body).unwrap(), text);
    }
}
