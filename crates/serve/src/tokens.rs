//! Who may speak: tokens, and whose data a token may name.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::is_endpoint_id;
use event::upload::FileDigest;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use subtle::{Choice, ConstantTimeEq};

/// The tokens that are accepted; holds hashes only.
///
/// A token is `id.secret`, or a secret alone (its id is then empty). The part after the last dot is the secret: 256 random bits or more,
/// which is why one SHA-256 is enough.
#[derive(Clone, Default)]
pub struct Tokens {
    by_id: HashMap<String, Vec<Token>>,
}

#[derive(Clone, Copy)]
struct Token {
    kind: Kind,
    secret_sha256: [u8; 32],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// May name any endpoint of its tenant.
    Relay,
    /// Speaks for the endpoint that is its id.
    Endpoint,
    /// Sends nothing, and may look at the pages.
    Reader,
}

/// Whose data it is; from the credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Owner of the endpoint.
    pub tenant: String,
    /// The machine.
    pub endpoint: String,
}

/// Who speaks, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// Whose data it is.
    pub owner: Owner,
    /// The token that was shown, for people: `relay:NAME` or `endpoint:ID`.
    pub sender: String,
}

/// Why a request may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No credential, or none we can read.
    #[error("no token was given")]
    NoToken,
    /// Not a token we know.
    #[error("the token is not known")]
    WrongToken,
    /// A token that may not do this.
    #[error("the token is not one that may do this")]
    OtherKind,
    /// An endpoint's token, and the header names another endpoint.
    #[error("the token speaks for another endpoint than `Cbsift-Endpoint` names")]
    OtherEndpoint,
    /// A relay's token, and no header.
    #[error("a relay token must name the endpoint")]
    EndpointMissing,
    /// The header's value is no endpoint id.
    #[error("`Cbsift-Endpoint` is no endpoint id")]
    BadEndpoint,
}

/// A line of a token file that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TokensError {
    /// 1-based.
    pub line: usize,
    /// What is wrong with it; never the line itself.
    pub what: &'static str,
}

/// Until somebody needs more than one owner of endpoints.
const TENANT: &str = "default";

impl Tokens {
    /// Reads a token file: one token a line as `relay NAME sha256:HEX`, `endpoint ID sha256:HEX` or `reader NAME sha256:HEX`, where HEX is the SHA-256 of the secret.
    ///
    /// Empty lines and `#` lines are skipped. An id may stand on several lines, so that a token can be replaced without a gap.
    pub fn parse(text: &str) -> Result<Self, Vec<TokensError>> {
        let (mut tokens, mut errors) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            if line.trim().is_empty() || line.trim_start().starts_with('#') {
                continue;
            }
            match parse_line(line) {
                Ok((id, token)) => tokens.by_id.entry(id).or_default().push(token),
                Err(what) => errors.push(TokensError {
                    line: index + 1,
                    what,
                }),
            }
        }
        if errors.is_empty() {
            Ok(tokens)
        } else {
            Err(errors)
        }
    }

    /// Whether nobody may speak.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds a relay token given in the clear, as `up` makes one.
    #[must_use]
    pub fn with_relay(self, token: &str) -> Self {
        self.with(Kind::Relay, token)
    }

    /// Adds an endpoint's token given in the clear; the endpoint is the part before the last dot.
    #[must_use]
    pub fn with_endpoint(self, token: &str) -> Self {
        self.with(Kind::Endpoint, token)
    }

    fn with(mut self, kind: Kind, token: &str) -> Self {
        let (id, secret) = split(token);
        let secret_sha256 = Sha256::digest(secret).into();
        self.by_id.entry(id.to_owned()).or_default().push(Token {
            kind,
            secret_sha256,
        });
        self
    }

    /// Who reads, as `reader:NAME`, where the value of `Authorization` shows a reader's token. Those of senders open no pages: they lie
    /// about on many machines.
    pub fn check_reader(&self, authorization: Option<&str>) -> Result<String, Denied> {
        match self.shown(authorization)? {
            (id, Kind::Reader) => Ok(format!("reader:{id}")),
            _ => Err(Denied::OtherKind),
        }
    }

    /// Who speaks, given the values of `Authorization` and `Cbsift-Endpoint`.
    pub fn caller(
        &self,
        authorization: Option<&str>,
        endpoint: Option<&str>,
    ) -> Result<Caller, Denied> {
        let (id, kind) = self.shown(authorization)?;
        if endpoint.is_some_and(|endpoint| !is_endpoint_id(endpoint)) {
            return Err(Denied::BadEndpoint);
        }
        let (endpoint, sender) = match (kind, endpoint) {
            (Kind::Reader, _) => return Err(Denied::OtherKind),
            (Kind::Endpoint, Some(named)) if named != id => return Err(Denied::OtherEndpoint),
            (Kind::Endpoint, _) => (id.as_str(), format!("endpoint:{id}")),
            (Kind::Relay, Some(named)) => (named, format!("relay:{id}")),
            (Kind::Relay, None) => return Err(Denied::EndpointMissing),
        };
        Ok(Caller {
            owner: Owner {
                tenant: TENANT.to_owned(),
                endpoint: endpoint.to_owned(),
            },
            sender,
        })
    }

    /// The id and the kind of the token that `Authorization` shows.
    fn shown(&self, authorization: Option<&str>) -> Result<(String, Kind), Denied> {
        let token = authorization
            .and_then(token_of)
            .filter(|token| !token.is_empty())
            .ok_or(Denied::NoToken)?;
        let (id, secret) = split(&token);
        let kind = self.kind(id, secret).ok_or(Denied::WrongToken)?;
        Ok((id.to_owned(), kind))
    }

    /// Compares the secret with every token of the id, and with one that never fits where there is none, so that the time taken
    /// tells neither which ids exist nor how much of a secret was right.
    fn kind(&self, id: &str, secret: &str) -> Option<Kind> {
        const NONE: &[Token] = &[Token {
            kind: Kind::Endpoint,
            secret_sha256: [0; 32],
        }];
        let shown: [u8; 32] = Sha256::digest(secret).into();
        let mut found = None;
        for token in self.by_id.get(id).map_or(NONE, Vec::as_slice) {
            let same: Choice = token.secret_sha256.ct_eq(&shown);
            if bool::from(same) {
                found = Some(token.kind);
            }
        }
        found
    }
}

