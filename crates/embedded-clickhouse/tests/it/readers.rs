//! What a reader's token may ask, and that nothing else is read, written or reached.

use std::collections::HashSet;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpListener;
use tokio::sync::{RwLock, RwLockReadGuard};

use crate::harness::{
    HttpAnswer, READ_TOKEN, client, client_at, fresh_folder, http, post, running, served,
    wait_until,
};

/// What a canary's file says, and no answer may.
const CANARY: &str = "made-up-canary-7d1f";

/// The test that fills all places of readers waits for the others, and they for it.
static PLACES: RwLock<()> = RwLock::const_new(());

/// Makes the table and the view that readers may read, and one that they may not; then waits for a turn.
async fn tables() -> RwLockReadGuard<'static, ()> {
    made().await;
    PLACES.read().await
}

async fn made() {
    static MADE: tokio::sync::OnceCell<()> = tokio::sync::OnceCell::const_new();
    MADE.get_or_init(async || {
        for sql in [
            "CREATE TABLE readable (n UInt64, name String, at DateTime64(3, 'UTC'), codes Array(UInt32)) \
             ENGINE = MergeTree ORDER BY n",
            "INSERT INTO readable SELECT number, concat('made-up ', toString(number)), toDateTime64(number, 3, 'UTC'), \
             [number, number + 1] FROM numbers(1000)",
            "CREATE VIEW readable_view AS SELECT n, name FROM readable WHERE n < 10",
            "CREATE TABLE unreadable (n UInt64, secret String) ENGINE = MergeTree ORDER BY n",
        ] {
            client().query(sql).execute().await.expect(sql);
        }
        let secret = format!("INSERT INTO unreadable VALUES (1, '{CANARY}')");
        client().query(&secret).execute().await.expect("a row");
    })
    .await;
}

/// `POST` of a reader's statement; `address_query` goes behind the `?`.
async fn read(address_query: &str, sql: &str) -> HttpAnswer {
    read_with("", address_query, sql.as_bytes()).await
}

async fn read_with(headers: &str, address_query: &str, body: &[u8]) -> HttpAnswer {
    let length = body.len();
    let head = format!(
        "POST /?{address_query} HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-Key: {READ_TOKEN}\r\n\
         Content-Length: {length}\r\n{headers}"
    );
    http(&head, body).await
}

/// A folder with a file to read, a folder to spoil, a socket and a port: what a way out would touch.
struct Canary {
    folder: PathBuf,
    port: u16,
    listener: TcpListener,
    socket: UnixListener,
}

impl Canary {
    async fn new() -> Self {
        let folder = fresh_folder("canary");
        std::fs::create_dir_all(folder.join("victim/sub")).expect("a folder");
        std::fs::write(folder.join("file"), format!("{CANARY}\n")).expect("a file");
        std::fs::write(folder.join("victim/precious"), "precious").expect("a file");
        let _ = std::fs::remove_file(folder.join("socket"));
        let socket = UnixListener::bind(folder.join("socket")).expect("a socket");
        socket.set_nonblocking(true).expect("a socket");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Self {
            port: listener.local_addr().expect("an address").port(),
            folder,
            listener,
            socket,
        }
    }

    /// Puts the canary's places into a statement.
    fn aim(&self, sql: &str) -> String {
        sql.replace("{file}", &self.folder.join("file").display().to_string())
            .replace("{dir}", &self.folder.join("victim").display().to_string())
            .replace("{out}", &self.folder.join("written").display().to_string())
            .replace("{port}", &self.port.to_string())
    }

