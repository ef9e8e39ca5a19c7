//! A rule that asks a question of the site's own.

use crate::harness::{Heard, Manner, desk, failed, put, store, succeeded};
use alert::{Kill, Now, Rules, RulesError};
use store::RuleSetOrigin;

/// 2024-03-15 12:00:00.
const NOON: i64 = 1_710_504_000;

const BY_UPDATE: &str = "SELECT kb, uniqExact(endpoint) AS value, groupUniqArray(20)(endpoint) AS pcs FROM current_attempts WHERE tenant = \
                         {tenant:String} AND outcome = 'failed' AND start >= {now:DateTime('UTC')} - INTERVAL 1 DAY GROUP BY kb; ";

fn rule(name: &str, sql: &str, group_by: &str) -> String {
    let firing = match group_by {
        "" => {
            "values: { all: 2 }, firing: [] }\n        - { at: 1s, values: { all: 3 }, firing: [all] }"
        }
        _ => "values: { one: 2, two: 3 }, firing: [two] }",
    };
    format!(
        "- name: {name}
  title: {{ en: '{{value}}', zh: '{{value}}' }}
  about: {{ en: made up, zh: 虚构 }}
  text: {{ en: 'first {{pcs}}', zh: '{{pcs}}' }}
  severity: warning
  count: sql
  sql: \"{}\"
  group_by: [{group_by}]
  threshold: {{ at_least: 3 }}
  tests:
    - case: made up
      steps:
        - {{ at: 0s, {firing}
",
        sql.replace('"', "\\\"")
    )
}

fn files(rules: &[String]) -> Vec<(String, String)> {
    vec![("own.yaml".to_owned(), rules.concat())]
}

#[tokio::test]
async fn it_is_asked_by_group_and_one_that_fails_silences_no_other() {
    let (store, tenant) = (store().await, "alert-question");
    put(&store, tenant, 0..12, &[failed("KB5031356", NOON)], 1).await;
    put(&store, tenant, 12..14, &[failed("KB5031539", NOON)], 1).await;
    // Long ago, and another's.
    put(
        &store,
        tenant,
        14..30,
        &[failed("KB5000001", NOON - 40 * 86_400)],
        1,
    )
    .await;
    put(
        &store,
        "alert-question-other",
        0..30,
        &[failed("KB5000002", NOON)],
        1,
    )
    .await;
    put(&store, tenant, 30..50, &[succeeded("KB5031356", NOON)], 1).await;
    let rules = [
        rule("by_update", BY_UPDATE, "kb"),
        rule("of_all", "SELECT 4 AS value, 'what?' AS said", ""),
        rule("too_few", "SELECT NULL AS value UNION ALL SELECT 2", ""),
        rule(
            "too_much",
            "SELECT length(groupArray(number)) AS value FROM numbers(1000000000)",
            "",
        ),
        rule(
            "no_file",
            "SELECT count() AS value FROM file('/etc/passwd', 'LineAsString', 'line String')",
            "",
        ),
    ];
    let rules = Rules::load(&files(&rules)).unwrap_or_else(|faults| panic!("{faults:?}"));
    assert_eq!(rules.broken_tests().len(), 0);
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let now = Now::at((NOON + 3_600) * 1_000);
    let mut desk = desk(&store, tenant, &heard, rules, now).await;
    let done = desk.round(now, 0.0, Kill::Never).await.expect("round");
    assert!(!done.errors.contains_key("by_update"), "{:?}", done.errors);
    let mut told: Vec<(&str, f64, &str, String)> = Vec::new();
    for message in &done.messages {
        for item in &message.alerts {
            let kb = item.labels.get("kb").cloned().unwrap_or_default();
            told.push((&message.rule, item.value, &item.page, kb));
        }
    }
    let base = "https://cbsift.example";
    let (update, alerts) = (
        format!("{base}/updates/KB5031356"),
        format!("{base}/alerts"),
    );
    assert_eq!(
        told,
        [
            ("by_update", 12.0, update.as_str(), "KB5031356".to_owned()),
            ("of_all", 4.0, alerts.as_str(), String::new()),
        ]
    );
    let body = &done.messages[0].body.en;
    assert!(body.contains("first pc-00"), "{body}");
    assert!(body.contains("and 2 more"), "{body}");
    let errors: Vec<&str> = done.errors.keys().map(String::as_str).collect();
    assert_eq!(errors, ["no_file", "too_much"], "{:?}", done.errors);
    assert!(
        done.errors["too_much"].contains("memory"),
        "{:?}",
        done.errors
    );
}

#[tokio::test]
async fn what_the_store_cannot_answer_is_not_published() {
    let store = store().await;
    for (sql, group_by, said) in [
        (
            "SELECT count() AS value FROM current_attemts",
            "",
            "current_attempts",
        ),
        (
            "SELECT kb, count() AS number FROM current_attempts GROUP BY kb",
            "kb",
            "no column `value`, but kb, number",
        ),
        (
            "SELECT count() AS value FROM current_attempts",
            "site",
            "no column `site`, but value",
        ),
        (
            "SELECT 1 AS value, 'pc' AS pcs",
            "",
            "`pcs` is of type String",
        ),
        (
            "SELECT 1 AS value) UNION ALL (SELECT 1 AS value FROM nowhere",
            "",
            "nowhere",
        ),
    ] {
        let before = store.alert_rules_mark().await.expect("read");
        let refused = alert::publish(
            &store,
            &files(&[rule("own", sql, group_by)]),
            RuleSetOrigin::Site,
        )
        .await;
        let Err(RulesError::Question { rule, error }) = refused else {
            panic!("{sql}: {refused:?}");
        };
        assert_eq!(rule, "own");
        assert!(error.to_string().contains(said), "{sql}: {error}");
        assert_eq!(store.alert_rules_mark().await.expect("read"), before);
    }
}
