//! The unit of transport and of raw storage: a run of whole records of one stream.

use crate::{LoggedAt, Source};
use serde::{Deserialize, Serialize};
use std::fmt;

/// A run of whole records of one stream, as it travels and as it is stored.
///
/// Invariant: `text` holds whole records with their own line ends; only the encoding differs from the source's bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Owner of the endpoint.
    pub tenant: String,
    /// The machine; from the sender's credential, never from the text.
    pub endpoint: String,
    /// The kind of log.
    pub source: Source,
    /// Which log of that kind, whatever file it was met in.
    pub stream: StreamId,
    /// Where the sender read it: information for people, never identity.
    pub path: String,
    /// First source byte.
    pub offset: u64,
    /// Source bytes covered, byte-order mark included.
    pub length: u64,
    /// What the source's bytes were encoded in.
    pub encoding: TextEncoding,
    /// How records are laid out in `text`.
    pub format: Format,
    /// The last record may go on: nothing after it was seen yet. A later chunk that starts at or before it and ends later replaces it.
    pub open: bool,
    /// Who sent it.
    pub sender: String,
    /// When the intake took it, in UTC milliseconds; data only.
    pub received_ms: i64,
    /// The records, in UTF-8.
    pub text: String,
}

/// How the path of a chunk starts that came as a message of a shipper's topic: `kafka:TOPIC/CHANNEL`.
///
/// Such a chunk is a stream of its own, and people see the messages of a path as one log.
pub const MESSAGE_PATH: &str = "kafka:";

/// Identity of a stream: a hash of tenant, endpoint, source and the first record's first line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamId(pub u64);

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl std::str::FromStr for StreamId {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

/// What a source's bytes were encoded in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TextEncoding {
    /// UTF-8, ASCII included.
    #[default]
    Utf8,
    /// UTF-16, little-endian.
    Utf16le,
    /// UTF-16, big-endian.
    Utf16be,
    /// GB18030, GBK and cp936 included.
    Gb18030,
    /// No text at all: an event log as Windows keeps it, decoded to lines of JSON that say where they stand in it.
    Evtx,
}

impl TextEncoding {
    /// Every encoding.
    pub const ALL: [Self; 5] = [
        Self::Utf8,
        Self::Utf16le,
        Self::Utf16be,
        Self::Gb18030,
        Self::Evtx,
    ];

    /// The name in headers and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16le => "utf-16le",
            Self::Utf16be => "utf-16be",
            Self::Gb18030 => "gb18030",
            Self::Evtx => "evtx",
        }
    }

    /// Back from [`TextEncoding::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|encoding| encoding.name() == name)
    }
}

