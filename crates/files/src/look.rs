//! What one reading of a log tells: what it is known by, whose it says it is, and which times it holds.

use crate::chunks::FileChunks;
use crate::find::{FileError, LogFile};
use event::upload::{CHUNK_MAX, FileDigest};
use event::{LoggedAt, Month};

/// More turns of names than this say no more than these do: the machines are mixed.
const SIGHTINGS_MAX: usize = 64;

/// A log, read once from its first byte to its end or to its damage.
#[derive(Debug, Default)]
pub struct Look {
    /// Of all its bytes; none where it could not be read to its end.
    pub digest: Option<FileDigest>,
    /// The sender's half of the stream's identity; none where nothing could be read.
    pub first_record: Option<u64>,
    /// Bytes read.
    pub bytes: u64,
    /// Which machines its events name, in the order of the log; text logs name none.
    pub sightings: Vec<Sighting>,
    /// First and last time that its records carry.
    pub span: Option<(LoggedAt, LoggedAt)>,
    /// What ended it before its end.
    pub damage: Option<FileError>,
}

/// A name that a machine had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// As the events have it.
    pub host: String,
    /// First and last time under which it stands.
    pub span: (LoggedAt, LoggedAt),
}

impl LogFile {
    /// Reads it all. Of times and names, those of the first and the last record of each piece of 256 KiB count, as in the store.
    pub fn look(&self) -> Look {
        let mut look = Look::default();
        let mut chunks = match FileChunks::open(self, CHUNK_MAX) {
            Ok(chunks) => chunks.with_digest(),
            Err(error) => {
                look.damage = Some(error);
                return look;
            }
        };
        for cut in chunks.by_ref() {
            match cut {
                Ok(cut) => look.add(&cut.piece.text, self),
                Err(error) => look.damage = Some(error),
            }
        }
        look.first_record = chunks.first_record();
        look.bytes = chunks.bytes();
        look.digest = chunks.digest().filter(|_| look.damage.is_none());
        look
    }
}

impl Look {
    fn add(&mut self, text: &str, log: &LogFile) {
        let mut records = parse::records(text, log.format).filter(|record| record.has_head());
        let first = records.next();
        let last = records.last();
        for record in first.into_iter().chain(last) {
            // Times that no clock showed say nothing.
            let at = record.logged().filter(|at| at.month() != Month::FAR_OFF);
            let Some(at) = at else { continue };
            self.span = Some(wider(self.span, (at, at)));
            if let Some(event) = record.event().filter(|event| !event.host.is_empty()) {
                self.see(&event.host, at);
            }
        }
    }

    fn see(&mut self, host: &str, at: LoggedAt) {
        let is_full = self.sightings.len() >= SIGHTINGS_MAX;
        match self.sightings.last_mut() {
            Some(last) if last.host == host => last.span = wider(Some(last.span), (at, at)),
            _ if is_full => {}
            _ => self.sightings.push(Sighting {
                host: host.to_owned(),
                span: (at, at),
            }),
        }
    }
}

fn wider(known: Option<(LoggedAt, LoggedAt)>, other: (LoggedAt, LoggedAt)) -> (LoggedAt, LoggedAt) {
    let (from, to) = known.unwrap_or(other);
    (from.min(other.0), to.max(other.1))
}
