//! What pages are told of the made-up fleet.

use crate::harness::{FAILING, STREAM, ask, served};
use serde_json::{Value, json};

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

#[tokio::test]
async fn the_overview_counts_the_fleet_and_names_the_cause() {
    let served = served().await;
    let found = served.get("/api/v1/overview").await.json();
    assert_eq!(found["pending_units"], 0);
    assert_eq!(found["range"]["to"], "2022-08-18");
    assert_eq!(found["range"]["step"], "day");
    let (totals, pcs) = (&found["totals"], &found["pcs"]);
    assert_eq!(
        (
            &pcs["seen"],
            &pcs["failing"],
            &totals["attempts"],
            &totals["failed"],
            &totals["succeeded"]
        ),
        (&json!(2), &json!(1), &json!(2), &json!(1), &json!(1)),
        "{totals}"
    );
    assert!(totals["noise"].as_u64() >= Some(1) && totals["raw_bytes"].as_u64() > Some(1_000));
    let cause = &list(&found, "top_causes")[0];
    assert_eq!(cause["category"], "filesystem_corruption");
    let id = cause["id"].as_str().expect("a cause has a name");
    assert!(id.ends_with("~0xc0000102"), "{id}");
    assert_eq!(
        (&cause["pcs_now"], &cause["state"]),
        (&json!(1), &json!("new"))
    );
    let narrowed = served.get(&format!("/api/v1/overview?cause={id}")).await;
    assert_eq!(narrowed.json()["pcs"]["failing"], 1);
    assert_eq!(cause["root_code"], "0xc0000102");
    assert_eq!(cause["root_name"], "STATUS_FILE_CORRUPT_ERROR");
    assert_eq!(cause["object"], r"C:\Program Files\Made Up");
    let title = &cause["title"];
    assert!(title["en"].is_string() && title["zh"].is_string() && title["en"] != title["zh"]);
    assert_eq!(
        list(&found, "over_time"),
        &vec![json!({"t": "2022-08-18", "failed": 1, "succeeded": 1, "other": 0})]
    );
    let kb = &list(&found, "kbs")[0];
    assert_eq!(
        (&kb["kb"], &kb["failing"]),
        (&json!("KB5016616"), &json!(1))
    );
    assert_eq!(list(&found, "endpoints")[0]["endpoint"], "pc-0001");
    assert_eq!(list(&found, "endpoints")[0]["build"], "10.0.19041");
    let noisy = list(&found, "top_codes")
        .iter()
        .find(|code| code["code"] == "0x800f0805")
        .expect("noise is visible");
    assert_eq!(noisy["noise"], noisy["events"]);
    assert!(found["disk"]["used_bytes"].as_u64() > Some(0) && found["disk"]["full"] == false);
}

#[tokio::test]
async fn filters_narrow_and_hours_are_shown_for_a_day() {
    let served = served().await;
    let day = served
        .get("/api/v1/overview?from=2022-08-18&to=2022-08-18")
        .await
        .json();
    assert_eq!(day["range"]["step"], "hour");
    let slots: Vec<&str> = list(&day, "over_time")
        .iter()
        .filter_map(|slot| slot["t"].as_str())
        .collect();
    assert_eq!(slots, ["2022-08-18 10:00", "2022-08-18 15:00"]);
    for (query, failed) in [
        ("kb=kb5016616", 1),
        ("kb=KB0000001", 0),
        ("category=filesystem_corruption", 1),
        ("category=network_dns", 0),
        ("code=0xd0000102", 1),
        ("code=STATUS_FILE_CORRUPT_ERROR", 1),
        ("endpoint=pc-0002", 0),
        ("from=2022-08-19&to=2022-08-20", 0),
    ] {
        let found = served
            .get(&format!("/api/v1/overview?{query}"))
            .await
            .json();
        assert_eq!(found["totals"]["failed"], failed, "{query}");
    }
}

#[tokio::test]
async fn a_tenant_without_data_gets_zeros() {
    let served = served().await;
    let found = ask(
        served.empty,
        "GET",
        "/api/v1/overview",
        &[("Host", "localhost")],
    )
    .await
    .json();
    assert_eq!(
        found["range"],
        json!({"from": "", "charted_from": "", "to": "", "step": "day"})
    );
    assert_eq!(
        (&found["pcs"]["seen"], &found["totals"]["events"]),
        (&json!(0), &json!(0))
    );
    assert!(list(&found, "top_causes").is_empty());
    let endpoints = ask(
        served.empty,
        "GET",
        "/api/v1/endpoints",
        &[("Host", "localhost")],
    )
    .await
    .json();
    assert_eq!(
        endpoints,
        json!({"range": null, "endpoints": [], "total": 0, "next": null})
    );
}

