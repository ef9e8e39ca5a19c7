//! Functions that a reader may use: pure ones, on lists that were read name by name.
//!
//! None touches files, the network, other tables (`joinGet`, `dictGet`), the engine's configuration, credentials, facts of the
//! host, or other statements; none takes another function's name or a type as a computed text; none waits.

use std::collections::HashMap;
use std::sync::OnceLock;

/// A name, and behind `@` what is looked at in its arguments.
const FUNCTIONS: &str = include_str!("functions.txt");
const AGGREGATES: &str = include_str!("aggregates.txt");

/// Endings that make another aggregate of an aggregate. Those that make or read its inner state are not here.
const COMBINATORS: [&str; 9] = [
    "ArgMax",
    "ArgMin",
    "Array",
    "Distinct",
    "ForEach",
    "If",
    "Map",
    "OrDefault",
    "OrNull",
];

/// What is looked at in a function's arguments beside the functions in them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Any,
    /// The right side may be a table.
    In,
    /// The argument at this place is a type.
    Type {
        at: usize,
    },
    /// From this place on there may be a time zone.
    Zone {
        from: usize,
    },
}

/// The rule for a function by the name that a statement gives it; `None` if it is on no list.
pub(super) fn rule(name: &str) -> Option<Rule> {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    let lists = LISTS.get_or_init(Lists::read);
    // The engine takes many names in any case. No function that is not listed differs from a listed one by case alone.
    let lower = name.to_ascii_lowercase();
    lists
        .functions
        .get(&lower)
        .copied()
        .or_else(|| lists.is_aggregate(name).then_some(Rule::Any))
}

struct Lists {
    functions: HashMap<String, Rule>,
    aggregates: HashMap<String, Rule>,
}

impl Lists {
    fn read() -> Self {
        Self {
            functions: entries(FUNCTIONS).collect(),
            aggregates: entries(AGGREGATES).collect(),
        }
    }

    fn is_aggregate(&self, name: &str) -> bool {
        let mut name = name;
        loop {
            if self.aggregates.contains_key(&name.to_ascii_lowercase()) {
                return true;
            }
            let shorter = COMBINATORS
                .iter()
                .find_map(|ending| name.strip_suffix(ending));
            match shorter {
                Some(shorter) => name = shorter,
                None => return false,
            }
        }
    }
}

fn entries(list: &'static str) -> impl Iterator<Item = (String, Rule)> {
    let lines = list.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).map(|entry| {
        let (name, rule) = entry.split_once('@').unwrap_or((entry, ""));
        (name.to_ascii_lowercase(), rule_of(rule))
    })
}

fn rule_of(mark: &str) -> Rule {
    let place = |word: &str| mark.strip_prefix(word).and_then(|place| place.parse().ok());
    if mark == "in" {
        Rule::In
    } else if let Some(at) = place("type") {
        Rule::Type { at }
    } else if let Some(from) = place("zone") {
        Rule::Zone { from }
    } else {
        assert!(mark.is_empty(), "no such mark: `{mark}`");
        Rule::Any
    }
}

/// All names as they are listed, for tests.
#[cfg(test)]
pub(super) fn listed() -> Vec<&'static str> {
    let lists = [FUNCTIONS, AGGREGATES].into_iter();
    let lines = lists
        .flat_map(str::lines)
        .filter(|line| !line.starts_with('#'));
    lines
        .flat_map(str::split_whitespace)
        .map(|entry| entry.split_once('@').map_or(entry, |(name, _)| name))
        .collect()
}
