//! What was acknowledged of files from their first byte on, as far as it proves what a file's digest claims.
//!
//! A digest that a sender names is a claim. It is noted only where every byte of the file came to this intake, in order, and was read the
//! way that the file reader would read the file. What is forgotten here, or went to another intake, is only sent once more and folds.

use event::upload::FileDigest;
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use serve::Owner;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

/// Beginnings of files that are remembered of one endpoint: `send` has four files under way, and a body may be repeated.
const OF_ENDPOINT: usize = 32;

/// Endpoints whose files are remembered. With the bound above some 10 MB.
const ENDPOINTS: usize = 1024;

/// The hash of a file's first bytes, all of them acknowledged or about to be.
#[derive(Clone)]
pub(crate) struct Prefix(Sha256);

impl Prefix {
    /// Of a body at the start of a file: none where its sender reads it otherwise than the file reader would, or takes it for another
    /// stream, because then its records mean something else than those of the file.
    pub(crate) fn start(
        path: &str,
        source: Source,
        first_record: u64,
        body: &[u8],
        chunks: &[Chunk],
    ) -> Option<Self> {
        let chunk = chunks.first()?;
        let texts = chunks.iter().map(|chunk| chunk.text.as_str());
        let head = &body[..body.len().min(parse::HEAD_BYTES)];
        let name = path.rsplit(['/', '\\', '!']).next().unwrap_or_default();
        let found = parse::detect(name, head);
        let is_read_alike = found.source == Some(source)
            && found.encoding == chunk.encoding
            && found.format == chunk.format
            && parse::start_hash(texts, chunk.format) == first_record;
        is_read_alike.then(|| Self(Sha256::new_with_prefix(body)))
    }

    /// With a body that follows: none where it starts within a record, whose meaning the cut would have changed.
    pub(crate) fn then(mut self, body: &[u8], chunks: &[Chunk]) -> Option<Self> {
        let chunk = chunks.first()?;
        let first = parse::records(&chunk.text, chunk.format).next()?;
        if !first.has_head() || first.is_orphan() {
            return None;
        }
        self.0.update(body);
        Some(self)
    }

    pub(crate) fn digest(&self) -> FileDigest {
        FileDigest(self.0.clone().finalize().into())
    }
}

/// Where a body would follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) stream: StreamId,
    pub(crate) encoding: TextEncoding,
    pub(crate) format: Format,
    pub(crate) offset: u64,
}

/// Shared by all requests of one intake.
#[derive(Default)]
pub(crate) struct Prefixes(Mutex<State>);

#[derive(Default)]
struct State {
    used: u64,
    endpoints: HashMap<Owner, OfEndpoint>,
}

#[derive(Default)]
struct OfEndpoint {
    used: u64,
    // Oldest first. Two files may share a stream, so what follows is found by its place; of two that end there the newer counts.
    prefixes: VecDeque<(Place, Prefix)>,
}

impl Prefixes {
    /// What ends at a place. It stays, because the body that follows may come again.
    pub(crate) fn find(&self, owner: &Owner, place: Place) -> Option<Prefix> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let prefixes = &state.endpoints.get(owner)?.prefixes;
        let found = prefixes.iter().find(|(known, _)| *known == place);
        found.map(|(_, prefix)| prefix.clone())
    }

    /// Remembers what ends at a place. Only once it is acknowledged.
    pub(crate) fn remember(&self, owner: &Owner, place: Place, prefix: Prefix) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.used += 1;
        let used = state.used;
        if !state.endpoints.contains_key(owner) && state.endpoints.len() >= ENDPOINTS {
            let oldest = state.endpoints.iter().min_by_key(|(_, of)| of.used);
            if let Some(oldest) = oldest.map(|(owner, _)| owner.clone()) {
                state.endpoints.remove(&oldest);
            }
        }
        let of_endpoint = state.endpoints.entry(owner.clone()).or_default();
        of_endpoint.used = used;
        of_endpoint.prefixes.retain(|(known, _)| *known != place);
        if of_endpoint.prefixes.len() >= OF_ENDPOINT {
            of_endpoint.prefixes.pop_front();
        }
        of_endpoint.prefixes.push_back((place, prefix));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(number: usize) -> Owner {
        Owner {
            tenant: "default".to_owned(),
            endpoint: format!("PC-{number}"),
        }
    }

    fn place(offset: u64) -> Place {
        Place {
            stream: StreamId(1),
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            offset,
        }
    }

    #[test]
    fn one_endpoint_forgets_only_its_own_and_all_is_bounded() {
        let prefixes = Prefixes::default();
        let prefix = Prefix(Sha256::new());
        prefixes.remember(&owner(0), place(1), prefix.clone());
        for offset in 0..2 * OF_ENDPOINT as u64 {
            prefixes.remember(&owner(1), place(offset), prefix.clone());
        }
        assert!(prefixes.find(&owner(0), place(1)).is_some());
        assert!(prefixes.find(&owner(1), place(1)).is_none());
        assert!(
            prefixes
                .find(&owner(1), place(OF_ENDPOINT as u64))
                .is_some()
        );
        for number in 2..=ENDPOINTS {
            prefixes.remember(&owner(number), place(1), prefix.clone());
        }
        assert!(prefixes.find(&owner(0), place(1)).is_none());
        assert_eq!(prefixes.0.lock().unwrap().endpoints.len(), ENDPOINTS);
    }
}
