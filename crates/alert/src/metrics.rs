//! Every metric of alerts.

use metrics::{counter, gauge};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use store::DeliveryState;

/// What evaluation does in this process, for `/metrics` and health.
#[derive(Clone, Default)]
pub struct Status(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    evaluates: bool,
    /// The end of the last evaluation in which every rule could be asked, or since when there should be one.
    whole: Option<Instant>,
    took: Duration,
    firing: usize,
    errors: u64,
    evaluations: u64,
    trouble: Option<String>,
}

impl Status {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// This process evaluates from now on, or no longer: then others say what fires, and what is wrong with rules.
    pub(crate) fn set_evaluates(&self, evaluates: bool) {
        let mut state = self.state();
        state.evaluates = evaluates;
        state.whole = evaluates.then(Instant::now);
        state.firing = 0;
        state.trouble = None;
    }

    /// An evaluation ended.
    pub(crate) fn evaluated(&self, took: Duration, firing: usize, errors: u64) {
        let mut state = self.state();
        state.took = took;
        state.firing = firing;
        state.errors += errors;
        state.evaluations += 1;
        if errors == 0 {
            state.whole = Some(Instant::now());
        }
    }

    /// An evaluation failed as a whole. What fired before it still does: nobody knows better.
    pub(crate) fn failed(&self, took: Duration) {
        let mut state = self.state();
        state.took = took;
        state.errors += 1;
        state.evaluations += 1;
    }

    /// Why rules cannot be used, if that is so. Whether that is news.
    pub(crate) fn set_trouble(&self, trouble: Option<String>) -> bool {
        let mut state = self.state();
        let is_new = state.trouble != trouble;
        state.trouble = trouble;
        is_new
    }

    /// What to say beside readiness.
    pub fn trouble(&self) -> Option<String> {
        self.state().trouble.clone()
    }

    /// How long ago everything was evaluated; nothing where others evaluate.
    pub fn lag(&self) -> Option<Duration> {
        self.state().whole.map(|whole| whole.elapsed())
    }

    /// Sets the gauges and counters.
    pub fn publish(&self) {
        let state = self.state();
        gauge!("cbsift_alert_evaluates").set(u8::from(state.evaluates));
        gauge!("cbsift_alert_firing").set(state.firing as f64);
        gauge!("cbsift_alert_evaluation_seconds").set(state.took.as_secs_f64());
        let lag = state
            .whole
            .map_or(0.0, |whole| whole.elapsed().as_secs_f64());
        gauge!("cbsift_alert_lag_seconds").set(lag);
        counter!("cbsift_alert_evaluations_total").absolute(state.evaluations);
        counter!("cbsift_alert_errors_total").absolute(state.errors);
    }
}

/// A try to deliver.
pub(crate) fn delivered(receiver: &str, state: DeliveryState, again: bool) {
    let outcome = match again {
        true => "retry",
        false => state.name(),
    };
    counter!("cbsift_alert_deliveries_total", "receiver" => receiver.to_owned(), "outcome" => outcome)
        .increment(1);
}

/// Everything that fires was said again.
pub(crate) fn resent(receiver: &str, is_good: bool) {
    let outcome = if is_good { "resent" } else { "resend_failed" };
    counter!("cbsift_alert_deliveries_total", "receiver" => receiver.to_owned(), "outcome" => outcome)
        .increment(1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fires_is_said_by_who_evaluates_and_stays_where_nothing_can_be_asked() {
        let status = Status::default();
        status.set_evaluates(true);
        status.evaluated(Duration::ZERO, 3, 0);
        status.failed(Duration::ZERO);
        assert_eq!(status.state().firing, 3);
        // One look at a time: it is a lock.
        let errors = status.state().errors;
        assert_eq!((status.state().evaluations, errors), (2, 1));
        status.set_evaluates(false);
        assert_eq!(status.state().firing, 0);
        assert_eq!(status.lag(), None);
    }

    #[test]
    fn the_same_trouble_is_news_once() {
        let status = Status::default();
        let trouble = || Some("made up".to_owned());
        assert!(status.set_trouble(trouble()));
        assert!(!status.set_trouble(trouble()));
        assert!(status.set_trouble(None));
        assert!(!status.set_trouble(None));
    }
}
