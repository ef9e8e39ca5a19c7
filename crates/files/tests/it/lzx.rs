//! Cabinets that no crate writes: compressed with LZX, and with the bytes that a signer reserves.

use std::collections::HashMap;

/// Decoded bytes of a block.
const BLOCK: usize = 32 * 1024;

/// LZX with a window of 32 KiB.
const LZX_15: u16 = 3 | 15 << 8;

/// What a cabinet of one folder is made of.
struct Parts {
    compression: u16,
    /// Offset in the folder, size and name.
    members: Vec<(u32, u32, Vec<u8>)>,
    /// Packed bytes and decoded size.
    blocks: Vec<(Vec<u8>, u16)>,
}

/// Bytes reserved in the header, the folder and each block; a signature stands behind where there are any.
#[derive(Clone, Copy, Default)]
struct Reserve {
    header: u16,
    folder: u8,
    block: u8,
}

/// A cabinet of one folder, compressed with LZX.
pub(crate) fn cabinet(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut data = Vec::new();
    let mut parts = Parts {
        compression: LZX_15,
        members: Vec::new(),
        blocks: Vec::new(),
    };
    for (name, bytes) in members {
        let place = (as_u32(data.len()), as_u32(bytes.len()));
        parts
            .members
            .push((place.0, place.1, name.as_bytes().to_vec()));
        data.extend_from_slice(bytes);
    }
    let mut encoder = Encoder::default();
    for start in (0..data.len()).step_by(BLOCK) {
        let end = data.len().min(start + BLOCK);
        let packed = encoder.block(&data, start, end);
        let size = u16::try_from(end - start).unwrap();
        parts.blocks.push((packed, size));
    }
    write(&parts, Reserve::default())
}

/// The same cabinet as a signer leaves it.
pub(crate) fn with_reserve(plain: &[u8], header: u16, folder: u8, block: u8) -> Vec<u8> {
    let reserve = Reserve {
        header,
        folder,
        block,
    };
    write(&read(plain), reserve)
}

/// The same cabinet with other checksums; 0 says that there is none.
pub(crate) fn with_checksums(plain: &[u8], checksum: u32) -> Vec<u8> {
    let mut changed = plain.to_vec();
    let mut at = first_block(plain);
    for _ in 0..u16_at(plain, 40) {
        changed[at..at + 4].copy_from_slice(&checksum.to_le_bytes());
        at += 8 + usize::from(u16_at(plain, at + 4));
    }
    changed
}

fn as_u32(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from(u16_at(bytes, at)) | u32::from(u16_at(bytes, at + 2)) << 16
}

fn first_block(plain: &[u8]) -> usize {
    u32_at(plain, 36) as usize
}

/// Takes a cabinet of one folder without reserved bytes apart.
fn read(plain: &[u8]) -> Parts {
    let mut parts = Parts {
        compression: u16_at(plain, 42),
        members: Vec::new(),
        blocks: Vec::new(),
    };
    let mut at = u32_at(plain, 16) as usize;
    for _ in 0..u16_at(plain, 28) {
        let name: Vec<u8> = plain[at + 16..]
            .iter()
            .copied()
            .take_while(|byte| *byte != 0)
            .collect();
        let (size, offset) = (u32_at(plain, at), u32_at(plain, at + 4));
        at += 16 + name.len() + 1;
        parts.members.push((offset, size, name));
    }
    at = first_block(plain);
    for _ in 0..u16_at(plain, 40) {
        let packed = usize::from(u16_at(plain, at + 4));
        let bytes = plain[at + 8..at + 8 + packed].to_vec();
        parts.blocks.push((bytes, u16_at(plain, at + 6)));
        at += 8 + packed;
    }
    parts
}

fn write(parts: &Parts, reserve: Reserve) -> Vec<u8> {
    let is_signed = reserve.header > 0;
    let reserved = if is_signed {
        4 + usize::from(reserve.header)
    } else {
        0
    };
    let members_at = 36 + reserved + 8 + usize::from(reserve.folder);
    let members_size: usize = parts
        .members
        .iter()
        .map(|(_, _, name)| 17 + name.len())
        .sum();
    let mut out = b"MSCF\0\0\0\0".to_vec();
    out.extend([0; 8]);
    out.extend(as_u32(members_at).to_le_bytes());
    out.extend([0, 0, 0, 0, 3, 1, 1, 0]);
    out.extend(u16::try_from(parts.members.len()).unwrap().to_le_bytes());
    out.extend([if is_signed { 4 } else { 0 }, 0, 0x34, 0x12, 0, 0]);
    if is_signed {
        out.extend(reserve.header.to_le_bytes());
        out.extend([reserve.folder, reserve.block]);
        out.extend(vec![0xA5; usize::from(reserve.header)]);
    }
    out.extend(as_u32(members_at + members_size).to_le_bytes());
    out.extend(u16::try_from(parts.blocks.len()).unwrap().to_le_bytes());
    out.extend(parts.compression.to_le_bytes());
    out.extend(vec![0xA6; usize::from(reserve.folder)]);
    for (offset, size, name) in &parts.members {
        out.extend(size.to_le_bytes());
        out.extend(offset.to_le_bytes());
        out.extend([0, 0, 0x21, 0x53, 0x0d, 0xb2, 0x20, 0]);
        out.extend(name);
        out.push(0);
    }
    for (packed, unpacked) in &parts.blocks {
        let mut header = u16::try_from(packed.len()).unwrap().to_le_bytes().to_vec();
        header.extend(unpacked.to_le_bytes());
        header.extend(vec![0xA7; usize::from(reserve.block)]);
        out.extend((checksum(packed) ^ checksum(&header)).to_le_bytes());
        out.extend(header);
        out.extend(packed);
    }
    let size = as_u32(out.len()).to_le_bytes();
    out[8..12].copy_from_slice(&size);
    if is_signed {
        out.extend(b"made-up signature".repeat(50));
    }
    out
}