    /// That nothing was written and nobody came.
    async fn is_untouched(&self) {
        let mut names: Vec<_> = std::fs::read_dir(&self.folder)
            .expect("a folder")
            .map(|entry| entry.expect("an entry").file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["file", "socket", "victim"]);
        let victim = self.folder.join("victim");
        assert_eq!(std::fs::read_dir(&victim).expect("a folder").count(), 2);
        let precious = std::fs::read_to_string(victim.join("precious"));
        assert_eq!(precious.expect("still there"), "precious");
        assert!(self.socket.accept().is_err(), "somebody came to the socket");
        // A connection that had been made would be waiting.
        let nobody = tokio::select! {
            biased;
            _ = self.listener.accept() => false,
            () = std::future::ready(()) => true,
        };
        assert!(nobody, "somebody came to the port");
    }
}

/// Statements a line; empty lines and those that begin with `#` say nothing. `\n` stands for a line end.
const ESCAPES: &str = include_str!("escapes.txt");

#[tokio::test]
async fn no_spelling_of_a_way_out_reads_writes_or_reaches_anything() {
    let _turn = tables().await;
    let canary = Canary::new().await;
    let statements: Vec<String> = ESCAPES
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| canary.aim(line).replace("\\n", "\n"))
        .collect();
    assert!(statements.len() >= 180, "{}", statements.len());
    for sql in &statements {
        let answers = [read("param_x=unreadable", sql).await, get(sql).await];
        for answer in answers {
            let text = answer.text();
            assert_ne!(answer.status, 200, "{sql}: {text}");
            assert!(!text.contains(CANARY), "{sql}: {text}");
            // The engine says so when it has tried, with a code that is also that of a bad value.
            assert!(!text.contains("load time zone"), "{sql}: {text}");
            // By the check and not by luck on the way: refused, or no statement at all.
            let code = answer.header("x-clickhouse-exception-code");
            assert!(
                matches!(code, Some("497" | "164" | "452" | "62" | "36" | "48")),
                "{sql}: {text}"
            );
        }
    }
    canary.is_untouched().await;
}

/// The grants would refuse these, too; the check must not leave it to them.
#[tokio::test]
async fn a_name_in_with_is_never_that_of_a_table() {
    let _turn = tables().await;
    for sql in [
        "WITH unreadable AS (SELECT 1 AS a) SELECT a FROM unreadable",
        "WITH unreadable AS (SELECT * FROM unreadable) SELECT * FROM unreadable",
        "SELECT * FROM (WITH unreadable AS (SELECT 1 AS a) SELECT a FROM unreadable) AS x, unreadable",
        "WITH readable AS (SELECT 1 AS a) SELECT a FROM readable",
    ] {
        let text = read("", sql).await.text();
        assert!(text.contains("as a name in WITH"), "{sql}: {text}");
    }
}

async fn get(sql: &str) -> HttpAnswer {
    let head = format!(
        "GET /?param_x=unreadable&query={} HTTP/1.1\r\nHost: localhost\r\nX-ClickHouse-Key: {READ_TOKEN}\r\n",
        percent_encoded(sql)
    );
    http(&head, b"").await
}

fn percent_encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

