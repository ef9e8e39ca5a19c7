//! How much may be under way at once: bytes of bodies, and requests of one endpoint.

use crate::Config;
use crate::http::refusal::Refusal;
use crate::http::room::Room;
use crate::offsets::Owner;
use axum::http::StatusCode;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Shared by all requests of one intake.
pub(crate) struct Limits {
    pub(crate) room: Room,
    per_endpoint: usize,
    // Invariant: holds only endpoints with requests under way, each with their number.
    endpoints: Arc<Mutex<HashMap<Owner, usize>>>,
}

/// One request of an endpoint; ends when dropped.
pub(crate) struct Quota {
    owner: Owner,
    endpoints: Arc<Mutex<HashMap<Owner, usize>>>,
}

impl Limits {
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            room: Room::new(config),
            per_endpoint: config.endpoint_requests_max,
            endpoints: Arc::default(),
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
}
