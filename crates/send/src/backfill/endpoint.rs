//! All that is of one endpoint: what each folder and archive holds, whose it is, and what becomes of each log.

use super::hosts::{self, Named};
use super::journal::{Entry, Journal, Whole, still};
use super::pace::Pace;
use super::report::{
    FAILED_LISTED, Failed, GAPS_LISTED, LEFT_LISTED, Left, Listed, OfEndpoint, SKIPPED_LISTED,
    Skipped, Why, gaps,
};
use super::{BackfillOptions, Mixed, Step};
use crate::client::Client;
use crate::send::GIVEN_UP_MAX;
use crate::upload::{Outcome, Steps, refused, upload_from};
use crate::{Progress, SendFailure};
use event::LoggedAt;
use event::upload::FileDigest;
use files::{FileError, LogFile, Look, Sighting, find};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

const EMPTY: &str = "empty";

/// What all threads work with.
pub(super) struct Shared<'a> {
    pub(super) options: &'a BackfillOptions,
    pub(super) client: Client,
    pub(super) journal: Option<Journal>,
    pub(super) pace: Pace,
    pub(super) progress: &'a (dyn Fn(Step<'_>) + Sync),
    pub(super) stop: AtomicBool,
    /// The first reason to stop.
    pub(super) why: Mutex<Option<String>>,
    /// Files in a row that were given up.
    pub(super) given_up: AtomicUsize,
}

impl Shared<'_> {
    fn halt(&self, why: String) {
        self.stop.store(true, Ordering::Relaxed);
        let mut first = self.why.lock().unwrap_or_else(PoisonError::into_inner);
        first.get_or_insert(why);
    }

    fn is_halted(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Where it cannot be noted, nothing more is sent: after a kill it would go out again.
    fn note(&self, entry: &Entry) {
        let noted = self.journal.as_ref().map(|journal| journal.note(entry));
        if let Some(Err(error)) = noted {
            self.halt(error.to_string());
        }
    }
}

/// What became of an endpoint.
pub(super) struct Done {
    pub(super) of: OfEndpoint,
    /// Not where everything stopped before its end.
    pub(super) is_done: bool,
    pub(super) left: Listed<Left>,
    pub(super) failed: Listed<Failed>,
    pub(super) skipped: Listed<Skipped>,
    pub(super) acknowledged: u64,
}

/// A log, what is known of it, and what it says.
struct Looked<'a> {
    log: &'a LogFile,
    /// As it is on the disk; none where it cannot be noted.
    now: Option<Entry>,
    /// It was done before.
    is_whole: bool,
    look: Look,
}

struct Work<'a> {
    shared: &'a Shared<'a>,
    endpoint: &'a str,
    client: Client,
    /// Of the state file.
    known: HashMap<String, Entry>,
    /// What was taken or is known: the same bytes as another kind of log are another stream.
    contents: HashSet<(FileDigest, &'static str)>,
    spans: BTreeMap<&'static str, Vec<(LoggedAt, LoggedAt)>>,
    sightings: Vec<Sighting>,
    done: Done,
}

/// Takes what can be taken. Nothing that goes wrong with one path says anything of the others.
pub(super) fn work(shared: &Shared<'_>, endpoint: &str, paths: &[PathBuf]) -> Done {
    let known = match shared.journal.as_ref().map(|journal| journal.of(endpoint)) {
        Some(Ok(known)) if !shared.options.send.again => known,
        Some(Err(error)) => {
            shared.halt(error.to_string());
            HashMap::new()
        }
        _ => HashMap::new(),
    };
    let mut work = Work {
        shared,
        endpoint,
        client: shared.client.for_endpoint(endpoint),
        known,
        contents: HashSet::new(),
        spans: BTreeMap::new(),
        sightings: Vec::new(),
        done: Done {
            of: OfEndpoint {
                endpoint: endpoint.to_owned(),
                paths: paths.to_vec(),
                ..OfEndpoint::default()
            },
            is_done: true,
            left: Listed::new(LEFT_LISTED),
            failed: Listed::new(FAILED_LISTED),
            skipped: Listed::new(SKIPPED_LISTED),
            acknowledged: 0,
        },
    };
    for path in paths {
        if shared.is_halted() {
            break;
        }
        work.unit(path);
    }
    work.end()
}

