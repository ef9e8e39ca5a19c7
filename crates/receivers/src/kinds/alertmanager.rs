//! Prometheus Alertmanager, API v2: each item is an alert of its own, told to every member of a cluster.

use super::webhook::authorization;
use crate::check::Checks;
use crate::escape::link;
use crate::fit::clip;
use crate::http::Http;
use crate::message::{Message, Status, Tongue, rfc3339};
use crate::outcome::Outcome;
use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// Annotations are shown on pages and in mails of others.
const ANNOTATION_BYTES: usize = 4000;
const LABEL_BYTES: usize = 1000;

pub(crate) struct Alertmanager {
    http: Http,
    urls: Vec<String>,
    headers: Vec<(String, String)>,
}

impl Alertmanager {
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let config = checks.config;
        let authorization = authorization(checks);
        if config.urls.is_empty() {
            checks.fault("urls", "is missing: the base address of each Alertmanager");
        }
        let urls: Vec<Option<String>> = config
            .urls
            .iter()
            .map(|url| {
                let url = url
                    .trim()
                    .trim_end_matches('/')
                    .trim_end_matches("/api/v2/alerts");
                checks.address("urls", url, authorization.is_some())
            })
            .collect();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        headers.extend(authorization);
        let http = checks.http();
        Some(Self {
            http: http?,
            urls: urls.into_iter().collect::<Option<_>>()?,
            headers,
        })
    }

    /// All members are told, as they tell each other only of what they sent. One that took it is enough: it is told again soon.
    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let body = body(message, SystemTime::now());
        let tries = self.urls.iter().map(|url| self.tell(url, &body));
        let outcomes = join_all(tries).await;
        let faults: Vec<(&String, &Outcome)> = self
            .urls
            .iter()
            .zip(&outcomes)
            .filter(|(_, outcome)| **outcome != Outcome::Delivered)
            .collect();
        if faults.len() < outcomes.len() {
            for (url, outcome) in faults {
                let error = outcome.error().unwrap_or_default();
                tracing::warn!(%url, %error, "one of several Alertmanagers did not take an alert");
            }
            return Outcome::Delivered;
        }
        let said: Vec<String> = faults
            .iter()
            .map(|(url, outcome)| format!("`{url}`: {}", outcome.error().unwrap_or_default()))
            .collect();
        let said = said.join("\n");
        let is_refused = |outcome: &Outcome| matches!(outcome, Outcome::Refused { .. });
        if outcomes.iter().all(is_refused) {
            return Outcome::refused(said);
        }
        let waits = outcomes.iter().filter_map(|outcome| match outcome {
            Outcome::Retry { after, .. } => Some(after.unwrap_or(Duration::ZERO)),
            _ => None,
        });
        match waits.min().filter(|wait| !wait.is_zero()) {
            Some(wait) => Outcome::later(said, wait),
            None => Outcome::retry(said),
        }
    }

    async fn tell(&self, url: &str, body: &str) -> Outcome {
        let url = format!("{url}/api/v2/alerts");
        let sent = self
            .http
            .post(url, self.headers.clone(), body.as_bytes().to_vec());
        match sent.await {
            Ok(answer) => answer.fault().unwrap_or(Outcome::Delivered),
            Err(outcome) => outcome,
        }
    }
}

/// What is told. An alert is known by its labels alone, so they hold nothing that changes while it lasts.
pub(crate) fn body(message: &Message, now: SystemTime) -> String {
    let alerts: Vec<Value> = if message.alerts.is_empty() {
        vec![alert(message, &BTreeMap::new(), None, now)]
    } else {
        let items = message.alerts.iter();
        items
            .map(|item| alert(message, &item.labels, Some(item), now))
            .collect()
    };
    Value::from(alerts).to_string()
}

