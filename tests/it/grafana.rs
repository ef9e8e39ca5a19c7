//! The SQL of every panel and alert, with the plugin's macros put in as it does, on the real engine.

use crate::fixtures::{one_of_each, write_endpoint};
use crate::harness::{PATIENCE, Up, repository};
use serde_json::Value;
use simulate::Fleet;
use std::collections::BTreeMap;

/// A range of time as the dashboard's picker gives it, in seconds of UTC.
#[derive(Clone, Copy)]
struct Range {
    from: i64,
    to: i64,
}

const DAY: i64 = 86_400;

/// What the plugin of ClickHouse makes of a text before it sends it, as far as our panels use it; the rest is an error.
///
/// After `pkg/macros/macros.go` of grafana/clickhouse-datasource: times are seconds, dates are in UTC.
fn as_the_plugin_does(sql: &str, range: Range, variables: &BTreeMap<&str, &str>) -> String {
    let mut text = sql.to_owned();
    for (name, value) in variables {
        let quoted = format!("'{}'", value.replace('\'', "\\'"));
        text = text.replace(&format!("${{{name}:singlequote}}"), &quoted);
    }
    let date = |seconds: i64| {
        format!(
            "toDate('{}')",
            &event::UtcMillis(seconds * 1000).to_string()[..10]
        )
    };
    let time = |seconds: i64| format!("toDateTime({seconds})");
    text = text
        .replace("$__fromTime", &time(range.from))
        .replace("$__toTime", &time(range.to));
    while let Some((before, rest)) = text.split_once("$__dateFilter(") {
        let (column, after) = rest.split_once(')').expect("an argument");
        text = format!(
            "{before}{column} >= {} AND {column} <= {}{after}",
            date(range.from),
            date(range.to)
        );
    }
    assert!(!text.contains('$'), "not known to this test: {text}");
    text
}

/// Rows of an answer to a reader, each by column.
fn ask(up: &Up, sql: &str) -> Result<Vec<Value>, String> {
    ask_as(up, &up.reader_token(), sql)
}

fn ask_as(up: &Up, token: &str, sql: &str) -> Result<Vec<Value>, String> {
    let mut answer = ureq::post(format!(
        "{}/?database=cbsift&default_format=JSON",
        up.engine
    ))
    .config()
    .http_status_as_error(false)
    .timeout_global(Some(PATIENCE))
    .build()
    .header("authorization", format!("Bearer {token}"))
    .send(sql)
    .map_err(|error| error.to_string())?;
    let text = answer
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    if answer.status() != 200 {
        return Err(format!("{text}\n{sql}"));
    }
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let body: Value = serde_json::from_str(&text).map_err(|error| format!("{error}: {text}"))?;
    Ok(body["data"].as_array().cloned().unwrap_or_default())
}

/// Title and SQL of every panel that asks the store.
fn panels() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for name in ["fleet", "pipeline"] {
        let path = repository().join(format!("docker/grafana/dashboards/{name}.json"));
        let board: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        for panel in board["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().into_iter().flatten() {
                if let Some(sql) = target["rawSql"].as_str() {
                    let title = panel["title"].as_str().unwrap();
                    found.push((title.to_owned(), sql.to_owned()));
                }
            }
        }
    }
    found
}

/// Title and SQL of every alert, with the threshold above which it fires.
fn alerts() -> BTreeMap<String, (String, f64)> {
    let path = repository().join("docker/grafana/provisioning/alerting/rules.yaml");
    let rules: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let rules = rules["groups"][0]["rules"].as_array().unwrap();
    rules
        .iter()
        .map(|rule| {
            let sql = rule["data"][0]["model"]["rawSql"].as_str().unwrap();
            let threshold = &rule["data"][1]["model"]["conditions"][0]["evaluator"]["params"][0];
            let title = rule["title"].as_str().unwrap();
            (
                title.to_owned(),
                (sql.to_owned(), threshold.as_f64().unwrap()),
            )
        })
        .collect()
}

#[test]
fn every_panel_answers_where_there_is_data() {
    let up = Up::start();
    let fleet = Fleet::new(11, 200);
    let plans = one_of_each(&fleet);
    for plan in plans.iter().take(6) {
        let folder = tempfile::tempdir().unwrap();
        write_endpoint(plan, folder.path());
        up.send(&[folder.path()], &plan.id, &[]);
    }
    up.settle();

    let end = fleet.end.0 / 1000;
    let month = Range {
        from: end - 31 * DAY,
        to: end + DAY,
    };
    // Ten days later every endpoint is silent.
    let later = Range {
        from: end - 21 * DAY,
        to: end + 11 * DAY,
    };
    let (all, one) = (
        BTreeMap::from([("kb", ""), ("endpoint", "")]),
        BTreeMap::from([("kb", ""), ("endpoint", plans[0].id.as_str())]),
    );
    let panels = panels();
    assert!(panels.len() >= 14, "{}", panels.len());
    for (title, sql) in panels {
        let mut rows = Vec::new();
        for (range, variables) in [(month, &all), (month, &one), (later, &all)] {
            let sql = as_the_plugin_does(&sql, range, variables);
            rows.extend(ask(&up, &sql).unwrap_or_else(|error| panic!("{title}: {error}")));
        }
        let says_something = |row: &Value| {
            row.as_object()
                .is_some_and(|row| row.values().any(|value| !value.is_null()))
        };
        assert!(rows.iter().any(says_something), "{title} shows nothing");
        // A name that ends its quotes must stay a name.
        let hostile = BTreeMap::from([("kb", "x' OR '' = '"), ("endpoint", "x'")]);
        let sql = as_the_plugin_does(&sql, month, &hostile);
        ask(&up, &sql).unwrap_or_else(|error| panic!("{title}: {error}"));
    }
    // Figures agree with what derivation said.
    let failed: u64 = plans
        .iter()
        .take(6)
        .map(|plan| up.answers(&plan.id))
        .flat_map(|answers| answers.attempts)
        .filter(|attempt| attempt.contains(" | failed | ") || attempt.contains(" | rolled_back | "))
        .count() as u64;
    let (_, sql) = self::panels()
        .into_iter()
        .find(|(title, _)| title.starts_with("Failed attempts"))
        .unwrap();
    let whole = Range {
        from: end - 400 * DAY,
        to: end + DAY,
    };
    let rows = ask(&up, &as_the_plugin_does(&sql, whole, &all)).unwrap();
    assert!(failed > 0);
    assert_eq!(rows[0]["failed"].as_u64(), Some(failed));
    up.stop();
}

