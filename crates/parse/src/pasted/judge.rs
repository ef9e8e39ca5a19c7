//! Whether a text went through people's hands, judged from the start of its file by counting.

use super::head::{self, Kind, Read};
use super::stamp::YearLast;
use super::{measure, text, wrap};
use event::Format;

/// One head in so many may be odd in an exact text: of 274,006 heads of public logs six were edited by hand.
const ODD_ONE_IN: usize = 20;

/// Nobody wraps narrower or wider.
const WRAP_WIDTHS: std::ops::RangeInclusive<usize> = 40..=200;

/// What a text looks like that is not exact.
#[derive(Debug)]
pub(crate) struct Judged<'a> {
    /// How to read it, the order of its dates included.
    pub(crate) format: Format,
    /// The components of the servicing logs' heads.
    pub(crate) components: Vec<&'a str>,
    /// Heads of the update agent.
    pub(crate) agent: usize,
}

/// Judges a text; nothing for one that an exact reader reads as well, or that holds no head at all.
///
/// `is_exact` = whether a line starts with a head in the columns of its logger.
pub(crate) fn judge(text: &str, is_exact: impl Fn(&str) -> bool) -> Option<Judged<'_>> {
    if is_other_markup(text) {
        return None;
    }
    let mut tally = Tally::default();
    let mut components = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (length, ..) = measure(rest, Format::Pasted);
        let (record, after) = rest.split_at_checked(length)?;
        if let Some(found) = head::at_line_start(record, Format::Pasted) {
            let is_at_line_start = rest.len() == text.len()
                || text
                    .get(..text.len() - rest.len())
                    .is_some_and(|before| before.ends_with('\n'));
            let is_exact = is_at_line_start && found.prefix == 0 && is_exact(record);
            tally.add(record, &found, is_exact);
            if found.kind == Kind::Servicing {
                components.push(found.head.component);
            }
        }
        rest = after;
    }
    let is_odd = tally.odd * ODD_ONE_IN > tally.heads || tally.is_wrapped();
    (tally.heads > 0 && is_odd).then(|| Judged {
        format: tally.format(),
        agent: tally.heads - components.len(),
        components,
    })
}

/// JSON, XML and the like, whose strings may hold heads: other readers know them, or nobody does.
fn is_other_markup(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    let is_list = text
        .strip_prefix('[')
        .is_some_and(|rest| rest.trim_start().starts_with(['{', '"', ']']));
    is_list || text.starts_with('{') || text.starts_with("<?xml") || text.starts_with("<![LOG[")
}

#[derive(Default)]
struct Tally {
    heads: usize,
    /// Heads that no exact reader reads, or with letters in their records that no logger writes.
    odd: usize,
    /// The widest line.
    widest: usize,
    /// Lines that were broken off, and the next one's first word.
    breaks: Vec<(usize, usize)>,
    /// The same before lines with an indent, which loggers write too.
    hanging: Vec<(usize, usize)>,
    /// Of these, such as end within a sentence.
    torn: usize,
    day_first: bool,
    month_first: bool,
    year_last: bool,
}

impl Tally {
    fn add(&mut self, record: &str, found: &Read<'_>, is_exact: bool) {
        self.heads += 1;
        let is_mail = text::quoted_printable(record).is_some();
        self.odd += usize::from(!is_exact || is_prettified(record) || is_mail);
        if let Some(YearLast {
            first,
            second,
            has_dots,
        }) = found.year_last
        {
            self.year_last = true;
            self.day_first |= has_dots || first > 12;
            self.month_first |= !has_dots && second > 12;
        }
        let mut before: Option<(&str, usize)> = None;
        for line in record.lines().filter(|line| !line.trim().is_empty()) {
            let width = line.chars().count();
            let is_own = line.trim_start().starts_with(['(']) || line.starts_with("[gle=");
            if let Some((before, width)) = before
                && !is_own
            {
                let word = line.split_whitespace().next().unwrap_or_default();
                let broken = (width, word.chars().count());
                if line.starts_with('\t') || line.starts_with("  ") {
                    self.hanging.push(broken);
                    self.torn += usize::from(wrap::is_torn(before, line));
                } else {
                    self.breaks.push(broken);
                }
            }
            self.widest = self.widest.max(width);
            before = Some((line, width));
        }
    }

    /// Whether most lines that were broken off were so because the next word did not fit.
    fn is_wrapped(&self) -> bool {
        let full = |breaks: &[(usize, usize)]| {
            let full = breaks
                .iter()
                .filter(|(width, word)| width + 1 + word > self.widest)
                .count();
            if full * 5 >= breaks.len() * 4 {
                full
            } else {
                0
            }
        };
        let hanging = full(&self.hanging);
        WRAP_WIDTHS.contains(&self.widest)
            && (full(&self.breaks) > 0 || hanging > 1 || (hanging > 0 && self.torn > 0))
    }

