//! Civil dates and the monthly release day ("B" release, second Tuesday).

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

/// Days since 1970-01-01 in the Gregorian calendar; Howard Hinnant's algorithm, see <https://howardhinnant.github.io/date_algorithms.html>.
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_year - (153 * shifted + 2) / 5 + 1)
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
        assert_eq!(civil_from_days(days_from_civil(2024, 2, 29)), (2024, 2, 29));
    }
}
