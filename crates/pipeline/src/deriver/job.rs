//! One job: units that are read, derived and stored together, and what becomes of each of them.

use super::{
    Deriver,
    held::{Held, Made},
    plan::Plan,
    reads::{MAX_ENDPOINTS, Read},
};
use crate::{ActiveSet, letters::now_ms, outbox::Due};
use classify::{DayParts, merge};
use event::{Day, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use store::{
    CurrentSet, DayRow, DeadUnit, DerivationVersion, EndpointFacts, ErrorClass, OpenNews,
    StoreError, StoredDay, UnitDerivation,
};
use xxhash_rust::xxh3::xxh3_64;

/// Bytes of what was derived of days that are stored at once: of a log that fails all the time that is as much as what was read, and a
/// job reads more than once.
const BYTES_AT_ONCE: usize = 8 << 20;

/// Months put together at once.
const UNITS_AT_ONCE: usize = 64;

/// Months read together: units of a run share their neighbours, and memory stays bounded by months and not by history.
const MONTHS_OF_A_RUN: usize = 6;

/// Reads that may run into a time-out before a job gives up for now: a store that hangs is not mended by asking it for less.
const MAX_TIMEOUTS: usize = 3;

pub(super) struct Job<'a> {
    deriver: &'a Deriver,
    due: &'a [Due],
    /// Derived and not stored yet.
    days: Vec<DayRow>,
    /// Units of which days were derived: they get another answer once all of these are stored.
    units: BTreeSet<Unit>,
    facts: Vec<EndpointFacts>,
    /// What days were derived from, where it may have changed before they are stored.
    sources: Vec<Source>,
    /// News that the back-fill has opened of these endpoints.
    opened: Vec<OpenNews>,
    /// Units that died in this job.
    dead: BTreeMap<Unit, DeadUnit>,
    /// Units that were derived and stored.
    stored: Vec<Unit>,
    /// Endpoints that are to be tried again, and why the last of them.
    again: BTreeSet<(String, String)>,
    trouble: Option<String>,
    timeouts: usize,
}

/// What some days were derived from.
struct Source {
    read: Read,
    at: Instant,
    versions: BTreeMap<(String, Day), DerivationVersion>,
}

impl<'a> Job<'a> {
    pub(super) fn new(deriver: &'a Deriver, due: &'a [Due]) -> Self {
        Self {
            deriver,
            due,
            days: Vec::new(),
            units: BTreeSet::new(),
            facts: Vec::new(),
            sources: Vec::new(),
            opened: Vec::new(),
            dead: BTreeMap::new(),
            stored: Vec::new(),
            again: BTreeSet::new(),
            trouble: None,
            timeouts: 0,
        }
    }

    /// Derives all units. One that fails does not hold up the others.
    pub(super) async fn run(&mut self) {
        if self.due.is_empty() {
            return;
        }
        let set = match self.deriver.rules.get() {
            Ok(set) => set,
            Err(error) => return self.all_again(error.to_string()),
        };
        let mut open = match self.reads(&set).await {
            Ok(reads) => reads,
            Err(error) => return self.all_again(error.to_string()),
        };
        while let Some(mut read) = open.pop() {
            // One endpoint is always tried whole.
            if self.deriver.reads.is_too_much(&read)
                && let Some(rest) = read.part()
            {
                open.extend([rest, read]);
                continue;
            }
            let at = Instant::now();
            match self
                .deriver
                .reads
                .read(&self.deriver.store, &read, set.sequence)
                .await
            {
                Ok(answer) => {
                    self.derive(&set, read, at, answer.endpoints).await;
                    if self.bytes() >= BYTES_AT_ONCE {
                        self.store_days(&set).await;
                    }
                }
                Err(error) if error.is_too_large() && self.may_halve(&error) => {
                    match read.halve() {
                        Ok((half, rest)) => open.extend([rest, half]),
                        Err(unit) => self.too_large(&set, unit, &error),
                    }
                }
                Err(error) => self.read_again(&read, error.to_string()),
            }
        }
        self.store_days(&set).await;
        self.store_units(&set).await;
        for source in std::mem::take(&mut self.sources) {
            self.check(&set, source).await;
        }
        if let Err(error) = self.close(&set).await {
            self.all_again(format!("{error:#}"));
        }
    }

