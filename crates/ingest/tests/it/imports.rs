//! Which files count as imported: those of which every byte came, read as the file reader reads them.

use crate::logs::{digest_of, log};
use crate::support::{Answer, RELAY, Request, Server};
use ingest::Config;

const VICTIM: &str = "PC-0001";

/// A file and what its sender says of it; each test says something else.
#[derive(Clone)]
struct Claims {
    text: Vec<u8>,
    source: &'static str,
    first_record: u64,
    encoding: &'static str,
    format: &'static str,
}

impl Claims {
    fn honest(text: &str) -> Self {
        Self {
            text: text.as_bytes().to_vec(),
            source: "cbs",
            first_record: parse::first_record_hash(text),
            encoding: "utf-8",
            format: "wds",
        }
    }

    fn put(&self, start: usize, end: usize, file: Option<(String, usize)>) -> Request {
        let Self {
            source,
            first_record,
            encoding,
            format,
            ..
        } = self;
        let open = u8::from(end == self.text.len());
        let put = Request::new(
            "PUT",
            &format!(
                "/v1/streams/{source}/{first_record:016x}?offset={start}&open={open}&encoding={encoding}&format={format}&path=CBS.log"
            ),
        );
        let put = Request {
            body: self.text[start..end].to_vec(),
            ..put
        };
        let put = put
            .header("authorization", &format!("Bearer {RELAY}"))
            .header("cbsift-endpoint", VICTIM);
        match file {
            Some((digest, size)) => put
                .header("cbsift-file-digest", &digest)
                .header("cbsift-file-size", &size.to_string()),
            None => put,
        }
    }

    /// Sent in bodies that end at these places; the last one names the digest of `file`.
    fn send(&self, server: &Server, ends: &[usize], file: &[u8]) -> Answer {
        let digest = digest_of(file).to_string();
        let (mut start, mut last) = (0, None);
        for &end in ends {
            let is_last = end == self.text.len();
            let file = is_last.then(|| (digest.clone(), end));
            last = Some(self.put(start, end, file).send(server.address));
            start = end;
        }
        last.unwrap()
    }

    fn is_imported(&self, server: &Server, file: &[u8]) -> bool {
        let target = format!(
            "/v1/imports/{}?source=cbs&stream={:016x}",
            digest_of(file),
            parse::first_record_hash(std::str::from_utf8(file).unwrap())
        );
        let answer = Request::new("HEAD", &target)
            .header("authorization", &format!("Bearer {RELAY}"))
            .header("cbsift-endpoint", VICTIM)
            .send(server.address);
        match answer.status {
            200 => {
                let size = answer.header("cbsift-file-size").unwrap();
                assert_eq!(size, file.len().to_string());
                true
            }
            status => {
                assert_eq!(status, 404);
                false
            }
        }
    }
}

/// Where records start.
fn starts(text: &str) -> Vec<usize> {
    text.match_indices("2024-05-01")
        .map(|(at, _)| at)
        .filter(|at| *at > 0)
        .collect()
}

#[test]
fn a_file_is_imported_when_all_its_bytes_came_in_one_body_or_in_several_and_some_twice() {
    let text = log(60);
    let file = Claims::honest(&text);
    let starts = starts(&text);
    let (first, second, end) = (starts[10], starts[30], text.len());
    for ends in [&[end][..], &[first, end], &[first, second, end]] {
        let server = Server::start(Config::default());
        assert_eq!(file.send(&server, ends, &file.text).status, 200);
        assert!(file.is_imported(&server, &file.text), "{ends:?}");
    }
    // An answer that is lost makes a sender repeat a body; two files may be under way with one stream.
    let server = Server::start(Config::default());
    let other = Claims::honest(&text.replace("record 40 ", "record forty "));
    let digest = |claims: &Claims| {
        let size = claims.text.len();
        Some((digest_of(&claims.text).to_string(), size))
    };
    for put in [
        file.put(0, first, None),
        other.put(0, second, None),
        file.put(0, first, None),
        file.put(first, second, None),
        file.put(first, second, None),
        other.put(second, other.text.len(), digest(&other)),
        file.put(second, end, digest(&file)),
    ] {
        assert_eq!(put.send(server.address).status, 200);
    }
    assert!(file.is_imported(&server, &file.text) && other.is_imported(&server, &other.text));
}

