//! What is read at once, and how much of it may be held.

use super::{held::Held, plan::Plan};
use event::{Day, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};
use store::{AskedDays, Store, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Endpoints asked for together at most: enough to share the cost of a question.
pub(super) const MAX_ENDPOINTS: usize = 64;

/// About what a row of an event takes in the engine beside its text: those of `benches/history` of the binary, of 75 bytes of text, are
/// read as 184 bytes each, and fewer columns of theirs are filled than others have.
const ROW_BYTES: u64 = 128;

/// Days of endpoints read together at most: a month of each.
const MAX_DAYS: usize = MAX_ENDPOINTS * 31;

/// Days of endpoints that are read with one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) tenant: String,
    pub(super) endpoints: BTreeMap<String, Plan>,
}

/// What reads share: the memory for their answers, and what was learnt of how much fits.
pub(super) struct Reads {
    /// KiB that answers may take, all jobs together.
    room: Semaphore,
    bytes: u64,
    /// Of that, what one answer may take while others are read beside it.
    share: u64,
    /// Days of endpoints that are read together just now. Days and not endpoints, because one that appends needs two and one that is new a
    /// month: what a backlog has taught must not part those that append.
    days: AtomicUsize,
}

/// What is held of endpoints, and the room that it takes until it is derived.
pub(super) struct Answer<'a> {
    pub(super) endpoints: BTreeMap<String, Held>,
    _room: SemaphorePermit<'a>,
}

impl Answer<'_> {
    /// About what the engine takes it for.
    fn bytes(&self) -> u64 {
        let events = self.endpoints.values().flat_map(|held| &held.inputs.events);
        events
            .map(|event| ROW_BYTES + event.text.len() as u64)
            .sum()
    }
}

impl Reads {
    pub(super) fn new(bytes: u64, parallel: usize) -> Self {
        let jobs = u64::try_from(parallel.max(1)).unwrap_or(1);
        Self {
            room: Semaphore::new(kib(bytes) as usize),
            bytes,
            share: (bytes / (2 * jobs)).max(1),
            days: AtomicUsize::new(MAX_DAYS),
        }
    }

    /// Whether this is more than is read together just now.
    pub(super) fn is_too_much(&self, read: &Read) -> bool {
        read.size() > self.days.load(Ordering::Relaxed)
    }

    /// One that did not fit parts those that follow in half.
    fn was_too_much(&self, read: &Read) {
        let fewer = (read.size() / 2).max(1);
        self.days.fetch_min(fewer, Ordering::Relaxed);
    }

    /// As many days as would take most of a share if they held as much as these, but no more than twice as many.
    fn did_fit(&self, read: &Read, bytes: u64) {
        let size = read.size();
        // A small one tells nothing of others.
        if size > self.days.load(Ordering::Relaxed) / 2 {
            let of_a_day = (bytes / size.max(1) as u64).max(1);
            let fit = usize::try_from(self.share / 4 * 3 / of_a_day).unwrap_or(MAX_DAYS);
            let more = fit.clamp(1, 2 * size).min(MAX_DAYS);
            self.days.store(more, Ordering::Relaxed);
        }
    }

    /// Room for an answer of its own, and how much: a share of the memory, or all of it for what is nothing but one unit or day.
    pub(super) async fn room(&self, is_one: bool) -> (SemaphorePermit<'_>, u64) {
        let bytes = if is_one { self.bytes } else { self.share };
        let room = self.room.acquire_many(kib(bytes)).await;
        #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
        let room = room.expect("the room is never closed");
        (room, bytes)
    }

