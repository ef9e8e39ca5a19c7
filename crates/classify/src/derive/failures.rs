//! What failed by the logs of servicing, for the logs that repeat it: the update agent's, the event logs, those of DISM.

use super::Line;
use super::attempts::Try;
use crate::catalogue::failure_key;
use event::{Day, Finding, LoggedAt, Source, UtcMillis};
use std::collections::BTreeSet;

/// How long before and after a failure in the servicing log the agent may tell of it. A guess: after a restart it reports with its next round, once a day.
const SAME_S: i64 = 24 * 3_600;

/// Failures that a finding of the agent is compared with: of those near it the earliest by UTC, and as many by the wall clock. On a
/// real machine it is a handful; thousands a day with one code are a log made to be slow.
pub(super) const MAX_COMPARED: usize = 1_000;

/// How long a command of DISM and the servicing it waits for may end apart. A judgement: DISM writes its end when the session's has come.
pub(super) const COMMAND_S: i64 = 120;

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
    /// The day it is told on, and the finding there; none where that day is not derived here.
    told_by: Option<Told>,
}

/// A finding by its day and its place there.
pub(super) type Told = (Day, usize);

impl Failure {
    /// Nothing where it ended without a code: what the agent says is compared by that.
    pub(super) fn of(timeline: &Line<'_>, one: &Try<'_>) -> Option<Self> {
        let event = |at: usize| timeline.events.get(at).copied();
        let (from, to) = (event(one.begun)?, event(one.to)?);
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

    pub(super) fn told_by(self, finding: Option<Told>) -> Self {
        Self {
            told_by: finding,
            ..self
        }
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
    /// By the wall clock, those that the servicing log tells of, and not a command that waited for it.
    servicing: BTreeSet<(u64, LoggedAt, usize)>,
}

impl Extend<Failure> for Failures {
    fn extend<T: IntoIterator<Item = Failure>>(&mut self, failures: T) {
        for failure in failures {
            let (index, key) = (self.all.len(), failure.terminal);
            if let Some(to) = failure.to {
                self.by_clock.insert((key, to, index));
                if failure.is_servicing {
                    self.servicing.insert((key, to, index));
                }
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
    pub(super) fn of_command(&self, command: &Finding) -> Option<Option<Told>> {
        let (key, ended) = (failure_key(command.terminal_code?), command.logged?);
        let first = (key, LoggedAt(ended.0 - COMMAND_S), 0);
        let last = (key, LoggedAt(ended.0 + COMMAND_S), usize::MAX);
        let (_, _, index) = self.servicing.range(first..=last).next()?;
        Some(self.all.get(*index)?.told_by)
    }

    /// The failure that this finding repeats, as the finding that tells of it; of several the first.
    ///
    /// By what both ended in: of a failed installation the agent often knows the wrapper alone, and a wrapper is never a root.
    pub(super) fn same(&self, finding: &Finding) -> Option<Option<Told>> {
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
