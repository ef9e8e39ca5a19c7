//! What stands before and after every answer: the name asked for, the role of who asks, a turn, the headers.

use crate::{
    error::ApiError,
    json::Json,
    roles::{Asker, Gives},
    server::Web,
    turns::{Kinds, Turns},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::{net::IpAddr, time::Duration};

/// Longer than any page should take (p95 < 300 ms); shorter than a reader's patience with a spinner. The store gives up before (25 s).
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

/// Refuses names that are not ours, so that no foreign page can point its own name at this address and read the answers.
pub(crate) async fn check_host(State(web): State<Web>, request: Request, next: Next) -> Response {
    let host = request
        .headers()
        .get(header::HOST)
        .and_then(|host| host.to_str().ok());
    if host.is_some_and(|host| is_ours(host, &web.hosts)) {
        return next.run(request).await;
    }
    // The name is not repeated as it came: it is a stranger's text.
    let body = json!({
        "error": "this name is not one that the pages are served under",
        "hint": "open http://127.0.0.1 with the port, or add the name to `web.hosts`",
    });
    (StatusCode::MISDIRECTED_REQUEST, Json(body)).into_response()
}

fn is_ours(host: &str, hosts: &[String]) -> bool {
    let name = without_port(host).to_ascii_lowercase();
    let name = name.strip_suffix('.').unwrap_or(&name);
    let address = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'))
        .unwrap_or(name);
    name == "localhost"
        || address
            .parse::<IpAddr>()
            .is_ok_and(|address| address.is_loopback())
        || hosts.iter().any(|host| host == name)
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port))
            if port.bytes().all(|digit| digit.is_ascii_digit())
                && !name.ends_with(':')
                && (!name.contains(':') || name.ends_with(']')) =>
        {
            name
        }
        _ => host,
    }
}

/// Refuses what the role of who asks does not allow, and looks that a page elsewhere would have in his name.
pub(crate) async fn check_role(
    State(gives): State<Gives>,
    asker: Asker,
    request: Request,
    next: Next,
) -> Response {
    let checked = asker.check(gives).and_then(|()| match gives.is_noted() {
        true => check_embedding(request.headers()),
        false => Ok(()),
    });
    match checked {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Refused before anything is read where a page elsewhere has the answer in itself, as a picture or a frame.
pub(crate) fn check_embedding(headers: &HeaderMap) -> Result<(), ApiError> {
    let said = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let is_foreign = said("sec-fetch-site").is_some_and(|site| site == b"cross-site");
    if is_foreign && said("sec-fetch-dest") != Some(b"document") {
        return Err(ApiError::Request {
            message: "another site's page asks for this".to_owned(),
            hint: "open the address itself",
        });
    }
    Ok(())
}

/// Answers a few questions of each kind at a time, each within a bound.
pub(crate) async fn take_turn(
    State((web, kind)): State<(Web, Kind)>,
    request: Request,
    next: Next,
) -> Response {
    let Some(_turn) = kind(&web.turns).take().await else {
        return ApiError::Busy.into_response();
    };
    match tokio::time::timeout(ANSWER_WITHIN, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::Slow(ANSWER_WITHIN.as_secs()).into_response(),
    }
}

/// Whose turns a question takes.
pub(crate) type Kind = fn(&Kinds) -> &Turns;

/// Log text is hostile text: nothing may run but our own script, and nobody may frame or embed what we show.
const HEADERS: [(HeaderName, &str); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; script-src 'self'; style-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "same-origin"),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        "same-origin",
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        "same-origin",
    ),
];

/// Adds to every answer what keeps it to our own pages; figures are never kept by a cache.
pub(crate) async fn add_headers(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers
        .entry(header::CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_configured_names_are_ours() {
        let hosts = ["cbsift.bank.example".to_owned()];
        for ours in [
            "127.0.0.1:8080",
            "127.0.0.1",
            "localhost:1",
            "LOCALHOST",
            "localhost.:80",
            "[::1]:8080",
            "[::1]",
            "127.1.2.3:9",
            "cbsift.bank.example:443",
            "CBSIFT.bank.example",
        ] {
            assert!(is_ours(ours, &hosts), "{ours}");
        }
        for foreign in [
            "",
            "evil.example",
            "evil.example:8080",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "192.0.2.7:8080",
            "cbsift.bank.example.evil.example",
            "[::2]:80",
            "0.0.0.0:80",
            "evil.example#127.0.0.1",
            "127.0.0.1@evil.example",
        ] {
            assert!(!is_ours(foreign, &hosts), "{foreign}");
        }
    }
}
