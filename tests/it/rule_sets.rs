//! Rules published to the store, dead letters and their way back.

use crate::fixtures::{one_of_each, write_endpoint};
use crate::harness::{Up, block_on, cbsift, repository, scan, text};
use simulate::Fleet;
use std::path::Path;
use store::{DeadLetter, LetterContent, Store, StoreConfig};

/// A command beside a running `up`: exit status, standard output, standard error.
pub fn beside(up: &Up, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = cbsift()
        .args(arguments)
        .arg("--data")
        .arg(&up.data)
        .env(
            "CBSIFT__ENGINE__LISTEN",
            up.engine.trim_start_matches("http://"),
        )
        .output()
        .unwrap();
    let said = (text(&output.stdout), text(&output.stderr));
    (output.status.code(), said.0, said.1)
}

/// The shipped rules with one of them under another name.
fn renamed(id: &str, folder: &Path) {
    let mut found = 0;
    for entry in std::fs::read_dir(repository().join("config/rules")).unwrap() {
        let path = entry.unwrap().path();
        let rules = std::fs::read_to_string(&path).unwrap();
        let from = format!("- id: {id}\n");
        found += rules.matches(&from).count();
        let rules = rules.replace(&from, &format!("- id: {id}_of_site\n"));
        std::fs::write(folder.join(path.file_name().unwrap()), rules).unwrap();
    }
    assert_eq!(found, 1, "one rule is renamed");
}

#[test]
fn rules_of_a_site_are_published_stay_and_are_used() {
    let data = tempfile::tempdir().unwrap();
    let up = Up::on(data.path(), &[]);
    let (status, out, err) = beside(&up, &["rules", "publish"]);
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(
        out,
        "rule set 1 is the newest one and holds these rules already\n"
    );

    let plans = one_of_each(&Fleet::new(11, 200));
    let logs = tempfile::tempdir().unwrap();
    let (endpoint, rule) = plans
        .iter()
        .find_map(|plan| {
            let folder = logs.path().join(&plan.id);
            std::fs::create_dir(&folder).unwrap();
            write_endpoint(plan, &folder);
            let found = scan(&[&folder], &plan.id);
            let finding = &found["findings"][0];
            let rule = finding["rule"].as_str()?.to_owned();
            // Of one that ended in another code than it began with, the rule stands on a record and not on the end alone.
            let is_on_record = finding["root_code"] != finding["terminal_code"];
            (!rule.is_empty() && is_on_record).then(|| (plan.id.clone(), rule))
        })
        .expect("an endpoint fails by a rule");
    let rules = tempfile::tempdir().unwrap();
    renamed(&rule, rules.path());
    let folder = rules.path().to_str().unwrap();
    let (status, out, err) = beside(&up, &["rules", "publish", "--rules", folder]);
    assert_eq!(status, Some(0), "{err}");
    assert!(out.starts_with("rule set 2 published"), "{out}");

    // A restart leaves them, and what arrives is classified with them.
    up.stop();
    let up = Up::on(data.path(), &[]);
    up.send(&[&logs.path().join(&endpoint)], &endpoint, &[]);
    up.settle();
    let findings = up.answers(&endpoint).findings;
    let renamed = format!("{rule}_of_site | ");
    assert!(
        findings.iter().any(|finding| finding.starts_with(&renamed)),
        "{rule}: {findings:#?}"
    );

    // What the shipped rules would change back, and what the same rules change.
    let plan = |arguments: &[&str]| -> serde_json::Value {
        let days = ["--from", "1990-01-01", "--to", "2100-12-31"];
        let mut all = vec!["reprocess", "plan", "--format", "json"];
        all.extend(days.iter().chain(arguments));
        let (status, out, err) = beside(&up, &all);
        assert_eq!(status, Some(0), "{err}");
        serde_json::from_str(&out).unwrap()
    };
    let same = plan(&["--rules", folder]);
    assert!(same["chunks"].as_u64().unwrap() > 0, "{same}");
    assert_eq!(same["events"], serde_json::json!([]), "{same}");
    assert_eq!(same["findings"], serde_json::json!([]), "{same}");
    let back = plan(&[]);
    let events = back["events"].as_array().unwrap();
    assert!(
        !events.is_empty()
            && events.iter().all(|group| group["change"] == "changes"
                && group["from"] == format!("{rule}_of_site")
                && group["to"] == rule.as_str()),
        "{back:#}"
    );
    let (status, out, _) = beside(
        &up,
        &[
            "reprocess",
            "plan",
            "--from",
            "2024-02-02",
            "--to",
            "2024-02-01",
        ],
    );
    assert_eq!(status, Some(2), "{out}");

    // Faults are refused with their place, and leave no trace.
    std::fs::write(rules.path().join("zz.yaml"), "- id: Made-Up\n").unwrap();
    let (status, out, err) = beside(&up, &["rules", "publish", "--rules", folder]);
    assert_eq!(status, Some(1), "{err}");
    assert!(out.contains("zz.yaml:1"), "{out}");
    let (_, out, _) = beside(&up, &["rules", "publish"]);
    assert!(out.starts_with("rule set 3 published"), "{out}");
    up.stop();
}

