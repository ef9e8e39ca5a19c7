//! What SetupDiag found, as its log, XML or JSON: one result a file.
//!
//! All forms carry the same sentence of `Name = value` pairs; markup is taken off, so that rules see one text.

use crate::event_forms::unescaped;
use crate::head::Head;
use event::{Level, LoggedAt};

/// What such a result starts with, or has near its start, as XML and as a log.
const XML: [&str; 2] = ["<?xml", "<SetupDiag"];
/// A console shows each rule as it is tried, and what was found behind dots; PowerShell shows a result as a list.
const LOG: [&str; 5] = [
    "Matching Profile found",
    "SetupDiag v",
    "SetupDiag: processing rule: ",
    "Error: SetupDiag reports ",
    "ProfileName  ",
];

/// How a result in JSON names what it found; and the least of them that are there.
const NAMES: [&str; 4] = [
    "\"ProfileName\"",
    "\"FailureDetails\"",
    "\"FailureData\"",
    "\"SetupPhaseInfo\"",
];
const LEAST: usize = 2;

/// Whether a line starts a result; in JSON all of the text is one.
pub(crate) fn starts(line: &str) -> bool {
    let line = line.strip_prefix('\u{FEFF}').unwrap_or(line);
    XML.iter().any(|start| line.starts_with(start)) || is_log(line) || line.starts_with(['{', '['])
}

/// Whether a text is such a result: this tells it from other JSON and XML.
pub(crate) fn is_one(text: &str) -> bool {
    let text = text.trim_start_matches('\u{FEFF}').trim_start();
    if text.starts_with(['{', '[']) {
        return NAMES.iter().filter(|name| text.contains(**name)).count() >= LEAST;
    }
    text.contains("<SetupDiag") || text.lines().take(FIRST_LINES).any(is_log)
}

fn is_log(line: &str) -> bool {
    let line = line.trim_start_matches('.');
    LOG.iter().any(|start| line.starts_with(start))
}

/// Lines of a log before the first that tells: a rule of dashes and blank ones.
const FIRST_LINES: usize = 20;

pub(crate) fn read(record: &str) -> Option<(Head<'_>, usize)> {
    starts(record).then(|| {
        let logged: Option<LoggedAt> = None;
        let head = Head {
            logged,
            level: Level::Unknown,
            level_word: "",
            message_id: None,
            component: "SetupDiag",
        };
        (head, 0)
    })
}

/// The result's words without markup, in one line.
pub(crate) fn text(record: &str) -> String {
    let mut plain = String::with_capacity(record.len());
    let mut rest = record;
    if record
        .trim_start_matches('\u{FEFF}')
        .trim_start()
        .starts_with(['{', '['])
    {
        plain.push_str(
            &record
                .replace("\\\\", "\\")
                .replace("\\r\\n", " ")
                .replace("\\/", "/"),
        );
        rest = "";
    }
    while let Some((before, after)) = rest.split_once('<') {
        plain.push_str(before);
        // A path may hold no `<`, so this is markup.
        let Some((tag, after)) = after.split_once('>') else {
            plain.push_str(after);
            rest = "";
            break;
        };
        if !tag.starts_with(['/', '?']) && !tag.starts_with("SetupDiag") {
            plain.extend([" ", tag.split([' ', '/']).next().unwrap_or_default(), ": "]);
        } else {
            plain.push(' ');
        }
        rest = after;
    }
    plain.push_str(rest);
    let words: Vec<&str> = plain.split_whitespace().collect();
    format!("SetupDiag: {}", unescaped(&words.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;
    use event::Format;

    // Made-up values.
    #[test]
    fn every_form_says_the_same_sentence() {
        for result in [
            "SetupDiag v1.0\r\n------\r\nMade up: Error = 0x80070002, File = C:\\Made Up\\x.sys\r\n",
            "\u{feff}<?xml version=\"1.0\"?>\r\n<SetupDiag xmlns=\"made:up\">\r\n  <FailureDetails>Made up: Error = 0x80070002, File = C:\\Made Up\\x.sys</FailureDetails>\r\n</SetupDiag>\r\n",
            "SetupDiag: processing rule: MadeUp.\r\n....Error: SetupDiag reports made up. Made up: Error = 0x80070002, File = C:\\Made Up\\x.sys\r\n",
            "ProfileName        : MadeUp\r\nFailureDetails     : Made up: Error = 0x80070002, File = C:\\Made Up\\x.sys\r\n",
            r#"{"ProfileName":"MadeUp","FailureDetails":"Made up: Error = 0x80070002, File = C:\\Made Up\\x.sys"}"#,
        ] {
            assert!(is_one(result), "{result}");
            let texts: Vec<_> = records(result, Format::SetupDiag)
                .map(|record| record.text().into_owned())
                .collect();
            let sentence = "Made up: Error = 0x80070002, File = C:\\Made Up\\x.sys";
            assert!(
                texts.iter().any(|text| text.contains(sentence)),
                "{texts:?}"
            );
        }
        assert!(!is_one(r#"{"made":"up","FailureData":"x"}"#));
        assert!(!is_one("a log that names SetupDiag v1.0\r\n"));
    }
}
