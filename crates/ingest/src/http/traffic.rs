//! What the intake answers, counted, and how long its requests are under way.
//!
//! Its books: a body that began is acknowledged, refused for a reason, abandoned by its sender, or under way.

use super::enroll::{ENROLMENTS, RESULTS};
use super::refusal::reason_of;
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

/// Bodies that began.
const BODIES: &str = "cbsift_ingest_bodies_total";

/// Of these: durable, and their senders were told.
const ACKNOWLEDGED: &str = "cbsift_ingest_acknowledged_total";

/// Of these: without an answer, because the connection ended before. What they held may be durable.
const ABANDONED: &str = "cbsift_ingest_abandoned_total";

/// Characters that could not be decoded, and stand replaced in the text.
pub(crate) const REPLACEMENTS: &str = "cbsift_ingest_replacements_total";

/// Why a body was not taken; a refusal leaves it with its answer.
#[derive(Clone, Copy)]
pub(crate) struct Refused(pub(crate) &'static str);

impl Traffic {
    /// Counts nothing yet.
    pub fn new() -> Self {
        // Shown from the start on, so that a rate knows its first step.
        for name in [
            "cbsift_ingest_bytes_total",
            "cbsift_ingest_chunks_total",
            "cbsift_ingest_unproven_imports_total",
            REPLACEMENTS,
            BODIES,
            ACKNOWLEDGED,
            ABANDONED,
        ] {
            counter!(name).absolute(0);
        }
        counter!("cbsift_ingest_requests_total", "code" => "200").absolute(0);
        for result in RESULTS {
            counter!(ENROLMENTS, "result" => result).absolute(0);
        }
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
        counter!(BODIES).increment(1);
        Begun {
            traffic: self.clone(),
            key,
            is_answered: false,
        }
    }
}

/// A body under way; ends when dropped, also where its sender went away.
struct Begun {
    traffic: Traffic,
    key: (Instant, u64),
    is_answered: bool,
}

impl Begun {
    /// Its sender is about to hear this.
    fn end(mut self, response: &Response) {
        self.is_answered = true;
        let status = response.status();
        if status.is_success() {
            counter!(ACKNOWLEDGED).increment(1);
            return;
        }
        // The router itself refuses what no route takes, and leaves no reason.
        let reason = match response.extensions().get() {
            Some(Refused(reason)) => reason,
            None => reason_of(status),
        };
        counter!("cbsift_ingest_refused_total", "reason" => reason).increment(1);
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.is_answered {
            counter!(ABANDONED).increment(1);
        }
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
    let begun = is_body.then(|| traffic.begin(Instant::now()));
    let response = next.run(request).await;
    let code = response.status().as_u16().to_string();
    counter!("cbsift_ingest_requests_total", "code" => code).increment(1);
    if let Some(begun) = begun {
        begun.end(&response);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::refusal::Refusal;
    use axum::body::Body;
    use axum::routing::put;
    use hyper::service::Service as _;
    use hyper_util::service::TowerToHyperService;
    use metrics::{
        Counter, CounterFn, Gauge, Histogram, Key, KeyName, Metadata, Recorder, SharedString, Unit,
    };
    use std::collections::BTreeMap;

    /// Keeps counters by name and labels.
    #[derive(Clone, Default)]
    struct Counts(Arc<Mutex<BTreeMap<String, u64>>>);

    struct Count(Counts, String);

    impl CounterFn for Count {
        fn increment(&self, value: u64) {
            let mut counts = self.0.0.lock().unwrap();
            *counts.entry(self.1.clone()).or_default() += value;
        }

        fn absolute(&self, _: u64) {}
    }

    impl Recorder for Counts {
        fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
        fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

        fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
            let labels: Vec<&str> = key.labels().map(metrics::Label::value).collect();
            let name = [key.name(), &labels.join(",")].join(" ");
            Counter::from_arc(Arc::new(Count(self.clone(), name.trim_end().to_owned())))
        }

        fn register_gauge(&self, _: &Key, _: &Metadata<'_>) -> Gauge {
            Gauge::noop()
        }

        fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
            Histogram::noop()
        }
    }

    #[test]
    fn every_body_ends_in_the_books() {
        let counts = Counts::default();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap();
        metrics::with_local_recorder(&counts, || {
            runtime.block_on(async {
                let traffic = Traffic::new();
                let router = Router::new()
                    .route("/stored", put(async || "stored"))
                    .route("/bad", put(async || Refusal::bad_request("made up")))
                    .route("/waits", put(async || std::future::pending::<()>().await));
                let service = TowerToHyperService::new(traffic.count(router));
                let call = |method: Method, path: &str| {
                    let request = Request::builder().method(method).uri(path);
                    service.call(request.body(Body::empty()).unwrap())
                };
                for path in ["/stored", "/bad", "/no-such-path"] {
                    call(Method::PUT, path).await.unwrap();
                }
                // No body, and so in no book.
                call(Method::HEAD, "/stored").await.unwrap();
                // The sender hangs up.
                let wait = Duration::from_millis(1);
                let waits = tokio::time::timeout(wait, call(Method::PUT, "/waits"));
                assert!(waits.await.is_err());
                assert_eq!(traffic.under_way(Instant::now()).0, 0);
            });
        });
        let counts = counts.0.lock().unwrap();
        let counts = counts.iter().map(|(name, count)| (name.as_str(), *count));
        let of_bodies: Vec<_> = counts
            .filter(|(name, _)| !name.starts_with("cbsift_ingest_requests_total"))
            .collect();
        assert_eq!(
            of_bodies,
            [
                ("cbsift_ingest_abandoned_total", 1),
                ("cbsift_ingest_acknowledged_total", 1),
                ("cbsift_ingest_bodies_total", 4),
                ("cbsift_ingest_refused_total bad_request", 2),
            ]
        );
    }

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
