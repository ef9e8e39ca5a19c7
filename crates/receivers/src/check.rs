//! From what people wrote to what is used: every fault is gathered.

use crate::config::{Fault, ReceiverConfig};
use crate::document::Style;
use crate::guard::{is_this_machine, refusal_of_literal};
use crate::http::{Http, Network};
use crate::kinds::Kind;
use crate::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Uri;

/// A receiver that answers within a second on a good day; what takes longer is tried again.
const TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT_MIN: Duration = Duration::from_millis(100);
/// Nobody waits longer for one try: the caller has its own patience.
const TIMEOUT_MAX: Duration = Duration::from_secs(60);
/// A shorter part of an address is a word like `hooks`, and tells nothing.
const PART_BYTES: usize = 8;

/// The checks of one receiver.
pub(crate) struct Checks<'a> {
    pub(crate) config: &'a ReceiverConfig,
    pub(crate) kind: Kind,
    receiver: String,
    faults: Vec<Fault>,
    /// What must not be repeated in an error.
    secrets: Vec<String>,
}

impl<'a> Checks<'a> {
    pub(crate) fn new(config: &'a ReceiverConfig, kind: Kind, receiver: String) -> Self {
        let mut checks = Self {
            config,
            kind,
            receiver,
            faults: Vec::new(),
            secrets: Vec::new(),
        };
        for field in config.written() {
            if !kind.has(field) {
                checks.fault(
                    field,
                    format!("a receiver of kind `{}` has no such field", kind.name()),
                );
            }
        }
        checks
    }

    pub(crate) fn fault(&mut self, field: &str, message: impl Into<String>) {
        self.faults.push(Fault {
            receiver: self.receiver.clone(),
            field: field.to_owned(),
            message: message.into(),
        });
    }

