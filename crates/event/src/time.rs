//! Times: as logged (a wall clock without a zone) and in UTC.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A wall-clock time as logged, in whole seconds, without a zone: seconds since 1970-01-01 00:00:00 of that same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoggedAt(pub i64);

/// Milliseconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UtcMillis(pub i64);

/// A calendar month of logged time, counted from year 0: `year * 12 + month - 1`.
///
/// Sane years only ([`Month::FIRST`] to [`Month::LAST`]): tables are partitioned by it, so a wild stamp must not make a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(u32);

impl LoggedAt {
    /// Reads `YYYY-MM-DD HH:MM:SS` (also with `T` between), or nothing when a field is out of range.
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 19] = text.get(..19)?.try_into().ok()?;
        if text[4] != b'-'
            || text[7] != b'-'
            || !matches!(text[10], b' ' | b'T')
            || text[13] != b':'
            || text[16] != b':'
        {
            return None;
        }
        let two = |at: usize| -> Option<i64> {
            let (tens, ones) = (text[at].wrapping_sub(b'0'), text[at + 1].wrapping_sub(b'0'));
            (tens < 10 && ones < 10).then(|| i64::from(tens) * 10 + i64::from(ones))
        };
        let year = two(0)? * 100 + two(2)?;
        Self::from_civil(year, two(5)?, two(8)?, two(11)?, two(14)?, two(17)?)
    }

    /// From calendar fields; nothing when one is out of range.
    pub fn from_civil(
        year: i64,
        month: i64,
        day: i64,
        hour: i64,
        minute: i64,
        second: i64,
    ) -> Option<Self> {
        // No log of Windows has other years, and arithmetic with wilder ones would overflow.
        if !(0..=9_999).contains(&year)
            || !(1..=12).contains(&month)
            || !(1..=31).contains(&day)
            || !(0..24).contains(&hour)
            || !(0..60).contains(&minute)
            || !(0..=60).contains(&second)
        {
            return None;
        }
        Some(Self(
            days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second,
        ))
    }

    /// The month it falls in, clamped to sane years.
    pub fn month(self) -> Month {
        let (year, month, _) = civil_from_days(self.0.div_euclid(86_400));
        Month::new(year, month)
    }

    /// The same moment in UTC, given the minutes that the clock was ahead of UTC.
    pub fn to_utc(self, offset_minutes: i32) -> UtcMillis {
        UtcMillis((self.0 - i64::from(offset_minutes) * 60) * 1_000)
    }
}

impl fmt::Display for LoggedAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_civil(f, self.0, ' ')
    }
}

impl UtcMillis {
    /// The wall clock that shows this moment, given the minutes it is ahead of UTC.
    pub fn to_logged(self, offset_minutes: i32) -> LoggedAt {
        LoggedAt(self.0.div_euclid(1_000) + i64::from(offset_minutes) * 60)
    }
}

/// RFC 3339 with milliseconds, `2022-08-18T07:53:46.609Z`.
impl fmt::Display for UtcMillis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_civil(f, self.0.div_euclid(1_000), 'T')?;
        write!(f, ".{:03}Z", self.0.rem_euclid(1_000))
    }
}

impl Month {
    /// January 1990: older stamps are counted here.
    pub const FIRST: Month = Month(1990 * 12);
    /// December 2100: newer stamps are counted here.
    pub const LAST: Month = Month(2100 * 12 + 11);

    /// The month of a year, clamped to [`Month::FIRST`] and [`Month::LAST`]. `month` is 1 to 12.
    pub fn new(year: i64, month: i64) -> Self {
        let index =
            (year * 12 + month - 1).clamp(i64::from(Self::FIRST.0), i64::from(Self::LAST.0));
        Self(u32::try_from(index).unwrap_or(Self::FIRST.0))
    }

    /// As `YYYYMM`, the form of ClickHouse's `toYYYYMM`.
    pub fn yyyymm(self) -> u32 {
        self.0 / 12 * 100 + self.0 % 12 + 1
    }

    /// Back from `YYYYMM`.
    pub fn from_yyyymm(yyyymm: u32) -> Self {
        Self::new(i64::from(yyyymm / 100), i64::from(yyyymm % 100))
    }

    /// The month before.
    pub fn before(self) -> Self {
        Self((self.0 - 1).max(Self::FIRST.0))
    }

    /// The month after.
    pub fn after(self) -> Self {
        Self((self.0 + 1).min(Self::LAST.0))
    }

    /// Its first second.
    pub fn start(self) -> LoggedAt {
        LoggedAt(days_from_civil(i64::from(self.0 / 12), i64::from(self.0 % 12 + 1), 1) * 86_400)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.0 / 12, self.0 % 12 + 1)
    }
}

fn write_civil(f: &mut fmt::Formatter<'_>, seconds: i64, between: char) -> fmt::Result {
    let (year, month, day) = civil_from_days(seconds.div_euclid(86_400));
    let of_day = seconds.rem_euclid(86_400);
    write!(
        f,
        "{year:04}-{month:02}-{day:02}{between}{:02}:{:02}:{:02}",
        of_day / 3_600,
        of_day / 60 % 60,
        of_day % 60
    )
}

/// Days since 1970-01-01 in the Gregorian calendar; Howard Hinnant's algorithm, see <https://howardhinnant.github.io/date_algorithms.html>.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, i64, i64) {
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
    fn a_head_is_read_and_written_back() {
        for text in [
            "2022-08-18 15:53:46",
            "1970-01-01 00:00:00",
            "2024-02-29 23:59:59",
            "2100-12-31 00:00:00",
        ] {
            assert_eq!(LoggedAt::parse(text.as_bytes()).unwrap().to_string(), text);
        }
        for text in [
            "2022-13-01 00:00:00",
            "2022-08-18 25:00:00",
            "2022-08-18",
            "20x2-08-18 15:53:46",
            "2022-08-18-15:53:46",
        ] {
            assert_eq!(LoggedAt::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn logged_time_and_offset_give_utc() {
        let logged = LoggedAt::parse(b"2022-08-18 15:53:46").unwrap();
        assert_eq!(logged.to_utc(480).to_string(), "2022-08-18T07:53:46.000Z");
        assert_eq!(logged.to_utc(480).to_logged(480), logged);
    }

    #[test]
    fn months_clamp_and_step() {
        let month = LoggedAt::parse(b"2023-12-31 23:59:59").unwrap().month();
        assert_eq!(
            (
                month.yyyymm(),
                month.after().yyyymm(),
                month.before().yyyymm()
            ),
            (202312, 202401, 202311)
        );
        assert_eq!(month.after().start().to_string(), "2024-01-01 00:00:00");
        assert_eq!(Month::from_yyyymm(202312), month);
        assert_eq!(
            LoggedAt::parse(b"1601-01-01 00:00:00").unwrap().month(),
            Month::FIRST
        );
    }
}
