//! The intake's HTTP side: bodies in, chunks to the sink, and an answer only when they are durable.

mod body;
mod limits;
mod readers;
mod refusal;
mod serve;
mod tls;
mod traffic;

pub use readers::for_readers;
pub use serve::{ListenError, Serving, check_listen, serve};
pub(crate) use tls::certificates;
pub use tls::{Tls, TlsError, TlsFiles};
pub use traffic::Traffic;

use crate::config::CHUNK_MIN;
use crate::files::clean_name;
use crate::http::body::Coding;
use crate::http::limits::Limits;
use crate::http::refusal::Refusal;
use crate::offsets::{FileDigest, Import, Offsets};
use crate::tokens::{Caller, Denied, Tokens};
use crate::{ChunkSink, Config, SinkError};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{head, put};
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use metrics::counter;
use serde::Deserialize;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Names the endpoint, where a relay token is shown.
pub const ENDPOINT_HEADER: &str = "cbsift-endpoint";
/// Answer of `HEAD /v1/streams/…`.
pub const NEXT_OFFSET_HEADER: &str = "cbsift-next-offset";
/// SHA-256 in hex of the whole file, with its last body only.
pub const FILE_DIGEST_HEADER: &str = "cbsift-file-digest";
/// Size of that file; must be where the body ends.
pub const FILE_SIZE_HEADER: &str = "cbsift-file-size";

/// Offsets above this are mistakes; below it they are exact in JSON.
const OFFSET_MAX: u64 = 1 << 53;

/// The routes of the intake. Needs [`serve`] for the limits on heads and connections.
pub fn router<S: ChunkSink, O: Offsets>(
    sink: S,
    offsets: O,
    tokens: Arc<Tokens>,
    config: &Config,
) -> Router {
    let intake = Intake {
        sink,
        offsets,
        tokens,
        limits: Limits::new(config),
        config: config.clone(),
    };
    Router::new()
        .route(
            "/v1/streams/{source}/{stream}",
            put(put_stream::<S, O>).head(head_stream::<S, O>),
        )
        .route("/v1/imports/{digest}", head(head_import::<S, O>))
        .with_state(Arc::new(intake))
}

struct Intake<S, O> {
    sink: S,
    offsets: O,
    tokens: Arc<Tokens>,
    limits: Limits,
    config: Config,
}

/// What the query of a PUT says of its body.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Describes {
    /// Source offset of the first byte.
    offset: u64,
    /// Source bytes in the body; required knowledge for fair limits when it is compressed.
    length: Option<usize>,
    /// 1: the last record may go on.
    #[serde(default)]
    open: u8,
    /// Where the sender read it.
    #[serde(default)]
    path: String,
    encoding: Option<String>,
    format: Option<String>,
    /// Wished size of a chunk.
    chunk: Option<usize>,
}

async fn put_stream<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Path((source, stream)): Path<(String, String)>,
    query: Result<Query<Describes>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let caller = caller(&intake.tokens, &headers)?;
    let (source, stream) = stream_of(&caller, &source, &stream)?;
    let Query(query) = query.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let cut = Cut::check(&query, caller, source, stream, &intake.config)?;
    let coding = Coding::of(text(&headers, header::CONTENT_ENCODING.as_str())?)?;
    let digest = text(&headers, "content-digest")?.map(str::to_owned);
    let file = file_of(&headers)?;

    let declared = body::declared_length(&headers, coding, query.length, intake.config.body_max)?;
    let _quota = intake.limits.endpoint(&cut.caller.owner)?;
    // Before the body is read: what waits here waits in the sender's memory.
    let _room = intake.limits.room(declared).await?;
    let bytes = body::read(body, &intake.config).await?;

    let body_max = intake.config.body_max;
    let (cut, chunks, end) = blocking(move || {
        if let Some(digest) = digest {
            body::check_digest(&digest, &bytes)?;
        }
        let bytes = body::decode(coding, bytes, body_max)?;
        if bytes.is_empty() {
            return Err(Refusal::bad_request("the body is empty"));
        }
        if query.length.is_some_and(|length| length != bytes.len()) {
            return Err(Refusal::bad_request(format!(
                "the body holds {} bytes, but `length` says otherwise",
                bytes.len()
            )));
        }
        let (chunks, end) = cut.chunks(&bytes)?;
        Ok((cut, chunks, end))
    })
    .await?;
    if let Some((_, size)) = file
        && size != end
    {
        return Err(Refusal::bad_request(format!(
            "`Cbsift-File-Size` is {size}, but the body ends at {end}"
        )));
    }

    let count = chunks.len() as u64;
    within(&intake.config, intake.sink.store(chunks)).await?;
    counter!("cbsift_ingest_chunks_total").increment(count);
    counter!("cbsift_ingest_bytes_total").increment(end - query.offset);
    if let Some((digest, bytes)) = file {
        // After the acknowledgement of the last bytes, so that a file noted as imported is stored.
        within(
            &intake.config,
            intake.offsets.record_import(cut.import(digest, bytes)),
        )
        .await?;
    }
    Ok(Json(serde_json::json!({ "next_offset": end })).into_response())
}

