//! An endpoint becomes another one's: what its chunks hold is made again under that name, by the way that all chunks go, and what is older
//! is copied.
//!
//! The name must stand for the other endpoint already ([`Names`]): the chunks are given to the pipeline as they are stored, and it knows
//! where they belong. So live input of both goes on meanwhile.

use crate::names::AGE;
use crate::{ActiveSet, Config, Names, Pipeline, step::rows_of};
use anyhow::{Context, bail};
use event::{Chunk, EventId, Source, StreamId};
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::Duration;
use store::{
    JobState, Moving, NEWS_NAMES, OlderEvent, Selection, Store, renamed_event, renamed_stream,
};

/// What became of an endpoint's rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Chunks that were made again.
    pub chunks: u64,
    /// Bytes of their text.
    pub text_bytes: u64,
    /// Events of text that is gone, copied.
    pub events: u64,
    /// The same of noise.
    pub noise: u64,
}

/// So long after a name began to stand for something, or ceased to, every pipeline knows, and a batch that had begun before is stored, unless
/// the store hiccups.
pub const NAMES_SETTLED: Duration = Duration::from_secs(AGE.as_secs() + 1);

/// Rounds over chunks that come while others are moved. Each takes what came during the one before it.
const ROUNDS_MAX: usize = 50;

/// Between two looks whether all is derived.
const LOOK: Duration = Duration::from_millis(200);

/// What an endpoint's chunks and what is older than these would become.
pub async fn plan_merge(
    store: &Store,
    set: &Arc<ActiveSet>,
    moving: Moving<'_>,
) -> anyhow::Result<Merged> {
    let made = pass(store, set, moving, None, &|_| {}).await?;
    let (events, _) = older_events(store, moving, &made.ids, None).await?;
    Ok(Merged {
        events,
        noise: 0,
        ..made.merged
    })
}

