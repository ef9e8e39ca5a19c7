//! Facts about the machines, from files beside their logs: whose they are, and what Process Monitor saw on the objects of findings.
//!
//! Facts change no verdict: they say how a machine was set up when somebody asked, not what happened on it.

use super::machines::{self, Group};
use super::shown::Base;
use super::{Input, Scan};
use crate::progress::Progress;
use event::EventId;
use files::{FactsFile, FileError, LogFile};
use parse::facts::{Fact, Facts, FactsForm, Hit, Told};
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What was read of a file of facts.
#[derive(Clone, Debug)]
pub(crate) struct FactsInput {
    pub(crate) form: FactsForm,
    /// Values; of a trace its rows.
    pub(crate) count: u64,
    pub(crate) whose: Whose,
}

/// Whose facts a file tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Whose {
    /// Those of the machine of [`Input::machine`].
    Machine,
    /// Those of a machine of which no log is here.
    Other(String),
    /// Nothing says which machine's.
    Unknown,
}

/// What is known of one machine.
#[derive(Clone, Debug, Default)]
pub(crate) struct MachineFacts {
    /// Values, each with the inputs that tell it.
    values: BTreeMap<Fact, BTreeMap<String, BTreeSet<usize>>>,
    hits: Vec<Hit>,
}

impl MachineFacts {
    /// What one file tells.
    #[cfg(test)]
    pub(crate) fn of(facts: &Facts) -> Self {
        let mut all = Self::default();
        all.take(facts, 0);
        all
    }

    /// The facts with all that the files tell of each.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fact, &BTreeMap<String, BTreeSet<usize>>)> {
        self.values.iter().map(|(fact, values)| (*fact, values))
    }

    /// Whether a fact can be relied on: the files agree, and are of one machine.
    pub(crate) fn is_agreed(&self, fact: Fact) -> bool {
        let is_one = |fact| self.values.get(&fact).is_none_or(|values| values.len() < 2);
        is_one(Fact::Host) && (fact.is_many() || is_one(fact))
    }

    /// Whether any file tells it, whether they agree or not.
    pub(crate) fn is_told(&self, fact: Fact) -> bool {
        self.values.contains_key(&fact)
    }

    /// The value of a fact that the files agree on.
    pub(crate) fn get(&self, fact: Fact) -> Option<&str> {
        self.all(fact).next()
    }

    /// Its values where there may be many.
    pub(crate) fn all(&self, fact: Fact) -> impl Iterator<Item = &str> {
        let values = self.values.get(&fact).filter(|_| self.is_agreed(fact));
        values
            .into_iter()
            .flatten()
            .map(|(value, _)| value.as_str())
    }

    /// What Process Monitor saw on an object.
    pub(crate) fn hits(&self, object: &str) -> impl Iterator<Item = &Hit> {
        self.hits.iter().filter(move |hit| hit.object == object)
    }

    fn take(&mut self, facts: &Facts, input: usize) {
        for (fact, values) in facts.iter() {
            for value in values {
                let known = self.values.entry(fact).or_default();
                known.entry(value.clone()).or_default().insert(input);
            }
        }
    }

    /// Counts of several traces are added up.
    fn take_hits(&mut self, hits: Vec<Hit>) {
        for hit in hits {
            let known = self.hits.iter_mut().find(|known| {
                (&known.object, known.process, &known.result)
                    == (&hit.object, hit.process, &hit.result)
            });
            match known {
                Some(known) => known.count = known.count.saturating_add(hit.count),
                None => self.hits.push(hit),
            }
        }
    }
}

/// The machines to which facts may belong, by what their logs tell.
pub(super) struct Owners<'a> {
    base: &'a Base,
    machines: Vec<Owner<'a>>,
}

struct Owner<'a> {
    /// In small letters.
    name: String,
    logs: Vec<&'a LogFile>,
    paths: Vec<String>,
    /// The computers in the first pieces of its logs; looked for once.
    computers: OnceCell<BTreeSet<String>>,
}

impl Owner<'_> {
    fn computers(&self) -> &BTreeSet<String> {
        let look = || machines::computers_of(&self.logs, false);
        self.computers.get_or_init(look)
    }
}

impl<'a> Owners<'a> {
    pub(super) fn of(groups: &[Group<'a>], base: &'a Base) -> Self {
        let machines = groups.iter().map(|group| Owner {
            name: group.name.to_lowercase(),
            logs: group.logs.clone(),
            paths: group.logs.iter().map(|log| base.shown(&log.path)).collect(),
            computers: OnceCell::new(),
        });
        Self {
            base,
            machines: machines.collect(),
        }
    }

    /// The machine of a file by where it stands: the only one, or the one that shares most of its folders.
    fn beside(&self, shown: &str) -> Option<usize> {
        if self.machines.len() < 2 {
            return Some(0);
        }
        let shared = |owner: &Owner<'_>| {
            let paths = owner.paths.iter().map(|path| shared_folders(path, shown));
            paths.max().unwrap_or_default()
        };
        let shared: Vec<usize> = self.machines.iter().map(shared).collect();
        let most = shared.iter().copied().max().unwrap_or_default();
        let mut places = (0..shared.len()).filter(|at| shared.get(*at) == Some(&most));
        match (most, places.next(), places.next()) {
            (1.., Some(at), None) => Some(at),
            _ => None,
        }
    }

