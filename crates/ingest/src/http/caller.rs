//! Who speaks: read from a request before anything else of it is judged.

use super::Intake;
use crate::SinkError;
use crate::desk::Turned;
use crate::http::refusal::Refusal;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use event::upload::{ENDPOINT_HEADER, FILE_DIGEST_HEADER, FILE_SIZE_HEADER};
use serve::{Caller, Denied};
use std::sync::Arc;

/// Headers of which a request has one at most: of two, a proxy before us could mean the other one. Those of HTTP itself are looked at
/// where the connection is served.
const SINGLE: [&str; 4] = [
    ENDPOINT_HEADER,
    FILE_DIGEST_HEADER,
    FILE_SIZE_HEADER,
    "content-digest",
];

/// The caller of a request. Its connection is no stranger from then on.
pub(crate) struct Speaks(pub(crate) Caller);

impl<S, O> FromRequestParts<Arc<Intake<S, O>>> for Speaks
where
    S: Send + Sync,
    O: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(
        parts: &mut Parts,
        intake: &Arc<Intake<S, O>>,
    ) -> Result<Self, Refusal> {
        refuse_twice(&parts.headers)?;
        let shown = authorization(&parts.headers);
        let endpoint = value(&parts.headers, ENDPOINT_HEADER);
        let peer = parts.extensions.get::<serve::Peer>().cloned();
        let names = peer.as_ref().and_then(|peer| peer.certificate());
        let caller = match names.filter(|_| shown.is_none()) {
            Some(names) => serve::tokens::certified(names, endpoint)?,
            // Where a token is shown it decides, whatever the connection began with.
            None => {
                let judged = |keyring: &serve::Keyring| keyring.caller(shown, endpoint);
                intake.callers.check(shown, judged).await?
            }
        };
        if let Some(peer) = &peer {
            peer.trust(&caller.sender);
        }
        Ok(Self(caller))
    }
}

/// Refuses a request with two of what it may have once.
pub(super) fn refuse_twice(headers: &HeaderMap) -> Result<(), Refusal> {
    let twice = |name: &&str| headers.get_all(*name).iter().nth(1).is_some();
    match SINGLE.into_iter().find(twice) {
        Some(name) => Err(Refusal::bad_request(format!(
            "the header `{name}` stands there twice"
        ))),
        None => Ok(()),
    }
}

/// The value of `Authorization`.
pub(super) fn authorization(headers: &HeaderMap) -> Option<&str> {
    value(headers, header::AUTHORIZATION.as_str())
}

/// A header that is no text is no token and no endpoint id either.
fn value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?;
    Some(value.to_str().unwrap_or("\u{0}"))
}

impl From<Turned> for Refusal {
    fn from(turned: Turned) -> Self {
        match turned {
            Turned::Denied(denied) => denied.into(),
            Turned::NotNow => {
                SinkError::Unavailable("a token cannot be looked up".to_owned()).into()
            }
        }
    }
}

impl From<Denied> for Refusal {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::NoToken | Denied::WrongToken => Refusal::unauthorized(denied.to_string()),
            Denied::OtherEndpoint | Denied::OtherKind | Denied::OtherName | Denied::NoName => {
                Refusal::new(StatusCode::FORBIDDEN, denied.to_string())
            }
            Denied::EndpointMissing | Denied::ManyNames => Refusal::bad_request(denied.to_string())
                .hint("name it in the header `Cbsift-Endpoint`"),
            Denied::BadEndpoint => Refusal::bad_request(denied.to_string())
                .hint("1 to 128 letters, digits, `.`, `_` or `-` of ASCII are allowed, the first a letter or digit"),
        }
    }
}
