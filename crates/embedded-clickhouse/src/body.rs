//! A request's body as the query thread reads it: bytes from the connection, decompressed.

// Bodies of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use hyper::body::Bytes;
use lz4_flex::frame::FrameDecoder;
use tokio::sync::mpsc;

use crate::exception::Exception;

/// What arrives from the connection. A body is whole only if `End` was seen: a channel that
/// closes without it means that the client went away.
pub(crate) enum Piece {
    Data(Bytes),
    End,
    Failed(String),
}

/// How a body is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    /// `decompress=1`: ClickHouse's own blocks, each with a checksum.
    Blocks,
    /// `Content-Encoding: lz4`
    Lz4,
    /// `Content-Encoding: gzip`
    Gzip,
}

/// What the decoders hand on at once: large enough that the engine's copy is not chopped up.
const BUFFER_BYTES: usize = 256 * 1024;

/// The decoded body; reading blocks until the connection has delivered.
pub(crate) fn decoded(pieces: mpsc::Receiver<Piece>, encoding: Encoding) -> Box<dyn BufRead> {
    let raw = RawBody {
        pieces,
        current: Bytes::new(),
        ended: false,
    };
    match encoding {
        Encoding::Plain => Box::new(raw),
        Encoding::Blocks => Box::new(Blocks {
            raw,
            block: Vec::new(),
            at: 0,
        }),
        Encoding::Lz4 => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            Lz4Frames {
                decoder: FrameDecoder::new(raw),
            },
        )),
        Encoding::Gzip => Box::new(BufReader::with_capacity(
            BUFFER_BYTES,
            MultiGzDecoder::new(raw),
        )),
    }
}

struct RawBody {
    pieces: mpsc::Receiver<Piece>,
    current: Bytes,
    ended: bool,
}

impl BufRead for RawBody {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.current.is_empty() && !self.ended {
            match self.pieces.blocking_recv() {
                Some(Piece::Data(bytes)) => self.current = bytes,
                Some(Piece::End) => self.ended = true,
                Some(Piece::Failed(reason)) => return Err(io::Error::other(reason)),
                None => {
                    return Err(io::Error::new(
                        io::ErrorKind::ConnectionAborted,
                        "the client went away",
                    ));
                }
            }
        }
        Ok(&self.current)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.current.split_to(amount);
    }
}

impl Read for RawBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        copy_buffered(self, into)
    }
}

/// LZ4 frames one after another; clients may send one per block.
struct Lz4Frames {
    decoder: FrameDecoder<RawBody>,
}

impl Read for Lz4Frames {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.decoder.read(into)?;
            // The decoder says 0 at the end of each frame; the body ends when its bytes do.
            if read > 0 || into.is_empty() || self.decoder.get_mut().fill_buf()?.is_empty() {
                return Ok(read);
            }
        }
    }
}

/// ClickHouse's blocks: checksum (16), method (1), size with these 9 header bytes (4),
/// size of the content (4), content.
struct Blocks {
    raw: RawBody,
    block: Vec<u8>,
    at: usize,
}

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;

/// Clients write blocks of up to 1 MiB (ClickHouse's default) or of their own buffer; a claimed
/// size beyond this would be memory for whoever asks.
const MAX_BLOCK_BYTES: usize = 128 * 1024 * 1024;

impl Blocks {
    fn next_block(&mut self) -> io::Result<()> {
        self.block.clear();
        self.at = 0;
        if self.raw.fill_buf()?.is_empty() {
            return Ok(());
        }
        let (mut stated, mut head) = ([0; CHECKSUM_BYTES], [0; HEADER_BYTES]);
        self.raw.read_exact(&mut stated)?;
        self.raw.read_exact(&mut head)?;
        let [method, p0, p1, p2, p3, c0, c1, c2, c3] = head;
        let packed_bytes = u32::from_le_bytes([p0, p1, p2, p3]) as usize;
        let content_bytes = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
        if packed_bytes < HEADER_BYTES || packed_bytes.max(content_bytes) > MAX_BLOCK_BYTES {
            return Err(io::Error::other(Exception::too_large(format_args!(
                "a compressed block claims {packed_bytes} bytes for {content_bytes}, \
                 at most {MAX_BLOCK_BYTES} are taken"
            ))));
        }
        // The checksum is of the header too.
        let mut packed = vec![0; packed_bytes];
        let Some((header, content)) = packed.split_first_chunk_mut() else {
            return Ok(());
        };
        *header = head;
        self.raw.read_exact(content)?;

        let checksum = cityhash_rs::cityhash_102_128(&packed).rotate_right(64);
        if checksum.to_le_bytes() != stated {
            return Err(io::Error::other(Exception::new(
                40,
                "CHECKSUM_DOESNT_MATCH",
                "checksum of a compressed block does not match: the body is damaged",
            )));
        }
        let content = packed.get(HEADER_BYTES..).unwrap_or_default();
        self.block = match method {
            METHOD_NONE => content.to_vec(),
            METHOD_LZ4 => {
                let damaged = |error| {
                    let message = format_args!("cannot decompress a block: {error}");
                    io::Error::other(Exception::new(271, "CANNOT_DECOMPRESS", message))
                };
                lz4_flex::block::decompress(content, content_bytes).map_err(damaged)?
            }
            method => {
                return Err(io::Error::other(Exception::new(
                    432,
                    "UNKNOWN_CODEC",
                    format_args!("blocks of method 0x{method:02x} are not taken, only LZ4"),
                )));
            }
        };
        Ok(())
    }
}

