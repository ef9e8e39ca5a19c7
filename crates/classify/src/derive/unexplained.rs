//! Failures that no rule, attempt or later success explains: they are said as what they are, and never pass for health.

use super::causes;
use super::look::Look;
use crate::catalogue::failure_key;
use event::{Code, Event, Finding};
use std::collections::HashMap;

/// The rule that stands for a record of a failure that ended nothing.
pub(super) const RECORD: &str = "unexplained_record";

/// Whether a finding is of this kind.
pub(super) fn is_one(finding: &Finding) -> bool {
    finding.rule == RECORD || finding.rule.starts_with("unexplained_")
}

/// Different ends told of one run of records; further ones add nothing that a reader could use.
const MAX_ENDS: usize = 64;

/// Records before an end that its cause is sought in. A chain has a handful; the bound keeps a long run from costing its square.
pub(super) const MAX_BEFORE: usize = 2_000;

/// Records behind an end that its code is sought in.
const MAX_BEHIND: usize = 4;

/// An end with a failing result.
pub(super) struct End<'a> {
    /// Place of the last record that tells it.
    pub(super) at: usize,
    /// What ended.
    pub(super) what: &'a str,
    /// The code it ended with.
    pub(super) code: Option<Code>,
}

/// Ends of a run of records that nothing else tells of, those with the same code as one.
pub(super) fn ends<'a>(look: &Look<'_, 'a>, run: &[usize]) -> Vec<End<'a>> {
    let mut ends: Vec<End<'a>> = Vec::new();
    let mut known = HashMap::new();
    let mut told_until = None;
    for (place, at) in run.iter().enumerate() {
        let Some((event, what)) = look
            .event(*at)
            .filter(|_| told_until.is_none_or(|told| *at > told))
            .and_then(|event| Some((event, event.field("ended")?)))
        else {
            continue;
        };
        let (mut at, mut code) = (*at, result(event));
        if code.is_none() {
            // A call says how many updates it failed for, and its codes in the records behind.
            let behind = run.get(place + 1..).unwrap_or_default().iter();
            let behind = behind.filter_map(|at| Some((*at, look.event(*at)?)));
            for (next, event) in behind.take(MAX_BEHIND) {
                let next_code = result(event).filter(|_| event.rule.is_empty());
                if next_code.is_none()
                    || (code.is_some() && next_code.is_some_and(causes::is_wrapper))
                {
                    break;
                }
                (at, code) = (next, next_code);
                told_until = Some(next);
                if !code.is_some_and(causes::is_wrapper) {
                    break;
                }
            }
        }
        let key = code.map_or(Err(what), |code| Ok(failure_key(code)));
        let index = *known.entry(key).or_insert(ends.len());
        match ends.get_mut(index) {
            Some(end) => end.at = at,
            None if index < MAX_ENDS => ends.push(End { at, what, code }),
            None => {}
        }
    }
    ends
}

/// The code that a record says it ended with.
fn result(event: &Event) -> Option<Code> {
    let said = event
        .field("hresult")
        .and_then(super::attempts::value)
        .map(Code::new)
        .filter(|code| code.is_failure());
    let real = || {
        let mut codes = event.codes.iter().copied();
        codes.find(|code| !causes::is_wrapper(*code))
    };
    said.or_else(real).or_else(|| event.codes.last().copied())
}

/// `unexplained_cbs_startup`, where a rule of that name says what it means.
pub(super) fn rule_of(look: &Look<'_, '_>, what: &str) -> String {
    let id = format!("unexplained_{}_{what}", look.timeline.source.name());
    if look.rules.get(&id).is_some() {
        id
    } else {
        "unexplained_end".to_owned()
    }
}

/// Whether a record says a failure that ended nothing, and no rule speaks of it.
pub(super) fn is_step(event: &Event) -> bool {
    event.field("failed").is_some() && event.rule.is_empty()
}
