//! NXLog's `im_msvistalog` with `to_json`, and shippers that write as flat: values stand beside what describes the event.
//!
//! `EventTime` is local time without a zone, so UTC is not known from such a line: `@timestamp` beside it is when a relay got it.

use super::json::Json;
use super::{WindowsEvent, level, message, time};

/// What describes the event or its way here; everything else is a value of it.
const DESCRIBING: [&str; 46] = [
    "@timestamp",
    "@version",
    "AccountName",
    "AccountType",
    "ActivityID",
    "Category",
    "Channel",
    "Computer",
    "Domain",
    "EventID",
    "EventReceivedTime",
    "EventRecordID",
    "EventTime",
    "EventTimeWritten",
    "EventType",
    "ExecutionProcessID",
    "ExecutionThreadID",
    "FileName",
    "Hostname",
    "Keywords",
    "Level",
    "Message",
    "MessageSourceAddress",
    "Opcode",
    "OpcodeValue",
    "ProcessID",
    "ProviderGuid",
    "Qualifiers",
    "RecordNumber",
    "RelatedActivityID",
    "Severity",
    "SeverityValue",
    "SourceModuleName",
    "SourceModuleType",
    "SourceName",
    "Task",
    "ThreadID",
    "TimeCreated",
    "UserID",
    "Version",
    "host",
    "port",
    "tags",
    "timestamp",
    "type",
    "xml",
];

pub(super) fn read<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let Json::Map(fields) = json else { return None };
    let provider = json.text_at(&["SourceName"])?;
    let stamp = ["EventTime", "TimeCreated"]
        .iter()
        .find_map(|name| json.text_at(&[name]));
    let word = ["Level", "EventType", "Severity"]
        .iter()
        .find_map(|name| level(&json.text_at(&[name])?));
    let host = ["Hostname", "Computer"]
        .iter()
        .find_map(|name| json.text_at(&[name]));
    let record_id = ["RecordNumber", "EventRecordID"]
        .iter()
        .find_map(|name| json.number_at(&[name]));
    let own = fields
        .iter()
        .filter(|(name, _)| !DESCRIBING.contains(&name.as_ref()))
        .cloned()
        .collect();
    let mut event = WindowsEvent {
        time: stamp.map(|text| time::read(&text)).unwrap_or_default(),
        host: host.unwrap_or_default(),
        channel: json.text_at(&["Channel"]).unwrap_or_default(),
        provider,
        event_id: json.number_at(&["EventID"])?,
        record_id,
        level: word,
        data: Json::Map(own).values(),
    };
    if let Some(text) = json.text_at(&["Message"]) {
        message::add(&mut event, &text);
    }
    Some(event)
}
