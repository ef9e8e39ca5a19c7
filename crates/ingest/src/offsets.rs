//! What the store already holds of an endpoint, as far as a sender has to know it.

use crate::SinkError;
use event::upload::FileDigest;
use event::{Source, StreamId};
use serve::Owner;

/// Answers senders from the store, and keeps the books of whole files.
///
/// Contract: may be called in parallel and again after an error; an error means "not known now" and becomes a 503.
pub trait Offsets: Clone + Send + Sync + 'static {
    /// A lower bound: every source byte of the stream below it is stored, and a record starts at it.
    ///
    /// Open chunks do not count, because their last record may go on; 0 where nothing is known.
    fn next_offset(
        &self,
        owner: &Owner,
        source: Source,
        stream: StreamId,
    ) -> impl Future<Output = Result<u64, SinkError>> + Send;

    /// The file of this digest, where it was imported for this endpoint and all its bytes are still covered.
    fn imported(
        &self,
        owner: &Owner,
        digest: FileDigest,
    ) -> impl Future<Output = Result<Option<Imported>, SinkError>> + Send;

    /// Notes that all bytes of a file were acknowledged, and that the digest is theirs. A repeat changes nothing.
    fn record_import(&self, import: Import) -> impl Future<Output = Result<(), SinkError>> + Send;
}

/// What is known of a file that was sent whole before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The stream its bytes belong to.
    pub stream: StreamId,
    /// Its size.
    pub bytes: u64,
}

/// A file that was sent whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Import {
    /// Whose file.
    pub owner: Owner,
    /// The kind of log.
    pub source: Source,
    /// The stream its bytes belong to.
    pub stream: StreamId,
    /// Where the sender read it: information for people.
    pub path: String,
    /// Hash of its bytes.
    pub digest: FileDigest,
    /// Its size.
    pub bytes: u64,
    /// Who sent it.
    pub sender: String,
    /// When its last bytes came in, in UTC milliseconds.
    pub received_ms: i64,
}
