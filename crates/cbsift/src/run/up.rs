//! Everything on one machine: what `cbsift up` builds, top to bottom in the order data flows.

use super::admin::Admin;
use super::door::Doors;
use super::engine::{self, Engine};
use super::intake::{Direct, Held};
use super::process::{self, Servers, TENANT};
use super::tokens::{self, Believed, Shelf};
use crate::keeper::{Keeper, Notes, Shown, Space};
use crate::settings::Settings;
use crate::token::{self, Holder};
use alert::Claim;
use anyhow::Context;
use classify::Rules;
use pipeline::{Names, Pipeline};
use std::sync::Arc;
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
    // What may be wrong is looked at first, before anything is made: files that are named, and ports, of which a taken one must not cost
    // the time to open the engine.
    tokens::check(settings.ingest.tokens_file.as_deref(), "ingest.tokens_file")?;
    tokens::check(settings.web_tokens_file.as_deref(), "web.tokens_file")?;
    let receivers = super::receivers::receivers(settings)?;
    let doors = Doors::new(settings)?;
    let intake_door = doors.intake()?;
    let page_door = doors.pages()?;
    let admin_door = doors.admin()?;
    // A process that was killed just now may still hold the engine's address.
    let folder = engine::claim(settings, engine::LEFT_WITHIN).await?;
    let engine_door = engine::listen(settings)?;
    let token = token::make(&settings.data, Holder::Sender)?;

    let engine_address = engine_door.local_addr()?;
    let readers = token::of_engine(&settings.data)?;
    let engine = Engine::start(settings, folder, readers, Some(engine_door)).await?;
    let store = engine.store().await?;
    store.migrate().await.context("migrate the store")?;

    crate::shipped_rules::publish_shipped(&store).await?;
    let rules = Rules::shipped();
    let pipeline = Pipeline::start_with(settings.pipeline.clone(), store.clone())
        .await
        .context("start the pipeline")?;
    let space = Space::new(settings.max_disk, Some(settings.data.clone()));

    let shelf = Shelf::Here(Arc::new(store.clone()));
    let senders = Believed::open(
        settings,
        settings
            .ingest
            .tokens_file
            .as_deref()
            .map(|path| (path, "ingest.tokens_file")),
        Some(token.clone()),
        Some(shelf.clone()),
    )
    .await?;
    let readers = tokens::of_readers(settings, shelf).await?;
    let (callers, desk) = tokens::callers(&senders, settings);
    let sink = Direct {
        pipeline: pipeline.handle(),
        space: space.clone(),
    };
    let intake = ingest::router(
        sink,
        Held::Here(Arc::new(store.clone()), Names::default()),
        callers,
        &settings.ingest,
    );
    let web = web::Web::new(
        store.clone(),
        rules,
        TENANT,
        settings.max_disk,
        &settings.web,
    )
    .until(stop.clone());
    let keeper = Keeper {
        keep_audit_days: settings.keep_audit_days,
        keep_months: settings.keep_months,
        store: store.clone(),
        space: space.clone(),
        notes: Notes::default(),
        shown: Shown {
            full: web.disk_full(),
            file_system: web.file_system_full(),
        },
    };
    crate::alert_rules::publish_own(&store, settings).await?;
    let evaluator = super::alert::evaluator(
        settings,
        store.clone(),
        Claim::alone(store.clone(), TENANT),
        receivers,
        &page_door.url()?,
    );
    let admin = Admin::new("up")?;
    let traffic = ingest::Traffic::new();
    let intake = traffic.count(intake);
    let admin = admin
        .with_traffic(traffic)
        .with_tokens(senders.clone())
        .with_engine(engine.health())
        .with_rules(pipeline.status())
        .with_derivation(pipeline.status(), store.clone())
        .with_pipeline(pipeline.status(), store.clone())
        .with_disk(store.clone(), space)
        .with_alerts(evaluator.status.clone())
        .with_notes(keeper.notes.clone());

    let addresses = Addresses {
        page: page_door.url()?,
        intake: intake_door.url()?,
        engine: format!("http://{engine_address}"),
        admin: admin_door.url()?,
    };
    let mut servers = Servers::new(&stop, process::drain(settings));
    servers.add("the intake", |stop| intake_door.serve(intake, stop));
    let pages = tokens::behind(web::router(web), readers.as_ref());
    servers.add("the pages", |stop| page_door.serve(pages, stop));
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
    for believed in [Some(senders), readers].into_iter().flatten() {
        servers.add("the tokens", |stop| believed.run(stop));
    }
    if let Some(desk) = desk {
        servers.add("enrolment", desk);
    }
    servers.add("the housekeeping", move |stop| keeper.run(stop));
    servers.add("alerts", |stop| async move {
        evaluator.run(stop).await;
        Ok(())
    });

    ready(&addresses, &token);

    let outcome = servers.run().await;
    let outcome = outcome.and(pipeline.stop().await.context("stop the pipeline"));
    // Last of all: what is under way ends in it.
    outcome.and(engine.stop().await)
}
