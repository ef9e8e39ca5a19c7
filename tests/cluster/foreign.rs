//! Topics in which shippers write one event a message, beside the topic of chunks.

use crate::dead_letters::{letter, run};
use crate::harness::{Cluster, Role, until};
use crate::kcat::kcat;
use crate::single::{Answers, block_on, scan, text};
use crate::truth::check_books;
use queue::record::Content;
use std::collections::BTreeMap;
use std::io::Write;
use std::process::Stdio;
use store::{DeadLetter, KafkaOrigin, LetterState};

const PC: &str = "PC-0042.made.up";

/// A made-up event of Windows Update that each shipper writes in its own way: when, its number, its code and its KB.
struct Failure {
    second: u32,
    record: u32,
    code: &'static str,
    kb: u32,
}

const PROVIDER: &str = "Microsoft-Windows-WindowsUpdateClient";

impl Failure {
    fn winlogbeat(&self) -> String {
        let Self {
            second,
            record,
            code,
            kb,
        } = self;
        format!(
            r#"{{"@timestamp":"2024-05-01T08:00:{second:02}.293Z","@metadata":{{"beat":"winlogbeat"}},"event":{{"code":"20","provider":"{PROVIDER}"}},"host":{{"name":"relay"}},"log":{{"level":"error"}},"message":"made up","winlog":{{"channel":"System","computer_name":"{PC}","event_id":"20","provider_name":"{PROVIDER}","record_id":{record},"event_data":{{"updateTitle":"Made up (KB{kb})","errorCode":"{code}"}}}}}}"#
        )
    }

    fn fluent_bit(&self) -> String {
        let Self {
            second,
            record,
            code,
            kb,
        } = self;
        format!(
            r#"{{"@timestamp":1714550405.5,"ProviderName":"{PROVIDER}","EventID":20,"Level":2,"TimeCreated":"2024-05-01 10:00:{second:02} +0200","EventRecordID":{record},"Channel":"System","Computer":"{PC}","Message":"made up","EventData":{{"updateTitle":"Made up (KB{kb})","errorCode":"{code}"}}}}"#
        )
    }

    fn vector(&self) -> String {
        let Self {
            second,
            record,
            code,
            kb,
        } = self;
        format!(
            r#"{{"channel":"System","computer":"{PC}","event_id":20,"record_id":{record},"level":"Error","level_value":2,"provider_name":"{PROVIDER}","timestamp":"2024-05-01T08:00:{second:02}.293925500Z","event_data":{{"updateTitle":"Made up (KB{kb})","errorCode":"{code}"}},"user_data":{{}},"message":"made up","host":"relay"}}"#
        )
    }

    fn collector(&self) -> String {
        let Self {
            second,
            record,
            code,
            kb,
        } = self;
        format!(
            r#"{{"channel":"System","computer":"{PC}","event_id":{{"id":20,"qualifiers":0}},"provider":{{"name":"{PROVIDER}","guid":"{{0}}"}},"record_id":{record},"system_time":"2024-05-01T08:00:{second:02}.2939255Z","level":"Error","message":"made up","event_data":{{"updateTitle":"Made up (KB{kb})","errorCode":"{code}"}}}}"#
        )
    }

    fn nxlog(&self) -> String {
        let Self {
            second,
            record,
            code,
            kb,
        } = self;
        format!(
            r#"{{"EventTime":"2024-05-01T08:00:{second:02}.293Z","Hostname":"{PC}","EventType":"ERROR","EventID":20,"SourceName":"{PROVIDER}","RecordNumber":{record},"Channel":"System","Message":"made up","updateTitle":"Made up (KB{kb})","errorCode":"{code}","SourceModuleName":"in"}}"#
        )
    }
}

fn failure(number: u32, code: &'static str) -> Failure {
    Failure {
        second: number,
        record: 500 + number,
        code,
        kb: 5_000_000 + number,
    }
}

/// One event of each shape, in the order of time, each another one.
fn messages() -> Vec<String> {
    vec![
        failure(1, "0x80070570").winlogbeat(),
        failure(2, "0x800f0922").fluent_bit(),
        failure(3, "0x80070002").vector(),
        failure(4, "0x800f0831").collector(),
        failure(5, "0x80073712").nxlog(),
        // From another channel, as Winlogbeat writes user data.
        format!(
            r#"{{"@timestamp":"2024-05-01T08:00:06.293Z","log":{{"level":"information"}},"winlog":{{"channel":"Setup","computer_name":"{PC}","event_id":"3","provider_name":"Microsoft-Windows-Servicing","record_id":12,"user_data":{{"xml_name":"CbsPackageChangeState","PackageIdentifier":"KB5000006","IntendedPackageState":"5112","IntendedPackageStateTextized":"Installed","ErrorCode":"0x800f0984","Client":"UpdateAgentLCU"}}}}}}"#
        ),
    ]
}

