//! `/overview`: what is broken now, since when, why, where.

use super::{
    day,
    endpoints::Row,
    filter::AskedFilter,
    labels::{Pairs, read_by},
    rows::{Cause, CodeCount, Kb},
    status::Disk,
};
use crate::{error::Result, json::Json, server::Web};
use axum::extract::{self, Query};
use event::UtcMillis;
use serde::{Deserialize, Serialize};
use store::{Group, RuleChange, State, Step};

#[derive(Deserialize)]
pub(crate) struct Asked {
    by: Option<String>,
}

pub(crate) async fn overview(
    extract::State(web): extract::State<Web>,
    Query(asked): Query<Asked>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Overview> {
    let filter = filter.read(&pairs, &web)?;
    let by = read_by(asked.by)?;
    let groups = async {
        match &by {
            Some(label) => web.store.groups(&filter, label).await,
            None => Ok(Vec::new()),
        }
    };
    let (found, groups, pending_units, used_bytes) = tokio::try_join!(
        web.store.overview(&filter),
        groups,
        web.store.pending_units(),
        web.store.disk_used()
    )?;
    let rule_texts = web.rule_texts().await;
    let marks = match (found.charted_from, found.to) {
        (Some(from), Some(to)) => {
            let ms = |day| store::day_start(day).0 * 1_000;
            let to = ms(to.saturating_add(1));
            web.store.rule_changes(&web.tenant, ms(from), to).await?
        }
        _ => Vec::new(),
    };
    let pcs = Pcs::new(&found);
    let is_hourly = found.step == Step::Hour;
    let slot = |at: event::LoggedAt| {
        let mut text = at.to_string();
        text.truncate(if is_hourly { 16 } else { 10 });
        text
    };
    let shown = |found: Option<store::Day>, asked| found.or(asked).map(day).unwrap_or_default();
    let top_causes: Vec<Cause> = found
        .top_causes
        .into_iter()
        .map(|cause| Cause::new(&rule_texts, cause))
        .collect();
    Ok(Json(Overview {
        range: Range {
            from: shown(found.from, filter.from),
            charted_from: shown(found.charted_from, filter.from),
            to: shown(found.to, filter.to),
            step: if is_hourly { "hour" } else { "day" },
        },
        pending_units,
        now: filter.now.map(|now| UtcMillis(now.0 * 1_000).to_string()),
        pcs,
        totals: Totals {
            attempts: found.totals.attempts,
            failed: found.totals.failed,
            succeeded: found.totals.succeeded,
            other: found
                .totals
                .attempts
                .saturating_sub(found.totals.failed + found.totals.succeeded),
            events: found.totals.events,
            noise: found.totals.noise,
            raw_bytes: found.totals.raw_bytes,
        },
        disk: Disk::of(&web, used_bytes),
        over_time: found
            .over_time
            .into_iter()
            .map(|bucket| OverTime {
                t: slot(bucket.at),
                failed: bucket.failed,
                succeeded: bucket.succeeded,
                other: bucket.other,
            })
            .collect(),
        categories_over_time: found
            .categories_over_time
            .into_iter()
            .map(|bucket| CategoryOverTime {
                t: slot(bucket.at),
                category: bucket.category,
                count: bucket.count,
            })
            .collect(),
        marks: marks.into_iter().map(Mark::from).collect(),
        top_causes,
        causes_total: found.causes_total,
        top_codes: found
            .top_codes
            .into_iter()
            .map(|code| CodeCount::new(code.code, code.events, code.noise, Some(code.endpoints)))
            .collect(),
        kbs: found.kbs.into_iter().map(Kb::new).collect(),
        kbs_total: found.kbs_total,
        known: found.known,
        like: found.like,
        endpoints: found
            .endpoints
            .into_iter()
            .map(|endpoint| Row::new(&rule_texts, endpoint))
            .collect(),
        groups: by
            .is_some()
            .then(|| groups.into_iter().map(GroupOut::from).collect()),
    }))
}

#[derive(Serialize)]
pub(crate) struct Overview {
    range: Range,
    now: Option<String>,
    pending_units: u64,
    pcs: Pcs,
    totals: Totals,
    disk: Disk,
    over_time: Vec<OverTime>,
    categories_over_time: Vec<CategoryOverTime>,
    marks: Vec<Mark>,
    top_causes: Vec<Cause>,
    causes_total: u64,
    top_codes: Vec<CodeCount>,
    kbs: Vec<Kb>,
    kbs_total: usize,
    known: bool,
    like: Vec<String>,
    endpoints: Vec<Row>,
    /// Where a label is named to group by.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Vec<GroupOut>>,
}

/// What a chart marks: figures before it were made with other rules.
#[derive(Serialize)]
struct Mark {
    at: String,
    what: String,
}

impl From<RuleChange> for Mark {
    fn from(change: RuleChange) -> Self {
        Self {
            at: UtcMillis(change.at_ms).to_string(),
            what: change.action,
        }
    }
}

#[derive(Serialize)]
struct GroupOut {
    value: String,
    endpoints: u64,
    endpoints_failing: u64,
    failed: u64,
}

impl From<Group> for GroupOut {
    fn from(group: Group) -> Self {
        Self {
            value: group.value,
            endpoints: group.endpoints,
            endpoints_failing: group.endpoints_failing,
            failed: group.failed,
        }
    }
}

#[derive(Serialize)]
struct Range {
    from: String,
    charted_from: String,
    to: String,
    step: &'static str,
}

/// PCs by state.
#[derive(Serialize)]
struct Pcs {
    seen: u64,
    tried: u64,
    failing: u64,
    restart: u64,
    installed: u64,
    recovered: u64,
    cancelled: u64,
    unknown: u64,
    not_tried: u64,
    failing_day_ago: Option<u64>,
    failing_week_ago: Option<u64>,
    silent: u64,
    clock_ahead: u64,
    last_log: Option<String>,
}

impl Pcs {
    fn new(found: &store::Overview) -> Self {
        let (machines, totals) = (&found.machines, &found.totals);
        Self {
            seen: totals.endpoints,
            tried: machines.tried(),
            failing: machines.of(State::Failing),
            restart: machines.of(State::Restart),
            installed: machines.have(),
            recovered: machines.of(State::Recovered),
            cancelled: machines.of(State::Cancelled),
            unknown: machines.of(State::Unknown),
            not_tried: totals.endpoints.saturating_sub(machines.tried()),
            failing_day_ago: found.failing.day_ago,
            failing_week_ago: found.failing.week_ago,
            silent: totals.silent,
            clock_ahead: totals.clock_ahead,
            last_log: totals.last_log.map(|at| at.to_string()),
        }
    }
}

#[derive(Serialize)]
struct Totals {
    attempts: u64,
    failed: u64,
    succeeded: u64,
    other: u64,
    events: Option<u64>,
    noise: Option<u64>,
    raw_bytes: Option<u64>,
}

#[derive(Serialize)]
struct OverTime {
    t: String,
    failed: u64,
    succeeded: u64,
    other: u64,
}

#[derive(Serialize)]
struct CategoryOverTime {
    t: String,
    category: String,
    count: u64,
}