fn alert(
    message: &Message,
    own: &BTreeMap<String, String>,
    item: Option<&crate::message::Item>,
    now: SystemTime,
) -> Value {
    let page = item.map_or(&message.page, |item| {
        if item.page.is_empty() {
            &message.page
        } else {
            &item.page
        }
    });
    let text = |tongue: Tongue| match item.map(|item| item.text.get(tongue)) {
        Some(text) if !text.is_empty() => text.to_owned(),
        _ => message.body.get(tongue).to_owned(),
    };
    let mut annotations = Map::new();
    for (name, value) in [
        ("summary", message.title.get(Tongue::En).to_owned()),
        ("summary_zh", message.title.get(Tongue::Zh).to_owned()),
        ("description", text(Tongue::En)),
        ("description_zh", text(Tongue::Zh)),
        ("page", page.clone()),
        ("message_id", message.id.clone()),
        ("total", message.total().to_string()),
        (
            "value",
            item.map(|item| item.value.to_string()).unwrap_or_default(),
        ),
    ] {
        if !value.is_empty() {
            let value = clip(&harmless::lines(&value), ANNOTATION_BYTES);
            annotations.insert(name.to_owned(), value.into());
        }
    }
    let mut alert = json!({
        "labels": labels(message, own),
        "annotations": annotations,
        "startsAt": rfc3339(message.starts_at),
    });
    // Without an end Alertmanager believes a firing alert for its own `resolve_timeout`.
    let ends_at = match message.status {
        Status::Firing => message.ends_at,
        // One that is said to end later than now would fire until then.
        Status::Resolved => Some(message.ends_at.unwrap_or(now).min(now)),
    };
    if let Some(at) = ends_at {
        alert["endsAt"] = rfc3339(at).into();
    }
    if let Some(page) = link(page) {
        alert["generatorURL"] = page.into();
    }
    alert
}

fn labels(message: &Message, own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    labels.insert("alertname".to_owned(), message.rule.clone());
    labels.insert("severity".to_owned(), message.severity.name().to_owned());
    for (name, value) in message.labels.iter().chain(own) {
        // A label without a value is none to Alertmanager.
        if value.is_empty() {
            continue;
        }
        let name = label_name(name);
        let value = clip(&harmless::line(value), LABEL_BYTES);
        let is_ours = name == "alertname" || name == "severity";
        // What it gets anyway.
        if is_ours && labels.get(&name) == Some(&value) {
            continue;
        }
        let mut free = if is_ours {
            format!("{name}_2")
        } else {
            name.clone()
        };
        // Two names that differ in signs alone stay two labels, and so do a shared value and an item's own of the same name.
        let mut number = 2;
        while labels.get(&free).is_some_and(|known| *known != value) {
            free = format!("{name}_{number}");
            number += 1;
        }
        labels.insert(free, value);
    }
    labels
}

/// Letters, digits and `_`, which every version takes.
fn label_name(name: &str) -> String {
    let clean: String = name
        .chars()
        .map(|letter| {
            if letter.is_ascii_alphanumeric() {
                letter
            } else {
                '_'
            }
        })
        .take(128)
        .collect();
    match clean.chars().next() {
        Some(first) if !first.is_ascii_digit() => clean,
        _ => format!("_{clean}"),
    }
}

#[cfg(test)]
mod tests {
    use super::labels;
    use std::collections::BTreeMap;

    #[test]
    fn what_it_gets_anyway_is_told_once() {
        let mut message = crate::kinds::template::sample();
        message.rule = "failing".to_owned();
        let ours = [
            ("alertname", message.rule.clone()),
            ("severity", message.severity.name().to_owned()),
        ];
        let ours = ours.map(|(name, value)| (name.to_owned(), value));
        message.labels = BTreeMap::from(ours.clone());
        let own = message.labels.clone();
        assert_eq!(labels(&message, &own), BTreeMap::from(ours));
        // Another value of the same name is none of ours.
        let own = BTreeMap::from([("severity".to_owned(), "low".to_owned())]);
        let told = labels(&message, &own);
        assert_eq!(told.get("severity_2").map(String::as_str), Some("low"));
    }
}
