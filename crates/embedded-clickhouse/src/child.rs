//! The engine's own process: what it is told, how it confines itself, and how it ends.
//!
//! It is started with an empty environment and these open files, and learns all else, secrets included, from the first line of
//! `CONTROL`. It lives as long as that pipe is open: however its parent ends, the kernel closes the other end.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::net::TcpListener;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use tokio::sync::oneshot;

use crate::engine::Engine;
use crate::server::{Doors, serve};
use crate::{EngineConfig, EngineError, Tokens, confinement};

/// A pipe: [`Boot`] as one line, later perhaps [`STOP`]; its end is the parent's.
pub(crate) const CONTROL: RawFd = 3;

/// A pipe: one line, a [`Report`]; its end is the child's.
pub(crate) const REPORT: RawFd = 4;

/// The claim on the folder; only kept.
pub(crate) const CLAIM: RawFd = 5;

/// The path socket of the parent, listening.
pub(crate) const LOCAL: RawFd = 6;

/// The TCP socket for ClickHouse clients, listening; `/dev/null` where there is none. The last number.
pub(crate) const TCP: RawFd = 7;

/// An orderly end: what is under way is finished.
pub(crate) const STOP: &str = "stop\n";

/// What the process must know.
#[derive(Serialize, Deserialize)]
pub(crate) struct Boot {
    pub(crate) engine: EngineConfig,
    pub(crate) tokens: Tokens,
    pub(crate) has_tcp: bool,
    /// What is logged, as in RUST_LOG.
    pub(crate) log: String,
}

/// What the process says, once.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Report {
    /// It answers. With the reason, if it could do what it must not be able to.
    Ready { unconfined: Option<String> },
    /// It ends.
    Failed(String),
}

/// The whole life of the process. Call it before anything starts a thread: threads that exist are not confined with it.
///
/// `start_log` gets the filter of the lines that go to standard error, where the parent reads them.
pub fn main(start_log: impl FnOnce(&str)) -> ! {
    leave(match live(start_log) {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("{error}");
            1
        }
    })
}

fn live(start_log: impl FnOnce(&str)) -> io::Result<()> {
    leave_signals_to_the_parent();
    // What `ps` and the kernel's log call it; without, it would be `exe`.
    let _ = std::fs::write("/proc/self/comm", "cbsift-engine");
    close_what_nobody_gave_us();
    let (control, report, _claim) = (inherited(CONTROL)?, inherited(REPORT)?, inherited(CLAIM)?);
    let local = UnixListener::from(inherited(LOCAL)?);
    let mut control = BufReader::new(File::from(control));
    let mut line = String::new();
    control.read_line(&mut line)?;
    let boot: Boot = serde_json::from_str(&line)?;
    let tcp = inherited(TCP)?;
    let tcp = boot.has_tcp.then(|| TcpListener::from(tcp));

    let unconfined = confinement::confine(&boot.engine);
    start_log(&boot.log);
    let (stop, stopped) = oneshot::channel();
    std::thread::spawn(move || follow(control, stop));

    let mut report = File::from(report);
    let mut say = |what: &Report| -> io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        report.write_all(&line)
    };
    match run(boot, Doors { tcp, local }, stopped, || {
        say(&Report::Ready { unconfined })
    }) {
        Ok(()) => Ok(()),
        Err(error) => say(&Report::Failed(error.to_string())),
    }
}

fn run(
    boot: Boot,
    doors: Doors,
    stopped: oneshot::Receiver<()>,
    ready: impl FnOnce() -> io::Result<()>,
) -> Result<(), EngineError> {
    let engine = Arc::new(Engine::open(&boot.engine)?);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(EngineError::Process)?;
    let served = runtime.block_on(async {
        ready()?;
        let stopped = async {
            let _ = stopped.await;
        };
        serve(engine, doors, boot.tokens, stopped).await
    });
    // The runtime is not dropped: a query that does not react would hold up the end.
    std::mem::forget(runtime);
    served.map_err(EngineError::Process)
}

/// Waits for the parent's word, and ends the process at once when the parent is gone.
fn follow(mut control: impl BufRead, stop: oneshot::Sender<()>) {
    let mut stop = Some(stop);
    let mut line = String::new();
    while let Ok(1..) = control.read_line(&mut line) {
        if line == STOP
            && let Some(stop) = stop.take()
        {
            let _ = stop.send(());
        }
        line.clear();
    }
    // Nobody is left to hear of what is under way; what was acknowledged is on disk.
    leave(0)
}

/// Ends the process at once, without the library's exit handlers: it never stops its threads, and its handlers destroy what
/// these threads use.
#[expect(unsafe_code, reason = "ends the process")]
fn leave(status: i32) -> ! {
    // SAFETY: never returns and touches nothing of ours.
    unsafe { libc::_exit(status) }
}

/// A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group, but the parent stops this process after its own
/// drain. SIGHUP is for the parent's certificates.
#[expect(unsafe_code, reason = "sets what signals do")]
fn leave_signals_to_the_parent() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGPIPE] {
        // SAFETY: to ignore a signal runs no code of ours.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Files that whoever started the parent left open in it would be a way past every wall.
#[expect(unsafe_code, reason = "closes open files by number")]
fn close_what_nobody_gave_us() {
    // SAFETY: nothing of this process is open yet but its standard streams and what stands at the numbers below.
    unsafe { libc::close_range(TCP as u32 + 1, u32::MAX, 0) };
}

/// Takes an open file that the parent left at a number.
#[expect(unsafe_code, reason = "takes over an inherited open file")]
fn inherited(number: RawFd) -> io::Result<OwnedFd> {
    // SAFETY: only asks for a flag and sets one; a number that is not open is an error.
    let is_open = unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) } == 0;
    if !is_open {
        return Err(io::Error::other(
            "this is started by `cbsift up` and `cbsift engine`, not by hand",
        ));
    }
    // SAFETY: it is open, the parent put it there for us, and each number is taken once.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}
