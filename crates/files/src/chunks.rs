//! A file, streamed into runs of whole records.

use crate::find::{FileError, LogFile, LogReader, READ_BYTES};
use event::upload::FileDigest;
use event::{Format, TextEncoding};
use parse::{Cutter, Piece};
use sha2::{Digest, Sha256};
use std::collections::VecDeque;
use std::io::{self, Read, Take};
use std::path::PathBuf;

/// A piece, and its source bytes where [`FileChunks::with_raw`] asked for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Offset, length and decoded text.
    pub piece: Piece,
    /// The bytes as they stand in the source; else empty.
    pub raw: Vec<u8>,
}

/// Yields the pieces of a source from its first byte to the size it had when it was opened.
///
/// Memory: one read, one piece and one record, and of a copied form its start, whatever the size of the source. An error comes after the pieces read before it, and ends it.
/// Any reader will do; [`LogReader`] is that of a log, also of one inside an archive.
pub struct FileChunks<R = LogReader> {
    reader: Take<R>,
    path: PathBuf,
    /// Gone at the end of the source.
    cutter: Option<Cutter>,
    format: Format,
    buffer: Vec<u8>,
    pieces: VecDeque<Piece>,
    /// What ended the source before its end.
    error: Option<io::Error>,
    raw: Option<Vec<u8>>,
    hasher: Option<Sha256>,
    first_record: Option<u64>,
    bytes: u64,
}

impl FileChunks {
    /// Opens a log; `target` is the wished size of a piece in source bytes.
    pub fn open(log: &LogFile, target: usize) -> Result<Self, FileError> {
        // The reader ends by itself; asked once more, it tells of damage that only shows at the end.
        Ok(Self::from_reader(
            log.reader()?,
            u64::MAX,
            log.path.clone(),
            log.encoding,
            log.format,
            target,
        ))
    }
}

impl<R: Read> FileChunks<R> {
    /// Reads at most `bytes` from `reader`; `path` is for messages.
    pub fn from_reader(
        reader: R,
        bytes: u64,
        path: PathBuf,
        encoding: TextEncoding,
        format: Format,
        target: usize,
    ) -> Self {
        Self {
            reader: reader.take(bytes),
            path,
            cutter: Some(Cutter::new(encoding, format, 0, target)),
            format,
            buffer: Vec::new(),
            pieces: VecDeque::new(),
            error: None,
            raw: None,
            hasher: None,
            first_record: None,
            bytes: 0,
        }
    }

    /// Keeps each piece's source bytes too.
    #[must_use]
    pub fn with_raw(mut self) -> Self {
        self.raw = Some(Vec::new());
        self
    }

    /// Hashes the bytes as they are read.
    #[must_use]
    pub fn with_digest(mut self) -> Self {
        self.hasher = Some(Sha256::new());
        self
    }

    /// The sender's half of the stream's identity; known with the first piece.
    pub fn first_record(&self) -> Option<u64> {
        self.first_record
    }

    /// Bytes read so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Hash of all bytes read, where [`FileChunks::with_digest`] asked for it; of the whole source once the last piece is out.
    pub fn digest(&self) -> Option<FileDigest> {
        self.hasher
            .clone()
            .map(|hasher| FileDigest(hasher.finalize().into()))
    }

    fn read(&mut self) -> io::Result<()> {
        self.buffer.resize(READ_BYTES, 0);
        let count = loop {
            match self.reader.read(&mut self.buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if count == 0 {
            self.finish();
            return Ok(());
        }
        let read = self.buffer.get(..count).unwrap_or_default();
        let mut pieces = Vec::new();
        if let Some(cutter) = &mut self.cutter {
            cutter.push(read, &mut pieces);
        }
        if let Some(raw) = &mut self.raw {
            raw.extend_from_slice(read);
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(read);
        }
        self.bytes += count as u64;
        self.take(pieces);
        Ok(())
    }

    /// Cuts what is left.
    fn finish(&mut self) {
        let mut pieces = Vec::new();
        if let Some(cutter) = self.cutter.take() {
            cutter.finish(&mut pieces);
        }
        self.take(pieces);
    }

    fn take(&mut self, pieces: Vec<Piece>) {
        self.pieces.extend(pieces);
        if self.first_record.is_some() || self.pieces.is_empty() {
            return;
        }
        let texts = || self.pieces.iter().map(|piece| piece.text.as_str());
        let is_enough = texts().map(str::len).sum::<usize>() >= parse::start_bytes(self.format);
        if is_enough || self.cutter.is_none() {
            self.first_record = Some(parse::start_hash(texts(), self.format));
        }
    }

    fn cut(&mut self, piece: Piece) -> Cut {
        let raw = self.raw.as_mut().map_or_else(Vec::new, |raw| {
            let length =
                usize::try_from(piece.length).map_or(raw.len(), |length| length.min(raw.len()));
            raw.drain(..length).collect()
        });
        Cut { piece, raw }
    }
}

impl<R: Read> Iterator for FileChunks<R> {
    type Item = Result<Cut, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            // None goes out before the stream is known.
            if self.first_record.is_some()
                && let Some(piece) = self.pieces.pop_front()
            {
                return Some(Ok(self.cut(piece)));
            }
            if let Some(source) = self.error.take() {
                return Some(Err(FileError {
                    path: self.path.clone(),
                    doing: "read",
                    source,
                }));
            }
            self.cutter.as_ref()?;
            if let Err(source) = self.read() {
                // What was read is still evidence.
                self.finish();
                self.error = Some(source);
            }
        }
    }
}
