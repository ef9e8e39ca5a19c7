//! A search over whole chunks for the few records that could mean something.
//!
//! One automaton for some two hundred literals runs at 250 MB/s, a vector search for a fragment of each at 770.
//! So a long literal is found by looking at every fourth place only, where one of four neighbouring words of it must stand;
//! just the short ones, few by nature, are left to the vector search.

use aho_corasick::packed;
use aho_corasick::{AhoCorasick, MatchKind, Span};
use std::collections::{BTreeMap, HashMap};

/// Made-up lines in the wording of healthy logs: what is frequent in them is a poor word. It decides on speed alone.
const HEALTHY: &str = include_str!("healthy.txt");

/// Bytes of a word, and how far apart the places are that are looked at.
const WORD: usize = 4;

/// From this length on every placing of a literal holds a whole word at one of the places.
const LONG: usize = 2 * WORD - 1;

/// Bits of the table of words: 8 KiB, which stay in the innermost cache, and one in a hundred set by a thousand words.
const TABLE_BITS: u32 = 16;

/// Slots of the table.
const SLOTS: usize = 1 << (TABLE_BITS - 6);

/// A word of a long literal.
#[derive(Debug)]
struct Word {
    word: u32,
    literal: Box<[u8]>,
    /// Where in the literal the word stands.
    at: usize,
}

#[derive(Debug)]
pub(crate) struct Prefilter {
    /// One bit per hash of a word.
    table: Box<[u64; SLOTS]>,
    /// How many bits are set in front of each slot.
    ranks: Box<[usize; SLOTS]>,
    /// The words of each bit that is set, by its rank.
    words: Vec<Vec<Word>>,
    /// The short literals.
    short: Short,
}

#[derive(Debug)]
enum Short {
    Vector(packed::Searcher),
    /// Where this machine has no vector search, or there is nothing to find.
    Plain(AhoCorasick),
}

impl Prefilter {
    #[expect(
        clippy::indexing_slicing,
        reason = "long literals hold LONG bytes, and `rarest` leaves room for a word at each of its four places; a slot is of a table as large as slots are many"
    )]
    pub(super) fn new(mut literals: Vec<&str>) -> Self {
        let healthy = Words::of(HEALTHY);
        // A literal that holds another one is found with it.
        literals.sort_unstable_by_key(|literal| (literal.len(), *literal));
        let mut kept: Vec<&str> = Vec::new();
        for literal in literals {
            if !kept.iter().any(|known| literal.contains(known)) {
                kept.push(literal);
            }
        }
        let (long, short): (Vec<&str>, Vec<&str>) =
            kept.into_iter().partition(|literal| literal.len() >= LONG);
        let mut table = Box::new([0; SLOTS]);
        let mut words: BTreeMap<(usize, u64), Vec<Word>> = BTreeMap::new();
        for literal in long.iter().map(|literal| literal.as_bytes()) {
            let rarest = healthy.rarest(literal);
            for at in rarest..rarest + WORD {
                let word = word(&literal[at..]);
                let (slot, bit) = place(word);
                table[slot] |= bit;
                words.entry((slot, bit)).or_default().push(Word {
                    word,
                    literal: literal.into(),
                    at,
                });
            }
        }
        let mut ranks = Box::new([0; SLOTS]);
        for slot in 1..SLOTS {
            ranks[slot] = ranks[slot - 1] + table[slot - 1].count_ones() as usize;
        }
        Self {
            table,
            ranks,
            words: words.into_values().collect(),
            short: Short::new(&short),
        }
    }

    pub(crate) fn hits<'a>(&'a self, text: &'a str) -> Hits<'a> {
        let text = text.as_bytes();
        Hits {
            prefilter: self,
            text,
            long: self.long(text, 0),
            short: self.short.find(text, 0),
        }
    }

    /// Where the first long literal that starts at or after `from` is seen; beyond any text if there is none.
    #[expect(
        clippy::indexing_slicing,
        reason = "this looks at every fourth byte of every log: a slot is of a table as large as slots are many, there are as many lists of words as bits set, `at` is where a whole word was found, what stands before it there is at most as long"
    )]
    fn long(&self, text: &[u8], from: usize) -> usize {
        let mut start = from.next_multiple_of(WORD);
        loop {
            let Some(rest) = text.get(start..) else {
                return usize::MAX;
            };
            let is_known = |found: &[u8]| {
                let (slot, bit) = place(word(found));
                self.table[slot] & bit != 0
            };
            let Some(at) = rest.chunks_exact(WORD).position(is_known) else {
                return usize::MAX;
            };
            let at = start + at * WORD;
            let found = word(&text[at..]);
            let (slot, bit) = place(found);
            // A bit's rank: how many are set in front of it.
            let rank = self.ranks[slot] + (self.table[slot] & (bit - 1)).count_ones() as usize;
            let is_whole = |known: &Word| {
                known.word == found
                    && at >= from + known.at
                    && text[at - known.at..].starts_with(&known.literal)
            };
            if self.words[rank].iter().any(is_whole) {
                return at;
            }
            start = at + WORD;
        }
    }
}