#[tokio::test]
async fn no_address_header_or_form_opens_a_way_out() {
    let _turn = tables().await;
    let canary = Canary::new().await;
    let file = percent_encoded(&canary.aim("{file}"));
    for query in [
        format!("default_format=Template&format_template_row={file}"),
        format!("format_template_row={file}&query=SELECT+1+FORMAT+Template"),
        format!("format_template_resultset={file}&default_format=Template"),
        format!("default_format=Protobuf&format_schema={file}:X"),
        format!("default_format=CapnProto&format_schema={file}:X"),
        format!("format_schema={file}:X&format_schema_source=file"),
        "default_format=Template".to_owned(),
        "default_format=CustomSeparated&format_custom_field_delimiter=x".to_owned(),
        "default_format=Avro&format_avro_schema_registry_url=http%3A%2F%2F127.0.0.1%2F".to_owned(),
        "dialect=kusto".to_owned(),
        "dialect=prql&allow_experimental_prql_dialect=1".to_owned(),
        "dialect=promql".to_owned(),
        "dialect=polyglot&polyglot_dialect=mysql".to_owned(),
        "implicit_select=1".to_owned(),
        "readonly=0".to_owned(),
        "allow_ddl=1".to_owned(),
        "allow_introspection_functions=1".to_owned(),
        "profile=default".to_owned(),
        "max_execution_time=0".to_owned(),
        "max_execution_time=31".to_owned(),
        "max_memory_usage=0".to_owned(),
        "max_memory_usage=9999999999999".to_owned(),
        "max_result_rows=0".to_owned(),
        "max_threads=64".to_owned(),
        "session_timezone=file%3A%2Fetc%2Flocaltime".to_owned(),
        "database=system".to_owned(),
        "database=default%60".to_owned(),
        "log_queries=1".to_owned(),
        "additional_table_filters=%7B%7D".to_owned(),
        "additional_result_filter=1".to_owned(),
        "row_policy=x".to_owned(),
        "user_files_path=%2F".to_owned(),
        "query_cache_tag=x&use_query_cache=1".to_owned(),
        "workload=x".to_owned(),
        "s3_use_adaptive_timeouts=1".to_owned(),
        "storage_file_read_method=mmap".to_owned(),
        "filesystem_cache_name=x".to_owned(),
        "default_table_engine=Log".to_owned(),
        "union_default_mode=ALL".to_owned(),
    ] {
        let answer = read(&query, "SELECT 1").await;
        assert_ne!(answer.status, 200, "{query}: {}", answer.text());
        let code = answer.header("x-clickhouse-exception-code");
        assert!(
            matches!(code, Some("452" | "497")),
            "{query}: {}",
            answer.text()
        );
    }
    for header in [
        "X-ClickHouse-Format: Template",
        "X-ClickHouse-Database: system",
    ] {
        let answer = read_with(&format!("{header}\r\n"), "", b"SELECT 1").await;
        assert_eq!(answer.status, 403, "{header}: {}", answer.text());
    }
    for (name, value) in [
        ("dialect", "kusto"),
        ("default_format", "Template"),
        ("format_template_row", &canary.aim("{file}")),
        ("query", "SELECT file('/etc/hostname')"),
        ("query", "DROP TABLE readable"),
    ] {
        let form = format!(
            "--b\r\nContent-Disposition: form-data; name=\"query\"\r\n\r\nSELECT 1\r\n\
             --b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n--b--\r\n"
        );
        let header = "Content-Type: multipart/form-data; boundary=b\r\n";
        let answer = read_with(header, "", form.as_bytes()).await;
        assert_ne!(answer.status, 200, "{name}={value}: {}", answer.text());
    }
    canary.is_untouched().await;
}

/// All names that the engine knows as functions.
async fn function_names() -> Vec<String> {
    let answer = post("", b"SELECT name FROM system.functions ORDER BY name").await;
    answer.text().lines().map(str::to_owned).collect()
}

fn listed_functions() -> HashSet<String> {
    let lists = [
        include_str!("../../src/policy/functions.txt"),
        include_str!("../../src/policy/aggregates.txt"),
    ];
    let lines = lists.into_iter().flat_map(str::lines);
    let entries = lines
        .filter(|line| !line.starts_with('#'))
        .flat_map(str::split_whitespace);
    entries
        .map(|entry| entry.split('@').next().unwrap_or_default().to_owned())
        .collect()
}

