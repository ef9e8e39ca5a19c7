//! Which text makes room: evidence last, then the oldest day, then the earliest receipt; and which parts that touches.
//!
//! The engine rewrites whole parts, and knows how much a part takes and not how much a day does. So a part's days share its bytes
//! by their length, a step touches few parts, and the caller measures before the next one.

use std::collections::BTreeMap;

/// A part of `chunks`, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) name: String,
    pub(super) partition: String,
    /// On disk.
    pub(super) bytes: u64,
    /// Lengths of its text, by kind and day.
    pub(super) shares: Vec<Share>,
}

/// Text of a part that goes together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) key: Key,
    pub(super) length: u64,
}

/// Order in which text goes: false before true.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) evidence: bool,
    /// Days since 1970, as logged.
    pub(super) day: u16,
    /// Milliseconds since 1970; none stands for the whole day.
    pub(super) received: Option<i64>,
}

/// What one step may do.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Bytes to free.
    pub(super) want: u64,
    /// Bytes of which all may go, should the days of a part share its bytes otherwise than thought.
    pub(super) spare: u64,
    /// Bytes that the file system has for what is rewritten.
    pub(super) room: u64,
}

/// What a step removes: everything up to `cut`, of these parts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) cut: Key,
    /// Parts that go whole, which takes no space.
    pub(super) dropped: Vec<String>,
    /// Parts of one partition that are rewritten without what goes.
    pub(super) rewritten: Vec<String>,
    pub(super) partition: String,
    /// What the smallest rewrite would need, where none fits.
    pub(super) needed: Option<u64>,
}

/// The engine asks for a tenth more than a part takes before it rewrites it, and so do we.
pub(super) fn rewrite_needs(bytes: u64) -> u64 {
    bytes.saturating_add(bytes / 10)
}

/// Statements stay short; a step more costs nothing.
const MAX_PARTS: usize = 100;

impl Part {
    fn length(&self) -> u64 {
        self.shares.iter().map(|share| share.length).sum()
    }

    /// Bytes on disk of so much of its text, as far as one can tell.
    pub(super) fn on_disk(&self, length: u64) -> u64 {
        let all = u128::from(self.length().max(1));
        u64::try_from(u128::from(self.bytes) * u128::from(length) / all).unwrap_or(self.bytes)
    }

    fn going(&self, cut: Key) -> u64 {
        let going = self.shares.iter().filter(|share| share.key <= cut);
        going.map(|share| share.length).sum()
    }
}

/// How far text must go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    /// The last that goes.
    pub(super) key: Key,
    /// Bytes that its own text must give.
    pub(super) left: u64,
    /// Bytes that its own text takes.
    pub(super) of_key: u64,
}

/// How far text must go to free `want` bytes; none without text.
///
/// It ends before the first evidence while there is other text: that this is not enough is a guess until it was measured.
pub(super) fn cut(parts: &[Part], want: u64) -> Option<Cut> {
    let mut keys: BTreeMap<Key, u64> = BTreeMap::new();
    for part in parts {
        for share in &part.shares {
            *keys.entry(share.key).or_default() += part.on_disk(share.length);
        }
    }
    let is_evidence = keys.keys().next()?.evidence;
    let mut left = want.max(1);
    let mut last = None;
    for (&key, &of_key) in keys.iter().filter(|(key, _)| key.evidence == is_evidence) {
        last = Some(Cut { key, left, of_key });
        if of_key >= left {
            break;
        }
        left -= of_key;
    }
    last
}

