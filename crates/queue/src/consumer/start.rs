//! Where a partition starts: a table over what was committed and what the log holds.

use super::care::Care;
use std::fmt;

/// What is known of the last consumed record, kept with the commit: a topic made anew, or a log cut at its end, shows by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of key, value and time.
    pub(crate) hash: u64,
    /// The record's time, or none.
    pub(crate) timestamp_ms: Option<i64>,
}

impl Mark {
    /// In the place of a mark where no record lies before an offset, because it is gone: one that is found there later is of another
    /// log. No record hashes to this but by a chance of one in 2^64.
    pub(crate) const NOTHING: Self = Self {
        hash: 0,
        timestamp_ms: None,
    };

    /// The mark at the begin of a log. Before offset 0 no record is ever looked for.
    pub(crate) fn before(low: i64) -> Option<Self> {
        (low > 0).then_some(Self::NOTHING)
    }

    pub(crate) fn new(key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: Option<i64>) -> Self {
        let mut hash = xxhash_rust::xxh3::Xxh3::new();
        for part in [key, value] {
            // The length keeps `ab`, `c` and `a`, `bc` apart; none is no length at all.
            hash.update(
                &part
                    .map_or(u64::MAX, |part| part.len() as u64)
                    .to_le_bytes(),
            );
            hash.update(part.unwrap_or_default());
        }
        hash.update(&timestamp_ms.unwrap_or(-1).to_le_bytes());
        Self {
            hash: hash.digest(),
            timestamp_ms,
        }
    }

    /// Back from a commit's metadata. Foreign tools write other things there, or nothing: then there is no mark.
    pub(crate) fn parse(metadata: &str) -> Option<Self> {
        let mut words = metadata.split(' ');
        if words.next()? != "v1" {
            return None;
        }
        let hash = u64::from_str_radix(words.next()?, 16).ok()?;
        let timestamp_ms = match words.next()? {
            "-" => None,
            number => Some(number.parse().ok()?),
        };
        Some(Self { hash, timestamp_ms })
    }
}

/// The form in a commit's metadata, readable with Kafka's own tools.
impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.timestamp_ms {
            Some(timestamp_ms) => write!(f, "v1 {:016x} {timestamp_ms}", self.hash),
            None => write!(f, "v1 {:016x} -", self.hash),
        }
    }
}

/// What stands in a commit's metadata: the mark of the last consumed record, and how its owner works.
pub(crate) fn metadata(mark: Option<Mark>, care: Care) -> String {
    match mark {
        Some(mark) => format!("{mark} {care}"),
        None => format!("v1 - - {care}"),
    }
}

/// How the last owner left a partition; none where no build that knows of it wrote the metadata.
pub(crate) fn care(metadata: &str) -> Option<Care> {
    let mut words = metadata.split(' ');
    if words.next()? != "v1" {
        return None;
    }
    Care::parse(words.skip(2))
}

/// Where and how a partition starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// Nothing was ever committed: the first record there is. What was stored before folds.
    Earliest {
        /// Its offset.
        low: i64,
    },
    /// Go on, after reading the record before once more and comparing it with its mark.
    Verify {
        /// Next to hand out.
        next: i64,
        /// Of the record before.
        mark: Mark,
    },
    /// Go on; there is nothing to compare with now.
    Continue {
        /// Next to hand out.
        next: i64,
        /// Of the record before, which is gone; kept, because in a topic made anew there may be one.
        mark: Option<Mark>,
    },
    /// Records were deleted before they were read: tell it and go on with what is left.
    Cut {
        /// First record that is gone.
        next: i64,
        /// First that is left.
        low: i64,
        /// The log holds nothing.
        is_empty: bool,
        /// Of the last record that was read.
        mark: Option<Mark>,
    },
    /// The log ends before what was read: it is another log.
    Halt {
        /// What was committed.
        next: i64,
        /// Where the log ends.
        high: i64,
    },
}