/// 2031-03-20 12:00 UTC: no other data of these tests is near.
const NOW: i64 = 1_931_774_400;

/// Made-up derived rows: an attempt or a finding per endpoint, made current.
fn insert(up: &Up, statement: &str) {
    up.execute(statement);
}

/// `count` attempts of a KB at the day before [`NOW`], of which the first `failed` failed.
fn attempts(up: &Up, kb: &str, count: u32, failed: u32) {
    insert(
        up,
        &format!(
            "INSERT INTO attempts (tenant, day, endpoint, month, `set`, ordinal, kb, outcome) \
             SELECT 'default', toDate('2031-03-19'), concat('{kb}-pc-', toString(number)), 203103, 1, 0, '{kb}', \
             if(number < {failed}, 'failed', 'succeeded') FROM numbers({count})"
        ),
    );
    derived(up, &format!("{kb}-pc-"), count, 203_103);
}

/// Findings of a rule on `count` endpoints at a day.
fn findings(up: &Up, rule: &str, count: u32, day: &str) {
    let month: u32 = day[..7].replace('-', "").parse().unwrap();
    let endpoint = format!("{rule}-{day}-pc-");
    insert(
        up,
        &format!(
            "INSERT INTO findings (tenant, day, endpoint, month, `set`, ordinal, rule, category, severity, root_code) \
             SELECT 'default', toDate('{day}'), concat('{endpoint}', toString(number)), {month}, 1, 0, '{rule}', 'files', 'error', 2147944816 \
             FROM numbers({count})"
        ),
    );
    derived(up, &endpoint, count, month);
}

fn derived(up: &Up, endpoint: &str, count: u32, month: u32) {
    insert(
        up,
        &format!(
            "INSERT INTO derivations (tenant, endpoint, month, generation, version, `set`) \
             SELECT 'default', concat('{endpoint}', toString(number)), {month}, 0, 1, 1 FROM numbers({count})"
        ),
    );
}

fn seen(up: &Up, endpoint: &str, count: u32, last: &str) {
    insert(
        up,
        &format!(
            "INSERT INTO endpoints (tenant, endpoint, last) \
             SELECT 'default', concat('{endpoint}', toString(number)), toDateTime64('{last}', 0, 'UTC') FROM numbers({count})"
        ),
    );
}

#[test]
fn alerts_fire_on_what_they_are_for_and_on_nothing_else() {
    let up = Up::start();
    let alerts = alerts();
    let fires = |title: &str, range_days: i64| -> Vec<(String, f64)> {
        let (sql, threshold) = &alerts[title];
        let range = Range {
            from: NOW - range_days * DAY,
            to: NOW,
        };
        let rows = ask(&up, &as_the_plugin_does(sql, range, &BTreeMap::new()))
            .unwrap_or_else(|error| panic!("{title}: {error}"));
        rows.iter()
            .filter_map(|row| {
                let row = row.as_object()?;
                // Grafana takes the one number of a row as its value, and its texts as labels.
                let numbers: Vec<f64> = row.values().filter_map(Value::as_f64).collect();
                assert!(numbers.len() <= 1, "{title}: {row:?}");
                let value = *numbers.first()?;
                let label = ["kb", "rule"]
                    .iter()
                    .find_map(|name| row.get(*name)?.as_str().map(str::to_owned));
                (value > *threshold).then(|| (label.unwrap_or_default(), value))
            })
            .collect()
    };
    assert_eq!(alerts.len(), 3);
    for (title, days) in [
        ("CbsiftKbFailureRate", 7),
        ("CbsiftNewCause", 2),
        ("CbsiftSilentEndpoints", 7),
    ] {
        assert_eq!(fires(title, days), [], "{title} on an empty store");
    }

    attempts(&up, "KB1", 20, 5);
    // Too few failures, and too few attempts.
    attempts(&up, "KB2", 40, 4);
    attempts(&up, "KB3", 19, 19);
    assert_eq!(fires("CbsiftKbFailureRate", 7), [("KB1".to_owned(), 0.25)]);

    findings(&up, "new", 3, "2031-03-19");
    findings(&up, "rare", 2, "2031-03-19");
    // Known for a month, and seen again.
    findings(&up, "known", 1, "2031-02-19");
    findings(&up, "known", 5, "2031-03-19");
    assert_eq!(fires("CbsiftNewCause", 2), [("new".to_owned(), 3.0)]);

    seen(&up, "alive-", 8, "2031-03-20 08:00:00");
    // Away for longer than a month: nobody waits for them.
    seen(&up, "gone-", 50, "2030-12-01 08:00:00");
    assert_eq!(fires("CbsiftSilentEndpoints", 7), []);
    seen(&up, "silent-", 2, "2031-03-10 08:00:00");
    assert_eq!(fires("CbsiftSilentEndpoints", 7), [(String::new(), 0.2)]);
    up.stop();
}
