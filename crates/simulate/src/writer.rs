//! The one place that knows how a log is laid out: clock, heads, CSI counters and cuts, session ids, files, and the books of what was planted.

use crate::builds::{Build, Era};
use crate::calendar::DAY_MS;
use crate::codes::{FAIL, Hresult};
use crate::random::{Random, hash};
use crate::truth::{NoiseKind, TruthAttempt, TruthFile, TruthFinding, TruthNoise, code_text};
use event::civil::civil_from_days;
use std::collections::{BTreeMap, HashSet};
use std::fmt::{self, Write as _};
use std::io::Write as _;

/// CSI cuts the text of error records here; measured on two independent records.
pub(crate) const CSI_ERROR_CUT: usize = 511;
/// CSI cuts the text of informational records here; measured on 154 records.
pub(crate) const CSI_INFO_CUT: usize = 2_048;
/// Windows starts a new CBS.log when the old one is larger than about this at a start of the service.
const ROTATE_BYTES: usize = 50_000_000;
/// Between 1601, where FILETIME starts, and 1970, in microseconds.
const FILETIME_EPOCH_US: i64 = 11_644_473_600_000_000;

/// A file of an endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFile {
    /// Below the endpoint's root, with `/`: `Windows/Logs/CBS/CBS.log`.
    pub path: String,
    /// The kind of log: `cbs`, `dism`, `setup` or `reporting_events`.
    pub source: &'static str,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// A session id: the FILETIME of its making, as `high_low`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Session(pub(crate) u64);

impl fmt::Display for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.0 >> 32, self.0 & 0xFFFF_FFFF)
    }
}

/// A record's level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

/// What [`Writer::finish`] hands back.
pub(crate) struct Written {
    pub(crate) files: Vec<LogFile>,
    pub(crate) truth_files: Vec<TruthFile>,
    pub(crate) attempts: Vec<TruthAttempt>,
    pub(crate) findings: Vec<TruthFinding>,
    pub(crate) noise: Vec<TruthNoise>,
}

/// Writes one endpoint's logs.
///
/// Invariant: time never goes back, every CSI record takes the next number of its process, and a noise record is counted where it is written.
pub(crate) struct Writer {
    pub(crate) build: &'static Build,
    pub(crate) random: Random,
    /// An attempt may still end by a boot before this moment; later ones stay pending. UTC microseconds.
    pub(crate) end_us: i64,
    /// The endpoint's language is Chinese: some names are beyond ASCII.
    pub(crate) chinese: bool,
    /// When the machine last started.
    pub(crate) boot_us: i64,
    clock_us: i64,
    offset_minutes: i32,
    log: Vec<u8>,
    /// First character of the record being written, for noise identities and live marks.
    head: [u8; 19],
    head_second: i64,
    sequence: u32,
    last_session: u64,
    scratch: String,
    rotate: bool,
    records: u64,
    files: Vec<(LogFile, u64)>,
    pub(crate) attempts: Vec<TruthAttempt>,
    pub(crate) findings: Vec<TruthFinding>,
    noise: BTreeMap<(&'static str, NoiseKind, u32), (u64, HashSet<u64>)>,
    marks: Option<Vec<(i64, usize)>>,
    /// Execution sequence, which grows with every attempt of an endpoint.
    pub(crate) execution_sequence: u64,
}

impl Writer {
    /// A writer whose clock stands at `start_us`, UTC microseconds.
    pub(crate) fn new(
        build: &'static Build,
        random: Random,
        offset_minutes: i32,
        start_us: i64,
        end_us: i64,
    ) -> Self {
        let mut writer = Self {
            build,
            random,
            end_us,
            chinese: false,
            // Before the history: some days ago.
            boot_us: start_us - 200_000_000_000,
            clock_us: start_us,
            offset_minutes,
            log: Vec::with_capacity(1 << 16),
            head: *b"0000-00-00 00:00:00",
            head_second: i64::MIN,
            sequence: 0,
            last_session: 0,
            scratch: String::with_capacity(4_096),
            rotate: false,
            records: 0,
            files: Vec::new(),
            attempts: Vec::new(),
            findings: Vec::new(),
            noise: BTreeMap::new(),
            marks: None,
            execution_sequence: 30,
        };
        writer.execution_sequence += writer.random.below(200);
        writer.log.extend_from_slice(BOM);
        writer
    }

    // Time.

    /// UTC microseconds.
    pub(crate) fn now_us(&self) -> i64 {
        self.clock_us
    }

    /// Lets time pass.
    pub(crate) fn wait_ms(&mut self, low: u64, high: u64) {
        self.clock_us += (self.random.within(low, high) * 1_000) as i64;
    }

    /// Lets time pass up to a moment; a moment already gone changes nothing.
    pub(crate) fn wait_until_us(&mut self, moment_us: i64) {
        self.clock_us = self.clock_us.max(moment_us);
    }

