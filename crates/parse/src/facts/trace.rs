//! Process Monitor's CSV: what servicing's processes met on the objects that findings name, by count.

use std::borrow::Cow;
use std::collections::BTreeMap;

/// The processes of servicing.
const PROCESSES: [&str; 3] = ["TiWorker.exe", "TrustedInstaller.exe", "poqexec.exe"];

/// Answers that are no trouble anywhere: a reader meets them at every end and with every buffer.
const NEVER: [&str; 10] = [
    "SUCCESS",
    "NO MORE FILES",
    "NO MORE ENTRIES",
    "BUFFER OVERFLOW",
    "BUFFER TOO SMALL",
    "FAST IO DISALLOWED",
    "END OF FILE",
    "FILE LOCKED WITH ONLY READERS",
    "FILE LOCKED WITH WRITERS",
    "OPLOCK NOT GRANTED",
];

/// Answers that are usual in a folder, and tell something of the object itself.
const ON_ITSELF: [&str; 3] = ["NAME NOT FOUND", "PATH NOT FOUND", "REPARSE"];

/// Objects looked for: findings come with the most important first, and no answer names so many.
const OBJECTS_MAX: usize = 256;

/// Different answers counted: a file may claim any.
const HITS_MAX: usize = 4_096;

/// Characters of an answer.
const RESULT_MAX: usize = 64;

/// What a process met on an object, or in the folder that it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// As it was asked for.
    pub object: String,
    /// One of servicing's.
    pub process: &'static str,
    /// `FILE CORRUPT`.
    pub result: String,
    /// How often.
    pub count: u64,
}

/// What was read of a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Rows read, that of names apart.
    pub rows: u64,
    /// By object, the most frequent answers first.
    pub hits: Vec<Hit>,
}

/// Reads a trace row by row.
pub(super) struct Tracer {
    objects: Vec<Object>,
    columns: Option<Columns>,
    rows: u64,
    counts: BTreeMap<(usize, usize, String), u64>,
}

struct Object {
    name: String,
    path: Path,
}

/// A path in small letters, without what may be written in several ways.
struct Path {
    /// `c:`, or empty where the text names none: `\SystemRoot\…` and paths of devices.
    drive: String,
    /// What follows, from its backslash on.
    rest: String,
}

/// Where the values stand: people choose the columns.
struct Columns {
    process: usize,
    path: usize,
    result: usize,
}

/// Whether an object is a path that a trace can name.
pub fn is_traced_object(object: &str) -> bool {
    Path::of(object).is_some()
}

impl Tracer {
    pub(super) fn new(objects: &[String]) -> Self {
        let objects = objects.iter().filter_map(|name| {
            Some(Object {
                name: name.clone(),
                path: Path::of(name)?,
            })
        });
        Self {
            objects: objects.take(OBJECTS_MAX).collect(),
            columns: None,
            rows: 0,
            counts: BTreeMap::new(),
        }
    }

    pub(super) fn line(&mut self, line: &str) {
        if line.trim().is_empty() {
            return;
        }
        let Some(columns) = &self.columns else {
            self.columns = Columns::of(line);
            return;
        };
        self.rows += 1;
        let (mut process, mut path, mut result) = (None, None, None);
        let last = columns.process.max(columns.path).max(columns.result);
        for (at, cell) in Cells(line).take(last + 1).enumerate() {
            if at == columns.process {
                // Of most rows nothing else is of interest.
                let names = PROCESSES.iter();
                process = names
                    .enumerate()
                    .find(|(_, name)| name.eq_ignore_ascii_case(cell.trim()))
                    .map(|(place, _)| place);
                if process.is_none() {
                    return;
                }
            } else if at == columns.path {
                path = Some(cell);
            } else if at == columns.result {
                if NEVER.contains(&cell.trim()) {
                    return;
                }
                result = Some(cell);
            }
        }
        // A row that was cut off has no answer.
        if let (Some(process), Some(path), Some(result)) = (process, path, result) {
            self.count(process, &path, result.trim());
        }
    }

    fn count(&mut self, process: usize, path: &str, result: &str) {
        let Some(path) = Path::of(path).filter(|_| !result.is_empty()) else {
            return;
        };
        for (place, object) in self.objects.iter().enumerate() {
            let is_counted = match object.path.holds(&path) {
                Some(Holds::Itself) => true,
                Some(Holds::Below) => !ON_ITSELF.contains(&result),
                None => false,
            };
            if !is_counted {
                continue;
            }
            let result = result.chars().take(RESULT_MAX).collect();
            let key = (place, process, result);
            if self.counts.len() < HITS_MAX || self.counts.contains_key(&key) {
                *self.counts.entry(key).or_default() += 1;
            }
        }
    }

