//! A file that no log has: where a lost one goes on, a copy, or a new log.

use crate::cabinet::{self, Content};
use crate::disk::{self, Listed};
use crate::log::{Container, Now};
use crate::next::is_same;
use crate::place::Place;
use crate::print::{FileKey, Hash, Print};
use crate::settle::{Role, before, name_of};
use crate::{Log, body, event_log};
use event::TextEncoding;
use files::LogFile;
use std::io;
use std::time::Duration;

/// Whether a file is dealt with.
pub(crate) enum Settled {
    /// It is a log that is known, a copy, none at all, or has to wait.
    Yes,
    /// It begins with these bytes and is nothing that is known.
    New(Vec<u8>),
}

impl Place {
    pub(crate) fn settle(&mut self, listed: &Listed, now: Duration) -> io::Result<Settled> {
        let file = disk::open(&listed.path)?;
        if disk::key(&file)? != listed.key {
            return Err(io::ErrorKind::NotFound.into());
        }
        let head = disk::read_at(&file, 0, parse::HEAD_BYTES as u64)?;
        if cabinet::is_cabinet(&head) {
            self.settle_cabinet(listed, now)?;
            return Ok(Settled::Yes);
        }
        if event_log::is_event_log(&head) {
            return Ok(self.settle_event_log(listed, &head));
        }
        let size = file.metadata()?.len();
        if let Some(index) = self.lost_log(&head, listed.key, |print| is_same(print, &file, size)) {
            let seen = (size, before(&file, size)?);
            self.move_in(index, listed, Container::Plain, size, seen, now);
            let id = self.logs.get(index).map(|log| log.id);
            if let Some(id) = id {
                self.handles.insert(id, file);
            }
            return Ok(Settled::Yes);
        }
        let mut originals = Vec::new();
        for index in 0..self.logs.len() {
            let Some(log) = self.logs.get(index) else {
                continue;
            };
            if !log.has_file() || !log.print.begins(&head) {
                continue;
            }
            let (id, log_end) = (log.id, log.print.end);
            match self.is_like(index, listed.key, &file, size)? {
                // The rest is compared at the next looks.
                None => return Ok(Settled::Yes),
                Some(false) => continue,
                Some(true) => {}
            }
            if !self.is_original(index, now)? {
                return self.settle(listed, now);
            }
            originals.push((id, log_end));
        }
        if !originals.is_empty() {
            let role = Role::CopyOf {
                logs: originals,
                size,
            };
            self.set_role(listed, role);
            return Ok(Settled::Yes);
        }
        Ok(Settled::New(head))
    }

    /// The log without a file whose content a file has; of several the one of which most is acknowledged.
    fn lost_log(
        &self,
        head: &[u8],
        key: FileKey,
        is_in: impl Fn(&Print) -> io::Result<bool>,
    ) -> Option<usize> {
        self.logs
            .iter()
            .enumerate()
            .filter(|(_, log)| !log.has_file() && !log.is_event_log() && log.print.begins(head))
            // What begins like it and is longer may still be another content.
            .filter(|(_, log)| log.now.left != Some(key))
            .filter(|(_, log)| {
                let evidence = log.evidence(None);
                evidence.is_some_and(|print| is_in(&print).unwrap_or(false))
            })
            .max_by_key(|(_, log)| (log.print.end, !log.done, log.size))
            .map(|(index, _)| index)
    }

    /// A lost log goes on in a file.
    fn move_in(
        &mut self,
        index: usize,
        listed: &Listed,
        container: Container,
        size: u64,
        seen: (u64, Hash),
        now: Duration,
    ) {
        let Some(log) = self.logs.get_mut(index) else {
            return;
        };
        self.handles.remove(&log.id);
        self.rests.remove(&log.id);
        log.path.clone_from(&listed.path);
        log.key = Some(listed.key);
        log.container = container;
        log.size = size;
        log.seen = Some(seen);
        log.zeros = None;
        log.done = false;
        log.gap = None;
        log.now = Now {
            grown_at: now,
            waiting_since: (size > log.print.end).then_some(now),
            ..Now::default()
        };
        self.is_dirty = true;
        self.set_role(listed, Role::Log(Duration::ZERO));
    }

