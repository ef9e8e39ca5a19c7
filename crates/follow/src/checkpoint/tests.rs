//! A checkpoint torn at any byte is the one before it.

use super::*;
use crate::log::Container;
use crate::print::{FileKey, Print};
use event::{Format, Source, TextEncoding};

pub(crate) fn log(id: u32, offset: u64) -> Log {
    let mut print = Print::default();
    print.note_head(b"2024-05-01 08:00:00, Info");
    print.note_tail(offset, b"made up");
    Log {
        id,
        path: format!("C:\\Windows\\Logs\\CBS\\文件-{id}.log").into(),
        key: Some(FileKey {
            volume: 7,
            index: u64::MAX - u64::from(id),
        }),
        container: Container::Plain,
        source: Source::Cbs,
        encoding: TextEncoding::Utf8,
        format: Format::Wds,
        first_record: Some(u64::MAX),
        forked: false,
        offset,
        print,
        size: offset,
        seen: None,
        done: false,
        gap: None,
        gaps_before: 0,
        earlier: Vec::new(),
        zeros: None,
        now: Default::default(),
    }
}

fn offsets(loaded: &Loaded) -> Vec<u64> {
    loaded.logs.iter().map(|log| log.offset).collect()
}

#[test]
fn a_file_torn_at_any_byte_is_the_generation_before() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join("place");
    let mut points = Points::default();
    let mut writer = Checkpoints::new(&base);
    for offset in [10, 20, 30] {
        let logs = [log(1, offset), log(2, offset + 1)];
        writer.save(logs.iter(), 3, &mut points).unwrap();
    }
    // Generation 3 is in slot 1, generation 2 in slot 0.
    let newest = folder.path().join("place.1");
    let whole = fs::read(&newest).unwrap();
    let loaded = Checkpoints::new(&base).load();
    assert_eq!((offsets(&loaded), loaded.next_id), (vec![30, 31], 3));
    assert_eq!(loaded.trouble, None);
    assert_eq!(loaded.logs[0].key, log(1, 0).key);
    assert_eq!(loaded.logs[0].print, log(1, 30).print);
    for length in 0..whole.len() {
        fs::write(&newest, &whole[..length]).unwrap();
        let mut checkpoints = Checkpoints::new(&base);
        let loaded = checkpoints.load();
        assert_eq!(offsets(&loaded), [20, 21], "torn at {length}");
        assert!(loaded.trouble.is_some());
        // The next one goes over the torn file, never over the whole one.
        if length % 50 == 0 {
            checkpoints
                .save([log(1, 40)].iter(), 3, &mut points)
                .unwrap();
            assert_eq!(offsets(&Checkpoints::new(&base).load()), [40]);
            fs::write(folder.path().join("place.0"), {
                let logs = [log(1, 20), log(2, 21)];
                write(2, logs.iter(), 3)
            })
            .unwrap();
        }
    }
    for at in 0..whole.len() {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x20;
        fs::write(&newest, &flipped).unwrap();
        let found = offsets(&Checkpoints::new(&base).load());
        assert_eq!(found, [20, 21], "byte {at} is another");
    }
}

#[test]
fn what_a_newer_build_wrote_is_not_guessed_at() {
    let folder = tempfile::tempdir().unwrap();
    let line = r#"{"version":2,"generation":1,"logs":0,"next_id":0}"#;
    let text = format!("{:08x} {line}\n", crc32fast::hash(line.as_bytes()));
    fs::write(folder.path().join("place.1"), text).unwrap();
    let loaded = Checkpoints::new(folder.path().join("place")).load();
    assert!(loaded.logs.is_empty());
    assert!(loaded.trouble.unwrap().contains("version 2"));
}
