//! What `status` shows: a small file for each machine, written when something changed, and read by another process.

use crate::config::Config;
use anyhow::{Context, bail};
use follow::{Gap, Log, Place};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Between two files that say the same but for numbers.
const WRITE_EVERY: Duration = Duration::from_secs(5);

const ENDING: &str = ".status.json";

/// One machine.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Status {
    /// Its endpoint id, or that it is this one.
    pub(crate) place: String,
    /// When this was written, in seconds since 1970.
    pub(crate) written_at: u64,
    /// Each log that is there, and those of which something is lost.
    pub(crate) logs: Vec<LogStatus>,
    /// Why nothing is sent, now.
    pub(crate) error: Option<String>,
    /// Why what is acknowledged cannot be written down.
    pub(crate) checkpoint: Option<String>,
    /// Files and folders that cannot be read, and logs that are not as they should be.
    pub(crate) problems: Vec<String>,
}

/// One log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct LogStatus {
    pub(crate) path: String,
    pub(crate) stream: Option<String>,
    /// Bytes seen.
    pub(crate) size: u64,
    /// Bytes acknowledged by the intake.
    pub(crate) acknowledged: u64,
    /// Bytes that wait.
    pub(crate) lag: u64,
    /// What is lost of it, with the reason.
    pub(crate) gap: Option<String>,
    /// Gaps of an event log before that one.
    #[serde(default)]
    pub(crate) gaps_before: u64,
    /// The last of these.
    #[serde(default)]
    pub(crate) earlier: Vec<String>,
}

impl LogStatus {
    fn of(log: &Log) -> Self {
        let text = |gap: Gap| format!("{} to {}: {}", gap.from, gap.to, gap.reason.text());
        Self {
            path: log.path.to_string_lossy().into_owned(),
            stream: log
                .first_record
                .map(|first| format!("{}/{first:016x}", log.source.name())),
            size: log.size,
            acknowledged: log.acknowledged(),
            lag: log.lag(),
            gap: log.gap.map(text),
            gaps_before: log.gaps_before,
            earlier: log.earlier.iter().copied().map(text).collect(),
        }
    }
}

/// What a follower says of itself.
pub(crate) struct State {
    path: PathBuf,
    said: Status,
    /// What was wrong with the checkpoint at the start: that one was written since mends nothing of it.
    at_start: Option<String>,
    /// Logs that the intake refuses, and why.
    refused: BTreeMap<u32, String>,
    /// What an agent before this one said is known; what is new is told, also of the time when none ran.
    before: Status,
    written_at: Option<Duration>,
}

impl State {
    pub(crate) fn new(name: &str, folder: &Path, trouble: Option<String>) -> Self {
        let path = folder.join(format!("{name}{ENDING}"));
        let before = fs::read(&path).ok();
        let before = before.and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            path,
            said: Status {
                place: name.to_owned(),
                checkpoint: trouble.clone(),
                ..Status::default()
            },
            at_start: trouble,
            refused: BTreeMap::new(),
            before: before.unwrap_or_default(),
            written_at: None,
        }
    }

    /// Whether it is another one than before.
    pub(crate) fn set_error(&mut self, text: &str) -> bool {
        let before = self.said.error.replace(text.to_owned());
        before.as_deref() != Some(text)
    }

    pub(crate) fn clear_error(&mut self) {
        self.said.error = None;
    }

    pub(crate) fn set_trouble(&mut self, text: &str) -> bool {
        let before = self.said.checkpoint.replace(text.to_owned());
        before.as_deref() != Some(text)
    }

    pub(crate) fn clear_trouble(&mut self) {
        self.said.checkpoint.clone_from(&self.at_start);
    }

    /// The intake refuses a log; whether that is new.
    pub(crate) fn set_refused(&mut self, log: u32, text: String) -> bool {
        let before = self.refused.insert(log, text.clone());
        before.as_ref() != Some(&text)
    }

    /// It took something of a log.
    pub(crate) fn clear_refused(&mut self, log: u32) {
        self.refused.remove(&log);
    }

    /// Writes it where something is new: at once what people have to know, numbers now and then.
    pub(crate) fn write(&mut self, place: &Place, now: Duration) {
        let is_shown = |log: &&Log| !log.done || log.gap.is_some() || log.key.is_some();
        self.said.logs = place
            .logs()
            .iter()
            .filter(is_shown)
            .map(LogStatus::of)
            .collect();
        self.said.problems = place
            .problems()
            .map(|problem| one_line(&format!("{}: {}", problem.path.display(), problem.what)))
            .collect();
        for problem in &self.said.problems {
            if !self.before.problems.contains(problem) {
                tracing::warn!(place = self.said.place, "{problem}");
            }
        }
        let is_followed = |id: u32| place.logs().iter().any(|log| log.id == id && !log.done);
        self.refused.retain(|id, _| is_followed(*id));
        // Said when they were refused.
        self.said.problems.extend(self.refused.values().cloned());
        let (known, lost) = (lost(&self.before), lost(&self.said));
        for gap in lost.iter().filter(|gap| !known.contains(gap)) {
            tracing::error!(place = self.said.place, "lost: {}", one_line(gap));
        }
        let is_urgent = self.before.error != self.said.error
            || self.before.checkpoint != self.said.checkpoint
            || self.before.problems != self.said.problems
            || known != lost;
        let is_same = Status {
            written_at: self.before.written_at,
            ..self.said.clone()
        } == self.before;
        let is_due = match self.written_at {
            None => true,
            Some(at) => !is_same && (is_urgent || now - at >= WRITE_EVERY),
        };
        if !is_due {
            return;
        }
        self.said.written_at = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_secs());
        // What could not be written is written again, and not said again.
        self.written_at = write(&self.path, &self.said).is_ok().then_some(now);
        self.before = self.said.clone();
    }
}

