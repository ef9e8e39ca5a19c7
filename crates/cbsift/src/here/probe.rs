//! What a finding names, opened on the machine itself: whether it opens now is evidence that no log holds.

use super::places::Installation;
use serde::Serialize;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Objects looked at for one finding; a cause names no more.
const OBJECTS_MAX: usize = 8;

/// What came of opening an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// It opens, and a folder can be listed.
    Opens,
    Missing,
    AccessDenied,
    /// ERROR_FILE_CORRUPT or ERROR_DISK_CORRUPT: the file system itself is damaged there.
    Corrupt,
    InUse,
    /// Anything else, in the words of the system.
    Failed(String),
}

/// An object and what came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Probe {
    pub(crate) object: String,
    pub(crate) state: State,
}

/// Opens, read-only, each path that the object of a finding names; what is no path of this installation is left out.
pub(crate) fn probe(installation: &Installation, object: &str) -> Vec<Probe> {
    let objects = object.split(classify::BETWEEN_OBJECTS).map(str::trim);
    let located = objects.filter_map(|object| Some((object, installation.locate(object)?)));
    located
        .take(OBJECTS_MAX)
        .map(|(object, path)| Probe {
            object: object.to_owned(),
            state: state(&path),
        })
        .collect()
}

/// First its attributes, then what is in it: a damaged folder often shows the one and not the other.
fn state(path: &Path) -> State {
    let opened = fs::metadata(path).and_then(|metadata| {
        if metadata.is_dir() {
            fs::read_dir(path)?.try_for_each(|entry| entry.map(drop))
        } else if metadata.is_file() {
            File::open(path).map(drop)
        } else {
            Ok(())
        }
    });
    opened.map_or_else(|error| of_error(&error), |()| State::Opens)
}

fn of_error(error: &io::Error) -> State {
    if cfg!(windows) {
        match error.raw_os_error() {
            Some(1392 | 1393) => return State::Corrupt,
            Some(32 | 33) => return State::InUse,
            _ => {}
        }
    }
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => State::Missing,
        io::ErrorKind::PermissionDenied => State::AccessDenied,
        io::ErrorKind::ResourceBusy => State::InUse,
        _ => State::Failed(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_of_an_object_is_opened_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("Windows/WinSxS")).unwrap();
        fs::write(folder.path().join("Windows/WinSxS/a.cat"), "x").unwrap();
        let here = Installation::at(folder.path()).unwrap();
        let object = [
            r"C:\Windows\WinSxS\a.cat",
            "KB5000001",
            r"\SystemRoot\WinSxS",
            r"C:\gone",
        ]
        .join(classify::BETWEEN_OBJECTS);
        let states: Vec<State> = probe(&here, &object)
            .into_iter()
            .map(|probe| probe.state)
            .collect();
        assert_eq!(states, [State::Opens, State::Opens, State::Missing]);
    }

    #[test]
    fn errors_of_the_system_are_told_apart() {
        let of = |kind: io::ErrorKind| of_error(&io::Error::from(kind));
        assert_eq!(of(io::ErrorKind::PermissionDenied), State::AccessDenied);
        assert_eq!(of(io::ErrorKind::ResourceBusy), State::InUse);
        assert!(matches!(of(io::ErrorKind::InvalidData), State::Failed(_)));
    }
}
