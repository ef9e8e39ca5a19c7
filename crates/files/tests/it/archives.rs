//! Logs inside zip archives and cabinets: the same bytes as outside, whatever the archive tries.

use crate::logs::{digest_of, log};
use crate::lzx;
use cab::{CabinetBuilder, CompressionType};
use event::upload::FileDigest;
use files::{FileChunks, FileError, Found, LogFile, find};
use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

const NAME: &str = "Windows/Logs/CBS/CbsPersist_20240501080000.log";

fn zip_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer
            .start_file(*name, SimpleFileOptions::default())
            .unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// One folder with all members, as makecab makes it.
fn cab_of(compression: CompressionType, members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = CabinetBuilder::new();
    let folder = builder.add_folder(compression);
    for (name, _) in members {
        folder.add_file(*name);
    }
    let mut writer = builder.build(Cursor::new(Vec::new())).unwrap();
    let mut members = members.iter();
    while let Some(mut file) = writer.next_file().unwrap() {
        file.write_all(members.next().unwrap().1).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn scanned(name: &str, bytes: &[u8]) -> (tempfile::TempDir, Found) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let found = find(&[path]);
    (folder, found)
}

/// Paths below the folder, with the reason.
fn skipped(folder: &Path, found: &Found) -> Vec<(String, &'static str)> {
    let relative = |path: &Path| {
        let path = path.strip_prefix(folder).unwrap();
        path.to_str().unwrap().to_owned()
    };
    found
        .skipped
        .iter()
        .map(|file| (relative(&file.path), file.reason))
        .collect()
}

/// Everything that can be read of a log, and the error that ended it.
fn text(log: &LogFile) -> (String, Option<FileError>) {
    let (mut text, mut error) = (String::new(), None);
    for cut in FileChunks::open(log, 64 << 10).unwrap() {
        match cut {
            Ok(cut) => text += &cut.piece.text,
            Err(source) => error = Some(source),
        }
    }
    (text, error)
}

/// Offsets, lengths, first record and digest: all that makes identity.
fn identity(log: &LogFile) -> (Vec<(u64, u64)>, Option<u64>, Option<FileDigest>) {
    let mut chunks = FileChunks::open(log, 64 << 10).unwrap().with_digest();
    let places = chunks
        .by_ref()
        .map(|cut| cut.unwrap().piece)
        .map(|piece| (piece.offset, piece.length))
        .collect();
    (places, chunks.first_record(), chunks.digest())
}

#[test]
fn a_log_is_the_same_stream_outside_and_inside_an_archive() {
    // More than two reads, and many blocks of a cabinet.
    let (text_before, text_after) = (log(200), log(300));
    let whole = log(25_000);
    let members: [(&str, &[u8]); 4] = [
        ("notes.txt", b"made-up notes\n"),
        ("before/dism.log", text_before.as_bytes()),
        (NAME, whole.as_bytes()),
        ("after\\CBS.log", text_after.as_bytes()),
    ];
    let (_folder, plain) = scanned("CbsPersist_20240501080000.log", whole.as_bytes());
    let expected = identity(&plain.logs[0]);
    for (name, archive) in [
        ("made-up.zip", zip_of(&members)),
        ("stored.cab", cab_of(CompressionType::None, &members)),
        (
            "CbsPersist_20240501080000.cab",
            cab_of(CompressionType::MsZip, &members),
        ),
        ("lzx.cab", lzx::cabinet(&members)),
        // The kind is told by the bytes.
        ("bundle.bin", zip_of(&members)),
    ] {
        let (folder, found) = scanned(name, &archive);
        assert!(found.failed.is_empty(), "{name}: {:?}", found.failed);
        let paths: Vec<PathBuf> = found.logs.iter().map(|log| log.path.clone()).collect();
        let inside = |member: &str| folder.path().join(format!("{name}!{member}"));
        assert_eq!(
            paths,
            [
                inside(NAME),
                inside("after/CBS.log"),
                inside("before/dism.log")
            ],
            "{name}"
        );
        assert_eq!(skipped(folder.path(), &found).len(), 1, "{name}");
        let log = &found.logs[0];
        assert_eq!(log.bytes, whole.len() as u64, "{name}");
        assert_eq!(identity(log), expected, "{name}");
        assert_eq!(
            log.digest().unwrap(),
            (digest_of(whole.as_bytes()), whole.len() as u64)
        );
        assert_eq!(text(&found.logs[1]).0, text_after, "{name}");
        assert_eq!(text(&found.logs[2]).0, text_before, "{name}");
    }
}

/// Was judged by `bundle.zip!CBS.log`, which is none of Windows' own names, and taken for a log of DISM, whose lines stand in CBS.log too.
#[test]
fn a_member_beside_no_folder_is_judged_by_its_own_name() {
    let lines = "2024-05-01 08:00:00, Info                  DISM   made up\r\n".repeat(5);
    for name in ["CBS.log", "CbsPersist_20240501080000.log", "a!b/cbs.log"] {
        let members: [(&str, &[u8]); 1] = [(name, lines.as_bytes())];
        for archive in [
            zip_of(&members),
            cab_of(CompressionType::MsZip, &members),
            lzx::cabinet(&members),
        ] {
            let (_folder, found) = scanned("bundle.bin", &archive);
            assert_eq!(found.logs[0].source, event::Source::Cbs, "{name}");
        }
    }
}

#[test]
fn a_signed_cabinet_with_reserved_bytes_is_read() {
    let whole = log(3_000);
    let plain = cab_of(CompressionType::MsZip, &[("CBS.log", whole.as_bytes())]);
    // As Microsoft signs: 20 bytes of the header, 4 of the folder, 3 of each block are the signer's, and the signature stands behind.
    let signed = lzx::with_reserve(&plain, 20, 4, 3);
    let (_folder, found) = scanned("signed.cab", &signed);
    assert_eq!(found.logs.len(), 1, "{found:?}");
    let (read, error) = text(&found.logs[0]);
    assert!(error.is_none() && read == whole, "{error:?}");
}

#[test]
fn an_archive_inside_an_archive_is_told_and_not_opened() {
    let text = log(10);
    let members: [(&str, &[u8]); 1] = [("CBS.log", text.as_bytes())];
    let (zip, cab) = (zip_of(&members), cab_of(CompressionType::MsZip, &members));
    let nested: [(&str, &[u8]); 3] = [
        ("a.zip", &zip),
        ("b.cab", &cab),
        ("CBS.log", text.as_bytes()),
    ];
    for (name, archive) in [
        ("x.zip", zip_of(&nested)),
        ("x.cab", cab_of(CompressionType::MsZip, &nested)),
    ] {
        let (folder, found) = scanned(name, &archive);
        assert_eq!(found.logs.len(), 1);
        let skipped = skipped(folder.path(), &found);
        assert_eq!(skipped[0].0, format!("{name}!a.zip"));
        assert_eq!(skipped[1].0, format!("{name}!b.cab"));
        assert!(
            skipped
                .iter()
                .all(|(_, reason)| reason.contains("one level"))
        );
    }
}

#[test]
fn bombs_are_told_by_their_directory_and_the_rest_is_read() {
    let text = log(10);
    // 8 MiB of one line deflate about 1,000 times.
    let bomb = "2024-05-01 08:00:00, Info                  CBS    made-up bomb\r\n".repeat(1 << 17);
    let members: [(&str, &[u8]); 2] = [("bomb.log", bomb.as_bytes()), ("CBS.log", text.as_bytes())];
    let (folder, found) = scanned("x.zip", &zip_of(&members));
    assert_eq!(found.logs.len(), 1);
    assert!(found.logs[0].path.ends_with("x.zip!CBS.log"));
    assert!(skipped(folder.path(), &found)[0].1.contains("100 times"));

    // A folder is one stream, so all of it is left alone.
    let (folder, found) = scanned("x.cab", &cab_of(CompressionType::MsZip, &members));
    assert!(found.logs.is_empty());
    let skipped = skipped(folder.path(), &found);
    assert_eq!(skipped.len(), 2);
    assert!(skipped[0].1.contains("100 times"));
}

#[test]
fn a_member_longer_than_its_directory_says_ends_with_an_error() {
    let text = log(100);
    let mut archive = zip_of(&[("CBS.log", text.as_bytes())]);
    let size = u32::try_from(text.len()).unwrap().to_le_bytes();
    let lie = u32::try_from(text.len() / 2).unwrap().to_le_bytes();
    let mut lies = 0;
    for at in 0..archive.len() - 4 {
        if archive[at..at + 4] == size {
            archive[at..at + 4].copy_from_slice(&lie);
            lies += 1;
        }
    }
    assert!(lies >= 2);
    let (_folder, found) = scanned("x.zip", &archive);
    let log = &found.logs[0];
    let (read, error) = self::text(log);
    assert_eq!(read.len(), text.len() / 2);
    let error = error.unwrap().to_string();
    assert!(
        error.contains("longer") && error.contains("x.zip!CBS.log"),
        "{error}"
    );
    assert!(log.digest().is_err());
}

#[test]
fn the_number_of_members_is_bounded() {
    let text = log(1);
    let names: Vec<String> = (0..10_050)
        .map(|number| format!("{number:05}.log"))
        .collect();
    let members: Vec<(&str, &[u8])> = names
        .iter()
        .map(|name| (name.as_str(), text.as_bytes()))
        .collect();
    for (name, archive) in [
        ("x.zip", zip_of(&members)),
        ("x.cab", cab_of(CompressionType::None, &members)),
    ] {
        let (folder, found) = scanned(name, &archive);
        assert_eq!(found.logs.len(), 10_000, "{name}");
        let skipped = skipped(folder.path(), &found);
        assert_eq!(skipped.len(), 1, "{name}");
        assert_eq!(skipped[0].0, name);
        assert!(skipped[0].1.contains("10000"), "{skipped:?}");
    }
}

#[test]
fn names_are_text_and_nothing_is_written() {
    let text = log(3);
    let names = [
        "../../../../tmp/made-up-escape/CBS.log",
        "/etc/made-up/CBS.log",
        "C:\\Windows\\Logs\\CBS\\CBS.log",
        "CBS.log:stream",
        "evil\u{202e}gol.\r\n\u{1b}[31mSBC.log",
    ];
    let members: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, text.as_bytes())).collect();
    for (name, archive) in [
        ("x.zip", zip_of(&members)),
        ("x.cab", cab_of(CompressionType::MsZip, &members)),
    ] {
        let (folder, found) = scanned(name, &archive);
        let mut shown: Vec<String> = found
            .logs
            .iter()
            .map(|log| {
                assert_eq!(self::text(log).0, text);
                log.path
                    .to_str()
                    .unwrap()
                    .rsplit_once('!')
                    .unwrap()
                    .1
                    .to_owned()
            })
            .collect();
        shown.sort();
        assert_eq!(
            shown,
            [
                "../../../../tmp/made-up-escape/CBS.log",
                "/etc/made-up/CBS.log",
                "C:/Windows/Logs/CBS/CBS.log",
                "CBS.log:stream",
                "evilgol.[31mSBC.log",
            ],
            "{name}"
        );
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "nothing but the archive");
        assert!(!Path::new("/tmp/made-up-escape").exists());
    }
}

