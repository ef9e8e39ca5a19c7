//! What is handed out and what is acknowledged, per partition. Pure: no clock, no Kafka.

mod partition;

use super::care::Care;
use super::start::{Mark, Start};
use super::{Delivery, Gap, Record};
use crate::record::Content;
use partition::{Partition, Slot};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

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

/// A record that is alone for longer waits for the store: classifying the largest chunk takes milliseconds. From then on the end of
/// the process is no longer held against it, so that kills during an outage of the store condemn nothing.
pub(super) const LONGEST_ALONE: Duration = Duration::from_secs(30);

/// All partitions that are ours, and what waits to be handed out.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) partitions: BTreeMap<Place, Partition>,
    queue: VecDeque<Delivery>,
    /// Whose record is in this process alone, or waits to be.
    turn: Option<Place>,
    /// A partition must be announced before anything of it is handed out.
    wants_commit: bool,
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

/// What is to be committed for a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Commit {
    pub(crate) place: Place,
    pub(crate) epoch: u64,
    pub(crate) position: i64,
    pub(crate) mark: Option<Mark>,
    pub(crate) care: Care,
}

impl Ledger {
    /// Takes a partition over whose log ends at `high`. `left` is how its last owner worked, where that is known.
    pub(crate) fn assign(&mut self, place: Place, start: Start, high: i64, left: Option<Care>) {
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
            high: Some(high),
            halted: None,
            is_other_log: false,
            is_leaving: false,
            is_paused: false,
            care: match (&start, left) {
                // Nobody has worked on it.
                (Start::Earliest { .. }, _) => Care::Working,
                // The record that died alone is gone.
                (Start::Cut { .. }, Some(Care::Alone(_) | Care::Rest { .. })) => Care::begin(None),
                (_, left) => Care::begin(left),
            },
            is_announced: false,
            handed_out: 0,
            alone_since: None,
            suspects_end: high,
        };
        self.wants_commit = true;
        let mut cut = None;
        let next = match start {
            Start::Earliest { low } => {
                self.counts.from_earliest += 1;
                partition.last = Mark::before(low);
                low
            }
            Start::Continue { next, mark } => {
                partition.last = mark;
                next
            }
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
                partition.halt_other_log(format!(
                    "offset {next} is committed, but the log ends at {high}: the topic was made anew or its end is lost"
                ));
                next
            }
        };
        (partition.expected, partition.position) = (next, next);
        if next >= high {
            // Nothing is left that the last owner could have died of.
            partition.care = Care::Working;
        }
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
                partition.halt_other_log(format!(
                    "the record at offset {} is not the one that was read there: the topic was made anew or its end is lost",
                    received.offset
                ));
            }
            return;
        }
        if received.offset < partition.expected {
            partition.halt_other_log(format!(
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
            is_given_back: false,
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
            died_alone: false,
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
            mark: Some(Mark::NOTHING),
            timestamp_ms: None,
            bytes: 0,
            is_acknowledged: false,
            is_given_back: false,
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
    pub(crate) fn take(&mut self, now: Instant) -> Option<Delivery> {
        self.take_turns();
        // In the usual case the first one may go.
        let at = self.queue.iter().position(|delivery| {
            let receipt = delivery.receipt();
            let place = (Arc::clone(&receipt.topic), receipt.partition);
            self.turn.as_ref().is_none_or(|turn| *turn == place)
                && self.partitions.get(&place).is_some_and(Partition::has_room)
        })?;
        let mut delivery = self.queue.remove(at)?;
        let receipt = delivery.receipt().clone();
        // The queue holds only deliveries of partitions that are ours: `remove` and `leave` see to that.
        if let Some(partition) = self
            .partitions
            .get_mut(&(Arc::clone(&receipt.topic), receipt.partition))
        {
            partition.taken += 1;
            partition.handed_out = partition.handed_out.saturating_add(1);
            if matches!(partition.care, Care::Alone(_)) {
                partition.alone_since = Some(now);
            }
            if let Delivery::Record(record) = &mut delivery {
                record.died_alone = partition.care.is_given_up();
            }
        }
        Some(delivery)
    }

    /// A lone record waits until nothing else is in flight in this process, and nothing is handed out beside it: else another
    /// partition's record could end the process in its name.
    fn take_turns(&mut self) {
        let partitions = &self.partitions;
        self.turn.take_if(|turn| {
            partitions.get(turn).is_none_or(|partition| {
                // It will hand nothing out, and the others must not wait for it. A lone record in flight they do wait for, until it
                // waits itself.
                (partition.halted.is_some() || partition.is_leaving) && partition.in_flight() == 0
                    || partition.lone_waits()
            })
        });
        // Beside a lone record that waits nothing is alone.
        if self.turn.is_none() && !self.partitions.values().any(Partition::lone_waits) {
            let mut waiting = self.partitions.iter();
            self.turn = waiting
                .find(|(_, partition)| partition.wants_turn())
                .map(|(place, _)| place.clone());
        }
        let Some(turn) = &self.turn else {
            return;
        };
        // What was given back waits for a person, and nobody works on it.
        let mut working = self.partitions.values();
        if working.any(|partition| partition.in_flight() > 0) {
            return;
        }
        if let Some(partition) = self.partitions.get_mut(turn)
            && let Care::Rest { deaths, .. } = partition.care
        {
            partition.work_with(Care::Alone(deaths));
            self.wants_commit = true;
        }
    }

    /// Takes the announcement of a lone record back that is not worked on but waits: see [`LONGEST_ALONE`].
    pub(crate) fn let_wait(&mut self, now: Instant) {
        for partition in self.partitions.values_mut() {
            let is_old = |since| now.saturating_duration_since(since) > LONGEST_ALONE;
            if partition.alone_since.is_some_and(is_old)
                && let Care::Alone(deaths) = partition.care
            {
                // Still handed out, so nothing else of its partition is until it is acknowledged. The others go on.
                partition.care = Care::Rest { window: 1, deaths };
                (partition.is_announced, partition.alone_since) = (false, None);
            }
        }
    }

    /// Whether the group does not know yet how some partition is worked on, so that nothing of it is handed out.
    pub(crate) fn is_unannounced(&self) -> bool {
        let mut partitions = self.partitions.values();
        partitions.any(|partition| !partition.is_announced && !partition.is_other_log)
    }

    /// Whether a commit must come before anything more can be handed out; asked once.
    pub(crate) fn wants_commit(&mut self) -> bool {
        std::mem::take(&mut self.wants_commit)
    }

    /// Whether an acknowledgement may be what others wait for.
    pub(crate) fn is_careful(&self) -> bool {
        let mut partitions = self.partitions.values();
        partitions.any(|partition| partition.care != Care::Working)
    }

    /// Deliveries that are here, not acknowledged or behind one that is not. Of a halted partition the latter never go, and their
    /// number cannot grow: others must not wait for them.
    pub(crate) fn records(&self) -> usize {
        let partitions = self.partitions.values();
        partitions.map(Partition::records).sum()
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
        let is_leaving = partition.is_leaving;
        // Also of a partition that is being given up: the next record must not be left with the deaths of this one.
        if let Some(care) = partition.passed() {
            partition.work_with(care);
            self.wants_commit = true;
            self.turn.take_if(|turn| *turn == place);
        }
        is_leaving
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
        if let Ok(at) = partition
            .slots
            .binary_search_by_key(&receipt.offset, |slot| slot.offset)
        {
            let slot = &mut partition.slots[at];
            slot.is_given_back = true;
            self.in_flight_bytes -= std::mem::take(&mut slot.bytes);
        }
        if let Care::Alone(deaths) = partition.care {
            // Not worked on any more, so what ends the process from now on is not this.
            partition.work_with(Care::Rest { window: 1, deaths });
            self.wants_commit = true;
        }
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
        self.turn.take_if(|turn| places.contains(turn));
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
            .filter(|(_, partition)| {
                let is_new = partition.committed != Some(partition.position);
                let is_other =
                    !partition.is_announced || partition.written_care() != partition.care;
                // Of another log than the group's only what was acknowledged is committed.
                is_other && !partition.is_other_log || is_new && partition.committed.is_some()
            })
            .map(|(place, partition)| Commit {
                place: place.clone(),
                epoch: partition.epoch,
                position: partition.position,
                mark: partition.last,
                care: partition.written_care(),
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
                partition.is_announced |= partition.care == commit.care;
            }
        }
    }
}

#[cfg(test)]
mod tests;
