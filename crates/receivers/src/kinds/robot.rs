//! What the robots of DingTalk, Feishu and WeCom share.

use crate::check::Checks;
use crate::document::{Document, Style};
use crate::escape::markdown;
use crate::fit::Shown;
use crate::http::{Answer, Http};
use crate::kinds::Kind;
use crate::outcome::Outcome;
use crate::pace::Pace;
use crate::secret::Secret;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One robot: where it is, and what it may be told.
pub(crate) struct Robot {
    pub(crate) http: Http,
    pub(crate) base: String,
    pub(crate) token: Secret,
    pub(crate) secret: Option<Secret>,
    pub(crate) style: Style,
    pub(crate) pace: Arc<Pace>,
}

/// Robots by what tells them apart: two receivers may speak to the same one, which counts them together.
pub(crate) type Paces = HashMap<(Kind, String, Secret), Arc<Pace>>;

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

impl Robot {
    /// `base` is the public service's; a company's own has another one.
    pub(crate) fn new(
        checks: &mut Checks<'_>,
        paces: &mut Paces,
        base: &str,
        limits: &'static [(usize, Duration)],
    ) -> Option<Self> {
        let config = checks.config;
        let written = config.url.as_deref().unwrap_or(base);
        let base = if written.contains('?') || written.contains("/hook/") {
            checks.fault(
                "url",
                "is the base address alone, like `https://robot.bank.example`: what stands at the end of a robot's address is its token, and belongs into `token_file`",
            );
            None
        } else {
            checks.address("url", written.trim_end_matches('/'), true)
        };
        let token = checks.required_secret("token_file", &config.token_file);
        if let Some(token) = &token
            && !token
                .text()
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        {
            checks.fault(
                "token_file",
                "must hold the token alone: letters, digits, `-` and `_`, without the address before it",
            );
        }
        let secret = checks.secret("secret_file", &config.secret_file);
        let style = checks.style();
        let http = checks.http();
        let (base, token) = (base?, token?);
        let key = (checks.kind, base.clone(), token.clone());
        let pace = paces
            .entry(key)
            .or_insert_with(|| Arc::new(Pace::new(limits)));
        Some(Self {
            http: http?,
            base,
            token,
            secret,
            style,
            pace: Arc::clone(pace),
        })
    }

    /// Sends a body unless the robot has heard enough for now.
    pub(crate) async fn post(&self, url: String, body: String) -> Result<Answer, Outcome> {
        if let Err(wait) = self.pace.take(Instant::now()) {
            return Err(Outcome::later(
                "the robot's limit is reached: the message waits",
                wait,
            ));
        }
        let json = (
            "content-type".to_owned(),
            "application/json; charset=utf-8".to_owned(),
        );
        let answer = self.http.post(url, vec![json], body.into_bytes()).await?;
        match answer.fault() {
            Some(fault) => Err(fault),
            None => Ok(answer),
        }
    }

    /// The service said that it was told too often.
    pub(crate) fn shut(&self, said: &str, time: Duration) -> Outcome {
        self.pace.shut(Instant::now(), time);
        Outcome::later(
            format!("{said}\nhint: other programs may use the same robot"),
            time,
        )
    }
}

/// The service's own code inside of a 200, and its words; an error where there is none.
pub(crate) fn code(answer: &Answer, code: &str, words: &str) -> Result<(i64, String), Outcome> {
    let value: Value = serde_json::from_str(&answer.body).unwrap_or_default();
    let Some(number) = value.get(code).and_then(Value::as_i64) else {
        return Err(Outcome::retry(format!(
            "answered {} without `{code}`, so nobody says that it has the message: {}\nhint: is that the robot's address, or a proxy's page?",
            answer.status,
            answer.words(&answer.body)
        )));
    };
    let said = value.get(words).and_then(Value::as_str).unwrap_or_default();
    Ok((
        number,
        format!("answered `{code}` {number}: {}", answer.words(said)),
    ))
}

/// HMAC-SHA256.
pub(crate) fn hmac(key: &[u8], data: &[u8]) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key may have any length");
    mac.update(data);
    mac.finalize().into_bytes().to_vec()
}

/// Documents in the Markdown that DingTalk and WeCom share.
pub(crate) fn written(documents: &[Document], shown: Shown, line_end: &str) -> String {
    let mut out = String::new();
    for (index, document) in documents.iter().enumerate() {
        let mut line = |text: &str| {
            out.push_str(text);
            out.push_str(line_end);
        };
        if index > 0 {
            line("");
        }
        line(&format!("### {}", markdown(&document.heading)));
        if shown.facts {
            for fact in &document.facts {
                line(&format!("> {}", markdown(fact)));
            }
        }
        for text in document.body(shown) {
            line(&markdown(&text));
        }
        for (number, item) in document.items.iter().take(shown.items).enumerate() {
            let text = markdown(&item.text);
            match &item.page {
                Some(page) => line(&format!("{}. {text} [↗]({page})", number + 1)),
                None => line(&format!("{}. {text}", number + 1)),
            }
        }
        if let Some(left) = document.left_out(shown) {
            line(&left);
        }
        // Once is enough: it is the same page in every language.
        if index + 1 == documents.len() {
            if let Some(page) = &document.page {
                line(&format!("[{}]({page})", document.details()));
            }
            line(&markdown(&document.footer()));
        }
    }
    out.truncate(out.trim_end().len());
    out
}
