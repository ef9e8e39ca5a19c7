//! `/endpoints/{id}`: what failed on one machine, why, and the records that show it.

use super::{endpoints::Days, labels::Named, logged, name, overview::CodeCount, shown};
use crate::{
    error::{ApiError, Result},
    json::Json,
    rule_texts::RuleTexts,
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Path, Query, State};
use event::{Code, UtcMillis};
use serde::{Deserialize, Serialize};
use store::{
    EndpointDetail, EndpointHost, Ends, ListedAttempt, ListedFinding, Lists, Place, StreamSummary,
    UtcSegment,
};

/// Where the page of each list starts, as an answer gave it.
#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    streams: String,
    #[serde(default)]
    attempts: String,
    #[serde(default)]
    findings: String,
    #[serde(default)]
    codes: String,
}

pub(crate) async fn endpoint(
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Detail> {
    let from = Lists {
        streams: place("streams", &asked.streams)?,
        attempts: place("attempts", &asked.attempts)?,
        findings: place("findings", &asked.findings)?,
        codes: place("codes", &asked.codes)?,
    };
    let detail = web.store.endpoint_from(&web.tenant, &id, &from).await?;
    let Some(detail) = detail else {
        return Err(unknown(&web, &id).await?);
    };
    let clones = web.store.clones_of(&web.tenant, &id).await?;
    Ok(Json(Detail::new(&web.rule_texts().await, detail, clones)))
}

/// Why there is no page of an id.
async fn unknown(web: &Web, id: &str) -> std::result::Result<ApiError, ApiError> {
    let aliases = web.store.standing_aliases().await?;
    if let Some(endpoint) = aliases.way(&web.tenant, id).last() {
        return Ok(ApiError::NotFound {
            message: format!("`{}` is another name of `{}`", shown(id), shown(endpoint)),
            hint: "open the page of that one",
        });
    }
    Ok(ApiError::NotFound {
        message: format!("no logs of an endpoint `{}` have arrived", shown(id)),
        hint: "the ids are listed under Endpoints, /api/v1/endpoints",
    })
}

fn place(name: &str, text: &str) -> std::result::Result<Place, ApiError> {
    text.parse().map_err(|_| ApiError::Request {
        message: format!("`{name}={}` is no place in a list", shown(text)),
        hint: "take it from `pages` of an answer, or leave it out for the first page",
    })
}

#[derive(Serialize)]
pub(crate) struct Detail {
    endpoint: Head,
    totals: Totals,
    streams: Vec<StreamOut>,
    attempts: Vec<AttemptOut>,
    findings: Vec<FindingOut>,
    codes_days: Option<Days>,
    codes: Vec<CodeCount>,
    pages: Pages,
}

impl Detail {
    fn new(rules: &RuleTexts, detail: EndpointDetail, clones: Vec<String>) -> Self {
        let head = detail.head;
        let stack = Some(head.servicing_stack).filter(|stack| !stack.is_empty());
        let ends = detail.ends;
        Self {
            endpoint: Head {
                id: head.endpoint,
                name: Some(detail.name).filter(|name| !name.is_empty()),
                host: Some(head.host).filter(|host| !host.is_empty()),
                labels: detail.labels.into_iter().map(Named::from).collect(),
                hosts: detail.hosts.into_iter().map(HostOut::from).collect(),
                clones,
                contact: (head.contact_ms > 0).then(|| UtcMillis(head.contact_ms).to_string()),
                build: stack.as_deref().map(texts::build),
                servicing_stack: stack,
                utc_offset: detail.utc_offset.map(UtcOffset::from),
                first: logged(head.first),
                last: logged(head.last),
            },
            totals: Totals {
                streams: ends.streams.total,
                attempts: ends.attempts.total,
                failed: detail.failed,
                findings: ends.findings.total,
                noted: detail.noted,
                codes: ends.codes.total,
            },
            streams: detail.streams.into_iter().map(StreamOut::from).collect(),
            attempts: detail.attempts.into_iter().map(AttemptOut::from).collect(),
            findings: detail
                .findings
                .into_iter()
                .map(|finding| FindingOut::new(rules, finding))
                .collect(),
            codes_days: detail.codes_days.map(Days::from),
            codes: detail
                .codes
                .into_iter()
                .map(|code| CodeCount::new(code.code, code.events, code.noise, None))
                .collect(),
            pages: Pages {
                streams: ends.streams.into(),
                attempts: ends.attempts.into(),
                findings: ends.findings.into(),
                codes: ends.codes.into(),
            },
        }
    }
}

#[derive(Serialize)]
struct Head {
    id: String,
    name: Option<String>,
    host: Option<String>,
    labels: Vec<Named>,
    hosts: Vec<HostOut>,
    /// Host names of the machines that send as it by turns; none where it is one machine.
    clones: Vec<String>,
    contact: Option<String>,
    build: Option<String>,
    servicing_stack: Option<String>,
    utc_offset: Option<UtcOffset>,
    first: Option<String>,
    last: Option<String>,
}

/// A name that it had.
#[derive(Serialize)]
struct HostOut {
    host: String,
    /// With which it enrolled under this name.
    machine_guid: Option<String>,
    first: Option<String>,
    last: Option<String>,
}

impl From<EndpointHost> for HostOut {
    fn from(host: EndpointHost) -> Self {
        Self {
            machine_guid: Some(host.machine_guid).filter(|guid| !guid.is_empty()),
            host: host.host,
            first: logged(host.first),
            last: logged(host.last),
        }
    }
}

/// Of the whole lists, whatever their pages show.
#[derive(Serialize)]
struct Totals {
    streams: u64,
    attempts: u64,
    failed: u64,
    findings: u64,
    noted: u64,
    codes: u64,
}

#[derive(Serialize)]
struct Pages {
    streams: PageOut,
    attempts: PageOut,
    findings: PageOut,
    codes: PageOut,
}

/// Where a page stands in its list. `previous` and `next` are asked for under the list's name; an empty one is the first page.
#[derive(Serialize)]
struct PageOut {
    total: u64,
    before: u64,
    previous: Option<String>,
    next: Option<String>,
}

impl From<Ends> for PageOut {
    fn from(ends: Ends) -> Self {
        Self {
            total: ends.total,
            before: ends.before,
            previous: ends.previous.map(|place| place.to_string()),
            next: ends.next.map(|place| place.to_string()),
        }
    }
}

#[derive(Serialize)]
struct StreamOut {
    stream: String,
    source: &'static str,
    path: String,
    encoding: &'static str,
    bytes: u64,
    first: Option<String>,
    last: Option<String>,
    utc_offsets: Vec<UtcOffset>,
    utc_offsets_total: u64,
    gaps: Vec<GapOut>,
    gaps_total: u64,
}

#[derive(Serialize)]
struct UtcOffset {
    offset: String,
    how: &'static str,
    from_logged: String,
}

impl From<UtcSegment> for UtcOffset {
    fn from(segment: UtcSegment) -> Self {
        Self {
            offset: utc_offset(segment.minutes),
            how: segment.how.name(),
            from_logged: segment.from.to_string(),
        }
    }
}

/// Bytes `from..to` of the stream never arrived.
#[derive(Serialize)]
struct GapOut {
    from: u64,
    to: u64,
    reason: &'static str,
}

impl From<StreamSummary> for StreamOut {
    fn from(stream: StreamSummary) -> Self {
        Self {
            stream: stream.stream.to_string(),
            source: stream.source.name(),
            path: name(stream.path),
            encoding: stream.encoding.name(),
            bytes: stream.bytes,
            first: logged(stream.first),
            last: logged(stream.last),
            utc_offsets: stream.utc.into_iter().map(UtcOffset::from).collect(),
            utc_offsets_total: stream.utc_total,
            gaps: stream
                .gaps
                .into_iter()
                .map(|gap| GapOut {
                    from: gap.from,
                    to: gap.to,
                    reason: "not_received",
                })
                .collect(),
            gaps_total: stream.gaps_total,
        }
    }
}

/// `+08:00`
fn utc_offset(minutes: i32) -> String {
    let sign = if minutes < 0 { '-' } else { '+' };
    format!("{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60)
}

#[derive(Serialize)]
struct AttemptOut {
    id: String,
    package: String,
    kb: String,
    client: String,
    session: String,
    start: Option<String>,
    end: Option<String>,
    start_utc: Option<String>,
    outcome: &'static str,
    terminal_code: Option<String>,
    terminal_name: Option<&'static str>,
    finding: Option<String>,
}

impl From<ListedAttempt> for AttemptOut {
    fn from(ListedAttempt { attempt, cause }: ListedAttempt) -> Self {
        Self {
            id: format!("{:016x}", attempt.id.0),
            package: name(attempt.package),
            kb: attempt.kb,
            client: name(attempt.client),
            session: name(attempt.session),
            start: logged(attempt.start),
            end: logged(attempt.end),
            start_utc: attempt.start_utc.map(|utc| utc.to_string()),
            outcome: attempt.outcome.name(),
            terminal_code: attempt.terminal_code.map(|code| code.to_string()),
            terminal_name: attempt.terminal_code.and_then(Code::name),
            finding: cause.map(|place| place.to_string()),
        }
    }
}

#[derive(Serialize)]
struct FindingOut {
    id: String,
    place: String,
    rule: String,
    category: String,
    severity: &'static str,
    title: Text,
    advice: Text,
    root_code: Option<String>,
    root_name: Option<&'static str>,
    terminal_code: Option<String>,
    object: String,
    kb: String,
    package: String,
    component: String,
    logged: Option<String>,
    utc: Option<String>,
    confidence: u8,
    reasons: Vec<Reason>,
    count: u32,
    evidence: Vec<EvidenceOut>,
}

#[derive(Serialize)]
struct Reason {
    key: String,
    text: Text,
}

#[derive(Serialize)]
struct EvidenceOut {
    source: &'static str,
    stream: String,
    offset: u64,
    length: u64,
    text: String,
}

impl FindingOut {
    fn new(rules: &RuleTexts, ListedFinding { finding, place }: ListedFinding) -> Self {
        let (rule, code) = (rules.get(&finding.rule), finding.code());
        let object = name(finding.object);
        Self {
            id: format!("{:016x}", finding.id.0),
            place: place.to_string(),
            title: classify::title(rule, &object, code).into(),
            advice: texts::advice(rule),
            rule: finding.rule,
            category: finding.category,
            severity: finding.severity.name(),
            root_code: finding.root_code.map(|code| code.to_string()),
            root_name: finding.root_code.and_then(Code::name),
            terminal_code: finding.terminal_code.map(|code| code.to_string()),
            object,
            kb: finding.kb,
            package: name(finding.package),
            component: name(finding.component),
            logged: logged(finding.logged),
            utc: finding.utc.map(|utc| utc.to_string()),
            confidence: finding.confidence,
            reasons: finding
                .reasons
                .into_iter()
                .map(|key| Reason {
                    text: texts::reason(&key),
                    key,
                })
                .collect(),
            count: finding.count,
            evidence: finding
                .evidence
                .into_iter()
                .map(|evidence| EvidenceOut {
                    source: evidence.source.name(),
                    stream: evidence.stream.to_string(),
                    offset: evidence.offset,
                    length: evidence.length,
                    text: evidence.text,
                })
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use classify::Rules;
    use event::{
        Attempt, Code, EventId, Evidence, Finding, LoggedAt, Outcome, Severity, Source, StreamId,
        TextEncoding, UtcHow,
    };
    use store::{EndpointCode, EndpointHead, Gap};

    /// As many rows as the store gives at most, each as large as a hostile log makes it.
    fn largest() -> EndpointDetail {
        let text = |bytes: usize| "\u{1b}".repeat(bytes);
        let segment = UtcSegment {
            minutes: 480,
            how: UtcHow::CsiStamp,
            from: LoggedAt(0),
        };
        let stream = StreamSummary {
            stream: StreamId(u64::MAX),
            source: Source::ReportingEvents,
            path: text(8_192),
            encoding: TextEncoding::Utf16le,
            bytes: u64::MAX,
            first: Some(LoggedAt(0)),
            last: Some(LoggedAt(0)),
            utc: vec![segment; 20],
            utc_total: u64::MAX,
            gaps: vec![
                Gap {
                    from: u64::MAX,
                    to: u64::MAX
                };
                20
            ],
            gaps_total: u64::MAX,
        };
        let attempt = ListedAttempt {
            attempt: Attempt {
                id: EventId(u64::MAX),
                package: text(8_192),
                kb: "KB5000000".to_owned(),
                client: text(8_192),
                session: text(8_192),
                start: Some(LoggedAt(0)),
                end: Some(LoggedAt(0)),
                start_utc: None,
                outcome: Outcome::PendingReboot,
                terminal_code: Some(Code::new(0x8007_0570)),
                finding: None,
            },
            cause: Some(Place::default()),
        };
        let evidence = Evidence {
            id: EventId(u64::MAX),
            source: Source::ReportingEvents,
            stream: StreamId(u64::MAX),
            offset: u64::MAX,
            length: u64::MAX,
            text: text(2_048),
        };
        let finding = ListedFinding {
            finding: Finding {
                id: EventId(u64::MAX),
                rule: "fs_corrupt_path".to_owned(),
                category: "filesystem_corruption".to_owned(),
                severity: Severity::Critical,
                root_code: Some(Code::new(0xC000_0102)),
                terminal_code: Some(Code::new(0x8007_0570)),
                object: text(8_192),
                kb: "KB5000000".to_owned(),
                package: text(8_192),
                component: text(8_192),
                logged: Some(LoggedAt(0)),
                utc: None,
                confidence: 90,
                reasons: vec!["origin".to_owned(); 4],
                count: u32::MAX,
                evidence: vec![evidence; 6],
            },
            place: Place::default(),
        };
        let code = EndpointCode {
            code: Code::new(0x8007_0570),
            events: u64::MAX,
            noise: u64::MAX,
        };
        EndpointDetail {
            head: EndpointHead {
                endpoint: "x".repeat(128),
                host: text(256),
                contact_ms: i64::MAX / 2,
                servicing_stack: text(256),
                first: None,
                last: None,
            },
            name: text(64),
            labels: vec![(text(32), text(64)); 16],
            hosts: vec![
                EndpointHost {
                    host: text(255),
                    machine_guid: text(38),
                    first: None,
                    last: None,
                };
                64
            ],
            utc_offset: Some(segment),
            failed: 120_000,
            noted: 0,
            streams: vec![stream; 50],
            attempts: vec![attempt; 100],
            findings: vec![finding; 25],
            codes_days: Some((0, 89)),
            codes: vec![code; 100],
            ends: Lists::default(),
        }
    }

    #[test]
    fn the_largest_answer_is_bounded_and_an_ordinary_one_is_small() {
        let rules = RuleTexts::new(Rules::shipped());
        let mut detail = largest();
        let bytes = |detail| {
            let answer = Detail::new(&rules, detail, Vec::new());
            serde_json::to_string(&answer).expect("JSON").len()
        };
        let hostile = bytes(detail.clone());
        assert!(hostile < 6 << 20, "{hostile} bytes");
        for row in &mut detail.attempts {
            row.attempt.package = "Package_for_RollupFix~31bf3856ad364e35~amd64~~19041".to_owned();
            row.attempt.client = "WindowsUpdateAgent".to_owned();
            row.attempt.session = "30979999_1234567890".to_owned();
        }
        detail.findings.truncate(0);
        detail.streams.truncate(0);
        detail.hosts.truncate(2);
        detail.labels.truncate(4);
        let plain = bytes(detail);
        assert!(plain < 100 << 10, "{plain} bytes");
    }

    #[test]
    fn offsets_have_a_sign_and_two_digits() {
        assert_eq!(utc_offset(480), "+08:00");
        assert_eq!(utc_offset(-210), "-03:30");
        assert_eq!(utc_offset(0), "+00:00");
    }
}
