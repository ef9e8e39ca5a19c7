//! Several pipelines on one store, in a process of its own: their sweeps find each other's news. Each endpoint is derived by its
//! owner, once, and by others where there is none.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;
#[path = "it/logs.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod logs;

use event::Chunk;
use harness::{TENANT, quick, store};
use logs::chunks;
use pipeline::{Config, Pipeline, Planted};
use queue::Share;
use simulate::LogFile;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};
use store::{Parts, Store, Sweep, Whose};
use tokio::sync::{Mutex, MutexGuard, watch};

/// One test at a time: what nobody derives in one would be derived by another's pipelines.
async fn alone() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Tells nothing; news is left open.
fn never() -> Config {
    Config {
        derive_quiet: Duration::from_secs(3_600),
        derive_latest: Duration::from_secs(3_600),
        ..quick()
    }
}

async fn start(config: Config, store: &Store, share: Share) -> (Pipeline, watch::Sender<Share>) {
    let (share, shared) = watch::channel(share);
    let pipeline = Pipeline::start_sharing(config, store.clone(), shared).await;
    (pipeline.expect("start"), share)
}

fn names(test: &str, count: usize) -> Vec<String> {
    (0..count)
        .map(|number| format!("{test}-{number}"))
        .collect()
}

/// Those of a share.
fn of<'a>(share: &Share, names: &'a [String]) -> BTreeSet<&'a str> {
    let own = names.iter().filter(|name| share.has(TENANT, name));
    own.map(String::as_str).collect()
}

/// A failed attempt of each: one unit.
fn failures<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<Chunk> {
    let log = |name: &str| {
        LogFile {
        path: "Windows/Logs/CBS/CBS.log".to_owned(),
        source: "cbs",
        bytes: format!(
            "2024-05-14 08:00:00, Info                  CBS    Exec: Processing complete.  Session: 30000000_1 {name}, \
             Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.0.0.1 [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\r\n"
        )
        .into_bytes(),
    }
    };
    names
        .into_iter()
        .flat_map(|name| chunks(name, &[log(name)], 64 << 10))
        .collect()
}

/// Stores what nobody derives yet.
async fn backlog(store: &Store, names: &[String]) {
    let (pipeline, _share) = start(never(), store, Share::all()).await;
    let chunks = failures(names.iter().map(String::as_str));
    pipeline.handle().store(chunks).await.expect("stored");
    pipeline.stop().await.expect("stop");
}

/// Endpoints of a test that have news.
async fn open(store: &Store, test: &str) -> BTreeSet<String> {
    let open = store.open_news(Duration::ZERO, 1_000_000).await;
    let names = open
        .expect("news")
        .into_iter()
        .map(|news| news.unit.endpoint);
    names.filter(|name| name.starts_with(test)).collect()
}

