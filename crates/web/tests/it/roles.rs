//! Who may see which address, and who looked at text of logs.

use crate::{
    files::{get, noted},
    harness::{Answer, FAILING, GUARDED, STREAM, ask, fill, served},
};
use classify::Rules;
use event::Role;
use serde_json::{Value, json};
use std::{collections::BTreeSet, net::SocketAddr};

/// Words of the made-up log that are in no figure, name or code: whoever reads them reads the log.
const WORDS: [&str; 3] = [
    "DirectFileSystemProvider",
    "originated in function",
    "Failed to internally open package",
];

const MACHINE: &str = "/api/v1/endpoints/pc-0001";

/// Addresses that give out text of logs and nothing else, and the one that gives out the audit.
const TEXT: [&str; 8] = [
    "/unexplained",
    "/unexplained.csv",
    "/unexplained.ndjson",
    "/endpoints/{id}/records",
    "/endpoints/{id}/find",
    "/endpoints/{id}/log",
    "/endpoints/{id}/findings.csv",
    "/endpoints/{id}/findings.ndjson",
];
const AUDIT: &str = "/audit";

/// An attempt and a cause of the made-up machine.
pub(crate) async fn some(pages: SocketAddr) -> (String, String) {
    let found = get(pages, MACHINE).await.json();
    let attempt = found["attempts"][0]["id"].as_str().expect("an attempt");
    let causes = get(pages, "/api/v1/causes").await.json();
    let cause = causes["causes"][0]["id"].as_str().expect("a cause");
    (attempt.to_owned(), cause.to_owned())
}

/// An address with something in its holes that is there.
pub(crate) fn filled(address: &str, attempt: &str, cause: &str) -> String {
    let id = match address.starts_with("/causes") {
        true => cause,
        false => "pc-0001",
    };
    let path = address
        .replace("{id}", id)
        .replace("{attempt}", attempt)
        .replace("{kb}", "KB5016616")
        .replace("{code}", "0x80070570");
    assert!(!path.contains('{'), "nothing is known for {path}");
    let last = address.rsplit('/').next().unwrap_or_default();
    let query = match last {
        "records" | "log" => format!("?stream={STREAM}"),
        "find" => format!("?stream={STREAM}&text=CBS"),
        _ => String::new(),
    };
    format!("/api/v1{path}{query}")
}

#[tokio::test]
async fn every_address_answers_the_roles_it_is_for_and_tells_the_others_which_those_are() {
    let served = served().await;
    let (attempt, cause) = some(served.pages).await;
    let addresses: Vec<String> = web::addresses().map(|(path, _)| path).collect();
    for named in TEXT.iter().chain([&AUDIT]) {
        assert!(addresses.iter().any(|address| address == named), "{named}");
    }
    assert!(addresses.len() > 35, "{addresses:?}");
    for (who, refused) in [
        (None, vec![]),
        (Some(("reader:matrix", Role::Operator)), vec![AUDIT]),
        (Some(("auditor:matrix", Role::Auditor)), TEXT.to_vec()),
        (Some(("admin:matrix", Role::Administrator)), vec![]),
    ] {
        let pages = served.pages_as("default", who).await;
        for address in &addresses {
            let path = filled(address, &attempt, &cause);
            let answer = get(pages, &path).await;
            if !refused.contains(&address.as_str()) {
                assert_eq!(answer.status, 200, "{who:?} {path} {}", answer.body);
                continue;
            }
            assert_eq!(answer.status, 403, "{who:?} {path} {}", answer.body);
            let body = answer.json();
            let may = match address.as_str() {
                AUDIT => ["auditor", "administrator"],
                _ => ["operator", "administrator"],
            };
            assert_eq!(body["roles"], json!(may), "{path}");
            let role = who.map(|(_, role)| role.name()).unwrap_or_default();
            assert!(body["error"].as_str().unwrap().contains(role), "{body}");
            let hint = body["hint"].as_str().unwrap();
            assert!(hint.contains(&format!("--role {}", may[0])), "{body}");
            // What is refused has no row.
            assert_eq!(answer.headers["cache-control"], "no-store");
        }
    }
    assert_eq!(looks("default", "auditor:matrix").await, [] as [Value; 0]);
}

