//! Bodies of webhooks as somebody else wants them: text with `{{ names }}`, each escaped for what the body is.

use crate::check::Checks;
use crate::document::{Style, documents};
use crate::escape::percent;
use crate::fit::Shown;
use crate::message::{Item, Message, Severity, Status, Text, Tongue, rfc3339};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::SystemTime;

/// A template is some lines; a file that is larger is another one.
const TEMPLATE_BYTES: u64 = 64 << 10;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    Json,
    Form,
    Text,
}

#[derive(Debug)]
enum Part {
    Fixed(String),
    Name(String),
}

#[derive(Debug)]
pub(crate) struct Template {
    parts: Vec<Part>,
    escape: Escape,
    content_type: String,
}

/// Names of every body; beside them there are `labels.NAME`, and in JSON `message`.
const NAMES: [&str; 16] = [
    "id",
    "rule",
    "severity",
    "status",
    "title",
    "title.en",
    "title.zh",
    "body",
    "body.en",
    "body.zh",
    "page",
    "starts_at",
    "ends_at",
    "total",
    "repetition",
    "text",
];

impl Template {
    /// The template of a webhook where it has one.
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let config = checks.config;
        let (field, text) = match (&config.template, &config.template_file) {
            (None, None) => {
                if config.content_type.is_some() {
                    checks.fault("content_type", "is of use beside a template only");
                }
                return None;
            }
            (Some(_), Some(_)) => {
                checks.fault(
                    "template_file",
                    "stands beside `template`: only one of them is allowed",
                );
                return None;
            }
            (Some(text), None) => ("template", text.clone()),
            (None, Some(path)) => {
                let size = std::fs::metadata(path).map_or(0, |file| file.len());
                let text = if size > TEMPLATE_BYTES {
                    Err(format!("`{}` has more than 64 KiB", path.display()))
                } else {
                    std::fs::read_to_string(path)
                        .map_err(|error| format!("cannot read `{}`: {error}", path.display()))
                };
                ("template_file", checks.good("template_file", text)?)
            }
        };
        let content_type = config.content_type.as_deref().unwrap_or("application/json");
        let escape = match content_type.split(';').next().unwrap_or_default().trim() {
            "application/json" => Escape::Json,
            "application/x-www-form-urlencoded" => Escape::Form,
            "text/plain" => Escape::Text,
            _ => {
                checks.fault(
                    "content_type",
                    format!("`{content_type}`: application/json, application/x-www-form-urlencoded and text/plain are allowed"),
                );
                return None;
            }
        };
        if ureq::http::HeaderValue::from_str(content_type).is_err() {
            checks.fault("content_type", "cannot be a header");
        }
        let parsed = Self::parse(&text, escape, content_type);
        checks.good(field, parsed)
    }

    fn parse(text: &str, escape: Escape, content_type: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("{{") {
            let (name, behind) = after
                .split_once("}}")
                .ok_or_else(|| "a `{{` has no `}}` behind it".to_owned())?;
            parts.push(Part::Fixed(before.to_owned()));
            let name = name.trim();
            if !is_name(name, escape) {
                return Err(format!(
                    "`{{{{{name}}}}}` is not known: {}, labels.NAME, and in JSON message are",
                    NAMES.join(", ")
                ));
            }
            parts.push(Part::Name(name.to_owned()));
            rest = behind;
        }
        parts.push(Part::Fixed(rest.to_owned()));
        let template = Self {
            parts,
            escape,
            content_type: content_type.to_owned(),
        };
        if escape == Escape::Json {
            // Once with all that could break it: what is read then is read always.
            let filled = template.fill(&sample(), Style::default());
            serde_json::from_str::<Value>(&filled)
                .map_err(|error| format!("makes no JSON: {error}\nhint: names stand between quotes, but for {{{{message}}}} and {{{{total}}}}"))?;
        }
        Ok(template)
    }

    pub(crate) fn content_type(&self) -> &str {
        &self.content_type
    }

    pub(crate) fn fill(&self, message: &Message, style: Style) -> String {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Fixed(text) => out.push_str(text),
                Part::Name(name) if name == "message" => out.push_str(&message.json_text()),
                Part::Name(name) => out.push_str(&self.escaped(&value(name, message, style))),
            }
        }
        out
    }

    fn escaped(&self, text: &str) -> String {
        match self.escape {
            Escape::Json => {
                let quoted = Value::from(text).to_string();
                let inner = quoted
                    .strip_prefix('"')
                    .and_then(|text| text.strip_suffix('"'));
                harmless::json(inner.unwrap_or_default()).into_owned()
            }
            Escape::Form => percent(text),
            Escape::Text => harmless::lines(text).into_owned(),
        }
    }
}

fn is_name(name: &str, escape: Escape) -> bool {
    let label = name.strip_prefix("labels.");
    label.is_some_and(|label| !label.is_empty())
        || NAMES.contains(&name)
        || (name == "message" && escape == Escape::Json)
}

