//! Text that strangers might send: what real logs are made of, with letters of every script and size in between and inside.
//!
//! Random letters alone never come near a code; pieces of logs alone never meet a letter of three bytes. Both together find what slices between letters.

use proptest::prelude::*;
use proptest::sample::{Index, select};

/// Heads, lines and fields in the wording of the logs; made up.
const PIECES: [&str; 58] = [
    "2024-05-01 08:00:00, Info                  CBS    ",
    "2024-05-01 08:00:00, Error                 CSI    ",
    "2024-05-01 08:00:00, Error      [0x018049] CSI    0000000a (F) ",
    "0000000b@2024/5/1:00:00:00.609 (F) x\\y.cpp(1): Error STATUS_X originated in function A::B expression: ",
    "2024-05-01 08:00:00, Warning               DISM   DISM Package Manager: PID=1 TID=2 ",
    "Error CSI 0000000a (F) ",
    "Info [0x1] CBS ",
    "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293+0330\t1\t182 [AGENT_INSTALLING_FAILED]\t101\t{0}\t200\t80070570\tclient\tFailure\tContent Install\t",
    "148 [AGENT_DETECTION_FAILED]\t101\t{0}\t0\t80240438\tclient\tFailure\t",
    "2024/05/01 08:00:05.1234567 8096  8116  Agent           ",
    "2016-05-01\t08:00:05:755\t 648\t13bc\tHandler\tFATAL: ",
    "5/1/2024 8:7:41 - PFRO Error: \\??\\C:\\a, |delete operation|, 0xc0000034",
    "{\"ts_utc\":\"2024-05-01T08:00:05.293Z\",\"at\":4096,\"bytes\":77,\"Event\":{\"System\":{\"EventID\":98,\"Provider\":{\"#attributes\":{\"Name\":\"Ntfs\"}}},\"EventData\":{\"a\":\"",
    "{\"ts_utc\":\"2024-05-01T08:00:05.293Z\",\"host\":\"PC\",\"channel\":\"System\",\"provider\":\"Microsoft-Windows-WindowsUpdateClient\",\"event_id\":20,\"record_id\":7,\"level\":\"error\",\"data\":{\"errorCode\":\"-2147024894\",\"x\":\"",
    "{\"SourceName\":\"disk\",\"EventID\":7,\"EventTime\":\"2024-05-01 08:00:05\",\"x\":\"",
    "{\"at\":4096,\"bytes\":65536,\"unreadable\":\"",
    "\"}}",
    "\"}}}",
    "0x80070002",
    "0x800f0922",
    "0xC0000102",
    "0xd0000102",
    "0x8",
    "0x",
    "800f0922",
    "[gle=0x80070002]",
    "[HRESULT = 0x800f0922 - CBS_E_INSTALLERS_FAILED]",
    "[HRESULT = ",
    "HRESULT=800f0922",
    "*FAILED* [8024000E]",
    ", resultMapped=80070643, ",
    "c0000279 [Error,Facility=(system),Code=633 (0x0279)]",
    "HRESULT_FROM_WIN32(14098)",
    "HRESULT_FROM_WIN32(",
    "NTSTATUS_FROM_WIN32(ERROR_INVALID_DATA)",
    "STATUS_FILE_CORRUPT_ERROR #34109804#",
    "NTSTATUS -1073283059 ",
    " -2147010798",
    "0xC1900101 - 0x20017",
    " index: 194, phase: 2, result 13, inf: a.inf",
    "KB5014692",
    "KB",
    "Package_for_KB5014692~31bf3856ad364e35~amd64~~17763.3046.1.3",
    "P~<Token>~amd64~~1",
    "amd64_a-b_31bf3856ad364e35_10.0.1.2_none_0011223344556677",
    "Session: 31069300_2212357542 initialized by client X, ",
    "session(Corruption Repairing): 30792633_28 ",
    "Universal Time is: 2024-05-01 00:00:00.609",
    "[SR] Cannot repair member file [l:93]'a.dll' of Component, version ",
    "Loaded Servicing Stack v10.0.19041.1 with Core: ",
    "WER: Generating failure report for package: P~a~b~~1, status: 0x80070570, failure source: Execute, start state: ",
    "Checking System Update Readiness.\n(p)\tCSI Payload Corrupt\t(n)\ta\\b.dll\nOperation: Detect\nOperation result: 0x800f081f\n",
    "on:[27]'\\??\\C:\\ProgramData\\Printers'; ",
    "@0x",
    "\n",
    "\r\n",
    " ",
    "\t",
];

