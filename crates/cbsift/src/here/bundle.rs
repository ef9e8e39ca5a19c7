//! `--bundle`: a machine's logs, what it is, and what came of the probe, as one archive with a manifest.
//!
//! A bundle is read as any other archive of logs is, on any system, to the same findings. Cabinets of rotated logs are unpacked on their way in,
//! because archives are opened one level deep.

use super::Here;
use super::redact::{self, Redactor};
use crate::hex::hex;
use anyhow::Context;
use event::{Format, TextEncoding};
use files::{FactsFile, FileChunks, LogFile};
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// Bytes of a step of copying.
const STEP_BYTES: usize = 256 * 1024;

/// `manifest.json`.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Manifest {
    version: u32,
    program: String,
    pub(crate) files: Vec<Packed>,
    /// Files that are only told of.
    marks: Vec<Mark>,
    /// Places that are not there.
    missing: Vec<String>,
    /// What was there, or may have been, and could not be read: held by a program, closed to us, damaged.
    pub(crate) unread: Vec<Unread>,
    /// Event logs that were read from their raw files, which lag behind.
    channels_from_files: Vec<Unread>,
    /// Names were replaced by pseudonyms.
    is_redacted: bool,
    /// What stays on the machine because names in it cannot be replaced.
    pub(crate) left_out: Vec<String>,
}

/// A file of a bundle.
#[derive(Debug, Serialize)]
pub(crate) struct Packed {
    pub(crate) name: String,
    from: String,
    pub(crate) bytes: u64,
    sha256: String,
}

#[derive(Debug, Serialize)]
struct Mark {
    name: String,
    bytes: u64,
    modified_unix: Option<u64>,
}

/// What is missing, and why.
#[derive(Debug, Serialize)]
pub(crate) struct Unread {
    pub(crate) path: String,
    pub(crate) reason: String,
}

