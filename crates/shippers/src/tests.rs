//! One made-up event in each shipper's shape, and messages that are none.

use super::*;
use std::collections::BTreeSet;

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

fn read_from(via: &str, value: &str) -> Result<Chunk, MessageError> {
    let message = Message {
        tenant: "default",
        via,
        received_ms: 1_714_550_406_000,
        value: value.as_bytes(),
    };
    chunk_of(&message, false)
}

fn read(value: &str) -> Result<Chunk, MessageError> {
    read_from("kafka:winlogbeat", value)
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
        let chunk = read_from(&format!("kafka:{topic}"), message)
            .unwrap_or_else(|error| panic!("{topic}: {error}"));
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
        assert_eq!(chunk.sender, format!("kafka:{topic}"));
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
    let mirrored = read_from("kafka:elsewhere", &message).unwrap();
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
fn what_is_no_event_says_so() {
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
    let bytes = Message {
        tenant: "default",
        via: "kafka:vector",
        received_ms: 0,
        value: &[b'{', 0xFF],
    };
    assert_eq!(
        chunk_of(&bytes, false),
        Err(MessageError::NotUtf8 { valid: 1 })
    );
}

#[test]
fn a_panic_is_a_reason_like_another() {
    let error = caught::<Chunk>(|| panic!("planted by a test")).unwrap_err();
    assert_eq!(error, MessageError::Panic);
    assert_eq!(caught(|| Ok(7)), Ok(7));
}

#[test]
fn a_computer_must_have_a_name_that_may_be_an_endpoint() {
    refused(&of("PC 1"), "bad_endpoint");
    refused(&of("../PC-1"), "bad_endpoint");
    refused(&of(&"x".repeat(129)), "bad_endpoint");
    refused(&of("").replace("relay.made.up", ""), "no_endpoint");
    let short = |value: &str| {
        let message = Message {
            tenant: "default",
            via: "kafka:winlogbeat",
            received_ms: 0,
            value: value.as_bytes(),
        };
        chunk_of(&message, true)
    };
    assert_eq!(short(&of("PC-1.made.up")).unwrap().endpoint, "PC-1");
    assert_eq!(short(&of("PC-1")).unwrap().endpoint, "PC-1");
    assert_eq!(short(&of(".made.up")), Err(MessageError::NoEndpoint));
}
