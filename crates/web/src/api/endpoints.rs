//! `/endpoints`: every machine, by name or by failure.

use super::{day, logged};
use crate::{
    error::Result,
    json::Json,
    rule_texts::RuleTexts,
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use store::EndpointSummary;

/// A page unless asked for more: two screens.
const LIMIT: usize = 50;
/// More than a person reads, and still one short answer.
const LIMIT_MAX: usize = 500;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    failing: Option<String>,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Endpoints {
    days: Option<Days>,
    endpoints: Vec<Row>,
    total: Option<u64>,
    next: Option<String>,
}

/// The days that something is told of.
#[derive(Serialize)]
pub(crate) struct Days {
    from: String,
    to: String,
}

impl From<(store::Day, store::Day)> for Days {
    fn from((from, to): (store::Day, store::Day)) -> Self {
        Self {
            from: day(from),
            to: day(to),
        }
    }
}

pub(crate) async fn endpoints(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
) -> Result<Endpoints> {
    let failing = asked.failing.is_some_and(|failing| failing == "1");
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let page = web
        .store
        .endpoints(
            &web.tenant,
            asked.q.trim(),
            failing,
            limit,
            asked.after.as_deref(),
        )
        .await?;
    let rule_texts = web.rule_texts().await;
    Ok(Json(Endpoints {
        days: page.days.map(Days::from),
        endpoints: page
            .endpoints
            .into_iter()
            .map(|endpoint| Row::new(&rule_texts, endpoint))
            .collect(),
        total: page.total,
        next: page.next,
    }))
}

/// One line of a list of endpoints.
#[derive(Serialize)]
pub(crate) struct Row {
    endpoint: String,
    host: String,
    build: String,
    failed: u64,
    last_failure: Option<String>,
    last_seen: Option<String>,
    category: Option<String>,
    title: Option<Text>,
}

impl Row {
    pub(crate) fn new(rules: &RuleTexts, endpoint: EndpointSummary) -> Self {
        let title = rules
            .get(&endpoint.rule)
            .map(|rule| classify::title(Some(rule), "", None).into());
        Self {
            build: texts::build(&endpoint.servicing_stack),
            endpoint: endpoint.endpoint,
            host: endpoint.host,
            failed: endpoint.failed,
            last_failure: logged(endpoint.last_failure),
            last_seen: logged(endpoint.last_seen),
            category: (!endpoint.category.is_empty()).then_some(endpoint.category),
            title,
        }
    }
}
