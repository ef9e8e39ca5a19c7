//! What is to be said of an endpoint in one word, from its attempts and findings.

use super::{agent, unexplained};
use event::{
    Attempt, Derivation, Event, EventId, Finding, LoggedAt, Marker, Month, Outcome, Severity,
    UtcMillis,
};
use std::collections::{HashMap, HashSet};

/// What is to be said of an endpoint in one word, the gravest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Something failed last, or ended in a failure that nothing explains.
    Failed,
    /// A record of a failure is left that nothing explains, or too little was read to say anything.
    Inconclusive,
    /// Nothing failed, and something waits for a restart.
    Restart,
    /// Something was found damaged and mended.
    Repaired,
    /// Records were read and nothing is wrong.
    Healthy,
}

impl Verdict {
    /// Every verdict, the gravest first.
    pub const ALL: [Self; 5] = [
        Self::Failed,
        Self::Inconclusive,
        Self::Restart,
        Self::Repaired,
        Self::Healthy,
    ];

    /// The name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Restart => "restart",
            Self::Repaired => "repaired",
            Self::Healthy => "healthy",
        }
    }
}

/// Below this many records a text without any sign of servicing that went well says nothing. A judgement: an excerpt in a mail has a few
/// lines, the smallest whole log some hundred.
const ENOUGH_RECORDS: u64 = 20;

/// What is to be said of an endpoint, and of each thing that was found on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// In one word.
    pub verdict: Verdict,
    /// Of each derivation its findings, in their order.
    pub findings: Vec<Vec<Standing>>,
}

/// Whether a finding still counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing that came later ended it.
    Open,
    /// It is over: by the update of this KB, where one ended it, else by what was seen later.
    Over(String),
}

impl Standing {
    fn over_if(is_over: bool, kb: &str) -> Self {
        match is_over {
            true => Self::Over(kb.to_owned()),
            false => Self::Open,
        }
    }
}

/// The verdict on all that was read, see [`judge`].
pub fn verdict<'a>(
    derivations: impl IntoIterator<Item = &'a Derivation>,
    events: &[Event],
    records: u64,
) -> Verdict {
    judge(derivations, events, records).verdict
}

/// Judges all that was read. `records` = servicing records read; those of event logs tell of everything and count for nothing.
///
/// Of attempts the identity, package, KB, end, UTC start, outcome and finding are looked at; of findings the rule, category, severity, KB,
/// time and the source of the first evidence; of events those of [`VERDICT_MARKERS`] and those that a rule knows. A caller may leave out
/// all else.
pub fn judge<'a>(
    derivations: impl IntoIterator<Item = &'a Derivation>,
    events: &[Event],
    records: u64,
) -> Judgement {
    let derivations: Vec<&Derivation> = derivations.into_iter().collect();
    let mut standings = Vec::with_capacity(derivations.len());
    let history = History::of(derivations.iter().flat_map(|one| &one.attempts));
    let (check, installed) = (StoreCheck::last(events), Installed::of(events));
    let (mut has_failure, mut has_unexplained) = (check.is_damaged(), false);
    for derivation in &derivations {
        // What ended the attempts that each finding is the cause of: nothing while one of them stands, else the last of the ends.
        let mut of_attempts: HashMap<u32, Option<&Attempt>> = HashMap::new();
        for attempt in &derivation.attempts {
            let end = history.end_of(attempt);
            match attempt.finding {
                Some(finding) => {
                    let last = of_attempts.entry(finding).or_insert(end);
                    *last = last
                        .zip(end)
                        .map(|(one, other)| std::cmp::max_by_key(one, other, |end| order(end)));
                }
                // A failed attempt counts by its finding; one that is only worth knowing is none.
                None => has_failure |= end.is_none() && attempt.outcome.is_failure(),
            }
        }
        let mut of_derivation = Vec::with_capacity(derivation.findings.len());
        for (finding, at) in derivation.findings.iter().zip(0..) {
            // What attempts that succeeded later had failed by is over with them, as is damage that a later check found no more.
            let standing = match of_attempts.get(&at) {
                Some(end) => Standing::over_if(end.is_some(), end.map_or("", |end| &end.kb)),
                None if installed.ends(finding) => Standing::over_if(true, &finding.kb),
                None => Standing::over_if(check.ends(finding), ""),
            };
            let is_open = standing == Standing::Open;
            has_failure |= is_open && finding.severity > Severity::Info;
            has_unexplained |= is_open && finding.rule == unexplained::RECORD;
            of_derivation.push(standing);
        }
        standings.push(of_derivation);
    }
    let has = |marker: Marker| events.iter().any(|event| event.marker == marker);
    let is_answer = |event: &Event| event.marker == Marker::DetectionEnd && event.codes.is_empty();
    let went_well = history.has_success()
        || has(Marker::UpdateInstalled)
        || has(Marker::StackLoaded)
        || events.iter().any(is_answer);
    let verdict = if has_failure {
        Verdict::Failed
    } else if has_unexplained || (records < ENOUGH_RECORDS && !went_well) {
        Verdict::Inconclusive
    } else if history.waits() {
        Verdict::Restart
    } else if has(Marker::SfcRepaired) || check.is_mended() {
        Verdict::Repaired
    } else {
        Verdict::Healthy
    };
    Judgement {
        verdict,
        findings: standings,
    }
}

