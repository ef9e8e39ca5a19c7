//! One case after the other, each of which a writer of chance meets rarely.

use crate::evtx;
use crate::intake::Intake;
use crate::world::World;
use follow::{Body, Container, Gap, GapReason, Place, PlaceOptions, Points};
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

const LINE: &str = "2024-05-01 08:00:00, Info                  CBS    made up\r\n";

/// A follower of a folder, and what it sent.
struct Following {
    place: Place,
    intake: Intake,
    now: Duration,
}

impl Following {
    fn of(folder: &Path, state: &Path) -> Self {
        let options = PlaceOptions::new(vec![folder.to_owned()], state.join("place"));
        Self {
            place: Place::open(options, Points::default()).0,
            intake: Intake::default(),
            now: Duration::ZERO,
        }
    }

    /// Looks, and sends all that is due, until nothing is for `seconds`.
    fn settle(&mut self, seconds: u64) -> Vec<Body> {
        let mut bodies = Vec::new();
        let end = self.now + Duration::from_secs(seconds);
        while self.now < end {
            self.now += Duration::from_millis(500);
            self.place.poll(self.now).unwrap();
            while let Some(body) = self.place.next(self.now).unwrap() {
                self.place.acknowledge(&body);
                bodies.push(body);
            }
            self.place.save().unwrap();
        }
        bodies
    }

    fn streams(&mut self, seconds: u64) -> Vec<String> {
        for body in self.settle(seconds) {
            self.intake.put(&body);
        }
        let texts = self.intake.streams.values();
        texts
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            .collect()
    }

    /// Follows another folder too.
    fn add(&mut self, folder: &Path) {
        self.place.add_paths(vec![folder.to_owned()]);
    }

    fn gaps(&self) -> Vec<Gap> {
        self.place.logs().iter().filter_map(|log| log.gap).collect()
    }
}

fn folders() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let (logs, state) = (folder.path().join("CBS"), folder.path().join("state"));
    fs::create_dir(&logs).unwrap();
    fs::create_dir(&state).unwrap();
    (folder, logs, state)
}

fn append(path: &Path, bytes: &[u8]) {
    use std::io::Write;
    let mut file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .unwrap();
    file.write_all(bytes).unwrap();
}

#[test]
fn the_last_record_goes_out_open_and_again_when_it_went_on() {
    let (_folder, logs, state) = folders();
    let log = logs.join("CBS.log");
    append(&log, format!("{LINE}{LINE}half a li").as_bytes());
    let mut following = Following::of(&logs, &state);
    let bodies = following.settle(5);
    assert_eq!(bodies.len(), 1);
    let (length, line) = (2 * LINE.len() as u64, LINE.len() as u64);
    assert!(bodies[0].open && bodies[0].end() == length);
    append(&log, format!("ne\r\n{LINE}").as_bytes());
    let bodies = following.settle(5);
    assert_eq!((bodies.len(), bodies[0].offset), (1, line));
    // A line that nobody ends goes out as it is, at last.
    append(
        &log,
        b"2024-05-01 08:00:01, Info                  CBS    half",
    );
    assert!(following.settle(30).is_empty());
    let bodies = following.settle(60);
    assert!(bodies.len() == 1 && bodies[0].bytes.ends_with(b"half"));
}

#[test]
fn zeros_at_the_end_wait_for_what_replaces_them() {
    use std::io::{Seek, SeekFrom, Write};
    let (_folder, logs, state) = folders();
    let path = logs.join("CBS.log");
    append(&path, LINE.as_bytes());
    let mut log = File::options().write(true).open(&path).unwrap();
    log.set_len(300_000).unwrap();
    let mut following = Following::of(&logs, &state);
    assert_eq!(following.streams(5), [LINE]);
    log.seek(SeekFrom::Start(LINE.len() as u64)).unwrap();
    log.write_all(LINE.repeat(3).as_bytes()).unwrap();
    assert_eq!(following.streams(5), [LINE.repeat(4)]);
    // Whoever made the space gives it back.
    log.set_len(4 * LINE.len() as u64).unwrap();
    append(&path, LINE.as_bytes());
    assert_eq!(following.streams(90), [LINE.repeat(5)]);
    assert_eq!(following.gaps(), []);
}

