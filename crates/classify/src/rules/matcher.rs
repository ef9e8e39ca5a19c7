//! Which rules a record matches.
//!
//! One search per record for the literals of all rules together; only a rule whose literals were found is looked at more closely.
//! An added rule adds its literals to that search, and next to nothing to the time.

use super::prefilter::Prefilter;
use super::{Rule, When};
use crate::codes::Spelling;
use aho_corasick::{AhoCorasick, MatchKind};
use event::{Code, Source};
use std::collections::{HashMap, HashSet};

/// Literals one of which stands in front of, or in, every spelling of a code but those of [`number_literals`]; and the levels at
/// which a record may say a failure in any other spelling.
const CODE_LITERALS: [&str; 36] = [
    ", Error       ",
    "FATAL: ",
    "WARNING: ",
    "0x8",
    "0xe000",
    "0xE000",
    "ErrorCode: ",
    "hr=8000",
    "hr=8001",
    "hr=8004",
    "hr=8007",
    "hr=8009",
    "hr=800f",
    "hr=800F",
    "hr=8019",
    "hr=8024",
    "hr=80d0",
    "hr=80D0",
    "code: 21",
    "code = 21",
    "0xc",
    "0xC",
    "0xd0",
    "0xD0",
    "STATUS_",
    "ERROR_",
    "_FROM_WIN32",
    "HRESULT=8",
    ",Facility=",
    "FAILED* [",
    "resultMapped=",
    "NTSTATUS -",
    ", result ",
    "RPC_S_",
    "\tFailure\t",
    "dwRet = 0x",
];

/// The same for numbers, with the next digit, whatever it is: so they are long, and the search for short literals stays one for few.
fn number_literals() -> Vec<String> {
    let signed = [' ', '=', ':', '(', '['].into_iter().flat_map(|before| {
        ["-2145", "-2147"].map(|number| (format!("{before}{number}"), "0123456789"))
    });
    let bare = ["hr = 8", "hr = c"].map(|number| (number.to_owned(), "0123456789abcdefABCDEF"));
    let next = |(number, digits): (String, &'static str)| {
        digits.chars().map(move |digit| format!("{number}{digit}"))
    };
    signed.chain(bare).flat_map(next).collect()
}

#[derive(Debug)]
pub(super) struct Matcher {
    prefilter: Prefilter,
    /// The same for event logs.
    of_event_logs: Prefilter,
    /// Ids that rules about event logs ask for; none where one of them asks for none.
    event_ids: Option<HashSet<u32>>,
    literals: AhoCorasick,
    /// Per literal: the rules it belongs to and its bit there.
    uses: Vec<Vec<(usize, u32)>>,
    masks: Vec<Masks>,
    /// Rules without literals, by the codes they ask for.
    by_code: HashMap<Code, Vec<usize>>,
}

/// The bits of a rule's literals, by what they are asked for.
#[derive(Clone, Copy, Debug, Default)]
struct Masks {
    all: u32,
    any: u32,
    none: u32,
}

/// A rule that a record matches, with what its pattern captured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) rule: usize,
    /// Named captures, ascending by name.
    pub(crate) captures: Vec<(String, String)>,
}

/// Space for matching, used again for each record.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) found: Vec<Found>,
    bits: Vec<u32>,
    touched: Vec<usize>,
}

impl Matcher {
    #[expect(
        clippy::indexing_slicing,
        reason = "`uses` grows with `literals`, whose length the index is"
    )]
    pub(super) fn new(rules: &[Rule]) -> Self {
        let mut literals: Vec<&str> = Vec::new();
        let mut uses: Vec<Vec<(usize, u32)>> = Vec::new();
        let mut index_of: HashMap<&str, usize> = HashMap::new();
        let mut masks = Vec::new();
        let mut by_code: HashMap<Code, Vec<usize>> = HashMap::new();
        for (rule_index, rule) in rules.iter().enumerate() {
            let mut mask = Masks::default();
            let mut bit = 1_u32;
            if let Some(when) = &rule.when {
                let groups = [
                    (&when.all, &mut mask.all),
                    (&when.any, &mut mask.any),
                    (&when.none, &mut mask.none),
                ];
                for (group, mask) in groups {
                    for literal in group {
                        let index = *index_of.entry(literal).or_insert_with(|| {
                            literals.push(literal);
                            uses.push(Vec::new());
                            literals.len() - 1
                        });
                        uses[index].push((rule_index, bit));
                        *mask |= bit;
                        // At most 32 literals a rule: the loader refuses more.
                        bit = bit.rotate_left(1);
                    }
                }
                if when.all.is_empty() && when.any.is_empty() {
                    for code in &when.codes {
                        by_code.entry(*code).or_default().push(rule_index);
                    }
                }
            }
            masks.push(mask);
        }
        Self {
            prefilter: prefilter(rules),
            of_event_logs: prefilter_of_event_logs(rules),
            event_ids: event_ids(rules),
            literals: automaton(&literals),
            uses,
            masks,
            by_code,
        }
    }

    pub(super) fn prefilter(&self, source: Source) -> &Prefilter {
        match source {
            Source::EventLog => &self.of_event_logs,
            _ => &self.prefilter,
        }
    }

    /// Whether any rule asks for events of this id: most records that the prefilter lets through are of other ids.
    pub(super) fn may_know(&self, event_id: u32) -> bool {
        self.event_ids
            .as_ref()
            .is_none_or(|ids| ids.contains(&event_id))
    }

    /// Fills `scratch.found` with the rules that match, in the order of the rules.
    #[expect(
        clippy::indexing_slicing,
        reason = "`uses` has an entry a literal of the automaton, `masks` and `bits` one a rule, and the numbers in them count rules; no number comes from the text"
    )]
    pub(super) fn find(
        &self,
        rules: &[Rule],
        source: Source,
        component: &str,
        text: &str,
        spellings: &[Spelling],
        scratch: &mut Scratch,
    ) {
        let Scratch {
            found,
            bits,
            touched,
        } = scratch;
        found.clear();
        touched.clear();
        bits.resize(rules.len(), 0);
        for hit in self.literals.find_overlapping_iter(text) {
            for (rule, bit) in &self.uses[hit.pattern().as_usize()] {
                if bits[*rule] == 0 {
                    touched.push(*rule);
                }
                bits[*rule] |= bit;
            }
        }
        for spelling in spellings {
            for rule in self.by_code.get(&spelling.code).into_iter().flatten() {
                if !touched.contains(rule) {
                    touched.push(*rule);
                }
            }
        }
        touched.sort_unstable();
        for index in touched.iter() {
            let seen = std::mem::take(&mut bits[*index]);
            let mask = self.masks[*index];
            let has_literals = seen & mask.all == mask.all
                && (mask.any == 0 || seen & mask.any != 0)
                && seen & mask.none == 0;
            if has_literals
                && let Some(captures) = matches(&rules[*index], source, component, text, spellings)
            {
                found.push(Found {
                    rule: *index,
                    captures,
                });
            }
        }
    }
}