    /// Units whose answers are stored.
    pub(super) fn stored(&self) -> BTreeSet<Unit> {
        self.stored.iter().cloned().collect()
    }

    /// What has ended, and what is to be tried again.
    pub(super) fn outcome(self) -> (Vec<Due>, Vec<Due>) {
        if let Some(error) = &self.trouble {
            tracing::warn!(
                error,
                endpoints = self.again.len(),
                "derivation failed and is tried again"
            );
        }
        let all = self.due.iter().cloned();
        all.partition(|due| {
            let endpoint = (due.tenant.clone(), due.endpoint.clone());
            !self.again.contains(&endpoint)
        })
    }

    /// Nothing has ended: all of it is tried again.
    pub(super) fn all_again(&mut self, error: String) {
        let endpoints = self.due.iter();
        self.again
            .extend(endpoints.map(|due| (due.tenant.clone(), due.endpoint.clone())));
        self.trouble = Some(error);
    }

    fn read_again(&mut self, read: &Read, error: String) {
        self.endpoints_again(read);
        self.trouble = Some(error);
    }

    fn endpoints_again(&mut self, read: &Read) {
        let endpoints = read.endpoints.keys().cloned();
        self.again
            .extend(endpoints.map(|name| (read.tenant.clone(), name)));
    }

    fn unit_again(&mut self, unit: Unit, error: &StoreError) {
        self.again.insert((unit.tenant, unit.endpoint));
        self.trouble = Some(error.to_string());
    }

    fn may_halve(&mut self, error: &StoreError) -> bool {
        self.timeouts += usize::from(error.is_timeout());
        self.timeouts <= MAX_TIMEOUTS
    }

    /// One unit alone is more than may be read, or than the engine has memory for just now.
    fn too_large(&mut self, set: &ActiveSet, unit: Unit, error: &StoreError) {
        // The size of an answer is its own; memory and time are shared with others.
        let is_shared = error.class() == ErrorClass::Halve || error.is_timeout();
        if is_shared && !self.deriver.dead.is_last_try(&unit) {
            return self.unit_again(unit, error);
        }
        let message = format!(
            "what it reads does not fit in `pipeline.derive_memory` = {} MiB, or in what the engine may use (code {})",
            self.deriver.config.derive_memory >> 20,
            error.code().unwrap_or_default(),
        );
        self.dies(set, unit, "too_large", message);
    }

    fn dies(&mut self, set: &ActiveSet, unit: Unit, reason: &str, message: String) {
        let now = now_ms();
        tracing::error!(
            endpoint = unit.endpoint,
            month = %unit.month,
            reason,
            detail = message,
            "a unit cannot be derived and is kept as a dead unit"
        );
        let dead = DeadUnit {
            unit: unit.clone(),
            reason: reason.to_owned(),
            message,
            rule_set: set.sequence,
            attempts: 1,
            first_seen_ms: now,
            last_seen_ms: now,
        };
        // The days of one unit may be read apart, and one of them is enough.
        self.dead.entry(unit).or_insert(dead);
    }

    fn bytes(&self) -> usize {
        self.days.iter().map(|day| day.body.len()).sum()
    }

