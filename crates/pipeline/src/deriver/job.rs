//! One job: units that are read, derived and stored together, and what becomes of each of them.

use super::{
    Deriver,
    reads::{MONTHS_OF_A_RUN, Read},
};
use crate::{ActiveSet, letters::now_ms, outbox::Due};
use classify::{StreamFacts, derive_from};
use event::{Derivation, LoggedAt, Marker, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
};
use store::{
    DeadUnit, EndpointFacts, ErrorClass, OpenNews, Piece, StoreError, UnitDerivation, UnitRows,
};

/// Attempts and findings that are stored at once: what was derived is as much as what was read of a log that fails all the time,
/// and a job reads more than once.
const ROWS_AT_ONCE: usize = 20_000;

/// Reads that may run into a time-out before a job gives up for now: a store that hangs is not mended by asking it for less.
const MAX_TIMEOUTS: usize = 3;

pub(super) struct Job<'a> {
    deriver: &'a Deriver,
    due: &'a [Due],
    /// Derived and not stored yet.
    derived: Vec<UnitDerivation>,
    facts: Vec<EndpointFacts>,
    /// Units that died in this job.
    dead: Vec<DeadUnit>,
    /// Units that were derived and stored.
    stored: Vec<Unit>,
    /// Endpoints that are to be tried again, and why the last of them.
    again: BTreeSet<(String, String)>,
    trouble: Option<String>,
    timeouts: usize,
}

/// What was made of one unit.
type Made = Result<UnitDerivation, Unit>;

