//! One engine for the whole test process, and ways to speak to it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use clickhouse::{Client, Compression};
use embedded_clickhouse::EngineConfig;
pub(crate) use embedded_clickhouse::testing::{READ_TOKEN, TOKEN, TestEngine};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// For anything that is waited for; generous, because the machine may be busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// The engine of all tests but those that end one. Without the library the test fails with the way to get it.
pub(crate) fn served() -> &'static TestEngine {
    static SERVED: OnceLock<TestEngine> = OnceLock::new();
    SERVED.get_or_init(|| {
        let folder = fresh_folder("engine");
        let _ = std::fs::remove_dir_all(&folder);
        let mut config = EngineConfig::new(folder);
        config.readable = vec!["readable".to_owned(), "readable_view".to_owned()];
        TestEngine::start(config)
    })
}

pub(crate) fn client() -> Client {
    client_at(served().address())
}

pub(crate) fn client_at(address: SocketAddr) -> Client {
    Client::default()
        .with_url(format!("http://{address}"))
        .with_user("cbsift")
        .with_password(TOKEN)
        .with_database("cbsift")
        .with_compression(Compression::None)
}

/// A folder under `target/tmp`, named after this process; those of processes that are gone are
/// removed, because a test process is left by exit and not by drop.
pub(crate) fn fresh_folder(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("embedded-clickhouse");
    std::fs::create_dir_all(&root).expect("target/tmp can be written");
    for entry in std::fs::read_dir(&root).expect("just made").flatten() {
        let file_name = entry.file_name().into_string().unwrap_or_default();
        let process = file_name.split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(process).exists() {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    root.join(format!("{}-{name}", std::process::id()))
}

/// Makes a table anew and returns its name.
pub(crate) async fn table(name: &str, columns: &str) -> String {
    let client = client();
    let drop = format!("DROP TABLE IF EXISTS {name} SYNC");
    client.query(&drop).execute().await.expect("drop");
    let create = format!("CREATE TABLE {name} ({columns}) ENGINE = MergeTree ORDER BY tuple()");
    client.query(&create).execute().await.expect("create");
    name.to_owned()
}

pub(crate) async fn count(client: &Client, table: &str) -> u64 {
    let sql = format!("SELECT count() FROM {table}");
    client.query(&sql).fetch_one().await.expect("count")
}

/// Asks until the answer is as expected.
pub(crate) async fn wait_until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let started = Instant::now();
    while !is_so().await {
        assert!(started.elapsed() < DEADLINE, "not in time: {what}");
        tokio::task::yield_now().await;
    }
}

/// The running queries whose text holds `mark`.
pub(crate) async fn running(mark: &str) -> u64 {
    let sql = "SELECT count() FROM system.processes WHERE position(query, {mark:String}) > 0 \
               AND position(query, 'system.processes') = 0";
    let query = client().query(sql).param("mark", mark);
    query.fetch_one().await.expect("system.processes")
}

pub(crate) struct HttpAnswer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl HttpAnswer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// One request written by hand. `head` is everything but the connection header and the blank line.
pub(crate) async fn http(head: &str, body: &[u8]) -> HttpAnswer {
    let mut stream = TcpStream::connect(served().address())
        .await
        .expect("connect");
    let head = format!("{}\r\nConnection: close\r\n\r\n", head.trim_end());
    stream.write_all(head.as_bytes()).await.expect("send");
    stream.write_all(body).await.expect("send");
    read_answer(stream).await
}

pub(crate) async fn read_answer(mut stream: impl AsyncRead + Unpin) -> HttpAnswer {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.expect("an answer");
    let head_end = bytes
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap_or_else(|| panic!("no head in {:?}", String::from_utf8_lossy(&bytes)));
    let head = String::from_utf8_lossy(&bytes[..head_end]).into_owned();
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok());
    let mut body = bytes[head_end + 4..].to_vec();
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = dechunked(&body);
    }
    HttpAnswer {
        status: status.unwrap_or_else(|| panic!("no status in {head}")),
        head,
        body,
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|window| window == b"\r\n");
        let line_end = line_end.expect("a chunk's length");
        let length = std::str::from_utf8(&rest[..line_end]).expect("hex");
        let length = usize::from_str_radix(length, 16).expect("hex");
        if length == 0 {
            return body;
        }
        let chunk = &rest[line_end + 2..];
        body.extend_from_slice(&chunk[..length]);
        rest = &chunk[length + 2..];
    }
}

/// `POST` of a statement as the body; `address_query` goes behind the `?`.
pub(crate) async fn post(address_query: &str, body: &[u8]) -> HttpAnswer {
    post_with("", address_query, body).await
}

pub(crate) async fn post_with(headers: &str, address_query: &str, body: &[u8]) -> HttpAnswer {
    let length = body.len();
    let head = format!(
        "POST /?{address_query} HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-Key: {TOKEN}\r\n\
         Content-Length: {length}\r\n{headers}"
    );
    http(&head, body).await
}
