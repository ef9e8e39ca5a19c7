//! Made-up event logs, whole and damaged.

use super::writer::{Made, file};
use super::*;
use crate::{Cutter, Piece, detect, records};
use ::event::{Format, Source, TextEncoding};
use proptest::prelude::*;

fn made(record_id: u64) -> Made<'static> {
    Made {
        provider: "disk",
        event_id: "7",
        record_id,
        time: "2024-05-01T08:00:05.2931234Z",
        data: &[("DeviceName", r"\Device\Harddisk0\DR0")],
    }
}

fn pieces(bytes: &[u8], slice: usize) -> Vec<Piece> {
    let mut cutter = Cutter::new(TextEncoding::Evtx, Format::EventJson, 0, 1);
    let mut pieces = Vec::new();
    for slice in bytes.chunks(slice.max(1)) {
        cutter.push(slice, &mut pieces);
    }
    cutter.finish(&mut pieces);
    let mut end = 0;
    for piece in &pieces {
        assert_eq!(piece.offset, end);
        assert!(!piece.open);
        end += piece.length;
    }
    assert_eq!(end, bytes.len() as u64);
    pieces
}

/// Record ids of the events that were read, each checked to stand where it says.
fn ids(bytes: &[u8], slice: usize) -> Vec<u64> {
    let mut ids = Vec::new();
    for piece in pieces(bytes, slice) {
        for record in records(&piece.text, Format::EventJson) {
            let (at, length) = record.place(TextEncoding::Evtx).unwrap();
            assert!(piece.offset <= at && at + length <= piece.offset + piece.length);
            if let Some(event) = record.event() {
                let start = usize::try_from(at).unwrap();
                assert_eq!(bytes[start..start + 4], [0x2a, 0x2a, 0, 0]);
                ids.extend(event.record_id);
            } else {
                assert!(!record.has_head(), "{}", record.raw);
            }
        }
    }
    ids
}

#[test]
fn a_log_is_read_chunk_by_chunk_however_it_arrives() {
    let bytes = file(&[&[made(1), made(2)], &[made(3)]]);
    let detection = detect("x.evtx", &bytes[..4_096]);
    assert_eq!(
        (detection.source, detection.encoding, detection.format),
        (
            Some(Source::EventLog),
            TextEncoding::Evtx,
            Format::EventJson
        )
    );
    for slice in [1_000, 65_536, 1 << 20] {
        assert_eq!(ids(&bytes, slice), [1, 2, 3]);
    }
    let pieces = pieces(&bytes, 7_777);
    assert_eq!(pieces.len(), 2);
    let record = records(&pieces[0].text, Format::EventJson).next().unwrap();
    assert_eq!(
        record.text(),
        r#"{"ts_utc":"2024-05-01T08:00:05.293Z","host":"PC-1","channel":"System","provider":"disk","event_id":7,"record_id":1,"level":null,"data":{"DeviceName":"\\Device\\Harddisk0\\DR0"}}"#
    );
    assert_eq!(record.head().unwrap().component, "disk");
    // What the intake gets is cut at the same places.
    let at = usize::try_from(pieces[1].offset).unwrap();
    assert_eq!(decode(pieces[1].offset, &bytes[at..]).0, pieces[1].text);
}

#[test]
fn a_damaged_chunk_and_a_damaged_record_are_counted_and_the_rest_is_read() {
    let mut bytes = file(&[&[made(1)], &[made(2), made(3), made(4)], &[made(5)]]);
    bytes[4_096] = b'X';
    let third = 4_096 + 65_536 + 512;
    let length = u32::from_le_bytes(bytes[third + 4..third + 8].try_into().unwrap()) as usize;
    // The second record of the second chunk loses its magic.
    bytes[third + length] = 0;
    assert_eq!(ids(&bytes, 1 << 20), [2, 4, 5]);
    let pieces = pieces(&bytes, 1 << 20);
    let unreadable: Vec<u64> = pieces.iter().map(|piece| piece.replacements).collect();
    assert_eq!(unreadable, [1, 1, 0]);
    assert!(
        pieces[0]
            .text
            .starts_with(r#"{"at":4096,"bytes":65536,"unreadable":"#)
    );
    let hole = format!(
        r#"{{"at":{},"bytes":{length},"unreadable":"#,
        third + length
    );
    assert!(
        pieces[1].text.contains(&hole),
        "{hole} in {}",
        pieces[1].text
    );
}

#[test]
fn unused_chunks_and_a_log_without_any_are_no_damage() {
    let mut bytes = file(&[&[made(1)]]);
    bytes.resize(bytes.len() + 3 * 65_536, 0);
    assert_eq!(ids(&bytes, 1 << 20), [1]);
    assert!(
        pieces(&bytes, 1 << 20)
            .iter()
            .all(|piece| piece.replacements == 0)
    );
    assert!(ids(&bytes[..4_096], 1 << 20).is_empty());
}

#[test]
fn a_log_cut_anywhere_gives_what_stands_before_the_cut() {
    let bytes = file(&[&[made(1), made(2)], &[made(3)]]);
    for length in [
        1,
        100,
        4_095,
        4_097,
        4_700,
        4_096 + 65_536,
        4_096 + 65_536 + 600,
    ] {
        let found = ids(&bytes[..length], 1 << 20);
        assert!([1, 2, 3].starts_with(&found), "{length}: {found:?}");
    }
}

#[test]
fn what_a_chunk_becomes_is_bounded_and_said() {
    let long = "x".repeat(1_000);
    let data = [("Made", long.as_str())];
    let events: Vec<Made<'_>> = (1..20)
        .map(|record_id| Made {
            data: &data,
            ..made(record_id)
        })
        .collect();
    let bytes = file(&[&events, &[made(20)]]);
    let (text, unreadable) = decode_within(0, &bytes, 5_000);
    let lines: Vec<&str> = text.lines().collect();
    assert!((4..8).contains(&lines.len()), "{text}");
    assert_eq!(unreadable, 1);
    assert!(lines[lines.len() - 2].contains("grows too much"));
    assert!(lines[lines.len() - 1].contains("\"EventRecordID\":\"20\""));
}

proptest! {
    #[test]
    fn damage_anywhere_loses_no_byte_and_never_panics(damage in proptest::collection::vec((4_608_usize..4_096 + 2_500, any::<u8>()), 1..40), slice in 1_000_usize..100_000) {
        let mut bytes = file(&[&[made(1), made(2), made(3)], &[made(4)]]);
        for (at, byte) in damage {
            bytes[at] = byte;
        }
        let pieces = pieces(&bytes, slice);
        let text: String = pieces.iter().map(|piece| piece.text.as_str()).collect();
        for record in records(&text, Format::EventJson) {
            let _ = (record.head(), record.text(), record.place(TextEncoding::Evtx));
        }
        prop_assert!(text.contains("\"EventRecordID\":\"4\"") || text.contains("\"EventRecordID\":4"));
    }
}
