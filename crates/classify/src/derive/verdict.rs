//! What is to be said of an endpoint in one word, from its attempts and findings.

use super::unexplained;
use event::{Attempt, Derivation, Event, Marker, Outcome, Severity};
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

/// The verdict on all that was read. `records` = servicing records read.
pub fn verdict<'a>(
    derivations: impl IntoIterator<Item = &'a Derivation>,
    events: &[Event],
    records: u64,
) -> Verdict {
    let mut attempts: Vec<&Attempt> = Vec::new();
    let (mut has_failure, mut has_unexplained) = (false, false);
    let derivations: Vec<&Derivation> = derivations.into_iter().collect();
    for derivation in &derivations {
        attempts.extend(&derivation.attempts);
    }
    attempts.sort_by_key(|attempt| (attempt.start_utc, attempt.end, attempt.id));
    let last = last_outcomes(&attempts);
    for derivation in &derivations {
        // What attempts that succeeded later had failed by is over with them.
        let (mut of_attempts, mut still) = (HashSet::new(), HashSet::new());
        for attempt in &derivation.attempts {
            if let Some(finding) = attempt.finding {
                of_attempts.insert(finding);
                if last
                    .get(key(attempt))
                    .is_none_or(|outcome| !is_good(*outcome))
                {
                    still.insert(finding);
                }
            }
        }
        for (at, finding) in derivation.findings.iter().enumerate() {
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            if of_attempts.contains(&at) && !still.contains(&at) {
                continue;
            }
            has_failure |= finding.severity > Severity::Info;
            has_unexplained |= finding.rule == unexplained::RECORD;
        }
        // A failed attempt counts by its finding; one that is only worth knowing is none.
        has_failure |= derivation.attempts.iter().any(|attempt| {
            attempt.outcome.is_failure()
                && attempt.finding.is_none()
                && last
                    .get(key(attempt))
                    .is_none_or(|outcome| !is_good(*outcome))
        });
    }
    let has = |marker: Marker| events.iter().any(|event| event.marker == marker);
    let went_well = attempts.iter().any(|one| one.outcome == Outcome::Succeeded)
        || has(Marker::UpdateInstalled)
        || has(Marker::StackLoaded)
        || has(Marker::DetectionEnd);
    if has_failure {
        Verdict::Failed
    } else if has_unexplained || records == 0 || (records < ENOUGH_RECORDS && !went_well) {
        Verdict::Inconclusive
    } else if last
        .values()
        .any(|outcome| *outcome == Outcome::PendingReboot)
    {
        Verdict::Restart
    } else if has(Marker::SfcRepaired) || is_mended(events) {
        Verdict::Repaired
    } else {
        Verdict::Healthy
    }
}

/// A check of the store that found damage and left none.
fn is_mended(events: &[Event]) -> bool {
    let number = |event: &Event, name: &str| {
        let value = event
            .field(name)
            .and_then(|value| value.parse::<u64>().ok());
        value.unwrap_or(0)
    };
    events.iter().any(|event| {
        event.marker == Marker::CheckSur
            && number(event, "detected") > 0
            && number(event, "detected") == number(event, "repaired")
    })
}

fn is_good(outcome: Outcome) -> bool {
    matches!(outcome, Outcome::Succeeded | Outcome::PendingReboot)
}

/// What makes two attempts tries of the same thing.
fn key(attempt: &Attempt) -> &str {
    if attempt.package.is_empty() {
        &attempt.kb
    } else {
        &attempt.package
    }
}

/// How the last attempt of each thing ended, of those that say so.
fn last_outcomes<'a>(attempts: &[&'a Attempt]) -> HashMap<&'a str, Outcome> {
    let said = attempts
        .iter()
        .filter(|attempt| attempt.outcome != Outcome::Unknown && !key(attempt).is_empty());
    said.map(|attempt| (key(attempt), attempt.outcome))
        .collect()
}
