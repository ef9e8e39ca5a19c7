//! Which endpoint a chunk is of. Some come under another name: that of a machine before it was merged, a host name, the name of a bundle.
//!
//! This is decided where chunks are stored and nowhere before: so what waits in Kafka, what a rewind reads again and what comes from a
//! shipper all end at one endpoint, and no intake need know the names. Who moves an endpoint relies on it: [`AGE`] after a name began to
//! stand for something, no batch begins that does not know it.

use event::{Chunk, Format, MESSAGE_PATH, StreamId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{
    Aliases, AliasesMark, Erasures, ErasuresMark, MergedStream, Store, StoreError, renamed_stream,
};
use tokio::time::Instant;

/// How old what is known of names may be when a batch begins: one small read of the store each time it is over.
pub(crate) const AGE: Duration = Duration::from_secs(5);

/// Streams remembered; some 100 bytes each. Beyond them all are forgotten and asked for again.
const MAX_STREAMS: usize = 100_000;

/// Names remembered of which it is known whether they were erased. Beyond them all are forgotten and hashed again.
const MAX_NAMES: usize = 100_000;

/// The names of a store. Copies share what is known.
#[derive(Clone, Default)]
pub struct Names(Arc<Inner>);

#[derive(Default)]
struct Inner {
    known: tokio::sync::Mutex<Known>,
    streams: Mutex<HashMap<Key, StreamId>>,
    /// Until when what comes under a name is refused, by tenant and name; of the erasures that were read last.
    erased: Mutex<HashMap<(String, String), Option<i64>>>,
}

/// Chunks under the endpoints that are meant.
pub(crate) struct Resolved {
    pub(crate) chunks: Vec<Arc<Chunk>>,
    /// Of each chunk until when, in UTC milliseconds, what its machine logged is refused, because it was erased then.
    pub(crate) erased: Vec<Option<i64>>,
    /// Whether some endpoint is being moved.
    pub(crate) is_moving: bool,
}

#[derive(Default)]
struct Known {
    /// When the reading that says so began.
    read: Option<Instant>,
    mark: Option<AliasesMark>,
    aliases: Arc<Aliases>,
    erasures_mark: Option<ErasuresMark>,
    erasures: Arc<Erasures>,
}

/// Tenant, alias, stream, endpoint.
type Key = (String, String, StreamId, String);

impl Names {
    /// What names stand for, as the store said it within the last five seconds.
    pub async fn standing(&self, store: &Store) -> Result<Arc<Aliases>, StoreError> {
        Ok(self.known(store).await?.0)
    }

    /// The same, and what was erased.
    async fn known(&self, store: &Store) -> Result<(Arc<Aliases>, Arc<Erasures>), StoreError> {
        let mut known = self.0.known.lock().await;
        let begun = Instant::now();
        if known.read.is_some_and(|read| begun < read + AGE) {
            return Ok((Arc::clone(&known.aliases), Arc::clone(&known.erasures)));
        }
        let (mark, erasures_mark) = tokio::try_join!(store.aliases_mark(), store.erasures_mark())?;
        if known.erasures_mark != Some(erasures_mark) {
            known.erasures = Arc::new(store.erasures().await?);
            known.erasures_mark = Some(erasures_mark);
            self.erased().clear();
        }
        if known.mark != Some(mark) {
            let aliases = store.standing_aliases().await?;
            for (name, endpoints) in aliases.disputed() {
                tracing::warn!(
                    name,
                    ?endpoints,
                    "a name is claimed by several endpoints and stands for none of them\nhint: take it from all but one with `cbsift endpoints alias remove`"
                );
            }
            known.aliases = Arc::new(aliases);
            known.mark = Some(mark);
        }
        known.read = Some(begun);
        Ok((Arc::clone(&known.aliases), Arc::clone(&known.erasures)))
    }

    /// Until when what comes under a name is refused.
    fn erased_until(&self, erasures: &Erasures, tenant: &str, name: &str) -> Option<i64> {
        if erasures.is_empty() {
            return None;
        }
        let key = (tenant.to_owned(), name.to_owned());
        if let Some(known) = self.erased().get(&key) {
            return *known;
        }
        let until = erasures.until(tenant, name);
        let mut erased = self.erased();
        if erased.len() >= MAX_NAMES {
            erased.clear();
        }
        erased.insert(key, until);
        until
    }

    fn erased(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Option<i64>>> {
        self.0.erased.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Chunks under the endpoints that are meant.
    pub(crate) async fn resolve(
        &self,
        store: &Store,
        mut chunks: Vec<Arc<Chunk>>,
    ) -> Result<Resolved, StoreError> {
        let (aliases, erasures) = self.known(store).await?;
        // Under the name that it came by, and under the one that this stands for.
        let mut erased: Vec<Option<i64>> = chunks
            .iter()
            .map(|chunk| self.erased_until(&erasures, &chunk.tenant, &chunk.endpoint))
            .collect();
        if aliases.is_empty() {
            return Ok(Resolved {
                chunks,
                erased,
                is_moving: false,
            });
        }
        for (chunk, until) in chunks.iter_mut().zip(&mut erased) {
            let way = aliases.way(&chunk.tenant, &chunk.endpoint);
            if let Some(last) = way.last() {
                *until = (*until).max(self.erased_until(&erasures, &chunk.tenant, last));
            }
            for into in way {
                let stream = self.stream(store, chunk, into).await?;
                let chunk = Arc::make_mut(chunk);
                chunk.stream = stream;
                into.clone_into(&mut chunk.endpoint);
            }
        }
        Ok(Resolved {
            chunks,
            erased,
            is_moving: aliases.is_merging(),
        })
    }

    /// The name that a chunk's stream has under another endpoint.
    async fn stream(
        &self,
        store: &Store,
        chunk: &Chunk,
        into: &str,
    ) -> Result<StreamId, StoreError> {
        if chunk.path.starts_with(MESSAGE_PATH) {
            // Its own whole self.
            let hash = shippers::content_hash(chunk.text.as_bytes());
            let named = exact(chunk, &[hash], into);
            return Ok(named.unwrap_or_else(|| renamed_stream(into, chunk.stream)));
        }
        if chunk.is_gap() {
            // It may come before all of its log, and decides nothing about it.
            return match chunk.stream {
                StreamId(0) => Ok(chunk.stream),
                stream => {
                    let (tenant, endpoint) = (&chunk.tenant, &chunk.endpoint);
                    self.asked_stream(store, tenant, endpoint, stream, into)
                        .await
                }
            };
        }
        let head = (chunk.offset == 0).then_some((chunk.format, chunk.text.as_str()));
        let of = Of {
            tenant: &chunk.tenant,
            endpoint: &chunk.endpoint,
            source: Some(chunk.source),
            stream: chunk.stream,
        };
        self.stream_of(store, of, head, into).await
    }

    /// The name under another endpoint of a stream of which chunks are or were held.
    pub(crate) async fn held_stream(
        &self,
        store: &Store,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        into: &str,
    ) -> Result<StreamId, StoreError> {
        let of = Of::any(tenant, endpoint, stream);
        self.stream_of(store, of, None, into).await
    }

    /// The same of a stream of which nothing may be held yet: nothing is decided about it.
    pub async fn asked_stream(
        &self,
        store: &Store,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
        into: &str,
    ) -> Result<StreamId, StoreError> {
        let known = store.merged_stream(tenant, endpoint, stream, into).await?;
        Ok(known.unwrap_or_else(|| renamed_stream(into, stream)))
    }

    async fn stream_of(
        &self,
        store: &Store,
        of: Of<'_>,
        head: Option<(Format, &str)>,
        into: &str,
    ) -> Result<StreamId, StoreError> {
        let key = (
            of.tenant.to_owned(),
            of.endpoint.to_owned(),
            of.stream,
            into.to_owned(),
        );
        if let Some(known) = self.streams().get(&key) {
            return Ok(*known);
        }
        let known = store
            .merged_stream(of.tenant, of.endpoint, of.stream, into)
            .await?;
        let named = match known {
            Some(known) => known,
            None => {
                let named = match head.and_then(|head| of.exact([head.1], head.0, into)) {
                    Some(named) => Some(named),
                    None => of.by_what_is_held(store, into).await?,
                };
                let row = MergedStream {
                    tenant: of.tenant.to_owned(),
                    endpoint: of.endpoint.to_owned(),
                    stream: of.stream,
                    into_endpoint: into.to_owned(),
                    into_stream: named.unwrap_or_else(|| renamed_stream(into, of.stream)),
                    is_exact: named.is_some(),
                };
                // Before anything is stored under it: what comes later must have the same.
                store.put_merged_streams(std::slice::from_ref(&row)).await?;
                row.into_stream
            }
        };
        let mut streams = self.streams();
        if streams.len() >= MAX_STREAMS {
            streams.clear();
        }
        streams.insert(key, named);
        Ok(named)
    }

    fn streams(&self) -> std::sync::MutexGuard<'_, HashMap<Key, StreamId>> {
        self.0
            .streams
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of an alias.
#[derive(Clone, Copy)]
struct Of<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    /// None where any may be.
    source: Option<event::Source>,
    stream: StreamId,
}

impl<'a> Of<'a> {
    fn any(tenant: &'a str, endpoint: &'a str, stream: StreamId) -> Self {
        Self {
            tenant,
            endpoint,
            source: None,
            stream,
        }
    }

    /// Its name as if it had come under another endpoint, where the text is its start.
    fn exact<'t>(
        self,
        texts: impl IntoIterator<Item = &'t str> + Clone,
        format: Format,
        into: &str,
    ) -> Option<StreamId> {
        let first = texts.clone().into_iter().next().unwrap_or_default();
        // Older senders took the first line of every form.
        let hashes = [
            parse::start_hash(texts, format),
            parse::first_record_hash(first),
        ];
        self.of_hashes(&hashes, into)
    }

    fn of_hashes(self, hashes: &[u64], into: &str) -> Option<StreamId> {
        let all = event::Source::ALL.into_iter();
        let mut sources = all.filter(|source| self.source.is_none_or(|own| own == *source));
        sources.find_map(|source| {
            let is_own = |hash: &&u64| {
                parse::stream_id(self.tenant, self.endpoint, source, **hash) == self.stream
            };
            let hash = hashes.iter().find(is_own)?;
            Some(parse::stream_id(self.tenant, into, source, *hash))
        })
    }

    async fn by_what_is_held(
        self,
        store: &Store,
        into: &str,
    ) -> Result<Option<StreamId>, StoreError> {
        // Twice over, as source bytes may be of two a letter.
        let bytes = 2 * Format::ALL
            .map(parse::start_bytes)
            .into_iter()
            .max()
            .unwrap_or(0) as u64;
        let held = store
            .start_of_stream(self.tenant, self.endpoint, self.stream, bytes)
            .await?;
        Ok(held.and_then(|(format, texts)| {
            let format = Format::from_name(&format)?;
            self.exact(texts.iter().map(String::as_str), format, into)
        }))
    }
}

fn exact(chunk: &Chunk, hashes: &[u64], into: &str) -> Option<StreamId> {
    let of = Of {
        tenant: &chunk.tenant,
        endpoint: &chunk.endpoint,
        source: Some(chunk.source),
        stream: chunk.stream,
    };
    of.of_hashes(hashes, into)
}
