//! Stamps as programs and people rewrite them: another order, other separators, twelve hours.

use super::glyph::{Cursor, is_plain};
use event::{Format, LoggedAt};

/// So many letters stand between date and time at most: a TAB makes eight blanks.
const MAX_BETWEEN: usize = 10;

/// A stamp at a place of a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stamp {
    /// The time, where the order of its date is known.
    pub(super) logged: Option<LoggedAt>,
    /// The date's first two numbers, where the year stands last.
    pub(super) year_last: Option<YearLast>,
    /// What stands behind the seconds.
    pub(super) fraction: Fraction,
    /// Where it ends.
    pub(super) end: usize,
}

/// A date with the year at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct YearLast {
    pub(super) first: i64,
    pub(super) second: i64,
    /// `31.12.2024`, which is written with the day first everywhere.
    pub(super) has_dots: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fraction {
    None,
    /// `.1234567`: the update agent since Windows 10.
    Dot,
    /// `:123`: the older agent.
    Colon,
}

/// Reads a stamp that starts at a place.
pub(super) fn read(text: &str, at: usize, format: Format) -> Option<Stamp> {
    if !may_start(text.as_bytes().get(at..)?) {
        return None;
    }
    let mut cursor = Cursor::at(text, at);
    let (first, first_digits) = cursor.number(4)?;
    let separator = cursor.eat_if(|found| matches!(found, '-' | '/' | '.'))?;
    let (second, second_digits) = cursor.number(2)?;
    if !cursor.eat(separator) {
        return None;
    }
    let (third, third_digits) = cursor.number(4)?;
    let is_year_first = first_digits == 4 && third_digits <= 2;
    let is_year_last = first_digits <= 2 && matches!(third_digits, 2 | 4);
    // These logs are of this century.
    let third = if is_year_last && third_digits == 2 {
        2_000 + third
    } else {
        third
    };
    if !(is_year_first || is_year_last) || second_digits > 2 {
        return None;
    }
    // `2024-03-05 09`, `2024-03-05T09`, `3/5/2024, 9`, the borders of columns, and blanks for a TAB.
    let is_between = |found| matches!(found, ' ' | '\t' | 'T' | ',' | ';' | '"' | '|');
    let between = cursor.eat_while(MAX_BETWEEN + 1, is_between);
    let is_between = (1..=MAX_BETWEEN).contains(&between);
    if !is_between && (between > 0 || !cursor.eat_mail_tab()) {
        return None;
    }
    let (mut hour, _) = cursor.number(2)?;
    let minute = sixty(&mut cursor)?;
    let second_of_minute = sixty(&mut cursor)?;
    let fraction = fraction(&mut cursor);
    if let Some(is_afternoon) = half_of_day(&mut cursor) {
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if is_afternoon { 12 } else { 0 };
    }
    let civil =
        |year, month, day| LoggedAt::from_civil(year, month, day, hour, minute, second_of_minute);
    if is_year_first {
        return Some(Stamp {
            logged: Some(civil(first, second, third)?),
            year_last: None,
            fraction,
            end: cursor.place(),
        });
    }
    // One of both orders must be a date, or it is none.
    civil(third, first, second).or_else(|| civil(third, second, first))?;
    let has_dots = separator == '.';
    let logged = match format {
        _ if has_dots => civil(third, second, first),
        Format::PastedDmy => civil(third, second, first),
        Format::PastedMdy => civil(third, first, second),
        _ => None,
    };
    Some(Stamp {
        logged,
        year_last: Some(YearLast {
            first,
            second,
            has_dots,
        }),
        fraction,
        end: cursor.place(),
    })
}

/// Whether a date may start here, from its bytes alone, where these are what they look like: every number of every file is asked, and most
/// are none.
fn may_start(bytes: &[u8]) -> bool {
    let digits = bytes
        .iter()
        .take(5)
        .take_while(|byte| byte.is_ascii_digit());
    let digits = digits.count();
    bytes.get(digits).is_some_and(|next| {
        (matches!(next, b'-' | b'/' | b'.') && (1..=4).contains(&digits)) || !is_plain(*next)
    })
}

/// `:12`, below sixty.
fn sixty(cursor: &mut Cursor<'_>) -> Option<i64> {
    if !cursor.eat(':') {
        return None;
    }
    let (value, digits) = cursor.number(2)?;
    (digits == 2 && value <= 60).then_some(value)
}

fn fraction(cursor: &mut Cursor<'_>) -> Fraction {
    for (separator, kind, digits) in [('.', Fraction::Dot, 3..=9), (':', Fraction::Colon, 3..=3)] {
        let mut ahead = *cursor;
        if ahead.eat(separator)
            && ahead
                .number(10)
                .is_some_and(|(_, found)| digits.contains(&found))
        {
            *cursor = ahead;
            return kind;
        }
    }
    Fraction::None
}

/// ` AM`, `pm`: whether it is the afternoon.
fn half_of_day(cursor: &mut Cursor<'_>) -> Option<bool> {
    let mut ahead = *cursor;
    ahead.eat_while(2, |found| found == ' ');
    let half = ahead.eat_if(|found| matches!(found, 'A' | 'a' | 'P' | 'p'))?;
    ahead.eat_if(|found| matches!(found, 'M' | 'm'))?;
    if ahead.peek().is_some_and(char::is_alphanumeric) {
        return None;
    }
    *cursor = ahead;
    Some(half.eq_ignore_ascii_case(&'p'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, format: Format, logged: &str) {
        let stamp = read(text, 0, format).unwrap_or_else(|| panic!("no stamp: {text}"));
        let found = stamp
            .logged
            .map_or_else(|| "none".to_owned(), |time| time.to_string());
        assert_eq!(found, logged, "{text}");
    }

    #[test]
    fn stamps_of_every_order_are_read() {
        for text in [
            "2024-03-05 09:12:01, Info",
            "2024/03/05\t09:12:01",
            "2024/3/5 9:12:01",
            "2024–03–05\u{a0}09：12：01，",
            "2024-03-05T09:12:01",
            "05.03.2024 09:12:01",
            "5.3.24 09:12:01",
            "2024-03-05        09:12:01",
            "2024-03-05=0909:12:01",
            "2024-03-05 9:12:01 AM, Info",
        ] {
            check(text, Format::Pasted, "2024-03-05 09:12:01");
        }
        check(
            "03/05/2024 9:12:01 PM",
            Format::PastedMdy,
            "2024-03-05 21:12:01",
        );
        check(
            "03/05/2024, 12:12:01 am",
            Format::PastedMdy,
            "2024-03-05 00:12:01",
        );
        check(
            "03/05/2024 09:12:01",
            Format::PastedDmy,
            "2024-05-03 09:12:01",
        );
        check("03-05-2024 09:12:01", Format::PastedUndated, "none");
        check("13/05/2024 09:12:01", Format::PastedMdy, "none");
    }

    #[test]
    fn other_numbers_are_no_stamp() {
        for text in [
            "10.0.17763.1 x",
            "2024-03-05",
            "2024-13-05 09:12:01",
            "2024-03-05 09:61:01",
            "99/99/2024 09:12:01",
            "1/2/124 09:12:01",
            "1/2/24           09:12:01",
            "3079:2024",
        ] {
            assert!(read(text, 0, Format::Pasted).is_none(), "{text}");
        }
    }
}
