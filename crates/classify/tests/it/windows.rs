//! What is derived day by day, of the days that news concerns alone, is what all of it gives at once: whatever the order in which it comes.

use crate::pc::{Random, chunks};
use classify::{
    Classified, DayParts, Rules, StreamFacts, classify, days_to_derive, derive_days, derive_from,
    merge, news_of,
};
use event::{Chunk, Day, Derivation, Event, EventId, Month, StreamId, Unit, UnitNews};
use std::collections::{BTreeMap, BTreeSet};

/// What a store would hold of a PC, and what was derived of it.
#[derive(Default)]
struct Store {
    events: BTreeMap<EventId, Event>,
    streams: BTreeMap<StreamId, StreamFacts>,
    days: BTreeMap<Day, DayParts>,
    derived: usize,
}

impl Store {
    /// Takes some chunks, and derives what they concern.
    fn take(&mut self, rules: &Rules, batch: Vec<(Chunk, Classified)>) {
        let mut news: BTreeMap<Month, UnitNews> = BTreeMap::new();
        for (chunk, classified) in batch {
            let facts = StreamFacts {
                stream: chunk.stream,
                source: chunk.source,
                anchors: classified.anchors,
                ranges: Vec::new(),
                first: classified.first,
                last: classified.last,
            };
            if self.learn(facts) {
                let months = self
                    .events
                    .values()
                    .map(|event| Day::of(event.logged).month());
                for month in months {
                    news.entry(month).or_default().add(&UnitNews::of_all_days());
                }
            }
            let events: Vec<Event> = classified.events;
            for (month, more) in news_of(&events) {
                match news.get_mut(&month) {
                    Some(known) => known.add(&more),
                    None => {
                        news.insert(month, more);
                    }
                }
            }
            self.events
                .extend(events.into_iter().map(|event| (event.id, event)));
        }
        let known: BTreeMap<Day, Vec<u64>> = self
            .days
            .iter()
            .map(|(day, parts)| (*day, parts.waits().iter().copied().collect()))
            .collect();
        let mut days = BTreeSet::new();
        for (month, news) in &news {
            if news.is_of_all_days() {
                let all = self.events.values().map(|event| Day::of(event.logged));
                days.extend(all.filter(|day| day.month() == *month));
            } else {
                days.extend(days_to_derive(news, &known));
            }
        }
        let months: BTreeSet<Month> = days.iter().map(|day| day.month()).collect();
        for month in months {
            let of_month: BTreeSet<Day> = days
                .iter()
                .copied()
                .filter(|day| day.month() == month)
                .collect();
            self.derived += of_month.len();
            let events: Vec<&Event> = self
                .events
                .values()
                .filter(|event| is_seen(event, &of_month))
                .collect();
            let streams: Vec<StreamFacts> = self.streams.values().cloned().collect();
            self.days
                .extend(derive_days(rules, month, &of_month, &events, &streams));
        }
    }

    /// Whether what is known of a stream changes what its events say: their order, and their UTC times.
    fn learn(&mut self, facts: StreamFacts) -> bool {
        let before = |one: &StreamFacts| (one.first, parse::utc_changes(&one.anchors));
        let Some(known) = self.streams.get_mut(&facts.stream) else {
            self.streams.insert(facts.stream, facts);
            return true;
        };
        let old = before(known);
        known.anchors.extend(facts.anchors);
        known.first = [known.first, facts.first].into_iter().flatten().min();
        known.last = known.last.max(facts.last);
        before(known) != old
    }

    fn month(&self, month: Month) -> Derivation {
        let days = self.days.iter().filter(|(day, _)| day.month() == month);
        merge(days.map(|(_, parts)| parts))
    }

    /// Derives all of it at once, and compares.
    fn check(&self, rules: &Rules, what: &str) {
        let events: Vec<&Event> = self.events.values().collect();
        let months: BTreeSet<Month> = events
            .iter()
            .map(|event| Day::of(event.logged).month())
            .collect();
        let streams: Vec<StreamFacts> = self.streams.values().cloned().collect();
        for month in months {
            let unit = Unit {
                tenant: String::new(),
                endpoint: String::new(),
                month,
            };
            let whole = derive_from(rules, &unit, &events, &streams);
            let parts = self.month(month);
            let attempts = parts.attempts.iter().zip(&whole.attempts);
            let findings = parts.findings.iter().zip(&whole.findings);
            let attempt = attempts.clone().find(|(one, other)| one != other);
            let finding = findings.clone().find(|(one, other)| one != other);
            assert!(
                parts == whole,
                "{what}, {month}: in parts and at once\n{attempt:#?}\n{finding:#?}"
            );
        }
    }
}

