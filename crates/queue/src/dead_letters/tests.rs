//! Dead letters come back whole, and damage shows.

use super::*;
use proptest::prelude::*;

/// Made up.
fn letter() -> DeadLetter {
    DeadLetter {
        content: Content {
            key: Some(b"default/PC-0001".to_vec()),
            headers: vec![
                Header {
                    name: "offset".to_owned(),
                    value: Some(b"\xfe".to_vec()),
                },
                Header {
                    name: "none".to_owned(),
                    value: None,
                },
            ],
            value: Some(b"no chunk\r\n\xff".to_vec()),
        },
        story: Story {
            topic: "cbsift.chunks.v1".to_owned(),
            partition: 3,
            offset: 17,
            timestamp_ms: Some(1_714_550_400_123),
            stage: "decode".to_owned(),
            reason: "bad_header".to_owned(),
            message: "the header `offset` has a value that is no number".to_owned(),
            build: "0.0.0".to_owned(),
            rule_set: 4,
            first_seen_ms: 1_714_550_400_999,
        },
    }
}

fn come_back(letter: &DeadLetter) -> DeadLetter {
    let parts = encode(letter)
        .into_iter()
        .map(|record| decode(record).unwrap());
    assemble(parts.collect()).unwrap()
}

/// Kept for ever: what is in topics and backups must stay readable. Never edit it; a new format gets its own.
#[test]
fn the_golden_letter_is_read() {
    let headers = [
        ("version", "1"),
        ("content_type", "application/octet-stream"),
        ("id", "7f76c731b5c5848558b4656c429ad56d"),
        ("part", "0"),
        ("parts", "1"),
        ("value_length", "11"),
        ("key_length", "15"),
        ("topic", "cbsift.chunks.v1"),
        ("partition", "3"),
        ("offset", "17"),
        ("stage", "decode"),
        ("reason", "bad_header"),
        (
            "message",
            "the header `offset` has a value that is no number",
        ),
        ("build", "0.0.0"),
        ("rule_set", "4"),
        ("first_seen_ms", "1714550400999"),
        ("timestamp_ms", "1714550400123"),
    ];
    let golden = Content {
        key: Some(b"7f76c731b5c5848558b4656c429ad56d".to_vec()),
        headers: headers
            .iter()
            .map(|(name, value)| Header {
                name: (*name).to_owned(),
                value: Some(value.as_bytes().to_vec()),
            })
            .collect(),
        value: Some(
            b"no chunk\r\n\xffdefault/PC-0001\x06\0\0\0offset\x01\0\0\0\xfe\x04\0\0\0none\xff\xff\xff\xff"
                .to_vec(),
        ),
    };
    assert_eq!(encode(&letter()), std::slice::from_ref(&golden));
    assert_eq!(assemble(vec![decode(golden).unwrap()]), Ok(letter()));
}

#[test]
fn a_record_at_the_limit_goes_in_parts_that_fit() {
    let mut large = letter();
    large.content.value = Some(vec![b'x'; 1 << 20]);
    large.content.headers[0].value = Some(vec![b'y'; 1 << 20]);
    large.story.message = "m".repeat(100_000);
    let records = encode(&large);
    assert_eq!(records.len(), 5);
    for record in &records {
        let headers: usize = record
            .headers
            .iter()
            .map(|header| header.name.len() + header.value.as_ref().map_or(0, Vec::len))
            .sum();
        assert!(record.value.as_ref().unwrap().len() + headers <= 512 << 10);
    }
    let back = come_back(&large);
    assert_eq!(back.content, large.content);
    assert_eq!(back.story.message.len(), MESSAGE_BYTES);
}

#[test]
fn the_id_is_of_the_record_and_not_of_its_story() {
    let (one, mut other) = (letter(), letter());
    other.story.offset = 99;
    other.story.reason = "panic".to_owned();
    assert_eq!(encode(&one)[0].key, encode(&other)[0].key);
    for edit in [
        |content: &mut Content| content.key = None,
        |content: &mut Content| content.value = None,
        |content: &mut Content| content.headers[1].value = Some(Vec::new()),
        |content: &mut Content| content.headers[0].name.push('s'),
        |content: &mut Content| content.headers.swap(0, 1),
    ] {
        let mut edited = one.content.clone();
        edit(&mut edited);
        assert_ne!(id(&edited), id(&one.content), "{edited:?}");
    }
}

#[test]
fn a_message_drives_no_terminal() {
    let mut letter = letter();
    letter.story.message = "a\x1b[31m\r\n\u{202e}更新\u{9b}z".to_owned();
    assert_eq!(
        come_back(&letter).story.message,
        "a\u{fffd}[31m\u{fffd}\u{fffd}\u{fffd}更新\u{fffd}z"
    );
}

#[test]
fn missing_mixed_and_damaged_parts_are_told() {
    let parts = split(&letter(), 20);
    assert!(parts.len() > 2);
    assert!(matches!(
        assemble(Vec::new()),
        Err(AssembleError::Missing { .. })
    ));
    for missing in 0..parts.len() {
        let mut some = parts.clone();
        some.remove(missing);
        let error = assemble(some).unwrap_err();
        assert!(
            matches!(error, AssembleError::Missing { part, .. } if part as usize == missing),
            "{error}"
        );
    }
    let mut mixed = parts.clone();
    mixed[1].id = "another".to_owned();
    assert!(matches!(assemble(mixed), Err(AssembleError::Mixed { .. })));
    for part in 0..parts.len() {
        let mut damaged = parts.clone();
        damaged[part].bytes[0] ^= 1;
        assert!(matches!(
            assemble(damaged),
            Err(AssembleError::Damaged { .. })
        ));
    }
}

#[test]
fn a_part_that_claims_too_much_is_none() {
    for (name, value) in [
        ("parts", "0"),
        ("parts", "4000000000"),
        ("part", "1"),
        ("value_length", "-1"),
        ("version", "x"),
    ] {
        let mut record = encode(&letter()).remove(0);
        let header = record
            .headers
            .iter_mut()
            .find(|header| header.name == name)
            .unwrap();
        header.value = Some(value.as_bytes().to_vec());
        let before = record.clone();
        let (error, after) = decode(record).unwrap_err();
        assert_eq!(error.code(), "bad_header", "{name}");
        assert_eq!(after, before);
    }
}

prop_compose! {
    fn any_content()(
        key in proptest::option::of(any::<Vec<u8>>()),
        value in proptest::option::of(any::<Vec<u8>>()),
        headers in proptest::collection::vec((any::<String>(), proptest::option::of(any::<Vec<u8>>())), 0..4),
    ) -> Content {
        let headers = headers.into_iter().map(|(name, value)| Header { name, value }).collect();
        Content { key, value, headers }
    }
}

proptest! {
    #[test]
    fn every_record_comes_back(content in any_content(), part_bytes in 1_usize..64, turn in any::<usize>()) {
        let letter = DeadLetter { content, ..letter() };
        let mut parts = split(&letter, part_bytes);
        let repeated = parts[turn % parts.len()].clone();
        parts.push(repeated);
        let turn = turn % parts.len();
        parts.rotate_left(turn);
        let read: Vec<Part> = parts.into_iter().map(|part| decode(record(part)).unwrap()).collect();
        prop_assert_eq!(assemble(read), Ok(letter));
    }

    #[test]
    fn no_bytes_make_it_panic(whole in any::<Vec<u8>>(), value_length in proptest::option::of(any::<u64>()), key_length in proptest::option::of(0_u64..20)) {
        let _ = join(value_length, key_length, &whole);
    }
}
