//! Heads whose blanks, borders and letters are not the logger's, and what people and programs put in front of them.

use super::glyph::Cursor;
use super::stamp::{self, Fraction, YearLast};
use crate::head::Head;
use event::{Format, Level};

/// A head is told from this much of the text that it starts, whatever follows: so it is the same wherever a source is cut.
/// A file name before it may take 260 letters, 22 blanks as `&nbsp;` take 132.
pub(crate) const WINDOW_BYTES: usize = 2 * 1024;

/// The longest text before a head on its line: a path, a line number, marks of quotation.
const MAX_PREFIX_BYTES: usize = 300;

/// The widest gap between two columns; the logger's own is 25.
const MAX_GAP: usize = 90;

/// So many blanks in a row only the columns of a head have.
const WIDE_GAP: usize = 10;

/// Components as the servicing stack, DISM and setup write them.
const COMPONENTS: [&str; 20] = [
    "CBS", "CSI", "DISM", "SXS", "DPX", "CMI", "MIG", "SP", "IBS", "IBSLIB", "MOUPG", "SYSPRP",
    "PANTHR", "CONX", "ConX", "UI", "TOOL", "DIAG", "DEPLOY", "DiskInfo",
];

/// A head and where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Read<'a> {
    pub(super) head: Head<'a>,
    /// Bytes in front of it on its line.
    pub(super) prefix: usize,
    /// Where the message starts.
    pub(super) message: usize,
    /// Which log it is from.
    pub(super) kind: Kind,
    /// Stamp, level and a known component are there: what is so much of a head is one in the middle of a line too.
    pub(super) is_whole: bool,
    /// A CSI record's head without a number: the rest of a record that the logger cut.
    pub(super) is_piece: bool,
    pub(super) year_last: Option<YearLast>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// CBS, DISM, setup.
    Servicing,
    /// The update agent, of either generation.
    Agent,
}

/// The head on the line that starts here, if what stands before it is nothing but a mark of a copy.
pub(super) fn at_line_start(text: &str, format: Format) -> Option<Read<'_>> {
    let text = window(text);
    let line_end = text
        .bytes()
        .take(MAX_PREFIX_BYTES)
        .position(|byte| matches!(byte, b'\n' | b'\r'))
        .unwrap_or(MAX_PREFIX_BYTES);
    let line = text.as_bytes().get(..line_end).unwrap_or(text.as_bytes());
    let mut digits = line
        .iter()
        .enumerate()
        .filter(|(_, byte)| byte.is_ascii_digit());
    let stamped = digits.find_map(|(at, _)| stamped(text, at, format));
    // Behind the line's first head another record starts, which says nothing of this one.
    let mine = stamped.map_or(line, |found| line.get(..found.prefix).unwrap_or(line));
    if let Some(found) = stamped
        && is_prefix(text.get(..found.prefix)?)
    {
        return Some(found);
    }
    mine.iter()
        .enumerate()
        .filter(|(_, byte)| matches!(byte, b'I' | b'i' | b'W' | b'w' | b'E' | b'e'))
        .find_map(|(at, _)| {
            let found = unstamped(text, at)?;
            let before = text.get(..at)?;
            let is_stamp = || is_damaged_stamp(before) || is_placeholder(before);
            (is_prefix(before) || is_stamp()).then_some(found)
        })
}

/// A whole head in the middle of a line, whose end got lost.
pub(super) fn in_line(text: &str, format: Format) -> Option<Read<'_>> {
    stamped(window(text), 0, format).filter(|found| found.is_whole)
}

fn window(text: &str) -> &str {
    text.get(..text.floor_char_boundary(WINDOW_BYTES))
        .unwrap_or(text)
}

fn stamped(text: &str, at: usize, format: Format) -> Option<Read<'_>> {
    let stamp = stamp::read(text, at, format)?;
    let cursor = Cursor::at(text, stamp.end);
    let mut found = match stamp.fraction {
        Fraction::None => servicing(cursor, true)?,
        Fraction::Dot | Fraction::Colon => agent(cursor)?,
    };
    found.prefix = at;
    found.head.logged = stamp.logged;
    found.year_last = stamp.year_last;
    found.is_piece = found.kind == Kind::Servicing
        && found.head.component == "CSI"
        && is_rest_of_record(text, found.message);
    Some(found)
}

