//! The record that started a failure's chain.
//!
//! Precedence: where the failure arose, an installer or the driver queue, the servicing stack, the update agent; within one layer the earliest.
//! Wrappers never win.

use super::look::{Known, Look};
use crate::catalogue::failure_key;
use crate::rules::{Layer, Rule};
use event::{Code, Event, Severity};
use std::cmp::Reverse;

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

/// `ERROR_FILE_CORRUPT`, `ERROR_DISK_CORRUPT`, `ERROR_CRC`, with the NTSTATUS that become them.
fn says_corruption(code: Code) -> bool {
    matches!(code.to_win32(), Some(23 | 1392 | 1393))
}

pub(super) fn is_wrapper(code: Code) -> bool {
    WRAPPERS.contains(&code.value())
}

/// The cause of a failure that ended with `terminal`, among the records at these places, which ascend.
pub(super) fn choose<'r>(
    look: &Look<'r, '_>,
    places: &[usize],
    terminal: Option<Code>,
) -> Option<Cause<'r>> {
    let rules = look.rules;
    let terminal_key = terminal.map(failure_key);
    let opens = terminal.is_none_or(is_wrapper);
    // Rules that say themselves what they end in.
    let ending: &[usize] = terminal_key.map_or(&[], |key| rules.ending_in(key));
    let records = || {
        places
            .iter()
            .filter_map(|at| Some((*at, look.event(*at)?, look.known(*at)?)))
    };
    let is_terminal = |known: &Known| terminal_key.is_some_and(|key| known.has_failure(key));

    // A rule that names the failure where it arose, or that speaks of the same failure.
    let ruled = |(at, event, known): (usize, &Event, &Known)| -> Option<(Layer, Reverse<usize>)> {
        let index = known.rule?;
        let rule = rules.at(index);
        // Of an ended attempt, what is only worth knowing or was merely found by a check needs the code to be linked by.
        let is_weak =
            terminal.is_some() && (rule.layer == Layer::Agent || rule.severity == Severity::Info);
        let is_linked = rule.layer >= Layer::Installer
            || (!is_weak && (opens || event.codes.is_empty()))
            || is_terminal(known)
            || ending.contains(&index);
        is_linked.then_some((rule.layer, Reverse(at)))
    };
    let best = records().filter_map(ruled).max();
    let (at, by_rule) = match best {
        Some((_, Reverse(at))) => (at, true),
        None => {
            let same = || records().find(|(_, _, known)| is_terminal(known));
            let first_real = || records().find(|(_, _, known)| known.has_real && known.is_failing);
            let found = if opens {
                first_real().or_else(same)
            } else {
                same().or_else(first_real)
            };
            let at = found.map(|(at, _, _)| at);
            (at.or(places.last().copied())?, false)
        }
    };
    let (cause, own) = (look.event(at)?, look.known(at)?);
    let own_rule = own.rule.map(|index| rules.at(index));

    // Records of the same failure: of the same rule's category, of an equal code, or of the same trace.
    let is_kin = |known: &Known| {
        known.shares_failure(own)
            || (own.category.is_some() && known.category == own.category)
            || (own.trace.is_some() && known.trace == own.trace)
    };
    let kin: Vec<(usize, &Event, &Known)> = records()
        .filter(|(place, _, known)| *place != at && is_kin(known))
        .collect();

    let pick = |event: &Event| {
        let mut real = event
            .codes
            .iter()
            .copied()
            .filter(|code| !is_wrapper(*code));
        let first = real.next()?;
        let is_terminal = |code: &Code| Some(failure_key(*code)) == terminal_key;
        let ended_in = std::iter::once(first).chain(real).find(is_terminal);
        Some(ended_in.unwrap_or(first))
    };
    let of_kin = |from: usize| {
        let real = kin
            .iter()
            .filter(move |(place, _, known)| known.has_real && *place >= from);
        real.filter_map(|(_, event, _)| pick(event)).next()
    };
    let root = pick(cause)
        .or_else(|| of_kin(at))
        .or_else(|| of_kin(0))
        .or(terminal)
        // A wrapper is no cause, but it is what the record says.
        .or_else(|| cause.codes.first().copied());
    let rule = own_rule
        .or_else(|| root.and_then(|root| rules.for_terminal(root)))
        .or_else(|| terminal.and_then(|terminal| rules.for_terminal(terminal)));

    let chain = || {
        let kin = kin.iter().map(|(place, event, _)| (*place, *event));
        std::iter::once((at, cause)).chain(kin)
    };
    let named = chain().find(|(_, event)| !event.object.is_empty());
    let component = chain().find(|(_, event)| !event.component_identity.is_empty());
    let mut evidence = vec![at];
    evidence.extend(named.map(|(place, _)| place).filter(|place| *place != at));
    let kin_places = kin.iter().map(|(place, _, _)| *place);
    for place in kin_places.take(MAX_EVIDENCE).chain(places.last().copied()) {
        if evidence.len() < MAX_EVIDENCE && !evidence.contains(&place) {
            evidence.push(place);
        }
    }

    let root_key = root.map(failure_key);
    let (confidence, reasons) = confidence(&Grounds {
        by_rule,
        is_origin: own_rule.is_some_and(|rule| rule.layer == Layer::Origin),
        cause,
        named: named.map(|(_, event)| event),
        is_terminal: root_key.is_some() && root_key == terminal_key,
        is_wrapper: root.is_some_and(is_wrapper),
        is_corruption: root.is_some_and(says_corruption),
        has_kin: kin.iter().any(|(_, _, known)| known.is_of_trace),
    });
    Some(Cause {
        at,
        rule,
        root,
        object: objects(chain().map(|(_, event)| event).filter(|event| {
            event.rule == cause.rule || Some(event.id) == named.map(|(_, named)| named.id)
        })),
        component: component
            .map(|(_, event)| event.component_identity.clone())
            .unwrap_or_default(),
        evidence,
        confidence,
        reasons,
    })
}

