//! Formats whose records start with a head of their own and go on until the next one: where they start, and their heads.
//!
//! A start is told from the first [`crate::cut::LOOK_AHEAD`] characters of a line, so that it is the same wherever a source is cut.

use crate::head::{self, Head};
use crate::{
    cmtrace, console, event_forms, event_json, pasted, pfro, reporting_events, setup_diag,
    windows_update,
};
use event::Format;

/// Whether a record of this format starts at the start of `line`.
pub(crate) fn starts(line: &str, format: Format) -> bool {
    match format {
        Format::Wds => head::starts_head(line.as_bytes()),
        Format::WdsHeadless => head::read_headless(line).is_some(),
        Format::ReportingEvents => reporting_events::starts(line),
        Format::WindowsUpdate => windows_update::starts(line),
        Format::WindowsUpdateOld => windows_update::starts_old(line),
        Format::Pfro => pfro::starts(line),
        Format::EventJson => event_json::starts(line),
        Format::Pasted | Format::PastedDmy | Format::PastedMdy | Format::PastedUndated => {
            pasted::starts(line, format)
        }
        Format::EventObjects | Format::EventXml | Format::EventText | Format::EventCsv => {
            event_forms::starts(line, format)
        }
        Format::Cmtrace => cmtrace::starts(line),
        Format::CmtraceCopied => cmtrace::read_copied(line).is_some(),
        Format::Console => console::starts(line),
        Format::SetupDiag => setup_diag::starts(line),
    }
}

/// Reads the head at the start of a record; returns it with the place where the message starts.
pub(crate) fn read(record: &str, format: Format) -> Option<(Head<'_>, usize)> {
    match format {
        Format::Wds => head::read(record),
        Format::WdsHeadless => head::read_headless(record),
        Format::ReportingEvents => reporting_events::read(record),
        Format::WindowsUpdate => windows_update::read(record),
        Format::WindowsUpdateOld => windows_update::read_old(record),
        Format::Pfro => pfro::read(record),
        Format::EventJson => event_json::head(record),
        Format::Pasted | Format::PastedDmy | Format::PastedMdy | Format::PastedUndated => {
            pasted::read(record, format)
        }
        Format::EventObjects | Format::EventXml | Format::EventText | Format::EventCsv => {
            Some((event_forms::read(record, format)?.head(), 0))
        }
        Format::Cmtrace => cmtrace::read(record),
        Format::CmtraceCopied => cmtrace::read_copied(record),
        Format::Console => console::read(record),
        Format::SetupDiag => setup_diag::read(record),
    }
}
