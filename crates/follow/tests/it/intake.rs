//! An intake that keeps every byte, and takes none that does not fit.

use event::{Format, Source};
use follow::Body;
use std::collections::BTreeMap;

/// What is acknowledged, by stream.
#[derive(Default)]
pub(crate) struct Intake {
    pub(crate) streams: BTreeMap<(Source, u64), Vec<u8>>,
    /// How much of each the sender was told to be acknowledged. What is above may be said anew: its log was overwritten meanwhile.
    told: BTreeMap<(Source, u64), usize>,
    pub(crate) bodies: usize,
}

impl Intake {
    /// Takes a body: it begins at a record, leaves no hole, and says the same as what was there.
    pub(crate) fn put(&mut self, body: &Body) {
        let stream = self
            .streams
            .entry((body.source, body.first_record))
            .or_default();
        let from = usize::try_from(body.offset).unwrap();
        let to = from + body.bytes.len();
        assert!(from <= stream.len(), "a hole before {}", body.offset);
        assert!(!body.bytes.is_empty(), "an empty body");
        let told = self.told.get(&(body.source, body.first_record));
        let common = to.min(told.copied().unwrap_or(0)).max(from);
        assert!(
            stream[from..common] == body.bytes[..common - from],
            "other bytes at {from}..{common} of {:016x}, {}",
            body.first_record,
            body.path.display()
        );
        let is_other = stream
            .get(from..to)
            .is_some_and(|there| there != body.bytes);
        if to > stream.len() || is_other {
            stream.truncate(from);
            stream.extend_from_slice(&body.bytes);
        }
        let text = plain(&body.bytes);
        assert!(
            from == 0 || body.format != Format::Wds || text.starts_with("2024-"),
            "a body begins within a record: {text:.40}"
        );
        assert!(
            body.open || body.format != Format::Wds || text.ends_with('\n'),
            "a body that is not open ends within a line"
        );
        self.bodies += 1;
    }

    /// Bytes that the sender heard to be acknowledged.
    pub(crate) fn told(&self, source: Source, first_record: u64) -> u64 {
        self.told
            .get(&(source, first_record))
            .map_or(0, |told| *told as u64)
    }

    /// The sender heard that it is acknowledged.
    pub(crate) fn acknowledged(&mut self, body: &Body) {
        let told = self
            .told
            .entry((body.source, body.first_record))
            .or_default();
        *told = (*told).max(usize::try_from(body.end()).unwrap());
    }
}

/// Bytes of either encoding as text.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let is_wide = bytes.contains(&0);
    let bytes = bytes.iter().filter(|byte| !is_wide || **byte != 0);
    String::from_utf8_lossy(&bytes.copied().collect::<Vec<u8>>()).into_owned()
}
