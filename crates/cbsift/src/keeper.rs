//! Housekeeping of the store: room on its disk, text whose days are over, parts that were lost, rows that nobody reads.

mod days;
mod notes;
mod space;

pub(crate) use notes::Notes;
pub(crate) use space::{FileSystem, Full, Space};

use crate::run::TENANT;
use days::{Days, Signs, Verdict};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use store::{Expired, Freed, Store, StoreError};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Between two looks when nobody waits for room: what others write to the file system shows by then.
const EVERY: Duration = Duration::from_secs(5);

/// Before a look that somebody waits for: others come meanwhile, and one who cannot be helped must not make us look all the time.
const WANTED_PAUSE: Duration = Duration::from_millis(20);

/// Between two looks for parts that were put aside: that happens at a start, and else hardly ever.
const LOST_EVERY: Duration = Duration::from_secs(60);

/// Between two parts of raw text that are read to their end for damage: a store of 20 parts is read through in some hours, for a
/// second of work each.
const READ_EVERY: Duration = Duration::from_secs(600);

/// Text is freed from this share of the bound on, in the background, so that chunks need not wait; down to that one, so that it is
/// not done again at once; and the days of a part may share its bytes otherwise than thought, but not so that less than the last
/// one stays. Hundredths.
pub(crate) const FREE_FROM: u64 = 95;
const FREE_TO: u64 = 86;
const STAYS: u64 = 82;

/// Steps of one round; each frees something, or the round ends.
const STEPS: usize = 64;

/// What the engine replaced goes within two seconds; so long a rewrite waits for its room.
const REPLACED_WAIT: Duration = Duration::from_millis(250);
const REPLACED_WAITS: usize = 12;

/// Flags of the pages.
#[derive(Clone, Default)]
pub(crate) struct Shown {
    /// Logs are refused for lack of disk.
    pub(crate) full: Arc<AtomicBool>,
    /// It is the file system that is full, not the bound.
    pub(crate) file_system: Arc<AtomicBool>,
}

/// Keeps the house of one process.
pub(crate) struct Keeper {
    pub(crate) store: Store,
    pub(crate) space: Space,
    pub(crate) notes: Notes,
    pub(crate) shown: Shown,
    pub(crate) keep_audit_days: u16,
    /// None keeps what was found for good.
    pub(crate) keep_months: Option<u16>,
}

