//! What is sent, and who sends it: the seam to whoever delivers.

use crate::rule::Severity;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// A text in both languages.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// English.
    pub en: String,
    /// Chinese.
    pub zh: String,
}

/// Whether it begins or is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It fires.
    Firing,
    /// It is over.
    Resolved,
}

impl Status {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Firing => "firing",
            Self::Resolved => "resolved",
        }
    }
}

/// One group of a rule within a message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The group, as its rule tells it apart: what keeps its messages in their order.
    pub group: Vec<(String, String)>,
    /// Those of the message, and the group's own.
    pub labels: BTreeMap<String, String>,
    /// The figure.
    pub value: f64,
    /// What there is to say of it.
    pub text: Text,
    /// The page that shows it.
    pub page: String,
}

/// All groups of one rule and evaluation that began, or that are over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// The same where it is sent again.
    pub id: String,
    /// 0 = the first time; what fires for long is said again with the next one.
    #[serde(default)]
    pub repetition: u32,
    /// The rule.
    pub rule: String,
    /// How much it matters.
    pub severity: Severity,
    /// Whether it begins or is over.
    pub status: Status,
    /// What all its groups share.
    pub labels: BTreeMap<String, String>,
    /// What it is called.
    pub title: Text,
    /// What there is to say.
    pub body: Text,
    /// The page that shows it.
    pub page: String,
    /// When the first of them began to fire.
    pub starts_at: SystemTime,
    /// When the last of them was over.
    pub ends_at: Option<SystemTime>,
    /// All of them, those with the greatest figures first; texts name ten.
    pub alerts: Vec<Item>,
    /// How many there are.
    pub total: usize,
}

/// What became of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver took it.
    Delivered,
    /// It may take it later.
    Retry {
        /// Why it did not.
        error: String,
        /// Not before so long.
        after: Option<Duration>,
    },
    /// It will never take it.
    Refused {
        /// Why.
        error: String,
    },
}

/// Who takes messages. May be called for several receivers at once, and again with the same message; an error is an [`Outcome`].
pub trait Receivers: Send + Sync {
    /// Their names.
    fn names(&self) -> Vec<String>;

    /// A receiver that wants every alert that fires again and again, as Alertmanager does: how often.
    fn resend(&self, receiver: &str) -> Option<Duration>;

    /// One try.
    fn deliver<'a>(&'a self, receiver: &'a str, message: &'a Message) -> BoxFuture<'a, Outcome>;
}

/// Nobody to tell: alerts are evaluated, and shown on their page.
pub struct Nobody;

impl Receivers for Nobody {
    fn names(&self) -> Vec<String> {
        Vec::new()
    }

    fn resend(&self, _: &str) -> Option<Duration> {
        None
    }

    fn deliver<'a>(&'a self, receiver: &'a str, _: &'a Message) -> BoxFuture<'a, Outcome> {
        let error = format!("there is no receiver `{receiver}`");
        Box::pin(async { Outcome::Refused { error } })
    }
}
