//! What was derived of an endpoint: its attempts and its findings, a page at a time or whole.

use super::{
    place::{Ends, Place},
    sets::{Listed, Sets, naming},
};
use crate::{error::Result, store::Store};
use clickhouse::{Row, RowOwned, RowRead};
use event::{
    Attempt, Code, EventId, Evidence, Finding, LoggedAt, Month, Outcome, Severity, Source,
    StreamId, UtcMillis,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// An attempt of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedAttempt {
    /// The attempt; its own `finding` is left out, since that is an index into a whole list.
    pub attempt: Attempt,
    /// Where its finding stands in the list of findings.
    pub cause: Option<Place>,
}

/// A finding of a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedFinding {
    /// The finding.
    pub finding: Finding,
    /// Where it stands in the list.
    pub place: Place,
}

/// Attempts of a page: what a machine does in a season, so that nearly all of them have one page.
pub(super) const ATTEMPTS: usize = 100;

/// Findings of a page. Each carries up to 12 KiB of evidence: more of them at once is no reading any more.
pub(super) const FINDINGS: usize = 25;

/// Rows that a list names, each once: copies of a row are the same, so none need be folded against others.
macro_rules! named {
    ($table:literal) => {
        concat!(
            "SELECT ?fields FROM ",
            $table,
            " WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
               AND month IN {months:Array(UInt32)} AND day IN arrayMap(day -> toDate(day), {days:Array(UInt16)}) \
               AND (`set`, ordinal) IN arrayZip({sets:Array(UInt64)}, {ordinals:Array(UInt32)}) LIMIT 1 BY `set`, ordinal"
        )
    };
}

impl Store {
    /// A page of an endpoint's attempts, and how many of all failed.
    pub(super) async fn attempts_page(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        from: &Place,
        limit: usize,
    ) -> Result<(Vec<ListedAttempt>, Ends, u64)> {
        let (page, ends, failed) = sets.attempts.page(from, limit);
        let rows = self.named_attempts(tenant, endpoint, page).await?;
        let places = sets.findings.places();
        let attempts = rows
            .into_iter()
            .map(|(listed, row)| {
                let cause = row
                    .finding
                    .and_then(|ordinal| places.get(&(listed.set, ordinal)));
                ListedAttempt {
                    cause: cause.map(|&place| place.clone()),
                    attempt: row.into_attempt(None),
                }
            })
            .collect();
        Ok((attempts, ends, failed))
    }

    /// A page of an endpoint's findings, and how many of all are only worth knowing.
    pub(super) async fn findings_page(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        from: &Place,
        limit: usize,
    ) -> Result<(Vec<ListedFinding>, Ends, u64)> {
        let (page, ends, noted) = sets.findings.page(from, limit);
        let findings = self.listed_findings(tenant, endpoint, page).await?;
        Ok((findings, ends, noted))
    }

    /// Findings that are listed, with their places.
    pub(super) async fn listed_findings(
        &self,
        tenant: &str,
        endpoint: &str,
        listed: &[Listed],
    ) -> Result<Vec<ListedFinding>> {
        let rows = self.named_findings(tenant, endpoint, listed).await?;
        let findings = rows.into_iter().map(|(listed, row)| ListedFinding {
            place: listed.place.clone(),
            finding: row.into_finding(),
        });
        Ok(findings.collect())
    }

