//! History: trees of old logs and bundles, one folder or archive of an endpoint each, sent once and never twice.
//!
//! Names say whose a folder is, the state file what was done, the intake's digests what it has, and each log's own events whether a folder
//! holds one machine. What is not sure is left alone and told: an endpoint that got another machine's logs is hard to take apart.

mod endpoint;
mod hosts;
mod journal;
mod pace;
mod pattern;
mod report;
mod units;

pub use self::journal::JournalError;
pub use self::pattern::Pattern;
pub use self::report::{
    Failed, Gap, Left, Listed, OfEndpoint, Report, Skipped, Tallies, Tally, Why,
};

use self::endpoint::{Done, Shared};
use self::journal::Journal;
use self::pace::Pace;
use crate::client::{Client, ClientError};
use crate::{SendError, SendOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// How long an intake may be away or have no room before it all ends, to go on later: an upgrade, or a disk that somebody makes room on.
const BUSY_PATIENCE: Duration = Duration::from_secs(3_600);

/// What to send where, and how.
#[derive(Clone)]
pub struct BackfillOptions {
    /// The intake, a token that names endpoints, and how logs go out. Its endpoint is not used.
    pub send: SendOptions,
    /// Whose a folder or an archive is; the first one that fits says it.
    pub patterns: Vec<Pattern>,
    /// What becomes of the case of names.
    pub case: Case,
    /// What becomes of folders with the logs of several machines.
    pub mixed: Mixed,
    /// Where it is noted what was done.
    pub state: PathBuf,
    /// Bytes of logs, unpacked, that go out in a second, over all files under way.
    pub bytes_per_second: Option<u64>,
    /// Everything is looked at, and nothing is sent or written.
    pub is_dry_run: bool,
}

/// Case of an endpoint's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Case {
    /// As it stands; names that differ in case alone are left alone.
    #[default]
    Keep,
    /// `pc-1`.
    Lower,
    /// `PC-1`.
    Upper,
}

impl Case {
    fn of(self, name: &str) -> String {
        match self {
            Self::Keep => name.to_owned(),
            Self::Lower => name.to_ascii_lowercase(),
            Self::Upper => name.to_ascii_uppercase(),
        }
    }
}

/// A folder whose event logs name machines that were there at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mixed {
    /// It is told and left alone.
    #[default]
    Leave,
    /// Its logs are the endpoint's all the same.
    Take,
}

