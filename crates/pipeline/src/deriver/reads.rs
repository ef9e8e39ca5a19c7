//! What is read at once, and how much of it may be held.

use event::{Month, Unit};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicUsize, Ordering},
};
use store::{Store, StoreError, UnitRows};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Months read together: units of a run share their neighbours, and memory stays bounded by months and not by history.
pub(super) const MONTHS_OF_A_RUN: usize = 6;

/// Endpoints read together at most: enough to share the cost of a question.
const MAX_ENDPOINTS: usize = 16;

/// Months of endpoints that are read with one question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Read {
    pub(super) tenant: String,
    pub(super) endpoints: Vec<String>,
    /// They follow each other.
    pub(super) months: Vec<Month>,
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

/// Rows, and the room that they take until they are derived.
pub(super) struct Answer<'a> {
    pub(super) rows: BTreeMap<String, UnitRows>,
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

    /// Reads it within a share of the memory; what is one unit alone within all of it, if it needs that.
    pub(super) async fn read(&self, store: &Store, read: &Read) -> Result<Answer<'_>, StoreError> {
        let result = self.read_within(store, read, self.share).await;
        match &result {
            Err(error) if error.is_too_large() => {
                if read.endpoints.len() > 1 {
                    let fewer = (read.endpoints.len() / 2).max(1);
                    self.endpoints.fetch_min(fewer, Ordering::Relaxed);
                } else if read.months.len() == 1 && !error.is_timeout() {
                    return self.read_within(store, read, self.bytes).await;
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
        bytes: u64,
    ) -> Result<Answer<'_>, StoreError> {
        let room = self.room.acquire_many(kib(bytes)).await;
        #[expect(clippy::expect_used, reason = "nobody closes the semaphore")]
        let room = room.expect("the room is never closed");
        let names: Vec<&str> = read.endpoints.iter().map(String::as_str).collect();
        let (Some(&from), Some(&to)) = (read.months.first(), read.months.last()) else {
            return Ok(Answer {
                rows: BTreeMap::new(),
                _room: room,
            });
        };
        let rows = store
            .unit_rows_of(&read.tenant, &names, from, to, bytes)
            .await?;
        Ok(Answer { rows, _room: room })
    }
}

impl Read {
    /// Two that ask for as much: first the endpoints are parted, then the months. None of one unit.
    pub(super) fn halve(mut self) -> Result<(Self, Self), Unit> {
        let mut rest = self.clone();
        if self.endpoints.len() > 1 {
            rest.endpoints = self.endpoints.split_off(self.endpoints.len() / 2);
        } else if self.months.len() > 1 {
            rest.months = self.months.split_off(self.months.len() / 2);
        } else {
            return Err(Unit {
                tenant: self.tenant,
                endpoint: self.endpoints.pop().unwrap_or_default(),
                month: self.months.pop().unwrap_or(Month::FAR_OFF),
            });
        }
        Ok((self, rest))
    }
}

fn kib(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(1024).max(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_is_halved_down_to_its_units() {
        let month = Month::from_yyyymm(202208);
        let mut open = vec![Read {
            tenant: "t".to_owned(),
            endpoints: (0..5).map(|number| format!("e{number}")).collect(),
            months: vec![month.before(), month, month.after()],
        }];
        let mut units = Vec::new();
        while let Some(read) = open.pop() {
            match read.halve() {
                Ok((half, rest)) => open.extend([half, rest]),
                Err(unit) => units.push(unit),
            }
        }
        units.sort();
        units.dedup();
        assert_eq!(units.len(), 15);
    }
}
