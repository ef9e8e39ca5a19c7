//! A writer of Windows' own kind and the agent, in an order of chance: the writer is never in the agent's way nor the agent in its, and every log that is
//! there is acknowledged to the byte. `CBSIFT_ROTATION=N-M` runs those seeds.

use crate::agent::{Agent, LINE, until};
use crate::disk::Disk;
use crate::programs::{as_windows, program};
use crate::support::{ENDPOINT_TOKEN, Server};
use crate::world::{Chance, Holds, World};
use event::{Chunk, TextEncoding};
use ingest::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

const STEPS: usize = 120;

/// One in so many steps the agent is killed, and started again some steps later.
const DEATHS: usize = 30;

/// What is gone without being read is given up after a minute; after that, and some looks, nothing changes any more.
const SETTLED: Duration = Duration::from_secs(150);

/// A file that is removed keeps its name until nobody has it open, as in Windows before 10; so soon the agent must have let go of it.
const LETS_GO: Duration = Duration::from_secs(30);

/// The program that writes (`tests/wine/writer.c`).
struct Writer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
    removed: BTreeSet<PathBuf>,
}

impl Writer {
    fn start() -> Self {
        let mut child = program("writer", "x64")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self {
            orders: child.stdin.take().unwrap(),
            answers: BufReader::new(child.stdout.take().unwrap()),
            removed: BTreeSet::new(),
            child,
        }
    }

