//! Two endpoints become one: the store answers as one that had them as one from the start.

use crate::harness::{client, quick, store};
use crate::logs::{cut, logs};
use event::{Chunk, GAP_PATH, GapReason, LoggedAt};
use pipeline::{Merged, Pipeline, merge};
use simulate::LogFile;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{Alias, AliasKind, AliasState, EndpointsAsked, Filter, Moving, Sort, Store};
use tokio::sync::Semaphore;

/// Two copies of one site: in the first the machine has two ids for a while, in the second one from the start.
const LIVE: &str = "merge-live";
const TWIN: &str = "merge-twin";

const FROM: &str = "3F2A-old";
const INTO: &str = "3F2A-new";

/// A log's chunks as a sender of this tenant and endpoint cuts them.
fn chunks(tenant: &str, endpoint: &str, log: &LogFile) -> Vec<Chunk> {
    let mut chunks = cut(endpoint, log, log.bytes.len(), 16 << 10);
    let first = parse::first_record_hash(&chunks[0].text);
    for chunk in &mut chunks {
        chunk.tenant = tenant.to_owned();
        chunk.stream = parse::stream_id(tenant, endpoint, chunk.source, first);
        chunk.received_ms = 1_700_000_000_000;
    }
    chunks
}

/// What a sender says to be lost of a log, behind all that it has.
fn gap(of_log: &Chunk, from: u64) -> Chunk {
    Chunk {
        path: format!("{GAP_PATH}{}", of_log.path),
        offset: from,
        length: 100,
        open: false,
        text: GapReason::Gone.name().to_owned(),
        ..of_log.clone()
    }
}

async fn put_alias(store: &Store, tenant: &str, alias: &str, endpoint: &str, state: AliasState) {
    let alias = Alias {
        alias: alias.to_owned(),
        endpoint: endpoint.to_owned(),
        kind: AliasKind::Merged,
        state,
        changed_ms: 1,
        by: "made up".to_owned(),
    };
    store.put_alias(tenant, &alias).await.unwrap();
}

async fn settle(store: &Store, tenant: &str) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let open = store.open_news(Duration::ZERO, 1_000_000).await.unwrap();
        if open.iter().all(|news| news.unit.tenant != tenant) {
            return;
        }
        assert!(Instant::now() < deadline, "not derived in time");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What pages say of an endpoint, without the names of streams and identities, which hold the tenant's.
