//! Sends what is written down, each receiver by itself: one that hangs delays no other.
//!
//! What is left to send stands in the store and nowhere else, so a restart goes on where it was, and memory does not grow with what a
//! receiver that is away owes. Of one receiver messages go in the order in which they were written down; one that is not taken is passed
//! over, and only what tells of its own groups waits behind it (`line.rs`).

use crate::{
    claim::Claim,
    line::{Ahead, FIRST_WAIT, LAST_WAIT, Line},
    message::{Message, Outcome, Receivers},
    metrics,
};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{AlertDelivery, DeliveryState, Store};
use tokio::{
    sync::{Mutex, Notify, watch},
    time::{Instant, sleep, timeout},
};
use tokio_util::sync::CancellationToken;

/// Messages read at once.
const AT_ONCE: u64 = 50;

/// How long one try may take, whatever a receiver's own bounds are.
const TRY: Duration = Duration::from_secs(60);

/// Messages that wait are passed over; where there are more of them, what stands behind waits with them.
const WAITING: u64 = 1_000;

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
    /// Whose turn it is to speak to the receiver: what is sent, or what is said again.
    pub(crate) turn: Arc<Mutex<()>>,
}

/// Another process evaluates.
struct NoLonger;

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
        let mut line = Line::default();
        let mut passed_over = 0;
        while !stop.is_cancelled() {
            if let Some(rest) = line.rests(Instant::now()) {
                sleep(rest).await;
            }
            // What waits must not hide what stands behind it.
            let limit = AT_ONCE + passed_over;
            let left = self
                .store
                .intended_alert_deliveries(&self.tenant, &self.name, limit)
                .await;
            let left = match left {
                Err(error) => {
                    tracing::warn!(receiver = %self.name, %error, "cannot read what is left to send");
                    sleep(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                    continue;
                }
                Ok(left) => left,
            };
            line.keep(&left);
            let read = left.len() as u64;
            match self.all(left, &mut line).await {
                Ok(waiting) => {
                    wait = FIRST_WAIT;
                    passed_over = waiting.min(WAITING);
                    let is_all = read < limit;
                    if waiting < read || (!is_all && waiting <= WAITING) {
                        continue;
                    }
                    let look = line.next(Instant::now()).unwrap_or(LOOK).min(LOOK);
                    // A wake-up that came since the look is kept by `Notify`.
                    let _ = timeout(look, self.wake.notified()).await;
                }
                // Whoever evaluates now sends it.
                Err(Some(NoLonger)) => sleep(LAST_WAIT).await,
                Err(None) => {
                    sleep(wait).await;
                    wait = (wait * 2).min(LAST_WAIT);
                }
            }
        }
    }

    /// Sends some, in their order, until the receiver is to be left alone. How many were passed over, as they wait; or why it was not to
    /// be sent: another one evaluates, or nobody knows who does.
    async fn all(
        &self,
        left: Vec<AlertDelivery>,
        line: &mut Line,
    ) -> Result<u64, Option<NoLonger>> {
        let mut ahead = Ahead::default();
        let mut waiting = 0;
        for delivery in left {
            if !line.may_go(&delivery, &mut ahead, Instant::now()) {
                waiting += 1;
                continue;
            }
            match self.claim.holds().await {
                Ok(true) => {}
                Ok(false) => return Err(Some(NoLonger)),
                Err(_) => return Err(None),
            }
            match self.one(delivery.clone()).await {
                None => line.went(&delivery),
                Some(after) => line.hold(&delivery, after, &mut ahead, Instant::now()),
            }
            if line.rests(Instant::now()).is_some() {
                break;
            }
        }
        Ok(waiting)
    }

    /// One try. Where it is to be tried again: not before so long, where the receiver says it.
    async fn one(&self, delivery: AlertDelivery) -> Option<Option<Duration>> {
        let outcome = match serde_json::from_str::<Message>(&delivery.body) {
            Ok(message) => {
                let _turn = self.turn.lock().await;
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
    pub(crate) turn: Arc<Mutex<()>>,
}

/// A message of what fires, as it is now; none where it no longer does.
fn still(firing: &[Message], id: &str) -> Option<Message> {
    firing.iter().find(|message| message.id == id).cloned()
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
            let ids: Vec<String> = {
                let firing = self.firing.borrow();
                firing.iter().map(|message| message.id.clone()).collect()
            };
            let mut error = None;
            for id in ids {
                let turn = self.turn.lock().await;
                // As it is now: what is over by now is not said again, as its end may have been sent.
                let message = still(&self.firing.borrow(), &id);
                let Some(message) = message else { continue };
                let sent = self.receivers.deliver(&self.name, &message);
                match timeout(TRY, sent).await {
                    Ok(Outcome::Delivered) => {}
                    Ok(Outcome::Retry { error: why, .. } | Outcome::Refused { error: why }) => {
                        error = Some(why);
                    }
                    Err(_) => error = Some(format!("no answer within {} s", TRY.as_secs())),
                }
                drop(turn);
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
