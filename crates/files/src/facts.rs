//! Files that tell facts about a machine.

use crate::archive::Member;
use crate::find::{FileError, LogReader, READ_BYTES, reader};
use event::TextEncoding;
use parse::facts::{FactsForm, FactsReader, Told};
use std::io::{self, Read};
use std::path::PathBuf;

/// A file of facts and how to read it; it may stand in an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactsFile {
    /// How a person names it, as of a log.
    pub path: PathBuf,
    /// Where it is, links resolved: what is opened.
    pub real: PathBuf,
    /// Where it stands in `real`, if that is an archive.
    pub member: Option<Member>,
    /// Its size when it was looked at, unpacked.
    pub bytes: u64,
    /// What it is encoded in.
    pub encoding: TextEncoding,
    /// What it is.
    pub form: FactsForm,
}

impl FactsFile {
    /// Its bytes, unpacked, up to the size it has now.
    pub fn reader(&self) -> Result<LogReader, FileError> {
        reader(&self.path, &self.real, self.member.as_ref(), self.bytes)
    }

    /// Reads it to its end in bounded memory, whatever its size. `objects` = what a trace of Process Monitor is searched for; `progress` hears of
    /// bytes read.
    ///
    /// What was read before an error is told beside it.
    pub fn read(
        &self,
        objects: &[String],
        progress: impl Fn(u64),
    ) -> (Told, Result<(), FileError>) {
        let mut facts = FactsReader::new(self.form, self.encoding, objects);
        let result = self.open().and_then(|mut reader| {
            let mut buffer = vec![0; READ_BYTES];
            loop {
                match reader.read(&mut buffer) {
                    Ok(0) => return Ok(()),
                    Ok(count) => {
                        facts.push(buffer.get(..count).unwrap_or_default());
                        progress(count as u64);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(source) => {
                        return Err(FileError {
                            path: self.path.clone(),
                            doing: "read",
                            source,
                        });
                    }
                }
            }
        });
        (facts.finish(), result)
    }

    fn open(&self) -> Result<LogReader, FileError> {
        reader(&self.path, &self.real, self.member.as_ref(), self.bytes)
    }
}
