//! Which topics are read as messages, and how what lies in them comes back.

use super::*;
use event::Source;
use queue::record::Header;
use store::{KafkaOrigin, LetterContent};

/// A made-up message of Winlogbeat.
const MESSAGE: &str = r#"{"@timestamp":"2024-05-01T08:00:05.293Z","@metadata":{"beat":"winlogbeat","version":"8.0.0"},"event":{"code":"20","provider":"Microsoft-Windows-WindowsUpdateClient","kind":"event"},"host":{"name":"relay.made.up"},"log":{"level":"error"},"message":"made up","winlog":{"channel":"System","computer_name":"PC-1.made.up","event_id":"20","provider_name":"Microsoft-Windows-WindowsUpdateClient","record_id":518,"event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}}"#;

fn topics() -> ForeignTopics {
    ForeignTopics::new(&Config {
        foreign_topics: vec!["winlogbeat".to_owned(), "vector".to_owned()],
        ..Config::default()
    })
}

fn content(value: &str) -> Content {
    Content {
        key: None,
        headers: Vec::new(),
        value: Some(value.as_bytes().to_vec()),
    }
}

fn read(value: &str) -> Result<Chunk, DecodeError> {
    let read = topics().decode("winlogbeat", Some(1_714_550_406_000), content(value));
    read.map_err(|(error, came)| {
        assert_eq!(came, content(value), "as it was");
        error
    })
}

/// The message with another computer.
fn of(computer: &str) -> String {
    MESSAGE.replace("PC-1.made.up", computer)
}

#[test]
fn a_message_says_whose_it_is_and_when_it_came() {
    let chunk = read(&of("PC-1")).unwrap();
    assert_eq!(
        (chunk.tenant.as_str(), chunk.endpoint.as_str()),
        ("default", "PC-1")
    );
    assert_eq!(chunk.source, Source::EventLog);
    assert_eq!(chunk.path, "kafka:winlogbeat/System");
    assert_eq!(chunk.sender, "kafka:winlogbeat");
    assert_eq!(chunk.received_ms, 1_714_550_406_000);
    let undated = topics().decode("vector", None, content(&of("PC-1")));
    assert_eq!(undated.unwrap().received_ms, 0);
    let short = ForeignTopics {
        short_names: true,
        ..topics()
    };
    let chunk = short.decode("winlogbeat", None, content(MESSAGE)).unwrap();
    assert_eq!(chunk.endpoint, "PC-1");
}

#[test]
fn what_is_no_message_says_so_and_is_left_as_it_was() {
    for (value, code) in [
        ("made up", "not_an_event"),
        (of("").replace("relay.made.up", "").as_str(), "no_endpoint"),
    ] {
        assert_eq!(read(value).map_err(|error| error.code()), Err(code));
    }
    let none = topics().decode("vector", None, Content::default());
    assert_eq!(none.map_err(|(error, _)| error.code()), Err("no_value"));
    let bytes = Content {
        value: Some(vec![b'{', 0xFF]),
        ..Content::default()
    };
    let (error, came) = topics()
        .decode("vector", None, bytes.clone())
        .expect_err("no text");
    assert_eq!(error, DecodeError::NotUtf8 { valid: 1 });
    assert_eq!(came, bytes);
}

#[test]
fn a_topic_of_ours_is_read_as_ever_whatever_lies_in_it() {
    let chunk = read(&of("PC-1")).unwrap();
    let record = record::encode(chunk.clone());
    let ours = |content| topics().decode("cbsift.chunks.v1", None, content);
    assert_eq!(ours(record.clone()), Ok(chunk));
    let error = ours(content(&of("PC-1"))).unwrap_err().0;
    assert_eq!(error.code(), "missing_header");
    // And ours in a shipper's topic is read by its text alone: its headers are not trusted.
    let mut forged = record;
    forged.headers.push(Header {
        name: "endpoint".to_owned(),
        value: Some(b"PC-9".to_vec()),
    });
    let read = topics().decode("vector", None, forged).unwrap();
    assert_eq!(read.endpoint, "PC-1");
}

#[test]
fn a_letter_is_read_as_the_topic_it_came_from_is() {
    let letter = |topic: &str, value: &str| DeadLetter {
        origin: Some(KafkaOrigin {
            topic: topic.to_owned(),
            ..KafkaOrigin::default()
        }),
        content: LetterContent {
            payload: Some(value.as_bytes().to_vec()),
            ..LetterContent::default()
        },
        ..DeadLetter::default()
    };
    let of_letter = |topic, value: &str| topics().chunk_of(&letter(topic, value));
    let chunk = of_letter("vector", &of("PC-1"));
    assert_eq!(chunk.map(|chunk| chunk.endpoint), Some("PC-1".to_owned()));
    assert_eq!(of_letter("vector", "made up"), None);
    assert_eq!(of_letter("cbsift.chunks.v1", &of("PC-1")), None);
}
