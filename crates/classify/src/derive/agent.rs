//! What the update agent and the event log say of failures: named by what they were about, and not told twice.
//!
//! They repeat the result of what the servicing logs tell in full, so a failure known from there is not a second one.

use super::Line;
use super::attempts::Try;
use crate::catalogue::is_same_failure;
use event::{Code, Event, Finding, LoggedAt, Marker, Source, StreamId, UtcMillis};
use std::collections::HashMap;

/// How long before its result the agent may have named the package. A guess: a cumulative update on a slow disk takes hours.
const TARGET_S: i64 = 6 * 3_600;

/// How long before and after a failure in the servicing log the agent may tell of it. A guess: after a restart it reports with its next round, once a day.
const SAME_S: i64 = 24 * 3_600;

/// An installation or repair that failed by the servicing log.
pub(super) struct Failure {
    kb: String,
    package: String,
    terminal: Option<Code>,
    from: Option<LoggedAt>,
    to: Option<LoggedAt>,
    to_utc: Option<UtcMillis>,
    /// The finding that tells of it; none where another month's derivation does.
    told_by: Option<usize>,
}

impl Failure {
    pub(super) fn of(timeline: &Line<'_>, one: &Try) -> Self {
        let (from, to) = (timeline.events[one.from], timeline.events[one.to]);
        Self {
            kb: one.kb.clone(),
            package: one.package.clone(),
            terminal: one.terminal,
            from: from.logged,
            to: to.logged,
            to_utc: timeline.utc(to),
            told_by: None,
        }
    }

    pub(super) fn told_by(self, finding: Option<usize>) -> Self {
        Self {
            told_by: finding,
            ..self
        }
    }
}

/// Whether records of this source repeat what a servicing log tells.
pub(super) fn speaks(source: Source) -> bool {
    matches!(
        source,
        Source::ReportingEvents | Source::WindowsUpdate | Source::EventLog
    )
}

/// Fills in what a finding is about from the last record before it that names a package.
pub(super) fn name_target(timeline: &Line<'_>, first: usize, finding: &mut Finding) {
    if !finding.kb.is_empty() || !finding.package.is_empty() {
        return;
    }
    let own = timeline.events[first];
    let target = timeline.events[..first]
        .iter()
        .rev()
        .find(|event| event.stream == own.stream && event.marker == Marker::AgentTarget);
    let Some(target) = target else { return };
    let is_near = match (target.logged, own.logged) {
        (Some(before), Some(after)) => (0..=TARGET_S).contains(&(after.0 - before.0)),
        _ => false,
    };
    if is_near {
        finding.kb.clone_from(&target.kb);
        finding.package.clone_from(&target.package);
    }
}

/// Why a failed detection is only worth knowing.
pub(crate) const DETECTED_LATER: &str = "detected_later";

/// Where in a timeline each service was last asked for updates and answered.
pub(super) struct Answers<'a>(HashMap<(StreamId, &'a str), usize>);

impl<'a> Answers<'a> {
    pub(super) fn of(timeline: &Line<'a>) -> Self {
        let mut answers = HashMap::new();
        for (at, event) in timeline.events.iter().enumerate() {
            let event: &'a Event = event;
            if event.marker == Marker::DetectionEnd && event.codes.is_empty() {
                answers.insert(
                    (event.stream, event.field("service").unwrap_or_default()),
                    at,
                );
            }
        }
        Self(answers)
    }

    /// Whether these are failed detections only, each of a service that answered later.
    ///
    /// A detection changes nothing on the machine and is made again within a day: it matters only as long as it fails.
    pub(super) fn are_over(&self, timeline: &Line<'_>, failures: &[usize]) -> bool {
        failures.iter().all(|at| {
            let event = timeline.events[*at];
            let service = event.field("service").unwrap_or_default();
            event.marker == Marker::DetectionEnd
                && self
                    .0
                    .get(&(event.stream, service))
                    .is_some_and(|answered| answered > at)
        })
    }
}

/// The failure that this finding repeats, as the finding that tells of it.
///
/// By what both ended in: of a failed installation the agent often knows the wrapper alone, and a wrapper is never a root.
pub(super) fn same(failures: &[Failure], finding: &Finding) -> Option<Option<usize>> {
    let code = finding.terminal_code?;
    failures
        .iter()
        .filter(|failure| {
            failure
                .terminal
                .is_some_and(|terminal| is_same_failure(terminal, code))
        })
        .filter(|failure| {
            let names_other =
                |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
            !names_other(&failure.kb, &finding.kb)
                && !names_other(&failure.package, &finding.package)
        })
        .find(|failure| is_near(failure, finding))
        .map(|failure| failure.told_by)
}

/// By UTC where both have it, else by the wall clock, which both logs write.
fn is_near(failure: &Failure, finding: &Finding) -> bool {
    if let (Some(failed), Some(told)) = (failure.to_utc, finding.utc) {
        return (told.0 - failed.0).abs() <= SAME_S * 1_000;
    }
    match (failure.from, failure.to, finding.logged) {
        (Some(from), Some(to), Some(told)) => (from.0 - SAME_S..=to.0 + SAME_S).contains(&told.0),
        _ => false,
    }
}
