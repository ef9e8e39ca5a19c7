//! Dead letters in a cluster: kept by a pipeline, read from the store, sent back through Kafka.

use crate::harness::Cluster;
use crate::single::{PATIENCE, block_on, text};
use event::{Chunk, Format, Source, StreamId, TextEncoding};
use queue::Producer;
use queue::record::{Content, encode};
use std::time::Instant;
use store::{DeadLetter, LetterContent};

const ENDPOINT: &str = "dead-letters-pc";

/// A record whose text means something.
fn record(stream: u64, code: &str) -> Content {
    let text = format!(
        "2024-05-01 08:00:00, Info                  CBS    made up [HRESULT = {code} - CBS_E_MADE_UP]\n"
    );
    encode(Chunk {
        tenant: "default".to_owned(),
        endpoint: ENDPOINT.to_owned(),
        source: Source::Cbs,
        stream: StreamId(stream),
        path: "CBS.log".to_owned(),
        offset: 0,
        length: text.len() as u64,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: false,
        sender: "test".to_owned(),
        received_ms: 1_714_550_400_000,
        text,
    })
}

/// A letter of a good record, as a build with a fault leaves it behind: the cause is mended since.
pub fn letter(content: &Content) -> DeadLetter {
    let content = LetterContent {
        key: content.key.clone(),
        headers: content
            .headers
            .iter()
            .map(|header| (header.name.clone(), header.value.clone()))
            .collect(),
        payload: content.value.clone(),
    };
    DeadLetter {
        tenant: "default".to_owned(),
        id: content.id(),
        seen_ms: 1_714_550_400_000,
        stage: "decode".to_owned(),
        reason: "bad_header".to_owned(),
        message: "made up".to_owned(),
        endpoint: ENDPOINT.to_owned(),
        source: "cbs".to_owned(),
        path: "CBS.log".to_owned(),
        content,
        ..DeadLetter::default()
    }
}

/// A command's status and what it printed.
pub fn run(cluster: &Cluster, arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = cluster
        .command("dead-letters")
        .args(arguments)
        .output()
        .unwrap();
    (
        output.status.code(),
        text(&output.stdout),
        text(&output.stderr),
    )
}

#[test]
fn a_refused_record_is_kept_and_a_mended_one_becomes_events() {
    let cluster = Cluster::start();
    let pipeline = cluster.pipeline("pipeline");
    let config = queue::Config::check(&queue::RawConfig {
        brokers: cluster.broker.address(),
        replication_factor: 1,
        ..queue::RawConfig::default()
    })
    .unwrap();
    let mut bad = record(1, "0x800f0922");
    let format = bad
        .headers
        .iter_mut()
        .find(|header| header.name == "format");
    format.unwrap().value = Some(b"made-up".to_vec());
    let good = record(2, "0x800f0831");
    block_on(async {
        // The pipeline may not have come to the topic yet.
        queue::topics::ensure(&config).await.unwrap();
        let producer = Producer::new(&config).unwrap();
        producer.send_again(vec![bad.clone(), good]).await.unwrap();
    });
    cluster.stored(ENDPOINT, 1);
    cluster.settle(&[&pipeline]);
    // What stands beside it is stored.
    let answers = cluster.answers(ENDPOINT);
    assert_eq!(answers.codes.get("0x800f0831"), Some(&1), "{answers:?}");
    assert_eq!(answers.codes.get("0x800f0922"), None, "{answers:?}");
    let books = pipeline.metrics();
    assert_eq!(
        books["cbsift_pipeline_dead_letters_total"], 1.0,
        "{books:#?}"
    );
    assert_eq!(books["cbsift_pipeline_read_total"], 2.0, "{books:#?}");

    let (_, listed, err) = run(&cluster, &["list"]);
    assert!(listed.contains("decode/bad_header"), "{listed}{err}");
    let id = letter(&bad).id;
    let (_, shown, err) = run(&cluster, &["show", &id]);
    assert!(
        shown.contains("cbsift.chunks.v1") && shown.contains("format: made-up"),
        "{shown}{err}"
    );
    let (_, raw, _) = run(&cluster, &["show", "--raw", &id]);
    assert_eq!(Some(raw.into_bytes()), bad.value);

    // It is as bad as before, and says so instead of dying once more.
    let (status, out, err) = run(&cluster, &["retry", &id]);
    assert_eq!(
        (status, out.as_str()),
        (Some(1), "0 letters sent back, 1 left\n"),
        "{err}"
    );

    let mended = letter(&record(3, "0x80070570"));
    cluster.ask(async |store| {
        let letters = std::slice::from_ref(&mended);
        store.insert_dead_letters(letters).await.unwrap();
    });
    let (status, out, err) = run(&cluster, &["retry", &mended.id]);
    assert_eq!(
        (status, out.as_str()),
        (Some(0), "1 letter sent back, 0 left\n"),
        "{err}"
    );
    // Its record may not be read yet, and lag is only known to the last report of the broker.
    let deadline = Instant::now() + PATIENCE;
    while pipeline.metrics()["cbsift_pipeline_chunks_total"] < 2.0 {
        assert!(Instant::now() < deadline, "{:#?}", pipeline.metrics());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    cluster.settle(&[&pipeline]);
    let answers = cluster.answers(ENDPOINT);
    assert_eq!(answers.codes.get("0x80070570"), Some(&1), "{answers:?}");
    let (_, listed, _) = run(&cluster, &["list"]);
    assert!(
        listed.contains(&id) && !listed.contains(&mended.id),
        "{listed}"
    );
    let (_, listed, _) = run(&cluster, &["list", "--all"]);
    assert!(listed.contains("sent_back"), "{listed}");
}

#[test]
fn rules_are_published_and_a_plan_is_made_in_the_store_of_the_cluster() {
    let cluster = Cluster::start();
    let output = cluster.command("rules").arg("publish").output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        said.starts_with("rule set 1 is the newest one"),
        "`migrate` gave the new store the shipped rules: {said}"
    );
    let mut plan = cluster.command("reprocess");
    plan.args([
        "plan",
        "--from",
        "2024-05-01",
        "--to",
        "2024-05-02",
        "--quiet",
    ]);
    let output = plan.output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(text(&output.stdout).ends_with("nothing would change\n"));
}
