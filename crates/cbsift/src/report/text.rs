//! The form for people: the answer, why we believe it, what to do, the evidence, and what we could not see.

use super::words::{self, Words, words};
use super::{Language, advice, named, title, upper};
use crate::report::json::offset;
use crate::scan::{Input, Scan};
use classify::{Rules, Verdict, catalogue};
use event::{Code, Evidence, Finding, LoggedAt, Severity};
use std::collections::BTreeSet;
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
/// Characters of an evidence line.
const MAX_LINE: usize = 420;

/// The report.
pub(crate) fn text(rules: &Rules, scan: &Scan, language: Language, style: Style) -> String {
    let mut page = Page {
        out: String::new(),
        words: words(language),
        language,
        style,
        rules,
        scan,
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
    language: Language,
    style: Style,
    rules: &'a Rules,
    scan: &'a Scan,
}

/// Columns of the labels in front of values, in terminal cells.
const LABEL: usize = 13;

impl Page<'_> {
    fn line(&mut self, text: &str) {
        // Log text may carry control and direction characters: a report must not let it drive the terminal.
        self.out.extend(
            text.chars()
                .map(|c| if is_unsafe(c) { '\u{FFFD}' } else { c }),
        );
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
        let scan = self.scan;
        for input in scan.inputs.iter().filter(|input| input.source.is_some()) {
            let line = self.input(input);
            self.line(&line);
        }
        let skipped: Vec<&Input> = scan
            .inputs
            .iter()
            .filter(|input| input.source.is_none())
            .collect();
        for input in skipped.iter().take(MAX_FINDINGS) {
            let line = format!(
                "{}: {} ({})",
                self.words.skipped,
                input.path.display(),
                input.reason
            );
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
        self.line("");
    }

    fn input(&self, input: &Input) -> String {
        let name = input.path.file_name().map_or_else(
            || input.path.to_string_lossy(),
            |name| name.to_string_lossy(),
        );
        let source = input.source.map_or("", event::Source::name).to_uppercase();
        let mut line = format!(
            "{name}    {source}, {}, {}",
            input.encoding.name().to_uppercase(),
            (self.words.records)(input.records, input.lines)
        );
        if let (Some(first), Some(last)) = (input.first, input.last) {
            let _ = write!(line, ", {first}");
            if last != first {
                let _ = write!(line, " – {last}");
            }
        }
        let offsets: Vec<String> = input
            .utc_changes
            .iter()
            .map(|(_, anchor)| {
                format!(
                    "UTC{}, {}",
                    offset(anchor.minutes),
                    words::how(anchor.how, self.language)
                )
            })
            .collect();
        if !offsets.is_empty() {
            let _ = write!(line, " ({})", offsets.join(" → "));
        }
        if !input.reason.is_empty() {
            let _ = write!(line, " — {}", input.reason);
        }
        line
    }

    fn findings(&mut self) {
        let scan = self.scan;
        let words = self.words;
        let (word, colour, more) = match scan.verdict {
            Verdict::Failed => (words.failed, "1;31", ""),
            Verdict::Healthy => (words.healthy, "1;32", words.healthy_more),
            Verdict::Repaired => (words.repaired, "1;32", words.repaired_more),
            Verdict::Inconclusive => (words.inconclusive, "1;33", words.inconclusive_more),
        };
        if scan.verdict != Verdict::Failed {
            let line = format!("{}  {more}", self.painted(word, colour));
            self.out.push_str(&line);
            self.out.push_str("\n\n");
        }
        for finding in scan.derived.findings.iter().take(MAX_FINDINGS) {
            let (word, colour) = if finding.severity > Severity::Info {
                (words.failed, "1;31")
            } else {
                (words.noticed, "1;33")
            };
            self.finding(finding, word, colour);
        }
        if scan.derived.findings.len() > MAX_FINDINGS {
            let more = (words.and_more)(scan.derived.findings.len() - MAX_FINDINGS);
            self.line(&more);
        }
    }

    fn finding(&mut self, finding: &Finding, word: &str, colour: &str) {
        let words = self.words;
        let mut head = title(self.rules, finding, self.language);
        if finding.count > 1 {
            let _ = write!(head, "  ×{}", finding.count);
        }
        let indent = " ".repeat(cells(word) + 2);
        for (number, line) in wrap(&head, self.style.width.saturating_sub(indent.len()).max(30))
            .iter()
            .enumerate()
        {
            let safe: String = line
                .chars()
                .map(|c| if is_unsafe(c) { '\u{FFFD}' } else { c })
                .collect();
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
        self.cause(finding);
        if !finding.object.is_empty() {
            self.field(words.object, &finding.object);
        }
        if !finding.package.is_empty() || !finding.kb.is_empty() {
            let is_apart = !finding.kb.is_empty() && !finding.package.contains(&finding.kb);
            let package = if is_apart {
                format!("{} {}", finding.kb, finding.package)
            } else {
                finding.package.clone()
            };
            self.field(words.package, package.trim());
        }
        let when = self.when(finding);
        self.field(words.when, &when);
        let grade = match finding.confidence {
            80.. => words.high,
            55.. => words.medium,
            _ => words.low,
        };
        let reasons: Vec<String> = finding
            .reasons
            .iter()
            .map(|reason| words::reason(reason, self.language))
            .collect();
        let (between, colon) = if self.language == Language::Chinese {
            ("；", "：")
        } else {
            ("; ", ": ")
        };
        let confidence = format!(
            "{grade} ({} %){colon}{}",
            finding.confidence,
            reasons.join(between)
        );
        self.field(words.confidence, &confidence);
        self.out.push('\n');
        let steps = advice(self.rules, finding, self.language);
        for (number, step) in steps.iter().enumerate() {
            let label = if number == 0 { words.advice } else { "" };
            self.field(label, &format!("{}  {step}", number + 1));
        }
        let stale = self.stale_codes(finding);
        if !stale.is_empty() {
            let codes: Vec<String> = stale.iter().map(|code| upper(*code)).collect();
            let line = (words.not_the_cause)(&codes.join(", "));
            self.field(if steps.is_empty() { words.advice } else { "" }, &line);
        }
        self.out.push('\n');
        for (number, evidence) in finding.evidence.iter().enumerate() {
            self.evidence(evidence, if number == 0 { words.evidence } else { "" });
        }
        self.out.push('\n');
    }

    fn cause(&mut self, finding: &Finding) {
        let words = self.words;
        let Some(root) = finding.root_code else {
            return;
        };
        let mut cause = named(root);
        if let Some((file, line, function)) = finding
            .evidence
            .iter()
            .find_map(|evidence| origin(&evidence.text))
        {
            cause += &(words.raised_by)(function, file, line);
        }
        self.field(words.cause, &cause);
        let same = equivalents(root);
        if !same.is_empty() {
            self.field("", &same.join(" = "));
        }
        if let Some(terminal) = finding.terminal_code.filter(|terminal| *terminal != root) {
            self.field(words.ended_with, &named(terminal));
        }
    }

    fn when(&self, finding: &Finding) -> String {
        let words = self.words;
        let place = finding
            .evidence
            .first()
            .and_then(|evidence| self.scan.places.get(&(evidence.stream, evidence.offset)));
        match (finding.utc, finding.logged) {
            (Some(utc), Some(logged)) => {
                let minutes = (logged.0 * 1_000 - utc.0 + 30_000).div_euclid(60_000);
                let zone = i32::try_from(minutes).map(offset).unwrap_or_default();
                let changes = place
                    .map(|place| self.scan.inputs[place.input].utc_changes.as_slice())
                    .unwrap_or_default();
                let how = changes
                    .iter()
                    .rev()
                    .find(|(line, _)| place.is_some_and(|place| *line <= place.line))
                    .or(changes.first());
                let how = how
                    .map(|(_, anchor)| format!(", {}", words::how(anchor.how, self.language)))
                    .unwrap_or_default();
                let utc = utc.to_string().replace('T', " ").replace('Z', " UTC");
                format!("{utc} ({} {logged}, UTC{zone}{how})", words.local)
            }
            (None, Some(logged)) => format!("{logged} ({})", words.utc_unknown),
            _ => words.no_time.to_owned(),
        }
    }

    /// Last-error values beside the evidence that the noise rules excuse.
    fn stale_codes(&self, finding: &Finding) -> BTreeSet<Code> {
        let mut stale = BTreeSet::new();
        let mut spellings = Vec::new();
        for evidence in &finding.evidence {
            let Some(event) = self.scan.events.get(&evidence.id) else {
                continue;
            };
            spellings.clear();
            classify::codes_in(&event.text, &mut spellings);
            stale.extend(
                spellings
                    .iter()
                    .filter(|one| one.is_last_error && !event.codes.contains(&one.code))
                    .map(|one| one.code),
            );
        }
        stale
    }

    fn evidence(&mut self, evidence: &Evidence, label: &str) {
        let words = self.words;
        let event = self.scan.events.get(&evidence.id);
        let mut head = String::new();
        if let Some(place) = self.scan.places.get(&(evidence.stream, evidence.offset)) {
            head = (words.lines)(place.line, place.line + place.lines - 1);
            if self
                .scan
                .inputs
                .iter()
                .filter(|input| input.source.is_some())
                .count()
                > 1
            {
                let name = self.scan.inputs[place.input]
                    .path
                    .file_name()
                    .map(|name| name.to_string_lossy().into_owned());
                head = format!("{} {head}", name.unwrap_or_default());
            }
        }
        if event.is_some_and(|event| event.field("joined").is_some()) {
            let _ = write!(head, "  ({})", words.joined);
        }
        self.field(label, &head);
        let text = shortened(&evidence.text);
        for line in wrap(&text, self.style.width.saturating_sub(LABEL + 4).max(30)) {
            self.line(&format!("{}{line}", " ".repeat(LABEL + 4)));
        }
    }

    fn attempts(&mut self) {
        let attempts = &self.scan.derived.attempts;
        if attempts.is_empty() {
            return;
        }
        let failed = attempts
            .iter()
            .filter(|attempt| attempt.outcome.is_failure())
            .count();
        let summary = (self.words.attempts_sum)(attempts.len(), failed);
        let heading = format!("{}  {summary}", self.words.attempts);
        self.line(&heading);
        let rows: Vec<String> = attempts
            .iter()
            .take(2 * MAX_FINDINGS)
            .map(|attempt| {
                let time = attempt
                    .start
                    .or(attempt.end)
                    .map_or_else(|| "-".repeat(19), |time| time.to_string());
                let code = attempt
                    .terminal_code
                    .map_or_else(|| " ".repeat(10), |code| code.to_string());
                let name = if attempt.kb.is_empty() {
                    &attempt.package
                } else {
                    &attempt.kb
                };
                format!("  {time}  {:<15}{code}  {name}", attempt.outcome.name())
            })
            .collect();
        for row in rows {
            self.line(&row);
        }
        if attempts.len() > 2 * MAX_FINDINGS {
            let more = format!(
                "  {}",
                (self.words.and_more)(attempts.len() - 2 * MAX_FINDINGS)
            );
            self.line(&more);
        }
        self.line("");
    }

    /// What was left out, and what the input cannot show.
    fn rest(&mut self) {
        let (scan, words) = (self.scan, self.words);
        let noise: u64 = scan.noise.values().sum();
        if noise > 0 {
            let line = (words.noise)(noise, scan.noise.len());
            self.line(&line);
        }
        let explained: BTreeSet<Code> = scan
            .derived
            .findings
            .iter()
            .flat_map(|finding| finding.root_code.into_iter().chain(finding.terminal_code))
            .collect();
        let others: Vec<String> = scan
            .codes
            .iter()
            .filter(|(code, count)| {
                count.records > count.noise
                    && !explained
                        .iter()
                        .any(|known| classify::catalogue::is_same_failure(*known, **code))
            })
            .map(|(code, count)| format!("{} ×{}", named(*code), count.records - count.noise))
            .collect();
        if !others.is_empty() {
            let shown = others.len().min(MAX_FINDINGS);
            let mut line = others[..shown].join(", ");
            if others.len() > shown {
                let _ = write!(line, ", {}", (words.and_more)(others.len() - shown));
            }
            self.labelled(words.other_codes, &line);
        }
        let separator = if self.language == Language::Chinese {
            "；"
        } else {
            "; "
        };
        let mut unseen = Vec::new();
        if scan.verdict == Verdict::Failed {
            if scan.derived.attempts.is_empty()
                && scan
                    .derived
                    .findings
                    .iter()
                    .all(|finding| finding.package.is_empty())
            {
                unseen.push(words.no_package.to_owned());
            }
            if let Some(seconds) = self.span() {
                unseen.push((words.only_span)(&(words.seconds)(seconds)));
            }
        }
        if scan.inputs.iter().any(|input| {
            input.source.is_some() && input.utc_changes.is_empty() && input.first.is_some()
        }) {
            unseen.push(words.no_utc.to_owned());
        }
        if !unseen.is_empty() {
            self.labelled(words.not_seen, &unseen.join(separator));
        }
        if scan.verdict != Verdict::Healthy && scan.verdict != Verdict::Repaired {
            let collect = format!("{}{separator}{}", words.collect_cbs, words.collect_events);
            self.labelled(words.collect, &collect);
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

    /// Seconds that the only log covers; nothing where there are several or it is long.
    fn span(&self) -> Option<i64> {
        let mut logs = self
            .scan
            .inputs
            .iter()
            .filter(|input| input.source.is_some());
        let (Some(only), None) = (logs.next(), logs.next()) else {
            return None;
        };
        let (LoggedAt(first), LoggedAt(last)) = (only.first?, only.last?);
        const LONG_S: i64 = 30 * 86_400;
        ((last - first) < LONG_S).then_some((last - first).max(1))
    }
}

/// The other forms of a code: as CSI logs it, and what Windows Update shows.
fn equivalents(code: Code) -> Vec<String> {
    if code.space() == event::Space::Hresult {
        return Vec::new();
    }
    let mut forms = vec![upper(code)];
    forms.push(format!("0x{:08X}", code.value() | 0x1000_0000));
    let win32 = catalogue::of(code).canonical();
    if win32 != catalogue::of(code) {
        let name = win32
            .name()
            .map(|name| format!(" ({name})"))
            .unwrap_or_default();
        forms.push(format!("0x{:08X}{name}", win32.value()));
    }
    forms
}

/// `file.cpp(2987): Error X originated in function F expression: …`
fn origin(text: &str) -> Option<(&str, &str, &str)> {
    let at = text.find(" originated in function ")?;
    let function = text[at + " originated in function ".len()..]
        .split(' ')
        .next()?;
    let (place, _) = text[..at].rsplit_once("): Error ")?;
    let (file, line) = place.rsplit_once('(')?;
    let file = file.rsplit([' ', '\\']).next()?;
    let function = function.rsplit("::").next()?;
    Some((file, line, function))
}

/// Newlines shown as spaces, long text cut in the middle, where the least is said.
fn shortened(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let count = text.chars().count();
    if count <= MAX_LINE {
        return text;
    }
    // The object stands behind the middle of a long CSI record: keep it.
    let characters: Vec<char> = text.chars().collect();
    let keep = match text.find("on:[") {
        Some(at) => text[..at].chars().count(),
        None => count - MAX_LINE / 2,
    };
    let head: String = characters[..MAX_LINE / 2].iter().collect();
    let from = keep.max(MAX_LINE / 2);
    let tail: String = characters[from..(from + MAX_LINE / 2).min(count)]
        .iter()
        .collect();
    let end = if from + MAX_LINE / 2 < count {
        " …"
    } else {
        ""
    };
    format!("{head} … {tail}{end}")
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\t')
        || matches!(c, '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
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
    for c in text.chars() {
        let size = if is_wide(c) { 2 } else { 1 };
        if used + size > width {
            let rest = match last_blank {
                Some(at) if !is_wide(c) => {
                    let rest: String = line[at..].trim_start().to_owned();
                    line.truncate(at);
                    rest
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

    #[test]
    fn the_place_where_a_failure_arose_is_read() {
        let text = r"onecore\base\wcp\sil\ntsystem.cpp(2987): Error STATUS_X originated in function A::B::SysCreateFile expression: (null)";
        assert_eq!(
            origin(text),
            Some(("ntsystem.cpp", "2987", "SysCreateFile"))
        );
        assert_eq!(origin("nothing"), None);
    }

    #[test]
    fn equivalents_of_the_founding_code() {
        assert_eq!(
            equivalents(Code::new(0xC000_0102)),
            [
                "0xC0000102",
                "0xD0000102",
                "0x80070570 (ERROR_FILE_CORRUPT)"
            ]
        );
    }

    #[test]
    fn control_characters_of_a_log_do_not_reach_the_terminal() {
        assert!(
            is_unsafe('\u{1b}') && is_unsafe('\u{202E}') && !is_unsafe('a') && !is_unsafe('文')
        );
    }
}
