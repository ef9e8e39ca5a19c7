//! What senders say to be lost: whose it is, what it becomes, and what is refused.

use crate::support::{ENDPOINT_TOKEN, RELAY, Request, Server};
use event::{GapReason, Source, StreamId};
use ingest::{Config, SinkError};

fn put(token: &str, body: &str) -> Request {
    Request {
        body: body.as_bytes().to_vec(),
        ..Request::new("PUT", "/v1/gaps").header("authorization", &format!("Bearer {token}"))
    }
}

const ONE: &str = r#"{"gaps":[{"source":"cbs","stream":"00000000000000aa","path":"C:\\Windows\\Logs\\CBS\\CBS.log","from":100,"to":250,"reason":"gone"}]}"#;

#[test]
fn a_gap_goes_on_as_a_chunk_without_records() {
    let server = Server::start(Config::default());
    let answer = put(ENDPOINT_TOKEN, ONE).send(server.address);
    assert_eq!((answer.status, &*answer.body), (200, "{\"noted\":1}"));
    let events = r#"{"gaps":[
        {"source":"event_log","path":"System.evtx","from":7,"to":9,"reason":"overwritten"},
        {"source":"event_log","stream":null,"from":1,"to":2,"reason":"unreadable"}]}"#;
    let answer = put(RELAY, events)
        .header("cbsift-endpoint", "PC-7")
        .send(server.address);
    assert_eq!((answer.status, &*answer.body), (200, "{\"noted\":2}"));

    let chunks = server.sink.chunks();
    assert!(chunks.iter().all(|chunk| chunk.is_gap() && !chunk.open));
    let told: Vec<_> = chunks
        .iter()
        .map(|chunk| {
            let (path, reason) = chunk.gap().unwrap();
            let place = (chunk.offset, chunk.length);
            (chunk.endpoint.as_str(), chunk.source, path, reason, place)
        })
        .collect();
    let path = "C:\\Windows\\Logs\\CBS\\CBS.log";
    assert_eq!(
        told,
        [
            ("PC-0001", Source::Cbs, path, GapReason::Gone, (100, 150)),
            (
                "PC-7",
                Source::EventLog,
                "System.evtx",
                GapReason::Overwritten,
                (7, 2)
            ),
            ("PC-7", Source::EventLog, "", GapReason::Unreadable, (1, 1)),
        ]
    );
    // As the log's own chunks name it.
    let stream = parse::stream_id("default", "PC-0001", Source::Cbs, 0xaa);
    let streams: Vec<StreamId> = chunks.iter().map(|chunk| chunk.stream).collect();
    assert_eq!(streams, [stream, StreamId(0), StreamId(0)]);
    assert!(chunks[0].sender.contains("PC-0001"));
    assert!(chunks.iter().all(|chunk| chunk.received_ms > 0));
    // Nothing is told of nothing.
    let answer = put(ENDPOINT_TOKEN, r#"{"gaps":[]}"#).send(server.address);
    assert_eq!((answer.status, &*answer.body), (200, "{\"noted\":0}"));
    assert_eq!(server.sink.chunks().len(), 3);
}

#[test]
fn what_is_no_gap_is_refused_and_nothing_of_its_body_is_kept() {
    let server = Server::start(Config::default());
    let many = format!(
        "{{\"gaps\":[{}]}}",
        vec![r#"{"source":"cbs","from":1,"to":2,"reason":"gone"}"#; 101].join(",")
    );
    for (body, status, words) in [
        ("", 400, "tells of no gaps"),
        ("[]", 400, "tells of no gaps"),
        (&ONE.replace("\"gone\"", "\"lost\""), 400, "overwritten"),
        (&ONE.replace("cbs\"", "cbz\""), 400, "source"),
        (&ONE.replace("00aa", "00a"), 400, "16 hex digits"),
        (&ONE.replace("100", "250"), 400, "is none"),
        (&ONE.replace("250", "9007199254740993"), 400, "is none"),
        (&ONE.replace("\"from\"", "\"at\""), 400, "at"),
        (&many, 400, "101 gaps"),
        (&" ".repeat(300 * 1024), 413, "larger"),
    ] {
        let answer = put(ENDPOINT_TOKEN, body).send(server.address);
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(words), "{words}: {answer:?}");
    }
    // A good one beside a bad one is not kept alone.
    let both = ONE.replace(
        "]}",
        r#",{"source":"cbs","from":2,"to":1,"reason":"gone"}]}"#,
    );
    assert_eq!(put(ENDPOINT_TOKEN, &both).send(server.address).status, 400);
    for (request, status) in [
        (put("PC-0001.wrong", ONE), 401),
        (put(RELAY, ONE), 400),
        (
            put(ENDPOINT_TOKEN, ONE).header("cbsift-endpoint", "PC-2"),
            403,
        ),
    ] {
        assert_eq!(request.send(server.address).status, status);
    }
    // No log may pass for one.
    let forged = Request::put("offset=0&path=gap%3Ax", "gone").send(server.address);
    assert_eq!(forged.status, 400, "{forged:?}");
    assert!(server.sink.chunks().is_empty());
    // What was not kept is not acknowledged.
    let away = SinkError::Unavailable("made up".to_owned());
    server.sink.with(|state| state.errors.push_back(away));
    assert_eq!(put(ENDPOINT_TOKEN, ONE).send(server.address).status, 503);
}
