//! Files to an answer, with the same functions as the pipeline: cut, classify, derive.

// Text of strangers: a slice that ends within a letter would end the scan.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

mod facts;
mod machines;
mod merge;
mod shown;

pub(crate) use facts::{FactsInput, MachineFacts, Whose};
pub(crate) use machines::Told;

use crate::here::probe::Probe;
use crate::progress::Progress;
use classify::{Classified, Rules, StreamFacts, UnitInput, Verdict};
use event::{
    Chunk, Code, Derivation, Event, EventId, Format, LoggedAt, Marker, Noise, Source, StreamId,
    TextEncoding, UtcAnchor,
};
use files::{FileChunks, FileError, LogFile};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Chunk size of `scan`; the answer does not depend on it.
const CHUNK_BYTES: usize = 256 * 1024;

/// What was read of one file.
pub(crate) struct Input {
    pub(crate) path: PathBuf,
    /// The path for people: below what was handed over.
    pub(crate) shown: String,
    /// Whose log it is: a place in [`Scan::machines`]; 0 where all are of one.
    pub(crate) machine: usize,
    /// Nothing: not a log we know.
    pub(crate) source: Option<Source>,
    pub(crate) encoding: TextEncoding,
    pub(crate) format: Option<Format>,
    pub(crate) bytes: u64,
    pub(crate) records: u64,
    /// Events of which too little was understood: no provider, time, id or code.
    pub(crate) half_read: u64,
    pub(crate) skipped_bytes: u64,
    pub(crate) lines: u64,
    pub(crate) utc_changes: Vec<(u64, UtcAnchor)>,
    pub(crate) first: Option<LoggedAt>,
    pub(crate) last: Option<LoggedAt>,
    /// It ends within a line, so its last record may be cut off.
    pub(crate) is_cut: bool,
    /// Why it was not read, or not wholly; empty otherwise.
    pub(crate) reason: String,
    /// What ended its reading before its end.
    pub(crate) problem: Option<Problem>,
    /// Bytes on which this build failed: what stands in them is not known.
    pub(crate) unexamined: Vec<Unexamined>,
    /// What it tells of its machine, where it does.
    pub(crate) facts: Option<FactsInput>,
}

impl Input {
    fn new(path: PathBuf, source: Option<Source>) -> Self {
        Self {
            path,
            shown: String::new(),
            machine: 0,
            source,
            encoding: TextEncoding::default(),
            format: None,
            bytes: 0,
            records: 0,
            half_read: 0,
            skipped_bytes: 0,
            lines: 0,
            utc_changes: Vec::new(),
            first: None,
            last: None,
            is_cut: false,
            reason: String::new(),
            problem: None,
            unexamined: Vec::new(),
            facts: None,
        }
    }

    /// Notes bytes of a file that are not examined, together with those right before them.
    fn skip(&mut self, offset: u64, length: u64) {
        match self.unexamined.last_mut() {
            Some(last) if last.offset.saturating_add(last.length) == offset => {
                last.length = last.length.saturating_add(length);
            }
            _ => self.unexamined.push(Unexamined { offset, length }),
        }
    }

    /// Whether all of it was read and examined; else a failure may stand in the rest. In facts none stands.
    pub(crate) fn is_examined(&self) -> bool {
        match self.source {
            Some(_) => self.problem.is_none() && self.unexamined.is_empty(),
            None => self.problem.is_none() || self.facts.is_some(),
        }
    }

    /// What is known of a chunk whatever stands in it.
    fn advance(&mut self, chunk: &Chunk) {
        self.lines += memchr::memchr_iter(b'\n', chunk.text.as_bytes()).count() as u64;
        self.bytes += chunk.length;
        // Chunks come in order, so the last one decides.
        self.is_cut = !chunk.text.ends_with('\n');
    }
}

/// What ended the reading of a file.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// What was tried: `open`, `read` or `list`.
    pub(crate) doing: &'static str,
    pub(crate) kind: std::io::ErrorKind,
    /// The whole of it, in English.
    pub(crate) message: String,
}

