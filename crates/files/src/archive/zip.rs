//! Zip archives: the directory by the crate `zip`, the members by a reader of our own that holds nothing but its place.
//!
//! The crate's own reader borrows the archive, so it could not be handed out, and it sets no limit to what a member decodes to.

use super::{
    Inner, Limits, Listed, Listing, Member, State, Sum, TOO_DENSE, TOO_LOOSE, TOO_MANY, cut_off,
    damaged, head_of,
};
use ::zip::result::ZipError;
use ::zip::{CompressionMethod, ZipArchive};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::borrow::Cow;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom, Take};
use std::rc::Rc;

/// Bytes read to understand a directory: four times what 10,000 members with long names need. It bounds the memory that a directory of
/// millions of entries would take.
const DIRECTORY_BYTES: u64 = 8 << 20;

const ENCRYPTED: &str =
    "encrypted: unpack the archive with its password, then scan or send its folder";
const METHOD: &str = "compressed by a method that is not read here (stored and deflate are); unpack the archive and scan its folder";
pub(super) const SYMLINK: &str = "symbolic link inside an archive: never followed";
const SAME_NAMES: &str = "several members have the same name: only the last of them is read";
pub(super) const REASONS: [&str; 4] = [ENCRYPTED, METHOD, SYMLINK, SAME_NAMES];

/// Where a member's data stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    start: u64,
    packed: u64,
    crc: u32,
    is_deflated: bool,
}

pub(super) fn list(archive: File, bytes: u64, limits: &Limits) -> io::Result<Listing> {
    let left = Rc::new(Cell::new(DIRECTORY_BYTES));
    let budget = Budget {
        file: archive.try_clone()?,
        left: Rc::clone(&left),
    };
    let mut directory = ZipArchive::new(BufReader::new(budget)).map_err(error_of)?;
    // The local headers, whose number is known now.
    left.set(u64::MAX);

    let mut listing = Listing::default();
    if directory.has_duplicate_names() {
        listing.skipped = Some(SAME_NAMES);
    }
    if directory.len() > limits.members {
        listing.skipped = Some(TOO_MANY);
    }
    let mut sum = Sum::new(limits, bytes);
    let listed = (0..directory.len().min(limits.members))
        .filter_map(|index| listed(&mut directory, index, limits, &mut sum));
    listing.members = listed.collect();
    for listed in &mut listing.members {
        if let State::Readable {
            member: Member(Inner::Zip(entry)),
            head,
            error,
        } = &mut listed.state
        {
            match ZipReader::new(archive.try_clone()?, entry, listed.bytes) {
                Ok(mut reader) => (*head, *error) = head_of(&mut reader),
                Err(source) => *error = Some(source),
            }
        }
    }
    Ok(listing)
}

fn error_of(error: ZipError) -> io::Error {
    match error {
        ZipError::Io(error) => error,
        // The directory stands at the end, so this is how a download that broke off looks.
        error => io::Error::new(
            io::ErrorKind::InvalidData,
            format!("{error}\nhint: the archive is damaged or cut off; get it again"),
        ),
    }
}

/// What the directory says of a member; nothing for a folder.
fn listed(
    directory: &mut ZipArchive<BufReader<Budget>>,
    index: usize,
    limits: &Limits,
    sum: &mut Sum<'_>,
) -> Option<Listed> {
    let entry = directory.by_index_data(index).ok()?;
    if entry.is_dir() {
        return None;
    }
    let name = entry
        .name()
        .map_or_else(|_| lossy(entry.name_raw()), Cow::into_owned);
    let (bytes, packed, crc) = (entry.size(), entry.compressed_size(), entry.crc32());
    let compression = entry.compression();
    let reason = if entry.is_symlink() {
        Some(SYMLINK)
    } else if entry.encrypted() {
        Some(ENCRYPTED)
    } else if !matches!(
        compression,
        CompressionMethod::Stored | CompressionMethod::Deflated
    ) {
        Some(METHOD)
    } else if limits.is_too_dense(packed, bytes) {
        Some(TOO_DENSE)
    } else if limits.is_too_loose(packed, bytes) {
        Some(TOO_LOOSE)
    } else {
        sum.add(bytes).err()
    };
    let state = match reason {
        Some(reason) => State::Skipped(reason),
        None => match directory.by_index_raw(index).map(|file| file.data_start()) {
            Ok(Some(start)) => State::Readable {
                member: Member(Inner::Zip(Entry {
                    start,
                    packed,
                    crc,
                    is_deflated: compression == CompressionMethod::Deflated,
                })),
                head: Vec::new(),
                error: None,
            },
            Ok(None) => State::Failed(damaged("its data have no place in the archive")),
            Err(error) => State::Failed(error_of(error)),
        },
    };
    Some(Listed { name, bytes, state })
}

fn lossy(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

/// A file of which only so much may be read.
struct Budget {
    file: File,
    left: Rc<Cell<u64>>,
}

impl Read for Budget {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        match self.left.get().checked_sub(read as u64) {
            Some(left) => self.left.set(left),
            None => {
                return Err(damaged(
                    "its directory is larger than that of any honest archive",
                ));
            }
        }
        Ok(read)
    }
}

impl Seek for Budget {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

/// Reads one member, exactly as long as the directory says, and checks it at its end.
pub(crate) struct ZipReader {
    data: Data,
    left: u64,
    expected: u32,
    crc: Crc,
    is_checked: bool,
}

enum Data {
    Stored(Take<File>),
    Deflated(DeflateDecoder<BufReader<Take<File>>>),
}

impl ZipReader {
    pub(super) fn new(mut archive: File, entry: &Entry, bytes: u64) -> io::Result<Self> {
        archive.seek(SeekFrom::Start(entry.start))?;
        let packed = archive.take(entry.packed);
        Ok(Self {
            data: if entry.is_deflated {
                Data::Deflated(DeflateDecoder::new(BufReader::new(packed)))
            } else {
                Data::Stored(packed)
            },
            left: bytes,
            expected: entry.crc,
            crc: Crc::new(),
            is_checked: false,
        })
    }

    fn read_data(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.data {
            Data::Stored(reader) => reader.read(buffer),
            Data::Deflated(reader) => reader.read(buffer),
        }
    }

    fn check(&mut self) -> io::Result<()> {
        if self.is_checked {
            return Ok(());
        }
        self.is_checked = true;
        if self.read_data(&mut [0])? > 0 {
            return Err(damaged("it is longer than the archive's directory says"));
        }
        if self.crc.sum() != self.expected {
            return Err(damaged("its checksum is wrong: the archive is damaged"));
        }
        Ok(())
    }
}

impl Read for ZipReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 {
            self.check()?;
            return Ok(0);
        }
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let buffer = buffer.get_mut(..most).unwrap_or_default();
        let read = self.read_data(buffer)?;
        if read == 0 && most > 0 {
            return Err(cut_off("it ends before the archive's directory says"));
        }
        self.crc.update(buffer.get(..read).unwrap_or_default());
        self.left -= read as u64;
        Ok(read)
    }
}
