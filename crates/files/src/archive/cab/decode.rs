//! A cabinet's folder, decoded block by block.

use crate::archive::{cut_off, damaged};
use flate2::{Decompress, FlushDecompress, Status};
use lzxd::{Lzxd, WindowSize};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Most that a block decodes to, and how far back MSZIP looks; by the format.
const BLOCK_BYTES: usize = 32 * 1024;

/// A run of blocks that are decoded together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::archive) struct Folder {
    /// Offset of the first block in the cabinet.
    pub(super) start: u64,
    pub(super) blocks: u16,
    pub(super) compression: Compression,
    /// Bytes of each block's header that belong to whoever signed it.
    pub(super) reserve: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Stored,
    MsZip,
    Lzx(WindowSize),
}

impl Compression {
    pub(super) fn from_bits(bits: u16) -> io::Result<Self> {
        Ok(match (bits & 0xF, bits >> 8 & 0x1F) {
            (0, _) => Self::Stored,
            (1, _) => Self::MsZip,
            (2, _) => return Err(io::ErrorKind::Unsupported.into()),
            // Cabinets know windows up to 2 MiB; larger ones, which the decoder would take, only serve to take memory.
            (3, 15) => Self::Lzx(WindowSize::KB32),
            (3, 16) => Self::Lzx(WindowSize::KB64),
            (3, 17) => Self::Lzx(WindowSize::KB128),
            (3, 18) => Self::Lzx(WindowSize::KB256),
            (3, 19) => Self::Lzx(WindowSize::KB512),
            (3, 20) => Self::Lzx(WindowSize::MB1),
            (3, 21) => Self::Lzx(WindowSize::MB2),
            _ => return Err(damaged("its folder is compressed in no way that is known")),
        })
    }
}

/// Reads a stretch of a folder. Memory: one block, and what the decoder looks back on.
pub(crate) struct CabReader {
    archive: BufReader<File>,
    folder: Folder,
    decoder: Decoder,
    blocks_read: u16,
    packed: Vec<u8>,
    block: Vec<u8>,
    /// What of `block` was handed out.
    used: usize,
    position: u64,
    /// Start of the stretch, where it is not reached yet.
    target: u64,
    left: u64,
}

enum Decoder {
    Stored,
    MsZip(MsZip),
    Lzx(Box<Lzxd>),
}

impl CabReader {
    /// Stands at the folder's start, with nothing to read: see [`CabReader::aim`].
    pub(in crate::archive) fn new(mut archive: File, folder: Folder) -> io::Result<Self> {
        archive.seek(SeekFrom::Start(folder.start))?;
        Ok(Self {
            archive: BufReader::new(archive),
            folder,
            decoder: match folder.compression {
                Compression::Stored => Decoder::Stored,
                Compression::MsZip => Decoder::MsZip(MsZip::new()),
                Compression::Lzx(window) => Decoder::Lzx(Box::new(Lzxd::new(window))),
            },
            blocks_read: 0,
            packed: Vec::new(),
            block: Vec::new(),
            used: 0,
            position: 0,
            target: 0,
            left: 0,
        })
    }

    /// Decoded bytes of the folder handed out or passed over.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Makes `bytes` bytes from `offset`, which is not behind, what is read next.
    pub(in crate::archive) fn aim(&mut self, offset: u64, bytes: u64) {
        self.target = offset;
        self.left = bytes;
    }