    /// Whose facts these are: those of the machine whose name they tell, else of the one they stand beside.
    fn whose(&self, shown: &str, facts: &Facts) -> Result<usize, Whose> {
        let mut hosts = facts.values(Fact::Host);
        let host = hosts.next().filter(|_| hosts.next().is_none());
        let beside = self.beside(shown);
        let Some(host) = host else {
            return beside.ok_or(Whose::Unknown);
        };
        let lower = host.to_lowercase();
        let is_named =
            |owner: &Owner<'_>| owner.name == lower || owner.computers().contains(&lower);
        let named = self.machines.iter().enumerate();
        let mut named = named.filter(|(_, owner)| is_named(owner));
        if let (Some((at, _)), None) = (named.next(), named.next()) {
            return Ok(at);
        }
        let Some(at) = beside else {
            return Err(Whose::Other(host.to_owned()));
        };
        let Some(owner) = self.machines.get(at) else {
            return Ok(at);
        };
        // A machine that was renamed bears the other name later in its logs.
        let is_of_another = !owner.computers().is_empty()
            && !machines::computers_of(&owner.logs, true).contains(&lower);
        if is_of_another {
            Err(Whose::Other(host.to_owned()))
        } else {
            Ok(at)
        }
    }
}

/// Folders from the top that two files have in common.
fn shared_folders(one: &str, other: &str) -> usize {
    const BETWEEN: [char; 3] = ['/', '\\', '!'];
    let folders = |path: &str| path.split(BETWEEN).count().saturating_sub(1);
    let pairs = one.split(BETWEEN).zip(other.split(BETWEEN));
    let same = pairs.take_while(|(one, other)| one == other).count();
    same.min(folders(one)).min(folders(other))
}

impl Scan {
    /// What is known of the machine of a finding.
    pub(crate) fn facts_of(&self, finding: EventId) -> Option<&MachineFacts> {
        let mut machines = self.machines.iter();
        let at = machines.position(|machine| machine.ids.contains(&finding));
        self.facts.get(at.unwrap_or_default())
    }

    /// Reads a file of facts and takes what it tells to its machine. `at` = the input that stands for it.
    pub(super) fn take_facts(
        &mut self,
        file: &FactsFile,
        at: usize,
        owners: &Owners<'_>,
        progress: &Progress,
    ) {
        let shown = owners.base.shown(&file.path);
        progress.at(&shown);
        let is_trace = file.form == FactsForm::ProcessMonitor;
        // A trace names no computer.
        let beside = owners.beside(&shown);
        let objects = match beside {
            Some(machine) if is_trace => self.objects(machine),
            _ => Vec::new(),
        };
        let read = catch_unwind(AssertUnwindSafe(|| {
            file.read(&objects, |bytes| progress.add(bytes))
        }));
        let (told, result) = read.unwrap_or_else(|_| {
            let source = std::io::Error::other("this build fails on what is in it");
            let (path, doing) = (file.path.clone(), "read");
            (
                Told::default(),
                Err(FileError {
                    path,
                    doing,
                    source,
                }),
            )
        });
        let log = self.inputs.get(at).filter(|input| input.source.is_some());
        let whose = match log {
            Some(log) => Ok(log.machine),
            None => owners.whose(&shown, &told.facts),
        };
        if let Ok(machine) = whose {
            let known = machine + 1;
            if self.facts.len() < known {
                self.facts.resize_with(known, MachineFacts::default);
            }
            if let Some(facts) = self.facts.get_mut(machine) {
                facts.take(&told.facts, at);
                facts.take_hits(told.trace.hits);
            }
        }
        let values = told.facts.iter().map(|(_, values)| values.len() as u64);
        let count = values.sum::<u64>() + told.trace.rows;
        let Some(input) = self.inputs.get_mut(at) else {
            return;
        };
        input.machine = whose.as_ref().copied().unwrap_or_default();
        input.facts = Some(FactsInput {
            form: file.form,
            count,
            whose: whose.err().unwrap_or(Whose::Machine),
        });
        // Of a log its own reading has said it.
        if let Err(error) = result
            && input.source.is_none()
        {
            let message = error.to_string();
            input.reason.clone_from(&message);
            input.problem = Some(super::Problem {
                doing: error.doing,
                kind: error.source.kind(),
                message: message.clone(),
            });
            self.failed.push(message);
        }
    }

    /// What the findings of a machine name, the most important first.
    fn objects(&self, machine: usize) -> Vec<String> {
        let mut objects: Vec<String> = Vec::new();
        for finding in &self.derived.findings {
            let owner = self.machines.get(machine);
            if owner.is_none_or(|machine| machine.ids.contains(&finding.id))
                && !objects.contains(&finding.object)
                && parse::facts::is_traced_object(&finding.object)
            {
                objects.push(finding.object.clone());
            }
        }
        objects
    }
}

/// An input that is no log.
pub(super) fn input_of(file: &FactsFile, base: &Base) -> Input {
    Input {
        shown: base.shown(&file.path),
        encoding: file.encoding,
        bytes: file.bytes,
        ..Input::new(file.path.clone(), None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_counted_and_names_of_files_are_not() {
        for (one, other, shared) in [
            ("PC-1/Logs/CBS.log", "PC-1/systeminfo.txt", 1),
            ("PC-1/Logs/CBS.log", "PC-1/Logs/x.txt", 2),
            ("a.zip!PC-1/CBS.log", "a.zip!PC-2/x.txt", 1),
            ("CBS.log", "CBS.log", 0),
            ("PC-1/CBS.log", "x.txt", 0),
        ] {
            assert_eq!(shared_folders(one, other), shared, "{one} {other}");
        }
    }
}
