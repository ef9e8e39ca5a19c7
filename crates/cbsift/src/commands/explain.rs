//! `cbsift explain`: what a code or a log line means.

// Prints the text of strangers.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::string_slice,
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

use super::survived;
use crate::report::cells::{padded, wrap};
use crate::report::{self, Language, words};
use anyhow::Context;
use clap::Args;
use classify::{Layer, Rules};
use event::{Format, Source};
use std::fmt::Write;
use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;
use windows_error_codes::{self as catalogue, Code};

/// What does this code, name or log line mean?
#[derive(Args)]
pub(crate) struct Arguments {
    /// A code in any spelling (0x80070570, -2147010798, STATUS_FILE_CORRUPT_ERROR, 0xC1900101-0x20017), or a log line in quotes; `-` explains each line of standard input
    #[arg(required = true, value_name = "CODE|LINE", allow_hyphen_values = true)]
    text: Vec<String>,
    /// Language [default: that of the locale]
    #[arg(long, value_enum)]
    lang: Option<Language>,
}

pub(crate) fn run(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let language = super::language(arguments.lang);
    let text = arguments.text.join(" ");
    if text == "-" {
        return explain_input(Rules::shipped(), language);
    }
    let answer = survived(|| fitted(explain(Rules::shipped(), &text, language)));
    super::print(&answer.context(DEFECT)?)?;
    Ok(ExitCode::SUCCESS)
}

const DEFECT: &str = "cannot explain this text: this build fails on it\nhint: keep the text, for the defect is in this build";

/// As much of a line of standard input as is explained: as much as a record may have.
const MAX_LINE_BYTES: u64 = 256 * 1024;

