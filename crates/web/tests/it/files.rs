//! Lists as files: the same rows as on the pages, and a row in the audit for each.

use crate::{
    harness::{Answer, ask, served},
    simulated::{TENANT, simulated},
};
use event::{Chunk, Format, LoggedAt, Source, StreamId, TextEncoding};
use serde_json::{Value, json};
use std::net::SocketAddr;
use store::{AuditRow, Batch, ChunkRows};

pub(crate) async fn get(pages: SocketAddr, path: &str) -> Answer {
    ask(pages, "GET", path, &[("Host", "localhost")]).await
}

/// What the audit says that somebody did.
pub(crate) async fn noted(tenant: &str, actor: &str) -> Vec<AuditRow> {
    let store = served().await.connect().await;
    let mut rows = Vec::new();
    let read = store.each_audit_row(tenant, 0, |some| {
        rows.extend(some.into_iter().filter(|row| row.actor == actor));
        Ok::<(), store::StoreError>(())
    });
    read.await.expect("the audit is read");
    rows
}

/// The lines of a table, without the mark and the columns' names.
fn lines(csv: &str) -> Vec<&str> {
    let text = csv.strip_prefix('\u{feff}').expect("a mark");
    let lines: Vec<&str> = text.split("\r\n").collect();
    let (last, lines) = lines.split_last().expect("it ends with a line");
    assert_eq!(*last, "");
    lines[1..].to_vec()
}

fn objects(ndjson: &str) -> Vec<Value> {
    let objects = ndjson.lines().map(serde_json::from_str);
    objects
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error} in {ndjson}"))
}

#[tokio::test]
async fn a_list_as_a_file_has_the_rows_of_its_pages_and_a_row_in_the_audit() {
    simulated().await;
    let reader = "reader:lists";
    let pages = served().await.pages_for(TENANT, Some(reader)).await;
    let overview = get(pages, "/api/v1/overview").await.json();
    let kb = overview["kbs"][0]["kb"].as_str().expect("an update");
    let mut files = 0;
    for (list, rows, filters) in [
        ("endpoints", "endpoints", ["", "state=failing", "q=sim-00"]),
        (
            "causes",
            "causes",
            ["", "state=gone", "category=unclassified"],
        ),
        ("updates", "updates", ["", "q=50", "endpoint=sim-003"]),
        ("unexplained", "clusters", ["", "endpoint=sim-003", ""]),
        ("coverage", "gaps", ["", "endpoint=sim-003", ""]),
        (
            "clones",
            "clones",
            ["", "endpoint=sim-003", "label=ring:pilot"],
        ),
    ] {
        let page = if list == "clones" { "coverage" } else { list };
        for filter in filters.into_iter().chain([format!("kb={kb}").as_str()]) {
            let shown = format!("/api/v1/{page}?limit=500&{filter}");
            let shown = get(pages, &shown).await.json();
            let expected = shown[rows].as_array().expect("rows");
            let csv = get(pages, &format!("/api/v1/{list}.csv?{filter}")).await;
            assert_eq!(csv.status, 200, "{list} {filter} {}", csv.body);
            assert_eq!(csv.headers["content-type"], "text/csv; charset=utf-8");
            assert_eq!(lines(&csv.body).len(), expected.len(), "{list} {filter}");
            let ndjson = get(pages, &format!("/api/v1/{list}.ndjson?{filter}")).await;
            assert_eq!(&objects(&ndjson.body), expected, "{list} {filter}");
            assert!(
                ndjson.headers["content-disposition"].contains(&format!("\"{list}.ndjson\"")),
                "{list}"
            );
            files += 2;
        }
    }
    let mut noted = noted(TENANT, reader).await;
    // What was looked at beside them has rows of its own.
    noted.retain(|row| row.action == "list.export");
    assert_eq!(noted.len(), files);
    let narrowed = format!("/updates.csv?kb={kb}");
    let row = noted.iter().find(|row| row.object == narrowed);
    let row = row.unwrap_or_else(|| panic!("no row of {narrowed}"));
    assert_eq!(row.action, "list.export");
    let told: Value = serde_json::from_str(&row.after).expect("JSON");
    assert_eq!((&told["rows"], &told["cut"]), (&json!(1), &json!(false)));
}

/// A piece of a log whose start never came, with the name of the machine that logged it.
fn piece(stream: u64, day: &str, host: &str) -> ChunkRows {
    let text = format!("{day} 10:00:00, Info                  CBS    made up\n");
    let at = LoggedAt::parse(text.as_bytes().get(..19).expect("a time"));
    let chunk = Chunk {
        tenant: "holes".to_owned(),
        endpoint: "pc-0001".to_owned(),
        source: Source::Cbs,
        stream: StreamId(stream),
        path: "=made up, CBS.log".to_owned(),
        offset: 500,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        received_ms: 1_700_000_000_000,
        text,
    };
    ChunkRows {
        first: at,
        last: at,
        records: 1,
        hosts: vec![host.to_owned()],
        ..ChunkRows::new(chunk)
    }
}

