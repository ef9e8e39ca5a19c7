//! Records of chunks: the golden one, every fault, and the round trip.

use super::*;
use proptest::prelude::*;

/// Made up.
fn chunk() -> Chunk {
    Chunk {
        tenant: "default".to_owned(),
        endpoint: "PC-0001".to_owned(),
        source: Source::Cbs,
        stream: StreamId(0x0123_4567_89ab_cdef),
        path: r"C:\Windows\Logs\CBS\CBS.log".to_owned(),
        offset: 4096,
        length: 61,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        open: true,
        sender: "send".to_owned(),
        received_ms: 1_714_550_400_123,
        text: "2024-05-01 08:00:00, Info                  CBS    更新失败\r\n".to_owned(),
    }
}

/// A v1 record, kept for ever: what is in topics and backups must stay readable. Never edit it; a new format gets its own.
const GOLDEN_V1: &[(&str, &str)] = &[
    ("version", "1"),
    ("content_type", "text/plain; charset=utf-8"),
    ("tenant", "default"),
    ("endpoint", "PC-0001"),
    ("source", "cbs"),
    ("stream", "0123456789abcdef"),
    ("path", "C:\\Windows\\Logs\\CBS\\CBS.log"),
    ("offset", "4096"),
    ("length", "61"),
    ("encoding", "utf-8"),
    ("format", "wds"),
    ("open", "true"),
    ("sender", "send"),
    ("received_ms", "1714550400123"),
];
const GOLDEN_V1_KEY: &[u8] = b"default/PC-0001";
const GOLDEN_V1_VALUE: &[u8] = b"2024-05-01 08:00:00, Info                  CBS    \xe6\x9b\xb4\xe6\x96\xb0\xe5\xa4\xb1\xe8\xb4\xa5\r\n";

fn golden() -> Content {
    Content {
        key: Some(GOLDEN_V1_KEY.to_vec()),
        headers: GOLDEN_V1
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Some(value.as_bytes().to_vec()),
            })
            .collect(),
        value: Some(GOLDEN_V1_VALUE.to_vec()),
    }
}

#[test]
fn the_golden_record_is_read_and_written() {
    assert_eq!(decode(golden()), Ok(chunk()));
    assert_eq!(encode(chunk()), golden());
}

#[test]
fn further_headers_are_left_alone() {
    let mut content = golden();
    content.headers.push(Header {
        name: "traceparent".to_owned(),
        value: None,
    });
    assert_eq!(decode(content), Ok(chunk()));
}

fn check(edit: impl FnOnce(&mut Content), expected: DecodeError) {
    let mut content = golden();
    edit(&mut content);
    let before = content.clone();
    let (error, after) = decode(content).expect_err("a fault");
    assert_eq!(error, expected);
    assert_eq!(after, before, "the record comes back whole");
}

fn set(name: &'static str, value: &'static [u8]) -> impl FnOnce(&mut Content) {
    move |content| {
        let header = content
            .headers
            .iter_mut()
            .find(|header| header.name == name)
            .expect("a header of the golden record");
        header.value = Some(value.to_vec());
    }
}

#[test]
fn every_header_must_be_there_once() {
    for (at, (name, _)) in GOLDEN_V1.iter().enumerate() {
        check(
            |content| {
                content.headers.remove(at);
            },
            DecodeError::MissingHeader { name },
        );
        check(
            |content| content.headers[at].value = None,
            DecodeError::MissingHeader { name },
        );
        check(
            |content| content.headers.push(content.headers[at].clone()),
            DecodeError::RepeatedHeader { name },
        );
    }
}

#[test]
fn a_value_in_another_spelling_is_refused() {
    for (name, value, expected) in [
        ("offset", &b"+4096"[..], "number"),
        ("offset", b"04096", "number"),
        ("offset", b"-1", "number"),
        ("length", b"", "number"),
        ("open", b"1", "`true` or `false`"),
        ("received_ms", b"1.5", "number"),
        ("source", b"CBS", "source"),
        ("stream", b"0123456789ABCDEF", "stream of 16 hex digits"),
        ("encoding", b"latin-1", "encoding"),
        ("format", b"xml", "format"),
        ("content_type", b"application/json", "type of this source"),
        ("path", b"\xff", "UTF-8"),
        ("version", b"one", "number"),
        ("version", b"0", "version that ever was"),
    ] {
        check(set(name, value), DecodeError::BadHeader { name, expected });
    }
}

#[test]
fn key_and_value_are_checked() {
    check(|content| content.key = None, DecodeError::BadKey);
    check(set("endpoint", b"PC-0002"), DecodeError::BadKey);
    check(|content| content.value = None, DecodeError::NoValue);
    check(
        |content| content.value = Some(b"ok\xff".to_vec()),
        DecodeError::NotUtf8 { valid: 2 },
    );
}

#[test]
fn a_newer_format_is_told_before_anything_else_is_looked_at() {
    check(
        |content| {
            *content = Content {
                headers: vec![Header {
                    name: "version".to_owned(),
                    value: Some((VERSION + 1).to_string().into_bytes()),
                }],
                ..Content::default()
            };
        },
        DecodeError::Newer {
            version: VERSION + 1,
            newest: VERSION,
        },
    );
}

/// A reader of the first format knows neither: a record of that format would be a dead letter to it.
#[test]
fn forms_and_sources_that_the_first_format_lacked_are_of_the_second() {
    let written = |source, format| {
        let chunk = Chunk {
            source,
            format,
            ..chunk()
        };
        let content = encode(chunk.clone());
        let is_newer = Headers(&content.headers).version(1).is_err();
        assert_eq!(decode(content), Ok(chunk));
        is_newer
    };
    assert!(!written(Source::EventLog, Format::EventJson));
    assert!(written(Source::Configmgr, Format::Cmtrace));
    assert!(written(Source::Intune, Format::Wds));
    assert!(written(Source::EventLog, Format::EventXml));
    assert!(written(Source::Cbs, Format::Pasted));
}

prop_compose! {
    fn any_chunk()(
        (tenant, endpoint, path, sender, text) in ("[a-z]{1,8}", "[A-Za-z0-9._-]{1,12}", any::<String>(), any::<String>(), any::<String>()),
        (source, format, encoding) in (0..Source::ALL.len(), 0..Format::ALL.len(), 0..TextEncoding::ALL.len()),
        (stream, offset, length, open, received_ms) in any::<(u64, u64, u64, bool, i64)>(),
    ) -> Chunk {
        Chunk {
            tenant, endpoint, path, sender, text, offset, length, open, received_ms,
            source: Source::ALL[source],
            format: Format::ALL[format],
            encoding: TextEncoding::ALL[encoding],
            stream: StreamId(stream),
        }
    }
}

proptest! {
    #[test]
    fn every_chunk_comes_back(chunk in any_chunk()) {
        prop_assert_eq!(decode(encode(chunk.clone())), Ok(chunk));
    }
}
