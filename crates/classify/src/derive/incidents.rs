//! Records that a rule knows or that say a failure, and that belong to no try: each run of them is an incident.
//!
//! Each category in it is a finding. Where none of them is a failure, what the run ended in is told as what it is.

use super::agent::{self, Heard};
use super::causes::{self, Cause};
use super::drafts::{Drafts, Parts};
use super::findings::bare_finding;
use super::look::Look;
use super::{links, unexplained};
use event::{Code, Day, Event, Finding, Marker, Severity, Source};
use std::collections::BTreeSet;

/// Records of a lone incident follow each other within this time. A guess: one failing call logs its chain within seconds, a slow one within minutes.
const INCIDENT_GAP_S: i64 = 120;

/// Tells of the incidents of the days that are derived. `is_taken` says of each record whether it belongs to a try.
pub(super) fn collect(look: &Look<'_, '_>, is_taken: &[bool], drafts: &mut Drafts) {
    let agent = Heard::of(look.timeline);
    for run in runs(look, is_taken) {
        if let Some(incident) = Incident::of(look, &agent, &run) {
            incident.tell(drafts);
        }
    }
}

/// Places of the records that matter and follow each other.
fn runs(look: &Look<'_, '_>, is_taken: &[bool]) -> Vec<Vec<usize>> {
    let timeline = look.timeline;
    let follows = |before: &Event, event: &Event| {
        // Each event of an event log stands for itself.
        timeline.source != Source::EventLog
            && before.stream == event.stream
            // A day is derived by itself, and a chain that never ends would hide what comes at its end.
            && Day::of(before.logged) == Day::of(event.logged)
            && match (before.logged, event.logged) {
                (Some(before), Some(after)) => (after.0 - before.0).abs() <= INCIDENT_GAP_S,
                _ => true,
            }
    };
    let mut runs: Vec<Vec<usize>> = Vec::new();
    let mut before: Option<&Event> = None;
    for ((at, event), is_taken) in timeline.events.iter().enumerate().zip(is_taken) {
        if *is_taken {
            before = None;
            continue;
        }
        let matters = !event.rule.is_empty()
            || !event.codes.is_empty()
            || matches!(event.marker, Marker::WorkedOn | Marker::CallEnd);
        if !matters {
            continue;
        }
        match runs.last_mut() {
            Some(run) if before.is_some_and(|before| follows(before, event)) => run.push(at),
            _ => runs.push(vec![at]),
        }
        before = Some(event);
    }
    runs
}

struct Incident<'i, 'r, 't> {
    look: &'i Look<'r, 't>,
    agent: &'i Heard<'t>,
    /// Places of its records, all of one day.
    run: &'i [usize],
    first: &'t Event,
    day: Day,
}

/// The records of one category in an incident.
struct Part {
    category: u32,
    /// The last of its own.
    last: usize,
    /// Its own, with codes without a rule that stand among them or follow.
    places: Vec<usize>,
    /// The code it ended in, where one without a rule followed.
    terminal: Option<Code>,
}

/// What became of a part.
enum Told {
    /// It is a failure, told here or in another log.
    Failure,
    /// It failed and is over.
    Over,
    /// It is only worth knowing.
    Known,
}

impl<'i, 'r, 't> Incident<'i, 'r, 't> {
    fn of(look: &'i Look<'r, 't>, agent: &'i Heard<'t>, run: &'i [usize]) -> Option<Self> {
        let at = *run.first()?;
        Some(Self {
            look,
            agent,
            run,
            first: look.event(at)?,
            day: look.timeline.day(at),
        })
    }

