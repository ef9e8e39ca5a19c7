//! A cabinet's header, folders and members.

use super::CabReader;
use super::decode::{Compression, Folder};
use crate::archive::{
    Inner, Limits, Listed, Listing, Member, State, Sum, TOO_DENSE, TOO_LOOSE, TOO_MANY, TOO_MUCH,
    cut_off, damaged, head_of,
};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Longest name, by the format.
const NAME_MAX: u64 = 256;

const FLAG_PREVIOUS: u16 = 1;
const FLAG_NEXT: u16 = 2;
const FLAG_RESERVE: u16 = 4;

/// From here on a member's folder number says that it began in, or goes on in, another cabinet.
const FIRST_CONTINUED: u16 = 0xFFFD;

const CONTINUED: &str =
    "part of it is in another cabinet of a set; expand the set and scan the folder";
const QUANTUM: &str = "compressed with Quantum, which is not read here (MSZIP and LZX are); expand the cabinet and scan the folder";
const OVERLAPPING: &str =
    "its data overlap those of other members: the cabinet is damaged or crafted";
pub(in crate::archive) const REASONS: [&str; 3] = [CONTINUED, QUANTUM, OVERLAPPING];

/// Where a member's data stand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::archive) struct Entry {
    pub(in crate::archive) folder: Folder,
    /// In the folder's decoded bytes.
    pub(in crate::archive) offset: u64,
}

/// A member as the directory has it.
pub(super) struct Raw {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) offset: u64,
    pub(super) folder: u16,
}

pub(super) struct Directory {
    pub(super) folders: Vec<io::Result<Folder>>,
    pub(super) members: Vec<Raw>,
    is_cut: bool,
    /// The directory ended early.
    pub(super) failed: Option<io::Error>,
}

