//! The readers, one function each. A target panics where its reader breaks a promise, and answers nothing otherwise.

use classify::{Rules, StreamFacts, UnitInput};
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use parse::Cutter;
use std::collections::BTreeMap;
use std::io::{Read, Write};

/// A reader of strangers' bytes, by name.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name: the argument of `make fuzz TARGET=…`, and the folder of its seeds.
    pub name: &'static str,
    /// What reads.
    pub run: fn(&[u8]),
}

/// Every target.
pub const TARGETS: [Target; 9] = [
    Target {
        name: "records",
        run: records,
    },
    Target {
        name: "classify",
        run: classified,
    },
    Target {
        name: "codes",
        run: codes,
    },
    Target {
        name: "event_json",
        run: event_json,
    },
    Target {
        name: "event_log",
        run: event_log,
    },
    Target {
        name: "archive",
        run: archive,
    },
    Target {
        name: "rules",
        run: rules,
    },
    Target {
        name: "body",
        run: ingest::fuzzing::body,
    },
    Target {
        name: "statement",
        run: embedded_clickhouse::fuzzing::statement,
    },
];

/// A target by its name.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Any bytes as a file: found out what it is, cut in two ways, read record by record. No byte is lost, and both cuts give the same records.
/// The same in every other format, whatever it was found to be.
fn records(data: &[u8]) {
    let detection = parse::detect("CBS.log", data.get(..parse::HEAD_BYTES).unwrap_or(data));
    for format in Format::ALL {
        records_of(data, detection.encoding, format);
    }
}

fn records_of(data: &[u8], encoding: TextEncoding, format: Format) {
    let mut whole: Option<Vec<String>> = None;
    for target in [256 * 1024, 512] {
        let mut pieces = Vec::new();
        let mut cutter = Cutter::new(encoding, format, 0, target);
        for part in data.chunks(1 + target / 3) {
            cutter.push(part, &mut pieces);
        }
        cutter.finish(&mut pieces);
        let mut end = 0;
        let mut texts = Vec::new();
        for piece in &pieces {
            assert_eq!(piece.offset, end, "pieces tile the source");
            end += piece.length;
            let mut at = 0;
            for record in parse::records(&piece.text, format) {
                assert_eq!(record.offset, at, "records tile the text");
                at += record.raw.len();
                let _ = (
                    record.head(),
                    record.csi(),
                    record.stamp(),
                    record.lines(),
                    record.logged(),
                );
                assert_eq!(
                    record.readings().first(),
                    Some(&record.text()),
                    "its text is the likeliest reading"
                );
                texts.push(record.text().into_owned());
            }
            assert_eq!(at, piece.text.len(), "no text is lost");
        }
        assert_eq!(end, data.len() as u64, "no byte is lost");
        // A cut in the middle of a damaged character makes other replacements, so only whole texts are compared.
        if std::str::from_utf8(data).is_ok() && encoding == TextEncoding::Utf8 {
            match &whole {
                None => whole = Some(texts),
                Some(whole) => assert_eq!(whole, &texts, "a cut changes no record"),
            }
        }
    }
}

/// Any text as a log of any kind, from its records to findings.
fn classified(data: &[u8]) {
    let (Some((kind, text)), rules) = (data.split_first(), Rules::shipped()) else {
        return;
    };
    let text = String::from_utf8_lossy(text).into_owned();
    let pick = |number: usize| usize::from(*kind) % number;
    let (Some(source), Some(format)) = (
        Source::ALL.get(pick(Source::ALL.len())),
        Format::ALL.get(pick(Format::ALL.len())),
    ) else {
        return;
    };
    let chunk = Chunk {
        tenant: "default".to_owned(),
        endpoint: "pc".to_owned(),
        source: *source,
        stream: StreamId(1),
        path: String::new(),
        offset: 0,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: *format,
        open: kind % 2 == 0,
        sender: String::new(),
        received_ms: 0,
        text,
    };
    let classified = classify::classify(rules, &chunk);
    for event in &classified.events {
        assert!(
            event.offset + event.length <= chunk.length,
            "an event stands in its chunk"
        );
    }
    let input = UnitInput {
        streams: vec![StreamFacts {
            stream: chunk.stream,
            source: chunk.source,
            anchors: classified.anchors,
            ranges: vec![(0, chunk.length)],
            first: classified.first,
            last: classified.last,
        }],
        events: classified.events,
    };
    let derived: BTreeMap<_, _> = classify::derive_all(rules, "default", "pc", &input);
    for derivation in derived.values() {
        for attempt in &derivation.attempts {
            let is_there = |finding: u32| (finding as usize) < derivation.findings.len();
            assert!(
                attempt.finding.is_none_or(is_there),
                "an attempt's finding exists"
            );
        }
    }
}

/// Any text as a code, a name, or a line with codes in it.
fn codes(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut found = Vec::new();
    classify::codes_in(&text, &mut found);
    for spelling in found {
        assert!(
            text.get(spelling.at..spelling.end).is_some(),
            "a spelling stands in its text"
        );
    }
    for reading in windows_error_codes::decode(&text).iter() {
        let _ = (
            reading.code.name(),
            reading.code.meaning(),
            reading.code.facility(),
        );
    }
}

/// Any line as an event of an event log, in whatever shape; its canonical form reads back as itself.
fn event_json(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Some(line) = parse::event_json::normalise(&text) {
        let again = parse::event_json::normalise(&line);
        assert_eq!(
            again.as_deref(),
            Some(line.as_str()),
            "the canonical form is stable"
        );
    }
}

/// Any bytes as an .evtx file.
fn event_log(data: &[u8]) {
    let mut pieces = Vec::new();
    let mut cutter = Cutter::new(TextEncoding::Evtx, Format::EventJson, 0, 64 * 1024);
    cutter.push(data, &mut pieces);
    cutter.finish(&mut pieces);
    for piece in &pieces {
        for record in parse::records(&piece.text, Format::EventJson) {
            let _ = (record.event(), record.place(TextEncoding::Evtx));
        }
    }
}

/// Any bytes as a file that is scanned: an archive is looked into, what is a log is read to its end.
fn archive(data: &[u8]) {
    let Ok(mut file) = tempfile::NamedTempFile::new() else {
        return;
    };
    if file.write_all(data).is_err() {
        return;
    }
    let found = files::find(&[file.path().to_owned()]);
    for log in found.logs {
        if let Ok(mut reader) = log.reader() {
            let mut buffer = [0; 16 * 1024];
            while matches!(reader.read(&mut buffer), Ok(1..)) {}
        }
    }
}

/// Any text as a rule file: faults are told, and what loads can be used.
fn rules(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match Rules::load(&[("fuzz.yaml", &text)]) {
        Ok(rules) => {
            let line =
                "2024-05-01 08:00:00, Error                 CBS    x [HRESULT = 0x80070002]\n";
            let _ = classify::rules_matching(&rules, Source::Cbs, Format::Wds, line);
        }
        Err(faults) => assert!(!faults.is_empty(), "a refusal has a reason"),
    }
}
