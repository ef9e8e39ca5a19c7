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
            (format, vec![Source::Cbs, Source::Dism, Source::Setup])
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
