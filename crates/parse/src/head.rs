//! The fixed-column record head that CBS, DISM and setup logs share.
//!
//! ```text
//! 2022-08-18 15:53:46, Error                 CSI    00009626 (F) STATUS_...
//! 2019-03-29 00:25:29, Info       [0x0601c1] IBS    InstallWindows:Install Path = X:\Sources
//! 0                  19 21         32         43     50
//! ```
//!
//! Fields are taken by column, never by splitting at blanks: half of the records of a Windows 11 log have a blank component.

use crate::bare;
use event::{Level, LoggedAt};

const LEVEL: usize = 21;
const MESSAGE_ID: usize = 32;
const COMPONENT: usize = 43;
pub(crate) const MESSAGE: usize = 50;

/// The fields in front of a record's message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head<'a> {
    /// Local wall clock; absent in text without stamps, or when a field is out of range.
    pub logged: Option<LoggedAt>,
    /// Level.
    pub level: Level,
    /// The level's word as logged.
    pub level_word: &'a str,
    /// `0x0601c1` of `[0x0601c1]`.
    pub message_id: Option<u32>,
    /// Component; may be empty.
    pub component: &'a str,
}

/// Whether a record head starts here: a stamp, `, `, and a level's first letter.
#[inline]
pub(crate) fn starts_head(line: &[u8]) -> bool {
    let Some(head) = line.first_chunk::<{ LEVEL + 1 }>() else {
        return false;
    };
    head[4] == b'-'
        && head[7] == b'-'
        && head[10] == b' '
        && head[13] == b':'
        && head[16] == b':'
        && head[19] == b','
        && head[20] == b' '
        && head[0].is_ascii_digit()
        && head[3].is_ascii_digit()
        && head[18].is_ascii_digit()
        && head[LEVEL].is_ascii_alphabetic()
}

/// Whether this head is that of a CSI record; the first columns must already be known to be a head.
#[inline]
pub(crate) fn is_csi(line: &[u8]) -> bool {
    line.get(COMPONENT..MESSAGE)
        .is_some_and(|component| component.starts_with(b"CSI "))
}

/// A text's first line, without its end.
pub(crate) fn first_line(text: &str) -> &str {
    let end = memchr::memchr(b'\n', text.as_bytes());
    match end.and_then(|end| text.get(..end)) {
        Some(line) => line.strip_suffix('\r').unwrap_or(line),
        None => text,
    }
}

/// Whether a head starts here with its fields in their columns, as the logger writes it and nobody else.
pub(crate) fn is_exact(line: &str) -> bool {
    let first_line = first_line(line);
    starts_head(line.as_bytes()) && by_column(first_line).is_some()
}

/// Reads the head at the start of a line; returns it with the column where the message starts.
pub(crate) fn read(line: &str) -> Option<(Head<'_>, usize)> {
    let (mut head, at) = read_untimed(line)?;
    head.logged = LoggedAt::parse(line.as_bytes());
    Some((head, at))
}

/// The same without the time, which is half of the work.
#[inline]
pub(crate) fn read_untimed(line: &str) -> Option<(Head<'_>, usize)> {
    if !starts_head(line.as_bytes()) {
        return None;
    }
    plain(line).or_else(|| unusual(line))
}

/// A head as nearly all are: known level, no message id, columns as they should be.
#[inline]
fn plain(line: &str) -> Option<(Head<'_>, usize)> {
    let columns: &[u8; MESSAGE] = line.as_bytes().first_chunk()?;
    let is_printable = columns
        .iter()
        .fold(true, |all, byte| all & (b' '..=b'~').contains(byte));
    let level = match &columns[LEVEL..COMPONENT] {
        b"Info                  " => Level::Info,
        b"Error                 " => Level::Error,
        b"Warning               " => Level::Warning,
        _ => return None,
    };
    let component = &columns[COMPONENT..MESSAGE];
    let length = component
        .iter()
        .position(|byte| *byte == b' ')
        .unwrap_or(component.len());
    let is_padded = component.iter().skip(length).all(|byte| *byte == b' ');
    if !is_printable || !is_padded {
        return None;
    }
    let word = match level {
        Level::Info => 4,
        Level::Error => 5,
        _ => 7,
    };
    let head = Head {
        logged: None,
        level,
        level_word: line.get(LEVEL..LEVEL + word)?,
        message_id: None,
        component: line.get(COMPONENT..COMPONENT + length)?,
    };
    Some((head, MESSAGE))
}

fn unusual(line: &str) -> Option<(Head<'_>, usize)> {
    let first_line = first_line(line);
    if let Some(fields) = by_column(first_line) {
        let (level_word, message_id, component) = fields;
        let head = Head {
            logged: None,
            level: level(level_word),
            level_word,
            message_id,
            component,
        };
        return Some((head, MESSAGE.min(first_line.len())));
    }
    // A hand-edited head: the level is still the first word; what follows is all message.
    let rest = first_line.get(LEVEL..)?;
    let level_word = rest.split(' ').next().unwrap_or_default();
    let after = rest.get(level_word.len()..).unwrap_or_default();
    let message_at = first_line.len() - after.trim_start().len();
    let head = Head {
        logged: None,
        level: level(level_word),
        level_word,
        message_id: None,
        component: "",
    };
    Some((head, message_at))
}

