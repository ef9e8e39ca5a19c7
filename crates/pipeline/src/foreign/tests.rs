//! One made-up event in each shipper's shape, and messages that are none.

use super::*;
use queue::record::Header;
use store::{KafkaOrigin, LetterContent};

/// The same event as each of them writes it.
const SHAPES: [(&str, &str); 6] = [
    (
        "winlogbeat",
        r#"{"@timestamp":"2024-05-01T08:00:05.293Z","@metadata":{"beat":"winlogbeat","version":"8.0.0"},"event":{"code":"20","provider":"Microsoft-Windows-WindowsUpdateClient","kind":"event"},"host":{"name":"relay.made.up"},"log":{"level":"error"},"message":"made up","winlog":{"channel":"System","computer_name":"PC-1.made.up","event_id":"20","provider_name":"Microsoft-Windows-WindowsUpdateClient","record_id":518,"event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}}"#,
    ),
    (
        "fluent-bit",
        r#"{"@timestamp":1714550405.0,"ProviderName":"Microsoft-Windows-WindowsUpdateClient","ProviderGuid":"{0}","Qualifiers":"","EventID":20,"Version":1,"Level":2,"Task":1,"Opcode":13,"Keywords":"0x8000000000000028","TimeCreated":"2024-05-01 10:00:05 +0200","EventRecordID":518,"Channel":"System","Computer":"PC-1.made.up","Message":"made up","StringInserts":["Made up (KB5000001)","0x80070570"],"EventData":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}"#,
    ),
    (
        "vector",
        r#"{"channel":"System","computer":"PC-1.made.up","event_id":20,"record_id":518,"level":"Error","level_value":2,"provider_name":"Microsoft-Windows-WindowsUpdateClient","timestamp":"2024-05-01T08:00:05.293925500Z","event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"-2147023504"},"user_data":{},"string_inserts":["a"],"message":"made up","host":"relay","source_type":"windows_event_log"}"#,
    ),
    (
        "otel",
        r#"{"channel":"System","computer":"PC-1.made.up","event_id":{"id":20,"qualifiers":0},"provider":{"name":"Microsoft-Windows-WindowsUpdateClient","guid":"{0}","event_source":""},"record_id":518,"system_time":"2024-05-01T08:00:05.2939255Z","level":"Error","message":"made up","event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}"#,
    ),
    (
        "nxlog",
        r#"{"EventTime":"2024-05-01T08:00:05.293Z","Hostname":"PC-1.made.up","EventType":"ERROR","EventID":20,"SourceName":"Microsoft-Windows-WindowsUpdateClient","RecordNumber":518,"Channel":"System","Message":"made up","updateTitle":"Made up (KB5000001)","errorCode":"0x80070570","SourceModuleName":"in"}"#,
    ),
    (
        "evtx-to-json",
        r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-WindowsUpdateClient"}},"EventID":20,"Level":2,"TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:00:05.2939255Z"}},"EventRecordID":518,"Channel":"System","Computer":"PC-1.made.up"},"EventData":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}}"##,
    ),
];

