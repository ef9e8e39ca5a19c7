//! Files to rules.

use super::*;

const GOOD: &str = "
- name: a_rule
  title: { en: '{kb} fails on {value}', zh: '{kb} {value}' }
  about: { en: made up, zh: 虚构 }
  text: { en: '{share} of {of}', zh: '{share}' }
  severity: warning
  count: failing
  group_by: [kb]
  threshold: { at_least: 3, share: 0.5 }
  tests:
    - case: made up
      steps:
        - { at: 0s, of: 4, values: { KB1: 1, KB2: 3 }, firing: [KB2] }
";

/// Each change of a good text has a fault that says so.
fn refuses(good: &str, changes: &[(&str, &str, &str)]) {
    for (from, to, said) in changes {
        let text = good.replace(from, to);
        assert_ne!(text, good);
        let faults = faults(&text);
        assert!(
            faults.iter().any(|fault| fault.contains(said)),
            "{said}: {faults:#?}"
        );
    }
}

fn faults(text: &str) -> Vec<String> {
    let loaded = load(&[("x.yaml".to_owned(), text.to_owned())]);
    let faults = loaded.expect_err("refused");
    faults.iter().map(Fault::to_string).collect()
}

#[test]
fn a_good_rule_loads() {
    let rules = load(&[("x.yaml".to_owned(), GOOD.to_owned())]).unwrap();
    assert_eq!(rules[0].threshold.of(Some(100.0)), 50.0);
}

#[test]
fn all_faults_are_said_at_once_with_file_and_line() {
    let second = GOOD.trim_start_matches('\n');
    let bad = GOOD
        .replace("severity: warning", "severity: loud")
        .replace("'{kb} fails on {value}'", "'{host} fails'")
        .replace("a_rule", "Bad Rule")
        + second
        + &second.replace("share: 0.5", "share: 5").replace(
            "- { at: 0s, of: 4, values: { KB1: 1, KB2: 3 }, firing: [KB2] }",
            "- { at: soon, firing: [] }",
        )
        + &second
            .replace("severity: warning", "colour: red")
            .replace("a_rule", "fourth");
    let faults = faults(&bad);
    for (line, said) in [
        (6, "no severity `loud`"),
        (3, "no field `{host}`"),
        (2, "a name is of"),
        (26, "stands at x.yaml:14 too"),
        (33, "`share` must be"),
        (37, "`at` is `soon`"),
        (34, "tests must show"),
        (42, "unknown field `colour`"),
    ] {
        let found = faults
            .iter()
            .any(|fault| fault.starts_with(&format!("x.yaml:{line}:")) && fault.contains(said));
        assert!(found, "line {line} {said}: {faults:#?}");
    }
}

#[test]
fn updates_are_known_however_their_letters_are_written() {
    let text = GOOD.replace(
        "  group_by: [kb]",
        "  where: { kb: kb5031356, except_kbs: [kb2267602] }\n  group_by: [kb]",
    );
    let rules = load(&[("x.yaml".to_owned(), text)]).unwrap();
    let narrow = &rules[0].narrow;
    assert_eq!(narrow.kb.as_deref(), Some("KB5031356"));
    assert_eq!(narrow.except_kbs, ["KB2267602"]);
}

#[test]
fn what_a_figure_cannot_tell_is_refused() {
    refuses(
        GOOD,
        &[
            ("count: failing", "count: dead_letters", "cannot be grouped"),
            ("count: failing", "count: new_cause", "must be [cause]"),
            (
                "group_by: [kb]",
                "group_by: [kb, label:ring, cause, label:site]",
                "at most 3",
            ),
            (
                "group_by: [kb]",
                "group_by: [kb, cause]",
                "of how many this is a share",
            ),
            ("at_least: 3", "at_least: 0", "more than 0"),
            (
                "group_by: [kb]",
                "group_by: [label:alertname]",
                "cannot group by `label:alertname`",
            ),
            (
                "  group_by: [kb]",
                "  labels: { severity: page }\n  group_by: [kb]",
                "`severity` is the rule's own",
            ),
            (
                "  group_by: [kb]",
                "  where: { causes: [x] }\n  group_by: [kb]",
                "`x` is no cause",
            ),
        ],
    );
}