    pub(super) fn finish(self) -> Trace {
        let mut counts: Vec<_> = self.counts.into_iter().collect();
        counts.sort_by_key(|((object, ..), count)| (*object, std::cmp::Reverse(*count)));
        let hits = counts
            .into_iter()
            .filter_map(|((object, process, result), count)| {
                Some(Hit {
                    object: self.objects.get(object)?.name.clone(),
                    process: PROCESSES.get(process)?,
                    result,
                    count,
                })
            });
        Trace {
            rows: self.rows,
            hits: hits.collect(),
        }
    }
}

enum Holds {
    Itself,
    Below,
}

impl Path {
    fn of(text: &str) -> Option<Self> {
        let text = text.trim().to_lowercase();
        let text = text
            .strip_prefix(r"\??\")
            .or_else(|| text.strip_prefix(r"\\?\"))
            .unwrap_or(&text);
        let of = |drive: &str, rest: &str| {
            let rest = rest.trim_end_matches('\\');
            // A drive's root holds everything, and names nothing.
            (rest.len() > 1 && rest.starts_with('\\')).then(|| Self {
                drive: drive.to_owned(),
                rest: rest.to_owned(),
            })
        };
        for (long, hive) in [
            (r"\registry\machine", "hklm"),
            ("hkey_local_machine", "hklm"),
            ("hklm", "hklm"),
        ] {
            if let Some(rest) = text.strip_prefix(long) {
                return of(hive, rest);
            }
        }
        if let Some(rest) = text.strip_prefix(r"\systemroot") {
            return of("", &format!(r"\windows{rest}"));
        }
        if let Some(rest) = text.strip_prefix(r"\device\harddiskvolume") {
            let rest = rest.trim_start_matches(|letter: char| letter.is_ascii_digit());
            return of("", rest);
        }
        let is_drive = text.starts_with(|letter: char| letter.is_ascii_lowercase())
            && text.get(1..2) == Some(":");
        if is_drive {
            return of(text.get(..2)?, text.get(2..)?);
        }
        None
    }

    fn holds(&self, other: &Self) -> Option<Holds> {
        let is_known = |drive: &str| !drive.is_empty();
        if self.drive != other.drive
            && (is_known(&self.drive) && is_known(&other.drive)
                || [&self.drive, &other.drive]
                    .iter()
                    .any(|drive| *drive == "hklm"))
        {
            return None;
        }
        let below = other.rest.strip_prefix(self.rest.as_str())?;
        match below.chars().next() {
            None => Some(Holds::Itself),
            Some('\\') => Some(Holds::Below),
            Some(_) => None,
        }
    }
}

impl Columns {
    fn of(line: &str) -> Option<Self> {
        let names: Vec<String> = Cells(line).map(|cell| cell.trim().to_owned()).collect();
        let at = |wanted: &str| names.iter().position(|name| name == wanted);
        Some(Self {
            process: at("Process Name")?,
            path: at("Path")?,
            result: at("Result")?,
        })
    }
}

/// The cells of a row, with their quotes gone.
struct Cells<'a>(&'a str);

impl<'a> Iterator for Cells<'a> {
    type Item = Cow<'a, str>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let Some(rest) = self.0.strip_prefix('"') else {
            let (cell, rest) = self.0.split_once(',').unwrap_or((self.0, ""));
            self.0 = rest;
            return Some(Cow::Borrowed(cell));
        };
        let mut end = 0;
        loop {
            let more = rest.get(end..)?;
            let Some(quote) = more.find('"') else {
                // A row that was cut off.
                end = rest.len();
                break;
            };
            end += quote;
            if rest.get(end + 1..)?.starts_with('"') {
                end += 2;
            } else {
                break;
            }
        }
        let cell = rest.get(..end)?;
        let behind = rest.get(end..)?.strip_prefix('"').unwrap_or_default();
        self.0 = behind.strip_prefix(',').unwrap_or_default();
        Some(if cell.contains("\"\"") {
            Cow::Owned(cell.replace("\"\"", "\""))
        } else {
            Cow::Borrowed(cell)
        })
    }
}