    fn ask(&mut self, operation: &str, count: u64, path: &Path, more: &[u8]) {
        let head = format!("{operation} {count}\n{}\n", as_windows(path));
        self.orders.write_all(head.as_bytes()).unwrap();
        self.orders.write_all(more).unwrap();
        self.orders.flush().unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer.trim(), "ok", "{operation} {}", path.display());
    }

    /// Waits until a name that was removed is free. Windows would refuse it until then; Wine takes it, and removes what is new with the old.
    fn free(&mut self, path: &Path) {
        let begun = Instant::now();
        while self.removed.contains(path) && path.exists() {
            assert!(
                begun.elapsed() < LETS_GO,
                "{} was removed, and is still open",
                path.display()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        self.removed.remove(path);
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Disk for Writer {
    fn write(&mut self, path: &Path, bytes: &[u8]) {
        self.free(path);
        self.ask("put", bytes.len() as u64, path, bytes);
    }

    fn append(&mut self, path: &Path, bytes: &[u8]) {
        self.ask("append", bytes.len() as u64, path, bytes);
    }

    fn cut(&mut self, path: &Path, length: u64) {
        self.ask("cut", length, path, &[]);
    }

    fn rename(&mut self, from: &Path, to: &Path) {
        self.free(to);
        let to = format!("{}\n", as_windows(to));
        self.ask("rename", 0, from, to.as_bytes());
    }

    fn remove(&mut self, path: &Path) {
        self.ask("remove", 0, path, &[]);
        self.removed.insert(path.to_owned());
    }

    fn copy(&mut self, from: &Path, to: &Path) {
        self.free(to);
        let to = format!("{}\n", as_windows(to));
        self.ask("copy", 0, from, to.as_bytes());
    }
}

/// The bytes of the source that a chunk came from, but for half a unit of UTF-16 at its end, which no text can show.
fn bytes_of(chunk: &Chunk) -> Vec<u8> {
    let length = usize::try_from(chunk.length).unwrap();
    let is_wide = chunk.encoding == TextEncoding::Utf16le;
    let text = match is_wide && length % 2 == 1 {
        true => chunk.text.strip_suffix('\u{FFFD}').expect("half a unit"),
        false => &chunk.text,
    };
    let mut bytes: Vec<u8> = match is_wide {
        true => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        false => text.as_bytes().to_vec(),
    };
    let length = if is_wide { length / 2 * 2 } else { length };
    if chunk.offset == 0 && length == bytes.len() + 2 {
        bytes.splice(0..0, [0xFF, 0xFE]);
    }
    assert_eq!(bytes.len(), length, "{chunk:?}");
    bytes
}

/// What a stream holds, and up to where it was sent: as much, or half a unit more.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    end: usize,
}

impl Stream {
    /// Whether it has all of a content.
    fn has(&self, content: &[u8]) -> bool {
        let known = content.len().min(self.bytes.len());
        self.end >= content.len() && self.bytes[..known] == content[..known]
    }
}

/// Where a body was sent whose answer an agent died before, another may have come in its place.
fn held(server: &Server) -> Vec<Stream> {
    let mut streams: BTreeMap<(event::Source, u64), Stream> = BTreeMap::new();
    let chunks = server.sink.chunks();
    // What was lost to a writer that was faster comes as chunks without records.
    for chunk in chunks.iter().filter(|chunk| !chunk.is_gap()) {
        let stream = streams.entry((chunk.source, chunk.stream.0)).or_default();
        let from = usize::try_from(chunk.offset).unwrap();
        let bytes = bytes_of(chunk);
        assert!(from <= stream.bytes.len(), "a hole before {from}");
        let to = from + bytes.len();
        if stream
            .bytes
            .get(from..to)
            .is_none_or(|known| known != bytes)
        {
            stream.bytes.truncate(from);
            stream.bytes.extend(bytes);
            stream.end = 0;
        }
        let end = usize::try_from(chunk.offset + chunk.length).unwrap();
        stream.end = stream.end.max(end);
    }
    streams.into_values().collect()
}

fn round(seed: u64) -> (usize, usize) {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let folder = agent.path("logs").join("CBS");
    std::fs::create_dir(&folder).unwrap();
    let mut world = World::on(Box::new(Writer::start()), &folder, seed);
    world.stays = true;
    let mut chance = Chance::new(seed ^ 0xBEEF);
    agent.start();
    let mut down = None;
    let mut deaths = 0;
    for step in 0..STEPS {
        world.step();
        if down.is_some_and(|at| step > at + 5) {
            agent.start();
            down = None;
        } else if down.is_none() && chance.one_in(DEATHS) {
            agent.kill();
            deaths += 1;
            down = Some(step);
        }
        if chance.one_in(3) {
            std::thread::sleep(Duration::from_millis(50 + chance.below(700) as u64));
        }
    }
    if down.is_some() {
        agent.start();
    }
    let begun = Instant::now();
    while std::fs::read_dir(&folder).unwrap().count() > world.names.len() {
        assert!(
            begun.elapsed() < LETS_GO,
            "what was removed is still open: {:?} are meant to be there; {}",
            world.names,
            agent.log()
        );
        std::thread::sleep(Duration::from_millis(100));
    }
    world.check();
    let there: Vec<usize> = world.there();
    let whole = |streams: &[Stream]| -> Option<String> {
        let missing = there.iter().find(|truth| {
            let bytes = &world.truths[**truth].bytes;
            let is_log = parse::detect("CBS.log", bytes).source.is_some();
            is_log && !streams.iter().any(|stream| stream.has(bytes))
        });
        missing.map(|truth| {
            let is_its = |holds: &&Holds| matches!(holds, Holds::Log(of) | Holds::Cabinet(of) if of == truth);
            let name = world.names.iter().find(|(_, holds)| is_its(holds));
            format!("{name:?}, {} bytes", world.truths[*truth].bytes.len())
        })
    };
    let begun = Instant::now();
    while let Some(missing) = whole(&held(&server)) {
        assert!(
            begun.elapsed() < SETTLED,
            "{missing} is there and not acknowledged; {}",
            agent.log()
        );
        std::thread::sleep(Duration::from_millis(200));
    }
    // No stream is anything that no log was.
    for stream in held(&server) {
        let is_true = world
            .truths
            .iter()
            .any(|truth| truth.bytes.starts_with(&stream.bytes));
        assert!(is_true, "a stream of {} bytes is of no log", stream.end);
    }
    let status = until("a status that says that all is sent", || {
        let status: serde_json::Value =
            serde_json::from_slice(&agent.ask(&["status", "--json"]).stdout).ok()?;
        let logs = status["places"][0]["logs"].as_array()?.clone();
        let is_there = |log: &&serde_json::Value| {
            let path = log["path"].as_str().unwrap_or_default();
            world.names.keys().any(|name| path.ends_with(name.as_str()))
        };
        let lag = |log: &serde_json::Value| log["lag"].as_u64();
        let is_over = logs.iter().filter(is_there).all(|log| lag(log) == Some(0));
        (is_over && !logs.is_empty()).then_some(status)
    });
    assert_eq!(status["running"], true);
    (server.sink.chunks().len(), deaths)
}

#[test]
fn a_log_that_is_removed_within_a_line_frees_its_name_and_is_sent_to_its_last_byte() {
    let server = Server::start(Config::default());
    let mut agent = Agent::new(&server, ENDPOINT_TOKEN, "CBS");
    let folder = agent.path("logs").join("CBS");
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("CBS.log");
    let mut writer = Writer::start();
    writer.write(&path, LINE.as_bytes());
    let torn = &LINE.as_bytes()[..40];
    writer.append(&path, torn);
    agent.start();
    let is_sent = |bytes: &[u8]| held(&server).iter().any(|stream| stream.bytes == bytes);
    until("its first line is sent", || {
        is_sent(LINE.as_bytes()).then_some(())
    });
    writer.remove(&path);
    let all = [LINE.as_bytes(), torn].concat();
    // The name is wanted at once, as of a CBS.log that somebody deletes.
    writer.write(&path, b"");
    until("the rest is sent", || is_sent(&all).then_some(()));
}

#[test]
fn whatever_a_writer_of_windows_does_nothing_is_lost_and_nobody_is_in_its_way() {
    let said = std::env::var("CBSIFT_ROTATION").unwrap_or_default();
    let (first, last) = said.split_once('-').unwrap_or(("1", "2"));
    let number = |text: &str| -> u64 { text.parse().expect("CBSIFT_ROTATION=N-M") };
    for seed in number(first)..=number(last) {
        let (chunks, deaths) = round(seed);
        eprintln!("seed {seed}: {chunks} chunks, {deaths} deaths");
        assert!(chunks > 0);
    }
}
