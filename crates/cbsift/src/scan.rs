//! Files to an answer, with the same functions as the pipeline: cut, classify, derive.

use crate::progress::Progress;
use classify::{Classified, Rules, StreamFacts, UnitInput, Verdict};
use event::{
    Chunk, Code, Derivation, Event, EventId, LoggedAt, Marker, Noise, Source, StreamId,
    TextEncoding, UtcAnchor,
};
use ingest::files::{self, FileChunks, LogFile};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

/// Chunk size of `scan`; the answer does not depend on it.
const CHUNK_BYTES: usize = 256 * 1024;

/// What was read of one file.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// Nothing: not a log we know.
    pub(crate) source: Option<Source>,
    pub(crate) encoding: TextEncoding,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    pub(crate) skipped_bytes: u64,
    pub(crate) lines: u64,
    pub(crate) utc_changes: Vec<(u64, UtcAnchor)>,
    pub(crate) first: Option<LoggedAt>,
    pub(crate) last: Option<LoggedAt>,
    /// It ends within a line, so its last record may be cut off.
    pub(crate) is_cut: bool,
    /// Why it was not read, or not wholly; empty otherwise.
    pub(crate) reason: String,
}

/// How often a code was met.
#[derive(Clone, Debug, Default)]
pub(crate) struct CodeCount {
    /// Records that carry it.
    pub(crate) records: u64,
    /// Those of them that are noise.
    pub(crate) noise: u64,
    /// Distinct identities.
    pub(crate) events: u64,
}

/// Where a record stands in its file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) input: usize,
    /// First line, 1-based.
    pub(crate) line: u64,
    /// Lines of the record.
    pub(crate) lines: u64,
}

/// All that a scan found.
pub(crate) struct Scan {
    pub(crate) inputs: Vec<Input>,
    pub(crate) codes: BTreeMap<Code, CodeCount>,
    pub(crate) noise: BTreeMap<String, u64>,
    pub(crate) events: HashMap<EventId, Event>,
    pub(crate) places: HashMap<(StreamId, u64), Place>,
    pub(crate) derived: Derivation,
    pub(crate) verdict: Verdict,
    pub(crate) servicing_stack: Option<String>,
    /// Files that could not be read.
    pub(crate) failed: Vec<String>,
}

/// Reads paths as the logs of one endpoint.
pub(crate) fn scan(rules: &Rules, paths: &[PathBuf], endpoint: &str, progress: &Progress) -> Scan {
    let found = files::find(paths);
    let total = found.logs.iter().map(|log| log.bytes).sum();
    progress.start(total);
    let mut gathered = Gathered::new(rules, endpoint);
    for log in &found.logs {
        progress.at(&log.path.to_string_lossy());
        gathered.read(log, progress);
    }
    for skipped in found.skipped {
        gathered.inputs.push(Input {
            path: skipped.path,
            source: None,
            encoding: skipped.encoding.unwrap_or_default(),
            bytes: skipped.bytes,
            records: 0,
            skipped_bytes: skipped.bytes,
            lines: 0,
            utc_changes: Vec::new(),
            first: None,
            last: None,
            is_cut: false,
            reason: skipped.reason.to_string(),
        });
    }
    gathered
        .failed
        .extend(found.failed.iter().map(ToString::to_string));
    progress.end();
    gathered.finish()
}

struct Gathered<'r> {
    rules: &'r Rules,
    endpoint: String,
    inputs: Vec<Input>,
    counts: HashMap<Code, (u64, u64)>,
    noise_records: BTreeMap<String, u64>,
    events: HashMap<EventId, Event>,
    noise: HashMap<(EventId, Option<Code>, String), Noise>,
    places: HashMap<(StreamId, u64), Place>,
    streams: BTreeMap<StreamId, StreamFacts>,
    failed: Vec<String>,
}

impl<'r> Gathered<'r> {
    fn new(rules: &'r Rules, endpoint: &str) -> Self {
        Self {
            rules,
            endpoint: endpoint.to_owned(),
            inputs: Vec::new(),
            counts: HashMap::new(),
            noise_records: BTreeMap::new(),
            events: HashMap::new(),
            noise: HashMap::new(),
            places: HashMap::new(),
            streams: BTreeMap::new(),
            failed: Vec::new(),
        }
    }

