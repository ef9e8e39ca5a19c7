//! What a file is, and its encoding, judged from its name and its first bytes.

use crate::facts::FactsForm;
use crate::{
    bare, cmtrace, console, event_forms, event_json, evtx, formats, head, pasted, setup_diag,
    unread,
};
use chardetng::EncodingDetector;
use event::{Format, Source, TextEncoding};

/// As many first bytes as [`detect`] wants to see.
pub const HEAD_BYTES: usize = 64 * 1024;

/// What a file is, judged from its name and its first bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Detection {
    /// The kind of log, or nothing where it is none we know.
    pub source: Option<Source>,
    /// Encoding, by byte-order mark and by evidence.
    pub encoding: TextEncoding,
    /// Bytes of the byte-order mark.
    pub bom: usize,
    /// Layout of records.
    pub format: Format,
    /// Why `source` is nothing, for people; empty otherwise.
    pub reason: &'static str,
    /// What it tells of a machine: of a file that is no log, or of what a tool printed, which may be both.
    pub facts: Option<FactsForm>,
}

/// Judges a file by its name and its first [`HEAD_BYTES`] bytes.
pub fn detect(name: &str, head: &[u8]) -> Detection {
    // Before the guess at a text's encoding, which costs more than reading a small event log.
    if head.starts_with(evtx::MAGIC) {
        return Detection {
            source: Some(Source::EventLog),
            encoding: TextEncoding::Evtx,
            bom: 0,
            format: Format::EventJson,
            reason: "",
            facts: None,
        };
    }
    let (encoding, bom) = encoding(head);
    let none = |(reason, facts)| Detection {
        source: None,
        encoding,
        bom,
        format: Format::Wds,
        reason,
        facts,
    };
    if let Some(reason) = unread::by_bytes(name, head) {
        return none((reason, None));
    }
    let text = crate::cut::decode_all(encoding, head.get(bom..).unwrap_or_default());
    let (mut heads, mut without_stamp) = (Heads::default(), Heads::default());
    let mut alone = Heads::default();
    let mut others = OTHERS.map(|other| (other, 0_usize));
    for line in text.lines() {
        if let Some((head, _)) = head::read(line) {
            heads.count(head.component);
        } else if let Some((_, count)) = others
            .iter_mut()
            .find(|((format, _), _)| is_record(line, *format))
        {
            *count += 1;
        } else if let Some((head, _)) = head::without_stamp(line)
            && is_component(head.component)
        {
            without_stamp.count(head.component);
        } else if bare::is_sure(line)
            && let Some((head, _)) = bare::read(line)
        {
            alone.count(head.component);
        }
    }
    let judged = pasted::judge(&text, is_exact);
    // Results of SetupDiag and events hold lines of logs.
    let holder = judged.as_ref().and_then(|_| holder(&text));
    if let Some(judged) = judged {
        let servicing = judged.components.len();
        let is_less = others.iter().any(|((_, source), count)| {
            *source != Source::WindowsUpdate && *count > judged.agent + servicing
        });
        if !is_less && holder.is_none() {
            let mut heads = Heads::default();
            for component in &judged.components {
                heads.count(component);
            }
            return Detection {
                source: Some(if judged.agent > servicing {
                    Source::WindowsUpdate
                } else {
                    source(name, &heads)
                }),
                encoding,
                bom,
                format: judged.format,
                reason: "",
                facts: None,
            };
        }
    }
    let most = others.into_iter().max_by_key(|(_, count)| *count);
    if let Some(((format, source), count)) = most
        && count > heads.all() + without_stamp.all()
    {
        return Detection {
            source: Some(match format {
                Format::Cmtrace | Format::CmtraceCopied => source_of_cmtrace(&text, format),
                _ => source,
            }),
            encoding,
            bom,
            format,
            reason: "",
            facts: None,
        };
    }
    if holder.is_some() || heads.all() + without_stamp.all() == 0 {
        let unread = || unread::by_text(&text, head.len());
        return match holder.or_else(|| copied(&text)) {
            // Messages that stand alone, in a text that is nothing else.
            None if alone.all() > 0 && unread::is_unknown(unread().0) => Detection {
                source: Some(self::source(name, &alone)),
                encoding,
                bom,
                format: Format::WdsHeadless,
                reason: "",
                facts: None,
            },
            Some((format, source)) => Detection {
                source: Some(source),
                encoding,
                bom,
                format,
                reason: "",
                facts: match format {
                    Format::Console => unread().1,
                    _ => None,
                },
            },
            None => none(unread()),
        };
    }
    let (format, heads) = if heads.all() > 0 {
        (Format::Wds, heads)
    } else {
        (Format::WdsHeadless, without_stamp)
    };
    Detection {
        source: Some(source(name, &heads)),
        encoding,
        bom,
        format,
        reason: "",
        facts: None,
    }
}

