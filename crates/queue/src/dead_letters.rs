//! Records that could not be processed, kept whole: in parts, because a record near the limit plus its story fits in no record.

use crate::record::{Content, DecodeError, Header, Headers};
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;

/// The format that this build writes. It reads this one and no newer.
const VERSION: u32 = 1;

/// Largest payload of a part: with its headers it stays below 512 KiB, half of the smallest limit that topics may have.
const PART_BYTES: usize = 480 * 1024;

/// More parts than any record of 64 MiB, the largest that may be configured, needs: a bound for what a stranger may claim.
const PARTS_MAX: u32 = 1_000;

/// A message is cut there: it is for people, and the bytes are kept besides.
const MESSAGE_BYTES: usize = 4 * 1024;

/// A record that could not be processed, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The record as it was. Sent again as it is, it is the same record: repeats fold.
    pub content: Content,
    /// Where and why it died.
    pub story: Story,
}

/// Where and why a record died.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Story {
    /// Topic it was read from.
    pub topic: String,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
    /// Its time in that topic.
    pub timestamp_ms: Option<i64>,
    /// What was being done: `decode`, `classify`, `store`.
    pub stage: String,
    /// Stable name of the reason, such as [`DecodeError::code`].
    pub reason: String,
    /// For people. Control characters are replaced and long ones are cut when it is written.
    pub message: String,
    /// Build that could not process it.
    pub build: String,
    /// Sequence of the rule set it ran; 0 where none was involved.
    pub rule_set: u32,
    /// When it died first, in UTC milliseconds.
    pub first_seen_ms: i64,
}

/// One part of a dead letter, as it lies in the topic and in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Digest of the original bytes, key and headers: the same record is the same letter, however often it dies.
    pub id: String,
    /// Which part this is, from 0.
    pub part: u32,
    /// How many there are.
    pub parts: u32,
    /// Length of the original value, with which the whole begins; none where there was no value.
    pub value_length: Option<u64>,
    /// Length of the original key, which follows; none where there was no key.
    pub key_length: Option<u64>,
    /// This part of the whole: value, key, headers.
    pub bytes: Vec<u8>,
    /// Where and why it died; the same in every part.
    pub story: Story,
}

/// Parts make no letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AssembleError {
    /// A part is missing.
    #[error("part {part} of {parts} of the dead letter `{id}` is missing")]
    Missing {
        /// Which letter; empty where there is no part at all.
        id: String,
        /// The first that is missing.
        part: u32,
        /// How many there should be.
        parts: u32,
    },
    /// Parts of several letters.
    #[error("parts of the dead letters `{one}` and `{other}` are mixed")]
    Mixed {
        /// One id.
        one: String,
        /// Another.
        other: String,
    },
    /// The bytes are not those that were written.
    #[error("the dead letter `{id}` is damaged")]
    Damaged {
        /// Which.
        id: String,
    },
}

/// The records of a dead letter, for [`crate::Producer::send_dead_letters`].
pub fn encode(letter: &DeadLetter) -> Vec<Content> {
    split(letter, PART_BYTES).into_iter().map(record).collect()
}

/// A part as it was read; where it is none, the reason and the record as it was.
pub fn decode(mut content: Content) -> Result<Part, (DecodeError, Content)> {
    match read(&content) {
        Ok(part) => Ok(Part {
            bytes: content.value.take().unwrap_or_default(),
            ..part
        }),
        Err(error) => Err((error, content)),
    }
}

