//! Texts on which a step fails, whatever the reason: the rest is read, and the answer says what is missing.

mod facts;
mod forms;

use super::*;
use crate::report::{self, Language, Style};
use event::Severity;

const HEALTHY: &str = "2024-05-01 08:00:00, Info                  CBS    Plan: all is well\n";
/// A failed installation, made up.
const FAILED: &str = "\
2024-05-01 08:00:07, Info                  CBS    Exec: Processing started.  Client: x, Session: 30792633_28, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1, Identifier: KB5000001
2024-05-01 08:00:08, Error                 CBS    Failed to do it. [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]
2024-05-01 08:00:09, Info                  CBS    Exec: Processing complete.  Session: 30792633_28, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1, Identifier: KB5000001 [HRESULT = 0x80070002 - ERROR_FILE_NOT_FOUND]
";

/// Stands where a step of these tests fails; the steps of the program know nothing of it.
const TRAP: &str = "2024-05-01 08:00:05, Info                  CBS    a trap\n";

const TRAPPED: Steps = Steps {
    classify: |rules, chunk| {
        assert!(!chunk.text.contains(TRAP), "as if a text did it");
        classify::classify(rules, chunk)
    },
    derive: STEPS.derive,
};

const UNDERIVABLE: Steps = Steps {
    classify: STEPS.classify,
    derive: |_, _, _| panic!("as if events did it"),
};

fn scan_of(files: &[(&str, String)], steps: &Steps) -> Scan {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    let paths = [folder.path().to_owned()];
    scan_with(
        Rules::shipped(),
        Where::named(&paths),
        Some("e"),
        &Progress::new(true),
        steps,
    )
}

/// Three chunks and some, of which the second holds the trap.
fn log(end: &str) -> String {
    let chunk = HEALTHY.repeat(CHUNK_BYTES / HEALTHY.len());
    [&chunk, &chunk, TRAP, &chunk, end].concat()
}

fn json(scan: &Scan) -> serde_json::Value {
    let text = report::json(Rules::shipped(), scan, None, Language::English, None).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_chunk_on_which_a_step_fails_is_said_and_the_rest_is_read() {
    let text = log(FAILED);
    let scan = scan_of(
        &[("CBS.log", text.clone()), ("other.log", HEALTHY.to_owned())],
        &TRAPPED,
    );
    assert_eq!(
        scan.verdict,
        Verdict::Failed,
        "the cause stands behind the trap"
    );
    let [left_out] = scan.inputs[0].unexamined[..] else {
        panic!("{:?}", scan.inputs[0].unexamined);
    };
    let trap = text.find(TRAP).unwrap() as u64;
    assert!(left_out.offset <= trap && trap < left_out.offset + left_out.length);
    assert!(
        left_out.length <= CHUNK_BYTES as u64,
        "no more than one chunk"
    );
    // Lines behind it are counted as if it had been read.
    let lines = text.lines().count() as u64;
    assert_eq!(scan.inputs[0].lines, lines);
    let last = scan.places.values().map(|place| place.line).max();
    assert_eq!(last, Some(lines));
    let inside = &text[left_out.offset as usize..(left_out.offset + left_out.length) as usize];
    let records = lines - inside.lines().count() as u64;
    assert_eq!(
        (scan.inputs[0].records, scan.inputs[0].bytes),
        (records, text.len() as u64)
    );
    assert_eq!(scan.inputs[1].records, 1, "other files are read");

    let [said] = &scan.failed[..] else {
        panic!("{:?}", scan.failed);
    };
    assert!(said.contains(&format!(
        "{} bytes from byte {}",
        left_out.length, left_out.offset
    )));
    assert!(said.contains("CBS.log`"), "{said}");
    let answer = json(&scan);
    assert_eq!(
        answer["inputs"][0]["unexamined"],
        serde_json::json!([{ "offset": left_out.offset, "length": left_out.length }])
    );
    assert_eq!(answer["errors"][0], said.as_str());
}

#[test]
fn what_was_not_wholly_examined_is_never_called_healthy() {
    let scan = scan_of(&[("CBS.log", log(HEALTHY))], &STEPS);
    assert_eq!((scan.verdict, scan.is_examined()), (Verdict::Healthy, true));
    assert!(json(&scan).get("errors").is_none());
    let mut scan = scan_of(&[("CBS.log", log(HEALTHY))], &TRAPPED);
    assert_eq!(
        (scan.verdict, scan.is_examined()),
        (Verdict::Inconclusive, false)
    );
    for language in [Language::English, Language::Chinese] {
        let view = report::view(Rules::shipped(), &scan, language, None, true);
        let style = Style {
            colour: false,
            width: 100,
        };
        let shown = scan.inputs[0].unexamined[0].offset.to_string();
        for form in [
            report::text(&view, style),
            report::markdown(&view),
            report::html(&view),
        ] {
            // Lines are broken where the terminal ends.
            let unbroken = |text: &str| text.split_whitespace().collect::<String>();
            let is_said = unbroken(&form).contains(&unbroken(&view.more));
            assert!(is_said && form.contains(&shown), "{form}");
        }
    }
    // Narrowed to nothing that failed, it is not healthy either.
    let to = report::narrow::Narrow {
        kb: None,
        since: event::LoggedAt::parse(b"2024-04-01 00:00:00"),
    };
    report::narrow::narrow(&mut scan, to);
    assert_eq!(scan.verdict, Verdict::Inconclusive);
}

#[test]
fn stretches_that_touch_are_said_once() {
    let text = TRAP.repeat(2 * CHUNK_BYTES / TRAP.len() + 2);
    let scan = scan_of(&[("CBS.log", text.clone())], &TRAPPED);
    assert_eq!(
        scan.inputs[0].unexamined,
        [Unexamined {
            offset: 0,
            length: text.len() as u64
        }]
    );
    assert_eq!(
        (scan.verdict, scan.failed.len()),
        (Verdict::Inconclusive, 1)
    );
}

#[test]
fn what_cannot_be_derived_is_inconclusive_and_its_codes_are_shown() {
    let scan = scan_of(&[("CBS.log", log(FAILED))], &UNDERIVABLE);
    assert_eq!(
        (scan.verdict, scan.is_derived),
        (Verdict::Inconclusive, false)
    );
    assert!(scan.derived.findings.is_empty() && scan.failed.len() == 1);
    let answer = json(&scan);
    assert_eq!(answer["codes"][0]["code"], "0x80070002");
    assert!(
        answer["errors"][0]
            .as_str()
            .unwrap()
            .contains("cannot derive")
    );
}

#[test]
fn nothing_else_changes_the_answer() {
    let scan = scan_of(&[("CBS.log", log(FAILED))], &STEPS);
    assert_eq!((scan.verdict, scan.failed.len()), (Verdict::Failed, 0));
    assert!(
        scan.derived
            .findings
            .iter()
            .any(|one| one.severity > Severity::Info)
    );
}
