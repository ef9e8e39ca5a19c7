//! Event logs as Windows keeps them: rings of chunks, of which the newest records are taken as lines of text.
//!
//! Records are known by their numbers. What is sent is a stream of lines of its own, in the order of these numbers: places in the file say
//! nothing, as the service overwrites the oldest ones.

use crate::body::Body;
use crate::disk::{self, Listed};
use crate::home::Settled;
use crate::log::{Container, Gap};
use crate::place::Place;
use crate::points::Stopped;
use crate::print::{PREFIX_BYTES, Print};
use crate::settle::Role;
use event::{Format, GapReason, TextEncoding};
use files::LogFile;
use parse::Cutter;
use std::fs::File;
use std::io;
use std::time::Duration;

/// The file's head, and each chunk.
const FILE_HEAD: u64 = 4 * 1024;
const CHUNK: u64 = 64 * 1024;

/// Chunks that are looked at: 4 GiB, the largest log that Windows makes.
const CHUNKS_MAX: u64 = 65_536;

/// So long between two looks into a log that is not said to have changed: the service writes through a mapping, which changes no stamp.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

pub(crate) fn is_event_log(head: &[u8]) -> bool {
    head.starts_with(b"ElfFile\0")
}

/// A chunk by the numbers of its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Chunk {
    first: u64,
    last: u64,
    at: u64,
}

/// The chunks of a log, the oldest first.
fn chunks(file: &File) -> io::Result<Vec<Chunk>> {
    let size = file.metadata()?.len();
    let mut chunks = Vec::new();
    for number in 0..(size.saturating_sub(FILE_HEAD) / CHUNK).min(CHUNKS_MAX) {
        let at = FILE_HEAD + number * CHUNK;
        let head = disk::read_at(file, at, 40)?;
        let number = |from: usize| {
            let bytes = head.get(from..from + 8)?.try_into().ok()?;
            Some(u64::from_le_bytes(bytes))
        };
        let (Some(first), Some(last)) = (number(24), number(32)) else {
            continue;
        };
        // An empty chunk has the numbers 0 and -1, or of all ones.
        if head.starts_with(b"ElfChnk\0") && first <= last && last < u64::MAX / 2 {
            chunks.push(Chunk { first, last, at });
        }
    }
    chunks.sort();
    Ok(chunks)
}

