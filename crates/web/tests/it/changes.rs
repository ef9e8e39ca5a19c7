//! Who changed by which rules logs are read, of which time logs are held, and a log as a file.

use crate::{
    harness::{FAILING, STREAM, served},
    simulated::{TENANT, simulated},
};
use event::LoggedAt;
use serde_json::{Value, json};
use store::{Action, Job, JobState, JobStep, NewJob, Selection};

fn list<'a>(value: &'a Value, name: &str) -> &'a Vec<Value> {
    value[name]
        .as_array()
        .unwrap_or_else(|| panic!("`{name}` is no list in {value}"))
}

#[tokio::test]
async fn the_system_tells_who_reprocesses_what_and_how_far_it_is() {
    let fleet = simulated().await;
    let store = served().await.connect().await;
    let diff = json!({
        "version": 1,
        "events": [{ "change": "appears", "count": 3 }, { "change": "appears", "count": 2 }],
        "findings": [{ "change": "vanishes", "count": 1 }],
        "units_changed": 4,
    });
    let new = NewJob {
        tenant: TENANT.to_owned(),
        id: "0ddba11f".to_owned(),
        actor: "made-up (uid 1000)".to_owned(),
        made_ms: 1_710_504_000_000,
        label: "ring:pilot".to_owned(),
        digest: "d1".to_owned(),
        files: vec![("a.yaml".to_owned(), "[]".to_owned())],
        origin: "site".to_owned(),
        base: (7, "d0".to_owned()),
        diff: diff.to_string(),
        is_recounted: false,
    };
    let of = Selection {
        from: 19_700,
        to: 19_730,
        endpoints: vec!["sim-001".to_owned(), "sim-002".to_owned()],
        sources: vec!["cbs".to_owned()],
        ..Selection::default()
    };
    let job = Job::new(new, &of);
    store.put_job(&job).await.expect("stored");
    let applying = job.with_state(JobState::Applying, "another", 1_710_504_060_000);
    store.put_job(&applying).await.expect("stored");
    let step = JobStep {
        tenant: TENANT.to_owned(),
        id: "0ddba11f".to_owned(),
        step: 1,
        phase: "classify".to_owned(),
        at: 1_710_504_070_000,
        bytes_total: 100,
        bytes: 40,
        ..JobStep::default()
    };
    store.put_job_step(&step).await.expect("stored");
    let system = fleet.get("/api/v1/system").await.json();
    let jobs = list(&system, "jobs");
    let job = jobs.iter().find(|job| job["id"] == "0ddba11f");
    let job = job.unwrap_or_else(|| panic!("no such job in {system}"));
    for (name, expected) in [
        ("state", json!("applying")),
        ("actor", json!("another")),
        ("made", json!("2024-03-15T12:00:00.000Z")),
        ("changed", json!("2024-03-15T12:01:00.000Z")),
        ("from", json!("2023-12-09")),
        ("to", json!("2024-01-08")),
        ("endpoints", json!(2)),
        ("label", json!("ring:pilot")),
        ("sources", json!(["cbs"])),
        ("base", json!(7)),
        ("rule_set", json!(null)),
        ("undoes", json!(null)),
    ] {
        assert_eq!(job[name], expected, "{name}");
    }
    assert_eq!(
        job["changes"],
        json!({ "events": { "appears": 5 }, "findings": { "vanishes": 1 }, "units": 4 })
    );
    assert_eq!(job["progress"]["bytes"], 40);
    assert_eq!(job["progress"]["phase"], "classify");
}

#[tokio::test]
async fn a_change_of_rules_is_a_mark_in_the_days_of_the_chart_alone() {
    let fleet = simulated().await;
    let store = served().await.connect().await;
    let overview = fleet.get("/api/v1/overview").await.json();
    let from = overview["range"]["charted_from"].as_str().expect("a day");
    let begin = LoggedAt::parse(format!("{from} 00:00:00").as_bytes()).expect("a time");
    let noon = (begin.0 + 43_200) * 1_000;
    for (action, at) in [
        ("rules.publish", noon),
        ("reprocess.apply", noon + 1_000),
        ("token.create", noon + 2_000),
        ("rules.publish", begin.0 * 1_000 - 1),
    ] {
        let action = Action {
            action: action.to_owned(),
            object: "made up".to_owned(),
            ..Action::default()
        };
        let noted = store.audit(TENANT, "marks", at, &[action]).await;
        noted.expect("noted");
    }
    let marks = fleet.get("/api/v1/overview").await.json()["marks"].clone();
    assert_eq!(
        marks,
        json!([
            { "at": format!("{from}T12:00:00.000Z"), "what": "rules.publish" },
            { "at": format!("{from}T12:00:01.000Z"), "what": "reprocess.apply" },
        ])
    );
}

#[tokio::test]
async fn a_list_says_whether_logs_cover_its_days_and_a_machine_from_when_to_when() {
    let fleet = simulated().await;
    let all = fleet.get("/api/v1/endpoints?limit=500").await.json();
    let rows = list(&all, "endpoints");
    assert!(rows.len() > 50);
    let mut sources = 0;
    for row in rows.iter().step_by(9) {
        let id = row["endpoint"].as_str().expect("an id");
        let page = fleet.get(&format!("/api/v1/endpoints/{id}")).await.json();
        let (first, held) = (&page["endpoint"]["first"], &page["held"]);
        assert_eq!(&row["first_seen"], first, "{id}");
        assert_eq!(
            (&held["from"], &held["to"]),
            (first, &page["endpoint"]["last"]),
            "{id}"
        );
        // Made-up logs are of years ago.
        assert_eq!(
            (&held["silent"], &held["whole"]),
            (&json!(true), &json!(false)),
            "{id}"
        );
        sources += list(held, "sources").len();
        let day = &first.as_str().expect("a time")[..10];
        for (days, covered) in [
            (format!("from={day}&to={day}"), true),
            (format!("from=2006-01-01&to={day}"), false),
            (format!("from={day}&to=2037-01-01"), false),
        ] {
            let path = format!("/api/v1/endpoints?endpoint={id}&{days}");
            let found = fleet.get(&path).await.json();
            assert_eq!(list(&found, "endpoints")[0]["covered"], covered, "{path}");
        }
    }
    assert!(sources > 6, "{sources} kinds of logs");
}

#[tokio::test]
async fn a_log_is_taken_home_as_it_was_sent_from_any_record_on() {
    let served = served().await;
    let log = format!("/api/v1/endpoints/pc-0001/log?stream={STREAM}");
    let whole = served.get(&log).await;
    assert_eq!((whole.status, whole.body.as_str()), (200, FAILING));
    assert_eq!(whole.headers["content-type"], "text/plain; charset=utf-8");
    assert_eq!(
        whole.headers["content-disposition"],
        "attachment; filename=\"pc-0001-CBS.log\""
    );
    // The source has a mark of three bytes before its first line.
    let first = FAILING.find('\n').expect("a line") + 1;
    let rest = served.get(&format!("{log}&from={}", first + 3)).await;
    assert_eq!(rest.body, FAILING[first..]);
    let behind = served.get(&format!("{log}&from=999999")).await;
    assert_eq!((behind.status, behind.body.as_str()), (200, ""));
    for (path, status) in [
        ("/api/v1/endpoints/pc-0001/log?stream=00000000000000ff", 404),
        ("/api/v1/endpoints/pc-0001/log?stream=x", 400),
        ("/api/v1/endpoints/pc-0001/log", 400),
    ] {
        assert_eq!(served.get(path).await.status, status, "{path}");
    }
}
