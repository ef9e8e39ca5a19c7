//! What survives the process: every log and how far it is acknowledged, in two files that are written in turn.
//!
//! A file is written beside, synced, renamed, and its folder synced. Each line carries a CRC and the first one how many follow, so a file that
//! is torn anywhere is none, and the generation before it counts: older, and never ahead of an acknowledgement.

use crate::Log;
use crate::points::{Points, Stopped};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Raised when an older build could not read what is written.
const VERSION: u32 = 1;

/// Largest file that is read: some hundred bytes a log.
const FILE_MAX: u64 = 64 << 20;

/// Two files for one place.
#[derive(Clone, Debug)]
pub struct Checkpoints {
    base: PathBuf,
    /// Of the newest file.
    generation: u64,
}

/// What was there at the start.
#[derive(Debug)]
pub struct Loaded {
    /// As they were written last.
    pub logs: Vec<Log>,
    /// The number that the next new log gets.
    pub next_id: u32,
    /// The newest file was damaged or could not be read, for people.
    pub trouble: Option<String>,
}

/// A checkpoint that could not be written; the one before stands.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// The disk said no.
    #[error("cannot write the checkpoint `{}`: {source}", path.display())]
    Io {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A test ended it.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

#[derive(Serialize, Deserialize)]
struct Head {
    version: u32,
    generation: u64,
    logs: usize,
    next_id: u32,
}

impl Checkpoints {
    /// The files are `base` with `.0` and `.1` behind it.
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self {
            base: base.into(),
            generation: 0,
        }
    }

    /// Reads the newest generation that is whole. None at all is a start from nothing.
    pub fn load(&mut self) -> Loaded {
        let (mut best, mut trouble): (Option<(Head, Vec<Log>)>, Option<String>) = (None, None);
        for slot in 0..2 {
            let path = self.slot(slot);
            match read(&path) {
                Ok(Some((head, logs))) => {
                    let is_newer = best
                        .as_ref()
                        .is_none_or(|(other, _)| head.generation > other.generation);
                    if is_newer {
                        best = Some((head, logs));
                    }
                }
                Ok(None) => {}
                Err(why) => {
                    trouble = Some(format!("the checkpoint `{}` {why}", path.display()));
                }
            }
        }
        let (head, logs) = match best {
            Some((head, logs)) => (Some(head), logs),
            None => (None, Vec::new()),
        };
        self.generation = head.as_ref().map_or(0, |head| head.generation);
        Loaded {
            logs,
            next_id: head.map_or(0, |head| head.next_id),
            trouble,
        }
    }

    /// Writes the next generation over the older of the two.
    pub fn save<'a>(
        &mut self,
        logs: impl Iterator<Item = &'a Log>,
        next_id: u32,
        points: &mut Points,
    ) -> Result<(), CheckpointError> {
        let generation = self.generation + 1;
        let path = self.slot(generation % 2);
        let bytes = write(generation, logs, next_id);
        let beside = path.with_extension("new");
        let io = |source| CheckpointError::Io {
            path: path.clone(),
            source,
        };
        points.at("checkpoint: before it is written")?;
        let mut file = File::create(&beside).map_err(io)?;
        file.write_all(&bytes).map_err(io)?;
        points.at("checkpoint: before it is synced")?;
        file.sync_all().map_err(io)?;
        drop(file);
        points.at("checkpoint: before it is renamed")?;
        fs::rename(&beside, &path).map_err(io)?;
        sync_folder(&path).map_err(io)?;
        self.generation = generation;
        points.at("checkpoint: written")?;
        Ok(())
    }

    fn slot(&self, slot: u64) -> PathBuf {
        let mut path = self.base.clone().into_os_string();
        path.push(format!(".{slot}"));
        path.into()
    }
}

fn write<'a>(generation: u64, logs: impl Iterator<Item = &'a Log>, next_id: u32) -> Vec<u8> {
    let lines: Vec<String> = logs
        // Its fields are numbers, texts and a path; one that is no UTF-8 has been left out before.
        .filter_map(|log| serde_json::to_string(log).ok())
        .collect();
    let head = Head {
        version: VERSION,
        generation,
        logs: lines.len(),
        next_id,
    };
    let head = serde_json::to_string(&head).unwrap_or_default();
    let mut bytes = Vec::new();
    for line in std::iter::once(&head).chain(&lines) {
        let crc = crc32fast::hash(line.as_bytes());
        bytes.extend_from_slice(format!("{crc:08x} {line}\n").as_bytes());
    }
    bytes
}

/// Nothing where there is no file.
fn read(path: &Path) -> Result<Option<(Head, Vec<Log>)>, String> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("cannot be read: {error}")),
    };
    if metadata.len() > FILE_MAX {
        return Err("is too large to be one".to_owned());
    }
    let bytes = fs::read(path).map_err(|error| format!("cannot be read: {error}"))?;
    parse(&bytes).map(Some)
}

fn parse(bytes: &[u8]) -> Result<(Head, Vec<Log>), String> {
    const DAMAGED: &str = "is damaged";
    let text = std::str::from_utf8(bytes).map_err(|_| DAMAGED)?;
    let mut lines = text.split_inclusive('\n').map(|line| {
        let (crc, json) = line.strip_suffix('\n')?.split_once(' ')?;
        let whole = format!("{:08x}", crc32fast::hash(json.as_bytes()));
        (crc == whole).then_some(json)
    });
    let first = lines.next().flatten().ok_or(DAMAGED)?;
    let head: Head = serde_json::from_str(first).map_err(|_| DAMAGED)?;
    if head.version != VERSION {
        return Err(format!("is of version {}, not {VERSION}", head.version));
    }
    let logs = lines
        .map(|line| serde_json::from_str(line.ok_or(DAMAGED)?).map_err(|_| DAMAGED))
        .collect::<Result<Vec<Log>, &str>>()?;
    if logs.len() != head.logs {
        return Err(DAMAGED.to_owned());
    }
    Ok((head, logs))
}

/// A rename is durable with its folder. Windows knows no such call, and its file systems journal names.
fn sync_folder(path: &Path) -> io::Result<()> {
    #[cfg(unix)]
    if let Some(folder) = path.parent() {
        File::open(folder)?.sync_all()?;
    }
    let _ = path;
    Ok(())
}

#[cfg(test)]
pub(crate) mod tests;
