//! Who sends again because it was answered, and not because there is something new: it would wait for each next batch anew.

use event::Chunk;
use std::{
    collections::HashMap,
    hash::{BuildHasher, RandomState},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;

/// What is sent for an endpoint within this of an answer for it had waited; a log that is sent as it is written comes later.
const SENDS_ON: Duration = Duration::from_secs(1);

/// A sender that has one request at a time, for whatever endpoint, comes back within this of its answer.
const COMES_BACK: Duration = Duration::from_millis(10);

/// So often in turn: once happens by chance to those that send at their own time.
const TURNS: u32 = 2;

/// Endpoints remembered, and senders; beyond them all are forgotten, and who comes back then waits once or twice.
const MAX_NAMES: usize = 10_000;

/// When senders were answered last.
#[derive(Default)]
pub(super) struct Answered {
    names: RandomState,
    last: Mutex<Last>,
}

#[derive(Default)]
struct Last {
    endpoints: HashMap<u64, Instant>,
    senders: HashMap<u64, Sender>,
}

#[derive(Default)]
struct Sender {
    /// Requests of it that are not answered yet.
    open: usize,
    answered: Option<Instant>,
    /// How often in turn it came back with nothing else open.
    turns: u32,
}

/// A request that is not answered yet.
pub(super) struct Visit {
    answered: Arc<Answered>,
    endpoint: u64,
    sender: u64,
    /// Whether its sender had waited for an answer before.
    pub(super) had_waited: bool,
}

impl Answered {
    /// Somebody sends a chunk.
    pub(super) fn visit(self: &Arc<Self>, chunk: &Chunk) -> Visit {
        let endpoint = self.names.hash_one((&chunk.tenant, &chunk.endpoint));
        let name = self.names.hash_one((&chunk.tenant, &chunk.sender));
        let mut last = self.last();
        if last.senders.len() >= MAX_NAMES {
            last.senders.clear();
        }
        let within = |at: Option<Instant>, time| at.is_some_and(|at| at.elapsed() < time);
        let sends_on = within(last.endpoints.get(&endpoint).copied(), SENDS_ON);
        let sender = last.senders.entry(name).or_default();
        let comes_back = sender.open == 0 && within(sender.answered, COMES_BACK);
        sender.turns = if comes_back { sender.turns + 1 } else { 0 };
        sender.open += 1;
        Visit {
            answered: Arc::clone(self),
            endpoint,
            sender: name,
            had_waited: sends_on || sender.turns >= TURNS,
        }
    }

    fn last(&self) -> MutexGuard<'_, Last> {
        // Every change is complete when the lock is released.
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Visit {
    /// Answered, or given up by its sender, which nobody can tell apart from here and which comes to the same.
    fn drop(&mut self) {
        let (now, mut last) = (Instant::now(), self.answered.last());
        if last.endpoints.len() >= MAX_NAMES {
            last.endpoints.clear();
        }
        last.endpoints.insert(self.endpoint, now);
        // None where all were forgotten meanwhile.
        if let Some(sender) = last.senders.get_mut(&self.sender) {
            sender.open = sender.open.saturating_sub(1);
            sender.answered = Some(now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Format, Source, StreamId, TextEncoding};
    use tokio::time::advance;

    fn chunk(endpoint: usize, sender: &str) -> Chunk {
        Chunk {
            tenant: "t".to_owned(),
            endpoint: format!("PC-{endpoint}"),
            source: Source::Cbs,
            stream: StreamId(1),
            path: "CBS.log".to_owned(),
            offset: 0,
            length: 1,
            encoding: TextEncoding::Utf8,
            format: Format::Wds,
            open: false,
            sender: sender.to_owned(),
            received_ms: 0,
            text: "x".to_owned(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_on_for_an_endpoint_had_waited() {
        let answered = Arc::new(Answered::default());
        assert!(!answered.visit(&chunk(1, "a")).had_waited);
        advance(Duration::from_millis(900)).await;
        assert!(answered.visit(&chunk(1, "b")).had_waited);
        assert!(!answered.visit(&chunk(2, "a")).had_waited);
        advance(SENDS_ON).await;
        assert!(!answered.visit(&chunk(1, "a")).had_waited);
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_for_one_after_the_other_waits_twice() {
        let answered = Arc::new(Answered::default());
        let mut waits = Vec::new();
        for endpoint in 0..5 {
            let visit = answered.visit(&chunk(endpoint, "relay"));
            waits.push(!visit.had_waited);
            drop(visit);
            advance(Duration::from_millis(5)).await;
        }
        assert_eq!(waits, [true, true, false, false, false]);
        advance(COMES_BACK).await;
        assert!(!answered.visit(&chunk(9, "relay")).had_waited);
    }

    #[tokio::test(start_paused = true)]
    async fn many_at_once_wait_whoever_is_answered_meanwhile() {
        let answered = Arc::new(Answered::default());
        let mut open = Vec::new();
        for endpoint in 0..20 {
            let visit = answered.visit(&chunk(endpoint, "fleet"));
            assert!(!visit.had_waited, "{endpoint}");
            open.push(visit);
            if endpoint % 3 == 2 {
                open.remove(0);
            }
            advance(Duration::from_millis(2)).await;
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_remembered_is_bounded() {
        let answered = Arc::new(Answered::default());
        for number in 0..=2 * MAX_NAMES {
            drop(answered.visit(&chunk(number, &format!("sender {number}"))));
        }
        let last = answered.last();
        assert!(last.endpoints.len() <= MAX_NAMES && last.senders.len() <= MAX_NAMES);
    }
}
