//! `/endpoints/{id}/attempts/{attempt}`: one try as a ladder of records, from what started its failure to how it ended.

use super::{
    derived::{AttemptOut, FindingOut, places},
    endpoint, logged, name,
    records::{CodeAt, spelled},
    shown,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    looks::Look,
    roles::Asker,
    schema::{LogSource, LoggedTime, RungKind, UtcTime},
    server::Web,
    texts,
};
use axum::extract::{Path, State};
use event::{Event, EventId, LoggedAt, Marker, StreamId, UtcAnchor};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{AttemptDetail, CauseId, Filter};
use utoipa::ToSchema;

/// Records of one ladder: the evidence of a finding has six, a try a start, a result and an end.
const RUNGS: usize = 20;

/// Bytes of a record that a rung shows; the log has it whole.
const TEXT_MAX: usize = 4 << 10;

pub(crate) async fn attempt(
    State(web): State<Web>,
    Path((id, attempt)): Path<(String, String)>,
    asker: Asker,
) -> Result<Detail> {
    let asked = u64::from_str_radix(&attempt, 16)
        .ok()
        .filter(|_| attempt.len() == 16)
        .ok_or_else(|| ApiError::Request {
            message: format!("`{}` is no attempt", shown(&attempt)),
            hint: "take its id from `attempts` of the PC's page, sixteen hex digits",
        })?;
    let (found, head) = tokio::try_join!(
        web.store.attempt(&web.tenant, &id, EventId(asked)),
        web.store.endpoint_name(&web.tenant, &id),
    )?;
    let Some(head) = head else {
        return Err(endpoint::unknown(&web, &id).await?);
    };
    let found = found.ok_or_else(|| ApiError::NotFound {
        message: format!("`{}` has no attempt `{}`", shown(&id), shown(&attempt)),
        hint: "its attempts are listed on the page of the PC, /api/v1/endpoints/{id}",
    })?;
    let cause = cause_of(&found);
    let same = async {
        match &cause {
            None => Ok(None),
            Some(cause) => {
                let filter = Filter {
                    tenant: web.tenant.to_string(),
                    cause: Some(cause.clone()),
                    now: Some(super::filter::now()),
                    ..Filter::default()
                };
                web.store.cause_totals(&filter).await.map(Some)
            }
        }
    };
    let rungs = rungs(&found);
    let changes = web.utc_changes_of(&id, &rungs);
    let (same, changes) = tokio::try_join!(same, changes)?;
    let rules = web.rule_texts().await;
    let of_rungs = rungs.iter().map(|(_, event)| {
        let (from, to) = (event.offset, event.offset.saturating_add(event.length));
        (event.stream, from..to)
    });
    let looks = Look::at(&id, of_rungs.chain(found.finding.iter().flat_map(places)));
    let mut ladder: Vec<Rung> = rungs
        .into_iter()
        .map(|(rung, event)| Rung::new(rung, event, &found, &changes))
        .collect();
    let finding = found.finding.clone();
    let mut finding = finding.map(|finding| FindingOut::new(&rules, finding, None));
    if asker.sees_text() {
        web.note(&asker, &looks).await?;
    } else {
        finding = finding.map(FindingOut::without_text);
        for rung in &mut ladder {
            (rung.text, rung.codes) = (None, Vec::new());
        }
    }
    Ok(Json(Detail {
        endpoint: Head {
            id,
            name: Some(head.name).filter(|name| !name.is_empty()),
            host: Some(head.host).filter(|host| !host.is_empty()),
            build: Some(texts::build(&head.servicing_stack)).filter(|build| !build.is_empty()),
        },
        attempt: found.listed.into(),
        finding,
        ladder,
        noise: Vec::new(),
        same: Same {
            pcs: same.map_or(0, |same| same.endpoints),
            attempts: same.map_or(0, |same| same.count),
            cause: cause.map(|cause| cause.to_string()),
        },
        before: found.before.into_iter().map(AttemptOut::from).collect(),
        after: found.after.into_iter().map(AttemptOut::from).collect(),
    }))
}

/// What tells the cause of a failed attempt from others.
fn cause_of(found: &AttemptDetail) -> Option<CauseId> {
    if !found.listed.attempt.outcome.is_failure() {
        return None;
    }
    Some(match &found.finding {
        Some(listed) => {
            let finding = &listed.finding;
            CauseId::of(&finding.rule, &finding.category, finding.root_code)
        }
        None => CauseId::of("", "unclassified", None),
    })
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttemptDetail)]
pub(crate) struct Detail {
    endpoint: Head,
    attempt: AttemptOut,
    /// Without `open`.
    finding: Option<FindingOut>,
    /// What started the failure first; then in the order logged how the try began, what passed the failure on, its result, and what said later
    /// how it ended.
    ladder: Vec<Rung>,
    /// Always empty: the store keeps no text of harmless records.
    noise: Vec<Harmless>,
    same: Same,
    /// Tries of the same update on this PC, the latest before it.
    before: Vec<AttemptOut>,
    /// The earliest after it.
    after: Vec<AttemptOut>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttemptEndpoint)]
