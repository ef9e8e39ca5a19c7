//! `/status`: what the header of every page asks for every few seconds, and no more.

use super::system::Signs;
use crate::{
    error::Result,
    json::Json,
    roles::Asker,
    schema::{RoleName, UtcTime},
    server::Web,
};
use axum::extract::State;
use event::Role;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
pub(crate) struct Status {
    /// Units still to derive: above 0 figures still move.
    pending_units: u64,
    /// Seconds that the oldest unit has waited; absent where none waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    oldest_pending_s: Option<u64>,
    disk: Disk,
    /// Another number whenever something was derived or labelled: while it stays, only what goes by the clock or counts records changes.
    derived: u64,
    /// When the newest log arrived or a PC enrolled.
    #[schema(value_type = Option<UtcTime>)]
    last_log: Option<String>,
    /// Sentences of `/system`: above 0 somebody should look.
    trouble: usize,
    /// Of who asks; absent where the pages ask for no token.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<RoleName>, nullable = false)]
    role: Option<&'static str>,
}

#[derive(Serialize, ToSchema)]
pub(crate) struct Disk {
    used_bytes: u64,
    /// 0: no bound.
    max_bytes: u64,
    full: bool,
    /// It is full because the file system is, not because of the bound.
    file_system_full: bool,
}

impl Disk {
    pub(crate) fn of(web: &Web, used_bytes: u64) -> Self {
        Self {
            used_bytes,
            max_bytes: web.max_disk_bytes,
            full: web.is_disk_full(used_bytes),
            file_system_full: web.is_file_system_full(),
        }
    }
}

pub(crate) async fn status(State(web): State<Web>, asker: Asker) -> Result<Status> {
    let (news, used_bytes, derived, last_contact, trouble) = tokio::try_join!(
        web.store.open_news_state(),
        web.store.disk_used(),
        web.store.derived_mark(),
        web.store.last_contact(&web.tenant),
        web.store.trouble(&web.tenant)
    )?;
    let trouble = Signs::of(&web, used_bytes, &news, trouble).count();
    Ok(Json(Status {
        pending_units: news.units,
        oldest_pending_s: (news.units > 0).then_some(news.oldest.as_secs()),
        disk: Disk::of(&web, used_bytes),
        derived,
        last_log: last_contact.map(|at| at.to_string()),
        trouble,
        role: asker.role().map(Role::name),
    }))
}
