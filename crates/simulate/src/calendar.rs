//! The monthly release day ("B" release, second Tuesday).

use event::civil::{civil_from_days, days_from_civil};

/// Milliseconds of a day.
pub(crate) const DAY_MS: i64 = 86_400_000;

/// A calendar month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Release {
    pub(crate) year: i64,
    pub(crate) month: i64,
}

impl Release {
    /// The month a day number (days since 1970-01-01) falls in.
    pub(crate) fn of_day(day: i64) -> Self {
        let (year, month, _) = civil_from_days(day);
        Self { year, month }
    }

    /// The month after.
    pub(crate) fn next(self) -> Self {
        if self.month == 12 {
            Self {
                year: self.year + 1,
                month: 1,
            }
        } else {
            Self {
                month: self.month + 1,
                ..self
            }
        }
    }

    /// Day number of its second Tuesday.
    pub(crate) fn tuesday(self) -> i64 {
        let first = days_from_civil(self.year, self.month, 1);
        // 1970-01-01 was a Thursday, weekday 4 when Sunday is 0; Tuesday is 2.
        let weekday = (first + 4).rem_euclid(7);
        first + (2 - weekday).rem_euclid(7) + 7
    }

    /// Months since year 0.
    pub(crate) fn index(self) -> i64 {
        self.year * 12 + self.month - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patch_tuesdays_are_second_tuesdays() {
        for (year, month, day) in [
            (2022, 6, 14),
            (2022, 7, 12),
            (2025, 4, 8),
            (2025, 7, 8),
            (2024, 10, 8),
        ] {
            assert_eq!(
                Release { year, month }.tuesday(),
                days_from_civil(year, month, day),
                "{year}-{month}"
            );
        }
    }
}
