//! One made-up event, as each shipper would write it.

use super::*;
use event::Format;

const CANONICAL: &str = r#"{"ts_utc":"2024-05-01T08:00:05.293Z","host":"PC-1","channel":"System","provider":"Microsoft-Windows-WindowsUpdateClient","event_id":20,"record_id":518,"level":"error","data":{"errorCode":"0x80070570","updateTitle":"Made up (KB5000001)"}}"#;

fn check(line: &str, expected: &str) {
    assert_eq!(normalise(line).as_deref(), Some(expected), "{line}");
    let record = crate::records(line, Format::EventJson).next().unwrap();
    assert_eq!(record.text(), expected);
}

/// The same event as `CANONICAL`, with what its shape cannot carry changed by `different`.
fn check_same(line: &str, different: &[(&str, &str)]) {
    let expected = different
        .iter()
        .fold(CANONICAL.to_owned(), |line, (from, to)| {
            assert!(line.contains(from), "{from}");
            line.replace(from, to)
        });
    check(line, &expected);
    let (own, canonical) = (read(line).unwrap(), read(CANONICAL).unwrap());
    assert_eq!(own.identity(), canonical.identity(), "{line}");
}

#[test]
fn the_canonical_form_reads_back() {
    check_same(CANONICAL, &[]);
}

#[test]
fn rendered_xml_is_read_with_and_without_attributes() {
    check_same(
        r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-WindowsUpdateClient","Guid":"{0}"}},"EventID":20,"Version":1,"Level":2,"Keywords":"0x8000000000000028","TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:00:05.2939255Z"}},"EventRecordID":518,"Channel":"System","Computer":"PC-1","Security":null},"EventData":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}}"##,
        &[],
    );
    check(
        r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-Servicing"}},"EventID":{"#attributes":{"Qualifiers":0},"#text":3},"Level":0,"TimeCreated":{"#attributes":{"SystemTime":"1601-01-01T00:00:00.0000000Z"}},"EventRecordID":12,"Channel":"Setup","Computer":"PC-1"},"UserData":{"CbsPackageChangeState":{"#attributes":{"xmlns":"y"},"PackageIdentifier":"KB5000001","IntendedPackageState":5112,"ErrorCode":"0x800f0984","Client":null}}}}"##,
        r#"{"ts_utc":null,"host":"PC-1","channel":"Setup","provider":"Microsoft-Windows-Servicing","event_id":3,"record_id":12,"level":"information","data":{"Client":"","ErrorCode":"0x800f0984","IntendedPackageState":"5112","PackageIdentifier":"KB5000001"}}"#,
    );
}

#[test]
fn classic_events_have_numbered_values() {
    check(
        r##"{"Event":{"System":{"Provider":{"#attributes":{"Name":"EventLog"}},"EventID":{"#attributes":{"Qualifiers":32768},"#text":6008},"Level":2,"TimeCreated":{"#attributes":{"SystemTime":"2024-05-01T08:00:05Z"}},"EventRecordID":9,"Channel":"System","Computer":"PC-1"},"EventData":{"Data":{"#text":["a","b","","d","e","f","g","h","i","j"]},"Binary":"00FF"}}}"##,
        r#"{"ts_utc":"2024-05-01T08:00:05.000Z","host":"PC-1","channel":"System","provider":"EventLog","event_id":6008,"record_id":9,"level":"error","data":{"param1":"a","param2":"b","param3":"","param4":"d","param5":"e","param6":"f","param7":"g","param8":"h","param9":"i","param10":"j"}}"#,
    );
}

#[test]
fn winlogbeat_is_read() {
    check_same(
        r#"{"@timestamp":"2024-05-01T08:00:05.293Z","event":{"code":"20","provider":"Microsoft-Windows-WindowsUpdateClient","kind":"event"},"host":{"name":"pc-1.made.up"},"log":{"level":"error"},"message":"made up","winlog":{"channel":"System","computer_name":"PC-1","event_id":"20","provider_name":"Microsoft-Windows-WindowsUpdateClient","record_id":"518","event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}}}"#,
        &[],
    );
    let user_data = r#"{"@timestamp":"2024-05-01T08:00:05.293Z","winlog":{"channel":"Setup","computer_name":"PC-1","event_id":3,"provider_name":"Microsoft-Windows-Servicing","record_id":12,"user_data":{"xml_name":"CbsPackageChangeState","ErrorCode":"0x800f0984"}}}"#;
    let event = read(user_data).unwrap();
    assert_eq!(event.data, [("ErrorCode".into(), "0x800f0984".into())]);
}

