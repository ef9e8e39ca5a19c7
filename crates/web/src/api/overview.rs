//! `/overview`: what is broken now, since when, why, where.

use super::{
    day,
    endpoints::Row,
    filter::{AskedFilter, now},
    labels::{Pairs, read_by},
    rows::{Cause, Kb, TopCode},
    status::Disk,
};
use crate::{
    error::Result,
    json::Json,
    schema::{StepName, UtcTime},
    server::Web,
};
use axum::extract::{self, Query};
use event::UtcMillis;
use serde::{Deserialize, Serialize};
use store::{Group, RuleChange, State, Step};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// A label: PCs are grouped by it too, in `groups`.
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
        now: UtcMillis(filter.now.unwrap_or_else(now).0 * 1_000).to_string(),
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
        top_codes: found.top_codes.into_iter().map(TopCode::from).collect(),
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

#[derive(Serialize, ToSchema)]
pub(crate) struct Overview {
    range: Range,
    /// Of the server.
    #[schema(value_type = UtcTime)]
    now: String,
    /// Units still to derive: above 0 the figures still move.
    pending_units: u64,
    pcs: Pcs,
    totals: Totals,
    disk: Disk,
    /// Attempts by the day of their start.
    over_time: Vec<OverTime>,
    /// Failed attempts by the category of their cause, and findings that stand alone.
    categories_over_time: Vec<CategoryOverTime>,
    /// Changes of rules in the charted days, as far as the audit reaches.
    marks: Vec<Mark>,
    /// The first 20, by PCs that fail now.
    top_causes: Vec<Cause>,
    causes_total: u64,
    top_codes: Vec<TopCode>,
    /// The first 20, by PCs that fail.
    kbs: Vec<Kb>,
    kbs_total: usize,
    /// False where a filter names what nothing in the range has.
    known: bool,
    /// Of a KB that is not known those of the range that are spelled most alike.
    like: Vec<String>,
    /// PCs that fail, the first 20 of `pcs.failing`.
    endpoints: Vec<Row>,
    /// Where a label is named to group by: those with most PCs that fail first.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    groups: Option<Vec<GroupOut>>,
}

/// What a chart marks: figures before it were made with other rules.
#[derive(Serialize, ToSchema)]
struct Mark {
    #[schema(value_type = UtcTime)]
    at: String,
    /// `rules.publish`, `reprocess.apply` or `reprocess.rollback`.
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

#[derive(Serialize, ToSchema)]
#[schema(as = Group)]
struct GroupOut {
    /// Of the label; the empty one is of PCs without it.
    value: String,
    /// Of all PCs that the filters `endpoint` and `label` leave, whatever the range.
    endpoints: u64,
    /// That fail now.
    endpoints_failing: u64,
    /// Attempts.
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

#[derive(Serialize, ToSchema)]
#[schema(as = OverviewRange)]
struct Range {
    /// Empty, as `to`, where there is no data.
    from: String,
    /// Charts begin here, later than `from` where the range is longer than a chart holds.
    charted_from: String,
    to: String,
    /// Hours for up to two days.
    #[schema(value_type = StepName)]
    step: &'static str,
}

/// PCs by state.
#[derive(Serialize, ToSchema)]
struct Pcs {
    /// Whose logs reach into the range, whatever the update, cause or code; `not_tried` are of them.
    seen: u64,
    tried: u64,
    failing: u64,
    restart: u64,
    /// With those that recovered or have a later update instead.
    installed: u64,
    recovered: u64,
    cancelled: u64,
    unknown: u64,
    not_tried: u64,
    /// Nothing, as `failing_week_ago`, where the range begins later.
    failing_day_ago: Option<u64>,
    failing_week_ago: Option<u64>,
    /// Of all PCs, whatever the range: so are `clock_ahead` and `last_log`.
    silent: u64,
    clock_ahead: u64,
    /// When the newest log arrived or a PC enrolled.
    #[schema(value_type = Option<UtcTime>)]
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

#[derive(Serialize, ToSchema)]
#[schema(as = OverviewTotals)]
struct Totals {
    attempts: u64,
    failed: u64,
    succeeded: u64,
    other: u64,
    /// Nothing, as `noise`, where labels leave too many records to count while somebody waits.
    events: Option<u64>,
    noise: Option<u64>,
    /// Nothing where a fleet has too many pieces of logs to sum up while somebody waits.
    raw_bytes: Option<u64>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AttemptsOverTime)]
struct OverTime {
    /// `2022-08-18`, or by hours `2022-08-18 15:00`; so everywhere in the overview.
    t: String,
    failed: u64,
    succeeded: u64,
    other: u64,
}

#[derive(Serialize, ToSchema)]
struct CategoryOverTime {
    t: String,
    category: String,
    count: u64,
}
