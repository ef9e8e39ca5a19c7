//! The form for people: the answer, why we believe it, what to do, the evidence, and what we could not see.

use super::cells::{cells, padded, wrap};
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

    /// Cells for text behind so many; a few even on the narrowest terminal.
    fn room(&self, before: usize) -> usize {
        self.style.width.saturating_sub(before).max(30)
    }

    /// `lead` and the value behind it, wrapped and aligned.
    fn hung(&mut self, lead: &str, value: &str) {
        let before = cells(lead);
        let indent = " ".repeat(before);
        for (number, line) in wrap(value, self.room(before)).iter().enumerate() {
            let lead = if number == 0 { lead } else { &indent };
            self.line(&format!("{lead}{line}"));
        }
    }

    /// `  Label        value`
    fn field(&mut self, label: &str, value: &str) {
        self.hung(&padded(&format!("  {label}"), LABEL + 2), value);
    }

    /// The same from the first column.
    fn labelled(&mut self, label: &str, value: &str) {
        self.hung(&padded(&format!("{label} "), LABEL + 2), value);
    }

    fn inputs(&mut self) {
        let view = self.view;
        for input in view.inputs.iter().filter(|input| input.is_read) {
            let lead = format!("{}    ", input.name);
            self.led(&lead, 4, &input.facts);
        }
        let skipped: Vec<_> = view.inputs.iter().filter(|input| !input.is_read).collect();
        for input in skipped.iter().take(MAX_FINDINGS) {
            let lead = format!("{}{}", self.words.skipped, self.words.colon);
            let facts = self.words.bracketed(&input.facts);
            self.led(&lead, 4, &format!("{}{facts}", input.name));
        }
        if skipped.len() > MAX_FINDINGS {
            let more = format!(
                "{}{}{}",
                self.words.skipped,
                self.words.colon,
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
        for (number, machine) in view.machines.iter().enumerate() {
            self.labelled(if number == 0 { self.words.machines } else { "" }, machine);
        }
        for (number, fact) in view.facts.iter().enumerate() {
            self.labelled(if number == 0 { self.words.machine } else { "" }, fact);
        }
        if let Some(narrowed) = &view.narrowed {
            self.led("", 0, narrowed);
        }
        self.line("");
    }

    /// `lead` and `value`, wrapped; what goes on is indented by `indent`.
    fn led(&mut self, lead: &str, indent: usize, value: &str) {
        let width = self.room(indent);
        let indent = " ".repeat(indent);
        for (number, line) in wrap(&format!("{lead}{value}"), width).iter().enumerate() {
            let lead = if number == 0 { "" } else { &indent };
            self.line(&format!("{lead}{line}"));
        }
    }

    fn findings(&mut self) {
        let view = self.view;
        // The title of the only failure is the answer, with its reach below it.
        if !self.is_one_failure() {
            let colour = match view.verdict {
                Verdict::Failed => "1;31",
                Verdict::Inconclusive => "1;33",
                _ => "1;32",
            };
            self.answer(view.word, colour, &view.more, "");
            self.out.push('\n');
        }
        for finding in view.findings.iter().take(MAX_FINDINGS) {
            self.finding(finding);
        }
        if view.findings.len() > MAX_FINDINGS {
            let more = (self.words.and_more)(view.findings.len() - MAX_FINDINGS);
            self.line(&more);
        }
    }

    fn is_one_failure(&self) -> bool {
        let findings = self.view.findings.iter();
        self.view.verdict == Verdict::Failed
            && findings.filter(|finding| finding.is_failure).count() == 1
    }

    fn finding(&mut self, finding: &FindingView) {
        let words = self.words;
        let (word, colour) = if finding.is_failure {
            (words.failed, "1;31")
        } else {
            (words.noticed, "1;33")
        };
        let title = if finding.rank.is_empty() {
            finding.title.clone()
        } else {
            format!("{}{}{}", finding.rank, words.colon, finding.title)
        };
        self.answer(word, colour, &title, "1");
        if finding.is_failure && self.is_one_failure() {
            self.hung(&" ".repeat(cells(word) + 2), &self.view.more);
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
            self.hung(&" ".repeat(LABEL + 4), &evidence.text);
        }
        self.out.push('\n');
    }

    /// A verdict and what it says, wrapped behind it.
    fn answer(&mut self, word: &str, colour: &str, text: &str, text_colour: &str) {
        let indent = " ".repeat(cells(word) + 2);
        for (number, line) in wrap(text, self.room(indent.len())).iter().enumerate() {
            let line = match text_colour {
                "" => line.clone(),
                colour => self.painted(line, colour),
            };
            let lead = match number {
                0 => self.painted(word, colour) + "  ",
                _ => indent.clone(),
            };
            let _ = writeln!(self.out, "{lead}{line}");
        }
    }

    fn attempts(&mut self) {
        let view = self.view;
        if view.attempts.is_empty() {
            return;
        }
        self.line(&format!("{}  {}", self.words.attempts, view.attempts_sum));
        for row in view.attempts.iter().take(2 * MAX_FINDINGS) {
            let lead = format!(
                "  {}  {}{}  ",
                padded(&row.time, 19),
                padded(row.outcome, 19),
                padded(&row.code, 10)
            );
            let name = [row.machine.as_str(), row.name.as_str()];
            let name: Vec<&str> = name.into_iter().filter(|part| !part.is_empty()).collect();
            self.line(&(lead + &name.join("  ")));
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
            self.led("", 0, noise);
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
            let mut line = first.join(self.words.comma);
            if view.other_codes.len() > shown {
                let more = (self.words.and_more)(view.other_codes.len() - shown);
                let _ = write!(line, "{}{more}", self.words.comma);
            }
            self.labelled(self.words.other_codes, &line);
        }
        let separator = self.words.semicolon;
        if !view.not_seen.is_empty() {
            self.labelled(self.words.not_seen, &view.not_seen.join(separator));
        }
        if !view.collect.is_empty() {
            self.labelled(self.words.collect, &view.collect.join(separator));
        }
    }
}
