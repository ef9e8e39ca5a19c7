//! Records of pasted text, whole and however cut.

use crate::{Cutter, Piece, records};
use event::{Format, TextEncoding};
use proptest::prelude::*;

fn texts(text: &str) -> Vec<String> {
    records(text, Format::Pasted)
        .map(|record| record.text().into_owned())
        .collect()
}

// Made-up records.
#[test]
fn records_end_where_the_next_head_is_even_within_a_line() {
    for text in [
        "2024-05-01 08:00:00, Info CBS one\n2024-05-01 08:00:01, Error CSI 00000001 (F) two\n",
        "2024-05-01 08:00:00, Info CBS one2024-05-01 08:00:01, Error CSI 00000001 (F) two",
        "2024-05-01 08:00:00, Info CBS one 2024-05-01 08:00:01, Error CSI 00000001 (F) two",
        "2024-05-01 08:00:00, Info CBS one\r2024-05-01 08:00:01, Error CSI 00000001 (F) two\r",
        "2024-05-01 08:00:00, Info CBS one<br>2024-05-01 08:00:01, Error CSI 00000001 (F) two<br>",
        "<p>2024-05-01 08:00:00, Info CBS one</p>\n<p>2024-05-01 08:00:01, Error CSI 00000001 (F) two</p>\n",
        "> 2024-05-01 08:00:00, Info CBS one\n> \n> 2024-05-01 08:00:01, Error CSI 00000001 (F) two\n",
        "7: 2024-05-01 08:00:00, Info CBS one\n\n8: 2024-05-01 08:00:01, Error CSI 00000001 (F) two\n",
    ] {
        assert_eq!(texts(text), ["one", "00000001 (F) two"], "{text:?}");
    }
}

#[test]
fn a_head_without_its_component_starts_a_record_at_a_line_start_only() {
    assert_eq!(
        texts("2024-05-01 08:00:00, Info one\n2024-05-01 08:00:01, Info two\n"),
        ["one", "two"]
    );
    assert_eq!(
        texts("2024-05-01 08:00:00, Info at 2024-05-01 08:00:01, Info two"),
        ["at 2024-05-01 08:00:01, Info two"]
    );
}

fn pieces(bytes: &[u8], encoding: TextEncoding, target: usize, slice: usize) -> Vec<Piece> {
    let mut cutter = Cutter::new(encoding, Format::Pasted, 0, target);
    let mut pieces = Vec::new();
    for slice in bytes.chunks(slice) {
        cutter.push(slice, &mut pieces);
    }
    cutter.finish(&mut pieces);
    let mut end = 0;
    for piece in &pieces {
        assert_eq!(piece.offset, end);
        end += piece.length;
    }
    assert_eq!(end, bytes.len() as u64);
    pieces
}

fn encode(encoding: TextEncoding, text: &str) -> Vec<u8> {
    match encoding {
        TextEncoding::Utf16le => [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect(),
        TextEncoding::Utf16be => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        TextEncoding::Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
        _ => text.as_bytes().to_vec(),
    }
}

/// A piece of a made-up text: heads of several kinds, whole and not, with prefixes, lost line ends and wrapped messages.
fn part() -> impl Strategy<Value = String> {
    let prefix = prop_oneof![
        Just(""),
        Just("> "),
        Just("12: "),
        Just("[7] "),
        Just("\u{3000}"),
        Just("CBS.log:3:"),
        Just("<p>"),
        Just("junk] ")
    ];
    let head = prop_oneof![
        Just("2024-05-01 08:00:00, Info                  CBS    "),
        Just("2024-05-01 08:00:00, Error CSI 00000001 (F) "),
        Just("2024-05-01 08:00:00, Error CSI "),
        Just("2024-05-01\u{a0}08：00：01，Info\tCBS\t"),
        Just("05/01/2024 8:00:00 PM, Info "),
        Just("2024-05-01 08:00:00:123 900 6a0 PT "),
        Just("Error CBS "),
        Just(""),
    ];
    let end = prop_oneof![
        Just("\n"),
        Just("\r\n"),
        Just("\r"),
        Just(""),
        Just("<br>"),
        Just("\n\n")
    ];
    (prefix, head, "[a-z ，上é0-9:.]{0,30}", end)
        .prop_map(|(prefix, head, message, end)| format!("{prefix}{head}{message}{end}"))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn any_cut_gives_the_same_records(
        parts in proptest::collection::vec(part(), 1..60),
        target in 1_usize..3_000,
        slice in 1_usize..5_000,
        copies in 1_usize..8,
    ) {
        let text = parts.concat().repeat(copies);
        for encoding in [TextEncoding::Utf8, TextEncoding::Utf16le, TextEncoding::Utf16be, TextEncoding::Gb18030] {
            let bytes = encode(encoding, &text);
            let whole: Vec<&str> = records(&text, Format::Pasted).map(|record| record.raw).collect();
            let pieces = pieces(&bytes, encoding, target, slice);
            let cut: Vec<String> = pieces
                .iter()
                .flat_map(|piece| records(&piece.text, Format::Pasted))
                .map(|record| record.raw.to_owned())
                .collect();
            prop_assert_eq!(cut, whole, "{:?} {} {}", encoding, target, slice);
        }
    }

    #[test]
    fn damaged_bytes_cost_no_offset(
        parts in proptest::collection::vec(part(), 1..40),
        damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        target in 1_usize..2_000,
    ) {
        for encoding in [TextEncoding::Utf8, TextEncoding::Utf16le, TextEncoding::Gb18030] {
            let mut bytes = encode(encoding, &parts.concat().repeat(6));
            for (index, byte) in &damage {
                let at = index.index(bytes.len());
                bytes[at] = *byte;
            }
            pieces(&bytes, encoding, target, 4_096);
        }
    }
}

#[test]
fn a_text_without_any_line_end_is_cut_between_its_records() {
    let text = "2024-05-01 08:00:00, Info CBS Failed to do a made-up thing [HRESULT = 0x80070002]"
        .repeat(8_000);
    let pieces = pieces(text.as_bytes(), TextEncoding::Utf8, 4_096, 64 * 1024);
    assert!(
        pieces
            .iter()
            .all(|piece| piece.length <= 4_096 && piece.text.starts_with("2024-05-01"))
    );
}
