//! Sweeps: news that the store holds and this process does not know of.

use super::Deriver;
use crate::Config;
use event::Unit;
use queue::Share;
use std::time::{Duration, Instant};
use store::{OpenNews, Parts, StoreError, Sweep, Whose};

/// Units with open news that one sweep reads; the next one goes on behind them, so that every endpoint's turn comes.
const UNITS_OF_A_SWEEP: usize = 50_000;

/// Where the sweeps of a share are.
pub(super) struct Sweeps {
    share: Share,
    parts: Parts,
    own: Pass,
    others: Pass,
    /// Since when the share is this one.
    since: Instant,
}

/// A way through all of some news, several sweeps long.
struct Pass {
    age: Duration,
    /// Behind this unit it goes on; none where it begins again.
    place: Option<Unit>,
}

impl Sweeps {
    pub(super) fn new(config: &Config, share: Share) -> Self {
        Self {
            own: Pass::of(config.first_sweep_age),
            ..Self::of_new(share)
        }
    }

    /// A share that begins now. Whoever had what is new in it has stored what it had in flight, or hands it over, so nothing need wait.
    pub(super) fn of_new(share: Share) -> Self {
        Self {
            parts: Parts {
                mine: share.partitions().collect(),
                of: share.of(),
            },
            share,
            own: Pass::of(Duration::ZERO),
            others: Pass::of(Duration::ZERO),
            since: Instant::now(),
        }
    }

    /// Whether others may hand some over: also where every partition is ours there may be one that had some of them before.
    pub(super) fn may_be_handed_some(&self, config: &Config) -> bool {
        !(self.share.is_none() || self.share.is_all() && config.is_alone())
    }

    /// One sweep. Returns whether it has seen all there is: else the next one goes on, and should come soon.
    pub(super) async fn go_on(&mut self, deriver: &Deriver) -> Result<bool, StoreError> {
        let (store, config) = (&deriver.store, &deriver.config);
        deriver.dead.refresh(store).await?;
        if let Ok(set) = deriver.rules.get() {
            deriver.dead.reopen(store, set.sequence).await?;
        }
        // What waits is derived first; what there is no room for would be read in vain.
        if deriver.outbox.is_full() {
            return Ok(true);
        }
        if !self.share.is_none() {
            let mine = Whose::Mine(&self.parts);
            let is_alone = self.share.is_all() && config.is_alone();
            let whose = if is_alone { Whose::All } else { mine };
            if !self.own.go_on(deriver, whose).await? {
                return Ok(false);
            }
            self.own.age = config.sweep_age;
        }
        // A group that has just changed knows its own news first.
        if self.share.is_all() || self.since.elapsed() < config.sweep_age {
            return Ok(true);
        }
        self.others.age = config.sweep_age;
        let whose = Whose::Orphaned(&self.parts);
        self.others.go_on(deriver, whose).await
    }

    /// Takes what others have handed over.
    pub(super) async fn look(&self, deriver: &Deriver) -> Result<(), StoreError> {
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
