//! Files sent whole, through faults.

use crate::logs::{TEXTS, encode, log};
use crate::proxy::{Fault, Proxy};
use crate::support::{DEADLINE, RELAY, Server};
use event::{Format, Source, TextEncoding};
use ingest::{Config, SinkError};
use send::{
    ClientError, Part, Progress, SendError, SendFailure, SendOptions, Summary, Uplink, send,
};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Duration;

fn options(url: &str) -> SendOptions {
    SendOptions {
        endpoint: Some("PC-0001".to_owned()),
        patience: DEADLINE,
        ..SendOptions::new(url, RELAY)
    }
}

fn url(server: &Server) -> String {
    format!("http://{}", server.address)
}

fn send_quietly(options: &SendOptions, path: &Path) -> Result<Summary, SendError> {
    send(options, &[path.to_owned()], &|_| {})
}

/// A folder with one made-up log.
fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), bytes).unwrap();
    folder
}

#[test]
fn half_a_line_is_not_sent_and_a_copy_of_one_line_is() {
    let xml = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-Ntfs'/><EventID>98</EventID><Level>4</Level><TimeCreated SystemTime='2024-03-05T08:12:01.123Z'/><EventRecordID>7</EventRecordID><Channel>System</Channel><Computer>PC-1</Computer></System></Event>";
    let half = "2024-05-01 08:00:00, Info                  CBS    made up";
    for (text, sent) in [(xml, 1), (half, 0)] {
        let server = Server::start(Config::default());
        let folder = folder_with(text.as_bytes());
        let summary = send_quietly(&options(&url(&server)), folder.path()).unwrap();
        assert_eq!(
            (summary.sent.len(), summary.skipped.len()),
            (sent, 1 - sent),
            "{text}"
        );
    }
}

#[test]
fn every_byte_is_covered_exactly_however_it_is_cut() {
    let text = log(3_000);
    for encoding in TEXTS {
        let bytes = encode(encoding, &text);
        let folder = folder_with(&bytes);
        for (chunk_bytes, body_bytes, compress) in [
            (4 << 10, 1, false),
            (4 << 10, 100_000, true),
            (64 << 10, 4 << 20, false),
            (256 << 10, 4 << 20, true),
            (256 << 10, 1, true),
        ] {
            let server = Server::start(Config::default());
            let options = SendOptions {
                chunk_bytes,
                body_bytes,
                compress: Some(compress),
                ..options(&url(&server))
            };
            let summary = send_quietly(&options, folder.path()).unwrap();
            assert!(
                server.sink.tiled_text(bytes.len()) == text,
                "{encoding:?} {chunk_bytes} {body_bytes}"
            );
            assert_eq!(
                (summary.sent.len(), summary.acknowledged_bytes),
                (1, bytes.len() as u64)
            );
            let chunks = server.sink.chunks();
            assert!(
                chunks
                    .iter()
                    .all(|chunk| chunk.encoding == encoding && chunk.length <= chunk_bytes as u64)
            );
            if body_bytes == 1 {
                assert_eq!(
                    summary.sent[0].bodies,
                    chunks.len() as u64,
                    "one chunk a body"
                );
            }
        }
    }
}

#[test]
fn a_folder_is_sent_and_what_is_not_sent_is_told() {
    let server = Server::start(Config::default());
    let folder = folder_with(log(100).as_bytes());
    fs::write(
        folder.path().join("dism.log"),
        log(50).replace("  CBS ", "  DISM"),
    )
    .unwrap();
    fs::write(folder.path().join("notes.txt"), "made-up notes\n").unwrap();
    let missing = folder.path().join("missing.log");
    let (total, done) = (Mutex::new(0), Mutex::new(0));
    let progress = |progress: Progress<'_>| match progress {
        Progress::Total { bytes, .. } => *total.lock().unwrap() = bytes,
        Progress::Advanced { bytes } => *done.lock().unwrap() += bytes,
        Progress::Waiting { error, .. } => panic!("{error}"),
    };
    let summary = send(
        &options(&url(&server)),
        &[folder.path().to_owned(), missing],
        &progress,
    )
    .unwrap();
    assert_eq!(
        (
            summary.sent.len(),
            summary.skipped.len(),
            summary.failed.len()
        ),
        (2, 1, 1)
    );
    assert!(
        matches!(&summary.failed[0], SendFailure::File(error) if error.path.ends_with("missing.log"))
    );
    assert!(summary.skipped[0].path.ends_with("notes.txt"));
    assert_eq!(
        (*total.lock().unwrap(), *done.lock().unwrap()),
        (summary.acknowledged_bytes, summary.acknowledged_bytes)
    );
    let sources: Vec<&str> = summary
        .sent
        .iter()
        .map(|file| file.path.file_name().unwrap().to_str().unwrap())
        .collect();
    assert_eq!(sources, ["CBS.log", "dism.log"]);
}

