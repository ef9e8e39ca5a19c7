//! Files of the real engine's rows, read by DuckDB and polars.

mod harness;

use export::Format;
use harness::{TENANT, fleet, python, store};
use serde_json::Value;
use std::path::Path;
use store::{ExportKind, Filter, Store};

fn of_tenant() -> Filter {
    Filter {
        tenant: TENANT.to_owned(),
        ..Filter::default()
    }
}

async fn rows(store: &Store, folder: &Path, kind: ExportKind, filter: &Filter) -> Vec<Value> {
    let path = folder.join("rows.ndjson");
    let _ = std::fs::remove_file(&path);
    let written = export::write(store, kind, filter, Format::Ndjson, &path, |_| {})
        .await
        .unwrap_or_else(|error| panic!("{error:#}"));
    let text = std::fs::read_to_string(&path).unwrap();
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(written.rows, rows.len() as u64);
    assert_eq!(written.bytes, text.len() as u64);
    rows
}

fn texts<'a>(rows: &'a [Value], column: &str) -> Vec<&'a str> {
    rows.iter()
        .map(|row| row[column].as_str().unwrap())
        .collect()
}

#[tokio::test]
async fn what_is_selected_is_what_pages_count() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    fleet(&store).await;

    let all = rows(&store, folder.path(), ExportKind::Events, &of_tenant()).await;
    // A record that goes on counts once it is whole, and one that was sent twice counts once.
    let found = texts(&all, "text");
    // By days, and within one by identity.
    assert_eq!(
        (found.first(), found.last()),
        (Some(&"undated"), Some(&"later"))
    );
    let mut sorted = found.clone();
    sorted.sort_unstable();
    assert_eq!(
        sorted,
        [
            "later",
            "one 0x80070005",
            "three 0x800f0831 and its end",
            "two",
            "undated",
        ]
    );
    assert_eq!(all[0]["day"], Value::Null);
    assert_eq!(all[0]["logged"], Value::Null);
    let one = all
        .iter()
        .find(|row| row["text"] == "one 0x80070005")
        .unwrap();
    assert_eq!(one["day"], "2022-08-18");
    assert_eq!(one["logged"], "2022-08-18T10:00:00");
    assert_eq!(one["codes"], serde_json::json!(["0x80070005"]));
    for endpoint in ["pc-1", "pc-2"] {
        let of = Filter {
            endpoint: Some(endpoint.to_owned()),
            ..of_tenant()
        };
        let own = rows(&store, folder.path(), ExportKind::Events, &of).await;
        let page = Filter {
            from: Some(0),
            to: Some(u16::MAX),
            ..of
        };
        let page = store.overview(&page).await.unwrap();
        assert_eq!(Some(own.len() as u64), page.totals.events, "{endpoint}");
    }
    let of_code = Filter {
        codes: vec![event::Code::new(0x8007_0005)],
        ..of_tenant()
    };
    let coded = rows(&store, folder.path(), ExportKind::Events, &of_code).await;
    assert_eq!(texts(&coded, "text"), ["one 0x80070005"]);
    let labelled = Filter {
        labels: vec![("ring".to_owned(), "pilot".to_owned())],
        ..of_tenant()
    };
    for (kind, count) in [
        (ExportKind::Events, 1),
        (ExportKind::Attempts, 1),
        (ExportKind::Findings, 0),
        (ExportKind::States, 1),
    ] {
        let of_label = rows(&store, folder.path(), kind, &labelled).await;
        assert_eq!(of_label.len(), count, "{}", kind.name());
        assert!(texts(&of_label, "endpoint").iter().all(|id| *id == "pc-2"));
    }
    let days = Filter {
        from: Some(19_222),
        to: Some(19_222),
        ..of_tenant()
    };
    let on_a_day = rows(&store, folder.path(), ExportKind::Events, &days).await;
    assert_eq!(on_a_day.len(), 3);

    let attempts = rows(&store, folder.path(), ExportKind::Attempts, &of_tenant()).await;
    assert_eq!(texts(&attempts, "outcome"), ["failed", "succeeded"]);
    assert_eq!(attempts[0]["root_code"], "0x800f0831");
    assert_eq!(attempts[1]["root_code"], Value::Null);
    let findings = rows(&store, folder.path(), ExportKind::Findings, &of_tenant()).await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0]["set"], attempts[0]["set"]);
    assert_eq!(findings[0]["ordinal"], attempts[0]["finding"]);
    let of_kb = Filter {
        kb: Some("KB5000002".to_owned()),
        ..of_tenant()
    };
    for kind in [ExportKind::Attempts, ExportKind::States] {
        let of_kb = rows(&store, folder.path(), kind, &of_kb).await;
        assert_eq!(texts(&of_kb, "kb"), ["KB5000002"], "{}", kind.name());
    }

    let states = rows(&store, folder.path(), ExportKind::States, &of_tenant()).await;
    assert_eq!(texts(&states, "state"), ["failing", "installed"]);
    assert_eq!(states[0]["rule"], "made_up_rule");
    assert_eq!(states[0]["root_code"], "0x800f0831");
    assert_eq!(states[1]["failed_at"], Value::Null);
}

#[tokio::test]
async fn duckdb_and_polars_read_parquet_as_it_is_documented_and_as_ndjson() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    fleet(&store).await;
    for kind in ExportKind::ALL {
        for format in [Format::Parquet, Format::Ndjson] {
            let path = folder
                .path()
                .join(format!("{}.{}", kind.name(), format.name()));
            export::write(&store, kind, &of_tenant(), format, &path, |_| {})
                .await
                .unwrap_or_else(|error| panic!("{error:#}"));
        }
        // Nothing selected is a file too, with its columns.
        let none = Filter {
            endpoint: Some("pc-9".to_owned()),
            ..of_tenant()
        };
        let path = folder.path().join(format!("{}.empty.parquet", kind.name()));
        export::write(&store, kind, &none, Format::Parquet, &path, |_| {})
            .await
            .unwrap_or_else(|error| panic!("{error:#}"));
    }
    let columns: Vec<Value> = ExportKind::ALL
        .iter()
        .map(|kind| {
            let columns = kind.columns().iter().map(|column| {
                serde_json::json!([column.name, column.kind.name(), !column.null.is_empty()])
            });
            serde_json::json!({ "kind": kind.name(), "schema": export::schema_name(*kind), "columns": columns.collect::<Vec<_>>() })
        })
        .collect();
    std::fs::write(
        folder.path().join("columns.json"),
        Value::from(columns).to_string(),
    )
    .unwrap();
    python("readers.py", folder.path());
}

#[tokio::test]
async fn many_rows_come_in_pages_and_each_once() {
    let store = store().await;
    let folder = tempfile::tempdir().unwrap();
    let tenant = "export-many";
    let ids = harness::many(&store, tenant, 12_345).await;
    let filter = Filter {
        tenant: tenant.to_owned(),
        ..Filter::default()
    };
    let pages = std::cell::Cell::new(0);
    let path = folder.path().join("many.ndjson");
    export::write(
        &store,
        ExportKind::Events,
        &filter,
        Format::Ndjson,
        &path,
        |_| {
            pages.set(pages.get() + 1);
        },
    )
    .await
    .unwrap_or_else(|error| panic!("{error:#}"));
    assert!(pages.get() > 2, "{}", pages.get());
    let text = std::fs::read_to_string(&path).unwrap();
    let mut found: Vec<String> = text
        .lines()
        .map(|line| {
            let row: Value = serde_json::from_str(line).unwrap();
            row["id"].as_str().unwrap().to_owned()
        })
        .collect();
    found.sort();
    assert_eq!(found, ids);
}
