//! Other processes: one that is killed, one that wants the same folder, one without the library.
//!
//! The children are this test binary itself, told by an environment variable what to be.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use clickhouse::Row;
use embedded_clickhouse::{Engine, EngineConfig, serve};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::harness::{client_at, count, fresh_folder, served, tokens};

const FOLDER: &str = "EMBEDDED_CLICKHOUSE_TEST_FOLDER";
const LIBRARY: &str = "EMBEDDED_CLICKHOUSE_TEST_LIBRARY";
const REOPEN: &str = "EMBEDDED_CLICKHOUSE_TEST_REOPEN";

/// Not a test of its own: what a child process does. Without the variable it does nothing.
#[tokio::test]
async fn child_process() {
    let Some(folder) = std::env::var_os(FOLDER) else {
        return;
    };
    let folder = PathBuf::from(folder);
    if std::env::var_os(REOPEN).is_some() {
        for name in ["one", "two", "one"] {
            let engine = Engine::open(EngineConfig::new(folder.join(name)));
            drop(engine.unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        println!("\nreopened");
        return;
    }
    let mut config = EngineConfig::new(folder);
    config.library = std::env::var_os(LIBRARY).map(PathBuf::from);
    let engine = match Engine::open(config) {
        Ok(engine) => Arc::new(engine),
        Err(error) => {
            println!("\nerror {}", error.to_string().replace('\n', " | "));
            return;
        }
    };
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    println!("\naddress {}", listener.local_addr().expect("an address"));
    let served = serve(engine, listener, tokens(), std::future::pending()).await;
    served.expect("serves until it is killed");
}

/// A child and the first thing it says. Killed on drop, by its own id.
struct Process {
    child: Child,
    says: String,
}

impl Process {
    fn start(folder: &Path, library: Option<&str>) -> Self {
        let library = library.map(|library| (LIBRARY, library));
        Self::start_with(folder, library)
    }

    fn start_with(folder: &Path, variable: Option<(&str, &str)>) -> Self {
        let mut command = Command::new(std::env::current_exe().expect("this binary"));
        command
            .args(["--exact", "processes::child_process", "--nocapture"])
            .env(FOLDER, folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        command.envs(variable);
        let mut child = command.spawn().expect("start");
        let output = BufReader::new(child.stdout.take().expect("piped"));
        let mut lines = output.lines().map_while(Result::ok);
        let first_words = ["address ", "error ", "reopened"];
        let says = lines.find(|line| first_words.iter().any(|word| line.starts_with(word)));
        Self {
            child,
            says: says.expect("a child says how it went"),
        }
    }

    fn address(&self) -> SocketAddr {
        let address = self.says.strip_prefix("address ");
        let address = address.and_then(|address| address.parse().ok());
        address.unwrap_or_else(|| panic!("{}", self.says))
    }

    fn kill(mut self) {
        self.child.kill().expect("SIGKILL");
        self.child.wait().expect("dead");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Row, Serialize)]
struct Number {
    n: u64,
}

#[tokio::test]
async fn kill_9_keeps_every_acknowledged_row() {
    let folder = fresh_folder("killed");
    let mut acknowledged = 0;
    for round in 0..3 {
        let process = Process::start(&folder, None);
        let client = client_at(process.address());
        let create = "CREATE TABLE IF NOT EXISTS kept (n UInt64) ENGINE = MergeTree ORDER BY n";
        client.query(create).execute().await.expect("create");
        assert_eq!(count(&client, "kept").await, acknowledged, "round {round}");
        for _ in 0..5 {
            let mut insert = client.insert::<Number>("kept").await.expect("start");
            for n in 0..1_000 {
                insert.write(&Number { n }).await.expect("write");
            }
            insert.end().await.expect("acknowledged");
            acknowledged += 1_000;
        }
        // One more is under way when the process dies, most of its rows sent but not its end.
        let mut insert = client.insert::<Number>("kept").await.expect("start");
        for n in 0..100_000 {
            insert.write(&Number { n }).await.expect("write");
        }
        process.kill();
        insert.end().await.expect_err("nobody answers");
    }
    let process = Process::start(&folder, None);
    let client = client_at(process.address());
    let rows = count(&client, "kept").await;
    assert_eq!(rows % 500, 0, "no part of a batch");
    assert_eq!(
        rows, acknowledged,
        "an insert that never ended is not there"
    );
}

#[tokio::test]
async fn a_second_process_is_told_who_holds_the_folder() {
    let process = Process::start(&served().folder, None);
    let expected = format!(
        "error the engine's folder `{}` is in use by process {} | \
         hint: stop that process, use another folder, or ask its ClickHouse address",
        served().engine.path().display(),
        std::process::id()
    );
    assert_eq!(process.says, expected);
    let answer = crate::harness::post("", b"SELECT 1").await;
    assert_eq!(answer.text(), "1\n", "the first is not disturbed");
}

#[tokio::test]
async fn a_missing_library_is_told_with_a_hint() {
    let process = Process::start(&fresh_folder("no-library"), Some("/nowhere/libchdb.so"));
    assert_eq!(
        process.says,
        "error libchdb.so is not at `/nowhere/libchdb.so` | \
         hint: run `make libchdb` or set `engine.library`"
    );
}

#[tokio::test]
async fn a_file_that_is_no_library_is_told_with_a_hint() {
    let process = Process::start(&fresh_folder("bad-library"), Some("/etc/hostname"));
    let says = &process.says;
    assert!(
        says.starts_with("error cannot open the engine `/etc/hostname`: "),
        "{says}"
    );
    assert!(says.contains("| hint: "), "{says}");
}

#[tokio::test]
async fn an_engine_that_was_dropped_makes_room_for_another() {
    let process = Process::start_with(&fresh_folder("reopened"), Some((REOPEN, "1")));
    assert_eq!(process.says, "reopened");
}