/// What `derive_days` says that the days need, and nothing else.
fn is_seen(event: &Event, days: &BTreeSet<Day>) -> bool {
    let own = Day::of(event.logged);
    days.iter().any(|day| {
        let apart = i32::from(own.number()) - i32::from(day.number());
        own == *day
            || own == day.plus(-1)
            || (event.is_landmark() && apart.abs() <= Day::HORIZON && *day != Day::FAR_OFF)
    })
}

/// A PC of which much goes wrong: installations that end at once, after a restart days later or never, sessions that fail as a whole, commands,
/// searches, results of the agent and of the event log, and errors without end.
struct Life {
    random: Random,
    cbs: [String; 2],
    dism: String,
    events: String,
    setup: String,
    record: u32,
}

const CODES: [&str; 5] = [
    "0x800f0922",
    "0x80070570",
    "0x80073701",
    "0x8007000d",
    "0x80070020",
];

impl Life {
    fn of(seed: u64) -> Self {
        Self {
            random: Random(seed),
            cbs: [String::new(), String::new()],
            dism: String::new(),
            events: String::new(),
            setup: String::new(),
            record: 0,
        }
    }

    fn stamp(day: usize, second: usize) -> String {
        let (month, of_month) = (4 + day / 30, 1 + day % 30);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("2024-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02}")
    }

    fn cbs(&mut self, day: usize, second: usize, level: &str, component: &str, text: &str) {
        let log = usize::from(day >= 37);
        let stamp = Self::stamp(day, second.min(86_399));
        self.cbs[log] += &format!("{stamp}, {level:<22}{component:<7}{text}\r\n");
    }

    fn day(&mut self, day: usize, pending: &mut Vec<(usize, String)>) {
        for _ in 0..self.random.below(5) {
            let second = if self.random.below(4) == 0 {
                86_300 + self.random.below(99)
            } else {
                self.random.below(86_000)
            };
            let code = self.random.pick(&CODES).to_owned();
            let number = self.random.below(4);
            let package =
                format!("Package_for_KB500000{number}~31bf3856ad364e35~amd64~~10.0.1.{number}");
            let session = format!("310{day:02}{}_{second}", self.random.below(2));
            match self.random.below(12) {
                0..=3 => {
                    let result = match self.random.below(4) {
                        0 => "0x00000000".to_owned(),
                        1 => "0x00000bc2".to_owned(),
                        _ => code.clone(),
                    };
                    self.cbs(day, second, "Info", "CBS", &format!("Exec: Processing started.  Client: WindowsUpdateAgent, Session: {session}, Package: {package}, Identifier: KB500000{number}"));
                    if self.random.below(2) == 0 {
                        self.cbs(day, second + 1, "Error", "CSI", &format!("0000000{number} (F) {code} #1# from Windows::Rtl::SysCreateFile(oa = @0x1, on:[14]'\\??\\C:\\Made\\Up{number}')"));
                    }
                    if self.random.below(6) > 0 {
                        self.cbs(day, second + 3, "Info", "CBS", &format!("Exec: Processing complete.  Session: {session}, Package: {package}, Identifier: KB500000{number}, [HRESULT = {result}]"));
                    }
                    if self.random.below(2) == 0 {
                        let reboot = if result.ends_with("bc2") { "yes" } else { "no" };
                        self.cbs(day, second + 4, "Info", "CBS", &format!("Session: {session} finalized. Reboot required: {reboot} [HRESULT = {result}]"));
                    }
                    if result.ends_with("bc2") || self.random.below(5) == 0 {
                        let wait = [0, 1, 2, 5, 12, 29][self.random.below(6)];
                        pending.push((day + wait, package));
                    }
                }
                4 | 5 => {
                    for at in 0..self.random.below(6) {
                        self.cbs(
                            day,
                            second + at * 50,
                            "Error",
                            "CBS",
                            &format!("Failed to feed tray {number} [HRESULT = {code}]"),
                        );
                    }
                }
                6 => {
                    self.cbs(
                        day,
                        second,
                        "Info",
                        "CBS",
                        &format!("Nothing to see, code {code} [HRESULT = {code}]"),
                    );
                    self.cbs(
                        day,
                        second + 9,
                        "Info",
                        "CBS",
                        &format!("Startup: Failed to process tray {number} [HRESULT = {code}]"),
                    );
                }
                7 => {
                    let stamp = Self::stamp(day, second);
                    self.dism += &format!(
                        "{stamp}, Info                  DISM   DISM.EXE: Executing command line: dism /online /enable-feature /featurename:Made{number}\r\n"
                    );
                    self.dism += &format!(
                        "{stamp}, Error                 DISM   DISM.EXE: Failed while processing command enable-feature. - (hr:{code})\r\n"
                    );
                }
                8 | 9 => {
                    let id = [19, 20, 20, 25][self.random.below(4)];
                    self.record += 1;
                    let stamp = Self::stamp(day, second).replace(' ', "T");
                    let record = self.record;
                    let kb = ["KB5000001", "KB5000002", "KB2267602"][self.random.below(3)];
                    self.events += &format!(
                        "{{\"ts_utc\":\"{stamp}.000Z\",\"host\":\"PC-1\",\"channel\":\"System\",\"provider\":\"Microsoft-Windows-WindowsUpdateClient\",\"event_id\":{id},\"record_id\":{record},\"level\":\"error\",\"data\":{{\"errorCode\":\"{code}\",\"updateTitle\":\"Made up ({kb})\"}}}}\n"
                    );
                }
                10 => {
                    let stamp = Self::stamp(day, second);
                    self.setup += &format!(
                        "{stamp}, Error                 SP     Operation failed: Made up {number}. Error: {code}[gle=0x00000002]\r\n"
                    );
                    if self.random.below(2) == 0 {
                        self.setup += &format!(
                            "{stamp}, Info                  SP     ExecuteOperations: Successfully processed execution phase {number}\r\n"
                        );
                    }
                }
                _ => {
                    self.cbs(day, second, "Info", "CBS", &format!("WER: Generating failure report for package: {package}, status: {code}, failure source: Execute, start state: Absent, target state: Installed, client id: WindowsUpdateAgent"));
                }
            }
        }
        while let Some(at) = pending.iter().position(|(due, _)| *due <= day) {
            let (_, package) = pending.swap_remove(at);
            let second = 300 + self.random.below(200);
            let result = if self.random.below(2) == 0 {
                "0x0"
            } else {
                "0x800f0922"
            };
            let state = if result == "0x0" {
                "Installed"
            } else {
                "Absent"
            };
            self.cbs(day, second, "Info", "CBS", &format!("Startup: Package: {package} completed startup processing, new state: {state}, original: Installed, targeted: Installed. hr = {result}"));
        }
    }

