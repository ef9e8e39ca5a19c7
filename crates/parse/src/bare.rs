//! Messages that stand alone: a line of a log, or a result that a tool printed, copied without anything of its head.
//!
//! Posts and articles quote `Failed to resolve package '…' [HRESULT = 0x800f0831 - …]` and `Error: 0x800f081f`, and leave out stamp, level and
//! component. Such lines are read only in a text that holds no head of any log; there the words that a message starts with tell who wrote it.

use crate::console;
use crate::cut::LOOK_AHEAD;
use crate::head::{Head, first_line};
use event::Level;

/// Who writes messages that start so.
struct Opener {
    component: &'static str,
    starts: &'static [&'static str],
}

const OPENERS: [Opener; 6] = [
    Opener {
        component: "CBS",
        starts: &[
            "Failed to ",
            "Failed while ",
            "Failed reading ",
            "Failed installing ",
            "Failed getting ",
            "Exec: ",
            "Startup: ",
            "Session: ",
            "Store corruption, ",
            "Mark store corruption ",
            "WER: Generating ",
            "Doqe: ",
            "Doqi: ",
            "Shtd: ",
            "CheckSur: ",
            "Package: ",
            "INSTALL index: ",
            "Matching binary: ",
            "Hydration failed for ",
            "Rolling back KTM",
            "InternalOpenPackage failed ",
            "Setting original failure status: ",
            "Reporting package change completion ",
            "Checking System Update Readiness",
        ],
    },
    Opener {
        component: "CSI",
        starts: &["(F) ", "[SR] ", "Failed execution of queue item "],
    },
    Opener {
        component: "DISM",
        starts: &["DISM.EXE: ", "DISM API: ", "DISM Manager: "],
    },
    Opener {
        component: "MOUPG",
        starts: &[
            "CSetupHost::",
            "CSetupManager::",
            "SetupHost: ",
            "Operation failed: ",
        ],
    },
    Opener {
        component: "SYSPRP",
        starts: &["WinMain:Hit failure", "ActionPlatform::"],
    },
    Opener {
        component: "Agent",
        starts: &[
            "* END * ",
            "*FAILED* [",
            "Installation Failure: Windows ",
            "System.Runtime.InteropServices.COMException (0x8024",
        ],
    },
];

/// Components of the logs as people leave them when only stamp and level are cut off.
const COMPONENTS: [&str; 8] = ["CBS", "CSI", "DISM", "MOUPG", "SYSPRP", "SP", "MIG", "IBS"];

/// Components of the update agent's traces, which have two blanks or a TAB behind them.
const AGENT: [&str; 8] = [
    "Agent",
    "ProtocolTalker",
    "DownloadManager",
    "Handler",
    "ComApi",
    "Misc",
    "AU",
    "PT",
];

/// Commands of PowerShell that change features, capabilities and packages: they write their own name before what went wrong.
const COMMANDS: [&str; 12] = [
    "Add-WindowsCapability",
    "Remove-WindowsCapability",
    "Enable-WindowsOptionalFeature",
    "Disable-WindowsOptionalFeature",
    "Install-WindowsFeature",
    "Uninstall-WindowsFeature",
    "Add-WindowsFeature",
    "Remove-WindowsFeature",
    "Add-WindowsPackage",
    "Remove-WindowsPackage",
    "Repair-WindowsImage",
    "Mount-WindowsImage",
];

/// Marks of quotation, lists and code before a line.
const MARKS: [char; 9] = [' ', '\t', '>', '-', '*', '•', '`', '"', '\u{feff}'];

/// A message that starts at this line; told from its first [`LOOK_AHEAD`] characters.
pub(crate) fn read(line: &str) -> Option<(Head<'static>, usize)> {
    let seen = head_of(line);
    let (component, at) = told(seen)?;
    let head = Head {
        logged: None,
        level: Level::Unknown,
        level_word: "",
        message_id: None,
        component,
    };
    Some((head, at))
}

