//! Rule files to rules; all faults at once, each with file and line.

use super::{Bilingual, Layer, Rule, Steps, Tests, When};
use event::{Code, Severity, Source};
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt;
use xxhash_rust::xxh3::Xxh3;

/// Something wrong in a rule file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// File name.
    pub file: String,
    /// Line, 1-based.
    pub line: u64,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// The categories there are; pages and alerts know them by name.
pub const CATEGORIES: &[&str] = &[
    "access_denied",
    "advanced_installer_failed",
    "cancelled",
    "catalog_corrupt",
    "component_metadata_corrupt",
    "component_store_corrupt",
    "disk_full",
    "dism_host_lost",
    "driver_operation_failed",
    "edition",
    "feature_unknown",
    "filesystem_corruption",
    "filesystem_or_disk",
    "fod_content_not_found",
    "hydration_failed",
    "installer_failed",
    "known_false_positive",
    "licence",
    "locked_file",
    "log_maintenance",
    "missing_assembly",
    "missing_package_manifest",
    "missing_system_path",
    "network",
    "network_dns",
    "noise",
    "not_applicable",
    "not_servicing",
    "package_invalid",
    "pending_reboot",
    "prerequisite_missing",
    "psfx_base_missing",
    "recovery_partition",
    "repair_source_missing",
    "reparse_or_filter",
    "retryable_download",
    "secure_boot",
    "service_unavailable",
    "servicing_stack_damaged",
    "servicing_timeout",
    "sfc_unrepairable",
    "ssu_required",
    "transaction_log_full",
    "unclassified",
    "unexpected_shutdown",
    "upgrade_rollback",
    "wsus_policy",
    "wsus_server_error",
    "wu_datastore",
];

const RULE_FIELDS: &[&str] = &[
    "id",
    "title",
    "advice",
    "category",
    "severity",
    "layer",
    "noise",
    "by_code",
    "when",
    "terminal",
    "unexplained",
    "references",
    "tests",
];
const WHEN_FIELDS: &[&str] = &[
    "sources",
    "components",
    "all",
    "any",
    "none",
    "codes",
    "last_error",
    "regex",
];

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawRule {
    id: String,
    title: RawBilingual,
    advice: RawSteps,
    category: String,
    severity: String,
    layer: String,
    noise: bool,
    by_code: bool,
    when: Option<RawWhen>,
    terminal: Vec<String>,
    unexplained: bool,
    references: Vec<String>,
    tests: RawTests,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawBilingual {
    en: String,
    zh: String,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawSteps {
    en: Vec<String>,
    zh: Vec<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawWhen {
    sources: Vec<String>,
    components: Vec<String>,
    all: Vec<String>,
    any: Vec<String>,
    none: Vec<String>,
    codes: Vec<String>,
    last_error: bool,
    regex: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default, deny_unknown_fields)]
struct RawTests {
    r#match: Vec<String>,
    no_match: Vec<String>,
}

/// Everything said of one rule file, with the lines to say it of.
struct Faults<'a> {
    file: &'a str,
    lines: Vec<&'a str>,
    rule_line: u64,
    found: Vec<Fault>,
}

impl Faults<'_> {
    /// `key`: what to point at within the rule; its first line where it does not stand there.
    fn add(&mut self, key: &str, message: String) {
        let start = usize::try_from(self.rule_line).unwrap_or(1) - 1;
        let within = self.lines.iter().skip(start).enumerate();
        let at = within
            .take_while(|(index, line)| *index == 0 || !line.starts_with("- "))
            .find(|(_, line)| !key.is_empty() && line.contains(key))
            .map_or(0, |(index, _)| index as u64);
        self.found.push(Fault {
            file: self.file.to_owned(),
            line: self.rule_line + at,
            message,
        });
    }
}

pub(super) fn load(files: &[(&str, &str)]) -> Result<Vec<Rule>, Vec<Fault>> {
    let mut rules: Vec<Rule> = Vec::new();
    let mut faults = Vec::new();
    let mut seen: HashMap<String, String> = HashMap::new();
    for (file, text) in files {
        let values: Vec<serde_saphyr::Spanned<Value>> = match serde_saphyr::from_str(text) {
            Ok(values) => values,
            Err(error) => {
                let line = error.location().map_or(1, |location| location.line());
                let message = error.to_string();
                let message = message.lines().next().unwrap_or_default().to_owned();
                faults.push(Fault {
                    file: (*file).to_owned(),
                    line,
                    message,
                });
                continue;
            }
        };
        for value in values {
            let mut said = Faults {
                file,
                lines: text.lines().collect(),
                rule_line: value.referenced.line().max(1),
                found: Vec::new(),
            };
            let rule = rule(value.value, &mut said);
            if let Some(rule) = rule {
                let place = format!("{file}:{}", said.rule_line);
                if let Some(first) = seen.insert(rule.id.clone(), place.clone()) {
                    said.add(
                        "id:",
                        format!("duplicate id `{}`, first at {first}", rule.id),
                    );
                }
                rules.push(rule);
            }
            faults.append(&mut said.found);
        }
    }
    if faults.is_empty() {
        Ok(rules)
    } else {
        Err(faults)
    }
}

