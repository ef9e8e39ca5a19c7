//! What an agent costs while next to nothing happens: of one machine, and of a share of a thousand, with more and more history beside each log (`make bench`).
//!
//! The agent is the real program, its intake is in this process and keeps what it takes. CPU and memory are the agent's alone.
//! `CBSIFT_BENCH_MINUTES=10 cargo bench -p agent --bench rest` measures each for so long instead of a minute; `ENDPOINTS=100` makes a smaller share.

#[path = "../../tests/it/agent.rs"]
#[expect(dead_code, reason = "shared with the tests")]
mod agent;
#[path = "../../../ingest/tests/it/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the intake")]
mod support;

use agent::{Agent, lines};
use ingest::Config;
use std::process::Command;
use std::time::{Duration, Instant};
use support::{ENDPOINT_TOKEN, RELAY, Server};

/// Lines of each log.
const LINES: usize = 250;

/// Until nothing that came before has anything to do: what is quiet is looked at a minute longer.
const QUIET: Duration = Duration::from_secs(90);

/// Each machine of a share writes so often, while some do.
const EVERY: Duration = Duration::from_secs(300);

/// Budgets of one machine.
const MIB: f64 = 8.0;
const PERCENT: f64 = 0.1;

fn main() {
    let number = |name: &str, or: f64| {
        let value = std::env::var(name).ok();
        value.map_or(or, |text| {
            text.parse().unwrap_or_else(|_| panic!("{name}: a number"))
        })
    };
    let time = Duration::from_secs_f64(60.0 * number("CBSIFT_BENCH_MINUTES", 1.0));
    let endpoints = number("ENDPOINTS", 1_000.0) as usize;
    println!(
        "| agent of | logs of each | while | CPU, % of a core | RSS MiB now, ever | checked |\n|---|---|---|---|---|---|"
    );
    let one = Share::start(1, 12, true);
    one.rest(time, Some((MIB, PERCENT)));
    drop(one);
    for logs in [1, 10] {
        let share = Share::start(endpoints, logs, false);
        share.rest(time, None);
        share.live(time);
    }
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cbsift-agent"))
}

struct Share {
    server: Server,
    agent: Agent,
    endpoints: usize,
    logs: usize,
    /// It is a machine with its own logs.
    is_own: bool,
}

impl Share {
    /// An agent that has sent all there is, and has nothing left to do.
    fn start(endpoints: usize, logs: usize, is_own: bool) -> Self {
        let server = Server::start(Config::default());
        let mut agent = match is_own {
            true => Agent::new(&server, ENDPOINT_TOKEN, "CBS"),
            false => Agent::new(&server, RELAY, "{endpoint}/CBS/*"),
        };
        // Looks at folders as often as it does without being told.
        let path = agent.path("agent.toml");
        let config = std::fs::read_to_string(&path).expect("it was just written");
        std::fs::write(&path, config.replace("poll = \"1s\"\n", "")).expect("room");
        for endpoint in 0..endpoints {
            for log in 0..logs {
                // No two logs begin alike.
                let from = (endpoint * logs + log) * LINES;
                let name = match log {
                    0 => "CBS.log".to_owned(),
                    log => format!("CbsPersist_{log:05}.log"),
                };
                agent.append(
                    &Self::path(endpoint, is_own, &name),
                    &lines(from, from + LINES),
                );
            }
        }
        agent.start();
        let share = Self {
            server,
            agent,
            endpoints,
            logs,
            is_own,
        };
        share.until_streams(endpoints * logs);
        std::thread::sleep(QUIET);
        share
    }

    fn path(endpoint: usize, is_own: bool, name: &str) -> String {
        match is_own {
            true => format!("CBS/{name}"),
            false => format!("PC-{endpoint:05}/CBS/{name}"),
        }
    }

