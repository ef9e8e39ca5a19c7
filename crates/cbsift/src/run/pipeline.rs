//! The pipeline alone: from Kafka to a ClickHouse elsewhere.

use super::admin::Admin;
use super::door::Doors;
use super::engine::Remote;
use super::process::{self, Servers};
use crate::keeper::{Keeper, Notes, Shown, Space};
use crate::log;
use crate::settings::Settings;
use anyhow::Context;
use pipeline::{Feed, ForeignTopics, Pipeline};
use queue::{Consumer, Rewind, Share};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// What was read may be stored for so long after a stop, and the group may be left for as long again: with the pipeline's own 10 s
/// that is the bound of 30 s for a shutdown.
const GRACE: Duration = Duration::from_secs(10);

/// The feed takes its grace twice, and must not be cut before it has left the group.
const DRAIN: Duration = Duration::from_secs(22);

const _: () = assert!(DRAIN.as_secs() >= 2 * GRACE.as_secs() + process::CUT_AFTER.as_secs());

/// What runs once brokers and store are there.
struct Running {
    feed: pipeline::FeedStatus,
    pipeline: pipeline::Status,
    store: Store,
}

impl Running {
    /// Why nothing more is stored, if that is so.
    fn trouble(&self) -> Result<(), String> {
        let of_rules = self
            .pipeline
            .rule_set()
            .err()
            .map(|error| error.to_string());
        let all: Vec<String> = of_rules.into_iter().chain(self.feed.trouble()).collect();
        if all.is_empty() {
            Ok(())
        } else {
            Err(all.join("\n"))
        }
    }
}

/// Runs the pipeline until `stop`; `ready` is called with the address of health once that answers.
///
/// With `rewind` the group's offsets are set first, which Kafka allows only while the group has no members.
pub(crate) async fn pipeline(
    settings: &Settings,
    rewind: Option<Rewind>,
    stop: CancellationToken,
    ready: impl FnOnce(&str),
) -> anyhow::Result<()> {
    let admin_door = Doors::new(settings)?.admin()?;
    let remote = Remote::new(settings)?;
    let running: Arc<OnceLock<Running>> = Arc::default();

    let (checked, asked, shown) = (remote.clone(), Arc::clone(&running), Arc::clone(&running));
    let notes = Notes::default();
    let admin = Admin::new("pipeline")?
        .with_notes(notes.clone())
        .with_check(move || {
            let (remote, running) = (checked.clone(), Arc::clone(&asked));
            async move {
                remote.check().await?;
                let running = running.get().ok_or("the pipeline has not started yet")?;
                running.trouble()
            }
        })
        .with_refresh(move || {
            let running = Arc::clone(&shown);
            async move {
                if let Some(Running {
                    feed,
                    pipeline,
                    store,
                }) = running.get()
                {
                    feed.publish();
                    super::admin::publish_pipeline(pipeline, store).await;
                }
            }
        });

    let mut servers = Servers::new(&stop, DRAIN.max(process::drain(settings)));
    let url = admin_door.url()?;
    let admin = admin.router();
    servers.add("health and metrics", |stop| admin_door.serve(admin, stop));
    ready(&url);

    // Health answers from here on and names what is awaited.
    let Some(store) = remote.wait(&stop).await else {
        return servers.run().await;
    };
    // It closes news by what it reads.
    let store = store.sequential();
    if process::topics(&settings.queue, &stop).await?.is_none() {
        return servers.run().await;
    }
    let missing = missing_foreign(&settings.queue).await;
    if let Some(to) = rewind {
        set_offsets(&settings.queue, &missing, to).await?;
    }
    // Nobody's until the group has given some partitions.
    let (share, shared) = watch::channel(Share::none());
    let pipeline = Pipeline::start_sharing(settings.of_cluster(), store.clone(), shared)
        .await
        .context("start the pipeline")?;
    let consumer = Consumer::start_telling(&settings.queue, &topics(&settings.queue), share)?;
    let foreign = ForeignTopics::new(&settings.queue);
    let feed = Feed::new(consumer, foreign, pipeline.handle(), store.clone());
    let _ = running.set(Running {
        feed: feed.status(),
        pipeline: pipeline.status(),
        store: store.clone(),
    });
    servers.add("records from Kafka", move |stop| async move {
        Ok(feed.run(stop, GRACE).await?)
    });
    let keeper = Keeper {
        keep_audit_days: settings.keep_audit_days,
        keep_months: settings.keep_months,
        store,
        // A ClickHouse elsewhere has its own bound on disk.
        space: Space::new(0, None),
        notes,
        shown: Shown::default(),
    };
    servers.add("the housekeeping", move |stop| keeper.run(stop));
    let outcome = servers.run().await;
    outcome.and(pipeline.stop().await.context("stop the pipeline"))
}

/// All that is read, ours first.
fn topics(config: &queue::Config) -> Vec<&str> {
    std::iter::once(&config.chunks_topic)
        .chain(&config.foreign_topics)
        .map(String::as_str)
        .collect()
}

/// Says which topics of shippers are not there. They hold up nothing: each is read from its first record on once it is made.
async fn missing_foreign(config: &queue::Config) -> Vec<String> {
    let missing = queue::topics::missing_foreign(config).await;
    let missing = missing.unwrap_or_else(|error| {
        tracing::warn!("cannot look for the topics of shippers: {error}");
        Vec::new()
    });
    for topic in &missing {
        tracing::warn!(
            topic,
            "a topic of `queue.foreign_topics` is missing, or may not be read; it is awaited"
        );
    }
    missing
}

/// Sets the group's offsets on all topics that are there, and says which ones.
async fn set_offsets(config: &queue::Config, missing: &[String], to: Rewind) -> anyhow::Result<()> {
    let mut topics = topics(config);
    topics.retain(|topic| !missing.iter().any(|missing| missing == topic));
    let rewound = queue::rewind(config, &topics, to).await?;
    for set in &rewound {
        let from = set
            .from
            .map_or_else(|| "none".to_owned(), |offset| offset.to_string());
        log::say(&format!(
            "rewound   {} partition {}: from offset {from} to {}",
            set.topic, set.partition, set.to
        ));
    }
    log::say(&format!(
        "rewound   {} partitions of the group `{}`; what is stored already folds",
        rewound.len(),
        config.group
    ));
    Ok(())
}
