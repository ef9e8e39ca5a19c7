//! `PUT /v1/gaps`: what a sender knows to be lost of its logs.
//!
//! Each gap goes on as a chunk without records ([`event::GAP_PATH`]), so it is as durable as they are when the sender hears 200, and
//! told again it is the same.

use super::caller::Speaks;
use super::{Intake, OFFSET_MAX, body, now_ms, within};
use crate::http::refusal::Refusal;
use crate::{ChunkSink, Offsets, Pace};
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Json, Response};
use event::upload::GAPS_MAX;
use event::{Chunk, Format, GAP_PATH, GapReason, StreamId, TextEncoding};
use serde::Deserialize;
use serve::Caller;
use std::sync::Arc;

/// Largest body: so many gaps with the longest paths that a head may have, each letter escaped.
const BODY_MAX: usize = 256 * 1024;

/// What a sender says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Says {
    gaps: Vec<Said>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    source: String,
    /// The sender's half of the stream's identity; none of a log of which no line was read.
    stream: Option<String>,
    /// Where the log is or was.
    #[serde(default)]
    path: String,
    from: u64,
    to: u64,
    reason: String,
}

pub(super) async fn put_gaps<S: ChunkSink, O: Offsets>(
    State(intake): State<Arc<Intake<S, O>>>,
    Speaks(caller): Speaks,
    body: Body,
) -> Result<Response, Refusal> {
    let bytes = body::small(body, BODY_MAX, intake.config.body_grace).await?;
    let says: Says = serde_json::from_slice(&bytes).map_err(|error| {
        Refusal::bad_request(format!("the body tells of no gaps: {error}")).hint(
            "send JSON: {\"gaps\": [{\"source\": …, \"stream\": …, \"path\": …, \"from\": …, \"to\": …, \"reason\": …}]}",
        )
    })?;
    if says.gaps.len() > GAPS_MAX {
        return Err(
            Refusal::bad_request(format!("the body tells of {} gaps", says.gaps.len()))
                .hint("tell of 100 at most in one body"),
        );
    }
    let received_ms = now_ms();
    let chunks = says.gaps.into_iter();
    let chunks: Vec<Chunk> = chunks
        .map(|said| said.chunk(&caller, received_ms))
        .collect::<Result<_, _>>()?;
    let count = chunks.len();
    if count > 0 {
        within(&intake.config, intake.sink.store(chunks, Pace::Together)).await?;
    }
    Ok(Json(serde_json::json!({ "noted": count })).into_response())
}

impl Said {
    fn chunk(self, caller: &Caller, received_ms: i64) -> Result<Chunk, Refusal> {
        let (source, stream) = match &self.stream {
            Some(stream) => {
                let (source, stream, _) = super::stream_of(caller, &self.source, stream)?;
                (source, stream)
            }
            None => {
                let (source, ..) = super::stream_of(caller, &self.source, "0000000000000000")?;
                (source, StreamId(0))
            }
        };
        let reason = GapReason::from_name(&self.reason).ok_or_else(|| {
            let names = GapReason::ALL.map(GapReason::name).join(", ");
            Refusal::bad_request(format!("`reason` must be one of {names}"))
        })?;
        if self.from >= self.to || self.to > OFFSET_MAX {
            return Err(Refusal::bad_request(format!(
                "a gap from {} to {} is none",
                self.from, self.to
            ))
            .hint("`to` is the first byte or record behind it, and at most 2^53"));
        }
        Ok(Chunk {
            tenant: caller.owner.tenant.clone(),
            endpoint: caller.owner.endpoint.clone(),
            source,
            stream,
            path: format!("{GAP_PATH}{}", harmless::name(&self.path)),
            offset: self.from,
            length: self.to - self.from,
            encoding: TextEncoding::Utf8,
            // Nobody reads records of it.
            format: Format::default(),
            open: false,
            sender: caller.sender.clone(),
            received_ms,
            text: reason.name().to_owned(),
        })
    }
}