pub(in crate::archive) fn list(archive: File, bytes: u64, limits: &Limits) -> io::Result<Listing> {
    let mut reader = BufReader::new(archive.try_clone()?);
    let directory = read_directory(&mut reader, limits)?;
    let mut sizes = Sizes {
        reader,
        archive_bytes: bytes,
        walked: 0,
        unpacked: 0,
        known: directory.folders.iter().map(|_| None).collect(),
    };
    let mut sum = Sum::new(limits, bytes);
    let mut listing = Listing {
        skipped: directory.is_cut.then_some(TOO_MANY),
        failed: directory.failed,
        ..Listing::default()
    };
    for raw in directory.members {
        let state = if raw.folder >= FIRST_CONTINUED {
            State::Skipped(CONTINUED)
        } else {
            match directory.folders.get(usize::from(raw.folder)) {
                Some(Ok(folder)) => match sizes.check(raw.folder, folder, limits) {
                    Ok(()) => match sum.add(raw.bytes) {
                        Ok(()) => State::Readable {
                            member: Member(Inner::Cab(Entry {
                                folder: *folder,
                                offset: raw.offset,
                            })),
                            head: Vec::new(),
                            error: None,
                        },
                        Err(reason) => State::Skipped(reason),
                    },
                    Err(reason) => State::Skipped(reason),
                },
                Some(Err(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    State::Skipped(QUANTUM)
                }
                Some(Err(error)) => State::Failed(io::Error::new(error.kind(), error.to_string())),
                None => State::Failed(damaged("it names a folder that the cabinet does not have")),
            }
        };
        listing.members.push(Listed {
            name: raw.name,
            bytes: raw.bytes,
            state,
        });
    }
    drop(sizes);
    read_heads(&archive, &mut listing.members)?;
    bound_rereading(&mut listing.members, limits);
    Ok(listing)
}

/// The bytes that a cabinet's header says it has.
pub(super) fn read_sizes(reader: &mut impl Read) -> io::Result<u64> {
    let mut head = [0; 12];
    reader
        .read_exact(&mut head)
        .map_err(|error| early(error, "its header is cut off"))?;
    let [_, _, _, _, _, _, _, _, size @ ..] = head;
    Ok(u64::from(u32::from_le_bytes(size)))
}

#[expect(
    clippy::indexing_slicing,
    reason = "the places are constants of the format, below the 36 bytes of a header"
)]
pub(super) fn read_directory(
    reader: &mut (impl BufRead + Seek),
    limits: &Limits,
) -> io::Result<Directory> {
    let mut header = [0; 36];
    reader
        .read_exact(&mut header)
        .map_err(|error| early(error, "its header is cut off"))?;
    let u16_at = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
    let first_member = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
    let (folders, members, flags) = (u16_at(26), u16_at(28), u16_at(30));
    let (mut folder_reserve, mut block_reserve) = (0, 0);
    if flags & FLAG_RESERVE != 0 {
        let mut sizes = [0; 4];
        reader.read_exact(&mut sizes)?;
        (folder_reserve, block_reserve) = (sizes[2], sizes[3]);
        reader.seek_relative(i64::from(u16::from_le_bytes([sizes[0], sizes[1]])))?;
    }
    // Names of the neighbours in a set: cabinet and disk.
    for flag in [FLAG_PREVIOUS, FLAG_NEXT] {
        if flags & flag != 0 {
            read_name(reader)?;
            read_name(reader)?;
        }
    }
    let mut read_folders = Vec::new();
    for _ in 0..folders {
        let mut raw = [0; 8];
        reader
            .read_exact(&mut raw)
            .map_err(|error| early(error, "its list of folders is cut off"))?;
        reader.seek_relative(i64::from(folder_reserve))?;
        let compression = Compression::from_bits(u16::from_le_bytes([raw[6], raw[7]]));
        read_folders.push(compression.map(|compression| Folder {
            start: u64::from(u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]])),
            blocks: u16::from_le_bytes([raw[4], raw[5]]),
            compression,
            reserve: block_reserve,
        }));
    }
    reader.seek(SeekFrom::Start(u64::from(first_member)))?;
    let mut directory = Directory {
        folders: read_folders,
        members: Vec::new(),
        is_cut: usize::from(members) > limits.members,
        failed: None,
    };
    for _ in 0..usize::from(members).min(limits.members) {
        match read_member(reader) {
            Ok(member) => directory.members.push(member),
            Err(error) => {
                directory.failed = Some(early(error, "its list of members is cut off"));
                break;
            }
        }
    }
    Ok(directory)
}

#[expect(
    clippy::indexing_slicing,
    reason = "the places are constants of the format, below the 16 bytes of an entry"
)]
fn read_member(reader: &mut impl BufRead) -> io::Result<Raw> {
    let mut raw = [0; 16];
    reader.read_exact(&mut raw)?;
    let u32_at = |at: usize| {
        u64::from(u32::from_le_bytes([
            raw[at],
            raw[at + 1],
            raw[at + 2],
            raw[at + 3],
        ]))
    };
    Ok(Raw {
        name: read_name(reader)?,
        bytes: u32_at(0),
        offset: u32_at(4),
        folder: u16::from_le_bytes([raw[8], raw[9]]),
    })
}

fn read_name(reader: &mut impl BufRead) -> io::Result<String> {
    let mut name = Vec::new();
    reader.take(NAME_MAX).read_until(0, &mut name)?;
    if name.pop() != Some(0) {
        return Err(damaged("a name in its directory has no end"));
    }
    Ok(String::from_utf8_lossy(&name).into_owned())
}

fn early(error: io::Error, what: &'static str) -> io::Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        cut_off(what)
    } else {
        error
    }
}

/// Sizes of folders, which only their blocks know.
struct Sizes {
    reader: BufReader<File>,
    archive_bytes: u64,
    /// Bytes of all folders walked. Honest folders do not overlap, so together they are smaller than the cabinet.
    walked: u64,
    unpacked: u64,
    known: Vec<Option<Result<(), &'static str>>>,
}

