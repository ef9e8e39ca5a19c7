//! What an event's message says in place of its values: a copy of the text is all that many tools keep.
//!
//! The message is in the language of the machine, its code and the update's title are not, and stand in the same order everywhere.

use super::WindowsEvent;
use std::borrow::Cow;

/// Longest message kept: a copy of the code and the title is enough for the rest.
const MESSAGE_BYTES: usize = 4 * 1024;

const UPDATE_CLIENT: &str = "Microsoft-Windows-WindowsUpdateClient";
const SERVICING: &str = "Microsoft-Windows-Servicing";
const WUSA: &str = "Microsoft-Windows-WUSA";

/// How messages of the update agent start whose provider is not told, as in tables. English and Chinese are what such tables were met in.
const OPENINGS: [(u32, &str); 12] = [
    (19, "Installation Successful: Windows"),
    (19, "安装成功"),
    (20, "Installation Failure: Windows"),
    (20, "安装失败"),
    (25, "Windows Update failed to check"),
    (31, "Windows Update failed to download"),
    (43, "Installation Started: Windows"),
    (43, "安装已开始"),
    (43, "安装开始"),
    (44, "Windows Update started downloading"),
    (44, "Windows 更新已开始下载"),
    (44, "Windows 更新开始下载"),
];

/// The values that such an event has, by their place: for lists without names.
fn names(provider: &str, event_id: u32) -> &'static [&'static str] {
    const FAILED: &[&str] = &[
        "errorCode",
        "updateTitle",
        "updateGuid",
        "updateRevisionNumber",
        "serviceGuid",
    ];
    match (provider, event_id) {
        (UPDATE_CLIENT, 20 | 24 | 31) => FAILED,
        (UPDATE_CLIENT, 19 | 23 | 43 | 44) => FAILED.get(1..).unwrap_or_default(),
        (UPDATE_CLIENT, 25) => &["errorCode", "serviceGuid"],
        (SERVICING, 2..=4) => &[
            "PackageIdentifier",
            "IntendedPackageState",
            "IntendedPackageStateTextized",
            "ErrorCode",
            "Client",
        ],
        (WUSA, 2 | 3) => &["UpdateTitle", "ErrorCode", "ErrorString", "CommandLine"],
        _ => &[],
    }
}

/// Gives the values of a list without names the names that belong to their places; not where a code does not stand where it should.
pub(super) fn name_values(event: &mut WindowsEvent<'_>) {
    let names = names(&event.provider, event.event_id);
    let place = |name: &str| -> Option<usize> {
        let number: usize = name.strip_prefix("param")?.parse().ok()?;
        number.checked_sub(1)
    };
    let is_code = |value: &str| value.starts_with("0x") || value.parse::<i64>().is_ok();
    let fits = event.data.iter().all(|(name, value)| {
        let known = place(name).and_then(|place| names.get(place));
        known.is_none_or(|known| !known.eq_ignore_ascii_case("errorCode") || is_code(value))
    });
    if !fits {
        return;
    }
    for (name, _) in &mut event.data {
        if let Some(known) = place(name).and_then(|place| names.get(place)) {
            *name = Cow::Borrowed(known);
        }
    }
}

/// Whether such an event tells of a failure, and so of a code.
pub(super) fn wants_code(provider: &str, event_id: u32) -> bool {
    names(provider, event_id).first() == Some(&"errorCode")
}

/// Adds the message, and the values that stand in it, where the event has none of its own.
pub(super) fn add(event: &mut WindowsEvent<'_>, message: &str) {
    if event.provider.is_empty()
        && OPENINGS
            .iter()
            .any(|(id, opening)| *id == event.event_id && message.trim_start().starts_with(opening))
    {
        event.provider = Cow::Borrowed(UPDATE_CLIENT);
    }
    if !event.data.is_empty() {
        return;
    }
    let message = message.trim();
    let message = message
        .get(..message.floor_char_boundary(MESSAGE_BYTES))
        .unwrap_or(message);
    let message: String = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut add = |name: &'static str, value: &str| {
        if !value.is_empty() {
            event
                .data
                .push((Cow::Borrowed(name), Cow::Owned(value.to_owned())));
        }
    };
    let provider = event.provider.rsplit('-').next().unwrap_or_default();
    match (provider, event.event_id) {
        ("WindowsUpdateClient", 20 | 24 | 25 | 31) => {
            if let Some((code, after)) = code(&message) {
                add("errorCode", code);
                add("updateTitle", title(after));
            }
        }
        ("WindowsUpdateClient", 19 | 23 | 43 | 44) => {
            // `Installation Successful: Windows …: TITLE`.
            let rest = message.split_once([':', '：']).map_or("", |(_, rest)| rest);
            add("updateTitle", title(rest));
        }
        ("Servicing", 2..=4) => {
            if let Some((code, _)) = code(&message) {
                add("ErrorCode", code);
            }
            let is_package = |word: &&str| word.starts_with("KB") || word.starts_with("Package_");
            if let Some(package) = message.split([' ', '“', '”', '"', '。']).find(is_package) {
                add("PackageIdentifier", package);
            }
        }
        ("WUSA", 2 | 3) => {
            let quoted: Vec<&str> = message.split(['"', '“', '”']).skip(1).step_by(2).collect();
            if let Some(title) = quoted.first() {
                add("UpdateTitle", title);
            }
            let is_code = |word: &&str| {
                word.len() > 7 && word.bytes().all(|byte| byte.is_ascii_digit())
                    || word.starts_with("0x")
            };
            if event.event_id == 3
                && let Some(code) = message
                    .split([' ', ',', '，', '。', '(', ')'])
                    .find(is_code)
            {
                add("ErrorCode", code);
            }
            if let Some(line) = quoted.last().filter(|line| line.contains(".msu")) {
                add("CommandLine", line);
            }
        }
        ("Windows Error Reporting", 1001) => {
            // `Event Name: X Response: … P1: … P2: …`: the names that the event's own values have.
            if let Some(name) = after(&message, "Event Name: ", " Response:") {
                add("EventName", name);
            }
            for (name, label, next) in SIGNATURE {
                if let Some(value) = after(&message, label, next) {
                    add(name, value);
                }
            }
        }
        _ => {}
    }
    event
        .data
        .push((Cow::Borrowed("message"), Cow::Owned(message)));
}