#[test]
fn fluent_bit_is_read_and_its_whole_seconds_are_the_same_event() {
    check_same(
        r#"{"ProviderName":"Microsoft-Windows-WindowsUpdateClient","ProviderGuid":"{0}","Qualifiers":"","EventID":20,"Version":1,"Level":2,"Task":1,"Opcode":13,"Keywords":"0x8000000000000028","TimeCreated":"2024-05-01 10:00:05 +0200","EventRecordID":518,"Channel":"System","Computer":"PC-1","Message":"made up","StringInserts":["Made up (KB5000001)","0x80070570"]}"#,
        &[
            ("05.293Z", "05.000Z"),
            (
                r#"{"errorCode":"0x80070570","updateTitle":"Made up (KB5000001)"}"#,
                r#"{"param1":"Made up (KB5000001)","param2":"0x80070570"}"#,
            ),
        ],
    );
    check_same(
        r#"{"ProviderName":"Microsoft-Windows-WindowsUpdateClient","EventID":20,"Level":2,"TimeCreated":"2024-05-01 08:00:05 +0000","EventRecordID":518,"Channel":"System","Computer":"PC-1","EventData":{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"},"StringInserts":["x"]}"#,
        &[("05.293Z", "05.000Z")],
    );
}

#[test]
fn vector_is_read() {
    check_same(
        r#"{"channel":"System","computer":"PC-1","event_id":20,"record_id":518,"level":"Error","level_value":2,"provider_name":"Microsoft-Windows-WindowsUpdateClient","timestamp":"2024-05-01T08:00:05.293925500Z","event_data":{"updateTitle":"Made up (KB5000001)","errorCode":"-2147023504"},"user_data":{},"string_inserts":["a"],"message":"made up","host":"relay"}"#,
        &[],
    );
}

#[test]
fn nxlog_has_local_time_whose_utc_is_unknown() {
    let line = r#"{"EventTime":"2024-05-01 11:30:05","Hostname":"PC-1","Keywords":-9223372036854775806,"EventType":"ERROR","SeverityValue":4,"Severity":"ERROR","EventID":20,"SourceName":"Microsoft-Windows-WindowsUpdateClient","ProviderGuid":"{0}","Version":1,"Task":1,"RecordNumber":518,"ExecutionProcessID":4,"ThreadID":8,"Channel":"System","Message":"made up","updateTitle":"Made up (KB5000001)","errorCode":"0x80070570","EventReceivedTime":"2024-05-01 11:30:06","SourceModuleName":"in","SourceModuleType":"im_msvistalog","@timestamp":"2024-05-01T09:00:00.000Z"}"#;
    check(
        line,
        &CANONICAL.replace(
            r#""ts_utc":"2024-05-01T08:00:05.293Z""#,
            r#""ts_utc":null,"ts_local":"2024-05-01 11:30:05""#,
        ),
    );
    let record = crate::records(line, Format::EventJson).next().unwrap();
    assert_eq!(record.stamp(), None);
    assert_eq!(record.logged().unwrap().to_string(), "2024-05-01 11:30:05");
    // Others as flat write the time with its zone.
    let flat = r#"{"SourceName":"Microsoft-Windows-WindowsUpdateClient","Level":"2","Channel":"System","Hostname":"PC-1","TimeCreated":"2024-05-01T08:00:05.293Z","EventID":20,"EventRecordID":518,"Message":"made up","updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}"#;
    check_same(flat, &[]);
}