/// Reads a line of text without stamps, `Level [0x…] Component message`, as people paste it, or a message that stands alone.
pub(crate) fn read_headless(line: &str) -> Option<(Head<'_>, usize)> {
    without_stamp(line).or_else(|| bare::read(line))
}

/// Reads `Level [0x…] Component message`.
pub(crate) fn without_stamp(line: &str) -> Option<(Head<'_>, usize)> {
    let level_word = line.split(' ').next()?;
    if level(level_word) == Level::Unknown {
        return None;
    }
    let mut rest = line.get(level_word.len()..)?.trim_start_matches(' ');
    let mut message_id = None;
    if let Some((id, after)) = rest
        .strip_prefix("[0x")
        .and_then(|rest| rest.split_once(']'))
    {
        message_id = Some(u32::from_str_radix(id, 16).ok()?);
        rest = after.trim_start_matches(' ');
    }
    let component = rest.split([' ', '\r', '\n']).next()?;
    if component.is_empty()
        || component.len() > 7
        || !component.bytes().all(|byte| byte.is_ascii_uppercase())
    {
        return None;
    }
    let message = rest.get(component.len()..)?.trim_start_matches(' ');
    let head = Head {
        logged: None,
        level: level(level_word),
        level_word,
        message_id,
        component,
    };
    Some((head, line.len() - message.len()))
}

fn by_column(line: &str) -> Option<(&str, Option<u32>, &str)> {
    // A line whose trailing blanks an editor cut is shorter than its columns.
    let column = |from: usize, to: usize| line.get(from.min(line.len())..to.min(line.len()));
    let level_column = column(LEVEL, MESSAGE_ID)?;
    let id_column = column(MESSAGE_ID, COMPONENT)?;
    let component_column = column(COMPONENT, MESSAGE)?;
    let level_word = level_column.trim_end();
    if level_word.contains(' ')
        || (level_column.len() == MESSAGE_ID - LEVEL && !level_column.ends_with(' '))
    {
        return None;
    }
    let message_id = match id_column.trim() {
        "" => None,
        id => {
            let digits = id.strip_prefix("[0x")?.strip_suffix(']')?;
            Some(u32::from_str_radix(digits, 16).ok()?)
        }
    };
    let component = component_column.trim_end();
    if component.starts_with(' ') || component.contains(' ') {
        return None;
    }
    Some((level_word, message_id, component))
}

fn level(word: &str) -> Level {
    match word {
        "Info" => Level::Info,
        "Warning" => Level::Warning,
        "Error" => Level::Error,
        _ => Level::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, level: Level, message_id: Option<u32>, component: &str, message: &str) {
        let (head, at) = read(line).unwrap();
        assert_eq!(
            (head.level, head.message_id, head.component, &line[at..]),
            (level, message_id, component, message),
            "{line}"
        );
    }

    // Made-up lines in the columns of DISM, CBS and setup logs.
    #[test]
    fn fields_are_taken_by_column() {
        check(
            "2024-05-01 08:00:00, Info                  CBS    Plan: x",
            Level::Info,
            None,
            "CBS",
            "Plan: x",
        );
        check(
            "2024-05-01 08:00:00, Info       [0x0601c1] IBS    Path = X:",
            Level::Info,
            Some(0x0601c1),
            "IBS",
            "Path = X:",
        );
        check(
            "2024-05-01 08:00:00, Error      [0x01803e] CSI    00000e64 (F) y",
            Level::Error,
            Some(0x01803e),
            "CSI",
            "00000e64 (F) y",
        );
        check(
            "2024-05-01 08:00:00, Warning               DISM   d",
            Level::Warning,
            None,
            "DISM",
            "d",
        );
    }

    #[test]
    fn a_blank_component_is_not_the_first_word_of_the_message() {
        check(
            "2024-05-01 08:00:00, Info                         Feature: on",
            Level::Info,
            None,
            "",
            "Feature: on",
        );
    }

    #[test]
    fn an_empty_message_and_cut_blanks_are_heads() {
        check(
            "2024-05-01 08:00:00, Info                  CBS    ",
            Level::Info,
            None,
            "CBS",
            "",
        );
        check(
            "2024-05-01 08:00:00, Info                  CBS",
            Level::Info,
            None,
            "CBS",
            "",
        );
    }

    #[test]
    fn a_hand_edited_head_keeps_its_text() {
        check(
            "2024-05-01 08:00:00, ERROR CBS something broke",
            Level::Unknown,
            None,
            "",
            "CBS something broke",
        );
    }

    #[test]
    fn text_is_no_head() {
        for line in [
            "",
            "[gle=0x80004005]",
            "  (0)  Uninstall",
            "2024-05-01 08:00:00",
            "2024/05/01 08:00:00.123 1 2 Agent x",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }

    #[test]
    fn pasted_lines_without_stamps_are_read() {
        let (head, at) = read_headless("Error      [0x01803e] CSI    00000e64 (F) Failed").unwrap();
        assert_eq!(
            (head.level, head.message_id, head.component, at),
            (Level::Error, Some(0x01803e), "CSI", 29)
        );
        assert!(read_headless("Error: this is prose").is_none());
        assert!(read_headless("Information CBS x").is_none());
    }
}