impl Keeper {
    /// Runs until `stop`.
    pub(crate) async fn run(self, stop: CancellationToken) -> anyhow::Result<()> {
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            () = self.keep() => Ok(()),
        }
    }

    async fn keep(&self) {
        if self.space.max() > 0
            && let Err(error) = self.store.bound_parts(self.space.max()).await
        {
            tracing::warn!(%error, "cannot bound the parts of raw text");
        }
        let mut chores = Chores::default();
        let mut next = Instant::now();
        loop {
            if let Err(error) = self.make_room().await {
                tracing::warn!(%error, "cannot measure or free the store's disk");
            }
            if Instant::now() >= next {
                self.chores(&mut chores).await;
                next = Instant::now() + EVERY;
            }
            tokio::select! {
                () = tokio::time::sleep_until(next) => {}
                () = self.space.wanted() => sleep(WANTED_PAUSE).await,
            }
        }
    }

    /// Measures, frees text where that is due, and says how much may come.
    async fn make_room(&self) -> Result<(), StoreError> {
        let max = self.space.max();
        let wanted = self.space.take_wanted();
        let (mut done, mut used) = self.measure().await?;
        let mut why = None;
        if max > 0 && (used > max / 100 * FREE_FROM || used.saturating_add(wanted) > max) {
            // A file system that is full may be why this fails, and is looked at in any case.
            why = self.free(used).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "cannot free raw text");
                None
            });
            (done, used) = self.measure().await?;
        }
        match &why {
            None => self.notes.clear("disk"),
            Some(why) => self.notes.set(
                "disk",
                format!("no room can be made within `store.max_disk`: {why}"),
            ),
        }
        let full = match why {
            Some(why) if used >= max => Some(Full::Bound(why)),
            _ => self.file_system_full().await.map(Full::FileSystem),
        };
        self.publish(done, used, full);
        Ok(())
    }

    /// Frees text by steps until enough is free; why not, if it is not.
    async fn free(&self, before: u64) -> Result<Option<String>, StoreError> {
        let max = self.space.max();
        let goal = max / 100 * FREE_TO;
        let (mut used, mut parts, mut evidence, mut waits) = (before, 0, false, 0);
        let mut why = None;
        for _ in 0..STEPS {
            if used <= goal {
                break;
            }
            let room = self.space.look().map_or(u64::MAX, FileSystem::room);
            let spare = used.saturating_sub(max / 100 * STAYS);
            match self.store.free_raw(used - goal, spare, room).await? {
                Freed::Text {
                    parts: more,
                    evidence: of_evidence,
                } => {
                    parts += more;
                    evidence |= of_evidence;
                }
                Freed::Nothing => {
                    why = Some("no raw text is left to free".to_owned());
                    break;
                }
                Freed::NoRoom { .. }
                    if waits < REPLACED_WAITS && self.store.disk_replaced().await? > 0 =>
                {
                    waits += 1;
                    self.store.clear_replaced().await?;
                    sleep(REPLACED_WAIT).await;
                }
                Freed::NoRoom { needed } => {
                    why = Some(format!(
                        "to free text a part is written anew, which needs {} MiB, and the file system has {} MiB to spare",
                        needed.div_ceil(1 << 20),
                        room >> 20
                    ));
                    break;
                }
            }
            let done;
            (done, used) = self.measure().await?;
            self.publish(done, used, self.space.full());
        }
        if parts > 0 {
            tracing::warn!(
                used = before,
                left = used,
                parts,
                evidence,
                "freed the oldest raw text: the disk bound was near"
            );
        }
        Ok(why)
    }

    /// What was stored before this, and what the store takes now.
    async fn measure(&self) -> Result<(u64, u64), StoreError> {
        let done = self.space.done();
        if self.space.max() == 0 {
            return Ok((done, 0));
        }
        Ok((done, self.store.disk_used().await?))
    }

    /// The file system, if it has next to nothing left even without what the engine has replaced.
    async fn file_system_full(&self) -> Option<FileSystem> {
        for _ in 0..REPLACED_WAITS {
            let found = self.space.look()?;
            if found.room() > 0 {
                return None;
            }
            // Neither works where the engine has no room at all; then it is full, too.
            if !self
                .store
                .disk_replaced()
                .await
                .is_ok_and(|bytes| bytes > 0)
                || self.store.clear_replaced().await.is_err()
            {
                break;
            }
            sleep(REPLACED_WAIT).await;
        }
        self.space.look().filter(|found| found.room() == 0)
    }

    fn publish(&self, done: u64, used: u64, full: Option<Full>) {
        let max = self.space.max();
        let of_bound = if max == 0 {
            u64::MAX
        } else {
            max.saturating_sub(used)
        };
        let of_file_system = self.space.file_system().map_or(u64::MAX, FileSystem::room);
        if full.is_some() && self.space.full().is_none() {
            let why = full.as_ref().map(ToString::to_string).unwrap_or_default();
            tracing::error!("the intake refuses logs: {why}");
        } else if full.is_none() && self.space.full().is_some() {
            tracing::warn!("the intake takes logs again");
        }
        let order = Ordering::Relaxed;
        self.shown.full.store(full.is_some(), order);
        let is_file_system = matches!(full, Some(Full::FileSystem(_)));
        self.shown.file_system.store(is_file_system, order);
        self.space.publish(done, of_bound.min(of_file_system), full);
    }

    async fn chores(&self, chores: &mut Chores) {
        // Bounds rows that only bookkeeping reads; it does nothing below its own threshold.
        if let Err(error) = self.store.tidy().await {
            tracing::warn!(%error, "cannot tidy the store");
        }
        if let Err(error) = self.expire(chores).await {
            tracing::warn!(%error, "cannot remove text whose days are over");
        }
        if let Err(error) = self.look_for_lost(chores).await {
            tracing::warn!(%error, "cannot look for parts that were lost");
        }
    }

    /// Removes what was found in months that are over; where that fails it is tried again on the next day.
    async fn expire_months(&self, day: u16) {
        let Some(keep) = self.keep_months else {
            return;
        };
        match self.store.expire_months(day, keep).await {
            Ok(months) if months.is_empty() => {}
            Ok(months) => {
                let months: Vec<String> = months.iter().map(ToString::to_string).collect();
                let months = months.join(", ");
                tracing::info!(months, "removed what was found in months that are over");
            }
            Err(error) => tracing::warn!(%error, "what was found in months that are over stays"),
        }
    }

    /// One step of expiry, by a day that more than a clock speaks for.
    async fn expire(&self, chores: &mut Chores) -> Result<(), StoreError> {
        let days = match &mut chores.days {
            Some(days) => days,
            none => none.insert(Days::new(self.store.housekeeping_day().await?)),
        };
        let clock = day_of(now_ms().min(self.store.now_ms().await?));
        let passed = passed();
        let believed = days.believed();
        // Reads a column of all raw text, so only where it matters.
        let (newest, lived) = if days.asks_text(clock, passed) {
            let since = believed.unwrap_or(clock);
            self.store.days_received(since, clock).await?
        } else {
            (0, 0)
        };
        let signs = Signs {
            clock,
            newest,
            lived,
            passed,
        };
        let day = match days.judge(signs) {
            Verdict::Day(day) => day,
            Verdict::Ahead(ahead) => {
                self.notes.set("clock", format!(
                    "the clock is {ahead} days ahead of the last day that this store has seen: no text expires until it is a day older, or set right"
                ));
                return Ok(());
            }
            Verdict::Behind(behind) => {
                self.notes.set("clock", format!(
                    "the clock is {behind} days behind the last day that this store has seen: text expires by the earlier day until it is set right"
                ));
                clock
            }
        };
        if day >= believed.unwrap_or(day) {
            self.notes.clear("clock");
        }
        if believed.is_none_or(|believed| believed < day) {
            self.store.set_housekeeping_day(day).await?;
        }
        // Once for each day that is believed; of several processes each looks, and one finds it.
        if chores.looked_for != Some(day) {
            let before = day.saturating_sub(self.keep_audit_days);
            // One that fails keeps nothing else from expiring, and is made again on the next day.
            match self.store.expire_audit(TENANT, before, now_ms()).await {
                Ok(0) => {}
                Ok(rows) => tracing::info!(rows, "removed audit rows whose days are over"),
                Err(error) => tracing::warn!(%error, "audit rows whose days are over stay"),
            }
            self.expire_months(day).await;
            chores.looked_for = Some(day);
        }
        let rests = chores
            .expire_again
            .is_some_and(|again| Instant::now() < again);
        if chores.expired_for == Some(day) && rests {
            return Ok(());
        }
        let room = self.space.look().map_or(u64::MAX, FileSystem::room);
        match self.store.expire_raw(day, room).await? {
            Expired::Parts(parts) => {
                tracing::info!(parts, "removed raw text whose days are over");
                self.notes.clear("expiry");
            }
            Expired::Busy => {}
            Expired::Stuck { mutation, reason } => {
                self.notes.set("expiry", format!(
                    "text whose days are over cannot go: the engine fails to rewrite parts (`{}`) and tries again: {}",
                    harmless::line(&mutation),
                    harmless::line(&reason)
                ));
            }
            Expired::Nothing => {
                self.notes.clear("expiry");
                chores.rest(day);
            }
            Expired::NoRoom { needed } => {
                self.notes.set("expiry", format!(
                    "text whose days are over cannot go: a part is written anew, which needs {} MiB of the file system",
                    needed.div_ceil(1 << 20)
                ));
                chores.rest(day);
            }
        }
        Ok(())
    }

    /// Notes parts that the engine put aside or cannot read, and says so.
    async fn look_for_lost(&self, chores: &mut Chores) -> Result<(), StoreError> {
        let now = Instant::now();
        let mut has_failed = false;
        if chores.read_next.is_none_or(|next| now >= next) {
            // The first part is read a while after the start, which has enough to do.
            if chores.read_next.is_some() {
                match self.store.read_next_part(&chores.read).await {
                    Ok(read) => chores.read = read.unwrap_or_default(),
                    // What it met is remembered by the store.
                    Err(_) => has_failed = true,
                }
            }
            chores.read_next = Some(now + READ_EVERY);
        }
        let mut lost = self.store.take_unreadable();
        for part in &mut lost {
            part.at = u32::try_from(now_ms() / 1_000).unwrap_or(u32::MAX);
        }
        // A damaged part must not be read again and again while those behind it wait.
        if has_failed && let Some(part) = lost.iter().find(|part| part.table == "chunks") {
            chores.read.clone_from(&part.part);
        }
        let mut outcome = Ok(());
        if chores.lost_next.is_none_or(|next| now >= next) {
            match self.store.parts_put_aside().await {
                Ok(aside) => {
                    lost.extend(aside);
                    chores.lost_next = Some(now + LOST_EVERY);
                }
                // What is unreadable was given once, and is not forgotten for it.
                Err(error) => outcome = Err(error),
            }
        }
        outcome.and(self.note_lost(chores, lost).await)
    }

    /// Stores and says what is new of parts that were lost. What cannot be stored is said all the same, and tried again.
    async fn note_lost(
        &self,
        chores: &mut Chores,
        lost: Vec<store::LostPart>,
    ) -> Result<(), StoreError> {
        let new: Vec<_> = lost
            .into_iter()
            .filter(|part| {
                let is_same = |known: &store::LostPart| {
                    (&known.table, &known.part, &known.reason)
                        == (&part.table, &part.part, &part.reason)
                };
                !chores.lost.iter().any(is_same)
            })
            .collect();
        chores.unsaved.extend(new.iter().cloned());
        let mut saved = Ok(());
        if !chores.unsaved.is_empty() {
            saved = self.store.insert_lost_parts(&chores.unsaved).await;
            if saved.is_ok() {
                chores.unsaved.clear();
            }
        }
        if new.is_empty() {
            return saved;
        }
        for part in &new {
            tracing::error!(
                table = part.table,
                partition = part.partition,
                part = part.part,
                reason = part.reason,
                bytes = part.bytes,
                "a part of the store was lost; send its logs again, as far as they are still there"
            );
        }
        chores.lost.extend(new);
        self.notes.set_lost(&chores.lost);
        saved
    }
}

/// What the chores remember.
#[derive(Default)]
struct Chores {
    days: Option<Days>,
    expired_for: Option<u16>,
    looked_for: Option<u16>,
    expire_again: Option<Instant>,
    lost: Vec<store::LostPart>,
    /// Those of them that the store has not taken yet.
    unsaved: Vec<store::LostPart>,
    lost_next: Option<Instant>,
    read: String,
    read_next: Option<Instant>,
}

/// Nothing more is over on a day, but what comes may be: text of long ago that was sent late is kept from its receipt on.
const EXPIRE_AGAIN: Duration = Duration::from_secs(3600);

impl Chores {
    fn rest(&mut self, day: u16) {
        self.expired_for = Some(day);
        self.expire_again = Some(Instant::now() + EXPIRE_AGAIN);
    }
}

/// UTC milliseconds by this machine's clock.
pub(crate) fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

/// The day that holds a time, in days since 1970.
pub(crate) fn day_of(ms: i64) -> u16 {
    u16::try_from(ms.div_euclid(86_400_000).max(0)).unwrap_or(u16::MAX)
}

/// Time since the machine's start, which nobody can set; suspended time counts.
fn passed() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds)
}
