//! How often a robot may be told: one that is told too often is shut for minutes.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Counts what was sent within windows of time.
#[derive(Debug)]
pub(crate) struct Pace {
    /// So many within so long.
    limits: &'static [(usize, Duration)],
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    sent: VecDeque<Instant>,
    shut_until: Option<Instant>,
}

impl Pace {
    pub(crate) fn new(limits: &'static [(usize, Duration)]) -> Self {
        Self {
            limits,
            state: Mutex::default(),
        }
    }

    /// Takes one place, or says how long to wait for one.
    pub(crate) fn take(&self, now: Instant) -> Result<(), Duration> {
        let mut state = self.state();
        let mut free_at = state.shut_until.filter(|until| *until > now);
        let longest = self.limits.iter().map(|(_, window)| *window).max();
        while let (Some(first), Some(longest)) = (state.sent.front(), longest)
            && now.duration_since(*first) >= longest
        {
            state.sent.pop_front();
        }
        for (count, window) in self.limits {
            let recent = state.sent.iter().rev().nth(count.saturating_sub(1));
            if let Some(oldest) = recent
                && now.duration_since(*oldest) < *window
            {
                free_at = free_at.max(Some(*oldest + *window));
            }
        }
        match free_at {
            Some(at) => Err(at.duration_since(now)),
            None => {
                state.sent.push_back(now);
                Ok(())
            }
        }
    }

    /// The service itself said that it was told too often.
    pub(crate) fn shut(&self, now: Instant, time: Duration) {
        let mut state = self.state();
        state.shut_until = state.shut_until.max(Some(now + time));
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn the_twenty_first_within_a_minute_waits_until_the_first_is_a_minute_old() {
        let pace = Pace::new(&[(20, MINUTE)]);
        let start = Instant::now();
        for second in 0..20 {
            assert_eq!(pace.take(start + SECOND * second), Ok(()));
        }
        assert_eq!(pace.take(start + SECOND * 20), Err(SECOND * 40));
        assert_eq!(pace.take(start + SECOND * 59), Err(SECOND));
        assert_eq!(pace.take(start + MINUTE), Ok(()));
        assert_eq!(pace.take(start + MINUTE), Err(SECOND));
    }

    #[test]
    fn every_window_is_kept_to() {
        let pace = Pace::new(&[(100, MINUTE), (5, SECOND)]);
        let start = Instant::now();
        for _ in 0..5 {
            assert_eq!(pace.take(start), Ok(()));
        }
        assert_eq!(pace.take(start), Err(SECOND));
        for second in 1..20 {
            for _ in 0..5 {
                assert_eq!(pace.take(start + SECOND * second), Ok(()));
            }
        }
        assert_eq!(pace.take(start + SECOND * 20), Err(SECOND * 40));
    }

    #[test]
    fn a_robot_that_shut_itself_is_left_alone_for_as_long() {
        let pace = Pace::new(&[(20, MINUTE)]);
        let start = Instant::now();
        pace.shut(start, MINUTE * 10);
        pace.shut(start, MINUTE);
        assert_eq!(pace.take(start + MINUTE), Err(MINUTE * 9));
        assert_eq!(pace.take(start + MINUTE * 10), Ok(()));
    }
}
