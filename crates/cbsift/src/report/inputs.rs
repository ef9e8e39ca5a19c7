//! What a report says of each file that was handed over.

use super::json::offset;
use super::words::{self, Language, Words};
use super::{facts as machine_facts, skipped};
use crate::scan::Input;
use event::Source;
use std::fmt::Write;

pub(crate) struct InputView {
    /// Its path below what was handed over.
    pub(crate) name: String,
    pub(crate) is_read: bool,
    /// Kind, encoding, records, times; or why it was not read.
    pub(crate) facts: String,
}

pub(super) fn input(input: &Input, words: &Words, language: Language) -> InputView {
    InputView {
        name: input.shown.clone(),
        is_read: input.source.is_some() || input.facts.is_some(),
        facts: match (input.source, &input.facts) {
            (Some(source), None) => facts(input, source, words, language),
            (Some(source), Some(told)) => {
                let log = facts(input, source, words, language);
                log + words.semicolon + &machine_facts::input(told, words, language)
            }
            (None, Some(told)) => {
                let mut line = machine_facts::input(told, words, language);
                if let Some(problem) = &input.problem {
                    let _ = write!(line, " — {}", skipped::problem(problem, language));
                }
                line
            }
            (None, None) => match &input.problem {
                Some(problem) => skipped::problem(problem, language),
                None => skipped::reason(&input.reason, language),
            },
        },
    }
}

fn facts(input: &Input, source: Source, words: &Words, language: Language) -> String {
    let comma = words.comma;
    let mut line = format!(
        "{}{comma}{}{comma}{}",
        words::source(source, language),
        input.encoding.name().to_uppercase(),
        (words.records)(input.records, input.lines)
    );
    if let (Some(first), Some(last)) = (input.first, input.last) {
        let _ = write!(line, "{comma}{first}");
        if last != first {
            let _ = write!(line, " – {last}");
        }
    }
    let offsets: Vec<String> = input
        .utc_changes
        .iter()
        .map(|(_, anchor)| {
            let how = words::how(anchor.how, language);
            format!("UTC{}{comma}{how}", offset(anchor.minutes))
        })
        .collect();
    if !offsets.is_empty() {
        line += &words.bracketed(&offsets.join(" → "));
    }
    if let Some(read_as) = input
        .format
        .and_then(|format| words::read_as(format, language))
    {
        line += words.semicolon;
        line += &read_as;
    }
    if let Some(problem) = &input.problem {
        let _ = write!(line, " — {}", skipped::problem(problem, language));
    }
    if input.half_read > 0 {
        let _ = write!(line, " — {}", (words.half_read)(input.half_read));
    }
    for one in &input.unexamined {
        let _ = write!(line, " — {}", (words.unexamined)(one.length, one.offset));
    }
    line
}
