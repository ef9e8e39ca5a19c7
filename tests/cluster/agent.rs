//! The agent as a process of its own, and the logs of the machine that it follows.

use crate::harness::Role;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;
use tempfile::TempDir;

/// The program that cargo has put beside `cbsift`: it is another package's, so that cargo does not build it for these tests alone.
pub fn program() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_cbsift")).with_file_name("cbsift-agent");
    let hint = "hint: cargo build --package agent, with `--release` for a bench";
    let Ok(built) = fs::metadata(&program).and_then(|data| data.modified()) else {
        panic!("no program at {}\n{hint}", program.display());
    };
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let newest = ["agent", "follow", "send", "files", "parse"]
        .map(|name| newest(&crates.join(name).join("src")));
    assert!(
        newest.iter().all(|source| *source <= built),
        "{} is older than its sources\n{hint}",
        program.display()
    );
    program
}

fn newest(folder: &Path) -> SystemTime {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let times = entries.map(|path| match path.is_dir() {
        true => newest(&path),
        false => fs::metadata(&path).unwrap().modified().unwrap(),
    });
    times.max().unwrap_or(SystemTime::UNIX_EPOCH)
}

/// A machine with its logs, and its agent while that runs.
pub struct Machine {
    pub name: String,
    folder: TempDir,
    agent: Option<Role>,
}

impl Machine {
    pub fn new(name: &str, intake: &Role, token: &str) -> Self {
        Self::following(name, intake, token, "CBS")
    }

    /// With a pattern of folders below its own, which may be those of a share.
    pub fn following(name: &str, intake: &Role, token: &str, pattern: &str) -> Self {
        let machine = Self {
            name: name.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            agent: None,
        };
        fs::create_dir(machine.logs()).unwrap();
        machine.show(token);
        let config = format!(
            "intake = \"{}\"\ntoken_file = \"token\"\nstate = \"state\"\nlogs = ['{}']\npoll = \"1s\"\nstart_spread = \"0s\"\n",
            intake.address("intake").trim_end_matches('/'),
            machine.folder.path().join(pattern).display()
        );
        fs::write(machine.folder.path().join("agent.toml"), config).unwrap();
        machine
    }

    /// Its logs, and nothing else.
    pub fn logs(&self) -> PathBuf {
        self.folder.path().join("CBS")
    }

    /// Another token from now on.
    pub fn show(&self, token: &str) {
        fs::write(self.folder.path().join("token"), token).unwrap();
    }

    pub fn start(&mut self) {
        let mut command = Command::new(program());
        command
            .args(["run", "--config"])
            .arg(self.folder.path().join("agent.toml"));
        self.agent = Some(Role::start(
            &format!("agent of {}", self.name),
            command,
            &[],
        ));
    }

    /// SIGKILL; nothing where none runs.
    pub fn kill(&mut self) {
        self.agent = None;
    }

    pub fn agent(&self) -> &Role {
        self.agent.as_ref().expect("it runs")
    }

    pub fn append(&self, text: &str) {
        let path = self.logs().join("CBS.log");
        let file = File::options().create(true).append(true).open(path);
        file.unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// As Windows does when the log is large: it gets another name, and a new one begins.
    pub fn rotate(&self, number: usize) {
        let logs = self.logs();
        let to = logs.join(format!("CbsPersist_2024{number:010}.log"));
        fs::rename(logs.join("CBS.log"), to).unwrap();
    }
}
