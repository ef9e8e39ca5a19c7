//! The life of an agent: from an append to its acknowledgement, through deaths, an intake that is away, and a token that is refused.

use crate::support::{DEADLINE, ENDPOINT_TOKEN, RELAY, Server};
use event::Chunk;
use ingest::{Config, SinkError};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const LINE: &str = "2024-05-01 08:00:00, Info                  CBS    made up\r\n";

/// A folder of logs, a configuration, and the agent where it runs.
struct Agent {
    folder: tempfile::TempDir,
    running: Option<Child>,
}

impl Agent {
    fn new(server: &Server, token: &str, logs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        fs::write(path("token"), token).unwrap();
        let logs = path("logs").join(logs);
        let config = format!(
            "intake = \"http://{}\"\ntoken_file = \"token\"\nstate = \"state\"\nlogs = ['{}']\npoll = \"1s\"\nstart_spread = \"0s\"\nlog = \"agent.log\"\n",
            server.address,
            logs.display()
        );
        fs::write(path("agent.toml"), config).unwrap();
        fs::create_dir(path("logs")).unwrap();
        Self {
            folder,
            running: None,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn command(&self, words: &[&str]) -> Command {
        // Another build of it: that for Windows, started by Wine.
        let other = std::env::var_os("CBSIFT_AGENT");
        let program = other.unwrap_or_else(|| env!("CARGO_BIN_EXE_cbsift-agent").into());
        let mut command = Command::new(program);
        command
            .args(words)
            .arg("--config")
            .arg(self.path("agent.toml"));
        command
    }

    fn ask(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    fn start(&mut self) {
        let child = self.command(&["run"]).stderr(Stdio::null()).spawn();
        self.running = Some(child.unwrap());
    }

    /// As by a power cut.
    fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    fn append(&self, name: &str, text: &str) {
        let path = self.path("logs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(found) = ask() {
            return found;
        }
        assert!(Instant::now() < deadline, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// What the intake has of each stream: every byte once, and the same wherever chunks overlap.
fn streams(server: &Server) -> BTreeMap<(String, u64), String> {
    let mut chunks: Vec<Chunk> = server.sink.chunks();
    chunks.sort_by_key(|chunk| {
        (
            chunk.endpoint.clone(),
            chunk.stream,
            chunk.offset,
            chunk.length,
        )
    });
    let mut streams: BTreeMap<(String, u64), String> = BTreeMap::new();
    for chunk in chunks {
        let key = (chunk.endpoint.clone(), chunk.stream.0);
        let text = streams.entry(key).or_default();
        let from = usize::try_from(chunk.offset).unwrap();
        assert!(from <= text.len(), "a hole before {from}");
        let common = (text.len() - from).min(chunk.text.len());
        assert_eq!(&text[from..from + common], &chunk.text[..common]);
        text.push_str(&chunk.text[common..]);
    }
    streams
}

/// The texts alone.
fn texts(server: &Server) -> Vec<String> {
    streams(server).into_values().collect()
}

fn lines(from: usize, to: usize) -> String {
    (from..to)
        .map(|number| LINE.replace("made up", &format!("made up {number}")))
        .collect()
}

#[test]
fn what_is_appended_is_acknowledged_whoever_dies() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    agent.append("CBS/CBS.log", &lines(0, 100));
    let checked = agent.ask(&["check"]);
    assert!(checked.status.success(), "{checked:?}");
    agent.start();
    until("the first lines", || {
        (texts(&server) == [lines(0, 100)]).then_some(())
    });
    // Killed at some moment, with more to send each time.
    let mut written = 100;
    for round in 0..8 {
        agent.append("CBS/CBS.log", &lines(written, written + 3_000));
        written += 3_000;
        if round % 2 == 0 {
            until("some of it", || {
                (server.sink.chunks().len() > round).then_some(())
            });
        }
        agent.kill();
        agent.start();
    }
    until("all lines", || {
        (texts(&server) == [lines(0, written)]).then_some(())
    });
    // The log is rotated while the agent is down, and compressed by nobody yet.
    agent.kill();
    agent.append("CBS/CBS.log", &lines(written, written + 10));
    let logs = agent.path("logs/CBS");
    fs::rename(logs.join("CBS.log"), logs.join("CbsPersist_1.log")).unwrap();
    agent.append("CBS/CBS.log", &lines(100_000, 100_010));
    agent.start();
    let all = [lines(0, written + 10), lines(100_000, 100_010)];
    until("both logs", || {
        let mut texts = texts(&server);
        texts.sort_by_key(|text| std::cmp::Reverse(text.len()));
        (texts == all).then_some(())
    });
    let status = until("a status that has it all", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains("CbsPersist_1.log") && !status.contains("bytes acknowledged, 1"))
            .then_some(status)
    });
    assert!(status.starts_with("running\n\nthis-machine\n"), "{status}");
    // A second agent would take the first one's checkpoint.
    let second = agent.ask(&["run"]);
    assert_eq!(second.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&second.stderr).contains("another cbsift-agent runs"));
}

#[test]
fn an_intake_that_is_away_costs_only_lag() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let away = || SinkError::Unavailable("made up".to_owned());
    server
        .sink
        .with(|state| state.errors = (0..2).map(|_| away()).collect());
    agent.append("CBS/CBS.log", &lines(0, 10));
    agent.start();
    let waits = format!("{} wait", lines(0, 10).len());
    until("it says so", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains("503") && status.contains(&waits)).then_some(())
    });
    until("the lines", || {
        (texts(&server) == [lines(0, 10)]).then_some(())
    });
}

