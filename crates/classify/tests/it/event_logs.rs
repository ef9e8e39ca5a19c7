//! What event logs say, from their lines to findings, alone and beside a servicing log. All lines are made up.

use crate::logs;
use crate::pc::{chunks, judge};
use classify::{Classified, Rules, Verdict, classify};
use event::{Derivation, Severity, Source, TextEncoding};

/// A file that NTFS finds corrupt, at 08:00:05 UTC, told by a clock eight hours ahead.
const CBS_CORRUPT: &str = "2024-05-01 16:00:00, Info                  CBS    Exec: Processing started.  Client: WindowsUpdateAgent, Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001\n\
2024-05-01 16:00:05, Error                 CSI    00000001@2024/5/1:08:00:05.609 (F) STATUS_FILE_CORRUPT_ERROR #1# from Windows::Rtl::SysCreateFile(oa = @0x1->OBJECT_ATTRIBUTES {s:48; rd:NULL; on:[14]'\\??\\C:\\Windows'; a:(OBJ_CASE_INSENSITIVE)})[gle=0xd0000102]\n\
2024-05-01 16:00:06, Info                  CBS    Exec: Processing complete.  Session: 31102345_1, Package: Package_for_KB5000001~31bf3856ad364e35~amd64~~1.1.1.1, Identifier: KB5000001, [HRESULT = 0x80070570 - ERROR_FILE_CORRUPT]\n";

fn line(stamp: &str, provider: &str, id: u32, record: u64, data: &str) -> String {
    format!(
        "{{\"ts_utc\":\"{stamp}\",\"host\":\"PC-1\",\"channel\":\"System\",\"provider\":\"{provider}\",\"event_id\":{id},\"record_id\":{record},\"level\":\"error\",\"data\":{{{data}}}}}\n"
    )
}

fn update(stamp: &str, record: u64, code: &str, title: &str) -> String {
    line(
        stamp,
        "Microsoft-Windows-WindowsUpdateClient",
        20,
        record,
        &format!("\"errorCode\":\"{code}\",\"updateTitle\":\"{title}\""),
    )
}

fn of_event_log(text: &str) -> Classified {
    let chunks = chunks(9, "events.jsonl", text.as_bytes());
    classify(Rules::shipped(), &chunks[0])
}

fn check(cbs: &str, events: &str) -> (Derivation, Verdict) {
    let mut logs = vec![("CBS.log", cbs), ("events.jsonl", events)];
    logs.retain(|(_, text)| !text.is_empty());
    let judged = judge(&logs);
    (judged.all, judged.verdict)
}

#[test]
fn an_event_is_the_same_whoever_wrote_it_down() {
    let shapes = [
        update("2024-05-01T08:00:05.293Z", 518, "0x80070570", "Made up (KB5000001)"),
        r##"{"ts_utc":"2024-05-01T08:00:05.293Z","at":4608,"bytes":77,"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-WindowsUpdateClient"}},"EventID":20,"Level":2,"TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:00:05.2939255Z"}},"EventRecordID":518,"Channel":"System","Computer":"PC-1"},"EventData":{"errorCode":"0x80070570","updateTitle":"Made up (KB5000001)"}}}"##.to_owned(),
        r#"{"ProviderName":"Microsoft-Windows-WindowsUpdateClient","EventID":20,"Level":2,"TimeCreated":"2024-05-01 16:00:05 +0800","EventRecordID":518,"Channel":"System","Computer":"PC-1","EventData":{"errorCode":"0x80070570","updateTitle":"Made up (KB5000001)"}}"#.to_owned(),
    ];
    let events: Vec<event::Event> = shapes
        .iter()
        .map(|shape| of_event_log(shape).events.remove(0))
        .collect();
    for event in &events {
        assert_eq!(event.id, events[0].id, "{}", event.text);
        assert_eq!(event.kb, "KB5000001");
        assert_eq!(event.codes, events[0].codes);
        assert_eq!(event.logged.unwrap().to_string(), "2024-05-01 08:00:05");
        assert_eq!(event.stamp.unwrap().0 / 1_000, event.logged.unwrap().0);
    }
    let other = of_event_log(&shapes[0].replace("518", "519"));
    assert_ne!(other.events[0].id, events[0].id);
}

