//! A made-up archive of a fleet, with what ten years leave in one, and how much there is of each.

use crate::logs::log;
use std::collections::BTreeMap;
use std::fs;
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// What was written, counted while it was.
#[derive(Default)]
pub(crate) struct Tree {
    pub(crate) root: PathBuf,
    /// Endpoints whose logs are to be taken, and the folders and archives that hold them.
    pub(crate) endpoints: BTreeMap<String, Vec<PathBuf>>,
    pub(crate) taken: u64,
    /// The same bytes of the same endpoint under another path.
    pub(crate) twice: u64,
    pub(crate) no_logs: u64,
    /// Files that cannot be read, or not to their end, and archives that are not opened.
    pub(crate) damaged: u64,
    pub(crate) wrong_names: u64,
    /// Folders that differ in case alone.
    pub(crate) clashing: u64,
    /// What no pattern is meant for.
    pub(crate) strays: u64,
    /// Folders of mixed machines, and their logs.
    pub(crate) mixed: u64,
    pub(crate) mixed_logs: u64,
}

impl Tree {
    /// So many folders and archives.
    pub(crate) fn write(root: &Path, folders: usize) -> Self {
        let mut tree = Self {
            root: root.to_owned(),
            ..Self::default()
        };
        fs::create_dir_all(root).unwrap();
        for number in 0..folders {
            tree.folder(number);
        }
        fs::write(root.join("README.txt"), "made-up notes\n").unwrap();
        tree.strays += 1;
        tree
    }

    /// Files that are looked at: those below what is wrongly named are not.
    pub(crate) fn files(&self) -> u64 {
        self.taken + self.twice + self.no_logs + self.damaged + self.mixed_logs
    }

    fn folder(&mut self, number: usize) {
        let text = || log(20 + number % 50);
        let name = format!("PC-{number:04}");
        let path = self.root.join(&name);
        match number % 10 {
            // A bundle beside a folder of the same machine, which holds the same log and one more.
            0 => {
                put(&path.join("Windows/Logs/CBS/CBS.log"), text().as_bytes());
                put(&path.join("notes.txt"), b"made-up notes\n");
                let zip = self.root.join(format!("{name}_2019-05.zip"));
                let older = log(70 + number % 50).replace("2024-05", "2019-05");
                let members = [
                    ("Windows/Logs/CBS/CBS.log", text()),
                    ("Windows/Logs/CBS/CbsPersist_20190501080000.log", older),
                ];
                put(&zip, &zip_of(&members));
                (self.taken, self.twice, self.no_logs) =
                    (self.taken + 2, self.twice + 1, self.no_logs + 1);
                self.endpoints.insert(name, vec![path, zip]);
            }
            // A copy of a log beside it.
            1 => {
                put(&path.join("CBS.log"), text().as_bytes());
                put(&path.join("old/CBS - Copy.log"), text().as_bytes());
                (self.taken, self.twice) = (self.taken + 1, self.twice + 1);
                self.endpoints.insert(name, vec![path]);
            }
            // An archive that was cut off, beside a log that is whole.
            2 => {
                put(&path.join("CBS.log"), text().as_bytes());
                let zip = zip_of(&[("dism.log", text())]);
                put(&path.join("bundle.zip"), &zip[..zip.len() / 2]);
                (self.taken, self.damaged) = (self.taken + 1, self.damaged + 1);
                self.endpoints.insert(name, vec![path]);
            }
            // An archive of which one member is damaged.
            3 => {
                put(&path.join("bundle.zip"), &damaged_zip(&text()));
                put(&path.join("CBS.log"), log(80).as_bytes());
                (self.taken, self.damaged) = (self.taken + 1, self.damaged + 1);
                self.endpoints.insert(name, vec![path]);
            }
            // A name that can be no endpoint's.
            4 => {
                let path = self.root.join(format!("销售 {number}"));
                put(&path.join("CBS.log"), text().as_bytes());
                self.wrong_names += 1;
            }
            // Two machines in one folder.
            5 => {
                put(&path.join("CBS.log"), text().as_bytes());
                let by_turns = event(&name, 1) + &event("OTHER", 2) + &event(&name, 3);
                for (minute, line) in by_turns.lines().enumerate() {
                    put(
                        &path.join(format!("System-{minute}.jsonl")),
                        format!("{line}\n").as_bytes(),
                    );
                }
                (self.mixed, self.mixed_logs) = (self.mixed + 1, self.mixed_logs + 4);
            }
            // One that differs in case alone from the next.
            6 => {
                for name in [format!("pc-{number:04}x"), format!("PC-{number:04}X")] {
                    put(&self.root.join(name).join("CBS.log"), text().as_bytes());
                    self.clashing += 1;
                }
            }
            // Event logs of a machine that was renamed, and a text log.
            7 => {
                let lines = event("WIN-SETUP", 1) + &event(&format!("{name}.corp.example"), 5);
                put(&path.join("System.jsonl"), lines.as_bytes());
                put(&path.join("CBS.log"), text().as_bytes());
                self.taken += 2;
                self.endpoints.insert(name, vec![path]);
            }
            // An archive in an archive: nobody looks into it, so nobody knows that no log is there.
            8 => {
                let inner = zip_of(&[("dism.log", text())]);
                let members = [("CBS.log", text().into_bytes()), ("older.zip", inner)];
                put(&path.join("bundle.zip"), &zip_of(&members));
                (self.taken, self.damaged) = (self.taken + 1, self.damaged + 1);
                self.endpoints.insert(name, vec![path]);
            }
            _ => {
                put(&path.join("CBS.log"), text().as_bytes());
                self.taken += 1;
                self.endpoints.insert(name, vec![path]);
            }
        }
    }
}

fn put(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn event(host: &str, minute: u32) -> String {
    format!(
        "{{\"ts_utc\":\"2024-05-06T02:{minute:02}:30.000Z\",\"host\":\"{host}\",\"channel\":\"System\",\"provider\":\"Microsoft-Windows-Ntfs\",\"event_id\":98,\"record_id\":{minute},\"level\":\"information\",\"data\":{{\"CorruptionActionState\":\"0\"}}}}\n"
    )
}

fn zip_of(members: &[(&str, impl AsRef<[u8]>)]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        let options = SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes.as_ref()).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A log in an archive whose packed bytes are wrong from their middle on.
pub(crate) fn damaged_zip(text: &str) -> Vec<u8> {
    let mut zip = zip_of(&[("CBS.log", text.to_owned())]);
    let middle = zip.len() / 2;
    for byte in &mut zip[middle..middle + 16] {
        *byte = 0xff;
    }
    zip
}
