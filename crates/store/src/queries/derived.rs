//! What was derived of an endpoint: its attempts and its findings, a page at a time or whole.

use super::{
    place::{Ends, Place},
    sets::Sets,
};
use crate::{error::Result, store::Store};
use clickhouse::{Row, RowOwned, RowRead, query::Query};
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

/// A long list of an endpoint: its rows with their `place`, which orders them.
struct List {
    what: &'static str,
    rows: &'static str,
    /// Rows of a page.
    limit: u64,
    /// What is counted beside the total.
    marked: &'static str,
}

/// Before every time that a log can hold, so that rows without one stand last.
macro_rules! never {
    () => {
        "toInt64(-100000000000)"
    };
}

/// The rows of an endpoint's current sets, on the days that the sets say they have rows of, because the tables go by day.
macro_rules! of_sets {
    ($days:literal) => {
        concat!(
            "tenant = {tenant:String} AND endpoint = {endpoint:String} AND `set` IN {sets:Array(UInt64)} \
             AND (day IN arrayMap(day -> toDate(day), {",
            $days,
            ":Array(UInt16)}) OR month IN {untold_months:Array(UInt32)})"
        )
    };
}

/// Newest first. A page holds what a machine does in a season, so that nearly all of them have one page.
const ATTEMPTS: List = List {
    what: "the attempts of an endpoint",
    rows: concat!(
        "(SELECT *, [-ifNull(toInt64(coalesce(start, `end`)), ",
        never!(),
        "), -toInt64(month), -toInt64(ordinal)] AS place \
         FROM attempts FINAL WHERE ",
        of_sets!("attempt_days"),
        ")"
    ),
    limit: 100,
    marked: "outcome IN ('failed', 'rolled_back')",
};

/// Most severe first, then newest, then as derived. Each carries up to 12 KiB of evidence: more of them at once is no reading any more.
const FINDINGS: List = List {
    what: "the findings of an endpoint",
    rows: concat!(
        "(SELECT *, [toInt64(indexOf(['critical', 'error', 'warning', 'info'], severity)), -ifNull(toInt64(logged), ",
        never!(),
        "), -toInt64(month), toInt64(ordinal)] AS place \
         FROM findings FINAL WHERE ",
        of_sets!("finding_days"),
        ")"
    ),
    limit: 25,
    marked: "severity = 'info'",
};

