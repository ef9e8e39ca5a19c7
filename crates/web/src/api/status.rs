//! `/status`: what the header of every page asks for every few seconds, and no more.

use crate::{error::Result, json::Json, server::Web};
use axum::extract::State;
use serde::Serialize;
use std::sync::atomic::Ordering;

#[derive(Serialize)]
pub(crate) struct Status {
    pending_units: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest_pending_s: Option<u64>,
    disk: Disk,
    /// Another number whenever something was derived or labelled.
    derived: u64,
    /// When the newest log of all arrived.
    last_log: Option<String>,
}

#[derive(Serialize)]
pub(crate) struct Disk {
    used_bytes: u64,
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
            file_system_full: web.file_system_full.load(Ordering::Relaxed),
        }
    }
}

pub(crate) async fn status(State(web): State<Web>) -> Result<Status> {
    let (news, used_bytes, derived, last_contact) = tokio::try_join!(
        web.store.open_news_state(),
        web.store.disk_used(),
        web.store.derived_mark(),
        web.store.last_contact(&web.tenant)
    )?;
    Ok(Json(Status {
        pending_units: news.units,
        oldest_pending_s: (news.units > 0).then_some(news.oldest.as_secs()),
        disk: Disk::of(&web, used_bytes),
        derived,
        last_log: last_contact.map(|at| at.to_string()),
    }))
}