/// The letter of its parts, in any order and with repeats.
pub fn assemble(mut parts: Vec<Part>) -> Result<DeadLetter, AssembleError> {
    parts.sort_by_key(|part| part.part);
    parts.dedup_by_key(|part| part.part);
    let Some(first) = parts.first() else {
        return Err(AssembleError::Missing {
            id: String::new(),
            part: 0,
            parts: 0,
        });
    };
    if let Some(other) = parts.iter().find(|part| part.id != first.id) {
        return Err(AssembleError::Mixed {
            one: first.id.clone(),
            other: other.id.clone(),
        });
    }
    if let Some(missing) = (0..first.parts).find(|at| {
        let part = parts.get(*at as usize);
        part.is_none_or(|part| part.part != *at)
    }) {
        return Err(AssembleError::Missing {
            id: first.id.clone(),
            part: missing,
            parts: first.parts,
        });
    }
    let (id, story) = (first.id.clone(), first.story.clone());
    let (value_length, key_length) = (first.value_length, first.key_length);
    let whole: Vec<u8> = parts.into_iter().flat_map(|part| part.bytes).collect();
    if digest(value_length, key_length, &whole) != id {
        return Err(AssembleError::Damaged { id });
    }
    match join(value_length, key_length, &whole) {
        Some(content) => Ok(DeadLetter { content, story }),
        None => Err(AssembleError::Damaged { id }),
    }
}

/// The id of a record as a dead letter.
pub fn id(content: &Content) -> String {
    let (value_length, key_length, whole) = flatten(content);
    digest(value_length, key_length, &whole)
}

fn split(letter: &DeadLetter, part_bytes: usize) -> Vec<Part> {
    let (value_length, key_length, whole) = flatten(&letter.content);
    let id = digest(value_length, key_length, &whole);
    let mut pieces: Vec<&[u8]> = whole.chunks(part_bytes).collect();
    if pieces.is_empty() {
        // Of a record of nothing there is a letter too.
        pieces.push(&[]);
    }
    let parts = u32::try_from(pieces.len()).unwrap_or(u32::MAX);
    let story = Story {
        message: sanitised(&letter.story.message),
        ..letter.story.clone()
    };
    (0..parts)
        .zip(pieces)
        .map(|(part, bytes)| Part {
            id: id.clone(),
            part,
            parts,
            value_length,
            key_length,
            bytes: bytes.to_vec(),
            story: story.clone(),
        })
        .collect()
}

/// Value first, so that any Kafka client shows the text.
fn flatten(content: &Content) -> (Option<u64>, Option<u64>, Vec<u8>) {
    let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| bytes.len() as u64);
    let mut whole = content.value.clone().unwrap_or_default();
    whole.extend(content.key.iter().flatten());
    for header in &content.headers {
        put(&mut whole, Some(header.name.as_bytes()));
        put(&mut whole, header.value.as_deref());
    }
    (length(&content.value), length(&content.key), whole)
}

/// No header is as long as the length that stands for none.
const NONE: u32 = u32::MAX;

fn put(whole: &mut Vec<u8>, bytes: Option<&[u8]>) {
    let length = bytes.map_or(NONE, |bytes| u32::try_from(bytes.len()).unwrap_or(NONE));
    whole.extend(length.to_le_bytes());
    whole.extend(bytes.unwrap_or_default());
}

fn join(value_length: Option<u64>, key_length: Option<u64>, whole: &[u8]) -> Option<Content> {
    let mut rest = whole;
    let mut take = |length: Option<u64>| -> Option<Option<Vec<u8>>> {
        let Some(length) = length else {
            return Some(None);
        };
        let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
        rest = after;
        Some(Some(bytes.to_vec()))
    };
    let value = take(value_length)?;
    let key = take(key_length)?;
    let mut headers = Vec::new();
    while !rest.is_empty() {
        let name = String::from_utf8(get(&mut rest)??).ok()?;
        let value = get(&mut rest)?;
        headers.push(Header { name, value });
    }
    Some(Content {
        key,
        headers,
        value,
    })
}

/// The inverse of [`put`]; outer none = damaged.
fn get(rest: &mut &[u8]) -> Option<Option<Vec<u8>>> {
    let (length, after) = rest.split_first_chunk::<4>()?;
    let length = u32::from_le_bytes(*length);
    if length == NONE {
        *rest = after;
        return Some(None);
    }
    let (bytes, after) = after.split_at_checked(length as usize)?;
    *rest = after;
    Some(Some(bytes.to_vec()))
}

