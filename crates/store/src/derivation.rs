//! Derivations: what was derived of a unit is one set of rows, and its version says which set stays.

use crate::{
    error::Result,
    rows::{LIVE_GENERATION, day_of},
    store::Store,
    told::{self, ToldAttempt, ToldFinding, ToldLine},
    version::DerivationVersion,
};
use clickhouse::Row;
use event::{Code, Derivation, Event, Finding, LoggedAt, Marker, Month, Unit, UtcMillis};
use futures_util::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A derivation ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDerivation {
    /// What it covers.
    pub unit: Unit,
    /// How well informed it was.
    pub version: DerivationVersion,
    /// Hash of what was derived; 0 where nobody took one.
    pub content: u64,
    /// The set that readers see of the unit, as [`Store::current_sets`] said. One of the same content stays, and no row is written
    /// again.
    pub current: Option<CurrentSet>,
    /// What was derived.
    pub derivation: Derivation,
}

/// The set that readers see of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentSet {
    /// Its name.
    pub set: u64,
    /// How well informed it is.
    pub version: DerivationVersion,
    /// Hash of what it holds; 0 where an older build stored it.
    pub content: u64,
}

impl UnitDerivation {
    /// The set that stays, where what was derived is what readers see already. Only the current one can: rows of others may be gone.
    fn kept(&self) -> Option<u64> {
        let same = self
            .current
            .filter(|current| current.content == self.content && self.content != 0);
        same.map(|current| current.set)
    }

    fn set(&self) -> u64 {
        let new = || self.version.set(&self.unit, LIVE_GENERATION, self.content);
        self.kept().unwrap_or_else(new)
    }
}

/// What logs say of a machine. Every field folds, so a repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Owner.
    pub tenant: String,
    /// Which.
    pub endpoint: String,
    /// Host name that was read last, or empty.
    pub host: String,
    /// When it had that name, as logged.
    pub named_at: Option<LoggedAt>,
    /// When we heard of it, in UTC milliseconds; 0 where this says nothing of that.
    pub contact_ms: i64,
    /// Version of the servicing stack last loaded, and when.
    pub servicing_stack: Option<(LoggedAt, String)>,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
}

impl EndpointFacts {
    /// The version of the servicing stack that an event says is loaded, and when.
    pub fn servicing_stack_of(event: &Event) -> Option<(LoggedAt, String)> {
        let is_loaded = event.marker == Marker::StackLoaded;
        let version = event.field("version").filter(|_| is_loaded)?;
        Some((event.logged?, version.to_owned()))
    }
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
                    set: version.set(unit, LIVE_GENERATION, 0),
                    attempts: 0,
                    findings: 0,
                    content: 0,
                    told: 1,
                    told_attempts: Vec::new(),
                    told_lines: Vec::new(),
                    told_zones: Vec::new(),
                    told_findings: Vec::new(),
                    told_finding_zones: Vec::new(),
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
    pub async fn insert_facts(&self, facts: &[EndpointFacts]) -> Result<()> {
        let endpoints = facts.iter().map(|facts| EndpointRow {
            tenant: &facts.tenant,
            endpoint: &facts.endpoint,
            host: "",
            named: match facts.host.as_str() {
                "" => (i64::MIN, ""),
                host => (facts.named_at.map_or(i64::MIN + 1, |at| at.0), host),
            },
            contact: facts.contact_ms,
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

    /// The sets that readers see of units, of those that have one.
    pub async fn current_sets(&self, units: &[Unit]) -> Result<BTreeMap<Unit, CurrentSet>> {
        let mut sets = BTreeMap::new();
        for (tenant, endpoints, months) in asked(units) {
            let rows: Vec<CurrentRow> = self
                .fetch_all(
                    "read current sets",
                    self.sql(
                        "SELECT ?fields FROM derivations FINAL \
                         WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                           AND month IN {months:Array(UInt32)} AND generation = 0",
                    )
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("months", months),
                )
                .await?;
            sets.extend(rows.into_iter().map(|row| {
                let unit = Unit {
                    tenant: tenant.to_owned(),
                    endpoint: row.endpoint,
                    month: Month::from_yyyymm(row.month),
                };
                let current = CurrentSet {
                    set: row.set,
                    version: DerivationVersion::unpacked(row.version),
                    content: row.content,
                };
                (unit, current)
            }));
        }
        // Of endpoints times months, those asked for.
        let units: BTreeSet<&Unit> = units.iter().collect();
        sets.retain(|unit, _| units.contains(unit));
        Ok(sets)
    }

    /// Stores derivations. The rows go first; the row that makes a set current last.
    ///
    /// Where the content is that of the current set, that set stays and only says how well informed it is now.
    pub async fn insert_derivations(&self, derivations: &[UnitDerivation]) -> Result<()> {
        let (kept, new): (Vec<&UnitDerivation>, Vec<&UnitDerivation>) = derivations
            .iter()
            .partition(|derived| derived.kept().is_some());
        try_join(self.insert_sets(&new), async {
            self.insert_current(&kept).await?;
            let incomplete = self.incomplete(&kept).await?;
            self.insert_sets(&incomplete).await
        })
        .await?;
        self.retire_far_off(derivations).await
    }

    /// Of kept sets, those whose rows are not all there. Another writer may have stored a set in between, and rows of this one were
    /// cleared; or the engine lost a part.
    async fn incomplete<'a>(&self, kept: &[&'a UnitDerivation]) -> Result<Vec<&'a UnitDerivation>> {
        let mut held: BTreeMap<u64, (u64, u64)> = BTreeMap::new();
        let units: Vec<Unit> = kept.iter().map(|derived| derived.unit.clone()).collect();
        let sets: Vec<u64> = kept.iter().map(|derived| derived.set()).collect();
        for (tenant, endpoints, months) in asked(&units) {
            let rows: Vec<(u64, u64, u64)> = self
                .fetch_all(
                    "count the rows of sets",
                    self.sql(
                        "SELECT `set`, uniqExactIf(ordinal, is_attempt), uniqExactIf(ordinal, NOT is_attempt) FROM (\
                           SELECT `set`, ordinal, 1 AS is_attempt FROM attempts \
                           WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                             AND month IN {months:Array(UInt32)} AND `set` IN {sets:Array(UInt64)} \
                           UNION ALL \
                           SELECT `set`, ordinal, 0 AS is_attempt FROM findings \
                           WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} \
                             AND month IN {months:Array(UInt32)} AND `set` IN {sets:Array(UInt64)}) \
                         GROUP BY `set`",
                    )
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("months", months)
                    .param("sets", &sets),
                )
                .await?;
            held.extend(
                rows.into_iter()
                    .map(|(set, attempts, findings)| (set, (attempts, findings))),
            );
        }
        Ok(kept
            .iter()
            .copied()
            .filter(|derived| {
                let (attempts, findings) = held.get(&derived.set()).copied().unwrap_or_default();
                attempts < derived.derivation.attempts.len() as u64
                    || findings < derived.derivation.findings.len() as u64
            })
            .collect())
    }

