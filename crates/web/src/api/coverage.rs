//! `/coverage`: who reports, who is silent, and which logs have holes.

use super::{
    day,
    endpoints::Days,
    file::{Asking, FileOf, LINES_MAX, Line, List},
    filter::AskedFilter,
    labels::Pairs,
    name,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    schema::{DayText, LogSource, LostReason, LostUnit, UtcTime},
    server::Web,
};
use axum::extract::{Query, State};
use serde::Serialize;
use store::{LogGap, LostPiece};
use utoipa::ToSchema;

/// Endpoints of several machines in one answer: one image that was rolled out with its identity may make thousands.
const CLONES: usize = 50;

/// Lost pieces of an answer.
const LOST: u64 = 50;

pub(crate) async fn coverage(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Coverage> {
    let filter = filter.read(&pairs, &web)?;
    let (found, clones, (lost, lost_total)) = tokio::try_join!(
        web.store.coverage(&filter),
        web.store.clones(&filter),
        web.store.lost(&filter, LOST),
    )?;
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
            .map(GapOut::from)
            .collect(),
        gaps_total,
        lost: lost.into_iter().map(LostOut::from).collect(),
        lost_total,
        clones_total: clones.len(),
        clones: clones.into_iter().take(CLONES).map(Cloned::from).collect(),
    }))
}

/// All gaps.
pub(crate) async fn coverage_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<GapOut> {
    let filter = filter.read(&pairs, &web)?;
    let gaps = web.store.log_gaps(&filter, LINES_MAX as u64).await?;
    let Some(gaps) = gaps else {
        return Err(ApiError::Request {
            message: "there are too many pieces of logs to look for gaps in all of them".to_owned(),
            hint: "narrow to one PC with `endpoint=`",
        });
    };
    let list = List {
        rows: gaps.rows.into_iter().map(GapOut::from).collect(),
        total: Some(gaps.total),
    };
    asking.file(&web, "coverage", list).await
}

/// All that senders say to be lost.
pub(crate) async fn lost_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<LostOut> {
    let filter = filter.read(&pairs, &web)?;
    let (lost, total) = web.store.lost(&filter, LINES_MAX as u64).await?;
    let list = List {
        rows: lost.into_iter().map(LostOut::from).collect(),
        total: Some(total),
    };
    asking.file(&web, "lost", list).await
}

/// All endpoints that several machines send as.
pub(crate) async fn clones_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<Cloned> {
    let clones = web.store.clones(&filter.read(&pairs, &web)?).await?;
    let rows: Vec<Cloned> = clones.into_iter().map(Cloned::from).collect();
    asking.file(&web, "clones", List::whole(rows)).await
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Coverage {
    range: Option<Days>,
    /// As in `pcs` of the overview; so are `silent` and `clock_ahead`.
    seen: u64,
    silent: u64,
    clock_ahead: u64,
    /// PCs that have a piece of a log which reaches into the day. Nothing, as `gaps_total`, where there are too many pieces of logs to look at
    /// while a page waits.
    reporting: Option<Vec<Reporting>>,
    /// Bytes missing before a piece that begins in the range.
    gaps: Vec<GapOut>,
    /// In the same way.
    gaps_total: Option<u64>,
    /// What senders say to be lost for good, the last told first; first told on these days where the filter names some.
    lost: Vec<LostOut>,
    lost_total: u64,
    /// Ids that several machines send as by turns, whatever the days.
    clones: Vec<Cloned>,
    clones_total: usize,
}

/// An endpoint, and the names of the machines that send as it by turns.
#[derive(Serialize, ToSchema)]
#[schema(as = ClonedEndpoint)]
pub(crate) struct Cloned {
    endpoint: String,
    /// Names of these machines.
    hosts: Vec<String>,
}

impl From<(String, Vec<String>)> for Cloned {
    fn from((endpoint, hosts): (String, Vec<String>)) -> Self {
        Self { endpoint, hosts }
    }
}

impl Line for Cloned {
    const COLUMNS: &'static [&'static str] = &["endpoint", "hosts"];

    fn cells(&self) -> Vec<String> {
        vec![self.endpoint.clone(), self.hosts.join(", ")]
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = ReportingDay)]
struct Reporting {
    #[schema(value_type = DayText)]
    t: String,
    pcs: u64,
}

/// A part of a log that is lost for good.
#[derive(Serialize, ToSchema)]
#[schema(as = LostPiece)]
pub(crate) struct LostOut {
    endpoint: String,
    #[schema(value_type = LogSource)]
    source: &'static str,
    /// Nothing of a log of which no line was ever read.
    stream: Option<String>,
    path: String,
    from: u64,
    to: u64,
    /// Of what `from` and `to` are places: `bytes` or `records`.
    #[schema(value_type = LostUnit)]
    unit: &'static str,
    #[schema(value_type = LostReason)]
    reason: &'static str,
    /// When it was first told, in UTC.
    #[schema(value_type = UtcTime)]
    told: String,
}

impl From<LostPiece> for LostOut {
    fn from(lost: LostPiece) -> Self {
        Self {
            endpoint: lost.endpoint,
            source: lost.source.name(),
            stream: lost.stream.map(|stream| stream.to_string()),
            path: name(lost.path),
            from: lost.from,
            to: lost.to,
            unit: match lost.reason.is_of_records() {
                true => "records",
                false => "bytes",
            },
            reason: lost.reason.name(),
            told: lost.told.to_string(),
        }
    }
}

impl Line for LostOut {
    const COLUMNS: &'static [&'static str] = &[
        "endpoint", "source", "stream", "path", "from", "to", "unit", "reason", "told",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.endpoint.clone(),
            self.source.to_owned(),
            self.stream.clone().unwrap_or_default(),
            self.path.clone(),
            self.from.to_string(),
            self.to.to_string(),
            self.unit.to_owned(),
            self.reason.to_owned(),
            self.told.clone(),
        ]
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = LogGap)]
pub(crate) struct GapOut {
    endpoint: String,
    stream: String,
    #[schema(value_type = LogSource)]
    source: &'static str,
    path: String,
    from: u64,
    to: u64,
    reason: &'static str,
}

impl From<LogGap> for GapOut {
    fn from(gap: LogGap) -> Self {
        Self {
            endpoint: gap.endpoint,
            stream: gap.stream.to_string(),
            source: gap.source.name(),
            path: name(gap.path),
            from: gap.from,
            to: gap.to,
            reason: "not_received",
        }
    }
}

impl Line for GapOut {
    const COLUMNS: &'static [&'static str] = &[
        "endpoint",
        "stream",
        "source",
        "path",
        "from_byte",
        "to_byte",
        "reason",
    ];

    fn cells(&self) -> Vec<String> {
        vec![
            self.endpoint.clone(),
            self.stream.clone(),
            self.source.to_owned(),
            self.path.clone(),
            self.from.to_string(),
            self.to.to_string(),
            self.reason.to_owned(),
        ]
    }
}
