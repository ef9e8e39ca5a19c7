//! The engine's process as its parent sees it: started, listened to, started again when it dies, ended.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, BufRead, BufReader, PipeReader, PipeWriter, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use command_fds::{CommandFdExt, FdMapping};

use crate::child::{self, Boot, Report};
use crate::folder::Folder;
use crate::{EngineConfig, EngineError, Tokens, library};

/// How long the engine may take to open. Seconds when the library comes from a cold disk; longest with many tables.
const START_WITHIN: Duration = Duration::from_secs(60);

/// How long an orderly end may take: the engine's own ten seconds and some.
const STOP_WITHIN: Duration = Duration::from_secs(12);

/// Before the second start in a row; doubled with each further one. The first is at once.
const PAUSE: Duration = Duration::from_millis(250);

/// Of an engine that worked before it died, since pages wait for it.
const MAX_PAUSE_AFTER_WORK: Duration = Duration::from_millis(500);

/// Of one that does not get that far.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// An engine that lived so long starts the count of deaths anew.
const LONG_LIFE: Duration = Duration::from_secs(60);

/// Lines of a dead process that are told with its death.
const LAST_WORDS: usize = 5;

/// Longest line that is read as one.
const MAX_LINE: u64 = 8 << 10;

/// What the engine's process is made of.
#[derive(Debug)]
pub struct Plan {
    /// The engine; its `path` is that of the claimed folder.
    pub engine: EngineConfig,
    /// Who may ask at `tcp`.
    pub tokens: Tokens,
    /// Where ClickHouse clients ask. It stays open while the engine is away: their connections wait.
    pub tcp: Option<TcpListener>,
    /// The path of the socket for our own processes. Its folder is made for its owner only.
    pub local: PathBuf,
    /// With these arguments this very program calls [`child::main`](crate::child::main).
    pub arguments: Vec<String>,
    /// What the process logs, as in RUST_LOG.
    pub log: String,
}

/// What is known of the engine's process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Status {
    /// Its id while it is there.
    pub pid: Option<u32>,
    /// How often it was started again.
    pub restarts: u64,
    /// Why it does not answer, if so.
    pub trouble: Option<String>,
    /// Why it is not confined, if so.
    pub unconfined: Option<String>,
}

/// A view of the process that outlives it. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Health(Arc<Mutex<Status>>);

impl Health {
    /// What is known now.
    pub fn status(&self) -> Status {
        self.lock().clone()
    }

    /// The memory that the process holds, as the kernel counts it.
    pub fn resident_bytes(&self) -> Option<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.lock().pid?)).ok()?;
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))?;
        let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
        Some(kib << 10)
    }

    fn lock(&self) -> MutexGuard<'_, Status> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The engine in a process of its own, for as long as this value lives.
///
/// The process ends when this one does, however that is.
#[derive(Debug)]
pub struct EngineProcess {
    events: SyncSender<Event>,
    keeper: Option<JoinHandle<()>>,
    health: Health,
    socket: PathBuf,
}

/// What the thread that keeps the process waits for.
#[derive(Debug)]
enum Event {
    Said(Report),
    /// The process closed what it says its report on, so it is gone or about to be.
    Gone,
    Stop,
}

impl EngineProcess {
    /// Starts the process in a claimed folder and waits until the engine answers. From then on it is started again whenever it
    /// dies.
    pub fn start(folder: Folder, mut plan: Plan) -> Result<Self, EngineError> {
        if let Some(listener) = &plan.tcp {
            check_loopback(listener).map_err(EngineError::Process)?;
        }
        let library = library::find(plan.engine.library.as_deref())?;
        plan.engine.library = Some(library.canonicalize().unwrap_or(library));
        plan.engine.path = folder.path().to_path_buf();
        let socket = plan.local.clone();
        let (events, received) = sync_channel(4);
        let (first, started) = sync_channel(1);
        let health = Health::default();
        let keeper = Keeper {
            folder,
            plan,
            events: events.clone(),
            received,
            health: health.clone(),
            last_reason: String::new(),
        };
        let keeper = thread::Builder::new()
            .name("engine-keeper".to_owned())
            .spawn(move || keeper.keep(&first))
            .map_err(EngineError::Process)?;
        match started.recv() {
            Ok(outcome) => outcome?,
            Err(_) => return Err(EngineError::Said("the engine's keeper died".to_owned())),
        }
        Ok(Self {
            events,
            keeper: Some(keeper),
            health,
            socket,
        })
    }

