//! What the update agent and the event log say of failures: named by what they were about, and not told twice.
//!
//! They repeat the result of what the servicing logs tell in full, so a failure known from there is not a second one.

use super::Line;
use super::attempts::Try;
use super::look::Look;
use crate::catalogue::failure_key;
use crate::rules::Layer;
use event::{Event, Finding, LoggedAt, Marker, Source, StreamId, UtcMillis};
use std::collections::{BTreeSet, HashMap};

/// How long before its result the agent may have named the package. A guess: a cumulative update on a slow disk takes hours.
const TARGET_S: i64 = 6 * 3_600;

/// How long before and after a failure in the servicing log the agent may tell of it. A guess: after a restart it reports with its next round, once a day.
const SAME_S: i64 = 24 * 3_600;

/// Failures that a finding of the agent is compared with: of those near it the earliest by UTC, and as many by the wall clock. On a
/// real machine it is a handful; thousands a day with one code are a log made to be slow.
const MAX_COMPARED: usize = 1_000;

/// An installation or repair that failed by the servicing log.
pub(super) struct Failure {
    kb: String,
    package: String,
    /// What its terminal code says.
    terminal: u64,
    from: Option<LoggedAt>,
    to: Option<LoggedAt>,
    to_utc: Option<UtcMillis>,
    /// The servicing log says so, and not a command that waited for it.
    is_servicing: bool,
    /// The finding that tells of it; none where another month's derivation does.
    told_by: Option<usize>,
}

impl Failure {
    /// Nothing where it ended without a code: what the agent says is compared by that.
    pub(super) fn of(timeline: &Line<'_>, one: &Try<'_>) -> Option<Self> {
        let event = |at: usize| timeline.events.get(at).copied();
        let (from, to) = (event(one.from)?, event(one.to)?);
        Some(Self {
            kb: one.kb.to_owned(),
            package: one.package.to_owned(),
            terminal: failure_key(one.terminal?),
            from: from.logged,
            to: to.logged,
            to_utc: timeline.utc(to),
            is_servicing: timeline.source == Source::Cbs,
            told_by: None,
        })
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

/// What the agent says in a timeline beside results.
pub(super) struct Heard<'a> {
    timeline: &'a Line<'a>,
    /// Where each service was last asked for updates and answered.
    answers: HashMap<(StreamId, &'a str), usize>,
    /// By stream, the records that name a package.
    targets: HashMap<StreamId, Vec<usize>>,
    /// Where each update was installed, ascending, by its KB and by the agent's own id.
    installed: HashMap<&'a str, Vec<usize>>,
    /// By stream, where Setup last came to the end of a phase.
    phases: HashMap<StreamId, usize>,
    /// By stream, in order, where searches ended, who asked, and whether they went well.
    searches: HashMap<StreamId, Vec<(usize, &'a str, bool)>>,
}

impl<'a> Heard<'a> {
    pub(super) fn of(timeline: &'a Line<'a>) -> Self {
        let (mut answers, mut phases) = (HashMap::new(), HashMap::new());
        let mut installed = HashMap::<_, Vec<usize>>::new();
        let mut targets = HashMap::<_, Vec<usize>>::new();
        let mut searches = HashMap::<_, Vec<_>>::new();
        for (at, event) in timeline.events.iter().enumerate() {
            match event.marker {
                Marker::DetectionEnd => {
                    let service = event.field("service").unwrap_or_default();
                    let is_good = event.codes.is_empty();
                    if is_good {
                        answers.insert((event.stream, service), at);
                    }
                    let of_stream: &mut Vec<_> = searches.entry(event.stream).or_default();
                    of_stream.push((at, service, is_good));
                }
                Marker::SetupPhaseDone => {
                    phases.insert(event.stream, at);
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
        let of = |name| self.installed.get(name).map_or(&[][..], Vec::as_slice);
        let of_kb = of(finding.kb.as_str());
        if [of_kb, of(update)]
            .iter()
            .any(|all| all.last() > Some(&last))
        {
            return Some(INSTALLED_LATER);
        }
        let before = self.timeline.events.get(*of_kb.last()?)?;
        let is_recent = event.logged?.0 - before.logged?.0 <= RECURS_S;
        (is_recent && RECURRING.contains(&finding.kb.as_str())).then_some(INSTALLED_BEFORE)
    }

    /// Whether Setup tried again what failed last at a place, and came to the end of the phase: only what ended it counts.
    pub(super) fn went_on(&self, last: usize, layer: Layer) -> bool {
        let event = self.timeline.events.get(last);
        let done = event.and_then(|event| self.phases.get(&event.stream));
        layer > Layer::Agent && done.is_some_and(|done| *done > last)
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
                    return self.has_answered(event.stream, service, *at);
                }
                let said = event.field("ended").or_else(|| event.field("failed"));
                said == Some("search") && self.went_well_after(event.stream, *at)
            })
        })
    }

    fn has_answered(&self, stream: StreamId, service: &str, after: usize) -> bool {
        let answered = self.answers.get(&(stream, service));
        answered.is_some_and(|later| *later > after)
    }

    /// Whether the search that a failed request belongs to went well all the same, or its caller's later one did.
    fn went_well_after(&self, stream: StreamId, at: usize) -> bool {
        let Some(searches) = self.searches.get(&stream) else {
            return false;
        };
        let next = searches.partition_point(|(end, ..)| *end < at);
        searches.get(next).is_some_and(|(end, service, is_good)| {
            *is_good || self.has_answered(stream, service, *end)
        })
    }
}

/// Failures by what they ended in, and there by time.
#[derive(Default)]
pub(super) struct Failures {
    all: Vec<Failure>,
    /// By UTC, where it is known.
    by_utc: BTreeSet<(u64, UtcMillis, usize)>,
    /// By the wall clock: all of them, and those without UTC.
    by_clock: BTreeSet<(u64, LoggedAt, usize)>,
    by_clock_alone: BTreeSet<(u64, LoggedAt, usize)>,
}

impl Extend<Failure> for Failures {
    fn extend<T: IntoIterator<Item = Failure>>(&mut self, failures: T) {
        for failure in failures {
            let (index, key) = (self.all.len(), failure.terminal);
            if let Some(to) = failure.to {
                self.by_clock.insert((key, to, index));
                if failure.to_utc.is_none() {
                    self.by_clock_alone.insert((key, to, index));
                }
            }
            if let Some(utc) = failure.to_utc {
                self.by_utc.insert((key, utc, index));
            }
            self.all.push(failure);
        }
    }
}

impl Failures {
    /// The failed servicing that a failed command of DISM waited for, as the finding that tells of it.
    pub(super) fn of_command(&self, command: &Finding) -> Option<Option<usize>> {
        let (key, ended) = (failure_key(command.terminal_code?), command.logged?);
        let first = (key, LoggedAt(ended.0 - COMMAND_S), 0);
        let last = (key, LoggedAt(ended.0 + COMMAND_S), usize::MAX);
        let mut near = self.by_clock.range(first..=last);
        let failure =
            near.find_map(|(_, _, index)| self.all.get(*index).filter(|one| one.is_servicing));
        Some(failure?.told_by)
    }

