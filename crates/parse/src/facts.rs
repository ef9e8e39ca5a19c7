//! Facts about a machine, from what tools print and export: registry exports, `reg query`, `systeminfo`, msinfo32, `fltmc`, lists of updates,
//! `netsh winhttp show proxy`; and what Process Monitor saw on named objects.
//!
//! A fact is no event: it says how a machine was set up when somebody asked, not what happened on it. It is never a failure and never health.

mod filters;
mod form;
mod lines;
mod packages;
mod printed;
mod reads;
mod registry;
mod table;
mod trace;

#[cfg(test)]
mod tests;

pub use filters::is_of_microsoft;
pub use form::FactsForm;
pub use table::{Fact, Group};
pub use trace::{Hit, Trace, is_traced_object};

use event::TextEncoding;
use lines::Lines;
use printed::Printed;
use registry::Export;
use std::collections::{BTreeMap, BTreeSet};
use trace::Tracer;

/// Values kept of one fact: no machine has so many updates or filters, and a file of lies ends there.
const VALUES_MAX: usize = 1_000;

/// Characters of a value: longer than an address or a path of Windows needs to be.
const VALUE_MAX: usize = 512;

/// What a file tells of a machine. A fact that has one value, and for which the file tells several, has them all here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts(BTreeMap<Fact, BTreeSet<String>>);

impl Facts {
    /// The facts and their values, in the order of [`Fact::all`].
    pub fn iter(&self) -> impl Iterator<Item = (Fact, &BTreeSet<String>)> {
        self.0.iter().map(|(fact, values)| (*fact, values))
    }

    /// The values of a fact.
    pub fn values(&self, fact: Fact) -> impl Iterator<Item = &str> {
        let values = self.0.get(&fact).into_iter().flatten();
        values.map(String::as_str)
    }

    /// Takes a value down, unless it is blank.
    fn add(&mut self, fact: Fact, value: &str) {
        let value = value.trim();
        if value.is_empty() {
            return;
        }
        let values = self.0.entry(fact).or_default();
        if values.len() < VALUES_MAX {
            values.insert(value.chars().take(VALUE_MAX).collect());
        }
    }
}

/// All that was read of one file.
#[derive(Clone, Debug, Default)]
pub struct Told {
    /// Facts; none in a trace of Process Monitor.
    pub facts: Facts,
    /// What Process Monitor saw; nothing in other files.
    pub trace: Trace,
}

/// Reads a file of facts, fed in any slices. Memory is bounded whatever the size of the file: one line, the facts, and the counts of a trace.
pub struct FactsReader {
    lines: Lines,
    form: Form,
}

enum Form {
    Export(Export),
    Printed(Box<Printed>),
    Trace(Tracer),
}

impl FactsReader {
    /// `objects` = what findings name: only they are looked for in a trace.
    pub fn new(form: FactsForm, encoding: TextEncoding, objects: &[String]) -> Self {
        Self {
            lines: Lines::new(encoding),
            form: match form {
                FactsForm::Registry => Form::Export(Export::default()),
                FactsForm::ProcessMonitor => Form::Trace(Tracer::new(objects)),
                // One file often holds the output of several tools.
                _ => Form::Printed(Box::new(Printed::new(form))),
            },
        }
    }

    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        let form = &mut self.form;
        self.lines.push(bytes, |line| form.line(line));
    }

    /// Ends the file.
    pub fn finish(mut self) -> Told {
        let form = &mut self.form;
        self.lines.finish(|line| form.line(line));
        match self.form {
            Form::Export(export) => Told {
                facts: export.finish(),
                ..Told::default()
            },
            Form::Printed(printed) => Told {
                facts: printed.finish(),
                ..Told::default()
            },
            Form::Trace(tracer) => Told {
                trace: tracer.finish(),
                ..Told::default()
            },
        }
    }
}

impl Form {
    fn line(&mut self, line: &str) {
        match self {
            Self::Export(export) => export.line(line),
            Self::Printed(printed) => printed.line(line),
            Self::Trace(tracer) => tracer.line(line),
        }
    }
}
