//! What the update agent's logs say, from their text to findings. All lines are made up.

use crate::pc::{Judged, chunks, judge};
use classify::{Rules, Verdict, classify};
use event::Source;

const CBS_FAILURE: &str = "2024-05-01 08:00:00, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001\n\
2024-05-01 08:00:05, Info                  CBS    Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001, [HRESULT = 0x80070070 - ERROR_DISK_FULL]\n";

fn row(number: &str, code: &str, outcome: &str, text: &str) -> String {
    format!(
        "{{0F0E0D0C-0B0A-0908-0706-050403020100}}\t2024-05-01 08:00:07:293+0300\t1\t{number}\t101\t{{00000000-0000-0000-0000-000000000001}}\t200\t{code}\tmade-up\t{outcome}\tContent Install\t{text}\tcv\r\n"
    )
}

#[test]
fn a_failed_update_is_named_by_its_code_and_by_the_package_before_it() {
    let log = "2016-05-01\t08:00:01:598\t1384\t1748\tHandler\tCBS package identity: Package_for_KB5000001~31bf3856ad364e35~amd64~~6.1.1.4\n\
2016-05-01\t08:00:05:755\t1384\t1174\tHandler\tFATAL: CBS called Error with 0x80070308, \n\
2016-05-01\t08:00:06:645\t1384\t1748\tHandler\tFATAL: Completed install of CBS update with type=0, requiresReboot=0, installerError=1, hr=0x80070308\n";
    let Judged {
        verdict,
        all: derived,
    } = judge(&[("WindowsUpdate.log", log)]);
    assert_eq!((derived.findings.len(), verdict), (1, Verdict::Failed));
    let finding = &derived.findings[0];
    assert_eq!(
        (finding.category.as_str(), finding.kb.as_str()),
        ("component_metadata_corrupt", "KB5000001")
    );
    let code = Some(event::Code::new(0x8007_0308));
    assert_eq!((finding.root_code, finding.terminal_code), (code, code));
}

#[test]
fn a_code_that_no_rule_knows_is_still_a_finding() {
    let text = row(
        "182 [AGENT_INSTALLING_FAILED]",
        "80241234",
        "Failure",
        "KB5000001",
    );
    let Judged {
        verdict,
        all: derived,
    } = judge(&[("ReportingEvents.log", &text)]);
    assert_eq!(derived.findings[0].rule, "agent_reported_failure");
    assert_eq!(verdict, Verdict::Failed);
    // 08:00:07 at +03:00.
    assert_eq!(
        derived.findings[0].utc.unwrap().to_string(),
        "2024-05-01T05:00:07.000Z"
    );
}

#[test]
fn a_success_beside_a_code_is_no_failure() {
    let text = row(
        "163 [AGENT_DOWNLOAD_CANCELED]",
        "8024000b",
        "Success",
        "Download canceled.",
    ) + &row(
        "183 [AGENT_INSTALLING_SUCCEEDED]",
        "240010",
        "Success",
        "KB5000001",
    );
    let Judged {
        verdict,
        all: derived,
    } = judge(&[("ReportingEvents.log", &text)]);
    assert_eq!((derived.findings.len(), verdict), (0, Verdict::Healthy));
}

#[test]
fn a_failed_detection_is_over_when_the_same_service_answers_later() {
    let detection = |service: u8, minute: u8, code: &str| {
        let (what, outcome) = match code {
            "0" => ("147 [AGENT_DETECTION_FINISHED]", "Success"),
            _ => ("148 [AGENT_DETECTION_FAILED]", "Failure"),
        };
        format!(
            "{{0F0E0D0C-0B0A-0908-0706-050403020100}}\t2024-05-01 08:{minute:02}:07:293+0300\t1\t{what}\t101\t{{00000000-0000-0000-0000-00000000000{service}}}\t0\t{code}\tmade-up\t{outcome}\tSoftware Synchronization\tmade up\tcv\r\n"
        )
    };
    let check = |rows: &[String], severities: &[event::Severity], expected: Verdict| {
        let Judged {
            verdict,
            all: derived,
        } = judge(&[("ReportingEvents.log", &rows.concat())]);
        let found: Vec<_> = derived.findings.iter().map(|one| one.severity).collect();
        assert_eq!(
            (found.as_slice(), verdict),
            (severities, expected),
            "{rows:?}"
        );
        derived
    };
    use event::Severity::{Error, Info};
    let over = check(
        &[
            detection(1, 0, "0"),
            detection(1, 10, "80240438"),
            detection(1, 40, "0"),
        ],
        &[Info],
        Verdict::Healthy,
    );
    assert_eq!(over.findings[0].category, "network");
    let reasons = &over.findings[0].reasons;
    assert!(reasons.iter().any(|reason| reason == "detected_later"));
    // Nothing came after it, or only another service answered.
    for last in [detection(1, 40, "80240438"), detection(2, 40, "0")] {
        let rows = [detection(1, 0, "0"), detection(1, 10, "80240438"), last];
        check(&rows, &[Error], Verdict::Failed);
    }
    // The first is over, the second is not: two findings, though their code is the same.
    check(
        &[
            detection(1, 0, "80240438"),
            detection(1, 20, "0"),
            detection(1, 40, "80240438"),
        ],
        &[Error, Info],
        Verdict::Failed,
    );
}

