//! Alerts of a running `up`, and the workshop of those who write rules.

use crate::harness::{Up, cbsift, get, run, text, wait_until};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Made-up lines: an update that fails on a damaged folder.
const FAILING: &str = concat!(
    "2022-08-18 15:53:42, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 30979999_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616\r\n",
    "2022-08-18 15:53:46, Error                 CSI    00009627@2022/8/18:07:53:46.609 (F) onecore\\base\\wcp\\sil\\ntsystem.cpp(2987): Error STATUS_FILE_CORRUPT_ERROR originated in function Windows::Rtl::SystemImplementation::DirectFileSystemProvider::SysCreateFile expression: (null)[gle=0x80004005]\r\n",
    "2022-08-18 15:53:47, Info                  CBS    Exec: Processing complete.  Session: 30979999_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616 [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\r\n",
);

/// And is installed the day after.
const INSTALLED: &str = concat!(
    "2022-08-19 10:00:01, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 30980001_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616\r\n",
    "2022-08-19 10:00:09, Info                  CBS    Exec: Processing complete.  Session: 30980001_1234567890, Package: Package_for_RollupFix~31bf3856ad364e35~amd64~~19041.1889.1.7, Identifier: KB5016616 [HRESULT = 0x00000000 - S_OK]\r\n",
);

/// A webhook that takes everything, and what it heard.
fn webhook() -> (String, Arc<Mutex<Vec<Value>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/hook", listener.local_addr().unwrap());
    let heard: Arc<Mutex<Vec<Value>>> = Arc::default();
    let noted = Arc::clone(&heard);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let (mut bytes, mut piece) = (Vec::new(), [0; 4_096]);
            let body = loop {
                let read = stream.read(&mut piece).unwrap_or(0);
                bytes.extend_from_slice(&piece[..read]);
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| {
                        let (name, value) = line.split_once(": ")?;
                        name.eq_ignore_ascii_case("content-length")
                            .then(|| value.parse().ok())?
                    });
                    if body.len() >= length.unwrap_or(0) {
                        break body.to_owned();
                    }
                }
                if read == 0 {
                    break String::new();
                }
            };
            if let Ok(message) = serde_json::from_str(&body) {
                noted.lock().unwrap().push(message);
            }
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        }
    });
    (address, heard)
}

/// A site's own rule: one PC is enough.
const RULE: &str = "
- name: made_up
  title: { en: '{kb} fails on {value} PCs', zh: '{kb} 失败 {value} 台' }
  about: { en: made up, zh: 虚构 }
  text: { en: '{pcs}', zh: '{pcs}' }
  severity: critical
  count: failing
  group_by: [kb]
  threshold: { at_least: 1 }
  tests:
    - case: one PC
      steps:
        - { at: 0s, of: 9, values: { KB1: 0 }, firing: [] }
        - { at: 15s, of: 9, values: { KB1: 1 }, firing: [KB1] }
";

fn folder_of(rule: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("site.yaml"), rule).unwrap();
    folder
}