#[tokio::test]
async fn an_auditor_sees_figures_everywhere_and_text_of_logs_nowhere() {
    let served = served().await;
    let (attempt, cause) = some(served.pages).await;
    let mut with_text = BTreeSet::new();
    for (name, role) in [
        ("reader:words", Role::Operator),
        ("auditor:words", Role::Auditor),
    ] {
        let pages = served.pages_as("default", Some((name, role))).await;
        for (address, _) in web::addresses() {
            let answer = get(pages, &filled(&address, &attempt, &cause)).await;
            let is_text = WORDS.iter().any(|words| answer.body.contains(words));
            assert!(
                !is_text || role == Role::Operator,
                "{name} {address} {}",
                answer.body
            );
            if is_text {
                with_text.insert(address);
            }
        }
        let status = get(pages, "/api/v1/status").await.json();
        assert_eq!(status["role"], role.name());
    }
    // Else there was no text to see.
    for address in [
        "/causes/{id}",
        "/endpoints/{id}",
        "/endpoints/{id}/attempts/{attempt}",
        "/endpoints/{id}/log",
        "/endpoints/{id}/records",
        "/endpoints/{id}/findings.csv",
    ] {
        assert!(with_text.contains(address), "{address} {with_text:?}");
    }
    // What is left out is not there, rather than empty; where it stands is told.
    let pages = served
        .pages_as("default", Some(("auditor:words", Role::Auditor)))
        .await;
    let found = get(pages, MACHINE).await.json();
    let evidence = &found["findings"][0]["evidence"][0];
    assert_eq!(evidence["text"], Value::Null);
    assert!(evidence["offset"].as_u64().unwrap() > 0);
    let found = get(pages, &format!("{MACHINE}/attempts/{attempt}")).await;
    let rung = &found.json()["ladder"][0];
    assert_eq!((&rung["text"], &rung["codes"]), (&Value::Null, &json!([])));
    let status = get(served.pages, "/api/v1/status").await.json();
    assert_eq!(status["role"], Value::Null, "nobody has a role");
}

/// What the audit says that somebody looked at.
async fn looks(tenant: &str, actor: &str) -> Vec<Value> {
    let rows = noted(tenant, actor).await.into_iter();
    rows.filter(|row| row.action == "log.view")
        .map(|row| {
            let told: Value = serde_json::from_str(&row.after).expect("JSON");
            json!({ "object": row.object, "told": told })
        })
        .collect()
}