/// Names the number of ids only: even hashes have no business in a log.
impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({} ids)", self.by_id.len())
    }
}

fn parse_line(line: &str) -> Result<(String, Token), &'static str> {
    let mut words = line.split_ascii_whitespace();
    let (kind, id, hash) = (words.next(), words.next(), words.next());
    let kind = match kind {
        Some("relay") => Kind::Relay,
        Some("endpoint") => Kind::Endpoint,
        Some("reader") => Kind::Reader,
        _ => return Err("expected `relay`, `endpoint` or `reader` first"),
    };
    let id = id
        .filter(|id| is_endpoint_id(id))
        .ok_or("expected an id of 1 to 128 letters, digits, `.`, `_` or `-` that starts with a letter or digit")?;
    let hash = hash
        .and_then(|hash| hash.strip_prefix("sha256:"))
        .and_then(|hash| hash.parse::<FileDigest>().ok());
    let secret_sha256 = hash
        .ok_or("expected `sha256:` and 64 hex digits, the hash of the secret")?
        .0;
    match words.next() {
        None => Ok((
            id.to_owned(),
            Token {
                kind,
                secret_sha256,
            },
        )),
        Some(_) => Err("expected nothing after the hash"),
    }
}

/// The token in an `Authorization` header: `Bearer TOKEN`, or the password of `Basic`.
fn token_of(authorization: &str) -> Option<String> {
    let (scheme, value) = authorization.trim().split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(value.trim().to_owned());
    }
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let pair = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
    pair.split_once(':')
        .map(|(_, password)| password.to_owned())
}