    /// Secrets read so far, for whoever hears a service.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.clone()
    }

    pub(crate) fn finish(self) -> (Vec<Fault>, Vec<String>) {
        (self.faults, self.secrets)
    }

    /// What must not be repeated either, because it is a secret in another form or a part of one.
    ///
    /// The longest is struck out first, or what is around the shorter one would be left.
    pub(crate) fn hide(&mut self, text: String) {
        if self.secrets.contains(&text) {
            return;
        }
        self.secrets.push(text);
        self.secrets
            .sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }

    /// What of an address that is a secret a service may repeat by itself: what it was asked for, and its longer parts.
    pub(crate) fn hide_parts(&mut self, address: &str) {
        let Some(asked) = address
            .split_once("://")
            .and_then(|(_, rest)| rest.get(rest.find('/')?..))
        else {
            return;
        };
        let parts = asked.split(['/', '?', '&', '=']);
        for part in parts.chain([asked]) {
            if part.len() >= PART_BYTES {
                self.hide(part.to_owned());
            }
        }
    }

    /// A value, or its fault.
    pub(crate) fn good<T>(&mut self, field: &str, value: Result<T, String>) -> Option<T> {
        value.map_err(|message| self.fault(field, message)).ok()
    }

    /// A secret of a file where one is named.
    pub(crate) fn secret(&mut self, field: &str, path: &Option<PathBuf>) -> Option<Secret> {
        let secret = self.good(field, Secret::read(path.as_ref()?))?;
        self.hide(secret.text().to_owned());
        Some(secret)
    }

    pub(crate) fn required_secret(
        &mut self,
        field: &str,
        path: &Option<PathBuf>,
    ) -> Option<Secret> {
        if path.is_none() {
            self.fault(field, "is missing: the file that holds it");
        }
        self.secret(field, path)
    }

    pub(crate) fn timeout(&mut self) -> Duration {
        let Some(text) = &self.config.timeout else {
            return TIMEOUT;
        };
        match quantity::time(text) {
            Some(time) if (TIMEOUT_MIN..=TIMEOUT_MAX).contains(&time) => time,
            _ => {
                self.fault(
                    "timeout",
                    format!("`{text}`: a time from 100ms to 60s is allowed, like `10s`"),
                );
                TIMEOUT
            }
        }
    }

    /// The same where its fault was told already.
    pub(crate) fn timeout_or_default(&self) -> Duration {
        let written = self.config.timeout.as_deref().and_then(quantity::time);
        written.map_or(TIMEOUT, |time| time.min(TIMEOUT_MAX))
    }

    pub(crate) fn allow_private(&self) -> bool {
        self.config
            .allow_private
            .unwrap_or(self.kind.is_private_by_default())
    }

    /// Language and clock of what people read.
    pub(crate) fn style(&mut self) -> Style {
        let offset = self
            .config
            .utc_offset
            .as_deref()
            .map_or(Some(0), offset_minutes);
        if offset.is_none() {
            let text = self.config.utc_offset.clone().unwrap_or_default();
            self.fault(
                "utc_offset",
                format!("`{text}`: hours and minutes ahead of UTC are allowed, like `+08:00`"),
            );
        }
        Style {
            language: self.config.language.unwrap_or_default(),
            offset_minutes: offset.unwrap_or_default(),
        }
    }

    /// An address that is asked over HTTP.
    ///
    /// `carries_secret`: whether it, or what is sent there, holds a secret that must not cross a network in the clear.
    pub(crate) fn address(
        &mut self,
        field: &str,
        text: &str,
        carries_secret: bool,
    ) -> Option<String> {
        let text = text.trim();
        let checked = check_address(text, self.allow_private());
        let (is_https, is_loopback) = self.good(field, checked)?;
        if carries_secret && !is_https && !is_loopback && !self.config.allow_plaintext {
            self.fault(
                field,
                "would carry a secret across the network in the clear\nhint: use an https:// address, or set `allow_plaintext: true`",
            );
            return None;
        }
        Some(text.to_owned())
    }

    /// The client of all kinds that speak HTTP.
    pub(crate) fn http(&mut self) -> Option<Http> {
        if self.config.proxy.is_some() && self.config.proxy_file.is_some() {
            self.fault(
                "proxy_file",
                "stands beside `proxy`: only one of them is allowed",
            );
        }
        let from_file = self.secret("proxy_file", &self.config.proxy_file);
        let (field, text) = match (&from_file, &self.config.proxy) {
            (Some(secret), _) => ("proxy_file", Some(secret.text())),
            (None, text) => ("proxy", text.as_deref()),
        };
        let login = text
            .and_then(|text| text.split_once("://")?.1.rsplit_once('@'))
            .and_then(|(login, _)| login.split_once(':'));
        if let Some((user, password)) = login {
            self.hide_login(user, password);
        }
        let proxy = match text {
            Some(text) => Some(self.good(field, proxy(text))?),
            None => None,
        };
        let network = Network {
            // The proxy's own address; what it connects to is the proxy's affair, but for what is written as an address.
            allow_private: self.allow_private() || proxy.is_some(),
            proxy,
            ca_file: self.config.ca_file.clone(),
            timeout: self.timeout(),
            secrets: self.secrets(),
        };
        let http = Http::new(network);
        self.good("ca_file", http)
    }

    /// `host:port`, with a default for the port.
    pub(crate) fn server(&mut self, default_port: u16) -> Option<(String, u16)> {
        let Some(text) = self.config.server.as_deref() else {
            self.fault(
                "server",
                "is missing: a host, with `:port` where it is not the usual one",
            );
            return None;
        };
        let parsed = host_and_port(text, default_port)
            .ok_or_else(|| format!("`{text}`: a host is allowed, with `:port` behind it"));
        let (host, port) = self.good("server", parsed)?;
        if let Some(why) = refusal_of_literal(&host, self.allow_private()) {
            self.fault("server", why);
            return None;
        }
        Some((host, port))
    }

    /// A password, and as `Basic`, `PLAIN` and `LOGIN` send it.
    fn hide_login(&mut self, user: &str, password: &str) {
        self.hide(password.to_owned());
        for sent in [
            format!("{user}:{password}"),
            format!("\0{user}\0{password}"),
            password.to_owned(),
        ] {
            self.hide(BASE64_STANDARD.encode(sent));
        }
    }

    /// User and password, both or none.
    pub(crate) fn login(&mut self) -> Option<(String, Secret)> {
        let password = self.secret("password_file", &self.config.password_file);
        match (&self.config.username, password) {
            (Some(user), Some(password)) => {
                if user.contains(':') || user.chars().any(char::is_control) {
                    self.fault("username", "must hold no colon and no control character");
                }
                self.hide_login(user, password.text());
                Some((user.clone(), password))
            }
            (Some(_), None) if self.config.password_file.is_none() => {
                self.fault("password_file", "is missing beside `username`");
                None
            }
            (None, Some(_)) => {
                self.fault("username", "is missing beside `password_file`");
                None
            }
            _ => None,
        }
    }
}

