//! The record that started a failure's chain.
//!
//! Precedence: where the failure arose, an installer or the driver queue, the servicing stack, the update agent; within one layer the earliest.
//! Wrappers never win.

use super::Line;
use crate::catalogue::is_same_failure;
use crate::rules::{Layer, Rule, Rules};
use event::{Code, Event, Severity};
use std::ops::RangeInclusive;

/// Codes that say only that something else failed.
const WRAPPERS: [u32; 6] = [
    0x800F_0922,
    0x8024_0022,
    0x8024_0020,
    0x8007_045B,
    0x8000_4005,
    0xC190_0101,
];

/// Records kept as evidence of one finding: the cause, its neighbours in the chain, the end.
pub(super) const MAX_EVIDENCE: usize = 6;

pub(super) struct Cause<'r> {
    /// Place of the record that started it.
    pub(super) at: usize,
    pub(super) rule: Option<&'r Rule>,
    pub(super) root: Option<Code>,
    pub(super) object: String,
    pub(super) component: String,
    /// Places of the records that show it, the cause first.
    pub(super) evidence: Vec<usize>,
    pub(super) confidence: u8,
    pub(super) reasons: Vec<&'static str>,
}

pub(super) fn is_wrapper(code: Code) -> bool {
    WRAPPERS.contains(&code.value())
}

/// The cause of a failure that ended with `terminal`, among the records of a range.
///
/// `session`: records that name another session are not looked at.
pub(super) fn choose<'r>(
    rules: &'r Rules,
    timeline: &Line<'_>,
    range: RangeInclusive<usize>,
    terminal: Option<Code>,
    session: &str,
) -> Option<Cause<'r>> {
    let places: Vec<usize> = range
        .filter(|at| {
            let event = timeline.events[*at];
            session.is_empty() || event.session.is_empty() || event.session == session
        })
        .collect();
    let events = &timeline.events;
    let is_terminal = |code: Code| terminal.is_some_and(|terminal| is_same_failure(terminal, code));
    let opens = terminal.is_none_or(is_wrapper);

    // A rule that names the failure where it arose, or that speaks of the same failure.
    let ruled = |at: &usize| -> Option<(Layer, usize)> {
        let event = events[*at];
        let rule = rules.get(&event.rule)?;
        // Of an ended attempt, what is only worth knowing or was merely found by a check needs the code to be linked by.
        let is_weak =
            terminal.is_some() && (rule.layer == Layer::Agent || rule.severity == Severity::Info);
        let is_linked = rule.layer >= Layer::Installer
            || (!is_weak && (opens || event.codes.is_empty()))
            || event.codes.iter().any(|code| is_terminal(*code))
            || rule.terminal.iter().any(|code| is_terminal(*code));
        is_linked.then_some((rule.layer, *at))
    };
    let best = places
        .iter()
        .filter_map(ruled)
        .max_by_key(|(layer, at)| (*layer, std::cmp::Reverse(*at)));
    let has_real = |at: &usize| events[*at].codes.iter().any(|code| !is_wrapper(*code));
    let (at, by_rule) = match best {
        Some((_, at)) => (at, true),
        None => {
            let same = places
                .iter()
                .find(|at| events[**at].codes.iter().any(|code| is_terminal(*code)));
            let first_real = || {
                places
                    .iter()
                    .find(|at| has_real(at) && is_failing(events[**at]))
            };
            let at = if opens {
                first_real().or(same)
            } else {
                same.or_else(first_real)
            };
            (*at.or(places.last())?, false)
        }
    };
    let cause = events[at];
    let own_rule = rules.get(&cause.rule);

    // Records of the same failure: of the same rule's category, of an equal code, or of the same trace.
    let is_kin = |other: &Event| {
        let shares_code = other
            .codes
            .iter()
            .any(|code| cause.codes.iter().any(|own| is_same_failure(*own, *code)));
        let shares_category = own_rule.is_some()
            && rules.get(&other.rule).map(|rule| &rule.category)
                == own_rule.map(|rule| &rule.category);
        let shares_trace = !cause.trace.is_empty() && other.trace == cause.trace;
        shares_code || shares_category || shares_trace
    };
    let kin: Vec<usize> = places
        .iter()
        .copied()
        .filter(|place| *place != at && is_kin(events[*place]))
        .collect();

    let pick = |codes: &[Code]| {
        let real = codes.iter().copied().filter(|code| !is_wrapper(*code));
        real.clone()
            .find(|code| is_terminal(*code))
            .or_else(|| real.clone().next())
    };
    let root = pick(&cause.codes)
        .or_else(|| {
            kin.iter()
                .filter(|place| **place > at)
                .find_map(|place| pick(&events[*place].codes))
        })
        .or_else(|| kin.iter().find_map(|place| pick(&events[*place].codes)))
        .or(terminal);
    let rule = own_rule
        .or_else(|| root.and_then(|root| rules.for_terminal(root)))
        .or_else(|| terminal.and_then(|terminal| rules.for_terminal(terminal)));

    let named = std::iter::once(at)
        .chain(kin.iter().copied())
        .find(|place| !events[*place].object.is_empty());
    let component = std::iter::once(at)
        .chain(kin.iter().copied())
        .find(|place| !events[*place].component_identity.is_empty());
    let mut evidence = vec![at];
    evidence.extend(named.filter(|place| *place != at));
    for place in kin.iter().copied().chain(places.last().copied()) {
        if evidence.len() < MAX_EVIDENCE && !evidence.contains(&place) {
            evidence.push(place);
        }
    }

    let (confidence, reasons) = confidence(&Grounds {
        by_rule,
        is_origin: own_rule.is_some_and(|rule| rule.layer == Layer::Origin),
        cause,
        named: named.map(|place| events[place]),
        is_terminal: root.is_some_and(is_terminal),
        is_wrapper: root.is_some_and(is_wrapper),
        has_kin: kin
            .iter()
            .any(|place| events[*place].field("failure_trace").is_some()),
    });
    Some(Cause {
        at,
        rule,
        root,
        object: named
            .map(|place| events[place].object.clone())
            .unwrap_or_default(),
        component: component
            .map(|place| events[place].component_identity.clone())
            .unwrap_or_default(),
        evidence,
        confidence,
        reasons,
    })
}

