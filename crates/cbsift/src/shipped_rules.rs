//! The shipped rules in the store, where a site has published none of its own.

use crate::keeper::now_ms;
use crate::run::TENANT;
use anyhow::Context;
use pipeline::{PublishError, PublishedAs, RuleSetError};
use store::{Action, Store};

/// Publishes the shipped rules where there are none at all: of a new store, whose pipelines would wait for some.
///
/// Newer rules than those that are there are left to `cbsift rules publish`, because pipelines of an older build that cannot
/// run them pause, and a migration must stop nobody.
pub(crate) async fn publish_first(store: &Store) -> anyhow::Result<()> {
    match pipeline::newest(store).await? {
        Err(RuleSetError::Missing) => publish_shipped(store).await,
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Publishes the shipped rules where a site has not published its own, and says what it did. Rules of a newer build are no
/// reason not to start: the pipeline is not ready then and says so.
pub(crate) async fn publish_shipped(store: &Store) -> anyhow::Result<()> {
    match pipeline::publish_shipped(store).await {
        Ok(published) => {
            let sequence = published.sequence;
            // Nobody asked for it, so there is nothing to keep from being done without its row: it is told afterwards.
            if matches!(published.did, PublishedAs::New | PublishedAs::SiteAgain) {
                let action = Action {
                    action: "rules.publish".to_owned(),
                    object: "at a start".to_owned(),
                    before: String::new(),
                    after: serde_json::json!({ "sequence": sequence }).to_string(),
                };
                let action = std::slice::from_ref(&action);
                store
                    .audit(TENANT, "cbsift", now_ms(), action)
                    .await
                    .context("note that rules were published")?;
            }
            let what = match published.did {
                PublishedAs::New => "the shipped rules, published now",
                PublishedAs::Unchanged => "the shipped rules",
                PublishedAs::SiteStays => "this site's own, left as they are",
                PublishedAs::SiteAgain => "this site's own, published again for this build",
            };
            crate::log::say(&format!("rules     rule set {sequence}: {what}"));
            Ok(())
        }
        Err(PublishError::Newest(error)) => {
            tracing::error!(%error, "the newest rule set is left as it is");
            Ok(())
        }
        Err(error) => Err(error).context("publish the shipped rules"),
    }
}
