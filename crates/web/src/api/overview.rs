//! `/overview`: is the fleet failing, since when, with what cause, where.

use super::{alike, day, endpoints::Row, logged, name, read_code, read_day};
use crate::{error::Result, json::Json, server::Web, texts};
use axum::extract::{Query, State};
use event::Code;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use store::{Filter, Step};
use texts::Text;

#[derive(Deserialize)]
pub(crate) struct Asked {
    from: Option<String>,
    to: Option<String>,
    kb: Option<String>,
    category: Option<String>,
    code: Option<String>,
    endpoint: Option<String>,
}

pub(crate) async fn overview(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
) -> Result<Overview> {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = Filter {
        tenant: web.tenant.to_string(),
        from: given(asked.from)
            .map(|text| read_day(&text, "from"))
            .transpose()?,
        to: given(asked.to)
            .map(|text| read_day(&text, "to"))
            .transpose()?,
        kb: given(asked.kb).map(|kb| kb.to_ascii_uppercase()),
        category: given(asked.category),
        codes: match given(asked.code) {
            Some(text) => alike(read_code(&text)?),
            None => Vec::new(),
        },
        endpoint: given(asked.endpoint),
    };
    let (found, pending_units, used_bytes) = tokio::try_join!(
        web.store.overview(&filter),
        web.store.pending_units(),
        web.store.disk_used()
    )?;
    let rule_texts = web.rule_texts().await;
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
        .map(|cause| Cause {
            title: classify::title(rule_texts.get(&cause.rule), "", cause.root_code).into(),
            root_code: cause.root_code.map(|code| code.to_string()),
            root_name: cause.root_code.and_then(event::Code::name),
            category: cause.category,
            rule: cause.rule,
            object: name(cause.object),
            objects: cause.objects,
            count: cause.count,
            endpoints: cause.endpoints,
            first: logged(cause.first),
            last: logged(cause.last),
        })
        .collect();
    Ok(Json(Overview {
        range: Range {
            from: shown(found.from, filter.from),
            charted_from: shown(found.charted_from, filter.from),
            to: shown(found.to, filter.to),
            step: if is_hourly { "hour" } else { "day" },
        },
        pending_units,
        totals: Totals {
            endpoints: found.totals.endpoints,
            endpoints_failing: found.totals.endpoints_failing,
            attempts: found.totals.attempts,
            failed: found.totals.failed,
            succeeded: found.totals.succeeded,
            findings: found.totals.findings,
            events: found.totals.events,
            noise: found.totals.noise,
            raw_bytes: found.totals.raw_bytes,
        },
        disk: Disk {
            used_bytes,
            max_bytes: web.max_disk_bytes,
            full: web.is_disk_full(used_bytes),
            file_system_full: web.file_system_full.load(Ordering::Relaxed),
        },
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
        top_codes: found
            .top_codes
            .into_iter()
            .map(|code| CodeCount::new(code.code, code.events, code.noise, Some(code.endpoints)))
            .collect(),
        kbs: found
            .kbs
            .into_iter()
            .map(|kb| Kb {
                kb: kb.kb,
                failed: kb.failed,
                succeeded: kb.succeeded,
                endpoints_failing: kb.endpoints_failing,
            })
            .collect(),
        endpoints: found
            .endpoints
            .into_iter()
            .map(|endpoint| Row::new(&rule_texts, endpoint))
            .collect(),
    }))
}

#[derive(Serialize)]
pub(crate) struct Overview {
    range: Range,
    pending_units: u64,
    totals: Totals,
    disk: Disk,
    over_time: Vec<OverTime>,
    categories_over_time: Vec<CategoryOverTime>,
    top_causes: Vec<Cause>,
    top_codes: Vec<CodeCount>,
    kbs: Vec<Kb>,
    endpoints: Vec<Row>,
}

#[derive(Serialize)]
struct Range {
    from: String,
    charted_from: String,
    to: String,
    step: &'static str,
}

#[derive(Serialize)]
struct Totals {
    endpoints: u64,
    endpoints_failing: u64,
    attempts: u64,
    failed: u64,
    succeeded: u64,
    findings: u64,
    events: u64,
    noise: u64,
    raw_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Disk {
    used_bytes: u64,
    max_bytes: u64,
    full: bool,
    /// It is full because the file system is, not because of the bound.
    file_system_full: bool,
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

#[derive(Serialize)]
struct Cause {
    category: String,
    rule: String,
    title: Text,
    root_code: Option<String>,
    root_name: Option<&'static str>,
    object: String,
    objects: u64,
    count: u64,
    endpoints: u64,
    first: Option<String>,
    last: Option<String>,
}

#[derive(Serialize)]
struct Kb {
    kb: String,
    failed: u64,
    succeeded: u64,
    endpoints_failing: u64,
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