impl Problem {
    fn of(error: &FileError) -> Self {
        Self {
            doing: error.doing,
            kind: error.source.kind(),
            message: error.to_string(),
        }
    }
}

/// One of several machines whose logs were handed over together.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) told: Told,
    pub(crate) verdict: Verdict,
    pub(crate) servicing_stack: Option<String>,
    /// Its attempts and findings.
    pub(crate) ids: BTreeSet<EventId>,
}

/// A stretch of a file, in its own bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unexamined {
    pub(crate) offset: u64,
    pub(crate) length: u64,
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
    /// Attempts and findings could be derived from what was read.
    pub(crate) is_derived: bool,
    pub(crate) servicing_stack: Option<String>,
    /// The machines where there are several; else nothing.
    pub(crate) machines: Vec<Machine>,
    /// What is known of each machine, or of the only one; nothing where no file tells it.
    pub(crate) facts: Vec<MachineFacts>,
    /// What came of opening, on the machine itself, what findings name; nothing where that was not tried.
    pub(crate) probes: BTreeMap<EventId, Vec<Probe>>,
    /// What could not be read, examined or derived, for people.
    pub(crate) failed: Vec<String>,
}

/// What is read, and how it is named.
#[derive(Clone, Copy)]
pub(crate) struct Where<'a> {
    pub(crate) paths: &'a [PathBuf],
    /// Shown below this folder; else below what all paths have in common.
    pub(crate) below: Option<&'a Path>,
    /// Copies, each with the name of what it is a copy of.
    pub(crate) aliases: &'a [(PathBuf, PathBuf)],
}

impl<'a> Where<'a> {
    /// Paths as they were handed over.
    pub(crate) fn named(paths: &'a [PathBuf]) -> Self {
        Self {
            paths,
            below: None,
            aliases: &[],
        }
    }

    fn name(&self, path: &mut PathBuf) {
        let alias = self.aliases.iter().find(|(copy, _)| copy == path);
        if let Some((_, name)) = alias {
            path.clone_from(name);
        }
    }

    /// What is there, under the names that it is known by.
    pub(crate) fn find(&self) -> files::Found {
        let mut found = files::find(self.paths);
        let logs = found.logs.iter_mut().map(|one| &mut one.path);
        let skipped = found.skipped.iter_mut().map(|one| &mut one.path);
        let facts = found.facts.iter_mut().map(|one| &mut one.path);
        logs.chain(skipped)
            .chain(facts)
            .for_each(|path| self.name(path));
        found
    }
}

impl Scan {
    /// Whose attempt or finding this is, where there are several machines.
    pub(crate) fn machine(&self, id: EventId) -> Option<&Machine> {
        let mut machines = self.machines.iter();
        machines.find(|machine| machine.ids.contains(&id))
    }

    /// Whether something was closed to whoever asked.
    pub(crate) fn is_closed(&self) -> bool {
        let problems = self
            .inputs
            .iter()
            .filter_map(|input| input.problem.as_ref());
        problems
            .into_iter()
            .any(|problem| problem.kind == std::io::ErrorKind::PermissionDenied)
    }

    /// Whether all logs were read to their ends and examined.
    pub(crate) fn is_examined(&self) -> bool {
        self.is_derived && self.inputs.iter().all(Input::is_examined)
    }

    /// Nothing was there to read.
    fn nothing() -> Self {
        Self {
            inputs: Vec::new(),
            codes: BTreeMap::new(),
            noise: BTreeMap::new(),
            events: HashMap::new(),
            places: HashMap::new(),
            derived: Derivation::default(),
            verdict: Verdict::Inconclusive,
            is_derived: true,
            servicing_stack: None,
            machines: Vec::new(),
            facts: Vec::new(),
            probes: BTreeMap::new(),
            failed: Vec::new(),
        }
    }

