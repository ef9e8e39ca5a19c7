//! Why a file is not read, from its name and its first bytes: as exact as these tell, so that its owner knows what to do about it.

use crate::HEAD_BYTES;
use crate::facts::FactsForm;

const EMPTY: &str = "empty file";
const ZEROS: &str = "it begins with nothing but zero bytes: it was never written, or is damaged";
const BLANK: &str = "nothing but blank lines";
const BINARY: &str = "binary data, no text";
const JSON: &str = "JSON without events of an event log in a shape we know";
const NO_HEAD: &str = "no record head of a log we know found";
const NO_HEAD_SO_FAR: &str = "no record head of a log we know found in its first 64 KiB";
const TRACE: &str = "trace of the update agent (.etl): run Get-WindowsUpdateLog on that PC and hand over the WindowsUpdate.log that it writes";

/// What files of other kinds start with.
const MAGICS: [(&[u8], &str); 14] = [
    (
        b"MSCF",
        "cabinet: no log itself; the logs inside are read where it is a file of its own",
    ),
    (
        b"PK\x03\x04",
        "zip archive: no log itself; the logs inside are read where it is a file of its own",
    ),
    (b"\x1F\x8B", "gzip archive: unpack it first"),
    (b"7z\xBC\xAF\x27\x1C", "7z archive: unpack it first"),
    (b"Rar!\x1A\x07", "rar archive: unpack it first"),
    (b"MZ", "program or library, no log"),
    (b"regf", "registry hive, no log"),
    (b"MDMP", "memory dump, no log"),
    (b"PAGEDU", "memory dump, no log"),
    (b"\x89PNG", PICTURE),
    (b"\xFF\xD8\xFF", PICTURE),
    (b"%PDF-", DOCUMENT),
    (b"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", DOCUMENT),
    (
        b"PML_",
        "Process Monitor's own file: no log that is read; save as CSV there, filtered to TiWorker.exe and TrustedInstaller.exe, and look at results other than SUCCESS",
    ),
];

const PICTURE: &str = "picture: text in pictures is not read, copy it as text";
const DOCUMENT: &str = "document: save the log in it as plain text";

/// How a form is told from its text.
enum Sign {
    /// What it starts with in small letters, blanks before it apart.
    Starts(&'static str),
    /// What it holds near its start, all of it.
    Holds(&'static [&'static str]),
}

use Sign::{Holds, Starts};

