//! One place: the logs of one machine, wherever they go.

use crate::body::Body;
use crate::cabinet::Reading;
use crate::disk;
use crate::log::Container;
use crate::next::Rest;
use crate::points::{Points, Stopped};
use crate::print::FileKey;
use crate::settle::Known;
use crate::{CheckpointError, Checkpoints, Log};
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
    /// So long after it grew a log is kept open that is sent to its end, or to a line that is not complete, where that is in somebody's way:
    /// before Windows 10 a file that is removed keeps its name and its space until nobody has it open.
    pub lets_go_after: Option<Duration>,
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
            lets_go_after: cfg!(windows).then_some(Duration::from_secs(5)),
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

/// Follows the logs of one machine. One thread at a time.
pub struct Place {
    pub(crate) options: PlaceOptions,
    checkpoints: Checkpoints,
    pub(crate) points: Points,
    pub(crate) logs: Vec<Log>,
    pub(crate) next_id: u32,
    pub(crate) files: HashMap<FileKey, Known>,
    pub(crate) handles: HashMap<u32, File>,
    /// Ends of logs that were closed with them.
    pub(crate) rests: HashMap<u32, Rest>,
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
        let mut place = Self {
            options,
            checkpoints,
            points,
            logs: loaded.logs,
            next_id: loaded.next_id,
            files: HashMap::new(),
            handles: HashMap::new(),
            rests: HashMap::new(),
            reading: None,
            problems: BTreeMap::new(),
            is_dirty: false,
            turn: 0,
        };
        place.note_saved();
        (place, loaded.trouble)
    }

    fn note_saved(&mut self) {
        for log in &mut self.logs {
            log.now.saved_size = log.size;
        }
    }

    /// What goes out was written down as seen: after a death, too, no file that has less of it is taken for the log, and goes on otherwise.
    pub(crate) fn save_before(&mut self, index: usize, end: u64) -> Result<(), Stopped> {
        let is_known = |log: &Log| log.now.saved_size >= end || log.is_event_log();
        if self.logs.get(index).is_none_or(is_known) {
            return Ok(());
        }
        self.is_dirty = true;
        match self.save() {
            Err(CheckpointError::Stopped(stopped)) => Err(stopped),
            // It ships on: `save` says it again.
            Err(CheckpointError::Io { .. }) | Ok(()) => Ok(()),
        }
    }

    /// Every log that is known, those too that are done.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// What is wrong now.
    pub fn problems(&self) -> impl Iterator<Item = Problem> + '_ {
        let large = self
            .logs
            .iter()
            .filter(|log| log.has_file() && log.container == Container::Plain && log.size > LARGE);
        self.problems
            .iter()
            .map(|(path, what)| Problem {
                path: path.clone(),
                what: what.clone(),
            })
            .chain(large.map(|log| Problem {
                path: log.path.clone(),
                what:
                    "larger than 2 GiB: Windows never compresses it, and fills the disk".to_owned(),
            }))
    }

    /// Whether something waits to be sent, or may soon.
    pub fn is_waiting(&self) -> bool {
        self.logs.iter().any(|log| {
            !log.done
                && log.now.held_until == Duration::ZERO
                && (log.now.waiting_since.is_some()
                    || self.handles.contains_key(&log.id) && !log.has_file())
        })
    }

    /// What is to be sent next, if anything: at most one body until it is acknowledged or given up.
    pub fn next(&mut self, now: Duration) -> Result<Option<Body>, Stopped> {
        let count = self.logs.len();
        // What grows goes before what is compressed, which is there tomorrow, too. Of cabinets one after the other: each is read in its order.
        for is_packed in [false, true] {
            for step in 0..count {
                let index = if is_packed {
                    step
                } else {
                    (self.turn + step) % count
                };
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
        self.let_go(now);
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
        log.now.held_until = Duration::ZERO;
        log.now.is_acknowledged = true;
        if let Container::EventLog { record } = &mut log.container {
            *record = body.record;
        }
        self.is_dirty = true;
        // The log that was served gives way to the others.
        self.turn += 1;
    }

    /// Sets the log of a body aside until a moment: the intake refuses that body, and takes those of others. Nothing is lost, it waits in its file.
    pub fn hold(&mut self, body: &Body, until: Duration) {
        if let Some(log) = self.logs.iter_mut().find(|log| log.id == body.log) {
            log.now.held_until = until;
        }
        self.turn += 1;
    }

    /// Follows these paths too. One that is gone stays: it may be a share that is away.
    pub fn add_paths(&mut self, paths: Vec<PathBuf>) {
        self.options.paths.extend(paths);
    }

    /// Lets go of what was set aside: the intake is asked in another way.
    pub fn release(&mut self) {
        for log in &mut self.logs {
            log.now.held_until = Duration::ZERO;
        }
    }

    /// Writes the checkpoint where something is new.
    pub fn save(&mut self) -> Result<(), CheckpointError> {
        if self.is_dirty {
            self.checkpoints
                .save(self.logs.iter(), self.next_id, &mut self.points)?;
            self.is_dirty = false;
            self.note_saved();
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
        if log.done || now < log.now.held_until {
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

    /// Closes the files of logs that have been quiet, and are sent to their end or to what is kept of it: they are opened again when they grow.
    pub(crate) fn let_go(&mut self, now: Duration) {
        let Some(after) = self.options.lets_go_after else {
            return;
        };
        for log in &self.logs {
            let is_kept = || self.rests.get(&log.id).map(|rest| rest.size) == Some(log.size);
            if log.has_file() && now >= log.now.grown_at + after && (log.lag() == 0 || is_kept()) {
                self.handles.remove(&log.id);
            }
        }
    }

    /// Logs whose file is open.
    pub fn open_files(&self) -> usize {
        self.handles.len()
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
