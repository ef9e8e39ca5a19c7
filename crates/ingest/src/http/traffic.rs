//! What the intake answers, counted, and how long its requests are under way.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::Method;
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use metrics::{counter, gauge};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Counts the requests of an intake. Cheap to clone; the clones count together.
#[derive(Clone, Default)]
pub struct Traffic(Arc<Mutex<UnderWay>>);

/// Bodies whose chunks are not durable yet: when each began, and a number that keeps equal times apart.
#[derive(Default)]
struct UnderWay {
    begun: BTreeSet<(Instant, u64)>,
    last: u64,
}

/// Why a body was not taken; a refusal leaves it with its answer.
#[derive(Clone, Copy)]
pub(crate) struct Refused(pub(crate) &'static str);

impl Traffic {
    /// Counts nothing yet.
    pub fn new() -> Self {
        // Shown from the start on, so that a rate knows its first step.
        for name in ["cbsift_ingest_bytes_total", "cbsift_ingest_chunks_total"] {
            counter!(name).absolute(0);
        }
        counter!("cbsift_ingest_requests_total", "code" => "200").absolute(0);
        gauge!("cbsift_ingest_in_flight_bytes").set(0.0);
        Self::default()
    }

    /// The router with every answer counted.
    pub fn count(&self, router: Router) -> Router {
        router.layer(from_fn_with_state(self.clone(), counted))
    }

    /// Sets the gauges that `/metrics` is about to show.
    pub fn publish(&self) {
        let (requests, oldest) = self.under_way(Instant::now());
        gauge!("cbsift_ingest_in_flight_requests").set(requests as f64);
        gauge!("cbsift_ingest_oldest_unacknowledged_seconds").set(oldest.as_secs_f64());
    }

    /// How many bodies are under way, and the age of the oldest.
    fn under_way(&self, now: Instant) -> (usize, Duration) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = state.begun.first().map_or(Duration::ZERO, |(begun, _)| {
            now.saturating_duration_since(*begun)
        });
        (state.begun.len(), oldest)
    }

    fn begin(&self, now: Instant) -> Begun {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last += 1;
        let key = (now, state.last);
        state.begun.insert(key);
        Begun {
            traffic: self.clone(),
            key,
        }
    }
}

/// A body under way; ends when dropped, also where its sender went away.
struct Begun {
    traffic: Traffic,
    key: (Instant, u64),
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut state = self
            .traffic
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        state.begun.remove(&self.key);
    }
}

async fn counted(State(traffic): State<Traffic>, request: Request, next: Next) -> Response {
    let is_body = request.method() == Method::PUT;
    let _begun = is_body.then(|| traffic.begin(Instant::now()));
    let response = next.run(request).await;
    let code = response.status().as_u16().to_string();
    counter!("cbsift_ingest_requests_total", "code" => code).increment(1);
    if is_body && let Some(Refused(reason)) = response.extensions().get() {
        counter!("cbsift_ingest_refused_total", "reason" => *reason).increment(1);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_body_is_told_until_it_ends() {
        let (traffic, start) = (Traffic::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        let (first, second) = (traffic.begin(at(0)), traffic.begin(at(0)));
        let third = traffic.begin(at(4));
        assert_eq!(traffic.under_way(at(9)), (3, Duration::from_secs(9)));
        drop((first, second));
        assert_eq!(traffic.under_way(at(9)), (1, Duration::from_secs(5)));
        drop(third);
        assert_eq!(traffic.under_way(at(9)), (0, Duration::ZERO));
    }
}
