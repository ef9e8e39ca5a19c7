//! A writer, a follower and an intake in an order of chance. `CBSIFT_ROTATION=N` runs so many rounds, `CBSIFT_ROTATION=N-M` those, and with
//! `CBSIFT_ROTATION_TELL` what happens is printed.

use crate::intake::{Intake, plain};
use crate::world::{Chance, World};
use follow::{CheckpointError, Gap, Log, Place, PlaceOptions, Points, Stopped};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Rounds where nothing is said: half a minute of two cores with an idle disk.
const ROUNDS: u64 = 40;

/// Steps of a round.
const STEPS: usize = 250;

struct Round {
    world: Arc<Mutex<World>>,
    chance: Chance,
    intake: Intake,
    options: PlaceOptions,
    /// The follower, unless it is down.
    place: Option<Place>,
    now: Duration,
    /// One in so many points kills the follower; 0 never does.
    deaths: usize,
    killed: usize,
    /// Gaps as they were said last by a follower that lived to the end.
    is_state_away: bool,
}

impl Round {
    fn new(folder: &Path, seed: u64) -> Self {
        let logs = folder.join("CBS");
        fs::create_dir(&logs).unwrap();
        fs::create_dir(folder.join("state")).unwrap();
        let mut options = PlaceOptions::new(vec![logs.clone()], folder.join("state/place"));
        let mut chance = Chance::new(seed ^ 0xABCD);
        options.body_bytes = PlaceOptions::BODY_MIN;
        options.handles_max = [1, 2, 64][chance.below(3)];
        options.lets_go_after = [None, Some(Duration::from_secs(5))][chance.below(2)];
        Self {
            world: Arc::new(Mutex::new(World::new(&logs, seed))),
            deaths: [0, 60, 300][chance.below(3)],
            chance,
            intake: Intake::default(),
            options,
            place: None,
            now: Duration::ZERO,
            killed: 0,
            is_state_away: false,
        }
    }

    /// Points at which the writer goes on, and the follower may end.
    fn points(&mut self) -> Points {
        let world = Arc::clone(&self.world);
        let (deaths, seed) = (self.deaths, self.chance.below(1 << 40) as u64);
        let mut chance = Chance::new(seed);
        Points::new(move |point| {
            let mut world = world.lock().unwrap();
            if chance.one_in(8) {
                world.step();
            }
            if point == "poll: before the folders are listed" {
                world.note_listed();
            }
            match deaths > 0 && chance.one_in(deaths) {
                true => Err(Stopped),
                false => Ok(()),
            }
        })
    }

    fn start(&mut self) {
        let points = self.points();
        let (place, trouble) = Place::open(self.options.clone(), points);
        assert_eq!(trouble, None);
        self.place = Some(place);
    }

    /// The follower's process ends as by a kill: what it had in memory is gone.
    fn kill(&mut self) {
        self.world.lock().unwrap().say(format_args!("killed"));
        self.place = None;
        self.killed += 1;
    }

    fn pass(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
        self.world.lock().unwrap().now = self.now;
    }

    /// A look, and some bodies.
    fn follow(&mut self) -> Result<bool, Stopped> {
        let Some(place) = &mut self.place else {
            return Ok(false);
        };
        self.world.lock().unwrap().say(format_args!("look"));
        place.poll(self.now)?;
        {
            let mut world = self.world.lock().unwrap();
            world.note_seen();
            if world.is_told {
                world.say_where();
                world.say(format_args!("\n{}", describe(place)));
            }
        }
        let mut is_moved = false;
        for _ in 0..1 + self.chance.below(4) {
            let Some(body) = place.next(self.now)? else {
                break;
            };
            is_moved = true;
            self.world.lock().unwrap().say(format_args!(
                "body {} {:x} {}..{} {}",
                body.log,
                body.first_record,
                body.offset,
                body.end(),
                if body.open { "open" } else { "" }
            ));
            match self.chance.below(12) {
                // The intake is away.
                0 => break,
                // Its answer is lost.
                1 => {
                    self.intake.put(&body);
                    break;
                }
                _ => self.intake.put(&body),
            }
            if self.deaths > 0 && self.chance.one_in(100) {
                return Err(Stopped);
            }
            self.intake.acknowledged(&body);
            place.acknowledge(&body);
            if self.chance.one_in(2) {
                save(place)?;
            }
        }
        save(place)?;
        Ok(is_moved)
    }