impl BackfillOptions {
    /// The usual way.
    pub fn new(send: SendOptions, patterns: Vec<Pattern>, state: PathBuf) -> Self {
        Self {
            send: SendOptions {
                busy_patience: Some(BUSY_PATIENCE),
                ..send
            },
            patterns,
            case: Case::default(),
            mixed: Mixed::default(),
            state,
            bytes_per_second: None,
            is_dry_run: false,
        }
    }
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum BackfillError {
    /// The options contradict themselves or what is there.
    #[error("{0}")]
    Options(String),
    /// Without its state it could not go on after a kill.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What is going on. Comes from several threads.
#[derive(Clone, Copy, Debug)]
pub enum Step<'a> {
    /// The names were read: so many endpoints.
    Found {
        /// How many.
        endpoints: usize,
    },
    /// Lines of the state file that are damaged; what they said is found out again.
    Damaged {
        /// How many.
        lines: u64,
    },
    /// An endpoint is begun.
    Begun {
        /// Which.
        endpoint: &'a str,
    },
    /// A log that would be sent, in a dry run.
    Would {
        /// Under which endpoint.
        endpoint: &'a str,
        /// Where it is.
        path: &'a Path,
        /// Its size.
        bytes: u64,
    },
    /// Bytes were acknowledged.
    Acknowledged {
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
    /// An endpoint is done.
    Done {
        /// Which.
        endpoint: &'a str,
    },
}

/// Where the state of a tree stands where nobody names a place: beside it, so that it is not taken for a part of it.
pub fn state_beside(tree: &Path) -> Option<PathBuf> {
    let tree = std::path::absolute(tree).ok()?;
    let mut name = OsString::from(tree.file_name()?);
    name.push(".cbsift-backfill");
    Some(tree.with_file_name(name))
}

/// Sends the logs below the paths, each endpoint's by one thread, several endpoints at a time.
///
/// May be ended at any moment and run again: what was acknowledged and noted is not sent again, and what was acknowledged and not noted,
/// at most a body of each endpoint under way, folds in the store.
pub fn backfill(
    options: &BackfillOptions,
    paths: &[PathBuf],
    progress: &(dyn Fn(Step<'_>) + Sync),
) -> Result<Report, BackfillError> {
    let client = match Client::new(&options.send) {
        Ok(client) => client,
        Err(SendError::Options(error)) => return Err(BackfillError::Options(error)),
        Err(error) => return Err(BackfillError::Options(error.to_string())),
    };
    let to = options.send.url.trim_end_matches('/');
    let units =
        units::units(paths, &options.patterns, options.case).map_err(BackfillError::Options)?;
    let journal = match options.is_dry_run {
        true => Journal::peek(&options.state, to)?,
        false => Some(Journal::open(&options.state, to)?),
    };
    if let Some(lines) = journal.as_ref().map(|journal| journal.damaged)
        && lines > 0
    {
        progress(Step::Damaged { lines });
    }
    progress(Step::Found {
        endpoints: units.by_endpoint.len(),
    });

    let mut report = Report::new(options.is_dry_run);
    report.endpoints_found = units.by_endpoint.len() as u64;
    report.left = units.left;
    report.ambiguous = units.ambiguous;
    for error in units.failed {
        report.files.failed.add(0);
        report.failed.push(Failed {
            endpoint: String::new(),
            reason: error.to_string(),
            path: error.path,
            acknowledged_bytes: 0,
        });
    }
    let shared = Shared {
        options,
        client,
        journal,
        pace: Pace::new(options.bytes_per_second),
        progress,
        stop: AtomicBool::new(false),
        why: Mutex::new(None),
        given_up: AtomicUsize::new(0),
    };
    let all: Vec<(String, Vec<PathBuf>)> = units.by_endpoint.into_iter().collect();
    let next = AtomicUsize::new(0);
    // By endpoint, so that the report is the same whoever was first.
    let done: Mutex<BTreeMap<usize, OfEndpoint>> = Mutex::default();
    let rest = Mutex::new(&mut report);
    let work = || {
        while !shared.stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some((endpoint, paths)) = all.get(number) else {
                break;
            };
            progress(Step::Begun { endpoint });
            let Done {
                of,
                is_done,
                left,
                failed,
                skipped,
                acknowledged,
            } = endpoint::work(&shared, endpoint, paths);
            let mut report = rest.lock().unwrap_or_else(PoisonError::into_inner);
            report.files.plus(&of.files);
            report.acknowledged_bytes += acknowledged;
            report.left.extend(left);
            report.failed.extend(failed);
            report.skipped.extend(skipped);
            report.endpoints_not_reached += u64::from(!is_done);
            drop(report);
            let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
            done.insert(number, of);
            progress(Step::Done { endpoint });
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..options.send.jobs.clamp(1, all.len().max(1)) {
            scope.spawn(work);
        }
    });
    let done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    report.endpoints_not_reached += (all.len() - done.len()) as u64;
    report.endpoints = done.into_values().collect();
    report.shared_hosts = shared_hosts(&report.endpoints);
    let by_path = |a: &PathBuf, b: &PathBuf| a.cmp(b);
    report.left.listed.sort_by(|a, b| by_path(&a.path, &b.path));
    report
        .failed
        .listed
        .sort_by(|a, b| by_path(&a.path, &b.path));
    report
        .skipped
        .listed
        .sort_by(|a, b| by_path(&a.path, &b.path));
    report.stopped = shared
        .why
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    Ok(report)
}

/// Names of machines that more than one endpoint's logs hold.
fn shared_hosts(endpoints: &[OfEndpoint]) -> BTreeMap<String, Vec<String>> {
    let mut by_host: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for of in endpoints {
        for (host, ..) in &of.hosts {
            let short = host.split('.').next().unwrap_or_default().to_lowercase();
            by_host.entry(short).or_default().insert(&of.endpoint);
        }
    }
    let several = by_host.into_iter().filter(|(_, of)| of.len() > 1);
    several
        .map(|(host, of)| (host, of.into_iter().map(str::to_owned).collect()))
        .collect()
}