/// The records of a chunk, as lines with their numbers.
fn records(file: &File, chunk: Chunk) -> io::Result<Vec<(u64, String)>> {
    let bytes = disk::read_at(file, chunk.at, CHUNK)?;
    let mut pieces = Vec::new();
    let mut cutter = Cutter::new(
        TextEncoding::Evtx,
        Format::EventJson,
        chunk.at,
        CHUNK as usize,
    );
    cutter.push(&bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let mut records: Vec<(u64, String)> = pieces
        .iter()
        .flat_map(|piece| piece.text.split_inclusive('\n'))
        // A record that is being written cannot be read yet; one that never can be is missed by its number.
        .filter_map(|line| {
            let record = parse::event_json::read(line.trim_end())?.record_id?;
            Some((record, line.to_owned()))
        })
        .collect();
    records.sort();
    records.dedup_by_key(|(number, _)| *number);
    Ok(records)
}

impl Place {
    /// An event log is known by its path: its content is a ring, and has no beginning.
    pub(crate) fn settle_event_log(&mut self, listed: &Listed, head: &[u8]) -> Settled {
        let known = self
            .logs
            .iter_mut()
            .find(|log| log.is_event_log() && log.path == listed.path && !log.has_file());
        let Some(log) = known else {
            return Settled::New(head.to_vec());
        };
        log.key = Some(listed.key);
        log.done = false;
        log.now = Default::default();
        let id = log.id;
        self.handles.remove(&id);
        self.set_role(listed, Role::Log(Duration::ZERO));
        Settled::Yes
    }

    pub(crate) fn add_event_log(&mut self, listed: &Listed, log: &LogFile, now: Duration) {
        let container = Container::EventLog { record: 0 };
        // What is sent is text.
        let log = LogFile {
            encoding: TextEncoding::Utf8,
            ..log.clone()
        };
        self.add(listed, container, &log, listed.size, Print::default(), now);
    }

    pub(crate) fn next_events(
        &mut self,
        index: usize,
        now: Duration,
    ) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        let Container::EventLog { record: sent } = log.container else {
            return Ok(None);
        };
        let is_due = log.now.waiting_since.is_some() || now - log.now.grown_at >= LOOK_AGAIN;
        if !log.has_file() || !is_due {
            return Ok(None);
        }
        log.now.grown_at = now;
        log.now.waiting_since = None;
        let path = log.path.clone();
        self.points.at("next: before an event log is read")?;
        let body_bytes = self.options.body_bytes;
        let taken = match self.file_of(index) {
            Ok(Some(file)) => take(file, sent, body_bytes),
            Ok(None) => return Ok(None),
            Err(error) => Err(error),
        };
        let taken = match taken {
            Ok(taken) => taken,
            Err(error) => {
                self.problem(&path, &error);
                return Ok(None);
            }
        };
        self.points.at("next: after an event log is read")?;
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        if taken.newest < sent {
            // Its numbers begin anew: the channel was cleared with its file, or this is another one.
            let key = log.key;
            log.detach(now);
            log.done = true;
            self.is_dirty = true;
            self.files.retain(|file, _| Some(*file) != key);
            // Its name is for what is there now.
            log.path.as_mut_os_string().push(" (before)");
            return Ok(None);
        }
        let Some(&(first, _)) = taken.lines.first() else {
            return Ok(None);
        };
        let mut gaps = Vec::new();
        let is_overwritten = taken.oldest > sent + 1;
        // What makes room for newer records goes from the oldest on.
        if sent > 0 && is_overwritten {
            gaps.push((sent + 1, taken.oldest.min(first), GapReason::Overwritten));
        }
        // Some of them may have been taken though nobody heard so, by this process or one that died: other records must not take their places.
        if is_overwritten && !log.now.is_acknowledged {
            (log.first_record, log.offset) = (None, 0);
            log.print = Print::default();
        }
        let readable_from = taken.oldest.max(sent + 1);
        gaps.push((readable_from, first, GapReason::Unreadable));
        // Records behind it were read, so nobody is still writing what is missing between them.
        let numbers = taken.lines.iter().map(|(number, _)| *number);
        for (before, number) in numbers.clone().zip(numbers.skip(1)) {
            gaps.push((before + 1, number, GapReason::Unreadable));
        }
        let gaps = gaps.into_iter().filter(|(from, to, _)| from < to);
        let gaps = gaps.map(|(from, to, reason)| Gap { from, to, reason });
        self.is_dirty |= log.note_gaps(sent, gaps);
        let record = taken.lines.last().map_or(sent, |(number, _)| *number);
        let mut bytes = Vec::new();
        for (_, line) in &taken.lines {
            bytes.extend_from_slice(line.as_bytes());
        }
        // Until somebody says that it was taken.
        log.now.is_acknowledged = false;
        // There is more where it ended early.
        log.now.waiting_since = (record < taken.newest).then_some(now);
        let offset = log.print.end;
        let mut body = Body {
            log: log.id,
            source: log.source,
            first_record: log.first_record.unwrap_or_default(),
            offset,
            open: false,
            encoding: log.encoding,
            format: log.format,
            path,
            resume: offset + bytes.len() as u64,
            record,
            head: bytes
                .get(..bytes.len().min(PREFIX_BYTES as usize))
                .unwrap_or_default()
                .to_vec(),
            tail: Vec::new(),
            end_before: offset,
            bytes,
        };
        if log.first_record.is_none() {
            let text = String::from_utf8_lossy(&body.bytes);
            let base = parse::start_hash([&*text], log.format);
            body.first_record = self.name_stream(index, base)?;
        }
        Ok(Some(body))
    }
}

/// Records behind the last one that was sent.
struct Taken {
    lines: Vec<(u64, String)>,
    /// The oldest and the newest there is.
    oldest: u64,
    newest: u64,
}

fn take(file: &File, sent: u64, body_bytes: usize) -> io::Result<Taken> {
    let chunks = chunks(file)?;
    let mut taken = Taken {
        lines: Vec::new(),
        oldest: chunks.first().map_or(0, |chunk| chunk.first),
        newest: chunks.last().map_or(0, |chunk| chunk.last),
    };
    let mut bytes = 0;
    // The last chunk's head may be older than its records.
    let newest = chunks.len().saturating_sub(1);
    for (number, chunk) in chunks.into_iter().enumerate() {
        if chunk.last <= sent && number < newest {
            continue;
        }
        if bytes >= body_bytes {
            return Ok(taken);
        }
        for (number, line) in records(file, chunk)? {
            if number > sent {
                bytes += line.len();
                taken.newest = taken.newest.max(number);
                taken.lines.push((number, line));
            }
        }
    }
    Ok(taken)
}