    /// The failure that this finding repeats, as the finding that tells of it; of several the first.
    ///
    /// By what both ended in: of a failed installation the agent often knows the wrapper alone, and a wrapper is never a root.
    pub(super) fn same(&self, finding: &Finding) -> Option<Option<usize>> {
        let key = failure_key(finding.terminal_code?);
        let by_utc = finding.utc.map(|utc| {
            let (first, last) = (utc.0 - SAME_S * 1_000, utc.0 + SAME_S * 1_000);
            let near = (key, UtcMillis(first), 0)..=(key, UtcMillis(last), usize::MAX);
            self.by_utc.range(near).map(|(_, _, index)| *index)
        });
        let by_clock = finding.logged.map(|told| {
            let clock = match finding.utc {
                Some(_) => &self.by_clock_alone,
                None => &self.by_clock,
            };
            let first = (key, LoggedAt(told.0 - SAME_S), 0);
            let near = clock.range(first..(key + 1, LoggedAt(i64::MIN), 0));
            near.map(|(_, _, index)| *index)
        });
        let by_utc = by_utc.into_iter().flatten().take(MAX_COMPARED);
        let by_clock = by_clock.into_iter().flatten().take(MAX_COMPARED);
        let same = by_utc.chain(by_clock).filter_map(|index| {
            let failure = self.all.get(index)?;
            (!names_other(failure, finding) && is_near(failure, finding))
                .then_some((index, failure))
        });
        let first = same.min_by_key(|(index, _)| *index)?;
        Some(first.1.told_by)
    }
}

/// How long a command of DISM and the servicing it waits for may end apart. A judgement: DISM writes its end when the session's has come.
const COMMAND_S: i64 = 120;

/// Whether a finding tells of the failure that a command of DISM ended with, by the wall clock that both logs write.
pub(super) fn is_of_command(finding: &Finding, command: &Finding) -> bool {
    let Some(key) = command.terminal_code.map(failure_key) else {
        return false;
    };
    let codes = [finding.terminal_code, finding.root_code];
    let is_near = match (finding.logged, command.logged) {
        (Some(told), Some(ended)) => (told.0 - ended.0).abs() <= COMMAND_S,
        _ => false,
    };
    is_near && codes.iter().flatten().any(|code| failure_key(*code) == key)
}

/// How long after a failure another file of Setup may tell of it. A judgement: a rollback takes the better part of an hour.
const SETUP_S: i64 = 3_600;

/// Whether two findings of Setup's files tell of one failure: of the same code, and near each other by the wall clock.
pub(super) fn is_told_twice(known: &Finding, other: &Finding) -> bool {
    let key = |finding: &Finding| finding.root_code.or(finding.terminal_code).map(failure_key);
    let is_near = match (known.logged, other.logged) {
        (Some(before), Some(after)) => (after.0 - before.0).abs() <= SETUP_S,
        _ => true,
    };
    is_near && key(known).is_some() && key(known) == key(other)
}

/// Whether both name what they are about, and not the same.
fn names_other(failure: &Failure, finding: &Finding) -> bool {
    let is_other = |one: &str, other: &str| !one.is_empty() && !other.is_empty() && one != other;
    is_other(&failure.kb, &finding.kb) || is_other(&failure.package, &finding.package)
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
