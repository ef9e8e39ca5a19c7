//! Sends files to an intake: each byte until it is acknowledged, or until patience ends.

use crate::client::{Client, ClientError};
use crate::upload;
use event::upload::CHUNK_MAX;
use files::{FileError, SkippedFile, find};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// So many files in a row whose patience ended stop everything: a folder of a thousand must not be waited for a thousand times.
pub(crate) const GIVEN_UP_MAX: usize = 3;

/// What to send where, and how.
#[derive(Clone)]
pub struct SendOptions {
    /// Address of the intake, as `http://127.0.0.1:7070`.
    pub url: String,
    /// The token; never printed. Empty where a certificate stands in its place.
    pub token: String,
    /// The certificate that is shown to an https intake, if any.
    pub certificate: Option<CertificateFiles>,
    /// PEM file of certificates to trust besides the system's; only https asks for it.
    pub ca: Option<PathBuf>,
    /// The endpoint the files belong to; needed with a relay token.
    pub endpoint: Option<String>,
    /// Wished size of a chunk, 4 KiB to 256 KiB.
    pub chunk_bytes: usize,
    /// Wished size of a body; several chunks go in one. 1 sends each chunk alone.
    pub body_bytes: usize,
    /// Compress bodies with zstd; nothing when the network is loopback.
    pub compress: Option<bool>,
    /// Send what was already imported whole, too.
    pub again: bool,
    /// Files under way at once.
    pub jobs: usize,
    /// Longest time that one request is repeated; then its file is given up. Where the intake itself is at fault, and after three such
    /// files in a row, everything is.
    pub patience: Duration,
    /// The same where the intake is away or has no room, whatever is sent; as `patience` where there is none.
    pub busy_patience: Option<Duration>,
}

/// A certificate of this sender's own: its DNS name is the endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// PEM file of the certificate, followed by those between it and its CA.
    pub cert: PathBuf,
    /// PEM file of its private key.
    pub key: PathBuf,
}

impl SendOptions {
    /// The usual way.
    pub fn new(url: impl Into<String>, token: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            token: token.into(),
            certificate: None,
            ca: None,
            endpoint: None,
            chunk_bytes: CHUNK_MAX,
            // Few round trips: an acknowledgement takes tens of milliseconds, whatever the size of the body.
            body_bytes: 4 * 1024 * 1024,
            compress: None,
            again: false,
            // As much as lets one file's acknowledgement wait while others move.
            jobs: 4,
            // Longer than a restart of everything on the other side takes, and than an intake may ask to wait.
            patience: Duration::from_secs(120),
            busy_patience: None,
        }
    }
}

/// What became of it all.
#[derive(Debug, Default)]
pub struct Summary {
    /// Files whose every byte was acknowledged.
    pub sent: Vec<SentFile>,
    /// Files that were not sent, each with its reason.
    pub skipped: Vec<SkippedFile>,
    /// Files that could not be read, or were not taken, at least in part.
    pub failed: Vec<SendFailure>,
    /// Source bytes acknowledged, those of files that failed later included.
    pub acknowledged_bytes: u64,
}

/// A file whose every byte was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size.
    pub bytes: u64,
    /// Bodies it took.
    pub bodies: u64,
}

/// Why a file was not sent whole.
#[derive(Debug, thiserror::Error)]
pub enum SendFailure {
    /// It could not be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The intake did not take it.
    #[error("cannot send `{}`: {error}", harmless::line(&path.to_string_lossy()))]
    Refused {
        /// Which.
        path: PathBuf,
        /// Why not.
        error: ClientError,
    },
}

/// Why nothing more was sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The options contradict themselves or each other.
    #[error("{0}")]
    Options(String),
    /// Every file would end the same way.
    #[error("{error}")]
    Stopped {
        /// How.
        error: ClientError,
        /// What was done before.
        summary: Box<Summary>,
    },
}

/// What is going on, for a progress bar. Comes from several threads.
#[derive(Clone, Copy, Debug)]
pub enum Progress<'a> {
    /// What there is to do; first.
    Total {
        /// Logs.
        files: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// Bytes acknowledged, or passed over in files that need not be sent.
    Advanced {
        /// How many.
        bytes: u64,
    },
    /// Something failed and is tried again after a wait.
    Waiting {
        /// Why.
        error: &'a ClientError,
        /// For how long.
        wait: Duration,
    },
}

/// Sends all logs under the paths. A file that cannot be sent does not stop the others; an intake that takes nothing at all does.
pub fn send(
    options: &SendOptions,
    paths: &[PathBuf],
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Summary, SendError> {
    let client = Client::new(options)?;
    let found = find(paths);
    progress(Progress::Total {
        files: found.logs.len(),
        bytes: found.logs.iter().map(|log| log.bytes).sum(),
    });

    let summary = Summary {
        skipped: found.skipped,
        failed: found.failed.into_iter().map(SendFailure::File).collect(),
        ..Summary::default()
    };
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    // With what stopped everything, and how many files in a row were given up.
    let state = Mutex::new((summary, None, 0));
    let work = || {
        while !stop.load(Ordering::Relaxed)
            && let Some(log) = found.logs.get(next.fetch_add(1, Ordering::Relaxed))
        {
            let all = || upload::upload(&client, options, log, progress);
            let (acknowledged, outcome) = catch_unwind(AssertUnwindSafe(all))
                .unwrap_or_else(|_| (0, Err(FileError::defect(&log.path).into())));
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            state.0.acknowledged_bytes += acknowledged;
            match &outcome {
                // Only a file that is done ends the row: that the question before it is answered says nothing.
                Ok(_) => state.2 = 0,
                Err(SendFailure::Refused { error, .. }) if error.is_retryable() => state.2 += 1,
                Err(_) => {}
            }
            let is_hopeless = state.2 >= GIVEN_UP_MAX;
            match outcome {
                Ok(upload::Outcome::Sent(file)) => state.0.sent.push(file),
                Ok(upload::Outcome::Skipped(file)) => state.0.skipped.push(file),
                Err(SendFailure::Refused { error, .. })
                    if error.stops_everything() || is_hopeless =>
                {
                    stop.store(true, Ordering::Relaxed);
                    state.1 = Some(error);
                }
                Err(failure) => state.0.failed.push(failure),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.clamp(1, found.logs.len().max(1)) {
            scope.spawn(work);
        }
    });

    let (mut summary, error, _) = state.into_inner().unwrap_or_else(PoisonError::into_inner);
    summary.sent.sort_by(|a, b| a.path.cmp(&b.path));
    summary.skipped.sort_by(|a, b| a.path.cmp(&b.path));
    match error {
        Some(error) => Err(SendError::Stopped {
            error,
            summary: Box::new(summary),
        }),
        None => Ok(summary),
    }
}