fn value(name: &str, message: &Message, style: Style) -> String {
    let both = |text: &Text, between: &str| {
        let tongues = style.language.tongues().iter();
        let parts: Vec<&str> = tongues.map(|tongue| text.get(*tongue)).collect();
        parts.join(between)
    };
    match name {
        "id" => message.id.clone(),
        "rule" => message.rule.clone(),
        "severity" => message.severity.name().to_owned(),
        "status" => message.status.name().to_owned(),
        "title" => both(&message.title, " / "),
        "title.en" => message.title.get(Tongue::En).to_owned(),
        "title.zh" => message.title.get(Tongue::Zh).to_owned(),
        "body" => both(&message.body, "\n\n"),
        "body.en" => message.body.get(Tongue::En).to_owned(),
        "body.zh" => message.body.get(Tongue::Zh).to_owned(),
        "page" => message.page.clone(),
        "starts_at" => rfc3339(message.starts_at),
        "ends_at" => message.ends_at.map(rfc3339).unwrap_or_default(),
        "total" => message.total().to_string(),
        "repetition" => message.repetition.to_string(),
        "text" => {
            let documents = documents(message, style);
            let parts: Vec<String> = documents
                .iter()
                .map(|document| document.plain(Shown::ALL))
                .collect();
            parts.join("\n")
        }
        _ => {
            let label = name.strip_prefix("labels.").unwrap_or_default();
            message.labels.get(label).cloned().unwrap_or_default()
        }
    }
}

/// A message with everything in it that could break a body.
pub(crate) fn sample() -> Message {
    let hostile = "\"\\\n\u{1}}{{ ]";
    let text = Text {
        en: hostile.to_owned(),
        zh: hostile.to_owned(),
    };
    Message {
        id: hostile.to_owned(),
        repetition: 0,
        rule: hostile.to_owned(),
        severity: Severity::Info,
        status: Status::Firing,
        labels: BTreeMap::from([("a".to_owned(), hostile.to_owned())]),
        title: text.clone(),
        body: text.clone(),
        page: hostile.to_owned(),
        starts_at: SystemTime::UNIX_EPOCH,
        ends_at: None,
        alerts: vec![Item {
            labels: BTreeMap::new(),
            value: 1.0,
            text,
            page: hostile.to_owned(),
        }],
        total: 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, escape: Escape) -> Result<Template, String> {
        Template::parse(text, escape, "x/y")
    }

    #[test]
    fn a_template_that_cannot_work_is_refused_when_it_is_read() {
        for (text, word) in [
            (r#"{"a": "{{titel}}"}"#, "titel"),
            (r#"{"a": "{{titel}}"}"#, "repetition, text, labels.NAME"),
            (r#"{"a": "{{title"}"#, "no `}}`"),
            (r#"{"a": {{title}}}"#, "makes no JSON"),
            ("{{labels.}}", "labels."),
        ] {
            let error = parse(text, Escape::Json).unwrap_err();
            assert!(error.contains(word), "{error}");
        }
        assert!(parse("{{message}}", Escape::Form).is_err());
    }

    #[test]
    fn every_name_is_escaped_for_the_body() {
        let mut message = sample();
        message
            .labels
            .insert("kb".to_owned(), "KB5031356".to_owned());
        message.repetition = 3;
        let json = r#"{"to": "13800000000", "kb": "{{ labels.kb }}", "none": "{{labels.site}}", "t": "{{title.en}}", "n": {{total}}, "again": {{repetition}}, "all": {{message}}, "text": "{{text}}"}"#;
        let filled = parse(json, Escape::Json)
            .unwrap()
            .fill(&message, Style::default());
        let value: Value = serde_json::from_str(&filled).unwrap();
        assert_eq!(value["kb"], "KB5031356");
        assert_eq!(value["none"], "");
        assert_eq!(value["t"], message.title.en);
        assert_eq!(value["n"], 1);
        assert_eq!(value["again"], 3);
        assert_eq!(value["all"]["repetition"], 3);
        assert_eq!(value["all"]["title"]["zh"], message.title.zh);
        assert!(value["text"].as_str().unwrap().contains("cbsift"));

        // As in the body without a template, so that it may go through a log on its way.
        message.title.en = "PC\u{202e}".to_owned();
        let turned = parse(r#"{"t": "{{title.en}}"}"#, Escape::Json).unwrap();
        assert_eq!(
            turned.fill(&message, Style::default()),
            r#"{"t": "PC\u202e"}"#
        );

        message.title.en = "a&b=c 部".to_owned();
        let form = parse("msg={{title.en}}&n={{total}}", Escape::Form).unwrap();
        assert_eq!(
            form.fill(&message, Style::default()),
            "msg=a%26b%3Dc%20%E9%83%A8&n=1"
        );
    }
}