#[tokio::test]
async fn a_list_is_taken_home_as_a_table() {
    let served = served().await;
    let answer = served.get("/api/v1/endpoints.csv?state=failing").await;
    let text = answer.body;
    let text = text.strip_prefix('\u{feff}').expect("a mark");
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert!(
        lines[0].starts_with("endpoint,name,host,labels,build,state,"),
        "{text}"
    );
    assert!(
        lines[1].starts_with("pc-0001,") && lines[1].contains(",failing,"),
        "{text}"
    );
    assert_eq!(lines[2..], [""], "{text}");
}

#[tokio::test]
async fn the_header_asks_little() {
    let served = served().await;
    let found = served.get("/api/v1/status").await.json();
    assert_eq!(found["pending_units"], 0);
    assert!(found["disk"]["used_bytes"].as_u64() > Some(0), "{found}");
}

#[tokio::test]
async fn endpoints_are_listed_in_pages() {
    let served = served().await;
    let first = served.get("/api/v1/endpoints?limit=1").await.json();
    assert_eq!(list(&first, "endpoints")[0]["endpoint"], "pc-0001");
    let after = first["next"].as_str().expect("there is a second one");
    let second = served
        .get(&format!("/api/v1/endpoints?limit=1&after={after}"))
        .await
        .json();
    assert_eq!(
        (&list(&second, "endpoints")[0]["endpoint"], &second["next"]),
        (&json!("pc-0002"), &json!(null))
    );
    assert_eq!(list(&second, "endpoints")[0]["category"], json!(null));
    let failing = served
        .get("/api/v1/endpoints?state=failing&sort=failed&code=0x80070570")
        .await
        .json();
    assert_eq!(
        (list(&failing, "endpoints").len(), &failing["total"]),
        (1, &json!(1))
    );
    assert_eq!(list(&failing, "endpoints")[0]["state"], "failing");
    for wrong in [
        "state=broken",
        "sort=colour",
        "sort=failed&after=pc-1",
        "cause=disk",
        "cause=a~b",
    ] {
        let answer = served.get(&format!("/api/v1/endpoints?{wrong}")).await;
        assert_eq!(answer.status, 400, "{wrong}");
    }
    let named = served.get("/api/v1/endpoints?q=host-PC-0002").await.json();
    assert_eq!(list(&named, "endpoints").len(), 1);
}

#[tokio::test]
async fn an_endpoint_shows_attempt_cause_and_evidence_and_each_leads_to_its_record() {
    let served = served().await;
    let found = served.get("/api/v1/endpoints/pc-0001").await.json();
    assert_eq!(found["endpoint"]["build"], "10.0.19041");
    let stream = &list(&found, "streams")[0];
    assert_eq!(
        (&stream["stream"], &stream["encoding"]),
        (&json!(STREAM.to_string()), &json!("utf-8"))
    );
    assert_eq!(
        stream["utc_offsets"][0],
        json!({"offset": "+08:00", "how": "csi_stamp", "from_logged": "2022-08-18 15:53:46"})
    );
    assert_eq!(
        (&stream["gaps"], &stream["gaps_total"]),
        (&json!([]), &json!(0))
    );
    let attempt = &list(&found, "attempts")[0];
    assert_eq!(
        (
            &attempt["outcome"],
            &attempt["kb"],
            &attempt["terminal_code"]
        ),
        (&json!("failed"), &json!("KB5016616"), &json!("0x80070570"))
    );
    assert_eq!(
        attempt["start_utc"].as_str().map(|utc| &utc[..19]),
        Some("2022-08-18T07:53:42")
    );
    let finding = list(&found, "findings")
        .iter()
        .find(|finding| finding["place"] == attempt["finding"])
        .expect("its cause is known");
    assert_eq!(
        found["totals"],
        json!({"streams": 1, "attempts": 1, "failed": 1, "findings": list(&found, "findings").len(), "noted": 0, "codes": list(&found, "codes").len()})
    );
    for name in ["streams", "attempts", "findings", "codes"] {
        let page =
            json!({"total": list(&found, name).len(), "before": 0, "previous": null, "next": null});
        assert_eq!(found["pages"][name], page, "{name}");
    }
    assert_eq!(found["endpoint"]["utc_offset"]["offset"], "+08:00");
    assert_eq!(finding["object"], r"C:\Program Files\Made Up");
    for lang in ["en", "zh"] {
        let title = finding["title"][lang].as_str().unwrap();
        assert!(title.contains(r"C:\Program Files\Made Up"), "{title}");
    }
    assert!(finding["confidence"].as_u64() > Some(50));
    for text in [
        &finding["title"],
        &finding["advice"],
        &finding["reasons"][0]["text"],
    ] {
        assert!(
            text["en"].as_str().is_some_and(|en| !en.is_empty())
                && text["zh"].as_str() != text["en"].as_str(),
            "{text}"
        );
    }
    let evidence = list(finding, "evidence");
    assert!(!evidence.is_empty());
    for record in evidence {
        let (stream, offset) = (
            record["stream"].as_str().unwrap(),
            record["offset"].as_u64().unwrap(),
        );
        let path = format!(
            "/api/v1/endpoints/pc-0001/records?stream={stream}&offset={offset}&before=1&after=1"
        );
        let around = served.get(&path).await.json();
        let target = list(&around, "records")
            .iter()
            .find(|record| record["target"] == true)
            .expect("the record is there");
        assert_eq!(
            (&target["offset"], &target["length"], &target["text"]),
            (&record["offset"], &record["length"], &record["text"])
        );
    }
    assert!(served.get("/api/v1/endpoints/pc-9999").await.status == 404);
}

