//! Events of Windows event logs as JSON lines, in the shapes that shippers write and in the one that our own reader of .evtx makes.
//!
//! A line is kept as it came; what is looked at is its canonical form:
//!
//! ```text
//! {"ts_utc":"2024-05-01T08:00:05.293Z","host":"PC-1","channel":"System","provider":"Microsoft-Windows-Ntfs","event_id":98,"record_id":7,"level":"information","data":{"CorruptionActionState":"0"}}
//! ```
//!
//! One file per shape; a new shape is a file and a line in `shape`.
//!
//! Copies in other forms than JSON (`event_forms`) become the same events: `fields`, `message` and `time` know what they share.

mod canonical;
mod collector;
pub(crate) mod fields;
mod flat;
mod fluent_bit;
pub(crate) mod json;
mod message;
mod nxlog;
mod rendered;
pub(crate) mod stamp;
pub(crate) mod time;
mod vector;
mod wazuh;
mod winlogbeat;

use crate::head::Head;
use event::{Level, LoggedAt, UtcMillis};
use json::Json;
use std::borrow::Cow;

/// One event of a Windows event log, whoever wrote it down.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WindowsEvent<'a> {
    /// When.
    pub time: EventTime,
    /// The machine that logged it, as it names itself.
    pub host: Cow<'a, str>,
    /// `System`, `Setup`, …
    pub channel: Cow<'a, str>,
    /// `Microsoft-Windows-Servicing`, `disk`, …
    pub provider: Cow<'a, str>,
    /// What happened, in the provider's numbers; without its qualifiers.
    pub event_id: u32,
    /// Its number in the channel; some shippers leave it out.
    pub record_id: Option<u64>,
    /// 1 critical to 5 verbose, 0 always; none where the word is not known.
    pub level: Option<u8>,
    /// Its values by name, sorted; those without a name are `param1` and on.
    pub data: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// When an event happened, as far as its line tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EventTime {
    /// Not at all, or it is damaged: corrupt records carry the year 1601.
    #[default]
    Unknown,
    /// By UTC, as event logs keep it.
    Utc(UtcMillis),
    /// By a local clock of unknown zone.
    Local(LoggedAt),
}

/// Canonical form of a line in any known shape; nothing for other text.
pub fn normalise(line: &str) -> Option<String> {
    read(line).map(|event| event.to_line())
}

/// Reads a line in any known shape; nothing for other text.
pub fn read(line: &str) -> Option<WindowsEvent<'_>> {
    if !starts(line) {
        return None;
    }
    from_json(&Json::read(line)?)
}

/// Names of the machine in the first and in the last event of some lines, each once; none where the lines are no events, or name none.
pub fn hosts(lines: &str) -> Vec<String> {
    let lines = lines.trim_end();
    let ends = [lines.lines().next(), lines.lines().next_back()];
    let mut hosts: Vec<String> = Vec::new();
    for line in ends.into_iter().flatten() {
        let host = read(line).map(|event| event.host.into_owned());
        let host = host.filter(|host| (1..=HOST_MAX).contains(&host.len()));
        hosts.extend(host);
    }
    hosts.dedup();
    hosts
}

/// Longest name of a machine, with its domain.
const HOST_MAX: usize = 255;

/// Reads an object in any known shape.
pub(crate) fn from_json<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    let mut event = within(json, WRAPPERS_DEEP)?;
    event.settle();
    Some(event)
}

/// What stores and shippers put an event into: a hit of Elasticsearch, its fields, a log of Datadog, a message of a collector, a row of Splunk.
const WRAPPERS: [&str; 8] = [
    "_source",
    "attributes",
    "content",
    "event",
    "body",
    "data",
    "result",
    "fields",
];

/// How many of them may lie around each other: Datadog has two, a hit of what a shipper wrapped three.
const WRAPPERS_DEEP: usize = 4;