/// `Level [0x…] Component message`, where no stamp is left.
fn unstamped(text: &str, at: usize) -> Option<Read<'_>> {
    let mut found = servicing(Cursor::at(text, at), false)?;
    found.prefix = at;
    found.is_piece = found.head.component == "CSI" && is_rest_of_record(text, found.message);
    Some(found)
}

/// What follows the stamp of CBS, DISM and setup logs.
fn servicing(mut cursor: Cursor<'_>, has_stamp: bool) -> Option<Read<'_>> {
    let gap_at = cursor.place();
    if has_stamp && gap(&mut cursor, true) == 0 {
        return None;
    }
    let first_gap = cursor.since(gap_at);
    // A message may start with such a letter, so only what the first gap shows goes for the others.
    let has_borders = first_gap.contains(is_border);
    // Many programs log `2024-05-01 08:00:00 INFO …`; these loggers put a comma behind the stamp, and nowhere else.
    let has_comma = has_borders || Cursor::new(first_gap).any(|letter| letter == ',');
    let level_at = cursor.place();
    cursor.eat_while(11, |found| found.is_ascii_alphabetic());
    let level_word = cursor.since(level_at);
    let level = level(level_word)?;
    let mut narrow = cursor;
    let mut width = gap(&mut narrow, has_borders);
    if width == 0 && narrow.peek() != Some('[') && !is_end(narrow) {
        return None;
    }
    // `3/5/2024 9:12:01 AM,Error,…` is a table of events.
    let is_listed = cursor.peek() == Some(',');
    // A wrapped head goes on in the next line, but only where it surely is one.
    if narrow.peek() == Some('\n') {
        let mut next = narrow;
        next.next();
        next.eat_while(MAX_GAP, |found| matches!(found, ' ' | '\t' | '>'));
        let mut component = next;
        let id = message_id(&mut component);
        if id.is_some() || known(&mut component).is_some() {
            (narrow, width) = (next, MAX_GAP);
        }
    }
    cursor = narrow;
    let mut ahead = cursor;
    let id = message_id(&mut ahead);
    if id.is_some() {
        width = gap(&mut ahead, has_borders).max(width);
        cursor = ahead;
    }
    let component = known(&mut cursor).or_else(|| {
        let mut ahead = cursor;
        let word = column(&mut ahead, width)?;
        cursor = ahead;
        Some(word)
    });
    let is_known = component.is_some_and(|word| COMPONENTS.contains(&word));
    if !(is_known || has_stamp && has_comma && !is_listed) {
        return None;
    }
    // Half of the records of some logs have a blank component: there the columns show that it is a head.
    let is_whole = has_stamp && (is_known || (component.is_none() && width >= WIDE_GAP));
    if component.is_some() {
        gap(&mut cursor, has_borders);
    }
    Some(Read {
        head: Head {
            logged: None,
            level,
            level_word,
            message_id: id,
            component: component.unwrap_or_default(),
        },
        prefix: 0,
        message: cursor.place(),
        kind: Kind::Servicing,
        is_whole,
        is_piece: false,
        year_last: None,
    })
}

/// What follows the stamp of WindowsUpdate.log: process, thread, component.
fn agent(mut cursor: Cursor<'_>) -> Option<Read<'_>> {
    let number = |cursor: &mut Cursor<'_>, is_digit: fn(char) -> bool| {
        (gap(cursor, true) > 0 && (1..=8).contains(&cursor.eat_while(9, is_digit))).then_some(())
    };
    number(&mut cursor, |found| found.is_ascii_digit())?;
    number(&mut cursor, |found| found.is_ascii_hexdigit())?;
    if gap(&mut cursor, true) == 0 {
        return None;
    }
    let mut ahead = cursor;
    let start = ahead.place();
    ahead.eat_while(40, |found| {
        found.is_ascii_alphanumeric() || matches!(found, '_' | '.')
    });
    let word = ahead.since(start);
    let is_word = word.starts_with(|first: char| first.is_ascii_alphabetic());
    let component = if is_word && (gap(&mut ahead, false) > 0 || is_end(ahead)) {
        cursor = ahead;
        word
    } else {
        ""
    };
    // The agent writes no level; words in front of a message stand for one.
    let at = cursor.place();
    let mut words = cursor;
    words.eat_while(8, |found| found.is_ascii_alphabetic());
    let word = words.since(at);
    let (level, level_word) = match (words.eat(':'), word.to_ascii_uppercase().as_str()) {
        (true, "FATAL") => (Level::Error, word),
        (true, "WARNING") => (Level::Warning, word),
        _ => (Level::Unknown, ""),
    };
    Some(Read {
        head: Head {
            logged: None,
            level,
            level_word,
            message_id: None,
            component,
        },
        prefix: 0,
        message: at,
        kind: Kind::Agent,
        is_whole: !component.is_empty(),
        is_piece: false,
        year_last: None,
    })
}

/// Passes what stands between two columns; returns its width. `has_borders` = columns have borders, as spreadsheets and tables write them.
fn gap(cursor: &mut Cursor<'_>, has_borders: bool) -> usize {
    let mut width = 0;
    while width < MAX_GAP {
        if cursor.eat_if(|found| matches!(found, ' ' | ',')).is_some() {
            width += 1;
        } else if cursor.eat('\t')
            || cursor.eat_mail_tab()
            || (has_borders && cursor.eat_if(is_border).is_some())
        {
            // As wide as the column that it ends.
            width += 8;
        } else {
            break;
        }
    }
    width
}

fn is_border(letter: char) -> bool {
    matches!(letter, ';' | '|' | '"')
}

/// Whether the line ends here, or the next record starts, whose line end got lost.
fn is_end(cursor: Cursor<'_>) -> bool {
    cursor
        .peek()
        .is_none_or(|next| next == '\n' || (next.is_ascii_digit() && cursor.is_at(is_stamp)))
}

fn is_stamp(text: &str, at: usize) -> bool {
    stamp::read(text, at, Format::Pasted).is_some()
}

/// `[0x0601c1]`
fn message_id(cursor: &mut Cursor<'_>) -> Option<u32> {
    let mut ahead = *cursor;
    // `\[0x0601c1\]` in Markdown's source.
    ahead.eat('\\');
    if !(ahead.eat('[')
        && ahead.eat('0')
        && ahead.eat_if(|found| matches!(found, 'x' | 'X')).is_some())
    {
        return None;
    }
    let start = ahead.place();
    ahead.eat_while(8, |found| found.is_ascii_hexdigit());
    let id = u32::from_str_radix(ahead.since(start), 16).ok()?;
    ahead.eat('\\');
    if !ahead.eat(']') {
        return None;
    }
    *cursor = ahead;
    Some(id)
}

/// A component that is one by its name.
fn known(cursor: &mut Cursor<'_>) -> Option<&'static str> {
    let mut ahead = *cursor;
    let mut word = String::new();
    while word.len() < 9
        && let Some(letter) = ahead.eat_if(|found| found.is_ascii_alphabetic())
    {
        word.push(letter);
    }
    let component = COMPONENTS.into_iter().find(|component| {
        *component == word
            // These are no words of a message in any case.
            || (matches!(*component, "CBS" | "CSI" | "DISM") && component.eq_ignore_ascii_case(&word))
    })?;
    let is_border = |next| matches!(next, ' ' | '\t' | ';' | '|' | '"' | ',');
    if !ahead.peek().is_some_and(is_border) && !is_end(ahead) {
        return None;
    }
    *cursor = ahead;
    Some(component)
}

/// A word between two gaps that are wider than a blank: the component by its place.
fn column<'a>(cursor: &mut Cursor<'a>, gap_before: usize) -> Option<&'a str> {
    let start = cursor.place();
    let letters = cursor.eat_while(9, |found| found.is_ascii_alphanumeric());
    let word = cursor.since(start);
    let mut behind = *cursor;
    let is_column = gap_before > 1
        && (1..=8).contains(&letters)
        && word.is_ascii()
        && gap(&mut behind, false) > 1;
    is_column.then_some(word)
}

