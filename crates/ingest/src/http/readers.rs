//! What only people with a reader's token may see.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Json, Response};
use serve::{Denied, Keyring};

/// Puts a router behind the tokens' readers: a browser asks for name and password, and the password is the token.
///
/// Pages have no sessions and change nothing but the audit, which log text and files given out add to; those they refuse to what a
/// foreign page embeds. So there is nothing else that such a page could make a signed-in browser do.
/// Every request that comes through holds who reads, as [`serve::Reader`] among its extensions.
pub fn for_readers(router: Router, tokens: Keyring) -> Router {
    router.layer(from_fn_with_state(tokens, check))
}

async fn check(State(tokens): State<Keyring>, mut request: Request, next: Next) -> Response {
    let shown = request
        .headers()
        .get(header::AUTHORIZATION)
        .map(|value| value.to_str().unwrap_or_default());
    match tokens.check_reader(shown) {
        Ok(reader) => {
            if let Some(peer) = request.extensions().get::<serve::Peer>() {
                peer.trust(&reader.name);
            }
            request.extensions_mut().insert(reader);
            next.run(request).await
        }
        Err(denied) => refuse(denied),
    }
}

fn refuse(denied: Denied) -> Response {
    let body = serde_json::json!({
        "error": denied.to_string(),
        "hint": "give a reader's token as the password, or as `Authorization: Bearer …`",
    });
    let mut response = (StatusCode::UNAUTHORIZED, Json(body)).into_response();
    let headers = response.headers_mut();
    // Without this a browser would not ask.
    headers.insert(
        header::WWW_AUTHENTICATE,
        HeaderValue::from_static("Basic realm=\"cbsift\", charset=\"UTF-8\""),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