/// Whether a record without a rule may stand for a cause: it says failure in its level, or as part of a failure's trace.
fn is_failing(event: &Event) -> bool {
    event.level == event::Level::Error
        || event.field("failure_trace").is_some()
        || event.text.contains("ailed")
}

struct Grounds<'a> {
    by_rule: bool,
    is_origin: bool,
    cause: &'a Event,
    named: Option<&'a Event>,
    is_terminal: bool,
    is_wrapper: bool,
    has_kin: bool,
}

/// Points for what speaks for a cause and against it. The weights are a judgement, not a measurement; their order is what matters.
fn confidence(grounds: &Grounds<'_>) -> (u8, Vec<&'static str>) {
    let mut points: i32 = 30;
    let mut reasons = Vec::new();
    let mut weigh = |holds: bool, weight: i32, reason: &'static str| {
        if holds {
            points += weight;
            reasons.push(reason);
        }
    };
    weigh(grounds.by_rule, 20, "known_signature");
    weigh(grounds.is_origin, 15, "origin_of_chain");
    weigh(grounds.has_kin, 5, "chain_seen");
    weigh(grounds.named.is_some(), 10, "object_named");
    weigh(
        grounds
            .named
            .is_some_and(|event| event.field("object_length").is_some()),
        10,
        "path_length_matches",
    );
    weigh(
        grounds.cause.text.contains("AllowFileNotFound"),
        5,
        "missing_would_be_tolerated",
    );
    weigh(grounds.is_terminal, 15, "same_as_terminal");
    weigh(grounds.is_wrapper, -20, "only_a_wrapper");
    weigh(grounds.cause.logged.is_none(), -10, "no_time");
    (u8::try_from(points.clamp(5, 95)).unwrap_or(5), reasons)
}
