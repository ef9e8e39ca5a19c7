//! A fleet that lives: what one `cbsift up` costs while nothing comes and while a thousand endpoints send, and how soon a failure is on a
//! page (`make bench`).
//!
//! The process is the real one, with its engine, intake and pages. Each endpoint sends 4 KiB every five minutes, spread evenly, one body
//! a time; of fifty bodies one ends with a failed installation, and of twenty one with one that succeeds. Then, while they go on, further
//! endpoints fail, one a second, and their pages are asked for until they show it. CPU is that of `up` and its engine, not of the senders.
//! `ENDPOINTS=1000 MINUTES=10 cargo bench -p cbsift --bench live`; without them 1000 and 2.

#[path = "../through_kafka/process.rs"]
#[expect(dead_code, reason = "shared with the bench of the way through Kafka")]
mod process;
#[path = "../../../../tests/it/harness.rs"]
#[expect(dead_code, unreachable_pub, reason = "shared with the tests")]
mod single;

use event::LoggedAt;
use process::{cpu, memory_of, percentile};
use single::Up;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Between two bodies of one endpoint.
const GAP: Duration = Duration::from_secs(300);

/// Bytes of a body.
const BODY: usize = 4 << 10;

/// Bodies under way at once: an answer comes when its batch is stored, up to two seconds later.
const SENDERS: usize = 32;

/// Endpoints that fail while others send, one after the other.
const PROBES: usize = 100;

/// Between two of them.
const BETWEEN_PROBES: Duration = Duration::from_secs(1);

/// Between two looks at a page: the precision of what is measured.
const LOOK: Duration = Duration::from_millis(100);

/// How long nothing is sent.
const REST: Duration = Duration::from_secs(60);

fn main() {
    let number = |name: &str, or: usize| {
        let value = std::env::var(name).ok();
        value.map_or(or, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name}: a number"))
        })
    };
    let (endpoints, minutes) = (number("ENDPOINTS", 1000), number("MINUTES", 2));
    let bench = Bench::start(endpoints);
    println!(
        "| {endpoints} endpoints | CPU, % of a core | of it the engine | INSERTs | most of them into one table, one every s | resident MiB | checked |\n|---|---|---|---|---|---|---|"
    );
    for endpoint in 0..endpoints {
        bench.send(endpoint, Ends::Harmless);
    }
    bench.wait();
    bench.measured("nothing sent", REST, |until| {
        std::thread::sleep(until - Instant::now());
        0
    });
    let live = Duration::from_secs(60 * minutes as u64);
    bench.measured("every endpoint 4 KiB in five minutes", live, |until| {
        bench.live(until)
    });
    bench.probe();
    bench.up.stop();
}

/// What a body ends with.
#[derive(Clone, Copy)]
enum Ends {
    Harmless,
    Success,
    Failure,
}

struct Bench {
    up: Up,
    endpoints: usize,
    engine: u32,
    bodies: mpsc::SyncSender<(usize, Ends)>,
    sent: Arc<Mutex<Sent>>,
}

#[derive(Default)]
struct Sent {
    /// Where the log of each endpoint ends.
    ends: BTreeMap<usize, u64>,
    bodies: usize,
    stored: usize,
}

impl Bench {
    fn start(endpoints: usize) -> Self {
        let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-live");
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        let up = Up::on(&folder, &[]);
        let engine = up.engine_process().expect("an engine");
        let (bodies, queued) = mpsc::sync_channel::<(usize, Ends)>(endpoints + PROBES);
        let (sent, queued) = (Arc::<Mutex<Sent>>::default(), Arc::new(Mutex::new(queued)));
        let agent = ureq::Agent::new_with_defaults();
        for _ in 0..SENDERS {
            let (sent, queued, agent) = (Arc::clone(&sent), Arc::clone(&queued), agent.clone());
            let (intake, token) = (up.intake.clone(), up.token());
            std::thread::spawn(move || {
                loop {
                    let next = queued.lock().expect("no panic").recv();
                    let Ok((endpoint, ends)) = next else { return };
                    let offset = sent.lock().expect("no panic").ends.get(&endpoint).copied();
                    let offset = offset.unwrap_or_default();
                    let text = body(endpoint, offset, ends);
                    agent
                        .put(format!("{intake}/v1/streams/cbs/{:016x}", endpoint + 1))
                        .query("offset", offset.to_string())
                        .query("format", "wds")
                        .query("path", "CBS.log")
                        .header("authorization", format!("Bearer {token}"))
                        .header("cbsift-endpoint", name_of(endpoint))
                        .send(&text)
                        .expect("it is stored");
                    let mut sent = sent.lock().expect("no panic");
                    sent.ends.insert(endpoint, offset + text.len() as u64);
                    sent.stored += 1;
                }
            });
        }
        Self {
            up,
            endpoints,
            engine,
            bodies,
            sent,
        }
    }

    fn send(&self, endpoint: usize, ends: Ends) {
        self.sent.lock().expect("no panic").bodies += 1;
        self.bodies.send((endpoint, ends)).expect("senders live");
    }

    /// Until all that was sent is stored and derived.
    fn wait(&self) {
        loop {
            let sent = self.sent.lock().expect("no panic");
            if sent.stored == sent.bodies {
                break;
            }
            drop(sent);
            std::thread::sleep(LOOK);
        }
        self.up.settle();
    }

