//! Which connections hold a place, and which one makes room when there is none left.
//!
//! A stranger is a connection that has shown no good token yet. Hostile clients and good senders may share an address, so an address is
//! held to a number of strangers only, and a connection that was trusted is never ended for a stranger's sake while it is of use.

use metrics::{counter, gauge};
use rustix::io::Errno;
use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A trusted connection that rests is left alone for so long: senders keep theirs for 5 s, see the client's `max_idle_age`.
const KEPT: Duration = Duration::from_secs(5);

/// Connections that were told to end and have not closed their sockets yet. Beyond it no new ones are taken for a moment, so that a
/// flood cannot use up the process's files faster than they are given back.
const CLOSING_MAX: usize = 64;

/// Bounds on connections, shared by all addresses that one [`Admission`] is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections_max: usize,
    /// Strangers of one address at once, and connections that one token is trusted on.
    pub address_max: usize,
    /// A stranger whose request is under way for longer makes room, where no other can.
    pub patience: Duration,
}

/// Gives out places. Cheap to clone; the clones give out the same ones.
#[derive(Clone)]
pub struct Admission(Arc<Shared>);

struct Shared {
    limits: Limits,
    state: Mutex<State>,
    /// Told when a place is given back.
    closed: Notify,
}

/// By age: the number keeps equal times apart.
type Queue = BTreeSet<(Instant, u64)>;

// Invariant: an entry is in exactly one queue, its address's one included, or in none while it is trusted and at work.
#[derive(Default)]
struct State {
    last: u64,
    /// Places that are not given back, with those that make room.
    open: usize,
    entries: HashMap<u64, Entry>,
    /// Strangers without a complete head: handshakes, slow heads, silence.
    waiting: Queue,
    /// Strangers whose request is under way.
    working: Queue,
    /// Trusted ones between two requests.
    resting: Queue,
    addresses: HashMap<IpAddr, Strangers>,
    /// Connections by the token that they are trusted for.
    holders: HashMap<Arc<str>, usize>,
}

/// Those of one address; it is forgotten with the last of them.
#[derive(Default)]
struct Strangers {
    waiting: Queue,
    working: Queue,
}

struct Entry {
    address: IpAddr,
    since: Instant,
    is_working: bool,
    holder: Option<Arc<str>>,
    evicted: Arc<Notify>,
}

impl State {
    fn enter(&mut self, id: u64, entry: Entry) {
        let key = (entry.since, id);
        match (&entry.holder, entry.is_working) {
            (Some(_), true) => {}
            (Some(_), false) => {
                self.resting.insert(key);
            }
            (None, is_working) => {
                let strangers = self.addresses.entry(entry.address).or_default();
                if is_working {
                    self.working.insert(key);
                    strangers.working.insert(key);
                } else {
                    self.waiting.insert(key);
                    strangers.waiting.insert(key);
                }
            }
        }
        self.entries.insert(id, entry);
    }

    fn leave(&mut self, id: u64) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        let key = (entry.since, id);
        for queue in [&mut self.waiting, &mut self.working, &mut self.resting] {
            queue.remove(&key);
        }
        if entry.holder.is_none()
            && let Some(strangers) = self.addresses.get_mut(&entry.address)
        {
            strangers.waiting.remove(&key);
            strangers.working.remove(&key);
            if strangers.waiting.is_empty() && strangers.working.is_empty() {
                self.addresses.remove(&entry.address);
            }
        }
        Some(entry)
    }

    /// Changes an entry; false where it was told to make room meanwhile.
    fn change(&mut self, id: u64, change: impl FnOnce(&mut Entry)) -> bool {
        let Some(mut entry) = self.leave(id) else {
            return false;
        };
        change(&mut entry);
        self.enter(id, entry);
        true
    }

    fn evict(&mut self, id: u64, why: &'static str) {
        if let Some(entry) = self.leave(id) {
            self.forget_holder(entry.holder.as_ref());
            entry.evicted.notify_one();
            counter!("cbsift_serve_evicted_total", "reason" => why).increment(1);
        }
    }

    fn forget_holder(&mut self, holder: Option<&Arc<str>>) {
        if let Some(holder) = holder
            && let Some(count) = self.holders.get_mut(holder)
        {
            *count -= 1;
            if *count == 0 {
                self.holders.remove(holder);
            }
        }
    }

    /// Makes room for a stranger of the address; false where there is none to be made.
    fn make_room(&mut self, address: IpAddr, limits: &Limits, now: Instant) -> bool {
        for (room, why) in [
            (self.of_address(address, limits, now), "address"),
            (self.of_all(limits, now), "full"),
        ] {
            match room {
                Room::Free => {}
                Room::Instead(id) => {
                    self.evict(id, why);
                    // What one address gives up is room for all as well.
                    return true;
                }
                Room::None => {
                    counter!("cbsift_serve_refused_total", "reason" => why).increment(1);
                    return false;
                }
            }
        }
        true
    }

    /// The stranger of the address that makes room for another one of it.
    fn of_address(&self, address: IpAddr, limits: &Limits, now: Instant) -> Room {
        let Some(strangers) = self.addresses.get(&address) else {
            return Room::Free;
        };
        if strangers.waiting.len() + strangers.working.len() < limits.address_max {
            return Room::Free;
        }
        let late = oldest(&strangers.working).filter(|(since, _)| *since + limits.patience <= now);
        match oldest(&strangers.waiting).or(late) {
            Some((_, id)) => Room::Instead(id),
            None => Room::None,
        }
    }

    /// The connection that makes room for a new one of any address.
    fn of_all(&self, limits: &Limits, now: Instant) -> Room {
        if self.entries.len() < limits.connections_max {
            return Room::Free;
        }
        let unused = oldest(&self.resting).filter(|(since, _)| *since + KEPT <= now);
        let late = oldest(&self.working).filter(|(since, _)| *since + limits.patience <= now);
        match oldest(&self.waiting).or(unused).or(late) {
            Some((_, id)) => Room::Instead(id),
            None => Room::None,
        }
    }
}

