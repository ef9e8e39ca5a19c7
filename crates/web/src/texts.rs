//! Words in both languages, and how codes are shown.

use crate::rule_texts::RuleTexts;
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

/// What a rule calls its findings, with the object put in its place.
///
/// Without a rule, the code is all there is to say.
pub(crate) fn title(rules: &RuleTexts, rule: &str, object: &str, code: Option<Code>) -> Text {
    if object.is_empty() || rules.get(rule).is_none() {
        return kind(rules, rule, code);
    }
    rules.get(rule).map_or_else(Text::default, |rule| {
        Text::new(
            classify::naming(&rule.title.en, object),
            classify::naming(&rule.title.zh, object),
        )
    })
}

/// The same without an object, for lists that show it elsewhere or sum over several.
pub(crate) fn kind(rules: &RuleTexts, rule: &str, code: Option<Code>) -> Text {
    if let Some(rule) = rules.get(rule) {
        return Text::new(
            classify::naming(&rule.title.en, ""),
            classify::naming(&rule.title.zh, ""),
        );
    }
    match code {
        Some(code) => {
            let name = code
                .name()
                .map(|name| format!(" {name}"))
                .unwrap_or_default();
            Text::new(
                format!("Failed with {code}{name}"),
                format!("失败，错误码 {code}{name}"),
            )
        }
        None => Text::new("Failed for an unknown cause", "失败，原因未知"),
    }
}

/// What to do, a step a line.
pub(crate) fn advice(rules: &RuleTexts, rule: &str) -> Text {
    rules.get(rule).map_or_else(Text::default, |rule| {
        Text::new(rule.advice.en.join("\n"), rule.advice.zh.join("\n"))
    })
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
    use classify::Rules;

    #[test]
    fn a_title_names_its_object_and_no_braces() {
        let rules = &RuleTexts::new(Rules::shipped());
        let with = title(rules, "fs_corrupt_path", r"C:\Program Files\Made Up", None);
        assert!(
            with.en.contains(r"C:\Program Files\Made Up")
                && with.zh.contains(r"C:\Program Files\Made Up")
        );
        for rule in Rules::shipped().iter() {
            for text in [
                title(rules, &rule.id, "", None),
                title(rules, &rule.id, "x", None),
            ] {
                assert!(
                    !text.en.contains('{')
                        && !text.zh.contains('{')
                        && !text.en.is_empty()
                        && !text.zh.is_empty(),
                    "{}",
                    rule.id
                );
            }
        }
    }

    #[test]
    fn without_a_rule_the_code_is_the_title() {
        let text = title(
            &RuleTexts::new(Rules::shipped()),
            "",
            "",
            Some(Code::new(0x8007_0570)),
        );
        assert!(
            text.en.starts_with("Failed with 0x80070570 "),
            "{}",
            text.en
        );
    }

    #[test]
    fn the_build_is_the_start_of_the_servicing_stack() {
        assert_eq!(build("10.0.19041.1852"), "10.0.19041");
        assert_eq!(build(""), "");
    }
}