#[test]
fn little_space_waits_however_long_it_takes_to_fill() {
    use std::io::{Seek, SeekFrom, Write};
    let (_folder, logs, state) = folders();
    let path = logs.join("CBS.log");
    append(&path, LINE.as_bytes());
    let mut log = File::options().write(true).open(&path).unwrap();
    log.set_len(2_000).unwrap();
    let mut following = Following::of(&logs, &state);
    assert_eq!(following.streams(120), [LINE]);
    assert_eq!(following.place.logs()[0].lag(), 0);
    log.seek(SeekFrom::Start(LINE.len() as u64)).unwrap();
    log.write_all(LINE.as_bytes()).unwrap();
    let bodies = following.settle(120);
    let sent: usize = bodies.iter().map(|body| body.bytes.len()).sum();
    assert_eq!(
        sent,
        2 * LINE.len(),
        "the open record, and the one behind it"
    );
    // Its file is gone: nobody fills what is left, and it goes out as it stands.
    drop(log);
    fs::remove_file(&path).unwrap();
    let bodies = following.settle(120);
    assert_eq!(bodies.last().map(Body::end), Some(2_000));
    assert_eq!(following.gaps(), []);
}

#[test]
fn text_behind_many_zeros_is_read_though_its_file_is_gone() {
    let (_folder, logs, state) = folders();
    let path = logs.join("CBS.log");
    append(&path, LINE.as_bytes());
    // A hole, of more than is looked at before an old file counts as read.
    let zeros = 80 << 20;
    let log = File::options().write(true).open(&path).unwrap();
    log.set_len(LINE.len() as u64 + zeros).unwrap();
    append(&path, LINE.as_bytes());
    let mut following = Following::of(&logs, &state);
    following.place.poll(Duration::ZERO).unwrap();
    let body = following.place.next(Duration::ZERO).unwrap().unwrap();
    assert_eq!(body.bytes, LINE.as_bytes());
    following.place.acknowledge(&body);
    fs::remove_file(&path).unwrap();
    let bodies = following.settle(120);
    let end = 2 * LINE.len() as u64 + zeros;
    assert_eq!(bodies.last().map(Body::end), Some(end));
    assert_eq!(following.gaps(), []);
}

#[test]
fn a_log_that_windows_never_compresses_is_followed_and_told() {
    let (_folder, logs, state) = folders();
    let path = logs.join("CbsPersist_20240501080000.log");
    append(&path, LINE.as_bytes());
    // A hole in the file: nothing of it takes room on the disk.
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len((2 << 30) + 1)
        .unwrap();
    let mut following = Following::of(&logs, &state);
    following.place.poll(Duration::ZERO).unwrap();
    let problems: Vec<_> = following.place.problems().collect();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].what.contains("2 GiB") && problems[0].path == path);
    following.now = Duration::ZERO;
}

#[test]
fn what_was_lost_is_a_gap_until_a_cabinet_has_it() {
    let (_folder, logs, state) = folders();
    let mut world = World::new(&logs, 7);
    world.create("CBS.log", Some(Vec::new()));
    world.append("CBS.log", 50, false);
    let mut following = Following::of(&logs, &state);
    following.streams(5);
    let truth = world.truths[0].bytes.clone();
    world.append("CBS.log", 2_000, false);
    let whole = world.truths[0].bytes.clone();
    // It was seen to grow, and is gone before it was read: the folder went away with it, and the agent was restarted.
    following.now += Duration::from_secs(1);
    following.place.poll(following.now).unwrap();
    following.place.save().unwrap();
    world.compress("CBS.log", "CbsPersist_1.cab", false);
    fs::rename(logs.join("CbsPersist_1.cab"), state.join("later.cab")).unwrap();
    fs::remove_file(logs.join("CBS.log")).unwrap();
    let intake = following.intake;
    let mut following = Following::of(&logs, &state);
    following.intake = intake;
    following.streams(120);
    let gap = Gap {
        from: truth.len() as u64,
        to: whole.len() as u64,
        reason: GapReason::Gone,
    };
    assert_eq!(following.gaps(), [gap]);
    fs::rename(state.join("later.cab"), logs.join("CbsPersist_1.cab")).unwrap();
    let streams = following.streams(10);
    assert!(streams.len() == 1 && streams[0].as_bytes() == whole);
    assert_eq!(following.gaps(), []);
}

