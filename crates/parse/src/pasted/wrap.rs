//! Lines that were wrapped, joined again.
//!
//! Nobody can say for sure where a blank was lost: so there are several readings, and who looks for something in a record takes the one in which it is found.

use std::collections::HashSet;
use std::sync::LazyLock;

/// Narrower lines are no wrapped ones.
const MIN_WIDTH: usize = 20;

/// Words of these logs, frequent in public ones. They decide on blanks alone.
static WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| include_str!("words.txt").split_whitespace().collect());

/// A line of a record, blanks folded.
#[derive(Clone, Debug)]
pub(super) struct Line {
    text: String,
    /// Blanks in front of it.
    lead: usize,
    /// A blank stood behind it.
    trail: bool,
    /// As wide as it stood in the copy, with all that was before it.
    width: usize,
}

impl Line {
    pub(super) fn new(line: &str, width: usize) -> Self {
        let mut text = String::with_capacity(line.len());
        for word in line.split([' ', '\t']).filter(|word| !word.is_empty()) {
            if !text.is_empty() {
                text.push(' ');
            }
            text.push_str(word);
        }
        let lead = line
            .chars()
            .take_while(|letter| letter.is_whitespace())
            .map(|letter| if letter == '\t' { 8 } else { 1 })
            .sum();
        Self {
            text,
            lead,
            trail: line.ends_with([' ', '\t']),
            width,
        }
    }

    fn first_word(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    fn last_word(&self) -> &str {
        self.text.rsplit(' ').next().unwrap_or_default()
    }
}

/// How lines are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    /// As the words at the break suggest.
    Likely,
    /// Wrapped at blanks.
    AtBlanks,
    /// Cut at a width.
    AtWidth,
    /// Not wrapped at all.
    Kept,
    /// Each break was a blank.
    AllBlanks,
    /// Each break was nothing.
    AllTight,
}

/// Every way, the likeliest first.
const HOWS: [How; 6] = [
    How::Likely,
    How::AtBlanks,
    How::AtWidth,
    How::Kept,
    How::AllBlanks,
    How::AllTight,
];

/// The texts that lines may have been, the likeliest first; always as many.
pub(super) fn joined(lines: &[Line]) -> Vec<String> {
    match lines {
        [] => vec![String::new(); HOWS.len()],
        [only] => vec![only.text.clone(); HOWS.len()],
        _ => HOWS.into_iter().map(|how| join(lines, how)).collect(),
    }
}

fn join(lines: &[Line], how: How) -> String {
    let mut text = String::new();
    // Each line but the last was broken off.
    let broken = lines.split_last().map_or(&[][..], |(_, broken)| broken);
    let width = broken.iter().map(|line| line.width).max().unwrap_or(0);
    let is_hanging = is_hanging(lines, width);
    let mut before: Option<&Line> = None;
    for line in lines {
        if let Some(before) = before {
            text.push_str(between(before, line, width, is_hanging, how));
        }
        text.push_str(&line.text);
        before = Some(line);
    }
    text
}

/// Whether every line but the first has the indent of a wrapped one, and was wrapped because the next word did not fit.
fn is_hanging(lines: &[Line], width: usize) -> bool {
    let lead = lines.get(1).map_or(0, |line| line.lead);
    lead > 1
        && lines
            .iter()
            .zip(lines.iter().skip(1))
            .all(|(before, after)| after.lead == lead && is_full(before, after, width))
}

/// Whether the next word did not fit.
fn is_full(before: &Line, after: &Line, width: usize) -> bool {
    before.width + 1 + after.first_word().chars().count() > width
}

/// Whether a line ends within a sentence, or within brackets that the next one closes: `[HRESULT =`, `0x80070002]`.
pub(super) fn is_torn(before: &str, after: &str) -> bool {
    let is_open = before.rfind('[') > before.rfind(']') && after.contains(']');
    let ends = [':', ';', '.', ']', '}', ')', '"', '\''];
    is_open || !before.trim_end().ends_with(ends)
}

/// What stood between two lines.
fn between(before: &Line, after: &Line, width: usize, is_hanging: bool, how: How) -> &'static str {
    let is_full = is_full(before, after, width);
    // The logger itself writes a last error on a line of its own, and rules between parts of a table.
    let is_rule = |line: &Line| !line.text.contains(char::is_alphanumeric);
    let is_own = after.text.starts_with("[gle=")
        || is_item(&after.text)
        || is_rule(before)
        || is_rule(after);
    match how {
        How::Kept => return "\n",
        How::AllBlanks => return " ",
        How::AllTight => return "",
        _ if !is_full || is_own || width < MIN_WIDTH => return "\n",
        // Wrapping leaves one blank at most: more of them are an indent.
        How::Likely if after.lead > 1 && !is_hanging => return "\n",
        _ => {}
    }
    if before.trail || (after.lead > 0 && !is_hanging) {
        return " ";
    }
    let (last, first) = (before.last_word(), after.first_word());
    if before.width < width {
        // A blank did not fit any more and was dropped; some break words at hyphens too.
        let is_hyphen = last.ends_with('-') && last.chars().count() > 1;
        return if is_hyphen { "" } else { " " };
    }
    let is_tight = match how {
        How::AtWidth => true,
        // Only a word that is longer than a line is cut.
        How::AtBlanks => last.chars().count() + first.chars().count() > width,
        _ => is_one_word(last, first),
    };
    if is_tight { "" } else { " " }
}

