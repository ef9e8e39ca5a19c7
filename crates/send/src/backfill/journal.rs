//! What was done before: one line a step, synced before the next, so that a kill at any moment costs at most what was under way.

use event::LoggedAt;
use event::upload::FileDigest;
use files::{LogFile, Look, Sighting};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// Raised when an older build could not read what is written.
const VERSION: u32 = 1;

/// A longer line is none of ours: paths end at some thousands of bytes, and of names there are at most 64.
const LINE_MAX: u64 = 256 * 1024;

/// A state file that cannot be used, or not any more.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The disk said no.
    #[error("cannot {doing} the state file `{}`: {source}\nhint: name another one with --state FILE", harmless::line(&path.to_string_lossy()))]
    Io {
        /// What was tried.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Another process works with it.
    #[error("the state file `{}` is in use by another backfill", harmless::line(&.0.to_string_lossy()))]
    InUse(PathBuf),
    /// It is no state file, or one of another build or intake.
    #[error("the state file `{}` {why}\nhint: name another one with --state FILE; what the intake holds is known there and not sent again", harmless::line(&path.to_string_lossy()))]
    Other {
        /// Which file.
        path: PathBuf,
        /// What it is.
        why: String,
    },
}

/// The state file. Lines of an endpoint are read when its turn comes: ten years of a fleet need not fit into memory.
pub(super) struct Journal {
    path: PathBuf,
    /// None where it is only read.
    writer: Option<Mutex<File>>,
    /// Held as long as it is open.
    _lock: Option<File>,
    /// Where the lines of each endpoint stand.
    lines: HashMap<String, Vec<u64>>,
    /// Lines that are damaged: what they said is found out again.
    pub(super) damaged: u64,
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    /// The intake: another one holds other things.
    to: String,
}

/// What is known of one log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Entry {
    pub(super) endpoint: String,
    pub(super) path: String,
    /// Size and time of the file that it is, or stands in: another one is looked at anew.
    pub(super) size: u64,
    pub(super) modified: u64,
    /// Bytes of the log that are acknowledged.
    pub(super) done: u64,
    /// All of it is in the store; none while it is on its way.
    pub(super) whole: Option<Whole>,
}

/// What a log that is done said, so that nothing has to be read again for the report.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Whole {
    pub(super) source: String,
    digest: String,
    bytes: u64,
    span: Option<(LoggedAt, LoggedAt)>,
    hosts: Vec<(String, LoggedAt, LoggedAt)>,
}

impl Whole {
    pub(super) fn of(log: &LogFile, look: &Look) -> Option<Self> {
        let host = |sighting: &Sighting| (sighting.host.clone(), sighting.span.0, sighting.span.1);
        Some(Self {
            source: log.source.name().to_owned(),
            digest: look.digest?.to_string(),
            bytes: look.bytes,
            span: look.span,
            hosts: look.sightings.iter().map(host).collect(),
        })
    }

    /// As it was when the log was read.
    pub(super) fn look(&self) -> Option<Look> {
        let sighting = |(host, from, to): &(String, LoggedAt, LoggedAt)| Sighting {
            host: host.clone(),
            span: (*from, *to),
        };
        Some(Look {
            digest: Some(self.digest.parse::<FileDigest>().ok()?),
            bytes: self.bytes,
            span: self.span,
            sightings: self.hosts.iter().map(sighting).collect(),
            ..Look::default()
        })
    }
}

impl Entry {
    /// Of a log as it stands on the disk now, with nothing done; none where it cannot be named in a line of text.
    pub(super) fn of(endpoint: &str, log: &LogFile) -> Option<Self> {
        let metadata = std::fs::metadata(&log.real).ok()?;
        let since = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
        Some(Self {
            endpoint: endpoint.to_owned(),
            path: log.path.to_str()?.to_owned(),
            size: metadata.len(),
            modified: u64::try_from(since.as_nanos()).ok()?,
            done: 0,
            whole: None,
        })
    }

    fn is_of(&self, other: &Self) -> bool {
        (self.size, self.modified) == (other.size, other.modified)
    }
}

impl Journal {
    /// Opens a state file, or begins one, for an intake.
    pub(super) fn open(path: &Path, to: &str) -> Result<Self, JournalError> {
        let io = |doing| {
            move |source| JournalError::Io {
                doing,
                path: path.to_owned(),
                source,
            }
        };
        let append = |path: &Path| {
            let mut options = OpenOptions::new();
            options.append(true).create(true).open(path)
        };
        // A file of its own: on Windows what is locked cannot be read through another handle.
        let mut lock = path.to_owned().into_os_string();
        lock.push(".lock");
        let lock = append(Path::new(&lock)).map_err(io("lock"))?;
        // A file system that has no locks has none to give.
        if let Err(TryLockError::WouldBlock) = lock.try_lock() {
            return Err(JournalError::InUse(path.to_owned()));
        }
        let file = append(path).map_err(io("open"))?;
        Self {
            path: path.to_owned(),
            writer: Some(Mutex::new(file)),
            _lock: Some(lock),
            lines: HashMap::new(),
            damaged: 0,
        }
        .read(to)
    }

    /// Reads one and changes nothing; nothing where there is none.
    pub(super) fn peek(path: &Path, to: &str) -> Result<Option<Self>, JournalError> {
        if !path.exists() {
            return Ok(None);
        }
        let journal = Self {
            path: path.to_owned(),
            writer: None,
            _lock: None,
            lines: HashMap::new(),
            damaged: 0,
        };
        journal.read(to).map(Some)
    }

