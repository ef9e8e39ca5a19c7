//! `/audit`: who did what, the newest first.

use super::{
    endpoints::{LIMIT, LIMIT_MAX},
    shown,
};
use crate::{
    error::{ApiError, Result},
    json::Json,
    schema::UtcTime,
    server::Web,
};
use axum::extract::{Query, State};
use event::UtcMillis;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AuditPlace, AuditRow};
use utoipa::{IntoParams, ToSchema};

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// Rows of an answer; more than 500 are 500.
    #[param(minimum = 1, maximum = 500, default = 50)]
    limit: Option<usize>,
    /// Where it goes on: `next` of the answer before.
    #[serde(default)]
    after: String,
}

pub(crate) async fn audit(State(web): State<Web>, Query(asked): Query<Asked>) -> Result<Audit> {
    let after: Option<AuditPlace> = match asked.after.as_str() {
        "" => None,
        after => Some(after.parse().map_err(|_| ApiError::Request {
            message: format!("`after={}` is no place in the audit", shown(after)),
            hint: "take it from `next` of an answer, or leave it out for the newest rows",
        })?),
    };
    let limit = asked.limit.unwrap_or(LIMIT).clamp(1, LIMIT_MAX);
    // One more tells whether there are more.
    let found = web
        .store
        .newest_audit_rows(&web.tenant, after.as_ref(), limit + 1);
    let mut rows = found.await?;
    let is_last = rows.len() <= limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| !is_last);
    Ok(Json(Audit {
        next: last.map(|row| row.place().to_string()),
        rows: rows.into_iter().map(RowOut::from).collect(),
    }))
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Audit {
    rows: Vec<RowOut>,
    /// Goes into `after`; nothing at the end.
    next: Option<String>,
}

/// As `cbsift audit list --format json` has it.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditRow)]
struct RowOut {
    #[schema(value_type = UtcTime)]
    at: String,
    actor: String,
    action: String,
    object: String,
    /// JSON where it was written as such, else text.
    before: Value,
    after: Value,
    /// Which process wrote it.
    writer: String,
    /// Its which row.
    number: u32,
    previous: Vec<String>,
    hash: String,
}

impl From<AuditRow> for RowOut {
    fn from(row: AuditRow) -> Self {
        // What was JSON when it was written is JSON again; what somebody put there is text.
        let value = |text: String| match text.as_str() {
            "" => Value::Null,
            _ => serde_json::from_str(&text).unwrap_or(Value::String(text)),
        };
        Self {
            at: UtcMillis(row.at).to_string(),
            actor: row.actor,
            action: row.action,
            object: row.object,
            before: value(row.before),
            after: value(row.after),
            writer: format!("{:016x}", row.writer),
            number: row.number,
            previous: row.previous,
            hash: row.hash,
        }
    }
}