    /// Bodies of all endpoints in turn; how many.
    fn live(&self, until: Instant) -> usize {
        let (start, mut number) = (Instant::now(), 0);
        loop {
            let due = start + GAP * u32::try_from(number).expect("a few") / self.endpoints as u32;
            if due >= until {
                return number;
            }
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let ends = if number % 50 == 49 {
                Ends::Failure
            } else if number % 20 == 19 {
                Ends::Success
            } else {
                Ends::Harmless
            };
            self.send(number % self.endpoints, ends);
            number += 1;
        }
    }

    fn measured(&self, name: &str, time: Duration, run: impl FnOnce(Instant) -> usize) {
        let (before, parts) = (self.cpu(), self.inserted());
        let start = Instant::now();
        let bodies = run(start + time);
        let seconds = start.elapsed().as_secs_f64();
        let (ours, engine) = self.cpu();
        let (ours, engine) = (ours - before.0, engine - before.1);
        let after = self.inserted();
        let of_table = |table: &String| after[table] - parts.get(table).copied().unwrap_or(0);
        let all: u64 = after.keys().map(of_table).sum();
        let most = after.keys().max_by_key(|table| of_table(table));
        let most = most
            .filter(|table| of_table(table) > 0)
            .map(|table| format!("`{table}`, {:.1}", seconds / of_table(table) as f64));
        self.wait();
        println!(
            "| {name} | {:.1} | {:.1} | {all} | {} | {:.0}, engine {:.0} | {bodies} bodies stored in {seconds:.0} s |",
            (ours + engine) * 100.0 / seconds,
            engine * 100.0 / seconds,
            most.unwrap_or_else(|| "none".to_owned()),
            memory_of(self.up.process(), "VmRSS:"),
            memory_of(self.engine, "VmRSS:"),
        );
    }

    /// CPU seconds of `up` and of its engine.
    fn cpu(&self) -> (f64, f64) {
        (cpu(self.up.process()), cpu(self.engine))
    }

    /// Blocks of rows that each table has ever taken: one for an INSERT and partition.
    fn inserted(&self) -> BTreeMap<String, u64> {
        let answer = self.up.execute(
            "SELECT table, sum(block) FROM (SELECT table, partition, max(max_block_number) AS block \
             FROM system.parts WHERE database = 'cbsift' GROUP BY table, partition) GROUP BY table FORMAT TSV",
        );
        let lines = answer.lines().filter_map(|line| line.split_once('\t'));
        lines
            .filter_map(|(table, blocks)| Some((table.to_owned(), blocks.trim().parse().ok()?)))
            .collect()
    }

    /// From the moment a failure is handed to a sender until its endpoint's page shows it.
    fn probe(&self) {
        let seen: Mutex<Vec<f64>> = Mutex::default();
        std::thread::scope(|scope| {
            let time = BETWEEN_PROBES * PROBES as u32;
            scope.spawn(move || self.live(Instant::now() + time));
            for probe in 0..PROBES {
                let endpoint = self.endpoints + probe;
                let seen = &seen;
                scope.spawn(move || {
                    let start = Instant::now();
                    self.send(endpoint, Ends::Failure);
                    let page = self.up.page.trim_end_matches('/');
                    let page = format!("{page}/api/v1/endpoints/{}", name_of(endpoint));
                    let failed = format!("KB{}", update_of(endpoint, 0));
                    single::wait_until("the failure is on the page", || {
                        std::thread::sleep(LOOK);
                        let (status, answer) = single::get(&page);
                        status == 200 && answer.contains(&failed)
                    });
                    let took = start.elapsed().as_secs_f64();
                    seen.lock().expect("no panic").push(took);
                });
                std::thread::sleep(BETWEEN_PROBES);
            }
        });
        let mut seen = seen.into_inner().expect("no panic");
        seen.sort_by(f64::total_cmp);
        let at = |share| percentile(&seen, share);
        println!(
            "append -> page, {PROBES} endpoints' first failure while {} send: p50 {:.2} s, p99 {:.2} s, at most {:.2} s (budget 5 s: {})",
            self.endpoints,
            at(50),
            at(99),
            at(100),
            if at(99) < 5.0 { "ok" } else { "below" },
        );
    }
}

fn name_of(endpoint: usize) -> String {
    format!("LIVE-{endpoint:05}")
}

fn update_of(endpoint: usize, offset: u64) -> u64 {
    5_000_000 + (endpoint as u64 * 7_919 + offset) % 999_999
}

/// Whole records of `BODY` bytes and a little more.
fn body(endpoint: usize, offset: u64, ends: Ends) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.expect("a clock after 1970").as_secs() as i64;
    let head = LoggedAt(now).to_string();
    let mut text = String::new();
    while text.len() < BODY {
        let _ = writeln!(
            text,
            "{head}, Info                  CBS    Made up: tray {} is fed",
            text.len()
        );
    }
    let status = match ends {
        Ends::Harmless => return text,
        Ends::Success => "0x00000000 - S_OK",
        Ends::Failure => "0x80070570 - ERROR_FILE_CORRUPT",
    };
    let update = update_of(endpoint, offset);
    let package = format!("Package_for_KB{update}~31bf3856ad364e35~amd64~~1.1.1.1");
    let _ = write!(
        text,
        "{head}, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 1_{update}, Package: {package}, Identifier: KB{update}\n\
         {head}, Info                  CBS    Exec: Processing complete.  Session: 1_{update}, Package: {package}, Identifier: KB{update} [HRESULT = {status}]\n"
    );
    text
}
