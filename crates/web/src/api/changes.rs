//! `/changes`: answers once something was derived or labelled, so that an open page shows it without asking every moment.

use super::shown;
use crate::{
    error::{ApiError, Result},
    json::Json,
    server::Web,
};
use axum::extract::{Query, State};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use store::Store;
use tokio::{sync::Mutex, time::Instant};
use utoipa::{IntoParams, ToSchema};

/// A question waits so long for a change: a browser has six connections to a server, for all of its windows.
const WAIT: Duration = Duration::from_secs(5);

/// Where the store does not answer.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Between two looks, one for all who wait.
const LOOK: Duration = Duration::from_secs(1);

/// When somebody last looked, and what was seen.
#[derive(Default)]
pub(crate) struct Changes(Mutex<Option<(Instant, u64)>>);

impl Changes {
    async fn mark(&self, store: &Store) -> std::result::Result<u64, ApiError> {
        let mut seen = self.0.lock().await;
        if let Some((at, mark)) = *seen
            && at.elapsed() < LOOK
        {
            return Ok(mark);
        }
        let mark = store.derived_mark().await?;
        *seen = Some((Instant::now(), mark));
        Ok(mark)
    }
}

#[derive(Deserialize, IntoParams)]
pub(crate) struct Asked {
    /// `derived` of the last answer; without it one is answered at once.
    #[param(value_type = Option<u64>)]
    since: Option<String>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Changed {
    /// As `/status` has it.
    derived: u64,
}

pub(crate) async fn changes(State(web): State<Web>, Query(asked): Query<Asked>) -> Result<Changed> {
    let since = match &asked.since {
        None => None,
        Some(text) => Some(text.parse().map_err(|_| ApiError::Request {
            message: format!("`since={}` is no number", shown(text)),
            hint: "give it what `derived` of the last answer was",
        })?),
    };
    let until = Instant::now() + WAIT;
    loop {
        let mark = web.changes.mark(&web.store);
        let Ok(mark) = tokio::time::timeout(ANSWER_WITHIN, mark).await else {
            return Err(ApiError::Slow(ANSWER_WITHIN.as_secs()));
        };
        let derived = mark?;
        if since != Some(derived) || Instant::now() >= until || web.ending.is_cancelled() {
            return Ok(Json(Changed { derived }));
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = web.ending.cancelled() => {}
        }
    }
}
