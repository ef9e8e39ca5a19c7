//! What became of everything: it adds up, and says of each path that was not taken why not.

use event::LoggedAt;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Raised when fields change their meaning or go; new ones may come.
const VERSION: u32 = 1;

/// Paths listed of each kind; of more there are counts. Bundles hold hundreds of files that are no logs, and what is left alone may be a
/// whole share that no pattern is meant for.
pub(super) const SKIPPED_LISTED: usize = 10_000;
pub(super) const LEFT_LISTED: usize = 10_000;
/// Each of these wants a look.
pub(super) const FAILED_LISTED: usize = 100_000;
/// Gaps listed of one endpoint.
pub(super) const GAPS_LISTED: usize = 100;

/// Between two logs of a kind: as `cbsift endpoints coverage` has it.
pub(super) const GAP_SECONDS: i64 = 7 * 86_400;

/// A list that ends, and how many more there were.
#[derive(Clone, Debug, Serialize)]
pub struct Listed<T> {
    /// The first ones.
    pub listed: Vec<T>,
    /// Those that are not listed.
    pub more: u64,
    #[serde(skip)]
    max: usize,
}

impl<T> Listed<T> {
    pub(super) fn new(max: usize) -> Self {
        Self {
            listed: Vec::new(),
            more: 0,
            max,
        }
    }

    pub(super) fn push(&mut self, one: T) {
        if self.listed.len() < self.max {
            self.listed.push(one);
        } else {
            self.more += 1;
        }
    }

    pub(super) fn extend(&mut self, other: Self) {
        self.more += other.more;
        other.listed.into_iter().for_each(|one| self.push(one));
    }

    /// All of them.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.more
    }
}

/// Files of one outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// How many.
    pub files: u64,
    /// Their bytes, unpacked.
    pub bytes: u64,
}

impl Tally {
    pub(super) fn add(&mut self, bytes: u64) {
        self.files += 1;
        self.bytes += bytes;
    }

    fn plus(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Every file that was looked at is in exactly one of these.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tallies {
    /// Acknowledged whole in this run; in a dry run, what would be sent.
    pub taken: Tally,
    /// The store has the same bytes as the same kind of log of the same endpoint: from before, or from another path.
    pub known: Tally,
    /// No log that is read.
    pub skipped: Tally,
    /// Not read to its end, or not taken; what was acknowledged of it before counts in `acknowledged_bytes`.
    pub failed: Tally,
    /// Logs of mixed machines, which were not sent.
    pub left: Tally,
    /// Looked at when everything stopped, and not sent.
    pub not_reached: Tally,
}

impl Tallies {
    pub(super) fn plus(&mut self, other: &Self) {
        self.taken.plus(other.taken);
        self.known.plus(other.known);
        self.skipped.plus(other.skipped);
        self.failed.plus(other.failed);
        self.left.plus(other.left);
        self.not_reached.plus(other.not_reached);
    }

    /// All files that were looked at.
    pub fn files(&self) -> u64 {
        let all = [
            self.taken,
            self.known,
            self.skipped,
            self.failed,
            self.left,
            self.not_reached,
        ];
        all.iter().map(|tally| tally.files).sum()
    }
}

/// The whole of it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    version: u32,
    /// Nothing was sent.
    pub dry_run: bool,
    /// What ended it before its end.
    pub stopped: Option<String>,
    /// Endpoints that the names gave.
    pub endpoints_found: u64,
    /// Of these, those that are not done, where it stopped.
    pub endpoints_not_reached: u64,
    /// Files over all endpoints.
    pub files: Tallies,
    /// Bytes that the intake acknowledged in this run, those of files that failed later included.
    pub acknowledged_bytes: u64,
    /// What was left alone because of its name or its machines.
    pub left: Listed<Left>,
    /// What could not be read or sent.
    pub failed: Listed<Failed>,
    /// Files that are no logs.
    pub skipped: Listed<Skipped>,
    /// A path whose name fits the pattern in more than one way, and how many there are; the shortest name was taken.
    #[serde(serialize_with = "maybe_lossy")]
    pub ambiguous: Option<(PathBuf, u64)>,
    /// Names of machines that stand in the logs of several endpoints: likely one machine each.
    pub shared_hosts: BTreeMap<String, Vec<String>>,
    /// Each endpoint that was worked on.
    pub endpoints: Vec<OfEndpoint>,
}

/// What was left alone.
#[derive(Clone, Debug, Serialize)]
pub struct Left {
    /// The folder or archive.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Why.
    #[serde(flatten)]
    pub why: Why,
    /// Logs in it, where it was looked at.
    pub logs: u64,
}

/// Why something was left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", content = "of", rename_all = "snake_case")]
pub enum Why {
    /// No pattern fits.
    NoPattern,
    /// A symbolic link.
    Link,
    /// The name cannot be an endpoint's.
    NoEndpoint(String),
    /// Names that differ in case alone.
    Case(String),
    /// Machines whose logs stand in one folder.
    Mixed(String),
}

impl Why {
    /// Whether it is likely of an endpoint, so that something is missing without it.
    pub fn is_trouble(&self) -> bool {
        !matches!(self, Self::NoPattern | Self::Link)
    }

