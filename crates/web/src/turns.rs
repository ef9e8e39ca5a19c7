//! Turns: how many questions of one kind are answered at a time.

use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Questions of one kind that may wait. Past that they are told at once to come again, rather than hold a connection each.
const WAITING: usize = 32;

/// How long a question waits for its turn: several answers of a busy machine, and still within a reader's patience.
const WAIT: Duration = Duration::from_secs(10);

/// Turns of one kind of question. One page asks several things of the store at once, and ingestion shares the machine on as few as
/// two cores: more readers wait rather than slow the writers.
pub(crate) struct Turns {
    turns: Semaphore,
    /// Whoever waits or has a turn.
    places: Semaphore,
    wait: Duration,
}

impl Turns {
    pub(crate) fn new(at_once: usize) -> Self {
        Self {
            turns: Semaphore::new(at_once),
            places: Semaphore::new(at_once + WAITING),
            wait: WAIT,
        }
    }

    /// A turn once there is one; nothing where too many wait, or none came in time.
    pub(crate) async fn take(&self) -> Option<Turn<'_>> {
        let place = self.places.try_acquire().ok()?;
        let turn = tokio::time::timeout(self.wait, self.turns.acquire()).await;
        Some(Turn {
            _turn: turn.ok()?.expect("the semaphore is never closed"),
            _place: place,
        })
    }
}

/// Given back when dropped.
pub(crate) struct Turn<'a> {
    _turn: SemaphorePermit<'a>,
    _place: SemaphorePermit<'a>,
}

/// Each kind has turns of its own, so that whoever opens many heavy pages waits behind himself: the first page of everybody else,
/// which a control room looks at, still answers.
pub(crate) struct Kinds {
    /// The overview.
    pub(crate) overview: Turns,
    /// Lists and codes of the whole fleet.
    pub(crate) fleet: Turns,
    /// One machine: its page and its logs.
    pub(crate) machine: Turns,
    /// What is looked for as people type: whoever waits for a heavy list has not lost the box.
    pub(crate) search: Turns,
}

impl Default for Kinds {
    /// Six in all; two of those that people open beside each other. Guesses, to be measured.
    fn default() -> Self {
        Self {
            overview: Turns::new(2),
            fleet: Turns::new(1),
            machine: Turns::new(2),
            search: Turns::new(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_pages_of_machines_leave_the_overview_its_turns() {
        let kinds = Kinds {
            machine: Turns {
                wait: Duration::ZERO,
                ..Turns::new(2)
            },
            ..Kinds::default()
        };
        let first = kinds.machine.take().await.expect("a turn");
        let _second = kinds.machine.take().await.expect("a turn");
        for _ in 0..4 {
            assert!(kinds.machine.take().await.is_none(), "two at a time");
        }
        let _overview = kinds.overview.take().await.expect("turns of its own");
        let _fleet = kinds.fleet.take().await.expect("turns of its own");
        drop(first);
        assert!(kinds.machine.take().await.is_some(), "a turn comes back");
    }

    #[tokio::test]
    async fn a_full_queue_refuses_at_once_and_an_empty_one_hands_turns_on() {
        let turns = Turns::new(1);
        let held = turns.take().await.expect("a turn");
        let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(turns.take())).collect();
        for waiter in &mut waiting {
            // Polled once, each has its place and waits.
            let polled = std::future::poll_fn(|context| {
                std::task::Poll::Ready(waiter.as_mut().poll(context).is_pending())
            });
            assert!(polled.await);
        }
        assert!(turns.take().await.is_none(), "no place is left");
        drop(held);
        for waiter in waiting {
            assert!(waiter.await.is_some(), "each has its turn");
        }
        assert!(turns.take().await.is_some());
    }
}
