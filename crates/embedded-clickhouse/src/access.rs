//! Who may ask: writers, who may do everything, and readers, who may ask with `SELECT`.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use crate::exception::Exception;

/// The tokens that the engine's address accepts as a password, from any user name. They are written only into the pipe to the
/// engine's process.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Tokens {
    writer: Option<String>,
    reader: Option<String>,
    misplaced: Option<(String, String)>,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    /// All that the engine's grants allow.
    Writer,
    /// One `SELECT` of listed tables with listed functions.
    Reader,
}

impl Access {
    /// What the bound on connections counts its holders by.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Writer => "writer",
            Self::Reader => "reader",
        }
    }
}

impl Tokens {
    /// A writer's token. An empty one admits nobody.
    pub fn new(writer: impl Into<String>) -> Self {
        Self {
            writer: Some(writer.into()),
            ..Self::default()
        }
    }

    /// A reader's token, and none for writers.
    pub fn for_readers(reader: impl Into<String>) -> Self {
        Self::default().with_read_only(reader)
    }

    /// A token whose holder can only read.
    pub fn with_read_only(mut self, token: impl Into<String>) -> Self {
        self.reader = Some(token.into());
        self
    }

    /// A token that belongs elsewhere: who presents it here is told so, in these words, and gets in no more than others.
    pub fn with_misplaced(mut self, token: impl Into<String>, said: impl Into<String>) -> Self {
        self.misplaced = Some((token.into(), said.into()));
        self
    }

    /// What the credential of a request allows.
    pub(crate) fn access(
        &self,
        headers: &HeaderMap,
        password: Option<&str>,
    ) -> Result<Access, Exception> {
        let Some(presented) = presented(headers, password) else {
            return Err(Exception::wrong_token());
        };
        let is = |token: &str| {
            !token.is_empty() && bool::from(presented.as_bytes().ct_eq(token.as_bytes()))
        };
        if self.writer.as_deref().is_some_and(is) {
            return Ok(Access::Writer);
        }
        if self.reader.as_deref().is_some_and(is) {
            return Ok(Access::Reader);
        }
        Err(match &self.misplaced {
            Some((token, said)) if is(token) => Exception::misplaced_token(said),
            _ => Exception::wrong_token(),
        })
    }
}

/// Tokens are secrets.
impl fmt::Debug for Tokens {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Tokens(***)")
    }
}

/// The password of the first scheme in use: ClickHouse's header, Basic, Bearer, URL.
fn presented(headers: &HeaderMap, password: Option<&str>) -> Option<String> {
    let header = |name: &str| headers.get(name)?.to_str().ok();
    if let Some(key) = header("x-clickhouse-key") {
        return Some(key.to_owned());
    }
    if let Some(authorization) = header(AUTHORIZATION.as_str()) {
        let (scheme, value) = authorization.split_once(' ')?;
        if scheme.eq_ignore_ascii_case("bearer") {
            return Some(value.trim().to_owned());
        }
        if scheme.eq_ignore_ascii_case("basic") {
            let decoded = BASE64_STANDARD.decode(value.trim()).ok()?;
            let decoded = String::from_utf8(decoded).ok()?;
            return decoded
                .split_once(':')
                .map(|(_, password)| password.to_owned());
        }
        return None;
    }
    password.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::new("full")
            .with_read_only("reader")
            .with_misplaced("intake", "this is the intake's token")
    }

    fn access(name: &'static str, value: &str) -> Option<Access> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        tokens().access(&headers, None).ok()
    }

    #[test]
    fn every_scheme_carries_the_token() {
        assert_eq!(access("x-clickhouse-key", "full"), Some(Access::Writer));
        assert_eq!(access("authorization", "Bearer full"), Some(Access::Writer));
        // "anybody:reader"
        let basic = access("authorization", "basic YW55Ym9keTpyZWFkZXI=");
        assert_eq!(basic, Some(Access::Reader));
        let url = tokens().access(&HeaderMap::new(), Some("full"));
        assert_eq!(url, Ok(Access::Writer));
    }

    #[test]
    fn a_wrong_token_is_nobody() {
        assert_eq!(access("x-clickhouse-key", "ful"), None);
        assert_eq!(access("authorization", "Bearer"), None);
        assert_eq!(access("authorization", "Basic !"), None);
        assert!(tokens().access(&HeaderMap::new(), None).is_err());
        let none = HeaderMap::new();
        assert!(Tokens::new("").access(&none, Some("")).is_err());
        assert!(Tokens::default().access(&none, Some("")).is_err());
    }

    #[test]
    fn readers_alone_leave_no_way_for_writers() {
        let tokens = Tokens::for_readers("reader");
        let none = HeaderMap::new();
        assert_eq!(tokens.access(&none, Some("reader")), Ok(Access::Reader));
        assert!(tokens.access(&none, Some("")).is_err());
    }

    #[test]
    fn a_token_from_elsewhere_is_refused_with_the_way_out() {
        let said = tokens().access(&HeaderMap::new(), Some("intake"));
        let said = said.expect_err("not a token of the engine").to_string();
        assert!(said.contains("this is the intake's token"), "{said}");
        assert!(said.contains("Code: 516."), "{said}");
    }

    #[test]
    fn tokens_do_not_print() {
        assert_eq!(format!("{:?}", Tokens::new("secret")), "Tokens(***)");
    }
}
