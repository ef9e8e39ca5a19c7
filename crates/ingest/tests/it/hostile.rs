//! Hostile clients from the same address as a good sender, which goes through while they hold on.

use crate::logs::log;
use crate::support::{RELAY, Request, Server, connect, read_answer};
use ingest::Config;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Of a relay, which may name any endpoint.
fn put_of(endpoint: &str, body: impl Into<Vec<u8>>) -> Request {
    Request::put("offset=0&open=1", body)
        .header("authorization", &format!("Bearer {RELAY}"))
        .header("cbsift-endpoint", endpoint)
}

/// A body of which only the start comes.
fn slow_body(server: &Server, endpoint: &str, length: usize) -> TcpStream {
    put_of(endpoint, "2024")
        .header("content-length", &length.to_string())
        .start(server.address)
}

/// As in a default intake, but nobody waits long for room that does not come.
fn config() -> Config {
    Config {
        queue_timeout: Duration::from_millis(200),
        ..Config::default()
    }
}

#[test]
fn slow_bodies_hold_what_they_brought_and_not_what_they_announced() {
    let server = Server::start(config());
    // Each of an endpoint of its own, so that no share bounds them.
    let slow: Vec<TcpStream> = (0..8)
        .map(|number| slow_body(&server, &format!("EVIL-{number}"), 16 << 20))
        .collect();
    // As large as a body may be: with what was announced there would be no room for it.
    let text = log(100_000);
    assert!(
        (11 << 20..=16 << 20).contains(&text.len()),
        "{}",
        text.len()
    );
    assert_eq!(put_of("GOOD", text).send(server.address).status, 200);
    drop(slow);
}

#[test]
fn bodies_that_brought_much_leave_half_of_the_room_to_others() {
    let server = Server::start(Config {
        body_max: 1 << 20,
        in_flight_max: 8 << 20,
        ..config()
    });
    let text = log(9_000);
    let large = text.as_bytes().get(..(1 << 20) - 4096).unwrap();
    let length = large.len() + 10;
    // All but the end, of as many as an endpoint may have: twice what its share can hold.
    let slow: Vec<TcpStream> = (0..8)
        .map(|_| {
            let mut stream = connect(server.address);
            let head = put_of("EVIL", large).header("content-length", &length.to_string());
            stream
                .set_write_timeout(Some(Duration::from_millis(500)))
                .unwrap();
            // What there is no room for is not read.
            let _ = stream.write_all(&head.bytes());
            stream
        })
        .collect();
    for _ in 0..3 {
        assert_eq!(put_of("GOOD", large).send(server.address).status, 200);
    }
    drop(slow);
}

#[test]
fn silent_and_slow_strangers_make_room_at_once_and_a_known_sender_keeps_its_connection() {
    let server = Server::start(Config {
        connections_max: 24,
        address_connections_max: 16,
        // Nobody here is ended by its own time.
        head_timeout: Duration::from_secs(600),
        ..Config::default()
    });
    let text = log(1);
    let put = put_of("GOOD", text.as_bytes());
    // Kept alive between its two requests.
    let request = String::from_utf8(put.bytes()).unwrap();
    let request = request.replace("connection: close\r\n", "");
    let mut known = connect(server.address);
    let ask = |known: &mut TcpStream| {
        known.write_all(request.as_bytes()).unwrap();
        let (mut answer, mut byte) = (Vec::new(), [0]);
        while !answer.ends_with(b"}") {
            known.read_exact(&mut byte).unwrap();
            answer.push(byte[0]);
        }
        assert!(answer.starts_with(b"HTTP/1.1 200"));
    };
    ask(&mut known);

    let mut hostile = Vec::new();
    for number in 0..300 {
        let mut stream = connect(server.address);
        if number % 2 == 0 {
            // It may be ended already.
            let _ = stream.write_all(b"PUT /v1/streams/cbs/0000000000000001?off");
        }
        hostile.push(stream);
        if number % 50 == 0 {
            assert_eq!(put.send(server.address).status, 200);
        }
    }
    ask(&mut known);
    assert_eq!(put.send(server.address).status, 200);
    // The oldest are gone, without an answer; the youngest still wait for theirs.
    assert!(read_answer(&mut hostile[0]).is_none());
    let youngest = hostile.last_mut().unwrap();
    youngest.set_nonblocking(true).unwrap();
    assert_eq!(
        youngest.read(&mut [0]).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
}

#[test]
fn a_request_with_two_of_a_header_is_refused() {
    let server = Server::start(Config::default());
    let put = put_of("GOOD", log(1)).digest();
    let request = String::from_utf8(put.bytes()).unwrap();
    for (name, other) in [
        ("host", "other"),
        ("authorization", "Bearer made-up"),
        ("content-type", "text/plain"),
        ("content-encoding", "gzip"),
        ("content-digest", "sha-512=:AAAA:"),
        ("cbsift-endpoint", "OTHER"),
        ("cbsift-file-digest", "00"),
        ("cbsift-file-size", "1"),
    ] {
        let once = format!("{name}: {other}\r\n");
        let lines = if request.contains(&format!("\r\n{name}: ")) {
            once
        } else {
            once.repeat(2)
        };
        let mut stream = connect(server.address);
        let twice = request.replacen("\r\n", &format!("\r\n{lines}"), 1);
        stream.write_all(twice.as_bytes()).unwrap();
        assert_eq!(read_answer(&mut stream).unwrap().status, 400, "{name}");
    }
    assert!(server.sink.chunks().is_empty());
    assert_eq!(put.send(server.address).status, 200);
}