    /// A part of what was to be read that could not be looked at: a failure may stand in it.
    pub(crate) fn add_unread(&mut self, path: &Path, shown: String, problem: Problem) {
        self.failed.push(problem.message.clone());
        self.inputs.push(Input {
            shown,
            reason: problem.message.clone(),
            problem: Some(problem),
            ..Input::new(path.to_owned(), None)
        });
        self.doubt();
    }

    /// Events of which too little was understood: a failure may stand in each.
    pub(crate) fn half_read(&self) -> u64 {
        self.inputs.iter().map(|input| input.half_read).sum()
    }

    /// Of what was not wholly examined nothing better can be said than that it is not known.
    pub(crate) fn doubt(&mut self) {
        if (!self.is_examined() || self.half_read() > 0) && self.verdict != Verdict::Failed {
            self.verdict = Verdict::Inconclusive;
        }
        for (index, machine) in self.machines.iter_mut().enumerate() {
            let is_torn = self.inputs.iter().any(|input| {
                input.machine == index && (input.half_read > 0 || !input.is_examined())
            });
            if is_torn && machine.verdict != Verdict::Failed {
                machine.verdict = Verdict::Inconclusive;
            }
        }
    }
}

/// The steps that meet the text of strangers. Each may fail on some text that nobody thought of; tests bring steps that do.
struct Steps {
    classify: fn(&Rules, &Chunk) -> Classified,
    derive: fn(&Rules, &str, &UnitInput) -> Vec<Derivation>,
}

const STEPS: Steps = Steps {
    classify: classify::classify,
    derive: |rules, endpoint, input| {
        let months = classify::derive_all(rules, "default", endpoint, input);
        months.into_values().collect()
    },
};

/// Reads paths as the logs of the endpoint that is named, or else of as many machines as they tell of.
pub(crate) fn scan(
    rules: &Rules,
    place: Where<'_>,
    endpoint: Option<&str>,
    progress: &Progress,
) -> Scan {
    scan_with(rules, place, endpoint, progress, &STEPS)
}

fn scan_with(
    rules: &Rules,
    place: Where<'_>,
    endpoint: Option<&str>,
    progress: &Progress,
    steps: &Steps,
) -> Scan {
    let found = place.find();
    let logs = found.logs.iter().map(|log| log.bytes);
    let total = logs.chain(found.facts.iter().map(|file| file.bytes)).sum();
    progress.start(total);
    let base = match place.below {
        Some(folder) => shown::Base::at(folder),
        None => shown::Base::of(place.paths),
    };
    let (told, groups) = match endpoint {
        // Whoever names the endpoint says that it is one.
        Some(name) => {
            let (name, logs) = (name.to_owned(), found.logs.iter().collect());
            (None, vec![machines::Group { name, logs }])
        }
        None => machines::apart(&found.logs, &base),
    };
    let owners = facts::Owners::of(&groups, &base);
    let scans = groups.into_iter().map(|group| {
        let name = if group.name.is_empty() {
            UNNAMED
        } else {
            group.name.as_str()
        };
        let mut gathered = Gathered::new(rules, name, steps);
        for log in group.logs {
            progress.at(&log.path.to_string_lossy());
            gathered.read(log, base.shown(&log.path), progress);
        }
        (group.name, gathered.finish())
    });
    let mut scan = merge::united(told, scans.collect());
    let logs = scan.inputs.iter().enumerate();
    let logs: HashMap<PathBuf, usize> = logs.map(|(at, log)| (log.path.clone(), at)).collect();
    for file in &found.facts {
        // What a tool printed may be its log too.
        let known = logs.get(&file.path).copied();
        let at = known.unwrap_or(scan.inputs.len());
        if known.is_none() {
            scan.inputs.push(facts::input_of(file, &base));
        }
        scan.take_facts(file, at, &owners, progress);
    }
    let facts: BTreeSet<&Path> = found.facts.iter().map(|file| file.path.as_path()).collect();
    let skipped = found.skipped.into_iter();
    for skipped in skipped.filter(|skipped| !facts.contains(skipped.path.as_path())) {
        scan.inputs.push(Input {
            shown: base.shown(&skipped.path),
            encoding: skipped.encoding.unwrap_or_default(),
            bytes: skipped.bytes,
            skipped_bytes: skipped.bytes,
            reason: skipped.reason.to_owned(),
            ..Input::new(skipped.path, None)
        });
    }
    for error in found.failed {
        // Of a machine's own logs each one counts; of paths that were handed over, whoever did so sees what is missing.
        if place.below.is_some() {
            let shown = base.shown(&error.path);
            let path = error.path.clone();
            scan.add_unread(&path, shown, Problem::of(&error));
        } else {
            scan.failed.push(error.to_string());
        }
    }
    progress.end();
    scan
}

