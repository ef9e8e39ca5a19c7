//! Made-up logs of the simulator, cut as senders cut them, and the answer computed in memory.

use crate::harness::TENANT;
use classify::{Rules, StreamFacts, UnitInput, classify, derive_all};
use event::{Attempt, Chunk, Code, Event, EventId, Finding, Source, StreamId};
use simulate::LogFile;
use std::collections::{BTreeMap, BTreeSet};

/// Logs of a simulated machine, under an endpoint of the test's own.
pub(crate) fn logs(index: usize) -> Vec<LogFile> {
    let fleet = simulate::Fleet::new(7, 200);
    simulate::produce(&fleet.endpoint(index))
        .0
        .into_iter()
        .filter(|log| log.source != "reporting_events")
        .collect()
}

/// Cuts logs into chunks of about `target` bytes; the last one of each log is open.
pub(crate) fn chunks(endpoint: &str, logs: &[LogFile], target: usize) -> Vec<Chunk> {
    logs.iter()
        .flat_map(|log| cut(endpoint, log, log.bytes.len(), target))
        .collect()
}

/// Cuts a log as far as it had come.
pub(crate) fn cut(endpoint: &str, log: &LogFile, bytes: usize, target: usize) -> Vec<Chunk> {
    let detected = parse::detect(
        &log.path,
        &log.bytes[..log.bytes.len().min(parse::HEAD_BYTES)],
    );
    let source = Source::from_name(log.source).expect("a source we know");
    let mut pieces = Vec::new();
    let mut cutter = parse::Cutter::new(detected.encoding, detected.format, 0, target);
    cutter.push(&log.bytes[..bytes], &mut pieces);
    cutter.finish(&mut pieces);
    let first = pieces
        .first()
        .map_or(0, |piece| parse::first_record_hash(&piece.text));
    let stream = parse::stream_id(TENANT, endpoint, source, first);
    pieces
        .into_iter()
        .map(|piece| Chunk {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            source,
            stream,
            path: log.path.clone(),
            offset: piece.offset,
            length: piece.length,
            encoding: detected.encoding,
            format: detected.format,
            open: piece.open,
            sender: "test".to_owned(),
            received_ms: 0,
            text: piece.text,
        })
        .collect()
}

/// What the store must answer, from memory.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) attempts: Vec<Attempt>,
    pub(crate) findings: Vec<Finding>,
    /// Events and noise of each code.
    pub(crate) codes: Vec<(Code, u64, u64)>,
    pub(crate) bytes: u64,
}

pub(crate) fn expected(rules: &Rules, endpoint: &str, logs: &[LogFile]) -> Answer {
    let mut events: BTreeMap<EventId, Event> = BTreeMap::new();
    let mut streams: BTreeMap<StreamId, StreamFacts> = BTreeMap::new();
    let mut codes: BTreeMap<Code, (BTreeSet<EventId>, BTreeSet<EventId>)> = BTreeMap::new();
    let mut bytes = 0;
    for chunk in chunks(endpoint, logs, 256 << 10) {
        let classified = classify(rules, &chunk);
        bytes += chunk.length;
        let facts = streams.entry(chunk.stream).or_insert_with(|| StreamFacts {
            stream: chunk.stream,
            source: chunk.source,
            anchors: Vec::new(),
            ranges: Vec::new(),
            first: None,
            last: None,
        });
        facts.anchors.extend(classified.anchors);
        facts
            .ranges
            .push((chunk.offset, chunk.offset + chunk.length));
        facts.first = facts.first.into_iter().chain(classified.first).min();
        facts.last = facts.last.max(classified.last);
        for noise in classified.noise {
            if let Some(code) = noise.code {
                let of_code = codes.entry(code).or_default();
                of_code.0.insert(noise.id);
                of_code.1.insert(noise.id);
            }
        }
        for event in classified.events {
            for code in &event.codes {
                codes.entry(*code).or_default().0.insert(event.id);
            }
            let rank = |event: &Event| (event.open, event.stream, event.offset, event.length);
            match events.get(&event.id) {
                Some(held) if rank(held) <= rank(&event) => {}
                _ => {
                    events.insert(event.id, event);
                }
            }
        }
    }
    let input = UnitInput {
        events: events.into_values().collect(),
        streams: streams.into_values().collect(),
    };
    let mut answer = Answer {
        attempts: Vec::new(),
        findings: Vec::new(),
        codes: codes
            .into_iter()
            .map(|(code, (all, noise))| (code, all.len() as u64, noise.len() as u64))
            .collect(),
        bytes,
    };
    for derivation in derive_all(rules, TENANT, endpoint, &input).into_values() {
        answer.attempts.extend(derivation.attempts);
        answer.findings.extend(derivation.findings);
    }
    answer.normalised()
}

impl Answer {
    /// In an order that does not depend on who lists it; links to findings become their identity.
    pub(crate) fn normalised(mut self) -> Self {
        for attempt in &mut self.attempts {
            // Its finding is compared through the finding itself.
            attempt.finding = attempt.finding.map(|_| 0);
        }
        self.attempts
            .sort_by_key(|attempt| (attempt.start, attempt.id, attempt.package.clone()));
        self.findings
            .sort_by_key(|finding| (finding.logged, finding.id, finding.rule.clone()));
        self
    }
}

pub(crate) async fn stored(store: &store::Store, endpoint: &str) -> Answer {
    let (attempts, findings) = store.derived(TENANT, endpoint).await.expect("derived");
    let codes = store
        .codes_of_endpoint(TENANT, endpoint)
        .await
        .expect("codes");
    let mut codes: Vec<(Code, u64, u64)> = codes
        .into_iter()
        .map(|code| (code.code, code.events, code.noise))
        .collect();
    codes.sort();
    let bytes = store.covered_bytes(TENANT, endpoint).await.expect("bytes");
    let held = store
        .held_bytes(TENANT, endpoint)
        .await
        .expect("bytes")
        .into_values()
        .sum::<u64>();
    assert_eq!(held, bytes, "what is covered is held");
    Answer {
        attempts,
        findings,
        codes,
        bytes,
    }
    .normalised()
}
