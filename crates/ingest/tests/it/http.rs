//! Statuses, limits and headers of the intake, byte by byte.

use crate::logs::{digest_of, log};
use crate::support::{DEADLINE, ENDPOINT_TOKEN, RELAY, Request, Server, connect, read_answer};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use event::{Source, TextEncoding};
use ingest::{Config, SinkError};
use std::io::{Read, Write};
use std::time::Duration;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// Sends a request that must be refused and store nothing.
fn check_refused(server: &Server, request: &Request, status: u16, words: &str) {
    let answer = request.send(server.address);
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(
        answer.body.contains(words),
        "{answer:?} does not say `{words}`"
    );
    assert!(server.sink.chunks().is_empty());
}

#[test]
fn a_body_is_stored_as_chunks_with_all_that_is_known_of_it() {
    let server = Server::start(Config::default());
    let text = log(100);
    let query = "offset=1000&path=C%3A%5CWindows%5CLogs%5CCBS%5CCBS.log&chunk=4096";
    let answer = Request::put(query, text.as_bytes())
        .digest()
        .send(server.address);
    assert_eq!(
        (answer.status, answer.body),
        (200, format!("{{\"next_offset\":{}}}", 1000 + text.len()))
    );

    let chunks = server.sink.chunks();
    assert!(
        chunks.len() > 1
            && chunks
                .iter()
                .all(|chunk| chunk.length <= 4096 && !chunk.open)
    );
    assert!(
        chunks
            .iter()
            .map(|chunk| chunk.text.as_str())
            .collect::<String>()
            == text
    );
    let first = &chunks[0];
    assert_eq!(
        (first.tenant.as_str(), first.endpoint.as_str()),
        ("default", "PC-0001")
    );
    assert_eq!(
        (first.source, first.offset, first.encoding),
        (Source::Cbs, 1000, TextEncoding::Utf8)
    );
    assert_eq!(
        first.stream,
        parse::stream_id("default", "PC-0001", Source::Cbs, 1)
    );
    assert_eq!(
        (first.path.as_str(), first.sender.as_str()),
        ("C:\\Windows\\Logs\\CBS\\CBS.log", "endpoint:PC-0001")
    );
    assert!(first.received_ms > 0);
}

#[test]
fn only_the_end_of_an_open_body_is_open() {
    let server = Server::start(Config::default());
    assert_eq!(
        Request::put("offset=0&open=1&chunk=4096", log(100))
            .send(server.address)
            .status,
        200
    );
    let chunks = server.sink.chunks();
    let open: Vec<bool> = chunks.iter().map(|chunk| chunk.open).collect();
    assert_eq!(open.iter().filter(|open| **open).count(), 1);
    assert_eq!(open.last(), Some(&true));
}

#[test]
fn each_compression_gives_the_same_chunks() {
    let text = log(500);
    let zstd = zstd::encode_all(text.as_bytes(), 3).unwrap();
    for (coding, body) in [
        ("identity", text.clone().into_bytes()),
        ("gzip", gzip(text.as_bytes())),
        ("zstd", zstd),
    ] {
        let server = Server::start(Config::default());
        let query = format!("offset=0&length={}&open=1", text.len());
        let request = Request::put(&query, body)
            .header("content-encoding", coding)
            .digest();
        assert_eq!(request.send(server.address).status, 200, "{coding}");
        assert!(server.sink.tiled_text(text.len()) == text, "{coding}");
    }
}

#[test]
fn a_chunked_body_is_taken_too() {
    let server = Server::start(Config::default());
    let mut request =
        Request::put("offset=0&open=1", Vec::new()).header("transfer-encoding", "chunked");
    let text = log(2);
    request.body = format!("{:x}\r\n{text}\r\n0\r\n\r\n", text.len()).into_bytes();
    assert_eq!(request.send(server.address).status, 200);
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn who_may_not_speak_is_refused_before_anything_else_is_judged() {
    let server = Server::start(Config::default());
    let put = Request::put("nonsense", "made up");
    check_refused(
        &server,
        &put.clone().without("authorization"),
        401,
        "no token",
    );
    check_refused(
        &server,
        &put.clone().header("authorization", "Bearer PC-0001.wrong"),
        401,
        "not known",
    );
    check_refused(
        &server,
        &put.clone()
            .header("authorization", "Bearer other.made-up-endpoint-secret"),
        401,
        "not known",
    );
    check_refused(
        &server,
        &put.clone().header("cbsift-endpoint", "PC-0002"),
        403,
        "another endpoint",
    );
    let relay = put.header("authorization", &format!("Bearer {RELAY}"));
    check_refused(&server, &relay, 400, "must name the endpoint");
    check_refused(
        &server,
        &relay.header("cbsift-endpoint", "../etc"),
        400,
        "no endpoint id",
    );

    let refused = Request::new("HEAD", "/v1/streams/cbs/0000000000000001").send(server.address);
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .header("www-authenticate")
            .unwrap()
            .starts_with("Bearer")
    );
}