#[test]
fn a_damaged_cabinet_is_read_up_to_its_damage() {
    let (_folder, logs, state) = folders();
    let mut world = World::new(&logs, 9);
    world.create("CBS.log", Some(Vec::new()));
    world.append("CBS.log", 3_000, false);
    world.compress("CBS.log", "CbsPersist_1.cab", false);
    let whole = world.truths[0].bytes.clone();
    world.remove("CBS.log");
    let path = logs.join("CbsPersist_1.cab");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() * 3 / 4;
    bytes[middle..middle + 40].fill(0xAA);
    fs::write(&path, bytes).unwrap();
    let mut following = Following::of(&logs, &state);
    // It may still be written.
    assert!(following.streams(30).is_empty());
    let streams = following.streams(120);
    assert_eq!(streams.len(), 1);
    let sent = streams[0].len();
    assert!(sent > 32_000 && whole.starts_with(streams[0].as_bytes()));
    let gap = Gap {
        from: sent as u64,
        to: whole.len() as u64,
        reason: GapReason::Damaged,
    };
    assert_eq!(following.gaps(), [gap]);
}

#[cfg(unix)]
#[test]
fn what_is_sent_is_not_kept_open_where_that_is_in_the_way() {
    let (_folder, logs, state) = folders();
    let mut following = Following::of(&logs, &state);
    let path = logs.join("CBS.log");
    fs::write(&path, LINE).unwrap();
    following.streams(20);
    // Here a removed file is in nobody's way.
    assert_eq!(following.place.open_files(), 1);
    let mut options = PlaceOptions::new(vec![logs.clone()], state.join("other"));
    options.lets_go_after = Some(Duration::from_secs(5));
    following.place = Place::open(options, Points::default()).0;
    following.streams(3);
    assert_eq!(following.place.open_files(), 1);
    following.streams(20);
    assert_eq!(following.place.open_files(), 0);
    let text = format!("{LINE}{LINE}");
    fs::write(&path, &text).unwrap();
    assert_eq!(following.streams(3), [text]);
}

#[test]
fn a_line_that_is_not_complete_keeps_no_file_open_and_is_sent_where_its_file_goes_away() {
    const TORN: &str = "2024-05-01 08:00:01, Info      CBS    not writ";
    for is_sent_before in [true, false] {
        let (_folder, logs, state) = folders();
        let mut options = PlaceOptions::new(vec![logs.clone()], state.join("place"));
        options.lets_go_after = Some(Duration::from_secs(5));
        let mut following = Following::of(&logs, &state);
        following.place = Place::open(options, Points::default()).0;
        let path = logs.join("CBS.log");
        // Nothing of the second one is sent while its only line is open.
        let text = [TORN.to_owned(), format!("{LINE}{TORN}")][usize::from(is_sent_before)].clone();
        fs::write(&path, &text).unwrap();
        let sent = following.streams(4);
        assert_eq!(following.place.open_files(), 1);
        assert_eq!(sent.is_empty(), !is_sent_before);
        following.streams(4);
        assert_eq!(following.place.open_files(), 0);
        // It may still be completed.
        append(&path, b"ten\r\n");
        let whole = format!("{text}ten\r\n");
        assert_eq!(following.streams(10), std::slice::from_ref(&whole));
        append(&path, TORN.as_bytes());
        following.streams(8);
        assert_eq!(following.place.open_files(), 0);
        fs::remove_file(&path).unwrap();
        // The intake is away for longer than what is gone is waited for.
        for _ in 0..100 {
            following.now += Duration::from_secs(2);
            following.place.poll(following.now).unwrap();
            let body = following.place.next(following.now).unwrap().unwrap();
            assert_eq!(body.end(), (whole.len() + TORN.len()) as u64);
        }
        assert_eq!(following.streams(5), [whole + TORN]);
        assert_eq!(following.gaps(), []);
        assert!(following.place.logs().iter().all(|log| log.done));
    }
}

