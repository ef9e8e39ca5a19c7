//! `/endpoints`: every machine, by name or by what is broken on it.

use super::{
    day,
    file::{Asking, FileOf, LINES_MAX, Line, List, or_empty},
    filter::{AskedFilter, now},
    labels::{Named, Pairs},
    logged, shown,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    rule_texts::RuleTexts,
    schema::{DayText, LoggedTime, PcState, SortName, WantedName},
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Query, State};
use event::LoggedAt;
use serde::{Deserialize, Serialize};
use store::{EndpointSummary, EndpointsAsked, Filter, Sort, Wanted};
use utoipa::{IntoParams, ToSchema};

/// A page unless asked for more: two screens.
pub(super) const LIMIT: usize = 50;
/// More than a person reads, and still one short answer.
pub(super) const LIMIT_MAX: usize = 500;

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// A part of the id, the name or the host name.
    #[serde(default)]
    q: String,
    /// Only PCs in a state, or that are silent, whose clock is ahead, or as which several machines send.
    #[serde(default)]
    #[param(value_type = Option<WantedName>, inline)]
    state: String,
    /// By id, or those with the most or the latest first.
    #[serde(default)]
    #[param(value_type = Option<SortName>, inline)]
    sort: String,
    /// Lines of an answer; more than 500 are 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// Where it goes on: `next` of the answer before.
    after: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EndpointList)]
pub(crate) struct Endpoints {
    /// Nothing where there is no data.
    range: Option<Days>,
    endpoints: Vec<Row>,
    /// Of the whole list; nothing where `after` lies behind its end.
    total: Option<u64>,
    /// Goes into `after`; nothing at the end.
    next: Option<String>,
}

/// The days that something is told of.
#[derive(Serialize, ToSchema)]
#[schema(as = DayRange)]
pub(crate) struct Days {
    #[schema(value_type = DayText)]
    from: String,
    #[schema(value_type = DayText)]
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
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> Result<Endpoints> {
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    let (range, rows, total, next) =
        listed(&web, &asked, &filter.read(&pairs, &web)?, limit).await?;
    Ok(Json(Endpoints {
        range: range.map(Days::from),
        endpoints: rows,
        total,
        next,
    }))
}

/// The whole list.
pub(crate) async fn endpoints_file(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<Row> {
    let asked = Asked {
        after: None,
        ..asked
    };
    let (_, rows, total, _) = listed(&web, &asked, &filter.read(&pairs, &web)?, LINES_MAX).await?;
    asking.file(&web, "endpoints", List { rows, total }).await
}

type Listed = (
    Option<(store::Day, store::Day)>,
    Vec<Row>,
    Option<u64>,
    Option<String>,
);

async fn listed(
    web: &Web,
    asked: &Asked,
    filter: &Filter,
    limit: usize,
) -> std::result::Result<Listed, ApiError> {
    let wanted = match asked.state.as_str() {
        "" => None,
        name => Some(Wanted::from_name(name).ok_or_else(|| unknown("state", name))?),
    };
    let sort = match asked.sort.as_str() {
        "" => Sort::default(),
        name => Sort::from_name(name).ok_or_else(|| unknown("sort", name))?,
    };
    // What goes on nowhere would begin again, and a script would never end.
    if let Some(after) = asked.after.as_deref().filter(|after| !after.is_empty())
        && sort != Sort::Name
        && after.parse::<u64>().is_err()
    {
        return Err(unknown("after", after));
    }
    let page = web
        .store
        .endpoints(EndpointsAsked {
            filter,
            search: asked.q.trim(),
            wanted,
            sort,
            limit,
            after: asked.after.as_deref(),
        })
        .await?;
    let rule_texts = web.rule_texts().await;
    let ids: Vec<&str> = (page.endpoints.iter())
        .map(|endpoint| endpoint.endpoint.as_str())
        .collect();
    let held = web.store.held_from(&web.tenant, &ids).await?;
    let days = page.days;
    let rows = page.endpoints.into_iter().map(|endpoint| {
        let first = held.get(&endpoint.endpoint).copied();
        let is_covered = days.map(|days| is_covered(first, endpoint.last_seen, days, now()));
        Row {
            first_seen: logged(first),
            covered: is_covered,
            ..Row::new(&rule_texts, endpoint)
        }
    });
    Ok((page.days, rows.collect(), page.total, page.next))
}

/// A machine that has sent nothing for as long as this is silent; what is not older than that covers the time until now.
const QUIET: i64 = store::SILENT_DAYS * 86_400;

/// Whether logs of some days are held from their first to their last, or to now, as far as the ends of what is held tell. Gaps in between
/// are told on the machine's own page.
fn is_covered(
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
    (from, to): (store::Day, store::Day),
    now: LoggedAt,
) -> bool {
    let begins = store::day_start(from.saturating_add(1));
    let ends = store::day_start(to.saturating_add(1)).min(now);
    first.is_some_and(|first| first < begins) && last.is_some_and(|last| last.0 >= ends.0 - QUIET)
}

pub(super) fn unknown(name: &str, value: &str) -> ApiError {
    ApiError::Request {
        message: format!("`{name}={}` is not known", shown(value)),
        hint: "states and orders are those of crates/web/README.md, and `after` is what the page before gave as `next`",
    }
}

/// One line of a list of endpoints.
#[derive(Serialize, ToSchema)]
#[schema(as = EndpointRow)]
pub(crate) struct Row {
    endpoint: String,
    /// What people call it, or empty.
    name: String,
    /// The last host name told of it, or empty.
    host: String,
    labels: Vec<Named>,
    build: String,
    #[schema(value_type = PcState)]
    state: &'static str,
    /// Attempts of the range.
    failed: u64,
    #[schema(value_type = Option<LoggedTime>)]
    last_failure: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    last_seen: Option<String>,
    /// When its logs begin; on lists of PCs alone, and absent where that is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<LoggedTime>, nullable = false)]
    first_seen: Option<String>,
    /// False where its logs do not reach from the first day of the range to the last, or to a week before now; on lists of PCs alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    covered: Option<bool>,
    /// No log for a week.
    silent: bool,
    /// Of the failure that decides its state, or of the latest; so are `cause`, `kb` and `title`.
    category: Option<String>,
    cause: Option<String>,
    kb: Option<String>,
    title: Option<Text>,
}

/// The state of a machine in a word.
pub(super) fn state(state: Option<store::State>) -> &'static str {
    match state {
        // What holds it is installed.
        Some(store::State::Superseded) => store::State::Installed.name(),
        Some(state) => state.name(),
        None => "not_tried",
    }
}

impl Line for Row {
    const COLUMNS: &'static [&'static str] = &[
        "endpoint",
        "name",
        "host",
        "labels",
        "build",
        "state",
        "silent",
        "failed_attempts",
        "last_failure",
        "last_seen",
        "kb",
        "category",
        "cause",
        "title_en",
        "title_zh",
        "first_seen",
        "covered",
    ];

