//! Whose logs these are: of one machine, or of several that were handed over together.
//!
//! What tells machines apart is either the layout, a folder (or archive) for each with the same log in it, or the computer names that logs carry.
//! Where neither does, they are read as the logs of one.

use super::shown::Base;
use event::Source;
use files::{FileChunks, LogFile};
use std::collections::{BTreeMap, BTreeSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What told machines apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// The folders or archives that they stand in.
    Folder,
    /// The computer names in them.
    Computer,
}

impl Told {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Computer => "computer",
        }
    }
}

/// The logs of one machine.
#[derive(Debug)]
pub(super) struct Group<'a> {
    pub(super) name: String,
    pub(super) logs: Vec<&'a LogFile>,
}

/// Logs of which a machine has one at one place, so that a second of the same name below another folder is of another machine or another time.
const ONE_OF_A_KIND: [&str; 13] = [
    "cbs.log",
    "dism.log",
    "windowsupdate.log",
    "reportingevents.log",
    "setupact.log",
    "setuperr.log",
    "system.evtx",
    "setup.evtx",
    "application.evtx",
    "wuahandler.log",
    "updatesdeployment.log",
    "updateshandler.log",
    "intunemanagementextension.log",
];

/// Folders of Windows itself, which may stand side by side on one machine, each with a log of the same name.
const OF_WINDOWS: [&str; 20] = [
    "$windows.~bt",
    "$windows.~ws",
    "cbs",
    "dism",
    "logs",
    "mosetup",
    "newos",
    "oobe",
    "panther",
    "rollback",
    "setup",
    "setup.exe",
    "softwaredistribution",
    "sources",
    "sysprep",
    "system32",
    "unattendgc",
    "windows",
    "windows.old",
    "winsxs",
];

/// Names of folders that hold one machine at several times.
const TIMES: [&str; 10] = [
    "after", "backup", "before", "current", "first", "last", "new", "old", "previous", "second",
];

/// Names that Windows bears while it is set up, before it has one of its own.
const UNNAMED: [&str; 4] = ["minwinpc", "minint-", "37l4247", "localhost"];

/// The machines; one group without a name where nothing tells of several.
pub(super) fn apart<'a>(logs: &'a [LogFile], base: &Base) -> (Option<Told>, Vec<Group<'a>>) {
    let one = || {
        let name = String::new();
        let logs = logs.iter().collect();
        (None, vec![Group { name, logs }])
    };
    if logs.len() < 2 {
        return one();
    }
    let paths: Vec<String> = logs.iter().map(|log| base.shown(&log.path)).collect();
    let names = |at: usize, is_whole: bool| logs.get(at).map(|log| peek(log, is_whole));
    let folders = by_folder(logs, &paths);
    if let Some(folders) = folders {
        let groups = joined_by_computer(folders, logs, names);
        return if groups.len() > 1 {
            (Some(Told::Folder), groups)
        } else {
            one()
        };
    }
    match by_computer(logs, &paths, names) {
        Some(groups) => (Some(Told::Computer), groups),
        None => one(),
    }
}

/// Places of logs by the folder of their machine.
type Places = BTreeMap<String, Vec<usize>>;

/// A folder for each machine: two of them hold the same log at the same place, and these are not copies of one.
fn by_folder(logs: &[LogFile], paths: &[String]) -> Option<Places> {
    let split: Vec<(&str, &str)> = below_common(paths);
    let mut same: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, (folder, rest)) in split.iter().enumerate() {
        let rest = rest.to_lowercase();
        let name = rest.rsplit(['/', '\\', '!']).next().unwrap_or_default();
        let is_apart = !folder.is_empty() && !is_of_one_machine(folder);
        if is_apart && ONE_OF_A_KIND.contains(&name) {
            same.entry(rest).or_default().push(at);
        }
    }
    let is_told = same.values().any(|places| {
        let first_records: BTreeSet<Option<u64>> = places
            .iter()
            .filter_map(|at| logs.get(*at))
            .map(|log| peek(log, false).first_record)
            .collect();
        first_records.len() > 1
    });
    is_told.then(|| {
        let mut folders = Places::new();
        for (at, (folder, _)) in split.iter().enumerate() {
            folders.entry((*folder).to_owned()).or_default().push(at);
        }
        folders
    })
}

/// Each path's first folder below what all have in common, and the rest; a file beside the folders has none.
fn below_common(paths: &[String]) -> Vec<(&str, &str)> {
    let mut rests: Vec<&str> = paths.iter().map(String::as_str).collect();
    loop {
        let split: Vec<(&str, &str)> = rests
            .iter()
            .map(|path| path.split_once(['/', '\\', '!']).unwrap_or(("", path)))
            .collect();
        let first = split.first().map_or("", |(folder, _)| folder);
        if first.is_empty() || split.iter().any(|(folder, _)| *folder != first) {
            return split;
        }
        rests = split.into_iter().map(|(_, rest)| rest).collect();
    }
}