fn level(word: &str) -> Option<Level> {
    [
        ("info", Level::Info),
        ("information", Level::Info),
        ("warning", Level::Warning),
        ("warn", Level::Warning),
        ("error", Level::Error),
    ]
    .into_iter()
    .find(|(known, _)| word.eq_ignore_ascii_case(known))
    .map(|(_, level)| level)
}

/// Whether a CSI record's message has no number at its start, which only the rest of a cut record has not.
fn is_rest_of_record(text: &str, message: usize) -> bool {
    let mut cursor = Cursor::at(text, message);
    // Of an empty line nobody knows, and people cut the number off where they copy the record's text only.
    if is_end(cursor) || cursor.peek() == Some('(') {
        return false;
    }
    let digits = cursor.eat_while(8, |found| found.is_ascii_hexdigit());
    let is_word = |next: char| next.is_ascii_alphanumeric() || next == '_';
    digits != 8 || (cursor.peek().is_some_and(is_word) && !is_end(cursor))
}

/// Whether the text before a head on its line is what a copy leaves there: an indent, marks of quotation and lists, numbers of lines, a file's name.
fn is_prefix(before: &str) -> bool {
    let text: String = Cursor::new(before).collect();
    let mut rest = text.as_str();
    loop {
        rest = rest.trim_start_matches(|letter: char| {
            letter.is_whitespace()
                || (!letter.is_alphanumeric() && !matches!(letter, '\\' | '/' | '.' | ']' | ')'))
        });
        if rest.is_empty() {
            return true;
        }
        match passed_on(rest)
            .or_else(|| number(rest))
            .or_else(|| numbered_word(rest))
        {
            Some(after) => rest = after,
            None => return is_file(rest) || is_name(rest),
        }
    }
}

