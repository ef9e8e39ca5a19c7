//! Who is told of alerts: the receivers of `alerts.receivers`, as evaluation knows them.

use crate::misuse::Misuse;
use crate::settings::Settings;
use alert::{Message, MessageStatus, Outcome};
use futures_util::future::BoxFuture;
use receivers::{Kind, ReceiverConfig};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// Alertmanager hears everything that fires as often, …
const RESEND: Duration = Duration::from_secs(60);

/// … and takes for over what it has not heard of for so long: longer than a restart or a take-over lasts.
const BELIEVED: Duration = Duration::from_secs(15 * 60);

/// The receivers that a file names; nobody without one. Every fault is told at once.
pub(super) fn receivers(settings: &Settings) -> anyhow::Result<Arc<dyn alert::Receivers>> {
    Ok(Arc::new(Told(named(settings)?)))
}

fn named(settings: &Settings) -> anyhow::Result<receivers::Receivers> {
    let configs = match &settings.alerts.receivers {
        None => Vec::new(),
        Some(path) => read(path)?,
    };
    let named = receivers::Receivers::from_config(&configs);
    Ok(named.map_err(|faults| refused(settings.alerts.receivers.as_deref(), &faults))?)
}

/// Of a preview: who would be sent a message.
pub(crate) enum Shown {
    /// Any receiver of a kind, in both languages.
    Kind(Kind),
    /// Whoever opens a mail: its page.
    MailPage,
    /// A receiver of `alerts.receivers`.
    Receiver(receivers::Receivers, String),
}

impl Shown {
    /// What `--as` takes for the page of a mail, beside the names of kinds.
    pub(crate) const MAIL_PAGE: &str = "mail-page";

    /// What `--as` takes.
    pub(crate) fn forms() -> Vec<&'static str> {
        let kinds = Kind::ALL.map(Kind::name).into_iter();
        kinds.chain([Self::MAIL_PAGE]).collect()
    }

    /// By one of these names.
    pub(crate) fn form(name: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|kind| kind.name() == name);
        match kind {
            Some(kind) => Some(Self::Kind(kind)),
            None => (name == Self::MAIL_PAGE).then_some(Self::MailPage),
        }
    }

    /// A receiver by its name.
    pub(crate) fn receiver(settings: &Settings, name: &str) -> anyhow::Result<Self> {
        let named = named(settings)?;
        if named.kind(name).is_none() {
            let known = match named.names().join(", ") {
                none if none.is_empty() => "`alerts.receivers` names nobody".to_owned(),
                names => format!("known: {names}"),
            };
            return Err(Misuse(format!("there is no receiver `{name}`\nhint: {known}")).into());
        }
        Ok(Self::Receiver(named, name.to_owned()))
    }

    /// What would be sent, without a signature.
    pub(crate) fn of(&self, message: &Message) -> String {
        let message = told(message);
        match self {
            Self::Kind(kind) => receivers::preview(*kind, receivers::Language::Both, &message),
            Self::MailPage => receivers::mail(receivers::Language::Both, &message).html,
            Self::Receiver(named, name) => named.preview(name, &message).unwrap_or_default(),
        }
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<ReceiverConfig>> {
    let text = std::fs::read_to_string(path).map_err(|error| {
        Misuse(format!(
            "`alerts.receivers`: cannot read `{}`: {error}",
            path.display()
        ))
    })?;
    let configs = ReceiverConfig::list_from_yaml(&text);
    Ok(configs.map_err(|faults| refused(Some(path), &faults))?)
}

fn refused(path: Option<&Path>, faults: &[receivers::Fault]) -> Misuse {
    let place = path.map_or_else(String::new, |path| path.display().to_string());
    let faults: Vec<String> = faults
        .iter()
        .map(|fault| format!("`alerts.receivers`: {place}: {fault}"))
        .collect();
    Misuse(faults.join("\n") + "\nhint: docs/alerts.md has a configuration of each kind")
}

struct Told(receivers::Receivers);

impl Told {
    fn is_alertmanager(&self, receiver: &str) -> bool {
        self.0.kind(receiver) == Some(Kind::Alertmanager)
    }
}

impl alert::Receivers for Told {
    fn names(&self) -> Vec<String> {
        self.0.names().into_iter().map(str::to_owned).collect()
    }

    fn resend(&self, receiver: &str) -> Option<Duration> {
        self.is_alertmanager(receiver).then_some(RESEND)
    }

    fn deliver<'a>(&'a self, receiver: &'a str, message: &'a Message) -> BoxFuture<'a, Outcome> {
        Box::pin(async move {
            let mut message = told(message);
            if self.is_alertmanager(receiver) && message.status == receivers::Status::Firing {
                message.ends_at = Some(SystemTime::now() + BELIEVED);
            }
            match self.0.deliver(receiver, &message).await {
                receivers::Outcome::Delivered => Outcome::Delivered,
                receivers::Outcome::Retry { error, after } => Outcome::Retry { error, after },
                receivers::Outcome::Refused { error } => Outcome::Refused { error },
            }
        })
    }
}

/// A message in the words of those who deliver it.
fn told(message: &Message) -> receivers::Message {
    let text = |text: &alert::Text| receivers::Text {
        en: text.en.clone(),
        zh: text.zh.clone(),
    };
    receivers::Message {
        id: message.id.clone(),
        repetition: message.repetition,
        rule: message.rule.clone(),
        severity: match message.severity {
            alert::Severity::Info => receivers::Severity::Info,
            alert::Severity::Warning => receivers::Severity::Warning,
            alert::Severity::Critical => receivers::Severity::Critical,
        },
        status: match message.status {
            MessageStatus::Firing => receivers::Status::Firing,
            MessageStatus::Resolved => receivers::Status::Resolved,
        },
        labels: message.labels.clone(),
        title: text(&message.title),
        body: text(&message.body),
        page: message.page.clone(),
        starts_at: message.starts_at,
        ends_at: message.ends_at,
        alerts: message
            .alerts
            .iter()
            .map(|item| receivers::Item {
                labels: item.labels.clone(),
                value: item.value,
                text: text(&item.text),
                page: item.page.clone(),
            })
            .collect(),
        total: message.total,
    }
}