#[test]
fn a_line_that_is_not_complete_goes_on_in_the_cabinet() {
    let (_folder, logs, state) = folders();
    let mut options = PlaceOptions::new(vec![logs.clone()], state.join("place"));
    options.lets_go_after = Some(Duration::from_secs(5));
    let mut following = Following::of(&logs, &state);
    following.place = Place::open(options, Points::default()).0;
    let text = format!("{LINE}2024-05-01 08:00:01, Info      CBS    not writ");
    let mut world = World::new(&logs, 1);
    world.create("CBS.log", Some(text.clone().into_bytes()));
    following.streams(8);
    assert_eq!(following.place.open_files(), 0);
    world.compress("CBS.log", "CbsPersist_1.cab", false);
    world.remove("CBS.log");
    assert_eq!(following.streams(5), [text]);
    assert_eq!(following.gaps(), []);
    let logs = following.place.logs();
    let is_packed = |log: &follow::Log| matches!(log.container, Container::Cabinet { .. });
    assert!(logs.len() == 1 && is_packed(&logs[0]), "{logs:?}");
}

#[test]
fn links_and_pipes_are_not_followed() {
    let (folder, logs, state) = folders();
    append(&folder.path().join("elsewhere.log"), LINE.as_bytes());
    std::os::unix::fs::symlink(folder.path().join("elsewhere.log"), logs.join("CBS.log")).unwrap();
    std::os::unix::fs::symlink(&logs, logs.join("loop")).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(logs.join("pipe.log"))
            .status()
            .unwrap()
            .success()
    );
    append(&logs.join("real.log"), LINE.as_bytes());
    fs::hard_link(logs.join("real.log"), logs.join("second.log")).unwrap();
    let mut following = Following::of(&logs, &state);
    assert_eq!(following.streams(5), [LINE]);
}

/// The numbers of the records in a stream.
fn records(text: &str) -> Vec<u64> {
    let number = |line: &str| parse::event_json::read(line).unwrap().record_id.unwrap();
    text.lines().map(number).collect()
}

#[test]
fn an_event_log_that_wraps_is_one_stream_of_its_records() {
    let (_folder, logs, state) = folders();
    let path = logs.join("System.evtx");
    // Written into, as the service does: the file stays the same one.
    let write = |chunks: &[(u64, u64)]| {
        use std::io::Write;
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .unwrap();
        file.write_all(&evtx::ring(chunks)).unwrap();
    };
    write(&[(1, 10), (11, 13)]);
    let mut following = Following::of(&logs, &state);
    let sent = |following: &mut Following| -> Vec<u64> {
        following
            .settle(30)
            .iter()
            .flat_map(|body| records(&String::from_utf8_lossy(&body.bytes)))
            .collect()
    };
    assert_eq!(sent(&mut following), (1..=13).collect::<Vec<_>>());
    write(&[(1, 10), (11, 20)]);
    assert_eq!(sent(&mut following), (14..=20).collect::<Vec<_>>());
    // The oldest chunk makes room.
    write(&[(21, 25), (11, 20)]);
    assert_eq!(sent(&mut following), (21..=25).collect::<Vec<_>>());
    // A restart forgets nothing.
    let mut following = Following::of(&logs, &state);
    assert!(sent(&mut following).is_empty());
    assert_eq!(following.place.logs().len(), 1);
    // While the agent was down, it went round.
    write(&[(41, 50), (51, 52)]);
    assert_eq!(sent(&mut following), (41..=52).collect::<Vec<_>>());
    let gap = Gap {
        from: 26,
        to: 41,
        reason: GapReason::Overwritten,
    };
    assert_eq!(following.gaps(), [gap]);
    let log = &following.place.logs()[0];
    assert_eq!(log.container, Container::EventLog { record: 52 });
    // Cleared: its numbers begin anew, in a stream of its own.
    write(&[(1, 3), (4, 5)]);
    assert_eq!(sent(&mut following), [1, 2, 3, 4, 5]);
}

