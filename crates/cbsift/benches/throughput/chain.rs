//! Chunks through the running pipeline into the engine.

use crate::TENANT;
use crate::clock::print_row;
use crate::corpus::{Log, endpoint, repeated};
use classify::Rules;
use embedded_clickhouse::testing::TestEngine;
use event::{Chunk, Code};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Chunks through the running pipeline into the engine, as `cbsift up` has them.
pub(crate) fn chain(
    name: &str,
    logs: &[Log],
    repeats: usize,
    size: usize,
    calls: usize,
    budget: Option<f64>,
) {
    let all: Vec<&Log> = logs.iter().collect();
    let bytes: usize = all.iter().map(|log| log.bytes).sum();
    let fleet = repeated(&all, repeats, size);
    let count: usize = fleet.iter().map(Vec::len).sum();
    let expected = codes_of(&fleet[0]);
    // Neighbours come from different endpoints, as they would from a fleet.
    let mut queues: Vec<_> = fleet.into_iter().map(Vec::into_iter).collect();
    let mut order = Vec::with_capacity(count);
    while order.len() < count {
        order.extend(queues.iter_mut().filter_map(Iterator::next));
    }
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let (engine, store, pipeline) = start(name).await;
        let next = Arc::new(Mutex::new(order.into_iter()));
        let (start, cpu) = (Instant::now(), engine.cpu_seconds());
        let mut senders = tokio::task::JoinSet::new();
        for _ in 0..calls {
            let (next, handle) = (Arc::clone(&next), pipeline.handle());
            senders.spawn(async move {
                loop {
                    let chunk = next.lock().expect("no sender panicked").next();
                    let Some(chunk) = chunk else { return };
                    while let Err(error) = handle.store(vec![chunk.clone()]).await {
                        eprintln!("sent again: {error}");
                    }
                }
            });
        }
        senders.join_all().await;
        let (wall, cpu_stored) = (start.elapsed().as_secs_f64(), engine.cpu_seconds() - cpu);
        while pipeline.status().pending_units(&store).await.expect("the store answers") > 0 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let (derived, cpu_derived) = (start.elapsed().as_secs_f64(), engine.cpu_seconds() - cpu);
        assert_eq!(pipeline.status().counts().bytes, (bytes * repeats) as u64, "bytes acknowledged");
        for repeat in 0..repeats {
            let endpoint = endpoint(repeat);
            let held = store.covered_bytes(TENANT, &endpoint).await.expect("the store answers");
            assert_eq!(held, bytes as u64, "bytes of {endpoint}");
            let codes = store.codes_of_endpoint(TENANT, &endpoint).await.expect("the store answers");
            let codes: BTreeMap<Code, (u64, u64)> = codes.iter().map(|code| (code.code, (code.events, code.noise))).collect();
            assert_eq!(codes, expected, "codes of {endpoint}");
        }
        let megabytes = (bytes * repeats) as f64 / 1e6;
        let counts = pipeline.status().counts();
        let checked = format!(
            "read back: bytes and {} codes of each of {repeats} endpoints; {count} chunks, {} events, {} noise; all derived after {derived:.1} s, {cpu_derived:.1} CPU s",
            expected.len(), counts.events, counts.noise
        );
        print_row(&format!("{name} (wall, 2 cores)"), megabytes / wall, megabytes / wall, cpu_stored, budget, &checked);
        pipeline.stop().await.expect("everything is stored");
    });
}

/// Codes with their distinct records and how many of those are noise, as an endpoint's rows must say.
fn codes_of(chunks: &[Chunk]) -> BTreeMap<Code, (u64, u64)> {
    let (mut events, mut noise) = (
        BTreeMap::<Code, BTreeSet<u64>>::new(),
        BTreeMap::<Code, BTreeSet<u64>>::new(),
    );
    for chunk in chunks {
        let of = classify::classify(Rules::shipped(), chunk);
        for event in &of.events {
            for code in &event.codes {
                events.entry(*code).or_default().insert(event.id.0);
            }
        }
        for one in &of.noise {
            if let Some(code) = one.code {
                noise.entry(code).or_default().insert(one.id.0);
            }
        }
    }
    let codes: BTreeSet<Code> = events.keys().chain(noise.keys()).copied().collect();
    let empty = BTreeSet::new();
    codes
        .into_iter()
        .map(|code| {
            let (events, noise) = (
                events.get(&code).unwrap_or(&empty),
                noise.get(&code).unwrap_or(&empty),
            );
            (
                code,
                (events.union(noise).count() as u64, noise.len() as u64),
            )
        })
        .collect()
}

async fn start(name: &str) -> (TestEngine, store::Store, pipeline::Pipeline) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("bench-{name}"));
    let engine = TestEngine::fresh(folder);
    let store = store::Store::connect(store::StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    pipeline::publish_shipped(&store)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let pipeline = pipeline::Pipeline::start(store.clone())
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    (engine, store, pipeline)
}
