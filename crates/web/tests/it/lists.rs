//! Causes, updates, search, what no rule names, who reports, and cbsift itself: figures and the lists behind them.

use crate::{harness::served, simulated::simulated};
use serde_json::{Value, json};

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name]
        .as_str()
        .unwrap_or_else(|| panic!("`{name}` is no text in {value}"))
}

/// A list's whole length by its `total`.
async fn total(path: &str) -> u64 {
    let found = simulated().await.get(path).await.json();
    found["total"].as_u64().unwrap_or_else(|| panic!("{path}"))
}

#[tokio::test]
async fn causes_are_listed_in_pages_and_each_equals_its_own_page() {
    let fleet = simulated().await;
    let overview = fleet.get("/api/v1/overview").await.json();
    let all = fleet.get("/api/v1/causes?limit=500").await.json();
    assert_eq!(all["total"], overview["causes_total"]);
    assert_eq!(list(&all, "causes").len() as u64, all["total"]);
    assert_eq!(all["next"], json!(null));
    let top = list(&overview, "top_causes");
    assert_eq!(&list(&all, "causes")[..top.len()], &top[..]);
    let (mut paged, mut after) = (Vec::new(), String::new());
    loop {
        let page = fleet
            .get(&format!("/api/v1/causes?limit=3&after={after}"))
            .await
            .json();
        paged.extend(list(&page, "causes").iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = next.to_owned(),
            None => break,
        }
    }
    assert_eq!(&paged, list(&all, "causes"));
    let (mut samples, mut common) = (0, 0);
    for row in list(&all, "causes") {
        let id = text(row, "id");
        let page = fleet.get(&format!("/api/v1/causes/{id}")).await.json();
        for (key, value) in row.as_object().unwrap() {
            if key == "objects" {
                // There a list has this name.
                continue;
            }
            assert_eq!(&page[key], value, "{key} of {id}");
        }
        assert_eq!(page["known"], true);
        let sum: u64 = list(&page, "over_time")
            .iter()
            .map(|at| at["count"].as_u64().unwrap())
            .sum();
        assert_eq!(row["count"], sum, "{id}");
        assert_eq!(page["objects_total"], row["objects"], "{id}");
        let failing = format!("/api/v1/endpoints?cause={id}&state=failing");
        assert_eq!(row["pcs_now"], total(&failing).await, "{id}");
        if let Some(sample) = page["sample"].as_object() {
            samples += 1;
            assert_eq!(sample["finding"]["rule"], row["rule"], "{id}");
            assert_eq!(sample["finding"]["root_code"], row["root_code"], "{id}");
        }
        for one in list(&page, "common") {
            common += 1;
            let number = |name: &str| one[name].as_u64().unwrap();
            assert!(number("failing") >= 2 && number("failing") <= number("of_failing"));
            assert!(number("healthy") <= number("of_healthy"));
            assert_eq!(one["lift"].is_null(), number("healthy") == 0, "{one}");
        }
        for twin in list(&page, "twins") {
            assert_ne!(twin["state"], "failing", "{id}");
        }
    }
    assert!(samples > 3 && common > 0, "{samples} samples, {common}");
    for state in ["new", "gone", "steady", "noted"] {
        let found = fleet
            .get(&format!("/api/v1/causes?state={state}"))
            .await
            .json();
        let expected = list(&all, "causes").iter();
        let expected = expected.filter(|cause| cause["state"] == state).count();
        assert_eq!(found["total"], expected, "{state}");
    }
    for (path, status) in [
        ("/api/v1/causes?state=broken", 400),
        ("/api/v1/causes?after=x", 400),
        ("/api/v1/causes/nonsense", 400),
        ("/api/v1/causes/disk_full~0x80070070", 200),
    ] {
        assert_eq!(fleet.get(path).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn the_founding_case_is_found_by_the_code_that_people_see() {
    let served = served().await;
    for q in ["0x80070570", "80070570", "ERROR_FILE_CORRUPT", "Made%20Up"] {
        let found = served.get(&format!("/api/v1/search?q={q}")).await.json();
        let causes = list(&found, "causes");
        assert_eq!(causes.len(), 1, "{q} {found}");
        let id = text(&causes[0], "id");
        assert!(id.ends_with("~0xc0000102"), "{id}");
        assert_eq!(causes[0]["pcs"], 1);
        let page = served.get(&format!("/api/v1/causes/{id}")).await.json();
        let equals = list(&page, "equals");
        assert!(
            equals.iter().any(|each| each["code"] == "0x80070570"),
            "{page}"
        );
        assert_eq!(page["terminal_codes"][0]["code"], "0x80070570");
        assert_eq!(
            page["kbs"][0],
            json!({"kb": "KB5016616", "pcs": 1, "count": 1})
        );
        assert_eq!(
            page["objects"],
            json!([{"object": r"C:\Program Files\Made Up", "pcs": 1}])
        );
        assert_eq!(page["sample"]["endpoint"], "pc-0001");
        for lang in ["en", "zh"] {
            assert!(page["advice"][lang].is_string() && page["meaning"][lang].is_string());
        }
        // The other machine has the same update, and the same build.
        assert_eq!(page["twins"][0]["endpoint"], "pc-0002");
    }
    // What a person pastes from a ticket: a whole line.
    let line = "2022-08-18%2015:53:46,%20Error%20CSI%2000009626%20(F)%20STATUS_FILE_CORRUPT_ERROR%20%5Bgle=0xd0000102%5D";
    let found = served.get(&format!("/api/v1/search?q={line}")).await.json();
    assert_eq!(list(&found, "causes").len(), 1, "{found}");
    assert_eq!(found["codes"][0]["code"], "0xc0000102");
}

#[tokio::test]
async fn one_exact_hit_is_where_to_go() {
    let served = served().await;
    for (q, go) in [
        ("pc-0001", json!("/endpoints/pc-0001")),
        ("HOST-PC-0002", json!("/endpoints/pc-0002")),
        ("kb5016616", json!("/updates/KB5016616")),
        ("0x80070570", json!("/codes/0x80070570")),
        ("pc-00", json!(null)),
        ("", json!(null)),
        ("nothing%20of%20the%20kind", json!(null)),
    ] {
        let found = served.get(&format!("/api/v1/search?q={q}")).await.json();
        assert_eq!(found["go"], go, "{q} {found}");
    }
    let found = served.get("/api/v1/search?q=5016616").await.json();
    assert_eq!(
        found["updates"],
        json!([{"kb": "KB5016616", "failing": 1, "tried": 2}])
    );
    let found = served.get("/api/v1/search?q=pc-00").await.json();
    assert_eq!(list(&found, "pcs").len(), 2);
    let long = "x".repeat(5_000);
    assert_eq!(
        served.get(&format!("/api/v1/search?q={long}")).await.status,
        400
    );
}

#[tokio::test]
async fn updates_are_listed_in_pages_and_each_equals_its_own_page() {
    let fleet = simulated().await;
    let all = fleet.get("/api/v1/updates?limit=500").await.json();
    let overview = fleet.get("/api/v1/overview").await.json();
    assert_eq!(all["total"], overview["kbs_total"]);
    assert_eq!(list(&all, "updates").len() as u64, all["total"]);
    for row in list(&all, "updates").iter().take(6) {
        let kb = text(row, "kb");
        let page = fleet.get(&format!("/api/v1/updates/{kb}")).await.json();
        let pcs = &page["pcs"];
        // Findings that name the update stand beside its tries, so a machine may fail without one.
        for state in [
            "failing",
            "restart",
            "installed",
            "cancelled",
            "unknown",
            "not_tried",
        ] {
            let path = format!("/api/v1/endpoints?kb={kb}&state={state}");
            assert_eq!(pcs[state], total(&path).await, "{kb} {state}");
        }
        let narrowed = fleet.get(&format!("/api/v1/overview?kb={kb}")).await.json();
        for name in [
            "seen",
            "tried",
            "installed",
            "recovered",
            "failing",
            "not_tried",
        ] {
            assert_eq!(pcs[name], narrowed["pcs"][name], "{kb} {name}");
        }
        assert_eq!(page["causes"], narrowed["top_causes"], "{kb}");
        assert_eq!(page["first"], row["first"], "{kb}");
        let sum = |name: &str| -> u64 {
            let builds = list(&page, "builds").iter();
            builds.map(|build| build[name].as_u64().unwrap()).sum()
        };
        assert_eq!(pcs["tried"], sum("tried"));
        assert_eq!(pcs["failing"], sum("failing"));
        let curve = list(&page, "over_time");
        assert_eq!(curve[0]["t"], page["first"]);
        assert!(
            curve.is_sorted_by_key(|at| at["installed"].as_u64()),
            "{kb}"
        );
        let part = kb.trim_start_matches("KB");
        let found = fleet.get(&format!("/api/v1/updates?q={part}")).await.json();
        assert_eq!(list(&found, "updates"), &vec![row.clone()]);
    }
    let nothing = fleet.get("/api/v1/updates/KB9999999").await.json();
    assert_eq!(
        (&nothing["known"], &nothing["pcs"]["tried"]),
        (&json!(false), &json!(0))
    );
    assert_eq!(nothing["over_time"], json!([]));
}

#[tokio::test]
async fn what_no_rule_names_has_samples_and_a_rule_to_begin_with() {
    let fleet = simulated().await;
    let found = fleet.get("/api/v1/unexplained").await.json();
    let causes = fleet
        .get("/api/v1/causes?category=unclassified&limit=500")
        .await
        .json();
    assert_eq!(found["clusters_total"], causes["total"]);
    let overview = fleet.get("/api/v1/overview").await.json();
    assert_eq!(found["failed"], overview["totals"]["failed"]);
    let narrow = fleet
        .get("/api/v1/overview?category=unclassified")
        .await
        .json();
    assert_eq!(found["unexplained"], narrow["totals"]["failed"]);
    for cluster in list(&found, "clusters") {
        let id = text(cluster, "id");
        let mut same = list(&causes, "causes").iter();
        let cause = same
            .find(|cause| cause["id"] == id)
            .expect("the same cause");
        assert_eq!(cluster["pcs"], cause["pcs"], "{id}");
        assert_eq!(cluster["attempts"], cause["count"], "{id}");
        for sample in list(cluster, "samples") {
            let endpoint = text(sample, "endpoint");
            if let Some(attempt) = sample["attempt"].as_str() {
                let path = format!("/api/v1/endpoints/{endpoint}/attempts/{attempt}");
                let page = fleet.get(&path).await.json();
                assert_eq!(page["finding"]["category"], "unclassified", "{path}");
            }
        }
    }
}

#[tokio::test]
async fn coverage_counts_who_reports_and_names_holes() {
    let fleet = simulated().await;
    let found = fleet.get("/api/v1/coverage").await.json();
    let overview = fleet.get("/api/v1/overview").await.json();
    for name in ["seen", "silent", "clock_ahead"] {
        assert_eq!(found[name], overview["pcs"][name], "{name}");
    }
    assert_eq!(
        found["silent"],
        total("/api/v1/endpoints?state=silent").await
    );
    let days = list(&found, "reporting");
    let most = days.iter().map(|day| day["pcs"].as_u64().unwrap()).max();
    assert!(
        days.len() > 20 && most <= found["seen"].as_u64() && most > Some(10),
        "{found}"
    );
    assert_eq!(
        (&found["gaps"], &found["gaps_total"]),
        (&json!([]), &json!(0))
    );
    let one = fleet.get("/api/v1/coverage?endpoint=sim-001").await.json();
    assert!(
        list(&one, "reporting").iter().all(|day| day["pcs"] == 1),
        "{one}"
    );
}

#[tokio::test]
async fn the_system_page_says_that_all_is_well() {
    let served = served().await;
    let found = served.get("/api/v1/system").await.json();
    assert_eq!(found["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(found["trouble"], json!([]), "{found}");
    for name in ["dead_letters", "dead_units", "topic_gaps", "lost_parts"] {
        assert_eq!(found[name], json!({"total": 0, "rows": []}), "{name}");
    }
    assert_eq!(found["rule_set"]["site"], true);
    assert!(found["rule_set"]["rules"].as_u64() > Some(0), "{found}");
    assert_eq!(
        found["rule_set"]["sequence"],
        found["rule_sets"][0]["sequence"]
    );
    let tables = list(&found, "tables");
    assert!(
        tables
            .iter()
            .any(|table| table["table"] == "coverage" && table["rows"].as_u64() > Some(0))
    );
    let status = served.get("/api/v1/status").await.json();
    assert_eq!(status["trouble"], 0);
}
