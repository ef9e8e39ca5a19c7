//! What is read at once, and how much of it may be held.

use super::{held::Held, plan::Plan};
use event::{Day, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::atomic::{AtomicUsize, Ordering},
};
use store::{AskedDays, Store, StoreError};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Endpoints read together at most: enough to share the cost of a question.
const MAX_ENDPOINTS: usize = 64;

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
    endpoints: AtomicUsize,
}

/// What is held of endpoints, and the room that it takes until it is derived.
pub(super) struct Answer<'a> {
    pub(super) endpoints: BTreeMap<String, Held>,
    _room: SemaphorePermit<'a>,
}

impl Reads {
    pub(super) fn new(bytes: u64, parallel: usize) -> Self {
        let jobs = u64::try_from(parallel.max(1)).unwrap_or(1);
        Self {
            room: Semaphore::new(kib(bytes) as usize),
            bytes,
            share: (bytes / (2 * jobs)).max(1),
            endpoints: AtomicUsize::new(MAX_ENDPOINTS),
        }
    }

    /// How many endpoints are read together just now.
    pub(super) fn endpoints(&self) -> usize {
        self.endpoints.load(Ordering::Relaxed).max(1)
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
                    let fewer = (read.endpoints.len() / 2).max(1);
                    self.endpoints.fetch_min(fewer, Ordering::Relaxed);
                } else if read.possible().len() <= 1 && !error.is_timeout() {
                    return self.read_within(store, read, rule_set, true).await;
                }
            }
            // What fits may be more the next time: one more after each success, half after a failure.
            Ok(_) if read.endpoints.len() == self.endpoints() => {
                let more = (read.endpoints.len() + 1).min(MAX_ENDPOINTS);
                self.endpoints.store(more, Ordering::Relaxed);
            }
            _ => {}
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

    fn possible(&self) -> BTreeSet<Day> {
        self.endpoints.values().flat_map(Plan::possible).collect()
    }

    fn read_in_full(&self) -> BTreeSet<Day> {
        let plans = self.endpoints.values();
        plans.flat_map(Plan::read_in_full).collect()
    }

    /// Two that ask for as much: first the endpoints are parted, then the days. None of one day.
    pub(super) fn halve(mut self) -> Result<(Self, Self), Unit> {
        let mut rest = self.clone();
        let days: Vec<Day> = self.possible().into_iter().collect();
        let middle = self.endpoints.keys().nth(self.endpoints.len() / 2);
        if let Some(middle) = middle.cloned().filter(|_| self.endpoints.len() > 1) {
            rest.endpoints = self.endpoints.split_off(&middle);
            return Ok((self, rest));
        }
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
