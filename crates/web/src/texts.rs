//! Words in both languages, and how codes are shown.

use classify::{Bilingual, Rule, Verdict};
use event::Code;
use serde::Serialize;
use utoipa::ToSchema;

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
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

/// What a verdict says, in the words of `scan`'s reports.
pub(crate) fn verdict(verdict: Verdict) -> Text {
    let (en, zh) = match verdict {
        Verdict::Failed => (
            "failed: nothing that came later ended it",
            "失败：之后没有成功",
        ),
        Verdict::Inconclusive => (
            "inconclusive: a record of a failure is left that nothing explains, or too few servicing records were read",
            "无法判断：有一条无法解释的故障记录，或读到的更新记录太少",
        ),
        Verdict::Restart => (
            "restart pending: nothing failed; what was installed waits for a restart",
            "等待重启：没有失败；已安装的内容等待重启",
        ),
        Verdict::Repaired => (
            "repaired: damaged files were found and repaired; no installation failed",
            "已修复：发现损坏的文件并已修复；没有失败的安装",
        ),
        Verdict::Healthy => (
            "healthy: no failed installation and no damage found",
            "正常：没有失败的安装，也没有发现损坏",
        ),
    };
    Text::new(en, zh)
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
