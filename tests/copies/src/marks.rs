//! What is put before lines, and what becomes of letters.

/// Whether a record starts here: a stamp of any of the logs, or a level where the text has no stamps.
pub(crate) fn is_head(line: &str) -> bool {
    let bytes = line.as_bytes();
    let is_stamp = bytes.len() > 19
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && matches!(bytes[4], b'-' | b'/')
        && bytes[13] == b':';
    is_stamp
        || ["Info ", "Error ", "Warning "]
            .iter()
            .any(|level| line.starts_with(level))
}

/// Where the message starts that a head of the servicing logs stands before.
fn head_length(line: &str) -> Option<usize> {
    if !is_head(line) {
        return None;
    }
    let bytes = line.as_bytes();
    if bytes.get(19) == Some(&b',') {
        Some(line.floor_char_boundary(50))
    } else if bytes.first().is_some_and(u8::is_ascii_digit) {
        // The update agent's: date, time, process, thread, component.
        let mut fields = 0;
        let mut was_blank = false;
        for (at, letter) in line.char_indices() {
            let is_blank = matches!(letter, ' ' | '\t');
            fields += usize::from(was_blank && !is_blank);
            if fields == 5 {
                return Some(at);
            }
            was_blank = is_blank;
        }
        None
    } else {
        None
    }
}

/// Each line, with its number.
pub(crate) fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> String {
    text.lines()
        .enumerate()
        .map(|(index, line)| change(index + 1, line) + "\n")
        .collect()
}

/// Something before each line.
pub(crate) fn before(text: &str, mark: impl Fn(usize) -> String) -> String {
    each_line(text, |number, line| mark(number) + line)
}

/// Something before each record.
pub(crate) fn before_records(text: &str, mark: impl Fn(usize) -> String) -> String {
    let mut number = 0;
    text.lines()
        .map(|line| {
            if is_head(line) {
                number += 1;
                format!("{}{line}\n", mark(number))
            } else {
                format!("{line}\n")
            }
        })
        .collect()
}

/// Another head before each message.
pub(crate) fn head(text: &str, change: impl Fn(&str) -> String) -> String {
    each_line(text, |_, line| match head_length(line) {
        Some(length) => change(&line[..length]) + &line[length..],
        None => line.to_owned(),
    })
}

/// Another level in each head.
pub(crate) fn level(text: &str, change: impl Fn(&str) -> String) -> String {
    each_line(text, |_, line| {
        let at = if line.as_bytes().get(19) == Some(&b',') {
            21
        } else {
            0
        };
        let level = ["Info", "Error", "Warning"]
            .into_iter()
            .find(|level| line.get(at..).is_some_and(|rest| rest.starts_with(level)));
        match level {
            Some(level) => format!(
                "{}{}{}",
                &line[..at],
                change(level),
                &line[at + level.len()..]
            ),
            None => line.to_owned(),
        }
    })
}

pub(crate) fn tabs_in_heads(text: &str) -> String {
    head(text, |head| {
        let (stamp, rest) = head.split_at(head.floor_char_boundary(20.min(head.len())));
        stamp.to_owned() + &super::runs(rest, 1, "\t")
    })
}

/// As input methods for Chinese write commas and colons.
pub(crate) fn full_width_stamps(text: &str) -> String {
    each_line(text, |_, line| {
        if !is_head(line) || !line.starts_with('2') {
            return line.to_owned();
        }
        let (stamp, rest) = line.split_at(line.floor_char_boundary(20));
        stamp.replace(':', "：").replace(',', "，") + rest
    })
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
        .replace("   ", "&nbsp; &nbsp;")
}

/// As word processors correct what is typed.
pub(crate) fn smart(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut last = ' ';
    for letter in text.chars() {
        let opens = last.is_whitespace() || matches!(last, '(' | '[' | ']');
        out.push(match letter {
            '"' if opens => '\u{201c}',
            '"' => '\u{201d}',
            '\'' if opens => '\u{2018}',
            '\'' => '\u{2019}',
            '-' if last == ' ' => '\u{2013}',
            _ => letter,
        });
        last = letter;
    }
    out
}

pub(crate) fn without_first(text: &str) -> String {
    let mut heads = 0;
    text.split_inclusive('\n')
        .filter(|line| {
            heads += usize::from(is_head(line));
            heads > 1
        })
        .collect()
}

pub(crate) fn without_last(text: &str) -> String {
    let all = text.lines().filter(|line| is_head(line)).count();
    let mut heads = 0;
    text.split_inclusive('\n')
        .filter(|line| {
            heads += usize::from(is_head(line));
            heads < all
        })
        .collect()
}
