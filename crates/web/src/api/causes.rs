//! `/causes`: why updates fail, all of it, and one cause with what its PCs have in common.

use super::{
    codes::Equivalent,
    day,
    derived::{FindingOut, places},
    endpoints::{Days, Row, unknown},
    file::{Asking, FileOf, List},
    filter::{AskedFilter, read_cause},
    labels::Pairs,
    name,
    pages::AskedLines,
    rows::{Cause, CauseHead},
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    looks::Look,
    roles::Asker,
    schema::{CauseState, CodeText, CommonKind, DayText},
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Path, Query, State};
use serde::{Deserialize, Serialize};
use store::{Day, Filter, Trend};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// Only causes in this state.
    #[serde(default)]
    #[param(value_type = Option<CauseState>, inline)]
    state: String,
}

pub(crate) async fn causes(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
    Query(lines): Query<AskedLines>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Causes> {
    let (days, list) = listed(&web, &asked, &lines.q, &filter.read(&pairs, &web)?).await?;
    let page = lines.of(list.rows)?;
    Ok(Json(Causes {
        range: days.map(Days::from),
        causes: page.rows,
        total: list.total.unwrap_or(page.total as u64),
        next: page.next,
    }))
}

/// The whole list.
pub(crate) async fn causes_file(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
    Query(lines): Query<AskedLines>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<Cause> {
    let (_, list) = listed(&web, &asked, &lines.q, &filter.read(&pairs, &web)?).await?;
    asking.file(&web, "causes", list).await
}

/// All of them that are ranked, with how many there are.
async fn listed(
    web: &Web,
    asked: &Asked,
    q: &str,
    filter: &Filter,
) -> std::result::Result<(Option<(Day, Day)>, List<Cause>), ApiError> {
    let state = match asked.state.as_str() {
        "" => None,
        name => Some(Trend::from_name(name).ok_or_else(|| unknown("state", name))?),
    };
    let found = web.store.causes(filter).await?;
    let rule_texts = web.rule_texts().await;
    let search = q.trim().to_lowercase();
    let is_all = state.is_none() && search.is_empty();
    let rows = found
        .causes
        .into_iter()
        .map(|cause| Cause::new(&rule_texts, cause))
        .filter(|cause| state.is_none_or(|state| cause.head.state == Some(state.name())))
        .filter(|cause| search.is_empty() || cause.head.is_like(&search));
    let mut list = List::whole(rows.collect());
    if is_all {
        list.total = Some(found.total);
    }
    Ok((found.days, list))
}

#[derive(Serialize, ToSchema)]
#[schema(as = CauseList)]
pub(crate) struct Causes {
    /// Nothing where there is no data.
    range: Option<Days>,
    causes: Vec<Cause>,
    total: u64,
    /// Goes into `after`; nothing at the end.
    next: Option<String>,
}

pub(crate) async fn cause(
    State(web): State<Web>,
    Path(id): Path<String>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asker: Asker,
) -> Result<CauseDetail> {
    let asked = read_cause(&id)?;
    let mut filter = filter.read(&pairs, &web)?;
    filter.cause = Some(asked.clone());
    let found = web.store.cause(&filter).await?;
    let rules = web.rule_texts().await;
    if let Some((endpoint, finding)) = &found.sample
        && asker.sees_text()
    {
        let looks = Look::at(endpoint, places(finding));
        web.note(&asker, &looks).await?;
    }
    let known = found.cause.is_some();
    // Of a cause that nothing in the days has, its name is told all the same.
    let rule = rules.get(&asked.word);
    let cause = found.cause.unwrap_or_else(|| store::Cause {
        category: rule.map_or(asked.word.clone(), |rule| rule.category.clone()),
        rule: rule.map(|rule| rule.id.clone()).unwrap_or_default(),
        root_code: asked.code,
        object: String::new(),
        objects: 0,
        failing: store::Failing::default(),
        endpoints: 0,
        count: 0,
        first: None,
        last: None,
        trend: None,
    });
    let (root, objects_total) = (cause.root_code, cause.objects);
    let steps = rules.get(&cause.rule).map(|rule| texts::advice(Some(rule)));
    Ok(Json(CauseDetail {
        range: found.days.map(Days::from),
        known,
        cause: CauseHead::new(&rules, cause),
        advice: steps.filter(|steps| !steps.en.is_empty()),
        meaning: root.and_then(texts::meaning),
        equals: root
            .into_iter()
            .flat_map(|code| code.equivalents().map(Equivalent::from).collect::<Vec<_>>())
            .collect(),
        over_time: found
            .over_time
            .into_iter()
            .map(|at| OverTime {
                t: day(at.day),
                pcs: at.endpoints,
                count: at.count,
            })
            .collect(),
        objects: found
            .objects
            .into_iter()
            .map(|(object, pcs)| ObjectPcs {
                object: name(object),
                pcs,
            })
            .collect(),
        objects_total,
        kbs: found
            .kbs
            .into_iter()
            .map(|kb| OfKb {
                kb: kb.kb,
                pcs: kb.endpoints,
                count: kb.count,
            })
            .collect(),
        terminal_codes: found
            .terminal_codes
            .into_iter()
            .map(|(code, count)| Terminal {
                code: code.to_string(),
                names: classify::catalogue::names(code),
                count,
            })
            .collect(),
        sample: found.sample.map(|(endpoint, finding)| {
            let finding = FindingOut::new(&rules, finding, None);
            Sample {
                endpoint,
                finding: match asker.sees_text() {
                    true => finding,
                    false => finding.without_text(),
                },
            }
        }),
        common: found.common.into_iter().map(CommonOut::from).collect(),
        twins: found
            .twins
            .into_iter()
            .map(|twin| Row::new(&rules, twin))
            .collect(),
    }))
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CauseDetail {
    range: Option<Days>,
    /// False where nothing in the range has it; its names are told all the same.
    known: bool,
    #[serde(flatten)]
    cause: CauseHead,
    /// A step a line.
    advice: Option<Text>,
    /// Of `root_code`.
    meaning: Option<Text>,
    /// Codes that say the same.
    equals: Vec<Equivalent>,
    /// Failed attempts on the day of their start; the sum of `count` is that of the cause.
    over_time: Vec<OverTime>,
    /// The first of them, also of findings that attempts have as theirs.
    objects: Vec<ObjectPcs>,
    /// As `objects` of a row of the list.
    objects_total: u64,
    kbs: Vec<OfKb>,
    terminal_codes: Vec<Terminal>,
    /// The latest finding, as on the page of its PC.
    sample: Option<Sample>,
    /// What at least two PCs that fail by it now have, against those that tried an update which fails by it (where none does, any) and fail in
    /// nothing.
    common: Vec<CommonOut>,
    /// Of these healthy PCs some that have such an update installed and the build of a failing one.
    twins: Vec<Row>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CauseDay)]
struct OverTime {
    #[schema(value_type = DayText)]
    t: String,
    pcs: u64,
    count: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CauseObject)]
struct ObjectPcs {
    object: String,
    pcs: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CauseKb)]