impl Store {
    /// A page of an endpoint's attempts, and how many of all failed.
    pub(super) async fn attempts_page(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        from: &Place,
    ) -> Result<(Vec<ListedAttempt>, Ends, u64)> {
        let (rows, ends, failed) = self
            .page_of::<StoredAttempt>(&ATTEMPTS, tenant, endpoint, sets, from)
            .await?;
        let causes = self
            .places_of_findings(tenant, endpoint, sets, &rows)
            .await?;
        let attempts = rows
            .into_iter()
            .map(|row| {
                let cause = row
                    .finding
                    .and_then(|ordinal| causes.get(&(row.month, ordinal)));
                ListedAttempt {
                    cause: cause.cloned(),
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
    ) -> Result<(Vec<ListedFinding>, Ends, u64)> {
        let (rows, ends, noted) = self
            .page_of::<StoredFinding>(&FINDINGS, tenant, endpoint, sets, from)
            .await?;
        let findings = rows
            .into_iter()
            .map(|row| ListedFinding {
                place: row.place(),
                finding: row.into_finding(),
            })
            .collect();
        Ok((findings, ends, noted))
    }

    /// The rows of a list from a place on, where the page stands, and how many of all rows are marked.
    async fn page_of<T: Placed + RowOwned + RowRead>(
        &self,
        list: &List,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        from: &Place,
    ) -> Result<(Vec<T>, Ends, u64)> {
        let ask = |sql: String| -> Query {
            sets.of(self.page(&sql), tenant, endpoint)
                .param("from", from.keys())
                .param("limit", list.limit)
        };
        let List {
            what, rows, marked, ..
        } = list;
        let reading = format!("read {what}");
        let page = self.fetch_all::<T>(
            &reading,
            ask(format!(
                "SELECT ?fields FROM {rows} WHERE place >= {{from:Array(Int64)}} ORDER BY place LIMIT {{limit:UInt64}} + 1"
            )),
        );
        let counts = self.fetch_one::<(u64, u64, u64)>(
            format!("count {what}"),
            ask(format!(
                "SELECT count(), countIf({marked}), countIf(place < {{from:Array(Int64)}}) FROM {rows}"
            )),
        );
        let previous = async {
            if from.is_first() {
                return Ok(None);
            }
            let sql = format!(
                "SELECT ?fields FROM (SELECT place FROM {rows} WHERE place < {{from:Array(Int64)}} \
                 ORDER BY place DESC LIMIT {{limit:UInt64}}) ORDER BY place LIMIT 1"
            );
            self.fetch_optional::<PlaceRow>(&reading, ask(sql)).await
        };
        let (mut page, (total, marked, before), previous) =
            tokio::try_join!(page, counts, previous)?;
        let limit = usize::try_from(list.limit).unwrap_or(usize::MAX);
        let next = page.get(limit).map(Placed::place);
        page.truncate(limit);
        // The first page is asked for as such: what arrives meanwhile belongs to it.
        let previous = previous.map(|row| match before > list.limit {
            true => Place::new(row.place),
            false => Place::default(),
        });
        let ends = Ends {
            total,
            before,
            previous,
            next,
        };
        Ok((page, ends, marked))
    }

    /// Where the findings of some attempts stand, by month and ordinal.
    async fn places_of_findings(
        &self,
        tenant: &str,
        endpoint: &str,
        sets: &Sets,
        attempts: &[StoredAttempt],
    ) -> Result<BTreeMap<(u32, u32), Place>> {
        let (months, ordinals): (Vec<u32>, Vec<u32>) = attempts
            .iter()
            .filter_map(|row| Some((row.month, row.finding?)))
            .unzip();
        if months.is_empty() {
            return Ok(BTreeMap::new());
        }
        let sql = format!(
            "SELECT ?fields FROM {} \
             WHERE (month, ordinal) IN arrayZip({{months:Array(UInt32)}}, {{ordinals:Array(UInt32)}})",
            FINDINGS.rows
        );
        let rows: Vec<FindingPlace> = self
            .fetch_all(
                "read where findings stand",
                sets.of(self.page(&sql), tenant, endpoint)
                    .param("months", months)
                    .param("ordinals", ordinals),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| ((row.month, row.ordinal), Place::new(row.place)))
            .collect())
    }

    /// The findings that readers see of some months, each with its month.
    pub async fn findings_of_months(
        &self,
        tenant: &str,
        endpoint: &str,
        months: &[Month],
    ) -> Result<Vec<(Month, Finding)>> {
        let months: Vec<u32> = months.iter().map(|month| month.yyyymm()).collect();
        let sets = self.sets_of(tenant, endpoint).await?;
        let findings: Vec<StoredFinding> = self
            .fetch_all(
                "read the findings of months",
                sets.of(
                    self.sql(&format!(
                        "SELECT ?fields FROM {} WHERE month IN {{months:Array(UInt32)}} ORDER BY month, ordinal",
                        FINDINGS.rows
                    )),
                    tenant,
                    endpoint,
                )
                .param("months", months),
            )
            .await?;
        Ok(findings
            .into_iter()
            .map(|stored| (Month::from_yyyymm(stored.month), stored.into_finding()))
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
        let ask = |sql: String| sets.of(self.sql(&sql), tenant, endpoint);
        let attempts = self.fetch_all::<StoredAttempt>(
            "read the attempts of an endpoint",
            ask(format!(
                "SELECT ?fields FROM {} ORDER BY start, `end`, month, ordinal",
                ATTEMPTS.rows
            )),
        );
        let findings = self.fetch_all::<StoredFinding>(
            "read the findings of an endpoint",
            ask(format!(
                "SELECT ?fields FROM {} ORDER BY place",
                FINDINGS.rows
            )),
        );
        let (attempts, findings) = tokio::try_join!(attempts, findings)?;
        let at: BTreeMap<(u32, u32), u32> = findings
            .iter()
            .zip(0u32..)
            .map(|(finding, at)| ((finding.month, finding.ordinal), at))
            .collect();
        let attempts = attempts
            .into_iter()
            .map(|stored| {
                let finding = stored
                    .finding
                    .and_then(|ordinal| at.get(&(stored.month, ordinal)).copied());
                stored.into_attempt(finding)
            })
            .collect();
        Ok((
            attempts,
            findings
                .into_iter()
                .map(StoredFinding::into_finding)
                .collect(),
        ))
    }
}
#[derive(Row, Deserialize)]
struct PlaceRow {
    place: Vec<i64>,
}

#[derive(Row, Deserialize)]
struct FindingPlace {
    month: u32,
    ordinal: u32,
    place: Vec<i64>,
}

/// A row that knows where it stands in its list.
trait Placed {
    fn place(&self) -> Place;
}

impl Placed for StoredAttempt {
    fn place(&self) -> Place {
        Place::new(self.place.clone())
    }
}

impl Placed for StoredFinding {
    fn place(&self) -> Place {
        Place::new(self.place.clone())
    }
}

#[derive(Row, Deserialize)]
struct StoredAttempt {
    place: Vec<i64>,
    month: u32,
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
    place: Vec<i64>,
    month: u32,
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