/// Marks of the events that a verdict looks at, beside those that a rule knows.
pub const VERDICT_MARKERS: [Marker; 5] = [
    Marker::CheckSur,
    Marker::UpdateInstalled,
    Marker::StackLoaded,
    Marker::DetectionEnd,
    Marker::SfcRepaired,
];

/// How the tries of each thing ended, from the first to the last.
struct History<'a>(HashMap<&'a str, Vec<Ended<'a>>>);

struct Ended<'a> {
    attempt: &'a Attempt,
    /// The first one from here on that went well and has at least its version.
    end: Option<&'a Attempt>,
}

impl<'a> History<'a> {
    fn of(attempts: impl Iterator<Item = &'a Attempt>) -> Self {
        let mut all: Vec<&Attempt> = attempts
            .filter(|attempt| attempt.outcome != Outcome::Unknown && !line(attempt).is_empty())
            .collect();
        all.sort_by_key(|attempt| order(attempt));
        let mut lines: HashMap<&str, Vec<Ended<'a>>> = HashMap::new();
        for attempt in all {
            lines
                .entry(line(attempt))
                .or_default()
                .push(Ended { attempt, end: None });
        }
        for tries in lines.values_mut() {
            // What went well from here on and is newer than all before it, the nearest last: so versions fall, and none is looked for one by
            // one, however often a machine tries.
            let mut good: Vec<([u16; 4], &Attempt)> = Vec::new();
            for one in tries.iter_mut().rev() {
                let version = one.attempt.version();
                if is_good(one.attempt.outcome) {
                    while good.pop_if(|(of, _)| *of <= version).is_some() {}
                    good.push((version, one.attempt));
                }
                let enough = good.partition_point(|(of, _)| *of >= version);
                let nearest = enough.checked_sub(1).and_then(|at| good.get(at));
                one.end = nearest.map(|(_, end)| *end);
            }
        }
        Self(lines)
    }

    /// The good attempt of the same thing, or of what supersedes it, that followed an attempt, however that ended; or the attempt itself.
    fn end_of(&self, attempt: &Attempt) -> Option<&'a Attempt> {
        let tries = self.0.get(line(attempt))?;
        let found = tries.binary_search_by_key(&order(attempt), |one| order(one.attempt));
        tries.get(found.ok()?)?.end
    }

    fn has_success(&self) -> bool {
        let mut all = self.0.values().flatten();
        all.any(|one| is_good(one.attempt.outcome))
    }

    /// Whether something that went well waits for a restart.
    fn waits(&self) -> bool {
        let mut last = self.0.values().filter_map(|tries| tries.last());
        last.any(|one| one.attempt.outcome == Outcome::PendingReboot)
    }
}

/// By their ends, which nearly all logs have: the start of what failed before a restart is often in no log, and a clock not always in UTC.
fn order(attempt: &Attempt) -> (Option<LoggedAt>, Option<UtcMillis>, EventId) {
    (attempt.end, attempt.start_utc, attempt.id)
}

fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded | Outcome::PendingReboot)
}

/// What makes attempts tries of the same thing: the package, or the KB. Of a cumulative package any version.
fn line(attempt: &Attempt) -> &str {
    if attempt.package.is_empty() {
        return &attempt.kb;
    }
    attempt.cumulative().unwrap_or(&attempt.package)
}

