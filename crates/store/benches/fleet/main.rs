//! What the pages ask of a big fleet that lives: p50, p95 and CPU of each page's questions, and every answer checked against the generator.
//!
//! `cargo bench -p store --bench fleet`, with `FLEET_ENDPOINTS` (100,000), `FLEET_EVENTS` (100,000,000) and `FLEET_FOLDER`
//! (`target/tmp/fleet-…`). A folder that is filled is asked again at once. `FLEET_KEEP=1` asks nothing and leaves the
//! engine open for questions by hand until it is ended.

mod fill;
mod made_up;

use embedded_clickhouse::{
    EngineConfig,
    testing::{TOKEN, TestEngine},
};
use made_up::{DAYS, LAST_DAY, Size, TENANT, Truth, VETERAN, code, kb, name, truth};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use store::{
    Batch, ChunkRows, EndpointsAsked, Filter, Sort, State, Store, StoreConfig, Wanted, day_start,
    testing,
};

/// Times that each page is asked for: the slowest but one is the p95.
const TIMES: usize = 20;

fn size(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).unwrap_or_default().replace('_', "");
    if text.is_empty() {
        default
    } else {
        text.parse()
            .unwrap_or_else(|_| panic!("`{name}` is no number"))
    }
}

#[tokio::main]
async fn main() {
    let size = Size {
        endpoints: size("FLEET_ENDPOINTS", 100_000),
        events: size("FLEET_EVENTS", 100_000_000),
    };
    let folder = std::env::var_os("FLEET_FOLDER").map_or_else(
        || {
            let name = format!("fleet-{}-{}", size.endpoints, size.events);
            PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
        },
        PathBuf::from,
    );
    let filled = folder.join("filled");
    if !filled.exists() {
        let _ = std::fs::remove_dir_all(&folder);
    }
    let engine = TestEngine::start(EngineConfig {
        max_memory_bytes: 2 << 30,
        ..EngineConfig::new(&folder)
    });
    let store = Store::connect(StoreConfig::local(engine.socket()))
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let sql = clickhouse::Client::default()
        .with_url(engine.url())
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift");
    println!(
        "{} endpoints, {} events, in {}",
        size.endpoints,
        size.events,
        folder.display()
    );
    let started = Instant::now();
    let ran = store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    println!(
        "  {} migrations in {:.0} s",
        ran.len(),
        started.elapsed().as_secs_f64()
    );
    if !filled.exists() {
        fill::fill(&store, &sql, size).await;
        std::fs::write(&filled, "").expect("the folder is writable");
    }
    if std::env::var_os("FLEET_KEEP").is_some() {
        println!("open at {} with token {TOKEN}", engine.url());
        std::future::pending::<()>().await;
    }
    let fleet = Fleet {
        engine: &engine,
        sql: &sql,
        store: &store,
        size,
    };
    ask(&fleet).await;
    append(&engine, &store, &sql).await;
    engine.stop();
}

/// The store that is asked, and what lives in it.
struct Fleet<'a> {
    engine: &'a TestEngine,
    sql: &'a clickhouse::Client,
    store: &'a Store,
    size: Size,
}

impl Fleet<'_> {
    /// Prints a line of what a page takes, the first time apart, with another machine derived again before each; returns its answer.
    async fn page<T>(
        &self,
        what: &str,
        budget_ms: f64,
        ask: impl AsyncFn() -> store_result::Result<T>,
    ) -> T {
        let (mut took, mut cpu) = (Vec::new(), 0.0);
        let mut last = None;
        for time in 0..=TIMES {
            self.derive_again(time as u64).await;
            let (before, started) = (self.engine.cpu_seconds(), Instant::now());
            let answer = ask()
                .await
                .unwrap_or_else(|error| panic!("{what}: {error}"));
            took.push(started.elapsed().as_secs_f64() * 1e3);
            if time > 0 {
                cpu += (self.engine.cpu_seconds() - before) * 1e3;
            }
            last = Some(answer);
        }
        let first = took.remove(0);
        cpu /= TIMES as f64;
        took.sort_by(f64::total_cmp);
        let (p50, p95) = (took[TIMES / 2], took[TIMES * 95 / 100 - 1]);
        let over = if p95 > budget_ms { "  over" } else { "" };
        println!(
            "  {what:<42} first {first:>6.0} ms, then p50 {p50:>6.0} ms  p95 {p95:>6.0} ms  CPU {cpu:>6.0} ms  budget {budget_ms:>4.0} ms{over}"
        );
        last.expect("it was asked")
    }

    /// Makes the latest month of a machine current again, from more inputs and with the same set.
    async fn derive_again(&self, time: u64) {
        let endpoint = name(made_up::mix(&[time, 41]) % self.size.endpoints);
        let statement = format!(
            "INSERT INTO derivations SELECT * REPLACE (version + 1 AS version) FROM derivations FINAL \
             WHERE tenant = '{TENANT}' AND endpoint = '{endpoint}' ORDER BY month DESC LIMIT 1"
        );
        let done = self.sql.query(&statement).execute().await;
        done.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
}

