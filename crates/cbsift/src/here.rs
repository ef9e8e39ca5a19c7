//! The machine itself: where its logs are, what they name, what it is; read from its own Windows, or from one at a folder.

pub(crate) mod bundle;
mod commands;
mod facts;
pub(crate) mod places;
pub(crate) mod probe;
pub(crate) mod redact;

pub(crate) use facts::Facts;
pub(crate) use places::Installation;

use crate::progress::Progress;
use crate::scan::{self, Problem, Scan, UNNAMED, Where};
use anyhow::Context;
use classify::Rules;
use event::EventId;
use places::{PLACES, Use};
use probe::Probe;
use serde::Serialize;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// `probe.json`.
#[derive(Serialize)]
pub(crate) struct Probed<'a> {
    /// Null where it is not known.
    volume_is_dirty: Option<bool>,
    objects: Vec<&'a Probe>,
}

/// What was found of a machine, before any of it is read.
pub(crate) struct Here {
    pub(crate) installation: Installation,
    /// Logs and folders of logs.
    pub(crate) logs: Vec<PathBuf>,
    /// What only a bundle takes.
    pub(crate) raw: Vec<PathBuf>,
    /// Files of which only their size and time are told.
    pub(crate) marks: Vec<PathBuf>,
    /// Places that are not there.
    pub(crate) missing: Vec<String>,
    /// Places that may be there and could not be looked at.
    pub(crate) unread: Vec<(PathBuf, Problem)>,
    /// Copies that Windows made of what it holds, each with the name of what it is a copy of.
    aliases: Vec<(PathBuf, PathBuf)>,
    /// Channels that are read from their raw files, with the reason.
    pub(crate) stale: Vec<(String, String)>,
    pub(crate) facts: Facts,
    /// Holds the copies and the facts; goes with this.
    _copies: Option<tempfile::TempDir>,
}

impl Here {
    /// Looks for the logs of an installation, and asks the Windows that runs what only it can tell.
    pub(crate) fn look(installation: Installation) -> anyhow::Result<Self> {
        let copies = installation.is_live.then(tempfile::tempdir).transpose();
        let copies = copies.context("make a folder for copies of event logs")?;
        let facts = Facts::of(&installation);
        let mut here = Self {
            installation,
            logs: Vec::new(),
            raw: Vec::new(),
            marks: Vec::new(),
            missing: Vec::new(),
            unread: Vec::new(),
            aliases: Vec::new(),
            stale: Vec::new(),
            facts,
            _copies: None,
        };
        for place in PLACES {
            let found = match here.installation.find(place) {
                Ok(found) => found,
                Err(error) => {
                    here.closed(place.path, &error);
                    continue;
                }
            };
            if found.is_empty() {
                here.missing.push(place.path.to_owned());
            }
            for path in found {
                match place.used {
                    Use::Log => here.logs.push(path),
                    Use::Raw => here.raw.push(path),
                    Use::Mark => here.marks.push(path),
                    Use::Channel(channel) => {
                        here.channel(channel, path, copies.as_ref().map(tempfile::TempDir::path))
                    }
                }
            }
        }
        if let Some(copies) = &copies {
            here.printed(copies.path())?;
        }
        here._copies = copies;
        Ok(here)
    }

    /// Everything to read, and under which names.
    pub(crate) fn paths(&self) -> Where<'_> {
        Where {
            paths: &self.logs,
            below: Some(&self.installation.volume),
            aliases: &self.aliases,
        }
    }

    /// Reads what is there as the logs of one machine, and opens what its findings name.
    pub(crate) fn scan(
        &self,
        rules: &Rules,
        endpoint: Option<&str>,
        is_probing: bool,
        progress: &Progress,
    ) -> Scan {
        let name = endpoint
            .or_else(|| self.facts.computer())
            .unwrap_or(UNNAMED);
        let mut scan = scan::scan(rules, self.paths(), Some(name), progress);
        for (path, problem) in &self.unread {
            scan.add_unread(path, self.installation.name(path), problem.clone());
        }
        if is_probing && self.installation.is_whole() {
            let objects = scan
                .derived
                .findings
                .iter()
                .map(|finding| (finding.id, finding.object.clone()));
            let objects: Vec<(EventId, String)> = objects.collect();
            for (id, object) in objects {
                let probes = probe::probe(&self.installation, &object);
                if !probes.is_empty() {
                    scan.probes.insert(id, probes);
                }
            }
        }
        scan
    }

    /// What came of the probe, as a bundle tells it.
    pub(crate) fn probed<'a>(&self, scan: &'a Scan) -> Probed<'a> {
        Probed {
            volume_is_dirty: self.facts.dirty().as_ref().ok().copied(),
            objects: scan.probes.values().flatten().collect(),
        }
    }

    fn closed(&mut self, path: &str, error: &io::Error) {
        let path = self
            .installation
            .windows
            .join(path.replace('/', std::path::MAIN_SEPARATOR_STR));
        let message = format!(
            "cannot open `{}`: {error}",
            harmless::line(&path.to_string_lossy())
        );
        let problem = Problem {
            doing: "open",
            kind: error.kind(),
            message,
        };
        self.unread.push((path, problem));
    }

    /// The file of a channel lags behind: the service keeps its head and last chunk open. It is asked for a copy where it answers.
    fn channel(&mut self, channel: &str, path: PathBuf, copies: Option<&Path>) {
        let Some(copies) = copies else {
            self.logs.push(path);
            return;
        };
        let copy = copies.join(path.file_name().unwrap_or_default());
        match windows_here::export_channel(channel, &copy) {
            Ok(()) => {
                self.aliases.push((copy.clone(), path));
                self.logs.push(copy);
            }
            Err(error) => {
                let _ = fs::remove_file(&copy);
                self.stale.push((channel.to_owned(), error.to_string()));
                self.logs.push(path);
            }
        }
    }

    /// What the machine tells of itself, in the forms in which people hand it over, so that one reader knows both.
    fn printed(&mut self, folder: &Path) -> anyhow::Result<()> {
        for (name, text) in self.facts.printed() {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("write `{}`", path.display()))?;
            self.aliases
                .push((path.clone(), PathBuf::from("facts").join(name)));
            self.logs.push(path);
        }
        Ok(())
    }
}
