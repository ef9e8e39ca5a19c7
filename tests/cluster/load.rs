//! Senders that go on while something breaks, and logs whose every line says who it is and whether it is whole.

use crate::harness::{Role, send_command};
use crate::single::{PATIENCE, text};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Lines of a file: some fifteen chunks of the smallest size, each a request of its own, so that a fault meets a file half sent.
const LINES: usize = 400;

/// Every so many lines has a code, and so is an event.
const LINES_PER_EVENT: usize = 10;

/// An endpoint and the folder of what it sent.
pub struct Endpoint {
    pub name: String,
    folder: TempDir,
    files: usize,
}

impl Endpoint {
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            folder: tempfile::tempdir().unwrap(),
            files: 0,
        }
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Files that were written, each with its content.
    pub fn files(&self) -> Vec<String> {
        (0..self.files)
            .map(|number| file(&self.name, number))
            .collect()
    }

    /// Events that the files hold, all of them distinct.
    pub fn events(&self) -> usize {
        self.files * LINES.div_ceil(LINES_PER_EVENT)
    }

    /// Writes the next file.
    fn next(&mut self) -> PathBuf {
        let path = self.folder.path().join(format!("CBS-{}.log", self.files));
        std::fs::write(&path, file(&self.name, self.files)).unwrap();
        self.files += 1;
        path
    }
}

/// Made-up lines: endpoint, file, number and checksum stand in each, so that the truth needs no knowledge of cbsift.
fn file(endpoint: &str, number: usize) -> String {
    let mut text = String::new();
    for line in 0..LINES {
        let what = format!("{endpoint}/{number}/{line}");
        let sum = checksum(&what);
        // An hour of its own, so that files share no second; two months, so that a batch has inserts of both.
        let (month, day, hour) = (5 + number % 2, 1 + number / 24 % 28, number % 24);
        let (minute, second) = (line / 60, line % 60);
        let (level, before, after) = if line % LINES_PER_EVENT == 0 {
            (
                "Error",
                "Failed to add one or more deployment ",
                " [HRESULT = 0x80073712 - ERROR_SXS_COMPONENT_STORE_CORRUPT]",
            )
        } else {
            ("Info", "made up ", "")
        };
        text += &format!(
            "2024-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}, {level:<21} CBS    {before}<{what} {sum:08x}>{after}\r\n"
        );
    }
    text
}

/// What a line says of itself: endpoint, file and number; an error where its checksum does not fit.
pub fn read_line(line: &str) -> Result<String, String> {
    let inner = line
        .split_once('<')
        .and_then(|(_, rest)| rest.split_once('>'))
        .and_then(|(inner, _)| inner.rsplit_once(' '));
    match inner {
        Some((what, sum)) if format!("{:08x}", checksum(what)) == sum => Ok(what.to_owned()),
        _ => Err(format!("a damaged line: {line:?}")),
    }
}

/// FNV-1a: some other function than any that cbsift uses.
fn checksum(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |sum, byte| {
        (sum ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Senders under way, one for each endpoint; every file goes to the next intake.
pub struct Load {
    name: String,
    is_stopping: Arc<AtomicBool>,
    sent: Arc<AtomicUsize>,
    senders: Vec<JoinHandle<Endpoint>>,
}

impl Load {
    /// Starts sending, and goes on until [`Load::finish`].
    pub fn start(name: &str, intakes: &[&Role], endpoints: usize) -> Self {
        let is_stopping = Arc::new(AtomicBool::new(false));
        let sent = Arc::new(AtomicUsize::new(0));
        let intakes: Vec<String> = intakes
            .iter()
            .map(|intake| intake.address("intake").to_owned())
            .collect();
        let senders = (0..endpoints)
            .map(|number| {
                let (is_stopping, sent) = (Arc::clone(&is_stopping), Arc::clone(&sent));
                let (intakes, name) = (intakes.clone(), format!("{name}-{number}"));
                std::thread::spawn(move || {
                    let mut endpoint = Endpoint::new(&name);
                    // At least one file, so that every endpoint of a load has something to check.
                    while endpoint.files == 0 || !is_stopping.load(Ordering::Relaxed) {
                        let to = &intakes[(number + endpoint.files) % intakes.len()];
                        let file = endpoint.next();
                        send(to, &name, &file);
                        sent.fetch_add(1, Ordering::Relaxed);
                    }
                    endpoint
                })
            })
            .collect();
        Self {
            name: name.to_owned(),
            is_stopping,
            sent,
            senders,
        }
    }

    /// Waits until so many more files were acknowledged whole.
    pub fn more(&self, files: usize) {
        let wanted = self.sent.load(Ordering::Relaxed) + files;
        let deadline = Instant::now() + PATIENCE;
        while self.sent.load(Ordering::Relaxed) < wanted {
            assert!(
                !self.senders.iter().any(JoinHandle::is_finished),
                "{}: a sender has given up",
                self.name
            );
            assert!(
                Instant::now() < deadline,
                "{}: sends stand still",
                self.name
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Lets every sender end its file; what comes back was acknowledged to the last byte.
    pub fn finish(self) -> Vec<Endpoint> {
        self.is_stopping.store(true, Ordering::Relaxed);
        self.senders
            .into_iter()
            .map(|sender| sender.join().expect("a sender ends well"))
            .collect()
    }
}

/// As a scheduled sender does it: a run that finds nobody at the intake gives up after some seconds, and the next one goes on.
fn send(to: &str, endpoint: &str, file: &Path) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let output = send_command()
            .args(["--to", to, "--endpoint", endpoint])
            .args(["--chunk-kib", "4", "--single", "--quiet"])
            .arg(file)
            .output()
            .unwrap();
        if output.status.success() {
            return;
        }
        let said = text(&output.stderr);
        assert!(
            said.contains("error: no answer from") && Instant::now() < deadline,
            "send {} as {endpoint}: {said}",
            file.display()
        );
    }
}
