//! `/endpoints/{id}`: what failed on one machine, why, and the records that show it.

use super::{
    clock::clock_ahead,
    derived::{AttemptOut, FindingOut, places},
    endpoints::Days,
    filter::now,
    held::Held,
    labels::Named,
    logged, name,
    rows::CodeCount,
    shown,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    looks::Look,
    roles::Asker,
    rule_texts::RuleTexts,
    schema::{KbState, LogSource, LoggedTime, UtcShownBy, UtcTime, VerdictName},
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Path, Query, State};
use classify::{Judgement, Standing, VERDICT_MARKERS, Verdict};
use event::UtcMillis;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use store::{
    EndpointDetail, EndpointHost, Ends, Judged, Lists, Place, StreamSummary, UpdateOfEndpoint,
    UtcSegment,
};
use utoipa::{IntoParams, ToSchema};

/// Where the page of each list starts, as an answer gave it.
#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// A place that an answer gave in `pages`; so are the others.
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
    asker: Asker,
) -> Result<Detail> {
    let from = Lists {
        streams: place("streams", &asked.streams)?,
        attempts: place("attempts", &asked.attempts)?,
        findings: place("findings", &asked.findings)?,
        codes: place("codes", &asked.codes)?,
    };
    let (detail, judgement) = judged(&web, &id, &from).await?;
    let (clones, held) = tokio::try_join!(
        web.store.clones_of(&web.tenant, &id),
        web.store.times_held(&web.tenant, &id, now()),
    )?;
    let rules = web.rule_texts().await;
    let looks = Look::at(&id, detail.findings.iter().flat_map(places));
    let mut detail = Detail::new(&rules, detail, judgement, clones);
    if asker.sees_text() {
        web.note(&asker, &looks).await?;
    } else {
        let findings = detail.findings.into_iter();
        detail.findings = findings.map(FindingOut::without_text).collect();
    }
    detail.held = Held::new(held);
    Ok(Json(detail))
}

/// A machine with the verdict on it, where there is one.
pub(super) async fn judged(
    web: &Web,
    id: &str,
    from: &Lists<Place>,
) -> std::result::Result<(EndpointDetail, Option<Judgement>), ApiError> {
    let detail = web
        .store
        .endpoint_from(&web.tenant, id, from, &VERDICT_MARKERS)
        .await?;
    let Some(detail) = detail else {
        return Err(unknown(web, id).await?);
    };
    let judgement = match &detail.judged {
        Some(judged) => Some(judge(web, id, judged).await?),
        None => None,
    };
    Ok((detail, judgement))
}

