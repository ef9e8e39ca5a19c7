//! The pages alone, over a ClickHouse elsewhere.

use super::admin::Admin;
use super::door::Doors;
use super::engine::Remote;
use super::process::{self, Servers, TENANT};
use super::tokens::{self, Shelf};
use crate::settings::Settings;
use classify::Rules;
use tokio_util::sync::CancellationToken;

/// Runs the pages until `stop`; `ready` is called with the addresses of the pages and of health once the store is there.
pub(crate) async fn web(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&str, &str),
) -> anyhow::Result<()> {
    let remote = Remote::new(settings)?;
    let readers = tokens::of_readers(settings, Shelf::Remote(remote.clone())).await?;
    let doors = Doors::new(settings)?;
    let page_door = doors.pages()?;
    let admin_door = doors.admin()?;
    let checked = remote.clone();
    let admin = Admin::new("web")?.with_check(move || {
        let remote = checked.clone();
        async move { remote.check().await }
    });
    let admin = match &readers {
        Some(readers) => admin.with_tokens(readers.clone()),
        None => admin,
    };
    let mut servers = Servers::new(&stop, process::drain(settings));
    let admin_url = admin_door.url()?;
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
    let Some(store) = remote.wait(&stop).await else {
        return servers.run().await;
    };
    // A ClickHouse elsewhere has its own bound on disk.
    let web =
        ::web::Web::new(store, Rules::shipped(), TENANT, 0, &settings.web).until(stop.clone());
    let page_url = page_door.url()?;
    let pages = tokens::behind(::web::router(web), readers.as_ref());
    servers.add("the pages", |stop| page_door.serve(pages, stop));
    if let Some(readers) = readers {
        servers.add("the tokens", |stop| readers.run(stop));
    }
    ready(&page_url, &admin_url);
    servers.run().await
}