/// Moves all that an endpoint has, and takes it away. May be cut short anywhere and begun again.
///
/// `progress` is told of bytes of text that were made again.
pub async fn merge(
    store: &Store,
    pipeline: &Pipeline,
    moving: Moving<'_>,
    progress: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<Merged> {
    let Moving { tenant, from, into } = moving;
    let names = Names::default();
    let way = names.standing(store).await?;
    if way.way(tenant, from).first() != Some(&into) {
        bail!("`{from}` does not stand for `{into}`");
    }
    let jobs = store.jobs(tenant).await?;
    if let Some(job) = jobs.iter().find(|job| job.state() == JobState::Applying) {
        bail!(
            "job `{}` writes events of stored logs again, those of `{from}` too\nhint: end it first with `cbsift reprocess apply {}`",
            job.id,
            job.id
        );
    }
    tokio::time::sleep(NAMES_SETTLED).await;
    let mut rounds = 0;
    loop {
        let set = pipeline.status().active_set()?;
        // The names of logs first: what is copied is joined to them, and the starts that tell them may go.
        let mut logs = HashSet::new();
        for stream in store.streams_of(tenant, from).await? {
            names.held_stream(store, tenant, from, stream, into).await?;
            logs.insert(stream);
        }
        let made = pass(store, &set, moving, Some(pipeline), progress).await?;
        let known = Some((&names, &logs));
        let (events, noise) = older_events(store, moving, &made.ids, known).await?;
        store.copy_endpoint(moving).await?;
        // What came meanwhile is moved too; none comes for long, because every pipeline knows the name.
        let moved = made.merged.chunks;
        if store.chunks_held(tenant, from).await? == moved {
            derive_all(store, pipeline, tenant, into).await?;
            // The chunks go last, and only where none came that was not moved: a batch may have begun before the name was known and have
            // waited for the store.
            store.take_away_rows(tenant, from).await?;
            if store.take_away_chunks(tenant, from, moved).await? {
                // Whoever derived it at that moment has stored what it found.
                let left = store.holdings(tenant, from).await?;
                if left.attempts + left.findings > 0 {
                    store.take_away_rows(tenant, from).await?;
                }
                return Ok(Merged {
                    events,
                    noise,
                    ..made.merged
                });
            }
        }
        rounds += 1;
        if rounds >= ROUNDS_MAX {
            bail!(
                "`{from}` has {} chunks and {moved} of them can be moved\nhint: they are of a newer build, or some pipeline is of an older one; upgrade it and run the command again",
                store.chunks_held(tenant, from).await?
            );
        }
    }
}

/// Derives every month of an endpoint once all of it is stored. Waits until each has an answer that knows it, and not until its news is closed:
/// that stays open as long as more comes while it is derived, and whoever derives the endpoint closes it later.
async fn derive_all(
    store: &Store,
    pipeline: &Pipeline,
    tenant: &str,
    endpoint: &str,
) -> anyhow::Result<()> {
    let name = RandomState::new().hash_one(endpoint);
    pipeline.watch(name | NEWS_NAMES);
    let mut news = store.open_all_news(tenant, endpoint, name).await?;
    while !news.is_empty() {
        // Again and again: of a unit whose derivation runs no news is taken.
        pipeline.derive(&news);
        tokio::time::sleep(LOOK).await;
        let open = store.months_open(tenant, endpoint, name).await?;
        news.retain(|news| open.contains(&news.unit.month) && !pipeline.has_answer(&news.unit));
    }
    Ok(())
}

/// What a way through all chunks made.
#[derive(Default)]
struct Made {
    merged: Merged,
    /// Identities that their records had before.
    ids: HashSet<u64>,
}

/// Goes through all chunks of an endpoint; gives them to a pipeline, where there is one.
async fn pass(
    store: &Store,
    set: &Arc<ActiveSet>,
    moving: Moving<'_>,
    pipeline: Option<&Pipeline>,
    progress: &(dyn Fn(u64) + Sync),
) -> anyhow::Result<Made> {
    let mut made = Made::default();
    let all = Selection {
        from: 0,
        to: u16::MAX,
        ..Selection::default()
    };
    for month in store.chunk_months_of(moving.tenant, moving.from).await? {
        let mut place = None;
        while let Some((chunks, next)) = store
            .chunks_after(moving.tenant, moving.from, month, &all, place.as_ref())
            .await?
        {
            place = Some(next);
            let chunks: Vec<Arc<Chunk>> = chunks.into_iter().map(Arc::new).collect();
            let read: u64 = chunks.iter().map(|chunk| chunk.text.len() as u64).sum();
            made.merged.chunks += chunks.len() as u64;
            made.merged.text_bytes += read;
            let (set, own) = (Arc::clone(set), chunks.clone());
            let work = move || -> Vec<u64> {
                let config = Config::default();
                let rows = own
                    .into_iter()
                    .filter_map(|chunk| rows_of(&set.rules, &config, chunk).ok());
                rows.flat_map(|rows| {
                    let events = rows.events.iter().map(|event| event.id.0);
                    let noise = rows.noise.iter().map(|noise| noise.id.0);
                    events.chain(noise).collect::<Vec<u64>>()
                })
                .collect()
            };
            let ids = tokio::task::spawn_blocking(work)
                .await
                // The error of the task quotes the panic, and that the text of a log.
                .map_err(|_| anyhow::anyhow!("classifying stored chunks panicked"))?;
            made.ids.extend(ids);
            if let Some(pipeline) = pipeline {
                let handle = pipeline.handle();
                handle.store(chunks).await.context("store chunks again")?;
            }
            progress(read);
        }
    }
    Ok(made)
}

/// Counts events that no chunk holds any more, and copies them and such noise where names, and the streams that are logs, are said.
async fn older_events(
    store: &Store,
    moving: Moving<'_>,
    made: &HashSet<u64>,
    known: Option<(&Names, &HashSet<StreamId>)>,
) -> anyhow::Result<(u64, u64)> {
    let Moving { tenant, from, into } = moving;
    let (mut copied, mut place) = (0, None);
    while let Some((events, next)) = store.events_after(tenant, from, place).await? {
        place = Some(next);
        let mut older: Vec<OlderEvent> = events
            .into_iter()
            .filter(|older| !made.contains(&older.event.id.0))
            .collect();
        copied += older.len() as u64;
        let Some((names, logs)) = known else {
            continue;
        };
        for OlderEvent { event, .. } in &mut older {
            event.id = identity(moving, event.source, event.id, &event.text);
            // A message whose text is gone is a log that nothing more comes of: what would be remembered is a row for each.
            let is_message = event.source == Source::EventLog && !logs.contains(&event.stream);
            event.stream = match is_message {
                true => renamed_stream(into, event.stream),
                false => {
                    let stream = names.held_stream(store, tenant, from, event.stream, into);
                    stream.await?
                }
            };
        }
        store.copy_events(moving, &older).await?;
    }
    let noise = match known {
        Some(_) => store.copy_noise(moving, made).await?,
        None => 0,
    };
    Ok((copied, noise))
}

/// The identity of a record under another endpoint: that which its text gives it, where what is kept of the text gave it the one it had.
fn identity(moving: Moving<'_>, source: Source, id: EventId, text: &str) -> EventId {
    let under = |endpoint| classify::identity_of(moving.tenant, endpoint, source, text);
    match under(moving.from) == id {
        true => under(moving.into),
        false => renamed_event(moving.into, id),
    }
}