#[test]
fn a_file_that_was_imported_is_skipped_until_it_changes_or_is_asked_for_again() {
    let server = Server::start(Config::default());
    let text = log(100);
    let folder = folder_with(text.as_bytes());
    let usual = options(&url(&server));
    assert_eq!(send_quietly(&usual, folder.path()).unwrap().sent.len(), 1);
    let stored = server.sink.chunks().len();

    let second = send_quietly(&usual, folder.path()).unwrap();
    assert_eq!(
        (
            second.sent.len(),
            second.skipped.len(),
            second.acknowledged_bytes
        ),
        (0, 1, 0)
    );
    assert!(second.skipped[0].reason.starts_with("imported before"));
    assert_eq!(server.sink.chunks().len(), stored);

    let again = SendOptions {
        again: true,
        ..usual.clone()
    };
    assert_eq!(
        send_quietly(&again, folder.path())
            .unwrap()
            .acknowledged_bytes,
        text.len() as u64
    );
    assert!(server.sink.tiled_text(text.len()) == text);
    let other = SendOptions {
        endpoint: Some("PC-0002".to_owned()),
        ..usual.clone()
    };
    assert_eq!(send_quietly(&other, folder.path()).unwrap().sent.len(), 1);
    fs::write(folder.path().join("CBS.log"), log(101)).unwrap();
    assert_eq!(send_quietly(&usual, folder.path()).unwrap().sent.len(), 1);
}

#[test]
fn growing_copies_are_one_stream_and_each_ends_open() {
    let server = Server::start(Config::default());
    let text = log(300);
    for end in [text.len() / 3, text.len() / 2 + 11, text.len()] {
        let folder = folder_with(&text.as_bytes()[..text.floor_char_boundary(end)]);
        send_quietly(&options(&url(&server)), folder.path()).unwrap();
    }
    let chunks = server.sink.chunks();
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.stream == chunks[0].stream && chunk.offset == 0)
    );
    assert!(chunks.iter().all(|chunk| chunk.open));
    assert!(chunks.last().unwrap().text == text);
}

#[test]
fn a_busy_sink_is_asked_again_when_it_says() {
    let server = Server::start(Config::default());
    let text = log(100);
    let folder = folder_with(text.as_bytes());
    server.sink.with(|state| {
        state.errors.push_back(SinkError::Busy {
            retry_after: Duration::from_millis(10),
        })
    });
    let waits = Mutex::new(Vec::new());
    let progress = |progress: Progress<'_>| {
        if let Progress::Waiting {
            error: ClientError::Status { status, .. },
            wait,
        } = progress
        {
            waits.lock().unwrap().push((*status, wait));
        }
    };
    send(
        &options(&url(&server)),
        &[folder.path().to_owned()],
        &progress,
    )
    .unwrap();
    let waits = waits.into_inner().unwrap();
    assert_eq!(waits.len(), 1);
    assert!(
        waits[0].0 == 503 && waits[0].1 >= Duration::from_secs(1),
        "{waits:?}"
    );
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn connections_that_break_anywhere_lose_nothing() {
    let text = log(2_000);
    let folder = folder_with(text.as_bytes());
    let server = Server::start(Config::default());
    // In the head, at the body's edge, in its middle, and after it: an answer that is lost is a repeat.
    let faults = vec![
        Fault::CutRequest(10),
        Fault::CutRequest(600),
        Fault::CutRequest(60_000),
        Fault::DropAnswer,
        Fault::CutRequest(30_000),
        Fault::DropAnswer,
    ];
    let proxy = Proxy::start(server.address, faults);
    let options = SendOptions {
        body_bytes: 50_000,
        chunk_bytes: 16 << 10,
        ..options(&format!("http://{}", proxy.address))
    };
    let summary = send_quietly(&options, folder.path()).unwrap();
    assert!(proxy.is_used_up());
    assert_eq!(summary.acknowledged_bytes, text.len() as u64);
    assert!(server.sink.tiled_text(text.len()) == text);
}

#[test]
fn a_wrong_token_stops_everything_at_once_with_a_hint() {
    let server = Server::start(Config::default());
    let folder = folder_with(log(3_000).as_bytes());
    for again in [false, true] {
        let options = SendOptions {
            token: "wrong".to_owned(),
            again,
            ..options(&url(&server))
        };
        let error = send_quietly(&options, folder.path()).unwrap_err();
        assert!(
            matches!(
                error,
                SendError::Stopped {
                    error: ClientError::Status { status: 401, .. },
                    ..
                }
            ),
            "{error:?}"
        );
        if again {
            assert!(error.to_string().contains("\nhint: "), "{error}");
        }
        assert!(!format!("{error} {error:?}").contains("wrong"));
    }
}

