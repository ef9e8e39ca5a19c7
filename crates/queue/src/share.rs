//! Which endpoints are whose: an endpoint belongs to whoever has the partition that its key leads to.

use crate::record;
use std::collections::BTreeSet;

/// A share of all endpoints. It follows from the endpoint alone, whatever topic its records came by, and the shares of a group's
/// members are apart and together all there is, as their partitions are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    partitions: BTreeSet<u32>,
    of: u32,
}

impl Share {
    /// The endpoints of some of so many partitions.
    pub fn new(partitions: impl IntoIterator<Item = u32>, of: u32) -> Self {
        Self {
            partitions: partitions.into_iter().collect(),
            of: of.max(1),
        }
    }

    /// All endpoints: nobody else is there.
    pub fn all() -> Self {
        Self::new([0], 1)
    }

    /// No endpoint, as of a consumer that has no partition yet.
    pub fn none() -> Self {
        Self::new([], 1)
    }

    /// Whether an endpoint belongs to it.
    pub fn has(&self, tenant: &str, endpoint: &str) -> bool {
        let hash = murmur2(&record::key(tenant, endpoint)) & 0x7fff_ffff;
        self.partitions.contains(&(hash % self.of))
    }

    /// Whether every endpoint belongs to it.
    pub fn is_all(&self) -> bool {
        self.partitions.len() == self.of as usize
    }

    /// Whether no endpoint belongs to it.
    pub fn is_none(&self) -> bool {
        self.partitions.is_empty()
    }

    /// Its partitions.
    pub fn partitions(&self) -> impl Iterator<Item = u32> {
        self.partitions.iter().copied()
    }

    /// How many partitions there are.
    pub fn of(&self) -> u32 {
        self.of
    }
}

/// MurmurHash2 as Java's clients take it, and with them the partitioner `murmur2_random`, which ours is.
fn murmur2(bytes: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    // Truncated as in Java, whose lengths have 32 bits.
    let mut hash = 0x9747_b28c ^ bytes.len() as u32;
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let mut word = u32::from_le_bytes(*word).wrapping_mul(M);
        word ^= word >> 24;
        hash = hash.wrapping_mul(M) ^ word.wrapping_mul(M);
    }
    if !rest.is_empty() {
        for (at, byte) in rest.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * at);
        }
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_is_that_of_kafka() {
        // From `UtilsTest.testMurmur2` of Apache Kafka.
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn every_endpoint_belongs_to_one_of_a_group() {
        let shares = [
            Share::new([0, 3, 4], 7),
            Share::new([], 7),
            Share::new([1, 2, 5, 6], 7),
        ];
        for number in 0..1_000 {
            let name = format!("PC-{number}");
            let owners = shares.iter().filter(|share| share.has("default", &name));
            assert_eq!(owners.count(), 1, "{name}");
            assert!(Share::all().has("default", &name) && !Share::none().has("default", &name));
        }
        assert!(Share::all().is_all() && Share::none().is_none());
        assert!(!Share::none().is_all() && !shares[0].is_all() && shares[1].is_none());
    }
}
