//! What a report says, in one language and without a form: text, Markdown and HTML lay it out.

use super::gaps::{Gap, gaps};
use super::inputs::{InputView, input};
use super::json::{build_of, offset};
use super::narrow::Narrowed;
use super::words::{self, Words, words};
use super::{Language, advice, facts, is_unexplained, machines, named, title, upper};
use crate::scan::Scan;
use classify::{Rules, Verdict, catalogue};
use event::{Code, Evidence, Finding, LoggedAt, Severity, Source};
use std::collections::BTreeSet;
use std::fmt::Write;

/// Characters of an evidence line.
const MAX_LINE: usize = 420;

/// All that a report says. Log text in it is as logged: each form makes it safe in its own way.
pub(crate) struct View {
    pub(crate) words: &'static Words,
    pub(crate) language: Language,
    pub(crate) verdict: Verdict,
    /// The verdict in a word, and what it means.
    pub(crate) word: &'static str,
    pub(crate) more: String,
    /// The machines, where the logs are of several.
    pub(crate) machines: Vec<String>,
    /// What files beside the logs tell of them.
    pub(crate) facts: Vec<String>,
    pub(crate) inputs: Vec<InputView>,
    pub(crate) endpoint: Option<String>,
    pub(crate) gaps: Vec<String>,
    pub(crate) narrowed: Option<String>,
    pub(crate) findings: Vec<FindingView>,
    /// What stands where findings would, if there are none.
    pub(crate) no_finding: &'static str,
    pub(crate) attempts: Vec<AttemptView>,
    pub(crate) attempts_sum: String,
    pub(crate) noise: Option<String>,
    /// Code, name, records.
    pub(crate) noise_table: Option<Vec<(String, String, u64)>>,
    /// Codes that no finding explains.
    pub(crate) other_codes: Vec<String>,
    pub(crate) not_seen: Vec<String>,
    pub(crate) collect: Vec<String>,
}

