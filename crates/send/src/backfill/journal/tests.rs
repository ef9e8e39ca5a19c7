//! Kills at any byte, and files that are another one.

use super::*;

const TO: &str = "http://127.0.0.1:7070";

fn entry(endpoint: &str, path: &str, done: u64) -> Entry {
    Entry {
        endpoint: endpoint.to_owned(),
        path: path.to_owned(),
        size: 10,
        modified: 1_700_000_000_000_000_001,
        done,
        whole: None,
    }
}

#[test]
fn wherever_a_kill_cuts_it_the_lines_before_are_there_and_others_follow() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    let journal = Journal::open(&path, TO).unwrap();
    let entries = [
        entry("PC-1", "a", 1),
        entry("PC-2", "电脑\n", 2),
        entry("PC-1", "a", 3),
    ];
    let mut ends = Vec::new();
    for entry in &entries {
        journal.note(entry).unwrap();
        ends.push(std::fs::metadata(&path).unwrap().len() as usize);
    }
    assert!(matches!(
        Journal::open(&path, TO),
        Err(JournalError::InUse(_))
    ));
    drop(journal);
    let bytes = std::fs::read(&path).unwrap();
    for cut in 0..=bytes.len() {
        std::fs::write(&path, &bytes[..cut]).unwrap();
        let journal = Journal::open(&path, TO).unwrap();
        let is_there = |number: usize| cut >= ends[number];
        let first = journal
            .of("PC-1")
            .unwrap()
            .remove("a")
            .map(|entry| entry.done);
        let expected = if is_there(2) {
            Some(3)
        } else {
            is_there(0).then_some(1)
        };
        assert_eq!(first, expected, "{cut}");
        assert_eq!(journal.of("PC-2").unwrap().len(), usize::from(is_there(1)));
        assert!(journal.damaged <= 1);
        journal.note(&entry("PC-3", "c", 9)).unwrap();
        drop(journal);
        let again = Journal::open(&path, TO).unwrap();
        assert_eq!(again.of("PC-3").unwrap()["c"].done, 9, "{cut}");
    }
}

#[test]
fn a_file_that_is_another_one_is_not_taken_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("state");
    drop(Journal::open(&path, TO).unwrap());
    for (to, bytes, says) in [
        ("http://other", None, "is of the intake"),
        (
            TO,
            Some("2024-05-01 08:00:00, Info CBS made up\n"),
            "is no state file",
        ),
    ] {
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let error = Journal::open(&path, to).err().unwrap().to_string();
        assert!(error.contains(says) && error.contains("hint"), "{error}");
    }
    let known = HashMap::from([("a".to_owned(), entry("PC-1", "a", 1))]);
    let mut now = entry("PC-1", "a", 0);
    assert!(still(&known, &now).is_some());
    now.modified += 1;
    assert!(still(&known, &now).is_none());
}
