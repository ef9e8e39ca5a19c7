//! What the pages of one machine say: its verdict, its updates, each of its attempts.

use crate::{
    harness::{ask, served},
    simulated::simulated,
};
use classify::{Standing, Verdict};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

/// Every row of a list of a machine's page, page by page.
async fn all(endpoint: &str, name: &str) -> Vec<Value> {
    let (mut rows, mut from) = (Vec::new(), String::new());
    loop {
        let path = format!("/api/v1/endpoints/{endpoint}?{name}={from}");
        let found = simulated().await.get(&path).await.json();
        rows.extend(list(&found, name).iter().cloned());
        match found["pages"][name]["next"].as_str() {
            Some(next) => from = next.to_owned(),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn a_page_gives_the_verdict_that_a_scan_of_the_same_logs_gives() {
    let fleet = simulated().await;
    let mut met = BTreeSet::new();
    for machine in &fleet.machines {
        let path = format!("/api/v1/endpoints/{}", machine.endpoint);
        let found = fleet.get(&path).await.json();
        let expected = machine.judgement.verdict;
        assert_eq!(
            found["verdict"]["verdict"],
            expected.name(),
            "{} {found}",
            machine.endpoint
        );
        met.insert(expected.name());
        let state = match expected {
            Verdict::Failed => "failing",
            Verdict::Restart => "restart",
            Verdict::Inconclusive => "unknown",
            Verdict::Repaired | Verdict::Healthy => "installed",
        };
        assert_eq!(found["verdict"]["state"], state);
        for lang in ["en", "zh"] {
            assert!(found["verdict"]["text"][lang].is_string());
        }
        // And of each finding whether it is over, and by which update.
        let mut standings: Vec<(String, Value, Value)> = machine
            .derived
            .values()
            .zip(&machine.judgement.findings)
            .flat_map(|(derivation, of_month)| derivation.findings.iter().zip(of_month))
            .map(|(finding, standing)| {
                let id = format!("{:016x}", finding.id.0);
                match standing {
                    Standing::Open => (id, json!(true), json!(null)),
                    Standing::Over(kb) if kb.is_empty() => (id, json!(false), json!(null)),
                    Standing::Over(kb) => (id, json!(false), json!(kb)),
                }
            })
            .collect();
        let rows = all(&machine.endpoint, "findings").await;
        let mut told: Vec<(String, Value, Value)> = rows
            .iter()
            .map(|row| {
                let id = row["id"].as_str().unwrap().to_owned();
                (id, row["open"].clone(), row["closed_by"].clone())
            })
            .collect();
        let order = |one: &(String, Value, Value)| format!("{one:?}");
        standings.sort_by_key(order);
        told.sort_by_key(order);
        assert_eq!(told, standings, "{}", machine.endpoint);
    }
    // Were all alike, nothing would be compared.
    assert!(met.len() >= 3, "{met:?}");
}

#[tokio::test]
async fn updates_of_a_machine_are_as_the_list_of_the_fleet_has_them() {
    let fleet = simulated().await;
    let mut met = BTreeSet::new();
    for machine in fleet.machines.iter().step_by(4) {
        let id = &machine.endpoint;
        let found = fleet.get(&format!("/api/v1/endpoints/{id}")).await.json();
        let mut tries: BTreeMap<String, u64> = BTreeMap::new();
        for attempt in all(id, "attempts").await {
            *tries
                .entry(attempt["kb"].as_str().unwrap().to_owned())
                .or_default() += 1;
        }
        tries.remove("");
        assert_eq!(found["updates_total"], tries.len(), "{id}");
        for update in list(&found, "updates") {
            let kb = update["kb"].as_str().unwrap();
            assert_eq!(update["attempts"], tries[kb], "{id} {kb}");
            // The fleet's list over the same days: superseded is installed there.
            let path =
                format!("/api/v1/endpoints?endpoint={id}&kb={kb}&from=2020-01-01&to=2030-01-01");
            let listed = fleet.get(&path).await.json();
            let row = &list(&listed, "endpoints")[0];
            let state = match update["state"].as_str().unwrap() {
                "superseded" => "installed",
                state => state,
            };
            assert_eq!(row["state"], state, "{id} {kb}");
            if state == "failing" {
                assert_eq!(row["cause"], update["cause"], "{id} {kb}");
            }
            met.insert(state.to_owned());
        }
    }
    assert!(
        met.contains("failing") && met.contains("installed"),
        "{met:?}"
    );
}

#[tokio::test]
async fn an_attempt_is_a_ladder_from_its_origin_to_its_end() {
    let served = served().await;
    let page = served.get("/api/v1/endpoints/pc-0001").await.json();
    let attempt = &list(&page, "attempts")[0];
    let id = attempt["id"].as_str().unwrap();
    let path = format!("/api/v1/endpoints/pc-0001/attempts/{id}");
    let found = served.get(&path).await.json();
    assert_eq!(&found["attempt"], attempt);
    assert_eq!(found["endpoint"]["build"], "10.0.19041");
    assert_eq!(found["finding"]["place"], attempt["finding"]);
    let ladder = list(&found, "ladder");
    let rungs: Vec<&str> = ladder
        .iter()
        .map(|rung| rung["rung"].as_str().unwrap())
        .collect();
    assert_eq!(
        rungs,
        ["origin", "start", "passed", "result"],
        "{ladder:#?}"
    );
    assert_eq!(ladder[0]["utc"], "2022-08-18T07:53:46.000Z");
    let code = &ladder[0]["codes"][0];
    let text: Vec<u16> = ladder[0]["text"].as_str().unwrap().encode_utf16().collect();
    let (at, end) = (code["at"].as_u64().unwrap(), code["end"].as_u64().unwrap());
    let spelled = String::from_utf16(&text[at as usize..end as usize]).unwrap();
    assert_eq!(
        (spelled.as_str(), &code["code"]),
        ("STATUS_FILE_CORRUPT_ERROR", &json!("0xc0000102"))
    );
    for rung in ladder {
        let (stream, offset) = (rung["stream"].as_str().unwrap(), &rung["offset"]);
        let path = format!(
            "/api/v1/endpoints/pc-0001/records?stream={stream}&offset={offset}&before=0&after=0"
        );
        let around = served.get(&path).await.json();
        let record = &list(&around, "records")[0];
        assert_eq!(
            (&record["text"], &record["logged"]),
            (&rung["text"], &rung["logged"])
        );
        assert!(rung["path"].as_str().unwrap().ends_with("CBS.log"));
    }
    assert_eq!(found["same"]["pcs"], 1);
    assert_eq!(found["same"]["attempts"], 1);
    let cause = found["same"]["cause"].as_str().unwrap();
    let list = served
        .get(&format!("/api/v1/endpoints?cause={cause}"))
        .await;
    assert_eq!(list.json()["total"], 1);
}

#[tokio::test]
async fn an_address_of_an_attempt_stays_good_by_its_record() {
    let fleet = simulated().await;
    let mut followed = 0;
    for machine in fleet.machines.iter().take(12) {
        let id = &machine.endpoint;
        for attempt in all(id, "attempts").await.iter().take(3) {
            let path = format!(
                "/api/v1/endpoints/{id}/attempts/{}",
                attempt["id"].as_str().unwrap()
            );
            let found = fleet.get(&path).await.json();
            assert_eq!(&found["attempt"], attempt);
            let neighbours = list(&found, "before").iter().chain(list(&found, "after"));
            for other in neighbours {
                assert_eq!(other["kb"], attempt["kb"]);
                assert_ne!(other["id"], attempt["id"]);
            }
            // By the record that began it, which named it while its end had not come: the same attempt answers.
            let start = list(&found, "ladder")
                .iter()
                .find(|rung| rung["rung"] == "start");
            let Some(start) = start else { continue };
            let event = machine.event_at(start["offset"].as_u64().unwrap(), &start["stream"]);
            let path = format!("/api/v1/endpoints/{id}/attempts/{event:016x}");
            let by_record = fleet.get(&path).await.json();
            assert_eq!(&by_record["attempt"], attempt, "{path}");
            followed += 1;
        }
    }
    assert!(followed > 10, "{followed}");
    let nobody = fleet
        .get("/api/v1/endpoints/sim-000/attempts/00000000000000ff")
        .await;
    assert_eq!(nobody.status, 404);
    assert!(
        nobody.json()["hint"]
            .as_str()
            .unwrap()
            .contains("page of the PC")
    );
    for (path, status) in [
        ("/api/v1/endpoints/sim-000/attempts/xyz", 400),
        ("/api/v1/endpoints/nobody/attempts/00000000000000ff", 404),
    ] {
        let answer = ask(fleet.pages, "GET", path, &[("Host", "127.0.0.1")]).await;
        assert_eq!(answer.status, status, "{path}");
    }
}