/// Whether the line is such a message beyond doubt: it says a failing code in the way of the logs, where the words alone may be anybody's.
pub(crate) fn is_sure(line: &str) -> bool {
    const RESULTS: [&str; 12] = [
        "[HRESULT = ",
        "(hr:0x8",
        "HRESULT=8",
        ": 0x8",
        "：0x8",
        " = 0x8",
        "= 0xC19",
        ": 0xC19",
        "with error 0x",
        "status: 0x8",
        "FAILED* [8",
        "(0x8024",
    ];
    const OWN: [&str; 5] = [
        "Checking System Update Readiness",
        "[SR] Cannot repair member file ",
        " (F) ",
        "Store corruption, manifest missing for package: ",
        "Matching binary: ",
    ];
    // Any program fails to do something with `: 0x8…`; these are servicing's ways to write it.
    const SERVICING: [&str; 6] = [
        "[HRESULT = ",
        "hr: 0x",
        "hr = 0x",
        "status: 0x",
        "Status: 0x",
        ", result ",
    ];
    let line = first_line(line);
    let says = |words: &[&str]| words.iter().any(|words| line.contains(words));
    let text = line.trim_start_matches(MARKS);
    match read(line) {
        Some((head, _)) if head.component == "CBS" => says(&SERVICING) || says(&OWN),
        Some(_) => says(&RESULTS) || says(&OWN) || extended(text).is_some() || is_command(text),
        None => false,
    }
}

/// The first characters of a line, without what follows it.
fn head_of(line: &str) -> &str {
    let line = first_line(line);
    match line.char_indices().nth(LOOK_AHEAD) {
        Some((end, _)) => line.get(..end).unwrap_or(line),
        None => line,
    }
}

/// Who wrote it, and where the message starts.
fn told(line: &str) -> Option<(&'static str, usize)> {
    let text = line.trim_start_matches(MARKS);
    // `* END *` and `*FAILED*` start with a mark themselves.
    let starred = line.trim_start_matches([' ', '\t', '>']);
    let place = |rest: &str| line.len() - rest.len();
    // A table of events shows the level before the message.
    let levelled = text
        .strip_prefix("Error ")
        .or_else(|| text.strip_prefix("Error\t"))
        .map_or(text, str::trim_start);
    for opener in &OPENERS {
        for start in opener.starts {
            for rest in [text, starred, levelled] {
                if rest.starts_with(start) {
                    return Some((opener.component, place(rest)));
                }
            }
        }
    }
    if is_csi(text) {
        return Some(("CSI", place(text)));
    }
    if text.starts_with("DISM ") && text.contains(": PID=") {
        return Some(("DISM", place(text)));
    }
    let word = text.split([' ', '\t']).next()?;
    let after = text.get(word.len()..)?;
    let rest = after.trim_start_matches([' ', '\t']);
    if rest.len() < after.len() && !rest.is_empty() {
        if let Some(component) = COMPONENTS.iter().find(|component| **component == word) {
            return Some((component, place(rest)));
        }
        let is_wide = after.starts_with("  ") || after.starts_with('\t');
        if is_wide && AGENT.contains(&word) {
            return Some(("Agent", place(rest)));
        }
    }
    if extended(text).is_some() {
        return Some(("MOUPG", place(text)));
    }
    if is_result(text) {
        return Some(("DISM", place(text)));
    }
    // `Package KB5000001 failed to be changed to the Installed state. Status: 0x…`: what event 3 of servicing says.
    if text.starts_with("Package KB") && text.contains(" failed to be ") {
        return Some(("CBS", place(text)));
    }
    None
}

/// `00000a64 (F) …`, `00000a6d@2024/3/5:01:12:01.000 (F) …`
fn is_csi(text: &str) -> bool {
    let digits = text.bytes().take_while(u8::is_ascii_hexdigit).count();
    let rest = text.get(digits..).unwrap_or_default();
    digits == 8
        && rest.starts_with([' ', '@'])
        && (rest.contains(" (F) ") || rest.contains(" [SR] "))
}

/// `Error: 0x800f081f`, `Add-WindowsCapability : …`.
fn is_result(text: &str) -> bool {
    let is_code = |rest: &str| {
        let rest = rest.trim_start();
        let rest = rest.strip_prefix([':', '：']).unwrap_or_default();
        let digits = rest.trim_start().strip_prefix("0x").unwrap_or_default();
        let is_failure = digits.starts_with(['8', 'c', 'C']);
        is_failure && digits.bytes().take(8).filter(u8::is_ascii_hexdigit).count() == 8
    };
    let mut errors = console::ERROR.iter();
    if errors.any(|word| text.strip_prefix(word).is_some_and(is_code)) {
        return true;
    }
    is_command(text)
}

/// `Add-WindowsCapability : …`
fn is_command(text: &str) -> bool {
    COMMANDS.iter().any(|command| {
        let rest = text.strip_prefix(command).unwrap_or_default();
        rest.starts_with(" : ") || rest.starts_with(": ") || rest.starts_with(" failed. ")
    })
}