fn within<'a>(json: &Json<'a>, deep: usize) -> Option<WindowsEvent<'a>> {
    shape(json).or_else(|| {
        let deep = deep.checked_sub(1)?;
        let inner = |name: &&str| json.get(name).filter(|inner| inner.is_map());
        WRAPPERS
            .iter()
            .filter_map(inner)
            .find_map(|inner| within(inner, deep))
    })
}

/// The shapes, the surest first.
fn shape<'a>(json: &Json<'a>) -> Option<WindowsEvent<'a>> {
    rendered::read(json)
        .or_else(|| canonical::read(json))
        .or_else(|| winlogbeat::read(json))
        .or_else(|| vector::read(json))
        .or_else(|| fluent_bit::read(json))
        .or_else(|| nxlog::read(json))
        .or_else(|| collector::read(json))
        .or_else(|| wazuh::read(json))
        .or_else(|| flat::read(json))
}

/// Whether a text starts as JSON does that holds objects: a log may start with `[04/10/2020 20:20:04]`.
pub(crate) fn is_json(text: &str) -> bool {
    text.strip_prefix('[')
        .map_or(text, str::trim_start)
        .starts_with('{')
}

/// Whether a text that is no event tells of one: what shippers call its id or its provider stands in it.
pub(crate) fn tells_of_event(text: &str) -> bool {
    const NAMES: [&[u8]; 6] = [
        b"eventid",
        b"event_id",
        b"providername",
        b"provider_name",
        b"eventcode",
        b"sourcename",
    ];
    let text = text.as_bytes();
    memchr::memchr2_iter(b'e', b'E', text)
        .chain(memchr::memchr2_iter(b'p', b'P', text))
        .chain(memchr::memchr2_iter(b's', b'S', text))
        .filter_map(|at| text.get(at..))
        .any(|rest| {
            NAMES.iter().any(|name| {
                rest.get(..name.len())
                    .is_some_and(|start| start.eq_ignore_ascii_case(name))
            })
        })
}

/// The whole name of a provider that Event Viewer's own pane shows without its maker.
pub(crate) fn full_name<'a>(provider: &Cow<'a, str>) -> Cow<'a, str> {
    const SHORT: [(&str, &str); 8] = [
        (
            "WindowsUpdateClient",
            "Microsoft-Windows-WindowsUpdateClient",
        ),
        (
            "Windows Update Agent",
            "Microsoft-Windows-WindowsUpdateClient",
        ),
        ("Servicing", "Microsoft-Windows-Servicing"),
        ("WUSA", "Microsoft-Windows-WUSA"),
        ("WinREAgent", "Microsoft-Windows-WinREAgent"),
        ("Kernel-Power", "Microsoft-Windows-Kernel-Power"),
        ("Kernel-General", "Microsoft-Windows-Kernel-General"),
        ("Ntfs (Microsoft-Windows-Ntfs)", "Microsoft-Windows-Ntfs"),
    ];
    SHORT
        .iter()
        .find(|(short, _)| short == provider)
        .map_or_else(|| provider.clone(), |(_, name)| Cow::Borrowed(*name))
}

/// Whether a record starts here: every line is one, but for those that tell of what could not be read.
pub(crate) fn starts(line: &str) -> bool {
    line.starts_with('{') && !line.starts_with(UNREADABLE)
}

/// How a line starts that tells of what could not be read.
pub(crate) const UNREADABLE: &str = "{\"at\":";

/// How a line starts that our own reader of .evtx wrote.
const OWN: &str = "{\"ts_utc\":";

/// Whether a line is one that our own reader of .evtx wrote, or that came from a report of ours.
pub(crate) fn is_own(line: &str) -> bool {
    line.starts_with(OWN) || line.starts_with(UNREADABLE)
}