/// Behind `2024-03-05T10:00:00.123Z `: the time of a collector or a terminal that passed the line on.
fn passed_on(text: &str) -> Option<&str> {
    let end = text.find(char::is_whitespace)?;
    let (word, rest) = text.split_at_checked(end)?;
    let is_stamp = (8..=40).contains(&word.len())
        && word.starts_with(|first: char| first.is_ascii_digit())
        && word.matches(':').count() >= 2
        && word
            .chars()
            .all(|letter| letter.is_ascii_digit() || "-/.:,+TZ])".contains(letter));
    is_stamp.then_some(rest)
}

/// Behind `12:`, `12.`, `12)`, `12]`, `12 `.
fn number(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(|letter: char| letter.is_ascii_digit());
    let digits = text.len() - rest.len();
    let mut letters = rest.chars();
    let is_end = letters.next().is_none_or(|next| {
        next.is_whitespace() || matches!(next, ':' | '.' | ')' | ']' | '>' | '-' | ',' | '|')
    });
    ((1..=8).contains(&digits) && is_end).then_some(letters.as_str())
}

/// Behind `Line 12:`, in any language.
fn numbered_word(text: &str) -> Option<&str> {
    let rest = text.trim_start_matches(char::is_alphabetic);
    let letters = text.chars().count() - rest.chars().count();
    let after = number(rest.trim_start_matches(['#', ' ', '.']))?;
    ((1..=8).contains(&letters)
        && text
            .trim_end()
            .ends_with([':', '.', ')', ']', '>', '|', '-']))
    .then_some(after)
}

/// `C:\Windows\Logs\CBS\CBS.log:12:`, `CBS.log(12):`, `logs/CBS.log-12-`: with a file's name, and a border at its end.
fn is_file(text: &str) -> bool {
    text.contains(['\\', '/', '.'])
        && !text.contains(", ")
        && text.trim_end().ends_with([':', '-', '|', '>'])
}

/// `somebody:`, `SB>`: who says it, as chats and mails write.
fn is_name(text: &str) -> bool {
    text.trim_end().ends_with([':', '>']) && text.split_whitespace().count() <= 3
}

/// `20xx-05-01 08:00:00, `: what is left of a stamp that somebody made unreadable.
fn is_damaged_stamp(before: &str) -> bool {
    let text: String = Cursor::new(before).collect();
    let text = text.trim();
    text.len() >= 5
        && text.contains(':')
        && text.chars().all(|letter| {
            letter.is_ascii_digit() || "xXyYmMdDhHsSnN?*:./,-_ TZAPap".contains(letter)
        })
}

