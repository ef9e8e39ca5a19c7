//! Versions: which of several rows of one key stays. Never a clock, never the order of inserts.

use event::{Chunk, Event, Unit};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// Of copies of one event the newer rule set wins, then a closed record, then the smallest reference.
///
/// From the top: 20 bits rule set, 1 bit closed, 48 bits stream, 40 bits offset, 19 bits length, the last three inverted.
/// A stream id is a hash, so its upper 48 bits tell an endpoint's streams apart; offsets beyond 1 TiB and lengths beyond
/// 512 KiB count as those bounds.
pub(crate) fn event_version(rule_set: u32, event: &Event) -> u128 {
    let rule_set = u128::from(rule_set.min(0xF_FFFF));
    let closed = u128::from(!event.open);
    let stream = u128::from(!event.stream.0 >> 16);
    let offset = u128::from(0xFF_FFFF_FFFF - event.offset.min(0xFF_FFFF_FFFF));
    let length = u128::from(0x7_FFFF - event.length.min(0x7_FFFF));
    rule_set << 108 | closed << 107 | stream << 59 | offset << 19 | length
}

/// The rule set that made an event row, from its version.
pub(crate) fn rule_set_of(event_version: u128) -> u32 {
    (event_version >> 108) as u32
}

/// Of equal chunks sent twice the newer rule set wins, then a closed one, then one path of the two, then the first receipt.
pub(crate) fn chunk_version(rule_set: u32, chunk: &Chunk) -> u128 {
    let rule_set = u128::from(rule_set.min(0xF_FFFF));
    let closed = u128::from(!chunk.open);
    let path = u128::from(!xxh3_64(chunk.path.as_bytes()) >> 1);
    // 44 bits of milliseconds reach the year 2527.
    let received =
        u128::from(0xFFF_FFFF_FFFF - chunk.received_ms.max(0).unsigned_abs().min(0xFFF_FFFF_FFFF));
    rule_set << 108 | closed << 107 | path << 44 | received
}

/// Where an event row stands, as a number that only grows when a copy of the same rule set takes the row's place.
///
/// 44 bits, so that a million rows add up in 64: from the top 16 bits of the stream, 28 bits of the offset, as
/// [`event_version`] has them inverted. Offsets beyond 256 MiB count as that.
pub(crate) fn place_of(event_version: u128) -> u64 {
    const LAST: u64 = (1 << 28) - 1;
    let stream = (event_version >> (59 + 32)) as u64 & 0xFFFF;
    let offset = 0xFF_FFFF_FFFF - ((event_version >> 19) as u64 & 0xFF_FFFF_FFFF);
    stream << 28 | (LAST - offset.min(LAST))
}

/// How well informed what was derived of a day or a month was: the better informed one stays, whoever writes last.
///
/// Both numbers only grow while rows come, whatever their order. A row that comes adds to `inputs`, and so does a newer rule set's
/// copy of one; a copy of the same rule set that stands earlier adds to `places`. Nothing decides by a hash alone, because of two that
/// read one after the other the later one must win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DerivationVersion {
    /// Sequence of the rule set that derived.
    pub rule_set: u32,
    /// Weight of the rows: each weighs the sequence of the rule set that made it.
    pub inputs: u64,
    /// Where they stand: the earlier, the more.
    pub places: u64,
}

/// What 40 bits hold.
const MAX_WEIGHT: u64 = 0xFF_FFFF_FFFF;

/// What a month weighs beside its days. Older builds weighed the rows of a month otherwise, some months with half of what a version holds
/// on top; under the same rule set what they derived must not outrank what is derived now.
const PUT_TOGETHER: u64 = 3 << 38;

impl DerivationVersion {
    /// Of a month that is put together from its days: each of their versions only grows, so this does.
    pub fn put_together(rule_set: u32, days: impl IntoIterator<Item = Self>) -> Self {
        let mut month = Self {
            rule_set,
            inputs: PUT_TOGETHER,
            places: 0,
        };
        for day in days {
            month.inputs = month.inputs.saturating_add(day.inputs);
            month.places = month.places.saturating_add(day.places);
        }
        month
    }

    /// 24 bits rule set, 40 bits weight, 64 bits places.
    pub(crate) fn packed(self) -> u128 {
        u128::from(self.rule_set.min(0xFF_FFFF)) << 104
            | u128::from(self.inputs.min(MAX_WEIGHT)) << 64
            | u128::from(self.places)
    }