/// `0xC1900101 - 0x30018`: what Setup's last page shows.
fn extended(text: &str) -> Option<()> {
    let text = text
        .strip_prefix("Error: ")
        .or_else(|| text.strip_prefix("Error "))
        .unwrap_or(text);
    let digits = text.strip_prefix("0x")?;
    let code = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    let rest = digits.get(code..)?.trim_start();
    let rest = rest.strip_prefix(['-', '–', '—'])?.trim_start();
    let extend = rest.strip_prefix("0x")?;
    let is_phase = extend.starts_with(['1', '2', '3', '4', '5']);
    let length = extend.bytes().take_while(u8::is_ascii_hexdigit).count();
    (code == 8 && length == 5 && is_phase).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made-up values.
    #[test]
    fn a_message_tells_who_wrote_it() {
        for (line, component, message) in [
            (
                "Failed to resolve package 'Made-Up~31bf3856ad364e35~amd64~~1.0' [HRESULT = 0x800f0831 - CBS_E_STORE_CORRUPTION]",
                "CBS",
                "Failed to resolve",
            ),
            (
                "   - Failed to pin deployment while resolving Update: Made-Up [HRESULT = 0x80073701]",
                "CBS",
                "Failed to pin",
            ),
            (
                "> 00000a64 (F) Failed execution of queue item Installer: Made Up",
                "CSI",
                "00000a64 (F)",
            ),
            (
                "00000a6d@2024/3/5:01:12:01.000 (F) CMIADAPTER: Exiting",
                "CSI",
                "00000a6d@",
            ),
            (
                " DISM Package Manager: PID=1 TID=2 Failed x - Made::Up(hr:0x800f081f)",
                "DISM",
                "DISM Package Manager",
            ),
            (
                "CBS    Failed to x [HRESULT = 0x80070490]",
                "CBS",
                "Failed to x",
            ),
            ("Error: 0x800f0922", "DISM", "Error: "),
            (
                "Error Installation Failure: Windows failed to install the following update with error 0x80070490: Made up",
                "Agent",
                "Installation",
            ),
            (
                "Install-WindowsFeature : The request to add or remove features on the specified server failed.",
                "DISM",
                "Install-",
            ),
            ("错误：0x800f081f", "DISM", "错误"),
            ("Erreur : 0x800f0906", "DISM", "Erreur"),
            (
                "Add-WindowsCapability : Add-WindowsCapability failed. Error code = 0x800f0954",
                "DISM",
                "Add-",
            ),
            (
                "Installation Failure: Windows failed to install the following update with error 0x80070490: Made up",
                "Agent",
                "Installation",
            ),
            (
                "Agent           * END * Finding updates CallerId = x  Id = 3, Exit code = 0x80244022",
                "Agent",
                "* END *",
            ),
            (
                "Package KB5000001 failed to be changed to the Absent state. Status: 0x800f0922.",
                "CBS",
                "Package KB",
            ),
            ("0xC1900101 - 0x30018", "MOUPG", "0xC1900101"),
            ("**Error: 0xC1900101 – 0x4000D**", "MOUPG", "Error: 0xC19"),
        ] {
            let (head, at) = read(line).unwrap_or_else(|| panic!("no message: {line}"));
            assert_eq!(head.component, component, "{line}");
            assert!(line[at..].starts_with(message), "{line}: {}", &line[at..]);
            assert!(is_sure(line), "{line}");
        }
    }

    #[test]
    fn prose_and_other_logs_are_none() {
        for line in [
            "",
            "Failed to open the door",
            "Failed to load made-up: 0x80070005",
            "Package: made-up 1.0 was installed",
            "Session: opened for user x",
            "Error: something broke",
            "Error: 12",
            "Write-Host \"Error: 0x800f081f\"",
            "I get Error: 0x800f081f when I try this",
            "see https://example.test/fix-0x80070002 - 0x3",
            "0x80070002 - the system cannot find it",
            "deadbeef is no record",
            "Agent Smith called",
            "Exec: /usr/bin/made-up",
        ] {
            assert!(!is_sure(line), "{line}");
        }
    }

    #[test]
    fn a_start_needs_no_more_than_is_seen_before_a_cut() {
        let line = format!("Failed to {} [HRESULT = 0x80070490]", "x".repeat(200));
        let seen: String = line.chars().take(LOOK_AHEAD).collect();
        assert_eq!(read(&line), read(&seen));
    }
}
