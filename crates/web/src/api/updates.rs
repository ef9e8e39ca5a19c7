//! `/updates`: how updates go out, all of them, and one.

use super::{
    day,
    endpoints::Days,
    file::{Asking, FileOf, Line, List},
    filter::AskedFilter,
    labels::Pairs,
    pages::AskedLines,
    rows::{ByState, Cause, Kb},
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    schema::DayText,
    server::Web,
};
use axum::extract::{self, Path, Query};
use serde::Serialize;
use store::{BuildRollout, RolloutDay, State};
use utoipa::ToSchema;

pub(crate) async fn updates(
    extract::State(web): extract::State<Web>,
    Query(lines): Query<AskedLines>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Updates> {
    let (days, rows) = listed(&web, &lines.q, &filter.read(&pairs, &web)?).await?;
    let page = lines.of(rows)?;
    Ok(Json(Updates {
        range: days.map(Days::from),
        updates: page.rows,
        total: page.total,
        next: page.next,
    }))
}

/// The whole list.
pub(crate) async fn updates_file(
    extract::State(web): extract::State<Web>,
    Query(lines): Query<AskedLines>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<Update> {
    let (_, rows) = listed(&web, &lines.q, &filter.read(&pairs, &web)?).await?;
    asking.file(&web, "updates", List::whole(rows)).await
}

type Listed = (Option<(store::Day, store::Day)>, Vec<Update>);

async fn listed(
    web: &Web,
    q: &str,
    filter: &store::Filter,
) -> std::result::Result<Listed, ApiError> {
    let found = web.store.updates(filter).await?;
    let search = q.trim().to_ascii_uppercase();
    let rows = found
        .updates
        .into_iter()
        .filter(|update| update.kb.contains(&search))
        .map(|update| Update {
            kb: Kb::new(update),
            title: None,
        });
    Ok((found.days, rows.collect()))
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdateList)]
pub(crate) struct Updates {
    /// Nothing where there is no data.
    range: Option<Days>,
    updates: Vec<Update>,
    total: usize,
    /// Goes into `after`; nothing at the end.
    next: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdateRow)]
pub(crate) struct Update {
    #[serde(flatten)]
    kb: Kb,
    /// No log tells it.
    title: Option<String>,
}

impl Line for Update {
    const COLUMNS: &'static [&'static str] = Kb::COLUMNS;

    fn cells(&self) -> Vec<String> {
        self.kb.cells()
    }
}

pub(crate) async fn update(
    extract::State(web): extract::State<Web>,
    Path(kb): Path<String>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Rollout> {
    let mut filter = filter.read(&pairs, &web)?;
    let kb = kb.to_ascii_uppercase();
    filter.kb = Some(kb.clone());
    let found = web.store.rollout(&filter).await?;
    let rules = web.rule_texts().await;
    let pcs = Pcs {
        seen: found.seen,
        not_tried: found.seen.saturating_sub(found.machines.tried()),
        by_state: ByState::from(&found.machines),
    };
    Ok(Json(Rollout {
        range: found.days.map(Days::from),
        known: pcs.by_state.tried > 0 || found.first.is_some(),
        kb,
        pcs,
        over_time: found.over_time.into_iter().map(OverTime::from).collect(),
        before: found.before.map(|(kb, days)| Before {
            kb,
            over_time: days.into_iter().map(SinceFirst::from).collect(),
        }),
        first: found.first.map(day),
        causes: found
            .causes
            .into_iter()
            .map(|cause| Cause::new(&rules, cause))
            .collect(),
        causes_total: found.causes_total,
        builds: found.builds.into_iter().map(BuildOut::from).collect(),
    }))
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdateDetail)]
pub(crate) struct Rollout {
    range: Option<Days>,
    kb: String,
    known: bool,
    pcs: Pcs,
    /// From its first try in the range on, PCs on which a try has succeeded by the end of the day, and PCs on which one has failed and none
    /// succeeded.
    over_time: Vec<OverTime>,
    /// Of the same line and branch the update of the greatest version below, among those tried in the range or in the 45 days before it.
    before: Option<Before>,
    /// The day of its first try.
    #[schema(value_type = Option<DayText>)]
    first: Option<String>,
    causes: Vec<Cause>,
    causes_total: u64,
    builds: Vec<BuildOut>,
}

/// All PCs, those that tried it by their state for it.
#[derive(Serialize, ToSchema)]
#[schema(as = Funnel)]
struct Pcs {
    /// Whose logs reach into the range.
    seen: u64,
    #[serde(flatten)]
    by_state: ByState,
    not_tried: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdateDay)]
struct OverTime {
    #[schema(value_type = DayText)]
    t: String,
    installed: u64,
    failing: u64,
}

impl From<RolloutDay> for OverTime {
    fn from(at: RolloutDay) -> Self {
        Self {
            t: day(at.day),
            installed: at.installed,
            failing: at.failing,
        }
    }
}

/// The update before it.
#[derive(Serialize, ToSchema)]
#[schema(as = UpdateBefore)]
struct Before {
    kb: String,
    over_time: Vec<SinceFirst>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = UpdateDaySince)]
struct SinceFirst {
    /// Days after its own first try.
    day: u16,
    installed: u64,
    failing: u64,
}

impl From<RolloutDay> for SinceFirst {
    fn from(at: RolloutDay) -> Self {
        Self {
            day: at.day,
            installed: at.installed,
            failing: at.failing,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = BuildRollout)]
struct BuildOut {
    build: String,
    tried: u64,
    failing: u64,
    installed: u64,
}

impl From<BuildRollout> for BuildOut {
    fn from(build: BuildRollout) -> Self {
        Self {
            build: build.build,
            tried: build.machines.tried(),
            failing: build.machines.of(State::Failing),
            installed: build.machines.have(),
        }
    }
}