/// Why there is no page of an id.
pub(super) async fn unknown(web: &Web, id: &str) -> std::result::Result<ApiError, ApiError> {
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

/// The verdict of `scan` on the same logs, and whether each finding still stands.
async fn judge(web: &Web, id: &str, judged: &Judged) -> std::result::Result<Judgement, ApiError> {
    let of = |records| classify::judge(&judged.derivations, &judged.events, records);
    let enough = of(u64::MAX);
    // How many records there are decides only where nothing else does, and takes reading about every chunk.
    if of(0).verdict == enough.verdict {
        return Ok(enough);
    }
    let records = web.store.servicing_records(&web.tenant, id).await?;
    Ok(of(records))
}

fn place(name: &str, text: &str) -> std::result::Result<Place, ApiError> {
    text.parse().map_err(|_| ApiError::Request {
        message: format!("`{name}={}` is no place in a list", shown(text)),
        hint: "take it from `pages` of an answer, or leave it out for the first page",
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndpointDetail)]
pub(crate) struct Detail {
    endpoint: Head,
    /// Of the whole lists; of each the answer holds a page.
    totals: Totals,
    /// What `cbsift scan` says of the same logs; nothing of a PC of more than 50,000 attempts or findings.
    verdict: Option<VerdictOut>,
    /// Of which time the verdict can tell; nothing where no log is held.
    held: Option<Held>,
    /// Those first that changed last.
    updates: Vec<UpdateOut>,
    updates_total: usize,
    /// Its logs, the latest first.
    streams: Vec<StreamOut>,
    /// The newest first.
    attempts: Vec<AttemptOut>,
    findings: Vec<FindingOut>,
    /// The days that codes are told of, the last 90 of its logs.
    codes_days: Option<Days>,
    codes: Vec<CodeCount>,
    pages: Pages,
}

impl Detail {
    fn new(
        rules: &RuleTexts,
        detail: EndpointDetail,
        judgement: Option<Judgement>,
        clones: Vec<String>,
    ) -> Self {
        let standings = standings(detail.judged.as_ref(), judgement.as_ref());
        let cause = (detail.updates.iter())
            .filter(|update| update.state == store::State::Failing)
            .find_map(|update| update.cause.as_ref());
        let verdict = judgement.as_ref().map(|judgement| VerdictOut {
            state: state(judgement.verdict),
            verdict: judgement.verdict.name(),
            text: texts::verdict(judgement.verdict),
            cause: match judgement.verdict {
                Verdict::Failed => cause.map(ToString::to_string),
                _ => None,
            },
        });
        let updates_total = detail.updates.len();
        let clock_ahead_minutes = clock_ahead(&detail.streams, detail.head.contact_ms);
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
                clock_ahead_minutes,
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
            verdict,
            held: None,
            updates: detail
                .updates
                .into_iter()
                .take(UPDATES)
                .map(UpdateOut::from)
                .collect(),
            updates_total,
            streams: detail.streams.into_iter().map(StreamOut::from).collect(),
            attempts: detail.attempts.into_iter().map(AttemptOut::from).collect(),
            findings: detail
                .findings
                .into_iter()
                .map(|finding| {
                    let standing = standings.get(&finding.place);
                    FindingOut::new(rules, finding, standing.copied())
                })
                .collect(),
            codes_days: detail.codes_days.map(Days::from),
            codes: detail
                .codes
                .into_iter()
                .map(|code| CodeCount::new(code.code, code.events, code.noise))
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

/// Updates of one answer: more than a machine sees in ten years, parts of each counted.
const UPDATES: usize = 200;

/// What is to be said of it in one word.
#[derive(Serialize, ToSchema)]
#[schema(as = Verdict)]
struct VerdictOut {
    /// As the state of a PC.
    #[schema(value_type = KbState)]
    state: &'static str,
    /// As `scan` has it.
    #[schema(value_type = VerdictName)]
    verdict: &'static str,
    text: Text,
    /// That of the update that failed last.
    cause: Option<String>,
}

/// The state that comes nearest to a verdict: for colours and symbols, which are those of states.
fn state(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Failed => store::State::Failing,
        Verdict::Restart => store::State::Restart,
        Verdict::Inconclusive => store::State::Unknown,
        Verdict::Repaired | Verdict::Healthy => store::State::Installed,
    }
    .name()
}

/// How each finding stands, by its place.
pub(super) fn standings<'a>(
    judged: Option<&'a Judged>,
    judgement: Option<&'a Judgement>,
) -> BTreeMap<Place, &'a Standing> {
    let places = judged.into_iter().flat_map(|judged| &judged.places);
    let found = judgement.into_iter().flat_map(|one| &one.findings);
    places.flatten().cloned().zip(found.flatten()).collect()
}

/// An update on this machine.
#[derive(Serialize, ToSchema)]
#[schema(as = UpdateState)]
struct UpdateOut {
    kb: String,
    #[schema(value_type = KbState)]
    state: &'static str,
    /// When the run of equal ends began that the last try belongs to.
    #[schema(value_type = Option<LoggedTime>)]
    since: Option<String>,
    /// Of its last failure.
    cause: Option<String>,
    attempts: u64,
}

impl From<UpdateOfEndpoint> for UpdateOut {
    fn from(update: UpdateOfEndpoint) -> Self {
        Self {
            kb: update.kb,
            state: update.state.name(),
            since: logged(update.since),
            cause: update.cause.map(|cause| cause.to_string()),
            attempts: update.attempts,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndpointHead)]
struct Head {
    id: String,
    /// What people call it.
    name: Option<String>,
    host: Option<String>,
    labels: Vec<Named>,
    /// Names that it had, those seen last first.
    hosts: Vec<HostOut>,
    /// Host names of the machines that send as it by turns; none where it is one machine.
    clones: Vec<String>,
    /// When we heard of it last.
    #[schema(value_type = Option<UtcTime>)]
    contact: Option<String>,
    /// So far its clock is ahead of ours, from an hour on, where a log shows its zone.
    clock_ahead_minutes: Option<i64>,
    build: Option<String>,
    servicing_stack: Option<String>,
    /// The latest that any log shows.
    utc_offset: Option<UtcOffset>,
    #[schema(value_type = Option<LoggedTime>)]
    first: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    last: Option<String>,
}

/// A name that it had.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointHost)]
struct HostOut {
    host: String,
    /// With which it enrolled under this name.
    machine_guid: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    first: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointTotals)]
struct Totals {
    streams: u64,
    attempts: u64,
    failed: u64,
    findings: u64,
    /// Findings of severity `info`.
    noted: u64,
    codes: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndpointPages)]