impl Work<'_> {
    /// One folder or archive. All of it is read before any of it goes out: only then it is known whether it is of one machine.
    fn unit(&mut self, path: &Path) {
        let found = find(&[path.to_owned()]);
        for file in found.skipped {
            if file.is_unread() {
                self.done.of.files.failed.add(file.bytes);
                self.fail(file.path, file.reason.to_owned(), 0);
            } else {
                self.skip(file.path, file.bytes, file.reason);
            }
        }
        for error in found.failed {
            self.done.of.files.failed.add(0);
            self.fail(error.path.clone(), error.to_string(), 0);
        }
        let looked: Vec<Looked<'_>> = found.logs.iter().map(|log| self.look(log)).collect();
        let sightings = || looked.iter().flat_map(|looked| &looked.look.sightings);
        let names = hosts::named(sightings());
        if self.shared.options.mixed == Mixed::Leave
            && let Some((one, other)) = hosts::at_once(&names)
        {
            let said = |(name, (from, to)): &Named| format!("{name} ({from} to {to})");
            self.done.left.push(Left {
                path: path.to_owned(),
                why: Why::Mixed(format!("{} and {}", said(one), said(other))),
                logs: looked.len() as u64,
            });
            for looked in looked {
                self.done.of.files.left.add(looked.log.bytes);
            }
            return;
        }
        self.sightings.extend(sightings().cloned());
        for looked in looked {
            self.log(looked);
        }
    }

    fn look<'b>(&self, log: &'b LogFile) -> Looked<'b> {
        let now = Entry::of(self.endpoint, log);
        let entry = now.as_ref().and_then(|now| still(&self.known, now));
        let before = entry
            .and_then(|entry| entry.whole.as_ref())
            .filter(|whole| whole.source == log.source.name())
            .and_then(Whole::look);
        let is_whole = before.is_some();
        let look = before.unwrap_or_else(|| {
            catch_unwind(AssertUnwindSafe(|| log.look())).unwrap_or_else(|_| Look {
                damage: Some(FileError::defect(&log.path)),
                ..Look::default()
            })
        });
        Looked {
            log,
            now,
            is_whole,
            look,
        }
    }

    /// One log ends as exactly one of taken, known, skipped, failed and not reached.
    fn log(&mut self, looked: Looked<'_>) {
        let Looked {
            log,
            now,
            is_whole,
            look,
        } = looked;
        if self.shared.is_halted() {
            return self.done.of.files.not_reached.add(log.bytes);
        }
        if look.bytes == 0 && look.damage.is_none() {
            return self.skip(log.path.clone(), 0, EMPTY);
        }
        let content = look.digest.map(|digest| (digest, log.source.name()));
        let is_twice = content.is_some_and(|content| self.contents.contains(&content));
        if is_whole || is_twice {
            self.is_in(log, &look, now.filter(|_| !is_whole));
            return self.done.of.files.known.add(look.bytes);
        }
        if self.shared.options.is_dry_run {
            return match look.damage {
                Some(damage) => {
                    self.done.of.files.failed.add(log.bytes);
                    self.fail(log.path.clone(), damage.to_string(), 0);
                }
                None => {
                    (self.shared.progress)(Step::Would {
                        endpoint: self.endpoint,
                        path: &log.path,
                        bytes: look.bytes,
                    });
                    self.is_in(log, &look, None);
                    self.done.of.files.taken.add(look.bytes);
                }
            };
        }
        match self.is_held(log, &look) {
            Ok(false) => self.send(log, &look, now),
            Ok(true) => {
                self.is_in(log, &look, now);
                self.done.of.files.known.add(look.bytes);
            }
            Err(failure) => self.failed(log, failure, 0),
        }
    }

    /// Whether the intake has these very bytes as this stream.
    fn is_held(&self, log: &LogFile, look: &Look) -> Result<bool, SendFailure> {
        let (Some(digest), Some(first_record)) = (look.digest, look.first_record) else {
            return Ok(false);
        };
        if self.shared.options.send.again {
            return Ok(false);
        }
        let progress = |progress: Progress<'_>| self.tell(progress);
        let held = self
            .client
            .imported_bytes(digest, log.source, first_record, &progress)
            .map_err(|error| refused(log, error))?;
        Ok(held == Some(look.bytes))
    }

    fn send(&mut self, log: &LogFile, look: &Look, now: Option<Entry>) {
        let shared = self.shared;
        let from = now.as_ref().and_then(|now| still(&self.known, now));
        let from = from.map_or(0, |entry| entry.done);
        let behind = |end: u64| {
            // The last body's note says that all of it is in, where it has an end that can be read.
            if (end < look.bytes || look.digest.is_none())
                && let Some(now) = &now
            {
                shared.note(&Entry {
                    done: end,
                    ..now.clone()
                });
            }
        };
        let steps = Steps {
            from,
            before: &|bytes| shared.pace.wait(bytes),
            behind: &behind,
        };
        let progress = |progress: Progress<'_>| self.tell(progress);
        let send = &shared.options.send;
        let all = || upload_from(&self.client, send, log, &progress, &steps);
        let (acknowledged, outcome) = catch_unwind(AssertUnwindSafe(all))
            .unwrap_or_else(|_| (0, Err(FileError::defect(&log.path).into())));
        self.done.acknowledged += acknowledged;
        match outcome {
            Ok(Outcome::Sent(_)) => {
                shared.given_up.store(0, Ordering::Relaxed);
                self.is_in(log, look, now);
                self.done.of.files.taken.add(look.bytes);
            }
            Ok(Outcome::Skipped(file)) => self.skip(file.path, file.bytes, file.reason),
            Err(failure) => self.failed(log, failure, from + acknowledged),
        }
    }

    fn tell(&self, progress: Progress<'_>) {
        match progress {
            Progress::Advanced { bytes } => (self.shared.progress)(Step::Acknowledged { bytes }),
            Progress::Waiting { error, wait } => {
                (self.shared.progress)(Step::Waiting { error, wait });
            }
            Progress::Total { .. } => {}
        }
    }

    /// All of a log is in the store.
    fn is_in(&mut self, log: &LogFile, look: &Look, now: Option<Entry>) {
        self.contents
            .extend(look.digest.map(|digest| (digest, log.source.name())));
        if let Some(span) = look.span {
            self.spans.entry(log.source.name()).or_default().push(span);
        }
        if let Some(now) = now
            && let Some(whole) = Whole::of(log, look)
        {
            self.shared.note(&Entry {
                done: look.bytes,
                whole: Some(whole),
                ..now
            });
        }
    }

    fn failed(&mut self, log: &LogFile, failure: SendFailure, acknowledged: u64) {
        if let SendFailure::Refused { error, .. } = &failure {
            // A row of files whose patience ended says that the next one's will.
            let is_row = error.is_retryable()
                && self.shared.given_up.fetch_add(1, Ordering::Relaxed) + 1 >= GIVEN_UP_MAX;
            if error.stops_everything() || is_row {
                self.shared.halt(error.to_string());
                return self.done.of.files.not_reached.add(log.bytes);
            }
        }
        self.done.of.files.failed.add(log.bytes);
        self.fail(log.path.clone(), failure.to_string(), acknowledged);
    }

    fn fail(&mut self, path: PathBuf, reason: String, acknowledged_bytes: u64) {
        self.done.failed.push(Failed {
            endpoint: self.endpoint.to_owned(),
            path,
            reason,
            acknowledged_bytes,
        });
    }

    fn skip(&mut self, path: PathBuf, bytes: u64, reason: &'static str) {
        self.done.of.files.skipped.add(bytes);
        self.done.skipped.push(Skipped { path, reason });
    }

    fn end(mut self) -> Done {
        self.done.is_done = !self.shared.is_halted();
        let of = &mut self.done.of;
        let all = self.spans.values().flatten();
        let (from, to) = (
            all.clone().map(|span| span.0).min(),
            all.map(|span| span.1).max(),
        );
        of.span = from
            .zip(to)
            .map(|(from, to)| (from.to_string(), to.to_string()));
        for (source, spans) in &mut self.spans {
            for gap in gaps(source, spans) {
                if of.gaps.len() < GAPS_LISTED {
                    of.gaps.push(gap);
                } else {
                    of.gaps_more += 1;
                }
            }
        }
        let names = hosts::named(self.sightings.iter()).into_iter();
        of.hosts = names
            .map(|(name, (from, to))| (name, from.to_string(), to.to_string()))
            .collect();
        self.done
    }
}
