//! One made-up failure of an update in every form that people copy.

use crate::{Cutter, detect, records};
use event::{Format, Source, TextEncoding};

const TITLE: &str = "2024-02 Made-up Update (KB5000001)";

const XML: &str = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Microsoft-Windows-WindowsUpdateClient' Guid='{945a8954-c147-4acd-923f-40c45405a658}'/><EventID>20</EventID><Version>1</Version><Level>2</Level><TimeCreated SystemTime='2024-03-05T08:12:01.1234567Z'/><EventRecordID>7</EventRecordID><Channel>System</Channel><Computer>PC-1</Computer></System><EventData><Data Name='errorCode'>0x80070002</Data><Data Name='updateTitle'>2024-02 Made-up Update (KB5000001)</Data></EventData></Event>";

/// Name, text, form.
fn forms() -> Vec<(&'static str, String, Format)> {
    let message = "Installation Failure: Windows failed to install the following update with error 0x80070002: 2024-02 Made-up Update (KB5000001).";
    let object = format!(
        r#"{{"TimeCreated":"\/Date(1709626321000)\/","LogName":"System","ProviderName":"Microsoft-Windows-WindowsUpdateClient","Id":20,"RecordId":7,"LevelDisplayName":"Error","Message":"{message}"}}"#
    );
    let elastic = format!(
        r#"{{"_index":"made-up","_id":"1","_source":{{"@timestamp":"2024-03-05T08:12:01.123Z","winlog":{{"provider_name":"Microsoft-Windows-WindowsUpdateClient","event_id":"20","channel":"System","record_id":7,"event_data":{{"errorCode":"0x80070002","updateTitle":"{TITLE}"}}}}}}}}"#
    );
    vec![
        ("event viewer", format!("Log Name:      System\r\nSource:        Microsoft-Windows-WindowsUpdateClient\r\nDate:          2024-03-05 09:12:01\r\nEvent ID:      20\r\nTask Category: Windows Update Agent\r\nLevel:         Error\r\nUser:          SYSTEM\r\nComputer:      PC-1\r\nDescription:\r\n{message}\r\n"), Format::EventText),
        ("event viewer, Chinese", format!("日志名称:          System\r\n来源:            Microsoft-Windows-WindowsUpdateClient\r\n日期:            2024/3/5 9:12:01\r\n事件 ID:         20\r\n任务类别:          Windows 更新代理\r\n级别:            错误\r\n用户:            SYSTEM\r\n计算机:           PC-1\r\n描述:\r\n安装失败: Windows 无法安装以下更新，错误 0x80070002: {TITLE}。\r\n"), Format::EventText),
        ("event viewer with XML", format!("Log Name:      System\r\nSource:        Microsoft-Windows-WindowsUpdateClient\r\nEvent ID:      20\r\nDescription:\r\n{message}\r\nEvent Xml:\r\n{XML}\r\n"), Format::EventText),
        ("wevtutil text", format!("Event[0]:\r\n  Log Name: System\r\n  Source: Microsoft-Windows-WindowsUpdateClient\r\n  Date: 2024-03-05T09:12:01.123\r\n  Event ID: 20\r\n  Level: Error\r\n  Computer: PC-1\r\n  Description: \r\n{message}\r\n\r\n"), Format::EventText),
        ("Format-List", "\r\nTimeCreated  : 3/5/2024 9:12:01 AM\r\nProviderName : Microsoft-Windows-WindowsUpdateClient\r\nId           : 20\r\nMessage      : Installation Failure: Windows failed to install the following update with error \r\n               0x80070002: 2024-02 Made-up Update (KB5000001).\r\n\r\n".to_owned(), Format::EventText),
        ("Get-EventLog list", format!("Index              : 4242\r\nEntryType          : Error\r\nInstanceId         : 20\r\nMessage            : {message}\r\nCategory           : Windows Update Agent\r\nCategoryNumber     : 1\r\nReplacementStrings : {{0x80070002, x}}\r\nSource             : Microsoft-Windows-WindowsUpdateClient\r\nTimeGenerated      : 3/5/2024 9:12:01 AM\r\nTimeWritten        : 3/5/2024 9:12:01 AM\r\n"), Format::EventText),
        ("wevtutil XML", format!("{XML}\r\n"), Format::EventXml),
        ("XML in Events, one line", format!("<?xml version=\"1.0\" encoding=\"utf-8\" standalone=\"yes\"?>\r\n<Events>{XML}</Events>"), Format::EventXml),
        ("XML view", format!("- {}", XML.replace("><", ">\r\n  - <")), Format::EventXml),
        ("ConvertTo-Json", format!("[{object}]\r\n"), Format::EventObjects),
        ("indented", format!("[\r\n    {}\r\n]\r\n", object.replace("\",\"", "\",\r\n        \"")), Format::EventObjects),
        ("PowerShell's wrapped list", format!("{{\"value\":[{object}],\"Count\":1}}"), Format::EventObjects),
        ("search", format!("{{\"took\":3,\"hits\":{{\"total\":{{\"value\":1}},\"hits\":[{elastic}]}}}}"), Format::EventObjects),
        ("a hit a line", format!("{elastic}\n"), Format::EventJson),
        ("properties by place", r#"{"TimeCreated":"2024-03-05T09:12:01.1234567+01:00","ProviderName":"Microsoft-Windows-WindowsUpdateClient","Id":20,"RecordId":7,"Level":2,"Message":null,"Properties":[{"Value":-2147024894},{"Value":"2024-02 Made-up Update (KB5000001)"}]}"#.to_owned(), Format::EventJson),
        ("Winlogbeat 6", format!(r#"{{"@timestamp":"2024-03-05T08:12:01.123Z","beat":{{"name":"PC-1"}},"computer_name":"PC-1","event_id":20,"level":"Error","log_name":"System","record_number":"7","source_name":"Microsoft-Windows-WindowsUpdateClient","type":"wineventlog","event_data":{{"errorCode":"0x80070002","updateTitle":"{TITLE}"}}}}"#), Format::EventJson),
        ("Datadog", format!(r#"{{"Event":{{"EventData":{{"Data":{{"errorCode":"0x80070002","updateTitle":"{TITLE}"}}}},"System":{{"Channel":"System","Computer":"PC-1","EventID":{{"value":"20"}},"EventRecordID":"7","Level":"2","Provider":{{"Name":"Microsoft-Windows-WindowsUpdateClient"}},"TimeCreated":{{"SystemTime":"2024-03-05T08:12:01.123Z"}}}}}}}}"#), Format::EventJson),
        ("named Data", format!(r##"{{"Event":{{"System":{{"Provider":{{"@Name":"Microsoft-Windows-WindowsUpdateClient"}},"EventID":{{"@Qualifiers":"0","#text":"20"}},"TimeCreated":{{"@SystemTime":"2024-03-05T08:12:01Z"}}}},"EventData":{{"Data":[{{"@Name":"errorCode","#text":"0x80070002"}},{{"@Name":"updateTitle","#text":"{TITLE}"}}]}}}}}}"##), Format::EventJson),
        ("OpenWEC", format!(r#"{{"System":{{"Provider":{{"Name":"Microsoft-Windows-WindowsUpdateClient"}},"EventID":20,"Level":2,"TimeCreated":"2024-03-05T08:12:01.123Z","EventRecordID":7,"Channel":"System","Computer":"PC-1"}},"EventData":{{"errorCode":"0x80070002","updateTitle":"{TITLE}"}},"OpenWEC":{{"IpAddress":"192.0.2.1"}}}}"#), Format::EventJson),
        ("Wazuh", format!(r#"{{"timestamp":"2024-03-05T08:12:03.000+0000","agent":{{"name":"PC-1"}},"data":{{"win":{{"system":{{"providerName":"Microsoft-Windows-WindowsUpdateClient","eventID":"20","systemTime":"2024-03-05T08:12:01.123Z","eventRecordID":"7","channel":"System","computer":"PC-1","severityValue":"ERROR"}},"eventdata":{{"errorCode":"0x80070002","updateTitle":"{TITLE}"}}}}}}}}"#), Format::EventJson),
        ("Azure Monitor", format!(r#"{{"TimeGenerated":"2024-03-05T08:12:01.123Z","Computer":"PC-1","EventLog":"System","Source":"Microsoft-Windows-WindowsUpdateClient","EventID":20,"EventLevelName":"Error","RenderedDescription":"{message}"}}"#), Format::EventJson),
        ("Event Viewer's CSV", format!("\u{FEFF}Level,Date and Time,Source,Event ID,Task Category\r\nError,3/5/2024 9:12:01 AM,Microsoft-Windows-WindowsUpdateClient,20,Windows Update Agent,\"{message}\"\r\n"), Format::EventCsv),
        ("Export-Csv of chosen properties", format!("#TYPE Selected.System.Diagnostics.Eventing.Reader.EventLogRecord\r\n\"TimeCreated\",\"Id\",\"LevelDisplayName\",\"Message\"\r\n\"05.03.2024 09:12:01\",\"20\",\"Fehler\",\"{message}\"\r\n"), Format::EventCsv),
        ("Export-Csv in full", format!("\"Message\",\"Id\",\"Version\",\"Qualifiers\",\"Level\",\"Task\",\"Opcode\",\"Keywords\",\"RecordId\",\"ProviderName\",\"ProviderId\",\"LogName\",\"ProcessId\",\"ThreadId\",\"MachineName\",\"UserId\",\"TimeCreated\",\"ActivityId\",\"RelatedActivityId\",\"ContainerLog\",\"MatchedQueryIds\",\"Bookmark\",\"LevelDisplayName\",\"OpcodeDisplayName\",\"TaskDisplayName\",\"KeywordsDisplayNames\",\"Properties\"\r\n\"{message}\",\"20\",\"1\",,\"2\",\"1\",\"13\",\"1\",\"7\",\"Microsoft-Windows-WindowsUpdateClient\",\"x\",\"System\",\"1\",\"2\",\"PC-1\",\"S-1-5-18\",\"3/5/2024 9:12:01 AM\",,,\"system\",\"x\",\"x\",\"Error\",\"Installation\",\"Windows Update Agent\",\"x\",\"x\"\r\n"), Format::EventCsv),
        ("EvtxECmd", format!("RecordNumber,EventRecordId,TimeCreated,EventId,Level,Provider,Channel,ProcessId,ThreadId,Computer,ChunkNumber,UserId,MapDescription,UserName,RemoteHost,PayloadData1,PayloadData2,PayloadData3,PayloadData4,PayloadData5,PayloadData6,ExecutableInfo,HiddenRecord,SourceFile,Payload\r\n1,7,2024-03-05 08:12:01.1234567,20,Error,Microsoft-Windows-WindowsUpdateClient,System,1,2,PC-1,0,S-1-5-18,,,,,,,,,,,False,C:\\x.evtx,\"{{\"\"EventData\"\":{{\"\"Data\"\":[{{\"\"@Name\"\":\"\"errorCode\"\",\"\"#text\"\":\"\"0x80070002\"\"}},{{\"\"@Name\"\":\"\"updateTitle\"\",\"\"#text\"\":\"\"{TITLE}\"\"}}]}}}}\"\r\n"), Format::EventCsv),
    ]
}

/// What all of them say.
fn check(name: &str, text: &str, format: Format) {
    let events: Vec<_> = records(text, format)
        .filter_map(|record| record.event())
        .collect();
    assert_eq!(events.len(), 1, "{name}");
    let event = &events[0];
    assert_eq!(event.lacks(), None, "{name}: {event:?}");
    assert_eq!(
        (
            event.provider.as_ref(),
            event.event_id,
            event.value("errorCode"),
            event.value("updateTitle")
        ),
        (
            "Microsoft-Windows-WindowsUpdateClient",
            20,
            Some("0x80070002"),
            Some(TITLE)
        ),
        "{name}: {event:?}"
    );
    let logged = event.time.logged().map(|at| at.to_string());
    let utc_or_local = ["2024-03-05 08:12:01", "2024-03-05 09:12:01"];
    assert!(
        logged.is_some_and(|at| utc_or_local.contains(&at.as_str())),
        "{name}"
    );
    // The canonical form reads back as itself.
    let line = event.to_line();
    assert_eq!(crate::event_json::normalise(&line), Some(line), "{name}");
}

#[test]
fn every_form_is_the_same_event() {
    for (name, text, format) in forms() {
        let detection = detect("x.txt", text.as_bytes());
        assert_eq!(
            (detection.source, detection.format),
            (Some(Source::EventLog), format),
            "{name}"
        );
        check(name, &text, format);
    }
}

#[test]
fn every_form_is_known_in_utf_16_and_with_other_line_ends() {
    for (name, text, format) in forms() {
        let lf = text.replace("\r\n", "\n");
        let utf16: Vec<u8> = text
            .trim_start_matches('\u{FEFF}')
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let marked = [&[0xFF, 0xFE], utf16.as_slice()].concat();
        for bytes in [lf.as_bytes(), &marked] {
            let detection = detect("x.txt", bytes);
            assert_eq!(
                (detection.source, detection.format),
                (Some(Source::EventLog), format),
                "{name}"
            );
            let mut pieces = Vec::new();
            let mut cutter = Cutter::new(detection.encoding, format, 0, 64);
            for part in bytes.chunks(50) {
                cutter.push(part, &mut pieces);
            }
            cutter.finish(&mut pieces);
            let covered: u64 = pieces.iter().map(|piece| piece.length).sum();
            assert_eq!(covered, bytes.len() as u64, "{name}");
            let text: String = pieces.into_iter().map(|piece| piece.text).collect();
            check(name, &text, format);
        }
    }
}

#[test]
fn cuts_change_no_event() {
    for (name, text, format) in forms() {
        // Some exports hold names once, at their start.
        let many = match format {
            Format::EventObjects if text.starts_with('[') => {
                let object = text.trim().trim_matches(['[', ']']);
                format!("[{}]", [object; 9].join(",\r\n"))
            }
            _ => format!("{}\n", text.trim_start_matches('\u{FEFF}').trim_end()).repeat(9),
        };
        let whole: Vec<String> = records(&many, format)
            .map(|record| record.text().into_owned())
            .collect();
        for target in [1, 700, 1_500] {
            let mut pieces = Vec::new();
            let mut cutter = Cutter::new(TextEncoding::Utf8, format, 0, target);
            for part in many.as_bytes().chunks(97) {
                cutter.push(part, &mut pieces);
            }
            cutter.finish(&mut pieces);
            let cut: Vec<String> = pieces
                .iter()
                .flat_map(|piece| records(&piece.text, format))
                .map(|record| record.text().into_owned())
                .collect();
            assert_eq!(whole, cut, "{name} at {target}");
        }
        let events = records(&many, format)
            .filter(|record| record.event().is_some())
            .count();
        assert_eq!(events, 9, "{name}");
    }
}

#[test]
fn an_object_without_end_is_cut_at_the_bound_and_what_follows_it_is_read() {
    let text = format!(
        "[{{\"EventID\":1,\"x\":\"{}\"}},\n{}",
        "y".repeat(2 * crate::MAX_RECORD_BYTES),
        r#"{"EventID":20,"ProviderName":"Microsoft-Windows-Ntfs","TimeCreated":"2024-03-05T08:12:01Z"}]"#
    );
    let lengths: Vec<_> = records(&text, Format::EventObjects)
        .map(|record| record.raw.len())
        .collect();
    assert!(
        lengths
            .iter()
            .all(|length| *length <= crate::MAX_RECORD_BYTES)
    );
    assert_eq!(lengths.iter().sum::<usize>(), text.len());
    let half = records(&text, Format::EventObjects)
        .filter(|record| record.is_half_read(record.event().as_ref()))
        .count();
    assert_eq!(half, 1, "the long one is said to be lost");
    assert_eq!(
        records(&text, Format::EventObjects)
            .filter(|record| record.event().is_some())
            .count(),
        1
    );
}

#[test]
fn an_event_without_provider_time_or_id_is_half_read() {
    for (line, expected) in [
        (
            r#"{"EventID":20,"TimeCreated":"2024-03-05T08:12:01Z","Channel":"System"}"#,
            true,
        ),
        (
            r#"{"EventID":20,"ProviderName":"Microsoft-Windows-Ntfs","TimeCreated":"soon"}"#,
            true,
        ),
        (
            r#"{"ProviderName":"Microsoft-Windows-Ntfs","TimeCreated":"2024-03-05T08:12:01Z"}"#,
            true,
        ),
        (
            r#"{"EventID":20,"ProviderName":"Microsoft-Windows-Ntfs","TimeCreated":"2024-03-05T08:12:01Z"}"#,
            false,
        ),
        (
            r#"{"time":"2024-03-05T08:12:01Z","level":"error","source":"nginx","id":5}"#,
            false,
        ),
    ] {
        let record = records(line, Format::EventJson).next().unwrap();
        assert_eq!(
            record.is_half_read(record.event().as_ref()),
            expected,
            "{line}"
        );
    }
}

#[test]
fn a_failure_without_its_code_is_half_read() {
    let line = r#"{"EventID":20,"ProviderName":"Microsoft-Windows-WindowsUpdateClient","TimeCreated":"2024-03-05T08:12:01Z","Message":"It failed."}"#;
    let record = records(line, Format::EventJson).next().unwrap();
    assert!(record.is_half_read(record.event().as_ref()));
}

#[test]
fn other_json_rows_and_text_are_no_events() {
    for text in [
        "{\"time\":\"2024-03-05T08:12:01Z\",\"level\":\"error\",\"source\":\"nginx\",\"id\":5}\n",
        "[{\"made\":\"up\"}]",
        "a,b,c\n1,2,3\n",
        "[04/10/2020 20:20.04.633] WudfCoInstaller: made up\r\n",
        "<html><body>Event</body></html>",
        "Source: somewhere\nDate: 2024-03-05\n",
    ] {
        assert_eq!(detect("x.txt", text.as_bytes()).source, None, "{text}");
    }
}
