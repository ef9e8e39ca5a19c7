//! Local time stamps in the words of people's settings: `3/5/2024 9:12:01 AM`, `05.03.2024 09:12:01`, `2024/3/5 上午 9:12:01`.

use event::LoggedAt;

/// Longest stamp: a weekday and a month in words.
const STAMP_BYTES: usize = 80;

/// Reads such a stamp. Nothing where day and month cannot be told apart: a wrong time is worse than none.
pub(crate) fn read(text: &str) -> Option<LoggedAt> {
    if text.len() > STAMP_BYTES {
        return None;
    }
    // Windows puts marks for the direction of writing between the parts.
    let text: String = text
        .chars()
        .filter(|c| !matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202C}'))
        .map(|c| match c {
            '年' | '月' => '/',
            '日' | ',' => ' ',
            c if c.is_whitespace() => ' ',
            c => c,
        })
        .collect();
    let (mut date, mut time, mut half, mut month, mut numbers) =
        (None, None, None, None, Vec::new());
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        if word.contains(':') {
            time = time.or_else(|| clock(word));
        } else if let Some(found) = half_of_day(word) {
            half = Some(found);
        } else if let Some(found) = month_of(word) {
            month = Some(found);
        } else if let Ok(number) = word.parse::<i64>() {
            numbers.push(number);
        } else if let Some(found) = three(word) {
            date = date.or(Some(found));
        }
    }
    let (year, month, day) = match (date, month) {
        (Some(date), _) => date.civil(half.is_some_and(|half: Half| half.is_latin))?,
        (None, Some(month)) => {
            let year = *numbers.iter().find(|number| **number > 31)?;
            let day = *numbers.iter().find(|number| **number <= 31)?;
            (year, month, day)
        }
        (None, None) => return None,
    };
    let (mut hour, minute, second) = time?;
    if let Some(half) = half {
        hour = hour % 12 + if half.is_second { 12 } else { 0 };
    }
    // No event log is older.
    (year >= 1990)
        .then(|| LoggedAt::from_civil(year, month, day, hour, minute, second))
        .flatten()
}

/// Three numbers of a date as they stand, with what is between them.
struct Three {
    numbers: [i64; 3],
    separator: char,
    /// Whether the first two have a leading zero.
    is_padded: [bool; 2],
}

impl Three {
    fn civil(&self, is_latin_half: bool) -> Option<(i64, i64, i64)> {
        let [one, two, three] = self.numbers;
        if one > 31 {
            return Some((one, two, three));
        }
        let day_first = Some((three, two, one));
        let month_first = Some((three, one, two));
        if self.separator == '.' || one > 12 {
            return day_first;
        }
        if two > 12 || one == two {
            return month_first;
        }
        if self.separator != '/' || !is_latin_half {
            return None;
        }
        match self.is_padded {
            // `5/03/2024 9:12:01 AM`: Australia and New Zealand.
            [false, true] => day_first,
            // `3/5/2024 9:12:01 AM`: the settings that Windows comes with.
            [false, false] => month_first,
            _ => None,
        }
    }
}

fn three(word: &str) -> Option<Three> {
    let separator = word.chars().find(|c| !c.is_ascii_digit())?;
    if !matches!(separator, '/' | '.' | '-') {
        return None;
    }
    let mut parts = word.trim_end_matches(separator).split(separator);
    let (one, two, three) = (parts.next()?, parts.next()?, parts.next()?);
    let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() <= 4);
    let is_whole = parts.next().is_none() && (one.len() == 4) != (three.len() == 4);
    is_whole.then_some(Three {
        numbers: [number(one)?, number(two)?, number(three)?],
        separator,
        is_padded: [one.starts_with('0'), two.starts_with('0')],
    })
}

/// `9:12:01`, `09:12:01.1234567`, `9:12`.
fn clock(word: &str) -> Option<(i64, i64, i64)> {
    // The half of the day may stand right behind it.
    let digits = word.trim_end_matches(|c: char| !c.is_ascii_digit());
    let mut parts = digits.split(':');
    let number = |part: &str| part.parse::<i64>().ok().filter(|_| part.len() <= 2);
    let hour = number(parts.next()?)?;
    let minute = number(parts.next()?)?;
    let second = match parts.next() {
        Some(part) => number(part.split(['.', ',']).next()?)?,
        None => 0,
    };
    Some((hour, minute, second))
}

#[derive(Clone, Copy)]
struct Half {
    is_second: bool,
    is_latin: bool,
}

fn half_of_day(word: &str) -> Option<Half> {
    let (is_second, is_latin) = match word.to_ascii_lowercase().as_str() {
        "am" | "a.m." => (false, true),
        "pm" | "p.m." => (true, true),
        "上午" | "午前" | "오전" => (false, false),
        "下午" | "午後" | "오후" => (true, false),
        _ => return None,
    };
    Some(Half {
        is_second,
        is_latin,
    })
}

fn month_of(word: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = [
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ];
    let start = word.get(..3)?.to_ascii_lowercase();
    let place = MONTHS.iter().position(|month| *month == start)?;
    word.bytes()
        .all(|byte| byte.is_ascii_alphabetic())
        .then_some(place as i64 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_of_many_settings_are_the_same_time() {
        for text in [
            "3/5/2024 9:12:01 AM",
            "\u{200E}3/\u{200E}5/\u{200E}2024 \u{200F}\u{200E}9:12:01\u{202F}AM",
            "5/03/2024 9:12:01 AM",
            "05.03.2024 09:12:01",
            "2024/3/5 上午 9:12:01",
            "2024/3/5 9:12:01",
            "2024年3月5日 9:12:01",
            "2024-03-05 09:12:01.1234567",
            "Tuesday, March 5, 2024 9:12:01 AM",
            "5 Mar 2024 09:12:01",
        ] {
            let time = read(text).map(|logged| logged.to_string());
            assert_eq!(time.as_deref(), Some("2024-03-05 09:12:01"), "{text}");
        }
        let time = read("12/31/2024 12:05 PM").map(|logged| logged.to_string());
        assert_eq!(time.as_deref(), Some("2024-12-31 12:05:00"));
    }

    #[test]
    fn a_day_that_may_be_a_month_makes_no_time() {
        for text in [
            "3/5/2024 09:12:01",
            "03/05/2024 09:12:01",
            "03-05-2024 09:12:01",
            "Mar 05 09:12",
            "9:12:01",
            "",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
