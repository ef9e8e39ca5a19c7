//! Which records show the clock's offset from UTC.
//!
//! A head is local wall clock without a zone. CSI stamps, `Universal Time is` lines and session ids carry UTC beside it.

use crate::Record;
use crate::head::Head;
use event::{LoggedAt, UtcAnchor, UtcHow, UtcMillis};

/// How far head and UTC stamp of one record may lie apart after rounding, in seconds.
/// Both are taken by the same call, the head cut to whole seconds; a session is logged up to a second after its making. Measured on 3,641 session lines: 3,627 within 1 s.
const TOLERANCE_S: i64 = 2;

/// Zones lie at whole quarters of an hour.
const QUARTER_S: i64 = 15 * 60;

/// High parts below this are no times: 29,000,000 is the year 1994. DISM and SPP make such ids in image builds.
const FIRST_SANE_HIGH: u64 = 29_000_000;

/// Seconds from 1601-01-01, where FILETIMEs start, to 1970-01-01.
const FILETIME_TO_UNIX_S: i64 = 11_644_473_600;

/// The UTC offset that a record shows, if any. `offset` = where the record stands in its source.
pub fn utc_anchor(record: &Record<'_>, offset: u64) -> Option<UtcAnchor> {
    clock(record, offset)?.1
}

/// A record's time and the UTC offset that it shows: its head, read once for both.
pub fn clock(record: &Record<'_>, offset: u64) -> Option<(LoggedAt, Option<UtcAnchor>)> {
    let (head, at) = record.read_head()?;
    let logged = head.logged?;
    let anchor = shown(record, &head, at, logged).map(|(minutes, how)| UtcAnchor {
        offset,
        minutes,
        how,
        logged,
    });
    Some((logged, anchor))
}

/// Minutes ahead of UTC, and what shows them. `at` = where the record's message starts.
fn shown(
    record: &Record<'_>,
    head: &Head<'_>,
    at: usize,
    logged: LoggedAt,
) -> Option<(i32, UtcHow)> {
    if let Some(minutes) = record.stamp_offset() {
        return Some((minutes, UtcHow::StampOffset));
    }
    let (utc, how) = match head.component {
        "CSI" => (record.csi_from(head, at)?.stamp?, UtcHow::CsiStamp),
        _ => {
            let text = record.text_from(at);
            if let Some(stamp) = text.strip_prefix("Universal Time is: ") {
                (universal_time(stamp)?, UtcHow::UniversalTime)
            } else {
                let (id, _) = text
                    .strip_prefix("Session: ")?
                    .split_once(" initialized by client ")?;
                (session_time(id)?, UtcHow::SessionId)
            }
        }
    };
    Some((whole_quarters(logged, utc)?, how))
}

/// When a session was made: its id `high_low` is a FILETIME. Nothing for ids that are no times.
pub(crate) fn session_time(id: &str) -> Option<UtcMillis> {
    let (high, low) = id.split_once('_')?;
    let (high, low): (u64, u64) = (high.parse().ok()?, low.parse().ok()?);
    if high < FIRST_SANE_HIGH || high > u64::from(u32::MAX) || low > u64::from(u32::MAX) {
        return None;
    }
    let ticks = i64::try_from(high << 32 | low).ok()?;
    Some(UtcMillis(ticks / 10_000 - FILETIME_TO_UNIX_S * 1_000))
}

/// The changes of the offset along a stream, from the union of its chunks' anchors in any order.
///
/// Session ids count only where the stream has nothing better.
/// The first anchor of each run of equal offsets is kept, so the result does not depend on where chunks were cut.
pub fn utc_changes(anchors: &[UtcAnchor]) -> Vec<UtcAnchor> {
    let has_strong = anchors.iter().any(|anchor| !anchor.how.is_weak());
    let mut changes: Vec<UtcAnchor> = anchors
        .iter()
        .copied()
        .filter(|anchor| anchor.how.is_weak() != has_strong)
        .collect();
    changes.sort_unstable_by_key(|anchor| (anchor.offset, anchor.how));
    changes.dedup_by_key(|anchor| anchor.minutes);
    changes
}

