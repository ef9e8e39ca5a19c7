//! Each endpoint is derived by its owner, and what a killed one left by others.
//!
//! `make bench-owners` does the same with 20,000 units behind 50 ms, and holds it to its times; here only who derives what.

use crate::harness::{Cluster, Role, until};
use crate::single::get;
use event::{Chunk, Format, Source, TextEncoding};
use kafka_harness::{Faults, Proxy};
use pipeline::Pipeline;
use queue::Share;
use std::time::{Duration, Instant};
use store::OpenNews;

/// Each way to the store and back.
const WAY: Duration = Duration::from_millis(25);

/// Some jobs for each pipeline.
const UNITS: usize = 1_200;

/// Two pipelines are that much faster than one …
const FASTER: f64 = 1.7;

/// … and what a killed one left is begun so soon, …
const SOON: Duration = Duration::from_secs(15);

/// … on a machine that does much else at least this soon: before news counts as nobody's, which a minute of silence makes it.
const BEFORE_ORPHANED: Duration = Duration::from_secs(45);

/// What `make bench-owners` asks for: so many units, and times that hold.
fn asked() -> Option<usize> {
    let asked = std::env::var("CBSIFT_OWNERS").ok()?;
    Some(asked.parse().expect("CBSIFT_OWNERS is a number of units"))
}

/// Names of endpoints.
fn names(set: &str, units: usize) -> impl Iterator<Item = String> {
    (0..units).map(move |number| format!("{set}-{number}"))
}

/// One failed attempt: one unit.
fn failure(endpoint: String) -> Chunk {
    let text = format!(
        "2024-05-14 08:00:00, Info                  CBS    Exec: Processing complete.  Session: 30000000_1 {endpoint}, \
         Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.0.0.1 [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\r\n"
    );
    let first = parse::first_record_hash(&text);
    Chunk {
        stream: parse::stream_id("default", &endpoint, Source::Cbs, first),
        tenant: "default".to_owned(),
        endpoint,
        source: Source::Cbs,
        path: "CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        received_ms: 0,
        text,
    }
}

/// Stores one unit of each, and closes its news.
fn fill(cluster: &Cluster, set: &str, units: usize) {
    cluster.ask(async |store| {
        let never = Duration::from_secs(3_600);
        let config = pipeline::Config {
            derive_quiet: never,
            derive_latest: never,
            first_sweep_age: never,
            ..pipeline::Config::default()
        };
        let pipeline = Pipeline::start_with(config, store.clone()).await.unwrap();
        let chunks: Vec<Chunk> = names(set, units).map(failure).collect();
        for some in chunks.chunks(10_000) {
            pipeline.handle().store(some.to_vec()).await.unwrap();
        }
        pipeline.stop().await.unwrap();
        let open = open_news(&store).await;
        assert_eq!(open.len(), units);
        store.close_news(&open).await.unwrap();
    });
}

/// All of it has news at one moment, as what others have handed over.
fn wake(cluster: &Cluster, set: &str, units: usize) {
    cluster.sql(&format!(
        "INSERT INTO news (tenant, endpoint, month, id, done) \
         SELECT 'default', concat('{set}-', toString(number)), 202405, bitShiftLeft(toUInt64(1), 63) + 7, 0 FROM numbers({units})"
    ));
}

async fn open_news(store: &store::Store) -> Vec<OpenNews> {
    store.open_news(Duration::ZERO, 1_000_000).await.unwrap()
}

/// How long it takes until all of it is derived.
fn time(cluster: &Cluster, set: &str, units: usize) -> Duration {
    wake(cluster, set, units);
    let start = Instant::now();
    settled(cluster);
    start.elapsed()
}

fn settled(cluster: &Cluster) {
    let deadline = Instant::now() + Duration::from_secs(1_800);
    while cluster.pending_units() > 0 {
        assert!(Instant::now() < deadline, "not derived");
        std::thread::sleep(Duration::from_millis(250));
    }
}

fn derivations(pipeline: &Role) -> usize {
    pipeline.metric("cbsift_pipeline_derivations_total") as usize
}

