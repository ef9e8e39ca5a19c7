//! What is handed out and what is acknowledged, per partition. Pure: no clock, no Kafka.

use super::start::{Mark, Start};
use super::{Delivery, Gap, Record};
use crate::record::Content;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// A partition of a topic.
pub(crate) type Place = (Arc<str>, i32);

/// Says which delivery is meant when it is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Receipt {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: i32,
    pub(crate) offset: i64,
    /// Which time this partition was ours: what was handed out before it was taken away is nobody's any more.
    pub(crate) epoch: u64,
}

impl Receipt {
    /// The topic.
    pub fn topic(&self) -> &str {
        &self.topic
    }

    /// The partition.
    pub fn partition(&self) -> i32 {
        self.partition
    }

    /// The record's offset; of a gap, the first offset that is gone.
    pub fn offset(&self) -> i64 {
        self.offset
    }
}

/// A record as it came, before it is judged.
pub(crate) struct Received {
    pub(crate) offset: i64,
    pub(crate) timestamp_ms: Option<i64>,
    pub(crate) content: Content,
}

impl Received {
    fn mark(&self) -> Mark {
        Mark::new(
            self.content.key.as_deref(),
            self.content.value.as_deref(),
            self.timestamp_ms,
        )
    }

    fn bytes(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        length(&self.content.key) + length(&self.content.value)
    }
}

/// All partitions that are ours, and what waits to be handed out.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) partitions: BTreeMap<Place, Partition>,
    queue: VecDeque<Delivery>,
    epochs: u64,
    pub(crate) in_flight_bytes: usize,
    pub(crate) counts: Counts,
}

/// What happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) received: u64,
    pub(crate) received_bytes: u64,
    pub(crate) acknowledged: u64,
    pub(crate) stale: u64,
    pub(crate) gaps: u64,
    pub(crate) from_earliest: u64,
}

/// A partition that is ours.
///
/// Invariant: `slots` are sorted by offset, and everything below `position` is acknowledged.
pub(crate) struct Partition {
    epoch: u64,
    /// Next to hand out.
    expected: i64,
    /// The record before `expected` must have this mark; it is read for that alone.
    verify: Option<Mark>,
    slots: VecDeque<Slot>,
    /// How many of the first slots the caller holds or has acknowledged; the rest waits in the queue.
    taken: usize,
    pub(crate) position: i64,
    pub(crate) last: Option<Mark>,
    /// What the group knows; none before the first commit.
    pub(crate) committed: Option<i64>,
    /// One after the last offset of the log, as far as known.
    pub(crate) high: Option<i64>,
    pub(crate) halted: Option<String>,
    /// Being taken away: nothing new is handed out.
    is_leaving: bool,
    /// Told to Kafka's client.
    pub(crate) is_paused: bool,
}

struct Slot {
    offset: i64,
    /// Where the partition stands once this is acknowledged.
    next: i64,
    mark: Option<Mark>,
    timestamp_ms: Option<i64>,
    bytes: usize,
    is_acknowledged: bool,
}

impl Partition {
    /// Handed out and not acknowledged.
    pub(crate) fn in_flight(&self) -> usize {
        self.slots
            .iter()
            .take(self.taken)
            .filter(|slot| !slot.is_acknowledged)
            .count()
    }

    /// The time of the oldest record that is here and not acknowledged.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.slots.iter().find_map(|slot| slot.timestamp_ms)
    }

    /// Where to start fetching.
    pub(crate) fn fetch_from(&self) -> i64 {
        self.expected - i64::from(self.verify.is_some())
    }
}

/// What is to be committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) place: Place,
    pub(crate) epoch: u64,
    pub(crate) position: i64,
    pub(crate) mark: Option<Mark>,
}

