//! The pages alone, over a ClickHouse elsewhere.

use super::admin::Admin;
use super::{Remote, Servers, TENANT, listen, serve};
use crate::settings::Settings;
use classify::Rules;
use std::net::SocketAddr;
use tokio_util::sync::CancellationToken;

/// Runs the pages until `stop`; `ready` is called with the addresses of the pages and of health once the store is there.
pub(crate) async fn web(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(SocketAddr, SocketAddr),
) -> anyhow::Result<()> {
    let page_listener = listen(settings.web_listen, "web.listen").await?;
    let admin_listener = listen(settings.admin_listen, "admin.listen").await?;
    let remote = Remote::new(settings)?;
    let checked = remote.clone();
    let admin = Admin::new("web")?.with_check(move || {
        let remote = checked.clone();
        async move { remote.check().await }
    });
    let mut servers = Servers::new(&stop);
    let admin_address = admin_listener.local_addr()?;
    servers.add("health and metrics", |stop| {
        serve(admin_listener, admin.router(), stop)
    });
    let Some(store) = remote.wait(&stop).await else {
        return servers.run().await;
    };
    // A ClickHouse elsewhere has its own bound on disk.
    let web = ::web::Web::new(store, Rules::shipped(), TENANT, 0, &settings.web);
    let page_address = page_listener.local_addr()?;
    servers.add("the pages", |stop| {
        serve(page_listener, ::web::router(web), stop)
    });
    ready(page_address, admin_address);
    servers.run().await
}