fn is_of_one_machine(folder: &str) -> bool {
    let lower = folder.to_lowercase();
    let digits = lower.bytes().filter(u8::is_ascii_digit).count();
    let letters = lower.bytes().filter(u8::is_ascii_alphabetic).count();
    // A date, with or without a time.
    let is_date = digits >= 6 && letters <= 2;
    is_date || OF_WINDOWS.contains(&lower.as_str()) || TIMES.contains(&lower.as_str())
}

/// The machines of folders; folders whose logs name the same computer are of one.
fn joined_by_computer(
    folders: Places,
    logs: &[LogFile],
    names: impl Fn(usize, bool) -> Option<Peek>,
) -> Vec<Group<'_>> {
    let mut groups: Vec<(String, BTreeSet<String>, Vec<usize>)> = Vec::new();
    for (folder, places) in folders {
        let computers: BTreeSet<String> = places
            .iter()
            .filter_map(|at| names(*at, false))
            .flat_map(|peek| peek.computers.into_keys())
            .collect();
        let known = groups
            .iter_mut()
            .find(|(_, others, _)| !others.is_disjoint(&computers));
        match known {
            Some((_, others, all)) => {
                others.extend(computers);
                all.extend(places);
            }
            None => groups.push((folder, computers, places)),
        }
    }
    let groups = groups.into_iter();
    groups
        .map(|(folder, _, places)| group(folder, &places, logs))
        .collect()
}

fn group<'a>(name: String, places: &[usize], logs: &'a [LogFile]) -> Group<'a> {
    let logs = places.iter().filter_map(|at| logs.get(*at)).collect();
    Group { name, logs }
}

/// Logs that name different computers; a log that names none goes with those of its own folder, if these agree.
fn by_computer<'a>(
    logs: &'a [LogFile],
    paths: &[String],
    names: impl Fn(usize, bool) -> Option<Peek>,
) -> Option<Vec<Group<'a>>> {
    let may_name: Vec<usize> = (0..logs.len())
        .filter(|at| logs.get(*at).is_some_and(|log| is_naming(log.source)))
        .collect();
    let looked = |is_whole| -> Vec<(usize, BTreeMap<String, String>)> {
        let places = may_name.iter();
        places
            .filter_map(|at| Some((*at, names(*at, is_whole)?.computers)))
            .filter(|(_, computers)| !computers.is_empty())
            .collect()
    };
    let distinct: BTreeSet<String> = looked(false)
        .into_iter()
        .flat_map(|(_, computers)| computers.into_keys())
        .collect();
    if distinct.len() < 2 {
        return None;
    }
    // A machine that was renamed bears both names in one log: only the whole tells.
    let mut machines: Vec<(BTreeMap<String, String>, Vec<usize>)> = Vec::new();
    for (at, mut computers) in looked(true) {
        let mut places = vec![at];
        let (same, others): (Vec<_>, Vec<_>) = machines
            .into_iter()
            .partition(|(known, _)| known.keys().any(|name| computers.contains_key(name)));
        for (known, all) in same {
            computers.extend(known);
            places.extend(all);
        }
        machines = others;
        machines.push((computers, places));
    }
    if machines.len() < 2 {
        return None;
    }
    let folder = |at: usize| {
        let path = paths.get(at).map_or("", String::as_str);
        path.rsplit_once(['/', '\\', '!'])
            .map_or("", |(folder, _)| folder)
    };
    let mut rest = Vec::new();
    for at in 0..logs.len() {
        if machines.iter().any(|(_, places)| places.contains(&at)) {
            continue;
        }
        let mut beside = machines
            .iter_mut()
            .filter(|(_, places)| places.iter().any(|other| folder(*other) == folder(at)));
        match (beside.next(), beside.next()) {
            (Some((_, places)), None) => places.push(at),
            _ => rest.push(at),
        }
    }
    let mut groups: Vec<Group<'_>> = machines
        .into_iter()
        .map(|(computers, mut places)| {
            places.sort_unstable();
            let name = computers.into_values().next_back().unwrap_or_default();
            group(name, &places, logs)
        })
        .collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    if let Some(first) = rest.first() {
        let name = paths.get(*first).cloned().unwrap_or_default();
        groups.push(group(name, &rest, logs));
    }
    Some(groups)
}

