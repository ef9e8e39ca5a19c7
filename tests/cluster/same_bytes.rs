//! The same chunks and the same rules make the same bytes for ClickHouse (I7), in another process, with another number of threads,
//! language and time zone, and in whatever order they arrive.
//!
//! Two pipelines read the same chunks, the second one from a topic that holds them in reverse, each into a store that was empty.
//! What they sent is compared row by row, because which chunks share a batch is chance:
//!
//! - `events`, `day_inputs`, `open_noise`, `chunks`, `coverage`: every column of every row.
//! - `noise`: one row of a batch names all of its members, so a row counts here as one row for each member.
//! - `news`: which units, without `id`, which names a batch, and without the days and links, which are those of its chunks together.
//! - `attempts`, `findings`, `derivations`, `day_parts`: of each endpoint's month or day what has the greatest version, which is what stays;
//!   what was there before was derived from what had arrived by then. Without `version`, which says how much was known when it was derived,
//!   and `set`, whose name holds the version that first stored it; `content` is a hash of what the set says.
//! - `endpoints`: as the table folds it, for the same reason.
//! - `housekeeping`: not at all; it is the one table that holds a day of the clock, which reaches no answer.

use crate::fixtures::{files, one_of_each, write_endpoint};
use crate::harness::{Cluster, Role};
use crate::recorder::{Insert, Recorder, Row};
use crate::single::{PATIENCE, block_on};
use queue::record::{Content, Header};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::message::{Headers as _, Message as _};
use rdkafka::{Offset, TopicPartitionList};
use simulate::Fleet;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Tables that a pipeline fills from these logs; a table that nobody fills would be compared for nothing.
const FILLED: [&str; 10] = [
    "attempts",
    "chunks",
    "coverage",
    "day_parts",
    "derivations",
    "events",
    "findings",
    "day_inputs",
    "news",
    "noise",
];

/// Smaller than a file, so that there are many chunks for chance to order.
const CHUNK: [&str; 2] = ["--chunk-kib", "16"];