#[test]
fn a_failed_installation_is_not_over_when_a_detection_follows() {
    let text = row("182 [AGENT_INSTALLING_FAILED]", "80070070", "Failure", "x")
        + &row("147 [AGENT_DETECTION_FINISHED]", "0", "Success", "x");
    let Judged {
        verdict,
        all: derived,
    } = judge(&[("ReportingEvents.log", &text)]);
    assert_eq!((derived.findings.len(), verdict), (1, Verdict::Failed));
}

// Was two bytes too low: the mark was taken for text when the length of the copy was odd.
#[test]
fn offsets_of_a_copy_that_ends_within_a_utf16_unit_are_those_of_the_whole() {
    let rows = row("147 [X]", "0", "Success", "x")
        + &row("148 [AGENT_DETECTION_FAILED]", "80240438", "Failure", "x")
        + &row("147 [X]", "0", "Success", "x");
    let bytes: Vec<u8> = "\u{feff}"
        .encode_utf16()
        .chain(rows.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    let offset_of = |bytes: &[u8]| {
        let chunks = chunks(1, "ReportingEvents.log", bytes);
        classify(Rules::shipped(), &chunks[0]).events[0].offset
    };
    let first_row = row("147 [X]", "0", "Success", "x").encode_utf16().count() as u64;
    let expected = 2 + 2 * first_row;
    for cut in [0, 1, 2, 3] {
        assert_eq!(offset_of(&bytes[..bytes.len() - cut]), expected, "{cut}");
    }
}

#[test]
fn each_event_of_a_utf16_log_stands_where_its_row_starts() {
    let failed = row("148 [AGENT_DETECTION_FAILED]", "80240438", "Failure", "é😀");
    let between = row("147 [X]", "0", "Success", "中😀");
    let (mut text, mut expected) = ("\u{feff}".to_owned(), Vec::new());
    for number in 0..5 {
        text.push_str(&between.repeat(number));
        expected.push(2 * text.encode_utf16().count() as u64);
        text.push_str(&failed);
    }
    let bytes: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let chunks = chunks(1, "ReportingEvents.log", &bytes);
    let events = classify(Rules::shipped(), &chunks[0]).events;
    let offsets: Vec<u64> = events.iter().map(|event| event.offset).collect();
    assert_eq!(offsets, expected);
}

#[test]
fn what_the_agent_says_of_a_known_failure_is_its_evidence() {
    let same = row(
        "182 [AGENT_INSTALLING_FAILED]",
        "80070070",
        "Failure",
        "update (KB5000001).",
    );
    let logs = |text: &str| judge(&[("CBS.log", CBS_FAILURE), ("ReportingEvents.log", text)]).all;
    let derived = logs(&same);
    assert_eq!((derived.attempts.len(), derived.findings.len()), (1, 1));
    let sources: Vec<Source> = derived.findings[0]
        .evidence
        .iter()
        .map(|evidence| evidence.source)
        .collect();
    assert!(
        sources.contains(&Source::Cbs) && sources.contains(&Source::ReportingEvents),
        "{sources:?}"
    );

    // Another update, or another code, is another failure.
    for other in [
        same.replace("KB5000001", "KB5000002"),
        same.replace("80070070", "80070005"),
    ] {
        assert_eq!(logs(&other).findings.len(), 2, "{other}");
    }
}