async fn head_stream<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Path((source, stream)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let caller = caller(&intake.tokens, &headers)?;
    let (source, stream) = stream_of(&caller, &source, &stream)?;
    let next = within(
        &intake.config,
        intake.offsets.next_offset(&caller.owner, source, stream),
    )
    .await?;
    Ok([(NEXT_OFFSET_HEADER, next.to_string())].into_response())
}

/// 200 when the file is imported for the endpoint and still covered whole, else 404.
async fn head_import<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Path(digest): Path<String>,
    headers: HeaderMap,
) -> Result<StatusCode, Refusal> {
    let caller = caller(&intake.tokens, &headers)?;
    let digest = digest
        .parse()
        .map_err(|_| Refusal::bad_request("the digest is not 64 hex digits"))?;
    let imported = within(
        &intake.config,
        intake.offsets.is_imported(&caller.owner, digest),
    )
    .await?;
    Ok(if imported {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    })
}

/// How a body becomes chunks.
struct Cut {
    caller: Caller,
    source: Source,
    stream: StreamId,
    path: String,
    offset: u64,
    open: bool,
    encoding: TextEncoding,
    format: Format,
    target: usize,
    received_ms: i64,
}

impl Cut {
    fn check(
        query: &Describes,
        caller: Caller,
        source: Source,
        stream: StreamId,
        config: &Config,
    ) -> Result<Self, Refusal> {
        let encoding = match query.encoding.as_deref() {
            None => TextEncoding::default(),
            Some(name) => TextEncoding::from_name(name).ok_or_else(|| {
                let names = TextEncoding::ALL.map(TextEncoding::name).join(", ");
                Refusal::bad_request(format!("`encoding` must be one of {names}"))
            })?,
        };
        let format = match query.format.as_deref() {
            None => Format::default(),
            Some(name) => Format::from_name(name).ok_or_else(|| {
                let names = Format::ALL.map(Format::name).join(", ");
                Refusal::bad_request(format!("`format` must be one of {names}"))
            })?,
        };
        if query.offset > OFFSET_MAX {
            return Err(Refusal::bad_request(format!(
                "`offset` must be at most {OFFSET_MAX}"
            )));
        }
        let wide = matches!(encoding, TextEncoding::Utf16le | TextEncoding::Utf16be);
        if wide && !query.offset.is_multiple_of(2) {
            return Err(Refusal::bad_request(
                "`offset` must be even, because a UTF-16 unit has two bytes",
            ));
        }
        if query.open > 1 {
            return Err(Refusal::bad_request("`open` must be 0 or 1"));
        }
        Ok(Self {
            caller,
            source,
            stream,
            path: clean_name(&query.path),
            offset: query.offset,
            open: query.open == 1,
            encoding,
            format,
            target: query
                .chunk
                .unwrap_or(config.chunk_max)
                .clamp(CHUNK_MIN, config.chunk_max),
            received_ms: now_ms(),
        })
    }