    /// Moves to the start of the next second, so that the few records that follow share their head.
    pub(crate) fn align(&mut self) {
        self.clock_us = (self.clock_us.div_euclid(1_000_000) + 1) * 1_000_000 + 2_000;
    }

    /// The head's time of the last record written.
    pub(crate) fn logged(&self) -> String {
        String::from_utf8_lossy(&self.head).into_owned()
    }

    /// `YYYY-MM-DD HH:MM:SS.mmm` of the clock, in UTC.
    pub(crate) fn universal(&self) -> String {
        stamp(self.clock_us)
    }

    /// The same of the last boot, in local time.
    pub(crate) fn last_boot(&self) -> String {
        stamp(self.boot_us + i64::from(self.offset_minutes) * 60_000_000)
    }

    // Records.

    /// A record of CBS at level Info.
    pub(crate) fn cbs(&mut self, text: fmt::Arguments<'_>) {
        self.record(Level::Info, "CBS", text);
    }

    /// A record of any component. Newlines inside stay bare.
    pub(crate) fn record(&mut self, level: Level, component: &str, text: fmt::Arguments<'_>) {
        let start = self.start_record();
        self.put_head(level, "", component);
        // A Vec takes whatever is written.
        self.log
            .write_fmt(text)
            .expect("writing to memory cannot fail");
        self.end_record(start);
    }

    /// A harmless record that carries a code: written and counted.
    pub(crate) fn noise(
        &mut self,
        kind: NoiseKind,
        code: Hresult,
        level: Level,
        text: fmt::Arguments<'_>,
    ) {
        let start = self.start_record();
        self.put_head(level, "", "CBS");
        self.log
            .write_fmt(text)
            .expect("writing to memory cannot fail");
        self.end_record(start);
        let identity = hash(&self.log[start..]);
        self.count_noise("cbs", kind, code.0, identity);
    }

    /// Counts a harmless record of another log.
    pub(crate) fn count_noise(
        &mut self,
        source: &'static str,
        kind: NoiseKind,
        code: u32,
        identity: u64,
    ) {
        let (count, distinct) = self.noise.entry((source, kind, code)).or_default();
        *count += 1;
        distinct.insert(identity);
    }

    /// Informational CSI record.
    pub(crate) fn csi(&mut self, text: fmt::Arguments<'_>) {
        self.csi_record(Level::Info, "", false, None, text);
    }

    /// Informational CSI record with its own UTC stamp.
    pub(crate) fn csi_stamped(&mut self, text: fmt::Arguments<'_>) {
        self.csi_record(Level::Info, "", true, None, text);
    }

    /// CSI failure record. A text that ends in a newline puts `[gle=…]` on a line of its own.
    pub(crate) fn csi_failure(&mut self, gle: u32, text: fmt::Arguments<'_>) {
        self.csi_record(Level::Error, "", false, Some(gle), text);
    }

    /// CSI failure record with stamp: where a failure originated. Its last error is stale, E_FAIL.
    pub(crate) fn csi_origin(&mut self, text: fmt::Arguments<'_>) {
        self.csi_record(Level::Error, "", true, Some(FAIL.0), text);
    }

    /// Any CSI record: numbers it, and cuts it as CSI does.
    pub(crate) fn csi_record(
        &mut self,
        level: Level,
        id: &str,
        stamped: bool,
        gle: Option<u32>,
        text: fmt::Arguments<'_>,
    ) {
        let start = self.start_record();
        self.sequence += 1;
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        let written = self.compose_csi(&mut scratch, stamped, gle.is_some(), text);
        written.expect("writing to memory cannot fail");

        let limit = if level == Level::Error {
            CSI_ERROR_CUT
        } else {
            CSI_INFO_CUT
        };
        // Before Windows 10 a newline inside is two characters to CSI.
        let newline = if self.build.era == Era::Ten { 1 } else { 2 };
        let mut rest = scratch.as_str();
        while !rest.is_empty() {
            let cut = cut_at(rest, limit, newline);
            self.put_head(level, id, "CSI");
            self.log.extend_from_slice(&rest.as_bytes()[..cut]);
            if let Some(gle) = gle {
                write!(self.log, "[gle={gle:#010x}]").expect("writing to memory cannot fail");
            }
            rest = &rest[cut..];
            if !rest.is_empty() {
                self.log.extend_from_slice(b"\r\n");
            }
        }
        self.scratch = scratch;
        self.end_record(start);
        if gle == Some(FAIL.0) {
            let identity = hash(&self.log[start..]);
            self.count_noise("cbs", NoiseKind::StaleLastError, FAIL.0, identity);
        }
    }

    /// A new process loads the component store: its records count from 1.
    pub(crate) fn restart_csi(&mut self) {
        self.sequence = 0;
    }