/// A rule that compares, with a text that says with what.
fn comparing() -> String {
    let baseline = "  baseline: { against: previous_update, factor: 2, at_least: 4 }\n  tests:";
    GOOD.replace("  tests:", baseline)
        .replace("'{share} of {of}'", "'{share}; {before}'")
        .replace("KB2: 3 },", "KB2: 4 }, before: { KB2: 0.01 },")
}

#[test]
fn a_rule_that_compares_goes_by_its_threshold_where_there_is_nothing_to_compare_with() {
    let rules = load(&[("x.yaml".to_owned(), comparing())]).unwrap();
    for (of, before, reached) in [
        (Some(100.0), None, 50.0),
        (Some(100.0), Some(0.1), 20.0),
        // More than the threshold, where so many failed the one before.
        (Some(100.0), Some(0.4), 80.0),
        (Some(100.0), Some(0.0), 4.0),
        (None, Some(0.1), 3.0),
    ] {
        assert_eq!(
            rules[0].must_reach(of, before),
            reached,
            "{of:?} {before:?}"
        );
    }
    assert_eq!(rules[0].must_reach_anyhow(), 3.0);
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let good = comparing();
    refuses(
        &good,
        &[
            ("previous_update", "last_year", "known: previous_update"),
            ("factor: 2", "factor: 0.5", "`factor` must be 1 or more"),
            (
                "at_least: 4",
                "at_least: 0",
                "`at_least` must be more than 0",
            ),
            ("group_by: [kb]", "group_by: [label:ring]", "group_by [kb]"),
            ("count: failing", "count: restart", "count must be failing"),
            (
                "  group_by: [kb]",
                "  where: { tries: 2 }\n  group_by: [kb]",
                "`kb` and `except_kbs` alone",
            ),
            (
                "  group_by: [kb]",
                "  where: { labels: { ring: pilot } }\n  group_by: [kb]",
                "`kb` and `except_kbs` alone",
            ),
            ("KB2: 0.01", "KB2: 1.01", "from 0 to 1"),
            ("of: 4, ", "", "without `of`"),
            ("{ KB2: 0.01 }", "{ KB2/x: 0.01 }", "`KB2/x` is no group"),
            (
                "  baseline: { against: previous_update, factor: 2, at_least: 4 }\n",
                "",
                "no field `{before}`",
            ),
            (
                "  baseline: { against: previous_update, factor: 2, at_least: 4 }\n",
                "",
                "without `baseline` nothing is compared",
            ),
        ],
    );
}

#[test]
fn text_that_is_no_yaml_is_a_fault_with_its_line() {
    let faults = faults("- name: [\n");
    assert!(faults[0].starts_with("x.yaml:"), "{faults:?}");
}

const QUESTION: &str = include_str!("../../test_data/question.yaml");

#[test]
fn a_question_of_the_sites_own_stands_alone() {
    let rules = load(&[("x.yaml".to_owned(), QUESTION.to_owned())]).unwrap();
    let sql = rules[0].sql.as_str();
    assert!(QUESTION.contains(sql) && sql.ends_with("BY site"), "{sql}");
    refuses(
        QUESTION,
        &[
            ("count: sql", "count: failing", "its own: `count: sql`"),
            (
                "sql: |",
                "sql: |\n    drop",
                "begins with `select` or `with`",
            ),
            (sql, "", "needs the question"),
            (
                "group_by: [site]",
                "group_by: [value]",
                "no column to group by",
            ),
            (
                "group_by: [site]",
                "group_by: ['a b']",
                "no column to group by",
            ),
            ("group_by: [site]", "group_by: [site, site]", "twice"),
            (
                "threshold: { at_least: 3 }",
                "threshold: { at_least: 3, share: 0.1 }",
                "of how many this is a share",
            ),
            (
                "threshold: { at_least: 3 }",
                "threshold: { at_least: 3 }\n  where: { kb: KB1 }",
                "stands in its `sql`",
            ),
            ("'{pcs}', zh", "'{of}', zh", "no field `{of}`"),
        ],
    );
}
