//! Copies of a log, which hold nothing else for now.

use crate::Log;
use crate::disk;
use crate::log::Container;
use crate::next::is_same;
use crate::place::Place;
use crate::print::FileKey;
use std::fs::File;
use std::io;
use std::time::Duration;

/// Bytes that are compared at once.
const COMPARE_BYTES: u64 = 64 * 1024;

/// … and in one look, which others wait for.
const COMPARE_MAX: u64 = 64 << 20;

impl Place {
    /// Whether a file holds no more than the file of a log that begins alike, and that is the same; nothing where it is not known yet.
    pub(crate) fn is_like(
        &mut self,
        index: usize,
        key: FileKey,
        file: &File,
        size: u64,
    ) -> io::Result<Option<bool>> {
        let Some(log) = self.logs.get(index) else {
            return Ok(Some(false));
        };
        let id = log.id;
        if let Container::Cabinet { readable, .. } = log.container {
            // Its bytes are not at hand; that it is acknowledged and ends alike has to do.
            let is_like = log.print.end >= readable && size <= readable;
            return Ok(Some(is_like && is_same(&log.print, file, size)?));
        }
        let known = self.files.get(&key);
        let compared = known.and_then(|known| known.compared.get(&id)).copied();
        let Some(other) = self.file_of(index)? else {
            return Ok(Some(false));
        };
        if size > other.metadata()?.len() {
            return Ok(Some(false));
        }
        // The end of what was compared is compared again.
        let mut at = compared
            .unwrap_or(0)
            .min(size)
            .saturating_sub(COMPARE_BYTES);
        let end = size.min(at + COMPARE_MAX);
        while at < end {
            let length = COMPARE_BYTES.min(end - at);
            if disk::read_at(file, at, length)? != disk::read_at(other, at, length)? {
                return Ok(Some(false));
            }
            at += length;
        }
        if let Some(known) = self.files.get_mut(&key) {
            known.compared.insert(id, end);
        }
        Ok((end == size).then_some(true))
    }

    /// Whether a file that another one was compared with held its log's content until now. It may have been cut since the look began: then the log
    /// is lost, and the other one may be where it goes on.
    pub(crate) fn is_original(&mut self, index: usize, now: Duration) -> io::Result<bool> {
        let is_plain = |log: &Log| log.container == Container::Plain;
        if !self.logs.get(index).is_some_and(is_plain) {
            return Ok(true);
        }
        let is_still = self.is_still(index)?;
        match is_still {
            true => self.note_growth(index, now),
            false => self.lose(index, now),
        }
        Ok(is_still)
    }
}