/// How records are laid out in a text.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The fixed-column head of CBS, DISM and setup logs.
    #[default]
    Wds,
    /// The same without time stamps, as people paste it: one record per line that starts with `Level [0x…] Component`.
    WdsHeadless,
    /// ReportingEvents.log: a row of TAB-separated columns, with the UTC offset in its stamp.
    ReportingEvents,
    /// WindowsUpdate.log as `Get-WindowsUpdateLog` writes it since Windows 10.
    WindowsUpdate,
    /// WindowsUpdate.log up to Windows 8.1: TAB-separated columns.
    WindowsUpdateOld,
    /// PFRO.log: file operations done while Windows starts.
    Pfro,
    /// Events of Windows event logs, one JSON object a line, in any of the shapes that `parse` knows.
    EventJson,
    /// Text that went through people's hands: heads of CBS, DISM, setup and update agent logs whose blanks, line ends or
    /// letters are not the logger's. Dates start with the year.
    Pasted,
    /// The same; other dates than those that start with the year have the day first.
    PastedDmy,
    /// The same; other dates than those that start with the year have the month first.
    PastedMdy,
    /// The same; day and month of such dates cannot be told apart, so their records have no time.
    PastedUndated,
    /// The same objects in an array, over several lines, or as the hits of a search.
    EventObjects,
    /// Events as XML: one, several, or in `<Events>`.
    EventXml,
    /// Events as blocks of `label: value`: Event Viewer, `wevtutil`, PowerShell's `Format-List`.
    EventText,
    /// Events as rows of values: Event Viewer, PowerShell's `Export-Csv`, EvtxECmd.
    EventCsv,
    /// Logs of ConfigMgr and Intune: `<![LOG[…]LOG]!><time="…" date="…" …>`.
    Cmtrace,
    /// The same as CMTrace copies its rows: text, component, time and thread between tabs.
    CmtraceCopied,
    /// What dism and sfc print on a console.
    Console,
    /// What SetupDiag found, as text, XML or JSON.
    SetupDiag,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 19] = [
        Self::Wds,
        Self::WdsHeadless,
        Self::ReportingEvents,
        Self::WindowsUpdate,
        Self::WindowsUpdateOld,
        Self::Pfro,
        Self::EventJson,
        Self::Pasted,
        Self::PastedDmy,
        Self::PastedMdy,
        Self::PastedUndated,
        Self::EventObjects,
        Self::EventXml,
        Self::EventText,
        Self::EventCsv,
        Self::Cmtrace,
        Self::CmtraceCopied,
        Self::Console,
        Self::SetupDiag,
    ];

    /// The name in headers and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Wds => "wds",
            Self::WdsHeadless => "wds_headless",
            Self::ReportingEvents => "reporting_events",
            Self::WindowsUpdate => "windows_update",
            Self::WindowsUpdateOld => "windows_update_old",
            Self::Pfro => "pfro",
            Self::EventJson => "event_json",
            Self::Pasted => "pasted",
            Self::PastedDmy => "pasted_dmy",
            Self::PastedMdy => "pasted_mdy",
            Self::PastedUndated => "pasted_undated",
            Self::EventObjects => "event_objects",
            Self::EventXml => "event_xml",
            Self::EventText => "event_text",
            Self::EventCsv => "event_csv",
            Self::Cmtrace => "cmtrace",
            Self::CmtraceCopied => "cmtrace_copied",
            Self::Console => "console",
            Self::SetupDiag => "setupdiag",
        }
    }

    /// Back from [`Format::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// Text that went through people's hands, of whatever order of dates.
    pub fn is_pasted(self) -> bool {
        matches!(
            self,
            Self::Pasted | Self::PastedDmy | Self::PastedMdy | Self::PastedUndated
        )
    }

    /// Its records are events of Windows event logs.
    pub fn is_of_events(self) -> bool {
        matches!(
            self,
            Self::EventJson
                | Self::EventObjects
                | Self::EventXml
                | Self::EventText
                | Self::EventCsv
        )
    }

    /// A form that people copy or export: its first line says nothing of the machine or the time, and its records are few.
    pub fn is_copied(self) -> bool {
        matches!(
            self,
            Self::EventObjects
                | Self::EventXml
                | Self::EventText
                | Self::EventCsv
                | Self::CmtraceCopied
                | Self::Console
                | Self::SetupDiag
        )
    }
}

/// How a UTC offset is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UtcHow {
    /// A CSI record carries its own UTC stamp beside the local head.
    CsiStamp,
    /// A line `Universal Time is: …`.
    UniversalTime,
    /// The record's own stamp carries the offset, `2023-06-28 04:15:45:293+0300`.
    StampOffset,
    /// A session id, which is the UTC time of its making; weaker, as ids run ahead when the clock was stepped back.
    SessionId,
}

impl UtcHow {
    /// The name in headers and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::CsiStamp => "csi_stamp",
            Self::UniversalTime => "universal_time",
            Self::StampOffset => "stamp_offset",
            Self::SessionId => "session_id",
        }
    }

    /// Back from [`UtcHow::name`].
    pub fn from_name(name: &str) -> Option<Self> {
        [
            Self::CsiStamp,
            Self::UniversalTime,
            Self::StampOffset,
            Self::SessionId,
        ]
        .into_iter()
        .find(|how| how.name() == name)
    }

    /// Session ids count only where a stream has nothing better.
    pub fn is_weak(self) -> bool {
        self == Self::SessionId
    }
}

/// A place in a stream from which its wall clock is known to be `minutes` ahead of UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UtcAnchor {
    /// Source offset of the record that shows it.
    pub offset: u64,
    /// Minutes ahead of UTC.
    pub minutes: i32,
    /// What shows it.
    pub how: UtcHow,
    /// The head of that record.
    pub logged: LoggedAt,
}
