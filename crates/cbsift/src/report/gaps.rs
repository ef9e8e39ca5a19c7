//! Parts of logs that are missing before, between or behind those that were read.
//!
//! A rotated log is named after the moment of its rotation in UTC, and that is when its successor's first record is written: so parts chain without being read.

use crate::scan::{Input, Scan};
use event::{Finding, LoggedAt, Severity, Source, UtcMillis};

/// A stretch that no part covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) from: LoggedAt,
    /// Nothing: the log goes on, and no later part is here.
    pub(crate) to: Option<LoggedAt>,
    /// The kind of log.
    pub(crate) source: Source,
    /// The part before ends within a line.
    pub(crate) is_cut: bool,
    /// Names of the parts before and after.
    pub(crate) before: String,
    pub(crate) after: String,
    /// Of a log that was overwritten before it was fetched: what an event log tells to have failed in it.
    pub(crate) lost: Option<String>,
}

/// How long after a rotation the successor's first record may be written. A guess: the two pairs known are equal to the second.
const SUCCESSOR_S: i64 = 120;

/// Minutes that a clock is ahead of UTC at most: where the zone is not known, only what is earlier in every zone is called so.
const AHEAD_MAX: i32 = 14 * 60;

pub(crate) fn gaps(scan: &Scan) -> Vec<Gap> {
    let machines = 0..scan.machines.len().max(1);
    machines.flat_map(|machine| of(scan, machine)).collect()
}

/// Those of one machine: parts of another's log fill no gap.
fn of(scan: &Scan, machine: usize) -> Vec<Gap> {
    let inputs = || {
        scan.inputs
            .iter()
            .filter(move |input| input.machine == machine)
    };
    let mut parts: Vec<(&Input, LoggedAt, LoggedAt)> = inputs()
        .filter(|input| input.source == Some(Source::Cbs))
        .filter_map(|input| Some((input, input.first?, input.last?)))
        .collect();
    parts.sort_by_key(|(_, first, last)| (*first, *last));
    // Copies of one log begin together; the longest is the last of them.
    parts.dedup_by(|later, earlier| {
        let is_copy = later.1 == earlier.1;
        if is_copy && rotated_at(&earlier.0.shown).is_none() {
            *earlier = *later;
        }
        is_copy
    });
    let mut gaps: Vec<Gap> = parts
        .first()
        .and_then(|(input, first, _)| overwritten(scan, input, *first))
        .into_iter()
        .collect();
    for (index, (input, _, last)) in parts.iter().enumerate() {
        let before = input.shown.clone();
        let Some(rotated) = rotated_at(&before) else {
            continue;
        };
        match parts.get(index + 1) {
            Some((next, first, _)) if first > last && !is_successor(rotated, *first) => {
                gaps.push(Gap {
                    from: *last,
                    to: Some(*first),
                    source: Source::Cbs,
                    is_cut: false,
                    before,
                    after: next.shown.clone(),
                    lost: None,
                });
            }
            None => gaps.push(Gap {
                from: *last,
                to: None,
                source: Source::Cbs,
                is_cut: false,
                before,
                after: String::new(),
                lost: None,
            }),
            Some(_) => {}
        }
    }
    gaps.extend(inputs().filter_map(cut_off));
    gaps
}

/// What follows the last line where a log ends within it: the copy was cut off, or was made while the line was written.
fn cut_off(input: &Input) -> Option<Gap> {
    Some(Gap {
        from: input.last.filter(|_| input.is_cut)?,
        to: None,
        source: input.source?,
        is_cut: true,
        before: input.shown.clone(),
        after: String::new(),
        lost: None,
    })
}

/// A failure that an event log tells of, from before the first part: the log that held its cause is gone.
fn overwritten(scan: &Scan, input: &Input, first: LoggedAt) -> Option<Gap> {
    let minutes = input.utc_changes.first().map(|(_, anchor)| anchor.minutes);
    let begin = first.to_utc(minutes.unwrap_or(AHEAD_MAX));
    let is_lost = |finding: &&Finding| {
        let is_told = finding
            .evidence
            .first()
            .is_some_and(|evidence| evidence.source == Source::EventLog);
        // What is about a package would have been in the servicing log.
        let is_servicing = !finding.kb.is_empty() || !finding.package.is_empty();
        let machine = scan.machines.get(input.machine);
        let is_own = machine.is_none_or(|machine| machine.ids.contains(&finding.id));
        is_own && is_told && is_servicing && finding.severity > Severity::Info
    };
    let findings = scan.derived.findings.iter().filter(is_lost);
    let (utc, finding): (UtcMillis, &Finding) = findings
        .filter_map(|finding| Some((finding.utc?, finding)))
        .filter(|(utc, _)| *utc < begin)
        .min_by_key(|(utc, _)| *utc)?;
    let named = if finding.kb.is_empty() {
        &finding.package
    } else {
        &finding.kb
    };
    let code = finding.root_code.map(|code| format!(" {code}"));
    Some(Gap {
        from: utc.to_logged(minutes.unwrap_or(0)),
        to: Some(first),
        before: String::new(),
        after: input.shown.clone(),
        source: Source::Cbs,
        is_cut: false,
        lost: Some(format!("{named}{}", code.unwrap_or_default())),
    })
}

/// `CbsPersist_20230522191537.log` as seconds of UTC.
fn rotated_at(name: &str) -> Option<i64> {
    let name = name.rsplit(['/', '\\', '!']).next()?;
    let lower = name.to_ascii_lowercase();
    let stamp = lower.strip_prefix("cbspersist_")?.get(..14)?;
    let number = |from: usize, to: usize| stamp.get(from..to)?.parse::<i64>().ok();
    let time = LoggedAt::from_civil(
        number(0, 4)?,
        number(4, 6)?,
        number(6, 8)?,
        number(8, 10)?,
        number(10, 12)?,
        number(12, 14)?,
    )?;
    Some(time.0)
}

/// Whether a local time is the UTC time in some zone: whole quarters of an hour from UTC-12 to UTC+14.
fn is_successor(rotated_utc: i64, first: LoggedAt) -> bool {
    const QUARTER_S: i64 = 900;
    let ahead = first.0 - rotated_utc;
    let beside = ahead.rem_euclid(QUARTER_S);
    (-48 * QUARTER_S..=56 * QUARTER_S + SUCCESSOR_S).contains(&ahead) && beside <= SUCCESSOR_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_successor_starts_at_the_stamp_in_some_zone() {
        let rotated = rotated_at("CbsPersist_20230522191537.log").unwrap();
        let at = |text: &str| LoggedAt::parse(text.as_bytes()).unwrap();
        assert!(is_successor(rotated, at("2023-05-22 13:15:37")));
        assert!(is_successor(rotated, at("2023-05-23 00:45:38")));
        assert!(!is_successor(rotated, at("2023-05-22 13:22:37")));
        assert!(!is_successor(rotated, at("2023-05-25 13:15:37")));
        assert_eq!(rotated_at("CBS.log"), None);
    }
}