/// The endpoint where nobody names one.
pub(crate) const UNNAMED: &str = "local";

struct Gathered<'r> {
    rules: &'r Rules,
    steps: &'r Steps,
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
    fn new(rules: &'r Rules, endpoint: &str, steps: &'r Steps) -> Self {
        Self {
            rules,
            steps,
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

    fn read(&mut self, log: &LogFile, shown: String, progress: &Progress) {
        let mut input = Input {
            shown,
            encoding: log.encoding,
            format: Some(log.format),
            ..Input::new(log.path.clone(), Some(log.source))
        };
        if let Err(error) = self.read_chunks(&mut input, log, progress) {
            let problem = Problem::of(&error);
            input.reason.clone_from(&problem.message);
            self.failed.push(problem.message.clone());
            input.problem = Some(problem);
        }
        for one in &input.unexamined {
            self.failed.push(format!(
                "cannot examine {} bytes from byte {} of `{}`: this build fails on them\nhint: the rest was examined; keep the file, for the defect is in this build",
                one.length,
                one.offset,
                harmless::line(&log.path.to_string_lossy())
            ));
        }
        let changes: BTreeSet<UtcAnchor> = parse::utc_changes(
            &input
                .utc_changes
                .iter()
                .map(|(_, anchor)| *anchor)
                .collect::<Vec<_>>(),
        )
        .into_iter()
        .collect();
        input
            .utc_changes
            .retain(|(_, anchor)| changes.contains(anchor));
        self.inputs.push(input);
    }

    fn read_chunks(
        &mut self,
        input: &mut Input,
        log: &LogFile,
        progress: &Progress,
    ) -> Result<(), FileError> {
        let mut chunks = FileChunks::open(log, CHUNK_BYTES)?;
        let path = log.path.to_string_lossy().into_owned();
        let mut stream = None;
        let mut end = 0;
        loop {
            // A chunk on which something fails is left out, and said: the cause may stand in any other.
            let Ok(cut) = catch_unwind(AssertUnwindSafe(|| chunks.next())) else {
                // Where the next one would start is lost with it.
                input.skip(end, log.bytes.saturating_sub(end));
                return Ok(());
            };
            let Some(cut) = cut else { return Ok(()) };
            let piece = cut?.piece;
            end = piece.offset.saturating_add(piece.length);
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
            progress.add(chunk.length);
            let examined = catch_unwind(AssertUnwindSafe(|| {
                let classified = (self.steps.classify)(self.rules, &chunk);
                let places = places(&chunk, &classified);
                (classified, places)
            }));
            match examined {
                Ok((classified, places)) => self.take(input, &chunk, classified, &places),
                Err(_) => input.skip(chunk.offset, chunk.length),
            }
            input.advance(&chunk);
        }
    }

    fn take(&mut self, input: &mut Input, chunk: &Chunk, classified: Classified, places: &Places) {
        // It is pushed once it is read.
        let index = self.inputs.len();
        for (anchor, before) in classified.anchors.iter().zip(&places.anchors) {
            let line = input.lines + 1 + before;
            input.utc_changes.push((line, *anchor));
        }
        for (event, (before, lines)) in classified.events.iter().zip(&places.events) {
            self.places
                .entry((event.stream, event.offset))
                .or_insert(Place {
                    input: index,
                    line: input.lines + 1 + before,
                    lines: *lines,
                });
        }
        input.records += classified.records;
        input.half_read += classified.half_read;
        input.skipped_bytes += classified.loose_bytes;
        if chunk.encoding == TextEncoding::Utf8 {
            // The byte-order mark.
            input.skipped_bytes += chunk.length.saturating_sub(chunk.text.len() as u64);
        }
        input.first = earliest(input.first, classified.first);
        input.last = input.last.max(classified.last);

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
            .push((chunk.offset, chunk.offset.saturating_add(chunk.length)));
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
            steps,
            endpoint,
            inputs,
            counts,
            noise_records,
            events,
            noise,
            places,
            streams,
            mut failed,
        } = self;
        let streams: Vec<StreamFacts> = streams.into_values().collect();
        // A record that ended one copy of a log and goes on in another is the longer one.
        let is_superseded = |open: bool, stream: StreamId, offset: u64, length: u64| {
            let find = || streams.binary_search_by_key(&stream, |facts| facts.stream);
            let facts = open.then(find).and_then(|found| streams.get(found.ok()?));
            facts.is_some_and(|facts| {
                let mut ranges = facts.ranges.iter();
                ranges.any(|(from, to)| *from <= offset && *to > offset.saturating_add(length))
            })
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
        // Event logs and Intune's tell of everything on a machine: how much of them there is says nothing of servicing.
        let servicing = inputs
            .iter()
            .filter(|input| !matches!(input.source, Some(Source::EventLog | Source::Intune)));
        let records = servicing.map(|input| input.records).sum();
        let derived = catch_unwind(AssertUnwindSafe(|| {
            let derivations = (steps.derive)(rules, &endpoint, &input);
            let verdict = classify::verdict(&derivations, &input.events, records);
            (merge::merged(derivations.into_iter()), verdict)
        }));
        let is_derived = derived.is_ok();
        let (derived, verdict) = derived.unwrap_or_else(|_| {
            failed.push("cannot derive attempts and findings from what was read: this build fails on it\nhint: the codes were read; keep the files, for the defect is in this build".to_owned());
            (Derivation::default(), Verdict::Inconclusive)
        });
        let servicing_stack = input
            .events
            .iter()
            .filter(|event| event.marker == Marker::StackLoaded)
            .max_by_key(|event| (event.logged, event.offset))
            .and_then(|event| event.field("version"))
            .map(str::to_owned);
        let mut scan = Scan {
            inputs,
            codes,
            noise: noise_records,
            derived,
            is_derived,
            events: input
                .events
                .into_iter()
                .map(|event| (event.id, event))
                .collect(),
            places,
            verdict,
            servicing_stack,
            machines: Vec::new(),
            facts: Vec::new(),
            probes: BTreeMap::new(),
            failed,
        };
        scan.doubt();
        scan
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

/// Where in a chunk the things stand that were found in it.
struct Places {
    /// Lines of the chunk before each anchor.
    anchors: Vec<u64>,
    /// Lines before each event's record, and its own.
    events: Vec<(u64, u64)>,
}

fn places(chunk: &Chunk, classified: &Classified) -> Places {
    let mut lines = Lines::new(&chunk.text);
    let anchors = classified.anchor_places.iter();
    let anchors = anchors.map(|place| lines.before(*place)).collect();
    let mut lines = Lines::new(&chunk.text);
    let of_record = |place: usize| {
        let rest = chunk.text.get(place..).unwrap_or_default();
        let record = parse::records(rest, chunk.format).next();
        record.map_or(1, |record| record.lines() as u64)
    };
    let events = classified.event_places.iter();
    let events = events
        .map(|place| (lines.before(*place), of_record(*place)))
        .collect();
    Places { anchors, events }
}

/// Counts the lines before ascending places of a text.
struct Lines<'a> {
    text: &'a [u8],
    at: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            line: 0,
        }
    }

    fn before(&mut self, place: usize) -> u64 {
        let since = self.text.get(self.at..place).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', since).count() as u64;
        self.at = place;
        self.line
    }
}

#[cfg(test)]
mod tests;