    /// Makes a session id: the time, and never at or below the last one.
    pub(crate) fn new_session(&mut self) -> Session {
        let ticks = ((self.clock_us + FILETIME_EPOCH_US) * 10) as u64 + self.random.below(10);
        self.last_session = ticks.max(self.last_session + 1);
        Session(self.last_session)
    }

    // Files.

    /// The next record opens a new CBS.log; what is written so far becomes a CbsPersist file named by that moment.
    pub(crate) fn rotate(&mut self) {
        self.rotate = true;
    }

    /// The same where the log has grown as large as Windows lets it. A live log is drained instead.
    pub(crate) fn rotate_if_large(&mut self) {
        if self.log.len() > ROTATE_BYTES && self.marks.is_none() {
            self.rotate = true;
        }
    }

    /// Adds a finished file of another kind.
    pub(crate) fn add_file(&mut self, file: LogFile, records: u64) {
        self.files.push((file, records));
    }

    /// Bytes of the current CBS.log.
    pub(crate) fn log_len(&self) -> usize {
        self.log.len()
    }

    /// The current CBS.log.
    pub(crate) fn log(&self) -> &[u8] {
        &self.log
    }

    /// From now on remembers where and when each record ends.
    pub(crate) fn mark_records(&mut self) {
        self.marks = Some(Vec::new());
    }

    /// Bytes up to the last record written at or before `now_us`, taken out of the log.
    pub(crate) fn take_until_us(&mut self, now_us: i64) -> Vec<u8> {
        let Some(marks) = self.marks.as_mut() else {
            return Vec::new();
        };
        let due = marks.partition_point(|&(at, _)| at <= now_us);
        let Some(&(_, end)) = due.checked_sub(1).and_then(|last| marks.get(last)) else {
            return Vec::new();
        };
        marks.drain(..due);
        for mark in marks.iter_mut() {
            mark.1 -= end;
        }
        let rest = self.log.split_off(end);
        std::mem::replace(&mut self.log, rest)
    }

    /// Throws the text written so far away and keeps the state, for a log that goes on elsewhere.
    pub(crate) fn forget_log(&mut self) {
        self.log.clear();
        self.files.clear();
    }

    /// Ends the last CBS.log and hands everything back.
    pub(crate) fn finish(mut self) -> Written {
        let log = LogFile {
            path: "Windows/Logs/CBS/CBS.log".to_owned(),
            source: "cbs",
            bytes: std::mem::take(&mut self.log),
        };
        self.files.push((log, self.records));
        // The newest log first, as a person would look.
        self.files.reverse();
        let truth_files = self
            .files
            .iter()
            .map(|(file, records)| TruthFile {
                path: file.path.clone(),
                source: file.source.to_owned(),
                bytes: file.bytes.len() as u64,
                records: *records,
            })
            .collect();
        let noise = self.noise_counts();
        Written {
            files: self.files.into_iter().map(|(file, _)| file).collect(),
            truth_files,
            attempts: self.attempts,
            findings: self.findings,
            noise,
        }
    }

    /// Counts noise anew.
    pub(crate) fn forget_noise(&mut self) {
        self.noise.clear();
    }

    /// The noise counted so far.
    pub(crate) fn noise_counts(&self) -> Vec<TruthNoise> {
        self.noise
            .iter()
            .map(|(&(source, kind, code), (count, distinct))| TruthNoise {
                source: source.to_owned(),
                kind: kind.name().to_owned(),
                code: code_text(code),
                count: *count,
                distinct: distinct.len() as u64,
            })
            .collect()
    }

    fn compose_csi(
        &self,
        out: &mut String,
        stamped: bool,
        failure: bool,
        text: fmt::Arguments<'_>,
    ) -> fmt::Result {
        write!(out, "{:08x}", self.sequence)?;
        if stamped {
            let (year, month, day) = civil_from_days(self.clock_us.div_euclid(DAY_MS * 1_000));
            let ms = self.clock_us.div_euclid(1_000).rem_euclid(DAY_MS);
            write!(
                out,
                "@{year}/{month}/{day}:{:02}:{:02}:{:02}.{:03}",
                ms / 3_600_000,
                ms / 60_000 % 60,
                ms / 1_000 % 60,
                ms % 1_000
            )?;
        }
        out.push_str(if failure { " (F) " } else { " " });
        out.write_fmt(text)
    }