fn rule(mut value: Value, faults: &mut Faults<'_>) -> Option<Rule> {
    refuse_unknown(&mut value, RULE_FIELDS, faults);
    if let Some(when) = value.get_mut("when") {
        refuse_unknown(when, WHEN_FIELDS, faults);
    }
    let raw: RawRule = match serde_json::from_value(value) {
        Ok(raw) => raw,
        Err(error) => {
            faults.add("", error.to_string());
            return None;
        }
    };
    if raw.id.is_empty()
        || !raw
            .id
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
    {
        faults.add(
            "id:",
            format!(
                "id `{}`: lower-case letters, digits and `_` are allowed",
                raw.id
            ),
        );
    }
    let id = raw.id.clone();
    for (language, title) in [("en", &raw.title.en), ("zh", &raw.title.zh)] {
        if title.is_empty() {
            faults.add(
                "title:",
                format!("rule `{id}` has no title in `{language}`"),
            );
        }
    }
    if !raw.noise && (raw.advice.en.is_empty() || raw.advice.en.len() != raw.advice.zh.len()) {
        faults.add(
            "advice:",
            format!("rule `{id}` needs advice in `en` and `zh`, the same number of steps"),
        );
    }
    if !CATEGORIES.contains(&raw.category.as_str()) {
        faults.add(
            "category:",
            format!(
                "rule `{id}`: no category `{}`; known: {}",
                raw.category,
                CATEGORIES.join(", ")
            ),
        );
    }
    let severity = match (raw.noise, Severity::from_name(&raw.severity)) {
        (true, _) => Severity::Info,
        (false, Some(severity)) => severity,
        (false, None) => {
            faults.add(
                "severity:",
                format!(
                    "rule `{id}`: no severity `{}`; known: info, warning, error, critical",
                    raw.severity
                ),
            );
            Severity::Info
        }
    };
    let layer = match raw.layer.as_str() {
        "origin" => Layer::Origin,
        "installer" => Layer::Installer,
        "servicing" | "" => Layer::Servicing,
        "agent" => Layer::Agent,
        other => {
            faults.add(
                "layer:",
                format!(
                    "rule `{id}`: no layer `{other}`; known: origin, installer, servicing, agent"
                ),
            );
            Layer::Servicing
        }
    };
    if raw.when.is_none() && raw.terminal.is_empty() && !raw.unexplained {
        faults.add(
            "",
            format!("rule `{id}` needs `when`, `terminal` or `unexplained`"),
        );
    }
    if raw.unexplained && !raw.id.starts_with("unexplained_") {
        faults.add(
            "id:",
            format!(
                "rule `{id}` speaks for what no rule names, so its id starts with `unexplained_`"
            ),
        );
    }
    for (key, lines) in [
        ("match:", &raw.tests.r#match),
        ("no_match:", &raw.tests.no_match),
    ] {
        if lines.is_empty() && raw.when.is_some() {
            faults.add("tests:", format!("rule `{id}` has no test under `{key}`"));
        }
    }
    let when = raw.when.map(|when| conditions(when, &id, faults));
    Some(Rule {
        terminal: codes(&raw.terminal, "terminal:", &id, faults),
        id,
        title: Bilingual {
            en: raw.title.en,
            zh: raw.title.zh,
        },
        advice: Steps {
            en: raw.advice.en,
            zh: raw.advice.zh,
        },
        category: raw.category,
        severity,
        layer,
        noise: raw.noise,
        by_code: raw.by_code,
        references: raw.references,
        when,
        tests: Tests {
            matching: raw.tests.r#match,
            not_matching: raw.tests.no_match,
        },
    })
}

fn conditions(raw: RawWhen, id: &str, faults: &mut Faults<'_>) -> When {
    if raw.all.is_empty() && raw.any.is_empty() && raw.codes.is_empty() {
        faults.add("when:", format!("rule `{id}` needs `all`, `any` or `codes`: a regex alone would be tried on every record"));
    }
    if raw.all.len() + raw.any.len() + raw.none.len() > 32 {
        faults.add("when:", format!("rule `{id}` has more than 32 literals"));
    }
    for literal in raw.all.iter().chain(&raw.any).chain(&raw.none) {
        if literal.is_empty() {
            faults.add("when:", format!("rule `{id}` has an empty literal"));
        }
    }
    let mut sources = Vec::new();
    for name in &raw.sources {
        match Source::from_name(name) {
            Some(source) => sources.push(source),
            None => {
                let known: Vec<_> = Source::ALL.iter().map(|source| source.name()).collect();
                faults.add(
                    "sources:",
                    format!(
                        "rule `{id}`: no source `{name}`; known: {}",
                        known.join(", ")
                    ),
                );
            }
        }
    }
    let regex = raw.regex.and_then(|pattern| match Regex::new(&pattern) {
        Ok(regex) => Some(regex),
        Err(error) => {
            let error = error.to_string();
            let reason = error.lines().last().unwrap_or_default();
            faults.add(
                "regex:",
                format!(
                    "rule `{id}`: regex `{pattern}`: {}",
                    reason.trim_start_matches("error: ")
                ),
            );
            None
        }
    });
    When {
        sources,
        components: raw.components,
        codes: codes(&raw.codes, "codes:", id, faults),
        all: raw.all,
        any: raw.any,
        none: raw.none,
        last_error: raw.last_error,
        regex,
    }
}

fn codes(texts: &[String], key: &str, id: &str, faults: &mut Faults<'_>) -> Vec<Code> {
    let mut codes = Vec::new();
    for text in texts {
        match text
            .strip_prefix("0x")
            .filter(|digits| digits.len() == 8)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        {
            Some(value) => codes.push(Code::new(value)),
            None => faults.add(
                key,
                format!("rule `{id}`: code `{text}`: write 0x and eight hex digits, in quotes"),
            ),
        }
    }
    codes
}

fn refuse_unknown(value: &mut Value, known: &[&str], faults: &mut Faults<'_>) {
    let Some(fields) = value.as_object_mut() else {
        return;
    };
    let unknown: Vec<String> = fields
        .keys()
        .filter(|key| !known.contains(&key.as_str()))
        .cloned()
        .collect();
    for field in unknown {
        faults.add(
            &format!("{field}:"),
            format!("unknown field `{field}`; known: {}", known.join(", ")),
        );
        fields.remove(&field);
    }
}

pub(super) fn digest(files: &[(&str, &str)], version: u32) -> String {
    let mut hash = Xxh3::new();
    hash.update(&version.to_le_bytes());
    for (file, text) in files {
        for part in [*file, *text] {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
    }
    format!("{:032x}", hash.digest128())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "
- id: a_rule
  title: { en: Something broke, zh: 出错了 }
  advice: { en: [mend it], zh: [修复] }
  category: disk_full
  severity: error
  when: { all: [No space left] }
  tests: { match: [No space left on C], no_match: [space] }
";

    #[test]
    fn a_good_rule_loads() {
        assert_eq!(load(&[("x.yaml", GOOD)]).unwrap().len(), 1);
    }

    #[test]
    fn all_faults_are_said_at_once_with_file_and_line() {
        let bad = format!(
            "{GOOD}{}{}{}",
            GOOD.trim_start_matches('\n'),
            "- id: b_rule
  title: { en: word }
  advice: { en: [mend], zh: [修复] }
  category: disk_full
  severity: error
  colour: red
  when: { all: [q], regex: '(unclosed' }
  tests: { match: [q], no_match: [r] }
",
            "- id: c_rule
  title: { en: word, zh: 词 }
  advice: { en: [mend], zh: [修复] }
  category: nonsense
  severity: bad
  terminal: ['0x12']
",
        );
        let faults: Vec<String> = load(&[("x.yaml", &bad)])
            .unwrap_err()
            .iter()
            .map(Fault::to_string)
            .collect();
        let has = |text: &str| {
            assert!(
                faults.iter().any(|fault| fault.contains(text)),
                "{text} in {faults:#?}"
            )
        };
        has("x.yaml:9: duplicate id `a_rule`, first at x.yaml:2");
        has("x.yaml:21: unknown field `colour`");
        has("x.yaml:17: rule `b_rule` has no title in `zh`");
        has("x.yaml:22: rule `b_rule`: regex `(unclosed`");
        has("rule `c_rule`: no category `nonsense`");
        has("rule `c_rule`: no severity `bad`");
        has("rule `c_rule`: code `0x12`");
    }
}
