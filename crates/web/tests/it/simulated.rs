//! A made-up fleet of the simulator behind the pages, stored as a pipeline would, beside what `scan` makes of the same logs.

use crate::harness::served;
use classify::{Judgement, Rules, StreamFacts, UnitInput, classify, derive_all, judge};
use event::{Chunk, Derivation, Event, LoggedAt, Month, Source, StreamId, Unit};
use parse::{Cutter, HEAD_BYTES, detect};
use std::{collections::BTreeMap, net::SocketAddr};
use store::{Batch, ChunkRows, DerivationVersion, EndpointFacts, Store, UnitDerivation};
use tokio::sync::OnceCell;

pub(crate) const TENANT: &str = "simulated";

/// One machine, judged by its logs alone.
pub(crate) struct Machine {
    pub(crate) endpoint: String,
    pub(crate) derived: BTreeMap<Month, Derivation>,
    pub(crate) judgement: Judgement,
    events: Vec<Event>,
}

impl Machine {
    /// The identity of the event that stands at a place.
    pub(crate) fn event_at(&self, offset: u64, stream: &serde_json::Value) -> u64 {
        let mut events = self.events.iter();
        let found =
            events.find(|event| event.offset == offset && event.stream.to_string() == *stream);
        found.expect("an event of its log").id.0
    }
}

pub(crate) struct Simulated {
    pub(crate) pages: SocketAddr,
    pub(crate) machines: Vec<Machine>,
}

impl Simulated {
    /// GET over its pages.
    pub(crate) async fn get(&self, path: &str) -> crate::harness::Answer {
        let headers = [("Host", "127.0.0.1")];
        crate::harness::ask(self.pages, "GET", path, &headers).await
    }
}

/// The fleet, stored once for all tests.
pub(crate) async fn simulated() -> &'static Simulated {
    static FLEET: OnceCell<Simulated> = OnceCell::const_new();
    // In the runtime that outlives the test which came first.
    let fleet = FLEET.get_or_init(|| async {
        let filled = served().await.runtime.spawn(fill());
        filled.await.expect("the fleet is stored")
    });
    fleet.await
}

async fn fill() -> Simulated {
    let served = served().await;
    let store = served.connect().await;
    let fleet = simulate::Fleet {
        days: 45,
        records_per_day: 8,
        ..simulate::Fleet::new(7, 200)
    };
    let mut machines = Vec::new();
    // Half of them stand twice, so that machines fail by the same cause and have something in common.
    for (number, index) in (0..36).chain(0..18).enumerate() {
        let (mut logs, _) = simulate::produce(&fleet.endpoint(index));
        if index % 6 == 5 {
            // An excerpt in a mail: so few lines say little.
            for log in &mut logs {
                log.bytes.truncate(excerpt(&log.bytes));
            }
        }
        machines.push(keep(&store, &format!("sim-{number:03}"), &logs).await);
    }
    Simulated {
        pages: served.new_pages(TENANT).await,
        machines,
    }
}

/// The end of the twelfth line, or of what there is.
fn excerpt(bytes: &[u8]) -> usize {
    let ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    ends.map(|(at, _)| at + 1).nth(11).unwrap_or(bytes.len())
}

async fn keep(store: &Store, endpoint: &str, logs: &[simulate::LogFile]) -> Machine {
    let rules = Rules::shipped();
    let (mut input, mut records, mut rows) = (UnitInput::default(), 0, Vec::new());
    for log in logs {
        for chunk in chunks(endpoint, &log.path, &log.bytes) {
            let made = classify(rules, &chunk);
            if !matches!(chunk.source, Source::EventLog | Source::Intune) {
                records += made.records;
            }
            input.streams.push(StreamFacts {
                stream: chunk.stream,
                source: chunk.source,
                anchors: made.anchors.clone(),
                ranges: vec![(chunk.offset, chunk.offset + chunk.length)],
                first: made.first,
                last: made.last,
            });
            let mut row = ChunkRows::new(chunk);
            row.records = u32::try_from(made.records).expect("few records");
            (row.first, row.last) = (made.first, made.last);
            (row.codes, row.kbs) = (made.codes, made.kbs);
            input.events.extend(made.events.iter().cloned());
            (row.events, row.noise, row.anchors) = (made.events, made.noise, made.anchors);
            rows.push(row);
        }
    }
    // What stands in two logs counts once.
    input
        .events
        .sort_by_key(|event| (event.stream, event.offset));
    let mut seen = std::collections::BTreeSet::new();
    input.events.retain(|event| seen.insert(event.id));
    let times = || input.streams.iter();
    let first = times().filter_map(|stream| stream.first).min();
    let last = times().filter_map(|stream| stream.last).max();
    let batch = Batch::new(1, 1, rows);
    store.insert_batch(&batch).await.expect("rows are stored");
    let derived = derive_all(rules, TENANT, endpoint, &input);
    let judgement = judge(derived.values(), &input.events, records);
    let units: Vec<UnitDerivation> = derived
        .iter()
        .map(|(month, derivation)| UnitDerivation {
            unit: Unit {
                tenant: TENANT.to_owned(),
                endpoint: endpoint.to_owned(),
                month: *month,
            },
            version: DerivationVersion {
                rule_set: 1,
                inputs: 1,
                places: 1,
            },
            content: 0,
            current: None,
            derivation: derivation.clone(),
        })
        .collect();
    store.insert_derivations(&units).await.expect("derived");
    let stack = input
        .events
        .iter()
        .filter_map(EndpointFacts::servicing_stack_of)
        .max();
    let facts = EndpointFacts {
        tenant: TENANT.to_owned(),
        endpoint: endpoint.to_owned(),
        host: format!("HOST-{endpoint}"),
        named_at: None,
        contact_ms: 0,
        servicing_stack: stack.or_else(|| Some((LoggedAt(0), "10.0.19041.1".to_owned()))),
        first,
        last,
    };
    store.insert_facts(&[facts]).await.expect("facts");
    Machine {
        endpoint: endpoint.to_owned(),
        derived,
        judgement,
        events: input.events,
    }
}

fn chunks(endpoint: &str, path: &str, bytes: &[u8]) -> Vec<Chunk> {
    let detected = detect(path, &bytes[..bytes.len().min(HEAD_BYTES)]);
    let source = detected.source.expect("a log that we know");
    let mut cutter = Cutter::new(detected.encoding, detected.format, 0, 256 << 10);
    let mut pieces = Vec::new();
    cutter.push(bytes, &mut pieces);
    cutter.finish(&mut pieces);
    let first = pieces.first().map_or("", |piece| piece.text.as_str());
    let stream: StreamId =
        parse::stream_id(TENANT, endpoint, source, parse::first_record_hash(first));
    let chunk = |piece: parse::Piece| Chunk {
        tenant: TENANT.to_owned(),
        endpoint: endpoint.to_owned(),
        source,
        stream,
        path: path.to_owned(),
        offset: piece.offset,
        length: piece.length,
        encoding: detected.encoding,
        format: detected.format,
        // Nobody sends more of it.
        open: false,
        sender: "test".to_owned(),
        received_ms: 1_750_000_000_000,
        text: piece.text,
    };
    pieces.into_iter().map(chunk).collect()
}