fn is_naming(source: Source) -> bool {
    matches!(
        source,
        Source::EventLog | Source::WindowsUpdate | Source::Setup
    )
}

/// The computers that logs name, in small letters: in their first pieces, or anywhere.
pub(super) fn computers_of(logs: &[&LogFile], is_whole: bool) -> BTreeSet<String> {
    let naming = logs.iter().filter(|log| is_naming(log.source));
    naming
        .flat_map(|log| peek(log, is_whole).computers.into_keys())
        .collect()
}

/// What a look into a log tells of its machine.
#[derive(Debug, Default)]
struct Peek {
    /// Equal in copies of one log.
    first_record: Option<u64>,
    /// The computers it names, by their names in small letters.
    computers: BTreeMap<String, String>,
}

/// Bytes of a piece that is looked at: as many as were looked at to tell what the log is.
const PIECE_BYTES: usize = parse::HEAD_BYTES;

/// Looks at a log's first piece, or at all of it. What cannot be read tells nothing here; reading it says why.
fn peek(log: &LogFile, is_whole: bool) -> Peek {
    let look = || {
        let mut peek = Peek::default();
        let Ok(mut chunks) = FileChunks::open(log, PIECE_BYTES) else {
            return peek;
        };
        while let Some(Ok(cut)) = chunks.next() {
            peek.first_record = peek.first_record.or(chunks.first_record());
            computers(&cut.piece.text, log, &mut peek.computers);
            if !is_whole {
                break;
            }
        }
        peek
    };
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_default()
}

/// Events of a piece that are asked for their computer, and the last one: names change seldom.
const ASKED: usize = 8;

