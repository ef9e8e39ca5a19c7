//! PFRO.log: files moved and deleted while Windows starts.
//!
//! ```text
//! 8/20/2017 8:47:41 - PFRO Error: \??\C:\x.exe, |delete operation|, 0xc0000034
//! ```
//!
//! Nothing is padded, and the month stands first whatever the locale.

use crate::head::Head;
use event::{Level, LoggedAt};

/// The longest stamp with what follows it, `12/31/2017 23:59:59 - `.
const HEAD_MAX: usize = 22;

/// Whether a record starts here, told from its first 22 characters.
pub(crate) fn starts(line: &str) -> bool {
    stamp(line).is_some()
}

/// Reads a record's head; returns it with the place of the message.
pub(crate) fn read(line: &str) -> Option<(Head<'_>, usize)> {
    let (logged, at) = stamp(line)?;
    let message = line.get(at..).unwrap_or_default();
    let is_error = message.starts_with("PFRO Error:");
    let head = Head {
        logged: Some(logged),
        level: if is_error { Level::Error } else { Level::Info },
        level_word: if is_error { "Error" } else { "" },
        message_id: None,
        component: "",
    };
    Some((head, at))
}

fn stamp(line: &str) -> Option<(LoggedAt, usize)> {
    let bytes = line.as_bytes();
    let first = bytes.get(..HEAD_MAX).unwrap_or(bytes);
    let end = memchr::memmem::find(first, b" - ")?;
    let mut fields = line.get(..end)?.split(['/', ' ', ':']).map(number);
    let mut next = || fields.next().flatten();
    let (month, day, year) = (next()?, next()?, next()?);
    let logged = LoggedAt::from_civil(year, month, day, next()?, next()?, next()?)?;
    (year >= 1990).then_some((logged, end + 3))
}

/// One to four digits and nothing else.
fn number(text: &str) -> Option<i64> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up records.
    #[test]
    fn stamps_without_padding_are_read() {
        let line =
            r"8/2/2017 8:7:41 - PFRO Error: \??\C:\made-up.exe, |delete operation|, 0xc0000034";
        let (head, at) = read(line).unwrap();
        assert_eq!(
            (head.logged.unwrap().to_string().as_str(), head.level),
            ("2017-08-02 08:07:41", Level::Error)
        );
        assert!(line[at..].starts_with("PFRO Error"));
        let (head, _) = read("12/31/2017 23:59:59 - 3 Successful PFRO operations").unwrap();
        assert_eq!(head.level, Level::Info);
        for line in [
            "",
            "8/20/2017",
            "31/12/2017 23:59:59 - x",
            "8/20/17 8:47:41 - x",
            "a - b",
            "1/1/2017 1:1 - x",
        ] {
            assert!(read(line).is_none(), "{line}");
        }
    }
}
