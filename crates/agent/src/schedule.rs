//! Whose turn it is: each machine's next moment, brought forward by a change that is reported.

use crate::turn::Next;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A change is often one of many: a line a time. So long is waited for the others.
const GATHER: Duration = Duration::from_millis(200);

/// When each of some places is due.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    inner: Mutex<Inner>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Inner {
    slots: Vec<Slot>,
    is_ending: bool,
}

#[derive(Clone, Debug)]
struct Slot {
    due: Instant,
    /// No change brings it before that.
    not_before: Instant,
    is_taken: bool,
    /// A change was reported while it was worked on.
    is_woken: bool,
}

impl Schedule {
    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another place, due after a while.
    pub(crate) fn add(&self, after: Duration) {
        let due = Instant::now() + after;
        self.lock().slots.push(Slot {
            due,
            not_before: due,
            is_taken: false,
            is_woken: false,
        });
        self.changed.notify_all();
    }

    /// Waits for a place that is due; nothing at the end.
    pub(crate) fn take(&self) -> Option<usize> {
        let mut inner = self.lock();
        loop {
            if inner.is_ending {
                return None;
            }
            let now = Instant::now();
            let first = inner
                .slots
                .iter()
                .enumerate()
                .filter(|(_, slot)| !slot.is_taken)
                .min_by_key(|(_, slot)| slot.due)
                .map(|(index, slot)| (index, slot.due));
            match first {
                Some((index, due)) if due <= now => {
                    if let Some(slot) = inner.slots.get_mut(index) {
                        slot.is_taken = true;
                        slot.is_woken = false;
                    }
                    return Some(index);
                }
                first => {
                    let wait = first.map_or(Duration::from_secs(60), |(_, due)| due - now);
                    inner = self
                        .changed
                        .wait_timeout(inner, wait)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0;
                }
            }
        }
    }

    /// A place was worked on.
    pub(crate) fn give_back(&self, index: usize, next: Next) {
        let mut inner = self.lock();
        if let Some(slot) = inner.slots.get_mut(index) {
            let now = Instant::now();
            let (due, not_before) = match next {
                Next::Within(wait) => (now + wait, now),
                Next::NotBefore(wait) => (now + wait, now + wait),
            };
            slot.is_taken = false;
            slot.not_before = not_before;
            slot.due = match slot.is_woken {
                true => due.min((now + GATHER).max(not_before)),
                false => due,
            };
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// Something changed in a place.
    pub(crate) fn wake(&self, index: usize) {
        let mut inner = self.lock();
        if let Some(slot) = inner.slots.get_mut(index) {
            let soon = (Instant::now() + GATHER).max(slot.not_before);
            slot.is_woken = true;
            if slot.due <= soon {
                return;
            }
            slot.due = soon;
        }
        drop(inner);
        self.changed.notify_all();
    }

    /// Nobody gets a turn any more. Elsewhere than on Windows the process is simply ended: it is made for being killed.
    #[cfg(any(windows, test))]
    pub(crate) fn end(&self) {
        self.lock().is_ending = true;
        self.changed.notify_all();
    }

    pub(crate) fn is_ending(&self) -> bool {
        self.lock().is_ending
    }

    /// Waits, unless it ends.
    pub(crate) fn sleep(&self, wait: Duration) {
        let until = Instant::now() + wait;
        let mut inner = self.lock();
        while !inner.is_ending {
            let Some(left) = until.checked_duration_since(Instant::now()) else {
                return;
            };
            inner = self
                .changed
                .wait_timeout(inner, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }
}

/// A bound on the bytes that all machines of this agent send together.
#[derive(Debug)]
pub(crate) struct Bandwidth {
    per_second: Option<u64>,
    /// Until when what was sent already takes.
    busy_until: Mutex<Instant>,
}

impl Bandwidth {
    pub(crate) fn new(per_second: Option<u64>) -> Self {
        Self {
            per_second,
            busy_until: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so much more may be sent.
    pub(crate) fn take(&self, bytes: u64, is_ending: &dyn Fn() -> bool) {
        let Some(per_second) = self.per_second.filter(|bound| *bound > 0) else {
            return;
        };
        let until = {
            let mut busy = self
                .busy_until
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            let time = Duration::from_secs_f64(bytes as f64 / per_second as f64);
            *busy = (*busy).max(Instant::now()) + time;
            *busy
        };
        while let Some(left) = until.checked_duration_since(Instant::now()) {
            if is_ending() {
                return;
            }
            std::thread::sleep(left.min(Duration::from_millis(250)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_brings_a_turn_forward_but_not_before_its_wait() {
        let schedule = Schedule::default();
        schedule.add(Duration::ZERO);
        let day = Duration::from_secs(86_400);
        assert_eq!(schedule.take(), Some(0));
        schedule.give_back(0, Next::Within(day));
        schedule.wake(0);
        // It would wait for a day otherwise.
        assert_eq!(schedule.take(), Some(0));
        schedule.wake(0);
        schedule.give_back(0, Next::NotBefore(day));
        schedule.wake(0);
        let due = schedule.lock().slots[0].due;
        assert!(due > Instant::now() + day / 2);
        schedule.end();
        assert_eq!(schedule.take(), None);
    }
}
