//! Files to rules; all faults at once, each with file and line.

use crate::{
    message::Text,
    rule::{Baseline, Figure, Narrow, Rule, Severity, Threshold, by_name},
    text,
    trial::{ALL, Case, Step},
};
use classify::Fault;
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::{AlertBy, CauseId};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    name: String,
    title: RawText,
    about: RawText,
    text: RawText,
    severity: String,
    count: String,
    sql: Option<String>,
    #[serde(default)]
    r#where: RawNarrow,
    #[serde(default)]
    group_by: Vec<String>,
    threshold: RawThreshold,
    baseline: Option<RawBaseline>,
    #[serde(default)]
    r#for: Option<String>,
    #[serde(default)]
    keep_firing_for: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
    #[serde(default)]
    runbook: String,
    #[serde(default)]
    receivers: Vec<String>,
    tests: Vec<RawCase>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawText {
    en: String,
    zh: String,
}

#[derive(Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct RawNarrow {
    kb: Option<String>,
    except_kbs: Vec<String>,
    categories: Vec<String>,
    causes: Vec<String>,
    labels: BTreeMap<String, String>,
    after: Option<String>,
    tries: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawThreshold {
    at_least: f64,
    share: Option<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBaseline {
    against: String,
    factor: f64,
    at_least: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCase {
    case: String,
    steps: Vec<RawStep>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    at: String,
    of: Option<f64>,
    #[serde(default)]
    values: BTreeMap<String, f64>,
    #[serde(default)]
    before: BTreeMap<String, f64>,
    #[serde(default)]
    late: bool,
    firing: BTreeSet<String>,
}

/// Everything said of one rule, with the lines to say it of.
struct Faults<'a> {
    file: &'a str,
    lines: &'a [&'a str],
    rule_line: u64,
    name: String,
    found: Vec<Fault>,
}

impl Faults<'_> {
    /// `key`: what to point at within the rule; its first line where it does not stand there.
    fn add(&mut self, key: &str, message: impl Into<String>) {
        let start = usize::try_from(self.rule_line)
            .unwrap_or(1)
            .saturating_sub(1);
        let within = self.lines.iter().skip(start).enumerate();
        let at = within
            .take_while(|(index, line)| *index == 0 || !line.starts_with("- "))
            .find(|(_, line)| !key.is_empty() && line.contains(key))
            .map_or(0, |(index, _)| index as u64);
        let rule = match self.name.is_empty() {
            true => String::new(),
            false => format!("rule `{}`: ", self.name),
        };
        self.found.push(Fault {
            file: self.file.to_owned(),
            line: self.rule_line + at,
            message: format!("{rule}{}", message.into()),
        });
    }
}

pub(crate) fn load(files: &[(String, String)]) -> Result<Vec<Rule>, Vec<Fault>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut faults = Vec::new();
    let mut seen: BTreeMap<String, String> = BTreeMap::new();
    for (file, text) in files {
        let lines: Vec<&str> = text.lines().collect();
        let values: Vec<serde_saphyr::Spanned<Value>> = match serde_saphyr::from_str(text) {
            Ok(values) => values,
            Err(error) => {
                let message = error.to_string();
                faults.push(Fault {
                    file: file.clone(),
                    line: error.location().map_or(1, |location| location.line()),
                    message: message.lines().next().unwrap_or_default().to_owned(),
                });
                continue;
            }
        };
        for value in values {
            let name = value.value.get("name").and_then(Value::as_str);
            let mut said = Faults {
                file,
                lines: &lines,
                rule_line: value.referenced.line().max(1),
                name: name.unwrap_or_default().to_owned(),
                found: Vec::new(),
            };
            match serde_json::from_value::<RawRule>(value.value) {
                Err(error) => {
                    let error = error.to_string();
                    // The parser names the field in backticks, where it is about one.
                    let key = error.split('`').nth(1).map(|key| format!("{key}:"));
                    said.add(&key.unwrap_or_default(), error);
                }
                Ok(raw) => {
                    let rule = rule(raw, &mut said);
                    let place = format!("{file}:{}", said.rule_line);
                    if let Some(first) = seen.insert(rule.name.clone(), place) {
                        said.add("name:", format!("this name stands at {first} too"));
                    }
                    rules.push(rule);
                }
            }
            faults.append(&mut said.found);
        }
    }
    match faults.is_empty() {
        true => Ok(rules),
        false => Err(faults),
    }
}