/// Waits until none of these has news.
async fn settled(store: &Store, test: &str, names: impl IntoIterator<Item = &str>) {
    let names: BTreeSet<String> = names.into_iter().map(str::to_owned).collect();
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        let open = open(store, test).await;
        if open.is_disjoint(&names) {
            return;
        }
        assert!(Instant::now() < deadline, "not derived: {open:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn attempts(store: &Store, endpoint: &str) -> usize {
    let (attempts, _) = store.derived(TENANT, endpoint).await.expect("derived");
    attempts.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_is_derived_by_its_owners_once_but_for_what_panics() {
    let (_turn, store, test) = (alone().await, store().await, "backlog");
    let (names, bad) = (names(test, 80), "backlog-7");
    backlog(&store, &names).await;
    let shares = [Share::new([0, 2, 4], 6), Share::new([1, 3, 5], 6)];
    // The store tells endpoints apart as Kafka's producers do.
    for share in &shares {
        let parts = Parts {
            mine: share.partitions().collect(),
            of: share.of(),
        };
        let found = store.sweep_news(Sweep {
            whose: Whose::Mine(&parts),
            age: Duration::ZERO,
            after: None,
            limit: 1_000,
        });
        let found = found.await.expect("sweep");
        let found: BTreeSet<&str> = found.iter().map(|news| &*news.unit.endpoint).collect();
        assert_eq!(found, of(share, &names));
    }

    let config = Config {
        first_sweep_age: Duration::ZERO,
        planted: Planted {
            derive_panics: bad.to_owned(),
            ..Planted::default()
        },
        ..quick()
    };
    let mut pipelines = Vec::new();
    for share in &shares {
        pipelines.push(start(config.clone(), &store, share.clone()).await);
    }
    settled(&store, test, names.iter().map(String::as_str)).await;
    for ((pipeline, _), share) in pipelines.iter().zip(&shares) {
        let mut healthy = of(share, &names);
        healthy.remove(bad);
        let derived = pipeline.status().counts().derivations;
        assert_eq!(derived, healthy.len() as u64, "each once");
        for name in healthy {
            assert_eq!(attempts(&store, name).await, 1, "{name}");
        }
    }
    let dead = store.dead_units("", "").await.expect("dead units");
    let dead: Vec<_> = dead
        .iter()
        .map(|dead| (&*dead.unit.endpoint, &*dead.reason, dead.attempts))
        .collect();
    assert_eq!(dead, [(bad, "panic", 1)]);
    for (pipeline, _) in pipelines {
        pipeline.stop().await.expect("stop");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_stores_leaves_others_endpoints_to_their_owners() {
    let (_turn, store, test) = (alone().await, store().await, "left");
    let names = names(test, 40);
    let [first, second] = [Share::new([0], 2), Share::new([1], 2)];
    let (stores, _share) = start(quick(), &store, first.clone()).await;
    let (hears, share) = start(quick(), &store, second.clone()).await;
    let chunks = failures(names.iter().map(String::as_str));
    stores.handle().store(chunks).await.expect("stored");
    settled(&store, test, names.iter().map(String::as_str)).await;
    let (own, others) = (of(&first, &names).len(), of(&second, &names).len());
    let (stores_did, hears_did) = (stores.status().counts(), hears.status().counts());
    assert_eq!(
        (stores_did.derivations, stores_did.handed_over),
        (own as u64, others as u64)
    );
    assert_eq!(
        (hears_did.derivations, hears_did.handed_over),
        (others as u64, 0)
    );
    for name in &names {
        assert_eq!(attempts(&store, name).await, 1, "{name}");
    }
    stores.stop().await.expect("stop");

    // One has lost all it had and stores what it had read; the other one owns everything.
    share.send_replace(Share::new([0, 1], 2));
    let names = self::names("left-again", 10);
    let (stores, _share) = start(quick(), &store, Share::none()).await;
    let chunks = failures(names.iter().map(String::as_str));
    stores.handle().store(chunks).await.expect("stored");
    settled(&store, "left-again", names.iter().map(String::as_str)).await;
    assert_eq!(stores.status().counts().handed_over, 10);
    assert_eq!(hears.status().counts().derivations, others as u64 + 10);
    stores.stop().await.expect("stop");
    hears.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_heir_of_a_share_derives_what_its_owner_left() {
    let (_turn, store, test) = (alone().await, store().await, "heir");
    let names = names(test, 30);
    let [first, second] = [Share::new([0], 2), Share::new([1], 2)];
    // As one that was killed, it stores and never derives.
    let (gone, _share) = start(never(), &store, first.clone()).await;
    let (heir, share) = start(quick(), &store, second.clone()).await;
    let chunks = failures(names.iter().map(String::as_str));
    gone.handle().store(chunks).await.expect("stored");
    settled(&store, test, of(&second, &names)).await;
    let left: BTreeSet<String> = of(&first, &names).into_iter().map(str::to_owned).collect();
    assert_eq!(open(&store, test).await, left);
    share.send_replace(Share::new([0, 1], 2));
    settled(&store, test, names.iter().map(String::as_str)).await;
    for name in &names {
        assert_eq!(attempts(&store, name).await, 1, "{name}");
    }
    gone.stop().await.expect("stop");
    heir.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_closed_too_early_is_handed_over_with_its_share() {
    let (_turn, store, test) = (alone().await, store().await, "given");
    let names = names(test, 20);
    // It waits here, and somebody has closed it, as one does who found it before all of it was stored.
    let (gives, share) = start(never(), &store, Share::new([0, 1], 2)).await;
    let chunks = failures(names.iter().map(String::as_str));
    gives.handle().store(chunks).await.expect("stored");
    let all = store.open_news(Duration::ZERO, 1_000_000).await;
    let mut all = all.expect("news");
    all.retain(|news| names.contains(&news.unit.endpoint));
    assert_eq!(all.len(), names.len());
    store.close_news(&all).await.expect("close");
    let heirs = Share::new([1], 2);
    let (heir, _share) = start(quick(), &store, heirs.clone()).await;
    share.send_replace(Share::new([0], 2));
    let given = of(&heirs, &names);
    let deadline = Instant::now() + Duration::from_secs(120);
    while heir.status().counts().derivations < given.len() as u64 {
        assert!(Instant::now() < deadline, "not derived");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for name in &given {
        assert_eq!(attempts(&store, name).await, 1, "{name}");
    }
    let gave = gives.status();
    assert_eq!(gave.counts().handed_over, given.len() as u64);
    assert_eq!(gave.own_pending(), names.len() - given.len());
    gives.stop().await.expect("stop");
    heir.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_took_long_to_store_is_handed_over_to_oneself() {
    let (_turn, store, test) = (alone().await, store().await, "slow");
    let names = names(test, 10);
    // Any batch takes longer than others leave its news alone.
    let config = Config {
        sweep_age: Duration::ZERO,
        ..quick()
    };
    let (pipeline, _share) = start(config, &store, Share::new([0, 1], 2)).await;
    let chunks = failures(names.iter().map(String::as_str));
    pipeline.handle().store(chunks).await.expect("stored");
    assert_eq!(pipeline.status().counts().handed_over, 10);
    settled(&store, test, names.iter().map(String::as_str)).await;
    for name in &names {
        assert_eq!(attempts(&store, name).await, 1, "{name}");
    }
    pipeline.stop().await.expect("stop");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_no_owner_is_derived_by_anybody_once_it_is_old() {
    let (_turn, store, test) = (alone().await, store().await, "nobodys");
    let names = names(test, 20);
    let config = Config {
        sweep: Duration::from_millis(200),
        sweep_age: Duration::from_secs(1),
        ..quick()
    };
    // One has no partition at all, as of a group with more members than partitions.
    for share in [Share::new([0], 2), Share::none()] {
        backlog(&store, &names).await;
        let (pipeline, _share) = start(config.clone(), &store, share).await;
        settled(&store, test, names.iter().map(String::as_str)).await;
        pipeline.stop().await.expect("stop");
        for name in &names {
            assert_eq!(attempts(&store, name).await, 1, "{name}");
        }
    }
}
