//! Chunks as dead letters, and back.
//!
//! Key, headers and value are those of the chunk's record in Kafka, so that a letter looks the same whichever way it came.

use event::Chunk;
use queue::record::{self, Content, DecodeError, Header};
use std::time::{SystemTime, UNIX_EPOCH};
use store::{DeadLetter, KafkaOrigin, LetterContent};

/// Why a chunk became a letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Death {
    /// Classifying it panicked.
    Panic,
    /// The store refuses its rows, and takes others.
    Refused,
}

impl Death {
    fn stage(self) -> &'static str {
        match self {
            Self::Panic => "classify",
            Self::Refused => "store",
        }
    }

    /// A stable name of the reason.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Panic => "panic",
            Self::Refused => "rows_refused",
        }
    }
}

/// Longest message: the reason is what counts, and a panic may carry a whole record.
const MESSAGE_CHARS: usize = 300;

/// The letter of a chunk that cannot be processed.
pub(crate) fn letter_of(chunk: &Chunk, death: Death, message: &str, rule_set: u32) -> DeadLetter {
    let mut content = content_of(chunk);
    // When it was received differs at every sending, and stands last.
    let received = content.headers.pop();
    let id = content.id();
    content.headers.extend(received);
    DeadLetter {
        tenant: chunk.tenant.clone(),
        id,
        seen_ms: now_ms(),
        stage: death.stage().to_owned(),
        reason: death.reason().to_owned(),
        message: clean(message),
        endpoint: chunk.endpoint.clone(),
        source: chunk.source.name().to_owned(),
        path: chunk.path.clone(),
        offset: chunk.offset,
        length: chunk.length,
        content,
        origin: None,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        rule_set,
    }
}

/// The letter of a record from Kafka that is no chunk, or, without an error, of one that ended the process again and again.
pub(crate) fn letter_of_record(record: &queue::Record, error: Option<&DecodeError>) -> DeadLetter {
    let (stage, reason, message) = match error {
        Some(error) => ("decode", error.code(), error.to_string()),
        None => (
            "process",
            "died_alone",
            "the process ended several times while it worked on this record alone".to_owned(),
        ),
    };
    let content = stored(record.content.clone());
    let header = |name: &str| {
        let (_, value) = content.headers.iter().find(|(known, _)| known == name)?;
        String::from_utf8(value.clone()?).ok()
    };
    let number = |name: &str| header(name).and_then(|text| text.parse().ok());
    DeadLetter {
        // Whose it is must not follow from headers that cannot be trusted; they are kept for people.
        tenant: "default".to_owned(),
        id: content.id(),
        seen_ms: now_ms(),
        stage: stage.to_owned(),
        reason: reason.to_owned(),
        message: clean(&message),
        endpoint: header("endpoint").unwrap_or_default(),
        source: header("source").unwrap_or_default(),
        path: header("path").unwrap_or_default(),
        offset: number("offset").unwrap_or(0),
        length: number("length").unwrap_or(0),
        origin: Some(KafkaOrigin {
            topic: record.receipt.topic().to_owned(),
            partition: record.receipt.partition(),
            offset: record.receipt.offset(),
            timestamp_ms: record.timestamp_ms.unwrap_or(0),
        }),
        content,
        build: env!("CARGO_PKG_VERSION").to_owned(),
        rule_set: 0,
    }
}

fn content_of(chunk: &Chunk) -> LetterContent {
    stored(record::encode(chunk.clone()))
}

fn stored(content: Content) -> LetterContent {
    LetterContent {
        key: content.key,
        headers: content
            .headers
            .into_iter()
            .map(|header| (header.name, header.value))
            .collect(),
        payload: content.value,
    }
}

/// The record that a letter holds, as it came.
pub fn record_of(content: &LetterContent) -> Content {
    Content {
        key: content.key.clone(),
        headers: content
            .headers
            .iter()
            .map(|(name, value)| Header {
                name: name.clone(),
                value: value.clone(),
            })
            .collect(),
        value: content.payload.clone(),
    }
}

/// The chunk that a letter holds; nothing where what came was never a chunk.
pub fn chunk_of(content: &LetterContent) -> Option<Chunk> {
    record::decode(record_of(content)).ok()
}

/// One line without control characters, cut.
fn clean(message: &str) -> String {
    message
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MESSAGE_CHARS)
        .collect()
}

pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::testing;

    #[test]
    fn a_letter_gives_its_chunk_back_and_is_the_same_at_every_sending() {
        let mut chunk = testing::chunk("pc-1", 40, "2022-08-18 15:53:46 made up\n", true);
        chunk.encoding = event::TextEncoding::Utf16le;
        let letter = letter_of(&chunk, Death::Panic, "index\n\u{1b}[2Jout of bounds", 3);
        assert_eq!(chunk_of(&letter.content), Some(chunk.clone()));
        assert_eq!(letter.message, "index  [2Jout of bounds");
        let again = Chunk {
            received_ms: chunk.received_ms + 9,
            ..chunk.clone()
        };
        assert_eq!(letter_of(&again, Death::Refused, "", 4).id, letter.id);
        let other = Chunk {
            offset: 41,
            ..chunk
        };
        assert_ne!(letter_of(&other, Death::Panic, "", 3).id, letter.id);
    }

    #[test]
    fn what_is_no_chunk_gives_none() {
        assert_eq!(chunk_of(&LetterContent::default()), None);
        let mut letter = letter_of(
            &testing::chunk("pc-1", 0, "x\n", false),
            Death::Panic,
            "",
            1,
        );
        letter.content.payload = Some(vec![0xFF]);
        assert_eq!(chunk_of(&letter.content), None);
    }
}
