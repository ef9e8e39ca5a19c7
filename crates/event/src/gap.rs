//! What a sender knows to be lost of a log, and how it travels.

use crate::Chunk;
use serde::{Deserialize, Serialize};

/// How the path of a chunk starts that brings no records but says that some never come: `gap:PATH`.
///
/// Its place and length are those of what is lost, and its text is the name of the reason. So it goes the way of all chunks, under the name
/// of its endpoint, and comes as often as they do.
pub const GAP_PATH: &str = "gap:";

/// Why a part of a log is lost, for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GapReason {
    /// Its file went away, and no file with the same content came.
    Gone,
    /// The cabinet is damaged from there on.
    Damaged,
    /// Records of an event log were overwritten before they were read.
    Overwritten,
    /// Records of an event log stand there and cannot be read.
    Unreadable,
}

impl GapReason {
    /// Every reason.
    pub const ALL: [Self; 4] = [
        Self::Gone,
        Self::Damaged,
        Self::Overwritten,
        Self::Unreadable,
    ];

    /// The name in bodies, tables and answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gone => "gone",
            Self::Damaged => "damaged",
            Self::Overwritten => "overwritten",
            Self::Unreadable => "unreadable",
        }
    }

    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Gone => "the file was removed or overwritten before it was read",
            Self::Damaged => "the cabinet is damaged",
            Self::Overwritten => "the event log overwrote these records before they were read",
            Self::Unreadable => "these records of the event log cannot be read",
        }
    }

    /// Back from [`GapReason::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.name() == name)
    }

    /// Whether its place is given in numbers of records, and not in bytes.
    pub fn is_of_records(self) -> bool {
        matches!(self, Self::Overwritten | Self::Unreadable)
    }
}

impl Chunk {
    /// Whether it says that a part of a log is lost.
    pub fn is_gap(&self) -> bool {
        self.gap().is_some()
    }

    /// Where the log is or was, and why the part from `offset` on, `length` long, is lost; nothing of a chunk that brings records, also of a
    /// log that is called so.
    pub fn gap(&self) -> Option<(&str, GapReason)> {
        let path = self.path.strip_prefix(GAP_PATH)?;
        Some((path, GapReason::from_name(&self.text)?))
    }
}
