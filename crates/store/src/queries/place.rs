//! Where a page of a long list starts. A page holds a bounded number of rows, says how many there are in all, and where the
//! pages before and after it start.

use std::{fmt, str::FromStr};

/// A row's place in a list: the numbers that the list is ordered by. Without numbers, the list's beginning.
///
/// A list by time goes by them and not by a rank, so that a page starts at the same row however many rows came before it meanwhile.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place(Vec<i64>);

/// More numbers than any list is ordered by.
const KEYS_MAX: usize = 4;

impl Place {
    pub(super) fn new(keys: Vec<i64>) -> Self {
        Self(keys)
    }

    /// The place after that many rows of a list by rank.
    pub(super) fn after(rows: u64) -> Self {
        match i64::try_from(rows) {
            Ok(rows) if rows > 0 => Self(vec![rows]),
            _ => Self::default(),
        }
    }

    /// Of a list by rank: how many rows stand before it.
    pub(super) fn rank(&self) -> u64 {
        let first = self.0.first().copied().unwrap_or_default();
        u64::try_from(first).unwrap_or_default()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, key) in self.0.iter().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{key}")?;
        }
        Ok(())
    }
}

impl FromStr for Place {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.is_empty() {
            return Ok(Self::default());
        }
        let keys: Result<Vec<i64>, _> = text.split('.').map(str::parse).collect();
        match keys {
            Ok(keys) if keys.len() <= KEYS_MAX => Ok(Self(keys)),
            _ => Err("a place is numbers with dots between, as an answer gave it"),
        }
    }
}

/// Where a page stands in its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ends {
    /// Rows of the whole list.
    pub total: u64,
    /// Rows before the page.
    pub before: u64,
    /// Where the page before starts; none before the first one.
    pub previous: Option<Place>,
    /// Where the next page starts; none after the last one.
    pub next: Option<Place>,
}

impl Ends {
    /// Of a page that starts at a place of a list by rank.
    pub(super) fn by_rank(from: &Place, rows: usize, limit: u64, total: u64) -> Self {
        let before = from.rank();
        let end = before + rows as u64;
        Self {
            total,
            before,
            previous: (before > 0).then(|| Place::after(before.saturating_sub(limit))),
            next: (rows > 0 && end < total).then(|| Place::after(end)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_text_and_odd_texts_are_refused() {
        for keys in [
            vec![],
            vec![0],
            vec![-1_660_838_022, -202_208, -17],
            vec![i64::MIN, 1, 2, i64::MAX],
        ] {
            let place = Place::new(keys);
            assert_eq!(place.to_string().parse(), Ok(place));
        }
        for text in [
            ".",
            "1.",
            "x",
            "1 2",
            "1.2.3.4.5",
            "99999999999999999999",
            "1)--",
        ] {
            assert!(text.parse::<Place>().is_err(), "{text}");
        }
    }

    #[test]
    fn pages_by_rank_follow_each_other() {
        let first = Ends::by_rank(&Place::default(), 50, 50, 120);
        assert_eq!((first.before, &first.previous), (0, &None));
        let second = Ends::by_rank(&first.next.expect("more"), 50, 50, 120);
        assert_eq!(
            (second.before, second.previous),
            (50, Some(Place::default()))
        );
        let third = Ends::by_rank(&second.next.expect("more"), 20, 50, 120);
        assert_eq!((third.before, third.next), (100, None));
        assert_eq!(third.previous, Some(Place::after(50)));
        assert_eq!(Place::new(vec![-9]).rank(), 0);
    }
}
