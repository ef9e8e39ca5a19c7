//! What a sender and the intake must say alike: headers, sizes of chunks, and the digest of a file.

use std::fmt;

/// Names the endpoint, where a relay token is shown.
pub const ENDPOINT_HEADER: &str = "cbsift-endpoint";
/// Answer of `HEAD /v1/streams/…`.
pub const NEXT_OFFSET_HEADER: &str = "cbsift-next-offset";
/// SHA-256 in hex of the whole file, with its last body only.
pub const FILE_DIGEST_HEADER: &str = "cbsift-file-digest";
/// Size of that file; must be where the body ends. Also in the answer of `HEAD /v1/imports/…`.
pub const FILE_SIZE_HEADER: &str = "cbsift-file-size";

/// Smallest chunk a sender may wish for: below it a row costs more than its text.
pub const CHUNK_MIN: usize = 4 * 1024;

/// Largest chunk, by definition of the word.
pub const CHUNK_MAX: usize = 256 * 1024;

/// Gaps that one body tells of at most: an event log that loses records all the time has some each minute.
pub const GAPS_MAX: usize = 100;

/// SHA-256 of a file's bytes; written as 64 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileDigest(pub [u8; 32]);

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotADigest;

impl fmt::Display for NotADigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected 64 hex digits")
    }
}

impl std::error::Error for NotADigest {}

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
        let text = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let digest: FileDigest = text.parse().unwrap();
        assert_eq!((digest.0[0], digest.0[31]), (0xe3, 0x55));
        assert_eq!(digest.to_string(), text);
        assert_eq!(text.to_uppercase().parse(), Ok(digest));
        for wrong in ["", "e3b0", &"g".repeat(64), &"é".repeat(32)] {
            assert_eq!(wrong.parse::<FileDigest>(), Err(NotADigest), "{wrong}");
        }
    }
}