    fn next_block(&mut self) -> io::Result<()> {
        // Also after an error: the decoder's state is no longer that of the folder.
        if self.blocks_read >= self.folder.blocks {
            return Err(cut_off("the cabinet ends inside it"));
        }
        let number = self.blocks_read + 1;
        self.blocks_read = self.folder.blocks;
        self.used = 0;
        self.block.clear();

        let mut header = [0; 8];
        let mut reserved = vec![0; usize::from(self.folder.reserve)];
        let archive = &mut self.archive;
        let is_cut = |error: io::Error| match error.kind() {
            io::ErrorKind::UnexpectedEof => cut_off("the cabinet ends inside it"),
            _ => error,
        };
        archive.read_exact(&mut header).map_err(is_cut)?;
        archive.read_exact(&mut reserved).map_err(is_cut)?;
        let [c0, c1, c2, c3, sizes @ ..] = header;
        let checksum = u32::from_le_bytes([c0, c1, c2, c3]);
        let packed = usize::from(u16::from_le_bytes([sizes[0], sizes[1]]));
        let unpacked = usize::from(u16::from_le_bytes([sizes[2], sizes[3]]));
        self.packed.resize(packed, 0);
        archive.read_exact(&mut self.packed).map_err(is_cut)?;
        // 0 says that none was made.
        if checksum != 0 && checksum != sum(&self.packed) ^ sum(&[&sizes[..], &reserved].concat()) {
            return Err(damaged("a checksum is wrong: the cabinet is damaged"));
        }
        // MSZIP adds 12 bytes to what does not shrink, LZX 6,144; more would be empty blocks inside, which cost time for nothing.
        if unpacked > BLOCK_BYTES || packed > unpacked + 6144 {
            return Err(damaged("a block is larger than the format allows"));
        }
        match &mut self.decoder {
            Decoder::Stored => self.block.extend_from_slice(&self.packed),
            Decoder::MsZip(decoder) => decoder.decode(&self.packed, unpacked, &mut self.block)?,
            Decoder::Lzx(decoder) => {
                // The decoder asserts a few things that hostile bytes can break.
                let decoded = catch_unwind(AssertUnwindSafe(|| {
                    decoder
                        .decompress_next(&self.packed, unpacked)
                        .map(|decoded| self.block.extend_from_slice(decoded))
                }));
                match decoded {
                    Ok(Ok(())) => {}
                    Ok(Err(error)) => {
                        return Err(io::Error::new(io::ErrorKind::InvalidData, error));
                    }
                    Err(_) => return Err(damaged("its LZX data are damaged")),
                }
            }
        }
        if self.block.len() != unpacked {
            self.block.clear();
            return Err(damaged(
                "a block has another size than its header says: the cabinet is damaged",
            ));
        }
        self.blocks_read = number;
        Ok(())
    }
}

impl Read for CabReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        while self.used == self.block.len() || self.position < self.target {
            if self.used == self.block.len() {
                self.next_block()?;
            }
            let ahead = self.block.len() - self.used;
            let skip = usize::try_from(self.target.saturating_sub(self.position))
                .map_or(ahead, |skip| skip.min(ahead));
            self.used += skip;
            self.position += skip as u64;
        }
        let mut ahead = self.block.get(self.used..).unwrap_or_default();
        let count = Read::read(&mut Read::take(&mut ahead, self.left), buffer)?;
        self.used += count;
        self.position += count as u64;
        self.left -= count as u64;
        Ok(count)
    }
}

/// Deflate whose blocks end, and go on looking back into the 32 KiB before them.
struct MsZip {
    inflate: Decompress,
    history: Vec<u8>,
    scratch: Vec<u8>,
}

impl MsZip {
    fn new() -> Self {
        Self {
            inflate: Decompress::new(false),
            history: Vec::new(),
            scratch: Vec::new(),
        }
    }

    fn decode(&mut self, packed: &[u8], unpacked: usize, out: &mut Vec<u8>) -> io::Result<()> {
        let Some(packed) = packed.strip_prefix(b"CK") else {
            return Err(damaged("a block does not begin as MSZIP does"));
        };
        self.inflate.reset(false);
        if let Ok(length @ 1..) = u16::try_from(self.history.len()) {
            // The history goes in as a stored block, since not every backend of flate2 takes a dictionary for raw deflate.
            let [low, high] = length.to_le_bytes();
            let mut stored = vec![0, low, high, !low, !high];
            stored.extend_from_slice(&self.history);
            self.scratch.clear();
            self.scratch.reserve(self.history.len());
            self.inflate
                .decompress_vec(&stored, &mut self.scratch, FlushDecompress::Sync)?;
        }
        // One more than there should be, so that a longer block shows.
        out.reserve_exact(unpacked + 1);
        let status = self
            .inflate
            .decompress_vec(packed, out, FlushDecompress::Finish)?;
        if status != Status::StreamEnd && out.len() != unpacked {
            return Err(damaged("a block's MSZIP data are damaged"));
        }
        self.history.extend_from_slice(out);
        let surplus = self.history.len().saturating_sub(BLOCK_BYTES);
        self.history.drain(..surplus);
        Ok(())
    }
}

/// The format's checksum: 32-bit words by exclusive or, the rest in the other byte order.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    let words = words
        .iter()
        .fold(0, |sum, word| sum ^ u32::from_le_bytes(*word));
    rest.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte)) ^ words
}