struct OfKb {
    kb: String,
    pcs: u64,
    count: u64,
}

/// A code that people see.
#[derive(Serialize, ToSchema)]
#[schema(as = TerminalCode)]
struct Terminal {
    #[schema(value_type = CodeText)]
    code: String,
    names: Vec<&'static str>,
    count: u64,
}

#[derive(Serialize, ToSchema)]
#[schema(as = CauseSample)]
struct Sample {
    endpoint: String,
    finding: FindingOut,
}

/// What PCs that fail have, against those that do not.
#[derive(Serialize, ToSchema)]
#[schema(as = Common)]
struct CommonOut {
    #[schema(value_type = CommonKind)]
    kind: String,
    /// Of kind `label` its name, else empty.
    label: String,
    value: String,
    failing: u64,
    of_failing: u64,
    healthy: u64,
    of_healthy: u64,
    /// (failing / of_failing) / (healthy / of_healthy); nothing where no healthy PC has it.
    lift: Option<f64>,
}

impl From<store::Common> for CommonOut {
    fn from(common: store::Common) -> Self {
        Self {
            lift: common.lift(),
            kind: common.kind,
            label: common.label,
            value: common.value,
            failing: common.failing,
            of_failing: common.of_failing,
            healthy: common.healthy,
            of_healthy: common.of_healthy,
        }
    }
}