    /// What is known of the process.
    pub fn health(&self) -> Health {
        self.health.clone()
    }

    /// Where our own processes ask.
    pub fn socket(&self) -> &Path {
        &self.socket
    }

    /// Lets the engine finish what is under way, within ten seconds, and ends the process. Blocks.
    pub fn stop(mut self) {
        let _ = self.events.send(Event::Stop);
        if let Some(keeper) = self.keeper.take() {
            let _ = keeper.join();
        }
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        // Not waited for: whoever wants an orderly end calls `stop`.
        let _ = self.events.try_send(Event::Stop);
    }
}

/// Tokens would cross the network in the clear.
fn check_loopback(listener: &TcpListener) -> io::Result<()> {
    let address = listener.local_addr()?;
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!(
            "the engine's address `{address}` is not on loopback, and it speaks without TLS\n\
             hint: use 127.0.0.1 or [::1]"
        ),
    ))
}

/// The thread that starts the process and is told of its end.
struct Keeper {
    folder: Folder,
    plan: Plan,
    events: SyncSender<Event>,
    received: Receiver<Event>,
    health: Health,
    last_reason: String,
}

/// One process, from its start to its end.
struct Running {
    child: Child,
    control: PipeWriter,
    words: Arc<Mutex<VecDeque<String>>>,
    reader: JoinHandle<()>,
}

/// How a process ended.
enum End {
    /// As it was told.
    Stopped,
    Died {
        was_ready: bool,
        why: EngineError,
    },
}

impl Keeper {
    fn keep(mut self, first: &SyncSender<Result<(), EngineError>>) {
        let mut first = Some(first);
        let mut deaths = 0;
        loop {
            let started = Instant::now();
            let end = match self.spawn() {
                Ok(running) => self.watch(running, &mut first),
                Err(why) => End::Died {
                    was_ready: false,
                    why,
                },
            };
            let (was_ready, why) = match end {
                End::Stopped => return,
                End::Died { was_ready, why } => (was_ready, why),
            };
            if let Some(first) = first {
                // Whoever starts the engine hears why it does not start, and decides.
                let _ = first.send(Err(why));
                return;
            }
            deaths = match started.elapsed() < LONG_LIFE {
                true => deaths + 1,
                false => 1,
            };
            self.died(why);
            if self.is_stopped_within(pause(deaths, was_ready)) {
                return;
            }
            self.health.lock().restarts += 1;
        }
    }

    /// Says why, once a reason.
    fn died(&mut self, why: EngineError) {
        let why = why.to_string();
        let reason = why.lines().next().unwrap_or_default();
        if reason == self.last_reason {
            tracing::debug!("the engine is started again: {why}");
        } else {
            tracing::error!("the engine is started again: {why}");
        }
        self.last_reason = reason.to_owned();
        let mut status = self.health.lock();
        status.trouble = Some(format!("the engine is away: {why}"));
    }