const NO_EVENT: &str = r#"{"message":"made up: no event of an event log","level":"info"}"#;

/// Writes lines as messages with a client that is not ours.
fn produce(cluster: &Cluster, topic: &str, messages: &[String]) {
    let mut kcat = kcat()
        .args(["-P", "-b", &cluster.broker.address(), "-t", topic])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = messages.join("\n") + "\n";
    let mut input = kcat.stdin.take().unwrap();
    input.write_all(lines.as_bytes()).unwrap();
    drop(input);
    let output = kcat.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
}

/// What a shipper's people do.
fn make(cluster: &Cluster, topic: &str) {
    let config = queue::Config {
        chunks_topic: topic.to_owned(),
        partitions: 3,
        ..cluster.queue()
    };
    block_on(queue::topics::ensure(&config)).unwrap();
}

/// A cluster whose roles know the shippers' topics, of which only the first one is there.
fn cluster() -> Cluster {
    let mut cluster = Cluster::start();
    cluster.set("QUEUE__FOREIGN_TOPICS", "winlogbeat, others");
    make(&cluster, "winlogbeat");
    cluster
}

fn pipeline(cluster: &Cluster, arguments: &[&str]) -> Role {
    let mut command = cluster.command("pipeline");
    command.args(arguments);
    Role::start("pipeline", command, &["health"])
}

/// Waits until a pipeline has read so many records and is done with them.
fn read(cluster: &Cluster, pipeline: &Role, records: f64) {
    until("every record is read", || {
        (pipeline.metric("cbsift_pipeline_read_total") >= records).then_some(())
    });
    cluster.settle(&[pipeline]);
    let count = pipeline.metric("cbsift_pipeline_read_total");
    assert_eq!(count, records, "each once");
    check_books(pipeline);
}

/// What is to be equal whichever copy of an event counts: all but the places of the evidence, which stand last.
fn told(answers: &Answers) -> (BTreeMap<String, u64>, Vec<String>, Vec<String>) {
    let told = |lines: &[String]| {
        let without = |line: &String| line.rsplit_once(" | ").unwrap().0.to_owned();
        lines.iter().map(without).collect()
    };
    (
        answers.codes.clone(),
        told(&answers.attempts),
        told(&answers.findings),
    )
}

/// Distinct events; the last one of a file that may go on has a row of its own.
fn events(cluster: &Cluster) -> String {
    let question = format!("SELECT uniqExact(id) FROM current_events WHERE endpoint = '{PC}'");
    cluster.sql(&question).trim().to_owned()
}

/// What people see as the logs of the machine, none of them with a gap.
fn logs(cluster: &Cluster) -> Vec<String> {
    let detail = cluster.ask(async |store| store.endpoint("default", PC).await.unwrap());
    let streams = detail.expect("it is known").streams;
    assert!(streams.iter().all(|log| log.gaps.is_empty()), "{streams:?}");
    // Pages have the newest first; here it matters which there are.
    let mut paths: Vec<String> = streams.into_iter().map(|log| log.path).collect();
    paths.sort();
    paths
}

fn letter_of(cluster: &Cluster, id: &str) -> store::StoredLetter {
    let letter = cluster.ask(async |store| store.dead_letter("default", id).await.unwrap());
    letter.expect("it is there")
}