fn topics() -> ForeignTopics {
    ForeignTopics::new(&Config {
        foreign_topics: SHAPES.map(|(topic, _)| topic.to_owned()).into(),
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

fn refused(value: &str, code: &str) {
    let start = &value[..value.len().min(80)];
    assert_eq!(
        read(value).map_err(|error| error.code()),
        Err(code),
        "{start}"
    );
}

/// The message of Winlogbeat with another computer.
fn of(computer: &str) -> String {
    SHAPES[0].1.replace("PC-1.made.up", computer)
}

#[test]
fn every_shape_is_the_same_event_of_the_same_endpoint() {
    let rules = classify::Rules::shipped();
    let mut ids = BTreeSet::new();
    for (topic, message) in SHAPES {
        let chunk = topics()
            .decode(topic, Some(1_714_550_406_000), content(message))
            .unwrap_or_else(|(error, _)| panic!("{topic}: {error}"));
        assert_eq!(
            (chunk.tenant.as_str(), chunk.endpoint.as_str()),
            ("default", "PC-1.made.up"),
            "{topic}"
        );
        assert_eq!(
            (chunk.source, chunk.format),
            (Source::EventLog, Format::EventJson)
        );
        assert_eq!(chunk.text, message);
        assert_eq!((chunk.offset, chunk.length), (0, message.len() as u64));
        assert_eq!(chunk.path, format!("kafka:{topic}/System"));
        assert_eq!(chunk.received_ms, 1_714_550_406_000);
        assert!(!chunk.open);
        let events = classify::classify(rules, &chunk).events;
        assert_eq!(events.len(), 1, "{topic}");
        assert_eq!((events[0].offset, events[0].length), (0, chunk.length));
        assert_eq!(events[0].codes, [event::Code::new(0x8007_0570)], "{topic}");
        ids.insert(events[0].id);
    }
    assert_eq!(ids.len(), 1, "one identity, whoever shipped it");
}

#[test]
fn a_message_is_the_same_chunk_wherever_it_lies_and_another_is_another() {
    let message = of("PC-1");
    let chunk = read(&message).unwrap();
    let (elsewhere, _) = SHAPES[1];
    let mirrored = topics().decode(elsewhere, None, content(&message)).unwrap();
    assert_eq!(mirrored.stream, chunk.stream);
    assert_eq!((mirrored.offset, mirrored.length), (0, chunk.length));
    assert_ne!(read(&of("PC-2")).unwrap().stream, chunk.stream);
    let next = message.replace("518", "519");
    assert_ne!(read(&next).unwrap().stream, chunk.stream);
    // A file with the same line has its own offsets, and so is another stream.
    let first = parse::first_record_hash(&message);
    let file = parse::stream_id("default", "PC-1", Source::EventLog, first);
    assert_ne!(file, chunk.stream);
}

#[test]
fn several_lines_of_one_computer_are_one_chunk() {
    let (one, two) = (of("PC-1"), of("PC-1").replace("518", "519"));
    let message = format!("{one}\r\n\r\n{two}\n");
    let chunk = read(&message).unwrap();
    assert_eq!(chunk.text, message);
    assert_eq!(
        classify::classify(classify::Rules::shipped(), &chunk)
            .events
            .len(),
        2
    );
    // The same first line, and not the same message.
    assert_ne!(chunk.stream, read(&one).unwrap().stream);
    refused(&format!("{one}\n{}", of("PC-2")), "several_endpoints");
    // All or nothing: a letter can be sent back whole.
    refused(&format!("{one}\nmade up\n"), "not_an_event");
}

#[test]
fn what_is_no_event_says_so_and_is_left_as_it_was() {
    let message = of("PC-1");
    for value in [
        "",
        "\n",
        "made up",
        "{}",
        r#"{"message":"made up"}"#,
        &message[..message.len() - 1],
        &format!("[{message}]"),
        r#"{"resourceLogs":[]}"#,
        &format!(" {message}"),
        // Longer than a record may be: cut there, it would be two halves of nothing.
        &message.replace("made up", &"x".repeat(parse::MAX_RECORD_BYTES)),
    ] {
        refused(value, "not_an_event");
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
fn a_panic_is_a_reason_like_another() {
    let error = caught::<Chunk>(|| panic!("planted by a test")).unwrap_err();
    assert_eq!(error.code(), "panic");
    assert_eq!(caught(|| Ok(7)), Ok(7));
}

#[test]
fn a_computer_must_have_a_name_that_may_be_an_endpoint() {
    refused(&of("PC 1"), "bad_endpoint");
    refused(&of("../PC-1"), "bad_endpoint");
    refused(&of(&"x".repeat(129)), "bad_endpoint");
    refused(&of("").replace("relay.made.up", ""), "no_endpoint");
    let short = ForeignTopics {
        short_names: true,
        ..topics()
    };
    let decode = |message: &str| short.decode("winlogbeat", None, content(message));
    assert_eq!(decode(&of("PC-1.made.up")).unwrap().endpoint, "PC-1");
    assert_eq!(decode(&of("PC-1")).unwrap().endpoint, "PC-1");
    let error = decode(&of(".made.up")).unwrap_err().0;
    assert_eq!(error.code(), "no_endpoint");
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