    /// Reads it within a share of the memory; what is one day alone within all of it, if it needs that.
    pub(super) async fn read(
        &self,
        store: &Store,
        read: &Read,
        rule_set: u32,
    ) -> Result<Answer<'_>, StoreError> {
        let result = self.read_within(store, read, rule_set, false).await;
        match &result {
            Err(error) if error.is_too_large() => {
                if read.endpoints.len() > 1 {
                    self.was_too_much(read);
                } else if read.possible().len() <= 1 && !error.is_timeout() {
                    return self.read_within(store, read, rule_set, true).await;
                }
            }
            Ok(answer) => self.did_fit(read, answer.bytes()),
            Err(_) => {}
        }
        result
    }

    async fn read_within(
        &self,
        store: &Store,
        read: &Read,
        rule_set: u32,
        is_one: bool,
    ) -> Result<Answer<'_>, StoreError> {
        let (room, bytes) = self.room(is_one).await;
        let names: Vec<&str> = read.endpoints.keys().map(String::as_str).collect();
        let mut endpoints: BTreeMap<String, Held> = BTreeMap::new();
        // Streams first: they are written after the events they stand for, so the events read next miss none of theirs, and whatever
        // arrives in between only makes this derivation count as less informed than the one that follows.
        let months = read.months();
        if let (Some(&first), Some(&last)) = (months.first(), months.last()) {
            let streams = store
                .stream_facts_of(&read.tenant, &names, first, last, bytes)
                .await?;
            for (endpoint, streams) in streams {
                endpoints.entry(endpoint).or_default().streams = streams;
            }
        }
        let full: Vec<Day> = read.read_in_full().into_iter().collect();
        if let (Some(&first), Some(&last)) = (full.first(), full.last()) {
            let days = AskedDays {
                full: &full,
                from: first.plus(-Day::HORIZON),
                to: last.plus(Day::HORIZON),
                rule_set,
            };
            let inputs = store.day_inputs(&read.tenant, &names, days, bytes).await?;
            for (endpoint, inputs) in inputs {
                endpoints.entry(endpoint).or_default().inputs = inputs;
            }
        }
        Ok(Answer {
            endpoints,
            _room: room,
        })
    }
}

impl Read {
    /// Months that get another answer.
    fn months(&self) -> BTreeSet<Month> {
        let plans = self.endpoints.values();
        plans
            .flat_map(|plan| plan.months().iter().copied())
            .collect()
    }

    /// Days of endpoints of which everything is read: one question asks for the same days of all.
    fn size(&self) -> usize {
        self.endpoints.len() * self.read_in_full().len()
    }

    fn possible(&self) -> BTreeSet<Day> {
        self.endpoints.values().flat_map(Plan::possible).collect()
    }

    fn read_in_full(&self) -> BTreeSet<Day> {
        let plans = self.endpoints.values();
        plans.flat_map(Plan::read_in_full).collect()
    }

    /// Takes half of the endpoints out. None of one.
    pub(super) fn part(&mut self) -> Option<Self> {
        let half = self.endpoints.len() / 2;
        let middle = self.endpoints.keys().nth(half).cloned()?;
        (half > 0).then(|| Self {
            tenant: self.tenant.clone(),
            endpoints: self.endpoints.split_off(&middle),
        })
    }

    /// Two that ask for as much: first the endpoints are parted, then the days. None of one day.
    pub(super) fn halve(mut self) -> Result<(Self, Self), Unit> {
        if let Some(rest) = self.part() {
            return Ok((self, rest));
        }
        let mut rest = self.clone();
        let days: Vec<Day> = self.possible().into_iter().collect();
        if days.len() > 1 {
            let middle = days[days.len() / 2];
            let plans = self.endpoints.iter_mut();
            let halves = plans.map(|(name, plan)| (name.clone(), plan.split_off(middle)));
            rest.endpoints = halves.collect();
            return Ok((self, rest));
        }
        let of_day = days.first().map(|day| day.month());
        let of_news = self.months().pop_first();
        let endpoint = self.endpoints.pop_first();
        Err(Unit {
            tenant: self.tenant,
            endpoint: endpoint.map(|(name, _)| name).unwrap_or_default(),
            month: of_day.or(of_news).unwrap_or(Month::FAR_OFF),
        })
    }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::UnitNews;
    use store::OpenNews;