    pub(crate) fn unpacked(version: u128) -> Self {
        Self {
            rule_set: (version >> 104) as u32,
            inputs: (version >> 64) as u64 & MAX_WEIGHT,
            places: version as u64,
        }
    }

    /// Name of the set of rows that this version stores first: equal for equal unit, version and content, so that a repeated insert
    /// folds. Content that comes again after other content has another name, so whoever clears the rows of a name clears no others.
    pub(crate) fn set(self, unit: &Unit, generation: u32, content: u64) -> u64 {
        let mut hasher = Xxh3::new();
        for part in [unit.tenant.as_bytes(), unit.endpoint.as_bytes()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        hasher.update(&unit.month.yyyymm().to_le_bytes());
        hasher.update(&generation.to_le_bytes());
        hasher.update(&self.packed().to_le_bytes());
        hasher.update(&content.to_le_bytes());
        hasher.digest()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;
    use event::StreamId;

    #[test]
    fn rule_set_beats_closed_beats_reference() {
        let base = testing::event("2022-08-18 15:53:46", "a", 100);
        let open = Event {
            open: true,
            ..base.clone()
        };
        let later = Event {
            offset: 101,
            ..base.clone()
        };
        let other = Event {
            stream: StreamId(u64::MAX),
            offset: 0,
            ..base.clone()
        };
        assert!(event_version(2, &open) > event_version(1, &base));
        assert!(event_version(1, &later) > event_version(1, &open));
        assert!(event_version(1, &base) > event_version(1, &later));
        assert!(event_version(1, &later) > event_version(1, &other));
        assert_eq!(rule_set_of(event_version(7, &open)), 7);
        let huge = Event {
            offset: u64::MAX,
            length: u64::MAX,
            ..base.clone()
        };
        assert!(event_version(u32::MAX, &huge) > event_version(1, &base));
    }

    #[test]
    fn a_copy_that_takes_a_rows_place_stands_earlier() {
        let base = testing::event("2022-08-18 15:53:46", "a", 100);
        let at = |stream: u64, offset| Event {
            stream: StreamId(stream << 48),
            offset,
            ..base.clone()
        };
        let copies = [at(1, 0), at(1, 1), at(1, 1 << 27), at(2, 0), at(9, 5)];
        for pair in copies.windows(2) {
            let [before, after] = [&pair[0], &pair[1]].map(|event| event_version(1, event));
            assert!(before > after && place_of(before) > place_of(after));
        }
        assert!(place_of(event_version(1, &at(0, 0))) < 1 << 44);
        assert_eq!(place_of(event_version(1, &at(0xFFFF, u64::MAX))), 0);
    }

    #[test]
    fn versions_come_back_from_what_is_stored() {
        let version = DerivationVersion {
            rule_set: 7,
            inputs: 9,
            places: u64::MAX,
        };
        assert_eq!(DerivationVersion::unpacked(version.packed()), version);
    }

    /// The first release weighed the far-off months with more than their rows, and those at the edges with a month more.
    #[test]
    fn a_month_put_together_outranks_what_older_builds_derived_under_the_same_rule_set() {
        let older = DerivationVersion {
            rule_set: 1,
            inputs: (1 << 39) + 1_000_000_000,
            places: u64::MAX,
        };
        let day = DerivationVersion {
            rule_set: 1,
            inputs: 1,
            places: 1,
        };
        let none = DerivationVersion::put_together(1, []);
        let one = DerivationVersion::put_together(1, [day]);
        let two = DerivationVersion::put_together(1, [day, day]);
        assert!(older.packed() < none.packed());
        assert!(none.packed() < one.packed() && one.packed() < two.packed());
        let newer = DerivationVersion::put_together(2, []);
        assert!(two.packed() < newer.packed());
    }

    #[test]
    fn the_better_informed_derivation_is_greater() {
        let version = |rule_set, inputs, places| {
            DerivationVersion {
                rule_set,
                inputs,
                places,
            }
            .packed()
        };
        assert!(version(1, 5, 0) > version(1, 4, u64::MAX));
        assert!(version(2, 1, 0) > version(1, u64::MAX, u64::MAX));
    }
}
