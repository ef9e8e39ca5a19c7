//! In which order a receiver's messages go, where some of them wait: one that is not taken delays those of its own groups, and no others.

use crate::message::Message;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use store::AlertDelivery;
use tokio::time::Instant;

/// Waits between tries double from the first to the last.
pub(crate) const FIRST_WAIT: Duration = Duration::from_secs(1);
pub(crate) const LAST_WAIT: Duration = Duration::from_secs(300);

/// A receiver that wants to be left alone for longer is asked again after this.
const LONGEST_WAIT: Duration = Duration::from_secs(3_600);

/// So many that are not taken one after the other say that it is the receiver and not the messages.
const IN_A_ROW: u32 = 3;

/// One group of a rule, as a message tells it.
type Group = (String, Vec<(String, String)>);

/// Messages of one receiver that wait for their next try.
#[derive(Default)]
pub(crate) struct Line {
    held: BTreeMap<(String, u32), Held>,
    failed: u32,
    /// Nothing at all is tried before.
    rests_until: Option<Instant>,
    rest: Duration,
}

struct Held {
    until: Instant,
    wait: Duration,
}

/// Groups with a message that is earlier in the line and was not taken yet.
#[derive(Default)]
pub(crate) struct Ahead(BTreeSet<Group>);

fn key(delivery: &AlertDelivery) -> (String, u32) {
    (delivery.message.clone(), delivery.repetition)
}

/// What cannot be read has none: it is refused when its turn comes.
fn groups(delivery: &AlertDelivery) -> BTreeSet<Group> {
    let message = serde_json::from_str::<Message>(&delivery.body);
    let items = message.into_iter().flat_map(|message| message.alerts);
    items
        .map(|item| (delivery.rule.clone(), item.group))
        .collect()
}

impl Line {
    /// Forgets what is no longer left to send.
    pub(crate) fn keep(&mut self, left: &[AlertDelivery]) {
        let left: BTreeSet<(String, u32)> = left.iter().map(key).collect();
        self.held.retain(|key, _| left.contains(key));
    }

    /// Whether a message may be tried now: it does not wait, and none of its groups has one ahead of it that was not taken.
    pub(crate) fn may_go(&self, delivery: &AlertDelivery, ahead: &mut Ahead, now: Instant) -> bool {
        let waits = self
            .held
            .get(&key(delivery))
            .is_some_and(|held| held.until > now);
        if !waits && ahead.0.is_empty() {
            return true;
        }
        let groups = groups(delivery);
        if !waits && groups.is_disjoint(&ahead.0) {
            return true;
        }
        ahead.0.extend(groups);
        false
    }

    /// It was taken, or never will be.
    pub(crate) fn went(&mut self, delivery: &AlertDelivery) {
        self.held.remove(&key(delivery));
        self.failed = 0;
        self.rest = Duration::ZERO;
    }

    /// It was not taken, and waits at least as long as the receiver says.
    pub(crate) fn hold(
        &mut self,
        delivery: &AlertDelivery,
        after: Option<Duration>,
        ahead: &mut Ahead,
        now: Instant,
    ) {
        let before = self.held.get(&key(delivery)).map(|held| held.wait);
        let wait = before.map_or(FIRST_WAIT, |wait| (wait * 2).min(LAST_WAIT));
        // A receiver that says 0 is not asked in a tight loop.
        let until = now
            + after
                .map_or(wait, |after| after.max(wait))
                .min(LONGEST_WAIT);
        self.held.insert(key(delivery), Held { until, wait });
        ahead.0.extend(groups(delivery));
        self.failed += 1;
        // Who says how long speaks for all messages, but one message alone must not keep the others for an hour.
        let mut rest = after.unwrap_or_default().min(LAST_WAIT);
        if self.failed >= IN_A_ROW {
            self.rest = (self.rest * 2).clamp(FIRST_WAIT, LAST_WAIT);
            rest = rest.max(self.rest);
        }
        if !rest.is_zero() {
            self.rests_until = Some(now + rest);
        }
    }

    /// How long nothing at all may be tried.
    pub(crate) fn rests(&self, now: Instant) -> Option<Duration> {
        let rest = self.rests_until?.saturating_duration_since(now);
        (!rest.is_zero()).then_some(rest)
    }

    /// How long until the first of those that wait.
    pub(crate) fn next(&self, now: Instant) -> Option<Duration> {
        let until = self.held.values().map(|held| held.until).min()?;
        Some(until.saturating_duration_since(now).max(FIRST_WAIT))
    }
}

#[cfg(test)]
mod tests;