    async fn derive(
        &mut self,
        set: &Arc<ActiveSet>,
        read: Read,
        at: Instant,
        mut held: BTreeMap<String, Held>,
    ) {
        let (of_read, set_of_read) = (read.clone(), Arc::clone(set));
        #[cfg(feature = "testing")]
        let planted = self.deriver.config.planted.derive_panics.clone();
        let work = move || {
            let (mut made, mut facts): (Vec<Made>, Vec<EndpointFacts>) = Default::default();
            let tenant = &of_read.tenant;
            for (endpoint, plan) in &of_read.endpoints {
                let held = held.remove(endpoint).unwrap_or_default();
                // What a batch brings it has said itself; another rule set may know more of what was there.
                if plan.is_of_whole_months() {
                    facts.push(held.facts(tenant, endpoint));
                }
                let plant = || {
                    #[cfg(feature = "testing")]
                    assert!(
                        planted.is_empty() || *endpoint != planted,
                        "planted by a test"
                    );
                };
                let unit = |month| unit_of(tenant, endpoint, month);
                made.extend(held.derive(&set_of_read, plan, unit, plant));
            }
            (made, facts)
        };
        // The runtime ends. The error itself is not told: that of a panic quotes the text of a log.
        let Ok((made, facts)) = tokio::task::spawn_blocking(work).await else {
            return self.read_again(&read, "deriving was cut short".to_owned());
        };
        self.facts.extend(facts);
        let mut versions = BTreeMap::new();
        for (unit, days) in made {
            let Some(days) = days else {
                self.panicked(set, unit);
                continue;
            };
            let of_days = days.iter();
            versions.extend(of_days.map(|row| ((row.unit.endpoint.clone(), row.day), row.version)));
            self.days.extend(days);
            self.units.insert(unit);
        }
        if !self.deriver.config.is_alone() {
            self.sources.push(Source { read, at, versions });
        }
    }

    fn panicked(&mut self, set: &ActiveSet, unit: Unit) {
        // Its message may hold log text.
        let message = "deriving it panicked, which is a bug".to_owned();
        self.dies(set, unit, "panic", message);
    }

    /// What the store has refused, of one unit alone.
    fn refused(&mut self, set: &ActiveSet, unit: Unit, error: &StoreError) {
        if error.class() == ErrorClass::Data {
            let code = error.code().unwrap_or_default();
            let message = format!("the store refuses its rows (code {code})");
            self.dies(set, unit, "refused", message);
        } else if error.is_too_large() && self.timeouts <= MAX_TIMEOUTS {
            self.too_large(set, unit, error);
        } else {
            self.unit_again(unit, error);
        }
    }

    /// Whether one of several things that the store refused together may be at fault.
    fn may_be_one_alone(&mut self, error: &StoreError) -> bool {
        error.class() == ErrorClass::Data || error.is_too_large() && self.may_halve(error)
    }

    /// Stores what was derived of days; what the store refuses by itself dies.
    async fn store_days(&mut self, set: &ActiveSet) {
        let mut open = vec![std::mem::take(&mut self.days)];
        while let Some(mut days) = open.pop() {
            let Err(error) = self.deriver.store.insert_days(&days).await else {
                continue;
            };
            if days.len() > 1 && self.may_be_one_alone(&error) {
                let rest = days.split_off(days.len() / 2);
                open.extend([rest, days]);
                continue;
            }
            let units: BTreeSet<Unit> = days.into_iter().map(|day| day.unit).collect();
            for unit in units {
                self.refused(set, unit, &error);
            }
        }
    }

    /// Stores the answers of units whose days are stored; what the store refuses by itself dies.
    async fn store_units(&mut self, set: &ActiveSet) {
        // Of those that are dead or tried again some days are missing.
        let mut units = std::mem::take(&mut self.units);
        units.retain(|unit| {
            let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
            !self.again.contains(&endpoint) && !self.dead.contains_key(unit)
        });
        let units: Vec<Unit> = units.into_iter().collect();
        let mut open: Vec<Vec<Unit>> = units.chunks(UNITS_AT_ONCE).map(<[Unit]>::to_vec).collect();
        let facts = std::mem::take(&mut self.facts);
        if let Err(error) = self.deriver.store.insert_facts(&facts).await {
            return self.all_again(error.to_string());
        }
        while let Some(mut units) = open.pop() {
            let error = match self.publish(set, &units).await {
                Ok(left) => {
                    units.retain(|unit| !left.contains(unit));
                    let count = units.len() as u64;
                    self.deriver
                        .counters
                        .derivations
                        .fetch_add(count, Ordering::Relaxed);
                    self.stored.extend(units);
                    continue;
                }
                Err(error) => error,
            };
            if units.len() > 1 && self.may_be_one_alone(&error) {
                let rest = units.split_off(units.len() / 2);
                open.extend([rest, units]);
                continue;
            }
            for unit in units {
                self.refused(set, unit, &error);
            }
        }
    }