/// Each line of standard input: `> ` and the line, then its explanation.
fn explain_input(rules: &Rules, language: Language) -> anyhow::Result<ExitCode> {
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    let mut failed = 0_u64;
    loop {
        line.clear();
        let read = (&mut input)
            .take(MAX_LINE_BYTES)
            .read_until(b'\n', &mut line)
            .context("read standard input")?;
        if read == 0 {
            return Ok(ExitCode::from(u8::from(failed > 0)));
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if !text.is_empty() {
            let answer = survived(|| fitted(explain(rules, text, language))).unwrap_or_else(|| {
                failed += 1;
                format!("{DEFECT}\n")
            });
            let answer = format!("> {}\n{answer}\n", harmless::line(text));
            if super::print(&answer)? == super::Reader::Left {
                return Ok(ExitCode::from(u8::from(failed > 0)));
            }
        }
    }
}

/// On a terminal, lines as wide as it is; elsewhere whole ones, for `grep` and its like.
fn fitted(answer: String) -> String {
    if std::io::stdout().is_terminal() {
        folded(&answer, super::style().width)
    } else {
        answer
    }
}

/// Where values begin: behind two blanks, a label and a blank.
const VALUE: usize = LABEL + 3;

/// Cells of the longest label.
const LABEL: usize = 12;

fn folded(answer: &str, width: usize) -> String {
    let mut out = String::new();
    for line in answer.lines() {
        let text = line.trim_start();
        let lead = line.len() - text.len();
        // A field goes on where its value began.
        let hang = if lead == 0 { 4 } else { VALUE };
        let pieces = wrap(text, width.saturating_sub(hang).max(20));
        for (number, piece) in pieces.iter().enumerate() {
            let indent = if number == 0 { lead } else { hang };
            let _ = writeln!(out, "{}{piece}", " ".repeat(indent));
        }
    }
    out
}

fn explain(rules: &Rules, text: &str, language: Language) -> String {
    let mut out = String::new();
    let text = text.trim();
    let readings = catalogue::decode(text);
    let failures: Vec<_> = readings.iter().collect();
    if !failures.is_empty() {
        for reading in failures {
            code(&mut out, rules, reading.code, language);
            if let Some(extend) = &reading.extend {
                out.push_str(&setup_step(*extend, language));
            }
        }
        return out;
    }
    line(&mut out, rules, text, language);
    out
}

/// When Windows Setup failed and what it was doing, in words and with Microsoft's own labels.
fn setup_step(extend: catalogue::Extend, language: Language) -> String {
    let (english, chinese) = extend.phase_text();
    let phase = say(language, english, chinese);
    let label = padded(say(language, "Failed", "失败阶段"), LABEL);
    let mut out = format!("  {label} {phase} [{}]\n", extend.phase());
    if let (Some((english, chinese)), Some(name)) = (extend.operation_text(), extend.operation()) {
        let label = padded(say(language, "While", "操作"), LABEL);
        let operation = say(language, english, chinese);
        let _ = writeln!(out, "  {label} {operation} [{name}]");
    }
    out
}

/// One code: names, meaning, equivalents, and the rule for an attempt that ends with it.
fn code(out: &mut String, rules: &Rules, code: Code, language: Language) {
    // The name of what it wraps comes first: people use it.
    let first = code.name();
    let others = code.names().filter(|name| Some(*name) != first);
    let names: Vec<&str> = first.into_iter().chain(others).collect();
    let _ = writeln!(
        out,
        "{code}  {}  {}",
        code.space().name(),
        if names.is_empty() {
            say(language, "no name known", "名称未知").to_owned()
        } else {
            names.join(", ")
        }
    );
    let mut field = |label_en: &str, label_zh: &str, value: &str| {
        let label = say(language, label_en, label_zh);
        let _ = writeln!(out, "  {} {value}", padded(label, LABEL));
    };
    if !code.is_failure() {
        field(
            "No failure",
            "不是错误",
            say(
                language,
                "a success or status value, no failure code",
                "成功或状态值，不是错误代码",
            ),
        );
    }
    if let Some((english, chinese)) = code.meaning() {
        field("Meaning", "含义", say(language, english, chinese));
    }
    if let Some(facility) = code.facility() {
        let name = facility.name.map_or_else(
            || facility.number.to_string(),
            |name| format!("{name} ({})", facility.number),
        );
        field("Facility", "来源模块", &name);
    }
    let equivalents: Vec<String> = code
        .equivalents()
        .map(|other| match other.names().next() {
            Some(name) => format!("{other} {} {name}", other.space().name()),
            None => format!("{other} {}", other.space().name()),
        })
        .collect();
    for (number, other) in equivalents.iter().enumerate() {
        field(
            if number == 0 { "Same as" } else { "" },
            if number == 0 { "等同于" } else { "" },
            other,
        );
    }
    if let Some(rule) = rules.for_terminal(code).filter(|_| code.is_failure()) {
        let title = report::of(classify::title(Some(rule), "", None), language);
        let steps = match language {
            Language::English => &rule.advice.en,
            Language::Chinese => &rule.advice.zh,
        };
        field("As the end", "作为结果", &format!("{title} [{}]", rule.id));
        for (number, step) in steps.iter().enumerate() {
            let label = if number == 0 {
                ("What to do", "建议处理")
            } else {
                ("", "")
            };
            field(label.0, label.1, &format!("{}  {step}", number + 1));
        }
    }
    out.push('\n');
}

/// A log line: its codes, and which rules it matches.
fn line(out: &mut String, rules: &Rules, text: &str, language: Language) {
    // An event of an event log in whatever shape is looked at in the canonical one.
    let event = parse::event_json::normalise(text);
    let text = event.as_deref().unwrap_or(text);
    let found = parse::detect("line.log", text.as_bytes());
    // Logs with heads of their own are told by them. The servicing logs share one head, so a line of it may be from any of them.
    let (format, sources) = match (found.format, found.source) {
        (format @ (Format::Wds | Format::WdsHeadless), Some(source))
            if source != Source::WindowsUpdate =>
        {
            (format, None)
        }
        (format, Some(source)) if format.is_pasted() && source != Source::WindowsUpdate => {
            (format, None)
        }
        (format, Some(source)) => (format, Some(source)),
        (_, None) => (Format::WdsHeadless, None),
    };
    if let Some(source) = sources {
        let name = words::source(source, language);
        let _ = writeln!(out, "{}  {name}", say(language, "Log", "日志"));
    }
    let mut spellings = Vec::new();
    classify::codes_in(text, &mut spellings);
    let sources = sources.map_or_else(
        || vec![Source::Cbs, Source::Dism, Source::Setup],
        |source| vec![source],
    );
    let mut matching: Vec<(&str, Layer, bool)> = sources
        .into_iter()
        .flat_map(|source| classify::rules_matching(rules, source, format, text))
        .collect();
    matching.sort_unstable();
    matching.dedup();
    if spellings.is_empty() && matching.is_empty() {
        let _ = writeln!(
            out,
            "{}",
            say(
                language,
                "No failure code, and no rule knows this text.",
                "没有错误代码，也没有规则识别该文本。"
            )
        );
        return;
    }
    for (id, layer, is_noise) in matching {
        let Some(rule) = rules.get(id) else { continue };
        let title = report::of(classify::title(Some(rule), "", None), language);
        let kind = if is_noise {
            say(language, "harmless", "无害").to_owned()
        } else {
            said_by(layer, language).to_owned()
        };
        let _ = writeln!(
            out,
            "{}  {title} [{id}, {kind}]",
            say(language, "Rule", "规则")
        );
    }
    spellings.sort_unstable_by_key(|spelling| spelling.at);
    let mut seen = Vec::new();
    for spelling in spellings {
        if seen.contains(&spelling.code) {
            continue;
        }
        seen.push(spelling.code);
        let spelled = text.get(spelling.at..spelling.end).unwrap_or_default();
        let _ = writeln!(out, "\n{}", harmless::line(spelled));
        code(out, rules, spelling.code, language);
    }
}

/// Who says what a rule matches.
fn said_by(layer: Layer, language: Language) -> &'static str {
    match layer {
        Layer::Agent => say(language, "agent", "更新代理"),
        Layer::Servicing => say(language, "servicing", "服务堆栈"),
        Layer::Installer => say(language, "installer", "安装程序"),
        Layer::Origin => say(language, "origin", "起因"),
    }
}