mod store_result {
    pub(crate) type Result<T> = std::result::Result<T, store::StoreError>;
}

async fn ask(of: &Fleet<'_>) {
    let &Fleet { store, size, .. } = of;
    let fleet = Filter {
        tenant: TENANT.to_owned(),
        ..Filter::default()
    };
    let month = of
        .page("overview, 30 days", 300.0, async || {
            store.overview(&fleet).await
        })
        .await;
    check(&month, truth(size, LAST_DAY - 29));
    let season = Filter {
        from: Some(LAST_DAY - DAYS + 1),
        to: Some(LAST_DAY),
        ..fleet.clone()
    };
    let season = of
        .page("overview, 120 days", 300.0, async || {
            store.overview(&season).await
        })
        .await;
    check(&season, truth(size, LAST_DAY - DAYS + 1));
    for (what, filter) in [
        (
            "overview, a KB",
            Filter {
                kb: Some(kb(3)),
                ..fleet.clone()
            },
        ),
        (
            "overview, a code",
            Filter {
                codes: vec![code(3)],
                ..fleet.clone()
            },
        ),
        (
            "overview, a category",
            Filter {
                category: Some("disk_full".to_owned()),
                ..fleet.clone()
            },
        ),
        (
            "overview, an endpoint",
            Filter {
                endpoint: Some(name(3)),
                ..fleet.clone()
            },
        ),
        (
            "overview, a day",
            Filter {
                from: Some(LAST_DAY),
                to: Some(LAST_DAY),
                ..fleet.clone()
            },
        ),
    ] {
        let narrowed = of
            .page(what, 300.0, async || store.overview(&filter).await)
            .await;
        assert!(
            narrowed.totals.attempts > 0 && narrowed.totals.attempts < month.totals.attempts,
            "{what}"
        );
    }
    let updates = of
        .page("updates", 300.0, async || store.updates(&fleet).await)
        .await;
    assert!(!updates.updates.is_empty());
    let one = Filter {
        kb: Some(kb(3)),
        ..fleet.clone()
    };
    let rollout = of
        .page("an update, against the one before", 300.0, async || {
            store.rollout(&one).await
        })
        .await;
    assert!(rollout.machines.tried() > 0);
    let causes = of
        .page("causes", 300.0, async || store.causes(&fleet).await)
        .await;
    assert_eq!(causes.total, month.causes_total);
    let failing = Some(Wanted::In(State::Failing));
    for (what, search, wanted, sort) in [
        ("endpoints", "", None, Sort::Name),
        ("endpoints, failing", "", failing, Sort::Failed),
        ("endpoints, by name", "-of-pc-0000", None, Sort::Name),
    ] {
        let asked = EndpointsAsked {
            filter: &fleet,
            search,
            wanted,
            sort,
            limit: 50,
            after: None,
        };
        let list = of
            .page(what, 300.0, async || store.endpoints(asked).await)
            .await;
        assert!(
            list.total > Some(50) && list.endpoints.len() == 50,
            "{what}"
        );
    }
    let left = of
        .page("what is left to derive", 100.0, async || {
            store.open_news_state().await
        })
        .await;
    assert!(left.units >= size.endpoints / 4);
    let one = of
        .page("an endpoint", 300.0, async || {
            store.endpoint(TENANT, &name(3)).await
        })
        .await;
    assert_eq!(
        one.expect("it is known").ends.attempts.total,
        made_up::ATTEMPTS
    );
    let one = of
        .page("an endpoint with a year of history", 150.0, async || {
            store.endpoint(TENANT, VETERAN).await
        })
        .await;
    let one = one.expect("it is known");
    assert_eq!(one.ends.attempts.total, u64::from(made_up::YEAR));
    let seen = of
        .page("a code", 300.0, async || {
            store.code_seen(TENANT, &[code(3)]).await
        })
        .await;
    assert!(seen.is_some_and(|seen| seen.events > 0));
    let stream = one.streams[0].stream;
    let middle = one.streams[0].bytes / 2;
    of.page("a record", 300.0, async || {
        let window = store
            .raw_window(TENANT, VETERAN, stream, middle, 9_000, 9_000)
            .await?;
        assert!(!window.expired && window.slices.len() > 10);
        store.utc_changes(TENANT, VETERAN, stream, middle).await
    })
    .await;
}

