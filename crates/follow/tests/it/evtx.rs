//! Event logs as the reader's own tests make them.

pub(crate) const MAGIC: &[u8] = b"ElfFile\0";
pub(crate) const FILE_HEAD: u64 = 4 * 1024;
pub(crate) const CHUNK: u64 = 64 * 1024;

#[path = "../../../parse/src/evtx/writer.rs"]
mod writer;

/// A ring of chunks, each with the records from one number on to another.
pub(crate) fn ring(chunks: &[(u64, u64)]) -> Vec<u8> {
    let made = |record_id| writer::Made {
        provider: "Microsoft-Windows-Ntfs",
        event_id: "98",
        record_id,
        time: "2024-05-01T08:00:00.123Z",
        data: &[],
    };
    let chunks: Vec<Vec<writer::Made<'_>>> = chunks
        .iter()
        .map(|(first, last)| (*first..=*last).map(made).collect())
        .collect();
    let chunks: Vec<&[writer::Made<'_>]> = chunks.iter().map(Vec::as_slice).collect();
    writer::file(&chunks)
}