/// What is lost of which log.
fn lost(status: &Status) -> Vec<String> {
    let gaps = |log: &LogStatus| -> Vec<String> {
        let gaps = log.earlier.iter().chain(&log.gap);
        gaps.map(|gap| format!("{}: {gap}", log.path)).collect()
    };
    status.logs.iter().flat_map(gaps).collect()
}

/// Not synced: it says what is, and is written again.
fn write(path: &Path, status: &Status) -> std::io::Result<()> {
    let beside = path.with_extension("new");
    fs::write(&beside, serde_json::to_vec(status)?)?;
    fs::rename(&beside, path)
}

/// Says why nothing is followed yet.
pub(crate) fn cannot_start(state: &Path, text: &str) {
    let status = Status {
        place: "agent".to_owned(),
        error: Some(text.to_owned()),
        ..Status::default()
    };
    let _ = write(&state.join(format!("agent{ENDING}")), &status);
}

/// Says what is wrong with the machines of a share.
pub(crate) fn say_wrong(state: &Path, wrong: &[String]) {
    let path = state.join(format!("agent{ENDING}"));
    if wrong.is_empty() {
        let _ = fs::remove_file(path);
        return;
    }
    let status = Status {
        place: "agent".to_owned(),
        problems: wrong.to_vec(),
        ..Status::default()
    };
    let _ = write(&path, &status);
}

/// Two agents with one state would take each other's checkpoints: the second one ends.
pub(crate) fn claim(state: &Path) -> anyhow::Result<File> {
    match try_claim(state)? {
        Some(file) => Ok(file),
        None => bail!(
            "another cbsift-agent runs with the folder `{}`",
            state.display()
        ),
    }
}

/// Nothing where another one has it.
fn try_claim(state: &Path) -> anyhow::Result<Option<File>> {
    let path = state.join("lock");
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot open `{}`", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(fs::TryLockError::WouldBlock) => Ok(None),
        Err(fs::TryLockError::Error(error)) => {
            Err(error).with_context(|| format!("cannot lock `{}`", path.display()))
        }
    }
}

pub(crate) fn show(config: &Config, is_json: bool) -> anyhow::Result<()> {
    let folder = &config.state;
    let mut all = Vec::new();
    let entries =
        fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().ends_with(ENDING) {
            continue;
        }
        if let Ok(text) = fs::read(entry.path())
            && let Ok(status) = serde_json::from_slice::<Status>(&text)
        {
            all.push(status);
        }
    }
    all.sort_by(|a, b| a.place.cmp(&b.place));
    // Without the right to ask it is not known; guessing would hide that nothing is sent.
    let is_running = try_claim(folder)
        .context("cannot tell whether an agent runs; hint: run it as administrator")?
        .is_none();
    let mut out = std::io::stdout().lock();
    if is_json {
        let all = serde_json::json!({ "running": is_running, "places": all });
        writeln!(out, "{all}")?;
    } else {
        writeln!(
            out,
            "{}",
            if is_running { "running" } else { "not running" }
        )?;
        for status in &all {
            print(&mut out, status)?;
        }
    }
    if !is_running {
        bail!(
            "no cbsift-agent runs with the folder `{}`",
            folder.display()
        );
    }
    Ok(())
}

fn print(out: &mut impl Write, status: &Status) -> std::io::Result<()> {
    writeln!(out, "\n{}", harmless::line(&status.place))?;
    let texts = status
        .error
        .iter()
        .chain(&status.checkpoint)
        .chain(&status.problems);
    for text in texts {
        writeln!(out, "  {}", harmless::line(text))?;
    }
    for log in &status.logs {
        writeln!(
            out,
            "  {}: {} of {} bytes acknowledged, {} wait{}",
            harmless::line(&log.path),
            log.acknowledged,
            log.size,
            log.lag,
            log.gap.as_ref().map_or(String::new(), |gap| format!(
                "; lost {gap}{}",
                more(log.gaps_before)
            ))
        )?;
    }
    Ok(())
}

fn more(gaps: u64) -> String {
    match gaps {
        0 => String::new(),
        gaps => format!(" ({gaps} gaps before)"),
    }
}

/// A message of several lines as one.
pub(crate) fn one_line(text: &str) -> String {
    harmless::line(&text.lines().collect::<Vec<_>>().join("; ")).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use follow::{PlaceOptions, Points};

    #[test]
    fn what_was_refused_of_a_log_is_told_while_it_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        fs::create_dir(&logs).unwrap();
        let line = "2024-05-01 08:00:00, Info                  CBS    made up\r\n";
        fs::write(logs.join("CBS.log"), line).unwrap();
        let options = PlaceOptions::new(vec![logs], folder.path().join("place"));
        let mut place = Place::open(options, Points::default()).0;
        place.poll(Duration::ZERO).unwrap();
        let id = place.logs()[0].id;
        let mut state = State::new("a", folder.path(), None);
        state.set_refused(id, "refused".to_owned());
        state.set_refused(id + 1, "of a log that was forgotten".to_owned());
        state.write(&place, Duration::ZERO);
        assert_eq!(state.said.problems, ["refused"]);
    }
}