/// `+08:00`, `-03:30`, in minutes.
fn offset_minutes(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+')?),
    };
    let (hours, minutes) = digits.split_once(':')?;
    let number = |part: &str| -> Option<i32> {
        (part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit()))
            .then(|| part.parse().ok())
            .flatten()
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    (hours <= 14 && minutes < 60).then_some(sign * (hours * 60 + minutes))
}

/// Whether an address is asked over TLS, and whether it is this machine.
fn check_address(text: &str, allow_private: bool) -> Result<(bool, bool), String> {
    // The text is not repeated where it may hold a secret.
    let uri: Uri = text
        .parse()
        .map_err(|_| "is no address: `https://host/path` is allowed".to_owned())?;
    let is_https = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err("is no address: `https://host/path` is allowed".to_owned()),
    };
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    if authority.contains('@') {
        return Err("holds a user or a password: write them in their own fields".to_owned());
    }
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err("has no host".to_owned());
    }
    if let Some(why) = refusal_of_literal(host, allow_private) {
        return Err(why);
    }
    Ok((is_https, is_this_machine(host)))
}

fn proxy(text: &str) -> Result<ureq::Proxy, String> {
    let wrong = "is no proxy: `http://host:port` is allowed".to_owned();
    if !(text.starts_with("http://") || text.starts_with("https://")) {
        return Err(wrong);
    }
    let proxy = ureq::Proxy::new(text).map_err(|_| wrong)?;
    match refusal_of_literal(proxy.host(), true) {
        Some(why) => Err(why),
        None => Ok(proxy),
    }
}

/// `host`, `host:port`, `[::1]:port`.
fn host_and_port(text: &str, default_port: u16) -> Option<(String, u16)> {
    let is_host = |host: &str| {
        !host.is_empty()
            && host
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-_:".contains(&byte))
    };
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        (host, rest.strip_prefix(':'))
    } else {
        match text.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        }
    };
    let port = match port {
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
        None => default_port,
    };
    is_host(host).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_read() {
        for (text, expected) in [
            ("+08:00", Some(480)),
            ("-03:30", Some(-210)),
            ("+00:00", Some(0)),
            ("08:00", None),
            ("+8:00", None),
            ("+15:00", None),
            ("+08:60", None),
            ("+-1:00", None),
            ("", None),
        ] {
            assert_eq!(offset_minutes(text), expected, "{text}");
        }
    }

    #[test]
    fn servers_are_read() {
        for (text, expected) in [
            ("mail", Some(("mail", 25))),
            ("mail.bank.example:465", Some(("mail.bank.example", 465))),
            ("[::1]:514", Some(("::1", 514))),
            ("[::1]", Some(("::1", 25))),
            ("::1", None),
            ("mail:0", None),
            ("mail:99999", None),
            ("ma il", None),
            ("mail\r\nRCPT", None),
            ("", None),
        ] {
            let found = host_and_port(text, 25);
            let found = found.as_ref().map(|(host, port)| (host.as_str(), *port));
            assert_eq!(found, expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_checked_before_anything_is_sent() {
        assert_eq!(
            check_address("https://a.example/x?y=1", false),
            Ok((true, false))
        );
        assert_eq!(
            check_address("http://127.0.0.1:9093", true),
            Ok((false, true))
        );
        for bad in [
            "",
            "a.example",
            "ftp://a.example",
            "https://",
            "https://user:word@a.example",
            "http://169.254.169.254/latest",
            "http://[::ffff:169.254.169.254]/",
            "http://0.0.0.0/",
        ] {
            assert!(check_address(bad, true).is_err(), "{bad}");
        }
        assert!(check_address("https://10.1.2.3/", false).is_err());
    }
}