/// Texts that are made here: a name in the bundle, and what it says.
pub(crate) type Made = (&'static str, String);

/// What a bundle would hold, without one.
pub(crate) fn preview(
    here: &Here,
    made: Vec<Made>,
    redactor: Option<&mut Redactor>,
) -> anyhow::Result<Manifest> {
    let file = tempfile::tempfile().context("make a file for the preview")?;
    pack(here, BufWriter::new(file), made, redactor)
}

/// Writes a bundle where no file is yet. What cannot be read is told in the manifest; an error means that there is no bundle.
pub(crate) fn write(
    here: &Here,
    to: &Path,
    made: Vec<Made>,
    redactor: Option<&mut Redactor>,
) -> anyhow::Result<Manifest> {
    anyhow::ensure!(
        !to.exists(),
        "`{}` exists\nhint: name a file that does not, and what is there stays whole",
        to.display()
    );
    let aside = aside(to);
    let file = File::create(&aside).with_context(|| format!("create `{}`", aside.display()))?;
    let written = pack(here, BufWriter::new(file), made, redactor)
        .with_context(|| format!("write `{}`", aside.display()))
        .and_then(|manifest| {
            fs::rename(&aside, to).with_context(|| format!("create `{}`", to.display()))?;
            Ok(manifest)
        });
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// Half a bundle must not be taken for a whole one.
fn aside(to: &Path) -> PathBuf {
    let mut name = to.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    to.with_file_name(name)
}

fn pack<W: Write + io::Seek>(
    here: &Here,
    out: W,
    made: Vec<Made>,
    mut redactor: Option<&mut Redactor>,
) -> anyhow::Result<Manifest> {
    let found = here.paths().find();
    if let Some(redactor) = redactor.as_deref_mut() {
        learn(here, &found, &made, redactor);
    }
    let mut bundle = Bundle {
        zip: ZipWriter::new(out),
        names: BTreeSet::new(),
        manifest: Manifest {
            version: 1,
            program: format!("cbsift {}", env!("CARGO_PKG_VERSION")),
            missing: here.missing.clone(),
            is_redacted: redactor.is_some(),
            ..Manifest::default()
        },
        redactor,
    };
    for path in &here.marks {
        match mark(here, path) {
            Ok(mark) => bundle.manifest.marks.push(mark),
            Err(error) => bundle.unread(&path.to_string_lossy(), &error),
        }
    }
    let unread = here.unread.iter();
    bundle
        .manifest
        .unread
        .extend(unread.map(|(path, problem)| Unread {
            path: path.to_string_lossy().into_owned(),
            reason: problem.message.clone(),
        }));
    let stale = here.stale.iter();
    bundle
        .manifest
        .channels_from_files
        .extend(stale.map(|(channel, reason)| Unread {
            path: channel.clone(),
            reason: reason.clone(),
        }));

    for log in &found.logs {
        bundle.log(here, log)?;
    }
    let facts: BTreeSet<&Path> = found
        .facts
        .iter()
        .map(|facts| facts.path.as_path())
        .collect();
    let logs: BTreeSet<&Path> = found.logs.iter().map(|log| log.path.as_path()).collect();
    // What a tool printed may be its log too.
    for facts in found
        .facts
        .iter()
        .filter(|facts| !logs.contains(facts.path.as_path()))
    {
        bundle.facts(here, facts)?;
    }
    // Beside logs lie files that no reader of ours knows, and another tool may.
    for skipped in &found.skipped {
        if facts.contains(skipped.path.as_path()) {
            continue;
        }
        match skipped.path.is_file() {
            true => bundle.file(here, &skipped.path, &skipped.path)?,
            // In an archive, or no file at all.
            false => bundle.manifest.unread.push(Unread {
                path: skipped.path.to_string_lossy().into_owned(),
                reason: format!("not packed: {}", skipped.reason),
            }),
        }
    }
    for error in &found.failed {
        bundle.unread(&error.path.to_string_lossy(), &error.source);
        // A cabinet that cannot be opened may be mended elsewhere.
        if error.path.is_file() {
            bundle.file(here, &error.path, &error.path)?;
        }
    }
    for path in &here.raw {
        bundle.file(here, path, path)?;
    }
    for (name, text) in made {
        let text = bundle.redacted(text);
        bundle.add(name.to_owned(), "", &mut text.as_bytes())?;
    }
    let manifest = serde_json::to_string_pretty(&bundle.manifest)? + "\n";
    if let Some(redactor) = bundle.redactor.as_deref_mut() {
        redactor.learn_from(&manifest);
    }
    let manifest = bundle.redacted(manifest);
    bundle.zip.start_file("manifest.json", options())?;
    bundle.zip.write_all(manifest.as_bytes())?;
    bundle.zip.finish()?.flush()?;
    Ok(bundle.manifest)
}

/// Reads everything once, because a name that one log tells as such stands bare in another.
fn learn(here: &Here, found: &files::Found, made: &[Made], redactor: &mut Redactor) {
    if let Some(computer) = here.facts.computer() {
        redactor.learn_host(computer);
    }
    for log in &found.logs {
        let chunks = FileChunks::open(log, STEP_BYTES).into_iter().flatten();
        chunks
            .map_while(Result::ok)
            .for_each(|cut| redactor.learn_from(&cut.piece.text));
    }
    for facts in &found.facts {
        let texts = texts_of(facts).into_iter().flatten();
        texts
            .map_while(Result::ok)
            .for_each(|text| redactor.learn_from(&text));
    }
    made.iter().for_each(|(_, text)| redactor.learn_from(text));
}

/// The texts of a file of facts, piece by piece.
fn texts_of(facts: &FactsFile) -> io::Result<impl Iterator<Item = io::Result<String>>> {
    let reader = facts.reader().map_err(|error| error.source)?;
    let chunks = FileChunks::from_reader(
        reader,
        u64::MAX,
        facts.path.clone(),
        facts.encoding,
        Format::Wds,
        STEP_BYTES,
    );
    Ok(chunks.map(|cut| cut.map(|cut| cut.piece.text).map_err(|error| error.source)))
}

fn mark(here: &Here, path: &Path) -> io::Result<Mark> {
    let metadata = fs::metadata(path)?;
    let modified = metadata.modified()?.duration_since(UNIX_EPOCH).ok();
    Ok(Mark {
        name: here.installation.name(path),
        bytes: metadata.len(),
        modified_unix: modified.map(|since| since.as_secs()),
    })
}

fn options() -> SimpleFileOptions {
    // A log may be beyond 4 GiB, and is not known to be until it is written.
    SimpleFileOptions::default().large_file(true)
}

struct Bundle<'r, W: Write + io::Seek> {
    zip: ZipWriter<W>,
    /// In lower case: whoever unpacks it may not tell cases apart.
    names: BTreeSet<String>,
    manifest: Manifest,
    redactor: Option<&'r mut Redactor>,
}

impl<W: Write + io::Seek> Bundle<'_, W> {
    /// A log as it is, or unpacked where it stands in a cabinet.
    fn log(&mut self, here: &Here, log: &LogFile) -> anyhow::Result<()> {
        if self.redactor.is_some() {
            return self.redacted_log(here, log);
        }
        if log.member.is_none() {
            return self.file(here, &log.path, &log.real);
        }
        let name = name_of(here, &log.path, log.member.is_some());
        let shown = log.path.to_string_lossy();
        match log.reader() {
            Ok(mut reader) => self.add(name, &shown, &mut reader),
            Err(error) => {
                self.unread(&shown, &error.source);
                Ok(())
            }
        }
    }

    /// A log with pseudonyms, as UTF-8. Of event logs what servicing says in them leaves, in lines that any scan reads.
    fn redacted_log(&mut self, here: &Here, log: &LogFile) -> anyhow::Result<()> {
        let mut name = name_of(here, &log.path, log.member.is_some());
        let from = log.path.to_string_lossy().into_owned();
        let is_line_by_line = log.format == Format::EventJson;
        let is_other_form = matches!(
            log.format,
            Format::EventObjects | Format::EventXml | Format::EventText | Format::EventCsv
        );
        if is_other_form {
            self.manifest.left_out.push(name);
            return Ok(());
        }
        if log.encoding == TextEncoding::Evtx {
            name.push_str(".jsonl");
        }
        let chunks = match FileChunks::open(log, STEP_BYTES) {
            Ok(chunks) => chunks,
            Err(error) => {
                self.unread(&from, &error.source);
                return Ok(());
            }
        };
        let texts = chunks.map(|cut| cut.map(|cut| cut.piece.text).map_err(|error| error.source));
        let texts = texts.map(|text| match text {
            Ok(text) if is_line_by_line => Ok(events(&text)),
            text => text,
        });
        self.add_texts(name, &from, texts)
    }

    /// Facts about the machine, with pseudonyms where those are asked for.
    fn facts(&mut self, here: &Here, facts: &FactsFile) -> anyhow::Result<()> {
        let from = facts.path.to_string_lossy().into_owned();
        let name = name_of(here, &facts.path, facts.member.is_some());
        if self.redactor.is_none() {
            return match facts.reader() {
                Ok(mut reader) => self.add(name, &from, &mut reader),
                Err(error) => {
                    self.unread(&from, &error.source);
                    Ok(())
                }
            };
        }
        let (is_export, mut without_bytes) = (
            name.to_lowercase().ends_with(".reg"),
            WithoutBytes::default(),
        );
        match texts_of(facts) {
            Ok(texts) if is_export => {
                let shown = texts.map(|text| text.map(|text| without_bytes.of(&text)));
                self.add_texts(name, &from, shown)
            }
            Ok(texts) => self.add_texts(name, &from, texts),
            Err(error) => {
                self.unread(&from, &error);
                Ok(())
            }
        }
    }

    /// Texts with pseudonyms, one behind the other.
    fn add_texts(
        &mut self,
        name: String,
        from: &str,
        texts: impl Iterator<Item = io::Result<String>>,
    ) -> anyhow::Result<()> {
        let mut all = tempfile::tempfile().context("make a file for a log with pseudonyms")?;
        for text in texts {
            match text {
                Ok(text) => all.write_all(self.redacted(text).as_bytes())?,
                Err(error) => {
                    self.unread(from, &error);
                    break;
                }
            }
        }
        all.rewind()?;
        self.add(name, from, &mut all)
    }

    fn redacted(&mut self, text: String) -> String {
        match self.redactor.as_deref_mut() {
            Some(redactor) => redactor.redact(&text),
            None => text,
        }
    }

    /// A file as it is, up to the size that it has now: a log that grows meanwhile must end.
    fn file(&mut self, here: &Here, path: &Path, real: &Path) -> anyhow::Result<()> {
        let name = place_of(here, path);
        if self.redactor.is_some() {
            self.manifest.left_out.push(name);
            return Ok(());
        }
        let from = path.to_string_lossy();
        let opened = File::open(real).and_then(|file| {
            let bytes = file.metadata()?.len();
            Ok(file.take(bytes))
        });
        match opened {
            Ok(mut reader) => self.add(name, &from, &mut reader),
            Err(error) => {
                self.unread(&from, &error);
                Ok(())
            }
        }
    }

    fn unread(&mut self, path: &str, error: &io::Error) {
        self.manifest.unread.push(Unread {
            path: path.to_owned(),
            reason: error.to_string(),
        });
    }

    /// What cannot be read to its end is kept as far as it was, and said.
    fn add(&mut self, name: String, from: &str, reader: &mut dyn Read) -> anyhow::Result<()> {
        let name = self.redacted(name);
        let name = self.free(name);
        self.zip.start_file(&*name, options())?;
        let (mut hasher, mut bytes) = (Sha256::new(), 0_u64);
        let mut buffer = vec![0; STEP_BYTES];
        loop {
            match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    let read = buffer.get(..count).unwrap_or_default();
                    hasher.update(read);
                    self.zip.write_all(read)?;
                    bytes += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.unread(from, &error);
                    break;
                }
            }
        }
        let digest = hasher.finalize();
        self.manifest.files.push(Packed {
            name,
            from: from.to_owned(),
            bytes,
            sha256: hex(&digest),
        });
        Ok(())
    }

    /// A name that no file of the bundle has yet.
    fn free(&mut self, name: String) -> String {
        let mut free = name.clone();
        let mut number = 1;
        while !self.names.insert(free.to_lowercase()) {
            number += 1;
            free = match name.rsplit_once('.') {
                Some((stem, ending)) => format!("{stem}-{number}.{ending}"),
                None => format!("{name}-{number}"),
            };
        }
        free
    }
}