#[test]
fn nobody_at_the_address_is_told_soon() {
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let folder = folder_with(log(3).as_bytes());
    let options = SendOptions {
        patience: Duration::from_millis(300),
        ..options(&format!("http://{address}"))
    };
    let error = send_quietly(&options, folder.path()).unwrap_err();
    assert!(
        matches!(
            &error,
            SendError::Stopped {
                error: ClientError::Transport { .. },
                ..
            }
        ),
        "{error:?}"
    );
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[test]
fn a_file_that_is_refused_does_not_stop_the_others() {
    // A chunk above the intake's limit is refused for good.
    let server = Server::start(Config {
        body_max: 100_000,
        ..Config::default()
    });
    let folder = folder_with(log(2_000).as_bytes());
    fs::write(folder.path().join("small.log"), log(10)).unwrap();
    let summary = send_quietly(&options(&url(&server)), folder.path()).unwrap();
    assert_eq!((summary.sent.len(), summary.failed.len()), (1, 1));
    let failure = summary.failed[0].to_string();
    assert!(
        failure.contains("CBS.log") && failure.contains("413"),
        "{failure}"
    );
}

#[test]
fn options_are_checked_before_anything_is_sent() {
    for chunk_bytes in [0, 4095, (256 << 10) + 1] {
        let options = SendOptions {
            chunk_bytes,
            ..options("http://127.0.0.1:1")
        };
        assert!(matches!(
            send(&options, &[PathBuf::from(".")], &|_| {}),
            Err(SendError::Options(_))
        ));
    }
}

/// A request's head, as it comes.
fn head_of(connection: &mut std::net::TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if connection.read(&mut byte).unwrap_or(0) == 0 {
            break;
        }
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn an_intake_that_answers_but_takes_nothing_stops_everything_after_three_files() {
    // Made up: it knows no file, and fails on each body.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let head = head_of(&mut connection).to_ascii_lowercase();
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"))
                .map_or(0, |value| value.trim().parse::<usize>().unwrap());
            let _ = connection.read_exact(&mut vec![0; length]);
            let status = match head.starts_with("head ") {
                true => "404 Not Found",
                false => "500 Internal Server Error",
            };
            let _ = write!(
                connection,
                "HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
            );
        }
    });
    let folder = tempfile::tempdir().unwrap();
    for number in 0..6 {
        fs::write(folder.path().join(format!("{number}.log")), log(3)).unwrap();
    }
    let options = SendOptions {
        jobs: 1,
        patience: Duration::from_millis(200),
        ..options(&url)
    };
    match send_quietly(&options, folder.path()).unwrap_err() {
        SendError::Stopped {
            error: ClientError::Status { status: 500, .. },
            summary,
        } => {
            assert_eq!((summary.failed.len(), summary.sent.len()), (2, 0));
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn an_answer_that_does_not_name_the_end_is_no_acknowledgement() {
    // Made up: something between us and the intake that says yes to everything.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            head_of(&mut connection);
            let body = "{\"next_offset\":1}";
            let length = body.len();
            let _ = write!(
                connection,
                "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
            );
        }
    });
    let folder = folder_with(log(3).as_bytes());
    let options = SendOptions {
        again: true,
        patience: Duration::from_millis(300),
        ..options(&url)
    };
    match send_quietly(&options, folder.path()).unwrap_err() {
        SendError::Stopped {
            error: ClientError::Transport { .. },
            summary,
        } => {
            assert_eq!((summary.acknowledged_bytes, summary.sent.len()), (0, 0));
        }
        error => panic!("{error:?}"),
    }
}

#[test]
fn parts_that_are_no_files_are_sent_as_they_come() {
    let server = Server::start(Config::default());
    let text = log(40);
    let cut = text.find("2024-05-01 08:00:20").unwrap();
    let part = Part {
        source: Source::Cbs,
        first_record: parse::first_record_hash(&text),
        offset: 0,
        open: false,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        path: "made up",
        bytes: &text.as_bytes()[..cut],
    };
    let rest = Part {
        offset: cut as u64,
        open: true,
        bytes: &text.as_bytes()[cut..],
        ..part
    };
    let uplink = Uplink::new(&options(&url(&server))).unwrap();
    server.sink.with(|state| {
        state.errors.push_back(SinkError::Busy {
            retry_after: Duration::ZERO,
        })
    });
    for part in [rest, part] {
        uplink.put(&part).unwrap();
    }
    assert!(server.sink.tiled_text(text.len()) == text);
    assert!(server.sink.with(|state| state.imports.is_empty()));
}