    fn text(&self) -> String {
        match self {
            Self::NoPattern => "no pattern fits its name".to_owned(),
            Self::Link => "a symbolic link: name what it leads to".to_owned(),
            Self::NoEndpoint(name) => format!(
                "`{name}` can be no endpoint's id: 1 to 128 of A-Z a-z 0-9 . _ -, the first a letter or a digit"
            ),
            Self::Case(names) => {
                format!("{names} differ in case alone; `--case` makes them one endpoint")
            }
            Self::Mixed(names) => {
                format!("logs of several machines: {names}; `--mixed take` takes them as one")
            }
        }
    }
}

/// What could not be read or sent.
#[derive(Clone, Debug, Serialize)]
pub struct Failed {
    /// Whose it is; empty above endpoints.
    pub endpoint: String,
    /// The file, or what stands in an archive.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Why.
    pub reason: String,
    /// Bytes of it that are acknowledged, now or before.
    pub acknowledged_bytes: u64,
}

/// A file that is no log.
#[derive(Clone, Debug, Serialize)]
pub struct Skipped {
    /// Which.
    #[serde(serialize_with = "lossy")]
    pub path: PathBuf,
    /// Why.
    pub reason: &'static str,
}

/// One endpoint.
#[derive(Clone, Debug, Default, Serialize)]
pub struct OfEndpoint {
    /// Its id.
    pub endpoint: String,
    /// Folders and archives that are its.
    #[serde(serialize_with = "all_lossy")]
    pub paths: Vec<PathBuf>,
    /// Its files.
    pub files: Tallies,
    /// Machines that its event logs name, and from when to when.
    pub hosts: Vec<(String, String, String)>,
    /// First and last time that its logs carry, of those that were taken or known.
    pub span: Option<(String, String)>,
    /// More than seven days without a log, between two logs of a kind.
    pub gaps: Vec<Gap>,
    /// Gaps that are not listed.
    pub gaps_more: u64,
}

/// A time of which no log was there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// Kind of log.
    pub source: &'static str,
    /// Last time before it.
    pub from: String,
    /// First time behind it.
    pub to: String,
}

impl Report {
    pub(super) fn new(is_dry_run: bool) -> Self {
        Self {
            version: VERSION,
            dry_run: is_dry_run,
            stopped: None,
            endpoints_found: 0,
            endpoints_not_reached: 0,
            files: Tallies::default(),
            acknowledged_bytes: 0,
            left: Listed::new(LEFT_LISTED),
            failed: Listed::new(FAILED_LISTED),
            skipped: Listed::new(SKIPPED_LISTED),
            ambiguous: None,
            shared_hosts: BTreeMap::new(),
            endpoints: Vec::new(),
        }
    }

    /// Whether something that likely is of an endpoint did not get in, or no endpoint was found at all.
    pub fn is_incomplete(&self) -> bool {
        let is_trouble = |left: &Left| left.why.is_trouble();
        self.stopped.is_some()
            || self.endpoints_found == 0
            || self.failed.count() > 0
            || self.left.more > 0
            || self.left.listed.iter().any(is_trouble)
    }