/// The computers that a piece of a log names.
fn computers(text: &str, log: &LogFile, into: &mut BTreeMap<String, String>) {
    let mut name = |name: &str| {
        // The domain may be there or not.
        let label = name.trim().split('.').next().unwrap_or_default();
        let lower = label.to_lowercase();
        let is_name = label.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !UNNAMED.iter().any(|unnamed| lower.starts_with(unnamed));
        if is_name {
            into.entry(lower).or_insert_with(|| label.to_owned());
        }
    };
    if log.format.is_of_events() {
        let records: Vec<parse::Record<'_>> = parse::records(text, log.format)
            .filter(parse::Record::has_head)
            .collect();
        for record in records.iter().take(ASKED).chain(records.last()) {
            if let Some(event) = record.event() {
                name(&event.host);
            }
        }
        return;
    }
    let marks: &[&str] = match log.source {
        // `… simple targeting cookie, clientId = …, target group = …, DNS name = pc-1.example.test`
        Source::WindowsUpdate => &["DNS name = "],
        // `[Shell Unattend] ComputerName set to PC-1`
        Source::Setup => &["ComputerName set to "],
        _ => &[],
    };
    for mark in marks {
        if let Some((_, rest)) = text.rsplit_once(mark) {
            name(
                rest.split([',', ' ', '\r', '\n', '\t'])
                    .next()
                    .unwrap_or_default(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    fn event(computer: &str, record: u64) -> String {
        format!(
            r#"{{"@timestamp":"2024-05-01T08:00:05.293Z","winlog":{{"channel":"System","computer_name":"{computer}","event_id":"20","provider_name":"Made-Up","record_id":"{record}","event_data":{{}}}}}}"#
        ) + "\n"
    }

    fn cbs(second: u64) -> String {
        format!("2024-05-01 08:00:{second:02}, Info                  CBS    Plan\n")
    }

    fn told(files: &[(&str, String)]) -> (Option<Told>, Vec<(String, usize)>) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let paths = [folder.path().to_owned()];
        let found = files::find(&paths);
        assert_eq!(found.logs.len(), files.len());
        let (told, groups) = apart(&found.logs, &Base::of(&paths));
        let groups = groups.into_iter();
        (
            told,
            groups.map(|group| (group.name, group.logs.len())).collect(),
        )
    }

    #[test]
    fn a_folder_for_each_machine_is_told_by_the_same_log_in_each() {
        let (how, groups) = told(&[
            ("PC-1/Logs/CBS.log", cbs(1)),
            ("PC-1/Logs/DISM/dism.log", cbs(1)),
            ("PC-2/Logs/CBS.log", cbs(2)),
            ("PC-3/other.log", cbs(3)),
        ]);
        assert_eq!(how, Some(Told::Folder));
        let wanted = [("PC-1", 2), ("PC-2", 1), ("PC-3", 1)];
        assert_eq!(groups, wanted.map(|(name, count)| (name.to_owned(), count)));
    }

    #[test]
    fn logs_of_the_agents_that_manage_machines_tell_too() {
        let line = |second: u64| {
            format!(
                "<![LOG[Made up.]LOG]!><time=\"09:12:{second:02}.123-480\" date=\"03-05-2024\" component=\"WUAHandler\" context=\"\" type=\"1\" thread=\"4242\" file=\"x.cpp:1\">\r\n"
            )
        };
        let (how, groups) = told(&[
            ("PC-1/WUAHandler.log", line(1)),
            ("PC-2/WUAHandler.log", line(2)),
        ]);
        assert_eq!(how, Some(Told::Folder), "{groups:?}");
    }

    #[test]
    fn one_machine_may_have_a_log_twice() {
        for files in [
            // Copies.
            vec![("a/CBS.log", cbs(1)), ("b/CBS.log", cbs(1) + &cbs(2))],
            // Times.
            vec![
                ("2024-05-01/CBS.log", cbs(1)),
                ("2024-05-02/CBS.log", cbs(2)),
            ],
            vec![("before/CBS.log", cbs(1)), ("after/CBS.log", cbs(2))],
            // Windows' own folders.
            vec![
                ("Rollback/setupact.log", cbs(1)),
                ("UnattendGC/setupact.log", cbs(2)),
            ],
            vec![
                ("Windows.old/Windows/Logs/CBS/CBS.log", cbs(1)),
                ("Windows/Logs/CBS/CBS.log", cbs(2)),
            ],
            // Two logs of one machine.
            vec![("CBS/CBS.log", cbs(1)), ("DISM/dism.log", cbs(2))],
            // The same computer says so.
            vec![
                ("a/CBS.log", cbs(1)),
                ("a/system.jsonl", event("PC-1", 1)),
                ("b/CBS.log", cbs(2)),
                ("b/system.jsonl", event("pc-1.example.test", 2)),
            ],
        ] {
            assert_eq!(told(&files).0, None, "{files:?}");
        }
    }

    #[test]
    fn computer_names_tell_and_a_renamed_machine_is_one() {
        let (how, groups) = told(&[
            ("x/one.jsonl", event("PC-1", 1)),
            ("x/CBS.log", cbs(1)),
            ("y/two.jsonl", event("PC-2", 1)),
            ("CBS.log", cbs(2)),
        ]);
        assert_eq!(how, Some(Told::Computer));
        let wanted = [("PC-1", 2), ("PC-2", 1), ("CBS.log", 1)];
        assert_eq!(groups, wanted.map(|(name, count)| (name.to_owned(), count)));
        // Whatever the form, and an export of a machine's own log beside its servicing log.
        let xml = |computer: &str| {
            format!(
                "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Made-Up'/><EventID>20</EventID><Level>2</Level><TimeCreated SystemTime='2024-05-01T08:00:05.293Z'/><EventRecordID>1</EventRecordID><Channel>System</Channel><Computer>{computer}</Computer></System><EventData><Data Name='a'>b</Data></EventData></Event>\n"
            )
        };
        let labelled = |computer: &str| {
            format!(
                "Log Name:      System\nSource:        Made-Up\nDate:          2024-05-01T08:00:05.293\nEvent ID:      20\nLevel:         Error\nComputer:      {computer}\nDescription:\nMade up.\n"
            )
        };
        let objects = |computer: &str| {
            format!(
                "[\n  {{\n    \"TimeCreated\": \"2024-05-01T08:00:05.293Z\",\n    \"ProviderName\": \"Made-Up\",\n    \"Id\": 20,\n    \"MachineName\": \"{computer}\"\n  }}\n]\n"
            )
        };
        for (form, one, other) in [
            ("xml", xml("PC-1"), xml("PC-2")),
            ("txt", labelled("PC-1"), labelled("PC-2")),
            ("json", objects("PC-1"), objects("PC-2")),
        ] {
            let (how, groups) = told(&[
                (&format!("a/events.{form}"), one.clone()),
                (&format!("b/events.{form}"), other),
            ]);
            assert_eq!(how, Some(Told::Computer), "{form}: {groups:?}");
            let names: Vec<&str> = groups.iter().map(|(name, _)| name.as_str()).collect();
            assert_eq!(names, ["PC-1", "PC-2"], "{form}");
            let files = [("a/events.x", one.clone()), ("b/events.x", one)];
            assert_eq!(told(&files).0, None, "{form}");
        }
        let renamed = event("WIN-ABC", 1).repeat(20) + &event("PC-1", 2);
        for other in ["PC-1", "WIN-ABC", "MINWINPC"] {
            let files = [("a.jsonl", renamed.clone()), ("b.jsonl", event(other, 3))];
            assert_eq!(told(&files).0, None, "{other}");
        }
    }
}
