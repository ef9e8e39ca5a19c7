//! The engine's process: killed, ended in order, not there, without its library, and the walls around it.

use std::os::unix::fs::MetadataExt;
use std::process::Command;

use clickhouse::{Client, Row};
use embedded_clickhouse::EngineConfig;
use serde::Serialize;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};

use crate::harness::{
    DEADLINE, TOKEN, TestEngine, client_at, count, fresh_folder, post, read_answer, served,
    wait_until,
};

#[derive(Row, Serialize)]
struct Number {
    n: u64,
}

async fn kept(client: &Client) {
    let create = "CREATE TABLE IF NOT EXISTS kept (n UInt64) ENGINE = MergeTree ORDER BY n";
    client.query(create).execute().await.expect("create");
}

/// Kills the engine's process and waits until another answers.
async fn kill(engine: &TestEngine) {
    let before = engine.health().status();
    let pid = before.pid.expect("it runs").to_string();
    let killed = Command::new("kill").args(["-9", &pid]).status();
    assert!(killed.expect("kill").success());
    wait_until("another process answers", async || {
        let now = engine.health().status();
        now.restarts > before.restarts && now.trouble.is_none()
    })
    .await;
}

#[tokio::test]
async fn kill_9_keeps_every_acknowledged_row() {
    let engine = TestEngine::fresh(fresh_folder("killed"));
    let client = client_at(engine.address());
    let mut acknowledged = 0;
    for round in 0..3 {
        kept(&client).await;
        assert_eq!(count(&client, "kept").await, acknowledged, "round {round}");
        for _ in 0..5 {
            let mut insert = client.insert::<Number>("kept").await.expect("start");
            for n in 0..1_000 {
                insert.write(&Number { n }).await.expect("write");
            }
            insert.end().await.expect("acknowledged");
            acknowledged += 1_000;
        }
        // One more is under way when the process dies, most of its rows sent but not its end.
        let mut insert = client.insert::<Number>("kept").await.expect("start");
        for n in 0..100_000 {
            insert.write(&Number { n }).await.expect("write");
        }
        kill(&engine).await;
        insert.end().await.expect_err("nobody answers");
    }
    assert_eq!(
        count(&client, "kept").await,
        acknowledged,
        "an insert that never ended is not there"
    );
    assert_eq!(engine.health().status().restarts, 3);
}

#[tokio::test]
async fn an_orderly_end_finishes_the_insert_in_flight() {
    let folder = fresh_folder("ended");
    let engine = TestEngine::fresh(&folder);
    let client = client_at(engine.address());
    kept(&client).await;
    let no_end = "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1";
    let asked = client.clone();
    let query = tokio::spawn(async move { asked.query(no_end).fetch_one::<u64>().await });
    let request = format!(
        "POST /?query=INSERT+INTO+kept+FORMAT+CSV HTTP/1.1\r\nHost: localhost\r\n\
         X-ClickHouse-Key: {TOKEN}\r\nContent-Length: 4\r\n\r\n1\n"
    );
    let mut stream = TcpStream::connect(engine.address()).await.expect("connect");
    stream.write_all(request.as_bytes()).await.expect("send");
    wait_until("both run", async || {
        let sql = "SELECT countIf(query LIKE 'INSERT INTO kept%') = 1 AND \
                   countIf(query LIKE '%cityHash64(number) = 1') = 1 FROM system.processes";
        client.query(sql).fetch_one::<bool>().await.expect("asked")
    })
    .await;
    let health = engine.health();
    let stopping = tokio::task::spawn_blocking(move || engine.stop());
    stream.write_all(b"2\n").await.expect("send the rest");
    let answer = read_answer(stream).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    query.await.expect("no panic").expect_err("cut off");
    stopping.await.expect("no panic");
    assert_eq!(health.resident_bytes(), None, "the process is gone");

    let engine = TestEngine::start(EngineConfig::new(&folder));
    assert_eq!(count(&client_at(engine.address()), "kept").await, 2);
}

#[test]
fn a_missing_library_is_told_with_a_hint() {
    let mut config = EngineConfig::new(fresh_folder("no-library"));
    config.library = Some("/nowhere/libchdb.so".into());
    let error = TestEngine::try_start(config).expect_err("no library");
    assert_eq!(
        error.to_string(),
        "libchdb.so is not at `/nowhere/libchdb.so`\n\
         hint: run `make libchdb` or set `engine.library`"
    );
}

#[test]
fn a_file_that_is_no_library_is_told_with_a_hint() {
    let mut config = EngineConfig::new(fresh_folder("bad-library"));
    config.library = Some("/etc/hostname".into());
    let error = TestEngine::try_start(config).expect_err("no library");
    let says = error.to_string();
    assert!(
        says.starts_with("cannot open the engine `/etc/hostname`: "),
        "{says}"
    );
    assert!(says.contains("\nhint: "), "{says}");
}

#[test]
fn a_folder_in_use_is_told() {
    let engine = TestEngine::fresh(fresh_folder("in-use"));
    let folder = engine.socket().parent().and_then(|run| run.parent());
    let second = EngineConfig::new(folder.expect("a folder"));
    let error = TestEngine::try_start(second)
        .expect_err("in use")
        .to_string();
    let holder = format!("is in use by process {}\n", std::process::id());
    assert!(error.contains(&holder), "{error}");
}

#[tokio::test]
async fn the_path_socket_needs_no_token_and_is_nobody_elses() {
    let socket = served().socket();
    let folder = socket.parent().expect("a folder");
    let mode = std::fs::metadata(folder).expect("made").mode();
    assert_eq!(mode & 0o777, 0o700);
    let mut stream = UnixStream::connect(socket).await.expect("connect");
    let request = "POST /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\
                   Connection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("send");
    let answer = read_answer(stream).await;
    assert_eq!(answer.text(), "1\n");
}

#[tokio::test]
async fn clients_that_take_every_connection_leave_those_of_the_path_socket() {
    let engine = TestEngine::fresh(fresh_folder("crowded"));
    let mut crowd = Vec::new();
    // More than may be open: the last ones wait in the kernel's queue.
    for _ in 0..300 {
        crowd.push(TcpStream::connect(engine.address()).await.expect("connect"));
    }
    let mut stream = UnixStream::connect(engine.socket()).await.expect("connect");
    let request = "GET /?query=SELECT+1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.expect("send");
    let answer = tokio::time::timeout(DEADLINE, read_answer(stream)).await;
    assert_eq!(answer.expect("in time").text(), "1\n");
}

#[tokio::test]
async fn the_process_is_confined() {
    assert_eq!(served().health().status().unconfined, None);
    // Read by the engine itself, past the grants of every user.
    for file in ["/etc/passwd", "/proc/1/environ"] {
        let sql = format!("SELECT 1 FORMAT Template SETTINGS format_template_row = '{file}'");
        let answer = post("", sql.as_bytes()).await;
        let text = answer.text();
        assert!(text.contains("Permission denied"), "{file}: {text}");
    }
}