    /// Stores what months say by all their days that are stored: of two writers that each derived other days the one that read last knows
    /// them all, and has the greater version. Returns units that were left out, as their days cannot be
    /// put together.
    async fn publish(
        &mut self,
        set: &ActiveSet,
        units: &[Unit],
    ) -> Result<BTreeSet<Unit>, StoreError> {
        let deriver = self.deriver;
        let store = &deriver.store;
        let (mut merged, mut left) = (Vec::new(), BTreeSet::new());
        let mut current = store.current_sets(units).await?;
        for of_tenant in units.chunk_by(|a, b| a.tenant == b.tenant) {
            let tenant = &of_tenant[0].tenant;
            let endpoints: BTreeSet<&str> = of_tenant.iter().map(|unit| &*unit.endpoint).collect();
            let endpoints: Vec<&str> = endpoints.into_iter().collect();
            let months: BTreeSet<Month> = of_tenant.iter().map(|unit| unit.month).collect();
            let months: Vec<Month> = months.into_iter().collect();
            let (_room, bytes) = deriver.reads.room(units.len() == 1).await;
            let mut stored = store.day_bodies(tenant, &endpoints, &months, bytes).await?;
            let of_units: Vec<_> = of_tenant
                .iter()
                .map(|unit| {
                    (
                        unit.clone(),
                        stored.remove(unit).unwrap_or_default(),
                        current.remove(unit),
                    )
                })
                .collect();
            let rule_set = set.sequence;
            let work = move || -> Vec<_> {
                let one = |(unit, days, current): (Unit, Vec<StoredDay>, _)| {
                    let merge = || put_together(&unit, rule_set, &days, current);
                    let derived = catch_unwind(AssertUnwindSafe(merge)).ok().flatten();
                    derived.ok_or(unit)
                };
                of_units.into_iter().map(one).collect()
            };
            // The runtime ends: the news stays open.
            let Ok(made) = tokio::task::spawn_blocking(work).await else {
                self.all_again("putting months together was cut short".to_owned());
                return Ok(units.iter().cloned().collect());
            };
            for one in made {
                match one {
                    Ok(derived) => merged.push(derived),
                    Err(unit) => {
                        self.panicked(set, unit.clone());
                        left.insert(unit);
                    }
                }
            }
        }
        store.insert_derivations(&merged).await?;
        Ok(left)
    }

    /// Somebody else may have derived a day that is seen from these, or these for what came meanwhile, and know nothing of each other. Where
    /// news may have been closed since they were read, they are derived again if there is more now.
    async fn check(&mut self, set: &ActiveSet, source: Source) {
        if source.at.elapsed() < self.deriver.config.derive_quiet {
            return;
        }
        match self
            .deriver
            .reads
            .read(&self.deriver.store, &source.read, set.sequence)
            .await
        {
            Ok(answer) => {
                let is_same = source.versions.iter().all(|((endpoint, day), version)| {
                    let held = answer.endpoints.get(endpoint);
                    held.is_some_and(|held| held.version(set.sequence, *day) == *version)
                        || held.is_none() && version.inputs == 0
                });
                if !is_same {
                    self.endpoints_again(&source.read);
                }
            }
            Err(error) => self.read_again(&source.read, error.to_string()),
        }
    }

