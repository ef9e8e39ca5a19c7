//! The shipped rules hold what they promise: each rule's own examples.

use classify::{Rules, rules_matching};
use event::{Format, Source};

/// Lines with a stamp are taken as they stand, in the format they show, others as people paste them.
fn matching<'a>(rules: &'a Rules, line: &str) -> Vec<&'a str> {
    let detection = parse::detect("line", line.as_bytes());
    let (format, sources) = match detection.source {
        Some(source) if !matches!(detection.format, Format::Wds | Format::WdsHeadless) => {
            (detection.format, vec![source])
        }
        _ => {
            let format = if line.starts_with("20") {
                Format::Wds
            } else {
                Format::WdsHeadless
            };
            let mut texts = Source::ALL.to_vec();
            texts.retain(|source| *source != Source::EventLog);
            (format, texts)
        }
    };
    sources
        .into_iter()
        .flat_map(|source| rules_matching(rules, source, format, line))
        .map(|(id, ..)| id)
        .collect()
}

#[test]
fn every_rule_matches_its_own_examples_and_no_counter_example() {
    let rules = Rules::shipped();
    let mut faults = Vec::new();
    for rule in rules.iter() {
        for line in &rule.tests.matching {
            if !matching(rules, line).contains(&rule.id.as_str()) {
                faults.push(format!("{} does not match: {line}", rule.id));
            }
        }
        for line in &rule.tests.not_matching {
            if matching(rules, line).contains(&rule.id.as_str()) {
                faults.push(format!("{} matches: {line}", rule.id));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn no_title_asks_for_an_object_that_its_rule_never_captures() {
    for rule in Rules::shipped().iter() {
        assert!(!rule.title.en.is_empty() && !rule.title.zh.is_empty());
        assert_eq!(
            rule.title.en.contains("{object}"),
            rule.title.zh.contains("{object}"),
            "{}",
            rule.id
        );
    }
}

/// Words that say what only a record can show: an object's state, or what answered and what did not.
const ONLY_A_RECORD_SHOWS: [&str; 14] = [
    "cannot be reached",
    "could not be reached",
    "altered",
    "tampered",
    "exists and",
    "is missing:",
    "that was given",
    "own database",
    "the log does not say",
    "无法连接更新服务",
    "被篡改",
    "存在但",
    "指定的",
    "日志未说明",
];

/// Codes whose very name says "corrupt" or "damaged"; no other code alone proves damage.
const SAYS_DAMAGE: [&str; 12] = [
    "0x80070570",
    "0x80070571",
    "0x80070017",
    "0x8007045d",
    "0x80073712",
    "0x800f0832",
    "0x800f0831",
    "0x80071160",
    "0x8007115e",
    "0x8007115f",
    "0x800703f1",
    "0xc0000102",
];

/// The codes that some rule answers for when nothing else is known.
fn answered(rules: &Rules) -> Vec<(event::Code, &classify::Rule)> {
    let codes: std::collections::BTreeSet<_> = rules
        .iter()
        .flat_map(|rule| rule.terminal.iter().copied())
        .collect();
    codes
        .into_iter()
        .map(|code| (code, rules.for_terminal(code).expect("listed by a rule")))
        .collect()
}

#[test]
fn a_code_alone_is_answered_with_no_more_than_it_proves() {
    let mut faults = Vec::new();
    for (code, rule) in answered(Rules::shipped()) {
        let title = classify::title(Some(rule), "", None);
        let titles = [title.en, title.zh];
        for title in &titles {
            for word in ONLY_A_RECORD_SHOWS {
                if title.contains(word) {
                    faults.push(format!("{code} {}: `{title}` says `{word}`", rule.id));
                }
            }
            let says_damage = ["damage", "corrupt", "损坏"]
                .iter()
                .any(|word| title.to_lowercase().contains(word));
            if says_damage && !SAYS_DAMAGE.contains(&code.to_string().to_lowercase().as_str()) {
                faults.push(format!("{code} {}: `{title}` speaks of damage", rule.id));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// HTTP states and SOAP faults mean that somebody answered; a policy, a package file or a check of a file is no connection at all.
#[test]
fn what_answered_or_was_forbidden_is_never_said_to_be_out_of_reach() {
    for (text, category) in [
        ("0x80244007", "wsus_server_error"),
        ("0x80244010", "wsus_server_error"),
        ("0x80244019", "wsus_server_error"),
        ("0x8024401c", "wsus_server_error"),
        ("0x80244023", "wsus_server_error"),
        ("0x80240439", "wsus_server_error"),
        ("0x8024402f", "wsus_server_error"),
        ("0x80190194", "wsus_server_error"),
        ("0x80244017", "network"),
        ("0x80190193", "network"),
        ("0x80d05001", "network"),
        ("0x80d05011", "network"),
        ("0x80200053", "network"),
        ("0x800706d9", "network"),
        ("0x800f0805", "package_invalid"),
        ("0x800f0907", "fod_content_not_found"),
        ("0x800f0908", "fod_content_not_found"),
        ("0x800f0910", "fod_content_not_found"),
        ("0x800f0906", "fod_content_not_found"),
        ("0x80096010", "catalog_corrupt"),
        ("0x800f0991", "package_invalid"),
        ("0x800f081f", "repair_source_missing"),
    ] {
        let value = u32::from_str_radix(text.trim_start_matches("0x"), 16).unwrap();
        let rule = Rules::shipped()
            .for_terminal(event::Code::new(value))
            .unwrap_or_else(|| panic!("no rule for {text}"));
        assert_eq!(rule.category, category, "{text} {}", rule.id);
        for word in ["connect", "reach", "连接", "访问更新"] {
            assert!(
                !rule.title.en.contains(word) && !rule.title.zh.contains(word),
                "{text}"
            );
        }
    }
}

#[test]
fn the_codes_that_people_ask_for_most_have_advice() {
    for value in [
        0x8007_0643_u32,
        0x8024_0034,
        0x80D0_2002,
        0x80D0_3805,
        0x80D0_5001,
        0x8024_0069,
        0x8024_500C,
        0x800F_0838,
        0x800F_0992,
        0x800F_0993,
        0xC190_0200,
        0xC190_0202,
        0xC190_0204,
        0xC190_0208,
        0xC190_020E,
        0xC180_0118,
        0x8050_8001,
        0x8050_8007,
        0x8007_1160,
        0x8007_025D,
        0xC004_F050,
        0x8007_0002,
        0x8007_0003,
        0x8007_0005,
        0x8007_000D,
        0x8007_0020,
        0x8007_0070,
        0x8007_0422,
        0x8007_0490,
        0x8007_0570,
        0x8000_4005,
        0x8000_FFFF,
        0x8007_2EE2,
        0x8007_2EE7,
        0x8007_2EFD,
        0x8007_2F8F,
        0x8024_2016,
        0x8024_200B,
        0x8024_200D,
        0x8024_0016,
        0x8024_001E,
    ] {
        let rule = Rules::shipped().for_terminal(event::Code::new(value));
        assert!(
            rule.is_some_and(|rule| rule.advice.en.len() > 1),
            "{value:#x}"
        );
    }
}

#[test]
fn every_title_is_a_sentence_with_and_without_its_object() {
    for rule in Rules::shipped().iter() {
        let of = |object| classify::title(Some(rule), object, None);
        let (with, without) = (of("X-OBJECT"), of(""));
        for (title, with, without) in [
            (&rule.title.en, with.en, without.en),
            (&rule.title.zh, with.zh, without.zh),
        ] {
            assert_eq!(
                with.contains("X-OBJECT"),
                title.contains("{object}"),
                "{title}"
            );
            assert!(
                !without.contains(['{', '…']) && !without.is_empty(),
                "{title}"
            );
            assert!(!without.ends_with([':', '：', '(', '（', ' ']), "{title}");
        }
        for step in rule.advice.en.iter().chain(&rule.advice.zh) {
            assert!(!step.contains("{object}"), "{}: {step}", rule.id);
        }
    }
}

/// A machine asks the source that policy names; advice that names a host of the Internet sends people to the wrong place.
#[test]
fn advice_names_no_fixed_host_as_the_update_source() {
    for rule in Rules::shipped().iter() {
        for step in rule.advice.en.iter().chain(&rule.advice.zh) {
            for host in [
                "delivery.mp.microsoft.com",
                "windowsupdate.com",
                "update.microsoft.com",
            ] {
                assert!(!step.contains(host), "{}: {step}", rule.id);
            }
        }
    }
}
