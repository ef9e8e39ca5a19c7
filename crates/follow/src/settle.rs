//! A look at the folders: which file holds which log now.
//!
//! In this order, so that no content is taken for new that is known: logs whose file is still theirs; files that go on where a log was lost;
//! cabinets that do; copies; and only then new logs.

use crate::Log;
use crate::disk::{self, Listed};
use crate::home;
use crate::log::{Container, Gap};
use crate::next::is_same;
use crate::place::Place;
use crate::points::Stopped;
use crate::print::{Hash, TAIL_BYTES};
use event::GapReason;
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A file that has not changed for so long since it was first seen so is not read again to see that it is the same: stamps are as coarse as
/// a tick of the kernel, or two seconds on old file systems.
const SURE_AFTER: Duration = Duration::from_secs(3);

/// What is known of a file in the folders.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) size: u64,
    pub(crate) modified: i64,
    /// Since when it has been so.
    pub(crate) since: Duration,
    pub(crate) role: Role,
    /// When it was last looked at to see what it is, where no log has it.
    pub(crate) looked_at: Duration,
    /// Looking at it takes long.
    pub(crate) is_cabinet: bool,
    /// Logs whose beginning it has, and how much of it was compared.
    pub(crate) compared: BTreeMap<u32, u64>,
}

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Not looked at since it changed.
    New,
    /// It holds logs, and was last read to see it at this moment.
    Log(Duration),
    /// It holds what these logs hold, too; for now nothing is read from it.
    CopyOf {
        /// Each log, and how far it was acknowledged when the two were compared.
        logs: Vec<(u32, u64)>,
        /// Bytes of the copy.
        size: u64,
    },
    /// No log that is followed, as it is now.
    Other,
}

impl Place {
    /// Looks at the folders. What it finds is sent by [`Place::next`].
    pub fn poll(&mut self, now: Duration) -> Result<(), Stopped> {
        self.points.at("poll: before the folders are listed")?;
        let (listed, unseen) = disk::list(&self.options.paths);
        self.points.at("poll: after the folders are listed")?;
        self.problems.clear();
        let mut blind: Vec<PathBuf> = unseen.iter().map(|unseen| unseen.path.clone()).collect();
        for unseen in unseen {
            self.problem(&unseen.path, &unseen.error);
        }
        for path in self.options.paths.clone() {
            // A share that is away is no share without logs.
            let is_home = |log: &Log| log.path.parent() == Some(&path);
            if !path.exists() && self.logs.iter().any(is_home) {
                self.problem(&path, &"the folder is gone");
                blind.push(path);
            }
        }
        self.note(&listed, now);
        self.keep_homes(&listed, &blind, now)?;
        self.find_homes(&listed, now)?;
        self.give_up(now);
        self.let_go(now);
        self.forget();
        Ok(())
    }

    /// Brings what is known of files up to date.
    fn note(&mut self, listed: &[Listed], now: Duration) {
        let mut before = std::mem::take(&mut self.files);
        for file in listed {
            let known = before.remove(&file.key);
            let is_as_before =
                |known: &Known| (known.size, known.modified) == (file.size, file.modified);
            let known = match known {
                Some(known) if is_as_before(&known) => known,
                other => Known {
                    size: file.size,
                    modified: file.modified,
                    since: now,
                    role: Role::New,
                    looked_at: Duration::ZERO,
                    is_cabinet: false,
                    // What grows keeps its beginning.
                    compared: other
                        .filter(|known| known.size <= file.size)
                        .map(|known| known.compared)
                        .unwrap_or_default(),
                },
            };
            self.files.insert(file.key, known);
        }
    }

