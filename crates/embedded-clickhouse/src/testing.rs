//! The engine for tests, benches and examples: its process as in production, and this executable as its program.

use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use crate::{EngineConfig, EngineProcess, Folder, Health, Plan, Tokens};

/// The only argument of an executable that is to become the engine's process.
const CHILD: &str = "embedded-clickhouse-child";

/// Of a [`TestEngine`]: allows everything.
pub const TOKEN: &str = "made-up-token";

/// Of a [`TestEngine`]: allows to read.
pub const READ_TOKEN: &str = "made-up-reader";

/// Turns this executable into the engine's process before its `main` runs, if it was started as that. The harness of tests has
/// a `main` of its own and starts threads in it, and confinement must come before any thread.
#[used]
#[expect(unsafe_code, reason = "a function that runs before `main`")]
// SAFETY: the C library calls what stands there once, before `main`; the standard library's own entry, which keeps the
// arguments, comes earlier, and nothing else of it needs `main`.
#[unsafe(link_section = ".init_array")]
static BECOME_THE_CHILD: extern "C" fn() = {
    extern "C" fn become_the_child() {
        if std::env::args_os()
            .nth(1)
            .is_some_and(|first| first == CHILD)
        {
            crate::child::main(|_| {});
        }
    }
    become_the_child
};

/// An engine with an address and a path socket. Its process ends with this one.
#[derive(Debug)]
pub struct TestEngine {
    process: EngineProcess,
    address: SocketAddr,
}

impl TestEngine {
    /// An engine in an empty folder; what lies there is removed. Without the library it panics with the way to get it.
    pub fn fresh(folder: impl AsRef<Path>) -> Self {
        let _ = std::fs::remove_dir_all(&folder);
        Self::start(EngineConfig::new(folder.as_ref()))
    }

    /// An engine on what lies in its folder. Panics with the reason if it does not start.
    pub fn start(config: EngineConfig) -> Self {
        Self::try_start(config).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same, for tests of what goes wrong.
    pub fn try_start(config: EngineConfig) -> Result<Self, crate::EngineError> {
        // An engine of the run before may be on its way out.
        let folder = Folder::claim(&config.path, Duration::from_secs(5))?;
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = tcp.local_addr().expect("an address");
        let plan = Plan {
            tokens: Tokens::new(TOKEN).with_read_only(READ_TOKEN),
            tcp: Some(tcp),
            local: config.path.join("run/engine.sock"),
            arguments: vec![CHILD.to_owned()],
            log: String::new(),
            engine: config,
        };
        Ok(Self {
            process: EngineProcess::start(folder, plan)?,
            address,
        })
    }

    /// Where ClickHouse clients find it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same as a URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where our own processes find it.
    pub fn socket(&self) -> &Path {
        self.process.socket()
    }

    /// What is known of its process.
    pub fn health(&self) -> Health {
        self.process.health()
    }

    /// What this process and the engine's have computed so far; steadier than the clock on a machine that is shared.
    pub fn cpu_seconds(&self) -> f64 {
        let of_engine = self.health().status().pid.map(|pid| pid.to_string());
        let of_all = ["self".to_owned()].into_iter().chain(of_engine);
        of_all.map(|process| cpu_seconds(&process)).sum()
    }

    /// Ends it as `cbsift` does.
    pub fn stop(self) {
        self.process.stop();
    }
}

fn cpu_seconds(process: &str) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    // User and system time are fields 14 and 15; the state behind the name is field 3.
    let ticks = after_name.split_whitespace().skip(11).take(2);
    let ticks: u64 = ticks.filter_map(|ticks| ticks.parse::<u64>().ok()).sum();
    // Linux counts 100 ticks a second for every program.
    ticks as f64 / 100.0
}
