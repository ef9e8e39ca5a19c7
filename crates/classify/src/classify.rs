//! A chunk to events and noise. Pure: same chunk, same rules, same result.

use crate::codes::{self, Spelling};
use crate::entities;
use crate::failure;
use crate::marker;
use crate::rules::{Layer, Rules, Scratch};
use event::{
    Chunk, Code, Event, EventId, Format, LoggedAt, Marker, Noise, Source, TextEncoding, UtcAnchor,
};
use parse::Record;
use parse::event_json::WindowsEvent;
use std::borrow::Cow;
use std::collections::BTreeSet;
use windows_error_codes::Extend;
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed};

/// An event keeps this much of its record's text; the whole record stands in its chunk.
const MAX_TEXT_BYTES: usize = 8 * 1024;

/// How a line of a trace ends that was not decoded: it has a head and says nothing, so it is no record.
const UNDECODED: &str = "(No Format Information found).";

/// What classification made of one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classified {
    /// Records that mean something, by offset.
    pub events: Vec<Event>,
    /// Where in the chunk's text each event's record starts.
    pub event_places: Vec<usize>,
    /// Harmless look-alikes, by offset.
    pub noise: Vec<Noise>,
    /// Changes of the UTC offset seen, by offset; strong and weak kinds each on their own.
    pub anchors: Vec<UtcAnchor>,
    /// Where in the chunk's text each anchor's record starts.
    pub anchor_places: Vec<usize>,
    /// Records read.
    pub records: u64,
    /// Events of event logs of which too little is understood (no provider, time or id): a failure may stand in each, so nothing good can be said.
    pub half_read: u64,
    /// Bytes of text that belongs to no record.
    pub loose_bytes: u64,
    /// Continuations of CSI records whose start is missing.
    pub orphans: u64,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Every code in the chunk, noise included, ascending.
    pub codes: Vec<Code>,
    /// Every KB that an event of the chunk names, ascending.
    pub kbs: Vec<String>,
}

/// Classifies a chunk.
pub fn classify(rules: &Rules, chunk: &Chunk) -> Classified {
    let mut out = Classified::default();
    let mut examiner = Examiner::new(rules, chunk);
    let mut stamps: Option<(&[u8], &[u8])> = None;
    let mut hits = rules.prefilter(chunk.source).hits(&chunk.text);
    let mut utc = UtcChanges::default();
    let is_foreign = chunk.format.is_of_events() && chunk.encoding != TextEncoding::Evtx;
    let is_other = !matches!(chunk.format, Format::Wds | Format::WdsHeadless);
    for record in parse::records(&chunk.text, chunk.format) {
        let end = record.offset + record.raw.len();
        let is_undecoded =
            chunk.format == Format::WindowsUpdate && record.raw.trim_end().ends_with(UNDECODED);
        // Of what we wrote ourselves the time alone is enough.
        let event = (is_foreign && !record.is_canonical()).then(|| record.event());
        if let Some(event) = &event {
            out.half_read += u64::from(record.is_half_read(event.as_ref()));
        }
        let is_record = match &event {
            Some(event) => event
                .as_ref()
                .is_some_and(|event| !event.provider.is_empty()),
            None => record.has_head() && !is_undecoded,
        };
        let event = event.flatten();
        if is_record {
            out.records += 1;
        } else {
            let placed = record.place(chunk.encoding);
            out.loose_bytes += placed.map_or(record.raw.len() as u64, |(_, bytes)| bytes);
        }
        if let Some(stamp) = record.stamp_bytes() {
            stamps = Some(stamps.map_or((stamp, stamp), |(first, last)| {
                (first.min(stamp), last.max(stamp))
            }));
            if may_show_utc(record.raw.as_bytes()) {
                let anchor = parse::utc_anchor(&record, 0);
                utc.observe(anchor, &record, &mut examiner, &mut out);
            }
        } else if is_other && !is_undecoded {
            // Event logs write UTC, which says nothing of the machine's own clock.
            let clock = match &event {
                Some(event) => event.time.logged().map(|logged| (logged, None)),
                None if is_foreign && !record.is_canonical() => None,
                None if chunk.format.is_of_events() => record.logged().map(|logged| (logged, None)),
                None => parse::clock(&record, 0),
            };
            if let Some((logged, anchor)) = clock {
                out.first = Some(out.first.map_or(logged, |first| first.min(logged)));
                out.last = out.last.max(Some(logged));
                utc.observe(anchor, &record, &mut examiner, &mut out);
            }
        }
        // Nobody knows where a literal was broken in pasted text, and other copies have no words that are the same in every form of
        // them: there each record is looked at.
        let is_repaired =
            chunk.format.is_pasted() || chunk.format.is_copied() || record.is_restored();
        if hits.before(end) || is_repaired {
            let is_last = end == chunk.text.len();
            examiner.examine(&record, event, chunk.open && is_last, &mut out);
        }
    }
    if let Some((first, last)) = stamps {
        out.first = LoggedAt::parse(first);
        out.last = LoggedAt::parse(last);
    }
    let codes: BTreeSet<Code> = out
        .events
        .iter()
        .flat_map(|event| event.codes.iter().copied())
        .chain(out.noise.iter().filter_map(|noise| noise.code))
        .collect();
    out.codes = codes.into_iter().collect();
    let kbs: BTreeSet<&str> = out
        .events
        .iter()
        .map(|event| event.kb.as_str())
        .filter(|kb| !kb.is_empty())
        .collect();
    out.kbs = kbs.into_iter().map(str::to_owned).collect();
    out
}