    fn start_record(&mut self) -> usize {
        // Bursts: most records stand within milliseconds of each other, as in real logs.
        self.clock_us += self.random.below(9_000) as i64;
        if self.rotate {
            self.rotate = false;
            let stamp: String = self.universal()[..19]
                .chars()
                .filter(char::is_ascii_digit)
                .collect();
            let bytes = std::mem::replace(&mut self.log, BOM.to_vec());
            let file = LogFile {
                path: format!("Windows/Logs/CBS/CbsPersist_{stamp}.log"),
                source: "cbs",
                bytes,
            };
            self.files.push((file, std::mem::take(&mut self.records)));
        }
        let second = self.clock_us.div_euclid(1_000_000) + i64::from(self.offset_minutes) * 60;
        if second != self.head_second {
            self.head_second = second;
            write_head(&mut self.head, second);
        }
        self.log.len()
    }

    fn put_head(&mut self, level: Level, id: &str, component: &str) {
        self.log.extend_from_slice(&self.head);
        let level: &[u8] = match level {
            Level::Info => b", Info       ",
            Level::Warning => b", Warning    ",
            Level::Error => b", Error      ",
        };
        self.log.extend_from_slice(level);
        pad(&mut self.log, id, 11);
        pad(&mut self.log, component, 7);
    }

    fn end_record(&mut self, start: usize) {
        debug_assert!(self.log.len() > start, "a record has at least its head");
        self.log.extend_from_slice(b"\r\n");
        self.records += 1;
        if let Some(marks) = &mut self.marks {
            marks.push((self.clock_us, self.log.len()));
        }
    }
}

/// UTF-8's byte-order mark, with which Windows starts these files.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// How many bytes of `text` make a piece of at most `limit` characters.
fn cut_at(text: &str, limit: usize, newline: usize) -> usize {
    // Bytes are never fewer than characters, and most records are short.
    if text.len() * newline <= limit {
        return text.len();
    }
    let mut characters = 0;
    for (at, character) in text.char_indices() {
        characters += if character == '\n' { newline } else { 1 };
        if characters > limit {
            return at;
        }
    }
    text.len()
}

fn pad(out: &mut Vec<u8>, text: &str, width: usize) {
    const BLANKS: [u8; 11] = [b' '; 11];
    out.extend_from_slice(text.as_bytes());
    out.extend_from_slice(&BLANKS[..width.saturating_sub(text.len())]);
}

/// `YYYY-MM-DD HH:MM:SS` of seconds since 1970.
fn write_head(head: &mut [u8; 19], second: i64) {
    let (year, month, day) = civil_from_days(second.div_euclid(86_400));
    let of_day = second.rem_euclid(86_400);
    head[..2].copy_from_slice(&two(year / 100));
    head[2..4].copy_from_slice(&two(year % 100));
    head[4] = b'-';
    head[5..7].copy_from_slice(&two(month));
    head[7] = b'-';
    head[8..10].copy_from_slice(&two(day));
    head[10] = b' ';
    head[11..13].copy_from_slice(&two(of_day / 3_600));
    head[13] = b':';
    head[14..16].copy_from_slice(&two(of_day / 60 % 60));
    head[16] = b':';
    head[17..].copy_from_slice(&two(of_day % 60));
}

fn two(number: i64) -> [u8; 2] {
    [b'0' + (number / 10 % 10) as u8, b'0' + (number % 10) as u8]
}

/// `YYYY-MM-DD HH:MM:SS.mmm` of microseconds since 1970.
fn stamp(us: i64) -> String {
    format!(
        "{}.{:03}",
        head_text(us.div_euclid(1_000_000)),
        us.rem_euclid(1_000_000) / 1_000
    )
}

/// Formats a head for the other logs.
pub(crate) fn head_text(second: i64) -> String {
    let mut head = [0; 19];
    write_head(&mut head, second);
    String::from_utf8_lossy(&head).into_owned()
}

/// `cbs!(writer, "format", …)`: an informational CBS record.
macro_rules! cbs {
    ($writer:expr, $($text:tt)*) => { $writer.cbs(format_args!($($text)*)) };
}

/// `cbs_error!(writer, "format", …)`: a CBS record of level Error.
macro_rules! cbs_error {
    ($writer:expr, $($text:tt)*) => { $writer.record($crate::writer::Level::Error, "CBS", format_args!($($text)*)) };
}

/// `csi!(writer, "format", …)`: an informational CSI record.
macro_rules! csi {
    ($writer:expr, $($text:tt)*) => { $writer.csi(format_args!($($text)*)) };
}

/// `csi_at!(writer, "format", …)`: an informational CSI record with its UTC stamp.
macro_rules! csi_at {
    ($writer:expr, $($text:tt)*) => { $writer.csi_stamped(format_args!($($text)*)) };
}

/// `noise!(writer, kind, code, "format", …)`: a harmless record at level Info; the code is the format's last argument.
macro_rules! noise {
    ($writer:expr, $kind:ident, $code:expr, $($text:tt)*) => {
        $writer.noise($crate::truth::NoiseKind::$kind, $code, $crate::writer::Level::Info, format_args!($($text)*))
    };
}

pub(crate) use {cbs, cbs_error, csi, csi_at, noise};
