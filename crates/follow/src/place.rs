//! One place: the logs of one machine, wherever they go.

use crate::body::{self, Body, Cut, How};
use crate::cabinet::{self, Reading};
use crate::disk;
use crate::log::{Container, Gap, GapReason};
use crate::points::{Points, Stopped};
use crate::print::{FileKey, PREFIX_BYTES, Print, TAIL_BYTES};
use crate::settle::{Known, name_of};
use crate::{CheckpointError, Checkpoints, Log};
use event::TextEncoding;
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use xxhash_rust::xxh3::Xxh3;

/// How a place is followed.
#[derive(Clone, Debug)]
pub struct PlaceOptions {
    /// Folders, of which every regular file is looked at, and files.
    pub paths: Vec<PathBuf>,
    /// Where the checkpoint lies, without the ending.
    pub checkpoint: PathBuf,
    /// Largest body, at least [`PlaceOptions::BODY_MIN`].
    pub body_bytes: usize,
    /// So long the end of a log must be quiet before its last record goes out as open: it costs a second sending of that record.
    pub open_after: Duration,
    /// So long a log that never is quiet may hold its end back.
    pub open_at_last: Duration,
    /// So long a line may stay incomplete before it goes out as it is.
    pub closed_after: Duration,
    /// So long an old file is read on after it went away from its place.
    pub ended_after: Duration,
    /// So long a log may be nowhere before what is unread of it counts as lost.
    pub gone_after: Duration,
    /// Files that are kept open; beyond it a log that is removed between two looks is found in its cabinet only.
    pub handles_max: usize,
}

impl PlaceOptions {
    /// Smallest bound on a body: a record and what is needed to see its end.
    pub const BODY_MIN: usize = 2 * parse::MAX_RECORD_BYTES;

    /// The usual way.
    pub fn new(paths: Vec<PathBuf>, checkpoint: PathBuf) -> Self {
        Self {
            paths,
            checkpoint,
            body_bytes: 1 << 20,
            open_after: Duration::from_millis(300),
            open_at_last: Duration::from_secs(1),
            closed_after: Duration::from_secs(60),
            ended_after: Duration::from_secs(1),
            gone_after: Duration::from_secs(60),
            handles_max: 64,
        }
    }
}

/// A file or folder that cannot be read, or a log that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Which.
    pub path: PathBuf,
    /// What, for people.
    pub what: String,
}

/// CBS compresses no log that is larger; it then fills the disk, and the folder TEMP with attempts.
const LARGE: u64 = 2 << 30;

/// Logs that are gone and done, and remembered in case that their content turns up again.
const REMEMBERED_MAX: usize = 200;

/// Zeros within a text that are looked behind.
const ZEROS: usize = 4 * 1024;

/// Follows the logs of one machine. One thread at a time.
pub struct Place {
    pub(crate) options: PlaceOptions,
    checkpoints: Checkpoints,
    pub(crate) points: Points,
    pub(crate) logs: Vec<Log>,
    pub(crate) next_id: u32,
    pub(crate) files: HashMap<FileKey, Known>,
    pub(crate) handles: HashMap<u32, File>,
    pub(crate) reading: Option<Reading>,
    pub(crate) problems: BTreeMap<PathBuf, String>,
    pub(crate) is_dirty: bool,
    /// Where the next search for something to send begins.
    turn: usize,
}

impl Place {
    /// Takes up where the last process ended; the text is what was wrong with its checkpoint.
    pub fn open(options: PlaceOptions, points: Points) -> (Self, Option<String>) {
        let mut checkpoints = Checkpoints::new(&options.checkpoint);
        let loaded = checkpoints.load();
        let place = Self {
            options,
            checkpoints,
            points,
            logs: loaded.logs,
            next_id: loaded.next_id,
            files: HashMap::new(),
            handles: HashMap::new(),
            reading: None,
            problems: BTreeMap::new(),
            is_dirty: false,
            turn: 0,
        };
        (place, loaded.trouble)
    }

