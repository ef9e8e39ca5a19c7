//! The day that text expires by. A clock alone is not believed: one that was wrong for seconds must not cost what was kept for
//! months.

use std::time::Duration;

/// Days in which nothing ran may lie between two starts: a long weekend. More must be confirmed.
const DAYS_APART: u16 = 3;

/// A clock that is ahead by more is believed when it has gone on evenly for so long, …
const CONFIRMED_BY: Duration = Duration::from_secs(24 * 60 * 60);

/// … or when text came on so many of the days between, the newest on its last two: then the store has lived through them.
const DAYS_LIVED: u64 = 3;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What speaks for a day. All in days since 1970.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signs {
    /// The earliest of the clocks that could be asked: of this process, of the store.
    pub(super) clock: u16,
    /// The newest day on which text came; 0 without any.
    pub(super) newest: u16,
    /// On how many days it came since the day that was believed last.
    pub(super) lived: u64,
    /// Time that passed since some start, whatever was done to the clock; suspended time counts.
    pub(super) passed: Duration,
}

/// What the signs amount to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// They agree on this day.
    Day(u16),
    /// The clock is ahead of them by so many days.
    Ahead(u16),
    /// The clock is behind the day that was believed before, by so many days. To go by it removes less, so nothing is lost by it.
    Behind(u16),
}

/// What is believed.
#[derive(Debug, Default)]
pub(super) struct Days {
    /// The day believed last, and remembered by the store.
    believed: Option<u16>,
    /// A day that was good in this process, and when.
    anchor: Option<(u16, Duration)>,
    /// A clock that was ahead, and since when.
    ahead: Option<(u16, Duration)>,
}

fn after(since: Duration, now: Duration) -> u16 {
    let days = now.saturating_sub(since).as_secs() / DAY.as_secs();
    u16::try_from(days).unwrap_or(u16::MAX)
}

impl Days {
    /// `remembered` is the day that was believed before this process; none in a store that never had one.
    pub(super) fn new(remembered: Option<u16>) -> Self {
        Self {
            believed: remembered,
            ..Self::default()
        }
    }

    /// The day believed last.
    pub(super) fn believed(&self) -> Option<u16> {
        self.believed
    }

    /// The last day that a clock may name without further signs.
    fn latest(&self, believed: u16, passed: Duration) -> u16 {
        match self.anchor {
            Some((day, since)) => {
                let even = day.saturating_add(after(since, passed)).saturating_add(1);
                // A clock that was behind at the start, and is set right, is no jump.
                even.max(believed)
            }
            None => believed.saturating_add(DAYS_APART),
        }
    }

    /// Whether it matters when text came.
    pub(super) fn asks_text(&self, clock: u16, passed: Duration) -> bool {
        self.believed
            .is_none_or(|believed| clock > self.latest(believed, passed))
    }

    pub(super) fn judge(&mut self, signs: Signs) -> Verdict {
        let Signs { clock, passed, .. } = signs;
        // A store without memory has its text at least: what came last did not come after today.
        let believed = match self.believed {
            Some(day) => day,
            None if signs.newest > 0 => signs.newest.min(clock),
            None => clock,
        };
        // A day of leeway: a zone, a leap, midnight between two questions.
        if clock.saturating_add(1) < believed {
            self.ahead = None;
            // What jumps from here on is a jump, even if the day believed before was wrong.
            self.anchor.get_or_insert((clock, passed));
            return Verdict::Behind(believed - clock);
        }
        let latest = self.latest(believed, passed);
        if clock > latest && !self.is_confirmed(signs) {
            return Verdict::Ahead(clock - believed);
        }
        if clock > latest || self.anchor.is_none() {
            self.anchor = Some((clock, passed));
        }
        self.ahead = None;
        let day = believed.max(clock);
        self.believed = Some(day);
        Verdict::Day(day)
    }