pub(crate) struct FindingView {
    pub(crate) is_failure: bool,
    /// `1 of 4, start here`; empty where it is the only failure, or none.
    pub(crate) rank: String,
    pub(crate) title: String,
    /// Label and value; an empty label goes on with the one before.
    pub(crate) facts: Vec<(&'static str, String)>,
    pub(crate) steps: Vec<String>,
    /// What stands beside it and is not the cause.
    pub(crate) stale: Option<String>,
    pub(crate) evidence: Vec<EvidenceView>,
}

pub(crate) struct EvidenceView {
    pub(crate) head: String,
    pub(crate) text: String,
}

pub(crate) struct AttemptView {
    pub(crate) time: String,
    pub(crate) outcome: &'static str,
    pub(crate) code: String,
    pub(crate) name: String,
    /// Empty where all logs are of one machine.
    pub(crate) machine: String,
}

/// The view of a scan; `with_noise` adds what was left out as harmless, kind by kind and code by code.
pub(crate) fn view(
    rules: &Rules,
    scan: &Scan,
    language: Language,
    narrowed: Option<&Narrowed>,
    with_noise: bool,
) -> View {
    let words = words(language);
    let failures = scan.derived.findings.iter();
    let failures = failures.filter(|one| one.severity > Severity::Info).count();
    let (word, more) = match scan.verdict {
        Verdict::Failed if failures == 0 => (words.failed, words.no_record_of_cause),
        Verdict::Failed => (words.failed, ""),
        Verdict::Healthy => (words.healthy, words.healthy_more),
        Verdict::Repaired => (words.repaired, words.repaired_more),
        Verdict::Inconclusive if !scan.is_examined() => (words.inconclusive, words.unexamined_more),
        Verdict::Restart => (words.restart, words.restart_more),
        Verdict::Inconclusive if scan.derived.findings.iter().any(is_unexplained) => {
            (words.inconclusive, words.unexplained_more)
        }
        Verdict::Inconclusive if scan.half_read() > 0 => (words.inconclusive, words.half_read_more),
        Verdict::Inconclusive if narrowed.is_some() => (words.inconclusive, words.nothing_left),
        Verdict::Inconclusive => (words.inconclusive, words.inconclusive_more),
    };
    let attempts = &scan.derived.attempts;
    let failed = attempts
        .iter()
        .filter(|one| one.outcome.is_failure())
        .count();
    let noise: u64 = scan.noise.values().sum();
    let gaps = gaps(scan);
    let logs = scan.inputs.iter().filter(|input| input.source.is_some());
    let has_several = logs.count() > 1;
    View {
        words,
        language,
        verdict: scan.verdict,
        word,
        more: within_reach(scan, words, more, failures),
        machines: machines::lines(scan, words),
        facts: facts::lines(scan, words, language),
        inputs: scan
            .inputs
            .iter()
            .map(|one| input(one, words, language))
            .collect(),
        endpoint: scan.servicing_stack.as_deref().map(|stack| {
            format!(
                "{} {}, {} {stack}",
                words.build,
                build_of(stack),
                words.stack
            )
        }),
        gaps: gaps
            .iter()
            .map(|gap| match gap.to {
                _ if gap.is_cut => (words.gap_cut)(&gap.from.to_string(), &gap.before),
                Some(to) if gap.lost.is_some() => (words.gap_lost)(
                    &gap.from.to_string(),
                    &to.to_string(),
                    gap.lost.as_deref().unwrap_or_default(),
                    &gap.after,
                ),
                Some(to) => (words.gap_between)(
                    &gap.from.to_string(),
                    &to.to_string(),
                    &gap.before,
                    &gap.after,
                ),
                None => (words.gap_after)(&gap.from.to_string(), &gap.before),
            })
            .collect(),
        narrowed: narrowed.map(|narrowed| {
            let since = narrowed
                .to
                .since
                .map(|time| (words.since)(&time.to_string()));
            let to: Vec<String> = narrowed.to.kb.clone().into_iter().chain(since).collect();
            (words.narrowed)(&to.join(words.comma), narrowed.attempts, narrowed.findings)
        }),
        findings: ranked(
            scan.derived
                .findings
                .iter()
                .map(|one| finding(rules, scan, one, words, language, has_several))
                .collect(),
            words,
            failures,
        ),
        no_finding: match scan.verdict {
            Verdict::Failed => words.no_record_of_cause,
            _ => words.no_cause,
        },
        attempts: attempts
            .iter()
            .map(|one| AttemptView {
                time: one
                    .start
                    .or(one.end)
                    .map_or_else(|| "-".repeat(19), |time| time.to_string()),
                outcome: words::outcome(one.outcome, language),
                code: one
                    .terminal_code
                    .map(|code| code.to_string())
                    .unwrap_or_default(),
                name: if one.kb.is_empty() {
                    &one.package
                } else {
                    &one.kb
                }
                .clone(),
                machine: scan
                    .machine(one.id)
                    .map_or_else(String::new, |machine| machine.name.clone()),
            })
            .collect(),
        attempts_sum: (words.attempts_sum)(attempts.len(), failed),
        noise: (noise > 0).then(|| (words.noise)(noise, scan.noise.len())),
        noise_table: with_noise.then(|| noise_table(rules, scan, language)),
        other_codes: other_codes(scan),
        not_seen: not_seen(scan, words),
        collect: collect(scan, words, &gaps),
    }
}

/// What a verdict says, with how far it reaches: of what was not read it says nothing.
fn within_reach(scan: &Scan, words: &Words, more: &str, failures: usize) -> String {
    let read = || scan.inputs.iter().filter(|input| input.source.is_some());
    let records: u64 = read().map(|input| input.records).sum();
    let more = match more {
        "" if failures > 1 => (words.several_failures)(failures),
        more => more.to_owned(),
    };
    if records == 0 {
        return more;
    }
    let first = read().filter_map(|input| input.first).min();
    let last = read().filter_map(|input| input.last).max();
    // Within one second, as stamps have no more.
    let span = first
        .zip(last)
        .map(|(first, last)| (last.0 - first.0).max(1));
    let span = span.map(|seconds| words.span(seconds));
    let reach = (words.reach)(records, span.as_deref());
    if more.is_empty() {
        reach
    } else {
        more + &words.bracketed(&reach)
    }
}

/// The failures numbered, where there are several: the first is the one to begin with.
fn ranked(mut findings: Vec<FindingView>, words: &Words, failures: usize) -> Vec<FindingView> {
    if failures < 2 {
        return findings;
    }
    let numbered = findings.iter_mut().filter(|finding| finding.is_failure);
    for (index, finding) in numbered.enumerate() {
        finding.rank = (words.nth)(index + 1, failures);
        if index == 0 {
            finding.rank += words.comma;
            finding.rank += words.start_here;
        }
    }
    findings
}

fn finding(
    rules: &Rules,
    scan: &Scan,
    finding: &Finding,
    words: &'static Words,
    language: Language,
    has_several: bool,
) -> FindingView {
    let mut head = title(rules, finding, language);
    if finding.count > 1 {
        let _ = write!(head, "  ×{}", finding.count);
    }
    let mut facts = Vec::new();
    if let Some(root) = finding.root_code {
        let mut cause = named(root);
        if let Some((file, line, function)) = finding
            .evidence
            .iter()
            .find_map(|evidence| origin(&evidence.text))
        {
            cause += &(words.raised_by)(function, file, line);
        }
        facts.push((words.cause, cause));
        let same = equivalents(root);
        if !same.is_empty() {
            facts.push(("", same.join(" = ")));
        }
        if let Some(terminal) = finding.terminal_code.filter(|terminal| *terminal != root) {
            facts.push((words.ended_with, named(terminal)));
        }
    }
    if let Some(machine) = scan.machine(finding.id) {
        facts.push((words.machine, machine.name.clone()));
    }
    if !finding.object.is_empty() {
        facts.push((words.object, finding.object.clone()));
    }
    if !finding.package.is_empty() || !finding.kb.is_empty() {
        let is_apart = !finding.kb.is_empty() && !finding.package.contains(&finding.kb);
        let package = if is_apart {
            format!("{} {}", finding.kb, finding.package)
        } else {
            finding.package.clone()
        };
        facts.push((words.package, package.trim().to_owned()));
    }
    facts.push((words.when, when(scan, finding, words, language)));
    let grade = match finding.confidence {
        80.. => words.high,
        55.. => words.medium,
        _ => words.low,
    };
    let reasons: Vec<String> = finding
        .reasons
        .iter()
        .map(|reason| words::reason(reason, language))
        .collect();
    let mut confidence = grade.to_owned();
    confidence += &words.bracketed(&format!("{} %", finding.confidence));
    if !reasons.is_empty() {
        confidence += words.colon;
        confidence += &reasons.join(words.semicolon);
    }
    facts.push((words.confidence, confidence));
    let probes = scan.probes.get(&finding.id).into_iter().flatten();
    for (index, probe) in probes.enumerate() {
        let label = if index == 0 { words.probe } else { "" };
        let line = format!(
            "{}{}{}",
            probe.object,
            words.colon,
            words.probed(&probe.state)
        );
        facts.push((label, line));
    }
    if let Some(trace) = super::facts::trace(scan, finding, words) {
        facts.push((words.trace, trace));
    }
    let stale: Vec<String> = stale_codes(scan, finding)
        .iter()
        .map(|code| upper(*code))
        .collect();
    FindingView {
        is_failure: finding.severity > Severity::Info,
        rank: String::new(),
        title: head,
        facts,
        steps: advice(rules, scan, finding, language),
        stale: (!stale.is_empty()).then(|| (words.not_the_cause)(&stale.join(words.comma))),
        evidence: finding
            .evidence
            .iter()
            .map(|one| evidence(scan, one, words, has_several))
            .collect(),
    }
}

fn evidence(scan: &Scan, evidence: &Evidence, words: &Words, has_several: bool) -> EvidenceView {
    let mut head = String::new();
    if let Some(place) = scan.places.get(&(evidence.stream, evidence.offset)) {
        head = (words.lines)(place.line, place.line + place.lines - 1);
        if has_several && let Some(input) = scan.inputs.get(place.input) {
            head = format!("{} {head}", input.shown);
        }
    }
    let event = scan.events.get(&evidence.id);
    if event.is_some_and(|event| event.field("joined").is_some()) {
        head += &words.bracketed(words.joined);
    }
    EvidenceView {
        head,
        text: shortened(&as_event(&evidence.text, words).unwrap_or_else(|| evidence.text.clone())),
    }
}

/// An event of an event log as people know it, where the record is one in JSON.
fn as_event(text: &str, words: &Words) -> Option<String> {
    let event = parse::event_json::read(text)?;
    let mut shown = (words.event)(event.event_id, &event.channel, &event.provider);
    for (index, (name, value)) in event.data.iter().enumerate() {
        let lead = if index == 0 { words.colon } else { words.comma };
        let _ = write!(shown, "{lead}{name} = {value}");
    }
    Some(shown)
}

fn other_codes(scan: &Scan) -> Vec<String> {
    let explained: BTreeSet<u64> = scan
        .derived
        .findings
        .iter()
        .flat_map(|finding| finding.root_code.into_iter().chain(finding.terminal_code))
        .map(catalogue::failure_key)
        .collect();
    scan.codes
        .iter()
        .filter(|(code, count)| {
            count.records > count.noise && !explained.contains(&catalogue::failure_key(**code))
        })
        .map(|(code, count)| format!("{} ×{}", named(*code), count.records - count.noise))
        .collect()
}

fn not_seen(scan: &Scan, words: &Words) -> Vec<String> {
    let mut unseen = Vec::new();
    let torn: Vec<String> = scan
        .inputs
        .iter()
        .filter(|input| !input.is_examined())
        .map(|input| input.shown.clone())
        .collect();
    if !torn.is_empty() {
        unseen.push((words.not_examined)(&torn.join(words.comma)));
    }
    if !scan.is_derived {
        unseen.push(words.not_derived.to_owned());
    }
    if scan.verdict == Verdict::Failed {
        let names_package = scan
            .derived
            .findings
            .iter()
            .any(|one| !one.package.is_empty());
        if scan.derived.attempts.is_empty() && !names_package {
            unseen.push(words.no_package.to_owned());
        }
        if let Some(seconds) = span(scan) {
            unseen.push((words.only_span)(&words.span(seconds)));
        }
    }
    if scan.inputs.iter().any(|input| {
        let writes_local_time = input
            .source
            .is_some_and(|source| source != Source::EventLog);
        writes_local_time && input.utc_changes.is_empty() && input.first.is_some()
    }) {
        unseen.push(words.no_utc.to_owned());
    }
    unseen
}

/// What was left out: first kind by kind, then code by code.
fn noise_table(rules: &Rules, scan: &Scan, language: Language) -> Vec<(String, String, u64)> {
    let kinds = scan.noise.iter().map(|(id, count)| {
        let title = rules.get(id).map(|rule| match language {
            Language::English => rule.title.en.clone(),
            Language::Chinese => rule.title.zh.clone(),
        });
        (id.clone(), title.unwrap_or_default(), *count)
    });
    let codes = scan.codes.iter().filter(|(_, count)| count.noise > 0);
    kinds
        .chain(codes.map(|(code, count)| {
            let name = code.name().unwrap_or_default();
            (upper(*code), name.to_owned(), count.noise)
        }))
        .collect()
}

/// What to fetch next: only what is not here.
fn collect(scan: &Scan, words: &Words, gaps: &[Gap]) -> Vec<String> {
    let has = |source| scan.inputs.iter().any(|input| input.source == Some(source));
    let is_open = !matches!(
        scan.verdict,
        Verdict::Healthy | Verdict::Repaired | Verdict::Restart
    );
    let is_short = span(scan).is_some() || scan.inputs.iter().all(|input| input.first.is_none());
    let mut wanted = Vec::new();
    // A part that is missing can hold a failure, whatever the others say.
    if gaps.iter().any(|gap| !gap.is_cut) || (is_open && (!has(Source::Cbs) || is_short)) {
        wanted.push(words.collect_cbs.to_owned());
    }
    let cut: BTreeSet<&str> = gaps
        .iter()
        .filter(|gap| gap.is_cut)
        .map(|gap| gap.before.as_str())
        .collect();
    if !cut.is_empty() {
        let names: Vec<&str> = cut.into_iter().collect();
        wanted.push((words.collect_again)(&names.join(words.comma)));
    }
    if is_open && !has(Source::EventLog) {
        wanted.push(words.collect_events.to_owned());
    }
    wanted
}

fn is_of_event_log(finding: &Finding) -> bool {
    let first = finding.evidence.first();
    first.is_some_and(|evidence| evidence.source == Source::EventLog)
}

fn when(scan: &Scan, finding: &Finding, words: &Words, language: Language) -> String {
    let place = finding
        .evidence
        .first()
        .and_then(|evidence| scan.places.get(&(evidence.stream, evidence.offset)));
    match (finding.utc, finding.logged) {
        // Event logs keep UTC, and nothing of the local clock.
        (Some(utc), _) if is_of_event_log(finding) => {
            utc.to_string().replace('T', " ").replace('Z', " UTC")
        }
        (Some(utc), Some(logged)) => {
            let minutes = (logged.0 * 1_000 - utc.0 + 30_000).div_euclid(60_000);
            let zone = i32::try_from(minutes).map(offset).unwrap_or_default();
            let changes = place
                .and_then(|place| scan.inputs.get(place.input))
                .map(|input| input.utc_changes.as_slice())
                .unwrap_or_default();
            // Ascending, as they were read.
            let after = place.map_or(0, |place| {
                changes.partition_point(|(line, _)| *line <= place.line)
            });
            let how = changes.get(after.saturating_sub(1));
            let comma = words.comma;
            let how = how
                .map(|(_, anchor)| format!("{comma}{}", words::how(anchor.how, language)))
                .unwrap_or_default();
            let utc = utc.to_string().replace('T', " ").replace('Z', " UTC");
            utc + &words.bracketed(&format!("{} {logged}{comma}UTC{zone}{how}", words.local))
        }
        (None, Some(logged)) => logged.to_string() + &words.bracketed(words.utc_unknown),
        _ => words.no_time.to_owned(),
    }
}

/// Last-error values beside the evidence that the noise rules excuse.
fn stale_codes(scan: &Scan, finding: &Finding) -> BTreeSet<Code> {
    let mut stale = BTreeSet::new();
    let mut spellings = Vec::new();
    for evidence in &finding.evidence {
        let Some(event) = scan.events.get(&evidence.id) else {
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

/// Seconds that the only log covers; nothing where there are several or it is long.
fn span(scan: &Scan) -> Option<i64> {
    let mut logs = scan.inputs.iter().filter(|input| input.source.is_some());
    let (Some(only), None) = (logs.next(), logs.next()) else {
        return None;
    };
    let (LoggedAt(first), LoggedAt(last)) = (only.first?, only.last?);
    const LONG_S: i64 = 30 * 86_400;
    ((last - first) < LONG_S).then_some((last - first).max(1))
}

/// The other forms of a code: as CSI logs it, and what Windows Update shows.
fn equivalents(code: Code) -> Vec<String> {
    if code.space() != windows_error_codes::Space::Ntstatus {
        return Vec::new();
    }
    let mut forms = vec![upper(code)];
    forms.push(format!("0x{:08X}", code.value() | 0x1000_0000));
    let win32 = code.canonical();
    if win32 != code {
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
    let (before, after) = text.split_once(" originated in function ")?;
    let function = after.split(' ').next()?;
    let (place, _) = before.rsplit_once("): Error ")?;
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
    let keep = match text.split_once("on:[") {
        Some((before, _)) => before.chars().count(),
        None => count - MAX_LINE / 2,
    };
    let head: String = text.chars().take(MAX_LINE / 2).collect();
    let from = keep.max(MAX_LINE / 2);
    let tail: String = text.chars().skip(from).take(MAX_LINE / 2).collect();
    let end = if from + MAX_LINE / 2 < count {
        " …"
    } else {
        ""
    };
    format!("{head} … {tail}{end}")
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn a_long_line_keeps_its_start_and_its_object_whatever_its_letters() {
        let long = format!("{}on:[8]'C:\\x'{}", "失".repeat(500), "败".repeat(500));
        let short = shortened(&long);
        assert!(short.starts_with("失失") && short.contains("… on:[8]'C:\\x'败"));
        assert_eq!(short.chars().count(), MAX_LINE + 5);
    }
}