/// Writes what stands in front of the event in a line of ours: its time, where it stands in the file, and how long it is there.
pub(crate) fn write_place(line: &mut String, stamp: &str, at: u64, bytes: u64) {
    use std::fmt::Write;
    line.push_str(OWN);
    match (time::read(stamp), time::to_millis(stamp)) {
        // Nearly all are in the form that is wanted, but for their finer digits; writing the time anew costs more than reading it.
        (EventTime::Utc(_), Some(stamp)) => line.extend(["\"", stamp, "Z\""]),
        // Writing to a String cannot fail.
        (EventTime::Utc(utc), None) => drop(write!(line, "\"{utc}\"")),
        _ => line.push_str("null"),
    }
    let _ = write!(line, ",\"at\":{at},\"bytes\":{bytes},");
}

/// Where a line of ours stands in its file, and how many bytes it takes there.
pub(crate) fn place(line: &str) -> Option<(u64, u64)> {
    let after = match line.strip_prefix(OWN) {
        Some(rest) => rest.split_once(',')?.1,
        None => line.strip_prefix('{')?,
    };
    let (at, rest) = after.strip_prefix("\"at\":")?.split_once(',')?;
    let bytes = rest.strip_prefix("\"bytes\":")?.split(',').next()?;
    Some((at.parse().ok()?, bytes.parse().ok()?))
}

/// The time alone, without reading the rest of a line of ours.
pub(crate) fn logged(line: &str) -> Option<LoggedAt> {
    match line.strip_prefix(OWN) {
        Some(rest) => LoggedAt::parse(rest.strip_prefix('"')?.as_bytes()),
        None => read(line)?.time.logged(),
    }
}

/// Reads a record's head. The canonical form is its message, so that starts at once.
pub(crate) fn head(line: &str) -> Option<(Head<'_>, usize)> {
    Some((read(line)?.head(), 0))
}

/// A string of the canonical form without its escapes.
pub fn unescaped(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    match serde_json::from_str(&format!("\"{text}\"")) {
        Ok(text) => Cow::Owned(text),
        Err(_) => Cow::Borrowed(text),
    }
}

impl EventTime {
    /// By UTC, where that is known.
    pub fn utc(self) -> Option<UtcMillis> {
        match self {
            Self::Utc(utc) => Some(utc),
            _ => None,
        }
    }

    /// As logged. Event logs write UTC, so their wall clock is UTC's; that of a shipper that writes local time is local.
    pub fn logged(self) -> Option<LoggedAt> {
        match self {
            Self::Utc(utc) => Some(utc.to_logged(0)),
            Self::Local(logged) => Some(logged),
            Self::Unknown => None,
        }
    }
}

impl<'a> WindowsEvent<'a> {
    /// What stands in front of a message elsewhere; the component is the provider.
    pub fn head(&self) -> Head<'a> {
        Head {
            logged: self.time.logged(),
            level: match self.level {
                Some(1 | 2) => Level::Error,
                Some(3) => Level::Warning,
                Some(_) => Level::Info,
                None => Level::Unknown,
            },
            level_word: self.level_word().unwrap_or_default(),
            message_id: None,
            component: match self.provider {
                Cow::Borrowed(provider) => provider,
                // Not a slice of the line; who needs it takes it from the event.
                Cow::Owned(_) => "",
            },
        }
    }

    /// What makes two of them the same event, whatever carried them here.
    ///
    /// Whole seconds of time, as one shipper writes no more. Where the number in the channel is missing, the values take its place.
    pub fn identity(&self) -> String {
        let seconds = self.time.logged().map(|logged| logged.0);
        let mut identity = format!(
            "{}\0{}\0{}\0{:?}\0{:?}",
            self.channel, self.provider, self.event_id, self.record_id, seconds
        );
        if self.record_id.is_none() {
            for (name, value) in &self.data {
                identity.extend(["\0", name, "=", value]);
            }
        }
        identity
    }

    /// A value by its name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.data
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_ref())
    }

    /// What an event must have, and this one lacks: then it is only half understood.
    pub fn lacks(&self) -> Option<&'static str> {
        if self.provider.is_empty() {
            Some("provider")
        } else if self.time == EventTime::Unknown {
            Some("time")
        } else if message::wants_code(&self.provider, self.event_id)
            && self.value("errorCode").is_none()
        {
            Some("code")
        } else {
            None
        }
    }

    fn level_word(&self) -> Option<&'static str> {
        let words = [
            "information",
            "critical",
            "error",
            "warning",
            "information",
            "verbose",
        ];
        words.get(usize::from(self.level?)).copied()
    }

    /// What is the same for every shape: order, and values that are spelled in a way of their own.
    pub(crate) fn settle(&mut self) {
        self.provider = full_name(&self.provider);
        message::name_values(self);
        let is_report = self.provider == "Windows Error Reporting";
        for (name, value) in &mut self.data {
            if ["errorcode", "hresult"].contains(&name.to_ascii_lowercase().as_str())
                && let Some(code) = from_decimal(value)
            {
                *value = Cow::Owned(code);
            }
            if is_report && let Some(text) = from_wide(value) {
                *value = Cow::Owned(text);
            }
        }
        self.data
            .sort_by(|(one, _), (other, _)| numbered(one).cmp(&numbered(other)));
    }
}