    fn step(&mut self) {
        match self.chance.below(10) {
            0..=3 => self.world.lock().unwrap().step(),
            4 => {
                let millis = [10, 500, 1_500, 20_000, 70_000][self.chance.below(5)];
                self.pass(millis);
            }
            // A follower that dies while its disk is full knows nothing of what it sent: two faults at once.
            5 if self.deaths == 0 && self.chance.one_in(20) => self.state_disk(),
            _ => {
                if self.place.is_none() && self.chance.one_in(3) {
                    self.start();
                }
                let millis = 100 + self.chance.below(900) as u64;
                self.pass(millis);
                if self.follow().is_err() {
                    self.kill();
                }
            }
        }
    }

    /// The folder of the checkpoint goes away, as a disk that is full, or comes back.
    fn state_disk(&mut self) {
        let state = self.options.checkpoint.parent().unwrap().to_owned();
        let away = state.with_extension("away");
        let (from, to) = match self.is_state_away {
            true => (away, state),
            false => (state, away),
        };
        fs::rename(from, to).unwrap();
        self.is_state_away = !self.is_state_away;
    }

    /// The writer has ended; the follower sees it all.
    fn settle(&mut self) {
        if self.is_state_away {
            self.state_disk();
        }
        self.world.lock().unwrap().come_back();
        let world = Arc::clone(&self.world);
        let quiet = Points::new(move |point| {
            if point == "poll: before the folders are listed" {
                world.lock().unwrap().note_listed();
            }
            Ok(())
        });
        let is_down = self.place.is_none();
        if is_down || (self.deaths > 0 && self.chance.one_in(2)) {
            self.place = None;
            self.killed += usize::from(!is_down);
            self.place = Some(Place::open(self.options.clone(), quiet).0);
        } else if let Some(place) = &mut self.place {
            place.set_points(quiet);
        }
        self.deaths = 0;
        let mut still = 0;
        while still < 140 {
            self.pass(1_000);
            still = match self.follow().unwrap() {
                true => 0,
                false => still + 1,
            };
        }
    }

    fn check(&self) {
        let world = self.world.lock().unwrap();
        world.check();
        let place = self.place.as_ref().unwrap();
        let streams: Vec<&Vec<u8>> = self.intake.streams.values().collect();
        let there = world.there();
        // I2: every stream is what stood in some log, from its first byte on.
        for stream in &streams {
            let is_true = world
                .truths
                .iter()
                .any(|truth| truth.bytes.starts_with(stream));
            assert!(is_true, "a stream of {} bytes is of no log", stream.len());
        }
        // Nothing that is still there is missing, to the byte.
        for truth in &there {
            let bytes = &world.truths[*truth].bytes;
            let is_whole = streams.iter().any(|stream| stream.starts_with(bytes));
            if !is_whole && !bytes.is_empty() && is_a_log(bytes) {
                let name = world.names.iter().find(|(_, holds)| {
                    matches!(holds, crate::world::Holds::Log(t) | crate::world::Holds::Cabinet(t) if t == truth)
                });
                panic!(
                    "{} bytes of {name:?} are there and not acknowledged:\n{}\n{}",
                    bytes.len(),
                    plain(bytes).chars().take(300).collect::<String>(),
                    describe(place)
                );
            }
        }
        let gaps: Vec<(&Log, Gap)> = place
            .logs()
            .iter()
            .filter_map(|log| Some((log, log.gap?)))
            .collect();
        // No false gap: what is said to be lost was in a file that is gone, and its stream does not have it.
        for (log, gap) in &gaps {
            let sent = log
                .first_record
                .and_then(|first| self.intake.streams.get(&(log.source, first)))
                .map_or(&[][..], Vec::as_slice);
            let told = log
                .first_record
                .map_or(0, |first| self.intake.told(log.source, first));
            // Where an answer was lost more is there than the follower knows.
            let is_behind = gap.from == told || self.killed > 0 && gap.from < told;
            assert!(
                is_behind && gap.from < gap.to,
                "{gap:?}, {} sent",
                sent.len()
            );
            let is_true = world.truths.iter().enumerate().any(|(number, truth)| {
                let was_there = truth.bytes.len() as u64 >= gap.to;
                truth.bytes.starts_with(sent) && was_there && !there.contains(&number)
            });
            // A follower that died may have heard an answer and not written it down.
            let is_forgotten = self.killed > 0 && gap.from < told;
            let alike: Vec<(usize, usize, bool)> = world
                .truths
                .iter()
                .enumerate()
                .filter(|(_, truth)| {
                    truth
                        .bytes
                        .iter()
                        .zip(sent)
                        .take_while(|(a, b)| a == b)
                        .count()
                        > 60
                })
                .map(|(number, truth)| {
                    let same = truth
                        .bytes
                        .iter()
                        .zip(sent)
                        .take_while(|(a, b)| a == b)
                        .count();
                    (truth.bytes.len(), same, there.contains(&number))
                })
                .collect();
            assert!(
                is_true || is_forgotten,
                "a false gap {gap:?} of {log:?}; {} sent, {told} told, {} deaths; contents that begin alike: {alike:?}",
                sent.len(),
                self.killed
            );
        }
        // Gaps are complete, too, where no death made the follower forget what it had seen.
        if self.killed > 0 {
            return;
        }
        for (number, truth) in world.truths.iter().enumerate() {
            let seen = truth.bytes.get(..truth.seen).unwrap_or_default();
            let is_sent = streams.iter().any(|stream| stream.starts_with(seen));
            if seen.is_empty() || is_sent || there.contains(&number) || !is_a_log(seen) {
                continue;
            }
            let is_said = gaps.iter().any(|(log, gap)| {
                let from = usize::try_from(gap.from).unwrap();
                let to = usize::try_from(gap.to).unwrap();
                let told = log
                    .first_record
                    .map_or(0, |first| self.intake.told(log.source, first));
                let sent = log
                    .first_record
                    .and_then(|first| self.intake.streams.get(&(log.source, first)));
                let told = usize::try_from(told).unwrap();
                sent.is_none_or(|sent| truth.bytes.starts_with(&sent[..told]) && told == from)
                    && to >= seen.len()
            });
            assert!(
                is_said,
                "{} bytes of {number} were seen and lost, and nobody says so:\n{}\n{}",
                seen.len(),
                plain(seen).chars().take(300).collect::<String>(),
                describe(place)
            );
        }
    }
}