impl Sizes {
    /// Says whether a folder may be decoded.
    fn check(&mut self, index: u16, folder: &Folder, limits: &Limits) -> Result<(), &'static str> {
        let index = usize::from(index);
        if let Some(Some(known)) = self.known.get(index) {
            return *known;
        }
        let answer = self.walk(folder, limits);
        if let Some(known) = self.known.get_mut(index) {
            *known = Some(answer);
        }
        answer
    }

    fn walk(&mut self, folder: &Folder, limits: &Limits) -> Result<(), &'static str> {
        let (mut packed, mut unpacked) = (0, 0);
        // Where the file ends early, what there is will be read and the rest said to be missing.
        let mut is_there = self.reader.seek(SeekFrom::Start(folder.start)).is_ok();
        for _ in 0..folder.blocks {
            if !is_there {
                break;
            }
            let mut header = [0; 8];
            is_there = self.reader.read_exact(&mut header).is_ok();
            if is_there {
                let block_packed = u16::from_le_bytes([header[4], header[5]]);
                packed += u64::from(block_packed);
                unpacked += u64::from(u16::from_le_bytes([header[6], header[7]]));
                let rest = i64::from(folder.reserve) + i64::from(block_packed);
                self.walked += 8 + rest.unsigned_abs();
                is_there = self.reader.seek_relative(rest).is_ok();
            }
            // A last block that is cut off counts whole.
            if is_there && self.walked > self.archive_bytes + u64::from(u16::MAX) {
                return Err(OVERLAPPING);
            }
        }
        self.unpacked += unpacked;
        if limits.is_too_dense(packed, unpacked) {
            return Err(TOO_DENSE);
        }
        if limits.is_too_loose(packed, unpacked) {
            return Err(TOO_LOOSE);
        }
        if self.unpacked > limits.bytes {
            return Err(TOO_MUCH);
        }
        Ok(())
    }
}

/// Reads each folder once, stopping at the start of each member.
fn read_heads(archive: &File, members: &mut [Listed]) -> io::Result<()> {
    let mut readable: Vec<(&mut Listed, Entry)> = members
        .iter_mut()
        .filter_map(|listed| match &listed.state {
            State::Readable {
                member: Member(Inner::Cab(entry)),
                ..
            } => Some((entry.clone(), listed)),
            _ => None,
        })
        .map(|(entry, listed)| (listed, entry))
        .collect();
    readable.sort_by_key(|(_, entry)| (entry.folder.start, entry.offset));
    let mut current: Option<(Folder, CabReader)> = None;
    for (listed, entry) in readable {
        let is_same = current
            .as_ref()
            .is_some_and(|(folder, _)| *folder == entry.folder);
        if !is_same {
            let reader = CabReader::new(archive.try_clone()?, entry.folder)?;
            current = Some((entry.folder, reader));
        }
        let Some((_, reader)) = &mut current else {
            continue;
        };
        if reader.position() > entry.offset {
            listed.state = State::Skipped(OVERLAPPING);
            continue;
        }
        reader.aim(entry.offset, listed.bytes);
        let read = head_of(reader);
        if let State::Readable { head, error, .. } = &mut listed.state {
            (*head, *error) = read;
        }
    }
    Ok(())
}

/// A member is read by decoding its folder from the start; many members far inside a folder would make that endless.
fn bound_rereading(members: &mut [Listed], limits: &Limits) {
    let mut sum: u64 = 0;
    for listed in members {
        if let State::Readable {
            member: Member(Inner::Cab(entry)),
            head,
            ..
        } = &listed.state
        {
            // What is no log is not read again.
            if parse::detect(&listed.name, head).source.is_some() {
                sum = sum.saturating_add(entry.offset + listed.bytes);
                if sum > limits.bytes {
                    listed.state = State::Skipped(TOO_MUCH);
                }
            }
        }
    }
}
