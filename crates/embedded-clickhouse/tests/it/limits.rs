//! What must be refused.

use std::path::Path;

use crate::harness::{client, count, fresh_folder, post, table};

async fn refused(sql: &str) -> String {
    let answer = post("", sql.as_bytes()).await;
    assert_ne!(answer.status, 200, "{sql}");
    answer.text()
}

#[tokio::test]
async fn several_statements_are_refused_and_none_of_them_runs() {
    let table = table("several", "n UInt64").await;
    for sql in [
        format!("INSERT INTO {table} SELECT 1; SELECT 2"),
        format!("SELECT 1; INSERT INTO {table} SELECT 1"),
        format!("DROP TABLE {table}; SELECT 1"),
        format!("DROP TABLE {table}; garbage("),
        format!("SELECT 1 /* ; */; DROP TABLE {table}"),
    ] {
        assert!(refused(&sql).await.contains("Multi-statements"), "{sql}");
    }
    for values in ["VALUES (1); DROP TABLE several", "FORMAT Values (1); (2)"] {
        let sql = format!("INSERT INTO {table} {values}");
        assert!(refused(&sql).await.contains("Multi-statements"), "{sql}");
    }
    assert_eq!(count(&client(), &table).await, 0);
    assert_eq!(post("", b"SELECT 1; -- done\n ;").await.text(), "1\n");
    let values = format!("INSERT INTO {table} VALUES (1), /* ; */ (2); -- done");
    assert_eq!(post("", values.as_bytes()).await.status, 200);
    assert_eq!(count(&client(), &table).await, 2);
}

#[tokio::test]
async fn files_and_addresses_are_out_of_reach() {
    let table = table("no_files", "line String").await;
    for sql in [
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString')",
        "SELECT * FROM s3('http://127.0.0.1:1/bucket/x', 'LineAsString')",
        "SELECT * FROM default.`/etc/hostname`",
        "SELECT * FROM remote('127.0.0.1', system.one)",
        "CREATE TABLE made_of_file (line String) ENGINE = File(LineAsString, '/etc/passwd')",
        "CREATE TABLE made_of_url (line String) ENGINE = URL('http://127.0.0.1:1/', CSV)",
        "INSERT INTO FUNCTION file('/tmp/x', 'LineAsString', 'line String') SELECT 'x'",
        "CREATE DATABASE elsewhere",
        "CREATE FUNCTION made_up AS x -> x",
        "CREATE DICTIONARY made_up (n UInt64) PRIMARY KEY n \
         SOURCE(FILE(path '/etc/passwd' format 'TSV')) LAYOUT(FLAT()) LIFETIME(0)",
        "BACKUP DATABASE cbsift TO File('/tmp/x')",
        "SYSTEM SHUTDOWN",
        "DROP DATABASE system",
        "CREATE TABLE made (a Int) ENGINE = EmbeddedRocksDB(0, '/nowhere/x') PRIMARY KEY a",
        "CREATE TABLE made (a Int) engine/**/ = /* x */ `EmbeddedRocksDB`(0, '/nowhere/x') PRIMARY KEY a",
        "CREATE TABLE made (a Int) ENGINE EmbeddedRocksDB(0, '/nowhere/x') PRIMARY KEY a",
        "CREATE OR REPLACE TABLE made (a Int) ENGINE = Log",
        "CREATE TABLE made (a Int) ENGINE = Executable('x.sh', CSV)",
        "CREATE TABLE made (a Int) ENGINE = Merge(cbsift, '.*')",
        "CREATE MATERIALIZED VIEW made ENGINE = Log AS SELECT 1",
        "CREATE TABLE made (a Int) ENGINE = MergeTree ORDER BY a \
         SETTINGS disk = disk(type = local_blob_storage, path = '/nowhere/x/')",
        "CREATE TABLE made (a Int) ENGINE = MergeTree ORDER BY a \
         SETTINGS disk = disk(type = web, endpoint = 'http://127.0.0.1:1/x/')",
        "CREATE TABLE made (a Int) ENGINE = MergeTree ORDER BY a SETTINGS `storage_policy` = 'x'",
        "ALTER TABLE no_files MODIFY SETTING storage_policy = 'x'",
    ] {
        let text = refused(sql).await;
        assert!(text.contains("Code: 497."), "{sql}: {text}");
    }
    // libchdb does these two itself, as a client would, whatever the grants say.
    let file = fresh_folder("written-by-a-query");
    let outfile = format!("SELECT 'x' INTO OUTFILE '{}'", file.display());
    assert!(refused(&outfile).await.contains("Code: 48."));
    let spelled = format!("SELECT 'x' into/**/outfile '{}' FORMAT CSV", file.display());
    assert!(refused(&spelled).await.contains("Code: 48."));
    assert!(!Path::new(&file).exists());
    for sql in [
        format!("INSERT INTO {table} FROM INFILE '/etc/passwd' FORMAT LineAsString"),
        format!("INSERT INTO {table} FROM INFILE '/etc/passwd'"),
        format!("INSERT INTO {table} (line) from infile '/etc/passwd' FORMAT CSV"),
    ] {
        assert!(refused(&sql).await.contains("Code: 48."), "{sql}");
    }
    assert_eq!(count(&client(), &table).await, 0);
}

#[tokio::test]
async fn a_definition_is_looked_at_whatever_a_writer_sets_or_sends() {
    // With this setting of the writer's the look itself would have no rows.
    let create =
        "CREATE TABLE made (a Int) ENGINE = EmbeddedRocksDB(0, '/nowhere/x') PRIMARY KEY a";
    let text = post("offset=1", create.as_bytes()).await.text();
    assert!(text.contains("Code: 497."), "{text}");
    // The engine takes any bytes in a text.
    let create = b"CREATE TABLE made (a Int COMMENT '\xff') ENGINE = EmbeddedRocksDB(0, '/nowhere/x') PRIMARY KEY a";
    let text = post("", create).await.text();
    assert!(text.contains("Code: 62."), "{text}");
}

#[tokio::test]
async fn a_query_beyond_the_memory_fails_alone() {
    let sql = "SELECT groupArray(number) FROM numbers(200000000)";
    let greedy = client().query(sql).fetch_all::<Vec<u64>>().await;
    let error = greedy
        .expect_err("1.6 GB in an engine of 1 GiB")
        .to_string();
    assert!(error.contains("Code: 241."), "{error}");
    assert_eq!(post("", b"SELECT 1").await.text(), "1\n");
}

#[tokio::test]
async fn deeply_nested_statements_end_in_an_error() {
    let nested = format!("SELECT {}1{}", "(".repeat(50_000), ")".repeat(50_000));
    refused(&nested).await;
    let chained = format!("SELECT 1{}", "+1".repeat(20_000));
    // Whatever the engine says of it, its process lives on.
    post("", chained.as_bytes()).await;
    assert_eq!(post("", b"SELECT 1").await.text(), "1\n");
}