    /// Every log that is known, those too that are done.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// What is wrong now.
    pub fn problems(&self) -> impl Iterator<Item = Problem> + '_ {
        let large = self.logs.iter().filter(|log| {
            log.has_file() && log.container == Container::Plain && log.size > LARGE
        });
        self.problems
            .iter()
            .map(|(path, what)| Problem {
                path: path.clone(),
                what: what.clone(),
            })
            .chain(large.map(|log| Problem {
                path: log.path.clone(),
                what: "larger than 2 GiB: Windows never compresses it, and fills the disk".to_owned(),
            }))
    }

    /// Whether something waits to be sent, or may soon.
    pub fn is_waiting(&self) -> bool {
        self.logs.iter().any(|log| {
            !log.done && (log.now.waiting_since.is_some() || self.handles.contains_key(&log.id) && !log.has_file())
        })
    }

    /// What is to be sent next, if anything: at most one body until it is acknowledged or given up.
    pub fn next(&mut self, now: Duration) -> Result<Option<Body>, Stopped> {
        let count = self.logs.len();
        // What grows goes before what is compressed, which is there tomorrow, too. Of cabinets one after the other: each is read in its order.
        for is_packed in [false, true] {
            for step in 0..count {
                let index = if is_packed { step } else { (self.turn + step) % count };
                let is_cabinet = |log: &Log| matches!(log.container, Container::Cabinet { .. });
                if self.logs.get(index).is_some_and(is_cabinet) != is_packed {
                    continue;
                }
                if let Some(body) = self.next_of(index, now)? {
                    self.turn = index;
                    return Ok(Some(body));
                }
            }
        }
        Ok(None)
    }

    /// Notes that a body is acknowledged.
    pub fn acknowledge(&mut self, body: &Body) {
        let Some(log) = self.logs.iter_mut().find(|log| log.id == body.log) else {
            return;
        };
        if log.print.end != body.end_before {
            return;
        }
        log.offset = body.resume;
        log.print.note_head(&body.head);
        log.print.note_tail(body.end(), &body.tail);
        log.now.waiting_since = None;
        if let Container::EventLog { record } = &mut log.container {
            *record = body.record;
        }
        self.is_dirty = true;
        // The log that was served gives way to the others.
        self.turn += 1;
    }

    /// Writes the checkpoint where something is new.
    pub fn save(&mut self) -> Result<(), CheckpointError> {
        if self.is_dirty {
            self.checkpoints
                .save(self.logs.iter(), self.next_id, &mut self.points)?;
            self.is_dirty = false;
        }
        Ok(())
    }

    /// What each file is taken for, for a test that failed.
    pub fn roles(&self) -> String {
        format!("{:?} {:?}", self.files, self.problems)
    }

    /// Other points from now on.
    pub fn set_points(&mut self, points: Points) {
        self.points = points;
    }

    pub(crate) fn problem(&mut self, path: &Path, what: &dyn std::fmt::Display) {
        self.problems.insert(path.to_owned(), what.to_string());
    }

    fn next_of(&mut self, index: usize, now: Duration) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get(index) else {
            return Ok(None);
        };
        if log.done {
            return Ok(None);
        }
        match log.container {
            Container::Plain => self.next_plain(index, now),
            Container::Cabinet { .. } => self.next_of_cabinet(index),
            Container::EventLog { .. } => self.next_events(index, now),
        }
    }

    /// The open file of a log, surely its own.
    pub(crate) fn file_of(&mut self, index: usize) -> io::Result<Option<&File>> {
        let Some(log) = self.logs.get(index) else {
            return Ok(None);
        };
        let id = log.id;
        if !self.handles.contains_key(&id) {
            let Some(key) = log.key else { return Ok(None) };
            let file = match disk::open(&log.path) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
                file => file?,
            };
            // Renamed since it was listed: the next look finds it.
            if disk::key(&file)? != key {
                return Ok(None);
            }
            self.make_room();
            self.handles.insert(id, file);
        }
        Ok(self.handles.get(&id))
    }

    /// Closes a file that can be opened again by its path.
    fn make_room(&mut self) {
        if self.handles.len() < self.options.handles_max.max(1) {
            return;
        }
        let oldest = self
            .logs
            .iter()
            .filter(|log| log.has_file() && self.handles.contains_key(&log.id))
            .min_by_key(|log| (!log.done, log.now.grown_at))
            .map(|log| log.id);
        if let Some(id) = oldest {
            self.handles.remove(&id);
        }
    }

    fn next_plain(&mut self, index: usize, now: Duration) -> Result<Option<Body>, Stopped> {
        self.points.at("next: before the file is opened")?;
        let size = match self.file_of(index).and_then(|file| {
            let metadata = file.map(File::metadata).transpose()?;
            Ok(metadata.map(|metadata| metadata.len()))
        }) {
            Ok(Some(size)) => size,
            Ok(None) => return Ok(None),
            Err(error) => {
                let path = self.logs.get(index).map(|log| log.path.clone());
                self.problem(&path.unwrap_or_default(), &error);
                return Ok(None);
            }
        };
        let options = self.options.clone();
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        let least = if log.now.has_zeros { log.print.end } else { log.size };
        if size < least {
            // Another content: the next look says so.
            self.files.clear();
            return Ok(None);
        }
        if size != log.size {
            log.size = size;
            log.now.grown_at = now;
            log.now.ended_at = None;
        }
        let is_detached = !log.has_file();
        if size == log.print.end {
            if is_detached {
                let ended_at = *log.now.ended_at.get_or_insert(now);
                log.now.ended = now - ended_at >= options.ended_after;
            }
            return Ok(None);
        }
        let waiting_since = *log.now.waiting_since.get_or_insert(now);
        let quiet = now - log.now.grown_at;
        let is_final = is_detached && {
            let ended_at = *log.now.ended_at.get_or_insert(now);
            now - ended_at >= options.ended_after
        };
        let is_closed = is_final || quiet >= options.closed_after;
        let wanted = size - log.offset;
        if wanted < options.body_bytes as u64
            && quiet < options.open_after
            && now - waiting_since < options.open_at_last
        {
            return Ok(None);
        }
        let from = log.offset.saturating_sub(TAIL_BYTES);
        let length = wanted.min(options.body_bytes as u64) + (log.offset - from);
        let read = self.read_plain(index, from, length)?;
        let (bytes, head, is_zero_behind) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(error) => {
                let path = self.logs.get(index).map(|log| log.path.clone());
                self.problem(&path.unwrap_or_default(), &error);
                return Ok(None);
            }
        };
        let at_end = from + bytes.len() as u64 >= size || is_zero_behind;
        let read = Read {
            from,
            bytes,
            head,
            is_end: at_end,
            is_final: is_closed && from + length >= size,
            keep_zeros: is_final || (!at_end),
        };
        self.body_of(index, read)
    }

    /// Reads bytes, and only then asks whether they are of the content that is meant: what was replaced before or meanwhile shows.
    #[expect(clippy::type_complexity, reason = "bytes, the log's head, and whether only zeros follow")]
    fn read_plain(
        &mut self,
        index: usize,
        from: u64,
        length: u64,
    ) -> Result<io::Result<Option<(Vec<u8>, Vec<u8>, bool)>>, Stopped> {
        self.points.at("next: before the body is read")?;
        let print = self.logs.get(index).map(|log| log.print).unwrap_or_default();
        let read = |file: &File| disk::read_at(file, from, length);
        let bytes = match self.file_of(index) {
            Ok(Some(file)) => read(file),
            Ok(None) => return Ok(Ok(None)),
            Err(error) => Err(error),
        };
        let bytes = match bytes {
            Ok(bytes) => bytes,
            Err(error) => return Ok(Err(error)),
        };
        self.points.at("next: after the body is read")?;
        let check = |file: &File| -> io::Result<Option<(Vec<u8>, bool)>> {
            let size = file.metadata()?.len();
            let head = disk::read_at(file, 0, PREFIX_BYTES)?;
            if !is_same(&print, file, size)? {
                return Ok(None);
            }
            // A run that was replaced while it was read ends in other bytes now.
            let end = from + bytes.len() as u64;
            let behind = end.saturating_sub(TAIL_BYTES).max(from);
            let place = usize::try_from(behind - from).unwrap_or(usize::MAX);
            if bytes.get(place..) != Some(&*disk::read_at(file, behind, end - behind)?) {
                return Ok(None);
            }
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            let is_zero_behind = zeros >= ZEROS && is_zero(file, end)?;
            Ok(Some((head, is_zero_behind)))
        };
        let checked = match self.file_of(index) {
            Ok(Some(file)) => check(file),
            Ok(None) => return Ok(Ok(None)),
            Err(error) => Err(error),
        };
        Ok(match checked {
            Ok(Some((head, is_zero_behind))) => Ok(Some((bytes, head, is_zero_behind))),
            Ok(None) => {
                self.files.clear();
                Ok(None)
            }
            Err(error) => Err(error),
        })
    }

    fn next_of_cabinet(&mut self, index: usize) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        let Container::Cabinet {
            member, readable, ..
        } = &log.container
        else {
            return Ok(None);
        };
        if log.key.is_none() {
            return Ok(None);
        }
        if log.print.end >= *readable {
            if *readable < log.size {
                log.gap = Some(Gap {
                    from: *readable,
                    to: log.size,
                    reason: GapReason::Damaged,
                });
            }
            log.done = true;
            log.now.waiting_since = None;
            self.is_dirty = true;
            return Ok(None);
        }
        let (id, path, member, readable) = (log.id, log.path.clone(), member.clone(), *readable);
        let from = log.offset.saturating_sub(TAIL_BYTES);
        let length = (readable - from).min(self.options.body_bytes as u64);
        let is_there = self
            .reading
            .as_ref()
            .is_some_and(|reading| reading.log == id && reading.can_reach(from));
        self.points.at("next: before the cabinet is read")?;
        let mut read = || -> io::Result<Option<Vec<u8>>> {
            if !is_there {
                let members = cabinet::members(&path)?;
                let found = members
                    .iter()
                    .find(|log| cabinet::member_name(&path, log) == member);
                let Some(found) = found else { return Ok(None) };
                self.reading = Some(Reading::new(id, found).map_err(|error| error.source)?);
            }
            let Some(reading) = &mut self.reading else {
                return Ok(None);
            };
            reading.read_at(from, length).map(Some)
        };
        let bytes = match read() {
            // What follows is damaged, and said to be so; up to there it was read before.
            Ok(Some(bytes)) if bytes.len() as u64 == length => bytes,
            Ok(_) => {
                self.reading = None;
                self.files.clear();
                return Ok(None);
            }
            Err(error) => {
                self.reading = None;
                self.files.clear();
                self.problem(&path, &error);
                return Ok(None);
            }
        };
        self.points.at("next: after the cabinet is read")?;
        let is_end = from + length >= readable;
        let read = Read {
            from,
            bytes,
            head: Vec::new(),
            is_end,
            is_final: true,
            keep_zeros: true,
        };
        if is_end {
            self.reading = None;
        }
        self.body_of(index, read)
    }

    /// Cuts what was read.
    fn body_of(&mut self, index: usize, read: Read) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        if !read.has_tail(&log.print) {
            self.files.clear();
            self.reading = None;
            return Ok(None);
        }
        let skip = usize::try_from(log.offset - read.from).unwrap_or(usize::MAX);
        let bytes = read.bytes.get(skip..).unwrap_or_default();
        let used = match read.keep_zeros {
            true => bytes,
            false => {
                let used = body::without_zeros(log.encoding, bytes);
                log.now.has_zeros = used < bytes.len();
                bytes.get(..used).unwrap_or_default()
            }
        };
        if log.encoding == TextEncoding::Utf8 && std::str::from_utf8(used).is_err() {
            // Its first lines may have had nothing but ASCII.
            if parse::detect(&name_of(&log.path), used).encoding == TextEncoding::Gb18030 {
                log.encoding = TextEncoding::Gb18030;
            }
        }
        if log.first_record.is_none() {
            // It was judged by its very first bytes, when it may have had half a line.
            let detection = parse::detect(&name_of(&log.path), used);
            if let Some(source) = detection.source
                && !detection.format.is_copied()
            {
                log.source = source;
                log.format = detection.format;
                log.encoding = detection.encoding;
            }
        }
        let how = How {
            encoding: log.encoding,
            format: log.format,
            offset: log.offset,
        };
        let cut: Cut = match read.is_end {
            true => body::cut_end(how, used, read.is_final),
            false => body::cut_middle(how, used),
        };
        let sent = used.get(..cut.length).unwrap_or_default();
        let end = log.offset + cut.length as u64;
        if end <= log.print.end {
            return Ok(None);
        }
        let (first_record, is_new) = match log.first_record {
            Some(first_record) => (first_record, false),
            None => match body::first_record(how, sent, read.is_final) {
                Some(hash) => (hash, true),
                None => return Ok(None),
            },
        };
        let tail_from = end.saturating_sub(TAIL_BYTES).max(read.from);
        let place = |offset: u64| usize::try_from(offset - read.from).unwrap_or(usize::MAX);
        let tail = read
            .bytes
            .get(place(tail_from)..place(end))
            .unwrap_or_default()
            .to_vec();
        let head_length = usize::try_from(end).unwrap_or(usize::MAX);
        let head = match read.head.is_empty() && read.from == 0 {
            true => &read.bytes,
            false => &read.head,
        };
        let mut body = Body {
            log: log.id,
            source: log.source,
            first_record,
            offset: log.offset,
            open: cut.open,
            encoding: log.encoding,
            format: log.format,
            path: log.path.clone(),
            bytes: sent.to_vec(),
            resume: log.offset + cut.resume as u64,
            record: 0,
            head: head.get(..head.len().min(head_length)).unwrap_or_default().to_vec(),
            tail,
            end_before: log.print.end,
        };
        if is_new {
            body.first_record = self.name_stream(index, first_record)?;
        }
        Ok(Some(body))
    }

    /// Gives a log the name of its stream: that of its first line, unless another log of this place has it.
    ///
    /// The name is on the disk before the first byte goes out, or after a crash another log might take it.
    pub(crate) fn name_stream(&mut self, index: usize, base: u64) -> Result<u64, Stopped> {
        let Some(log) = self.logs.get(index) else {
            return Ok(base);
        };
        let (id, source, key) = (log.id, log.source, log.key);
        let is_taken = |name: u64| {
            self.logs.iter().any(|other| {
                other.id != id && other.source == source && other.first_record == Some(name)
            })
        };
        let (mut name, mut round) = (base, 0_u64);
        while is_taken(name) {
            let mut hash = Xxh3::new();
            let key = key.unwrap_or(FileKey {
                volume: 0,
                index: u64::from(id),
            });
            for part in [base, key.volume, key.index, round] {
                hash.update(&part.to_le_bytes());
            }
            (name, round) = (hash.digest(), round + 1);
        }
        if let Some(log) = self.logs.get_mut(index) {
            log.first_record = Some(name);
            log.forked = name != base;
        }
        self.is_dirty = true;
        match self.save() {
            Err(CheckpointError::Stopped(stopped)) => return Err(stopped),
            Err(CheckpointError::Io { path, source }) => self.problem(&path, &source),
            Ok(()) => {}
        }
        Ok(name)
    }

    /// Forgets logs that are gone and done, the oldest first.
    pub(crate) fn forget(&mut self) {
        let is_over = |log: &Log| log.done && !log.has_file();
        let over = self.logs.iter().filter(|log| is_over(log)).count();
        let mut surplus = over.saturating_sub(REMEMBERED_MAX);
        if surplus > 0 {
            self.logs.retain(|log| {
                let is_forgotten = surplus > 0 && is_over(log);
                surplus -= usize::from(is_forgotten);
                !is_forgotten
            });
            self.is_dirty = true;
        }
    }
}

