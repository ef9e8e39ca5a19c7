//! One log through the same functions as `scan` uses, with every record at hand.

use classify::{Classified, Rules, classify};
use event::{Chunk, StreamId, TextEncoding};
use std::collections::BTreeMap;
use std::path::Path;

/// A log's text and what was made of it.
pub(crate) struct Read {
    pub(crate) text: String,
    pub(crate) classified: Classified,
    /// Codes by the place of their record in the text, noise included.
    pub(crate) codes: BTreeMap<usize, Vec<String>>,
    format: event::Format,
}

/// Reads a UTF-8 log as one chunk.
pub(crate) fn read(path: &Path) -> Read {
    let bytes = std::fs::read(path).unwrap();
    let found = parse::detect(
        &path.to_string_lossy(),
        &bytes[..bytes.len().min(parse::HEAD_BYTES)],
    );
    assert_eq!(found.encoding, TextEncoding::Utf8, "{}", path.display());
    let text = String::from_utf8_lossy(&bytes[found.bom..]).into_owned();
    let chunk = Chunk {
        tenant: "default".to_owned(),
        endpoint: "corpus".to_owned(),
        source: found.source.expect("it is a log"),
        stream: StreamId(1),
        path: path.to_string_lossy().into_owned(),
        offset: 0,
        length: bytes.len() as u64,
        encoding: found.encoding,
        format: found.format,
        open: false,
        sender: String::new(),
        received_ms: 0,
        text,
    };
    let classified = classify(Rules::shipped(), &chunk);
    let mut codes: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for (event, place) in classified.events.iter().zip(&classified.event_places) {
        let names = event.codes.iter().map(ToString::to_string);
        codes.entry(*place).or_default().extend(names);
    }
    for noise in &classified.noise {
        if let Some(code) = noise.code {
            let place = usize::try_from(noise.offset).unwrap() - found.bom;
            codes.entry(place).or_default().push(code.to_string());
        }
    }
    for codes in codes.values_mut() {
        codes.sort();
        codes.dedup();
    }
    Read {
        text: chunk.text,
        classified,
        codes,
        format: found.format,
    }
}

impl Read {
    /// The raw record at a place.
    pub(crate) fn record(&self, place: usize) -> &str {
        parse::records(&self.text[place..], self.format)
            .next()
            .map_or("", |record| record.raw)
    }
}