/// The share of a pipeline that never lost a partition: it shows the lag of each.
fn share(cluster: &Cluster, pipeline: &Role) -> Share {
    let (_, body) = get(&format!("{}/metrics", pipeline.address("health")));
    let topic = format!("topic=\"{}\"", cluster.queue().chunks_topic);
    let lines = body
        .lines()
        .filter(|line| line.starts_with("cbsift_queue_lag_records{") && line.contains(&topic));
    let partitions = lines.map(|line| {
        let (_, rest) = line.split_once("partition=\"").unwrap();
        rest.split_once('"').unwrap().0.parse().unwrap()
    });
    Share::new(partitions, 12)
}

#[test]
fn an_endpoint_is_derived_by_its_owner_and_by_others_once_that_is_killed() {
    let units = asked().unwrap_or(UNITS);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let mut cluster = Cluster::start();
    // As they are without a word; other tests have smaller ones.
    for (key, value) in [
        ("QUEUE__SESSION_TIMEOUT", "8s"),
        ("PIPELINE__SWEEP", "30s"),
        ("PIPELINE__SWEEP_AGE", "60s"),
    ] {
        cluster.set(key, value);
    }
    let store = cluster.engine.address("engine").replace("http://", "");
    let proxies = [(), ()].map(|()| {
        let proxy = runtime.block_on(Proxy::start()).unwrap();
        proxy.forward_to(store.parse().unwrap());
        proxy.set(far());
        proxy
    });
    let pipeline = |name: &str, proxy: &Proxy| {
        let url = format!("http://{}", proxy.address());
        cluster.pipeline_with(name, &[("STORE__URL", &url)])
    };
    for set in ["one", "two", "left"] {
        fill(&cluster, set, units);
    }

    let mut first = pipeline("pipeline 1", &proxies[0]);
    cluster.owned_by(&[&first]);
    let one = time(&cluster, "one", units);
    assert_eq!(derivations(&first), units);

    let second = pipeline("pipeline 2", &proxies[1]);
    cluster.owned_by(&[&first, &second]);
    let two = time(&cluster, "two", units);
    let shares = [derivations(&first) - units, derivations(&second)];
    assert_eq!(shares[0] + shares[1], units, "each once: {shares:?}");
    assert!(shares.iter().all(|share| *share > units / 3), "{shares:?}");

    // Killed where it has derived some and stored nothing.
    let left = share(&cluster, &second);
    let held = proxies[0].held();
    proxies[0].set(Faults {
        hold: Some("INSERT+INTO+%60day_parts%60".to_owned()),
        ..far()
    });
    wake(&cluster, "left", units);
    until("the first one is about to store", || {
        (proxies[0].held() > held).then_some(())
    });
    first.kill();
    let killed = Instant::now();
    // Of its share nothing is stored; of what is derived days come first.
    until("the other one derives what it left", || {
        let found = cluster
            .sql("SELECT DISTINCT endpoint FROM day_parts WHERE startsWith(endpoint, 'left-')");
        let is_begun = found.lines().any(|endpoint| !left.has("default", endpoint));
        is_begun.then_some(())
    });
    let begun = killed.elapsed();
    settled(&cluster);
    let attempts = cluster.sql("SELECT count() FROM current_attempts");
    assert_eq!(attempts.trim().parse::<usize>().unwrap(), 3 * units);

    let faster = one.as_secs_f64() / two.as_secs_f64();
    eprintln!(
        "{units} units behind {:?}: one pipeline {:.1} s, two {:.1} s ({faster:.2} times as fast, {shares:?}); \
         what a killed one left was begun after {:.1} s",
        2 * WAY,
        one.as_secs_f64(),
        two.as_secs_f64(),
        begun.as_secs_f64()
    );
    assert!(begun < BEFORE_ORPHANED, "begun after {begun:?}");
    if asked().is_some() {
        assert!(faster >= FASTER, "two are only {faster:.2} times as fast");
        assert!(begun <= SOON, "begun after {begun:?}");
    }
}

/// A store in another town.
fn far() -> Faults {
    Faults {
        delay: WAY,
        ..Faults::default()
    }
}
