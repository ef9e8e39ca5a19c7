//! All receivers by name.

use crate::check::Checks;
use crate::config::{Fault, RECEIVERS_MAX, ReceiverConfig};
use crate::document::Style;
use crate::kinds::Kind;
use crate::kinds::alertmanager::Alertmanager;
use crate::kinds::command::Command;
use crate::kinds::dingtalk::Dingtalk;
use crate::kinds::email::Email;
use crate::kinds::feishu::Feishu;
use crate::kinds::robot::Paces;
use crate::kinds::syslog::Syslog;
use crate::kinds::webhook::Webhook;
use crate::kinds::wecom::Wecom;
use crate::message::Message;
use crate::outcome::Outcome;
use crate::preview;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Receivers that were checked and can be told.
#[derive(Default)]
pub struct Receivers(BTreeMap<String, Receiver>);

struct Receiver {
    kind: Kind,
    way: Way,
    /// Struck out of every error.
    secrets: Vec<String>,
    patience: Duration,
}

enum Way {
    Alertmanager(Alertmanager),
    Webhook(Webhook),
    Email(Box<Email>),
    Dingtalk(Dingtalk),
    Feishu(Feishu),
    Wecom(Wecom),
    Syslog(Syslog),
    Command(Command),
}

/// Each way has its own bound on time; this ends one that missed it.
const GRACE: Duration = Duration::from_secs(5);

impl Receivers {
    /// Checks all receivers and reads their secrets; every fault is told at once.
    ///
    /// Nothing is resolved and nothing is sent.
    pub fn from_config(configs: &[ReceiverConfig]) -> Result<Self, Vec<Fault>> {
        let mut receivers = BTreeMap::new();
        let mut faults = Vec::new();
        let mut paces = Paces::new();
        let whole = |receiver: &str, field: &str, message: String| Fault {
            receiver: receiver.to_owned(),
            field: field.to_owned(),
            message,
        };
        if configs.len() > RECEIVERS_MAX {
            let message = format!(
                "{} receivers: at most {RECEIVERS_MAX} are allowed",
                configs.len()
            );
            return Err(vec![whole("*", "", message)]);
        }
        for (index, config) in configs.iter().enumerate() {
            let shown = if config.name.is_empty() {
                format!("#{}", index + 1)
            } else {
                config.name.clone()
            };
            if !is_name(&config.name) {
                let message = "1 to 64 letters, digits, `-`, `_` and `.` are allowed".to_owned();
                faults.push(whole(&shown, "name", message));
            }
            let Some(kind) = Kind::of(&config.kind) else {
                let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                let message = format!("`{}`: {} are allowed", config.kind, names.join(", "));
                faults.push(whole(&shown, "kind", message));
                continue;
            };
            let mut checks = Checks::new(config, kind, shown.clone());
            let way = way(kind, &mut checks, &mut paces);
            let patience = checks.timeout_or_default() + GRACE;
            let (mut found, secrets) = checks.finish();
            // A fault of what several fields share is found once for each.
            found.dedup();
            faults.append(&mut found);
            let Some(way) = way else { continue };
            let receiver = Receiver {
                kind,
                way,
                secrets,
                patience,
            };
            if receivers.insert(config.name.clone(), receiver).is_some() {
                faults.push(whole(
                    &shown,
                    "name",
                    "is the name of another receiver too".to_owned(),
                ));
            }
        }
        if faults.is_empty() {
            Ok(Self(receivers))
        } else {
            Err(faults)
        }
    }

    /// Names, sorted.
    pub fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    /// What a receiver is.
    pub fn kind(&self, receiver: &str) -> Option<Kind> {
        Some(self.0.get(receiver)?.kind)
    }

    /// One try; it may be made again, also at once and beside others, with the same message.
    ///
    /// It ends by itself soon after the receiver's timeout, and waits for no other receiver.
    /// Where the caller stops waiting, a try over HTTP goes on in its thread until that timeout, and a runtime that is shut down waits
    /// for it.
    pub async fn deliver(&self, receiver: &str, message: &Message) -> Outcome {
        let Some(found) = self.0.get(receiver) else {
            return Outcome::refused(format!("there is no receiver `{receiver}`"));
        };
        let outcome = tokio::time::timeout(found.patience, found.deliver(message)).await;
        outcome
            .unwrap_or_else(|_| Outcome::retry("the try did not end in time and was given up"))
            .without(&found.secrets)
    }

    /// What would be sent to a receiver, without signature; nothing where there is no such receiver.
    pub fn preview(&self, receiver: &str, message: &Message) -> Option<String> {
        let found = self.0.get(receiver)?;
        let style = match &found.way {
            Way::Webhook(webhook) => return Some(webhook.body(message)),
            Way::Syslog(syslog) => return Some(syslog.line(message)),
            Way::Email(email) => email.style(),
            Way::Dingtalk(robot) => robot.style(),
            Way::Feishu(robot) => robot.style(),
            Way::Wecom(robot) => robot.style(),
            Way::Alertmanager(_) | Way::Command(_) => Style::default(),
        };
        Some(preview::written(found.kind, style, message))
    }
}

impl fmt::Debug for Receivers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = self.0.iter().map(|(name, receiver)| (name, receiver.kind));
        f.debug_map().entries(kinds).finish()
    }
}

impl Receiver {
    async fn deliver(&self, message: &Message) -> Outcome {
        match &self.way {
            Way::Alertmanager(way) => way.deliver(message).await,
            Way::Webhook(way) => way.deliver(message).await,
            Way::Email(way) => way.deliver(message).await,
            Way::Dingtalk(way) => way.deliver(message).await,
            Way::Feishu(way) => way.deliver(message).await,
            Way::Wecom(way) => way.deliver(message).await,
            Way::Syslog(way) => way.deliver(message).await,
            Way::Command(way) => way.deliver(message).await,
        }
    }
}

fn way(kind: Kind, checks: &mut Checks<'_>, paces: &mut Paces) -> Option<Way> {
    Some(match kind {
        Kind::Alertmanager => Way::Alertmanager(Alertmanager::new(checks)?),
        Kind::Webhook => Way::Webhook(Webhook::new(checks)?),
        Kind::Email => Way::Email(Box::new(Email::new(checks)?)),
        Kind::Dingtalk => Way::Dingtalk(Dingtalk::new(checks, paces)?),
        Kind::Feishu => Way::Feishu(Feishu::new(checks, paces)?),
        Kind::Wecom => Way::Wecom(Wecom::new(checks, paces)?),
        Kind::Syslog => Way::Syslog(Syslog::new(checks)?),
        Kind::Command => Way::Command(Command::new(checks)?),
    })
}

fn is_name(name: &str) -> bool {
    (1..=64).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
}