/// A letter as the pipeline writes it, of a made-up chunk.
fn letter(endpoint: &str) -> DeadLetter {
    let line = "2024-05-01 08:00:00, Info                  CBS    made up \u{1b}[2J [HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]\n";
    let length = line.len().to_string();
    let headers = [
        ("version", "1"),
        ("content_type", "text/plain; charset=utf-8"),
        ("tenant", "default"),
        ("endpoint", endpoint),
        ("source", "cbs"),
        ("stream", "00000000000000ff"),
        ("path", "CBS.log"),
        ("offset", "0"),
        ("length", &length),
        ("encoding", "utf-8"),
        ("format", "wds"),
        ("open", "false"),
        ("sender", "test"),
        ("received_ms", "1700000000000"),
    ];
    let content = LetterContent {
        key: Some(format!("default/{endpoint}").into_bytes()),
        headers: headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), Some(value.as_bytes().to_vec())))
            .collect(),
        payload: Some(line.as_bytes().to_vec()),
    };
    DeadLetter {
        tenant: "default".to_owned(),
        id: content.id(),
        seen_ms: 1_700_000_000_000,
        stage: "classify".to_owned(),
        reason: "panic".to_owned(),
        message: "made up".to_owned(),
        endpoint: endpoint.to_owned(),
        source: "cbs".to_owned(),
        path: "CBS.log".to_owned(),
        length: line.len() as u64,
        content,
        rule_set: 1,
        ..DeadLetter::default()
    }
}

#[test]
fn a_dead_letter_is_listed_shown_and_becomes_events_when_it_is_sent_back() {
    let up = Up::start();
    let letter = letter("dead-letters-pc");
    block_on(async {
        let store = Store::connect(StoreConfig::local(up.socket()))
            .await
            .unwrap();
        store
            .insert_dead_letters(std::slice::from_ref(&letter))
            .await
            .unwrap();
    });
    let (_, listed, err) = beside(&up, &["dead-letters", "list"]);
    assert!(
        listed.contains(&letter.id) && listed.contains("classify/panic"),
        "{listed}{err}"
    );
    let (_, shown, err) = beside(&up, &["dead-letters", "show", &letter.id[..6]]);
    assert!(shown.contains("CBS_E_INSTALLERS_FAILED"), "{shown}{err}");
    assert!(!shown.contains('\u{1b}'), "log text drives no terminal");
    let (_, raw, _) = beside(&up, &["dead-letters", "show", "--raw", &letter.id]);
    assert_eq!(raw.as_bytes(), letter.content.payload.as_deref().unwrap());
    let (status, _, err) = beside(&up, &["dead-letters", "show", "no such"]);
    assert_eq!(status, Some(2), "{err}");

    let (status, out, err) = beside(&up, &["dead-letters", "retry", "--all"]);
    assert_eq!(status, Some(0), "{err}");
    assert_eq!(out, "1 letter sent back, 0 left\n");
    up.settle();
    let answers = up.answers("dead-letters-pc");
    assert_eq!(answers.codes.get("0x800f0922"), Some(&1), "{answers:?}");
    let (_, listed, _) = beside(&up, &["dead-letters", "list"]);
    assert_eq!(listed, "");
    let (_, listed, _) = beside(&up, &["dead-letters", "list", "--all"]);
    assert!(listed.contains("sent_back"), "{listed}");
    up.stop();
}
