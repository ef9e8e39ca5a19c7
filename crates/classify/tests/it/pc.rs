//! A PC by its logs, as `scan` reads them.

use classify::{Rules, StreamFacts, UnitInput, Verdict, classify, derive_all, verdict};
use event::{Chunk, Derivation, Finding, Severity, StreamId};
use parse::{Cutter, HEAD_BYTES, MAX_RECORD_BYTES, detect};

pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    pub(crate) all: Derivation,
}

impl Judged {
    /// The findings that are more than worth knowing.
    pub(crate) fn failures(&self) -> Vec<&Finding> {
        let findings = self.all.findings.iter();
        findings
            .filter(|finding| finding.severity > Severity::Info)
            .collect()
    }

    /// The only one of them.
    pub(crate) fn failure(&self) -> &Finding {
        let failures = self.failures();
        assert_eq!(failures.len(), 1, "{failures:#?}");
        failures[0]
    }
}

/// A log cut into chunks. Its name and text must say what it is.
pub(crate) fn chunks(stream: u64, path: &str, bytes: &[u8]) -> Vec<Chunk> {
    let detected = detect(path, &bytes[..bytes.len().min(HEAD_BYTES)]);
    let Some(source) = detected.source else {
        panic!("{path}: {}", detected.reason);
    };
    let mut cutter = Cutter::new(detected.encoding, detected.format, 0, MAX_RECORD_BYTES);
    let mut pieces = Vec::new();
    cutter.push(bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let chunk = |piece: parse::Piece| Chunk {
        tenant: "default".to_owned(),
        endpoint: "pc-1".to_owned(),
        source,
        stream: StreamId(stream),
        path: path.to_owned(),
        offset: piece.offset,
        length: piece.length,
        encoding: detected.encoding,
        format: detected.format,
        open: piece.open,
        sender: String::new(),
        received_ms: 0,
        text: piece.text,
    };
    pieces.into_iter().map(chunk).collect()
}

/// Judges logs by their names and bytes.
pub(crate) fn judge<T: AsRef<[u8]> + ?Sized>(logs: &[(&str, &T)]) -> Judged {
    let rules = Rules::shipped();
    let (mut input, mut records) = (UnitInput::default(), 0);
    for (stream, (path, bytes)) in (0..).zip(logs) {
        for chunk in chunks(stream, path, bytes.as_ref()) {
            let classified = classify(rules, &chunk);
            records += classified.records;
            input.events.extend(classified.events);
            input.streams.push(StreamFacts {
                stream: chunk.stream,
                source: chunk.source,
                anchors: classified.anchors,
                ranges: vec![(chunk.offset, chunk.offset + chunk.length)],
                first: classified.first,
                last: classified.last,
            });
        }
    }
    let derived = derive_all(rules, "default", "pc-1", &input);
    let verdict = verdict(derived.values(), &input.events, records);
    let mut all = Derivation::default();
    for mut derivation in derived.into_values() {
        let before = u32::try_from(all.findings.len()).unwrap();
        for attempt in &mut derivation.attempts {
            attempt.finding = attempt.finding.map(|finding| finding + before);
        }
        all.attempts.extend(derivation.attempts);
        all.findings.extend(derivation.findings);
    }
    Judged { verdict, all }
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
