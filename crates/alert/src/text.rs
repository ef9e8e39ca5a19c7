//! Words of messages: a rule's texts with their fields, and the address of the page that shows what it is about.

use crate::{
    message::Text,
    rule::{Figure, Rule},
    state::Before,
};
use std::collections::BTreeMap;
use std::time::Duration;
use store::AlertState;

/// What causes are called, by their id.
pub(crate) type CauseTitles = BTreeMap<String, Text>;

/// Fields that every rule's texts may name beside what it groups by.
pub(crate) const FIELDS: [&str; 5] = ["value", "threshold", "of", "share", "pcs"];

/// The field of rules that compare: the update before, as a part of a sentence.
pub(crate) const BEFORE: &str = "before";

/// Names in braces of a text.
pub(crate) fn fields(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once('{') {
        let Some((field, after)) = after.split_once('}') else {
            break;
        };
        found.push(field);
        rest = after;
    }
    found
}

/// A text with something in the place of each of its fields.
fn with_fields(text: &str, value: impl Fn(&str) -> String) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        let Some((field, after)) = after.split_once('}') else {
            break;
        };
        out.push_str(before);
        out.push_str(&value(field));
        rest = after;
    }
    out.push_str(rest);
    out
}

/// A rule's text where nothing is counted.
pub(crate) fn without_fields(text: &Text) -> Text {
    let without = |text: &str| with_fields(text, |_| "…".to_owned());
    Text {
        en: without(&text.en),
        zh: without(&text.zh),
    }
}

/// Which language.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Language {
    En,
    Zh,
}

/// A rule's text with what an episode knows, and the update that it was compared with.
pub(crate) fn filled(
    text: &Text,
    state: &AlertState,
    before: Option<&Before>,
    causes: &CauseTitles,
) -> Text {
    let fill = |text: &str, language| {
        with_fields(text, |field| match field {
            BEFORE => of_before(before, language),
            field => value_of(field, state, causes, language),
        })
    };
    Text {
        en: fill(&text.en, Language::En),
        zh: fill(&text.zh, Language::Zh),
    }
}

fn value_of(field: &str, state: &AlertState, causes: &CauseTitles, language: Language) -> String {
    match field {
        "value" => number(state.value),
        "threshold" => number(state.threshold.ceil()),
        "of" => number(state.of.unwrap_or_default()),
        "share" => match state.of {
            Some(of) if of > 0.0 => percent(state.value / of),
            _ => "?".to_owned(),
        },
        "pcs" => pcs(state, language),
        _ => {
            let named = state.labels.iter().find(|(name, _)| name == field);
            let value = named.map_or("", |(_, value)| value.as_str());
            match (field, causes.get(value)) {
                ("cause", Some(title)) if language == Language::Zh => title.zh.clone(),
                ("cause", Some(title)) => title.en.clone(),
                // A machine without the label.
                _ if value.is_empty() => "-".to_owned(),
                _ => value.to_owned(),
            }
        }
    }
}

/// What an update was compared with.
fn of_before(before: Option<&Before>, language: Language) -> String {
    match (before, language) {
        (Some(Before { kb, share }), Language::En) => {
            format!("{kb} before it had {} when it was as old", percent(*share))
        }
        (Some(Before { kb, share }), Language::Zh) => {
            format!("上一个更新 {kb} 在相同天数时为 {}", percent(*share))
        }
        (None, Language::En) => "there is no update before it to compare with".to_owned(),
        (None, Language::Zh) => "没有可比较的上一个更新".to_owned(),
    }
}

fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// The first ten PCs, and how many there are beside them.
fn pcs(state: &AlertState, language: Language) -> String {
    let (comma, more) = match language {
        Language::En => (", ", "and {} more"),
        Language::Zh => ("、", "等共 {} 台"),
    };
    let named = state.pcs.len() as f64;
    let mut text = state.pcs.join(comma);
    if state.value > named && named > 0.0 {
        let count = match language {
            Language::En => state.value - named,
            Language::Zh => state.value,
        };
        let space = if language == Language::En { " " } else { "" };
        text.push_str(space);
        text.push_str(&more.replace("{}", &number(count)));
    }
    text
}

