//! What a finding is called, and what to do about it: the words of its rule, or its code where no rule is known.

use crate::{Bilingual, Rule, Steps};
use event::Code;

/// The title of a finding, its object put in where it has one. Without a rule, the code is all there is to say.
pub fn title(rule: Option<&Rule>, object: &str, code: Option<Code>) -> Bilingual {
    match (rule, code) {
        (Some(rule), _) => Bilingual {
            en: naming(&rule.title.en, object),
            zh: naming(&rule.title.zh, object),
        },
        (None, Some(code)) => {
            let name = code.name().map(|name| format!(" {name}"));
            let name = name.unwrap_or_default();
            Bilingual {
                en: format!("Failed with {code}{name}"),
                zh: format!("失败，错误码 {code}{name}"),
            }
        }
        (None, None) => Bilingual {
            en: "Failed for an unknown cause".to_owned(),
            zh: "失败，原因未知".to_owned(),
        },
    }
}

/// What to do, step by step; nothing where no rule says it.
pub fn advice(rule: Option<&Rule>) -> Steps {
    rule.map_or_else(Steps::default, |rule| rule.advice.clone())
}

/// A title with the object it names, or without it.
///
/// The shipped titles name their object last, behind a colon or in brackets, so that they are sentences without it; in the midst of
/// another rule set's sentence a gap stands for it.
pub(crate) fn naming(title: &str, object: &str) -> String {
    const OBJECT: &str = "{object}";
    if !object.is_empty() {
        return title.replace(OBJECT, object);
    }
    [": {object}", "：{object}", " ({object})", "（{object}）"]
        .iter()
        .find_map(|tail| title.strip_suffix(tail))
        .map_or_else(|| title.replace(OBJECT, "…"), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Rules;

    #[test]
    fn a_title_names_its_object_and_no_braces() {
        let rules = Rules::shipped();
        let object = r"C:\Program Files\Made Up";
        let with = title(rules.get("fs_corrupt_path"), object, None);
        assert!(with.en.contains(object) && with.zh.contains(object));
        for rule in rules.iter() {
            for object in ["", "x"] {
                let title = title(Some(rule), object, Some(Code::new(0x8007_0002)));
                for text in [&title.en, &title.zh] {
                    assert!(!text.contains('{') && !text.is_empty(), "{}", rule.id);
                }
            }
            assert_eq!(advice(Some(rule)), rule.advice);
        }
    }

    #[test]
    fn without_a_rule_the_code_is_all_there_is_to_say() {
        let of = |code| title(None, "an object", code).en;
        assert_eq!(
            of(Some(Code::new(0x8007_0002))),
            "Failed with 0x80070002 ERROR_FILE_NOT_FOUND"
        );
        assert_eq!(of(Some(Code::new(0x8007_FFFF))), "Failed with 0x8007ffff");
        assert_eq!(of(None), "Failed for an unknown cause");
        assert_eq!(advice(None), Steps::default());
    }
}