impl BufRead for Blocks {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at == self.block.len() {
            self.next_block()?;
            if self.block.is_empty() && self.raw.fill_buf()?.is_empty() {
                break;
            }
        }
        Ok(self.block.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for Blocks {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        copy_buffered(self, into)
    }
}

fn copy_buffered(from: &mut impl BufRead, into: &mut [u8]) -> io::Result<usize> {
    let mut buffered = from.fill_buf()?;
    let amount = buffered.read(into)?;
    from.consume(amount);
    Ok(amount)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn read(body: &[u8], encoding: Encoding, piece_bytes: usize) -> io::Result<Vec<u8>> {
        let count = body.len().div_ceil(piece_bytes) + 1;
        let (sender, pieces) = mpsc::channel(count.max(1));
        for piece in body.chunks(piece_bytes) {
            let piece = Piece::Data(Bytes::copy_from_slice(piece));
            assert!(sender.try_send(piece).is_ok());
        }
        assert!(sender.try_send(Piece::End).is_ok());
        let mut text = Vec::new();
        decoded(pieces, encoding).read_to_end(&mut text)?;
        Ok(text)
    }

    fn block(content: &[u8]) -> Vec<u8> {
        let packed = lz4_flex::block::compress(content);
        let mut block = vec![METHOD_LZ4];
        block.extend(((packed.len() + HEADER_BYTES) as u32).to_le_bytes());
        block.extend((content.len() as u32).to_le_bytes());
        block.extend(packed);
        let checksum = cityhash_rs::cityhash_102_128(&block).rotate_right(64);
        [checksum.to_le_bytes().as_slice(), &block].concat()
    }

    #[test]
    fn every_encoding_gives_the_same_bytes_however_it_is_cut() {
        let text = "made-up line 0123456789\n".repeat(200).into_bytes();
        let half = text.len() / 2;
        let lz4 = |part: &[u8]| {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(part).expect("a Vec takes everything");
            encoder.finish().expect("a Vec takes everything")
        };
        let gzip = |part: &[u8]| {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Default::default());
            encoder.write_all(part).expect("a Vec takes everything");
            encoder.finish().expect("a Vec takes everything")
        };
        let two =
            |pack: &dyn Fn(&[u8]) -> Vec<u8>| [pack(&text[..half]), pack(&text[half..])].concat();
        for piece_bytes in [1, 7, 100, 100_000] {
            let check = |body: &[u8], encoding| {
                let read = read(body, encoding, piece_bytes).expect("a sound body");
                assert_eq!(read, text, "{encoding:?} in pieces of {piece_bytes}");
            };
            check(&text, Encoding::Plain);
            check(&two(&|part| block(part)), Encoding::Blocks);
            check(&two(&lz4), Encoding::Lz4);
            check(&two(&gzip), Encoding::Gzip);
        }
    }

    #[test]
    fn a_damaged_block_is_refused() {
        let mut body = block(b"made-up content");
        let last = body.len() - 1;
        body[last] ^= 1;
        let error = read(&body, Encoding::Blocks, 10).expect_err("a flipped bit");
        assert_eq!(Exception::from(error).code, 40);
    }

    #[test]
    fn a_cut_body_is_refused() {
        let whole = block(b"made-up content");
        for cut in 1..whole.len() {
            assert!(
                read(&whole[..cut], Encoding::Blocks, 10).is_err(),
                "cut at {cut}"
            );
        }
        let (sender, pieces) = mpsc::channel(1);
        drop(sender);
        let mut text = Vec::new();
        let read = decoded(pieces, Encoding::Plain).read_to_end(&mut text);
        assert!(read.is_err(), "a channel that closes is no end");
    }

    #[test]
    fn a_block_that_claims_too_much_is_refused_before_it_is_allocated() {
        let mut body = block(b"x");
        body[21..25].copy_from_slice(&u32::MAX.to_le_bytes());
        let error = read(&body, Encoding::Blocks, 10).expect_err("4 GiB");
        assert_eq!(Exception::from(error).code, 307);
    }
}
