//! Starts and stops the real binary, and asks it.

use event::{Attempt, Code, Finding};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use store::{Store, StoreConfig};
use tempfile::TempDir;

/// Longest wait for anything here; generous, as a test machine may be busy.
pub const PATIENCE: Duration = Duration::from_secs(120);

pub fn cbsift() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cbsift"));
    command
        .env_remove("CBSIFT_TOKEN")
        .env_remove("CBSIFT_CONFIG")
        .env("LANG", "C");
    // The library is fetched into the repository's own folder.
    command.current_dir(repository());
    command
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// Runs to its end; the arguments are shown where a test fails on it.
pub fn run(arguments: &[&str]) -> Output {
    cbsift()
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// `scan --format json` of paths as one endpoint.
pub fn scan(paths: &[&Path], endpoint: &str) -> Value {
    let mut command = cbsift();
    command
        .args(["scan", "--format", "json", "--endpoint", endpoint])
        .args(paths);
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "scan {paths:?}: {}",
        text(&output.stderr)
    );
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A running `cbsift up` with a data folder of its own.
pub struct Up {
    child: Child,
    pub data: PathBuf,
    pub intake: String,
    pub engine: String,
    pub admin: String,
    pub page: String,
    _folder: Option<TempDir>,
}

impl Up {
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut up = Self::on(folder.path(), &[]);
        up._folder = Some(folder);
        up
    }

    /// On a data folder that outlives it.
    pub fn on(data: &Path, arguments: &[&str]) -> Self {
        let mut command = cbsift();
        command.arg("up").arg("--data").arg(data).args(arguments);
        for table in ["INGEST", "ENGINE", "WEB", "ADMIN"] {
            command.env(format!("CBSIFT__{table}__LISTEN"), "127.0.0.1:0");
        }
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (lines, found) = mpsc::sync_channel(64);
        let outputs: [Box<dyn Read + Send>; 2] = [
            Box::new(child.stdout.take().unwrap()),
            Box::new(child.stderr.take().unwrap()),
        ];
        for output in outputs {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    // Shown where a test fails.
                    eprintln!("up: {line}");
                    let _ = lines.send(line);
                }
            });
        }
        let mut addresses: BTreeMap<String, String> = BTreeMap::new();
        let deadline = Instant::now() + PATIENCE;
        // The page's line comes on another pipe than the others.
        while ["intake", "engine", "health", "page"]
            .iter()
            .any(|name| !addresses.contains_key(*name))
        {
            let wait = deadline.saturating_duration_since(Instant::now());
            let line = found.recv_timeout(wait).expect("`up` says where it is");
            let mut words = line.split_whitespace();
            if let (Some(name), Some(url)) = (words.next(), words.next())
                && url.starts_with("http://")
            {
                addresses.insert(name.to_owned(), url.to_owned());
            }
        }
        let address = |name: &str| addresses[name].clone();
        Self {
            child,
            data: data.to_owned(),
            intake: address("intake"),
            engine: address("engine"),
            admin: address("health").replace("/readyz", ""),
            page: address("page"),
            _folder: None,
        }
    }

    /// The senders' token.
    pub fn token(&self) -> String {
        self.token_in("token")
    }

    /// What people and dashboards give the engine as a password.
    pub fn reader_token(&self) -> String {
        self.token_in("reader-token")
    }

    /// The engine as this user's own processes reach it.
    pub fn socket(&self) -> PathBuf {
        self.data.join("run/engine.sock")
    }

    /// A statement as the process itself makes them; what ClickHouse answers.
    pub fn execute(&self, statement: &str) -> String {
        let mut stream = std::os::unix::net::UnixStream::connect(self.socket()).unwrap();
        write!(
            stream,
            "POST /?database=cbsift HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{statement}",
            statement.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{statement}: {answer}");
        answer
    }

    fn token_in(&self, file: &str) -> String {
        std::fs::read_to_string(self.data.join(file))
            .unwrap()
            .trim()
            .to_owned()
    }

    pub fn send_command(&self, paths: &[&Path], endpoint: &str, arguments: &[&str]) -> Command {
        let mut command = cbsift();
        command
            .args([
                "send",
                "--to",
                &self.intake,
                "--endpoint",
                endpoint,
                "--data",
            ])
            .arg(&self.data)
            .args(arguments)
            .args(paths);
        command
    }

    pub fn send(&self, paths: &[&Path], endpoint: &str, arguments: &[&str]) -> String {
        let output = self
            .send_command(paths, endpoint, arguments)
            .output()
            .unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success(), "send {paths:?}: {said}");
        said
    }

    /// A sender of small chunks, one a request, so that there are many places to die at. It is far from its end when this returns,
    /// as soon as some of it is stored.
    pub fn sender_under_way(&self, folder: &Path, endpoint: &str) -> Child {
        let mut sender = self
            .send_command(&[folder], endpoint, &["--chunk-kib", "4", "--single"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while self.answers(endpoint).covered_bytes == 0 && sender.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        sender
    }

    /// On a data folder in `folder`, with a log of `pc-1` that is sent and derived; and where that log is.
    pub fn with_a_log(folder: &Path, text: &str) -> (Self, PathBuf) {
        let log = folder.join("CBS.log");
        std::fs::write(&log, text).unwrap();
        let up = Self::on(&folder.join("data"), &[]);
        up.send(&[&log], "pc-1", &[]);
        up.settle();
        (up, log)
    }

    /// Waits until nothing is left to derive.
    pub fn settle(&self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (status, body) = get(&format!("{}/readyz", self.admin));
            if status == 200 && !body.contains("left to derive") {
                return;
            }
            assert!(Instant::now() < deadline, "not settled: {status} {body}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    pub fn answers(&self, endpoint: &str) -> Answers {
        let (socket, endpoint) = (self.socket(), endpoint.to_owned());
        block_on(async move {
            let store = Store::connect(StoreConfig::local(socket)).await.unwrap();
            Answers::of_endpoint(&store, &endpoint).await
        })
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// The engine's process, as the kernel knows it: the only child.
    pub fn engine_process(&self) -> Option<u32> {
        let children = children(self.process());
        assert!(children.len() <= 1, "more than one child: {children:?}");
        children.first().copied()
    }

    /// SIGKILL: no time to tidy up. The engine's process must be gone soon.
    pub fn kill(mut self) {
        let engine = self.engine_process();
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        if let Some(engine) = engine {
            wait_until("the engine's process is gone", || !is_alive(engine));
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(mut self) {
        let id = self.process().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .unwrap()
                .success()
        );
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                assert!(status.success(), "`up` ended with {status}");
                return;
            }
            assert!(Instant::now() < deadline, "`up` does not stop");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// The processes that a process has started, as far as they live.
pub fn children(process: u32) -> Vec<u32> {
    let tasks = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    // A thread may have ended meanwhile.
    let lists = tasks
        .flatten()
        .filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let all: Vec<String> = lists.collect();
    all.join(" ")
        .split_whitespace()
        .map(|id| id.parse().unwrap())
        .collect()
}

/// Sends a signal, named as for `kill`.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success(), "{name} to {process}");
}

/// Whether a process is there and more than the entry that its parent has not read yet.
pub fn is_alive(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// What is to be equal however the bytes came in.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answers {
    pub codes: BTreeMap<String, u64>,
    pub attempts: Vec<String>,
    pub findings: Vec<String>,
    pub covered_bytes: u64,
}

impl Answers {
    /// What the store says of an endpoint.
    pub async fn of_endpoint(store: &Store, endpoint: &str) -> Self {
        let (attempts, findings) = store.derived("default", endpoint).await.unwrap();
        let codes = store.codes_of_endpoint("default", endpoint).await.unwrap();
        let covered = store.covered_bytes("default", endpoint).await.unwrap();
        Self::of_store(
            &attempts,
            &findings,
            codes.into_iter().map(|line| (line.code, line.events)),
            covered,
        )
    }

    fn of_store(
        attempts: &[Attempt],
        findings: &[Finding],
        codes: impl Iterator<Item = (Code, u64)>,
        covered_bytes: u64,
    ) -> Self {
        let hex = |code: Option<Code>| code.map(|code| code.to_string()).unwrap_or_default();
        let mut answers = Self {
            covered_bytes,
            ..Self::default()
        };
        answers.codes = codes
            .map(|(code, events)| (code.to_string(), events))
            .collect();
        answers.findings = findings
            .iter()
            .map(|finding| {
                let utc = finding.utc.map(|utc| utc.to_string()).unwrap_or_default();
                [
                    finding.rule.clone(),
                    finding.category.clone(),
                    finding.severity.name().to_owned(),
                    hex(finding.root_code),
                    hex(finding.terminal_code),
                    finding.object.clone(),
                    finding.kb.clone(),
                    finding.package.clone(),
                    finding.component.clone(),
                    utc,
                    finding.confidence.to_string(),
                    finding.count.to_string(),
                    finding
                        .evidence
                        .iter()
                        .map(|evidence| evidence.offset.to_string())
                        .collect::<Vec<_>>()
                        .join(","),
                ]
                .join(" | ")
            })
            .collect();
        let cause = |index: Option<u32>| {
            index
                .map(|index| answers.findings[index as usize].clone())
                .unwrap_or_default()
        };
        answers.attempts = attempts
            .iter()
            .map(|attempt| {
                let time = |time: Option<event::LoggedAt>| {
                    time.map(|time| time.to_string()).unwrap_or_default()
                };
                [
                    attempt.package.clone(),
                    attempt.kb.clone(),
                    attempt.client.clone(),
                    attempt.session.clone(),
                    time(attempt.start),
                    time(attempt.end),
                    attempt.outcome.name().to_owned(),
                    hex(attempt.terminal_code),
                    cause(attempt.finding),
                ]
                .join(" | ")
            })
            .collect();
        answers.sorted()
    }

    /// The same of a scan's JSON.
    pub fn of_scan(scan: &Value) -> Self {
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let list = |name: &str| scan[name].as_array().unwrap().iter();
        let mut answers = Self {
            covered_bytes: list("inputs")
                .filter(|input| !input["source"].is_null())
                .map(|input| input["bytes"].as_u64().unwrap())
                .sum(),
            codes: list("codes")
                .map(|line| (word(&line["code"]), line["events"].as_u64().unwrap()))
                .collect(),
            ..Self::default()
        };
        answers.findings = list("findings")
            .map(|finding| {
                let mut fields: Vec<String> = [
                    "rule",
                    "category",
                    "severity",
                    "root_code",
                    "terminal_code",
                    "object",
                    "kb",
                    "package",
                    "component",
                    "utc_time",
                ]
                .iter()
                .map(|name| word(&finding[*name]))
                .collect();
                fields.push(finding["confidence"].to_string());
                fields.push(finding["count"].to_string());
                let offsets: Vec<String> = finding["evidence"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .map(|evidence| evidence["offset"].to_string())
                    .collect();
                fields.push(offsets.join(","));
                fields.join(" | ")
            })
            .collect();
        let causes = answers.findings.clone();
        answers.attempts = list("attempts")
            .map(|attempt| {
                let mut fields: Vec<String> = [
                    "package",
                    "kb",
                    "client",
                    "session",
                    "start",
                    "end",
                    "outcome",
                    "terminal_code",
                ]
                .iter()
                .map(|name| word(&attempt[*name]))
                .collect();
                fields.push(
                    attempt["finding"]
                        .as_u64()
                        .map(|index| causes[usize::try_from(index).unwrap()].clone())
                        .unwrap_or_default(),
                );
                fields.join(" | ")
            })
            .collect();
        answers.sorted()
    }

    fn sorted(mut self) -> Self {
        self.attempts.sort();
        self.findings.sort();
        self
    }
}

/// A plain GET over a socket: status and body.
pub fn get(url: &str) -> (u16, String) {
    get_as(url, None)
}

pub fn get_as(url: &str, token: Option<&str>) -> (u16, String) {
    request("GET", url, token)
}

pub fn request(method: &str, url: &str, token: Option<&str>) -> (u16, String) {
    use std::io::Write;
    let rest = url.strip_prefix("http://").unwrap();
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut socket = std::net::TcpStream::connect(host).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let credential = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    write!(
        socket,
        "{method} /{path} HTTP/1.0\r\nHost: {host}\r\n{credential}\r\n"
    )
    .unwrap();
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).unwrap();
    let answer = text(&answer);
    let status = answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .unwrap_or_else(|| panic!("no HTTP answer from {url}: {answer}"));
    (
        status,
        answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
            .unwrap_or_default(),
    )
}
