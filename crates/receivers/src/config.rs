//! A receiver as people write it: one entry of a list in YAML.

use crate::message::Language;
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

/// One receiver as it is written. Every kind has some of these fields; `docs/alerts.md` shows each.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReceiverConfig {
    /// How rules name it.
    pub name: String,
    /// `alertmanager`, `webhook`, `email`, `dingtalk`, `feishu`, `wecom`, `syslog` or `command`.
    pub kind: String,
    /// Address of a webhook; base address of a robot.
    pub url: Option<String>,
    /// File with that address, where it holds a secret.
    pub url_file: Option<PathBuf>,
    /// Base addresses of the Alertmanagers of a cluster.
    pub urls: Vec<String>,
    /// `zh`, `en` or `both`.
    pub language: Option<Language>,
    /// Times are shown so far ahead of UTC: `+08:00`.
    pub utc_offset: Option<String>,
    /// Longest time of one try.
    pub timeout: Option<String>,
    /// Whether addresses of private networks may be connected to.
    pub allow_private: Option<bool>,
    /// Whether secrets may cross a network without TLS.
    pub allow_plaintext: bool,
    /// Address of an HTTP proxy.
    pub proxy: Option<String>,
    /// File with that address, where it holds a password.
    pub proxy_file: Option<PathBuf>,
    /// PEM file of a CA to believe besides the system's.
    pub ca_file: Option<PathBuf>,
    /// File with a robot's token: what stands at the end of its address.
    pub token_file: Option<PathBuf>,
    /// File with the secret that signs.
    pub secret_file: Option<PathBuf>,
    /// Who we are.
    pub username: Option<String>,
    /// File with our password.
    pub password_file: Option<PathBuf>,
    /// File with a token for `Authorization: Bearer`.
    pub bearer_file: Option<PathBuf>,
    /// Further headers; no place for secrets.
    pub headers: BTreeMap<String, String>,
    /// Body of a webhook.
    pub template: Option<String>,
    /// File with that body.
    pub template_file: Option<PathBuf>,
    /// What kind of body the template makes.
    pub content_type: Option<String>,
    /// `host:port` of a mail server or a syslog server.
    pub server: Option<String>,
    /// `starttls`, `tls` or `none`.
    pub tls: Option<String>,
    /// Sender of mail.
    pub from: Option<String>,
    /// Recipients of mail.
    pub to: Vec<String>,
    /// `udp` or `tcp`.
    pub transport: Option<String>,
    /// How messages over TCP are told apart: `octets` or `lines`.
    pub framing: Option<String>,
    /// `local0`, `daemon`, …
    pub facility: Option<String>,
    /// Program and arguments.
    pub argv: Vec<String>,
}

/// Receivers in all: each has a queue and a task of the caller's.
pub(crate) const RECEIVERS_MAX: usize = 64;

/// One thing that is wrong with a receiver.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its name, or its place in the list (`#3`).
    pub receiver: String,
    /// The field; empty where it is about the whole receiver.
    pub field: String,
    /// What is wrong, and what is allowed.
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "receiver `{}`", harmless::line(&self.receiver))?;
        if !self.field.is_empty() {
            write!(f, ", `{}`", harmless::line(&self.field))?;
        }
        write!(f, ": {}", harmless::lines(&self.message))
    }
}

impl std::error::Error for Fault {}

impl ReceiverConfig {
    /// The entries of a file, each read for itself so that every fault is told at once.
    pub fn list_from_yaml(text: &str) -> Result<Vec<Self>, Vec<Fault>> {
        let values: Vec<serde_saphyr::Spanned<Value>> = if text.trim().is_empty() {
            Vec::new()
        } else {
            serde_saphyr::from_str(text).map_err(|error| {
                let line = error.location().map_or(1, |location| location.line());
                let message = error.to_string();
                vec![Fault {
                    receiver: "*".to_owned(),
                    field: String::new(),
                    message: format!(
                        "line {line}: {}",
                        message.lines().next().unwrap_or_default()
                    ),
                }]
            })?
        };
        let mut configs = Vec::new();
        let mut faults = Vec::new();
        for (index, value) in values.into_iter().enumerate() {
            let line = value.referenced.line().max(1);
            let name = value.value.get("name").and_then(Value::as_str);
            let receiver = name.map_or_else(|| format!("#{}", index + 1), str::to_owned);
            match serde_json::from_value(value.value) {
                Ok(config) => configs.push(config),
                Err(error) => faults.push(Fault {
                    receiver,
                    field: String::new(),
                    message: format!("line {line}: {error}"),
                }),
            }
        }
        if faults.is_empty() {
            Ok(configs)
        } else {
            Err(faults)
        }
    }

    /// Fields that are written, but for those that every kind has.
    pub(crate) fn written(&self) -> Vec<&'static str> {
        let fields = [
            ("url", self.url.is_some()),
            ("url_file", self.url_file.is_some()),
            ("urls", !self.urls.is_empty()),
            ("language", self.language.is_some()),
            ("utc_offset", self.utc_offset.is_some()),
            ("allow_private", self.allow_private.is_some()),
            ("allow_plaintext", self.allow_plaintext),
            ("proxy", self.proxy.is_some()),
            ("proxy_file", self.proxy_file.is_some()),
            ("ca_file", self.ca_file.is_some()),
            ("token_file", self.token_file.is_some()),
            ("secret_file", self.secret_file.is_some()),
            ("username", self.username.is_some()),
            ("password_file", self.password_file.is_some()),
            ("bearer_file", self.bearer_file.is_some()),
            ("headers", !self.headers.is_empty()),
            ("template", self.template.is_some()),
            ("template_file", self.template_file.is_some()),
            ("content_type", self.content_type.is_some()),
            ("server", self.server.is_some()),
            ("tls", self.tls.is_some()),
            ("from", self.from.is_some()),
            ("to", !self.to.is_empty()),
            ("transport", self.transport.is_some()),
            ("framing", self.framing.is_some()),
            ("facility", self.facility.is_some()),
            ("argv", !self.argv.is_empty()),
        ];
        fields
            .into_iter()
            .filter_map(|(field, is_written)| is_written.then_some(field))
            .collect()
    }
}