/// A figure without digits that say nothing.
pub(crate) fn number(value: f64) -> String {
    match value.fract() == 0.0 {
        true => format!("{value:.0}"),
        false => format!("{value:.1}"),
    }
}

/// Where a group is shown, below the pages' address.
pub(crate) fn page(rule: &Rule, labels: &[(String, String)]) -> String {
    let value = |wanted: &str| {
        let found = labels.iter().find(|(name, _)| name == wanted);
        found.map(|(_, value)| value.clone())
    };
    let kb = value("kb").or_else(|| rule.narrow.kb.clone());
    let cause = value("cause");
    let mut query: Vec<String> = Vec::new();
    let path = match (rule.figure, &cause, &kb) {
        (Figure::Silent, ..) => {
            query.push("state=silent".to_owned());
            "/endpoints".to_owned()
        }
        (Figure::ClockAhead, ..) => {
            query.push("state=clock_ahead".to_owned());
            "/endpoints".to_owned()
        }
        (Figure::Sql, None, None) => return "/alerts".to_owned(),
        (Figure::Sql, None, Some(kb)) => return format!("/updates/{}", encoded(kb)),
        (Figure::Sql, Some(cause), _) => return format!("/causes/{}", encoded(cause)),
        (Figure::Clones, ..) => {
            query.push("state=cloned".to_owned());
            "/endpoints".to_owned()
        }
        (Figure::Gaps, ..) => "/coverage".to_owned(),
        (figure, ..) if !figure.is_of_tries() => "/system".to_owned(),
        (_, Some(cause), _) => {
            query.extend(kb.map(|kb| format!("kb={}", encoded(&kb))));
            format!("/causes/{}", encoded(cause))
        }
        (Figure::Failing, None, Some(kb)) => format!("/updates/{}", encoded(kb)),
        (figure, None, kb) => {
            query.push(format!("state={}", figure.name()));
            query.extend(kb.as_ref().map(|kb| format!("kb={}", encoded(kb))));
            "/endpoints".to_owned()
        }
    };
    let of_group = labels
        .iter()
        .filter(|(name, value)| !["kb", "cause"].contains(&name.as_str()) && !value.is_empty());
    for (name, value) in rule.narrow.labels.iter().chain(of_group) {
        query.push(format!("label={}:{}", encoded(name), encoded(value)));
    }
    match query.is_empty() {
        true => path,
        false => format!("{path}?{}", query.join("&")),
    }
}

/// Everything but letters, digits and what addresses leave alone.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// How long something lasted, to the minute.
pub(crate) fn lasted(time: Duration) -> Text {
    let minutes = time.as_secs() / 60;
    let (days, hours, minutes) = (minutes / 1_440, minutes / 60 % 24, minutes % 60);
    match (days, hours) {
        (0, 0) => Text {
            en: format!("{minutes} min"),
            zh: format!("{minutes} 分钟"),
        },
        (0, _) => Text {
            en: format!("{hours} h {minutes} min"),
            zh: format!("{hours} 小时 {minutes} 分钟"),
        },
        _ => Text {
            en: format!("{days} d {hours} h"),
            zh: format!("{days} 天 {hours} 小时"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_found_and_a_lone_brace_is_text() {
        assert_eq!(fields("{kb} fails on {value} PCs {"), ["kb", "value"]);
        assert_eq!(fields("nothing"), Vec::<&str>::new());
        let shown = with_fields("{kb} fails on {value} PCs {", |field| format!("<{field}>"));
        assert_eq!(shown, "<kb> fails on <value> PCs {");
    }

    #[test]
    fn times_are_told_to_the_minute() {
        for (seconds, en, zh) in [
            (59, "0 min", "0 分钟"),
            (3_660, "1 h 1 min", "1 小时 1 分钟"),
            (90_000, "1 d 1 h", "1 天 1 小时"),
        ] {
            let text = lasted(Duration::from_secs(seconds));
            assert_eq!((text.en.as_str(), text.zh.as_str()), (en, zh));
        }
    }

    #[test]
    fn hostile_values_stay_one_part_of_an_address() {
        assert_eq!(
            encoded("a&b=c/d?e#f \u{202e}"),
            "a%26b%3Dc%2Fd%3Fe%23f%20%E2%80%AE"
        );
    }
}