/// As the format's description has it: words from the front, the last one to three bytes as a number read from the left.
fn checksum(bytes: &[u8]) -> u32 {
    let mut sum = 0;
    let mut chunks = bytes.chunks_exact(4);
    for word in &mut chunks {
        sum ^= u32_at(word, 0);
    }
    sum ^ match *chunks.remainder() {
        [a] => u32::from(a),
        [a, b] => u32::from(a) << 8 | u32::from(b),
        [a, b, c] => u32::from(a) << 16 | u32::from(b) << 8 | u32::from(c),
        _ => 0,
    }
}

/// LZX as [MS-PATCH] describes it: one verbatim block per frame, fixed code lengths, the nearest match of four bytes.
#[derive(Default)]
struct Encoder {
    bits: Vec<bool>,
    is_begun: bool,
    /// Where four bytes stood last.
    seen: HashMap<[u8; 4], usize>,
}

/// 256 literals, and 8 lengths for each of the 30 position slots of a window of 32 KiB.
fn main_lengths() -> Vec<usize> {
    let mut lengths = vec![9; 256 + 240];
    lengths[256..272].fill(8);
    lengths
}

fn length_lengths() -> Vec<usize> {
    let mut lengths = vec![8; 249];
    lengths[..7].fill(7);
    lengths
}

/// Canonical codes: by length, then by number.
fn codes(lengths: &[usize]) -> Vec<usize> {
    let mut codes = vec![0; lengths.len()];
    let mut next = 0;
    for length in 1..=16 {
        for (code, _) in codes
            .iter_mut()
            .zip(lengths)
            .filter(|(_, of)| **of == length)
        {
            *code = next;
            next += 1;
        }
        next <<= 1;
    }
    codes
}

/// Extra bits and base of each slot.
fn slots() -> Vec<(usize, usize)> {
    let mut base = 0;
    (0..30)
        .map(|slot: usize| {
            let extra = if slot < 4 { 0 } else { slot / 2 - 1 };
            let this = (extra, base);
            base += 1 << extra;
            this
        })
        .collect()
}

impl Encoder {
    fn put(&mut self, value: usize, count: usize) {
        for bit in (0..count).rev() {
            self.bits.push(value >> bit & 1 == 1);
        }
    }

    /// Lengths as differences to those of the block before, all of which are one of two values.
    fn put_lengths(&mut self, lengths: &[usize]) {
        let before = |length: usize| if self.is_begun { length } else { 0 };
        let differences: Vec<usize> = lengths
            .iter()
            .map(|length| (before(*length) + 17 - length) % 17)
            .collect();
        let mut used = differences.clone();
        used.sort_unstable();
        used.dedup();
        if used.len() < 2 {
            used.push((used[0] + 1) % 17);
            used.sort_unstable();
        }
        assert_eq!(used.len(), 2);
        for symbol in 0..20 {
            self.put(usize::from(used.contains(&symbol)), 4);
        }
        for difference in differences {
            self.put(usize::from(difference == used[1]), 1);
        }
    }

    fn block(&mut self, data: &[u8], start: usize, end: usize) -> Vec<u8> {
        self.bits.clear();
        if !self.is_begun {
            // No translation of x86 calls.
            self.put(0, 1);
        }
        self.put(1, 3);
        self.put(end - start, 24);
        let (main, lengths) = (main_lengths(), length_lengths());
        self.put_lengths(&main[..256]);
        self.put_lengths(&main[256..]);
        self.put_lengths(&lengths);
        self.is_begun = true;
        let (main_codes, length_codes, slots) = (codes(&main), codes(&lengths), slots());
        let mut at = start;
        while at < end {
            let found = self.found(data, at, end);
            let (length, offset) = found.unwrap_or((1, 0));
            if found.is_none() {
                let symbol = usize::from(data[at]);
                self.put(main_codes[symbol], main[symbol]);
            } else {
                let formatted = offset + 2;
                let slot = slots
                    .iter()
                    .rposition(|(_, base)| *base <= formatted)
                    .unwrap();
                let (extra, base) = slots[slot];
                let symbol = 256 + slot * 8 + (length - 2).min(7);
                self.put(main_codes[symbol], main[symbol]);
                if length >= 9 {
                    self.put(length_codes[length - 9], lengths[length - 9]);
                }
                self.put(formatted - base, extra);
            }
            for place in at..at + length {
                if let Some(key) = data.get(place..place + 4) {
                    self.seen.insert(key.try_into().unwrap(), place);
                }
            }
            at += length;
        }
        while !self.bits.len().is_multiple_of(16) {
            self.bits.push(false);
        }
        let words = self.bits.chunks(16).map(|word| {
            let fold = |word: u16, bit: &bool| word << 1 | u16::from(*bit);
            word.iter().fold(0, fold)
        });
        words.flat_map(u16::to_le_bytes).collect()
    }

    /// Length and distance of the nearest match; none goes over the end of a frame.
    fn found(&self, data: &[u8], at: usize, end: usize) -> Option<(usize, usize)> {
        let key: [u8; 4] = data.get(at..at + 4)?.try_into().unwrap();
        let from = *self.seen.get(&key)?;
        let length = (0..(end - at).min(257))
            .take_while(|step| data[from + step] == data[at + step])
            .count();
        (length >= 4 && at - from <= BLOCK - 3).then_some((length, at - from))
    }
}
