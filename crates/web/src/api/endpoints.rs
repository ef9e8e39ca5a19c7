//! `/endpoints`: every machine, by name or by what is broken on it.

use super::{
    day,
    filter::AskedFilter,
    labels::{Named, Pairs},
    logged, shown,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    rule_texts::RuleTexts,
    server::Web,
    texts::{self, Text},
};
use axum::{
    extract::{Query, State},
    http::header,
    response::{IntoResponse, Response},
};
use event::is_formula;
use serde::{Deserialize, Serialize};
use store::{EndpointSummary, EndpointsAsked, Filter, Sort, Wanted};

/// A page unless asked for more: two screens.
pub(super) const LIMIT: usize = 50;
/// More than a person reads, and still one short answer.
pub(super) const LIMIT_MAX: usize = 500;

/// Lines of a file: more than a fleet has, and some 20 MB.
const EXPORT_MAX: usize = 100_000;

#[derive(Deserialize)]
pub(crate) struct Asked {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    limit: Option<usize>,
    after: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Endpoints {
    range: Option<Days>,
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

/// The whole list as a table for spreadsheets.
pub(crate) async fn endpoints_csv(
    State(web): State<Web>,
    Query(asked): Query<Asked>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
) -> std::result::Result<Response, ApiError> {
    let asked = Asked {
        after: None,
        ..asked
    };
    let (_, rows, _, next) = listed(&web, &asked, &filter.read(&pairs, &web)?, EXPORT_MAX).await?;
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    lines.extend(rows.into_iter().map(Row::cells));
    if next.is_some() {
        // A list that was cut says so in itself, because a file is handed on without its address.
        let mut cut = COLUMNS.map(|_| String::new());
        cut[0] = format!("cut after {EXPORT_MAX} lines");
        lines.push(cut);
    }
    let mut file = csv::WriterBuilder::new()
        .terminator(csv::Terminator::CRLF)
        .from_writer(Vec::new());
    for line in lines {
        file.write_record(line.map(|text| cell(&text)))
            .expect("lines of one length are written to memory");
    }
    let file = file.into_inner().expect("memory is flushed");
    // Spreadsheets take a file without the mark for one of their own code page.
    let body = ["\u{feff}".as_bytes(), &file].concat();
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"endpoints.csv\"",
        ),
    ];
    Ok((headers, body).into_response())
}

const COLUMNS: [&str; 15] = [
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
];

/// A cell that no spreadsheet takes for a formula and no terminal for a command.
fn cell(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|letter| match harmless::is_unsafe(letter) {
            true => '\u{fffd}',
            false => letter,
        })
        .collect();
    match is_formula(&text) {
        true => format!("'{text}"),
        false => text,
    }
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
    let rows = page.endpoints.into_iter();
    let rows = rows.map(|endpoint| Row::new(&rule_texts, endpoint));
    Ok((page.days, rows.collect(), page.total, page.next))
}

pub(super) fn unknown(name: &str, value: &str) -> ApiError {
    ApiError::Request {
        message: format!("`{name}={}` is not known", shown(value)),
        hint: "states and orders are those of crates/web/README.md, and `after` is what the page before gave as `next`",
    }
}

/// One line of a list of endpoints.
#[derive(Serialize)]
pub(crate) struct Row {
    endpoint: String,
    name: String,
    host: String,
    labels: Vec<Named>,
    build: String,
    state: &'static str,
    failed: u64,
    last_failure: Option<String>,
    last_seen: Option<String>,
    silent: bool,
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

impl Row {
    /// In the order of [`COLUMNS`].
    fn cells(self) -> [String; 15] {
        let title = self.title.unwrap_or_default();
        let text = |text: Option<String>| text.unwrap_or_default();
        let labels: Vec<String> = self.labels.iter().map(Named::to_string).collect();
        [
            self.endpoint,
            self.name,
            self.host,
            labels.join(", "),
            self.build,
            self.state.to_owned(),
            u8::from(self.silent).to_string(),
            self.failed.to_string(),
            text(self.last_failure),
            text(self.last_seen),
            text(self.kb),
            text(self.category),
            text(self.cause),
            title.en,
            title.zh,
        ]
    }

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
            category: (!endpoint.category.is_empty()).then_some(endpoint.category),
            title,
        }
    }
}