#[tokio::test]
async fn holes_in_logs_and_ids_of_several_machines_are_files_with_rows() {
    let store = served().await.connect().await;
    let pieces = [
        piece(1, "2022-08-10", "IMAGE-A"),
        piece(2, "2022-08-11", "IMAGE-B"),
        piece(3, "2022-08-12", "IMAGE-A"),
    ];
    let batch = Batch::new(1, 77, pieces.to_vec());
    store.insert_batch(&batch).await.expect("rows are stored");
    let pages = served().await.pages_for("holes", None).await;
    let days = "from=2022-08-01&to=2022-08-31";
    let shown = get(pages, &format!("/api/v1/coverage?{days}")).await.json();
    assert_eq!(
        (&shown["gaps_total"], &shown["clones_total"]),
        (&json!(3), &json!(1))
    );
    for (list, rows, line) in [
        (
            "coverage",
            "gaps",
            r#"pc-0001,0000000000000003,cbs,"'=made up, CBS.log",0,500,not_received"#,
        ),
        ("clones", "clones", r#"pc-0001,"IMAGE-A, IMAGE-B""#),
    ] {
        let csv = get(pages, &format!("/api/v1/{list}.csv?{days}")).await;
        assert_eq!(lines(&csv.body)[0], line, "{list}");
        let ndjson = get(pages, &format!("/api/v1/{list}.ndjson?{days}")).await;
        assert_eq!(json!(objects(&ndjson.body)), shown[rows], "{list}");
    }
}

#[tokio::test]
async fn the_lists_of_a_machine_are_files_too() {
    simulated().await;
    let pages = served().await.pages_for(TENANT, None).await;
    let of = |list: &str| format!("/api/v1/endpoints/sim-003{list}");
    let shown = get(pages, &of("")).await.json();
    let mut all = 0;
    for (list, rows) in [
        ("attempts", "attempts"),
        ("findings", "findings"),
        ("codes", "codes"),
        ("logs", "streams"),
    ] {
        let total = shown["totals"][rows].as_u64().expect("a total");
        let csv = get(pages, &of(&format!("/{list}.csv"))).await;
        assert_eq!(lines(&csv.body).len() as u64, total, "{list}");
        let ndjson = get(pages, &of(&format!("/{list}.ndjson"))).await;
        let objects = objects(&ndjson.body);
        assert_eq!(objects.len() as u64, total, "{list}");
        // A page of the list is the beginning of its file.
        let page = shown[rows].as_array().expect("rows");
        assert_eq!(&objects[..page.len()], &page[..], "{list}");
        all += total;
        let unknown = get(pages, &format!("/api/v1/endpoints/nobody/{list}.csv")).await;
        assert_eq!(unknown.status, 404, "{list}");
    }
    assert!(all > 10, "{all} rows in all");
}

#[tokio::test]
async fn codes_and_alerts_are_files_too() {
    let pages = served().await.pages_for("default", None).await;
    let shown = get(pages, "/api/v1/overview?code=0x80070570").await.json();
    let codes = get(pages, "/api/v1/codes.ndjson?code=0x80070570").await;
    assert_eq!(
        &objects(&codes.body),
        shown["top_codes"].as_array().unwrap()
    );
    // Of a label that nobody has there are none, and that is known.
    let nobody = get(pages, "/api/v1/overview?label=ring:none").await.json();
    assert_eq!(nobody["totals"]["events"], 0);
    let none = get(pages, "/api/v1/codes.csv?label=ring:none").await;
    assert_eq!((none.status, lines(&none.body).len()), (200, 0));
    let alerts = get(pages, "/api/v1/alerts.csv").await;
    assert_eq!((alerts.status, lines(&alerts.body).len()), (200, 0));
}

#[tokio::test]
async fn a_page_elsewhere_that_embeds_a_file_gets_none_and_nothing_is_noted() {
    let reader = "reader:embedded";
    let pages = served().await.pages_for("default", Some(reader)).await;
    let from = |site, dest| {
        [
            ("Host", "localhost"),
            ("Sec-Fetch-Site", site),
            ("Sec-Fetch-Dest", dest),
        ]
    };
    for dest in ["image", "iframe", "empty"] {
        let headers = from("cross-site", dest);
        let answer = ask(pages, "GET", "/api/v1/causes.csv", &headers).await;
        assert_eq!(answer.status, 400, "{dest}");
    }
    assert_eq!(noted("default", reader).await, []);
    // A link in a mail, and our own page.
    for (site, dest) in [("cross-site", "document"), ("same-origin", "empty")] {
        let headers = from(site, dest);
        let answer = ask(pages, "GET", "/api/v1/causes.csv", &headers).await;
        assert_eq!(answer.status, 200, "{site} {dest}");
    }
    assert_eq!(noted("default", reader).await.len(), 2);
}
