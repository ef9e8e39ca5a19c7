//! What is asked of a server with replicas, as a made-up one hears it: every insert waits for a quorum, one shard and no more.
//!
//! It shows what is said and not what a server does with it: replicated tables take no rows on the embedded engine.

use crate::harness::TENANT;
use axum::{Router, body::Bytes, extract::State, http::Uri};
use event::{Day, Month, Unit, UnitNews};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use store::{
    Batch, DayRow, DerivationVersion, Import, OpenNews, Profile, Store, StoreConfig, TopicGap, ddl,
    testing,
};

const QUORUM: [(&str, &str); 3] = [
    ("insert_quorum", "auto"),
    ("insert_quorum_parallel", "0"),
    ("insert_quorum_timeout", "30000"),
];

const SEQUENTIAL: (&str, &str) = ("select_sequential_consistency", "1");

/// A statement and what its address says beside it.
#[derive(Clone, Debug)]
struct Heard {
    statement: String,
    settings: BTreeMap<String, String>,
}

impl Heard {
    fn has(&self, (name, value): (&str, &str)) -> bool {
        self.settings.get(name).is_some_and(|found| found == value)
    }
}

#[derive(Clone, Default)]
struct Server {
    shards: u64,
    hosts: u64,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// Inserts under way, by table.
    under_way: Arc<Mutex<BTreeMap<String, u32>>>,
    /// Tables into which two inserts were under way at once: a server with a serial quorum refuses the second one.
    refusing: Arc<Mutex<BTreeSet<String>>>,
}

