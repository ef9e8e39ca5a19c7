//! What the update agent and the event log say of failures: named by what they were about, and not told twice.
//!
//! They repeat the result of what the servicing logs tell in full, so a failure known from there is not a second one.

use super::Line;
use super::look::Look;
use super::timeline::is_near;
use crate::rules::Layer;
use event::{Event, Finding, Marker, Source, StreamId};
use std::collections::HashMap;

/// How long before its result the agent may have named the package. A guess: a cumulative update on a slow disk takes hours.
const TARGET_S: i64 = 6 * 3_600;

/// Whether records of this source repeat what a servicing log tells.
pub(super) fn speaks(source: Source) -> bool {
    matches!(
        source,
        Source::ReportingEvents
            | Source::WindowsUpdate
            | Source::EventLog
            | Source::Configmgr
            | Source::Intune
    )
}

/// Why a failed detection is only worth knowing.
pub(crate) const DETECTED_LATER: &str = "detected_later";

/// Why a failed installation is only worth knowing.
pub(crate) const INSTALLED_LATER: &str = "installed_later";
pub(crate) const INSTALLED_BEFORE: &str = "installed_before";

/// Updates that come again within days under one KB: Defender's definitions and platform, the removal tool.
const RECURRING: [&str; 3] = ["KB2267602", "KB4052623", "KB890830"];

/// How long a PC may do with the last one of those. Operations practice for definitions, a judgement for the others.
const RECURS_S: i64 = 72 * 3_600;

/// Later successes looked at: they ascend, so of a clock that is right the first one says it.
const MAX_LATER: usize = 64;