/// The rest of a rule's conditions, the cheap ones first.
fn matches(
    rule: &Rule,
    source: Source,
    component: &str,
    text: &str,
    spellings: &[Spelling],
) -> Option<Vec<(String, String)>> {
    let when = rule.when.as_ref()?;
    let has_code = |spelling: &Spelling| {
        when.codes.contains(&spelling.code) && (!when.last_error || spelling.is_last_error)
    };
    let holds = when.is_for(source)
        && (when.components.is_empty() || when.components.iter().any(|known| known == component))
        && (when.codes.is_empty() || spellings.iter().any(has_code));
    if !holds {
        return None;
    }
    let Some(regex) = &when.regex else {
        return Some(Vec::new());
    };
    let captures = regex.captures(text)?;
    let mut named: Vec<(String, String)> = regex
        .capture_names()
        .flatten()
        .filter_map(|name| Some((name.to_owned(), captures.name(name)?.as_str().to_owned())))
        .collect();
    named.sort_unstable();
    Some(named)
}

/// Every record that could mean something holds one of these literals.
fn prefilter(rules: &[Rule]) -> Prefilter {
    let numbers = number_literals();
    let mut literals: Vec<&str> = CODE_LITERALS
        .iter()
        .chain(&crate::marker::LITERALS)
        // They may spell their code without `0x`.
        .chain(&crate::failure::COMMAND_FAILED)
        .copied()
        .chain(numbers.iter().map(String::as_str))
        .collect();
    let may_be_text = |when: &When| {
        let is_event_log = |source: &Source| *source == Source::EventLog;
        when.sources.is_empty() || !when.sources.iter().all(is_event_log)
    };
    add_literals(rules, may_be_text, &mut literals);
    Prefilter::new(literals)
}

/// The ids in `any: ['"event_id":20,']` of the rules about event logs.
fn event_ids(rules: &[Rule]) -> Option<HashSet<u32>> {
    let id = |literal: &String| -> Option<u32> {
        let number = literal.strip_prefix("\"event_id\":")?.strip_suffix(',')?;
        number.parse().ok()
    };
    let mut ids = HashSet::new();
    for when in rules.iter().filter_map(|rule| rule.when.as_ref()) {
        if when.is_for(Source::EventLog) {
            // A rule with another literal in `any` may match without an id.
            let of_rule: Option<Vec<u32>> = when.any.iter().map(id).collect();
            ids.extend(of_rule.filter(|ids| !ids.is_empty())?);
        }
    }
    Some(ids)
}

/// In event logs codes and markers mean nothing by themselves, and every record has a number that looks like a code.
fn prefilter_of_event_logs(rules: &[Rule]) -> Prefilter {
    let mut literals = Vec::new();
    add_literals(rules, |when| when.is_for(Source::EventLog), &mut literals);
    Prefilter::new(literals)
}

fn add_literals<'a>(
    rules: &'a [Rule],
    is_wanted: impl Fn(&When) -> bool,
    literals: &mut Vec<&'a str>,
) {
    for rule in rules {
        let Some(when) = rule.when.as_ref().filter(|when| is_wanted(when)) else {
            continue;
        };
        if let Some(longest) = when.all.iter().max_by_key(|literal| literal.len()) {
            let is_covered = when
                .all
                .iter()
                .any(|literal| literals.iter().any(|known| literal.contains(known)));
            if !is_covered {
                literals.push(longest);
            }
        } else {
            // A rule of codes alone is found by its codes.
            literals.extend(when.any.iter().map(String::as_str));
        }
    }
}

fn automaton(literals: &[&str]) -> AhoCorasick {
    AhoCorasick::builder()
        .match_kind(MatchKind::Standard)
        .kind(Some(aho_corasick::AhoCorasickKind::DFA))
        .build(literals)
        .expect("a few hundred short literals stay far below the automaton's limits")
}
