//! What is new of a unit, as far as it says what must be derived again.

use crate::Day;
use std::collections::BTreeSet;

/// What new events of a month touch.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitNews {
    /// Their days; none stands for every day of the month.
    pub days: BTreeSet<Day>,
    /// Hashes of what the landmarks among them are about: days that wait for one of these are derived again too.
    pub links: BTreeSet<u64>,
}

impl UnitNews {
    /// Links kept of one unit's news; beyond them all days of the month are meant. A batch of a live PC has a handful.
    const MAX_LINKS: usize = 4_096;

    /// News that names no days: every day of the month may have changed.
    pub fn of_all_days() -> Self {
        Self::default()
    }

    /// Whether every day of the month is meant.
    pub fn is_of_all_days(&self) -> bool {
        self.days.is_empty()
    }

    /// Adds other news of the same unit.
    pub fn add(&mut self, other: &Self) {
        if self.is_of_all_days() || other.is_of_all_days() {
            *self = Self::of_all_days();
            return;
        }
        self.days.extend(&other.days);
        self.links.extend(&other.links);
        if self.links.len() > Self::MAX_LINKS {
            *self = Self::of_all_days();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_adds_up_and_all_days_stay_all() {
        let news = |day: u16, links: std::ops::Range<u64>| UnitNews {
            days: BTreeSet::from([Day::new(day)]),
            links: links.collect(),
        };
        let mut all = news(19_000, 0..2);
        all.add(&news(19_001, 1..3));
        assert_eq!(all.days.len(), 2);
        assert_eq!(all.links, BTreeSet::from([0, 1, 2]));
        let mut many = all.clone();
        many.add(&news(19_001, 0..5_000));
        assert!(many.is_of_all_days());
        all.add(&UnitNews::of_all_days());
        assert!(all.is_of_all_days());
        all.add(&news(19_000, 0..1));
        assert!(all.is_of_all_days());
    }
}
