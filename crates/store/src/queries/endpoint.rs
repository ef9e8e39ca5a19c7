//! One endpoint: its facts, streams, attempts, findings.

use crate::{Piece, error::Result, raw::merged, store::Store};
use clickhouse::Row;
use event::{
    Attempt, Code, EventId, Evidence, Finding, LoggedAt, Month, Outcome, Severity, Source,
    StreamId, TextEncoding, UtcAnchor, UtcHow, UtcMillis,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// All of one endpoint but its codes, which [`Store::codes_of_endpoint`] gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointDetail {
    /// Facts.
    pub head: EndpointHead,
    /// Its logs.
    pub streams: Vec<StreamSummary>,
    /// By start; `finding` is an index into `findings`.
    pub attempts: Vec<Attempt>,
    /// Most severe and latest first.
    pub findings: Vec<Finding>,
}

/// Facts of a machine.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct EndpointHead {
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack, or empty.
    pub servicing_stack: String,
    /// Earliest head, as logged.
    pub first: Option<LoggedAt>,
    /// Latest head, as logged.
    pub last: Option<LoggedAt>,
}

/// One log of an endpoint; all messages of one path are one, although each is a stream of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    /// Which; of messages, the newest one.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Where the sender read it; one of the names where it was met under several.
    pub path: String,
    /// What its bytes are encoded in.
    pub encoding: TextEncoding,
    /// Source bytes held or once held, each once.
    pub bytes: u64,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// UTC offsets, each from a place on.
    pub utc: Vec<UtcSegment>,
    /// Bytes known to be missing between pieces.
    pub gaps: Vec<Gap>,
}

/// From here on the wall clock was this far ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UtcSegment {
    /// Minutes ahead of UTC.
    pub minutes: i32,
    /// What shows it.
    pub how: UtcHow,
    /// Head of the record that shows it first.
    pub from: LoggedAt,
}

/// A range of a stream that never arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// First missing byte.
    pub from: u64,
    /// First byte after.
    pub to: u64,
}

impl Store {
    /// All of one endpoint, or nothing where nobody knows it.
    pub async fn endpoint(&self, tenant: &str, endpoint: &str) -> Result<Option<EndpointDetail>> {
        let head = self.fetch_optional::<EndpointHead>(
            "read the facts of an endpoint",
            self.sql(
                "SELECT endpoint, max(host) AS host, max(servicing_stack).2 AS servicing_stack, min(first) AS first, max(last) AS last \
                 FROM endpoints WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} GROUP BY endpoint",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        );
        let (head, pieces, messages, (attempts, findings)) = tokio::try_join!(
            head,
            self.file_pieces(tenant, endpoint),
            self.message_logs(tenant, endpoint),
            self.derived(tenant, endpoint)
        )?;
        let mut streams = streams(&pieces);
        streams.extend(messages);
        // Not derived yet: what coverage says is better than nothing.
        let head = head.or_else(|| {
            (!streams.is_empty()).then(|| EndpointHead {
                endpoint: endpoint.to_owned(),
                host: String::new(),
                servicing_stack: String::new(),
                first: streams.iter().filter_map(|stream| stream.first).min(),
                last: streams.iter().filter_map(|stream| stream.last).max(),
            })
        });
        Ok(head.map(|head| EndpointDetail {
            head,
            streams,
            attempts,
            findings,
        }))
    }

    /// The findings that readers see of some months, each with its month.
    pub async fn findings_of_months(
        &self,
        tenant: &str,
        endpoint: &str,
        months: &[Month],
    ) -> Result<Vec<(Month, Finding)>> {
        let months: Vec<u32> = months.iter().map(|month| month.yyyymm()).collect();
        let findings: Vec<StoredFinding> = self
            .fetch_all(
                "read the findings of months",
                self.sql(
                    "SELECT ?fields FROM current_findings WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                       AND month IN {months:Array(UInt32)} ORDER BY month, ordinal",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("months", months),
            )
            .await?;
        Ok(findings
            .into_iter()
            .map(|stored| (Month::from_yyyymm(stored.month), stored.into_finding()))
            .collect())
    }

    /// Attempts and findings of an endpoint that readers see, as `cbsift scan` would list them.
    pub async fn derived(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<(Vec<Attempt>, Vec<Finding>)> {
        let attempts = self.fetch_all::<StoredAttempt>(
            "read the attempts of an endpoint",
            self.sql(
                "SELECT ?fields FROM current_attempts WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                 ORDER BY start, `end`, month, ordinal",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        );
        let findings = self.fetch_all::<StoredFinding>(
            "read the findings of an endpoint",
            self.sql(
                "SELECT ?fields FROM current_findings WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                 ORDER BY indexOf(['critical', 'error', 'warning', 'info'], severity), logged DESC, month DESC, ordinal",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
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

/// Sums pieces up by stream.
fn streams(pieces: &[Piece]) -> Vec<StreamSummary> {
    pieces
        .chunk_by(|a, b| a.stream == b.stream)
        .map(|pieces| {
            let union = merged(pieces.iter().map(|piece| (piece.offset, piece.end)));
            let before = union
                .first()
                .filter(|(offset, _)| *offset > 0)
                .map(|&(offset, _)| Gap {
                    from: 0,
                    to: offset,
                });
            StreamSummary {
                stream: pieces[0].stream,
                source: pieces[0].source,
                path: pieces
                    .iter()
                    .map(|piece| piece.path.as_str())
                    .min()
                    .unwrap_or_default()
                    .to_owned(),
                encoding: pieces[0].encoding,
                bytes: union.iter().map(|(offset, end)| end - offset).sum(),
                first: pieces.iter().filter_map(|piece| piece.first).min(),
                last: pieces.iter().filter_map(|piece| piece.last).max(),
                utc: utc_segments(
                    pieces
                        .iter()
                        .flat_map(|piece| piece.anchors.iter().copied()),
                ),
                gaps: before
                    .into_iter()
                    .chain(union.windows(2).map(|pair| Gap {
                        from: pair[0].1,
                        to: pair[1].0,
                    }))
                    .collect(),
            }
        })
        .collect()
}

/// Joins anchors that say the same; weak ones count only where there is nothing better.
fn utc_segments(anchors: impl Iterator<Item = UtcAnchor>) -> Vec<UtcSegment> {
    let mut anchors: Vec<UtcAnchor> = anchors.collect();
    if anchors.iter().any(|anchor| !anchor.how.is_weak()) {
        anchors.retain(|anchor| !anchor.how.is_weak());
    }
    anchors.sort_unstable();
    let mut segments: Vec<UtcSegment> = Vec::new();
    for anchor in anchors {
        if segments
            .last()
            .is_none_or(|last| last.minutes != anchor.minutes)
        {
            segments.push(UtcSegment {
                minutes: anchor.minutes,
                how: anchor.how,
                from: anchor.logged,
            });
        }
    }
    segments
}

#[derive(Row, Deserialize)]
struct StoredAttempt {
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
