//! WindowsUpdate.log, of both generations.
//!
//! ```text
//! 2023/05/22 08:08:32.6295131 8096  8116  Agent           text           since Windows 10, from ETW; separators of the date follow the locale
//! 2016-10-31  11:25:11:755  1384  1174  Handler  FATAL: text             up to Windows 8.1; columns separated by TABs
//! [0]04B0.0D48::05/22/2023-08:08:32.629 [Agent]text                      the same traces as tracefmt writes them, read as the newer form
//! ```

use crate::head::{Head, first_line};
use event::{Level, LoggedAt};

/// Whether a record of the newer form starts here, told from its first 20 characters.
pub(crate) fn starts(line: &str) -> bool {
    start(line, b' ', b'.').is_some() || tracefmt(line).is_some()
}

/// Whether a record of the older form starts here, told from its first 20 characters.
pub(crate) fn starts_old(line: &str) -> bool {
    start(line, b'\t', b':').is_some()
}

/// Reads the head of the newer form; returns it with the place of the message.
pub(crate) fn read(record: &str) -> Option<(Head<'_>, usize)> {
    let line = first_line(record);
    let Some(logged) = start(record, b' ', b'.') else {
        let (logged, after) = tracefmt(line)?;
        let rest = line.get(after..)?;
        let blanks = rest.len() - rest.trim_start_matches(' ').len();
        let inside = rest.get(blanks..)?.strip_prefix('[').unwrap_or_default();
        let component = inside.split(']').next().unwrap_or_default();
        let message_at = match component {
            "" => after + blanks,
            component => after + blanks + component.len() + 2,
        };
        let head = head(logged, component, line.get(message_at..)?);
        return Some((head, message_at));
    };
    let mut at = skip_digits(line, 20);
    // Process and thread are padded, so the component does not start at a fixed column; it is padded to 16 itself.
    for _ in 0..2 {
        at = skip_digits(line, skip_blanks(line, at));
    }
    let component_at = skip_blanks(line, at);
    let component = line.get(component_at..)?.split(' ').next()?;
    let message_at = skip_blanks(line, component_at + component.len());
    let message = line.get(message_at..)?;
    Some((head(logged, component, message), message_at))
}

/// Reads the head of the older form; returns it with the place of the message.
pub(crate) fn read_old(record: &str) -> Option<(Head<'_>, usize)> {
    let logged = start(record, b'\t', b':')?;
    let line = first_line(record);
    // Date, time, process, thread, component.
    let mut tabs = line.match_indices('\t').map(|(tab, _)| tab).skip(3);
    let component_at = tabs.next().map_or(line.len(), |tab| tab + 1);
    let (end, message_at) = tabs
        .next()
        .map_or((line.len(), line.len()), |tab| (tab, tab + 1));
    let component = line.get(component_at..end)?.trim();
    let message = line.get(message_at..)?;
    Some((head(logged, component, message), message_at))
}

fn head<'a>(logged: LoggedAt, component: &'a str, message: &'a str) -> Head<'a> {
    // The agent writes no level; words in front of a message stand for one.
    let message = message.trim_start_matches(' ');
    let (level, level_word) = if message.starts_with("FATAL: ") {
        (Level::Error, "FATAL")
    } else if message.starts_with("WARNING: ") {
        (Level::Warning, "WARNING")
    } else {
        (Level::Unknown, "")
    };
    Head {
        logged: Some(logged),
        level,
        level_word,
        message_id: None,
        component,
    }
}

/// The time of a record that starts here: `2023/05/22 08:08:32` with any of the separators that locales use, and what stands before the clock and behind it.
fn start(line: &str, between: u8, behind: u8) -> Option<LoggedAt> {
    let [mut text @ .., last]: [u8; 20] = *line.as_bytes().first_chunk()?;
    if text[4] != text[7]
        || !matches!(text[4], b'/' | b'-' | b'.')
        || text[10] != between
        || last != behind
    {
        return None;
    }
    text[4] = b'-';
    text[7] = b'-';
    text[10] = b' ';
    LoggedAt::parse(&text)
}