    fn is_stopped_within(&self, pause: Duration) -> bool {
        matches!(
            self.received.recv_timeout(pause),
            Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected)
        )
    }

    fn spawn(&self) -> Result<Running, EngineError> {
        self.folder.describe(&self.plan.engine)?;
        let (mut child, mut control, report) = self.process().map_err(EngineError::Process)?;
        let words = Arc::default();
        let reader = child.stderr.take().map(|said| {
            let words = Arc::clone(&words);
            thread::spawn(move || pass_on(said, &words))
        });
        let events = self.events.clone();
        thread::spawn(move || listen(report, &events));
        let boot = Boot {
            engine: self.plan.engine.clone(),
            tokens: self.plan.tokens.clone(),
            has_tcp: self.plan.tcp.is_some(),
            log: self.plan.log.clone(),
        };
        let told = serde_json::to_vec(&boot).map_err(io::Error::from);
        // A process that is dead already is noticed by its end.
        let _ = told.and_then(|line| {
            control
                .write_all(&line)
                .and_then(|()| control.write_all(b"\n"))
        });
        self.health.lock().pid = Some(child.id());
        Ok(Running {
            child,
            control,
            words,
            reader: reader.expect("its standard error is piped"),
        })
    }

    /// The process itself, with its open files at the numbers that it expects.
    fn process(&self) -> io::Result<(Child, PipeWriter, PipeReader)> {
        let (control_end, control) = io::pipe()?;
        let (report, report_end) = io::pipe()?;
        let tcp: OwnedFd = match &self.plan.tcp {
            Some(tcp) => tcp.try_clone()?.into(),
            None => File::open("/dev/null")?.into(),
        };
        let files: [(OwnedFd, i32); 5] = [
            (control_end.into(), child::CONTROL),
            (report_end.into(), child::REPORT),
            (self.folder.claim_for_child()?, child::CLAIM),
            // Listening from before the process is there until it is gone, and never without it: a dead engine refuses at once.
            (listen_on(&self.plan.local)?.into(), child::LOCAL),
            (tcp, child::TCP),
        ];
        let files = files.into_iter().map(|(parent_fd, child_fd)| FdMapping {
            parent_fd,
            child_fd,
        });
        // This very program, also when its file was replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0(std::env::args_os().next().unwrap_or_default())
            .args(&self.plan.arguments)
            .env_clear()
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .fd_mappings(files.collect())
            .map_err(io::Error::other)?;
        // Our copies of the child's files go with `command`.
        Ok((command.spawn()?, control, report))
    }

    /// Waits for the end of a process.
    fn watch(
        &mut self,
        mut running: Running,
        first: &mut Option<&SyncSender<Result<(), EngineError>>>,
    ) -> End {
        let mut said = None;
        let mut was_ready = false;
        let mut deadline = Some(Instant::now() + START_WITHIN);
        let mut is_stopped = false;
        loop {
            let event = match deadline {
                Some(deadline) => self
                    .received
                    .recv_timeout(deadline.saturating_duration_since(Instant::now())),
                None => self.received.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(Event::Said(Report::Ready { unconfined })) => {
                    was_ready = true;
                    // The time of a stop runs on.
                    if !is_stopped {
                        deadline = None;
                    }
                    self.ready(unconfined);
                    if let Some(first) = first.take() {
                        let _ = first.send(Ok(()));
                    }
                }
                Ok(Event::Said(Report::Failed(why))) => said = Some(why),
                Ok(Event::Gone) => break,
                Ok(Event::Stop) => {
                    is_stopped = true;
                    deadline = Some(Instant::now() + STOP_WITHIN);
                    let _ = running.control.write_all(child::STOP.as_bytes());
                }
                Err(_) => {
                    tracing::warn!("the engine did not start or end in time, and is killed");
                    deadline = None;
                    let _ = running.child.kill();
                }
            }
        }
        // It may have closed that pipe without being on its way out, which nothing of ours does.
        let _ = running.child.kill();
        let ended = running.child.wait();
        self.health.lock().pid = None;
        let _ = running.reader.join();
        if is_stopped {
            return End::Stopped;
        }
        let why = said.map_or_else(
            || died(ended.map(|status| status.to_string()), &running.words),
            EngineError::Said,
        );
        End::Died { was_ready, why }
    }

    fn ready(&mut self, unconfined: Option<String>) {
        let mut status = self.health.lock();
        if status.unconfined != unconfined
            && let Some(why) = &unconfined
        {
            tracing::error!(
                "the engine is not confined, so that a statement that gets past our checks could reach this machine: {why}"
            );
        }
        status.trouble = None;
        status.unconfined = unconfined;
    }
}

/// How long a process that died again is left alone.
fn pause(deaths: u32, was_ready: bool) -> Duration {
    let Some(doublings) = deaths.checked_sub(2) else {
        return Duration::ZERO;
    };
    let most = match was_ready {
        true => MAX_PAUSE_AFTER_WORK,
        false => MAX_PAUSE,
    };
    PAUSE.saturating_mul(1 << doublings.min(16)).min(most)
}

