//! PCs of which logs are lost for good, and ids that several machines send as.

use crate::harness::{Heard, Manner, desk, shipped, store};
use alert::{Kill, MessageStatus, Now};
use event::{Chunk, GAP_PATH, LoggedAt};
use store::{Batch, ChunkRows, Store, testing};

/// 2024-05-20 09:00:00 UTC.
const NOW: i64 = 1_716_195_600;
const HOUR: i64 = 3_600;

async fn put(store: &Store, rows: Vec<ChunkRows>) {
    static BATCHES: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1 << 20);
    let batch = BATCHES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let batch = Batch::new(1, batch, rows);
    store.insert_batch(&batch).await.expect("store");
}

/// A line of a PC that calls itself so, at some seconds as logged.
fn heard(tenant: &str, pc: u32, host: &str, at: i64) -> ChunkRows {
    let chunk = Chunk {
        tenant: tenant.to_owned(),
        received_ms: at * 1_000,
        ..testing::chunk(
            &format!("pc-{pc:04}"),
            at.unsigned_abs(),
            "made up\n",
            false,
        )
    };
    ChunkRows {
        first: Some(LoggedAt(at)),
        last: Some(LoggedAt(at)),
        hosts: vec![host.to_owned()],
        records: 1,
        ..ChunkRows::new(chunk)
    }
}

/// A PC's agent says that records were overwritten.
fn lost(tenant: &str, pc: u32, at: i64) -> ChunkRows {
    ChunkRows::new(Chunk {
        tenant: tenant.to_owned(),
        path: format!("{GAP_PATH}System.evtx"),
        received_ms: at * 1_000,
        ..testing::chunk(&format!("pc-{pc:04}"), 11, "overwritten", false)
    })
}

/// What is told, by the hour since now: whether it fires, how many PCs, and which of these the text names.
async fn told(
    store: &Store,
    tenant: &str,
    rule: &str,
    hours: &[i64],
) -> Vec<(i64, bool, f64, Vec<String>)> {
    let receivers = Heard::by(&[("team", Manner::Takes)]);
    let now = |hours: i64| Now::at((NOW + hours * HOUR) * 1_000);
    let mut desk = desk(store, tenant, &receivers, shipped(&[rule]), now(0)).await;
    let mut told = Vec::new();
    for &hours in hours {
        let done = desk.round(now(hours), 0.0, Kill::Never).await;
        let done = done.expect("round");
        assert_eq!(done.errors, Default::default());
        for message in done.messages {
            let alert = &message.alerts[0];
            let fires = message.status == MessageStatus::Firing;
            let body = &message.body;
            let is_named = |pc: &String| body.en.contains(pc) && body.zh.contains(pc);
            let named = names(0..9).into_iter().filter(is_named).collect();
            told.push((hours, fires, alert.value, named));
        }
    }
    told
}

fn names(pcs: std::ops::Range<u32>) -> Vec<String> {
    pcs.map(|pc| format!("pc-{pc:04}")).collect()
}

#[tokio::test]
async fn pcs_whose_logs_are_lost_are_told_for_a_day() {
    let (store, tenant) = (store().await, "alert-lost");
    put(
        &store,
        (0..9)
            .map(|pc| heard(tenant, pc, "MADE-UP", NOW - HOUR))
            .collect(),
    )
    .await;
    // Four of now, one of the day before yesterday, and one that is told again and again.
    let mut rows: Vec<ChunkRows> = (0..4).map(|pc| lost(tenant, pc, NOW - HOUR)).collect();
    rows.push(lost(tenant, 4, NOW - 48 * HOUR));
    rows.push(lost(tenant, 4, NOW - HOUR));
    put(&store, rows).await;
    assert_eq!(told(&store, tenant, "logs_lost", &[0, 1]).await, []);
    put(&store, vec![lost(tenant, 5, NOW)]).await;
    let first = [&names(0..4)[..], &names(5..6)[..]].concat();
    assert_eq!(
        told(&store, tenant, "logs_lost", &[0, 1, 12]).await,
        [(1, true, 5.0, first)]
    );
}

#[tokio::test]
async fn an_id_of_two_machines_is_told_while_both_are_heard() {
    let (store, tenant) = (store().await, "alert-clones");
    let day = 24 * HOUR;
    let days = |pc, names: &[(&str, i64)]| -> Vec<ChunkRows> {
        let rows = names
            .iter()
            .map(|(host, days)| heard(tenant, pc, host, NOW - days * day));
        rows.collect()
    };
    // Renamed; cloned, and one of the two was reinstalled a month ago; cloned.
    put(&store, days(1, &[("OLD", 5), ("NEW", 2), ("NEW", 0)])).await;
    put(
        &store,
        days(2, &[("A", 29), ("B", 28), ("A", 27), ("A", 1)]),
    )
    .await;
    assert_eq!(told(&store, tenant, "pcs_cloned", &[0, 1, 2]).await, []);
    put(&store, days(3, &[("C", 4), ("D", 3), ("C", 1)])).await;
    assert_eq!(
        told(&store, tenant, "pcs_cloned", &[0, 1, 2]).await,
        [(1, true, 1.0, names(3..4))]
    );
}
