//! The next bytes of a log, whole records of them, surely of the content that is meant.

use crate::body::{self, Body, Cut, How};
use crate::cabinet::{self, Reading};
use crate::disk;
use crate::log::{Container, Gap};
use crate::place::Place;
use crate::points::Stopped;
use crate::print::{Hash, PREFIX_BYTES, Print, TAIL_BYTES};
use crate::settle::{Role, before, name_of};
use crate::zeros::{Zeros, look_behind};
use event::{GapReason, TextEncoding};
use std::fs::File;
use std::io;
use std::time::Duration;

/// Zeros within a text that are looked behind, and more of which at its end are no content.
const ZEROS: usize = 4 * 1024;

/// The most of a log's end that is kept where its file is closed: a line that is not complete. A longer one keeps its file open for a minute.
const REST_MAX: usize = 64 * 1024;

/// The end of a log that is not sent, because its last line is not complete, as it was when the file was closed.
pub(crate) struct Rest {
    /// Of the log.
    pub(crate) size: u64,
    from: u64,
    bytes: Vec<u8>,
    head: Vec<u8>,
}

impl Place {
    pub(crate) fn next_plain(
        &mut self,
        index: usize,
        now: Duration,
    ) -> Result<Option<Body>, Stopped> {
        self.points.at("next: before the file is opened")?;
        let size = match self.file_of(index).and_then(|file| {
            let metadata = file.map(File::metadata).transpose()?;
            Ok(metadata.map(|metadata| metadata.len()))
        }) {
            Ok(Some(size)) => size,
            Ok(None) => return self.next_of_rest(index),
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
        let least = if log.zeros.is_some() {
            log.print.end
        } else {
            log.size
        };
        if size < least {
            // Another content: the next look says so.
            self.doubt(index);
            return Ok(None);
        }
        if log.now.looked_at.replace(size) != Some(size) && size != log.size {
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
        let id = log.id;
        let wanted = size - log.offset;
        let known = self.rests.get(&id).map(|rest| rest.size);
        if known == Some(size) && !is_closed {
            return Ok(None);
        }
        if known.is_some() {
            self.rests.remove(&id);
        }
        if wanted < options.body_bytes as u64
            && quiet < options.open_after
            && now - waiting_since < options.open_at_last
        {
            return Ok(None);
        }
        let from = log.offset.saturating_sub(TAIL_BYTES);
        let length = wanted.min(options.body_bytes as u64) + (log.offset - from);
        let read = self.read_plain(index, from, length)?;
        let (bytes, checked) = match read {
            Ok(Some(read)) => read,
            Ok(None) => return Ok(None),
            Err(error) => {
                let path = self.logs.get(index).map(|log| log.path.clone());
                self.problem(&path.unwrap_or_default(), &error);
                return Ok(None);
            }
        };
        if let Some(log) = self.logs.get_mut(index) {
            // Only now it is known to be this content's.
            log.now.zeros = checked.zeros;
            if checked.seen.0 >= log.size {
                (log.size, log.seen) = (checked.seen.0, Some(checked.seen));
            }
        }
        let at_end = from + bytes.len() as u64 >= size || checked.zeros.is_some();
        let read = Read {
            from,
            bytes,
            head: checked.head,
            is_end: at_end,
            is_final: is_closed && from + length >= size,
            is_left: is_final && from + length >= size,
            keep_zeros: !at_end,
        };
        let is_quiet = options.lets_go_after.is_some_and(|after| quiet >= after);
        let rest = (is_quiet && !is_detached && !is_closed)
            .then(|| self.rest_of(index, &read, size))
            .flatten();
        let body = self.body_of(index, read)?;
        if body.is_none()
            && let Some(rest) = rest
        {
            self.rests.insert(id, rest);
        }
        if let Some(log) = self.logs.get_mut(index)
            && body.is_none()
            && is_final
            // There may be text behind zeros that were not looked through yet.
            && log.now.zeros.is_none_or(|zeros| zeros.to >= size)
        {
            // What is left is no content, or too little to be a log.
            log.now.ended = true;
        }
        Ok(body)
    }

    /// The end of a log, if it is read to it and small.
    fn rest_of(&self, index: usize, read: &Read, size: u64) -> Option<Rest> {
        let log = self.logs.get(index)?;
        let is_end = read.from + read.bytes.len() as u64 == size && size == log.size;
        let is_small = read.bytes.len() <= REST_MAX && self.rests.len() < self.options.handles_max;
        let is_rest = is_end && is_small && log.zeros.is_none() && read.has_tail(&log.print);
        is_rest.then(|| Rest {
            size,
            from: read.from,
            bytes: read.bytes.clone(),
            head: read.head.clone(),
        })
    }

    /// What was kept of a log that was closed: its file is gone, so nothing follows it any more.
    fn next_of_rest(&mut self, index: usize) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get(index) else {
            return Ok(None);
        };
        let id = log.id;
        let rest = match self.rests.get(&id) {
            Some(rest) if !log.has_file() => rest,
            _ => return Ok(None),
        };
        let read = Read {
            from: rest.from,
            bytes: rest.bytes.clone(),
            head: rest.head.clone(),
            is_end: true,
            is_final: true,
            is_left: true,
            keep_zeros: false,
        };
        let body = self.body_of(index, read)?;
        if body.is_none() {
            self.rests.remove(&id);
        }
        Ok(body)
    }

    /// Reads bytes, and only then asks whether they are of the content that is meant: what was replaced before or meanwhile shows.
    fn read_plain(
        &mut self,
        index: usize,
        from: u64,
        length: u64,
    ) -> Result<io::Result<Plain>, Stopped> {
        self.points.at("next: before the body is read")?;
        let (print, known) = match self.logs.get(index) {
            Some(log) => (log.print, log.now.zeros),
            None => return Ok(Ok(None)),
        };
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
        let check = |file: &File| -> io::Result<Option<Checked>> {
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
            let zeros = match zeros >= ZEROS {
                true => look_behind(file, end, known)?,
                false => None,
            };
            Ok(Some(Checked {
                head,
                zeros,
                seen: (size, before(file, size)?),
            }))
        };
        let checked = match self.file_of(index) {
            Ok(Some(file)) => check(file),
            Ok(None) => return Ok(Ok(None)),
            Err(error) => Err(error),
        };
        Ok(match checked {
            Ok(Some(checked)) => Ok(Some((bytes, checked))),
            Ok(None) => {
                self.doubt(index);
                Ok(None)
            }
            Err(error) => Err(error),
        })
    }

    pub(crate) fn next_of_cabinet(&mut self, index: usize) -> Result<Option<Body>, Stopped> {
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
            // It would be kept open for nobody.
            self.reading.take_if(|reading| reading.log == log.id);
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
                self.doubt(index);
                return Ok(None);
            }
            Err(error) => {
                self.reading = None;
                self.doubt(index);
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
            is_left: true,
            keep_zeros: true,
        };
        if is_end {
            self.reading = None;
        }
        self.body_of(index, read)
    }