/// `2023-11-11 07:40:18.131`
fn universal_time(text: &str) -> Option<UtcMillis> {
    let seconds = LoggedAt::parse(text.as_bytes())?;
    let millis: i64 = text.get(19..)?.strip_prefix('.')?.get(..3)?.parse().ok()?;
    Some(UtcMillis(seconds.0 * 1_000 + millis))
}

fn whole_quarters(logged: LoggedAt, utc: UtcMillis) -> Option<i32> {
    let difference = logged.0 - utc.0.div_euclid(1_000);
    let quarters = (difference + QUARTER_S / 2).div_euclid(QUARTER_S);
    let is_close = (difference - quarters * QUARTER_S).abs() <= TOLERANCE_S;
    // From UTC-12 to UTC+14.
    let is_zone = (-48..=56).contains(&quarters);
    if is_close && is_zone {
        i32::try_from(quarters * 15).ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::Format;

    fn check(line: &str, expected: Option<(i32, UtcHow)>) {
        let record = crate::records(line, Format::Wds).next().unwrap();
        assert_eq!(
            utc_anchor(&record, 0).map(|anchor| (anchor.minutes, anchor.how)),
            expected,
            "{line}"
        );
    }

    // Made-up records; times as in the founding case.
    #[test]
    fn every_anchor_is_read() {
        check(
            "2022-08-18 15:53:46, Error                 CSI    00009627@2022/8/18:07:53:46.609 (F) x",
            Some((480, UtcHow::CsiStamp)),
        );
        check(
            "2022-08-18 15:53:46, Info                  CBS    Universal Time is: 2022-08-18 07:53:46.609",
            Some((480, UtcHow::UniversalTime)),
        );
        check(
            "2023-11-11 11:26:02, Info                  CBS    Session: 31069300_2212357542 initialized by client X, y",
            Some((210, UtcHow::SessionId)),
        );
    }

    #[test]
    fn a_stamp_with_its_offset_is_an_anchor() {
        let row =
            "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293+0330\t1\t147 [X]";
        let record = crate::records(row, Format::ReportingEvents).next().unwrap();
        let anchor = utc_anchor(&record, 7).unwrap();
        assert_eq!(
            (anchor.minutes, anchor.how, anchor.offset),
            (210, UtcHow::StampOffset, 7)
        );
    }

    #[test]
    fn what_shows_no_offset_is_none() {
        check(
            "2022-08-18 15:53:46, Info                  CBS    Session: 1664_385796 initialized by client DISM",
            None,
        );
        check(
            "2022-08-18 15:53:46, Error                 CSI    00009627@2022/8/18:07:20:46.609 (F) x",
            None,
        );
        check(
            "2022-08-18 15:53:46, Info                  CBS    nothing",
            None,
        );
    }

    #[test]
    fn changes_do_not_depend_on_order_or_on_cuts() {
        let anchor = |offset, minutes, how| UtcAnchor {
            offset,
            minutes,
            how,
            logged: LoggedAt(0),
        };
        let all = [
            anchor(10, -480, UtcHow::CsiStamp),
            anchor(20, -480, UtcHow::UniversalTime),
            anchor(25, 0, UtcHow::SessionId),
            anchor(30, 210, UtcHow::CsiStamp),
        ];
        let mut shuffled = vec![all[3], all[1], all[2], all[0], all[1]];
        assert_eq!(utc_changes(&all), [all[0], all[3]]);
        assert_eq!(utc_changes(&shuffled), [all[0], all[3]]);
        shuffled.retain(|anchor| anchor.how.is_weak());
        assert_eq!(utc_changes(&shuffled), [all[2]]);
    }
}
