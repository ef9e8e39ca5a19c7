//! The pipeline's bounds, each with its reason.

use std::time::Duration;

/// The pipeline's bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// A batch is stored when it holds this much text, or half as much while another one is being stored.
    /// An INSERT costs some 15 ms of CPU and 16 fsyncs whatever it holds (measured on the engine), a batch makes five or more
    /// of them, and one block of this size fits the engine's memory well.
    pub batch_bytes: usize,
    /// … or this long after its first chunk came when no other is being stored …
    pub batch_linger: Duration,
    /// … but where it holds less than this, and nobody waits for it, …
    pub batch_little: usize,
    /// … not before this long after the one before it began: live tails are stored together, as an INSERT costs the same for one line as
    /// for a thousand. Two of the five seconds from a record to its answer.
    pub batch_pause: Duration,
    /// Months of a batch, or of one endpoint's part of it, that are stored at once; an endpoint that sends more is stored so many
    /// at a time, apart from the others. Each costs an INSERT of some 15 ms per table, and a log of one machine's life that comes
    /// in one body has hundreds; logs that are sent as they are written have two.
    pub months_at_once: usize,
    /// Text of such endpoints that waits, all together, and of one of them half of it; beyond it they are told to come again.
    pub wide_bytes: usize,
    /// Batches stored at the same time: while one waits for the disk the next is classified.
    pub batches_in_flight: usize,
    /// Threads that classify.
    pub workers: usize,
    /// Text taken and not yet stored. A multiple of what is in flight, so that batches fill; beyond it senders wait.
    pub queue_bytes: usize,
    /// How long a sender waits for room before it is told to come again: well below its own deadline of 30 s.
    pub queue_wait: Duration,
    /// How long an insert is tried again before its senders are told; they keep their data and send it again.
    /// None tries for ever, which is right where the sender is Kafka.
    pub give_up: Option<Duration>,
    /// A unit is derived this long after its last news: what one log brings in many bodies is derived at once …
    pub derive_quiet: Duration,
    /// … or this long after its first, when news keeps coming.
    pub derive_latest: Duration,
    /// Jobs begin so far apart, unless units wait for their turn: those due meanwhile are stored together.
    pub derive_pause: Duration,
    /// Derivation jobs at the same time: one computes while the other waits for the store.
    pub derive_parallel: usize,
    /// Bytes of answers that derivations hold at once, all jobs together; one day of one endpoint alone, with the day before it and the
    /// landmarks around it, may take all of it. In memory such rows take about three times as much for the moment. Two days of 1,000
    /// events each are 0.4 MB (made-up records of 100 bytes, as `benches/history` of the binary has them).
    pub derive_memory: u64,
    /// A failed derivation is tried again after this: a store that hiccups is back by then.
    pub derive_retry: Duration,
    /// How often the store is asked for news that no process remembers, of a crash or another process.
    pub sweep: Duration,
    /// Days that text is kept after it was received; none keeps it until space is needed.
    pub keep_days: Option<u16>,
    /// The same for text in which a failure was found, so that evidence outlives the rest.
    pub keep_evidence_days: Option<u16>,
    /// News younger than this is left alone by sweeps: its batch may still be on its way in another process. Finding it too early is
    /// work in vain and no more: what is stored within half of this is derived by who stored it, or handed over, and what takes longer is
    /// handed over, to oneself too, before it is acknowledged. Others' news that is older, and none of whose part was closed for as long,
    /// is derived by anybody: its owner may be gone. So is what is ten times as old. A minute is far longer than a pipeline that works takes
    /// between two jobs.
    pub sweep_age: Duration,
    /// The same for the sweep at start. None where no other process writes to this store: what is open then was left by a crash.
    /// Where endpoints are shared, sweeps of a new share begin with news of any age instead.
    pub first_sweep_age: Duration,
    /// How often the store is asked for a newer rule set: until then this process writes rows of the older one, which lose
    /// against the newer one's. One small read.
    pub rules_poll: Duration,
    /// How long a shutdown waits for what was taken.
    pub grace: Duration,
    /// What tests plant.
    #[cfg(feature = "testing")]
    pub planted: Planted,
}

/// Faults that tests plant; empty texts plant none.
#[cfg(feature = "testing")]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Classifying a chunk that holds this panics.
    pub panics: String,
    /// The store refuses rows of a chunk that holds this.
    pub refused: String,
    /// Deriving a unit of this endpoint panics.
    pub derive_panics: String,
}

impl Config {
    /// No other process writes to the store.
    pub(crate) fn is_alone(&self) -> bool {
        self.first_sweep_age.is_zero()
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            batch_bytes: 16 << 20,
            batch_linger: Duration::from_millis(20),
            batch_little: 256 << 10,
            batch_pause: Duration::from_secs(2),
            months_at_once: 8,
            wide_bytes: 16 << 20,
            batches_in_flight: 2,
            workers: 2,
            queue_bytes: 64 << 20,
            queue_wait: Duration::from_secs(5),
            give_up: Some(Duration::from_secs(20)),
            derive_quiet: Duration::from_millis(300),
            derive_latest: Duration::from_secs(5),
            derive_pause: Duration::from_secs(1),
            derive_parallel: 2,
            derive_memory: 64 << 20,
            derive_retry: Duration::from_secs(5),
            sweep: Duration::from_secs(30),
            sweep_age: Duration::from_secs(60),
            first_sweep_age: Duration::ZERO,
            keep_days: Some(90),
            keep_evidence_days: Some(400),
            rules_poll: Duration::from_secs(5),
            grace: Duration::from_secs(10),
            #[cfg(feature = "testing")]
            planted: Planted::default(),
        }
    }
}
