//! Lines that do not fit.

use crate::marks::each_line;

/// Cut at a width, in the middle of words, as terminals do.
pub(crate) fn hard(text: &str, width: usize) -> String {
    each_line(text, |_, line| {
        let letters: Vec<char> = line.chars().collect();
        let lines: Vec<String> = letters
            .chunks(width)
            .map(|part| part.iter().collect())
            .collect();
        lines.join("\n")
    })
}

/// Wrapped at blanks, as mail programs do: a word that is longer than a line is cut.
pub(crate) fn soft(text: &str, width: usize) -> String {
    each_line(text, |_, line| {
        let letters: Vec<char> = line.chars().collect();
        let mut rest = letters.as_slice();
        let mut lines: Vec<String> = Vec::new();
        while rest.len() > width {
            // A blank at the width itself is dropped too.
            let blank = rest[..=width].iter().rposition(|letter| *letter == ' ');
            let has_word = blank.is_some_and(|at| rest[..at].iter().any(|letter| *letter != ' '));
            let at = blank.filter(|_| has_word).unwrap_or(width);
            let part: String = rest[..at].iter().collect();
            lines.push(part.trim_end().to_owned());
            rest = &rest[at..];
            if at < width || rest.first() == Some(&' ') {
                let blanks = rest.iter().take_while(|letter| **letter == ' ').count();
                rest = &rest[blanks..];
            }
        }
        lines.push(rest.iter().collect());
        lines.join("\n")
    })
}

/// Wrapped at blanks, with an indent before what follows, as editors do: no line is wider.
pub(crate) fn hanging(text: &str, width: usize) -> String {
    const INDENT: &str = "    ";
    each_line(text, |_, line| {
        let wrapped = soft(line, width);
        let first = wrapped.lines().next().unwrap_or_default();
        let rest = line.strip_prefix(first).unwrap_or_default().trim_start();
        let rest = soft(rest, width - INDENT.len());
        let rest = rest.lines().map(|line| format!("\n{INDENT}{line}"));
        first.to_owned() + &rest.collect::<String>()
    })
}

/// As mails are stored: 76 letters a line, the last one `=`.
pub(crate) fn quoted_printable(text: &str) -> String {
    each_line(text, |_, line| {
        let mut out = String::new();
        let mut width = 0;
        for byte in line.bytes() {
            let code = if byte == b'=' || !(b' '..=b'~').contains(&byte) {
                format!("={byte:02X}")
            } else {
                char::from(byte).to_string()
            };
            if width + code.len() > 75 {
                out.push_str("=\n");
                width = 0;
            }
            width += code.len();
            out.push_str(&code);
        }
        out
    })
}