    async fn named_attempts<'a>(
        &self,
        tenant: &str,
        endpoint: &str,
        listed: &'a [Listed],
    ) -> Result<Vec<(&'a Listed, StoredAttempt)>> {
        self.named(
            "read attempts",
            named!("attempts"),
            tenant,
            endpoint,
            listed,
        )
        .await
    }

    async fn named_findings<'a>(
        &self,
        tenant: &str,
        endpoint: &str,
        listed: &'a [Listed],
    ) -> Result<Vec<(&'a Listed, StoredFinding)>> {
        self.named(
            "read findings",
            named!("findings"),
            tenant,
            endpoint,
            listed,
        )
        .await
    }

    /// The rows that are listed, in the order of the list. A row whose set was replaced meanwhile, and cleared, is left out.
    async fn named<'a, T: Named + RowOwned + RowRead>(
        &self,
        doing: &str,
        sql: &str,
        tenant: &str,
        endpoint: &str,
        listed: &'a [Listed],
    ) -> Result<Vec<(&'a Listed, T)>> {
        let mut found = BTreeMap::new();
        for some in listed.chunks(NAMED) {
            let rows: Vec<T> = self
                .fetch_all(doing, naming(self.page(sql), tenant, endpoint, some))
                .await?;
            found.extend(rows.into_iter().map(|row| (row.name(), row)));
        }
        let rows = listed.iter();
        Ok(rows
            .filter_map(|listed| Some((listed, found.remove(&(listed.set, listed.ordinal))?)))
            .collect())
    }

    /// The findings that readers see of some months, each with its month.
    pub async fn findings_of_months(
        &self,
        tenant: &str,
        endpoint: &str,
        months: &[Month],
    ) -> Result<Vec<(Month, Finding)>> {
        let sets = self.sets_of(tenant, endpoint).await?;
        let is_wanted = |month: u32| months.iter().any(|wanted| wanted.yyyymm() == month);
        let mut listed: Vec<Listed> = sets
            .findings
            .all()
            .iter()
            .filter(|listed| is_wanted(listed.month))
            .cloned()
            .collect();
        listed.sort_unstable_by_key(|listed| (listed.month, listed.ordinal));
        let rows = self.named_findings(tenant, endpoint, &listed).await?;
        Ok(rows
            .into_iter()
            .map(|(listed, stored)| (Month::from_yyyymm(listed.month), stored.into_finding()))
            .collect())
    }

    /// All attempts and findings of an endpoint, as `cbsift scan` would list them, however many: for whoever compares everything.
    /// Pages go by [`Store::endpoint_from`].
    pub async fn derived(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<(Vec<Attempt>, Vec<Finding>)> {
        let sets = self.sets_of(tenant, endpoint).await?;
        let (mut attempts, findings) = tokio::try_join!(
            self.named_attempts(tenant, endpoint, sets.attempts.all()),
            self.named_findings(tenant, endpoint, sets.findings.all())
        )?;
        attempts.sort_by_key(|(listed, row)| {
            // Without a time, last.
            let time = |at: Option<LoggedAt>| (at.is_none(), at);
            (time(row.start), time(row.end), listed.month, listed.ordinal)
        });
        let at: BTreeMap<(u64, u32), u32> = findings
            .iter()
            .zip(0u32..)
            .map(|((listed, _), at)| ((listed.set, listed.ordinal), at))
            .collect();
        let attempts = attempts
            .into_iter()
            .map(|(listed, stored)| {
                let finding = stored
                    .finding
                    .and_then(|ordinal| at.get(&(listed.set, ordinal)).copied());
                stored.into_attempt(finding)
            })
            .collect();
        let findings = findings.into_iter();
        Ok((
            attempts,
            findings.map(|(_, stored)| stored.into_finding()).collect(),
        ))
    }
}

/// Rows named in one question: their names are a part of its address, some 30 bytes each.
const NAMED: usize = 500;

/// A row that knows its name: its set, and its ordinal there.
trait Named {
    fn name(&self) -> (u64, u32);
}

impl Named for StoredAttempt {
    fn name(&self) -> (u64, u32) {
        (self.set, self.ordinal)
    }
}

impl Named for StoredFinding {
    fn name(&self) -> (u64, u32) {
        (self.set, self.ordinal)
    }
}

#[derive(Row, Deserialize)]
struct StoredAttempt {
    set: u64,
    ordinal: u32,
    id: u64,
    package: String,
    kb: String,
    client: String,
    session: String,
    start: Option<LoggedAt>,
    end: Option<LoggedAt>,
    start_utc: Option<UtcMillis>,
    outcome: String,
    terminal_code: Option<Code>,
    finding: Option<u32>,
}

impl StoredAttempt {
    fn into_attempt(self, finding: Option<u32>) -> Attempt {
        Attempt {
            id: EventId(self.id),
            package: self.package,
            kb: self.kb,
            client: self.client,
            session: self.session,
            start: self.start,
            end: self.end,
            start_utc: self.start_utc,
            // A newer build's word reads as the least that can be said of it.
            outcome: Outcome::from_name(&self.outcome).unwrap_or(Outcome::Unknown),
            terminal_code: self.terminal_code,
            finding,
        }
    }
}

#[derive(Row, Deserialize)]
struct StoredFinding {
    set: u64,
    ordinal: u32,
    id: u64,
    rule: String,
    category: String,
    severity: String,
    root_code: Option<Code>,
    terminal_code: Option<Code>,
    object: String,
    kb: String,
    package: String,
    component: String,
    logged: Option<LoggedAt>,
    utc: Option<UtcMillis>,
    confidence: u8,
    reasons: Vec<String>,
    count: u32,
    evidence_ids: Vec<u64>,
    evidence_sources: Vec<String>,
    evidence_streams: Vec<u64>,
    evidence_offsets: Vec<u64>,
    evidence_lengths: Vec<u64>,
    evidence_texts: Vec<String>,
}

impl StoredFinding {
    fn into_finding(self) -> Finding {
        let places = self
            .evidence_streams
            .into_iter()
            .zip(self.evidence_offsets.into_iter().zip(self.evidence_lengths));
        let records = self
            .evidence_ids
            .into_iter()
            .zip(self.evidence_sources.into_iter().zip(self.evidence_texts));
        let evidence = records
            .zip(places)
            .filter_map(|((id, (source, text)), (stream, (offset, length)))| {
                Some(Evidence {
                    id: EventId(id),
                    source: Source::from_name(&source)?,
                    stream: StreamId(stream),
                    offset,
                    length,
                    text,
                })
            })
            .collect();
        Finding {
            id: EventId(self.id),
            rule: self.rule,
            category: self.category,
            severity: Severity::from_name(&self.severity).unwrap_or(Severity::Warning),
            root_code: self.root_code,
            terminal_code: self.terminal_code,
            object: self.object,
            kb: self.kb,
            package: self.package,
            component: self.component,
            logged: self.logged,
            utc: self.utc,
            confidence: self.confidence,
            reasons: self.reasons,
            count: self.count,
            evidence,
        }
    }
}
