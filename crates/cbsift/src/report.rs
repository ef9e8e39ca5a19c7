//! What a scan found, for machines and for people.

// Text of strangers: a slice that ends within a letter would end the report.
#![deny(clippy::string_slice, clippy::indexing_slicing)]
#![cfg_attr(
    test,
    allow(
        clippy::indexing_slicing,
        reason = "a test that panics has failed, as it should"
    )
)]

mod bearings;
pub(crate) mod cells;
mod facts;
mod gaps;
mod html;
mod inputs;
mod json;
mod machines;
mod markdown;
pub(crate) mod narrow;
mod skipped;
mod text;
mod view;
pub(crate) mod words;

pub(crate) use html::html;
pub(crate) use json::json;
pub(crate) use markdown::markdown;
pub(crate) use text::{Style, text};
pub(crate) use view::view;
pub(crate) use words::{Language, counted};

use crate::scan::Scan;
use classify::{Bilingual, Rules};
use event::{Code, Finding};

#[cfg(test)]
mod tests;
#[cfg(test)]
mod wording;

/// Whether a finding only says that a record of a failure is left which nothing explains: worth knowing by itself, and no health.
fn is_unexplained(finding: &Finding) -> bool {
    finding.rule == "unexplained_record"
}

/// What a finding is called.
pub(crate) fn title(rules: &Rules, finding: &Finding, language: Language) -> String {
    let rule = rules.get(&finding.rule);
    of(
        classify::title(rule, &finding.object, finding.code()),
        language,
    )
}

/// What to do: first what the facts about this machine say, then what holds on any.
pub(crate) fn advice(
    rules: &Rules,
    scan: &Scan,
    finding: &Finding,
    language: Language,
) -> Vec<String> {
    let facts = scan.facts_of(finding.id);
    let mut steps = facts.map_or_else(Vec::new, |facts| bearings::steps(finding, facts, language));
    let of_rule = classify::advice(rules.get(&finding.rule));
    steps.extend(match language {
        Language::English => of_rule.en,
        Language::Chinese => of_rule.zh,
    });
    steps
}

/// A text in one of its languages.
pub(crate) fn of(text: Bilingual, language: Language) -> String {
    match language {
        Language::English => text.en,
        Language::Chinese => text.zh,
    }
}

/// `STATUS_FILE_CORRUPT_ERROR (0xC0000102)`, or the number alone.
pub(crate) fn named(code: Code) -> String {
    match code.name() {
        Some(name) => format!("{name} ({})", upper(code)),
        None => upper(code),
    }
}

/// `0xC0000102`, as people write it.
pub(crate) fn upper(code: Code) -> String {
    format!("0x{:08X}", code.value())
}
