#![doc = include_str!("../README.md")]
// Messages that others write.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

#[cfg(test)]
mod tests;

use event::{Chunk, Format, Source, TextEncoding, is_endpoint_id};
use parse::event_json::WindowsEvent;
use std::panic::{AssertUnwindSafe, catch_unwind};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A message as it came.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Whose it is: that does not follow from a message.
    pub tenant: &'a str,
    /// The way it came, for people and as its sender: `kafka:TOPIC`.
    pub via: &'a str,
    /// When it was received, in UTC milliseconds; a stamp that a replay gives again.
    pub received_ms: i64,
    /// What was sent.
    pub value: &'a [u8],
}

/// Why a message is no chunk. Says nothing of what stands in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is no UTF-8.
    #[error("the value is not UTF-8 from byte {valid} on")]
    NotUtf8 {
        /// Bytes before the first wrong one.
        valid: usize,
    },
    /// It is in no shape that we know.
    #[error("the message is no event of a Windows event log in a shape we know, one a line")]
    NotAnEvent,
    /// One chunk has one endpoint.
    #[error("the message holds events of several computers")]
    SeveralEndpoints,
    /// Nobody's.
    #[error("the event names no computer")]
    NoEndpoint,
    /// Its computer cannot be an endpoint.
    #[error(
        "the computer's name is no endpoint id, which is 1 to 128 of `A-Z a-z 0-9 . _ -` and starts with a letter or digit"
    )]
    BadEndpoint,
    /// We fail on it.
    #[error("reading the message panicked")]
    Panic,
}

impl MessageError {
    /// A stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotUtf8 { .. } => "not_utf8",
            Self::NotAnEvent => "not_an_event",
            Self::SeveralEndpoints => "several_endpoints",
            Self::NoEndpoint => "no_endpoint",
            Self::BadEndpoint => "bad_endpoint",
            Self::Panic => "panic",
        }
    }
}

/// Keeps the stream of a message apart from that of a file that starts with the same line.
const MESSAGE_SEED: u64 = u64::from_be_bytes(*b"message\0");

/// Longest channel in a path; Windows allows 255, and real ones end below 100.
const CHANNEL_CHARS: usize = 128;

/// The chunk that a message is, all or nothing. `short_names` cuts a computer's name at its first dot.
pub fn chunk_of(message: &Message<'_>, short_names: bool) -> Result<Chunk, MessageError> {
    caught(|| read(message, short_names))
}

/// A panic stays with its message: it would end the task that is to acknowledge it, and all that waits behind would stand still.
fn caught<T>(read: impl FnOnce() -> Result<T, MessageError>) -> Result<T, MessageError> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or(Err(MessageError::Panic))
}

fn read(message: &Message<'_>, short_names: bool) -> Result<Chunk, MessageError> {
    let text = std::str::from_utf8(message.value).map_err(|error| MessageError::NotUtf8 {
        valid: error.valid_up_to(),
    })?;
    let mut owner: Option<(String, String)> = None;
    // Cut as classification will cut it, so that what passes here is read there.
    for record in parse::records(text, Format::EventJson) {
        if record.raw.trim().is_empty() {
            continue;
        }
        let event = record.event().ok_or(MessageError::NotAnEvent)?;
        let endpoint = endpoint_of(&event, short_names)?;
        match &owner {
            None => owner = Some((endpoint.to_owned(), channel(&event))),
            Some((known, _)) if known != endpoint => return Err(MessageError::SeveralEndpoints),
            Some(_) => {}
        }
    }
    let (endpoint, channel) = owner.ok_or(MessageError::NotAnEvent)?;
    let hash = content_hash(message.value);
    Ok(Chunk {
        stream: parse::stream_id(message.tenant, &endpoint, Source::EventLog, hash),
        tenant: message.tenant.to_owned(),
        endpoint,
        source: Source::EventLog,
        path: format!("{}/{channel}", message.via),
        offset: 0,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::EventJson,
        open: false,
        sender: message.via.to_owned(),
        received_ms: message.received_ms,
        text: text.to_owned(),
    })
}

/// What names the stream of a message, in place of a log's first record.
pub fn content_hash(message: &[u8]) -> u64 {
    xxh3_64_with_seed(message, MESSAGE_SEED)
}

/// The endpoint of an event: the computer that it names.
fn endpoint_of<'e>(
    event: &'e WindowsEvent<'_>,
    short_names: bool,
) -> Result<&'e str, MessageError> {
    let name = match event.host.split_once('.') {
        Some((short, _)) if short_names => short,
        _ => event.host.as_ref(),
    };
    match name {
        "" => Err(MessageError::NoEndpoint),
        name if is_endpoint_id(name) => Ok(name),
        _ => Err(MessageError::BadEndpoint),
    }
}

/// The channel as it may stand in a path.
fn channel(event: &WindowsEvent<'_>) -> String {
    event
        .channel
        .chars()
        .filter(|c| !c.is_control())
        .take(CHANNEL_CHARS)
        .collect()
}