    fn settle_cabinet(&mut self, listed: &Listed, now: Duration) -> io::Result<()> {
        if let Some(known) = self.files.get_mut(&listed.key) {
            known.is_cabinet = true;
        }
        let is_old = self
            .files
            .get(&listed.key)
            .is_some_and(|known| now - known.since >= self.options.closed_after);
        let members = match cabinet::members(&listed.path) {
            Ok(members) => members,
            // It may still be written.
            Err(error) => {
                if is_old {
                    self.set_role(listed, Role::Other);
                }
                return Err(error);
            }
        };
        let (mut copies, mut size) = (Vec::new(), 0);
        let (mut is_home, mut must_wait) = (false, false);
        for member in &members {
            if member.encoding == TextEncoding::Evtx || is_copied(member) {
                continue;
            }
            match self.settle_member(listed, member, is_old, now)? {
                Packed::Log => is_home = true,
                Packed::CopyOf(logs) => {
                    copies.extend(logs);
                    size = member.bytes.max(size);
                }
                Packed::Wait => must_wait = true,
            }
        }
        if must_wait && !is_home {
            return Ok(());
        }
        self.set_role(
            listed,
            match (is_home, copies.is_empty()) {
                (true, _) => Role::Log(now),
                (false, false) => Role::CopyOf { logs: copies, size },
                (false, true) => Role::Other,
            },
        );
        Ok(())
    }

    fn settle_member(
        &mut self,
        listed: &Listed,
        member: &LogFile,
        is_old: bool,
        now: Duration,
    ) -> io::Result<Packed> {
        let failed = |error: files::FileError| error.source;
        let first = cabinet::read(member, &[], None).map_err(failed)?;
        if first.damage.is_some() && !is_old {
            return Ok(Packed::Wait);
        }
        // Another file has its name by now.
        if disk::key(&disk::open(&listed.path)?)? != listed.key {
            return Err(io::ErrorKind::NotFound.into());
        }
        let cut = first.damage.as_ref().map(|_| first.readable);
        let lost: Vec<(usize, Print)> = self
            .logs
            .iter()
            .enumerate()
            .filter(|(_, log)| {
                !log.has_file() && !log.is_event_log() && log.print.begins(&first.head)
            })
            .filter_map(|(index, log)| Some((index, log.evidence(cut)?)))
            .collect();
        let container = |content: &Content| Container::Cabinet {
            member: cabinet::member_name(&listed.path, member),
            readable: content.readable,
            packed: listed.size,
            modified: listed.modified,
        };
        if !lost.is_empty() {
            let prints: Vec<Print> = lost.iter().map(|(_, print)| *print).collect();
            let content = cabinet::read(member, &prints, None).map_err(failed)?;
            let found = lost
                .iter()
                .zip(&content.has)
                .filter(|(_, has)| **has)
                .max_by_key(|((_, print), _)| print.end);
            if let Some(((index, _), _)) = found {
                let seen = (content.readable, Hash::of(&content.tail));
                let size = member.bytes;
                self.move_in(*index, listed, container(&content), size, seen, now);
                return Ok(Packed::Log);
            }
        }
        let mut originals = Vec::new();
        for index in 0..self.logs.len() {
            let Some(log) = self.logs.get(index) else {
                continue;
            };
            if log.container != Container::Plain || !log.print.begins(&first.head) {
                continue;
            }
            let (id, log_end) = (log.id, log.print.end);
            let Ok(Some(other)) = self.file_of(index) else {
                continue;
            };
            let other_size = other.metadata()?.len();
            let mut theirs = |at: u64, length: u64| disk::read_at(other, at, length);
            let content = cabinet::read(member, &[], Some(&mut theirs)).map_err(failed)?;
            if content.is_same && content.readable <= other_size {
                if !self.is_original(index, now)? {
                    return self.settle_member(listed, member, is_old, now);
                }
                originals.push((id, log_end));
            }
        }
        if !originals.is_empty() {
            return Ok(Packed::CopyOf(originals));
        }
        // The same log in another cabinet, which is there, too.
        let twins: Vec<(u32, Print)> = self
            .logs
            .iter()
            .filter(|log| {
                let is_whole = matches!(log.container, Container::Cabinet { readable, .. }
                    if readable == first.readable && log.print.end == readable);
                is_whole && log.has_file() && log.print.begins(&first.head)
            })
            .map(|log| (log.id, log.print))
            .collect();
        if !twins.is_empty() {
            let prints: Vec<Print> = twins.iter().map(|(_, print)| *print).collect();
            let content = cabinet::read(member, &prints, None).map_err(failed)?;
            let same: Vec<(u32, u64)> = twins
                .iter()
                .zip(&content.has)
                .filter(|(_, has)| **has)
                .map(|((id, print), _)| (*id, print.end))
                .collect();
            if !same.is_empty() {
                return Ok(Packed::CopyOf(same));
            }
        }
        let mut print = Print::default();
        print.note_head(&first.head);
        self.add(listed, container(&first), member, member.bytes, print, now);
        Ok(Packed::Log)
    }

