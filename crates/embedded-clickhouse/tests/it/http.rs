//! What a client library hides: cut bodies, encodings, sessions, methods, tokens, shutdown.

use std::io::Write;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::harness::{
    READ_TOKEN, TOKEN, client, count, http, post, post_with, running, served, table, wait_until,
};

async fn get(address_query: &str) -> crate::harness::HttpAnswer {
    let head = format!(
        "GET /?{address_query} HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-Key: {TOKEN}\r\n"
    );
    http(&head, b"").await
}

#[tokio::test]
async fn only_ping_answers_without_the_token() {
    let ping = http("GET /ping HTTP/1.1\r\nHost: localhost\r\n", b"").await;
    assert_eq!((ping.status, ping.text().as_str()), (200, "Ok.\n"));
    for head in [
        "GET /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n",
        "GET /?query=SELECT+1&password=wrong HTTP/1.1\r\nHost: localhost\r\n",
        "GET /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer x\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n",
    ] {
        let refused = http(head, b"").await;
        assert_eq!(refused.status, 401, "{head}");
        assert_eq!(refused.header("x-clickhouse-exception-code"), Some("516"));
        assert!(refused.text().starts_with("Code: 516. DB::Exception: "));
        assert!(refused.text().contains("(AUTHENTICATION_FAILED)"));
    }
    let url = format!("GET /?query=SELECT+1&password={TOKEN} HTTP/1.1\r\nHost: localhost\r\n");
    assert_eq!(http(&url, b"").await.text(), "1\n");
}

#[tokio::test]
async fn a_get_leaves_no_trace() {
    let table = table("get", "n UInt64").await;
    assert_eq!(get("query=SELECT+1").await.text(), "1\n");
    for query in [
        format!("query=INSERT+INTO+{table}+VALUES+(1)"),
        format!("query=DROP+TABLE+{table}"),
        format!("query=DROP+TABLE+{table}&session_id=get"),
        format!("query=WITH+1+AS+x+INSERT+INTO+{table}+SELECT+x&session_id=get"),
    ] {
        let refused = get(&query).await;
        assert!(
            refused.text().contains("(READONLY)"),
            "{query}: {}",
            refused.text()
        );
    }
    assert_eq!(count(&client(), &table).await, 0);
}

#[tokio::test]
async fn answers_carry_the_headers_that_clients_read() {
    let answer = post(
        "query_id=made-up-id&wait_end_of_query=1",
        b"SELECT 1 AS x FORMAT JSON",
    )
    .await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("x-clickhouse-query-id"), Some("made-up-id"));
    assert_eq!(answer.header("x-clickhouse-format"), Some("JSON"));
    assert_eq!(answer.header("x-clickhouse-timezone"), Some("UTC"));
    let json = answer.header("content-type").expect("a type");
    assert!(json.starts_with("application/json"));
    let table = table("headers", "n UInt64").await;
    let insert = format!("query=INSERT+INTO+{table}+FORMAT+CSV");
    let answer = post(&insert, b"1\n2\n3\n").await;
    let summary = answer.header("x-clickhouse-summary").expect("a summary");
    assert!(summary.contains("\"written_rows\":\"3\""), "{summary}");
}

#[tokio::test]
async fn statuses_follow_the_codes() {
    for (sql, status) in [
        ("SELECT 1 FROM no_such_table", 404),
        ("SELECT FROM WHERE", 400),
        ("", 400),
        ("SELECT * FROM file('/etc/passwd', 'LineAsString')", 403),
        ("SELECT 1 INTO OUTFILE '/tmp/x'", 501),
        ("SELECT throwIf(1)", 500),
    ] {
        let answer = post("", sql.as_bytes()).await;
        assert_eq!(answer.status, status, "{sql}: {}", answer.text());
        let text = answer.text();
        assert!(text.contains("(version 26.7"), "{text}");
    }
    let nowhere = format!("GET /nowhere HTTP/1.1\r\nHost: x\r\nX-ClickHouse-Key: {TOKEN}\r\n");
    assert_eq!(http(&nowhere, b"").await.status, 404);
}

#[tokio::test]
async fn a_failure_after_the_first_rows_ends_in_a_tagged_block() {
    let sql = b"SELECT throwIf(number = 900000, 'made-up failure') FROM numbers(1000000)";
    let answer = post("default_format=RowBinary&max_block_size=1000", sql).await;
    assert_eq!(answer.status, 200);
    let tag = answer.header("x-clickhouse-exception-tag").expect("a tag");
    let text = answer.text();
    let block = text.split("\r\n__exception__\r\n").nth(1).expect("a block");
    let block = block.strip_prefix(&format!("{tag}\r\n")).expect("the tag");
    let (message, end) = block.rsplit_once('\n').expect("a message");
    assert!(message.contains("made-up failure"), "{message}");
    assert_eq!(end, format!("{} {tag}\r", message.len() + 1).trim_end());
}