    /// The chunks of a body and the offset after it.
    fn chunks(&self, bytes: &[u8]) -> Result<(Vec<Chunk>, u64), Refusal> {
        let end = self.offset + bytes.len() as u64;
        let mut pieces = Vec::with_capacity(bytes.len() / self.target + 1);
        let mut cutter = parse::Cutter::new(self.encoding, self.format, self.offset, self.target);
        cutter.push(bytes, &mut pieces);
        cutter.finish(&mut pieces);

        let mut next = self.offset;
        let mut chunks = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if piece.offset != next {
                return Err(Refusal::not_tiled(next, piece.offset));
            }
            next = piece.offset + piece.length;
            chunks.push(Chunk {
                tenant: self.caller.owner.tenant.clone(),
                endpoint: self.caller.owner.endpoint.clone(),
                source: self.source,
                stream: self.stream,
                path: self.path.clone(),
                offset: piece.offset,
                length: piece.length,
                encoding: self.encoding,
                format: self.format,
                // The cutter cannot know whether the body's end is a record's end; the sender does.
                open: self.open && next == end,
                sender: self.caller.sender.clone(),
                received_ms: self.received_ms,
                text: piece.text,
            });
        }
        // What was not cut must never be acknowledged.
        if next == end {
            Ok((chunks, end))
        } else {
            Err(Refusal::not_tiled(next, end))
        }
    }

    fn import(&self, digest: FileDigest, bytes: u64) -> Import {
        Import {
            owner: self.caller.owner.clone(),
            source: self.source,
            stream: self.stream,
            path: self.path.clone(),
            digest,
            bytes,
            sender: self.caller.sender.clone(),
            received_ms: self.received_ms,
        }
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
                .hint("1 to 128 letters, digits, `.`, `_` or `-` of ASCII are allowed"),
        })
}

fn stream_of(caller: &Caller, source: &str, stream: &str) -> Result<(Source, StreamId), Refusal> {
    let source = Source::from_name(source).ok_or_else(|| {
        let names: Vec<&str> = Source::ALL.iter().map(|source| source.name()).collect();
        Refusal::bad_request(format!("the source is not one of {}", names.join(", ")))
    })?;
    let hex = stream.len() == 16 && stream.bytes().all(|byte| byte.is_ascii_hexdigit());
    let first_record = u64::from_str_radix(stream, 16).ok().filter(|_| hex);
    let first_record =
        first_record.ok_or_else(|| Refusal::bad_request("the stream is not 16 hex digits"))?;
    let owner = &caller.owner;
    Ok((
        source,
        parse::stream_id(&owner.tenant, &owner.endpoint, source, first_record),
    ))
}

/// Digest and size of the file that the body ends, where it does.
fn file_of(headers: &HeaderMap) -> Result<Option<(FileDigest, u64)>, Refusal> {
    match (
        text(headers, FILE_DIGEST_HEADER)?,
        text(headers, FILE_SIZE_HEADER)?,
    ) {
        (None, None) => Ok(None),
        (Some(digest), Some(size)) => {
            let digest = digest
                .parse()
                .map_err(|_| Refusal::bad_request("`Cbsift-File-Digest` is not 64 hex digits"))?;
            let size = size
                .parse()
                .map_err(|_| Refusal::bad_request("`Cbsift-File-Size` is not a number"))?;
            Ok(Some((digest, size)))
        }
        _ => Err(Refusal::bad_request(
            "`Cbsift-File-Digest` and `Cbsift-File-Size` go together",
        )),
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let value = headers.get(name).map(|value| value.to_str());
    value
        .transpose()
        .map_err(|_| Refusal::bad_request(format!("the header `{name}` is not text")))
}

/// Waits for the sink or the store, but not for ever: the sender's own deadline is near.
async fn within<T>(
    config: &Config,
    future: impl Future<Output = Result<T, SinkError>>,
) -> Result<T, Refusal> {
    match tokio::time::timeout(config.ack_timeout, future).await {
        Ok(result) => result.map_err(Refusal::from),
        Err(_) => Err(SinkError::Unavailable("no answer in time".to_owned()).into()),
    }
}

/// Work on a body's bytes runs off the threads that serve connections.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, Refusal> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => {
            tracing::error!(%error, "a body could not be cut");
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the body could not be cut",
            ))
        }
    }
}

fn now_ms() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| {
            i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
        })
}
