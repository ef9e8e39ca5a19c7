//! Everything in one process: what `cbsift up` builds, top to bottom in the order data flows.

use super::admin::Admin;
use super::door::{Door, for_readers};
use super::intake::{Direct, Held, tokens};
use super::{Engine, Servers, TENANT};
use crate::settings::Settings;
use crate::{keeper, token};
use anyhow::Context;
use classify::Rules;
use pipeline::Pipeline;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use store::{Store, StoreConfig};
use tokio_util::sync::CancellationToken;

/// Where a running `up` is found.
pub(crate) struct Addresses {
    pub(crate) page: String,
    pub(crate) intake: String,
    pub(crate) engine: String,
    pub(crate) admin: String,
}

/// Runs everything until `stop`; `ready` is called once all addresses answer.
pub(crate) async fn up(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&Addresses, &str),
) -> anyhow::Result<()> {
    let token = token::make(&settings.data)?;
    // Ports first: a taken one must not cost the time to open the engine.
    let intake_door = Door::intake(settings).await?;
    let page_door = Door::pages(settings).await?;
    let admin_door = Door::admin(settings).await?;
    // Read before the engine opens, too.
    let tokens = tokens(settings)?.with_relay(&token);
    let behind_tokens = for_readers(settings)?;

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
    let admin = Admin::new("up")?;
    let traffic = ingest::Traffic::new();
    let intake = traffic.count(intake);
    let admin = admin
        .with_traffic(traffic)
        .with_rules(pipeline.status())
        .with_all_derived(pipeline.status(), store.clone())
        .with_pipeline(pipeline.status(), store.clone())
        .with_disk(store.clone(), settings.max_disk, Arc::clone(&is_full));

    let addresses = Addresses {
        page: page_door.url()?,
        intake: intake_door.url()?,
        engine: format!("http://{}", engine.address),
        admin: admin_door.url()?,
    };
    let mut servers = Servers::new(&stop, super::drain(settings));
    servers.add("the intake", |stop| intake_door.serve(intake, stop));
    let pages = behind_tokens(web::router(web));
    servers.add("the pages", |stop| page_door.serve(pages, stop));
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
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
