//! How fast bytes may go, over all threads together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lets bytes go one body after the other, each when those before it have had their time.
pub(crate) struct Pace {
    bytes_per_second: Option<u64>,
    started: Instant,
    /// When the next body may go.
    free_at: Mutex<Duration>,
}

impl Pace {
    /// `None` is as fast as the intake takes it.
    pub(crate) fn new(bytes_per_second: Option<u64>) -> Self {
        Self {
            bytes_per_second: bytes_per_second.filter(|rate| *rate > 0),
            started: Instant::now(),
            free_at: Mutex::new(Duration::ZERO),
        }
    }

    /// Returns when so many bytes may go.
    pub(crate) fn wait(&self, bytes: u64) {
        std::thread::sleep(self.due(self.started.elapsed(), bytes));
    }

    /// How long they have to wait. Time that was not used is not made up for: after a pause an intake is not flooded.
    fn due(&self, now: Duration, bytes: u64) -> Duration {
        let Some(rate) = self.bytes_per_second else {
            return Duration::ZERO;
        };
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let starts_at = (*free_at).max(now);
        *free_at = starts_at + Duration::from_secs_f64(bytes as f64 / rate as f64);
        starts_at - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_follow_each_other_at_the_rate() {
        let pace = Pace::new(Some(1 << 20));
        let second = Duration::from_secs(1);
        assert_eq!(pace.due(Duration::ZERO, 1 << 20), Duration::ZERO);
        assert_eq!(pace.due(Duration::ZERO, 2 << 20), second);
        assert_eq!(pace.due(second, 1 << 20), second * 2);
        assert_eq!(
            pace.due(second * 100, 5 << 20),
            Duration::ZERO,
            "idle time is gone"
        );
        assert_eq!(pace.due(second * 100, 1), second * 5);
        assert_eq!(
            Pace::new(None).due(Duration::ZERO, u64::MAX),
            Duration::ZERO
        );
    }
}
