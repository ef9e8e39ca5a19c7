//! The pages themselves, compiled in.

use axum::{
    body::Body,
    http::{HeaderMap, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::{EmbeddedFile, RustEmbed};
use std::fmt::Write;

#[derive(RustEmbed)]
#[folder = "ui/dist/"]
struct Pages;

/// A file of the pages; any other address is a view of them, which the page itself tells apart.
pub(crate) async fn serve(uri: Uri, headers: HeaderMap) -> Response {
    let path = uri.path().trim_start_matches('/');
    // Vite names these by their content, so an address never means another file.
    let is_hashed = path.starts_with("assets/");
    match Pages::get(path) {
        Some(file) if !path.is_empty() => answer(file, path, is_hashed, &headers),
        None if is_hashed => StatusCode::NOT_FOUND.into_response(),
        _ => match Pages::get("index.html") {
            Some(file) => answer(file, "index.html", false, &headers),
            None => unreachable!("the build refuses to run without the pages"),
        },
    }
}

fn answer(file: EmbeddedFile, path: &str, is_hashed: bool, headers: &HeaderMap) -> Response {
    let tag = tag(&file);
    // A view is asked for again at every visit: a new build must show at once.
    let cache = if is_hashed {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|known| known.to_str().ok());
    let about = [(header::ETAG, tag.as_str()), (header::CACHE_CONTROL, cache)];
    if known.is_some_and(|known| {
        known
            .split(',')
            .any(|each| each.trim().trim_start_matches("W/") == tag)
    }) {
        return (StatusCode::NOT_MODIFIED, about).into_response();
    }
    let kind = [(header::CONTENT_TYPE, content_type(path))];
    (about, kind, Body::from(file.data.into_owned())).into_response()
}

/// Sixteen bytes of the file's digest name it well enough.
fn tag(file: &EmbeddedFile) -> String {
    let mut tag = String::from("\"");
    for byte in &file.metadata.sha256_hash()[..16] {
        let _ = write!(tag, "{byte:02x}");
    }
    tag.push('"');
    tag
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