#[test]
fn a_relay_names_the_endpoint_and_a_password_is_a_token_too() {
    let server = Server::start(Config::default());
    let basic = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("cbsift:{RELAY}"))
    );
    let request = Request::put("offset=0", log(1))
        .header("authorization", &basic)
        .header("cbsift-endpoint", "PC-0007");
    assert_eq!(request.send(server.address).status, 200);
    let chunk = server.sink.chunks().remove(0);
    assert_eq!(
        (chunk.endpoint.as_str(), chunk.sender.as_str()),
        ("PC-0007", "relay:gateway")
    );
    assert_eq!(
        chunk.stream,
        parse::stream_id("default", "PC-0007", Source::Cbs, 1)
    );
}

#[test]
fn what_cannot_be_understood_is_told() {
    let server = Server::start(Config::default());
    let text = log(1);
    for (query, words) in [
        ("", "offset"),
        ("offset=-1", "offset"),
        ("offset=99999999999999999", "offset"),
        ("offset=0&unknown=1", "unknown"),
        ("offset=0&open=2", "open"),
        ("offset=0&encoding=latin1", "encoding"),
        ("offset=0&format=xml", "format"),
        ("offset=1&encoding=utf-16le", "even"),
        ("offset=0&length=5", "length"),
    ] {
        check_refused(&server, &Request::put(query, text.as_bytes()), 400, words);
    }
    check_refused(&server, &Request::put("offset=0", ""), 400, "empty");
    for target in [
        "/v1/streams/nonsense/0000000000000001?offset=0",
        "/v1/streams/cbs/1?offset=0",
        "/v1/streams/cbs/+000000000000001?offset=0",
    ] {
        let request = Request::new("PUT", target)
            .header("authorization", &format!("Bearer {ENDPOINT_TOKEN}"));
        check_refused(&server, &request, 400, "the s");
    }
    let brotli = Request::put("offset=0", text.as_bytes()).header("content-encoding", "br");
    check_refused(&server, &brotli, 415, "zstd");
    let broken = Request::put("offset=0", text.as_bytes()).header("content-encoding", "zstd");
    check_refused(&server, &broken, 400, "decompressed");
}

#[test]
fn a_body_that_changed_under_way_is_refused() {
    let server = Server::start(Config::default());
    let mut request = Request::put("offset=0", log(10)).digest();
    request.body[30] ^= 1;
    check_refused(&server, &request, 422, "Content-Digest");
}

#[test]
fn bodies_over_the_limit_are_refused_however_they_come() {
    let server = Server::start(Config {
        body_max: 1 << 20,
        ..Config::default()
    });
    let large = log(20_000);
    assert!(large.len() > 1 << 20);
    check_refused(
        &server,
        &Request::put("offset=0", large.as_bytes()),
        413,
        "1048576",
    );
    // The head alone is enough.
    let head_only = Request::put("offset=0", "").header("content-length", "1048577");
    check_refused(&server, &head_only, 413, "1048576");
    let mut chunked = Request::put("offset=0", "").header("transfer-encoding", "chunked");
    chunked.body = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len()).into_bytes();
    check_refused(&server, &chunked, 413, "1048576");
    for (coding, body) in [
        ("gzip", gzip(large.as_bytes())),
        ("zstd", zstd::encode_all(large.as_bytes(), 1).unwrap()),
    ] {
        assert!(body.len() < 1 << 20);
        check_refused(
            &server,
            &Request::put("offset=0", body).header("content-encoding", coding),
            413,
            "1048576",
        );
    }
}

#[test]
fn a_bomb_is_refused_by_its_ratio() {
    let server = Server::start(Config::default());
    let bomb = zstd::encode_all(&vec![b'x'; 8 << 20][..], 19).unwrap();
    check_refused(
        &server,
        &Request::put("offset=0", bomb).header("content-encoding", "zstd"),
        413,
        "100 times",
    );
}

#[test]
fn a_head_that_is_too_large_or_too_slow_ends() {
    let server = Server::start(Config {
        head_timeout: Duration::from_millis(200),
        ..Config::default()
    });
    let large = Request::put("offset=0", log(1)).header("x-large", &"x".repeat(200_000));
    let status = read_answer(&mut large.start(server.address)).map_or(431, |answer| answer.status);
    assert_eq!(status, 431);
    for head in [
        "",
        "PUT /v1/streams/cbs/0000000000000001?offset=0 HTTP/1.1\r\nhost: te",
    ] {
        let mut stream = connect(server.address);
        stream.write_all(head.as_bytes()).unwrap();
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).unwrap();
        assert!(!String::from_utf8_lossy(&rest).contains(" 200 "));
    }
    assert!(server.sink.chunks().is_empty());
}