/// What the next step does to remove everything up to `cut`.
pub(super) fn step(parts: &[Part], cut: Key, limits: Limits) -> Step {
    let mut step = Step {
        cut,
        ..Step::default()
    };
    let mut touched: Vec<(&Part, u64)> = parts
        .iter()
        .map(|part| (part, part.going(cut)))
        .filter(|(_, going)| *going > 0)
        .collect();
    // Those with the oldest text first.
    touched.sort_by_key(|(part, _)| part.shares.iter().map(|share| share.key).min());
    let mut freed = 0;
    for (part, _) in touched
        .iter()
        .filter(|(part, going)| *going == part.length())
        .take(MAX_PARTS)
    {
        step.dropped.push(part.name.clone());
        freed += part.bytes;
        if freed >= limits.want {
            return step;
        }
    }
    let (mut spare, mut room) = (limits.spare.saturating_sub(freed), limits.room);
    for (part, going) in touched
        .iter()
        .filter(|(part, going)| *going < part.length())
    {
        let needs = rewrite_needs(part.bytes);
        if !step.rewritten.is_empty() && step.partition != part.partition {
            continue;
        }
        if needs > room {
            // Were it the first of several, the others would need room as well.
            if step.rewritten.is_empty() {
                step.needed = Some(step.needed.unwrap_or(u64::MAX).min(needs));
            }
            continue;
        }
        // One part is always rewritten, or a part of most of the store would be in nobody's way.
        if part.bytes > spare && !step.rewritten.is_empty() || step.rewritten.len() == MAX_PARTS {
            break;
        }
        step.partition.clone_from(&part.partition);
        step.rewritten.push(part.name.clone());
        spare = spare.saturating_sub(part.bytes);
        room -= needs;
        freed += part.on_disk(*going);
        if freed >= limits.want {
            break;
        }
    }
    if !step.rewritten.is_empty() || !step.dropped.is_empty() {
        step.needed = None;
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn key(evidence: bool, day: u16) -> Key {
        Key {
            evidence,
            day,
            received: None,
        }
    }

    fn part(name: &str, bytes: u64, shares: &[(bool, u16, u64)]) -> Part {
        Part {
            name: name.to_owned(),
            partition: "202401".to_owned(),
            bytes,
            shares: shares
                .iter()
                .map(|(evidence, day, length)| Share {
                    key: key(*evidence, *day),
                    length: *length,
                })
                .collect(),
        }
    }

    const ROOMY: Limits = Limits {
        want: 100,
        spare: u64::MAX,
        room: u64::MAX,
    };

    #[test]
    fn evidence_goes_only_when_nothing_else_is_left() {
        let parts = [
            part("a", 100, &[(true, 1, 900), (false, 9, 100)]),
            part("b", 100, &[(false, 8, 1000)]),
        ];
        let until = |parts: &[Part], want| cut(parts, want).map(|cut| cut.key);
        assert_eq!(until(&parts, 100), Some(key(false, 8)));
        // More is wanted than other text is thought to take: first it goes, then it is looked at again.
        assert_eq!(until(&parts, 190), Some(key(false, 9)));
        assert_eq!(step(&parts, key(false, 9), ROOMY).dropped, ["b"]);
        assert_eq!(
            until(&[part("a", 90, &[(true, 1, 900)])], 5),
            Some(key(true, 1))
        );
        assert_eq!(until(&[], 1), None);
    }

    #[test]
    fn what_does_not_fit_is_not_done_and_said() {
        let parts = [
            part("big", 1000, &[(false, 1, 10), (true, 1, 10)]),
            part("small", 50, &[(false, 2, 10), (true, 2, 10)]),
        ];
        let tight = |room| Limits { room, ..ROOMY };
        let found = step(&parts, key(false, 2), tight(60));
        assert_eq!(
            (found.rewritten, found.needed),
            (vec!["small".to_owned()], None)
        );
        let found = step(&parts, key(false, 2), tight(50));
        assert_eq!((found.rewritten.len(), found.needed), (0, Some(55)));
        // A part that goes as a whole needs none.
        let whole = [part("whole", 1000, &[(false, 1, 10)])];
        assert_eq!(step(&whole, key(false, 1), tight(0)).dropped, ["whole"]);
    }

    #[test]
    fn a_step_touches_no_more_than_may_go() {
        let parts: Vec<Part> = (0..10)
            .map(|at| part(&at.to_string(), 100, &[(false, at, 1), (true, at, 9)]))
            .collect();
        let limits = Limits {
            spare: 250,
            ..ROOMY
        };
        assert_eq!(step(&parts, key(false, 9), limits).rewritten, ["0", "1"]);
        // A store of one part is no reason to do nothing.
        let limits = Limits { spare: 5, ..ROOMY };
        assert_eq!(step(&parts, key(false, 9), limits).rewritten, ["0"]);
    }

    proptest! {
        /// Whatever lies in which part: steps come to an end, and what goes is always what goes first.
        #[test]
        fn steps_remove_a_prefix_of_the_order(
            texts in prop::collection::vec((0usize..6, any::<bool>(), 0u16..5, 1u64..1000), 1..40),
            want in 1u64..20_000,
        ) {
            let mut parts: Vec<Part> = (0..6).map(|at| part(&at.to_string(), 0, &[])).collect();
            for (at, evidence, day, length) in texts {
                parts[at].shares.push(Share { key: key(evidence, day), length });
                parts[at].bytes += length / 3 + 1;
            }
            parts.retain(|part| !part.shares.is_empty());
            let total: u64 = parts.iter().map(|part| part.bytes).sum();
            let mut freed = 0;
            for _ in 0..200 {
                let left: u64 = parts.iter().map(|part| part.bytes).sum();
                if freed >= want || left == 0 {
                    break;
                }
                let limits = Limits { want: want - freed, spare: want, room: u64::MAX };
                let cut = cut(&parts, limits.want).unwrap().key;
                let step = step(&parts, cut, limits);
                prop_assert!(!step.dropped.is_empty() || !step.rewritten.is_empty());
                parts.retain(|part| !step.dropped.contains(&part.name));
                for part in parts.iter_mut().filter(|part| step.rewritten.contains(&part.name)) {
                    let gone = part.on_disk(part.going(cut));
                    part.bytes -= gone;
                    part.shares.retain(|share| share.key > cut);
                }
                parts.retain(|part| !part.shares.is_empty());
                freed = total - parts.iter().map(|part| part.bytes).sum::<u64>();
            }
            prop_assert!(freed >= want.min(total) || parts.is_empty());
        }
    }
}
