//! An agent with its configuration, its logs and its process; and what the intake has of them.

use crate::support::{DEADLINE, Server};
use event::Chunk;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub(crate) const LINE: &str = "2024-05-01 08:00:00, Info                  CBS    made up\r\n";

/// A folder of logs, a configuration, and the agent where it runs.
pub(crate) struct Agent {
    folder: tempfile::TempDir,
    pub(crate) running: Option<Child>,
}

impl Agent {
    pub(crate) fn new(server: &Server, token: &str, logs: &str) -> Self {
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

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = crate::program();
        command
            .args(words)
            .arg("--config")
            .arg(self.path("agent.toml"));
        command
    }

    pub(crate) fn ask(&self, words: &[&str]) -> Output {
        self.command(words).output().unwrap()
    }

    pub(crate) fn start(&mut self) {
        let child = self.command(&["run"]).stderr(Stdio::null()).spawn();
        self.running = Some(child.unwrap());
    }

    /// As by a power cut.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.running.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    pub(crate) fn append(&self, name: &str, text: &str) {
        let path = self.path("logs").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = File::options()
            .create(true)
            .append(true)
            .open(path)
            .unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.path("agent.log")).unwrap_or_default()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
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
pub(crate) fn streams(server: &Server) -> BTreeMap<(String, u64), String> {
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
pub(crate) fn texts(server: &Server) -> Vec<String> {
    streams(server).into_values().collect()
}

pub(crate) fn lines(from: usize, to: usize) -> String {
    (from..to)
        .map(|number| LINE.replace("made up", &format!("made up {number}")))
        .collect()
}