/// A problem's signature in the text of an error report: the value's name, its label, and the next one.
const SIGNATURE: [(&str, &str, &str); 5] = [
    ("P1", " P1: ", " P2:"),
    ("P2", " P2: ", " P3:"),
    ("P3", " P3: ", " P4:"),
    ("P4", " P4: ", " P5:"),
    ("P5", " P5: ", " P6:"),
];

/// What stands behind a label, up to the next one or the end.
fn after<'a>(message: &'a str, label: &str, next: &str) -> Option<&'a str> {
    let (_, rest) = message.split_once(label)?;
    let value = rest.split_once(next).map_or(rest, |(value, _)| value);
    Some(value.trim())
}

/// The first code, and what follows it.
fn code(message: &str) -> Option<(&str, &str)> {
    let at = message.find("0x")?;
    let digits = message.get(at + 2..)?;
    let length = digits.bytes().take_while(u8::is_ascii_hexdigit).count();
    (1..=8)
        .contains(&length)
        .then(|| Some((message.get(at..at + 2 + length)?, digits.get(length..)?)))?
}

/// What stands behind the colon, without the full stop at its end.
fn title(message: &str) -> &str {
    let title = message
        .split_once([':', '：'])
        .map_or("", |(_, title)| title.trim());
    title.trim_end_matches(['.', '。'])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(provider: &'static str, event_id: u32, message: &'static str) -> String {
        let mut event = WindowsEvent {
            provider: Cow::Borrowed(provider),
            event_id,
            ..WindowsEvent::default()
        };
        add(&mut event, message);
        let values: Vec<String> = event
            .data
            .iter()
            .filter(|(name, _)| name != "message")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        format!("{} {}", event.provider, values.join(" "))
    }

    // Made-up titles in the wording of the messages.
    #[test]
    fn code_and_title_are_found_in_a_message_of_any_language() {
        for message in [
            "Installation Failure: Windows failed to install the following update with error 0x80070002: 2024-02 Update (KB5000001).",
            "安装失败: Windows 无法安装以下更新，错误 0x80070002: 2024-02 Update (KB5000001)。",
            "Installationsfehler: Die Installation des folgenden Updates ist mit Fehler 0x80070002\nfehlgeschlagen: 2024-02 Update (KB5000001).",
        ] {
            for provider in [UPDATE_CLIENT, "WindowsUpdateClient"] {
                assert_eq!(
                    values(provider, 20, message),
                    format!(
                        "{provider} errorCode=0x80070002 updateTitle=2024-02 Update (KB5000001)"
                    )
                );
            }
        }
        assert_eq!(
            values(
                UPDATE_CLIENT,
                19,
                "Installation Successful: Windows successfully installed the following update: Made up (KB5000001)"
            ),
            format!("{UPDATE_CLIENT} updateTitle=Made up (KB5000001)")
        );
        assert_eq!(
            values(
                WUSA,
                3,
                "Windows update \"Made up (KB5000001)\" could not be installed because of error 2149842967 \"\" (Command line: \"wusa.exe C:\\x\\kb5000001.msu\")"
            ),
            format!(
                "{WUSA} UpdateTitle=Made up (KB5000001) ErrorCode=2149842967 CommandLine=wusa.exe C:\\x\\kb5000001.msu"
            )
        );
    }

    #[test]
    fn an_error_report_has_the_values_of_its_signature() {
        assert_eq!(
            values(
                "Windows Error Reporting",
                1001,
                "Fault bucket , type 0\nEvent Name: WindowsServicingFailureInfo\nResponse: Not available\nProblem signature:\nP1: 10.0\nP2: 0x800F0982 made up\n"
            ),
            "Windows Error Reporting EventName=WindowsServicingFailureInfo P1=10.0 P2=0x800F0982 made up"
        );
    }

    #[test]
    fn the_provider_is_told_by_the_opening_where_a_table_leaves_it_out() {
        assert!(
            values(
                "",
                20,
                "Installation Failure: Windows failed to install with error 0x80070002"
            )
            .starts_with(UPDATE_CLIENT)
        );
        assert!(values("", 20, "Something else failed: 0x80070002").starts_with(' '));
    }
}