/// Bytes of a log, with some of those before them.
struct Read {
    from: u64,
    bytes: Vec<u8>,
    head: Vec<u8>,
    /// The log ends with them.
    is_end: bool,
    /// … and nobody writes to it any more.
    is_final: bool,
    /// Zeros at their end are content.
    keep_zeros: bool,
}

impl Read {
    /// Whether they are of the content that was acknowledged.
    fn has_tail(&self, print: &Print) -> bool {
        let from = print.end - print.tail_length();
        let place = |offset: u64| {
            offset
                .checked_sub(self.from)
                .and_then(|place| usize::try_from(place).ok())
        };
        let tail = match (place(from), place(print.end)) {
            (Some(from), Some(to)) => self.bytes.get(from..to),
            _ => None,
        };
        print.end == 0
            || tail.is_some_and(|tail| crate::print::Hash::of(tail) == print.tail)
    }
}

/// Whether a file holds the content that a print is of, and all of it that was acknowledged.
pub(crate) fn is_same(print: &Print, file: &File, size: u64) -> io::Result<bool> {
    if size < print.end || size < print.prefix_length {
        return Ok(false);
    }
    if !print.is_empty() && !print.begins(&disk::read_at(file, 0, print.prefix_length)?) {
        return Ok(false);
    }
    let length = print.tail_length();
    let tail = disk::read_at(file, print.end - length, length)?;
    Ok(print.end == 0 || crate::print::Hash::of(&tail) == print.tail)
}

/// Whether nothing but zeros stands behind a place.
fn is_zero(file: &File, from: u64) -> io::Result<bool> {
    let mut at = from;
    loop {
        let bytes = disk::read_at(file, at, 64 * 1024)?;
        if bytes.is_empty() {
            return Ok(true);
        }
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
        at += bytes.len() as u64;
    }
}
