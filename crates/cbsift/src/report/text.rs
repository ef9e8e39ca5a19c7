//! The form for people: the answer, why we believe it, what to do, the evidence, and what we could not see.

use super::view::{FindingView, View};
use super::words::Words;
use classify::Verdict;
use std::fmt::Write;

/// Colour or plain; the plain text reads as well.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) colour: bool,
    /// Columns of the terminal.
    pub(crate) width: usize,
}

/// At most so many findings in full; the rest are counted.
const MAX_FINDINGS: usize = 12;

/// The report.
pub(crate) fn text(view: &View, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        words: view.words,
        style,
        view,
    };
    page.inputs();
    page.findings();
    page.attempts();
    page.rest();
    page.out
}

struct Page<'a> {
    out: String,
    words: &'static Words,
    style: Style,
    view: &'a View,
}

/// Columns of the labels in front of values, in terminal cells.
const LABEL: usize = 13;

impl Page<'_> {
    fn line(&mut self, text: &str) {
        // Log text may carry control and direction characters: a report must not let it drive the terminal.
        self.out.push_str(&harmless::line(text));
        self.out.push('\n');
    }

    fn painted(&self, text: &str, code: &str) -> String {
        if self.style.colour {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    /// `  Label        value`, the value wrapped and aligned.
    fn field(&mut self, label: &str, value: &str) {
        let padded = format!(
            "  {label}{}",
            " ".repeat(LABEL.saturating_sub(cells(label)))
        );
        let indent = " ".repeat(cells(&padded));
        let lines = wrap(value, self.style.width.saturating_sub(indent.len()).max(30));
        for (number, line) in lines.iter().enumerate() {
            let lead = if number == 0 { &padded } else { &indent };
            self.line(&format!("{lead}{line}"));
        }
    }

    fn inputs(&mut self) {
        let view = self.view;
        for input in view.inputs.iter().filter(|input| input.is_read) {
            self.line(&format!("{}    {}", input.name, input.facts));
        }
        let skipped: Vec<_> = view.inputs.iter().filter(|input| !input.is_read).collect();
        for input in skipped.iter().take(MAX_FINDINGS) {
            let line = format!("{}: {} ({})", self.words.skipped, input.path, input.facts);
            self.line(&line);
        }
        if skipped.len() > MAX_FINDINGS {
            let more = format!(
                "{}: {}",
                self.words.skipped,
                (self.words.and_more)(skipped.len() - MAX_FINDINGS)
            );
            self.line(&more);
        }
        if let Some(endpoint) = &view.endpoint {
            self.labelled(self.words.endpoint, endpoint);
        }
        for (number, gap) in view.gaps.iter().enumerate() {
            self.labelled(if number == 0 { self.words.gaps } else { "" }, gap);
        }
        if let Some(narrowed) = &view.narrowed {
            self.line(narrowed);
        }
        self.line("");
    }

    fn findings(&mut self) {
        let view = self.view;
        if view.verdict != Verdict::Failed {
            let colour = if view.verdict == Verdict::Inconclusive {
                "1;33"
            } else {
                "1;32"
            };
            let line = format!("{}  {}", self.painted(view.word, colour), view.more);
            self.out.push_str(&line);
            self.out.push_str("\n\n");
        }
        for finding in view.findings.iter().take(MAX_FINDINGS) {
            self.finding(finding);
        }
        if view.findings.len() > MAX_FINDINGS {
            let more = (self.words.and_more)(view.findings.len() - MAX_FINDINGS);
            self.line(&more);
        }
    }

    fn finding(&mut self, finding: &FindingView) {
        let words = self.words;
        let (word, colour) = if finding.is_failure {
            (words.failed, "1;31")
        } else {
            (words.noticed, "1;33")
        };
        let indent = " ".repeat(cells(word) + 2);
        let width = self.style.width.saturating_sub(indent.len()).max(30);
        for (number, line) in wrap(&finding.title, width).iter().enumerate() {
            let safe = harmless::line(line);
            if number == 0 {
                let _ = writeln!(
                    self.out,
                    "{}  {}",
                    self.painted(word, colour),
                    self.painted(&safe, "1")
                );
            } else {
                let _ = writeln!(self.out, "{indent}{}", self.painted(&safe, "1"));
            }
        }
        self.out.push('\n');
        for (label, value) in &finding.facts {
            self.field(label, value);
        }
        self.out.push('\n');
        for (number, step) in finding.steps.iter().enumerate() {
            let label = if number == 0 { words.advice } else { "" };
            self.field(label, &format!("{}  {step}", number + 1));
        }
        if let Some(stale) = &finding.stale {
            self.field(
                if finding.steps.is_empty() {
                    words.advice
                } else {
                    ""
                },
                stale,
            );
        }
        self.out.push('\n');
        for (number, evidence) in finding.evidence.iter().enumerate() {
            self.field(
                if number == 0 { words.evidence } else { "" },
                &evidence.head,
            );
            let width = self.style.width.saturating_sub(LABEL + 4).max(30);
            for line in wrap(&evidence.text, width) {
                self.line(&format!("{}{line}", " ".repeat(LABEL + 4)));
            }
        }
        self.out.push('\n');
    }

    fn attempts(&mut self) {
        let view = self.view;
        if view.attempts.is_empty() {
            return;
        }
        self.line(&format!("{}  {}", self.words.attempts, view.attempts_sum));
        for row in view.attempts.iter().take(2 * MAX_FINDINGS) {
            self.line(&format!(
                "  {:<19}  {:<15}{:<10}  {}",
                row.time, row.outcome, row.code, row.name
            ));
        }
        if view.attempts.len() > 2 * MAX_FINDINGS {
            let more = (self.words.and_more)(view.attempts.len() - 2 * MAX_FINDINGS);
            self.line(&format!("  {more}"));
        }
        self.line("");
    }

    /// What was left out, and what the input cannot show.
    fn rest(&mut self) {
        let view = self.view;
        if let Some(noise) = &view.noise {
            self.line(noise);
        }
        if let Some(table) = &view.noise_table {
            for (code, name, count) in table {
                self.line(&format!("  {count:>8}  {code}  {name}"));
            }
        }
        if !view.other_codes.is_empty() {
            let shown = view.other_codes.len().min(MAX_FINDINGS);
            let first: Vec<&str> = view
                .other_codes
                .iter()
                .take(shown)
                .map(String::as_str)
                .collect();
            let mut line = first.join(", ");
            if view.other_codes.len() > shown {
                let more = (self.words.and_more)(view.other_codes.len() - shown);
                let _ = write!(line, ", {more}");
            }
            self.labelled(self.words.other_codes, &line);
        }
        let separator = view.separator;
        if !view.not_seen.is_empty() {
            self.labelled(self.words.not_seen, &view.not_seen.join(separator));
        }
        if !view.collect.is_empty() {
            self.labelled(self.words.collect, &view.collect.join(separator));
        }
    }

    fn labelled(&mut self, label: &str, value: &str) {
        let lead = format!(
            "{label}{}",
            " ".repeat((LABEL + 2).saturating_sub(cells(label)).max(1))
        );
        let indent = " ".repeat(cells(&lead));
        for (number, line) in wrap(value, self.style.width.saturating_sub(indent.len()).max(30))
            .iter()
            .enumerate()
        {
            let line = format!("{}{line}", if number == 0 { &lead } else { &indent });
            self.line(&line);
        }
    }
}

/// Terminal cells of a text: East Asian characters take two.
fn cells(text: &str) -> usize {
    text.chars().map(|c| if is_wide(c) { 2 } else { 1 }).sum()
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE6F}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}')
}

/// Breaks at blanks, or between East Asian characters; a word longer than a line is broken anywhere.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let (mut line, mut used) = (String::new(), 0);
    let mut last_blank = None;
    // Marks of what is unsafe are longer than it is: they must fit too.
    for c in harmless::line(text).chars() {
        let size = if is_wide(c) { 2 } else { 1 };
        if used + size > width {
            let rest = match last_blank {
                Some(at) if !is_wide(c) => {
                    let rest = line.split_off(at);
                    rest.trim_start().to_owned()
                }
                _ => String::new(),
            };
            lines.push(line.trim_end().to_owned());
            used = cells(&rest);
            line = rest;
            last_blank = None;
        }
        if c == ' ' && line.is_empty() {
            continue;
        }
        if c == ' ' {
            last_blank = Some(line.len());
        }
        line.push(c);
        used += size;
        if is_wide(c) {
            last_blank = Some(line.len());
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line.trim_end().to_owned());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_broken_by_terminal_cells() {
        assert_eq!(wrap("one two three", 8), ["one two", "three"]);
        assert_eq!(wrap("文件系统损坏", 6), ["文件系", "统损坏"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
    }
}
