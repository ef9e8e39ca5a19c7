//! Sweeps: news that the store holds and this process does not know of.

use super::Deriver;
use crate::Config;
use event::Unit;
use queue::Share;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use store::{OpenNews, Parts, StoreError, Sweep, Whose};
use tokio::{
    task::JoinSet,
    time::{Interval, MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;

/// The store is asked so often for news that others have handed over: a part of the five seconds from a record to its answer.
const LOOK: Duration = Duration::from_secs(1);

/// Units with open news that one sweep reads; the next one goes on behind them, so that every endpoint's turn comes.
const UNITS_OF_A_SWEEP: usize = 50_000;

/// Of others' news fewer: their owners may be back by the next one, and should find most of it theirs.
const UNITS_OF_OTHERS: usize = 1_000;

/// Where there is no room for so many, none are read: those that wait already are met first, over and over.
const ROOM_WORTH_A_READ: usize = 1_000;

/// The store counts the age of news in whole ones.
const SECOND: Duration = Duration::from_secs(1);

/// Where the sweeps of a share are.
struct Sweeps {
    share: Share,
    parts: Parts,
    own: Pass,
    others: Pass,
    /// Since when the share is this one, and the store has answered and rules could be used. Others may have derived nothing before.
    since: Instant,
    /// When partitions were last added.
    added: Option<Instant>,
}

/// A way through all of some news, several sweeps long.
struct Pass {
    age: Duration,
    /// Behind this unit it goes on; none where it begins again.
    place: Option<Unit>,
}

/// Sweeps and looks until shutdown, beside the jobs: a read that hangs holds up neither these nor the shutdown. With a new share the one
/// that runs is given up, because it reads what may be others' now.
pub(super) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let mut ticks = [deriver.config.sweep, LOOK].map(interval);
    for tick in &mut ticks {
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    }
    let [mut sweep, mut look] = ticks;
    let mut share = deriver.share.clone();
    let now = Instant::now();
    let mut sweeps = Sweeps::new(&deriver.config, share.borrow_and_update().clone(), now);
    let mut handed_over: JoinSet<()> = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            Ok(()) = share.changed() => {
                let now = Instant::now();
                let new = share.borrow_and_update().clone();
                sweeps = sweeps.of_new(&deriver.config, new, now);
                let others = deriver.outbox.forget(now);
                if !others.is_empty() {
                    while handed_over.try_join_next().is_some() {}
                    let deriver = Arc::clone(&deriver);
                    handed_over.spawn(async move { deriver.hand_over(others).await });
                }
                sweep.reset_immediately();
            }
            () = sweeps.next(&deriver, &mut sweep, &mut look) => {}
        }
    }
    handed_over.join_all().await;
}

impl Sweeps {
    /// Waits until something is to be read, and reads it.
    async fn next(&mut self, deriver: &Deriver, sweep: &mut Interval, look: &mut Interval) {
        tokio::select! {
            _ = sweep.tick() => {
                let next = self.go_on(deriver).await.unwrap_or_else(|error| {
                    tracing::warn!(%error, "sweep for open news failed, the next one tries again");
                    self.since = Instant::now();
                    deriver.config.derive_retry
                });
                sweep.reset_after(next);
            }
            _ = look.tick(), if self.may_be_handed_some(&deriver.config) => {
                if let Err(error) = self.look(deriver).await {
                    tracing::warn!(%error, "news that others have handed over cannot be read, it is tried again");
                    self.since = Instant::now();
                }
            }
        }
    }

    fn new(config: &Config, share: Share, now: Instant) -> Self {
        Self::of(share, config.first_sweep_age, now)
    }

    /// A share that begins now. Whoever had what is new in it has stored what it had in flight, or hands it over, so nothing need wait.
    ///
    /// Not so where partitions were added: endpoints go from one to another while nobody gives up a partition, and whoever had them may
    /// not know of it yet. Until that is over, young news is left to whoever stores it.
    fn of_new(&self, config: &Config, share: Share, now: Instant) -> Self {
        // Who had none may only now know how many there are.
        let is_wider = share.of() != self.share.of() && !self.share.is_none();
        let added = self.added.filter(|at| now - *at < config.sweep_age);
        let added = if is_wider { Some(now) } else { added };
        let age = added.map_or(Duration::ZERO, |_| config.sweep_age);
        Self {
            added,
            ..Self::of(share, age, now)
        }
    }

    fn of(share: Share, age: Duration, now: Instant) -> Self {
        Self {
            parts: Parts {
                mine: share.partitions().collect(),
                of: share.of(),
            },
            share,
            own: Pass::of(age),
            others: Pass::of(Duration::ZERO),
            since: now,
            added: None,
        }
    }

    /// Whether others may hand some over: also where every partition is ours there may be one that had some of them before.
    fn may_be_handed_some(&self, config: &Config) -> bool {
        !(self.share.is_none() || self.share.is_all() && config.is_alone())
    }

