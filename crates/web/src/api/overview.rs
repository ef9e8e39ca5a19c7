//! `/overview`: what is broken now, since when, why, where.

use super::{
    day,
    endpoints::Row,
    filter::AskedFilter,
    labels::{Pairs, read_by},
    logged, name,
    status::Disk,
};
use crate::{error::Result, json::Json, rule_texts::RuleTexts, server::Web, texts};
use axum::extract::{self, Query};
use event::{Code, UtcMillis};
use serde::{Deserialize, Serialize};
use store::{Group, KbSummary, State, Step, Trend};
use texts::Text;

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

/// A line of a list of causes.
#[derive(Serialize)]
pub(super) struct Cause {
    pub(super) id: String,
    pub(super) state: Option<&'static str>,
    pub(super) category: String,
    pub(super) rule: String,
    pub(super) title: Text,
    root_code: Option<String>,
    root_name: Option<&'static str>,
    object: String,
    /// How many there are; nothing on the cause's own page, which lists them under this name.
    #[serde(skip_serializing_if = "Option::is_none")]
    objects: Option<u64>,
    pcs_now: u64,
    pcs_day_ago: Option<u64>,
    pcs_week_ago: Option<u64>,
    pcs: u64,
    count: u64,
    first: Option<String>,
    last: Option<String>,
}

impl Cause {
    pub(super) fn new(rules: &RuleTexts, cause: store::Cause) -> Self {
        Self {
            id: cause.id().to_string(),
            state: cause.trend.map(Trend::name),
            title: classify::title(rules.get(&cause.rule), "", cause.root_code).into(),
            root_code: cause.root_code.map(|code| code.to_string()),
            root_name: cause.root_code.and_then(event::Code::name),
            category: cause.category,
            rule: cause.rule,
            object: name(cause.object),
            objects: Some(cause.objects),
            pcs_now: cause.failing.now,
            pcs_day_ago: cause.failing.day_ago,
            pcs_week_ago: cause.failing.week_ago,
            pcs: cause.endpoints,
            count: cause.count,
            first: logged(cause.first),
            last: logged(cause.last),
        }
    }

    /// Without the number that the list of its own page takes the place of.
    pub(super) fn without_objects(self) -> Self {
        Self {
            objects: None,
            ..self
        }
    }

    /// Whether a person who looks for some words, in lower case here, may mean it.
    pub(super) fn is_like(&self, search: &str) -> bool {
        let codes = [self.root_code.as_deref(), self.root_name];
        let words = [
            self.id.as_str(),
            &self.category,
            &self.title.en,
            &self.title.zh,
            &self.object,
        ];
        let mut all = words.into_iter().chain(codes.into_iter().flatten());
        all.any(|word| word.to_lowercase().contains(search))
    }
}

/// An update, in PCs; `failed` and `succeeded` are attempts.
#[derive(Serialize)]
pub(super) struct Kb {
    pub(super) kb: String,
    tried: u64,
    installed: u64,
    recovered: u64,
    superseded: u64,
    restart: u64,
    failing: u64,
    cancelled: u64,
    unknown: u64,
    failed: u64,
    succeeded: u64,
    first: Option<String>,
    last: Option<String>,
}

impl Kb {
    pub(super) fn new(kb: KbSummary) -> Self {
        let of = |state| kb.machines.of(state);
        Self {
            tried: kb.machines.tried(),
            installed: kb.machines.have(),
            recovered: of(State::Recovered),
            superseded: of(State::Superseded),
            restart: of(State::Restart),
            failing: of(State::Failing),
            cancelled: of(State::Cancelled),
            unknown: of(State::Unknown),
            failed: kb.failed,
            succeeded: kb.succeeded,
            first: day_of(kb.first),
            last: day_of(kb.last),
            kb: kb.kb,
        }
    }
}

/// The day of a time.
fn day_of(at: Option<event::LoggedAt>) -> Option<String> {
    let mut text = logged(at)?;
    text.truncate(10);
    Some(text)
}

/// A code with how often it was seen.
#[derive(Serialize)]
pub(crate) struct CodeCount {
    code: String,
    space: &'static str,
    names: Vec<&'static str>,
    meaning: Option<Text>,
    events: u64,
    noise: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<u64>,
}

impl CodeCount {
    pub(crate) fn new(code: Code, events: u64, noise: u64, endpoints: Option<u64>) -> Self {
        Self {
            code: code.to_string(),
            space: code.space().name(),
            names: classify::catalogue::names(code),
            meaning: texts::meaning(code),
            events,
            noise,
            endpoints,
        }
    }
}