#[test]
fn idle_connections_make_room_for_healthy_ones() {
    let server = Server::start(Config {
        connections_max: 2,
        head_timeout: Duration::from_millis(200),
        ..Config::default()
    });
    let idle: Vec<_> = (0..20).map(|_| connect(server.address)).collect();
    let text = log(1);
    assert_eq!(
        Request::put("offset=0&open=1", text.as_bytes())
            .send(server.address)
            .status,
        200
    );
    drop(idle);
}

#[test]
fn reasons_inside_the_store_stay_inside() {
    let server = Server::start(Config::default());
    let secret = "made-up-password-of-the-store";
    for error in [
        SinkError::Unavailable(secret.to_owned()),
        SinkError::Full(secret.to_owned()),
    ] {
        server.sink.with(|state| state.errors.push_back(error));
        let answer = Request::put("offset=0", log(1)).send(server.address);
        assert!(answer.status >= 500 && !format!("{answer:?}").contains(secret));
    }
}

#[test]
fn a_slow_body_ends_and_a_healthy_sender_goes_on_beside_it() {
    let config = Config {
        body_grace: Duration::from_millis(300),
        body_rate_min: 1 << 20,
        ..Config::default()
    };
    let server = Server::start(config);
    let mut slow = Request::put("offset=0", "2")
        .header("content-length", "1000")
        .start(server.address);
    assert_eq!(
        Request::put("offset=0&open=1", log(1))
            .send(server.address)
            .status,
        200
    );
    assert_eq!(read_answer(&mut slow).unwrap().status, 408);
    assert_eq!(server.sink.chunks().len(), 1);
}

