//! The intake's HTTP side: bodies in, chunks to the sink, and an answer only when they are durable.

pub(crate) mod body;
mod caller;
mod enroll;
mod gaps;
mod prefixes;
mod readers;
mod refusal;
mod room;
mod traffic;

pub use readers::for_readers;
pub use traffic::Traffic;

use crate::http::body::Coding;
use crate::http::caller::Speaks;
use crate::http::prefixes::{Place, Prefix, Prefixes};
use crate::http::refusal::Refusal;
use crate::http::room::Room;
use crate::http::traffic::REPLACEMENTS;
use crate::offsets::{Import, Offsets};
use crate::{Callers, ChunkSink, Config, Pace, SinkError};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{head, post, put};
use event::upload::{
    CHUNK_MIN, FILE_DIGEST_HEADER, FILE_SIZE_HEADER, FileDigest, NEXT_OFFSET_HEADER,
};
use event::{Chunk, Format, GAP_PATH, Source, StreamId, TextEncoding};
use metrics::counter;
use serde::Deserialize;
use serve::Caller;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Offsets above this are mistakes; below it they are exact in JSON.
const OFFSET_MAX: u64 = 1 << 53;

/// The routes of the intake. Needs [`serve::serve`] for the limits on heads and connections.
pub fn router<S: ChunkSink, O: Offsets>(
    sink: S,
    offsets: O,
    callers: Callers,
    config: &Config,
) -> Router {
    let intake = Intake {
        sink,
        offsets,
        callers,
        rates: enroll::Rates::default(),
        room: Room::new(config),
        prefixes: Prefixes::default(),
        config: config.clone(),
    };
    Router::new()
        .route(
            "/v1/streams/{source}/{stream}",
            put(put_stream::<S, O>).head(head_stream::<S, O>),
        )
        .route("/v1/imports/{digest}", head(head_import::<S, O>))
        .route("/v1/gaps", put(gaps::put_gaps::<S, O>))
        .route("/v1/enroll", post(enroll::enroll::<S, O>))
        .with_state(Arc::new(intake))
}

struct Intake<S, O> {
    sink: S,
    offsets: O,
    callers: Callers,
    rates: enroll::Rates,
    room: Room,
    prefixes: Prefixes,
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
    Speaks(caller): Speaks,
    Path((source, stream)): Path<(String, String)>,
    query: Result<Query<Describes>, QueryRejection>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let stream = stream_of(&caller, &source, &stream)?;
    let Query(query) = query.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let cut = Cut::check(&query, caller, stream, &intake.config)?;
    let coding = Coding::of(text(&headers, header::CONTENT_ENCODING.as_str())?)?;
    let digest = text(&headers, "content-digest")?.map(str::to_owned);
    let file = file_of(&headers)?;

    let body_max = intake.config.body_max;
    body::check_length(&headers, query.length, body_max)?;
    let mut room = intake.room.body(&cut.caller.owner)?;
    // A body that is not compressed becomes as much text; what is, is only kept until it is all there.
    let weight = if coding == Coding::Identity { 2 } else { 1 };
    let bytes = body::read(body, &intake.config, &mut room, weight).await?;
    // `length` bounds what is decoded, because room was taken for no more.
    let decoded_max = query.length.unwrap_or(body_max);
    let decoded = body::decoded_max(coding, bytes.len(), decoded_max);
    room.reach(decoded + bytes.len().max(decoded)).await?;

    let follows = intake
        .prefixes
        .find(&cut.caller.owner, cut.place(cut.offset));
    // The room goes with the bytes: where the sender leaves meanwhile, they are in memory all the same until they are cut.
    let (cut, chunks, end, prefix, _room) = blocking(move || {
        if let Some(digest) = digest {
            body::check_digest(&digest, &bytes)?;
        }
        let bytes = match (body::decode(coding, bytes, decoded_max), query.length) {
            (Err(refusal), Some(length)) if refusal.is_larger_than(length) => {
                return Err(wrong_length(length));
            }
            (decoded, _) => decoded?,
        };
        if bytes.is_empty() {
            return Err(Refusal::bad_request("the body is empty"));
        }
        if let Some(length) = query.length.filter(|length| *length != bytes.len()) {
            return Err(wrong_length(length));
        }
        let (chunks, end) = cut.chunks(&bytes)?;
        let prefix = cut.prefix(follows, &bytes, &chunks);
        Ok((cut, chunks, end, prefix, room))
    })
    .await?;
    let digest = prefix.as_ref().map(Prefix::digest);
    if let Some((claimed, size)) = file {
        if size != end {
            return Err(Refusal::bad_request(format!(
                "`Cbsift-File-Size` is {size}, but the body ends at {end}"
            )));
        }
        if cut.offset == 0 && digest.is_some_and(|digest| digest != claimed) {
            return Err(Refusal::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "the body is the whole file, but does not match its `Cbsift-File-Digest`",
            ));
        }
    }

    let count = chunks.len() as u64;
    // Only whoever has a whole file says its digest.
    let pace = match file {
        Some(_) => Pace::AtOnce,
        None => Pace::Together,
    };
    within(&intake.config, intake.sink.store(chunks, pace)).await?;
    counter!("cbsift_ingest_chunks_total").increment(count);
    counter!("cbsift_ingest_bytes_total").increment(end - query.offset);
    match (file, digest) {
        // After the acknowledgement of the last bytes, so that a file noted as imported is stored; and only where all of them were seen.
        (Some((claimed, bytes)), Some(digest)) if digest == claimed => {
            let import = cut.import(digest, bytes);
            within(&intake.config, intake.offsets.record_import(import)).await?;
        }
        (Some(_), _) => counter!("cbsift_ingest_unproven_imports_total").increment(1),
        (None, _) => {}
    }
    if let Some(prefix) = prefix {
        let place = cut.place(end);
        intake.prefixes.remember(&cut.caller.owner, place, prefix);
    }
    Ok(Json(serde_json::json!({ "next_offset": end })).into_response())
}