/// What it costs the engine, merges included, that 64 endpoints append a piece of a log each and are stored together, as a pipeline
/// stores them in a second or two.
async fn append(engine: &TestEngine, store: &Store, sql: &clickhouse::Client) {
    const ENDPOINTS: u64 = 64;
    const BATCHES: u64 = 150;
    for (what, line) in [
        ("harmless", "plain made up"),
        ("noise", "noise made up 0x80070002"),
        ("an event", "failed made up 0x800f0802"),
    ] {
        merged(sql).await;
        let cpu = engine.cpu_seconds();
        for batch in 0..BATCHES {
            let pieces = (0..ENDPOINTS).map(|endpoint| piece(&name(endpoint), what, line, batch));
            let batch = Batch::new(
                1,
                made_up::mix(&[batch, line.len() as u64]),
                pieces.collect(),
            );
            store
                .insert_batch(&batch)
                .await
                .unwrap_or_else(|error| panic!("{error}"));
        }
        merged(sql).await;
        let cpu = (engine.cpu_seconds() - cpu) * 1e3 / (ENDPOINTS * BATCHES) as f64;
        println!("  an append of 2 lines, {what:<20} CPU {cpu:>6.2} ms");
    }
}

fn piece(endpoint: &str, what: &str, line: &str, batch: u64) -> ChunkRows {
    let at = day_start(LAST_DAY).0 + batch as i64;
    let at = event::LoggedAt(at);
    let text = format!("{at} plain made up {what} {batch}\n{at} {line} {batch}\n");
    let stream = event::StreamId(made_up::mix(&[what.len() as u64, 9]));
    let mut rows = testing::rows(endpoint, batch * text.len() as u64, &text, false);
    std::sync::Arc::make_mut(&mut rows.chunk).stream = stream;
    let own = rows.events.iter_mut().map(|event| &mut event.stream);
    own.for_each(|own| *own = stream);
    // A pipeline brings no news of what can change no answer.
    if rows.events.is_empty() {
        rows.news.clear();
    }
    rows
}

/// Waits until the engine has no merge left that it would begin by itself.
async fn merged(sql: &clickhouse::Client) {
    let deadline = Instant::now() + Duration::from_secs(120);
    let mut quiet = 0;
    while quiet < 20 {
        assert!(Instant::now() < deadline, "the engine goes on merging");
        tokio::time::sleep(Duration::from_millis(100)).await;
        let merges: u64 = sql
            .query("SELECT count() FROM system.merges")
            .fetch_one()
            .await
            .expect("merges");
        quiet = if merges == 0 { quiet + 1 } else { 0 };
    }
}

fn check(page: &store::Overview, truth: Truth) {
    let totals = page.totals;
    let told = Truth {
        attempts: totals.attempts,
        failed: totals.failed,
        failing: page.failing.now,
    };
    assert_eq!(told, truth);
    let charted: u64 = page
        .over_time
        .iter()
        .map(|at| at.failed + at.succeeded + at.other)
        .sum();
    assert_eq!(charted, truth.attempts);
}
