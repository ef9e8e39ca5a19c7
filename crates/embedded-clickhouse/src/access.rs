//! Who may ask: one token for everything, a second one for reading.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

/// The tokens that the engine's address accepts as a password, from any user name. They are written only into the pipe to the
/// engine's process.
#[derive(Clone, Serialize, Deserialize)]
pub struct Tokens {
    full: String,
    read_only: Option<String>,
}

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Access {
    Full,
    ReadOnly,
}

impl Tokens {
    /// One token that allows everything the engine's grants allow. An empty one admits nobody.
    pub fn new(full: impl Into<String>) -> Self {
        Self {
            full: full.into(),
            read_only: None,
        }
    }

    /// A second token whose holder can only read.
    pub fn with_read_only(mut self, token: impl Into<String>) -> Self {
        self.read_only = Some(token.into());
        self
    }

    /// What the credential of a request allows; `None` without one or with a wrong one.
    pub(crate) fn access(&self, headers: &HeaderMap, password: Option<&str>) -> Option<Access> {
        let presented = presented(headers, password)?;
        let is = |token: &str| {
            !token.is_empty() && bool::from(presented.as_bytes().ct_eq(token.as_bytes()))
        };
        if is(&self.full) {
            return Some(Access::Full);
        }
        self.read_only
            .as_deref()
            .is_some_and(is)
            .then_some(Access::ReadOnly)
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

    fn access(name: &'static str, value: &str) -> Option<Access> {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().expect("a header value"));
        Tokens::new("full")
            .with_read_only("reader")
            .access(&headers, None)
    }

    #[test]
    fn every_scheme_carries_the_token() {
        assert_eq!(access("x-clickhouse-key", "full"), Some(Access::Full));
        assert_eq!(access("authorization", "Bearer full"), Some(Access::Full));
        // "anybody:reader"
        let basic = access("authorization", "basic YW55Ym9keTpyZWFkZXI=");
        assert_eq!(basic, Some(Access::ReadOnly));
        let url = Tokens::new("full").access(&HeaderMap::new(), Some("full"));
        assert_eq!(url, Some(Access::Full));
    }

    #[test]
    fn a_wrong_token_is_nobody() {
        assert_eq!(access("x-clickhouse-key", "ful"), None);
        assert_eq!(access("authorization", "Bearer"), None);
        assert_eq!(access("authorization", "Basic !"), None);
        let none = Tokens::new("full").access(&HeaderMap::new(), None);
        assert_eq!(none, None);
        let empty = Tokens::new("").access(&HeaderMap::new(), Some(""));
        assert_eq!(empty, None);
    }

    #[test]
    fn tokens_do_not_print() {
        assert_eq!(format!("{:?}", Tokens::new("secret")), "Tokens(***)");
    }
}