/// What a text is that is no log.
enum Is {
    /// Nothing that is read, and why.
    Unread(&'static str),
    /// Facts about a machine.
    Facts(FactsForm),
}

use Is::{Facts, Unread};

/// Texts of forms that are no logs: logs of others, exports of tools, facts about a machine. They are named, so that nobody takes them for
/// read. The first that fits names the form: what starts a file is surer than what it holds, and exports may quote the words of others.
const TEXTS: [(Sign, Is); 31] = [
    (Starts("<!doctype html"), Unread(PAGE)),
    (Starts("<html"), Unread(PAGE)),
    (Starts("{\\rtf"), Unread(DOCUMENT)),
    (Starts("regedit4"), Facts(FactsForm::Registry)),
    (Starts("hkey_local_machine\\"), Facts(FactsForm::RegQuery)),
    (
        Starts("[device install log]"),
        Unread("log of driver setup (setupapi): not read"),
    ),
    (
        Starts("=== verbose logging started"),
        Unread("log of Windows Installer (MSI): not read"),
    ),
    (Starts("version=1\r\neventtype="), Unread(ERROR_REPORT)),
    (Starts("version=1\neventtype="), Unread(ERROR_REPORT)),
    (
        Holds(&["\"Process Name\"", "\"Operation\"", "\"Result\""]),
        Facts(FactsForm::ProcessMonitor),
    ),
    (
        Holds(&["Windows Registry Editor Version"]),
        Facts(FactsForm::Registry),
    ),
    (
        Holds(&["HKEY_LOCAL_MACHINE\\", "REG_"]),
        Facts(FactsForm::RegQuery),
    ),
    (
        Holds(&["Host Name:", "OS Name:", "OS Version:"]),
        Facts(FactsForm::SystemInfo),
    ),
    (
        Holds(&["主机名:", "OS 名称:", "OS 版本:"]),
        Facts(FactsForm::SystemInfo),
    ),
    (
        Holds(&["System Manufacturer", "OS Name", "System Model"]),
        Facts(FactsForm::MsInfo),
    ),
    (
        Holds(&["系统制造商", "OS 名称", "系统型号"]),
        Facts(FactsForm::MsInfo),
    ),
    (
        Holds(&["HotFixID", "InstalledBy"]),
        Facts(FactsForm::Updates),
    ),
    (
        Holds(&["HotFixID", "Description"]),
        Facts(FactsForm::Updates),
    ),
    (
        Holds(&["Package Identity :", "State :"]),
        Facts(FactsForm::Packages),
    ),
    (
        Holds(&["Package Identity", "Release Type", "Install Time"]),
        Facts(FactsForm::Packages),
    ),
    (Holds(&["程序包标识", "状态"]), Facts(FactsForm::Packages)),
    (
        Holds(&["Filter Name", "Num Instances", "Altitude"]),
        Facts(FactsForm::Filters),
    ),
    (
        Holds(&["筛选器名称", "高度", "-----"]),
        Facts(FactsForm::Filters),
    ),
    (Holds(&["WinHTTP proxy settings"]), Facts(FactsForm::Proxy)),
    (Holds(&["WinHTTP 代理服务器"]), Facts(FactsForm::Proxy)),
    (
        Holds(&["SERVICE_NAME:", "STATE"]),
        Unread("output of sc query: facts about the machine, no log of a failure"),
    ),
    (
        Holds(&["\"tables\"", "\"columns\"", "\"rows\""]),
        Unread(
            "answer of Azure Monitor as rows without names: save the records as JSON objects or CSV",
        ),
    ),
    (
        Holds(&["ProviderName:", "LevelDisplayName", "TimeCreated"]),
        Unread(
            "table of Get-WinEvent: it cuts messages off; save with Format-List, Export-Csv or wevtutil epl",
        ),
    ),
    (
        Holds(&["EntryType", "InstanceID", "Source"]),
        Unread(
            "table of Get-EventLog: it cuts messages off and has no years; save with Format-List, Export-Csv or wevtutil epl",
        ),
    ),
    (
        Holds(&["Windows Update logs are now generated using ETW"]),
        Unread(
            "WindowsUpdate.log of Windows 10 and later is a note, no log: run Get-WindowsUpdateLog and give what it writes",
        ),
    ),
    (Starts("<"), Unread("XML in a form that is not read")),
];

const PAGE: &str = "web page: save the log in it as plain text";
const ERROR_REPORT: &str = "report of Windows Error Reporting: not read";

/// Every reason, so that whoever translates them can see that none is missing.
pub fn unread_reasons() -> impl Iterator<Item = &'static str> {
    let magics = MAGICS.iter().map(|(_, reason)| *reason);
    let texts = TEXTS.iter().map(|(_, is)| is.reason());
    [
        EMPTY,
        ZEROS,
        BLANK,
        BINARY,
        JSON,
        NO_HEAD,
        NO_HEAD_SO_FAR,
        TRACE,
    ]
    .into_iter()
    .chain(magics)
    .chain(texts)
}

impl Is {
    fn reason(&self) -> &'static str {
        match self {
            Unread(reason) => reason,
            Facts(form) => form.reason(),
        }
    }
}

/// Whether a reason says no more than that nothing known was found.
pub(crate) fn is_unknown(reason: &str) -> bool {
    reason == NO_HEAD || reason == NO_HEAD_SO_FAR
}

/// The reason that the bytes alone tell, before they are taken for text.
pub(crate) fn by_bytes(name: &str, head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some(EMPTY);
    }
    if head.iter().all(|byte| *byte == 0) {
        return Some(ZEROS);
    }
    let is_trace = name.len() >= 4
        && name
            .get(name.len() - 4..)
            .is_some_and(|end| end.eq_ignore_ascii_case(".etl"));
    let is_text = std::str::from_utf8(head).is_ok();
    if is_trace && !is_text {
        return Some(TRACE);
    }
    MAGICS
        .iter()
        // A text may begin with the same two letters.
        .find(|(magic, _)| head.starts_with(magic) && (magic.len() > 2 || !is_text))
        .map(|(_, reason)| *reason)
}

/// The reason of a text in which no record was found, and what facts it tells.
pub(crate) fn by_text(text: &str, bytes: usize) -> (&'static str, Option<FactsForm>) {
    match judged(text, bytes) {
        Unread(reason) => (reason, None),
        Facts(form) => (form.reason(), Some(form)),
    }
}

fn judged(text: &str, bytes: usize) -> Is {
    let start = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if start.is_empty() {
        return Unread(BLANK);
    }
    // Beyond what a damaged line or a stray escape sequence leaves.
    let sample = || text.chars().take(4_096);
    let unreadable = sample().filter(|letter| {
        *letter == char::REPLACEMENT_CHARACTER
            || (letter.is_control() && !matches!(letter, '\t' | '\r' | '\n' | '\u{c}'))
    });
    if unreadable.count() * 10 > sample().count() {
        return Unread(BINARY);
    }
    let head: String = start.chars().take(64).collect::<String>().to_lowercase();
    let form = TEXTS.iter().find(|(sign, _)| match sign {
        Starts(words) => head.starts_with(words),
        Holds(all) => all.iter().all(|words| text.contains(words)),
    });
    match form {
        Some((_, Unread(reason))) => Unread(reason),
        Some((_, Facts(form))) => Facts(*form),
        None if looks_like_json(start) => Unread(JSON),
        None if bytes < HEAD_BYTES => Unread(NO_HEAD),
        None => Unread(NO_HEAD_SO_FAR),
    }
}

