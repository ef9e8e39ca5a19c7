//! Event logs as Windows keeps them (.evtx), read as if they were text in another encoding.
//!
//! A file is a head of 4 KiB and chunks of 64 KiB, each with its own strings and templates, so each can be decoded alone: they are the units of cutting.
//! A record becomes a line of JSON that says where it stands in the file. What cannot be read becomes a line that says so, and the rest goes on.

use crate::event_json;
use crate::record::MAX_RECORD_BYTES;
use ::evtx::{EvtxChunkData, ParserSettings};
use memchr::memmem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock};

/// How a file starts.
pub(crate) const MAGIC: &[u8] = b"ElfFile\0";

/// Bytes of the file's head.
const FILE_HEAD: u64 = 4 * 1024;

/// Bytes of a chunk.
const CHUNK: u64 = 64 * 1024;

/// A record's own head before its content, and the copy of its size behind it.
const RECORD_HEAD: u64 = 24;
const RECORD_TAIL: u64 = 4;

/// Text that one chunk may become: twice what is known of real ones (234 KB). Made to, one could become 64 MiB.
const TEXT_MAX: usize = 512 * 1024;

/// How long the reason for what could not be read may be.
const REASON_MAX: usize = 200;

/// Where the unit ends that holds `offset`; the file's head belongs to the first chunk.
pub(crate) fn unit_end(offset: u64) -> u64 {
    // Where a chunk stands is what its sender says, so it may be beyond any file.
    let units = offset.saturating_sub(FILE_HEAD) / CHUNK + 1;
    units.saturating_mul(CHUNK).saturating_add(FILE_HEAD)
}

/// Decodes whole units; with the number of places that could not be read. `offset` = where they stand in the file.
pub(crate) fn decode(offset: u64, bytes: &[u8]) -> (String, u64) {
    decode_within(offset, bytes, TEXT_MAX)
}

/// The same with a bound of its own to what each chunk may become.
fn decode_within(offset: u64, bytes: &[u8], text_max: usize) -> (String, u64) {
    let mut lines = Lines {
        // Real ones become a third to four times larger; growing step by step copies all of it again and again.
        text: String::with_capacity(2 * bytes.len()),
        text_max,
        unreadable: 0,
    };
    // The head says nothing that the chunks do not say better: it is stale in a log that was not closed.
    let head = usize::try_from(FILE_HEAD.saturating_sub(offset)).unwrap_or(0);
    let mut at = offset.saturating_add(head.min(bytes.len()) as u64);
    let mut rest = bytes.get(head..).unwrap_or_default();
    while !rest.is_empty() {
        // At least a byte, or this would not end.
        let length = usize::try_from(unit_end(at) - at).map_or(rest.len(), |length| length.max(1));
        let (unit, after) = rest.split_at(length.min(rest.len()));
        chunk(at, unit, &mut lines);
        at = at.saturating_add(unit.len() as u64);
        rest = after;
    }
    (lines.text, lines.unreadable)
}

fn chunk(at: u64, bytes: &[u8], lines: &mut Lines) {
    // Files grow by a megabyte at a time: what was not written to yet is zeros, and nothing is lost with it.
    if bytes.iter().all(|byte| *byte == 0) {
        return;
    }
    let before = (lines.text.len(), lines.unreadable);
    // The crate is made for damaged input, but what it does with it is not ours to promise.
    let outcome = catch_unwind(AssertUnwindSafe(|| records(at, bytes, lines)));
    let reason = match outcome {
        Ok(Ok(())) => return,
        Ok(Err(reason)) => reason,
        Err(_) => "reading it failed".to_owned(),
    };
    lines.text.truncate(before.0);
    lines.unreadable = before.1;
    lines.unreadable(at, bytes.len() as u64, &reason);
}

/// Appends the records of one chunk; an error means that none of it could be read.
fn records(at: u64, bytes: &[u8], lines: &mut Lines) -> Result<(), String> {
    static SETTINGS: LazyLock<Arc<ParserSettings>> =
        LazyLock::new(|| Arc::new(ParserSettings::default().indent(false)));
    // Checksums are not asked for: a log copied while Windows writes to it has stale ones.
    let mut data = EvtxChunkData::new(bytes.to_vec(), false).map_err(|error| error.to_string())?;
    let used = u64::from(data.header.free_space_offset).min(bytes.len() as u64);
    let mut chunk = data
        .parse(Arc::clone(&SETTINGS))
        .map_err(|error| error.to_string())?;
    let limit = lines.text.len() + lines.text_max;
    // Where the last record ended that could be read, and what went wrong since.
    let mut end = at.saturating_add(512);
    let mut trouble: Option<String> = None;
    for record in chunk.iter() {
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                trouble.get_or_insert_with(|| error.to_string());
                continue;
            }
        };
        let start = at.saturating_add(record.binxml_offset.saturating_sub(RECORD_HEAD));
        let length = RECORD_HEAD + u64::from(record.binxml_size) + RECORD_TAIL;
        if let Some(reason) = trouble.take() {
            lines.unreadable(end, start.saturating_sub(end), &reason);
        }
        match record.into_json_bytes() {
            _ if lines.text.len() > limit => {
                trouble = Some("the chunk grows too much when it is read".to_owned());
                break;
            }
            Err(error) => trouble = Some(error.to_string()),
            Ok(json) if json.data.len() > MAX_RECORD_BYTES / 2 => {
                trouble = Some("longer than a record may be".to_owned());
            }
            Ok(json) => match lines.record(start, length, json.data) {
                Ok(()) => end = start.saturating_add(length),
                Err(reason) => trouble = Some(reason),
            },
        }
    }
    if let Some(reason) = trouble {
        lines.unreadable(end, at.saturating_add(used).saturating_sub(end), &reason);
    }
    Ok(())
}

struct Lines {
    text: String,
    /// Bytes that one chunk may add.
    text_max: usize,
    /// Places that could not be read.
    unreadable: u64,
}

impl Lines {
    fn record(&mut self, at: u64, bytes: u64, json: Vec<u8>) -> Result<(), String> {
        let json = String::from_utf8(json).map_err(|error| error.to_string())?;
        let Some(fields) = json.strip_prefix('{').filter(|json| !json.contains('\n')) else {
            return Err("it is no event".to_owned());
        };
        event_json::write_place(&mut self.text, stamp(&json), at, bytes);
        self.text.push_str(fields);
        self.text.push('\n');
        Ok(())
    }

    fn unreadable(&mut self, at: u64, bytes: u64, reason: &str) {
        let reason = reason.get(..reason.floor_char_boundary(REASON_MAX));
        let reason = serde_json::Value::from(reason.unwrap_or_default());
        self.text.push_str(&format!(
            "{}{at},\"bytes\":{bytes},\"unreadable\":{reason}}}\n",
            event_json::UNREADABLE
        ));
        self.unreadable += 1;
    }
}

/// When the event happened, as it says, without reading all of it.
fn stamp(json: &str) -> &str {
    const STAMP: &[u8] = b"\"SystemTime\":\"";
    static FINDER: LazyLock<memmem::Finder<'static>> = LazyLock::new(|| memmem::Finder::new(STAMP));
    FINDER
        .find(json.as_bytes())
        .and_then(|at| json.get(at + STAMP.len()..)?.split('"').next())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod writer;