impl Short {
    fn new(literals: &[&str]) -> Self {
        let vector = packed::Config::new()
            .match_kind(packed::MatchKind::LeftmostFirst)
            .builder()
            .extend(literals)
            .build();
        vector.map_or_else(
            || {
                let plain = AhoCorasick::builder()
                    .match_kind(MatchKind::LeftmostFirst)
                    .build(literals);
                Self::Plain(
                    plain.expect("a few short literals stay far below the automaton's limits"),
                )
            },
            Self::Vector,
        )
    }

    fn find(&self, text: &[u8], from: usize) -> usize {
        let rest = Span::from(from..text.len());
        let start = match self {
            Self::Vector(searcher) => searcher.find_in(text, rest).map(|hit| hit.start()),
            Self::Plain(searcher) => searcher
                .find(aho_corasick::Input::new(text).span(rest))
                .map(|hit| hit.start()),
        };
        start.unwrap_or(usize::MAX)
    }
}

/// Walks along a text and tells which stretches of it hold a literal.
pub(crate) struct Hits<'a> {
    prefilter: &'a Prefilter,
    text: &'a [u8],
    /// Where the next long literal is seen.
    long: usize,
    /// Where the next short one starts.
    short: usize,
}

impl Hits<'_> {
    /// Whether a literal stands between the last place asked for and this one, which is the end of a line.
    #[inline]
    pub(crate) fn before(&mut self, end: usize) -> bool {
        let is_long = self.long < end;
        if is_long {
            self.long = self.prefilter.long(self.text, end);
        }
        let is_short = self.short < end;
        if is_short {
            self.short = self.prefilter.short.find(self.text, end);
        }
        is_long || is_short
    }
}

/// How often each word stands in a text.
struct Words(HashMap<u32, usize>);

#[expect(
    clippy::indexing_slicing,
    reason = "a window holds a whole word; a word at `at` ends at most LONG bytes behind a place that leaves as many"
)]
impl Words {
    fn of(text: &str) -> Self {
        let mut counts = HashMap::new();
        for window in text.as_bytes().windows(WORD) {
            *counts.entry(word(window)).or_default() += 1;
        }
        Self(counts)
    }

    /// Where in a long literal the four neighbouring words stand that the text holds least.
    fn rarest(&self, literal: &[u8]) -> usize {
        let seen = |at: usize| -> usize {
            (at..at + WORD)
                .filter_map(|at| self.0.get(&word(&literal[at..])))
                .sum()
        };
        (0..=literal.len() - LONG)
            .min_by_key(|at| seen(*at))
            .unwrap_or(0)
    }
}

#[inline]
#[expect(
    clippy::indexing_slicing,
    reason = "callers give whole words; a look that could fail would cost at every fourth byte of every log"
)]
fn word(bytes: &[u8]) -> u32 {
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

/// A word's slot in the table and its bit there: a multiplicative hash, Knuth's constant.
#[inline]
fn place(word: u32) -> (usize, u64) {
    let hash = word.wrapping_mul(0x9E37_79B1) >> (32 - TABLE_BITS);
    ((hash >> 6) as usize, 1 << (hash & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;
    use proptest::prelude::*;

    fn check(literals: &[&str], text: &str) {
        let prefilter = Prefilter::new(literals.to_vec());
        let mut hits = prefilter.hits(text);
        let mut at = 0;
        for line in text.split_inclusive('\n') {
            at += line.len();
            let expected = literals.iter().any(|literal| line.contains(literal));
            assert_eq!(hits.before(at), expected, "{literals:?} in {line:?}");
        }
    }

    #[test]
    fn lines_with_a_literal_are_found_and_no_others() {
        let literals = [
            "0x8",
            "corrupt",
            "corrupted file",
            "Failed to x",
            "Failed to y",
            "a",
        ];
        check(
            &literals,
            "Failed to z\ncorrupFailed to y\n\n0x0x8\nFailed t\no x\ncorrupt",
        );
        check(&[], "x\n");
    }

    #[test]
    fn the_shipped_rules_stay_within_what_is_fast() {
        let prefilter = Rules::shipped().prefilter(event::Source::Cbs);
        let set: u32 = prefilter.table.iter().map(|slot| slot.count_ones()).sum();
        assert!(set < 1 << (TABLE_BITS - 5), "{set} bits of the table set");
        if let Short::Vector(searcher) = &prefilter.short {
            assert!(searcher.minimum_len() < 100, "the vector search takes them");
        }
    }

    proptest! {
        #[test]
        fn overlapping_literals_hide_nothing(
            literals in proptest::collection::vec("[ab]{1,12}", 0..12),
            text in "[ab\n]{0,200}",
        ) {
            let literals: Vec<&str> = literals.iter().map(String::as_str).collect();
            check(&literals, &text);
        }
    }
}
