//! `--redact`: what names people and machines leaves as keyed pseudonyms, and event logs as what servicing says in them.
//!
//! The same name has the same pseudonym in every file and bundle of one key, so a finding reads on. Key and map stay on the machine.

mod events;
mod names;

pub(crate) use events::allowed;

use crate::hex::hex;
use anyhow::Context;
use hmac::{Hmac, KeyInit, Mac};
use names::{Kind, Patterns};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Bytes of a key.
const KEY_BYTES: usize = 32;

/// Hex digits of a pseudonym, 40 bits: at 1,000 names two share one with a chance of one in two million, at 90,000 with one in 270.
const DIGITS: usize = 10;

/// Replaces names. Collects those that must be known first, which one file tells and another repeats without its marks.
pub(crate) struct Redactor {
    key: [u8; KEY_BYTES],
    patterns: Patterns,
    /// Names in lower case, each with its kind.
    names: BTreeMap<String, Kind>,
    /// What was replaced, by its pseudonym.
    map: BTreeMap<String, String>,
}

impl Redactor {
    pub(crate) fn new(key: [u8; KEY_BYTES]) -> Self {
        Self {
            key,
            patterns: Patterns::new(),
            names: BTreeMap::new(),
            map: BTreeMap::new(),
        }
    }

    /// The name of the machine itself.
    pub(crate) fn learn_host(&mut self, name: &str) {
        self.learn(name, Kind::Host);
    }

    /// Takes down the names that a text tells as such.
    pub(crate) fn learn_from(&mut self, text: &str) {
        for (name, kind) in self.patterns.names_in(text) {
            self.learn(&name, kind);
        }
    }

    fn learn(&mut self, name: &str, kind: Kind) {
        if kind.is_name(name) {
            self.names.entry(name.to_lowercase()).or_insert(kind);
        }
        // The first label of `pc-1.bank.example` is the machine, the rest is the domain.
        if kind == Kind::Host
            && let Some((short, domain)) = name.split_once('.')
        {
            self.learn(short, Kind::Host);
            self.learn(domain, Kind::Domain);
        }
    }

    /// The text with pseudonyms for all that names somebody.
    pub(crate) fn redact(&mut self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for (start, end, kind) in self.patterns.marked(text, &self.names) {
            let Some(value) = text.get(start..end).filter(|_| start >= at) else {
                continue;
            };
            out.push_str(text.get(at..start).unwrap_or_default());
            let pseudonym = self.pseudonym(value, kind);
            out.push_str(&pseudonym);
            self.map
                .entry(pseudonym)
                .or_insert_with(|| value.to_owned());
            at = end;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }

    fn pseudonym(&self, value: &str, kind: Kind) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("any length is a key");
        mac.update(kind.word().as_bytes());
        mac.update(&[0]);
        // Windows writes one name in several cases.
        mac.update(value.to_lowercase().as_bytes());
        let digest = mac.finalize().into_bytes();
        let hex = hex(&digest);
        format!("{}-{}", kind.word(), hex.get(..DIGITS).unwrap_or_default())
    }

    /// What was replaced by what, for whoever holds the machine.
    pub(crate) fn map(&self) -> &BTreeMap<String, String> {
        &self.map
    }

    /// How many names of each kind were replaced.
    pub(crate) fn counts(&self) -> BTreeMap<&str, usize> {
        let mut counts = BTreeMap::new();
        for pseudonym in self.map.keys() {
            let kind = pseudonym.split('-').next().unwrap_or_default();
            *counts.entry(kind).or_default() += 1;
        }
        counts
    }
}

/// Key and map of this machine: beside each other in a folder that never travels.
pub(crate) struct Keeper {
    folder: PathBuf,
}

impl Keeper {
    /// The folder of the user who asks, or another one that is named.
    pub(crate) fn at(folder: Option<&Path>) -> anyhow::Result<Self> {
        let known = |name: &str| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        let of_user = || {
            known("LOCALAPPDATA")
                .or_else(|| known("XDG_STATE_HOME"))
                .or_else(|| known("HOME").map(|home| home.join(".local").join("state")))
                .map(|base| base.join("cbsift"))
        };
        let folder = folder.map(Path::to_owned).or_else(of_user);
        let folder = folder.context("no folder for the key of pseudonyms\nhint: name one that stays on this PC with --redaction-folder")?;
        Ok(Self { folder })
    }

    fn map_path(&self) -> PathBuf {
        self.folder.join("redaction-map.json")
    }

    /// The key; made where there is none.
    pub(crate) fn key(&self) -> anyhow::Result<[u8; KEY_BYTES]> {
        let path = self.folder.join("redaction.key");
        // Only where there is none: a key that cannot be read for a moment must not be lost to a new one.
        let kept = match fs::read_to_string(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            text => Some(text.with_context(|| format!("read `{}`", path.display()))?),
        };
        if let Some(text) = kept {
            return of_hex(text.trim()).with_context(|| {
                format!("`{}` holds no key\nhint: remove it, and a new one is made; pseudonyms change with it", path.display())
            });
        }
        let mut key = [0; KEY_BYTES];
        getrandom::fill(&mut key)
            .map_err(|error| anyhow::anyhow!("no random bytes for a key: {error}"))?;
        private(&path, &format!("{}\n", hex(&key)))?;
        Ok(key)
    }

    /// Adds to the map what a bundle replaced; returns where it is.
    pub(crate) fn keep(&self, map: &BTreeMap<String, String>) -> anyhow::Result<PathBuf> {
        let path = self.map_path();
        let mut all: BTreeMap<String, String> = match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .with_context(|| format!("read `{}`", path.display()))?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(error).with_context(|| format!("read `{}`", path.display())),
        };
        all.extend(
            map.iter()
                .map(|(pseudonym, name)| (pseudonym.clone(), name.clone())),
        );
        private(&path, &(serde_json::to_string_pretty(&all)? + "\n"))?;
        Ok(path)
    }
}

fn of_hex(text: &str) -> Option<[u8; KEY_BYTES]> {
    let digits = text.as_bytes().chunks(2);
    let bytes: Vec<u8> = digits
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    bytes.try_into().ok()
}

/// Writes a file that only its owner reads, as a whole or not at all; on Windows who reads it follows from the folder.
fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    let doing = || format!("write `{}`", path.display());
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(doing)?;
    }
    let aside = path.with_extension("new");
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    let mut file = options.open(&aside).with_context(doing)?;
    file.write_all(text.as_bytes()).with_context(doing)?;
    drop(file);
    fs::rename(&aside, path).with_context(doing)
}

#[cfg(test)]
mod tests;
