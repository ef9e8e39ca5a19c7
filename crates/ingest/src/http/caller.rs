//! Who speaks: read from a request before anything else of it is judged.

use super::Intake;
use crate::http::refusal::Refusal;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use event::upload::{ENDPOINT_HEADER, FILE_DIGEST_HEADER, FILE_SIZE_HEADER};
use serve::{Caller, Denied, Tokens};
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
        let twice = |name: &&str| parts.headers.get_all(*name).iter().nth(1).is_some();
        if let Some(name) = SINGLE.into_iter().find(twice) {
            return Err(Refusal::bad_request(format!(
                "the header `{name}` stands there twice"
            )));
        }
        let caller = caller(&intake.tokens, &parts.headers)?;
        if let Some(peer) = parts.extensions.get::<serve::Peer>() {
            peer.trust(&caller.sender);
        }
        Ok(Self(caller))
    }
}

fn caller(tokens: &Tokens, headers: &HeaderMap) -> Result<Caller, Refusal> {
    // A header that is no text is no token and no endpoint id either.
    let value = |name| {
        headers
            .get(name)
            .map(|value| value.to_str().unwrap_or("\u{0}"))
    };
    tokens
        .caller(
            value(header::AUTHORIZATION.as_str()),
            value(ENDPOINT_HEADER),
        )
        .map_err(|denied| match denied {
            Denied::NoToken | Denied::WrongToken => Refusal::unauthorized(denied.to_string()),
            Denied::OtherEndpoint | Denied::OtherKind => {
                Refusal::new(StatusCode::FORBIDDEN, denied.to_string())
            }
            Denied::EndpointMissing => Refusal::bad_request(denied.to_string())
                .hint("name it in the header `Cbsift-Endpoint`"),
            Denied::BadEndpoint => Refusal::bad_request(denied.to_string())
                .hint("1 to 128 letters, digits, `.`, `_` or `-` of ASCII are allowed, the first a letter or digit"),
        })
}