    /// Closes the news of what was derived or is dead.
    async fn close(&mut self, set: &Arc<ActiveSet>) -> anyhow::Result<()> {
        let deriver = self.deriver;
        // A derivation of a newer set stays whatever this one had read. One that was made before these events came would hide
        // them for good if their news were closed here; while no newer set is published, there is none.
        anyhow::ensure!(
            deriver.rules.is_newest(&deriver.store, set).await?,
            "rule set {} is not the newest one any more",
            set.sequence
        );
        // The row of a dead unit stands for its news from now on: who retries it opens news again.
        let dead: Vec<DeadUnit> = self.dead.values().cloned().collect();
        deriver.store.insert_dead_units(&dead).await?;
        deriver.dead.add(&dead);
        let news: Vec<OpenNews> = self
            .due
            .iter()
            .filter(|due| {
                let endpoint = (due.tenant.clone(), due.endpoint.clone());
                !self.again.contains(&endpoint)
            })
            .flat_map(|due| due.news.iter().cloned())
            .collect();
        // What was copied for these endpoints was read by this job, and its units were derived whole.
        let (derived, rest): (Vec<OpenNews>, Vec<OpenNews>) = std::mem::take(&mut self.opened)
            .into_iter()
            .partition(|news| self.stored.contains(&news.unit));
        let (own, others): (Vec<OpenNews>, Vec<OpenNews>) = news
            .into_iter()
            .chain(derived)
            .partition(|news| deriver.outbox.is_own(&news.unit));
        deriver.store.close_news(&own).await?;
        deriver.store.close_news_of_others(&others).await?;
        deriver.outbox.absorb(&rest, Instant::now());
        let revived = deriver.dead.of(&self.stored);
        deriver.store.mark_derived(&revived).await?;
        // Forgotten last: where the row cannot be written, the next try finds them again.
        deriver.dead.forget(&self.stored);
        Ok(())
    }