impl<'a> Job<'a> {
    pub(super) fn new(deriver: &'a Deriver, due: &'a [Due]) -> Self {
        Self {
            deriver,
            due,
            derived: Vec::new(),
            facts: Vec::new(),
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
        let mut open = match self.reads().await {
            Ok(reads) => reads,
            Err(error) => return self.all_again(error.to_string()),
        };
        while let Some(read) = open.pop() {
            match self.deriver.reads.read(&self.deriver.store, &read).await {
                Ok(answer) => {
                    self.derive(&set, &read, answer.rows).await;
                    if self.rows() >= ROWS_AT_ONCE {
                        self.store(&set).await;
                    }
                }
                Err(error) if error.is_too_large() && self.may_halve(&error) => {
                    match read.halve() {
                        Ok((half, rest)) => open.extend([rest, half]),
                        Err(unit) => self.too_large(&set, unit, &error),
                    }
                }
                Err(error) => {
                    let endpoints = read.endpoints.into_iter();
                    self.again
                        .extend(endpoints.map(|name| (read.tenant.clone(), name)));
                    self.trouble = Some(error.to_string());
                }
            }
        }
        self.store(&set).await;
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

    fn rows(&self) -> usize {
        let rows = |derivation: &Derivation| derivation.attempts.len() + derivation.findings.len();
        self.derived.iter().map(|one| rows(&one.derivation)).sum()
    }

    async fn derive(
        &mut self,
        set: &Arc<ActiveSet>,
        read: &Read,
        rows: BTreeMap<String, UnitRows>,
    ) {
        let (of_read, set_of_read) = (read.clone(), Arc::clone(set));
        #[cfg(feature = "testing")]
        let planted = self.deriver.config.planted.derive_panics.clone();
        let work = move || {
            let (mut made, mut facts): (Vec<Made>, _) = (Vec::new(), Vec::new());
            for (endpoint, rows) in rows {
                facts.push(facts_of(&of_read.tenant, &endpoint, &rows));
                for &month in &of_read.months {
                    let unit = Unit {
                        tenant: of_read.tenant.clone(),
                        endpoint: endpoint.clone(),
                        month,
                    };
                    let derive = || {
                        #[cfg(feature = "testing")]
                        if !planted.is_empty() && endpoint == planted {
                            panic!("planted by a test");
                        }
                        derive_unit(&set_of_read, &unit, &rows)
                    };
                    let derived = catch_unwind(AssertUnwindSafe(derive));
                    made.push(derived.map_err(|_| unit));
                }
            }
            (made, facts)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok((made, facts)) => {
                self.facts.extend(facts);
                for made in made {
                    match made {
                        Ok(derived) => self.derived.push(derived),
                        Err(unit) => {
                            // Its message may hold log text.
                            let message = "deriving it panicked, which is a bug".to_owned();
                            self.dies(set, unit, "panic", message);
                        }
                    }
                }
            }
            // The runtime ends. The error itself is not told: that of a panic quotes the text of a log.
            Err(_) => {
                let endpoints = read.endpoints.iter().cloned();
                self.again
                    .extend(endpoints.map(|name| (read.tenant.clone(), name)));
                self.trouble = Some("deriving was cut short".to_owned());
            }
        }
    }

    /// Stores what was derived; what the store refuses by itself dies.
    async fn store(&mut self, set: &ActiveSet) {
        let facts = std::mem::take(&mut self.facts);
        let mut open = vec![std::mem::take(&mut self.derived)];
        while let Some(mut derived) = open.pop() {
            let result = self
                .deriver
                .store
                .insert_derivations(&derived, &facts)
                .await;
            let Err(error) = result else {
                let count = derived.len() as u64;
                self.deriver
                    .counters
                    .derivations
                    .fetch_add(count, Ordering::Relaxed);
                self.stored.extend(derived.into_iter().map(|one| one.unit));
                continue;
            };
            let is_its_own = matches!(error.class(), ErrorClass::Data | ErrorClass::Halve);
            if is_its_own && derived.len() > 1 {
                let rest = derived.split_off(derived.len() / 2);
                open.extend([rest, derived]);
                continue;
            }
            for one in derived {
                match error.class() {
                    ErrorClass::Data => {
                        let code = error.code().unwrap_or_default();
                        let message = format!("the store refuses its rows (code {code})");
                        self.dies(set, one.unit, "refused", message);
                    }
                    ErrorClass::Halve => self.too_large(set, one.unit, &error),
                    _ => self.unit_again(one.unit, &error),
                }
            }
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

    /// What to derive, as runs of months that are read together, with the endpoints that want that run: the months with news,
    /// and their neighbours that hold something, because an attempt that starts in one month may end in the next.
    async fn reads(&self) -> Result<Vec<Read>, StoreError> {
        let due = self.due;
        let mut runs: BTreeMap<(String, Vec<Month>), Vec<String>> = BTreeMap::new();
        for due in due.chunk_by(|a, b| a.tenant == b.tenant) {
            let tenant = &due[0].tenant;
            let mut months: BTreeMap<&str, BTreeSet<Month>> = BTreeMap::new();
            for due in due {
                months
                    .entry(&due.endpoint)
                    .or_default()
                    .extend(due.news.iter().map(|news| news.unit.month));
            }
            let near: BTreeSet<Month> = months
                .values()
                .flatten()
                .flat_map(|month| [month.before(), month.after()])
                .collect();
            let endpoints: Vec<&str> = months.keys().copied().collect();
            let near: Vec<Month> = near.into_iter().collect();
            for (endpoint, month) in self
                .deriver
                .store
                .known_months(tenant, &endpoints, &near)
                .await?
            {
                let Some(of_endpoint) = months.get_mut(endpoint.as_str()) else {
                    continue;
                };
                let is_neighbour = due
                    .iter()
                    .filter(|due| due.endpoint == endpoint)
                    .flat_map(|due| &due.news)
                    .any(|news| {
                        news.unit.month.before() == month || news.unit.month.after() == month
                    });
                let unit = Unit {
                    tenant: tenant.clone(),
                    endpoint: endpoint.clone(),
                    month,
                };
                if is_neighbour && !self.deriver.dead.has(&unit) {
                    of_endpoint.insert(month);
                }
            }
            for (endpoint, months) in months {
                for run in consecutive(months) {
                    runs.entry((tenant.clone(), run))
                        .or_default()
                        .push(endpoint.to_owned());
                }
            }
        }
        let at_once = self.deriver.reads.endpoints();
        Ok(runs
            .into_iter()
            .flat_map(|((tenant, months), endpoints)| {
                let parts = endpoints.chunks(at_once);
                let parts: Vec<Vec<String>> = parts.map(<[String]>::to_vec).collect();
                parts.into_iter().map(move |endpoints| Read {
                    tenant: tenant.clone(),
                    endpoints,
                    months: months.clone(),
                })
            })
            .collect())
    }
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

fn derive_unit(set: &ActiveSet, unit: &Unit, rows: &UnitRows) -> UnitDerivation {
    let view = rows.unit(set.sequence, unit.month);
    let streams: Vec<StreamFacts> = view.streams.into_iter().filter_map(stream_facts).collect();
    UnitDerivation {
        unit: unit.clone(),
        version: view.version,
        derivation: derive_from(&set.rules, unit, &view.events, &streams),
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

/// What the rows say of the machine.
fn facts_of(tenant: &str, endpoint: &str, rows: &UnitRows) -> EndpointFacts {
    let stack: Option<(LoggedAt, &str)> = rows
        .events
        .iter()
        .filter(|event| event.marker == Marker::StackLoaded)
        .filter_map(|event| Some((event.logged?, event.field("version")?)))
        .max();
    let (first, last) = rows.messages.unzip();
    EndpointFacts {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        host: String::new(),
        servicing_stack: stack.map(|(at, version)| (at, version.to_owned())),
        first: (rows.pieces.iter().filter_map(|piece| piece.first))
            .chain(first)
            .min(),
        last: (rows.pieces.iter().filter_map(|piece| piece.last))
            .chain(last)
            .max(),
    }
}
