//! Records to events, events to attempts and findings (being written by the lead; the signatures below are fixed).

use event::{Chunk, Code, Derivation, Event, LoggedAt, Noise, Source, StreamId, Unit, UtcAnchor};

/// A loaded rule set.
pub struct Rules {}

impl Rules {
    /// The shipped rule set, compiled in.
    pub fn shipped() -> &'static Rules {
        todo!()
    }
    /// Digest over rules and classifier version, hex.
    pub fn digest(&self) -> &str {
        todo!()
    }
}

/// What classification made of one chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classified {
    /// Records that mean something, by offset.
    pub events: Vec<Event>,
    /// Harmless look-alikes, by offset.
    pub noise: Vec<Noise>,
    /// Changes of the UTC offset seen, by offset; strong and weak kinds each on their own.
    pub anchors: Vec<UtcAnchor>,
    /// Records read.
    pub records: u64,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Every code in the chunk, noise included, ascending.
    pub codes: Vec<Code>,
    /// Every KB in the chunk, ascending.
    pub kbs: Vec<String>,
}

/// Classifies a chunk. Pure: same chunk, same rules, same result.
pub fn classify(_rules: &Rules, _chunk: &Chunk) -> Classified {
    todo!()
}

/// What is known of one stream beside its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamFacts {
    /// Which.
    pub stream: StreamId,
    /// The kind of log.
    pub source: Source,
    /// Union of the anchors of all its chunks, in any order, repeats allowed.
    pub anchors: Vec<UtcAnchor>,
    /// `(offset, end)` of every chunk held or once held, in any order, overlaps allowed.
    pub ranges: Vec<(u64, u64)>,
    /// Earliest head seen.
    pub first: Option<LoggedAt>,
    /// Latest head seen.
    pub last: Option<LoggedAt>,
}

/// Everything a derivation reads: the events of one endpoint in the unit's month and both neighbours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitInput {
    /// In any order; of equal identities one copy.
    pub events: Vec<Event>,
    /// The streams they stand in.
    pub streams: Vec<StreamFacts>,
}

/// Derives attempts and findings of one unit. Pure; independent of the order of its input.
pub fn derive(_rules: &Rules, _unit: &Unit, _input: &UnitInput) -> Derivation {
    todo!()
}