/// `<DateTime>, `, `YYYY-MM-DD HH:MM:SS, `, `[time removed], `: what articles and careful people write in place of a stamp.
fn is_placeholder(before: &str) -> bool {
    const WORDS: [&str; 12] = [
        "date", "time", "stamp", "yyyy", "redacted", "removed", "datum", "uhrzeit", "日期", "时间",
        "時間", "日時",
    ];
    let text: String = Cursor::new(before).collect();
    let text = text
        .trim()
        .trim_start_matches(['>', '-', '*', '|', ' ', '\\']);
    let (text, has_comma) = match text.strip_suffix(',') {
        Some(text) => (text.trim_end(), true),
        None => (text, false),
    };
    let inner = text.trim_matches(['*', '_', '\\']);
    let is_bracketed = [('<', '>'), ('[', ']'), ('{', '}'), ('(', ')')]
        .iter()
        .any(|(open, close)| inner.starts_with(*open) && inner.ends_with(*close));
    let inner = inner.to_lowercase();
    let says = |word: &str| WORDS.iter().any(|known| word.contains(known));
    // `hh:mm:ss`, `mm-dd`
    let is_pattern = |word: &str| word.chars().all(|letter| "ymdhsnfx:-/.".contains(letter));
    (3..=40).contains(&inner.chars().count())
        && (is_bracketed || has_comma)
        && inner.split_whitespace().count() <= 4
        && says(&inner)
        && (is_bracketed
            || inner
                .split_whitespace()
                .all(|word| says(word) || is_pattern(word)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, level: Level, component: &str, message: &str) {
        let found =
            at_line_start(line, Format::Pasted).unwrap_or_else(|| panic!("no head: {line}"));
        assert_eq!(
            (
                found.head.level,
                found.head.component,
                line.get(found.message..)
            ),
            (level, component, Some(message)),
            "{line}"
        );
    }

    // Made-up lines.
    #[test]
    fn heads_with_other_blanks_are_read() {
        for line in [
            "2024-03-05 09:12:01, Info CBS Failed to x",
            "2024-03-05 09:12:01, Info\tCBS\tFailed to x",
            "2024-03-05 09:12:01,=09Info=09=09CBS=09Failed to x",
            "2024-03-05 09:12:01,Info                  CBS    Failed to x",
            "2024-03-05\u{a0}09:12:01,\u{a0}Info\u{a0}\u{a0}\u{a0}CBS\u{a0}\u{a0}Failed to x",
            "2024-03-05\u{3000}09：12：01，\u{3000}Info\u{3000}CBS\u{3000}Failed to x",
            "2024-03-05 09:12:01, Info                   CBS    Failed to x",
            "2024-03-05 09:12:01, Info                 CBS   Failed to x",
            "2024-03-05 09:12:01, INFO CBS Failed to x",
            "2024-03-05 09:12:01, info cbs Failed to x",
            "2024-03-05&nbsp;09:12:01, Info&nbsp;&nbsp; CBS&nbsp;Failed to x",
            "\"2024-03-05 09:12:01\";\"Info\";\"CBS\";Failed to x",
            "| 2024-03-05 09:12:01 | Info | CBS | Failed to x",
            "2024-03-05 09:12:01, Info [0x018005] CBS Failed to x",
            "2024-03-05 09:12:01, Info \\[0x018005\\] CBS Failed to x",
            "2024-03-05 09:12:01, Info\n   CBS Failed to x",
        ] {
            check(line, Level::Info, "CBS", "Failed to x");
        }
        check(
            "2024-03-05 09:12:01, Info Feature: on",
            Level::Info,
            "",
            "Feature: on",
        );
        check(
            "2024-03-05 09:12:01, Info                         Feature: on",
            Level::Info,
            "",
            "Feature: on",
        );
        check(
            "2024-03-05 09:12:01, Info\tMade\tFeature: on",
            Level::Info,
            "Made",
            "Feature: on",
        );
        check("2024-03-05 09:12:01, Error", Level::Error, "", "");
        check(
            "20xx-03-05 09:12:01, Error CSI 00000001 (F) x",
            Level::Error,
            "CSI",
            "00000001 (F) x",
        );
        check(
            "> Error [0x01803e] CSI 00000e64 (F) x",
            Level::Error,
            "CSI",
            "00000e64 (F) x",
        );
        for placeholder in [
            "<DateTime>, ",
            "*\\<DateTime>*, ",
            "> *\\<DateTime>*, ",
            "<Date> <Time>, ",
            "YYYY-MM-DD HH:MM:SS, ",
            "[date and time], ",
            "<date/time> ",
            "[REDACTED], ",
            "Date Time, ",
            "<日期时间>，",
        ] {
            let line = format!("{placeholder}Info                  CBS    Failed to x");
            check(&line, Level::Info, "CBS", "Failed to x");
        }
    }

    #[test]
    fn heads_of_the_update_agent_are_read() {
        check(
            "2024-03-05 09:12:01:100 900 6a0 PT WARNING: x",
            Level::Warning,
            "PT",
            "WARNING: x",
        );
        check(
            "2024-03-05 09:12:01:100  900 6a0 Handler Fatal: x",
            Level::Error,
            "Handler",
            "Fatal: x",
        );
        check(
            "2024/03/05\t09:12:01.1234567\t8096\t8116\tAgent\tx",
            Level::Unknown,
            "Agent",
            "x",
        );
        check(
            "05.03.2024 09:12:01.1234567 8096 8116 Agent x",
            Level::Unknown,
            "Agent",
            "x",
        );
    }

    #[test]
    fn what_a_copy_puts_before_a_head_is_passed() {
        for prefix in [
            "",
            "    ",
            "\t",
            "> ",
            "> > ",
            ">>",
            "&gt; ",
            "\tLine 3079: ",
            "  行 12: ",
            "3079:",
            "12 ",
            "[3079]",
            "CBS.log:12:",
            "CBS.log:",
            "CBS.log(12): ",
            "logs/CBS.log-12-",
            "C:\\Windows\\Logs\\CBS\\CBS.log:12:",
            "C:\\Users\\made up\\CBS.log:3079:",
            "- ",
            "* ",
            "• ",
            "1. ",
            "12) ",
            "| ",
            "\"",
            "<p>",
            "<li><code>",
            "made.up: ",
            "somebody: ",
            "SB> ",
            "\u{1b}[31m",
            "[10:32 AM] somebody: ",
            "2024-03-05T10:00:00.123Z ",
            "[10:00:00] ",
            "`",
            "**",
            "\u{feff}",
        ] {
            check(
                &format!("{prefix}2024-03-05 09:12:01, Info CBS x"),
                Level::Info,
                "CBS",
                "x",
            );
        }
    }

    #[test]
    fn other_text_is_no_head() {
        for line in [
            "",
            "Error IN THE log",
            "Universal Time is: 2023-11-11 07:40:18.131",
            "2024-03-05 09:12:01 - 0 Successful PFRO operations",
            "2024-03-05 09:12:01, something else",
            "2024-03-05 09:12:01 INFO another program says so",
            "2024-03-05 09:12:01 ERROR  main  it failed",
            "Error  SETUP  it failed",
            "3/5/2024 9:12:01 AM,Error,Made-Up-Provider,20,it failed",
            "2024-03-05 09:12:01:755+0300 1 182 101",
            "it ended]2024-03-05 09:12:01, Info CBS x",
            "This time, Info CBS was all it said, Error CBS",
            "At that date I saw what I give here, Error CBS x",
            "and then, at last, 2024-03-05 09:12:01, Info x",
            "  (0)  Uninstall: flags: 0",
        ] {
            assert!(at_line_start(line, Format::Pasted).is_none(), "{line}");
        }
        assert!(in_line("2024-03-05 09:12:01, Info CBS x", Format::Pasted).is_some());
        assert!(in_line("2024-03-05 09:12:01, Info x", Format::Pasted).is_none());
    }

    #[test]
    fn the_rest_of_a_cut_csi_record_is_told() {
        let is_piece = |message: &str| {
            let line = format!("2024-03-05 09:12:01, Error CSI {message}");
            at_line_start(&line, Format::Pasted).unwrap().is_piece
        };
        assert!(is_piece("ETE), cd = FILE_OPEN"));
        for message in [
            "00000a02 (F) x",
            "00000a02@2024/3/5:01:12:01.000 x",
            "(F) x",
            "\n00000a02 x",
        ] {
            assert!(!is_piece(message), "{message}");
        }
    }
}
