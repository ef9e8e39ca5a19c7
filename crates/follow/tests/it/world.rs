//! A folder of logs, a writer that rotates, copies, truncates and removes them, and the truth about each.

use crate::disk::{Disk, Here};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Numbers of chance, the same for the same seed.
pub(crate) struct Chance(u64);

impl Chance {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from((self.0 >> 16) % bound.max(1) as u64).unwrap()
    }

    pub(crate) fn one_in(&mut self, bound: usize) -> bool {
        self.below(bound) == 0
    }
}

/// One content, from its first byte to its last, wherever it lay.
#[derive(Clone, Default)]
pub(crate) struct Truth {
    pub(crate) bytes: Vec<u8>,
    is_wide: bool,
    /// The rest of a line that was written in part.
    rest: Vec<u8>,
    /// Most of it that a look at the folder can have seen.
    pub(crate) seen: usize,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Holds {
    Log(usize),
    /// A cabinet that is written to its end.
    Cabinet(usize),
    /// One that is not.
    Half(usize),
}

pub(crate) struct World {
    pub(crate) folder: PathBuf,
    disk: Box<dyn Disk>,
    pub(crate) chance: Chance,
    pub(crate) truths: Vec<Truth>,
    pub(crate) names: BTreeMap<String, Holds>,
    /// The writer's clock, which stamps files to two seconds, and jumps.
    epoch: u64,
    pub(crate) now: Duration,
    pub(crate) is_away: bool,
    /// The folder never goes away.
    pub(crate) stays: bool,
    /// What the last look listed.
    listed: BTreeMap<String, (usize, usize)>,
    number: usize,
    /// What happened is printed, for a seed that fails.
    pub(crate) is_told: bool,
}

impl World {
    pub(crate) fn new(folder: &Path, seed: u64) -> Self {
        Self::on(Box::new(Here), folder, seed)
    }

    /// A world that is written in another way.
    pub(crate) fn on(disk: Box<dyn Disk>, folder: &Path, seed: u64) -> Self {
        Self {
            folder: folder.to_owned(),
            disk,
            chance: Chance::new(seed),
            truths: Vec::new(),
            names: BTreeMap::new(),
            now: Duration::ZERO,
            is_away: false,
            stays: false,
            listed: BTreeMap::new(),
            number: 0,
            epoch: 1_700_000_000,
            is_told: std::env::var_os("CBSIFT_ROTATION_TELL").is_some(),
        }
    }

    /// Prints what happens, where that is asked for.
    pub(crate) fn say(&self, what: std::fmt::Arguments<'_>) {
        if self.is_told {
            eprintln!("{:8.3} {what}", self.now.as_secs_f64());
        }
    }