#[tokio::test]
async fn bodies_come_packed_in_every_way() {
    let table = table("packed", "n UInt64, text String").await;
    let rows: String = (0..5_000)
        .map(|n| format!("{n},made-up text {n}\n"))
        .collect();
    let mut gzip = flate2_writer();
    gzip.write_all(rows.as_bytes()).expect("a Vec");
    let gzip = gzip.finish().expect("a Vec");
    let mut lz4 = lz4_flex::frame::FrameEncoder::new(Vec::new());
    lz4.write_all(rows.as_bytes()).expect("a Vec");
    let lz4 = lz4.finish().expect("a Vec");
    let insert = format!("query=INSERT+INTO+{table}+FORMAT+CSV");

    let plain = post(&insert, rows.as_bytes()).await;
    assert_eq!(plain.status, 200, "{}", plain.text());
    let packed = post_with("Content-Encoding: gzip\r\n", &insert, &gzip).await;
    assert_eq!(packed.status, 200, "{}", packed.text());
    let packed = post_with("Content-Encoding: lz4\r\n", &insert, &lz4).await;
    assert_eq!(packed.status, 200, "{}", packed.text());
    assert_eq!(count(&client(), &table).await, 15_000);

    // The statement in the body, its data behind it.
    let body = [
        format!("INSERT INTO {table} FORMAT CSV\n").as_bytes(),
        rows.as_bytes(),
    ]
    .concat();
    assert_eq!(post("", &body).await.status, 200);
    assert_eq!(count(&client(), &table).await, 20_000);

    for (encoding, whole) in [("gzip", &gzip), ("lz4", &lz4)] {
        let cut = &whole[..whole.len() - 100];
        let header = format!("Content-Encoding: {encoding}\r\n");
        let refused = post_with(&header, &insert, cut).await;
        assert_ne!(refused.status, 200, "{encoding}");
    }
    let unknown = post_with("Content-Encoding: br\r\n", &insert, b"x").await;
    assert_eq!(unknown.status, 501);
    assert_eq!(count(&client(), &table).await, 20_000);
}

fn flate2_writer() -> flate2::write::GzEncoder<Vec<u8>> {
    flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())
}

#[tokio::test]
async fn binary_data_may_hold_blank_lines() {
    let table = table("blank_lines", "text String").await;
    // RowBinary: a length, then bytes.
    let body = b"\x04\n\n\n\n\x02;\n";
    let insert = format!("query=INSERT+INTO+{table}+FORMAT+RowBinary");
    assert_eq!(post(&insert, body).await.status, 200);
    let hex = format!("SELECT groupArray(hex(text)) FROM (SELECT text FROM {table} ORDER BY text)");
    let hex = client().query(&hex).fetch_one::<Vec<String>>().await;
    assert_eq!(hex.expect("rows"), ["0A0A0A0A", "3B0A"]);
}

#[tokio::test]
async fn a_body_that_is_cut_leaves_no_row() {
    let table = table("cut_body", "n UInt64").await;
    let mark = format!("INSERT INTO {table}");
    let insert = format!("{mark} FORMAT CSV");
    let request = format!(
        "POST /?query={} HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-Key: {TOKEN}\r\n\
         Content-Length: 1000000\r\n\r\n1\n2\n3\n",
        insert.replace(' ', "+")
    );
    let mut stream = TcpStream::connect(served().address())
        .await
        .expect("connect");
    stream.write_all(request.as_bytes()).await.expect("send");
    wait_until("the insert runs", async || running(&mark).await == 1).await;
    drop(stream);
    wait_until("the insert is over", async || running(&mark).await == 0).await;
    assert_eq!(count(&client(), &table).await, 0);
}

#[tokio::test]
async fn a_refused_insert_is_told_while_its_body_is_still_coming() {
    let body = vec![b'x'; 20_000_000];
    let refused = post("query=INSERT+INTO+no_such_table+FORMAT+CSV", &body).await;
    assert_eq!(refused.status, 404);
}

#[tokio::test]
async fn a_session_keeps_its_tables_and_settings_but_not_those_of_an_address() {
    let in_session = async |more: &str, sql: &str| {
        let answer = post(&format!("session_id=made-up-session{more}"), sql.as_bytes()).await;
        answer.text()
    };
    let create = "CREATE TEMPORARY TABLE kept (n UInt8)";
    assert_eq!(in_session("", create).await, "");
    assert_eq!(in_session("", "INSERT INTO kept VALUES (7)").await, "");
    assert_eq!(in_session("", "SELECT n FROM kept").await, "7\n");
    assert_eq!(in_session("", "SET max_block_size = 77").await, "");
    let setting = "SELECT getSetting('max_block_size'), getSetting('max_threads') = 3";
    assert_eq!(in_session("&max_threads=3", setting).await, "77\t1\n");
    assert_eq!(in_session("", setting).await, "77\t0\n");
    // A failure does not end it.
    assert!(
        in_session("", "SELECT bad_column")
            .await
            .contains("Code: 47.")
    );
    assert!(
        in_session("&bad_setting=1", "SELECT 1")
            .await
            .contains("Code: 115.")
    );
    assert_eq!(in_session("", "SELECT n FROM kept").await, "7\n");

    let other = post("session_id=another", b"SELECT n FROM kept").await;
    assert_eq!(other.status, 404);
    let unknown = post("session_id=never-made&session_check=1", b"SELECT 1").await;
    assert_eq!(unknown.header("x-clickhouse-exception-code"), Some("372"));
    let reader = client().with_password(READ_TOKEN);
    let reader = reader.with_setting("session_id", "made-up-session");
    let stolen = reader.query("SELECT n FROM kept").fetch_one::<u8>().await;
    assert!(stolen.is_err(), "readers have no sessions");
}

#[tokio::test]
async fn a_session_in_use_is_locked() {
    let sql =
        "SELECT count() AS session_lock FROM numbers(1000000000000) WHERE cityHash64(number) = 1";
    let client = client().with_setting("session_id", "locked");
    let busy = client.clone();
    let busy = tokio::spawn(async move { busy.query(sql).fetch_one::<u64>().await });
    wait_until("the query runs", async || {
        running("session_lock").await == 1
    })
    .await;
    let error = client.query("SELECT 1").fetch_one::<u8>().await;
    let error = error.expect_err("locked").to_string();
    assert!(error.contains("Code: 373."), "{error}");
    busy.abort();
    wait_until("the session is free", async || {
        client.query("SELECT 1").fetch_one::<u8>().await.is_ok()
    })
    .await;
}
