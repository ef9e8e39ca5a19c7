//! What the row that makes a set current tells of it: all that pages count of a fleet.
//!
//! A page that counted attempts themselves would fold every one of them and look up whether its set is current. Told in the row that
//! says so, they are current by construction, and there is one row to fold for each endpoint and month. It is a part of that row and not
//! a table of its own, because two rows can disagree for a moment, or for good where a writer dies between them.

use crate::rows::day_of;
use event::{Attempt, Code, Derivation, Finding, LoggedAt, UtcMillis};

/// Day, start, end, outcome, KB, category, rule, root code, terminal code.
pub(crate) type ToldAttempt<'a> = (u16, i64, i64, &'a str, &'a str, &'a str, &'a str, u32, u32);

/// Day, time, time or none, severity, KB, category, rule, root code, terminal code, object, count.
pub(crate) type ToldFinding<'a> = (
    u16,
    i64,
    Option<i64>,
    &'a str,
    &'a str,
    &'a str,
    &'a str,
    u32,
    u32,
    &'a str,
    u32,
);

/// The update by its package where it has no KB, the line it belongs to or nothing, its version there.
pub(crate) type ToldLine<'a> = (&'a str, &'a str, u64);

/// Of a derivation's attempts, each with the words of its finding.
pub(crate) fn attempts(derivation: &Derivation) -> Vec<ToldAttempt<'_>> {
    let told = |attempt| told_attempt(derivation, attempt);
    derivation.attempts.iter().map(told).collect()
}

/// What its attempts are tries of, in the same order.
pub(crate) fn lines(derivation: &Derivation) -> Vec<ToldLine<'_>> {
    let line = |attempt: &'_ Attempt| {
        let version = attempt.version();
        version
            .iter()
            .fold(0, |all, &part| all << 16 | u64::from(part))
    };
    derivation
        .attempts
        .iter()
        .map(|attempt| {
            let package = match attempt.kb.is_empty() {
                true => attempt.package.as_str(),
                false => "",
            };
            (
                package,
                attempt.cumulative().unwrap_or_default(),
                line(attempt),
            )
        })
        .collect()
}

/// What a zone is where no log shows it.
pub(crate) const NO_ZONE: i16 = i16::MAX;

/// Minutes that clocks were ahead of UTC at its attempts, in the same order.
pub(crate) fn zones(derivation: &Derivation) -> Vec<i16> {
    let attempts = derivation.attempts.iter();
    attempts
        .map(|attempt| zone(attempt.start, attempt.start_utc))
        .collect()
}

/// The same of its findings.
pub(crate) fn finding_zones(derivation: &Derivation) -> Vec<i16> {
    let findings = derivation.findings.iter();
    findings
        .map(|finding| zone(finding.logged, finding.utc))
        .collect()
}

/// Zones lie at whole quarters of an hour, from UTC-12 to UTC+14; what is farther apart is no zone.
fn zone(logged: Option<LoggedAt>, utc: Option<UtcMillis>) -> i16 {
    let Some((logged, utc)) = logged.zip(utc) else {
        return NO_ZONE;
    };
    let ahead = logged.0.saturating_sub(utc.0.div_euclid(1_000));
    let minutes = ahead.saturating_add(450).div_euclid(900).saturating_mul(15);
    match i16::try_from(minutes) {
        Ok(minutes) if (-720..=840).contains(&minutes) => minutes,
        _ => NO_ZONE,
    }
}

/// Of its findings.
pub(crate) fn findings(derivation: &Derivation) -> Vec<ToldFinding<'_>> {
    derivation.findings.iter().map(told_finding).collect()
}

fn told_attempt<'a>(derivation: &'a Derivation, attempt: &'a Attempt) -> ToldAttempt<'a> {
    let finding: Option<&Finding> = attempt
        .finding
        .and_then(|at| derivation.findings.get(at as usize));
    let day = day_of(attempt.start.or(attempt.end));
    (
        day,
        seconds(attempt.start.or(attempt.end), day),
        seconds(attempt.end.or(attempt.start), day),
        attempt.outcome.name(),
        &attempt.kb,
        finding.map_or("", |finding| &finding.category),
        finding.map_or("", |finding| &finding.rule),
        number(finding.and_then(|finding| finding.root_code)),
        number(attempt.terminal_code),
    )
}

fn told_finding(finding: &Finding) -> ToldFinding<'_> {
    let day = day_of(finding.logged);
    (
        day,
        seconds(finding.logged, day),
        finding.logged.map(|at| at.0),
        finding.severity.name(),
        &finding.kb,
        &finding.category,
        &finding.rule,
        number(finding.root_code),
        number(finding.terminal_code),
        &finding.object,
        finding.count,
    )
}

/// A time, or the start of its day where there is none.
fn seconds(at: Option<LoggedAt>, day: u16) -> i64 {
    at.map_or(i64::from(day) * 86_400, |at| at.0)
}

/// No failure has the code 0.
fn number(code: Option<Code>) -> u32 {
    code.map_or(0, Code::value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_is_what_logged_and_utc_differ_by_in_quarters_of_an_hour() {
        let at = |ahead_s: i64| {
            zone(
                Some(LoggedAt(1_000_000 + ahead_s)),
                Some(UtcMillis(1_000_000_999)),
            )
        };
        assert_eq!(at(0), 0);
        assert_eq!(at(8 * 3_600 + 1), 480);
        assert_eq!(at(-9 * 3_600 - 1_800), -570);
        assert_eq!(at(14 * 3_600), 840);
        assert_eq!(at(-12 * 3_600), -720);
        for far in [
            14 * 3_600 + 900,
            -12 * 3_600 - 900,
            i64::MAX / 2,
            i64::MIN / 2,
        ] {
            assert_eq!(at(far), NO_ZONE, "{far}");
        }
        assert_eq!(zone(None, Some(UtcMillis(0))), NO_ZONE);
        assert_eq!(zone(Some(LoggedAt(0)), None), NO_ZONE);
    }
}