    /// Of so many endpoints the same days.
    fn read_of(endpoints: usize, days: std::ops::RangeInclusive<u16>) -> Read {
        let month = Day::new(*days.start()).month();
        let news = OpenNews {
            unit: Unit {
                tenant: "t".to_owned(),
                endpoint: String::new(),
                month,
            },
            ids: vec![1],
            news: UnitNews {
                days: days.map(Day::new).collect(),
                links: BTreeSet::new(),
            },
        };
        let plan = Plan::of(&[&news], &[], |_| true);
        Read {
            tenant: "t".to_owned(),
            endpoints: (0..endpoints)
                .map(|number| (format!("e{number:02}"), plan.clone()))
                .collect(),
        }
    }

    #[test]
    fn what_months_have_taught_does_not_part_single_days() {
        let reads = Reads::new(64 << 20, 2);
        // 2026-03-02 to -31: with the day before 31 days of each.
        let months = read_of(8, 20_514..=20_543);
        assert!(!reads.is_too_much(&months));
        reads.was_too_much(&months);
        assert!(reads.is_too_much(&months));
        let single = read_of(58, 20_543..=20_543);
        assert!(!reads.is_too_much(&single));
        let more = read_of(64, 20_543..=20_543);
        assert!(reads.is_too_much(&more));
    }

    #[test]
    fn more_is_read_together_where_less_came_and_no_more_than_fits() {
        let reads = Reads::new(64 << 20, 2);
        reads.was_too_much(&read_of(20, 20_543..=20_543));
        let read = read_of(10, 20_543..=20_543);
        // As many again, and no more at once.
        reads.did_fit(&read, 40_000);
        assert!(!reads.is_too_much(&read_of(20, 20_543..=20_543)));
        assert!(reads.is_too_much(&read_of(21, 20_543..=20_543)));
        // 40 days of 1,000 events of 200 bytes each: of a share of 16 MiB most is 12 MiB, which 62 such days take.
        reads.did_fit(&read_of(20, 20_543..=20_543), 8_000_000);
        assert!(!reads.is_too_much(&read_of(31, 20_543..=20_543)));
        assert!(reads.is_too_much(&read_of(32, 20_543..=20_543)));
        // A single one says nothing of those.
        reads.did_fit(&read_of(1, 20_543..=20_543), 8_000_000);
        assert!(!reads.is_too_much(&read_of(31, 20_543..=20_543)));
    }

    #[test]
    fn endpoints_are_parted_in_half_and_one_is_not() {
        let mut read = read_of(5, 20_543..=20_543);
        let rest = read.part();
        assert_eq!(read.endpoints.len(), 2);
        assert_eq!(rest.map(|rest| rest.endpoints.len()), Some(3));
        assert_eq!(read_of(1, 20_543..=20_543).part(), None);
    }

    #[test]
    fn a_read_is_halved_down_to_its_days() {
        let month = Month::from_yyyymm(202208);
        let news: Vec<OpenNews> = [month.before(), month, month.after()]
            .map(|month| OpenNews {
                unit: Unit {
                    tenant: "t".to_owned(),
                    endpoint: String::new(),
                    month,
                },
                ids: vec![1],
                news: UnitNews::of_all_days(),
            })
            .into();
        let plan = Plan::of(&news.iter().collect::<Vec<_>>(), &[], |_| true);
        let mut open = vec![Read {
            tenant: "t".to_owned(),
            endpoints: (0..5)
                .map(|number| (format!("e{number}"), plan.clone()))
                .collect(),
        }];
        let mut units = Vec::new();
        while let Some(read) = open.pop() {
            match read.halve() {
                Ok((half, rest)) => open.extend([half, rest]),
                Err(unit) => units.push(unit),
            }
        }
        assert_eq!(units.len(), 5 * (31 + 31 + 30));
        units.sort();
        units.dedup();
        assert_eq!(units.len(), 15);
    }
}