    fn read(&mut self, log: &LogFile, progress: &Progress) {
        let index = self.inputs.len();
        self.inputs.push(Input {
            path: log.path.clone(),
            source: Some(log.source),
            encoding: log.encoding,
            bytes: 0,
            records: 0,
            skipped_bytes: 0,
            lines: 0,
            utc_changes: Vec::new(),
            first: None,
            last: None,
            is_cut: false,
            reason: String::new(),
        });
        if let Err(error) = self.read_chunks(index, log, progress) {
            let message = error.to_string();
            self.inputs[index].reason.clone_from(&message);
            self.failed.push(message);
        }
        let changes = parse::utc_changes(
            &self.inputs[index]
                .utc_changes
                .iter()
                .map(|(_, anchor)| *anchor)
                .collect::<Vec<_>>(),
        );
        self.inputs[index]
            .utc_changes
            .retain(|(_, anchor)| changes.contains(anchor));
    }

    fn read_chunks(
        &mut self,
        index: usize,
        log: &LogFile,
        progress: &Progress,
    ) -> Result<(), ingest::files::FileError> {
        let mut chunks = FileChunks::open(log, CHUNK_BYTES)?;
        let path = log.path.to_string_lossy().into_owned();
        let mut stream = None;
        while let Some(cut) = chunks.next() {
            let piece = cut?.piece;
            let stream = *stream.get_or_insert_with(|| {
                parse::stream_id(
                    "default",
                    &self.endpoint,
                    log.source,
                    chunks.first_record().unwrap_or_default(),
                )
            });
            let chunk = Chunk {
                tenant: "default".to_owned(),
                endpoint: self.endpoint.clone(),
                source: log.source,
                stream,
                path: path.clone(),
                offset: piece.offset,
                length: piece.length,
                encoding: log.encoding,
                format: log.format,
                open: piece.open,
                sender: String::new(),
                received_ms: 0,
                text: piece.text,
            };
            let classified = classify::classify(self.rules, &chunk);
            progress.add(chunk.length);
            self.take(index, &chunk, classified);
        }
        Ok(())
    }

    fn take(&mut self, index: usize, chunk: &Chunk, classified: Classified) {
        let first_line = self.inputs[index].lines + 1;
        let mut lines = Lines::new(&chunk.text, first_line);
        for (anchor, place) in classified.anchors.iter().zip(&classified.anchor_places) {
            self.inputs[index]
                .utc_changes
                .push((lines.line_of(*place), *anchor));
        }
        let mut lines = Lines::new(&chunk.text, first_line);
        for (event, place) in classified.events.iter().zip(&classified.event_places) {
            let line = lines.line_of(*place);
            let of_record = parse::records(&chunk.text[*place..], chunk.format)
                .next()
                .map_or(1, |record| record.lines());
            self.places
                .entry((event.stream, event.offset))
                .or_insert(Place {
                    input: index,
                    line,
                    lines: of_record as u64,
                });
        }
        let input = &mut self.inputs[index];
        input.lines = lines.line_of(chunk.text.len()) - 1;
        input.bytes += chunk.length;
        input.records += classified.records;
        input.skipped_bytes += classified.loose_bytes;
        if chunk.encoding == TextEncoding::Utf8 {
            // The byte-order mark.
            input.skipped_bytes += chunk.length.saturating_sub(chunk.text.len() as u64);
        }
        input.first = earliest(input.first, classified.first);
        input.last = input.last.max(classified.last);
        // Chunks come in order, so the last one decides.
        input.is_cut = !chunk.text.ends_with('\n');

        let facts = self
            .streams
            .entry(chunk.stream)
            .or_insert_with(|| StreamFacts {
                stream: chunk.stream,
                source: chunk.source,
                anchors: Vec::new(),
                ranges: Vec::new(),
                first: None,
                last: None,
            });
        facts.anchors.extend(&classified.anchors);
        facts
            .ranges
            .push((chunk.offset, chunk.offset + chunk.length));
        facts.first = earliest(facts.first, classified.first);
        facts.last = facts.last.max(classified.last);

        for event in classified.events {
            for code in &event.codes {
                self.counts.entry(*code).or_default().0 += 1;
            }
            match self.events.entry(event.id) {
                std::collections::hash_map::Entry::Vacant(entry) => {
                    entry.insert(event);
                }
                std::collections::hash_map::Entry::Occupied(mut entry) => {
                    if rank(&event) < rank(entry.get()) {
                        entry.insert(event);
                    }
                }
            }
        }
        for noise in classified.noise {
            if let Some(code) = noise.code {
                let count = self.counts.entry(code).or_default();
                count.0 += 1;
                count.1 += 1;
            }
            *self.noise_records.entry(noise.rule.clone()).or_default() += 1;
            let key = (noise.id, noise.code, noise.rule.clone());
            let is_better = |held: &Noise| {
                (noise.open, noise.stream, noise.offset) < (held.open, held.stream, held.offset)
            };
            if self.noise.get(&key).is_none_or(is_better) {
                self.noise.insert(key, noise);
            }
        }
    }

