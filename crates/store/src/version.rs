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

/// How well informed a part of a day was: the better informed one stays, whoever writes last.
///
/// Both numbers only grow while rows come, whatever their order. A row that comes adds to `inputs`, and so does a newer rule set's
/// copy of one; a copy of the same rule set that stands earlier adds to `places`. Nothing of it is a hash, because of two that
/// read one after the other the later one must win.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DayVersion {
    /// Sequence of the rule set that derived.
    pub rule_set: u32,
    /// Weight of the rows: each weighs the sequence of the rule set that made it.
    pub inputs: u64,
    /// Where they stand: the earlier, the more.
    pub places: u64,
}

impl DayVersion {
    /// 24 bits rule set, 40 bits weight, 64 bits places.
    pub(crate) fn packed(self) -> u128 {
        packed(self.rule_set, self.inputs, self.places)
    }

    pub(crate) fn unpacked(version: u128) -> Self {
        Self {
            rule_set: (version >> 104) as u32,
            inputs: (version >> 64) as u64 & MAX_WEIGHT,
            places: version as u64,
        }
    }
}

/// What 40 bits hold.
const MAX_WEIGHT: u64 = 0xFF_FFFF_FFFF;

fn packed(rule_set: u32, weight: u64, rest: u64) -> u128 {
    u128::from(rule_set.min(0xFF_FFFF)) << 104
        | u128::from(weight.min(MAX_WEIGHT)) << 64
        | u128::from(rest)
}

/// How well informed a derivation was: the better informed one stays, whoever writes last.
///
/// `inputs` weighs rows that never go away again (events with every open copy, pieces of coverage), each event by the sequence
/// of the rule set that made it. So whoever has seen more, or the newer copy of a row, has the greater version; the hash only
/// decides between two that each lack something, and the news that is still open then makes a third that has seen both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct DerivationVersion {
    /// Sequence of the rule set that derived.
    pub rule_set: u32,
    /// Weight of the distinct inputs: how many, and how new the rule sets are that made them.
    pub inputs: u64,
    /// Hash over them, whatever their order.
    pub hash: u64,
}

impl DerivationVersion {
    /// 24 bits rule set, 40 bits count, 64 bits hash.
    pub(crate) fn packed(self) -> u128 {
        packed(self.rule_set, self.inputs, self.hash)
    }

    pub(crate) fn unpacked(version: u128) -> Self {
        Self {
            rule_set: (version >> 104) as u32,
            inputs: (version >> 64) as u64 & MAX_WEIGHT,
            hash: version as u64,
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
        let day = DayVersion {
            rule_set: 7,
            inputs: 9,
            places: u64::MAX,
        };
        assert_eq!(DayVersion::unpacked(day.packed()), day);
        let unit = DerivationVersion {
            rule_set: 7,
            inputs: 9,
            hash: u64::MAX,
        };
        assert_eq!(DerivationVersion::unpacked(unit.packed()), unit);
    }

    #[test]
    fn the_better_informed_derivation_is_greater() {
        let version = |rule_set, inputs, hash| {
            DerivationVersion {
                rule_set,
                inputs,
                hash,
            }
            .packed()
        };
        assert!(version(1, 5, 0) > version(1, 4, u64::MAX));
        assert!(version(2, 1, 0) > version(1, u64::MAX, u64::MAX));
    }
}