/// The head that tracefmt writes, `[0]04B0.0D48::05/22/2023-08:08:32.629`: its time, and where it ends. The order of the date is fixed.
fn tracefmt(line: &str) -> Option<(LoggedAt, usize)> {
    let bytes = line.as_bytes();
    if bytes.first() != Some(&b'[') {
        return None;
    }
    let close = skip_digits(line, 1);
    let ids = bytes.get(close..close + 12)?;
    let (process, thread) = (ids.get(1..5)?, ids.get(6..10)?);
    let is_head = ids.first() == Some(&b']')
        && ids.get(5) == Some(&b'.')
        && ids.get(10..12) == Some(b"::")
        && process.iter().chain(thread).all(u8::is_ascii_hexdigit);
    let at = close + 12;
    let stamp: &[u8; 20] = bytes.get(at..at + 20)?.try_into().ok()?;
    let [
        m1,
        m2,
        b'/',
        d1,
        d2,
        b'/',
        y1,
        y2,
        y3,
        y4,
        b'-',
        clock @ ..,
        b'.',
    ] = stamp
    else {
        return None;
    };
    if !is_head {
        return None;
    }
    let mut text = [0; 19];
    let date = [*y1, *y2, *y3, *y4, b'-', *m1, *m2, b'-', *d1, *d2, b' '];
    for (to, from) in text.iter_mut().zip(date.iter().chain(clock)) {
        *to = *from;
    }
    Some((LoggedAt::parse(&text)?, skip_digits(line, at + 20)))
}

fn skip_blanks(line: &str, at: usize) -> usize {
    skip(line, at, |byte| *byte == b' ')
}

fn skip_digits(line: &str, at: usize) -> usize {
    skip(line, at, u8::is_ascii_digit)
}

fn skip(line: &str, at: usize, is_skipped: impl Fn(&u8) -> bool) -> usize {
    let rest = line.as_bytes().get(at..).unwrap_or_default();
    at + rest.iter().take_while(|byte| is_skipped(byte)).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(
        read: Option<(Head<'_>, usize)>,
        line: &str,
        logged: &str,
        level: Level,
        component: &str,
        message: &str,
    ) {
        let (head, at) = read.unwrap();
        assert_eq!(
            (
                head.logged.unwrap().to_string().as_str(),
                head.level,
                head.component,
                &line[at..]
            ),
            (logged, level, component, message)
        );
    }

    // Made-up records.
    #[test]
    fn both_generations_are_read() {
        for line in [
            "2024/05/01 08:00:05.1234567 8096  8116  DownloadManager *FAILED* [8024000E] x",
            "2024-05-01 08:00:05.1234567 19516 572   DownloadManager *FAILED* [8024000E] x",
            "2024.05.01 08:00:05.12 1 2 DownloadManager *FAILED* [8024000E] x",
        ] {
            check(
                read(line),
                line,
                "2024-05-01 08:00:05",
                Level::Unknown,
                "DownloadManager",
                "*FAILED* [8024000E] x",
            );
            assert!(read_old(line).is_none());
        }
        let line = "2016-05-01\t08:00:05:755\t 648\t13bc\tHandler\tFATAL: CBS called Error with 0x80070308, ";
        check(
            read_old(line),
            line,
            "2016-05-01 08:00:05",
            Level::Error,
            "Handler",
            "FATAL: CBS called Error with 0x80070308, ",
        );
        assert!(read(line).is_none());
    }

    #[test]
    fn the_layout_of_tracefmt_is_read() {
        for (line, component, message) in [
            (
                "[0]04B0.0D48::05/01/2024-08:00:05.123 [Agent]x",
                "Agent",
                "x",
            ),
            ("[12]04B0.0D48::05/01/2024-08:00:05.123456789 x", "", "x"),
        ] {
            check(
                read(line),
                line,
                "2024-05-01 08:00:05",
                Level::Unknown,
                component,
                message,
            );
        }
        for line in [
            "[0]04B0.0D48::13/41/2024-08:00:05.123 [Agent]x",
            "[0]04B0.0D48::05/01/2024-08:00:05",
            "[0]x4B0.0D48::05/01/2024-08:00:05.123 [Agent]x",
            "[",
        ] {
            assert!(read(line).is_none() && !starts(line), "{line}");
        }
    }

    #[test]
    fn short_lines_are_heads_and_other_text_is_none() {
        for line in [
            "2024/05/01 08:00:05.1",
            "2024/05/01 08:00:05.1234567 8096  8116  ",
            "2024/05/01 08:00:05.1 é",
        ] {
            assert!(read(line).is_some(), "{line}");
        }
        assert!(read_old("2016-05-01\t08:00:05:755\t1").is_some());
        for line in [
            "",
            "2024/05/01 08:00:05",
            "2024/13/01 08:00:05.1 1 2 x",
            "2024-05-01 08:00:05, Info",
        ] {
            assert!(read(line).is_none() && read_old(line).is_none(), "{line}");
        }
    }
}
