//! What would be sent, without sending it.

use crate::document::Style;
use crate::kinds::email::Mail;
use crate::kinds::{Kind, alertmanager, dingtalk, email, feishu, syslog, wecom};
use crate::message::{Language, Message};
use serde_json::Value;

/// A message as a receiver of a kind would get it: text or JSON, without a signature.
///
/// A webhook's template is not known here; [`crate::Receivers::preview`] knows it.
pub fn preview(kind: Kind, language: Language, message: &Message) -> String {
    let style = Style {
        language,
        offset_minutes: 0,
    };
    written(kind, style, message)
}

/// A mail's parts.
pub fn mail(language: Language, message: &Message) -> Mail {
    let style = Style {
        language,
        offset_minutes: 0,
    };
    email::mail(message, style)
}

pub(crate) fn written(kind: Kind, style: Style, message: &Message) -> String {
    match kind {
        // The time of an end that nobody named is that of the beginning here, so that the same message is the same text.
        Kind::Alertmanager => pretty(&alertmanager::body(
            message,
            message.ends_at.unwrap_or(message.starts_at),
        )),
        Kind::Webhook | Kind::Command => pretty(&message.json_text()),
        Kind::Dingtalk => pretty(&dingtalk::body(message, style)),
        Kind::Feishu => pretty(&feishu::body(message, style)),
        Kind::Wecom => pretty(&wecom::body(message, style)),
        // As over UDP, to the default facility.
        Kind::Syslog => syslog::line(message, style.language, 16, 2048),
        Kind::Email => {
            let mail = email::mail(message, style);
            format!("Subject: {}\n\n{}\n{}", mail.subject, mail.text, mail.html)
        }
    }
}

fn pretty(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    harmless::json(&format!("{value:#}")).into_owned()
}
