//! The official `clickhouse` crate, unchanged.

use clickhouse::sql::Identifier;
use clickhouse::{Compression, Row};
use serde::{Deserialize, Serialize};

use crate::harness::{client, count, running, table, wait_until};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Everything {
    id: u64,
    time: i64,
    name: String,
    maybe: Option<i32>,
    list: Vec<u32>,
    map: Vec<(String, String)>,
    version: u128,
    flag: bool,
}

const EVERYTHING: &str = "id UInt64, time DateTime64(3, 'UTC'), name LowCardinality(String), \
    maybe Nullable(Int32), list Array(UInt32), map Map(String, String), version UInt128, flag Bool";

fn everything(id: u64) -> Everything {
    Everything {
        id,
        time: 1_660_809_226_609 + id as i64,
        name: format!("made-up name {}", id % 7),
        maybe: (!id.is_multiple_of(3)).then_some(id as i32 - 500),
        list: (0..id as u32 % 5).collect(),
        map: vec![("quote ' and \n".to_owned(), "ключ 值".to_owned())],
        version: u128::MAX - u128::from(id),
        flag: id.is_multiple_of(2),
    }
}

#[tokio::test]
async fn every_type_comes_back_as_it_went() {
    for (name, compression) in [("none", Compression::None), ("lz4", Compression::Lz4)] {
        for validation in [true, false] {
            let table = table(&format!("every_type_{name}_{validation}"), EVERYTHING).await;
            let client = client()
                .with_compression(compression)
                .with_validation(validation);
            let sent: Vec<_> = (0..10_000).map(everything).collect();
            let mut insert = client.insert::<Everything>(&table).await.expect("start");
            for row in &sent {
                insert.write(row).await.expect("write");
            }
            insert.end().await.expect("end");
            let select = format!("SELECT ?fields FROM {table} ORDER BY id");
            let got = client.query(&select).fetch_all::<Everything>();
            assert_eq!(got.await.expect("rows"), sent, "{name}, {validation}");
        }
    }
}

#[tokio::test]
async fn parameters_arrive_as_they_are() {
    let client = client();
    for text in [
        "plain",
        "quote ' \" ` \\",
        "line\nend\r\n\tand tab",
        "",
        "{x:Int8} ? 值",
    ] {
        let query = client.query("SELECT {text:String}").param("text", text);
        assert_eq!(query.fetch_one::<String>().await.expect(text), text);
    }
    let list = vec!["it's".to_owned(), "a\\b".to_owned()];
    let query = client
        .query("SELECT {list:Array(String)}")
        .param("list", &list);
    assert_eq!(
        query.fetch_one::<Vec<String>>().await.expect("a list"),
        list
    );
    let query = client.query("SELECT ?").bind("bound ' value");
    assert_eq!(
        query.fetch_one::<String>().await.expect("bound"),
        "bound ' value"
    );
}

#[tokio::test]
async fn a_statement_with_parameters_inserts_values() {
    let table = table("values_with_parameters", "a UInt32, b String").await;
    let query = "INSERT INTO ? VALUES ({a:UInt32}, {b:String}),\n\n(2, concat('x', 'y'))";
    let query = client().query(query).bind(Identifier(&table));
    let query = query.param("a", 1).param("b", "it's\n\nhere");
    query.execute().await.expect("insert");
    let rows = client().query(&format!("SELECT a, b FROM {table} ORDER BY a"));
    let rows = rows.fetch_all::<(u32, String)>().await.expect("rows");
    assert_eq!(rows, [(1, "it's\n\nhere".to_owned()), (2, "xy".to_owned())]);
}

#[derive(Row, Serialize)]
struct Number {
    n: u64,
}

#[tokio::test]
async fn an_inserter_makes_several_inserts() {
    let table = table("inserter", "n UInt64").await;
    let mut inserter = client().inserter::<Number>(&table).with_max_rows(100);
    let mut inserts = 0;
    for n in 0..1_000 {
        inserter.write(&Number { n }).await.expect("write");
        inserts += inserter.commit().await.expect("commit").transactions.min(1);
    }
    inserter.end().await.expect("end");
    assert!(inserts > 0, "the last one is no insert of its own");
    assert_eq!(count(&client(), &table).await, 1_000);
}

#[tokio::test]
async fn an_insert_with_the_pins_of_the_store_works() {
    let table = table("pins", "n UInt64").await;
    let mut client = client();
    for (name, value) in [
        ("insert_deduplicate", "0"),
        ("deduplicate_insert", "disable"),
        ("async_insert", "0"),
        ("fsync_after_insert", "1"),
        ("fsync_part_directory", "1"),
        ("max_insert_threads", "1"),
        ("input_format_parallel_parsing", "0"),
        ("wait_end_of_query", "1"),
        ("max_execution_time", "60"),
        ("max_partitions_per_insert_block", "1"),
        ("throw_on_max_partitions_per_insert_block", "1"),
        ("materialized_views_ignore_errors", "0"),
    ] {
        client = client.with_setting(name, value);
    }
    let mut insert = client.insert::<Number>(&table).await.expect("start");
    insert.write(&Number { n: 1 }).await.expect("write");
    insert.end().await.expect("end");
    assert_eq!(count(&client, &table).await, 1);
    let sql = "SELECT value FROM system.merge_tree_settings WHERE name = 'fsync_after_insert'";
    let fsync = client.query(sql).fetch_one::<String>().await;
    assert_eq!(fsync.expect("a setting"), "1", "durable for every table");
}