/// What a text is that people copied, exported or had printed, where it has no heads of a log.
fn copied(text: &str) -> Option<(Format, Source)> {
    holder(text).or_else(|| console::is_one(text).then_some((Format::Console, Source::Dism)))
}

/// The same for forms whose texts may hold lines of logs.
fn holder(text: &str) -> Option<(Format, Source)> {
    if setup_diag::is_one(text) {
        return Some((Format::SetupDiag, Source::Setup));
    }
    event_forms::judge(text).map(|format| (format, Source::EventLog))
}

/// Whose log it is that CMTrace shows: that of the part that wrote most of its records.
fn source_of_cmtrace(text: &str, format: Format) -> Source {
    let (mut intune, mut all) = (0_usize, 0_usize);
    for head in crate::records(text, format).filter_map(|record| record.head()) {
        all += 1;
        intune += usize::from(cmtrace::source(head.component) == Source::Intune);
    }
    if 2 * intune > all {
        Source::Intune
    } else {
        Source::Configmgr
    }
}

/// Formats told by their heads alone, whatever the file's name.
const OTHERS: [(Format, Source); 7] = [
    (Format::ReportingEvents, Source::ReportingEvents),
    (Format::WindowsUpdate, Source::WindowsUpdate),
    (Format::WindowsUpdateOld, Source::WindowsUpdate),
    (Format::Pfro, Source::Pfro),
    (Format::EventJson, Source::EventLog),
    (Format::Cmtrace, Source::Configmgr),
    (Format::CmtraceCopied, Source::Configmgr),
];

/// Whether a line starts with a head as its logger writes it.
fn is_exact(line: &str) -> bool {
    let is_agent = |format| {
        formats::read(line, format).is_some_and(|(head, _)| !head.component.contains('\t'))
    };
    head::is_exact(line)
        || is_agent(Format::WindowsUpdate)
        || is_agent(Format::WindowsUpdateOld)
        || head::without_stamp(line).is_some_and(|(head, _)| is_component(head.component))
}

/// Any line of JSON might start an event, so there a record must be read to be one.
fn is_record(line: &str, format: Format) -> bool {
    match format {
        Format::EventJson => event_json::read(line).is_some(),
        format => formats::starts(line, format),
    }
}

#[derive(Default)]
struct Heads {
    cbs: usize,
    dism: usize,
    agent: usize,
    other: usize,
}

impl Heads {
    fn count(&mut self, component: &str) {
        match component {
            "CBS" | "CSI" => self.cbs += 1,
            "DISM" => self.dism += 1,
            "Agent" => self.agent += 1,
            _ => self.other += 1,
        }
    }

    fn all(&self) -> usize {
        self.cbs + self.dism + self.agent + self.other
    }
}

/// The name decides where it is one of Windows' own, since DISM lines occur in CBS logs and CSI lines in DISM logs; else the most frequent component does.
fn source(name: &str, heads: &Heads) -> Source {
    let name = name
        .rsplit(['/', '\\'])
        .next()
        .unwrap_or(name)
        .to_ascii_lowercase();
    if name.starts_with("cbs") {
        Source::Cbs
    } else if name.starts_with("dism") {
        Source::Dism
    } else if name.starts_with("setupact") || name.starts_with("setuperr") {
        Source::Setup
    } else if heads.agent > heads.cbs.max(heads.dism).max(heads.other) {
        Source::WindowsUpdate
    } else if heads.cbs >= heads.dism.max(heads.other) {
        Source::Cbs
    } else if heads.dism >= heads.other {
        Source::Dism
    } else {
        Source::Setup
    }
}

