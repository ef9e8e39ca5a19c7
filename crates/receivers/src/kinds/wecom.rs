//! Robots of WeCom groups: Markdown of at most 4096 bytes; the service's answer is `errcode` inside of a 200.

use super::robot::{MINUTE, Paces, Robot, code, written};
use crate::check::Checks;
use crate::document::{Style, documents};
use crate::fit::fit;
use crate::message::Message;
use crate::outcome::Outcome;
use serde_json::json;
use std::time::Duration;

const BASE: &str = "https://qyapi.weixin.qq.com";
/// The service's own rule.
const LIMITS: &[(usize, Duration)] = &[(20, MINUTE)];
/// What the service takes of Markdown.
const CONTENT_BYTES: usize = 4096;

pub(crate) struct Wecom(Robot);

impl Wecom {
    pub(crate) fn new(checks: &mut Checks<'_>, paces: &mut Paces) -> Option<Self> {
        Robot::new(checks, paces, BASE, LIMITS).map(Self)
    }

    pub(crate) fn style(&self) -> Style {
        self.0.style
    }

    pub(crate) async fn deliver(&self, message: &Message) -> Outcome {
        let robot = &self.0;
        let url = format!(
            "{}/cgi-bin/webhook/send?key={}",
            robot.base,
            robot.token.text()
        );
        let answer = match robot.post(url, body(message, robot.style)).await {
            Ok(answer) => answer,
            Err(outcome) => return outcome,
        };
        match code(&answer, "errcode", "errmsg") {
            Err(outcome) => outcome,
            Ok((0, _)) => Outcome::Delivered,
            Ok((45_009 | 45_033, said)) => robot.shut(&said, MINUTE),
            Ok((-1, said)) => Outcome::later(said, MINUTE),
            Ok((93_000 | 40_014 | 40_001, said)) => Outcome::refused(format!(
                "{said}\nhint: the robot is gone, or `token_file` holds another key"
            )),
            Ok((_, said)) => Outcome::retry(said),
        }
    }
}

pub(crate) fn body(message: &Message, style: Style) -> String {
    let documents = documents(message, style);
    let content = fit(CONTENT_BYTES, message.alerts.len(), |shown| {
        written(&documents, shown, "\n")
    });
    json!({"msgtype": "markdown", "markdown": {"content": content}}).to_string()
}
