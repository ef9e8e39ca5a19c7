//! The made-up fleet: what it holds follows from its size alone, so that every answer can be checked without remembering anything.

use event::{
    Attempt, Code, Derivation, EventId, Evidence, Finding, LoggedAt, Month, Outcome, Severity,
    Source, StreamId, Unit,
};
use std::collections::BTreeMap;
use store::{Day, DerivationVersion, EndpointFacts, UnitDerivation, day_start};

pub(crate) const TENANT: &str = "default";

/// The last day of the fleet: 2026-03-31.
pub(crate) const LAST_DAY: Day = 20_543;

/// Days that the fleet's events and attempts spread over: four months.
pub(crate) const DAYS: u16 = 120;

/// Attempts of an endpoint over these days: two or three a month.
pub(crate) const ATTEMPTS: u64 = 10;

/// The endpoint with a year of history.
pub(crate) const VETERAN: &str = "pc-veteran";

/// Its days.
pub(crate) const YEAR: u16 = 365;

const CATEGORIES: [&str; 6] = [
    "disk_full",
    "filesystem_corruption",
    "network",
    "servicing_stack",
    "component_store",
    "unexplained",
];

/// Updates of a season.
const KBS: u64 = 12;

/// Codes that records carry; the first ones far more often.
pub(crate) const CODES: u64 = 60;

/// How large a fleet is.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) endpoints: u64,
    pub(crate) events: u64,
}

/// A number that looks random and follows from others.
pub(crate) fn mix(parts: &[u64]) -> u64 {
    parts.iter().fold(0x9E37_79B9_7F4A_7C15, |mixed, part| {
        let mut x = (mixed ^ part).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x ^= x >> 29;
        x = x.wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 32)
    })
}

pub(crate) fn name(endpoint: u64) -> String {
    format!("pc-{endpoint:06}")
}

pub(crate) fn code(at: u64) -> Code {
    Code::new(0x800F_0800 + at as u32)
}

pub(crate) fn kb(at: u64) -> String {
    format!("KB50{:05}", 14_000 + at % KBS)
}

/// What one attempt of an endpoint is, and the finding that explains it where it failed.
fn attempt(endpoint: u64, at: u64, day: Day) -> (Attempt, Option<Finding>) {
    let seed = mix(&[endpoint, at]);
    let start = LoggedAt(day_start(day).0 + (seed % 86_000) as i64);
    let end = LoggedAt(start.0 + 300);
    // One in five fails, and a third of the machines has nearly all of them.
    let fails = seed >> 8 & 0xFF < if endpoint.is_multiple_of(3) { 120 } else { 18 };
    let kb = kb(seed >> 16 & 0xFF);
    let root = code((seed >> 24) % 8);
    let finding = fails.then(|| Finding {
        id: EventId(seed),
        rule: format!("rule_{}", seed >> 32 & 31),
        category: CATEGORIES[(seed >> 40) as usize % CATEGORIES.len()].to_owned(),
        severity: Severity::Error,
        root_code: Some(root),
        terminal_code: Some(code(9)),
        object: format!(r"C:\Windows\WinSxS\object-{}", seed >> 44 & 0xFF),
        kb: kb.clone(),
        package: format!("Package_for_{kb}~31bf3856ad364e35~amd64~~10.0.1.{at}"),
        component: String::new(),
        logged: Some(end),
        utc: None,
        confidence: 90,
        reasons: vec!["first_failure".to_owned()],
        count: 1,
        evidence: (0..3)
            .map(|record| Evidence {
                id: EventId(mix(&[seed, record])),
                source: Source::Cbs,
                stream: StreamId(7 << 32),
                offset: at * 1000 + record * 100,
                length: 100,
                text: format!("2026-01-01 00:00:00, Error  CBS  made up {seed} {record}"),
            })
            .collect(),
    });
    let attempt = Attempt {
        id: EventId(seed ^ 1),
        package: format!("Package_for_{kb}~31bf3856ad364e35~amd64~~10.0.1.{at}"),
        kb,
        client: "WindowsUpdateAgent".to_owned(),
        session: String::new(),
        start: Some(start),
        end: Some(end),
        start_utc: None,
        outcome: if fails {
            Outcome::Failed
        } else {
            Outcome::Succeeded
        },
        terminal_code: fails.then(|| code(9)),
        finding: None,
    };
    (attempt, finding)
}

