//! Every kind's limit and escapes, on any text, and what is wrong with configurations.

use crate::given::{labels, message, receivers, resolved, text, write};
use proptest::prelude::*;
use receivers::{Item, Kind, Language, Message, ReceiverConfig, Receivers, mail, preview};
use serde_json::Value;

/// What a service takes, in bytes of what counts there.
fn size(kind: Kind, written: &str) -> (usize, usize) {
    let json = || -> Value { serde_json::from_str(written).unwrap() };
    match kind {
        Kind::Wecom => {
            let value = json();
            (value["markdown"]["content"].as_str().unwrap().len(), 4096)
        }
        Kind::Dingtalk | Kind::Feishu => (json().to_string().len(), 20_000),
        Kind::Syslog => (written.len(), 2048),
        _ => (written.len(), usize::MAX),
    }
}

fn hostile(part: &str, count: usize) -> Message {
    let both = text(part, part);
    Message {
        labels: labels(&[(part, part), ("a]\"b", part)]),
        title: both.clone(),
        body: text(&format!("{part}\n{part}"), part),
        page: format!("https://cbsift.bank.example/{part}"),
        alerts: (0..count)
            .map(|number| Item {
                labels: labels(&[("endpoint", part)]),
                value: f64::NAN,
                text: both.clone(),
                page: format!("https://cbsift.bank.example/{number}{part}"),
            })
            .collect(),
        total: count + 5,
        ..message()
    }
}

fn check(message: &Message) {
    for kind in Kind::ALL {
        for language in [Language::En, Language::Zh, Language::Both] {
            let written = preview(kind, language, message);
            let (found, max) = size(kind, &written);
            assert!(found <= max, "{kind:?} {language:?}: {found} of {max}");
        }
    }
    // Everything that would be a mention, a link or an image stands in what we wrote ourselves.
    for kind in [Kind::Dingtalk, Kind::Wecom] {
        let written: Value = serde_json::from_str(&preview(kind, Language::Both, message)).unwrap();
        let field = if kind == Kind::Dingtalk {
            "text"
        } else {
            "content"
        };
        let text = written["markdown"][field].as_str().unwrap();
        assert!(!text.contains('<') && !text.contains('`'), "{text}");
        for (at, _) in text.match_indices("](") {
            assert!(
                text[at + 2..].starts_with("https://cbsift.bank.example/"),
                "{text}"
            );
            let before = text[..at].rsplit('[').next().unwrap();
            assert!(["↗", "Details", "查看详情"].contains(&before), "{text}");
        }
    }
    let html = mail(Language::Both, message).html;
    for (at, _) in html.match_indices('<') {
        let tag: String = html[at + 1..]
            .chars()
            .take_while(|letter| letter.is_ascii_alphanumeric() || *letter == '/' || *letter == '!')
            .collect();
        assert!(
            [
                "!DOCTYPE", "html", "head", "meta", "/head", "body", "/body", "/html", "h3", "/h3",
                "p", "/p", "br", "ol", "/ol", "li", "/li", "a", "/a", "hr"
            ]
            .contains(&tag.as_str()),
            "{tag} in {html}"
        );
    }
    assert!(!mail(Language::Both, message).subject.contains(['\r', '\n']));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_text_stays_within_limits_and_forms_nothing(part in any::<String>(), count in 0_usize..30) {
        check(&hostile(&part, count));
    }
}

#[test]
fn long_and_hostile_text_stays_within_limits_and_forms_nothing() {
    for part in [
        "[x](https://evil.example)![](https://evil.example/a.png)<@all><at id=all></at>`",
        "<script>alert(1)</script>\"'><img src=x>",
        "部\u{202e}\u{0}\u{1b}]0;x\u{7}",
        "\\\"\r\n\u{2028}",
        "]]]](((([[[[",
    ] {
        for repeats in [1, 50, 1000] {
            check(&hostile(&part.repeat(repeats), 20));
        }
    }
    assert_eq!(
        preview(Kind::Wecom, Language::En, &hostile("x", 0))
            .matches("more not listed")
            .count(),
        1
    );
}

#[test]
fn what_is_left_out_is_counted() {
    let long = hostile(&"x".repeat(300), 10);
    let written: Value = serde_json::from_str(&preview(Kind::Wecom, Language::En, &long)).unwrap();
    let content = written["markdown"]["content"].as_str().unwrap();
    let listed = content.matches("[↗](").count();
    assert!((1..10).contains(&listed), "{listed}");
    assert!(
        content.contains(&format!("{} more not listed", long.total - listed)),
        "{content}"
    );
    // Ten are listed where there is room, however many there are.
    let many = Message {
        total: 500,
        ..hostile("x", 500)
    };
    let listed = mail(Language::En, &many).text;
    assert!(
        listed.contains("10. x")
            && !listed.contains("11. x")
            && listed.contains("490 more not listed"),
        "{listed}"
    );
}

