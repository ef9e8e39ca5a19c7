//! Rows of the first release go into the tables of today.

use crate::harness::{client, store};
use serde_json::Value;

/// A row of each table as the first release wrote it, with the columns that its INSERT named. Never edited: a build of then may
/// still be running while today's migrations are done, and old rows stay where they are.
const ROWS: &str = include_str!("../../test_data/first_release.jsonl");

#[tokio::test]
async fn what_the_first_release_inserted_goes_into_the_tables_of_today() {
    store().await;
    let client = client().await;
    let mut tables = Vec::new();
    for line in ROWS.lines() {
        let golden: Value = serde_json::from_str(line).unwrap();
        let (table, row) = (golden["table"].as_str().unwrap(), &golden["row"]);
        let columns: Vec<String> = row
            .as_object()
            .unwrap()
            .keys()
            .map(|name| format!("`{name}`"))
            .collect();
        let columns = columns.join(", ");
        // A table of the same shape, so that no other test of this process sees the row.
        let copy = format!("first_release_{table}");
        let run = async |statement: String| {
            let done = client.query(&statement.replace('?', "??")).execute().await;
            done.unwrap_or_else(|error| panic!("{table}: {error}"));
        };
        run(format!("DROP TABLE IF EXISTS {copy} SYNC")).await;
        run(format!("CREATE TABLE {copy} AS {table}")).await;
        run(format!(
            "INSERT INTO {copy} ({columns}) SETTINGS input_format_skip_unknown_fields = 0 FORMAT JSONEachRow {row}"
        ))
        .await;
        let text = client
            .query(&format!("SELECT {columns} FROM {copy}"))
            .with_setting("output_format_json_quote_64bit_integers", "1")
            .with_setting("output_format_json_escape_forward_slashes", "0")
            .fetch_bytes("JSONEachRow")
            .unwrap()
            .collect()
            .await
            .unwrap();
        let read: Value = serde_json::from_slice(&text)
            .unwrap_or_else(|error| panic!("{table}: one row comes back: {error}"));
        assert_eq!(&read, row, "{table}");
        tables.push(table.to_owned());
    }
    tables.sort();
    tables.dedup();
    assert_eq!(tables.len(), 15, "every table of then");
}