/// Objects of one failure that are named together. A failed check may name thousands; what stands behind the first few is in the log.
const MAX_OBJECTS: usize = 8;

/// What stands between objects of one failure.
pub const BETWEEN_OBJECTS: &str = "; ";

/// Everything that the records of one cause name, each once, in their order: a reader who mends the first must know of the second.
fn objects<'a>(records: impl Iterator<Item = &'a Event>) -> String {
    let mut objects: Vec<&str> = Vec::new();
    for object in records.map(|event| event.object.as_str()) {
        let is_known = |known: &&str| {
            let known = known.to_lowercase();
            known.contains(&object.to_lowercase())
        };
        if object.is_empty() || objects.iter().any(is_known) {
            continue;
        }
        if objects.len() == MAX_OBJECTS {
            objects.push("…");
            break;
        }
        objects.push(object);
    }
    objects.join(BETWEEN_OBJECTS)
}

struct Grounds<'a> {
    by_rule: bool,
    is_origin: bool,
    cause: &'a Event,
    named: Option<&'a Event>,
    is_terminal: bool,
    is_wrapper: bool,
    /// The code says that what is there is damaged, which an object that is missing, in use or closed to us is not.
    is_corruption: bool,
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
        grounds.is_corruption && grounds.cause.text.contains("AllowFileNotFound"),
        5,
        "missing_would_be_tolerated",
    );
    weigh(grounds.is_terminal, 15, "same_as_terminal");
    weigh(grounds.is_wrapper, -20, "only_a_wrapper");
    weigh(grounds.cause.logged.is_none(), -10, "no_time");
    weigh(
        grounds.cause.field("pasted").is_some(),
        -10,
        "read_as_pasted",
    );
    (u8::try_from(points.clamp(5, 95)).unwrap_or(5), reasons)
}
