//! Logs inside zip archives and cabinets, one level deep: what is in there, and within which limits it is read.
//!
//! Nothing is ever extracted to a path: names inside are text for people, and a member is read as a stream from the archive itself.

mod cab;
mod zip;

#[cfg(test)]
mod tests;

pub(super) use self::cab::CabReader;
pub use self::cab::{CabinetCheck, check_cabinet};
pub(super) use self::zip::ZipReader;

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a member that is itself an archive is not opened.
pub(super) const NESTED: &str =
    "archive inside an archive: only one level is opened; unpack the outer one and scan its folder";

/// Why members beyond a limit are not read.
const TOO_DENSE: &str =
    "grows more than 100 times when unpacked: that is how decompression bombs are made";
const TOO_DENSE_SUM: &str = "together with those before it grows the archive more than 100 times: that is how decompression bombs are made";
const TOO_MUCH: &str =
    "the archive holds more than is unpacked in one go; unpack it and scan its folder";
const TOO_LOOSE: &str = "it is more than twice as large packed as unpacked: the archive is damaged";
const TOO_MANY: &str = "more than 10000 members: the rest is not looked at";

/// Every reason for which a member is not read.
pub(super) fn reasons() -> impl Iterator<Item = &'static str> {
    [
        NESTED,
        TOO_DENSE,
        TOO_DENSE_SUM,
        TOO_MUCH,
        TOO_LOOSE,
        TOO_MANY,
    ]
    .into_iter()
    .chain(zip::REASONS)
    .chain(cab::REASONS)
}

/// Whether a member is not read because it is a link.
pub(super) fn is_link(reason: &str) -> bool {
    reason == zip::SYMLINK
}

/// How much one archive may make us do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Members looked at. A collector's bundle has hundreds.
    pub(super) members: usize,
    /// Decoded bytes of all members, and decoded bytes read over again because a cabinet has no way into its middle. Eight times the
    /// 2 GiB at which Windows itself gives up compressing a log.
    pub(super) bytes: u64,
    /// Largest growth of a member and of the whole archive. CBS logs grow 10 to 40 times, bombs 1,000 times.
    pub(super) ratio: u64,
    /// What is decoded whatever its growth: a short text of equal lines is no bomb, and costs nothing.
    pub(super) free_bytes: u64,
}

impl Limits {
    pub(super) const DEFAULT: Self = Self {
        members: 10_000,
        bytes: 16 << 30,
        ratio: 100,
        free_bytes: 1 << 20,
    };

    /// Empty blocks cost time for nothing, and what was honestly packed is never twice as large as it was before.
    fn is_too_loose(&self, packed: u64, unpacked: u64) -> bool {
        packed > self.free_bytes && packed / 2 > unpacked
    }

    fn is_too_dense(&self, packed: u64, unpacked: u64) -> bool {
        unpacked > self.free_bytes && unpacked > packed.saturating_mul(self.ratio)
    }
}

/// The kinds of archive that are opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Zip,
    Cab,
}

/// Judges a file by its first bytes.
pub(super) fn kind(head: &[u8]) -> Option<Kind> {
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        Some(Kind::Zip)
    } else if head.starts_with(b"MSCF") {
        Some(Kind::Cab)
    } else {
        None
    }
}

/// Where a log stands in its archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member(Inner);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Inner {
    Zip(zip::Entry),
    Cab(cab::Entry),
}

/// Reads one member, never more than its directory says.
pub(super) enum MemberReader {
    Zip(Box<ZipReader>),
    Cab(Box<CabReader>),
}

impl Member {
    /// Reads the member of `bytes` bytes from the archive.
    pub(super) fn reader(&self, archive: File, bytes: u64) -> io::Result<MemberReader> {
        Ok(match &self.0 {
            Inner::Zip(entry) => {
                MemberReader::Zip(Box::new(ZipReader::new(archive, entry, bytes)?))
            }
            Inner::Cab(entry) => {
                let mut reader = CabReader::new(archive, entry.folder)?;
                reader.aim(entry.offset, bytes);
                MemberReader::Cab(Box::new(reader))
            }
        })
    }
}

impl Read for MemberReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Zip(reader) => reader.read(buffer),
            Self::Cab(reader) => reader.read(buffer),
        }
    }
}

/// What an archive holds, folders left out.
#[derive(Debug, Default)]
pub(super) struct Listing {
    pub(super) members: Vec<Listed>,
    /// What concerns the archive as a whole, and leaves the members named here readable.
    pub(super) skipped: Option<&'static str>,
    /// Damage that hides further members.
    pub(super) failed: Option<io::Error>,
}

#[derive(Debug)]
pub(super) struct Listed {
    /// As it stands in the archive: see [`member_path`].
    pub(super) name: String,
    /// Decoded size, as the directory says.
    pub(super) bytes: u64,
    pub(super) state: State,
}

#[derive(Debug)]
pub(super) enum State {
    /// Its first bytes, and the error that ended them.
    Readable {
        member: Member,
        head: Vec<u8>,
        error: Option<io::Error>,
    },
    Skipped(&'static str),
    Failed(io::Error),
}

/// Lists the members of an archive of `bytes` bytes, and reads as much of each as tells what it is.
pub(super) fn list(kind: Kind, archive: File, bytes: u64, limits: &Limits) -> io::Result<Listing> {
    match kind {
        Kind::Zip => zip::list(archive, bytes, limits),
        Kind::Cab => cab::list(archive, bytes, limits),
    }
}

/// How a person names a member: `bundle.zip!Windows/Logs/CBS/CBS.log`.
pub(super) fn member_path(archive: &Path, name: &str) -> PathBuf {
    let mut path = OsString::from(archive);
    path.push("!");
    path.push(harmless::name(&name.replace('\\', "/")));
    PathBuf::from(path)
}

/// The running sum of what is unpacked of one archive.
struct Sum<'a> {
    limits: &'a Limits,
    archive_bytes: u64,
    unpacked: u64,
}

impl<'a> Sum<'a> {
    fn new(limits: &'a Limits, archive_bytes: u64) -> Self {
        Self {
            limits,
            archive_bytes,
            unpacked: 0,
        }
    }

    /// Takes one more into the sum, or says why not.
    fn add(&mut self, unpacked: u64) -> Result<(), &'static str> {
        let sum = self.unpacked.saturating_add(unpacked);
        if sum > self.limits.bytes {
            return Err(TOO_MUCH);
        }
        if self.limits.is_too_dense(self.archive_bytes, sum) {
            return Err(TOO_DENSE_SUM);
        }
        self.unpacked = sum;
        Ok(())
    }
}

/// The first bytes of a member, and the error that ended them.
fn head_of(reader: &mut impl Read) -> (Vec<u8>, Option<io::Error>) {
    let mut head = Vec::new();
    let error = reader
        .take(parse::HEAD_BYTES as u64)
        .read_to_end(&mut head)
        .err();
    (head, error)
}

fn damaged(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

fn cut_off(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, what)
}
