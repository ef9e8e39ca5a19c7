//! How much may be under way at once: bytes of bodies, and requests of one endpoint.

use crate::http::refusal::Refusal;
use crate::offsets::Owner;
use crate::{Config, SinkError};
use axum::http::StatusCode;
use metrics::gauge;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shared by all requests of one intake.
pub(crate) struct Limits {
    room: Arc<Semaphore>,
    room_total: usize,
    queue_timeout: Duration,
    per_endpoint: usize,
    // Invariant: holds only endpoints with requests under way, each with their number.
    endpoints: Arc<Mutex<HashMap<Owner, usize>>>,
}

/// One request of an endpoint; ends when dropped.
pub(crate) struct Quota {
    owner: Owner,
    endpoints: Arc<Mutex<HashMap<Owner, usize>>>,
}

/// Room that a body and its text take; given back when dropped.
#[derive(Debug)]
pub(crate) struct Room {
    bytes: u32,
    _permit: OwnedSemaphorePermit,
}

impl Room {
    fn new(bytes: u32, permit: OwnedSemaphorePermit) -> Self {
        gauge!("cbsift_ingest_in_flight_bytes").increment(f64::from(bytes));
        Self {
            bytes,
            _permit: permit,
        }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        gauge!("cbsift_ingest_in_flight_bytes").decrement(f64::from(self.bytes));
    }
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            room: Arc::new(Semaphore::new(config.in_flight_max)),
            room_total: config.in_flight_max,
            queue_timeout: config.queue_timeout,
            per_endpoint: config.endpoint_requests_max,
            endpoints: Arc::default(),
        }
    }

    /// Room for a body of so many bytes and for its text; waits a while for it.
    pub(crate) async fn room(&self, bytes: usize) -> Result<Room, Refusal> {
        let permits =
            u32::try_from(bytes.saturating_mul(2).min(self.room_total)).unwrap_or(u32::MAX);
        match tokio::time::timeout(
            self.queue_timeout,
            Arc::clone(&self.room).acquire_many_owned(permits),
        )
        .await
        {
            Ok(Ok(permit)) => Ok(Room::new(permits, permit)),
            Ok(Err(_)) | Err(_) => Err(SinkError::Busy {
                retry_after: Duration::from_secs(1),
            }
            .into()),
        }
    }

    /// One endpoint must not take the room of all.
    pub(crate) fn endpoint(&self, owner: &Owner) -> Result<Quota, Refusal> {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let under_way = endpoints.entry(owner.clone()).or_insert(0);
        if *under_way >= self.per_endpoint {
            let error = format!(
                "{} requests of this endpoint are under way",
                self.per_endpoint
            );
            return Err(Refusal::new(StatusCode::TOO_MANY_REQUESTS, error)
                .retry_after(Duration::from_secs(1)));
        }
        *under_way += 1;
        Ok(Quota {
            owner: owner.clone(),
            endpoints: Arc::clone(&self.endpoints),
        })
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let mut endpoints = self
            .endpoints
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = endpoints.entry(self.owner.clone()) {
            *entry.get_mut() -= 1;
            if *entry.get() == 0 {
                entry.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(endpoint: &str) -> Owner {
        Owner {
            tenant: "default".to_owned(),
            endpoint: endpoint.to_owned(),
        }
    }

    #[test]
    fn an_endpoint_has_a_quota_of_its_own_and_leaves_nothing_behind() {
        let limits = Limits::new(&Config {
            endpoint_requests_max: 2,
            ..Config::default()
        });
        let first = limits.endpoint(&owner("a")).unwrap();
        let second = limits.endpoint(&owner("a")).unwrap();
        assert!(limits.endpoint(&owner("a")).is_err());
        let other = limits.endpoint(&owner("b")).unwrap();
        drop(first);
        let third = limits.endpoint(&owner("a")).unwrap();
        drop((second, third, other));
        assert!(limits.endpoints.lock().unwrap().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_given_back_and_its_lack_is_told() {
        let config = Config {
            in_flight_max: 100,
            queue_timeout: Duration::from_secs(5),
            ..Config::default()
        };
        let limits = Limits::new(&config);
        let held = limits.room(30).await.unwrap();
        let error = limits.room(30).await.unwrap_err();
        assert!(format!("{error:?}").contains("503"), "{error:?}");
        drop(held);
        // More than there is at all takes everything rather than waiting for ever.
        assert!(limits.room(1 << 20).await.is_ok());
    }
}