/// Its logs, a line each.
fn describe(place: &Place) -> String {
    let lines = place.logs().iter().map(|log| {
        let name = log.path.file_name().unwrap_or_default();
        let (first, end) = (log.first_record, log.acknowledged());
        format!(
            "{} {name:?} {:?} {:?} stream {first:x?} {end} of {} done {} {:?}\n",
            log.id,
            log.key.map(|key| key.index),
            log.container,
            log.size,
            log.done,
            log.gap
        )
    });
    lines.collect::<String>() + &place.roles()
}

/// Whether enough of it stands there to tell that it is a log.
fn is_a_log(bytes: &[u8]) -> bool {
    parse::detect("CbsPersist.log", bytes).source.is_some()
}

fn save(place: &mut Place) -> Result<(), Stopped> {
    match place.save() {
        Err(CheckpointError::Stopped(stopped)) => Err(stopped),
        // Its disk is full: it ships on.
        Err(CheckpointError::Io { .. }) | Ok(()) => Ok(()),
    }
}

fn round(seed: u64) -> (usize, usize) {
    let folder = tempfile::tempdir().unwrap();
    let mut round = Round::new(folder.path(), seed);
    round.start();
    for _ in 0..STEPS {
        round.step();
    }
    round.settle();
    round.check();
    (round.intake.bodies, round.killed)
}

#[test]
fn whatever_a_writer_does_every_log_is_tiled() {
    let said = std::env::var("CBSIFT_ROTATION").unwrap_or_default();
    let number = |text: &str| -> Option<u64> { text.parse().ok() };
    let (first, last) = match said.split_once('-') {
        Some((first, last)) => (number(first).unwrap(), number(last).unwrap()),
        None => (1, number(&said).unwrap_or(ROUNDS)),
    };
    let (mut bodies, mut killed) = (0, 0);
    let mut failed = Vec::new();
    for seed in first..=last {
        match std::panic::catch_unwind(|| round(seed)) {
            Ok((more, deaths)) => (bodies, killed) = (bodies + more, killed + deaths),
            Err(_) => failed.push(seed),
        }
    }
    eprintln!("seeds {first} to {last}: {bodies} bodies, {killed} deaths, {failed:?} failed");
    assert!(
        failed.is_empty(),
        "seeds {failed:?}: repeat one with CBSIFT_ROTATION={0}-{0}",
        failed[0]
    );
    assert!(first == last || (bodies > 0 && killed > 0));
}
