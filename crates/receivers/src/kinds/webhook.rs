//! Any address that takes a POST: the message as JSON, or what a template makes of it, signed.

use super::robot::hmac;
use super::template::Template;
use crate::check::Checks;
use crate::document::Style;
use crate::http::Http;
use crate::message::{Message, millis};
use crate::outcome::Outcome;
use crate::secret::Secret;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use std::time::SystemTime;
use ureq::http::{HeaderName, HeaderValue};

pub(crate) struct Webhook {
    http: Http,
    url: Secret,
    headers: Vec<(String, String)>,
    secret: Option<Secret>,
    template: Option<Template>,
    style: Style,
}

/// Headers that are made here.
const OWN: [&str; 6] = [
    "content-type",
    "content-length",
    "host",
    "authorization",
    "x-cbsift-timestamp",
    "x-cbsift-signature",
];

impl Webhook {
    pub(crate) fn new(checks: &mut Checks<'_>) -> Option<Self> {
        let config = checks.config;
        let from_file = checks.secret("url_file", &config.url_file);
        if let Some(address) = &from_file {
            checks.hide_parts(address.text());
        }
        let authorization = authorization(checks);
        let carries_secret = from_file.is_some() || authorization.is_some();
        let url = match (&config.url, &from_file, &config.url_file) {
            (Some(_), _, Some(_)) => {
                checks.fault(
                    "url_file",
                    "stands beside `url`: only one of them is allowed",
                );
                None
            }
            (Some(url), _, None) => checks.address("url", url, carries_secret),
            (None, Some(url), _) => checks.address("url_file", url.text(), carries_secret),
            (None, None, Some(_)) => None,
            (None, None, None) => {
                checks.fault("url", "is missing");
                None
            }
        };
        let mut headers: Vec<(String, String)> = Vec::new();
        for (name, value) in &config.headers {
            let is_good = HeaderName::from_bytes(name.as_bytes()).is_ok()
                && HeaderValue::from_str(value).is_ok();
            if !is_good || OWN.contains(&name.to_ascii_lowercase().as_str()) {
                checks.fault("headers", format!("`{name}` cannot be set here"));
            }
            headers.push((name.clone(), value.clone()));
        }
        headers.extend(authorization);
        let secret = checks.secret("secret_file", &config.secret_file);
        let style = checks.style();
        let template = Template::new(checks);
        let http = checks.http();
        Some(Self {
            http: http?,
            url: Secret::new(url?),
            headers,
            secret,
            template,
            style,
        })
    }

    pub(crate) fn body(&self, message: &Message) -> String {
        match &self.template {
            Some(template) => template.fill(message, self.style),
            None => message.json_text(),
        }
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let body = self.body(message);
        let content_type = self
            .template
            .as_ref()
            .map_or("application/json; charset=utf-8", Template::content_type);
        let mut headers = self.headers.clone();
        headers.push(("content-type".to_owned(), content_type.to_owned()));
        if let Some(secret) = &self.secret {
            let timestamp = millis(SystemTime::now()).0 / 1000;
            headers.push(("x-cbsift-timestamp".to_owned(), timestamp.to_string()));
            let signature = signature(secret.text(), timestamp, &body);
            headers.push(("x-cbsift-signature".to_owned(), signature));
        }
        let url = self.url.text().to_owned();
        match self.http.post(url, headers, body.into_bytes()).await {
            Ok(answer) => answer.fault().unwrap_or(Outcome::Delivered),
            Err(outcome) => outcome,
        }
    }
}

/// The time is signed with the body, so that nobody can send an old message again as a new one.
pub(crate) fn signature(secret: &str, timestamp: i64, body: &str) -> String {
    let text = format!("{timestamp}.{body}");
    let mut out = "v1=".to_owned();
    for byte in hmac(secret.as_bytes(), text.as_bytes()) {
        out += &format!("{byte:02x}");
    }
    out
}

/// The header that says who we are, where something is written about it.
pub(crate) fn authorization(checks: &mut Checks<'_>) -> Option<(String, String)> {
    let bearer = checks.secret("bearer_file", &checks.config.bearer_file);
    let login = checks.login();
    if bearer.is_some() && login.is_some() {
        checks.fault(
            "bearer_file",
            "stands beside `username`: only one of them is allowed",
        );
    }
    let value = match (bearer, login) {
        (Some(bearer), _) => format!("Bearer {}", bearer.text()),
        (None, Some((user, password))) => {
            let pair = format!("{user}:{}", password.text());
            format!("Basic {}", BASE64_STANDARD.encode(pair))
        }
        (None, None) => return None,
    };
    if HeaderValue::from_str(&value).is_err() {
        checks.fault(
            "bearer_file",
            "cannot be a header: ASCII letters, digits and signs are allowed",
        );
        return None;
    }
    Some(("authorization".to_owned(), value))
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // Made with Python's hmac.
        assert_eq!(
            super::signature("made-up-webhook-secret", 1_700_000_000, r#"{"a":1}"#),
            "v1=dded2d58a532c3eedb558e8a953e0717ee543d63b595260f88d466dc47feb4e7"
        );
    }
}