#[test]
fn a_connection_cut_in_the_body_stores_nothing() {
    let server = Server::start(Config::default());
    let mut request = Request::put("offset=0", log(100));
    let length = request.body.len().to_string();
    request.body.truncate(1000);
    let stream = request
        .header("content-length", &length)
        .start(server.address);
    stream.shutdown(std::net::Shutdown::Both).unwrap();
    drop(stream);
    // The next request is answered after the cut was seen, or not; in either case nothing of it may be stored.
    let text = log(3);
    assert_eq!(
        Request::put("offset=0&open=1", text.as_bytes())
            .send(server.address)
            .status,
        200
    );
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn trouble_of_the_sink_is_told_with_a_time_to_come_again() {
    let server = Server::start(Config::default());
    let put = Request::put("offset=0&open=1", log(10));
    for (error, status, least, most) in [
        (
            SinkError::Busy {
                retry_after: Duration::from_millis(2_500),
            },
            503,
            3,
            6,
        ),
        (
            SinkError::Unavailable("the store is away".to_owned()),
            503,
            2,
            4,
        ),
        (SinkError::Full("no space left".to_owned()), 507, 30, 60),
    ] {
        server.sink.with(|state| state.errors.push_back(error));
        let answer = put.send(server.address);
        let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
        assert_eq!(answer.status, status);
        assert!((least..=most).contains(&wait), "{wait}");
        assert!(server.sink.chunks().is_empty());
    }
    assert_eq!(put.send(server.address).status, 200);
    assert!(server.sink.tiled_text(put.body.len()).into_bytes() == put.body);
}

#[test]
fn a_sink_that_does_not_answer_is_not_waited_for_for_ever() {
    let server = Server::start(Config {
        ack_timeout: Duration::from_millis(200),
        ..Config::default()
    });
    server.sink.hold();
    let answer = Request::put("offset=0", log(1)).send(server.address);
    assert_eq!(
        (answer.status, answer.header("retry-after").is_some()),
        (503, true)
    );
}

#[test]
fn one_endpoint_cannot_take_all_and_the_room_is_bounded() {
    let config = Config {
        endpoint_requests_max: 1,
        body_max: 1 << 20,
        in_flight_max: 2 << 20,
        queue_timeout: Duration::from_millis(200),
        ..Config::default()
    };
    let server = Server::start(config);
    server.sink.hold();
    let large = log(5_000);
    let mut held = Request::put("offset=0&open=1", large.as_bytes()).start(server.address);
    server.sink.wait_for_waiting(1);

    let same = Request::put("offset=0", log(1)).send(server.address);
    assert_eq!(
        (same.status, same.header("retry-after").is_some()),
        (429, true),
        "{same:?}"
    );
    let other = Request::put("offset=0", large.as_bytes())
        .header("authorization", &format!("Bearer {RELAY}"))
        .header("cbsift-endpoint", "PC-0002");
    let refused = other.send(server.address);
    assert_eq!(
        (refused.status, refused.header("retry-after").is_some()),
        (503, true),
        "{refused:?}"
    );

    server.sink.release();
    assert_eq!(read_answer(&mut held).unwrap().status, 200);
    assert_eq!(other.send(server.address).status, 200);
}

#[test]
fn an_answer_comes_only_after_the_sink_has_it_and_a_stop_waits_for_it() {
    let mut server = Server::start(Config {
        shutdown_grace: DEADLINE,
        ..Config::default()
    });
    server.sink.hold();
    let text = log(50);
    let mut held = Request::put("offset=0&open=1", text.as_bytes()).start(server.address);
    server.sink.wait_for_waiting(1);
    held.set_nonblocking(true).unwrap();
    assert_eq!(
        held.read(&mut [0]).unwrap_err().kind(),
        std::io::ErrorKind::WouldBlock
    );
    held.set_nonblocking(false).unwrap();

    server.shutdown.cancel();
    server.sink.release();
    assert_eq!(read_answer(&mut held).unwrap().status, 200);
    server.wait_for_end();
    assert!(std::net::TcpStream::connect(server.address).is_err());
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn a_stop_cuts_what_does_not_end() {
    let mut server = Server::start(Config {
        shutdown_grace: Duration::from_millis(200),
        ..Config::default()
    });
    server.sink.hold();
    let mut held = Request::put("offset=0", log(1)).start(server.address);
    server.sink.wait_for_waiting(1);
    server.shutdown.cancel();
    server.wait_for_end();
    assert!(read_answer(&mut held).is_none());
}

#[test]
fn the_next_offset_comes_from_the_store() {
    let server = Server::start(Config::default());
    let head = Request::new("HEAD", "/v1/streams/cbs/0000000000000001")
        .header("authorization", &format!("Bearer {ENDPOINT_TOKEN}"));
    assert_eq!(
        head.send(server.address).header("cbsift-next-offset"),
        Some("0")
    );
    let stream = parse::stream_id("default", "PC-0001", Source::Cbs, 1);
    server.sink.with(|state| {
        state
            .next_offsets
            .insert(("PC-0001".to_owned(), stream), 4711)
    });
    let answer = head.send(server.address);
    assert_eq!(
        (answer.status, answer.header("cbsift-next-offset")),
        (200, Some("4711"))
    );
    server.sink.with(|state| state.away = true);
    let answer = head.send(server.address);
    assert_eq!(
        (answer.status, answer.header("retry-after").is_some()),
        (503, true)
    );
}

#[test]
fn a_file_is_noted_as_imported_with_its_last_bytes_and_for_its_endpoint() {
    let server = Server::start(Config::default());
    let text = log(20);
    let digest = digest_of(text.as_bytes()).to_string();
    let asks = Request::new("HEAD", &format!("/v1/imports/{digest}"))
        .header("authorization", &format!("Bearer {RELAY}"));
    let of = |endpoint| {
        asks.clone()
            .header("cbsift-endpoint", endpoint)
            .send(server.address)
            .status
    };
    assert_eq!(of("PC-0001"), 404);

    let target = format!(
        "/v1/streams/cbs/{:016x}?offset=0&open=1&path=CBS.log",
        parse::first_record_hash(&text)
    );
    let put = Request::new("PUT", &target)
        .header("authorization", &format!("Bearer {ENDPOINT_TOKEN}"))
        .header("cbsift-file-digest", &digest);
    let put = Request {
        body: text.clone().into_bytes(),
        ..put
    };
    check_refused(&server, &put, 400, "go together");
    check_refused(
        &server,
        &put.clone().header("cbsift-file-size", "5"),
        400,
        "the body ends at",
    );
    check_refused(
        &server,
        &put.clone().header("cbsift-file-digest", "5"),
        400,
        "together",
    );

    let whole = put.header("cbsift-file-size", &text.len().to_string());
    server.sink.with(|state| {
        state
            .errors
            .push_back(SinkError::Unavailable("away".to_owned()))
    });
    assert_eq!(whole.send(server.address).status, 503);
    assert_eq!(
        of("PC-0001"),
        404,
        "what is not acknowledged is not imported"
    );
    assert_eq!(whole.send(server.address).status, 200);
    assert_eq!((of("PC-0001"), of("PC-0002")), (200, 404));
    let import = server.sink.with(|state| state.imports[0].clone());
    assert_eq!(
        (import.bytes, import.sender.as_str()),
        (text.len() as u64, "endpoint:PC-0001")
    );
    server.sink.with(|state| state.away = true);
    assert_eq!(of("PC-0001"), 503);
}