#[test]
fn the_same_chunks_make_the_same_bytes_in_any_process() {
    let mut cluster = Cluster::start();
    let intake = cluster.ingest("ingest");
    let folder = tempfile::tempdir().unwrap();
    let mut sent = BTreeMap::new();
    for plan in one_of_each(&Fleet::new(11, 200)) {
        let logs = folder.path().join(&plan.id);
        std::fs::create_dir(&logs).unwrap();
        write_endpoint(&plan, &logs);
        let files = files(&logs);
        cluster.send(&[&intake], &plan.id, &files, &CHUNK);
        let sizes = files.iter().map(|file| file.metadata().unwrap().len());
        sent.insert(plan.id.clone(), sizes.sum());
    }
    let topic = "cbsift.reversed";
    reverse(&cluster, topic);
    cluster.back_up();

    let one = run(
        &cluster,
        &sent,
        &[
            ("TOKIO_WORKER_THREADS", "1"),
            ("LC_ALL", "C"),
            ("TZ", "UTC"),
        ],
    );
    cluster.restore();
    let other = run(
        &cluster,
        &sent,
        &[
            ("TOKIO_WORKER_THREADS", "7"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("LANG", "tr_TR.UTF-8"),
            ("TZ", "Asia/Kathmandu"),
            ("CBSIFT__QUEUE__CHUNKS_TOPIC", topic),
            ("CBSIFT__QUEUE__GROUP", "cbsift.reversed"),
        ],
    );
    for table in FILLED {
        assert!(
            one.rows.get(table).is_some_and(|rows| rows.len() > 1),
            "nothing was sent to {table}"
        );
    }
    let tables: BTreeSet<&String> = one.rows.keys().chain(other.rows.keys()).collect();
    for table in tables {
        let of = |run: &Run| run.rows.get(table).cloned().unwrap_or_default();
        let (one, other) = (of(&one), of(&other));
        let difference: Vec<String> = one.symmetric_difference(&other).map(shown).collect();
        assert!(
            difference.is_empty(),
            "{table}: {} and {} rows, {} of them not in both, such as\n{}",
            one.len(),
            other.len(),
            difference.len(),
            difference[..difference.len().min(4)].join("\n")
        );
    }
    assert_eq!(one.endpoints, other.endpoints);
}

/// What one pipeline sent.
struct Run {
    rows: BTreeMap<String, BTreeSet<Row>>,
    /// The folded table.
    endpoints: String,
}

/// Has one pipeline read everything, and end.
fn run(cluster: &Cluster, sent: &BTreeMap<String, u64>, environment: &[(&str, &str)]) -> Run {
    let recorder = Recorder::start(cluster.engine.address("engine"));
    let mut command = cluster.command("pipeline");
    command.env("CBSIFT__STORE__URL", recorder.url());
    command.envs(environment.iter().copied());
    let mut pipeline = Role::start("pipeline", command, &["health"]);
    for (endpoint, bytes) in sent {
        cluster.stored(endpoint, *bytes);
    }
    cluster.settle(&[&pipeline]);
    pipeline.stop();
    let endpoints = cluster.sql("SELECT * FROM endpoints FINAL ORDER BY tenant, endpoint");
    let mut rows: BTreeMap<String, BTreeSet<Row>> = BTreeMap::new();
    for insert in recorder.inserts() {
        in_order(&insert);
        let comparable = comparable(&insert);
        rows.entry(insert.table).or_default().extend(comparable);
    }
    rows.remove("endpoints");
    rows.remove("housekeeping");
    let of_month = ["tenant", "endpoint", "month"].as_slice();
    for (table, unit) in [
        ("attempts", of_month),
        ("findings", of_month),
        ("derivations", of_month),
        ("day_parts", &["tenant", "endpoint", "day"]),
    ] {
        if let Some(rows) = rows.get_mut(table) {
            keep_newest(rows, unit);
        }
    }
    Run { rows, endpoints }
}

/// The chunks of a body stand in an order of their own, not in that of their arrival.
fn in_order(insert: &Insert) {
    if insert.table != "chunks" {
        return;
    }
    let key = |row: &Row| {
        let number =
            |name| u64::from_le_bytes(row.of(name).try_into().expect("a UInt64 has 8 bytes"));
        (
            row.of("tenant").to_vec(),
            // A text begins with its length.
            row.of("endpoint")[1..].to_vec(),
            number("stream"),
            number("offset"),
        )
    };
    assert!(insert.rows.iter().map(key).is_sorted());
}

/// The rows of a body as they are compared.
fn comparable(insert: &Insert) -> Vec<Row> {
    let rows = insert.rows.iter().cloned();
    match insert.table.as_str() {
        "news" => rows
            .map(|row| row.without("id").without("days").without("links"))
            .collect(),
        "noise" => rows.flat_map(|row| members(&row)).collect(),
        _ => rows.collect(),
    }
}

/// A row of `noise` for each of its members: their number, in fewer than eight bytes, and then eight bytes for each.
fn members(row: &Row) -> Vec<Row> {
    let ids = row.of("ids");
    let (_, ids) = ids.split_at(ids.len() % 8);
    let one = |id: &[u8]| row.without("ids").with("member", id);
    ids.chunks(8).map(one).collect()
}

/// Of every unit the rows with the greatest version, without that and the set's name.
fn keep_newest(rows: &mut BTreeSet<Row>, unit: &[&str]) {
    let unit = |row: &Row| -> Vec<Vec<u8>> {
        let values = unit.iter().map(|name| row.of(name).to_vec());
        values.collect()
    };
    let version = |row: &Row| {
        let bytes = row.of("version").try_into();
        u128::from_le_bytes(bytes.expect("a UInt128 has 16 bytes"))
    };
    let mut newest = BTreeMap::new();
    for row in rows.iter() {
        let found = newest.entry(unit(row)).or_default();
        *found = version(row).max(*found);
    }
    *rows = rows
        .iter()
        .filter(|row| newest[&unit(row)] == version(row))
        .map(|row| {
            let mut row = row.without("version");
            row.0.remove("set");
            row
        })
        .collect();
}

fn shown(row: &Row) -> String {
    // As much of a text as tells it from others.
    let value = |value: &[u8]| value[..value.len().min(80)].escape_ascii().to_string();
    let columns = row.0.iter();
    let columns = columns.map(|(name, bytes)| format!("{name}={}", value(bytes)));
    columns.collect::<Vec<_>>().join(" ")
}

/// Writes every record of the chunks' topic to another topic, the last one first.
fn reverse(cluster: &Cluster, topic: &str) {
    let config = cluster.queue();
    let client: BaseConsumer = rdkafka::ClientConfig::new()
        .set("bootstrap.servers", &config.brokers)
        .set("group.id", "reverse")
        .create()
        .unwrap();
    let ends = cluster.ends();
    let mut all = TopicPartitionList::new();
    for partition in ends.keys() {
        all.add_partition_offset(&config.chunks_topic, *partition, Offset::Beginning)
            .unwrap();
    }
    client.assign(&all).unwrap();
    let count: i64 = ends.values().sum();
    let (mut records, deadline) = (Vec::new(), Instant::now() + PATIENCE);
    while (records.len() as i64) < count {
        assert!(Instant::now() < deadline, "{} of {count}", records.len());
        let Some(message) = client.poll(Duration::from_millis(100)) else {
            continue;
        };
        let message = message.unwrap();
        let headers = message.headers().into_iter().flat_map(|all| all.iter());
        records.push(Content {
            key: message.key().map(<[u8]>::to_vec),
            headers: headers
                .map(|header| Header {
                    name: header.key.to_owned(),
                    value: header.value.map(<[u8]>::to_vec),
                })
                .collect(),
            value: message.payload().map(<[u8]>::to_vec),
        });
    }
    assert!(records.len() > 20, "there is something to reverse");
    records.reverse();
    let reversed = queue::Config {
        chunks_topic: topic.to_owned(),
        ..config
    };
    block_on(queue::topics::ensure(&reversed)).unwrap();
    let producer = queue::Producer::new(&reversed).unwrap();
    block_on(producer.send_again(records)).unwrap();
}