#[test]
fn the_collector_is_read_in_its_old_and_its_new_layout() {
    for data in [
        r#"{"updateTitle":"Made up (KB5000001)","errorCode":"0x80070570"}"#,
        r#"{"name":"","binary":"","data":[{"updateTitle":"Made up (KB5000001)"},{"errorCode":"0x80070570"}]}"#,
    ] {
        let body = format!(
            r#"{{"channel":"System","computer":"PC-1","event_id":{{"id":20,"qualifiers":0}},"provider":{{"name":"Microsoft-Windows-WindowsUpdateClient","guid":"{{0}}","event_source":""}},"record_id":518,"system_time":"2024-05-01T08:00:05.2939255Z","level":"Error","message":"made up","event_data":{data}}}"#
        );
        check_same(&body, &[]);
        check_same(&format!(r#"{{"body":{body}}}"#), &[]);
    }
}

#[test]
fn an_event_without_its_number_is_told_by_its_values() {
    let event = |value: &str| {
        let line = format!(
            r#"{{"SourceName":"Microsoft-Windows-Ntfs","TimeCreated":"2024-05-01T08:00:05Z","EventID":98,"DriveName":"{value}"}}"#
        );
        read(&line).unwrap().identity()
    };
    assert_ne!(event("C:"), event("D:"));
}

#[test]
fn a_source_line_taken_for_utf16_is_decoded() {
    let bytes = br"onecore\base\made-up.cpp";
    let wide: String = bytes
        .chunks(2)
        .map(|pair| char::from_u32(u32::from(pair[0]) | u32::from(pair[1]) << 8).unwrap())
        .collect();
    let line = format!(
        r##"{{"Event":{{"System":{{"Provider":{{"#attributes":{{"Name":"Windows Error Reporting"}}}},"EventID":1001,"Channel":"Application","Computer":"PC-1"}},"EventData":{{"Data":{{"#text":["WindowsServicingFailureInfo","{wide}","安装更新失败，系统找不到"]}}}}}}}}"##
    );
    let event = read(&line).unwrap();
    assert_eq!(event.value("param2"), Some(r"onecore\base\made-up.cpp"));
    assert_eq!(event.value("param3"), Some("安装更新失败，系统找不到"));
}

#[test]
fn codes_in_decimal_become_hex() {
    assert_eq!(from_decimal("-2145124322").as_deref(), Some("0x8024001e"));
    assert_eq!(from_decimal("2149842974").as_deref(), Some("0x8024001e"));
    for value in ["0", "5", "99999999999", "0x8024001e", ""] {
        assert_eq!(from_decimal(value), None);
    }
}

#[test]
fn other_json_is_no_event_and_damaged_lines_do_no_harm() {
    let deep = "[".repeat(100_000);
    for line in [
        "{}",
        "{",
        "[1]",
        r#"{"message":"hello","level":"info"}"#,
        r#"{"Event":{"System":{}}}"#,
        r#"{"at":7,"bytes":9,"unreadable":"made up"}"#,
        r#"{"provider_name":7,"event_id":"x"}"#,
        &CANONICAL[..CANONICAL.len() - 1],
        &deep,
    ] {
        assert_eq!(normalise(line), None, "{}", &line[..line.len().min(80)]);
        let record = crate::records(line, Format::EventJson).next().unwrap();
        assert_eq!((record.head(), record.stamp()), (None, None));
    }
}

#[test]
fn a_line_of_ours_says_where_it_stands() {
    let mut line = String::new();
    write_place(&mut line, "2024-05-01T08:00:05.2939255Z", 4_608, 77);
    line.push_str(
        r##""Event":{"System":{"Provider":{"#attributes":{"Name":"disk"}},"EventID":7}}}"##,
    );
    assert_eq!(place(&line), Some((4_608, 77)));
    assert!(line.starts_with(r#"{"ts_utc":"2024-05-01T08:00:05.293Z","at""#));
    assert_eq!(logged(&line).unwrap().to_string(), "2024-05-01 08:00:05");
    for (stamp, written) in [
        ("2024-05-01T08:00:05Z", "\"2024-05-01T08:00:05.000Z\""),
        (
            "2024-05-01T10:00:05.25+02:00",
            "\"2024-05-01T08:00:05.250Z\"",
        ),
        ("1601-01-01T00:00:00.0000000Z", "null"),
        ("", "null"),
    ] {
        let mut line = String::new();
        write_place(&mut line, stamp, 1, 2);
        assert_eq!(
            line,
            format!("{{\"ts_utc\":{written},\"at\":1,\"bytes\":2,")
        );
        assert_eq!(place(&line), Some((1, 2)));
    }
    assert_eq!(read(&line).unwrap().provider, "disk");
    for line in ["", "{}", CANONICAL, r#"{"at":,"bytes":1,"#] {
        assert_eq!(place(line), None);
    }
}

#[test]
fn a_list_under_a_long_name_stays_as_small_as_its_line() {
    for escape in ["", "\\u00e9"] {
        let line = format!(
            r#"{{"ProviderName":"Microsoft-Windows-Ntfs","EventID":98,"TimeCreated":"2024-05-01T08:00:05Z","EventData":{{"{escape}{}":[{}1]}}}}"#,
            "x".repeat(20_000),
            "1,".repeat(10_000)
        );
        let event = read(&line).expect("it is an event");
        assert_eq!(event.data.len(), 10_001);
        assert!(event.to_line().len() < 40 * line.len());
    }
}

#[test]
fn the_machine_is_named_by_the_first_and_the_last_event() {
    let line = |host: &str| {
        format!(
            r#"{{"ts_utc":"2024-05-01T08:00:05.293Z","host":"{host}","channel":"System","provider":"Microsoft-Windows-Ntfs","event_id":98,"record_id":7,"level":"information","data":{{}}}}"#
        )
    };
    let (old, new) = (line("PC-OLD"), line("PC-NEW"));
    assert_eq!(hosts(&format!("{new}\n{old}\n{new}\n")), ["PC-NEW"]);
    assert_eq!(hosts(&format!("{old}\r\n{new}\r\n")), ["PC-OLD", "PC-NEW"]);
    assert_eq!(hosts(&old), ["PC-OLD"]);
    let long = line(&"x".repeat(300));
    for none in [
        "",
        "\n",
        "2022-08-18 15:53:46, Info CBS made up\n",
        &line(""),
        &long,
    ] {
        assert!(hosts(none).is_empty(), "{none}");
    }
}