#[test]
fn links_encrypted_and_foreign_members_are_told_and_the_rest_is_read() {
    let text = log(10);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    writer.add_directory("folder/", options).unwrap();
    writer
        .add_symlink("link.log", "/etc/passwd", options)
        .unwrap();
    writer.start_file("locked.log", options).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer
        .start_file(
            "packed.log",
            options.compression_method(CompressionMethod::Deflated),
        )
        .unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    writer.start_file("CBS.log", options).unwrap();
    writer.write_all(text.as_bytes()).unwrap();
    let mut archive = writer.finish().unwrap().into_inner();
    // The flag for encryption, and a method nobody has, in local and central headers.
    for (name, at_local, at_central, value) in [
        (&b"locked.log"[..], 6, 8, 1),
        (&b"packed.log"[..], 8, 10, 97),
    ] {
        let places: Vec<usize> = (0..archive.len() - name.len())
            .filter(|at| archive[*at..].starts_with(name))
            .collect();
        assert_eq!(places.len(), 2);
        archive[places[0] - 30 + at_local] = value;
        archive[places[1] - 46 + at_central] = value;
    }
    let (folder, found) = scanned("x.zip", &archive);
    assert!(found.failed.is_empty(), "{:?}", found.failed);
    assert_eq!(found.logs.len(), 1);
    assert_eq!(self::text(&found.logs[0]).0, text);
    let skipped = skipped(folder.path(), &found);
    for ((name, reason), (expected, word)) in skipped.iter().zip([
        ("x.zip!link.log", "link"),
        ("x.zip!locked.log", "encrypted"),
        ("x.zip!packed.log", "method"),
    ]) {
        assert_eq!(name, expected);
        assert!(reason.contains(word), "{name}: {reason}");
    }
    assert_eq!(skipped.len(), 3);
}