async fn answers(store: &Store, tenant: &str, endpoint: &str) -> String {
    let detail = store.endpoint(tenant, endpoint).await.unwrap().unwrap();
    let mut streams: Vec<String> = detail
        .streams
        .iter()
        .map(|stream| {
            format!(
                "{:?} {} {:?} {} {:?} {:?} {:?} {:?}",
                stream.source,
                stream.path,
                stream.encoding,
                stream.bytes,
                stream.first,
                stream.last,
                stream.utc,
                stream.gaps
            )
        })
        .collect();
    streams.sort();
    let mut lost = store.lost_of(tenant, endpoint).await.unwrap();
    let is_known = |lost: &store::LostPiece| {
        let mut streams = detail.streams.iter();
        streams.any(|stream| Some(stream.stream) == lost.stream)
    };
    assert!(lost.iter().all(is_known), "{lost:?}");
    for piece in &mut lost {
        piece.stream = None;
    }
    lost.sort_by_key(|piece| piece.from);
    let (mut attempts, mut findings) = store.derived(tenant, endpoint).await.unwrap();
    let mut attempts: Vec<String> = attempts
        .drain(..)
        .map(|mut attempt| {
            attempt.id = event::EventId(0);
            attempt.finding = attempt.finding.map(|_| 0);
            format!("{attempt:?}")
        })
        .collect();
    attempts.sort();
    let mut findings: Vec<String> = findings
        .drain(..)
        .map(|mut finding| {
            finding.id = event::EventId(0);
            for evidence in &mut finding.evidence {
                evidence.id = event::EventId(0);
                evidence.stream = event::StreamId(0);
            }
            finding
                .evidence
                .sort_by_key(|evidence| (evidence.offset, evidence.length, evidence.text.clone()));
            format!("{finding:?}")
        })
        .collect();
    findings.sort();
    let mut codes: Vec<String> = detail
        .codes
        .iter()
        .map(|code| format!("{code:?}"))
        .collect();
    codes.sort();
    let filter = Filter {
        tenant: tenant.to_owned(),
        ..Filter::default()
    };
    let asked = EndpointsAsked {
        filter: &filter,
        search: "",
        wanted: None,
        sort: Sort::Name,
        limit: 100,
        after: None,
    };
    let list = store.endpoints(asked).await.unwrap();
    let now = LoggedAt::parse(b"2030-01-01 00:00:00");
    let overview = store
        .overview(&Filter {
            now,
            ..filter.clone()
        })
        .await
        .unwrap();
    format!(
        "{:#?}\n{streams:#?}\n{lost:#?}\n{attempts:#?}\n{findings:#?}\n{codes:#?}\n{:#?}\n{} {}\n{}\n{:?}\n{list:#?}\n{:?}\n{:?}\n{}\n",
        detail.head,
        detail.hosts,
        detail.failed,
        detail.noted,
        store.covered_bytes(tenant, endpoint).await.unwrap(),
        detail.codes_days,
        overview.machines,
        overview.failing,
        overview.totals.attempts,
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn two_endpoints_become_one_under_live_input() {
    let store = store().await;
    let live = Pipeline::start_with(quick(), store.clone()).await.unwrap();
    let (mut old, mut new) = ([logs(3), logs(0)].concat(), logs(11));
    assert!(old.len() > 1 && !new.is_empty());
    // One log the new id sends whole once more, as a machine does that was given another one.
    new.push(old[0].clone());
    for log in &mut old[1..] {
        log.path = format!("old/{}", log.path);
    }
    let of = |tenant: &str, endpoint: &str, logs: &[LogFile]| -> Vec<Vec<Chunk>> {
        let all = logs.iter().map(|log| chunks(tenant, endpoint, log));
        all.collect()
    };
    let (of_old, of_new) = (of(LIVE, FROM, &old), of(LIVE, INTO, &new));
    // Three quarters of each log are there before.
    let part = |all: &[Vec<Chunk>], is_later: bool| -> Vec<Chunk> {
        let parts = all.iter().map(|chunks| {
            let (before, after) = chunks.split_at(chunks.len() - chunks.len().div_ceil(4));
            if is_later {
                after.to_vec()
            } else {
                before.to_vec()
            }
        });
        parts.collect::<Vec<_>>().concat()
    };
    for chunks in [part(&of_old, false), part(&of_new, false)] {
        assert!(!chunks.is_empty());
        live.handle().store(chunks).await.unwrap();
    }
    let of_a_log = of_old[0][0].clone();
    let told = vec![gap(&of_a_log, 1 << 40)];
    live.handle().store(told.clone()).await.unwrap();
    settle(&store, LIVE).await;
    assert!(store.endpoint(LIVE, FROM).await.unwrap().is_some());

    put_alias(&store, LIVE, FROM, INTO, AliasState::Merging).await;
    // Some are sent while the merge waits for the name to be known, some with each step of it, the rest after it.
    let turns = Arc::new(Semaphore::new(4));
    let sender = |chunks: Vec<Chunk>| {
        let (handle, turns) = (live.handle(), Arc::clone(&turns));
        tokio::spawn(async move {
            for chunk in chunks {
                turns.acquire().await.unwrap().forget();
                handle.store(vec![chunk]).await.unwrap();
            }
        })
    };
    let senders = [sender(part(&of_old, true)), sender(part(&of_new, true))];
    let mover = Pipeline::start_with(quick(), store.clone()).await.unwrap();
    let moving = Moving {
        tenant: LIVE,
        from: FROM,
        into: INTO,
    };
    let merged = merge(&store, &mover, moving, &|_| turns.add_permits(2))
        .await
        .unwrap();
    assert!(merged.chunks > 0 && merged.events == 0, "{merged:?}");
    turns.add_permits(100_000);
    for sender in senders {
        sender.await.unwrap();
    }
    // What the old id sends later, and what a topic that is rewound brings again.
    for chunk in part(&of_old, false).into_iter().chain(part(&of_old, true)) {
        live.handle().store(vec![chunk]).await.unwrap();
    }
    let later = vec![gap(&of_a_log, 1 << 41)];
    for told in [told, later] {
        live.handle().store(told).await.unwrap();
    }
    put_alias(&store, LIVE, FROM, INTO, AliasState::Active).await;
    settle(&store, LIVE).await;

    let twin_log = of(TWIN, INTO, &old)[0][0].clone();
    for from in [1 << 40, 1 << 41] {
        let told = vec![gap(&twin_log, from)];
        live.handle().store(told).await.unwrap();
    }
    let twin = [of(TWIN, INTO, &old), of(TWIN, INTO, &new)].concat();
    for chunks in twin {
        live.handle().store(chunks).await.unwrap();
    }
    settle(&store, TWIN).await;
    let (found, expected) = (
        answers(&store, LIVE, INTO).await,
        answers(&store, TWIN, INTO).await,
    );
    similar(&found, &expected);
    assert!(expected.contains("Failed") || expected.contains("failed"));
    assert_eq!(store.lost_of(LIVE, INTO).await.unwrap().len(), 2);
    assert_eq!(store.lost_of(LIVE, FROM).await.unwrap(), []);
    let left = store.holdings(LIVE, FROM).await.unwrap();
    assert_eq!(left, store::Holdings::default());
    assert!(store.endpoint(LIVE, FROM).await.unwrap().is_none());

    // Once more, it has nothing to do and changes nothing.
    let again = merge(&store, &mover, moving, &|_| {}).await.unwrap();
    assert_eq!(again, Merged::default());
    similar(&answers(&store, LIVE, INTO).await, &expected);
    live.stop().await.unwrap();
    mover.stop().await.unwrap();
}

/// As `assert_eq!`, but shows only lines that differ.
fn similar(found: &str, expected: &str) {
    let differences: Vec<String> = std::iter::zip(found.lines(), expected.lines())
        .filter(|(found, expected)| found != expected)
        .take(20)
        .map(|(found, expected)| format!("found    {found}\nexpected {expected}"))
        .collect();
    assert!(
        found == expected,
        "{} and {} lines\n{}",
        found.lines().count(),
        expected.lines().count(),
        differences.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn events_without_their_text_are_copied_and_say_so() {
    let store = store().await;
    let pipeline = Pipeline::start_with(quick(), store.clone()).await.unwrap();
    let (live, twin) = ("merge-old-live", "merge-old-twin");
    let all = logs(42);
    for (tenant, endpoint) in [(live, FROM), (twin, INTO)] {
        for log in &all {
            let chunks = chunks(tenant, endpoint, log);
            pipeline.handle().store(chunks).await.unwrap();
        }
        settle(&store, tenant).await;
        // Its text is over, but for the last chunk of each log.
        client()
            .await
            .query("ALTER TABLE chunks DELETE WHERE tenant = ? AND open = 0")
            .bind(tenant)
            .with_setting("mutations_sync", "1")
            .execute()
            .await
            .unwrap();
    }
    put_alias(&store, live, FROM, INTO, AliasState::Merging).await;
    let moving = Moving {
        tenant: live,
        from: FROM,
        into: INTO,
    };
    let set = pipeline::newest(&store).await.unwrap().unwrap();
    let plan = pipeline::plan_merge(&store, &Arc::new(set), moving)
        .await
        .unwrap();
    let merged = merge(&store, &pipeline, moving, &|_| {}).await.unwrap();
    assert!(merged.events > 0 && merged.noise > 0, "{merged:?}");
    assert_eq!((plan.chunks, plan.events), (merged.chunks, merged.events));
    settle(&store, live).await;
    let (found, expected) = (
        answers(&store, live, INTO).await,
        answers(&store, twin, INTO).await,
    );
    similar(&found, &expected);
    let marked: u64 = client()
        .await
        .query("SELECT uniqExact(id) FROM current_events WHERE tenant = ? AND endpoint = ? AND merged_from = ?")
        .bind(live)
        .bind(INTO)
        .bind(FROM)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(marked, merged.events);
    pipeline.stop().await.unwrap();
}
