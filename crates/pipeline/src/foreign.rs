//! Messages of shippers, one event of a Windows event log each, as chunks.
//!
//! A message is a log of its own: its stream is known by its content and starts at 0. So it is the same chunk wherever it lies and
//! however often it is read, and no byte is claimed that did not come. Nothing here depends on offsets, on order or on the clock.

// Records of topics that others write to.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use crate::letters;
use event::{Chunk, Format, MESSAGE_PATH, Source, TextEncoding, is_endpoint_id};
use parse::event_json::WindowsEvent;
use queue::Config;
use queue::record::{self, Content, DecodeError};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use store::DeadLetter;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The topics that are not ours, and how what lies in them is read.
#[derive(Clone, Debug, Default)]
pub struct ForeignTopics {
    topics: BTreeSet<String>,
    short_names: bool,
}

/// Whose they are does not follow from a message: the only tenant until somebody needs more.
const TENANT: &str = "default";

/// Keeps the stream of a message apart from that of a file that starts with the same line.
const MESSAGE_SEED: u64 = u64::from_be_bytes(*b"message\0");

/// Longest channel in a path; Windows allows 255, and real ones end below 100.
const CHANNEL_CHARS: usize = 128;

impl ForeignTopics {
    /// Those of the settings.
    pub fn new(config: &Config) -> Self {
        Self {
            topics: config.foreign_topics.iter().cloned().collect(),
            short_names: config.foreign_short_names,
        }
    }

    /// Whether a topic is a shipper's.
    pub fn has(&self, topic: &str) -> bool {
        self.topics.contains(topic)
    }

    /// The chunk of a record of any topic, ours or a shipper's; where it is none, the reason and the record as it was.
    pub fn decode(
        &self,
        topic: &str,
        timestamp_ms: Option<i64>,
        content: Content,
    ) -> Result<Chunk, (DecodeError, Content)> {
        if !self.has(topic) {
            return record::decode(content);
        }
        match caught(|| self.read(topic, timestamp_ms, &content)) {
            Ok(chunk) => Ok(chunk),
            Err(error) => Err((error, content)),
        }
    }

    /// The chunk that a letter would be, sent back to where it came from; nothing where it would only die again.
    pub fn chunk_of(&self, letter: &DeadLetter) -> Option<Chunk> {
        let Some(origin) = &letter.origin else {
            return letters::chunk_of(&letter.content);
        };
        let content = letters::record_of(&letter.content);
        let chunk = self.decode(&origin.topic, Some(origin.timestamp_ms), content);
        chunk.ok()
    }

    fn read(
        &self,
        topic: &str,
        timestamp_ms: Option<i64>,
        content: &Content,
    ) -> Result<Chunk, DecodeError> {
        let value = content.value.as_deref().ok_or(DecodeError::NoValue)?;
        let text = std::str::from_utf8(value).map_err(|error| DecodeError::NotUtf8 {
            valid: error.valid_up_to(),
        })?;
        let mut owner: Option<(String, String)> = None;
        // Cut as classification will cut it, so that what passes here is read there.
        for record in parse::records(text, Format::EventJson) {
            if record.raw.trim().is_empty() {
                continue;
            }
            let event = record.event().ok_or_else(not_an_event)?;
            let endpoint = self.endpoint(&event)?;
            match &owner {
                None => owner = Some((endpoint.to_owned(), channel(&event))),
                Some((known, _)) if known != endpoint => {
                    return Err(foreign(
                        "several_endpoints",
                        "the message holds events of several computers",
                    ));
                }
                Some(_) => {}
            }
        }
        let (endpoint, channel) = owner.ok_or_else(not_an_event)?;
        let content_hash = xxh3_64_with_seed(value, MESSAGE_SEED);
        Ok(Chunk {
            stream: parse::stream_id(TENANT, &endpoint, Source::EventLog, content_hash),
            tenant: TENANT.to_owned(),
            endpoint,
            source: Source::EventLog,
            path: format!("{MESSAGE_PATH}{topic}/{channel}"),
            offset: 0,
            length: text.len() as u64,
            encoding: TextEncoding::Utf8,
            format: Format::EventJson,
            open: false,
            sender: format!("{MESSAGE_PATH}{topic}"),
            // Kafka's stamp, so that a replay makes the same chunk.
            received_ms: timestamp_ms.unwrap_or(0),
            text: text.to_owned(),
        })
    }

    /// The endpoint of an event: the computer that it names.
    fn endpoint<'e>(&self, event: &'e WindowsEvent<'_>) -> Result<&'e str, DecodeError> {
        let name = match event.host.split_once('.') {
            Some((short, _)) if self.short_names => short,
            _ => event.host.as_ref(),
        };
        match name {
            "" => Err(foreign("no_endpoint", "the event names no computer")),
            name if is_endpoint_id(name) => Ok(name),
            _ => Err(foreign(
                "bad_endpoint",
                "the computer's name is no endpoint id, which is 1 to 128 of `A-Z a-z 0-9 . _ -` and starts with a letter or digit",
            )),
        }
    }
}

/// A panic stays with its message: it would end the task that is to acknowledge it, and its partition would stand still.
fn caught<T>(read: impl FnOnce() -> Result<T, DecodeError>) -> Result<T, DecodeError> {
    catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(foreign("panic", "reading the message panicked")))
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

fn not_an_event() -> DecodeError {
    foreign(
        "not_an_event",
        "the message is no event of a Windows event log in a shape we know, one a line",
    )
}

fn foreign(code: &'static str, reason: &str) -> DecodeError {
    DecodeError::Foreign {
        code,
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests;