#[test]
fn members_of_one_name_are_told_in_a_zip_and_read_in_a_cabinet() {
    let (one, other) = (log(10), log(20));
    let members: [(&str, &[u8]); 2] = [("CBS.log", one.as_bytes()), ("DBS.log", other.as_bytes())];
    let mut archive = zip_of(&members);
    let name = b"DBS.log";
    for at in 0..archive.len() - name.len() {
        if archive[at..].starts_with(name) {
            archive[at] = b'C';
        }
    }
    let (folder, found) = scanned("x.zip", &archive);
    assert_eq!(found.logs.len(), 1);
    assert!(skipped(folder.path(), &found)[0].1.contains("same name"));

    let members: [(&str, &[u8]); 2] = [("CBS.log", one.as_bytes()), ("CBS.log", other.as_bytes())];
    let (_folder, found) = scanned("x.cab", &cab_of(CompressionType::MsZip, &members));
    let texts: Vec<String> = found.logs.iter().map(|log| text(log).0).collect();
    assert_eq!(texts, [one, other]);
}

#[test]
fn of_a_cabinet_that_is_cut_off_what_is_there_is_read() {
    let (one, other) = (log(2_000), log(20_000));
    let members: [(&str, &[u8]); 3] = [
        ("a/CBS.log", one.as_bytes()),
        ("b/CBS.log", other.as_bytes()),
        ("c/CBS.log", one.as_bytes()),
    ];
    let whole = cab_of(CompressionType::MsZip, &members);
    let (folder, found) = scanned("x.cab", &whole[..whole.len() / 2]);
    assert_eq!(found.logs.len(), 2, "{found:?}");
    assert_eq!(text(&found.logs[0]).0, one);
    let (read, error) = text(&found.logs[1]);
    assert!(read.len() > 100_000 && other.starts_with(&read));
    assert!(error.unwrap().to_string().contains("b/CBS.log"));
    assert_eq!(found.failed.len(), 1);
    let failed = found.failed[0].to_string();
    let path = folder.path().join("x.cab!c/CBS.log");
    assert!(
        failed.contains(path.to_str().unwrap()) && failed.contains("ends"),
        "{failed}"
    );
}