    /// Begins to follow a file that is nothing that is known, if it is a log.
    pub(crate) fn adopt(&mut self, listed: &Listed, head: Vec<u8>, now: Duration) {
        let detection = parse::detect(&name_of(&listed.path), &head);
        let Some(source) = detection.source else {
            // It may become one as it grows.
            self.set_role(listed, Role::Other);
            return;
        };
        let log = LogFile {
            path: listed.path.clone(),
            real: listed.path.clone(),
            member: None,
            bytes: listed.size,
            source,
            encoding: detection.encoding,
            format: detection.format,
        };
        if is_copied(&log) {
            self.set_role(listed, Role::Other);
            return;
        }
        if detection.encoding == TextEncoding::Evtx {
            self.add_event_log(listed, &log, now);
            return;
        }
        let mut print = Print::default();
        // Zeros at its end may be replaced.
        let used = body::without_zeros(detection.encoding, &head);
        print.note_head(head.get(..used).unwrap_or_default());
        self.add(listed, Container::Plain, &log, listed.size, print, now);
        let seen = || -> io::Result<Option<(u64, Hash)>> {
            let file = disk::open(&listed.path)?;
            if disk::key(&file)? != listed.key {
                return Ok(None);
            }
            let size = file.metadata()?.len();
            Ok(Some((size, before(&file, size)?)))
        };
        if let Some(log) = self.logs.last_mut() {
            log.seen = seen().unwrap_or_default();
        }
    }

    pub(crate) fn add(
        &mut self,
        listed: &Listed,
        container: Container,
        log: &LogFile,
        size: u64,
        print: Print,
        now: Duration,
    ) {
        let id = self.next_id;
        self.next_id += 1;
        self.logs.push(Log {
            id,
            path: listed.path.clone(),
            key: Some(listed.key),
            container,
            source: log.source,
            encoding: log.encoding,
            format: log.format,
            first_record: None,
            forked: false,
            offset: 0,
            print,
            size,
            seen: None,
            zeros: None,
            done: false,
            gap: None,
            gaps_before: 0,
            earlier: Vec::new(),
            now: Now {
                grown_at: now,
                waiting_since: Some(now),
                ..Now::default()
            },
        });
        self.is_dirty = true;
        self.set_role(listed, Role::Log(Duration::ZERO));
    }
}

/// Text that people exported is no log that grows.
fn is_copied(log: &LogFile) -> bool {
    log.format.is_copied()
}

/// What a member of a cabinet is.
enum Packed {
    /// A log lies in it.
    Log,
    CopyOf(Vec<(u32, u64)>),
    /// It cannot be read to its end, but may be later.
    Wait,
}