fn say<'a>(language: Language, english: &'a str, chinese: &'a str) -> &'a str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn any_text_is_explained(text in generator::text(Vec::new())) {
            for language in [Language::English, Language::Chinese] {
                prop_assert!(!explain(Rules::shipped(), &text, language).is_empty());
            }
        }
    }

    #[test]
    fn fields_are_folded_below_their_values() {
        let answer = "0x80070570  hresult  ERROR_FILE_CORRUPT\n  What to do   1  one two three four five\n\n";
        assert_eq!(
            folded(answer, 37),
            "0x80070570  hresult\n    ERROR_FILE_CORRUPT\n  What to do   1  one\n               two three four five\n\n"
        );
        for line in folded(
            &explain(Rules::shipped(), "0x80070570", Language::Chinese),
            60,
        )
        .lines()
        {
            assert!(crate::report::cells::cells(line) <= 60, "{line}");
        }
    }

    #[test]
    fn a_compound_setup_code_is_explained_as_phase_and_operation() {
        for text in ["0xC1900101-0x20017", "0xC1900101 - 0x20017"] {
            let english = explain(Rules::shipped(), text, Language::English);
            assert!(
                english.contains("SafeOS") && english.contains("booting"),
                "{english}"
            );
            let chinese = explain(Rules::shipped(), text, Language::Chinese);
            assert!(
                chinese.contains("恢复环境") && chinese.contains("BOOT"),
                "{chinese}"
            );
        }
    }

    #[test]
    fn a_title_that_wants_an_object_has_no_hole_without_one() {
        for text in [
            "0x80070570",
            "0x80070005",
            "0x800f0984",
            "0x800f0831",
            "0x80070020",
        ] {
            let english = explain(Rules::shipped(), text, Language::English);
            let mut lines = english.lines();
            let title = lines.find(|line| line.contains("As the end")).unwrap();
            assert!(!title.contains("the object"), "{title}");
            assert!(
                !title.contains(['{', '…']) && !title.contains(": ["),
                "{title}"
            );
        }
    }

    #[test]
    fn what_fails_on_a_text_is_survived() {
        assert_eq!(survived::<String>(|| panic!("as if a text did it")), None);
    }

    #[test]
    fn letters_of_any_size_before_a_code_are_explained() {
        for text in [
            "错误：0x80070002",
            "é 0x80070002",
            "2024-05-01 08:00:00, Info                  CBS    失败：0x800f0922",
            "ошибка 0xC0000102",
        ] {
            for language in [Language::English, Language::Chinese] {
                let answer = explain(Rules::shipped(), text, language);
                assert!(answer.contains("0x"), "{text}: {answer}");
            }
        }
    }
}
