//! Time stamps as event logs and shippers write them.

use super::EventTime;
use event::{LoggedAt, UtcMillis};

/// Event logs of this form are from 2006 on; damaged records say 1601.
const FIRST_YEAR: &str = "1990";

/// `2024-05-01T08:00:05.2931234Z`, `2024-05-01 08:00:05 +0330`, `2024-05-01 08:00:05` of a clock whose zone is not told.
pub(crate) fn read(text: &str) -> EventTime {
    let text = text.trim();
    let Some(seconds) = LoggedAt::parse(text.as_bytes()) else {
        return match epoch(text) {
            Some(utc) => EventTime::Utc(utc),
            None => super::stamp::read(text).map_or(EventTime::Unknown, EventTime::Local),
        };
    };
    if text < FIRST_YEAR {
        return EventTime::Unknown;
    }
    // The stamp was read, so its 19 bytes are ASCII.
    let mut rest = text.get(19..).unwrap_or_default();
    let mut millis = 0;
    if let Some(fraction) = rest.strip_prefix(['.', ',']) {
        rest = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
        let digits = fraction.strip_suffix(rest).unwrap_or_default();
        // Milliseconds as all of them have; what is finer is dropped, not rounded.
        let first = digits.bytes().chain(*b"000").take(3);
        millis = first.fold(0, |millis, digit| millis * 10 + i64::from(digit - b'0'));
    }
    match minutes(rest.trim()) {
        Some(minutes) => EventTime::Utc(UtcMillis((seconds.0 - minutes * 60) * 1_000 + millis)),
        None => EventTime::Local(seconds),
    }
}

/// `/Date(1709629921000)/` of Windows PowerShell, with or without an offset that says nothing of the instant; or the bare number.
fn epoch(text: &str) -> Option<UtcMillis> {
    let digits = match text.trim_start_matches('\\').strip_prefix("/Date(") {
        Some(rest) => rest.split([')', '+', '-']).next()?,
        None => text,
    };
    let number: i64 = digits.parse().ok()?;
    match digits.len() {
        13 => Some(UtcMillis(number)),
        10 => Some(UtcMillis(number * 1_000)),
        _ => None,
    }
}

/// `2024-05-01T08:00:05.293` of a stamp that was read, where it has a `T`, a `Z` and at least three digits behind its seconds.
pub(super) fn to_millis(stamp: &str) -> Option<&str> {
    let millis = stamp.strip_suffix('Z')?.get(..23)?;
    let (seconds, digits) = millis.split_at_checked(20)?;
    (seconds.ends_with('.')
        && seconds.get(10..11) == Some("T")
        && digits.bytes().all(|byte| byte.is_ascii_digit()))
    .then_some(millis)
}

/// Minutes ahead of UTC: `Z`, `UTC`, `+03:30`, `-0800`.
fn minutes(zone: &str) -> Option<i64> {
    if zone.eq_ignore_ascii_case("z") || zone.eq_ignore_ascii_case("utc") {
        return Some(0);
    }
    let (sign, digits) = match zone.strip_prefix('+') {
        Some(digits) => (1, digits),
        None => (-1, zone.strip_prefix('-')?),
    };
    let digits: String = digits.chars().filter(|c| *c != ':').collect();
    if digits.len() != 4 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = digits.parse().ok()?;
    (number <= 1_400 && number % 100 < 60).then_some(sign * (number / 100 * 60 + number % 100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_are_read_to_the_millisecond_whatever_their_zone() {
        let utc = |text: &str| match read(text) {
            EventTime::Utc(utc) => utc.to_string(),
            other => format!("{other:?}"),
        };
        for text in [
            "2024-05-01T08:00:05.2939999Z",
            "2024-05-01 08:00:05.293 UTC",
            "2024-05-01T11:30:05.293+03:30",
            "2024-05-01 00:00:05.293 -0800",
        ] {
            assert_eq!(utc(text), "2024-05-01T08:00:05.293Z", "{text}");
        }
        assert_eq!(utc("2024-05-01T08:00:05Z"), "2024-05-01T08:00:05.000Z");
        assert_eq!(utc("2024-05-01T08:00:05.5Z"), "2024-05-01T08:00:05.500Z");
    }

    #[test]
    fn a_clock_without_a_zone_is_local_and_a_damaged_stamp_is_none() {
        assert!(matches!(
            read("2024-05-01 08:00:05"),
            EventTime::Local(logged) if logged.to_string() == "2024-05-01 08:00:05"
        ));
        for text in [
            "1601-01-01T00:00:00.0000000Z",
            "",
            "yesterday",
            "2024-05-01",
        ] {
            assert_eq!(read(text), EventTime::Unknown, "{text}");
        }
    }
}