/// The start table. `low` is the first offset of the log and `high` the one after its last.
pub(crate) fn start(committed: Option<(i64, Option<Mark>)>, low: i64, high: i64) -> Start {
    match committed {
        None => Start::Earliest { low },
        Some((next, _)) if next > high => Start::Halt { next, high },
        Some((next, mark)) if next < low => Start::Cut {
            next,
            low,
            is_empty: low == high,
            mark,
        },
        Some((next, Some(mark))) if next > low => Start::Verify { next, mark },
        Some((next, mark)) if next == low => Start::Continue {
            next,
            mark: mark.or(Mark::before(low)),
        },
        Some((next, mark)) => Start::Continue { next, mark },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_table() {
        let mark = Mark {
            hash: 7,
            timestamp_ms: None,
        };
        for (committed, low, high, expected) in [
            (None, 3, 9, Start::Earliest { low: 3 }),
            (
                Some((5, None)),
                3,
                9,
                Start::Continue {
                    next: 5,
                    mark: None,
                },
            ),
            (Some((5, Some(mark))), 3, 9, Start::Verify { next: 5, mark }),
            (Some((9, Some(mark))), 3, 9, Start::Verify { next: 9, mark }),
            // The record before is gone, and nothing else.
            (
                Some((3, Some(mark))),
                3,
                9,
                Start::Continue {
                    next: 3,
                    mark: Some(mark),
                },
            ),
            // All that was read is gone, and the log is empty.
            (
                Some((9, Some(mark))),
                9,
                9,
                Start::Continue {
                    next: 9,
                    mark: Some(mark),
                },
            ),
            (
                Some((3, None)),
                3,
                9,
                Start::Continue {
                    next: 3,
                    mark: Some(Mark::NOTHING),
                },
            ),
            (
                Some((2, Some(mark))),
                3,
                9,
                Start::Cut {
                    next: 2,
                    low: 3,
                    is_empty: false,
                    mark: Some(mark),
                },
            ),
            (
                Some((2, None)),
                9,
                9,
                Start::Cut {
                    next: 2,
                    low: 9,
                    is_empty: true,
                    mark: None,
                },
            ),
            (Some((10, None)), 3, 9, Start::Halt { next: 10, high: 9 }),
            (
                Some((0, None)),
                0,
                0,
                Start::Continue {
                    next: 0,
                    mark: None,
                },
            ),
        ] {
            assert_eq!(
                start(committed, low, high),
                expected,
                "{committed:?} {low} {high}"
            );
        }
    }

    #[test]
    fn a_mark_comes_back_and_foreign_metadata_is_none() {
        for mark in [
            Mark::new(Some(b"a"), Some(b"b"), Some(1)),
            Mark::new(None, None, None),
        ] {
            assert_eq!(Mark::parse(&mark.to_string()), Some(mark));
        }
        for text in ["", "v1", "v1 xyz -", "v2 00 -", "moved by hand"] {
            assert_eq!(Mark::parse(text), None, "{text}");
        }
    }

    #[test]
    fn metadata_holds_both_and_an_older_build_reads_the_mark() {
        let mark = Mark::new(None, Some(b"b"), Some(1));
        for known in [Some(mark), None] {
            let text = metadata(known, Care::Alone(2));
            assert_eq!(
                (Mark::parse(&text), care(&text)),
                (known, Some(Care::Alone(2)))
            );
        }
        assert_eq!(care(&mark.to_string()), None);
        assert_eq!(care("moved by hand"), None);
    }

    #[test]
    fn every_part_of_a_record_is_in_its_mark() {
        let mark = Mark::new(Some(b"ab"), Some(b"c"), Some(1));
        for other in [
            Mark::new(Some(b"a"), Some(b"bc"), Some(1)),
            Mark::new(Some(b"ab"), Some(b"c"), Some(2)),
            Mark::new(Some(b"ab"), None, Some(1)),
        ] {
            assert_ne!(mark.hash, other.hash);
        }
    }
}
