//! Topics of shippers, whose records are messages instead of chunks of ours.

use crate::letters;
use event::{Chunk, MESSAGE_PATH};
use queue::Config;
use queue::record::{self, Content, DecodeError};
use shippers::{Message, MessageError};
use std::collections::BTreeSet;
use store::DeadLetter;

/// The topics that are not ours, and how what lies in them is read.
#[derive(Clone, Debug, Default)]
pub struct ForeignTopics {
    topics: BTreeSet<String>,
    short_names: bool,
}

/// Whose they are does not follow from a message: the only tenant until somebody needs more.
const TENANT: &str = "default";

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
        match read(topic, timestamp_ms, &content, self.short_names) {
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
}

/// The chunk of a shipper's record.
fn read(
    topic: &str,
    timestamp_ms: Option<i64>,
    content: &Content,
    short_names: bool,
) -> Result<Chunk, DecodeError> {
    let message = Message {
        tenant: TENANT,
        via: &format!("{MESSAGE_PATH}{topic}"),
        // Kafka's stamp, so that a replay makes the same chunk.
        received_ms: timestamp_ms.unwrap_or(0),
        value: content.value.as_deref().ok_or(DecodeError::NoValue)?,
    };
    shippers::chunk_of(&message, short_names).map_err(|error| match error {
        MessageError::NotUtf8 { valid } => DecodeError::NotUtf8 { valid },
        error => DecodeError::Foreign {
            code: error.code(),
            reason: error.to_string(),
        },
    })
}

#[cfg(test)]
mod tests;