    /// Prints which content lies where.
    pub(crate) fn say_where(&self) {
        for (name, holds) in &self.names {
            let (Holds::Log(truth) | Holds::Cabinet(truth) | Holds::Half(truth)) = holds;
            let bytes = self.truths[*truth].bytes.len();
            self.say(format_args!("  {name} {holds:?} {bytes} bytes"));
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn stamp(&self, path: &Path) {
        let seconds = self.epoch + self.now.as_secs() / 2 * 2;
        let at = UNIX_EPOCH + Duration::from_secs(seconds);
        if let Ok(file) = OpenOptions::new().write(true).open(path) {
            file.set_modified(at).unwrap();
        }
    }

    pub(crate) fn line(&mut self) -> String {
        self.number += 1;
        let (minute, second) = (self.number / 60 % 60, self.number % 60);
        let more = match self.number % 5 {
            0 => "  a line that belongs to it\r\n",
            _ => "",
        };
        let padding = "x".repeat(self.chance.below(120));
        format!(
            "2024-05-01 08:{minute:02}:{second:02}, Info                  CBS    made-up record {} {padding}\r\n{more}",
            self.number
        )
    }

    fn encode(is_wide: bool, text: &str) -> Vec<u8> {
        match is_wide {
            true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
            false => text.as_bytes().to_vec(),
        }
    }

    /// A new content, in the file of this name.
    pub(crate) fn create(&mut self, name: &str, beginning: Option<Vec<u8>>) -> usize {
        let is_wide = match &beginning {
            Some(bytes) => bytes.starts_with(&[0xFF, 0xFE]),
            None => self.chance.one_in(6),
        };
        let mut bytes = beginning.unwrap_or_default();
        if bytes.is_empty() && is_wide {
            bytes.extend([0xFF, 0xFE]);
        }
        let path = self.path(name);
        self.disk.write(&path, &bytes);
        self.stamp(&path);
        self.truths.push(Truth {
            bytes,
            is_wide,
            ..Truth::default()
        });
        let truth = self.truths.len() - 1;
        self.names.insert(name.to_owned(), Holds::Log(truth));
        truth
    }

    pub(crate) fn append(&mut self, name: &str, lines: usize, is_torn: bool) {
        let Some(Holds::Log(truth)) = self.names.get(name).copied() else {
            return;
        };
        let text: String = (0..lines).map(|_| self.line()).collect();
        let truth_of = &mut self.truths[truth];
        let mut bytes = std::mem::take(&mut truth_of.rest);
        bytes.extend(Self::encode(truth_of.is_wide, &text));
        if is_torn {
            let keep = self.chance.below(bytes.len());
            self.truths[truth].rest = bytes.split_off(keep);
        }
        self.truths[truth].bytes.extend_from_slice(&bytes);
        let path = self.path(name);
        self.disk.append(&path, &bytes);
        self.stamp(&path);
    }

    fn logs(&self) -> Vec<(String, usize)> {
        let log = |(name, holds): (&String, &Holds)| match holds {
            Holds::Log(truth) => Some((name.clone(), *truth)),
            _ => None,
        };
        self.names.iter().filter_map(log).collect()
    }

    fn fresh(&mut self, ending: &str) -> String {
        self.number += 1;
        format!("CbsPersist_{:05}.{ending}", self.number)
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some(holds) = self.names.remove(from) {
            let (from, to_path) = (self.path(from), self.path(to));
            self.disk.rename(&from, &to_path);
            self.names.insert(to.to_owned(), holds);
        }
    }

    pub(crate) fn remove(&mut self, name: &str) {
        if self.names.remove(name).is_some() {
            let path = self.path(name);
            self.disk.remove(&path);
        }
    }

    pub(crate) fn copy(&mut self, from: &str, to: &str) {
        if let Some(Holds::Log(truth)) = self.names.get(from).copied() {
            let (from, to_path) = (self.path(from), self.path(to));
            self.disk.copy(&from, &to_path);
            self.stamp(&to_path);
            let truth = self.truths[truth].clone();
            self.truths.push(Truth {
                rest: Vec::new(),
                seen: 0,
                ..truth
            });
            let copy = self.truths.len() - 1;
            self.names.insert(to.to_owned(), Holds::Log(copy));
        }
    }

    /// Cuts a log to a length; what is left is the beginning of another content.
    pub(crate) fn truncate(&mut self, name: &str, length: usize) {
        let Some(Holds::Log(truth)) = self.names.get(name).copied() else {
            return;
        };
        let old = &self.truths[truth];
        let length = length.min(old.bytes.len());
        if length == old.bytes.len() {
            return;
        }
        let new = Truth {
            bytes: old.bytes[..length].to_vec(),
            is_wide: old.is_wide,
            ..Truth::default()
        };
        let path = self.path(name);
        self.disk.cut(&path, length as u64);
        self.stamp(&path);
        self.truths.push(new);
        let truth = self.truths.len() - 1;
        self.names.insert(name.to_owned(), Holds::Log(truth));
        // A mark of its own begins each wide content.
        if length == 0 && self.truths[truth].is_wide {
            self.truths[truth].is_wide = false;
        }
    }

    /// The bytes of a cabinet with one member.
    fn cabinet(bytes: &[u8]) -> Vec<u8> {
        let mut builder = cab::CabinetBuilder::new();
        builder
            .add_folder(cab::CompressionType::MsZip)
            .add_file("CbsPersist.log");
        let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
        while let Some(mut file) = writer.next_file().unwrap() {
            file.write_all(bytes).unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    /// Compresses a log, in part or whole; the log stays for now.
    pub(crate) fn compress(&mut self, name: &str, to: &str, is_half: bool) {
        let Some(Holds::Log(truth)) = self.names.get(name).copied() else {
            return;
        };
        let packed = Self::cabinet(&self.truths[truth].bytes);
        let length = if is_half {
            packed.len() / 2
        } else {
            packed.len()
        };
        let path = self.path(to);
        self.disk.write(&path, &packed[..length]);
        self.stamp(&path);
        // Where the log goes on, the cabinet holds what it was.
        let mut copy = self.truths[truth].clone();
        copy.seen = 0;
        copy.rest.clear();
        self.truths.push(copy);
        let copy = self.truths.len() - 1;
        let holds = if is_half {
            Holds::Half(copy)
        } else {
            Holds::Cabinet(copy)
        };
        self.names.insert(to.to_owned(), holds);
    }

    /// What Windows does: the log gets another name, and a new one begins.
    pub(crate) fn rotate(&mut self, name: &str) -> String {
        let to = self.fresh("log");
        self.rename(name, &to);
        self.create(name, None);
        to
    }

    /// Something of chance.
    pub(crate) fn step(&mut self) {
        let logs = self.logs();
        if self.is_away {
            if self.chance.one_in(3) {
                self.come_back();
            }
            return;
        }
        if logs.is_empty() || !self.names.contains_key("CBS.log") {
            self.create("CBS.log", None);
            return;
        }
        let (name, truth) = logs[self.chance.below(logs.len())].clone();
        let kind = self.chance.below(40);
        self.say(format_args!("step {kind} {name}"));
        match kind {
            0..=11 => self.append("CBS.log", 1, false),
            12 | 13 => {
                let lines = 1 + self.chance.below(400);
                self.append("CBS.log", lines, false);
            }
            14..=16 => self.append("CBS.log", 1, true),
            17..=19 => self.append(&name, 2, false),
            20 | 21 => {
                self.rotate("CBS.log");
            }
            22 => {
                // At once: nobody sees the log under its second name.
                let old = self.rotate("CBS.log");
                let cabinet = self.fresh("cab");
                self.compress(&old, &cabinet, false);
                self.remove(&old);
            }
            23 if name != "CBS.log" => {
                let cabinet = self.fresh("cab");
                let is_half = self.chance.one_in(2);
                self.compress(&name, &cabinet, is_half);
            }
            24 if name != "CBS.log" => self.finish(&name),
            25 if name != "CBS.log" => self.remove(&name),
            26 => self.truncate(&name, 0),
            27 => {
                let length = self.chance.below(self.truths[truth].bytes.len() + 1) / 2 * 2;
                self.truncate(&name, length);
            }
            28 | 29 => {
                // Copy and truncate.
                let to = self.fresh("log");
                self.copy(&name, &to);
                let Some(Holds::Log(copy)) = self.names.get(&to).copied() else {
                    return;
                };
                // The copy is the log now, and what was the log is nothing yet.
                self.truths[copy].rest = self.truths[truth].rest.clone();
                self.names.insert(name.clone(), Holds::Log(copy));
                self.names.insert(to, Holds::Log(truth));
                self.truncate(&name, 0);
            }
            30 => {
                let to = self.fresh("log");
                self.copy(&name, &to);
            }
            31 => {
                // Another content of the same size, in the same file.
                let length = self.truths[truth].bytes.len();
                self.truncate(&name, 0);
                let mut text = String::new();
                while text.len() < length {
                    text += &self.line();
                }
                let Some(Holds::Log(new)) = self.names.get(&name).copied() else {
                    return;
                };
                self.truths[new].is_wide = false;
                let bytes = text.as_bytes()[..length].to_vec();
                let path = self.path(&name);
                self.disk.write(&path, &bytes);
                self.stamp(&path);
                self.truths[new].rest = text.as_bytes()[length..].to_vec();
                self.truths[new].bytes = bytes;
            }
            32 | 33 => {
                // Begins like another log, and goes on as itself.
                let length = self.chance.below(3_000);
                let bytes = &self.truths[truth].bytes;
                let line = bytes.iter().position(|byte| *byte == b'\n');
                let line = line.map_or(0, |line| line + 2);
                let end = length.max(line) / 2 * 2;
                let beginning = bytes.get(..end).map(<[u8]>::to_vec);
                let to = self.fresh("log");
                if let Some(beginning) = beginning {
                    self.create(&to, Some(beginning));
                    self.append(&to, 3, false);
                }
            }
            34 => {
                // Two logs change their names, and back at some time.
                let other = logs[self.chance.below(logs.len())].0.clone();
                if other != name {
                    self.rename(&name, "between.log");
                    self.rename(&other, &name);
                    self.rename("between.log", &other);
                }
            }
            35 => {
                // Its index is free, and likely used again at once.
                self.remove(&name);
                self.create("CBS.log.new", None);
                if name != "CBS.log" && !self.names.contains_key(&name) {
                    self.rename("CBS.log.new", &name);
                } else {
                    self.rename("CBS.log.new", "CBS.log");
                }
                self.append(&name, 3, false);
            }
            36 => {
                // Moved as between volumes: another file with the same content.
                let to = self.fresh("log");
                self.copy(&name, &to);
                if let (Some(Holds::Log(copy)), Some(Holds::Log(old))) =
                    (self.names.get(&to).copied(), self.names.get(&name).copied())
                {
                    self.names.insert(to.clone(), Holds::Log(old));
                    self.names.insert(name.clone(), Holds::Log(copy));
                    self.remove(&name);
                }
            }
            37 => {
                let cabinets: Vec<String> = self
                    .names
                    .iter()
                    .filter(|(_, holds)| !matches!(holds, Holds::Log(_)))
                    .map(|(name, _)| name.clone())
                    .collect();
                if cabinets.len() > 3 {
                    let name = &cabinets[self.chance.below(cabinets.len())];
                    self.remove(name);
                }
            }
            38 if !self.stays && self.chance.one_in(4) => {
                let away = self.folder.with_extension("away");
                fs::rename(&self.folder, away).unwrap();
                self.is_away = true;
            }
            // Ten years back, to now, or on.
            39 => self.epoch = 1_400_000_000 + 300_000_000 * (self.number % 3) as u64,
            _ => {}
        }
    }

    /// A cabinet that is begun is finished, its log removed: what makecab does at last.
    fn finish(&mut self, name: &str) {
        let Some(Holds::Log(log)) = self.names.get(name).copied() else {
            return;
        };
        let half = self.names.iter().find_map(|(cabinet, holds)| match holds {
            Holds::Half(copy) if self.truths[*copy].bytes == self.truths[log].bytes => {
                Some(cabinet.clone())
            }
            _ => None,
        });
        let cabinet = match half {
            Some(half) => {
                self.names.remove(&half);
                half
            }
            None => self.fresh("cab"),
        };
        self.compress(name, &cabinet, false);
        self.remove(name);
    }

    pub(crate) fn come_back(&mut self) {
        if self.is_away {
            fs::rename(self.folder.with_extension("away"), &self.folder).unwrap();
            self.is_away = false;
        }
    }

    /// What a look at the folder lists now.
    pub(crate) fn note_listed(&mut self) {
        self.listed.clear();
        if self.is_away {
            return;
        }
        for (name, holds) in &self.names {
            if let Holds::Log(truth) = holds {
                let size = self.truths[*truth].bytes.len();
                self.listed.insert(name.clone(), (*truth, size));
            }
        }
    }

    /// What was listed and is still there when the look ends was surely seen.
    pub(crate) fn note_seen(&mut self) {
        for (name, (truth, size)) in &self.listed {
            if self.names.get(name) == Some(&Holds::Log(*truth)) {
                let truth = &mut self.truths[*truth];
                truth.seen = truth.seen.max(*size);
            }
        }
    }

    /// Contents that lie somewhere, whole.
    pub(crate) fn there(&self) -> Vec<usize> {
        let whole = |holds: &Holds| match holds {
            Holds::Log(truth) | Holds::Cabinet(truth) => Some(*truth),
            Holds::Half(_) => None,
        };
        self.names.values().filter_map(whole).collect()
    }

    /// What is there is what is meant to be: a test of the writer.
    pub(crate) fn check(&self) {
        for (name, holds) in &self.names {
            if let Holds::Log(truth) = holds {
                let bytes = fs::read(self.path(name)).unwrap();
                assert!(
                    bytes == self.truths[*truth].bytes,
                    "the writer is wrong about {name}"
                );
            }
        }
        let count = fs::read_dir(&self.folder).unwrap().count();
        assert_eq!(count, self.names.len());
        drop(File::open(&self.folder));
    }
}