fn rule(raw: RawRule, faults: &mut Faults<'_>) -> Rule {
    let is_name = |name: &str| {
        let mut letters = name.bytes();
        letters
            .next()
            .is_some_and(|first| first.is_ascii_lowercase())
            && letters
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    };
    if !is_name(&raw.name) {
        faults.add(
            "name:",
            "a name is of lower-case letters, digits and `_`, and begins with a letter",
        );
    }
    let severity = Severity::from_name(&raw.severity).unwrap_or_else(|| {
        let said = format!(
            "no severity `{}`; known: info, warning, critical",
            raw.severity
        );
        faults.add("severity:", said);
        Severity::Info
    });
    let figure = Figure::from_name(&raw.count).unwrap_or_else(|| {
        let known = Figure::ALL.map(Figure::name).join(", ");
        faults.add(
            "count:",
            format!("no figure `{}`; known: {known}", raw.count),
        );
        Figure::Failing
    });
    let group_by = group_by(&raw.group_by, figure, faults);
    let sql = question(raw.sql, figure, &raw.r#where, faults);
    let by_cause = group_by.contains(&AlertBy::Cause);
    let threshold = Threshold {
        at_least: raw.threshold.at_least,
        share: raw.threshold.share,
    };
    if !(threshold.at_least > 0.0 && threshold.at_least.is_finite()) {
        faults.add(
            "threshold:",
            "`at_least` must be more than 0: what is never met or always met is no alert",
        );
    }
    if threshold
        .share
        .is_some_and(|share| !(share > 0.0 && share <= 1.0))
    {
        faults.add(
            "threshold:",
            "`share` must be above 0 and at most 1, such as 0.01",
        );
    }
    let has_of = !by_cause
        && (figure.is_of_reports() || matches!(figure, Figure::Failing | Figure::Restart));
    if threshold.share.is_some() && !has_of {
        faults.add(
            "threshold:",
            "nobody knows of how many this is a share; use `at_least` alone",
        );
    }
    let baseline = raw.baseline.map(|raw| baseline(&raw, faults));
    let mut duration = |key: &str, text: Option<String>| match text {
        None => Duration::ZERO,
        Some(text) => quantity::time(&text).unwrap_or_else(|| {
            faults.add(
                &format!("{key}:"),
                format!("`{key}` is `{text}`, but must be a time such as \"15m\""),
            );
            Duration::ZERO
        }),
    };
    let hold = duration("for", raw.r#for);
    let keep_firing = duration("keep_firing_for", raw.keep_firing_for);
    let after = duration("after", raw.r#where.after.clone());
    let narrow = narrow(raw.r#where, after, figure, faults);
    if baseline.is_some() {
        if figure != Figure::Failing || group_by != [AlertBy::Kb] {
            faults.add(
                "baseline:",
                "an update is compared with the one before: count must be failing, and group_by [kb]",
            );
        }
        let of_updates = Narrow {
            kb: narrow.kb.clone(),
            except_kbs: narrow.except_kbs.clone(),
            ..Narrow::default()
        };
        if narrow != of_updates {
            faults.add(
                "where:",
                "of the update before all PCs and failures are counted: with `baseline` there are `kb` and `except_kbs` alone",
            );
        }
    }
    for (key, text) in [
        ("title:", &raw.title),
        ("about:", &raw.about),
        ("text:", &raw.text),
    ] {
        for (language, text) in [("en", &text.en), ("zh", &text.zh)] {
            if text.trim().is_empty() {
                faults.add(
                    key,
                    format!("no `{}` in `{language}`", key.trim_end_matches(':')),
                );
            }
            for field in text::fields(text) {
                let is_known = match field {
                    "of" | "share" => has_of,
                    "pcs" => {
                        figure.is_of_tries() || figure.is_of_reports() || figure == Figure::Sql
                    }
                    text::BEFORE => baseline.is_some(),
                    _ => {
                        text::FIELDS.contains(&field)
                            || group_by.iter().any(|by| by_name(by) == field)
                    }
                };
                if !is_known || key == "about:" {
                    faults.add(key, format!("no field `{{{field}}}` here; there are value, threshold, what it groups by, where they are known pcs, of, share, and with `baseline` before"));
                }
            }
        }
    }
    for name in raw.labels.keys().filter(|name| !is_name(name)) {
        faults.add("labels:", format!("`{name}` is no name of a label"));
    }
    for name in OWN.iter().filter(|name| raw.labels.contains_key(**name)) {
        faults.add("labels:", format!("`{name}` is the rule's own label"));
    }
    let tests = tests(raw.tests, &group_by, baseline.is_some(), faults);
    let text = |raw: RawText| Text {
        en: raw.en.trim().to_owned(),
        zh: raw.zh.trim().to_owned(),
    };
    Rule {
        name: raw.name,
        severity,
        title: text(raw.title),
        about: text(raw.about),
        text: text(raw.text),
        figure,
        narrow,
        sql,
        group_by,
        threshold,
        baseline,
        hold,
        keep_firing,
        labels: raw.labels,
        runbook: raw.runbook,
        receivers: raw.receivers,
        tests,
    }
}

fn baseline(raw: &RawBaseline, faults: &mut Faults<'_>) -> Baseline {
    if raw.against != "previous_update" {
        let said = format!(
            "nothing is compared with `{}`; known: previous_update",
            raw.against
        );
        faults.add("baseline:", said);
    }
    if !(raw.factor >= 1.0 && raw.factor.is_finite()) {
        faults.add(
            "baseline:",
            "`factor` must be 1 or more: what is better than before is no alert",
        );
    }
    if !(raw.at_least > 0.0 && raw.at_least.is_finite()) {
        faults.add(
            "baseline:",
            "`at_least` must be more than 0: of an update that nobody failed every share is greater",
        );
    }
    Baseline {
        factor: raw.factor,
        at_least: raw.at_least,
    }
}

/// Labels that every message has of its rule: another value in their place would hide which rule it is.
const OWN: [&str; 2] = ["alertname", "severity"];

/// Things that one rule groups by: a title has no room for more.
const GROUPS_MAX: usize = 3;

fn group_by(raw: &[String], figure: Figure, faults: &mut Faults<'_>) -> Vec<AlertBy> {
    let mut by: Vec<AlertBy> = Vec::new();
    for name in raw {
        let one = match figure {
            Figure::Sql => column(name).ok_or_else(|| {
                format!("`{name}` is no column to group by; a rule with `sql` names columns of its question, such as kb or site")
            }),
            _ => known(name, figure),
        };
        match one {
            Err(fault) => faults.add("group_by:", fault),
            Ok(one) if by.contains(&one) => {
                faults.add("group_by:", format!("`{name}` stands there twice"));
            }
            Ok(one) => by.push(one),
        }
    }
    if by.len() > GROUPS_MAX {
        faults.add("group_by:", format!("at most {GROUPS_MAX} things"));
    }
    if figure.is_of_trends() && by != [AlertBy::Cause] {
        faults.add(
            "group_by:",
            format!(
                "`{}` is of one cause each: group_by must be [cause]",
                figure.name()
            ),
        );
    }
    by
}

/// What tells groups of a figure of ours apart.
fn known(name: &str, figure: Figure) -> Result<AlertBy, String> {
    let label = || {
        let label = name.strip_prefix("label:")?;
        let is_other = !label.is_empty() && !["kb", "cause"].contains(&label);
        (is_other && !OWN.contains(&label)).then(|| AlertBy::Label(label.to_owned()))
    };
    let one = match name {
        "kb" => AlertBy::Kb,
        "cause" => AlertBy::Cause,
        _ => label()
            .ok_or_else(|| format!("cannot group by `{name}`; known: kb, cause, label:NAME"))?,
    };
    let allowed: &[Figure] = match one {
        AlertBy::Kb => &[Figure::Failing, Figure::Restart],
        AlertBy::Cause => &[Figure::Failing, Figure::NewCause, Figure::CauseBack],
        AlertBy::Label(_) => &[
            Figure::Failing,
            Figure::Restart,
            Figure::Silent,
            Figure::ClockAhead,
            Figure::Gaps,
            Figure::Clones,
        ],
    };
    match allowed.contains(&figure) {
        true => Ok(one),
        false => Err(format!("`{}` cannot be grouped by `{name}`", figure.name())),
    }
}

/// What tells groups of a rule's own question apart: a column of it.
fn column(name: &str) -> Option<AlertBy> {
    let is_name = name
        .bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.starts_with(|first: char| !first.is_ascii_digit());
    match name {
        "kb" => Some(AlertBy::Kb),
        "cause" => Some(AlertBy::Cause),
        "value" | "pcs" => None,
        _ => (is_name && !OWN.contains(&name)).then(|| AlertBy::Label(name.to_owned())),
    }
}

/// A rule's own question. Whether the store can answer it is seen when it is published.
fn question(
    raw: Option<String>,
    figure: Figure,
    narrow: &RawNarrow,
    faults: &mut Faults<'_>,
) -> String {
    let sql = raw.unwrap_or_default().trim().to_owned();
    match (figure == Figure::Sql, sql.is_empty()) {
        (true, true) => faults.add("count:", "`count: sql` needs the question, in `sql`"),
        (false, false) => faults.add(
            "sql:",
            format!(
                "with `sql` the figure is its own: `count: sql`, not `{}`",
                figure.name()
            ),
        ),
        _ => {}
    }
    let first = sql.split_whitespace().next().unwrap_or_default();
    if !sql.is_empty() && !["select", "with"].contains(&first.to_ascii_lowercase().as_str()) {
        faults.add(
            "sql:",
            "`sql` is one question, and begins with `select` or `with`",
        );
    }
    if figure == Figure::Sql && *narrow != RawNarrow::default() {
        faults.add(
            "where:",
            "what narrows a rule's own question stands in its `sql`",
        );
    }
    sql
}

fn narrow(raw: RawNarrow, after: Duration, figure: Figure, faults: &mut Faults<'_>) -> Narrow {
    for cause in &raw.causes {
        if CauseId::read(cause).is_none() {
            faults.add("causes:", format!("`{cause}` is no cause; write it as pages' addresses do, like disk_full~0x80070070"));
        }
    }
    for category in raw
        .categories
        .iter()
        .filter(|name| !classify::CATEGORIES.contains(&name.as_str()))
    {
        faults.add(
            "categories:",
            format!(
                "no category `{category}`; known: {}",
                classify::CATEGORIES.join(", ")
            ),
        );
    }
    let of_failures =
        raw.tries > 0 || !after.is_zero() || !raw.categories.is_empty() || !raw.causes.is_empty();
    let of_updates = raw.kb.is_some() || !raw.except_kbs.is_empty();
    if of_failures
        && !matches!(
            figure,
            Figure::Failing | Figure::NewCause | Figure::CauseBack
        )
    {
        faults.add("where:", format!("`{}` counts no failures: `after`, `tries`, `categories` and `causes` say nothing of it", figure.name()));
    }
    if (raw.tries > 0 || !after.is_zero()) && figure.is_of_trends() {
        faults.add(
            "where:",
            format!(
                "`{}` is about what is new: `after` and `tries` say nothing of it",
                figure.name()
            ),
        );
    }
    if of_updates && !figure.is_of_tries() {
        faults.add(
            "where:",
            format!(
                "`{}` is not of updates: `kb` and `except_kbs` say nothing of it",
                figure.name()
            ),
        );
    }
    if !raw.labels.is_empty() && !figure.is_of_tries() && !figure.is_of_reports() {
        faults.add(
            "where:",
            format!(
                "`{}` is not of PCs: `labels` say nothing of it",
                figure.name()
            ),
        );
    }
    Narrow {
        kb: raw.kb.map(|kb| kb.to_ascii_uppercase()),
        except_kbs: raw
            .except_kbs
            .iter()
            .map(|kb| kb.to_ascii_uppercase())
            .collect(),
        categories: raw.categories,
        causes: raw.causes,
        labels: raw.labels.into_iter().collect(),
        after,
        tries: raw.tries,
    }
}

fn tests(
    raw: Vec<RawCase>,
    group_by: &[AlertBy],
    compares: bool,
    faults: &mut Faults<'_>,
) -> Vec<Case> {
    let mut cases = Vec::new();
    let (mut fires, mut stays_quiet) = (false, false);
    for case in raw {
        let mut steps: Vec<Step> = Vec::new();
        for step in case.steps {
            let Some(at) = quantity::time(&step.at) else {
                faults.add(
                    "at:",
                    format!("`at` is `{}`, but must be a time such as \"15m\"", step.at),
                );
                continue;
            };
            if steps.last().is_some_and(|before| before.at > at) {
                faults.add(
                    "at:",
                    format!("`{}`: steps stand in the order of time", case.case),
                );
            }
            let is_group = |group: &String| match group_by.len() {
                0 => group == ALL,
                parts => group.split('/').count() == parts,
            };
            if let Some(group) = step
                .values
                .keys()
                .chain(&step.firing)
                .chain(step.before.keys())
                .find(|group| !is_group(group))
            {
                faults.add("values:", format!("`{group}` is no group of this rule; write the values of what it groups by with `/` between, or `all` where it groups by nothing"));
            }
            if !step.before.is_empty() && !compares {
                faults.add(
                    "before:",
                    "without `baseline` nothing is compared with an update before",
                );
            }
            if step
                .before
                .values()
                .any(|share| !(0.0..=1.0).contains(share))
            {
                faults.add(
                    "before:",
                    "a share of the update before is from 0 to 1, such as 0.01",
                );
            }
            if compares && !step.before.is_empty() && step.of.is_none() {
                faults.add("before:", "without `of` nobody knows what share fails");
            }
            fires |= !step.firing.is_empty();
            stays_quiet |= step.values.keys().any(|group| !step.firing.contains(group));
            steps.push(Step {
                at,
                of: step.of,
                values: step.values,
                before: step.before,
                is_late: step.late,
                firing: step.firing,
            });
        }
        cases.push(Case {
            name: case.case,
            steps,
        });
    }
    if !fires || !stays_quiet {
        faults.add("tests:", "tests must show a step at which it fires, and one at which it counts something and stays quiet");
    }
    cases
}

#[cfg(test)]
mod tests;