/// `param10` comes after `param2`.
fn numbered(name: &str) -> (&str, usize, &str) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name.len(), name)
}

/// A failure code in decimal, signed or not, as hex: `-2145124322` is `0x8024001e`.
fn from_decimal(value: &str) -> Option<String> {
    let number: i64 = value.parse().ok()?;
    let code = match i32::try_from(number) {
        Ok(signed) if signed < 0 => signed.cast_unsigned(),
        Ok(_) => return None,
        Err(_) => u32::try_from(number).ok()?,
    };
    Some(format!("{code:#010x}"))
}

/// Error reports carry a source line that was taken for UTF-16 though it had one byte a character: it looks like Chinese.
///
/// That all characters of real Chinese text of this length have printable ASCII in both bytes is as good as impossible.
fn from_wide(value: &str) -> Option<String> {
    /// Characters; below that a word of two might do it.
    const LEAST: usize = 6;
    let mut text = Vec::with_capacity(2 * value.len() / 3);
    let mut units = 0;
    for unit in value.encode_utf16() {
        let bytes = unit.to_le_bytes();
        let is_text = |byte: u8| matches!(byte, b' '..=b'~' | b'\t');
        // The last byte may have been the end of the string.
        if !is_text(bytes[0]) || !(is_text(bytes[1]) || bytes[1] == 0) {
            return None;
        }
        units += usize::from(bytes[1] != 0);
        text.extend(bytes.iter().filter(|byte| **byte != 0));
    }
    if units < LEAST || units + 1 < value.encode_utf16().count() {
        return None;
    }
    String::from_utf8(text).ok()
}

/// 0 to 5, from a number or a word.
pub(crate) fn level(text: &str) -> Option<u8> {
    match text.to_lowercase().as_str() {
        "0" | "log_always" | "logalways" => Some(0),
        "1"
        | "critical"
        | "严重"
        | "关键"
        | "嚴重"
        | "重大"
        | "kritisch"
        | "critique"
        | "crítico"
        | "критический"
        | "critico" => Some(1),
        "2" | "error" | "错误" | "錯誤" | "エラー" | "fehler" | "erreur" | "ошибка" | "errore"
        | "erro" | "오류" => Some(2),
        "3"
        | "warning"
        | "warn"
        | "警告"
        | "warnung"
        | "avertissement"
        | "advertencia"
        | "предупреждение"
        | "avviso"
        | "aviso"
        | "경고" => Some(3),
        "4" | "information" | "informational" | "info" | "信息" | "資訊" | "情報"
        | "informationen" | "información" | "informations" | "сведения" | "informazioni"
        | "informação" | "정보" => Some(4),
        "5" | "verbose" | "debug" | "详细" | "詳細資訊" | "詳細" | "ausführlich" => {
            Some(5)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests;
