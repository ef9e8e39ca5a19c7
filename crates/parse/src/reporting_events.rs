//! ReportingEvents.log: what the update agent reports of detections, downloads and installations.
//!
//! ```text
//! {guid}  2023-06-28 04:15:45:293+0300  1  148 [AGENT_DETECTION_FAILED]  101  {guid}  0  80240438  client  Failure  category  text
//! ```
//!
//! Columns are separated by TABs; the one after the stamp and a number names what happened, and the message starts there.
//! Copies have blanks in their place, and rows wrapped over several lines: [`restored`] gives such a row its columns back.

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
    let bytes = line.as_bytes();
    if bytes.first() != Some(&b'{') || bytes.get(37) != Some(&b'}') {
        return None;
    }
    let stamp = bytes.get(STAMP..STAMP + STAMP_LENGTH)?;
    match bytes.get(38)? {
        b'\t' => LoggedAt::parse(stamp),
        // A copy: the milliseconds behind the stamp tell it from other texts that begin with a name in braces.
        b' ' if bytes.get(STAMP + STAMP_LENGTH) == Some(&b':') => LoggedAt::parse(stamp),
        _ => None,
    }
}

/// Whether blanks stand where the logger writes TABs.
pub(crate) fn is_copy(row: &str) -> bool {
    row.as_bytes().get(38) == Some(&b' ')
}

/// The message of a copied row with TABs between its columns; nothing for a row as the logger wrote it, and for one whose columns do not show.
pub(crate) fn restored(row: &str) -> Option<String> {
    if !is_copy(row) {
        return None;
    }
    let words: Vec<&str> = row.split_whitespace().collect();
    // Id, date, time, a number; then what happened.
    let [what, name, kind, update, revision, code, rest @ ..] = words.get(4..)? else {
        return None;
    };
    if !name.starts_with('[') || !update.starts_with('{') {
        return None;
    }
    // A client's name may have blanks, as categories have one.
    let outcome = rest
        .iter()
        .position(|word| matches!(*word, "Success" | "Failure" | "Informational"))?;
    let (client, rest) = rest.split_at_checked(outcome)?;
    let (outcome, rest) = rest.split_first()?;
    let (category, message) = rest.split_at_checked(2.min(rest.len()))?;
    let what = format!("{what} {name}");
    let columns = [
        what.as_str(),
        kind,
        update,
        revision,
        code,
        &client.join(" "),
        outcome,
        &category.join(" "),
        &message.join(" "),
    ];
    Some(columns.join("\t"))
}

/// Reads a row's head; returns it with the place of the message.
pub(crate) fn read(row: &str) -> Option<(Head<'_>, usize)> {
    let logged = start(row)?;
    if let Some(text) = restored(row) {
        let column = |at: usize| text.split('\t').nth(at).unwrap_or_default();
        let level_word = ["Success", "Failure"]
            .into_iter()
            .find(|word| *word == column(OUTCOME));
        let name = column(0).split(['[', ']']).nth(1).unwrap_or_default();
        let component = row.find(name).and_then(|at| row.get(at..at + name.len()));
        let head = Head {
            logged: Some(logged),
            level: level(level_word.unwrap_or_default()),
            level_word: level_word.unwrap_or_default(),
            message_id: None,
            component: component.unwrap_or_default(),
        };
        return Some((head, row.len()));
    }
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
        level: level(level_word),
        level_word,
        message_id: None,
        component,
    };
    Some((head, at))
}

fn level(word: &str) -> Level {
    match word {
        "Success" => Level::Info,
        "Failure" => Level::Error,
        _ => Level::Unknown,
    }
}

/// Minutes ahead of UTC, from `+0300` behind the milliseconds.
pub(crate) fn utc_minutes(row: &str) -> Option<i32> {
    // `:293+0300`
    let zone = row
        .get(STAMP + STAMP_LENGTH..)?
        .split(['\t', ' '])
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
    fn a_copy_with_blanks_for_tabs_has_its_columns_back() {
        let message = ROW[read(ROW).unwrap().1..].trim_end();
        let message = message.strip_suffix("\tcv").unwrap();
        for copy in [
            ROW.replace("\tcv", "").replace('\t', " "),
            ROW.replace("\tcv", "")
                .replace('\t', "  ")
                .replacen("  ", " ", 1),
            ROW.replace("\tcv", "")
                .replace("\t182", " \r\n182")
                .replace("\t80070570", "\r\n80070570")
                .replace('\t', " "),
        ] {
            assert_eq!(restored(&copy).as_deref(), Some(message), "{copy}");
            let (head, _) = read(&copy).unwrap();
            assert_eq!(
                (head.level, head.component),
                (Level::Error, "AGENT_INSTALLING_FAILED")
            );
            assert_eq!(utc_minutes(&copy), Some(210));
        }
        assert_eq!(restored(ROW), None);
        let client = "{0F0E0D0C-0B0A-0908-0706-050403020100} 2024-05-01 08:00:05:293+0330 1 161 [AGENT_DOWNLOAD_FAILED] 101 {00000000-0000-0000-0000-000000000001} 201 80200056 Made Up Client Failure Content Download Error: Download failed.";
        assert_eq!(
            restored(client).as_deref(),
            Some(
                "161 [AGENT_DOWNLOAD_FAILED]\t101\t{00000000-0000-0000-0000-000000000001}\t201\t80200056\tMade Up Client\tFailure\tContent Download\tError: Download failed."
            )
        );
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