#[tokio::test]
async fn every_function_of_the_engine_that_is_not_listed_is_refused() {
    let _turn = tables().await;
    let (known, listed) = (function_names().await, listed_functions());
    assert!(known.len() > 1500, "{}", known.len());
    // These two are made by the parser and are no functions of their own.
    let made_by_the_parser = ["exists", "lambda"];
    for name in &listed {
        assert!(
            known.contains(name) || made_by_the_parser.contains(&name.as_str()),
            "`{name}` is listed, but the engine has no such function"
        );
    }
    let by_case: HashSet<String> = listed
        .iter()
        .map(|name| name.to_ascii_lowercase())
        .collect();
    for name in known.iter().filter(|name| !listed.contains(*name)) {
        assert!(
            !by_case.contains(&name.to_ascii_lowercase()),
            "`{name}` differs from a listed function by case alone"
        );
        let answer = read("", &format!("SELECT {name}(1)")).await;
        let text = answer.text();
        assert_eq!(
            answer.header("x-clickhouse-exception-code"),
            Some("497"),
            "{name}: {text}"
        );
        assert!(text.contains("a reader may not use"), "{name}: {text}");
    }
}

#[tokio::test]
async fn no_listed_function_opens_a_file_as_a_time_zone() {
    let _turn = tables().await;
    // cctz opens what follows `file:`. Every function is tried with such a text at every place, spelled so that only the
    // place can give it away; what the engine says when it tried is "Cannot load time zone".
    let fillers = [
        "now()",
        "1",
        "'2020-01-01 00:00:00'",
        "toDateTime64('2020-01-01 00:00:00', 3)",
    ];
    let zone = "concat('fi', 'le:/nowhere/zone')";
    let statements: Vec<String> = functions_about_time()
        .into_iter()
        .flat_map(|name| {
            let mut arguments = vec![zone.to_owned()];
            for first in fillers {
                arguments.push(format!("{first}, {zone}"));
                arguments.push(format!("{first}, 1, {zone}"));
                arguments.push(format!("now(), {first}, {zone}"));
                arguments.push(format!("'day', now(), {first}, {zone}"));
            }
            let calls = arguments.into_iter();
            calls.map(move |arguments| format!("SELECT {name}({arguments})"))
        })
        .collect();
    assert!(statements.len() > 5_000, "{}", statements.len());
    // As many at once as there are places for readers.
    let tasks: Vec<_> = statements
        .chunks(statements.len().div_ceil(4))
        .map(|part| {
            let part = part.to_vec();
            tokio::spawn(async move {
                for sql in part {
                    let text = read("", &sql).await.text();
                    assert!(!text.contains("load time zone"), "{sql}: {text}");
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no zone is loaded");
    }
}

/// Listed functions of the sections in which a time zone can be an argument.
fn functions_about_time() -> Vec<&'static str> {
    let mut names = Vec::new();
    let mut is_about_time = false;
    for line in include_str!("../../src/policy/functions.txt").lines() {
        if let Some(title) = line.strip_prefix("# ") {
            let titles = ["Dates", "Windows", "Conversions", "UUIDs", "Other names"];
            is_about_time = titles.iter().any(|start| title.starts_with(start));
        } else if is_about_time {
            let entries = line.split_whitespace();
            names.extend(entries.map(|entry| entry.split('@').next().unwrap_or_default()));
        }
    }
    names
}

#[tokio::test]
async fn columns_of_system_are_named_and_exist() {
    let _turn = tables().await;
    for (sql, rows) in [
        (
            "SELECT name, engine FROM system.databases WHERE name = 'cbsift'",
            true,
        ),
        (
            "SELECT database, name, engine, total_rows FROM system.tables WHERE name = 'readable'",
            true,
        ),
        (
            "SELECT name, type FROM system.columns WHERE table = 'readable' ORDER BY position",
            true,
        ),
        (
            "SELECT name, value, readonly FROM system.settings LIMIT 10000",
            true,
        ),
        (
            "SELECT name, is_aggregate FROM system.functions WHERE name LIKE 'uniq%'",
            true,
        ),
        ("SELECT dummy FROM system.one", true),
        (
            "SELECT sum(number) FROM (SELECT number FROM system.numbers LIMIT 10)",
            true,
        ),
        (
            "SELECT t.name FROM system.tables AS t WHERE t.name = 'nothing'",
            false,
        ),
    ] {
        let answer = read("", sql).await;
        assert_eq!(answer.status, 200, "{sql}: {}", answer.text());
        assert_eq!(!answer.body.is_empty(), rows, "{sql}");
    }
}

#[tokio::test]
async fn a_reader_asks_in_all_ordinary_ways() {
    let _turn = tables().await;
    for (sql, expected) in [
        ("SELECT count() FROM readable", "1000\n"),
        (
            "select COUNT(*), sum(n) from cbsift.readable where n < 10;",
            "10\t45\n",
        ),
        (
            "WITH big AS (SELECT n FROM readable WHERE n >= 990) SELECT count() FROM big",
            "10\n",
        ),
        (
            "WITH 5 AS five SELECT count() FROM readable WHERE n < five -- a comment",
            "5\n",
        ),
        (
            "SELECT n FROM readable WHERE n IN (SELECT n FROM readable_view) ORDER BY n DESC LIMIT 1",
            "9\n",
        ),
        (
            "SELECT n IN readable_view FROM (SELECT tuple(toUInt64(1), 'made-up 1') AS n)",
            "1\n",
        ),
        (
            "SELECT a.n FROM readable AS a INNER JOIN readable_view AS b USING (n) ORDER BY n LIMIT 1",
            "0\n",
        ),
        (
            "SELECT arrayMap(x -> x + 1, codes) FROM readable WHERE n = 1",
            "[2,3]\n",
        ),
        (
            "SELECT code FROM readable ARRAY JOIN codes AS code WHERE n = 3 ORDER BY code",
            "3\n4\n",
        ),
        (
            "SELECT n, sum(n) OVER (PARTITION BY name ORDER BY n ASC) FROM readable WHERE n = 2",
            "2\t2\n",
        ),
        (
            "SELECT rank() OVER w FROM readable WHERE n < 2 WINDOW w AS (ORDER BY n DESC) ORDER BY n",
            "2\n1\n",
        ),
        (
            "SELECT quantile(0.5)(n), uniqExactIf(name, n < 5), argMax(name, n) FROM readable",
            "499.5\t5\tmade-up 999\n",
        ),
        (
            "SELECT * EXCEPT (at, codes) FROM readable WHERE n = 7",
            "7\tmade-up 7\n",
        ),
        (
            "SELECT COLUMNS('^na') FROM readable WHERE n = 7",
            "made-up 7\n",
        ),
        (
            "SELECT toStartOfHour(at, 'UTC'), dateDiff('day', at, at + INTERVAL 2 DAY) FROM readable WHERE n = 0",
            "1970-01-01 00:00:00\t2\n",
        ),
        (
            "SELECT CAST(n AS String), n::UInt8, toDateTime64(at, 0, 'UTC') FROM readable WHERE n = 1",
            "1\t1\t1970-01-01 00:00:01\n",
        ),
        (
            "SELECT if(n = 1, 'one', NULL) AS `a (b) 失败` FROM readable WHERE n = 1 GROUP BY ALL",
            "one\n",
        ),
        (
            "SELECT * FROM ((SELECT 1 AS a) UNION ALL (SELECT 2)) ORDER BY a",
            "1\n2\n",
        ),
        ("SELECT 1 INTERSECT SELECT 1", "1\n"),
        ("SELECT number FROM numbers(3)", "0\n1\n2\n"),
        (
            "SELECT 1 AS x SETTINGS max_threads = 1, join_use_nulls = 1 FORMAT CSVWithNames",
            "\"x\"\n1\n",
        ),
        (
            "SELECT name FROM readable PREWHERE n = 4 WHERE name != '' LIMIT 1 BY name",
            "made-up 4\n",
        ),
        (
            "SELECT 'FORMAT x; SELECT 1 -- ', $$it's$$, '值'",
            "FORMAT x; SELECT 1 -- \tit\\'s\t值\n",
        ),
        (
            "SELECT count() FROM readable GROUP BY GROUPING SETS ((n < 5), ()) ORDER BY 1",
            "5\n995\n1000\n",
        ),
        ("EXISTS TABLE readable", "1\n"),
        ("EXISTS readable_view", "1\n"),
    ] {
        let answer = read("", sql).await;
        assert_eq!(answer.text(), expected, "{sql}");
    }
    let described = read("", "DESCRIBE TABLE readable_view FORMAT TSV")
        .await
        .text();
    assert!(described.starts_with("n\tUInt64\t"), "{described}");
    let shown = read("", "SHOW TABLES FROM cbsift").await.text();
    assert!(
        shown.contains("readable\n") && !shown.contains("unreadable"),
        "{shown}"
    );
    assert!(read("", "SHOW DATABASES").await.text().contains("cbsift\n"));
    assert_eq!(get("SELECT max(n) FROM readable").await.text(), "999\n");
    let parameter = read(
        "param_least=998&param_name=it%27s",
        "SELECT count(), {name:String} FROM readable WHERE n >= {least:UInt64}",
    );
    assert_eq!(parameter.await.text(), "2\tit\\'s\n");
    let list = read(
        "param_list=%5B1%2C2%5D",
        "SELECT sum(n) FROM readable WHERE n IN {list:Array(UInt64)}",
    );
    assert_eq!(list.await.text(), "3\n");
}

#[tokio::test]
async fn the_rust_client_reads() {
    let _turn = tables().await;
    let client = client().with_password(READ_TOKEN);
    let rows = client
        .query("SELECT n, name FROM readable WHERE n < ? AND name != {not:String} ORDER BY n")
        .bind(3)
        .param("not", "made-up 1");
    let rows = rows.fetch_all::<(u64, String)>().await.expect("rows");
    assert_eq!(
        rows,
        [(0, "made-up 0".to_owned()), (2, "made-up 2".to_owned())]
    );
    let mut cursor = client
        .query("SELECT number FROM numbers(300000)")
        .fetch::<u64>()
        .expect("a cursor");
    let mut sum = 0;
    while let Some(number) = cursor.next().await.expect("a row") {
        sum += number;
    }
    assert_eq!(sum, 299_999 * 300_000 / 2);
    let error = client
        .query("INSERT INTO readable (n) VALUES (1)")
        .execute()
        .await;
    let error = error.expect_err("a reader").to_string();
    assert!(error.contains("Code: 164."), "{error}");
}

#[tokio::test]
async fn a_readers_query_is_bounded() {
    let _turn = tables().await;
    // Each would take all of the time, memory or rows there are.
    for (sql, codes) in [
        (
            "SELECT count() FROM numbers(1000000000000) WHERE cityHash64(number) = 1",
            ["158", "307"],
        ),
        (
            "SELECT count() FROM system.numbers WHERE cityHash64(number) = 1 SETTINGS max_execution_time = 1",
            ["159", "158"],
        ),
        (
            "SELECT groupArray(number) FROM numbers(100000000)",
            ["241", "241"],
        ),
        (
            "SELECT number FROM numbers(50000000) FORMAT Null",
            ["396", "396"],
        ),
    ] {
        let answer = read("wait_end_of_query=1", sql).await;
        let code = answer
            .header("x-clickhouse-exception-code")
            .unwrap_or_default();
        assert!(codes.contains(&code), "{sql}: {}", answer.text());
    }
    let bound = read(
        "",
        "SELECT value FROM system.settings WHERE name = 'max_execution_time'",
    )
    .await;
    assert_eq!(bound.text(), "30\n");
}

#[tokio::test]
async fn readers_take_no_place_of_writers() {
    made().await;
    let _alone = PLACES.write().await;
    // More than there are places for readers, none of which ends by itself within the test.
    let sql = "SELECT count() AS reader_places FROM system.numbers WHERE cityHash64(number) = 1";
    let busy: Vec<_> = (0..20)
        .map(|_| {
            let client = client_at(served().address()).with_password(READ_TOKEN);
            tokio::spawn(async move { client.query(sql).fetch_one::<u64>().await })
        })
        .collect();
    wait_until("readers fill their places", async || {
        running("reader_places").await == 4
    })
    .await;
    // Writers are answered meanwhile, as many at once as there are places for them.
    let writers = (0..16).map(|_| tokio::spawn(post("", b"SELECT 1")));
    for writer in writers.collect::<Vec<_>>() {
        assert_eq!(writer.await.expect("no panic").text(), "1\n");
    }
    assert_eq!(running("reader_places").await, 4);
    for task in busy {
        task.abort();
    }
    wait_until("the queries are gone", async || {
        running("reader_places").await == 0
    })
    .await;
}

/// The engine itself refuses too, should the check have a hole: what a reader's connection may do when nobody looks at the
/// statement is asked with the statements that make it one.
#[tokio::test]
async fn the_role_of_readers_holds_only_what_is_readable() {
    let _turn = tables().await;
    let as_reader = async |sql: &str| {
        static SESSIONS: AtomicUsize = AtomicUsize::new(0);
        let session = SESSIONS.fetch_add(1, Ordering::Relaxed);
        let session = format!("session_id=role-{session}");
        for statement in [
            "SET profile = 'reader'",
            "SET ROLE reader",
            "SET readonly = 2",
        ] {
            let answer = post(&session, statement.as_bytes()).await;
            assert_eq!(answer.status, 200, "{statement}: {}", answer.text());
        }
        post(&session, sql.as_bytes()).await
    };
    assert_eq!(
        as_reader("SELECT count() FROM readable").await.text(),
        "1000\n"
    );
    assert_eq!(
        as_reader("SELECT count() FROM readable_view").await.text(),
        "10\n"
    );
    for (sql, code) in [
        ("SELECT * FROM unreadable", "497"),
        ("SELECT * FROM url('http://127.0.0.1:1/', CSV)", "497"),
        ("INSERT INTO readable (n) VALUES (1)", "497"),
        ("CREATE TABLE made (n UInt8) ENGINE = Memory", "497"),
        ("CREATE TEMPORARY TABLE made (n UInt8)", "497"),
        ("SELECT 1 SETTINGS max_execution_time = 300", "452"),
        ("SELECT 1 SETTINGS max_memory_usage = 999999999999", "452"),
    ] {
        let answer = as_reader(sql).await;
        let got = answer.header("x-clickhouse-exception-code");
        assert_eq!(got, Some(code), "{sql}: {}", answer.text());
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn succeeds(command: &mut Command) {
    let output = command.output().expect("the program starts");
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}{errors}");
    assert_eq!(
        text.trim_end().lines().last(),
        Some("all fine"),
        "{text}{errors}"
    );
}

#[tokio::test]
async fn the_python_client_reads() {
    let _turn = tables().await;
    let python = repository().join(".cache/venv/bin/python");
    assert!(
        python.exists(),
        "no Python environment\nhint: run crates/embedded-clickhouse/make-venv"
    );
    let port = served().address().port().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/python_reader.py");
    tokio::task::spawn_blocking(move || {
        succeeds(Command::new(python).args([script, &port, READ_TOKEN]));
    })
    .await
    .expect("no panic");
}

#[tokio::test]
async fn the_javascript_client_reads() {
    let _turn = tables().await;
    let modules = repository().join(".cache/node-clients/node_modules");
    assert!(
        modules.exists(),
        "no JavaScript client\nhint: run crates/embedded-clickhouse/make-node-clients"
    );
    let port = served().address().port().to_string();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/node_reader.cjs");
    tokio::task::spawn_blocking(move || {
        let mut node = Command::new("node");
        succeeds(
            node.args([script, &port, READ_TOKEN])
                .env("NODE_PATH", modules),
        );
    })
    .await
    .expect("no panic");
}