/// Letters that look like, glue to or hide beside what stands in `PIECES`: full-width, half-width and other digits and signs, marks, directions, scripts.
const NEAR: [&str; 52] = [
    "：",
    "（",
    "）",
    "［",
    "］",
    "＝",
    "，",
    "ｘ",
    "０",
    "１２",
    "８",
    "～",
    "＿",
    "－",
    "＃",
    "ﾊ",
    "é",
    "ß",
    "ñ",
    "İ",
    "ı",
    "ﬀ",
    "K",
    "\u{301}",
    "\u{345}",
    "\u{a0}",
    "\u{3000}",
    "\u{200b}",
    "\u{200d}",
    "\u{202e}",
    "\u{2066}",
    "\u{61c}",
    "\u{feff}",
    "\u{fffd}",
    "\u{0}",
    "\u{1b}[2J",
    "\u{85}",
    "\u{9b}",
    "\u{2028}",
    "\u{e0041}",
    "失败",
    "错误",
    "エラー",
    "오류",
    "خطأ",
    "٣",
    "त्रुटि",
    "ข้อผิด",
    "שגיאה",
    "ошибка",
    "😀",
    "👨‍👩‍👧",
];

/// One piece; `own` are literals that the tested code looks for.
fn piece(own: Vec<String>) -> BoxedStrategy<String> {
    let own = if own.is_empty() {
        Just(String::new()).boxed()
    } else {
        select(own).boxed()
    };
    prop_oneof![
        6 => select(&PIECES[..]).prop_map(str::to_owned),
        5 => select(&NEAR[..]).prop_map(str::to_owned),
        3 => own,
        2 => any::<char>().prop_map(String::from),
        1 => any::<String>(),
        1 => "[0-9a-fA-FxX_(): =\\[\\]-]{1,12}",
    ]
    .boxed()
}

/// Pieces in a row, and a few more anywhere, so that they tear others apart.
pub(crate) fn text(own: Vec<String>) -> impl Strategy<Value = String> {
    let row = prop::collection::vec(piece(own.clone()), 0..16).prop_map(|row| row.concat());
    let torn = prop::collection::vec((any::<Index>(), piece(own)), 0..4);
    (row, torn).prop_map(|(mut text, torn)| {
        for (at, piece) in torn {
            let at = text.floor_char_boundary(at.index(text.len() + 1));
            text.insert_str(at, &piece);
        }
        text
    })
}

/// Such text in the encodings of logs, with bytes changed, taken out and cut off: half characters and lone surrogates too.
#[allow(
    dead_code,
    reason = "not every test that includes this file reads bytes"
)]
pub(crate) fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let changes = prop::collection::vec((any::<Index>(), any::<Option<u8>>()), 0..6);
    (text(Vec::new()), 0..5_u8, changes, any::<bool>()).prop_map(
        |(text, encoding, changes, has_mark)| {
            let mark = if has_mark { "\u{feff}" } else { "" };
            let text = format!("{mark}{text}");
            let units = || text.encode_utf16();
            let mut bytes: Vec<u8> = match encoding {
                0 => units().flat_map(u16::to_le_bytes).collect(),
                1 => units().flat_map(u16::to_be_bytes).collect(),
                2 => [b"ElfFile\0".as_slice(), text.as_bytes()].concat(),
                _ => text.clone().into_bytes(),
            };
            for (at, change) in changes {
                match change {
                    _ if bytes.is_empty() => {}
                    Some(byte) => {
                        let at = at.index(bytes.len());
                        bytes[at] = byte;
                    }
                    None => drop(bytes.remove(at.index(bytes.len()))),
                }
            }
            bytes
        },
    )
}