fn oldest(queue: &Queue) -> Option<(Instant, u64)> {
    queue.first().copied()
}

/// Whether there is room for one more.
enum Room {
    Free,
    /// When this one goes.
    Instead(u64),
    None,
}

impl Admission {
    /// Nobody is there yet.
    pub fn new(limits: Limits) -> Self {
        gauge!("cbsift_serve_connections").set(0.0);
        Self(Arc::new(Shared {
            limits,
            state: Mutex::default(),
            closed: Notify::new(),
        }))
    }

    /// A place for a connection that has just come. Where all are taken another connection makes room at once: the oldest stranger
    /// without a complete head, else a trusted one that has rested for long, else a stranger whose request takes too long.
    /// None where each of them is of use: then it is better to hang up than to let it wait.
    pub fn admit(&self, address: IpAddr) -> Option<Place> {
        let (address, now) = (network(address), Instant::now());
        let mut state = self.0.state();
        if !state.make_room(address, &self.0.limits, now) {
            return None;
        }
        state.last += 1;
        state.open += 1;
        let id = state.last;
        let evicted = Arc::new(Notify::new());
        let entry = Entry {
            address,
            since: now,
            is_working: false,
            holder: None,
            evicted: Arc::clone(&evicted),
        };
        state.enter(id, entry);
        gauge!("cbsift_serve_connections").set(state.open as f64);
        Some(Place {
            shared: Arc::clone(&self.0),
            id,
            address,
            evicted,
            is_answered: AtomicBool::new(false),
            requests: AtomicU64::new(0),
        })
    }

    /// Ends the connection that is of least use where a new one failed because the process or the machine has no file or memory left
    /// for it. Another failure is of the new one alone.
    pub fn shed(&self, error: &io::Error) {
        let is_want = matches!(
            Errno::from_io_error(error),
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM)
        );
        if !is_want {
            return;
        }
        let mut state = self.0.state();
        let least = oldest(&state.waiting).or(oldest(&state.resting));
        if let Some((_, id)) = least {
            state.evict(id, "files");
        }
    }

    /// Returns when those that were told to make room have done so, but for a few.
    pub async fn settled(&self) {
        loop {
            let closed = self.0.closed.notified();
            tokio::pin!(closed);
            closed.as_mut().enable();
            if self.0.state().open <= self.0.limits.connections_max + CLOSING_MAX {
                return;
            }
            closed.await;
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of one connection; given back when dropped, which is to be after its socket was closed.
pub struct Place {
    shared: Arc<Shared>,
    id: u64,
    address: IpAddr,
    evicted: Arc<Notify>,
    /// The answer is made, but may not be written yet.
    is_answered: AtomicBool,
    /// How many heads were complete.
    requests: AtomicU64,
}

impl Place {
    /// Returns when the connection is to end at once, to make room.
    pub async fn evicted(&self) {
        loop {
            self.evicted.notified().await;
            // It may have been taken back meanwhile, see `begin`.
            if !self.shared.state().entries.contains_key(&self.id) {
                return;
            }
        }
    }

    /// A head is complete. False where the connection was told to make room, and cannot be taken back.
    ///
    /// In a flood a connection may be the oldest before anybody has looked whether its head is there. So it is taken back when it is, and
    /// another one makes room, as if it had come just now.
    pub(crate) fn begin(&self) -> bool {
        self.is_answered.store(false, Ordering::Relaxed);
        self.requests.fetch_add(1, Ordering::Relaxed);
        if self.change(|entry| entry.is_working = true) {
            return true;
        }
        let now = Instant::now();
        let mut state = self.shared.state();
        if !state.make_room(self.address, &self.shared.limits, now) {
            return false;
        }
        let entry = Entry {
            address: self.address,
            since: now,
            is_working: true,
            holder: None,
            evicted: Arc::clone(&self.evicted),
        };
        state.enter(self.id, entry);
        true
    }

    /// The answer is made.
    pub(crate) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }

    /// Everything was written that there was.
    pub(crate) fn written(&self) {
        if self.is_answered.swap(false, Ordering::Relaxed) {
            self.change(|entry| entry.is_working = false);
        }
    }

    /// How many requests there were.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// It has shown a good token, of `holder`. A holder who has as many connections as an address may have strangers gets no more
    /// trusted: they stay what they are.
    pub fn trust(&self, holder: &str) {
        let mut state = self.shared.state();
        match state.entries.get(&self.id) {
            Some(entry) if entry.holder.is_none() => {}
            _ => return,
        }
        let holder: Arc<str> = holder.into();
        let count = state.holders.entry(Arc::clone(&holder)).or_default();
        if *count < self.shared.limits.address_max {
            *count += 1;
            state.change(self.id, |entry| entry.holder = Some(holder));
        }
    }

    fn change(&self, change: impl FnOnce(&mut Entry)) -> bool {
        let now = Instant::now();
        self.shared.state().change(self.id, |entry| {
            entry.since = now;
            change(entry);
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.shared.state();
        if let Some(entry) = state.leave(self.id) {
            state.forget_holder(entry.holder.as_ref());
        }
        state.open -= 1;
        gauge!("cbsift_serve_connections").set(state.open as f64);
        drop(state);
        self.shared.closed.notify_waiters();
    }
}

/// What counts as one address: who has an IPv6 address has all of its last 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests;
