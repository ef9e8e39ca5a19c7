//! The rules of alerts: files of a folder, and what a start publishes.

use crate::commands::rules::Files;
use crate::keeper::now_ms;
use crate::run::TENANT;
use crate::settings::Settings;
use alert::{Did, Rules, RulesError};
use anyhow::Context;
use std::path::Path;
use store::{Action, RuleSetOrigin, Store};

/// Files of a folder, each `(name, text)`, sorted by name; the shipped ones where none is named.
pub(crate) fn files(folder: Option<&Path>) -> anyhow::Result<Vec<(String, String)>> {
    match folder {
        None => Ok(Rules::shipped_files()),
        Some(_) => Ok(Files::of(folder)?.published()),
    }
}

/// What a start publishes: the rules of `alerts.folder`, else the shipped ones where a site has none of its own. Rules with faults are
/// refused as a whole, each fault is said, and those in the store go on.
pub(crate) async fn publish_own(store: &Store, settings: &Settings) -> anyhow::Result<()> {
    let published = match &settings.alerts.folder {
        None => alert::publish_shipped(store).await,
        Some(folder) => {
            let files = files(Some(folder))?;
            alert::publish(store, &files, RuleSetOrigin::Site).await
        }
    };
    let (sequence, did) = match published {
        Ok(published) => published,
        Err(RulesError::Store(error)) => return Err(error).context("publish the alert rules"),
        Err(RulesError::Faults(faults)) => {
            for fault in &faults {
                tracing::error!("alert rules: {fault}");
            }
            tracing::error!(
                faults = faults.len(),
                "the alert rules of `alerts.folder` are refused, those in the store go on"
            );
            return Ok(());
        }
        Err(error) => {
            tracing::error!(%error, "the alert rules in the store are left as they are");
            return Ok(());
        }
    };
    if did == Did::Published {
        let action = Action {
            action: "alerts.publish".to_owned(),
            object: "at a start".to_owned(),
            before: String::new(),
            after: serde_json::json!({ "sequence": sequence }).to_string(),
        };
        let action = std::slice::from_ref(&action);
        store
            .audit(TENANT, "cbsift", now_ms(), action)
            .await
            .context("note that alert rules were published")?;
    }
    Ok(())
}