    /// One sweep. Returns how soon the next one should come.
    async fn go_on(&mut self, deriver: &Deriver) -> Result<Duration, StoreError> {
        let (store, config) = (&deriver.store, &deriver.config);
        deriver.dead.refresh(store).await?;
        match deriver.rules.get() {
            Ok(set) => deriver.dead.reopen(store, set.sequence).await?,
            Err(_) => self.since = Instant::now(),
        }
        // What waits is derived first.
        let Some(room) = room(deriver) else {
            return Ok(config.sweep);
        };
        if !self.share.is_none() {
            let mine = Whose::Mine(&self.parts);
            let is_alone = self.share.is_all() && config.is_alone();
            let whose = if is_alone { Whose::All } else { mine };
            if !self.own.go_on(deriver, whose, room).await? {
                return Ok(config.derive_quiet);
            }
            self.own.age = config.sweep_age;
        }
        // A group that has just changed knows its own news first. Whoever has much to derive leaves others' alone: what it took would only
        // be derived twice.
        let is_new = self.since.elapsed() < config.sweep_age;
        let is_busy = deriver.outbox.pending() >= UNITS_OF_OTHERS;
        if !self.share.is_all() && !is_new && !is_busy {
            self.others.age = config.sweep_age;
            let whose = Whose::Orphaned(&self.parts);
            if !self.others.go_on(deriver, whose, UNITS_OF_OTHERS).await? {
                return Ok(config.derive_retry);
            }
        }
        Ok(self.pause(config, Instant::now()))
    }

    /// How long after a sweep that has seen all there is the next one comes: at once when what was too young after partitions were added
    /// is old enough.
    fn pause(&mut self, config: &Config, now: Instant) -> Duration {
        let Some(added) = self.added else {
            return config.sweep;
        };
        let old_enough = (added + config.sweep_age + SECOND).saturating_duration_since(now);
        if old_enough.is_zero() {
            self.added = None;
            return config.sweep;
        }
        old_enough.min(config.sweep)
    }

    /// Takes what others have handed over.
    async fn look(&self, deriver: &Deriver) -> Result<(), StoreError> {
        let Some(room) = room(deriver) else {
            return Ok(());
        };
        let find = deriver.store.handed_over_news(&self.parts, room);
        find_in(deriver, find).await?;
        Ok(())
    }
}

impl Pass {
    fn of(age: Duration) -> Self {
        Self { age, place: None }
    }

    /// Reads at most so many units more. Returns whether it has been everywhere since it last began at the front.
    async fn go_on(
        &mut self,
        deriver: &Deriver,
        whose: Whose<'_>,
        limit: usize,
    ) -> Result<bool, StoreError> {
        let find = deriver.store.sweep_news(Sweep {
            whose,
            age: self.age,
            after: self.place.as_ref(),
            limit,
        });
        let (count, last) = find_in(deriver, find).await?;
        Ok(self.has_read(count, last, limit))
    }

    /// Goes behind the last unit that was read, or to the front again where there are no more.
    fn has_read(&mut self, count: usize, last: Option<Unit>, limit: usize) -> bool {
        let is_all = count < limit;
        self.place = last.filter(|_| !is_all);
        is_all
    }
}

/// How many units may be read now, if any.
fn room(deriver: &Deriver) -> Option<usize> {
    let room = deriver.outbox.room();
    (room >= ROOM_WORTH_A_READ).then(|| room.min(UNITS_OF_A_SWEEP))
}

/// Returns how many units were found, and the last of them.
async fn find_in(
    deriver: &Deriver,
    find: impl Future<Output = Result<Vec<OpenNews>, StoreError>>,
) -> Result<(usize, Option<Unit>), StoreError> {
    deriver.outbox.sweep_begins();
    let found = find.await;
    let open = found.as_deref().unwrap_or_default();
    deriver.outbox.sweep_ends(open, Instant::now());
    let open = found?;
    Ok((open.len(), open.last().map(|news| news.unit.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn config() -> Config {
        Config {
            first_sweep_age: MINUTE,
            sweep_age: MINUTE,
            ..Config::default()
        }
    }

    #[test]
    fn a_pass_ends_where_no_more_is_open_and_the_next_begins_at_the_front() {
        let unit = |name: &str| Unit {
            tenant: "default".to_owned(),
            endpoint: name.to_owned(),
            month: event::Month::from_yyyymm(202208),
        };
        let mut pass = Pass::of(MINUTE);
        assert!(!pass.has_read(2, Some(unit("b")), 2));
        assert_eq!(pass.place, Some(unit("b")));
        // However little room there was before.
        assert!(pass.has_read(1, Some(unit("c")), 2));
        assert_eq!(pass.place, None);
        assert!(!pass.has_read(2, Some(unit("b")), 2));
        assert!(pass.has_read(0, None, 2));
        assert_eq!(pass.place, None);
    }

    #[test]
    fn a_new_share_is_swept_at_any_age_but_where_partitions_were_added() {
        let (config, now) = (config(), Instant::now());
        let joined = Sweeps::new(&config, Share::none(), now);
        // The group gives it some, and later those of one that died.
        let first = joined.of_new(&config, Share::new([0], 2), now);
        assert_eq!((first.own.age, first.added), (Duration::ZERO, None));
        let mut heir = first.of_new(&config, Share::new([0, 1], 2), now);
        assert_eq!((heir.own.age, heir.added), (Duration::ZERO, None));
        assert_eq!(heir.pause(&config, now), config.sweep);

        // Known to be more first, and given some of these then.
        let wider = heir.of_new(&config, Share::new([0, 1], 4), now);
        assert_eq!(wider.own.age, MINUTE);
        let soon = now + MINUTE / 2;
        let mut given = wider.of_new(&config, Share::new([0, 1, 2], 4), soon);
        assert_eq!(given.own.age, MINUTE);
        // Sweeps as ever, and one when what was too young at first is old enough.
        assert_eq!(given.pause(&config, soon), config.sweep);
        let nearly = now + MINUTE - SECOND;
        assert_eq!(given.pause(&config, nearly), 2 * SECOND);
        let later = now + MINUTE + SECOND;
        assert_eq!(given.pause(&config, later), config.sweep);
        let heir = given.of_new(&config, Share::new([0, 1, 2, 3], 4), later);
        assert_eq!(heir.own.age, Duration::ZERO);
    }
}