    fn is_confirmed(&mut self, signs: Signs) -> bool {
        let has_lived = signs.lived >= DAYS_LIVED && signs.newest.saturating_add(1) >= signs.clock;
        let (day, since) = *self.ahead.get_or_insert((signs.clock, signs.passed));
        let even = day.saturating_add(after(since, signs.passed));
        if signs.clock.abs_diff(even) > 1 {
            // It jumped again: counted from here.
            self.ahead = Some((signs.clock, signs.passed));
            return has_lived;
        }
        has_lived || signs.passed.saturating_sub(since) >= CONFIRMED_BY
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Duration {
        Duration::from_secs(hours * 3600)
    }

    fn signs(clock: u16, passed: Duration) -> Signs {
        Signs {
            clock,
            newest: 20_000,
            lived: 0,
            passed,
        }
    }

    #[test]
    fn days_that_pass_are_believed() {
        let mut days = Days::new(Some(20_000));
        for day in 0..30 {
            let verdict = days.judge(signs(20_000 + day, hours(24 * u64::from(day))));
            assert_eq!(verdict, Verdict::Day(20_000 + day));
        }
        // A long weekend lies between two starts.
        let mut days = Days::new(Some(20_000));
        assert_eq!(days.judge(signs(20_003, hours(0))), Verdict::Day(20_003));
    }

    #[test]
    fn a_clock_that_jumped_ahead_is_not_believed_and_leaves_no_trace() {
        for remembered in [Some(20_000), None] {
            let mut days = Days::new(remembered);
            days.judge(signs(20_000, hours(0)));
            for jump in [2, 30, 3_650, u16::MAX - 20_000] {
                let ahead = signs(20_000 + jump, hours(1));
                assert_eq!(days.judge(ahead), Verdict::Ahead(jump));
                assert_eq!(days.judge(signs(20_000, hours(2))), Verdict::Day(20_000));
            }
        }
        // At a start the memory of the store stands against it, and its text where it has no memory.
        for remembered in [Some(20_000), None] {
            let mut days = Days::new(remembered);
            assert_eq!(days.judge(signs(23_650, hours(0))), Verdict::Ahead(3_650));
        }
    }

    #[test]
    fn a_clock_that_creeps_is_not_believed_either() {
        let mut days = Days::new(Some(20_000));
        let mut last = 0;
        for step in 0..100 {
            if let Verdict::Day(day) = days.judge(signs(20_000 + step, hours(0))) {
                last = day;
            }
        }
        assert!(last <= 20_003 + 1, "{last}");
    }

    #[test]
    fn text_that_came_while_the_clock_was_ahead_does_not_speak_for_it() {
        let mut days = Days::new(Some(20_000));
        days.judge(signs(20_000, hours(0)));
        let poisoned = Signs {
            newest: 23_650,
            lived: 1,
            ..signs(23_650, hours(1))
        };
        assert_eq!(days.judge(poisoned), Verdict::Ahead(3_650));
    }

    #[test]
    fn a_long_pause_is_believed_once_it_is_confirmed() {
        let mut days = Days::new(Some(20_000));
        assert_eq!(days.judge(signs(20_100, hours(0))), Verdict::Ahead(100));
        assert_eq!(days.judge(signs(20_100, hours(23))), Verdict::Ahead(100));
        assert_eq!(days.judge(signs(20_101, hours(24))), Verdict::Day(20_101));
        // A machine that runs an hour a day: the days of its text speak.
        let mut days = Days::new(Some(20_000));
        let lived = Signs {
            newest: 20_102,
            lived: 3,
            ..signs(20_102, hours(0))
        };
        assert_eq!(days.judge(lived), Verdict::Day(20_102));
    }

    #[test]
    fn a_clock_that_is_behind_is_said_and_may_be_set_right() {
        let mut days = Days::new(Some(20_000));
        assert_eq!(days.judge(signs(0, hours(0))), Verdict::Behind(20_000));
        assert_eq!(days.judge(signs(20_000, hours(0))), Verdict::Day(20_000));
        assert_eq!(days.judge(signs(19_999, hours(0))), Verdict::Day(20_000));
        assert_eq!(days.believed(), Some(20_000));
    }
}