    /// What to derive, of endpoints with news of the same months together.
    async fn reads(&mut self, set: &ActiveSet) -> Result<Vec<Read>, StoreError> {
        let (deriver, all) = (self.deriver, self.due);
        for of_tenant in all.chunk_by(|a, b| a.tenant == b.tenant) {
            let names: Vec<&str> = of_tenant.iter().map(|due| &*due.endpoint).collect();
            let tenant = &of_tenant[0].tenant;
            let opened = deriver.backfill.ensure(&deriver.store, tenant, &names);
            self.opened.extend(opened.await?);
        }
        let mut runs: BTreeMap<(&str, Vec<Month>), Vec<&Due>> = BTreeMap::new();
        for due in all {
            let months = due.news.iter().map(|news| news.unit.month).collect();
            for run in consecutive(months) {
                runs.entry((&due.tenant, run)).or_default().push(due);
            }
        }
        let mut reads = Vec::new();
        for ((tenant, months), due) in &runs {
            let mut open: Vec<&[&Due]> = due.chunks(MAX_ENDPOINTS).collect();
            while let Some(some) = open.pop() {
                match self.planned(set, tenant, months, some).await {
                    Ok(read) => reads.push(read),
                    Err(error)
                        if error.is_too_large() && some.len() > 1 && self.may_halve(&error) =>
                    {
                        let (half, rest) = some.split_at(some.len() / 2);
                        open.extend([rest, half]);
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(reads)
    }

    /// What to derive of endpoints that have news of these months, which follow each other.
    async fn planned(
        &self,
        set: &ActiveSet,
        tenant: &str,
        months: &[Month],
        due: &[&Due],
    ) -> Result<Read, StoreError> {
        let (first, last) = match months {
            [] => (Month::FAR_OFF, Month::FAR_OFF),
            [first, .., last] => (*first, *last),
            [one] => (*one, *one),
        };
        // Days that are seen from there are derived again too, those between a try's and the day before it, and with them their months.
        let from = first_day(first).plus(-Day::HORIZON - 1).month();
        let to = last_day(last).plus(Day::HORIZON + 1).month();
        let months_seen = months_between(from, to);
        let (from, to) = (first_day(from), last_day(to));
        let names: Vec<&str> = due.iter().map(|due| &*due.endpoint).collect();
        let units: Vec<Unit> = names
            .iter()
            .flat_map(|name| {
                months_seen
                    .iter()
                    .map(|month| unit_of(tenant, name, *month))
            })
            .collect();
        let store = &self.deriver.store;
        let (_room, bytes) = self.deriver.reads.room(false).await;
        let mut marks = store.day_marks(tenant, &names, from, to, bytes).await?;
        let current = store.current_sets(&units).await?;
        let plan = |due: &Due| {
            let marks = marks.remove(&due.endpoint).unwrap_or_default();
            let news = due.news.iter();
            let news: Vec<&OpenNews> = news
                .filter(|news| months.contains(&news.unit.month))
                .collect();
            let unit = |month| unit_of(tenant, &due.endpoint, month);
            let mut plan = Plan::of(&news, &marks, |month| {
                let current = current.get(&unit(month));
                current.is_some_and(|current| is_put_together(current, set.sequence))
            });
            plan.without(|month| !months.contains(&month) && self.deriver.dead.has(&unit(month)));
            (due.endpoint.clone(), plan)
        };
        Ok(Read {
            tenant: tenant.to_owned(),
            endpoints: due.iter().copied().map(plan).collect(),
        })
    }
}

/// Whether an answer was made from days of this rule set, or a newer one: older builds read whole months, and hashed no content.
fn is_put_together(current: &CurrentSet, rule_set: u32) -> bool {
    current.content != 0 && current.version.rule_set >= rule_set
}

fn first_day(month: Month) -> Day {
    month.days().next().unwrap_or(Day::FAR_OFF)
}

fn last_day(month: Month) -> Day {
    month.days().last().unwrap_or(Day::FAR_OFF)
}

fn unit_of(tenant: &str, endpoint: &str, month: Month) -> Unit {
    Unit {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        month,
    }
}

fn months_between(first: Month, last: Month) -> Vec<Month> {
    let all = std::iter::successors(Some(first), |month| (*month < last).then(|| month.after()));
    all.collect()
}

/// Cuts months into runs that follow each other, none longer than [`MONTHS_OF_A_RUN`].
fn consecutive(months: BTreeSet<Month>) -> Vec<Vec<Month>> {
    let mut runs: Vec<Vec<Month>> = Vec::new();
    for month in months {
        match runs.last_mut() {
            Some(run)
                if run.last().is_some_and(|last| last.after() == month)
                    && run.len() < MONTHS_OF_A_RUN =>
            {
                run.push(month)
            }
            _ => runs.push(vec![month]),
        }
    }
    runs
}

/// What a month says, by what was derived of its days. Nothing where one of them cannot be read.
fn put_together(
    unit: &Unit,
    rule_set: u32,
    days: &[StoredDay],
    current: Option<CurrentSet>,
) -> Option<UnitDerivation> {
    let parts: Option<Vec<DayParts>> = days
        .iter()
        .map(|day| serde_json::from_slice(&day.body).ok())
        .collect();
    let derivation = merge(&parts?);
    // 0 stands for none.
    let content = xxh3_64(&serde_json::to_vec(&derivation).ok()?).max(1);
    Some(UnitDerivation {
        unit: unit.clone(),
        version: DerivationVersion::put_together(rule_set, days.iter().map(|day| day.version)),
        content,
        current,
        derivation,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_an_older_build_or_rule_set_is_derived_whole() {
        let current = |content, rule_set| CurrentSet {
            set: 1,
            version: DerivationVersion::put_together(rule_set, []),
            content,
        };
        assert!(is_put_together(&current(7, 2), 2));
        assert!(is_put_together(&current(7, 3), 2));
        assert!(!is_put_together(&current(7, 1), 2));
        assert!(!is_put_together(&current(0, 2), 2));
    }
}
