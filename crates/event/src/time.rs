//! Times: as logged (a wall clock without a zone) and in UTC.

use crate::civil::{civil_from_days, days_from_civil};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::RangeInclusive;

/// A wall-clock time as logged, in whole seconds, without a zone: seconds since 1970-01-01 00:00:00 of that same clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LoggedAt(pub i64);

/// Milliseconds since 1970-01-01 00:00:00 UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct UtcMillis(pub i64);

/// A calendar month of logged time, counted from year 0: `year * 12 + month - 1`; or all far-off months as one.
///
/// Tables are partitioned by it and every month is derived by itself, so what a log claims must not make a thousand of them.
/// Months from 2006-01 to 2037-12 stand for themselves: servicing logs began with Windows Vista, and what is later was not logged
/// by a clock that is right. Every other time, and what carries no time, is of [`Month::FAR_OFF`]. This is the one place that
/// says so; it follows from the record alone, whatever else was read and in whichever order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month(u32);

/// A day of logged time, as days since 1970-01-01; all far-off times share one, which is of [`Month::FAR_OFF`].
///
/// Days are what an answer is made from: a month's is put together from those of its days.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Day(u16);

impl Day {
    /// All times outside of the months that stand for themselves, and what carries no time. In tables it is 1990-01-01.
    pub const FAR_OFF: Self = Self(7_305);

    /// How many days before and after it a day looks at landmarks. A judgement: a restart that is put off and a failure made good come
    /// within four weeks; and no month is shorter, so that a month and the ones beside it hold all that its days see.
    pub const HORIZON: i32 = 28;

    /// The day of a time, or of none.
    pub fn of(logged: Option<LoggedAt>) -> Self {
        logged
            .filter(|at| at.month() != Month::FAR_OFF)
            .and_then(|at| u16::try_from(at.0.div_euclid(86_400)).ok())
            .map_or(Self::FAR_OFF, Self)
    }

    /// From days since 1970-01-01; what is far off is [`Day::FAR_OFF`].
    pub fn new(days: u16) -> Self {
        Self::of(Some(LoggedAt(i64::from(days) * 86_400)))
    }

    /// Days since 1970-01-01.
    pub fn number(self) -> u16 {
        self.0
    }

    /// The month it falls in.
    pub fn month(self) -> Month {
        LoggedAt(i64::from(self.0) * 86_400).month()
    }

    /// So many days later, or earlier; the far-off day has none beside it and stays, and beyond the near months is none either.
    pub fn plus(self, days: i32) -> Self {
        if self == Self::FAR_OFF {
            return self;
        }
        let (first, last) = Month::near();
        let number = |at: LoggedAt| i32::try_from(at.0 / 86_400).unwrap_or(i32::MAX);
        let beside =
            (i32::from(self.0) + days).clamp(number(first.start()), number(last.end()) - 1);
        Self(u16::try_from(beside).unwrap_or(self.0))
    }
}

/// `2024-05-01`, or `far-off`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::FAR_OFF {
            return f.write_str("far-off");
        }
        let (year, month, day) = civil_from_days(i64::from(self.0));
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

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

    /// The month it falls in, or [`Month::FAR_OFF`].
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
    /// All times outside of 2006-01 to 2037-12, and what carries no time. In tables it is January 1990, where the first release
    /// kept what carries no time.
    pub const FAR_OFF: Month = Month(1990 * 12);

    /// The months that stand for themselves.
    const NEAR: RangeInclusive<u32> = 2006 * 12..=2037 * 12 + 11;

    /// The month of a year, or [`Month::FAR_OFF`]. `month` is 1 to 12.
    pub fn new(year: i64, month: i64) -> Self {
        let index = u32::try_from(year.saturating_mul(12).saturating_add(month - 1));
        Self(
            index
                .ok()
                .filter(|index| Self::NEAR.contains(index))
                .unwrap_or(Self::FAR_OFF.0),
        )
    }

    /// As `YYYYMM`, the form of ClickHouse's `toYYYYMM`.
    pub fn yyyymm(self) -> u32 {
        self.0 / 12 * 100 + self.0 % 12 + 1
    }

    /// Back from `YYYYMM`. A month that an older build kept by itself is part of the far-off one.
    pub fn from_yyyymm(yyyymm: u32) -> Self {
        Self::new(i64::from(yyyymm / 100), i64::from(yyyymm % 100))
    }

    /// The first and the last month that stand for themselves.
    pub fn near() -> (Self, Self) {
        (Self(*Self::NEAR.start()), Self(*Self::NEAR.end()))
    }

    /// The month before. The first one and the far-off one have none and are their own.
    pub fn before(self) -> Self {
        self.beside(self.0 - 1)
    }

    /// The month after. The last one and the far-off one have none and are their own.
    pub fn after(self) -> Self {
        self.beside(self.0 + 1)
    }

    fn beside(self, index: u32) -> Self {
        let is_near = Self::NEAR.contains(&self.0) && Self::NEAR.contains(&index);
        if is_near { Self(index) } else { self }
    }

    /// Its first second; of the far-off one that of the month it has in tables.
    pub fn start(self) -> LoggedAt {
        start_of(self.0)
    }

    /// The first second after it.
    pub fn end(self) -> LoggedAt {
        start_of(self.0 + 1)
    }

    /// Its days; the far-off one has the far-off day alone.
    pub fn days(self) -> impl Iterator<Item = Day> {
        let (first, last) = match self {
            Self::FAR_OFF => (0, 0),
            _ => (self.start().0 / 86_400, self.end().0 / 86_400),
        };
        let far = (self == Self::FAR_OFF).then_some(Day::FAR_OFF);
        let near = (first..last).filter_map(|day| u16::try_from(day).ok());
        near.map(Day::new).chain(far)
    }

    /// Whether a stretch of a log, from its earliest head to its latest, reaches into this month or one beside it.
    pub fn is_reached(self, first: Option<LoggedAt>, last: Option<LoggedAt>) -> bool {
        if self == Self::FAR_OFF {
            let is_far = |at: Option<LoggedAt>| at.is_none_or(|at| at.month() == Self::FAR_OFF);
            return is_far(first) || is_far(last);
        }
        let (from, until) = (self.before().start(), self.after().end());
        first.is_none_or(|first| first < until) && last.is_some_and(|last| last >= from)
    }
}