/// The day of an endpoint's attempt.
pub(crate) fn day_of(endpoint: u64, at: u64) -> Day {
    LAST_DAY - (mix(&[endpoint, at, 1]) % u64::from(DAYS)) as Day
}

/// What is derived of an endpoint, by month.
pub(crate) fn derivations(endpoint: u64) -> Vec<UnitDerivation> {
    let days = (0..ATTEMPTS).map(|at| day_of(endpoint, at)).collect();
    derived(&name(endpoint), endpoint, days)
}

/// What is derived of the endpoint with a year of history: an attempt a day.
pub(crate) fn veteran() -> Vec<UnitDerivation> {
    let days = (0..YEAR).map(|back| LAST_DAY - back).collect();
    derived(VETERAN, u64::MAX, days)
}

fn derived(name: &str, endpoint: u64, mut days: Vec<Day>) -> Vec<UnitDerivation> {
    days.sort_unstable();
    let mut by_month: BTreeMap<Month, Derivation> = BTreeMap::new();
    for (at, day) in (0..).zip(days) {
        let (mut attempt, finding) = attempt(endpoint, at, day);
        let derivation = by_month.entry(day_start(day).month()).or_default();
        if let Some(finding) = finding {
            attempt.finding = Some(derivation.findings.len() as u32);
            derivation.findings.push(finding);
        }
        derivation.attempts.push(attempt);
    }
    by_month
        .into_iter()
        .map(|(month, derivation)| UnitDerivation {
            unit: Unit {
                tenant: TENANT.to_owned(),
                endpoint: name.to_owned(),
                month,
            },
            version: DerivationVersion {
                rule_set: 1,
                inputs: 2,
                places: endpoint,
            },
            content: 1,
            current: None,
            derivation,
        })
        .collect()
}

/// The same unit as somebody less informed has derived it: it must never count.
pub(crate) fn superseded(derived: &UnitDerivation) -> UnitDerivation {
    let mut before = derived.clone();
    before.version.inputs = 1;
    before
}

pub(crate) fn facts(endpoint: &str, first: Day) -> EndpointFacts {
    EndpointFacts {
        tenant: TENANT.to_owned(),
        endpoint: endpoint.to_owned(),
        host: format!("host-of-{endpoint}"),
        named_at: None,
        contact_ms: 0,
        servicing_stack: Some((LoggedAt(1), "10.0.19041.3989".to_owned())),
        first: Some(day_start(first)),
        last: Some(LoggedAt(day_start(LAST_DAY).0 + 86_000)),
    }
}

/// What some days hold.
#[derive(Default, Debug, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) attempts: u64,
    pub(crate) failed: u64,
    /// Endpoints of which the last attempt at some KB failed.
    pub(crate) failing: u64,
}

/// Counted from what is derived, since a day.
pub(crate) fn truth(size: Size, since: Day) -> Truth {
    let mut truth = Truth::default();
    let mut add = |units: Vec<UnitDerivation>| {
        let mut last: BTreeMap<String, (Option<LoggedAt>, bool)> = BTreeMap::new();
        for unit in units {
            for attempt in unit.derivation.attempts {
                if attempt.start >= Some(day_start(since)) {
                    truth.attempts += 1;
                    let failed = attempt.outcome == Outcome::Failed;
                    truth.failed += u64::from(failed);
                    let of_kb = last.entry(attempt.kb).or_default();
                    // Of two in a second the one that succeeded counts.
                    *of_kb = (attempt.end, !failed).max(*of_kb);
                }
            }
        }
        let fails = last.into_values().any(|(_, succeeded)| !succeeded);
        truth.failing += u64::from(fails);
    };
    (0..size.endpoints).for_each(|endpoint| add(derivations(endpoint)));
    add(veteran());
    truth
}
