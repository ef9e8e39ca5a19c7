//! Precision and recall over labelled items, printed kind by kind.

use std::collections::BTreeMap;
use std::fmt::Display;

/// Items of one kind: what the labels say, what was found, and how many agree.
#[derive(Clone, Copy, Debug, Default)]
struct Count {
    labelled: u64,
    found: u64,
    right: u64,
}

/// Counts by kind, and every disagreement.
#[derive(Debug, Default)]
pub(crate) struct Score {
    kinds: BTreeMap<String, Count>,
    faults: Vec<String>,
}

impl Score {
    /// Two multisets of items; `of` says where they stand.
    pub(crate) fn compare<T: Ord + Display>(
        &mut self,
        kind: &str,
        of: &str,
        labelled: &BTreeMap<T, u64>,
        found: &BTreeMap<T, u64>,
    ) {
        let count = self.kinds.entry(kind.to_owned()).or_default();
        count.labelled += labelled.values().sum::<u64>();
        count.found += found.values().sum::<u64>();
        let items = labelled
            .keys()
            .chain(found.keys().filter(|item| !labelled.contains_key(item)));
        for item in items {
            let (expected, seen) = (
                labelled.get(item).copied().unwrap_or(0),
                found.get(item).copied().unwrap_or(0),
            );
            count.right += expected.min(seen);
            if expected != seen {
                self.faults.push(format!(
                    "{of}: {kind}: {item}: labelled {expected}, found {seen}"
                ));
            }
        }
    }

    /// One item.
    pub(crate) fn check(&mut self, kind: &str, of: &str, labelled: &str, found: &str) {
        let one = |item: &str| BTreeMap::from([(item.to_owned(), 1)]);
        self.compare(kind, of, &one(labelled), &one(found));
    }

    /// Prints a line for each kind and fails on any disagreement.
    pub(crate) fn finish(self) {
        println!("{:<24} precision  recall      n", "kind");
        for (kind, count) in &self.kinds {
            println!(
                "{kind:<24} {:>9} {:>7} {:>6}",
                share(count.right, count.found),
                share(count.right, count.labelled),
                count.labelled
            );
        }
        assert!(
            self.kinds.values().map(|count| count.labelled).sum::<u64>() > 0,
            "nothing was compared"
        );
        assert!(
            self.faults.is_empty(),
            "{} faults\n{}",
            self.faults.len(),
            self.faults.join("\n")
        );
    }
}

/// Of nothing everything is right.
#[expect(clippy::cast_precision_loss, reason = "counts of a few thousand")]
fn share(part: u64, whole: u64) -> String {
    let share = if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    };
    format!("{share:.3}")
}

/// Counts equal items.
pub(crate) fn counted<T: Ord>(items: impl IntoIterator<Item = T>) -> BTreeMap<T, u64> {
    let mut counts = BTreeMap::new();
    for item in items {
        *counts.entry(item).or_default() += 1;
    }
    counts
}

#[test]
fn a_missing_and_a_made_up_item_are_told_apart() {
    let mut score = Score::default();
    score.compare("x", "y", &counted(["a", "a", "b"]), &counted(["a", "c"]));
    let count = score.kinds["x"];
    assert_eq!((count.labelled, count.found, count.right), (3, 2, 1));
    assert_eq!(score.faults.len(), 3);
    assert_eq!(share(1, 3), "0.333");
}
