//! Sweeps: news that the store holds and this process does not know of.

use super::Deriver;
use crate::Config;
use event::Unit;
use queue::Share;
use std::time::{Duration, Instant};
use store::{OpenNews, Parts, StoreError, Sweep, Whose};

/// Units with open news that one sweep reads; the next one goes on behind them, so that every endpoint's turn comes.
const UNITS_OF_A_SWEEP: usize = 50_000;

/// The store counts the age of news in whole ones.
const SECOND: Duration = Duration::from_secs(1);

/// Where the sweeps of a share are.
pub(super) struct Sweeps {
    share: Share,
    parts: Parts,
    own: Pass,
    others: Pass,
    /// Since when the share is this one.
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

impl Sweeps {
    pub(super) fn new(config: &Config, share: Share, now: Instant) -> Self {
        Self::of(share, config.first_sweep_age, now)
    }

    /// A share that begins now. Whoever had what is new in it has stored what it had in flight, or hands it over, so nothing need wait.
    ///
    /// Not so where partitions were added: endpoints go from one to another while nobody gives up a partition, and whoever had them may
    /// not know of it yet. Until that is over, young news is left to whoever stores it.
    pub(super) fn of_new(&self, config: &Config, share: Share, now: Instant) -> Self {
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
    pub(super) fn may_be_handed_some(&self, config: &Config) -> bool {
        !(self.share.is_none() || self.share.is_all() && config.is_alone())
    }

    /// One sweep. Returns how soon the next one should come.
    pub(super) async fn go_on(&mut self, deriver: &Deriver) -> Result<Duration, StoreError> {
        let (store, config) = (&deriver.store, &deriver.config);
        deriver.dead.refresh(store).await?;
        if let Ok(set) = deriver.rules.get() {
            deriver.dead.reopen(store, set.sequence).await?;
        }
        // What waits is derived first; what there is no room for would be read in vain.
        if deriver.outbox.is_full() {
            return Ok(config.sweep);
        }
        if !self.share.is_none() {
            let mine = Whose::Mine(&self.parts);
            let is_alone = self.share.is_all() && config.is_alone();
            let whose = if is_alone { Whose::All } else { mine };
            if !self.own.go_on(deriver, whose).await? {
                return Ok(config.derive_quiet);
            }
            self.own.age = config.sweep_age;
        }
        // A group that has just changed knows its own news first.
        let is_new = self.since.elapsed() < config.sweep_age;
        if !self.share.is_all() && !is_new {
            self.others.age = config.sweep_age;
            let whose = Whose::Orphaned(&self.parts);
            if !self.others.go_on(deriver, whose).await? {
                return Ok(config.derive_quiet);
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
    pub(super) async fn look(&self, deriver: &Deriver) -> Result<(), StoreError> {
        if deriver.outbox.is_full() {
            return Ok(());
        }
        let store = &deriver.store;
        let find = store.handed_over_news(&self.parts, UNITS_OF_A_SWEEP);
        find_in(deriver, find).await?;
        Ok(())
    }
}

impl Pass {
    fn of(age: Duration) -> Self {
        Self { age, place: None }
    }

    /// Returns whether it has been everywhere since it last began at the front.
    async fn go_on(&mut self, deriver: &Deriver, whose: Whose<'_>) -> Result<bool, StoreError> {
        let find = deriver.store.sweep_news(Sweep {
            whose,
            age: self.age,
            after: self.place.as_ref(),
            limit: UNITS_OF_A_SWEEP,
        });
        let (count, last) = find_in(deriver, find).await?;
        let is_all = count < UNITS_OF_A_SWEEP;
        let began_behind = self.place.is_some();
        self.place = last.filter(|_| !is_all);
        // The next one begins where this one did not: at the front.
        Ok(is_all && !began_behind)
    }
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