fn alerts(up: &Up) -> Value {
    let (status, body) = get(&format!("{}/api/v1/alerts", up.page.trim_end_matches('/')));
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// A configuration with these lines under `[alerts]`.
fn config(folder: &Path, lines: &str) -> String {
    let path = folder.join("cbsift.toml");
    std::fs::write(&path, format!("[alerts]\ninterval = \"1s\"\n{lines}")).unwrap();
    path.to_string_lossy().into_owned()
}

#[test]
fn a_failing_update_is_told_once_whatever_is_restarted() {
    let rules = folder_of(RULE);
    let folder = tempfile::tempdir().unwrap();
    let (hook, heard) = webhook();
    let receivers = folder.path().join("receivers.yaml");
    std::fs::write(
        &receivers,
        format!("- name: team\n  kind: webhook\n  url: {hook}\n  allow_private: true\n"),
    )
    .unwrap();
    let heard = || heard.lock().unwrap().clone();
    let config = config(
        folder.path(),
        &format!(
            "folder = {:?}\npages = \"https://cbsift.example/\"\nreceivers = {receivers:?}\n",
            rules.path()
        ),
    );
    let data = folder.path().join("data");
    let log = folder.path().join("CBS.log");
    std::fs::write(&log, FAILING).unwrap();

    let up = Up::on(&data, &["--config", &config]);
    wait_until("rules are evaluated", || {
        alerts(&up)["rules"]
            .as_array()
            .is_some_and(|rules| rules.len() == 1)
    });
    assert_eq!(alerts(&up)["rules"][0]["state"], "inactive");
    up.send(&[&log], "pc-1", &[]);
    wait_until("it fires", || alerts(&up)["firing"][0]["state"] == "firing");
    let first = alerts(&up);
    let firing = &first["firing"][0];
    assert_eq!(firing["title"]["en"], "KB5016616 fails on 1 PCs");
    assert_eq!(firing["labels"]["kb"], "KB5016616");
    assert_eq!(firing["page"], "/updates/KB5016616");
    wait_until("its delivery is written down", || {
        alerts(&up)["firing"][0]["deliveries"][0]["ok"] == true
    });
    let told = heard();
    assert_eq!(told.len(), 1, "{told:#?}");
    assert_eq!(
        (&told[0]["status"], &told[0]["total"]),
        (&"firing".into(), &1.into())
    );
    assert_eq!(told[0]["title"]["zh"], "KB5016616 失败 1 台");
    assert_eq!(told[0]["page"], "https://cbsift.example/updates/KB5016616");
    up.kill();

    let up = Up::on(&data, &["--config", &config]);
    let evaluated = first["evaluated"].clone();
    wait_until("it is evaluated again", || {
        alerts(&up)["evaluated"] != evaluated
    });
    let again = alerts(&up);
    assert_eq!(again["firing"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&again["firing"][0]["id"], &again["firing"][0]["since"]),
        (&firing["id"], &firing["since"])
    );
    // It goes well the day after: over, and told once.
    std::fs::write(&log, [FAILING, INSTALLED].concat()).unwrap();
    up.send(&[&log], "pc-1", &[]);
    wait_until("its end is told", || {
        alerts(&up)["history"][0]["deliveries"][1]["ok"] == true
    });
    let states: Vec<Value> = heard().iter().map(|told| told["status"].clone()).collect();
    assert_eq!(states, ["firing", "resolved"]);
    let again = alerts(&up);
    assert_eq!(again["firing"], Value::Array(Vec::new()));
    up.stop();

    // Rules with a fault are refused as a whole, and those before go on.
    std::fs::write(
        rules.path().join("site.yaml"),
        RULE.replace("critical", "loud"),
    )
    .unwrap();
    let up = Up::on(&data, &["--config", &config]);
    let evaluated = again["evaluated"].clone();
    wait_until("those before are evaluated", || {
        alerts(&up)["evaluated"] != evaluated
    });
    let seen = alerts(&up);
    assert_eq!(heard().len(), 2);
    assert_eq!(
        (&seen["rules"][0]["name"], &seen["rules"][0]["state"]),
        (&"made_up".into(), &"inactive".into())
    );
    up.stop();
}

#[test]
fn the_workshop_lists_tests_previews_publishes_and_looks_back() {
    let said = |arguments: &[&str], code: i32| {
        let output = run(arguments);
        let all = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {all}");
        all
    };
    let listed = said(&["alerts", "list", "--lang", "en"], 0);
    assert!(
        listed.contains(
            "update_failing  critical\n  failing by kb >= 20 and 1 % of all, until quiet for 2h"
        ),
        "{listed}"
    );
    let tested = said(&["alerts", "test"], 0);
    assert!(tested.contains("0 failed"), "{tested}");

    let good = folder_of(RULE);
    let good = good.path().to_str().unwrap();
    assert!(said(&["alerts", "test", good], 0).contains("1 test of 1 rule, 0 failed"));
    let broken = folder_of(&RULE.replace(
        "values: { KB1: 0 }, firing: []",
        "values: { KB1: 1 }, firing: []",
    ));
    let broken = broken.path().to_str().unwrap();
    let found = said(&["alerts", "test", broken], 1);
    assert!(
        found.contains("rule `made_up`, case `one PC`, at 0s: nothing should fire, KB1 does"),
        "{found}"
    );
    let faulty = folder_of(&RULE.replace("critical", "loud").replace("{pcs}", "{host}"));
    let faulty = faulty.path().to_str().unwrap();
    let found = said(&["alerts", "test", faulty], 1);
    for fault in [
        "site.yaml:6: rule `made_up`: no severity `loud`",
        "site.yaml:5: rule `made_up`: no field `{host}`",
    ] {
        assert!(found.contains(fault), "{found}");
    }

    let shown = said(&["alerts", "preview", "update_failing"], 0);
    for part in [
        "alertname=update_failing",
        "KB5031356 fails on 50 PCs (1.0 %)",
        "安装失败",
        "/updates/KB5031356",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    assert!(
        said(&["alerts", "preview", "update_failing", "--resolved"], 0)
            .contains("Over after 2 h 5 min; at most 50.")
    );
    for (form, part) in [
        ("alertmanager", "\"summary_zh\": \"KB5031356"),
        ("webhook", "\"rule\": \"update_failing\""),
        ("email", "Subject: "),
        ("mail-page", "<html"),
        ("dingtalk", "\"markdown\""),
        ("feishu", "\"zh_cn\""),
        ("wecom", "\"msgtype\""),
        ("syslog", "rule=\"update_failing\""),
        ("command", "\"total\": 1"),
    ] {
        let shown = said(&["alerts", "preview", "update_failing", "--as", form], 0);
        assert!(shown.contains(part), "{form}: {shown}");
    }
    let own = tempfile::tempdir().unwrap();
    let receivers = own.path().join("receivers.yaml");
    std::fs::write(
        &receivers,
        "- name: sms\n  kind: webhook\n  url: https://sms.example/\n  template: '{\"sms\": \"{{title.zh}}\"}'\n",
    )
    .unwrap();
    let by_name = |name: &str, code: i32| {
        let output = cbsift()
            .args(["alerts", "preview", "update_failing", "--receiver", name])
            .env("CBSIFT__ALERTS__RECEIVERS", &receivers)
            .output()
            .unwrap();
        let all = text(&output.stdout) + &text(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{all}");
        all
    };
    assert!(by_name("sms", 0).starts_with("{\"sms\": \"KB5031356"));
    assert!(by_name("nobody", 2).contains("no receiver `nobody`\nhint: known: sms"));
    assert!(
        said(&["alerts", "preview", "nonsense"], 2).contains("there is no alert rule `nonsense`")
    );

    let folder = tempfile::tempdir().unwrap();
    let (up, _) = Up::with_a_log(folder.path(), FAILING);
    let data = up.data.to_str().unwrap();
    let published = said(&["alerts", "publish", "--rules", good, "--data", data], 0);
    assert!(published.contains("published: 1 rule"), "{published}");
    for refused in [broken, faulty] {
        said(
            &["alerts", "publish", "--rules", refused, "--data", data],
            1,
        );
    }
    let back = said(
        &[
            "alerts",
            "backtest",
            "--from",
            "2022-08-10",
            "--to",
            "2022-08-25",
            "--rules",
            good,
            "--data",
            data,
            "--lang",
            "en",
        ],
        0,
    );
    assert!(
        back.contains("2022-08-18") && back.contains("KB5016616 fails on 1 PCs"),
        "{back}"
    );
    assert!(
        back.contains("1 firing in 16 days, by logged time and with what is known today"),
        "{back}"
    );
    // Who did it stands in the audit.
    let audit = cbsift()
        .args(["audit", "list", "--data", data])
        .output()
        .unwrap();
    assert!(
        text(&audit.stdout).contains("alerts.publish"),
        "{}",
        text(&audit.stdout)
    );
    up.stop();
}
