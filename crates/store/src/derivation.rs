//! Derivations: what was derived of a unit is one set of rows, and its version says which set stays.

use crate::{
    error::Result,
    rows::{LIVE_GENERATION, day_of},
    store::Store,
    version::DerivationVersion,
};
use clickhouse::Row;
use event::{Code, Derivation, Finding, LoggedAt, Month, Unit, UtcMillis};
use futures_util::future::try_join_all;
use serde::Serialize;
use std::collections::BTreeMap;

/// A derivation ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDerivation {
    /// What it covers.
    pub unit: Unit,
    /// How well informed it was.
    pub version: DerivationVersion,
    /// What was derived.
    pub derivation: Derivation,
}

/// What derivation learnt about a machine. Every field folds, so a repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Owner.
    pub tenant: String,
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack last loaded, and when.
    pub servicing_stack: Option<(LoggedAt, String)>,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
}

impl Store {
    /// An older build kept far-off months as units of their own. What it derived of them is said by the far-off unit from now on,
    /// whose derivation reads their events: an empty set takes the place of each, better informed than any of that rule set.
    async fn retire_far_off(&self, derivations: &[UnitDerivation]) -> Result<()> {
        let far = derivations
            .iter()
            .filter(|derived| derived.unit.month == Month::FAR_OFF);
        for derived in far {
            let unit = &derived.unit;
            let days = Month::near();
            let months: Vec<u32> = self
                .fetch_all(
                    "read far-off units of an older build",
                    self.sql(
                        "SELECT month FROM derivations FINAL \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                           AND month != {far:UInt32} AND month NOT BETWEEN {first:UInt32} AND {last:UInt32} \
                           AND attempts + findings > 0 ORDER BY month",
                    )
                    .param("tenant", &unit.tenant)
                    .param("endpoint", &unit.endpoint)
                    .param("far", unit.month.yyyymm())
                    .param("first", days.0.yyyymm())
                    .param("last", days.1.yyyymm()),
                )
                .await?;
            let version = DerivationVersion {
                inputs: u64::MAX,
                ..derived.version
            };
            for month in months {
                let retired = DerivationRow {
                    tenant: &unit.tenant,
                    endpoint: &unit.endpoint,
                    month,
                    generation: LIVE_GENERATION,
                    version: version.packed(),
                    set: version.set(unit, LIVE_GENERATION),
                    attempts: 0,
                    findings: 0,
                };
                self.insert_rows::<DerivationRow<'static>, _>(
                    "derivations",
                    std::iter::once(retired),
                )
                .await?;
            }
        }
        Ok(())
    }

    /// Stores what was learnt about machines.
    pub(crate) async fn insert_endpoint_facts(&self, facts: &[EndpointFacts]) -> Result<()> {
        let endpoints = facts.iter().map(|facts| EndpointRow {
            tenant: &facts.tenant,
            endpoint: &facts.endpoint,
            host: &facts.host,
            servicing_stack: facts
                .servicing_stack
                .as_ref()
                .map_or((i64::MIN, ""), |(at, stack)| (at.0, stack)),
            first: facts.first,
            last: facts.last,
        });
        self.insert_rows::<EndpointRow<'static>, _>("endpoints", endpoints)
            .await
    }

    /// Stores derivations and what was learnt about their machines. The rows go first; the row that makes a set current last.
    pub async fn insert_derivations(
        &self,
        derivations: &[UnitDerivation],
        facts: &[EndpointFacts],
    ) -> Result<()> {
        let mut by_month: BTreeMap<Month, Vec<(&UnitDerivation, u64)>> = BTreeMap::new();
        for derived in derivations {
            let set = derived.version.set(&derived.unit, LIVE_GENERATION);
            by_month
                .entry(derived.unit.month)
                .or_default()
                .push((derived, set));
        }
        self.insert_endpoint_facts(facts).await?;
        try_join_all(by_month.values().map(|derived| async {
            let attempts = derived.iter().flat_map(|&(derived, set)| {
                (0..derived.derivation.attempts.len())
                    .map(move |at| AttemptRow::new(derived, set, at))
            });
            self.insert_rows::<AttemptRow<'static>, _>("attempts", attempts)
                .await?;
            let findings = derived.iter().flat_map(|&(derived, set)| {
                (0..derived.derivation.findings.len())
                    .map(move |at| FindingRow::new(derived, set, at))
            });
            self.insert_rows::<FindingRow<'static>, _>("findings", findings)
                .await?;
            let current = derived.iter().map(|&(derived, set)| DerivationRow {
                tenant: &derived.unit.tenant,
                endpoint: &derived.unit.endpoint,
                month: derived.unit.month.yyyymm(),
                generation: LIVE_GENERATION,
                version: derived.version.packed(),
                set,
                attempts: derived.derivation.attempts.len() as u32,
                findings: derived.derivation.findings.len() as u32,
            });
            self.insert_rows::<DerivationRow<'static>, _>("derivations", current)
                .await
        }))
        .await?;
        self.retire_far_off(derivations).await
    }
}