struct Head {
    id: String,
    name: Option<String>,
    host: Option<String>,
    build: Option<String>,
}

/// A harmless record beside it.
#[derive(Serialize, ToSchema)]
#[schema(as = HarmlessRecord)]
struct Harmless {
    #[schema(value_type = Option<LoggedTime>)]
    logged: Option<String>,
    text: String,
}

/// How the fleet fails by the same cause, in the days that pages show unasked.
#[derive(Serialize, ToSchema)]
#[schema(as = SameCause)]
struct Same {
    /// 0 of a try that did not fail.
    pcs: u64,
    attempts: u64,
    cause: Option<String>,
}

#[derive(Serialize, ToSchema)]
struct Rung {
    #[schema(value_type = RungKind)]
    rung: &'static str,
    stream: String,
    offset: u64,
    length: u64,
    #[schema(value_type = LogSource)]
    source: &'static str,
    /// Absent where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    path: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    logged: Option<String>,
    #[schema(value_type = Option<UtcTime>)]
    utc: Option<String>,
    /// Nothing where who asks may see no text of logs.
    text: Option<String>,
    codes: Vec<CodeAt>,
}

type Changes = BTreeMap<StreamId, Vec<UtcAnchor>>;

impl Web {
    /// The UTC offsets of the logs that rungs stand in.
    async fn utc_changes_of(
        &self,
        id: &str,
        rungs: &[(&str, &Event)],
    ) -> std::result::Result<Changes, store::StoreError> {
        let mut changes = Changes::new();
        for (_, event) in rungs {
            if event.stamp.is_none() && !changes.contains_key(&event.stream) {
                let of_stream = self
                    .store
                    .utc_changes(&self.tenant, id, event.stream, u64::MAX);
                changes.insert(event.stream, of_stream.await?);
            }
        }
        Ok(changes)
    }
}

/// What started it first, then in the order logged how it began, what passed the failure on, its result and its end.
fn rungs(found: &AttemptDetail) -> Vec<(&'static str, &Event)> {
    let evidence: Vec<EventId> = found
        .finding
        .iter()
        .flat_map(|listed| &listed.finding.evidence)
        .map(|evidence| evidence.id)
        .collect();
    let origin = evidence.first().copied();
    let start = found.events.iter().find(|event| is_start(event.marker));
    let start = start.map(|event| event.id);
    let kind = |event: &Event| {
        if Some(event.id) == origin {
            Some("origin")
        } else if is_result(event.marker) {
            Some("result")
        } else if Some(event.id) == start {
            Some("start")
        } else if is_start(event.marker) {
            // Another part of the same session.
            None
        } else if is_end(event.marker) {
            Some("end")
        } else {
            evidence.contains(&event.id).then_some("passed")
        }
    };
    let mut rungs: Vec<(&'static str, &Event)> = found
        .events
        .iter()
        .filter_map(|event| Some((kind(event)?, event)))
        .collect();
    rungs.sort_by_key(|(rung, _)| *rung != "origin");
    // Of many parts the last results say how it ended.
    while rungs.len() > RUNGS {
        let spare = rungs
            .iter()
            .position(|(rung, _)| matches!(*rung, "result" | "end"));
        rungs.remove(spare.unwrap_or(rungs.len() - 1));
    }
    rungs
}

fn is_start(marker: Marker) -> bool {
    matches!(
        marker,
        Marker::ExecStart | Marker::RepairStart | Marker::CommandStart
    )
}

fn is_result(marker: Marker) -> bool {
    matches!(
        marker,
        Marker::ExecEnd | Marker::RepairEnd | Marker::CommandEnd | Marker::FailureReport
    )
}

fn is_end(marker: Marker) -> bool {
    matches!(
        marker,
        Marker::SessionEnd | Marker::ChangeReport | Marker::StartupEnd
    )
}

impl Rung {
    fn new(rung: &'static str, event: &Event, found: &AttemptDetail, changes: &Changes) -> Self {
        let of_stream = changes.get(&event.stream);
        let utc = event
            .stamp
            .or_else(|| in_force(of_stream?, event.offset, event.logged?));
        let text = event
            .text
            .get(..event.text.floor_char_boundary(TEXT_MAX))
            .unwrap_or_default();
        Self {
            rung,
            stream: event.stream.to_string(),
            offset: event.offset,
            length: event.length,
            source: event.source.name(),
            path: found.paths.get(&event.stream).cloned().map(name),
            logged: logged(event.logged),
            utc: utc.map(|utc| utc.to_string()),
            codes: spelled(text),
            text: Some(text.to_owned()),
        }
    }
}

/// A time in UTC by the offset that the log shows at a place.
fn in_force(changes: &[UtcAnchor], offset: u64, at: LoggedAt) -> Option<event::UtcMillis> {
    let after = changes.partition_point(|change| change.offset <= offset);
    let change = changes.get(after.saturating_sub(1))?;
    Some(at.to_utc(change.minutes))
}
