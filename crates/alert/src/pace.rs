//! How long evaluation rests, so that a large fleet's takes a bounded share of a core.

use std::{collections::VecDeque, time::Duration};

/// Evaluation takes one of so many seconds, as long as that does not make it wait for longer than [`PAUSE_MAX`].
const SHARE: u32 = 50;

/// Longest pause that is made of how long an evaluation took.
const PAUSE_MAX: Duration = Duration::from_secs(60);

/// So many evaluations are compared: two minutes of them at the default interval.
const COMPARED: usize = 8;

/// What the last evaluations took that asked the store about the fleet.
#[derive(Debug)]
pub(crate) struct Pace {
    interval: Duration,
    took: VecDeque<Duration>,
    is_first: bool,
}

impl Pace {
    /// For a desk that was just opened.
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            took: VecDeque::with_capacity(COMPARED),
            is_first: true,
        }
    }

    /// How long to rest after an evaluation that took so long. By the quickest of the last ones: on a machine that is busy for a while
    /// everything takes long by the clock and no more CPU than before, and alerts must not wait for that. The first one reads what those
    /// after it keep, and says nothing of them, nor does one that did not ask about the fleet.
    pub(crate) fn rest(&mut self, took: Duration, asked_fleet: bool) -> Duration {
        let is_first = std::mem::replace(&mut self.is_first, false);
        if is_first || !asked_fleet {
            return self.interval;
        }
        if self.took.len() == COMPARED {
            self.took.pop_front();
        }
        self.took.push_back(took);
        let quickest = self.took.iter().min().copied().unwrap_or(took);
        let rest = quickest.saturating_mul(SHARE - 1);
        self.interval.max(rest.min(PAUSE_MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_secs(15);

    fn rests(took: &[(u64, bool)]) -> Vec<u64> {
        let mut pace = Pace::new(INTERVAL);
        let took = took.iter();
        took.map(|(took, asked)| pace.rest(Duration::from_millis(*took), *asked).as_secs())
            .collect()
    }

    #[test]
    fn a_large_fleet_is_asked_less_often_and_each_minute_at_least() {
        assert_eq!(rests(&[(9_000, true), (1_000, true)]), [15, 49]);
        assert_eq!(rests(&[(9_000, true), (9_000, true)]), [15, 60]);
        assert_eq!(rests(&[(10, true), (100, true)]), [15, 15]);
    }

    #[test]
    fn a_machine_that_is_busy_for_a_while_delays_no_alert() {
        let took = [(1_500, true), (100, true), (1_500, true), (900, true)];
        assert_eq!(rests(&took), [15, 15, 15, 15]);
    }

    #[test]
    fn what_asks_nothing_does_not_make_a_large_fleet_look_small() {
        let took = [(9, true), (1_000, true), (2, false), (1_100, true)];
        assert_eq!(rests(&took), [15, 49, 15, 49]);
    }

    #[test]
    fn a_fleet_that_has_grown_is_noticed() {
        let mut took = vec![(9, true), (100, true)];
        took.extend([(1_000, true); COMPARED]);
        assert_eq!(rests(&took).last(), Some(&49));
    }
}
