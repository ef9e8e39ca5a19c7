//! How much may be under way at once: requests of one endpoint, and memory for bodies. It is taken as their bytes come, so that what is
//! only announced takes nothing from others.

use crate::http::refusal::Refusal;
use crate::{Config, SinkError};
use axum::http::StatusCode;
use metrics::gauge;
use serve::Owner;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// The room of one intake.
#[derive(Clone)]
pub(crate) struct Room(Arc<Shared>);

struct Shared {
    total: usize,
    /// The most that the bodies of one endpoint hold together.
    share: usize,
    /// The most bodies of one endpoint.
    bodies_max: usize,
    wait: Duration,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    held: usize,
    /// By age: the number grows from body to body.
    bodies: BTreeMap<u64, Body>,
    last: u64,
    /// Bodies that wait for more.
    waiting: BTreeSet<u64>,
    // Invariant: holds only endpoints with bodies.
    owners: HashMap<Owner, OfOwner>,
}

struct Body {
    owner: Owner,
    held: usize,
    wanted: Option<Wanted>,
}

#[derive(Default)]
struct OfOwner {
    bodies: usize,
    held: usize,
}

struct Wanted {
    more: usize,
    /// Told whether it was given.
    answer: oneshot::Sender<bool>,
}

/// What one body holds; given back when dropped.
pub(crate) struct Held {
    shared: Arc<Shared>,
    id: u64,
}

impl Room {
    pub(crate) fn new(config: &Config) -> Self {
        Self(Arc::new(Shared {
            total: config.in_flight_max,
            // Half, so that no endpoint takes it all; but one whole body must fit, see `Shared::settle`.
            share: (config.in_flight_max / 2).max(2 * config.body_max),
            bodies_max: config.endpoint_requests_max,
            wait: config.queue_timeout,
            state: Mutex::default(),
        }))
    }

    /// A body that holds nothing yet. It never needs more than twice the largest body. Refused where its endpoint has enough of them.
    pub(crate) fn body(&self, owner: &Owner) -> Result<Held, Refusal> {
        let mut state = self.0.state();
        let of_owner = state.owners.entry(owner.clone()).or_default();
        if of_owner.bodies >= self.0.bodies_max {
            let error = format!(
                "{} requests of this endpoint are under way",
                self.0.bodies_max
            );
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, error)
                .retry_after(Duration::from_secs(1)));
        }
        of_owner.bodies += 1;
        state.last += 1;
        let id = state.last;
        state.bodies.insert(
            id,
            Body {
                owner: owner.clone(),
                held: 0,
                wanted: None,
            },
        );
        Ok(Held {
            shared: Arc::clone(&self.0),
            id,
        })
    }
}

impl Held {
    /// Holds `bytes` in all; waits a while for them. Older bodies are served first.
    pub(crate) async fn reach(&mut self, bytes: usize) -> Result<(), Refusal> {
        let (answer, mut told) = oneshot::channel();
        {
            let mut state = self.shared.state();
            let Some(body) = state.bodies.get_mut(&self.id) else {
                return Err(busy());
            };
            let more = bytes.saturating_sub(body.held);
            if more == 0 {
                return Ok(());
            }
            body.wanted = Some(Wanted { more, answer });
            state.waiting.insert(self.id);
            self.shared.settle(&mut state);
        }
        let in_time = tokio::time::timeout(self.shared.wait, &mut told).await;
        let was_given = match in_time {
            Ok(told) => told.unwrap_or(false),
            Err(_) => {
                let mut state = self.shared.state();
                state.waiting.remove(&self.id);
                if let Some(body) = state.bodies.get_mut(&self.id) {
                    body.wanted = None;
                }
                // It may have come in the last moment.
                told.try_recv().unwrap_or(false)
            }
        };
        if was_given { Ok(()) } else { Err(busy()) }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        state.waiting.remove(&self.id);
        if let Some(body) = state.bodies.remove(&self.id) {
            state.held -= body.held;
            if let Some(of_owner) = state.owners.get_mut(&body.owner) {
                of_owner.bodies -= 1;
                of_owner.held -= body.held;
                if of_owner.bodies == 0 {
                    state.owners.remove(&body.owner);
                }
            }
        }
        self.shared.settle(&mut state);
    }
}

fn busy() -> Refusal {
    SinkError::Busy {
        retry_after: Duration::from_secs(1),
    }
    .into()
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives what there is to those that wait, the oldest body first, and refuses one where they would wait for each other for ever.
    ///
    /// A body whose endpoint has used up its share lets others pass; one for which there is no room at all does not, or large bodies
    /// would wait until no small one comes. Where everything is held by bodies that wait, the youngest of them is refused: it has least
    /// to lose, its room is enough for an older one in the end, and the oldest is never refused for this.
    fn settle(&self, state: &mut State) {
        let mut is_short = false;
        let mut short_owners = HashSet::new();
        for id in state.waiting.clone() {
            let State {
                held,
                bodies,
                waiting,
                owners,
                ..
            } = &mut *state;
            let Some(body) = bodies.get_mut(&id) else {
                continue;
            };
            let Some(more) = body.wanted.as_ref().map(|wanted| wanted.more) else {
                continue;
            };
            let Some(of_owner) = owners.get_mut(&body.owner) else {
                continue;
            };
            if of_owner.held + more > self.share {
                short_owners.insert(body.owner.clone());
                continue;
            }
            if *held + more > self.total {
                is_short = true;
                break;
            }
            *held += more;
            of_owner.held += more;
            body.held += more;
            waiting.remove(&id);
            if let Some(wanted) = body.wanted.take() {
                // Nobody hears it where the connection has just ended; then it is given back at once.
                let _ = wanted.answer.send(true);
            }
        }
        gauge!("cbsift_ingest_in_flight_bytes").set(state.held as f64);
        if is_short {
            state.refuse_youngest(|_| true);
        }
        for owner in short_owners {
            state.refuse_youngest(|other| *other == owner);
        }
    }
}

impl State {
    /// Refuses the youngest of those bodies, if everything they hold is held by bodies that wait.
    fn refuse_youngest(&mut self, is_theirs: impl Fn(&Owner) -> bool) {
        let mut youngest = None;
        for (id, body) in &self.bodies {
            if body.held > 0 && is_theirs(&body.owner) {
                if body.wanted.is_none() {
                    return;
                }
                youngest = Some(*id);
            }
        }
        if let Some(id) = youngest
            && let Some(wanted) = self.bodies.get_mut(&id).and_then(|body| body.wanted.take())
        {
            self.waiting.remove(&id);
            let _ = wanted.answer.send(false);
        }
    }
}

#[cfg(test)]
mod tests;
