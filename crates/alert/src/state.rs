//! What a group of a rule is in, from what it was in and what is counted now. Pure: times come in, and the same twice is the same once.
//!
//! inactive, pending (met for a while), firing (met for long enough), and back when it is not met for long enough. What has fired and is
//! resolved begins anew only with a failure that was logged later: late logs and other rules move history and tell nobody again.

use crate::rule::Rule;
use std::time::Duration;
use store::{AlertPhase, AlertState};

/// What is counted now, of one group.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sample {
    /// Name and value of each thing that the rule groups by.
    pub(crate) labels: Vec<(String, String)>,
    /// The figure.
    pub(crate) value: f64,
    /// Of so many that tried, where it is known.
    pub(crate) of: Option<f64>,
    /// The latest failure that is counted, in seconds as logged; none of figures that count no failures.
    pub(crate) newest: Option<i64>,
    /// The first ten PCs.
    pub(crate) pcs: Vec<String>,
    /// What it is compared with, where the rule compares and there is something.
    pub(crate) before: Option<Before>,
}

/// The update before the one that is counted, when it was as old.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Before {
    /// Which.
    pub(crate) kb: String,
    /// The share that failed of those that had tried it.
    pub(crate) share: f64,
}

impl Sample {
    /// What the figure must reach.
    pub(crate) fn must_reach(&self, rule: &Rule) -> f64 {
        rule.must_reach(self.of, self.before.as_ref().map(|before| before.share))
    }
}

/// When it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// In UTC milliseconds.
    pub utc_ms: i64,
    /// As clocks of machines show it, in seconds: what days of pages end with.
    pub logged: i64,
}

impl Now {
    /// UTC milliseconds, which clocks of machines are taken to show.
    pub fn at(utc_ms: i64) -> Self {
        Self {
            utc_ms,
            logged: utc_ms.div_euclid(1_000),
        }
    }
}

/// Whether a figure reaches what the rule asks for.
pub(crate) fn is_met(rule: &Rule, sample: &Sample) -> bool {
    sample.value > 0.0 && sample.value >= sample.must_reach(rule)
}

/// What the group is in now; nothing where that is what it was in.
///
/// `sample` is none where nothing of the group is counted. Not called where the store could not be asked: what is not known changes nothing.
pub(crate) fn advance(
    rule: &Rule,
    before: Option<&AlertState>,
    sample: Option<&Sample>,
    now: Now,
) -> Option<AlertState> {
    let met = sample.filter(|sample| is_met(rule, sample));
    match (before, met) {
        (Some(before), Some(sample)) if before.phase == AlertPhase::Pending => {
            // A PC that has failed since is said when it fires, and not before.
            has_lasted(before.since_ms, rule.hold, now).then(|| fire(before, sample, rule, now))
        }
        (Some(before), Some(sample)) if before.phase == AlertPhase::Firing => {
            let is_same = before.quiet_ms.is_none() && before.value == sample.value;
            (!is_same).then(|| AlertState {
                quiet_ms: None,
                changes: before.changes + 1,
                ..seen(before, sample, rule, now)
            })
        }
        (Some(before), None) if before.phase == AlertPhase::Pending => Some(AlertState {
            phase: AlertPhase::Dropped,
            ended_ms: Some(now.utc_ms),
            changes: before.changes + 1,
            ..before.clone()
        }),
        (Some(before), None) if before.phase == AlertPhase::Firing => quiet(rule, before, now),
        (before, Some(sample)) => begin(rule, before, sample, now),
        (_, None) => None,
    }
}

/// A group that is not met while it fires: resolved once that has lasted.
fn quiet(rule: &Rule, before: &AlertState, now: Now) -> Option<AlertState> {
    let quiet_ms = before.quiet_ms.unwrap_or(now.utc_ms);
    let changed = AlertState {
        quiet_ms: Some(quiet_ms),
        changes: before.changes + 1,
        ..before.clone()
    };
    if has_lasted(quiet_ms, rule.keep_firing, now) {
        // What was logged until now has been told of, even where it arrives later.
        let evidence = before.evidence.map(|evidence| evidence.max(now.logged));
        return Some(AlertState {
            phase: AlertPhase::Resolved,
            ended_ms: Some(now.utc_ms),
            evidence,
            ..changed
        });
    }
    before.quiet_ms.is_none().then_some(changed)
}

/// A group that is met, and was in nothing, or in something that is over.
fn begin(
    rule: &Rule,
    before: Option<&AlertState>,
    sample: &Sample,
    now: Now,
) -> Option<AlertState> {
    let is_known = before.is_some_and(|before| {
        let told = before.evidence.zip(newest(sample, now));
        before.phase == AlertPhase::Resolved && told.is_some_and(|(told, newest)| newest <= told)
    });
    if is_known {
        return None;
    }
    // What was dropped has told nobody: its row is used again, so that a figure that comes and goes makes one row and not thousands.
    let (episode, changes) = match before {
        None => (1, 0),
        Some(before) if before.phase == AlertPhase::Dropped => (before.episode, before.changes + 1),
        Some(before) => (before.episode + 1, 0),
    };
    let nothing = AlertState {
        rule: rule.name.clone(),
        labels: sample.labels.clone(),
        episode,
        severity: rule.severity.name().to_owned(),
        phase: AlertPhase::Pending,
        since_ms: now.utc_ms,
        fired_ms: None,
        quiet_ms: None,
        ended_ms: None,
        value: 0.0,
        peak: 0.0,
        of: None,
        threshold: 0.0,
        evidence: None,
        pcs: Vec::new(),
        title: Default::default(),
        body: Default::default(),
        page: String::new(),
        fired_message: String::new(),
        ended_message: String::new(),
        changes,
    };
    Some(match rule.hold.is_zero() {
        true => AlertState {
            changes,
            ..fire(&nothing, sample, rule, now)
        },
        false => seen(&nothing, sample, rule, now),
    })
}

fn fire(before: &AlertState, sample: &Sample, rule: &Rule, now: Now) -> AlertState {
    AlertState {
        phase: AlertPhase::Firing,
        fired_ms: Some(now.utc_ms),
        changes: before.changes + 1,
        ..seen(before, sample, rule, now)
    }
}

/// With what is counted now.
fn seen(before: &AlertState, sample: &Sample, rule: &Rule, now: Now) -> AlertState {
    AlertState {
        value: sample.value,
        peak: before.peak.max(sample.value),
        of: sample.of,
        threshold: sample.must_reach(rule),
        evidence: before.evidence.max(newest(sample, now)),
        pcs: sample.pcs.clone(),
        ..before.clone()
    }
}

/// A clock that is ahead speaks for now and not for what is to come: else its stamp would keep a cause quiet until then.
fn newest(sample: &Sample, now: Now) -> Option<i64> {
    sample.newest.map(|newest| newest.min(now.logged))
}

/// A clock that was set back makes it last longer, and never shorter.
fn has_lasted(since_ms: i64, at_least: Duration, now: Now) -> bool {
    let lasted = now.utc_ms.saturating_sub(since_ms);
    i128::from(lasted) >= at_least.as_millis() as i128
}

#[cfg(test)]
mod tests;
