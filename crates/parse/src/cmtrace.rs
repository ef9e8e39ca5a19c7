//! Logs in the form that CMTrace shows: those of ConfigMgr's client and of Intune's agent.
//!
//! ```text
//! <![LOG[Its a WSUS Update Source type ({…}), adding it.]LOG]!><time="09:12:01.123-480" date="03-05-2024" component="WUAHandler" context="" type="1" thread="4242" file="sourcemanager.cpp:1232">
//! Its a WSUS Update Source type ({…}), adding it.<tab>WUAHandler<tab>3/5/2024 9:12:01 AM<tab>4242 (0x1092)
//! ```
//!
//! The second line is what CMTrace copies of a row. Messages of the first form may have several lines.

use crate::event_json::stamp;
use crate::head::Head;
use event::{Level, LoggedAt, Source};

const START: &str = "<![LOG[";
const END: &str = "]LOG]!>";

/// Parts of ConfigMgr's client that write their offset from UTC with its sign reversed, as Windows keeps it: those that carry updates.
/// Other programs write as they please, some un-negated, so their offsets say nothing.
const NATIVE: [&str; 16] = [
    "CAS",
    "CcmExec",
    "ContentAccess",
    "ContentTransferManager",
    "DataTransferService",
    "DeltaDownload",
    "LocationServices",
    "PolicyAgent",
    "RebootCoordinator",
    "ScanAgent",
    "ServiceWindowManager",
    "StateMessage",
    "UpdatesDeployment",
    "UpdatesHandler",
    "UpdatesStore",
    "WUAHandler",
];

/// Parts of Intune's agent.
const INTUNE: [&str; 8] = [
    "AgentExecutor",
    "AppActionProcessor",
    "AppWorkload",
    "ClientHealth",
    "DeviceHealthMonitoring",
    "HealthScripts",
    "IntuneManagementExtension",
    "Win32App",
];

/// Most minutes that a zone lies from UTC.
const ZONE_MINUTES: i32 = 14 * 60;

pub(crate) fn starts(line: &str) -> bool {
    line.starts_with(START)
}

/// Whose log a record is of.
pub(crate) fn source(component: &str) -> Source {
    let name = component.split([' ', '[', '-']).next().unwrap_or_default();
    if INTUNE.contains(&name) {
        Source::Intune
    } else {
        Source::Configmgr
    }
}

pub(crate) fn read(record: &str) -> Option<(Head<'_>, usize)> {
    if !starts(record) {
        return None;
    }
    let about = about(record).unwrap_or_default();
    let head = Head {
        logged: value(about, "date").and_then(|date| logged(date, value(about, "time")?)),
        level: level(value(about, "type").unwrap_or_default()),
        level_word: value(about, "type").unwrap_or_default(),
        message_id: None,
        component: value(about, "component").unwrap_or_default(),
    };
    Some((head, START.len()))
}

/// The message of a record, whose place [`read`] tells: without what describes it, which stands behind.
pub(crate) fn message(rest: &str) -> &str {
    rest.rsplit_once(END).map_or(rest, |(message, _)| message)
}

/// Minutes ahead of UTC, where the part that wrote the record is known to write its offset as Windows keeps it: UTC = local + offset.
pub(crate) fn utc_minutes(record: &str) -> Option<i32> {
    let about = about(record)?;
    if !NATIVE.contains(&value(about, "component")?) {
        return None;
    }
    let time = value(about, "time")?;
    let sign = time.rfind(['+', '-'])?;
    let bias: i32 = time.get(sign..)?.parse().ok()?;
    (bias.abs() <= ZONE_MINUTES && bias % 15 == 0).then_some(-bias)
}

/// What describes a record: the attributes behind its message.
fn about(record: &str) -> Option<&str> {
    record.rsplit_once(END).map(|(_, about)| about)
}

