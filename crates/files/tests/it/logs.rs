//! Made-up logs, in any encoding.

use event::TextEncoding;
use event::upload::FileDigest;
use sha2::{Digest, Sha256};

/// A made-up CBS log of so many records: plain ones, some over several lines, a CSI record cut in two, Chinese text.
pub(crate) fn log(records: usize) -> String {
    let mut log = String::new();
    for number in 0..records {
        let (minute, second) = (number / 60 % 60, number % 60);
        log += &format!(
            "2024-05-01 08:{minute:02}:{second:02}, Info                  CBS    made-up record {number} aaaa bbbb cccc\r\n"
        );
        match number % 13 {
            // Enough of it for the encoding to be told.
            1 => log += "  安装更新失败，系统找不到指定的文件。\r\n",
            3 => log += "  (0)  a line that belongs to it\n  and another\r\n",
            7 => {
                log += &format!(
                    "2024-05-01 08:{minute:02}:{second:02}, Error                 CSI    {number:08x} (F) STATUS_MADE_UP {}\n",
                    "x".repeat(300)
                );
            }
            _ => {}
        }
    }
    log
}

/// The encodings that text is written in.
pub(crate) const TEXTS: [TextEncoding; 4] = [
    TextEncoding::Utf8,
    TextEncoding::Utf16le,
    TextEncoding::Utf16be,
    TextEncoding::Gb18030,
];

pub(crate) fn encode(encoding: TextEncoding, text: &str) -> Vec<u8> {
    match encoding {
        TextEncoding::Utf8 => text.as_bytes().to_vec(),
        TextEncoding::Utf16le => [0xFF, 0xFE]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect(),
        TextEncoding::Utf16be => [0xFE, 0xFF]
            .into_iter()
            .chain(text.encode_utf16().flat_map(u16::to_be_bytes))
            .collect(),
        TextEncoding::Gb18030 => encoding_rs::GB18030.encode(text).0.into_owned(),
        TextEncoding::Evtx => unreachable!("no text is written as an event log"),
    }
}

pub(crate) fn digest_of(bytes: &[u8]) -> FileDigest {
    FileDigest(Sha256::digest(bytes).into())
}
