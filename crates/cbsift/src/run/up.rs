//! Everything in one process: what `cbsift up` builds, top to bottom in the order data flows.

use super::admin::Admin;
use super::intake::{Direct, Held, tokens};
use super::{Engine, Servers, TENANT, listen, serve};
use crate::settings::Settings;
use crate::{keeper, token};
use anyhow::Context;
use classify::Rules;
use pipeline::Pipeline;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store::{Store, StoreConfig};
use tokio_util::sync::CancellationToken;

/// Where a running `up` is found.
pub(crate) struct Addresses {
    pub(crate) page: SocketAddr,
    pub(crate) intake: SocketAddr,
    pub(crate) engine: SocketAddr,
    pub(crate) admin: SocketAddr,
}

/// Runs everything until `stop`; `ready` is called once all addresses answer.
pub(crate) async fn up(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&Addresses, &str),
) -> anyhow::Result<()> {
    let token = token::make(&settings.data)?;
    // Ports first: a taken one must not cost the time to open the engine.
    let intake_listener = listen(settings.ingest.listen, "ingest.listen").await?;
    let page_listener = listen(settings.web_listen, "web.listen").await?;
    let admin_listener = listen(settings.admin_listen, "admin.listen").await?;

    // The engine goes last of all, so it has a stop of its own.
    let engine_stop = CancellationToken::new();
    let engine = Engine::start(settings, &token, engine_stop.clone()).await?;
    let store = Store::connect(StoreConfig::embedded(
        format!("http://{}", engine.address),
        token.as_str(),
    ))
    .await
    .context("connect to the store")?;
    store.migrate().await.context("migrate the store")?;

    crate::access::publish_shipped(&store).await?;
    let rules = Rules::shipped();
    let pipeline = Pipeline::start_with(settings.pipeline.clone(), store.clone())
        .await
        .context("start the pipeline")?;
    let is_full = Arc::new(AtomicBool::new(false));

    let tokens = tokens(settings)?.with_relay(&token);
    let sink = Direct {
        pipeline: pipeline.handle(),
        is_full: Arc::clone(&is_full),
    };
    let intake = ingest::router(
        sink,
        Held::Here(Arc::new(store.clone())),
        Arc::new(tokens),
        &settings.ingest,
    );
    let web = web::Web::new(
        store.clone(),
        rules,
        TENANT,
        settings.max_disk,
        &settings.web,
    );
    let web_is_full = web.disk_full();
    let admin = Admin::new("up")?
        .with_rules(pipeline.status())
        .with_all_derived(pipeline.status(), store.clone())
        .with_pipeline(pipeline.status(), store.clone())
        .with_disk(store.clone(), settings.max_disk, Arc::clone(&is_full));

    let addresses = Addresses {
        page: page_listener.local_addr()?,
        intake: intake_listener.local_addr()?,
        engine: engine.address,
        admin: admin_listener.local_addr()?,
    };
    let mut servers = Servers::new(&stop);
    let config = settings.ingest.clone();
    servers.add("the intake", |stop| async move {
        Ok(ingest::serve(intake_listener, intake, &config, stop).await?)
    });
    servers.add("the pages", |stop| {
        serve(page_listener, web::router(web), stop)
    });
    servers.add("health and metrics", |stop| {
        serve(admin_listener, admin.router(), stop)
    });
    let (kept, max_disk) = (store, settings.max_disk);
    servers.add("the disk bound", move |stop| {
        keeper::keep(kept, max_disk, vec![is_full, web_is_full], stop)
    });

    ready(&addresses, &token);

    let outcome = servers.run().await;
    let outcome = outcome.and(pipeline.stop().await.context("stop the pipeline"));
    engine_stop.cancel();
    outcome.and(engine.ended().await)
}
