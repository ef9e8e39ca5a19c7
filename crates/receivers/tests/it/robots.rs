//! Robots that check signatures and say their errors inside of a 200.

use crate::given::{message, receivers, write};
use crate::server::{Answer, Request, Server, ok};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use receivers::{Outcome, Receivers};
use sha2::Sha256;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const TOKEN: &str = "made-up-token-0123";
const SECRET: &str = "SECmade-up-secret";

fn mac(key: &str, data: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    mac.update(data.as_bytes());
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

/// Whether a time is within the hour that the services allow.
fn is_recent(time: Duration) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    now.abs_diff(time) < Duration::from_secs(3600)
}

/// As DingTalk does: key is the secret, text is timestamp and secret.
fn dingtalk(request: &Request, secret: &str) -> Answer {
    let timestamp = request.query("timestamp");
    let is_good = request.target.starts_with("/robot/send?")
        && request.query("access_token") == TOKEN
        && request.query("sign") == mac(secret, &format!("{timestamp}\n{secret}"))
        && is_recent(Duration::from_millis(timestamp.parse().unwrap()));
    if is_good {
        ok(r#"{"errcode":0,"errmsg":"ok"}"#)
    } else {
        ok(r#"{"errcode":310000,"errmsg":"sign not match, more: [https://ding-doc.example]"}"#)
    }
}

/// As Feishu does: key is timestamp and secret, text is empty.
fn feishu(request: &Request, secret: &str) -> Answer {
    let body = request.json();
    let timestamp = body["timestamp"].as_str().unwrap();
    let is_good = request.target == format!("/open-apis/bot/v2/hook/{TOKEN}")
        && body["sign"] == mac(&format!("{timestamp}\n{secret}"), "")
        && is_recent(Duration::from_secs(timestamp.parse().unwrap()));
    if is_good {
        ok(r#"{"code":0,"msg":"success","data":{},"StatusCode":0}"#)
    } else {
        ok(
            r#"{"code":19021,"msg":"sign match fail or timestamp is not within one hour from current time"}"#,
        )
    }
}

fn robot(kind: &str, url: &str, is_signed: bool) -> Receivers {
    let folder = tempfile::tempdir().unwrap();
    let token = write(folder.path(), "token", &format!("{TOKEN}\n"));
    let secret = write(folder.path(), "secret", SECRET);
    let secret = if is_signed {
        format!("\n  secret_file: {secret}")
    } else {
        String::new()
    };
    receivers(&format!(
        "- name: robot\n  kind: {kind}\n  url: {url}\n  allow_private: true\n  token_file: {token}{secret}"
    ))
}

fn error(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Delivered => panic!("delivered"),
        Outcome::Retry { error, .. } | Outcome::Refused { error } => error,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn signatures_pass_the_check_of_the_service_and_a_wrong_secret_is_told_as_such() {
    let server = Server::start(|request| dingtalk(request, SECRET));
    let robots = robot("dingtalk", &server.url(), true);
    assert_eq!(
        robots.deliver("robot", &message()).await,
        Outcome::Delivered
    );
    let heard = server.heard()[0].json();
    assert_eq!(heard["msgtype"], "markdown");
    let text = heard["markdown"]["text"].as_str().unwrap();
    for part in [
        "### 【严重】有电脑安装更新失败（12 条）",
        "### ［CRITICAL］ PCs fail an update (12)",
        "site=北京",
        "CBS_E_STORE_CORRUPTION",
        "1. PC-001：0x800f0922 [↗](https://cbsift.bank.example/endpoints/PC-001)",
        "另有 9 条未列出",
        "9 more not listed",
        "[Details](https://cbsift.bank.example/causes/17?range=7d)",
        "cbsift · failing_update",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }

    let server = Server::start(|request| dingtalk(request, "SECanother"));
    let robots = robot("dingtalk", &server.url(), true);
    let outcome = robots.deliver("robot", &message()).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert!(error(&outcome).contains("310000") && error(&outcome).contains("secret_file"));

    let server = Server::start(|request| feishu(request, SECRET));
    let robots = robot("feishu", &server.url(), true);
    assert_eq!(
        robots.deliver("robot", &message()).await,
        Outcome::Delivered
    );
    let heard = server.heard()[0].json();
    let post = &heard["content"]["post"];
    assert_eq!(
        post["zh_cn"]["title"],
        "【严重】有电脑安装更新失败（12 条）"
    );
    assert_eq!(post["en_us"]["title"], "[CRITICAL] PCs fail an update (12)");
    let lines = post["en_us"]["content"].as_array().unwrap().iter();
    let mut parts = lines.flat_map(|line| line.as_array().unwrap());
    let link = serde_json::json!({
        "tag": "a", "text": "Details", "href": "https://cbsift.bank.example/causes/17?range=7d",
    });
    assert!(parts.any(|part| *part == link), "{post}");

    let server = Server::start(|request| feishu(request, "another"));
    let robots = robot("feishu", &server.url(), true);
    let outcome = robots.deliver("robot", &message()).await;
    assert!(matches!(outcome, Outcome::Refused { .. }), "{outcome:?}");
    assert!(error(&outcome).contains("19021") && error(&outcome).contains("clock"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wecom_is_told_with_its_key() {
    let server = Server::start(|_| ok(r#"{"errcode":0,"errmsg":"ok"}"#));
    let robots = robot("wecom", &server.url(), false);
    assert_eq!(
        robots.deliver("robot", &message()).await,
        Outcome::Delivered
    );
    let request = server.heard().remove(0);
    assert_eq!(request.target, format!("/cgi-bin/webhook/send?key={TOKEN}"));
    let content = request.json()["markdown"]["content"].to_string();
    assert!(
        content.contains("### 【严重】") && content.contains("PC-003"),
        "{content}"
    );
}

/// What is expected of an answer.
#[derive(Debug, PartialEq)]
enum Expected {
    Retry(Option<u64>),
    Refused,
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_inside_of_a_200_is_an_error_and_says_when_to_try_again() {
    use Expected::{Refused, Retry};
    for (kind, answer, expected) in [
        (
            "dingtalk",
            r#"{"errcode":130101,"errmsg":"send too fast"}"#,
            Retry(Some(600)),
        ),
        (
            "dingtalk",
            r#"{"errcode":-1,"errmsg":"system busy"}"#,
            Retry(Some(60)),
        ),
        (
            "dingtalk",
            r#"{"errcode":300001,"errmsg":"token is not exist"}"#,
            Refused,
        ),
        (
            "dingtalk",
            r#"{"errcode":999999,"errmsg":"new"}"#,
            Retry(None),
        ),
        ("dingtalk", "{}", Retry(None)),
        (
            "feishu",
            r#"{"code":11232,"msg":"frequency limited"}"#,
            Retry(Some(60)),
        ),
        (
            "feishu",
            r#"{"code":19024,"msg":"Key Words Not Found"}"#,
            Refused,
        ),
        (
            "feishu",
            r#"{"code":19022,"msg":"Ip Not Allowed"}"#,
            Refused,
        ),
        ("feishu", "<html>please log in</html>", Retry(None)),
        (
            "wecom",
            r#"{"errcode":45009,"errmsg":"api freq out of limit"}"#,
            Retry(Some(60)),
        ),
        (
            "wecom",
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            Refused,
        ),
        ("wecom", "", Retry(None)),
    ] {
        let server = Server::start(move |_| ok(answer));
        let robots = robot(kind, &server.url(), false);
        let found = match robots.deliver("robot", &message()).await {
            Outcome::Delivered => panic!("{kind} {answer}: delivered"),
            Outcome::Retry { after, .. } => Retry(after.map(|time| time.as_secs())),
            Outcome::Refused { .. } => Refused,
        };
        assert_eq!(found, expected, "{kind} {answer}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_robot_that_shut_itself_is_not_told_before_its_time() {
    let server = Server::start(|_| ok(r#"{"errcode":130101,"errmsg":"send too fast"}"#));
    let robots = robot("dingtalk", &server.url(), true);
    for _ in 0..3 {
        let outcome = robots.deliver("robot", &message()).await;
        let Outcome::Retry {
            after: Some(after), ..
        } = outcome
        else {
            panic!("{outcome:?}");
        };
        assert!(after > Duration::from_secs(500), "{after:?}");
    }
    assert_eq!(server.heard().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_twenty_first_message_of_a_minute_waits_whichever_receiver_names_the_robot() {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    let server = Server::start(move |_| {
        counted.fetch_add(1, Ordering::Relaxed);
        ok(r#"{"errcode":0,"errmsg":"ok"}"#)
    });
    let folder = tempfile::tempdir().unwrap();
    let token = write(folder.path(), "token", TOKEN);
    let url = server.url();
    let one = |name: &str| {
        format!(
            "- name: {name}\n  kind: wecom\n  url: {url}\n  allow_private: true\n  token_file: {token}\n"
        )
    };
    let robots = receivers(&(one("a") + &one("b")));
    let mut waiting = 0;
    for index in 0..25 {
        let name = if index % 2 == 0 { "a" } else { "b" };
        match robots.deliver(name, &message()).await {
            Outcome::Delivered => {}
            Outcome::Retry {
                after: Some(after), ..
            } => {
                assert!(after <= Duration::from_secs(60));
                waiting += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((count.load(Ordering::Relaxed), waiting), (20, 5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_a_service_repeats_is_struck_out() {
    let server = Server::start(|request| {
        Answer::Say(400, "", format!("no robot at {} {SECRET}", request.target))
    });
    let robots = robot("dingtalk", &server.url(), true);
    let outcome = robots.deliver("robot", &message()).await;
    let error = error(&outcome);
    assert!(
        error.contains("no robot at /robot/send?access_token=***"),
        "{error}"
    );
    assert!(!error.contains(TOKEN) && !error.contains(SECRET), "{error}");
    assert!(!format!("{robots:?}").contains(TOKEN));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_page_of_somebody_else_leaves_the_hint() {
    let server = Server::start(|_| ok(&"<p>please log in</p>".repeat(1000)));
    let robots = robot("feishu", &server.url(), false);
    let outcome = robots.deliver("robot", &message()).await;
    assert!(error(&outcome).contains("a proxy's page?"), "{outcome:?}");
}