    fn tell(&self, drafts: &mut Drafts) {
        if drafts.day(self.day).is_none() {
            return;
        }
        let (mut is_failure, mut over) = (false, BTreeSet::new());
        for part in self.parts() {
            match self.tell_part(&part, drafts) {
                Told::Failure => is_failure = true,
                // What ended beside it is another failure, which is not over with it.
                Told::Over => over.extend(part.places.iter().copied().filter(|at| {
                    let is_end = |event: &Event| event.field("ended").is_some();
                    self.is_of(*at, part.category) || !self.look.event(*at).is_some_and(is_end)
                })),
                Told::Known => {}
            }
        }
        // What is over stays so, whatever else goes well later.
        if over.len() < self.run.len()
            && let Some(parts) = drafts.day(self.day)
        {
            parts.wait(links::of_incident(self.look.timeline, self.run));
        }
        if !is_failure {
            let left = self.run.iter().copied().filter(|at| !over.contains(at));
            let left: Vec<usize> = left.collect();
            if let Some(rest) = Incident::of(self.look, self.agent, &left) {
                rest.tell_ends(drafts);
            }
        }
    }

    fn is_of(&self, at: usize, category: u32) -> bool {
        self.look.known(at).and_then(|known| known.category) == Some(category)
    }

    /// Its categories in the order in which they come.
    fn parts(&self) -> Vec<Part> {
        let mut categories: Vec<(u32, usize, usize)> = Vec::new();
        for at in self.run.iter().copied() {
            let Some(category) = self.look.known(at).and_then(|known| known.category) else {
                continue;
            };
            match categories.iter_mut().find(|(known, ..)| *known == category) {
                Some((_, _, last)) => *last = at,
                None => categories.push((category, at, at)),
            }
        }
        let is_code = |at: usize| {
            let event = self.look.event(at);
            event.is_some_and(|event| event.rule.is_empty() && !event.codes.is_empty())
        };
        let last_code = self.run.iter().copied().rfind(|at| is_code(*at));
        let part = |(category, first, last)| {
            // A code without a rule that follows is what the failure ended in.
            let tail = last_code.filter(|at| *at > last);
            let terminal = tail.and_then(|at| {
                let mut codes = self.look.event(at)?.codes.iter().copied();
                codes.find(|code| !causes::is_wrapper(*code))
            });
            let reach = first..=tail.unwrap_or(last);
            Part {
                category,
                last,
                places: reach
                    .filter(|at| self.is_of(*at, category) || is_code(*at))
                    .collect(),
                terminal,
            }
        };
        categories.into_iter().map(part).collect()
    }

    fn tell_part(&self, part: &Part, drafts: &mut Drafts) -> Told {
        let Some(cause) = causes::choose(self.look, &part.places, None) else {
            return Told::Known;
        };
        let layer = cause.rule.map(|rule| rule.layer);
        if layer.is_some_and(|layer| self.agent.went_on(part.last, layer)) {
            return Told::Over;
        }
        let Some(mut finding) = self.finding(part, &cause) else {
            return Told::Known;
        };
        let mut told = Told::Known;
        if agent::speaks(self.look.timeline.source) {
            if drafts.folds_into_failure(self.day, &finding) {
                return Told::Failure;
            }
            if let Some(reason) = self.over(part, &finding) {
                finding.severity = Severity::Info;
                finding.reasons.push(reason.to_owned());
                // What ended after it may be another failure.
                finding.terminal_code = finding.root_code.or(finding.terminal_code);
                told = Told::Over;
            }
        }
        if finding.severity > Severity::Info {
            told = Told::Failure;
        }
        if let Some(parts) = drafts.day(self.day)
            && !parts.folds_into_setup(&finding)
        {
            parts.add_items(finding, self.items(part));
        }
        told
    }

    fn records(&self, part: &Part) -> impl DoubleEndedIterator<Item = &Event> {
        part.places.iter().filter_map(|at| self.look.event(*at))
    }