    fn live(mut self, days: usize) -> Vec<(String, String)> {
        let mut pending = Vec::new();
        for day in 0..days {
            self.day(day, &mut pending);
        }
        // As Windows logs them: each file in the order of its times.
        let sorted = |text: String| {
            let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
            lines.sort_by_key(|line| line.get(..40).unwrap_or_default().to_owned());
            lines.concat()
        };
        let [old, new] = self.cbs;
        [
            ("CbsPersist_1.log", sorted(old)),
            ("CBS.log", sorted(new)),
            ("dism.log", sorted(self.dism)),
            ("events.jsonl", self.events),
            ("setupact.log", sorted(self.setup)),
        ]
        .into_iter()
        .filter(|(_, text)| !text.is_empty())
        .map(|(name, text)| (name.to_owned(), text))
        .collect()
    }
}

/// A log cut at random lines.
fn cut(random: &mut Random, stream: u64, path: &str, text: &str) -> Vec<Chunk> {
    let mut cut = Vec::new();
    for chunk in chunks(stream, path, text.as_bytes()) {
        let mut offset = chunk.offset;
        let mut lines = chunk.text.split_inclusive('\n').peekable();
        while lines.peek().is_some() {
            let part: String = lines.by_ref().take(1 + random.below(3)).collect();
            cut.push(Chunk {
                offset,
                length: part.len() as u64,
                open: false,
                text: part.clone(),
                ..chunk.clone()
            });
            offset += part.len() as u64;
        }
    }
    cut
}

#[test]
fn days_derived_one_by_one_make_the_month_that_all_at_once_makes() {
    let rules = Rules::shipped();
    for seed in 0..40 {
        let logs = Life::of(seed).live(75);
        let mut random = Random(seed ^ 0xC0FF_EE00);
        let mut parts: Vec<Chunk> = (0..)
            .zip(&logs)
            .flat_map(|(stream, (path, text))| cut(&mut random, stream, path, text))
            .collect();
        let is_in_order = seed % 4 != 3;
        if is_in_order {
            parts.sort_by_key(|chunk| {
                let classified = classify(rules, chunk);
                (classified.first, chunk.stream, chunk.offset)
            });
        } else {
            for at in (1..parts.len()).rev() {
                parts.swap(at, random.below(at + 1));
            }
        }
        let mut store = Store::default();
        let mut parts = parts.into_iter().peekable();
        let mut batches = 0;
        while parts.peek().is_some() {
            let batch = parts.by_ref().take(1 + random.below(2));
            let batch = batch.map(|chunk| {
                let classified = classify(rules, &chunk);
                (chunk, classified)
            });
            store.take(rules, batch.collect());
            batches += 1;
            if batches % 60 == 0 {
                store.check(rules, &format!("seed {seed}, batch {batches}"));
            }
        }
        store.check(rules, &format!("seed {seed}"));
        let told: usize = store
            .days
            .values()
            .filter(|parts| !parts.is_empty())
            .count();
        assert!(told > 20, "seed {seed}: {told} days tell something");
        if is_in_order {
            assert!(
                store.derived < batches * 15,
                "seed {seed}: {} days derived for {batches} batches",
                store.derived
            );
        }
    }
}