    /// Logs whose file is there and still theirs.
    fn keep_homes(
        &mut self,
        listed: &[Listed],
        blind: &[PathBuf],
        now: Duration,
    ) -> Result<(), Stopped> {
        for index in 0..self.logs.len() {
            let Some(log) = self.logs.get_mut(index) else {
                continue;
            };
            let Some(key) = log.key else { continue };
            let Some(file) = listed.iter().find(|file| file.key == key) else {
                let is_hidden = blind
                    .iter()
                    .any(|path| log.path == *path || log.path.parent() == Some(path));
                if !is_hidden {
                    log.detach(now);
                    self.is_dirty = true;
                }
                continue;
            };
            if log.path != file.path {
                log.path.clone_from(&file.path);
                self.is_dirty = true;
            }
            let known = self.files.get(&key);
            match &log.container {
                Container::Cabinet {
                    packed, modified, ..
                } => {
                    // Nobody writes into a cabinet: another stamp is another cabinet.
                    if (*packed, *modified) == (file.size, file.modified) {
                        self.set_role(file, Role::Log(now));
                    } else {
                        log.detach(now);
                    }
                }
                Container::EventLog { .. } => {
                    log.size = file.size;
                    self.set_role(file, Role::Log(now));
                }
                Container::Plain => {
                    let is_sure = known.is_some_and(|known| {
                        matches!(known.role, Role::Log(at) if at >= known.since + SURE_AFTER)
                    });
                    if is_sure {
                        continue;
                    }
                    self.points.at("poll: before a log is compared")?;
                    match self.is_still(index) {
                        Ok(true) => {
                            self.set_role(file, Role::Log(now));
                            self.note_growth(index, now);
                        }
                        // Renamed since it was listed.
                        Err(error) if error.kind() == io::ErrorKind::NotFound => {
                            self.set_role(file, Role::Log(Duration::ZERO));
                        }
                        Ok(false) => self.lose(index, now),
                        Err(error) => {
                            self.problem(&file.path, &error);
                            self.set_role(file, Role::Log(Duration::ZERO));
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// A log's file holds another content by now.
    pub(crate) fn lose(&mut self, index: usize, now: Duration) {
        let Some(log) = self.logs.get_mut(index) else {
            return;
        };
        log.now.left = log.key;
        log.detach(now);
        // The handle is of this very file.
        self.handles.remove(&log.id);
        if let Some(known) = log.now.left.and_then(|key| self.files.get_mut(&key)) {
            known.role = Role::New;
        }
        self.is_dirty = true;
    }

    /// Takes the size that was seen when the content was compared: the one that was listed may be another file's.
    pub(crate) fn note_growth(&mut self, index: usize, now: Duration) {
        let Some(log) = self.logs.get_mut(index) else {
            return;
        };
        let Some((size, _)) = log.seen else {
            return;
        };
        if size != log.size {
            log.size = size;
            log.now.grown_at = now;
            // What was seen is written down: after a death, too, it is known what is lost.
            self.is_dirty = true;
            if log.print.end < size {
                log.now.waiting_since.get_or_insert(now);
                log.done = false;
            }
        }
    }

    /// Whether a log's file still has its content.
    pub(crate) fn is_still(&mut self, index: usize) -> io::Result<bool> {
        let Some(log) = self.logs.get(index) else {
            return Ok(false);
        };
        let print = log.print;
        // A log never shrinks, but for space that was made beforehand.
        let (least, seen) = match log.zeros.is_some() {
            true => (0, None),
            false => (log.size, log.seen),
        };
        let Some(file) = self.file_of(index)? else {
            return Err(io::ErrorKind::NotFound.into());
        };
        let size = file.metadata()?.len();
        if size < least || !is_same(&print, file, size)? {
            return Ok(false);
        }
        if let Some((size, hash)) = seen
            && before(file, size)? != hash
        {
            return Ok(false);
        }
        let seen = (size, before(file, size)?);
        if let Some(log) = self.logs.get_mut(index) {
            log.seen = Some(seen);
        }
        Ok(true)
    }

    pub(crate) fn set_role(&mut self, file: &Listed, role: Role) {
        if let Some(known) = self.files.get_mut(&file.key) {
            known.role = role;
        }
    }

    /// Files that no log has: what they are.
    fn find_homes(&mut self, listed: &[Listed], now: Duration) -> Result<(), Stopped> {
        let mut homeless: Vec<&Listed> = listed
            .iter()
            .filter(|file| file.size > 0 && self.is_open_question(file, now))
            .collect();
        // Of several that may be a log's the longest one is, as the others are copies of its beginning.
        homeless.sort_by_key(|file| std::cmp::Reverse(file.size));
        // All that are known go first: what is left then is new.
        let mut left = Vec::new();
        for file in homeless {
            self.points.at("poll: before a file is looked at")?;
            if let Some(known) = self.files.get_mut(&file.key) {
                known.looked_at = now;
            }
            match self.settle(file, now) {
                Ok(home::Settled::Yes) => {}
                Ok(home::Settled::New(head)) => left.push((file, head)),
                // Renamed or removed since it was listed.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => self.problem(&file.path, &error),
            }
        }
        left.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        for (file, head) in left {
            self.adopt(file, head, now);
        }
        Ok(())
    }

    /// Whether a file has to be looked at.
    fn is_open_question(&self, file: &Listed, now: Duration) -> bool {
        let is_home = self.logs.iter().any(|log| log.key == Some(file.key));
        let Some(known) = self.files.get(&file.key) else {
            return !is_home;
        };
        // Written again in the same tick it would look as it did. Cabinets are looked at once more when that is over, others until then.
        let sure_at = known.since + SURE_AFTER;
        let is_unsure = known.looked_at < sure_at && (now >= sure_at || !known.is_cabinet);
        match &known.role {
            // Of one that held a log, which then was detached from it, it is not known either.
            Role::New | Role::Log(_) => !is_home,
            Role::Other => !is_home && is_unsure,
            Role::CopyOf { .. } if is_unsure => true,
            Role::CopyOf { logs, size } => logs.iter().all(|(id, end)| {
                let log = self.logs.iter().find(|log| log.id == *id);
                log.is_none_or(|log| match log.has_file() {
                    // What is not acknowledged yet may have become something else without a trace.
                    true => end < size && log.print.end != *end,
                    // Where that log is lost, it may be where it goes on.
                    false => end < size || !log.done,
                })
            }),
        }
    }

    /// Logs that are nowhere any more.
    fn give_up(&mut self, now: Duration) {
        for index in 0..self.logs.len() {
            let Some(log) = self.logs.get(index) else {
                continue;
            };
            if log.has_file() || log.done {
                continue;
            }
            let (id, print) = (log.id, log.print);
            let missing = now - log.now.missing_since.unwrap_or(now);
            if let Some(handle) = self.handles.get(&id) {
                let is_its = handle
                    .metadata()
                    .and_then(|metadata| is_same(&print, handle, metadata.len()));
                let is_over = log.now.ended || !is_its.unwrap_or(false);
                if !is_over {
                    continue;
                }
                self.handles.remove(&id);
            } else if self.rests.contains_key(&id) {
                // It is sent before anything is missed.
                continue;
            }
            let Some(log) = self.logs.get_mut(index) else {
                continue;
            };
            log.now.missing_since.get_or_insert(now);
            let is_unread = log.content_end() > log.print.end;
            if is_unread && missing < self.options.gone_after {
                continue;
            }
            let is_elsewhere = is_unread && self.is_part_of_another(index);
            let Some(log) = self.logs.get_mut(index) else {
                continue;
            };
            if is_unread && !is_elsewhere && !log.is_event_log() {
                log.gap = Some(Gap {
                    from: log.print.end,
                    to: log.content_end(),
                    reason: GapReason::Gone,
                });
            }
            log.done = true;
            log.now.waiting_since = None;
            self.is_dirty = true;
        }
    }

    /// Whether another log holds all that this one had, and what it had not sent: a copy that went on by itself, and was sent from its start.
    fn is_part_of_another(&mut self, index: usize) -> bool {
        let Some(log) = self.logs.get(index) else {
            return false;
        };
        let (print, seen) = (log.print, log.seen);
        let Some((size, hash)) = seen.filter(|(size, _)| *size == log.size) else {
            return false;
        };
        (0..self.logs.len()).any(|other| {
            let is_plain = |other: &Log| other.container == Container::Plain && other.size >= size;
            let has_all = |file: &File| -> io::Result<bool> {
                Ok(is_same(&print, file, size)? && before(file, size)? == hash)
            };
            other != index
                && self.logs.get(other).is_some_and(is_plain)
                && self
                    .file_of(other)
                    .ok()
                    .flatten()
                    .is_some_and(|file| has_all(file).unwrap_or(false))
        })
    }
}

/// What stands before a place.
pub(crate) fn before(file: &File, size: u64) -> io::Result<Hash> {
    let length = size.min(TAIL_BYTES);
    Ok(Hash::of(&disk::read_at(file, size - length, length)?))
}

/// The name of a file, for what is told from it.
pub(crate) fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
