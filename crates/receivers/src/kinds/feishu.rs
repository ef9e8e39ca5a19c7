//! Robots of Feishu groups: rich text made of plain text nodes, signed with a timestamp; the service's answer is `code` inside of a 200.

use super::robot::{MINUTE, Paces, Robot, code, hmac};
use crate::check::Checks;
use crate::document::{Document, Style, documents};
use crate::fit::{Shown, fit};
use crate::message::{Message, Tongue, millis};
use crate::outcome::Outcome;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Map, Value, json};
use std::time::{Duration, SystemTime};

const BASE: &str = "https://open.feishu.cn";
/// The service's own rule.
const LIMITS: &[(usize, Duration)] = &[(100, MINUTE), (5, Duration::from_secs(1))];
/// The service takes 20 KB, signature included.
const BODY_BYTES: usize = 18_000;

pub(crate) struct Feishu(Robot);

impl Feishu {
    pub(crate) fn new(checks: &mut Checks<'_>, paces: &mut Paces) -> Option<Self> {
        Robot::new(checks, paces, BASE, LIMITS).map(Self)
    }

    pub(crate) fn style(&self) -> Style {
        self.0.style
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let robot = &self.0;
        let url = format!(
            "{}/open-apis/bot/v2/hook/{}",
            robot.base,
            robot.token.text()
        );
        let signed = robot.secret.as_ref().map(|secret| {
            let timestamp = millis(SystemTime::now()).0 / 1000;
            (timestamp, sign(secret.text(), timestamp))
        });
        let body = signed_body(message, robot.style, signed.as_ref());
        let answer = match robot.post(url, body).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        match code(&answer, "code", "msg") {
            Err(outcome) => outcome,
            Ok((0, _)) => Outcome::Delivered,
            Ok((11_232 | 9_499, said)) => robot.shut(&said, MINUTE),
            Ok((19_021, said)) => Outcome::refused(format!(
                "{said}\nhint: compare `secret_file` with the robot's secret, and this machine's clock with the time"
            )),
            Ok((19_022, said)) => Outcome::refused(format!(
                "{said}\nhint: add this machine's address to those that may send, in the robot's security settings"
            )),
            Ok((19_024, said)) => Outcome::refused(format!(
                "{said}\nhint: make `cbsift` the robot's key word: it is in every message"
            )),
            Ok((19_001 | 19_002, said)) => Outcome::refused(format!(
                "{said}\nhint: the robot is gone, or `token_file` holds another token"
            )),
            Ok((_, said)) => Outcome::retry(said),
        }
    }
}

/// Here timestamp and secret are the key, and nothing is signed with it.
pub(crate) fn sign(secret: &str, timestamp: i64) -> String {
    let key = format!("{timestamp}\n{secret}");
    BASE64_STANDARD.encode(hmac(key.as_bytes(), b""))
}

pub(crate) fn body(message: &Message, style: Style) -> String {
    signed_body(message, style, None)
}

fn signed_body(message: &Message, style: Style, signed: Option<&(i64, String)>) -> String {
    let documents = documents(message, style);
    fit(BODY_BYTES, message.alerts.len(), |shown| {
        // Each reader is shown the one of Feishu's own language.
        let post: Map<String, Value> = documents
            .iter()
            .map(|document| {
                let language = match document.tongue {
                    Tongue::Zh => "zh_cn",
                    Tongue::En => "en_us",
                };
                (language.to_owned(), post(document, shown))
            })
            .collect();
        let mut body = json!({"msg_type": "post", "content": {"post": post}});
        if let Some((timestamp, sign)) = signed {
            body["timestamp"] = json!(timestamp.to_string());
            body["sign"] = json!(sign);
        }
        body.to_string()
    })
}

/// A node of text is drawn as it is: nothing in it becomes a link or a mention.
fn post(document: &Document, shown: Shown) -> Value {
    let text = |text: &str| json!({"tag": "text", "text": text});
    let mut rows: Vec<Value> = Vec::new();
    if shown.facts {
        rows.extend(document.facts.iter().map(|fact| json!([text(fact)])));
    }
    rows.extend(document.body(shown).iter().map(|line| json!([text(line)])));
    for (number, item) in document.items.iter().take(shown.items).enumerate() {
        let line = text(&format!("{}. {} ", number + 1, item.text));
        rows.push(match &item.page {
            Some(page) => json!([line, {"tag": "a", "text": "↗", "href": page}]),
            None => json!([line]),
        });
    }
    if let Some(left) = document.left_out(shown) {
        rows.push(json!([text(&left)]));
    }
    if let Some(page) = &document.page {
        rows.push(json!([{"tag": "a", "text": document.details(), "href": page}]));
    }
    rows.push(json!([text(&document.footer())]));
    json!({"title": document.heading, "content": rows})
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // Made with Python's hmac.
        assert_eq!(
            super::sign("made-up-feishu-secret", 1_700_000_000),
            "dBrV6H6Yzz2ha7SrJ9DPbH1k+lDnzMFiG8oO0/1I2KQ="
        );
    }
}
