//! `/coverage`: who reports, who is silent, and which logs have holes.

use super::{day, endpoints::Days, filter::AskedFilter, labels::Pairs, name};
use crate::{error::Result, json::Json, server::Web};
use axum::extract::{Query, State};
use serde::Serialize;

pub(crate) async fn coverage(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Coverage> {
    let found = web.store.coverage(&filter.read(&pairs, &web)?).await?;
    let gaps_total = found.gaps.is_some().then_some(found.gaps_total);
    Ok(Json(Coverage {
        range: found.days.map(Days::from),
        seen: found.seen,
        silent: found.silent,
        clock_ahead: found.clock_ahead,
        reporting: found.reporting.map(|days| {
            let days = days.into_iter();
            days.map(|(on, pcs)| Reporting { t: day(on), pcs })
                .collect()
        }),
        gaps: found
            .gaps
            .unwrap_or_default()
            .into_iter()
            .map(|gap| GapOut {
                endpoint: gap.endpoint,
                stream: gap.stream.to_string(),
                source: gap.source.name(),
                path: name(gap.path),
                from: gap.from,
                to: gap.to,
                reason: "not_received",
            })
            .collect(),
        gaps_total,
    }))
}

#[derive(Serialize)]
pub(crate) struct Coverage {
    range: Option<Days>,
    seen: u64,
    silent: u64,
    clock_ahead: u64,
    /// Nothing where there are too many pieces of logs to look at while a page waits.
    reporting: Option<Vec<Reporting>>,
    gaps: Vec<GapOut>,
    /// In the same way.
    gaps_total: Option<u64>,
}

#[derive(Serialize)]
struct Reporting {
    t: String,
    pcs: u64,
}

#[derive(Serialize)]
struct GapOut {
    endpoint: String,
    stream: String,
    source: &'static str,
    path: String,
    from: u64,
    to: u64,
    reason: &'static str,
}