    /// Stores the rows of sets, then the rows that make them current.
    async fn insert_sets(&self, derivations: &[&UnitDerivation]) -> Result<()> {
        try_join_all(by_month(derivations).values().map(|derived| async {
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
                .await
        }))
        .await?;
        self.insert_current(derivations).await
    }

    async fn insert_current(&self, derivations: &[&UnitDerivation]) -> Result<()> {
        try_join_all(by_month(derivations).values().map(|derived| {
            let current = derived.iter().map(|&(derived, set)| DerivationRow {
                tenant: &derived.unit.tenant,
                endpoint: &derived.unit.endpoint,
                month: derived.unit.month.yyyymm(),
                generation: LIVE_GENERATION,
                version: derived.version.packed(),
                set,
                attempts: derived.derivation.attempts.len() as u32,
                findings: derived.derivation.findings.len() as u32,
                content: derived.content,
                told: 1,
                told_attempts: told::attempts(&derived.derivation),
                told_lines: told::lines(&derived.derivation),
                told_zones: told::zones(&derived.derivation),
                told_findings: told::findings(&derived.derivation),
                told_finding_zones: told::finding_zones(&derived.derivation),
            });
            self.insert_rows::<DerivationRow<'static>, _>("derivations", current)
        }))
        .await?;
        Ok(())
    }
}

/// By the partition that holds their rows, with the names of their sets.
fn by_month<'a>(
    derivations: &[&'a UnitDerivation],
) -> BTreeMap<Month, Vec<(&'a UnitDerivation, u64)>> {
    let mut by_month: BTreeMap<Month, Vec<(&UnitDerivation, u64)>> = BTreeMap::new();
    for &derived in derivations {
        by_month
            .entry(derived.unit.month)
            .or_default()
            .push((derived, derived.set()));
    }
    by_month
}

/// Units as questions ask for them: by tenant, endpoints and months.
fn asked(units: &[Unit]) -> Vec<(&str, Vec<&str>, Vec<u32>)> {
    let mut by_tenant: BTreeMap<&str, (BTreeSet<&str>, BTreeSet<u32>)> = BTreeMap::new();
    for unit in units {
        let (endpoints, months) = by_tenant.entry(&unit.tenant).or_default();
        endpoints.insert(&unit.endpoint);
        months.insert(unit.month.yyyymm());
    }
    by_tenant
        .into_iter()
        .map(|(tenant, (endpoints, months))| {
            (
                tenant,
                endpoints.into_iter().collect(),
                months.into_iter().collect(),
            )
        })
        .collect()
}

#[derive(Row, Deserialize)]
struct CurrentRow {
    endpoint: String,
    month: u32,
    version: u128,
    set: u64,
    content: u64,
}

#[derive(Row, Serialize)]
struct EndpointRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    /// What an older build has in place of `named`; it has no default.
    host: &'a str,
    named: (i64, &'a str),
    contact: i64,
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
    content: u64,
    told: u8,
    told_attempts: Vec<ToldAttempt<'a>>,
    told_lines: Vec<ToldLine<'a>>,
    told_zones: Vec<i16>,
    told_findings: Vec<ToldFinding<'a>>,
    told_finding_zones: Vec<i16>,
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
