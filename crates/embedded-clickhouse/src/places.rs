//! Places to run queries in, some for writers and others for readers.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::access::Access;
use crate::exception::Exception;

/// Queries of writers at once. On the two to eight cores of one machine more would only wait for each other,
/// and each holds memory.
const MAX_QUERIES: usize = 16;

/// Queries of readers at once, beside those: however long they take, the process's own store waits for none of them. Each
/// may use two threads and an eighth of the engine's memory, so that together they leave half of it.
const MAX_READERS: usize = 4;

/// How long a writer waits for its turn before it is told to come again.
const MAX_WAIT: Duration = Duration::from_secs(30);

/// The same for readers: longer than most of their queries run, shorter than a dashboard waits.
const MAX_READER_WAIT: Duration = Duration::from_secs(10);

pub(crate) struct Places {
    writers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
}

impl Places {
    pub(crate) fn new() -> Self {
        Self {
            writers: Arc::new(Semaphore::new(MAX_QUERIES)),
            readers: Arc::new(Semaphore::new(MAX_READERS)),
        }
    }

    /// One of the places for who asks.
    pub(crate) async fn take(&self, access: Access) -> Result<OwnedSemaphorePermit, Exception> {
        let (places, all, wait) = match access {
            Access::Writer => (&self.writers, MAX_QUERIES, MAX_WAIT),
            Access::Reader => (&self.readers, MAX_READERS, MAX_READER_WAIT),
        };
        match timeout(wait, places.clone().acquire_owned()).await {
            Ok(Ok(place)) => Ok(place),
            Ok(Err(_)) | Err(_) => Err(Exception::too_many(format_args!(
                "{all} queries are running; hint: come again later, or ask for less at once"
            ))),
        }
    }

    /// Waits until nobody is in any place, and keeps everybody else out while it is polled.
    pub(crate) async fn empty(&self) {
        let _writers = self.writers.acquire_many(MAX_QUERIES as u32).await;
        let _readers = self.readers.acquire_many(MAX_READERS as u32).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn readers_take_no_place_of_writers_and_wait_for_their_own_only_so_long() {
        let places = Places::new();
        let mut held = Vec::new();
        for _ in 0..MAX_READERS {
            held.push(places.take(Access::Reader).await.expect("a free place"));
        }
        let refused = places.take(Access::Reader).await.expect_err("none is free");
        assert_eq!(refused.code, 202);
        assert!(refused.to_string().contains("hint: "), "{refused}");
        let writers: Vec<_> = (0..MAX_QUERIES)
            .map(|_| places.writers.clone().try_acquire_owned().expect("free"))
            .collect();
        held.pop();
        drop(places.take(Access::Reader).await.expect("free again"));
        drop((writers, held));
        places.empty().await;
    }
}
