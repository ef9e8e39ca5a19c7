//! `/codes/{code}`: what a code means, how else it is spelled, where it was seen.

use super::{
    alike,
    file::{Asking, List},
    filter::AskedFilter,
    labels::Pairs,
    logged, read_code,
    rows::CodeCount,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    server::Web,
    texts::{self, Text},
};
use axum::{
    extract::{Path, Query, State},
    response::Response,
};
use event::Code;
use serde::Serialize;

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
            first: logged(Some(seen.first)),
            last: logged(Some(seen.last)),
        }),
    }))
}

/// The codes that most records carry, as the overview lists them.
pub(crate) async fn codes_file(
    State(web): State<Web>,
    Query(filter): Query<AskedFilter>,
    Query(pairs): Query<Pairs>,
    asking: Asking,
) -> std::result::Result<Response, ApiError> {
    let filter = filter.read(&pairs, &web)?;
    let found = web.store.overview(&filter).await?;
    if found.totals.events.is_none() {
        return Err(ApiError::Request {
            message: "there are too many records of these PCs to count their codes".to_owned(),
            hint: "ask for fewer days with `from=` and `to=`, or for one PC with `endpoint=`",
        });
    }
    let codes = found.top_codes.into_iter();
    let rows: Vec<CodeCount> = codes
        .map(|code| CodeCount::new(code.code, code.events, code.noise, Some(code.endpoints)))
        .collect();
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

#[derive(Serialize)]
pub(crate) struct CodeDetail {
    code: String,
    space: &'static str,
    names: Vec<&'static str>,
    facility: Option<String>,
    meaning: Option<Text>,
    equivalents: Vec<Equivalent>,
    seen: Option<Seen>,
}

#[derive(Serialize)]
pub(super) struct Equivalent {
    code: String,
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

#[derive(Serialize)]
struct Seen {
    events: u64,
    endpoints: u64,
    first: Option<String>,
    last: Option<String>,
}