#[test]
fn a_zip_that_is_cut_off_is_an_error_with_a_hint() {
    let text = log(2_000);
    let whole = zip_of(&[("CBS.log", text.as_bytes())]);
    let (_folder, found) = scanned("x.zip", &whole[..whole.len() / 2]);
    assert!(found.logs.is_empty() && found.skipped.is_empty());
    let error = found.failed[0].to_string();
    assert!(
        error.contains("x.zip") && error.contains("hint: "),
        "{error}"
    );
}

#[test]
fn damage_is_told_for_the_member_it_is_in() {
    let (one, other) = (log(5_000), log(6_000));
    let members: [(&str, &[u8]); 2] = [("a.log", one.as_bytes()), ("b.log", other.as_bytes())];
    let mut archive = zip_of(&members);
    // Late in the first member's data, far behind what is looked at to tell what it is.
    let at = archive.len() * 2 / 5;
    archive[at] ^= 0x55;
    let (_folder, found) = scanned("x.zip", &archive);
    assert_eq!(found.logs.len(), 2);
    let error = text(&found.logs[0]).1.unwrap().to_string();
    assert!(
        error.starts_with("cannot read `") && error.contains("!a.log"),
        "{error}"
    );
    let (read, error) = text(&found.logs[1]);
    assert!(error.is_none() && read == other);
}

#[test]
fn no_damage_panics_or_reads_without_end() {
    let text = log(60);
    let members: [(&str, &[u8]); 2] = [("CBS.log", text.as_bytes()), ("dism.log", text.as_bytes())];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("x");
    for archive in [
        zip_of(&members),
        cab_of(CompressionType::None, &members),
        cab_of(CompressionType::MsZip, &members),
        lzx::with_checksums(&lzx::cabinet(&members), 0),
    ] {
        let steps = archive.len() / 100 + 1;
        // Every byte of the directories, and some of the data.
        let places = (0..archive.len())
            .filter(|at| *at < 120 || *at + 170 > archive.len() || at % steps == 0);
        for at in places {
            for value in [0xFF, archive[at] ^ 0x01] {
                let mut damaged = archive.clone();
                damaged[at] = value;
                fs::write(&path, &damaged).unwrap();
                let found = find(std::slice::from_ref(&path));
                for log in &found.logs {
                    let mut read = 0;
                    for cut in FileChunks::open(log, 64 << 10).unwrap().flatten() {
                        read += cut.piece.length;
                    }
                    assert!(read <= log.bytes);
                    assert!(read <= text.len() as u64 * 4, "byte {at} made it grow");
                }
            }
        }
    }
}

#[test]
fn an_empty_archive_is_told() {
    for (name, archive) in [("x.zip", zip_of(&[])), ("x.cab", lzx::cabinet(&[]))] {
        let (folder, found) = scanned(name, &archive);
        let expected = vec![(name.to_owned(), "empty archive")];
        assert_eq!(skipped(folder.path(), &found), expected);
    }
}

#[test]
fn what_is_read_of_a_log_stands_before_the_error_that_ended_it() {
    struct Broken<'a>(&'a [u8]);
    impl Read for Broken<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            match self.0.read(buffer)? {
                0 => Err(std::io::Error::other("made up")),
                read => Ok(read),
            }
        }
    }
    let text = log(10);
    let mut chunks = FileChunks::from_reader(
        Broken(text.as_bytes()),
        u64::MAX,
        PathBuf::from("CBS.log"),
        event::TextEncoding::Utf8,
        event::Format::Wds,
        64 << 10,
    );
    assert_eq!(chunks.next().unwrap().unwrap().piece.text, text);
    assert!(chunks.next().unwrap().is_err());
    assert!(chunks.next().is_none());
}
