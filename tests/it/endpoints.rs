//! Endpoints get names and labels by commands, pages narrow by them, and the audit tells who did it.

use crate::fixtures::CUT_RECORD;
use crate::harness::{Up, cbsift, get, text};
use serde_json::Value;
use std::path::Path;

/// A command beside a running `up`; its exit status, and what it says.
fn ask(up: &Up, arguments: &[&str]) -> (Option<i32>, String) {
    let output = cbsift()
        .args(arguments)
        .arg("--data")
        .arg(&up.data)
        .output()
        .unwrap();
    let said = text(&output.stdout) + &text(&output.stderr);
    (output.status.code(), said)
}

fn does(up: &Up, arguments: &[&str]) -> String {
    let (status, said) = ask(up, arguments);
    assert_eq!(status, Some(0), "{arguments:?}: {said}");
    said
}

fn api(up: &Up, path: &str) -> Value {
    let (status, body) = get(&format!("{}api/v1{path}", up.page));
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

fn listed(up: &Up, query: &str) -> Vec<String> {
    let list = api(up, &format!("/endpoints{query}"));
    let rows = list["endpoints"].as_array().unwrap();
    assert_eq!(list["total"], rows.len());
    let ids = rows.iter().map(|row| row["endpoint"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

/// One that names its machine.
fn event(host: &str, record: u32) -> String {
    format!(
        r#"{{"ts_utc":"2024-05-06T02:20:3{record}.000Z","host":"{host}","channel":"System","provider":"Microsoft-Windows-Ntfs","event_id":98,"record_id":{record},"level":"information","data":{{"CorruptionActionState":"0"}}}}"#
    )
}

fn fleet(folder: &Path) -> Up {
    let up = Up::on(&folder.join("data"), &[]);
    let log = folder.join("CBS.log");
    std::fs::write(&log, CUT_RECORD).unwrap();
    for endpoint in ["pc-1", "pc-2", "pc-3"] {
        up.send(&[&log], endpoint, &[]);
    }
    let events = folder.join("System.jsonl");
    let lines = event("OLD-NAME", 1) + "\n" + &event("=NEW-NAME", 2) + "\n";
    std::fs::write(&events, lines).unwrap();
    up.send(&[&events], "pc-1", &[]);
    up.settle();
    up
}

#[test]
fn names_and_labels_show_on_the_pages_and_change_no_identity() {
    let folder = tempfile::tempdir().unwrap();
    let up = fleet(folder.path());
    let before = api(&up, "/endpoints/pc-1");
    assert_eq!(before["endpoint"]["host"], "=NEW-NAME");
    let hosts = before["endpoint"]["hosts"].as_array().unwrap();
    let hosts: Vec<&str> = hosts
        .iter()
        .filter_map(|host| host["host"].as_str())
        .collect();
    assert_eq!(hosts, ["=NEW-NAME", "OLD-NAME"]);
    assert!(before["endpoint"]["contact"].is_string());
    assert_eq!(api(&up, "/labels")["labels"], serde_json::json!([]));

    does(&up, &["endpoints", "rename", "pc-1", "Counter 1"]);
    does(
        &up,
        &[
            "endpoints",
            "label",
            "pc-1",
            "ring=pilot",
            "site=上海, 浦东",
        ],
    );
    does(&up, &["endpoints", "label", "pc-2", "ring=pilot"]);
    does(&up, &["endpoints", "label", "pc-3", "model=other"]);
    let after = api(&up, "/endpoints/pc-1");
    assert_eq!(after["endpoint"]["name"], "Counter 1");
    for same in ["totals", "streams", "attempts", "findings", "codes"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    assert_eq!(listed(&up, "?label=ring:pilot"), ["pc-1", "pc-2"]);
    let shanghai = "?label=ring:pilot&label=site:%E4%B8%8A%E6%B5%B7,%20%E6%B5%A6%E4%B8%9C";
    assert_eq!(listed(&up, shanghai), ["pc-1"]);
    assert_eq!(listed(&up, "?q=counter"), ["pc-1"]);
    let overview = api(&up, "/overview?label=ring:pilot&by=ring");
    assert_eq!(overview["pcs"]["seen"], 2);
    // Records and codes are counted of those PCs alone: with those of the third they are all there are. The last record of each may go on,
    // and is counted of a PC alone.
    let (all, third) = (
        api(&up, "/overview"),
        api(&up, "/overview?label=model:other"),
    );
    for figure in ["events", "noise"] {
        let of = |of: &Value| of["totals"][figure].as_u64().unwrap();
        assert_eq!(of(&overview) + of(&third), of(&all), "{figure}");
    }
    assert_eq!(
        third["totals"]["events"],
        all["totals"]["events"].as_u64().unwrap() / 3
    );
    let codes = |of: &Value| -> std::collections::BTreeMap<String, u64> {
        let rows = of["top_codes"].as_array().unwrap().iter();
        rows.map(|row| (row["code"].to_string(), row["events"].as_u64().unwrap()))
            .collect()
    };
    let pilots = codes(&overview);
    let mut summed = pilots.clone();
    for (code, records) in codes(&third) {
        *summed.entry(code).or_default() += records;
    }
    assert_eq!(summed, codes(&all));
    assert_eq!(pilots.get("\"0xc0000102\""), Some(&2), "{pilots:?}");
    let one_code = codes(&api(&up, "/overview?label=ring:pilot&code=0xc0000102"));
    assert_eq!(one_code.values().collect::<Vec<_>>(), [&2]);
    let file = format!("{}api/v1/codes.csv?label=ring:pilot", up.page);
    let (status, body) = get(&file);
    assert_eq!(
        (status, body.lines().count()),
        (200, 1 + pilots.len()),
        "{body}"
    );
    assert_eq!(overview["groups"][0]["value"], "pilot");
    assert_eq!(overview["groups"][0]["endpoints"], 2);
    assert!(api(&up, "/overview").get("groups").is_none());
    let (status, body) = get(&format!("{}api/v1/endpoints?label=x", up.page));
    assert!(status == 400 && body.contains("hint"), "{status} {body}");

    for (wrong, says) in [
        (
            ["endpoints", "label", "pc-9", "ring=x"],
            "no endpoint `pc-9`",
        ),
        (["endpoints", "label", "pc-1", "ring==1"], "formula"),
        (["endpoints", "label", "pc-1", "host=x"], "told by the logs"),
        (["endpoints", "label", "pc-1", "ring"], "ring=pilot"),
        (["endpoints", "rename", "pc 1", "x"], "no endpoint's id"),
    ] {
        let (status, said) = ask(&up, &wrong);
        assert!(
            status == Some(2) && said.contains(says),
            "{wrong:?}: {said}"
        );
    }

    does(&up, &["endpoints", "rename", "pc-1", "--clear"]);
    assert_eq!(api(&up, "/endpoints/pc-1")["endpoint"]["name"], Value::Null);
    does(&up, &["endpoints", "forget", "pc-2"]);
    assert_eq!(listed(&up, ""), ["pc-1", "pc-3"]);

    // Who did it, whole; and not, once somebody changes a row.
    let audit = does(&up, &["audit", "list"]);
    for said in [
        "rules.publish",
        "endpoint.rename  pc-1",
        "endpoint.label",
        "endpoint.forget  pc-2",
    ] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
    let uid = rustix::process::getuid().as_raw();
    assert!(audit.contains(&format!("uid {uid}")), "{audit}");
    let lines = does(&up, &["audit", "export"]);
    assert!(
        lines
            .lines()
            .all(|line| line.starts_with("<109>1 2") && line.ends_with(']')),
        "{lines}"
    );
    assert!(does(&up, &["audit", "verify"]).contains("are whole"));
    up.execute("ALTER TABLE audit DELETE WHERE action = 'endpoint.rename'");
    crate::harness::wait_until("the rows are gone", || {
        !does(&up, &["audit", "list"]).contains("endpoint.rename")
    });
    let (status, said) = ask(&up, &["audit", "verify"]);
    assert!(status == Some(1) && said.contains("missing"), "{said}");
    up.stop();
}

#[test]
fn an_import_is_whole_or_nothing_and_names_each_fault_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let up = fleet(folder.path());
    let file = folder.path().join("inventory.csv");
    let path = file.to_str().unwrap();
    let import = |text: &str, arguments: &[&str]| {
        std::fs::write(&file, text).unwrap();
        ask(&up, &[&["endpoints", "import", path], arguments].concat())
    };
    let faulty =
        "endpoint,ring,site\npc-1,pilot,SHA\npc-2,=cmd|x,SHA\npc-8,pilot,SHA\npc-1,broad,SHA\n";
    for arguments in [&[][..], &["--dry-run"]] {
        let (status, said) = import(faulty, arguments);
        assert_eq!(status, Some(1), "{said}");
        for fault in [
            ":3: `ring`",
            ":4: no endpoint `pc-8`",
            ":5: `pc-1` stands on line 2 too",
            "3 faults",
        ] {
            assert!(said.contains(fault), "{fault}: {said}");
        }
    }
    assert_eq!(api(&up, "/labels")["labels"], serde_json::json!([]));
    assert!(!does(&up, &["audit", "list"]).contains("endpoint.import"));

    let good = "endpoint,name,ring\npc-1,\"Counter, 1\",pilot\npc-2,,broad\npc-8,,broad\n";
    let (status, said) = import(good, &["--dry-run", "--allow-unknown"]);
    assert!(
        status == Some(0) && said.contains("3 endpoints would change"),
        "{said}"
    );
    assert_eq!(api(&up, "/labels")["labels"], serde_json::json!([]));
    let (status, said) = import(good, &["--allow-unknown"]);
    assert!(
        status == Some(0) && said.contains("1 of them unknown yet: 3 endpoints changed"),
        "{said}"
    );
    // Again, it changes nothing.
    let (status, said) = import(good, &["--allow-unknown"]);
    assert!(
        status == Some(0) && said.contains("0 endpoints changed"),
        "{said}"
    );
    assert_eq!(listed(&up, "?label=ring:broad"), ["pc-2"]);

    // What is listed can be brought back, and holds no formula.
    let csv = does(&up, &["endpoints", "list", "--format", "csv"]);
    assert!(
        csv.contains("pc-1,\"Counter, 1\"") && csv.contains("'=NEW-NAME"),
        "{csv}"
    );
    let (status, said) = import(&csv, &[]);
    assert!(
        status == Some(0) && said.contains("0 endpoints changed"),
        "{said}"
    );
    up.stop();
}

#[test]
fn two_ids_become_one_and_names_stand_for_an_endpoint() {
    let folder = tempfile::tempdir().unwrap();
    let up = fleet(folder.path());
    let before = api(&up, "/endpoints/pc-1");
    does(&up, &["endpoints", "label", "pc-2", "ring=pilot"]);
    for (wrong, says) in [
        (["merge", "pc-1", "pc-1"], "already"),
        (["merge", "pc-9", "pc-1"], "no endpoint `pc-9`"),
        (["merge", "pc-1", "pc-9"], "no endpoint `pc-9`"),
    ] {
        let (status, said) = ask(&up, &[&["endpoints"][..], &wrong[..]].concat());
        assert!(
            status == Some(2) && said.contains(says),
            "{wrong:?}: {said}"
        );
    }
    let planned = does(&up, &["endpoints", "merge", "pc-2", "pc-1", "--dry-run"]);
    assert!(planned.contains("1 chunk with"), "{planned}");
    assert_eq!(listed(&up, ""), ["pc-1", "pc-2", "pc-3"]);

    // The same log came under both ids: of one that had one from the start it is there once.
    does(&up, &["endpoints", "merge", "pc-2", "pc-1"]);
    assert_eq!(listed(&up, ""), ["pc-1", "pc-3"]);
    let (status, body) = get(&format!("{}api/v1/endpoints/pc-2", up.page));
    assert!(
        status == 404 && body.contains("another name of `pc-1`"),
        "{status} {body}"
    );
    let after = api(&up, "/endpoints/pc-1");
    for same in ["totals", "streams", "attempts", "findings", "codes"] {
        assert_eq!(before[same], after[same], "{same}");
    }
    let (status, said) = ask(&up, &["endpoints", "merge", "pc-3", "pc-2"]);
    assert!(
        status == Some(2) && said.contains("merge into `pc-1`"),
        "{said}"
    );

    // What comes under another name is the endpoint's: an id it had, a host name in any case.
    does(
        &up,
        &[
            "endpoints",
            "alias",
            "add",
            "pc-3",
            "PC-3.made-up.example",
            "3F2A-BC",
        ],
    );
    let (status, said) = ask(&up, &["endpoints", "alias", "add", "pc-3", "PC-1"]);
    assert!(
        status == Some(2) && said.contains("endpoints merge pc-1 pc-3"),
        "{said}"
    );
    let (status, said) = ask(&up, &["endpoints", "alias", "add", "pc-1", "3f2a-bc"]);
    assert!(
        status == Some(2) && said.contains("stands for `pc-3` already"),
        "{said}"
    );
    let names = does(&up, &["endpoints", "alias", "list"]);
    assert!(
        names.contains("pc-2  stands for pc-1, which it was merged into")
            && names.contains("PC-3.made-up.example  stands for pc-3"),
        "{names}"
    );
    let log = folder.path().join("CBS.log");
    let events = folder.path().join("System.jsonl");
    std::fs::write(&events, event("SOME-NAME", 7) + "\n").unwrap();
    up.send(&[&log], "pc-2", &["--again"]);
    up.send(&[&events], "pc-3.MADE-UP.example", &[]);
    up.settle();
    assert_eq!(listed(&up, ""), ["pc-1", "pc-3"]);
    assert_eq!(api(&up, "/endpoints/pc-3")["endpoint"]["host"], "SOME-NAME");
    assert_eq!(
        api(&up, "/endpoints/pc-1")["totals"],
        after["totals"],
        "a log that is sent again adds nothing"
    );
    // A sender that asks hears of what is held under the other name.
    let said = up.send(&[&log], "pc-2", &[]);
    assert!(said.contains("imported before"), "{said}");

    assert!(does(&up, &["endpoints", "list", "--clones"]).is_empty());
    let held = does(&up, &["endpoints", "coverage", "pc-1"]);
    assert!(
        held.contains("cbs  ") && held.contains("nothing has come since"),
        "{held}"
    );
    does(&up, &["endpoints", "alias", "remove", "pc-3", "3f2a-bc"]);
    let (status, said) = ask(&up, &["endpoints", "alias", "remove", "pc-1", "pc-2"]);
    assert!(status == Some(2) && said.contains("was merged"), "{said}");
    let audit = does(&up, &["audit", "list"]);
    for said in [
        "endpoint.merge  pc-2",
        "endpoint.merged  pc-2",
        "endpoint.alias  pc-3",
        "endpoint.unalias  pc-3",
    ] {
        assert!(audit.contains(said), "{said}: {audit}");
    }
    up.stop();
}
