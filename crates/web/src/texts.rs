//! Words in both languages, and how codes are shown.

use classify::{Bilingual, Rule};
use event::Code;
use serde::Serialize;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Text {
    pub(crate) en: String,
    pub(crate) zh: String,
}

impl Text {
    fn new(en: impl Into<String>, zh: impl Into<String>) -> Self {
        Self {
            en: en.into(),
            zh: zh.into(),
        }
    }
}

impl From<Bilingual> for Text {
    fn from(Bilingual { en, zh }: Bilingual) -> Self {
        Self { en, zh }
    }
}

/// What to do, a step a line.
pub(crate) fn advice(rule: Option<&Rule>) -> Text {
    let steps = classify::advice(rule);
    Text::new(steps.en.join("\n"), steps.zh.join("\n"))
}

/// Why a cause has its confidence: the keys that `classify` gives, in words. The page lists them, so each begins like a sentence.
pub(crate) fn reason(key: &str) -> Text {
    let text = classify::reason_text(key);
    let mut characters = text.en.chars();
    let first = characters.next().map(|c| c.to_ascii_uppercase());
    let en: String = first.into_iter().chain(characters).collect();
    Text::new(en, text.zh)
}

pub(crate) fn meaning(code: Code) -> Option<Text> {
    code.meaning().map(|(en, zh)| Text::new(en, zh))
}

/// The Windows build is the start of the servicing stack's version: `10.0.19041` of `10.0.19041.1852`.
pub(crate) fn build(servicing_stack: &str) -> String {
    servicing_stack
        .splitn(4, '.')
        .take(3)
        .collect::<Vec<_>>()
        .join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_the_start_of_the_servicing_stack() {
        assert_eq!(build("10.0.19041.1852"), "10.0.19041");
        assert_eq!(build(""), "");
    }
}