/// `(p) CSI Payload Corrupt …`, `(0) Uninstall: …`: an item of a list.
fn is_item(text: &str) -> bool {
    text.strip_prefix('(')
        .and_then(|rest| rest.split_once(')'))
        .is_some_and(|(mark, rest)| {
            (1..=3).contains(&mark.len()) && rest.starts_with(' ') && mark != "F"
        })
}

/// Whether the end of a line and the start of the next are rather one word than two.
fn is_one_word(last: &str, first: &str) -> bool {
    let (Some(end), Some(start)) = (last.chars().next_back(), first.chars().next()) else {
        return false;
    };
    let is_known = |word: &str| WORDS.contains(word.to_ascii_lowercase().as_str());
    if last.len() == 1 && !end.is_alphanumeric() || first.len() == 1 && !start.is_alphanumeric() {
        // A dash or an equals sign between blanks.
        return false;
    }
    if end.is_ascii_alphabetic() && start.is_ascii_alphabetic() {
        let last = letters_at_end(last);
        let first = letters_at_start(first);
        if is_known(&format!("{last}{first}")) {
            return true;
        }
        return !(is_known(last) || is_known(first));
    }
    match (end, start) {
        (',' | ';', _) => false,
        // `C:` of a path, `on:[37]'…'`.
        (':', _) => last.chars().count() == 2 || start == '[' || start == ':' || start == '\\',
        ('.', _) => start.is_ascii_digit() || start.is_lowercase(),
        (')' | ']' | '}', _) => !start.is_alphanumeric() && !matches!(start, '[' | '(' | '{'),
        (_, '[' | '{') => false,
        (_, '(') => last.contains("::"),
        (end, start) if start.is_ascii_alphabetic() => {
            let word = letters_at_start(first);
            !(end.is_ascii_digit() && word.len() > 2 && is_known(word))
        }
        _ => true,
    }
}

fn letters_at_end(word: &str) -> &str {
    let start = word.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    word.strip_prefix(start).unwrap_or_default()
}

fn letters_at_start(word: &str) -> &str {
    let end = word.trim_start_matches(|letter: char| letter.is_ascii_alphabetic());
    word.strip_suffix(end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        text.split('\n')
            .map(|line| Line::new(line, line.chars().count()))
            .collect()
    }

    fn check(text: &str, joined_text: &str) {
        let readings = joined(&lines(text));
        assert_eq!(readings.first().map(String::as_str), Some(joined_text));
    }

    #[test]
    fn lines_wrapped_at_blanks_are_joined_with_a_blank() {
        check(
            "Failed to pin deployment while\nresolving Update: Made-Up from\nfile: (null)",
            "Failed to pin deployment while resolving Update: Made-Up from file: (null)",
        );
    }

    #[test]
    fn lines_cut_at_a_width_are_joined_without() {
        check(
            "Failed to pin deployment whi\nle resolving Update: Made-Up\n-Feature-Package~31bf3856ad3\n64e35~amd64~nl-NL [HRESULT =\n 0x80073701]",
            "Failed to pin deployment while resolving Update: Made-Up-Feature-Package~31bf3856ad364e35~amd64~nl-NL [HRESULT = 0x80073701]",
        );
    }

    #[test]
    fn lines_that_were_never_wrapped_are_kept() {
        check(
            "A made-up line as wide as a head with its columns\n=================================\nChecking System Update Readiness.\nSummary:\nOperation: Detect only\nOperation result: 0x0",
            "A made-up line as wide as a head with its columns\n=================================\nChecking System Update Readiness.\nSummary:\nOperation: Detect only\nOperation result: 0x0",
        );
        check(
            "Operations of a made-up kind:\n  (0) Uninstall: flags: 0",
            "Operations of a made-up kind:\n(0) Uninstall: flags: 0",
        );
    }

    #[test]
    fn lines_wrapped_with_an_indent_are_joined() {
        check(
            "Failed to pin deployment while\n    resolving Update: Made-Up from\n    file: (null) [HRESULT =\n    0x80073701]",
            "Failed to pin deployment while resolving Update: Made-Up from file: (null) [HRESULT = 0x80073701]",
        );
        check(
            "Failed to pin deployment while resolv\n    ing Made-Up-Feature-Package~31bf3\n    856ad364e35~amd64~~ of it",
            "Failed to pin deployment while resolving Made-Up-Feature-Package~31bf3856ad364e35~amd64~~ of it",
        );
    }

    #[test]
    fn every_other_way_to_join_is_a_reading_too() {
        let readings = joined(&lines("Made-Up failed in Fu\nbar of it"));
        for text in [
            "Made-Up failed in Fu bar of it",
            "Made-Up failed in Fubar of it",
            "Made-Up failed in Fu\nbar of it",
        ] {
            assert!(readings.iter().any(|reading| reading == text), "{text}");
        }
    }
}