struct Pages {
    streams: PageOut,
    attempts: PageOut,
    findings: PageOut,
    codes: PageOut,
}

/// Where a page stands in its list. `previous` and `next` are asked for under the list's name; an empty one is the first page.
#[derive(Serialize, ToSchema)]
#[schema(as = Page)]
struct PageOut {
    total: u64,
    /// Rows before the page.
    before: u64,
    /// Asked for under the name of the list; an empty one is the first page.
    previous: Option<String>,
    /// In the same way.
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

#[derive(Serialize, ToSchema)]
#[schema(as = Stream)]
pub(crate) struct StreamOut {
    pub(super) stream: String,
    #[schema(value_type = LogSource)]
    pub(super) source: &'static str,
    pub(super) path: String,
    pub(super) encoding: &'static str,
    pub(super) bytes: u64,
    #[schema(value_type = Option<LoggedTime>)]
    pub(super) first: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    pub(super) last: Option<String>,
    /// The latest 20.
    pub(super) utc_offsets: Vec<UtcOffset>,
    pub(super) utc_offsets_total: u64,
    /// The first 20.
    pub(super) gaps: Vec<GapOut>,
    pub(super) gaps_total: u64,
}

#[derive(Serialize, ToSchema)]
pub(super) struct UtcOffset {
    /// `+08:00`
    offset: String,
    #[schema(value_type = UtcShownBy)]
    how: &'static str,
    #[schema(value_type = LoggedTime)]
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
#[derive(Serialize, ToSchema)]
#[schema(as = StreamGap)]
pub(super) struct GapOut {
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

#[cfg(test)]
mod tests {
    use super::*;
    use classify::Rules;
    use event::{
        Attempt, Code, EventId, Evidence, Finding, LoggedAt, Outcome, Severity, Source, StreamId,
        TextEncoding, UtcHow,
    };
    use store::{EndpointCode, EndpointHead, Gap, ListedAttempt, ListedFinding};

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
            judged: None,
            updates: vec![
                UpdateOfEndpoint {
                    kb: "KB5000000".to_owned(),
                    state: store::State::Superseded,
                    since: Some(LoggedAt(0)),
                    cause: store::CauseId::read(&format!("{}~0x80070570", "x".repeat(64))),
                    attempts: u64::MAX,
                };
                1_000
            ],
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
            let answer = Detail::new(&rules, detail, None, Vec::new());
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
        // What a machine sees in two years.
        detail.updates.truncate(50);
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
