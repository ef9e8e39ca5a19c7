//! What is found under paths, and how files are streamed.

use crate::logs::{TEXTS, digest_of, encode, log};
use event::{Source, TextEncoding};
use files::{FileChunks, FileError, LogFile, find};
use std::fs;
use std::path::{Path, PathBuf};

fn names(paths: impl IntoIterator<Item = PathBuf>) -> Vec<String> {
    paths
        .into_iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect()
}

fn found(path: &Path) -> (Vec<String>, Vec<(String, &'static str)>) {
    let found = find(&[path.to_owned()]);
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    let skipped = found
        .skipped
        .into_iter()
        .map(|file| (names([file.path]).remove(0), file.reason))
        .collect();
    (names(found.logs.into_iter().map(|log| log.path)), skipped)
}

#[test]
fn folders_are_walked_in_order_and_what_is_no_log_is_told() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir_all(folder.path().join("b/deep")).unwrap();
    fs::write(folder.path().join("b/deep/CBS.log"), log(3)).unwrap();
    fs::write(folder.path().join("a.log"), log(3)).unwrap();
    fs::write(folder.path().join("notes.txt"), "made-up notes\n").unwrap();
    fs::write(folder.path().join("empty.log"), "").unwrap();
    let (logs, skipped) = found(folder.path());
    assert_eq!(logs, ["a.log", "CBS.log"]);
    assert_eq!(skipped.len(), 2);
    assert_eq!(skipped[0], ("empty.log".to_owned(), "empty file"));
    assert!(!skipped[1].1.is_empty());

    // Reached twice, counted once; a file may be named itself.
    let twice = find(&[
        folder.path().to_owned(),
        folder.path().join("a.log"),
        folder.path().join("b/../a.log"),
    ]);
    assert_eq!(
        names(twice.logs.into_iter().map(|log| log.path)),
        ["a.log", "CBS.log"]
    );
}

#[cfg(unix)]
#[test]
fn links_loops_fifos_and_sockets_are_passed_over() {
    let (folder, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (path, secret) = (folder.path(), elsewhere.path().join("CBS.log"));
    fs::write(&secret, log(3)).unwrap();
    fs::write(path.join("CBS.log"), log(3)).unwrap();
    fs::create_dir(path.join("sub")).unwrap();
    std::os::unix::fs::symlink(path, path.join("sub/loop")).unwrap();
    std::os::unix::fs::symlink(&secret, path.join("outside.log")).unwrap();
    std::os::unix::fs::symlink("nowhere", path.join("dangling.log")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.join("socket.log")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(path.join("fifo.log"))
            .status()
            .unwrap()
            .success()
    );

    let (logs, skipped) = found(path);
    assert_eq!(logs, ["CBS.log"]);
    let names: Vec<&str> = skipped.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "dangling.log",
            "fifo.log",
            "outside.log",
            "socket.log",
            "loop"
        ]
    );
    assert!(
        skipped[1].1.contains("regular file") && skipped[2].1.contains("link"),
        "{skipped:?}"
    );

    // A link that a person names is followed, a FIFO is not waited for even then.
    assert_eq!(found(&path.join("outside.log")).0, ["outside.log"]);
    assert_eq!(found(&path.join("fifo.log")).1.len(), 1);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("CBS.log"), log(3)).unwrap();
    let missing = folder.path().join("missing.log");
    let mut paths = vec![missing.clone(), folder.path().to_owned()];
    // A regular file whose every read fails, for root too.
    let unreadable = PathBuf::from("/proc/self/mem");
    if cfg!(target_os = "linux") {
        paths.push(unreadable.clone());
    }
    let found = find(&paths);
    assert_eq!(
        names(found.logs.into_iter().map(|log| log.path)),
        ["CBS.log"]
    );
    let errors: Vec<String> = found.failed.iter().map(FileError::to_string).collect();
    assert!(
        errors
            .iter()
            .any(|error| error.starts_with(&format!("cannot open `{}`: ", missing.display()))),
        "{errors:?}"
    );
    if cfg!(target_os = "linux") {
        assert!(
            errors
                .iter()
                .any(|error| error.starts_with("cannot read `/proc/self/mem`: ")),
            "{errors:?}"
        );
    }
}

#[test]
fn a_file_that_is_gone_or_replaced_when_it_is_opened_is_an_error_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CBS.log");
    fs::write(&path, log(3)).unwrap();
    let log = find(std::slice::from_ref(&path)).logs.remove(0);
    fs::remove_file(&path).unwrap();
    let error = FileChunks::open(&log, 4096).err().unwrap();
    assert!(error.to_string().contains("CBS.log"), "{error}");
    fs::create_dir(&path).unwrap();
    assert!(FileChunks::open(&log, 4096).is_err());
    #[cfg(unix)]
    {
        let elsewhere = folder.path().join("secret");
        fs::write(&elsewhere, "made up").unwrap();
        fs::remove_dir(&path).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert!(FileChunks::open(&log, 4096).is_err());
    }
}

#[test]
fn folders_nested_beyond_the_bound_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let deep = folder.path().join(["d"; 40].join("/"));
    fs::create_dir_all(&deep).unwrap();
    fs::write(deep.join("CBS.log"), log(3)).unwrap();
    let (logs, skipped) = found(folder.path());
    assert!(logs.is_empty());
    assert!(skipped[0].1.contains("deep"), "{skipped:?}");
}

#[test]
fn a_file_is_streamed_into_pieces_that_tile_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CBS.log");
    // More than two reads.
    let text = log(20_000);
    for encoding in TEXTS {
        let bytes = encode(encoding, &text);
        assert!(bytes.len() > 2 << 20 || encoding == TextEncoding::Gb18030);
        fs::write(&path, &bytes).unwrap();
        let log = find(std::slice::from_ref(&path)).logs.remove(0);
        let expected = LogFile {
            path: path.clone(),
            real: fs::canonicalize(&path).unwrap(),
            member: None,
            bytes: bytes.len() as u64,
            source: Source::Cbs,
            encoding,
            format: log.format,
        };
        assert_eq!(log, expected);
        for target in [4 << 10, 64 << 10, 256 << 10] {
            let mut chunks = FileChunks::open(&log, target)
                .unwrap()
                .with_raw()
                .with_digest();
            let (mut raw, mut decoded, mut open) = (Vec::new(), String::new(), Vec::new());
            for cut in chunks.by_ref() {
                let cut = cut.unwrap();
                assert_eq!(
                    (cut.piece.offset, cut.piece.length),
                    (raw.len() as u64, cut.raw.len() as u64)
                );
                raw.extend(cut.raw);
                decoded += &cut.piece.text;
                open.push(cut.piece.open);
            }
            assert!(raw == bytes && decoded == text, "{encoding:?} {target}");
            assert_eq!(open.iter().filter(|open| **open).count(), 1);
            assert_eq!(open.last(), Some(&true));
            assert_eq!(chunks.digest(), Some(digest_of(&bytes)));
            assert_eq!(chunks.first_record(), Some(parse::first_record_hash(&text)));
        }
    }
}

#[test]
fn a_log_that_grows_is_read_to_the_size_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("CBS.log");
    fs::write(&path, log(10)).unwrap();
    let before = fs::metadata(&path).unwrap().len();
    let log_file = find(std::slice::from_ref(&path)).logs.remove(0);
    let chunks = FileChunks::open(&log_file, 4096).unwrap();
    fs::write(&path, log(20)).unwrap();
    let read: u64 = chunks.map(|cut| cut.unwrap().piece.length).sum();
    assert_eq!(read, before);
}