/// A quick look at the columns where a record that shows the UTC offset differs from others.
fn may_show_utc(raw: &[u8]) -> bool {
    let message = raw.get(50..).unwrap_or_default();
    (message.get(8) == Some(&b'@') && raw.get(43..46) == Some(b"CSI"))
        || message.starts_with(b"Universal Time is: ")
        || (message.starts_with(b"Session: ") && message.len() > 40)
}

/// Keeps the first anchor of each run of equal offsets, strong and weak ones apart, so that the union over chunks does not depend on their cuts.
#[derive(Default)]
struct UtcChanges {
    strong: Option<i32>,
    weak: Option<i32>,
}

impl UtcChanges {
    fn observe(
        &mut self,
        anchor: Option<UtcAnchor>,
        record: &Record<'_>,
        examiner: &mut Examiner<'_>,
        out: &mut Classified,
    ) {
        let Some(mut anchor) = anchor else {
            return;
        };
        let last = if anchor.how.is_weak() {
            &mut self.weak
        } else {
            &mut self.strong
        };
        if *last != Some(anchor.minutes) {
            *last = Some(anchor.minutes);
            anchor.offset = examiner.source_offset(record.offset);
            out.anchors.push(anchor);
            out.anchor_places.push(record.offset);
        }
    }
}

/// Looks at the records that may mean something.
struct Examiner<'a> {
    rules: &'a Rules,
    chunk: &'a Chunk,
    identity_seed: u64,
    /// Source offset of the first character.
    base: u64,
    /// A place of the text, and the source bytes in front of it: records are asked for in their order, so what was counted is not counted again.
    counted: (usize, u64),
    scratch: Scratch,
    spellings: Vec<Spelling>,
}

impl<'a> Examiner<'a> {
    fn new(rules: &'a Rules, chunk: &'a Chunk) -> Self {
        let mark = parse::covered_mark(chunk.encoding, chunk.offset, chunk.length, &chunk.text);
        Self {
            rules,
            chunk,
            identity_seed: identity_seed(&chunk.tenant, &chunk.endpoint, chunk.source),
            // Its offset is what a sender says.
            base: chunk.offset.saturating_add(mark),
            counted: (0, 0),
            scratch: Scratch::default(),
            spellings: Vec::new(),
        }
    }

    /// Where a record stands in the source, and how many bytes it takes there.
    fn place(&mut self, record: &Record<'_>) -> (u64, u64) {
        if let Some(place) = record.place(self.chunk.encoding) {
            return place;
        }
        let length = match self.chunk.encoding {
            TextEncoding::Utf8 => record.raw.len() as u64,
            other => parse::source_length(other, record.raw),
        };
        (self.source_offset(record.offset), length)
    }