    fn finding(&self, part: &Part, cause: &Cause<'_>) -> Option<Finding> {
        let mut finding = bare_finding(self.look, cause, part.terminal)?;
        let named = |value: fn(&Event) -> &str| {
            let mut values = self.records(part).map(value);
            values.find(|value| !value.is_empty()).unwrap_or_default()
        };
        if finding.kb.is_empty() {
            named(|event| &event.kb).clone_into(&mut finding.kb);
        }
        if finding.package.is_empty() {
            named(|event| &event.package).clone_into(&mut finding.package);
        }
        self.name(cause.at, &mut finding);
        if agent::speaks(self.look.timeline.source) {
            // The agent tells results, so its code is what the failure ended in, a wrapper too.
            let result = || {
                self.records(part)
                    .rev()
                    .find_map(|event| event.codes.last())
            };
            finding.terminal_code = finding
                .terminal_code
                .or(finding.root_code)
                .or_else(|| result().copied());
        }
        Some(finding)
    }

    /// Fills in what a finding is about from the records around the incident.
    fn name(&self, cause: usize, finding: &mut Finding) {
        let first = self.run.first().copied().unwrap_or(cause);
        self.look.name_by_context(first, cause, finding);
        if agent::speaks(self.look.timeline.source) {
            self.agent.name_target(first, self.first, finding);
        }
    }

    /// Why a part that the agent tells of is over.
    fn over(&self, part: &Part, finding: &Finding) -> Option<&'static str> {
        let own = self.run.iter();
        let mut own = own.filter(|at| self.is_of(**at, part.category));
        if self.agent.has_detected_later(&mut own, self.look) {
            return Some(agent::DETECTED_LATER);
        }
        self.agent.is_over(part.last, finding)
    }

    /// What the records of a part count, where it is not themselves: the files that sfc cannot repair.
    fn items(&self, part: &Part) -> BTreeSet<String> {
        let of_sfc = self
            .records(part)
            .filter(|event| event.marker == Marker::SfcCannotRepair);
        let file = |event: &Event| {
            let field = |name| event.field(name).unwrap_or_default();
            format!("{}\\{}", field("component"), field("file"))
        };
        of_sfc.map(file).collect()
    }

    /// What it ended in where no rule tells of it: the failure is said as what it is.
    fn tell_ends(&self, drafts: &mut Drafts) {
        let Some(parts) = drafts.day(self.day) else {
            return;
        };
        let mut ends = unexplained::ends(self.look, self.run);
        ends.retain(|end| end.code.is_none_or(|code| !parts.tell(&[code])));
        if ends.is_empty() {
            self.tell_step(parts);
        }
        // Ends of one cause, as a call's own code and its wrapper, are one failure.
        let mut told = BTreeSet::new();
        for end in ends {
            // The records of a later end have no part in this one.
            let until = self.run.partition_point(|at| *at <= end.at);
            let places = self
                .run
                .get(until.saturating_sub(unexplained::MAX_BEFORE)..until);
            let Some(cause) = causes::choose(self.look, places.unwrap_or_default(), end.code)
            else {
                continue;
            };
            if !told.insert(cause.at) {
                continue;
            }
            let Some(mut finding) = bare_finding(self.look, &cause, end.code) else {
                continue;
            };
            if cause.rule.is_none() {
                finding.rule = unexplained::rule_of(self.look, end.what);
                finding.severity = Severity::Error;
            }
            self.name(cause.at, &mut finding);
            let speaks = agent::speaks(self.look.timeline.source);
            if (!speaks || !drafts.folds_into_failure(self.day, &finding))
                && let Some(parts) = drafts.day(self.day)
            {
                parts.add(finding, false);
            }
        }
    }

    /// A step that no rule speaks of and whose code no finding tells is only worth knowing.
    fn tell_step(&self, parts: &mut Parts) {
        let is_step = |at: &usize| {
            let event = self.look.event(*at);
            event.is_some_and(|event| unexplained::is_step(event) && !parts.tell(&event.codes))
        };
        let step = self.run.iter().copied().find(is_step);
        let finding = step
            .and_then(|at| causes::choose(self.look, &[at], None))
            .and_then(|cause| bare_finding(self.look, &cause, None));
        if let Some(finding) = finding {
            let step = Finding {
                rule: unexplained::RECORD.to_owned(),
                category: "unclassified".to_owned(),
                severity: Severity::Info,
                ..finding
            };
            parts.add(step, false);
        }
    }
}
