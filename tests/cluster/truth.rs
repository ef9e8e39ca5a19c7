//! What the store must hold after a fault, known from what was sent.

use crate::harness::{Cluster, Role};
use crate::load::{Endpoint, read_line};
use crate::single::{Answers, scan};
use std::collections::{BTreeMap, BTreeSet};

/// A rule that goes by another name since a publication.
pub struct Renamed {
    pub from: String,
    pub to: String,
}

/// Everything that must hold of an endpoint: its bytes, its events, its answers.
pub fn check(cluster: &Cluster, endpoint: &Endpoint, renamed: Option<&Renamed>) {
    check_bytes(cluster, endpoint);
    let events = cluster.sql(&format!(
        "SELECT count() FROM current_events WHERE endpoint = '{}'",
        endpoint.name
    ));
    assert_eq!(
        events.trim(),
        endpoint.events().to_string(),
        "distinct events of {}",
        endpoint.name
    );
    assert_eq!(
        cluster.answers(&endpoint.name),
        expected(&endpoint.name, endpoint.folder(), renamed),
        "{}",
        endpoint.name
    );
}

/// What `scan` says of the same files.
pub fn expected(endpoint: &str, folder: &std::path::Path, renamed: Option<&Renamed>) -> Answers {
    let mut answers = Answers::of_scan(&scan(&[folder], endpoint));
    assert!(!answers.findings.is_empty(), "the fixture says something");
    if let Some(Renamed { from, to }) = renamed {
        let (from, to) = (format!("{from} | "), format!("{to} | "));
        for answer in answers.findings.iter_mut().chain(&mut answers.attempts) {
            *answer = answer.replace(&from, &to);
        }
        answers.findings.sort();
        answers.attempts.sort();
    }
    answers
}

/// What each stream of an endpoint holds, from its first byte to its last without a hole, and the same wherever chunks overlap.
pub fn streams_of(cluster: &Cluster, endpoint: &str) -> BTreeMap<String, String> {
    let rows = cluster.sql(&format!(
        "SELECT stream, offset, length, text FROM chunks FINAL WHERE endpoint = '{}' \
         ORDER BY stream, offset, length DESC FORMAT JSONEachRow",
        endpoint
    ));
    let mut streams: BTreeMap<String, String> = BTreeMap::new();
    for row in rows.lines() {
        let row: serde_json::Value = serde_json::from_str(row).unwrap();
        let number =
            |name: &str| -> usize { row[name].to_string().replace('"', "").parse().unwrap() };
        let (offset, length) = (number("offset"), number("length"));
        let text = row["text"].as_str().unwrap();
        assert_eq!(text.len(), length, "made-up lines are ASCII");
        let stream = streams.entry(row["stream"].to_string()).or_default();
        assert!(
            offset <= stream.len(),
            "{}: a hole before byte {offset} of stream {}",
            endpoint,
            row["stream"]
        );
        // Cut elsewhere by a re-send: what is known already must be the same.
        let known = (stream.len() - offset).min(length);
        assert_eq!(&text[..known], &stream[offset..offset + known]);
        stream.push_str(&text[known..]);
    }
    streams
}

/// I2: chunks tile every stream from its first byte to its last, and the bytes are those of the files.
fn check_bytes(cluster: &Cluster, endpoint: &Endpoint) {
    let streams = streams_of(cluster, &endpoint.name);
    let mut lines = BTreeSet::new();
    for line in streams.values().flat_map(|stream| stream.lines()) {
        let line = read_line(line).unwrap_or_else(|error| panic!("{error}"));
        assert!(lines.insert(line.clone()), "{line} twice");
    }
    let held: BTreeSet<&str> = streams.values().map(String::as_str).collect();
    let files = endpoint.files();
    let sent: BTreeSet<&str> = files.iter().map(String::as_str).collect();
    assert!(
        held == sent,
        "{}: {} files sent, {} streams stored, {} of them equal to a file",
        endpoint.name,
        sent.len(),
        held.len(),
        held.intersection(&sent).count()
    );
}

/// I1: what a pipeline read is stored, kept as a dead letter, given back, of an erased machine or in flight.
pub fn check_books(pipeline: &Role) {
    let books = pipeline.metrics();
    let of = |name: &str| {
        let name = format!("cbsift_pipeline_{name}");
        books.get(&name).copied().unwrap_or_default()
    };
    let ends = [
        "chunks_total",
        "dead_letters_total",
        "given_back_total",
        "erased_total",
        "in_flight_chunks",
    ];
    assert_eq!(
        of("read_total"),
        ends.iter().map(|name| of(name)).sum::<f64>(),
        "read against its ends: {books:#?}"
    );
}

/// The same of an intake: a body that began was acknowledged, refused, abandoned by its sender, or is under way.
pub fn check_intake_books(intake: &Role) {
    let books = intake.metrics();
    let of = |name: &str| {
        let name = format!("cbsift_ingest_{name}");
        books.get(&name).copied().unwrap_or_default()
    };
    let ends = [
        "acknowledged_total",
        "refused_total",
        "abandoned_total",
        "in_flight_requests",
    ];
    assert_eq!(
        of("bodies_total"),
        ends.iter().map(|name| of(name)).sum::<f64>(),
        "bodies against their ends: {books:#?}"
    );
}