    /// Where a place of the text stands in the source.
    fn source_offset(&mut self, at: usize) -> u64 {
        let before = match self.chunk.encoding {
            TextEncoding::Utf8 => at as u64,
            other => {
                // In front of what was counted, it is counted from the start.
                let is_behind = self.counted.0 <= at;
                let (from, before) = if is_behind { self.counted } else { (0, 0) };
                let between = self.chunk.text.get(from..at).unwrap_or_default();
                let before = before.saturating_add(parse::source_length(other, between));
                self.counted = (at, before);
                before
            }
        };
        self.base.saturating_add(before)
    }

    /// Finds the codes and the rules of a text.
    fn look(&mut self, component: &str, text: &str) {
        self.spellings.clear();
        codes::codes_in(text, &mut self.spellings);
        self.rules.find(
            self.chunk.format,
            self.chunk.source,
            component,
            text,
            &self.spellings,
            &mut self.scratch,
        );
    }

    /// Of the texts that a record of pasted text may have had, the first of those that say most.
    fn best_reading<'t>(&mut self, record: &Record<'t>, component: &str) -> Cow<'t, str> {
        let mut readings = record.readings();
        let mut best = (0, 0);
        if readings.len() > 1 {
            for (index, text) in readings.iter().enumerate() {
                self.look(component, text);
                let is_marker = marker::read(self.chunk.source, text).marker != Marker::None;
                let says = 2 * self.scratch.found.len()
                    + 3 * usize::from(is_marker)
                    + self.spellings.len();
                if says > best.1 {
                    best = (index, says);
                }
            }
        }
        if readings.is_empty() {
            return Cow::Borrowed("");
        }
        readings.swap_remove(best.0)
    }

    fn examine<'r>(
        &mut self,
        record: &Record<'r>,
        event: Option<WindowsEvent<'r>>,
        open: bool,
        out: &mut Classified,
    ) {
        if record.is_orphan() {
            out.orphans += 1;
        }
        // Read once: that is most of the work on an event of an event log.
        let event = event.or_else(|| record.event());
        if let Some(event) = &event
            && !self.rules.may_know(event.event_id)
            && marker::of_event(event) == Marker::None
        {
            return;
        }
        let head = match &event {
            Some(event) => Some(event.head()),
            None => record.head(),
        };
        let component = match &event {
            Some(event) => event.provider.as_ref(),
            None => head.map_or("", |head| head.component),
        };
        let text = match &event {
            Some(event) => Cow::Owned(event.to_line()),
            None if self.chunk.format.is_pasted() => self.best_reading(record, component),
            None => record.text(),
        };
        self.look(component, &text);
        let is_event_log = self.chunk.source == Source::EventLog;
        let marked = match &event {
            Some(event) => marker::Marked::of(marker::of_event(event)),
            None => marker::read(self.chunk.source, &text),
        };
        // Event logs tell of everything on a machine: only what a rule knows has to do with servicing.
        if is_event_log && self.scratch.found.is_empty() && marked.marker == Marker::None {
            return;
        }
        if self.spellings.is_empty()
            && self.scratch.found.is_empty()
            && marked.marker == Marker::None
        {
            return;
        }
        let id = self.identity(record, event.as_ref());
        let (offset, length) = self.place(record);
        let logged = head.and_then(|head| head.logged);

        // Setup appends the thread's last error to every result it writes; beside a result it is a hint at most.
        let has_result = self.chunk.source == Source::Setup
            && self
                .spellings
                .iter()
                .any(|spelling| !spelling.is_last_error);
        let mut codes: Vec<Code> = self
            .spellings
            .iter()
            .filter(|spelling| !(has_result && spelling.is_last_error))
            .map(|spelling| spelling.code)
            .collect();
        codes.sort_unstable();
        codes.dedup();
        let noise = |rule: &str, code| Noise {
            id,
            source: self.chunk.source,
            stream: self.chunk.stream,
            offset,
            length,
            open,
            logged,
            rule: rule.to_owned(),
            code,
            session: entities::session(&text).unwrap_or_default().to_owned(),
        };
        let csi = if component == "CSI" {
            record.csi()
        } else {
            None
        };
        let is_real = |spelling: &Spelling| !spelling.is_last_error;
        let failure = failure::read(&failure::Seen {
            source: self.chunk.source,
            level: head.map(|head| head.level).unwrap_or_default(),
            text: &text,
            marked: &marked,
            has_code: self.spellings.iter().any(is_real),
            is_csi_failure: csi.is_some_and(|csi| csi.is_failure),
        });
        let is_end = failure.is_some_and(|failure| failure.is_end);
        let mut is_noise = false;
        for found in &self.scratch.found {
            let rule = self.rules.at(found.rule);
            // What ends something is no noise, whatever it looks like; only a stale last error beside it is.
            if !rule.noise || (is_end && !rule.wants_last_error()) {
                continue;
            }
            let excused = |code: &Code| rule.excuses(*code, &self.spellings);
            if rule.names_codes() {
                let before = codes.len();
                codes.retain(|code| {
                    let is_excused = excused(code);
                    if is_excused {
                        out.noise.push(noise(&rule.id, Some(*code)));
                    }
                    !is_excused
                });
                // A stale last error says nothing of the record it stands on.
                is_noise |= before != codes.len() && !rule.wants_last_error();
            } else {
                is_noise = true;
                if codes.is_empty() {
                    out.noise.push(noise(&rule.id, None));
                }
                out.noise
                    .extend(codes.drain(..).map(|code| noise(&rule.id, Some(code))));
            }
        }
        // What noise excuses in full is no finding either.
        let is_excused = is_noise && codes.is_empty();
        let decided = self
            .scratch
            .found
            .iter()
            .filter(|found| {
                let rule = self.rules.at(found.rule);
                // What is only worth knowing may be said of noise too.
                !rule.noise && (!is_excused || rule.severity == event::Severity::Info)
            })
            .max_by_key(|found| {
                (
                    self.rules.at(found.rule).layer,
                    std::cmp::Reverse(found.rule),
                )
            });
        if codes.is_empty() && decided.is_none() && marked.marker == Marker::None {
            return;
        }
        let capture = |name: &str| {
            decided
                .and_then(|found| found.captures.iter().find(|(key, _)| key == name))
                .map(|(_, value)| value.as_str())
        };
        let named = || {
            marked
                .field("file")
                .filter(|_| marked.marker == Marker::WorkedOn)
        };
        let mut object = match capture("object").or_else(named) {
            Some(object) if is_event_log => entities::path(&parse::event_json::unescaped(object)),
            object => object.map(entities::path).unwrap_or_default(),
        };
        if let Some(version) = capture("object_version") {
            // Where only both together name the object.
            object.push(' ');
            object.push_str(version);
        }
        if let Some(extend) = capture("extend").and_then(extend) {
            let operation = extend.operation().unwrap_or("UNKNOWN");
            object.push_str(&format!(" ({}, {operation})", extend.phase()));
        }
        let mut fields: Vec<(String, String)> = marked
            .fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        if let (Some(length), Some(object)) = (capture("length"), capture("object"))
            && length.parse() == Ok(object.chars().count())
        {
            fields.push(("object_length".to_owned(), length.to_owned()));
        }
        for (name, value) in decided
            .map(|found| found.captures.as_slice())
            .unwrap_or_default()
        {
            if !matches!(
                name.as_str(),
                "object" | "object_version" | "length" | "package" | "component"
            ) {
                fields.push((name.clone(), value.clone()));
            }
        }
        if let Some(failure) = failure {
            let name = if failure.is_end { "ended" } else { "failed" };
            fields.push((name.to_owned(), failure.what.to_owned()));
        }
        if csi.is_some_and(|csi| csi.is_failure) {
            fields.push(("failure_trace".to_owned(), "yes".to_owned()));
        }
        if self.chunk.format.is_pasted() {
            fields.push(("pasted".to_owned(), "yes".to_owned()));
        }
        if record.is_cut() {
            fields.push(("joined".to_owned(), "yes".to_owned()));
        }
        fields.sort_unstable();
        let package = capture("package")
            .or_else(|| entities::package(&text))
            .unwrap_or_default()
            .to_owned();
        let kb_text = marked
            .fields
            .iter()
            .find(|(name, _)| *name == "identifier")
            .map_or("", |(_, value)| value);
        let rule = decided
            .map(|found| self.rules.speaker(self.rules.at(found.rule), &codes))
            .map(|rule| rule.id.clone())
            .unwrap_or_default();
        out.event_places.push(record.offset);
        out.events.push(Event {
            id,
            source: self.chunk.source,
            stream: self.chunk.stream,
            offset,
            length,
            open,
            logged,
            stamp: match &event {
                Some(event) => event.time.utc(),
                None => csi.and_then(|csi| csi.stamp),
            },
            level: head.map(|head| head.level).unwrap_or_default(),
            component: component.to_owned(),
            marker: marked.marker,
            codes,
            rule,
            object,
            kb: entities::kb(&package)
                .or_else(|| entities::kb(kb_text))
                .or_else(|| entities::kb(&text))
                .map(str::to_owned)
                .or_else(|| entities::kb_of_file(&text))
                .unwrap_or_default(),
            package,
            component_identity: capture("component")
                .map(|name| name.trim_end_matches([',', '"', '\'', '.']))
                .or_else(|| entities::component(&text))
                .unwrap_or_default()
                .to_owned(),
            session: entities::session(&text).unwrap_or_default().to_owned(),
            client: marked.client.to_owned(),
            trace: if component == "CSI" {
                entities::trace(&text).unwrap_or_default().to_owned()
            } else {
                String::new()
            },
            fields,
            text: bounded(text),
        });
    }

    /// Of an event of an event log, what the log itself knows it by, whoever wrote it down.
    /// Else of the record's own text, with line ends as LF and the trailing ones gone: copies that differ in those are the same event.
    fn identity(&self, record: &Record<'_>, event: Option<&WindowsEvent<'_>>) -> EventId {
        if let Some(event) = event {
            return EventId(xxh3_64_with_seed(
                event.identity().as_bytes(),
                self.identity_seed,
            ));
        }
        identity_of_text(record.raw, self.identity_seed)
    }
}