    fn format(&self) -> Format {
        match (self.year_last, self.day_first, self.month_first) {
            (false, ..) => Format::Pasted,
            (true, true, false) => Format::PastedDmy,
            (true, false, true) => Format::PastedMdy,
            (true, ..) => Format::PastedUndated,
        }
    }
}

/// Whether programs made letters of the record prettier or escaped them.
fn is_prettified(record: &str) -> bool {
    const ESCAPED: [&str; 7] = [
        "&lt;", "&gt;", "&amp;", "&quot;", "&nbsp;", "&#39;", "&#160;",
    ];
    if record.contains('&') && ESCAPED.iter().any(|escaped| record.contains(escaped)) {
        return true;
    }
    // As Markdown's source has them; `\_` may be a path.
    if record.contains("\\[") || record.contains("\\~") {
        return true;
    }
    // Texts of Windows in other languages hold such letters too, but not beside Latin ones; French has them in words and before marks.
    let is_pretty = |letter: char| {
        matches!(
            letter,
            '\u{a0}' | '\u{200b}' | '\u{2013}' | '\u{2014}' | '\u{2018}'
                ..='\u{201f}' | '\u{202f}' | '\u{3000}'
        )
    };
    let mut before = ' ';
    let mut letters = record.chars().peekable();
    if record.is_ascii() {
        return false;
    }
    while let Some(letter) = letters.next() {
        let after = letters.peek().copied().unwrap_or(' ');
        let is_french = match letter {
            '\u{2019}' => before.is_alphabetic() && after.is_alphabetic(),
            '\u{a0}' | '\u{202f}' => matches!(after, ':' | ';' | '?' | '!' | '»' | '%'),
            _ => false,
        };
        let is_beside = before.is_ascii_graphic() || after.is_ascii_graphic();
        if is_pretty(letter) && is_beside && !is_french {
            return true;
        }
        before = letter;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXACT: &str = "2024-05-01 08:00:00, Info                  CBS    ";

    fn check(text: &str, format: Option<Format>) {
        let judged = judge(text, |line| line.starts_with(EXACT));
        assert_eq!(judged.map(|judged| judged.format), format, "{text:?}");
    }

    #[test]
    fn exact_texts_stay_with_the_exact_readers() {
        check(&format!("{EXACT}x\r\n").repeat(40), None);
        check(
            &format!("{EXACT}Operations:\n  (0)  Uninstall\n{EXACT}a longer line\n"),
            None,
        );
        check(
            &format!("{EXACT}Summary:\n    Operation: Detect only\n    Operation result: 0x0\n"),
            None,
        );
        check(
            &(format!("{EXACT}x\n").repeat(40) + "2024-05-01 08:00:00, ERROR CBS by hand\n"),
            None,
        );
        check(
            &format!("{EXACT}l’installation a échoué\u{a0}: accès refusé\n"),
            None,
        );
        check("hello\n", None);
        check("2024-05-01 08:00:00 INFO another program says so\n", None);
        check("{\"message\":\"2024-05-01 08:00:00, Info CBS x\"}\n", None);
    }

    #[test]
    fn copies_are_told_by_their_heads_their_letters_and_their_width() {
        let odd = Some(Format::Pasted);
        check("2024-05-01 08:00:00, Info CBS x\n", odd);
        check(&format!("> {EXACT}x\n"), odd);
        check(&format!("{EXACT}x{EXACT}y\n"), odd);
        check(
            &(format!("{EXACT}x\n").repeat(9) + "2024-05-01 08:00:00, Info CBS x\n"),
            odd,
        );
        check(&format!("{EXACT}the ‘x’\n"), odd);
        check(&format!("{EXACT}the &quot;x&quot;\n"), odd);
        check(&format!("{EXACT}Failed to pin deplo\nyment of it\n"), odd);
        check(
            &format!("{EXACT}Failed to pin deployment [HRESULT =\n    0x80070002]\n"),
            odd,
        );
    }

    #[test]
    fn the_order_of_dates_is_counted() {
        let line = |date: &str| format!("{date} 08:00:00, Info CBS x\n");
        check(
            &(line("05/01/2024") + &line("05/13/2024")),
            Some(Format::PastedMdy),
        );
        check(
            &(line("05/01/2024") + &line("13/05/2024")),
            Some(Format::PastedDmy),
        );
        check(&line("05.01.2024"), Some(Format::PastedDmy));
        check(&line("05/01/2024"), Some(Format::PastedUndated));
        check(
            &(line("05/13/2024") + &line("13/05/2024")),
            Some(Format::PastedUndated),
        );
    }
}
