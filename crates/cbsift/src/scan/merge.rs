//! Several answers as one: of the months of a machine, and of the machines of a scan.

use super::machines::Told;
use super::{Machine, Scan};
use classify::Verdict;
use event::Derivation;

/// The scans of several machines, each by its name, as one; that of one as it is.
pub(super) fn united(told: Option<Told>, scans: Vec<(String, Scan)>) -> Scan {
    let mut all: Option<Scan> = None;
    let mut derivations = Vec::new();
    for (index, (name, mut scan)) in scans.into_iter().enumerate() {
        let Some(told) = told else { return scan };
        let derived = std::mem::take(&mut scan.derived);
        let findings = derived.findings.iter().map(|finding| finding.id);
        let attempts = derived.attempts.iter().map(|attempt| attempt.id);
        let machine = Machine {
            name,
            told,
            verdict: scan.verdict,
            servicing_stack: scan.servicing_stack.take(),
            ids: findings.chain(attempts).collect(),
        };
        derivations.push(derived);
        for input in &mut scan.inputs {
            input.machine = index;
        }
        let all = match &mut all {
            None => all.insert(scan),
            Some(all) => {
                join(all, scan);
                all
            }
        };
        all.machines.push(machine);
    }
    let mut all = all.unwrap_or_else(Scan::nothing);
    all.derived = merged(derivations.into_iter());
    all
}

/// Takes another machine's scan in, but for what was derived.
fn join(all: &mut Scan, other: Scan) {
    let shift = all.inputs.len();
    all.inputs.extend(other.inputs);
    for (code, count) in other.codes {
        let known = all.codes.entry(code).or_default();
        known.records += count.records;
        known.noise += count.noise;
        known.events += count.events;
    }
    for (rule, count) in other.noise {
        *all.noise.entry(rule).or_default() += count;
    }
    all.events.extend(other.events);
    for (key, mut place) in other.places {
        place.input += shift;
        all.places.insert(key, place);
    }
    if weight(other.verdict) > weight(all.verdict) {
        all.verdict = other.verdict;
    }
    all.is_derived &= other.is_derived;
    all.failed.extend(other.failed);
}

/// The gravest verdict is that of all.
fn weight(verdict: Verdict) -> usize {
    let rank = Verdict::ALL.iter().rev().position(|one| *one == verdict);
    rank.unwrap_or_default()
}

#[expect(
    clippy::indexing_slicing,
    reason = "the numbers are places in the findings gathered here; that of an attempt is of its own month's findings, as the deriver promises"
)]
/// The months' derivations as one, the most important findings first.
pub(super) fn merged(derivations: impl Iterator<Item = Derivation>) -> Derivation {
    let mut all = Derivation::default();
    for derivation in derivations {
        let shift = u32::try_from(all.findings.len()).unwrap_or(u32::MAX);
        all.findings.extend(derivation.findings);
        all.attempts
            .extend(derivation.attempts.into_iter().map(|mut attempt| {
                attempt.finding = attempt.finding.map(|finding| finding + shift);
                attempt
            }));
    }
    let mut order: Vec<usize> = (0..all.findings.len()).collect();
    let mut counts = vec![0_usize; order.len()];
    for finding in all.attempts.iter().filter_map(|attempt| attempt.finding) {
        if let Some(count) = counts.get_mut(finding as usize) {
            *count += 1;
        }
    }
    order.sort_by_key(|index| {
        let finding = &all.findings[*index];
        (
            std::cmp::Reverse(finding.severity),
            std::cmp::Reverse(counts[*index]),
            std::cmp::Reverse(finding.confidence),
            finding.utc,
        )
    });
    let mut place = vec![0; order.len()];
    for (position, index) in order.iter().enumerate() {
        place[*index] = u32::try_from(position).unwrap_or(u32::MAX);
    }
    for attempt in &mut all.attempts {
        attempt.finding = attempt.finding.map(|finding| place[finding as usize]);
    }
    let mut drafts: Vec<Option<event::Finding>> = all.findings.into_iter().map(Some).collect();
    all.findings = order
        .iter()
        .filter_map(|index| drafts[*index].take())
        .collect();
    all
}