impl Ledger {
    /// Takes a partition over.
    pub(crate) fn assign(&mut self, place: Place, start: Start) {
        self.remove(std::slice::from_ref(&place));
        self.epochs += 1;
        let mut partition = Partition {
            epoch: self.epochs,
            expected: 0,
            verify: None,
            slots: VecDeque::new(),
            taken: 0,
            position: 0,
            last: None,
            committed: None,
            high: None,
            halted: None,
            is_leaving: false,
            is_paused: false,
        };
        let mut cut = None;
        let next = match start {
            Start::Earliest { low } => {
                self.counts.from_earliest += 1;
                low
            }
            Start::Continue { next } => next,
            Start::Verify { next, mark } => {
                (partition.verify, partition.last) = (Some(mark), Some(mark));
                next
            }
            Start::Cut {
                next,
                low,
                is_empty,
                mark,
            } => {
                partition.last = mark;
                if is_empty {
                    // No record will come that shows it.
                    cut = Some(low);
                }
                next
            }
            Start::Halt { next, high } => {
                partition.halted = Some(format!(
                    "offset {next} is committed, but the log ends at {high}: the topic was made anew or its end is lost"
                ));
                next
            }
        };
        (partition.expected, partition.position) = (next, next);
        partition.committed = (!matches!(start, Start::Earliest { .. })).then_some(next);
        self.partitions.insert(place.clone(), partition);
        if let Some(low) = cut {
            self.gap(&place, low, None);
        }
    }

    /// Takes a record in. Records of partitions that are not ours, or are halted, are let go: they are read again by whom they concern.
    pub(crate) fn receive(&mut self, place: &Place, received: Received) {
        let Some(partition) = self.partitions.get_mut(place) else {
            return;
        };
        if partition.is_leaving || partition.halted.is_some() {
            return;
        }
        let mark = received.mark();
        if let Some(expected) = partition.verify.take()
            && received.offset == partition.expected - 1
        {
            if expected.hash != mark.hash {
                partition.halted = Some(format!(
                    "the record at offset {} is not the one that was read there: the topic was made anew or its end is lost",
                    received.offset
                ));
            }
            return;
        }
        if received.offset < partition.expected {
            partition.halted = Some(format!(
                "offset {} came after {}: the topic was made anew or its end is lost",
                received.offset,
                partition.expected - 1
            ));
            return;
        }
        if received.offset > partition.expected {
            self.gap(place, received.offset, received.timestamp_ms);
        }
        let Some(partition) = self.partitions.get_mut(place) else {
            return;
        };
        let (offset, bytes) = (received.offset, received.bytes());
        partition.slots.push_back(Slot {
            offset,
            next: offset + 1,
            mark: Some(mark),
            timestamp_ms: received.timestamp_ms,
            bytes,
            is_acknowledged: false,
        });
        partition.expected = offset + 1;
        partition.high = partition.high.max(Some(offset + 1));
        self.in_flight_bytes += bytes;
        self.counts.received += 1;
        self.counts.received_bytes += bytes as u64;
        self.queue.push_back(Delivery::Record(Record {
            receipt: Receipt {
                topic: Arc::clone(&place.0),
                partition: place.1,
                offset,
                epoch: partition.epoch,
            },
            timestamp_ms: received.timestamp_ms,
            content: received.content,
        }));
    }

    /// Everything from what was expected up to `to` is gone.
    fn gap(&mut self, place: &Place, to: i64, first_after_ms: Option<i64>) {
        let Some(partition) = self.partitions.get_mut(place) else {
            return;
        };
        let from = partition.expected;
        let last_before_ms = match partition.slots.back() {
            Some(slot) => slot.timestamp_ms,
            None => partition.last.and_then(|mark| mark.timestamp_ms),
        };
        partition.slots.push_back(Slot {
            offset: from,
            next: to,
            mark: None,
            timestamp_ms: None,
            bytes: 0,
            is_acknowledged: false,
        });
        partition.expected = to;
        self.counts.gaps += 1;
        self.queue.push_back(Delivery::Gap(Gap {
            receipt: Receipt {
                topic: Arc::clone(&place.0),
                partition: place.1,
                offset: from,
                epoch: partition.epoch,
            },
            from,
            to,
            last_before_ms,
            first_after_ms,
        }));
    }

    /// Hands the next delivery out.
    pub(crate) fn take(&mut self) -> Option<Delivery> {
        let delivery = self.queue.pop_front()?;
        let receipt = delivery.receipt();
        // The queue holds only deliveries of partitions that are ours: `remove` and `leave` see to that.
        if let Some(partition) = self
            .partitions
            .get_mut(&(Arc::clone(&receipt.topic), receipt.partition))
        {
            partition.taken += 1;
        }
        Some(delivery)
    }

    /// Deliveries that are here, not acknowledged or behind one that is not.
    pub(crate) fn records(&self) -> usize {
        let partitions = self.partitions.values();
        partitions.map(|partition| partition.slots.len()).sum()
    }