#[tokio::test]
async fn failures_have_the_codes_of_clickhouse() {
    let client = client();
    let failure = async |sql: &str| {
        let result = client.query(sql).fetch_all::<u8>().await;
        result.expect_err(sql).to_string()
    };
    assert!(
        failure("SELECT 1 FROM no_such_table")
            .await
            .contains("Code: 60.")
    );
    assert!(failure("SELECT FROM WHERE").await.contains("Code: 62."));
    assert!(failure("SELECT no_such_column").await.contains("Code: 47."));
    let late = "SELECT toUInt8(throwIf(number = 500000)) FROM numbers(1000000)";
    assert!(
        failure(late).await.contains("Code: 395."),
        "after the first rows"
    );
    let setting = client
        .query("SELECT 1")
        .with_setting("no_such_setting", "1");
    let setting = setting.fetch_one::<u8>().await.expect_err("a setting");
    assert!(setting.to_string().contains("Code: 115."));
    let slow = client.query("SELECT toUInt8(sleepEachRow(1)) FROM numbers(60)");
    let slow = slow.with_setting("max_execution_time", "1");
    let slow = slow.with_setting("max_block_size", "1");
    let slow = slow.fetch_all::<u8>().await.expect_err("too slow");
    assert!(slow.to_string().contains("Code: 159."), "{slow}");
    let mut insert = client.insert::<Number>("no_such_table").await;
    if let Ok(insert) = &mut insert {
        insert.write(&Number { n: 1 }).await.expect("buffered");
    }
    let refused = match insert {
        Ok(insert) => insert.end().await.expect_err("no table"),
        Err(error) => error,
    };
    assert!(refused.to_string().contains("Code: 60."), "{refused}");
    let wrong = client.clone().with_password("wrong");
    let wrong = wrong.query("SELECT 1").fetch_one::<u8>().await;
    assert!(
        wrong
            .expect_err("a token")
            .to_string()
            .contains("Code: 516.")
    );
}

#[tokio::test]
async fn three_million_rows_come_in_pieces() {
    let sql = "SELECT number FROM numbers(3000000)";
    let mut cursor = client().query(sql).fetch::<u64>().expect("start");
    let mut expected = 0;
    while let Some(number) = cursor.next().await.expect("a row") {
        assert_eq!(number, expected);
        expected += 1;
    }
    assert_eq!(expected, 3_000_000);
    let none = client().query("SELECT number FROM numbers(0)");
    assert_eq!(none.fetch_optional::<u64>().await.expect("no row"), None);
}

#[tokio::test]
async fn an_insert_that_is_dropped_leaves_no_row() {
    let table = table("dropped_insert", EVERYTHING).await;
    let client = client();
    let mut insert = client.insert::<Everything>(&table).await.expect("start");
    for id in 0..20_000 {
        insert.write(&everything(id)).await.expect("write");
    }
    let mark = format!("INSERT INTO `{table}`");
    wait_until("the insert has begun", async || running(&mark).await == 1).await;
    drop(insert);
    wait_until("the insert has ended", async || running(&mark).await == 0).await;
    assert_eq!(count(&client, &table).await, 0);
}

#[tokio::test]
async fn a_query_ends_when_its_client_leaves() {
    let mark = "the_client_leaves";
    // Would run for hours without a row.
    let sql = format!(
        "SELECT count() AS {mark} FROM numbers(1000000000000) WHERE cityHash64(number) = 1"
    );
    let client = client().with_setting("max_threads", "1");
    let query = tokio::spawn(async move { client.query(&sql).fetch_one::<u64>().await });
    wait_until("the query runs", async || running(mark).await == 1).await;
    query.abort();
    wait_until("the query is gone", async || running(mark).await == 0).await;
}

#[tokio::test]
async fn a_select_from_a_cursor_that_is_dropped_ends() {
    let mark = "the_cursor_is_dropped";
    let sql = format!("SELECT number AS {mark} FROM numbers(1000000000000)");
    let mut cursor = client().query(&sql).fetch::<u64>().expect("start");
    assert_eq!(cursor.next().await.expect("a row"), Some(0));
    drop(cursor);
    wait_until("the query is gone", async || running(mark).await == 0).await;
}

#[tokio::test]
async fn tables_of_json_come_as_text() {
    let client = client();
    let mut cursor = client
        .query("SELECT number, {a:String} AS a FROM numbers(2)")
        .param("a", "b")
        .fetch_bytes("JSONEachRow")
        .expect("start");
    let text = cursor.collect().await.expect("rows");
    let expected = "{\"number\":0,\"a\":\"b\"}\n{\"number\":1,\"a\":\"b\"}\n";
    assert_eq!(std::str::from_utf8(&text).expect("text"), expected);
}