fn start_of(index: u32) -> LoggedAt {
    LoggedAt(days_from_civil(i64::from(index / 12), i64::from(index % 12 + 1), 1) * 86_400)
}

/// `2024-05`, or `far-off`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::FAR_OFF {
            return f.write_str("far-off");
        }
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

    fn at(text: &str) -> Option<LoggedAt> {
        LoggedAt::parse(text.as_bytes())
    }

    #[test]
    fn a_day_is_of_its_month_and_far_off_ones_are_one() {
        let day = Day::of(at("2022-08-31 23:59:59"));
        assert_eq!(
            (day.number(), day.to_string().as_str()),
            (19_235, "2022-08-31")
        );
        assert_eq!(day.month(), Month::new(2022, 8));
        assert_eq!(day.plus(1).month(), Month::new(2022, 9));
        assert_eq!(day.plus(1).plus(-1), day);
        for far in [None, at("1601-01-01 00:00:00"), at("2999-01-01 00:00:00")] {
            assert_eq!(Day::of(far), Day::FAR_OFF);
        }
        assert_eq!(Day::FAR_OFF.month(), Month::FAR_OFF);
        assert_eq!(Day::FAR_OFF.plus(-3), Day::FAR_OFF);
        let first = Day::of(at("2006-01-01 00:00:00"));
        let last = Day::of(at("2037-12-31 00:00:00"));
        assert_eq!((first.plus(-1), last.plus(31)), (first, last));
        assert_eq!(Day::new(last.number() + 1), Day::FAR_OFF);
    }

    #[test]
    fn months_step() {
        let month = at("2023-12-31 23:59:59").unwrap().month();
        assert_eq!(
            (
                month.yyyymm(),
                month.after().yyyymm(),
                month.before().yyyymm()
            ),
            (202312, 202401, 202311)
        );
        assert_eq!(month.end().to_string(), "2024-01-01 00:00:00");
        assert_eq!(Month::from_yyyymm(202312), month);
        assert_eq!(month.to_string(), "2023-12");
    }

    #[test]
    fn far_off_times_are_of_one_month_that_stands_alone() {
        for text in [
            "0000-01-01 00:00:00",
            "1601-01-01 00:00:00",
            "2005-12-31 23:59:59",
            "2038-01-01 00:00:00",
            "9999-12-31 23:59:59",
        ] {
            assert_eq!(at(text).unwrap().month(), Month::FAR_OFF, "{text}");
        }
        assert_eq!(LoggedAt(i64::MAX / 2).month(), Month::FAR_OFF);
        assert_eq!(Month::FAR_OFF.yyyymm(), 199001);
        assert_eq!(Month::FAR_OFF.to_string(), "far-off");
        assert_eq!(Month::FAR_OFF.before(), Month::FAR_OFF);
        assert_eq!(Month::FAR_OFF.after(), Month::FAR_OFF);
        let (first, last) = Month::near();
        assert_eq!((first.yyyymm(), last.yyyymm()), (200601, 203712));
        assert_eq!((first.before(), last.after()), (first, last));
        assert_eq!(last.end().to_string(), "2038-01-01 00:00:00");
    }

    #[test]
    fn a_stretch_reaches_the_months_it_spans_and_the_far_off_one_by_its_ends() {
        let reached = |month: u32, first: &str, last: &str| {
            Month::from_yyyymm(month).is_reached(at(first), at(last))
        };
        let (from, to) = ("2022-08-18 15:53:46", "2022-10-01 00:00:00");
        assert_eq!(
            [202206, 202207, 202209, 202211, 202212].map(|month| reached(month, from, to)),
            [false, true, true, true, false]
        );
        assert!(!reached(199001, from, to));
        // One wild stamp takes nothing away, on either side.
        let wild = ["2099-01-01 00:00:00", "1999-01-01 00:00:00"];
        assert!(reached(202208, from, wild[0]) && reached(199001, from, wild[0]));
        assert!(reached(202208, wild[1], to) && reached(199001, wild[1], to));
        assert!(!reached(202206, from, wild[0]));
        // Of what carries no time nothing says that it is near.
        assert!(reached(199001, "", "") && !reached(202208, "", ""));
        assert!(reached(202208, "", to) && reached(199001, "", to));
    }
}