fn split(token: &str) -> (&str, &str) {
    token.rsplit_once('.').unwrap_or(("", token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens() -> Tokens {
        Tokens::default()
            .with_relay("made-up-relay-secret")
            .with_endpoint("PC-01.example.first")
            .with_endpoint("PC-01.example.second")
    }

    fn check(token: &str, endpoint: Option<&str>) -> Result<String, Denied> {
        let bearer = tokens().caller(Some(&format!("Bearer {token}")), endpoint);
        let basic = format!(
            "Basic {}",
            BASE64_STANDARD.encode(format!("cbsift:{token}"))
        );
        assert_eq!(tokens().caller(Some(&basic), endpoint), bearer);
        bearer.map(|caller| format!("{} {}", caller.owner.endpoint, caller.sender))
    }

    #[test]
    fn a_token_speaks_for_its_endpoint_and_a_relay_for_the_one_it_names() {
        assert_eq!(
            check("made-up-relay-secret", Some("PC-02")).as_deref(),
            Ok("PC-02 relay:")
        );
        assert_eq!(
            check("made-up-relay-secret", None),
            Err(Denied::EndpointMissing)
        );
        assert_eq!(
            check("made-up-relay-secret", Some("a/b")),
            Err(Denied::BadEndpoint)
        );
        for secret in ["first", "second"] {
            let token = format!("PC-01.example.{secret}");
            assert_eq!(
                check(&token, None).as_deref(),
                Ok("PC-01.example endpoint:PC-01.example")
            );
            assert_eq!(
                check(&token, Some("PC-01.example")).as_deref(),
                Ok("PC-01.example endpoint:PC-01.example")
            );
            assert_eq!(check(&token, Some("PC-02")), Err(Denied::OtherEndpoint));
        }
    }

    #[test]
    fn wrong_and_missing_tokens_are_refused() {
        for wrong in [
            "made-up-relay-secre",
            "PC-01.example.third",
            "PC-09.first",
            ".made-up-relay-secret.",
            "PC-01.example",
        ] {
            assert_eq!(
                check(wrong, Some("PC-02")),
                Err(Denied::WrongToken),
                "{wrong}"
            );
        }
        for unreadable in [
            None,
            Some(""),
            Some("Bearer"),
            Some("Bearer "),
            Some("Basic Y2JzaWZ0Og=="),
            Some("Digest x"),
            Some("Basic !"),
            Some("Basic bm9jb2xvbg=="),
        ] {
            assert_eq!(
                tokens().caller(unreadable, Some("PC-02")),
                Err(Denied::NoToken),
                "{unreadable:?}"
            );
        }
        assert_eq!(
            Tokens::default().caller(Some("Bearer x"), Some("PC-02")),
            Err(Denied::WrongToken)
        );
    }

    #[test]
    fn a_token_file_is_read_and_all_its_faults_are_told() {
        let hash = FileDigest(Sha256::digest(b"made-up-secret").into());
        let file =
            format!("# made up\n\nrelay gateway sha256:{hash}\nendpoint PC-01 sha256:{hash}\n");
        let tokens = Tokens::parse(&file).unwrap();
        let caller = tokens
            .caller(Some("Bearer gateway.made-up-secret"), Some("PC-07"))
            .unwrap();
        assert_eq!(
            (caller.owner.endpoint.as_str(), caller.sender.as_str()),
            ("PC-07", "relay:gateway")
        );
        assert_eq!(
            tokens
                .caller(Some("Bearer PC-01.made-up-secret"), None)
                .unwrap()
                .owner
                .endpoint,
            "PC-01"
        );
        assert!(!format!("{tokens:?}").contains(&hash.to_string()));

        let faults = format!(
            "admin x sha256:{hash}\nrelay a/b sha256:{hash}\nrelay x made-up-secret\nrelay x sha256:{hash} more\n"
        );
        let lines: Vec<usize> = Tokens::parse(&faults)
            .unwrap_err()
            .iter()
            .map(|error| error.line)
            .collect();
        assert_eq!(lines, [1, 2, 3, 4]);
    }

    #[test]
    fn readers_send_nothing_and_senders_read_nothing() {
        let hash = FileDigest(Sha256::digest(b"made-up-secret").into());
        let file = format!(
            "reader ops sha256:{hash}\nrelay gateway sha256:{hash}\nendpoint PC-01 sha256:{hash}\n"
        );
        let tokens = Tokens::parse(&file).unwrap();
        let reader = "Bearer ops.made-up-secret";
        assert_eq!(
            tokens.check_reader(Some(reader)).as_deref(),
            Ok("reader:ops")
        );
        assert_eq!(
            tokens.caller(Some(reader), Some("PC-01")),
            Err(Denied::OtherKind)
        );
        for sender in ["gateway", "PC-01"] {
            let shown = format!("Bearer {sender}.made-up-secret");
            assert_eq!(tokens.check_reader(Some(&shown)), Err(Denied::OtherKind));
        }
        assert_eq!(tokens.check_reader(None), Err(Denied::NoToken));
        assert_eq!(
            tokens.check_reader(Some("Bearer ops.other")),
            Err(Denied::WrongToken)
        );
    }
}