#[test]
fn a_digest_that_is_not_that_of_the_bytes_hides_no_file() {
    let text = log(60);
    let file = Claims::honest(&text);
    let (middle, end) = (starts(&text)[30], text.len());
    let foreign = Claims::honest(&text.replace("record 20 ", "record 21 "));
    let server = Server::start(Config::default());

    // A whole body is checked before anything of it is kept.
    let answer = foreign.send(&server, &[end], &file.text);
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(server.sink.chunks().is_empty());
    // Of several the end alone proves nothing, whatever it is, and neither do bodies with a hole, or in another order.
    let digest = Some((digest_of(&file.text).to_string(), end));
    for puts in [
        vec![file.put(middle, end, digest.clone())],
        vec![
            foreign.put(0, middle, None),
            file.put(middle, end, digest.clone()),
        ],
        vec![
            file.put(middle, end, None),
            file.put(
                0,
                middle,
                digest.clone().map(|(digest, _)| (digest, middle)),
            ),
        ],
    ] {
        for put in puts {
            let status = put.send(server.address).status;
            assert!(matches!(status, 200 | 422), "{status}");
        }
        assert!(!file.is_imported(&server, &file.text));
    }
}

#[test]
fn bytes_that_are_read_otherwise_than_the_file_hide_no_file() {
    let text = log(60);
    let honest = Claims::honest(&text);
    let end = text.len();
    let even = end - end % 2;
    let text = text.get(..even).unwrap();
    let honest = Claims {
        text: text.as_bytes().to_vec(),
        ..honest
    };
    let wrong = |change: fn(&mut Claims)| {
        let mut claims = honest.clone();
        change(&mut claims);
        claims
    };
    let within = text.find("made-up record 30").unwrap();
    let even_start = starts(text).into_iter().find(|at| at % 2 == 0).unwrap();
    for (what, claims, ends) in [
        (
            "another stream",
            wrong(|claims| claims.first_record = 0xEE),
            vec![even],
        ),
        (
            "another source",
            wrong(|claims| claims.source = "dism"),
            vec![even],
        ),
        (
            "another encoding",
            wrong(|claims| claims.encoding = "utf-16le"),
            vec![even],
        ),
        (
            "another format",
            wrong(|claims| claims.format = "wds_headless"),
            vec![even],
        ),
        ("cut within a record", honest.clone(), vec![within, even]),
        (
            "another encoding in its last body",
            wrong(|_| {}),
            vec![even_start, even],
        ),
    ] {
        let server = Server::start(Config::default());
        if what == "another encoding in its last body" {
            let digest = Some((digest_of(&honest.text).to_string(), even));
            let other = wrong(|claims| claims.encoding = "utf-16le");
            assert_eq!(
                honest.put(0, even_start, None).send(server.address).status,
                200
            );
            assert_eq!(
                other
                    .put(even_start, even, digest)
                    .send(server.address)
                    .status,
                200
            );
        } else {
            assert_eq!(
                claims.send(&server, &ends, &honest.text).status,
                200,
                "{what}"
            );
        }
        assert!(!honest.is_imported(&server, &honest.text), "{what}");
        // Its owner sends it as it is, and then it counts.
        assert_eq!(honest.send(&server, &[even], &honest.text).status, 200);
        assert!(honest.is_imported(&server, &honest.text), "{what}");
    }
}

#[test]
fn what_a_store_notes_of_another_stream_hides_no_file_either() {
    // As an intake before this one may have noted it, unproven.
    let text = log(60);
    let file = Claims::honest(&text);
    let server = Server::start(Config::default());
    assert_eq!(file.send(&server, &[text.len()], &file.text).status, 200);
    server.sink.with(|state| {
        state.imports[0].stream = parse::stream_id("default", VICTIM, event::Source::Cbs, 0xEE)
    });
    assert!(!file.is_imported(&server, &file.text));
}