/// When each update was last installed, by its KB.
///
/// A derivation knows of what came right in its own month and the next; what came right later still is seen over all of them.
struct Installed<'a>(HashMap<&'a str, Month>);

impl<'a> Installed<'a> {
    fn of(events: &'a [Event]) -> Self {
        let mut last = HashMap::new();
        for event in events {
            let month = event.logged.map(LoggedAt::month);
            if event.marker == Marker::UpdateInstalled
                && !event.kb.is_empty()
                && let Some(month) = month
            {
                let last = last.entry(event.kb.as_str()).or_insert(month);
                *last = month.max(*last);
            }
        }
        Self(last)
    }

    /// Whether what the agent says failed was installed in a later month: then it was after all the failures that the finding counts.
    fn ends(&self, finding: &Finding) -> bool {
        let source = finding.evidence.first().map(|evidence| evidence.source);
        let failed = finding.logged.map(LoggedAt::month);
        // Of what is far off nobody knows what came after it.
        let failed = failed.filter(|month| *month != Month::FAR_OFF);
        source.is_some_and(agent::speaks)
            && failed.is_some_and(|failed| self.0.get(finding.kb.as_str()) > Some(&failed))
    }
}

/// What the last check of the component store found, and mended. Since Windows 10 each row of its summary is a record.
#[derive(Default)]
struct StoreCheck<'a> {
    at: Option<LoggedAt>,
    detected: u64,
    repaired: u64,
    /// Rules of what was logged after it.
    after: HashSet<&'a str>,
}

impl<'a> StoreCheck<'a> {
    fn last(events: &'a [Event]) -> Self {
        let (mut checks, others): (Vec<&Event>, Vec<&Event>) = events
            .iter()
            .partition(|event| event.marker == Marker::CheckSur);
        checks.sort_by_key(|event| (event.logged, event.stream, event.offset));
        let mut last = Self::default();
        for event in &checks {
            let number = |name: &str| event.field(name)?.parse::<u64>().ok();
            if let Some(detected) = number("detected") {
                last = Self {
                    at: event.logged,
                    detected,
                    ..Self::default()
                };
            }
            last.repaired = number("repaired").unwrap_or(last.repaired);
        }
        let ended = checks.last().and_then(|event| event.logged);
        let after = others.into_iter().filter(|event| event.logged > ended);
        last.after = after.map(|event| event.rule.as_str()).collect();
        last
    }

    fn is_damaged(&self) -> bool {
        self.detected > self.repaired
    }

    /// It found damage and left none: one that found none mended none.
    fn is_mended(&self) -> bool {
        self.detected > 0 && !self.is_damaged()
    }

    /// Whether a finding is of damage that was there before, is no more, and was not found again since.
    fn ends(&self, finding: &Finding) -> bool {
        finding.category == "component_store_corrupt"
            && !self.is_damaged()
            && finding.logged < self.at
            && !self.after.contains(finding.rule.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attempt(number: u64, version: u64, outcome: Outcome) -> Attempt {
        Attempt {
            id: EventId(number),
            package: format!("Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.{version}.1.1"),
            kb: String::new(),
            client: String::new(),
            session: String::new(),
            start: None,
            end: Some(LoggedAt(number as i64)),
            start_utc: None,
            outcome,
            terminal_code: None,
            finding: None,
        }
    }

    #[test]
    fn an_attempt_ends_with_the_first_good_one_of_at_least_its_version() {
        let outcomes = [
            Outcome::Failed,
            Outcome::Succeeded,
            Outcome::RolledBack,
            Outcome::PendingReboot,
            Outcome::Failed,
        ];
        // Versions and outcomes in every order to each other.
        let tries: Vec<Attempt> = (0..60)
            .map(|number| attempt(number, number * 7 % 11, outcomes[(number % 5) as usize]))
            .collect();
        let history = History::of(tries.iter());
        let mut ended = 0;
        for (at, one) in tries.iter().enumerate() {
            let mut later = tries[at..].iter();
            let expected = later
                .find(|later| is_good(later.outcome) && later.version() >= one.version())
                .map(|later| later.id);
            assert_eq!(history.end_of(one).map(|end| end.id), expected, "{at}");
            ended += usize::from(expected.is_some_and(|end| end != one.id));
        }
        assert!((10..60).contains(&ended), "{ended}");
    }
}