#[test]
fn only_what_a_rule_knows_is_an_event_whatever_codes_stand_in_the_rest() {
    let text = line(
        "2024-05-01T08:00:05.293Z",
        "Made-Up",
        4625,
        1,
        "\"Status\":\"0xc000006d\",\"text\":\"Session: 31102345_1 initialized by client X STATUS_FILE_CORRUPT_ERROR\"",
    );
    let classified = of_event_log(&text);
    assert_eq!((classified.records, classified.events.len()), (1, 0));
    assert!(classified.anchors.is_empty() && classified.codes.is_empty());
}

#[test]
fn evidence_points_into_the_binary_file() {
    let text = r##"{"ts_utc":"2024-05-01T08:00:05.293Z","at":70000,"bytes":312,"Event":{"System":{"Provider":{"#attributes":{"Name":"disk"}},"EventID":7,"Level":2,"EventRecordID":5,"Channel":"System","Computer":"PC-1"},"EventData":{"Data":{"#text":["\\Device\\Harddisk0\\DR0"]}}}}
{"at":70312,"bytes":1000,"unreadable":"made up"}
"##;
    let mut chunk = chunks(9, "events.jsonl", text.as_bytes()).remove(0);
    (chunk.encoding, chunk.offset, chunk.length) = (TextEncoding::Evtx, 69_632, 65_536);
    let classified = classify(Rules::shipped(), &chunk);
    let event = &classified.events[0];
    assert_eq!((event.offset, event.length), (70_000, 312));
    assert_eq!(event.object, r"\Device\Harddisk0\DR0");
    assert_eq!((classified.records, classified.loose_bytes), (1, 1_000));
}

#[test]
fn a_failure_known_from_the_servicing_log_is_not_told_twice() {
    let update = update(
        "2024-05-01T08:01:00.000Z",
        518,
        "0x80070570",
        "Made up (KB5000001)",
    );
    let (derived, _) = check(CBS_CORRUPT, &update);
    assert_eq!(derived.findings.len(), 1, "{:#?}", derived.findings);
    assert_eq!(derived.attempts[0].finding, Some(0));
    let sources: Vec<Source> = derived.findings[0]
        .evidence
        .iter()
        .map(|evidence| evidence.source)
        .collect();
    assert!(sources.contains(&Source::EventLog), "{sources:?}");
    // Of another update, or days later, it is another failure.
    for other in [
        update.replace("KB5000001", "KB5000002"),
        update.replace("2024-05-01", "2024-05-04"),
    ] {
        assert_eq!(check(CBS_CORRUPT, &other).0.findings.len(), 2, "{other}");
    }
}

#[test]
fn a_failure_without_a_servicing_log_is_a_finding_named_by_its_code() {
    let (derived, verdict) = check(
        "",
        &update(
            "2024-05-01T08:01:00.000Z",
            518,
            "0x80070070",
            "Made up (KB5000001)",
        ),
    );
    let finding = &derived.findings[0];
    assert_eq!(
        (finding.category.as_str(), finding.kb.as_str(), verdict),
        ("disk_full", "KB5000001", Verdict::Failed)
    );
    assert_eq!(finding.utc.unwrap().to_string(), "2024-05-01T08:01:00.000Z");
}

#[test]
fn store_apps_retries_and_lost_power_change_no_verdict() {
    let servicing = line(
        "2024-05-01T08:02:00.000Z",
        "Microsoft-Windows-Servicing",
        3,
        12,
        "\"Client\":\"WindowsUpdateAgent\",\"ErrorCode\":\"0x800f0816\",\"IntendedPackageState\":\"Staged\",\"PackageIdentifier\":\"KB5000001\"",
    );
    let power = line(
        "2024-05-01T08:03:00.000Z",
        "Microsoft-Windows-Kernel-Power",
        41,
        13,
        "\"BugcheckCode\":\"0\"",
    );
    let app = update(
        "2024-05-01T08:01:00.000Z",
        518,
        "0x8024001e",
        "9ZZZZZZZZZZZ-Made.Up",
    );
    let events = app + &servicing + &power;
    // Nothing failed, and nothing says that anything went well.
    assert_eq!(check("", &events).1, Verdict::Inconclusive);
    let installed = line(
        "2024-05-01T08:04:00.000Z",
        "Microsoft-Windows-WindowsUpdateClient",
        19,
        14,
        "\"updateTitle\":\"Made up (KB5000001)\"",
    );
    let (derived, verdict) = check("", &(events + &installed));
    assert_eq!(verdict, Verdict::Healthy);
    let mut categories: Vec<&str> = derived
        .findings
        .iter()
        .map(|finding| finding.category.as_str())
        .collect();
    categories.sort_unstable();
    assert_eq!(
        categories,
        ["not_servicing", "retryable_download", "unexpected_shutdown"]
    );
    assert!(
        derived
            .findings
            .iter()
            .all(|finding| finding.severity == Severity::Info)
    );
}