/// The components that pasted text may name: prose such as `Error IN THE` must not pass for a log.
fn is_component(word: &str) -> bool {
    matches!(
        word,
        "CBS"
            | "CSI"
            | "DISM"
            | "SXS"
            | "DPX"
            | "CMI"
            | "MIG"
            | "SP"
            | "IBS"
            | "MOUPG"
            | "SYSPRP"
            | "PANTHR"
    )
}

fn encoding(head: &[u8]) -> (TextEncoding, usize) {
    if head.starts_with(&[0xEF, 0xBB, 0xBF]) {
        return (TextEncoding::Utf8, 3);
    }
    if head.starts_with(&[0xFF, 0xFE]) {
        return (TextEncoding::Utf16le, 2);
    }
    if head.starts_with(&[0xFE, 0xFF]) {
        return (TextEncoding::Utf16be, 2);
    }
    // Latin text in UTF-16 has a zero in every other byte; text in other encodings has none.
    let sample = head.get(..4_096).unwrap_or(head);
    let zeros = |parity: usize| {
        sample
            .iter()
            .skip(parity)
            .step_by(2)
            .filter(|byte| **byte == 0)
            .count()
    };
    let (even, odd, half) = (zeros(0), zeros(1), sample.len() / 2);
    if odd * 2 > half && even * 8 < half {
        return (TextEncoding::Utf16le, 0);
    }
    if even * 2 > half && odd * 8 < half {
        return (TextEncoding::Utf16be, 0);
    }
    // Chinese text in UTF-16 has a zero beside its blanks and line ends, and rarely one in a letter: `\u{4E00}`.
    let ends_lines = |low: usize| {
        sample
            .chunks_exact(2)
            .any(|pair| pair.get(low) == Some(&b'\n') && pair.get(1 - low) == Some(&0))
    };
    if odd >= 2 && even * 4 < odd && ends_lines(0) {
        return (TextEncoding::Utf16le, 0);
    }
    if even >= 2 && odd * 4 < even && ends_lines(1) {
        return (TextEncoding::Utf16be, 0);
    }
    match std::str::from_utf8(head) {
        Ok(_) => (TextEncoding::Utf8, 0),
        // A character cut by the end of the sample.
        Err(error) if error.error_len().is_none() => (TextEncoding::Utf8, 0),
        Err(_) => {
            let mut detector = EncodingDetector::new(chardetng::Iso2022JpDetection::Deny);
            detector.feed(head, false);
            let guess = detector.guess(None, chardetng::Utf8Detection::Deny);
            let is_chinese = guess == encoding_rs::GBK || guess == encoding_rs::GB18030;
            (
                if is_chinese {
                    TextEncoding::Gb18030
                } else {
                    TextEncoding::Utf8
                },
                0,
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CBS: &str = "2024-05-01 08:00:00, Info                  CBS    x\r\n";
    const DISM: &str = "2024-05-01 08:00:00, Info                  DISM   x\r\n";

    fn source_of(name: &str, text: &str) -> Option<Source> {
        detect(name, text.as_bytes()).source
    }

    #[test]
    fn the_name_decides_then_the_components() {
        assert_eq!(
            source_of("C/Windows/Logs/CBS/CbsPersist_20230522191537.log", CBS),
            Some(Source::Cbs)
        );
        assert_eq!(source_of("cbs.log", &DISM.repeat(3)), Some(Source::Cbs));
        assert_eq!(source_of("x.log", &DISM.repeat(3)), Some(Source::Dism));
        assert_eq!(
            source_of(
                "setupact.log",
                "2024-05-01 08:00:00, Info       [0x0601c1] IBS    x\r\n"
            ),
            Some(Source::Setup)
        );
        for (component, source) in [
            ("CBS", Source::Cbs),
            ("DISM", Source::Dism),
            ("MOUPG", Source::Setup),
        ] {
            let text = format!("Info {component} one\n");
            assert_eq!(source_of("pasted.txt", &text), Some(source));
        }
    }

    // Made-up records.
    #[test]
    fn other_formats_are_told_by_their_heads() {
        for (text, format, source) in [
            (
                "{0F0E0D0C-0B0A-0908-0706-050403020100}\t2024-05-01 08:00:05:293+0300\t1\t147 [X]\r\n",
                Format::ReportingEvents,
                Source::ReportingEvents,
            ),
            (
                "2024/05/01 08:00:05.1234567 8096  8116  Agent           x\r\n",
                Format::WindowsUpdate,
                Source::WindowsUpdate,
            ),
            (
                "2016-05-01\t08:00:05:755\t 648\t13bc\tHandler\tx\r\n",
                Format::WindowsUpdateOld,
                Source::WindowsUpdate,
            ),
            (
                "8/2/2017 8:7:41 - 0 Successful PFRO operations\r\n\r\n",
                Format::Pfro,
                Source::Pfro,
            ),
        ] {
            let text = text.repeat(3);
            let utf16: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            for bytes in [text.as_bytes(), &utf16] {
                let detection = detect("renamed.txt", bytes);
                assert_eq!((detection.source, detection.format), (Some(source), format));
            }
        }
    }

    #[test]
    fn lines_of_logs_in_a_result_or_an_event_make_no_log_of_it() {
        let lines = "LogEntry: 2024-05-01 08:00:00, Error SP made up\r\n2024-05-01 08:00:00, Error                 SP     made up\r\n";
        for (text, format) in [
            (
                format!("Matching Profile found: MadeUp - 1\r\n{lines}"),
                Format::SetupDiag,
            ),
            (
                format!(
                    "Log Name: System\r\nSource: Made-Up\r\nDate: 2024-05-01 08:00:00\r\nEvent ID: 1\r\nDescription:\r\n{lines}"
                ),
                Format::EventText,
            ),
        ] {
            assert_eq!(detect("x.txt", text.as_bytes()).format, format, "{text}");
        }
        assert_eq!(detect("x.txt", lines.as_bytes()).format, Format::Pasted);
    }

    // Made-up values.
    #[test]
    fn messages_that_stand_alone_are_read_where_nothing_else_is() {
        let message =
            "Failed to resolve package 'Made-Up' [HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]\n";
        for (text, source) in [
            (message.to_owned(), Source::Cbs),
            (format!("It says:\n\n  - {message}"), Source::Cbs),
            (
                "Error: 0x800f0922\n\nDISM failed.\n".to_owned(),
                Source::Dism,
            ),
            (
                "*FAILED* [80244022] Send request\n".to_owned(),
                Source::WindowsUpdate,
            ),
            ("0xC1900101 - 0x30018\n".to_owned(), Source::Setup),
        ] {
            let found = detect("post.txt", text.as_bytes());
            assert_eq!(
                (found.source, found.format),
                (Some(source), Format::WdsHeadless),
                "{text}"
            );
        }
        // A log's own lines go on to be read as they were.
        let log = format!("{CBS}{message}");
        assert_eq!(detect("x.log", log.as_bytes()).format, Format::Wds);
        // A page stays one.
        let page = format!("<!doctype html>\n{message}");
        assert_eq!(detect("x.htm", page.as_bytes()).source, None);
    }

    #[test]
    fn what_is_no_log_says_why() {
        for (bytes, word) in [
            (&b"MSCF"[..], "cabinet"),
            (b"{\"made\": \"up\"}\n", "JSON"),
            (b"PK\x03\x04", "zip"),
            (b"", "empty"),
            (b"hello\n", "no record head"),
        ] {
            let detection = detect("CBS.log", bytes);
            assert_eq!(detection.source, None);
            assert!(detection.reason.contains(word), "{}", detection.reason);
        }
    }

    #[test]
    fn encodings_are_told_by_mark_and_by_evidence() {
        let utf16: Vec<u8> = CBS.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16be: Vec<u8> = CBS.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let chinese = format!(
            "{CBS}{}",
            "安装更新失败，系统找不到指定的文件。\r\n".repeat(8)
        );
        let gbk = encoding_rs::GB18030.encode(&chinese).0.into_owned();
        let with_mark = [&[0xFF, 0xFE], utf16.as_slice()].concat();
        for (bytes, expected) in [
            (CBS.as_bytes(), (TextEncoding::Utf8, 0)),
            (&utf16, (TextEncoding::Utf16le, 0)),
            (&utf16be, (TextEncoding::Utf16be, 0)),
            (&gbk, (TextEncoding::Gb18030, 0)),
            (&with_mark, (TextEncoding::Utf16le, 2)),
        ] {
            let detection = detect("CBS.log", bytes);
            assert_eq!((detection.encoding, detection.bom), expected);
            assert_eq!(detection.source, Some(Source::Cbs));
        }
    }
}