fn digest(value_length: Option<u64>, key_length: Option<u64>, whole: &[u8]) -> String {
    let mut hash = Sha256::new();
    for length in [value_length, key_length] {
        hash.update(length.unwrap_or(u64::MAX).to_le_bytes());
    }
    hash.update(whole);
    let mut id = String::new();
    // 128 bits are no chance to meet twice, and a name that fits in a line.
    for byte in hash.finalize().iter().take(16) {
        let _ = write!(id, "{byte:02x}");
    }
    id
}

fn record(part: Part) -> Content {
    let length =
        |length: Option<u64>| length.map_or("none".to_owned(), |length| length.to_string());
    let story = part.story;
    let mut headers = vec![
        ("version", VERSION.to_string()),
        ("content_type", CONTENT_TYPE.to_owned()),
        ("id", part.id.clone()),
        ("part", part.part.to_string()),
        ("parts", part.parts.to_string()),
        ("value_length", length(part.value_length)),
        ("key_length", length(part.key_length)),
        ("topic", story.topic),
        ("partition", story.partition.to_string()),
        ("offset", story.offset.to_string()),
        ("stage", story.stage),
        ("reason", story.reason),
        ("message", story.message),
        ("build", story.build),
        ("rule_set", story.rule_set.to_string()),
        ("first_seen_ms", story.first_seen_ms.to_string()),
    ];
    if let Some(timestamp_ms) = story.timestamp_ms {
        headers.push(("timestamp_ms", timestamp_ms.to_string()));
    }
    Content {
        key: Some(part.id.into_bytes()),
        headers: headers
            .into_iter()
            .map(|(name, value)| Header {
                name: name.to_owned(),
                value: Some(value.into_bytes()),
            })
            .collect(),
        value: Some(part.bytes),
    }
}

/// Any bytes: what died may be no text.
const CONTENT_TYPE: &str = "application/octet-stream";

fn read(content: &Content) -> Result<Part, DecodeError> {
    let headers = Headers(&content.headers);
    headers.version(VERSION)?;
    let text = |name| headers.text(name).map(str::to_owned);
    let length = |name| match headers.text(name)? {
        "none" => Ok(None),
        _ => headers.parsed(name, "length").map(Some),
    };
    let id = text("id")?;
    if content.key.as_deref() != Some(id.as_bytes()) {
        return Err(DecodeError::BadKey);
    }
    if content.value.is_none() {
        return Err(DecodeError::NoValue);
    }
    let (part, parts) = (
        headers.parsed("part", "number")?,
        headers.parsed("parts", "number")?,
    );
    if parts == 0 || parts > PARTS_MAX || part >= parts {
        return Err(DecodeError::BadHeader {
            name: "parts",
            expected: "number of parts",
        });
    }
    Ok(Part {
        id,
        part,
        parts,
        value_length: length("value_length")?,
        key_length: length("key_length")?,
        bytes: Vec::new(),
        story: Story {
            topic: text("topic")?,
            partition: headers.parsed("partition", "number")?,
            offset: headers.parsed("offset", "number")?,
            timestamp_ms: match headers.bytes("timestamp_ms") {
                Err(DecodeError::MissingHeader { .. }) => None,
                _ => Some(headers.parsed("timestamp_ms", "number")?),
            },
            stage: text("stage")?,
            reason: text("reason")?,
            message: text("message")?,
            build: text("build")?,
            rule_set: headers.parsed("rule_set", "number")?,
            first_seen_ms: headers.parsed("first_seen_ms", "number")?,
        },
    })
}

/// Without what drives a terminal or turns a line around, and not too long.
fn sanitised(message: &str) -> String {
    let is_driving = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    let mut short = String::new();
    for c in message.chars() {
        let c = if is_driving(c) {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        };
        if short.len() + c.len_utf8() > MESSAGE_BYTES {
            break;
        }
        short.push(c);
    }
    short
}

#[cfg(test)]
mod tests;
