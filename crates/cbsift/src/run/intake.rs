//! What the intake is given: where chunks go, and what the store holds.

use super::engine::Remote;
use super::process::cut_short;
use crate::keeper::Space;
use event::upload::FileDigest;
use event::{Chunk, Source, StreamId};
use ingest::{ChunkSink, Import, Imported, Offsets, Pace, SinkError};
use pipeline::{Names, PipelineError};
use queue::{Producer, SendError};
use serve::Owner;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio_util::sync::CancellationToken;

/// From the intake straight into the pipeline: acknowledged means stored.
#[derive(Clone)]
pub(super) struct Direct {
    pub(super) pipeline: pipeline::Handle,
    pub(super) space: Space,
}

impl ChunkSink for Direct {
    async fn store(&self, chunks: Vec<Chunk>, pace: Pace) -> Result<(), SinkError> {
        let text = chunks.iter().map(|chunk| chunk.text.len() as u64).sum();
        let taken = self.space.take(text).await;
        let taken = taken.map_err(|full| SinkError::Full(full.to_string()))?;
        let pipeline = self.pipeline.clone();
        // It goes on where the caller gives up: what the pipeline has taken is stored all the same, and needs its room until then.
        let stored = tokio::spawn(async move {
            let stored = match pace {
                Pace::AtOnce => pipeline.store(chunks).await,
                Pace::Together => pipeline.store_together(chunks).await,
            };
            drop(taken);
            stored
        });
        let stored = stored
            .await
            .map_err(|error| SinkError::Unavailable(cut_short(error).to_string()))?;
        stored.map_err(|error| match error {
            PipelineError::Busy { retry_after } => SinkError::Busy { retry_after },
            full if full.is_full() => SinkError::Full(full.to_string()),
            other => SinkError::Unavailable(other.to_string()),
        })
    }
}

/// From the intake into Kafka: acknowledged means that every replica that must has it.
#[derive(Clone)]
pub(super) struct Kafka {
    producer: Producer,
    /// Cancelled when the producer takes nothing more.
    broken: CancellationToken,
}

impl Kafka {
    pub(super) fn new(producer: Producer, broken: CancellationToken) -> Self {
        Self { producer, broken }
    }
}

impl ChunkSink for Kafka {
    async fn store(&self, chunks: Vec<Chunk>, _pace: Pace) -> Result<(), SinkError> {
        self.producer.send(chunks).await.map_err(|error| {
            if error.is_fatal() {
                self.broken.cancel();
            }
            match error {
                SendError::Full { retry_after } => SinkError::Busy { retry_after },
                other => SinkError::Unavailable(other.to_string()),
            }
        })
    }
}

/// What the store holds, as far as senders ask.
#[derive(Clone)]
pub(super) enum Held {
    /// In this process: without it nothing is acknowledged anyway.
    Here(Arc<Store>, Names),
    /// Behind Kafka: while it is away sends go on. What it would save is only the sending of bytes that it holds already.
    Remote(Remote, Names),
    /// Behind Kafka, and not known to the intake: every byte is sent.
    Nothing,
}

impl Offsets for Held {
    async fn next_offset(
        &self,
        owner: &Owner,
        _source: Source,
        stream: StreamId,
    ) -> Result<u64, SinkError> {
        let (store, names) = self.store().await?;
        let held = under(store, names, owner, stream).await.map_err(away)?;
        store
            .next_offset(&owner.tenant, &held.endpoint, held.stream)
            .await
            .map_err(away)
    }

    async fn imported(
        &self,
        owner: &Owner,
        digest: FileDigest,
    ) -> Result<Option<Imported>, SinkError> {
        let asked = async {
            let (store, names) = self.store().await?;
            imported(store, names, owner, digest).await.map_err(away)
        };
        self.or_without(None, asked.await)
    }

    async fn record_import(&self, import: Import) -> Result<(), SinkError> {
        let noted = async {
            let (store, names) = self.store().await?;
            let held = under(store, names, &import.owner, import.stream)
                .await
                .map_err(away)?;
            let row = store::Import {
                tenant: import.owner.tenant,
                endpoint: held.endpoint,
                digest: import.digest.to_string(),
                source: import.source,
                stream: held.stream,
                path: import.path,
                bytes: import.bytes,
            };
            store.record_import(&row).await.map_err(away)
        };
        self.or_without((), noted.await)
    }
}

/// Where what a sender sends is held.
struct Place {
    endpoint: String,
    stream: StreamId,
}

/// Where a sender's stream is held: under its own endpoint, or under the one that its name stands for, as the pipeline stores it.
async fn under(
    store: &Store,
    names: &Names,
    owner: &Owner,
    stream: StreamId,
) -> Result<Place, StoreError> {
    let mut place = Place {
        endpoint: owner.endpoint.clone(),
        stream,
    };
    let aliases = names.standing(store).await?;
    for into in aliases.way(&owner.tenant, &owner.endpoint) {
        place.stream = names
            .asked_stream(store, &owner.tenant, &place.endpoint, place.stream, into)
            .await?;
        into.clone_into(&mut place.endpoint);
    }
    Ok(place)
}

/// Whether a file was taken whole, and in which stream, as its sender names that.
async fn imported(
    store: &Store,
    names: &Names,
    owner: &Owner,
    digest: FileDigest,
) -> Result<Option<Imported>, StoreError> {
    let aliases = names.standing(store).await?;
    let way = aliases.way(&owner.tenant, &owner.endpoint);
    let endpoint = way.last().copied().unwrap_or(&owner.endpoint);
    let digest = digest.to_string();
    let found = store.imported(&owner.tenant, endpoint, &digest).await?;
    let Some((mut stream, bytes)) = found else {
        return Ok(None);
    };
    // Back along the way. What came to the endpoint under none of its other names is sent again, and folds.
    let starts = std::iter::once(owner.endpoint.as_str()).chain(way.iter().copied());
    let hops: Vec<(&str, &str)> = starts.zip(way.iter().copied()).collect();
    for (from, into) in hops.into_iter().rev() {
        match store
            .stream_before_merge(&owner.tenant, from, into, stream)
            .await?
        {
            Some(before) => stream = before,
            None => return Ok(None),
        }
    }
    Ok(Some(Imported { stream, bytes }))
}

impl Held {
    async fn store(&self) -> Result<(&Store, &Names), SinkError> {
        match self {
            Self::Here(store, names) => Ok((store, names)),
            Self::Remote(remote, names) => Ok((remote.now().await.map_err(away)?, names)),
            Self::Nothing => Err(SinkError::Unavailable("`store.url` is empty".to_owned())),
        }
    }

    /// A file that is not known as imported is sent again and folds, so a store behind Kafka may be away.
    fn or_without<T>(&self, without: T, answer: Result<T, SinkError>) -> Result<T, SinkError> {
        match (self, answer) {
            (Self::Remote(..) | Self::Nothing, Err(error)) => {
                tracing::debug!(%error, "the store is away; whole files are taken without it");
                Ok(without)
            }
            (_, answer) => answer,
        }
    }
}

fn away(error: StoreError) -> SinkError {
    SinkError::Unavailable(error.to_string())
}