#[test]
fn a_token_that_is_refused_is_told_in_one_line_and_loses_nothing() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, "PC-0001.another-secret", "CBS");
    agent.append("CBS/CBS.log", LINE);
    let checked = agent.ask(&["check"]);
    assert_eq!(checked.status.code(), Some(1));
    let said = String::from_utf8(checked.stderr).unwrap();
    assert!(said.contains("401") && said.contains("token"), "{said}");
    assert!(!said.contains("another-secret"));
    agent.start();
    until("it says so", || agent.log().contains("401").then_some(()));
    assert!(!agent.log().contains("another-secret"));
    // Another one in its file is shown without a restart.
    fs::write(agent.path("token"), ENDPOINT_TOKEN).unwrap();
    until("the line", || (texts(&server) == [LINE]).then_some(()));
}

#[test]
fn a_body_that_is_refused_is_told_and_holds_up_no_other_log() {
    // Smaller bodies than an agent makes of a log with much to send.
    let server = Server::start(Config {
        body_max: 256 * 1024,
        ..Config::default()
    });
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let much = lines(0, 20_000);
    agent.append("CBS/CBS.log", &much);
    agent.append("CBS/CbsPersist_1.log", LINE);
    agent.start();
    until("the other log", || (texts(&server) == [LINE]).then_some(()));
    let refused = "CBS.log: bytes 0 to ";
    let status = until("a status that tells", || {
        let status = String::from_utf8(agent.ask(&["status"]).stdout).unwrap();
        (status.contains(refused) && status.contains("413")).then_some(status)
    });
    let waits = format!("0 of {0} bytes acknowledged, {0} wait", much.len());
    assert!(status.contains(&waits), "{status}");
    assert_eq!(agent.log().matches(refused).count(), 1);
}

#[test]
fn each_folder_of_a_share_is_a_machine() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, RELAY, "{endpoint}/Logs/CBS/*");
    for number in 0..5 {
        agent.append(&format!("PC-{number}/Logs/CBS/CBS.log"), &lines(number, 20));
    }
    agent.append("no machine/Logs/CBS/CBS.log", LINE);
    let checked = agent.ask(&["check"]);
    let said = String::from_utf8_lossy(&checked.stdout);
    assert!(said.contains("5 machines"), "{checked:?}");
    agent.start();
    until("all machines", || {
        (streams(&server).len() == 5).then_some(())
    });
    for ((endpoint, _), text) in streams(&server) {
        let number: usize = endpoint.strip_prefix("PC-").unwrap().parse().unwrap();
        assert_eq!(text, lines(number, 20));
    }
    // One of them has a folder that leads to another one's.
    #[cfg(unix)]
    {
        fs::create_dir_all(agent.path("logs/PC-9")).unwrap();
        std::os::unix::fs::symlink(agent.path("logs/PC-0/Logs"), agent.path("logs/PC-9/Logs"))
            .unwrap();
        let checked = agent.ask(&["check"]);
        let said = String::from_utf8_lossy(&checked.stdout);
        assert!(said.contains("5 machines"), "{checked:?}");
    }
    assert!(until("a word about the other", || {
        let status = String::from_utf8(agent.ask(&["status", "--json"]).stdout).unwrap();
        status.contains("no machine` is no name").then_some(true)
    }));
}

#[test]
fn what_is_wrong_before_it_starts_is_a_line_and_a_code() {
    let server = Server::start(Config::default());
    let agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let path = agent.path("agent.toml");
    let good = fs::read_to_string(&path).unwrap();
    let nothing = agent.ask(&["check"]);
    assert_eq!(nothing.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&nothing.stderr).contains("no log is there"));
    agent.append("CBS/CBS.log", LINE);
    for (from, to, code, said) in [
        (
            "intake = \"http://127.0.0.1",
            "intake = \"http://10.0.0.1",
            1,
            "in the clear",
        ),
        ("http://", "ftp://", 1, "is no address"),
        (
            "token_file = \"token\"",
            "token_file = \"none\"",
            1,
            "cannot read the token",
        ),
        ("poll = \"1s\"", "poll = \"now\"", 2, "`poll` is `now`"),
        (
            "state = \"state\"",
            "status = \"state\"",
            2,
            "unknown field `status`",
        ),
    ] {
        fs::write(&path, good.replace(from, to)).unwrap();
        let checked = agent.ask(&["check"]);
        let stderr = String::from_utf8_lossy(&checked.stderr);
        assert_eq!(checked.status.code(), Some(code), "{stderr}");
        assert!(stderr.contains(said), "{stderr}");
    }
    // A port where nobody listens.
    drop(server);
    fs::write(&path, good).unwrap();
    let checked = agent.ask(&["check"]);
    let stderr = String::from_utf8_lossy(&checked.stderr);
    assert_eq!(checked.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("127.0.0.1"), "{stderr}");
    // Whoever checks follows nothing.
    assert!(!Path::new(&agent.path("state/this-machine.0")).exists());
}
