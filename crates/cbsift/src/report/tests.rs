//! Whatever a log or a file's name says, no form of a report passes on what drives a terminal or turns a line round.

use super::*;
use crate::generator;
use crate::progress::Progress;
use crate::scan::{Scan, Where, scan};
use proptest::prelude::*;

/// One of each kind of what is unsafe.
const HOSTILE: [&str; 22] = [
    "\u{0}",
    "\u{7}",
    "\u{8}",
    "\u{b}",
    "\u{1b}[2J",
    "\u{1b}]0;title\u{7}",
    "\u{7f}",
    "\u{85}",
    "\u{9b}31m",
    "\u{ad}",
    "\u{61c}",
    "\u{200b}",
    "\u{200e}",
    "\u{200f}",
    "\u{2028}",
    "\u{2029}",
    "\u{202a}",
    "\u{202e}",
    "\u{2066}",
    "\u{2069}",
    "\u{feff}",
    "\u{e0041}",
];

fn scan_of(name: &str, text: &[u8]) -> Scan {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), text).unwrap();
    let paths = [folder.path().to_owned()];
    scan(
        Rules::shipped(),
        Where::named(&paths),
        Some("e"),
        &Progress::new(true),
    )
}

/// Every form in every language.
fn forms(scan: &Scan) -> Vec<String> {
    let rules = Rules::shipped();
    let mut forms = Vec::new();
    for language in [Language::English, Language::Chinese] {
        let view = view(rules, scan, language, None, true);
        for width in [60, 110] {
            forms.push(text(
                &view,
                Style {
                    colour: false,
                    width,
                },
            ));
        }
        forms.push(markdown(&view));
        forms.push(html(&view));
        forms.push(json(rules, scan, Some("e"), language, None).unwrap());
    }
    forms
}

fn is_safe(form: &str) -> bool {
    !form.contains(|c| harmless::is_unsafe(c) && c != '\n')
}

#[test]
fn hostile_letters_in_names_and_records_come_out_harmless_in_every_form() {
    for hostile in HOSTILE {
        // A name cannot hold a zero.
        let name = format!("CBS-{}.log", hostile.replace('\0', ""));
        let text = format!(
            "2024-05-01 08:00:00, Info                  CBS    Session: 30792633_28 initialized by client a{hostile}b.\n\
             2024-05-01 08:00:00, Info                  CBS    Exec: Processing started.  Client: a{hostile}b, Session: 30792633_28, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.{hostile}1, Identifier: KB5000001\n\
             2024-05-01 08:00:01, Error                 CBS    Failed{hostile} to do it to C:\\a{hostile}b.dll [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]\n\
             2024-05-01 08:00:02, Info                  CBS    Exec: Processing complete.  Session: 30792633_28, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.{hostile}1, Identifier: KB5000001 [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]\n"
        );
        let scan = scan_of(&name, text.as_bytes());
        assert!(
            !scan.derived.findings.is_empty(),
            "{hostile:?}: nothing to show"
        );
        for form in forms(&scan) {
            assert!(is_safe(&form), "{hostile:?} in {form:?}");
        }
        let json = json(Rules::shipped(), &scan, None, Language::English, None).unwrap();
        let answer: serde_json::Value = serde_json::from_str(&json).unwrap();
        let shown = answer["findings"][0]["evidence"].to_string();
        let value: serde_json::Value = hostile.into();
        let value = value.to_string();
        assert!(
            shown.contains(value.trim_matches('"')),
            "{hostile:?}: JSON keeps the value: {shown}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn any_text_is_reported_in_every_form(text in generator::text(Vec::new()), before in 0..3_usize) {
        let healthy = "2024-05-01 08:00:00, Info                  CBS    Plan\n".repeat(before);
        let scan = scan_of("CBS.log", format!("{healthy}{text}").as_bytes());
        prop_assert!(scan.is_examined() && scan.failed.is_empty(), "{:?}", scan.failed);
        for form in forms(&scan) {
            prop_assert!(is_safe(&form), "{:?}", form);
        }
    }

    #[test]
    fn any_bytes_are_scanned(bytes in generator::bytes()) {
        let scan = scan_of("CBS.log", &bytes);
        prop_assert!(scan.is_examined(), "{:?}", scan.failed);
        for form in forms(&scan) {
            prop_assert!(is_safe(&form), "{:?}", form);
        }
    }
}