    fn cells(&self) -> Vec<String> {
        let title = self.title.clone().unwrap_or_default();
        let labels: Vec<String> = self.labels.iter().map(Named::to_string).collect();
        vec![
            self.endpoint.clone(),
            self.name.clone(),
            self.host.clone(),
            labels.join(", "),
            self.build.clone(),
            self.state.to_owned(),
            u8::from(self.silent).to_string(),
            self.failed.to_string(),
            or_empty(self.last_failure.as_ref()),
            or_empty(self.last_seen.as_ref()),
            or_empty(self.kb.as_ref()),
            or_empty(self.category.as_ref()),
            or_empty(self.cause.as_ref()),
            title.en,
            title.zh,
            or_empty(self.first_seen.as_ref()),
            or_empty(self.covered.map(u8::from).as_ref()),
        ]
    }
}

impl Row {
    pub(crate) fn new(rules: &RuleTexts, endpoint: EndpointSummary) -> Self {
        let cause = endpoint.cause().map(|cause| cause.to_string());
        let title = (!endpoint.category.is_empty())
            .then(|| classify::title(rules.get(&endpoint.rule), "", endpoint.root_code).into());
        Self {
            build: texts::build(&endpoint.servicing_stack),
            state: state(endpoint.state),
            silent: endpoint.is_silent,
            cause,
            kb: (!endpoint.kb.is_empty()).then_some(endpoint.kb),
            endpoint: endpoint.endpoint,
            name: endpoint.name,
            host: endpoint.host,
            labels: endpoint.labels.into_iter().map(Named::from).collect(),
            failed: endpoint.failed,
            last_failure: logged(endpoint.last_failure),
            last_seen: logged(endpoint.last_seen),
            first_seen: None,
            covered: None,
            category: (!endpoint.category.is_empty()).then_some(endpoint.category),
            title,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_covered_from_the_first_to_the_last_or_to_now() {
        let at = |text: &str| LoggedAt::parse(text.as_bytes());
        let day = |text: &str| at(&format!("{text} 00:00:00")).map(|at| (at.0 / 86_400) as u16);
        let days = (day("2024-03-01").unwrap(), day("2024-03-30").unwrap());
        let covered = |first: &str, last: &str, now: &str| {
            is_covered(at(first), at(last), days, at(now).unwrap())
        };
        let later = "2024-06-01 00:00:00";
        assert!(covered("2024-03-01 23:00:00", "2024-03-25 00:00:00", later));
        // It came later, went silent, or nobody knows.
        assert!(!covered(
            "2024-03-02 00:00:00",
            "2024-03-30 00:00:00",
            later
        ));
        assert!(!covered(
            "2024-02-01 00:00:00",
            "2024-03-23 23:59:59",
            later
        ));
        assert!(!covered("", "2024-03-30 00:00:00", later));
        assert!(!covered("2024-02-01 00:00:00", "", later));
        // The days go on: silent since less than a week is not silent.
        let now = "2024-03-10 12:00:00";
        assert!(covered("2024-02-01 00:00:00", "2024-03-03 12:00:00", now));
        assert!(!covered("2024-02-01 00:00:00", "2024-03-03 11:59:59", now));
    }
}
