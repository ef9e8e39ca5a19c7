//! What is known of one partition that is ours.

use crate::consumer::care::Care;
use crate::consumer::start::Mark;
use std::collections::VecDeque;
use std::time::Instant;

/// A partition that is ours.
///
/// Invariant: `slots` are sorted by offset, and everything below `position` is acknowledged.
pub(crate) struct Partition {
    pub(super) epoch: u64,
    /// Next to hand out.
    pub(super) expected: i64,
    /// The record before `expected` must have this mark; it is read for that alone.
    pub(super) verify: Option<Mark>,
    pub(super) slots: VecDeque<Slot>,
    /// How many of the first slots the caller holds or has acknowledged; the rest waits in the queue.
    pub(super) taken: usize,
    pub(crate) position: i64,
    pub(crate) last: Option<Mark>,
    /// What the group knows; none before the first commit.
    pub(crate) committed: Option<i64>,
    /// One after the last offset of the log, as far as known.
    pub(crate) high: Option<i64>,
    pub(crate) halted: Option<String>,
    /// Halted because the log is not the one that the group knows: nothing about it is the group's to know.
    pub(super) is_other_log: bool,
    /// Being taken away: nothing new is handed out.
    pub(super) is_leaving: bool,
    /// Told to Kafka's client.
    pub(crate) is_paused: bool,
    pub(super) care: Care,
    /// The group knows of `care`: only then is anything handed out, so that the next owner knows what died here.
    pub(super) is_announced: bool,
    /// Handed out in this window.
    pub(super) handed_out: u32,
    /// When the lone record was handed out.
    pub(super) alone_since: Option<Instant>,
    /// Where the log ended when the partition became ours: what the last owner died of lies below, or nowhere.
    pub(super) suspects_end: i64,
}

/// A delivery that is not acknowledged, or stands behind one.
pub(super) struct Slot {
    pub(super) offset: i64,
    /// Where the partition stands once this is acknowledged.
    pub(super) next: i64,
    pub(super) mark: Option<Mark>,
    pub(super) timestamp_ms: Option<i64>,
    pub(super) bytes: usize,
    pub(super) is_acknowledged: bool,
    /// The caller will not acknowledge it: it waits for a person.
    pub(super) is_given_back: bool,
}

impl Slot {
    /// Somebody works on it, or will.
    fn is_open(&self) -> bool {
        !self.is_acknowledged && !self.is_given_back
    }
}

impl Partition {
    /// Handed out, and neither acknowledged nor given back.
    pub(crate) fn in_flight(&self) -> usize {
        self.slots
            .iter()
            .take(self.taken)
            .filter(|slot| slot.is_open())
            .count()
    }

    /// What it takes of the bound on records.
    pub(super) fn records(&self) -> usize {
        if self.halted.is_some() {
            self.slots.iter().filter(|slot| slot.is_open()).count()
        } else {
            self.slots.len()
        }
    }

    /// Stops where it stands, because this is not the log that the group knows.
    pub(super) fn halt_other_log(&mut self, reason: String) {
        (self.halted, self.is_other_log) = (Some(reason), true);
    }

    /// The time of the oldest record that is here and not acknowledged.
    pub(crate) fn oldest_ms(&self) -> Option<i64> {
        self.slots.iter().find_map(|slot| slot.timestamp_ms)
    }

    /// How it is worked on.
    pub(crate) fn care(&self) -> Care {
        self.care
    }

    /// What the group is told.
    pub(super) fn written_care(&self) -> Care {
        if self.is_leaving {
            self.care.left()
        } else {
            self.care
        }
    }

    /// Another way of working, which the group must know before it begins.
    pub(super) fn work_with(&mut self, care: Care) {
        (self.care, self.is_announced, self.handed_out) = (care, false, 0);
        self.alone_since = None;
    }

    /// How the partition is worked on after what was acknowledged, where that changes.
    pub(super) fn passed(&self) -> Option<Care> {
        let is_over = match self.care {
            Care::Clean | Care::Working => return None,
            // What was there when the last owner died has passed; it never had what came since.
            _ if self.position >= self.suspects_end => return Some(Care::Working),
            Care::Window(window) => self.handed_out >= window,
            Care::Alone(_) | Care::Rest { .. } => self.handed_out > 0,
        };
        (is_over && self.taken == 0).then(|| self.care.passed())
    }

    /// Whether more may be handed out, seen from this partition alone.
    pub(super) fn has_room(&self) -> bool {
        self.is_announced
            && match self.care {
                Care::Clean | Care::Working => true,
                Care::Window(window) => self.handed_out < window,
                Care::Alone(_) => self.handed_out == 0,
                Care::Rest { .. } => self.care.is_given_up() && self.handed_out == 0,
            }
    }

    /// A lone record waits for its turn.
    pub(super) fn wants_turn(&self) -> bool {
        matches!(self.care, Care::Rest { .. })
            && !self.care.is_given_up()
            && !self.is_leaving
            && self.halted.is_none()
            && self.slots.len() > self.taken
    }

    /// Its lone record is in flight, but announced no more: see [`super::LONGEST_ALONE`].
    pub(super) fn lone_waits(&self) -> bool {
        matches!(self.care, Care::Rest { .. }) && !self.care.is_given_up() && self.in_flight() > 0
    }

    /// Whether nothing more is to be fetched of it for now: one record at a time is handed out, and what waits behind it would take
    /// the room of the others for as long as that one takes.
    pub(crate) fn has_enough(&self) -> bool {
        matches!(self.care, Care::Alone(_) | Care::Rest { .. }) && !self.slots.is_empty()
    }

    /// Where to start fetching.
    pub(crate) fn fetch_from(&self) -> i64 {
        self.expected - i64::from(self.verify.is_some())
    }
}
