//! Cabinets: which of their members a log went into.

use crate::print::{Hash, PREFIX_BYTES, Print, TAIL_BYTES};
use files::LogFile;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Bytes of one read.
const READ_BYTES: u64 = 64 * 1024;

/// Whether a file of these first bytes is a cabinet.
pub(crate) fn is_cabinet(head: &[u8]) -> bool {
    head.starts_with(b"MSCF")
}

/// The name of a member within its cabinet.
pub(crate) fn member_name(cabinet: &Path, log: &LogFile) -> String {
    let (cabinet, whole) = (cabinet.to_string_lossy(), log.path.to_string_lossy());
    whole
        .strip_prefix(&*cabinet)
        .and_then(|rest| rest.strip_prefix('!'))
        .unwrap_or(&whole)
        .to_owned()
}

/// The logs in a cabinet; an error where it cannot be read as one, or is not written to its end yet.
pub(crate) fn members(cabinet: &Path) -> io::Result<Vec<LogFile>> {
    let found = files::find(&[PathBuf::from(cabinet)]);
    match found.failed.into_iter().next() {
        Some(error) if found.logs.is_empty() => Err(error.source),
        _ => Ok(found.logs),
    }
}

/// What a member turned out to be.
pub(crate) struct Content {
    /// Its first bytes.
    pub(crate) head: Vec<u8>,
    /// Its last bytes that could be read.
    pub(crate) tail: Vec<u8>,
    /// Bytes that could be read.
    pub(crate) readable: u64,
    /// It ended early.
    pub(crate) damage: Option<io::Error>,
    /// For each print that was asked for: whether its tail stands there.
    pub(crate) has: Vec<bool>,
    /// It is the same as what it was compared with, as far as that went.
    pub(crate) is_same: bool,
}

/// Reads a member to its end: compares its bytes with prints, and with another content at the same places.
pub(crate) fn read(
    member: &LogFile,
    prints: &[Print],
    mut other: Option<&mut dyn FnMut(u64, u64) -> io::Result<Vec<u8>>>,
) -> Result<Content, files::FileError> {
    let mut reader = member.reader()?;
    let mut tails: Vec<(Vec<u8>, &Print)> = prints.iter().map(|p| (Vec::new(), p)).collect();
    let mut content = Content {
        head: Vec::new(),
        tail: Vec::new(),
        readable: 0,
        damage: None,
        has: Vec::new(),
        is_same: true,
    };
    loop {
        let mut bytes = Vec::new();
        let result = (&mut reader).take(READ_BYTES).read_to_end(&mut bytes);
        let at = content.readable;
        let room = usize::try_from(PREFIX_BYTES.saturating_sub(at)).unwrap_or(0);
        content
            .head
            .extend_from_slice(bytes.get(..room.min(bytes.len())).unwrap_or_default());
        content.tail.extend_from_slice(&bytes);
        let surplus = content.tail.len().saturating_sub(TAIL_BYTES as usize);
        content.tail.drain(..surplus);
        for (tail, print) in &mut tails {
            let from = print.end - print.tail_length();
            tail.extend_from_slice(overlap(&bytes, at, from, print.end));
        }
        if content.is_same
            && let Some(other) = &mut other
        {
            content.is_same = other(at, bytes.len() as u64).is_ok_and(|theirs| theirs == bytes);
        }
        content.readable += bytes.len() as u64;
        match result {
            Err(error) => {
                content.damage = Some(error);
                break;
            }
            Ok(0) => break,
            Ok(_) => {}
        }
    }
    content.has = tails
        .iter()
        .map(|(tail, print)| content.readable >= print.end && Hash::of(tail) == print.tail)
        .collect();
    Ok(content)
}

/// The part of `bytes`, which stand at `at`, that lies in `from..to`.
fn overlap(bytes: &[u8], at: u64, from: u64, to: u64) -> &[u8] {
    let end = at + bytes.len() as u64;
    let (from, to) = (from.clamp(at, end), to.clamp(at, end));
    let place = |offset: u64| usize::try_from(offset - at).unwrap_or(usize::MAX);
    bytes.get(place(from)..place(to)).unwrap_or_default()
}

/// Reads a member in its order, and only once for several bodies of it.
pub(crate) struct Reading {
    pub(crate) log: u32,
    reader: files::LogReader,
    /// Of the first byte held.
    at: u64,
    /// What was read last: the next body begins within it.
    held: Vec<u8>,
}

impl Reading {
    pub(crate) fn new(log: u32, member: &LogFile) -> Result<Self, files::FileError> {
        Ok(Self {
            log,
            reader: member.reader()?,
            at: 0,
            held: Vec::new(),
        })
    }

    /// Whether the place is still to be had.
    pub(crate) fn can_reach(&self, offset: u64) -> bool {
        self.at <= offset
    }

    pub(crate) fn read_at(&mut self, offset: u64, length: u64) -> io::Result<Vec<u8>> {
        let skip = usize::try_from(offset - self.at).unwrap_or(usize::MAX);
        let behind = skip.saturating_sub(self.held.len());
        self.held.drain(..skip.min(self.held.len()));
        io::copy(&mut (&mut self.reader).take(behind as u64), &mut io::sink())?;
        self.at = offset;
        let more = length.saturating_sub(self.held.len() as u64);
        (&mut self.reader).take(more).read_to_end(&mut self.held)?;
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        Ok(self
            .held
            .get(..length.min(self.held.len()))
            .unwrap_or_default()
            .to_vec())
    }
}