    fn read(mut self, to: &str) -> Result<Self, JournalError> {
        let io = self.io("read");
        let mut reader = BufReader::new(File::open(&self.path).map_err(&io)?);
        let head = line_of(&Head {
            version: VERSION,
            to: to.to_owned(),
        });
        let (mut offset, mut is_first, mut is_ended) = (0, true, true);
        let mut line = Vec::new();
        loop {
            line.clear();
            let read = (&mut reader)
                .take(LINE_MAX)
                .read_until(b'\n', &mut line)
                .map_err(&io)? as u64;
            if read == 0 {
                break;
            }
            is_ended = line.ends_with(b"\n");
            if is_first && !is_ended && head.starts_with(&line) {
                // The power went as it was begun: nothing was noted yet.
                self.empty()?;
                break;
            }
            if is_first {
                self.check_head(&line, to)?;
                is_first = false;
            } else {
                match whole::<Entry>(&line) {
                    Some(entry) => self.lines.entry(entry.endpoint).or_default().push(offset),
                    None => self.damaged += 1,
                }
            }
            offset += read;
        }
        if is_first {
            self.append(&head)?;
            self.sync_folder()?;
        } else if !is_ended {
            // A kill cut the last line; the next one begins on its own.
            self.append(b"\n")?;
        }
        Ok(self)
    }

    fn check_head(&self, line: &[u8], to: &str) -> Result<(), JournalError> {
        let other = |why: String| JournalError::Other {
            path: self.path.clone(),
            why,
        };
        match whole::<Head>(line) {
            None => Err(other("is no state file of a backfill".to_owned())),
            Some(head) if head.version != VERSION => Err(other(format!(
                "is of version {}, not {VERSION}",
                head.version
            ))),
            Some(head) if head.to != to => Err(other(format!(
                "is of the intake `{}`, not `{to}`",
                harmless::line(&head.to)
            ))),
            Some(_) => Ok(()),
        }
    }

    /// What is known of an endpoint's logs, by path; of several lines of one the last says it.
    pub(super) fn of(&self, endpoint: &str) -> Result<HashMap<String, Entry>, JournalError> {
        let io = self.io("read");
        let mut known = HashMap::new();
        let Some(offsets) = self.lines.get(endpoint) else {
            return Ok(known);
        };
        let mut reader = BufReader::new(File::open(&self.path).map_err(&io)?);
        let mut at = 0;
        let mut line = Vec::new();
        for offset in offsets {
            // Near ones stay within what is buffered.
            let ahead = i64::try_from(*offset - at).unwrap_or(i64::MAX);
            reader.seek_relative(ahead).map_err(&io)?;
            line.clear();
            let read = (&mut reader)
                .take(LINE_MAX)
                .read_until(b'\n', &mut line)
                .map_err(&io)?;
            at = offset + read as u64;
            if let Some(entry) = whole::<Entry>(&line) {
                known.insert(entry.path.clone(), entry);
            }
        }
        Ok(known)
    }

    /// Returns when the line is on the disk.
    pub(super) fn note(&self, entry: &Entry) -> Result<(), JournalError> {
        self.append(&line_of(entry))
    }

    fn append(&self, bytes: &[u8]) -> Result<(), JournalError> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let mut file = writer.lock().unwrap_or_else(PoisonError::into_inner);
        file.write_all(bytes)
            .and_then(|()| file.sync_data())
            .map_err(self.io("write"))
    }

    fn empty(&self) -> Result<(), JournalError> {
        let Some(writer) = &self.writer else {
            return Ok(());
        };
        let file = writer.lock().unwrap_or_else(PoisonError::into_inner);
        file.set_len(0).map_err(self.io("write"))
    }

    /// A new file is durable with its folder. Windows knows no such call, and its file systems journal names.
    fn sync_folder(&self) -> Result<(), JournalError> {
        #[cfg(unix)]
        {
            let folder = self
                .path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))
                .and_then(|folder| folder.sync_all())
                .map_err(self.io("write"))?;
        }
        Ok(())
    }

    fn io(&self, doing: &'static str) -> impl Fn(io::Error) -> JournalError + use<> {
        let path = self.path.clone();
        move |source| JournalError::Io {
            doing,
            path: path.clone(),
            source,
        }
    }
}

/// The entry that still holds of a log as it is now.
pub(super) fn still<'a>(known: &'a HashMap<String, Entry>, now: &Entry) -> Option<&'a Entry> {
    known.get(&now.path).filter(|entry| entry.is_of(now))
}

fn line_of<T: Serialize>(what: &T) -> Vec<u8> {
    // Texts and numbers: nothing that could fail.
    let json = serde_json::to_string(what).unwrap_or_default();
    format!("{:08x} {json}\n", crc32fast::hash(json.as_bytes())).into_bytes()
}

fn whole<T: for<'a> Deserialize<'a>>(line: &[u8]) -> Option<T> {
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    let (crc, json) = line.split_once(' ')?;
    let is_whole = format!("{:08x}", crc32fast::hash(json.as_bytes())) == crc;
    is_whole.then(|| serde_json::from_str(json).ok())?
}

#[cfg(test)]
mod tests;