/// `{…` or a list of values: a lone bracket opens a line of many other logs.
fn looks_like_json(text: &str) -> bool {
    let inside = text.strip_prefix('[').map(str::trim_start);
    text.starts_with('{') || inside.is_some_and(|inside| inside.starts_with(['{', '[', '"', ']']))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(name: &str, bytes: &[u8]) -> &'static str {
        crate::detect(name, bytes).reason
    }

    #[test]
    fn each_reason_is_that_of_the_file() {
        let long = "prose of no log\n".repeat(HEAD_BYTES / 16);
        for (name, bytes, wanted) in [
            ("CBS.log", &b""[..], EMPTY),
            ("CBS.log", &[0; 4096], ZEROS),
            ("CBS.log", b"\xEF\xBB\xBF\r\n \r\n", BLANK),
            ("CBS.log", b"\x01\x02\x03\xF0\xE1\x80abc\x00\x07", BINARY),
            ("x.json", b"{\"a\": 1}", JSON),
            ("x.json", b"[ {\"a\": 1} ]", JSON),
            (
                "setupact.log",
                b"[03/05/2024 09:12.01.100] Coinstaller: x\r\n",
                NO_HEAD,
            ),
            ("x.log", b"MZ is how this text begins\r\n", NO_HEAD),
            ("x.log", long.as_bytes(), NO_HEAD_SO_FAR),
            (
                "WindowsUpdate.1.etl",
                b"\x00\x10\x00\x00\xFE\xFF\x01\x80",
                TRACE,
            ),
            (
                "x.log",
                b"MZ\x90\x00\x03\x00\x00\x00\xFF\xFF",
                "program or library, no log",
            ),
            ("x.png", b"\x89PNG\r\n\x1A\n", PICTURE),
            ("x.htm", b"\r\n<!DOCTYPE html><p>x", PAGE),
            (
                "x.xml",
                b"<?xml version=\"1.0\"?><a/>",
                "XML in a form that is not read",
            ),
            (
                "setupapi.dev.log",
                b"[Device Install Log]\r\n     OS Version = 10\r\n",
                "log of driver setup (setupapi): not read",
            ),
        ] {
            assert_eq!(reason(name, bytes), wanted, "{name}");
            assert!(unread_reasons().any(|reason| reason == wanted));
        }
        let utf16: Vec<u8> = "\u{feff}[Device Install Log]\r\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert!(reason("x.log", &utf16).contains("setupapi"));
    }

    // Made-up values.
    #[test]
    fn facts_and_exports_are_named() {
        for (text, word) in [
            (
                "\nHost Name:                 PC-1\nOS Name:                   Microsoft Windows 10 Pro\nOS Version:                10.0.19045 N/A Build 19045\n",
                "systeminfo",
            ),
            (
                "Source        Description      HotFixID      InstalledBy          InstalledOn\n",
                "installed updates",
            ),
            (
                "Windows Registry Editor Version 5.00\r\n\r\n[HKEY_LOCAL_MACHINE\\SOFTWARE]\r\n",
                "registry export",
            ),
            (
                "HKEY_LOCAL_MACHINE\\SOFTWARE\\Made\\Up\n    UseWUServer    REG_DWORD    0x1\n",
                "reg query",
            ),
            (
                "\"Time of Day\",\"Process Name\",\"PID\",\"Operation\",\"Path\",\"Result\",\"Detail\"\r\n",
                "CSV",
            ),
        ] {
            assert!(reason("x.txt", text.as_bytes()).contains(word), "{text}");
        }
    }

    #[test]
    fn what_starts_a_file_is_surer_than_what_it_holds() {
        const FACTS: &str = "HKEY_LOCAL_MACHINE\\SOFTWARE REG_SZ XPML_1";
        for (start, word) in [
            ("=== Verbose logging started: 3/5/2024", "Installer"),
            ("[Device Install Log]", "setupapi"),
            ("<html><body>", "web page"),
            ("Version=1\r\nEventType=MadeUp", "Error Reporting"),
            ("REGEDIT4", "registry export"),
            ("C:\\>reg query", "reg query"),
        ] {
            let text = format!("{start}\r\n{FACTS}\r\n");
            let reason = reason("x.txt", text.as_bytes());
            assert!(reason.contains(word), "{start}: {reason}");
        }
        assert!(reason("x.pml", b"PML_\x09\0\0\0\x01\0\0\0").contains("save as CSV"));
        assert_eq!(reason("x.txt", b"an XPML_ file\n"), NO_HEAD);
    }
}