/// The identity of a record of this text in a log of an endpoint; that of an event of an event log follows from something else.
pub fn identity_of(tenant: &str, endpoint: &str, source: event::Source, record: &str) -> EventId {
    identity_of_text(record, identity_seed(tenant, endpoint, source))
}

fn identity_seed(tenant: &str, endpoint: &str, source: event::Source) -> u64 {
    let mut seed = Xxh3::new();
    for part in [tenant, endpoint, source.name()] {
        seed.update(part.as_bytes());
        seed.update(&[0]);
    }
    seed.digest()
}

fn identity_of_text(record: &str, seed: u64) -> EventId {
    let raw = record.trim_end_matches(['\r', '\n', '\0', ' ']);
    if memchr::memchr(b'\r', raw.as_bytes()).is_none() {
        return EventId(xxh3_64_with_seed(raw.as_bytes(), seed));
    }
    EventId(xxh3_64_with_seed(
        raw.replace("\r\n", "\n").as_bytes(),
        seed,
    ))
}

/// In which phase and operation an upgrade failed: the number behind the result, written without `0x`.
fn extend(digits: &str) -> Option<Extend> {
    Extend::new(u32::from_str_radix(digits, 16).ok()?)
}

fn bounded(text: Cow<'_, str>) -> String {
    if text.len() <= MAX_TEXT_BYTES {
        return text.into_owned();
    }
    let start = text.get(..text.floor_char_boundary(MAX_TEXT_BYTES));
    start.unwrap_or_default().to_owned()
}

/// What a single line says to each rule, for `explain` and for the rules' own tests.
pub fn rules_matching<'a>(
    rules: &'a Rules,
    source: event::Source,
    format: Format,
    line: &str,
) -> Vec<(&'a str, Layer, bool)> {
    let mut matching = Vec::new();
    let mut scratch = Scratch::default();
    for record in parse::records(line, format) {
        let text = record.text();
        let mut spellings = Vec::new();
        codes::codes_in(&text, &mut spellings);
        let component = record.head().map_or("", |head| head.component);
        rules.find(format, source, component, &text, &spellings, &mut scratch);
        for found in &scratch.found {
            let rule = rules.at(found.rule);
            matching.push((rule.id.as_str(), rule.layer, rule.noise));
        }
    }
    matching
}