/// Takes values that are written as bytes out of a registry export that comes in pieces: they name things that nobody sees in them.
#[derive(Default)]
struct WithoutBytes {
    /// What stands before goes on in the next piece or line: a line that Windows wrapped, or a long one that was cut.
    is_hidden: bool,
    /// What was seen of the line that the last piece ended in goes on in the next line.
    wraps: bool,
}

impl WithoutBytes {
    fn of(&mut self, piece: &str) -> String {
        let shown = piece.split_inclusive('\n').filter(|part| {
            let hides = self.is_hidden || part.to_ascii_lowercase().contains("=hex");
            if let Some(last) = part.trim_end().chars().next_back() {
                self.wraps = last == '\\';
            }
            let is_whole = part.ends_with('\n');
            self.is_hidden = hides && (!is_whole || self.wraps);
            self.wraps &= !is_whole;
            !hides
        });
        shown.collect()
    }
}

/// What a file is called in a bundle.
fn place_of(here: &Here, path: &Path) -> String {
    if path.starts_with("facts") {
        path.to_string_lossy().replace('\\', "/")
    } else {
        here.installation.name(path)
    }
}

/// What a log or a file of facts is called in a bundle: one in a cabinet stands where the cabinet stood.
fn name_of(here: &Here, path: &Path, is_member: bool) -> String {
    if !is_member {
        return place_of(here, path);
    }
    let shown = path.to_string_lossy();
    let (archive, member) = shown.rsplit_once('!').unwrap_or((&shown, "log"));
    let archive = here.installation.name(Path::new(archive));
    let folder = archive.rsplit_once('/').map_or("", |(folder, _)| folder);
    let member = member.rsplit('/').next().unwrap_or(member);
    format!("{folder}/{member}")
}

/// The events of a piece that may leave, each in one line.
fn events(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if let Some(event) = parse::event_json::read(line)
            && redact::allowed(&event)
        {
            out.push_str(&event.to_line());
            out.push('\n');
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_written_as_bytes_leave_no_export_wherever_it_is_cut() {
        let text = "[HKEY_LOCAL_MACHINE\\X]\r\n\"a\"=hex(7):61,00,\\\r\n  62,00\r\n\"b\"=\"c\"\r\n";
        let whole = "[HKEY_LOCAL_MACHINE\\X]\r\n\"b\"=\"c\"\r\n";
        // Pieces end behind a line, or within one that is too long; of that the bytes begin in the first.
        let bytes = text.find(":61").unwrap()..=text.find("\"b\"").unwrap();
        for at in bytes {
            let (first, second) = text.split_at(at);
            let mut without_bytes = WithoutBytes::default();
            let shown = without_bytes.of(first) + &without_bytes.of(second);
            assert_eq!(shown, whole, "cut at {at}");
        }
    }
}
