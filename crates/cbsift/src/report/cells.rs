//! Text in the cells of a terminal: its width, and where its lines are broken.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Longest word that is never broken if it is a path, an address or an identity: what is copied out of a report must be whole.
/// As long as a Windows path may be; what is longer is broken anywhere, such as an event in one line of JSON.
const MAX_WHOLE: usize = 260;

/// Cells of a text: East Asian characters take two.
pub(crate) fn cells(text: &str) -> usize {
    text.width()
}

/// The text, and blanks up to a width.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(cells(text))))
}

/// Breaks at blanks, or between East Asian characters but not before their closing marks and not behind their opening ones.
/// Paths, addresses and identities stay whole, even where a line becomes too long by it; other words are broken where they do not fit on a line.
pub(crate) fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    // Marks of what is unsafe are longer than it is: they must fit too.
    for piece in pieces(&harmless::line(text)) {
        let size = cells(&piece.text);
        let gap = if used == 0 { 0 } else { piece.blanks };
        if used > 0 && used + gap + size > width {
            lines.push(String::new());
            used = 0;
        } else {
            add(&mut lines, &" ".repeat(gap));
            used += gap;
        }
        if size <= width || piece.is_whole() {
            add(&mut lines, &piece.text);
            used += size;
            continue;
        }
        for letter in piece.text.chars() {
            let size = letter.width().unwrap_or_default();
            if used > 0 && used + size > width {
                lines.push(String::new());
                used = 0;
            }
            add(&mut lines, letter.encode_utf8(&mut [0; 4]));
            used += size;
        }
    }
    lines
}

fn add(lines: &mut [String], text: &str) {
    if let Some(line) = lines.last_mut() {
        line.push_str(text);
    }
}

/// What is not broken if it fits on a line.
#[derive(Default)]
struct Piece {
    /// Blanks before it.
    blanks: usize,
    text: String,
}

impl Piece {
    fn is_whole(&self) -> bool {
        cells(&self.text) <= MAX_WHOLE && self.text.contains(['\\', '/', '~'])
    }
}

fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut piece = Piece::default();
    let mut before = None;
    for (at, letter) in text.char_indices() {
        let rest = text.get(at..).unwrap_or_default();
        if letter == ' ' && !is_within_stamp(&piece.text, rest) {
            if !piece.text.is_empty() {
                pieces.push(std::mem::take(&mut piece));
            }
            piece.blanks += 1;
            before = None;
            continue;
        }
        if before.is_some_and(|before| is_break_between(before, letter)) {
            pieces.push(std::mem::take(&mut piece));
        }
        piece.text.push(letter);
        before = Some(letter);
    }
    if !piece.text.is_empty() {
        pieces.push(piece);
    }
    pieces
}

/// Whether a blank parts the date and the time of one stamp.
fn is_within_stamp(before: &str, rest: &str) -> bool {
    let mut end = before.chars().rev();
    let is_date = "dd-dd-dddd".chars().all(|form| {
        end.next().is_some_and(|letter| match form {
            'd' => letter.is_ascii_digit(),
            form => letter == form,
        })
    });
    let mut start = rest.bytes().skip(1);
    let is_digit = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit());
    is_date && is_digit(start.next()) && is_digit(start.next()) && start.next() == Some(b':')
}

fn is_break_between(before: char, after: char) -> bool {
    let is_wide = |letter: char| letter.width() == Some(2);
    (is_wide(before) || is_wide(after)) && !is_opening(before) && !is_closing(after)
}

fn is_opening(letter: char) -> bool {
    matches!(letter, '（' | '《' | '“' | '「' | '【' | '(' | '[' | '`')
}

fn is_closing(letter: char) -> bool {
    matches!(
        letter,
        '，' | '。'
            | '；'
            | '：'
            | '、'
            | '）'
            | '》'
            | '”'
            | '」'
            | '】'
            | '！'
            | '？'
            | ')'
            | ']'
            | ','
            | '.'
            | ';'
            | ':'
            | '`'
            | '%'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_by_terminal_cells() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("文件系统损坏", 6), ["文件系", "统损坏"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 8), [""]);
        assert_eq!(wrap("1  one", 8), ["1  one"]);
    }

    #[test]
    fn what_is_copied_out_of_a_report_is_whole() {
        for word in [
            r"C:\Windows\System32\drivers\made-up.sys",
            "https://wsus.example.test:8531/a",
            "Package_for_KB5000001~31bf3856ad364e35~amd64~~10.0.1.1",
        ] {
            assert_eq!(
                wrap(&format!("it is {word}."), 20),
                ["it is", &format!("{word}.")]
            );
            // Between East Asian characters there are no blanks.
            assert_eq!(
                wrap(&format!("无法打开{word}的"), 20),
                ["无法打开", word, "的"]
            );
        }
        let json = "/".repeat(MAX_WHOLE + 1);
        assert!(wrap(&json, 20).iter().all(|line| cells(line) <= 20));
    }

    #[test]
    fn a_stamp_stays_on_one_line() {
        assert_eq!(
            wrap("at 2024-05-01 08:00:00 it", 20),
            ["at", "2024-05-01 08:00:00", "it"]
        );
        assert_eq!(wrap("at 2024-05-01 8 of", 14), ["at 2024-05-01", "8 of"]);
    }

    #[test]
    fn no_line_begins_with_a_closing_mark() {
        for width in 8..40 {
            for line in wrap(
                "高（95 %）：记录符合已知特征；它是错误链的起点，也指明了对象。",
                width,
            ) {
                assert!(
                    !line.starts_with(['；', '：', '）', '，', '。']),
                    "{width}: {line}"
                );
                assert!(
                    !line.ends_with('（') && cells(&line) <= width,
                    "{width}: {line}"
                );
            }
        }
    }
}
