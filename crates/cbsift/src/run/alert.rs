//! Evaluation of alerts: a role of its own over a ClickHouse elsewhere, and a part of `up`.

use super::admin::Admin;
use super::door::Doors;
use super::engine::Remote;
use super::process::{self, Servers, TENANT};
use super::receivers::receivers;
use crate::alert_rules;
use crate::settings::Settings;
use alert::{Claim, Evaluator, Receivers, Setting, Status};
use classify::Rules;
use std::sync::Arc;
use store::Store;
use tokio_util::sync::CancellationToken;

/// What evaluates; `pages` is where the pages are, where no setting says it.
pub(super) fn evaluator(
    settings: &Settings,
    store: Store,
    claim: Claim,
    receivers: Arc<dyn Receivers>,
    pages: &str,
) -> Evaluator {
    let alerts = &settings.alerts;
    let base = match alerts.pages.is_empty() {
        true => pages,
        false => &alerts.pages,
    };
    Evaluator {
        store,
        receivers,
        claim: Arc::new(claim),
        setting: Setting {
            tenant: TENANT.to_owned(),
            base: base.trim_end_matches('/').to_owned(),
            repeat: alerts.repeat,
        },
        interval: alerts.interval,
        words: Rules::shipped(),
        status: Status::default(),
    }
}

/// Evaluates alerts until `stop`; `ready` is called with the address of health once that answers.
pub(crate) async fn alert(
    settings: &Settings,
    stop: CancellationToken,
    ready: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let receivers = receivers(settings)?;
    let remote = Remote::new(settings)?;
    let admin_door = Doors::new(settings)?.admin()?;
    let status = Status::default();
    let checked = remote.clone();
    let admin = Admin::new("alert")?
        .with_check(move || {
            let remote = checked.clone();
            async move { remote.check().await }
        })
        .with_alerts(status.clone());
    let mut servers = Servers::new(&stop, process::drain(settings));
    let url = admin_door.url()?;
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
    ready(&url);
    let Some(store) = remote.wait(&stop).await else {
        return servers.run().await;
    };
    // It decides by what it reads: who evaluates, and what was sent.
    let store = store.sequential();
    alert_rules::publish_own(&store, settings).await?;
    let claim = Claim::shared(store.clone(), TENANT);
    let evaluator = Evaluator {
        status,
        ..evaluator(settings, store, claim, receivers, "")
    };
    servers.add("alerts", |stop| async move {
        evaluator.run(stop).await;
        Ok(())
    });
    servers.run().await
}