fn value<'a>(about: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = about;
    while let Some((before, after)) = rest.split_once("=\"") {
        let (value, after) = after.split_once('"')?;
        if before.trim_start_matches('<').trim() == name {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// `03-05-2024` or `3-5-2024`, the month first, and `09:12:01.123-480`.
fn logged(date: &str, time: &str) -> Option<LoggedAt> {
    let mut parts = date.split(['-', '/']).map(|part| part.parse().ok());
    let (month, day, year) = (parts.next()??, parts.next()??, parts.next()??);
    let mut parts = time
        .split([':', '.', '+', '-'])
        .map(|part| part.parse().ok());
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    LoggedAt::from_civil(year, month, day, hour, minute, second)
}

fn level(kind: &str) -> Level {
    match kind {
        "1" => Level::Info,
        "2" => Level::Warning,
        "3" => Level::Error,
        _ => Level::Unknown,
    }
}

/// Reads a row as CMTrace copies it: `message<tab>component<tab>time<tab>4242 (0x1092)`. Mails make blanks of the tabs, so the thread, whose
/// two numbers are one, shows that it is such a row.
pub(crate) fn read_copied(line: &str) -> Option<(Head<'_>, usize)> {
    let row = Row::read(line)?;
    let head = Head {
        logged: row.logged,
        level: Level::Unknown,
        level_word: "",
        message_id: None,
        component: row.component,
    };
    Some((head, 0))
}

/// The message of such a row.
pub(crate) fn copied_message(line: &str) -> &str {
    Row::read(line).map_or(line, |row| row.message)
}

struct Row<'a> {
    message: &'a str,
    component: &'a str,
    logged: Option<LoggedAt>,
}

impl<'a> Row<'a> {
    fn read(line: &'a str) -> Option<Self> {
        let line = line.trim_end();
        let (before, hex) = line.strip_suffix(')')?.rsplit_once(" (0x")?;
        let thread = before.rsplit([' ', '\t']).next()?;
        let same: u32 = thread.parse().ok()?;
        if u32::from_str_radix(hex, 16) != Ok(same) {
            return None;
        }
        let before = before.strip_suffix(thread)?.trim_end();
        let (message, component, time) = match before.contains('\t') {
            true => {
                let mut columns = before.rsplitn(3, '\t');
                let (time, component) = (columns.next()?, columns.next()?);
                (columns.next().unwrap_or_default(), component, time)
            }
            false => Self::by_blanks(before)?,
        };
        let is_component = !component.is_empty() && !component.trim().contains(' ');
        is_component.then(|| Self {
            message: message.trim_end(),
            component: component.trim(),
            logged: stamp::read(time),
        })
    }

    /// Two or three words of time, before them the component.
    fn by_blanks(before: &'a str) -> Option<(&'a str, &'a str, &'a str)> {
        let mut words = before.rsplit(' ').filter(|word| !word.is_empty());
        let last = words.next()?;
        let is_clock =
            |word: &str| word.contains(':') && word.starts_with(|c: char| c.is_ascii_digit());
        let clock = if is_clock(last) { last } else { words.next()? };
        let date = words.next()?;
        if !is_clock(clock) || !date.starts_with(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let component = words.next()?;
        let at = before.rfind(date)?;
        let (head, time) = before.split_at_checked(at)?;
        let head = head.trim_end();
        Some((head.strip_suffix(component)?, component, time))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records;
    use event::Format;

    // Made up.
    const LOG: &str = "<![LOG[OnSearchComplete - Failed to end search job. Error = 0x80244022.]LOG]!><time=\"09:12:01.123-480\" date=\"03-05-2024\" component=\"WUAHandler\" context=\"\" type=\"3\" thread=\"4242\" file=\"cwuahandler.cpp:3212\">\r\n<![LOG[Two\r\nlines]LOG]!><time=\"09:12:02.1234567\" date=\"3-5-2024\" component=\"IntuneManagementExtension\" context=\"\" type=\"1\" thread=\"7\" file=\"\">\r\n";

    #[test]
    fn a_record_ends_with_what_describes_it() {
        let records: Vec<_> = records(LOG, Format::Cmtrace).collect();
        let texts: Vec<_> = records
            .iter()
            .map(|record| record.text().into_owned())
            .collect();
        assert_eq!(
            texts,
            [
                "OnSearchComplete - Failed to end search job. Error = 0x80244022.",
                "Two\r\nlines"
            ]
        );
        let heads: Vec<_> = records.iter().filter_map(|record| record.head()).collect();
        let read: Vec<_> = heads
            .iter()
            .map(|head| {
                (
                    head.component,
                    head.level,
                    head.logged.map(|at| at.to_string()),
                )
            })
            .collect();
        assert_eq!(
            read,
            [
                (
                    "WUAHandler",
                    Level::Error,
                    Some("2024-03-05 09:12:01".to_owned())
                ),
                (
                    "IntuneManagementExtension",
                    Level::Info,
                    Some("2024-03-05 09:12:02".to_owned())
                ),
            ]
        );
        assert_eq!(source(heads[0].component), Source::Configmgr);
        assert_eq!(source(heads[1].component), Source::Intune);
    }

    #[test]
    fn only_parts_that_are_known_tell_the_offset_and_with_its_sign_reversed() {
        assert_eq!(utc_minutes(LOG.lines().next().unwrap()), Some(480));
        let toolkit = LOG.replace("WUAHandler", "Install-Made-Up.ps1");
        assert_eq!(utc_minutes(toolkit.lines().next().unwrap()), None);
        let odd = LOG.replace("-480", "+000480");
        assert_eq!(utc_minutes(odd.lines().next().unwrap()), Some(-480));
        let no_zone = LOG.replace("-480", "+3000");
        assert_eq!(utc_minutes(no_zone.lines().next().unwrap()), None);
    }

    #[test]
    fn a_copied_row_is_known_by_its_thread_whatever_its_blanks() {
        for row in [
            "Scan failed with error = 0x80244022.\tScanAgent\t3/5/2024 9:12:01 AM\t4242 (0x1092)",
            "Scan failed with error = 0x80244022. ScanAgent 3/5/2024 9:12:01 AM 4242 (0x1092)",
        ] {
            let (head, _) = read_copied(row).unwrap();
            assert_eq!(head.component, "ScanAgent");
            assert_eq!(
                head.logged.map(|at| at.to_string()).as_deref(),
                Some("2024-03-05 09:12:01")
            );
            assert_eq!(copied_message(row), "Scan failed with error = 0x80244022.");
        }
        assert_eq!(
            read_copied("x\tScanAgent\t3/5/2024 9:12:01 AM\t4242 (0x1)").map(|_| ()),
            None
        );
    }
}