#[test]
fn disk_errors_within_a_day_by_utc_support_a_damaged_file() {
    let ntfs = |stamp: &str| {
        line(
            stamp,
            "Microsoft-Windows-Ntfs",
            55,
            77,
            "\"DeviceName\":\"made up\",\"DriveName\":\"C:\"",
        )
    };
    let cause = |events: &str| {
        let (derived, _) = check(CBS_CORRUPT, events);
        let index = derived.attempts[0].finding.unwrap();
        derived.findings[index as usize].clone()
    };
    let alone = cause("");
    // 23 hours before by UTC, though the two clocks are 31 apart.
    let supported = cause(&ntfs("2024-04-30T09:00:00.000Z"));
    assert!(supported.confidence > alone.confidence || alone.confidence == 95);
    assert!(supported.reasons.contains(&"disk_events_near".to_owned()));
    assert_eq!(
        supported.evidence.last().map(|evidence| evidence.source),
        Some(Source::EventLog)
    );
    for far in ["2024-04-30T07:00:00.000Z", "2024-05-02T09:00:00.000Z"] {
        assert_eq!(cause(&ntfs(far)), alone, "{far}");
    }
    let healthy = line(
        "2024-05-01T07:00:00.000Z",
        "Microsoft-Windows-Ntfs",
        98,
        78,
        "\"CorruptionActionState\":\"0\",\"DriveName\":\"C:\"",
    );
    assert_eq!(cause(&healthy), alone);
}

#[test]
fn event_logs_do_not_speak_for_the_clock_of_other_logs() {
    // The servicing log shows no offset of its own here.
    let cbs = CBS_CORRUPT.replace("00000001@2024/5/1:08:00:05.609", "00000001");
    let events = update(
        "2024-05-01T08:01:00.000Z",
        518,
        "0x80070070",
        "Made up (KB5000009)",
    );
    let (derived, _) = check(&cbs, &events);
    let index = derived.attempts[0].finding.unwrap();
    assert_eq!(derived.findings[index as usize].utc, None);
}

fn wusa(id: u32, record: u32, code: &str, title: &str) -> String {
    let code = if code.is_empty() {
        String::new()
    } else {
        format!("\"ErrorCode\":\"{code}\",\"ErrorString\":\"made up\",")
    };
    format!(
        r#"{{"ts_utc":"2024-05-01T0{record}:00:05.293Z","host":"PC-1","channel":"Setup","provider":"Microsoft-Windows-WUSA","event_id":{id},"record_id":{record},"level":"error","data":{{"CommandLine":"\"wusa.exe\" \"C:\\made up\\windows10.0-kb5000001-x64.msu\" /quiet",{code}"UpdateTitle":"{title}"}}}}"#
    ) + "\n"
}

#[test]
fn an_update_installed_by_hand_is_named_by_its_file_and_its_decimal_is_read() {
    let failed = wusa(3, 1, "2147942512", "");
    logs::check(&[("Setup.jsonl", &failed)], 0x8007_0070, "disk_full", "");
    assert_eq!(judge(&[("Setup.jsonl", &failed)]).failure().kb, "KB5000001");
    let over = failed + &wusa(2, 2, "", "Update (KB5000001)");
    assert_eq!(judge(&[("Setup.jsonl", &over)]).verdict, Verdict::Healthy);
    // Installed already; not applicable.
    assert_eq!(
        judge(&[("Setup.jsonl", &wusa(3, 1, "2359302", ""))])
            .all
            .findings
            .len(),
        0
    );
    let other = judge(&[("Setup.jsonl", &wusa(3, 1, "2149842967", ""))]);
    assert_eq!(
        (
            other.failures().len(),
            other.all.findings[0].category.as_str()
        ),
        (0, "not_applicable")
    );
}