    /// Whether something waits to be handed out.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.queue.is_empty()
    }

    /// A delivery is done with. In any order, more than once, and too late: all is well.
    ///
    /// Says whether somebody waits for it, because its partition is being given up.
    pub(crate) fn acknowledge(&mut self, receipt: &Receipt) -> bool {
        let place = (Arc::clone(&receipt.topic), receipt.partition);
        let Some(partition) = self
            .partitions
            .get_mut(&place)
            .filter(|partition| partition.epoch == receipt.epoch)
        else {
            self.counts.stale += 1;
            return false;
        };
        let Ok(at) = partition
            .slots
            .binary_search_by_key(&receipt.offset, |slot| slot.offset)
        else {
            // Acknowledged before.
            return false;
        };
        let slot = &mut partition.slots[at];
        if !slot.is_acknowledged {
            slot.is_acknowledged = true;
            self.in_flight_bytes -= slot.bytes;
            self.counts.acknowledged += 1;
        }
        while let Some(slot) = partition.slots.front()
            && slot.is_acknowledged
        {
            (partition.position, partition.last) = (slot.next, slot.mark);
            partition.slots.pop_front();
            partition.taken -= 1;
        }
        partition.is_leaving
    }

    /// Stops a partition where it stands; `false` when it is not ours any more.
    pub(crate) fn halt(&mut self, receipt: &Receipt, reason: &str) -> bool {
        let place = (Arc::clone(&receipt.topic), receipt.partition);
        let Some(partition) = self
            .partitions
            .get_mut(&place)
            .filter(|partition| partition.epoch == receipt.epoch)
        else {
            return false;
        };
        partition.halted.get_or_insert_with(|| reason.to_owned());
        self.drop_waiting(std::slice::from_ref(&place));
        true
    }

    /// Nothing more of these partitions is handed out; what the caller holds may still be acknowledged.
    pub(crate) fn leave(&mut self, places: &[Place]) {
        for place in places {
            if let Some(partition) = self.partitions.get_mut(place) {
                partition.is_leaving = true;
            }
        }
        self.drop_waiting(places);
    }

    /// These partitions are not ours any more.
    pub(crate) fn remove(&mut self, places: &[Place]) {
        self.drop_waiting(places);
        for place in places {
            if let Some(partition) = self.partitions.remove(place) {
                let held = partition.slots.iter().filter(|slot| !slot.is_acknowledged);
                self.in_flight_bytes -= held.map(|slot| slot.bytes).sum::<usize>();
            }
        }
    }

    /// Forgets what waits in the queue: it is read again by whoever has the partition then.
    fn drop_waiting(&mut self, places: &[Place]) {
        self.queue.retain(|delivery| {
            let receipt = delivery.receipt();
            !places.iter().any(|(topic, partition)| {
                *topic == receipt.topic && *partition == receipt.partition
            })
        });
        for place in places {
            if let Some(partition) = self.partitions.get_mut(place) {
                for slot in partition.slots.drain(partition.taken..) {
                    self.in_flight_bytes -= slot.bytes;
                }
            }
        }
    }

    /// Whether the caller holds nothing of these partitions.
    pub(crate) fn is_settled(&self, places: &[Place]) -> bool {
        places
            .iter()
            .filter_map(|place| self.partitions.get(place))
            .all(|partition| partition.in_flight() == 0)
    }

    /// What the group does not know yet.
    pub(crate) fn to_commit(&self) -> Vec<Commit> {
        self.partitions
            .iter()
            // A partition that starts at the earliest record and has acknowledged nothing has nothing to say.
            .filter(|(_, partition)| {
                partition.committed != Some(partition.position)
                    && (partition.committed.is_some() || partition.last.is_some())
            })
            .map(|(place, partition)| Commit {
                place: place.clone(),
                epoch: partition.epoch,
                position: partition.position,
                mark: partition.last,
            })
            .collect()
    }

    /// The group knows these now.
    pub(crate) fn committed(&mut self, commits: &[Commit]) {
        for commit in commits {
            if let Some(partition) = self
                .partitions
                .get_mut(&commit.place)
                .filter(|partition| partition.epoch == commit.epoch)
            {
                partition.committed = partition.committed.max(Some(commit.position));
            }
        }
    }
}

#[cfg(test)]
mod tests;
