//! `/codes/{code}`: what a code means, how else it is spelled, where it was seen.

use super::{
    alike,
    file::{Asking, FileOf, List},
    filter::AskedFilter,
    labels::Pairs,
    read_code,
    rows::TopCode,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    schema::{CodeSpace, CodeText, LoggedTime},
    server::Web,
    texts::{self, Text},
};
use axum::extract::{Path, Query, State};
use event::Code;
use serde::Serialize;
use utoipa::ToSchema;

/// Codes that the store ranks of a fleet.
const TOP: usize = 20;

pub(crate) async fn code(State(web): State<Web>, Path(text): Path<String>) -> Result<CodeDetail> {
    let code = read_code(&text)?;
    let seen = web.store.code_seen(&web.tenant, &alike(code)).await?;
    Ok(Json(CodeDetail {
        code: code.to_string(),
        space: code.space().name(),
        names: names(code),
        facility: code.facility().map(|facility| match facility.name {
            Some(name) => name.to_owned(),
            None => format!("{:#05x}", facility.number),
        }),
        meaning: texts::meaning(code),
        equivalents: code.equivalents().map(Equivalent::from).collect(),
        seen: seen.map(|seen| Seen {
            events: seen.events,
            endpoints: seen.endpoints,
            first: seen.first.to_string(),
            last: seen.last.to_string(),
        }),
    }))
}

/// The codes that most records carry, as the overview lists them.
pub(crate) async fn codes_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> FileOf<TopCode> {
    let filter = filter.read(&pairs, &web)?;
    let found = web.store.overview(&filter).await?;
    if found.totals.events.is_none() {
        return Err(ApiError::Request {
            message: "there are too many records of these PCs to count their codes".to_owned(),
            hint: "ask for fewer days with `from=` and `to=`, or for one PC with `endpoint=`",
        });
    }
    let rows: Vec<TopCode> = found.top_codes.into_iter().map(TopCode::from).collect();
    // Nobody counts them where there are more than a page shows.
    let total = (rows.len() < TOP).then_some(rows.len() as u64);
    asking.file(&web, "codes", List { rows, total }).await
}

/// Its own names, else that of what it wraps.
fn names(code: Code) -> Vec<&'static str> {
    let own: Vec<&'static str> = code.names().collect();
    if own.is_empty() {
        code.name().into_iter().collect()
    } else {
        own
    }
}

#[derive(Serialize, ToSchema)]
pub(crate) struct CodeDetail {
    #[schema(value_type = CodeText)]
    code: String,
    #[schema(value_type = CodeSpace)]
    space: &'static str,
    names: Vec<&'static str>,
    /// Its name, or its number.
    facility: Option<String>,
    meaning: Option<Text>,
    equivalents: Vec<Equivalent>,
    /// Of all spellings of the failure; nothing where no record has one.
    seen: Option<Seen>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EquivalentCode)]
pub(super) struct Equivalent {
    #[schema(value_type = CodeText)]
    code: String,
    #[schema(value_type = CodeSpace)]
    space: &'static str,
    names: Vec<&'static str>,
}

impl From<Code> for Equivalent {
    fn from(code: Code) -> Self {
        Self {
            code: code.to_string(),
            space: code.space().name(),
            names: names(code),
        }
    }
}

#[derive(Serialize, ToSchema)]
#[schema(as = CodeSeen)]
struct Seen {
    events: u64,
    endpoints: u64,
    #[schema(value_type = LoggedTime)]
    first: String,
    #[schema(value_type = LoggedTime)]
    last: String,
}
