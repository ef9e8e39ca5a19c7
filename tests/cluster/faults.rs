//! Whatever breaks while senders go on, nothing is lost, nothing is doubled, and the books balance.
//!
//! One cluster lives through many faults, as clusters do; each leaves it whole for the next one. The usual order is fixed.
//! `make soak` gives every fault more time and takes them in an order of chance, whose seed it prints; `CBSIFT_SOAK=SEED` repeats it.

mod deaths;
mod derivations;
mod outages;
mod traffic;

use crate::harness::{Cluster, Role, until};
use crate::load::{Endpoint, Load};
use crate::truth::{Renamed, check, check_books, check_intake_books};
use kafka_harness::{Faults, Proxy, free_port};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// A fault: what it does, and its name.
type Fault = (&'static str, fn(&mut World));

#[test]
fn processes_may_die_and_fall_asleep() {
    live_through(&[
        ("ingest-killed", deaths::ingest_is_killed),
        ("before-insert", deaths::pipeline_is_killed_before_an_insert),
        ("mid-body", deaths::pipeline_is_killed_in_a_body),
        ("before-reply", deaths::pipeline_is_killed_before_a_reply),
        ("before-commit", deaths::pipeline_is_killed_before_a_commit),
        ("zombie", deaths::pipeline_sleeps_longer_than_its_session),
        ("power-cut", deaths::everything_is_killed),
        ("kafka-killed", outages::kafka_is_killed),
        ("store-killed", outages::store_is_killed),
    ]);
}

#[test]
fn traffic_may_be_lost_moved_and_repeated() {
    live_through(&[
        ("replies-dropped", outages::replies_are_dropped),
        (
            "store-away",
            outages::store_is_away_and_an_intake_starts_anew,
        ),
        ("coming-and-going", traffic::workers_come_and_go),
        ("more-partitions", traffic::partitions_are_added),
        ("poison", traffic::poison_is_put_aside),
        ("halves", derivations::two_derive_one_endpoint_from_halves),
        ("publication", derivations::one_sleeps_across_a_publication),
        ("restore", traffic::an_old_store_is_restored),
        // Last, because it repeats all that came before.
        ("replay", traffic::everything_is_read_again),
    ]);
}

/// A minute and more, as it reads everything twice.
const ONLY_IN_SOAK: [&str; 1] = ["restore"];

fn live_through(faults: &[Fault]) {
    let mut faults = faults.to_vec();
    let soak = Soak::of_environment();
    match soak {
        Some(soak) => soak.shuffle(&mut faults),
        None => faults.retain(|(name, _)| !ONLY_IN_SOAK.contains(name)),
    }
    let mut world = World::start(soak.is_some());
    for (name, fault) in faults {
        let start = Instant::now();
        eprintln!("== {name}");
        fault(&mut world);
        eprintln!("== {name}: {:.1} s", start.elapsed().as_secs_f32());
    }
}

/// What stands in the head of every insert of a role, as URLs spell it.
const INSERT: &str = "INSERT+INTO";

/// The same for one table.
fn insert_into(table: &str) -> String {
    format!("{INSERT}+%60{table}%60")
}

/// A long run in an order of chance.
#[derive(Clone, Copy)]
struct Soak {
    seed: u64,
}

impl Soak {
    fn of_environment() -> Option<Self> {
        let asked = std::env::var("CBSIFT_SOAK").ok()?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // 1 asks for a seed of chance.
        let seed = match asked.parse() {
            Ok(seed) if seed > 1 => seed,
            _ => now.map_or(2, |now| now.as_secs()),
        };
        eprintln!("soak with seed {seed}; CBSIFT_SOAK={seed} repeats its order");
        Some(Self { seed })
    }

    /// Fisher and Yates, with Knuth's linear congruential numbers: any order will do, as long as the seed gives it again.
    fn shuffle(self, faults: &mut [Fault]) {
        let mut state = self.seed;
        for at in (1..faults.len()).rev() {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            faults.swap(at, (state >> 33) as usize % (at + 1));
        }
    }
}

/// The cluster, what was sent to it, and a proxy before its store.
struct World {
    /// Two, on ports that stay. Dropped before what they need, or they would fill the output with what they miss.
    intakes: Vec<Role>,
    cluster: Cluster,
    ports: [u16; 2],
    proxy: Proxy,
    _runtime: Runtime,
    /// Every endpoint that was ever sent.
    sent: Vec<Endpoint>,
    renamed: Option<Renamed>,
    is_soak: bool,
}

impl World {
    fn start(is_soak: bool) -> Self {
        let mut cluster = Cluster::start();
        // Shorter than an intake's patience, so that one that lives through an outage refuses bodies instead of holding them.
        cluster.set("QUEUE__MESSAGE_TIMEOUT", "3s");
        let ports = [free_port(), free_port()];
        let intakes = ports.map(|port| cluster.ingest_at("ingest", port)).into();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let proxy = runtime.block_on(Proxy::start()).unwrap();
        let store = cluster.engine.address("engine").replace("http://", "");
        proxy.forward_to(store.parse().unwrap());
        Self {
            cluster,
            intakes,
            ports,
            proxy,
            _runtime: runtime,
            sent: Vec::new(),
            renamed: None,
            is_soak,
        }
    }

    /// A pipeline that has all partitions to itself.
    fn lone_pipeline(&self, name: &str) -> Role {
        let pipeline = self.cluster.pipeline(name);
        self.cluster.owned_by(&[&pipeline]);
        pipeline
    }

    /// The same, with the proxy before its store and further settings.
    fn proxied_pipeline(&self, name: &str, settings: &[(&str, &str)]) -> Role {
        let url = format!("http://{}", self.proxy.address());
        let mut all = vec![("STORE__URL", url.as_str())];
        all.extend(settings);
        let pipeline = self.cluster.pipeline_with(name, &all);
        self.cluster.owned_by(&[&pipeline]);
        pipeline
    }

    fn two_pipelines(&self) -> [Role; 2] {
        let pipelines = ["pipeline 1", "pipeline 2"].map(|name| self.cluster.pipeline(name));
        self.cluster.owned_by(&[&pipelines[0], &pipelines[1]]);
        pipelines
    }

    /// Senders to both intakes.
    fn load(&self, name: &str) -> Load {
        let intakes: Vec<&Role> = self.intakes.iter().collect();
        let load = Load::start(name, &intakes, 3);
        load.more(1);
        load
    }

    /// Kills an intake and starts another one at its address.
    fn restart_ingest(&mut self, which: usize) {
        self.intakes[which].kill();
        self.intakes[which] = self.cluster.ingest_at("ingest", self.ports[which]);
    }

    /// Lets the fault last: files that are sent meanwhile.
    fn last(&self, load: &Load) {
        load.more(if self.is_soak { 30 } else { 3 });
    }

    /// Ends the senders and checks everything that must hold; the pipelines end as on a good day.
    fn settle(&mut self, load: Load, pipelines: &mut [Role]) {
        let sent = load.finish();
        self.settle_on(&sent, pipelines);
        for endpoint in &sent {
            check(&self.cluster, endpoint, self.renamed.as_ref());
        }
        self.sent.extend(sent);
        for intake in &self.intakes {
            check_intake_books(intake);
        }
        for pipeline in pipelines {
            check_books(pipeline);
            pipeline.stop();
        }
    }

    /// Waits until the store has every byte of these endpoints, the topic holds nothing unread, and all is derived.
    fn settle_on(&self, endpoints: &[Endpoint], pipelines: &[Role]) {
        until("everything sent is stored", || {
            let stored = self.stored(endpoints);
            let sent: usize = endpoints
                .iter()
                .flat_map(Endpoint::files)
                .map(|file| file.len())
                .sum();
            (stored == sent).then_some(())
        });
        self.cluster.settle(&pipelines.iter().collect::<Vec<_>>());
    }

    /// Bytes of endpoints that the store has.
    fn stored(&self, endpoints: &[Endpoint]) -> usize {
        let names: Vec<String> = endpoints
            .iter()
            .map(|endpoint| format!("'{}'", endpoint.name))
            .collect();
        let names = names.join(", ");
        let bytes = self.cluster.sql(&format!(
            "SELECT sum(bytes) FROM (SELECT max(`end`) AS bytes FROM coverage WHERE endpoint IN ({names}) GROUP BY endpoint, stream)"
        ));
        bytes.trim().parse().unwrap()
    }

    /// Rows of a table whose endpoint's name starts so.
    fn rows(&self, table: &str, name: &str) -> u64 {
        let count = self.cluster.sql(&format!(
            "SELECT count() FROM {table} WHERE startsWith(endpoint, '{name}-')"
        ));
        count.trim().parse().unwrap()
    }

    /// What the proxy does from now on.
    fn inject(&self, faults: Faults) {
        self.proxy.set(faults);
    }

    /// Waits until the proxy has held something since `before`.
    fn held_since(&self, before: u64) {
        until("the proxy holds something", || {
            (self.proxy.held() > before).then_some(())
        });
    }

    fn mend(&self) {
        self.proxy.set(Faults::default());
    }

    /// Longer than a fault that only takes time, in the usual run.
    fn long(&self, usual: Duration) -> Duration {
        if self.is_soak { usual * 6 } else { usual }
    }
}