/// What the agent says in a timeline beside results.
pub(super) struct Heard<'a> {
    timeline: &'a Line<'a>,
    /// Where each service was asked for updates and answered.
    answers: HashMap<(StreamId, &'a str), Vec<usize>>,
    /// By stream, the records that name a package.
    targets: HashMap<StreamId, Vec<usize>>,
    /// Where each update was installed, ascending, by its KB and by the agent's own id.
    installed: HashMap<&'a str, Vec<usize>>,
    /// By stream, where Setup came to the end of a phase.
    phases: HashMap<StreamId, Vec<usize>>,
    /// By stream, in order, where searches ended, who asked, and whether they went well.
    searches: HashMap<StreamId, Vec<(usize, &'a str, bool)>>,
}

impl<'a> Heard<'a> {
    pub(super) fn of(timeline: &'a Line<'a>) -> Self {
        let mut answers = HashMap::<_, Vec<usize>>::new();
        let mut phases = HashMap::<_, Vec<usize>>::new();
        let mut installed = HashMap::<_, Vec<usize>>::new();
        let mut targets = HashMap::<_, Vec<usize>>::new();
        let mut searches = HashMap::<_, Vec<_>>::new();
        for (at, event) in timeline.events.iter().enumerate() {
            match event.marker {
                Marker::DetectionEnd => {
                    let service = event.field("service").unwrap_or_default();
                    let is_good = event.codes.is_empty();
                    if is_good {
                        answers.entry((event.stream, service)).or_default().push(at);
                    }
                    let of_stream: &mut Vec<_> = searches.entry(event.stream).or_default();
                    of_stream.push((at, service, is_good));
                }
                Marker::SetupPhaseDone => {
                    phases.entry(event.stream).or_default().push(at);
                }
                Marker::AgentTarget => targets.entry(event.stream).or_default().push(at),
                Marker::UpdateInstalled => {
                    let names = [event.kb.as_str(), event.field("update").unwrap_or_default()];
                    for name in names.into_iter().filter(|name| !name.is_empty()) {
                        installed.entry(name).or_default().push(at);
                    }
                }
                _ => {}
            }
        }
        Self {
            timeline,
            answers,
            targets,
            installed,
            phases,
            searches,
        }
    }

    /// Why what failed last at a place is over: the same update was installed later, or it comes again anyway and was just installed.
    pub(super) fn is_over(&self, last: usize, finding: &Finding) -> Option<&'static str> {
        let event = self.timeline.events.get(last)?;
        let update = event.field("update").unwrap_or_default();
        let kb = finding.kb.as_str();
        // What was known at once comes first, so that nothing that comes later changes the reason.
        if RECURRING.contains(&kb) && self.is_just_installed(last, kb) {
            return Some(INSTALLED_BEFORE);
        }
        let mut names = [kb, update].into_iter();
        let is_later = |name| self.is_after(last, last, self.installed.get(name));
        names.any(is_later).then_some(INSTALLED_LATER)
    }

    fn is_just_installed(&self, at: usize, kb: &str) -> bool {
        let logged = |at: usize| self.timeline.events.get(at).and_then(|event| event.logged);
        let before = self.installed.get(kb).and_then(|all| {
            let before = all.partition_point(|one| *one <= at).checked_sub(1)?;
            logged(*all.get(before)?)
        });
        match (before, logged(at)) {
            (Some(before), Some(failed)) => failed.0 - before.0 <= RECURS_S,
            _ => false,
        }
    }

    /// Whether Setup tried again what failed last at a place, and came to the end of the phase: only what ended it counts.
    pub(super) fn went_on(&self, last: usize, layer: Layer) -> bool {
        let event = self.timeline.events.get(last);
        let done = event.and_then(|event| self.phases.get(&event.stream));
        layer > Layer::Agent && self.is_after(last, last, done)
    }

    /// Whether one of these places, which ascend, comes after another, as far ahead as is looked from `told`.
    fn is_after(&self, at: usize, told: usize, all: Option<&Vec<usize>>) -> bool {
        let all = all.map_or(&[][..], Vec::as_slice);
        let later = all.get(all.partition_point(|one| *one <= at)..);
        let is_near = |one: &usize| is_near(self.timeline.day(*one), self.timeline.day(told));
        later
            .unwrap_or_default()
            .iter()
            .take(MAX_LATER)
            .any(is_near)
    }

    /// Fills in what a finding is about from the last record before its first that names a package.
    pub(super) fn name_target(&self, first: usize, own: &Event, finding: &mut Finding) {
        if !finding.kb.is_empty() || !finding.package.is_empty() {
            return;
        }
        let before = self.targets.get(&own.stream).and_then(|targets| {
            let next = targets.partition_point(|at| *at < first);
            targets.get(next.checked_sub(1)?)
        });
        let Some(target) = before.and_then(|at| self.timeline.events.get(*at)) else {
            return;
        };
        let is_near = match (target.logged, own.logged) {
            (Some(before), Some(after)) => (0..=TARGET_S).contains(&(after.0 - before.0)),
            _ => false,
        };
        if is_near {
            finding.kb.clone_from(&target.kb);
            finding.package.clone_from(&target.package);
        }
    }

    /// Whether these are failed detections only, each of a service that answered later.
    ///
    /// A detection changes nothing on the machine and is made again within a day: it matters only as long as it fails.
    pub(super) fn has_detected_later<'p>(
        &self,
        mut failures: impl Iterator<Item = &'p usize>,
        look: &Look<'_, '_>,
    ) -> bool {
        failures.all(|at| {
            look.event(*at).is_some_and(|event| {
                if event.marker == Marker::DetectionEnd {
                    let service = event.field("service").unwrap_or_default();
                    return self.has_answered(event.stream, service, *at, *at);
                }
                let said = event.field("ended").or_else(|| event.field("failed"));
                said == Some("search") && self.went_well_after(event.stream, *at)
            })
        })
    }

    fn has_answered(&self, stream: StreamId, service: &str, after: usize, told: usize) -> bool {
        self.is_after(after, told, self.answers.get(&(stream, service)))
    }

    /// Whether the search that a failed request belongs to went well all the same, or its caller's later one did.
    fn went_well_after(&self, stream: StreamId, at: usize) -> bool {
        let Some(searches) = self.searches.get(&stream) else {
            return false;
        };
        let next = searches.partition_point(|(end, ..)| *end < at);
        searches.get(next).is_some_and(|(end, service, is_good)| {
            is_near(self.timeline.day(*end), self.timeline.day(at))
                && (*is_good || self.has_answered(stream, service, *end, at))
        })
    }
}