    /// The content is another one, or cannot be had: the next look compares it, whatever its stamp. Of a file that is gone nothing is left then.
    fn doubt(&mut self, index: usize) {
        let Some(log) = self.logs.get(index) else {
            return;
        };
        match log.key {
            Some(key) => {
                if let Some(known) = self.files.get_mut(&key) {
                    known.role = Role::New;
                }
            }
            None => {
                self.handles.remove(&log.id);
            }
        }
    }

    /// Cuts what was read.
    fn body_of(&mut self, index: usize, read: Read) -> Result<Option<Body>, Stopped> {
        let Some(log) = self.logs.get_mut(index) else {
            return Ok(None);
        };
        if !read.has_tail(&log.print) {
            self.doubt(index);
            self.reading = None;
            return Ok(None);
        }
        let skip = usize::try_from(log.offset - read.from).unwrap_or(usize::MAX);
        let bytes = read.bytes.get(skip..).unwrap_or_default();
        let used = match read.keep_zeros {
            true => bytes,
            false => {
                let used = body::without_zeros(log.encoding, bytes);
                let zeros = bytes.len() - used;
                let is_wide = matches!(log.encoding, TextEncoding::Utf16le | TextEncoding::Utf16be);
                // Space that was made beforehand is filled at any time. What a crash leaves, or half a unit of UTF-16, is none.
                let is_content =
                    read.is_left && zeros < ZEROS || read.is_final && is_wide && zeros == 1;
                let used = if is_content { bytes.len() } else { used };
                // Of UTF-16 one may be half of a unit.
                let is_space = bytes.len() - used > usize::from(is_wide);
                let zeros = is_space.then_some((log.offset + used as u64, log.size));
                self.is_dirty |= log.zeros != zeros;
                log.zeros = zeros;
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
            head: head
                .get(..head.len().min(head_length))
                .unwrap_or_default()
                .to_vec(),
            tail,
            end_before: log.print.end,
        };
        if is_new {
            body.first_record = self.name_stream(index, first_record)?;
        }
        self.save_before(index, end)?;
        Ok(Some(body))
    }
}

/// Bytes with what was seen of them; none where the file is not the content that is meant.
type Plain = Option<(Vec<u8>, Checked)>;

/// What a file shows behind bytes that were read from it, and that are its log's.
struct Checked {
    /// How it begins.
    head: Vec<u8>,
    /// Nothing but zeros follows, as far as was looked.
    zeros: Option<Zeros>,
    /// Its size, and what stands before it.
    seen: (u64, Hash),
}

/// Bytes of a log, with some of those before them.
struct Read {
    from: u64,
    bytes: Vec<u8>,
    head: Vec<u8>,
    /// The log ends with them.
    is_end: bool,
    /// … and nothing was written to it for long.
    is_final: bool,
    /// … and nobody can write to it by its name any more.
    is_left: bool,
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
        print.end == 0 || tail.is_some_and(|tail| Hash::of(tail) == print.tail)
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
    Ok(print.end == 0 || Hash::of(&tail) == print.tail)
}
