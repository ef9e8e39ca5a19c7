//! What the reasons for a confidence say to people; `derive` gives only their keys.

use crate::Bilingual;

/// Key, English, Chinese. Half sentences in lower case, as reports join them.
const REASONS: [(&str, &str, &str); 15] = [
    (
        "known_signature",
        "the record bears a known signature",
        "记录符合已知特征",
    ),
    (
        "origin_of_chain",
        "it is the origin of its chain",
        "它是错误链的起点",
    ),
    (
        "chain_seen",
        "the records that pass it on are there too",
        "后续传递该错误的记录也在",
    ),
    ("object_named", "it names the object", "它指明了对象"),
    (
        "path_length_matches",
        "the path's length equals the log's own count",
        "路径长度与日志自带的计数一致",
    ),
    (
        "missing_would_be_tolerated",
        "a missing object would have been tolerated (AllowFileNotFound), so it exists and is damaged",
        "调用允许对象不存在（AllowFileNotFound），因此对象存在但已损坏",
    ),
    (
        "same_as_terminal",
        "it says the same as the code the attempt ended with",
        "与该次尝试的最终代码含义相同",
    ),
    (
        "only_a_wrapper",
        "only a wrapper code was seen, its inner failure was not (lowers the confidence)",
        "只见到外层代码，未见到内层故障（降低可信度）",
    ),
    (
        crate::derive::support::DISK_NEAR,
        "event logs tell of disk or file system errors within a day of it",
        "事件日志在其前后一天内有磁盘或文件系统错误",
    ),
    (
        crate::derive::support::POWER_NEAR,
        "event logs tell of lost power within a day of it",
        "事件日志在其前后一天内有意外断电或重启",
    ),
    (
        "no_time",
        "the text carries no time stamps, so order and context are unsure (lowers the confidence)",
        "文本没有时间戳，先后与上下文不确定（降低可信度）",
    ),
    (
        crate::derive::INSTALLED_LATER,
        "the same update was installed later, so it is over",
        "同一更新之后已成功安装，问题已过去",
    ),
    (
        crate::derive::INSTALLED_BEFORE,
        "it comes again within days, and the one before it was installed",
        "该更新几天内会再次推送，且上一次已安装成功",
    ),
    (
        "read_as_pasted",
        "the text was copied about: blanks, line ends or letters are not the log's own (lowers the confidence)",
        "文本经过复制粘贴：空格、换行或字符已非日志原样（降低可信度）",
    ),
    (
        crate::derive::DETECTED_LATER,
        "the same service answered later, so it is over",
        "同一服务之后已正常应答，问题已过去",
    ),
];

/// The words of a finding's reason. A key that this build does not know, as a newer one may have stored it, is shown as it stands.
pub fn reason_text(key: &str) -> Bilingual {
    match REASONS.iter().find(|(known, ..)| *known == key) {
        Some((_, en, zh)) => Bilingual {
            en: (*en).to_owned(),
            zh: (*zh).to_owned(),
        },
        None => Bilingual {
            en: key.replace('_', " "),
            zh: key.replace('_', " "),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_that_a_cause_can_have_has_words() {
        let source = include_str!("derive/causes.rs");
        let (_, weighing) = source
            .split_once("let mut weigh")
            .expect("causes are weighed there");
        let weighing = weighing.split("#[cfg(test)]").next().unwrap_or_default();
        let support = [
            crate::derive::support::DISK_NEAR,
            crate::derive::support::POWER_NEAR,
        ];
        let keys: Vec<&str> = weighing
            .split('"')
            .skip(1)
            .step_by(2)
            .filter(|text| text.contains('_'))
            .chain([
                crate::derive::DETECTED_LATER,
                crate::derive::INSTALLED_BEFORE,
                crate::derive::INSTALLED_LATER,
            ])
            .chain(support)
            .collect();
        assert!(keys.len() > REASONS.len() / 2, "{keys:?}");
        for (key, ..) in REASONS {
            assert!(keys.contains(&key), "nothing gives `{key}`");
        }
        let known = |text: &str| REASONS.iter().any(|(key, ..)| *key == text);
        let fields = ["object_length"];
        for key in keys {
            assert!(known(key) || fields.contains(&key), "no words for `{key}`");
        }
    }

    #[test]
    fn an_unknown_reason_is_shown_as_it_stands() {
        assert_eq!(reason_text("some_new_reason").zh, "some new reason");
        assert!(reason_text("no_time").en.contains("time stamps"));
    }
}
