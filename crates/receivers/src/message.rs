//! What is told: one message of all alerts of a rule that began or ended together.

use event::UtcMillis;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

/// A text in both languages; where one is empty the other stands in for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Simplified Chinese.
    pub zh: String,
}

impl Text {
    /// The text in a tongue.
    pub fn get(&self, tongue: Tongue) -> &str {
        let (own, other) = match tongue {
            Tongue::En => (&self.en, &self.zh),
            Tongue::Zh => (&self.zh, &self.en),
        };
        if own.is_empty() { other } else { own }
    }
}

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Look at it today.
    Warning,
    /// Look at it now.
    Critical,
}

impl Severity {
    /// As in labels and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Whether it began or ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It is so.
    Firing,
    /// It is over.
    Resolved,
}

impl Status {
    /// As in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tongue {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}

/// In which languages a receiver is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English alone.
    En,
    /// Chinese alone.
    Zh,
    /// Chinese, then English.
    #[default]
    Both,
}

impl Language {
    pub(crate) fn tongues(self) -> &'static [Tongue] {
        match self {
            Self::En => &[Tongue::En],
            Self::Zh => &[Tongue::Zh],
            Self::Both => &[Tongue::Zh, Tongue::En],
        }
    }
}

/// One thing that an alert is about, a PC say.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What tells it from the others of the message.
    pub labels: BTreeMap<String, String>,
    /// The figure that was compared.
    pub value: f64,
    /// What is shown of it.
    pub text: Text,
    /// Address of its page; may be empty.
    pub page: String,
}

/// All alerts of a rule that began or ended together.
///
/// People are shown the first ten items; Alertmanager, webhooks and commands get all that are here.
#[derive(Clone, Debug, PartialEq)]
pub struct Message {
    /// The same for every try and repeat of this message.
    pub id: String,
    /// 0 = the first time; who drops what was seen goes by `id` and this.
    pub repetition: u32,
    /// The rule's id.
    pub rule: String,
    /// How bad it is.
    pub severity: Severity,
    /// Whether it began or ended.
    pub status: Status,
    /// Labels that all items share.
    pub labels: BTreeMap<String, String>,
    /// One line.
    pub title: Text,
    /// A few lines.
    pub body: Text,
    /// Absolute address of the page that shows why.
    pub page: String,
    /// Since when it is so.
    pub starts_at: SystemTime,
    /// When it ended; of one that fires, until when it is believed without being told again.
    pub ends_at: Option<SystemTime>,
    /// The items, or the first of them.
    pub alerts: Vec<Item>,
    /// How many there are in all.
    pub total: usize,
}

impl Message {
    /// How many there are, whatever the caller counted.
    pub(crate) fn total(&self) -> usize {
        self.total.max(self.alerts.len())
    }

    /// The message as webhooks and commands get it, also where it goes through a terminal or a log on its way.
    pub(crate) fn json_text(&self) -> String {
        harmless::json(&self.json().to_string()).into_owned()
    }

    /// The same as a value; `docs/alerts.md` has its fields.
    fn json(&self) -> Value {
        let alerts: Vec<Value> = self
            .alerts
            .iter()
            .map(|item| {
                json!({
                    "labels": item.labels,
                    "value": item.value,
                    "text": item.text,
                    "page": item.page,
                })
            })
            .collect();
        json!({
            "version": 1,
            "id": self.id,
            "rule": self.rule,
            "severity": self.severity,
            "status": self.status,
            "labels": self.labels,
            "title": self.title,
            "body": self.body,
            "page": self.page,
            "starts_at": rfc3339(self.starts_at),
            "ends_at": self.ends_at.map(rfc3339),
            "alerts": alerts,
            "total": self.total(),
            "repetition": self.repetition,
        })
    }
}

/// Milliseconds since 1970; of times before it, which no alert has, 0.
pub(crate) fn millis(at: SystemTime) -> UtcMillis {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    UtcMillis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

pub(crate) fn rfc3339(at: SystemTime) -> String {
    millis(at).to_string()
}