#[test]
fn alertmanager_gets_one_alert_an_item_with_labels_that_it_takes() {
    let mut given = message();
    given
        .labels
        .insert("severity".to_owned(), "mine".to_owned());
    given.labels.insert("a-b".to_owned(), "1".to_owned());
    given.labels.insert("a_b".to_owned(), "2".to_owned());
    given.labels.insert("empty".to_owned(), String::new());
    let alerts: Value =
        serde_json::from_str(&preview(Kind::Alertmanager, Language::Both, &given)).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 3);
    assert_eq!(
        alerts[0]["labels"],
        serde_json::json!({
            "alertname": "failing_update", "severity": "critical", "severity_2": "mine", "a_b": "1", "a_b_2": "2",
            "kb": "KB5031356", "site": "北京", "endpoint": "PC-001",
        })
    );
    assert_eq!(
        alerts[1]["generatorURL"],
        "https://cbsift.bank.example/endpoints/PC-002"
    );
    assert_eq!(alerts[1]["annotations"]["summary_zh"], "有电脑安装更新失败");
    assert_eq!(
        alerts[1]["annotations"]["description"],
        "PC-002: 0x800f0922"
    );
    assert!(alerts[0].get("endsAt").is_none());
    let over: Value =
        serde_json::from_str(&preview(Kind::Alertmanager, Language::Both, &resolved())).unwrap();
    assert_eq!(over[0]["endsAt"], "2023-11-14T23:13:20.000Z");
    // An alert without items is one.
    given.alerts.clear();
    let alerts: Value =
        serde_json::from_str(&preview(Kind::Alertmanager, Language::Both, &given)).unwrap();
    assert_eq!(alerts.as_array().unwrap().len(), 1);
    assert_eq!(alerts[0]["generatorURL"], given.page);
}

fn faults(yaml: &str) -> Vec<String> {
    let configs = match ReceiverConfig::list_from_yaml(yaml) {
        Ok(configs) => configs,
        Err(faults) => return faults.iter().map(ToString::to_string).collect(),
    };
    let faults = Receivers::from_config(&configs).expect_err("a fault");
    faults.iter().map(ToString::to_string).collect()
}

#[test]
fn every_fault_of_every_receiver_is_told_at_once() {
    let found = faults(
        "
- name: ops
  kind: alertmanager
  urls: ['http://169.254.169.254', 'ftp://x']
  url: http://x
- name: 'a b'
  kind: dingtalk
  url: https://oapi.dingtalk.com/robot/send?access_token=made-up-token
  token_file: /nowhere/token
  timeout: 2h
- name: ops
  kind: webhook
  url: http://hook.bank.example
  bearer_file: /dev/null
- name: mail
  kind: email
  tls: ssl
  from: nobody
  utc_offset: Beijing
- kind: pager
- name: sms
  kind: command
  argv: [send-sms]
- name: log
  kind: syslog
  server: log.bank.example
  transport: udp
  framing: lines
  facility: kernel
",
    );
    for expected in [
        "receiver `ops`, `url`: a receiver of kind `alertmanager` has no such field",
        "receiver `ops`, `urls`: `169.254.169.254` is never connected to",
        "receiver `ops`, `urls`: is no address",
        "receiver `a b`, `name`: 1 to 64 letters",
        "receiver `a b`, `url`: is the base address alone",
        "receiver `a b`, `token_file`: cannot read `/nowhere/token`",
        "receiver `a b`, `timeout`: `2h`",
        "receiver `ops`, `bearer_file`: the first line of `/dev/null` is empty",
        "receiver `mail`, `tls`: `ssl`: `starttls`, `tls` and `none`",
        "receiver `mail`, `from`: `nobody` is no address",
        "receiver `mail`, `to`: 1 to 100",
        "receiver `mail`, `server`: is missing",
        "receiver `mail`, `utc_offset`: `Beijing`",
        "receiver `#5`, `kind`: `pager`",
        "receiver `sms`, `argv`: `send-sms`: a program is named by its whole path",
        "receiver `log`, `framing`: is of use with `transport: tcp` only",
        "receiver `log`, `facility`: `kernel`",
    ] {
        assert!(
            found.iter().any(|fault| fault.starts_with(expected)),
            "{expected} is not in {found:#?}"
        );
    }
    assert!(
        !found.iter().any(|fault| fault.contains("made-up-token")),
        "{found:#?}"
    );
    let twice = faults(
        "[{name: a, kind: command, argv: [/bin/cat]}, {name: a, kind: command, argv: [/bin/cat]}]",
    );
    assert_eq!(
        twice,
        ["receiver `a`, `name`: is the name of another receiver too"]
    );
    let unknown =
        faults("- {name: a, kind: webhook, adress: x}\n- {name: b, kind: webhook, ulr: x}");
    assert_eq!(unknown.len(), 2, "{unknown:?}");
    assert!(
        unknown[0].contains("line 1") && unknown[0].contains("adress"),
        "{unknown:?}"
    );
    assert!(
        unknown[1].starts_with("receiver `b`: line 2"),
        "{unknown:?}"
    );
}

#[test]
fn secrets_do_not_cross_a_network_in_the_clear_unless_somebody_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let token = write(folder.path(), "token", "made-up");
    let robot = |url: &str, more: &str| {
        format!(
            "- {{name: a, kind: wecom, url: '{url}', token_file: {token}, allow_private: true{more}}}"
        )
    };
    let found = faults(&robot("http://robot.bank.example", ""));
    assert!(found[0].contains("in the clear"), "{found:?}");
    receivers(&robot(
        "http://robot.bank.example",
        ", allow_plaintext: true",
    ));
    receivers(&robot("https://robot.bank.example", ""));
    receivers(&robot("http://127.0.0.1:8080", ""));
    let mail = format!(
        "- {{name: a, kind: email, server: mail.bank.example, tls: none, from: a@b.example, to: [a@b.example], username: me, password_file: {token}}}"
    );
    assert!(faults(&mail)[0].contains("in the clear"));
    let whole = write(
        folder.path(),
        "whole",
        "https://oapi.dingtalk.com/robot/send?access_token=x",
    );
    let found = faults(&format!(
        "- {{name: a, kind: dingtalk, token_file: {whole}}}"
    ));
    assert!(found[0].contains("the token alone"), "{found:?}");
}
