//! ReportingEvents.log: what the update agent reports of detections, downloads and installations.
//!
//! ```text
//! {guid}  2023-06-28 04:15:45:293+0300  1  148 [AGENT_DETECTION_FAILED]  101  {guid}  0  80240438  client  Failure  category  text
//! ```
//!
//! Columns are separated by TABs; the one after the stamp and a number names what happened, and the message starts there.

use crate::head::{Head, first_line};
use event::{Level, LoggedAt};

/// `{…}` and the TAB behind it.
const STAMP: usize = 39;
/// `2023-06-28 04:15:45`
const STAMP_LENGTH: usize = 19;
/// Columns in front of the message: id, stamp, a number.
const COLUMNS_BEFORE: usize = 3;
/// Column of `Success` or `Failure`, counted from the message.
const OUTCOME: usize = 6;

/// Whether a row starts here, told from its first 58 characters.
pub(crate) fn starts(line: &str) -> bool {
    start(line).is_some()
}

/// The time of a row that starts here.
fn start(line: &str) -> Option<LoggedAt> {
    let line = line.as_bytes();
    if line.first() == Some(&b'{') && line.get(37..STAMP) == Some(b"}\t") {
        LoggedAt::parse(line.get(STAMP..STAMP + STAMP_LENGTH)?)
    } else {
        None
    }
}

/// Reads a row's head; returns it with the place of the message.
pub(crate) fn read(row: &str) -> Option<(Head<'_>, usize)> {
    let logged = start(row)?;
    let line = first_line(row);
    let at = line
        .match_indices('\t')
        .nth(COLUMNS_BEFORE - 1)
        .map_or(line.len(), |(tab, _)| tab + 1);
    let mut columns = line.get(at..).unwrap_or_default().split('\t');
    let what = columns.next().unwrap_or_default();
    let component = what
        .split_once('[')
        .and_then(|(_, name)| name.split_once(']'))
        .map_or("", |(name, _)| name);
    let level_word = columns.nth(OUTCOME - 1).unwrap_or_default();
    let head = Head {
        logged: Some(logged),
        level: match level_word {
            "Success" => Level::Info,
            "Failure" => Level::Error,
            _ => Level::Unknown,
        },
        level_word,
        message_id: None,
        component,
    };
    Some((head, at))
}

/// Minutes ahead of UTC, from `+0300` behind the milliseconds.
pub(crate) fn utc_minutes(row: &str) -> Option<i32> {
    // `:293+0300`
    let zone = row
        .get(STAMP + STAMP_LENGTH..)?
        .split('\t')
        .next()?
        .get(4..)?;
    let sign = match zone.as_bytes().first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes): (i32, i32) =
        (zone.get(1..3)?.parse().ok()?, zone.get(3..5)?.parse().ok()?);
    (zone.len() == 5 && hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up row.
    const ROW: &str = "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293+0330\t1\t182 [AGENT_INSTALLING_FAILED]\t101\t{00000000-0000-0000-0000-000000000001}\t200\t80070570\tUpdateOrchestrator\tFailure\tContent Install\tInstallation Failure: x (KB5000001).\tcv\r\n";

    #[test]
    fn a_row_is_read_by_its_columns() {
        let (head, at) = read(ROW).unwrap();
        assert_eq!(
            (
                head.logged.unwrap().to_string().as_str(),
                head.level,
                head.component
            ),
            (
                "2024-05-01 08:00:05",
                Level::Error,
                "AGENT_INSTALLING_FAILED"
            )
        );
        assert!(ROW[at..].starts_with("182 [AGENT_INSTALLING_FAILED]\t101"));
        assert_eq!(utc_minutes(ROW), Some(210));
        assert_eq!(utc_minutes(&ROW.replace("+0330", "-0930")), Some(-570));
        assert_eq!(utc_minutes(&ROW.replace("+0330", "")), None);
    }

    #[test]
    fn rows_without_all_columns_are_rows_and_other_text_is_none() {
        let (head, at) =
            read("{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293\t1").unwrap();
        assert_eq!((head.level, head.component, at), (Level::Unknown, "", 64));
        for line in [
            "",
            "{x}\t2024",
            "{0F0E0D0C-0B0A-0908-0706-050403020100} 2024-05-01 08:00:05",
            "{é}",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
