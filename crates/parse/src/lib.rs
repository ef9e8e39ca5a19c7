//! Bytes to records (being written by the lead; the signatures below are fixed).

use event::{Format, Source, StreamId, TextEncoding};

/// What a file is, judged from its name and its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The kind of log, or nothing where it is none we know.
    pub source: Option<Source>,
    /// Encoding, by byte-order mark and by evidence.
    pub encoding: TextEncoding,
    /// Bytes of the byte-order mark.
    pub bom: usize,
    /// Layout of records.
    pub format: Format,
    /// Why `source` is nothing, for people; empty otherwise.
    pub reason: &'static str,
}

/// Judges a file by its name and its first bytes (64 KiB are enough).
pub fn detect(_name: &str, _head: &[u8]) -> Detection {
    todo!()
}

/// A run of whole records cut from a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// First source byte.
    pub offset: u64,
    /// Source bytes covered.
    pub length: u64,
    /// Decoded text, without byte-order mark.
    pub text: String,
    /// Its last record may go on.
    pub open: bool,
    /// Characters that could not be decoded.
    pub replacements: u64,
}

/// Cuts a source, fed in any slices, into runs of whole records.
pub struct Cutter {}

impl Cutter {
    /// `offset` = source offset of the first byte pushed; `target` = wished size of a piece in source bytes (a piece is longer only to keep its last record whole).
    pub fn new(_encoding: TextEncoding, _format: Format, _offset: u64, _target: usize) -> Self {
        todo!()
    }
    /// Takes the next bytes; appends the pieces that are complete.
    pub fn push(&mut self, _bytes: &[u8], _pieces: &mut Vec<Piece>) {
        todo!()
    }
    /// Ends the input: appends the rest. The last piece of all is `open`.
    pub fn finish(self, _pieces: &mut Vec<Piece>) {
        todo!()
    }
}

/// Hash of a stream's first complete line, the client's half of a stream's identity. `text` = decoded start of the source.
pub fn first_record_hash(_text: &str) -> u64 {
    todo!()
}

/// Identity of a stream from its owner and the hash of its first line.
pub fn stream_id(_tenant: &str, _endpoint: &str, _source: Source, _first_record: u64) -> StreamId {
    todo!()
}
