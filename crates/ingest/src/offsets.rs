//! What the store already holds of an endpoint, as far as a sender has to know it.

use crate::SinkError;
use event::{Source, StreamId};
use sha2::{Digest, Sha256};
use std::fmt;

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

/// Whose data it is; from the credential.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner {
    /// Owner of the endpoint.
    pub tenant: String,
    /// The machine.
    pub endpoint: String,
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

/// SHA-256 of a file's bytes; written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest(pub [u8; 32]);

impl FileDigest {
    /// Of bytes in hand.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }
}

impl fmt::Display for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for FileDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileDigest({self})")
    }
}

/// A text is not a SHA-256 in hex.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 64 hex digits")]
pub struct NotADigest;

impl std::str::FromStr for FileDigest {
    type Err = NotADigest;

    fn from_str(text: &str) -> Result<Self, NotADigest> {
        let text: &[u8; 64] = text.as_bytes().try_into().map_err(|_| NotADigest)?;
        let digit = |byte: u8| char::from(byte).to_digit(16).ok_or(NotADigest);
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(text.chunks_exact(2)) {
            *byte = u8::try_from(digit(pair[0])? * 16 + digit(pair[1])?).map_err(|_| NotADigest)?;
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_written_and_read_back() {
        let digest = FileDigest::of(b"");
        assert_eq!(
            digest.to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(digest.to_string().to_uppercase().parse(), Ok(digest));
        for wrong in ["", "e3b0", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<FileDigest>(), Err(NotADigest), "{wrong}");
        }
    }
}
