//! `cbsift up`: everything on one machine.

use crate::access::Access;
use crate::run::TENANT;
use crate::settings::Settings;
use crate::token::{self, Holder};
use crate::{feed::Feed, log, run, settings};
use anyhow::Context;
use clap::Args;
use event::UtcMillis;
use simulate::Fleet;
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};
use store::LabelChange;
use tokio_util::sync::CancellationToken;

/// Intake, pipeline, store and pages on this machine, with the embedded engine
#[derive(Args)]
pub(crate) struct Arguments {
    /// Also play a made-up fleet of so many endpoints: a month of history, then live
    #[arg(long, value_name = "ENDPOINTS")]
    simulate: Option<usize>,
    /// Seed of the made-up fleet
    #[arg(long, default_value_t = 1, requires = "simulate")]
    seed: u64,
    #[command(flatten)]
    site: super::Site,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let (settings, _) = settings::load(arguments.site.config.as_deref(), &arguments.site.flags())?;
    log::start(settings.log);
    run::role(async {
        let stop = run::stop_on_signal();
        let fleet = arguments
            .simulate
            .map(|endpoints| Fleet::new(arguments.seed, endpoints).ending(now()));
        let token_path = token::path(&settings.data, Holder::Sender);
        let reader_path = token::path(&settings.data, Holder::Reader);
        let feed_stop = stop.clone();
        run::up(&settings, stop.clone(), |addresses, token| {
            let page = format!("{}/", addresses.page);
            log::say(&format!(
                "intake    {}  token in {}",
                addresses.intake,
                token_path.display()
            ));
            log::say(&format!(
                "engine    {}  user cbsift  password in {}",
                addresses.engine,
                reader_path.display()
            ));
            log::say(&format!("health    {}/readyz", addresses.admin));
            match fleet {
                // The last line is the page's address, said when there is something to see.
                Some(fleet) => play(
                    fleet,
                    addresses.intake.clone(),
                    token.to_owned(),
                    page,
                    settings.clone(),
                    feed_stop,
                ),
                None => super::tell(&format!("page      {page}")),
            }
        })
        .await
    })
}

fn play(
    fleet: Fleet,
    intake: String,
    token: String,
    page: String,
    settings: Settings,
    stop: CancellationToken,
) {
    std::thread::spawn(move || {
        let play = || -> anyhow::Result<()> {
            let feed = Feed::new(&intake, &token)?;
            log::say(&format!(
                "sending a month of logs of {} made-up endpoints",
                fleet.endpoints
            ));
            label(&fleet, &settings)?;
            for plan in fleet.plans() {
                if stop.is_cancelled() {
                    return Ok(());
                }
                feed.history(&plan.id, &simulate::logs(&plan))?;
            }
            super::tell(&format!("page      {page}"));
            feed.live(&fleet, now, &stop)
        };
        if let Err(error) = play()
            && !stop.is_cancelled()
        {
            tracing::error!("the made-up fleet stopped: {error:#}");
        }
    });
}

/// Says of the made-up machines what an inventory would.
fn label(fleet: &Fleet, settings: &Settings) -> anyhow::Result<()> {
    let changes: Vec<LabelChange> = fleet
        .plans()
        .flat_map(|plan| {
            let labels = [
                ("site", plan.site),
                ("model", plan.model),
                ("ring", plan.ring),
            ];
            labels.map(|(label, value)| LabelChange {
                endpoint: plan.id.clone(),
                label: label.to_owned(),
                value: value.to_owned(),
            })
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let access = Access::open(settings).await?;
        let store = access.store();
        let labelled = store
            .put_labels(TENANT, &changes, "cbsift simulate", now().0)
            .await;
        labelled.context("label the made-up fleet")?;
        access.close().await
    })
}

fn now() -> UtcMillis {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}
