//! Whether the logs of one folder are of several machines.

use event::LoggedAt;
use files::Sighting;
use std::collections::BTreeMap;

/// A machine's name and when it stood in the logs.
pub(super) type Named = (String, (LoggedAt, LoggedAt));

/// Names in the order of their first times. A name with and without its domain is one, whatever its case.
pub(super) fn named<'a>(sightings: impl Iterator<Item = &'a Sighting>) -> Vec<Named> {
    let mut names: BTreeMap<String, Named> = BTreeMap::new();
    for sighting in sightings {
        let short = sighting.host.split('.').next().unwrap_or_default();
        let (from, to) = sighting.span;
        names
            .entry(short.to_lowercase())
            .and_modify(|(_, span)| *span = (span.0.min(from), span.1.max(to)))
            .or_insert_with(|| (sighting.host.clone(), (from, to)));
    }
    let mut names: Vec<Named> = names.into_values().collect();
    names.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    names
}

/// Two names that were in use at one time. A machine that is renamed has one after the other, and machines that share a folder do not.
pub(super) fn at_once(names: &[Named]) -> Option<(&Named, &Named)> {
    // Sorted by their first times, so one that reaches beyond the next first time reaches into that name.
    let mut longest: Option<&Named> = None;
    for name in names {
        if let Some(before) = longest
            && before.1.1 > name.1.0
        {
            return Some((before, name));
        }
        if longest.is_none_or(|before| before.1.1 < name.1.1) {
            longest = Some(name);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_mixed(sightings: &[(&str, i64, i64)]) -> bool {
        let sightings: Vec<Sighting> = sightings
            .iter()
            .map(|(host, from, to)| Sighting {
                host: (*host).to_owned(),
                span: (LoggedAt(*from), LoggedAt(*to)),
            })
            .collect();
        at_once(&named(sightings.iter())).is_some()
    }

    #[test]
    fn names_that_follow_each_other_are_one_machine_and_others_are_not() {
        assert!(!is_mixed(&[]));
        assert!(!is_mixed(&[("A", 0, 9)]));
        assert!(!is_mixed(&[("WIN-1", 0, 5), ("B", 5, 9), ("C", 9, 20)]));
        assert!(!is_mixed(&[("A", 0, 5), ("a.corp.example", 2, 9)]));
        assert!(is_mixed(&[("A", 0, 5), ("B", 4, 9)]));
        assert!(is_mixed(&[("A", 0, 1), ("B", 3, 3), ("A", 5, 6)]));
        assert!(is_mixed(&[("A", 0, 50), ("B", 60, 61), ("C", 55, 70)]));
    }
}
