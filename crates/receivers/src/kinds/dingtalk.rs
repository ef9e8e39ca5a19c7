//! Robots of DingTalk groups: Markdown, signed with a timestamp; the service's answer is `errcode` inside of a 200.

use super::robot::{MINUTE, Paces, Robot, code, hmac, written};
use crate::check::Checks;
use crate::document::{Document, Style, documents};
use crate::escape::percent;
use crate::fit::{clip, fit};
use crate::message::{Message, millis};
use crate::outcome::Outcome;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use std::time::{Duration, SystemTime};

const BASE: &str = "https://oapi.dingtalk.com";
/// The service's own rule: 20 a minute, or it is shut for ten.
const LIMITS: &[(usize, Duration)] = &[(20, MINUTE)];
const SHUT: Duration = Duration::from_secs(600);
/// The service takes 20,000 bytes; some room for what counts otherwise there.
const BODY_BYTES: usize = 18_000;

pub(crate) struct Dingtalk(Robot);

impl Dingtalk {
    pub(crate) fn new(checks: &mut Checks<'_>, paces: &mut Paces) -> Option<Self> {
        Robot::new(checks, paces, BASE, LIMITS).map(Self)
    }

    pub(crate) fn style(&self) -> Style {
        self.0.style
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let robot = &self.0;
        let mut url = format!(
            "{}/robot/send?access_token={}",
            robot.base,
            robot.token.text()
        );
        if let Some(secret) = &robot.secret {
            let timestamp = millis(SystemTime::now()).0;
            let sign = sign(secret.text(), timestamp);
            url += &format!("&timestamp={timestamp}&sign={}", percent(&sign));
        }
        let answer = match robot.post(url, body(message, robot.style)).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        match code(&answer, "errcode", "errmsg") {
            Err(outcome) => outcome,
            Ok((0, _)) => Outcome::Delivered,
            Ok((130_101, said)) => robot.shut(&said, SHUT),
            // The service is busy, or there is another limit of its own.
            Ok((-1 | 90_018 | 90_030, said)) => Outcome::later(said, MINUTE),
            Ok((310_000, said)) => Outcome::refused(format!(
                "{said}\nhint: compare the robot's security settings: the secret of `secret_file`, this machine's clock, the key word (`cbsift` is in every message), and the addresses that may send"
            )),
            Ok((300_001 | 400_101 | 400_102 | 400_106, said)) => Outcome::refused(format!(
                "{said}\nhint: the robot is gone or stopped, or `token_file` holds another token"
            )),
            Ok((_, said)) => Outcome::retry(said),
        }
    }
}

/// The text to sign ends with the secret, which is the key as well.
pub(crate) fn sign(secret: &str, timestamp: i64) -> String {
    let text = format!("{timestamp}\n{secret}");
    BASE64_STANDARD.encode(hmac(secret.as_bytes(), text.as_bytes()))
}

pub(crate) fn body(message: &Message, style: Style) -> String {
    let documents = documents(message, style);
    let heading = documents
        .first()
        .map_or("", |document: &Document| &document.heading);
    // What a list of chats shows.
    let title = clip(heading, 100);
    fit(BODY_BYTES, message.alerts.len(), |shown| {
        // Two spaces before a line feed are a line end in this dialect.
        let text = written(&documents, shown, "  \n");
        json!({"msgtype": "markdown", "markdown": {"title": title, "text": text}}).to_string()
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_signature_is_that_of_another_implementation() {
        // Made with Python's hmac.
        assert_eq!(
            super::sign("SECthis-is-a-made-up-secret", 1_700_000_000_000),
            "Fs20lG78Z88LxBX/n4cr+X1QrCXnppjm2vq2lvAmZi8="
        );
    }
}