#[tokio::test]
async fn the_log_is_read_in_pages_without_losing_or_doubling_a_record() {
    let served = served().await;
    let path = |offset: u64, before: u32, after: u32| {
        format!(
            "/api/v1/endpoints/pc-0001/records?stream={STREAM}&offset={offset}&before={before}&after={after}"
        )
    };
    let whole = served.get(&path(0, 50, 50)).await.json();
    let lines = FAILING.matches("\r\n").count();
    assert_eq!(list(&whole, "records").len(), lines);
    assert_eq!(
        (
            &whole["more_before"],
            &whole["more_after"],
            &whole["expired"]
        ),
        (&json!(false), &json!(false), &json!(false))
    );
    let mut seen = list(&served.get(&path(0, 0, 2)).await.json(), "records").clone();
    loop {
        let edge = seen.last().unwrap()["offset"].as_u64().unwrap();
        let page = served.get(&path(edge, 0, 2)).await.json();
        seen.extend(list(&page, "records")[1..].iter().cloned());
        if page["more_after"] == false {
            break;
        }
    }
    let text = |records: &[Value]| {
        records
            .iter()
            .map(|record| record["text"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(text(&seen), text(list(&whole, "records")));
    let markup = list(&whole, "records")
        .iter()
        .filter(|record| {
            record["text"]
                .as_str()
                .unwrap()
                .contains("<img src=x onerror")
        })
        .count();
    assert_eq!(markup, 1, "hostile text is handed on as it is, in JSON");
    assert_eq!(
        served.get(&path(1 << 40, 2, 2)).await.status,
        200,
        "beyond the end the last records are shown"
    );
    assert_eq!(
        served
            .get("/api/v1/endpoints/pc-0001/records?stream=ffff&offset=0")
            .await
            .status,
        404
    );
    assert_eq!(
        served
            .get("/api/v1/endpoints/pc-0001/records?stream=nonsense&offset=0")
            .await
            .status,
        400
    );
}

#[tokio::test]
async fn a_code_has_its_meaning_its_equivalents_and_where_it_was_seen() {
    let served = served().await;
    for spelling in ["0xc0000102", "0xD0000102", "STATUS_FILE_CORRUPT_ERROR"] {
        let found = served
            .get(&format!("/api/v1/codes/{spelling}"))
            .await
            .json();
        assert_eq!(
            (&found["code"], &found["space"]),
            (&json!("0xc0000102"), &json!("ntstatus")),
            "{spelling}"
        );
        assert_eq!(found["names"][0], "STATUS_FILE_CORRUPT_ERROR");
        assert!(
            list(&found, "equivalents")
                .iter()
                .any(|each| each["code"] == "0x80070570")
        );
        assert_eq!(
            (&found["seen"]["endpoints"], &found["seen"]["first"]),
            (&json!(1), &json!("2022-08-18 00:00:00"))
        );
        assert!(found["meaning"]["zh"].is_string());
    }
    assert_eq!(
        served.get("/api/v1/codes/0x80070bc9").await.json()["seen"],
        json!(null)
    );
    assert_eq!(served.get("/api/v1/codes/hello").await.status, 400);
}

#[tokio::test]
async fn who_waits_for_a_change_hears_of_it() {
    let served = served().await;
    let mark = |found: &serde_json::Value| found["derived"].as_u64().expect("a mark");
    let known = mark(&served.get("/api/v1/changes").await.json());
    let other = format!("/api/v1/changes?since={}", known + 1_000_000);
    assert!(mark(&served.get(&other).await.json()) >= known);
    let path = format!("/api/v1/changes?since={known}");
    let store = served.connect().await;
    let label = |value: &str| store::LabelChange {
        endpoint: "pc-0001".to_owned(),
        label: "made-up".to_owned(),
        value: value.to_owned(),
    };
    let change = async {
        let labels = [label("a")];
        store
            .put_labels("a tenant of its own", &labels, "test", 0)
            .await
    };
    let (waited, changed) = tokio::join!(served.get(&path), change);
    changed.expect("a label");
    assert!(mark(&waited.json()) > known);
    let wrong = served.get("/api/v1/changes?since=now").await;
    assert_eq!(wrong.status, 400);
}
