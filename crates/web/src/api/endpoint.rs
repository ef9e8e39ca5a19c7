//! `/endpoints/{id}`: what failed on one machine, why, and the records that show it.

use super::{logged, overview::CodeCount, shown};
use crate::{
    error::{ApiError, Result},
    rule_texts::RuleTexts,
    server::Web,
    texts::{self, Text},
};
use axum::{
    Json,
    extract::{Path, State},
};
use classify::catalogue;
use event::{Attempt, Finding};
use serde::Serialize;
use store::StreamSummary;

pub(crate) async fn endpoint(State(web): State<Web>, Path(id): Path<String>) -> Result<Detail> {
    let (detail, codes) = tokio::try_join!(
        web.store.endpoint(&web.tenant, &id),
        web.store.codes_of_endpoint(&web.tenant, &id)
    )?;
    let detail = detail.ok_or_else(|| ApiError::NotFound {
        message: format!("no logs of an endpoint `{}` have arrived", shown(&id)),
        hint: "the ids are listed under Endpoints, /api/v1/endpoints",
    })?;
    let rule_texts = web.rule_texts().await;
    let head = detail.head;
    let stack = Some(head.servicing_stack).filter(|stack| !stack.is_empty());
    Ok(Json(Detail {
        endpoint: Head {
            id: head.endpoint,
            host: Some(head.host).filter(|host| !host.is_empty()),
            build: stack.as_deref().map(texts::build),
            servicing_stack: stack,
            first: logged(head.first),
            last: logged(head.last),
        },
        streams: detail.streams.into_iter().map(StreamOut::from).collect(),
        attempts: detail.attempts.into_iter().map(AttemptOut::from).collect(),
        findings: detail
            .findings
            .into_iter()
            .map(|finding| FindingOut::new(&rule_texts, finding))
            .collect(),
        codes: codes
            .into_iter()
            .map(|code| CodeCount::new(code.code, code.events, code.noise, None))
            .collect(),
    }))
}

#[derive(Serialize)]
pub(crate) struct Detail {
    endpoint: Head,
    streams: Vec<StreamOut>,
    attempts: Vec<AttemptOut>,
    findings: Vec<FindingOut>,
    codes: Vec<CodeCount>,
}

#[derive(Serialize)]
struct Head {
    id: String,
    host: Option<String>,
    build: Option<String>,
    servicing_stack: Option<String>,
    first: Option<String>,
    last: Option<String>,
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
    gaps: Vec<GapOut>,
}

#[derive(Serialize)]
struct UtcOffset {
    offset: String,
    how: &'static str,
    from_logged: String,
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
            path: stream.path,
            encoding: stream.encoding.name(),
            bytes: stream.bytes,
            first: logged(stream.first),
            last: logged(stream.last),
            utc_offsets: stream
                .utc
                .into_iter()
                .map(|segment| UtcOffset {
                    offset: utc_offset(segment.minutes),
                    how: segment.how.name(),
                    from_logged: segment.from.to_string(),
                })
                .collect(),
            gaps: stream
                .gaps
                .into_iter()
                .map(|gap| GapOut {
                    from: gap.from,
                    to: gap.to,
                    reason: "not_received",
                })
                .collect(),
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
    finding: Option<u32>,
}

impl From<Attempt> for AttemptOut {
    fn from(attempt: Attempt) -> Self {
        Self {
            id: format!("{:016x}", attempt.id.0),
            package: attempt.package,
            kb: attempt.kb,
            client: attempt.client,
            session: attempt.session,
            start: logged(attempt.start),
            end: logged(attempt.end),
            start_utc: attempt.start_utc.map(|utc| utc.to_string()),
            outcome: attempt.outcome.name(),
            terminal_code: attempt.terminal_code.map(|code| code.to_string()),
            terminal_name: attempt.terminal_code.and_then(catalogue::name),
            finding: attempt.finding,
        }
    }
}

#[derive(Serialize)]
struct FindingOut {
    id: String,
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
    fn new(rules: &RuleTexts, finding: Finding) -> Self {
        let code = finding.root_code.or(finding.terminal_code);
        Self {
            id: format!("{:016x}", finding.id.0),
            title: texts::title(rules, &finding.rule, &finding.object, code),
            advice: texts::advice(rules, &finding.rule),
            rule: finding.rule,
            category: finding.category,
            severity: finding.severity.name(),
            root_code: finding.root_code.map(|code| code.to_string()),
            root_name: finding.root_code.and_then(catalogue::name),
            terminal_code: finding.terminal_code.map(|code| code.to_string()),
            object: finding.object,
            kb: finding.kb,
            package: finding.package,
            component: finding.component,
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
    use super::utc_offset;

    #[test]
    fn offsets_have_a_sign_and_two_digits() {
        assert_eq!(utc_offset(480), "+08:00");
        assert_eq!(utc_offset(-210), "-03:30");
        assert_eq!(utc_offset(0), "+00:00");
    }
}