    /// For people, a line each: names of strangers begin none.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let _ = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        for failed in &self.failed.listed {
            writeln!(text, "failed   {}: {}", shown(&failed.path), failed.reason)?;
        }
        for left in &self.left.listed {
            let why = left.why.text();
            let (path, why) = (shown(&left.path), harmless::line(&why));
            writeln!(text, "left     {path}: {why}")?;
        }
        more(text, "failed", self.failed.more)?;
        more(text, "left alone", self.left.more)?;
        for (host, endpoints) in &self.shared_hosts {
            let endpoints = endpoints.join(", ");
            writeln!(
                text,
                "note     {host} stands in the logs of {endpoints}: `cbsift endpoints merge` makes two ids of one machine one"
            )?;
        }
        for of in self.endpoints.iter().filter(|of| of.hosts.len() > 1) {
            let names: Vec<&str> = of.hosts.iter().map(|(name, ..)| name.as_str()).collect();
            writeln!(
                text,
                "note     {} had several names: {}",
                of.endpoint,
                harmless::line(&names.join(", "))
            )?;
        }
        if let Some((path, count)) = &self.ambiguous {
            writeln!(
                text,
                "note     {count} names fit the pattern in several ways, and the shortest endpoint was taken: {}",
                shown(path)
            )?;
        }
        let with_gaps = self.endpoints.iter().filter(|of| !of.gaps.is_empty());
        for of in with_gaps.clone().take(20) {
            for gap in of.gaps.iter().take(3) {
                writeln!(
                    text,
                    "gap      {} {}: nothing from {} to {}",
                    of.endpoint, gap.source, gap.from, gap.to
                )?;
            }
        }
        let gaps: u64 = with_gaps
            .clone()
            .map(|of| of.gaps.len() as u64 + of.gaps_more)
            .sum();
        let would = if self.dry_run {
            "would be sent"
        } else {
            "taken"
        };
        let line = |text: &mut String, name: &str, tally: Tally| {
            let mib = tally.bytes as f64 / f64::from(1 << 20);
            writeln!(text, "{name:<14}{:>10} files {mib:>12.1} MiB", tally.files)
        };
        line(text, would, self.files.taken)?;
        line(text, "known", self.files.known)?;
        line(text, "no logs", self.files.skipped)?;
        line(text, "failed", self.files.failed)?;
        line(text, "mixed", self.files.left)?;
        if self.files.not_reached.files > 0 {
            line(text, "not reached", self.files.not_reached)?;
        }
        writeln!(
            text,
            "{} endpoints found, {} with something {would}; {} names left alone; {gaps} gaps in the logs of {} endpoints",
            self.endpoints_found,
            self.endpoints_taken(),
            self.left.count(),
            with_gaps.count()
        )?;
        if let Some(error) = &self.stopped {
            writeln!(
                text,
                "stopped, with {} endpoints not done: {error}\nhint: run it again, and it goes on",
                self.endpoints_not_reached
            )?;
        }
        Ok(())
    }

    /// Endpoints of which something was taken.
    pub fn endpoints_taken(&self) -> usize {
        let is_taken = |of: &&OfEndpoint| of.files.taken.files > 0;
        self.endpoints.iter().filter(is_taken).count()
    }
}

// A path that is no text must not cost the whole report.
fn lossy<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(&path.to_string_lossy())
}

fn all_lossy<S: Serializer>(paths: &[PathBuf], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

fn maybe_lossy<S: Serializer>(path: &Option<(PathBuf, u64)>, to: S) -> Result<S::Ok, S::Error> {
    let path = path.as_ref();
    path.map(|(path, count)| (path.to_string_lossy(), *count))
        .serialize(to)
}

fn shown(path: &Path) -> String {
    harmless::line(&path.to_string_lossy()).into_owned()
}

fn more(text: &mut String, what: &str, count: u64) -> std::fmt::Result {
    match count {
        0 => Ok(()),
        count => writeln!(text, "         and {count} more {what}"),
    }
}

/// Where no log of a kind was: between the spans of its logs, whatever their order.
pub(super) fn gaps(
    source: &'static str,
    spans: &mut [(LoggedAt, LoggedAt)],
) -> impl Iterator<Item = Gap> {
    spans.sort_unstable();
    let mut until: Option<LoggedAt> = None;
    spans.iter().filter_map(move |(from, to)| {
        let before = until;
        until = Some(before.map_or(*to, |before| before.max(*to)));
        let before = before.filter(|before| from.0 - before.0 > GAP_SECONDS)?;
        Some(Gap {
            source,
            from: before.to_string(),
            to: from.to_string(),
        })
    })
}

#[cfg(test)]
mod tests;