    fn finish(self) -> Scan {
        let Self {
            rules,
            endpoint,
            inputs,
            counts,
            noise_records,
            events,
            noise,
            places,
            streams,
            failed,
        } = self;
        let streams: Vec<StreamFacts> = streams.into_values().collect();
        // A record that ended one copy of a log and goes on in another is the longer one.
        let is_superseded = |open: bool, stream: StreamId, offset: u64, length: u64| {
            open && streams
                .iter()
                .filter(|facts| facts.stream == stream)
                .flat_map(|facts| &facts.ranges)
                .any(|(from, to)| *from <= offset && *to > offset + length)
        };
        let mut kept: Vec<Event> = events
            .into_values()
            .filter(|event| !is_superseded(event.open, event.stream, event.offset, event.length))
            .collect();
        kept.sort_unstable_by_key(|event| (event.source, event.stream, event.offset, event.id));
        let mut distinct: HashMap<Code, BTreeSet<EventId>> = HashMap::new();
        for event in &kept {
            for code in &event.codes {
                distinct.entry(*code).or_default().insert(event.id);
            }
        }
        for noise in noise.values() {
            if let Some(code) = noise.code
                && !is_superseded(noise.open, noise.stream, noise.offset, noise.length)
            {
                distinct.entry(code).or_default().insert(noise.id);
            }
        }
        let codes = counts
            .into_iter()
            .map(|(code, (records, noise))| {
                let events = distinct.get(&code).map_or(0, |ids| ids.len() as u64);
                (
                    code,
                    CodeCount {
                        records,
                        noise,
                        events,
                    },
                )
            })
            .collect();
        let input = UnitInput {
            events: kept,
            streams,
        };
        let derivations = classify::derive_all(rules, "default", &endpoint, &input);
        let records = inputs.iter().map(|input| input.records).sum();
        let verdict = classify::verdict(derivations.values(), &input.events, records);
        let servicing_stack = input
            .events
            .iter()
            .filter(|event| event.marker == Marker::StackLoaded)
            .max_by_key(|event| (event.logged, event.offset))
            .and_then(|event| event.field("version"))
            .map(str::to_owned);
        Scan {
            inputs,
            codes,
            noise: noise_records,
            derived: merged(derivations.into_values()),
            events: input
                .events
                .into_iter()
                .map(|event| (event.id, event))
                .collect(),
            places,
            verdict,
            servicing_stack,
            failed,
        }
    }
}

/// Smaller is better: closed before open, then the smallest reference. The store keeps the same copy.
fn rank(event: &Event) -> (bool, StreamId, u64) {
    (event.open, event.stream, event.offset)
}

fn earliest(one: Option<LoggedAt>, other: Option<LoggedAt>) -> Option<LoggedAt> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

/// The months' derivations as one, the most important findings first.
fn merged(derivations: impl Iterator<Item = Derivation>) -> Derivation {
    let mut all = Derivation::default();
    for derivation in derivations {
        let shift = u32::try_from(all.findings.len()).unwrap_or(u32::MAX);
        all.findings.extend(derivation.findings);
        all.attempts
            .extend(derivation.attempts.into_iter().map(|mut attempt| {
                attempt.finding = attempt.finding.map(|finding| finding + shift);
                attempt
            }));
    }
    let mut order: Vec<usize> = (0..all.findings.len()).collect();
    let caused = |index: usize| {
        all.attempts
            .iter()
            .filter(|attempt| attempt.finding == u32::try_from(index).ok())
            .count()
    };
    let counts: Vec<usize> = order.iter().map(|index| caused(*index)).collect();
    order.sort_by_key(|index| {
        let finding = &all.findings[*index];
        (
            std::cmp::Reverse(finding.severity),
            std::cmp::Reverse(counts[*index]),
            std::cmp::Reverse(finding.confidence),
            finding.utc,
        )
    });
    let mut place = vec![0; order.len()];
    for (position, index) in order.iter().enumerate() {
        place[*index] = u32::try_from(position).unwrap_or(u32::MAX);
    }
    for attempt in &mut all.attempts {
        attempt.finding = attempt.finding.map(|finding| place[finding as usize]);
    }
    let mut drafts: Vec<Option<event::Finding>> = all.findings.into_iter().map(Some).collect();
    all.findings = order
        .iter()
        .filter_map(|index| drafts[*index].take())
        .collect();
    all
}

/// Line numbers of ascending places in a text.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, first_line: u64) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: first_line,
        }
    }

    fn line_of(&mut self, place: usize) -> u64 {
        self.line += memchr::memchr_iter(b'\n', &self.text[self.at..place]).count() as u64;
        self.at = place;
        self.line
    }
}
