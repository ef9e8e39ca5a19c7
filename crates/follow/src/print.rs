//! What a log is known by beside its name: where its file is on the disk, how it begins, and what stands before the place up to which it is acknowledged.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Bytes of the beginning that are compared. A head of CBS.log has some 100: ten of them.
pub(crate) const PREFIX_BYTES: u64 = 1024;

/// Bytes before the acknowledged place that are compared.
pub(crate) const TAIL_BYTES: u64 = 256;

/// Volume and file index on Windows, device and inode elsewhere: kept by a rename, and used again for another file after a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileKey {
    /// Volume or device.
    pub volume: u64,
    /// Index or inode.
    pub index: u64,
}

/// Half of a SHA-256 in hex: enough that no two runs of bytes share it by chance.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Hash(#[serde(with = "hex")] pub(crate) [u8; 16]);

impl std::fmt::Debug for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl Hash {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut half = [0; 16];
        half.iter_mut()
            .zip(Sha256::digest(bytes))
            .for_each(|(to, from)| *to = from);
        Self(half)
    }
}

/// What a log's content is known by.
///
/// The prefix alone repeats, where two logs begin alike, and an index is used again: a file is taken for a log only where all of it matches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    pub(crate) prefix_length: u64,
    pub(crate) prefix: Hash,
    /// Where the tail ends: everything below is acknowledged.
    pub(crate) end: u64,
    pub(crate) tail: Hash,
}

impl Print {
    /// Bytes of the tail.
    pub(crate) fn tail_length(&self) -> u64 {
        self.end.min(TAIL_BYTES)
    }

    /// Whether it says anything at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.prefix_length == 0
    }

    /// Whether a content that begins with `head` may be the same one.
    pub(crate) fn begins(&self, head: &[u8]) -> bool {
        let length = usize::try_from(self.prefix_length).unwrap_or(usize::MAX);
        !self.is_empty()
            && head
                .get(..length)
                .is_some_and(|prefix| Hash::of(prefix) == self.prefix)
    }

    /// Notes the beginning of a content, as much of `head` as is compared; it only ever grows.
    pub(crate) fn note_head(&mut self, head: &[u8]) {
        let length = head
            .len()
            .min(usize::try_from(PREFIX_BYTES).unwrap_or(usize::MAX));
        if length as u64 > self.prefix_length {
            self.prefix_length = length as u64;
            self.prefix = Hash::of(head.get(..length).unwrap_or_default());
        }
    }

    /// Notes what stands before `end`.
    pub(crate) fn note_tail(&mut self, end: u64, tail: &[u8]) {
        self.end = end;
        self.tail = Hash::of(tail);
    }
}

/// How a hash stands in a checkpoint.
mod hex {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(
        bytes: &[u8; 16],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:032x}", u128::from_be_bytes(*bytes)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<[u8; 16], D::Error> {
        let text = String::deserialize(deserializer)?;
        u128::from_str_radix(&text, 16)
            .map(u128::to_be_bytes)
            .map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_compared_as_far_as_it_is_known() {
        let mut print = Print::default();
        assert!(!print.begins(b"anything"));
        print.note_head(b"one");
        assert!(print.begins(b"one and more") && !print.begins(b"on") && !print.begins(b"two"));
        let long = vec![b'x'; 3_000];
        print.note_head(&long);
        assert_eq!(print.prefix_length, PREFIX_BYTES);
        print.note_head(b"shorter");
        assert!(print.begins(&long) && !print.begins(&long[..1_000]));
    }
}