#[tokio::test]
async fn who_pages_through_a_log_has_one_row_and_each_reader_his_own() {
    let served = served().await;
    let log = format!("{MACHINE}/records?stream={STREAM}");
    let reader = "reader:pager";
    let pages = served.pages_for("default", Some(reader)).await;
    let first = get(pages, &format!("{log}&offset=0&before=0&after=1")).await;
    let records = first.json()["records"].clone();
    let end = records[1]["offset"].as_u64().unwrap() + records[1]["length"].as_u64().unwrap();
    let told =
        |pages_log: &str| json!({ "stream": pages_log, "from": records[0]["offset"], "to": end });
    let row = json!({ "object": "pc-0001", "told": told(&STREAM.to_string()) });
    assert_eq!(looks("default", reader).await, std::slice::from_ref(&row));
    for offset in (0..FAILING.len()).step_by(200) {
        let answer = get(pages, &format!("{log}&offset={offset}")).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    // The same log in another spelling, and on the machine's page.
    let spelled = format!("{MACHINE}/records?stream={:x}", STREAM.0);
    assert_eq!(get(pages, &spelled).await.status, 200);
    assert_eq!(get(pages, MACHINE).await.status, 200);
    assert_eq!(looks("default", reader).await, [row]);
    // A log that is not there is not looked at.
    let none = get(pages, &format!("{MACHINE}/records?stream=ff")).await;
    assert_eq!(none.status, 404);
    // The other machine's log has a row of its own.
    let other = format!("/api/v1/endpoints/pc-0002/records?stream={STREAM}");
    assert_eq!(get(pages, &other).await.status, 200);
    let objects: Vec<Value> = looks("default", reader)
        .await
        .into_iter()
        .map(|look| look["object"].clone())
        .collect();
    assert_eq!(objects, ["pc-0001", "pc-0002"]);
    // Somebody else, on the same pages or on others.
    let other = "admin:pager";
    let pages = served
        .pages_as("default", Some((other, Role::Administrator)))
        .await;
    assert_eq!(get(pages, &log).await.status, 200);
    assert_eq!(looks("default", other).await.len(), 1);
}

#[tokio::test]
async fn text_beside_figures_has_a_row_too_and_figures_alone_have_none() {
    let served = served().await;
    let (attempt, cause) = some(served.pages).await;
    let stream = STREAM.to_string();
    for (name, path) in [
        ("reader:machine", MACHINE.to_owned()),
        ("reader:attempt", format!("{MACHINE}/attempts/{attempt}")),
        ("reader:cause", format!("/api/v1/causes/{cause}")),
    ] {
        let pages = served.pages_for("default", Some(name)).await;
        for _ in 0..2 {
            let answer = get(pages, &path).await;
            assert_eq!(answer.status, 200, "{path} {}", answer.body);
        }
        let rows = looks("default", name).await;
        assert_eq!(rows.len(), 1, "{path} {rows:?}");
        assert_eq!(rows[0]["object"], "pc-0001", "{path}");
        assert_eq!(rows[0]["told"]["stream"], json!(stream), "{path}");
    }
    let name = "reader:figures";
    let pages = served.pages_for("default", Some(name)).await;
    for path in [
        "/api/v1/overview",
        "/api/v1/causes",
        "/api/v1/endpoints/pc-0002",
    ] {
        assert_eq!(get(pages, path).await.status, 200, "{path}");
    }
    assert_eq!(looks("default", name).await, [] as [Value; 0]);
}

#[tokio::test]
async fn samples_of_what_no_rule_names_have_a_row_with_their_machines() {
    let (served, tenant, name) = (served().await, "unnamed", "reader:samples");
    let store = served.connect().await;
    // A code that no rule speaks of.
    let log = GUARDED.replace("0x80070005 - E_ACCESSDENIED", "0x8007abcd");
    for endpoint in ["pc-0001", "pc-0002"] {
        fill(&store, tenant, endpoint, Rules::shipped(), &log).await;
    }
    let pages = served.pages_for(tenant, Some(name)).await;
    let path = "/api/v1/unexplained?limit=1";
    let found = get(pages, path).await.json();
    let samples: BTreeSet<&str> = found["clusters"]
        .as_array()
        .expect("a list")
        .iter()
        .flat_map(|cluster| cluster["samples"].as_array().expect("a list"))
        .map(|sample| sample["endpoint"].as_str().expect("a machine"))
        .collect();
    assert_eq!(samples, BTreeSet::from(["pc-0001", "pc-0002"]));
    assert_eq!(get(pages, path).await.status, 200);
    assert_eq!(
        looks(tenant, name).await,
        [json!({ "object": "/unexplained?limit=1", "told": { "endpoints": samples } })]
    );
}

#[tokio::test]
async fn a_page_elsewhere_makes_nobody_look() {
    let (served, name) = (served().await, "reader:elsewhere");
    let pages = served.pages_for("default", Some(name)).await;
    let log = format!("{MACHINE}/records?stream={STREAM}");
    let from = |dest| {
        [
            ("Host", "localhost"),
            ("Sec-Fetch-Site", "cross-site"),
            ("Sec-Fetch-Dest", dest),
        ]
    };
    for path in [&log, MACHINE] {
        let answer = ask(pages, "GET", path, &from("image")).await;
        assert_eq!(answer.status, 400, "{path}");
    }
    assert_eq!(looks("default", name).await, [] as [Value; 0]);
    // A link in a mail.
    let answer = ask(pages, "GET", &log, &from("document")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(looks("default", name).await.len(), 1);
}

#[tokio::test]
async fn where_the_audit_cannot_be_written_no_text_leaves_and_figures_do() {
    let (served, tenant) = (served().await, "unaudited");
    let store = served.connect().await;
    fill(&store, tenant, "pc-0001", Rules::shipped(), FAILING).await;
    let name = "reader:unaudited";
    let pages = served.pages_for(tenant, Some(name)).await;
    let (attempt, cause) = {
        // Found by somebody who leaves no row.
        let auditor = Some(("auditor:unaudited", Role::Auditor));
        some(served.pages_as(tenant, auditor).await).await
    };
    // The engine itself refuses rows of this tenant, and of no other test's.
    let refuse = "ALTER TABLE audit ADD CONSTRAINT made_up CHECK tenant != 'unaudited'";
    served.tell(refuse).await;
    let refused = [
        format!("{MACHINE}/records?stream={STREAM}"),
        format!("{MACHINE}/log?stream={STREAM}"),
        MACHINE.to_owned(),
        format!("{MACHINE}/attempts/{attempt}"),
        format!("/api/v1/causes/{cause}"),
        format!("{MACHINE}/findings.csv"),
        "/api/v1/causes.csv".to_owned(),
    ];
    let is_text = |answer: &Answer| WORDS.iter().any(|words| answer.body.contains(words));
    for path in &refused {
        let answer = get(pages, path).await;
        assert_eq!(answer.status, 503, "{path} {}", answer.body);
        assert!(!is_text(&answer), "{path} {}", answer.body);
        let body = answer.json();
        assert!(body["error"].as_str().unwrap().contains("audit"), "{body}");
        assert!(body["hint"].as_str().unwrap().contains("insert"), "{body}");
    }
    for path in ["/api/v1/overview", "/api/v1/causes", "/api/v1/endpoints"] {
        assert_eq!(get(pages, path).await.status, 200, "{path}");
    }
    assert_eq!(noted(tenant, name).await, []);
    // Nothing was remembered as noted: once rows are taken again, the first look has one.
    served
        .tell("ALTER TABLE audit DROP CONSTRAINT made_up")
        .await;
    for path in &refused {
        assert_eq!(get(pages, path).await.status, 200, "{path}");
    }
    assert_eq!(looks(tenant, name).await.len(), 1);
    assert_eq!(noted(tenant, name).await.len(), 4);
}

#[tokio::test]
async fn the_audit_is_read_page_by_page_the_newest_row_first() {
    let (served, tenant) = (served().await, "audited");
    for (number, at) in [
        (1, 10_000),
        (2, 30_000),
        (3, 20_000),
        (4, 30_000),
        (5, 40_000),
    ] {
        // Each a process of its own, some at one moment.
        let store = served.connect().await;
        let actions = ["a", "b"].map(|part| store::Action {
            action: "endpoint.label".to_owned(),
            object: format!("PC-{number}{part}"),
            before: String::new(),
            after: r#"{"ring":"pilot"}"#.to_owned(),
        });
        let noted = store.audit(tenant, "made up (uid 1)", at, &actions).await;
        noted.expect("noted");
    }
    let pages = served
        .pages_as(tenant, Some(("auditor:pager", Role::Auditor)))
        .await;
    let whole = get(pages, "/api/v1/audit").await.json();
    let rows = whole["rows"].as_array().expect("rows");
    assert_eq!((rows.len(), &whole["next"]), (10, &Value::Null));
    let times: Vec<&str> = rows.iter().map(|row| row["at"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|one, next| one >= next), "{times:?}");
    assert_eq!(rows[0]["object"], "PC-5b");
    assert_eq!(rows[9]["object"], "PC-1a");
    assert_eq!(rows[9]["after"], json!({ "ring": "pilot" }));
    assert_eq!(rows[9]["before"], Value::Null);
    for limit in [1, 3, 10] {
        let (mut seen, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/api/v1/audit?limit={limit}&after={after}");
            let page = get(pages, &path).await.json();
            let some = page["rows"].as_array().expect("rows");
            assert!(!some.is_empty() && some.len() <= limit, "{path}");
            seen.extend(some.iter().cloned());
            match page["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(&seen, rows, "{limit}");
    }
    for bad in ["x", "1.2.3", "1.2.3.zz", "1.2.3.4.5"] {
        let answer = get(pages, &format!("/api/v1/audit?after={bad}")).await;
        assert_eq!(answer.status, 400, "{bad}");
        assert!(answer.json()["hint"].as_str().unwrap().contains("next"));
    }
}
