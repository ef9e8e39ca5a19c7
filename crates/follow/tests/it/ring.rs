//! An event log that wraps in an order of chance, and a follower that dies.

use crate::evtx;
use crate::intake::Intake;
use crate::world::Chance;
use follow::{Gap, GapReason, Place, PlaceOptions, Points};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// Chunks of the ring, and records of each.
const CHUNKS: usize = 4;
const RECORDS: u64 = 5;

/// What the service has written: its chunks by their place, and the newest record.
struct Ring {
    chunks: Vec<(u64, u64)>,
    at: usize,
    newest: u64,
}

impl Ring {
    fn append(&mut self, count: u64) {
        for _ in 0..count {
            self.newest += 1;
            match self.chunks.get_mut(self.at) {
                Some((first, last)) if *last - *first + 1 < RECORDS => *last = self.newest,
                _ => {
                    self.at = match self.chunks.is_empty() {
                        true => 0,
                        false => (self.at + 1) % CHUNKS,
                    };
                    let chunk = (self.newest, self.newest);
                    match self.chunks.get_mut(self.at) {
                        Some(old) => *old = chunk,
                        None => self.chunks.push(chunk),
                    }
                }
            }
        }
    }

    fn write(&self, path: &Path) {
        let mut file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .unwrap();
        file.write_all(&evtx::ring(&self.chunks)).unwrap();
    }
}

fn numbers(bytes: &[u8]) -> Vec<u64> {
    let text = String::from_utf8_lossy(bytes);
    let number = |line: &str| parse::event_json::read(line).unwrap().record_id.unwrap();
    text.lines().map(number).collect()
}

fn round(seed: u64) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let (logs, state) = (folder.path().join("logs"), folder.path().join("state"));
    fs::create_dir(&logs).unwrap();
    fs::create_dir(&state).unwrap();
    let path = logs.join("System.evtx");
    let options = || PlaceOptions::new(vec![logs.clone()], state.join("place"));
    let mut chance = Chance::new(seed);
    let mut ring = Ring {
        chunks: Vec::new(),
        at: 0,
        newest: 0,
    };
    ring.append(1);
    ring.write(&path);
    let (mut intake, mut gaps) = (Intake::default(), Vec::<Gap>::new());
    let mut place = Place::open(options(), Points::default()).0;
    // Before the first record is acknowledged nobody can say what the log had.
    place.poll(Duration::ZERO).unwrap();
    let first = place.next(Duration::ZERO).unwrap().unwrap();
    intake.put(&first);
    intake.acknowledged(&first);
    place.acknowledge(&first);
    place.save().unwrap();
    let (mut now, mut deaths, mut unheard) = (Duration::ZERO, 0, 0);
    for step in 0..200 {
        now += Duration::from_secs(11);
        if step < 190 {
            // At times more than the ring holds.
            ring.append([0, 1, 3, 12, 30][chance.below(5)]);
            ring.write(&path);
            if chance.one_in(6) {
                place = Place::open(options(), Points::default()).0;
                deaths += 1;
            }
        }
        if step < 190 && chance.one_in(4) {
            continue;
        }
        place.poll(now).unwrap();
        while let Some(body) = place.next(now).unwrap() {
            if step < 190 && chance.one_in(6) {
                break;
            }
            intake.put(&body);
            // Its answer is lost.
            if step < 190 && chance.one_in(6) {
                unheard += 1;
                break;
            }
            intake.acknowledged(&body);
            // Its answer came, and nothing was written down.
            if step < 190 && chance.one_in(6) {
                place = Place::open(options(), Points::default()).0;
                deaths += 1;
                break;
            }
            place.acknowledge(&body);
        }
        let told = |log: &follow::Log| {
            log.earlier
                .iter()
                .copied()
                .chain(log.gap)
                .collect::<Vec<_>>()
        };
        gaps.extend(place.logs().iter().flat_map(told));
        place.save().unwrap();
    }
    let sent: BTreeSet<u64> = intake
        .streams
        .values()
        .flat_map(|bytes| numbers(bytes))
        .collect();
    for number in 1..=ring.newest {
        let is_told = gaps.iter().any(|gap| {
            (gap.from..gap.to).contains(&number) && gap.reason == GapReason::Overwritten
        });
        assert!(
            sent.contains(&number) || is_told,
            "record {number} of {} is neither sent nor told to be lost, seed {seed}",
            ring.newest
        );
        // What a death made the follower forget, or what it never heard, it may take for lost.
        assert!(
            deaths + unheard > 0 || !(sent.contains(&number) && is_told),
            "record {number} was sent and is told to be lost, seed {seed}"
        );
    }
    assert!(gaps.iter().all(|gap| gap.reason == GapReason::Overwritten));
    deaths
}

#[test]
fn each_record_of_a_ring_is_sent_or_told_to_be_lost() {
    let deaths: usize = (1..=20).map(round).sum();
    assert!(deaths > 0);
}

#[test]
fn records_that_nobody_heard_to_be_taken_keep_their_places() {
    for is_first in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let (logs, state) = (folder.path().join("logs"), folder.path().join("state"));
        fs::create_dir(&logs).unwrap();
        fs::create_dir(&state).unwrap();
        let path = logs.join("System.evtx");
        let mut ring = Ring {
            chunks: Vec::new(),
            at: 0,
            newest: 0,
        };
        let options = PlaceOptions::new(vec![logs], state.join("place"));
        let mut place = Place::open(options, Points::default()).0;
        let (mut intake, mut now) = (Intake::default(), Duration::ZERO);
        // The answer to the last body is lost, and the ring goes round.
        let heard: &[bool] = if is_first { &[false] } else { &[true, false] };
        for is_heard in heard {
            ring.append(3);
            ring.write(&path);
            now += Duration::from_secs(11);
            place.poll(now).unwrap();
            let body = place.next(now).unwrap().unwrap();
            intake.put(&body);
            if *is_heard {
                place.acknowledge(&body);
            }
        }
        let before: Vec<Vec<u64>> = intake.streams.values().map(|b| numbers(b)).collect();
        ring.append(60);
        ring.write(&path);
        now += Duration::from_secs(11);
        place.poll(now).unwrap();
        let body = place.next(now).unwrap().unwrap();
        intake.put(&body);
        assert_eq!(body.offset, 0, "a stream of its own");
        let after: Vec<Vec<u64>> = intake.streams.values().map(|b| numbers(b)).collect();
        assert!(after.len() == 2 && after.contains(&before[0]), "{after:?}");
    }
}