    /// Until so many streams are acknowledged: an hour is more than it takes.
    fn until_streams(&self, count: usize) {
        let start = Instant::now();
        loop {
            let streams = self.server.sink.with(|state| {
                let keys = state
                    .chunks
                    .iter()
                    .map(|chunk| (chunk.endpoint.clone(), chunk.stream));
                keys.collect::<std::collections::HashSet<_>>().len()
            });
            if streams == count {
                return;
            }
            assert!(
                start.elapsed() < Duration::from_secs(3_600),
                "{streams} streams"
            );
            std::thread::sleep(Duration::from_millis(500));
        }
    }

    fn id(&self) -> u32 {
        self.agent.running.as_ref().expect("it was started").id()
    }

    fn rest(&self, time: Duration, budget: Option<(f64, f64)>) {
        let chunks = self.server.sink.with(|state| state.chunks.len());
        let (cpu, memory) = self.measured(time, |until| {
            std::thread::sleep(until - Instant::now());
        });
        let after = self.server.sink.with(|state| state.chunks.len());
        assert_eq!(after, chunks, "it rests");
        let verdict = budget.map_or(String::new(), |(mib, percent)| {
            let is_met = memory <= mib && cpu < percent;
            let word = if is_met { "ok" } else { "missed" };
            format!("; at most {mib} MiB and {percent} %: {word}")
        });
        self.row(
            "nothing is written",
            cpu,
            memory,
            &format!("{chunks} chunks before, none meanwhile{verdict}"),
        );
    }

    fn live(&self, time: Duration) {
        let mut written = 0;
        let before = self.server.sink.with(|state| state.chunks.len());
        let (cpu, memory) = self.measured(time, |until| {
            let start = Instant::now();
            loop {
                let due = start + EVERY.mul_f64(written as f64 / self.endpoints as f64);
                if due >= until {
                    return;
                }
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
                let name = Self::path(written % self.endpoints, self.is_own, "CBS.log");
                let number = 100_000_000 + written;
                self.agent.append(&name, &lines(number, number + 10));
                written += 1;
            }
        });
        let chunks = self.server.sink.with(|state| state.chunks.len()) - before;
        self.row(
            "each writes ten lines in five minutes",
            cpu,
            memory,
            &format!("{written} appends, {chunks} chunks"),
        );
    }

    /// CPU in % of a core, and the most memory.
    fn measured(&self, time: Duration, run: impl FnOnce(Instant)) -> (f64, f64) {
        let (start, before) = (Instant::now(), cpu(self.id()));
        run(start + time);
        let took = cpu(self.id()) - before;
        (
            100.0 * took / start.elapsed().as_secs_f64(),
            memory(self.id(), "VmHWM:"),
        )
    }

    fn row(&self, what: &str, cpu: f64, most: f64, checked: &str) {
        let now = memory(self.id(), "VmRSS:");
        let whose = match self.is_own {
            true => "its own machine".to_owned(),
            false => format!("a share of {}", self.endpoints),
        };
        println!(
            "| {whose} | {} | {what} | {cpu:.3} | {now:.1}, {most:.1} | {checked} |",
            self.logs
        );
    }
}

/// CPU seconds of a process.
fn cpu(id: u32) -> f64 {
    // In nanoseconds, where the other figures are ticks of a hundredth: at rest there is less than one a second.
    let mut nanoseconds = 0;
    for task in std::fs::read_dir(format!("/proc/{id}/task")).expect("it runs") {
        let path = task.expect("a thread").path().join("schedstat");
        // A thread may have ended meanwhile.
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let first = text.split_whitespace().next().unwrap_or("0");
        nanoseconds += first.parse::<u64>().expect("a number");
    }
    nanoseconds as f64 / 1e9
}

/// MiB of a process.
fn memory(id: u32, name: &str) -> f64 {
    let text = std::fs::read_to_string(format!("/proc/{id}/status")).expect("it runs");
    let kib = text.lines().find_map(|line| {
        line.strip_prefix(name)?
            .split_whitespace()
            .next()?
            .parse::<f64>()
            .ok()
    });
    kib.expect("Linux") / 1024.0
}