#[test]
fn records_of_an_event_log_that_cannot_be_read_are_a_gap() {
    let (_folder, logs, state) = folders();
    let mut ring = evtx::ring(&[(1, 10), (11, 20)]);
    // The fifth record of the first chunk is no record any more.
    let record = (0..evtx::CHUNK as usize)
        .map(|at| at + evtx::FILE_HEAD as usize)
        .find(|at| ring[*at..].starts_with(b"**\0\0") && ring[at + 8] == 5);
    ring[record.unwrap()..][..64].fill(0xFF);
    fs::write(logs.join("System.evtx"), ring).unwrap();
    let mut following = Following::of(&logs, &state);
    let text = following.streams(30).concat();
    let sent = records(&text);
    assert!(!sent.contains(&5) && sent.last() == Some(&20), "{sent:?}");
    let gaps = following.gaps();
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert_eq!((gaps[0].from, gaps[0].reason), (5, GapReason::Unreadable));
    assert_eq!(Some(&gaps[0].to), sent.iter().find(|number| **number > 5));
}

#[test]
fn a_log_that_the_intake_refuses_waits_and_holds_up_no_other() {
    let (_folder, logs, state) = folders();
    append(&logs.join("CBS.log"), LINE.as_bytes());
    let other = LINE.replace("made up", "another");
    append(&logs.join("CbsPersist_1.log"), other.as_bytes());
    let mut following = Following::of(&logs, &state);
    let mut sent = Vec::new();
    for _ in 0..10 {
        following.now += Duration::from_millis(500);
        following.place.poll(following.now).unwrap();
        while let Some(body) = following.place.next(following.now).unwrap() {
            match body.bytes == LINE.as_bytes() {
                true => {
                    let until = following.now + Duration::from_secs(60);
                    following.place.hold(&body, until);
                }
                false => {
                    following.place.acknowledge(&body);
                    sent.push(body);
                }
            }
        }
    }
    assert_eq!(sent.len(), 1);
    assert!(!following.place.is_waiting());
    // Asked again later it is taken.
    assert_eq!(following.streams(120), [LINE]);
    assert_eq!(following.gaps(), []);
}

#[test]
fn zeros_that_nobody_replaced_are_no_loss_when_their_log_goes() {
    let (_folder, logs, state) = folders();
    let path = logs.join("CBS.log");
    append(&path, LINE.as_bytes());
    File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_len(300_000)
        .unwrap();
    let mut following = Following::of(&logs, &state);
    assert_eq!(following.streams(5), [LINE]);
    assert_eq!(following.place.logs()[0].lag(), 0);
    // Neither the file nor a restart makes something of them.
    let intake = following.intake;
    let mut following = Following::of(&logs, &state);
    following.intake = intake;
    following.streams(5);
    fs::remove_file(&path).unwrap();
    assert_eq!(following.streams(120), [LINE]);
    assert_eq!(following.gaps(), []);
}

#[test]
fn more_files_than_are_looked_at_are_told() {
    let (_folder, logs, state) = folders();
    for number in 0..4_097 {
        File::create(logs.join(number.to_string())).unwrap();
    }
    let mut following = Following::of(&logs, &state);
    following.place.poll(Duration::ZERO).unwrap();
    let problems: Vec<_> = following.place.problems().collect();
    assert!(problems.len() == 1 && problems[0].what.contains("more than 4096 files"));
}

#[test]
fn a_folder_that_comes_later_is_followed_beside_the_first() {
    let world = tempfile::tempdir().unwrap();
    let (first, second) = (world.path().join("a"), world.path().join("b"));
    fs::create_dir_all(&first).unwrap();
    fs::write(first.join("CBS.log"), LINE).unwrap();
    let mut following = Following::of(&first, world.path());
    assert_eq!(following.streams(5), [LINE]);
    fs::create_dir_all(&second).unwrap();
    fs::write(second.join("dism.log"), LINE.replace("CBS", "DISM")).unwrap();
    assert_eq!(following.streams(5), [LINE]);
    following.add(&second);
    let streams = following.streams(5);
    assert_eq!(streams.len(), 2, "{streams:?}");
    assert_eq!(following.gaps(), []);
}
