//! Sends what is written down, each receiver by itself: one that hangs delays no other.
//!
//! What is left to send stands in the store and nowhere else, so a restart goes on where it was, and memory does not grow with what a
//! receiver that is away owes. Of one receiver messages go in the order in which they were written down.

use crate::{
    claim::Claim,
    message::{Message, Outcome, Receivers},
    metrics,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{AlertDelivery, DeliveryState, Store};
use tokio::{
    sync::{Notify, watch},
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Messages read at once.
const AT_ONCE: u64 = 50;

/// How long one try may take, whatever a receiver's own bounds are.
const TRY: Duration = Duration::from_secs(60);

/// Waits between tries double from the first to the last.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LAST_WAIT: Duration = Duration::from_secs(300);

/// A message this old tells nobody what is now: it is given up, and its row says so.
const OLD_MS: i64 = 24 * 3_600 * 1_000;

/// The store is looked at so often even where nobody says that there is something: another process may have written it down.
const LOOK: Duration = Duration::from_secs(60);

/// What sends to one receiver.
pub(crate) struct Sender {
    pub(crate) store: Store,
    pub(crate) tenant: String,
    pub(crate) receivers: Arc<dyn Receivers>,
    pub(crate) name: String,
    pub(crate) claim: Arc<Claim>,
    pub(crate) wake: Arc<Notify>,
}

impl Sender {
    /// Sends until `stop`, or until this process no longer evaluates.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let ends = stop.clone();
        tokio::select! {
            () = ends.cancelled() => {}
            () = self.send(&stop) => {}
        }
    }

    async fn send(&self, stop: &CancellationToken) {
        let mut wait = FIRST_WAIT;
        while !stop.is_cancelled() {
            let left = self
                .store
                .intended_alert_deliveries(&self.tenant, &self.name, AT_ONCE)
                .await;
            match left {
                Err(error) => {
                    tracing::warn!(receiver = %self.name, %error, "cannot read what is left to send");
                    sleep(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                }
                Ok(left) if left.is_empty() => {
                    wait = FIRST_WAIT;
                    // A wake-up that came since the look is kept by `Notify`.
                    let _ = timeout(LOOK, self.wake.notified()).await;
                }
                Ok(left) => match self.all(left).await {
                    None => wait = FIRST_WAIT,
                    Some(after) => {
                        sleep(after.unwrap_or(wait).min(LAST_WAIT)).await;
                        wait = (wait * 2).min(LAST_WAIT);
                    }
                },
            }
        }
    }

    /// Sends some, in their order. Where one is to be tried again: not before so long, where the receiver says it.
    async fn all(&self, left: Vec<AlertDelivery>) -> Option<Option<Duration>> {
        for delivery in left {
            match self.claim.holds().await {
                Ok(true) => {}
                // Whoever evaluates now sends it.
                Ok(false) => return Some(Some(LAST_WAIT)),
                Err(_) => return Some(None),
            }
            let tried = self.one(delivery).await;
            if tried.is_some() {
                return tried;
            }
        }
        None
    }

    async fn one(&self, delivery: AlertDelivery) -> Option<Option<Duration>> {
        let outcome = match serde_json::from_str::<Message>(&delivery.body) {
            Ok(message) => {
                let sent = self.receivers.deliver(&self.name, &message);
                timeout(TRY, sent).await.unwrap_or_else(|_| Outcome::Retry {
                    error: format!("no answer within {} s", TRY.as_secs()),
                    after: None,
                })
            }
            Err(error) => Outcome::Refused {
                error: format!("the message that is written down cannot be read: {error}"),
            },
        };
        let tried_ms = now_ms();
        let (state, error, again) = match outcome {
            Outcome::Delivered => (DeliveryState::Delivered, String::new(), None),
            Outcome::Refused { error } => {
                tracing::error!(receiver = %self.name, rule = %delivery.rule, %error, "a receiver refuses a message");
                (DeliveryState::Refused, error, None)
            }
            Outcome::Retry { error, .. } if tried_ms - delivery.intended_ms > OLD_MS => {
                tracing::error!(receiver = %self.name, rule = %delivery.rule, %error, "a message is given up after a day");
                (DeliveryState::GivenUp, error, None)
            }
            Outcome::Retry { error, after } => {
                tracing::warn!(receiver = %self.name, rule = %delivery.rule, %error, "a receiver did not take a message, it is tried again");
                (DeliveryState::Intended, error, Some(after))
            }
        };
        metrics::delivered(&self.name, state, again.is_some());
        let row = AlertDelivery {
            state,
            attempts: delivery.attempts + 1,
            tried_ms,
            error,
            ..delivery
        };
        // What was sent must not be sent again because the store is away for a while.
        let mut wait = FIRST_WAIT;
        while let Err(error) = self
            .store
            .insert_alert_deliveries(&self.tenant, std::slice::from_ref(&row))
            .await
        {
            tracing::warn!(receiver = %self.name, %error, "cannot write down what became of a message");
            sleep(wait).await;
            wait = (wait * 2).min(LAST_WAIT);
        }
        again
    }
}

/// Tells a receiver of everything that fires, again and again.
pub(crate) struct Resender {
    pub(crate) receivers: Arc<dyn Receivers>,
    pub(crate) name: String,
    pub(crate) every: Duration,
    pub(crate) claim: Arc<Claim>,
    pub(crate) firing: watch::Receiver<Vec<Message>>,
}

impl Resender {
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failed = false;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(self.every) => {}
            }
            // Repeats are harmless to whoever asked for them, but two that repeat may contradict each other.
            if !matches!(self.claim.holds().await, Ok(true)) {
                continue;
            }
            let firing = self.firing.borrow().clone();
            let mut error = None;
            for message in &firing {
                let sent = self.receivers.deliver(&self.name, message);
                error = match timeout(TRY, sent).await {
                    Ok(Outcome::Delivered) => None,
                    Ok(Outcome::Retry { error, .. } | Outcome::Refused { error }) => Some(error),
                    Err(_) => Some(format!("no answer within {} s", TRY.as_secs())),
                };
                if error.is_some() {
                    break;
                }
            }
            if let Some(error) = &error
                && !failed
            {
                tracing::warn!(receiver = %self.name, %error, "a receiver does not hear again what fires");
            }
            metrics::resent(&self.name, error.is_none());
            failed = error.is_some();
        }
    }
}

/// The time in UTC milliseconds.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}
