//! What is said of one PC from the bytes of its logs, as `scan` reads them.

use classify::{Rules, StreamFacts, UnitInput, Verdict, classify, derive_all, verdict};
use event::{Chunk, Finding, Severity, StreamId};
use parse::{Cutter, HEAD_BYTES, MAX_RECORD_BYTES, detect};

pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) findings: Vec<Finding>,
}

impl Judged {
    /// Rules of the findings that are more than worth knowing.
    pub(crate) fn grave(&self) -> Vec<&str> {
        self.findings
            .iter()
            .filter(|finding| finding.severity > Severity::Info)
            .map(|finding| finding.rule.as_str())
            .collect()
    }
}

/// Judges logs by their names and bytes.
pub(crate) fn judge<'a>(logs: impl IntoIterator<Item = (&'a str, &'a [u8])>) -> Judged {
    let rules = Rules::shipped();
    let (mut input, mut records) = (UnitInput::default(), 0);
    for (number, (path, bytes)) in logs.into_iter().enumerate() {
        let detection = detect(path, &bytes[..bytes.len().min(HEAD_BYTES)]);
        let Some(source) = detection.source else {
            continue;
        };
        let stream = StreamId(number as u64);
        let mut cutter = Cutter::new(detection.encoding, detection.format, 0, MAX_RECORD_BYTES);
        let mut pieces = Vec::new();
        cutter.push(bytes, &mut pieces);
        cutter.finish(&mut pieces);
        for piece in pieces {
            let chunk = Chunk {
                tenant: "default".to_owned(),
                endpoint: "pc".to_owned(),
                source,
                stream,
                path: path.to_owned(),
                offset: piece.offset,
                length: piece.length,
                encoding: detection.encoding,
                format: detection.format,
                open: piece.open,
                sender: String::new(),
                received_ms: 0,
                text: piece.text,
            };
            let classified = classify(rules, &chunk);
            records += classified.records;
            input.events.extend(classified.events);
            input.streams.push(StreamFacts {
                stream,
                source,
                anchors: classified.anchors,
                ranges: vec![(chunk.offset, chunk.offset + chunk.length)],
                first: classified.first,
                last: classified.last,
            });
        }
    }
    let derived = derive_all(rules, "default", "pc", &input);
    Judged {
        verdict: verdict(derived.values(), &input.events, records),
        findings: derived
            .into_values()
            .flat_map(|derivation| derivation.findings)
            .collect(),
    }
}

/// Numbers by seed: SplitMix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % bound as u64).unwrap()
    }

    pub(crate) fn pick<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.below(all.len())]
    }
}
