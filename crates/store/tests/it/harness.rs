//! One engine for the whole test process, with migrated tables.

use embedded_clickhouse::testing::{TOKEN, TestEngine};
use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};
use store::{Batch, ChunkRows, Store, StoreConfig};
use tokio::sync::OnceCell;

pub(crate) const TENANT: &str = "default";

/// The engine of all tests. Without the library the test fails with the way to get it.
pub(crate) async fn engine() -> &'static TestEngine {
    static ENGINE: OnceCell<TestEngine> = OnceCell::const_new();
    let start = || async {
        // Under target/tmp, so that a process that is killed leaves nothing elsewhere; emptied by the next run of the same name.
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(concat!(
            env!("CARGO_PKG_NAME"),
            "-",
            env!("CARGO_CRATE_NAME")
        ));
        let engine = TestEngine::fresh(folder);
        let store = connect(&engine).await;
        store
            .migrate()
            .await
            .unwrap_or_else(|error| panic!("{error}"));
        engine
    };
    ENGINE.get_or_init(start).await
}

async fn connect(engine: &TestEngine) -> Store {
    Store::connect(StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

pub(crate) async fn store() -> Store {
    connect(engine().await).await
}

/// The engine as a client that is not ours meets it.
pub(crate) async fn client() -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(engine().await.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift")
}

/// Stores rows as one batch of rule set 1.
pub(crate) async fn put(store: &Store, rows: Vec<ChunkRows>) -> u64 {
    put_as(store, 1, rows).await
}

/// Stores rows as one batch; returns its name in the outbox.
pub(crate) async fn put_as(store: &Store, rule_set: u32, rows: Vec<ChunkRows>) -> u64 {
    static NEWS: AtomicU64 = AtomicU64::new(1);
    let news = NEWS.fetch_add(1, Ordering::Relaxed);
    store
        .insert_batch(&Batch::new(rule_set, news, rows))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    news
}

/// Texts of the events that count, by offset, as a derivation of the month reads them.
pub(crate) async fn events(store: &Store, endpoint: &str, month: u32) -> Vec<(u64, String)> {
    let month = event::Month::from_yyyymm(month);
    let rows = store
        .unit_rows(TENANT, endpoint, month, month)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let mut events: Vec<(u64, String)> = rows
        .events
        .into_iter()
        .map(|event| (event.offset, event.text))
        .collect();
    events.sort();
    events
}

/// Everything the store answers about an endpoint, as text to compare.
pub(crate) async fn answers(store: &Store, endpoint: &str, month: u32) -> String {
    let of = async {
        let month = event::Month::from_yyyymm(month);
        let rows = store.unit_rows(TENANT, endpoint, month, month).await?;
        let codes = store.codes_of_endpoint(TENANT, endpoint).await?;
        let bytes = store.covered_bytes(TENANT, endpoint).await?;
        let mut detail = store.endpoint(TENANT, endpoint).await?;
        if let Some(detail) = &mut detail {
            detail.streams.sort_by_key(|stream| stream.stream);
        }
        Ok::<_, store::StoreError>(format!(
            "{:#?}\n{codes:#?}\n{bytes}\n{detail:#?}",
            rows.events
        ))
    };
    of.await.unwrap_or_else(|error| panic!("{error}"))
}