fn died(status: io::Result<String>, words: &Mutex<VecDeque<String>>) -> EngineError {
    let status = status.unwrap_or_else(|error| error.to_string());
    let words = words.lock().unwrap_or_else(PoisonError::into_inner);
    let mut text = format!("its process ended with {status}");
    for line in words.iter() {
        text.push_str("\n  it said: ");
        text.push_str(line);
    }
    EngineError::Said(text)
}

/// Hands on what the process reports, and its end.
fn listen(report: PipeReader, events: &SyncSender<Event>) {
    let mut line = String::new();
    let mut report = BufReader::new(report.take(64 << 10));
    while let Ok(1..) = report.read_line(&mut line) {
        if let Ok(report) = serde_json::from_str(&line) {
            let _ = events.send(Event::Said(report));
        }
        line.clear();
    }
    let _ = events.send(Event::Gone);
}

/// Puts the lines of the process into our log, and keeps the last.
fn pass_on(said: ChildStderr, words: &Mutex<VecDeque<String>>) {
    let mut said = BufReader::new(said);
    let mut bytes = Vec::new();
    while let Ok(1..) = (&mut said).take(MAX_LINE).read_until(b'\n', &mut bytes) {
        let line = String::from_utf8_lossy(&bytes);
        let line = line.trim();
        match line.split_once(' ') {
            Some(("TRACE" | "DEBUG", rest)) => tracing::debug!(target: "engine", "{rest}"),
            Some(("INFO", rest)) => tracing::info!(target: "engine", "{rest}"),
            Some(("ERROR", rest)) => tracing::error!(target: "engine", "{rest}"),
            Some(("WARN", rest)) => tracing::warn!(target: "engine", "{rest}"),
            _ if line.is_empty() => {}
            // The library's own.
            _ => tracing::warn!(target: "engine", "{line}"),
        }
        if !line.is_empty() {
            let mut words = words.lock().unwrap_or_else(PoisonError::into_inner);
            if words.len() == LAST_WORDS {
                words.pop_front();
            }
            words.push_back(line.to_owned());
        }
        bytes.clear();
    }
}

/// A path socket for processes of our own user, in a folder of its own.
///
/// The address of a socket has 108 bytes, which a data folder deep in a tree is longer than; through the open folder it is short.
fn listen_on(socket: &Path) -> io::Result<UnixListener> {
    let (Some(folder), Some(name)) = (socket.parent(), socket.file_name()) else {
        return Err(io::Error::other("the socket's path names no file"));
    };
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)?;
    // Also one that was made by somebody else.
    fs::set_permissions(folder, Permissions::from_mode(0o700))?;
    // The one before belongs to a process that is gone: the folder of the engine is claimed by us.
    match fs::remove_file(socket) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let open = File::open(folder)?;
    let short = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    UnixListener::bind(short.join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_beyond_loopback_is_refused() {
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let error = check_loopback(&listener).unwrap_err().to_string();
        assert!(
            error.contains("not on loopback") && error.contains("hint: "),
            "{error}"
        );
    }

    #[test]
    fn pauses_grow_to_their_bound_and_the_first_start_is_at_once() {
        assert_eq!(pause(1, true), Duration::ZERO);
        assert_eq!(pause(2, true), PAUSE);
        assert_eq!(pause(1_000, true), MAX_PAUSE_AFTER_WORK);
        assert_eq!(pause(5, false), PAUSE * 8);
        assert_eq!(pause(u32::MAX, false), MAX_PAUSE);
    }

    #[test]
    fn a_socket_lies_in_a_folder_of_any_depth_that_is_its_owners() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("d".repeat(200)).join("run");
        let socket = deep.join("engine.sock");
        let first = listen_on(&socket).unwrap();
        // One that a killed process left is no obstacle.
        drop(first);
        let _second = listen_on(&socket).unwrap();
        let mode = fs::metadata(&deep).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