fn wrong_length(length: usize) -> Refusal {
    Refusal::bad_request(format!(
        "`length` is {length}, but the body holds something else"
    ))
}

async fn head_stream<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Speaks(caller): Speaks,
    Path((source, stream)): Path<(String, String)>,
) -> Result<Response, Refusal> {
    let (source, stream, _) = stream_of(&caller, &source, &stream)?;
    let next = within(
        &intake.config,
        intake.offsets.next_offset(&caller.owner, source, stream),
    )
    .await?;
    Ok([(NEXT_OFFSET_HEADER, next.to_string())].into_response())
}

/// Which file a sender means, besides its digest.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Means {
    source: Option<String>,
    stream: Option<String>,
}

/// 200 with its size when the file is imported for the endpoint, in the stream that is named, and still covered whole; else 404.
async fn head_import<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Speaks(caller): Speaks,
    Path(digest): Path<String>,
    query: Result<Query<Means>, QueryRejection>,
) -> Result<Response, Refusal> {
    let Query(query) = query.map_err(|error| Refusal::bad_request(error.body_text()))?;
    let stream = match (query.source, query.stream) {
        (None, None) => None,
        (Some(source), Some(stream)) => Some(stream_of(&caller, &source, &stream)?.1),
        _ => {
            return Err(Refusal::bad_request("`source` and `stream` go together"));
        }
    };
    let digest = digest
        .parse()
        .map_err(|_| Refusal::bad_request("the digest is not 64 hex digits"))?;
    let imported = within(
        &intake.config,
        intake.offsets.imported(&caller.owner, digest),
    )
    .await?;
    Ok(match imported {
        Some(held) if stream.is_none_or(|stream| stream == held.stream) => {
            [(FILE_SIZE_HEADER, held.bytes.to_string())].into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
}

/// How a body becomes chunks.
struct Cut {
    caller: Caller,
    source: Source,
    stream: StreamId,
    first_record: u64,
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
        (source, stream, first_record): (Source, StreamId, u64),
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
        if query.path.starts_with(GAP_PATH) {
            return Err(Refusal::bad_request(format!(
                "no log is at a `path` that starts with `{GAP_PATH}`"
            ))
            .hint("tell of what is lost with `PUT /v1/gaps`"));
        }
        if query.open > 1 {
            return Err(Refusal::bad_request("`open` must be 0 or 1"));
        }
        Ok(Self {
            caller,
            source,
            stream,
            first_record,
            path: harmless::name(&query.path),
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
            counter!(REPLACEMENTS).increment(piece.replacements);
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

    /// What is known of the file up to this body's end, where it is known up to its start.
    fn prefix(&self, follows: Option<Prefix>, bytes: &[u8], chunks: &[Chunk]) -> Option<Prefix> {
        if self.offset == 0 {
            return Prefix::start(&self.path, self.source, self.first_record, bytes, chunks);
        }
        follows?.then(bytes, chunks)
    }

    fn place(&self, offset: u64) -> Place {
        Place {
            stream: self.stream,
            encoding: self.encoding,
            format: self.format,
            offset,
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

/// The source, the stream, and the sender's half of the stream's identity.
fn stream_of(
    caller: &Caller,
    source: &str,
    stream: &str,
) -> Result<(Source, StreamId, u64), Refusal> {
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
        first_record,
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
        // The error of the task quotes the panic, and that the text of a log.
        Err(_) => {
            tracing::error!("cutting a body panicked");
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
