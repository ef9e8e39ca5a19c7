//! Zeros at the end of a file: space that somebody made beforehand, or something behind it.

use crate::disk;
use std::fs::File;
use std::io;

/// Bytes of one look: some milliseconds.
const LOOK_BYTES: u64 = 16 << 20;

/// A look behind zeros, in steps: space may be gigabytes, and nothing else is looked at meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Zeros {
    from: u64,
    /// Nothing but zeros up to here.
    pub(crate) to: u64,
    /// Of the file, when the look began.
    modified: i64,
}

/// Looks on where the last look ended, and anew where that saw the end and the file was written since. Nothing where there is content.
pub(crate) fn look_behind(
    file: &File,
    from: u64,
    known: Option<Zeros>,
) -> io::Result<Option<Zeros>> {
    let metadata = file.metadata()?;
    let (size, modified) = (metadata.len(), disk::modified(&metadata));
    let begun = Zeros {
        from,
        to: from,
        modified,
    };
    let is_under_way =
        |known: &Zeros| known.from == from && (known.to < size || known.modified == modified);
    let mut zeros = known.filter(is_under_way).unwrap_or(begun);
    let end = zeros.to.saturating_add(LOOK_BYTES);
    while zeros.to < end {
        let bytes = disk::read_at(file, zeros.to, 64 * 1024)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(None);
        }
        if bytes.is_empty() {
            break;
        }
        zeros.to += bytes.len() as u64;
    }
    Ok(Some(zeros))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, SeekFrom, Write};
    use std::time::Duration;

    #[test]
    fn zeros_are_looked_behind_in_steps_and_again_when_the_file_was_written() {
        let mut file = tempfile::tempfile().unwrap();
        let size = 2 * LOOK_BYTES + 10;
        file.set_len(size).unwrap();
        let mut known = None;
        for to in [100 + LOOK_BYTES, size, size] {
            known = look_behind(&file, 100, known).unwrap();
            assert_eq!(known.unwrap().to, to);
        }
        file.seek(SeekFrom::Start(LOOK_BYTES / 2)).unwrap();
        file.write_all(b"text").unwrap();
        let later = std::time::SystemTime::now() + Duration::from_secs(10);
        file.set_modified(later).unwrap();
        assert_eq!(look_behind(&file, 100, known).unwrap(), None);
        assert!(look_behind(&file, LOOK_BYTES, None).unwrap().is_some());
    }
}
