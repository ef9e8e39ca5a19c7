//! A scan narrowed to a KB or to what came after a time.

use super::is_unexplained;
use crate::scan::{Input, Scan};
use classify::Verdict;
use event::{Derivation, EventId, LoggedAt, Severity};
use std::collections::BTreeSet;

/// What to narrow to; nothing = all.
#[derive(Clone, Debug, Default)]
pub(crate) struct Narrow {
    pub(crate) kb: Option<String>,
    pub(crate) since: Option<LoggedAt>,
}

/// What was left out.
#[derive(Clone, Debug)]
pub(crate) struct Narrowed {
    pub(crate) to: Narrow,
    pub(crate) attempts: usize,
    pub(crate) findings: usize,
}

/// Leaves out attempts and findings of other KBs or of earlier times; what carries no time stays, as nothing says that it is earlier.
pub(crate) fn narrow(scan: &mut Scan, to: Narrow) -> Option<Narrowed> {
    if to.kb.is_none() && to.since.is_none() {
        return None;
    }
    let is_kb = |kb: &str, package: &str| {
        to.kb
            .as_deref()
            .is_none_or(|wanted| kb == wanted || package.contains(wanted))
    };
    let is_since = |time: Option<LoggedAt>| match (to.since, time) {
        (Some(since), Some(time)) => time >= since,
        _ => true,
    };
    let all = std::mem::take(&mut scan.derived);
    let (attempts, findings) = (all.attempts.len(), all.findings.len());
    let mut kept = all.attempts;
    kept.retain(|one| is_kb(&one.kb, &one.package) && is_since(one.start.or(one.end)));
    let mut places = Vec::with_capacity(findings);
    let causes: BTreeSet<u32> = kept.iter().filter_map(|one| one.finding).collect();
    for (index, finding) in all.findings.into_iter().enumerate() {
        let is_cause = u32::try_from(index).is_ok_and(|index| causes.contains(&index));
        let is_own = is_kb(&finding.kb, &finding.package) && is_since(finding.logged);
        let is_kept = is_cause || is_own;
        let place = u32::try_from(scan.derived.findings.len()).ok();
        places.push(place.filter(|_| is_kept));
        if is_kept {
            scan.derived.findings.push(finding);
        }
    }
    for one in &mut kept {
        one.finding = one
            .finding
            .and_then(|at| places.get(at as usize).copied().flatten());
    }
    scan.derived.attempts = kept;
    // Of what was never seen nothing can be said, least of all that it is healthy.
    let is_unseen = |machine: Option<usize>| {
        let is_own = |input: &Input| machine.is_none_or(|machine| input.machine == machine);
        // Only of a log: facts and skipped files show nothing of any time.
        let mut inputs = scan.inputs.iter().filter(|input| input.source.is_some());
        to.kb.is_some() || !inputs.any(|input| is_own(input) && is_since(input.last))
    };
    let left = Left::of(&scan.derived, |_| true);
    scan.verdict = left.verdict(scan.verdict, is_unseen(None));
    for (index, machine) in scan.machines.iter_mut().enumerate() {
        let left = Left::of(&scan.derived, |id| machine.ids.contains(&id));
        machine.verdict = left.verdict(machine.verdict, is_unseen(Some(index)));
    }
    scan.doubt();
    Some(Narrowed {
        attempts: attempts - scan.derived.attempts.len(),
        findings: findings - scan.derived.findings.len(),
        to,
    })
}

/// What is left of one machine, or of all.
struct Left {
    is_any: bool,
    is_failed: bool,
    is_unexplained: bool,
}

impl Left {
    fn of(derived: &Derivation, is_own: impl Fn(EventId) -> bool) -> Self {
        let attempts = || derived.attempts.iter().filter(|one| is_own(one.id));
        let findings = || derived.findings.iter().filter(|one| is_own(one.id));
        Self {
            is_any: attempts().next().is_some() || findings().next().is_some(),
            is_failed: attempts().any(|one| one.outcome.is_failure())
                || findings().any(|one| one.severity > Severity::Info),
            is_unexplained: findings().any(is_unexplained),
        }
    }

    /// The verdict on what is left, where that on all was `before`.
    fn verdict(&self, before: Verdict, is_unseen: bool) -> Verdict {
        match before {
            _ if !self.is_any && is_unseen => Verdict::Inconclusive,
            Verdict::Failed if self.is_failed => Verdict::Failed,
            Verdict::Failed if self.is_unexplained => Verdict::Inconclusive,
            Verdict::Failed => Verdict::Healthy,
            other => other,
        }
    }
}

/// `KB5014692`, also without its letters.
pub(crate) fn kb(text: &str) -> Result<String, String> {
    let digits = text
        .trim_start_matches(['K', 'k'])
        .trim_start_matches(['B', 'b']);
    if (6..=7).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(format!("KB{digits}"))
    } else {
        Err("a KB has six or seven digits, such as KB5014692".to_owned())
    }
}

/// `YYYY-MM-DD` or `YYYY-MM-DD HH:MM:SS`, as logged.
pub(crate) fn since(text: &str) -> Result<LoggedAt, String> {
    let whole = match text.len() {
        10 => format!("{text} 00:00:00"),
        _ => text.to_owned(),
    };
    (whole.len() == 19)
        .then(|| LoggedAt::parse(whole.as_bytes()))
        .flatten()
        .ok_or_else(|| {
            "write YYYY-MM-DD or 'YYYY-MM-DD HH:MM:SS', local time as in the log".to_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_decides_and_what_nothing_explains_is_no_health() {
        let left = |is_any, is_failed, is_unexplained| Left {
            is_any,
            is_failed,
            is_unexplained,
        };
        for (left, before, is_unseen, after) in [
            (
                left(true, true, true),
                Verdict::Failed,
                true,
                Verdict::Failed,
            ),
            (
                left(true, false, true),
                Verdict::Failed,
                true,
                Verdict::Inconclusive,
            ),
            (
                left(true, false, false),
                Verdict::Failed,
                true,
                Verdict::Healthy,
            ),
            (
                left(false, false, false),
                Verdict::Failed,
                false,
                Verdict::Healthy,
            ),
            (
                left(false, false, false),
                Verdict::Healthy,
                true,
                Verdict::Inconclusive,
            ),
            (
                left(true, false, false),
                Verdict::Restart,
                true,
                Verdict::Restart,
            ),
        ] {
            assert_eq!(left.verdict(before, is_unseen), after);
        }
    }

    #[test]
    fn kbs_and_times_are_read_as_people_write_them() {
        assert_eq!(kb("5014692").unwrap(), "KB5014692");
        assert_eq!(kb("kb5014692").unwrap(), "KB5014692");
        assert!(kb("KB12").is_err());
        assert_eq!(
            since("2024-05-06").unwrap().to_string(),
            "2024-05-06 00:00:00"
        );
        assert_eq!(
            since("2024-05-06 10:20:30").unwrap().to_string(),
            "2024-05-06 10:20:30"
        );
        assert!(since("yesterday").is_err());
        assert!(since("2024-05-06 10:20:30+08").is_err());
    }
}