#[derive(Row, Serialize)]
struct EndpointRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    host: &'a str,
    servicing_stack: (i64, &'a str),
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
}

#[derive(Row, Serialize)]
struct DerivationRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    version: u128,
    set: u64,
    attempts: u32,
    findings: u32,
}

#[derive(Row, Serialize)]
struct AttemptRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    set: u64,
    ordinal: u32,
    version: u128,
    id: u64,
    package: &'a str,
    kb: &'a str,
    client: &'a str,
    session: &'a str,
    start: Option<LoggedAt>,
    end: Option<LoggedAt>,
    start_utc: Option<UtcMillis>,
    outcome: &'a str,
    terminal_code: Option<Code>,
    finding: Option<u32>,
    rule: &'a str,
    category: &'a str,
    root_code: Option<Code>,
}

impl<'a> AttemptRow<'a> {
    fn new(derived: &'a UnitDerivation, set: u64, at: usize) -> Self {
        let attempt = &derived.derivation.attempts[at];
        let finding: Option<&Finding> = attempt
            .finding
            .and_then(|at| derived.derivation.findings.get(at as usize));
        Self {
            tenant: &derived.unit.tenant,
            day: day_of(attempt.start.or(attempt.end)),
            endpoint: &derived.unit.endpoint,
            month: derived.unit.month.yyyymm(),
            generation: LIVE_GENERATION,
            set,
            ordinal: at as u32,
            version: derived.version.packed(),
            id: attempt.id.0,
            package: &attempt.package,
            kb: &attempt.kb,
            client: &attempt.client,
            session: &attempt.session,
            start: attempt.start,
            end: attempt.end,
            start_utc: attempt.start_utc,
            outcome: attempt.outcome.name(),
            terminal_code: attempt.terminal_code,
            finding: attempt.finding,
            rule: finding.map_or("", |finding| &finding.rule),
            category: finding.map_or("", |finding| &finding.category),
            root_code: finding.and_then(|finding| finding.root_code),
        }
    }
}

#[derive(Row, Serialize)]
struct FindingRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    set: u64,
    ordinal: u32,
    version: u128,
    id: u64,
    rule: &'a str,
    category: &'a str,
    severity: &'a str,
    root_code: Option<Code>,
    terminal_code: Option<Code>,
    object: &'a str,
    kb: &'a str,
    package: &'a str,
    component: &'a str,
    logged: Option<LoggedAt>,
    utc: Option<UtcMillis>,
    confidence: u8,
    reasons: &'a [String],
    count: u32,
    evidence_ids: Vec<u64>,
    evidence_sources: Vec<&'static str>,
    evidence_streams: Vec<u64>,
    evidence_offsets: Vec<u64>,
    evidence_lengths: Vec<u64>,
    evidence_texts: Vec<&'a str>,
}

impl<'a> FindingRow<'a> {
    fn new(derived: &'a UnitDerivation, set: u64, at: usize) -> Self {
        let finding = &derived.derivation.findings[at];
        let evidence = &finding.evidence;
        Self {
            tenant: &derived.unit.tenant,
            day: day_of(finding.logged),
            endpoint: &derived.unit.endpoint,
            month: derived.unit.month.yyyymm(),
            generation: LIVE_GENERATION,
            set,
            ordinal: at as u32,
            version: derived.version.packed(),
            id: finding.id.0,
            rule: &finding.rule,
            category: &finding.category,
            severity: finding.severity.name(),
            root_code: finding.root_code,
            terminal_code: finding.terminal_code,
            object: &finding.object,
            kb: &finding.kb,
            package: &finding.package,
            component: &finding.component,
            logged: finding.logged,
            utc: finding.utc,
            confidence: finding.confidence,
            reasons: &finding.reasons,
            count: finding.count,
            evidence_ids: evidence.iter().map(|evidence| evidence.id.0).collect(),
            evidence_sources: evidence
                .iter()
                .map(|evidence| evidence.source.name())
                .collect(),
            evidence_streams: evidence.iter().map(|evidence| evidence.stream.0).collect(),
            evidence_offsets: evidence.iter().map(|evidence| evidence.offset).collect(),
            evidence_lengths: evidence.iter().map(|evidence| evidence.length).collect(),
            evidence_texts: evidence
                .iter()
                .map(|evidence| evidence.text.as_str())
                .collect(),
        }
    }
}
