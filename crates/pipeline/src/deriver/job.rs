//! One job: units that are read, derived and stored together, and what becomes of each of them.

use super::{
    Deriver,
    plan::Plan,
    reads::{Held, Read},
};
use crate::{ActiveSet, letters::now_ms, outbox::Due};
use classify::{DayParts, StreamFacts, derive_days, merge};
use event::{Day, Event, LoggedAt, Marker, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Instant,
};
use store::{
    DayRow, DayVersion, DeadUnit, DerivationVersion, EndpointFacts, ErrorClass, OpenNews, Piece,
    StoreError, StoredDay, StreamTimes, UnitDerivation,
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
    /// Units that died in this job.
    dead: Vec<DeadUnit>,
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
    versions: BTreeMap<(String, Day), DayVersion>,
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
            dead: Vec::new(),
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
        while let Some(read) = open.pop() {
            let at = Instant::now();
            match self.deriver.reads.read(&self.deriver.store, &read).await {
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
        let endpoints = read.endpoints.keys().cloned();
        self.again
            .extend(endpoints.map(|name| (read.tenant.clone(), name)));
        self.trouble = Some(error);
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
        self.units.remove(&unit);
        self.dead.push(DeadUnit {
            unit,
            reason: reason.to_owned(),
            message,
            rule_set: set.sequence,
            attempts: 1,
            first_seen_ms: now,
            last_seen_ms: now,
        });
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
            let mut made: Vec<(Unit, Option<Vec<DayRow>>)> = Vec::new();
            let mut facts: Vec<EndpointFacts> = Vec::new();
            for (endpoint, plan) in of_read.endpoints {
                let held = held.remove(&endpoint).unwrap_or_default();
                facts.push(facts_of(&of_read.tenant, &endpoint, &held));
                let streams: Vec<StreamFacts> = held.streams.streams.iter().map(of_times).collect();
                let events: Vec<&Event> = held.inputs.events.iter().collect();
                let on = events.iter().map(|event| Day::of(event.logged)).collect();
                let days = plan.days(&on);
                for &month in plan.months() {
                    let unit = unit_of(&of_read.tenant, &endpoint, month);
                    let of_month = days.iter().copied().filter(|day| day.month() == month);
                    let derive = || {
                        #[cfg(feature = "testing")]
                        if !planted.is_empty() && endpoint == planted {
                            panic!("planted by a test");
                        }
                        derive_days(
                            &set_of_read.rules,
                            month,
                            &of_month.collect(),
                            &events,
                            &streams,
                        )
                    };
                    let parts = catch_unwind(AssertUnwindSafe(derive)).ok();
                    let row = |(day, parts): (Day, DayParts)| DayRow {
                        unit: unit.clone(),
                        day,
                        version: held.version(set_of_read.sequence, day),
                        waits: parts.waits().iter().copied().collect(),
                        body: serde_json::to_vec(&parts).unwrap_or_default(),
                    };
                    let rows = parts.map(|parts| parts.into_iter().map(row).collect());
                    made.push((unit, rows));
                }
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
            match days {
                Some(days) => {
                    for row in &days {
                        versions.insert((row.unit.endpoint.clone(), row.day), row.version);
                    }
                    self.days.extend(days);
                    self.units.insert(unit);
                }
                None => self.panicked(set, unit),
            }
        }
        self.sources.push(Source { read, at, versions });
    }

    fn panicked(&mut self, set: &ActiveSet, unit: Unit) {
        // Its message may hold log text.
        let message = "deriving it panicked, which is a bug".to_owned();
        self.dies(set, unit, "panic", message);
    }

    /// What the store has refused, of one unit alone.
    fn refused(&mut self, set: &ActiveSet, unit: Unit, error: &StoreError) {
        match error.class() {
            ErrorClass::Data => {
                let code = error.code().unwrap_or_default();
                let message = format!("the store refuses its rows (code {code})");
                self.dies(set, unit, "refused", message);
            }
            ErrorClass::Halve => self.too_large(set, unit, error),
            _ => self.unit_again(unit, error),
        }
    }

    /// Stores what was derived of days; what the store refuses by itself dies.
    async fn store_days(&mut self, set: &ActiveSet) {
        let mut open = vec![std::mem::take(&mut self.days)];
        while let Some(mut days) = open.pop() {
            let Err(error) = self.deriver.store.insert_days(&days).await else {
                continue;
            };
            if may_be_one_alone(&error) && days.len() > 1 {
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
        // Of those that are tried again some days may be missing.
        let mut units = std::mem::take(&mut self.units);
        units.retain(|unit| {
            let endpoint = (unit.tenant.clone(), unit.endpoint.clone());
            !self.again.contains(&endpoint)
        });
        let units: Vec<Unit> = units.into_iter().collect();
        let mut open: Vec<Vec<Unit>> = units.chunks(UNITS_AT_ONCE).map(<[Unit]>::to_vec).collect();
        let facts = std::mem::take(&mut self.facts);
        if let Err(error) = self.deriver.store.insert_facts(&facts).await {
            return self.all_again(error.to_string());
        }
        while let Some(mut units) = open.pop() {
            let error = match self.publish(set, &units).await {
                Ok(panicked) => {
                    let count = (units.len() - panicked.len()) as u64;
                    self.deriver
                        .counters
                        .derivations
                        .fetch_add(count, Ordering::Relaxed);
                    units.retain(|unit| !panicked.contains(unit));
                    self.stored.extend(units);
                    for unit in panicked {
                        self.panicked(set, unit);
                    }
                    continue;
                }
                Err(error) => error,
            };
            if may_be_one_alone(&error) && units.len() > 1 {
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
    /// them all, and has the greater version. Returns units whose days cannot be put together.
    async fn publish(&self, set: &ActiveSet, units: &[Unit]) -> Result<BTreeSet<Unit>, StoreError> {
        let store = &self.deriver.store;
        let (mut merged, mut panicked) = (Vec::new(), BTreeSet::new());
        let mut current = store.current_sets(units).await?;
        for of_tenant in units.chunk_by(|a, b| a.tenant == b.tenant) {
            let tenant = &of_tenant[0].tenant;
            let endpoints: BTreeSet<&str> = of_tenant.iter().map(|unit| &*unit.endpoint).collect();
            let endpoints: Vec<&str> = endpoints.into_iter().collect();
            let months: BTreeSet<Month> = of_tenant.iter().map(|unit| unit.month).collect();
            let months: Vec<Month> = months.into_iter().collect();
            let bytes = self.deriver.reads.bytes();
            let mut stored = store.day_bodies(tenant, &endpoints, &months, bytes).await?;
            for unit in of_tenant {
                let days = stored.remove(unit).unwrap_or_default();
                let (of_unit, rule_set) = (unit.clone(), set.sequence);
                let current = current.remove(unit);
                let work = move || {
                    let merge = || put_together(of_unit, rule_set, &days);
                    let mut derived = catch_unwind(AssertUnwindSafe(merge)).ok().flatten()?;
                    derived.current = current;
                    Some(derived)
                };
                match tokio::task::spawn_blocking(work).await.ok().flatten() {
                    Some(derived) => merged.push(derived),
                    None => {
                        panicked.insert(unit.clone());
                    }
                }
            }
        }
        store.insert_derivations(&merged, &[]).await?;
        Ok(panicked)
    }

    /// Somebody else may have derived a day that is seen from these, or these for what came meanwhile, and know nothing of each other. Where
    /// news may have been closed since they were read, they are derived again if there is more now.
    async fn check(&mut self, set: &ActiveSet, source: Source) {
        let config = &self.deriver.config;
        if config.is_alone() || source.at.elapsed() < config.derive_quiet {
            return;
        }
        match self
            .deriver
            .reads
            .read(&self.deriver.store, &source.read)
            .await
        {
            Ok(answer) => {
                let is_same = source.versions.iter().all(|((endpoint, day), version)| {
                    let held = answer.endpoints.get(endpoint);
                    held.is_some_and(|held| held.version(set.sequence, *day) == *version)
                        || held.is_none() && version.inputs == 0
                });
                if !is_same {
                    self.read_again(&source.read, "more came while it was derived".to_owned());
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
        deriver.store.insert_dead_units(&self.dead).await?;
        deriver.dead.add(&self.dead);
        let news: Vec<OpenNews> = self
            .due
            .iter()
            .filter(|due| {
                let endpoint = (due.tenant.clone(), due.endpoint.clone());
                !self.again.contains(&endpoint)
            })
            .flat_map(|due| due.news.iter().cloned())
            .collect();
        deriver.store.close_news(&news).await?;
        let revived = deriver.dead.of(&self.stored);
        deriver.store.mark_derived(&revived).await?;
        // Forgotten last: where the row cannot be written, the next try finds them again.
        deriver.dead.forget(&self.stored);
        Ok(())
    }

    /// What to derive, of endpoints with news of the same months together.
    async fn reads(&self, set: &ActiveSet) -> Result<Vec<Read>, StoreError> {
        for of_tenant in self.due.chunk_by(|a, b| a.tenant == b.tenant) {
            let names: Vec<&str> = of_tenant.iter().map(|due| &*due.endpoint).collect();
            let (deriver, tenant) = (self.deriver, &of_tenant[0].tenant);
            let opened = deriver
                .backfill
                .ensure(&deriver.store, tenant, &names)
                .await?;
            deriver.outbox.absorb(&opened, Instant::now());
        }
        let mut runs: BTreeMap<(&str, Vec<Month>), Vec<&Due>> = BTreeMap::new();
        for due in self.due {
            let months = due.news.iter().map(|news| news.unit.month).collect();
            for run in consecutive(months) {
                runs.entry((&due.tenant, run)).or_default().push(due);
            }
        }
        let mut reads = Vec::new();
        for ((tenant, months), all) in runs {
            let (Some(first), Some(last)) = (months.first(), months.last()) else {
                continue;
            };
            let first = first.days().next().unwrap_or(Day::FAR_OFF);
            let last = last.days().last().unwrap_or(Day::FAR_OFF);
            // Days that are seen from there are derived again too, and with them their months.
            let from = first.plus(-Day::HORIZON - 1).month();
            let to = last.plus(Day::HORIZON + 1).month();
            let from = from.days().next().unwrap_or(first);
            let to = to.days().last().unwrap_or(last);
            for all in all.chunks(self.deriver.reads.endpoints()) {
                let names: Vec<&str> = all.iter().map(|due| &*due.endpoint).collect();
                let store = &self.deriver.store;
                let mut marks = store.day_marks(tenant, &names, from, to).await?;
                let may_change = months_between(from.month(), to.month());
                let units = names.iter().flat_map(|name| {
                    let months = may_change.iter();
                    months.map(|month| unit_of(tenant, name, *month))
                });
                let current = store.current_sets(&units.collect::<Vec<_>>()).await?;
                let mut endpoints = BTreeMap::new();
                for due in all {
                    let marks = marks.remove(&due.endpoint).unwrap_or_default();
                    let news: Vec<&OpenNews> = due
                        .news
                        .iter()
                        .filter(|news| months.contains(&news.unit.month))
                        .collect();
                    let unit = |month| unit_of(tenant, &due.endpoint, month);
                    let mut plan = Plan::of(&news, &marks, |month| {
                        let current = current.get(&unit(month));
                        current.is_some_and(|current| current.version.rule_set >= set.sequence)
                    });
                    plan.without(|month| {
                        !months.contains(&month) && self.deriver.dead.has(&unit(month))
                    });
                    endpoints.insert(due.endpoint.clone(), plan);
                }
                reads.push(Read {
                    tenant: tenant.to_owned(),
                    endpoints,
                });
            }
        }
        Ok(reads)
    }
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

/// Whether one of several things that were to be stored may be at fault.
fn may_be_one_alone(error: &StoreError) -> bool {
    matches!(error.class(), ErrorClass::Data | ErrorClass::Halve)
}

/// What a month says, by what was derived of its days. Nothing where one of them cannot be read.
fn put_together(unit: Unit, rule_set: u32, days: &[StoredDay]) -> Option<UnitDerivation> {
    let mut version = DerivationVersion {
        rule_set,
        ..DerivationVersion::default()
    };
    let mut parts: Vec<DayParts> = Vec::with_capacity(days.len());
    for day in days {
        // Each only grows, so their sum does.
        version.inputs = version.inputs.saturating_add(day.version.inputs);
        version.hash = version.hash.saturating_add(day.version.places);
        parts.push(serde_json::from_slice(&day.body).ok()?);
    }
    let derivation = merge(&parts);
    let content = xxh3_64(&serde_json::to_vec(&derivation).ok()?);
    Some(UnitDerivation {
        unit,
        version,
        content,
        current: None,
        derivation,
    })
}

fn of_times(times: &StreamTimes) -> StreamFacts {
    StreamFacts {
        stream: times.stream,
        source: times.source,
        anchors: times.anchors.clone(),
        ranges: Vec::new(),
        first: times.first,
        last: times.last,
    }
}

/// What the pieces of one stream say of it; nothing where there is none.
pub(crate) fn stream_facts(pieces: &[Piece]) -> Option<StreamFacts> {
    let piece = pieces.first()?;
    Some(StreamFacts {
        stream: piece.stream,
        source: piece.source,
        anchors: pieces
            .iter()
            .flat_map(|piece| piece.anchors.iter().copied())
            .collect(),
        ranges: pieces
            .iter()
            .map(|piece| (piece.offset, piece.end))
            .collect(),
        first: pieces.iter().filter_map(|piece| piece.first).min(),
        last: pieces.iter().filter_map(|piece| piece.last).max(),
    })
}

impl Held {
    /// How well informed what is derived of a day is.
    fn version(&self, rule_set: u32, day: Day) -> DayVersion {
        let mut version = self.inputs.version(rule_set, day);
        let reach = |times: &&StreamTimes| {
            let last = times.last.or(times.first);
            day.month().is_reached(times.first, last)
        };
        for times in self.streams.streams.iter().filter(reach) {
            let (anchors, hash) = times.weight();
            version.inputs = version.inputs.saturating_add(anchors);
            version.places = version.places.saturating_add(hash);
        }
        version
    }
}

/// What is held says of the machine.
fn facts_of(tenant: &str, endpoint: &str, held: &Held) -> EndpointFacts {
    let stack: Option<(LoggedAt, &str)> = held
        .inputs
        .events
        .iter()
        .filter(|event| event.marker == Marker::StackLoaded)
        .filter_map(|event| Some((event.logged?, event.field("version")?)))
        .max();
    let (first, last) = held.streams.messages.unzip();
    let streams = || held.streams.streams.iter();
    EndpointFacts {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        host: String::new(),
        servicing_stack: stack.map(|(at, version)| (at, version.to_owned())),
        first: streams().filter_map(|times| times.first).chain(first).min(),
        last: streams().filter_map(|times| times.last).chain(last).max(),
    }
}
