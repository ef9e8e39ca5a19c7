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
/// its machine or its time, so there the text's start stands for it, [`start_bytes`] of it.
///
/// `texts` = the decoded source in pieces, from its first on: so the hash does not depend on how a file is cut into chunks.
pub fn start_hash<'a>(texts: impl IntoIterator<Item = &'a str>, format: Format) -> u64 {
    let mut texts = texts.into_iter();
    if !format.is_copied() {
        return first_record_hash(texts.next().unwrap_or_default());
    }
    let mut start = String::new();
    while start.len() < START_BYTES
        && let Some(text) = texts.next()
    {
        let end = text.floor_char_boundary(START_BYTES - start.len());
        start.push_str(text.get(..end).unwrap_or_default());
        if end < text.len() {
            break;
        }
    }
    let mut hash = Xxh3::new();
    for line in start.lines() {
        hash.update(line.trim_end().as_bytes());
        hash.update(b"\n");
    }
    hash.digest()
}

/// Bytes of text that [`start_hash`] wants to see at most; the first piece is enough where it is none.
pub fn start_bytes(format: Format) -> usize {
    if format.is_copied() { START_BYTES } else { 0 }
}

/// A dozen events: two exports that begin with the same ones are of the same log.
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
    fn the_start_of_a_copy_is_the_same_however_it_is_cut() {
        let text: String = (0..2_000)
            .map(|number| format!("Made-up label é: {number}\r\n"))
            .collect();
        let whole = start_hash([text.as_str()], Format::EventText);
        for size in [1, 7, 1_000, START_BYTES] {
            let mut pieces = Vec::new();
            let mut rest = text.as_str();
            while !rest.is_empty() {
                let (piece, after) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
                pieces.push(piece);
                rest = after;
            }
            assert_eq!(start_hash(pieces, Format::EventText), whole, "{size}");
        }
        let lf = text.replace("\r\n", "\n");
        let short = |text: &str| start_hash([text.get(..200).unwrap()], Format::EventText);
        assert_ne!(short(&lf), start_hash([lf.as_str()], Format::EventText));
        assert_eq!(
            start_hash([lf.as_str(), "x"], Format::Wds),
            first_record_hash(&text)
        );
    }

    #[test]
    fn each_endpoint_and_source_has_its_own_stream() {
        let of = |endpoint, source| stream_id("default", endpoint, source, 7);
        assert_ne!(of("a", Source::Cbs), of("b", Source::Cbs));
        assert_ne!(of("a", Source::Cbs), of("a", Source::Dism));
    }
}