impl Server {
    /// Takes its time for an insert, so that one that does not wait for it comes meanwhile.
    async fn insert(&self, table: String) {
        {
            let mut under_way = self.under_way.lock().unwrap();
            let of_table = under_way.entry(table.clone()).or_default();
            *of_table += 1;
            if *of_table > 1 {
                self.refusing.lock().unwrap().insert(table.clone());
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        if let Some(of_table) = self.under_way.lock().unwrap().get_mut(&table) {
            *of_table -= 1;
        }
    }
}

/// The table that a statement inserts into.
fn inserted(statement: &str) -> Option<String> {
    let is_insert = statement
        .trim_start()
        .to_ascii_uppercase()
        .starts_with("INSERT");
    let mut words = statement
        .split(['`', '(', ' '])
        .filter(|word| !word.is_empty());
    words.nth(2).filter(|_| is_insert).map(str::to_owned)
}

/// Rows as the client reads them: names and types, then values.
fn rows(columns: &[(&str, &str)], values: &[u8]) -> Vec<u8> {
    let mut out = vec![columns.len() as u8];
    for text in columns
        .iter()
        .map(|column| column.0)
        .chain(columns.iter().map(|column| column.1))
    {
        string(&mut out, text);
    }
    out.extend_from_slice(values);
    out
}

fn string(out: &mut Vec<u8>, text: &str) {
    let mut length = text.len();
    while length > 127 {
        out.push((length & 127) as u8 | 128);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(text.as_bytes());
}

/// Columns of a table as our definitions make it: name, type, whether it has a default.
fn columns(table: &str) -> Vec<(String, String, bool)> {
    let text = ddl(&Profile::Server {
        cluster: "c".to_owned(),
    });
    let statements = text.split(";\n").map(|statement| {
        let lines = statement
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"));
        lines.collect::<Vec<_>>().join("\n")
    });
    let mut found = Vec::new();
    for statement in statements {
        let statement = statement.trim();
        if statement.starts_with(&format!("CREATE TABLE IF NOT EXISTS {table} ")) {
            let (_, inside) = statement.split_once("\n(\n").unwrap();
            let (inside, _) = inside.split_once("\n)\n").unwrap();
            found.extend(inside.lines().map(column));
        } else if statement.starts_with(&format!("ALTER TABLE {table} ")) {
            let added = statement
                .lines()
                .filter_map(|line| line.trim().strip_prefix("ADD COLUMN IF NOT EXISTS "));
            found.extend(added.map(column));
        }
    }
    assert!(!found.is_empty(), "{table}");
    found
}

fn column(line: &str) -> (String, String, bool) {
    let line = line.trim();
    let (name, rest) = line.split_once(' ').unwrap();
    let rest = rest.trim_start();
    let mut depth = 0;
    let end = rest.find(|c| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        depth == 0 && (c == ' ' || c == ',')
    });
    let kind = &rest[..end.unwrap_or(rest.len())];
    (
        name.trim_matches('`').to_owned(),
        kind.to_owned(),
        rest.contains(" DEFAULT "),
    )
}

async fn answer(State(server): State<Server>, uri: Uri, body: Bytes) -> Vec<u8> {
    let mut settings: BTreeMap<String, String> = uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| {
            (
                name.to_owned(),
                value
                    .replace('+', " ")
                    .replace("%60", "`")
                    .replace("%28", "(")
                    .replace("%2C", ",")
                    .replace("%29", ")"),
            )
        })
        .collect();
    let statement = settings
        .remove("query")
        .unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
    let said = if let Some((_, table)) = statement.split_once("DESCRIBE TABLE ") {
        let table = table.trim_matches(['`', '\r', '\n', ' ']);
        let mut values = Vec::new();
        for (name, kind, has_default) in columns(table) {
            let default = if has_default { "DEFAULT" } else { "" };
            for text in [name.as_str(), &kind, default, "", "", "", ""] {
                string(&mut values, text);
            }
        }
        let names = [
            "name",
            "type",
            "default_type",
            "default_expression",
            "comment",
            "codec_expression",
            "ttl_expression",
        ];
        rows(&names.map(|name| (name, "String")), &values)
    } else if statement.contains("FROM system.settings") {
        rows(&[("count()", "UInt64")], &1u64.to_le_bytes())
    } else if statement.contains("FROM system.clusters") {
        let both = [server.shards.to_le_bytes(), server.hosts.to_le_bytes()].concat();
        rows(&[("shards", "UInt64"), ("hosts", "UInt64")], &both)
    } else if statement.contains("_partition_id") {
        // An empty store: no month of its has rows to count.
        rows(&[("month", "UInt32")], &[])
    } else if statement.contains("FROM migrations") {
        rows(
            &[
                ("number", "UInt32"),
                ("name", "String"),
                ("digest", "UInt64"),
            ],
            &[],
        )
    } else {
        Vec::new()
    };
    if let Some(table) = inserted(&statement) {
        server.insert(table).await;
    }
    let is_packed = settings
        .get("compress")
        .is_some_and(|compress| compress == "1");
    server.heard.lock().unwrap().push(Heard {
        statement,
        settings,
    });
    if is_packed && !said.is_empty() {
        clickhouse::_priv::lz4_compress(&said).unwrap().to_vec()
    } else {
        said
    }
}

async fn connect(server: &Server, profile: Profile) -> Store {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(answer).with_state(server.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    let config = StoreConfig {
        profile,
        ..StoreConfig::embedded(url, "made-up")
    };
    Store::connect(config)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

fn replicated() -> Profile {
    Profile::Server {
        cluster: "banks".to_owned(),
    }
}

/// Everything that writes rows, but what first asks for rows that a made-up server does not have.
async fn write(store: &Store) {
    let text = "2024-01-01 08:00:00 0x80070002 failed\n2024-01-01 08:00:01 noise 0x80070005\n2024-01-01 08:00:02 open\n";
    let pieces = vec![
        testing::rows("PC", 0, text, false),
        testing::rows("PC", 500, text, true),
    ];
    let unit = Unit {
        tenant: TENANT.to_owned(),
        endpoint: "PC".to_owned(),
        month: Month::from_yyyymm(202_401),
    };
    let written = async {
        store.insert_batch(&Batch::new(1, 2, pieces)).await?;
        store
            .close_news(&[OpenNews {
                unit: unit.clone(),
                ids: vec![2],
                news: UnitNews::of_all_days(),
            }])
            .await?;
        let days = [DayRow {
            unit,
            day: Day::new(19_723),
            version: DerivationVersion::default(),
            waits: vec![1],
            body: b"made up".to_vec(),
        }];
        store.insert_days(&days).await?;
        store
            .record_import(&Import {
                tenant: TENANT.to_owned(),
                endpoint: "PC".to_owned(),
                digest: "00".to_owned(),
                source: event::Source::Cbs,
                stream: event::StreamId(7),
                path: "CBS.log".to_owned(),
                bytes: 1,
            })
            .await?;
        let gap = TopicGap {
            topic: "t".to_owned(),
            partition: 0,
            from: 0,
            to: 1,
            last_before_ms: None,
            first_after_ms: None,
        };
        store.insert_topic_gap(&gap).await?;
        store.set_housekeeping_day(20_000).await
    };
    written.await.unwrap_or_else(|error| panic!("{error}"));
}

#[tokio::test]
async fn every_insert_into_replicas_waits_for_a_quorum_and_none_into_an_engine_of_its_own() {
    let server = Server {
        shards: 1,
        hosts: 3,
        ..Server::default()
    };
    let store = connect(&server, replicated()).await;
    store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    write(&store).await;
    let heard = server.heard.lock().unwrap().clone();
    let mut tables = BTreeSet::new();
    for heard in &heard {
        let table = inserted(&heard.statement);
        let is_insert = table.is_some();
        tables.extend(table);
        for setting in QUORUM {
            assert_eq!(
                heard.has(setting),
                is_insert || heard.statement.contains("DESCRIBE"),
                "{heard:?}"
            );
        }
        // Only what copies rows must see all of them.
        let copies = heard.statement.contains("FROM backfills")
            || (is_insert && heard.statement.contains("SELECT"));
        assert_eq!(heard.has(SEQUENTIAL), copies, "{heard:?}");
    }
    for table in [
        "migrations",
        "events",
        "noise",
        "news",
        "day_inputs",
        "day_parts",
        "chunks",
        "coverage",
        "imports",
        "topic_gaps",
        "housekeeping",
    ] {
        assert!(tables.contains(table), "{table} in {tables:?}");
    }

    let alone = Server {
        shards: 1,
        hosts: 1,
        ..Server::default()
    };
    let store = connect(&alone, Profile::Embedded).await;
    write(&store.sequential()).await;
    for heard in alone.heard.lock().unwrap().iter() {
        let names = QUORUM.iter().chain([&SEQUENTIAL]).map(|setting| setting.0);
        for name in names {
            assert!(!heard.settings.contains_key(name), "{heard:?}");
        }
    }
}

/// Refused, all would be tried again at once, and so for ever.
#[tokio::test]
async fn inserts_into_one_table_of_replicas_wait_for_each_other() {
    let server = Server {
        shards: 1,
        hosts: 3,
        ..Server::default()
    };
    let store = connect(&server, replicated()).await;
    let text = "2024-01-01 08:00:00 0x80070002 failed\n2024-02-01 08:00:00 0x80070002 failed\n";
    let batch = |news| Batch::new(1, news, vec![testing::rows("PC", 0, text, false)]);
    let (one, other) = (batch(1), batch(2));
    tokio::try_join!(store.insert_batch(&one), store.insert_batch(&other))
        .unwrap_or_else(|error| panic!("{error}"));
    let heard = server.heard.lock().unwrap();
    let of_events = heard
        .iter()
        .filter(|heard| inserted(&heard.statement).as_deref() == Some("events"));
    assert_eq!(of_events.count(), 4);
    assert_eq!(*server.refusing.lock().unwrap(), BTreeSet::new());
}

#[tokio::test]
async fn who_closes_news_reads_all_that_was_acknowledged() {
    let server = Server {
        shards: 1,
        hosts: 3,
        ..Server::default()
    };
    let store = connect(&server, replicated()).await.sequential();
    server.heard.lock().unwrap().clear();
    // The answer is empty, which is an error here; what was asked is what matters.
    let _ = store.pending_units().await;
    let _ = store
        .unit_rows(
            TENANT,
            "PC",
            Month::from_yyyymm(202_401),
            Month::from_yyyymm(202_401),
        )
        .await;
    let heard = server.heard.lock().unwrap().clone();
    assert!(
        heard.len() >= 2 && heard.iter().all(|heard| heard.has(SEQUENTIAL)),
        "{heard:?}"
    );
}

#[tokio::test]
async fn more_than_one_shard_is_refused_before_anything_is_made() {
    for (shards, hosts, said) in [(2, 4, "2 shards"), (0, 0, "knows no cluster `banks`")] {
        let server = Server {
            shards,
            hosts,
            ..Server::default()
        };
        let store = connect(&server, replicated()).await;
        for refused in [store.migrate().await.map(drop), store.check_schema().await] {
            let error = refused.unwrap_err();
            assert!(
                error.to_string().contains(said) && error.to_string().contains("hint:"),
                "{error}"
            );
            assert_eq!(error.class(), store::ErrorClass::Config);
        }
        for heard in server.heard.lock().unwrap().iter() {
            assert!(!heard.statement.contains("CREATE"), "{heard:?}");
        }
    }
    // An engine of its own has no cluster to ask about.
    let server = Server::default();
    let store = connect(&server, Profile::Embedded).await;
    store
        .migrate()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}
