//! Whether a cabinet is whole: its size, its directory, and the checksum of each block.

use super::decode::{CabReader, Folder, sum};
use super::directory::{read_directory, read_sizes};
use crate::archive::Limits;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

/// Longest text that is read of a member.
const TEXT_MAX: u64 = 64 * 1024;

/// Bytes that are decoded for all texts together: in an update file one may stand behind the update, which has at most 2 GiB, and a file made for
/// it would have thousands there.
const DECODED_MAX: u64 = 4 << 30;

/// What a cabinet comes to, without decoding it.
#[derive(Debug, Default)]
pub struct CabinetCheck {
    /// Blocks that were read.
    pub blocks: u64,
    /// Blocks of which their maker made no checksum.
    pub unsummed: u64,
    /// Texts of members that were asked for.
    pub texts: Vec<String>,
    /// Members that were asked for, and stand behind more than is decoded for them.
    pub unread: Vec<String>,
    /// What is wrong with it.
    pub faults: Vec<String>,
}

/// Looks at a cabinet from its first byte to its last. `is_text` = members whose texts are wanted, as far as they are short.
///
/// Nothing where the file is no cabinet.
pub fn check_cabinet(
    path: &Path,
    is_text: impl Fn(&str) -> bool,
) -> io::Result<Option<CabinetCheck>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    let mut magic = [0; 4];
    if length < 4 {
        return Ok(None);
    }
    file.read_exact(&mut magic)?;
    if &magic != b"MSCF" {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(0))?;
    let mut check = CabinetCheck::default();
    let mut reader = BufReader::new(file.try_clone()?);
    match read_sizes(&mut reader) {
        Ok(bytes) => {
            if bytes > length {
                check.faults.push(format!(
                    "truncated: its header says {bytes} bytes, and {length} are there"
                ));
            }
        }
        Err(error) => {
            check.faults.push(error.to_string());
            return Ok(Some(check));
        }
    }
    reader.seek(SeekFrom::Start(0))?;
    let directory = match read_directory(&mut reader, &Limits::DEFAULT) {
        Ok(directory) => directory,
        Err(error) => {
            check.faults.push(error.to_string());
            return Ok(Some(check));
        }
    };
    if let Some(error) = directory.failed {
        check.faults.push(error.to_string());
    }
    for (index, folder) in directory.folders.iter().enumerate() {
        match folder {
            Ok(folder) => blocks(&mut reader, folder, index, &mut check)?,
            Err(error) => check.faults.push(format!("folder {index}: {error}")),
        }
    }
    let mut decoded_max = DECODED_MAX;
    for raw in directory.members {
        let folder = directory.folders.get(usize::from(raw.folder));
        if let Some(Ok(folder)) = folder
            && is_text(&raw.name)
            && raw.bytes <= TEXT_MAX
        {
            // A folder is decoded from its start.
            let needed = raw.offset.saturating_add(raw.bytes);
            let Some(rest) = decoded_max.checked_sub(needed) else {
                check.unread.push(raw.name);
                continue;
            };
            decoded_max = rest;
            let mut reader = CabReader::new(file.try_clone()?, *folder)?;
            reader.aim(raw.offset, raw.bytes);
            let mut text = Vec::new();
            if reader.read_to_end(&mut text).is_ok() {
                check
                    .texts
                    .push(String::from_utf8_lossy(&text).into_owned());
            }
        }
    }
    Ok(Some(check))
}

/// Reads a folder's blocks; the first that is damaged is said, as those behind it cannot be decoded anyway.
fn blocks(
    reader: &mut BufReader<File>,
    folder: &Folder,
    index: usize,
    check: &mut CabinetCheck,
) -> io::Result<()> {
    reader.seek(SeekFrom::Start(folder.start))?;
    let mut packed = Vec::new();
    for number in 0..folder.blocks {
        let mut read = || -> io::Result<bool> {
            let mut header = [0; 8];
            reader.read_exact(&mut header)?;
            let mut reserved = vec![0; usize::from(folder.reserve)];
            reader.read_exact(&mut reserved)?;
            let [c0, c1, c2, c3, sizes @ ..] = header;
            let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
            packed.resize(usize::from(u16::from_le_bytes([sizes[0], sizes[1]])), 0);
            reader.read_exact(&mut packed)?;
            check.blocks += 1;
            check.unsummed += u64::from(checksum == 0);
            Ok(checksum == 0 || checksum == sum(&packed) ^ sum(&[&sizes[..], &reserved].concat()))
        };
        match read() {
            Ok(true) => {}
            Ok(false) => {
                check.faults.push(format!(
                    "damaged: the checksum of block {number} of folder {index} is wrong"
                ));
                break;
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                check.faults.push(format!(
                    "truncated: it ends in block {number} of folder {index}"
                ));
                break;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
