//! Identity of a stream.

use event::{Source, StreamId};
use xxhash_rust::xxh3::Xxh3;

/// Hash of a stream's first line with text in it, the sender's half of a stream's identity. `text` = decoded start of the source, without byte-order mark.
///
/// The first line stands for the first record: a copy that ends inside that record has the same one.
pub fn first_record_hash(text: &str) -> u64 {
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or_default();
    xxhash_rust::xxh3::xxh3_64(line.trim_end_matches(['\r', '\n', '\0']).as_bytes())
}

/// Identity of a stream from its owner and the hash of its first line.
pub fn stream_id(tenant: &str, endpoint: &str, source: Source, first_record: u64) -> StreamId {
    let mut hash = Xxh3::new();
    for part in [tenant, endpoint, source.name()] {
        hash.update(part.as_bytes());
        hash.update(&[0]);
    }
    hash.update(&first_record.to_le_bytes());
    StreamId(hash.digest())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_with_other_line_ends_is_the_same_stream() {
        assert_eq!(
            first_record_hash("a b\r\nc\r\n"),
            first_record_hash("\na b\n")
        );
        assert_ne!(first_record_hash("a b\n"), first_record_hash("a c\n"));
    }

    #[test]
    fn each_endpoint_and_source_has_its_own_stream() {
        let of = |endpoint, source| stream_id("default", endpoint, source, 7);
        assert_ne!(of("a", Source::Cbs), of("b", Source::Cbs));
        assert_ne!(of("a", Source::Cbs), of("a", Source::Dism));
    }
}