#[test]
fn events_of_shippers_count_once_however_they_come_and_what_is_none_is_kept() {
    let cluster = cluster();
    // The pipeline does not wait for the other topic.
    let mut first = pipeline(&cluster, &[]);
    let messages = messages();
    let (winlogbeat, others): (Vec<_>, Vec<_>) = messages
        .iter()
        .cloned()
        .partition(|message| message.contains("winlog\""));
    // Shippers send again what they are not sure of.
    produce(&cluster, "winlogbeat", &winlogbeat);
    produce(&cluster, "winlogbeat", &winlogbeat);
    make(&cluster, "others");
    let mut with_another = others.clone();
    with_another.insert(1, NO_EVENT.to_owned());
    produce(&cluster, "others", &with_another);
    let sent = (2 * winlogbeat.len() + with_another.len()) as f64;
    read(&cluster, &first, sent);

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.jsonl");
    std::fs::write(&file, messages.join("\n") + "\n").unwrap();
    let expected = Answers::of_scan(&scan(&[&file], PC));
    assert_eq!(expected.codes.len(), messages.len(), "{expected:?}");
    assert!(!expected.findings.is_empty(), "{expected:?}");
    let answers = cluster.answers(PC);
    assert_eq!(told(&answers), told(&expected));
    assert_eq!(events(&cluster), messages.len().to_string());
    let bytes: usize = messages.iter().map(String::len).sum();
    assert_eq!(answers.covered_bytes, bytes as u64, "no byte twice");
    assert_eq!(
        logs(&cluster),
        [
            "kafka:others/System",
            "kafka:winlogbeat/Setup",
            "kafka:winlogbeat/System"
        ]
    );

    // What is no event is kept as it came, and says where it lay.
    let none = Content {
        value: Some(NO_EVENT.as_bytes().to_vec()),
        ..Content::default()
    };
    let id = letter(&none).id;
    let (_, listed, err) = run(&cluster, &["list"]);
    assert!(
        listed.lines().count() == 1
            && listed.contains(&id)
            && listed.contains("decode/not_an_event")
            && listed.contains("others "),
        "{listed}{err}"
    );
    let (_, shown, _) = run(&cluster, &["show", &id]);
    assert!(shown.contains("others "), "{shown}");
    let (_, raw, _) = run(&cluster, &["show", "--raw", &id]);
    assert_eq!(raw, NO_EVENT);

    // All topics are read again, and nothing changes.
    first.stop();
    let again = pipeline(&cluster, &["--rewind"]);
    read(&cluster, &again, sent);
    assert_eq!(cluster.answers(PC), answers);
    let kept = letter_of(&cluster, &id);
    assert_eq!((kept.deaths, kept.state), (1, LetterState::Open));

    // The same events in a file of our own sender.
    let intake = cluster.ingest("ingest");
    cluster.send(&[&intake], PC, &[file], &[]);
    cluster.stored(PC, answers.covered_bytes + expected.covered_bytes);
    cluster.settle(&[&again]);
    assert_eq!(told(&cluster.answers(PC)), told(&answers));
    assert_eq!(events(&cluster), messages.len().to_string());
}

#[test]
fn a_letter_of_a_foreign_topic_goes_back_to_it() {
    let cluster = cluster();
    make(&cluster, "others");
    let pipeline = pipeline(&cluster, &[]);
    produce(&cluster, "others", &[NO_EVENT.to_owned()]);
    read(&cluster, &pipeline, 1.0);
    let (_, listed, _) = run(&cluster, &["list"]);
    let id = listed.split_whitespace().next().unwrap().to_owned();

    // It is as bad as before, and says so instead of dying once more.
    let (status, out, err) = run(&cluster, &["retry", &id]);
    assert_eq!(
        (status, out.as_str()),
        (Some(1), "0 letters sent back, 1 left\n"),
        "{err}"
    );
    assert_eq!(letter_of(&cluster, &id).state, LetterState::Open);

    // A shape that the build before did not know.
    let message = failure(7, "0x80070570").vector();
    let mended = DeadLetter {
        reason: "not_an_event".to_owned(),
        origin: Some(KafkaOrigin {
            topic: "others".to_owned(),
            partition: 2,
            offset: 4_711,
            timestamp_ms: 1_714_550_407_000,
        }),
        ..letter(&Content {
            value: Some(message.clone().into_bytes()),
            ..Content::default()
        })
    };
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
    read(&cluster, &pipeline, 2.0);
    let answers = cluster.answers(PC);
    assert_eq!(answers.codes.get("0x80070570"), Some(&1), "{answers:?}");
    assert_eq!(answers.covered_bytes, message.len() as u64);
    let path = format!("SELECT path FROM chunks FINAL WHERE endpoint = '{PC}'");
    assert_eq!(cluster.sql(&path).trim(), "kafka:others/System");
    assert_eq!(letter_of(&cluster, &mended.id).state, LetterState::SentBack);
    assert_eq!(letter_of(&cluster, &id).state, LetterState::Open);
}
