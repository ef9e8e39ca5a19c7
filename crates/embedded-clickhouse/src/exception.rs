//! ClickHouse's way of saying no: a code, a name, a text, and the HTTP status clients expect.

use std::fmt;

use hyper::StatusCode;

/// The engine inside libchdb; the library leaves it out of its messages, clients print it.
const ENGINE_VERSION: &str = "(version 26.7.2.1 (official build))";

/// An error as a ClickHouse server words it: `Code: 60. DB::Exception: … (UNKNOWN_TABLE)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exception {
    pub(crate) code: u32,
    text: String,
}

impl Exception {
    pub(crate) fn new(code: u32, name: &str, message: impl fmt::Display) -> Self {
        Self {
            code,
            text: format!("Code: {code}. DB::Exception: {message}. ({name}) {ENGINE_VERSION}"),
        }
    }

    /// A message of the engine, which begins with its code; most lack the version.
    pub(crate) fn from_engine(message: String) -> Self {
        let code = message
            .split_once("Code: ")
            .and_then(|(_, rest)| rest.split_once('.'))
            .and_then(|(code, _)| code.parse().ok());
        let Some(code) = code else {
            return Self::unknown(message);
        };
        let text = if message.contains("(version ") {
            message
        } else {
            format!("{} {ENGINE_VERSION}", message.trim_end())
        };
        Self { code, text }
    }

    pub(crate) fn unknown(message: impl fmt::Display) -> Self {
        Self::new(1002, "UNKNOWN_EXCEPTION", message)
    }

    pub(crate) fn bad_arguments(message: impl fmt::Display) -> Self {
        Self::new(36, "BAD_ARGUMENTS", message)
    }

    pub(crate) fn not_implemented(message: impl fmt::Display) -> Self {
        Self::new(48, "NOT_IMPLEMENTED", message)
    }

    pub(crate) fn read_only(message: impl fmt::Display) -> Self {
        Self::new(164, "READONLY", message)
    }

    pub(crate) fn too_large(message: impl fmt::Display) -> Self {
        Self::new(307, "TOO_MANY_BYTES", message)
    }

    pub(crate) fn too_many(message: impl fmt::Display) -> Self {
        Self::new(202, "TOO_MANY_SIMULTANEOUS_QUERIES", message)
    }

    pub(crate) fn wrong_token() -> Self {
        Self::new(
            516,
            "AUTHENTICATION_FAILED",
            "cbsift: authentication failed: no token or a wrong one; give the token as the password",
        )
    }

    /// A token of another door of the same service.
    pub(crate) fn misplaced_token(said: impl fmt::Display) -> Self {
        Self::new(
            516,
            "AUTHENTICATION_FAILED",
            format_args!("cbsift: authentication failed: {said}"),
        )
    }

    /// Without the statement of ours in which the engine met the error, and the reader's text in it.
    pub(crate) fn without_scope(mut self) -> Self {
        if let Some(scope) = self.text.find(": In scope SELECT formatQuerySingleLine(")
            && let Some(end) = self.text.rfind(". (")
            && scope < end
        {
            self.text.replace_range(scope..end, "");
        }
        self
    }

    /// As ClickHouse maps codes to statuses; what it does not list is 500.
    pub(crate) fn status(&self) -> StatusCode {
        match self.code {
            // Cannot parse, type mismatch, syntax, bad values.
            6 | 27 | 26 | 38 | 41 | 42 | 43 | 53 | 62 | 70 | 69 | 72 | 130 | 131 | 190 | 36
            | 456 | 457 => StatusCode::BAD_REQUEST,
            // Unknown identifier, function, type, storage, table, format, database, setting, …
            16 | 46 | 47 | 50 | 56 | 60 | 63 | 73 | 78 | 81 | 82 | 115 | 372 => {
                StatusCode::NOT_FOUND
            }
            159 => StatusCode::REQUEST_TIMEOUT,
            307 => StatusCode::PAYLOAD_TOO_LARGE,
            497 => StatusCode::FORBIDDEN,
            516 => StatusCode::UNAUTHORIZED,
            48 => StatusCode::NOT_IMPLEMENTED,
            202 | 439 => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The body of an error answer.
    pub(crate) fn body(&self) -> String {
        format!("{}\n", self.text)
    }

    /// What follows the last good byte when the failure comes after the head of the answer:
    /// clients look for it at the end of the stream, by the tag they were given in a header.
    pub(crate) fn block(&self, tag: &str) -> String {
        let message = self.body();
        format!(
            "\r\n__exception__\r\n{tag}\r\n{message}{} {tag}\r\n__exception__\r\n",
            message.len()
        )
    }
}

impl fmt::Display for Exception {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl std::error::Error for Exception {}

impl From<std::io::Error> for Exception {
    /// Reading a request's body: our own decoders put an exception inside, the rest is transport.
    fn from(error: std::io::Error) -> Self {
        match error.downcast::<Exception>() {
            Ok(exception) => exception,
            Err(error) => Self::new(
                210,
                "NETWORK_ERROR",
                format_args!("cannot read the request's body: {error}"),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_message_keeps_its_code_and_gains_the_version() {
        let exception =
            Exception::from_engine("Code: 60. DB::Exception: no table. (UNKNOWN_TABLE)".into());
        assert_eq!(exception.code, 60);
        assert_eq!(exception.status(), StatusCode::NOT_FOUND);
        assert_eq!(
            exception.body(),
            "Code: 60. DB::Exception: no table. (UNKNOWN_TABLE) (version 26.7.2.1 (official build))\n"
        );
    }

    #[test]
    fn a_message_about_a_checked_text_does_not_repeat_it() {
        let said = "Code: 62. DB::Exception: Syntax error: failed at position 1 (x): x. Expected y: \
                    In scope SELECT formatQuerySingleLine('x'). (SYNTAX_ERROR)";
        assert_eq!(
            Exception::from_engine(said.into())
                .without_scope()
                .to_string(),
            "Code: 62. DB::Exception: Syntax error: failed at position 1 (x): x. Expected y. (SYNTAX_ERROR) \
             (version 26.7.2.1 (official build))"
        );
    }

    #[test]
    fn a_message_without_a_code_is_unknown() {
        let exception = Exception::from_engine("Unexpected null connection".into());
        assert_eq!(exception.code, 1002);
        assert_eq!(exception.status(), StatusCode::INTERNAL_SERVER_ERROR);
    }
}
