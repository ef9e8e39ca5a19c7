//! Identity of a stream.

use event::{Format, Source, StreamId};
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

/// The same for a stream in any format. The first line of a form that people copy (`Log Name: System`, `[`, a row of names) says nothing of
/// its machine or its time, so there the text's start stands for it: as much as tells what a file is.
pub fn start_hash(text: &str, format: Format) -> u64 {
    if !format.is_copied() {
        return first_record_hash(text);
    }
    let start = text.get(..text.floor_char_boundary(START_BYTES));
    let mut hash = Xxh3::new();
    for line in start.unwrap_or(text).lines() {
        hash.update(line.trim_end().as_bytes());
        hash.update(b"\n");
    }
    hash.digest()
}

/// A dozen events: two exports that begin with the same ones are of the same log. A chunk holds more, so it does not depend on how a file is cut into chunks.
const START_BYTES: usize = 32 * 1024;

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
