//! Who may speak: tokens, and whose data a token may name.

mod file;
mod keyring;

pub use file::TokensError;
pub use keyring::{Keyring, Mark};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::{Role, SecretHash, TokenKind, UtcMillis, is_endpoint_id};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use subtle::{Choice, ConstantTimeEq};

/// The tokens that are accepted; holds hashes only.
///
/// A token is `id.secret`, or a secret alone (its id is then empty). The part after the last dot is the secret: 256 random bits or more,
/// which is why one SHA-256 is enough.
#[derive(Clone, Default)]
pub struct Tokens {
    by_id: HashMap<String, Vec<Token>>,
}

/// What is known of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is for.
    pub kind: TokenKind,
    /// Of the part after the last dot.
    pub secret: SecretHash,
    /// From then on it is not known any more.
    pub expires: Option<UtcMillis>,
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
    /// The token that was shown, for people: `relay:NAME` or `endpoint:ID`; or `certificate:NAME`.
    pub sender: String,
}

/// Who reads the pages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reader {
    /// The token that was shown, for people and the audit: `reader:NAME`, `auditor:NAME` or `admin:NAME`.
    pub name: String,
    /// What he may see.
    pub role: Role,
}

/// A token as it was shown.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shown {
    /// The part before the last dot.
    pub id: String,
    /// Of the part after it.
    pub secret: SecretHash,
}

/// Why a request may not speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// No credential, or none we can read.
    #[error("no token was given")]
    NoToken,
    /// Not a token we know, or not any more.
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
    /// A certificate, and the header names an endpoint that it does not name.
    #[error("the certificate names other endpoints than `Cbsift-Endpoint` does")]
    OtherName,
    /// A certificate without a name that can be an endpoint's.
    #[error("the certificate has no DNS name that can be an endpoint's id")]
    NoName,
    /// A certificate of several endpoints, and no header.
    #[error("the certificate names several endpoints, so `Cbsift-Endpoint` must name one of them")]
    ManyNames,
    /// The header's value is no endpoint id.
    #[error("`Cbsift-Endpoint` is no endpoint id")]
    BadEndpoint,
}

/// Until somebody needs more than one owner of endpoints.
pub const TENANT: &str = "default";

impl Tokens {
    /// Adds a token.
    pub fn add(&mut self, id: &str, token: Token) {
        // Most have one, and a list makes room for four at first.
        let one = || Vec::with_capacity(1);
        self.by_id
            .entry(id.to_owned())
            .or_insert_with(one)
            .push(token);
    }

    /// Every token with its id, in no order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Token)> {
        let ids = self.by_id.iter();
        ids.flat_map(|(id, tokens)| tokens.iter().map(move |token| (id.as_str(), token)))
    }

    fn retain(&mut self, mut keep: impl FnMut(&str, &Token) -> bool) {
        self.by_id.retain(|id, tokens| {
            tokens.retain(|token| keep(id, token));
            !tokens.is_empty()
        });
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.by_id.values().map(Vec::len).sum()
    }

    /// Whether nobody may speak.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// Adds a relay token given in the clear, as `up` makes one.
    #[must_use]
    pub fn with_relay(self, token: &str) -> Self {
        self.with(TokenKind::Relay, token)
    }

    /// Adds an endpoint's token given in the clear; the endpoint is the part before the last dot.
    #[must_use]
    pub fn with_endpoint(self, token: &str) -> Self {
        self.with(TokenKind::Endpoint, token)
    }

    fn with(mut self, kind: TokenKind, token: &str) -> Self {
        let (id, secret) = split(token);
        let token = Token {
            kind,
            secret: hash(secret),
            expires: None,
        };
        self.add(id, token);
        self
    }

    /// Compares the secret with every token of the id, and with one that never fits where there is none, so that the time taken
    /// tells neither which ids exist nor how much of a secret was right.
    fn find(&self, shown: &Shown, now: UtcMillis) -> Option<TokenKind> {
        const NONE: &[Token] = &[Token {
            kind: TokenKind::Endpoint,
            secret: SecretHash([0; 32]),
            expires: None,
        }];
        let mut found = None;
        for token in self.by_id.get(&shown.id).map_or(NONE, Vec::as_slice) {
            let same: Choice = token.secret.0.ct_eq(&shown.secret.0);
            if bool::from(same) && token.expires.is_none_or(|expires| now < expires) {
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

/// The hash under which a secret is kept.
pub fn hash(secret: &str) -> SecretHash {
    SecretHash(Sha256::digest(secret).into())
}

/// A secret of 256 random bits, in hex.
pub fn new_secret() -> std::io::Result<String> {
    let mut random = [0; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut random)?;
    // Written as a hash is.
    Ok(SecretHash(random).to_string())
}

impl Shown {
    /// The token in the value of an `Authorization` header: `Bearer TOKEN`, or the password of `Basic`.
    pub fn of(authorization: Option<&str>) -> Result<Self, Denied> {
        let token = authorization
            .and_then(token_of)
            .filter(|token| !token.is_empty())
            .ok_or(Denied::NoToken)?;
        let (id, secret) = split(&token);
        Ok(Self {
            id: id.to_owned(),
            secret: hash(secret),
        })
    }
}

/// Who a token of this kind and id speaks for, given the value of `Cbsift-Endpoint`.
fn caller(kind: TokenKind, id: &str, endpoint: Option<&str>) -> Result<Caller, Denied> {
    if endpoint.is_some_and(|endpoint| !is_endpoint_id(endpoint)) {
        return Err(Denied::BadEndpoint);
    }
    let (endpoint, sender) = match (kind, endpoint) {
        (TokenKind::Fleet | TokenKind::Reader | TokenKind::Auditor | TokenKind::Admin, _) => {
            return Err(Denied::OtherKind);
        }
        (TokenKind::Endpoint, Some(named)) if named != id => return Err(Denied::OtherEndpoint),
        (TokenKind::Endpoint, _) => (id, format!("endpoint:{id}")),
        (TokenKind::Relay, Some(named)) => (named, format!("relay:{id}")),
        (TokenKind::Relay, None) => return Err(Denied::EndpointMissing),
    };
    Ok(Caller {
        owner: Owner {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
        },
        sender,
    })
}

/// Who a verified certificate with these DNS names speaks for, given the value of `Cbsift-Endpoint`: for the endpoints that are called so.
pub fn certified(names: &[String], endpoint: Option<&str>) -> Result<Caller, Denied> {
    // A wildcard is nobody's name.
    let mut ids = names.iter().filter(|name| is_endpoint_id(name));
    let id = match endpoint {
        Some(named) if !is_endpoint_id(named) => return Err(Denied::BadEndpoint),
        // DNS makes no difference between letters, and ids do: the certificate's spelling holds.
        Some(named) => ids
            .find(|id| id.eq_ignore_ascii_case(named))
            .ok_or(Denied::OtherName)?,
        None => {
            let first = ids.next().ok_or(Denied::NoName)?;
            if ids.next().is_some() {
                return Err(Denied::ManyNames);
            }
            first
        }
    };
    Ok(Caller {
        owner: Owner {
            tenant: TENANT.to_owned(),
            endpoint: id.clone(),
        },
        sender: format!("certificate:{id}"),
    })
}

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
mod tests;
