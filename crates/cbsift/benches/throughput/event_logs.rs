//! Event logs as Windows keeps them, from their bytes to events.

use crate::TENANT;
use crate::clock::{measure, row};
use crate::corpus::folder;
use classify::Rules;
use event::{Chunk, Source, StreamId};
use std::hint::black_box;
use std::path::{Path, PathBuf};

/// Bytes of the head of a file, and of each chunk behind it.
const HEAD: usize = 4 << 10;
const CHUNK: usize = 64 << 10;

/// Decodes, cuts and classifies the event logs of the corpus, repeated to `least` bytes. Unused chunks, which cost nothing, are left out.
pub(crate) fn leg(least: usize, budget: f64) {
    let logs: Vec<(String, Vec<u8>)> = paths(&folder().join("logs"))
        .into_iter()
        .map(|path| {
            let raw = std::fs::read(&path).expect("a file just listed");
            let used = raw[HEAD..]
                .chunks(CHUNK)
                .filter(|chunk| chunk.iter().any(|byte| *byte != 0));
            let bytes = [&raw[..HEAD]].into_iter().chain(used).flatten().copied();
            (path.display().to_string(), bytes.collect())
        })
        .collect();
    let total: usize = logs.iter().map(|(_, raw)| raw.len()).sum();
    assert!(total > 0, "no event log in the corpus");
    let repeats = least.div_ceil(total);
    let (took, (records, events)) = measure(|| {
        let mut sum = (0, 0);
        for repeat in 0..repeats {
            for (name, raw) in &logs {
                let (records, events) = events(&format!("pc-{repeat:04}"), name, raw);
                sum = (sum.0 + records, sum.1 + events);
            }
        }
        sum
    });
    let labelled = labelled() * repeats as u64;
    assert!(
        records >= labelled,
        "{records} records, {labelled} labelled"
    );
    let checked = format!(
        "{records} records, at least the {labelled} of the labels; {events} events; {:.1} MB of {} logs, {repeats} times",
        total as f64 / 1e6,
        logs.len()
    );
    row(
        "evtx -> events",
        total * repeats,
        took,
        Some(budget),
        &checked,
    );
}

fn events(endpoint: &str, name: &str, raw: &[u8]) -> (u64, u64) {
    let detection = parse::detect(name, &raw[..raw.len().min(parse::HEAD_BYTES)]);
    let mut cutter = parse::Cutter::new(detection.encoding, detection.format, 0, CHUNK);
    let (mut pieces, mut sum) = (Vec::new(), (0, 0));
    cutter.push(raw, &mut pieces);
    cutter.finish(&mut pieces);
    for piece in pieces {
        let chunk = Chunk {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            source: Source::EventLog,
            stream: StreamId(1),
            path: name.to_owned(),
            offset: piece.offset,
            length: piece.length,
            encoding: detection.encoding,
            format: detection.format,
            open: piece.open,
            sender: String::new(),
            received_ms: 0,
            text: piece.text,
        };
        let of = black_box(classify::classify(Rules::shipped(), &chunk));
        sum = (sum.0 + of.records, sum.1 + of.events.len() as u64);
    }
    sum
}

/// Events in all labelled files.
fn labelled() -> u64 {
    let text = std::fs::read(folder().join("labels/evtx.json")).expect("the labels of event logs");
    let labels: serde_json::Value = serde_json::from_slice(&text).expect("JSON");
    let files = labels.as_object().expect("a file each").values();
    files.filter_map(|label| label["events"].as_u64()).sum()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder of the corpus");
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .flat_map(|path| {
            if path.is_dir() {
                paths(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|kind| kind == "evtx"))
        .collect();
    found.sort();
    found
}
